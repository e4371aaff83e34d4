/* SPDX-License-Identifier: Apache-2.0 */
/* What the network around the servers needs, for small topologies and for the largest. */
#include "service/plan_dhcp.h"
#include "service/plan_dns.h"
#include "service/plan_ports.h"
#include "service/plan_proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static struct arena arena;
static struct diag diag;
static struct topo topo;
static const struct plan_addresses nothing;

static int set_up(void **state)
{
	arena_init(&arena, 256u << 20);
	diag = (struct diag){ .what = "" };
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

static void read_topology(const char *text)
{
	if (failed(topo_parse(&topo, &arena, str_of(text), "t", &diag)))
		fail_msg("%s: %s", diag.where, diag.what);
}

static const char single[] =
	"organization: Example\n"
	"sip-domains: [example.com]\n"
	"internal-domain: corp.example\n"
	"sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition, web: {external: "
	"webext.example.com}}]}]\n";

static const char oracle[] =
	"organization: Example\n"
	"sip-domains: [domain.com]\n"
	"internal-domain: internal.ad\n"
	"sites: [{name: Main, pools: [{pool: eepool.internal.ad, role: front-end, servers: [fe01.internal.ad], web: "
	"{external: w.domain.com}}]}]\n";

static const char regions[] = "organization: Example\n"
			      "sip-domains: [domain.com]\n"
			      "internal-domain: internal.ad\n"
			      "simple-urls: shared\n"
			      "sites:\n"
			      "  - {name: Berlin, region: eu, pools: [{pool: eu.internal.ad, role: standard-edition, "
			      "web: {external: eu.domain.com}}],\n"
			      "     reverse-proxies: [{fqdn: rpeu.internal.ad, publishes: [eu.internal.ad]}]}\n"
			      "  - {name: Boston, region: us, pools: [{pool: us.internal.ad, role: standard-edition, "
			      "web: {external: us.domain.com}}],\n"
			      "     reverse-proxies: [{fqdn: rpus.internal.ad, publishes: [us.internal.ad]}]}\n";

static void plan_names(const struct plan_dns_options *options, struct plan_dns *dns)
{
	if (failed(plan_dns(&topo, &nothing, options, &arena, dns, &diag)))
		fail_msg("%s: %s", diag.where, diag.what);
}

static size_t count(const struct plan_dns *dns, enum plan_side side, const char *name, const char *target)
{
	size_t n = 0;
	TOPO_EACH (r, dns->records)
		n += r->side == side && str_eq(r->name, str_of(name)) && str_eq(r->target, str_of(target));
	return n;
}

static bool found(const struct plan_dns *dns, const char *rule)
{
	TOPO_EACH (f, dns->findings)
		if (strcmp(f->rule, rule) == 0)
			return true;
	return false;
}

/* A Standard Edition server alone: nothing outside, as there is no Edge and no proxy. */
static void one_server(void **state)
{
	struct plan_dns dns;
	read_topology(single);
	plan_names(&(struct plan_dns_options){ 0 }, &dns);
	assert_int_equal(count(&dns, PLAN_INSIDE, "uc01.corp.example", "uc01.corp.example"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "lyncdiscoverinternal.example.com", "uc01.corp.example"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "_sipinternaltls._tcp.example.com", "sip.example.com"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "sip.example.com", "uc01.corp.example"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "admin.example.com", "uc01.corp.example"), 1);
	TOPO_EACH (r, dns.records)
		assert_int_equal(r->side, PLAN_INSIDE);
	assert_true(found(&dns, "DNS-01"));
	assert_false(found(&dns, "DNS-08"));
}

/* Each record stands once, in the zone that is nearest, and names are written with a dot. */
static void regions_share_names(void **state)
{
	struct plan_dns dns;
	struct topo_names zones;
	struct buf b;
	read_topology(regions);
	plan_names(&(struct plan_dns_options){ 0 }, &dns);
	assert_true(found(&dns, "dns 1, GEO"));
	assert_int_equal(count(&dns, PLAN_INSIDE, "sip.domain.com", "eu.internal.ad"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "sip.domain.com", "us.internal.ad"), 1);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "lync.domain.com", "rpeu.internal.ad"), 1);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "lync.domain.com", "rpus.internal.ad"), 1);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "us.domain.com", "rpus.internal.ad"), 1);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "us.domain.com", "rpeu.internal.ad"), 0);
	assert_false(failed(plan_zones(&dns, PLAN_OUTSIDE, false, &arena, &zones)));
	assert_int_equal(zones.n, 1);
	assert_false(failed(plan_zones(&dns, PLAN_INSIDE, true, &arena, &zones)));
	assert_int_equal(zones.n, 7); /* internal.ad, and six names of domain.com */
	buf_init(&b, 65536);
	plan_zone_print(&dns, PLAN_OUTSIDE, STR("domain.com"), &(struct plan_zone_style){ .serial = 7 }, &b);
	buf_add_char(&b, '\0');
	assert_non_null(strstr(b.p, "domain.com. IN SOA localhost. hostmaster.domain.com. 7 "));
	assert_non_null(strstr(b.p, "; no address known: lync.domain.com. IN A (rpus.internal.ad)"));
	buf_fini(&b);
}

