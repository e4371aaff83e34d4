/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdalign.h>
#include <stdlib.h>

#define ALIGN      alignof(max_align_t)
#define BLOCK_MIN  2048

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t ceiling)
{
	*a = (struct arena){ .ceiling = ceiling };
}

void arena_init_with(struct arena *a, void *first, size_t first_size, size_t ceiling)
{
	size_t skew = (ALIGN - (uintptr_t)first % ALIGN) % ALIGN;
	*a = (struct arena){ .ceiling = ceiling };
	if (first_size > skew) {
		a->at = (char *)first + skew;
		a->end = (char *)first + first_size;
		a->used = first_size;
	}
}

void arena_fini(struct arena *a)
{
	struct arena_block *next;
	for (struct arena_block *b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
	a->at = a->end = NULL;
	a->used = 0;
}

static bool grow(struct arena *a, size_t size)
{
	size_t want = size > BLOCK_MIN ? size : BLOCK_MIN;
	if (a->used + want > a->ceiling) /* the last block may be as small as what is asked for */
		want = size;
	if (want > a->ceiling || a->used > a->ceiling - want)
		return false;
	struct arena_block *b = malloc(sizeof *b + want);
	if (b == NULL)
		return false;
	b->next = a->blocks;
	a->blocks = b;
	a->at = b->bytes;
	a->end = b->bytes + want;
	a->used += want;
	return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (a->fail_after != 0 && --a->fail_after == 0)
		return NULL;
	if (size > SIZE_MAX - ALIGN)
		return NULL;
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (a->at == NULL || (size_t)(a->end - a->at) < size)
		if (!grow(a, size))
			return NULL;
	void *p = a->at;
	a->at += size;
	return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);
	return p != NULL ? memset(p, 0, size) : NULL;
}

str arena_copy(struct arena *a, str s)
{
	char *p = arena_alloc(a, s.n != 0 ? s.n : 1);
	if (p == NULL)
		return (str){ NULL, 0 };
	if (s.n != 0)
		memcpy(p, s.p, s.n);
	return (str){ p, s.n };
}

str arena_join(struct arena *a, const str *parts, size_t n_parts)
{
	size_t n = 0;
	for (size_t i = 0; i < n_parts; i++)
		n += parts[i].n;
	char *p = arena_alloc(a, n != 0 ? n : 1), *at = p;
	if (p == NULL)
		return (str){ NULL, 0 };
	for (size_t i = 0; i < n_parts; at += parts[i++].n)
		if (parts[i].n != 0)
			memcpy(at, parts[i].p, parts[i].n);
	return (str){ p, n };
}

str arena_decimal(struct arena *a, uint64_t v)
{
	char digits[20];
	size_t i = sizeof digits;
	do
		digits[--i] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return arena_copy(a, (str){ digits + i, sizeof digits - i });
}
