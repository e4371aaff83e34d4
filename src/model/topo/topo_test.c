/* SPDX-License-Identifier: Apache-2.0 */
#include "model/topo.h"
#include "model/topo/topo_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define ARENA (16u << 20)

#define HEAD          "organization: E\nsip-domains: [e.com]\ninternal-domain: i.ad\n"
#define SITE(pools)   HEAD "sites: [{name: M, pools: [" pools "]}]\n"
#define SE            "{pool: se.i.ad, role: standard-edition, web: {external: se.e.com}}"
#define EDGE_EXTERNAL "external: {access: sip.e.com, web-conferencing: w.e.com, av: av.e.com}"

static struct arena arena;
static struct topo topo;
static struct diag diag;

static int set_up(void **state)
{
	arena_init(&arena, ARENA);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

static err parse(const char *text)
{
	return topo_parse(&topo, &arena, str_of(text), "t.yaml", &diag);
}

static void assert_str(str s, const char *z)
{
	if (!str_eq(s, str_of(z)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), z);
}

/* ---- accepted ---- */

static void reads_four_lines(void **state)
{
	struct topo_host host;
	assert_false(failed(topo_read(&topo, &arena, "test/topology/four-lines.yaml", &diag)));
	assert_str(topo.organization, "Example");
	assert_int_equal(topo.sip_domains.n, 1);
	assert_false(failed(topo_find_host(&topo, STR(""), &host, &diag)));
	assert_str(host.server->fqdn, "uc01.corp.example");
	assert_int_equal(host.pool->role, TOPO_STANDARD_EDITION);
	assert_int_equal(host.pool->ports.sip_tls, 5061);
	assert_int_equal(host.pool->ports.sip_tcp, 0);
	assert_int_equal(host.pool->ports.web, 444);
	assert_int_equal(host.pool->ports.http, 80);
	assert_int_equal(host.pool->ports.https, 443);
	assert_int_equal(host.pool->ports.external_http, 8080);
	assert_int_equal(host.pool->ports.external_https, 4443);
	assert_int_equal(host.pool->front_processes, 1);
	assert_int_equal(topo.certificates.key, TOPO_RSA_2048);
	assert_int_equal(topo.certificates.public_ca, TOPO_CA_EXTERNAL);
	assert_str(topo.simple_url_host, "lync");
	assert_null(topo.warnings);
}

static void reads_the_whole_document(void **state)
{
	assert_false(failed(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag)));
	assert_int_equal(topo.sip_domains.n, 3);
	assert_str(topo.sip_domains.p[2], "domain-b.com");
	assert_str(topo.certificates.crl_url, "http://pki.internal.ad/witan.crl");
	const struct topo_site *site = topo.sites.p;
	assert_int_equal(site->pools.n, 4);
	const struct topo_pool *ee = topo_find_pool(&topo, STR("eepool.internal.ad"));
	assert_int_equal(ee->servers.n, 3);
	assert_str(ee->servers.p[1].fqdn, "fe02.internal.ad");
	assert_int_equal(ee->collocated, TOPO_COLLOCATED_MEDIATION | TOPO_COLLOCATED_CONFERENCING);
	assert_int_equal(ee->store.kind, TOPO_POSTGRESQL);
	assert_int_equal(ee->ports.sip_tcp, 5060);
	const struct topo_pool *edge = topo_find_pool(&topo, STR("edgepool.internal.ad"));
	assert_str(edge->servers.p[1].external_address.av, "192.0.2.23");
	assert_str(edge->external.web_conferencing, "webcon.domain.com");
	assert_true(edge->federation);
	assert_str(edge->xmpp.p[0], "domain.com");
	assert_int_equal(site->reverse_proxies.p[0].publishes.n, 3);
	assert_true(site->reverse_proxies.p[0].wildcard);
	assert_int_equal(site->pstn_gateways.p[0].port, 5067);
	assert_str(site->office_web_apps.p[0].external, "wac.domain.com");
	assert_null(topo.warnings);
}

