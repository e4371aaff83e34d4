/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user - the users of the deployment as vault tells them, in the memory of one process. Written when messages of vault
 * come in, read by every request. Whoever keeps a user longer than a call takes a reference.
 */
#ifndef WITAN_SERVICE_USER_H
#define WITAN_SERVICE_USER_H

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"

#define USER_AOR_MAX  254 /* bytes of an address of record (uri_aor has the same limit) */
#define USER_GRANTS_MAX 16384
#define USER_NAME_MAX 256 /* bytes of a display name; longer ones are cut */

struct user {
	struct map_node node;
	uint64_t version;      /* of the store, at the last change */
	uint64_t locked_until; /* milliseconds since 1970; 0: not locked */
	uint32_t failures;     /* wrong passwords in a row, as vault counts them */
	uint32_t epoch; /* grows whenever password, `enabled`, `needs_certificate` or existence change: what was proven before no longer
			   holds */
	uint32_t refs;
	uint32_t seen; /* the snapshot that named him last */
	uint16_t aor_n, name_n, grants_n;
	bool enabled;           /* false also once he is gone */
	bool needs_certificate; /* a password, NTLM or Kerberos proves nothing */
	bool has_md5;           /* without it only SHA-256 can be proven */
	uint8_t ha1_md5[16];    /* MD5(user:domain:password) */
	uint8_t ha1_sha256[32]; /* SHA-256 of the same */
	char *text;             /* aor, then display name, then grants */
};

static inline str user_aor(const struct user *u)
{
	return (str){ u->text, u->aor_n };
}

static inline str user_display_name(const struct user *u)
{
	return (str){ u->text + u->aor_n, u->name_n };
}

/* "ConferencingPolicy=Sales\nAudioVideoDisabled=True": granted policies and marks of his own, one a line (model/policy). */
static inline str user_grants(const struct user *u)
{
	return (str){ u->text + u->aor_n + u->name_n, u->grants_n };
}

struct users; /* all users of a process */

err users_new(struct users **out);
/* References that are still held stay good until they are dropped. */
void users_free(struct users *s);

/* What vault tells of one user. Slices are copied. */
struct user_row {
	uint64_t version;
	str aor; /* lower case */
	str display_name;
	bool enabled, needs_certificate;
	str ha1_md5;    /* 16 bytes, or empty */
	str ha1_sha256; /* 32 bytes */
	str grants;     /* at most USER_GRANTS_MAX bytes; more: MALFORMED */
};

/*
 * A snapshot: begin, put for each user, end. Until end everybody who was known stays known; end drops whom the snapshot
 * did not name. A begin without an end (vault died again) followed by another begin is fine. Outside of a snapshot put
 * and remove are single changes.
 */
void users_begin(struct users *s);
/* Adds or changes. MALFORMED: an empty or over-long aor, or a hash of the wrong size. */
err users_put(struct users *s, const struct user_row *row);
void users_remove(struct users *s, str aor);
/* gone (NULL allowed) is called for each that is dropped, who is not found any more then; aor is good during the call. It may not change s. */
void users_end(struct users *s, void (*gone)(void *arg, str aor), void *arg);
/* Vault's count of wrong passwords and the moment (milliseconds since 1970, 0: none) until which nobody may sign in. */
void users_lock(struct users *s, str aor, uint32_t failures, uint64_t until_unix_ms);

/* By address of record in lower case; NULL: there is none. Good until the next change unless referenced. */
const struct user *user_find(const struct users *s, str aor);
/* The struct stays; when the user is removed meanwhile, enabled is false and epoch has grown. */
const struct user *user_ref(const struct user *u);
void user_unref(const struct user *u);
size_t users_count(const struct users *s);

/* The SIP domains of the deployment, comma-separated, the default first. Copied, in lower case. */
err users_set_domains(struct users *s, str domains);
/* Is host (any case) one of them? */
bool users_is_domain(const struct users *s, str host);
/* The domain as stored (lower case), or the default one when host is none of ours. Good until users_set_domains. */
str users_domain(const struct users *s, str host);

#endif
