/* SPDX-License-Identifier: Apache-2.0 */
/* The steps by which a file becomes this version's schema; a test opens with steps of its own. */
#ifndef WITAN_MODEL_STORE_PRIV_H
#define WITAN_MODEL_STORE_PRIV_H

#include "model/store.h"

#include <sqlite3.h>

#define STORE_APPLICATION 0x5769546e /* "WiTn": PRAGMA application_id */

/* A step brings the schema from its place in the table to the next one; a released step is never changed. */
struct store_step {
	const char *what; /* for the log */
	const char *sql;
};

extern const struct store_step store_steps[];
extern const size_t store_n_steps;

enum store_sql {
#define SQL(id, text) SQL_##id,
#include "model/store/sql.def"
#undef SQL
	SQL_N
};

struct store {
	char *path;
	struct log *log;
	struct meter *meter;
	const struct store_step *steps;
	size_t n_steps;
	sqlite3 *db; /* NULL: could not be opened again yet */
	sqlite3_stmt *stmt[SQL_N];
	uint64_t version, committed_version;
	bool in_group;   /* a transaction is open */
	bool in_command; /* between store_begin and store_end */
	bool is_failed;  /* STORE_FAILED was written */
	err lost;        /* the group cannot be committed any more: why */
};

err store_open_steps(const struct store_config *config, const struct store_step *steps, size_t n, struct store **out,
	struct diag *d);

/* open.c */
err store_attach(struct store *s, struct diag *d); /* opens s->db and prepares; on error s->db is NULL */
void store_detach(struct store *s);
/* What an SQLite result means. */
err store_err(sqlite3 *db, int rc);
/* The disk or the file failed: writes the event once, forgets the connection and with it the group. Answers e. */
err store_fail(struct store *s, err e, const char *why);

#endif
