/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of random topologies, each from a seed (WITAN_SEED chooses the first). What clients and servers dial is
 * worked out here a second time, by listener and not by certificate, and compared with the plan both ways: every name
 * that is dialled is in the certificate that the listener presents, and every name in a certificate is dialled
 * somewhere.
 */
#include "service/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define TOPOLOGIES 3000
#define DIALS_MAX  8192

static const char *const domains[] = { "alpha.example", "beta.example", "gamma.test", "eu.alpha.example",
	"delta.test" };

/* ---- a topology ---- */

struct making {
	uint64_t state;
	struct buf text;
	unsigned number;        /* makes names differ */
	unsigned n_domains;     /* SIP domains */
	char published[32][32]; /* pools with an external web name */
	unsigned n_published;
	char next_hop[32], mediation[32];
	bool hybrid;
};

static unsigned draw(struct making *m, unsigned below) /* splitmix64 */
{
	uint64_t z = m->state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ (z >> 31)) % below);
}

static bool coin(struct making *m)
{
	return draw(m, 2) == 1;
}

static const char *word(struct making *m, const char *const *words, unsigned n)
{
	return words[draw(m, n)];
}

#define PUT(m, ...) buf_printf(&(m)->text, __VA_ARGS__)

static void put_root(struct making *m)
{
	static const char *const urls[] = { "per-function", "per-domain", "shared" };
	m->n_domains = 1 + draw(m, sizeof domains / sizeof *domains);
	PUT(m, "organization: Random\ninternal-domain: int.ad\nsip-domains: [");
	for (unsigned i = 0; i < m->n_domains; i++)
		PUT(m, "%s%s", i > 0 ? ", " : "", domains[i]);
	m->hybrid = draw(m, 4) == 0;
	PUT(m, "]\nsimple-urls: %s\nsecondary-autodiscover: %s\ndevice-update: %s\nlegacy-names: %s\n",
		word(m, urls, 3), coin(m) ? "https" : "http", coin(m) ? "true" : "false", coin(m) ? "true" : "false");
	PUT(m, "certificates: {hybrid: %s, include-av-san: %s, separate-av: %s, public-ca: %s}\nsites:\n",
		m->hybrid ? "true" : "false", coin(m) ? "true" : "false", draw(m, 4) == 0 ? "true" : "false",
		coin(m) ? "built-in" : "external");
}

static void put_servers(struct making *m, unsigned most)
{
	unsigned n = 1 + draw(m, most);
	PUT(m, "        servers: [");
	for (unsigned i = 0; i < n; i++)
		PUT(m, "%ss%u.int.ad", i > 0 ? ", " : "", m->number++);
	PUT(m, "]\n");
}

static void put_web(struct making *m, const char *pool)
{
	bool inside = coin(m), outside = draw(m, 4) != 0;
	if (!inside && !outside)
		return;
	PUT(m, "        web: {");
	if (inside)
		PUT(m, "internal: w%u.int.ad%s", m->number++, outside ? ", " : "");
	if (outside)
		PUT(m, "external: x%u.%s", m->number++, domains[draw(m, 4) == 0 ? draw(m, m->n_domains) : 0]);
	PUT(m, "}\n");
	if (outside && m->n_published < 32)
		(void)snprintf(m->published[m->n_published++], 32, "%s", pool);
}

static void put_front(struct making *m, const char *role, bool is_pool)
{
	static const char *const balancers[] = { "dns", "tcp", "tls" };
	char pool[32];
	(void)snprintf(pool, sizeof pool, "p%u.int.ad", m->number++);
	PUT(m, "      - pool: %s\n        role: %s\n", pool, role);
	if (is_pool && draw(m, 4) == 0)
		PUT(m, "        servers: [%s]\n", pool);
	else if (is_pool)
		put_servers(m, 3);
	put_web(m, pool);
	if (is_pool)
		PUT(m, "        balancer: %s\n        shared-certificate: %s\n", word(m, balancers, 3),
			coin(m) ? "true" : "false");
	if (strcmp(role, "director") != 0 && coin(m)) {
		PUT(m, "        collocated: [mediation, conferencing]\n");
		(void)snprintf(m->mediation, 32, "%s", pool);
	}
	if (draw(m, 8) == 0)
		PUT(m, "        ports: {web: %u}\n", coin(m) ? 443u : 4443u);
	if (m->next_hop[0] == '\0' || coin(m))
		(void)snprintf(m->next_hop, 32, "%s", pool);
}

