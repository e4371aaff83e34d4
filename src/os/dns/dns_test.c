/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/dns_fake.h"

static const struct fake_row zone[] = {
	{ "a.example", "A", 300, "192.0.2.1" },
	{ "a.example", "A", 100, "192.0.2.2" },
	{ "a.example", "AAAA", 300, "2001:db8::1" },
	{ "short.example", "A", 0, "192.0.2.9" },
	{ "brief.example", "A", 1, "192.0.2.10" },
	{ "alias.example", "CNAME", 50, "middle.example" },
	{ "middle.example", "CNAME", 40, "a.example" },
	{ "a.example", "A", 300, "192.0.2.3" },
	{ "_sips._tcp.example", "SRV", 60, "10 5 5061 A.Example" },
	{ "_sips._tcp.example", "SRV", 60, "20 0 5061 b.example" },
	{ "none.example", "SRV", 60, "0 0 0 ." },
	{ "example", "NAPTR", 60, "10 50 s SIPS+D2T _sips._tcp.example" },
	{ "silent.example", "SILENT", 0, "" },
	{ "broken.example", "SERVFAIL", 0, "" },
	{ 0 },
};

struct world {
	struct loop *loop;
	struct fake_dns fake;
	struct dns *dns;
};

/* One question and what came of it. */
struct asked {
	struct world *world;
	struct dns_query q;
	unsigned n_done;
	err e;
	char text[1024]; /* the records, one after another */
	uint32_t ttl;
};

static void open_world(struct world *w, struct dns_config config)
{
	memset(w, 0, sizeof(*w));
	assert_false(failed(loop_new(&w->loop)));
	fake_open(&w->fake, w->loop, zone);
	config.loop = w->loop;
	config.servers = config.servers.n != 0 ? config.servers : str_of(w->fake.servers);
	assert_false(failed(dns_new(&config, &w->dns)));
}

static void on_stop(void *arg)
{
	loop_stop(arg);
}

static void wait_ms(struct world *w, uint64_t ms)
{
	struct timer t = { 0 };
	assert_false(failed(timer_set(loop_timers(w->loop), &t, ms, on_stop, w->loop)));
	loop_run(w->loop);
	timer_clear(loop_timers(w->loop), &t);
}

static void close_world(struct world *w)
{
	dns_free(w->dns);
	fake_close(&w->fake);
	wait_ms(w, 1);
	loop_free(w->loop);
}

static void on_done(void *arg, err e, const struct dns_answer *a)
{
	struct asked *q = arg;
	char ip[ADDR_TEXT];
	size_t at = 0;
	q->n_done++;
	q->e = e;
	q->ttl = a->ttl;
	q->text[0] = '\0';
	for (size_t i = 0; i < a->n; i++) {
		const struct dns_record *r = &a->records[i];
		at += (size_t)snprintf(q->text + at, sizeof(q->text) - at, "%s%u %u %u %.*s%.*s%.*s;", addr_print(&r->addr, ip),
		                       (unsigned)r->priority, (unsigned)r->weight, (unsigned)r->port, STR_FMT(r->flags), STR_FMT(r->service),
		                       STR_FMT(r->name));
	}
	loop_stop(q->world->loop);
}

static void begin(struct world *w, struct asked *q, enum dns_type type, const char *name)
{
	*q = (struct asked){ .world = w };
	assert_false(failed(dns_ask(w->dns, &q->q, type, str_of(name), on_done, q)));
	assert_int_equal(q->n_done, 0); /* never from inside */
}

static void expect(struct world *w, enum dns_type type, const char *name, const char *e, const char *text, unsigned n_asked)
{
	struct asked q;
	begin(w, &q, type, name);
	loop_run(w->loop);
	assert_int_equal(q.n_done, 1);
	assert_string_equal(failed(q.e) ? q.e.def->name : "OK", e);
	assert_string_equal(q.text, text);
	assert_int_equal(w->fake.n_asked, n_asked);
}

