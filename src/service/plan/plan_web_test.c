/* SPDX-License-Identifier: Apache-2.0 */
/* Which names the web sites of a server answer for, and what they tell of SIP. */
#include "service/plan.h"
#include "service/plan_ports.h"
#include "service/plan_web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct arena arena;
static struct diag diag;
static struct topo topo;

static int set_up(void **state)
{
	arena_init(&arena, 16u << 20);
	diag = (struct diag){ .what = "" };
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

#define HEAD "organization: Example\nsip-domains: [a.test, b.test]\ninternal-domain: corp.test\n"

static void read_plan(const char *text, const char *fqdn, struct topo_host *host, struct plan_web *out)
{
	if (failed(topo_parse(&topo, &arena, str_of(text), "t", &diag)) || failed(topo_find_host(&topo, str_of(fqdn), host, &diag)) ||
		failed(plan_web(&topo, host, &arena, out, &diag)))
		fail_msg("%s: %s", diag.where, diag.what);
}

static bool has(const struct plan_web_site *s, const char *name, enum plan_web_use use)
{
	TOPO_EACH (n, s->names)
		if (str_eq(n->name, str_of(name)))
			return n->use == use;
	return false;
}

static void assert_text(str s, const char *want)
{
	if (!str_eq(s, str_of(want)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), want);
}

static void pool_and_edge(void **state)
{
	struct topo_host host;
	struct plan_web p;
	read_plan(HEAD "sites: [{name: M, pools: [\n"
		"  {pool: pool.corp.test, role: front-end, servers: [fe01.corp.test, fe02.corp.test], web: {internal: web.corp.test, external: web.a.test}, ports: {https: 8443}},\n"
		"  {pool: edge.corp.test, role: edge, servers: [{fqdn: e1.corp.test, internal-address: 10.0.0.1, external-address: {access: 192.0.2.1, web-conferencing: 192.0.2.2, av: 192.0.2.3}}],\n"
		"   external: {access: sip.a.test, web-conferencing: wc.a.test, av: av.a.test}, next-hop: pool.corp.test}]}]\n", "fe02.corp.test", &host, &p);
	const struct plan_web_site *in = &p.sites[PLAN_INSIDE], *out = &p.sites[PLAN_OUTSIDE];
	assert_int_equal(in->port, 8443);
	assert_text(in->url, "https://web.corp.test:8443");
	assert_true(has(in, "web.corp.test", PLAN_WEB_SERVICES) && has(in, "pool.corp.test", PLAN_WEB_SERVICES) && has(in, "fe02.corp.test", PLAN_WEB_SERVICES));
	assert_false(has(in, "fe01.corp.test", PLAN_WEB_SERVICES)); /* another server */
	assert_true(has(in, "lyncdiscoverinternal.b.test", PLAN_WEB_AUTODISCOVER) && has(in, "lyncdiscover.a.test", PLAN_WEB_AUTODISCOVER));
	assert_true(has(in, "meet.b.test", PLAN_WEB_MEETINGS) && has(in, "dialin.a.test", PLAN_WEB_MEETINGS) && has(in, "admin.a.test", PLAN_WEB_ADMIN));
	assert_int_equal(out->port, 4443);
	assert_text(out->url, "https://web.a.test");
	assert_true(has(out, "web.a.test", PLAN_WEB_SERVICES) && has(out, "lyncdiscover.b.test", PLAN_WEB_AUTODISCOVER) && has(out, "meet.a.test", PLAN_WEB_MEETINGS));
	TOPO_EACH (name, out->names)
		assert_false(plan_name_is_within(name->name, STR("corp.test")) || str_begins(name->name, STR("lyncdiscoverinternal.")) || name->use == PLAN_WEB_ADMIN);
	assert_text(p.sip[PLAN_INSIDE].fqdn, "pool.corp.test");
	assert_text(p.sip[PLAN_OUTSIDE].fqdn, "sip.a.test");
	assert_int_equal(p.sip[PLAN_OUTSIDE].client, 443);
	assert_int_equal(p.sip[PLAN_OUTSIDE].server, 5061);
	assert_true(plan_service_is_built(TOPO_EDGE, PLAN_ACCESS, "federation"));
	assert_true(plan_service_is_built(TOPO_DIRECTOR, PLAN_ANY, "SIP"));
}

static void one_host_for_all_simple_urls(void **state)
{
	struct topo_host host;
	struct plan_web p;
	read_plan(HEAD "simple-urls: shared\nsites: [{name: M, pools: [{pool: uc.corp.test, role: standard-edition, web: {external: web.a.test}, ports: {https: 0}}]}]\n", "", &host, &p);
	struct plan_names names;
	assert_false(failed(plan_names(&topo, &arena, &names, &diag)));
	size_t n = 0;
	TOPO_EACH (name, p.sites[PLAN_INSIDE].names)
		n += str_eq(name->name, names.meet.p[0]);
	assert_int_equal(n, 1);
	assert_int_equal(p.sites[PLAN_INSIDE].url.n, 0);
	assert_int_equal(p.sip[PLAN_OUTSIDE].fqdn.n, 0); /* nobody outside comes in */
}

static void without_names_and_without_web(void **state)
{
	struct topo_host host;
	struct plan_web p;
	read_plan(HEAD "sites: [{name: M, pools: [{pool: uc.corp.test, role: standard-edition}, {pool: med.corp.test, role: mediation, servers: [m1.corp.test]}]}]\n", "uc.corp.test", &host, &p);
	assert_text(p.sites[PLAN_INSIDE].url, "https://uc.corp.test");
	assert_int_equal(p.sites[PLAN_OUTSIDE].url.n, 0);
	assert_false(failed(topo_find_host(&topo, STR("m1.corp.test"), &host, &diag)) || failed(plan_web(&topo, &host, &arena, &p, &diag)));
	assert_int_equal(p.sites[PLAN_INSIDE].port + p.sites[PLAN_OUTSIDE].port, 0);
	assert_int_equal(p.sites[PLAN_INSIDE].names.n + p.sip[PLAN_INSIDE].fqdn.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(pool_and_edge, set_up, tear_down), cmocka_unit_test_setup_teardown(one_host_for_all_simple_urls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_names_and_without_web, set_up, tear_down) };
	return cmocka_run_group_tests_name("plan_web", tests, NULL, NULL);
}
