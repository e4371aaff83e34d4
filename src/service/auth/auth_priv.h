/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_AUTH_AUTH_PRIV_H
#define WITAN_SERVICE_AUTH_AUTH_PRIV_H

#include "base/list.h"
#include "service/auth.h"
#include "service/guess.h"
#include "wire/digest.h"
#include "wire/ntlm.h"
#include "wire/sipae.h"

#define AUTH_PROOFS_MAX     16   /* users proven at once on one connection */
#define AUTH_NONCES_MAX     64   /* nonces in use at once on one connection */
#define AUTH_WAITS_MAX      1024 /* slowed answers of a process */
#define AUTH_WAITS_CONN_MAX 8    /* slowed answers of one connection */
#define AUTH_GUESSED_MAX    8192 /* names, and addresses, that failures are remembered of */

#define NONCE_ID            12   /* bytes: 6 of the moment it was made, 2 that number those of one moment, 4 of chance */

/* What one request is about. */
struct claim {
	str from; /* address of record that the request is to come from */
	str to;   /* REGISTER: the one it is about; otherwise empty */
	str realm;
	struct digest digest;
	bool has_digest; /* for our realm, of an algorithm and qop that we take */
	uint8_t nonce_id[NONCE_ID];
};

/* ---- nonces (auth_nonce.c) ---- */

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
	struct sa *associations;  /* newest first (auth_sa.c) */
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

/* ---- security associations of the Lync dialect (auth_sa.c) ---- */

#define AUTH_SAS_MAX      16   /* associations of one connection; the oldest gives way */
#define AUTH_ASKS_MAX     8192 /* proofs that another process judges, at once */
#define AUTH_ASK_MS       20000
#define AUTH_SA_MS        28800000 /* an association ends after eight hours; clients renew theirs a little earlier */
#define AUTH_STS_MAX      512  /* characters of the address where certificates are to be had */
#define SA_OPAQUE         8    /* characters of the name of one */
#define SA_SIGNATURE_MAX  512  /* characters of a signature */

enum sa_state {
	SA_BEGUN,  /* challenged */
	SA_ASKED,  /* its proof is judged by another process */
	SA_READY,  /* both sides sign */
};

struct sa {
	struct sa *next;
	enum sipae_scheme scheme;
	enum sa_state state;
	unsigned version;
	char opaque[SA_OPAQUE];
	str host;                   /* by which its client knows this server */
	const struct user *user;    /* a reference, once ready */
	uint32_t epoch;             /* user's, when he was proven */
	uint64_t until_ms;          /* 0 before: as long as any association */
	struct counts counts;       /* of what the client signed */
	uint32_t sent;              /* count of what we signed */
	union {
		struct {
			uint8_t random[8];  /* of the challenge */
			uint64_t timestamp; /* and its moment; 0: none was sent */
			struct ntlm_keys keys;
		} ntlm;
		struct {
			struct kerberos_session *context; /* NULL until the proof was judged */
		} kerberos;
		struct dsk *dsk;            /* NULL until the client has begun */
	};
};

/* What a scheme does. All tokens are bytes, not text. */
struct sa_scheme {
	/* Does the configuration let people use it? */
	bool (*is_on)(const struct auth *a);
	/* A token of the client: the first (sa was just made) or a later one. Fills told, which goes into the next challenge; or q (but
	 * for id), which another process is asked. REFUSED: it proves that somebody is not who he says. */
	err (*take)(struct auth *a, struct sa *sa, str token, struct buf *told, struct auth_ask *q);
	/* Another process has found the proof right: makes the keys; until_ms: when they end, unless they hold as long as any. */
	err (*finish)(struct auth *a, struct sa *sa, str key);
	/* The signature of a text, hexadecimal; answers its length, 0: it cannot be. */
	size_t (*sign)(struct auth *a, struct sa *sa, str text, char out[SA_SIGNATURE_MAX]);
	bool (*verify)(struct auth *a, struct sa *sa, str text, str signature);
	/* Frees what it has put there. */
	void (*close)(struct sa *sa);
	/* A wrong proof may be a guess at a password: counted against the name. */
	bool is_guess;
	/* The client is told something more before it signs, in a challenge; NULL: what ends the proof is signed itself, from version 4 on. */
	str (*last)(const struct sa *sa);
};
extern const struct sa_scheme *const sa_schemes[SIPAE_SCHEMES];
extern const struct sa_scheme sa_kerberos, sa_ntlm, sa_dsk;
bool sa_scheme_is_on(const struct auth *a, enum sipae_scheme s);
/* The name of this server for whoever uses the connection. */
str auth_host(const struct auth *a, const struct conn *c);
/* Does he come through an Edge? */
bool auth_is_outside(const struct conn *c);