static const char edges[] =
	"organization: Example\nsip-domains: [domain.com]\ninternal-domain: internal.ad\nsites:\n"
	"  - {name: Berlin, region: eu, pools: [{pool: eu.internal.ad, role: standard-edition, next-hop-edge: e-eu.internal.ad},\n"
	"     {pool: e-eu.internal.ad, role: edge, servers: [{fqdn: e1-eu.internal.ad, external-address: {access: 192.0.2.1, web-conferencing: "
	"192.0.2.2, av: 192.0.2.3}}],\n"
	"      external: {access: sip.domain.com, regional-access: sip-eu.domain.com, web-conferencing: w-eu.domain.com, av: av-eu.domain.com}, next-hop: "
	"eu.internal.ad}]}\n"
	"  - {name: Boston, region: us, pools: [{pool: us.internal.ad, role: standard-edition, next-hop-edge: e-us.internal.ad},\n"
	"     {pool: e-us.internal.ad, role: edge, servers: [e1-us.internal.ad], single-address: true,\n"
	"      external: {access: sip.domain.com, regional-access: sip-us.domain.com, web-conferencing: w-us.domain.com, av: av-us.domain.com}, next-hop: "
	"us.internal.ad}]}\n";

/* One balancer answers for the access name; each region's own leads to that region alone. */
static void regions_have_access_names(void **state)
{
	struct plan_dns dns;
	read_topology(edges);
	plan_names(&(struct plan_dns_options){ 0 }, &dns);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "sip-eu.domain.com", "e1-eu.internal.ad"), 1);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "sip-eu.domain.com", "e1-us.internal.ad"), 0);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "sip-us.domain.com", "e1-us.internal.ad"), 1);
	TOPO_EACH (r, dns.records)
		if (str_eq(r->name, STR("sip-eu.domain.com")))
			assert_true(str_eq(r->address, STR("192.0.2.1")));
}

static bool is_hex(str octets, const char *hex)
{
	char z[2 * PLAN_DHCP_MOST + 1] = "";
	for (size_t i = 0; i < octets.n; i++)
		(void)snprintf(z + 2 * i, 3, "%02X", (unsigned char)octets.p[i]);
	return strcmp(z, hex) == 0;
}

static void phones(void **state)
{
	struct plan_dhcp p;
	read_topology(oracle);
	assert_false(failed(plan_dhcp(&topo, NULL, &arena, &p, &diag)));
	assert_int_equal(p.vendor.n, 85);
	assert_true(is_hex(p.vendor,
		"010C4D532D55432D436C69656E740205687474707303126565706F6F6C2E696E7465726E616C2E6164040334343305252F"
		"4365727450726F762F4365727450726F766973696F6E696E67536572766963652E737663"));
	assert_true(is_hex(p.servers, "00066565706F6F6C08696E7465726E616C02616400"));
	read_topology(regions); /* whose phones? */
	assert_true(err_is(plan_dhcp(&topo, NULL, &arena, &p, &diag), ERR_REFUSED));
	assert_non_null(strstr(diag.remedy, "--pool"));
	assert_false(failed(plan_dhcp(&topo, topo_find_pool(&topo, STR("us.internal.ad")), &arena, &p, &diag)));
}

