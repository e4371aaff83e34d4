/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notifier.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "engine/stage_fake.h"

#define ANN "ann@example.test"

/* A package whose answers the tests choose. */
struct weather {
	err opens, tells;
	const char *text;        /* that is told */
	const char *ends_inside; /* the subscription is ended from inside open or tell, with this reason */
	bool ends_in_open, tells_inside;
	unsigned n_open, n_whole, n_change, n_close;
	struct subscription *last;
};

struct bench {
	struct timers timers;
	struct notifier *notifier;
	struct weather weather, wind;
	unsigned n_quick, cseq;
	char quick[65536];
	char tag[64];
	bool send_fails, closes;
};

static err on_open(void *arg, struct subscription *s, const struct request *r)
{
	struct weather *w = arg;
	(void)r;
	w->n_open++;
	TRY(w->opens);
	s->subject = w;
	w->last = s;
	if (w->ends_in_open)
		notifier_end(s, w->ends_inside);
	return OK;
}

static err on_tell(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct weather *w = arg;
	w->n_whole += is_whole;
	w->n_change += !is_whole;
	TRY(w->tells);
	n->type = STR("text/plain");
	buf_add(&n->body, str_of(w->text));
	if (w->tells_inside) {
		w->tells_inside = false;
		notifier_tell(s);
	}
	if (w->ends_inside != NULL && !w->ends_in_open)
		notifier_end(s, w->ends_inside);
	return OK;
}

static void on_end(void *arg, struct subscription *s)
{
	struct weather *w = arg;
	w->n_close++;
	if (w->last == s)
		w->last = NULL;
}

static const str types[] = { { "text/plain", 10 }, { "application/json", 16 }, { "", 0 } };
static const struct notifier_package weather_package = { .event = { "weather", 7 }, .accepts = types, .usual = 600, .shortest = 60, .longest = 3600, .pause_ms = 2000,
	.open = on_open, .tell = on_tell, .close = on_end };
static const struct notifier_package wind_package = { .event = { "wind", 4 }, .accepts = types, .usual = 600, .shortest = 60, .longest = 3600, .open = on_open,
	.tell = on_tell, .close = on_end };

static err send_quick(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct bench *b = arg;
	(void)request;
	b->n_quick++;
	assert_true(str_to_z(bytes, b->quick, sizeof b->quick));
	if (b->closes)
		notifier_flow_gone(b->notifier, to);
	return b->send_fails ? ERR(SIP_FLOW_FAILED) : OK;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	timers_init(&b->timers, 5000);
	const struct notifier_config c = { .timers = &b->timers, .txns = (struct txns *)b, .send = send_quick, .arg = b, .most = 3 };
	assert_false(failed(notifier_new(&c, &b->notifier)));
	b->weather.text = b->wind.text = "fine";
	assert_false(failed(notifier_add(b->notifier, &weather_package, &b->weather)));
	assert_false(failed(notifier_add(b->notifier, &wind_package, &b->wind)));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	notifier_free(b->notifier);
	assert_int_equal(timers_next(&b->timers), UINT64_MAX);
	assert_null(b->weather.last);
	timers_fini(&b->timers);
	free(b);
	return 0;
}

static void pass(struct bench *b, uint64_t ms)
{
	timers_run(&b->timers, b->timers.now + ms);
}

enum { NONE = -1, END = -2 };

/* What a client sends; zero fields are the usual. */
struct client {
	unsigned flow, cseq, plain;
	const char *event, *extra, *to_tag, *call_id, *contact, *target;
	int expires; /* 0: 600; NONE, END: without one, 0 */
	bool is_peer;
};

