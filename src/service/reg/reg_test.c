/* SPDX-License-Identifier: Apache-2.0 */
#include "service/reg.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <malloc.h>

#include "engine/stage_fake.h"
#include "model/config.h"

#define ANN      "ann@example.test"
#define UUID     "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
#define INSTANCE ";+sip.instance=\"<" UUID ">\""

struct bench {
	struct reg *reg;
	struct notifier *notifier;
	struct users *users;
	struct crypt *crypt;
	struct timers timers;
	struct config config;
	struct meter meter;
	unsigned n_bound, n_unbound, cseq;
	struct flow last_flow;
	char kept[4096];
	size_t kept_n;
	struct arena arena;
};

static uint64_t unix_now;

static uint64_t unix_ms(void)
{
	return unix_now;
}

static void on_bound(void *arg, const struct flow *f, str aor, str bytes)
{
	struct bench *b = arg;
	b->n_bound++;
	b->last_flow = *f;
	assert_true(bytes.n <= sizeof b->kept);
	memcpy(b->kept, bytes.p, bytes.n);
	b->kept_n = bytes.n;
}

static void on_unbound(void *arg, const struct flow *f, str aor)
{
	struct bench *b = arg;
	b->n_unbound++;
	b->last_flow = *f;
}

static struct reg *open_reg(struct bench *b)
{
	struct reg *g;
	const struct notifier_config n = { .timers = &b->timers, .txns = (struct txns *)b, /* only a name for the fake */ .most = 1000 };
	assert_false(failed(notifier_new(&n, &b->notifier)));
	struct reg_config c = { .timers = &b->timers,
		.unix_ms = unix_ms,
		.crypt = b->crypt,
		.users = b->users,
		.config = &b->config,
		.notifier = b->notifier,
		.fqdn = STR("fe.example.test"),
		.port_tls = 5061,
		.meter = &b->meter,
		.door = { on_bound, on_unbound },
		.arg = b };
	assert_false(failed(reg_new(&c, &g)));
	return g;
}

static void close_reg(struct bench *b)
{
	notifier_free(b->notifier);
	reg_free(b->reg);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	unix_now = UINT64_C(1700000000000);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	arena_init(&b->arena, 1000000);
	assert_false(failed(crypt_new(&b->crypt)));
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR("example.test"))));
	b->reg = open_reg(b);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	close_reg(b);
	assert_int_equal(meter_get(&b->meter, METER_REG_BINDINGS), 0);
	assert_int_equal(timers_next(&b->timers), UINT64_MAX);
	users_free(b->users);
	crypt_free(b->crypt);
	timers_fini(&b->timers);
	arena_fini(&b->arena);
	free(b);
	return 0;
}

static void pass(struct bench *b, uint64_t ms)
{
	unix_now += ms;
	timers_run(&b->timers, b->timers.now + ms);
}

/* What a client sends; zero fields are the usual. */
struct client {
	unsigned flow;       /* 1 */
	const char *contact; /* Contact values; "": none */
	const char *extra;   /* header lines */
	const char *call_id; /* "a" */
	unsigned cseq;       /* the next */
	const char *aor;     /* ann@example.test, for To, From and the proof */
	const char *to;      /* another To */
	const char *via;     /* further Via values */
};

static const char * or (const char *a, const char *b)
{
	return a != NULL ? a : b;
}

/* Sends a REGISTER; answers the status. */
static unsigned send_register(struct bench *b, const struct client *c)
{
	struct conn conn = fake_conn(c->flow != 0 ? c->flow : 1, true);
	const char *aor = or (c->aor, ANN), *contact = or (c->contact, "<sip:ann@192.0.2.1:5061;transport=tls>");
	char to[128];
	snprintf(to, sizeof to, "<sip:%s>", aor);
	struct request *r = fake_request(&conn,
		"REGISTER sip:example.test SIP/2.0\n"
		"Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1%s%s\nFrom: <sip:%s>;tag=1\nTo: %s\nCall-ID: %s\nCSeq: %u "
		"REGISTER\n"
		"Max-Forwards: 70\n%s%s%s%sContent-Length: 0\n\n",
		c->via != NULL ? ", " : "", or (c->via, ""), aor, or (c->to, to), or (c->call_id, "a"),
		c->cseq != 0 ? c->cseq : ++b->cseq, contact[0] != '\0' ? "Contact: " : "", contact,
		contact[0] != '\0' ? "\n" : "", or (c->extra, ""));
	enum stage_verdict v = STAGE_NEXT;
	if (r == NULL)
		return 400;
	r->aor = str_of(aor);
	fake.status = 0;
	fake.answer[0] = '\0';
	err e = reg_stage(b->reg, r, &v);
	unsigned status = failed(e) ? e.def->sip : fake.status;
	if (!failed(e))
		assert_int_equal(v, STAGE_DONE);
	fake_request_free(r);
	return status;
}

#define SEND(b, ...) send_register(b, &(struct client){ __VA_ARGS__ })

static bool has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

