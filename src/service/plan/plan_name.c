/* SPDX-License-Identifier: Apache-2.0 */
/* Names that follow from the topology, for whoever plans certificates, DNS or proxies. */
#include "service/plan/plan_priv.h"

#include <stdio.h>

#define NAME_OCTETS 253

err plan_name_join(str label, str domain, struct arena *a, str *out, struct diag *d)
{
	*out = arena_join(a, (str[]){ label, STR("."), domain }, 3);
	ENSURE(out->p != NULL, CEILING);
	if (out->n > NAME_OCTETS)
		return diag_fail(d, ERR(REFUSED), "topology.yaml", "use a shorter SIP domain",
			"\"%.*s.\" before \"%.*s\" has more than %d octets", STR_FMT(label),
			STR_FMT(str_cut(domain, 0, 100)), NAME_OCTETS);
	return OK;
}

bool plan_name_is_within(str name, str domain)
{
	return str_eq(name, domain) || (name.n > domain.n && name.p[name.n - domain.n - 1] == '.' &&
					       str_eq(str_cut(name, name.n - domain.n, name.n), domain));
}

/* label before each SIP domain; with `once` before the default one, for all. */
static err join_each(
	const struct topo *t, str label, bool once, struct arena *a, struct topo_names *out, struct diag *d)
{
	*out = (struct topo_names){ arena_alloc(a, t->sip_domains.n * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	TOPO_EACH (domain, t->sip_domains) {
		if (once && out->n > 0)
			out->p[out->n] = out->p[0];
		else
			TRY(plan_name_join(label, *domain, a, &out->p[out->n], d));
		out->n++;
	}
	return OK;
}

static err simple_urls(const struct topo *t, struct arena *a, struct plan_names *out, struct diag *d)
{
	str standard = t->sip_domains.p[0];
	bool own_hosts = t->simple_urls == TOPO_URLS_PER_FUNCTION;
	TRY(join_each(
		t, own_hosts ? STR("meet") : t->simple_url_host, t->simple_urls == TOPO_URLS_SHARED, a, &out->meet, d));
	out->dialin = out->admin = out->meet.p[0];
	if (!own_hosts)
		return OK;
	TRY(plan_name_join(STR("dialin"), standard, a, &out->dialin, d));
	return plan_name_join(STR("admin"), standard, a, &out->admin, d);
}

err plan_names(const struct topo *t, struct arena *a, struct plan_names *out, struct diag *d)
{
	const struct {
		const char *label;
		struct topo_names *to;
	} each[] = {
		{ "sip", &out->sip },
		{ "sipinternal", &out->sip_internal },
		{ "sipexternal", &out->sip_external },
		{ "lyncdiscoverinternal", &out->autodiscover_inside },
		{ "lyncdiscover", &out->autodiscover },
	};
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		TRY(join_each(t, str_of(each[i].label), false, a, each[i].to, d));
	TRY(plan_name_join(STR("ucupdates-r2"), t->internal_domain, a, &out->device_update, d));
	return simple_urls(t, a, out, d);
}

static void add_once(struct topo_names *names, str name)
{
	TOPO_EACH (n, *names)
		if (str_eq(*n, name))
			return;
	names->p[names->n++] = name;
}

err plan_simple_url_hosts(const struct plan_names *names, bool outside, struct arena *a, struct topo_names *out)
{
	*out = (struct topo_names){ arena_alloc(a, (names->meet.n + 2) * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	if (outside)
		add_once(out, names->dialin);
	TOPO_EACH (host, names->meet)
		add_once(out, *host);
	if (outside)
		return OK;
	add_once(out, names->dialin);
	add_once(out, names->admin);
	return OK;
}

bool plan_has_web(const struct topo_pool *pool)
{
	return pool->web.at.line != 0;
}

str plan_web_internal(const struct topo_pool *pool)
{
	return pool->web.internal.n != 0 ? pool->web.internal : pool->pool;
}

bool plan_wildcard_covers(str wildcard, str name)
{
	str domain;
	(void)str_split(name, '.', &domain);
	return wildcard.n > 2 && domain.n != 0 && str_eq(str_cut(wildcard, 2, wildcard.n), domain);
}

bool plan_same_region(const struct topo_site *a, const struct topo_site *b)
{
	return str_eq(a->region, b->region);
}

/* ---- what proxies publish ---- */

struct homed_pool {
	const struct topo_pool *pool;
	const struct topo_site *site;
};

static struct homed_pool find_pool(const struct topo *t, str name)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (str_eq(pool->pool, name))
				return (struct homed_pool){ pool, site };
	return (struct homed_pool){ NULL, NULL };
}

err plan_published(const struct topo *t, const struct topo_site *site, const struct topo_reverse_proxy *proxy,
	struct arena *a, struct plan_pools *out)
{
	size_t n = proxy->publishes.n;
	struct homed_pool *found = arena_alloc(a, n * sizeof *found);
	*out = (struct plan_pools){ arena_alloc(a, n * sizeof(const struct topo_pool *)), 0 };
	ENSURE(found != NULL && out->p != NULL, CEILING);
	for (size_t i = 0; i < n; i++)
		found[i] = find_pool(t, proxy->publishes.p[i]);
	for (unsigned pass = 0; pass < 4; pass++)
		for (size_t i = 0; i < n; i++) {
			bool director = found[i].pool != NULL && found[i].pool->role == TOPO_DIRECTOR;
			bool near = found[i].pool != NULL && plan_same_region(found[i].site, site);
			if (found[i].pool != NULL && pass == (director ? 0 : 2) + (near ? 0u : 1u))
				out->p[out->n++] = found[i].pool;
		}
	return OK;
}

static bool has_proxy(const struct topo *t, const struct topo_site *region)
{
	TOPO_EACH (site, t->sites)
		if (site->reverse_proxies.n != 0 && plan_same_region(site, region))
			return true;
	return false;
}

bool plan_publishes_farms(const struct topo *t, const struct topo_site *site, const struct topo_site *farms)
{
	return plan_same_region(site, farms) || !has_proxy(t, farms);
}
