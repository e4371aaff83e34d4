/* SPDX-License-Identifier: Apache-2.0 */
#include "os/loop.h"

#include <signal.h>
#include <stdlib.h>

#define IDLE_MS 3600000u /* the longest sleep: the wakeup timer also keeps uv_run from returning at once when nothing is watched */

struct loop_signal {
	uv_signal_t handle;
	struct list node;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	uv_loop_t uv;
	uv_timer_t wakeup;
	struct timers timers;
	struct list tasks;   /* struct loop_task, in the order of deferring */
	struct list signals; /* struct loop_signal */
	bool stopping;
};

static struct loop *loop_of(const uv_loop_t *uv)
{
	return uv->data;
}

err loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));
	ENSURE(l != NULL, NO_MEMORY);
	if (uv_loop_init(&l->uv) != 0) {
		free(l);
		return ERR(SYSTEM);
	}
	signal(SIGPIPE, SIG_IGN);
	l->uv.data = l;
	uv_timer_init(&l->uv, &l->wakeup);
	timers_init(&l->timers, uv_now(&l->uv));
	list_init(&l->tasks);
	list_init(&l->signals);
	*out = l;
	return OK;
}

/* libuv runs timers before it polls and may then sleep without any: one is always left, so that it never sleeps for ever. */
static void on_wakeup(uv_timer_t *t)
{
	uv_timer_start(t, on_wakeup, 1, 0);
}

static bool is_deferred(const struct loop_task *t)
{
	return t->node.next != NULL && t->node.next != &t->node;
}

/* Takes the whole list first, so that what is deferred from inside waits for the next turn. */
static void run_tasks(struct loop *l)
{
	struct list now;
	if (list_is_empty(&l->tasks))
		return;
	list_add_before(&l->tasks, &now);
	list_remove(&l->tasks);
	while (!list_is_empty(&now)) {
		struct loop_task *t = LIST_OF(now.next, struct loop_task, node);
		list_remove(&t->node);
		t->fn(t->arg);
	}
}

static void turn(struct loop *l)
{
	uint64_t ms = timers_next(&l->timers);
	bool is_waiting = ms != 0 && list_is_empty(&l->tasks);
	if (is_waiting)
		uv_timer_start(&l->wakeup, on_wakeup, ms < IDLE_MS ? ms : IDLE_MS, 0);
	uv_run(&l->uv, is_waiting ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	timers_run(&l->timers, uv_now(&l->uv));
	run_tasks(l);
}

void loop_run(struct loop *l)
{
	while (!l->stopping)
		turn(l);
	l->stopping = false;
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
}

static void on_signal_closed(uv_handle_t *h)
{
	free(LIST_OF(h, struct loop_signal, handle));
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	LIST_EACH(it, &l->signals) {
		list_remove(it);
		uv_close((uv_handle_t *)&LIST_OF(it, struct loop_signal, node)->handle, on_signal_closed);
	}
	run_tasks(l);
	uv_close((uv_handle_t *)&l->wakeup, NULL);
	uv_run(&l->uv, UV_RUN_NOWAIT);
	run_tasks(l); /* what a closed() has deferred */
	ASSERT(uv_loop_close(&l->uv) == 0);
	timers_fini(&l->timers);
	free(l);
}

struct timers *loop_timers(struct loop *l)
{
	return &l->timers;
}

uint64_t loop_now(const struct loop *l)
{
	return l->timers.now;
}

void loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *arg), void *arg)
{
	t->fn = fn;
	t->arg = arg;
	if (!is_deferred(t))
		list_add(&l->tasks, &t->node);
}

void loop_undefer(struct loop_task *t)
{
	if (is_deferred(t))
		list_remove(&t->node);
}

/* ---- descriptors ---- */

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct watch *w = LIST_OF(p, struct watch, poll);
	struct loop *l = loop_of(p->loop);
	unsigned ready = 0;

	/* libuv has just taken the time; timers that are set from here count from it. */
	l->timers.now = uv_now(p->loop);
	if (status < 0) {
		/* libuv has stopped watching. The owner did not ask for that, and may not close at once. */
		unsigned wanted = w->events;
		w->events = 0;
		watch_set(w, wanted);
		w->fn(w->arg, WATCH_READ | WATCH_WRITE);
		return;
	}
	ready |= (events & UV_READABLE) != 0 ? WATCH_READ : 0u;
	ready |= (events & UV_WRITABLE) != 0 ? WATCH_WRITE : 0u;
	w->fn(w->arg, ready);
}

err watch_open(struct loop *l, struct watch *w, int fd, void (*fn)(void *arg, unsigned events), void *arg)
{
	*w = (struct watch){ .fn = fn, .arg = arg };
	return uv_poll_init(&l->uv, &w->poll, fd) == 0 ? OK : ERR(SYSTEM);
}

void watch_set(struct watch *w, unsigned events)
{
	int uv = 0;
	if (events == w->events || uv_is_closing((uv_handle_t *)&w->poll))
		return;
	w->events = events;
	uv |= (events & WATCH_READ) != 0 ? UV_READABLE : 0;
	uv |= (events & WATCH_WRITE) != 0 ? UV_WRITABLE : 0;
	if (uv == 0)
		uv_poll_stop(&w->poll);
	else
		uv_poll_start(&w->poll, uv, on_poll);
}

static void on_watch_closed(uv_handle_t *h)
{
	struct watch *w = LIST_OF(h, struct watch, poll);
	if (w->closed != NULL)
		w->closed(w->arg);
}

void watch_close(struct watch *w, void (*closed)(void *arg))
{
	ASSERT(!uv_is_closing((uv_handle_t *)&w->poll));
	w->closed = closed;
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *h, int signum)
{
	struct loop_signal *s = LIST_OF(h, struct loop_signal, handle);
	loop_of(h->loop)->timers.now = uv_now(h->loop);
	s->fn(s->arg);
}

err loop_signal(struct loop *l, int signum, void (*fn)(void *arg), void *arg)
{
	struct loop_signal *s = calloc(1, sizeof(*s));
	ENSURE(s != NULL, NO_MEMORY);
	s->fn = fn;
	s->arg = arg;
	uv_signal_init(&l->uv, &s->handle);
	list_add(&l->signals, &s->node);
	return uv_signal_start(&s->handle, on_signal, signum) == 0 ? OK : ERR(SYSTEM);
}
