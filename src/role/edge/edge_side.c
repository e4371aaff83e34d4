/* SPDX-License-Identifier: Apache-2.0 */
/* One side of the border: who gets in, and what he is answered. */
#include "role/edge/edge_priv.h"

const struct edge_side_row edge_side_rows[EDGE_SIDES] = {
	[EDGE_INSIDE] = { "tls-internal", "Internal", IDENTITY_TAKES_SERVERS_ONLY },
	[EDGE_OUTSIDE] = { "tls-external", "AccessEdgeExternal", IDENTITY_ASKS_PARTNERS },
};

/* ---- who gets in ---- */

static void on_accepted(void *arg, struct conn *c)
{
	edge_trunk_accepted(arg, c);
}

/* ---- what he is answered ---- */

static err send_answer(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct edge_side *s = arg;
	(void)request;
	return conn_send(s->conns, to, bytes);
}

/* Who shows a certificate that proves nothing, and speaks for another organisation, is told why he is nobody. */
static err from_outside(struct edge *e, struct conn *c, struct inbound *in)
{
	const struct tls_refusal *why = conn_tls(c) != NULL ? tls_peer_refusal(conn_tls(c)) : NULL;
	if (why == NULL || users_is_domain(e->domains, in->msg.from.uri.host))
		return edge_client_request(e, c, in);
	LOG(&e->skel->log, PARTNER_UNPROVEN, LOG_STR("domain", in->msg.from.uri.host), LOG_Z("reason", why->word), LOG_Z("why", why->why));
	fed_count(e->fed, in->msg.from.uri.host, FED_UNLISTED, FED_SPOOFED, loop_now(e->skel->loop));
	return ERR(SIP_PARTNER_UNPROVEN);
}

static void on_request(struct edge_side *s, struct conn *c, struct inbound *in)
{
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	if (r == NULL)
		return;
	*r = (struct request){ .in = in, .conn = c, .answers = &s->answers };
	enum stage_verdict v = STAGE_NEXT;
	err e = edge_script_stage(s->edge, r, &v);
	if (!failed(e) && v == STAGE_NEXT)
		e = from_outside(s->edge, c, in);
	if (!failed(e))
		return;
	meter_add(s->edge->skel->meter, METER_EDGE_REFUSED, 1);
	request_fail(r, e, "border");
}

/* What comes over a connection of ours is for its other half. Answers of others are for nobody: nothing was asked. */
static void on_message(void *arg, struct conn *c, struct inbound *in)
{
	struct edge_side *s = arg;
	bool is_inside = s == &s->edge->sides[EDGE_INSIDE];
	if (is_inside && pair_of(c) != NULL)
		edge_client_outward(c, in);
	else if (edge_is_trunk(c))
		edge_trunk_message(s, c, in);
	else if (in->msg.is_request)
		on_request(s, c, in);
	else if (!is_inside && edge_script_response(s->edge, in))
		edge_client_response(c, in);
}

/* Before TLS: who is banned costs nothing more. */
static bool may_connect(void *arg, const struct addr *peer)
{
	struct edge_side *s = arg;
	return s == &s->edge->sides[EDGE_INSIDE] || guard_may_connect(s->edge->guard, peer);
}

static void on_open(void *arg, struct conn *c)
{
	if (!edge_trunk_up(arg, c))
		pair_on_open(c);
}

static void on_close(void *arg, struct conn *c)
{
	edge_trunk_gone(arg, c);
	pair_on_close(c);
}

/* ---- the side itself ---- */

void edge_side_limit(struct edge_side *s)
{
	const struct config *c = &s->edge->config;
	const struct conn_limits limits = {
		.sip = { .message = c->max_message_bytes, .header = c->max_message_bytes, .body = c->max_body_bytes,
			.fields = (uint16_t)c->max_header_fields },
		.total = c->max_connections,
		.per_address = c->max_connections_per_address,
		.handshakes = c->max_handshakes,
		.handshake_ms = c->handshake_seconds * 1000,
		.unauthenticated_ms = c->unauthenticated_seconds * 1000,
		.message_ms = c->stalled_seconds * 1000,
		.idle_ms = c->idle_seconds * 1000,
		.queue = c->max_queue_bytes,
	};
	conns_set_limits(s->conns, &limits);
}

err edge_side_init(struct edge_side *s, struct edge *e, unsigned which)
{
	struct skel *skel = e->skel;
	*s = (struct edge_side){ .edge = e, .row = &edge_side_rows[which] };
	s->answers = (struct answers){ .send = send_answer, .arg = s, .log = &skel->log, .meter = skel->meter, .fqdn = str_of(which == EDGE_INSIDE ? skel->fqdn : skel->access),
		.tag_k0 = e->tag_k0, .tag_k1 = e->tag_k1 };
	TRY(conns_new(&(struct conns_config){ .loop = skel->loop, .log = &skel->log, .meter = skel->meter, .front = (uint16_t)which,
			      .door = { on_message, on_close, on_open, on_accepted, may_connect }, .arg = s },
		&s->conns));
	edge_side_limit(s);
	return OK;
}

err edge_side_present(struct edge_side *s, str usage, str body)
{
	struct tls_server *tls;
	if (!str_eq(usage, str_of(s->row->usage)))
		return OK;
	TRY(identity_read(s->edge->identity, body, s->row->asks, &tls));
	if (tls == NULL)
		return OK;
	conns_set_tls(s->conns, tls);
	tls_server_unref(s->tls);
	s->tls = tls;
	return OK;
}