static void put_service(struct making *m, const char *role)
{
	unsigned n = m->number++;
	PUT(m, "      - pool: p%u.int.ad\n        role: %s\n        balancer: %s\n", n, role, coin(m) ? "dns" : "tls");
	put_servers(m, 2);
	if (strcmp(role, "mediation") == 0)
		(void)snprintf(m->mediation, 32, "p%u.int.ad", n);
}

static void put_edge(struct making *m)
{
	unsigned n = m->number++;
	PUT(m, "      - pool: p%u.int.ad\n        role: edge\n        next-hop: %s\n", n, m->next_hop);
	put_servers(m, 3);
	PUT(m, "        external: {access: %s.%s, web-conferencing: webcon%u.%s, av: av%u.%s",
		coin(m) ? "sip" : "access", domains[0], n, domains[0], n, domains[0]);
	if (coin(m))
		PUT(m, ", regional-access: region%u.%s", n, domains[0]);
	PUT(m, "}\n        federation: %s\n        single-address: %s\n        public-im: %s\n",
		coin(m) ? "true" : "false", coin(m) ? "true" : "false", coin(m) ? "true" : "false");
	unsigned xmpp = draw(m, m->n_domains + 1);
	PUT(m, "        xmpp: [");
	for (unsigned i = 0; i < xmpp; i++)
		PUT(m, "%s%s", i > 0 ? ", " : "", domains[i]);
	PUT(m, "]\n");
}

static void put_pools(struct making *m, unsigned site)
{
	static const char *const services[] = { "mediation", "persistent-chat", "trusted-application" };
	PUT(m, "  - name: Site %u\n", site);
	if (coin(m))
		PUT(m, "    region: %s\n", coin(m) ? "eu" : "us");
	PUT(m, "    pools:\n");
	for (unsigned i = draw(m, 3); i > 0 || m->next_hop[0] == '\0'; i -= i > 0)
		put_front(m, coin(m) ? "front-end" : "director", true);
	if (coin(m))
		put_front(m, "standard-edition", false);
	put_service(m, word(m, services, 3));
	if (coin(m)) {
		unsigned n = m->number++;
		PUT(m, "      - {pool: b%u.int.ad, role: survivable-branch, servers: [b%u.int.ad]}\n", n, n);
	}
	if (coin(m))
		put_edge(m);
}

static void put_others(struct making *m)
{
	if (m->n_published > 0 && draw(m, 4) != 0) {
		PUT(m, "    reverse-proxies:\n      - {fqdn: r%u.int.ad, wildcard: %s, publishes: [%s", m->number++,
			coin(m) ? "true" : "false", m->published[0]);
		for (unsigned i = 1; i < m->n_published; i++)
			if (coin(m))
				PUT(m, ", %s", m->published[i]);
		PUT(m, "]}\n");
	}
	if (m->mediation[0] != '\0')
		PUT(m, "    pstn-gateways:\n      - {fqdn: g%u.int.ad, transport: %s, mediation: %s}\n", m->number++,
			coin(m) ? "tls" : "tcp", m->mediation);
	if (coin(m))
		PUT(m, "    office-web-apps:\n      - {internal: f%u.int.ad, external: wac%u.%s}\n", m->number,
			m->number + 1, coin(m) ? domains[0] : "elsewhere.test");
	m->number += 2;
}

