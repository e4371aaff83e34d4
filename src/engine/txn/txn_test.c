/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timelines of RFC 3261 17 (Figures 5 to 8, Table 4) and RFC 6026, each a table: at a moment something is done, and
 * since the step before exactly these things must have happened. A fake clock, a sender that writes down what it is given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/txn.h"

struct world {
	struct timers timers;
	struct txns *set;
	struct txn *t;
	char log[4096];        /* what has happened since the last step */
	char last[8192];       /* the last message that was sent */
	bool send_fails;
	struct flow flow;
};

struct step {
	uint64_t at;           /* ms */
	const char *act;       /* "" only looks */
	const char *happened;  /* words, in order */
};

static void note(struct world *w, const char *prefix, const char *what)
{
	size_t n = strlen(w->log);
	(void)snprintf(w->log + n, sizeof w->log - n, "%s%s%s", n != 0 ? " " : "", prefix, what);
}

static err fake_send(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct world *w = arg;
	char word[64];
	(void)to;
	(void)request;
	if (w->send_fails)
		return ERR(SIP_FLOW_FAILED);
	(void)str_to_z(bytes, w->last, sizeof w->last);
	bool is_response = str_begins(bytes, STR("SIP/2.0 "));
	str first = is_response ? str_cut(bytes, 8, 11) : str_cut(bytes, 0, str_find_char(bytes, ' '));
	(void)str_to_z(first, word, sizeof word);
	note(w, "", word);
	return OK;
}

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	char code[16];
	(void)t;
	(void)snprintf(code, sizeof code, "%u", in->msg.status);
	note(arg, "got:", code);
}

static void on_fail(void *arg, struct txn *t, err why)
{
	(void)t;
	note(arg, "fail:", why.def->name);
}

static void on_end(void *arg, struct txn *t)
{
	struct world *w = arg;
	(void)t;
	note(w, "", "end");
	w->t = NULL;
}

static void on_cancel(void *arg, struct txn *t)
{
	(void)t;
	note(arg, "", "cancelled");
}

static const struct txn_client_door client_door = { on_response, on_fail, on_end };
static const struct txn_server_door server_door = { on_cancel, on_end };

static void world_open(struct world *w, bool reliable)
{
	*w = (struct world){ .flow = { .slot = 3, .serial = 9 } };
	timers_init(&w->timers, 0);
	const struct txns_config c = { .timers = &w->timers, .max = 100, .via_host = STR("uc01.example.test"), .via_port = 5061,
		.reliable = reliable, .send = fake_send, .arg = w };
	assert_false(failed(txns_new(&c, &w->set)));
}

static void world_close(struct world *w)
{
	txns_free(w->set);
	timers_fini(&w->timers);
}

static struct inbound *arrive(struct world *w, const char *text)
{
	struct inbound *in;
	struct diag d = { 0 };
	err e = inbound_new(str_of(text), NULL, &in, &d);
	if (failed(e))
		fail_msg("%s: %s: %s\n%s", e.def->name, d.where, d.what, text);
	in->flow = w->flow;
	return in;
}

static void open_client(struct world *w, const char *method)
{
	struct arena a;
	struct sip_out o;
	char start[64], cseq[32];
	arena_init(&a, 65536);
	(void)snprintf(start, sizeof start, "%s sip:bob@example.test SIP/2.0", method);
	(void)snprintf(cseq, sizeof cseq, "1 %s", method);
	sip_out_new(&o, &a, str_of(start));
	sip_out_add(&o, SIP_HDR_MAX_FORWARDS, STR("70"));
	sip_out_add(&o, SIP_HDR_FROM, STR("<sip:ann@example.test>;tag=a"));
	sip_out_add(&o, SIP_HDR_TO, STR("<sip:bob@example.test>"));
	sip_out_add(&o, SIP_HDR_CALL_ID, STR("call"));
	sip_out_add(&o, SIP_HDR_CSEQ, str_of(cseq));
	assert_false(failed(txn_client_open(w->set, &w->flow, &o, sip_method_of(str_of(method)), STR("tail"), 1, &client_door, w, &w->t)));
	arena_fini(&a);
}

/* The branch of the first Via of what was sent last. */
static void last_branch(struct world *w, char out[128])
{
	const char *p = strstr(w->last, "branch=");
	assert_non_null(p);
	(void)str_to_z(str_cut(str_of(p), 7, strcspn(p, "\r;")), out, 128);
}

