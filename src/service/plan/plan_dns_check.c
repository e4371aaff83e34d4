/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the names as far as the topology shows it, without asking a name server. */
#include "service/plan/plan_dns_priv.h"

static bool is_published(const struct topo *t, const struct topo_pool *pool)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (plan_proxy_publishes(proxy, pool))
				return true;
	return false;
}

static err check_doors(struct naming *n)
{
	TOPO_EACH (door, n->doors) {
		bool published = is_published(n->topo, door->pool);
		if (door->edge == NULL)
			TRY(naming_find(n, "DNS-01", false, door->pool->pool,
				"nobody signs in from outside: there is no Edge pool",
				"add an Edge pool whose next hop it is, if that is not meant"));
		if (door->edge != NULL && !published)
			TRY(naming_find(n, "DNS-05", true, door->pool->pool,
				"no reverse proxy publishes it: autodiscover and meetings lead nowhere outside",
				"add it to publishes of a reverse proxy"));
	}
	if (n->doors.n > 1)
		TRY(naming_find(n, "dns 1, GEO", false, n->doors.p[0].region,
			"several regions answer for the same names; the zones have the addresses of all",
			"let a geographic balancer give each client those of its region"));
	return OK;
}

static err check_pool(struct naming *n, const struct topo_pool *pool)
{
	size_t known;
	if (plan_has_web(pool) && pool->balancer == TOPO_BALANCE_DNS && pool->servers.n > 1 &&
		str_eq(plan_web_internal(pool), pool->pool))
		TRY(naming_find(n, "DNS-08", true, pool->pool,
			"its web services inside have the name of the pool, which DNS spreads over the servers",
			"give the pool web: {internal: NAME}, a name for the balancer of the web services"));
	else if (plan_has_web(pool) && pool->servers.n > 1 && pool->balancer == TOPO_BALANCE_DNS &&
		 plan_addresses_find(n->known, plan_web_internal(pool), &known) == NULL)
		TRY(naming_find(n, "DNS-08", false, plan_web_internal(pool),
			"no address of a balancer is known: the name leads to the servers themselves",
			"web services of several servers need a balancer: give its address for this name"));
	if (pool->role == TOPO_EDGE && (pool->federation || pool->public_im) &&
		!plan_name_is_within(pool->external.access, n->topo->sip_domains.p[0]))
		TRY(naming_find(n, "DNS-03", true, pool->external.access,
			"other organisations insist on an access name within the SIP domain",
			"name the access service sip. or access. before the default SIP domain"));
	return OK;
}

static bool is_proxy_address(const struct naming *n, str address)
{
	TOPO_EACH (site, n->topo->sites)
		TOPO_EACH (pool, site->pools) {
			size_t count = 0;
			const struct plan_address *p =
				pool->web.external.n != 0 ? plan_addresses_find(n->known, pool->web.external, &count)
							  : NULL;
			for (size_t i = 0; i < count; i++)
				if (str_eq(p[i].address, address))
					return true;
		}
	return false;
}

static err check_edge_server(struct naming *n, const struct topo_pool *pool, const struct topo_server *server)
{
	const struct topo_addresses *x = &server->external_address;
	const str own[] = { x->access, x->web_conferencing, x->av };
	bool same = false;
	for (size_t i = 0; i < 3; i++) {
		same = same || (own[i].n != 0 &&
				       (str_eq(own[i], own[(i + 1) % 3]) || str_eq(own[i], server->internal_address)));
		if (own[i].n != 0 && is_proxy_address(n, own[i]))
			TRY(naming_find(n, "DNS-11", true, server->fqdn,
				"an address of the Edge is the reverse proxy's, too",
				"give the reverse proxy an address of its own"));
	}
	if (same && !pool->single_address)
		TRY(naming_find(n, "DNS-11", true, server->fqdn, "two services of the Edge share an address",
			"give each an address, or state single-address: true"));
	return OK;
}

static err check_zones(struct naming *n)
{
	str last = { "", 0 };
	for (size_t i = 0; i < n->out->records.n; i++) {
		const struct plan_record r = n->out->records.p[i];
		if (r.zone.n != 0 || str_eq(r.name, last))
			continue;
		last = r.name;
		bool leaks = r.side == PLAN_OUTSIDE && plan_name_is_within(r.name, n->topo->internal_domain);
		TRY(naming_find(n, "dns 1", leaks, r.name,
			leaks ? "a name of the internal domain would be seen outside"
			      : "lies in no zone of this topology: no zone file has it",
			leaks ? "choose a name in a SIP domain" : "have it entered where that zone is kept"));
	}
	return OK;
}

err naming_check(struct naming *n)
{
	TRY(check_doors(n));
	TOPO_EACH (site, n->topo->sites)
		TOPO_EACH (pool, site->pools) {
			TRY(check_pool(n, pool));
			if (pool->role == TOPO_EDGE)
				TOPO_EACH (server, pool->servers)
					TRY(check_edge_server(n, pool, server));
		}
	return check_zones(n);
}