static void make(struct making *m, uint64_t seed)
{
	*m = (struct making){ .state = seed };
	buf_init(&m->text, 1u << 20);
	put_root(m);
	unsigned sites = 1 + draw(m, 3);
	for (unsigned i = 0; i < sites; i++) {
		put_pools(m, i);
		put_others(m);
	}
}

/* ---- who dials what ---- */

struct dial {
	str host, name;
	const char *listener;
	bool foldable; /* a wildcard may stand for it */
};

struct judging {
	struct arena arena;
	struct topo t;
	struct plan_certificates all;
	struct dial dials[DIALS_MAX];
	size_t n;
	unsigned wrong;
};

static void dial(struct judging *j, str host, const char *listener, str name, bool foldable)
{
	assert_true(j->n < DIALS_MAX);
	if (name.n != 0)
		j->dials[j->n++] = (struct dial){ host, name, listener, foldable };
}

/* label.DOMAIN for the first `most` domains. */
static void dial_each(struct judging *j, str host, const char *listener, const char *label, size_t most, bool foldable)
{
	for (size_t i = 0; i < j->t.sip_domains.n && i < most; i++) {
		str parts[] = { str_of(label), STR("."), j->t.sip_domains.p[i] };
		dial(j, host, listener, arena_join(&j->arena, parts, 3), foldable);
	}
}

static void dial_simple_urls(struct judging *j, str host, const char *listener, bool inside)
{
	bool own = j->t.simple_urls == TOPO_URLS_PER_FUNCTION;
	dial_each(j, host, listener, own ? "meet" : "lync", j->t.simple_urls == TOPO_URLS_SHARED ? 1 : SIZE_MAX, true);
	if (own)
		dial_each(j, host, listener, "dialin", 1, true);
	if (own && inside)
		dial_each(j, host, listener, "admin", 1, true);
}

static void dial_sign_in(struct judging *j, const struct topo_pool *pool, str host)
{
	dial(j, host, "5061/tcp", pool->pool, false);
	dial_each(j, host, "5061/tcp", "sip", SIZE_MAX, false);
	if (j->t.legacy_names)
		dial_each(j, host, "5061/tcp", "sipinternal", SIZE_MAX, false);
}

static void dial_web(struct judging *j, const struct topo_pool *pool, str host)
{
	if (pool->web.at.line == 0)
		return;
	dial(j, host, "443/tcp", pool->pool, false);
	dial(j, host, "443/tcp", pool->web.internal, false);
	dial_simple_urls(j, host, "443/tcp", true);
	dial_each(j, host, "443/tcp", "lyncdiscoverinternal", SIZE_MAX, false);
	dial_each(j, host, "443/tcp", "lyncdiscover", SIZE_MAX, false);
	if (j->t.device_update)
		dial(j, host, "443/tcp", STR("ucupdates-r2.int.ad"), false);
	if (pool->web.external.n == 0)
		return;
	dial(j, host, "4443/tcp", pool->pool, false);
	dial(j, host, "4443/tcp", pool->web.external, false);
	dial_simple_urls(j, host, "4443/tcp", false);
	dial_each(j, host, "4443/tcp", "lyncdiscover", SIZE_MAX, false);
}

static void dial_edge(struct judging *j, const struct topo_pool *pool, str host)
{
	static const char *const inside[] = { "5061/tcp", "5062/tcp", "8057/tcp", "443/tcp" };
	const struct topo_external *x = &pool->external;
	const char *access = pool->single_address ? "access 5061/tcp" : "access 443/tcp";
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
		dial(j, host, inside[i], pool->pool, false);
	dial(j, host, access, x->access, false);
	dial(j, host, access, x->regional_access, false);
	dial_each(j, host, access, "sip", SIZE_MAX, false);
	if (j->t.legacy_names)
		dial_each(j, host, access, "sipexternal", SIZE_MAX, false);
	if (pool->federation || pool->public_im)
		dial(j, host, "access 5061/tcp", x->access, false);
	dial(j, host, pool->single_address ? "web-conferencing 444/tcp" : "web-conferencing 443/tcp",
		x->web_conferencing, false);
	if (j->t.certificates.include_av_san || j->t.certificates.separate_av)
		dial(j, host, "av 443/tcp", x->av, false);
	TOPO_EACH (domain, pool->xmpp)
		dial(j, host, "access 5269/tcp", *domain, false);
}