/* The URIs where ann is, in order, with "+" before alternatives, joined by a space. */
static const char *targets(struct bench *b)
{
	static char out[2048];
	struct reg_target t[REG_TARGETS_MAX];
	size_t at = 0, n = reg_find(b->reg, STR(ANN), &b->arena, t, REG_TARGETS_MAX);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%s%s%.*s", i != 0 ? " " : "",
			t[i].is_alternative ? "+" : "", STR_FMT(t[i].uri));
	return out;
}

/* ---- RFC 3261 10.3 ---- */

static void binds_and_tells(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>", .extra = "Expires: 600\n"), 200);
	assert_true(has("Contact: <sip:a@192.0.2.1>;expires=600\r\n"));
	assert_true(has("Service-Route: <sip:fe.example.test:5061;transport=tls;lr>\r\n"));
	assert_true(has("P-Associated-URI: <sip:ann@example.test>\r\n"));
	assert_true(has("Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
	assert_false(has("gruu=") || has("Flow-Timer") || has("Require"));
	assert_string_equal(targets(b), "sip:a@192.0.2.1");
	pass(b, 1500);
	assert_int_equal(SEND(b, .contact = ""), 200);
	assert_true(has("Contact: <sip:a@192.0.2.1>;expires=599\r\n"));
	assert_int_equal(b->n_bound, 1);
	assert_int_equal(reg_count(b->reg), 1);
	assert_int_equal(reg_find(b->reg, STR("bob@example.test"), &b->arena, NULL, 0), 0);
}

static void refreshes_and_removes(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>, <sip:b@192.0.2.1>;q=0.5"), 200);
	assert_true(has("<sip:b@192.0.2.1>;expires=600;q=0.500"));
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>;expires=900"), 200);
	assert_true(has("<sip:a@192.0.2.1>;expires=900") && has("<sip:b@192.0.2.1>;expires=600"));
	assert_int_equal(SEND(b, .contact = "<sip:b@192.0.2.1>;expires=0"), 200);
	assert_string_equal(targets(b), "sip:a@192.0.2.1");
	assert_int_equal(SEND(b, .contact = "<sip:zzz@192.0.2.1>;expires=0"), 200);
	assert_int_equal(SEND(b, .contact = "<sip:c@192.0.2.1>"), 200);
	assert_int_equal(SEND(b, .contact = "*", .extra = "Expires: 0\n"), 200);
	assert_false(has("Contact"));
	assert_string_equal(targets(b), "");
	assert_int_equal(b->n_unbound, 1);
	assert_int_equal(SEND(b, .contact = "*", .extra = "Expires: 0\n"), 200);
}

static void uris_are_compared_as_uris(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *contact;
		size_t n;
	} rows[] = {
		{ "<sip:ann@h.test>", 1 },
		{ "<sip:ann@H.TEST>", 1 },
		{ "<sip:%61nn@h.test>", 1 },
		{ "<sip:Ann@h.test>", 2 },
		{ "<sip:ann@h.test:5061>", 3 },
		{ "<sip:ann@h.test;transport=tls>", 4 },
		{ "<sip:ann@h.test;x=y>", 4 },
		{ "<sips:ann@h.test>", 5 },
		{ "<sip:ann%00@h.test>", 6 },
		{ "<sip:%00ann@h.test>", 7 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(SEND(b, .contact = rows[i].contact), 200);
		assert_int_equal(reg_count(b->reg), rows[i].n);
	}
}

/* Every request that is refused, why, and that nothing of it happened. */
static void refusals(void **state)
{
	struct bench *b = *state;
	static const struct {
		struct client client;
		unsigned status;
	} rows[] = {
		{ { .contact = "*" }, 400 },
		{ { .contact = "*", .extra = "Expires: 1\n" }, 400 },
		{ { .contact = "*, <sip:c@192.0.2.1>", .extra = "Expires: 0\n" }, 400 },
		{ { .contact = "<sip:c@192.0.2.1>, *", .extra = "Expires: 0\n" }, 400 },
		{ { .contact = "<sip:c@192.0.2.1>;expires=299" }, 423 },
		{ { .contact = "<sip:c@192.0.2.1>", .extra = "Expires: 10\n" }, 423 },
		{ { .contact = "<sip:c@192.0.2.1>, <sip:d@192.0.2.1>;expires=1" }, 423 },
		{ { .contact = "<sip:c@192.0.2.1>;q=1.5" }, 400 },
		{ { .contact = "<mailto:ann@example.test>" }, 400 },
		{ { .contact = "<sip:c@192.0.2.1>;+sip.instance=\"x\"" }, 400 },
		{ { .contact = "<sip:c@192.0.2.1>" INSTANCE ";reg-id=0" }, 400 },
		{ { .contact = "<sip:c@192.0.2.1>" INSTANCE ";reg-id=x" }, 400 },
		{ { .contact = "<sip:ann@example.test;gr=urn:x>" }, 403 },
		{ { .to = "<sip:bob@example.test>" }, 403 },
		{ { .to = "<sip:ann@foreign.test>" }, 404 },
		{ { .to = "isbn:2983792873" }, 400 },
		{ { .extra = "Require: foo, outbound, bar\n" }, 420 },
		{ { .cseq = 5 }, 500 },
		{ { .contact = "<sip:a@192.0.2.1>;expires=0", .cseq = 4 }, 500 },
		{ { .contact = "*", .extra = "Expires: 0\n", .cseq = 5 }, 500 },
	};
	assert_int_equal(
		SEND(b, .contact = "<sip:a@192.0.2.1>, <sip:ann@192.0.2.1:5061;transport=tls>", .cseq = 5), 200);
	b->cseq = 5;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(send_register(b, &rows[i].client), rows[i].status);
		assert_string_equal(targets(b), "sip:ann@192.0.2.1:5061;transport=tls sip:a@192.0.2.1");
		if (rows[i].status == 423)
			assert_true(has("Min-Expires: 300\r\n"));
		if (rows[i].status == 420)
			assert_true(has("Unsupported: foo\r\nUnsupported: bar\r\n"));
	}
	/* an older CSeq of another Call-ID is no older request */
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>;expires=0", .call_id = "other", .cseq = 1), 200);
	assert_string_equal(targets(b), "sip:ann@192.0.2.1:5061;transport=tls");
}

static void times_are_bounded(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *contact, *extra, *want;
	} rows[] = {
		{ "<sip:a@192.0.2.1>", "", "expires=600\r" },
		{ "<sip:a@192.0.2.1>", "Expires: 700\n", "expires=700\r" },
		{ "<sip:a@192.0.2.1>;expires=800", "Expires: 700\n", "expires=800\r" },
		{ "<sip:a@192.0.2.1>;expires=99999999999", "", "expires=3600\r" },
		{ "<sip:a@192.0.2.1>;expires=7200", "", "expires=3600\r" },
		{ "<sip:a@192.0.2.1>;expires=garbage", "", "expires=3600\r" },
		{ "<sip:a@192.0.2.1>;expires=300", "", "expires=300\r" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(SEND(b, .contact = rows[i].contact, .extra = rows[i].extra), 200);
		assert_true(has(rows[i].want));
	}
	/* a shortest time over an hour is not a reason to refuse (RFC 3261 10.3 step 7) */
	b->config.min_expiration = 7200;
	b->config.max_expiration = 10000;
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>;expires=3599"), 423);
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>;expires=3600"), 200);
	assert_true(has("expires=7200"));
}

static void bindings_expire(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.1>;expires=300, <sip:b@192.0.2.1>;expires=400"), 200);
	pass(b, 299999);
	assert_int_equal(reg_count(b->reg), 2);
	pass(b, 1);
	assert_string_equal(targets(b), "sip:b@192.0.2.1");
	assert_int_equal(meter_get(&b->meter, METER_REG_EXPIRED), 1);
	assert_int_equal(b->n_bound, 2);
	pass(b, 100000);
	assert_int_equal(reg_count(b->reg), 0);
	assert_int_equal(b->n_unbound, 1);
}

static void torture(void **state)
{
	struct bench *b = *state;
	/* RFC 4475 3.3.12, 3.3.13, 3.3.14 */
	assert_int_equal(SEND(b, .contact = "sip:a@192.0.2.1;unknownparam"), 200);
	assert_true(has("Contact: <sip:a@192.0.2.1>;expires"));
	assert_int_equal(SEND(b, .contact = "<sip:b@192.0.2.1;unknownparam>"), 200);
	assert_true(has("Contact: <sip:b@192.0.2.1;unknownparam>;expires"));
	assert_int_equal(SEND(b, .contact = "<sip:c@192.0.2.1?Route=%3Csip:sip.example.test%3E>"), 200);
	assert_int_equal(reg_count(b->reg), 3);
}

static void too_many_contacts(void **state)
{
	struct bench *b = *state;
	char contacts[2048] = "";
	size_t at = 0;
	for (int i = 0; i < 17; i++)
		at += (size_t)snprintf(
			contacts + at, sizeof contacts - at, "%s<sip:c%d@192.0.2.1>;expires=0", i != 0 ? ", " : "", i);
	assert_int_equal(SEND(b, .contact = contacts), 513);
}

/* ---- devices ---- */

static void devices_are_limited(void **state)
{
	struct bench *b = *state;
	char contact[128];
	b->config.max_endpoints = 3;
	for (int i = 0; i < 3; i++) {
		snprintf(contact, sizeof contact, "<sip:a@192.0.2.1:%d>;+sip.instance=\"<urn:x:%d>\"", 5000 + i, i);
		assert_int_equal(SEND(b, .contact = contact, .flow = (unsigned)i + 1), 200);
	}
	assert_int_equal(SEND(b, .contact = "<sip:z@192.0.2.1>"), 403);
	assert_true(has("SIP/2.0 403 Too many devices are signed in\r\n"));
	assert_true(has("Warning: 399 fe.example.test \"at most 3 devices\"\r\n"));
	/* the same devices come again, elsewhere */
	assert_int_equal(SEND(b, .contact = "<sip:a@192.0.2.9>;+sip.instance=\"<urn:x:1>\"", .flow = 9), 200);
	/* one leaves and another comes, at once */
	assert_int_equal(SEND(b, .contact = "<sip:z@192.0.2.1>, <sip:a@192.0.2.1:5000>;expires=0", .flow = 8), 200);
	b->config.max_endpoints = 1;
	assert_int_equal(SEND(b, .contact = "<sip:z@192.0.2.1>", .flow = 8), 200);
	assert_int_equal(SEND(b, .contact = "<sip:y@192.0.2.1>", .flow = 8), 403);
}

static void a_device_keeps_its_newest_flows(void **state)
{
	struct bench *b = *state;
	char contact[128];
	for (unsigned i = 1; i <= 6; i++) {
		snprintf(contact, sizeof contact, "<sip:a@192.0.2.1:%u>" INSTANCE, 5000 + i);
		assert_int_equal(SEND(b, .contact = contact, .flow = i), 200);
	}
	assert_string_equal(
		targets(b), "sip:a@192.0.2.1:5006 +sip:a@192.0.2.1:5005 +sip:a@192.0.2.1:5004 +sip:a@192.0.2.1:5003");
	assert_int_equal(
		SEND(b, .contact = "<sip:a@h1>" INSTANCE ", <sip:a@h2>" INSTANCE ", <sip:a@h3>" INSTANCE
				   ", <sip:a@h4>" INSTANCE ", <sip:a@h5>" INSTANCE ", <sip:a@192.0.2.1:5003>" INSTANCE),
		200);
	assert_int_equal(reg_count(b->reg), 4);
}

static void targets_are_sorted(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:low@h>;q=0.1, <sip:high@h>, <sip:mid@h>;q=0.5"), 200);
	assert_int_equal(SEND(b, .contact = "<sip:dev1@h>;q=0.7" INSTANCE, .flow = 2), 200);
	assert_int_equal(SEND(b, .contact = "<sip:dev2@h>;q=0.2" INSTANCE, .flow = 3), 200);
	assert_string_equal(targets(b), "sip:high@h sip:mid@h sip:dev2@h +sip:dev1@h sip:low@h");
	struct reg_target t[2];
	assert_int_equal(reg_find(b->reg, STR(ANN), &b->arena, t, 2), 2);
}

/* ---- flows ---- */

static void bindings_end_with_their_flow(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@h>, <sip:b@h>", .flow = 1), 200);
	assert_int_equal(SEND(b, .contact = "<sip:c@h>", .flow = 2), 200);
	assert_int_equal(SEND(b, .contact = "<sip:d@h>", .flow = 1, .aor = "bob@example.test"), 200);
	assert_int_equal(SEND(b, .contact = "<sip:b@h>", .flow = 2), 200);
	struct flow f = { .slot = 1, .serial = 1 };
	reg_flow_gone(b->reg, &f);
	assert_string_equal(targets(b), "sip:b@h sip:c@h");
	assert_int_equal(reg_count(b->reg), 2);
	reg_flow_gone(b->reg, &f);
	f.slot = 2;
	reg_flow_gone(b->reg, &f);
	assert_int_equal(reg_count(b->reg), 0);
	assert_int_equal(meter_get(&b->meter, METER_REG_FLOW_GONE), 4);
}

static void a_newer_flow_replaces(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@h>", .flow = 1), 200);
	assert_int_equal(SEND(b, .contact = "<sip:a@h>", .flow = 2, .call_id = "b"), 200);
	assert_int_equal(reg_count(b->reg), 1);
	assert_int_equal(b->n_unbound, 1); /* over the first */
	struct flow f = { .slot = 1, .serial = 1 };
	reg_flow_gone(b->reg, &f);
	assert_string_equal(targets(b), "sip:a@h");
}

/* ---- RFC 5626 ---- */

#define OUTBOUND "Supported: outbound, path, gruu\n"

static void outbound(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@h1>" INSTANCE ";reg-id=1", .extra = OUTBOUND, .flow = 1), 200);
	assert_true(has("Require: outbound\r\n") && has("Flow-Timer: 120\r\n") &&
		    has(";reg-id=1;+sip.instance=\"<" UUID ">\""));
	assert_int_equal(SEND(b, .contact = "<sip:a@h2>" INSTANCE ";reg-id=2", .extra = OUTBOUND, .flow = 2), 200);
	assert_string_equal(targets(b), "sip:a@h2 +sip:a@h1");
	/* the same flow again from elsewhere */
	assert_int_equal(SEND(b, .contact = "<sip:a@h3>" INSTANCE ";reg-id=1", .extra = OUTBOUND, .flow = 3), 200);
	assert_string_equal(targets(b), "sip:a@h3 +sip:a@h2");
	/* removed by instance and reg-id, whatever the URI */
	assert_int_equal(
		SEND(b, .contact = "<sip:a@h9>" INSTANCE ";reg-id=1;expires=0", .extra = OUTBOUND, .flow = 3), 200);
	assert_string_equal(targets(b), "sip:a@h2");
	/* and by URI */
	assert_int_equal(SEND(b, .contact = "<sip:a@h2>;expires=0", .flow = 3), 200);
	assert_string_equal(targets(b), "");
	/* without support, or without an instance, reg-id means nothing */
	assert_int_equal(SEND(b, .contact = "<sip:a@h1>" INSTANCE ";reg-id=1"), 200);
	assert_false(has("Require") || has("reg-id"));
	assert_int_equal(SEND(b, .contact = "<sip:a@h1>;reg-id=1", .extra = OUTBOUND), 200);
	assert_false(has("Require") || has("reg-id"));
	assert_int_equal(SEND(b, .contact = "<sip:a@h1>" INSTANCE ";reg-id=1, <sip:a@h2>" INSTANCE ";reg-id=2",
				 .extra = OUTBOUND),
		400);
}

static void the_first_hop_must_know_outbound(void **state)
{
	struct bench *b = *state;
	static const char via[] = "SIP/2.0/TLS 198.51.100.1;branch=z9hG4bK2";
	static const struct {
		const char *path;
		unsigned status;
	} rows[] = {
		{ "", 439 },
		{ "Path: <sip:edge.example.test;lr>\n", 439 },
		{ "Path: <sip:edge.example.test;lr;ob>\n", 200 },
		{ "Path: <sip:x;lr;ob>, <sip:edge.example.test;lr>\n", 439 },
		{ "Path: <sip:x;lr>\nPath: <sip:edge.example.test;lr;ob>\n", 200 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char extra[256];
		snprintf(extra, sizeof extra, OUTBOUND "%s", rows[i].path);
		assert_int_equal(SEND(b, .contact = "<sip:a@h1>" INSTANCE ";reg-id=1", .extra = extra, .via = via),
			rows[i].status);
	}
	assert_true(has("Path: <sip:x;lr>, <sip:edge.example.test;lr;ob>\r\n"));
	struct reg_target t[1];
	assert_int_equal(reg_find(b->reg, STR(ANN), &b->arena, t, 1), 1);
	assert_true(str_eq(t[0].path, STR("<sip:x;lr>, <sip:edge.example.test;lr;ob>")));
	/* who does not ask for outbound needs no such hop */
	assert_int_equal(SEND(b, .contact = "<sip:a@h1>", .via = via), 200);
}

/* ---- RFC 5627 ---- */

/* The value of a Contact parameter in the last answer, as a URI in the arena. */
static struct uri answered(struct bench *b, const char *name)
{
	struct uri u;
	const char *at = strstr(fake.answer, name);
	assert_non_null(at);
	at += strlen(name) + 2;
	str text = arena_copy(&b->arena, (str){ at, strcspn(at, "\"") });
	assert_false(failed(uri_parse(text, &u, NULL)));
	return u;
}

static size_t find_gruu(struct bench *b, const struct uri *u)
{
	struct reg_target t[REG_TARGETS_MAX];
	return reg_find_gruu(b->reg, u, &b->arena, t, REG_TARGETS_MAX);
}

static void gruus_find_one_instance(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:b@h>", .flow = 5), 200);
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE, .extra = OUTBOUND), 200);
	struct uri pub = answered(b, "pub-gruu"), temp = answered(b, "temp-gruu");
	assert_true(str_eq(pub.raw, STR("sip:ann@example.test;gr=" UUID)));
	struct reg_target t[2];
	str aor;
	assert_int_equal(reg_find_gruu(b->reg, &pub, &b->arena, t, 2), 1);
	assert_true(str_eq(t[0].uri, STR("sip:a@h")));
	assert_int_equal(reg_find_gruu(b->reg, &temp, &b->arena, t, 2), 1);
	assert_true(str_eq(t[0].uri, STR("sip:a@h")));
	assert_true(reg_gruu_aor(b->reg, &temp, &b->arena, &aor) && str_eq(aor, STR(ANN)));
	assert_true(reg_gruu_aor(b->reg, &pub, &b->arena, &aor) && str_eq(aor, STR(ANN)));
	/* each answer has another temporary one; all hold */
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE, .extra = OUTBOUND), 200);
	struct uri second = answered(b, "temp-gruu");
	assert_false(str_eq(second.raw, temp.raw));
	assert_int_equal(find_gruu(b, &temp), 1);
	assert_int_equal(find_gruu(b, &second), 1);
	/* another Call-ID: the client has started anew */
	pass(b, 1000);
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE, .extra = OUTBOUND, .call_id = "new"), 200);
	assert_int_equal(find_gruu(b, &temp), 0);
	assert_int_equal(find_gruu(b, &pub), 1);
	/* a gap ends them too */
	temp = answered(b, "temp-gruu");
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE ";expires=0", .call_id = "new"), 200);
	assert_int_equal(find_gruu(b, &pub), 0);
	pass(b, 1000);
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE, .call_id = "new"), 200);
	assert_int_equal(find_gruu(b, &temp), 0);
	assert_false(has("gruu=")); /* not asked for */
}

