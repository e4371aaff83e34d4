/* SPDX-License-Identifier: Apache-2.0 */
#include "service/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- rows as they travel ---- */

static const struct kept_row rows[] = {
	{ KEPT_GROUP, false, { "1", 1 }, { "~", 1 } },
	{ KEPT_CONTACT, false, { "bob@example.test", 16 }, { "1 2\nBob\n", 8 } },
	{ KEPT_DELTA, false, { "", 0 }, { "7", 1 } },
	{ KEPT_CONTAINER, true, { "300", 3 }, { "", 0 } },
	{ KEPT_PUBLICATION, false, { "note 0 200", 10 }, { "1 0\n<note/>\0x", 13 } },
	{ KEPT_SUBSCRIBER, false, { "eve@example.test", 16 }, { "seen", 4 } },
	{ KEPT_CARD, false, { "Title", 5 }, { "", 0 } },
};
#define ROWS (sizeof rows / sizeof rows[0])

static void add_all(struct buf *b)
{
	buf_init(b, 1 << 20);
	for (size_t i = 0; i < ROWS; i++)
		kept_row_add(b, &rows[i]);
	assert_false(b->failed);
}

static void rows_come_back(void **state)
{
	struct buf b;
	struct kept_row row;
	err e = OK;
	size_t n = 0;
	(void)state;
	add_all(&b);
	for (str rest = buf_str(&b); kept_row_next(&rest, &row, &e); n++) {
		assert_int_equal(row.kind, rows[n].kind);
		assert_int_equal(row.is_gone, rows[n].is_gone);
		assert_true(str_eq(row.key, rows[n].key) && str_eq(row.value, rows[n].value));
	}
	assert_false(failed(e));
	assert_int_equal(n, ROWS);
	buf_fini(&b);
}

/* Cut anywhere but between rows, a list is refused; between them it is a shorter one. */
static void cut_rows_are_refused(void **state)
{
	struct buf b;
	size_t n_good = 0;
	(void)state;
	add_all(&b);
	for (size_t cut = 0; cut <= b.n; cut++) {
		char *copy = malloc(cut != 0 ? cut : 1); /* of exactly this size: a read behind it would be found */
		memcpy(copy, b.p, cut);
		str rest = { copy, cut };
		struct kept_row row;
		err e = OK;
		while (kept_row_next(&rest, &row, &e))
			assert_true(row.key.p + row.key.n <= copy + cut && row.value.p + row.value.n <= copy + cut);
		n_good += !failed(e);
		assert_true(!failed(e) || err_is(e, ERR_MALFORMED));
		assert_false(kept_row_next(&rest, &row, &e) && failed(e));
		free(copy);
	}
	assert_int_equal(n_good, ROWS + 1);
	buf_fini(&b);
}

static void limits_of_rows(void **state)
{
	static const struct {
		char head[8];
		bool is_good;
	} heads[] = {
		{ { 1, 0, 0, 0, 0, 0, 0, 0 }, true },
		{ { 7, 1, 0, 0, 0, 0, 0, 0 }, true },
		{ { 0, 0, 0, 0, 0, 0, 0, 0 }, false },
		{ { 8, 0, 0, 0, 0, 0, 0, 0 }, false },
		{ { -1, 0, 0, 0, 0, 0, 0, 0 }, false },
		{ { 1, 2, 0, 0, 0, 0, 0, 0 }, false },
		{ { 1, 0, 2, 0, 0, 0, 0, 0 }, true },
		{ { 1, 0, 2, 1, 0, 0, 0, 0 }, false },
		{ { 1, 0, 0, 0, 0, 1, 0, 0 }, true },
		{ { 1, 0, 0, 0, 0, 1, 0, 1 }, false },
		{ { 1, 0, -1, -1, -1, -1, -1, -1 }, false },
	};
	static char text[8 + KEPT_KEY_MAX + KEPT_VALUE_MAX + 16];
	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		memset(text, 1, sizeof text);
		memcpy(text, heads[i].head, 8);
		str rest = { text, sizeof text };
		struct kept_row row;
		err e = OK;
		assert_int_equal(kept_row_next(&rest, &row, &e), heads[i].is_good);
	}
	struct buf b;
	buf_init(&b, 16);
	kept_row_add(&b, &rows[1]);
	assert_true(b.failed);
	buf_fini(&b);
}

/* ---- the client ---- */

struct asked {
	bool is_change;
	uint64_t id;
};

struct bench {
	struct kept *kept;
	struct asked asked[16];
	size_t n_asked;
	err refuses;
};

static err on_ask(void *arg, uint64_t id, str aor)
{
	struct bench *b = arg;
	(void)aor;
	TRY(b->refuses);
	b->asked[b->n_asked++] = (struct asked){ false, id };
	return OK;
}

static err on_set(void *arg, uint64_t id, str aor, str list)
{
	struct bench *b = arg;
	(void)aor;
	(void)list;
	TRY(b->refuses);
	b->asked[b->n_asked++] = (struct asked){ true, id };
	return OK;
}

static const struct kept_door door = { on_ask, on_set };

/* Who asks. */
struct owner {
	struct bench *bench;
	unsigned n;
	err e;
	char rows[64];
	bool asks_again;
	void *forgets;
};

