/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy of RFC 3261 16 with its real neighbours (users, registrar, transactions) on a fake clock; only what would go out
 * over connections is written down: "2:INVITE" is an INVITE to flow 2, "1:180" an answer to flow 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/config.h"
#include "service/route.h"

#define FLOWS 8

struct world {
	struct timers timers;
	struct crypt *crypt;
	struct config config;
	struct users *users;
	struct txns *txns;
	struct reg *reg;
	struct route *route;
	struct answers answers;
	char log[4096];
	char last[FLOWS][8192]; /* the last message to each flow */
	bool gone[FLOWS];       /* sending over it fails */
	char led[300];          /* where the door was asked to lead */
	unsigned cseq;
};

static err fake_send(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct world *w = arg;
	(void)request;
	assert_true(to->slot < FLOWS);
	if (w->gone[to->slot])
		return ERR(SIP_FLOW_FAILED);
	(void)str_to_z(bytes, w->last[to->slot], sizeof w->last[0]);
	bool is_response = str_begins(bytes, STR("SIP/2.0 "));
	str first = is_response ? str_cut(bytes, 8, 11) : str_cut(bytes, 0, str_find_char(bytes, ' '));
	size_t n = strlen(w->log);
	(void)snprintf(w->log + n, sizeof w->log - n, "%s%u:%.*s", n != 0 ? " " : "", to->slot, STR_FMT(first));
	return OK;
}

/* A way to other servers that is there at once: flow 6, to whoever's name ends with .internal. */
static err fake_lead(void *arg, const struct request *r, const struct uri *u, const struct flow *gone, route_found_fn *found, void *found_arg)
{
	struct world *w = arg;
	(void)r;
	(void)str_to_z(u->host, w->led, sizeof w->led);
	ENSURE(memmem(u->host.p, u->host.n, ".internal", 9) != NULL, SIP_FORBIDDEN);
	ENSURE(gone == NULL || w->gone[gone->slot], ABSENT);
	found(found_arg, OK, &(struct flow){ .slot = 6, .serial = 1 });
	return OK;
}

static bool fake_is_up(void *arg, const struct flow *flow)
{
	const struct world *w = arg;
	return flow->slot < FLOWS && !w->gone[flow->slot];
}

static void add_user(struct world *w, const char *aor)
{
	static const char hash[32] = { 1 };
	assert_false(failed(users_put(w->users, &(const struct user_row){ .version = 1, .aor = str_of(aor), .enabled = true,
							.ha1_sha256 = { hash, sizeof hash } })));
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	timers_init(&w->timers, 1000);
	config_default(&w->config);
	assert_false(failed(crypt_new(&w->crypt)));
	assert_false(failed(users_new(&w->users)));
	assert_false(failed(users_set_domains(w->users, STR("example.test"))));
	add_user(w, "ann@example.test");
	add_user(w, "bob@example.test");
	assert_false(failed(txns_new(&(const struct txns_config){ .timers = &w->timers, .max = 1000, .via_host = STR("uc01.example.test"),
					     .via_port = 5061, .reliable = true, .send = fake_send, .arg = w }, &w->txns)));
	assert_false(failed(reg_new(&(const struct reg_config){ .timers = &w->timers, .crypt = w->crypt, .users = w->users,
					    .config = &w->config, .fqdn = STR("uc01.example.test"), .port_tls = 5061 }, &w->reg)));
	assert_false(failed(route_new(&(const struct route_config){ .crypt = w->crypt, .users = w->users, .reg = w->reg,
					      .txns = w->txns, .fqdn = STR("uc01.example.test"), .port_tls = 5061, .port_tcp = 5060,
					      .n_fronts = 1, .home_k0 = 1, .home_k1 = 2, .send = fake_send, .door = { fake_lead, fake_is_up }, .arg = w }, &w->route)));
	w->answers = (struct answers){ .send = fake_send, .arg = w, .tag_k0 = 3, .tag_k1 = 4, .fqdn = STR("uc01.example.test") };
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	txns_free(w->txns);
	route_free(w->route);
	reg_free(w->reg);
	users_free(w->users);
	crypt_free(w->crypt);
	timers_fini(&w->timers);
	free(w);
	return 0;
}