static void forged_gruus_are_nobodys(void **state)
{
	struct bench *b = *state;
	str aor;
	static const char *const texts[] = {
		"sip:tgruu.abc@example.test;gr",
		"sip:tgruu.@example.test;gr",
		"sip:ann@foreign.test;gr=x",
		"sip:ann@example.test",
		"sip:tgruu.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@example.test;gr",
		"tel:+1;gr=x",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct uri u;
		assert_false(failed(uri_parse(str_of(texts[i]), &u, NULL)));
		assert_false(reg_gruu_aor(b->reg, &u, &b->arena, &aor));
		assert_int_equal(find_gruu(b, &u), 0);
	}
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE, .extra = OUTBOUND), 200);
	struct uri temp = answered(b, "temp-gruu"), u;
	char text[512];
	assert_true(str_to_z(temp.raw, text, sizeof text));
	text[30] = text[30] == 'A' ? 'B' : 'A';
	assert_false(failed(uri_parse(str_of(text), &u, NULL)));
	assert_int_equal(find_gruu(b, &u), 0);
}

/* ---- a home that starts anew ---- */

static void bindings_are_restored(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@h>;q=0.5;expires=600" INSTANCE ";reg-id=1, <sip:b@h>;expires=400",
				 .extra = OUTBOUND "Path: <sip:p;lr>\n"),
		200);
	struct uri temp = answered(b, "temp-gruu");
	struct flow f = { .slot = 1, .serial = 1 };
	close_reg(b);
	pass(b, 100000);
	b->reg = open_reg(b);
	assert_false(failed(reg_binding_restore(b->reg, &f, STR(ANN), (str){ b->kept, b->kept_n })));
	assert_string_equal(targets(b), "sip:b@h sip:a@h");
	assert_int_equal(find_gruu(b, &temp), 1);
	/* once is enough */
	assert_false(failed(reg_binding_restore(b->reg, &f, STR(ANN), (str){ b->kept, b->kept_n })));
	assert_int_equal(reg_count(b->reg), 2);
	assert_int_equal(SEND(b, .contact = "", .extra = OUTBOUND), 200);
	assert_true(has("<sip:a@h>;expires=500;q=0.500;reg-id=1"));
	/* old requests stay old */
	assert_int_equal(SEND(b, .contact = "<sip:b@h>", .cseq = 1), 500);
	pass(b, 300000);
	assert_string_equal(targets(b), "sip:a@h");
	/* cut at every length, it is refused, or less comes back; nothing breaks */
	close_reg(b);
	for (size_t n = 0; n < b->kept_n; n++) {
		b->reg = open_reg(b);
		err e = reg_binding_restore(b->reg, &f, STR(ANN), (str){ b->kept, n });
		assert_true(err_is(e, ERR_MALFORMED) || reg_count(b->reg) <= 1);
		close_reg(b);
	}
	b->reg = open_reg(b);
}

