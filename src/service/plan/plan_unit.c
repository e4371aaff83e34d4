/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts of the topology, those together that have the same listeners. */
#include "service/plan/plan_ports_priv.h"

#define POSTGRESQL 5432

const char *plan_unit_word(unsigned kind)
{
	static const char *const words[] = { "reverse-proxy", "gateway", "office-web-apps", "database" };
	return kind < TOPO_ROLE_N ? topo_role_word((enum topo_role)kind) : words[kind - TOPO_ROLE_N];
}

static err set_hosts(struct plan_unit *u, struct arena *a, const str *names, size_t n)
{
	u->hosts = (struct topo_names){ arena_alloc(a, n * sizeof *names), n };
	ENSURE(u->hosts.p != NULL, CEILING);
	memcpy(u->hosts.p, names, n * sizeof *names);
	return OK;
}

static err add_single(struct plan_ports *out, struct arena *a, struct plan_unit unit)
{
	struct plan_unit *u = &out->units.p[out->units.n++];
	*u = unit;
	return set_hosts(u, a, &u->name, 1);
}

static err add_pool(struct plan_ports *out, struct arena *a, const struct topo_site *site, const struct topo_pool *pool)
{
	struct plan_unit *u = &out->units.p[out->units.n++];
	*u = (struct plan_unit){ .kind = pool->role, .name = pool->pool, .site = site, .pool = pool };
	u->hosts.p = arena_alloc(a, pool->servers.n * sizeof *u->hosts.p);
	ENSURE(u->hosts.p != NULL, CEILING);
	TOPO_EACH (server, pool->servers)
		u->hosts.p[u->hosts.n++] = server->fqdn;
	return OK;
}

/* ---- databases ---- */

/* postgresql://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...][/...][?...] */
bool unit_store_hosts(str url, str *hosts)
{
	if (!str_begins(url, STR("postgresql://")))
		return false;
	*hosts = str_cut(url, sizeof "postgresql://" - 1, url.n);
	*hosts = str_cut(*hosts, 0, str_find_char(*hosts, '/'));
	*hosts = str_cut(*hosts, 0, str_find_char(*hosts, '?'));
	size_t at = str_find_char(*hosts, '@');
	*hosts = str_cut(*hosts, at < hosts->n ? at + 1 : 0, hosts->n);
	return true;
}

bool unit_store_next(str *hosts, str *name, uint32_t *port)
{
	if (hosts->n == 0)
		return false;
	str host = str_split(*hosts, ',', hosts);
	size_t close = str_find_char(host, ']');
	if (host.n > 0 && host.p[0] == '[' && close < host.n) {
		*name = str_cut(host, 1, close);
		host = str_cut(host, close + 1, host.n);
		(void)str_split(host, ':', &host);
	} else {
		*name = str_split(host, ':', &host);
	}
	*port = POSTGRESQL;
	return host.n == 0 || (str_to_u32(host, port) && *port > 0 && *port <= UINT16_MAX);
}

static bool has_database(const struct plan_ports *out, str name, uint32_t port)
{
	TOPO_EACH (u, out->units)
		if (u->kind == PLAN_DATABASE && u->port == port && str_eq(u->name, name))
			return true;
	return false;
}

/* It is written into rules of packet filters, where more than a name would be read as something else. */
static bool is_host(str name, struct arena *a)
{
	str known;
	return name.n != 0 && (plan_address_is(name) || !failed(topo_name(name, a, &known, NULL)));
}

static err add_databases(struct plan_ports *out, struct arena *a, const struct topo_site *site,
	const struct topo_pool *pool, struct diag *d)
{
	str hosts, name;
	uint32_t port;
	if (!unit_store_hosts(pool->store.url, &hosts))
		return OK;
	while (hosts.n > 0) {
		if (!unit_store_next(&hosts, &name, &port) || !is_host(name, a))
			return diag_fail(d, ERR(REFUSED), "topology.yaml",
				"write url: \"postgresql://USER@HOST:PORT/DATABASE\"",
				"the store of %.*s has no host or a wrong port", STR_FMT(str_cut(pool->pool, 0, 120)));
		if (has_database(out, name, port) || str_eq(name, STR("localhost")))
			continue;
		TRY(add_single(
			out, a, (struct plan_unit){ .kind = PLAN_DATABASE, .name = name, .site = site, .port = port }));
	}
	return OK;
}

static size_t count(const struct topo *t)
{
	size_t n = 0;
	TOPO_EACH (site, t->sites) {
		n += site->pools.n + site->reverse_proxies.n + site->pstn_gateways.n + site->office_web_apps.n;
		TOPO_EACH (pool, site->pools)
			for (size_t i = 0; i < pool->store.url.n; i++)
				n += pool->store.url.p[i] == ',' || i == 0;
	}
	return n;
}

err unit_add_all(const struct topo *t, struct arena *a, struct plan_ports *out, struct diag *d)
{
	out->units.p = arena_alloc(a, (count(t) + 1) * sizeof *out->units.p);
	ENSURE(out->units.p != NULL, CEILING);
	TOPO_EACH (site, t->sites) {
		TOPO_EACH (pool, site->pools)
			TRY(add_pool(out, a, site, pool));
		TOPO_EACH (proxy, site->reverse_proxies)
			TRY(add_single(out, a,
				(struct plan_unit){ .kind = PLAN_REVERSE_PROXY,
					.name = proxy->fqdn,
					.site = site,
					.proxy = proxy }));
		TOPO_EACH (gateway, site->pstn_gateways)
			TRY(add_single(out, a,
				(struct plan_unit){ .kind = PLAN_GATEWAY,
					.name = gateway->fqdn,
					.site = site,
					.gateway = gateway,
					.port = gateway->port }));
		TOPO_EACH (farm, site->office_web_apps)
			TRY(add_single(out, a,
				(struct plan_unit){
					.kind = PLAN_OFFICE_WEB_APPS, .name = farm->internal, .site = site }));
		TOPO_EACH (pool, site->pools)
			TRY(add_databases(out, a, site, pool, d));
	}
	return OK;
}

const struct plan_unit *plan_ports_find(const struct plan_ports *ports, str host)
{
	TOPO_EACH (u, ports->units)
		TOPO_EACH (name, u->hosts)
			if (str_eq(*name, host))
				return u;
	return NULL;
}
