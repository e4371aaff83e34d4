/* SPDX-License-Identifier: Apache-2.0 */
/* Server transactions: RFC 3261 17.2, RFC 6026 7.1. */
#include "engine/txn/txn_priv.h"

#include <stdlib.h>

static uint64_t mix(const struct txns *s, uint64_t h, str part)
{
	return siphash(s->servers.k0 ^ h, s->servers.k1 + h, part);
}

/*
 * What 17.2.3 compares, as one keyed hash: branch, sent-by and method; or, without the cookie of RFC 3261, the fields of
 * RFC 2543. The flow is part of it, so that nobody ends a transaction of somebody else by knowing its branch.
 */
static void make_key(const struct txns *s, const struct inbound *in, enum sip_method_index method, char key[16])
{
	const struct sip_msg *m = &in->msg;
	uint64_t h[2];
	uint32_t number[4] = { in->flow.slot, in->flow.serial, in->flow.front, (uint32_t)method };
	for (int k = 0; k < 2; k++) {
		h[k] = mix(s, (uint64_t)k, (str){ (const char *)number, sizeof number });
		if (method == SIP_METHOD_OTHER)
			h[k] = mix(s, h[k], m->method_name);
		if (m->via.has_cookie) {
			h[k] = mix(s, h[k], m->via.branch);
			h[k] = mix(s, h[k], m->via.host);
			h[k] ^= m->via.port;
			continue;
		}
		h[k] = mix(s, h[k], m->request_uri);
		h[k] = mix(s, h[k], m->from_tag);
		h[k] = mix(s, h[k], m->call_id);
		h[k] = mix(s, h[k], m->via.raw);
		h[k] = mix(s, h[k] ^ m->cseq, method == SIP_METHOD_INVITE ? STR("") : m->to_tag);
	}
	memcpy(key, h, 16);
}

static struct txn *find(const struct txns *s, const struct inbound *in, enum sip_method_index method)
{
	char key[16];
	make_key(s, in, method, key);
	struct map_node *n = map_find(&s->servers, (str){ key, sizeof key });
	return n != NULL ? MAP_OF(n, struct txn, by_key) : NULL;
}

/* An answer to a request that has no transaction of its own (CANCEL), by the rules of 8.2.6. */
static void answer_alone(struct txns *s, struct inbound *in, unsigned status, str tag)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 65536);
	sip_out_reply(&o, &in->arena, &in->msg, status, STR(""), tag, in->via_params);
	if (!failed(sip_out_print(&o, &b)))
		(void)failed(s->c.send(s->c.arg, &in->flow, in->request, buf_str(&b)));
}

static void on_ack(struct txn *t)
{
	if (t->kind != TXN_SERVER_INVITE || t->state != TXN_COMPLETED)
		return;
	t->state = TXN_CONFIRMED;
	timer_clear(t->set->c.timers, &t->again);
	txn_linger(t, t->set->c.reliable ? 0 : T4); /* Timer I */
}

static err match_ack(struct txns *s, struct inbound *in)
{
	struct txn *t = find(s, in, SIP_METHOD_INVITE);
	if (t == NULL || t->state == TXN_ACCEPTED) /* the ACK for a 2xx goes end to end */
		return ERR(ABSENT);
	on_ack(t);
	return ERR(EXISTS);
}

/* 9.2: the CANCEL is answered by itself; what becomes of the INVITE is for its owner. */
static err match_cancel(struct txns *s, struct inbound *in)
{
	struct txn *t = find(s, in, SIP_METHOD_INVITE);
	if (t == NULL)
		return ERR(ABSENT);
	answer_alone(s, in, 200, STR("cancel"));
	if (!txn_is_answered(t) && t->server_door != NULL && t->server_door->on_cancel != NULL)
		t->server_door->on_cancel(t->arg, t);
	return ERR(EXISTS);
}

err txn_server_match(struct txns *s, struct inbound *in)
{
	const struct sip_msg *m = &in->msg;
	if (m->method == SIP_METHOD_ACK)
		return match_ack(s, in);
	if (m->method == SIP_METHOD_CANCEL)
		return match_cancel(s, in);
	struct txn *t = find(s, in, m->method);
	if (t != NULL) {
		if (t->sent_n != 0 && t->state != TXN_ACCEPTED)
			(void)failed(txn_send(t, (str){ t->sent, t->sent_n }));
		return ERR(EXISTS);
	}
	if (s->n >= s->c.max) {
		meter_add(s->c.meter, METER_TXN_REFUSED, 1);
		return ERR(BUSY);
	}
	return ERR(ABSENT);
}

