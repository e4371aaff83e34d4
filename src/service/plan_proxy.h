/* SPDX-License-Identifier: Apache-2.0 */
/* plan_proxy - what a reverse proxy publishes, to whom it passes it, and its configuration for nginx. Pure. */
#ifndef WITAN_SERVICE_PLAN_PROXY_H
#define WITAN_SERVICE_PLAN_PROXY_H

#include "base/mem.h"
#include "model/topo.h"
#include "service/plan_address.h"

#define PLAN_PROXY_ADDRESSES_MAX 16

/* One published name. */
struct plan_publication {
	str name;
	const struct topo_pool *pool; /* that answers it, at its ports for what comes from outside; NULL: farm answers, at 443 */
	const struct topo_office_web_apps *farm;
	bool autodiscover; /* also without TLS (80 -> 8080); challenges of ACME are so for every pool */
	bool plain_only;   /* its certificate has not the name: it is asked over HTTP (secondary-autodiscover: http) */
	bool no_admin;     /* has an address of administration below it, which stays inside */
	const char *what;
};

struct plan_proxy {
	const struct topo_reverse_proxy *proxy;
	struct {
		struct plan_publication *p;
		size_t n;
	} names;
};

/* Files and addresses on the proxy's machine. */
struct plan_proxy_style {
	str certificate, key;                         /* PEM: with chain */
	str trusted;                                  /* PEM: roots that the certificates of the pools are judged by */
	const char *listen[PLAN_PROXY_ADDRESSES_MAX]; /* addresses, IPv6 in brackets */
	size_t n_listen;                              /* 0: all */
};

/* The proxy called fqdn; an empty fqdn: the only one. Lives in `a`. ABSENT or REFUSED with d. */
err plan_proxy(const struct topo *t, str fqdn, struct arena *a, struct plan_proxy *out, struct diag *d);
/* The port of its destination: with TLS, or without. */
uint32_t plan_publication_port(const struct plan_publication *p, bool tls);
/* The destination's name, which its certificate must have. */
str plan_publication_target(const struct plan_publication *p);

/* Appends a file for /etc/nginx/conf.d. Hosts of `known` are dialled by address, others by name. REFUSED with d: a path
 * that cannot stand in it. */
err plan_proxy_print(const struct plan_proxy *p, const struct plan_addresses *known,
	const struct plan_proxy_style *style, struct buf *out, struct diag *d);

#endif
