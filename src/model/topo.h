/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topo - the topology document: one YAML file that describes the whole deployment, read into structs. Names are stored
 * in lower case, international ones as A-labels (RFC 5891). Whatever the document leaves out has its default here, so
 * that nobody else knows defaults. The keys are the rows of topo/topo_key.def.
 */
#ifndef WITAN_MODEL_TOPO_H
#define WITAN_MODEL_TOPO_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define TOPO_SIZE_MAX (1u << 20) /* bytes of a document */

enum topo_role {
	TOPO_STANDARD_EDITION,
	TOPO_FRONT_END,
	TOPO_DIRECTOR,
	TOPO_MEDIATION,
	TOPO_PERSISTENT_CHAT,
	TOPO_SURVIVABLE_BRANCH,
	TOPO_TRUSTED_APPLICATION,
	TOPO_EDGE,
	TOPO_ROLE_N
};
enum topo_simple_urls { TOPO_URLS_PER_FUNCTION, TOPO_URLS_PER_DOMAIN, TOPO_URLS_SHARED };
enum topo_autodiscover { TOPO_AUTODISCOVER_HTTPS, TOPO_AUTODISCOVER_HTTP };
enum topo_ca { TOPO_CA_BUILT_IN, TOPO_CA_EXTERNAL };
enum topo_key_type { TOPO_RSA_2048, TOPO_RSA_3072, TOPO_RSA_4096, TOPO_EC_P256, TOPO_EC_P384, TOPO_KEY_TYPE_N };
enum topo_store_kind { TOPO_SQLITE, TOPO_POSTGRESQL };
enum topo_balancer { TOPO_BALANCE_DNS, TOPO_BALANCE_TCP, TOPO_BALANCE_TLS };
enum topo_transport { TOPO_TLS, TOPO_TCP };
enum topo_revocation { TOPO_REVOCATION_OWN, TOPO_REVOCATION_HARD, TOPO_REVOCATION_SOFT };
enum topo_service { TOPO_COLLOCATED_MEDIATION = 1 << 0, TOPO_COLLOCATED_CONFERENCING = 1 << 1 };

/* Where in the document a thing begins, 1-based; 0: the document does not say it. */
struct topo_at {
	uint32_t line, column;
};

struct topo_names {
	str *p;
	size_t n;
};

/* Walks a list of the document: TOPO_EACH (site, topo->sites) ... */
#define TOPO_EACH(item, list) \
	for (__auto_type item = (list).p; (list).n != 0 && item < (list).p + (list).n; item++)

/* Every part begins with its place. A str is empty (n == 0) where the document says nothing and there is no default. */

struct topo_certificates {
	struct topo_at at;
	uint32_t internal_ca, public_ca; /* enum topo_ca */
	uint32_t key;                    /* enum topo_key_type */
	bool hybrid;
	bool include_av_san; /* default: true */
	bool separate_av;
	uint32_t revocation; /* enum topo_revocation */
	str crl_url; /* empty: http://SERVER:PORT/witan.crl */
	uint32_t crl_refresh; /* seconds; 0: no list of another authority is fetched */
};

struct topo_web {
	struct topo_at at;
	str internal, external;
};

struct topo_store {
	struct topo_at at;
	uint32_t kind; /* enum topo_store_kind */
	str url;
};

struct topo_ports {
	struct topo_at at;
	uint32_t sip_tls; /* 5061 */
	uint32_t sip_tcp; /* 0: no such listener */
	uint32_t replica; /* 0: topo_replica_port says */
	uint32_t web;     /* 444: management; 0: no such listener */
	/* of the web services, for pools that topo_has_web; 0: no such listener */
	uint32_t http, https;                   /* 80, 443: inside */
	uint32_t external_http, external_https; /* 8080, 4443: where a reverse proxy sends what comes from outside */
};

struct topo_addresses {
	struct topo_at at;
	str access, web_conferencing, av;
};

struct topo_server {
	struct topo_at at;
	str fqdn;
	str internal_address; /* Edge only, as the next */
	struct topo_addresses external_address;
};

struct topo_external {
	struct topo_at at;
	str access, web_conferencing, av;
	str regional_access; /* where a geographic balancer answers for access */
};

struct topo_pool {
	struct topo_at at;
	str pool;      /* FQDN */
	uint32_t role; /* enum topo_role */
	struct {
		struct topo_server *p;
		size_t n;
	} servers; /* never empty; standard edition: the pool itself */
	struct topo_web web;
	uint32_t collocated; /* set of enum topo_service */
	struct topo_store store;
	str next_hop_edge;
	uint32_t balancer; /* enum topo_balancer */
	bool shared_certificate;
	struct topo_ports ports;
	uint32_t front_processes;      /* SIP processes on each server, at least 1 */
	struct topo_external external; /* Edge only, as all the rest */
	bool single_address;
	str next_hop;
	bool federation;
	struct topo_names xmpp;
	bool public_im;
};

struct topo_reverse_proxy {
	struct topo_at at;
	str fqdn;
	struct topo_names publishes;
	bool wildcard;
};

