/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of plan_certificate.def, and what a certificate becomes by one. */
#include "service/plan/plan_priv.h"

#define SOURCES_MAX 16

/* ---- when a row is for a place ---- */

static bool always(const struct planning *p)
{
	return true;
}

static bool has_web(const struct planning *p)
{
	return plan_has_web(p->at.pool);
}

static bool has_web_outside(const struct planning *p)
{
	return p->at.pool->web.external.n != 0;
}

static bool is_shared(const struct planning *p)
{
	return p->at.pool->shared_certificate;
}

static bool is_shared_with_web(const struct planning *p)
{
	return is_shared(p) && has_web(p);
}

static bool is_shared_alone(const struct planning *p)
{
	return is_shared(p) && !has_web(p);
}

static bool is_own(const struct planning *p)
{
	return !is_shared(p);
}

static bool has_own_web(const struct planning *p)
{
	return is_own(p) && has_web(p);
}

static bool has_own_web_outside(const struct planning *p)
{
	return is_own(p) && has_web_outside(p);
}

/* Where pool and server are one name there is nothing before the server. */
static bool ends_tls(const struct planning *p)
{
	const struct topo_pool *pool = p->at.pool;
	return pool->balancer == TOPO_BALANCE_TLS && !str_eq(pool->pool, pool->servers.p[0].fqdn);
}

static bool ends_tls_with_web(const struct planning *p)
{
	return ends_tls(p) && has_web(p);
}

static bool ends_tls_alone(const struct planning *p)
{
	return ends_tls(p) && !has_web(p);
}

static bool is_hybrid(const struct planning *p)
{
	return p->hybrid != NULL && plan_hybrid_has_proxies(p, p->at.pool);
}

static bool is_own_edge(const struct planning *p)
{
	return !is_hybrid(p);
}

static bool has_separate_av(const struct planning *p)
{
	return p->topo->certificates.separate_av;
}

static bool is_own_proxy(const struct planning *p)
{
	return plan_hybrid_edge(p, p->at.site) == NULL;
}

static bool speaks_tls(const struct planning *p)
{
	return p->at.gateway->transport == TOPO_TLS;
}

/* Web services are what asks for tokens and takes them. */
static bool has_signers(const struct planning *p)
{
	TOPO_EACH (site, p->topo->sites)
		TOPO_EACH (pool, site->pools)
			if (plan_has_web(pool))
				return true;
	return false;
}

/* ---- rows ---- */

struct plan_row {
	enum plan_subject subject;
	uint32_t roles; /* set of 1 << enum topo_role */
	bool (*when)(const struct planning *p);
	uint32_t usages;
	struct {
		plan_source *add;
		enum plan_rule rule;
	} names[SOURCES_MAX];
	bool exportable, is_public, has_public_im, common_name_only;
};

#define ROLE(name)    (1u << TOPO_##name)
#define ROLES_POOL    (ROLE(FRONT_END) | ROLE(DIRECTOR))
#define ROLES_SERVICE (ROLE(MEDIATION) | ROLE(PERSISTENT_CHAT) | ROLE(TRUSTED_APPLICATION))

#define USE(name) (1u << PLAN_##name)
#define USE_ALL   (USE(DEFAULT) | USE(WEB_SERVICES_INTERNAL) | USE(WEB_SERVICES_EXTERNAL))
#define USE_EDGE \
	(USE(ACCESS_EDGE_EXTERNAL) | USE(DATA_EDGE_EXTERNAL) | USE(AUDIO_VIDEO_AUTHENTICATION) | USE(XMPP_SERVER))

#define NAME(source, rule) { plan_source_##source, PLAN_RULE_##rule },
/* What a pool as a whole goes by, and its web services. */
#define NAMES_POOL(rule) NAME(pool, rule) NAME(members, I_MEMBER) NAME(sip, G20) NAME(sip_internal, G19)
#define NAMES_WEB                                                                                            \
	NAME(web_internal, W_INT)                                                                            \
	NAME(meet, W_MEET) NAME(dialin, W_DIALIN) NAME(admin, W_ADMIN) NAME(autodiscover_inside, W_AUTO_INT) \
		NAME(autodiscover, W_AUTO) NAME(update, W_UPDATE) NAME(web_external, W_EXT)
