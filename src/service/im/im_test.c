/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations with their real neighbours (users, policies, registrar, transactions) on a fake clock; only what would go out over connections is
 * written down: "2:INVITE" is an INVITE to flow 2, "1:200" an answer to flow 1. Over flow 7 goes what is for the home of somebody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/config.h"
#include "service/im/im_priv.h"

#define FLOWS 8
#define HOME  7
#define ANN   "ann@example.test"
#define BOB   "bob@example.test"

struct world {
	struct timers timers;
	struct crypt *crypt;
	struct config config;
	struct users *users;
	struct policies *policies;
	struct xml_reader *xml;
	struct txns *txns;
	struct reg *reg;
	struct im *im;
	struct answers answers;
	char log[4096];
	char last[FLOWS][8192]; /* the last message to each flow */
	bool gone[FLOWS];       /* sending over it fails */
	unsigned cseq;
	bool ann_elsewhere; /* her home is another process */
	bool no_contact;    /* answers have none */
};

static err fake_send(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct world *w = arg;
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

static struct flow home_flow(void *arg, str aor)
{
	const struct world *w = arg;
	bool is_elsewhere = w->ann_elsewhere && str_eq(aor, STR(ANN));
	return (struct flow){ .slot = HOME, .serial = 1, .front = is_elsewhere ? 1 : 0 };
}

static void add_user(struct world *w, const char *aor)
{
	static const char hash[32] = { 1 };
	assert_false(failed(users_put(w->users,
		&(const struct user_row){ .version = 1, .aor = str_of(aor), .enabled = true, .ha1_sha256 = { hash, sizeof hash } })));
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	timers_init(&w->timers, 1000);
	config_default(&w->config);
	assert_false(failed(crypt_new(&w->crypt)));
	assert_false(failed(users_new(&w->users)));
	assert_false(failed(policies_new(&w->policies)));
	assert_false(failed(xml_reader_new(&w->xml)));
	assert_false(failed(users_set_domains(w->users, STR("example.test"))));
	add_user(w, ANN);
	add_user(w, BOB);
	assert_false(failed(txns_new(&(const struct txns_config){ .timers = &w->timers, .max = 1000, .via_host = STR("uc01.example.test"), .via_port = 5061,
					     .reliable = true, .send = fake_send, .arg = w },
		&w->txns)));
	assert_false(failed(reg_new(&(const struct reg_config){ .timers = &w->timers, .crypt = w->crypt, .users = w->users, .config = &w->config,
					    .fqdn = STR("uc01.example.test"), .port_tls = 5061 },
		&w->reg)));
	assert_false(failed(im_new(&(const struct im_config){ .timers = &w->timers, .txns = w->txns, .reg = w->reg, .users = w->users, .policies = w->policies,
					   .xml = w->xml, .fqdn = STR("uc01.example.test"), .send = fake_send, .home_flow = home_flow, .arg = w, .most = 100 },
		&w->im)));
	w->answers = (struct answers){ .send = fake_send, .arg = w, .tag_k0 = 3, .tag_k1 = 4, .fqdn = STR("uc01.example.test") };
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 4; i++) /* whatever is under way ends by itself */
		timers_run(&w->timers, w->timers.now + 32000);
	assert_int_equal(txns_count(w->txns), 0);
	im_free(w->im);
	txns_free(w->txns);
	reg_free(w->reg);
	policies_free(w->policies);
	users_free(w->users);
	xml_reader_free(w->xml);
	crypt_free(w->crypt);
	timers_fini(&w->timers);
	free(w);
	return 0;
}

/* What front does: target and transaction, then the services. What reaches route is answered 299 here. */
static err begin(void *state, struct request *r, enum stage_verdict *v)
{
	struct world *w = state;
	if (r->in->msg.method == SIP_METHOD_REGISTER)
		r->target = r->aor;
	else
		TRY(uri_aor(&r->in->msg.uri, &r->in->arena, &r->target));
	err e = txn_server_match(w->txns, r->in);
	*v = err_is(e, ERR_EXISTS) ? STAGE_DONE : STAGE_NEXT;
	if (err_is(e, ERR_EXISTS) || r->in->msg.method == SIP_METHOD_ACK)
		return OK;
	return txn_server_open(w->txns, r->in, &r->txn);
}

static err end(void *state, struct request *r, enum stage_verdict *v)
{
	*v = STAGE_DONE;
	request_reply(r, 299, STR("Routed"));
	return OK;
}