static void names_other_servers_as_trusted(void **state)
{
	static const char *const want[] = { "eepool.internal.ad", "fe01.internal.ad", "fe02.internal.ad",
		"fe03.internal.ad", "dirpool.internal.ad", "dir01.internal.ad", "edgepool.internal.ad",
		"edge01.internal.ad", "edge02.internal.ad", "gw01.internal.ad" };
	struct topo_peers peers;
	assert_false(failed(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag)));
	assert_false(failed(topo_peers(&topo, STR("se01.internal.ad"), &arena, &peers)));
	assert_int_equal(peers.n, sizeof want / sizeof *want);
	for (size_t i = 0; i < peers.n; i++)
		assert_str(peers.p[i].name, want[i]);
	assert_int_equal(peers.p[0].roles, 1u << TOPO_FRONT_END);
	assert_int_equal(peers.p[5].roles, 1u << TOPO_DIRECTOR);
	assert_int_equal(peers.p[7].roles, 1u << TOPO_EDGE);
	assert_int_equal(peers.p[9].roles, 0); /* the gateway is another pool's */
	assert_false(failed(topo_peers(&topo, STR("fe01.internal.ad"), &arena, &peers)));
	assert_str(peers.p[peers.n - 1].name, "gw01.internal.ad");
	assert_int_equal(peers.p[peers.n - 1].roles, TOPO_GATEWAY_BIT);
}

static void finds_the_central_store(void **state)
{
	struct topo_host host;
	assert_false(failed(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag)));
	assert_false(failed(topo_find_central(&topo, &host)));
	assert_str(host.server->fqdn, "fe01.internal.ad");
	assert_int_equal(topo_count_servers(&topo), 7);
	assert_int_equal(topo_replica_port(host.pool), 4445);
	assert_int_equal(topo_replica_port(topo_find_pool(&topo, STR("edgepool.internal.ad"))), 4443);
	assert_int_equal(topo_replica_port(topo_find_pool(&topo, STR("dirpool.internal.ad"))), 4445);
	topo.central_management = STR("se01.internal.ad");
	topo.sites.p[0].pools.p[3].ports.replica = 4500;
	assert_false(failed(topo_find_central(&topo, &host)));
	assert_str(host.server->fqdn, "se01.internal.ad");
	assert_int_equal(topo_replica_port(topo_find_pool(&topo, STR("edgepool.internal.ad"))), 4500);
}

static void finds_hosts(void **state)
{
	struct topo_host host;
	assert_false(failed(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag)));
	assert_false(failed(topo_find_host(&topo, STR("edge02.internal.ad"), &host, &diag)));
	assert_str(host.pool->pool, "edgepool.internal.ad");
	assert_true(err_is(topo_find_host(&topo, STR(""), &host, &diag), ERR_ABSENT));
	assert_string_equal(diag.what, "4 servers sign users in");
	assert_true(err_is(topo_find_host(&topo, STR("fe09.internal.ad"), &host, &diag), ERR_ABSENT));
}

/* Names that two things may share, since they are one. */
static const char *const shared_names[] = {
	SITE("{pool: se.i.ad, role: standard-edition, web: {internal: se.i.ad, external: se.e.com}}"),
	SITE("{pool: d.i.ad, role: director, servers: [d.i.ad], web: {internal: d.i.ad}}"),
	SITE("{pool: d.i.ad, web: {internal: d1.i.ad}, role: director, servers: [d1.i.ad]}"),
	SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, single-address: true, external: {access: sip.e.com, "
		"web-conferencing: sip.e.com, av: sip.e.com}}"),
	SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, " EDGE_EXTERNAL
		"}, {pool: y.i.ad, role: edge, servers: [y1.i.ad], next-hop: se.i.ad, " EDGE_EXTERNAL "}"),
	HEAD "sites: [{name: M, pools: [" SE "], office-web-apps: [{internal: w.e.com, external: w.e.com}]}]\n",
	/* of another domain, or where the function has no host of its own */
	SITE("{pool: meet.i.ad, role: standard-edition, web: {external: meet.f.com}}"),
	"simple-urls: shared\n" SITE("{pool: meet.e.com, role: standard-edition}"),
};

