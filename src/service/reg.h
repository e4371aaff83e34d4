/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reg - where is a user? The registrar (RFC 3261 10.3) and location table of the users whose home is this process, with
 * outbound (RFC 5626), GRUUs (RFC 5627), Path (RFC 3327), Service-Route (RFC 3608) and the reg event package (RFC
 * 3680). Every binding hangs on the flow that it came over and ends with it.
 */
#ifndef WITAN_SERVICE_REG_H
#define WITAN_SERVICE_REG_H

#include "base/crypt.h"
#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "base/timer.h"
#include "engine/notifier.h"
#include "engine/stage.h"
#include "service/user.h"

struct config;
struct reg;

struct reg_door {
	/*
	 * What is bound for aor over f has changed: `bytes` is all of it, for reg_binding_restore. The front process of
	 * f keeps it with the connection (conn_keep_slot) in place of what it had for this aor, so that a home that
	 * died can be told again.
	 */
	void (*on_bound)(void *arg, const struct flow *f, str aor, str bytes);
	/* Nothing is bound for aor over f any more (not called when the flow itself has gone). */
	void (*on_unbound)(void *arg, const struct flow *f, str aor);
	/* Devices of aor have signed in or out, or stay for longer. May be NULL. */
	void (*on_devices)(void *arg, str aor);
	/* The client of the Lync dialect that aor was bound with over f is told that it is signed out for good (o: a request, whole but for Via), and its
	 * connection ends then. May be NULL. */
	void (*on_farewell)(void *arg, const struct flow *f, str aor, struct sip_out *o);
};

struct reg_config {
	struct timers *timers;     /* monotonic */
	uint64_t (*unix_ms)(void); /* milliseconds since 1970; NULL: the system's clock */
	struct crypt *crypt;       /* its MAC key must be the same in all front processes (temporary GRUUs) */
	const struct users *users;
	const struct config *config; /* read at each request */
	struct notifier *notifier;   /* where the reg event package is added; NULL: nobody may watch. Freed before the registrar */
	str fqdn;                    /* for Service-Route; must outlive the registrar */
	uint16_t port_tls, port_tcp; /* 0: no such listener */
	const struct flow_ways *ways; /* from outside; NULL: none. Must outlive it */
	struct log *log;
	struct meter *meter;
	struct reg_door door;
	void *arg;
};

err reg_new(const struct reg_config *config, struct reg **out);
/* The ports that the server listens at from now on; 0: none. */
void reg_set_ports(struct reg *g, uint16_t tls, uint16_t tcp);
void reg_free(struct reg *g);

/* REGISTER at the home of r->aor, in its server transaction. To and r->aor must be the same (403 otherwise). */
err reg_stage(void *state, struct request *r, enum stage_verdict *v);

/* The connection has ended: everything bound over it is removed. */
void reg_flow_gone(struct reg *g, const struct flow *f);

/* The same for every connection of another front process. */
void reg_front_gone(struct reg *g, uint16_t front);
/* aor has been removed or disabled: nothing is bound for it any more, and clients of the Lync dialect are told so. */
void reg_user_gone(struct reg *g, str aor);

/* Whom a farewell is for. */
struct reg_farewell {
	str target; /* URI of the client, without a Contact that of its user */
	str aor, epid;
};
/* Makes o the request that signs a client out for good ([MS-SIPREGE] 3.1, registration-notify), whole but for Via. */
void reg_farewell_print(const struct reg_farewell *w, struct arena *a, struct sip_out *o);

/* ---- for route ---- */

#define REG_TARGETS_MAX 256 /* so many can one user have: 64 devices (config.def) with 4 flows each */

struct reg_target {
	str uri;      /* the registered Contact URI; becomes the Request-URI */
	str path;     /* Path values as received, joined by ", ": the route set (RFC 3327 5.4); empty without */
	str instance; /* +sip.instance without quotes, "<urn:uuid:...>"; empty without */
	struct flow flow;
	uint32_t reg_id;     /* 0: not by outbound */
	uint16_t q;          /* thousandths */
	bool is_alternative; /* another flow to the instance of the entry before: only to be tried when that flow fails
			      */
	bool is_home;        /* no device, but the process where its user is at home: it routes on */
	bool is_dialect;     /* the client speaks the Lync dialect: it has signed in with an epid */
};

/*
 * Where aor is: at most max targets by falling q; those of one instance stand together, the newest first, the others as
 * alternatives (RFC 5626 7). Slices are copied into a. Answers how many.
 */
size_t reg_find(struct reg *g, str aor, struct arena *a, struct reg_target *out, size_t max);
/* What kinds of devices aor has signed in with; 0: none. */
enum reg_kind { REG_STANDARD = 1, REG_DIALECT = 2 };
unsigned reg_kinds(const struct reg *g, str aor);
/* The targets of the one instance that a GRUU (public or temporary) names; none: it is not signed in, or not ours. */
size_t reg_find_gruu(struct reg *g, const struct uri *u, struct arena *a, struct reg_target *out, size_t max);
/* Is u a GRUU of this deployment? Then aor becomes the address of record it belongs to, in the arena. Needs no binding
 * here. */
bool reg_gruu_aor(const struct reg *g, const struct uri *u, struct arena *a, str *aor);
/* Is u a SIP or SIPS URI with a domain of the deployment? */
bool reg_is_ours(const struct reg *g, const struct uri *u);

/* ---- for a home that starts anew ---- */

/* Everything bound for aor over f, with expiry as wall-clock time; appends nothing when there is nothing. */
void reg_binding_print(const struct reg *g, const struct flow *f, str aor, struct buf *out);
/* The way back: what has expired is left out, and what is newer here stays. MALFORMED: not made by reg_binding_print.
 */
err reg_binding_restore(struct reg *g, const struct flow *f, str aor, str bytes);

/* Is a device of aor signed in: any (epid empty), or the one of this epid (of the Lync dialect)? */
bool reg_has(const struct reg *g, str aor, str epid);
size_t reg_count(const struct reg *g); /* bindings */

#endif
