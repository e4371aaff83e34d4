/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFY of the reg event package (RFC 6665 4.2.2): one at a time in each subscription. */
#include "service/reg/reg_watch.h"

#define MAX_FORWARDS "70"

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	if (in->msg.status >= 200)
		reg_watch_answered(arg, in->msg.status);
}

static void on_fail(void *arg, struct txn *t, err why)
{
	reg_watch_answered(arg, 0);
}

static const struct txn_client_door door = { .on_response = on_response, .on_fail = on_fail };

static void add_state(const struct reg_watch *w, struct sip_out *o, const char *reason)
{
	uint64_t now = reg_now(w->reg), left = w->expires_ms > now ? w->expires_ms - now : 0;
	if (reason != NULL)
		sip_out_addf(o, SIP_HDR_SUBSCRIPTION_STATE, "terminated;reason=%s", reason);
	else
		sip_out_addf(o, SIP_HDR_SUBSCRIPTION_STATE, "active;expires=%llu",
			(unsigned long long)((left + 999) / 1000));
}

static void fill(const struct reg_watch *w, struct sip_out *o, str body, const char *reason)
{
	str routes = reg_watch_text(w, WATCH_ROUTES), to = reg_watch_text(w, WATCH_TO);
	if (routes.n != 0)
		sip_out_add(o, SIP_HDR_ROUTE, routes);
	sip_out_add(o, SIP_HDR_MAX_FORWARDS, STR(MAX_FORWARDS));
	sip_out_addf(o, SIP_HDR_FROM, "%.*s;tag=%.*s", STR_FMT(to), REG_WATCH_TAG, w->tag);
	sip_out_add(o, SIP_HDR_TO, reg_watch_text(w, WATCH_FROM));
	sip_out_add(o, SIP_HDR_CALL_ID, reg_watch_text(w, WATCH_CALL_ID));
	sip_out_addf(o, SIP_HDR_CSEQ, "%u NOTIFY", w->cseq);
	reg_add_address(o, SIP_HDR_CONTACT, reg_user_aor(w->user));
	sip_out_add(o, SIP_HDR_EVENT, reg_watch_text(w, WATCH_EVENT));
	add_state(w, o, reason);
	sip_out_add(o, SIP_HDR_CONTENT_TYPE, STR("application/reginfo+xml"));
	o->body = body;
}

err reg_notify(struct reg_watch *w, const struct reg_document *i, const char *reason)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf body DEFER(buf_fini) = { 0 };
	struct buf start DEFER(buf_fini) = { 0 };
	struct sip_out o;
	struct txn *t;
	uint64_t id;
	arena_init(&a, REG_INFO_MAX);
	buf_init(&body, REG_INFO_MAX);
	buf_init(&start, 2 * REG_TEXT_MAX);
	TRY(reg_info_print(w->reg, i, &body));
	buf_printf(&start, "NOTIFY %.*s SIP/2.0", (int)w->target_n, w->target);
	crypt_random(&id, sizeof id);
	w->cseq++;
	sip_out_new(&o, &a, buf_str(&start));
	fill(w, &o, buf_str(&body), reason);
	TRY(txn_client_open(w->reg->config.txns, &w->flow, &o, SIP_METHOD_NOTIFY, STR(""), id, &door, w, &t));
	w->version++;
	if (reason == NULL)
		w->notify = t;
	else
		txn_forget(t); /* nobody waits for its answer */
	return OK;
}
