/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People of ours outside. Each connection of a client has one of its own to the inside, over which its messages pass as they are: who he is, is proven
 * there, by the same rules as for everybody (docs/adr/0082). Here is decided what may pass at all, before anything is dialled.
 */
#include "role/edge/edge_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES_MAX   32    /* requests before somebody is signed in; then the connection ends */
#define EARLY_MAX   (1u << 18) /* bytes that wait for the inside */
#define KEEP_MS     30000 /* how often the inside hears that the client is still there */
#define PASSED_MAX  (2u << 20)
#define MARK_MAX    640

struct pair {
	struct edge *edge;
	struct flow outer, inner;
	struct hop_search *search; /* of the next hop; NULL: none under way */
	struct hop hops[HOP_MAX];
	size_t n_hops, next;
	struct buf early;          /* for the inside, until there is a connection */
	struct inbound *first;     /* answered when nobody inside can be reached */
	struct timer keep;
	unsigned tries;
	bool has_inner, is_up, is_in; /* signed in: everything passes */
	size_t mark_n;
	char mark[MARK_MAX];       /* the field by which the inside knows whose connection it is, with its CRLF */
};

static struct conns *conns_of(const struct edge *e, unsigned side)
{
	return e->sides[side].conns;
}

static struct conn *outer_of(const struct pair *p)
{
	return conn_find(conns_of(p->edge, EDGE_OUTSIDE), &p->outer);
}

static struct conn *inner_of(const struct pair *p)
{
	return p->has_inner ? conn_find(conns_of(p->edge, EDGE_INSIDE), &p->inner) : NULL;
}

/* ---- the connection inside ---- */

static void keep_alive(void *arg)
{
	struct pair *p = arg;
	if (p->is_up)
		(void)failed(conn_send(conns_of(p->edge, EDGE_INSIDE), &p->inner, STR("\r\n\r\n")));
	/* without memory for it the inside closes after a while, and the client comes back */
	(void)failed(timer_set(loop_timers(p->edge->skel->loop), &p->keep, KEEP_MS, keep_alive, p));
}

/* Whoever leaves first takes the other with him. */
static void pair_free(struct pair *p, const char *why)
{
	struct edge *e = p->edge;
	struct conn *outer = outer_of(p), *inner = inner_of(p);
	if (outer != NULL)
		*conn_user_slot(outer) = NULL;
	if (inner != NULL) {
		*conn_user_slot(inner) = NULL;
		conn_close(inner, why);
	}
	if (p->search != NULL)
		hop_cancel(p->search);
	timer_clear(loop_timers(e->skel->loop), &p->keep);
	buf_fini(&p->early);
	inbound_unref(p->first);
	meter_add(e->skel->meter, METER_EDGE_CLIENTS, -1);
	free(p);
}

/* The client may try again over the same connection: a later request begins anew. */
static void nobody_inside(struct pair *p, err why)
{
	struct edge *e = p->edge;
	struct request r = { .in = p->first, .answers = &e->sides[EDGE_OUTSIDE].answers };
	LOG(&e->skel->log, NEXT_HOP_FAILED, LOG_Z("next hop", e->skel->next_hop), LOG_ERR(why),
		LOG_Z("remedy", "see that a server of this pool runs, and that this one can look up its name and reach its port"));
	if (r.in != NULL)
		request_fail(&r, ERR(SIP_BUSY), "next hop");
	pair_free(p, "");
}

static void dial(struct pair *p)
{
	p->has_inner = false;
	while (p->next < p->n_hops) {
		const struct hop *h = &p->hops[p->next++];
		if (failed(conns_connect(conns_of(p->edge, EDGE_INSIDE), &h->addr, true, p->edge->next_host, &p->inner)))
			continue;
		p->has_inner = true;
		*conn_user_slot(inner_of(p)) = p;
		return;
	}
	nobody_inside(p, ERR(SIP_TIMEOUT));
}

static void on_hops(void *arg, err e, const struct hop *hops, size_t n)
{
	struct pair *p = arg;
	p->search = NULL;
	if (failed(e) || n == 0) {
		nobody_inside(p, failed(e) ? e : ERR(ABSENT));
		return;
	}
	p->n_hops = n < HOP_MAX ? n : HOP_MAX;
	memcpy(p->hops, hops, p->n_hops * sizeof hops[0]);
	dial(p);
}