static const struct stage stages[] = { { "begin", begin, SIP_ANY }, { "register", reg_stage, SIP_REGISTER },
	{ "message", im_stage, SIP_ANY & ~(unsigned)(SIP_REGISTER | SIP_CANCEL) }, { "route", end, SIP_ANY }, { 0 } };

static void happened(struct world *w, const char *what)
{
	timers_run(&w->timers, w->timers.now + 1);
	if (strcmp(w->log, what) != 0)
		fail_msg("expected \"%s\", was \"%s\"", what, w->log);
	w->log[0] = '\0';
}

/* A request of `aor` over a flow; fields must hold To, and may hold any that is filled in otherwise. */
static void ask(struct world *w, uint32_t slot, const char *aor, const char *line, const char *fields, const char *body)
{
	char text[16384], method[32];
	struct inbound *in;
	struct diag d = { 0 };
	assert_int_equal(sscanf(line, "%31s", method), 1);
	w->cseq++;
	int n = snprintf(text, sizeof text, "%s SIP/2.0\r\n%s", line, fields);
	if (strstr(fields, "Via:") == NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "Via: SIP/2.0/TLS c%u;branch=z9hG4bKc%u\r\n", slot, w->cseq);
	if (strstr(fields, "From:") == NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "From: <sip:%s>;tag=f%u\r\n", aor, slot);
	if (strstr(fields, "CSeq:") == NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "CSeq: %u %s\r\n", w->cseq, method);
	if (strstr(fields, "Call-ID:") == NULL)
		n += snprintf(text + n, sizeof text - (size_t)n, "Call-ID: call-%u\r\n", slot);
	n += snprintf(text + n, sizeof text - (size_t)n, "Max-Forwards: 70\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	if (failed(inbound_new((str){ text, (size_t)n }, NULL, &in, &d)))
		fail_msg("%s: %s\n%s", d.where, d.what, text);
	const struct flow flow = { .slot = slot, .serial = 1 };
	const struct addr peer = { .ip = { 192, 0, 2, (uint8_t)slot }, .port = 40000, .family = 4 };
	inbound_set_source(in, &flow, &peer, true, 1);
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	r->in = in;
	r->aor = str_of(aor);
	r->answers = &w->answers;
	void *const states[] = { w, w->reg, w->im, w };
	stage_run(stages, states, 0, r);
	inbound_unref(in);
}

/* epid NULL: a standard client */
static void sign_in(struct world *w, uint32_t slot, const char *aor, const char *epid)
{
	char fields[1024], expected[16];
	(void)snprintf(fields, sizeof fields, "To: <sip:%s>\r\nFrom: <sip:%s>;tag=r%s%s\r\nCall-ID: reg-%u\r\nContact: <sip:192.0.2.%u:4000%u;transport=tls>%s%s%s\r\nExpires: 600\r\n", aor, aor,
		epid != NULL ? ";epid=" : "", epid != NULL ? epid : "", slot, slot, slot, epid != NULL ? ";+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-" : "",
		epid != NULL ? epid : "", epid != NULL ? ">\"" : "");
	ask(w, slot, aor, "REGISTER sip:example.test", fields, "");
	(void)snprintf(expected, sizeof expected, "%u:200", slot);
	happened(w, expected);
}

/* The answer of a client to a request that it was sent; its To tag is "t" and its flow. */
static void answer_to(struct world *w, uint32_t slot, const char *request, unsigned status, const char *supported)
{
	struct inbound *in, *out;
	struct sip_out o;
	struct buf b;
	char tag[8], contact[64];
	assert_false(failed(inbound_new(str_of(request), NULL, &in, NULL)));
	buf_init(&b, 65536);
	(void)snprintf(tag, sizeof tag, "t%u", slot);
	(void)snprintf(contact, sizeof contact, "<sip:device%u@example.test>", slot);
	sip_out_reply(&o, &in->arena, &in->msg, status, STR(""), str_of(tag), STR(""));
	if (!w->no_contact)
		sip_out_add(&o, SIP_HDR_CONTACT, str_of(contact));
	if (supported[0] != '\0')
		sip_out_add(&o, SIP_HDR_SUPPORTED, str_of(supported));
	assert_false(failed(sip_out_print(&o, &b)));
	assert_false(failed(inbound_new(buf_str(&b), NULL, &out, NULL)));
	const struct flow flow = { .slot = slot, .serial = 1, .front = slot == HOME && w->ann_elsewhere ? 1 : 0 };
	const struct addr peer = { .family = 4 };
	inbound_set_source(out, &flow, &peer, true, 1);
	(void)failed(txn_response(w->txns, out));
	inbound_unref(out);
	inbound_unref(in);
	buf_fini(&b);
}

static void answer(struct world *w, uint32_t slot, unsigned status)
{
	char request[8192];
	memcpy(request, w->last[slot], sizeof request);
	answer_to(w, slot, request, status, "");
}

static void answer_shown(struct world *w, uint32_t slot)
{
	char request[8192];
	memcpy(request, w->last[slot], sizeof request);
	answer_to(w, slot, request, 200, "ms-text-format");
}

static bool sent(struct world *w, uint32_t slot, const char *what)
{
	return strstr(w->last[slot], what) != NULL;
}

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

static void page(struct world *w, const char *type, const char *body)
{
	char fields[256];
	(void)snprintf(fields, sizeof fields, "To: <sip:" BOB ">\r\nContent-Type: %s\r\n", type);
	ask(w, 1, ANN, "MESSAGE sip:" BOB, fields, body);
}

#define OFFER "v=0\r\nm=message 5060 sip null\r\n"

/* Ann, over flow 1 with a client of the dialect, calls bob. */
static void call(struct world *w, const char *more)
{
	char fields[1024];
	(void)snprintf(fields, sizeof fields, "To: <sip:" BOB ">\r\nFrom: <sip:" ANN ">;tag=f1;epid=aa\r\nContact: <sip:ann-device@example.test>\r\nContent-Type: application/sdp\r\n%s", more);
	ask(w, 1, ANN, "INVITE sip:" BOB, fields, OFFER);
}

/* A request of hers in that session, to the To of its 200. */
static void in_call(struct world *w, const char *to, const char *method, const char *more, const char *body)
{
	char fields[2048], line[128];
	(void)snprintf(line, sizeof line, "%s sip:" BOB ";opaque=app:im", method);
	(void)snprintf(fields, sizeof fields, "To: %s\r\n%s", to, more);
	ask(w, 1, ANN, line, fields, body);
}

/* The same of bob over flow 2, in the session that our INVITE has begun: its From is his To. */
static void in_session(struct world *w, uint32_t slot, const char *invite, const char *method, const char *more, const char *body)
{
	char fields[2048], line[128];
	struct inbound *in;
	assert_false(failed(inbound_new(str_of(invite), NULL, &in, NULL)));
	(void)snprintf(line, sizeof line, "%s sip:" BOB ";opaque=app:im", method);
	(void)snprintf(fields, sizeof fields, "To: %.*s\r\nFrom: <sip:" BOB ">;tag=t%u\r\nCall-ID: %.*s\r\n%s", STR_FMT(in->msg.from.raw), slot,
		STR_FMT(in->msg.call_id), more);
	inbound_unref(in);
	ask(w, slot, BOB, line, fields, body);
}

#define PLAIN "Content-Type: text/plain; charset=UTF-8\r\n"

/* ---- what is not ours ---- */

static void alike_passes(void **state)
{
	struct world *w = *state;
	page(w, "text/plain", "x"); /* nobody there: route says so */
	happened(w, "1:299");
	sign_in(w, 2, BOB, NULL);
	page(w, "text/plain", "x");
	happened(w, "1:299");
	sign_in(w, 3, "cyd@example.test", "bb");
	ask(w, 1, ANN, "INVITE sip:cyd@example.test", "To: <sip:cyd@example.test>\r\nContact: <sip:a@example.test>\r\nContent-Type: application/sdp\r\n", OFFER);
	happened(w, "1:299");
	ask(w, 1, ANN, "INVITE sip:" BOB, "To: <sip:" BOB ">\r\nContact: <sip:a@example.test>\r\nContent-Type: application/sdp\r\n", "v=0\r\nm=audio 4000 RTP/AVP 0\r\n");
	happened(w, "1:299");
	ask(w, 1, ANN, "MESSAGE sip:cyd@example.test", "To: <sip:cyd@example.test>\r\nContent-Type: image/gif\r\n", "x");
	happened(w, "1:415"); /* which no device there could show */
	sign_in(w, 4, "cyd@example.test", NULL);
	ask(w, 1, ANN, "MESSAGE sip:cyd@example.test", "To: <sip:cyd@example.test>\r\nContent-Type: image/gif\r\n", "x");
	happened(w, "1:299");
	ask(w, 1, ANN, "INVITE sip:" BOB, "To: <sip:" BOB ">\r\nFrom: <sip:" ANN ">;tag=f1;epid=aa\r\nContact: <sip:a@example.test>\r\nContent-Type: multipart/alternative;boundary=\"b\"\r\n",
		"--b\r\nContent-Type: application/sdp\r\n\r\no=\r\nm=audio 0 RTP/AVP\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 0\r\n--b--");
	happened(w, "1:299");
	ask(w, 1, ANN, "MESSAGE sip:" BOB, "To: <sip:" BOB ">;tag=other\r\n" PLAIN, "x");
	happened(w, "1:299");
	assert_int_equal(im_count(w->im), 0);
}

static void a_dialog_that_is_no_more(void **state)
{
	struct world *w = *state;
	in_call(w, "<sip:" BOB ">;tag=wim0123456789abcdef", "MESSAGE", PLAIN, "x");
	happened(w, "1:481");
	in_call(w, "<sip:" BOB ">;tag=wim0123456789abcdef", "ACK", "", "");
	happened(w, "");
}

/* ---- from standard clients ---- */

static void open_session(struct world *w, char invite[8192])
{
	sign_in(w, 2, BOB, "aa");
	page(w, "text/plain", "hello");
	memcpy(invite, w->last[2], 8192);
	answer_shown(w, 2);
	happened(w, "2:INVITE 2:ACK 1:200");
}

static void a_page_opens_a_session(void **state)
{
	struct world *w = *state;
	char invite[8192], value[1024];
	open_session(w, invite);
	assert_true(strncmp(invite, "INVITE sip:192.0.2.2:40002;transport=tls SIP/2.0\r\n", 47) == 0);
	assert_non_null(strstr(invite, "\r\nms-text-format: text/plain;ms-body=aGVsbG8=\r\n"));
	assert_non_null(strstr(invite, "\r\nP-Asserted-Identity: <sip:ann@example.test>\r\n"));
	assert_non_null(strstr(invite, "\r\nContact: <sip:bob@example.test;opaque=app:im>\r\n"));
	assert_non_null(strstr(invite, "\r\nm=message 5060 sip null\r\n"));
	assert_true(strncmp(w->last[2], "ACK sip:device2@example.test SIP/2.0\r\n", 38) == 0);
	page(w, "text/plain", "again");
	happened(w, "2:MESSAGE");
	assert_true(sent(w, 2, "\r\n\r\nagain") && sent(w, 2, "MESSAGE sip:device2@example.test SIP/2.0\r\n"));
	assert_string_equal(field(w, 2, "CSeq", value), "2 MESSAGE");
	answer(w, 2, 200);
	happened(w, "1:200");
	/* the answer goes the other way, to wherever ann is */
	in_session(w, 2, invite, "MESSAGE", PLAIN, "hello ann");
	happened(w, "7:MESSAGE");
	assert_true(sent(w, HOME, "MESSAGE sip:ann@example.test SIP/2.0\r\n") && sent(w, HOME, "\r\n\r\nhello ann"));
	assert_string_equal(field(w, HOME, "Content-Type", value), "text/plain;charset=UTF-8");
	answer(w, HOME, 200);
	happened(w, "2:200");
	in_session(w, 2, invite, "BYE", "", "");
	happened(w, "2:200");
	assert_int_equal(im_count(w->im), 0);
	in_session(w, 2, invite, "MESSAGE", PLAIN, "late");
	happened(w, "2:481");
}

static void a_client_that_has_not_shown_the_text_is_sent_it(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, BOB, "aa");
	page(w, "text/plain", "one");
	page(w, "text/html", "<b>two</b>");
	happened(w, "2:INVITE");
	answer(w, 2, 200);
	happened(w, "2:ACK 2:MESSAGE 2:MESSAGE");
	assert_true(sent(w, 2, "Content-Type: text/html\r\n") && sent(w, 2, "\r\n\r\n<b>two</b>"));
	answer(w, 2, 200);
	happened(w, "1:200");
}

