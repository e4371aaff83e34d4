/* SPDX-License-Identifier: Apache-2.0 */
/* Whether all is well with this server: its processes, listeners, certificates, revocation lists. */
#include "os/file.h"
#include "role/vault/vault_fetch.h"
#include "role/vault/vault_winbind.h"

#include <stdio.h>

enum { DAY = 86400, SOON_DAYS = 30 };

static err add(struct call *call, const char *kind, const char *name, bool ok, const char *state, int64_t ends)
{
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	json_t *o = json_pack("{s:s,s:o,s:b,s:s}", "Kind", kind, "Name", command_json(str_of(name)), "Ok", ok, "State", state);
	if (o != NULL && ends != 0) {
		(void)json_object_set_new(o, "Days", json_integer(ends > now ? (ends - now) / DAY : 0));
		(void)json_object_set_new(o, "Ends", command_moment((uint64_t)ends));
	}
	return command_add_object(call, o);
}

/* ---- processes and listeners ---- */

static err add_winbind(struct call *call)
{
	const struct vault_winbind *w = call->vault->winbind;
	char state[400];
	if (!w->is_wanted)
		return OK;
	(void)snprintf(state, sizeof state, w->is_there ? "answers for the domain %s" : "%.0s%s", w->domain, w->why[0] != '\0' ? w->why : "not asked yet");
	return add(call, "Directory", "winbind", w->is_there, state, 0);
}


static err add_process(struct call *call, const char *name, bool there, bool stopped)
{
	return add(call, "Process", name, there, there ? "running" : stopped ? "stopped by an administrator" : "starting", 0);
}

/* Web services run where fronts do. */
static bool has_web(const struct vault *v, const struct topo_pool *pool)
{
	if (v->skel->n_fronts == 0)
		return false;
	return pool->ports.web != 0 ||
	       (topo_has_web(pool) && (pool->ports.http | pool->ports.external_http | pool->ports.https | pool->ports.external_https) != 0);
}

static err add_processes(struct call *call, const struct topo_pool *pool)
{
	struct vault *v = call->vault;
	char name[24];
	TRY(add_process(call, "keeper", vault_keeper_is_there(v), false));
	TRY(add_process(call, "vault", true, false));
	for (unsigned i = 0; i < v->skel->n_fronts; i++) {
		(void)snprintf(name, sizeof name, "front.%u", i);
		TRY(add_process(call, name, vault_front_is_there(v, i), v->stopped[i] != 0));
	}
	if (v->fetches->n != 0)
		TRY(add_process(call, "fetch", vault_fetch_is_there(v), false));
	if (pool->role == TOPO_EDGE)
		TRY(add_process(call, "edge", v->edge != NULL, v->stopped[VAULT_FRONTS_MAX + 1] != 0));
	return has_web(v, pool) ? add_process(call, "web", vault_web_is_there(v), v->stopped[VAULT_FRONTS_MAX] != 0) : OK;
}

/* Master keeps the ports open for the life of the server; whether somebody takes what comes is what is told here. */
static err add_listener(struct call *call, const char *what, uint32_t port, bool there)
{
	char name[48];
	if (port == 0)
		return OK;
	(void)snprintf(name, sizeof name, "%s %u/tcp", what, port);
	return add(call, "Listener", name, there, there ? "open" : "nobody takes connections", 0);
}

/* Those that the process of an Edge has: plan.c of the master opens them by the same rules. */
static err add_edge_listeners(struct call *call, const struct topo_pool *pool)
{
	bool there = call->vault->edge != NULL, federates = pool->federation || pool->public_im;
	TRY(add_listener(call, "inside, SIP over TLS", pool->ports.sip_tls, there));
	TRY(add_listener(call, "outside, sign-in", pool->single_address ? 0 : 443, there));
	return add_listener(call, pool->single_address ? "outside, sign-in and partners" : "outside, partners", federates || pool->single_address ? 5061 : 0, there);
}

static err add_listeners(struct call *call, const struct topo_pool *pool)
{
	struct vault *v = call->vault;
	if (pool->role == TOPO_EDGE)
		return add_edge_listeners(call, pool);
	if (v->skel->n_fronts == 0)
		return OK;
	bool front = false, web = vault_web_is_there(v);
	for (unsigned i = 0; i < v->skel->n_fronts; i++)
		front = front || vault_front_is_there(v, i);
	TRY(add_listener(call, "SIP over TLS", pool->ports.sip_tls, front));
	TRY(add_listener(call, "SIP", pool->ports.sip_tcp, front));
	TRY(add_listener(call, "management", pool->ports.web, web));
	if (!topo_has_web(pool))
		return OK;
	TRY(add_listener(call, "HTTP", pool->ports.http, web));
	TRY(add_listener(call, "HTTPS", pool->ports.https, web));
	TRY(add_listener(call, "external HTTP", pool->ports.external_http, web));
	return add_listener(call, "external HTTPS", pool->ports.external_https, web);
}

/* ---- certificates ---- */

