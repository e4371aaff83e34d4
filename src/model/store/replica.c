/* SPDX-License-Identifier: Apache-2.0 */
/* A store as the source of copies: moments, and what has changed since one. */
#include "model/store/store_priv.h"

#include <stdio.h>

/* ---- moments ---- */

static err read_moment(struct store *s, uint64_t version, struct store_moment *out)
{
	sqlite3_stmt *st = s->stmt[SQL_MARK_GET];
	sql_bind_u64(st, 1, version);
	int rc = sqlite3_step(st);
	*out = (struct store_moment){ 0, 0 };
	if (rc == SQLITE_ROW)
		*out = (struct store_moment){ version, sql_column_u64(st, 0) };
	return sql_end(s, st, rc);
}

err store_moment_get(struct store *s, struct store_moment *out)
{
	TRY(store_ready(s));
	return read_moment(s, s->version, out);
}

err store_moment_is_known(struct store *s, const struct store_moment *m, bool *known)
{
	struct store_moment mine;
	TRY(store_ready(s));
	TRY(read_moment(s, m->version, &mine));
	*known = mine.mark != 0 && mine.mark == m->mark;
	return OK;
}

err store_mark(struct store *s)
{
	sqlite3_stmt *st = s->stmt[SQL_MARK_SET];
	sql_bind_u64(st, 1, s->version);
	return sql_end(s, st, sqlite3_step(st));
}

err store_moments_trim(struct store *s)
{
	static const enum store_sql trims[] = { SQL_MARK_TRIM, SQL_GONE_TRIM };
	TRY(store_writable(s));
	for (size_t i = 0; s->version > STORE_MOMENTS && i < sizeof trims / sizeof *trims; i++) {
		sqlite3_stmt *st = s->stmt[trims[i]];
		sql_bind_u64(st, 1, s->version - STORE_MOMENTS);
		TRY(sql_end(s, st, sqlite3_step(st)));
	}
	return OK;
}

err store_gone_set(struct store *s, str kind, str identity)
{
	sqlite3_stmt *st = s->stmt[SQL_GONE_SET];
	sql_bind_text(st, 1, kind);
	sql_bind_text(st, 2, identity);
	sql_bind_u64(st, 3, s->before + 1);
	return sql_end(s, st, sqlite3_step(st));
}

err store_gone_remove(struct store *s, str kind, str identity)
{
	sqlite3_stmt *st = s->stmt[SQL_GONE_REMOVE];
	sql_bind_text(st, 1, kind);
	sql_bind_text(st, 2, identity);
	return sql_end(s, st, sqlite3_step(st));
}

/* ---- files ---- */

err store_file_find(struct store *s, str name, void (*fn)(void *arg, str content), void *arg)
{
	TRY(store_ready(s));
	sqlite3_stmt *st = s->stmt[SQL_FILE_FIND];
	sql_bind_text(st, 1, name);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		fn(arg, sql_column(st, 0));
	TRY(sql_end(s, st, rc));
	return rc == SQLITE_ROW ? OK : ERR(ABSENT);
}

struct compare {
	str content;
	bool same;
};

static void compare(void *arg, str content)
{
	struct compare *c = arg;
	c->same = str_eq(c->content, content);
}

err store_file_set(struct store *s, str name, str content)
{
	struct compare c = { .content = content };
	TRY(store_writable(s));
	err e = store_file_find(s, name, compare, &c);
	if (failed(e) && !err_is(e, ERR_ABSENT))
		return e;
	if (c.same)
		return OK;
	sqlite3_stmt *st = s->stmt[SQL_FILE_SET];
	sql_bind_text(st, 1, name);
	(void)sqlite3_bind_blob64(st, 2, content.n != 0 ? content.p : "", content.n, SQLITE_STATIC);
	sql_bind_u64(st, 3, s->before + 1);
	TRY(sql_end(s, st, sqlite3_step(st)));
	return store_bump(s, NULL);
}

/* ---- the walk ---- */

