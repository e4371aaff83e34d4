/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - is the other end a server of ours? Yes if it is connected by TLS, its certificate was found good (service/trust), and one
 * of the names in it is a server that the topology knows for a role that may use this listener. Everybody else has to prove who he is
 * (service/auth).
 */
#ifndef WITAN_SERVICE_PEER_H
#define WITAN_SERVICE_PEER_H

#include "engine/stage.h"

struct peers;

/* What servers connect to. Which roles may is a row of the table in peer.c. */
enum peer_listener {
	PEER_LISTENER_SIP, /* a front's port for SIP over TLS */
	PEER_LISTENER_EDGE, /* the inner side of an Edge */
	PEER_LISTENER_N
};

/* text: the topology's other servers with their roles (struct topo_peer), "NAME=ROLES" with commas between them, ROLES in hexadecimal,
 * and "NAME=ROLES=ACCESS:PORT" for Edges, by which people outside reach them; copied. MALFORMED, CEILING (FLOW_WAYS_MAX). */
err peers_new(str text, struct peers **out);
void peers_free(struct peers *s);
size_t peers_count(const struct peers *s);
/* Is there such a server, whatever it is? ASCII case ignored, as below. */
bool peers_has(const struct peers *s, str name);
/* Is it an Edge? */
bool peers_is_edge(const struct peers *s, str name);
/* May it use this listener? */
bool peers_may(const struct peers *s, str name, enum peer_listener listener);

/* The ways from outside, by the Edges. Lives as long as s. */
const struct flow_ways *peers_ways(const struct peers *s);
/* From conn_door.on_accepted, so that the ceiling of connections from one address is for clients alone. */
void peers_accepted(const struct peers *s, struct conn *c);

/*
 * Sets r->is_peer and r->is_vouched. SIP_FORBIDDEN: a connection that is said to be a client's and cannot be: it must not pass for a server's. A connection of an Edge whose first request says that it is one remote client's
 * (PEER_SOURCE_CLIENT) becomes that client's (conn_set_outside); so does one of a server that signs people in, which vouches for him.
 */
#define PEER_MARK_SOURCE  "ms-source-type"    /* parameters of ms-edge-proxy-message-trust */
#define PEER_MARK_ADDRESS "ms-source-address" /* ours: where the client is */
#define PEER_MARK_PORT    "ms-source-port"
#define PEER_MARK_VERIFIED "ms-source-verified-user"
#define PEER_MARK_WAY     "ms-source-access"  /* ours: the external name of his Edge, when it is not an Edge that says so */
#define PEER_VERIFIED     "verified"
#define PEER_MARK_NETWORK "ms-source-network"
#define PEER_SOURCE_CLIENT "InternetUser"

/* What the field says; slices of the message, empty where it says nothing. Whether it may be believed is another question. */
struct peer_mark {
	str source, network, verified, address, way;
	uint32_t port;
};
struct peer_mark peer_mark_read(const struct sip_msg *m);

err peer_stage(void *state, struct request *r, enum stage_verdict *v);

#endif
