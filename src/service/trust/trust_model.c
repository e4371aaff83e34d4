/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers' names a client of each SIP domain meets: it asks its user about every one that is not below the domain of his
 * address, unless TrustModelData lists it. Names are listed whole: a domain would trust whoever else is in it. */
#include "service/trust/trust_priv.h"

#include <libpsl.h>
#include <string.h>

#define PLACES 5 /* names that one pool shows to clients, at most */

/* The client compares ends of names. */
static bool is_below(str host, str domain)
{
	if (host.n <= domain.n)
		return str_eq_case(host, domain);
	return host.p[host.n - domain.n - 1] == '.' && str_eq_case(str_cut(host, host.n - domain.n, host.n), domain);
}

static bool is_for_people(const struct topo_pool *p)
{
	return p->role == TOPO_STANDARD_EDITION || p->role == TOPO_FRONT_END || p->role == TOPO_DIRECTOR || p->role == TOPO_SURVIVABLE_BRANCH;
}

static void add(struct trust_model *m, str domain, str host, const char *where)
{
	if (host.n == 0)
		return;
	for (size_t i = m->sights.n; i-- > 0 && str_eq(m->sights.p[i].domain, domain);)
		if (str_eq_case(m->sights.p[i].host, host))
			return;
	m->sights.p[m->sights.n++] = (struct trust_sight){ .domain = domain, .host = host, .where = where, .is_listed = !is_below(host, domain) };
}

/* The zone of each SIP domain leads its clients to a name of their own: sip.DOMAIN, which is in the Edge's certificate. */
static err add_edge(struct trust_model *m, struct arena *a, str domain, const struct topo_pool *p)
{
	str own = arena_join(a, (const str[]){ STR("sip."), domain }, 2);
	ENSURE(own.p != NULL, CEILING);
	add(m, domain, is_below(p->external.access, domain) ? p->external.access : own, "sign-in from outside");
	return OK;
}

static err add_pool(struct trust_model *m, struct arena *a, str domain, const struct topo_pool *p)
{
	if (p->role == TOPO_EDGE)
		return add_edge(m, a, domain, p);
	if (!is_for_people(p))
		return OK;
	add(m, domain, p->pool, "sign-in");
	add(m, domain, p->web.internal, "web services inside");
	add(m, domain, p->web.external, "web services outside");
	return OK;
}

static err add_domain(struct trust_model *m, const struct topo *t, struct arena *a, str domain)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			TRY(add_pool(m, a, domain, pool));
	return OK;
}

static bool is_new(const struct trust_model *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (m->sights.p[k].is_listed && str_eq_case(m->sights.p[k].host, m->sights.p[i].host))
			return false;
	return m->sights.p[i].is_listed;
}

/* One value for the whole deployment: which user sits at a machine is not known when its policy is written. */
static err write_value(struct trust_model *m, struct arena *a)
{
	size_t n = 0;
	for (size_t i = 0; i < m->sights.n; i++)
		n += is_new(m, i) ? m->sights.p[i].host.n + 1 : 0;
	char *p = arena_alloc(a, n + 1);
	ENSURE(p != NULL, CEILING);
	m->value = (str){ p, 0 };
	for (size_t i = 0; i < m->sights.n; i++) {
		if (!is_new(m, i))
			continue;
		if (m->value.n != 0)
			p[m->value.n++] = ',';
		memcpy(p + m->value.n, m->sights.p[i].host.p, m->sights.p[i].host.n);
		m->value.n += m->sights.p[i].host.n;
	}
	return OK;
}

err trust_model(const struct topo *t, struct arena *a, struct trust_model *out)
{
	size_t pools = 0;
	TOPO_EACH (site, t->sites)
		pools += site->pools.n;
	*out = (struct trust_model){ .value = STR("") };
	out->sights.p = arena_alloc(a, (t->sip_domains.n * pools * PLACES + 1) * sizeof *out->sights.p);
	ENSURE(out->sights.p != NULL, CEILING);
	TOPO_EACH (domain, t->sip_domains)
		TRY(add_domain(out, t, a, *domain));
	return write_value(out, a);
}

bool trust_is_wide(str listed)
{
	char z[TRUST_NAME];
	str name = listed.n != 0 && listed.p[0] == '.' ? str_cut(listed, 1, listed.n) : listed;
	if (str_find_char(name, '.') >= name.n || !str_to_z(name, z, sizeof z))
		return true;
	for (char *c = z; *c != '\0'; c++)
		*c = char_lower(*c);
	return psl_is_public_suffix(psl_builtin(), z) != 0;
}