/* Phones are sent to where the pool's web services listen. */
static void phones_and_ports(void **state)
{
	static const char text[] = "organization: E\nsip-domains: [d.com]\ninternal-domain: i.ad\nsites: [{name: M, pools: [{pool: p.i.ad, role: "
				   "standard-edition, web: {external: w.d.com}, ports: {https: %s}}]}]\n";
	char with[512];
	struct plan_dhcp p;
	(void)snprintf(with, sizeof with, text, "8443");
	read_topology(with);
	assert_false(failed(plan_dhcp(&topo, NULL, &arena, &p, &diag)));
	assert_non_null(memmem(p.vendor.p, p.vendor.n, "\4\0048443\5", 7));
	(void)snprintf(with, sizeof with, text, "0");
	read_topology(with);
	assert_true(err_is(plan_dhcp(&topo, NULL, &arena, &p, &diag), ERR_REFUSED));
}

static void long_names_do_not_fit(void **state)
{
	struct plan_dhcp p;
	char text[1024], label[61];
	memset(label, 'x', 60);
	label[60] = '\0';
	(void)snprintf(text, sizeof text,
		"organization: E\nsip-domains: [d.com]\ninternal-domain: i.ad\nsites: [{name: M, pools: [{pool: "
		"p.i.ad, role: front-end, servers: "
		"[f.i.ad], web: {internal: %s.%s.%s.%s.i.ad}}]}]\n",
		label, label, label, label);
	read_topology(text);
	assert_true(err_is(plan_dhcp(&topo, NULL, &arena, &p, &diag), ERR_REFUSED));
}

static void proxies_publish(void **state)
{
	struct plan_proxy p;
	read_topology(regions);
	assert_true(err_is(plan_proxy(&topo, (str){ "", 0 }, &arena, &p, &diag), ERR_REFUSED));
	assert_false(failed(plan_proxy(&topo, STR("rpus.internal.ad"), &arena, &p, &diag)));
	assert_int_equal(p.names.n, 3); /* us, lync, lyncdiscover */
	TOPO_EACH (name, p.names) {
		assert_true(str_eq(plan_publication_target(name), STR("us.internal.ad")));
		assert_int_equal(name->no_admin, str_eq(name->name, STR("lync.domain.com")));
	}
}

/* of two pools, the first of which has this store */
#define STORES                                                                                             \
	"organization: Example\nsip-domains: [d.com]\ninternal-domain: i.ad\nsites: [{name: M, pools: [\n" \
	"  {pool: a.i.ad, role: front-end, servers: [a1.i.ad], store: {kind: postgresql, url: \"%s\"}},\n" \
	"  {pool: b.i.ad, role: front-end, servers: [b1.i.ad], store: {kind: postgresql, url: "            \
	"\"postgresql://u@db1.i.ad/x\"}}]}]\n"

static const struct plan_unit *database(const struct plan_ports *ports, const char *name)
{
	TOPO_EACH (u, ports->units)
		if (u->kind == PLAN_DATABASE && str_eq(u->name, str_of(name)))
			return u;
	return NULL;
}

static void databases(void **state)
{
	static const struct {
		const char *url, *name;
		uint32_t port;
	} good[] = { { "postgresql://db1.i.ad", "db1.i.ad", 5432 },
		{ "postgresql://u:p@db9.i.ad:6543/x?y=z", "db9.i.ad", 6543 },
		{ "postgresql://u@db2.i.ad:1,db3.i.ad:2/x", "db3.i.ad", 2 },
		{ "postgresql://u@[fd00::5]:77/x", "fd00::5", 77 } };
	char text[1024];
	struct plan_ports ports;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		(void)snprintf(text, sizeof text, STORES, good[i].url);
		read_topology(text);
		assert_false(failed(plan_ports(&topo, &arena, &ports, &diag)));
		const struct plan_unit *u = database(&ports, good[i].name);
		assert_non_null(u);
		assert_int_equal(u->port, good[i].port);
		bool reached = false;
		TOPO_EACH (f, ports.flows)
			reached = reached || (f->to == u && f->first == good[i].port && f->from.n == (i == 0 ? 2 : 1));
		assert_true(reached);
	}
	static const char *const bad[] = { "postgresql://", "postgresql:///x", "postgresql://u@db:0/x",
		"postgresql://u@db:99999/x", "postgresql://u@db:port/x" };
	static const char *const hostile[] = { "postgresql://u@[:: } accept ; tcp dport 22 accept ; ip6 daddr { ::1]/x", "postgresql://u@[::1/64]/x",
		"postgresql://u@db1.i.ad,db 2/x" };
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		(void)snprintf(text, sizeof text, STORES, hostile[i]);
		read_topology(text);
		assert_true(err_is(plan_ports(&topo, &arena, &ports, &diag), ERR_REFUSED));
		assert_non_null(strstr(diag.what, "the store of a.i.ad"));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, STORES, bad[i]);
		read_topology(text);
		assert_true(failed(plan_ports(&topo, &arena, &ports, &diag)) || database(&ports, "db1.i.ad") != NULL);
	}
}