static void receive_response(struct world *w, const char *branch, unsigned status, const char *method)
{
	char text[1024];
	(void)snprintf(text, sizeof text,
		"SIP/2.0 %u X\r\nVia: SIP/2.0/TLS uc01.example.test:5061;branch=%s\r\nFrom: <sip:ann@example.test>;tag=a\r\n"
		"To: <sip:bob@example.test>;tag=b\r\nCall-ID: call\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
		status, branch, method);
	struct inbound *in = arrive(w, text);
	if (failed(txn_response(w->set, in)))
		note(w, "", "nobody's");
	inbound_unref(in);
}

static struct inbound *request(struct world *w, const char *method, const char *branch)
{
	char text[1024];
	(void)snprintf(text, sizeof text,
		"%s sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TLS client.example.test%s%s\r\nMax-Forwards: 70\r\n"
		"From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>\r\nCall-ID: call\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
		method, branch[0] != '\0' ? ";branch=" : "", branch, method);
	return arrive(w, text);
}

/* One word of the table: what is done to the transaction. */
static void act(struct world *w, const char *word, char branch[128])
{
	char method[16];
	unsigned status;
	if (sscanf(word, "open %15s", method) == 1) {
		open_client(w, method);
		last_branch(w, branch);
	} else if (sscanf(word, "response %u %15s", &status, method) == 2) {
		receive_response(w, branch, status, method);
	} else if (sscanf(word, "request %15s", method) == 1) {
		struct inbound *in = request(w, method, branch);
		err e = txn_server_match(w->set, in);
		if (err_is(e, ERR_ABSENT) && strcmp(method, "ACK") != 0 && strcmp(method, "CANCEL") != 0) {
			assert_false(failed(txn_server_open(w->set, in, &w->t)));
			txn_server_on(w->t, &server_door, w);
			note(w, "", "new");
		} else {
			note(w, "", e.def->name);
		}
		inbound_unref(in);
	} else if (sscanf(word, "reply %u", &status) == 1) {
		struct sip_out o;
		struct inbound *in = request(w, "INVITE", branch);
		sip_out_reply(&o, &in->arena, &in->msg, status, STR(""), STR("b"), STR(""));
		txn_reply(w->t, &o, status);
		inbound_unref(in);
	} else if (strcmp(word, "cancel") == 0) {
		txn_cancel(w->t, STR(""));
	} else if (sscanf(word, "limit %u", &status) == 1) {
		txn_client_limit(w->t, status);
	} else if (strcmp(word, "gone") == 0) {
		txns_flow_gone(w->set, &w->flow);
	} else {
		fail_msg("no such act: %s", word);
	}
}

static void play(bool reliable, const char *branch, const struct step *steps)
{
	struct world w;
	char b[128];
	world_open(&w, reliable);
	(void)snprintf(b, sizeof b, "%s", branch);
	for (const struct step *s = steps; s->act != NULL; s++) {
		while (timers_next(&w.timers) != UINT64_MAX && w.timers.now + timers_next(&w.timers) < s->at)
			timers_run(&w.timers, w.timers.now + timers_next(&w.timers));
		timers_run(&w.timers, s->at);
		if (s->act[0] != '\0')
			act(&w, s->act, b);
		timers_run(&w.timers, s->at);
		if (strcmp(w.log, s->happened) != 0)
			fail_msg("at %llu ms, \"%s\": expected \"%s\", was \"%s\"", (unsigned long long)s->at, s->act, s->happened, w.log);
		w.log[0] = '\0';
	}
	world_close(&w);
}

#define PLAY(name, reliable, branch, ...)                                          \
	static void name(void **state)                                             \
	{                                                                          \
		static const struct step steps[] = { __VA_ARGS__, { 0, NULL, NULL } }; \
		(void)state;                                                       \
		play(reliable, branch, steps);                                     \
	}

/* ---- 17.1.1, Figure 5: INVITE client ---- */

PLAY(invite_client_retransmits, false, "",          /* Timer A doubles without a ceiling, Timer B ends it */
	{ 0, "open INVITE", "INVITE" }, { 499, "", "" }, { 500, "", "INVITE" }, { 1499, "", "" }, { 1500, "", "INVITE" },
	{ 3500, "", "INVITE" }, { 7500, "", "INVITE" }, { 15500, "", "INVITE" }, { 31500, "", "INVITE" },
	{ 32000, "", "fail:SIP_TIMEOUT end" })
