/* SPDX-License-Identifier: Apache-2.0 */
/* The rules about names: which must differ from which, and which are not to be had. */
#include "model/topo/topo_priv.h"

#include "base/map.h"

#define COMMON_NAME 64 /* octets of a certificate's common name (RFC 5280 A.1) */

/* ---- names that must differ ---- */

/* Keys whose names must be unlike every other such name. */
static const struct {
	enum topo_section_id section;
	const char *key;
} host_keys[] = {
	{ SECTION_pool, "pool" },
	{ SECTION_server, "fqdn" },
	{ SECTION_web, "internal" },
	{ SECTION_web, "external" },
	{ SECTION_external, "access" },
	{ SECTION_external, "web-conferencing" },
	{ SECTION_external, "av" },
	{ SECTION_external, "regional-access" },
	{ SECTION_reverse_proxy, "fqdn" },
	{ SECTION_gateway, "fqdn" },
	{ SECTION_office_web_apps, "internal" },
	{ SECTION_office_web_apps, "external" },
};

static bool is_key(const struct topo_use *u, const char *key)
{
	return str_eq(str_of(u->key->name), str_of(key));
}

static bool is_host(const struct topo_use *u)
{
	for (size_t i = 0; i < sizeof host_keys / sizeof *host_keys; i++)
		if (u->section == host_keys[i].section && is_key(u, host_keys[i].key))
			return true;
	return false;
}

/* A pool of one computer may share its name with it; web services inside may go by the pool's name or its only
 * server's. */
static bool is_of_pool(const struct topo_pool *pool, const char *a, const char *b)
{
	const char *server = pool->servers.n == 1 ? pool->servers.p[0].fqdn.p : NULL;
	if (pool->pool.p == a)
		return server == b || pool->web.internal.p == b;
	return server != NULL && server == a && pool->web.internal.p == b;
}

static bool is_of_farm(const struct topo_site *site, const char *a, const char *b)
{
	TOPO_EACH (farm, site->office_web_apps)
		if (farm->internal.p == a && farm->external.p == b)
			return true;
	return false;
}

static bool is_one_thing(const struct topo_reader *r, const char *a, const char *b)
{
	TOPO_EACH (site, r->topo->sites) {
		TOPO_EACH (pool, site->pools)
			if (is_of_pool(pool, a, b) || is_of_pool(pool, b, a))
				return true;
		if (is_of_farm(site, a, b) || is_of_farm(site, b, a))
			return true;
	}
	return false;
}

/* Edge pools share names where one balancer answers for them, or one address has all services; a region's own name is
 * its own. */
static bool may_share(const struct topo_reader *r, const struct topo_use *a, const struct topo_use *b)
{
	if (a->section == SECTION_external && b->section == SECTION_external)
		return !is_key(a, "regional-access") && !is_key(b, "regional-access");
	return is_one_thing(r, a->name.p, b->name.p);
}

struct host_name {
	struct map_node node;
	const struct topo_use *use;
};

static str host_name_key(const struct map_node *n)
{
	return MAP_OF((struct map_node *)(uintptr_t)n, struct host_name, node)->use->name;
}

static err add_host(struct topo_reader *r, struct map *seen, const struct topo_use *u)
{
	struct map_node *n = map_find(seen, u->name);
	if (n != NULL) {
		const struct topo_use *first = MAP_OF(n, struct host_name, node)->use;
		if (may_share(r, first, u))
			return OK;
		bool webs = first->section == SECTION_web && u->section == SECTION_web;
		return topo_refuse(r, ERR(REFUSED), u->at,
			webs ? "give each pool and each Director an external web name of its own"
			     : "give each host and pool a name of its own",
			"\"%.*s\" is used twice (first in line %u)", STR_FMT(str_cut(u->name, 0, 120)), first->at.line);
	}
	struct host_name *host = arena_zalloc(r->arena, sizeof *host);
	ENSURE(host != NULL, CEILING);
	host->use = u;
	return map_add(seen, &host->node);
}

