/* SPDX-License-Identifier: Apache-2.0 */
/* Client transactions: RFC 3261 17.1, RFC 6026 7.2, and CANCEL (9.1). */
#include "engine/txn/txn_priv.h"

#include "base/enc.h"

#include <stdlib.h>

/*
 * Our branches: "z9hG4bK" "w" front(4 hex) slot(8) serial(8) ["." tail]. The front says whose process it is, slot and
 * serial which transaction; nothing has to be looked up in a table.
 */
#define BRANCH_PREFIX "z9hG4bKw"
#define BRANCH_FIXED  (sizeof(BRANCH_PREFIX) - 1 + 20)

static uint32_t hex_u32(str s)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

static bool is_ours(str branch)
{
	if (branch.n < BRANCH_FIXED || !str_begins(branch, STR(BRANCH_PREFIX)))
		return false;
	if (branch.n > BRANCH_FIXED && branch.p[BRANCH_FIXED] != '.')
		return false;
	uint8_t bytes[10];
	return !failed(enc_hex_read(str_cut(branch, sizeof(BRANCH_PREFIX) - 1, BRANCH_FIXED), bytes, sizeof bytes));
}

bool txn_branch_front(str branch, uint16_t *front)
{
	if (!is_ours(branch))
		return false;
	*front = (uint16_t)hex_u32(str_cut(branch, 8, 12));
	return true;
}

str txn_branch_tail(str branch)
{
	return is_ours(branch) ? str_cut(branch, BRANCH_FIXED + 1, branch.n) : STR("");
}

static void fail_now(void *arg)
{
	struct txn *t = arg;
	const struct txn_client_door *door = t->client_door;
	if (err_is(t->failure, ERR_SIP_TIMEOUT)) {
		meter_add(t->set->c.meter, METER_TXN_TIMEOUT, 1);
		LOG(t->set->c.log, TRANSACTION_TIMEOUT, LOG_REQ(t->request), LOG_STR("method", sip_method_name(t->method)));
	}
	if (door != NULL)
		door->on_fail(t->arg, t, t->failure);
	txn_end(t);
}

/* Never from inside the call that opened it: a due timer tells. */
static void fail_soon(struct txn *t, err why)
{
	t->failure = why;
	timer_clear(t->set->c.timers, &t->again);
	txn_timer(t, &t->timeout, 0, fail_now);
}

/* Timers B and F. */
static void timed_out(void *arg)
{
	struct txn *t = arg;
	t->failure = ERR(SIP_TIMEOUT);
	fail_now(t);
}

/* Timers A and E (17.1.1.2, 17.1.2.2). */
static void again(void *arg)
{
	struct txn *t = arg;
	if (failed(txn_send(t, (str){ t->sent, t->sent_n }))) {
		fail_soon(t, ERR(SIP_FLOW_FAILED));
		return;
	}
	t->interval *= 2;
	if (t->kind == TXN_CLIENT && (t->interval > T2 || t->state == TXN_PROCEEDING))
		t->interval = T2;
	txn_timer(t, &t->again, t->interval, again);
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static str make_via(const struct txns_config *c, const struct flow *flow, uint32_t slot, uint32_t serial, struct arena *a, str tail)
{
	uint8_t id[10] = { (uint8_t)(c->front >> 8), (uint8_t)c->front };
	char hex[20];
	put_u32(id + 2, slot);
	put_u32(id + 6, serial);
	enc_hex(id, sizeof id, hex);
	/* Linphone answers over another connection when sent-by is not the host that it has connected to */
	struct flow_place here;
	flow_place_find(flow, c->ways, c->via_host, c->via_port, &here);
	const str parts[] = { flow->is_plain ? STR("SIP/2.0/TCP ") : STR("SIP/2.0/TLS "), here.host, STR(":"),
		arena_decimal(a, here.port), STR(";branch=" BRANCH_PREFIX), { hex, sizeof hex }, tail.n != 0 ? STR(".") : STR(""),
		tail };
	return arena_join(a, parts, sizeof parts / sizeof parts[0]);
}

err txns_add_via(const struct txns *s, const struct flow *to, struct sip_out *o)
{
	str via = make_via(&s->c, to, UINT32_MAX, UINT32_MAX, o->arena, STR(""));
	ENSURE(via.n != 0, CEILING);
	sip_out_add_top(o, SIP_HDR_VIA, via);
	return OK;
}

static err begin(struct txn *t, struct sip_out *o, str tail)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1u << 20);
	TRY(txn_slot_open(t));
	str via = make_via(&t->set->c, &t->flow, t->slot, t->serial, o->arena, tail);
	ENSURE(via.n != 0, CEILING);
	sip_out_add_top(o, SIP_HDR_VIA, via);
	TRY(sip_out_print(o, &b));
	if (t->kind == TXN_CLIENT_INVITE || !t->set->c.reliable)
		txn_keep(t, buf_str(&b));
	if (failed(txn_send(t, buf_str(&b)))) {
		fail_soon(t, ERR(SIP_FLOW_FAILED));
		return OK;
	}
	txn_timer(t, &t->timeout, TIMEOUT_64T1, timed_out);
	t->interval = T1;
	if (!t->set->c.reliable)
		txn_timer(t, &t->again, T1, again);
	return OK;
}

