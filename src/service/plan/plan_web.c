/* SPDX-License-Identifier: Apache-2.0 */
/* The web sites of a server, by the names that its certificates for them have (plan_certificate.def). */
#include "service/plan_web.h"

#include "service/plan.h"
#include "service/plan/plan_door.h"
#include "service/plan_ports.h"

#define HTTPS 443

struct webbing {
	const struct topo *topo;
	const struct topo_host *host;
	struct arena *arena;
	struct plan_names names;
};

static void add(struct plan_web_site *s, str name, enum plan_web_use use)
{
	if (name.n == 0)
		return;
	TOPO_EACH (known, s->names)
		if (str_eq(known->name, name))
			return;
	s->names.p[s->names.n++] = (struct plan_web_name){ name, use };
}

static void add_all(struct plan_web_site *s, const struct topo_names *names, enum plan_web_use use)
{
	TOPO_EACH (name, *names)
		add(s, *name, use);
}

static err room(struct webbing *w, struct plan_web_site *s)
{
	s->names.p = arena_alloc(w->arena, (3 * w->topo->sip_domains.n + 8) * sizeof *s->names.p);
	ENSURE(s->names.p != NULL, CEILING);
	return OK;
}

static err print_url(struct webbing *w, str name, uint32_t port, str *out)
{
	str number = arena_decimal(w->arena, port);
	ENSURE(number.p != NULL, CEILING);
	*out = arena_join(w->arena, (str[]){ STR("https://"), name, STR(":"), number }, port != HTTPS ? 4 : 2);
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

/* Balancers and clients inside may name the pool or the server itself. */
static err inside(struct webbing *w, struct plan_web_site *s)
{
	const struct topo_pool *pool = w->host->pool;
	TRY(room(w, s));
	s->port = pool->ports.https;
	add(s, plan_web_internal(pool), PLAN_WEB_SERVICES);
	add(s, pool->pool, PLAN_WEB_SERVICES);
	add(s, w->host->server->fqdn, PLAN_WEB_SERVICES);
	add_all(s, &w->names.autodiscover_inside, PLAN_WEB_AUTODISCOVER);
	add_all(s, &w->names.autodiscover, PLAN_WEB_AUTODISCOVER);
	add_all(s, &w->names.meet, PLAN_WEB_MEETINGS);
	add(s, w->names.dialin, PLAN_WEB_MEETINGS);
	add(s, w->names.admin, PLAN_WEB_ADMIN);
	add(s, w->names.device_update, PLAN_WEB_UPDATES);
	return s->port != 0 ? print_url(w, plan_web_internal(pool), s->port, &s->url) : OK;
}

/* Clients outside speak to the reverse proxy, which is at the usual port. */
static err outside(struct webbing *w, struct plan_web_site *s)
{
	const struct topo_pool *pool = w->host->pool;
	TRY(room(w, s));
	s->port = pool->ports.external_https;
	add(s, pool->web.external, PLAN_WEB_SERVICES);
	add_all(s, &w->names.autodiscover, PLAN_WEB_AUTODISCOVER);
	add_all(s, &w->names.meet, PLAN_WEB_MEETINGS);
	add(s, w->names.dialin, PLAN_WEB_MEETINGS);
	return s->port != 0 && pool->web.external.n != 0 ? print_url(w, pool->web.external, HTTPS, &s->url) : OK;
}

static const struct topo_pool *find_edge(const struct webbing *w)
{
	TOPO_EACH (site, w->topo->sites)
		TOPO_EACH (pool, site->pools)
			if (pool->role == TOPO_EDGE && plan_pool_uses_edge(w->topo, w->host->pool, pool))
				return pool;
	return NULL;
}

err plan_web(const struct topo *t, const struct topo_host *host, struct arena *a, struct plan_web *out, struct diag *d)
{
	struct webbing w = { .topo = t, .host = host, .arena = a };
	const struct topo_pool *edge = find_edge(&w);
	*out = (struct plan_web){ .sip = { [PLAN_INSIDE] = { .fqdn = STR("") }, [PLAN_OUTSIDE] = { .fqdn = STR("") } } };
	out->sites[PLAN_INSIDE].url = out->sites[PLAN_OUTSIDE].url = STR("");
	if (!topo_has_web(host->pool))
		return OK;
	TRY(plan_names(t, a, &w.names, d));
	TRY(inside(&w, &out->sites[PLAN_INSIDE]));
	TRY(outside(&w, &out->sites[PLAN_OUTSIDE]));
	out->sip[PLAN_INSIDE] = (struct plan_web_access){ host->pool->pool, host->pool->ports.sip_tls, host->pool->ports.sip_tls };
	if (edge != NULL && plan_service_is_built(TOPO_EDGE, PLAN_ACCESS, "sign-in")) /* partners and other servers come to 5061; people, too, where there is one address for all */
		out->sip[PLAN_OUTSIDE] = (struct plan_web_access){ edge->external.access, 5061, edge->single_address ? 5061 : HTTPS };
	return OK;
}