#define NAMES_EDGE                                                                                                 \
	NAME(access, E_FIRST)                                                                                      \
	NAME(regional, E_GEO) NAME(web_conferencing, E_WEBCONF) NAME(av, E_AV) NAME(xmpp, E_XMPP) NAME(sip, E_SIP) \
		NAME(sip_external, G19)
/* What a proxy needs beside the pools' names; wildcards may stand for it. */
#define NAMES_PROXY \
	NAME(dialin, W_DIALIN) NAME(meet, W_MEET) NAME(public_autodiscover, W_AUTO) NAME(published_farms, A_EXT)

static const struct plan_row rows[] = {
#define PLAN(subject, ...) { PLAN_OF_##subject, __VA_ARGS__ },
#include "service/plan/plan_certificate.def"
#undef PLAN
};

static bool row_fits(const struct plan_row *row, const struct planning *p, enum plan_subject subject)
{
	if (row->subject != subject || (row->roles != 0 && (row->roles & 1u << p->at.pool->role) == 0))
		return false;
	return row->when(p);
}

const struct plan_row *plan_row_find(const struct plan_row *after, const struct planning *p, enum plan_subject subject)
{
	for (const struct plan_row *row = after != NULL ? after + 1 : rows; row < rows + sizeof rows / sizeof *rows;
		row++)
		if (row_fits(row, p, subject))
			return row;
	return NULL;
}

/* ---- one certificate ---- */

uint32_t plan_row_usages(const struct plan_row *row, const struct planning *p)
{
	const struct topo_pool *pool = p->at.pool;
	uint32_t usages = row->usages;
	if (pool == NULL)
		return usages;
	if (pool->role != TOPO_EDGE && pool->web.external.n == 0)
		usages &= ~USE(WEB_SERVICES_EXTERNAL);
	if (pool->xmpp.n == 0)
		usages &= ~USE(XMPP_SERVER);
	if (p->topo->certificates.separate_av && (usages & USE(ACCESS_EDGE_EXTERNAL)) != 0)
		usages &= ~USE(AUDIO_VIDEO_AUTHENTICATION);
	return usages;
}

static err set_names(const struct plan_row *row, struct planning *p, struct plan_certificate *out)
{
	struct plan_list *list = p->list;
	plan_list_reset(list);
	for (size_t i = 0; i < SOURCES_MAX && row->names[i].add != NULL; i++) {
		p->rule = row->names[i].rule;
		TRY(row->names[i].add(p));
	}
	ASSERT(list->n > 0);
	out->cn = list->p[0].name;
	out->cn_rule = list->p[0].rule;
	if (out->cn.n > PLAN_COMMON_MAX)
		return diag_fail(p->diag, ERR(REFUSED), "topology.yaml", "choose a shorter name",
			"\"%.*s\" has %zu octets; a common name has at most %d", STR_FMT(str_cut(out->cn, 0, 100)),
			out->cn.n, PLAN_COMMON_MAX);
	if (row->common_name_only)
		return OK;
	out->san.p = arena_alloc(p->arena, list->n * sizeof *list->p);
	ENSURE(out->san.p != NULL, CEILING);
	memcpy(out->san.p, list->p, list->n * sizeof *list->p);
	out->san.n = list->n;
	return OK;
}

/* An authority outside states where its own list of revoked certificates is. */
static void set_urls(const struct planning *p, struct plan_certificate *out)
{
	const struct topo_certificates *c = &p->topo->certificates;
	if ((out->public_ca ? c->public_ca : c->internal_ca) == TOPO_CA_EXTERNAL)
		return;
	out->crl_url = p->crl_url;
	out->ocsp_url = p->ocsp_url;
}

/* Whatever several hosts have must be able to leave the first (rule G11). */
err plan_row_make(const struct plan_row *row, struct planning *p, struct plan_certificate *out)
{
	const struct topo_pool *pool = p->at.pool;
	*out = (struct plan_certificate){ .usages = plan_row_usages(row, p),
		.pool = pool != NULL ? pool->pool : STR(""),
		.key = (enum topo_key_type)p->topo->certificates.key,
		.client_auth = row->has_public_im && pool->public_im,
		.public_ca = row->is_public };
	TRY(plan_hosts(p, row->subject, out));
	TRY(set_names(row, p, out));
	out->exportable = row->exportable || out->shared_with.n != 0;
	set_urls(p, out);
	return plan_listeners(p, row->subject, out->usages, &out->listeners);
}
