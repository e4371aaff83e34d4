/* SPDX-License-Identifier: Apache-2.0 */
/* Which records there are. */
#include "service/plan/plan_dns_priv.h"

#define HTTPS   443
#define SIP_TLS 5061
#define XMPP    5269
#define NTP     123

static const char *const side_words[PLAN_SIDE_N] = { [PLAN_INSIDE] = "inside", [PLAN_OUTSIDE] = "outside" };

const char *plan_side_word(enum plan_side side)
{
	return side_words[side];
}

bool plan_side_find(str word, enum plan_side *out)
{
	for (unsigned i = 0; i < PLAN_SIDE_N; i++)
		if (str_eq(word, str_of(side_words[i]))) {
			*out = (enum plan_side)i;
			return true;
		}
	return false;
}

const char *plan_record_word(enum plan_record_type type)
{
	static const char *const words[] = {
		[PLAN_A] = "A", [PLAN_AAAA] = "AAAA", [PLAN_CNAME] = "CNAME", [PLAN_SRV] = "SRV"
	};
	return words[type];
}

/* ---- the deployment as the rows of plan_dns.def see it ---- */

static const struct topo_pool *xmpp_edge(const struct topo *t, str domain)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (own, pool->xmpp)
				if (pool->role == TOPO_EDGE && str_eq(*own, domain))
					return pool;
	return NULL;
}

static const struct topo_pool *first_pool(const struct naming *n)
{
	return n->doors.n != 0 ? n->doors.p[0].pool : NULL;
}

static const struct topo_pool *first_edge(const struct naming *n)
{
	return n->doors.n != 0 ? n->doors.p[0].edge : NULL;
}

static bool when_tcp(const struct naming *n, str domain)
{
	return first_pool(n) != NULL && first_pool(n)->ports.sip_tcp != 0;
}

static bool when_legacy(const struct naming *n, str domain)
{
	return n->topo->legacy_names;
}

static bool when_time(const struct naming *n, str domain)
{
	return n->options->time_server.n != 0;
}

static bool when_edge(const struct naming *n, str domain)
{
	return first_edge(n) != NULL;
}

static bool when_edge_legacy(const struct naming *n, str domain)
{
	return when_edge(n, domain) && n->topo->legacy_names;
}

static bool when_federation(const struct naming *n, str domain)
{
	return topo_federation_edge(n->topo) != NULL;
}

static bool when_xmpp(const struct naming *n, str domain)
{
	return xmpp_edge(n->topo, domain) != NULL;
}

static uint32_t port_tls(const struct naming *n)
{
	return first_pool(n)->ports.sip_tls;
}

static uint32_t port_tcp(const struct naming *n)
{
	return first_pool(n)->ports.sip_tcp;
}

static uint32_t port_client(const struct naming *n)
{
	return first_edge(n)->single_address ? SIP_TLS : HTTPS;
}

static uint32_t port_federation(const struct naming *n)
{
	return SIP_TLS;
}

static uint32_t port_xmpp(const struct naming *n)
{
	return XMPP;
}

static uint32_t port_ntp(const struct naming *n)
{
	return NTP;
}

/* What is being asked for: the full name, its SIP domain, and the port of an SRV record. */
struct asked {
	str name, domain;
	uint32_t port;
};

static err way_door(struct naming *n, const struct asked *q)
{
	TOPO_EACH (door, n->doors)
		TRY(naming_add_pool(n, q->name, door->pool));
	return OK;
}

static err way_door_web(struct naming *n, const struct asked *q)
{
	TOPO_EACH (door, n->doors)
		TRY(naming_add_web(n, q->name, door->pool));
	return OK;
}

static bool is_same_domain(const struct naming *n, str name, str target)
{
	TOPO_EACH (domain, n->topo->sip_domains)
		if (plan_name_is_within(name, *domain) && plan_name_is_within(target, *domain))
			return true;
	return false;
}

static err way_published_door(struct naming *n, const struct asked *q)
{
	str first = n->doors.n == 1 ? first_pool(n)->web.external : (str){ "", 0 };
	if (n->options->cname && first.n != 0 && is_same_domain(n, q->name, first))
		return naming_add(n, PLAN_CNAME, q->name, first, (str){ "", 0 }, 0);
	TOPO_EACH (door, n->doors)
		TRY(naming_add_published(n, q->name, door->pool));
	return OK;
}

