/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pres_fake - what the unit tests of presence stand on: a vault in memory, devices that are signed in, and clients of both dialects. Include it in one
 * file of a test program.
 */
#ifndef WITAN_SERVICE_PRES_FAKE_H
#define WITAN_SERVICE_PRES_FAKE_H

#pragma GCC diagnostic ignored "-Wunused-function"

#include "service/pres.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "engine/stage_fake.h"
#include "model/config.h"
#include "service/pres/pres_priv.h"

#define ANN  "ann@example.test"
#define BOB  "bob@example.test"
#define SELF "vnd-microsoft-roaming-self"

/* Around what is tested, for a test whose memory fails. */
#ifndef TESTED_BEGIN
#define TESTED_BEGIN() ((void)0)
#define TESTED_END()   ((void)0)
#endif

/* ---- a vault in memory ---- */

struct kept_one {
	char aor[64];
	enum kept_kind kind;
	char key[128], value[8192];
};

struct question {
	uint64_t id;
	bool is_change;
	char aor[64];
	char rows[262144];
	size_t n;
};

struct bench {
	struct timers timers;
	struct users *users;
	struct config config;
	struct notifier *notifier;
	struct kept *kept;
	struct xml_reader *xml;
	struct pres *pres;
	struct meter meter;
	struct kept_one *rows;
	size_t n_rows;
	struct question *questions;
	size_t n_questions;
	bool is_away, waits; /* vault: it is not there; it does not answer yet */
	err refuses;         /* what it answers to changes */
	char devices[16][80]; /* "aor epid" */
	size_t n_devices;
	const char *contacts; /* "ann bob" pairs in one text; NULL: no list */
	char *quick[16];      /* the last BENOTIFY over each connection */
	unsigned n_quick[16];
	char tag[32];
	unsigned cseq;
	const char *is_far;   /* who is at home in process 1; NULL: nobody */
	uint32_t watched;     /* the id of the last watch there */
	unsigned n_watched, n_unwatched;
};

static uint64_t unix_now;

static uint64_t unix_ms(void)
{
	return unix_now;
}

static err on_question(struct bench *b, uint64_t id, str aor, str rows, bool is_change)
{
	ENSURE(!b->is_away, BUSY);
	assert_true(b->n_questions < 64 && rows.n <= sizeof b->questions->rows);
	struct question *q = &b->questions[b->n_questions++];
	q->id = id;
	q->is_change = is_change;
	assert_true(str_to_z(aor, q->aor, sizeof q->aor));
	q->n = rows.n;
	if (rows.n != 0)
		memcpy(q->rows, rows.p, rows.n);
	return OK;
}

static err ask(void *arg, uint64_t id, str aor)
{
	return on_question(arg, id, aor, STR(""), false);
}

static err set(void *arg, uint64_t id, str aor, str rows)
{
	return on_question(arg, id, aor, rows, true);
}

static struct kept_one *find_row(struct bench *b, const char *aor, enum kept_kind kind, str key)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (strcmp(b->rows[i].aor, aor) == 0 && b->rows[i].kind == kind && str_eq(str_of(b->rows[i].key), key))
			return &b->rows[i];
	return NULL;
}

static void keep_row(struct bench *b, const char *aor, const struct kept_row *row)
{
	struct kept_one *one = find_row(b, aor, row->kind, row->key);
	if (row->is_gone) {
		if (one != NULL)
			*one = b->rows[--b->n_rows];
		return;
	}
	if (one == NULL) {
		assert_true(b->n_rows < 512);
		one = &b->rows[b->n_rows++];
	}
	snprintf(one->aor, sizeof one->aor, "%s", aor);
	one->kind = row->kind;
	assert_true(str_to_z(row->key, one->key, sizeof one->key) && str_to_z(row->value, one->value, sizeof one->value));
}

static void keep(struct bench *b, const char *aor, enum kept_kind kind, const char *key, const char *value)
{
	keep_row(b, aor, &(struct kept_row){ .kind = kind, .key = str_of(key), .value = str_of(value) });
}

