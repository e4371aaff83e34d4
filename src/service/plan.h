/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - what the topology asks for, from the document alone: which names it gives to whom, which certificates each
 * host has, and why each name is in them. Pure: no file, no clock, no network.
 */
#ifndef WITAN_SERVICE_PLAN_H
#define WITAN_SERVICE_PLAN_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/topo.h"

/* ---- names ---- */

/* Names that follow from the SIP domains. Each list has one entry per SIP domain, in the topology's order. */
struct plan_names {
	struct topo_names sip;          /* sip.DOMAIN */
	struct topo_names sip_internal; /* sipinternal.DOMAIN */
	struct topo_names sip_external; /* sipexternal.DOMAIN */
	struct topo_names meet;         /* host of the domain's Meet URL; with simple-urls: shared always the same */
	struct topo_names autodiscover_inside; /* lyncdiscoverinternal.DOMAIN */
	struct topo_names autodiscover;        /* lyncdiscover.DOMAIN */
	str dialin;                            /* host of the Dialin URL, in the default SIP domain */
	str admin;         /* of the Admin URL: with per-function a host of its own that is known inside only */
	str device_update; /* ucupdates-r2.INTERNAL-DOMAIN */
};

/* Lives in `a`. REFUSED with d when a name becomes too long; CEILING by the arena. */
err plan_names(const struct topo *t, struct arena *a, struct plan_names *out, struct diag *d);

/* "label.domain". REFUSED with d when that is longer than a name may be. */
err plan_name_join(str label, str domain, struct arena *a, str *out, struct diag *d);
bool plan_name_is_within(str name, str domain);

/* The hosts of simple URLs, each once: inside meet, dialin, admin; outside dialin, meet. Borrows from names. */
err plan_simple_url_hosts(const struct plan_names *names, bool outside, struct arena *a, struct topo_names *out);

/* Whether a pool has web services: its role can have them, and it names them ("web"). */
bool plan_has_web(const struct topo_pool *pool);
/* web.internal, or the pool's own name. */
str plan_web_internal(const struct topo_pool *pool);

/* Whether a wildcard ("*.example.com") stands for name: it does for exactly one label. */
bool plan_wildcard_covers(str wildcard, str name);
/* Two sites of the same region; sites that name none are of one. */
bool plan_same_region(const struct topo_site *a, const struct topo_site *b);

struct plan_pools {
	const struct topo_pool **p;
	size_t n;
};

/* The pools that a proxy of the site publishes, in the order of its certificate: Directors first, those of its own
 * region before others, then as the document lists them. Each has an external web name. */
err plan_published(const struct topo *t, const struct topo_site *site, const struct topo_reverse_proxy *proxy,
	struct arena *a, struct plan_pools *out);
/* Whether a proxy of the site publishes the Office Web Apps farms of `farms`: in its own region, and those of regions
 * without a proxy. */
bool plan_publishes_farms(const struct topo *t, const struct topo_site *site, const struct topo_site *farms);

/* ---- rules ---- */

enum plan_rule {
#define RULE(name, ...) PLAN_RULE_##name,
#include "service/plan/plan_rule.def"
#undef RULE
	PLAN_RULE_N
};

struct plan_rule_row {
	const char *id;     /* "E-first" */
	const char *reason; /* a few words */
	const char *text;   /* a sentence */
};

extern const struct plan_rule_row plan_rules[PLAN_RULE_N];

/* ---- certificates ---- */

enum plan_usage {
#define USAGE(name, ...) PLAN_##name,
#include "service/plan/plan_usage.def"
#undef USAGE
	PLAN_USAGE_N
};

struct plan_name {
	str name;
	enum plan_rule rule; /* why it is there */
};

/* One certificate, of one host or of several that share it with its key. */
struct plan_certificate {
	uint32_t usages;               /* set of 1 << enum plan_usage, never empty */
	const char *what;              /* "front-end", "edge", "balancer", "reverse-proxy": what presents it */
	str host;                      /* the first of those that have it; for a balancer the pool's name */
	str pool;                      /* empty: the host is of no pool */
	struct topo_names shared_with; /* the other hosts that have it */
	str cn;                        /* at most 64 octets */
	enum plan_rule cn_rule;
	struct {
		struct plan_name *p;
		size_t n;
	} san; /* in the order they are written, none twice; the first is cn. Empty on the inner side of an Edge. */
	enum topo_key_type key;
	bool client_auth; /* beside serverAuth */
	bool exportable;
	bool public_ca;
	str crl_url;                 /* empty: an external authority states its own */
	str ocsp_url;                /* empty: nobody of ours answers there */
	struct topo_names listeners; /* that present it: "5061/tcp", "access 443/tcp" */
};

struct plan_certificates {
	struct plan_certificate *p;
	size_t n;
};

/* "Default" */
const char *plan_usage_word(enum plan_usage usage);
/* False if there is no such usage; compared without regard to case. */
bool plan_usage_find(str word, enum plan_usage *out);
/* Whether host is one of those that have it. */
bool plan_certificate_is_on(const struct plan_certificate *c, str host);

/* The certificates of the whole deployment, in the topology's order; last the one that signs tokens. Lives in `a`,
 * borrows from t. REFUSED with d when a name becomes too long; CEILING by the arena or when a certificate would have
 * too many names. */
err plan_certificates(const struct topo *t, struct arena *a, struct plan_certificates *out, struct diag *d);
/* The one that a server presents for a usage; ABSENT with d when it has none. */
err plan_certificate_host(const struct topo *t, const struct topo_host *host, enum plan_usage usage, struct arena *a,
	struct plan_certificate *out, struct diag *d);

#endif
