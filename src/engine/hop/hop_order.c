/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hop/hop_priv.h"

#include <stdlib.h>

static uint32_t rank(const struct dns_record *r)
{
	return (uint32_t)r->priority << 16 | r->weight;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = rank(a), y = rank(b);
	return (x > y) - (x < y);
}

void hop_order_naptr(struct dns_record *records, size_t n)
{
	if (n != 0)
		qsort(records, n, sizeof(*records), compare);
}

static void swap(struct dns_record *a, struct dns_record *b)
{
	struct dns_record old = *a;
	*a = *b;
	*b = old;
}

/* Which of n records of one priority is next. Those of weight 0 stand first, so that they are chosen only by a 0. */
static size_t choose(const struct dns_record *r, size_t n, uint32_t random)
{
	uint32_t sum = 0, at = 0;
	for (size_t i = 0; i < n; i++)
		sum += r[i].weight;
	uint32_t aim = random % (sum + 1);
	for (size_t i = 0; i < n; i++) {
		at += r[i].weight;
		if (at >= aim)
			return i;
	}
	return n - 1;
}

void hop_order_srv(struct dns_record *records, size_t n, uint32_t (*random)(void *arg), void *arg)
{
	hop_order_naptr(records, n); /* by priority and weight: the weightless first */
	for (size_t i = 0; i < n; i++) {
		size_t same = 1;
		while (i + same < n && records[i + same].priority == records[i].priority)
			same++;
		size_t chosen = i + choose(records + i, same, random(arg));
		/* Moves up; those between keep their order. */
		for (; chosen > i; chosen--)
			swap(&records[chosen], &records[chosen - 1]);
	}
}