void edge_pair_up(struct edge *e, struct conn *c)
{
	struct pair *p = *conn_user_slot(c);
	p->is_up = true;
	(void)failed(conn_send(conns_of(e, EDGE_INSIDE), &p->inner, buf_str(&p->early))); /* fails by its end, which is told */
	buf_fini(&p->early);
	inbound_unref(p->first);
	p->first = NULL;
	keep_alive(p);
}

void edge_pair_inner_gone(struct conn *c)
{
	struct pair *p = *conn_user_slot(c);
	if (!p->is_up) {
		dial(p);
		return;
	}
	struct conn *outer = outer_of(p);
	p->has_inner = false;
	pair_free(p, "");
	if (outer != NULL)
		conn_close(outer, "the server inside closed");
}

void edge_pair_outer_gone(struct conn *c)
{
	pair_free(*conn_user_slot(c), "the client closed");
}

/* ---- a client ---- */

static bool make_mark(struct pair *p, const struct addr *client)
{
	char text[ADDR_TEXT];
	int n = snprintf(p->mark, sizeof p->mark, "ms-edge-proxy-message-trust: %s=%s;ms-ep-fqdn=%s;ms-source-verified-user=unverified;%s=%s;%s=%u\r\n", PEER_MARK_SOURCE,
		PEER_SOURCE_CLIENT, p->edge->skel->fqdn, PEER_MARK_ADDRESS, addr_print(client, text), PEER_MARK_PORT, client->port);
	p->mark_n = n > 0 ? (size_t)n : 0;
	return n > 0 && (size_t)n < sizeof p->mark;
}

static err search(struct pair *p)
{
	const struct edge *e = p->edge;
	const struct uri next = { .kind = URI_SIPS, .host = e->next_host, .port = e->next_port };
	const struct hop_config c = { .dns = e->dns, .loop = e->skel->loop, .has_ipv6 = true };
	return hop_find(&c, &next, on_hops, p, &p->search);
}

static err pair_new(struct edge *e, struct conn *c, struct inbound *first)
{
	struct pair *p = calloc(1, sizeof *p);
	ENSURE(p != NULL, NO_MEMORY);
	*p = (struct pair){ .edge = e, .outer = conn_flow(c), .first = inbound_ref(first) };
	buf_init(&p->early, EARLY_MAX);
	meter_add(e->skel->meter, METER_EDGE_CLIENTS, 1);
	err done = make_mark(p, conn_peer(c)) ? search(p) : ERR(CEILING);
	if (failed(done)) {
		pair_free(p, "");
		return done;
	}
	*conn_user_slot(c) = p;
	return OK;
}

/* ---- what may pass ---- */

static bool is_ntlm(const struct sip_msg *m, enum sip_hdr_id id)
{
	for (const struct sip_hdr *h = sip_hdr_first(m, id); h != NULL; h = sip_hdr_next(m, h))
		if (str_begins_case(h->value, STR("NTLM")))
			return true;
	return false;
}

static bool is_ours(const struct edge *e, const struct uri *u)
{
	return (u->kind == URI_SIP || u->kind == URI_SIPS) && u->has_user && users_is_domain(e->domains, u->host);
}

/* Before anybody has signed in: only that, for somebody of ours, and by a way that is allowed. */
static err may_begin(const struct edge *e, const struct sip_msg *m)
{
	ENSURE(m->method == SIP_METHOD_REGISTER, SIP_SIGN_IN_FIRST);
	ENSURE(e->config.allow_outside_users, SIP_OUTSIDE);
	ENSURE(is_ours(e, &m->to.uri) && is_ours(e, &m->from.uri), SIP_FORBIDDEN);
	return OK;
}

static err check_scheme(const struct edge *e, const struct sip_msg *m)
{
	ENSURE(e->config.use_ntlm || (!is_ntlm(m, SIP_HDR_AUTHORIZATION) && !is_ntlm(m, SIP_HDR_PROXY_AUTHORIZATION)), SIP_SCHEME_OUTSIDE);
	return OK;
}

