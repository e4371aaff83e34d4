/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer - a heap of moments. Knows no clock: whoever owns the heap tells it the time (the loop in a process, a script in
 * a test), so that every timeline of RFC 3261 runs on a fake clock.
 */
#ifndef WITAN_BASE_TIMER_H
#define WITAN_BASE_TIMER_H

#include "base/err.h"

struct timers;

struct timer {
	uint64_t at;        /* milliseconds on the heap's clock */
	size_t slot;        /* 1-based place in the heap; 0: not set */
	void (*fn)(void *arg);
	void *arg;
};

struct timers {
	struct timer **heap;
	size_t n, size;
	uint64_t now; /* milliseconds; the last moment told */
};

void timers_init(struct timers *t, uint64_t now_ms);
void timers_fini(struct timers *t);
/* (Re)arms r to call fn(arg) once, `after` milliseconds from t->now. r is the caller's and may live anywhere that does
 * not move. NO_MEMORY: r is not set. */
err timer_set(struct timers *t, struct timer *r, uint64_t after_ms, void (*fn)(void *arg), void *arg);
/* Does nothing to a timer that is not set. */
void timer_clear(struct timers *t, struct timer *r);
static inline bool timer_is_set(const struct timer *r)
{
	return r->slot != 0;
}
/* Tells the time and calls what is due, in order. A callback may set and clear any timer. */
void timers_run(struct timers *t, uint64_t now_ms);
/* Milliseconds until the next one; UINT64_MAX if there is none. */
uint64_t timers_next(const struct timers *t);

#endif
