/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - an intrusive hash table from a byte string to its owner. Keyed SipHash-1-3, so that a peer who chooses the
 * names cannot choose their buckets. Grows by doubling; never shrinks; the nodes never move.
 */
#ifndef WITAN_BASE_MAP_H
#define WITAN_BASE_MAP_H

#include "base/err.h"
#include "base/str.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t n, n_buckets;
	uint64_t k0, k1;
	str (*key)(const struct map_node *); /* the node's key, read back from its owner */
};

/* type may be const. */
#define MAP_OF(node, type, member) ((type *)((uintptr_t)(node) - offsetof(type, member)))

/* The hash key is drawn from the system. */
void map_init(struct map *m, str (*key)(const struct map_node *));
/* Frees the table, not the nodes. */
void map_fini(struct map *m);
/* NULL if there is none. */
struct map_node *map_find(const struct map *m, str key);
/* The key must not be in the table yet, and must not change while it is. NO_MEMORY only for a table without any bucket. */
err map_add(struct map *m, struct map_node *n);
/* n must be in m. */
void map_remove(struct map *m, struct map_node *n);
/* fn may remove the node it is given, and no other. */
void map_each(struct map *m, void (*fn)(void *arg, struct map_node *n), void *arg);

uint64_t siphash(uint64_t k0, uint64_t k1, str s);

#endif
