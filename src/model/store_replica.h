/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store, as copied to other servers: what has changed since a moment, read piece by piece while the store goes on; and on the other
 * server, what has come, laid aside until it is whole and then made to hold at once. Users, objects and files are copied; locks,
 * history and audit are each server's own.
 */
#ifndef WITAN_MODEL_STORE_REPLICA_H
#define WITAN_MODEL_STORE_REPLICA_H

#include "model/store.h"
#include "wire/replica.h"

#define STORE_MOMENTS 10000 /* so many versions back it is known what has gone since */

/* A moment of one store: no other store, and no other history of this one, has the same mark at this version. */
struct store_moment {
	uint64_t version, mark;
};

/* ---- the store that is copied ---- */

err store_moment_get(struct store *s, struct store_moment *out);
/* Whether m is a moment of this store, recent enough that everything since can be told. */
err store_moment_is_known(struct store *s, const struct store_moment *m, bool *known);

/* Where a reading stands: of each table the newest row that was told. */
struct store_walk {
	bool people; /* users and their secrets, too */
	struct {
		uint64_t version;
		char key[2][STORE_IDENTITY_MAX + 1];
	} at[5];
};

/* Everything after a version; 0: everything there is. */
void store_walk_init(struct store_walk *w, uint64_t after, bool people);
/* Calls fn for rows that follow, each in its newest state, until it answers false: that row was not taken, and comes again. *end: there was no other,
 * so all that was told together is the store as it is now. Not inside a group that may be taken back. */
err store_walk_next(struct store *s, struct store_walk *w, bool (*fn)(void *arg, const struct replica_row *r), void *arg, bool *end);

/* Files of the deployment that are copied, too. No change when the content is the same. Inside a group. */
err store_file_set(struct store *s, str name, str content);
/* Content as bytes that live until fn returns. ABSENT. */
err store_file_find(struct store *s, str name, void (*fn)(void *arg, str content), void *arg);

/* Forgets what is older than STORE_MOMENTS. Inside a group. */
err store_moments_trim(struct store *s);

/* ---- the copy ---- */

/* The moment of the other store that this one has; 0, 0: none. */
err store_copy_get(struct store *s, struct store_moment *out);
/* Each inside a group. Drops what was laid aside before. */
err store_stage_begin(struct store *s);
err store_stage_add(struct store *s, const struct replica_row *r);
/*
 * Makes what was laid aside hold; whole: what is not among it goes. Before that fn is called for each row that will change something or go,
 * in the form of a row (of users and objects the address or kind and identity alone), which must not use the store.
 */
err store_stage_apply(struct store *s, const struct store_moment *m, bool whole, void (*fn)(void *arg, const struct replica_row *r), void *arg);

#endif
