/* SPDX-License-Identifier: Apache-2.0 */
#include "service/plan.h"

#include <stdio.h>

#define NAMES_MAX   256 /* in one certificate */
#define NAME_OCTETS 253
#define SOURCES_MAX 12
#define PORTS_MAX   4

struct planning {
	const struct topo *topo;
	struct topo_host host;
	struct arena *arena;
	struct diag *diag;
	struct plan_certificate *plan;
	const char *rule;
};

static err add_name(struct planning *p, str name)
{
	for (size_t i = 0; i < p->plan->san.n; i++)
		if (str_eq(p->plan->san.p[i].name, name))
			return OK;
	ENSURE(p->plan->san.n < NAMES_MAX, CEILING);
	p->plan->san.p[p->plan->san.n++] = (struct plan_name){ name, p->rule };
	return OK;
}

static err add_prefixed(struct planning *p, const char *prefix, str domain)
{
	struct buf b;
	buf_init(&b, 512);
	buf_printf(&b, "%s.%.*s", prefix, STR_FMT(domain));
	str name = arena_copy(p->arena, buf_str(&b));
	buf_fini(&b);
	ENSURE(name.p != NULL, CEILING);
	if (name.n > NAME_OCTETS)
		return diag_fail(p->diag, ERR(REFUSED), "topology.yaml", "use a shorter SIP domain",
			"\"%s.\" before \"%.*s\" has more than %d octets", prefix, STR_FMT(str_cut(domain, 0, 100)),
			NAME_OCTETS);
	return add_name(p, name);
}

/* ---- where names come from ---- */

static err source_server(struct planning *p)
{
	return add_name(p, p->host.server->fqdn);
}

static err source_sip_each(struct planning *p)
{
	TOPO_EACH (domain, p->topo->sip_domains)
		TRY(add_prefixed(p, "sip", *domain));
	return OK;
}

#define SERVER   source_server
#define SIP_EACH source_sip_each

static const struct row {
	enum plan_usage usage;
	uint32_t roles; /* set of 1 << enum topo_role */
	struct {
		err (*add)(struct planning *p);
		const char *rule;
	} names[SOURCES_MAX];
	bool exportable, public_ca, client_auth;
	size_t ports[PORTS_MAX]; /* offsets in struct topo_ports, each + 1; 0 ends */
} rows[] = {
#define ROLE(name)              (1u << TOPO_##name)
#define NAME(source, rule)      { source, rule },
#define LISTENER(port)          offsetof(struct topo_ports, port) + 1,
#define PLAN(usage, roles, ...) { usage, roles, __VA_ARGS__ },
#include "service/plan/plan_certificate.def"
#undef ROLE
#undef NAME
#undef LISTENER
#undef PLAN
};

#define ROWS (sizeof rows / sizeof *rows)

static const char *const usage_words[PLAN_USAGE_N] = { [PLAN_DEFAULT] = "Default" };

const char *plan_usage_word(enum plan_usage usage)
{
	return usage_words[usage];
}

bool plan_usage_find(str word, enum plan_usage *out)
{
	for (unsigned i = 0; i < PLAN_USAGE_N; i++) {
		if (str_eq_case(word, str_of(usage_words[i]))) {
			*out = (enum plan_usage)i;
			return true;
		}
	}
	return false;
}

static err set_crl_url(struct planning *p)
{
	p->plan->crl_url = p->topo->certificates.crl_url;
	if (p->plan->crl_url.n != 0)
		return OK;
	/* the server itself if it serves HTTP, else the first of the topology that does; if none does, it is left to an administrator */
	const struct topo_server *server = p->host.server;
	uint32_t port = topo_has_web(p->host.pool) ? p->host.pool->ports.http : 0;
	TOPO_EACH (site, p->topo->sites)
		TOPO_EACH (pool, site->pools)
			if (port == 0 && topo_has_web(pool) && pool->ports.http != 0) {
				server = pool->servers.p;
				port = pool->ports.http;
			}
	struct buf b;
	buf_init(&b, 512);
	buf_printf(&b, "http://%.*s", STR_FMT(server->fqdn));
	if (port != 0 && port != 80)
		buf_printf(&b, ":%u", port);
	buf_add(&b, STR("/witan.crl"));
	p->plan->crl_url = arena_copy(p->arena, buf_str(&b));
	buf_fini(&b);
	ENSURE(p->plan->crl_url.p != NULL, CEILING);
	return OK;
}

