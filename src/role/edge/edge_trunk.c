/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trunks: the connections between servers of ours and partners, over which the Edge is a proxy of RFC 3261. Few and shared: what
 * comes over one names its sender in itself. What may pass is decided in edge_fed.c.
 */
#include "role/edge/edge_priv.h"

enum {
	TRANSACTIONS_MAX = 100000,
	LINKS_MOST = 2000, /* of each side */
	SENT_MAX = 2 << 20,
	SIP_PORT = 5061, /* of partners everywhere, and of ours inside unless the listener says something else */
	OUR_WAY = 1,
};

const struct stage edge_stages[] = {
	{ "transaction", edge_txn_stage, SIP_ANY },
	{ "federation", edge_fed_stage, SIP_ANY }, /* may it pass? */
	{ "script", edge_script_stage, SIP_ANY & ~SIP_CANCEL },
	{ "route", route_stage, SIP_ANY & ~SIP_CANCEL },
	{ 0 },
};

bool edge_is_trunk(const struct conn *c)
{
	return conn_is_peer(c);
}

/* ---- sending ---- */

static err print(const struct sip_out *o, struct buf *out)
{
	buf_init(out, SENT_MAX);
	return sip_out_print(o, out);
}

static err write_out(struct edge *e, const struct sip_msg *m, struct arena *a, struct buf *out)
{
	struct sip_out o;
	if (!m->is_request)
		edge_fed_answered(e, m);
	TRY(hiding_outward(e->hiding, m, a, &o));
	if (m->is_request && e->config.mark_source)
		sip_out_add_other(&o, STR("ms-asserted-verification-level"), STR("ms-source-verified-user=verified"));
	return print(&o, out);
}

static err write_in(const struct edge *e, const struct sip_msg *m, struct arena *a, struct buf *out)
{
	struct sip_out o;
	sip_out_from(&o, a, m, str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n'))));
	sip_out_remove(&o, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST);
	str mark = m->is_request ? edge_fed_mark(e, m, a) : STR("");
	if (mark.n != 0)
		sip_out_add(&o, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST, mark);
	return print(&o, out);
}

/* Everything that leaves is written anew: without what the other side must not see, or with what it must know. */
static err trunk_send(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct edge *e = arg;
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf b DEFER(buf_fini) = { 0 };
	struct sip_msg m;
	const struct sip_limits limits = { .message = UINT32_MAX, .header = UINT32_MAX, .body = UINT32_MAX, .fields = UINT16_MAX };
	(void)request;
	arena_init(&a, SENT_MAX);
	TRY(sip_msg_parse(&m, bytes, &a, &limits, NULL));
	TRY(to->front == EDGE_OUTSIDE ? write_out(e, &m, &a, &b) : write_in(e, &m, &a, &b));
	return conn_send(e->sides[to->front].conns, to, buf_str(&b));
}

/* ---- what comes in ---- */

/* A message of a partner with what was hidden from him. in stays the caller's; *out is one more reference, or a new one. */
static err open_hidden(struct edge *e, struct inbound *in, struct inbound **out)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	const struct sip_limits limits = { .message = SENT_MAX, .header = SENT_MAX, .body = SENT_MAX, .fields = UINT16_MAX };
	*out = inbound_ref(in);
	if (in->flow.front != EDGE_OUTSIDE || !hiding_concerns(e->hiding, &in->msg))
		return OK;
	inbound_unref(*out);
	*out = NULL;
	TRY(hiding_inward(e->hiding, &in->msg, &in->arena, &o));
	TRY(print(&o, &b));
	err done = inbound_new(buf_str(&b), &limits, out, NULL);
	if (failed(done)) {
		inbound_unref(*out);
		*out = NULL;
		return done;
	}
	inbound_set_source(*out, &in->flow, &in->peer, in->secure, in->request);
	return OK;
}