static void kinds_of_records(void **state)
{
	struct world w;
	open_world(&w, (struct dns_config){ 0 });
	expect(&w, DNS_A, "a.example", "OK", "192.0.2.10 0 0 ;192.0.2.20 0 0 ;192.0.2.30 0 0 ;", 1);
	expect(&w, DNS_AAAA, "A.EXAMPLE.", "OK", "2001:db8::10 0 0 ;", 2);
	expect(&w, DNS_A, "alias.example", "OK", "192.0.2.30 0 0 ;", 3);
	expect(&w, DNS_SRV, "_sips._tcp.example", "OK", "10 5 5061 a.example;20 0 5061 b.example;", 4);
	expect(&w, DNS_SRV, "none.example", "OK", "0 0 0 ;", 5);
	expect(&w, DNS_NAPTR, "example", "OK", "10 50 0 sSIPS+D2T_sips._tcp.example;", 6);
	/* All of them once more, in any case: from memory. */
	expect(&w, DNS_A, "A.example.", "OK", "192.0.2.10 0 0 ;192.0.2.20 0 0 ;192.0.2.30 0 0 ;", 6);
	expect(&w, DNS_NAPTR, "example", "OK", "10 50 0 sSIPS+D2T_sips._tcp.example;", 6);
	close_world(&w);
}

static void absence(void **state)
{
	struct world w;
	open_world(&w, (struct dns_config){ 0 });
	expect(&w, DNS_A, "nobody.example", "ABSENT", "", 1);
	expect(&w, DNS_A, "nobody.example", "ABSENT", "", 1);
	expect(&w, DNS_SRV, "a.example", "ABSENT", "", 2);
	expect(&w, DNS_SRV, "a.example", "ABSENT", "", 2);
	close_world(&w);
}

static void time_to_live(void **state)
{
	struct world w;
	struct asked q;
	open_world(&w, (struct dns_config){ 0 });
	begin(&w, &q, DNS_A, "alias.example");
	loop_run(w.loop);
	assert_int_equal(q.ttl, 40); /* the least of the chain */
	expect(&w, DNS_A, "short.example", "OK", "192.0.2.90 0 0 ;", 2);
	wait_ms(&w, 2);
	expect(&w, DNS_A, "short.example", "OK", "192.0.2.90 0 0 ;", 3);
	expect(&w, DNS_A, "brief.example", "OK", "192.0.2.100 0 0 ;", 4);
	expect(&w, DNS_A, "brief.example", "OK", "192.0.2.100 0 0 ;", 4);
	wait_ms(&w, 1100);
	expect(&w, DNS_A, "brief.example", "OK", "192.0.2.100 0 0 ;", 5);
	close_world(&w);
}

static void servers_that_do_not_answer(void **state)
{
	struct world w;
	open_world(&w, (struct dns_config){ .timeout_ms = 50, .tries = 2 });
	expect(&w, DNS_A, "silent.example", "TIMEOUT", "", 2);
	expect(&w, DNS_A, "silent.example", "TIMEOUT", "", 2); /* not asked again for a while */
	assert_true(loop_now(w.loop) > 0);
	struct asked q;
	begin(&w, &q, DNS_A, "broken.example");
	loop_run(w.loop);
	assert_true(failed(q.e) && !err_is(q.e, ERR_ABSENT));
	close_world(&w);
	/* Nobody there at all: the port is closed. */
	open_world(&w, (struct dns_config){ .timeout_ms = 50, .tries = 1, .servers = STR("127.0.0.1:1") });
	begin(&w, &q, DNS_A, "a.example");
	loop_run(w.loop);
	assert_true(failed(q.e) && !err_is(q.e, ERR_ABSENT));
	close_world(&w);
}