static void accepts_names_of_one_thing(void **state)
{
	for (size_t i = 0; i < sizeof shared_names / sizeof *shared_names; i++)
		if (failed(parse(shared_names[i])))
			fail_msg("%s: %s: %s", shared_names[i], diag.where, diag.what);
}

static void reads_what_certificates_may_vary_by(void **state)
{
	assert_false(failed(parse(SITE(SE))));
	assert_true(topo.certificates.include_av_san);
	assert_false(topo.certificates.separate_av || topo.legacy_names || topo.device_update);
	assert_int_equal(topo.secondary_autodiscover, TOPO_AUTODISCOVER_HTTPS);
	assert_false(failed(parse("secondary-autodiscover: http\nlegacy-names: true\ncertificates: {include-av-san: false}\n" SITE(
		"{pool: f.i.ad, role: front-end, servers: [f1.i.ad], shared-certificate: true}"))));
	assert_false(topo.certificates.include_av_san);
	assert_int_equal(topo.secondary_autodiscover, TOPO_AUTODISCOVER_HTTP);
	assert_true(topo.legacy_names && topo.sites.p[0].pools.p[0].shared_certificate);
	struct buf out;
	buf_init(&out, 4096);
	topo_print(&topo, &out);
	assert_false(failed(topo_parse(&topo, &arena, buf_str(&out), "printed", &diag)));
	assert_false(topo.certificates.include_av_san);
	buf_fini(&out);
}

static void print_again(const char *file, struct buf *out)
{
	assert_false(failed(topo_read(&topo, &arena, file, &diag)));
	topo_print(&topo, out);
}

static void prints_what_it_reads(void **state)
{
	static const char *const files[] = { "test/topology/four-lines.yaml", "test/topology/whole.yaml" };
	for (size_t i = 0; i < 2; i++) {
		struct buf first, second;
		buf_init(&first, TOPO_SIZE_MAX);
		buf_init(&second, TOPO_SIZE_MAX);
		print_again(files[i], &first);
		err e = topo_parse(&topo, &arena, buf_str(&first), "printed", &diag);
		if (failed(e))
			fail_msg("%s: %s", diag.where, diag.what);
		topo_print(&topo, &second);
		assert_true(str_eq(buf_str(&first), buf_str(&second)));
		buf_fini(&first);
		buf_fini(&second);
	}
}

static void prints_canonically(void **state)
{
	struct buf out;
	buf_init(&out, 4096);
	print_again("test/topology/four-lines.yaml", &out);
	assert_str(buf_str(&out), "organization: Example\n"
				  "sip-domains: [example.com]\n"
				  "internal-domain: corp.example\n"
				  "sites:\n"
				  "  - name: Main\n"
				  "    pools:\n"
				  "      - pool: uc01.corp.example\n"
				  "        role: standard-edition\n"
				  "        web: {external: webext.example.com}\n");
	buf_fini(&out);
}

static void quotes_what_is_not_plain(void **state)
{
	struct buf out;
	buf_init(&out, 4096);
	assert_false(
		failed(parse("organization: 'A \"b\\ c: #1'\nsip-domains: [1.example, \"on\"]\ninternal-domain: x.y\n"
			     "sites: [{name: 'No', pools: [{pool: a.b, role: standard-edition}]}]\n")));
	topo_print(&topo, &out);
	assert_true(str_begins(
		buf_str(&out), STR("organization: \"A \\\"b\\\\ c: #1\"\nsip-domains: [\"1.example\", \"on\"]\n")));
	buf_fini(&out);
}

/* ---- names ---- */

