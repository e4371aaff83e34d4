/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - memory with a ceiling: an arena for everything that lives as long as one message, and a growing buffer for
 * bytes to be written. Both refuse past their ceiling; neither ever moves or frees single things (the arena) or holds
 * pointers into itself (the buffer).
 */
#ifndef WITAN_BASE_MEM_H
#define WITAN_BASE_MEM_H

#include "base/err.h"
#include "base/str.h"

/* ---- arena ---- */

struct arena_block;
struct arena {
	struct arena_block *blocks; /* newest first */
	char *at, *end;             /* free bytes of the newest block */
	size_t used, ceiling;       /* bytes taken from the system, and their limit */
	uint32_t fail_after;        /* tests: the n-th allocation from now answers NULL; 0: never */
};

/* ceiling in bytes. Takes nothing from the system yet. */
void arena_init(struct arena *a, size_t ceiling);
/* An arena whose first block is the caller's memory (which must outlive it). */
void arena_init_with(struct arena *a, void *first, size_t first_size, size_t ceiling);
/* Frees every block; a may be used again after arena_init. */
void arena_fini(struct arena *a);
/* size bytes aligned for any object, not cleared; NULL past the ceiling. Lives until arena_fini. */
void *arena_alloc(struct arena *a, size_t size);
/* The same, cleared. */
void *arena_zalloc(struct arena *a, size_t size);
/* A copy of s; p is NULL past the ceiling. */
str arena_copy(struct arena *a, str s);

/* The parts one after another; p is NULL past the ceiling. */
str arena_join(struct arena *a, const str *parts, size_t n_parts);
/* v in decimal; p is NULL past the ceiling. */
str arena_decimal(struct arena *a, uint64_t v);

/* ---- buffer ---- */

struct buf {
	char *p;
	size_t n, size, ceiling; /* bytes used, allocated, allowed */
	bool failed;             /* something did not fit: what is there is not whole */
};

void buf_init(struct buf *b, size_t ceiling);
void buf_fini(struct buf *b);
/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);
/* Room for n more bytes at b->p + b->n; false and b->failed past the ceiling or without memory. */
bool buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, str s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v); /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes. */
void buf_drop(struct buf *b, size_t n);

/* What is in it; lives until the next change. Never a null pointer, so that it can be cut. */
static inline str buf_str(const struct buf *b)
{
	return (str){ b->p != NULL ? b->p : "", b->n };
}

#endif
