/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ENGINE_TXN_PRIV_H
#define WITAN_ENGINE_TXN_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "base/slot.h"
#include "engine/txn.h"

/* RFC 3261 17.1.1.1 and Table 4, milliseconds */
#define T1           500u
#define T2           4000u
#define T4           5000u
#define TIMEOUT_64T1 (64u * T1) /* Timers B, F, H, J, L, M */
#define TIMER_D      32000u
#define TRYING_AFTER 200u       /* 17.2.1: 100 is sent unless an answer comes within this time */

enum txn_kind { TXN_SERVER_INVITE, TXN_SERVER, TXN_CLIENT_INVITE, TXN_CLIENT };

enum txn_state {
	TXN_TRYING,     /* Calling for INVITE clients */
	TXN_PROCEEDING,
	TXN_COMPLETED,
	TXN_CONFIRMED,
	TXN_ACCEPTED,   /* RFC 6026 */
	TXN_TERMINATED,
};

struct txn {
	struct txns *set;
	uint8_t kind, state;
	uint8_t method;       /* enum sip_method_index */
	bool cancel_wanted, cancel_sent;
	bool lingers;         /* in set->lingering: answered, kept only to absorb what may still come */
	uint16_t status;      /* server: last sent */
	uint32_t slot, serial;/* client */
	uint32_t interval;    /* ms of the next retransmission */
	struct flow flow;
	struct timer timeout; /* B, C, D, F, H, I, J, K, L, M */
	struct timer again;   /* A, E, G; and the 100 of a server */
	struct list node;     /* in set->lingering or set->dead */
	struct list by_flow;  /* client: in set->flows */
	struct map_node by_key; /* server: in set->servers */
	char key[16];         /* server: keyed hash of what 17.2.3 compares */
	bool keyed;
	uint64_t request;
	struct inbound *in;   /* server: the request, until it is accepted or over */
	char *sent;           /* what may have to be sent again, or (client INVITE) told to ACK and CANCEL */
	size_t sent_n;
	err failure;          /* client: why on_fail is due */
	str cancel_reason;    /* client INVITE: a literal, or empty */
	const struct txn_server_door *server_door;
	const struct txn_client_door *client_door;
	void *arg;
};

#define FLOW_LISTS 1024

struct txns {
	struct txns_config c;
	struct map servers;
	struct slots slots;   /* clients */
	uint32_t serial;
	size_t n;             /* that are not lingering or dead */
	size_t n_lingering;
	struct list lingering, dead;
	struct timer reaper;
	struct list flows[FLOW_LISTS];
};

struct txn *txn_new(struct txns *s, enum txn_kind kind);
/* Over: removed from every table now, on_end and free with the next call of the timers. */
void txn_end(struct txn *t);
/* From now on only absorbs; ends after ms, or earlier when there are too many of its kind. */
void txn_linger(struct txn *t, uint32_t ms);
void txn_timer(struct txn *t, struct timer *timer, uint32_t ms, void (*fn)(void *arg));
void txn_keep(struct txn *t, str bytes);
err txn_send(struct txn *t, str bytes);
err txn_slot_open(struct txn *t);
void txn_slot_close(struct txn *t);
void txn_ended(void *arg);

#endif
