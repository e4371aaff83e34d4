/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_ROUTE_PRIV_H
#define WITAN_SERVICE_ROUTE_PRIV_H

#include "service/route.h"

#define ROUTE_TARGETS    64     /* contacts that one request may be forked to; MaxEndpointsPerUser is far below */
#define ROUTE_BREADTH    60     /* Max-Breadth that a request begins with (RFC 5393 5.3.3.1) */
#define ROUTE_TIMER_C    185000 /* ms, more than three minutes (RFC 3261 16.6 step 11) */
#define ROUTE_TOKEN_SIZE 60     /* characters of a flow token */
#define ROUTE_TAIL       16     /* characters of the loop hash at the end of our branches */

struct route {
	struct route_config c;
};

/* What Route and Request-URI say, before anything is done about it. */
struct route_way {
	struct flow flow;     /* of the other side of a dialog, when by_token */
	bool by_token;
	bool is_server;       /* the Request-URI names this server itself: no user */
	bool is_gruu;
	bool is_foreign;      /* a domain that is none of ours */
	bool leads_elsewhere; /* the first Route value that is not ours names a stranger */
	unsigned own_routes;  /* how many of the first Route values are ours */
	str request_uri;      /* as it goes on: the last Route value for a strict router before us (16.4) */
	struct uri uri;
	struct uri onward;    /* the first Route value that is not ours, when leads_elsewhere */
};

err route_way(const struct route *s, const struct request *r, struct route_way *w, str *target);
/* Is it a name that we write into messages: this server's, or one by which people outside find us? */
bool route_is_own_name(const struct route *s, str host);

/* The two flows of a dialog as text that only we can have written: the one that the first request came over, and the one that it
 * went out by. from_tag (the first request's) tells later which side speaks, even after it has connected anew. */
void route_token_print(const struct route *s, const struct flow *a, const struct flow *b, str from_tag, char out[ROUTE_TOKEN_SIZE]);
/* The flow of the side that did not send a request with this From tag; false: not a token of ours. */
bool route_token_read(const struct route *s, str token, str from_tag, struct flow *other);

/* RFC 5393 4.2.2: a hash of everything that decides where the request goes; in the branch of each Via of ours. */
void route_loop_hash(const struct route *s, const struct request *r, char out[ROUTE_TAIL]);
bool route_is_loop(const struct route *s, const struct request *r);

/* One place to send a request to. */
struct route_hop {
	str request_uri;
	str path;         /* route set that the registration asked for; empty without */
	struct flow flow;
	unsigned breadth; /* Max-Breadth to hand on; 0: the request had none and needs none */
};

/* The copy of a request for one hop (16.6 steps 1 to 6), without our Via; it goes into a. */
err route_copy(const struct route *s, const struct request *r, const struct route_way *w, const struct route_hop *hop,
	struct arena *a, struct sip_out *o);

/* An answer to relay, made from the one that came: without our Via, and without identities that a client asserts. failed_one: the
 * request, when the answer says why it has failed; NULL. */
err route_relay(struct txn *server, struct inbound *in, str start, const struct request *failed_one);

/* Sends the request where the door leads. gone: as the door has it. */
err route_onward(struct route *s, struct request *r, const struct route_way *w, const struct flow *gone);

/* Sends the request to all its targets by their order, and the best answer back (16.7). */
err route_fork(struct route *s, struct request *r, const struct route_way *w, const struct reg_target *targets, size_t n);

#endif
