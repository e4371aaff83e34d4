/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slot.h"

static void numbers_are_used_again(void **state)
{
	struct slots s;
	uint32_t a, b, c;
	int x, y, z;
	(void)state;
	slots_init(&s);
	assert_null(slots_find(&s, 0));
	assert_false(failed(slots_add(&s, &x, &a)));
	assert_false(failed(slots_add(&s, &y, &b)));
	assert_int_not_equal(a, b);
	assert_ptr_equal(slots_find(&s, a), &x);
	slots_remove(&s, a);
	assert_null(slots_find(&s, a));
	assert_false(failed(slots_add(&s, &z, &c)));
	assert_int_equal(c, a);
	assert_ptr_equal(slots_find(&s, b), &y);
	assert_null(slots_find(&s, SLOT_NONE));
	slots_remove(&s, SLOT_NONE);
	slots_fini(&s);
}

static void many(void **state)
{
	enum { N = 10000 };
	static int items[N];
	static uint32_t slot[N];
	struct slots s;
	(void)state;
	slots_init(&s);
	for (int i = 0; i < N; i++)
		assert_false(failed(slots_add(&s, &items[i], &slot[i])));
	for (int i = 0; i < N; i += 2)
		slots_remove(&s, slot[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(slots_find(&s, slot[i]), i % 2 == 0 ? NULL : &items[i]);
	for (int i = 0; i < N; i += 2)
		assert_false(failed(slots_add(&s, &items[i], &slot[i])));
	assert_true(s.n < 2 * N);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(slots_find(&s, slot[i]), &items[i]);
	slots_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(numbers_are_used_again), cmocka_unit_test(many) };
	return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