/* ---- reg event package (RFC 3680) ---- */

/* What a subscriber sends; zero fields are the usual. */
struct subscriber {
	const char *from;    /* ann */
	const char *event;   /* reg */
	const char *extra;   /* header lines */
	const char *to_tag;  /* of an earlier answer: inside the dialog */
	const char *call_id; /* "s" */
	const char *expires; /* 600 */
	unsigned flow;       /* 1 */
	unsigned cseq;       /* the next */
};

/* Sends a SUBSCRIBE for ann; answers the status, 0 when the stage did not take it. */
static unsigned send_subscribe(struct bench *b, const struct subscriber *c)
{
	struct conn conn = fake_conn(c->flow != 0 ? c->flow : 1, true);
	const char *from = or (c->from, "ann");
	char aor[64];
	snprintf(aor, sizeof aor, "%s@example.test", from);
	struct request *r = fake_request(&conn,
		"SUBSCRIBE sip:ann@example.test SIP/2.0\n"
		"Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:%s>;tag=f\nTo: "
		"<sip:ann@example.test>%s%s\nCall-ID: %s\n"
		"CSeq: %u SUBSCRIBE\nMax-Forwards: 70\nContact: <sip:ann@192.0.2.1:5061>\nEvent: %s\nExpires: %s\n%s"
		"Content-Length: 0\n\n",
		aor, c->to_tag != NULL ? ";tag=" : "", or (c->to_tag, ""), or (c->call_id, "s"),
		c->cseq != 0 ? c->cseq : ++b->cseq, or (c->event, "reg"), or (c->expires, "600"), or (c->extra, ""));
	enum stage_verdict v = STAGE_NEXT;
	assert_non_null(r);
	r->aor = str_of(aor);
	r->target = STR(ANN);
	fake.status = 0;
	err e = notifier_stage(b->notifier, r, &v);
	fake_request_free(r);
	return failed(e) ? e.def->sip : v == STAGE_NEXT ? 0 : fake.status;
}