static void take(struct edge_side *s, struct conn *c, struct inbound *in)
{
	struct edge *e = s->edge;
	void *const states[] = { e, e, e, e->route };
	if (!in->msg.is_request) {
		(void)failed(txn_response(e->txns, in)); /* one that nobody waits for is dropped (RFC 3261 16.7 step 1) */
		return;
	}
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	if (r == NULL)
		return;
	*r = (struct request){ .in = in, .conn = c, .answers = &e->trunk_answers, .is_peer = in->flow.front == EDGE_INSIDE };
	stage_run(edge_stages, states, 0, r);
}

void edge_trunk_message(struct edge_side *s, struct conn *c, struct inbound *in)
{
	struct inbound *whole;
	if (failed(open_hidden(s->edge, in, &whole)))
		return; /* somebody has changed what only we can have written */
	take(s, c, whole);
	inbound_unref(whole);
}

err edge_txn_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct edge *e = state;
	err done = txn_server_match(e->txns, r->in);
	*v = STAGE_DONE;
	if (err_is(done, ERR_EXISTS))
		return OK;
	if (!err_is(done, ERR_ABSENT))
		return done;
	if (r->in->msg.method == SIP_METHOD_CANCEL)
		return ERR(SIP_NO_TXN);
	*v = r->in->msg.method == SIP_METHOD_ACK && request_is_our_tag(r) ? STAGE_DONE : STAGE_NEXT;
	return r->in->msg.method == SIP_METHOD_ACK ? OK : txn_server_open(e->txns, r->in, &r->txn);
}

/* ---- connections ---- */

/* Inside the handshake has shown which server it is; whoever is none that may come was refused in it. Outside a peer may be anybody: who has
 * proven a name is a partner, who has not is a client. */
static void note(struct edge_side *s, struct conn *c)
{
	bool is_outside = s == &s->edge->sides[EDGE_OUTSIDE];
	if (is_outside && (conn_tls(c) == NULL || tls_peer_name(conn_tls(c)).n == 0))
		return;
	if (is_outside)
		conn_set_way(c, OUR_WAY);
	conn_set_peer(c);
	conn_set_trusted(c);
}

void edge_trunk_accepted(struct edge_side *s, struct conn *c)
{
	note(s, c);
}

/* The connections of remote clients have their pair in the slot. */
bool edge_trunk_up(struct edge_side *s, struct conn *c)
{
	if (pair_of(c) != NULL)
		return false;
	note(s, c);
	if (edge_try_up(s->edge, c))
		return true;
	return links_opened(s->edge->links[s - s->edge->sides], c);
}

void edge_trunk_gone(struct edge_side *s, struct conn *c)
{
	struct flow flow = conn_flow(c);
	if (pair_of(c) != NULL)
		return;
	edge_try_gone(s->edge, c);
	(void)links_closed(s->edge->links[s - s->edge->sides], c);
	txns_flow_gone(s->edge->txns, &flow);
	edge_fed_forget(c);
}

/* ---- life ---- */

static bool is_domain(void *arg, str host)
{
	const struct edge *e = arg;
	return users_is_domain(e->domains, host);
}

err edge_trunk_open(struct edge *e)
{
	list_init(&e->tests);
	TRY(fed_new(&e->fed));
	TRY(fed_set_domains(e->fed, str_of(e->skel->domains)));
	TRY(crypt_new(&e->crypt));
	crypt_mac_key(e->crypt, (str){ (const char *)e->skel->shared_key, sizeof e->skel->shared_key });
	e->ways.n = OUR_WAY;
	e->ways.ways[OUR_WAY - 1].host = str_of(e->skel->access);
	e->ways.ways[OUR_WAY - 1].port = SIP_PORT;
	return hiding_new(&(struct hiding_config){ .crypt = e->crypt, .access = str_of(e->skel->access), .port = SIP_PORT, .is_domain = is_domain, .arg = e }, &e->hiding);
}

