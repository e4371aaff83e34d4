/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - what people keep on the server: contacts and groups, who may see what of them, what they have published for good. Vault has it on the
 * disk; the home of a user reads it once he is needed, and writes every change through. What was acknowledged is durable.
 */
#ifndef WITAN_SERVICE_KEPT_H
#define WITAN_SERVICE_KEPT_H

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"

/* What a row is. The numbers are in the store: never give one a new meaning. */
enum kept_kind {
	KEPT_GROUP = 1,       /* key: number; value: name */
	KEPT_CONTACT = 2,     /* key: address of record; value: see service/contact */
	KEPT_DELTA = 3,       /* key empty; value: number of changes of the contact list */
	KEPT_CONTAINER = 4,   /* key: number of a container; value: see service/pres */
	KEPT_PUBLICATION = 5, /* key: category, instance, container; value: see service/pres */
	KEPT_SUBSCRIBER = 6,  /* key: address of record; value: see service/pres */
	KEPT_CARD = 7,        /* key: property of the user ("Title"); value: its text. Only read: administrators write it */
	KEPT_KINDS
};

#define KEPT_KEY_MAX   512    /* bytes */
#define KEPT_VALUE_MAX 65536
#define KEPT_ROWS_MAX  4096   /* of one user, without KEPT_CARD */
#define KEPT_USER_MAX  (1u << 20) /* bytes of all rows of one user */

/* One row. In a change, an empty value with is_gone removes it. */
struct kept_row {
	enum kept_kind kind;
	bool is_gone;
	str key, value;
};

/* Appends one to a list of rows as it travels. out->failed past its ceiling; ASSERTs the limits of key and value. */
void kept_row_add(struct buf *out, const struct kept_row *row);
/* The next of a list; false at its end. MALFORMED: not made by kept_row_add, or over a limit. */
bool kept_row_next(str *rest, struct kept_row *row, err *e);

/* ---- the home's side ---- */

struct kept; /* of a process */

/* rows: all of them, good for the call; after an error empty. */
typedef void (*kept_loaded_fn)(void *arg, err e, str rows);
typedef void (*kept_saved_fn)(void *arg, err e);

struct kept_door {
	/* A question to vault; an error: vault is not there. */
	err (*ask)(void *arg, uint64_t id, str aor);
	err (*set)(void *arg, uint64_t id, str aor, str rows);
};

err kept_new(const struct kept_door *door, void *arg, struct kept **out);
/* What was asked is not answered any more. */
void kept_free(struct kept *k);
/*
 * Reads everything of aor; fn is called once, later: BUSY when vault is away or too much is under way. owner: kept_forget takes back
 * everything that was asked with it.
 */
err kept_load(struct kept *k, str aor, kept_loaded_fn fn, void *owner);
/* Writes a change; fn (NULL: nobody waits) is called once, when it is on the disk, or with the reason why not (ABSENT: no such user, CEILING,
 * DISK_FULL, BUSY). Changes of one user are made in the order of the calls. */
err kept_save(struct kept *k, str aor, str rows, kept_saved_fn fn, void *owner);
void kept_forget(struct kept *k, void *owner);

/* What vault answers. Unknown ids are passed over. */
void kept_told_rows(struct kept *k, uint64_t id, str rows, bool is_last);
void kept_told_done(struct kept *k, uint64_t id, err e);
/* Vault has gone: all that is under way fails with BUSY. What was not acknowledged may or may not be on the disk. */
void kept_told_nothing(struct kept *k);

#endif
