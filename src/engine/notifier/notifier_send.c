/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves: NOTIFY, one at a time in each subscription (RFC 6665 4.2.2); BENOTIFY, which nobody answers; and the 200. */
#include "engine/notifier/notifier_priv.h"

#define OUT_MOST 1048576 /* bytes of a message */

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	(void)t;
	if (in->msg.status >= 200)
		notifier_answered(arg, in->msg.status);
}

static void on_fail(void *arg, struct txn *t, err why)
{
	(void)t;
	(void)why;
	notifier_answered(arg, 0);
}

static const struct txn_client_door door = { .on_response = on_response, .on_fail = on_fail };

/* Our address in the dialog: the address of record, by which a request finds the home. */
static void add_contact(const struct subscription *s, struct sip_out *o)
{
	struct buf uri DEFER(buf_fini) = { 0 };
	str ours = subscription_text(s, DIALOG_OURS);
	size_t at = str_find_char(ours, '@');
	buf_init(&uri, 4 * TEXT_MOST);
	uri_add_user(&uri, str_cut(ours, 0, at));
	sip_out_addf(o, SIP_HDR_CONTACT, "<sip:%.*s%.*s>", STR_FMT(buf_str(&uri)), STR_FMT(str_cut(ours, at, ours.n)));
}

static void add_state(const struct subscription *s, struct sip_out *o, const char *reason)
{
	uint64_t now = notifier_now(s->notifier), left = s->expires_ms > now ? s->expires_ms - now : 0;
	if (reason != NULL)
		sip_out_addf(o, SIP_HDR_SUBSCRIPTION_STATE, "terminated;reason=%s", reason);
	else
		sip_out_addf(o, SIP_HDR_SUBSCRIPTION_STATE, "active;expires=%llu", (unsigned long long)((left + 999) / 1000));
}

static void add_body(struct sip_out *o, const struct notification *n)
{
	if (n->require.n != 0)
		sip_out_add(o, SIP_HDR_REQUIRE, n->require);
	if (n->body.n == 0)
		return;
	sip_out_add(o, SIP_HDR_CONTENT_TYPE, n->type);
	o->body = buf_str(&n->body);
}

static void fill(const struct subscription *s, struct sip_out *o, const struct notification *n, const char *reason)
{
	str routes = subscription_text(s, DIALOG_ROUTES), to = subscription_text(s, DIALOG_TO);
	if (routes.n != 0)
		sip_out_add(o, SIP_HDR_ROUTE, routes);
	sip_out_add(o, SIP_HDR_MAX_FORWARDS, STR("70"));
	sip_out_addf(o, SIP_HDR_FROM, "%.*s;tag=%.*s", STR_FMT(to), TAG, s->tag);
	sip_out_add(o, SIP_HDR_TO, subscription_text(s, DIALOG_FROM));
	sip_out_add(o, SIP_HDR_CALL_ID, subscription_text(s, DIALOG_CALL_ID));
	sip_out_addf(o, SIP_HDR_CSEQ, "%u %s", s->cseq, s->is_quick ? "BENOTIFY" : "NOTIFY");
	add_contact(s, o);
	sip_out_add(o, SIP_HDR_EVENT, subscription_text(s, DIALOG_EVENT));
	add_state(s, o, reason);
	add_body(o, n);
}

/* A BENOTIFY is no transaction: there is no answer that a branch would have to find. */
static err send_quickly(struct subscription *s, struct sip_out *o, uint64_t id)
{
	struct notifier *n = s->notifier;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, OUT_MOST);
	TRY(txns_add_via(n->config.txns, &s->flow, o));
	TRY(sip_out_print(o, &b));
	return n->config.send(n->config.arg, &s->flow, id, buf_str(&b));
}

static err send_answered(struct subscription *s, struct sip_out *o, uint64_t id, const char *reason)
{
	struct txn *t;
	TRY(txn_client_open(s->notifier->config.txns, &s->flow, o, SIP_METHOD_NOTIFY, STR(""), id, &door, s, &t));
	if (reason == NULL)
		s->notify = t;
	else
		txn_forget(t); /* nobody waits for its answer */
	return OK;
}

