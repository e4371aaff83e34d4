/* SPDX-License-Identifier: Apache-2.0 */
#include "os/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- messages: every row, filled with values that differ ---- */

static uint64_t seed;
static char text[3000];

static uint64_t next(void)
{
	return seed = seed * 6364136223846793005u + 1442695040888963407u;
}

static void fill_U8(uint8_t *v)
{
	*v = (uint8_t)(next() >> 56);
}

static void fill_U16(uint16_t *v)
{
	*v = (uint16_t)(next() >> 48);
}

static void fill_U32(uint32_t *v)
{
	*v = (uint32_t)(next() >> 32);
}

static void fill_U64(uint64_t *v)
{
	*v = next();
}

static void fill_STR(str *v)
{
	uint64_t r = next() >> 33;
	*v = (str){ text + r % 100, r % 7 == 0 ? 0 : r % (sizeof text - 100) };
}

#define SAME_U8(a, b)  assert_int_equal(a, b)
#define SAME_U16(a, b) assert_int_equal(a, b)
#define SAME_U32(a, b) assert_int_equal(a, b)
#define SAME_U64(a, b) assert_int_equal(a, b)
#define SAME_STR(a, b) assert_true(str_eq(a, b))

#define FILL(kind, field) fill_##kind(&in.field);
#define SAME(kind, field) SAME_##kind(in.field, out.field);