static const char *kept(struct bench *b, const char *aor, enum kept_kind kind, const char *key)
{
	const struct kept_one *one = find_row(b, aor, kind, str_of(key));
	return one != NULL ? one->value : NULL;
}

static void answer_question(struct bench *b, const struct question *q)
{
	struct buf out;
	if (q->is_change) {
		str rest = { q->rows, q->n };
		struct kept_row row;
		err e = OK;
		while (!failed(b->refuses) && kept_row_next(&rest, &row, &e))
			keep_row(b, q->aor, &row);
		assert_false(failed(e));
		TESTED_BEGIN();
		kept_told_done(b->kept, q->id, b->refuses);
		TESTED_END();
		return;
	}
	buf_init(&out, 4 << 20);
	for (size_t i = 0; i < b->n_rows; i++)
		if (strcmp(b->rows[i].aor, q->aor) == 0)
			kept_row_add(&out, &(struct kept_row){ .kind = b->rows[i].kind, .key = str_of(b->rows[i].key), .value = str_of(b->rows[i].value) });
	TESTED_BEGIN();
	kept_told_rows(b->kept, q->id, buf_str(&out), true);
	TESTED_END();
	buf_fini(&out);
}

static void run_vault(struct bench *b)
{
	for (size_t i = 0; i < b->n_questions; i++) { /* an answer may ask again */
		struct question *q = malloc(sizeof *q);
		*q = b->questions[i];
		answer_question(b, q);
		free(q);
	}
	b->n_questions = 0;
}

/* ---- the world around ---- */

static bool is_signed_in(void *arg, str aor, str epid)
{
	const struct bench *b = arg;
	for (size_t i = 0; i < b->n_devices; i++) {
		str has, device = str_split(str_of(b->devices[i]), ' ', &has);
		if (str_eq(device, aor) && (epid.n == 0 || str_eq(has, epid)))
			return true;
	}
	return false;
}

static void sign_in(struct bench *b, const char *aor, const char *epid)
{
	snprintf(b->devices[b->n_devices++], sizeof b->devices[0], "%s %s", aor, epid);
	pres_devices_changed(b->pres, str_of(aor));
}

static void sign_out(struct bench *b, const char *aor, const char *epid)
{
	char device[80];
	snprintf(device, sizeof device, "%s %s", aor, epid);
	for (size_t i = 0; i < b->n_devices; i++)
		if (strcmp(b->devices[i], device) == 0)
			memmove(b->devices[i], b->devices[--b->n_devices], sizeof b->devices[0]);
	pres_devices_changed(b->pres, str_of(aor));
}

static bool is_contact(void *arg, str aor, str other)
{
	const struct bench *b = arg;
	char pair[160];
	snprintf(pair, sizeof pair, "[%.*s %.*s]", STR_FMT(aor), STR_FMT(other));
	return b->contacts != NULL && strstr(b->contacts, pair) != NULL;
}

static uint16_t home_of(void *arg, str aor)
{
	const struct bench *b = arg;
	return b->is_far != NULL && str_eq(aor, str_of(b->is_far)) ? 1 : 0;
}

static void watch_there(void *arg, uint16_t front, uint32_t id, str aor, str watcher, str categories)
{
	struct bench *b = arg;
	assert_int_equal(front, 1);
	b->watched = id;
	b->n_watched++;
}

static void unwatch_there(void *arg, uint16_t front, uint32_t id)
{
	struct bench *b = arg;
	b->n_unwatched++;
}

static void run_stages(struct bench *b, struct request *r)
{
	enum stage_verdict v = STAGE_NEXT;
	TESTED_BEGIN();
	err e = pres_stage(b->pres, r, &v);
	if (!failed(e) && v == STAGE_NEXT)
		e = notifier_stage(b->notifier, r, &v);
	if (failed(e))
		request_reply(r, e.def->sip, STR(""));
	else if (v == STAGE_NEXT)
		request_reply(r, 489, STR(""));
	TESTED_END();
}

static void resume(void *arg, struct request *r)
{
	run_stages(arg, r);
}

