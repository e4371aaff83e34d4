/* SPDX-License-Identifier: Apache-2.0 */
/* A store and its copy: what is told in pieces comes out the same, whatever happens between the pieces. */
#include "model/store_replica.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static char top[] = "/tmp/replica_test.XXXXXX";
static struct store *from, *to;

static struct store *open_at(const char *name)
{
	char path[128];
	struct store *s;
	snprintf(path, sizeof path, "%s/%s", top, name);
	assert_false(failed(store_open(&(struct store_config){ .path = path }, &s, NULL)));
	return s;
}

static int setup(void **state)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", top);
	if (system(command) != 0 || mkdir(top, 0700) != 0)
		return 1;
	from = open_at("from");
	to = open_at("to");
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	store_close(from);
	store_close(to);
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static void ok(err e)
{
	if (failed(e))
		fail_msg("%s", e.def->name);
}

/* ---- changes of the source, one command each ---- */

static void keep(struct store *s, err e)
{
	ok(e);
	ok(store_end(s, true));
	ok(store_commit(s));
}

static void put_user(const char *aor, char secret)
{
	char md5[16], sha[32];
	memset(md5, secret, sizeof md5);
	memset(sha, secret, sizeof sha);
	struct store_user u = { .aor = str_of(aor), .display_name = STR("N"), .enabled = true, .ha1_md5 = { md5, 16 }, .ha1_sha256 = { sha, 32 }, .body = STR("{\"SamAccountName\":\"sam\"}") };
	ok(store_begin(from));
	err e = store_user_set(from, &u, STORE_USER_SECRET, NULL);
	keep(from, err_is(e, ERR_ABSENT) ? store_user_add(from, &u, NULL) : e);
}

static void drop_user(const char *aor)
{
	ok(store_begin(from));
	keep(from, store_user_remove(from, str_of(aor), NULL));
}

static void put_object(const char *identity, const char *body)
{
	ok(store_begin(from));
	keep(from, store_object_set(from, STR("ConferencingPolicy"), str_of(identity), str_of(body)));
}

static void drop_object(const char *identity)
{
	ok(store_begin(from));
	keep(from, store_object_remove(from, STR("ConferencingPolicy"), str_of(identity)));
}

static void put_credential(const char *aor, const char *value)
{
	ok(store_begin(from));
	keep(from, value != NULL ? store_credential_set(from, str_of(aor), STR("totp"), str_of(value)) : store_credential_remove(from, str_of(aor), STR("totp")));
}

static void put_file(const char *content)
{
	ok(store_begin(from));
	keep(from, store_file_set(from, STR("topology.yaml"), str_of(content)));
}

/* ---- the way across ---- */

struct crossing {
	unsigned room;    /* rows a piece may have */
	unsigned n_rows;
	bool has_people;
};

static bool cross(void *arg, const struct replica_row *r)
{
	struct crossing *c = arg;
	if (c->room == 0 && r->type != REPLICA_CREDENTIAL)
		return false;
	c->room -= c->room != 0 ? 1 : 0;
	c->n_rows++;
	c->has_people = c->has_people || r->type == REPLICA_USER || r->type == REPLICA_CREDENTIAL || r->type == REPLICA_USER_GONE;
	/* as over the wire */
	struct buf b;
	struct replica_row back;
	buf_init(&b, 1 << 20);
	replica_row_print(&b, r);
	str rest = buf_str(&b);
	ok(replica_row_read(&rest, &back));
	ok(store_stage_add(to, &back));
	buf_fini(&b);
	return true;
}

static unsigned told[REPLICA_ROW_N];

static void tell(void *arg, const struct replica_row *r)
{
	told[r->type]++;
}