static unsigned send_subscribe(struct bench *b, const struct client *c)
{
	struct conn conn = fake_conn(c->flow != 0 ? c->flow : 1, true);
	conn.flow.is_plain = (uint16_t)c->plain;
	char expires[40] = "";
	if (c->expires != NONE)
		snprintf(expires, sizeof expires, "Expires: %d\n", c->expires == END ? 0 : c->expires == 0 ? 600 : c->expires);
	struct request *r = fake_request(&conn,
		"SUBSCRIBE sip:" ANN " SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:bob@example.test>;tag=b1;epid=77\nTo: <sip:" ANN
		">%s%s\nCall-ID: %s\nCSeq: %u SUBSCRIBE\nMax-Forwards: 70\nEvent: %s\nContact: %s\n%s%sContent-Length: 0\n\n",
		c->to_tag != NULL ? ";tag=" : "", c->to_tag != NULL ? c->to_tag : "", c->call_id != NULL ? c->call_id : "call", c->cseq != 0 ? c->cseq : ++b->cseq,
		c->event != NULL ? c->event : "weather", c->contact != NULL ? c->contact : "<sip:bob@192.0.2.1;gr=x>", expires, c->extra != NULL ? c->extra : "");
	enum stage_verdict v = STAGE_NEXT;
	assert_non_null(r);
	r->aor = STR("bob@example.test");
	r->target = str_of(c->target != NULL ? c->target : ANN);
	r->is_peer = c->is_peer;
	fake.status = 0;
	fake.answer[0] = '\0';
	err e = notifier_stage(b->notifier, r, &v);
	fake_request_free(r);
	const char *tag = strstr(fake.answer, "\r\nTo: ");
	tag = tag != NULL ? strstr(tag, ";tag=") : NULL;
	if (tag != NULL && c->to_tag == NULL)
		snprintf(b->tag, sizeof b->tag, "%.*s", (int)strcspn(tag + 5, "\r;"), tag + 5);
	if (!failed(e) && v == STAGE_NEXT)
		return 0;
	return failed(e) ? e.def->sip : fake.status;
}

#define SEND(b, ...) send_subscribe(b, &(struct client){ __VA_ARGS__ })
#define QUICK "Supported: ms-benotify\nSupported: ms-piggyback-first-notify\n"

static bool has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

static bool notified(const char *text)
{
	return strstr(fake.request, text) != NULL;
}

/* The subscriber answers the last NOTIFY. */
static void answer(unsigned status)
{
	struct inbound in = { .msg = { .status = status } };
	assert_false(fake.txn->forgotten);
	fake.txn->door->on_response(fake.txn->arg, fake.txn, &in);
}

/* ---- how one begins, goes on and ends ---- */

static void tells_the_whole_at_once(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .expires = NONE), 200);
	assert_true(has("Expires: 600\r\n") && has("Contact: <sip:" ANN ">\r\n"));
	assert_false(has("ms-piggyback") || has("Supported"));
	assert_int_equal(fake.n_requests, 1);
	assert_true(notified("NOTIFY sip:bob@192.0.2.1;gr=x SIP/2.0\r\n") && notified("\r\nFrom: <sip:" ANN ">;tag=") && notified(b->tag));
	assert_true(notified("\r\nTo: <sip:bob@example.test>;tag=b1;epid=77\r\n") && notified("Call-ID: call\r\nCSeq: 1 NOTIFY\r\n"));
	assert_true(notified("Event: weather\r\nSubscription-State: active;expires=600\r\n") && notified("Content-Type: text/plain\r\n") && notified("\r\n\r\nfine"));
	assert_int_equal(notifier_count(b->notifier), 1);
	assert_true(str_eq(subscription_call_id(b->weather.last), STR("call")));
}

static void one_notify_at_a_time(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	notifier_tell(b->weather.last);
	pass(b, 10000);
	assert_int_equal(fake.n_requests, 1);
	answer(180);
	pass(b, 0);
	assert_int_equal(fake.n_requests, 1);
	answer(200);
	pass(b, 0);
	assert_int_equal(fake.n_requests, 2);
	assert_true(notified("CSeq: 2 NOTIFY\r\n") && notified("active;expires=590"));
	assert_int_equal(b->weather.n_change, 1);
}