static err send_quick(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct bench *b = arg;
	(void)request;
	FAKE_BEGIN();
	free(b->quick[to->slot]);
	b->quick[to->slot] = strndup(bytes.p, bytes.n);
	FAKE_END();
	b->n_quick[to->slot]++;
	return OK;
}

static void add_user(struct bench *b, const char *aor, const char *name)
{
	static const char hash[32] = "0123456789abcdef0123456789abcde";
	const struct user_row row = { .version = 1, .aor = str_of(aor), .display_name = str_of(name), .enabled = true, .ha1_sha256 = { hash, 32 } };
	assert_false(failed(users_put(b->users, &row)));
}

static void open_pres(struct bench *b)
{
	static const struct kept_door door = { ask, set };
	const struct notifier_config n = { .timers = &b->timers, .txns = (struct txns *)b, .send = send_quick, .arg = b, .most = 1000 };
	assert_false(failed(notifier_new(&n, &b->notifier)));
	assert_false(failed(kept_new(&door, b, &b->kept)));
	const struct pres_config c = { .timers = &b->timers, .unix_ms = unix_ms, .users = b->users, .config = &b->config, .notifier = b->notifier, .kept = b->kept,
		.xml = b->xml, .fqdn = STR("fe.example.test"), .meter = &b->meter, .door = { .home = home_of, .watch = watch_there, .unwatch = unwatch_there, .is_signed_in = is_signed_in, .resume = resume, .is_contact = is_contact }, .arg = b };
	assert_false(failed(pres_new(&c, &b->pres)));
}

static void close_pres(struct bench *b)
{
	notifier_free(b->notifier);
	pres_free(b->pres);
	kept_free(b->kept);
	b->n_questions = 0;
	assert_int_equal(timers_next(&b->timers), UINT64_MAX);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	unix_now = UINT64_C(1700000000000);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	b->rows = calloc(512, sizeof *b->rows);
	b->questions = calloc(64, sizeof *b->questions);
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR("example.test"))));
	add_user(b, ANN, "Ann Other");
	add_user(b, BOB, "Bob Builder");
	static const char *const others[] = { "eve@example.test", "work@example.test", "out@partner.test", "fam@home.test", "nobody@void.test", "x@other.test", "x@sub.other.test" };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		add_user(b, others[i], "Somebody");
	assert_false(failed(xml_reader_new(&b->xml)));
	open_pres(b);
	sign_in(b, ANN, "ep1");
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	close_pres(b);
	for (size_t i = 0; i < 16; i++)
		free(b->quick[i]);
	xml_reader_free(b->xml);
	users_free(b->users);
	timers_fini(&b->timers);
	free(b->rows);
	free(b->questions);
	free(b);
	return 0;
}

static void pass(struct bench *b, uint64_t ms)
{
	unix_now += ms;
	timers_run(&b->timers, b->timers.now + ms);
	if (!b->waits)
		run_vault(b);
}

/* What a client sends; its device is "ep" and the number of its connection. */
struct client {
	const char *method, *from, *to, *type, *body, *event, *extra, *to_tag;
	unsigned flow; /* 1 */
};

static unsigned send_request(struct bench *b, const struct client *c)
{
	const char *from = c->from != NULL ? c->from : ANN, *to = c->to != NULL ? c->to : from, *body = c->body != NULL ? c->body : "";
	unsigned flow = c->flow != 0 ? c->flow : 1;
	struct conn conn = fake_conn(flow, true);
	struct request *r = fake_request(&conn,
		"%s sip:%s SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:%s>;tag=f%u;epid=ep%u\nTo: <sip:%s>%s%s\nCall-ID: c%u\nCSeq: %u %s\n"
		"Max-Forwards: 70\nContact: <sip:%s;opaque=x;gruu>\n%s%s%s%s%s%s%sContent-Length: %zu\n\n%s",
		c->method, to, from, flow, flow, to, c->to_tag != NULL ? ";tag=" : "", c->to_tag != NULL ? c->to_tag : "", flow, ++b->cseq, c->method, from,
		c->event != NULL ? "Event: " : "", c->event != NULL ? c->event : "", c->event != NULL ? "\n" : "", c->extra != NULL ? c->extra : "",
		c->type != NULL ? "Content-Type: " : "", c->type != NULL ? c->type : "", c->type != NULL ? "\n" : "", strlen(body), body);
	assert_non_null(r);
	r->aor = str_of(from);
	r->target = str_of(to);
	fake.status = 0;
	fake.answer[0] = '\0';
	run_stages(b, r);
	fake_request_free(r);
	if (!b->waits)
		run_vault(b);
	const char *tag = strstr(fake.answer, "\r\nTo: ");
	tag = tag != NULL ? strstr(tag, ";tag=") : NULL;
	if (tag != NULL && strcmp(c->method, "SUBSCRIBE") == 0)
		snprintf(b->tag, sizeof b->tag, "%.*s", (int)strcspn(tag + 5, "\r;"), tag + 5);
	return fake.status;
}

