/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People who are at home in another pool. Who has proven who he is, is sent there (RFC 3261 21.3.2: 301), or, from outside, where he cannot go by himself,
 * connected with it: signatures are verified and made here, and the home takes our word for who he is (docs/adr/0087).
 */
#include "role/front/front_priv.h"

#include "model/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define EARLY_MAX  (1u << 18)
#define PASSED_MAX (2u << 20)
#define MARK_MAX   640

struct passed {
	struct front *front;
	struct inbound *first; /* answered when the home cannot be reached */
	char mark[MARK_MAX];   /* as value of ms-edge-proxy-message-trust */
};

static void on_fail(void *arg, struct pair *p, err why)
{
	struct passed *x = arg;
	struct request r = { .in = x->first, .conn = pair_client(p), .answers = &x->front->answers };
	LOG(&x->front->skel->log, NEXT_HOP_FAILED, LOG_STR("from", x->first->msg.from.uri.raw), LOG_ERR(why),
		LOG_Z("remedy", "see that the pool where he is at home runs, and that this server can look up its name and reach its port"));
	request_fail(&r, ERR(SIP_BUSY), "home");
}

static void on_end(void *arg, struct pair *p)
{
	struct passed *x = arg;
	(void)p;
	inbound_unref(x->first);
	free(x);
}

/* ---- to the home ---- */

/* What proved him was for us alone. */
static err pass_on(struct pair *p, const struct request *r)
{
	const struct passed *x = pair_arg(p);
	const struct sip_msg *m = &r->in->msg;
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, PASSED_MAX);
	sip_out_from(&o, &r->in->arena, m, str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n'))));
	sip_out_remove(&o, SIP_HDR_AUTHORIZATION);
	sip_out_remove(&o, SIP_HDR_PROXY_AUTHORIZATION);
	sip_out_set(&o, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST, str_of(x->mark));
	TRY(sip_out_print(&o, &b));
	return pair_send_inward(p, buf_str(&b));
}

/* Who vouches, for a client of which Edge, and where he is. */
static err make_mark(struct passed *x, const struct request *r)
{
	char at[ADDR_TEXT];
	struct flow_place edge;
	flow_place_find(&r->in->flow, peers_ways(x->front->peers_known), STR(""), 0, &edge);
	int n = snprintf(x->mark, sizeof x->mark, "%s=%s;%s=%.*s;%s=%s;%s=%s;%s=%u", PEER_MARK_SOURCE, PEER_SOURCE_CLIENT, PEER_MARK_WAY, STR_FMT(edge.host), PEER_MARK_VERIFIED,
		PEER_VERIFIED, PEER_MARK_ADDRESS, addr_print(&r->in->peer, at), PEER_MARK_PORT, r->in->peer.port);
	ENSURE(n > 0 && (size_t)n < sizeof x->mark, CEILING);
	return OK;
}

static err pass_by_pair(struct front *f, struct request *r, str host, uint16_t port)
{
	struct pair *p;
	struct passed *x = calloc(1, sizeof *x);
	ENSURE(x != NULL, NO_MEMORY);
	*x = (struct passed){ .front = f, .first = inbound_ref(r->in) };
	const struct pair_config config = { .loop = f->skel->loop, .dns = f->dns, .outer = f->conns, .inner = f->conns, .host = host, .port = port, .early = EARLY_MAX,
		.door = { on_fail, on_end }, .arg = x };
	err e = make_mark(x, r);
	if (!failed(e))
		e = pair_open(&config, r->conn, &p);
	if (failed(e)) {
		on_end(x, NULL);
		return e;
	}
	return pass_on(p, r);
}

/* ---- the stage ---- */

static void send_there(struct request *r, str host, uint16_t port)
{
	struct sip_out o;
	request_answer(r, &o, 301, STR(""));
	sip_out_addf(&o, SIP_HDR_CONTACT, "<sip:%.*s:%u;transport=tls>", STR_FMT(host), port);
	request_send(r, &o, 301);
}

/* Vault names the pool of those who are at home elsewhere alone. */
static bool find_home(const struct front *f, const struct request *r, str *host, uint16_t *port)
{
	const struct user *u = r->aor.n != 0 && r->in->msg.method == SIP_METHOD_REGISTER ? user_find(f->users, r->aor) : NULL;
	str digits, home = u != NULL ? policy_grant(user_grants(u), STR("RegistrarPool")) : STR("");
	uint32_t number;
	*host = str_split(home, ':', &digits);
	if (host->n == 0 || !str_to_u32(digits, &number) || number == 0 || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

err front_elsewhere_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct front *f = state;
	struct pair *p = r->conn != NULL ? pair_of(r->conn) : NULL;
	uint16_t port;
	str host;
	if (p != NULL) {
		*v = STAGE_DONE;
		return pass_on(p, r);
	}
	if (r->conn == NULL || !find_home(f, r, &host, &port))
		return OK;
	ENSURE(!r->is_vouched && f->dns != NULL, SIP_BUSY); /* two servers that know different homes would send him round and round */
	*v = STAGE_DONE;
	if (flow_is_outside(&r->in->flow))
		return pass_by_pair(f, r, host, port);
	send_there(r, host, port);
	return OK;
}

/* ---- from the home ---- */

bool front_elsewhere_outward(struct front *f, struct conn *c, const struct inbound *in)
{
	struct pair *p = pair_of(c);
	if (p == NULL || !pair_is_inner(p, c))
		return false;
	struct flow client = conn_flow(pair_client(p));
	(void)failed(front_send(f, &client, in->request, in->msg.raw)); /* its end is told */
	return true;
}

bool front_elsewhere_response(struct conn *c, const struct inbound *in)
{
	struct pair *p = pair_of(c);
	if (p == NULL)
		return false;
	(void)failed(pair_send_inward(p, in->msg.raw));
	return true;
}