static err add_certificate(struct call *call, const struct certstore_cert *c)
{
	struct vault *v = call->vault;
	char usages[CERTSTORE_USAGES], name[CERTSTORE_USAGES + CERTSTORE_FRIENDLY + 8];
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	bool has_key = !vault_keeper_is_there(v) || vault_key_find(v, c->key) != NULL;
	bool soon = c->until < now + SOON_DAYS * DAY;
	certstore_usages_print(certstore_usages(v->certstore, c, false), usages);
	(void)snprintf(name, sizeof name, "%s (%s)", usages, c->friendly);
	return add(call, "Certificate", name, has_key && !soon, !has_key ? "its private key is missing" : c->until <= now ? "expired" : soon ? "ends soon" : "valid", c->until);
}

static err add_certificates(struct call *call)
{
	const struct certstore *s = call->vault->certstore;
	for (size_t i = 0; i < certstore_count(s); i++)
		if (certstore_usages(s, certstore_at(s, i), false) != 0)
			TRY(add_certificate(call, certstore_at(s, i)));
	return OK;
}

/*
 * What is planned for this host, and nothing is assigned to. That for tokens is one for all servers, which the central one has: it comes here by export and
 * import, with its key, and until tokens are signed nobody misses it.
 */
static err add_unassigned(struct call *call, enum plan_usage usage)
{
	char state[sizeof call->vault->central + 80];
	bool elsewhere = usage == PLAN_OAUTH_TOKEN_ISSUER && call->vault->central[0] != '\0';
	(void)snprintf(state, sizeof state, elsewhere ? "not needed yet; the one for all servers is on %s" : "none is assigned%.0s", call->vault->central);
	return add(call, "Certificate", plan_usage_word(usage), elsewhere, state, 0);
}

static err add_missing(struct call *call)
{
	struct vault *v = call->vault;
	struct arena a DEFER(arena_fini) = { 0 };
	struct topo_host host;
	arena_init(&a, 16 << 20);
	TRY(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, &call->diag));
	for (unsigned u = 0; u < PLAN_USAGE_N; u++) {
		struct plan_certificate plan;
		struct diag d;
		if (certstore_assigned(v->certstore, (enum plan_usage)u) == NULL && !failed(plan_certificate_host(&v->topo, &host, (enum plan_usage)u, &a, &plan, &d)))
			TRY(add_unassigned(call, (enum plan_usage)u));
	}
	return OK;
}

/* ---- revocation lists ---- */

static err add_list(struct call *call, const char *name, const struct cert_crl *crl)
{
	char state[64];
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	bool fresh = crl != NULL && cert_crl_is_fresh(crl, now);
	if (crl == NULL)
		return add(call, "RevocationList", name, false, "cannot be used", 0);
	(void)snprintf(state, sizeof state, "%s, %lld hours old, %zu entries", fresh ? "valid" : "stale", (long long)((now - cert_crl_begins(crl) - 3600) / 3600), cert_crl_count(crl));
	return add(call, "RevocationList", name, fresh, state, cert_crl_ends(crl));
}

static err add_root_list(struct call *call)
{
	struct buf der DEFER(buf_fini) = { 0 };
	struct cert_crl *crl = NULL;
	err e = file_read(call->vault->certificates, "root.crl", CERT_CRL_MAX, &der, NULL);
	if (err_is(e, ERR_ABSENT))
		return OK; /* a root that issues itself has one list */
	if (!failed(e))
		e = cert_crl_read(buf_str(&der), buf_str(&call->vault->ca), &crl, NULL);
	e = add_list(call, "root.crl", failed(e) ? NULL : crl);
	cert_crl_free(crl);
	return e;
}

struct lists {
	struct call *call;
	err e;
};

/* A list that is good counts, though the last try to get a newer one may have failed. */
static void add_fetched(void *arg, const struct fetch_list *l)
{
	struct lists *all = arg;
	char state[400];
	int64_t now = vault_fetch_now();
	bool fresh = l->ends > now;
	if (failed(all->e))
		return;
	int n = l->ends == 0 ? snprintf(state, sizeof state, "not fetched yet")
	      : snprintf(state, sizeof state, "%s, %lld hours old, %zu entries", fresh ? "valid" : "stale", (long long)((now - l->begins) / 3600), l->entries);
	if (l->failures != 0)
		(void)snprintf(state + n, sizeof state - (size_t)n, "; failed since: %u, the last time because: %s", l->failures, l->why);
	all->e = add(all->call, "RevocationList", l->url, fresh, state, l->ends);
}

err command_status_get(struct call *call)
{
	const struct topo_pool *pool = topo_find_pool(&call->vault->topo, place_pool(call->vault));
	ENSURE(pool != NULL, ABSENT);
	TRY(add_processes(call, pool));
	TRY(add_winbind(call));
	TRY(add_listeners(call, pool));
	TRY(add_certificates(call));
	TRY(add_missing(call));
	TRY(add_list(call, "witan.crl", call->vault->crl));
	TRY(add_root_list(call));
	struct lists all = { .call = call };
	vault_fetch_each(call->vault, add_fetched, &all);
	return all.e;
}
