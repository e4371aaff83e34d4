/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, schema, and what a failure of SQLite means. */
#include "model/store/store_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const sql_text[SQL_N] = {
#define SQL(id, text) text,
#include "model/store/sql.def"
#undef SQL
};

/* A full disk shows as SQLITE_FULL, or as an input/output error with one of these. */
static bool is_space(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static int errno_of(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;
	int error = 0;
	if (sqlite3_file_control(db, "main", which, &file) == SQLITE_OK && file != NULL && file->pMethods != NULL)
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

/* sqlite3_system_errno knows nothing of a write that failed inside a step: the file and its journal remember it. */
static bool is_out_of_space(sqlite3 *db)
{
	return db != NULL && (is_space(sqlite3_system_errno(db)) || is_space(errno_of(db, SQLITE_FCNTL_FILE_POINTER)) ||
		is_space(errno_of(db, SQLITE_FCNTL_JOURNAL_POINTER)));
}

err store_err(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return OK;
	case SQLITE_FULL:
		return ERR(DISK_FULL);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return is_out_of_space(db) ? ERR(DISK_FULL) : ERR(SYSTEM);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR(CORRUPT);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR(BUSY);
	case SQLITE_NOMEM:
		return ERR(NO_MEMORY);
	case SQLITE_CONSTRAINT:
		return ERR(EXISTS);
	default:
		return ERR(SYSTEM);
	}
}

static const char *remedy_of(err e)
{
	if (err_is(e, ERR_DISK_FULL))
		return "make room on the disk; the store goes on by itself";
	if (err_is(e, ERR_CORRUPT))
		return "put a backup of the file in its place";
	if (err_is(e, ERR_BUSY))
		return "another process has the store open; end it";
	return "see that the directory exists and belongs to the vault's user";
}

static err refuse(struct store *s, struct diag *d, int rc)
{
	err e = store_err(s->db, rc);
	return diag_fail(d, e, s->path, remedy_of(e), "%s", s->db != NULL ? sqlite3_errmsg(s->db) : e.def->text);
}

static int read_int(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	int end = sqlite3_finalize(st);
	return rc == SQLITE_ROW ? end : rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

/* Exclusive: the vault is alone, so the journal's index need not be a shared file that a full disk could tear. */
static const char setup[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA foreign_keys = ON;"
	"PRAGMA secure_delete = ON;"
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA journal_size_limit = 4194304;";

static int run_step(struct store *s, size_t at)
{
	char mark[96];
	(void)snprintf(mark, sizeof mark, "PRAGMA user_version = %zu; PRAGMA application_id = %d; COMMIT", at + 1, STORE_APPLICATION);
	int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, s->steps[at].sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, mark, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		LOG(s->log, STORE_MIGRATED, LOG_Z("what", s->steps[at].what), LOG_INT("schema", at + 1));
	return rc;
}

static err migrate(struct store *s, struct diag *d)
{
	int64_t schema = 0, application = 0, tables = 0;
	int rc = read_int(s->db, "PRAGMA user_version", &schema);
	if (rc == SQLITE_OK)
		rc = read_int(s->db, "PRAGMA application_id", &application);
	if (rc == SQLITE_OK)
		rc = read_int(s->db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc != SQLITE_OK)
		return refuse(s, d, rc);
	if (application != STORE_APPLICATION && (application != 0 || tables != 0 || schema != 0))
		return diag_fail(d, ERR(CORRUPT), s->path, "name another file, or put a backup in its place", "this is a database of another program");
	if (schema < 0 || (uint64_t)schema > s->n_steps)
		return diag_fail(d, ERR(REFUSED), s->path, "run the newer version again, or put a backup of the older one in its place",
			"written by a newer version (schema %lld, this one knows %zu)", (long long)schema, s->n_steps);
	for (size_t at = (size_t)schema; at < s->n_steps; at++)
		if ((rc = run_step(s, at)) != SQLITE_OK)
			return refuse(s, d, rc);
	return OK;
}

static err prepare(struct store *s, struct diag *d)
{
	for (size_t i = 0; i < SQL_N; i++) {
		int rc = sqlite3_prepare_v3(s->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL);
		if (rc != SQLITE_OK)
			return refuse(s, d, rc);
	}
	int64_t version = 0;
	int rc = read_int(s->db, sql_text[SQL_VERSION_GET], &version);
	if (rc != SQLITE_OK)
		return refuse(s, d, rc);
	s->version = s->committed_version = (uint64_t)version;
	return OK;
}

static err attach(struct store *s, struct diag *d)
{
	int rc = sqlite3_open_v2(s->path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (rc != SQLITE_OK)
		return refuse(s, d, rc);
	(void)sqlite3_busy_timeout(s->db, 500);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	rc = sqlite3_exec(s->db, setup, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return refuse(s, d, rc);
	TRY(migrate(s, d));
	return prepare(s, d);
}

void store_detach(struct store *s)
{
	for (size_t i = 0; i < SQL_N; i++) {
		(void)sqlite3_finalize(s->stmt[i]);
		s->stmt[i] = NULL;
	}
	(void)sqlite3_close_v2(s->db);
	s->db = NULL;
	s->in_group = s->in_command = false;
}

err store_attach(struct store *s, struct diag *d)
{
	err e = attach(s, d);
	if (failed(e))
		store_detach(s);
	return e;
}

err store_fail(struct store *s, err e, const char *why)
{
	meter_add(s->meter, METER_STORE_FAILURES, 1);
	if (!s->is_failed)
		LOG(s->log, STORE_FAILED, LOG_ERR(e), LOG_Z("why", why), LOG_Z("remedy", remedy_of(e)));
	s->is_failed = true;
	if (s->in_group)
		s->lost = e;
	store_detach(s); /* a connection that saw such an error is not trusted; the file is, by its journal */
	s->version = s->committed_version;
	return e;
}

err store_open_steps(const struct store_config *config, const struct store_step *steps, size_t n, struct store **out,
	struct diag *d)
{
	struct store *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	*s = (struct store){ .log = config->log, .meter = config->meter, .steps = steps, .n_steps = n, .path = strdup(config->path) };
	err e = s->path != NULL ? store_attach(s, d) : ERR(NO_MEMORY);
	if (failed(e)) {
		store_close(s);
		return e;
	}
	LOG(s->log, STORE_OPENED, LOG_INT("schema", n), LOG_INT("version", s->version));
	*out = s;
	return OK;
}

err store_open(const struct store_config *config, struct store **out, struct diag *d)
{
	return store_open_steps(config, store_steps, store_n_steps, out, d);
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	store_detach(s);
	free(s->path);
	free(s);
}
