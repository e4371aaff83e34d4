/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a topology that no single value can break. */
#include "model/topo/topo_priv.h"

#include <stdio.h>

static err each_pool(
	struct topo_reader *r, err (*fn)(struct topo_reader *r, struct topo_site *site, struct topo_pool *pool))
{
	TOPO_EACH (site, r->topo->sites)
		TOPO_EACH (pool, site->pools)
			TRY(fn(r, site, pool));
	return OK;
}

static bool is_front(const struct topo_pool *pool)
{
	return pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END;
}

bool topo_has_web(const struct topo_pool *pool)
{
	return is_front(pool) || pool->role == TOPO_DIRECTOR;
}

static err refuse_name(struct topo_reader *r, str name, const char *remedy, const char *what)
{
	return topo_refuse(
		r, ERR(REFUSED), topo_use_at(r, name), remedy, "\"%.*s\" %s", STR_FMT(str_cut(name, 0, 120)), what);
}

/* ---- servers ---- */

/* A Standard Edition pool is its server. */
static err complete_standard_edition(struct topo_reader *r, struct topo_pool *pool)
{
	if (pool->servers.n > 1 || (pool->servers.n == 1 && !str_eq(pool->servers.p[0].fqdn, pool->pool)))
		return topo_refuse(r, ERR(REFUSED), pool->servers.p[0].at,
			"leave \"servers\" out, or use the role front-end",
			"a standard-edition pool is its own and only server");
	if (pool->servers.n == 1)
		return OK;
	pool->servers.p = arena_alloc(r->arena, sizeof *pool->servers.p);
	ENSURE(pool->servers.p != NULL, CEILING);
	pool->servers.n = 1;
	topo_section_init(SECTION_server, pool->servers.p, pool->at);
	pool->servers.p->fqdn = pool->pool;
	return OK;
}

static err check_servers(struct topo_reader *r, struct topo_site *site, struct topo_pool *pool)
{
	if (pool->role == TOPO_STANDARD_EDITION)
		return complete_standard_edition(r, pool);
	if (pool->servers.n == 0)
		return topo_refuse(r, ERR(REFUSED), pool->at, "add servers: [NAME, ...]",
			"the pool \"%.*s\" has no servers", STR_FMT(str_cut(pool->pool, 0, 120)));
	if (pool->role == TOPO_EDGE && pool->servers.n > 12)
		return topo_refuse(r, ERR(REFUSED), pool->servers.p[12].at, "make a second Edge pool",
			"an Edge pool has at most 12 servers");
	if (pool->role == TOPO_EDGE)
		return OK;
	TOPO_EACH (server, pool->servers)
		if (server->internal_address.n != 0 || server->external_address.at.line != 0)
			return topo_refuse(r, ERR(REFUSED), server->at, "remove the addresses; DNS has them",
				"only an Edge server states addresses");
	return OK;
}

static err servers(struct topo_reader *r)
{
	return each_pool(r, check_servers);
}

/* ---- references ---- */

const struct topo_pool *topo_find_pool(const struct topo *t, str fqdn)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (str_eq(pool->pool, fqdn))
				return pool;
	return NULL;
}

static err check_next_hops(struct topo_reader *r, struct topo_site *site, struct topo_pool *pool)
{
	if (pool->next_hop_edge.n != 0) {
		const struct topo_pool *edge = topo_find_pool(r->topo, pool->next_hop_edge);
		if (edge == NULL || edge->role != TOPO_EDGE)
			return refuse_name(r, pool->next_hop_edge, "name a pool with the role edge",
				"is no Edge pool of this topology");
	}
	if (pool->role != TOPO_EDGE)
		return OK;
	if (pool->next_hop.n == 0)
		return topo_refuse(r, ERR(REFUSED), pool->at, "add next-hop: the Director or Front End pool",
			"the Edge pool \"%.*s\" has no next hop", STR_FMT(str_cut(pool->pool, 0, 120)));
	const struct topo_pool *next = topo_find_pool(r->topo, pool->next_hop);
	if (next == NULL || !topo_has_web(next))
		return refuse_name(r, pool->next_hop, "name a Director, Front End or Standard Edition pool",
			"is no such pool of this topology");
	return OK;
}

static err next_hops(struct topo_reader *r)
{
	return each_pool(r, check_next_hops);
}

