/* SPDX-License-Identifier: Apache-2.0 */
/* Declared objects, the history of changes, the audit, and copies of the whole. */
#include "model/store/store_priv.h"

#include <stdio.h>
#include <sys/stat.h>

/* ---- declared objects ---- */

err store_object_set(struct store *s, str kind, str identity, str body)
{
	TRY(store_writable(s));
	ENSURE(kind.n != 0 && identity.n != 0 && identity.n <= STORE_IDENTITY_MAX && body.n <= STORE_BODY_MAX, MALFORMED);
	sqlite3_stmt *st = s->stmt[SQL_OBJECT_SET];
	sql_bind_text(st, 1, kind);
	sql_bind_text(st, 2, identity);
	sql_bind_text(st, 3, body);
	sql_bind_u64(st, 4, s->before + 1);
	TRY(sql_end(s, st, sqlite3_step(st)));
	TRY(store_gone_remove(s, kind, identity));
	return store_bump(s, NULL);
}

err store_object_remove(struct store *s, str kind, str identity)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_OBJECT_REMOVE];
	sql_bind_text(st, 1, kind);
	sql_bind_text(st, 2, identity);
	TRY(sql_end(s, st, sqlite3_step(st)));
	ENSURE(sqlite3_changes(s->db) == 1, ABSENT);
	TRY(store_gone_set(s, kind, identity));
	return store_bump(s, NULL);
}

static void read_object(sqlite3_stmt *st, struct store_object *o)
{
	*o = (struct store_object){ sql_column(st, 0), sql_column(st, 1), sql_column(st, 2), sql_column_u64(st, 3) };
}

static err each_object(struct store *s, sqlite3_stmt *st, void (*fn)(void *arg, const struct store_object *o), void *arg, unsigned *n)
{
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_object o;
		read_object(st, &o);
		fn(arg, &o);
		++*n;
	}
	return sql_end(s, st, rc);
}

err store_object_find(struct store *s, str kind, str identity, void (*fn)(void *arg, const struct store_object *o), void *arg)
{
	unsigned n = 0;
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_OBJECT_FIND];
	sql_bind_text(st, 1, kind);
	sql_bind_text(st, 2, identity);
	TRY(each_object(s, st, fn, arg, &n));
	return n != 0 ? OK : ERR(ABSENT);
}

err store_objects_each(struct store *s, str kind, void (*fn)(void *arg, const struct store_object *o), void *arg)
{
	unsigned n = 0;
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[kind.n != 0 ? SQL_OBJECT_OF_KIND : SQL_OBJECT_EACH];
	if (kind.n != 0)
		sql_bind_text(st, 1, kind);
	return each_object(s, st, fn, arg, &n);
}

err store_objects_count(struct store *s, str kind, uint64_t *n)
{
	*n = 0;
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_OBJECT_COUNT];
	sql_bind_text(st, 1, kind);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*n = sql_column_u64(st, 0);
	return sql_end(s, st, rc);
}

/* ---- history ---- */

err store_history_add(struct store *s, const struct store_change *c)
{
	TRY(store_writable(s));
	TRY(store_bump(s, NULL));
	sqlite3_stmt *st = s->stmt[SQL_HISTORY_ADD];
	sql_bind_u64(st, 1, s->version);
	sql_bind_text(st, 2, c->author);
	sql_bind_text(st, 3, c->command);
	sql_bind_text(st, 4, c->diff);
	sql_bind_bytes(st, 5, c->sealed);
	return sql_end(s, st, sqlite3_step(st));
}

err store_history_each(struct store *s, uint64_t after, uint64_t most, void (*fn)(void *arg, const struct store_change *c), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_HISTORY_EACH];
	sql_bind_u64(st, 1, after);
	sql_bind_u64(st, 2, most);
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_change c = { sql_column_u64(st, 0), sql_column_u64(st, 1), sql_column(st, 2), sql_column(st, 3), sql_column(st, 4), sql_column(st, 5) };
		fn(arg, &c);
	}
	return sql_end(s, st, rc);
}