static void refusals_are_told(void **state)
{
	static const struct {
		unsigned status;
		const char *told;
	} rows[] = { { 486, "2:ACK 1:486" }, { 603, "2:ACK 1:603" }, { 480, "2:ACK 1:480" }, { 481, "2:ACK 1:480" }, { 408, "2:ACK 1:480" }, { 503, "2:ACK 1:503" } };
	struct world *w = *state;
	sign_in(w, 2, BOB, "aa");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		page(w, "text/plain", "one");
		happened(w, "2:INVITE");
		answer(w, 2, rows[i].status);
		happened(w, rows[i].told);
		assert_int_equal(im_count(w->im), 0);
	}
	for (unsigned rings = 0; rings < 2; rings++) { /* nobody takes it in time */
		char invite[8192];
		page(w, "text/plain", "one");
		happened(w, "2:INVITE");
		memcpy(invite, w->last[2], sizeof invite);
		if (rings)
			answer(w, 2, 180);
		timers_run(&w->timers, w->timers.now + IM_INVITE_MS);
		happened(w, rings ? "2:CANCEL 1:480" : "1:480");
		assert_int_equal(im_count(w->im), 0);
		answer_to(w, 2, invite, 200, "");
		happened(w, "2:ACK 2:BYE");
		answer(w, 2, 200);
		happened(w, "");
	}
	/* what no dialog can come of */
	page(w, "text/plain", "one");
	happened(w, "2:INVITE");
	char request[8192];
	memcpy(request, w->last[2], sizeof request);
	w->no_contact = true;
	answer_to(w, 2, request, 200, "");
	w->no_contact = false;
	happened(w, "1:480");
	assert_int_equal(im_count(w->im), 0);
}

