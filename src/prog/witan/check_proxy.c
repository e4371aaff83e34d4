/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse proxies: each passes on what it publishes and refuses every other name. Their certificates are looked at with all others. */
#include "prog/witan/check_priv.h"

#include "prog/witan/look_probe.h"
#include "service/plan_proxy.h"

#include <stdio.h>

enum { ANSWER_MS = 8000, CONNECT_MS = 5000, MISDIRECTED = 421, BAD_GATEWAY = 502, GATEWAY_TIMEOUT = 504 };

struct asked {
	const struct topo_reverse_proxy *proxy;
	str name; /* in the request and for TLS */
	const struct plan_publication *publication; /* NULL: nobody publishes the name */
	bool is_plain;
	long status; /* 0: none */
	char failure[CURL_ERROR_SIZE];
};

struct asking {
	struct checking *k;
	struct asked *p;
	size_t n;
};

static size_t drop(char *p, size_t size, size_t n, void *arg)
{
	return size * n;
}

static str address_of(const struct checking *k, str host)
{
	size_t n;
	const struct plan_address *known = plan_addresses_find(&k->known, host, &n);
	return known != NULL ? known->address : host;
}

static void ask(void *arg, size_t i)
{
	struct asking *all = arg;
	struct asked *q = &all->p[i];
	char url[400], to[400];
	int64_t until;
	str address = address_of(all->k, q->proxy->fqdn);
	bool is_v6 = plan_address_is_v6(address);
	CURL *c = curl_easy_init();
	if (c == NULL)
		return;
	(void)snprintf(url, sizeof url, "%s://%.*s/", q->is_plain ? "http" : "https", STR_FMT(q->name));
	(void)snprintf(to, sizeof to, "::%s%.*s%s:%d", is_v6 ? "[" : "", STR_FMT(address), is_v6 ? "]" : "", q->is_plain ? 80 : 443);
	struct curl_slist *connect_to = curl_slist_append(NULL, to);
	(void)curl_easy_setopt(c, CURLOPT_URL, url);
	(void)curl_easy_setopt(c, CURLOPT_CONNECT_TO, connect_to);
	(void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	(void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L); /* certificates are judged by rules of their own */
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	probe_limit_curl(c, ANSWER_MS, &until);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, q->failure);
	(void)curl_easy_perform(c);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &q->status);
	curl_easy_cleanup(c);
	curl_slist_free_all(connect_to);
}

/* What is planned behind a published name, and not part of this version. */
static bool is_later(const struct checking *k, const struct asked *q)
{
	const struct topo_pool *pool = q->publication->pool;
	uint32_t port = plan_publication_port(q->publication, !q->is_plain);
	TOPO_EACH (f, k->ports.flows)
		if (f->to != NULL && pool != NULL && f->to->pool == pool && f->first == port && (f->transport & PLAN_TCP) != 0)
			return f->standing == PLAN_NOT_YET;
	return false;
}

static err say(struct checking *k, const struct asked *q)
{
	str fqdn = q->proxy->fqdn;
	if (q->publication == NULL && q->status != 0 && q->status < 400)
		return check_fact_add(k, CHECK_FACT_PROXY_OPEN, fqdn, "it answers %ld for %.*s, which nobody publishes", q->status, STR_FMT(q->name));
	if (q->publication == NULL)
		return OK;
	if (q->status == 0)
		return check_fact_add(k, CHECK_FACT_PROXY_SILENT, fqdn, "%.*s: %s", STR_FMT(q->name), q->failure[0] != '\0' ? q->failure : "no answer");
	if (q->status == MISDIRECTED)
		return check_fact_add(k, CHECK_FACT_PROXY_SILENT, fqdn, "%.*s is refused: it is not published there", STR_FMT(q->name));
	if (q->status >= BAD_GATEWAY && q->status <= GATEWAY_TIMEOUT && is_later(k, q))
		return check_fact_add(k, CHECK_FACT_PROXY_LATER, fqdn, "%.*s: this version has no service yet behind it, at port %u of %.*s (%ld)", STR_FMT(q->name),
			plan_publication_port(q->publication, !q->is_plain), STR_FMT(plan_publication_target(q->publication)), q->status);
	if (q->status >= BAD_GATEWAY && q->status <= GATEWAY_TIMEOUT)
		return check_fact_add(k, CHECK_FACT_PROXY_SILENT, fqdn, "%.*s: it does not reach what is behind it (%ld)", STR_FMT(q->name), q->status);
	return OK;
}

static err check_proxy(struct checking *k, const struct topo_reverse_proxy *proxy)
{
	struct plan_proxy plan;
	struct asking all = { .k = k };
	TRY(plan_proxy(&k->topo, proxy->fqdn, &k->arena, &plan, &k->diag));
	all.p = arena_zalloc(&k->arena, (plan.names.n + 1) * sizeof *all.p);
	ENSURE(all.p != NULL, CEILING);
	TOPO_EACH (name, plan.names)
		all.p[all.n++] = (struct asked){ .proxy = proxy, .name = name->name, .publication = name, .is_plain = name->plain_only };
	all.p[all.n++] = (struct asked){ .proxy = proxy, .name = STR("not-published.invalid") };
	TRY(look_each(all.n, ask, &all, "names of the reverse proxy"));
	for (size_t i = 0; i < all.n; i++)
		TRY(say(k, &all.p[i]));
	return OK;
}

/* L-beyond says it of those that cannot be asked from here. */
static bool is_reached(const struct checking *k, str fqdn)
{
	TOPO_EACH (f, k->ports.flows)
		if (plan_origin_reaches(&k->from, f, fqdn) && f->to->kind == PLAN_REVERSE_PROXY && f->standing == PLAN_STANDS)
			return true;
	return false;
}

err check_proxies(struct checking *k)
{
	TOPO_EACH (site, k->topo.sites)
		TOPO_EACH (proxy, site->reverse_proxies)
			if (check_is_asked(k, proxy->fqdn) && is_reached(k, proxy->fqdn))
				TRY(check_proxy(k, proxy));
	return OK;
}
