/* SPDX-License-Identifier: Apache-2.0 */
/* The request as it goes on (RFC 3261 16.6). */
#include "service/route/route_priv.h"

static void hop_count(const struct request *r, struct arena *a, struct sip_out *o)
{
	const struct sip_msg *m = &r->in->msg;
	sip_out_set(o, SIP_HDR_MAX_FORWARDS, m->has_max_forwards ? arena_decimal(a, m->max_forwards - 1u) : STR("70"));
}

/* Requests that begin a dialog, or may (RFC 6665 4.1: NOTIFY); what is inside one is not asked again. */
static bool wants_record_route(const struct sip_msg *m)
{
	const uint32_t methods = SIP_INVITE | SIP_SUBSCRIBE | SIP_REFER | SIP_NOTIFY;
	return m->to_tag.n == 0 && (methods & 1u << m->method) != 0;
}

static void add_joined(struct sip_out *o, enum sip_hdr_id id, bool on_top, const str *parts, size_t n)
{
	str value = arena_join(o->arena, parts, n);
	if (value.p == NULL)
		o->failed = true;
	else if (on_top)
		sip_out_add_top(o, id, value);
	else
		sip_out_add(o, id, value);
}

/* Our name, or the address at which this side reached us. */
static void record(const struct route *s, const struct flow *side, const char token[ROUTE_TOKEN_SIZE], struct arena *a, struct sip_out *o)
{
	bool secure = !side->is_plain;
	struct flow_place here;
	flow_place_find(side, s->c.ways, s->c.fqdn, secure ? s->c.port_tls : s->c.port_tcp, &here);
	const str parts[] = { STR("<sip:"), { token, ROUTE_TOKEN_SIZE }, STR("@"), here.host, STR(":"),
		arena_decimal(a, here.port), secure ? STR(";transport=tls;lr>") : STR(";transport=tcp;lr>") };
	add_joined(o, SIP_HDR_RECORD_ROUTE, true, parts, sizeof parts / sizeof parts[0]);
}

/* Twice where the transport or our name changes, so that each side finds the one it can reach (RFC 5658). */
static void record_route(const struct route *s, const struct request *r, const struct flow *to, struct arena *a, struct sip_out *o)
{
	char token[ROUTE_TOKEN_SIZE];
	const struct flow *from = &r->in->flow;
	route_token_print(s, from, to, r->in->msg.from_tag, token);
	record(s, from, token, a, o);
	if (to->is_plain != from->is_plain || to->reached != from->reached)
		record(s, to, token, a, o);
}

static bool wants_privacy(const struct sip_msg *m)
{
	str rest = sip_hdr_value(m, SIP_HDR_PRIVACY);
	while (rest.n != 0)
		if (str_eq_case(str_trim(str_split(rest, ';', &rest)), STR("id")))
			return true;
	return false;
}

/* RFC 3325 4 and 5: what a client asserts is worth nothing; what we have proven is written by us. A server of ours is believed. */
static void identity(const struct request *r, struct sip_out *o)
{
	bool hide = wants_privacy(&r->in->msg);
	sip_out_remove(o, SIP_HDR_P_PREFERRED_IDENTITY);
	if (r->is_peer && !hide)
		return;
	sip_out_remove(o, SIP_HDR_P_ASSERTED_IDENTITY);
	if (r->aor.n == 0 || hide)
		return;
	add_joined(o, SIP_HDR_P_ASSERTED_IDENTITY, false, (const str[]){ STR("<sip:"), r->aor, STR(">") }, 3);
}

err route_copy(const struct route *s, const struct request *r, const struct route_way *w, const struct route_hop *hop,
	struct arena *a, struct sip_out *o)
{
	const struct sip_msg *m = &r->in->msg;
	str start = arena_join(a, (const str[]){ m->method_name, STR(" "), hop->request_uri, STR(" SIP/2.0") }, 4);
	ENSURE(start.p != NULL, CEILING);
	sip_out_from(o, a, m, start);
	for (unsigned i = 0; i < w->own_routes; i++)
		sip_out_remove_top(o, SIP_HDR_ROUTE);
	if (hop->path.n != 0)
		sip_out_add_top(o, SIP_HDR_ROUTE, hop->path);
	hop_count(r, a, o);
	if (hop->breadth != 0)
		sip_out_set(o, SIP_HDR_MAX_BREADTH, arena_decimal(a, hop->breadth));
	identity(r, o);
	/* what an Edge says of who has sent it, and credentials (22.3), are for us alone */
	sip_out_remove(o, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST);
	sip_out_remove(o, SIP_HDR_PROXY_AUTHORIZATION);
	sip_out_remove(o, SIP_HDR_AUTHORIZATION);
	if (wants_record_route(m))
		record_route(s, r, &hop->flow, a, o);
	sip_out_complete_via(o, &m->via, r->in->via_params);
	return o->failed ? ERR(CEILING) : OK;
}

static str response_start(const struct sip_msg *m)
{
	return str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n')));
}

static bool has_diagnostics(const struct sip_msg *m)
{
	for (size_t i = 0; i < m->n_hdrs; i++)
		if (str_eq_case(m->hdrs[i].name, STR("ms-diagnostics")))
			return true;
	return false;
}

err route_relay(struct txn *server, struct inbound *in, str start, const struct request *failed_one)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1u << 20);
	sip_out_from(&o, &in->arena, &in->msg, start.n != 0 ? start : response_start(&in->msg));
	sip_out_remove_top(&o, SIP_HDR_VIA);
	sip_out_remove(&o, SIP_HDR_P_ASSERTED_IDENTITY);
	if (failed_one != NULL && !has_diagnostics(&in->msg))
		request_add_diagnostics(failed_one, &o, in->msg.status);
	TRY(sip_out_print(&o, &b));
	txn_reply_bytes(server, buf_str(&b), in->msg.status);
	return OK;
}