static err send_it(struct subscription *s, const struct notification *n, const char *reason)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf start DEFER(buf_fini) = { 0 };
	struct sip_out o;
	uint64_t id = s->notifier->next_id++;
	arena_init(&a, OUT_MOST);
	buf_init(&start, 2 * TEXT_MOST);
	buf_printf(&start, "%s %.*s SIP/2.0", s->is_quick ? "BENOTIFY" : "NOTIFY", (int)s->target_n, s->target);
	s->cseq++;
	sip_out_new(&o, &a, buf_str(&start));
	fill(s, &o, n, reason);
	s->notifier->depth++;
	err e = s->is_quick ? send_quickly(s, &o, id) : send_answered(s, &o, id, reason);
	s->notifier->depth--;
	return e;
}

static err tell(struct subscription *s, bool is_whole, struct notification *n)
{
	s->notifier->depth++;
	s->is_telling = true;
	err e = s->package->tell(s->arg, s, is_whole, n);
	s->is_telling = false;
	s->notifier->depth--;
	return e;
}

err notifier_send(struct subscription *s, bool is_whole, const char *reason)
{
	struct notification n = { .type = STR(""), .require = STR("") };
	buf_init(&n.body, BODY_MOST);
	err e = tell(s, is_whole, &n);
	bool says_nothing = err_is(e, ERR_ABSENT) && (is_whole || reason != NULL); /* what begins or ends is said all the same */
	if (!failed(e) || says_nothing)
		e = n.body.failed ? ERR(CEILING) : send_it(s, &n, reason);
	buf_fini(&n.body);
	return e;
}

/* ---- the 200 ---- */

static void add_options(const struct sip_msg *m, struct sip_out *o)
{
	static const str options[] = { { "ms-benotify", 11 }, { "ms-piggyback-first-notify", 25 }, { "com.microsoft.autoextend", 24 } };
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (sip_has_token(m, SIP_HDR_SUPPORTED, options[i]))
			sip_out_add(o, SIP_HDR_SUPPORTED, options[i]); /* one a field: clients compare whole fields */
}

/* The first notification within the answer. */
static void add_first(struct subscription *s, struct sip_out *o, const struct notification *n, bool is_last)
{
	s->cseq++;
	sip_out_add(o, SIP_HDR_EVENT, subscription_text(s, DIALOG_EVENT));
	sip_out_add_other(o, STR("ms-piggyback-cseq"), arena_decimal(o->arena, s->cseq));
	if (is_last)
		sip_out_add(o, SIP_HDR_SUBSCRIPTION_STATE, STR("terminated;expires=0"));
	else
		add_state(s, o, NULL);
	add_body(o, n);
}

err notifier_answer(struct subscription *s, struct request *r, bool is_last, bool *told)
{
	const struct sip_msg *m = &r->in->msg;
	struct notification n = { .type = STR(""), .require = STR("") };
	struct sip_out o;
	err e = OK;
	*told = sip_has_token(m, SIP_HDR_SUPPORTED, STR("ms-piggyback-first-notify"));
	buf_init(&n.body, BODY_MOST);
	sip_out_reply(&o, &r->in->arena, m, 200, STR(""), (str){ s->tag, TAG }, r->in->via_params);
	add_contact(s, &o);
	sip_out_addf(&o, SIP_HDR_EXPIRES, "%u", s->seconds);
	for (const struct sip_hdr *h = sip_hdr_first(m, SIP_HDR_RECORD_ROUTE); h != NULL; h = sip_hdr_next(m, h))
		sip_out_add(&o, SIP_HDR_RECORD_ROUTE, h->value);
	add_options(m, &o);
	if (*told)
		e = tell(s, true, &n);
	if (*told && (!failed(e) || err_is(e, ERR_ABSENT))) {
		e = n.body.failed ? ERR(CEILING) : OK;
		add_first(s, &o, &n, is_last);
	}
	s->notifier->depth++; /* the connection may end meanwhile */
	if (!failed(e))
		request_send(r, &o, 200);
	s->notifier->depth--;
	buf_fini(&n.body);
	return e;
}
