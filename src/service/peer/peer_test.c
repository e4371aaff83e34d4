/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/peer.h"

static void names_are_compared_whole(void **state)
{
	struct peers *s;
	(void)state;
	assert_false(failed(peers_new(STR("gw01.example.test,pool.corp.test"), &s)));
	assert_int_equal(peers_count(s), 2);
	assert_true(peers_has(s, STR("gw01.example.test")));
	assert_true(peers_has(s, STR("POOL.corp.test")));
	static const char *const others[] = { "", "gw01", "gw01.example.test,pool.corp.test", "example.test", "xgw01.example.test",
		"gw01.example.test.evil.test", "," };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_false(peers_has(s, str_of(others[i])));
	peers_free(s);
}

static void nobody_is_nobody(void **state)
{
	struct peers *s;
	(void)state;
	assert_false(failed(peers_new(STR(""), &s)));
	assert_int_equal(peers_count(s), 0);
	assert_false(peers_has(s, STR("")));
	peers_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_compared_whole), cmocka_unit_test(nobody_is_nobody) };
	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