static const char edge_text[] =
	"organization: Example\nsip-domains: [d.com]\ninternal-domain: i.ad\nsites: [{name: M, pools: [\n"
	"  {pool: uc.i.ad, role: standard-edition, next-hop-edge: e.i.ad},\n"
	"  {pool: e.i.ad, role: edge, servers: [{fqdn: e.i.ad, internal-address: 10.0.0.11, external-address: {access: 192.0.2.1, web-conferencing: 192.0.2.2, "
	"av: 192.0.2.3}}],\n"
	"   external: {access: sip.d.com, web-conferencing: w.d.com, av: a.d.com}, next-hop: uc.i.ad, federation: false, public-im: %s}]}]\n";

/* Providers of public messaging are partners like others. */
static void public_messaging_is_federation(void **state)
{
	char text[1024];
	struct plan_ports ports;
	for (int on = 0; on < 2; on++) {
		size_t in = 0, out = 0;
		(void)snprintf(text, sizeof text, edge_text, on == 1 ? "true" : "false");
		read_topology(text);
		assert_false(failed(plan_ports(&topo, &arena, &ports, &diag)));
		TOPO_EACH (f, ports.flows)
			if (f->at == PLAN_ACCESS && f->first == 5061)
				f->to != NULL ? in++ : out++;
		assert_int_equal(in, on);
		assert_int_equal(out, on);
	}
}

/* The Internet, which an Edge may reach, begins beyond what is inside. */
static void an_edge_does_not_take_the_inside_for_the_internet(void **state)
{
	char text[1024];
	struct plan_ports ports;
	struct plan_addresses known = { 0 };
	struct plan_networks clients = { 0 };
	struct topo_names missing;
	struct buf b;
	(void)snprintf(text, sizeof text, edge_text, "true");
	read_topology(text);
	assert_false(failed(plan_ports(&topo, &arena, &ports, &diag)));
	assert_false(failed(plan_addresses_add(&known, &arena, STR("uc.i.ad=10.0.0.21"), &diag)));
	assert_false(failed(plan_networks_add(&clients, &arena, STR("10.0.0.0/8"), &diag)));
	const struct plan_nft nft = { .ports = &ports, .known = &known, .clients = clients };
	buf_init(&b, 1u << 20);
	assert_false(failed(plan_nft_print(&nft, STR("e.i.ad"), &arena, &b, &missing, &diag)));
	buf_add_char(&b, '\0');
	const char *output = strstr(b.p, "chain output");
	assert_non_null(output);
	const char *server = strstr(output, "ip daddr { 10.0.0.21 } drop"), *others = strstr(output, "ip daddr @clients4 drop");
	const char *internet = strstr(output, "ip saddr { 192.0.2.1");
	assert_true(server != NULL && others != NULL && internet != NULL && server < internet && others < internet);
	buf_fini(&b);
}

