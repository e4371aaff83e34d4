/* SPDX-License-Identifier: Apache-2.0 */
/* What a site consists of, and who presents what to whom. */
#include "service/report/report_priv.h"

struct drawing {
	const struct topo *topo;
	struct arena *arena;
	struct picture *out;
	size_t nodes_room, flows_room;
};

#define NONE SIZE_MAX

static size_t find_node(const struct picture *p, str name)
{
	for (size_t i = 0; name.n > 0 && i < p->nodes.n; i++)
		if (str_eq(p->nodes.p[i].name, name))
			return i;
	return NONE;
}

static size_t add_node(struct drawing *d, struct node node)
{
	ASSERT(d->out->nodes.n < d->nodes_room);
	d->out->nodes.p[d->out->nodes.n] = node;
	return d->out->nodes.n++;
}

static void add_flow(struct drawing *d, size_t from, size_t to, const char *presents)
{
	if (from != NONE && to != NONE && from != to && d->out->flows.n < d->flows_room)
		d->out->flows.p[d->out->flows.n++] = (struct flow){ from, to, presents };
}

static const struct {
	const char *kind;
	enum node_column column;
} roles[TOPO_ROLE_N] = {
	[TOPO_STANDARD_EDITION] = { "Standard Edition", COLUMN_INSIDE },
	[TOPO_FRONT_END] = { "Front End pool", COLUMN_INSIDE },
	[TOPO_DIRECTOR] = { "Director pool", COLUMN_INSIDE },
	[TOPO_MEDIATION] = { "Mediation pool", COLUMN_BEHIND },
	[TOPO_PERSISTENT_CHAT] = { "Persistent Chat pool", COLUMN_BEHIND },
	[TOPO_SURVIVABLE_BRANCH] = { "Survivable branch", COLUMN_INSIDE },
	[TOPO_TRUSTED_APPLICATION] = { "Trusted applications", COLUMN_BEHIND },
	[TOPO_EDGE] = { "Edge pool", COLUMN_PERIMETER },
};

static err add_pool(struct drawing *d, const struct topo_pool *pool)
{
	struct topo_names servers = { arena_alloc(d->arena, pool->servers.n * sizeof(str)), 0 };
	ENSURE(servers.p != NULL, CEILING);
	TOPO_EACH (server, pool->servers)
		servers.p[servers.n++] = server->fqdn;
	(void)add_node(d, (struct node){ .name = pool->pool, .kind = roles[pool->role].kind, .column = roles[pool->role].column, .servers = servers });
	return OK;
}

static err add_nodes(struct drawing *d)
{
	const struct topo_site *site = d->out->site;
	(void)add_node(d, (struct node){ .name = STR("Clients outside"), .kind = "people and partners", .column = COLUMN_OUTSIDE });
	(void)add_node(d, (struct node){ .name = STR("Clients inside"), .kind = "people and phones", .column = COLUMN_BEHIND });
	TOPO_EACH (pool, site->pools)
		TRY(add_pool(d, pool));
	TOPO_EACH (proxy, site->reverse_proxies)
		(void)add_node(d, (struct node){ .name = proxy->fqdn, .kind = "Reverse proxy", .column = COLUMN_PERIMETER });
	TOPO_EACH (gateway, site->pstn_gateways)
		(void)add_node(d, (struct node){ .name = gateway->fqdn, .kind = "PSTN gateway", .column = COLUMN_BEHIND });
	TOPO_EACH (farm, site->office_web_apps)
		(void)add_node(d, (struct node){ .name = farm->internal, .kind = "Office Web Apps", .column = COLUMN_BEHIND });
	return OK;
}

/* A pool of another site that this one talks to. */
static size_t find_or_add(struct drawing *d, str name)
{
	size_t i = find_node(d->out, name);
	const struct topo_pool *pool = i == NONE ? topo_find_pool(d->topo, name) : NULL;
	if (pool == NULL)
		return i;
	return add_node(d, (struct node){ .name = name, .kind = "of another site", .column = roles[pool->role].column });
}

static void add_edge_flows(struct drawing *d, const struct topo_pool *pool, size_t self)
{
	size_t hop = find_or_add(d, pool->next_hop);
	add_flow(d, 0, self, "AccessEdgeExternal");
	add_flow(d, 0, self, "DataEdgeExternal");
	add_flow(d, self, hop, "Default");
	add_flow(d, hop, self, "Internal");
}

static void add_pool_flows(struct drawing *d, const struct topo_pool *pool)
{
	size_t self = find_node(d->out, pool->pool);
	if (pool->role == TOPO_EDGE) {
		add_edge_flows(d, pool, self);
		return;
	}
	add_flow(d, self, find_or_add(d, pool->next_hop_edge), "Internal");
	if (roles[pool->role].column != COLUMN_INSIDE) {
		TOPO_EACH (other, d->out->site->pools)
			if (other->role == TOPO_FRONT_END || other->role == TOPO_STANDARD_EDITION)
				add_flow(d, find_node(d->out, other->pool), self, "Default");
		return;
	}
	add_flow(d, 1, self, "Default");
	if (pool->role != TOPO_SURVIVABLE_BRANCH)
		add_flow(d, 1, self, "WebServicesInternal");
}

static void add_flows(struct drawing *d)
{
	const struct topo_site *site = d->out->site;
	TOPO_EACH (pool, site->pools)
		add_pool_flows(d, pool);
	TOPO_EACH (proxy, site->reverse_proxies) {
		size_t self = find_node(d->out, proxy->fqdn);
		add_flow(d, 0, self, "WebServicesExternal");
		TOPO_EACH (name, proxy->publishes)
			add_flow(d, self, find_or_add(d, *name), "WebServicesExternal");
	}
	TOPO_EACH (gateway, site->pstn_gateways)
		if (gateway->transport == TOPO_TLS)
			add_flow(d, find_or_add(d, gateway->mediation), find_node(d->out, gateway->fqdn), "Default");
	TOPO_EACH (farm, site->office_web_apps)
		TOPO_EACH (pool, site->pools)
			if (pool->role == TOPO_FRONT_END || pool->role == TOPO_STANDARD_EDITION)
				add_flow(d, find_node(d->out, pool->pool), find_node(d->out, farm->internal), "Default");
}

err report_picture(const struct topo *t, const struct topo_site *site, struct arena *a, struct picture *out)
{
	*out = (struct picture){ .site = site };
	struct drawing d = { .topo = t, .arena = a, .out = out };
	size_t links = 2 * site->pools.n + site->pstn_gateways.n;
	TOPO_EACH (proxy, site->reverse_proxies)
		links += proxy->publishes.n;
	d.nodes_room = 2 + site->pools.n + site->reverse_proxies.n + site->pstn_gateways.n + site->office_web_apps.n + links;
	d.flows_room = links + 4 * site->pools.n + site->reverse_proxies.n + (site->pools.n + site->office_web_apps.n) * site->pools.n;
	out->nodes.p = arena_alloc(a, d.nodes_room * sizeof *out->nodes.p);
	out->flows.p = arena_alloc(a, (d.flows_room + 1) * sizeof *out->flows.p);
	ENSURE(out->nodes.p != NULL && out->flows.p != NULL, CEILING);
	TRY(add_nodes(&d));
	add_flows(&d);
	return OK;
}
