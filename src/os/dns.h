/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - questions to the domain name system, by c-ares on the loop. Answers are kept as long as their TTL allows (absence
 * too, RFC 2308), up to a ceiling of names; equal questions under way are asked once.
 */
#ifndef WITAN_OS_DNS_H
#define WITAN_OS_DNS_H

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/meter.h"
#include "base/str.h"
#include "os/loop.h"
#include "os/net.h"

#define DNS_NAME_MAX 253 /* characters, without the final dot */

enum dns_type { DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR, DNS_TYPE_N };

struct dns_record {
	struct addr addr;   /* A, AAAA; port 0 */
	uint16_t priority;  /* SRV; NAPTR: order */
	uint16_t weight;    /* SRV; NAPTR: preference */
	uint16_t port;      /* SRV */
	str name;           /* SRV: target, NAPTR: replacement; lower case, without the final dot; empty: "." */
	str flags, service; /* NAPTR, as received */
};

struct dns_answer {
	const struct dns_record *records;
	size_t n;
	uint32_t ttl; /* seconds, the least of all that led to it */
};

struct dns_config {
	struct loop *loop;
	struct log *log;     /* NULL: none */
	struct meter *meter; /* NULL: none */
	str servers;         /* "192.0.2.53,192.0.2.54:5353,[2001:db8::53]:53"; empty: the system's, read by dns_new (before a jail) */
	str hosts;           /* names that are known without asking, as hosts(5) has them; empty: the system's where the servers are. As read by dns_new */
	uint32_t timeout_ms; /* of one try; 0: 2000 */
	uint32_t tries;      /* at each server; 0: 2 */
	uint32_t cache;      /* names kept; 0: 4096 */
	uint32_t pending;    /* questions under way; 0: 256 */
};

struct dns;

/* MALFORMED: the list of servers. */
err dns_new(const struct dns_config *config, struct dns **out);
/* What is under way is dropped, not answered. Not from inside a `done`. */
void dns_free(struct dns *d);

/* One who waits for an answer. Lives in its owner until done was called or it was cancelled; zeroed before first use. */
struct dns_query {
	struct list node;
	void (*done)(void *arg, err e, const struct dns_answer *a);
	void *arg;
};

/*
 * Asks for the records of `name` (any case, with or without final dot). done(arg, e, a) is called in a later turn, also
 * when the answer is known; a is valid during the call, and empty unless e is OK. ABSENT: no such name, or none of this type.
 * TIMEOUT, SYSTEM (the servers could not tell). Answers at once, and never calls done: MALFORMED (no name of a host), BUSY
 * (too many questions under way), NO_MEMORY.
 */
err dns_ask(struct dns *d, struct dns_query *q, enum dns_type type, str name, void (*done)(void *arg, err e, const struct dns_answer *a),
            void *arg);
/* done will not be called. Does nothing to a query that is not waiting. */
void dns_cancel(struct dns_query *q);

/*
 * Reads one answer message (RFC 1035 4, 2782, 3403), following aliases; what it allocates is in a. At most 64 records are
 * kept. ABSENT (with out->ttl: how long that may be believed), SYSTEM (the server reports a failure), MALFORMED. Pure.
 */
err dns_parse(enum dns_type type, str message, struct arena *a, struct dns_answer *out);

#endif
