/* SPDX-License-Identifier: Apache-2.0 */
/* A store as a copy: what has come is laid aside, and made to hold at once. */
#include "model/store/store_priv.h"

/* ---- the moment that it has ---- */

static err counter_get(struct store *s, const char *name, uint64_t *out)
{
	sqlite3_stmt *st = s->stmt[SQL_COUNTER_GET];
	sql_bind_text(st, 1, str_of(name));
	int rc = sqlite3_step(st);
	*out = rc == SQLITE_ROW ? sql_column_u64(st, 0) : 0;
	return sql_end(s, st, rc);
}

static err counter_set(struct store *s, const char *name, uint64_t v)
{
	sqlite3_stmt *st = s->stmt[SQL_COUNTER_SET];
	sql_bind_text(st, 1, str_of(name));
	sql_bind_u64(st, 2, v);
	return sql_end(s, st, sqlite3_step(st));
}

err store_copy_get(struct store *s, struct store_moment *out)
{
	TRY(store_ready(s));
	TRY(counter_get(s, "copy version", &out->version));
	return counter_get(s, "copy mark", &out->mark);
}

/* ---- laying aside ---- */

/* Where each field of a row goes: staged (class, gone, key, key2, name, enabled, md5, sha256, body, created, changed, content). */
enum column { CLASS = 1, GONE, KEY, KEY2, NAME, ENABLED, MD5, SHA256, BODY, CREATED, CHANGED, CONTENT };

static const struct {
	char cls[2];
	bool gone;
	enum column field[REPLICA_FIELDS];
} shapes[REPLICA_ROW_N] = {
	[REPLICA_OBJECT] = { "O", false, { KEY, KEY2, BODY } },
	[REPLICA_USER] = { "U", false, { KEY, NAME, ENABLED, MD5, SHA256, BODY, CREATED, CHANGED } },
	[REPLICA_CREDENTIAL] = { "C", false, { KEY, KEY2, CONTENT } },
	[REPLICA_FILE] = { "F", false, { KEY, CONTENT } },
	[REPLICA_OBJECT_GONE] = { "O", true, { KEY, KEY2 } },
	[REPLICA_USER_GONE] = { "U", true, { KEY } },
};

err store_stage_begin(struct store *s)
{
	TRY(store_writable(s));
	return sql_run(s, SQL_STAGE_CLEAR);
}

static void bind_field(sqlite3_stmt *st, enum column at, str v)
{
	uint64_t number = 0;
	if (at == ENABLED || at == CREATED || at == CHANGED) {
		(void)str_to_u64(v, &number);
		sql_bind_u64(st, (int)at, number);
	} else if (at == MD5 || at == SHA256) {
		sql_bind_bytes(st, (int)at, v);
	} else if (at == CONTENT) {
		(void)sqlite3_bind_blob64(st, (int)at, v.n != 0 ? v.p : "", v.n, SQLITE_STATIC);
	} else {
		sql_bind_text(st, (int)at, v);
	}
}

err store_stage_add(struct store *s, const struct replica_row *r)
{
	TRY(store_writable(s));
	if (r->type == REPLICA_USER || r->type == REPLICA_USER_GONE) {
		sqlite3_stmt *old = s->stmt[SQL_STAGE_FORGET]; /* what an earlier state of him had */
		sql_bind_text(old, 1, r->field[0]);
		TRY(sql_end(s, old, sqlite3_step(old)));
	}
	sqlite3_stmt *st = s->stmt[SQL_STAGE_ADD];
	sql_bind_text(st, CLASS, str_of(shapes[r->type].cls));
	sql_bind_u64(st, GONE, shapes[r->type].gone ? 1 : 0);
	sql_bind_text(st, KEY2, STR(""));
	for (unsigned i = 0; i < replica_row_fields(r->type); i++)
		bind_field(st, shapes[r->type].field[i], r->field[i]);
	return sql_end(s, st, sqlite3_step(st));
}

/* ---- making it hold ---- */

static err tell(struct store *s, enum store_sql id, void (*fn)(void *arg, const struct replica_row *r), void *arg)
{
	static const struct {
		char cls;
		enum replica_row_type there, gone;
	} types[] = { { 'O', REPLICA_OBJECT, REPLICA_OBJECT_GONE }, { 'U', REPLICA_USER, REPLICA_USER_GONE }, { 'F', REPLICA_FILE, REPLICA_FILE } };
	sqlite3_stmt *st = s->stmt[id];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			if (sql_column(st, 0).p[0] == types[i].cls)
				fn(arg, &(struct replica_row){ sqlite3_column_int(st, 1) != 0 ? types[i].gone : types[i].there, { sql_column(st, 2), sql_column(st, 3) } });
	return sql_end(s, st, rc);
}

static err run_with_version(struct store *s, enum store_sql id)
{
	sqlite3_stmt *st = s->stmt[id];
	sql_bind_u64(st, 1, s->before + 1);
	return sql_end(s, st, sqlite3_step(st));
}

static err remove_rest(struct store *s, bool whole)
{
	static const enum store_sql rest[] = { SQL_REST_USER, SQL_REST_OBJECT, SQL_REST_FILE }, gone[] = { SQL_GOES_USER, SQL_GOES_OBJECT };
	for (size_t i = 0; whole && i < sizeof rest / sizeof *rest; i++)
		TRY(sql_run(s, rest[i]));
	for (size_t i = 0; !whole && i < sizeof gone / sizeof *gone; i++)
		TRY(sql_run(s, gone[i]));
	return OK;
}

err store_stage_apply(struct store *s, const struct store_moment *m, bool whole, void (*fn)(void *arg, const struct replica_row *r), void *arg)
{
	static const enum store_sql with_version[] = { SQL_APPLY_USER, SQL_APPLY_OBJECT, SQL_APPLY_FILE };
	TRY(store_writable(s));
	TRY(tell(s, SQL_STAGE_EACH, fn, arg));
	if (whole)
		TRY(tell(s, SQL_REST_EACH, fn, arg));
	TRY(remove_rest(s, whole));
	for (size_t i = 0; i < sizeof with_version / sizeof *with_version; i++)
		TRY(run_with_version(s, with_version[i]));
	TRY(sql_run(s, SQL_APPLY_NO_CREDENTIAL));
	TRY(sql_run(s, SQL_APPLY_CREDENTIAL));
	TRY(sql_run(s, SQL_STAGE_CLEAR));
	TRY(counter_set(s, "copy version", m->version));
	TRY(counter_set(s, "copy mark", m->mark));
	return store_bump(s, NULL);
}