/* What front does: home and transaction, then the services. */
static err begin(void *state, struct request *r, enum stage_verdict *v)
{
	struct world *w = state;
	uint16_t home;
	TRY(route_home(w->route, r, &home));
	assert_int_equal(home, 0);
	err e = txn_server_match(w->txns, r->in);
	*v = err_is(e, ERR_EXISTS) ? STAGE_DONE : STAGE_NEXT;
	if (err_is(e, ERR_EXISTS) || r->in->msg.method == SIP_METHOD_ACK)
		return OK;
	return txn_server_open(w->txns, r->in, &r->txn);
}

static const struct stage stages[] = { { "begin", begin, SIP_ANY }, { "register", reg_stage, SIP_REGISTER },
	{ "route", route_stage, SIP_ANY & ~(unsigned)SIP_REGISTER }, { 0 } };

static void happened(struct world *w, const char *what)
{
	timers_run(&w->timers, w->timers.now + 1);
	if (strcmp(w->log, what) != 0)
		fail_msg("expected \"%s\", was \"%s\"", what, w->log);
	w->log[0] = '\0';
}

/* A request from `aor` over a flow. text: request line, then the header fields that matter; the rest is filled in. */
static void ask(struct world *w, uint32_t slot, const char *aor, const char *line, const char *fields)
{
	char text[8192], method[32];
	struct inbound *in;
	struct diag d = { 0 };
	assert_int_equal(sscanf(line, "%31s", method), 1);
	bool has_from = strstr(fields, "From:") != NULL;
	bool has_cseq = strstr(fields, "CSeq:") != NULL;
	w->cseq += has_cseq ? 0 : 1;
	int n = snprintf(text, sizeof text, "%s SIP/2.0\r\n%s", line, fields);
	if (strstr(fields, "Via:") == NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "Via: SIP/2.0/TLS c%u;branch=z9hG4bKc%u;rport\r\n", slot, w->cseq);
	if (!has_from)
		n += snprintf(text + n, sizeof text - (size_t)n, "From: <sip:%s>;tag=f\r\nTo: <sip:%s>\r\n", aor,
			strcmp(method, "REGISTER") == 0 ? aor : "bob@example.test");
	if (!has_cseq)
		n += snprintf(text + n, sizeof text - (size_t)n, "CSeq: %u %s\r\n", w->cseq, method);
	if (strstr(fields, "Max-Forwards:") == NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "Max-Forwards: 70\r\n");
	n += snprintf(text + n, sizeof text - (size_t)n, "Call-ID: call\r\nContent-Length: 0\r\n\r\n");
	err e = inbound_new((str){ text, (size_t)n }, NULL, &in, &d);
	if (failed(e))
		fail_msg("%s: %s\n%s", d.where, d.what, text);
	const struct flow flow = { .slot = slot, .serial = 1 };
	const struct addr peer = { .ip = { 192, 0, 2, (uint8_t)slot }, .port = 40000, .family = 4 };
	inbound_set_source(in, &flow, &peer, true, 1);
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	r->in = in;
	r->aor = str_of(aor);
	r->answers = &w->answers;
	void *const states[] = { w, w->reg, w->route };
	stage_run(stages, states, 0, r);
	inbound_unref(in);
}

static void sign_in(struct world *w, uint32_t slot, const char *aor, const char *params)
{
	char fields[512], name[64];
	(void)str_to_z(str_cut(str_of(aor), 0, str_find_char(str_of(aor), '@')), name, sizeof name);
	(void)snprintf(fields, sizeof fields, "Contact: <sip:%s@192.0.2.%u:%u;transport=tls>%s\r\nExpires: 600\r\nSupported: path, outbound\r\n", name,
		slot, 40000 + slot, params);
	ask(w, slot, aor, "REGISTER sip:example.test", fields);
	char expected[16];
	(void)snprintf(expected, sizeof expected, "%u:200", slot);
	happened(w, expected);
}