static void the_first_device_wins(void **state)
{
	struct world *w = *state;
	char invite[8192], value[1024];
	sign_in(w, 2, BOB, "aa");
	sign_in(w, 3, BOB, "bb");
	page(w, "text/plain", "hello");
	happened(w, "3:INVITE 2:INVITE");
	memcpy(invite, w->last[3], sizeof invite);
	answer(w, 3, 180);
	answer_shown(w, 2);
	happened(w, "2:ACK 3:CANCEL 1:200");
	assert_string_equal(field(w, 3, "Reason", value), "SIP;cause=200;text=\"Call completed elsewhere\"");
	answer_to(w, 3, invite, 200, "");
	happened(w, "3:ACK 3:BYE");
	assert_true(sent(w, 3, "BYE sip:device3@example.test SIP/2.0\r\n") && sent(w, 3, ";tag=t3\r\n"));
	page(w, "text/plain", "again");
	happened(w, "2:MESSAGE");
}

static void a_lost_session_is_opened_again(void **state)
{
	struct world *w = *state;
	char invite[8192];
	open_session(w, invite);
	page(w, "text/plain", "again");
	happened(w, "2:MESSAGE");
	answer(w, 2, 481);
	happened(w, "2:INVITE");
	answer_shown(w, 2);
	happened(w, "2:ACK 1:200");
	page(w, "text/plain", "third");
	happened(w, "2:MESSAGE");
	answer(w, 2, 481);
	happened(w, "2:INVITE");
	answer(w, 2, 486);
	happened(w, "2:ACK 1:486");
	assert_int_equal(im_count(w->im), 0);
}

