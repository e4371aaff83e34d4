/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include "model/topo.h"

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

/* NAME=ROLES, the set of roles in hexadecimal (service/peer). */
static err join_peers(const struct topo_peers *peers, char *out, size_t size, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, size);
	for (size_t i = 0; i < peers->n; i++)
		buf_printf(&b, "%s%.*s=%x", i != 0 ? "," : "", STR_FMT(peers->p[i].name), peers->p[i].roles);
	if (b.failed || !str_to_z(buf_str(&b), out, size))
		return diag_fail(d, ERR(CEILING), "topology.yaml: servers", "list fewer servers", "their names are longer than %zu bytes together", size - 1);
	return OK;
}

static err fill(struct plan *p, const struct topo *t, struct arena *a, struct diag *d)
{
	struct topo_host host;
	struct topo_peers peers;
	TRY(topo_find_host(t, STR(""), &host, d));
	ENSURE(str_to_z(host.server->fqdn, p->fqdn, sizeof p->fqdn), CEILING);
	TRY(join(&t->sip_domains, "topology.yaml: sip-domains", p->domains, sizeof p->domains, d));
	TRY(topo_peers(t, host.server->fqdn, a, &peers));
	TRY(join_peers(&peers, p->peers, sizeof p->peers, d));
	p->sip_tls = (uint16_t)host.pool->ports.sip_tls;
	p->sip_tcp = (uint16_t)host.pool->ports.sip_tcp;
	p->web = (uint16_t)host.pool->ports.web;
	if (topo_has_web(host.pool)) {
		p->http = (uint16_t)host.pool->ports.http;
		p->external_http = (uint16_t)host.pool->ports.external_http;
	}
	p->n_fronts = host.pool->front_processes;
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