struct topo_gateway {
	struct topo_at at;
	str fqdn;
	uint32_t port;
	uint32_t transport; /* enum topo_transport */
	str mediation;
};

struct topo_office_web_apps {
	struct topo_at at;
	str internal, external;
};

struct topo_site {
	struct topo_at at;
	str name, region;
	struct {
		struct topo_pool *p;
		size_t n;
	} pools;
	struct {
		struct topo_reverse_proxy *p;
		size_t n;
	} reverse_proxies;
	struct {
		struct topo_gateway *p;
		size_t n;
	} pstn_gateways;
	struct {
		struct topo_office_web_apps *p;
		size_t n;
	} office_web_apps;
};

struct topo_warning {
	struct topo_warning *next;
	struct diag diag;
};

struct topo {
	struct topo_at at;
	str organization;
	struct topo_names sip_domains; /* at least one, the default first */
	str internal_domain;
	uint32_t simple_urls; /* enum topo_simple_urls */
	str simple_url_host;
	str central_management; /* empty: topo_find_central says */
	uint32_t secondary_autodiscover; /* enum topo_autodiscover: of all SIP domains but the default */
	bool device_update, legacy_names;
	struct topo_certificates certificates;
	struct {
		struct topo_site *p;
		size_t n;
	} sites;
	struct topo_warning *warnings; /* what is allowed but hardly meant, in the document's order */
};

/*
 * Reads a document and checks every rule. All of *t lives in `a` (a ceiling of 16 MiB takes every document within
 * TOPO_SIZE_MAX). `file` is what d->where begins with ("topology.yaml"). MALFORMED: not this kind of document; REFUSED:
 * a rule of the topology is broken; CEILING: too large or too deep; d (NULL allowed) says where, why and what to do.
 */
err topo_parse(struct topo *t, struct arena *a, str text, const char *file, struct diag *d);
/* The same from a file; ABSENT or SYSTEM when it cannot be read. */
err topo_read(struct topo *t, struct arena *a, const char *path, struct diag *d);

/* Appends the document in its canonical form: keys in the order of the rows, defaults left out. */
void topo_print(const struct topo *t, struct buf *out);

/* One server of the deployment with the parts it belongs to. */
struct topo_host {
	const struct topo_site *site;
	const struct topo_pool *pool;
	const struct topo_server *server;
};

/*
 * The server called fqdn; with an empty fqdn the only one that signs users in (standard-edition or front-end). ABSENT
 * (with d) if there is none or, for an empty fqdn, more than one.
 */
err topo_find_host(const struct topo *t, str fqdn, struct topo_host *out, struct diag *d);
/* The server that a deployment directory is: the one that the file `path` there names, in a line; without such a file as
 * topo_find_host of an empty name. MALFORMED, SYSTEM or ABSENT with d. */
err topo_read_host(const struct topo *t, const char *path, struct topo_host *out, struct diag *d);
/* The server of the central store, which alone may be changed; all others have copies of it. ABSENT: no server signs users in. */
err topo_find_central(const struct topo *t, struct topo_host *out);
/* Where a server of this pool listens for the central store, unless it is that itself. */
uint16_t topo_replica_port(const struct topo_pool *pool);
/* Servers of all pools together. */
size_t topo_count_servers(const struct topo *t);
/* The Edge pool that other organisations are reached by, and reach: there is one federation route. NULL: none. */
const struct topo_pool *topo_federation_edge(const struct topo *t);
/* NULL if there is none. */
const struct topo_pool *topo_find_pool(const struct topo *t, str fqdn);
/* Whether the pool's servers have web services: for other roles their ports mean nothing. */
bool topo_has_web(const struct topo_pool *pool);

/* A gateway to the telephone network that is attached to our pool, in a set of roles. */
#define TOPO_GATEWAY_BIT (1u << TOPO_ROLE_N)

/* A name by which another server proves itself, and what it is: set of 1 << enum topo_role, and the bit above. A gateway that is
 * attached to another pool has none: it may be dialled, but has no business here. */
struct topo_peer {
	str name;
	uint32_t roles;
	const struct topo_pool *edge; /* the pool, if it is an Edge's; else NULL */
};

struct topo_peers {
	struct topo_peer *p;
	size_t n;
};

/*
 * The other servers of this topology, seen from `self`: every pool, server and TLS gateway but self's own server, each name once.
 * Lives in `a`. CEILING by the arena.
 */
err topo_peers(const struct topo *t, str self, struct arena *a, struct topo_peers *out);

/* Where people outside reach the Edges of a pool: beside its name external.access. */
uint32_t topo_client_port(const struct topo_pool *edge);

/* The word of the document for a value: "standard-edition", "rsa-2048". */
const char *topo_role_word(enum topo_role role);
const char *topo_key_type_word(enum topo_key_type type);
/* False if there is no such word. */
bool topo_key_type_find(str word, enum topo_key_type *out);

/*
 * A DNS name as this system stores it: lower case, A-labels, no dot at the end. MALFORMED with d (where is left to the
 * caller) for an empty or too long label or name (63, 253 octets), a wildcard, or a character outside letters, digits,
 * hyphen.
 */
err topo_name(str given, struct arena *a, str *out, struct diag *d);

#endif
