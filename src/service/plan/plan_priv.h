/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of service/plan: names (plan_name), certificates (plan.c walks the topology, plan_row has
 * the rows of plan_certificate.def), where the names in them come from (plan_source), who has them (plan_host), what
 * listens with them (plan_listener), and hybrid ones (plan_hybrid). */
#ifndef WITAN_SERVICE_PLAN_PRIV_H
#define WITAN_SERVICE_PLAN_PRIV_H

#include "service/plan.h"

#define PLAN_NAMES_MAX  1000 /* in one certificate */
#define PLAN_COMMON_MAX 64   /* octets of a common name (RFC 5280 A.1) */

/* What a certificate can be of. */
enum plan_subject {
	PLAN_OF_SERVER,   /* each server of a pool */
	PLAN_OF_POOL,     /* all servers of a pool together */
	PLAN_OF_BALANCER, /* the balancer before a pool */
	PLAN_OF_PROXY,
	PLAN_OF_GATEWAY,
	PLAN_OF_FARM,
	PLAN_OF_DEPLOYMENT,
};

/* Where in the topology a certificate belongs; what it has no part in is NULL. */
struct plan_place {
	const struct topo_site *site;
	const struct topo_pool *pool;
	const struct topo_server *server;
	const struct topo_reverse_proxy *proxy;
	const struct topo_gateway *gateway;
	const struct topo_office_web_apps *farm;
};

/* The names of the certificate that is being made, and where each stands: found by its hash, forgotten by the next
 * number. */
struct plan_list {
	struct plan_name p[PLAN_NAMES_MAX];
	size_t n, n_wild; /* how many, and how many of them are wildcards, */
	size_t wild;      /* the first of which is here */
	struct {
		uint32_t number, at;
	} slots[4096]; /* a power of two, several times PLAN_NAMES_MAX */
	uint32_t number;
};

struct planning {
	const struct topo *topo;
	struct arena *arena;
	struct diag *diag;
	struct plan_names names;
	str crl_url; /* of the list of revoked certificates of our own CA */
	str ocsp_url; /* of who answers for it: where the list is served by us; else empty */
	const struct topo_pool *
		*hybrid; /* for each site the Edge pool whose certificate its proxies have; NULL without hybrid */
	struct plan_place at;
	enum plan_rule rule; /* of the name source that is being asked */
	struct plan_list *list;
};

/* ---- where names come from (plan_source.c) ---- */

/* A name source: adds what it knows for p->at to p->list by p->rule. */
typedef err plan_source(struct planning *p);

plan_source plan_source_server, plan_source_pool, plan_source_members, plan_source_sip, plan_source_sip_internal,
	plan_source_sip_external;
plan_source plan_source_web_internal, plan_source_web_external, plan_source_meet, plan_source_dialin, plan_source_admin;
plan_source plan_source_autodiscover_inside, plan_source_autodiscover, plan_source_public_autodiscover,
	plan_source_update;
plan_source plan_source_access, plan_source_regional, plan_source_web_conferencing, plan_source_av, plan_source_own_av,
	plan_source_xmpp;
plan_source plan_source_first_published, plan_source_published, plan_source_wildcards, plan_source_published_farms;
plan_source plan_source_gateway, plan_source_farm, plan_source_farm_external, plan_source_default_domain,
	plan_source_domains;

/* Forgets the names. */
void plan_list_reset(struct plan_list *list);

/* ---- rows (plan_row.c) ---- */

struct plan_row;

/* The next row for p->at as this subject; NULL: no more. */
const struct plan_row *plan_row_find(const struct plan_row *after, const struct planning *p, enum plan_subject subject);
/* A row's usages without those that p->at has nothing for. */
uint32_t plan_row_usages(const struct plan_row *row, const struct planning *p);
err plan_row_make(const struct plan_row *row, struct planning *p, struct plan_certificate *out);

/* ---- who has it (plan_host.c) ---- */

/* Sets host, shared_with and what, by out->usages. */
err plan_hosts(const struct planning *p, enum plan_subject subject, struct plan_certificate *out);

/* ---- hybrid certificates (plan_hybrid.c) ---- */

/* Finds the Edge pool of each site's proxies. */
err plan_hybrid_init(struct planning *p);
/* NULL: they have certificates of their own. */
const struct topo_pool *plan_hybrid_edge(const struct planning *p, const struct topo_site *site);
/* Whether proxies have this Edge pool's certificate. */
bool plan_hybrid_has_proxies(const struct planning *p, const struct topo_pool *edge);

/* ---- listeners (plan_listener.c) ---- */

err plan_listeners(const struct planning *p, enum plan_subject subject, uint32_t usages, struct topo_names *out);

#endif
