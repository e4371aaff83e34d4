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
	static const char *const bad[] = { "a.test", "a.test=", "=1", "a.test=g", "a.test=1,,b.test=1", "a.test=123456789", "a.test=A", "a.test=8=x", "a.test=8=:1", "a.test=8=x:0", "a.test=8=x:65536" };
	struct peers *s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(err_is(peers_new(str_of(bad[i]), &s), ERR_MALFORMED));
}

/* The Edges of a pool have one way, each pool its own; whoever came by none is where he says (flow_place_find). */
static void ways_from_outside(void **state)
{
	struct peers *s;
	assert_false(failed(peers_new(STR("fe.test=2,edges.test=8=sip.test:443,e1.test=8=SIP.test:443,far.test=8=access.test:5061"), &s)));
	const struct flow_ways *ways = peers_ways(s);
	assert_int_equal(ways->n, 2);
	struct flow f = { 0 };
	struct flow_place place;
	static const struct {
		uint8_t octets[4];
		const char *host;
		uint16_t port;
		bool is_outside;
	} rows[] = { { { 0, 0, 0, 0 }, "me", 5061, false }, { { 0, 0, 0, 1 }, "sip.test", 443, true }, { { 0, 0, 0, 2 }, "access.test", 5061, true },
		{ { 0, 0, 0, 3 }, "me", 5061, true }, { { 10, 0, 0, 2 }, "10.0.0.2", 5061, false } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memcpy(&f.reached, rows[i].octets, sizeof f.reached);
		flow_place_find(&f, ways, STR("me"), 5061, &place);
		assert_true(str_eq(place.host, str_of(rows[i].host)));
		assert_int_equal(place.port, rows[i].port);
		assert_int_equal(flow_is_outside(&f), rows[i].is_outside);
	}
	flow_place_find(&f, NULL, STR("me"), 1, &place);
	assert_true(str_eq(place.host, STR("10.0.0.2")));
	peers_free(s);
	char many[4096] = "";
	for (int i = 0; i < FLOW_WAYS_MAX + 1; i++)
		(void)snprintf(many + strlen(many), sizeof many - strlen(many), "%se%d.test=8=a%d.test:443", i != 0 ? "," : "", i, i);
	assert_true(err_is(peers_new(str_of(many), &s), ERR_CEILING));
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
		cmocka_unit_test(other_texts_are_refused), cmocka_unit_test(ways_from_outside), cmocka_unit_test(nobody_is_nobody) };
	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