/* The answer of a client to the last request that it was sent. */
static void answer(struct world *w, uint32_t slot, unsigned status)
{
	struct inbound *in, *out;
	struct sip_out o;
	struct buf b;
	assert_false(failed(inbound_new(str_of(w->last[slot]), NULL, &in, NULL)));
	buf_init(&b, 65536);
	char tag[8];
	(void)snprintf(tag, sizeof tag, "t%u", slot);
	sip_out_reply(&o, &in->arena, &in->msg, status, STR(""), str_of(tag), STR(""));
	for (const struct sip_hdr *h = sip_hdr_first(&in->msg, SIP_HDR_RECORD_ROUTE); h != NULL; h = sip_hdr_next(&in->msg, h))
		sip_out_add(&o, SIP_HDR_RECORD_ROUTE, h->value);
	sip_out_add(&o, SIP_HDR_P_ASSERTED_IDENTITY, STR("<sip:somebody@else.test>"));
	sip_out_addf(&o, SIP_HDR_CONTACT, "<sip:device%u@example.test>", slot);
	assert_false(failed(sip_out_print(&o, &b)));
	assert_false(failed(inbound_new(buf_str(&b), NULL, &out, NULL)));
	const struct flow flow = { .slot = slot, .serial = 1 };
	const struct addr peer = { .family = 4 };
	inbound_set_source(out, &flow, &peer, true, 1);
	(void)failed(txn_response(w->txns, out));
	inbound_unref(out);
	inbound_unref(in);
	buf_fini(&b);
}

static bool sent(struct world *w, uint32_t slot, const char *what)
{
	return strstr(w->last[slot], what) != NULL;
}

/* The value of the first field of a name in the last message to a flow. */
static const char *field(struct world *w, uint32_t slot, const char *name, char out[1024])
{
	char line[64];
	(void)snprintf(line, sizeof line, "\r\n%s: ", name);
	const char *at = strstr(w->last[slot], line);
	out[0] = '\0';
	if (at != NULL)
		(void)str_to_z(str_cut(str_of(at), strlen(line), strlen(line) + strcspn(at + strlen(line), "\r")), out, 1024);
	return out;
}

/* ---- who is there ---- */

static void nobody_home(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *line, *happened;
	} rows[] = {
		{ "MESSAGE sip:bob@example.test", "1:480" },        /* known, not signed in */
		{ "MESSAGE sip:carol@example.test", "1:404" },      /* unknown */
		{ "MESSAGE sip:bob@elsewhere.test", "1:403" },      /* not ours */
		{ "MESSAGE sip:example.test", "1:404" },            /* the server takes no messages */
		{ "OPTIONS sip:example.test", "1:200" },
		{ "OPTIONS sip:uc01.example.test:5061;transport=tls", "1:200" },
		{ "MESSAGE tel:+4930123456", "1:416" },
		{ "FROBNICATE sip:bob@example.test", "1:480" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ask(w, 1, "ann@example.test", rows[i].line, "");
		happened(w, rows[i].happened);
	}
	users_remove(w->users, STR("bob@example.test"));
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "");
	happened(w, "1:404");
}

static void a_message_goes_and_comes(void **state)
{
	struct world *w = *state;
	char value[1024];
	sign_in(w, 2, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "MESSAGE sip:Bob@EXAMPLE.test",
		"Proxy-Authorization: Digest username=\"ann\"\r\nP-Asserted-Identity: <sip:boss@example.test>\r\n"
		"P-Preferred-Identity: <sip:boss@example.test>\r\nRoute: <sip:uc01.example.test;lr>\r\nX-Unknown: kept\r\n");
	happened(w, "2:MESSAGE");
	assert_true(sent(w, 2, "MESSAGE sip:bob@192.0.2.2:40002;transport=tls SIP/2.0\r\n"));
	assert_true(strncmp(field(w, 2, "Via", value), "SIP/2.0/TLS uc01.example.test:5061;branch=z9hG4bK", 49) == 0);
	assert_true(sent(w, 2, "Via: SIP/2.0/TLS c1;branch=z9hG4bKc2;received=192.0.2.1;rport=40000\r\n"));
	assert_string_equal(field(w, 2, "Max-Forwards", value), "69");
	assert_string_equal(field(w, 2, "P-Asserted-Identity", value), "<sip:ann@example.test>");
	assert_string_equal(field(w, 2, "X-Unknown", value), "kept");
	assert_false(sent(w, 2, "Proxy-Authorization") || sent(w, 2, "boss") || sent(w, 2, "Route:"));
	answer(w, 2, 200);
	happened(w, "1:200");
	assert_true(strncmp(field(w, 1, "Via", value), "SIP/2.0/TLS c1;", 15) == 0);
	assert_false(sent(w, 1, "somebody@else.test"));
}

