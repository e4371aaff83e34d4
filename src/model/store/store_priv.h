/* SPDX-License-Identifier: Apache-2.0 */
/* The steps by which a file becomes this version's schema; a test opens with steps of its own. */
#ifndef WITAN_MODEL_STORE_PRIV_H
#define WITAN_MODEL_STORE_PRIV_H

#include "model/store_replica.h"

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
	uint64_t before; /* the version at store_begin: a command makes one version, however much it writes */
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

/* replica.c */
err store_mark(struct store *s); /* the mark of the version that has just begun */
err store_gone_set(struct store *s, str kind, str identity); /* kind empty: a user */
err store_gone_remove(struct store *s, str kind, str identity);

/* ---- store.c: statements ---- */

/* Ends a statement. An error of the disk or the file takes the whole group with it. */
err sql_end(struct store *s, sqlite3_stmt *st, int rc);
err sql_run(struct store *s, enum store_sql id);
void sql_bind_text(sqlite3_stmt *st, int at, str v); /* v lives until sql_end */
void sql_bind_bytes(sqlite3_stmt *st, int at, str v);
void sql_bind_u64(sqlite3_stmt *st, int at, uint64_t v);
str sql_column(sqlite3_stmt *st, int at);
uint64_t sql_column_u64(sqlite3_stmt *st, int at);
/* Opens the file again after a failure. */
err store_ready(struct store *s);
/* A command that could not begin, or whose group was lost on the way, changes nothing. */
err store_writable(const struct store *s);
/* The number of this command's change. */
err store_bump(struct store *s, uint64_t *version);

#endif
