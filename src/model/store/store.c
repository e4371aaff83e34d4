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
err sql_end(struct store *s, sqlite3_stmt *st, int rc)
{
	err e = store_err(s->db, rc);
	char why[160] = "";
	if (failed(e))
		(void)snprintf(why, sizeof why, "%s", sqlite3_errmsg(s->db));
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return is_fatal(e) ? store_fail(s, e, why) : e;
}

err sql_run(struct store *s, enum store_sql id)
{
	sqlite3_stmt *st = s->stmt[id];
	return sql_end(s, st, sqlite3_step(st));
}

void sql_bind_text(sqlite3_stmt *st, int at, str v)
{
	(void)sqlite3_bind_text64(st, at, v.n != 0 ? v.p : "", v.n, SQLITE_STATIC, SQLITE_UTF8);
}

void sql_bind_bytes(sqlite3_stmt *st, int at, str v)
{
	if (v.n == 0)
		(void)sqlite3_bind_null(st, at);
	else
		(void)sqlite3_bind_blob64(st, at, v.p, v.n, SQLITE_STATIC);
}

void sql_bind_u64(sqlite3_stmt *st, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(st, at, (sqlite3_int64)v);
}

str sql_column(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);
	return (str){ p != NULL ? p : "", (size_t)sqlite3_column_bytes(st, at) };
}

uint64_t sql_column_u64(sqlite3_stmt *st, int at)
{
	return (uint64_t)sqlite3_column_int64(st, at);
}

/* ---- groups ---- */

err store_ready(struct store *s)
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
	TRY(store_ready(s));
	if (!s->in_group) {
		TRY(sql_run(s, SQL_BEGIN));
		s->in_group = true;
	}
	TRY(sql_run(s, SQL_SAVE));
	s->in_command = true;
	s->before = s->version;
	return OK;
}

err store_end(struct store *s, bool keep)
{
	if (failed(s->lost))
		return s->lost;
	ASSERT(s->in_command);
	s->in_command = false;
	if (!keep)
		TRY(sql_run(s, SQL_TAKE_BACK));
	TRY(sql_run(s, SQL_RELEASE));
	if (keep)
		return OK;
	sqlite3_stmt *st = s->stmt[SQL_VERSION_GET];
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		s->version = sql_column_u64(st, 0);
	return sql_end(s, st, rc);
}

static err commit_group(struct store *s)
{
	if (failed(s->lost))
		return s->lost;
	if (!s->in_group)
		return OK;
	TRY(sql_run(s, SQL_COMMIT));
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

err store_bump(struct store *s, uint64_t *version)
{
	ASSERT(s->in_command);
	if (s->version == s->before) {
		sqlite3_stmt *st = s->stmt[SQL_VERSION_SET];
		sql_bind_u64(st, 1, s->version + 1);
		TRY(sql_end(s, st, sqlite3_step(st)));
		s->version++;
		TRY(store_mark(s));
	}
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
		e = store_bump(s, NULL);
	if (!failed(e))
		e = store_end(s, true);
	err c = store_commit(s);
	return failed(e) ? e : c;
}

err store_tidy(struct store *s)
{
	ASSERT(!s->in_group);
	TRY(store_ready(s));
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
	if ((fields & STORE_USER_BODY) != 0 && u->body.n > STORE_BODY_MAX)
		return false;
	return (fields & STORE_USER_SECRET) == 0 || (u->ha1_sha256.n == 32 && (u->ha1_md5.n == 0 || u->ha1_md5.n == 16));
}

/* A command that could not begin, or whose group was lost on the way, changes nothing. */
err store_writable(const struct store *s)
{
	if (failed(s->lost))
		return s->lost;
	ASSERT(s->in_command);
	return OK;
}

err store_user_add(struct store *s, const struct store_user *u, uint64_t *version)
{
	TRY(store_writable(s));
	ENSURE(is_sound(u, STORE_USER_NAME | STORE_USER_SECRET | STORE_USER_BODY), MALFORMED);
	sqlite3_stmt *st = s->stmt[SQL_USER_ADD];
	sql_bind_text(st, 1, u->aor);
	sql_bind_text(st, 2, u->display_name);
	sql_bind_u64(st, 3, u->enabled ? 1 : 0);
	sql_bind_bytes(st, 4, u->ha1_md5);
	sql_bind_bytes(st, 5, u->ha1_sha256);
	sql_bind_u64(st, 6, s->before + 1);
	sql_bind_text(st, 7, u->body.n != 0 ? u->body : STR("{}"));
	TRY(sql_end(s, st, sqlite3_step(st)));
	TRY(store_gone_remove(s, STR(""), u->aor));
	return store_bump(s, version);
}

/* The statement has the address as ?1 and the version as ?3; the rest is bound already. */
static err change_user(struct store *s, enum store_sql id, str aor)
{
	sqlite3_stmt *st = s->stmt[id];
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 3, s->before + 1);
	TRY(sql_end(s, st, sqlite3_step(st)));
	return sqlite3_changes(s->db) == 1 ? OK : ERR(ABSENT);
}