static const struct {
	const char *given, *stored; /* NULL: refused */
} names[] = {
	{ "example.com", "example.com" },
	{ "EXAMPLE.Com", "example.com" },
	{ "example.com.", "example.com" },
	{ "B\xc3\xbc"
	  "cher.example",
		"xn--bcher-kva.example" },
	{ "stra\xc3\x9f"
	  "e.de",
		"xn--strae-oqa.de" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "a-1.b", "a-1.b" },
	{ "", NULL },
	{ ".", NULL },
	{ "a..b", NULL },
	{ ".a", NULL },
	{ "a..", NULL },
	{ "-a.b", NULL },
	{ "a-.b", NULL },
	{ "a_b.c", NULL },
	{ "a b.c", NULL },
	{ "*.a.b", NULL },
	{ "\xff.example", NULL },
	{ "a23456789012345678901234567890123456789012345678901234567890123.b",
		"a23456789012345678901234567890123456789012345678901234567890123.b" },
	{ "a234567890123456789012345678901234567890123456789012345678901234.b", NULL },
};

static void stores_names_one_way(void **state)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		str out;
		err e = topo_name(str_of(names[i].given), &arena, &out, &diag);
		if (failed(e) != (names[i].stored == NULL))
			fail_msg("\"%s\": %s", names[i].given, failed(e) ? diag.what : "accepted");
		if (!failed(e))
			assert_str(out, names[i].stored);
	}
}

static void bounds_names(void **state)
{
	char z[260];
	str out;
	for (size_t n = 250; n < 258; n++) {
		for (size_t i = 0; i < n; i++)
			z[i] = i % 50 == 49 ? '.' : 'a';
		z[n - 1] = 'a';
		assert_int_equal(failed(topo_name((str){ z, n }, &arena, &out, &diag)), n > 253);
	}
}

/* ---- refused ---- */