/* Each Edge serves its own region: from the other one only the central store reaches it. */
static void an_edge_serves_its_own(void **state)
{
	struct plan_ports ports;
	size_t n = 0;
	read_topology(edges);
	assert_false(failed(plan_ports(&topo, &arena, &ports, &diag)));
	TOPO_EACH (f, ports.flows) {
		bool is_edge = f->to != NULL && str_eq(f->to->name, STR("e-us.internal.ad")) && f->at == PLAN_INNER;
		bool is_replica = is_edge && f->first == topo_replica_port(f->to->pool);
		for (size_t i = 0; is_edge && i < f->from.n; i++, n++)
			assert_true(str_eq(f->from.p[i]->name, is_replica ? STR("eu.internal.ad") : STR("us.internal.ad")));
	}
	assert_int_equal(n, 6); /* SIP, web conferencing, credentials, relay by TCP and by UDP; replica */
}

/* Two hundred pools of three and fifty SIP domains. */
static void print_large(struct buf *b)
{
	buf_add(b, STR("organization: E\ninternal-domain: i.ad\nsip-domains: ["));
	for (unsigned i = 0; i < 50; i++)
		buf_printf(b, "%sd%u.com", i == 0 ? "" : ", ", i);
	buf_add(b, STR("]\nsites:\n  - name: M\n    pools:\n"));
	for (unsigned i = 0; i < 200; i++)
		buf_printf(b,
			"      - {pool: p%u.i.ad, role: front-end, servers: [a%u.i.ad, b%u.i.ad, c%u.i.ad], web: "
			"{internal: w%u.i.ad, external: "
			"w%u.d0.com}, collocated: [conferencing, mediation]}\n",
			i, i, i, i, i, i);
	buf_add(b, STR("    reverse-proxies: [{fqdn: rp.i.ad, publishes: ["));
	for (unsigned i = 0; i < 200; i++)
		buf_printf(b, "%sp%u.i.ad", i == 0 ? "" : ", ", i);
	buf_add(b, STR("]}]\n"));
	buf_add_char(b, '\0');
}

static void large(void **state)
{
	struct plan_dns dns;
	struct plan_ports ports;
	struct plan_proxy proxy;
	struct buf b;
	buf_init(&b, TOPO_SIZE_MAX);
	print_large(&b);
	assert_false(b.failed);
	read_topology(b.p);
	buf_reset(&b);
	clock_t began = clock();
	plan_names(&(struct plan_dns_options){ 0 }, &dns);
	assert_false(failed(plan_ports(&topo, &arena, &ports, &diag)));
	assert_false(failed(plan_proxy(&topo, (str){ "", 0 }, &arena, &proxy, &diag)));
	print_message("%zu records, %zu flows in %ld ms\n", dns.records.n, ports.flows.n,
		(long)((clock() - began) * 1000 / CLOCKS_PER_SEC));
	assert_true(dns.records.n > 1500 && ports.flows.n > 5000 && proxy.names.n == 200 + 50 + 1 + 50);
	assert_true(clock() - began < 2 * CLOCKS_PER_SEC); /* far from it, on an idle machine */
	buf_fini(&b);
}

static const struct plan_publication *published(const struct plan_proxy *proxy, const char *name)
{
	TOPO_EACH (p, proxy->names)
		if (str_eq(p->name, str_of(name)))
			return p;
	return NULL;
}

/* Names and ports follow the keys of the topology, and nothing else. */
static void keys_decide(void **state)
{
	struct plan_dns dns;
	struct plan_proxy proxy;
	struct plan_ports ports;
	struct buf b;
	read_topology("organization: Example\nsip-domains: [a.example, b.example]\ninternal-domain: corp.example\n"
		      "legacy-names: true\ndevice-update: true\nsecondary-autodiscover: http\n"
		      "sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition, web: {external: w.a.example}, "
		      "ports: {external-https: 14443, https: 0}}], reverse-proxies: [{fqdn: rp.corp.example, publishes: [uc01.corp.example]}]}]\n");
	plan_names(&(struct plan_dns_options){ 0 }, &dns);
	assert_int_equal(count(&dns, PLAN_INSIDE, "sipinternal.b.example", "uc01.corp.example"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "ucupdates-r2.corp.example", "uc01.corp.example"), 1);
	assert_int_equal(count(&dns, PLAN_OUTSIDE, "lyncdiscover.b.example", "rp.corp.example"), 1);
	assert_false(failed(plan_proxy(&topo, STR(""), &arena, &proxy, &diag)));
	assert_false(published(&proxy, "lyncdiscover.a.example")->plain_only);
	assert_true(published(&proxy, "lyncdiscover.b.example")->plain_only);
	assert_int_equal(plan_publication_port(published(&proxy, "w.a.example"), true), 14443);
	buf_init(&b, 1u << 20);
	const struct plan_proxy_style style = { STR("/c"), STR("/k"), STR("/t"), { NULL }, 0 };
	assert_false(failed(plan_proxy_print(&proxy, &nothing, &style, &b, &diag)));
	buf_add_char(&b, '\0');
	assert_null(strstr(b.p, "https://lyncdiscover.b.example"));
	assert_non_null(strstr(b.p, "https://lyncdiscover.a.example"));
	buf_fini(&b);
	assert_false(failed(plan_ports(&topo, &arena, &ports, &diag)));
	TOPO_EACH (f, ports.flows)
		assert_false(f->first == 0 || (f->to != NULL && f->to->kind == TOPO_STANDARD_EDITION && (f->first == 443 || f->first == 4443)));
}

