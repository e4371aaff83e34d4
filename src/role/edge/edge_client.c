/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People of ours outside. Each connection of a client has one of its own to the inside (engine/pair), over which its messages pass as they are: who he
 * is, is proven there, by the same rules as for everybody (docs/adr/0082). Here is decided what may pass at all, before anything is dialled.
 */
#include "role/edge/edge_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES_MAX  32        /* requests before somebody is signed in; then the connection ends */
#define EARLY_MAX  (1u << 18)
#define PASSED_MAX (2u << 20)
#define MARK_MAX   640

struct client {
	struct edge *edge;
	struct inbound *first; /* answered when nobody inside can be reached */
	struct edge_attempt attempt;
	unsigned tries;
	bool is_in;            /* signed in: everything passes */
	size_t mark_n;
	char mark[MARK_MAX];   /* the field by which the inside knows whose connection it is, with its CRLF */
};

/* ---- the connection inside ---- */

/* The client may try again over the same connection: a later request begins anew. */
static void on_fail(void *arg, struct pair *p, err why)
{
	struct client *c = arg;
	struct edge *e = c->edge;
	struct request r = { .in = c->first, .answers = &e->sides[EDGE_OUTSIDE].answers };
	(void)p;
	LOG(&e->skel->log, NEXT_HOP_FAILED, LOG_Z("next hop", e->skel->next_hop), LOG_ERR(why),
		LOG_Z("remedy", "see that a server of this pool runs, and that this one can look up its name and reach its port"));
	request_fail(&r, ERR(SIP_BUSY), "next hop");
}

static void on_end(void *arg, struct pair *p)
{
	struct client *c = arg;
	(void)p;
	meter_add(c->edge->skel->meter, METER_EDGE_CLIENTS, -1);
	inbound_unref(c->first);
	free(c);
}

static bool make_mark(struct client *c, const struct addr *at)
{
	char text[ADDR_TEXT];
	int n = snprintf(c->mark, sizeof c->mark, "ms-edge-proxy-message-trust: %s=%s;ms-ep-fqdn=%s;ms-source-verified-user=unverified;%s=%s;%s=%u\r\n", PEER_MARK_SOURCE,
		PEER_SOURCE_CLIENT, c->edge->skel->fqdn, PEER_MARK_ADDRESS, addr_print(at, text), PEER_MARK_PORT, at->port);
	c->mark_n = n > 0 ? (size_t)n : 0;
	return n > 0 && (size_t)n < sizeof c->mark;
}

static err client_new(struct edge *e, struct conn *conn, struct inbound *first, struct pair **out)
{
	struct client *c = calloc(1, sizeof *c);
	ENSURE(c != NULL, NO_MEMORY);
	*c = (struct client){ .edge = e, .first = inbound_ref(first) };
	const struct pair_config config = { .loop = e->skel->loop, .dns = e->dns, .outer = e->sides[EDGE_OUTSIDE].conns, .inner = e->sides[EDGE_INSIDE].conns,
		.host = e->next_host, .port = e->next_port, .early = EARLY_MAX, .door = { on_fail, on_end }, .arg = c };
	meter_add(e->skel->meter, METER_EDGE_CLIENTS, 1);
	err done = make_mark(c, conn_peer(conn)) ? pair_open(&config, conn, out) : ERR(CEILING);
	if (failed(done))
		on_end(c, NULL);
	return done;
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

/* Before anybody has signed in: only that, for somebody of ours. Clients do nothing else. */
static err may_begin(struct edge *e, const struct inbound *in, const struct addr *at)
{
	const struct sip_msg *m = &in->msg;
	bool begins = m->method == SIP_METHOD_REGISTER, is_for_us = is_ours(e, &m->to.uri) && is_ours(e, &m->from.uri);
	TRY(edge_guard_request(e, in, at));
	if (!begins || !is_for_us)
		guard_offence(e->guard, at, "requests that no client makes");
	ENSURE(begins, SIP_SIGN_IN_FIRST);
	ENSURE(e->config.allow_outside_users, SIP_OUTSIDE);
	ENSURE(is_for_us, SIP_FORBIDDEN);
	return OK;
}

static err check_scheme(const struct edge *e, const struct sip_msg *m)
{
	ENSURE(e->config.use_ntlm || (!is_ntlm(m, SIP_HDR_AUTHORIZATION) && !is_ntlm(m, SIP_HDR_PROXY_AUTHORIZATION)), SIP_SCHEME_OUTSIDE);
	return OK;
}

/* ---- what passes ---- */

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
	const struct client *c = pair_arg(p);
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
	buf_add(&marked, (str){ c->mark, c->mark_n });
	buf_add(&marked, str_cut(text, start, text.n));
	ENSURE(!marked.failed, CEILING);
	meter_add(c->edge->skel->meter, METER_EDGE_INWARD, 1);
	return pair_send_inward(p, buf_str(&marked));
}

