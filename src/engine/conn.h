/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - connections that carry SIP: accepted, shaken hands, framed, parsed, answered when malformed, written to, and
 * closed when silent, slow or too greedy. A connection is named by its flow (RFC 5626 3.1), so that whoever holds a name
 * never holds memory.
 */
#ifndef WITAN_ENGINE_CONN_H
#define WITAN_ENGINE_CONN_H

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/meter.h"
#include "os/loop.h"
#include "os/net.h"
#include "os/tls.h"
#include "wire/sip.h"

/* The name of one connection among all front processes. serial is never used twice for a slot. */
struct flow {
	uint32_t slot, serial;
	uint16_t front;
	uint16_t is_plain; /* 1: no TLS; not part of the name, like the next */
	/* Where a client reached us that does not know our name: what we ask it to come back to must name this. 0: it knows our name. An IPv4
	 * address (its octets, first to last, in memory order); or, with a first octet of 0, the last is the number of a way from outside. */
	uint32_t reached;
};

/* The ways from outside: who comes through an Edge knows its external name alone. Numbered from 1. */
#define FLOW_WAYS_MAX 32
struct flow_ways {
	size_t n;
	struct {
		str host;
		uint16_t port;
	} ways[FLOW_WAYS_MAX];
};

static inline bool flow_eq(const struct flow *a, const struct flow *b)
{
	return a->slot == b->slot && a->serial == b->serial && a->front == b->front;
}

/* Does its client come through an Edge? */
bool flow_is_outside(const struct flow *f);

struct flow_place {
	str host; /* may stand in text */
	uint16_t port;
	char text[16];
};
/* Where the client of f finds us: by the way from outside, at the address that it reached, or by name and port. ways NULL: there are none. */
void flow_place_find(const struct flow *f, const struct flow_ways *ways, str name, uint16_t port, struct flow_place *out);

/*
 * One message as it came in, with the arena that everything about it is allocated from. Reference-counted: the
 * connection holds it during the call, a transaction until it ends.
 */
struct inbound {
	struct arena arena;
	struct sip_msg msg;
	struct flow flow;    /* where it came from, and where answers go */
	struct addr peer;
	bool secure;         /* it came over TLS */
	uint64_t request;    /* the id that follows it through all processes */
	str via_params;      /* ";received=192.0.2.1;rport=40000" for the answer (RFC 3261 18.2.1, RFC 3581) */
	uint32_t refs;
};

struct inbound *inbound_ref(struct inbound *in);
void inbound_unref(struct inbound *in);
/* Copies bytes and parses them (a message passed on by another process). On error *out is NULL unless the message is
 * answerable. */
err inbound_new(str bytes, const struct sip_limits *limits, struct inbound **out, struct diag *d);

/* Where it came from, for a message that did not come through a connection of this process; also makes via_params. */
void inbound_set_source(struct inbound *in, const struct flow *flow, const struct addr *peer, bool secure, uint64_t request);

struct conns; /* all connections of a process */
struct conn;

struct conn_door {
	/* One well-formed message. The callee keeps it with inbound_ref. */
	void (*on_message)(void *arg, struct conn *c, struct inbound *in);
	/* The connection has ended; c is freed after the call. */
	void (*on_close)(void *arg, struct conn *c);
	/* A connection made by conns_connect can be used. May be NULL. */
	void (*on_open)(void *arg, struct conn *c);
	/* TLS is up on a connection that was accepted; conn_close is allowed. May be NULL. */
	void (*on_accepted)(void *arg, struct conn *c);
	/* A connection is asked for at a listener, before anything is spent on it; false: it is refused. May be NULL. */
	bool (*may_connect)(void *arg, const struct addr *peer);
};