#define SEND(b, ...) send_request(b, &(struct client){ __VA_ARGS__ })
#define QUICK        "Supported: ms-benotify\nSupported: ms-piggyback-first-notify\n"
#define CATEGORIES   "Accept: application/msrtc-event-categories+xml, application/rlmi+xml\n"

static bool has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

static bool told(const struct bench *b, unsigned flow, const char *text)
{
	return b->quick[flow] != NULL && strstr(b->quick[flow], text) != NULL;
}

static void forget_told(struct bench *b)
{
	for (size_t i = 0; i < 16; i++) {
		free(b->quick[i]);
		b->quick[i] = NULL;
		b->n_quick[i] = 0;
	}
}

/* ---- what people publish ---- */

#define PUBLISH(b, operations, ...)                                                                                                                \
	SEND(b, .method = "SERVICE", .type = "application/msrtc-category-publish+xml",                                                              \
		.body = "<publish xmlns=\"http://schemas.microsoft.com/2006/09/sip/rich-presence\"><publications uri=\"sip:" ANN "\">" operations   \
			"</publications></publish>",                                                                                                \
		__VA_ARGS__)
#define PUBLICATION(name, instance, container, version, expire, body)                                                                             \
	"<publication categoryName=\"" name "\" instance=\"" #instance "\" container=\"" #container "\" version=\"" #version "\" expireType=\"" expire "\">" body \
	"</publication>"
#define STATE(type, manual, availability, more)                                                                                                    \
	"<state xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" manual=\"" manual      \
	"\" xsi:type=\"" type "\"><availability>" #availability "</availability>" more "</state>"
#define NOTE(text) "<note xmlns=\"http://schemas.microsoft.com/2006/09/sip/note\"><body type=\"personal\" uri=\"\">" text "</body></note>"

#define MEMBERS(b, text) SEND(b, .method = "SERVICE", .type = "application/msrtc-setcontainermembers+xml", .body = "<setContainerMembers>" text "</setContainerMembers>")
#define MEMBER(action, type, value) "<member action=\"" action "\" type=\"" type "\" value=\"" value "\"/>"

/* SUBSCRIBE of the reference client, for one user; also asks for work hours. */
#define BATCH(names, resources)                                                                                                          \
	"<batchSub xmlns=\"http://schemas.microsoft.com/2006/01/sip/batch-subscribe\"><action name=\"subscribe\" id=\"1\"><adhocList>" resources \
	"</adhocList><categoryList>" names "</categoryList></action></batchSub>"
#define RESOURCE(aor) "<resource uri=\"sip:" aor "\"><context/></resource>"
#define NAMES                                                                                                                                    \
	"<category name=\"calendarData\"/><category name=\"contactCard\"/><category name=\"note\"/><category name=\"state\"/>"                  \
	"<category name=\"workingHours\"/>"
#define WATCH(b, who, slot, resources, ...)                                                                                                       \
	SEND(b, .method = "SUBSCRIBE", .from = who, .flow = slot, .event = "presence", .extra = QUICK CATEGORIES "Require: adhoclist, categoryList\n", \
		.type = "application/msrtc-adrl-categorylist+xml", .body = BATCH(NAMES, resources), __VA_ARGS__)

#endif