static void send_trying(void *arg)
{
	struct txn *t = arg;
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	if (t->status != 0 || t->in == NULL)
		return;
	buf_init(&b, 65536);
	sip_out_reply(&o, &t->in->arena, &t->in->msg, 100, STR(""), STR(""), t->in->via_params);
	if (!failed(sip_out_print(&o, &b)))
		txn_reply_bytes(t, buf_str(&b), 100);
}

err txn_server_open(struct txns *s, struct inbound *in, struct txn **out)
{
	bool is_invite = in->msg.method == SIP_METHOD_INVITE;
	struct txn *t = txn_new(s, is_invite ? TXN_SERVER_INVITE : TXN_SERVER);
	ENSURE(t != NULL, NO_MEMORY);
	t->method = (uint8_t)in->msg.method;
	t->state = is_invite ? TXN_PROCEEDING : TXN_TRYING;
	t->flow = in->flow;
	t->request = in->request;
	t->in = inbound_ref(in);
	make_key(s, in, in->msg.method, t->key);
	if (failed(map_add(&s->servers, &t->by_key))) {
		txn_end(t);
		return ERR(NO_MEMORY);
	}
	t->keyed = true;
	if (is_invite) {
		list_add(&s->flows[t->flow.slot % FLOW_LISTS], &t->by_flow);
		txn_timer(t, &t->again, TRYING_AFTER, send_trying);
	}
	*out = t;
	return OK;
}

void txn_server_on(struct txn *t, const struct txn_server_door *door, void *arg)
{
	t->server_door = door;
	t->arg = arg;
}

void txn_reply(struct txn *t, const struct sip_out *o, unsigned status)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1u << 20);
	if (!failed(sip_out_print(o, &b)))
		txn_reply_bytes(t, buf_str(&b), status);
}

/* Timer G (17.2.1): the final answer again, until the ACK comes. */
static void again(void *arg)
{
	struct txn *t = arg;
	(void)failed(txn_send(t, (str){ t->sent, t->sent_n }));
	t->interval = t->interval * 2 < T2 ? t->interval * 2 : T2;
	txn_timer(t, &t->again, t->interval, again);
}

/* Timer H: no ACK came. Nothing more can be done about it. */
static void no_ack(void *arg)
{
	struct txn *t = arg;
	meter_add(t->set->c.meter, METER_TXN_TIMEOUT, 1);
	txn_end(t);
}

void txn_drop(struct txn *t)
{
	txn_end(t);
}

static void final_invite(struct txn *t, str bytes, unsigned status)
{
	timer_clear(t->set->c.timers, &t->again);
	if (status < 300) {
		t->state = TXN_ACCEPTED;
		free(t->sent);
		t->sent = NULL;
		t->sent_n = 0;
		txn_linger(t, TIMEOUT_64T1); /* Timer L */
		return;
	}
	t->state = TXN_COMPLETED;
	if (t->set->c.reliable)
		txn_linger(t, TIMEOUT_64T1); /* nothing is owed any more: there are clients that never acknowledge a failure */
	if (t->state == TXN_COMPLETED)
		txn_timer(t, &t->timeout, TIMEOUT_64T1, no_ack);
	if (t->state != TXN_COMPLETED || t->set->c.reliable)
		return;
	txn_keep(t, bytes);
	t->interval = T1;
	txn_timer(t, &t->again, T1, again);
}

static void final_other(struct txn *t, str bytes)
{
	t->state = TXN_COMPLETED;
	if (!t->set->c.reliable)
		txn_keep(t, bytes);
	txn_linger(t, t->set->c.reliable ? 0 : TIMEOUT_64T1); /* Timer J */
}

void txn_reply_bytes(struct txn *t, str bytes, unsigned status)
{
	bool is_invite = t->kind == TXN_SERVER_INVITE;
	if (t->state == TXN_ACCEPTED && status >= 200 && status < 300) {
		(void)failed(txn_send(t, bytes));
		return;
	}
	if (txn_is_answered(t) || t->state == TXN_TERMINATED)
		return;
	t->status = (uint16_t)status;
	(void)failed(txn_send(t, bytes)); /* the flow has ended: the client will hear nothing more of it (18.2.2 without a new connection) */
	if (status < 200) {
		t->state = TXN_PROCEEDING;
		if (!t->set->c.reliable)
			txn_keep(t, bytes);
		return;
	}
	if (is_invite)
		final_invite(t, bytes, status);
	else
		final_other(t, bytes);
}
