/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth - who sends a request? The first stage for everything that comes over a connection of this process. Users prove
 * themselves by Digest (RFC 8760, RFC 7616, RFC 3261 22); over TLS a proof holds for the connection
 * (docs/adr, "connection-bound authentication"). A user acts only as himself.
 *
 * Known and unknown users, wrong passwords and locked accounts are answered with the same bytes after the same work.
 */
#ifndef WITAN_SERVICE_AUTH_H
#define WITAN_SERVICE_AUTH_H

#include "base/crypt.h"
#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "base/timer.h"
#include "engine/stage.h"
#include "service/user.h"

struct config;

struct auth_door {
	/* A password was wrong (aor: known or not, at most USER_AOR_MAX bytes). For vault, which counts for all
	 * processes. */
	void (*on_failure)(void *arg, str aor, const struct addr *from);
	/* A password was right and failures had been counted before (ours or vault's): they are forgiven. */
	void (*on_success)(void *arg, str aor);
	/* Is u another name of a user: a GRUU (reg_gruu_aor)? Puts his address of record into the arena. NULL: there
	 * are none. */
	bool (*alias)(void *arg, const struct uri *u, struct arena *a, str *aor);
};

struct auth_config {
	struct timers *timers;     /* monotonic */
	uint64_t (*unix_ms)(void); /* milliseconds since 1970; NULL: the system's clock */
	struct crypt *crypt;       /* its MAC key need not be shared: a nonce is good for one connection only */
	const struct users *users;
	const struct config *config; /* read at each request, so a change holds at once */
	struct log *log;
	struct meter *meter;
	struct auth_door door;
	void *arg;
};

struct auth;

err auth_new(const struct auth_config *config, struct auth **out);
/* Every connection must have been closed (auth_conn_closed). */
void auth_free(struct auth *a);

/*
 * The stage; state is the struct auth. NEXT: r->aor is the proven sender (empty for servers of the topology, and for a
 * request of another process, which has been here before). DONE: challenged, refused or dropped. WAIT: the answer to a
 * wrong password is on its way, slowed. Errors: MALFORMED (400), SIP_FORBIDDEN (403).
 *
 * ACK and CANCEL cannot be challenged (RFC 3261 22.1): over a connection on which the sender has proven himself they
 * pass; otherwise ACK is dropped and CANCEL is 403.
 */
err auth_stage(void *state, struct request *r, enum stage_verdict *v);

/* From conn_door.on_close: frees what auth put in the connection's slot and forgets answers under way. */
void auth_conn_closed(struct auth *a, struct conn *c);
/* What vault tells of a name, known or not: wrong passwords in a row in all processes, and until when (milliseconds
 * since 1970, 0: not) nobody may sign in by it. No failures: they are forgiven (a right password elsewhere, or an
 * administrator). */
void auth_lock(struct auth *a, str aor, uint32_t failures, uint64_t until_unix_ms);

#endif