err txn_client_open(struct txns *s, const struct flow *to, struct sip_out *o, enum sip_method_index method, str branch_tail,
	uint64_t request, const struct txn_client_door *door, void *arg, struct txn **out)
{
	struct txn *t = txn_new(s, method == SIP_METHOD_INVITE ? TXN_CLIENT_INVITE : TXN_CLIENT);
	ENSURE(t != NULL, NO_MEMORY);
	t->method = (uint8_t)method;
	t->flow = *to;
	t->request = request;
	list_add(&s->flows[to->slot % FLOW_LISTS], &t->by_flow);
	err e = begin(t, o, branch_tail);
	if (failed(e)) {
		txn_end(t);
		return e;
	}
	t->client_door = door;
	t->arg = arg;
	*out = t;
	return OK;
}

/* A request of ours that goes with an INVITE and has no machine of its own: ACK for non-2xx (17.1.1.3) or CANCEL (9.1). */
static void send_beside(struct txn *t, str method, const struct sip_msg *response)
{
	char room[8192];
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_msg m;
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	arena_init_with(&a, room, sizeof room, 256u << 10);
	buf_init(&b, 256u << 10);
	if (t->sent_n == 0 || failed(sip_msg_parse(&m, (str){ t->sent, t->sent_n }, &a, NULL, NULL)))
		return;
	str start = arena_join(&a, (const str[]){ method, STR(" "), m.request_uri, STR(" SIP/2.0") }, 4);
	str cseq = arena_join(&a, (const str[]){ arena_decimal(&a, m.cseq), STR(" "), method }, 3);
	if (start.p == NULL || cseq.p == NULL)
		return;
	sip_out_new(&o, &a, start);
	sip_out_add(&o, SIP_HDR_VIA, m.via.raw);
	for (const struct sip_hdr *h = sip_hdr_first(&m, SIP_HDR_ROUTE); h != NULL; h = sip_hdr_next(&m, h))
		sip_out_add(&o, SIP_HDR_ROUTE, h->value);
	sip_out_add(&o, SIP_HDR_MAX_FORWARDS, STR("70"));
	sip_out_add(&o, SIP_HDR_FROM, sip_hdr_value(&m, SIP_HDR_FROM));
	sip_out_add(&o, SIP_HDR_TO, sip_hdr_value(response != NULL ? response : &m, SIP_HDR_TO));
	sip_out_add(&o, SIP_HDR_CALL_ID, m.call_id);
	sip_out_add(&o, SIP_HDR_CSEQ, cseq);
	if (response == NULL && t->cancel_reason.n != 0)
		sip_out_add_other(&o, STR("Reason"), t->cancel_reason);
	if (!failed(sip_out_print(&o, &b)))
		(void)failed(txn_send(t, buf_str(&b)));
}

static void send_cancel(struct txn *t)
{
	t->cancel_sent = true;
	send_beside(t, STR("CANCEL"), NULL);
	txn_timer(t, &t->timeout, TIMEOUT_64T1, timed_out); /* 9.1: no final answer in that time counts as cancelled */
}

void txn_cancel(struct txn *t, str reason)
{
	if (t->kind != TXN_CLIENT_INVITE || t->cancel_sent || t->state > TXN_PROCEEDING)
		return;
	t->cancel_wanted = true;
	t->cancel_reason = reason;
	if (t->state == TXN_PROCEEDING)
		send_cancel(t);
}

/* Timer C (16.6 step 11, 16.8) */
static void limit_reached(void *arg)
{
	struct txn *t = arg;
	t->cancel_wanted = true;
	if (t->state == TXN_PROCEEDING && !t->cancel_sent) {
		send_cancel(t);
		return;
	}
	timed_out(t);
}

void txn_client_limit(struct txn *t, uint32_t ms)
{
	if (t->kind == TXN_CLIENT_INVITE && t->state <= TXN_PROCEEDING && !t->cancel_sent)
		txn_timer(t, &t->timeout, ms, limit_reached);
}