static void what_waits_is_bounded(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, BOB, "aa");
	for (unsigned i = 0; i < IM_QUEUE_MAX; i++)
		page(w, "text/plain", "x");
	happened(w, "2:INVITE");
	page(w, "text/plain", "one too many");
	happened(w, "1:503");
	assert_int_equal(im_count(w->im), 1);
	answer_shown(w, 2);
	assert_int_equal(strncmp(w->log, "2:ACK 1:200 2:MESSAGE 2:MESSAGE", 31), 0);
}

static void conversations_are_bounded(void **state)
{
	struct world *w = *state;
	char aor[64], line[128], fields[256];
	for (unsigned i = 0; i <= IM_PER_USER; i++) {
		(void)snprintf(aor, sizeof aor, "u%u@example.test", i);
		(void)snprintf(line, sizeof line, "MESSAGE sip:%s", aor);
		(void)snprintf(fields, sizeof fields, "To: <sip:%s>\r\n" PLAIN, aor);
		add_user(w, aor);
		sign_in(w, 2, aor, "aa");
		ask(w, 1, ANN, line, fields, "x");
		happened(w, i < IM_PER_USER ? "2:INVITE" : "1:503");
	}
	assert_int_equal(im_count(w->im), IM_PER_USER);
}

static void typing_goes_into_the_session(void **state)
{
	struct world *w = *state;
	char invite[8192], value[1024];
	sign_in(w, 2, BOB, "aa");
	page(w, "application/im-iscomposing+xml", "<isComposing><state>active</state></isComposing>");
	happened(w, "1:200"); /* nothing is opened for it */
	assert_int_equal(im_count(w->im), 0);
	open_session(w, invite);
	page(w, "application/im-iscomposing+xml", "<isComposing><state>active</state></isComposing>");
	happened(w, "1:200 2:INFO");
	assert_string_equal(field(w, 2, "Content-Type", value), "application/xml");
	assert_true(sent(w, 2, "<status status=\"type\" />"));
	answer(w, 2, 200);
	in_session(w, 2, invite, "INFO", "Content-Type: application/xml\r\n", "<KeyboardActivity><status status=\"idle\"/></KeyboardActivity>");
	happened(w, "2:200 7:MESSAGE");
	assert_string_equal(field(w, HOME, "Content-Type", value), "application/im-iscomposing+xml");
	assert_true(sent(w, HOME, "<state>idle</state>"));
}

