/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ENGINE_CONN_PRIV_H
#define WITAN_ENGINE_CONN_PRIV_H

#include "base/map.h"
#include "base/slot.h"
#include "engine/conn.h"

enum conn_state {
	CONN_CONNECTING, /* ours, to a next hop: TCP */
	CONN_HANDSHAKE,
	CONN_UP,
	CONN_FLUSHING,   /* closes once what is queued has left */
	CONN_DEAD,
};

/* Connections of one address (IPv6: of one /64), to be counted. */
struct conn_address {
	struct map_node node;
	uint8_t ip[16];
	uint32_t n;
};

/* Kept small: a server holds many that do nothing. */
struct conn {
	struct conns *set;
	struct tls *tls;       /* NULL: TCP */
	struct conn_address *address;
	void *user, *keep, *pair;
	struct buf in;         /* a message that has begun and not ended */
	struct buf out;        /* bytes that the peer has not taken */
	struct sip_frame frame;
	struct list node;      /* in set->dirty, or set->handshaking or set->greeted, or set->dead */
	struct timer timer;    /* looks at deadline now and then; setting it at every message would cost more */
	uint64_t deadline;     /* ms; when it has passed the connection is closed for `late` */
	struct addr peer;
	uint32_t slot, serial;
	uint32_t reached;      /* as in struct flow */
	int fd;
	uint8_t state;
	uint8_t late;          /* enum conn_late */
	bool secure, trusted, peer_is_server, vouched, is_ours, dirty;
	bool is_greeted;       /* handshake: the client has said hello */
	bool half_ping;        /* one CRLF of a ping has come */
	bool hungry;           /* more was decrypted than one turn may take: read on in the next, the descriptor will not say so */
	struct watch watch;
};

enum conn_late { LATE_HANDSHAKE, LATE_UNAUTHENTICATED, LATE_MESSAGE, LATE_READER, LATE_IDLE, LATE_LINGER };

struct conn_listener {
	struct conns *set;
	struct watch watch;
	struct timer pause;    /* no descriptors left: not asked again before */
	int fd;
	bool secure, open;
};

#define CONN_LISTENERS 16
#define CONN_READ_SIZE 65536

struct conns {
	struct conns_config c;
	struct tls_server *tls;
	struct slots slots;      /* struct conn */
	uint32_t serial;
	size_t n, n_handshaking;
	struct list handshaking; /* oldest first: who has not said hello */
	struct list greeted;     /* and who has, and is answered */
	struct list dirty, dead;
	struct loop_task flush_task, bury_task;
	struct map addresses;
	struct conn_listener listeners[CONN_LISTENERS];
	size_t n_listeners;
	bool is_full;
	int spare_fd;            /* given up to accept and refuse when no other is left */
	uint64_t next_request;
	char read_buffer[CONN_READ_SIZE];
};

/* conn_table.c */
err conn_open(struct conns *s, int fd, const struct addr *peer, bool secure, struct conn **out);
/* Finds out how the peer reached us (flow.reached); TLS must be up. */
void conn_note_reached(struct conn *c);
void conn_deadline(struct conn *c, enum conn_late late, uint32_t ms);
/* conn_io.c */
void conn_on_ready(void *arg, unsigned events);
void conn_shake(struct conn *c);
void conn_flush(struct conn *c);
void conn_mark_dirty(struct conn *c);
void conn_flush_all(void *arg);
/* conn_read.c: takes bytes as they come; the connection may be dead or flushing afterwards */
void conn_take(struct conn *c, str bytes);
/* conn_accept.c */
void conn_on_accept(void *arg, unsigned events);
bool conn_address_enter(struct conns *s, const struct addr *peer, struct conn_address **out);
void conn_address_leave(struct conns *s, struct conn_address *a);

#endif