/* Who is locked out for too many wrong passwords is so here, before anybody inside hears of him, and however his name is spelled. */
static err may_try(struct edge *e, struct inbound *in, struct edge_attempt *out)
{
	bool tries = in->msg.method == SIP_METHOD_REGISTER && edge_guard_read(&in->msg, &in->arena, out);
	ENSURE(!tries || guard_may_try(e->guard, (str){ out->name, out->n }), SIP_LOCKED_OUT);
	return OK;
}

err edge_client_request(struct edge *e, struct conn *conn, struct inbound *in)
{
	struct pair *p = pair_of(conn);
	struct client *c = p != NULL ? pair_arg(p) : NULL;
	struct edge_attempt attempt = { 0 };
	TRY(check_scheme(e, &in->msg));
	if (c == NULL || !c->is_in)
		TRY(may_begin(e, in, conn_peer(conn)));
	TRY(may_try(e, in, &attempt));
	if (c == NULL) {
		TRY(client_new(e, conn, in, &p));
		c = pair_arg(p);
	}
	if (!c->is_in && ++c->tries > TRIES_MAX) {
		conn_close(conn, "nobody signed in by many requests");
		return OK;
	}
	if (attempt.n != 0)
		c->attempt = attempt;
	return pass_marked(p, in);
}

void edge_client_response(struct conn *conn, const struct inbound *in)
{
	struct pair *p = pair_of(conn);
	struct client *c = p != NULL ? pair_arg(p) : NULL;
	if (c == NULL || !c->is_in)
		return;
	meter_add(c->edge->skel->meter, METER_EDGE_INWARD, 1);
	(void)failed(pair_send_inward(p, in->msg.raw));
}

/* What is not allowed from outside is not offered there either. */
static err without_ntlm(struct inbound *in, struct buf *out)
{
	struct sip_out o;
	const struct sip_msg *m = &in->msg;
	sip_out_from(&o, &in->arena, m, str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n'))));
	sip_out_remove(&o, SIP_HDR_WWW_AUTHENTICATE);
	for (const struct sip_hdr *h = sip_hdr_first(m, SIP_HDR_WWW_AUTHENTICATE); h != NULL; h = sip_hdr_next(m, h))
		if (!str_begins_case(h->value, STR("NTLM")))
			sip_out_add(&o, SIP_HDR_WWW_AUTHENTICATE, h->value);
	return sip_out_print(&o, out);
}

static void note_sign_in(struct pair *p, struct client *c, const struct sip_msg *m)
{
	if (m->is_request || m->method != SIP_METHOD_REGISTER || m->status / 100 != 2)
		return;
	c->is_in = true;
	conn_set_trusted(pair_client(p));
}

void edge_client_outward(struct conn *inner, struct inbound *in)
{
	struct pair *p = pair_of(inner);
	struct client *c = pair_arg(p);
	struct buf b DEFER(buf_fini) = { 0 };
	const struct sip_msg *m = &in->msg;
	if (!m->is_request && !edge_script_response(c->edge, in))
		return;
	buf_init(&b, PASSED_MAX);
	edge_guard_answered(c->edge, m, conn_peer(pair_client(p)), &c->attempt);
	note_sign_in(p, c, m);
	bool hides = !m->is_request && m->status == 401 && !c->edge->config.use_ntlm && is_ntlm(m, SIP_HDR_WWW_AUTHENTICATE);
	if (hides && failed(without_ntlm(in, &b)))
		return;
	meter_add(c->edge->skel->meter, METER_EDGE_OUTWARD, 1);
	pair_send_outward(p, hides ? buf_str(&b) : m->raw);
}
