/* SPDX-License-Identifier: Apache-2.0 */
/* Who can look at what; and that certificates and ports speak of the same listeners. */
#include "service/plan.h"
#include "service/plan_ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const char document[] =
	"organization: Example\n"
	"sip-domains: [example.com]\n"
	"internal-domain: corp.example\n"
	"sites:\n"
	"  - name: Main\n"
	"    pools:\n"
	"      - {pool: fe.corp.example, role: front-end, servers: [fe1.corp.example, fe2.corp.example], web: {internal: web.corp.example, external: web.example.com}}\n"
	"      - {pool: dir.corp.example, role: director, servers: [dir1.corp.example], web: {internal: dirweb.corp.example, external: dirweb.example.com}}\n"
	"      - {pool: chat.corp.example, role: persistent-chat, servers: [chat1.corp.example]}\n"
	"      - pool: edge.corp.example\n"
	"        role: edge\n"
	"        servers: [edge1.corp.example]\n"
	"        external: {access: sip.example.com, web-conferencing: wc.example.com, av: av.example.com}\n"
	"        next-hop: dir.corp.example\n"
	"    reverse-proxies: [{fqdn: rp.corp.example, publishes: [fe.corp.example]}]\n";

static struct arena arena;
static struct topo topo;
static struct plan_ports ports;

