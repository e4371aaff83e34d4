/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - what must survive: users, declared objects, the history of both, the audit, locks of accounts. One process has it open.
 *
 * Changes are grouped: store_begin/store_end around each command, one store_commit for all commands of a loop turn, and
 * only then is any of them acknowledged. What store_commit has answered OK for is on the disk. After a failure (full disk,
 * unreadable file) the group is gone as a whole, and the next use tries again from the file, so that the store comes back
 * without a restart. STORE_FAILED and STORE_RECOVERED are each written once a failure.
 */
#ifndef WITAN_MODEL_STORE_H
#define WITAN_MODEL_STORE_H

#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "base/str.h"

#define STORE_AOR_MAX 254  /* bytes of an address of record */
#define STORE_NAME_MAX 256 /* bytes of a display name */
#define STORE_BODY_MAX (768u << 10) /* bytes of an object's properties as JSON */
#define STORE_CREDENTIAL_MAX 32768
#define STORE_IDENTITY_MAX 300

struct store;

struct store_config {
	const char *path; /* the file; its directory must be writable. Copied. */
	struct log *log;  /* NULL: none */
	struct meter *meter;
};

/*
 * Opens or makes the file and brings it to this version's schema. CORRUPT: not a store, or damaged; REFUSED: written by a
 * newer version; DISK_FULL; BUSY: another process has it open; SYSTEM. d may be NULL.
 */
err store_open(const struct store_config *config, struct store **out, struct diag *d);
/* Writes the journal back; an open group is dropped. NULL is allowed. */
void store_close(struct store *s);

/* ---- groups of changes ---- */

/* Begins one command's changes; not nested. */
err store_begin(struct store *s);
/* Ends them: keeps them in the group, or takes them all back. */
err store_end(struct store *s, bool keep);
/* Writes the group to the disk. OK also without changes. After an error nothing of the group holds. */
err store_commit(struct store *s);
/* Tries whether the store works again after a failure; cheap when it did not fail. */
err store_retry(struct store *s);
/* Did the last use fail because of disk or file? */
bool store_is_failed(const struct store *s);
/* Writes the journal back into the file, so that replaced secrets do not stay in it. Not inside a group. */
err store_tidy(struct store *s);

/* The number of the last change in this group or before; grows with each change. */
uint64_t store_version(const struct store *s);

/* ---- users ---- */

struct store_user {
	str aor;          /* "ann@example.test", lower case; at most STORE_AOR_MAX bytes */
	str display_name; /* at most STORE_NAME_MAX bytes */
	bool enabled;
	str ha1_md5;      /* 16 bytes, or empty */
	str ha1_sha256;   /* 32 bytes */
	str body;         /* his other properties, as JSON; at most STORE_BODY_MAX bytes */
	uint64_t created, changed; /* seconds since 1970; set by the store */
	uint64_t version;          /* of the last change; set by the store */
};

enum { STORE_USER_NAME = 1, STORE_USER_ENABLED = 2, STORE_USER_SECRET = 4, STORE_USER_BODY = 8 }; /* which members store_user_set takes */

/* Each of the three: *version (may be NULL) becomes the number of the change. MALFORMED: a member over its bounds. */
err store_user_add(struct store *s, const struct store_user *u, uint64_t *version); /* EXISTS */
err store_user_set(struct store *s, const struct store_user *u, unsigned fields, uint64_t *version); /* ABSENT */
err store_user_remove(struct store *s, str aor, uint64_t *version); /* ABSENT; his lock goes too */
/* Calls fn once; slices live until it returns, and it must not use the store. ABSENT. */
err store_user_find(struct store *s, str aor, void (*fn)(void *arg, const struct store_user *u), void *arg);
/* The same for every user who has this name (without regard to case); OK also when there is none. */
enum store_user_name { STORE_BY_SAM, STORE_BY_UPN, STORE_BY_LINE, STORE_BY_DISPLAY_NAME };
err store_user_find_by(struct store *s, enum store_user_name by, str name, void (*fn)(void *arg, const struct store_user *u), void *arg);
/* The same for all users in the order of their addresses. */
err store_users_each(struct store *s, void (*fn)(void *arg, const struct store_user *u), void *arg);
/* The same for at most `most` of those that stand behind an address (empty: from the first on). */
err store_users_after(struct store *s, str aor, uint32_t most, void (*fn)(void *arg, const struct store_user *u), void *arg);
err store_users_count(struct store *s, uint64_t *n);

/* ---- declared objects ---- */

struct store_object {
	str kind, identity, body; /* body: JSON */
	uint64_t version;         /* of the last change */
};

