/* SPDX-License-Identifier: Apache-2.0 */
#include "model/topo/topo_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

err topo_refuse(struct topo_reader *r, err e, struct topo_at at, const char *remedy, const char *fmt, ...)
{
	if (r->diag == NULL)
		return e;
	char what[sizeof r->diag->what], where[sizeof r->diag->where];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (at.line != 0)
		(void)snprintf(where, sizeof where, "%.100s:%u:%u", r->file, at.line, at.column);
	else
		(void)snprintf(where, sizeof where, "%.100s", r->file);
	r->diag->line = at.line;
	r->diag->column = at.column;
	return diag_fail(r->diag, e, where, remedy, "%s", what);
}

err topo_warn(struct topo_reader *r, struct topo_at at, str name, const char *remedy, const char *what)
{
	struct topo_warning *w = arena_zalloc(r->arena, sizeof *w);
	ENSURE(w != NULL, CEILING);
	struct diag *before = r->diag;
	r->diag = &w->diag;
	(void)topo_refuse(r, ERR(REFUSED), at, remedy, "\"%.*s\" %s", STR_FMT(str_cut(name, 0, 120)), what);
	r->diag = before;
	*r->warnings_end = w;
	r->warnings_end = &w->next;
	return OK;
}

struct topo_at topo_use_at(const struct topo_reader *r, str name)
{
	for (const struct topo_use *u = r->uses; u != NULL; u = u->next)
		if (u->name.p == name.p)
			return u->at;
	return (struct topo_at){ 0, 0 };
}

err topo_parse(struct topo *t, struct arena *a, str text, const char *file, struct diag *d)
{
	struct topo_reader r = { .arena = a, .file = file, .diag = d, .topo = t };
	struct topo_node *root;
	if (d != NULL)
		*d = (struct diag){ .line = 0 };
	r.uses_end = &r.uses;
	r.warnings_end = &r.warnings;
	err e = topo_yaml_read(&r, text, &root);
	if (!failed(e))
		e = topo_decode(&r, root, t);
	if (!failed(e))
		e = topo_check(&r);
	t->warnings = r.warnings;
	if (failed(e) && d != NULL && d->what[0] == '\0')
		return topo_refuse(&r, e, (struct topo_at){ 0, 0 }, "", "%s", e.def->text);
	return e;
}

/* The whole of a file into b, which bounds it. */
static err read_all(FILE *f, struct buf *b)
{
	size_t n;
	do {
		ENSURE(buf_reserve(b, 65536), CEILING);
		n = fread(b->p + b->n, 1, 65536, f);
		b->n += n;
	} while (n > 0);
	return ferror(f) ? ERR(SYSTEM) : OK;
}

err topo_read(struct topo *t, struct arena *a, const char *path, struct diag *d)
{
	const char *slash = strrchr(path, '/');
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return diag_fail(d, errno == ENOENT ? ERR(ABSENT) : ERR(SYSTEM), path,
			"check the path and its permissions", "cannot be read: %s", strerror(errno));
	struct buf b;
	buf_init(&b, TOPO_SIZE_MAX + 65536 * 2);
	err e = read_all(f, &b);
	(void)fclose(f);
	if (failed(e))
		(void)diag_fail(d, e, path, "", "%s", e.def->text);
	else
		e = topo_parse(t, a, buf_str(&b), slash != NULL ? slash + 1 : path, d);
	buf_fini(&b);
	return e;
}

static bool signs_in(const struct topo_pool *pool)
{
	return pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END;
}

err topo_find_host(const struct topo *t, str fqdn, struct topo_host *out, struct diag *d)
{
	unsigned found = 0;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers)
				if (fqdn.n != 0 ? str_eq(server->fqdn, fqdn) : signs_in(pool)) {
					*out = (struct topo_host){ site, pool, server };
					found++;
				}
	if (found == 1)
		return OK;
	if (fqdn.n != 0)
		return diag_fail(d, ERR(ABSENT), "topology.yaml", "name a server of the topology",
			"there is no server \"%.*s\"", STR_FMT(str_cut(fqdn, 0, 120)));
	return diag_fail(d, ERR(ABSENT), "topology.yaml",
		found > 1 ? "say which of them this is: witan init --host NAME, or its name in the file host of the deployment"
			  : "add a pool with the role standard-edition, or say which server this is: witan init --host NAME",
		"%u servers sign users in", found);
}

const struct topo_pool *topo_federation_edge(const struct topo *t)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (pool->role == TOPO_EDGE && (pool->federation || pool->public_im))
				return pool;
	return NULL;
}

uint32_t topo_client_port(const struct topo_pool *edge)
{
	return edge->single_address ? 5061 : 443; /* with a single address people come to where partners come */
}

static void peers_add(struct topo_peers *peers, str name, str self, uint32_t roles, const struct topo_pool *edge)
{
	if (str_eq(name, self))
		return;
	for (size_t i = 0; i < peers->n; i++)
		if (str_eq(peers->p[i].name, name)) {
			peers->p[i].roles |= roles;
			return;
		}
	peers->p[peers->n++] = (struct topo_peer){ name, roles, edge };
}

/* self's own pool, by which its gateways know it. */
static str pool_of(const struct topo *t, str self)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers)
				if (str_eq(server->fqdn, self))
					return pool->pool;
	return STR("");
}

err topo_peers(const struct topo *t, str self, struct arena *a, struct topo_peers *out)
{
	size_t most = 1;
	str own = pool_of(t, self);
	TOPO_EACH (site, t->sites) {
		most += site->pstn_gateways.n;
		TOPO_EACH (pool, site->pools)
			most += 1 + pool->servers.n;
	}
	*out = (struct topo_peers){ arena_alloc(a, most * sizeof *out->p), 0 };
	ENSURE(out->p != NULL, CEILING);
	TOPO_EACH (site, t->sites) {
		TOPO_EACH (pool, site->pools) {
			const struct topo_pool *edge = pool->role == TOPO_EDGE ? pool : NULL;
			peers_add(out, pool->pool, self, 1u << pool->role, edge);
			TOPO_EACH (server, pool->servers)
				peers_add(out, server->fqdn, self, 1u << pool->role, edge);
		}
		TOPO_EACH (gateway, site->pstn_gateways)
			if (gateway->transport == TOPO_TLS)
				peers_add(out, gateway->fqdn, self, str_eq(gateway->mediation, own) ? TOPO_GATEWAY_BIT : 0, NULL);
	}
	return OK;
}
