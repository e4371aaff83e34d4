/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over loopback TCP in one loop: framing, pings, refusals, and every ceiling. (TLS: os/tls has its own tests.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/conn.h"

#define MESSAGE(cseq, body, length)                                                             \
	"MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK" cseq ";rport\r\n" \
	"From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>\r\nCall-ID: c\r\n"          \
	"CSeq: " cseq " MESSAGE\r\nMax-Forwards: 70\r\nContent-Length: " length "\r\n\r\n" body

struct world {
	struct loop *loop;
	struct conns *conns;
	struct meter meter;
	struct conns_config config;
	int listener;
	struct addr where;
	int got, closed;
	char body[256], via_params[128];
	struct flow flow;
	bool trust, echo;
	struct timer stop;
};

static void on_message(void *arg, struct conn *c, struct inbound *in)
{
	struct world *w = arg;
	w->got++;
	(void)str_to_z(in->msg.body, w->body, sizeof w->body);
	(void)str_to_z(in->via_params, w->via_params, sizeof w->via_params);
	w->flow = conn_flow(c);
	if (w->trust)
		conn_set_trusted(c);
	if (w->echo)
		(void)failed(conn_send(w->conns, &w->flow, in->msg.raw));
}

static void on_close(void *arg, struct conn *c)
{
	struct world *w = arg;
	(void)c;
	w->closed++;
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct addr any;
	struct diag d;
	assert_non_null(w);
	assert_false(failed(loop_new(&w->loop)));
	w->config = (struct conns_config){ .loop = w->loop, .meter = &w->meter, .door = { on_message, on_close }, .arg = w,
		.limits = { .sip = { .message = 8192, .header = 4096, .body = 4096, .fields = 20 }, .total = 100, .per_address = 50,
			.handshakes = 10, .handshake_ms = 1000, .unauthenticated_ms = 1000, .message_ms = 300, .idle_ms = 1000,
			.queue = 65536 } };
	assert_false(failed(conns_new(&w->config, &w->conns)));
	assert_false(failed(addr_parse(STR("127.0.0.1"), 0, &any)));
	assert_false(failed(net_listen(&any, 64, &w->listener, &d)));
	assert_false(failed(net_local(w->listener, &w->where)));
	assert_false(failed(conns_listen(w->conns, w->listener, false)));
	*state = w;
	return 0;
}

static void stop(void *arg)
{
	struct world *w = arg;
	loop_stop(w->loop);
}

/* Lets the loop live for a while. */
static void live(struct world *w, uint32_t ms)
{
	assert_false(failed(timer_set(loop_timers(w->loop), &w->stop, ms, stop, w)));
	loop_run(w->loop);
}

static int close_world(void **state)
{
	struct world *w = *state;
	conns_stop_listening(w->conns);
	live(w, 5);
	conns_free(w->conns);
	live(w, 5);
	loop_free(w->loop);
	free(w);
	return 0;
}

static int dial(struct world *w)
{
	int fd;
	assert_false(failed(net_connect(&w->where, &fd)));
	live(w, 5);
	assert_false(failed(net_connected(fd)));
	return fd;
}

static void say(int fd, str s)
{
	size_t n;
	assert_false(failed(net_write(fd, s, &n)));
	assert_int_equal(n, s.n);
}

/* What the server has said until now; "" nothing, "END" it has closed. */
static const char *hear(struct world *w, int fd, char *out, size_t size)
{
	size_t n = 0;
	live(w, 20);
	err e = net_read(fd, out, size - 1, &n);
	out[failed(e) ? 0 : n] = '\0';
	return err_is(e, ERR_CLOSED) ? "END" : out;
}

static void whole_and_in_pieces(void **state)
{
	struct world *w = *state;
	int fd = dial(w);
	str m = STR(MESSAGE("1", "hello", "5"));
	say(fd, m);
	live(w, 20);
	assert_int_equal(w->got, 1);
	assert_string_equal(w->body, "hello");
	assert_non_null(strstr(w->via_params, ";received=127.0.0.1;rport="));
	for (size_t i = 0; i < m.n; i++) {
		say(fd, str_cut(m, i, i + 1));
		if (i % 16 == 0)
			live(w, 1);
	}
	live(w, 20);
	assert_int_equal(w->got, 2);
	say(fd, STR(MESSAGE("3", "one", "3") MESSAGE("4", "two", "3") "\r\n" MESSAGE("5", "three", "5")));
	live(w, 20);
	assert_int_equal(w->got, 5);
	assert_string_equal(w->body, "three");
	close(fd);
	live(w, 20);
	assert_int_equal(w->closed, 1);
	assert_int_equal(conns_count(w->conns), 0);
}

static void pings(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = dial(w);
	say(fd, STR("\r\n\r\n"));
	assert_string_equal(hear(w, fd, text, sizeof text), "\r\n");
	for (int i = 0; i < 4; i++) {
		say(fd, str_cut(STR("\r\n\r\n"), (size_t)i, (size_t)i + 1));
		live(w, 2);
	}
	assert_string_equal(hear(w, fd, text, sizeof text), "\r\n");
	say(fd, STR("\r\n\r\n\r\n\r\n" MESSAGE("1", "", "0") "\r\n\r\n"));
	assert_string_equal(hear(w, fd, text, sizeof text), "\r\n\r\n\r\n");
	assert_int_equal(w->got, 1);
	close(fd);
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *answer;
		bool ends;
	} rows[] = {
		/* a field is missing: answered, the stream goes on */
		{ "MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:b@b>\r\n"
		  "Call-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", "SIP/2.0 400 ", false },
		{ MESSAGE("1", "", "-1"), "SIP/2.0 400 ", true },
		{ MESSAGE("1", "", "9999"), "SIP/2.0 413 ", true },
		{ "nonsense\r\n\r\n", "", true },
	};
	struct world *w = *state;
	char text[2048];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int fd = dial(w);
		say(fd, str_of(rows[i].text));
		const char *heard = hear(w, fd, text, sizeof text);
		if (strncmp(heard, rows[i].answer, strlen(rows[i].answer)) != 0)
			fail_msg("row %zu: heard %s", i, heard);
		bool ended = strcmp(heard, "END") == 0 || strcmp(hear(w, fd, text, sizeof text), "END") == 0;
		assert_int_equal(ended, rows[i].ends);
		close(fd);
	}
	assert_int_equal(w->got, 0);
}