/* Clients insist on a target in the SIP domain itself: sip.DOMAIN. */
static err way_sip(struct naming *n, const struct asked *q)
{
	str target;
	TRY(plan_name_join(STR("sip"), q->domain, n->arena, &target, n->diag));
	return naming_add(n, PLAN_SRV, q->name, target, (str){ "", 0 }, q->port);
}

static err way_access(struct naming *n, const struct asked *q)
{
	TOPO_EACH (door, n->doors)
		if (door->edge != NULL)
			TRY(naming_add_edge(n, q->name, door->edge, NAMING_EDGE(access)));
	return OK;
}

static err lead_to_access(struct naming *n, const struct asked *q, const struct topo_pool *edge)
{
	if (plan_name_is_within(edge->external.access, q->domain))
		return naming_add(n, PLAN_SRV, q->name, edge->external.access, (str){ "", 0 }, q->port);
	return way_sip(n, q);
}

static err way_federation(struct naming *n, const struct asked *q)
{
	return lead_to_access(n, q, topo_federation_edge(n->topo));
}

static err way_xmpp(struct naming *n, const struct asked *q)
{
	return lead_to_access(n, q, xmpp_edge(n->topo, q->domain));
}

static err way_time(struct naming *n, const struct asked *q)
{
	bool found;
	TRY(naming_add_known(n, n->options->time_server, n->options->time_server, &found));
	return naming_add(n, PLAN_SRV, q->name, n->options->time_server, (str){ "", 0 }, q->port);
}

static const struct row {
	enum plan_side side;
	const char *label;
	enum plan_record_type type;
	uint32_t (*port)(const struct naming *n);
	err (*way)(struct naming *n, const struct asked *q);
	bool (*when)(const struct naming *n, str domain);
	const char *rule, *why;
} rows[] = {
#define RECORD(side, label, type, port, way, when, rule, why) \
	{ PLAN_##side, label, PLAN_##type, port, way, when, rule, why },
#include "service/plan/plan_dns.def"
#undef RECORD
};

static err add_domain(struct naming *n, str domain)
{
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		struct asked q = { .domain = domain };
		if (n->doors.n == 0 || (r->when != NULL && !r->when(n, domain)))
			continue;
		n->side = r->side;
		n->rule = r->rule;
		n->why = r->why;
		q.port = r->port != NULL ? r->port(n) : 0;
		TRY(plan_name_join(str_of(r->label), domain, n->arena, &q.name, n->diag));
		TRY(r->way(n, &q));
	}
	return OK;
}

/* ---- what is there once ---- */

static err add_urls(struct naming *n, enum plan_side side)
{
	struct topo_names hosts;
	TRY(plan_simple_url_hosts(&n->names, side == PLAN_OUTSIDE, n->arena, &hosts));
	n->side = side;
	n->rule = "dns 1, roles 8";
	n->why = side == PLAN_OUTSIDE ? "simple URLs: meetings, dial-in page"
				      : "simple URLs: meetings, dial-in page, administration";
	TOPO_EACH (host, hosts) {
		struct asked q = { .name = *host };
		TRY(side == PLAN_OUTSIDE ? way_published_door(n, &q) : way_door_web(n, &q));
	}
	return OK;
}

static err add_device_update(struct naming *n)
{
	n->side = PLAN_INSIDE;
	n->rule = "dns 1, W-update";
	n->why = "software of desk phones";
	return n->topo->device_update ? way_door_web(n, &(struct asked){ .name = n->names.device_update }) : OK;
}

/* ---- pools and hosts ---- */

static err add_external_web(struct naming *n, const struct topo_pool *pool)
{
	if (pool->web.external.n == 0)
		return OK;
	n->rule = "dns 1, DNS-12";
	n->why = "web services outside, and mobile clients inside";
	for (n->side = PLAN_INSIDE; n->side < PLAN_SIDE_N; n->side++)
		TRY(naming_add_published(n, pool->web.external, pool));
	return OK;
}