static void many_ask_the_same(void **state)
{
	struct world w;
	struct asked q[3];
	open_world(&w, (struct dns_config){ 0 });
	for (int i = 0; i < 3; i++)
		begin(&w, &q[i], DNS_A, "brief.example");
	dns_cancel(&q[1].q);
	dns_cancel(&q[1].q);
	wait_ms(&w, 50);
	wait_ms(&w, 50);
	assert_int_equal(w.fake.n_asked, 1);
	assert_int_equal(q[0].n_done + q[2].n_done, 2);
	assert_int_equal(q[1].n_done, 0);
	dns_cancel(&q[0].q); /* done already */
	close_world(&w);
}

struct again {
	struct asked first, second;
};

static void on_ask_again(void *arg, err e, const struct dns_answer *a)
{
	struct again *g = arg;
	assert_int_equal(a->n, 1);
	g->first.n_done++;
	begin(g->first.world, &g->second, DNS_A, "short.example");
	dns_cancel(&g->first.q);
}

static void ask_again_from_inside(void **state)
{
	struct world w;
	struct again g = { 0 };
	open_world(&w, (struct dns_config){ 0 });
	g.first.world = &w;
	assert_false(failed(dns_ask(w.dns, &g.first.q, DNS_A, STR("short.example"), on_ask_again, &g)));
	loop_run(w.loop);
	assert_int_equal(g.first.n_done, 1);
	assert_int_equal(g.second.n_done, 1);
	close_world(&w);
}

static void ceilings(void **state)
{
	struct world w;
	struct asked q[4];
	char name[32];
	open_world(&w, (struct dns_config){ .pending = 3, .cache = 3 });
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		begin(&w, &q[i], DNS_A, name);
	}
	assert_true(err_is(dns_ask(w.dns, &q[3].q, DNS_A, STR("n3.example"), on_done, &q[3]), ERR_BUSY));
	wait_ms(&w, 20);
	wait_ms(&w, 20);
	wait_ms(&w, 20);
	expect(&w, DNS_A, "n0.example", "ABSENT", "", 3); /* now the one used last */
	expect(&w, DNS_A, "n4.example", "ABSENT", "", 4);
	expect(&w, DNS_A, "n0.example", "ABSENT", "", 4);
	expect(&w, DNS_A, "n1.example", "ABSENT", "", 5); /* had to go */
	close_world(&w);
}

/* Freed with questions under way: nobody is told, nothing is lost. */
static void freed_while_asking(void **state)
{
	struct world w;
	struct asked a, b;
	open_world(&w, (struct dns_config){ 0 });
	begin(&w, &a, DNS_A, "silent.example");
	begin(&w, &b, DNS_A, "a.example");
	close_world(&w);
	assert_int_equal(a.n_done + b.n_done, 0);
	dns_cancel(&a.q);
}

static void names(void **state)
{
	static const char *const bad[] = { "", ".", "a..b", ".a", "a b", "a\\.b", "ä.example", "-.", "a@b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example" };
	struct world w;
	struct asked q = { 0 };
	char long_name[300];
	open_world(&w, (struct dns_config){ 0 });
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err e = dns_ask(w.dns, &q.q, DNS_A, str_of(bad[i]), on_done, &q);
		assert_true(err_is(e, ERR_MALFORMED) || strcmp(bad[i], "-.") == 0);
		dns_cancel(&q.q);
	}
	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = i % 10 == 9 ? '.' : 'x';
	assert_true(err_is(dns_ask(w.dns, &q.q, DNS_A, (str){ long_name, 254 }, on_done, &q), ERR_MALFORMED));
	close_world(&w);
	struct dns *d = NULL;
	struct loop *l;
	assert_false(failed(loop_new(&l)));
	assert_true(err_is(dns_new(&(struct dns_config){ .loop = l, .servers = STR("nonsense") }, &d), ERR_MALFORMED));
	loop_free(l);
}

