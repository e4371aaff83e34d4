/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/link.h"

static const str prefixes[] = { { "http:", 5 }, { "https:", 6 }, { "ftp.", 4 }, { "href", 4 }, { "mailto:", 7 }, { "www*.", 5 }, { "tel:", 4 }, { "file:", 5 } };

/* All links of a text, one a line, with their places: "4 http://x\n" */
static void find(enum link_form form, str source, char out[1024])
{
	struct arena a;
	struct link_text t;
	struct link_rules r;
	struct link k;
	size_t from = 0, n = 0;
	arena_init(&a, 1 << 20);
	link_rules_init(&r, prefixes, sizeof prefixes / sizeof *prefixes);
	assert_false(failed(link_read(form, source, &a, &t)));
	out[0] = '\0';
	while (link_next(&r, &t, &from, &k))
		n += (size_t)snprintf(out + n, 1024 - n, "%zu %.*s\n", k.place, STR_FMT(k.text));
	arena_fini(&a);
}

static void links_of_each_form(void **state)
{
	static const struct {
		enum link_form form;
		const char *source, *links;
	} rows[] = {
		{ LINK_PLAIN, "see http://x.example", "4 http://x.example\n" },
		{ LINK_PLAIN, "see _http://x.example", "" },
		{ LINK_PLAIN, "(HTTP://x) and HTTPS://y.", "1 HTTP://x)\n15 HTTPS://y.\n" },
		{ LINK_PLAIN, "www.contoso.com wwwroot.contoso.com www wwwroot", "0 www.contoso.com\n16 wwwroot.contoso.com\n" },
		{ LINK_PLAIN, "http://a,http://www.b,www.c", "0 http://a,http://www.b,www.c\n9 http://www.b,www.c\n22 www.c\n" },
		{ LINK_PLAIN, "the hotel: good; tel: none; http: http:", "" },
		{ LINK_PLAIN, "\xc3\xa9http://x", "2 http://x\n" },
		{ LINK_PLAIN, "href=\"x y\" href = 'z' thref=x", "0 href=\"x y\n11 href = 'z\n" },
		{ LINK_PLAIN, "at \\\\srv\\file.exe now", "3 \\\\srv\\file.exe\n" },
		{ LINK_PLAIN, "<file://srv/my file.exe> x", "1 file://srv/my file.exe\n" },
		{ LINK_HTML, "a &#104;ttp://x", "2 http://x\n" },
		{ LINK_HTML, "&#x68ttp&colon;&sol;/x &#0000000104;ttp:y", "0 http://x\n23 http:y\n" },
		{ LINK_HTML, "ht<b>tp</b><!-- no -->://x<br>www.y", "0 http://x\n30 www.y\n" },
		{ LINK_HTML, "<p>foo</p>http://x", "10 http://x\n" },
		{ LINK_HTML, "<a class=q HREF=\"ht\ntp://x\">y</a>", "11 HREF=http://x\n17 http://x\n" },
		{ LINK_HTML, "<img src='&#9;http://x/a b'>", "14 http://x/a\x1e" "b\n" },
		{ LINK_HTML, "a <b and http://x", "9 http://x\n" },
		{ LINK_HTML, "a < b http://x", "6 http://x\n" },
		{ LINK_RTF, "{\\rtf1 see http://x\\par www.y}", "11 http://x\n24 www.y\n" },
		{ LINK_RTF, "{\\rtf1{\\fonttbl http://f;}{\\field{\\*\\fldinst{HYPERLINK \"http://x/a b\"}}{\\fldrslt c}}}", "56 http://x/a\x1e" "b\n" },
		{ LINK_RTF, "{\\rtf1 \\'68\\'74tp\\b ://x}", "7 http://x\n" },
		{ LINK_RTF, "{\\rtf1 \\uc1\\u104?\\u116\\'3ftp:\\\\\\\\x}", "11 http:\\\\x\n" },
		{ LINK_RTF, "{\\rtf1 a\\bin8 http://bhttp://x}", "" },
		{ LINK_RTF, "{\\rtf1 a \\bin8 http://bhttp://x}", "23 http://x\n" },
		{ LINK_RTF, "{\\rtf1 {ht{\\b tp:}//x}}", "8 http://x\n" },
	};
	char out[1024];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		find(rows[i].form, str_of(rows[i].source), out);
		if (strcmp(out, rows[i].links) != 0)
			print_error("row %zu: %s\n", i, rows[i].source);
		assert_string_equal(out, rows[i].links);
	}
}

