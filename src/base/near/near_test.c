/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *a, *b;
	unsigned distance;
} distances[] = {
	{ "", "", 0 },
	{ "", "abc", 3 },
	{ "abc", "", 3 },
	{ "pools", "pools", 0 },
	{ "Pools", "pools", 0 },
	{ "pool", "pools", 1 },
	{ "poosl", "pools", 1 },
	{ "psols", "pools", 1 },
	{ "kitten", "sitting", 3 },
	{ "sip-domain", "sip-domains", 1 },
	{ "front-process", "front-processes", 2 },
	{ "ab", "ba", 1 },
};

static void measures_distance(void **state)
{
	for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
		assert_int_equal(near_distance(str_of(distances[i].a), str_of(distances[i].b)), distances[i].distance);
		assert_int_equal(near_distance(str_of(distances[i].b), str_of(distances[i].a)), distances[i].distance);
	}
}

static void long_names_are_far(void **state)
{
	char z[66] = "";
	memset(z, 'a', 65);
	assert_int_equal(near_distance(str_of(z), str_of(z)), 64);
}

static str meant(const char *want)
{
	static const char *const names[] = { "role", "ports", "pool", "sip-domains", "web" };
	struct near n = { .want = str_of(want) };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		near_offer(&n, str_of(names[i]));
	return near_best(&n);
}

static void offers_the_nearest_or_none(void **state)
{
	assert_true(str_eq(meant("port"), STR("ports")));
	assert_true(str_eq(meant("sip-domian"), STR("sip-domains")));
	assert_true(str_eq(meant("rolle"), STR("role")));
	assert_true(str_eq(meant("colour"), STR("")));
	assert_true(str_eq(near_best(&(struct near){ .want = STR("x") }), STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures_distance),
		cmocka_unit_test(long_names_are_far),
		cmocka_unit_test(offers_the_nearest_or_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
