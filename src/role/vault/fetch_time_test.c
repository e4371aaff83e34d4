/* SPDX-License-Identifier: Apache-2.0 */
/* When lists are fetched again, and which of two is older. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "role/vault/vault_fetch.h"

enum { NOW = 1700000000, DAY = 86400 };

static void half_of_its_time(void **state)
{
	static const struct {
		int64_t left;
		uint32_t period, want;
	} rows[] = {
		{ 7200, DAY, 3600 }, { 7 * DAY, DAY, DAY }, { 600, DAY, 300 }, { 60, DAY, 300 }, { 0, DAY, 300 }, { -5, DAY, 300 }, { -100 * DAY, DAY, 300 },
		{ 100 * DAY, DAY, DAY }, { 7 * DAY, 10, 10 }, { 10, 10, 10 }, { -1, 10, 10 }, { 1200, 400, 400 }, { 700, 400, 350 },
		{ INT64_MAX - NOW, DAY, DAY },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (list_next(NOW, NOW + rows[i].left, rows[i].period) != rows[i].want)
			fail_msg("row %zu: %u", i, list_next(NOW, NOW + rows[i].left, rows[i].period));
}

static void failures_wait_longer_each_time(void **state)
{
	static const uint32_t middle = 0x80000000u;
	static const uint32_t want[] = { 60, 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	for (unsigned i = 0; i < sizeof want / sizeof *want; i++)
		assert_int_equal(list_again(i, DAY, middle), want[i]);
	assert_int_equal(list_again(1000000, DAY, middle), 3600);
	assert_int_equal(list_again(1, DAY, 0), 45);
	assert_int_equal(list_again(1, DAY, UINT32_MAX), 74);
	assert_int_equal(list_again(5, 10, middle), 10 - 10 / 4 + 2);
	assert_int_equal(list_again(5, 1, middle), 1);
}

static void the_older_of_two(void **state)
{
	static const struct {
		struct list_age fresh, kept;
		bool is_older;
	} rows[] = {
		{ { 2, NOW }, { 1, NOW - 1 }, false }, { { 1, NOW }, { 1, NOW }, false }, { { 1, NOW - 1 }, { 1, NOW }, true }, { { 1, NOW }, { 2, NOW }, true },
		{ { 1, NOW + 1 }, { 2, NOW }, true }, { { 3, NOW - 1 }, { 2, NOW }, true }, { { 0, NOW }, { 2, NOW }, false }, { { 2, NOW }, { 0, NOW }, false }, { { 0, NOW - 1 }, { 2, NOW }, true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (list_is_older(&rows[i].fresh, &rows[i].kept) != rows[i].is_older)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(half_of_its_time), cmocka_unit_test(failures_wait_longer_each_time), cmocka_unit_test(the_older_of_two) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
