/* SPDX-License-Identifier: Apache-2.0 */
/* Names that follow from the topology, and which pool answers for them. */
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

/* A host of the simple URLs: meetings, dial-in page, administration. */
struct plan_url {
	str name;
	const char *what;
	bool inside_only; /* nothing but administration */
};

struct plan_urls {
	struct plan_url *p;
	size_t n;
};

/* "label.domain". REFUSED with d when that is longer than a name may be. */
err plan_door_name(struct arena *a, const char *label, str domain, str *out, struct diag *d);
bool plan_name_is_within(str name, str domain);

bool plan_pool_is_front(const struct topo_pool *pool); /* signs users in: standard-edition, front-end */
bool plan_pool_has_web(const struct topo_pool *pool);  /* and the Director */
str plan_pool_web(const struct topo_pool *pool);       /* the name of its web services inside */
/* Is `pool` one that reaches the outside by this Edge pool? */
bool plan_pool_uses_edge(const struct topo *t, const struct topo_pool *pool, const struct topo_pool *edge);
bool plan_proxy_publishes(const struct topo_reverse_proxy *proxy, const struct topo_pool *pool);
/* Do the proxies of `site` publish this farm? Its own site's, or all where its site has none. */
bool plan_site_publishes(const struct topo_site *site, const struct topo_site *of_farm);
/* The pool whose servers keep and push the configuration: the first that signs users in; NULL if there is none. */
const struct topo_pool *plan_central_pool(const struct topo *t);

/* One for each region that has a pool with web services. */
err plan_doors(const struct topo *t, struct arena *a, struct plan_doors *out);
/* By the topology's option (per-function, per-domain, shared). */
err plan_urls(const struct topo *t, struct arena *a, struct plan_urls *out, struct diag *d);

#endif
