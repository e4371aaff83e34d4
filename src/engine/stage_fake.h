/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage_fake - connections, transactions and answers for the unit tests of services: what a stage does to them is
 * written down here instead of going anywhere. Include it in one file of a test program; it takes the place of the real
 * functions.
 */
#ifndef WITAN_ENGINE_STAGE_FAKE_H
#define WITAN_ENGINE_STAGE_FAKE_H

#include "engine/stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct conn {
	struct flow flow;
	struct addr peer;
	bool secure, trusted, closed;
	void *user_slot, *keep_slot;
};

struct txn {
	const struct txn_client_door *door;
	void *arg;
	bool forgotten;
};

#ifndef FAKE_ANSWER_MAX
#define FAKE_ANSWER_MAX 16384
#endif

/* A test whose memory fails says where it must not: in what is only faked. */
#ifndef FAKE_BEGIN
#define FAKE_BEGIN() ((void)0)
#define FAKE_END()   ((void)0)
#endif

/* What was sent last, and how often. */
struct fake {
	unsigned status; /* of the last answer */
	unsigned n_answers, n_requests;
	char answer[FAKE_ANSWER_MAX]; /* the last one, NUL-ended */
	char request[65536];          /* the last one, NUL-ended */
	struct flow to;      /* where it went */
	struct txn *txn; /* its transaction, one of: */
	struct txn txns[64];
	struct answers answers;
};

/* One test program, one of these. */
static struct fake fake;

static struct conn fake_conn(uint32_t slot, bool secure) __attribute__((unused));
static struct conn fake_conn(uint32_t slot, bool secure)
{
	struct conn c = { .flow = { .slot = slot, .serial = 1 }, .secure = secure };
	c.peer = (struct addr){ .ip = { 192, 0, 2, (uint8_t)slot }, .port = 40000, .family = 4 };
	return c;
}

/* ---- engine/conn ---- */

struct flow conn_flow(const struct conn *c)
{
	return c->flow;
}

const struct addr *conn_peer(const struct conn *c)
{
	return &c->peer;
}

bool conn_is_secure(const struct conn *c)
{
	return c->secure;
}

void conn_set_trusted(struct conn *c)
{
	c->trusted = true;
}

void **conn_user_slot(struct conn *c)
{
	return &c->user_slot;
}

void conn_close(struct conn *c, const char *why)
{
	c->closed = true;
}

struct inbound *inbound_ref(struct inbound *in)
{
	in->refs++;
	return in;
}

void inbound_unref(struct inbound *in)
{
	if (in == NULL || --in->refs != 0)
		return;
	arena_fini(&in->arena);
	free(in);
}

/* ---- engine/stage ---- */

void request_answer(struct request *r, struct sip_out *o, unsigned status, str reason)
{
	sip_out_reply(o, &r->in->arena, &r->in->msg, status, reason, STR("ours"), r->in->via_params);
}

/* false: o is not whole, for want of memory. */
static bool fake_print(const struct sip_out *o, char *out, size_t size)
{
	struct buf b;
	FAKE_BEGIN();
	buf_init(&b, size - 1);
	bool is_whole = !o->failed;
	ASSERT(!failed(sip_out_print(o, &b)) || !is_whole);
	if (is_whole)
		memcpy(out, b.p, b.n);
	out[is_whole ? b.n : 0] = '\0';
	buf_fini(&b);
	FAKE_END();
	return is_whole;
}

void request_send(struct request *r, const struct sip_out *o, unsigned status)
{
	fake.status = fake_print(o, fake.answer, sizeof fake.answer) ? status : 500;
	fake.n_answers++;
}

void request_reply(struct request *r, unsigned status, str reason)
{
	struct sip_out o;
	request_answer(r, &o, status, reason);
	request_send(r, &o, status);
}

unsigned request_answer_error(struct request *r, struct sip_out *o, err why, const char *where)
{
	request_answer(r, o, why.def->sip, STR(""));
	return why.def->sip;
}

void request_fail(struct request *r, err why, const char *where)
{
	request_reply(r, why.def->sip, STR(""));
}

void request_refuse(struct request *r, unsigned status, const char *where)
{
	request_reply(r, status, STR(""));
}

void request_add_diagnostics(const struct request *r, struct sip_out *o, unsigned status)
{
	sip_out_add_other(o, STR("ms-diagnostics"), STR("2"));
}

/* ---- engine/txn ---- */

err txn_client_open(struct txns *s, const struct flow *to, struct sip_out *o, enum sip_method_index method,
	str branch_tail, uint64_t request, const struct txn_client_door *door, void *arg, struct txn **out)
{
	if (!fake_print(o, fake.request, sizeof fake.request))
		return ERR(NO_MEMORY);
	fake.to = *to;
	fake.n_requests++;
	fake.txn = &fake.txns[fake.n_requests % 64];
	*fake.txn = (struct txn){ .door = door, .arg = arg };
	*out = fake.txn;
	return OK;
}

err txns_add_via(const struct txns *s, const struct flow *to, struct sip_out *o)
{
	sip_out_add_top(o, SIP_HDR_VIA, STR("SIP/2.0/TLS ours;branch=z9hG4bKnone"));
	return OK;
}

void txn_forget(struct txn *t)
{
	t->forgotten = true;
}

/* ---- requests ---- */

/* A request that came over c, from text whose lines end in \n; the caller drops it with fake_request_free. NULL: it is
 * not well-formed, and would have been answered before any stage. */
static struct request *fake_request(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3), unused));
static struct request *fake_request(struct conn *c, const char *fmt, ...)
{
	char text[16384], *raw;
	size_t n = 0;
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ASSERT(len > 0 && (size_t)len < sizeof text);
	struct inbound *in = calloc(1, sizeof *in);
	ASSERT(in != NULL);
	arena_init(&in->arena, 262144);
	raw = arena_alloc(&in->arena, 2 * (size_t)len);
	for (int i = 0; i < len; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			raw[n++] = '\r';
		raw[n++] = text[i];
	}
	if (failed(sip_msg_parse(&in->msg, (str){ raw, n }, &in->arena, NULL, NULL))) {
		arena_fini(&in->arena);
		free(in);
		return NULL;
	}
	in->flow = c->flow;
	in->peer = c->peer;
	in->secure = c->secure;
	in->via_params = STR("");
	in->refs = 1;
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	r->in = in;
	r->conn = c;
	r->aor = r->target = STR("");
	r->answers = &fake.answers;
	return r;
}

static void fake_request_free(struct request *r) __attribute__((unused));
static void fake_request_free(struct request *r)
{
	inbound_unref(r->in);
}

#endif
