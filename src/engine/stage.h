/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage - the way of a request: a table of services, asked one after the other. A stage never calls an earlier one.
 */
#ifndef WITAN_ENGINE_STAGE_H
#define WITAN_ENGINE_STAGE_H

#include "base/err.h"
#include "engine/conn.h"
#include "engine/txn.h"
#include "wire/sip.h"

/* One request on its way. Lives in the arena of `in`. */
struct request {
	struct inbound *in;
	struct conn *conn;   /* NULL: it came over a connection of another front process */
	struct txn *txn;     /* server transaction; NULL before the stage that opens it, and for ACK */
	str aor;             /* proven sender: "ann@example.test"; empty: nobody yet */
	bool is_peer;        /* the sender is a server of the topology */
	bool is_vouched;     /* it came over a connection of one client, for whom a server of the topology vouches: he is who From says */
	bool is_own;         /* made by ourselves of one that came in before, and was judged then */
	str target;          /* address of record that the request is for, when it is one of ours; empty otherwise */
	struct answers *answers;
	const str *forks;    /* a script sends it to these URIs instead; in the arena */
	size_t n_forks;      /* 0: it goes where it wants */
	bool forks_in_turn;  /* one after the other, not all at once */
};

/* How answers leave before there is a transaction: without state (RFC 3261 8.2.7). */
struct answers {
	err (*send)(void *arg, const struct flow *to, uint64_t request, str bytes);
	void *arg;
	struct log *log;
	struct meter *meter;
	str fqdn; /* of this server, for ms-diagnostics */
	const struct flow_ways *ways; /* from outside, where it has another name; NULL: none */
	uint64_t tag_k0, tag_k1; /* for To tags that we know again (request_is_our_tag); the same in all front processes */
};

enum stage_verdict {
	STAGE_NEXT, /* ask the next stage */
	STAGE_DONE, /* answered or sent on */
	STAGE_WAIT, /* somebody keeps the request (with inbound_ref or its transaction) and answers later */
};

struct stage {
	const char *name;
	/* An error is answered with its SIP status and logged by stage_run; *v is then ignored. *v begins as STAGE_NEXT. */
	err (*fn)(void *state, struct request *r, enum stage_verdict *v);
	uint32_t methods; /* SIP_REGISTER | ... */
};

/* Asks the stages from `from` on; states[i] goes to stages[i].fn; the table ends with a row without fn. A request that no stage
 * takes is answered 501 (SIP_OTHER) or 405. ACK is never answered. */
void stage_run(const struct stage *stages, void *const *states, size_t from, struct request *r);

/* An answer: begin fills o by RFC 3261 8.2.6 (To tag included), the caller adds fields, send lets it go through the transaction or,
 * without one, stateless. ACK: nothing is sent. reason empty: the usual phrase. */
void request_answer(struct request *r, struct sip_out *o, unsigned status, str reason);
void request_send(struct request *r, const struct sip_out *o, unsigned status);
/* Both, without fields. */
void request_reply(struct request *r, unsigned status, str reason);
/* Answers by an error row and logs it (REQUEST_REFUSED below 500, else REQUEST_FAILED). where: the stage's name. */
void request_fail(struct request *r, err why, const char *where);
/* The same for an answer to which the caller adds something before he sends it; answers its status. */
unsigned request_answer_error(struct request *r, struct sip_out *o, err why, const char *where);
/* The same by a status alone, of somebody else's answer maybe. */
void request_refuse(struct request *r, unsigned status, const char *where);
/* ms-diagnostics beside a status, where the sender of r speaks the Lync dialect: its clients show or log it. */
void request_add_diagnostics(const struct request *r, struct sip_out *o, unsigned status);
/* Is this To tag of a request one that our own answers carry (so an ACK with it ends here)? */
bool request_is_our_tag(const struct request *r);

#endif
