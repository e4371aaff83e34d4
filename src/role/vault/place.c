/* SPDX-License-Identifier: Apache-2.0 */
/* The topology as administrators name it: sites, and services as ROLE:POOL. */
#include "base/near.h"
#include "os/file.h"
#include "role/vault/vault_priv.h"

#include <fcntl.h>
#include <unistd.h>

enum { TOPO_ROOM = 16 << 20 };

err vault_read_topology(struct vault *v, struct diag *d)
{
	static char text[TOPO_SIZE_MAX + 1];
	struct arena room;
	struct topo fresh;
	str told = buf_str(&v->topology_text);
	ssize_t n = told.n != 0 ? (ssize_t)told.n : pread(v->topology, text, sizeof text, 0);
	if (told.n != 0)
		memcpy(text, told.p, told.n);
	if (n < 0)
		return diag_fail(d, ERR(SYSTEM), "topology.yaml", "see that the file is there", "cannot read the topology");
	arena_init(&room, TOPO_ROOM);
	err e = topo_parse(&fresh, &room, (str){ text, (size_t)n }, "topology.yaml", d);
	if (failed(e)) {
		arena_fini(&room);
		return e;
	}
	arena_fini(&v->topo_room);
	v->topo_room = room;
	v->topo = fresh;
	return OK;
}

/* ---- services ---- */

/* Which services a pool of a role has. */
static const struct {
	unsigned topo_roles; /* set of 1 << enum topo_role */
	uint32_t collocated; /* and these, unless 0 */
	const char *role;
} rows[] = {
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END | 1 << TOPO_SURVIVABLE_BRANCH, 0, "Registrar" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, 0, "UserServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, 0, "ApplicationServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, 0, "ConferencingServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END | 1 << TOPO_DIRECTOR, 0, "WebServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, 0, "ManagementServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, 0, "ArchivingServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, 0, "MonitoringServer" },
	{ 1 << TOPO_STANDARD_EDITION | 1 << TOPO_FRONT_END, TOPO_COLLOCATED_MEDIATION, "MediationServer" },
	{ 1 << TOPO_MEDIATION | 1 << TOPO_SURVIVABLE_BRANCH, 0, "MediationServer" },
	{ 1 << TOPO_DIRECTOR, 0, "Director" },
	{ 1 << TOPO_EDGE, 0, "EdgeServer" },
	{ 1 << TOPO_PERSISTENT_CHAT, 0, "PersistentChatServer" },
	{ 1 << TOPO_TRUSTED_APPLICATION, 0, "TrustedApplicationPool" },
};

static const char gateway_role[] = "PstnGateway"; /* of a site, not of a pool */

static void each_of_pool(const struct topo_site *site, const struct topo_pool *pool, void (*fn)(void *arg, const struct place *p), void *arg)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if ((rows[i].topo_roles & 1u << pool->role) != 0 && (rows[i].collocated == 0 || (pool->collocated & rows[i].collocated) != 0))
			fn(arg, &(struct place){ .role = rows[i].role, .fqdn = pool->pool, .site = site->name, .pool = pool });
}

void places_each(const struct vault *v, void (*fn)(void *arg, const struct place *p), void *arg)
{
	TOPO_EACH (site, v->topo.sites) {
		TOPO_EACH (pool, site->pools)
			each_of_pool(site, pool, fn, arg);
		TOPO_EACH (gateway, site->pstn_gateways)
			fn(arg, &(struct place){ .role = gateway_role, .fqdn = gateway->fqdn, .site = site->name, .gateway = gateway });
	}
}

struct search {
	str role, fqdn;
	struct place *out;
	bool found;
};

static void look(void *arg, const struct place *p)
{
	struct search *s = arg;
	if (s->found || !str_eq_case(str_of(p->role), s->role) || !str_eq_case(p->fqdn, s->fqdn))
		return;
	*s->out = *p;
	s->found = true;
}

bool place_find(const struct vault *v, str role, str fqdn, struct place *out)
{
	struct search s = { role, fqdn, out, false };
	places_each(v, look, &s);
	return s.found;
}

bool place_site(const struct vault *v, str name, str *out)
{
	TOPO_EACH (site, v->topo.sites)
		if (str_eq_case(site->name, name)) {
			*out = site->name;
			return true;
		}
	return false;
}

const char *place_role(str word, str *near)
{
	struct near best = { .want = word };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (str_eq_case(str_of(rows[i].role), word))
			return rows[i].role;
		near_offer(&best, str_of(rows[i].role));
	}
	if (str_eq_case(str_of(gateway_role), word))
		return gateway_role;
	near_offer(&best, str_of(gateway_role));
	if (near != NULL)
		*near = near_best(&best);
	return NULL;
}

err place_target(struct call *call, str *pool)
{
	str name = STR("");
	(void)command_text(call, "Target", &name);
	const struct topo_pool *p = topo_find_pool(&call->vault->topo, name);
	if (p == NULL || (p->role != TOPO_STANDARD_EDITION && p->role != TOPO_FRONT_END && p->role != TOPO_SURVIVABLE_BRANCH))
		return diag_fail(&call->diag, ERR(ABSENT), "Target", "Get-CsPool lists the pools", "no pool %.*s signs users in", STR_FMT(str_cut(name, 0, 100)));
	if (!str_eq_case(p->pool, place_pool(call->vault)))
		command_warn(call, "who is of another pool is served there; this server does not pass him on yet");
	*pool = p->pool;
	return OK;
}

str place_pool(const struct vault *v)
{
	struct topo_host host;
	return failed(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, NULL)) ? str_of(v->skel->fqdn) : host.pool->pool;
}