/* between: what happens at the source between two pieces. Answers the rows that were told. */
static unsigned copy(unsigned room, bool people, void (*between)(unsigned piece), bool *whole, bool *has_people)
{
	struct store_moment have, now;
	struct store_walk w;
	struct crossing c = { 0 };
	bool known, end = false;
	ok(store_copy_get(to, &have));
	ok(store_moment_is_known(from, &have, &known));
	*whole = !known;
	store_walk_init(&w, known ? have.version : 0, people);
	ok(store_begin(to));
	ok(store_stage_begin(to));
	for (unsigned piece = 0; !end; piece++) {
		if (piece != 0 && between != NULL)
			between(piece);
		assert_true(piece < 1000);
		c.room = room;
		ok(store_walk_next(from, &w, cross, &c, &end));
		if (!end) /* each piece is on the disk before the next one comes */
			keep(to, OK), ok(store_begin(to));
	}
	memset(told, 0, sizeof told);
	ok(store_moment_get(from, &now));
	ok(store_stage_apply(to, &now, !known, tell, NULL));
	keep(to, OK);
	*has_people = c.has_people;
	return c.n_rows;
}

/* ---- are they the same? ---- */

struct text {
	char p[65536];
	size_t n;
};

static void add(struct text *t, str s)
{
	assert_true(t->n + s.n + 2 < sizeof t->p);
	memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
	t->p[t->n++] = '\n';
}

static void add_user(void *arg, const struct store_user *u)
{
	char dates[64];
	snprintf(dates, sizeof dates, "%llu %llu %d", (unsigned long long)u->created, (unsigned long long)u->changed, u->enabled);
	const str all[] = { u->aor, u->display_name, u->ha1_md5, u->ha1_sha256, u->body, str_of(dates) };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		add(arg, all[i]);
}

static void add_object(void *arg, const struct store_object *o)
{
	add(arg, o->kind), add(arg, o->identity), add(arg, o->body);
}

static void add_credential(void *arg, str aor, str kind, str value)
{
	add(arg, aor), add(arg, kind), add(arg, value);
}

static void add_content(void *arg, str content)
{
	add(arg, content);
}

static void describe(struct store *s, bool people, struct text *t)
{
	t->n = 0;
	if (people) {
		ok(store_users_each(s, add_user, t));
		ok(store_credentials_each(s, add_credential, t));
	}
	ok(store_objects_each(s, STR(""), add_object, t));
	err e = store_file_find(s, STR("topology.yaml"), add_content, t);
	assert_true(!failed(e) || err_is(e, ERR_ABSENT));
}

static void expect_same(bool people)
{
	static struct text a, b;
	describe(from, people, &a);
	describe(to, people, &b);
	if (a.n != b.n || memcmp(a.p, b.p, a.n) != 0)
		fail_msg("they differ:\n%.*s\n---\n%.*s", (int)a.n, a.p, (int)b.n, b.p);
	struct store_moment x, y;
	ok(store_moment_get(from, &x));
	ok(store_copy_get(to, &y));
	assert_true(x.version == y.version && x.mark == y.mark && x.mark != 0);
}

/* ---- the tests ---- */

static void everything_then_changes(void **state)
{
	bool whole, people;
	put_user("ann@example.test", 'a');
	put_user("bob@example.test", 'b');
	put_credential("ann@example.test", "secret");
	put_object("Global", "{\"A\":1}");
	put_object("Tag:Sales", "{\"A\":2}");
	put_file("one");
	assert_int_equal(copy(100, true, NULL, &whole, &people), 6);
	assert_true(whole && people);
	expect_same(true);
	/* nothing new: nothing is told */
	assert_int_equal(copy(100, true, NULL, &whole, &people), 0);
	assert_false(whole);
	/* each kind of change, alone */
	put_user("ann@example.test", 'x');
	assert_int_equal(copy(100, true, NULL, &whole, &people), 2); /* she, and what else she proves herself with */
	expect_same(true);
	put_credential("bob@example.test", "other");
	assert_int_equal(copy(100, true, NULL, &whole, &people), 2);
	expect_same(true);
	put_credential("ann@example.test", NULL);
	assert_int_equal(copy(100, true, NULL, &whole, &people), 1);
	expect_same(true);
	drop_object("Tag:Sales");
	assert_int_equal(copy(100, true, NULL, &whole, &people), 1);
	assert_int_equal(told[REPLICA_OBJECT_GONE], 1);
	expect_same(true);
	drop_user("bob@example.test");
	assert_int_equal(copy(100, true, NULL, &whole, &people), 1);
	assert_int_equal(told[REPLICA_USER_GONE], 1);
	expect_same(true);
	/* gone and come again before anybody asked */
	drop_user("ann@example.test");
	put_user("ann@example.test", 'y');
	assert_int_equal(copy(100, true, NULL, &whole, &people), 1);
	expect_same(true);
	put_file("two");
	put_file("two");
	assert_int_equal(copy(100, true, NULL, &whole, &people), 1);
	expect_same(true);
	assert_false(whole);
}

