/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certstore - the certificates of this machine: the files of certs/, read once and written through. Each step is one atomic write, so that
 * a kill at any moment leaves every certificate, every pending request and every assignment as it was before or as it is after. Private
 * keys are elsewhere; whoever adds a certificate has seen to it that its key is there.
 *
 *   THUMBPRINT.pem   a certificate and its issuers without the root; lines before the first block say more of it
 *   KEY.request      a request that is waiting for its answer, likewise
 *   assigned         a line for each usage: USAGE CURRENT PREVIOUS NEXT SINCE, "-" for none; SINCE in seconds since 1970
 */
#ifndef WITAN_SERVICE_CERTSTORE_H
#define WITAN_SERVICE_CERTSTORE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/cert.h"
#include "service/plan.h"

enum { CERTSTORE_MAX = 256, CERTSTORE_REQUESTS_MAX = 64, CERTSTORE_FRIENDLY = 128, CERTSTORE_THUMBPRINT = 41, CERTSTORE_USAGES = 400 };

struct certstore_cert {
	char thumbprint[CERTSTORE_THUMBPRINT]; /* SHA-1 of the certificate, upper case */
	char friendly[CERTSTORE_FRIENDLY];     /* never empty, and no other certificate or request has it */
	uint8_t key[32];                       /* cert_spki_hash of its key */
	bool exportable;                       /* the key, when it came */
	bool was_used;                         /* it has been assigned, or was to be, since the store was opened */
	int64_t from, until;                   /* as the certificate says; seconds since 1970 */
	struct buf chain;                      /* PEM */
};

struct certstore_request {
	uint8_t key[32];
	char friendly[CERTSTORE_FRIENDLY];
	char usages[CERTSTORE_USAGES]; /* "Default,WebServicesInternal", may be empty */
	bool exportable;
	int64_t made;
	struct buf pem; /* the request */
};

struct certstore_assignment {
	char current[CERTSTORE_THUMBPRINT], previous[CERTSTORE_THUMBPRINT], next[CERTSTORE_THUMBPRINT]; /* empty: none */
	int64_t since; /* when next becomes current */
};

struct certstore;

/* Reads certs/. dir stays the caller's, and is used until the end. A certificate that cannot be read is left out; *odd (NULL allowed) becomes the
 * number of such files and d speaks of the last one. Assignments to what is not there fall back to what was presented before. SYSTEM, CEILING. */
err certstore_open(int dir, struct certstore **out, unsigned *odd, struct diag *d);
void certstore_close(struct certstore *s); /* NULL allowed */

/* ---- certificates; pointers are good until the next change ---- */

size_t certstore_count(const struct certstore *s);
const struct certstore_cert *certstore_at(const struct certstore *s, size_t i);
/* By thumbprint as people copy it: in any case, with spaces and colons between, with an invisible character before. NULL: there is none. */
const struct certstore_cert *certstore_find(const struct certstore *s, str thumbprint);
/* Adds a chain (PEM, leaf first). friendly is made unique by a number behind it. EXISTS: it is there already, and *out is that one; CEILING,
 * MALFORMED, DISK_FULL ... with d; then nothing has changed. */
err certstore_add(struct certstore *s, str chain_pem, str friendly, bool exportable, const struct certstore_cert **out, struct diag *d);
/* REFUSED with d: it is assigned. */
err certstore_remove(struct certstore *s, const struct certstore_cert *c, struct diag *d);
/* Whether a certificate or a request has this key. */
bool certstore_has_key(const struct certstore *s, const uint8_t key[32]);
/* Whether a friendly name is taken; compared without regard to case. */
bool certstore_has_friendly(const struct certstore *s, str friendly);

/* ---- requests that wait ---- */

size_t certstore_request_count(const struct certstore *s);
const struct certstore_request *certstore_request_at(const struct certstore *s, size_t i);
/* Those of r are copied; its friendly name is made unique. */
err certstore_request_add(struct certstore *s, const struct certstore_request *r, const struct certstore_request **out, struct diag *d);
const struct certstore_request *certstore_request_find(const struct certstore *s, const uint8_t key[32]);
err certstore_request_remove(struct certstore *s, const struct certstore_request *r, struct diag *d);

/* ---- which certificate is for what; a set of usages has 1 << usage for each ---- */

const struct certstore_assignment *certstore_assignment(const struct certstore *s, enum plan_usage usage);
/* What a usage presents now. NULL: nothing. */
const struct certstore_cert *certstore_assigned(const struct certstore *s, enum plan_usage usage);
/* The usages that a certificate is assigned to now; with_next: or will be. */
uint32_t certstore_usages(const struct certstore *s, const struct certstore_cert *c, bool with_next);
/* From now on; what was current becomes previous. */
err certstore_assign(struct certstore *s, uint32_t usages, const struct certstore_cert *c, struct diag *d);
/* From `since` on: certstore_tick does it. */
err certstore_roll(struct certstore *s, uint32_t usages, const struct certstore_cert *c, int64_t since, struct diag *d);
/* Nothing any more. */
err certstore_unassign(struct certstore *s, uint32_t usages, struct diag *d);
/* Makes current whose time has come; *changed becomes the set of usages. */
err certstore_tick(struct certstore *s, int64_t now, uint32_t *changed, struct diag *d);

/* "Default,WebServicesInternal" to a set and back. False: one of the words is no usage, *bad is it. */
bool certstore_usages_find(str words, uint32_t *out, str *bad);
void certstore_usages_print(uint32_t usages, char out[CERTSTORE_USAGES]);

#endif