static void identity_can_be_hidden(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "Privacy: header;id\r\n");
	happened(w, "2:MESSAGE");
	assert_false(sent(w, 2, "P-Asserted-Identity"));
}

/* ---- forking (16.6, 16.7) ---- */

static void forks_at_once(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "3:INVITE 2:INVITE");
	answer(w, 2, 180);
	answer(w, 3, 183);
	happened(w, "1:180 1:183");
	answer(w, 3, 200);
	happened(w, "1:200 2:CANCEL");
	answer(w, 3, 200); /* again, until the caller's ACK arrives (13.3.1.4) */
	happened(w, "1:200");
}

static void forks_in_turn(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", ";q=0.5");
	sign_in(w, 3, "bob@example.test", ";q=1.0");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "3:INVITE");
	answer(w, 3, 486);
	happened(w, "3:ACK 2:INVITE");
	answer(w, 2, 503); /* speaks of one device: the caller hears the better one */
	happened(w, "2:ACK 1:486");
}

static void best_answers(void **state)
{
	static const struct {
		unsigned a, b;
		const char *best;
	} rows[] = { { 486, 404, "486" }, { 404, 407, "407" }, { 302, 486, "302" }, { 500, 486, "486" }, { 503, 503, "500" }, { 480, 503, "480" } };
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "bob@example.test", "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "");
		happened(w, "3:MESSAGE 2:MESSAGE");
		char expected[16];
		(void)snprintf(expected, sizeof expected, "1:%s", rows[i].best);
		answer(w, 2, rows[i].a);
		answer(w, 3, rows[i].b);
		happened(w, expected);
	}
}

static void global_failure_ends_all(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "bob@example.test", "");
	sign_in(w, 4, "bob@example.test", ";q=0.1");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "3:INVITE 2:INVITE");
	answer(w, 2, 180);
	happened(w, "1:180");
	answer(w, 3, 603);
	happened(w, "3:ACK 2:CANCEL");
	timers_run(&w->timers, w->timers.now + 33000);
	happened(w, "1:603");
}

/* A caller of the Lync dialect takes one answer: a device that answers later is told by us that it is over. */
static void a_late_answer_to_a_caller_of_the_dialect(void **state)
{
	struct world *w = *state;
	char value[1024], invite[8192];
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "From: <sip:ann@example.test>;tag=f;epid=aa\r\nTo: <sip:bob@example.test>\r\n");
	happened(w, "3:INVITE 2:INVITE");
	memcpy(invite, w->last[3], sizeof invite);
	answer(w, 3, 180);
	happened(w, "1:180");
	answer(w, 2, 200);
	happened(w, "1:200 3:CANCEL");
	assert_string_equal(field(w, 3, "Reason", value), "SIP;cause=200;text=\"Call completed elsewhere\"");
	memcpy(w->last[3], invite, sizeof invite);
	answer(w, 3, 200);
	happened(w, "3:ACK 3:BYE");
	assert_true(sent(w, 3, "BYE sip:device3@example.test SIP/2.0\r\n") && sent(w, 3, ";tag=t3\r\n") && !sent(w, 3, "\r\nRoute:"));
	answer(w, 3, 200);
	happened(w, "");
}

