/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "service/fed.h"

static struct fed *made(void)
{
	struct fed *f;
	assert_true(!failed(fed_new(&f)));
	assert_true(!failed(fed_set_domains(f, STR("example.com,example.net"))));
	fed_set(f, &(struct fed_settings){ .is_on = true, .discovers = true, .limits_contacts = true, .rate = 20, .contacts = 1000 });
	return f;
}

static void list(struct fed *f, enum fed_kind kind, const char *domain, const char *proxy)
{
	assert_true(!failed(fed_add(f, &(struct fed_row){ .kind = kind, .domain = str_of(domain), .proxy = str_of(proxy) })));
}

static enum fed_kind kind_of(const struct fed *f, const char *domain)
{
	struct fed_place p;
	fed_find(f, str_of(domain), &p);
	return p.kind;
}

static void the_order_of_the_lists(void **state)
{
	struct fed *f = made();
	struct fed_place p;
	fed_begin(f);
	list(f, FED_BLOCKED, "tailspin.test", "");
	list(f, FED_ALLOWED, "Fabrikam.test", "");
	list(f, FED_ALLOWED, "good.tailspin.test", "");
	list(f, FED_ALLOWED, "direct.fabrikam.test", "sip.direct.test");
	list(f, FED_HOSTING, "hosted.test", "edge.hosting.test");
	list(f, FED_PUBLIC, "messenger.test", "edge.messenger.test");
	list(f, FED_HOSTING, "fabrikam.test", "edge.hosting.test"); /* the list of allowed domains is asked before */
	assert_int_equal(kind_of(f, "fabrikam.test"), FED_DISCOVERED); /* not yet */
	fed_end(f);
	static const struct {
		const char *domain;
		enum fed_kind kind;
	} rows[] = {
		{ "example.com", FED_OWN }, { "EXAMPLE.net", FED_OWN }, { "sub.example.com", FED_DISCOVERED },
		{ "tailspin.test", FED_BLOCKED }, { "a.b.Tailspin.test", FED_BLOCKED }, { "good.tailspin.test", FED_BLOCKED }, { "nottailspin.test", FED_DISCOVERED },
		{ "fabrikam.test", FED_ALLOWED }, { "eu.fabrikam.test", FED_ALLOWED }, { "fabrikam.test.", FED_ALLOWED },
		{ "direct.fabrikam.test", FED_DIRECT }, { "x.direct.fabrikam.test", FED_DIRECT },
		{ "hosted.test", FED_HOSTING }, { "messenger.test", FED_PUBLIC }, { "test", FED_DISCOVERED },
		{ "", FED_UNLISTED }, { "a..b", FED_UNLISTED }, { "192.0.2.1:5061", FED_UNLISTED }, { "[2001:db8::1]", FED_UNLISTED }, { "*.fabrikam.test", FED_UNLISTED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (kind_of(f, rows[i].domain) != rows[i].kind)
			fail_msg("%s: %s", rows[i].domain, fed_kind_word(kind_of(f, rows[i].domain)));
	fed_find(f, STR("x.direct.fabrikam.test"), &p);
	assert_string_equal(p.proxy, "sip.direct.test");
	fed_set(f, &(struct fed_settings){ .is_on = true });
	assert_int_equal(kind_of(f, "unknown.test"), FED_UNLISTED);
	assert_int_equal(kind_of(f, "fabrikam.test"), FED_ALLOWED);
	fed_set(f, &(struct fed_settings){ .is_on = true, .discovers = true, .uses_default = true, .default_route = STR("hub.test") });
	fed_find(f, STR("unknown.test"), &p);
	assert_int_equal(p.kind, FED_DEFAULT);
	assert_string_equal(p.proxy, "hub.test");
	fed_set(f, &(struct fed_settings){ .discovers = true });
	assert_int_equal(kind_of(f, "fabrikam.test"), FED_OFF);
	assert_int_equal(kind_of(f, "example.com"), FED_OWN);
	fed_free(f);
}

static void what_is_no_row(void **state)
{
	struct fed *f = made();
	fed_begin(f);
	assert_true(err_is(fed_add(f, &(struct fed_row){ .kind = FED_ALLOWED, .domain = STR("*.test") }), ERR_MALFORMED));
	assert_true(err_is(fed_add(f, &(struct fed_row){ .kind = FED_ALLOWED, .domain = STR("a.test"), .proxy = STR("*.a.test") }), ERR_MALFORMED));
	assert_true(err_is(fed_add(f, &(struct fed_row){ .kind = FED_HOSTING, .domain = STR("a.test") }), ERR_MALFORMED));
	for (unsigned i = 0; i < FED_ROWS_MAX; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "d%u.test", i);
		list(f, FED_BLOCKED, name, "");
	}
	assert_true(err_is(fed_add(f, &(struct fed_row){ .kind = FED_ALLOWED, .domain = STR("one.more.test") }), ERR_CEILING));
	fed_free(f);
}

static void names_of_servers(void **state)
{
	static const struct {
		const char *domain, *host;
		bool inside;
	} rows[] = { { "a.test", "sip.a.test", true }, { "a.test", "A.TEST", true }, { "a.test", "sipa.test", false }, { "a.test", "sip.b.test", false },
		{ "a.test", "a.test.evil.test", false }, { "", "a.test", false }, { "a.test", "", false } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(fed_is_inside(str_of(rows[i].domain), str_of(rows[i].host)), rows[i].inside);
	assert_true(fed_fits(STR("sip.a.test"), STR("SIP.A.test")));
	assert_false(fed_fits(STR("sip.a.test"), STR("*.a.test")));
	assert_false(fed_fits(STR("sip.a.test"), STR("a.test")));
	assert_false(fed_fits(STR(""), STR("")));
	assert_false(fed_fits(STR("sip.a.test"), STR("")));
}

static err take(struct fed *f, const char *domain, const char *contact, uint64_t now)
{
	struct fed_place p;
	fed_find(f, str_of(domain), &p);
	return fed_take(f, str_of(domain), &p, str_of(contact), now);
}

struct seen {
	const char *domain;
	struct fed_partner p;
	size_t n;
};

static void look(void *arg, const struct fed_partner *p)
{
	struct seen *s = arg;
	s->n++;
	if (str_eq(p->domain, str_of(s->domain)))
		s->p = *p;
}

static struct fed_partner partner(const struct fed *f, const char *domain)
{
	struct seen s = { .domain = domain };
	fed_each(f, look, &s);
	return s.p;
}

static void a_discovered_partner_is_slowed_down(void **state)
{
	struct fed *f = made();
	for (unsigned i = 0; i < 20; i++)
		assert_true(!failed(take(f, "new.test", "ann@example.com", 5000)));
	assert_int_equal(partner(f, "new.test").state, FED_NORMAL);
	assert_true(err_is(take(f, "new.test", "ann@example.com", 5000), ERR_BUSY));
	assert_int_equal(partner(f, "new.test").state, FED_WATCHED);
	assert_true(err_is(take(f, "new.test", "ann@example.com", 5049), ERR_BUSY));
	assert_true(!failed(take(f, "new.test", "ann@example.com", 5050)));
	assert_true(err_is(take(f, "new.test", "ann@example.com", 5050), ERR_BUSY));
	for (unsigned i = 0; i < 20; i++)
		assert_true(!failed(take(f, "new.test", "", 7000)));
	assert_int_equal(partner(f, "new.test").counts[FED_IN], 41);
	assert_int_equal(partner(f, "new.test").counts[FED_SLOWED], 3);
	/* after ten minutes of good behaviour it is one like the others */
	assert_true(!failed(take(f, "new.test", "", 5050 + 600000)));
	assert_int_equal(partner(f, "new.test").state, FED_NORMAL);
	fed_begin(f);
	list(f, FED_ALLOWED, "new.test", "");
	fed_end(f);
	for (unsigned i = 0; i < 100; i++)
		assert_true(!failed(take(f, "new.test", "ann@example.com", 900000)));
	fed_free(f);
}

static void a_discovered_partner_has_so_many_contacts(void **state)
{
	struct fed *f = made();
	fed_set(f, &(struct fed_settings){ .is_on = true, .discovers = true, .limits_contacts = true, .rate = 100000, .contacts = 1000 });
	char name[32];
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof name, "u%u@example.com", i);
		assert_true(!failed(take(f, "new.test", name, 1000)));
	}
	assert_true(err_is(take(f, "new.test", "one.more@example.com", 1000), ERR_REFUSED));
	assert_true(!failed(take(f, "new.test", "u7@example.com", 1000)));
	assert_int_equal(partner(f, "new.test").contacts, 1000);
	assert_int_equal(partner(f, "new.test").state, FED_WATCHED);
	fed_set(f, &(struct fed_settings){ .is_on = true, .discovers = true, .rate = 100000, .contacts = 1000 });
	assert_true(!failed(take(f, "new.test", "one.more@example.com", 1000)));
	fed_free(f);
}