static void on_loaded(void *arg, err e, str list)
{
	struct owner *o = arg;
	o->n++;
	o->e = e;
	assert_true(str_to_z(list, o->rows, sizeof o->rows));
	if (o->forgets != NULL)
		kept_forget(o->bench->kept, o->forgets);
	if (o->asks_again)
		assert_false(failed(kept_load(o->bench->kept, STR("ann@example.test"), on_loaded, o)));
}

static void on_saved(void *arg, err e)
{
	struct owner *o = arg;
	o->n++;
	o->e = e;
}

static int set_up(void **state)
{
	static struct bench b;
	b = (struct bench){ .n_asked = 0 };
	assert_false(failed(kept_new(&door, &b, &b.kept)));
	*state = &b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	kept_free(b->kept);
	return 0;
}

static void load(struct bench *b, struct owner *o)
{
	o->bench = b;
	assert_false(failed(kept_load(b->kept, STR("ann@example.test"), on_loaded, o)));
}

static void answers_find_who_asked(void **state)
{
	struct bench *b = *state;
	struct owner one = { 0 }, two = { 0 }, three = { 0 };
	load(b, &one);
	load(b, &two);
	assert_false(failed(kept_save(b->kept, STR("ann@example.test"), STR(""), on_saved, &three)));
	assert_true(b->asked[2].is_change);
	kept_told_rows(b->kept, b->asked[1].id, STR("two "), false);
	kept_told_rows(b->kept, b->asked[0].id, STR("one"), true);
	kept_told_done(b->kept, b->asked[2].id, ERR(CEILING));
	assert_true(one.n == 1 && !failed(one.e) && three.n == 1 && err_is(three.e, ERR_CEILING) && two.n == 0);
	assert_string_equal(one.rows, "one");
	kept_told_rows(b->kept, b->asked[1].id, STR("more"), true);
	assert_true(two.n == 1 && !failed(two.e));
	assert_string_equal(two.rows, "two more");
	kept_told_rows(b->kept, b->asked[1].id, STR("again"), true); /* unknown by now */
	kept_told_done(b->kept, 999, OK);
	assert_int_equal(two.n, 1);
}

static void failed_questions_have_no_rows(void **state)
{
	struct bench *b = *state;
	struct owner one = { 0 }, two = { 0 };
	load(b, &one);
	kept_told_rows(b->kept, b->asked[0].id, STR("half"), false);
	kept_told_done(b->kept, b->asked[0].id, ERR(ABSENT));
	assert_true(one.n == 1 && err_is(one.e, ERR_ABSENT) && one.rows[0] == '\0');
	assert_false(failed(kept_save(b->kept, STR("ann@example.test"), STR(""), on_saved, &two)));
	kept_told_rows(b->kept, b->asked[1].id, STR("no question"), true);
	assert_int_equal(two.n, 0);
	b->refuses = ERR(BUSY);
	assert_true(err_is(kept_load(b->kept, STR("ann@example.test"), on_loaded, &one), ERR_BUSY));
	assert_true(err_is(kept_save(b->kept, STR("ann@example.test"), STR(""), on_saved, &one), ERR_BUSY));
	kept_told_nothing(b->kept);
	assert_int_equal(one.n, 1);
	assert_true(two.n == 1 && err_is(two.e, ERR_BUSY));
}

static void more_than_a_user_may_have_is_refused(void **state)
{
	struct bench *b = *state;
	static char piece[256 << 10];
	struct owner one = { 0 };
	load(b, &one);
	for (unsigned i = 0; i < 8; i++)
		kept_told_rows(b->kept, b->asked[0].id, (str){ piece, sizeof piece }, i == 7);
	assert_true(one.n == 1 && err_is(one.e, ERR_CEILING));
}

static void forgotten_ones_are_not_called(void **state)
{
	struct bench *b = *state;
	struct owner one = { 0 }, two = { 0 };
	load(b, &one);
	load(b, &two);
	load(b, &one);
	kept_forget(b->kept, &one);
	kept_told_rows(b->kept, b->asked[0].id, STR("x"), true);
	kept_told_rows(b->kept, b->asked[1].id, STR("x"), true);
	kept_told_rows(b->kept, b->asked[2].id, STR("x"), true);
	assert_true(one.n == 0 && two.n == 1);
}

/* Whoever asks anew, or forgets others, while vault's going is told. */
static void vault_goes(void **state)
{
	struct bench *b = *state;
	struct owner one = { .asks_again = true }, two = { 0 }, three = { 0 };
	one.forgets = &two;
	load(b, &one);
	load(b, &two);
	load(b, &three);
	kept_told_nothing(b->kept);
	assert_true(one.n == 1 && err_is(one.e, ERR_BUSY) && two.n == 0 && three.n == 1);
	assert_int_equal(b->n_asked, 4);
	one.asks_again = false;
	kept_told_rows(b->kept, b->asked[3].id, STR("new"), true);
	assert_true(one.n == 2 && !failed(one.e));
}

int main(void)
{
#define KEPT_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(cut_rows_are_refused),
		cmocka_unit_test(limits_of_rows),
		KEPT_TEST(answers_find_who_asked),
		KEPT_TEST(failed_questions_have_no_rows),
		KEPT_TEST(more_than_a_user_may_have_is_refused),
		KEPT_TEST(forgotten_ones_are_not_called),
		KEPT_TEST(vault_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
