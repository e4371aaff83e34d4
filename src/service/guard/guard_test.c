/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/guard.h"

#include <stdio.h>
#include <stdlib.h>

struct bench {
	struct guard *guard;
	struct meter meter;
	uint64_t now, unix_now;
	struct guard_limits limits;
	unsigned n_bans;
	struct addr banned;
	bool network;
	uint64_t until;
};

static uint64_t now_ms(void *arg)
{
	return ((struct bench *)arg)->now;
}

static uint64_t unix_ms(void *arg)
{
	return ((struct bench *)arg)->unix_now;
}

static void on_ban(void *arg, const struct addr *a, bool network, uint64_t until, const char *why)
{
	struct bench *b = arg;
	assert_true(why[0] != '\0');
	b->n_bans++;
	b->banned = *a;
	b->network = network;
	b->until = until;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	b->now = 1000;
	b->unix_now = 1800000000000;
	b->limits = (struct guard_limits){ .is_on = true, .failures = 3, .address_failures = 6, .network_failures = 20, .watch_ms = 60000, .lockout_ms = 30000, .offences = 4,
		.connections = 10, .ban_ms = 120000 };
	assert_false(failed(guard_new(&(struct guard_config){ .now_ms = now_ms, .unix_ms = unix_ms, .meter = &b->meter, .door = { on_ban }, .arg = b }, &b->guard)));
	guard_set(b->guard, &b->limits);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	guard_free(b->guard);
	free(b);
	return 0;
}

static struct addr at(const char *text)
{
	struct addr a;
	assert_false(failed(addr_parse(str_of(text), 1, &a)));
	return a;
}

static void pass_time(struct bench *b, uint64_t ms)
{
	b->now += ms;
	b->unix_now += ms;
}

static void all_spellings_of_a_name(void **state)
{
	static const char *const same[] = { "ann", "ANN", "sip:Ann@example.test", "SIP:ann@Example.Test", "ann@corp.example", "CORP\\ann", "corp.example\\Ann" };
	char a[GUARD_NAME], b[GUARD_NAME], longest[2 * GUARD_NAME];
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		assert_true(str_eq(guard_name(str_of(same[i]), a), STR("ann")));
	assert_true(str_eq(guard_name(STR("CORP\\"), a), STR("corp\\")));
	assert_int_equal(guard_name(STR(""), a).n, 0);
	assert_int_equal(guard_name(STR("@example.test"), b).n, 0);
	memset(longest, 'x', sizeof longest);
	assert_int_equal(guard_name((str){ longest, sizeof longest }, a).n, GUARD_NAME);
}

static void a_name_is_locked_and_free_again(void **state)
{
	struct bench *b = *state;
	struct addr a = at("192.0.2.1"), other = at("198.51.100.1");
	guard_failed(b->guard, STR("ann"), &a);
	guard_failed(b->guard, STR("ann"), &other);
	assert_true(guard_may_try(b->guard, STR("ann")));
	guard_failed(b->guard, STR("ann"), &a);
	assert_false(guard_may_try(b->guard, STR("ann")));
	assert_true(guard_may_try(b->guard, STR("bob")));
	pass_time(b, 30001);
	assert_true(guard_may_try(b->guard, STR("ann"))); /* but one more failure locks again */
	guard_failed(b->guard, STR("ann"), &other);
	assert_false(guard_may_try(b->guard, STR("ann")));
	pass_time(b, 30000 + 60001);
	guard_failed(b->guard, STR("ann"), &other);
	assert_true(guard_may_try(b->guard, STR("ann"))); /* the earlier ones are forgotten */
	guard_failed(b->guard, STR("ann"), &other);
	guard_succeeded(b->guard, STR("ann"), &a);
	guard_failed(b->guard, STR("ann"), &a);
	guard_failed(b->guard, STR("ann"), &a);
	assert_true(guard_may_try(b->guard, STR("ann")));
}

