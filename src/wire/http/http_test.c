/* SPDX-License-Identifier: Apache-2.0 */
/* Requests four ways (whole, byte by byte, cut at every length, with every allocation failing), and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/http.h"

#define assert_str(s, z) assert_true(str_eq((s), STR(z)))
#define BODY_MOST        100

static err read_whole(str s, struct http_request *out, size_t *taken)
{
	struct http_reader r = { 0 };
	struct diag d = { 0 };
	err e = http_request_read(&r, s, BODY_MOST, out, taken, &d);
	assert_true(!failed(e) || err_is(e, ERR_INCOMPLETE) || d.what[0] != '\0');
	return e;
}

static const char post[] = "POST /api/v1/cmdlets/New-CsUser?a=b&c=%41+x HTTP/1.1\r\nHost: uc.example.test:4443\r\n"
			   "content-type: Application/JSON; charset=utf-8\r\nAuthorization: bearer abc-_.~+/=\r\n"
			   "Cookie: other=1; __Host-witan=tok; x=y\r\nX-Empty:\r\nContent-Length: 2\r\n\r\n{}";

static void check_post(const struct http_request *q)
{
	str s;
	struct arena a;
	assert_int_equal(q->method, HTTP_POST);
	assert_str(q->path, "/api/v1/cmdlets/New-CsUser");
	assert_str(q->query, "a=b&c=%41+x");
	assert_str(q->host, "uc.example.test:4443");
	assert_str(q->body, "{}");
	assert_true(q->keep_alive && q->minor == 1 && !q->expects_continue);
	assert_true(http_type_is(http_field_find(q, STR("Content-Type"))->value, STR("application/json")));
	assert_true(http_bearer_find(http_field_find(q, STR("authorization"))->value, &s));
	assert_str(s, "abc-_.~+/=");
	assert_false(failed(http_cookie_find(q, STR("__Host-witan"), &s)));
	assert_str(s, "tok");
	assert_true(err_is(http_cookie_find(q, STR("witan"), &s), ERR_ABSENT));
	arena_init(&a, 4096);
	assert_false(failed(http_query_find(q->query, STR("c"), &a, &s)));
	assert_str(s, "A x");
	assert_true(err_is(http_query_find(q->query, STR("d"), &a, &s), ERR_ABSENT));
	arena_fini(&a);
}

static void whole(void **state)
{
	struct http_request q;
	size_t taken = 0;
	assert_false(failed(read_whole((str){ post, sizeof post - 1 }, &q, &taken)));
	assert_int_equal(taken, sizeof post - 1);
	check_post(&q);
}

static void byte_by_byte(void **state)
{
	struct http_reader r = { 0 };
	struct http_request q;
	size_t taken = 0, n = sizeof post - 1;
	for (size_t i = 0; i <= n; i++) {
		char *exact = malloc(i != 0 ? i : 1); /* a step past what has come is seen by AddressSanitizer */
		assert_non_null(exact);
		memcpy(exact, post, i);
		err e = http_request_read(&r, (str){ exact, i }, BODY_MOST, &q, &taken, NULL);
		assert_true(i == n ? !failed(e) : err_is(e, ERR_INCOMPLETE));
		if (i == n)
			check_post(&q);
		free(exact);
	}
	assert_true(r.has_header);
}

static void cut_at_every_length(void **state)
{
	for (size_t i = 0; i < sizeof post - 1; i++) {
		struct http_request q;
		size_t taken;
		char *exact = malloc(i != 0 ? i : 1);
		assert_non_null(exact);
		memcpy(exact, post, i);
		assert_true(err_is(read_whole((str){ exact, i }, &q, &taken), ERR_INCOMPLETE));
		free(exact);
	}
}

static void every_allocation_fails(void **state)
{
	str s;
	for (uint32_t i = 1; i <= 3; i++) {
		struct arena a;
		arena_init(&a, 4096);
		a.fail_after = i;
		err e = http_query_find(STR("a=b&c=%41"), STR("c"), &a, &s);
		assert_true(err_is(e, ERR_NO_MEMORY));
		arena_fini(&a);
		arena_init(&a, 4096);
		a.fail_after = 1;
		assert_true(err_is(http_path_decode(STR("/x"), &a, &s), ERR_NO_MEMORY));
		arena_fini(&a);
	}
}