/* Any other caller gets it himself (RFC 3261 16.7 step 5). */
static void a_late_answer_to_a_standard_caller(void **state)
{
	struct world *w = *state;
	char invite[8192];
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "3:INVITE 2:INVITE");
	memcpy(invite, w->last[3], sizeof invite);
	answer(w, 2, 200);
	happened(w, "1:200");
	memcpy(w->last[3], invite, sizeof invite);
	answer(w, 3, 200);
	happened(w, "1:200");
}

static void failures_say_why_to_clients_of_the_dialect(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	static const struct {
		unsigned status;
		const char *said;
	} rows[] = { { 486, "\r\nms-diagnostics: 2;reason=\"Busy Here\";source=\"uc01.example.test\"\r\n" },
		{ 480, "\r\nms-diagnostics: 1007;reason=\"Temporarily Unavailable\";source=\"uc01.example.test\"\r\n" } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char told[32];
		ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "From: <sip:ann@example.test>;tag=f;epid=aa\r\nTo: <sip:bob@example.test>\r\n");
		happened(w, "2:INVITE");
		answer(w, 2, rows[i].status);
		(void)snprintf(told, sizeof told, "2:ACK 1:%u", rows[i].status);
		happened(w, told);
		assert_true(sent(w, 1, rows[i].said));
	}
	w->gone[2] = true; /* and an answer of our own */
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "From: <sip:ann@example.test>;tag=f;epid=aa\r\nTo: <sip:bob@example.test>\r\n");
	happened(w, "1:480");
	assert_true(sent(w, 1, rows[1].said));
	w->gone[2] = false;
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "2:INVITE");
	answer(w, 2, 486);
	assert_false(sent(w, 1, "ms-diagnostics"));
}

static void the_caller_gives_up(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test",
		"CSeq: 7 INVITE\r\nVia: SIP/2.0/TLS c1;branch=z9hG4bKinv\r\n");
	happened(w, "2:INVITE");
	char invite[8192];
	memcpy(invite, w->last[2], sizeof invite);
	answer(w, 2, 180);
	happened(w, "1:180");
	ask(w, 1, "ann@example.test", "CANCEL sip:bob@example.test", "CSeq: 7 CANCEL\r\nVia: SIP/2.0/TLS c1;branch=z9hG4bKinv\r\n");
	happened(w, "1:200 2:CANCEL");
	memcpy(w->last[2], invite, sizeof invite);
	answer(w, 2, 487);
	happened(w, "2:ACK 1:487");
}

static void the_caller_disappears(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "2:INVITE");
	answer(w, 2, 180);
	happened(w, "1:180");
	txns_flow_gone(w->txns, &(const struct flow){ .slot = 1, .serial = 1 });
	happened(w, "2:CANCEL");
}

static void nobody_answers(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "");
	happened(w, "2:INVITE");
	timers_run(&w->timers, w->timers.now + 32000);
	happened(w, "1:100 1:408");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "");
	happened(w, "2:MESSAGE");
	timers_run(&w->timers, w->timers.now + 32000);
	happened(w, ""); /* RFC 4320 4.1 */
	assert_int_equal(txns_count(w->txns), 0);
}

static void another_flow_of_the_same_phone(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, "bob@example.test", ";+sip.instance=\"<urn:uuid:1>\";reg-id=1");
	sign_in(w, 3, "bob@example.test", ";+sip.instance=\"<urn:uuid:1>\";reg-id=2");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "");
	happened(w, "3:MESSAGE"); /* one of the two, RFC 5626 7 */
	answer(w, 3, 200);
	happened(w, "1:200");
	w->gone[3] = true;
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "");
	happened(w, "2:MESSAGE");
	answer(w, 2, 200);
	happened(w, "1:200");
	w->gone[2] = true;
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "");
	happened(w, "1:480");
}

/* ---- dialogs ---- */

static void open_dialog(struct world *w, char route[1024])
{
	sign_in(w, 2, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "INVITE sip:bob@example.test", "From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>\r\n");
	happened(w, "2:INVITE");
	answer(w, 2, 200);
	happened(w, "1:200");
	assert_true(field(w, 1, "Record-Route", route)[0] == '<');
}

