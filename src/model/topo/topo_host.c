/* SPDX-License-Identifier: Apache-2.0 */
/* Which server of the topology a deployment is, and which one has the central store. */
#include "model/topo/topo_priv.h"

#include <errno.h>
#include <stdio.h>

enum { LINE_OCTETS = 256 };

/* One name in one line; nothing else. */
static bool is_one_name(str text, struct arena *a, str *name, struct diag *d)
{
	str line = str_trim(text);
	*name = STR("");
	return text.n <= LINE_OCTETS && memchr(line.p, '\n', line.n) == NULL && !failed(topo_name(line, a, name, d));
}

static err read_name(const char *path, struct arena *a, str *name, struct diag *d)
{
	char text[LINE_OCTETS + 1];
	struct diag why = { .what = "" };
	FILE *f = fopen(path, "re");
	*name = STR("");
	if (f == NULL && errno == ENOENT)
		return OK;
	if (f == NULL)
		return diag_fail(d, ERR(SYSTEM), path, "check its permissions", "cannot be read: %s", strerror(errno));
	size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	if (is_one_name((str){ text, n }, a, name, &why))
		return OK;
	return diag_fail(d, ERR(MALFORMED), path, "write the server's name, as in topology.yaml, in one line",
		"the file does not hold the name of one server");
}

err topo_read_host(const struct topo *t, const char *path, struct topo_host *out, struct diag *d)
{
	char first[4096];
	struct arena a DEFER(arena_fini) = { 0 };
	str name;
	arena_init_with(&a, first, sizeof first, sizeof first);
	TRY(read_name(path, &a, &name, d));
	err e = topo_find_host(t, name, out, d);
	if (failed(e) && name.n != 0)
		return diag_fail(d, e, path, "write a server of topology.yaml there, or take the topology of this deployment",
			"the topology has no server \"%.*s\"", STR_FMT(str_cut(name, 0, 120)));
	return e;
}

/* ---- the central store ---- */

static bool may_be_central(const struct topo_pool *pool)
{
	return pool->role == TOPO_STANDARD_EDITION || pool->role == TOPO_FRONT_END;
}

err topo_find_central(const struct topo *t, struct topo_host *out)
{
	if (t->central_management.n != 0)
		return topo_find_host(t, t->central_management, out, NULL);
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (may_be_central(pool)) {
				*out = (struct topo_host){ site, pool, pool->servers.p };
				return OK;
			}
	return ERR(ABSENT);
}

/* 4443 is the rule for an Edge; beside web services that is the port of the site outside, and 444 serves management. */
uint16_t topo_replica_port(const struct topo_pool *pool)
{
	if (pool->ports.replica != 0)
		return (uint16_t)pool->ports.replica;
	return topo_has_web(pool) ? 4445 : 4443;
}

size_t topo_count_servers(const struct topo *t)
{
	size_t n = 0;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			n += pool->servers.n;
	return n;
}