static err hosts_differ(struct topo_reader *r)
{
	struct map seen;
	map_init(&seen, host_name_key);
	err e = OK;
	for (const struct topo_use *u = r->uses; u != NULL && !failed(e); u = u->next)
		if (is_host(u))
			e = add_host(r, &seen, u);
	map_fini(&seen);
	return e;
}

static err sites_differ(struct topo_reader *r)
{
	TOPO_EACH (site, r->topo->sites)
		for (const struct topo_site *first = r->topo->sites.p; first < site; first++)
			if (str_eq(first->name, site->name))
				return topo_refuse(r, ERR(REFUSED), site->at, "give each site a name of its own",
					"the site \"%.*s\" stands twice (first in line %u)", STR_FMT(site->name),
					first->at.line);
	return OK;
}

/* ---- names that follow from the SIP domains ---- */

bool topo_has_domain(const struct topo *t, str name)
{
	TOPO_EACH (domain, t->sip_domains)
		if (str_eq(*domain, name))
			return true;
	return false;
}

static const char *const discovery_labels[] = { "sipinternal", "sipexternal", "lyncdiscover", "lyncdiscoverinternal" };
static const char *const function_labels[] = { "meet", "dialin", "admin" };

static bool is_among(str label, const char *const *labels, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(label, str_of(labels[i])))
			return true;
	return false;
}

#define IS_AMONG(label, labels) is_among(label, labels, sizeof(labels) / sizeof *(labels))

static bool is_simple_url(const struct topo *t, str label)
{
	return t->simple_urls == TOPO_URLS_PER_FUNCTION ? IS_AMONG(label, function_labels)
							: str_eq(label, t->simple_url_host);
}

/* In front of a SIP domain these stand for the deployment, not for one of its hosts; admin. is known inside only, in
 * any case. */
static err names_are_free(struct topo_reader *r)
{
	for (const struct topo_use *u = r->uses; u != NULL; u = u->next) {
		str domain, label = str_split(u->name, '.', &domain);
		if (!is_host(u) || !topo_has_domain(r->topo, domain))
			continue;
		if (is_simple_url(r->topo, label) || IS_AMONG(label, discovery_labels) || str_eq(label, STR("admin")))
			return topo_refuse(r, ERR(REFUSED), u->at, "choose another first label",
				"\"%.*s\" is a name by which clients find simple URLs or their server",
				STR_FMT(str_cut(u->name, 0, 120)));
	}
	return OK;
}

static err simple_url_host_is_free(struct topo_reader *r)
{
	str label = r->topo->simple_url_host;
	if (r->topo->simple_urls == TOPO_URLS_PER_FUNCTION ||
		(!IS_AMONG(label, discovery_labels) && !str_eq(label, STR("sip")) && !str_eq(label, STR("admin"))))
		return OK;
	return topo_refuse(r, ERR(REFUSED), topo_use_at(r, label), "choose another label, such as lync",
		"simple URLs cannot be at \"%.*s\", which means something else", STR_FMT(label));
}

/* ---- common names ---- */

static bool has_web_services(const struct topo *t)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (pool->web.at.line != 0)
				return true;
	return false;
}

static err check_common(struct topo_reader *r, str name, const char *of)
{
	if (name.n <= COMMON_NAME)
		return OK;
	return topo_refuse(r, ERR(REFUSED), topo_use_at(r, name), "choose a shorter name",
		"\"%.*s\" has %zu octets; it becomes the common name of the certificate %s, which has at most %d",
		STR_FMT(str_cut(name, 0, 100)), name.n, of, COMMON_NAME);
}

static err common_names_fit(struct topo_reader *r)
{
	if (has_web_services(r->topo))
		TRY(check_common(r, r->topo->sip_domains.p[0], "that signs tokens"));
	if (!r->topo->certificates.separate_av)
		return OK;
	TOPO_EACH (site, r->topo->sites)
		TOPO_EACH (pool, site->pools)
			TRY(check_common(r, pool->external.av, "of the A/V Edge"));
	return OK;
}

static err (*const rules[])(struct topo_reader *r) = {
	sites_differ,
	hosts_differ,
	simple_url_host_is_free,
	names_are_free,
	common_names_fit,
};

err topo_check_names(struct topo_reader *r)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		TRY(rules[i](r));
	return OK;
}