/* ---- from clients of the dialect ---- */

/* Answers the To of her session. */
static void open_call(struct world *w, char to[1024])
{
	sign_in(w, 2, BOB, NULL);
	call(w, "ms-text-format: text/plain; charset=UTF-8;ms-body=aGVsbG8=\r\n");
	happened(w, "2:MESSAGE");
	assert_true(sent(w, 2, "\r\n\r\nhello"));
	answer(w, 2, 200);
	happened(w, "1:200");
	(void)field(w, 1, "To", to);
	in_call(w, to, "ACK", "", "");
	happened(w, "");
}

static void a_session_becomes_pages(void **state)
{
	struct world *w = *state;
	char to[1024], value[1024];
	open_call(w, to);
	assert_true(sent(w, 1, "\r\nSupported: ms-text-format\r\n") && sent(w, 1, "\r\nContact: <sip:bob@example.test;opaque=app:im>\r\n"));
	in_call(w, to, "MESSAGE", "Content-Type: text/html\r\n", "<b>a</b> &amp; b");
	happened(w, "2:MESSAGE");
	assert_true(sent(w, 2, "\r\n\r\na & b") && sent(w, 2, "MESSAGE sip:192.0.2.2:40002;transport=tls SIP/2.0\r\n"));
	answer(w, 2, 200);
	happened(w, "1:200");
	in_call(w, to, "MESSAGE", PLAIN, "refused");
	happened(w, "2:MESSAGE");
	answer(w, 2, 413);
	happened(w, "1:413");
	in_call(w, to, "MESSAGE", "Content-Type: text/rtf\r\n", "{\\rtf1}");
	happened(w, "1:415");
	in_call(w, to, "INFO", "Content-Type: application/xml\r\n", "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>");
	happened(w, "1:200 2:MESSAGE");
	assert_string_equal(field(w, 2, "Content-Type", value), "application/im-iscomposing+xml");
	in_call(w, to, "UPDATE", "", "");
	happened(w, "1:200");
	in_call(w, to, "REFER", "Refer-To: <sip:cyd@example.test>\r\n", "");
	happened(w, "1:405");
	/* his answer comes by itself, and goes into her session */
	ask(w, 2, BOB, "MESSAGE sip:" ANN, "To: <sip:" ANN ">\r\n" PLAIN, "hello ann");
	happened(w, "1:MESSAGE");
	assert_true(sent(w, 1, "MESSAGE sip:ann-device@example.test SIP/2.0\r\n") && sent(w, 1, "\r\n\r\nhello ann"));
	answer(w, 1, 200);
	happened(w, "2:200");
	in_call(w, to, "BYE", "", "");
	happened(w, "1:200");
	assert_int_equal(im_count(w->im), 0);
}

static void a_session_without_a_first_text(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, BOB, NULL);
	call(w, "");
	happened(w, "1:200");
	assert_false(sent(w, 1, "ms-text-format"));
	/* the ACK never comes */
	timers_run(&w->timers, w->timers.now + IM_ACK_MS);
	happened(w, "1:BYE");
	assert_int_equal(im_count(w->im), 0);
}

static void a_first_text_that_is_refused(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, BOB, NULL);
	call(w, "ms-text-format: text/plain;ms-body=aGVsbG8=\r\n");
	happened(w, "2:MESSAGE");
	answer(w, 2, 480);
	happened(w, "1:480");
	assert_true(sent(w, 1, "\r\nms-diagnostics: 1007;reason=\"Temporarily Unavailable\";source=\"uc01.example.test\"\r\n"));
	assert_int_equal(im_count(w->im), 0);
}

static void a_caller_who_gives_up(void **state)
{
	struct world *w = *state;
	sign_in(w, 2, BOB, NULL);
	call(w, "ms-text-format: text/plain;ms-body=aGVsbG8=\r\nVia: SIP/2.0/TLS c1;branch=z9hG4bKinv\r\nCSeq: 900 INVITE\r\n");
	happened(w, "2:MESSAGE");
	ask(w, 1, ANN, "CANCEL sip:" BOB, "To: <sip:" BOB ">\r\nFrom: <sip:" ANN ">;tag=f1;epid=aa\r\nVia: SIP/2.0/TLS c1;branch=z9hG4bKinv\r\nCSeq: 900 CANCEL\r\n", "");
	happened(w, "1:200 1:487");
	assert_int_equal(im_count(w->im), 0);
	answer(w, 2, 200);
	happened(w, "");
}

