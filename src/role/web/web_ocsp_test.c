/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of questions about certificates that know no connection: paths, what is kept, and how often one may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "role/web/web_priv.h"

static struct web_ocsp o;

static int setup(void **state)
{
	o = (struct web_ocsp){ .n = 0 };
	web_ocsp_init(&o);
	return 0;
}

static int teardown(void **state)
{
	web_ocsp_forget(&o);
	map_fini(&o.map);
	return 0;
}

/* ---- paths ---- */

static bool reads(const char *path, str want)
{
	static char room[CERT_OCSP_REQUEST_MAX];
	const struct http_request q = { .path = str_of(path) };
	str der;
	return !failed(web_ocsp_read(&q, room, &der)) && str_eq(der, want);
}

static void paths(void **state)
{
	static const struct {
		const char *path, *want; /* NULL: MALFORMED */
	} cases[] = {
		{ "/ocsp/MAA=", "0\0" }, { "/ocsp/MAA%3D", "0\0" }, { "/ocsp/MAA%3d", "0\0" }, { "/ocsp/MAA", "0\0" }, { "/ocsp/%4D%41%41%3D", "0\0" },
		{ "/ocsp/++//", "\xfb\xef\xff" }, { "/ocsp/%2b%2B%2f%2F", "\xfb\xef\xff" }, { "/ocsp/", "" },
		{ "/ocsp/--__", NULL }, { "/ocsp/MAA==", NULL }, { "/ocsp/MA=", NULL }, { "/ocsp/MAA=MAA=", NULL }, { "/ocsp/M", NULL }, { "/ocsp/MAB=", NULL },
		{ "/ocsp/%", NULL }, { "/ocsp/%4", NULL }, { "/ocsp/%4x", NULL }, { "/ocsp/%00", NULL }, { "/ocsp/M AA", NULL }, { "/ocsp/===", NULL },
	};
	static const size_t lengths[] = { 2, 2, 2, 2, 2, 3, 3, 0 };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		str want = cases[i].want != NULL ? (str){ cases[i].want, lengths[i] } : STR("");
		if (reads(cases[i].path, want) != (cases[i].want != NULL))
			fail_msg("%s", cases[i].path);
	}
}

static void a_path_that_is_too_long(void **state)
{
	static char path[8000], want[CERT_OCSP_REQUEST_MAX];
	memset(path, 'A', sizeof path);
	memcpy(path, "/ocsp/", 6);
	path[6 + (CERT_OCSP_REQUEST_MAX * 4 + 2) / 3] = '\0';
	assert_true(reads(path, (str){ want, sizeof want }));
	memset(path + 6, 'A', sizeof path - 7);
	path[6 + (CERT_OCSP_REQUEST_MAX + 2) / 3 * 4 + 4] = '\0';
	assert_false(reads(path, (str){ want, sizeof want }));
}

static void the_body(void **state)
{
	const struct http_request q = { .path = STR("/ocsp"), .body = STR("body") };
	char room[CERT_OCSP_REQUEST_MAX];
	str der;
	assert_false(failed(web_ocsp_read(&q, room, &der)));
	assert_true(str_eq(der, STR("body")));
	assert_true(web_ocsp_is(STR("/ocsp")) && web_ocsp_is(STR("/ocsp/")) && web_ocsp_is(STR("/ocsp/x")));
	assert_false(web_ocsp_is(STR("/ocspx")) || web_ocsp_is(STR("/OCSP")) || web_ocsp_is(STR("/")));
}

#define REQ(line, fields) line " HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define TYPE "Content-Type: application/ocsp-request\r\n"

