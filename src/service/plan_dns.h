/* SPDX-License-Identifier: Apache-2.0 */
/* plan_dns - the DNS records that the topology asks for, inside and outside, and zone files with them. Pure. */
#ifndef WITAN_SERVICE_PLAN_DNS_H
#define WITAN_SERVICE_PLAN_DNS_H

#include "model/topo.h"
#include "service/plan_address.h"

enum plan_side { PLAN_INSIDE, PLAN_OUTSIDE, PLAN_SIDE_N };
enum plan_record_type { PLAN_A, PLAN_AAAA, PLAN_CNAME, PLAN_SRV };

struct plan_record {
	enum plan_side side;
	enum plan_record_type type;
	str zone; /* SIP domain or internal domain; empty: in no zone of this topology */
	str name;
	str target;    /* A, AAAA: the host that the address belongs to; else the name it leads to */
	str address;   /* A, AAAA; empty (then the type is A): nobody has said it */
	uint32_t port; /* SRV; priority and weight are 0 */
	const char *rule, *why;
};

/* Something that cannot work, or hardly, as far as the topology shows it. */
struct plan_finding {
	const char *rule; /* "DNS-08" */
	bool is_error;    /* else a warning */
	str subject;
	const char *what, *remedy;
};

struct plan_dns_options {
	bool cname;      /* outside, CNAME instead of addresses where the target is in the same SIP domain */
	str time_server; /* for desk phones; empty: none */
};

struct plan_dns {
	str internal_domain;
	struct {
		struct plan_record *p;
		size_t n, size;
	} records;
	struct {
		struct plan_finding *p;
		size_t n, size;
	} findings;
};

const char *plan_side_word(enum plan_side side); /* "inside" */
bool plan_side_find(str word, enum plan_side *out);
const char *plan_record_word(enum plan_record_type type); /* "SRV" */

/* All records of both sides, each once. Lives in `a`, borrows from t and known. REFUSED with d when a name becomes too
 * long; CEILING by the arena. */
err plan_dns(const struct topo *t, const struct plan_addresses *known, const struct plan_dns_options *options,
	struct arena *a, struct plan_dns *out, struct diag *d);

struct plan_zone_style {
	bool pin_point;          /* inside, each name of a SIP domain is a zone of its own, where DNS is not split */
	str name_server;         /* of SOA and NS; empty: localhost */
	str name_server_address; /* needed where the name server lies in the zone itself; empty: none is written */
	uint32_t serial;
};

/* The names of the zones of one side, in the order of their first record. */
err plan_zones(
	const struct plan_dns *dns, enum plan_side side, bool pin_point, struct arena *a, struct topo_names *out);
/* Appends the zone as a master file (RFC 1035 5); names without a known address are remarks in it. */
void plan_zone_print(const struct plan_dns *dns, enum plan_side side, str zone, const struct plan_zone_style *style,
	struct buf *out);

#endif
