/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_AUTH_AUTH_PRIV_H
#define WITAN_SERVICE_AUTH_AUTH_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "service/auth.h"
#include "wire/digest.h"

#define AUTH_PROOFS_MAX     16   /* users proven at once on one connection */
#define AUTH_NONCES_MAX     64   /* nonces in use at once on one connection */
#define AUTH_WAITS_MAX      1024 /* slowed answers of a process */
#define AUTH_WAITS_CONN_MAX 8    /* slowed answers of one connection */
#define AUTH_GUESSED_MAX    8192 /* names, and addresses, that failures are remembered of */

/* ---- nonces (auth_nonce.c) ---- */

#define NONCE_ID    12              /* bytes: 6 of the moment it was made, 2 that number those of one moment, 4 of chance */
#define NONCE_BYTES (NONCE_ID + 12) /* and its MAC */
#define NONCE_TEXT  32              /* characters: base64url of the bytes */

/* Counts that were used, each once: a window, so that requests may overtake one another. Begins with zeros. */
struct counts {
	uint32_t top;    /* the highest */
	uint64_t window; /* bit n: top - n was used */
};
/* May it be used? 0 may not, nor what is too far behind the highest. */
bool counts_is_fresh(const struct counts *c, uint32_t count);
/* Only after counts_is_fresh. */
void counts_use(struct counts *c, uint32_t count);

/* A nonce that was used, and how (RFC 7616 3.4.5). */
struct nonce_use {
	uint8_t id[NONCE_ID];
	struct counts counts;
};

/* number: counts up from one to the next, so that those of one millisecond have an order, too */
void nonce_make(struct crypt *c, const struct flow *f, uint64_t now_ms, uint16_t number, char out[NONCE_TEXT]);
/* Was it made by us for this connection? */
bool nonce_read(struct crypt *c, const struct flow *f, str text, uint8_t id[NONCE_ID]);
uint64_t nonce_time(const uint8_t id[NONCE_ID]); /* milliseconds on the clock of nonce_make */
/* Grows from one nonce of a process to the next. */
uint64_t nonce_order(const uint8_t id[NONCE_ID]);

/* ---- what is known of a connection (auth_conn.c) ---- */

struct proof {
	const struct user *user; /* a reference */
	uint64_t until_ms;
	uint32_t epoch; /* user's, when it was proven */
	uint32_t used;  /* when, in uses of the connection's proofs */
};

/* In conn_user_slot once somebody has proven himself. The first of each list is inline: most connections have one user.
 */
struct auth_conn {
	uint64_t floor; /* nonces up to this one (nonce_order) that are not in the list have been forgotten */
	uint32_t uses;
	uint8_t n_proofs, n_nonces, nonces_size;
	uint8_t n_waits;
	bool is_md5;              /* the client proved somebody by MD5 */
	struct proof *proofs;     /* &proof, or a list of AUTH_PROOFS_MAX */
	struct nonce_use *nonces; /* &nonce, or a list of nonces_size */
	struct proof proof;
	struct nonce_use nonce;
};

/* Made when it is first needed; NULL without memory. */
struct auth_conn *auth_conn_get(struct conn *c);
struct auth_conn *auth_conn_find(struct conn *c);
void auth_conn_free(struct conn *c);
/* The proof that aor gave here and that still holds but for its age; NULL. */
const struct proof *auth_conn_proof(struct auth_conn *ac, str aor);
/* aor has proven himself until then; the proof that was not used for the longest time gives way. */
void auth_conn_prove(struct auth_conn *ac, const struct user *u, uint64_t until_ms);

enum nonce_verdict {
	NONCE_FRESH, /* may be used with this count */
	NONCE_REPLAYED,
	NONCE_FORGOTTEN /* so old that its counts are not known any more */
};
enum nonce_verdict auth_conn_nonce(const struct auth_conn *ac, const uint8_t id[NONCE_ID], uint32_t count);
/* The count was used. Only after NONCE_FRESH. */
void auth_conn_nonce_use(struct auth_conn *ac, const uint8_t id[NONCE_ID], uint32_t count);

/* ---- who fails how often (auth_guess.c) ---- */

/* A bounded table of failures; the entry that was not touched for the longest time gives way. */
struct guesses {
	struct map by_key;
	struct list by_age; /* oldest first */
};

void guesses_init(struct guesses *g);
void guesses_fini(struct guesses *g);
/* Failures in a row of key. */
uint32_t guesses_count(const struct guesses *g, str key);
bool guesses_is_locked(const struct guesses *g, str key, uint64_t now_ms);
/* One more; answers how many there are now (0 only without memory). They begin anew when the last is forget_ms ago. */
uint32_t guesses_add(struct guesses *g, str key, uint64_t now_ms, uint64_t forget_ms);
/* Key is locked until then (0: not), and has failed so often at least. */
void guesses_lock(struct guesses *g, str key, uint32_t failures, uint64_t until_ms);
void guesses_forget(struct guesses *g, str key);
/* IPv4: the address; IPv6: its /64. Answers the key in out. */
str guesses_address(const struct addr *a, char out[17]);
/* How long the answer after this many failures waits. */
uint32_t guesses_delay_ms(uint32_t failures);

/* ---- answers (auth_answer.c) ---- */

struct auth {
	struct auth_config config;
	struct guesses names, addresses;
	struct list waits;
	size_t n_waits;
	uint16_t n_nonces; /* made so far */
};

/* What the configuration says, at this moment. */
struct auth_policy {
	bool takes[CRYPT_HASH_N];
	uint32_t nonce_ms, max_failures;
};
struct auth_policy auth_policy_of(const struct auth *a);

uint64_t auth_unix_ms(const struct auth *a);
/* The realm of a request: the domain of From (REGISTER: To) if it is ours, else the default one. */
str auth_realm(const struct auth *a, const struct request *r);
/* 401 or 407 with a fresh nonce, now. */
void auth_challenge(struct auth *a, struct request *r, bool stale);
/* The same after delay_ms; when too many wait already, now, and the connection is closed. Answers STAGE_WAIT or
 * STAGE_DONE. */
enum stage_verdict auth_challenge_later(struct auth *a, struct request *r, uint32_t delay_ms);
void auth_answers_close(struct auth *a, struct conn *c);

#endif