static void dial_server(struct judging *j, const struct topo_pool *pool, str host)
{
	switch (pool->role) {
	case TOPO_EDGE:
		dial_edge(j, pool, host);
		return;
	case TOPO_PERSISTENT_CHAT:
		dial(j, host, "5041/tcp", pool->pool, false);
		dial(j, host, "5041/tcp", host, false);
		return;
	case TOPO_MEDIATION:
	case TOPO_TRUSTED_APPLICATION:
		dial(j, host, "5061/tcp", pool->pool, false);
		dial(j, host, "5061/tcp", host, false);
		return;
	default:
		dial_sign_in(j, pool, host);
		dial_web(j, pool, host);
		dial(j, host, "5061/tcp", host, false);
		dial(j, host, "443/tcp", pool->web.at.line != 0 ? host : STR(""), false);
		dial(j, host, "4443/tcp", pool->web.external.n != 0 ? host : STR(""), false);
	}
}

static bool is_central(const struct judging *j, const struct topo_server *server, bool *there_is_one)
{
	TOPO_EACH (site, j->t.sites)
		TOPO_EACH (pool, site->pools)
			if (pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END) {
				*there_is_one = true;
				return server == pool->servers.p;
			}
	return *there_is_one = false;
}

/* The central store sends to every other server. */
static void dial_replica(struct judging *j, const struct topo_pool *pool, const struct topo_server *server)
{
	bool there_is_one, is_web = pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END || pool->role == TOPO_DIRECTOR;
	if (!is_central(j, server, &there_is_one) && there_is_one)
		dial(j, server->fqdn, is_web ? "4445/tcp" : "4443/tcp", pool->role == TOPO_EDGE ? pool->pool : server->fqdn, false);
}

static void dial_pool(struct judging *j, const struct topo_pool *pool)
{
	TOPO_EACH (server, pool->servers) {
		dial_server(j, pool, server->fqdn);
		dial_replica(j, pool, server);
	}
	if (pool->balancer != TOPO_BALANCE_TLS || pool->role == TOPO_SURVIVABLE_BRANCH ||
		str_eq(pool->pool, pool->servers.p[0].fqdn))
		return;
	dial_server(j, pool, pool->pool);
	TOPO_EACH (server, pool->servers) /* the balancer hands through what is meant for a member */
		dial(j, pool->pool, pool->role == TOPO_PERSISTENT_CHAT ? "5041/tcp" : "5061/tcp",
			pool->role == TOPO_FRONT_END || pool->role == TOPO_DIRECTOR ? server->fqdn : STR(""), false);
}

static bool region_has_proxy(const struct topo *t, const struct topo_site *of)
{
	TOPO_EACH (site, t->sites)
		if (site->reverse_proxies.n != 0 && str_eq(site->region, of->region))
			return true;
	return false;
}

static void dial_proxy(
	struct judging *j, const struct topo_site *site, const struct topo_reverse_proxy *proxy, const char *listener)
{
	TOPO_EACH (name, proxy->publishes)
		dial(j, proxy->fqdn, listener, topo_find_pool(&j->t, *name)->web.external, false);
	dial_simple_urls(j, proxy->fqdn, listener, false);
	dial_each(j, proxy->fqdn, listener, "lyncdiscover",
		j->t.secondary_autodiscover == TOPO_AUTODISCOVER_HTTP ? 1 : SIZE_MAX, true);
	TOPO_EACH (other, j->t.sites)
		TOPO_EACH (farm, other->office_web_apps)
			if (str_eq(other->region, site->region) || !region_has_proxy(&j->t, other))
				dial(j, proxy->fqdn, listener, farm->external, true);
}

