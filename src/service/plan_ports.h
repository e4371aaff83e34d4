/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_ports - who may reach what: the listeners of every host of the topology, who may open connections to them, and
 * packet filter rules for one host. Pure.
 */
#ifndef WITAN_SERVICE_PLAN_PORTS_H
#define WITAN_SERVICE_PLAN_PORTS_H

#include "model/topo.h"
#include "service/plan_address.h"

/* Kinds of units: the roles of pools (enum topo_role), and these. */
enum plan_unit_kind {
	PLAN_REVERSE_PROXY = TOPO_ROLE_N,
	PLAN_GATEWAY,
	PLAN_OFFICE_WEB_APPS,
	PLAN_DATABASE,
	PLAN_UNIT_KIND_N
};

/* Hosts that have the same listeners: a pool, or a single host that is no pool. */
struct plan_unit {
	unsigned kind; /* enum topo_role or enum plan_unit_kind */
	str name;
	struct topo_names hosts;
	const struct topo_site *site;
	const struct topo_pool *pool; /* NULL: it is none */
	const struct topo_reverse_proxy *proxy;
	const struct topo_gateway *gateway;
	uint32_t port; /* of a gateway or database */
};

/* Who is no host of the topology. */
enum plan_group { PLAN_CLIENTS, PLAN_INTERNET, PLAN_ADMINS, PLAN_GROUP_N };

/* Where a listener is: only an Edge has more than one place. */
enum plan_interface { PLAN_ANY, PLAN_INNER, PLAN_ACCESS, PLAN_WEB_CONFERENCING, PLAN_AV };

enum plan_transport { PLAN_TCP = 1 << 0, PLAN_UDP = 1 << 1, PLAN_TCP_UDP = PLAN_TCP | PLAN_UDP };

/* Whether somebody is to answer there. */
enum plan_standing {
	PLAN_STANDS,  /* yes */
	PLAN_MAY,     /* as the administrator likes */
	PLAN_NOT_YET, /* the topology plans it, and this version has no such service */
};

/* Connections that may be opened: from some units and groups to the same ports of all hosts of one unit. */
struct plan_flow {
	const struct plan_unit *to; /* NULL: the Internet, and from is one unit */
	enum plan_interface at;     /* of the listener; with to NULL, where it leaves */
	uint32_t first, last;       /* ports, equal for one */
	enum plan_transport transport;
	const char *service, *protocol, *rule;
	enum plan_standing standing;
	bool balanced; /* web: a balancer may stand before several servers, whatever spreads SIP */
	struct {
		const struct plan_unit **p;
		size_t n;
	} from;
	uint32_t groups; /* set of 1 << enum plan_group */
	str except;      /* the host of `to` that has no such listener; empty: all have it */
};

struct plan_ports {
	struct {
		struct plan_unit *p;
		size_t n;
	} units;
	struct {
		struct plan_flow *p;
		size_t n;
	} flows; /* in the order of the units */
};

const char *plan_unit_word(unsigned kind);               /* "edge", "reverse-proxy" */
const char *plan_group_word(enum plan_group group);      /* "clients" */
const char *plan_interface_word(enum plan_interface at); /* "access", "" */
const char *plan_transport_word(enum plan_transport t);  /* "tcp", "tcp+udp" */
/* Does one side of it lie outside? */
bool plan_flow_is_outside(const struct plan_flow *flow);

/* Whether this version serves somebody by a service (its word in flows) that hosts of a kind listen for. */
bool plan_service_is_built(unsigned kind, enum plan_interface at, const char *service);
/* All of them. Lives in `a`, borrows from t. REFUSED with d: the URL of a store cannot be read; CEILING by the arena.
 */
err plan_ports(const struct topo *t, struct arena *a, struct plan_ports *out, struct diag *d);
/* The unit that a host belongs to; NULL if the topology has no such host. */
const struct plan_unit *plan_ports_find(const struct plan_ports *ports, str host);

/* Whether this host listens there: it is one of those that the flow leads to. */
bool plan_flow_is_at(const struct plan_flow *flow, str host);

/* ---- who can look at what ---- */

/* Where somebody asks from: a host of the topology, or a place where there is none. */
struct plan_origin {
	const struct plan_unit *unit; /* NULL: no host of the topology */
	str host;                     /* which one of the unit; empty without unit */
	uint32_t groups;              /* set of 1 << enum plan_group */
};

/* Edge and reverse proxy: also what leaves them is filtered. */
bool plan_unit_is_border(const struct plan_unit *u);
/* Whether the plan lets who is there open this flow's connections to a host that it leads to. A host reaches itself. What is
 * for the Internet is reached from inside where it stands at a host's only side, and not at the outer sides of an Edge. */
bool plan_origin_reaches(const struct plan_origin *from, const struct plan_flow *flow, str host);
/* Whether the plan lets who is there open TCP connections to this port of hosts in the Internet. From inside nothing is filtered, and
 * nothing said either: false. */
bool plan_origin_leaves(const struct plan_origin *from, const struct plan_ports *ports, uint32_t port);

struct plan_nft {
	const struct topo *topo;
	const struct plan_ports *ports;
	const struct plan_addresses *known;
	struct plan_networks clients, admins;
};

/*
 * Appends rules for nft(8) that let through what is planned for one host and drop the rest: what comes in, and of an
 * Edge or reverse proxy also what goes out. In *missing the names without a known address, whose connections are left
 * out. ABSENT: no such host; REFUSED with d: clients or interfaces of it without addresses.
 */
err plan_nft_print(const struct plan_nft *nft, str host, struct arena *a, struct buf *out, struct topo_names *missing,
	struct diag *d);

#endif
