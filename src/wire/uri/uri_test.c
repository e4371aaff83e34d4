/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/uri.h"
#include "wire/uri/uri_priv.h"

static bool is_good(const char *z)
{
	struct uri u;
	struct diag d = { 0 };
	char *exact = strdup(z); /* AddressSanitizer sees a step past it */
	assert_non_null(exact);
	err e = uri_parse((str){ exact, strlen(z) }, &u, &d);
	assert_true(!failed(e) || (err_is(e, ERR_MALFORMED) && d.what[0] != '\0' && d.remedy[0] != '\0'));
	free(exact);
	return !failed(e);
}

static struct uri parse(const char *z)
{
	struct uri u;
	err e = uri_parse(str_of(z), &u, NULL);
	if (failed(e))
		fail_msg("%s is refused", z);
	return u;
}

#define assert_str(s, z) assert_true(str_eq((s), STR(z)))

static void test_parts(void **state)
{
	(void)state;
	struct uri u =
		parse("sips:a%20b;x=1:p&w@Host.example.com:5071;transport=tls;lr;maddr=[::1]?Subject=hi&Priority=");
	str value;
	assert_int_equal(u.kind, URI_SIPS);
	assert_str(u.scheme, "sips");
	assert_str(u.user, "a%20b;x=1");
	assert_str(u.password, "p&w");
	assert_str(u.host, "Host.example.com");
	assert_int_equal(u.port, 5071);
	assert_str(u.params, "transport=tls;lr;maddr=[::1]");
	assert_str(u.headers, "Subject=hi&Priority=");
	assert_true(uri_param(&u, STR("TRANSPORT"), &value));
	assert_str(value, "tls");
	assert_true(uri_param(&u, STR("lr"), &value));
	assert_int_equal(value.n, 0);
	assert_true(uri_param(&u, STR("lr"), NULL));
	assert_false(uri_param(&u, STR("l"), NULL));
	u = parse("tel:+1-201-555-0123;phone-context=example.com");
	assert_int_equal(u.kind, URI_TEL);
	assert_str(u.host, "+1-201-555-0123");
	assert_true(uri_param(&u, STR("phone-context"), &value));
	u = parse("urn:service:sos?x=y");
	assert_int_equal(u.kind, URI_OTHER);
	assert_str(u.host, "service:sos");
	assert_str(u.headers, "x=y");
	u = parse("SIP:h");
	assert_int_equal(u.kind, URI_SIP);
	assert_false(u.has_user);
}