static bool has_edge(const struct topo *t)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (pool->role == TOPO_EDGE)
				return true;
	return false;
}

static void dial_all(struct judging *j)
{
	const char *proxy_listener = j->t.certificates.hybrid && has_edge(&j->t) ? "reverse-proxy 443/tcp" : "443/tcp";
	TOPO_EACH (site, j->t.sites) {
		TOPO_EACH (pool, site->pools)
			dial_pool(j, pool);
		TOPO_EACH (proxy, site->reverse_proxies)
			dial_proxy(j, site, proxy, proxy_listener);
		TOPO_EACH (gateway, site->pstn_gateways)
			if (gateway->transport == TOPO_TLS)
				dial(j, gateway->fqdn, "5067/tcp", gateway->fqdn, false);
		TOPO_EACH (farm, site->office_web_apps) {
			dial(j, farm->internal, "443/tcp", farm->internal, false);
			dial(j, farm->internal, "443/tcp", farm->external, false);
		}
	}
}

/* ---- judgement ---- */

static void complain(struct judging *j, const struct plan_certificate *c, str name, const char *what)
{
	str host = c != NULL ? c->host : STR("nothing");
	print_error("%s: %.*s (%s, %.*s)\n", what, STR_FMT(name), c != NULL ? c->what : "-", STR_FMT(host));
	j->wrong++;
}

static bool listens(const struct plan_certificate *c, const char *listener)
{
	TOPO_EACH (l, c->listeners)
		if (str_eq(*l, str_of(listener)))
			return true;
	return false;
}

static bool is_wild(str name)
{
	return str_begins(name, STR("*"));
}

static bool has_name(const struct plan_certificate *c, const struct dial *d)
{
	if (c->san.n == 0)
		return str_eq(c->cn, d->name);
	TOPO_EACH (n, c->san)
		if (str_eq(n->name, d->name) ||
			(d->foldable && is_wild(n->name) && plan_wildcard_covers(n->name, d->name)))
			return true;
	return false;
}

static void judge_dial(struct judging *j, const struct dial *d)
{
	const struct plan_certificate *found = NULL;
	TOPO_EACH (c, j->all) {
		if (!listens(c, d->listener) || !plan_certificate_is_on(c, d->host))
			continue;
		if (found != NULL)
			complain(j, c, d->name, "a listener presents two certificates");
		found = c;
	}
	if (found == NULL || !has_name(found, d))
		complain(j, found, d->name, d->listener);
}

static bool is_dialled(const struct judging *j, const struct plan_certificate *c, str name)
{
	for (const struct dial *d = j->dials; d < j->dials + j->n; d++) {
		bool same =
			str_eq(d->name, name) || (is_wild(name) && d->foldable && plan_wildcard_covers(name, d->name));
		if (same && listens(c, d->listener) && plan_certificate_is_on(c, d->host))
			return true;
	}
	return false;
}

static bool is_token_signer(const struct plan_certificate *c)
{
	return c->usages == 1u << PLAN_OAUTH_TOKEN_ISSUER;
}

static bool is_internal(str name)
{
	static const char *const labels[] = { "admin.", "lyncdiscoverinternal.", "sipinternal." };
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (str_begins(name, str_of(labels[i])))
			return true;
	return name.n > 7 && str_eq(str_cut(name, name.n - 7, name.n), STR(".int.ad"));
}

/* Whether a proxy that has the certificate asks for wildcards. */
static bool may_be_wild(const struct topo *t, const struct plan_certificate *c)
{
	if (!c->public_ca)
		return false;
	if (strcmp(c->what, "edge") == 0)
		return t->certificates.hybrid && (c->usages & 1u << PLAN_WEB_SERVICES_EXTERNAL) != 0;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (proxy->wildcard && str_eq(proxy->fqdn, c->host))
				return true;
	return false;
}