static void too_many_fields(void **state)
{
	struct world *w = *state;
	char text[4096], heard[2048];
	int n = snprintf(text, sizeof text, "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\n"
		"To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n");
	for (int i = 0; i < 30; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "X-%d: y\r\n", i);
	n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
	int fd = dial(w);
	say(fd, (str){ text, (size_t)n });
	assert_int_equal(strncmp(hear(w, fd, heard, sizeof heard), "SIP/2.0 513 ", 12), 0);
	close(fd);
}

static void silence_ends(void **state)
{
	struct world *w = *state;
	char text[64];
	int quiet = dial(w);
	w->trust = true;
	int slow = dial(w);
	say(slow, STR(MESSAGE("1", "", "0")));
	live(w, 20);
	say(slow, STR("MESSAGE sip:"));
	live(w, 500); /* over message_ms, below the others */
	assert_string_equal(hear(w, slow, text, sizeof text), "END");
	assert_string_equal(hear(w, quiet, text, sizeof text), "");
	live(w, 700); /* over unauthenticated_ms */
	assert_string_equal(hear(w, quiet, text, sizeof text), "END");
	assert_int_equal(meter_get(&w->meter, METER_CONN_SLOW), 1);
	assert_int_equal(meter_get(&w->meter, METER_CONN_IDLE), 1);
	close(slow);
	close(quiet);
}

