/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/hop/hop_priv.h"
#include "os/dns_fake.h"

static const struct fake_row zone[] = {
	/* everything */
	{ "full.example", "NAPTR", 60, "20 10 s SIP+D2T _sip._tcp.full.example" },
	{ "full.example", "NAPTR", 60, "10 20 S sips+d2t backup.full.example" },
	{ "full.example", "NAPTR", 60, "10 10 s SIPS+D2T _sips._tcp.full.example" },
	{ "full.example", "NAPTR", 60, "5 10 s SIP+D2U _sip._udp.full.example" },
	{ "full.example", "NAPTR", 60, "1 1 u E2U+sip elsewhere.example" },
	{ "_sips._tcp.full.example", "SRV", 60, "2 0 5071 b.example" },
	{ "_sips._tcp.full.example", "SRV", 60, "1 0 5061 a.example" },
	{ "backup.full.example", "SRV", 60, "1 0 5081 a.example" },
	{ "_sip._tcp.full.example", "SRV", 60, "1 0 5060 a.example" },
	{ "a.example", "A", 60, "192.0.2.1" },
	{ "a.example", "AAAA", 60, "2001:db8::1" },
	{ "b.example", "A", 60, "192.0.2.2" },
	/* no NAPTR */
	{ "_sips._tcp.srv.example", "SRV", 60, "1 0 5061 a.example" },
	{ "_sip._tcp.srv.example", "SRV", 60, "1 0 5060 b.example" },
	/* no SRV */
	{ "plain.example", "A", 60, "192.0.2.5" },
	/* no TLS */
	{ "_sips._tcp.denied.example", "SRV", 60, "0 0 0 ." },
	{ "denied.example", "A", 60, "192.0.2.6" },
	/* machines that are not there, and names that are none */
	{ "_sips._tcp.holes.example", "SRV", 60, "1 0 5061 gone.example" },
	{ "_sips._tcp.holes.example", "SRV", 60, "2 0 5061 b.example" },
	{ "_sips._tcp.holes.example", "SRV", 60, "3 0 5061 b.example" },
	/* a resolver without NAPTR; servers that do not answer */
	{ "odd.example", "SERVFAIL", 0, "" },
	{ "_sips._tcp.odd.example", "SRV", 60, "1 0 5061 a.example" },
	{ "mute.example", "SILENT", 0, "" },
	{ "_sips._tcp.half.example", "SRV", 60, "1 0 5061 a.example" },
	{ "_sips._tcp.half.example", "SRV", 60, "2 0 5061 mute.example" },
	{ 0 },
};

struct world {
	struct loop *loop;
	struct fake_dns fake;
	struct dns *dns;
	struct hop_config config;
	char text[2048];
	unsigned n_done;
};

static void on_done(void *arg, err e, const struct hop *hops, size_t n)
{
	struct world *w = arg;
	char ip[ADDR_TEXT];
	size_t at = 0;
	w->n_done++;
	assert_true(failed(e) == (n == 0));
	if (failed(e))
		at = (size_t)snprintf(w->text, sizeof(w->text), "%s", e.def->name);
	for (size_t i = 0; i < n; i++) {
		const struct hop *h = &hops[i];
		at += (size_t)snprintf(w->text + at, sizeof(w->text) - at, "%s%s:%s:%u %.*s/%.*s", i != 0 ? "; " : "", h->secure ? "tls" : "tcp",
		                       addr_print_host(&h->addr, ip), (unsigned)h->addr.port, STR_FMT(h->name), STR_FMT(h->host));
	}
	loop_stop(w->loop);
}

static void on_stop(void *arg)
{
	loop_stop(arg);
}

static void open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	assert_false(failed(loop_new(&w->loop)));
	fake_open(&w->fake, w->loop, zone);
	const struct dns_config c = { .loop = w->loop, .servers = str_of(w->fake.servers), .timeout_ms = 100, .tries = 1 };
	assert_false(failed(dns_new(&c, &w->dns)));
	w->config = (struct hop_config){ .dns = w->dns, .loop = w->loop };
}