err store_user_set(struct store *s, const struct store_user *u, unsigned fields, uint64_t *version)
{
	TRY(store_writable(s));
	ENSURE(is_sound(u, fields), MALFORMED);
	if ((fields & STORE_USER_NAME) != 0) {
		sql_bind_text(s->stmt[SQL_USER_NAME], 2, u->display_name);
		TRY(change_user(s, SQL_USER_NAME, u->aor));
	}
	if ((fields & STORE_USER_ENABLED) != 0) {
		sql_bind_u64(s->stmt[SQL_USER_ENABLED], 2, u->enabled ? 1 : 0);
		TRY(change_user(s, SQL_USER_ENABLED, u->aor));
	}
	if ((fields & STORE_USER_BODY) != 0) {
		sql_bind_text(s->stmt[SQL_USER_BODY], 2, u->body);
		TRY(change_user(s, SQL_USER_BODY, u->aor));
	}
	if ((fields & STORE_USER_SECRET) != 0) {
		sql_bind_bytes(s->stmt[SQL_USER_SECRET], 2, u->ha1_md5);
		sql_bind_bytes(s->stmt[SQL_USER_SECRET], 4, u->ha1_sha256);
		TRY(change_user(s, SQL_USER_SECRET, u->aor));
	}
	return store_bump(s, version);
}

err store_user_remove(struct store *s, str aor, uint64_t *version)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_REMOVE];
	sql_bind_text(st, 1, aor);
	TRY(sql_end(s, st, sqlite3_step(st)));
	ENSURE(sqlite3_changes(s->db) == 1, ABSENT);
	TRY(store_gone_set(s, STR(""), aor));
	return store_bump(s, version);
}

static void read_user(sqlite3_stmt *st, struct store_user *u)
{
	*u = (struct store_user){
		.aor = sql_column(st, 0), .display_name = sql_column(st, 1), .enabled = sqlite3_column_int(st, 2) != 0,
		.ha1_md5 = sql_column(st, 3), .ha1_sha256 = sql_column(st, 4), .created = sql_column_u64(st, 5),
		.changed = sql_column_u64(st, 6), .version = sql_column_u64(st, 7), .body = sql_column(st, 8),
	};
}

err store_user_find(struct store *s, str aor, void (*fn)(void *arg, const struct store_user *u), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_FIND];
	sql_bind_text(st, 1, aor);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		struct store_user u;
		read_user(st, &u);
		fn(arg, &u);
	}
	TRY(sql_end(s, st, rc));
	return rc == SQLITE_ROW ? OK : ERR(ABSENT);
}

err store_user_find_by(struct store *s, enum store_user_name by, str name, void (*fn)(void *arg, const struct store_user *u), void *arg)
{
	static const enum store_sql statements[] = { [STORE_BY_SAM] = SQL_USER_BY_SAM, [STORE_BY_UPN] = SQL_USER_BY_UPN,
		[STORE_BY_LINE] = SQL_USER_BY_LINE, [STORE_BY_DISPLAY_NAME] = SQL_USER_BY_NAME };
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[statements[by]];
	sql_bind_text(st, 1, name);
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_user u;
		read_user(st, &u);
		fn(arg, &u);
	}
	return sql_end(s, st, rc);
}

err store_users_each(struct store *s, void (*fn)(void *arg, const struct store_user *u), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_EACH];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_user u;
		read_user(st, &u);
		fn(arg, &u);
	}
	return sql_end(s, st, rc);
}

err store_users_after(struct store *s, str aor, uint32_t most, void (*fn)(void *arg, const struct store_user *u), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_AFTER];
	int rc;
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 2, most);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_user u;
		read_user(st, &u);
		fn(arg, &u);
	}
	return sql_end(s, st, rc);
}

err store_users_count(struct store *s, uint64_t *n)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_USER_COUNT];
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*n = sql_column_u64(st, 0);
	return sql_end(s, st, rc);
}

/* ---- locks ---- */

err store_lock_set(struct store *s, str aor, uint32_t failures, uint64_t until_ms)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_LOCK_SET];
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 2, failures);
	sql_bind_u64(st, 3, until_ms);
	TRY(sql_end(s, st, sqlite3_step(st)));
	ENSURE(sqlite3_changes(s->db) == 1, ABSENT);
	return OK;
}

err store_lock_remove(struct store *s, str aor)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_LOCK_REMOVE];
	sql_bind_text(st, 1, aor);
	TRY(sql_end(s, st, sqlite3_step(st)));
	return OK;
}

err store_locks_each(struct store *s, void (*fn)(void *arg, str aor, uint32_t failures, uint64_t until_ms), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_LOCK_EACH];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, sql_column(st, 0), (uint32_t)sqlite3_column_int64(st, 1), sql_column_u64(st, 2));
	return sql_end(s, st, rc);
}
