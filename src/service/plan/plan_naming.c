/* SPDX-License-Identifier: Apache-2.0 */
/* One record, and the records of one host, pool or proxy. */
#include "service/plan/plan_dns_priv.h"

/* ---- one record ---- */

struct naming_seen {
	struct map_node node;
	str key;
};

str naming_seen_key(const struct map_node *node)
{
	return MAP_OF(node, const struct naming_seen, node)->key;
}

static err is_new(struct naming *n, const struct plan_record *r, bool *out)
{
	str parts[] = { str_of(plan_side_word(r->side)), STR(" "), str_of(plan_record_word(r->type)), STR(" "), r->name,
		STR(" "), r->target, STR(" "), r->address };
	/* a server and its pool may have one address: that is one record */
	if (r->address.n != 0)
		parts[6] = STR("");
	struct naming_seen *s = arena_alloc(n->arena, sizeof *s);
	ENSURE(s != NULL, CEILING);
	s->key = arena_join(n->arena, parts, sizeof parts / sizeof *parts);
	ENSURE(s->key.p != NULL, CEILING);
	*out = map_find(&n->seen, s->key) == NULL;
	return *out ? map_add(&n->seen, &s->node) : OK;
}

static str zone_of(const struct naming *n, str name)
{
	str best = { "", 0 };
	TOPO_EACH (domain, n->topo->sip_domains)
		if (domain->n > best.n && plan_name_is_within(name, *domain))
			best = *domain;
	str inner = n->topo->internal_domain;
	if (n->side == PLAN_INSIDE && inner.n > best.n && plan_name_is_within(name, inner))
		best = inner;
	return best;
}

/* Room for one more in an array of n things. */
static err grow(struct arena *a, void **p, size_t n, size_t *size, size_t each)
{
	if (n < *size)
		return OK;
	size_t more = *size == 0 ? 64 : 2 * *size;
	void *fresh = arena_alloc(a, more * each);
	ENSURE(fresh != NULL, CEILING);
	if (n != 0)
		memcpy(fresh, *p, n * each);
	*p = fresh;
	*size = more;
	return OK;
}

err naming_add(struct naming *n, enum plan_record_type type, str name, str target, str address, uint32_t port)
{
	struct plan_record r = { n->side, type, zone_of(n, name), name, target, address, port, n->rule, n->why };
	bool fresh;
	TRY(is_new(n, &r, &fresh));
	if (!fresh)
		return OK;
	void *p = n->out->records.p;
	TRY(grow(n->arena, &p, n->out->records.n, &n->out->records.size, sizeof r));
	n->out->records.p = p;
	n->out->records.p[n->out->records.n++] = r;
	return OK;
}

static err add_address(struct naming *n, str name, str host, str address)
{
	return naming_add(n, plan_address_is_v6(address) ? PLAN_AAAA : PLAN_A, name, host, address, 0);
}

/* ---- hosts and pools ---- */

err naming_add_known(struct naming *n, str name, str host, bool *found)
{
	size_t count;
	const struct plan_address *known = plan_addresses_find(n->known, host, &count);
	for (size_t i = 0; i < count; i++)
		TRY(add_address(n, name, host, known[i].address));
	*found = count != 0;
	return OK;
}

err naming_add_host(struct naming *n, str name, str host)
{
	bool found;
	TRY(naming_add_known(n, name, host, &found));
	return found ? OK : naming_add(n, PLAN_A, name, host, (str){ "", 0 }, 0);
}

static err add_server(struct naming *n, str name, const struct topo_server *server)
{
	bool found;
	TRY(naming_add_known(n, name, server->fqdn, &found));
	if (!found)
		return server->internal_address.n != 0 ? add_address(n, name, server->fqdn, server->internal_address)
						       : naming_add(n, PLAN_A, name, server->fqdn, (str){ "", 0 }, 0);
	return OK;
}

err naming_add_pool(struct naming *n, str name, const struct topo_pool *pool)
{
	if (pool->balancer != TOPO_BALANCE_DNS)
		return naming_add_host(n, name, pool->pool);
	TOPO_EACH (server, pool->servers)
		TRY(add_server(n, name, server));
	return OK;
}

err naming_add_web(struct naming *n, str name, const struct topo_pool *pool)
{
	bool found = false;
	if (!plan_has_web(pool))
		return OK;
	if (!str_eq(plan_web_internal(pool), pool->pool))
		TRY(naming_add_known(n, name, plan_web_internal(pool), &found));
	return found ? OK : naming_add_pool(n, name, pool);
}

/* ---- outside ---- */

/* The proxy's outer address is known by any name that it publishes. */
static err add_proxy(struct naming *n, str name, const struct topo_reverse_proxy *proxy)
{
	bool found = false;
	TOPO_EACH (published, proxy->publishes) {
		const struct topo_pool *pool = topo_find_pool(n->topo, *published);
		if (!found)
			TRY(naming_add_known(n, name, pool->web.external, &found));
	}
	return found ? OK : naming_add(n, PLAN_A, name, proxy->fqdn, (str){ "", 0 }, 0);
}

err naming_add_published(struct naming *n, str name, const struct topo_pool *pool)
{
	bool found = false;
	TRY(naming_add_known(n, name, name, &found));
	if (!found && pool->web.external.n != 0)
		TRY(naming_add_known(n, name, pool->web.external, &found));
	if (found)
		return OK;
	TOPO_EACH (site, n->topo->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (plan_proxy_publishes(proxy, pool))
				TRY(add_proxy(n, name, proxy));
	return OK;
}

static str member(const void *of, size_t offset)
{
	str s;
	memcpy(&s, (const char *)of + offset, sizeof s);
	return s;
}

err naming_add_edge(struct naming *n, str name, const struct topo_pool *edge, size_t service, size_t address)
{
	bool found;
	TRY(naming_add_known(n, name, member(&edge->external, service), &found));
	if (found)
		return OK;
	TOPO_EACH (server, edge->servers) {
		str at = member(&server->external_address,
			edge->single_address ? offsetof(struct topo_addresses, access) : address);
		if (at.n == 0 && edge->single_address)
			at = member(&server->external_address, address);
		TRY(at.n != 0 ? add_address(n, name, server->fqdn, at)
			      : naming_add(n, PLAN_A, name, server->fqdn, (str){ "", 0 }, 0));
	}
	return OK;
}

err naming_find(struct naming *n, const char *rule, bool is_error, str subject, const char *what, const char *remedy)
{
	void *p = n->out->findings.p;
	TRY(grow(n->arena, &p, n->out->findings.n, &n->out->findings.size, sizeof *n->out->findings.p));
	n->out->findings.p = p;
	n->out->findings.p[n->out->findings.n++] = (struct plan_finding){ rule, is_error, subject, what, remedy };
	return OK;
}
