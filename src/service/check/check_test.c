/* SPDX-License-Identifier: Apache-2.0 */
/* Names, and rules about what listeners answer; certificates themselves are judged by test/scenario/test_check.py. */
#include "service/check/check_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/hello.h"

static void test_covers(void **state)
{
	assert_true(check_covers(STR("*.domain.com"), STR("meet.domain.com")));
	assert_true(check_covers(STR("*.Domain.com"), STR("MEET.domain.com.")));
	assert_true(check_covers(STR("meet.domain.com"), STR("Meet.domain.com")));
	assert_false(check_covers(STR("*.domain.com"), STR("domain.com")));
	assert_false(check_covers(STR("*.domain.com"), STR("a.meet.domain.com")));
	assert_false(check_covers(STR("*.domain.com"), STR("meet.xdomain.com")));
	assert_false(check_covers(STR("m*.domain.com"), STR("meet.domain.com")));
	assert_false(check_covers(STR("*"), STR("com")));
	assert_false(check_covers(STR("*."), STR("")));
	assert_true(check_is_below(STR("a.meet.domain.com"), STR("domain.com")));
	assert_false(check_is_below(STR("xdomain.com"), STR("domain.com")));
	assert_false(check_is_below(STR("domain.com"), STR("domain.com")));
}

static void test_rules_are_whole(void **state)
{
	size_t n = 0;
	for (; check_rule_at(n) != NULL; n++) {
		const struct check_rule *r = check_rule_at(n);
		assert_true(r->id[0] != '\0' && strlen(r->sentence) > 10 && strlen(r->remedy) > 5);
		assert_true(r->strict <= r->severity); /* the strict profile forgives nothing */
	}
	assert_true(n > 70);
}

struct room {
	struct arena arena;
	struct topo topo;
	struct plan_certificates plans;
	struct check_result result;
};

static void judge(struct room *r, struct check_seen *seen, size_t n, bool is_whole)
{
	static const char document[] = "organization: Example\nsip-domains: [example.com]\ninternal-domain: corp.example\n"
				       "sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition}]}]\n";
	struct check_evidence evidence = { .seen = { seen, n }, .is_whole = is_whole };
	struct check_policy policy = { .now = 1800000000 };
	arena_init(&r->arena, 32u << 20);
	assert_false(failed(topo_parse(&r->topo, &r->arena, str_of(document), "t", NULL)));
	assert_false(failed(plan_certificates(&r->topo, &r->arena, &r->plans, NULL)));
	assert_false(failed(check_run(&r->topo, &r->plans, &evidence, &policy, &r->arena, &r->result)));
}

static size_t count(const struct room *r, const char *id)
{
	size_t n = 0;
	for (size_t i = 0; i < r->result.findings.n; i++)
		n += strcmp(r->result.findings.p[i].rule->id, id) == 0;
	return n;
}

static void test_listener(void **state)
{
	struct room r;
	uint16_t suites[] = { 0x000a, 0x0005, 0xc02f, 0xc012, 0x009c };
	struct check_probe probe = { .versions = { HELLO_TLS_1_2, HELLO_TLS_1_0, HELLO_SSL_3 }, .versions_n = 3, .suites = { suites, 5 }, .resumption = CHECK_ANEW,
		.clock = 1800000000 - 61 };
	struct check_seen seen = { .place = STR("x:443"), .probe = &probe };
	judge(&r, &seen, 1, false);
	assert_int_equal(count(&r, "TLS-01"), 2);
	assert_int_equal(count(&r, "TLS-02"), 2); /* 3DES twice in one, RC4 */
	assert_int_equal(count(&r, "TLS-03"), 1);
	assert_int_equal(count(&r, "TLS-13"), 1);
	assert_int_equal(count(&r, "S-here"), 1);
	assert_int_equal(count(&r, "X-clock"), 1);
	assert_int_equal(count(&r, "X-read"), 1);
	for (size_t i = 1; i < r.result.findings.n; i++)
		assert_true(r.result.findings.p[i - 1].severity <= r.result.findings.p[i].severity);
	arena_fini(&r.arena);
	probe = (struct check_probe){ .versions = { HELLO_TLS_1_3, HELLO_TLS_1_2 }, .versions_n = 2, .suites = { suites + 2, 1 }, .resumption = CHECK_RESUMES,
		.clock = 1800000000 - 60 };
	judge(&r, &seen, 1, false);
	assert_int_equal(r.result.findings.n, 1);
	arena_fini(&r.arena);
}