static void close_world(struct world *w)
{
	struct timer t = { 0 };
	dns_free(w->dns);
	fake_close(&w->fake);
	assert_false(failed(timer_set(loop_timers(w->loop), &t, 1, on_stop, w->loop)));
	loop_run(w->loop);
	loop_free(w->loop);
}

static err find(struct world *w, const char *text, struct hop_search **out)
{
	struct uri u;
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", text);
	if (failed(uri_parse(str_of(copy), &u, NULL)))
		fail_msg("%s", text);
	err e = hop_find(&w->config, &u, on_done, w, out);
	memset(copy, 'x', sizeof(copy)); /* the URI is not needed any more */
	assert_int_equal(w->n_done, 0);
	return e;
}

static void expect(struct world *w, const char *uri, const char *text)
{
	struct hop_search *s = NULL;
	w->n_done = 0;
	err e = find(w, uri, &s);
	if (failed(e)) {
		assert_string_equal(e.def->name, text);
		return;
	}
	loop_run(w->loop);
	assert_int_equal(w->n_done, 1);
	assert_string_equal(w->text, text);
}

static void without_dns(void **state)
{
	struct world w;
	open_world(&w);
	expect(&w, "sip:192.0.2.9", "tls:192.0.2.9:5061 192.0.2.9/");
	expect(&w, "sip:ann@192.0.2.9:5070", "tls:192.0.2.9:5070 192.0.2.9/");
	expect(&w, "sips:ann@[2001:db8::9]", "tls:[2001:db8::9]:5061 2001:db8::9/");
	expect(&w, "sip:ann@full.example;maddr=192.0.2.8", "tls:192.0.2.8:5061 192.0.2.8/");
	expect(&w, "sip:192.0.2.9;transport=tcp", "REFUSED");
	expect(&w, "sip:192.0.2.9;transport=udp", "REFUSED");
	expect(&w, "sips:192.0.2.9;transport=tcp", "tls:192.0.2.9:5061 192.0.2.9/");
	w.config.allows_tcp = true;
	expect(&w, "sip:192.0.2.9", "tls:192.0.2.9:5061 192.0.2.9/; tcp:192.0.2.9:5060 192.0.2.9/");
	expect(&w, "sip:192.0.2.9;transport=TCP", "tcp:192.0.2.9:5060 192.0.2.9/");
	expect(&w, "sip:192.0.2.9:5099;transport=tls", "tls:192.0.2.9:5099 192.0.2.9/");
	expect(&w, "sips:192.0.2.9", "tls:192.0.2.9:5061 192.0.2.9/");
	expect(&w, "sip:192.0.2.9;transport=udp", "REFUSED");
	expect(&w, "tel:+1-201-555-0123", "MALFORMED");
	assert_int_equal(w.fake.n_asked, 0);
	close_world(&w);
}

static void by_naptr(void **state)
{
	struct world w;
	open_world(&w);
	expect(&w, "sip:ann@full.example",
	       "tls:192.0.2.1:5061 full.example/a.example; tls:192.0.2.2:5071 full.example/b.example; tls:192.0.2.1:5081 full.example/a.example");
	w.config.allows_tcp = true;
	expect(&w, "sip:ann@FULL.example",
	       "tls:192.0.2.1:5061 FULL.example/a.example; tls:192.0.2.2:5071 FULL.example/b.example; tls:192.0.2.1:5081 FULL.example/a.example; "
	       "tcp:192.0.2.1:5060 FULL.example/a.example");
	expect(&w, "sips:ann@full.example",
	       "tls:192.0.2.1:5061 full.example/a.example; tls:192.0.2.2:5071 full.example/b.example; tls:192.0.2.1:5081 full.example/a.example");
	w.config.has_ipv6 = true;
	expect(&w, "sip:full.example;transport=tcp", "tcp:[2001:db8::1]:5060 full.example/a.example; tcp:192.0.2.1:5060 full.example/a.example");
	close_world(&w);
}

