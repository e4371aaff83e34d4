/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timer.h"

#include <stdlib.h>

void timers_init(struct timers *t, uint64_t now_ms)
{
	*t = (struct timers){ .now = now_ms };
}

void timers_fini(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ .now = t->now };
}

static void place(struct timers *t, size_t i, struct timer *r)
{
	t->heap[i] = r;
	r->slot = i + 1;
}

static void rise(struct timers *t, size_t i)
{
	struct timer *r = t->heap[i];
	while (i != 0 && t->heap[(i - 1) / 2]->at > r->at) {
		place(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(t, i, r);
}

static void sink(struct timers *t, size_t i)
{
	struct timer *r = t->heap[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= t->n)
			break;
		if (child + 1 < t->n && t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= r->at)
			break;
		place(t, i, t->heap[child]);
		i = child;
	}
	place(t, i, r);
}

static err room(struct timers *t)
{
	if (t->n < t->size)
		return OK;
	size_t size = t->size != 0 ? t->size * 2 : 64;
	struct timer **heap = realloc(t->heap, size * sizeof(struct timer *));
	ENSURE(heap != NULL, NO_MEMORY);
	t->heap = heap;
	t->size = size;
	return OK;
}

err timer_set(struct timers *t, struct timer *r, uint64_t after_ms, void (*fn)(void *arg), void *arg)
{
	r->fn = fn;
	r->arg = arg;
	r->at = after_ms > UINT64_MAX - t->now ? UINT64_MAX : t->now + after_ms;
	if (r->slot == 0) {
		TRY(room(t));
		place(t, t->n++, r);
	}
	rise(t, r->slot - 1);
	sink(t, r->slot - 1);
	return OK;
}

void timer_clear(struct timers *t, struct timer *r)
{
	if (r->slot == 0)
		return;
	size_t i = r->slot - 1;
	struct timer *last = t->heap[--t->n];
	r->slot = 0;
	if (last == r)
		return;
	place(t, i, last);
	rise(t, i);
	sink(t, last->slot - 1);
}

void timers_run(struct timers *t, uint64_t now_ms)
{
	if (now_ms > t->now)
		t->now = now_ms;
	while (t->n != 0 && t->heap[0]->at <= t->now) {
		struct timer *r = t->heap[0];
		timer_clear(t, r);
		r->fn(r->arg);
	}
}

uint64_t timers_next(const struct timers *t)
{
	if (t->n == 0)
		return UINT64_MAX;
	return t->heap[0]->at > t->now ? t->heap[0]->at - t->now : 0;
}
