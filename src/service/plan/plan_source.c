/* SPDX-License-Identifier: Apache-2.0 */
/* Where the names in certificates come from: each source is a function, named by the rows of plan_certificate.def. */
#include "service/plan/plan_priv.h"

#include "base/map.h"

#define SLOTS (sizeof((struct plan_list *)NULL)->slots / sizeof *((struct plan_list *)NULL)->slots)

void plan_list_reset(struct plan_list *list)
{
	list->n = list->n_wild = 0;
	list->number++;
}

/* The slot where name stands, or would. */
static size_t slot_of(const struct plan_list *list, str name)
{
	size_t i = (size_t)siphash(0, 0, name) & (SLOTS - 1);
	while (list->slots[i].number == list->number && !str_eq(list->p[list->slots[i].at].name, name))
		i = (i + 1) & (SLOTS - 1);
	return i;
}

static err add(struct planning *p, str name)
{
	struct plan_list *list = p->list;
	size_t slot = slot_of(list, name);
	if (list->slots[slot].number == list->number)
		return OK;
	if (list->n == PLAN_NAMES_MAX)
		return diag_fail(p->diag, ERR(CEILING), "topology.yaml",
			"split the deployment: fewer pools behind one proxy, or fewer SIP domains",
			"a certificate would have more than %d names", PLAN_NAMES_MAX);
	list->slots[slot].number = list->number;
	list->slots[slot].at = (uint32_t)list->n;
	list->p[list->n++] = (struct plan_name){ name, p->rule };
	return OK;
}

/* Unless a wildcard of the certificate stands for it. */
static err add_foldable(struct planning *p, str name)
{
	for (size_t i = p->list->wild; i < p->list->wild + p->list->n_wild; i++)
		if (plan_wildcard_covers(p->list->p[i].name, name))
			return OK;
	return add(p, name);
}

static err add_each(struct planning *p, struct topo_names names)
{
	TOPO_EACH (name, names)
		TRY(add_foldable(p, *name));
	return OK;
}

static err add_given(struct planning *p, str name)
{
	return name.n != 0 ? add(p, name) : OK;
}

/* ---- servers ---- */

err plan_source_server(struct planning *p)
{
	return add(p, p->at.server->fqdn);
}

err plan_source_pool(struct planning *p)
{
	return add(p, p->at.pool->pool);
}

err plan_source_members(struct planning *p)
{
	TOPO_EACH (server, p->at.pool->servers)
		TRY(add(p, server->fqdn));
	return OK;
}

err plan_source_sip(struct planning *p)
{
	TOPO_EACH (name, p->names.sip)
		TRY(add(p, *name));
	return OK;
}

err plan_source_sip_internal(struct planning *p)
{
	return p->topo->legacy_names ? add_each(p, p->names.sip_internal) : OK;
}

err plan_source_sip_external(struct planning *p)
{
	return p->topo->legacy_names ? add_each(p, p->names.sip_external) : OK;
}

/* ---- web services ---- */

err plan_source_web_internal(struct planning *p)
{
	return plan_has_web(p->at.pool) ? add(p, plan_web_internal(p->at.pool)) : OK;
}

err plan_source_web_external(struct planning *p)
{
	return add_given(p, p->at.pool->web.external);
}

err plan_source_meet(struct planning *p)
{
	return add_each(p, p->names.meet);
}

err plan_source_dialin(struct planning *p)
{
	return add_foldable(p, p->names.dialin);
}

err plan_source_admin(struct planning *p)
{
	return add(p, p->names.admin);
}

err plan_source_autodiscover_inside(struct planning *p)
{
	return add_each(p, p->names.autodiscover_inside);
}

err plan_source_autodiscover(struct planning *p)
{
	return add_each(p, p->names.autodiscover);
}

/* Whoever is asked over HTTP needs no certificate for it. */
err plan_source_public_autodiscover(struct planning *p)
{
	struct topo_names names = p->names.autodiscover;
	if (p->topo->secondary_autodiscover == TOPO_AUTODISCOVER_HTTP)
		names.n = 1;
	return add_each(p, names);
}

err plan_source_update(struct planning *p)
{
	return p->topo->device_update ? add(p, p->names.device_update) : OK;
}