static void by_srv_and_address(void **state)
{
	struct world w;
	open_world(&w);
	expect(&w, "sip:srv.example", "tls:192.0.2.1:5061 srv.example/a.example");
	expect(&w, "sip:plain.example", "tls:192.0.2.5:5061 plain.example/plain.example");
	expect(&w, "sip:plain.example:5099", "tls:192.0.2.5:5099 plain.example/plain.example");
	expect(&w, "sip:srv.example:5099", "ABSENT"); /* with a port only the addresses of the name count */
	expect(&w, "sip:denied.example", "ABSENT");
	expect(&w, "sip:nobody.example", "ABSENT");
	expect(&w, "sip:holes.example", "tls:192.0.2.2:5061 holes.example/b.example");
	expect(&w, "sip:odd.example", "tls:192.0.2.1:5061 odd.example/a.example");
	w.config.allows_tcp = true;
	expect(&w, "sip:srv.example", "tls:192.0.2.1:5061 srv.example/a.example; tcp:192.0.2.2:5060 srv.example/b.example");
	expect(&w, "sip:plain.example", "tls:192.0.2.5:5061 plain.example/plain.example; tcp:192.0.2.5:5060 plain.example/plain.example");
	expect(&w, "sip:denied.example", "tcp:192.0.2.6:5060 denied.example/denied.example");
	expect(&w, "sips:denied.example", "ABSENT");
	close_world(&w);
}

static void in_time(void **state)
{
	struct world w;
	open_world(&w);
	expect(&w, "sip:mute.example:5061", "TIMEOUT");
	/* What is known when the time is over is answered. */
	w.config.timeout_ms = 40;
	uint64_t begin = loop_now(w.loop);
	expect(&w, "sip:half.example", "tls:192.0.2.1:5061 half.example/a.example");
	assert_true(loop_now(w.loop) - begin < 90);
	close_world(&w);
}

static void cancelled(void **state)
{
	struct world w;
	struct hop_search *a = NULL, *b = NULL, *c = NULL;
	struct timer t = { 0 };
	open_world(&w);
	assert_false(failed(find(&w, "sip:full.example", &a)));
	assert_false(failed(find(&w, "sip:192.0.2.1", &b)));
	assert_false(failed(find(&w, "sip:mute.example", &c)));
	hop_cancel(a);
	hop_cancel(b);
	assert_false(failed(timer_set(loop_timers(w.loop), &t, 20, on_stop, w.loop)));
	loop_run(w.loop);
	hop_cancel(c);
	hop_cancel(NULL);
	assert_int_equal(w.n_done, 0);
	close_world(&w);
}

static uint32_t count_up(void *arg)
{
	uint32_t *n = arg;
	return (*n)++;
}

static void weights(void **state)
{
	/* Each draw once: sums are 0..100 for the first choice, so 101 draws are one full round. */
	uint32_t draw, first[4] = { 0 };
	for (draw = 0; draw < 101; draw++) {
		struct dns_record r[] = {
			{ .priority = 1, .weight = 60, .port = 0 },
			{ .priority = 1, .weight = 0, .port = 1 },
			{ .priority = 1, .weight = 40, .port = 2 },
			{ .priority = 0, .weight = 1, .port = 3 },
		};
		uint32_t n = draw;
		hop_order_srv(r + 0, 3, count_up, &n);
		first[r[0].port]++;
	}
	assert_int_equal(first[0], 60);
	assert_int_equal(first[2], 40);
	assert_int_equal(first[1], 1);
	struct dns_record r[] = {
		{ .priority = 3, .weight = 9, .port = 1 }, { .priority = 1, .weight = 0, .port = 2 },
		{ .priority = 2, .weight = 7, .port = 3 }, { .priority = 1, .weight = 5, .port = 4 },
	};
	uint32_t n = 3;
	hop_order_srv(r, 4, count_up, &n);
	assert_int_equal(r[0].port, 4);
	assert_int_equal(r[1].port, 2);
	assert_int_equal(r[2].port, 3);
	assert_int_equal(r[3].port, 1);
	hop_order_srv(r, 0, count_up, &n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_dns), cmocka_unit_test(by_naptr), cmocka_unit_test(by_srv_and_address),
		cmocka_unit_test(in_time), cmocka_unit_test(cancelled), cmocka_unit_test(weights),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
