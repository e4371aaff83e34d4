/* SPDX-License-Identifier: Apache-2.0 */
/* What one listener answers. Private to look. */
#ifndef WITAN_PROG_LOOK_PROBE_H
#define WITAN_PROG_LOOK_PROBE_H

#include "prog/witan/look.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#define PROBE_WAIT_MS   5000  /* for each answer */
#define PROBE_ALL_MS    60000 /* for all questions to one listener */

/* Milliseconds of a clock that only goes forward. */
int64_t probe_clock(void);
/* Until fd is ready for `events` (poll) or `until` has come; false: it has. */
bool probe_wait(int fd, short events, int64_t until);
/* From *until on, connections of ctx read nothing more. */
void probe_limit(SSL_CTX *ctx, int64_t *until);
/* The same for a transfer of at most ms milliseconds; *until is set, and lives as long as curl. */
void probe_limit_curl(CURL *curl, long ms, int64_t *until);

struct probe {
	const struct look *look;
	const struct look_target *target;
	struct arena arena; /* of its own: threads share nothing */
	struct check_probe found;
	struct topo_names chain;
	SSL_SESSION *session;  /* NULL: there was none */
	int64_t until;         /* probe_clock */
	char failure[sizeof ((struct diag *)0)->what];     /* "" */
};

/* Versions and suites, asked by messages of wire/hello. */
void probe_hellos(struct probe *p);
/* Chain and session, by a handshake; and whether the session goes on at the same place. */
void probe_handshake(struct probe *p);
/* Whether the session of p goes on at another place. False also when nobody answers there. */
bool probe_resumes(const struct probe *p, const struct look_target *there);

#endif
