/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_address - addresses of hosts that the topology names but does not locate, as an administrator gives them; and
 * networks. Pure.
 */
#ifndef WITAN_SERVICE_PLAN_ADDRESS_H
#define WITAN_SERVICE_PLAN_ADDRESS_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define PLAN_ADDRESSES_SIZE_MAX (1u << 20) /* bytes of a file of addresses */
#define PLAN_ADDRESSES_MAX      20000u     /* names with an address */
#define PLAN_NETWORKS_MAX       100u

struct plan_address {
	str name;     /* lower case */
	str address;  /* canonical: "192.0.2.1", "2001:db8::1" */
	size_t place; /* the how many-th it was */
};

/* Sorted by name; of one name in the order they were given. Empty: { 0 }. */
struct plan_addresses {
	struct plan_address *p;
	size_t n, size;
};

struct plan_network {
	str text; /* canonical: "10.0.0.0/8" */
	bool is_v6;
};

struct plan_networks {
	struct plan_network *p;
	size_t n;
};

/* IPv4 or IPv6, without brackets. */
bool plan_address_is(str s);

static inline bool plan_address_is_v6(str address)
{
	return str_find_char(address, ':') < address.n;
}

/*
 * Adds the lines of a file: "NAME ADDRESS...", or "ADDRESS NAME..." as in hosts(5); after # a remark. A name may stand
 * several times. All of it lives in `a`. MALFORMED with d (`file` and the line); CEILING: too many.
 */
err plan_addresses_parse(struct plan_addresses *to, struct arena *a, str text, const char *file, struct diag *d);
/* Adds "NAME=ADDRESS". MALFORMED with d. */
err plan_addresses_add(struct plan_addresses *to, struct arena *a, str pair, struct diag *d);
/* The first address of a name, in *n how many follow one another from there; NULL if there is none. */
const struct plan_address *plan_addresses_find(const struct plan_addresses *in, str name, size_t *n);

/* Adds a network, "10.0.0.0/8" or "2001:db8::/32"; a plain address is a network of one. MALFORMED or CEILING with d. */
err plan_networks_add(struct plan_networks *to, struct arena *a, str given, struct diag *d);
/* Whether an address lies in one of them; what is no address lies in none. */
bool plan_networks_has(const struct plan_networks *in, str address);

#endif