static err check_published(struct topo_reader *r, str name)
{
	const struct topo_pool *pool = topo_find_pool(r->topo, name);
	if (pool == NULL)
		return refuse_name(
			r, name, "name pools of this topology", "is not a pool: the reverse proxy cannot publish it");
	if (pool->web.external.n == 0)
		return refuse_name(
			r, name, "give that pool web: {external: NAME}", "has no external web name to be published by");
	return OK;
}

static err proxies(struct topo_reader *r)
{
	TOPO_EACH (site, r->topo->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			TOPO_EACH (name, proxy->publishes)
				TRY(check_published(r, *name));
	return OK;
}

static err gateways(struct topo_reader *r)
{
	TOPO_EACH (site, r->topo->sites)
		TOPO_EACH (gateway, site->pstn_gateways) {
			const struct topo_pool *pool = topo_find_pool(r->topo, gateway->mediation);
			bool collocated = pool != NULL && (pool->collocated & TOPO_COLLOCATED_MEDIATION) != 0;
			if (pool == NULL ||
				(pool->role != TOPO_MEDIATION && pool->role != TOPO_SURVIVABLE_BRANCH && !collocated))
				return refuse_name(r, gateway->mediation,
					"name a mediation pool, or a pool with collocated: [mediation]",
					"has no mediation for the gateway");
		}
	return OK;
}

/* ---- Edge ---- */

static bool is_in_domain(str name, str domain)
{
	return name.n > domain.n + 1 && name.p[name.n - domain.n - 1] == '.' &&
	       str_eq(str_cut(name, name.n - domain.n, name.n), domain);
}

static err check_edge(struct topo_reader *r, struct topo_site *site, struct topo_pool *pool)
{
	const struct topo_external *x = &pool->external;
	if (pool->role != TOPO_EDGE)
		return OK;
	if (x->at.line == 0)
		return topo_refuse(r, ERR(REFUSED), pool->at,
			"add external: {access: NAME, web-conferencing: NAME, av: NAME}",
			"the Edge pool \"%.*s\" has no external names", STR_FMT(str_cut(pool->pool, 0, 120)));
	if (!pool->single_address && (str_eq(x->access, x->web_conferencing) || str_eq(x->access, x->av)))
		return refuse_name(r, x->access, "give each service a name, or state single-address: true",
			"names two services, which have an address each");
	if (!pool->single_address && str_eq(x->web_conferencing, x->av))
		return refuse_name(r, x->av, "give each service a name, or state single-address: true",
			"names two services, which have an address each");
	if (pool->balancer == TOPO_BALANCE_TLS)
		return topo_refuse(r, ERR(REFUSED), pool->at, "write balancer: tcp, or dns",
			"a balancer cannot end TLS for an Edge, which proves itself to partners");
	TOPO_EACH (domain, pool->xmpp)
		if (!topo_has_domain(r->topo, *domain))
			return refuse_name(r, *domain, "name SIP domains of this topology", "is not a SIP domain");
	if (!is_in_domain(x->access, r->topo->sip_domains.p[0]))
		return topo_warn(r, topo_use_at(r, x->access), x->access,
			"choose sip. or access. and the default SIP domain",
			"is an access name outside the default SIP domain");
	return OK;
}

static err edges(struct topo_reader *r)
{
	return each_pool(r, check_edge);
}

/* ---- ports and stores ---- */

/* Listeners whose ports are not set in the document, by who has them. */
static const struct {
	uint32_t port, roles, collocated;
	const char *what;
} fixed_ports[] = {
	{ 443, 1u << TOPO_EDGE, 0, "the services for clients outside" },
	{ 5070, 1u << TOPO_MEDIATION, TOPO_COLLOCATED_MEDIATION, "mediation" },
	{ 5067, 1u << TOPO_MEDIATION, TOPO_COLLOCATED_MEDIATION, "mediation" },
	{ 5068, 1u << TOPO_MEDIATION, TOPO_COLLOCATED_MEDIATION, "mediation" },
	{ 5062, 1u << TOPO_EDGE, TOPO_COLLOCATED_CONFERENCING, "IM conferencing or relay authentication" },
	{ 5063, 0, TOPO_COLLOCATED_CONFERENCING, "A/V conferencing" },
	{ 5064, 0, TOPO_COLLOCATED_CONFERENCING, "conferencing attendant" },
	{ 5065, 0, TOPO_COLLOCATED_CONFERENCING, "application sharing" },
	{ 8057, 1u << TOPO_EDGE, TOPO_COLLOCATED_CONFERENCING, "web conferencing" },
};

static err check_port(struct topo_reader *r, const struct topo_pool *pool, const char *name, uint32_t port)
{
	for (size_t i = 0; i < sizeof fixed_ports / sizeof *fixed_ports; i++) {
		bool has = (fixed_ports[i].roles & 1u << pool->role) != 0 ||
			   (fixed_ports[i].collocated & pool->collocated) != 0;
		if (has && fixed_ports[i].port == port)
			return topo_refuse(r, ERR(REFUSED), pool->ports.at, "choose another port",
				"%s: %u is taken on the same host by %s", name, port, fixed_ports[i].what);
	}
	return OK;
}

/* Listeners whose ports the document sets. */
struct listener {
	const char *name;
	uint32_t port;
	bool is_service;  /* of web services: not for every role */
	bool is_web_tls; /* of the web process over TLS */
};

/* Management and web services over TLS are of one process, and one listener can be both. */
static bool may_share(const struct listener *a, const struct listener *b)
{
	return a->is_web_tls && b->is_web_tls && a->is_service != b->is_service;
}

static err check_pair(struct topo_reader *r, const struct topo_pool *pool, const struct listener *a, const struct listener *b)
{
	if (a->port == 0 || a->port != b->port || may_share(a, b))
		return OK;
	return topo_refuse(r, ERR(REFUSED), pool->ports.at, "choose another port, or 0 for a listener of web services that is not wanted",
		"%s and %s are both %u", a->name, b->name, a->port);
}

static err check_ports(struct topo_reader *r, struct topo_site *site, struct topo_pool *pool)
{
	const struct topo_ports *p = &pool->ports;
	const struct listener own[] = { { "sip-tls", p->sip_tls, false, false }, { "sip-tcp", p->sip_tcp, false, false }, { "web", p->web, false, true },
		{ "replica", topo_replica_port(pool), false, false },
		{ "http", p->http, true, false }, { "https", p->https, true, true }, { "external-http", p->external_http, true, false },
		{ "external-https", p->external_https, true, true } };
	const size_t n = topo_has_web(pool) ? sizeof own / sizeof *own : 4;
	if (p->at.line == 0)
		return OK;
	for (size_t i = 0; i < n; i++) {
		TRY(check_port(r, pool, own[i].name, own[i].port));
		for (size_t j = 0; j < i; j++)
			TRY(check_pair(r, pool, &own[j], &own[i]));
	}
	return OK;
}

static err ports(struct topo_reader *r)
{
	return each_pool(r, check_ports);
}

static err check_store(struct topo_reader *r, struct topo_site *site, struct topo_pool *pool)
{
	if (pool->store.at.line == 0)
		return OK;
	if (pool->store.kind == TOPO_POSTGRESQL && !str_begins(pool->store.url, STR("postgresql://")))
		return topo_refuse(r, ERR(REFUSED), pool->store.at, "add url: \"postgresql://USER@HOST/DATABASE\"",
			"a postgresql store needs a postgresql:// URL");
	if (pool->store.kind == TOPO_SQLITE && pool->store.url.n != 0)
		return topo_refuse(r, ERR(REFUSED), pool->store.at, "remove url",
			"a sqlite store lives in the deployment and has no URL");
	return OK;
}

static err stores(struct topo_reader *r)
{
	return each_pool(r, check_store);
}

static err central(struct topo_reader *r)
{
	struct topo_host host;
	str name = r->topo->central_management;
	if (name.n == 0)
		return OK;
	if (failed(topo_find_host(r->topo, name, &host, NULL)) || !is_front(host.pool))
		return refuse_name(r, name, "name a server of a Front End or Standard Edition pool", "cannot have the central store");
	return OK;
}

/* In this order: a later rule may rely on an earlier one. */
static err (*const rules[])(struct topo_reader *r) = {
	servers,
	topo_check_names,
	next_hops,
	proxies,
	gateways,
	edges,
	ports,
	stores,
	central,
};

err topo_check(struct topo_reader *r)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		TRY(rules[i](r));
	return OK;
}
