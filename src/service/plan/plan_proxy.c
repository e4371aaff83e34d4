/* SPDX-License-Identifier: Apache-2.0 */
/* Which names a reverse proxy publishes. */
#include "service/plan_proxy.h"

#include "service/plan.h"
#include "service/plan/plan_door.h"

#define HTTPS 443

struct publishing {
	const struct topo *topo;
	struct arena *arena;
	struct plan_proxy *out;
	const struct topo_site *site;
	struct diag *diag;
	size_t size;
};

static void add(struct publishing *g, struct plan_publication p)
{
	TOPO_EACH (known, g->out->names)
		if (str_eq(known->name, p.name))
			return;
	ASSERT(g->out->names.n < g->size);
	g->out->names.p[g->out->names.n++] = p;
}

static const struct topo_reverse_proxy *find(struct publishing *g, str fqdn, size_t *n)
{
	const struct topo_reverse_proxy *found = NULL;
	TOPO_EACH (site, g->topo->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (fqdn.n == 0 || str_eq(proxy->fqdn, fqdn)) {
				found = proxy;
				g->site = site;
				++*n;
			}
	return found;
}

/* Where clients come in, for the names that no single pool has. */
static err add_door(struct publishing *g, const struct topo_pool *pool)
{
	struct plan_names names;
	struct topo_names hosts;
	TRY(plan_names(g->topo, g->arena, &names, g->diag));
	TRY(plan_simple_url_hosts(&names, true, g->arena, &hosts));
	TOPO_EACH (host, hosts)
		add(g, (struct plan_publication){ .name = *host,
			       .pool = pool,
			       .what = "simple URLs",
			       .no_admin = g->topo->simple_urls != TOPO_URLS_PER_FUNCTION });
	bool is_plain = g->topo->secondary_autodiscover == TOPO_AUTODISCOVER_HTTP;
	for (size_t i = 0; i < names.autodiscover.n; i++) {
		if (is_plain && i > 0 && pool->ports.external_http == 0)
			break; /* nothing behind the proxy answers without TLS */
		add(g, (struct plan_publication){ .name = names.autodiscover.p[i],
			       .pool = pool,
			       .autodiscover = pool->ports.external_http != 0,
			       .plain_only = is_plain && i > 0,
			       .what = "autodiscover" });
	}
	return OK;
}

static err add_doors(struct publishing *g)
{
	struct plan_doors doors;
	TRY(plan_doors(g->topo, g->arena, &doors));
	TOPO_EACH (door, doors)
		if (plan_proxy_publishes(g->out->proxy, door->pool))
			TRY(add_door(g, door->pool));
	return OK;
}

static void add_farms(struct publishing *g)
{
	TOPO_EACH (site, g->topo->sites)
		TOPO_EACH (farm, site->office_web_apps)
			if (farm->external.n != 0 && plan_publishes_farms(g->topo, g->site, site))
				add(g, (struct plan_publication){
					       .name = farm->external, .farm = farm, .what = "presentations" });
}

static size_t most_names(const struct topo *t, const struct topo_reverse_proxy *proxy)
{
	size_t n = proxy->publishes.n + 2 * t->sip_domains.n + 2;
	TOPO_EACH (site, t->sites)
		n += site->office_web_apps.n;
	return n;
}

err plan_proxy(const struct topo *t, str fqdn, struct arena *a, struct plan_proxy *out, struct diag *d)
{
	struct publishing g = { .topo = t, .arena = a, .out = out, .diag = d };
	size_t n = 0;
	*out = (struct plan_proxy){ .proxy = find(&g, fqdn, &n) };
	if (n != 1)
		return diag_fail(d, n == 0 ? ERR(ABSENT) : ERR(REFUSED), "--host",
			n == 0 ? "add it to reverse-proxies of the topology, or name one that is there"
			       : "name one by --host NAME",
			n == 0 ? "there is no such reverse proxy" : "there is more than one reverse proxy");
	g.size = most_names(t, out->proxy);
	out->names.p = arena_alloc(a, g.size * sizeof *out->names.p);
	ENSURE(out->names.p != NULL, CEILING);
	TOPO_EACH (name, out->proxy->publishes) {
		const struct topo_pool *pool = topo_find_pool(t, *name);
		if (pool->ports.external_https == 0)
			return diag_fail(d, ERR(REFUSED), "topology.yaml",
				"give it ports: {external-https: 4443}, or do not publish it",
				"the pool \"%.*s\" has no listener for what comes from outside",
				STR_FMT(str_cut(pool->pool, 0, 120)));
		add(&g, (struct plan_publication){
				.name = pool->web.external, .pool = pool, .what = "web services of the pool" });
	}
	TRY(add_doors(&g));
	add_farms(&g);
	return OK;
}

uint32_t plan_publication_port(const struct plan_publication *p, bool tls)
{
	return p->pool == NULL ? HTTPS : tls ? p->pool->ports.external_https : p->pool->ports.external_http;
}

str plan_publication_target(const struct plan_publication *p)
{
	return p->pool != NULL ? p->pool->pool : p->farm->internal;
}