struct conn_limits {
	struct sip_limits sip;
	uint32_t total, per_address;  /* connections */
	uint32_t handshakes;          /* under way at once; the oldest gives way to a new one */
	uint32_t handshake_ms;        /* until TLS is up */
	uint32_t unauthenticated_ms;  /* until conn_set_trusted */
	uint32_t message_ms;          /* from the first byte of a message to its last; and for a peer to take what it is sent */
	uint32_t idle_ms;             /* without any byte from a trusted peer */
	uint32_t queue;               /* bytes waiting to be written */
};

struct conns_config {
	struct loop *loop;
	struct log *log;
	struct meter *meter;
	uint16_t front;
	struct conn_limits limits;
	struct conn_door door;
	void *arg;
};

err conns_new(const struct conns_config *config, struct conns **out);
/* Closes every connection: the peers are told at once, the memory goes in later turns. */
void conns_close(struct conns *s);
/* Listeners and connections must have been closed and their turn have passed: the loop still knows them until then. */
void conns_free(struct conns *s);
void conns_set_limits(struct conns *s, const struct conn_limits *limits);
/* What TLS listeners present from now on; connections keep what they began with. Takes a reference. */
void conns_set_tls(struct conns *s, struct tls_server *tls);
/* While full, new connections are refused: the process has reached its memory ceiling. */
void conns_set_full(struct conns *s, bool is_full);
/* Takes over a listening descriptor. TLS listeners accept once conns_set_tls was called. */
err conns_listen(struct conns *s, int fd, bool secure);
/* Closes the listeners; connections go on. */
void conns_stop_listening(struct conns *s);
/* The same for those without TLS alone. */
void conns_stop_plain(struct conns *s);
/* A connection of ours to a next hop; messages and its end come through the same door. What is sent before on_open waits for it. */
err conns_connect(struct conns *s, const struct addr *to, bool secure, str name, struct flow *out);
/* What is known of certificates has changed: each peer's is judged once more, and who has a revoked one is cut off. */
void conns_judge_again(struct conns *s);
size_t conns_count(const struct conns *s);
void conns_each(struct conns *s, void (*fn)(void *arg, struct conn *c), void *arg);

/* NULL: it has ended. */
struct conn *conn_find(struct conns *s, const struct flow *f);
/* Queues bytes; everything for one connection in one turn leaves in one write. SIP_FLOW_FAILED: no such connection, or its
 * queue is over its ceiling (it is then closed). */
err conn_send(struct conns *s, const struct flow *f, str bytes);
void conn_close(struct conn *c, const char *why);
/* Closes it when what is queued has been sent; nothing is read any more. why: a literal. */
void conn_end(struct conn *c, const char *why);
struct flow conn_flow(const struct conn *c);
const struct addr *conn_peer(const struct conn *c);
bool conn_is_secure(const struct conn *c);
/* Somebody has proven who he is over it: the short time limit is lifted. */
void conn_set_trusted(struct conn *c);
bool conn_is_trusted(const struct conn *c);
/* Its certificate names a server of ours (service/peer). */
void conn_set_peer(struct conn *c);
bool conn_is_peer(const struct conn *c);
/* It is an Edge's, for one client outside at that address, who came by the way of this number (struct flow_ways). From now on it is as if the client had
 * connected: nobody has proven anything, and it is he who is told of in the log. */
void conn_set_outside(struct conn *c, unsigned way, const struct addr *client);
/* A server of ours has had its client prove who he is. */
void conn_set_vouched(struct conn *c);
bool conn_is_vouched(const struct conn *c);
/* Who comes over it knows us by the way of this number alone. */
void conn_set_way(struct conn *c, unsigned way);
/* It does not count among the connections of its address any more: a server of ours has many. */
void conn_set_uncounted(struct conn *c);
/* One pointer for the service that knows who uses the connection; it frees what it put there in on_close. */
void **conn_user_slot(struct conn *c);
/* A second one for the front process: what other processes asked it to keep with this connection. */
void **conn_keep_slot(struct conn *c);
/* A third one, for engine/pair. */
void **conn_pair_slot(struct conn *c);
const struct tls *conn_tls(const struct conn *c);

#endif
