/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include <stdio.h>

enum { TOPO_CEILING = 16 << 20 };

static err join(const struct topo_names *names, const char *where, char *out, size_t size, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, size);
	for (size_t i = 0; i < names->n; i++) {
		if (i != 0)
			buf_add_char(&b, ',');
		buf_add(&b, names->p[i]);
	}
	if (b.failed || !str_to_z(buf_str(&b), out, size))
		return diag_fail(d, ERR(CEILING), where, "list fewer names",
			"the names are longer than %zu bytes together", size - 1);
	return OK;
}

/* NAME=ROLES, the set of roles in hexadecimal, and for an Edge =ACCESS:PORT (service/peer). */
static err join_peers(const struct topo_peers *peers, char *out, size_t size, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, size);
	for (size_t i = 0; i < peers->n; i++) {
		const struct topo_peer *peer = &peers->p[i];
		buf_printf(&b, "%s%.*s=%x", i != 0 ? "," : "", STR_FMT(peer->name), peer->roles);
		if (peer->edge != NULL)
			buf_printf(&b, "=%.*s:%u", STR_FMT(peer->edge->external.access), topo_client_port(peer->edge));
	}
	if (b.failed || !str_to_z(buf_str(&b), out, size))
		return diag_fail(d, ERR(CEILING), "topology.yaml: servers", "list fewer servers", "their names are longer than %zu bytes together", size - 1);
	return OK;
}

static err read_side(str text, const char *where, struct addr *out, struct diag *d)
{
	if (text.n != 0 && !failed(addr_parse(text, 0, out)))
		return OK;
	return diag_fail(d, ERR(REFUSED), where, "state internal-address, and external-address: {access: ADDRESS}, of this server",
		"an Edge listens on two sides, and the topology does not say which address is which");
}

static err fill_next_hop(struct plan *p, const struct topo *t, str name, struct diag *d)
{
	const struct topo_pool *pool = topo_find_pool(t, name);
	if (pool == NULL || pool->ports.sip_tls == 0)
		return diag_fail(d, ERR(REFUSED), "topology.yaml: next-hop", "name a pool inside with a port for SIP over TLS", "requests have nowhere to go");
	int n = snprintf(p->next_hop, sizeof p->next_hop, "%.*s:%u", STR_FMT(name), pool->ports.sip_tls);
	ENSURE(n > 0 && (size_t)n < sizeof p->next_hop, CEILING);
	return OK;
}

/* Never on every address: what is for servers inside must not be reached from outside. */
static err fill_edge(struct plan *p, const struct topo *t, const struct topo_host *host, struct diag *d)
{
	TRY(fill_next_hop(p, t, host->pool->next_hop, d));
	ENSURE(str_to_z(host->pool->external.access, p->access, sizeof p->access), CEILING);
	TRY(read_side(host->server->internal_address, "topology.yaml: internal-address", &p->inside, d));
	TRY(read_side(host->server->external_address.access, "topology.yaml: external-address", &p->outside, d));
	if (memcmp(p->inside.ip, p->outside.ip, sizeof p->inside.ip) == 0)
		return diag_fail(d, ERR(REFUSED), "topology.yaml: external-address", "give each side an address of its own",
			"both sides of the Edge have the same address");
	p->internal = (uint16_t)host->pool->ports.sip_tls;
	const struct topo_pool *pool = host->pool;
	p->external = pool->federation || pool->public_im || pool->single_address ? 5061 : 0; /* as plan_ports.def has it */
	p->client = (uint16_t)topo_client_port(pool);
	if (p->client == p->external)
		p->client = 0;
	return OK;
}

static void fill_ports(struct plan *p, const struct topo_host *host)
{
	const struct topo_ports *ports = &host->pool->ports;
	if (master_runs("front", p->role)) {
		p->sip_tls = (uint16_t)ports->sip_tls;
		p->sip_tcp = (uint16_t)ports->sip_tcp;
		p->n_fronts = host->pool->front_processes;
	}
	if (master_runs("web", p->role))
		p->web = (uint16_t)ports->web;
	if (topo_has_web(host->pool)) {
		p->http = (uint16_t)ports->http;
		p->external_http = (uint16_t)ports->external_http;
		p->https = (uint16_t)(ports->https != p->web ? ports->https : 0);
		p->external_https = (uint16_t)(ports->external_https != p->web ? ports->external_https : 0);
	}
}

static void fill_copies(struct plan *p, const struct topo *t, const struct topo_host *host)
{
	struct topo_host central;
	p->has_others = topo_count_servers(t) > 1 && !failed(topo_find_central(t, &central));
	p->is_copy = p->has_others && central.server != host->server;
	p->replica = p->is_copy ? topo_replica_port(host->pool) : 0;
}

static err fill(struct plan *p, const struct topo *t, struct arena *a, struct diag *d)
{
	struct topo_host host;
	struct topo_peers peers;
	TRY(topo_read_host(t, "host", &host, d));
	p->role = host.pool->role;
	p->missing = master_missing(host.pool);
	ENSURE(str_to_z(host.server->fqdn, p->fqdn, sizeof p->fqdn), CEILING);
	TRY(join(&t->sip_domains, "topology.yaml: sip-domains", p->domains, sizeof p->domains, d));
	TRY(topo_peers(t, host.server->fqdn, a, &peers));
	TRY(join_peers(&peers, p->peers, sizeof p->peers, d));
	fill_copies(p, t, &host);
	fill_ports(p, &host);
	if (p->role == TOPO_EDGE)
		TRY(fill_edge(p, t, &host, d));
	else if (topo_federation_edge(t) != NULL)
		TRY(fill_next_hop(p, t, topo_federation_edge(t)->pool, d));
	if (p->n_fronts > FRONTS_MAX)
		return diag_fail(d, ERR(CEILING), "topology.yaml: front-processes",
			"one for each processor core is enough", "%u processes are more than %d", p->n_fronts,
			FRONTS_MAX);
	return OK;
}

err plan_read(struct plan *p, struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct topo t;
	*p = (struct plan){ .n_fronts = 0 };
	arena_init(&a, TOPO_CEILING);
	TRY(topo_read(&t, &a, "topology.yaml", d));
	return fill(p, &t, &a, d);
}
