/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <expat.h>

#include "wire/xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static void test_document(void **state)
{
	(void)state;
	struct buf b DEFER(buf_fini) = { 0 };
	struct xml x;
	buf_init(&b, 4096);
	xml_init(&x, &b);
	xml_open(&x, "reginfo");
	xml_attr(&x, "xmlns", STR("urn:ietf:params:xml:ns:reginfo"));
	xml_attr_u64(&x, "version", 3);
	xml_open(&x, "registration");
	xml_attr(&x, "aor", STR("sip:a&b<\"'\t\r\n>@example.com"));
	xml_element(&x, "uri", STR("sip:x?y=<&>\"\r\n\t\xc3\xa4\xf0\x9f\x98\x80"));
	xml_open(&x, "a:empty");
	xml_close(&x);
	xml_close(&x);
	xml_close(&x);
	assert_false(failed(xml_end(&x)));
	static const char want[] =
		HEAD "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"3\"><registration"
		     " aor=\"sip:a&amp;b&lt;&quot;'&#9;&#13;&#10;&gt;@example.com\"><uri>sip:x?y=&lt;&amp;&gt;\""
		     "&#13;\n\t\xc3\xa4\xf0\x9f\x98\x80</uri><a:empty/></registration></reginfo>";
	assert_true(str_eq(buf_str(&b), str_of(want)));
}

struct heard {
	struct buf text, attr;
};

static void XMLCALL on_start(void *arg, const char *name, const char **attrs)
{
	struct heard *h = arg;
	(void)name;
	buf_add(&h->attr, str_of(attrs[1]));
}

static void XMLCALL on_text(void *arg, const char *p, int n)
{
	struct heard *h = arg;
	buf_add(&h->text, (str){ p, (size_t)n });
}

/* Another reader (expat) hears what was said. */
static bool is_heard(str s)
{
	struct buf b DEFER(buf_fini) = { 0 };
	struct heard h;
	struct xml x;
	buf_init(&b, 4096);
	buf_init(&h.text, 4096);
	buf_init(&h.attr, 4096);
	xml_init(&x, &b);
	xml_open(&x, "e");
	xml_attr(&x, "a", s);
	xml_text(&x, s);
	xml_close(&x);
	bool good = !failed(xml_end(&x));
	if (good) {
		XML_Parser p = XML_ParserCreate(NULL);
		XML_SetUserData(p, &h);
		XML_SetElementHandler(p, on_start, NULL);
		XML_SetCharacterDataHandler(p, on_text);
		assert_int_equal(XML_Parse(p, b.p, (int)b.n, 1), XML_STATUS_OK);
		assert_true(str_eq(buf_str(&h.text), s) && str_eq(buf_str(&h.attr), s));
		XML_ParserFree(p);
	}
	buf_fini(&h.text);
	buf_fini(&h.attr);
	return good;
}

static void test_characters(void **state)
{
	(void)state;
	for (int c = 0; c < 128; c++) {
		char one = (char)c;
		bool allowed = c >= ' ' || c == '\t' || c == '\n' || c == '\r';
		assert_int_equal(is_heard((str){ &one, 1 }), allowed);
	}
	static const char *const good[] = { "", "\xc2\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "]]>", "<![CDATA[x]]>", "&amp;" };
	static const char *const bad[] = { "\x80", "\xc3", "a\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xef\xbf\xbe", "\xef\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xe4\x20" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(is_heard(str_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(is_heard(str_of(bad[i])));
}

static void test_ceiling(void **state)
{
	(void)state;
	for (size_t ceiling = 0; ceiling < 100; ceiling++) {
		struct buf b DEFER(buf_fini) = { 0 };
		struct xml x;
		buf_init(&b, ceiling);
		xml_init(&x, &b);
		xml_element(&x, "e", STR("some text that needs room: <<<<"));
		err e = xml_end(&x);
		if (b.failed)
			assert_true(err_is(e, ERR_CEILING));
		else
			assert_false(failed(e));
		assert_true(b.n <= ceiling);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