/* Makes or replaces. MALFORMED: over the bounds. */
err store_object_set(struct store *s, str kind, str identity, str body);
err store_object_remove(struct store *s, str kind, str identity); /* ABSENT */
/* Identities are compared without regard to case. ABSENT. fn as for users. */
err store_object_find(struct store *s, str kind, str identity, void (*fn)(void *arg, const struct store_object *o), void *arg);
/* All of a kind (empty: of every kind) in the order of their names. */
err store_objects_each(struct store *s, str kind, void (*fn)(void *arg, const struct store_object *o), void *arg);

err store_objects_count(struct store *s, str kind, uint64_t *n);

/* ---- history ---- */

struct store_change {
	uint64_t version, time; /* seconds since 1970; set by the store */
	str author, command;
	str diff;   /* JSON: what it was before and is after */
	str sealed; /* what taking it back needs and nobody may see */
};

/* Writes the history of this command; once, between begin and end. */
err store_history_add(struct store *s, const struct store_change *c);
/* From the newest down to (not including) version `after`, at most `most`. */
err store_history_each(struct store *s, uint64_t after, uint64_t most, void (*fn)(void *arg, const struct store_change *c), void *arg);
/* Drops all but the newest `keep`. */
err store_history_trim(struct store *s, uint64_t keep);

/* ---- audit: rows that are only added; their chain is model/audit ---- */

struct store_audit {
	uint64_t number, time; /* number: 1, 2, 3 ... without a gap; time: seconds since 1970 */
	str author, address, command, result, detail;
	str hash; /* 32 bytes */
};

err store_audit_add(struct store *s, const struct store_audit *a); /* EXISTS: the number is taken */
/* From number `from` on, at most `most`, oldest first. */
err store_audit_each(struct store *s, uint64_t from, uint64_t most, void (*fn)(void *arg, const struct store_audit *a), void *arg);
/* Calls fn with the newest row, if there is any. */
err store_audit_last(struct store *s, void (*fn)(void *arg, const struct store_audit *a), void *arg);

/* ---- incidents of walls and rules for content ---- */

#define STORE_INCIDENT_TEXT 4096

struct store_incident {
	uint64_t time; /* seconds since 1970 */
	str rule, action, modality, from, to, text;
	uint64_t number; /* set by the store */
};

err store_incident_add(struct store *s, const struct store_incident *i);
/* The newest `most`, newest first; of somebody alone, when aor is not empty. */
err store_incidents_each(struct store *s, str aor, uint64_t most, void (*fn)(void *arg, const struct store_incident *i), void *arg);
/* All but the newest `keep` and those before a time go. */
err store_incidents_trim(struct store *s, uint64_t keep, uint64_t since);

/* ---- other secrets of users, and what goes the same way: with its user, to copies, into a sealed export ---- */

/* kind: "totp", "pin", "nt"; "photo". value: at most STORE_CREDENTIAL_MAX bytes. ABSENT: no such user. */
err store_credential_set(struct store *s, str aor, str kind, str value);
err store_credential_remove(struct store *s, str aor, str kind); /* OK also without one */
/* fn as for users. ABSENT. */
err store_credential_find(struct store *s, str aor, str kind, void (*fn)(void *arg, str value), void *arg);
err store_credentials_each(struct store *s, void (*fn)(void *arg, str aor, str kind, str value), void *arg);

/* ---- what people keep (service/kept says what a row is) ---- */

/* Adds or replaces a row of aor. ABSENT: no such user. */
err store_kept_set(struct store *s, str aor, uint32_t kind, str key, str value);
err store_kept_remove(struct store *s, str aor, uint32_t kind, str key); /* OK also without one */
err store_kept_each(struct store *s, str aor, void (*fn)(void *arg, uint32_t kind, str key, str value), void *arg);
/* How many rows aor has, and their bytes. */
err store_kept_size(struct store *s, str aor, uint64_t *rows, uint64_t *bytes);

/* ---- copies ---- */

/* Writes a whole copy of the committed state to a new file while the store goes on. EXISTS, DISK_FULL, SYSTEM. */
err store_backup(struct store *s, const char *path, struct diag *d);

/* ---- locks ---- */

/* Wrong passwords in a row, and the moment (milliseconds since 1970) until which the user is locked. ABSENT: no such user. */
err store_lock_set(struct store *s, str aor, uint32_t failures, uint64_t until_ms);
err store_lock_remove(struct store *s, str aor); /* OK also without one */
err store_locks_each(struct store *s, void (*fn)(void *arg, str aor, uint32_t failures, uint64_t until_ms), void *arg);

#endif