PLAY(invite_client_reliable, true, "",              /* no Timer A over a stream */
	{ 0, "open INVITE", "INVITE" }, { 31999, "", "" }, { 32000, "", "fail:SIP_TIMEOUT end" })
PLAY(invite_client_refused, false, "",              /* each retransmission of the answer is acknowledged, told once; Timer D */
	{ 0, "open INVITE", "INVITE" }, { 100, "response 180 INVITE", "got:180" }, { 5000, "", "" },
	{ 6000, "response 486 INVITE", "ACK got:486" }, { 6500, "response 486 INVITE", "ACK" }, { 37999, "", "" }, { 38000, "", "end" })
PLAY(invite_client_refused_reliable, true, "",      /* Timer D is 0 */
	{ 0, "open INVITE", "INVITE" }, { 100, "response 486 INVITE", "ACK got:486 end" },
	{ 200, "response 486 INVITE", "nobody's" })
PLAY(invite_client_accepted, true, "",              /* RFC 6026: 2xx again and again until Timer M */
	{ 0, "open INVITE", "INVITE" }, { 100, "response 200 INVITE", "got:200" }, { 600, "response 200 INVITE", "got:200" },
	{ 700, "response 486 INVITE", "" }, { 32099, "", "" }, { 32100, "", "end" }, { 32200, "response 200 INVITE", "nobody's" })
PLAY(invite_client_cancel_waits, true, "",          /* 9.1: not before a provisional answer */
	{ 0, "open INVITE", "INVITE" }, { 10, "cancel", "" }, { 100, "response 100 INVITE", "got:100 CANCEL" },
	{ 110, "response 200 CANCEL", "nobody's" }, { 200, "response 487 INVITE", "ACK got:487 end" })
PLAY(invite_client_cancel_unanswered, true, "",     /* 9.1: 64*T1 after the CANCEL it counts as done */
	{ 0, "open INVITE", "INVITE" }, { 100, "response 180 INVITE", "got:180" }, { 200, "cancel", "CANCEL" },
	{ 32199, "", "" }, { 32200, "", "fail:SIP_TIMEOUT end" })
PLAY(invite_client_timer_c, true, "",               /* 16.8 */
	{ 0, "open INVITE", "INVITE" }, { 100, "response 180 INVITE", "got:180" }, { 100, "limit 180000", "" },
	{ 180099, "", "" }, { 180100, "", "CANCEL" }, { 180200, "response 487 INVITE", "ACK got:487 end" })
PLAY(invite_client_flow_gone, true, "",
	{ 0, "open INVITE", "INVITE" }, { 100, "response 180 INVITE", "got:180" }, { 200, "gone", "fail:SIP_FLOW_FAILED end" })

/* ---- 17.1.2, Figure 6: other clients ---- */

PLAY(client_retransmits, false, "",                 /* Timer E doubles up to T2, Timer F ends it */
	{ 0, "open MESSAGE", "MESSAGE" }, { 500, "", "MESSAGE" }, { 1500, "", "MESSAGE" }, { 3500, "", "MESSAGE" },
	{ 7500, "", "MESSAGE" }, { 11500, "", "MESSAGE" }, { 31500, "", "MESSAGE MESSAGE MESSAGE MESSAGE MESSAGE" },
	{ 32000, "", "fail:SIP_TIMEOUT end" })
PLAY(client_proceeding, false, "",                  /* in Proceeding each T2 */
	{ 0, "open MESSAGE", "MESSAGE" }, { 100, "response 100 MESSAGE", "got:100" }, { 500, "", "MESSAGE" }, { 4499, "", "" },
	{ 4500, "", "MESSAGE" }, { 5000, "response 200 MESSAGE", "got:200" }, { 5100, "response 200 MESSAGE", "" },
	{ 9999, "", "" }, { 10000, "", "end" })             /* Timer K = T4 */
PLAY(client_reliable, true, "",                     /* Timer K is 0 */
	{ 0, "open MESSAGE", "MESSAGE" }, { 31000, "", "" }, { 31100, "response 200 MESSAGE", "got:200 end" })
PLAY(client_timeout_reliable, true, "",
	{ 0, "open OPTIONS", "OPTIONS" }, { 32000, "", "fail:SIP_TIMEOUT end" })

/* ---- 17.2.1, Figure 7: INVITE server ---- */

