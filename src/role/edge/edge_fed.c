/* SPDX-License-Identifier: Apache-2.0 */
/* What may pass between ours and partners, by the lists of service/fed and by what a peer has proven. Where it goes: edge_way.c. */
#include "role/edge/edge_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define PROVEN_MAX 64      /* domains that one connection speaks for */
#define PROVEN_MS  3600000 /* after that DNS is asked again */

/* What may be asked across organisations; REGISTER, PUBLISH and SERVICE are for a home server alone. */
#define METHODS                                                                                                                              \
	(SIP_INVITE | SIP_ACK | SIP_BYE | SIP_CANCEL | SIP_OPTIONS | SIP_MESSAGE | SIP_SUBSCRIBE | SIP_NOTIFY | SIP_INFO | SIP_UPDATE | SIP_PRACK | \
		SIP_REFER | SIP_BENOTIFY)

struct proven {
	struct proven *next;
	uint64_t until;
	size_t n;
	char domain[];
};

static uint64_t now_of(const struct edge *e)
{
	return loop_now(e->skel->loop);
}

/* ---- what the peer of a connection has proven ---- */

static bool has_proven(const struct edge *e, struct conn *c, str domain)
{
	for (const struct proven *p = *conn_keep_slot(c); p != NULL; p = p->next)
		if (p->until > now_of(e) && str_eq_case((str){ p->domain, p->n }, domain))
			return true;
	return false;
}

void edge_fed_forget(struct conn *c)
{
	struct proven *p = *conn_keep_slot(c);
	while (p != NULL) {
		struct proven *next = p->next;
		free(p);
		p = next;
	}
	*conn_keep_slot(c) = NULL;
}

/* Without memory for it the next request asks again. */
static void remember(const struct edge *e, struct conn *c, str domain)
{
	size_t n = 0;
	for (const struct proven *p = *conn_keep_slot(c); p != NULL; p = p->next)
		n++;
	if (n >= PROVEN_MAX)
		edge_fed_forget(c);
	struct proven *p = malloc(sizeof *p + domain.n);
	if (p == NULL)
		return;
	*p = (struct proven){ .next = *conn_keep_slot(c), .until = now_of(e) + PROVEN_MS, .n = domain.n };
	memcpy(p->domain, domain.p, domain.n);
	*conn_keep_slot(c) = p;
}

struct fitting {
	str proxy;
	bool fits;
};

static void look(void *arg, str name)
{
	struct fitting *f = arg;
	f->fits = f->fits || fed_fits(f->proxy, name);
}

/* Is one of the names in the certificate that of the proxy? */
static bool is_proxy(const struct conn *c, str proxy)
{
	struct fitting f = { .proxy = proxy };
	look(&f, tls_peer_name(conn_tls(c)));
	(void)tls_peer_names(conn_tls(c), look, &f);
	return f.fits;
}

bool edge_fed_is_proxy(const struct edge *e, str domain, str host)
{
	return fed_is_inside(domain, host) || fed_has_provider(e->fed, host);
}

/* ---- refusals ---- */

static err why_not(enum fed_kind kind)
{
	static const unsigned rows[FED_KIND_N] = { [FED_OFF] = ERR_SIP_FEDERATION_OFF, [FED_OWN] = ERR_SIP_FORBIDDEN, [FED_BLOCKED] = ERR_SIP_PARTNER_BLOCKED,
		[FED_UNLISTED] = ERR_SIP_PARTNER_UNLISTED };
	return (err){ &err_defs[rows[kind]] };
}

static err refuse(struct edge *e, str domain, enum fed_kind kind, enum fed_count count, err why)
{
	meter_add(e->skel->meter, METER_FED_REFUSED, 1);
	LOG(&e->skel->log, PARTNER_REFUSED, LOG_STR("domain", domain), LOG_Z("partner", fed_kind_word(kind)), LOG_Z("counted", fed_count_word(count)), LOG_ERR(why));
	fed_count(e->fed, domain, kind, count, now_of(e));
	return why;
}

/* ---- from a partner ---- */

static bool is_ours(const struct edge *e, const struct uri *u)
{
	return (u->kind == URI_SIP || u->kind == URI_SIPS) && users_is_domain(e->domains, u->host);
}