static const struct {
	const char *text, *where, *what; /* what begins the reason */
} refused[] = {
	/* not YAML, or not of this kind */
	{ "", "t.yaml", "the document is empty" },
	{ "a: [", "t.yaml:2:1", "not YAML" },
	{ "\xff\xfe\x00", "t.yaml", "not YAML" },
	{ "organization: &x E\n", "t.yaml:1:15", "anchor &x" },
	{ "organization: !!str E\n", "t.yaml:1:15", "tag " },
	{ "organization: *x\n", "t.yaml:1:15", "alias *x" },
	{ "organization: E\norganization: F\n", "t.yaml:2:1",
		"the key \"organization\" stands here a second time (first in line 1)" },
	{ "? [a]\n: b\n", "t.yaml:1:3", "a key must be a word" },
	{ "[a]", "t.yaml:1:1", "the topology is a mapping, not a list" },
	{ HEAD "---\na: b\n", "t.yaml:4:1", "a second document" },
	{ "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: n}}}}}}}}}}}}", "t.yaml:1:48", "nested deeper than 12" },
	/* keys and types */
	{ "organisation: E\n", "t.yaml:1:1",
		"the topology has no key \"organisation\"; did you mean \"organization\"?" },
	{ HEAD "colour: red\n", "t.yaml:4:1", "the topology has no key \"colour\"" },
	{ HEAD, "t.yaml:1:1", "the topology lacks \"sites\"" },
	{ "organization: [E]\n", "t.yaml:1:15", "\"organization\" takes a single value, not a list" },
	{ "organization:\n", "t.yaml:1:14", "\"organization\" has no value" },
	{ "organization: \"a\\tb\"\n", "t.yaml:1:15", "\"organization\" holds a control character" },
	{ "organization: \"a\\Nb\"\n", "t.yaml:1:15", "\"organization\" holds a control character" },
	{ "organization: \"a\\Lb\"\n", "t.yaml:1:15", "\"organization\" holds a control character" },
	{ "sip-domains: e.com\n", "t.yaml:1:14", "\"sip-domains\" takes a list, not a single value" },
	{ "sip-domains: []\n", "t.yaml:1:14", "\"sip-domains\" is an empty list" },
	{ "sip-domains: [e.com, E.com]\n", "t.yaml:1:22", "\"e.com\" stands twice in \"sip-domains\"" },
	{ "sip-domains: [e com]\n", "t.yaml:1:15", "the label \"e com\" holds a character" },
	{ "simple-urls: per-functoin\n", "t.yaml:1:14",
		"\"simple-urls\" cannot be \"per-functoin\"; did you mean \"per-function\"?" },
	{ "simple-url-host: a.b\n", "t.yaml:1:18", "\"simple-url-host\" is one label" },
	{ "certificates: {hybrid: yes}\n", "t.yaml:1:24", "\"hybrid\" cannot be \"yes\"" },
	{ "certificates: {key: rsa-1024}\n", "t.yaml:1:21", "\"key\" cannot be \"rsa-1024\"" },
	{ "certificates: {crl-url: 'https://a/b'}\n", "t.yaml:1:25", "\"crl-url\" is not an http URL" },
	{ "certificates: {crl-url: 'http://a/b c'}\n", "t.yaml:1:25", "\"crl-url\" holds a character" },
	{ SITE("{pool: se.i.ad, role: edgy}"), "t.yaml:4:49", "\"role\" cannot be \"edgy\"; did you mean \"edge\"?" },
	{ SITE("{pool: '*.i.ad', role: standard-edition}"), "t.yaml:4:34", "a wildcard is not allowed here" },
	{ SITE("{pool: se.i.ad, role: standard-edition, ports: {sip-tls: 65536}}"), "t.yaml:4:84",
		"\"sip-tls\" takes a number from 1 to 65535" },
	{ SITE("{pool: se.i.ad, role: standard-edition, ports: {sip-tls: '5061'}}"), "t.yaml:4:84",
		"\"sip-tls\" takes a number" },
	{ SITE("{pool: se.i.ad, role: standard-edition, ports: {web: 65536}}"), "t.yaml:4:80",
		"\"web\" takes a number from 0 to 65535" },
	{ SITE("{pool: se.i.ad, role: standard-edition, ports: {sip-tcp: 0}}"), "t.yaml:4:84",
		"\"sip-tcp\" takes a number" },
	{ SITE("{pool: se.i.ad, role: standard-edition, front-processes: 0}"), "t.yaml:4:84",
		"\"front-processes\" takes a number from 1 to 64" },
	{ SITE("{pool: se.i.ad, role: standard-edition, federation: true}"), "t.yaml:4:67",
		"a pool with the role standard-edition has no \"federation\"" },
	{ SITE("{pool: a1234567890123456789012345678901234567890123456789012345678.i.add, role: standard-edition}"),
		"t.yaml:4:34",
		"\"a1234567890123456789012345678901234567890123456789012345678.i.add\" has 65 octets; it becomes a "
		"common name" },
	/* rules */
	{ SITE("{pool: a.i.ad, role: front-end}"), "t.yaml:4:27", "the pool \"a.i.ad\" has no servers" },
	{ SITE("{pool: a.i.ad, role: front-end, servers: []}"), "t.yaml:4:27", "the pool \"a.i.ad\" has no servers" },
	{ SITE("{pool: a.i.ad, role: standard-edition, servers: [b.i.ad]}"), "t.yaml:4:76",
		"a standard-edition pool is its own" },
	{ SITE("{pool: a.i.ad, role: front-end, servers: [{fqdn: b.i.ad, internal-address: 10.0.0.1}]}"), "t.yaml:4:69",
		"only an Edge server states addresses" },
	{ SITE("{pool: a.i.ad, role: front-end, servers: [b.i.ad, b.i.ad]}"), "t.yaml:4:77",
		"\"b.i.ad\" is used twice (first in line 4)" },
	{ SITE(SE ", " SE), "t.yaml:4:102", "\"se.i.ad\" is used twice" },
	{ SITE(SE ", {pool: d.i.ad, role: director, servers: [d1.i.ad], web: {external: se.e.com}}"), "t.yaml:4:162",
		"\"se.e.com\" is used twice" },
	{ HEAD "sites: [{name: M, pools: [" SE "]}, {name: M, pools: [{pool: b.i.ad, role: standard-edition}]}]\n",
		"t.yaml:4:97", "the site \"M\" stands twice" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], " EDGE_EXTERNAL "}"), "t.yaml:4:95",
		"the Edge pool \"x.i.ad\" has no next hop" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: y.i.ad, " EDGE_EXTERNAL "}"),
		"t.yaml:4:152", "\"y.i.ad\" is no such pool" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad}"), "t.yaml:4:95",
		"the Edge pool \"x.i.ad\" has no external names" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, external: {access: a.e.com, "
		  "web-conferencing: a.e.com, av: b.e.com}}"),
		"t.yaml:4:180", "\"a.e.com\" names two services" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, xmpp: [f.com], " EDGE_EXTERNAL
		  "}"),
		"t.yaml:4:168", "\"f.com\" is not a SIP domain" },
	{ SITE("{pool: a.i.ad, role: standard-edition, next-hop-edge: x.i.ad}"), "t.yaml:4:81",
		"\"x.i.ad\" is no Edge pool" },
	{ HEAD "sites: [{name: M, pools: [" SE "], reverse-proxies: [{fqdn: r.i.ad, publishes: [z.i.ad]}]}]\n",
		"t.yaml:4:141", "\"z.i.ad\" is not a pool" },
	{ HEAD "sites: [{name: M, pools: [{pool: a.i.ad, role: standard-edition}], reverse-proxies: [{fqdn: r.i.ad, "
	       "publishes: [a.i.ad]}]}]\n",
		"t.yaml:4:113", "\"a.i.ad\" has no external web name" },
	{ HEAD "sites: [{name: M, pools: [" SE "], pstn-gateways: [{fqdn: g.i.ad, mediation: se.i.ad}]}]\n",
		"t.yaml:4:138", "\"se.i.ad\" has no mediation" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {sip-tls: 5061, sip-tcp: 5061}}"), "t.yaml:4:73",
		"sip-tls and sip-tcp are both 5061" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {sip-tls: 443}}"), "t.yaml:4:73",
		"sip-tls and https are both 443" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {web: 8080}}"), "t.yaml:4:73", "web and external-http are both 8080" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {web: 80}}"), "t.yaml:4:73", "web and http are both 80" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {http: 8080}}"), "t.yaml:4:73", "http and external-http are both 8080" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {https: 4443}}"), "t.yaml:4:73", "https and external-https are both 4443" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {http: 65536}}"), "t.yaml:4:80", "\"http\" takes a number from 0 to 65535" },
	{ SITE("{pool: m.i.ad, role: mediation, servers: [m1.i.ad], ports: {http: 81}}"), "t.yaml:4:87",
		"a pool with the role mediation has no \"http\"" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, " EDGE_EXTERNAL ", ports: {web: 4443}}"), "t.yaml:4:240",
		"web and replica are both 4443" },
	/* names outside and inside */
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, external: {access: x1.i.ad, "
		  "web-conferencing: w.e.com, av: av.e.com}}"),
		"t.yaml:4:180", "\"x1.i.ad\" is used twice" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, external: {access: se.e.com, "
		  "web-conferencing: w.e.com, av: av.e.com}}"),
		"t.yaml:4:180", "\"se.e.com\" is used twice" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, external: {access: sip.e.com, "
		  "web-conferencing: w.e.com, av: av.e.com, regional-access: sip.e.com}}"),
		"t.yaml:4:249", "\"sip.e.com\" is used twice" },
	{ SITE(SE ", {pool: f.i.ad, role: front-end, servers: [f1.i.ad], web: {internal: se.i.ad}}"), "t.yaml:4:163",
		"\"se.i.ad\" is used twice" },
	{ HEAD "sites: [{name: M, pools: [" SE "], office-web-apps: [{internal: w.i.ad, external: se.e.com}]}]\n", "t.yaml:4:143",
		"\"se.e.com\" is used twice" },
	{ SITE("{pool: se.i.ad, role: standard-edition, web: {external: meet.e.com}}"), "t.yaml:4:83",
		"\"meet.e.com\" is a name by which clients find" },
	{ SITE("{pool: se.i.ad, role: standard-edition, web: {external: lyncdiscover.e.com}}"), "t.yaml:4:83",
		"\"lyncdiscover.e.com\" is a name by which" },
	{ "simple-urls: shared\n" SITE("{pool: lync.e.com, role: standard-edition}"), "t.yaml:5:34",
		"\"lync.e.com\" is a name by which" },
	{ "simple-urls: shared\n" SITE("{pool: se.e.com, role: standard-edition, web: {external: admin.e.com}}"), "t.yaml:5:84",
		"\"admin.e.com\" is a name by which" },
	{ "simple-urls: shared\nsimple-url-host: admin\n" SITE(SE), "t.yaml:2:18", "simple URLs cannot be at \"admin\"" },
	{ "secondary-autodiscover: ftp\n" SITE(SE), "t.yaml:1:25", "\"secondary-autodiscover\" cannot be \"ftp\"" },
	{ SITE("{pool: se.i.ad, role: standard-edition, shared-certificate: true}"), "t.yaml:4:67",
		"a pool with the role standard-edition has no \"shared-certificate\"" },
	{ SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, balancer: tls, " EDGE_EXTERNAL "}"), "t.yaml:4:95",
		"a balancer cannot end TLS for an Edge" },
	{ "organization: E\nsip-domains: [a23456789012345678901234567890.a23456789012345678901234567890.example]\ninternal-domain: i.ad\n"
	  "sites: [{name: M, pools: [{pool: a.i.ad, role: standard-edition, web: {external: b.i.ad}}]}]\n",
		"t.yaml:2:15", "\"a23456789012345678901234567890.a23456789012345678901234567890.example\" has 69 octets; it becomes" },
	{ "certificates: {separate-av: true}\n" SITE(
		  SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, external: {access: sip.e.com, web-conferencing: "
		     "w.e.com, av: a23456789012345678901234567890.a2345678901234567890123456789.e.com}}"),
		"t.yaml:5:222", "\"a23456789012345678901234567890.a2345678901234567890123456789.e.com\" has 66" },
	{ SITE("{pool: a.i.ad, role: standard-edition, ports: {sip-tcp: 4445}}"), "t.yaml:4:73", "sip-tcp and replica are both 4445" },
	{ "central-management: x.i.ad\n" SITE(SE), "t.yaml:1:21", "\"x.i.ad\" cannot have the central store" },
	{ "central-management: m1.i.ad\n" SITE(SE ", {pool: m.i.ad, role: mediation, servers: [m1.i.ad]}"), "t.yaml:1:21", "\"m1.i.ad\" cannot have the central store" },
	{ SITE("{pool: a.i.ad, role: standard-edition, store: {kind: postgresql}}"), "t.yaml:4:73",
		"a postgresql store needs" },
	{ SITE("{pool: a.i.ad, role: standard-edition, store: {kind: sqlite, url: x}}"), "t.yaml:4:73",
		"a sqlite store lives" },
};