static void a_message_cannot_be_stretched(void **state)
{
	struct world *w = *state;
	char text[64];
	w->trust = true;
	int fd = dial(w);
	say(fd, STR(MESSAGE("1", "", "0")));
	str m = STR(MESSAGE("2", "", "0"));
	bool ended = false;
	for (size_t i = 0; i < m.n && !ended; i++) { /* a byte now and then does not move the deadline */
		size_t n;
		ended = failed(net_write(fd, str_cut(m, i, i + 1), &n)) || strcmp(hear(w, fd, text, sizeof text), "END") == 0;
	}
	assert_true(ended);
	assert_int_equal(w->got, 1);
	close(fd);
}

static void a_peer_that_does_not_read(void **state)
{
	struct world *w = *state;
	w->trust = true;
	int fd = dial(w);
	say(fd, STR(MESSAGE("1", "", "0")));
	live(w, 20);
	char block[16384];
	memset(block, 'x', sizeof block);
	err e = OK;
	for (int i = 0; i < 4000 && !failed(e); i++) {
		e = conn_send(w->conns, &w->flow, (str){ block, sizeof block });
		if (i % 2 == 0)
			live(w, 1);
	}
	assert_true(err_is(e, ERR_SIP_FLOW_FAILED));
	live(w, 10);
	assert_int_equal(w->closed, 1);
	assert_int_equal(meter_get(&w->meter, METER_CONN_QUEUE), 1);
	close(fd);
}

static void ceilings_of_connections(void **state)
{
	struct world *w = *state;
	char text[64];
	int fds[8];
	struct conn_limits limits = w->config.limits;
	limits.per_address = 5;
	conns_set_limits(w->conns, &limits);
	for (size_t i = 0; i < 8; i++)
		fds[i] = dial(w);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(hear(w, fds[i], text, sizeof text), i < 5 ? "" : "END");
	assert_int_equal(meter_get(&w->meter, METER_CONN_REFUSED_ADDRESS), 3);
	close(fds[0]);
	live(w, 20);
	int again = dial(w);
	assert_string_equal(hear(w, again, text, sizeof text), "");
	limits.total = 5;
	conns_set_limits(w->conns, &limits);
	int full = dial(w);
	assert_string_equal(hear(w, full, text, sizeof text), "END");
	assert_int_equal(meter_get(&w->meter, METER_CONN_REFUSED_TOTAL), 1);
	for (size_t i = 1; i < 8; i++)
		close(fds[i]);
	close(again);
	close(full);
}

static void names_are_not_used_again(void **state)
{
	struct world *w = *state;
	int fd = dial(w);
	say(fd, STR(MESSAGE("1", "", "0")));
	live(w, 20);
	struct flow old = w->flow;
	assert_non_null(conn_find(w->conns, &old));
	close(fd);
	live(w, 20);
	assert_null(conn_find(w->conns, &old));
	fd = dial(w);
	say(fd, STR(MESSAGE("1", "", "0")));
	live(w, 20);
	assert_int_equal(w->flow.slot, old.slot);
	assert_false(flow_eq(&w->flow, &old));
	assert_true(err_is(conn_send(w->conns, &old, STR("x")), ERR_SIP_FLOW_FAILED));
	struct flow elsewhere = w->flow;
	elsewhere.front = 7;
	assert_null(conn_find(w->conns, &elsewhere));
	close(fd);
}

static void our_own_connections(void **state)
{
	struct world *w = *state;
	struct flow out;
	w->trust = w->echo = true; /* what arrives goes back: through a connection that the server itself has made */
	assert_false(failed(conns_connect(w->conns, &w->where, false, STR("next"), &out)));
	assert_false(failed(conn_send(w->conns, &out, STR(MESSAGE("1", "once", "4")))));
	w->echo = false;
	live(w, 50);
	assert_int_equal(w->got, 1);
	assert_string_equal(w->body, "once");
	assert_false(flow_eq(&out, &w->flow));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(whole_and_in_pieces), TEST(pings), TEST(refusals), TEST(too_many_fields), TEST(silence_ends),
		TEST(a_message_cannot_be_stretched), TEST(a_peer_that_does_not_read), TEST(ceilings_of_connections),
		TEST(names_are_not_used_again), TEST(our_own_connections),
	};
	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
