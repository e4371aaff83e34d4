/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a certificate: one host, or several that share it. */
#include "service/plan/plan_priv.h"

struct hosts {
	const struct planning *p;
	uint32_t usages;
	struct plan_certificate *to; /* NULL: they are only counted */
	size_t n;
};

static void add_host(struct hosts *h, str name)
{
	if (h->to == NULL)
		;
	else if (h->n == 0)
		h->to->host = name;
	else
		h->to->shared_with.p[h->to->shared_with.n++] = name;
	h->n++;
}

static void server_host(struct hosts *h)
{
	add_host(h, h->p->at.server->fqdn);
}

static void pool_hosts(struct hosts *h)
{
	TOPO_EACH (server, h->p->at.pool->servers)
		add_host(h, server->fqdn);
	if (h->p->at.pool->role != TOPO_EDGE || (h->usages & 1u << PLAN_WEB_SERVICES_EXTERNAL) == 0)
		return;
	TOPO_EACH (site, h->p->topo->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (plan_hybrid_edge(h->p, site) == h->p->at.pool)
				add_host(h, proxy->fqdn);
}

static void balancer_host(struct hosts *h)
{
	add_host(h, h->p->at.pool->pool);
}

static void proxy_host(struct hosts *h)
{
	add_host(h, h->p->at.proxy->fqdn);
}

static void gateway_host(struct hosts *h)
{
	add_host(h, h->p->at.gateway->fqdn);
}

static void farm_host(struct hosts *h)
{
	add_host(h, h->p->at.farm->internal);
}

static void token_signers(struct hosts *h)
{
	TOPO_EACH (site, h->p->topo->sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers)
				if (plan_has_web(pool))
					add_host(h, server->fqdn);
}

static const struct {
	const char *what; /* NULL: the pool's role */
	void (*add)(struct hosts *h);
} subjects[] = {
	[PLAN_OF_SERVER] = { NULL, server_host },
	[PLAN_OF_POOL] = { NULL, pool_hosts },
	[PLAN_OF_BALANCER] = { "balancer", balancer_host },
	[PLAN_OF_PROXY] = { "reverse-proxy", proxy_host },
	[PLAN_OF_GATEWAY] = { "pstn-gateway", gateway_host },
	[PLAN_OF_FARM] = { "office-web-apps", farm_host },
	[PLAN_OF_DEPLOYMENT] = { "deployment", token_signers },
};

err plan_hosts(const struct planning *p, enum plan_subject subject, struct plan_certificate *out)
{
	struct hosts counted = { .p = p, .usages = out->usages }, kept = { .p = p, .usages = out->usages, .to = out };
	subjects[subject].add(&counted);
	if (counted.n > 1) {
		out->shared_with.p = arena_alloc(p->arena, (counted.n - 1) * sizeof(str));
		ENSURE(out->shared_with.p != NULL, CEILING);
	}
	subjects[subject].add(&kept);
	out->what = subjects[subject].what;
	if (out->what == NULL)
		out->what = topo_role_word((enum topo_role)p->at.pool->role);
	return OK;
}

bool plan_certificate_is_on(const struct plan_certificate *c, str host)
{
	if (str_eq(c->host, host))
		return true;
	TOPO_EACH (other, c->shared_with)
		if (str_eq(*other, host))
			return true;
	return false;
}