static const struct {
	const char *text;
	enum err_id want;
} refusals[] = {
#define REQ(head, rest) head "\r\n" rest "\r\n"
#define GET_(fields)    REQ("GET / HTTP/1.1", "Host: h\r\n" fields)
	{ REQ("GET / HTTP/1.1", ""), ERR_MALFORMED }, /* no Host */
	{ GET_("Host: h\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: 1\r\nContent-Length: 1\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: 1\r\nContent-Length: 2\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: 1, 1\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: -1\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: +1\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length:\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: 18446744073709551616\r\n"), ERR_MALFORMED },
	{ GET_("Content-Length: 101\r\n"), ERR_CEILING },
	{ GET_("Transfer-Encoding: chunked\r\n"), ERR_HTTP_CODING },
	{ GET_("Transfer-Encoding: identity\r\nContent-Length: 0\r\n"), ERR_HTTP_CODING },
	{ GET_("Transfer-Encoding : chunked\r\n"), ERR_MALFORMED },
	{ GET_("X: a\r\n b\r\n"), ERR_MALFORMED }, /* obs-fold */
	{ GET_("X: a\r\n\tb\r\n"), ERR_MALFORMED },
	{ GET_("X: a\nY: b\r\n"), ERR_MALFORMED },
	{ GET_("X: a\rY: b\r\n"), ERR_MALFORMED },
	{ GET_("X: \x01\r\n"), ERR_MALFORMED },
	{ GET_("X: \x7f\r\n"), ERR_MALFORMED },
	{ GET_(": a\r\n"), ERR_MALFORMED },
	{ GET_("X\r\n"), ERR_MALFORMED },
	{ GET_("Expect: 200-nothing\r\n"), ERR_HTTP_EXPECT },
	{ GET_("Origin: https://a\r\nOrigin: https://b\r\n"), ERR_MALFORMED },
	{ GET_("Authorization: Bearer a\r\nauthorization: Bearer b\r\n"), ERR_MALFORMED },
	{ REQ("GET / HTTP/1.1", "Host: h/x\r\n"), ERR_MALFORMED },
	{ REQ("GET / HTTP/1.1", "Host: u@h\r\n"), ERR_MALFORMED },
	{ REQ("GET / HTTP/1.1", "Host:\r\n"), ERR_MALFORMED },
	{ "GET / HTTP/1.1\nHost: h\n\n", ERR_MALFORMED },
	{ "GET / HTTP/1.1\r\nHost: h\r\n\n", ERR_MALFORMED },
	{ "GET / HTTP/1.1\r\nHost: h\n\r\n", ERR_MALFORMED },
	{ "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", ERR_MALFORMED },
	{ REQ("GET /", "Host: h\r\n"), ERR_MALFORMED }, /* HTTP/0.9 */
	{ REQ("GET / HTTP/2.0", "Host: h\r\n"), ERR_HTTP_VERSION },
	{ REQ("GET / HTTP/0.9", "Host: h\r\n"), ERR_HTTP_VERSION },
	{ REQ("GET / HTTP/1.10", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET / http/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET  / HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET /  HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET / HTTP/1.1 ", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ(" GET / HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET x HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET * HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET /a#b HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET /\xc3\xa4 HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET ftp://h/ HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("GET https:///x HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ REQ("CONNECT h:443 HTTP/1.1", "Host: h\r\n"), ERR_MALFORMED },
	{ "\x16\x03\x01\x02\r\n\r\n", ERR_MALFORMED },
};

static void what_is_refused(void **state)
{
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		struct http_request q;
		size_t taken;
		err e = read_whole(str_of(refusals[i].text), &q, &taken);
		if (!err_is(e, refusals[i].want))
			fail_msg("row %zu is answered %s", i, failed(e) ? e.def->name : "OK");
	}
}

static void nul_is_refused(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";
	struct http_request q;
	size_t taken;
	assert_true(err_is(read_whole((str){ text, sizeof text - 1 }, &q, &taken), ERR_MALFORMED));
}

static void limits(void **state)
{
	static char text[40000];
	struct http_request q;
	size_t taken;
	/* no end of the line in sight */
	memset(text, 'a', sizeof text);
	memcpy(text, "GET /", 5);
	assert_true(err_is(read_whole((str){ text, HTTP_LINE_MAX }, &q, &taken), ERR_INCOMPLETE));
	assert_true(err_is(read_whole((str){ text, HTTP_LINE_MAX + 1 }, &q, &taken), ERR_HTTP_LINE));
	int n = snprintf(text + 4100, 100, " HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(err_is(read_whole((str){ text, 4100 + (size_t)n }, &q, &taken), ERR_HTTP_LINE));
	/* a header that does not end */
	n = snprintf(text, 64, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	memset(text + n, 'a', sizeof text - (size_t)n);
	assert_true(err_is(read_whole((str){ text, HTTP_HEADER_MAX - 1 }, &q, &taken), ERR_INCOMPLETE));
	assert_true(err_is(read_whole((str){ text, HTTP_HEADER_MAX }, &q, &taken), ERR_HTTP_HEADER));
	memcpy(text + HTTP_HEADER_MAX - 4, "\r\n\r\n", 4);
	assert_false(failed(read_whole((str){ text, HTTP_HEADER_MAX }, &q, &taken)));
	/* fields */
	for (int fields = HTTP_FIELDS_MAX - 1; fields <= HTTP_FIELDS_MAX; fields++) {
		n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n");
		for (int i = 0; i < fields; i++)
			n += snprintf(text + n, sizeof text - (size_t)n, "X%d: y\r\n", i);
		n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
		err e = read_whole((str){ text, (size_t)n }, &q, &taken);
		assert_true(fields < HTTP_FIELDS_MAX ? !failed(e) : err_is(e, ERR_HTTP_HEADER));
	}
}

static void several_behind_each_other(void **state)
{
	str in = STR("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\nGET /b?x HTTP/1.1\r\nHost: h\r\n\r\nGET /c");
	struct http_request q;
	size_t taken;
	assert_false(failed(read_whole(in, &q, &taken)));
	assert_str(q.path, "/a");
	assert_str(q.body, "abc");
	in = str_cut(in, taken, in.n);
	assert_false(failed(read_whole(in, &q, &taken)));
	assert_str(q.path, "/b");
	assert_str(q.query, "x");
	in = str_cut(in, taken, in.n);
	assert_true(err_is(read_whole(in, &q, &taken), ERR_INCOMPLETE));
	assert_str(in, "GET /c");
}

static void persistence_and_targets(void **state)
{
	static const struct {
		const char *text, *path, *host;
		bool keep_alive, expects;
	} rows[] = {
		{ "GET / HTTP/1.0\r\n\r\n", "/", "", false, false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n", "/", "", false, false },
		{ GET_("Connection: x, Close\r\n"), "/", "h", false, false },
		{ GET_("Connection: closed\r\n"), "/", "h", true, false },
		{ GET_("Expect: 100-Continue\r\n"), "/", "h", true, true },
		{ REQ("OPTIONS * HTTP/1.1", "Host: h\r\n"), "*", "h", true, false },
		{ REQ("GET HTTPS://other:1?x HTTP/1.1", "Host: h\r\n"), "/", "other:1", true, false },
		{ REQ("GET http://[::1]/y HTTP/1.1", "Host: h\r\n"), "/y", "[::1]", true, false },
		{ REQ("PURGE /y HTTP/1.1", "Host: [::1]:99\r\n"), "/y", "[::1]:99", true, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http_request q;
		size_t taken;
		err e = read_whole(str_of(rows[i].text), &q, &taken);
		if (failed(e) || !str_eq(q.path, str_of(rows[i].path)) || !str_eq(q.host, str_of(rows[i].host)) ||
			q.keep_alive != rows[i].keep_alive || q.expects_continue != rows[i].expects)
			fail_msg("row %zu: %s, path %.*s, host %.*s", i, failed(e) ? e.def->name : "OK", STR_FMT(q.path),
				STR_FMT(q.host));
	}
}

static void escapes(void **state)
{
	static const struct {
		const char *path, *want; /* NULL: MALFORMED */
	} rows[] = {
		{ "/a%20b", "/a b" }, { "/%C3%A4", "/\xc3\xa4" }, { "/a+b", "/a+b" }, { "/%2f", NULL },
		{ "/%00", NULL },     { "/%", NULL },             { "/%4", NULL },    { "/%4x", NULL },
		{ "", "" },
	};
	struct arena a;
	str s;
	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		err e = http_path_decode(str_of(rows[i].path), &a, &s);
		if (rows[i].want == NULL ? !err_is(e, ERR_MALFORMED) : failed(e) || !str_eq(s, str_of(rows[i].want)))
			fail_msg("row %zu", i);
	}
	assert_true(err_is(http_query_find(STR("%zz=1&a=2"), STR("a"), &a, &s), ERR_MALFORMED));
	assert_false(failed(http_query_find(STR("&&a&b=%2F"), STR("b"), &a, &s)));
	assert_str(s, "/");
	assert_false(failed(http_query_find(STR("a"), STR("a"), &a, &s)));
	assert_str(s, "");
	arena_fini(&a);
}

static void cookies_and_tokens(void **state)
{
	struct http_request q;
	size_t taken;
	str s;
	assert_false(failed(read_whole(STR(GET_("Cookie: a=1; b=2\r\nCookie: c=3;a=4\r\n")), &q, &taken)));
	assert_false(failed(http_cookie_find(&q, STR("b"), &s)));
	assert_str(s, "2");
	assert_true(err_is(http_cookie_find(&q, STR("a"), &s), ERR_MALFORMED));
	assert_true(err_is(http_cookie_find(&q, STR("A"), &s), ERR_ABSENT));
	assert_false(http_bearer_find(STR("Basic abc"), &s));
	assert_false(http_bearer_find(STR("Bearer"), &s));
	assert_false(http_bearer_find(STR("Bearer "), &s));
	assert_false(http_bearer_find(STR("Bearer a b"), &s));
	assert_false(http_bearer_find(STR("Bearer a,b"), &s));
	assert_false(http_type_is(STR("application/jsonx"), STR("application/json")));
	assert_false(http_type_is(STR("text/plain;application/json"), STR("application/json")));
}

static void answers(void **state)
{
	struct buf b;
	buf_init(&b, 4096);
	http_status_print(&b, 404, 784111777); /* the example of RFC 9110 5.6.7 */
	http_field_print(&b, STR("X"), STR("y"));
	http_length_print(&b, 3);
	assert_true(str_eq(buf_str(&b), STR("HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX: y\r\n"
					    "Content-Length: 3\r\n\r\n")));
	buf_reset(&b);
	http_chunked_print(&b);
	http_chunk_print(&b, STR("0123456789abcdef"));
	http_chunk_print(&b, STR(""));
	http_last_chunk_print(&b);
	assert_true(str_eq(buf_str(&b), STR("Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")));
	assert_false(b.failed);
	http_field_print(&b, STR("X"), STR("y\r\nSet-Cookie: z"));
	assert_true(b.failed);
	assert_string_equal(http_reason(299), "");
	buf_fini(&b);
}

static const struct {
	const char *text;
	int64_t want; /* -1: refused */
} dates[] = {
	/* the three forms of RFC 9110 5.6.7 */
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
	{ "Sun Nov  6 08:49:37 1994", 784111777 },
	{ "Wed Nov 16 08:49:37 1994", 784975777 },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	{ "Friday, 01-Jan-69 00:00:00 GMT", 3124224000 },
	{ "", -1 },
	{ "Sun, 06 Nov 1994 08:49:37", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 CET", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1969 08:49:37 GMT", -1 },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 32 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 24:00:00 GMT", -1 },
	{ "Sun, -6 Nov 1994 08:49:37 GMT", -1 },
	{ "Sunday, 06-Nov-1994 08:49:37 GMT", -1 },
	{ "784111777", -1 },
};

static void dates_in_three_forms(void **state)
{
	struct buf b;
	buf_init(&b, 256);
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		int64_t t = -1;
		err e = http_date_read(str_of(dates[i].text), &t);
		if (failed(e) != (dates[i].want < 0) || (!failed(e) && t != dates[i].want))
			fail_msg("\"%s\": %lld", dates[i].text, (long long)t);
	}
	http_date_print(&b, STR("Expires"), 784111777);
	assert_true(str_eq(buf_str(&b), STR("Expires: Sun, 06 Nov 1994 08:49:37 GMT\r\n")));
	buf_reset(&b);
	http_date_print(&b, STR("Expires"), 253402300800);
	http_date_print(&b, STR("Expires"), -1);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static const struct {
	const char *fields;
	bool want;
} conditions[] = {
	{ "", false },
	{ "If-None-Match: \"a\"\r\n", true },
	{ "If-None-Match: W/\"a\"\r\n", true },
	{ "If-None-Match: *\r\n", true },
	{ "If-None-Match: \"b\" , \"a\"\r\n", true },
	{ "If-None-Match: \"b\"\r\nif-none-match: \"a\"\r\n", true },
	{ "If-None-Match: a\r\n", false },
	{ "If-None-Match: \r\n", false },
	{ "If-None-Match: \"b\"\r\n", false },
	{ "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", true },
	{ "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT\r\n", true },
	{ "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", false },
	{ "If-Modified-Since: yesterday\r\n", false },
	/* the tag is more exact than the date */
	{ "If-None-Match: \"b\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", false },
};

static void what_the_client_has_already(void **state)
{
	for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
		char text[512];
		struct http_reader r = { 0 };
		struct http_request q;
		size_t taken;
		(void)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", conditions[i].fields);
		assert_false(failed(http_request_read(&r, str_of(text), 0, &q, &taken, NULL)));
		if (http_is_unchanged(&q, STR("\"a\""), 784111777) != conditions[i].want)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(every_allocation_fails),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(several_behind_each_other),
		cmocka_unit_test(persistence_and_targets),
		cmocka_unit_test(escapes),
		cmocka_unit_test(cookies_and_tokens),
		cmocka_unit_test(answers),
		cmocka_unit_test(dates_in_three_forms),
		cmocka_unit_test(what_the_client_has_already),
	};
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