#define SUBSCRIBE(b, ...) send_subscribe(b, &(struct subscriber){ __VA_ARGS__ })

static bool told(const char *text)
{
	return strstr(fake.request, text) != NULL;
}

/* Our tag in the last answer. */
static const char *our_tag(void)
{
	static char tag[17];
	const char *at = strstr(fake.answer, "\r\nTo: ");
	assert_non_null(at);
	at = strstr(at, ";tag=");
	assert_non_null(at);
	memcpy(tag, at + 5, 16);
	return tag;
}

static void answer_notify(unsigned status)
{
	struct inbound in = { .msg = { .status = status } };
	assert_false(fake.txn->forgotten);
	fake.txn->door->on_response(fake.txn->arg, fake.txn, &in);
}

static void a_watcher_is_told(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SUBSCRIBE(b, .flow = 7), 200);
	assert_true(has("Expires: 600\r\n") && has("Contact: <sip:ann@example.test>\r\n"));
	assert_int_equal(fake.n_requests, 1);
	assert_int_equal(fake.to.slot, 7);
	assert_true(told("NOTIFY sip:ann@192.0.2.1:5061 SIP/2.0\r\n") &&
		    told("Subscription-State: active;expires=600\r\n"));
	assert_true(told("Event: reg\r\n") && told("Content-Type: application/reginfo+xml\r\n") &&
		    told("CSeq: 1 NOTIFY\r\n"));
	assert_true(told("To: <sip:ann@example.test>;tag=f\r\n"));
	assert_true(
		told("version=\"0\" state=\"full\"") && told("aor=\"sip:ann@example.test\" id=\"r1\" state=\"init\""));
	answer_notify(200);
	pass(b, 5000);
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE, .extra = OUTBOUND), 200);
	assert_int_equal(fake.n_requests, 2);
	assert_true(told("version=\"1\" state=\"partial\"") && told("state=\"active\" event=\"created\""));
	assert_true(told("<uri>sip:a@h</uri>") && told("<gr:pub-gruu uri=\"sip:ann@example.test;gr=" UUID "\"/>"));
	answer_notify(200);
	/* what comes soon after waits, and is told then */
	pass(b, 1000);
	assert_int_equal(SEND(b, .contact = "<sip:b@h>"), 200);
	assert_int_equal(fake.n_requests, 2);
	pass(b, 4000);
	assert_int_equal(fake.n_requests, 3);
	assert_true(
		told("version=\"2\" state=\"partial\"") && told("<uri>sip:b@h</uri>") && !told("<uri>sip:a@h</uri>"));
	/* nothing more goes out before the answer */
	pass(b, 6000);
	assert_int_equal(SEND(b, .contact = "<sip:b@h>;expires=0"), 200);
	assert_int_equal(fake.n_requests, 3);
	answer_notify(200);
	pass(b, 0);
	assert_int_equal(fake.n_requests, 4);
	assert_true(told("<uri>sip:b@h</uri>") && told("state=\"terminated\" event=\"unregistered\"") &&
		    !told("<uri>sip:a@h</uri>"));
	answer_notify(200);
	/* more losses than are kept: the whole state instead */
	b->config.max_endpoints = 64;
	for (int i = 0; i < 10; i++) {
		char contacts[1024];
		size_t at = 0;
		for (int k = 0; k < 10; k++)
			at += (size_t)snprintf(
				contacts + at, sizeof contacts - at, "%s<sip:x%d@h%d>", k != 0 ? ", " : "", i, k);
		assert_int_equal(SEND(b, .contact = contacts), 200);
		assert_int_equal(SEND(b, .contact = "*", .extra = "Expires: 0\n"), 200);
	}
	assert_int_equal(SEND(b, .contact = "<sip:a@h>" INSTANCE), 200);
	pass(b, 5000);
	assert_true(told("state=\"full\"") && told("<uri>sip:a@h</uri>") && !told("terminated"));
	answer_notify(200);
	pass(b, 5000);
	assert_int_equal(SEND(b, .contact = "*", .extra = "Expires: 0\n"), 200);
	assert_true(told("state=\"terminated\" event=\"unregistered\"") && told("id=\"r1\" state=\"terminated\""));
	answer_notify(200);
	/* its end */
	pass(b, 600000);
	assert_true(told("Subscription-State: terminated;reason=timeout\r\n"));
	assert_true(fake.txn->forgotten);
}