static void dialogs_stay_on_their_flows(void **state)
{
	struct world *w = *state;
	char route[1024], fields[2048];
	open_dialog(w, route);
	(void)snprintf(fields, sizeof fields, "From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=t2\r\nRoute: %s\r\n", route);
	ask(w, 1, "ann@example.test", "ACK sip:bob@10.0.0.9:1234", fields);
	happened(w, "2:ACK");
	assert_true(sent(w, 2, "ACK sip:bob@10.0.0.9:1234 SIP/2.0\r\n") && !sent(w, 2, "\r\nRoute:"));
	ask(w, 1, "ann@example.test", "INVITE sip:bob@10.0.0.9:1234", fields);
	happened(w, "2:INVITE");
	assert_false(sent(w, 2, "Record-Route"));
	answer(w, 2, 200);
	happened(w, "1:200");
	ask(w, 4, "ann@example.test", "INFO sip:bob@10.0.0.9:1234", fields); /* ann has connected anew */
	happened(w, "2:INFO");
	answer(w, 2, 200);
	happened(w, "4:200");
	(void)snprintf(fields, sizeof fields, "From: <sip:bob@example.test>;tag=t2\r\nTo: <sip:ann@example.test>;tag=a\r\nRoute: %s\r\n", route);
	ask(w, 2, "bob@example.test", "BYE sip:ann@10.0.0.8:1234", fields);
	happened(w, "1:BYE");
	answer(w, 1, 200);
	happened(w, "2:200");
}

static void routes_of_others_lead_nowhere(void **state)
{
	struct world *w = *state;
	char route[1024], fields[2048];
	open_dialog(w, route);
	char *token = strchr(route, ':') + 1;
	token[3] = token[3] == 'A' ? 'B' : 'A';
	(void)snprintf(fields, sizeof fields, "From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=t2\r\nRoute: %s\r\n", route);
	ask(w, 1, "ann@example.test", "BYE sip:bob@10.0.0.9:1234", fields);
	happened(w, "1:403");
	ask(w, 1, "ann@example.test", "ACK sip:bob@10.0.0.9:1234", fields);
	happened(w, "");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "Route: <sip:evil.test;lr>\r\n");
	happened(w, "1:403"); /* we send nothing to strangers, and nothing by a way that was not asked for */
}

/* Who is elsewhere is for the door to find; who names somebody that it does not lead to is refused. */
static void the_door_leads_on(void **state)
{
	struct world *w = *state;
	ask(w, 1, "ann@example.test", "MESSAGE sip:fe2.internal", "");
	happened(w, "6:MESSAGE");
	answer(w, 6, 200);
	happened(w, "1:200");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@evil.test", "");
	happened(w, "1:403");
}

/* The connection of the other side has ended: its server, which the next Route names, is asked over a new one. */
static void a_dialog_goes_on_over_a_new_connection(void **state)
{
	struct world *w = *state;
	char route[1024], fields[2048];
	open_dialog(w, route);
	w->gone[2] = true;
	(void)snprintf(fields, sizeof fields, "From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=t2\r\nRoute: %s, <sip:x@fe2.internal;lr>\r\n", route);
	ask(w, 1, "ann@example.test", "INFO sip:bob@10.0.0.9:1234", fields);
	happened(w, "6:INFO");
	assert_true(sent(w, 6, "Route: <sip:x@fe2.internal;lr>\r\n"));
	assert_string_equal(w->led, "fe2.internal");
	(void)snprintf(fields, sizeof fields, "From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=t2\r\nRoute: %s, <sip:evil.test;lr>\r\n", route);
	ask(w, 1, "ann@example.test", "INFO sip:bob@10.0.0.9:1234", fields);
	happened(w, "1:403");
}

