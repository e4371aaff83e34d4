/* SPDX-License-Identifier: Apache-2.0 */
#include "service/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct arena arena;
static struct topo topo;
static struct diag diag;

static int set_up(void **state)
{
	arena_init(&arena, 64u << 20);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

static void assert_ok(err e)
{
	if (failed(e))
		fail_msg("%s: %s: %s", e.def->name, diag.where, diag.what);
}

static void assert_names(struct topo_names names, const char *expected)
{
	struct buf b;
	buf_init(&b, 8192);
	TOPO_EACH (name, names)
		buf_printf(&b, "%.*s ", STR_FMT(*name));
	if (!str_eq(buf_str(&b), str_of(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(buf_str(&b)), expected);
	buf_fini(&b);
}

/* ---- names ---- */

#define HEAD "organization: E\ninternal-domain: i.ad\nsip-domains: [a.com, b.com]\n"
#define SE   "sites: [{name: M, pools: [{pool: se.i.ad, role: standard-edition, web: {external: w.a.com}}]}]\n"

static const struct {
	const char *more, *inside, *outside;
} simple_urls[] = {
	{ "", "meet.a.com meet.b.com dialin.a.com admin.a.com ", "dialin.a.com meet.a.com meet.b.com " },
	{ "simple-urls: per-domain\n", "lync.a.com lync.b.com ", "lync.a.com lync.b.com " },
	{ "simple-urls: shared\nsimple-url-host: uc\n", "uc.a.com ", "uc.a.com " },
};

static void names_hosts_of_simple_urls(void **state)
{
	for (size_t i = 0; i < sizeof simple_urls / sizeof *simple_urls; i++) {
		char text[1024];
		struct plan_names names;
		struct topo_names hosts;
		(void)snprintf(text, sizeof text, HEAD "%s" SE, simple_urls[i].more);
		assert_ok(topo_parse(&topo, &arena, str_of(text), "t.yaml", &diag));
		assert_ok(plan_names(&topo, &arena, &names, &diag));
		assert_int_equal(names.meet.n, 2);
		assert_ok(plan_simple_url_hosts(&names, false, &arena, &hosts));
		assert_names(hosts, simple_urls[i].inside);
		assert_ok(plan_simple_url_hosts(&names, true, &arena, &hosts));
		assert_names(hosts, simple_urls[i].outside);
	}
}

static void names_follow_from_domains(void **state)
{
	struct plan_names names;
	assert_ok(topo_parse(&topo, &arena, STR(HEAD SE), "t.yaml", &diag));
	assert_ok(plan_names(&topo, &arena, &names, &diag));
	assert_names(names.sip, "sip.a.com sip.b.com ");
	assert_names(names.sip_internal, "sipinternal.a.com sipinternal.b.com ");
	assert_names(names.autodiscover_inside, "lyncdiscoverinternal.a.com lyncdiscoverinternal.b.com ");
	assert_true(str_eq(names.device_update, STR("ucupdates-r2.i.ad")));
}

static void wildcards_cover_one_label(void **state)
{
	assert_true(plan_wildcard_covers(STR("*.a.com"), STR("meet.a.com")));
	assert_false(plan_wildcard_covers(STR("*.a.com"), STR("a.meet.a.com")));
	assert_false(plan_wildcard_covers(STR("*.a.com"), STR("a.com")));
	assert_false(plan_wildcard_covers(STR("*.a.com"), STR("meet.ba.com")));
	assert_false(plan_wildcard_covers(STR("*."), STR("meet")));
}

static void proxies_publish_directors_first(void **state)
{
	struct plan_pools pools;
	assert_ok(topo_parse(&topo, &arena,
		STR(HEAD "sites:\n"
			 "- {name: U, region: us, pools: [{pool: du.i.ad, role: director, servers: [s1.i.ad], web: "
			 "{external: du.a.com}},\n"
			 "   {pool: fu.i.ad, role: front-end, servers: [s2.i.ad], web: {external: fu.a.com}}]}\n"
			 "- {name: E, region: eu, pools: [{pool: de.i.ad, role: director, servers: [s3.i.ad], web: "
			 "{external: de.a.com}},\n"
			 "   {pool: fe.i.ad, role: front-end, servers: [s4.i.ad], web: {external: fe.a.com}}],\n"
			 "   reverse-proxies: [{fqdn: r.i.ad, publishes: [fu.i.ad, du.i.ad, fe.i.ad, de.i.ad]}]}\n"),
		"t.yaml", &diag));
	const struct topo_site *site = &topo.sites.p[1];
	assert_ok(plan_published(&topo, site, site->reverse_proxies.p, &arena, &pools));
	static const char *const expected[] = { "de.i.ad", "du.i.ad", "fe.i.ad", "fu.i.ad" };
	assert_int_equal(pools.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(str_eq(pools.p[i]->pool, str_of(expected[i])));
}

/* ---- rules and usages ---- */

static void rules_say_something_each(void **state)
{
	for (size_t i = 0; i < PLAN_RULE_N; i++) {
		assert_true(strlen(plan_rules[i].id) >= 3 && strlen(plan_rules[i].reason) > 5);
		assert_int_equal(plan_rules[i].text[strlen(plan_rules[i].text) - 1], '.');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(plan_rules[i].id, plan_rules[k].id);
	}
}

static void usages_have_words(void **state)
{
	for (unsigned i = 0; i < PLAN_USAGE_N; i++) {
		enum plan_usage usage;
		assert_true(plan_usage_find(str_of(plan_usage_word((enum plan_usage)i)), &usage));
		assert_int_equal(usage, i);
	}
}

/* ---- one host ---- */

static const struct {
	const char *host;
	enum plan_usage usage;
	const char *cn; /* NULL: it has none */
} hosts[] = {
	{ "fe02.internal.ad", PLAN_DEFAULT, "eepool.internal.ad" },
	{ "fe02.internal.ad", PLAN_OAUTH_TOKEN_ISSUER, "domain.com" },
	{ "fe02.internal.ad", PLAN_INTERNAL, NULL },
	{ "edge02.internal.ad", PLAN_INTERNAL, "edgepool.internal.ad" },
	{ "edge02.internal.ad", PLAN_DATA_EDGE_EXTERNAL, "sip.domain.com" },
	{ "edge02.internal.ad", PLAN_XMPP_SERVER, "sip.domain.com" },
	{ "edge02.internal.ad", PLAN_DEFAULT, NULL },
	{ "edge02.internal.ad", PLAN_OAUTH_TOKEN_ISSUER, NULL },
};

static void finds_the_certificate_of_a_host(void **state)
{
	assert_ok(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag));
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct topo_host host;
		struct plan_certificate c;
		assert_ok(topo_find_host(&topo, str_of(hosts[i].host), &host, &diag));
		err e = plan_certificate_host(&topo, &host, hosts[i].usage, &arena, &c, &diag);
		if (hosts[i].cn == NULL) {
			assert_true(err_is(e, ERR_ABSENT));
			continue;
		}
		assert_ok(e);
		assert_true(str_eq(c.cn, str_of(hosts[i].cn)) && plan_certificate_is_on(&c, host.server->fqdn));
	}
}

/* A server without web services has one certificate, which its own web listener presents too. */
static void plans_one_certificate_without_web_services(void **state)
{
	struct plan_certificates all;
	assert_ok(topo_parse(&topo, &arena,
		STR(HEAD "sites: [{name: M, pools: [{pool: se.i.ad, role: standard-edition}]}]\n"), "t.yaml", &diag));
	assert_ok(plan_certificates(&topo, &arena, &all, &diag));
	assert_int_equal(all.n, 1);
	assert_int_equal(all.p[0].usages, 1u << PLAN_DEFAULT);
	assert_names(all.p[0].listeners, "5061/tcp 444/tcp ");
}

static void states_crl_only_of_own_authorities(void **state)
{
	struct plan_certificates all;
	assert_ok(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag));
	topo.certificates.crl_url = STR("");
	assert_ok(plan_certificates(&topo, &arena, &all, &diag));
	TOPO_EACH (c, all)
		if (!str_eq(c->crl_url, c->public_ca ? STR("") : STR("http://fe01.internal.ad/witan.crl")))
			fail_msg("%.*s", STR_FMT(c->crl_url));
}

/* ---- limits ---- */

static void refuses_too_many_names(void **state)
{
	struct plan_certificates all;
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_printf(&b, "organization: E\ninternal-domain: i.ad\nsip-domains: [");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "%sd%u.com", i > 0 ? ", " : "", i);
	buf_printf(&b, "]\ncertificates: {hybrid: true}\nsites:\n");
	for (unsigned s = 0; s < 4; s++) {
		buf_printf(&b, "- name: S%u\n  pools:\n", s);
		for (unsigned i = 0; i < 250; i++)
			buf_printf(&b,
				"  - {pool: p%u-%u.i.ad, role: standard-edition, web: {external: w%u-%u.d0.com}}\n", s,
				i, s, i);
		if (s == 0)
			buf_printf(&b, "  - {pool: e.i.ad, role: edge, servers: [e1.i.ad], next-hop: p0-0.i.ad, "
				       "external: {access: sip.d0.com, "
				       "web-conferencing: c.d0.com, av: av.d0.com}}\n");
		buf_printf(&b, "  reverse-proxies:\n  - {fqdn: r%u.i.ad, publishes: [p%u-0.i.ad", s, s);
		for (unsigned i = 1; i < 250; i++)
			buf_printf(&b, ", p%u-%u.i.ad", s, i);
		buf_printf(&b, "]}\n");
	}
	assert_ok(topo_parse(&topo, &arena, buf_str(&b), "t.yaml", &diag));
	assert_true(err_is(plan_certificates(&topo, &arena, &all, &diag), ERR_CEILING));
	assert_string_equal(diag.what, "a certificate would have more than 1000 names");
	buf_fini(&b);
}

static void survives_every_failing_allocation(void **state)
{
	struct plan_certificates all;
	assert_ok(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag));
	topo.certificates.hybrid = true;
	uint32_t n = 1;
	for (;; n++) {
		struct arena a;
		arena_init(&a, 16u << 20);
		a.fail_after = n;
		err e = plan_certificates(&topo, &a, &all, &diag);
		arena_fini(&a);
		if (!failed(e))
			break;
		assert_true(err_is(e, ERR_CEILING) && diag.what[0] != '\0');
	}
	assert_true(n > 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(names_hosts_of_simple_urls),
		TEST(names_follow_from_domains),
		TEST(wildcards_cover_one_label),
		TEST(proxies_publish_directors_first),
		TEST(rules_say_something_each),
		TEST(usages_have_words),
		TEST(finds_the_certificate_of_a_host),
		TEST(plans_one_certificate_without_web_services),
		TEST(states_crl_only_of_own_authorities),
		TEST(refuses_too_many_names),
		TEST(survives_every_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
