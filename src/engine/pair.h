/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair - two connections that carry one client: his own, and one that was made for him to a server further inside, to which his messages are
 * passed. When one ends, so does the other (docs/adr/0082). Who pairs decides message by message what passes.
 */
#ifndef WITAN_ENGINE_PAIR_H
#define WITAN_ENGINE_PAIR_H

#include "engine/conn.h"
#include "engine/hop.h"

struct pair;

struct pair_door {
	/* No server there can be reached. Nothing of what was sent has arrived. p is freed after the call; the client's connection stands. */
	void (*on_fail)(void *arg, struct pair *p, err why);
	/* One of the two has ended, and the other is closed. p is freed after the call, with what `arg` is to it. Follows on_fail, too. */
	void (*on_end)(void *arg, struct pair *p);
};

struct pair_config {
	struct loop *loop;
	struct dns *dns;
	struct conns *outer, *inner; /* may be the same */
	str host;                    /* of the server, or the pool; copied */
	uint16_t port;
	uint32_t early;              /* bytes that may wait for the connection */
	struct pair_door door;
	void *arg;
};

/* The client's connection must have no pair. The doors are never called from inside. NO_MEMORY, MALFORMED. */
err pair_open(const struct pair_config *config, struct conn *client, struct pair **out);
void *pair_arg(const struct pair *p);
/* Both connections are closed. As on_end without the call. */
void pair_close(struct pair *p, const char *why);
/* To the server: waits until there is a connection. CEILING: too much waits. A connection that has failed is told by on_end. */
err pair_send_inward(struct pair *p, str bytes);
void pair_send_outward(struct pair *p, str bytes);
/* The client's connection. */
struct conn *pair_client(const struct pair *p);

/* From the doors of conn. False: the connection has no pair, or is not the one for which the call is. */
struct pair *pair_of(struct conn *c);
bool pair_is_inner(const struct pair *p, const struct conn *c);
void pair_on_open(struct conn *c);
void pair_on_close(struct conn *c);

#endif