static int set_up(void **state)
{
	struct diag d = { .what = "" };
	arena_init(&arena, 64u << 20);
	if (failed(topo_parse(&topo, &arena, str_of(document), "t", &d)) || failed(plan_ports(&topo, &arena, &ports, &d)))
		fail_msg("%s: %s", d.where, d.what);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

static struct plan_origin at_host(const char *host)
{
	return (struct plan_origin){ plan_ports_find(&ports, str_of(host)), str_of(host), 0 };
}

static struct plan_origin in_group(enum plan_group group)
{
	return (struct plan_origin){ NULL, STR(""), 1u << group };
}

/* Whether any flow leads from there to that port at that interface of a host. */
static bool reaches(struct plan_origin from, const char *host, enum plan_interface at, uint32_t port)
{
	TOPO_EACH (f, ports.flows)
		if (f->at == at && f->first <= port && port <= f->last && plan_origin_reaches(&from, f, str_of(host)))
			return true;
	return false;
}

static void servers_and_places(void **state)
{
	assert_true(reaches(at_host("fe1.corp.example"), "dir1.corp.example", PLAN_ANY, 5061));
	assert_true(reaches(at_host("fe1.corp.example"), "fe2.corp.example", PLAN_ANY, 444));
	assert_true(reaches(at_host("edge1.corp.example"), "dir1.corp.example", PLAN_ANY, 5061)); /* its next hop, */
	assert_false(reaches(at_host("edge1.corp.example"), "fe1.corp.example", PLAN_ANY, 5061)); /* and nobody else inside */
	assert_false(reaches(at_host("edge1.corp.example"), "dir1.corp.example", PLAN_ANY, 444));
	assert_true(reaches(in_group(PLAN_CLIENTS), "fe1.corp.example", PLAN_ANY, 5061));
	assert_false(reaches(in_group(PLAN_CLIENTS), "fe1.corp.example", PLAN_ANY, 444));
	assert_true(reaches(in_group(PLAN_ADMINS), "fe1.corp.example", PLAN_ANY, 444));
	assert_false(reaches(in_group(PLAN_INTERNET), "fe1.corp.example", PLAN_ANY, 5061));
	assert_false(reaches(in_group(PLAN_CLIENTS), "nobody.corp.example", PLAN_ANY, 5061));
}

static void both_sides_of_the_border(void **state)
{
	assert_true(reaches(in_group(PLAN_INTERNET), "edge1.corp.example", PLAN_ACCESS, 443));
	assert_false(reaches(in_group(PLAN_INTERNET), "edge1.corp.example", PLAN_INNER, 5061));
	assert_true(reaches(at_host("edge1.corp.example"), "edge1.corp.example", PLAN_ACCESS, 443)); /* itself */
	assert_true(reaches(at_host("dir1.corp.example"), "edge1.corp.example", PLAN_INNER, 5061));
	assert_false(reaches(at_host("dir1.corp.example"), "edge1.corp.example", PLAN_ACCESS, 443)); /* not by way of the Internet */
	assert_true(reaches(at_host("dir1.corp.example"), "rp.corp.example", PLAN_ANY, 443));
	assert_true(reaches(in_group(PLAN_CLIENTS), "rp.corp.example", PLAN_ANY, 443));
	assert_false(reaches(at_host("edge1.corp.example"), "rp.corp.example", PLAN_ANY, 443)); /* its own filter keeps it in */
	assert_true(reaches(at_host("rp.corp.example"), "fe1.corp.example", PLAN_ANY, 4443));
	struct plan_origin edge = at_host("edge1.corp.example"), proxy = at_host("rp.corp.example"), server = at_host("fe1.corp.example"),
			   outside = in_group(PLAN_INTERNET), client = in_group(PLAN_CLIENTS);
	assert_true(plan_origin_leaves(&edge, &ports, 80) && plan_origin_leaves(&edge, &ports, 53));
	assert_false(plan_origin_leaves(&edge, &ports, 8080));
	assert_false(plan_origin_leaves(&proxy, &ports, 80) || plan_origin_leaves(&server, &ports, 80) || plan_origin_leaves(&client, &ports, 80));
	assert_true(plan_origin_leaves(&outside, &ports, 8080));
}

/* The central server sends and gets nothing; every other one listens for it. */
static void replicas(void **state)
{
	assert_true(reaches(at_host("fe1.corp.example"), "fe2.corp.example", PLAN_ANY, 4445));
	assert_false(reaches(at_host("fe2.corp.example"), "fe1.corp.example", PLAN_ANY, 4445));
	assert_true(reaches(at_host("fe1.corp.example"), "chat1.corp.example", PLAN_ANY, 4443));
	assert_true(reaches(at_host("fe1.corp.example"), "edge1.corp.example", PLAN_INNER, 4443));
	assert_false(reaches(at_host("dir1.corp.example"), "chat1.corp.example", PLAN_ANY, 4443));
}

static bool has_listener(const struct plan_certificates *all, str host, const char *listener, unsigned usage)
{
	TOPO_EACH (c, *all)
		if (plan_certificate_is_on(c, host) && (c->usages & 1u << usage) != 0)
			TOPO_EACH (l, c->listeners)
				if (str_eq(*l, str_of(listener)))
					return true;
	return false;
}

static bool has_flow(str host, uint32_t port, const char *service)
{
	TOPO_EACH (f, ports.flows)
		if (f->first == port && strcmp(f->service, service) == 0 && plan_flow_is_at(f, host))
			return true;
	return false;
}

static void certificates_of_replicas(void **state)
{
	struct plan_certificates all;
	assert_false(failed(plan_certificates(&topo, &arena, &all, NULL)));
	size_t n = 0;
	TOPO_EACH (site, topo.sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers) {
				char listener[32];
				uint32_t port = topo_replica_port(pool);
				(void)snprintf(listener, sizeof listener, "%u/tcp", port);
				bool planned = has_flow(server->fqdn, port, "configuration");
				assert_int_equal(has_listener(&all, server->fqdn, listener, pool->role == TOPO_EDGE ? PLAN_INTERNAL : PLAN_DEFAULT), planned);
				n += planned;
			}
	assert_int_equal(n, topo_count_servers(&topo) - 1);
}

/* What the packet filter of the central server opens: nothing for what it has not. */
static void filter_of_replicas(void **state)
{
	struct plan_addresses known = { NULL, 0, 0 };
	struct plan_nft nft = { .topo = &topo, .ports = &ports, .known = &known };
	static const struct {
		const char *host;
		bool is_open;
	} rows[] = { { "fe1.corp.example", false }, { "fe2.corp.example", true } };
	assert_false(failed(plan_addresses_add(&known, &arena, STR("fe1.corp.example=10.0.0.1"), NULL)));
	assert_false(failed(plan_addresses_add(&known, &arena, STR("fe2.corp.example=10.0.0.2"), NULL)));
	assert_false(failed(plan_networks_add(&nft.clients, &arena, STR("10.0.0.0/8"), NULL)));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct topo_names missing;
		struct buf b;
		buf_init(&b, 1u << 20);
		assert_false(failed(plan_nft_print(&nft, str_of(rows[i].host), &arena, &b, &missing, NULL)));
		buf_add_char(&b, '\0');
		assert_int_equal(strstr(b.p, "dport 4445") != NULL, rows[i].is_open);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(servers_and_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(both_sides_of_the_border, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replicas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(certificates_of_replicas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filter_of_replicas, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