static void who_is_not_of_the_session_stays_out(void **state)
{
	struct world *w = *state;
	char to[1024], fields[2048];
	open_call(w, to);
	(void)snprintf(fields, sizeof fields, "To: %s\r\nFrom: <sip:cyd@example.test>;tag=f1\r\nCall-ID: call-1\r\n" PLAIN, to);
	ask(w, 3, "cyd@example.test", "MESSAGE sip:" BOB ";opaque=app:im", fields, "x");
	happened(w, "3:481");
	(void)snprintf(fields, sizeof fields, "To: %s\r\nCall-ID: another\r\n" PLAIN, to);
	ask(w, 1, ANN, "MESSAGE sip:" BOB ";opaque=app:im", fields, "x");
	happened(w, "1:481");
	(void)snprintf(fields, sizeof fields, "To: %s\r\nCSeq: 1 MESSAGE\r\n" PLAIN, to);
	ask(w, 1, ANN, "MESSAGE sip:" BOB ";opaque=app:im", fields, "x");
	happened(w, "1:500");
}

/* He may have begun a session with her, of which only her home knows. */
static void a_session_is_looked_for_at_the_home_of_the_sender(void **state)
{
	struct world *w = *state;
	w->ann_elsewhere = true;
	sign_in(w, 2, BOB, "aa");
	page(w, "text/plain", "one");
	page(w, "text/plain", "two");
	happened(w, "7:MESSAGE 7:MESSAGE");
	assert_true(sent(w, HOME, "MESSAGE sip:bob@example.test;opaque=app:im-session SIP/2.0\r\n") && sent(w, HOME, "From: <sip:ann@example.test>"));
	answer(w, HOME, 200);
	happened(w, "1:200");
	assert_int_equal(im_count(w->im), 0);
	page(w, "text/plain", "three");
	happened(w, "7:MESSAGE");
	answer(w, HOME, 481);
	happened(w, "2:INVITE");
	answer_shown(w, 2);
	happened(w, "2:ACK 1:200");
	page(w, "text/plain", "four");
	happened(w, "2:MESSAGE");
}

static void a_question_of_another_process(void **state)
{
	struct world *w = *state;
	char to[1024];
	const char fields[] = "To: <sip:" ANN ">\r\n" PLAIN;
	ask(w, 2, BOB, "MESSAGE sip:" ANN ";opaque=app:im-session", fields, "x");
	happened(w, "2:481");
	open_call(w, to);
	ask(w, 2, BOB, "MESSAGE sip:" ANN ";opaque=app:im-session", fields, "x");
	happened(w, "1:MESSAGE");
	answer(w, 1, 486);
	happened(w, "2:486");
}

/* ---- both kinds on one side ---- */

static void a_user_with_both_kinds(void **state)
{
	struct world *w = *state;
	char to[1024];
	sign_in(w, 2, BOB, NULL);
	sign_in(w, 3, BOB, "aa");
	page(w, "text/plain", "x");
	happened(w, "2:MESSAGE 3:INVITE");
	answer(w, 2, 200);
	happened(w, "1:200"); /* somebody has got it */
	answer_shown(w, 3);
	happened(w, "3:ACK");
	page(w, "text/plain", "y");
	happened(w, "2:MESSAGE 3:MESSAGE");
	answer(w, 2, 480);
	happened(w, "");
	answer(w, 3, 200);
	happened(w, "1:200");
	im_flow_gone(w->im, &(const struct flow){ .slot = 3, .serial = 1 });
	/* and called by the dialect */
	call(w, "ms-text-format: text/plain;ms-body=aGVsbG8=\r\n");
	happened(w, "2:MESSAGE 3:INVITE");
	answer_shown(w, 3);
	happened(w, "3:ACK 1:200");
	(void)field(w, 1, "To", to);
	in_call(w, to, "ACK", "", "");
	in_call(w, to, "MESSAGE", "Content-Type: text/rtf\r\n", "{\\rtf1}");
	happened(w, "3:MESSAGE"); /* which the other cannot show */
	answer(w, 3, 200);
	happened(w, "1:200");
}

/* ---- policies ---- */