err store_history_trim(struct store *s, uint64_t keep)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_HISTORY_TRIM];
	sql_bind_u64(st, 1, keep);
	return sql_end(s, st, sqlite3_step(st));
}

/* ---- incidents ---- */

err store_incident_add(struct store *s, const struct store_incident *i)
{
	TRY(store_writable(s));
	ENSURE(i->text.n <= STORE_INCIDENT_TEXT, MALFORMED);
	sqlite3_stmt *st = s->stmt[SQL_INCIDENT_ADD];
	sql_bind_u64(st, 1, i->time);
	sql_bind_text(st, 2, i->rule);
	sql_bind_text(st, 3, i->action);
	sql_bind_text(st, 4, i->modality);
	sql_bind_text(st, 5, i->from);
	sql_bind_text(st, 6, i->to);
	sql_bind_text(st, 7, i->text);
	return sql_end(s, st, sqlite3_step(st));
}

err store_incidents_each(struct store *s, str aor, uint64_t most, void (*fn)(void *arg, const struct store_incident *i), void *arg)
{
	int rc;
	sqlite3_stmt *st = s->stmt[SQL_INCIDENT_EACH];
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 2, most);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct store_incident i = { sql_column_u64(st, 0), sql_column(st, 1), sql_column(st, 2), sql_column(st, 3), sql_column(st, 4),
			sql_column(st, 5), sql_column(st, 6), sql_column_u64(st, 7) };
		fn(arg, &i);
	}
	return sql_end(s, st, rc);
}

err store_incidents_trim(struct store *s, uint64_t keep, uint64_t since)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_INCIDENT_TRIM];
	sql_bind_u64(st, 1, keep);
	sql_bind_u64(st, 2, since);
	return sql_end(s, st, sqlite3_step(st));
}

/* ---- audit ---- */

err store_audit_add(struct store *s, const struct store_audit *a)
{
	TRY(store_writable(s));
	ENSURE(a->hash.n == 32, MALFORMED);
	sqlite3_stmt *st = s->stmt[SQL_AUDIT_ADD];
	sql_bind_u64(st, 1, a->number);
	sql_bind_u64(st, 2, a->time);
	sql_bind_text(st, 3, a->author);
	sql_bind_text(st, 4, a->address);
	sql_bind_text(st, 5, a->command);
	sql_bind_text(st, 6, a->result);
	sql_bind_text(st, 7, a->detail);
	sql_bind_bytes(st, 8, a->hash);
	return sql_end(s, st, sqlite3_step(st));
}

static err each_audit(struct store *s, sqlite3_stmt *st, void (*fn)(void *arg, const struct store_audit *a), void *arg)
{
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_audit a = { sql_column_u64(st, 0), sql_column_u64(st, 1), sql_column(st, 2), sql_column(st, 3), sql_column(st, 4),
			sql_column(st, 5), sql_column(st, 6), sql_column(st, 7) };
		fn(arg, &a);
	}
	return sql_end(s, st, rc);
}

err store_audit_each(struct store *s, uint64_t from, uint64_t most, void (*fn)(void *arg, const struct store_audit *a), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_AUDIT_EACH];
	sql_bind_u64(st, 1, from);
	sql_bind_u64(st, 2, most);
	return each_audit(s, st, fn, arg);
}

err store_audit_last(struct store *s, void (*fn)(void *arg, const struct store_audit *a), void *arg)
{
	TRY(store_ready(s));
	return each_audit(s, s->stmt[SQL_AUDIT_LAST], fn, arg);
}

/* ---- credentials ---- */

/* They are told to copies together with the user. */
static err touch_owner(struct store *s, str aor)
{
	sqlite3_stmt *st = s->stmt[SQL_CREDENTIAL_OWNER];
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 2, s->before + 1);
	TRY(sql_end(s, st, sqlite3_step(st)));
	return store_bump(s, NULL);
}

err store_credential_set(struct store *s, str aor, str kind, str value)
{
	TRY(store_writable(s));
	ENSURE(value.n != 0 && value.n <= STORE_CREDENTIAL_MAX, MALFORMED);
	sqlite3_stmt *st = s->stmt[SQL_CREDENTIAL_SET];
	sql_bind_text(st, 1, aor);
	sql_bind_text(st, 2, kind);
	sql_bind_bytes(st, 3, value);
	TRY(sql_end(s, st, sqlite3_step(st)));
	ENSURE(sqlite3_changes(s->db) == 1, ABSENT);
	return touch_owner(s, aor);
}

