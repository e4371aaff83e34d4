/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists of other authorities, which a process of its own fetches by HTTP: where they are, when they are fetched, what is kept. */
#ifndef WITAN_ROLE_VAULT_FETCH_H
#define WITAN_ROLE_VAULT_FETCH_H

#include "role/vault/vault_cert.h"

enum {
	LISTS_MAX = 48,         /* fewer than TRUST_LISTS_MAX: some are ours, or put there by administrators */
	LISTS_OF_PEERS_MAX = 16, /* of them */
	LISTS_AT_ONCE = 4,
	LIST_URL_MAX = 1024,
	LIST_ISSUER_MAX = 512,
	LIST_LEAST_SECONDS = 300,
	LIST_AGAIN_SECONDS = 60, /* after a failure; doubled up to */
	LIST_AGAIN_MOST = 3600,
};

/* ---- fetch_time.c: pure ---- */

/* Seconds from now until a list that is good until `ends` is fetched again: half of its time, at least LIST_LEAST_SECONDS, at most `period`,
 * which may be less than both. */
uint32_t list_next(int64_t now, int64_t ends, uint32_t period);
/* Seconds until the next try after so many failures, at most `period`; random spreads those of several servers by a quarter. */
uint32_t list_again(unsigned failures, uint32_t period, uint32_t random);

/* What a list says of itself. */
struct list_age {
	uint64_t number; /* 0: none */
	int64_t begins;  /* thisUpdate */
};
/* Whether it was issued before the one that is kept. */
bool list_is_older(const struct list_age *fresh, const struct list_age *kept);

/* ---- fetch.c: the table, and the way to the process ---- */

struct fetch_list {
	uint32_t id;
	char url[LIST_URL_MAX + 1];
	char issuer[LIST_ISSUER_MAX + 1]; /* whose list it is: the name in RFC 2253 */
	char file[32];                    /* in certs/: "fetched-0123456789abcdef.crl", by the URL */
	bool is_named;                    /* by a certificate here; the others go */
	bool is_of_peer;                  /* by the certificate of a peer: kept in certs/fetched */
	bool is_asked;                    /* the process is at it */
	uint64_t due;                     /* milliseconds of the loop's clock */
	unsigned failures;                /* since the last success */
	char why[241];                    /* of the last one */
	int64_t begins, ends;             /* of the list that is kept; ends 0: there is none */
	size_t entries;
};

struct vault_fetches {
	struct ipc *channel; /* NULL: the process is not there */
	struct timer timer;
	uint32_t last_id;
	bool is_told, is_running; /* what master was told */
	bool is_full;    /* that there are too many was told */
	bool knows_peers; /* what they named before was read */
	size_t n;
	struct fetch_list lists[LISTS_MAX];
};

/* Seconds since 1970. */
int64_t vault_fetch_now(void);
/* At the place that the URL has in the table. NULL: there is no room, which is told once. */
struct fetch_list *vault_fetch_want(struct vault *v, str url, str issuer);

bool vault_fetch_has_file(const struct vault *v, const char *name);

/* ---- fetch_url.c ---- */

/* Certificates that are known here: those that are trusted, and the chains of the store. */
struct fetch_views {
	struct arena arena;
	struct fetch_view {
		struct cert_view x;
		str pem;
		bool is_own; /* an authority of ours, which writes its lists itself */
	} *p;
	size_t n;
};

/* Ends with arena_fini(&s->arena), whatever the answer. NO_MEMORY. */
err fetch_views_fill(const struct vault *v, struct fetch_views *s);
/* Marks (is_named) and adds the lists that certificates here name. tells: what cannot be fetched is told, too. */
void vault_fetch_collect(struct vault *v, bool tells);

/* ---- fetch_peer.c ---- */

/* Adds what peers named before this start, and marks what an authority that is known here may still be asked for. */
void vault_fetch_collect_peers(struct vault *v, const struct fetch_views *s);

/* ---- fetch_take.c ---- */

/* Fills begins, ends and entries by the file that is kept. */
void vault_fetch_read_kept(struct vault *v, struct fetch_list *l);
/* Keeps what came, if it is newer than what is kept: *is_new. REFUSED with d: it is no list of l->issuer, or an older one; DISK_FULL ... */
err vault_fetch_take(struct vault *v, struct fetch_list *l, str bytes, bool *is_new, struct diag *d);
/* Removes fetched files that no certificate names any more and that say nothing any more. */
void vault_fetch_sweep(struct vault *v);

#endif