static void policies_make_plain_text(void **state)
{
	struct world *w = *state;
	char invite[8192], value[1024];
	open_session(w, invite);
	assert_false(failed(policies_put(w->policies, STR("ClientPolicy"), STR("Global"), STR("{\"DisableHtmlIm\":true}"))));
	page(w, "text/html", "<b>x</b>");
	happened(w, "2:MESSAGE");
	assert_string_equal(field(w, 2, "Content-Type", value), "text/plain;charset=UTF-8");
	assert_true(sent(w, 2, "\r\n\r\nx"));
	answer(w, 2, 200);
	happened(w, "1:200");
	/* what only passes is refused instead */
	sign_in(w, 3, "cyd@example.test", NULL);
	ask(w, 1, ANN, "MESSAGE sip:cyd@example.test", "To: <sip:cyd@example.test>\r\nContent-Type: text/html\r\n", "<b>x</b>");
	happened(w, "1:415");
	ask(w, 1, ANN, "MESSAGE sip:cyd@example.test", "To: <sip:cyd@example.test>\r\nContent-Type: text/rtf\r\n", "{}");
	happened(w, "1:299");
	assert_false(failed(policies_put(w->policies, STR("ClientPolicy"), STR("Global"), STR("{\"DisableHtmlIm\":true,\"DisableRTFIM\":true}"))));
	ask(w, 1, ANN, "MESSAGE sip:cyd@example.test", "To: <sip:cyd@example.test>\r\nContent-Type: text/rtf\r\n", "{}");
	happened(w, "1:415");
	page(w, "text/plain;charset=UTF-8;msgr=abc", "x");
	happened(w, "2:MESSAGE");
	assert_string_equal(field(w, 2, "Content-Type", value), "text/plain;charset=UTF-8");
}

/* ---- ends ---- */

static void silence_ends_it(void **state)
{
	struct world *w = *state;
	char invite[8192];
	open_session(w, invite);
	timers_run(&w->timers, w->timers.now + IM_IDLE_MS - 1000);
	happened(w, "");
	page(w, "text/plain", "again");
	happened(w, "2:MESSAGE");
	answer(w, 2, 200);
	happened(w, "1:200");
	timers_run(&w->timers, w->timers.now + IM_IDLE_MS - 1000);
	happened(w, "");
	timers_run(&w->timers, w->timers.now + 1000);
	happened(w, "2:BYE");
	assert_int_equal(im_count(w->im), 0);
}

static void lost_connections_end_it(void **state)
{
	struct world *w = *state;
	char invite[8192], to[1024];
	open_session(w, invite);
	page(w, "text/plain", "under way");
	happened(w, "2:MESSAGE");
	im_flow_gone(w->im, &(const struct flow){ .slot = 2, .serial = 2 }); /* another one */
	assert_int_equal(im_count(w->im), 1);
	im_flow_gone(w->im, &(const struct flow){ .slot = 2, .serial = 1 });
	txns_flow_gone(w->txns, &(const struct flow){ .slot = 2, .serial = 1 });
	reg_flow_gone(w->reg, &(const struct flow){ .slot = 2, .serial = 1 });
	happened(w, "1:480");
	assert_int_equal(im_count(w->im), 0);
	open_call(w, to);
	im_front_gone(w->im, 1);
	assert_int_equal(im_count(w->im), 1);
	im_front_gone(w->im, 0);
	assert_int_equal(im_count(w->im), 0);
	happened(w, "");
}

int main(void)
{
#define WITH(t) cmocka_unit_test_setup_teardown(t, open_world, close_world)
	const struct CMUnitTest tests[] = {
		WITH(alike_passes),
		WITH(a_dialog_that_is_no_more),
		WITH(a_page_opens_a_session),
		WITH(a_client_that_has_not_shown_the_text_is_sent_it),
		WITH(refusals_are_told),
		WITH(the_first_device_wins),
		WITH(a_lost_session_is_opened_again),
		WITH(what_waits_is_bounded),
		WITH(conversations_are_bounded),
		WITH(typing_goes_into_the_session),
		WITH(a_session_becomes_pages),
		WITH(a_session_without_a_first_text),
		WITH(a_first_text_that_is_refused),
		WITH(a_caller_who_gives_up),
		WITH(who_is_not_of_the_session_stays_out),
		WITH(a_session_is_looked_for_at_the_home_of_the_sender),
		WITH(a_question_of_another_process),
		WITH(a_user_with_both_kinds),
		WITH(policies_make_plain_text),
		WITH(silence_ends_it),
		WITH(lost_connections_end_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