static void headers(void **state)
{
	static const struct {
		const char *text;
		enum err_id want; /* ERR_N: fine */
		const char *allow;
	} cases[] = {
		{ REQ("POST /ocsp", TYPE "Content-Length: 4096\r\n"), ERR_N, "POST" }, { REQ("POST /ocsp", TYPE "Content-Length: 4097\r\n"), ERR_CEILING, "POST" },
		{ REQ("POST /ocsp", "Content-Length: 1\r\n"), ERR_HTTP_TYPE, "POST" }, { REQ("POST /ocsp", "Content-Type: text/plain\r\n"), ERR_HTTP_TYPE, "POST" },
		{ REQ("GET /ocsp", ""), ERR_HTTP_METHOD, "POST" }, { REQ("PUT /ocsp", TYPE), ERR_HTTP_METHOD, "POST" },
		{ REQ("GET /ocsp/MAA=", ""), ERR_N, "GET, HEAD" }, { REQ("HEAD /ocsp/MAA=", ""), ERR_N, "GET, HEAD" },
		{ REQ("POST /ocsp/MAA=", TYPE), ERR_HTTP_METHOD, "GET, HEAD" }, { REQ("GET /ocsp/MAA=", "Content-Length: 1\r\n"), ERR_CEILING, "GET, HEAD" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_reader reader = { 0 };
		struct http_request q;
		struct web_public nothing = { 0 };
		struct web_route r;
		struct diag d = { 0 };
		size_t taken;
		err e = http_request_read(&reader, str_of(cases[i].text), 10000, &q, &taken, &d);
		assert_true(!failed(e) || err_is(e, ERR_INCOMPLETE));
		e = web_public_find(&nothing, &q, reader.content, &r, &d);
		if (cases[i].want == ERR_N ? failed(e) : !err_is(e, cases[i].want))
			fail_msg("%s", cases[i].text);
		assert_string_equal(r.allow, cases[i].allow);
		assert_int_equal(r.task, WEB_OCSP);
	}
}

/* ---- what is kept ---- */

static struct web_item *item(int64_t since, int64_t until)
{
	struct web_item *i = calloc(1, sizeof *i);
	assert_non_null(i);
	*i = (struct web_item){ .n_refs = 1, .since = since, .until = until };
	return i;
}

static void keep(const char *id, int64_t since, int64_t until)
{
	struct web_item *i = item(since, until);
	assert_false(failed(web_ocsp_keep(&o, str_of(id), i)));
	web_item_unref(i);
}

static void for_how_long(void **state)
{
	keep("a", 1000, 1400);
	assert_null(web_ocsp_find(&o, STR("b"), 1000));
	assert_non_null(web_ocsp_find(&o, STR("a"), 1000));
	assert_non_null(web_ocsp_find(&o, STR("a"), 1299));
	assert_null(web_ocsp_find(&o, STR("a"), 1300));
	assert_int_equal(o.n, 0);
	keep("a", 1000, 1400);
	assert_null(web_ocsp_find(&o, STR("a"), 999)); /* the clock was set back */
	keep("a", 1000, 1400);
	keep("a", 1100, 1500);
	assert_int_equal(o.n, 1);
	assert_int_equal(web_ocsp_find(&o, STR("a"), 1100)->since, 1100);
	struct web_item *held = web_item_ref(web_ocsp_find(&o, STR("a"), 1100));
	web_ocsp_forget(&o);
	assert_null(web_ocsp_find(&o, STR("a"), 1100));
	assert_true(o.n == 0 && held->since == 1100); /* who sends it still has it */
	web_item_unref(held);
}

static void at_most_so_many(void **state)
{
	char id[20];
	for (unsigned i = 0; i < WEB_OCSP_KEPT_MAX; i++) {
		(void)snprintf(id, sizeof id, "%u", i);
		keep(id, 0, 1000);
	}
	assert_non_null(web_ocsp_find(&o, STR("0"), 1));
	keep("one more", 0, 1000);
	assert_int_equal(o.n, WEB_OCSP_KEPT_MAX);
	assert_non_null(web_ocsp_find(&o, STR("0"), 1));
	assert_null(web_ocsp_find(&o, STR("1"), 1)); /* nobody had asked for it */
	assert_non_null(web_ocsp_find(&o, STR("one more"), 1));
}

/* ---- how often ---- */

static unsigned count_allowed(const char *address, uint64_t at, unsigned tries)
{
	unsigned n = 0;
	for (unsigned i = 0; i < tries; i++)
		n += web_ocsp_may_ask(&o, str_of(address), at) ? 1 : 0;
	return n;
}

static void how_often(void **state)
{
	const unsigned burst = WEB_OCSP_BURST_MS / WEB_OCSP_PACE_MS + 1;
	assert_int_equal(count_allowed("a", 5000, 200), burst);
	assert_int_equal(count_allowed("a", 5000 + WEB_OCSP_PACE_MS, 200), 1);
	assert_int_equal(count_allowed("a", 5000 + 4 * WEB_OCSP_PACE_MS, 200), 3);
	o.map.k0++; /* other places for the addresses */
	assert_int_equal(count_allowed("b", 5000, 200), burst);
	assert_int_equal(count_allowed("b", 5000000, 200), burst);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(paths), TEST(a_path_that_is_too_long), TEST(the_body), TEST(headers), TEST(for_how_long), TEST(at_most_so_many), TEST(how_often) };
	return cmocka_run_group_tests_name("web_ocsp", tests, NULL, NULL);
}