/* One wrong password for each of many names: each name has few, the address many. */
static void who_sprays_is_banned(void **state)
{
	struct bench *b = *state;
	struct addr a = at("192.0.2.1"), neighbour = at("192.0.2.2");
	char name[16];
	for (unsigned i = 0; i < b->limits.address_failures; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		assert_int_equal(b->n_bans, 0);
		assert_true(guard_may_connect(b->guard, &a));
		guard_failed(b->guard, str_of(name), &a);
	}
	assert_int_equal(b->n_bans, 1);
	assert_false(b->network);
	assert_int_equal(b->until, b->unix_now + b->limits.ban_ms);
	assert_false(guard_may_connect(b->guard, &a));
	assert_true(guard_may_connect(b->guard, &neighbour));
	pass_time(b, b->limits.ban_ms);
	assert_true(guard_may_connect(b->guard, &a));
}

static void a_network_of_sprayers(void **state)
{
	struct bench *b = *state;
	char text[32];
	for (unsigned i = 0; i < b->limits.network_failures; i++) {
		(void)snprintf(text, sizeof text, "192.0.2.%u", 10 + i);
		struct addr a = at(text);
		guard_failed(b->guard, STR(""), &a);
	}
	struct addr inside = at("192.0.2.200"), outside = at("192.0.3.200");
	assert_int_equal(b->n_bans, 1);
	assert_true(b->network);
	assert_false(guard_may_connect(b->guard, &inside));
	assert_true(guard_may_connect(b->guard, &outside));
	guard_unban(b->guard, &inside);
	assert_true(guard_may_connect(b->guard, &inside));
}

static void connections_and_offences(void **state)
{
	struct bench *b = *state;
	struct addr a = at("2001:db8:1:2::1"), same = at("2001:db8:1:2:ffff::9"), other = at("2001:db8:1:3::1");
	for (unsigned i = 0; i < b->limits.connections; i++)
		assert_true(guard_may_connect(b->guard, i % 2 != 0 ? &a : &same));
	assert_false(guard_may_connect(b->guard, &a));
	assert_true(guard_may_connect(b->guard, &other));
	pass_time(b, 60000);
	assert_true(guard_may_connect(b->guard, &a));
	for (unsigned i = 0; i < b->limits.offences; i++) {
		assert_int_equal(b->n_bans, 0);
		guard_offence(b->guard, &a, "what it did");
	}
	assert_int_equal(b->n_bans, 1);
	assert_false(guard_may_connect(b->guard, &same));
	b->limits.is_on = false;
	guard_set(b->guard, &b->limits);
	assert_true(guard_may_connect(b->guard, &same));
	assert_true(guard_is_scanner(STR("Friendly-Scanner")) && guard_is_scanner(STR("sipvicious 0.3")) && !guard_is_scanner(STR("baresip v1.0")) && !guard_is_scanner(STR("")));
}

/* A process that begins is told what the one before has banned. */
static void bans_that_were_known_before(void **state)
{
	struct bench *b = *state;
	struct addr a = at("192.0.2.1");
	guard_ban(b->guard, &a, false, b->unix_now);
	assert_true(guard_may_connect(b->guard, &a));
	guard_ban(b->guard, &a, false, b->unix_now + 5000);
	assert_false(guard_may_connect(b->guard, &a));
	b->unix_now -= 3600000; /* somebody sets the clock: the ban ends all the same */
	b->now += 5000;
	assert_true(guard_may_connect(b->guard, &a));
	assert_int_equal(b->n_bans, 0);
}

/* Whatever comes, it stays within its tables. */
static void a_flood_of_names_and_addresses(void **state)
{
	struct bench *b = *state;
	char name[16], text[32];
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		(void)snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		struct addr a = at(text);
		(void)guard_may_connect(b->guard, &a);
		guard_failed(b->guard, str_of(name), &a);
		guard_offence(b->guard, &a, "x");
	}
	assert_true(guard_may_try(b->guard, STR("n99999")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = { TEST(all_spellings_of_a_name), TEST(a_name_is_locked_and_free_again), TEST(who_sprays_is_banned), TEST(a_network_of_sprayers),
		TEST(connections_and_offences), TEST(bans_that_were_known_before), TEST(a_flood_of_names_and_addresses) };
	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