static void who_guesses_is_watched(void **state)
{
	struct fed *f = made();
	for (unsigned i = 0; i < 51; i++)
		fed_count(f, STR("new.test"), FED_DISCOVERED, FED_UNKNOWN, 1000);
	assert_int_equal(partner(f, "new.test").state, FED_WATCHED);
	assert_true(!failed(take(f, "new.test", "ann@example.com", 2000)));
	assert_true(err_is(take(f, "new.test", "ann@example.com", 2500), ERR_BUSY));
	assert_true(!failed(take(f, "new.test", "ann@example.com", 3600)));
	fed_free(f);
}

static void memory_has_a_ceiling(void **state)
{
	struct fed *f = made();
	char name[32];
	for (unsigned i = 0; i < FED_PARTNERS_MAX + 10; i++) {
		(void)snprintf(name, sizeof name, "p%u.test", i);
		assert_true(!failed(take(f, name, "ann@example.com", 1000 + i)));
	}
	assert_int_equal(fed_partners(f), FED_PARTNERS_MAX);
	assert_int_equal(partner(f, "p9.test").domain.n, 0); /* the oldest have gone */
	assert_int_not_equal(partner(f, "p10.test").counts[FED_IN], 0);
	fed_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_the_lists),
		cmocka_unit_test(what_is_no_row),
		cmocka_unit_test(names_of_servers),
		cmocka_unit_test(a_discovered_partner_is_slowed_down),
		cmocka_unit_test(a_discovered_partner_has_so_many_contacts),
		cmocka_unit_test(who_guesses_is_watched),
		cmocka_unit_test(memory_has_a_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