static void changes_keep_their_pause(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	answer(200);
	for (unsigned i = 0; i < 5; i++)
		notifier_tell(b->weather.last);
	assert_int_equal(fake.n_requests, 1);
	pass(b, 1999);
	assert_int_equal(fake.n_requests, 1);
	pass(b, 1);
	assert_int_equal(fake.n_requests, 2);
	answer(200);
	pass(b, 5000);
	assert_int_equal(fake.n_requests, 2);
	notifier_tell(b->weather.last);
	assert_int_equal(fake.n_requests, 3); /* after the pause: at once */
}

static void renews_in_its_dialog(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	answer(200);
	pass(b, 500000);
	assert_int_equal(SEND(b, .to_tag = b->tag, .expires = 300, .contact = "<sip:bob@192.0.2.9>"), 200);
	assert_int_equal(notifier_count(b->notifier), 1);
	assert_int_equal(b->weather.n_whole, 2);
	assert_true(notified("NOTIFY sip:bob@192.0.2.9 SIP/2.0\r\n") && notified("active;expires=300"));
	answer(200);
	pass(b, 299000);
	assert_int_equal(notifier_count(b->notifier), 1);
	pass(b, 1000);
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_true(notified("Subscription-State: terminated;reason=timeout\r\n"));
	assert_true(fake.txn->forgotten);
}

/* The connection that renews is the one that counts from then on. */
static void moves_to_another_connection(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	answer(200);
	assert_int_equal(SEND(b, .to_tag = b->tag, .flow = 2), 200);
	answer(200);
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 1, .serial = 1 });
	assert_int_equal(notifier_count(b->notifier), 1);
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 2, .serial = 1 });
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_int_equal(b->weather.n_close, 1);
}

static void ends_when_asked(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	answer(200);
	assert_int_equal(SEND(b, .to_tag = b->tag, .expires = END), 200);
	assert_true(has("Expires: 0\r\n"));
	assert_true(notified("terminated;reason=timeout"));
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_int_equal(SEND(b, .to_tag = b->tag), 481);
}

static void fetches_once(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .expires = END), 200);
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_int_equal(fake.n_requests, 1);
	assert_true(notified("terminated;reason=timeout") && notified("\r\n\r\nfine"));
	assert_int_equal(b->weather.n_close, 1);
	assert_int_equal(SEND(b, .expires = END, .extra = QUICK), 200);
	assert_true(has("\r\nsubscription-state: terminated;expires=0\r\n") || has("\r\nSubscription-State: terminated;expires=0\r\n"));
	assert_true(has("Expires: 0\r\n") && has("\r\n\r\nfine"));
	assert_int_equal(fake.n_requests, 1);
	assert_int_equal(b->n_quick, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
}

static void dialect_gets_the_first_in_the_answer(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .extra = QUICK), 200);
	assert_true(has("Event: weather\r\n") && has("ms-piggyback-cseq: 1\r\n") && has("active;expires=600\r\n") && has("\r\n\r\nfine"));
	assert_true(has("Supported: ms-benotify\r\nSupported: ms-piggyback-first-notify\r\n"));
	assert_int_equal(fake.n_requests + b->n_quick, 0);
	notifier_tell(b->weather.last);
	assert_int_equal(b->n_quick, 1);
	assert_non_null(strstr(b->quick, "BENOTIFY sip:bob@192.0.2.1;gr=x SIP/2.0\r\nVia: "));
	assert_non_null(strstr(b->quick, "CSeq: 2 BENOTIFY\r\n"));
	notifier_tell(b->weather.last);
	pass(b, 2000); /* nobody answers, only the pause counts */
	assert_int_equal(b->n_quick, 2);
	assert_non_null(strstr(b->quick, "CSeq: 3 BENOTIFY\r\n"));
	notifier_end(b->weather.last, "noresource");
	assert_non_null(strstr(b->quick, "terminated;reason=noresource"));
	assert_int_equal(fake.n_requests, 0);
}