static err add_edge(struct naming *n, const struct topo_pool *edge)
{
	n->side = PLAN_OUTSIDE;
	n->rule = "dns 1";
	n->why = "Access Edge";
	TRY(naming_add_edge(n, edge->external.access, edge, NAMING_EDGE(access)));
	if (edge->external.regional_access.n != 0) {
		n->why = "Access Edge of this region alone";
		TRY(naming_add_edge(n, edge->external.regional_access, edge, NAMING_EDGE_AT(regional_access, access)));
	}
	n->why = "conference content outside";
	TRY(naming_add_edge(n, edge->external.web_conferencing, edge, NAMING_EDGE(web_conferencing)));
	n->why = "media relay outside";
	return naming_add_edge(n, edge->external.av, edge, NAMING_EDGE(av));
}

static err add_pool(struct naming *n, const struct topo_pool *pool)
{
	n->side = PLAN_INSIDE;
	n->rule = "dns 1";
	n->why = "the pool";
	TRY(naming_add_pool(n, pool->pool, pool));
	n->why = "a server of the pool";
	struct topo_pool single = *pool;
	single.balancer = TOPO_BALANCE_DNS;
	single.servers.n = 1;
	TOPO_EACH (server, pool->servers) {
		single.servers.p = server;
		TRY(naming_add_pool(n, server->fqdn, &single));
	}
	if (pool->role == TOPO_EDGE)
		return add_edge(n, pool);
	if (!plan_has_web(pool))
		return OK;
	n->why = "web services inside";
	TRY(naming_add_web(n, plan_web_internal(pool), pool));
	return add_external_web(n, pool);
}

static err add_farm(struct naming *n, const struct topo_site *site, const struct topo_office_web_apps *farm)
{
	bool found = false;
	n->rule = "dns 1";
	n->why = "presentations";
	n->side = PLAN_INSIDE;
	TRY(naming_add_host(n, farm->internal, farm->internal));
	n->side = PLAN_OUTSIDE;
	if (farm->external.n == 0)
		return OK;
	TRY(naming_add_known(n, farm->external, farm->external, &found));
	TOPO_EACH (other, n->topo->sites)
		TOPO_EACH (proxy, other->reverse_proxies)
			if (!found && plan_publishes_farms(n->topo, other, site))
				TRY(naming_add_published(
					n, farm->external, topo_find_pool(n->topo, proxy->publishes.p[0])));
	return OK;
}

static err add_site(struct naming *n, const struct topo_site *site)
{
	TOPO_EACH (pool, site->pools)
		TRY(add_pool(n, pool));
	n->side = PLAN_INSIDE;
	n->rule = "dns 1";
	n->why = "inner side of the reverse proxy";
	TOPO_EACH (proxy, site->reverse_proxies)
		TRY(naming_add_host(n, proxy->fqdn, proxy->fqdn));
	n->why = "PSTN gateway";
	TOPO_EACH (gateway, site->pstn_gateways)
		TRY(naming_add_host(n, gateway->fqdn, gateway->fqdn));
	TOPO_EACH (farm, site->office_web_apps)
		TRY(add_farm(n, site, farm));
	return OK;
}

static err add_all(struct naming *n)
{
	TRY(plan_names(n->topo, n->arena, &n->names, n->diag));
	TRY(plan_doors(n->topo, n->arena, &n->doors));
	TOPO_EACH (domain, n->topo->sip_domains)
		TRY(add_domain(n, *domain));
	TRY(add_urls(n, PLAN_INSIDE));
	TRY(add_urls(n, PLAN_OUTSIDE));
	TRY(add_device_update(n));
	TOPO_EACH (site, n->topo->sites)
		TRY(add_site(n, site));
	return naming_check(n);
}

err plan_dns(const struct topo *t, const struct plan_addresses *known, const struct plan_dns_options *options,
	struct arena *a, struct plan_dns *out, struct diag *d)
{
	struct naming n = { .topo = t, .known = known, .options = options, .arena = a, .diag = d, .out = out };
	*out = (struct plan_dns){ .internal_domain = t->internal_domain };
	map_init(&n.seen, naming_seen_key);
	err e = add_all(&n);
	map_fini(&n.seen);
	return e;
}