static void hosts_and_files(void **state)
{
	static const struct {
		const char *target, *host, *file;
	} rows[] = {
		{ "http://intranet/a", "intranet", "/a" },
		{ "http://ann:pw@srv.example:80/a/b%2eexe?x=1", "srv.example", "/a/b.exe?x=1" },
		{ "http:/\\\\evil.example/x", "evil.example", "/x" },
		{ "http://intranet\\@evil.example/", "intranet", "\\@evil.example/" },
		{ "www.contoso.com", "www.contoso.com", "" },
		{ "mailto:ann@contoso.com", "contoso.com", "" },
		{ "file:a.exe", "a.exe", "a.exe" },
		{ "file:///c:/a.exe).", "c", "c:/a.exe)." },
		{ "\\\\srv\\file.exe", "srv", "\\file.exe" },
		{ "//x", "x", "" },
		{ "", "", "" },
	};
	char room[64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		str host = link_host(str_of(rows[i].target)), file = link_file(str_of(rows[i].target), room, sizeof room);
		if (!str_eq(host, str_of(rows[i].host)) || !str_eq(file, str_of(rows[i].file)))
			print_error("%s: %.*s %.*s\n", rows[i].target, STR_FMT(host), STR_FMT(file));
		assert_true(str_eq(host, str_of(rows[i].host)));
		assert_true(str_eq(file, str_of(rows[i].file)));
	}
}

static void what_cannot_be_read(void **state)
{
	struct arena a;
	struct link_text t;
	char deep[400] = "{\\rtf1";
	memset(deep + 6, '{', 100);
	arena_init(&a, 1 << 20);
	assert_true(err_is(link_read(LINK_RTF, STR("plain"), &a, &t), ERR_MALFORMED));
	assert_true(err_is(link_read(LINK_RTF, str_of(deep), &a, &t), ERR_MALFORMED));
	assert_false(failed(link_read(LINK_RTF, STR("{\\rtf1}"), &a, &t)));
	assert_int_equal(t.begin, 6);
	arena_fini(&a);
}

static const char html[] = "<html><body bgcolor=x>a &amp; <a href=\"http://x/&quot;y\">b</a><!-- c --> &#104;ttp://z <img src=www.q></body></html>";
static const char rtf[] = "{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\uc1\\pard {\\field{\\*\\fldinst{HYPERLINK \"http://x\"}}{\\fldrslt y}}\\u8364\\'80 \\bin3 abc \\'68ttp:z\\par}";

/* Cut at each length: never past the end, and the same bytes give the same. */
static void cut_anywhere(void **state)
{
	char out[1024];
	for (size_t n = 0; n < sizeof html; n++)
		find(LINK_HTML, (str){ html, n }, out);
	assert_non_null(strstr(out, "www.q"));
	for (size_t n = 5; n < sizeof rtf; n++) {
		char *copy = malloc(n);
		memcpy(copy, rtf, n);
		find(LINK_RTF, (str){ copy, n }, out);
		free(copy);
	}
	assert_non_null(strstr(out, "http:z"));
}

static void memory_can_fail(void **state)
{
	static const enum link_form forms[] = { LINK_PLAIN, LINK_HTML, LINK_RTF };
	for (size_t k = 0; k < 3; k++) {
		unsigned n = 1;
		for (;; n++) {
			struct arena a;
			struct link_text t;
			arena_init(&a, 1 << 20);
			a.fail_after = n;
			err e = link_read(forms[k], forms[k] == LINK_RTF ? str_of(rtf) : str_of(html), &a, &t);
			arena_fini(&a);
			if (!failed(e))
				break;
			assert_true(err_is(e, ERR_CEILING));
		}
		assert_true(n > 1 && n < 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_of_each_form),
		cmocka_unit_test(hosts_and_files),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(memory_can_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