static void is_prolonged_as_long_as_its_connection(void **state)
{
	struct bench *b = *state;
	SEND(b, .extra = QUICK "Supported: com.microsoft.autoextend\n");
	assert_true(has("Supported: com.microsoft.autoextend\r\n"));
	for (unsigned i = 0; i < 10; i++)
		pass(b, 600000);
	assert_int_equal(notifier_count(b->notifier), 1);
	notifier_tell(b->weather.last);
	assert_non_null(strstr(b->quick, "active;expires=600"));
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 1, .serial = 1 });
	assert_int_equal(notifier_count(b->notifier), 0);
}

static void nothing_to_tell_is_told_at_the_beginning_only(void **state)
{
	struct bench *b = *state;
	b->weather.tells = ERR(ABSENT);
	assert_int_equal(SEND(b, .flow = 1), 200);
	assert_int_equal(fake.n_requests, 1);
	assert_true(notified("Content-Length: 0\r\n"));
	assert_false(notified("Content-Type"));
	answer(200);
	pass(b, 3000);
	notifier_tell(b->weather.last);
	assert_int_equal(fake.n_requests, 1);
	assert_int_equal(notifier_count(b->notifier), 1);
}

/* ---- how it ends unasked ---- */

static void refused_notify_ends_it(void **state)
{
	static const unsigned statuses[] = { 481, 302, 404, 500, 603 };
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		assert_int_equal(SEND(b, .flow = 1), 200);
		answer(statuses[i]);
		assert_int_equal(notifier_count(b->notifier), 1); /* whoever called may hold it */
		assert_int_equal(SEND(b, .to_tag = b->tag), 481); /* but it is not found any more */
		unsigned n = fake.n_requests;
		notifier_tell(b->weather.last);
		pass(b, 0);
		assert_int_equal(notifier_count(b->notifier), 0);
		assert_int_equal(fake.n_requests, n);
	}
}

static void unanswered_notify_ends_it(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	fake.txn->door->on_fail(fake.txn->arg, fake.txn, ERR(SIP_TIMEOUT));
	pass(b, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
}

static void what_cannot_be_sent_ends_it(void **state)
{
	struct bench *b = *state;
	SEND(b, .extra = QUICK);
	b->send_fails = true;
	notifier_tell(b->weather.last);
	assert_int_equal(notifier_count(b->notifier), 1);
	pass(b, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
}

/* What a package cannot tell is not answered 200. */
static void what_cannot_be_told_is_no_subscription(void **state)
{
	struct bench *b = *state;
	b->weather.tells = ERR(NO_MEMORY);
	assert_int_equal(SEND(b, .extra = QUICK), 500);
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_int_equal(b->weather.n_close, 1);
	assert_int_equal(SEND(b, .flow = 1), 200); /* the 200 is out before */
	pass(b, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
}

static void fronts_go(void **state)
{
	struct bench *b = *state;
	SEND(b, .call_id = "1");
	SEND(b, .call_id = "2", .flow = 2);
	notifier_front_gone(b->notifier, 1);
	assert_int_equal(notifier_count(b->notifier), 2);
	notifier_front_gone(b->notifier, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
}

/* Other processes name a connection by slot, serial and front alone. */
static void a_connection_is_known_by_its_name(void **state)
{
	struct bench *b = *state;
	SEND(b, .plain = 1);
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 1, .serial = 2 });
	assert_int_equal(notifier_count(b->notifier), 1);
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 1, .serial = 1 });
	assert_int_equal(notifier_count(b->notifier), 0);
}

/* ---- what is refused ---- */