static void tell(struct txn *t, struct inbound *in)
{
	if (t->client_door != NULL)
		t->client_door->on_response(t->arg, t, in);
}

static void provisional(struct txn *t, struct inbound *in)
{
	struct txns *s = t->set;
	if (t->state > TXN_PROCEEDING)
		return;
	bool first = t->state == TXN_TRYING;
	t->state = TXN_PROCEEDING;
	if (t->kind == TXN_CLIENT_INVITE) {
		timer_clear(s->c.timers, &t->again);
		if (first) /* Timer B has done its duty; the owner sets Timer C if he wants one */
			timer_clear(s->c.timers, &t->timeout);
	}
	tell(t, in);
	if (t->cancel_wanted && !t->cancel_sent && t->state == TXN_PROCEEDING)
		send_cancel(t);
}

static void accepted(struct txn *t, struct inbound *in)
{
	if (t->state == TXN_COMPLETED)
		return;
	bool first = t->state != TXN_ACCEPTED;
	t->state = TXN_ACCEPTED;
	if (first) {
		timer_clear(t->set->c.timers, &t->again);
		free(t->sent);
		t->sent = NULL;
		t->sent_n = 0;
	}
	tell(t, in);
	if (first && t->state == TXN_ACCEPTED)
		txn_linger(t, TIMEOUT_64T1); /* Timer M */
}

static void refused(struct txn *t, struct inbound *in)
{
	if (t->state == TXN_ACCEPTED)
		return;
	send_beside(t, STR("ACK"), &in->msg);
	if (t->state == TXN_COMPLETED)
		return;
	t->state = TXN_COMPLETED;
	timer_clear(t->set->c.timers, &t->again);
	tell(t, in);
	if (t->state == TXN_COMPLETED)
		txn_linger(t, t->set->c.reliable ? 0 : TIMER_D);
}

static void final(struct txn *t, struct inbound *in)
{
	if (t->kind == TXN_CLIENT_INVITE && in->msg.status < 300) {
		accepted(t, in);
		return;
	}
	if (t->kind == TXN_CLIENT_INVITE) {
		refused(t, in);
		return;
	}
	if (t->state == TXN_COMPLETED)
		return;
	t->state = TXN_COMPLETED;
	timer_clear(t->set->c.timers, &t->again);
	tell(t, in);
	if (t->state == TXN_COMPLETED)
		txn_linger(t, t->set->c.reliable ? 0 : T4); /* Timer K */
}

/* 17.1.3. The answer to a CANCEL has the INVITE's branch and another CSeq method: it tells nothing and ends here. */
static struct txn *find(struct txns *s, const struct inbound *in)
{
	uint16_t front;
	str branch = in->msg.via.branch;
	if (!txn_branch_front(branch, &front) || front != s->c.front)
		return NULL;
	struct txn *t = slots_find(&s->slots, hex_u32(str_cut(branch, 12, 20)));
	if (t == NULL || t->serial != hex_u32(str_cut(branch, 20, 28)))
		return NULL;
	/* an answer comes by the way that the request went: nobody answers for somebody else */
	return flow_eq(&t->flow, &in->flow) && t->method == in->msg.method ? t : NULL;
}

err txn_response(struct txns *s, struct inbound *in)
{
	struct txn *t = find(s, in);
	ENSURE(t != NULL, ABSENT);
	if (in->msg.status < 200)
		provisional(t, in);
	else
		final(t, in);
	return OK;
}

static void sender_gone(struct txn *t)
{
	if (!txn_is_answered(t) && t->server_door != NULL && t->server_door->on_cancel != NULL)
		t->server_door->on_cancel(t->arg, t);
}

static void flow_gone(struct txn *t)
{
	if (t->state > TXN_PROCEEDING)
		return;
	if (t->kind == TXN_SERVER_INVITE)
		sender_gone(t);
	else
		fail_soon(t, ERR(SIP_FLOW_FAILED));
}

void txns_flow_gone(struct txns *s, const struct flow *f)
{
	LIST_EACH(n, &s->flows[f->slot % FLOW_LISTS]) {
		struct txn *t = LIST_OF(n, struct txn, by_flow);
		if (flow_eq(&t->flow, f))
			flow_gone(t);
	}
}

void txns_front_gone(struct txns *s, uint16_t front)
{
	for (size_t i = 0; i < FLOW_LISTS; i++)
		LIST_EACH(n, &s->flows[i]) {
			struct txn *t = LIST_OF(n, struct txn, by_flow);
			if (t->flow.front == front)
				flow_gone(t);
		}
}
