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
#include "wire/sipae.h"

struct config;

/* A proof that this process cannot judge, because the secret for it is elsewhere. */
struct auth_ask {
	uint64_t id;
	enum sipae_scheme scheme;
	str challenge; /* NTLM: what it answers; Kerberos: the service that the ticket must be for */
	str token;     /* what the client gave (TLS-DSK: the certificate whose key it has, in DER); without one nothing is asked */
};

/* What came of it. */
struct auth_told {
	bool is_away;  /* nobody could judge it: 503, to be tried again */
	bool is_right;
	err error;     /* the account may not be used, whatever the password: what is answered */
	str aor;       /* whose it is, or would have been; empty: of nobody here */
	str key;       /* right: what the keys of the association are made of */
};

struct auth_door {
	/* A password was wrong (aor: known or not, at most USER_AOR_MAX bytes). For vault, which counts for all
	 * processes. */
	void (*on_failure)(void *arg, str aor, const struct addr *from);
	/* A password was right and failures had been counted before (ours or vault's): they are forgiven. */
	void (*on_success)(void *arg, str aor);
	/* Is u another name of a user: a GRUU (reg_gruu_aor)? Puts his address of record into the arena. NULL: there
	 * are none. */
	bool (*alias)(void *arg, const struct uri *u, struct arena *a, str *aor);
	/* Somebody who can has to judge a proof; auth_told answers. The slices live as long as the call. An error: nobody can now.
	 * NULL: no schemes that need it. */
	err (*on_ask)(void *arg, const struct auth_ask *q);
	/* The request that waited for it may go on with the stages after this one. */
	void (*on_proven)(void *arg, struct request *r);
};

struct auth_config {
	struct timers *timers;     /* monotonic */
	uint64_t (*unix_ms)(void); /* milliseconds since 1970; NULL: the system's clock */
	struct crypt *crypt;       /* its MAC key need not be shared: a nonce is good for one connection only */
	const struct users *users;
	str fqdn;    /* of this server: targetname of the dialect's schemes; must outlive auth */
	const struct flow_ways *ways; /* from outside: who comes by one is told its name, and is not asked for tickets of a domain inside; NULL: none */
	const struct config *config; /* read at each request, so a change holds at once */
	struct log *log;
	struct meter *meter;
	struct auth_dsk *dsk, *dsk_outside; /* NULL: no TLS-DSK */
	struct auth_door door;
	void *arg;
};

/* What handshakes of TLS-DSK need, one per process: a key of its own, whose making takes a tenth of a second or more (docs/adr/0068).
 * INTERNAL: it cannot be made. */
struct auth_dsk;
err auth_dsk_new(str fqdn, struct auth_dsk **out);
/* After auth_free. NULL allowed. */
void auth_dsk_free(struct auth_dsk *d);

struct auth;

err auth_new(const struct auth_config *config, struct auth **out);
/* Every connection must have been closed (auth_conn_closed). */
void auth_free(struct auth *a);

/*
 * The stage; state is the struct auth. NEXT: r->aor is the proven sender, by himself or by r->is_vouched (empty for servers of the topology, and for a
 * request of another process, which has been here before). DONE: challenged, refused or dropped. WAIT: the answer to a
 * wrong password is on its way, slowed. Errors: MALFORMED (400), SIP_FORBIDDEN (403).
 *
 * ACK and CANCEL cannot be challenged (RFC 3261 22.1): over a connection on which the sender has proven himself they
 * pass; otherwise ACK is dropped and CANCEL is 403.
 */
err auth_stage(void *state, struct request *r, enum stage_verdict *v);

/* Are there keys by which tickets can be judged (Kerberos)? Without them it is not offered. */
void auth_set_kerberos(struct auth *a, bool is_there);
/* By which names challenges of NTLM call the domain and this server, where they are those of a Windows domain (NetBIOS, DNS, NetBIOS). Empty: by
 * the deployment's own. Over-long ones are passed over. */
void auth_set_ntlm_names(struct auth *a, str domain, str dns_domain, str computer);
/* Where people get certificates (sts-uri). Without it TLS-DSK is not offered, though taken; without config.dsk neither. */
void auth_set_sts(struct auth *a, str uri);
/* Who on this connection signs by a certificate that is_revoked says is revoked? NULL: nobody. It is asked by issuer (SHA-256 of the name in
 * DER) and serial number (big-endian). */
const struct user *auth_revoked(struct auth *a, struct conn *c, bool (*is_revoked)(void *arg, const uint8_t issuer[32], str serial), void *arg);

/* Has nobody but aor proven himself on this connection, and he as a client of the Lync dialect? */
bool auth_is_alone(struct conn *c, str aor);

/* What came of the ask of this id; unknown ids are passed over. */
void auth_told(struct auth *a, uint64_t id, const struct auth_told *t);
/* Whoever was asked has gone: all that waits is answered 503. */
void auth_told_nothing(struct auth *a);

/*
 * Clients of the Lync dialect sign what they send, and ignore what is not signed (MS-SIPAE 3.2.5).
 * May this response, which came over c, be believed? Always where nobody signs.
 */
bool auth_response(struct auth *a, struct conn *c, const struct sip_msg *m);
/* Before bytes leave over c: appends the message with our signature to out when its client wants one; otherwise false, and the
 * message goes as it is. */
bool auth_seal(struct auth *a, struct conn *c, str message, struct buf *out);

/* From conn_door.on_close: frees what auth put in the connection's slot and forgets answers under way. */
void auth_conn_closed(struct auth *a, struct conn *c);
/* What vault tells of a name, known or not: wrong passwords in a row in all processes, and until when (milliseconds
 * since 1970, 0: not) nobody may sign in by it. No failures: they are forgiven (a right password elsewhere, or an
 * administrator). */
void auth_lock(struct auth *a, str aor, uint32_t failures, uint64_t until_unix_ms);

#endif
