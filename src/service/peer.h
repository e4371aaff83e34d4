/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - is the other end a server of ours? Yes if it is connected by TLS, its certificate comes from our CA set, and one of
 * the names in it is a server of the topology. Everybody else has to prove who he is (service/auth).
 */
#ifndef WITAN_SERVICE_PEER_H
#define WITAN_SERVICE_PEER_H

#include "engine/stage.h"

struct peers;

/* names: host names of the topology's other servers, comma-separated; copied. */
err peers_new(str names, struct peers **out);
void peers_free(struct peers *s);
size_t peers_count(const struct peers *s);
/* ASCII case ignored. */
bool peers_has(const struct peers *s, str name);

/* Sets r->is_peer. Never answers. */
err peer_stage(void *state, struct request *r, enum stage_verdict *v);

#endif