static void refuses_with_place_and_remedy(void **state)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		err e = parse(refused[i].text);
		if (failed(e) && strcmp(diag.where, refused[i].where) == 0 &&
			str_begins(str_of(diag.what), str_of(refused[i].what)) && diag.remedy[0] != '\0')
			continue;
		print_error("%s\n  has:  %s: %s\n  want: %s: %s\n", refused[i].text,
			failed(e) ? diag.where : "accepted", diag.what, refused[i].where, refused[i].what);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void refuses_what_is_too_large(void **state)
{
	static char text[TOPO_SIZE_MAX + 2];
	memset(text, '#', sizeof text - 1);
	assert_true(err_is(parse(text), ERR_CEILING));
	memcpy(text, "sip-domains: [", 14);
	for (size_t i = 14; i < sizeof text - 2; i += 2)
		memcpy(text + i, "a,", 2);
	text[TOPO_SIZE_MAX] = '\0';
	assert_true(err_is(parse(text), ERR_CEILING));
	assert_true(str_begins(str_of(diag.what), STR("more than 100000 values")));
}

static void warns_of_foreign_access_name(void **state)
{
	assert_false(failed(parse(SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, "
					  "external: {access: sip.f.com, web-conferencing: w.e.com, av: av.e.com}}"))));
	assert_non_null(topo.warnings);
	assert_string_equal(topo.warnings->diag.what, "\"sip.f.com\" is an access name outside the default SIP domain");
	assert_null(topo.warnings->next);
}

