/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_EDGE_PRIV_H
#define WITAN_ROLE_EDGE_PRIV_H

#include "engine/conn.h"
#include "base/crypt.h"
#include "engine/hop.h"
#include "engine/link.h"
#include "engine/pair.h"
#include "engine/stage.h"
#include "model/config.h"
#include "os/tls.h"
#include "role/edge.h"
#include "role/identity.h"
#include "service/guard.h"
#include "service/fed.h"
#include "service/hiding.h"
#include "service/peer.h"
#include "service/route.h"
#include "service/script.h"
#include "service/user.h"

struct edge;

enum { EDGE_INSIDE, EDGE_OUTSIDE, EDGE_SIDES };

/* What is known of a side beforehand. */
struct edge_side_row {
	const char *transport; /* as master calls its listeners */
	const char *usage;     /* of the certificate that it presents */
	enum identity_asks asks;
};
extern const struct edge_side_row edge_side_rows[EDGE_SIDES];

struct edge_side {
	struct edge *edge;
	const struct edge_side_row *row;
	struct conns *conns;
	struct tls_server *tls; /* NULL: nothing to present yet, so nobody is taken */
	struct answers answers;
};

/* A descriptor that came before the sides were there. */
struct edge_early {
	char name[16]; /* the other process, or the transport */
	unsigned number;
	int fd;
	bool is_listener;
};

struct edge {
	struct skel *skel;
	struct identity *identity;
	struct peers *peers;
	struct users *domains; /* of nobody: an Edge knows which domains are ours, and no users */
	struct dns *dns;
	struct guard *guard;   /* of the outer side */
	str next_host;         /* the pool inside that requests go to */
	uint16_t next_port;
	struct config config;
	struct ipc *vault;
	struct edge_side sides[EDGE_SIDES];
	struct edge_early early[8];
	unsigned n_early;
	bool has_sides;
	uint64_t tag_k0, tag_k1;
	/* federation (edge_trunk.c) */
	struct fed *fed;
	struct fed_settings unlisted; /* what vault told of those in no list */
	char default_route[FED_NAME];
	struct crypt *crypt;
	struct hiding *hiding;
	struct flow_ways ways; /* one: our name outside */
	struct txns *txns;
	struct route *route;
	struct links *links[EDGE_SIDES];
	struct answers trunk_answers;
	struct scripts *scripts;
	struct list tests; /* edge_try.c */
	size_t n_tests;
};

/* edge_guard.c: what the guard is told of the outer side */
struct edge_attempt {
	uint32_t cseq;
	uint8_t n; /* of name; 0: none is under way */
	char name[GUARD_NAME];
};
err edge_guard_open(struct edge *e);
void edge_guard_apply(struct edge *e);
/* A ban that vault knows of, or (until_ms 0) has taken back. */
err edge_guard_ban(struct edge *e, str body);
/* Does the request try a password, and by which name? */
bool edge_guard_read(const struct sip_msg *m, struct arena *a, struct edge_attempt *out);
/* What came of it. */
void edge_guard_answered(struct edge *e, const struct sip_msg *m, const struct addr *client, struct edge_attempt *t);
/* Anything that is no client at all. */
err edge_guard_request(struct edge *e, const struct inbound *in, const struct addr *client);

/* edge_client.c: people of ours outside */

/* A request over a connection outside: passed on, or an error that says why not. */
err edge_client_request(struct edge *e, struct conn *conn, struct inbound *in);
void edge_client_response(struct conn *conn, const struct inbound *in);
/* A message over the connection inside of one who is outside. */
void edge_client_outward(struct conn *inner, struct inbound *in);

/*
 * edge_trunk.c: between servers of ours and partners. A connection is a trunk if it is inside and not one of a remote client, or outside and its
 * peer has proven which server it is.
 */
bool edge_is_trunk(const struct conn *c);
err edge_trunk_open(struct edge *e);
err edge_trunk_start(struct edge *e);
void edge_trunk_accepted(struct edge_side *s, struct conn *c);
void edge_trunk_message(struct edge_side *s, struct conn *c, struct inbound *in);
/* True: it is a connection of ours to another server. */
bool edge_trunk_up(struct edge_side *s, struct conn *c);
void edge_trunk_gone(struct edge_side *s, struct conn *c);
void edge_trunk_apply(struct edge *e);
err edge_trunk_partner(struct edge *e, str body);

/* edge_fed.c: what may pass between them, and where to */
extern const struct stage edge_stages[];
err edge_txn_stage(void *state, struct request *r, enum stage_verdict *v); /* edge_trunk.c */
#define EDGE_STAGE_PASSED 2 /* where a request goes on whose partner was proven by DNS */
err edge_fed_stage(void *state, struct request *r, enum stage_verdict *v);
/* The field by which the inside knows whose a request is. Empty: of nobody who may pass. */
str edge_fed_mark(const struct edge *e, const struct sip_msg *m, struct arena *a);
/* An answer that goes out to a partner. */
void edge_fed_answered(struct edge *e, const struct sip_msg *m);
/* May the server that DNS names be the access proxy of the domain? */
bool edge_fed_is_proxy(const struct edge *e, str domain, str host);
/* The name at which DNS is asked for the servers of a domain; false: too long. */
bool edge_fed_service(str domain, char out[DNS_NAME_MAX + 1]);
/* Domains that the peer of a connection has proven; freed with it. */
void edge_fed_forget(struct conn *c);

/* edge_script.c */
err edge_script_open(struct edge *e);
err edge_script_stage(void *state, struct request *r, enum stage_verdict *v);
/* The door for answers; false: this one does not go on. */
bool edge_script_response(void *arg, struct inbound *in);
err edge_script_take(struct edge *e, str body);

/* edge_way.c */
extern const struct route_door edge_door;

/* edge_try.c: what vault asks about partners */
err edge_try_ask(struct edge *e, str body);
/* True: the connection is one of a test. */
bool edge_try_up(struct edge *e, struct conn *c);
void edge_try_gone(struct edge *e, struct conn *c);

/* edge_side.c */
err edge_side_init(struct edge_side *s, struct edge *e, unsigned which);
void edge_side_limit(struct edge_side *s);
/* Takes a CERTIFICATE message if it is for this side. */
err edge_side_present(struct edge_side *s, str usage, str body);

#endif
