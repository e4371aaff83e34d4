/* SPDX-License-Identifier: Apache-2.0 */
#include "service/plan/plan_door.h"

#define NAME_OCTETS 253

err plan_door_name(struct arena *a, const char *label, str domain, str *out, struct diag *d)
{
	*out = arena_join(a, (str[]){ str_of(label), STR("."), domain }, 3);
	ENSURE(out->p != NULL, CEILING);
	if (out->n > NAME_OCTETS)
		return diag_fail(d, ERR(REFUSED), "topology.yaml", "use a shorter SIP domain",
			"\"%s.\" before \"%.*s\" has more than %d octets", label, STR_FMT(str_cut(domain, 0, 100)),
			NAME_OCTETS);
	return OK;
}

bool plan_name_is_within(str name, str domain)
{
	return str_eq(name, domain) || (name.n > domain.n && name.p[name.n - domain.n - 1] == '.' &&
					       str_eq(str_cut(name, name.n - domain.n, name.n), domain));
}

/* ---- pools ---- */

bool plan_pool_is_front(const struct topo_pool *pool)
{
	return pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END;
}

bool plan_pool_has_web(const struct topo_pool *pool)
{
	return plan_pool_is_front(pool) || pool->role == TOPO_DIRECTOR;
}

str plan_pool_web(const struct topo_pool *pool)
{
	return pool->web.internal.n != 0 ? pool->web.internal : pool->pool;
}

static size_t count_edges(const struct topo *t)
{
	size_t n = 0;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			n += pool->role == TOPO_EDGE;
	return n;
}

bool plan_pool_uses_edge(const struct topo *t, const struct topo_pool *pool, const struct topo_pool *edge)
{
	if (str_eq(edge->next_hop, pool->pool))
		return true;
	return pool->next_hop_edge.n != 0 ? str_eq(pool->next_hop_edge, edge->pool) : count_edges(t) == 1;
}

bool plan_proxy_publishes(const struct topo_reverse_proxy *proxy, const struct topo_pool *pool)
{
	TOPO_EACH (name, proxy->publishes)
		if (str_eq(*name, pool->pool))
			return true;
	return false;
}

bool plan_site_publishes(const struct topo_site *site, const struct topo_site *of_farm)
{
	return site == of_farm || of_farm->reverse_proxies.n == 0;
}

const struct topo_pool *plan_central_pool(const struct topo *t)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (plan_pool_is_front(pool))
				return pool;
	return NULL;
}

/* ---- doors ---- */

static struct plan_door *door_of(struct plan_doors *doors, str region)
{
	for (size_t i = 0; i < doors->n; i++)
		if (str_eq(doors->p[i].region, region))
			return &doors->p[i];
	doors->p[doors->n] = (struct plan_door){ .region = region };
	return &doors->p[doors->n++];
}

static void consider(struct plan_door *door, const struct topo_pool *pool)
{
	if (pool->role == TOPO_EDGE && door->edge == NULL)
		door->edge = pool;
	bool better = pool->role == TOPO_DIRECTOR ? door->pool == NULL || door->pool->role != TOPO_DIRECTOR
						  : plan_pool_is_front(pool) && door->pool == NULL;
	if (better)
		door->pool = pool;
}

static const struct topo_pool *any_edge(const struct plan_doors *doors)
{
	for (size_t i = 0; i < doors->n; i++)
		if (doors->p[i].edge != NULL)
			return doors->p[i].edge;
	return NULL;
}

err plan_doors(const struct topo *t, struct arena *a, struct plan_doors *out)
{
	*out = (struct plan_doors){ arena_alloc(a, (t->sites.n + 1) * sizeof *out->p), 0 };
	ENSURE(out->p != NULL, CEILING);
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			consider(door_of(out, site->region), pool);
	const struct topo_pool *edge = any_edge(out);
	size_t n = 0;
	for (size_t i = 0; i < out->n; i++) {
		if (out->p[i].pool == NULL)
			continue; /* an Edge alone lets nobody in */
		out->p[n] = out->p[i];
		if (out->p[n].edge == NULL)
			out->p[n].edge = edge;
		n++;
	}
	out->n = n;
	return OK;
}

/* ---- simple URLs ---- */

static err add_url(
	struct plan_urls *to, struct arena *a, const char *label, str domain, const char *what, struct diag *d)
{
	struct plan_url *u = &to->p[to->n++];
	*u = (struct plan_url){ .what = what };
	return plan_door_name(a, label, domain, &u->name, d);
}

err plan_urls(const struct topo *t, struct arena *a, struct plan_urls *out, struct diag *d)
{
	char host[64];
	str first = t->sip_domains.p[0];
	*out = (struct plan_urls){ arena_alloc(a, (t->sip_domains.n + 2) * sizeof *out->p), 0 };
	ENSURE(out->p != NULL && str_to_z(t->simple_url_host, host, sizeof host), CEILING);
	if (t->simple_urls == TOPO_URLS_SHARED)
		return add_url(out, a, host, first, "meetings, dial-in page and administration", d);
	bool own = t->simple_urls == TOPO_URLS_PER_FUNCTION;
	TOPO_EACH (domain, t->sip_domains)
		TRY(add_url(out, a, own ? "meet" : host, *domain, own ? "meetings" : "meetings and pages of the domain",
			d));
	if (!own)
		return OK;
	TRY(add_url(out, a, "dialin", first, "dial-in page", d));
	TRY(add_url(out, a, "admin", first, "administration", d));
	out->p[out->n - 1].inside_only = true;
	return OK;
}
