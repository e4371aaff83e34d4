/* SPDX-License-Identifier: Apache-2.0 */
/* How records come about: shared by the files that say which. */
#ifndef WITAN_SERVICE_PLAN_DNS_PRIV_H
#define WITAN_SERVICE_PLAN_DNS_PRIV_H

#include "service/plan_dns.h"

#include "base/map.h"
#include "service/plan.h"
#include "service/plan/plan_door.h"

struct naming {
	const struct topo *topo;
	const struct plan_addresses *known;
	const struct plan_dns_options *options;
	struct arena *arena;
	struct diag *diag;
	struct plan_dns *out;
	struct plan_names names;
	struct plan_doors doors;
	struct map seen; /* of struct naming_seen: each record once */
	/* what the record that is being made gets */
	enum plan_side side;
	const char *rule, *why;
};

str naming_seen_key(const struct map_node *node);
err naming_add(struct naming *n, enum plan_record_type type, str name, str target, str address, uint32_t port);
/* A and AAAA: the addresses known of `host`, or one that is missing. */
err naming_add_host(struct naming *n, str name, str host);
/* The addresses given for `host`, if there are any: then *found. */
err naming_add_known(struct naming *n, str name, str host, bool *found);
/* Every server of a pool, or its balancer. */
err naming_add_pool(struct naming *n, str name, const struct topo_pool *pool);
/* The web services of a pool inside; none where it names none. */
err naming_add_web(struct naming *n, str name, const struct topo_pool *pool);
/* The outer side of the reverse proxies that publish the pool. */
err naming_add_published(struct naming *n, str name, const struct topo_pool *pool);
/* A service of an Edge pool outside: offset of its name in struct topo_external and of its address in struct
 * topo_addresses. */
err naming_add_edge(struct naming *n, str name, const struct topo_pool *edge, size_t service, size_t address);
#define NAMING_EDGE_AT(service, address) offsetof(struct topo_external, service), offsetof(struct topo_addresses, address)
#define NAMING_EDGE(service)             NAMING_EDGE_AT(service, service)

err naming_find(struct naming *n, const char *rule, bool is_error, str subject, const char *what, const char *remedy);

/* plan_dns_check.c: what is wrong as far as the topology shows it. */
err naming_check(struct naming *n);

#endif
