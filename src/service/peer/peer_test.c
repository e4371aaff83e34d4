/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/peer.h"

#include "model/topo.h"

#include <stdio.h>

static void names_are_compared_whole(void **state)
{
	struct peers *s;
	assert_false(failed(peers_new(STR("gw01.example.test=100,pool.corp.test=2"), &s)));
	assert_int_equal(peers_count(s), 2);
	assert_true(peers_has(s, STR("gw01.example.test")));
	assert_true(peers_may(s, STR("POOL.corp.test"), PEER_LISTENER_SIP));
	static const char *const others[] = { "", "gw01", "gw01.example.test=100", "gw01.example.test=100,pool.corp.test", "example.test", "xgw01.example.test",
		"gw01.example.test.evil.test", "," };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_false(peers_has(s, str_of(others[i])));
		assert_false(peers_may(s, str_of(others[i]), PEER_LISTENER_SIP));
	}
	peers_free(s);
}

static void a_listener_is_for_some_roles(void **state)
{
	struct peers *s;
	char text[64];
	for (uint32_t role = 0; role < 31; role++) {
		(void)snprintf(text, sizeof text, "a.test=%x", 1u << role);
		assert_false(failed(peers_new(str_of(text), &s)));
		assert_true(peers_has(s, STR("a.test")));
		assert_int_equal(peers_may(s, STR("a.test"), PEER_LISTENER_SIP), role <= TOPO_ROLE_N); /* the last is a gateway of ours */
		peers_free(s);
	}
	assert_false(failed(peers_new(STR("gw.test=0"), &s)));
	assert_true(peers_has(s, STR("gw.test")) && !peers_may(s, STR("gw.test"), PEER_LISTENER_SIP));
	peers_free(s);
}

static void other_texts_are_refused(void **state)
{
	static const char *const bad[] = { "a.test", "a.test=", "=1", "a.test=g", "a.test=1,,b.test=1", "a.test=123456789", "a.test=A" };
	struct peers *s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(err_is(peers_new(str_of(bad[i]), &s), ERR_MALFORMED));
}

static void nobody_is_nobody(void **state)
{
	struct peers *s;
	assert_false(failed(peers_new(STR(""), &s)));
	assert_int_equal(peers_count(s), 0);
	assert_false(peers_has(s, STR("")));
	peers_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_compared_whole), cmocka_unit_test(a_listener_is_for_some_roles),
		cmocka_unit_test(other_texts_are_refused), cmocka_unit_test(nobody_is_nobody) };
	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
