/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *make(void)
{
	struct loop *l = NULL;
	assert_false(failed(loop_new(&l)));
	return l;
}

/* What happened, in order. */
struct trace {
	struct loop *loop;
	char s[64];
	struct loop_task task, other;
	struct timer timer;
	struct watch watch;
	int fd[2];
};

static void note(struct trace *t, char c)
{
	size_t n = strlen(t->s);
	assert_true(n + 1 < sizeof(t->s));
	t->s[n] = c;
}

static void on_stop(void *arg)
{
	struct trace *t = arg;
	note(t, 's');
	loop_stop(t->loop);
}

static void on_again(void *arg)
{
	struct trace *t = arg;
	note(t, 'b');
	loop_defer(t->loop, &t->other, on_stop, t);
}

static void on_task(void *arg)
{
	struct trace *t = arg;
	note(t, 'a');
	loop_defer(t->loop, &t->task, on_again, t);
	note(t, 'A');
}

static void tasks(void **state)
{
	struct trace t = { .loop = make() };
	loop_defer(t.loop, &t.task, on_task, &t);
	loop_defer(t.loop, &t.task, on_task, &t); /* twice is once */
	loop_run(t.loop);
	assert_string_equal(t.s, "aAbs");
	loop_defer(t.loop, &t.task, on_task, &t);
	loop_undefer(&t.task);
	loop_undefer(&t.task);
	loop_defer(t.loop, &t.other, on_stop, &t);
	loop_run(t.loop);
	assert_string_equal(t.s, "aAbss");
	loop_free(t.loop);
}

/* One task takes back the other of the same turn. */
static void on_take_back(void *arg)
{
	struct trace *t = arg;
	note(t, 'x');
	loop_undefer(&t->other);
	loop_defer(t->loop, &t->task, on_stop, t);
}

static void taken_back_within_the_turn(void **state)
{
	struct trace t = { .loop = make() };
	loop_defer(t.loop, &t.task, on_take_back, &t);
	loop_defer(t.loop, &t.other, on_again, &t);
	loop_run(t.loop);
	assert_string_equal(t.s, "xs");
	loop_free(t.loop);
}

static void on_timer(void *arg)
{
	struct trace *t = arg;
	note(t, 't');
	loop_stop(t->loop);
}

static void timers(void **state)
{
	struct trace t = { .loop = make() };
	uint64_t begin = loop_now(t.loop);
	assert_false(failed(timer_set(loop_timers(t.loop), &t.timer, 30, on_timer, &t)));
	loop_run(t.loop);
	assert_string_equal(t.s, "t");
	assert_in_range(loop_now(t.loop) - begin, 30, 2000);
	assert_false(failed(timer_set(loop_timers(t.loop), &t.timer, 0, on_timer, &t)));
	loop_run(t.loop);
	assert_string_equal(t.s, "tt");
	loop_free(t.loop);
}

static void on_closed(void *arg)
{
	struct trace *t = arg;
	note(t, 'c');
	close(t->fd[0]);
	loop_stop(t->loop);
}

static void on_ready(void *arg, unsigned events)
{
	struct trace *t = arg;
	char byte;
	note(t, events == WATCH_READ ? 'r' : events == WATCH_WRITE ? 'w' : 'e');
	if (events == WATCH_WRITE) {
		watch_set(&t->watch, WATCH_READ);
		assert_int_equal(write(t->fd[1], "12", 2), 2);
		return;
	}
	if (read(t->fd[0], &byte, 1) == 1) {
		note(t, byte);
		if (byte == '2')
			close(t->fd[1]);
		return;
	}
	watch_close(&t->watch, on_closed);
	note(t, 'C');
}

static void readiness(void **state)
{
	struct trace t = { .loop = make() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, t.fd), 0);
	assert_false(failed(watch_open(t.loop, &t.watch, t.fd[0], on_ready, &t)));
	watch_set(&t.watch, WATCH_WRITE);
	loop_run(t.loop);
	/* Level-triggered: told once for each byte left; then the end of the stream; closed() comes after its close. */
	assert_string_equal(t.s, "wr1r2rCc");
	loop_free(t.loop);
}

/* Watching nothing is told nothing; closing a watch that is ready is told no more. */
static void silence(void **state)
{
	struct trace t = { .loop = make() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, t.fd), 0);
	assert_int_equal(write(t.fd[1], "1", 1), 1);
	assert_false(failed(watch_open(t.loop, &t.watch, t.fd[0], on_ready, &t)));
	watch_set(&t.watch, WATCH_READ);
	watch_set(&t.watch, 0);
	assert_false(failed(timer_set(loop_timers(t.loop), &t.timer, 5, on_timer, &t)));
	loop_run(t.loop);
	assert_string_equal(t.s, "t");
	watch_set(&t.watch, WATCH_READ);
	watch_close(&t.watch, on_closed);
	assert_string_equal(t.s, "t");
	loop_run(t.loop);
	assert_string_equal(t.s, "tc");
	close(t.fd[1]);
	loop_free(t.loop);
}

static void on_kick(void *arg)
{
	raise(SIGUSR1);
}

static void signals(void **state)
{
	struct trace t = { .loop = make() };
	assert_false(failed(loop_signal(t.loop, SIGUSR1, on_stop, &t)));
	loop_defer(t.loop, &t.task, on_kick, &t);
	loop_run(t.loop);
	assert_string_equal(t.s, "s");
	loop_free(t.loop);
}

/* A write to a peer that is gone is an answer, not the end of the process. */
static void no_sigpipe(void **state)
{
	struct trace t = { .loop = make() };
	assert_int_equal(pipe(t.fd), 0);
	close(t.fd[0]);
	assert_int_equal(write(t.fd[1], "x", 1), -1);
	close(t.fd[1]);
	loop_free(t.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks), cmocka_unit_test(taken_back_within_the_turn), cmocka_unit_test(timers), cmocka_unit_test(readiness),
		cmocka_unit_test(silence), cmocka_unit_test(signals), cmocka_unit_test(no_sigpipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
