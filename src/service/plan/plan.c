/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: a walk over everything in the topology that can have one, with the rows of plan_certificate.def for
 * each. */
#include "service/plan/plan_priv.h"

#include <stdio.h>

/* ---- the walk ---- */

/* Is told of each row that a place has; p->at is the place. */
struct visit {
	err (*row)(struct visit *v, const struct plan_row *row, struct planning *p);
	struct plan_certificates *out;
	uint32_t usages; /* of those that are wanted */
};

static err visit(struct visit *v, struct planning *p, enum plan_subject subject, struct plan_place at)
{
	p->at = at;
	for (const struct plan_row *row = plan_row_find(NULL, p, subject); row != NULL;
		row = plan_row_find(row, p, subject))
		TRY(v->row(v, row, p));
	return OK;
}

static err visit_pool(struct visit *v, struct planning *p, struct plan_place at)
{
	TRY(visit(v, p, PLAN_OF_BALANCER, at));
	TRY(visit(v, p, PLAN_OF_POOL, at));
	TOPO_EACH (server, at.pool->servers) {
		at.server = server;
		TRY(visit(v, p, PLAN_OF_SERVER, at));
	}
	return OK;
}

static err visit_site(struct visit *v, struct planning *p, const struct topo_site *site)
{
	TOPO_EACH (pool, site->pools)
		TRY(visit_pool(v, p, (struct plan_place){ .site = site, .pool = pool }));
	TOPO_EACH (proxy, site->reverse_proxies)
		TRY(visit(v, p, PLAN_OF_PROXY, (struct plan_place){ .site = site, .proxy = proxy }));
	TOPO_EACH (gateway, site->pstn_gateways)
		TRY(visit(v, p, PLAN_OF_GATEWAY, (struct plan_place){ .site = site, .gateway = gateway }));
	TOPO_EACH (farm, site->office_web_apps)
		TRY(visit(v, p, PLAN_OF_FARM, (struct plan_place){ .site = site, .farm = farm }));
	return OK;
}

static err visit_all(struct visit *v, struct planning *p)
{
	TOPO_EACH (site, p->topo->sites)
		TRY(visit_site(v, p, site));
	return visit(v, p, PLAN_OF_DEPLOYMENT, (struct plan_place){ .site = NULL });
}

/* ---- what callers ask for ---- */

static bool serves_list(const struct topo_pool *pool)
{
	return topo_has_web(pool) && pool->ports.http != 0;
}

/* The server with the CA is that of the central store; where nobody signs users in, the first of all. */
static const struct topo_server *find_central(const struct topo *t, const struct topo_pool **pool)
{
	struct topo_host central;
	if (!failed(topo_find_central(t, &central))) {
		*pool = central.pool;
		return central.server;
	}
	TOPO_EACH (site, t->sites)
		TOPO_EACH (first, site->pools) {
			*pool = first;
			return first->servers.p;
		}
	return NULL;
}

/* Where there is no HTTP at the server with the CA, the first that has it; if none has, an administrator serves the list there. */
static const struct topo_server *find_list(const struct topo *t, const struct topo_server *central, const struct topo_pool **pool)
{
	if (serves_list(*pool))
		return central;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (other, site->pools)
			if (serves_list(other)) {
				*pool = other;
				return other->servers.p;
			}
	return central;
}

/* Lists are copied to every server; questions are answered by the CA alone. */
static err set_urls(struct planning *p)
{
	const struct topo_pool *pool = NULL;
	const struct topo_server *central = find_central(p->topo, &pool);
	char port[12] = "";
	p->crl_url = p->topo->certificates.crl_url;
	if (p->crl_url.n != 0 || central == NULL)
		return OK;
	const struct topo_server *server = find_list(p->topo, central, &pool);
	if (serves_list(pool) && pool->ports.http != 80)
		(void)snprintf(port, sizeof port, ":%u", pool->ports.http);
	p->crl_url = arena_join(p->arena, (str[]){ STR("http://"), server->fqdn, str_of(port), STR("/witan.crl") }, 4);
	ENSURE(p->crl_url.p != NULL, CEILING);
	if (!serves_list(pool) || server != central)
		return OK;
	p->ocsp_url = arena_join(p->arena, (str[]){ STR("http://"), server->fqdn, str_of(port), STR("/ocsp") }, 4);
	ENSURE(p->ocsp_url.p != NULL, CEILING);
	return OK;
}

static err planning_init(struct planning *p, const struct topo *t, struct arena *a, struct diag *d)
{
	*p = (struct planning){ .topo = t, .arena = a, .diag = d };
	p->list = arena_zalloc(a, sizeof *p->list);
	ENSURE(p->list != NULL, CEILING);
	TRY(set_urls(p));
	TRY(plan_names(t, a, &p->names, d));
	return plan_hybrid_init(p);
}

static err count_row(struct visit *v, const struct plan_row *row, struct planning *p)
{
	v->out->n++;
	return OK;
}

static err keep_row(struct visit *v, const struct plan_row *row, struct planning *p)
{
	return plan_row_make(row, p, &v->out->p[v->out->n++]);
}

static err plan_all(const struct topo *t, struct arena *a, struct plan_certificates *out, struct diag *d)
{
	struct planning p;
	struct visit count = { count_row, out, 0 }, keep = { keep_row, out, 0 };
	TRY(planning_init(&p, t, a, d));
	TRY(visit_all(&count, &p));
	out->p = arena_alloc(a, (out->n + 1) * sizeof *out->p);
	ENSURE(out->p != NULL, CEILING);
	out->n = 0;
	return visit_all(&keep, &p);
}

err plan_certificates(const struct topo *t, struct arena *a, struct plan_certificates *out, struct diag *d)
{
	*out = (struct plan_certificates){ NULL, 0 };
	if (d != NULL)
		d->what[0] = '\0';
	err e = plan_all(t, a, out, d);
	if (err_is(e, ERR_CEILING) && d != NULL && d->what[0] == '\0')
		return diag_fail(
			d, e, "topology.yaml", "split the deployment", "its certificates do not fit in memory");
	return e;
}

/* ---- one of them ---- */

static err find_row(struct visit *v, const struct plan_row *row, struct planning *p)
{
	if (v->out->n != 0 || (plan_row_usages(row, p) & v->usages) == 0)
		return OK;
	return keep_row(v, row, p);
}

static err find(struct visit *v, struct planning *p, const struct topo_host *host)
{
	struct plan_place at = { .site = host->site, .pool = host->pool, .server = host->server };
	TRY(visit(v, p, PLAN_OF_SERVER, at));
	TRY(visit(v, p, PLAN_OF_POOL, at));
	return plan_has_web(host->pool) ? visit(v, p, PLAN_OF_DEPLOYMENT, (struct plan_place){ .site = NULL }) : OK;
}

err plan_certificate_host(const struct topo *t, const struct topo_host *host, enum plan_usage usage, struct arena *a,
	struct plan_certificate *out, struct diag *d)
{
	struct planning p;
	struct plan_certificates one = { out, 0 };
	struct visit v = { find_row, &one, 1u << usage };
	TRY(planning_init(&p, t, a, d));
	TRY(find(&v, &p, host));
	if (one.n != 0)
		return OK;
	return diag_fail(d, ERR(ABSENT), "topology.yaml", "see witan plan certificates for what it has",
		"the server \"%.*s\" with the role %s has no %s certificate",
		STR_FMT(str_cut(host->server->fqdn, 0, 80)), topo_role_word((enum topo_role)host->pool->role),
		plan_usage_word(usage));
}
