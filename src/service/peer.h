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

/* text: the topology's other servers with their roles (struct topo_peer), "NAME=ROLES" with commas between them, ROLES in hexadecimal;
 * copied. MALFORMED. */
err peers_new(str text, struct peers **out);
void peers_free(struct peers *s);
size_t peers_count(const struct peers *s);
/* Is there such a server, whatever it is? ASCII case ignored, as below. */
bool peers_has(const struct peers *s, str name);
/* May it use this listener? */
bool peers_may(const struct peers *s, str name, enum peer_listener listener);

/* Sets r->is_peer. Never answers. */
err peer_stage(void *state, struct request *r, enum stage_verdict *v);

#endif
