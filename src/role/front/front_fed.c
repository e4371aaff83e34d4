/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People of other organisations: what an Edge passes in is theirs, and what our users send them goes to the Edge that the topology names. Both
 * only where settings and the policy of the user here allow it (docs/adr/0083).
 */
#include "role/front/front_priv.h"

/* What may be asked across organisations; REGISTER, PUBLISH and SERVICE are for a home server alone. */
#define METHODS                                                                                                                              \
	(SIP_INVITE | SIP_ACK | SIP_BYE | SIP_CANCEL | SIP_OPTIONS | SIP_MESSAGE | SIP_SUBSCRIBE | SIP_NOTIFY | SIP_INFO | SIP_UPDATE | SIP_PRACK | \
		SIP_REFER | SIP_BENOTIFY)

static bool is_edge(const struct front *f, const struct conn *c)
{
	return c != NULL && conn_tls(c) != NULL && conn_is_peer(c) && peers_is_edge(f->peers_known, tls_peer_name(conn_tls(c)));
}

static bool is_ours(const struct front *f, const struct uri *u)
{
	return (u->kind == URI_SIP || u->kind == URI_SIPS) && users_is_domain(f->users, u->host);
}

/* ---- may somebody here have to do with them? ---- */

static err check_user(const struct front *f, str aor, bool is_public)
{
	const struct user *u = user_find(f->users, aor);
	ENSURE(f->config.allow_federated_users, SIP_FEDERATION_OFF);
	if (u == NULL) /* that there is none is said by who would deliver it */
		return OK;
	const struct cs_ExternalAccessPolicy *p = policies_find(f->policies, SCHEMA_ID_ExternalAccessPolicy, user_grants(u));
	ENSURE(is_public ? p->EnablePublicCloudAccess : p->EnableFederationAccess, SIP_FEDERATION_USER);
	return OK;
}

/* Addresses of devices and servers are nobody's. */
static err check_address(const struct front *f, const struct request *r, const struct uri *u, bool is_public)
{
	str aor = STR("");
	if (u->has_user && is_ours(f, u))
		TRY(uri_aor(u, &r->in->arena, &aor));
	return check_user(f, aor, is_public);
}

/* ---- from a partner ---- */

struct mark {
	bool is_partner, is_public;
};

/* "ms-source-type=DirectPartner;ms-ep-fqdn=...;ms-source-verified-user=verified;ms-source-network=federation" */
static struct mark read_mark(const struct sip_msg *m)
{
	static const char *const sources[] = { "DirectPartner", "AutoFederation", "ClearingHouse" };
	const struct peer_mark k = peer_mark_read(m);
	struct mark mark = { .is_public = str_eq_case(k.network, STR("publiccloud")) };
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		mark.is_partner = mark.is_partner || str_eq_case(k.source, str_of(sources[i]));
	return mark;
}

/* The Edge has seen that the peer may speak for the domain of From; that it is none of ours is looked at here once more. */
static err from_partner(struct front *f, struct request *r)
{
	const struct sip_msg *m = &r->in->msg;
	const struct mark mark = read_mark(m);
	bool is_in_dialog = m->to_tag.n != 0;
	if (!mark.is_partner && m->method == SIP_METHOD_OPTIONS)
		return OK;
	ENSURE(mark.is_partner, SIP_FORBIDDEN);
	ENSURE((METHODS & 1u << m->method) != 0, SIP_METHOD);
	ENSURE(m->from.uri.has_user && !is_ours(f, &m->from.uri), SIP_FORBIDDEN);
	ENSURE(is_ours(f, is_in_dialog ? &m->to.uri : &m->uri), SIP_FORBIDDEN);
	TRY(uri_aor(&m->from.uri, &r->in->arena, &r->aor));
	r->is_peer = false;
	/* both: a tag can be made up, so that the address in To is not the one that it goes to */
	TRY(check_address(f, r, &m->uri, mark.is_public));
	return is_in_dialog ? check_address(f, r, &m->to.uri, mark.is_public) : OK;
}

err front_fed_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct front *f = state;
	(void)v;
	if (r->is_peer && is_edge(f, r->conn))
		return from_partner(f, r);
	return OK;
}

/* ---- to a partner ---- */

/* Nobody is led from one organisation to another through ours. */
static bool is_from_here(const struct front *f, const struct request *r)
{
	str domain;
	(void)str_split(r->aor, '@', &domain);
	return r->aor.n != 0 ? users_is_domain(f->users, domain) : r->is_peer && is_ours(f, &r->in->msg.from.uri);
}

static err lead(void *arg, const struct request *r, const struct uri *u, const struct flow *gone, route_found_fn *found, void *found_arg)
{
	struct front *f = arg;
	uint32_t port = 0;
	str digits;
	if (peers_has(f->peers_known, u->host))
		return links_dial(f->links, u, found, found_arg);
	ENSURE(gone == NULL, ABSENT);
	ENSURE(f->skel->next_hop[0] != '\0' && is_from_here(f, r), SIP_FORBIDDEN);
	TRY(check_user(f, r->aor, false));
	struct uri edge = { .kind = URI_SIP, .scheme = STR("sip"), .params = STR("transport=tls") };
	edge.host = str_split(str_of(f->skel->next_hop), ':', &digits);
	ENSURE(str_to_u32(digits, &port), INTERNAL);
	edge.port = (uint16_t)port;
	return links_dial(f->links, &edge, found, found_arg);
}

/* Connections of other processes: they say when one has ended. */
static bool is_up(void *arg, const struct flow *flow)
{
	struct front *f = arg;
	return flow->front != f->skel->index || flow->slot == FRONT_SELF || conn_find(f->conns, flow) != NULL;
}

const struct route_door front_door = { lead, is_up };