/* One member that does not know a session makes connections slow now and then. */
static void test_sessions_of_a_pool(void **state)
{
	struct room r;
	uint16_t suites[] = { 0xc02f };
	struct check_resumption elsewhere[] = { { STR("y:443"), true }, { STR("z:443"), false } };
	struct check_probe probe = { .versions = { HELLO_TLS_1_3, HELLO_TLS_1_2 }, .versions_n = 2, .suites = { suites, 1 }, .resumption = CHECK_RESUMES,
		.elsewhere = { elsewhere, 2 } };
	struct check_seen seen = { .place = STR("x:443"), .probe = &probe };
	judge(&r, &seen, 1, false);
	assert_int_equal(count(&r, "S-pool"), 1);
	for (size_t i = 0; i < r.result.findings.n; i++)
		if (strcmp(r.result.findings.p[i].rule->id, "S-pool") == 0)
			assert_true(memmem(r.result.findings.p[i].what.p, r.result.findings.p[i].what.n, "z:443", 5) != NULL);
	arena_fini(&r.arena);
	probe.resumption = CHECK_ANEW; /* nobody expects them elsewhere then */
	judge(&r, &seen, 1, false);
	assert_int_equal(count(&r, "S-pool"), 0);
	arena_fini(&r.arena);
}

static void test_nothing_at_all(void **state)
{
	struct room r;
	judge(&r, NULL, 0, false);
	assert_int_equal(r.result.findings.n, 0);
	assert_true(r.result.unseen.n > 0);
	arena_fini(&r.arena);
	judge(&r, NULL, 0, true);
	assert_int_equal(count(&r, "X-missing"), r.result.unseen.n);
	arena_fini(&r.arena);
	struct check_seen seen = { .place = STR("uc01:5061"), .host = STR("uc01.corp.example"), .usage = STR("Default"), .failure = STR("nobody answers") };
	judge(&r, &seen, 1, true);
	assert_int_equal(count(&r, "X-read"), 1);
	assert_int_equal(count(&r, "X-missing"), r.result.unseen.n - 1);
	arena_fini(&r.arena);
}

/* What was seen by others becomes findings by the table, each once, and counts. */
static void test_facts(void **state)
{
	static const char document[] = "organization: Example\nsip-domains: [example.com]\ninternal-domain: corp.example\n"
				       "sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition}]}]\n";
	struct check_fact facts[] = { { CHECK_FACT_ROOT_KEY, STR("ca/root.key"), STR("here") }, { CHECK_FACT_FILE_MODE, STR("keys/a"), STR("0644") },
		{ CHECK_FACT_FILE_MODE, STR("keys/a"), STR("0644") }, { CHECK_FACT_FILE_MODE, STR("keys/b"), STR("0644") } };
	struct check_evidence evidence = { .facts = { facts, 4 } };
	for (unsigned strict = 0; strict < 2; strict++) {
		struct room r;
		struct check_policy policy = { .now = 1800000000, .is_strict = strict != 0 };
		arena_init(&r.arena, 32u << 20);
		assert_false(failed(topo_parse(&r.topo, &r.arena, str_of(document), "t", NULL)));
		assert_false(failed(plan_certificates(&r.topo, &r.arena, &r.plans, NULL)));
		assert_false(failed(check_run(&r.topo, &r.plans, &evidence, &policy, &r.arena, &r.result)));
		assert_int_equal(count(&r, "D-mode"), 2);
		assert_int_equal(r.result.counts[CHECK_ERROR], 2);
		assert_int_equal(r.result.counts[CHECK_WARNING], strict);
		assert_string_equal(r.result.findings.p[2].rule->id, "D-root"); /* errors first */
		arena_fini(&r.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_rules_are_whole),
		cmocka_unit_test(test_listener),
		cmocka_unit_test(test_sessions_of_a_pool),
		cmocka_unit_test(test_nothing_at_all),
		cmocka_unit_test(test_facts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