static void a_subscription_is_renewed_and_ended(void **state)
{
	struct bench *b = *state;
	char tag[17];
	assert_int_equal(SUBSCRIBE(b, .expires = "100"), 200);
	memcpy(tag, our_tag(), sizeof tag);
	answer_notify(200);
	pass(b, 99000);
	assert_int_equal(SUBSCRIBE(b, .expires = "100", .to_tag = tag), 200);
	assert_int_equal(fake.n_requests, 2);
	assert_true(told("version=\"1\""));
	answer_notify(200);
	pass(b, 99000);
	assert_int_equal(fake.n_requests, 2);
	assert_int_equal(SUBSCRIBE(b, .to_tag = tag, .cseq = 1), 500);
	assert_int_equal(SUBSCRIBE(b, .to_tag = tag, .call_id = "other"), 481);
	assert_int_equal(SUBSCRIBE(b, .to_tag = "0123456789abcdef"), 481);
	assert_int_equal(SUBSCRIBE(b, .to_tag = tag, .expires = "0"), 200);
	assert_true(told("terminated;reason=timeout"));
	assert_int_equal(SUBSCRIBE(b, .to_tag = tag), 481);
	/* one look */
	assert_int_equal(SUBSCRIBE(b, .expires = "0"), 200);
	assert_true(told("terminated;reason=timeout") && told("version=\"0\""));
}

