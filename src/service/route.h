/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route - where does a request go? The stateful forking proxy of RFC 3261 16 with RFC 5393 (loops), RFC 5626 (flows
 * instead of addresses: nothing is ever dialled to a client), RFC 3327 (Path), RFC 5627 (GRUUs) and RFC 3325 (identity).
 *
 * Dialogs stay on the flows they began on: our Record-Route names both flows, sealed by a MAC.
 */
#ifndef WITAN_SERVICE_ROUTE_H
#define WITAN_SERVICE_ROUTE_H

#include "base/crypt.h"
#include "base/log.h"
#include "base/meter.h"
#include "engine/stage.h"
#include "service/reg.h"
#include "service/user.h"

struct route;

typedef void route_found_fn(void *found_arg, err e, const struct flow *flow);

/* The ways to other servers: the role knows them. Both may be NULL: there are none. */
struct route_door {
	/*
	 * For a request that is for nobody at home here: finds or makes a connection (RFC 3263, with failover) to where it goes next, and calls
	 * found(found_arg, e, flow) in a later turn. u: its Request-URI. gone: NULL; or, within a dialog, the flow of the other side, which has
	 * ended; then u is the next Route value, if there is one. Answers at once, without calling found, when it cannot even try: SIP_FORBIDDEN: it goes
	 * nowhere. ABSENT: there is no other way than the flow that has ended.
	 */
	err (*lead)(void *arg, const struct request *r, const struct uri *u, const struct flow *gone, route_found_fn *found, void *found_arg);
	/* Has the connection of this flow not ended, as far as this process knows? */
	bool (*is_up)(void *arg, const struct flow *flow);
};

struct route_config {
	struct crypt *crypt;         /* its MAC key must be the same in all front processes */
	const struct users *users;   /* of a server where nobody signs in: the domains alone */
	struct reg *reg;             /* NULL there: whatever is for a user is led on by the door */
	struct txns *txns;
	str fqdn;                    /* must outlive route, like the users' domains */
	uint16_t port_tls, port_tcp; /* 0: no such listener */
	const struct flow_ways *ways; /* from outside; NULL: none. Must outlive route */
	uint16_t front, n_fronts;
	uint64_t home_k0, home_k1;   /* the same in all front processes: who is at home where */
	err (*send)(void *arg, const struct flow *to, uint64_t request, str bytes);
	struct route_door door;
	/* The flow over which the home of a user takes requests of this server. NULL: every user is at home here. */
	struct flow (*home_flow)(void *arg, str aor);
	/* Looks at a response before it is relayed, and may change in->msg; false: it is not passed on. NULL: all are. */
	bool (*pass)(void *arg, struct inbound *in);
	void *arg;
	struct log *log;
	struct meter *meter;
};

err route_new(const struct route_config *config, struct route **out);
/* The ports that the server listens at from now on; 0: none. */
void route_set_ports(struct route *s, uint16_t tls, uint16_t tcp);
void route_free(struct route *s);

/* The process that an address of record is at home in. */
uint16_t route_home_of(const struct route *s, str aor);
/*
 * Looks at Route and Request-URI: sets r->target and answers the process that must deal with the request: the home of its
 * target, or this one for what needs no home (dialogs, requests to the server itself, what will be refused).
 * MALFORMED: a GRUU or an address that cannot be read.
 */
err route_home(struct route *s, struct request *r, uint16_t *front);

/* The stage for everything that no earlier stage took, and for ACK (RFC 3261 16.3 to 16.11). */
err route_stage(void *state, struct request *r, enum stage_verdict *v);

#endif