/* nginx does not start with a server at port 0. */
static void nothing_without_tls(void **state)
{
	struct plan_proxy proxy;
	struct buf b;
	const struct plan_proxy_style style = { STR("/c"), STR("/k"), STR("/t"), { NULL }, 0 };
	read_topology("organization: Example\nsip-domains: [a.example]\ninternal-domain: corp.example\n"
		      "sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition, web: {external: w.a.example}, ports: {external-http: 0}}], "
		      "reverse-proxies: [{fqdn: rp.corp.example, publishes: [uc01.corp.example]}]}]\n");
	assert_false(failed(plan_proxy(&topo, STR(""), &arena, &proxy, &diag)));
	buf_init(&b, 1u << 20);
	assert_false(failed(plan_proxy_print(&proxy, &nothing, &style, &b, &diag)));
	buf_add_char(&b, '\0');
	assert_null(strstr(b.p, ":0;"));
	assert_null(strstr(b.p, "proxy_pass http:"));
	assert_non_null(strstr(b.p, "return 301 https://w.a.example$request_uri"));
	buf_fini(&b);
}

/* A pool that names no web services has no names of theirs. */
static void no_web_no_names(void **state)
{
	struct plan_dns dns;
	read_topology("organization: Example\nsip-domains: [a.example]\ninternal-domain: corp.example\n"
		      "sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition}]}]\n");
	plan_names(&(struct plan_dns_options){ 0 }, &dns);
	assert_int_equal(count(&dns, PLAN_INSIDE, "sip.a.example", "uc01.corp.example"), 1);
	assert_int_equal(count(&dns, PLAN_INSIDE, "meet.a.example", "uc01.corp.example"), 0);
	assert_int_equal(count(&dns, PLAN_INSIDE, "lyncdiscoverinternal.a.example", "uc01.corp.example"), 0);
}

/* Every allocation fails once: an error, never a crash. */
static void without_memory(void **state)
{
	const struct plan_dns_options all = { .cname = true, .time_server = STR("t.domain.com") };
	read_topology(regions);
	for (uint32_t n = 1;; n++) {
		struct plan_dns dns;
		struct plan_ports ports;
		struct plan_proxy proxy;
		struct plan_dhcp dhcp;
		struct arena a;
		arena_init(&a, 1u << 20);
		a.fail_after = n;
		bool ok = !failed(plan_dns(&topo, &nothing, &all, &a, &dns, &diag)) &&
			  !failed(plan_ports(&topo, &a, &ports, &diag)) &&
			  !failed(plan_proxy(&topo, STR("rpus.internal.ad"), &a, &proxy, &diag)) &&
			  !failed(plan_dhcp(&topo, topo_find_pool(&topo, STR("us.internal.ad")), &a, &dhcp, &diag));
		arena_fini(&a);
		if (ok) {
			assert_true(n > 30);
			return;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(regions_share_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(regions_have_access_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(phones, set_up, tear_down),
		cmocka_unit_test_setup_teardown(phones_and_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(long_names_do_not_fit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(proxies_publish, set_up, tear_down),
		cmocka_unit_test_setup_teardown(databases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(public_messaging_is_federation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_edge_does_not_take_the_inside_for_the_internet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_edge_serves_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_decide, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_without_tls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_web_no_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_memory, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