static uint16_t inner_port(const struct edge *e)
{
	for (unsigned i = 0; i < e->n_early; i++)
		if (e->early[i].is_listener && strcmp(e->early[i].name, edge_side_rows[EDGE_INSIDE].transport) == 0)
			return (uint16_t)e->early[i].number;
	return SIP_PORT;
}

err edge_trunk_start(struct edge *e)
{
	struct skel *s = e->skel;
	uint64_t home[2];
	memcpy(home, s->shared_key, sizeof home);
	uint16_t port = inner_port(e);
	e->trunk_answers = (struct answers){ .send = trunk_send, .arg = e, .log = &s->log, .meter = s->meter, .fqdn = str_of(s->fqdn), .ways = &e->ways,
		.tag_k0 = e->tag_k0, .tag_k1 = e->tag_k1 };
	for (unsigned i = 0; i < EDGE_SIDES; i++)
		TRY(links_new(&(struct links_config){ .conns = e->sides[i].conns, .dns = e->dns, .loop = s->loop, .log = &s->log, .most = LINKS_MOST }, &e->links[i]));
	TRY(txns_new(&(struct txns_config){ .timers = loop_timers(s->loop), .log = &s->log, .meter = s->meter, .max = TRANSACTIONS_MAX, .via_host = str_of(s->fqdn),
			     .via_port = port, .ways = &e->ways, .reliable = true, .send = trunk_send, .arg = e },
		&e->txns));
	TRY(route_new(&(struct route_config){ .crypt = e->crypt, .users = e->domains, .txns = e->txns, .fqdn = str_of(s->fqdn), .port_tls = port, .ways = &e->ways,
			      .n_fronts = 1, .home_k0 = home[0], .home_k1 = home[1], .send = trunk_send, .door = edge_door, .pass = edge_script_response, .arg = e, .log = &s->log, .meter = s->meter },
		&e->route));
	edge_trunk_apply(e);
	return OK;
}

void edge_trunk_apply(struct edge *e)
{
	const struct config *c = &e->config;
	fed_set(e->fed, &(struct fed_settings){ .is_on = c->allow_federated_users, .discovers = c->discover_partners, .uses_default = c->use_default_route,
		.limits_contacts = c->limit_partner_contacts, .rate = c->partner_rate, .contacts = c->partner_contacts,
		.discovered_level = e->unlisted.discovered_level, .default_level = e->unlisted.default_level, .default_route = str_of(e->default_route) });
	if (e->txns != NULL)
		txns_set_max(e->txns, c->max_transactions);
}

/* A row that this version cannot read is left out: it then is in no list. */
static void add_row(struct edge *e, const struct ipc_partner *m)
{
	const struct fed_row row = { .kind = (enum fed_kind)m->kind, .level = (enum fed_level)m->level, .domain = m->domain, .proxy = m->proxy };
	err done = fed_add(e->fed, &row);
	if (failed(done))
		LOG(&e->skel->log, PARTNER_FAILED, LOG_STR("domain", m->domain), LOG_STR("proxy", m->proxy), LOG_ERR(done));
}

err edge_trunk_partner(struct edge *e, str body)
{
	struct ipc_partner m;
	TRY(ipc_partner_parse(&m, body));
	ENSURE(m.kind < FED_KIND_N && m.level < FED_LEVEL_N, MALFORMED);
	if (m.is_first != 0)
		fed_begin(e->fed);
	else if (m.is_last != 0)
		fed_end(e->fed);
	else if (m.domain.n != 0)
		add_row(e, &m);
	else if (m.kind == FED_DISCOVERED)
		e->unlisted.discovered_level = (enum fed_level)m.level;
	else if (m.kind == FED_DEFAULT && str_to_z(m.proxy, e->default_route, sizeof e->default_route))
		e->unlisted.default_level = (enum fed_level)m.level;
	edge_trunk_apply(e);
	return OK;
}
