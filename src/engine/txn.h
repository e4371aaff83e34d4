/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txn - the four transaction machines of RFC 3261 17 with the corrections of RFC 6026, on any clock and any sender.
 * Matching is by branch (17.1.3, 17.2.3), and by the fields of RFC 2543 for clients without z9hG4bK.
 */
#ifndef WITAN_ENGINE_TXN_H
#define WITAN_ENGINE_TXN_H

#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "base/timer.h"
#include "engine/conn.h"
#include "wire/sip.h"

struct txns; /* all transactions of a process */
struct txn;  /* one: server or client */

struct txns_config {
	struct timers *timers;
	struct log *log;
	struct meter *meter;
	uint16_t front;     /* goes into the branches of our client transactions, so that every process knows whose a response is */
	uint32_t max;       /* transactions at once; past it requests are answered 503 */
	str via_host;       /* sent-by of our Via: this server's name */
	uint16_t via_port;
	const struct flow_ways *ways; /* from outside; NULL: none. Must outlive the transactions */
	bool reliable;      /* false: tests of the timers that a stream does not need (A, E, G, I, J, K) */
	/* Sends one whole message. An error is a transport error (17.1.4). */
	err (*send)(void *arg, const struct flow *to, uint64_t request, str bytes);
	void *arg;
};

err txns_new(const struct txns_config *config, struct txns **out);
void txns_free(struct txns *s);
void txns_set_max(struct txns *s, uint32_t max);
size_t txns_count(const struct txns *s);
/* The connection has ended: client transactions over it fail with SIP_FLOW_FAILED (in a later call of the timers); INVITEs that
 * came over it and have no answer are cancelled, so that nothing rings for somebody who is gone. */
void txns_flow_gone(struct txns *s, const struct flow *f);

/* The same for every connection of another front process. */
void txns_front_gone(struct txns *s, uint16_t front);

/* ---- server (17.2) ---- */

struct txn_server_door {
	/* CANCEL came for this INVITE, which has no final answer yet (the CANCEL itself has been answered, 9.2), or its sender's
	 * connection has ended. May be NULL. */
	void (*on_cancel)(void *arg, struct txn *t);
	/* The transaction is over; t is freed after the call. May be NULL. */
	void (*on_end)(void *arg, struct txn *t);
};

/*
 * What a request is to the transactions: EXISTS: a retransmission, an ACK for a non-2xx answer or a CANCEL, all dealt with;
 * ABSENT: new (also an ACK for a 2xx, and a CANCEL that finds nothing: *out stays NULL for ACK and the caller routes it);
 * OK never. BUSY: over the ceiling.
 */
err txn_server_match(struct txns *s, struct inbound *in);
/* A transaction for a new request (not ACK). Keeps a reference to `in` until it ends. */
err txn_server_open(struct txns *s, struct inbound *in, struct txn **out);
void txn_server_on(struct txn *t, const struct txn_server_door *door, void *arg);
/* Sends an answer made by sip_out_reply. After a final one, only further 2xx to INVITE go out (RFC 6026 7.1). */
void txn_reply(struct txn *t, const struct sip_out *o, unsigned status);
/* Sends bytes as they are (a response relayed upstream), with its status. */
void txn_reply_bytes(struct txn *t, str bytes, unsigned status);
/* Ends it without an answer: a non-INVITE whose time is over (RFC 4320 4.1: no 408). */
void txn_drop(struct txn *t);
bool txn_is_answered(const struct txn *t); /* a final answer was sent */

/* ---- client (17.1) ---- */

struct txn_client_door {
	/* A response, provisional or final; retransmissions and what follows a final non-2xx are absorbed. 2xx to INVITE come as
	 * often as they arrive. in->msg still has our Via on top. */
	void (*on_response)(void *arg, struct txn *t, struct inbound *in);
	/* No answer: SIP_TIMEOUT (Timer B, F, or C by txn_client_limit), SIP_FLOW_FAILED (transport). Never from inside txn_client_open. */
	void (*on_fail)(void *arg, struct txn *t, err why);
	/* The transaction is over; t is freed after the call. May be NULL. */
	void (*on_end)(void *arg, struct txn *t);
};

/*
 * Sends a request over a flow; our Via with a fresh branch is added on top of o. `branch_tail` (RFC 5393 4.2: the hash for
 * loop detection; may be empty) ends the branch. method of the request line in o->start must equal `method`.
 */
err txn_client_open(struct txns *s, const struct flow *to, struct sip_out *o, enum sip_method_index method, str branch_tail,
	uint64_t request, const struct txn_client_door *door, void *arg, struct txn **out);
/* Our Via on top of a request that is no transaction, because nobody answers it (BENOTIFY); its branch finds none. CEILING. */
err txns_add_via(const struct txns *s, const struct flow *to, struct sip_out *o);
/* INVITE: sends CANCEL now, or when the first provisional answer is there (9.1). Others: nothing. reason: the value of its Reason field (RFC 3326),
 * a literal; empty: none. */
void txn_cancel(struct txn *t, str reason);
/* INVITE: (re)sets Timer C (16.6 step 11): after ms without a final answer on_fail(SIP_TIMEOUT) and CANCEL. */
void txn_client_limit(struct txn *t, uint32_t ms);
/* The opener is no longer interested: no more calls; the transaction ends by itself. */
void txn_forget(struct txn *t);
/* Gives a response to its transaction. ABSENT: nobody's (16.7: to be dropped). */
err txn_response(struct txns *s, struct inbound *in);
/* Which process a response belongs to, by the branch of its top Via; false: not made by any of ours. */
bool txn_branch_front(str branch, uint16_t *front);
/* The branch_tail that was given when this branch was made; empty if it is not one of ours. */
str txn_branch_tail(str branch);

#endif