static void judge_name(struct judging *j, const struct plan_certificate *c, size_t i)
{
	str name = c->san.p[i].name;
	for (size_t k = 0; k < i; k++)
		if (str_eq(c->san.p[k].name, name))
			complain(j, c, name, "twice");
	if (c->san.p[i].rule >= PLAN_RULE_N || plan_rules[c->san.p[i].rule].reason[0] == '\0')
		complain(j, c, name, "no rule");
	if (is_wild(name) && !may_be_wild(&j->t, c))
		complain(j, c, name, "a wildcard where none may be");
	if (c->public_ca && is_internal(name))
		complain(j, c, name, "an internal name in a public certificate");
	if (!is_token_signer(c) && !is_dialled(j, c, name))
		complain(j, c, name, "nobody dials");
}

static void judge_certificate(struct judging *j, const struct plan_certificate *c)
{
	if (c->cn.n == 0 || c->cn.n > 64 || is_wild(c->cn))
		complain(j, c, c->cn, "common name");
	if (c->san.n == 0 ? c->usages != 1u << PLAN_INTERNAL : !str_eq(c->san.p[0].name, c->cn))
		complain(j, c, c->cn, "the common name is not the first name");
	if (c->usages == 0 || (c->listeners.n == 0 && !is_token_signer(c)))
		complain(j, c, c->cn, "serves nothing");
	if (c->shared_with.n != 0 && !c->exportable)
		complain(j, c, c->cn, "shared, but its key cannot be moved");
	for (size_t i = 0; i < c->san.n; i++)
		judge_name(j, c, i);
}

/* Asking for the certificate of one host gives the one of the whole plan. */
static void judge_host(struct judging *j, const struct plan_certificate *c, str name)
{
	struct topo_host host;
	struct plan_certificate one;
	if (failed(topo_find_host(&j->t, name, &host, NULL)))
		return; /* not a server of a pool */
	for (unsigned u = 0; u < PLAN_USAGE_N; u++) {
		if ((c->usages & 1u << u) == 0 || strcmp(c->what, "balancer") == 0)
			continue;
		err e = plan_certificate_host(&j->t, &host, (enum plan_usage)u, &j->arena, &one, NULL);
		if (failed(e) || !str_eq(one.cn, c->cn) || one.san.n != c->san.n || one.usages != c->usages)
			complain(j, c, name, "another one when asked alone");
	}
}

static unsigned judge(struct judging *j, str text)
{
	struct diag d = { .what = "" };
	j->n = 0;
	j->wrong = 0;
	arena_init(&j->arena, 64u << 20);
	err e = topo_parse(&j->t, &j->arena, text, "random", &d);
	if (!failed(e))
		e = plan_certificates(&j->t, &j->arena, &j->all, &d);
	if (failed(e)) {
		print_error("%s: %s\n", d.where, d.what);
		j->wrong++;
	} else {
		dial_all(j);
		for (size_t i = 0; i < j->n; i++)
			judge_dial(j, &j->dials[i]);
		TOPO_EACH (c, j->all)
			judge_certificate(j, c);
		judge_host(j, &j->all.p[0], j->all.p[0].host);
	}
	arena_fini(&j->arena);
	return j->wrong;
}

static void random_topologies_hold(void **state)
{
	static struct judging j;
	const char *given = getenv("WITAN_SEED");
	uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
	print_message("seeds from %llu (WITAN_SEED)\n", (unsigned long long)first);
	for (uint64_t seed = first; seed < first + TOPOLOGIES; seed++) {
		struct making m;
		make(&m, seed);
		if (judge(&j, buf_str(&m.text)) != 0)
			fail_msg("seed %llu:\n%.*s", (unsigned long long)seed, STR_FMT(buf_str(&m.text)));
		buf_fini(&m.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_topologies_hold) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