PLAY(invite_server_trying, true, "z9hG4bKx",        /* 100 after 200 ms unless something else was sent */
	{ 0, "request INVITE", "new" }, { 199, "", "" }, { 200, "", "100" }, { 300, "request INVITE", "EXISTS" },
	{ 400, "reply 180", "180" }, { 500, "reply 200", "200" }, { 600, "reply 200", "200" }, { 700, "reply 486", "" },
	{ 800, "request INVITE", "EXISTS" }, { 900, "request ACK", "ABSENT" }, { 32499, "", "" }, { 32500, "", "end" })
PLAY(invite_server_refuses, false, "z9hG4bKx",      /* Timers G, H; then ACK and Timer I */
	{ 0, "request INVITE", "new" }, { 50, "reply 180", "180" }, { 60, "request INVITE", "180 EXISTS" },
	{ 100, "reply 486", "486" }, { 600, "", "486" }, { 700, "request INVITE", "486 EXISTS" }, { 1600, "", "486" },
	{ 3600, "", "486" }, { 7600, "", "486" }, { 11600, "", "486" }, { 12000, "request ACK", "EXISTS" },
	{ 13000, "request ACK", "EXISTS" }, { 16999, "", "" }, { 17000, "", "end" })
PLAY(invite_server_no_ack, true, "z9hG4bKx",        /* Timer H */
	{ 0, "request INVITE", "new" }, { 10, "reply 486", "486" }, { 32009, "", "" }, { 32010, "", "end" })
PLAY(invite_server_cancel, true, "z9hG4bKx",        /* 9.2 */
	{ 0, "request INVITE", "new" }, { 50, "reply 180", "180" }, { 100, "request CANCEL", "200 cancelled EXISTS" },
	{ 110, "reply 487", "487" }, { 120, "request CANCEL", "200 EXISTS" }, { 130, "request ACK", "EXISTS end" },
	{ 140, "request CANCEL", "ABSENT" })
PLAY(invite_server_sender_gone, true, "z9hG4bKx",
	{ 0, "request INVITE", "new" }, { 50, "reply 180", "180" }, { 100, "gone", "cancelled" })

/* ---- 17.2.2, Figure 8: other servers ---- */

PLAY(server_absorbs, false, "z9hG4bKx",             /* Timer J */
	{ 0, "request MESSAGE", "new" }, { 50, "request MESSAGE", "EXISTS" }, { 100, "reply 200", "200" },
	{ 600, "request MESSAGE", "200 EXISTS" }, { 32099, "", "" }, { 32100, "", "end" }, { 32200, "request MESSAGE", "new" })
PLAY(server_reliable, true, "z9hG4bKx",             /* Timer J is 0 */
	{ 0, "request MESSAGE", "new" }, { 100, "reply 200", "200 end" })

/* ---- 17.2.3: clients of RFC 2543 ---- */

PLAY(old_client, true, "",                          /* no branch at all */
	{ 0, "request INVITE", "new" }, { 10, "request INVITE", "EXISTS" }, { 50, "reply 486", "486" }, { 60, "request ACK", "EXISTS end" })
PLAY(old_client_branch_without_cookie, true, "1",
	{ 0, "request INVITE", "new" }, { 10, "request CANCEL", "200 cancelled EXISTS" }, { 50, "reply 487", "487" },
	{ 60, "request ACK", "EXISTS end" })

/* ---- what the tables cannot say ---- */

static void nobody_matches_from_elsewhere(void **state)
{
	struct world w;
	char branch[128];
	(void)state;
	world_open(&w, true);
	open_client(&w, "MESSAGE");
	last_branch(&w, branch);
	w.flow.serial++;
	receive_response(&w, branch, 200, "MESSAGE");
	assert_string_equal(w.log, "MESSAGE nobody's");
	w.flow.serial--;
	struct inbound *in = request(&w, "INVITE", "z9hG4bKx");
	assert_false(failed(txn_server_open(w.set, in, &w.t)));
	inbound_unref(in);
	w.flow.slot++;
	in = request(&w, "CANCEL", "z9hG4bKx");
	assert_true(err_is(txn_server_match(w.set, in), ERR_ABSENT));
	inbound_unref(in);
	world_close(&w);
}

static void branches_name_their_maker(void **state)
{
	struct world w;
	char branch[128];
	uint16_t front;
	(void)state;
	world_open(&w, true);
	open_client(&w, "MESSAGE");
	last_branch(&w, branch);
	assert_true(txn_branch_front(str_of(branch), &front));
	assert_int_equal(front, 0);
	assert_true(str_eq(txn_branch_tail(str_of(branch)), STR("tail")));
	assert_false(txn_branch_front(STR("z9hG4bKw"), &front));
	assert_false(txn_branch_front(STR("z9hG4bKw0000zzzzzzzz00000000"), &front));
	assert_false(txn_branch_front(STR("z9hG4bK74bf9"), &front));
	world_close(&w);
}