/* Whole, cut at every length, and one byte longer. */
#define IPC_MSG(NAME, name)                                                                            \
	static void check_##name(struct buf *b)                                                        \
	{                                                                                              \
		struct ipc_##name in = { 0 }, out;                                                     \
		IPC_FIELDS_##NAME(FILL) buf_reset(b);                                                  \
		ipc_##name##_print(&in, b);                                                            \
		assert_false(b->failed);                                                               \
		assert_false(failed(ipc_##name##_parse(&out, buf_str(b))));                            \
		IPC_FIELDS_##NAME(SAME) for (size_t n = 0; n < b->n; n++)                              \
		{                                                                                      \
			char *cut = malloc(n + 1);                                                     \
			memcpy(cut, b->p, n);                                                          \
			assert_true(err_is(ipc_##name##_parse(&out, (str){ cut, n }), ERR_MALFORMED)); \
			free(cut);                                                                     \
		}                                                                                      \
		buf_add_char(b, 'x');                                                                  \
		assert_true(err_is(ipc_##name##_parse(&out, buf_str(b)), ERR_MALFORMED));              \
	}
#include "os/ipc.def"
#undef IPC_MSG

static void messages_come_back_as_they_went(void **state)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, IPC_BODY_MAX);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)next();
	for (int round = 0; round < 3; round++) {
#define IPC_MSG(NAME, name) check_##name(&b);
#include "os/ipc.def"
#undef IPC_MSG
	}
}

static void lengths_that_lie_are_refused(void **state)
{
	/* a string that claims 4 GiB, and one that claims a byte more than there is */
	static const char much[] = "\xff\xff\xff\xff"
				   "abc",
			  more[] = "\x04\0\0\0"
				   "abc";
	struct ipc_auth_ok m;
	assert_true(err_is(ipc_auth_ok_parse(&m, (str){ much, sizeof much - 1 }), ERR_MALFORMED));
	assert_true(err_is(ipc_auth_ok_parse(&m, (str){ more, sizeof more - 1 }), ERR_MALFORMED));
	assert_true(err_is(ipc_ready_parse(&(struct ipc_ready){ 0 }, STR("x")), ERR_MALFORMED));
}

static void types_have_names(void **state)
{
	assert_string_equal(ipc_type_name(IPC_SIGNED), "SIGNED");
	assert_string_equal(ipc_type_name(IPC_N), "?");
}

/* ---- channels ---- */

struct side {
	struct loop *loop;
	struct ipc *c;
	struct buf seen; /* bodies of TRACE messages, or "type;" */
	unsigned n, n_fds, stop_at;
	bool closed, refuse;
	int last_fd;
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct side *s = arg;
	assert_ptr_equal(from, s->c);
	s->n++;
	if (fd >= 0) {
		s->n_fds++;
		if (s->last_fd >= 0)
			close(s->last_fd);
		s->last_fd = fd;
	}
	if (type == IPC_AUTH_OK) {
		struct ipc_auth_ok m;
		TRY(ipc_auth_ok_parse(&m, body));
		buf_add(&s->seen, m.aor);
	}
	if (s->n == s->stop_at)
		loop_stop(s->loop);
	return s->refuse ? ERR(REFUSED) : OK;
}

static void on_close(void *arg, struct ipc *from)
{
	struct side *s = arg;
	s->closed = true;
	s->c = NULL;
	loop_stop(s->loop);
}

static const struct ipc_door door = { on_message, on_close };

static void on_time(void *arg)
{
	fail_msg("nothing came in time");
}

static void run(struct loop *l)
{
	struct timer t = { 0 };
	assert_false(failed(timer_set(loop_timers(l), &t, 5000, on_time, NULL)));
	loop_run(l);
	timer_clear(loop_timers(l), &t);
}

static void pause_over(void *arg)
{
	loop_stop(arg);
}

static void run_a_while(struct loop *l, unsigned ms)
{
	struct timer t = { 0 };
	assert_false(failed(timer_set(loop_timers(l), &t, ms, pause_over, l)));
	loop_run(l);
	timer_clear(loop_timers(l), &t);
}

struct pair {
	struct loop *l;
	struct side a, b;
	int raw; /* the other end of `a` where there is no `b` */
};

static void side_open(struct pair *p, struct side *s, int fd)
{
	*s = (struct side){ .loop = p->l, .last_fd = -1 };
	buf_init(&s->seen, 1 << 24);
	assert_false(failed(ipc_open(p->l, fd, &door, s, &s->c)));
}

static void pair_open(struct pair *p, bool both)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*p = (struct pair){ .raw = -1 };
	assert_false(failed(loop_new(&p->l)));
	side_open(p, &p->a, fds[0]);
	if (both)
		side_open(p, &p->b, fds[1]);
	else
		p->raw = fds[1];
}

static void side_close(struct side *s)
{
	ipc_close(s->c);
	buf_fini(&s->seen);
	if (s->last_fd > 0)
		close(s->last_fd);
}

static void pair_close(struct pair *p)
{
	side_close(&p->a);
	if (p->b.loop != NULL)
		side_close(&p->b);
	if (p->raw >= 0)
		close(p->raw);
	run_a_while(p->l, 1);
	loop_free(p->l);
}

static void messages_keep_their_order(void **state)
{
	struct pair p;
	char aor[16];
	struct buf want DEFER(buf_fini) = { 0 };
	pair_open(&p, true);
	buf_init(&want, 1 << 20);
	p.b.stop_at = 5000;
	for (int i = 0; i < 5000; i++) {
		int n = snprintf(aor, sizeof aor, "%d,", i);
		assert_false(failed(ipc_send_auth_ok(p.a.c, &(struct ipc_auth_ok){ .aor = { aor, (size_t)n } }, -1)));
		buf_add(&want, (str){ aor, (size_t)n });
	}
	assert_true(ipc_queued(p.a.c) > want.n);
	run(p.l);
	assert_true(str_eq(buf_str(&p.b.seen), buf_str(&want)));
	assert_int_equal(ipc_queued(p.a.c), 0);
	pair_close(&p);
}

static void large_bodies_arrive_whole(void **state)
{
	struct pair p;
	char *big = malloc(IPC_BODY_MAX);
	memset(big, 'b', IPC_BODY_MAX);
	pair_open(&p, true);
	p.b.stop_at = 6;
	for (int i = 0; i < 6; i++)
		assert_false(
			failed(ipc_send_auth_ok(p.a.c, &(struct ipc_auth_ok){ .aor = { big, IPC_BODY_MAX - 4 } }, -1)));
	run(p.l);
	assert_int_equal(p.b.seen.n, 6 * (IPC_BODY_MAX - 4));
	/* one byte more than a body may have */
	assert_true(err_is(
		ipc_send_auth_ok(p.a.c, &(struct ipc_auth_ok){ .aor = { big, IPC_BODY_MAX - 3 } }, -1), ERR_CEILING));
	free(big);
	pair_close(&p);
}

static void descriptors_arrive_with_their_message(void **state)
{
	struct pair p;
	pair_open(&p, true);
	p.b.stop_at = 60;
	for (int i = 0; i < 20; i++) {
		int fds[2];
		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], "hello", 5), 5);
		close(fds[1]);
		assert_false(failed(ipc_send_start(p.a.c, &(struct ipc_start){ 0 }, -1)));
		assert_false(failed(
			ipc_send_channel(p.a.c, &(struct ipc_channel){ .role = STR("front"), .index = 1 }, fds[0])));
		assert_false(failed(ipc_send_auth_ok(p.a.c, &(struct ipc_auth_ok){ .aor = STR("x") }, -1)));
	}
	run(p.l);
	assert_int_equal(p.b.n_fds, 20);
	char got[8];
	assert_int_equal(read(p.b.last_fd, got, sizeof got), 5);
	pair_close(&p);
}

/* Every frame in pieces of one byte, as a slow writer would send it. */
static void partial_frames_wait_for_the_rest(void **state)
{
	struct pair p;
	static const char frame[] = "\x05\0\0\0"
				    "\x11\0"
				    "\x01\0\0\0"
				    "q";
	assert_int_equal(frame[4], IPC_AUTH_OK);
	pair_open(&p, false);
	for (size_t i = 0; i < 2 * (sizeof frame - 1); i++) {
		assert_int_equal(write(p.raw, frame + i % (sizeof frame - 1), 1), 1);
		run_a_while(p.l, 1);
	}
	assert_false(p.a.closed);
	assert_int_equal(p.a.n, 2);
	assert_true(str_eq(buf_str(&p.a.seen), STR("qq")));
	pair_close(&p);
}

