/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - the one event loop of a process: descriptors, time, signals, and what is put off to the end of the turn. Wraps
 * libuv (poll handles on the descriptor, level-triggered). Nobody else calls libuv for events.
 */
#ifndef WITAN_OS_LOOP_H
#define WITAN_OS_LOOP_H

#include "base/err.h"
#include "base/list.h"
#include "base/timer.h"

#include <uv.h>

struct loop;

/* Also makes the process ignore SIGPIPE: a peer that is gone is an answer of write. */
err loop_new(struct loop **out);
/* Everything opened on it must have been closed and its closed() called. */
void loop_free(struct loop *l);
/* Runs until loop_stop. A turn: what is ready, due timers, then deferred tasks. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* The loop's heap of timers; its clock is monotonic milliseconds, told once a turn. */
struct timers *loop_timers(struct loop *l);
/* Milliseconds, monotonic, of this turn. */
uint64_t loop_now(const struct loop *l);

/* A task that runs once at the end of this turn (deferring again from inside: the next turn). Setting it twice is once. */
struct loop_task {
	struct list node; /* zeroed or removed: not deferred */
	void (*fn)(void *arg);
	void *arg;
};
void loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *arg), void *arg);
/* Takes a task back that has not run yet. */
void loop_undefer(struct loop_task *t);

/* Readiness of one descriptor. The struct lives in its owner; it may be freed only inside `closed`. */
enum { WATCH_READ = 1, WATCH_WRITE = 2 };
struct watch {
	uv_poll_t poll;
	void (*fn)(void *arg, unsigned events); /* events: WATCH_READ, WATCH_WRITE; an error shows as both, a hang-up as what was asked for */
	void (*closed)(void *arg);
	void *arg;
	unsigned events; /* asked for at the moment */
};
/* fd must be non-blocking and stay open until `closed`. Watches nothing until watch_set. */
err watch_open(struct loop *l, struct watch *w, int fd, void (*fn)(void *arg, unsigned events), void *arg);
/* Which events to be told of; 0: none. Cheap when nothing changes. */
void watch_set(struct watch *w, unsigned events);
/* fn is not called any more; closed(arg) is called at the end of the turn or later, never from inside this call. */
void watch_close(struct watch *w, void (*closed)(void *arg));

/* fn(arg) in a turn of the loop after the signal came; for the life of the loop. */
err loop_signal(struct loop *l, int signum, void (*fn)(void *arg), void *arg);

#endif