static void who_may_subscribe(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SUBSCRIBE(b, .from = "bob"), 403);
	assert_int_equal(SUBSCRIBE(b, .event = "presence"), 0);
	assert_int_equal(SUBSCRIBE(b, .expires = "59"), 423);
	assert_true(has("Min-Expires: 60\r\n"));
	assert_int_equal(SUBSCRIBE(b, .extra = "Accept: application/pidf+xml\n"), 406);
	assert_int_equal(SUBSCRIBE(b, .extra = "Accept: text/plain, application/reginfo+xml\n"), 200);
	assert_int_equal(fake.n_requests, 1);
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(SUBSCRIBE(b), 200);
	assert_int_equal(SUBSCRIBE(b), 503);
}

static void a_subscription_ends_by_itself(void **state)
{
	struct bench *b = *state;
	/* refused */
	assert_int_equal(SUBSCRIBE(b), 200);
	answer_notify(481);
	pass(b, 0);
	assert_int_equal(SUBSCRIBE(b, .to_tag = our_tag()), 481);
	/* nobody there */
	assert_int_equal(SUBSCRIBE(b), 200);
	fake.txn->door->on_fail(fake.txn->arg, fake.txn, ERR(SIP_TIMEOUT));
	pass(b, 0);
	assert_int_equal(SUBSCRIBE(b, .to_tag = our_tag()), 481);
	/* its connection has gone */
	assert_int_equal(SUBSCRIBE(b), 200);
	const char *tag = our_tag();
	assert_int_equal(SEND(b, .contact = "<sip:a@h>"), 200);
	struct flow f = { .slot = 1, .serial = 1 };
	notifier_flow_gone(b->notifier, &f);
	assert_true(fake.txn->forgotten);
	assert_int_equal(SUBSCRIBE(b, .to_tag = tag), 481);
	/* its process has */
	assert_int_equal(SUBSCRIBE(b), 200);
	notifier_front_gone(b->notifier, 1);
	assert_false(fake.txn->forgotten);
	notifier_front_gone(b->notifier, 0);
	assert_true(fake.txn->forgotten);
	/* the user has */
	assert_int_equal(SUBSCRIBE(b), 200);
	reg_user_gone(b->reg, STR(ANN));
	assert_true(told("terminated;reason=noresource"));
}