/* A table: its statement gives version, two parts of the key, and then the fields of the row. */
static const struct {
	enum store_sql sql;
	enum replica_row_type type;
	bool people;
} tables[] = {
	{ SQL_WALK_FILE, REPLICA_FILE, false },
	{ SQL_WALK_OBJECT, REPLICA_OBJECT, false },
	{ SQL_WALK_OBJECT_GONE, REPLICA_OBJECT_GONE, false },
	{ SQL_WALK_USER, REPLICA_USER, true },
	{ SQL_WALK_USER_GONE, REPLICA_USER_GONE, true },
};
enum { TABLES = sizeof tables / sizeof *tables, FIELDS_AT = 3 };
_Static_assert(TABLES == sizeof((struct store_walk *)NULL)->at / sizeof((struct store_walk *)NULL)->at[0], "a place in each table");

struct walking {
	struct store *store;
	bool (*fn)(void *arg, const struct replica_row *r);
	void *arg;
	bool is_full;
};

void store_walk_init(struct store_walk *w, uint64_t after, bool people)
{
	*w = (struct store_walk){ .people = people };
	for (size_t i = 0; i < TABLES; i++)
		w->at[i].version = after + 1; /* no key is empty: the first of that version is behind it */
}

/* A user and what else he proves himself with are told together, or neither. */
static err tell_credentials(struct walking *t, str aor)
{
	sqlite3_stmt *st = t->store->stmt[SQL_WALK_CREDENTIAL];
	sql_bind_text(st, 1, aor);
	int rc;
	while (!t->is_full && (rc = sqlite3_step(st)) == SQLITE_ROW)
		t->is_full = !t->fn(t->arg, &(struct replica_row){ REPLICA_CREDENTIAL, { aor, sql_column(st, 0), sql_column(st, 1) } });
	return sql_end(t->store, st, t->is_full ? SQLITE_DONE : rc);
}

static err tell_row(struct walking *t, sqlite3_stmt *st, enum replica_row_type type)
{
	struct replica_row r = { .type = type };
	for (unsigned i = 0; i < replica_row_fields(type); i++)
		r.field[i] = sql_column(st, FIELDS_AT + (int)i);
	t->is_full = !t->fn(t->arg, &r);
	return type == REPLICA_USER && !t->is_full ? tell_credentials(t, r.field[0]) : OK;
}

static bool keep_place(struct store_walk *w, size_t table, sqlite3_stmt *st)
{
	w->at[table].version = sql_column_u64(st, 0);
	return str_to_z(sql_column(st, 1), w->at[table].key[0], sizeof w->at[table].key[0]) &&
	       str_to_z(sql_column(st, 2), w->at[table].key[1], sizeof w->at[table].key[1]);
}

static err walk_table(struct walking *t, struct store_walk *w, size_t table)
{
	sqlite3_stmt *st = t->store->stmt[tables[table].sql];
	sql_bind_u64(st, 1, w->at[table].version);
	sql_bind_text(st, 2, str_of(w->at[table].key[0]));
	sql_bind_text(st, 3, str_of(w->at[table].key[1]));
	int rc = SQLITE_DONE;
	err e = OK;
	while (!failed(e) && !t->is_full && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		e = tell_row(t, st, tables[table].type);
		if (!failed(e) && !t->is_full && !keep_place(w, table, st))
			e = ERR(CORRUPT);
	}
	err end = sql_end(t->store, st, failed(e) || t->is_full ? SQLITE_DONE : rc);
	return failed(e) ? e : end;
}

err store_walk_next(struct store *s, struct store_walk *w, bool (*fn)(void *arg, const struct replica_row *r), void *arg, bool *end)
{
	struct walking t = { s, fn, arg, false };
	TRY(store_ready(s));
	for (size_t i = 0; i < TABLES && !t.is_full; i++)
		if (w->people || !tables[i].people)
			TRY(walk_table(&t, w, i));
	*end = !t.is_full;
	return OK;
}