static void a_dead_flow_fails_later(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	w.send_fails = true;
	open_client(&w, "MESSAGE");
	assert_string_equal(w.log, "");
	timers_run(&w.timers, 1);
	assert_string_equal(w.log, "fail:SIP_FLOW_FAILED end");
	world_close(&w);
}

static void the_ceiling_holds(void **state)
{
	struct world w;
	char branch[64];
	(void)state;
	world_open(&w, true);
	txns_set_max(w.set, 3);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(branch, sizeof branch, "z9hG4bK%d", i);
		struct inbound *in = request(&w, "INVITE", branch);
		err e = txn_server_match(w.set, in);
		assert_true(err_is(e, i < 3 ? ERR_ABSENT : ERR_BUSY));
		if (i < 3)
			assert_false(failed(txn_server_open(w.set, in, &w.t)));
		inbound_unref(in);
	}
	assert_int_equal(txns_count(w.set), 3);
	world_close(&w);
}

/* pidgin-sipe never acknowledges a failure: neither the end of the server nor the ceiling waits for it. */
static void a_failure_without_ack_is_not_open(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	struct inbound *in = request(&w, "INVITE", "z9hG4bK1");
	assert_true(err_is(txn_server_match(w.set, in), ERR_ABSENT));
	assert_false(failed(txn_server_open(w.set, in, &w.t)));
	struct sip_out o;
	txn_server_on(w.t, &server_door, &w);
	assert_int_equal(txns_count(w.set), 1);
	sip_out_reply(&o, &in->arena, &in->msg, 404, STR(""), STR("b"), STR(""));
	txn_reply(w.t, &o, 404);
	inbound_unref(in);
	assert_int_equal(txns_count(w.set), 0);
	timers_run(&w.timers, 32000);
	assert_string_equal(w.log, "404 end");
	world_close(&w);
}

static void those_that_only_absorb_give_way(void **state)
{
	struct world w;
	char branch[64];
	(void)state;
	world_open(&w, true);
	txns_set_max(w.set, 2);
	for (int i = 0; i < 5; i++) {
		struct sip_out o;
		(void)snprintf(branch, sizeof branch, "z9hG4bK%d", i);
		struct inbound *in = request(&w, "INVITE", branch);
		assert_true(err_is(txn_server_match(w.set, in), ERR_ABSENT));
		assert_false(failed(txn_server_open(w.set, in, &w.t)));
		txn_server_on(w.t, &server_door, &w);
		sip_out_reply(&o, &in->arena, &in->msg, 200, STR(""), STR("b"), STR(""));
		txn_reply(w.t, &o, 200);
		inbound_unref(in);
	}
	timers_run(&w.timers, 1);
	assert_string_equal(w.log, "200 200 200 200 200 end end end");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invite_client_retransmits), cmocka_unit_test(invite_client_reliable),
		cmocka_unit_test(invite_client_refused), cmocka_unit_test(invite_client_refused_reliable),
		cmocka_unit_test(invite_client_accepted), cmocka_unit_test(invite_client_cancel_waits),
		cmocka_unit_test(invite_client_cancel_unanswered), cmocka_unit_test(invite_client_timer_c),
		cmocka_unit_test(invite_client_flow_gone), cmocka_unit_test(client_retransmits), cmocka_unit_test(client_proceeding),
		cmocka_unit_test(client_reliable), cmocka_unit_test(client_timeout_reliable), cmocka_unit_test(invite_server_trying),
		cmocka_unit_test(invite_server_refuses), cmocka_unit_test(invite_server_no_ack), cmocka_unit_test(invite_server_cancel),
		cmocka_unit_test(invite_server_sender_gone), cmocka_unit_test(server_absorbs), cmocka_unit_test(server_reliable),
		cmocka_unit_test(old_client), cmocka_unit_test(old_client_branch_without_cookie),
		cmocka_unit_test(nobody_matches_from_elsewhere), cmocka_unit_test(branches_name_their_maker),
		cmocka_unit_test(a_dead_flow_fails_later), cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(a_failure_without_ack_is_not_open),
		cmocka_unit_test(those_that_only_absorb_give_way),
	};
	return cmocka_run_group_tests_name("txn", tests, NULL, NULL);
}
