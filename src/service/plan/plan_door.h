/* SPDX-License-Identifier: Apache-2.0 */
/* Which pool answers for the names that the whole deployment has. */
#ifndef WITAN_SERVICE_PLAN_DOOR_H
#define WITAN_SERVICE_PLAN_DOOR_H

#include "model/topo.h"

/* Where clients of one region come in. */
struct plan_door {
	str region;                   /* empty: the whole deployment */
	const struct topo_pool *pool; /* a Director pool, else the first that signs users in */
	const struct topo_pool *edge; /* NULL: none */
};

struct plan_doors {
	struct plan_door *p;
	size_t n;
};

bool plan_pool_is_front(const struct topo_pool *pool); /* signs users in: standard-edition, front-end */
/* Is `pool` one that reaches the outside by this Edge pool? */
bool plan_pool_uses_edge(const struct topo *t, const struct topo_pool *pool, const struct topo_pool *edge);
bool plan_proxy_publishes(const struct topo_reverse_proxy *proxy, const struct topo_pool *pool);
/* The pool whose servers keep and push the configuration: the first that signs users in; NULL if there is none. */
const struct topo_pool *plan_central_pool(const struct topo *t);

/* One for each region that has a pool where users come in. */
err plan_doors(const struct topo *t, struct arena *a, struct plan_doors *out);

#endif
