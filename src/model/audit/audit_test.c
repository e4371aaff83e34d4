/* SPDX-License-Identifier: Apache-2.0 */
#include "model/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { LINES = 5 };

struct chain {
	struct crypt *crypt;
	struct store_audit lines[LINES];
	uint8_t hashes[LINES][AUDIT_HASH];
};

static int set_up(void **state)
{
	static struct chain c;
	static const uint8_t none[AUDIT_HASH];
	if (failed(crypt_new(&c.crypt)))
		return 1;
	for (size_t i = 0; i < LINES; i++) {
		c.lines[i] = (struct store_audit){ i + 1, 1800000000 + i, STR("root"), STR("console"), STR("New-CsVoicePolicy -Identity Sales"), STR("OK"), STR("[{}]"), STR("") };
		audit_hash(c.crypt, i == 0 ? none : c.hashes[i - 1], &c.lines[i], c.hashes[i]);
		c.lines[i].hash = (str){ (const char *)c.hashes[i], AUDIT_HASH };
	}
	*state = &c;
	return 0;
}

static int tear_down(void **state)
{
	crypt_free(((struct chain *)*state)->crypt);
	return 0;
}

/* The number of the first line that does not follow, by the lines whose places are given. */
static uint64_t walk(struct chain *c, const char *places)
{
	struct audit_walk w = { 0 };
	for (; *places != '\0'; places++)
		audit_follow(c->crypt, &w, &c->lines[*places - '1']);
	return w.broken;
}

static void a_chain_is_whole(void **state)
{
	struct chain *c = *state;
	assert_int_equal(walk(c, "12345"), 0);
	assert_int_equal(walk(c, "123"), 0); /* a cut end shows beside the log alone */
	assert_int_equal(walk(c, ""), 0);
	struct audit_walk w = { 0 };
	for (size_t i = 0; i < LINES; i++)
		audit_follow(c->crypt, &w, &c->lines[i]);
	assert_int_equal(w.number, LINES);
	assert_memory_equal(w.hash, c->hashes[LINES - 1], AUDIT_HASH);
}

static void removal_and_order_show(void **state)
{
	struct chain *c = *state;
	assert_int_equal(walk(c, "2345"), 2);
	assert_int_equal(walk(c, "1245"), 4);
	assert_int_equal(walk(c, "13245"), 3);
	assert_int_equal(walk(c, "11"), 1);
	assert_int_equal(walk(c, "123452"), 2);
}

/* A line as somebody has changed it, with the hash that it had. */
static bool shows(struct chain *c, struct store_audit changed)
{
	struct store_audit before = c->lines[2];
	c->lines[2] = changed;
	uint64_t broken = walk(c, "12345");
	c->lines[2] = before;
	return broken != 0;
}

static void every_member_matters(void **state)
{
	struct chain *c = *state;
	const struct store_audit good = c->lines[2];
	struct store_audit a = good;
	str *const texts[] = { &a.author, &a.address, &a.command, &a.result, &a.detail };
	assert_false(shows(c, good));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		a = good;
		*texts[i] = str_cut(*texts[i], 0, texts[i]->n - 1);
		assert_true(shows(c, a));
		*texts[i] = STR("");
		assert_true(shows(c, a));
		*texts[i] = STR("something else");
		assert_true(shows(c, a));
		a = good;
	}
	a.time++;
	assert_true(shows(c, a));
	a = good;
	a.number++;
	assert_true(shows(c, a));
	a = good;
	a.hash.n--;
	assert_true(shows(c, a));
	a = good;
	a.hash = c->lines[3].hash;
	assert_true(shows(c, a));
}

/* Letters that go from one member to the next make another line. */
static void members_do_not_run_into_each_other(void **state)
{
	struct chain *c = *state;
	struct store_audit a = c->lines[2], b = a;
	uint8_t one[AUDIT_HASH], two[AUDIT_HASH];
	a.author = STR("root"), a.address = STR("console");
	b.author = STR("rootc"), b.address = STR("onsole");
	audit_hash(c->crypt, c->hashes[1], &a, one);
	audit_hash(c->crypt, c->hashes[1], &b, two);
	assert_memory_not_equal(one, two, AUDIT_HASH);
	a.result = STR(""), a.detail = STR("OK");
	b = a;
	b.result = STR("OK"), b.detail = STR("");
	audit_hash(c->crypt, c->hashes[1], &a, one);
	audit_hash(c->crypt, c->hashes[1], &b, two);
	assert_memory_not_equal(one, two, AUDIT_HASH);
}

#define CHAIN(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHAIN(a_chain_is_whole),
		CHAIN(removal_and_order_show),
		CHAIN(every_member_matters),
		CHAIN(members_do_not_run_into_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