/* Within its limits? */
static err take(struct edge *e, const struct request *r, const struct fed_place *place)
{
	const struct sip_msg *m = &r->in->msg;
	str contact = STR("");
	if (m->uri.has_user && is_ours(e, &m->uri)) /* also within a dialog: a tag can be made up */
		TRY(uri_aor(&m->uri, &r->in->arena, &contact));
	err done = fed_take(e->fed, m->from.uri.host, place, contact, now_of(e));
	if (!failed(done)) {
		meter_add(e->skel->meter, METER_FED_INWARD, 1);
		return OK;
	}
	bool is_rate = err_is(done, ERR_BUSY);
	meter_add(e->skel->meter, is_rate ? METER_FED_SLOWED : METER_FED_REFUSED, 1);
	LOG(&e->skel->log, PARTNER_WATCHED, LOG_STR("domain", m->from.uri.host), LOG_Z("why", is_rate ? "too many messages" : "too many different contacts"),
		LOG_Z("remedy", "New-CsAllowedDomain takes the limits away, New-CsBlockedDomain refuses everything"));
	return is_rate ? ERR(SIP_PARTNER_RATE) : ERR(SIP_PARTNER_LIMIT);
}

/* A request that waits for DNS: may its peer speak for that domain? */
struct asking {
	struct edge *e;
	struct request r; /* r.in is referenced */
	struct fed_place place;
	struct dns_query query;
	bool is_gone;
};

static void on_cancel(void *arg, struct txn *t)
{
	struct asking *x = arg;
	request_reply(&x->r, 487, STR(""));
	(void)t;
}

static void on_end(void *arg, struct txn *t)
{
	struct asking *x = arg;
	x->is_gone = true;
	(void)t;
}

static const struct txn_server_door waiting_door = { on_cancel, on_end };

static err judge(struct asking *x, struct conn *c, err e, const struct dns_answer *a)
{
	str domain = x->r.in->msg.from.uri.host;
	ENSURE(!failed(e), SIP_PARTNER_DNS);
	for (size_t i = 0; i < a->n; i++)
		if (edge_fed_is_proxy(x->e, domain, a->records[i].name) && is_proxy(c, a->records[i].name)) {
			remember(x->e, c, domain);
			return OK;
		}
	LOG(&x->e->skel->log, PARTNER_UNPROVEN, LOG_STR("domain", domain), LOG_STR("certificate", tls_peer_name(conn_tls(c))),
		LOG_Z("why", "no server that DNS names for the domain"));
	return ERR(SIP_PARTNER_UNPROVEN);
}

static void go_on(struct asking *x)
{
	struct edge *e = x->e;
	void *const states[] = { e, e, e, e->route };
	struct request *r = arena_alloc(&x->r.in->arena, sizeof *r);
	err done = r != NULL ? take(e, &x->r, &x->place) : ERR(NO_MEMORY);
	if (failed(done)) {
		request_fail(&x->r, done, "federation");
		return;
	}
	*r = x->r;
	stage_run(edge_stages, states, EDGE_STAGE_PASSED, r);
}

static void on_srv(void *arg, err e, const struct dns_answer *a)
{
	struct asking *x = arg;
	struct conn *c = conn_find(x->e->sides[EDGE_OUTSIDE].conns, &x->r.in->flow);
	if (!x->is_gone && c != NULL && !txn_is_answered(x->r.txn)) {
		txn_server_on(x->r.txn, NULL, NULL);
		err done = judge(x, c, e, a);
		if (failed(done))
			request_fail(&x->r, refuse(x->e, x->r.in->msg.from.uri.host, x->place.kind, err_is(done, ERR_SIP_PARTNER_UNPROVEN) ? FED_SPOOFED : FED_REFUSED_IN, done), "federation");
		else
			go_on(x);
	} else if (!x->is_gone) {
		txn_server_on(x->r.txn, NULL, NULL);
	}
	inbound_unref(x->r.in);
	free(x);
}

bool edge_fed_service(str domain, char out[DNS_NAME_MAX + 1])
{
	int n = snprintf(out, DNS_NAME_MAX + 1, "_sipfederationtls._tcp.%.*s", STR_FMT(domain));
	return n > 0 && n <= DNS_NAME_MAX;
}

static err ask(struct edge *e, struct request *r, const struct fed_place *place, enum stage_verdict *v)
{
	char name[DNS_NAME_MAX + 1];
	ENSURE(r->txn != NULL, SIP_PARTNER_UNPROVEN); /* an ACK of somebody who was not asked to call */
	ENSURE(edge_fed_service(r->in->msg.from.uri.host, name), SIP_PARTNER_DNS);
	struct asking *x = calloc(1, sizeof *x);
	ENSURE(x != NULL, NO_MEMORY);
	*x = (struct asking){ .e = e, .r = *r, .place = *place };
	x->r.conn = NULL;
	err done = dns_ask(e->dns, &x->query, DNS_SRV, str_of(name), on_srv, x);
	if (failed(done)) {
		free(x);
		return ERR(SIP_PARTNER_DNS);
	}
	inbound_ref(r->in);
	txn_server_on(r->txn, &waiting_door, x);
	*v = STAGE_WAIT;
	return OK;
}

