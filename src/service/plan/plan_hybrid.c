/* SPDX-License-Identifier: Apache-2.0 */
/* Which reverse proxies have the certificate of which Edge pool, where the topology asks for one certificate for both.
 */
#include "service/plan/plan_priv.h"

static const struct topo_pool *edge_of_site(const struct topo_site *site)
{
	TOPO_EACH (pool, site->pools)
		if (pool->role == TOPO_EDGE)
			return pool;
	return NULL;
}

/* The nearest: in the site itself, in its region, anywhere. */
static const struct topo_pool *nearest_edge(const struct topo *t, const struct topo_site *site)
{
	const struct topo_pool *in_region = NULL, *anywhere = NULL, *here = edge_of_site(site);
	if (here != NULL)
		return here;
	TOPO_EACH (other, t->sites) {
		const struct topo_pool *edge = edge_of_site(other);
		if (anywhere == NULL)
			anywhere = edge;
		if (in_region == NULL && plan_same_region(other, site))
			in_region = edge;
	}
	return in_region != NULL ? in_region : anywhere;
}

err plan_hybrid_init(struct planning *p)
{
	if (!p->topo->certificates.hybrid)
		return OK;
	p->hybrid = arena_alloc(p->arena, p->topo->sites.n * sizeof(const struct topo_pool *));
	ENSURE(p->hybrid != NULL, CEILING);
	for (size_t i = 0; i < p->topo->sites.n; i++)
		p->hybrid[i] = nearest_edge(p->topo, &p->topo->sites.p[i]);
	return OK;
}

const struct topo_pool *plan_hybrid_edge(const struct planning *p, const struct topo_site *site)
{
	return p->hybrid != NULL ? p->hybrid[site - p->topo->sites.p] : NULL;
}

bool plan_hybrid_has_proxies(const struct planning *p, const struct topo_pool *edge)
{
	TOPO_EACH (site, p->topo->sites)
		if (site->reverse_proxies.n != 0 && plan_hybrid_edge(p, site) == edge)
			return true;
	return false;
}