/* Answers cut at every length, and with every single byte changed: an error or less, never more. */
static void parse_cut_and_changed(void **state)
{
	static const struct {
		enum dns_type type;
		const char *name;
	} rows[] = { { DNS_A, "alias.example" }, { DNS_SRV, "_sips._tcp.example" }, { DNS_NAPTR, "example" }, { DNS_SRV, "nobody.example" } };
	static const unsigned codes[] = { [DNS_A] = 1, [DNS_AAAA] = 28, [DNS_SRV] = 33, [DNS_NAPTR] = 35 };
	struct fake_dns f = { .rows = zone };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake_out q = { .n = 12 }, o = { 0 };
		q.p[5] = 1;
		fake_name(&q, rows[i].name);
		fake_u16(&q, codes[rows[i].type]);
		fake_u16(&q, 1);
		fake_answer(&f, q.p, q.n, &o);
		for (size_t n = 0; n <= o.n; n++)
			for (size_t change = 0; change < (n == o.n ? o.n : 1); change++) {
				struct arena a;
				struct dns_answer out;
				char *exact = malloc(n + 1);
				memcpy(exact, o.p, n);
				if (change != 0)
					exact[change] = (char)(exact[change] ^ 0xff);
				arena_init(&a, 32768);
				err e = dns_parse(rows[i].type, (str){ exact, n }, &a, &out);
				assert_true(failed(e) == (out.n == 0));
				if (n == o.n && change == 0)
					assert_true(i == 3 ? err_is(e, ERR_ABSENT) && out.ttl == 7 : !failed(e));
				arena_fini(&a);
				free(exact);
			}
		for (uint32_t fail = 1; fail < 4; fail++) {
			struct arena a;
			struct dns_answer out;
			arena_init(&a, 32768);
			a.fail_after = fail;
			err e = dns_parse(rows[i].type, (str){ (char *)o.p, o.n }, &a, &out);
			assert_true(failed(e) == (out.n == 0));
			arena_fini(&a);
		}
	}
}

/* RFC 1035 knows nothing of it, administrators do: who stands there is not asked for, of either kind. */
static void the_list_of_names(void **state)
{
	struct world w;
	struct asked q;
	open_world(&w, (struct dns_config){ .cache = 16, .hosts = STR("# ours\n127.0.0.1 localhost\n10.0.0.1\tPool.example a.example # both\r\n10.0.0.2 pool.example\n"
							     "fd00::1 six.example\nnonsense more\n10.0.0.3\n10.0.0.4 bad..name\n") });
	expect(&w, DNS_A, "pool.example", "OK", "10.0.0.10 0 0 ;10.0.0.20 0 0 ;", 0);
	expect(&w, DNS_A, "A.example", "OK", "10.0.0.10 0 0 ;", 0);
	expect(&w, DNS_AAAA, "a.example", "ABSENT", "", 0);
	expect(&w, DNS_AAAA, "six.example", "OK", "fd00::10 0 0 ;", 0);
	expect(&w, DNS_A, "brief.example", "OK", "192.0.2.100 0 0 ;", 1);
	close_world(&w);
	open_world(&w, (struct dns_config){ .cache = 4, .hosts = STR("10.0.0.1 localhost a.example b.example") });
	expect(&w, DNS_A, "a.example", "OK", "192.0.2.10 0 0 ;192.0.2.20 0 0 ;192.0.2.30 0 0 ;", 1); /* half of the room is for answers, however long the list */
	close_world(&w);
	open_world(&w, (struct dns_config){ .hosts = STR("10.0.0.1 a.example") });
	expect(&w, DNS_A, "brief.example", "OK", "192.0.2.100 0 0 ;", 1);
	expect(&w, DNS_A, "a.example", "OK", "10.0.0.10 0 0 ;", 1);
	begin(&w, &q, DNS_A, "a.example");
	dns_cancel(&q.q);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_records), cmocka_unit_test(absence), cmocka_unit_test(time_to_live),
		cmocka_unit_test(servers_that_do_not_answer), cmocka_unit_test(many_ask_the_same), cmocka_unit_test(ask_again_from_inside),
		cmocka_unit_test(ceilings), cmocka_unit_test(freed_while_asking), cmocka_unit_test(names), cmocka_unit_test(parse_cut_and_changed),
		cmocka_unit_test(the_list_of_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