static void refuses(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .event = "tides"), 0);
	assert_int_equal(SEND(b, .target = ""), 0);
	assert_int_equal(SEND(b, .expires = 59), 423);
	assert_true(has("Min-Expires: 60\r\n"));
	assert_int_equal(SEND(b, .contact = "*"), 400);
	assert_int_equal(SEND(b, .extra = "Accept: text/html\n"), 406);
	assert_int_equal(SEND(b, .extra = "Accept: app/*\n"), 406);
	assert_int_equal(SEND(b, .extra = "Accept: application/xml, text/*;q=0.1\n"), 200);
	assert_int_equal(SEND(b, .call_id = "2", .extra = "Accept: */*\n"), 200);
	assert_int_equal(SEND(b, .call_id = "3", .event = "WIND;id=7", .extra = "Accept: Application/JSON\n"), 200);
	assert_true(notified("Event: WIND;id=7\r\n"));
	assert_int_equal(SEND(b, .call_id = "4"), 503);
	assert_int_equal(notifier_count(b->notifier), 3);
	b->weather.opens = ERR(SIP_FORBIDDEN);
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 1, .serial = 1 });
	unsigned closed = b->weather.n_close;
	assert_int_equal(SEND(b, .flow = 1), 403);
	assert_int_equal(b->weather.n_close, closed);
	b->weather.last = NULL;
}

static void longest_is_what_it_is_cut_to(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .expires = 999999), 200);
	assert_true(has("Expires: 3600\r\n"));
}

static void dialogs_are_told_apart(void **state)
{
	struct bench *b = *state;
	SEND(b, .cseq = 10);
	answer(200);
	assert_int_equal(SEND(b, .to_tag = "0123456789abcdef"), 481);
	assert_int_equal(SEND(b, .to_tag = b->tag, .cseq = 11, .call_id = "other"), 481);
	assert_int_equal(SEND(b, .to_tag = b->tag, .cseq = 11, .event = "wind"), 481);
	assert_int_equal(SEND(b, .to_tag = b->tag, .cseq = 11, .target = "eve@example.test"), 481);
	assert_int_equal(SEND(b, .to_tag = b->tag, .cseq = 10), 500);
	assert_int_equal(SEND(b, .to_tag = b->tag, .cseq = 9), 500);
	assert_int_equal(SEND(b, .to_tag = b->tag, .cseq = 11), 200);
	assert_int_equal(notifier_count(b->notifier), 1);
}

static void packages_do_not_meet(void **state)
{
	struct bench *b = *state;
	SEND(b, .flow = 1);
	answer(200);
	SEND(b, .event = "wind", .call_id = "2");
	answer(200);
	assert_int_equal(b->weather.n_open, 1);
	assert_int_equal(b->wind.n_open, 1);
	b->wind.text = "storm";
	notifier_tell(b->wind.last);
	assert_true(notified("Event: wind\r\n") && notified("storm"));
	assert_int_equal(b->weather.n_change, 0);
	notifier_end(b->wind.last, NULL);
	assert_int_equal(notifier_count(b->notifier), 1);
}

/* ---- from inside ---- */

