/* SPDX-License-Identifier: Apache-2.0 */
#include "model/store/store_priv.h"

#include <stdio.h>

/* ---- statements ---- */

static bool is_fatal(err e)
{
	return err_is(e, ERR_DISK_FULL) || err_is(e, ERR_CORRUPT) || err_is(e, ERR_SYSTEM) || err_is(e, ERR_BUSY) ||
		err_is(e, ERR_NO_MEMORY);
}

/* Ends a statement. An error of the disk or the file takes the whole group with it. */
static err end(struct store *s, sqlite3_stmt *st, int rc)
{
	err e = store_err(s->db, rc);
	char why[160] = "";
	if (failed(e))
		(void)snprintf(why, sizeof why, "%s", sqlite3_errmsg(s->db));
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return is_fatal(e) ? store_fail(s, e, why) : e;
}

static err run(struct store *s, enum store_sql id)
{
	sqlite3_stmt *st = s->stmt[id];
	return end(s, st, sqlite3_step(st));
}

static void bind_text(sqlite3_stmt *st, int at, str v)
{
	(void)sqlite3_bind_text64(st, at, v.n != 0 ? v.p : "", v.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_bytes(sqlite3_stmt *st, int at, str v)
{
	if (v.n == 0)
		(void)sqlite3_bind_null(st, at);
	else
		(void)sqlite3_bind_blob64(st, at, v.p, v.n, SQLITE_STATIC);
}

static void bind_u64(sqlite3_stmt *st, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(st, at, (sqlite3_int64)v);
}

static str column(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);
	return (str){ p != NULL ? p : "", (size_t)sqlite3_column_bytes(st, at) };
}

static uint64_t column_u64(sqlite3_stmt *st, int at)
{
	return (uint64_t)sqlite3_column_int64(st, at);
}

/* ---- groups ---- */

static err ready(struct store *s)
{
	if (s->db != NULL)
		return OK;
	struct diag d = { 0 };
	err e = store_attach(s, &d);
	return failed(e) ? store_fail(s, e, d.what) : OK;
}

err store_begin(struct store *s)
{
	ASSERT(!s->in_command);
	if (failed(s->lost))
		return s->lost; /* the group is answered by store_commit first */
	TRY(ready(s));
	if (!s->in_group) {
		TRY(run(s, SQL_BEGIN));
		s->in_group = true;
	}
	TRY(run(s, SQL_SAVE));
	s->in_command = true;
	return OK;
}

err store_end(struct store *s, bool keep)
{
	if (failed(s->lost))
		return s->lost;
	ASSERT(s->in_command);
	s->in_command = false;
	if (!keep)
		TRY(run(s, SQL_TAKE_BACK));
	TRY(run(s, SQL_RELEASE));
	if (keep)
		return OK;
	sqlite3_stmt *st = s->stmt[SQL_VERSION_GET];
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		s->version = column_u64(st, 0);
	return end(s, st, rc);
}

static err commit_group(struct store *s)
{
	if (failed(s->lost))
		return s->lost;
	if (!s->in_group)
		return OK;
	TRY(run(s, SQL_COMMIT));
	s->in_group = false;
	if (s->version != s->committed_version)
		meter_add(s->meter, METER_STORE_COMMITS, 1);
	s->committed_version = s->version;
	if (s->is_failed)
		LOG(s->log, STORE_RECOVERED, LOG_INT("version", s->version));
	s->is_failed = false;
	return OK;
}

err store_commit(struct store *s)
{
	ASSERT(!s->in_command);
	err e = commit_group(s);
	s->lost = OK;
	return e;
}

bool store_is_failed(const struct store *s)
{
	return s->is_failed;
}

uint64_t store_version(const struct store *s)
{
	return s->version;
}

static err bump(struct store *s, uint64_t *version)
{
	ASSERT(s->in_command);
	sqlite3_stmt *st = s->stmt[SQL_VERSION_SET];
	bind_u64(st, 1, s->version + 1);
	TRY(end(s, st, sqlite3_step(st)));
	s->version++;
	if (version != NULL)
		*version = s->version;
	return OK;
}

err store_retry(struct store *s)
{
	if (!s->is_failed)
		return OK;
	/* A change that must reach the disk: only writing proves that writing works. */
	err e = store_begin(s);
	if (!failed(e))
		e = bump(s, NULL);
	if (!failed(e))
		e = store_end(s, true);
	err c = store_commit(s);
	return failed(e) ? e : c;
}

err store_tidy(struct store *s)
{
	ASSERT(!s->in_group);
	TRY(ready(s));
	int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	err e = store_err(s->db, rc);
	return is_fatal(e) ? store_fail(s, e, sqlite3_errmsg(s->db)) : e;
}

/* ---- users ---- */

static bool is_sound(const struct store_user *u, unsigned fields)
{
	if (u->aor.n < 3 || u->aor.n > STORE_AOR_MAX || memchr(u->aor.p, '\0', u->aor.n) != NULL)
		return false;
	if ((fields & STORE_USER_NAME) != 0 && u->display_name.n > STORE_NAME_MAX)
		return false;
	return (fields & STORE_USER_SECRET) == 0 || (u->ha1_sha256.n == 32 && (u->ha1_md5.n == 0 || u->ha1_md5.n == 16));
}

/* A command that could not begin, or whose group was lost on the way, changes nothing. */
static err writable(const struct store *s)
{
	if (failed(s->lost))
		return s->lost;
	ASSERT(s->in_command);
	return OK;
}

err store_user_add(struct store *s, const struct store_user *u, uint64_t *version)
{
	TRY(writable(s));
	ENSURE(is_sound(u, STORE_USER_NAME | STORE_USER_SECRET), MALFORMED);
	sqlite3_stmt *st = s->stmt[SQL_USER_ADD];
	bind_text(st, 1, u->aor);
	bind_text(st, 2, u->display_name);
	bind_u64(st, 3, u->enabled ? 1 : 0);
	bind_bytes(st, 4, u->ha1_md5);
	bind_bytes(st, 5, u->ha1_sha256);
	bind_u64(st, 6, s->version + 1);
	TRY(end(s, st, sqlite3_step(st)));
	return bump(s, version);
}

/* The statement has the address as ?1 and the version as ?3; the rest is bound already. */
static err change_user(struct store *s, enum store_sql id, str aor)
{
	sqlite3_stmt *st = s->stmt[id];
	bind_text(st, 1, aor);
	bind_u64(st, 3, s->version + 1);
	TRY(end(s, st, sqlite3_step(st)));
	return sqlite3_changes(s->db) == 1 ? OK : ERR(ABSENT);
}

err store_user_set(struct store *s, const struct store_user *u, unsigned fields, uint64_t *version)
{
	TRY(writable(s));
	ENSURE(is_sound(u, fields), MALFORMED);
	if ((fields & STORE_USER_NAME) != 0) {
		bind_text(s->stmt[SQL_USER_NAME], 2, u->display_name);
		TRY(change_user(s, SQL_USER_NAME, u->aor));
	}
	if ((fields & STORE_USER_ENABLED) != 0) {
		bind_u64(s->stmt[SQL_USER_ENABLED], 2, u->enabled ? 1 : 0);
		TRY(change_user(s, SQL_USER_ENABLED, u->aor));
	}
	if ((fields & STORE_USER_SECRET) != 0) {
		bind_bytes(s->stmt[SQL_USER_SECRET], 2, u->ha1_md5);
		bind_bytes(s->stmt[SQL_USER_SECRET], 4, u->ha1_sha256);
		TRY(change_user(s, SQL_USER_SECRET, u->aor));
	}
	return bump(s, version);
}

err store_user_remove(struct store *s, str aor, uint64_t *version)
{
	TRY(writable(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_REMOVE];
	bind_text(st, 1, aor);
	TRY(end(s, st, sqlite3_step(st)));
	ENSURE(sqlite3_changes(s->db) == 1, ABSENT);
	return bump(s, version);
}

static void read_user(sqlite3_stmt *st, struct store_user *u)
{
	*u = (struct store_user){
		.aor = column(st, 0), .display_name = column(st, 1), .enabled = sqlite3_column_int(st, 2) != 0,
		.ha1_md5 = column(st, 3), .ha1_sha256 = column(st, 4), .created = column_u64(st, 5),
		.changed = column_u64(st, 6), .version = column_u64(st, 7),
	};
}

err store_user_find(struct store *s, str aor, void (*fn)(void *arg, const struct store_user *u), void *arg)
{
	TRY(ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_FIND];
	bind_text(st, 1, aor);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		struct store_user u;
		read_user(st, &u);
		fn(arg, &u);
	}
	TRY(end(s, st, rc));
	return rc == SQLITE_ROW ? OK : ERR(ABSENT);
}

err store_users_each(struct store *s, void (*fn)(void *arg, const struct store_user *u), void *arg)
{
	TRY(ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_EACH];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_user u;
		read_user(st, &u);
		fn(arg, &u);
	}
	return end(s, st, rc);
}