static inline str sa_opaque(const struct sa *sa)
{
	return (str){ sa->opaque, SA_OPAQUE };
}

/* The newest of the connection; NULL: no memory, or all of them wait for other processes. */
struct sa *sa_new(struct auth_conn *ac, enum sipae_scheme scheme, unsigned version, str host);
struct sa *sa_find(const struct auth_conn *ac, enum sipae_scheme scheme, str opaque);
void sa_remove(struct auth_conn *ac, struct sa *sa);
void sa_free_all(struct auth_conn *ac);
/* u has proven himself by it: it holds from now on. */
void sa_open(struct auth *a, struct sa *sa, const struct user *u);
/* Is it ready, young enough, and its user still who he was? */
bool sa_is_good(const struct auth *a, const struct sa *sa);
/* The newest good one that speaks for aor, or (aor empty) for anybody; NULL. */
struct sa *sa_of(const struct auth *a, const struct auth_conn *ac, str aor);
/* The one of aor, if it is good any more or not; NULL. */
struct sa *sa_last(const struct auth_conn *ac, str aor);
/* Has the client signed the message by it? A count is good for one signature. */
bool sa_verify(struct auth *a, struct sa *sa, const struct sip_msg *m, const struct sipae_credentials *c);
/* The message with our signature, appended to out. */
err sa_sign(struct auth *a, struct sa *sa, const struct sip_msg *m, struct buf *out);

/* ---- proofs of the dialect (auth_dialect.c) ---- */

/* A proof that another process judges. */
struct ask {
	struct list node;
	struct timer timer;
	struct auth *auth;
	struct sa *sa;
	struct request *request;
	str from, to; /* of the claim */
	uint64_t id;
};

/* Credentials of the dialect in a message; is_known false: there are none. MALFORMED. */
err auth_dialect_read(const struct sip_msg *m, struct sipae_credentials *out);
/* A request with such credentials. */
err auth_dialect(struct auth *a, struct request *r, const struct claim *c, const struct sipae_credentials *given, enum stage_verdict *v);
/* Is this a client that is to be asked by the dialect's schemes? */
bool auth_dialect_is_for(const struct auth *a, const struct request *r);
/* 401 with the schemes that are on. */
void auth_dialect_challenge(struct auth *a, struct request *r);
void auth_asks_close(struct auth *a, struct conn *c);

/* ---- outcomes (auth.c) ---- */

/* proven is who sends the request: may he act as the one that it names? SIP_FORBIDDEN. */
err auth_admit(struct auth *a, struct request *r, const struct claim *c, str proven);
/* A right proof of u, by whatever is no certificate. CERTIFICATE_NEEDED: it does not do for him. */
err auth_check_factor(struct auth *a, const struct request *r, const struct user *u);
/* A proof for aor (known or not) was right: failures are forgiven. */
void auth_forgive(struct auth *a, const struct user *u);
/* It was wrong, or aor is locked: counted, and the answer slowed. STAGE_WAIT or STAGE_DONE. */
enum stage_verdict auth_wrong(struct auth *a, struct request *r, str aor, bool is_locked);
/* A proof that is no guess was wrong: nobody is counted against, and the answer slowed by the address. STAGE_WAIT or STAGE_DONE. */
enum stage_verdict auth_unproven(struct auth *a, struct request *r, str aor);
bool auth_is_locked(const struct auth *a, const struct user *u, str aor);

/* ---- answers (auth_answer.c) ---- */

struct auth {
	struct auth_config config;
	struct guesses names, addresses;
	struct list waits;
	size_t n_waits;
	uint16_t n_nonces; /* made so far */
	struct list asks;
	size_t n_asks;
	uint64_t next_ask;
	struct {
		char domain[NTLM_SHORT_MOST + 1], computer[NTLM_SHORT_MOST + 1], dns_domain[256];
	} ntlm_names; /* of a Windows domain; empty: there is none */
	bool has_kerberos; /* there are keys for it */
	char sts_uri[AUTH_STS_MAX + 1]; /* where people get certificates; empty: nowhere */
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