/* ---- Edge ---- */

err plan_source_access(struct planning *p)
{
	return add(p, p->at.pool->external.access);
}

err plan_source_regional(struct planning *p)
{
	return add_given(p, p->at.pool->external.regional_access);
}

err plan_source_web_conferencing(struct planning *p)
{
	return add(p, p->at.pool->external.web_conferencing);
}

err plan_source_av(struct planning *p)
{
	const struct topo_certificates *c = &p->topo->certificates;
	return c->include_av_san && !c->separate_av ? add(p, p->at.pool->external.av) : OK;
}

err plan_source_own_av(struct planning *p)
{
	return add(p, p->at.pool->external.av);
}

err plan_source_xmpp(struct planning *p)
{
	TOPO_EACH (domain, p->at.pool->xmpp)
		TRY(add(p, *domain));
	return OK;
}

/* ---- reverse proxies: one, or all that have the certificate of an Edge pool ---- */

static err each_proxy(struct planning *p,
	err (*fn)(struct planning *p, const struct topo_site *site, const struct topo_reverse_proxy *proxy))
{
	if (p->at.proxy != NULL)
		return fn(p, p->at.site, p->at.proxy);
	TOPO_EACH (site, p->topo->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (plan_hybrid_edge(p, site) == p->at.pool)
				TRY(fn(p, site, proxy));
	return OK;
}

static err add_first_published(struct planning *p, const struct topo_site *site, const struct topo_reverse_proxy *proxy)
{
	struct plan_pools pools;
	TRY(plan_published(p->topo, site, proxy, p->arena, &pools));
	return add(p, pools.p[0]->web.external);
}

err plan_source_first_published(struct planning *p)
{
	return each_proxy(p, add_first_published);
}

static err add_published(struct planning *p, const struct topo_site *site, const struct topo_reverse_proxy *proxy)
{
	struct plan_pools pools;
	TRY(plan_published(p->topo, site, proxy, p->arena, &pools));
	for (size_t i = 0; i < pools.n; i++)
		TRY(add(p, pools.p[i]->web.external));
	return OK;
}

err plan_source_published(struct planning *p)
{
	return each_proxy(p, add_published);
}

/* A SIP domain whose only names are elsewhere or asked over HTTP has no use for one. */
static bool has_foldable(const struct topo *t, size_t domain)
{
	return domain == 0 || t->simple_urls != TOPO_URLS_SHARED || t->secondary_autodiscover != TOPO_AUTODISCOVER_HTTP;
}

err plan_source_wildcards(struct planning *p)
{
	if (p->at.proxy != NULL && !p->at.proxy->wildcard)
		return OK;
	p->list->wild = p->list->n;
	for (size_t i = 0; i < p->topo->sip_domains.n; i++) {
		if (!has_foldable(p->topo, i))
			continue;
		str name = arena_join(p->arena, (str[]){ STR("*."), p->topo->sip_domains.p[i] }, 2);
		ENSURE(name.p != NULL, CEILING);
		TRY(add(p, name));
	}
	p->list->n_wild = p->list->n - p->list->wild;
	return OK;
}

static err add_farms(struct planning *p, const struct topo_site *site, const struct topo_reverse_proxy *proxy)
{
	TOPO_EACH (other, p->topo->sites)
		TOPO_EACH (farm, other->office_web_apps)
			if (farm->external.n != 0 && plan_publishes_farms(p->topo, site, other))
				TRY(add_foldable(p, farm->external));
	return OK;
}

err plan_source_published_farms(struct planning *p)
{
	return each_proxy(p, add_farms);
}

/* ---- others ---- */

err plan_source_gateway(struct planning *p)
{
	return add(p, p->at.gateway->fqdn);
}

err plan_source_farm(struct planning *p)
{
	return add(p, p->at.farm->internal);
}

err plan_source_farm_external(struct planning *p)
{
	return add_given(p, p->at.farm->external);
}

err plan_source_default_domain(struct planning *p)
{
	return add(p, p->topo->sip_domains.p[0]);
}

err plan_source_domains(struct planning *p)
{
	return add_each(p, p->topo->sip_domains);
}
