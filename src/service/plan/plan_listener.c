/* SPDX-License-Identifier: Apache-2.0 */
/* What presents a certificate, by the rows of plan_listener.def. */
#include "service/plan/plan_priv.h"

static bool always(const struct planning *p)
{
	return true;
}

/* Web services may have taken the port of the management listener; then it presents their certificate. */
static bool web_is_apart(const struct planning *p)
{
	const struct topo_pool *pool = p->at.pool;
	if (pool->ports.web == pool->ports.https)
		return !plan_has_web(pool);
	return pool->ports.web != pool->ports.external_https || pool->web.external.n == 0;
}

static bool has_mediation(const struct planning *p)
{
	return (p->at.pool->collocated & TOPO_COLLOCATED_MEDIATION) != 0;
}

static bool has_conferencing(const struct planning *p)
{
	return (p->at.pool->collocated & TOPO_COLLOCATED_CONFERENCING) != 0;
}

static bool has_xmpp(const struct planning *p)
{
	return p->at.pool->xmpp.n != 0;
}

static bool has_one_address(const struct planning *p)
{
	return p->at.pool->single_address;
}

static bool has_addresses(const struct planning *p)
{
	return !p->at.pool->single_address;
}

/* With one address remote clients come to the partners' port too. */
static bool has_partners(const struct planning *p)
{
	return p->at.pool->federation || p->at.pool->public_im || p->at.pool->single_address;
}

static uint32_t port_sip_tls(const struct planning *p)
{
	return p->at.pool->ports.sip_tls;
}

static uint32_t port_web(const struct planning *p)
{
	return p->at.pool->ports.web;
}

static uint32_t port_https(const struct planning *p)
{
	return p->at.pool->ports.https;
}

static uint32_t port_external_https(const struct planning *p)
{
	return p->at.pool->ports.external_https;
}

/* Every server but the central one, which sends: here all that has the certificate, or one of them. */
static bool is_copy(const struct planning *p)
{
	struct topo_host central;
	if (failed(topo_find_central(p->topo, &central)) || topo_count_servers(p->topo) < 2)
		return false;
	return p->at.server != NULL ? p->at.server != central.server : p->at.pool != central.pool || central.pool->servers.n > 1;
}

static uint32_t port_replica(const struct planning *p)
{
	return topo_replica_port(p->at.pool);
}

static uint32_t port_gateway(const struct planning *p)
{
	return p->at.gateway->port;
}

struct listener {
	uint32_t usages, subjects, roles;
	bool (*when)(const struct planning *p);
	const char *address;
	struct {
		uint32_t number; /* or */
		uint32_t (*of)(const struct planning *p);
	} port;
};

#define ON(name)      (1u << PLAN_OF_##name)
#define MEMBERS       (ON(SERVER) | ON(POOL))
#define POOLED        (MEMBERS | ON(BALANCER))
#define ROLE(name)    (1u << TOPO_##name)
#define ROLES_FRONT   (ROLE(STANDARD_EDITION) | ROLE(FRONT_END))
#define ROLES_WEB     (ROLES_FRONT | ROLE(DIRECTOR))
#define ROLES_SIGN_IN (ROLES_WEB | ROLE(SURVIVABLE_BRANCH))
#define ROLES_INSIDE  (((1u << TOPO_ROLE_N) - 1u) & ~ROLE(EDGE))

static const struct listener listeners[] = {
#define PORT(n)      n, NULL
#define port_sip_tls 0, port_sip_tls
#define port_web     0, port_web
#define port_replica 0, port_replica
#define port_gateway 0, port_gateway
#define port_https   0, port_https
#define port_external_https 0, port_external_https
#define LISTENER(usage, subjects, roles, when, address, ...) \
	{ 1u << PLAN_##usage, subjects, roles, when, address, { __VA_ARGS__ } },
#include "service/plan/plan_listener.def"
#undef LISTENER
};

#define LISTENERS (sizeof listeners / sizeof *listeners)

static bool is_of(const struct listener *l, const struct planning *p, enum plan_subject subject, uint32_t usages)
{
	if ((l->usages & usages) == 0 || (l->subjects & 1u << subject) == 0)
		return false;
	return (l->roles == 0 || (l->roles & 1u << p->at.pool->role) != 0) && l->when(p);
}

err plan_listeners(const struct planning *p, enum plan_subject subject, uint32_t usages, struct topo_names *out)
{
	*out = (struct topo_names){ arena_alloc(p->arena, LISTENERS * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	for (size_t i = 0; i < LISTENERS; i++) {
		const struct listener *l = &listeners[i];
		if (!is_of(l, p, subject, usages))
			continue;
		uint32_t port = l->port.of != NULL ? l->port.of(p) : l->port.number;
		if (port == 0)
			continue; /* there is no such listener */
		str number = arena_decimal(p->arena, port);
		ENSURE(number.p != NULL, CEILING);
		out->p[out->n] = arena_join(p->arena, (str[]){ str_of(l->address), number, STR("/tcp") }, 3);
		ENSURE(out->p[out->n++].p != NULL, CEILING);
	}
	return OK;
}
