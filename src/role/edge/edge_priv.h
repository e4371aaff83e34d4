/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_EDGE_PRIV_H
#define WITAN_ROLE_EDGE_PRIV_H

#include "engine/conn.h"
#include "engine/pair.h"
#include "engine/stage.h"
#include "model/config.h"
#include "os/tls.h"
#include "role/edge.h"
#include "role/identity.h"
#include "service/guard.h"
#include "service/peer.h"
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

/* edge_side.c */
err edge_side_init(struct edge_side *s, struct edge *e, unsigned which);
void edge_side_limit(struct edge_side *s);
/* Takes a CERTIFICATE message if it is for this side. */
err edge_side_present(struct edge_side *s, str usage, str body);

#endif