/* What was told of changes between the pieces, too: the last word holds. */
static void busy(unsigned piece)
{
	char name[32];
	snprintf(name, sizeof name, "new%u@example.test", piece);
	if (piece > 12)
		return;
	put_user(name, 'n');
	put_object("Global", piece % 2 != 0 ? "{\"A\":3}" : "{\"A\":4}");
	if (piece == 3)
		drop_user("u1@example.test");
	if (piece == 5)
		put_user("u1@example.test", 'z');
	if (piece == 6)
		put_credential("u2@example.test", NULL);
	if (piece == 7)
		drop_object("Tag:T3");
	if (piece == 8)
		drop_user("u9@example.test");
}

static void changes_between_the_pieces(void **state)
{
	bool whole, people;
	for (unsigned room = 1; room <= 5; room += 2) {
		for (char i = '0'; i <= '9'; i++) {
			char aor[] = "u0@example.test", tag[] = "Tag:T0";
			aor[1] = tag[5] = i;
			put_user(aor, i);
			put_credential(aor, "secret");
			put_object(tag, "{}");
		}
		copy(room, true, busy, &whole, &people);
		expect_same(true);
	}
}

static void without_people(void **state)
{
	bool whole, people;
	put_user("ann@example.test", 'a');
	put_credential("ann@example.test", "secret");
	put_object("Global", "{\"A\":1}");
	drop_user("ann@example.test");
	put_user("bob@example.test", 'b');
	copy(2, false, NULL, &whole, &people);
	assert_false(people);
	expect_same(false);
	uint64_t n = 1;
	ok(store_users_count(to, &n));
	assert_int_equal(n, 0);
}

/* The source goes back to an older state and on from there: the copy's moment never was one of it. */
static void another_history(void **state)
{
	bool whole, people;
	char path[128];
	put_user("ann@example.test", 'a');
	snprintf(path, sizeof path, "%s/backup", top);
	ok(store_backup(from, path, NULL));
	put_user("bob@example.test", 'b');
	put_user("eve@example.test", 'b');
	copy(100, true, NULL, &whole, &people);
	store_close(from);
	from = open_at("backup");
	put_user("dan@example.test", 'd');
	put_user("fay@example.test", 'd'); /* the same number as the copy has */
	copy(100, true, NULL, &whole, &people);
	assert_true(whole);
	assert_int_equal(told[REPLICA_USER_GONE], 2); /* bob and eve */
	expect_same(true);
}

/* What was laid aside and not finished leaves no trace, and a version older than what is remembered costs a whole copy. */
static void unfinished_and_forgotten(void **state)
{
	bool whole, people;
	put_user("ann@example.test", 'a');
	copy(100, true, NULL, &whole, &people);
	ok(store_begin(to));
	ok(store_stage_begin(to));
	ok(store_stage_add(to, &(struct replica_row){ REPLICA_USER_GONE, { STR("ann@example.test") } }));
	keep(to, OK);
	store_close(to);
	to = open_at("to");
	expect_same(true);
	put_user("bob@example.test", 'b');
	copy(100, true, NULL, &whole, &people);
	assert_false(whole);
	expect_same(true);
	for (unsigned i = 0; i < STORE_MOMENTS + 1; i++) {
		ok(store_begin(from));
		ok(store_object_set(from, STR("K"), STR("Global"), STR("{}")));
		ok(store_end(from, true));
	}
	ok(store_begin(from));
	keep(from, store_moments_trim(from));
	copy(100, true, NULL, &whole, &people);
	assert_true(whole);
	expect_same(true);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = { CASE(everything_then_changes), CASE(changes_between_the_pieces), CASE(without_people), CASE(another_history),
		CASE(unfinished_and_forgotten) };
	if (mkdtemp(top) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