static void warns_of_names_without_domain(void **state)
{
	assert_false(failed(parse(SITE("{pool: localhost, role: standard-edition}"))));
	assert_non_null(topo.warnings);
	assert_string_equal(topo.warnings->diag.where, "t.yaml:4:34");
	assert_string_equal(topo.warnings->diag.what, "\"localhost\" has no domain: only this machine may know it");
}

static void survives_every_cut(void **state)
{
	char text[8192];
	FILE *f = fopen("test/topology/whole.yaml", "re");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	for (size_t cut = 0; cut < n - 2; cut++) {
		struct arena a;
		arena_init(&a, ARENA);
		err e = topo_parse(&topo, &a, (str){ text, cut }, "t.yaml", &diag);
		assert_true(!failed(e) || diag.what[0] != '\0');
		arena_fini(&a);
	}
}

static void survives_every_failing_allocation(void **state)
{
	const char *text =
		SITE(SE ", {pool: x.i.ad, role: edge, servers: [x1.i.ad], next-hop: se.i.ad, " EDGE_EXTERNAL "}");
	uint32_t n = 1;
	for (;; n++) {
		struct arena a;
		arena_init(&a, ARENA);
		a.fail_after = n;
		err e = topo_parse(&topo, &a, str_of(text), "t.yaml", &diag);
		bool spent = a.fail_after == 0;
		arena_fini(&a);
		if (!failed(e)) {
			assert_false(spent);
			break;
		}
		assert_true(diag.what[0] != '\0');
	}
	assert_true(n > 50);
}