/* An address in a Route is this server only as long as nothing of ours stands above it. */
static void addresses_below_ours_are_others(void **state)
{
	struct world *w = *state;
	char route[1024], fields[2048];
	open_dialog(w, route);
	(void)snprintf(fields, sizeof fields, "From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=t2\r\nRoute: %s, <sip:192.0.2.7:5061;lr>\r\n", route);
	ask(w, 1, "ann@example.test", "INFO sip:bob@10.0.0.9:1234", fields);
	happened(w, "2:INFO");
	assert_true(sent(w, 2, "Route: <sip:192.0.2.7:5061;lr>\r\n"));
}

static void strict_routers_are_understood(void **state)
{
	struct world *w = *state;
	char route[1024], line[1200], fields[2048];
	open_dialog(w, route);
	*strchr(route, '>') = '\0';
	(void)snprintf(line, sizeof line, "BYE %s", route + 1);
	(void)snprintf(fields, sizeof fields,
		"From: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=t2\r\nRoute: <sip:bob@10.0.0.9:1234>\r\n");
	ask(w, 1, "ann@example.test", line, fields);
	happened(w, "2:BYE");
	assert_true(sent(w, 2, "BYE sip:bob@10.0.0.9:1234 SIP/2.0\r\n"));
}

/* ---- protection ---- */

static void hops_breadth_and_extensions(void **state)
{
	struct world *w = *state;
	char value[1024];
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "bob@example.test", "");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "Max-Forwards: 0\r\n");
	happened(w, "1:483");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "Max-Breadth: 1\r\n");
	happened(w, "1:440");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "Max-Breadth: 9\r\n");
	happened(w, "3:MESSAGE 2:MESSAGE");
	assert_string_equal(field(w, 2, "Max-Breadth", value), "4");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "Proxy-Require: gold, silver\r\n");
	happened(w, "1:420");
	assert_true(sent(w, 1, "Unsupported: gold\r\nUnsupported: silver\r\n"));
}

/* RFC 5393: what comes back unchanged is a loop, what comes back for somebody else is a spiral. */
static void loops(void **state)
{
	struct world *w = *state;
	char vias[4096], fields[4200];
	sign_in(w, 2, "bob@example.test", "");
	sign_in(w, 3, "ann@example.test", "");
	ask(w, 1, "ann@example.test", "MESSAGE sip:bob@example.test", "CSeq: 5 MESSAGE\r\n");
	happened(w, "2:MESSAGE");
	const char *from = strstr(w->last[2], "Via: ");
	(void)str_to_z(str_cut(str_of(from), 0, strcspn(from, "\r") + 2), vias, sizeof vias);
	(void)snprintf(fields, sizeof fields, "CSeq: 5 MESSAGE\r\nVia: SIP/2.0/TLS c2;branch=z9hG4bKback\r\n%s", vias);
	ask(w, 2, "ann@example.test", "MESSAGE sip:bob@example.test", fields);
	happened(w, "2:482");
	(void)snprintf(fields, sizeof fields, "CSeq: 5 MESSAGE\r\nVia: SIP/2.0/TLS c2;branch=z9hG4bKback2\r\n%s", vias);
	ask(w, 2, "ann@example.test", "MESSAGE sip:ann@example.test", fields);
	happened(w, "3:MESSAGE");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(nobody_home), TEST(a_message_goes_and_comes), TEST(identity_can_be_hidden), TEST(forks_at_once), TEST(forks_in_turn),
		TEST(best_answers), TEST(global_failure_ends_all), TEST(the_caller_gives_up), TEST(the_caller_disappears), TEST(a_late_answer_to_a_caller_of_the_dialect),
		TEST(a_late_answer_to_a_standard_caller), TEST(failures_say_why_to_clients_of_the_dialect),
		TEST(nobody_answers), TEST(another_flow_of_the_same_phone), TEST(dialogs_stay_on_their_flows), TEST(the_door_leads_on), TEST(a_dialog_goes_on_over_a_new_connection), TEST(addresses_below_ours_are_others),
		TEST(routes_of_others_lead_nowhere), TEST(strict_routers_are_understood), TEST(hops_breadth_and_extensions), TEST(loops),
	};
	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
