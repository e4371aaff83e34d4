/* SPDX-License-Identifier: Apache-2.0 */
#include "service/plan/plan_door.h"

/* ---- pools ---- */

bool plan_pool_is_front(const struct topo_pool *pool)
{
	return pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END;
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

const struct topo_pool *plan_central_pool(const struct topo *t)
{
	struct topo_host central;
	return !failed(topo_find_central(t, &central)) ? central.pool : NULL;
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