err store_credential_remove(struct store *s, str aor, str kind)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_CREDENTIAL_REMOVE];
	sql_bind_text(st, 1, aor);
	sql_bind_text(st, 2, kind);
	TRY(sql_end(s, st, sqlite3_step(st)));
	return sqlite3_changes(s->db) != 0 ? touch_owner(s, aor) : OK;
}

err store_credential_find(struct store *s, str aor, str kind, void (*fn)(void *arg, str value), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_CREDENTIAL_FIND];
	sql_bind_text(st, 1, aor);
	sql_bind_text(st, 2, kind);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		fn(arg, sql_column(st, 0));
	TRY(sql_end(s, st, rc));
	return rc == SQLITE_ROW ? OK : ERR(ABSENT);
}

err store_credentials_each(struct store *s, void (*fn)(void *arg, str aor, str kind, str value), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_CREDENTIAL_EACH];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, sql_column(st, 0), sql_column(st, 1), sql_column(st, 2));
	return sql_end(s, st, rc);
}

/* ---- copies ---- */

static err copy(struct store *s, sqlite3 *to, struct diag *d, const char *path)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", s->db, "main");
	int rc = b != NULL ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);
	if (b != NULL)
		(void)sqlite3_backup_finish(b);
	if (rc == SQLITE_DONE)
		rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return OK;
	return diag_fail(d, store_err(to, rc), path, "choose a place with room", "the copy cannot be written: %s", sqlite3_errmsg(to));
}

err store_backup(struct store *s, const char *path, struct diag *d)
{
	sqlite3 *to = NULL;
	struct stat st;
	TRY(store_ready(s));
	ASSERT(!s->in_command);
	if (stat(path, &st) == 0)
		return diag_fail(d, ERR(EXISTS), path, "choose another name", "there is a file of this name");
	int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	err e = rc == SQLITE_OK ? copy(s, to, d, path) :
				  diag_fail(d, store_err(to, rc), path, "choose a place that the vault may write to", "the copy cannot be made: %s", sqlite3_errmsg(to));
	(void)sqlite3_close_v2(to);
	if (failed(e))
		(void)remove(path);
	return e;
}

/* ---- what people keep ---- */

err store_kept_set(struct store *s, str aor, uint32_t kind, str key, str value)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_KEPT_SET];
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 2, kind);
	sql_bind_text(st, 3, key);
	(void)sqlite3_bind_blob64(st, 4, value.n != 0 ? value.p : "", value.n, SQLITE_STATIC);
	TRY(sql_end(s, st, sqlite3_step(st)));
	return sqlite3_changes(s->db) == 1 ? OK : ERR(ABSENT);
}

err store_kept_remove(struct store *s, str aor, uint32_t kind, str key)
{
	TRY(store_writable(s));
	sqlite3_stmt *st = s->stmt[SQL_KEPT_REMOVE];
	sql_bind_text(st, 1, aor);
	sql_bind_u64(st, 2, kind);
	sql_bind_text(st, 3, key);
	return sql_end(s, st, sqlite3_step(st));
}

err store_kept_each(struct store *s, str aor, void (*fn)(void *arg, uint32_t kind, str key, str value), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_KEPT_EACH];
	sql_bind_text(st, 1, aor);
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, (uint32_t)sql_column_u64(st, 0), sql_column(st, 1), sql_column(st, 2));
	return sql_end(s, st, rc);
}

err store_kept_size(struct store *s, str aor, uint64_t *rows, uint64_t *bytes)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_KEPT_SIZE];
	sql_bind_text(st, 1, aor);
	int rc = sqlite3_step(st);
	*rows = rc == SQLITE_ROW ? sql_column_u64(st, 0) : 0;
	*bytes = rc == SQLITE_ROW ? sql_column_u64(st, 1) : 0;
	return sql_end(s, st, rc);
}