static void says_why_a_file_cannot_be_read(void **state)
{
	assert_true(err_is(topo_read(&topo, &arena, "test/topology/absent.yaml", &diag), ERR_ABSENT));
	assert_string_equal(diag.where, "test/topology/absent.yaml");
}

/* The text of a man page with its hyphens as they are meant. */
static size_t read_page(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	size_t n = fread(text, 1, size - 1, f), kept = 0;
	(void)fclose(f);
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\\')
			text[kept++] = text[i];
	text[kept] = '\0';
	return kept;
}

static void man_page_names_every_key(void **state)
{
	static char page[65536];
	assert_true(read_page("man/topology.yaml.5", page, sizeof page) > 1000);
	for (size_t s = 0; s < TOPO_SECTION_N; s++)
		for (size_t i = 0; i < topo_sections[s].n_keys; i++)
			if (strstr(page, topo_sections[s].keys[i].name) == NULL)
				fail_msg("man/topology.yaml.5 does not name \"%s\" of %s",
					topo_sections[s].keys[i].name, topo_sections[s].what);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(reads_four_lines),
		TEST(reads_the_whole_document),
		TEST(names_other_servers_as_trusted),
		TEST(finds_hosts),
		TEST(accepts_names_of_one_thing),
		TEST(reads_what_certificates_may_vary_by),
		TEST(finds_the_central_store),
		TEST(prints_what_it_reads),
		TEST(prints_canonically),
		TEST(quotes_what_is_not_plain),
		TEST(stores_names_one_way),
		TEST(bounds_names),
		TEST(refuses_with_place_and_remedy),
		TEST(refuses_what_is_too_large),
		TEST(warns_of_foreign_access_name),
		TEST(warns_of_names_without_domain),
		TEST(survives_every_cut),
		TEST(survives_every_failing_allocation),
		TEST(says_why_a_file_cannot_be_read),
		TEST(man_page_names_every_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
