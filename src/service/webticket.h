/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webticket - what a web ticket holds: who, for which service, until when, and the key that its owner signs with. It is sealed by a key that comes
 * from the user's own stored secret, so that every server that has the user can open it, and none once his password is another
 * (docs/adr/0069). Pure.
 */
#ifndef WITAN_SERVICE_WEBTICKET_H
#define WITAN_SERVICE_WEBTICKET_H

#include "base/crypt.h"
#include "base/err.h"
#include "base/str.h"

#define WEBTICKET_SECONDS  (8 * 3600)
#define WEBTICKET_ID       51  /* characters of an id, with its NUL */
#define WEBTICKET_KEY_MAX  64  /* bytes */
#define WEBTICKET_WORD_MAX 300 /* bytes of an audience */
#define WEBTICKET_SEALED_MAX 768

struct webticket {
	char id[WEBTICKET_ID];
	int64_t since, until; /* seconds since 1970 */
	str audience;         /* URL of the service that it is for */
	uint8_t key[WEBTICKET_KEY_MAX];
	size_t n_key; /* 0: for whoever bears it */
};

/* Fills id, since and until; the rest is the caller's. */
void webticket_new(struct webticket *t, int64_t now);
/* secret: what is stored of the user's password; aor: his address. c's key is changed, so it has to be one for this alone. sealed: at most
 * WEBTICKET_SEALED_MAX bytes, *n of them. */
err webticket_seal(struct crypt *c, str secret, str aor, const struct webticket *t, uint8_t *sealed, size_t *n);
/* What was sealed, compared with what stands readable beside it (shown, without its key). REFUSED with d: not ours, of another user or of an older
 * password, changed, or ended at `now`. out->audience is that of shown. */
err webticket_open(struct crypt *c, str secret, str aor, str sealed, const struct webticket *shown, int64_t now, struct webticket *out, struct diag *d);
/* Overwrites the key. */
void webticket_fini(struct webticket *t);

/* The key of both halves (P_SHA1 of WS-SecureConversation, which is that of RFC 2246 5): as long as the client's. CEILING. */
err webticket_key(str client, str server, uint8_t key[WEBTICKET_KEY_MAX], size_t *n);

/* Whether a ticket for one URL is good for a path: the same service, "/CertProv/..." or "/Autodiscover/...". */
bool webticket_is_for(str audience, str path);

#endif
