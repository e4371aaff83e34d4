/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks as administrators write them. */
#include "service/plan_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct arena arena;
static struct diag diag;

static int set_up(void **state)
{
	arena_init(&arena, 8u << 20);
	diag = (struct diag){ .what = "" };
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

static void has(const struct plan_addresses *in, const char *name, size_t n, const char *first)
{
	size_t found;
	const struct plan_address *a = plan_addresses_find(in, str_of(name), &found);
	assert_int_equal(found, n);
	assert_true(n == 0 ? a == NULL : str_eq(a->address, str_of(first)));
}

static void both_orders_are_read(void **state)
{
	struct plan_addresses in = { 0 };
	assert_false(failed(plan_addresses_parse(&in, &arena,
		STR("# hosts\n\nB.example 10.0.0.2 fd00::0:2 # two\r\n10.0.0.1\ta.example a\n10.0.0.3 b.example."),
		"hosts", &diag)));
	has(&in, "a.example", 1, "10.0.0.1");
	has(&in, "a", 1, "10.0.0.1");
	has(&in, "b.example", 3, "10.0.0.2");
	size_t n;
	assert_true(str_eq(plan_addresses_find(&in, STR("b.example"), &n)[1].address, STR("fd00::2")));
	has(&in, "c.example", 0, "");
	assert_false(failed(plan_addresses_add(&in, &arena, STR("c.example=::1"), &diag)));
	has(&in, "c.example", 1, "::1");
	has(&in, "b.example", 3, "10.0.0.2");
	assert_true(failed(plan_addresses_add(&in, &arena, STR("c.example"), &diag)));
}

static void mistakes_say_where(void **state)
{
	static const char *const bad[] = { "a.example", "10.0.0.1", "a.example 10.0.0.256", "a.example fe80::1%eth0",
		"a_b 10.0.0.1", "10.0.0.1 10.0.0.2", "a.example 10.0.0.1/8", "..  10.0.0.1" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct plan_addresses in = { 0 };
		struct buf b;
		buf_init(&b, 4096);
		buf_printf(&b, "ok.example 10.0.0.9\n%s\n", bad[i]);
		diag = (struct diag){ .what = "" };
		err e = plan_addresses_parse(&in, &arena, buf_str(&b), "file", &diag);
		if (!err_is(e, ERR_MALFORMED) || strcmp(diag.where, "file:2") != 0 || diag.what[0] == '\0' ||
			diag.remedy[0] == '\0')
			fail_msg("%s: %s: %s (%s)", bad[i], diag.where, diag.what, diag.remedy);
		buf_fini(&b);
	}
}

static void too_many_are_refused(void **state)
{
	struct plan_addresses in = { 0 };
	struct buf b;
	buf_init(&b, PLAN_ADDRESSES_SIZE_MAX);
	for (unsigned i = 0; i <= PLAN_ADDRESSES_MAX; i++)
		buf_printf(&b, "h%u 10.0.0.1\n", i);
	assert_false(b.failed);
	assert_true(err_is(plan_addresses_parse(&in, &arena, buf_str(&b), "file", &diag), ERR_CEILING));
	assert_string_equal(diag.where, "file:20001");
	buf_fini(&b);
}

static void networks(void **state)
{
	struct plan_networks to = { 0 };
	static const char *const good[][2] = { { "10.0.0.0/8", "10.0.0.0/8" }, { "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.7", "192.0.2.7/32" }, { "2001:DB8::/32", "2001:db8::/32" }, { "::1", "::1/128" } };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_false(failed(plan_networks_add(&to, &arena, str_of(good[i][0]), &diag)));
		assert_true(str_eq(to.p[i].text, str_of(good[i][1])));
		assert_int_equal(to.p[i].is_v6, strchr(good[i][0], ':') != NULL);
	}
	static const char *const bad[] = { "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/31", "::/129", "10.0.0/8",
		"10.0.0.0/-1", "10.0.0.0/8/8", "x" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(failed(plan_networks_add(&to, &arena, str_of(bad[i]), &diag)));
	assert_int_equal(to.n, sizeof good / sizeof *good);
	while (to.n < PLAN_NETWORKS_MAX)
		assert_false(failed(plan_networks_add(&to, &arena, STR("10.0.0.0/8"), &diag)));
	assert_true(err_is(plan_networks_add(&to, &arena, STR("10.0.0.0/8"), &diag), ERR_CEILING));
}

static void networks_have_addresses(void **state)
{
	struct plan_networks in = { NULL, 0 };
	static const char *const given[] = { "10.0.0.0/9", "192.0.2.7", "2001:db8::/33" };
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		assert_false(failed(plan_networks_add(&in, &arena, str_of(given[i]), &diag)));
	static const struct {
		const char *address;
		bool is_in;
	} rows[] = { { "10.127.255.255", true }, { "10.128.0.0", false }, { "192.0.2.7", true }, { "192.0.2.6", false }, { "2001:DB8:7fff::1", true },
		{ "2001:db8:8000::1", false }, { "::a00:1", false }, { "", false }, { "fe80::1%lo", false }, { "x", false } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(plan_networks_has(&in, str_of(rows[i].address)), rows[i].is_in);
	assert_false(plan_networks_has(&(struct plan_networks){ NULL, 0 }, STR("10.0.0.1")));
	assert_false(failed(plan_networks_add(&in, &arena, STR("0.0.0.0/0"), &diag)));
	assert_true(plan_networks_has(&in, STR("192.0.2.6")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_orders_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mistakes_say_where, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_many_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(networks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(networks_have_addresses, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
