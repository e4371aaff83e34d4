/* SPDX-License-Identifier: Apache-2.0 */
/* Where a certificate says that the revocation list is, and who answers about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/plan.h"

#define TOPOLOGY(certificates, pools) \
	"organization: E\nsip-domains: [e.com]\ninternal-domain: i.ad\n" certificates "sites: [{name: M, pools: [" pools "]}]\n"
#define SE(ports) "{pool: a.i.ad, role: standard-edition" ports "}"

static const struct {
	const char *topology, *want, *ocsp;
} rows[] = {
	{ TOPOLOGY("", SE("")), "http://a.i.ad/witan.crl", "http://a.i.ad/ocsp" },
	{ TOPOLOGY("", SE(", ports: {http: 8888}")), "http://a.i.ad:8888/witan.crl", "http://a.i.ad:8888/ocsp" },
	/* nobody here serves it: an administrator does, where clients look first */
	{ TOPOLOGY("", SE(", ports: {http: 0}")), "http://a.i.ad/witan.crl", "" },
	{ TOPOLOGY("", SE(", ports: {http: 0}") ", {pool: d.i.ad, role: director, servers: [d1.i.ad, d2.i.ad], ports: {http: 81}}"),
		"http://d1.i.ad:81/witan.crl", "" }, /* it has the list, but not the key */
	{ TOPOLOGY("central-management: f2.i.ad\n", SE("") ", {pool: f.i.ad, role: front-end, servers: [f1.i.ad, f2.i.ad], ports: {http: 82}}"),
		"http://f2.i.ad:82/witan.crl", "http://f2.i.ad:82/ocsp" },
	/* a pool without web services has no such port */
	{ TOPOLOGY("", "{pool: m.i.ad, role: mediation, servers: [m1.i.ad]}, " SE(", ports: {http: 0}")), "http://a.i.ad/witan.crl", "" },
	{ TOPOLOGY("certificates: {crl-url: 'http://pki.e.com/x.crl'}\n", SE(", ports: {http: 8888}")), "http://pki.e.com/x.crl", "" },
	{ TOPOLOGY("certificates: {internal-ca: external}\n", SE("")), "", "" },
};

static void the_list_is_where_it_is_served(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena a DEFER(arena_fini) = { 0 };
		struct topo t;
		struct topo_host host;
		struct plan_certificate plan;
		struct diag d = { 0 };
		arena_init(&a, 16 << 20);
		assert_false(failed(topo_parse(&t, &a, str_of(rows[i].topology), "t.yaml", &d)));
		assert_false(failed(topo_find_host(&t, STR("a.i.ad"), &host, &d)));
		assert_false(failed(plan_certificate_host(&t, &host, PLAN_DEFAULT, &a, &plan, &d)));
		if (!str_eq(plan.crl_url, str_of(rows[i].want)) || !str_eq(plan.ocsp_url, str_of(rows[i].ocsp)))
			fail_msg("row %zu: %.*s, %.*s", i, STR_FMT(plan.crl_url), STR_FMT(plan.ocsp_url));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_list_is_where_it_is_served) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