static void broken_frames_close_the_channel(void **state)
{
	static const str rows[] = {
		STR("\x05\0\0\0"
		    "\xff\xff"
		    "\x01\0\0\0"
		    "q"), /* no such type */
		STR("\x01\0\x10\0"
		    "\x11\0"), /* longer than a body may be */
		STR("\xff\xff\xff\xff"
		    "\x11\0"),
		STR("\x05\0\0\0"
		    "\x11\0"
		    "\x02\0\0\0"
		    "q"), /* a field cut off */
		STR("\x06\0\0\0"
		    "\x11\0"
		    "\x01\0\0\0"
		    "qq"), /* bytes left over */
		STR("\x08\0\0\0"
		    "\x01\0"
		    "\x01\0\0\0"
		    "q\0\0\0"), /* CHANNEL without a descriptor */
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pair p;
		pair_open(&p, false);
		assert_int_equal(write(p.raw, rows[i].p, rows[i].n), (ssize_t)rows[i].n);
		run(p.l);
		assert_true(p.a.closed);
		pair_close(&p);
	}
}

static void descriptors_nobody_asked_for_close_the_channel(void **state)
{
	struct pair p;
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = {
		.h = { .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS }
	};
	static char frame[] = "\x05\0\0\0"
			      "\x11\0"
			      "\x01\0\0\0"
			      "q";
	struct iovec v = { frame, sizeof frame - 1 };
	for (unsigned n = 1; n <= 2; n++) {
		int fds[2] = { 0, 0 };
		memcpy(CMSG_DATA(&control.h), fds, sizeof fds);
		control.h.cmsg_len = CMSG_LEN(n * sizeof(int));
		struct msghdr m = { .msg_iov = &v,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = CMSG_SPACE(n * sizeof(int)) };
		pair_open(&p, false);
		assert_int_equal(sendmsg(p.raw, &m, 0), (ssize_t)v.iov_len);
		run(p.l);
		assert_true(p.a.closed);
		pair_close(&p);
	}
}

static void a_refused_message_closes_the_channel(void **state)
{
	struct pair p;
	pair_open(&p, true);
	p.b.refuse = true;
	assert_false(failed(ipc_send_start(p.a.c, &(struct ipc_start){ 0 }, -1)));
	run(p.l);
	if (!p.a.closed)
		run(p.l);
	assert_true(p.a.closed && p.b.closed);
	pair_close(&p);
}

static void what_was_sent_before_the_end_arrives(void **state)
{
	struct pair p;
	pair_open(&p, true);
	assert_false(failed(ipc_send_start(p.a.c, &(struct ipc_start){ 0 }, -1)));
	ipc_close(p.a.c);
	p.a.c = NULL;
	run(p.l);
	assert_int_equal(p.b.n, 1);
	assert_true(p.b.closed);
	pair_close(&p);
}

static void a_peer_that_does_not_read_meets_the_ceiling(void **state)
{
	struct pair p;
	static char chunk[1 << 19];
	err e = OK;
	pair_open(&p, false);
	size_t n = 0;
	while (!failed(e) && n < 1000) {
		e = ipc_send_auth_ok(p.a.c, &(struct ipc_auth_ok){ .aor = { chunk, sizeof chunk } }, -1);
		n++;
		if (n == 20)
			run_a_while(p.l, 5);
	}
	assert_true(err_is(e, ERR_CEILING));
	assert_true(ipc_queued(p.a.c) <= IPC_QUEUE_MAX);
	assert_false(p.a.closed); /* not from inside the call */
	assert_true(err_is(ipc_send_start(p.a.c, &(struct ipc_start){ 0 }, -1), ERR_CLOSED));
	run(p.l);
	assert_true(p.a.closed);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_back_as_they_went),
		cmocka_unit_test(lengths_that_lie_are_refused),
		cmocka_unit_test(types_have_names),
		cmocka_unit_test(messages_keep_their_order),
		cmocka_unit_test(large_bodies_arrive_whole),
		cmocka_unit_test(descriptors_arrive_with_their_message),
		cmocka_unit_test(partial_frames_wait_for_the_rest),
		cmocka_unit_test(broken_frames_close_the_channel),
		cmocka_unit_test(descriptors_nobody_asked_for_close_the_channel),
		cmocka_unit_test(a_refused_message_closes_the_channel),
		cmocka_unit_test(what_was_sent_before_the_end_arrives),
		cmocka_unit_test(a_peer_that_does_not_read_meets_the_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