static err from_partner(struct edge *e, struct request *r, enum stage_verdict *v)
{
	const struct sip_msg *m = &r->in->msg;
	str domain = m->from.uri.host;
	struct fed_place place;
	ENSURE((METHODS & 1u << m->method) != 0, SIP_METHOD);
	ENSURE((m->from.uri.kind == URI_SIP || m->from.uri.kind == URI_SIPS) && m->from.uri.has_user, SIP_FORBIDDEN);
	fed_find(e->fed, domain, &place);
	if (place.kind == FED_OWN) /* somebody outside who says that he is one of us */
		return refuse(e, tls_peer_name(conn_tls(r->conn)), FED_UNLISTED, FED_SPOOFED, ERR(SIP_FORBIDDEN));
	if (!fed_kind_passes(place.kind))
		return refuse(e, domain, place.kind, FED_REFUSED_IN, why_not(place.kind));
	/* nobody is led from one organisation to another through ours */
	if (!is_ours(e, m->to_tag.n != 0 ? &m->to.uri : &m->uri) || (m->to_tag.n == 0 && !m->uri.has_user))
		return refuse(e, domain, place.kind, FED_REFUSED_IN, ERR(SIP_FORBIDDEN));
	TRY(uri_aor(&m->from.uri, &r->in->arena, &r->aor));
	if (fed_kind_has_proxy(place.kind) && !is_proxy(r->conn, str_of(place.proxy)))
		return refuse(e, domain, place.kind, FED_SPOOFED, ERR(SIP_PARTNER_UNPROVEN));
	if (!fed_kind_has_proxy(place.kind) && !has_proven(e, r->conn, domain))
		return ask(e, r, &place, v);
	return take(e, r, &place);
}

/* ---- to a partner ---- */

static err to_partner(struct edge *e, const struct request *r)
{
	const struct sip_msg *m = &r->in->msg;
	const struct uri *to = m->to_tag.n != 0 ? &m->to.uri : &m->uri;
	struct fed_place place;
	ENSURE((METHODS & 1u << m->method) != 0, SIP_METHOD);
	ENSURE(is_ours(e, &m->from.uri) && (to->kind == URI_SIP || to->kind == URI_SIPS), SIP_FORBIDDEN);
	fed_find(e->fed, to->host, &place);
	if (!fed_kind_passes(place.kind))
		return refuse(e, to->host, place.kind, FED_REFUSED_OUT, why_not(place.kind));
	fed_count(e->fed, to->host, place.kind, FED_OUT, now_of(e));
	meter_add(e->skel->meter, METER_FED_OUTWARD, 1);
	return OK;
}

err edge_fed_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct edge *e = state;
	const struct sip_msg *m = &r->in->msg;
	bool is_ping = m->method == SIP_METHOD_OPTIONS && !m->uri.has_user && m->to_tag.n == 0;
	if (is_ping)
		return OK;
	return r->in->flow.front == EDGE_OUTSIDE ? from_partner(e, r, v) : to_partner(e, r);
}

/* ---- what the inside is told ---- */

str edge_fed_mark(const struct edge *e, const struct sip_msg *m, struct arena *a)
{
	struct fed_place place;
	fed_find(e->fed, m->from.uri.host, &place);
	if (!fed_kind_passes(place.kind))
		return STR("");
	bool says_so = false;
	for (size_t i = 0; i < m->n_hdrs; i++)
		if (str_eq_case(m->hdrs[i].name, STR("ms-asserted-verification-level")))
			says_so = str_eq_case(m->hdrs[i].value, STR("ms-source-verified-user=verified"));
	bool is_verified = place.level == FED_ALWAYS || (place.level == FED_BY_SOURCE && says_so);
	const str parts[] = { STR(PEER_MARK_SOURCE "="), str_of(fed_kind_source(place.kind)), STR(";ms-ep-fqdn="), str_of(e->skel->fqdn),
		is_verified ? STR(";ms-source-verified-user=verified") : STR(";ms-source-verified-user=unverified"),
		place.kind == FED_PUBLIC ? STR(";ms-source-network=publiccloud") : STR(";ms-source-network=federation") };
	return arena_join(a, parts, sizeof parts / sizeof *parts);
}

void edge_fed_answered(struct edge *e, const struct sip_msg *m)
{
	struct fed_place place;
	if (m->status != 404)
		return;
	fed_find(e->fed, m->from.uri.host, &place);
	if (fed_kind_passes(place.kind))
		fed_count(e->fed, m->from.uri.host, place.kind, FED_UNKNOWN, now_of(e));
}