static err set_listeners(struct planning *p, const struct row *row)
{
	p->plan->listeners = (struct topo_names){ arena_alloc(p->arena, PORTS_MAX * sizeof(str)), 0 };
	ENSURE(p->plan->listeners.p != NULL, CEILING);
	for (size_t i = 0; i < PORTS_MAX && row->ports[i] != 0; i++) {
		uint32_t port;
		char z[16];
		memcpy(&port, (const char *)&p->host.pool->ports + row->ports[i] - 1, sizeof port);
		if (port == 0)
			continue; /* "web" without such a listener */
		(void)snprintf(z, sizeof z, "%u/tcp", port);
		str s = arena_copy(p->arena, str_of(z));
		ENSURE(s.p != NULL, CEILING);
		p->plan->listeners.p[p->plan->listeners.n++] = s;
	}
	return OK;
}

static err plan_row(const struct row *row, const struct topo *t, const struct topo_host *host, struct arena *a,
	struct plan_certificate *out, struct diag *d)
{
	struct planning p = { .topo = t, .host = *host, .arena = a, .diag = d, .plan = out };
	*out = (struct plan_certificate){ .usage = row->usage,
		.host = host->server->fqdn,
		.pool = host->pool->pool,
		.key = (enum topo_key_type)t->certificates.key,
		.client_auth = row->client_auth,
		.exportable = row->exportable,
		.public_ca = row->public_ca };
	out->san.p = arena_alloc(a, NAMES_MAX * sizeof *out->san.p);
	ENSURE(out->san.p != NULL, CEILING);
	for (size_t i = 0; i < SOURCES_MAX && row->names[i].add != NULL; i++) {
		p.rule = row->names[i].rule;
		TRY(row->names[i].add(&p));
	}
	ASSERT(out->san.n > 0);
	out->cn = out->san.p[0].name;
	TRY(set_listeners(&p, row));
	return set_crl_url(&p);
}

static bool row_fits(const struct row *row, const struct topo_pool *pool)
{
	return (row->roles & 1u << pool->role) != 0;
}

err plan_certificate_host(const struct topo *t, const struct topo_host *host, enum plan_usage usage, struct arena *a,
	struct plan_certificate *out, struct diag *d)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].usage == usage && row_fits(&rows[i], host->pool))
			return plan_row(&rows[i], t, host, a, out, d);
	return diag_fail(d, ERR(ABSENT), "topology.yaml", "use the role standard-edition",
		"a server with the role %s has no %s certificate yet", topo_role_word((enum topo_role)host->pool->role),
		plan_usage_word(usage));
}

static size_t count_servers(const struct topo *t)
{
	size_t n = 0;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			n += pool->servers.n;
	return n;
}

static err plan_server(
	const struct topo *t, const struct topo_host *host, struct arena *a, struct plan_certificates *out, struct diag *d)
{
	for (size_t i = 0; i < ROWS; i++)
		if (row_fits(&rows[i], host->pool))
			TRY(plan_row(&rows[i], t, host, a, &out->p[out->n++], d));
	return OK;
}

err plan_certificates(const struct topo *t, struct arena *a, struct plan_certificates *out, struct diag *d)
{
	*out = (struct plan_certificates){ arena_alloc(a, count_servers(t) * ROWS * sizeof *out->p), 0 };
	ENSURE(out->p != NULL, CEILING);
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers) {
				struct topo_host host = { site, pool, server };
				TRY(plan_server(t, &host, a, out, d));
			}
	return OK;
}
