/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - connections of ours to other servers: one a name, made when it is first needed, tried at each place that RFC 3263 offers in
 * turn, used by everybody afterwards. One that has ended is made anew by the next who needs it.
 */
#ifndef WITAN_ENGINE_LINK_H
#define WITAN_ENGINE_LINK_H

#include "base/log.h"
#include "engine/conn.h"
#include "os/dns.h"
#include "wire/uri.h"

struct links;

struct links_config {
	struct conns *conns;
	struct dns *dns; /* NULL: nobody can be looked for */
	struct loop *loop;
	struct log *log;
	size_t most;     /* connections */
};

err links_new(const struct links_config *config, struct links **out);
/* Who waits is not told. */
void links_free(struct links *s); /* NULL allowed */
/* May servers be reached without TLS? Not at first. */
void links_set_tcp(struct links *s, bool allows_tcp);

/*
 * Finds or makes a connection to the host of u and calls found(found_arg, e, flow) in a later turn: SIP_TIMEOUT if nobody answers there,
 * SIP_FLOW_FAILED. Answers at once, without calling found, when it cannot even try: SIP_BUSY, MALFORMED, NO_MEMORY. TLS proves the host by
 * its name in u.
 */
err links_dial(struct links *s, const struct uri *u, void (*found)(void *found_arg, err e, const struct flow *flow), void *found_arg);

/* From the door of the connections. True: it is one of these. */
bool links_opened(struct links *s, struct conn *c);
bool links_closed(struct links *s, struct conn *c);
size_t links_count(const struct links *s);

#endif