static void test_grammar(void **state)
{
	(void)state;
	static const char *const good[] = { "sip:a@b", "sip:b", "sip:1.2.3.4", "sip:a@1.2.3.4:1", "sip:a:@b",
		"sip:[::]", "sip:[::1]:5", "sip:[1:2:3:4:5:6:7:8]", "sip:[1:2:3:4:5:6:1.2.3.4]",
		"sip:[::ffff:192.0.2.10]", "sip:[2001:db8:::192.0.2.1]", "sip:a.b-c.d.", "sip:a@b;p",
		"sip:a@b;%6C%72;n%61me=v%61l", "sip:a@b;p=[x]:/&+$", "sip:a@b?h=", "sip:a@b?h=v&h=v", "sip:%00@b",
		"sip:%00%00@b", "sip:1.2.3.x", "sip:a/b?c,d;e@f", "isbn:2983792873", "http://www.example.com/%20#x" };
	static const char *const bad[] = { "", ":", "sip", "sip:", "sip:@b", "sip:a@", "sip:a@b:", "sip:a@b:0",
		"sip:a@b:65536", "sip:a@b:5x", "sip:a b@c", "sip:a@b c", "sip:a@b@c", "sip:%@b", "sip:%4@b",
		"sip:%4g@b", "sip:a@b;", "sip:a@b;;p", "sip:a@b;=v", "sip:a@b;p=", "sip:a@b;p=v=w", "sip:a@b;p=%",
		"sip:a@b?", "sip:a@b?h", "sip:a@b?=v", "sip:a@b?h=v&", "sip:a@b?h=v;x", "sip:1.2.3", "sip:1.2.3.256",
		"sip:1.2.3.4.5", "sip:1.2.3.4567", "sip:a..b", "sip:-a", "sip:a-", "sip:a.-b", "sip:a.1", "sip:.",
		"sip:[", "sip:[]", "sip:[1", "sip:[:]", "sip:[1:2]", "sip:[1::2::3]", "sip:[:::1]",
		"sip:[1:2:3:4:5:6:7:8:9]", "sip:[1:2:3:4:5:6:7::8]", "sip:[12345::]", "sip:[::1", "sip:[::1]x",
		"sip:[::g]", "sip:[1:2:3:4:5:6:7:]", "sip:[::1.2.3]", "sip:[::1.2.3.4:5]", "sip:[fe80::1%25eth0]",
		"sip:2001:db8::10", "<sip:a@b>", " sip:a@b", "sip:a@b ", "1sip:a@b", "sip:a\"@b", "sip:\xc3\xa4@b",
		"sip:a_b.c", "tel:", "tel:<", "x y:z", "sip:a@b:+5", "sip:a@b\r\n", "sip:a@b;lr;LR",
		"sip:a@b;maddr=c;x;%6daddr=d" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!is_good(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (is_good(bad[i]))
			fail_msg("%s is accepted", bad[i]);
	struct uri u;
	assert_true(failed(uri_parse((str){ "sip:a\0@b", 8 }, &u, NULL)));
}

/* Each set of characters against its spelling in RFC 3261 25.1. */
static void test_characters(void **state)
{
	(void)state;
#define ALPHANUM   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define UNRESERVED ALPHANUM "-_.!~*'()"
	static const struct {
		unsigned set;
		const char *members;
	} sets[] = {
		{ URI_CHAR_USER, UNRESERVED "&=+$,;?/" },
		{ URI_CHAR_PASSWORD, UNRESERVED "&=+$," },
		{ URI_CHAR_PARAM, UNRESERVED "[]/:&+$" },
		{ URI_CHAR_HEADER, UNRESERVED "[]/?:+$" },
		{ URI_CHAR_OPAQUE, UNRESERVED ";/?:@&=+$,[]#" },
		{ URI_CHAR_SCHEME, ALPHANUM "+-." },
		{ URI_CHAR_LABEL, ALPHANUM "-" },
		{ URI_CHAR_HEX, "0123456789abcdefABCDEF" },
	};
	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
		for (int c = 0; c < 256; c++)
			assert_int_equal(uri_is((char)c, sets[i].set), c != 0 && strchr(sets[i].members, c) != NULL);
}

static bool is_equal(const char *a, const char *b)
{
	struct uri x = parse(a), y = parse(b);
	assert_int_equal(uri_equal(&x, &y), uri_equal(&y, &x));
	return uri_equal(&x, &y);
}

/* The examples of RFC 3261 19.1.4, and RFC 5954 4.2 */
static void test_equal(void **state)
{
	(void)state;
	static const char *const same[][2] = {
		{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp" },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5" },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;security=on" },
		{ "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on" },
		{ "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
			"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com" },
		{ "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
			"sip:alice@atlanta.com?priority=urgent&subject=project%20x" },
		{ "sip:bob@[2001:db8::9:1]", "sip:bob@[2001:db8::9:01]" },
		{ "sip:bob@[2001:DB8::9:1]", "sip:bob@[2001:db8:0:0:0:0:9:1]" },
		{ "sip:bob@[::ffff:192.0.2.128]", "sip:bob@[::ffff:c000:280]" },
		{ "sip:a@b?h=1&h=2", "sip:a@b?H=2&h=1" },
		{ "tel:+1", "tel:+1" },
	};
	static const char *const other[][2] = {
		{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP" },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060" },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp" },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp" },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting" },
		{ "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4" },
		{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off" },
		{ "sip:a@b", "sips:a@b" },
		{ "sip:a@b", "sip:b" },
		{ "sip:a:p@b", "sip:a:q@b" },
		{ "sip:a@b", "sip:a@b;user=phone" },
		{ "sip:a@b", "sip:a@b;ttl=1" },
		{ "sip:a@b", "sip:a@b;method=INVITE" },
		{ "sip:a@b", "sip:a@b;maddr=1.2.3.4" },
		{ "sip:a%3Bb@c", "sip:a;b@c" }, /* an escaped reserved character is not the bare one */
		{ "sip:a%40b@c", "sip:a@c" },
		{ "sip:sips%3Auser%40example.com@example.net", "sip:sips@example.net" },
		{ "sip:null-%00-null@example.com", "sip:null-@example.com" },
		{ "sip:%00@h", "sip:%00%00@h" },
		{ "tel:+1", "tel:+1;x=y" },
		{ "sip:a@[::1]", "sip:a@[::2]" },
	};
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		if (!is_equal(same[i][0], same[i][1]))
			fail_msg("%s differs from %s", same[i][0], same[i][1]);
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		if (is_equal(other[i][0], other[i][1]))
			fail_msg("%s is the same as %s", other[i][0], other[i][1]);
}

static void test_aor(void **state)
{
	(void)state;
	struct arena a;
	struct uri u = parse("sips:%41nn.O%27Hara:pw@EXAMPLE.com:5061;transport=tls?x=y");
	str aor;
	arena_init(&a, 4096);
	assert_false(failed(uri_aor(&u, &a, &aor)));
	assert_str(aor, "ann.o'hara@example.com");
	static const char *const bad[] = { "sip:example.com", "tel:+1", "sip:a%40b@c", "sip:a%00b@c", "sip:a%20b@c",
		"sip:%7f@c", "sip:%0d%0a@c" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		u = parse(bad[i]);
		assert_true(err_is(uri_aor(&u, &a, &aor), ERR_MALFORMED));
	}
	char z[300] = "sip:";
	memset(z + 4, 'a', 253);
	memcpy(z + 257, "@b", 3);
	u = parse(z);
	assert_true(err_is(uri_aor(&u, &a, &aor), ERR_CEILING)); /* 255 bytes */
	memcpy(z + 256, "@b", 3);
	u = parse(z);
	assert_false(failed(uri_aor(&u, &a, &aor)));
	assert_int_equal(aor.n, 254);
	u = parse("sip:a@b");
	a.fail_after = 1;
	assert_true(err_is(uri_aor(&u, &a, &aor), ERR_CEILING));
	arena_fini(&a);
}

static void test_add_user(void **state)
{
	(void)state;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1024);
	uri_add_user(&b, (str){ "a b@c:\"\xc3\xa4%\0;", 12 });
	assert_str(buf_str(&b), "a%20b%40c%3A%22%C3%A4%25%00;");
}

static void test_host(void **state)
{
	(void)state;
	assert_true(uri_host_is_address(STR("192.0.2.1")));
	assert_true(uri_host_is_address(STR("[2001:db8::1]")));
	assert_false(uri_host_is_address(STR("2001:db8::1")));
	assert_false(uri_host_is_address(STR("example.com")));
	assert_false(uri_host_is_address(STR("")));
	assert_true(uri_host_is_valid(STR("example.com")));
	assert_false(uri_host_is_valid(STR("")));
	char z[300];
	for (size_t i = 0; i < sizeof z; i++)
		z[i] = i % 2 ? '.' : 'a';
	assert_false(uri_host_is_valid((str){ z, 255 }));
	assert_true(uri_host_is_valid((str){ z, 253 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_aor),
		cmocka_unit_test(test_add_user),
		cmocka_unit_test(test_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