static void removed_users_are_nowhere(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .contact = "<sip:a@h>, <sip:b@h>"), 200);
	reg_user_gone(b->reg, STR(ANN));
	reg_user_gone(b->reg, STR("zoe@example.test"));
	assert_int_equal(reg_count(b->reg), 0);
}

static void a_binding_costs_little(void **state)
{
	struct bench *b = *state;
	enum { USERS = 2000 };
	char aor[64], contact[192], call_id[64];
	size_t before = mallinfo2().uordblks;
	for (unsigned i = 0; i < USERS; i++) {
		snprintf(aor, sizeof aor, "user%u@example.test", i);
		snprintf(contact, sizeof contact, "<sip:user%u@192.0.2.17:40123;transport=tls>" INSTANCE, i);
		snprintf(call_id, sizeof call_id, "7c1e4d2a9b30%016u", i);
		assert_int_equal(SEND(b, .aor = aor, .contact = contact, .flow = i + 1, .call_id = call_id), 200);
	}
	size_t each = (mallinfo2().uordblks - before) / USERS;
	print_message("a binding costs %zu bytes\n", each);
#ifndef __SANITIZE_ADDRESS__
	assert_true(each <= 400);
#endif
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(binds_and_tells),
		CASE(refreshes_and_removes),
		CASE(uris_are_compared_as_uris),
		CASE(refusals),
		CASE(times_are_bounded),
		CASE(bindings_expire),
		CASE(torture),
		CASE(too_many_contacts),
		CASE(devices_are_limited),
		CASE(a_device_keeps_its_newest_flows),
		CASE(targets_are_sorted),
		CASE(bindings_end_with_their_flow),
		CASE(a_newer_flow_replaces),
		CASE(outbound),
		CASE(the_first_hop_must_know_outbound),
		CASE(gruus_find_one_instance),
		CASE(forged_gruus_are_nobodys),
		CASE(bindings_are_restored),
		CASE(removed_users_are_nowhere),
		CASE(a_watcher_is_told),
		CASE(a_subscription_is_renewed_and_ended),
		CASE(who_may_subscribe),
		CASE(a_subscription_ends_by_itself),
		CASE(a_binding_costs_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
