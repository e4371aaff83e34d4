/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein): a hash for tables, not a message code. */
uint64_t siphash(uint64_t k0, uint64_t k1, str s)
{
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
		k1 ^ 0x7465646279746573u };
	uint64_t word;
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		memcpy(&word, s.p + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)s.n << 56;
	for (int shift = 0; i < s.n; i++, shift += 8)
		word |= (uint64_t)(unsigned char)s.p[i] << shift;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int r = 0; r < 3; r++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, str (*key)(const struct map_node *))
{
	*m = (struct map){ .key = key };
	uint64_t k[2] = { 0, 0 };
	ASSERT(getrandom(k, sizeof k, 0) == (ssize_t)sizeof k);
	m->k0 = k[0];
	m->k1 = k[1];
}

void map_fini(struct map *m)
{
	free(m->buckets);
	m->buckets = NULL;
	m->n = m->n_buckets = 0;
}

struct map_node *map_find(const struct map *m, str key)
{
	if (m->n == 0)
		return NULL;
	uint64_t hash = siphash(m->k0, m->k1, key);
	struct map_node *n = m->buckets[hash & (m->n_buckets - 1)];
	while (n != NULL && !(n->hash == hash && str_eq(m->key(n), key)))
		n = n->next;
	return n;
}

static void put(struct map *m, struct map_node *n)
{
	struct map_node **b = &m->buckets[n->hash & (m->n_buckets - 1)];
	n->next = *b;
	*b = n;
}

static void grow(struct map *m)
{
	size_t old_n = m->n_buckets, new_n = old_n != 0 ? old_n * 2 : 16;
	struct map_node **old = m->buckets, **fresh = calloc(new_n, sizeof(struct map_node *));
	if (fresh == NULL)
		return; /* fuller buckets are slower, not wrong */
	m->buckets = fresh;
	m->n_buckets = new_n;
	for (size_t i = 0; i < old_n; i++) {
		struct map_node *next;
		for (struct map_node *n = old[i]; n != NULL; n = next) {
			next = n->next;
			put(m, n);
		}
	}
	free(old);
}

err map_add(struct map *m, struct map_node *n)
{
	if (m->n >= m->n_buckets)
		grow(m);
	ENSURE(m->n_buckets != 0, NO_MEMORY);
	n->hash = siphash(m->k0, m->k1, m->key(n));
	put(m, n);
	m->n++;
	return OK;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at = &m->buckets[n->hash & (m->n_buckets - 1)];
	while (*at != n) {
		ASSERT(*at != NULL);
		at = &(*at)->next;
	}
	*at = n->next;
	n->next = NULL;
	m->n--;
}

void map_each(struct map *m, void (*fn)(void *arg, struct map_node *n), void *arg)
{
	for (size_t i = 0; i < m->n_buckets; i++) {
		struct map_node *next;
		for (struct map_node *n = m->buckets[i]; n != NULL; n = next) {
			next = n->next;
			fn(arg, n);
		}
	}
}
