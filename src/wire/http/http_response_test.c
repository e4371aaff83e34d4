/* SPDX-License-Identifier: Apache-2.0 */
/* Answers whole and byte by byte, cut at every length, with what must be refused; URLs and what a Location makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/http.h"

enum { BODY_MOST = 20 };

struct got {
	struct http_response r;
	struct buf body;
	err e;
	struct diag d;
};

/* In pieces of `step` bytes; the connection ends behind them. */
static void read_in(str all, size_t step, struct got *g)
{
	size_t from = 0, to = 0, taken;
	*g = (struct got){ .e = ERR(INCOMPLETE) };
	buf_init(&g->body, BODY_MOST);
	do {
		to = to + step < all.n ? to + step : all.n;
		g->e = http_response_read(&g->r, str_cut(all, from, to), to == all.n, &g->body, &taken, &g->d);
		from += taken;
		assert_true(from <= to);
	} while (err_is(g->e, ERR_INCOMPLETE) && to < all.n);
	assert_false(err_is(g->e, ERR_INCOMPLETE));
}

#define OK_LINE "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *answer, *body, *location;
	unsigned status;
	const char *why; /* NULL: it is read */
} rows[] = {
	{ OK_LINE "Content-Length: 3\r\n\r\nabc", "abc", "", 200, NULL },
	{ OK_LINE "Content-Length: 3\r\n\r\nabcdef", "abc", "", 200, NULL },
	{ OK_LINE "\r\nabc", "abc", "", 200, NULL },
	{ "HTTP/1.0 200\r\n\r\n", "", "", 200, NULL },
	{ OK_LINE "transfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n00A;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "abc0123456789", "", 200, NULL },
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK_LINE "Content-Length: 1\r\n\r\nz", "z", "", 200, NULL },
	{ "HTTP/1.1 302 Found\r\nLocation: http://b/x\r\nContent-Length: 0\r\n\r\n", "", "http://b/x", 302, NULL },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "", "", 304, NULL },
	{ "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "no", "", 404, NULL },
	{ OK_LINE "Content-Length: 20\r\n\r\n01234567890123456789", "01234567890123456789", "", 200, NULL },
	{ OK_LINE "Content-Length: 21\r\n\r\n012345678901234567890", "", "", 200, "longer than 20 bytes" },
	{ OK_LINE "\r\n012345678901234567890", NULL, "", 200, "longer than 20 bytes" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n15\r\n", "", "", 200, "longer than 20 bytes" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\nb\r\n01234567890", NULL, "", 200, "longer than 20 bytes" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n100000000\r\n", "", "", 200, "no length" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n\r\n", "", "", 200, "no length" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", NULL, "", 200, "longer than it says" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n1\nab\r\n", NULL, "", 200, "stands alone" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n3\r\nab", NULL, "", 200, "ended before" },
	{ OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n", NULL, "", 0, "only chunked" },
	{ OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", NULL, "", 0, "says twice" },
	{ OK_LINE "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", NULL, "", 0, "says twice" },
	{ OK_LINE "Content-Length: -1\r\n\r\na", NULL, "", 0, "no length" },
	{ OK_LINE "Content-Encoding: gzip\r\n\r\na", NULL, "", 0, "not asked for" },
	{ OK_LINE "Content-Length: 4\r\n\r\nabc", NULL, "", 200, "ended before" },
	{ OK_LINE "Content-Length", NULL, "", 0, "ended before" },
	{ "", NULL, "", 0, "ended before" },
	{ "HTTP/2.0 200 OK\r\n\r\n", NULL, "", 0, "only HTTP/1.1" },
	{ "HTTP/1.1 99 OK\r\n\r\n", NULL, "", 0, "its status is none" },
	{ "HTTP/1.1 2000 OK\r\n\r\n", NULL, "", 0, "its status is none" },
	{ "HTTP/1.1 101 Other\r\n\r\n", NULL, "", 0, "changes the protocol" },
	{ "SSH-2.0-OpenSSH\r\n\r\n", NULL, "", 0, "no answer of HTTP" },
	{ "HTTP/1.1 200 OK\n\n", NULL, "", 0, "stands alone" },
};

static void answers(void **state)
{
	static const size_t steps[] = { 1 << 20, 1, 2, 7 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
			struct got g;
			read_in(str_of(rows[i].answer), steps[k], &g);
			if (rows[i].why == NULL ? failed(g.e) : !failed(g.e) || strstr(g.d.what, rows[i].why) == NULL)
				fail_msg("row %zu by %zu: %s", i, steps[k], g.d.what);
			if (g.r.status != rows[i].status || strcmp(g.r.location, rows[i].location) != 0 || (rows[i].body != NULL && !str_eq(buf_str(&g.body), str_of(rows[i].body))))
				fail_msg("row %zu by %zu: %u \"%s\" %.*s", i, steps[k], g.r.status, g.r.location, STR_FMT(buf_str(&g.body)));
			buf_fini(&g.body);
		}
}

static void a_cut_answer_is_never_whole(void **state)
{
	static const char *const whole[] = { OK_LINE "Content-Length: 3\r\n\r\nabc", OK_LINE "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" };
	for (size_t i = 0; i < 2; i++)
		for (size_t n = 0; n < strlen(whole[i]); n++) {
			struct got g;
			read_in(str_cut(str_of(whole[i]), 0, n), 1 << 20, &g);
			assert_true(failed(g.e));
			buf_fini(&g.body);
		}
}

static void a_header_has_an_end(void **state)
{
	struct got g;
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_add(&b, STR(OK_LINE));
	for (int i = 0; i < 2000; i++)
		buf_add(&b, STR("X-Field: 0\r\n"));
	read_in(buf_str(&b), 100, &g);
	assert_true(err_is(g.e, ERR_HTTP_HEADER));
	buf_fini(&b);
	buf_fini(&g.body);
}

static const struct {
	const char *text, *host, *authority, *target;
	unsigned port; /* 0: it is refused */
} urls[] = {
	{ "http://a.test/x.crl", "a.test", "a.test", "/x.crl", 80 },
	{ "HTTP://a.test:8080/x?y=%20z#f", "a.test", "a.test:8080", "/x?y=%20z", 8080 },
	{ "http://192.0.2.1", "192.0.2.1", "192.0.2.1", "", 80 },
	{ "http://a.test?q", "a.test", "a.test", "?q", 80 },
	{ "http://[2001:db8::1]:81/", "2001:db8::1", "[2001:db8::1]:81", "/", 81 },
	{ "https://a.test/", "", "", "", 0 },
	{ "ldap:///CN=x", "", "", "", 0 },
	{ "http://user@a.test/", "", "", "", 0 },
	{ "http://a.test:0/", "", "", "", 0 },
	{ "http://a.test:65536/", "", "", "", 0 },
	{ "http://a.test:/", "", "", "", 0 },
	{ "http:///x", "", "", "", 0 },
	{ "http://[::1/", "", "", "", 0 },
	{ "http://a.test/x y", "", "", "", 0 },
	{ "http://a.test/x\r\nHost: b", "", "", "", 0 },
	{ "http://a.test/x#y\r\nHost: b", "", "", "", 0 },
	{ "http://a.test\\@b/", "", "", "", 0 },
	{ "http://\xc3\xa4.test/", "", "", "", 0 },
};

static void urls_are_read(void **state)
{
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct http_url u;
		struct diag d = { 0 };
		err e = http_url_parse(str_of(urls[i].text), &u, &d);
		if (failed(e) != (urls[i].port == 0) || (failed(e) && d.what[0] == '\0'))
			fail_msg("%s: %s", urls[i].text, d.what);
		if (!failed(e) && (u.port != urls[i].port || !str_eq(u.host, str_of(urls[i].host)) || !str_eq(u.authority, str_of(urls[i].authority)) || !str_eq(u.target, str_of(urls[i].target))))
			fail_msg("%s: %.*s %.*s %.*s", urls[i].text, STR_FMT(u.host), STR_FMT(u.authority), STR_FMT(u.target));
	}
}

static const struct {
	const char *base, *location, *want; /* NULL: refused */
} joins[] = {
	{ "http://a.test:81/d/x?q", "http://b.test/y", "http://b.test/y" },
	{ "http://a.test:81/d/x?q", "//b.test/y", "http://b.test/y" },
	{ "http://a.test:81/d/x?q", "/y", "http://a.test:81/y" },
	{ "http://a.test:81/d/x?q/r", "y", "http://a.test:81/d/y" },
	{ "http://a.test:81/d/x?q", "?r", "http://a.test:81/d/x?r" },
	{ "http://a.test", "y", "http://a.test/y" },
	{ "http://a.test/", "https://a.test/", NULL },
	{ "http://a.test/", "file:///etc/passwd", NULL },
	{ "http://a.test/", "/a b", NULL },
};

static void locations_are_joined(void **state)
{
	for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
		struct http_url u;
		struct diag d;
		char out[HTTP_URL_MAX + 1] = "";
		assert_false(failed(http_url_parse(str_of(joins[i].base), &u, &d)));
		err e = http_url_join(&u, str_of(joins[i].location), out, &d);
		if (failed(e) != (joins[i].want == NULL) || (!failed(e) && strcmp(out, joins[i].want) != 0))
			fail_msg("%s: %s", joins[i].location, out);
	}
}

static void a_request(void **state)
{
	struct http_url u;
	struct diag d;
	struct buf b;
	buf_init(&b, 4096);
	assert_false(failed(http_url_parse(STR("http://[::1]:8080?q"), &u, &d)));
	http_get_print(&b, &u, STR("*/*"));
	assert_true(str_begins(buf_str(&b), STR("GET /?q HTTP/1.1\r\nHost: [::1]:8080\r\nAccept: */*\r\nAccept-Encoding: identity\r\n")));
	assert_false(b.failed);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(a_cut_answer_is_never_whole),
		cmocka_unit_test(a_header_has_an_end),
		cmocka_unit_test(urls_are_read),
		cmocka_unit_test(locations_are_joined),
		cmocka_unit_test(a_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