static void pass(struct pair *p, unsigned side, str bytes)
{
	struct edge *e = p->edge;
	meter_add(e->skel->meter, side == EDGE_INSIDE ? METER_EDGE_INWARD : METER_EDGE_OUTWARD, 1);
	if (side == EDGE_INSIDE && !p->is_up)
		buf_add(&p->early, bytes);
	else
		(void)failed(conn_send(conns_of(e, side), side == EDGE_INSIDE ? &p->inner : &p->outer, bytes)); /* its end is told */
}

/* The message without what only an Edge may say, where somebody else has said it. */
static err clean(struct inbound *in, struct buf *out)
{
	const struct sip_msg *m = &in->msg;
	struct sip_out o;
	sip_out_from(&o, &in->arena, m, str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n'))));
	sip_out_remove(&o, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST);
	return sip_out_print(&o, out);
}

/* All else stays as it came, byte by byte. */
static err pass_marked(struct pair *p, struct inbound *in)
{
	str text = in->msg.raw;
	struct buf cleaned DEFER(buf_fini) = { 0 };
	struct buf marked DEFER(buf_fini) = { 0 };
	buf_init(&cleaned, PASSED_MAX);
	buf_init(&marked, PASSED_MAX);
	if (sip_hdr_first(&in->msg, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST) != NULL) {
		TRY(clean(in, &cleaned));
		text = buf_str(&cleaned);
	}
	size_t start = str_find_char(text, '\n') + 1;
	buf_add(&marked, str_cut(text, 0, start));
	buf_add(&marked, (str){ p->mark, p->mark_n });
	buf_add(&marked, str_cut(text, start, text.n));
	ENSURE(!marked.failed, CEILING);
	pass(p, EDGE_INSIDE, buf_str(&marked));
	return p->early.failed ? ERR(SIP_BUSY) : OK;
}

err edge_pair_request(struct edge *e, struct conn *c, struct inbound *in)
{
	struct pair *p = *conn_user_slot(c);
	TRY(check_scheme(e, &in->msg));
	if (p == NULL || !p->is_in)
		TRY(may_begin(e, &in->msg));
	if (p == NULL) {
		TRY(pair_new(e, c, in));
		p = *conn_user_slot(c);
	}
	if (!p->is_in && ++p->tries > TRIES_MAX) {
		conn_close(c, "nobody signed in by many requests");
		return OK;
	}
	return pass_marked(p, in);
}

void edge_pair_response(struct conn *c, const struct inbound *in)
{
	struct pair *p = *conn_user_slot(c);
	if (p != NULL && p->is_in && p->is_up)
		pass(p, EDGE_INSIDE, in->msg.raw);
}

/* What is not allowed from outside is not offered there either. */
static void pass_challenge(struct pair *p, struct inbound *in)
{
	struct buf b DEFER(buf_fini) = { 0 };
	struct sip_out o;
	const struct sip_msg *m = &in->msg;
	buf_init(&b, PASSED_MAX);
	sip_out_from(&o, &in->arena, m, str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n'))));
	sip_out_remove(&o, SIP_HDR_WWW_AUTHENTICATE);
	for (const struct sip_hdr *h = sip_hdr_first(m, SIP_HDR_WWW_AUTHENTICATE); h != NULL; h = sip_hdr_next(m, h))
		if (!str_begins_case(h->value, STR("NTLM")))
			sip_out_add(&o, SIP_HDR_WWW_AUTHENTICATE, h->value);
	if (!failed(sip_out_print(&o, &b)))
		pass(p, EDGE_OUTSIDE, buf_str(&b));
}

void edge_pair_outward(struct conn *c, struct inbound *in)
{
	struct pair *p = *conn_user_slot(c);
	const struct sip_msg *m = &in->msg;
	bool is_register = !m->is_request && m->method == SIP_METHOD_REGISTER;
	if (is_register && m->status >= 200 && m->status < 300 && !p->is_in) {
		struct conn *outer = outer_of(p);
		p->is_in = true;
		if (outer != NULL)
			conn_set_trusted(outer);
	}
	if (!m->is_request && m->status == 401 && !p->edge->config.use_ntlm && is_ntlm(m, SIP_HDR_WWW_AUTHENTICATE))
		pass_challenge(p, in);
	else
		pass(p, EDGE_OUTSIDE, m->raw);
}