static void may_be_ended_while_it_is_told(void **state)
{
	struct bench *b = *state;
	b->weather.ends_inside = "noresource";
	assert_int_equal(SEND(b, .extra = QUICK), 200);
	assert_int_equal(b->weather.n_close, 0);
	b->weather.ends_inside = NULL;
	pass(b, 0);
	assert_int_equal(b->weather.n_close, 1);
	assert_non_null(strstr(b->quick, "terminated;reason=noresource"));
	SEND(b, .flow = 1);
	answer(200);
	pass(b, 3000);
	b->weather.ends_inside = "giveup";
	notifier_tell(b->weather.last);
	b->weather.ends_inside = NULL;
	answer(200);
	pass(b, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_true(notified("terminated;reason=giveup"));
}

static void may_be_ended_while_it_is_opened(void **state)
{
	struct bench *b = *state;
	b->weather.ends_in_open = true;
	b->weather.ends_inside = "rejected";
	assert_int_equal(SEND(b, .flow = 1), 200);
	pass(b, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_int_equal(b->weather.n_close, 1);
	assert_true(notified("terminated;reason=rejected"));
}

/* What changes while it is told is told afterwards. */
static void may_have_more_to_tell(void **state)
{
	struct bench *b = *state;
	b->weather.tells_inside = true;
	assert_int_equal(SEND(b, .extra = QUICK), 200);
	assert_int_equal(b->n_quick, 0);
	pass(b, 0);
	assert_int_equal(b->n_quick, 1);
	b->weather.tells_inside = true;
	pass(b, 2000);
	notifier_tell(b->weather.last);
	assert_int_equal(b->n_quick, 2);
	pass(b, 2000);
	assert_int_equal(b->n_quick, 3);
	pass(b, 4000);
	assert_int_equal(b->n_quick, 3);
}

/* A connection ends while something is sent over it: nothing is freed under those who are at work. */
static void connection_may_end_while_it_is_written_to(void **state)
{
	struct bench *b = *state;
	SEND(b, .extra = QUICK);
	SEND(b, .extra = QUICK, .call_id = "2");
	b->closes = b->send_fails = true;
	notifier_tell(b->weather.last);
	assert_int_equal(notifier_count(b->notifier), 2);
	unsigned n = b->n_quick;
	pass(b, 0);
	assert_int_equal(notifier_count(b->notifier), 0);
	assert_int_equal(b->n_quick, n);
	assert_int_equal(b->weather.n_close, 2);
}

static void one_connection_cannot_take_all(void **state)
{
	struct bench *b = *state;
	notifier_free(b->notifier);
	const struct notifier_config c = { .timers = &b->timers, .txns = (struct txns *)b, .send = send_quick, .arg = b, .most = 5000 };
	assert_false(failed(notifier_new(&c, &b->notifier)));
	assert_false(failed(notifier_add(b->notifier, &weather_package, &b->weather)));
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(SEND(b, .extra = QUICK), 200);
	assert_int_equal(SEND(b, .extra = QUICK), 503);
	assert_int_equal(SEND(b, .extra = QUICK, .is_peer = true), 200); /* many people stand behind a server */
	assert_int_equal(SEND(b, .extra = QUICK, .flow = 2), 200);
}

int main(void)
{
#define NOTIFIER_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		NOTIFIER_TEST(tells_the_whole_at_once),
		NOTIFIER_TEST(one_notify_at_a_time),
		NOTIFIER_TEST(changes_keep_their_pause),
		NOTIFIER_TEST(renews_in_its_dialog),
		NOTIFIER_TEST(moves_to_another_connection),
		NOTIFIER_TEST(ends_when_asked),
		NOTIFIER_TEST(fetches_once),
		NOTIFIER_TEST(dialect_gets_the_first_in_the_answer),
		NOTIFIER_TEST(is_prolonged_as_long_as_its_connection),
		NOTIFIER_TEST(nothing_to_tell_is_told_at_the_beginning_only),
		NOTIFIER_TEST(refused_notify_ends_it),
		NOTIFIER_TEST(unanswered_notify_ends_it),
		NOTIFIER_TEST(what_cannot_be_sent_ends_it),
		NOTIFIER_TEST(what_cannot_be_told_is_no_subscription),
		NOTIFIER_TEST(fronts_go),
		NOTIFIER_TEST(a_connection_is_known_by_its_name),
		NOTIFIER_TEST(refuses),
		NOTIFIER_TEST(longest_is_what_it_is_cut_to),
		NOTIFIER_TEST(dialogs_are_told_apart),
		NOTIFIER_TEST(packages_do_not_meet),
		NOTIFIER_TEST(may_be_ended_while_it_is_told),
		NOTIFIER_TEST(may_be_ended_while_it_is_opened),
		NOTIFIER_TEST(may_have_more_to_tell),
		NOTIFIER_TEST(connection_may_end_while_it_is_written_to),
		NOTIFIER_TEST(one_connection_cannot_take_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