err store_users_count(struct store *s, uint64_t *n)
{
	TRY(ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_COUNT];
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*n = column_u64(st, 0);
	return end(s, st, rc);
}

/* ---- settings and locks ---- */

err store_setting_set(struct store *s, str object, str property, str value)
{
	TRY(writable(s));
	sqlite3_stmt *st = s->stmt[SQL_SETTING_SET];
	bind_text(st, 1, object);
	bind_text(st, 2, property);
	bind_text(st, 3, value);
	TRY(end(s, st, sqlite3_step(st)));
	return bump(s, NULL);
}

err store_settings_each(struct store *s, void (*fn)(void *arg, str object, str property, str value), void *arg)
{
	TRY(ready(s));
	sqlite3_stmt *st = s->stmt[SQL_SETTING_EACH];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, column(st, 0), column(st, 1), column(st, 2));
	return end(s, st, rc);
}

err store_lock_set(struct store *s, str aor, uint32_t failures, uint64_t until_ms)
{
	TRY(writable(s));
	sqlite3_stmt *st = s->stmt[SQL_LOCK_SET];
	bind_text(st, 1, aor);
	bind_u64(st, 2, failures);
	bind_u64(st, 3, until_ms);
	TRY(end(s, st, sqlite3_step(st)));
	ENSURE(sqlite3_changes(s->db) == 1, ABSENT);
	return bump(s, NULL);
}

err store_lock_remove(struct store *s, str aor)
{
	TRY(writable(s));
	sqlite3_stmt *st = s->stmt[SQL_LOCK_REMOVE];
	bind_text(st, 1, aor);
	TRY(end(s, st, sqlite3_step(st)));
	return sqlite3_changes(s->db) != 0 ? bump(s, NULL) : OK;
}

err store_locks_each(struct store *s, void (*fn)(void *arg, str aor, uint32_t failures, uint64_t until_ms), void *arg)
{
	TRY(ready(s));
	sqlite3_stmt *st = s->stmt[SQL_LOCK_EACH];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, column(st, 0), (uint32_t)sqlite3_column_int64(st, 1), column_u64(st, 2));
	return end(s, st, rc);
}
