/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of web that know no connection: what a header decides, and the line that a request becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "role/web/web_priv.h"

#define SESSION "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"

static struct crypt *mac;

static int setup(void **state)
{
	return failed(crypt_new(&mac)) ? 1 : 0;
}

static int teardown(void **state)
{
	crypt_free(mac);
	return 0;
}

static err route(const char *text, struct web_route *out, struct diag *d)
{
	struct http_reader r = { 0 };
	struct http_request q;
	size_t taken;
	assert_false(failed(http_request_read(&r, str_of(text), 1000, &q, &taken, d)));
	return web_route_find(&q, mac, out, d);
}

#define REQ(line, fields) line " HTTP/1.1\r\nHost: h:1\r\n" fields "\r\n"
#define BEARER            "Authorization: Bearer " SESSION "\r\n"
#define JSON              "Content-Type: application/json\r\n"
#define FINE              ERR_N

static const struct {
	const char *text;
	enum err_id want;
	enum web_task task;
} rows[] = {
	{ REQ("GET /healthz", ""), FINE, WEB_HEALTH },
	{ REQ("HEAD /healthz", ""), FINE, WEB_HEALTH },
	{ REQ("GET /healthz?x=y", ""), FINE, WEB_HEALTH },
	{ REQ("POST /healthz", ""), ERR_HTTP_METHOD, WEB_HEALTH },
	{ REQ("GET /healthzz", ""), ERR_ABSENT, WEB_HEALTH },
	{ REQ("GET /api/v1/openapi.json", ""), FINE, WEB_OPENAPI },
	{ REQ("POST /api/v1/session", JSON), FINE, WEB_SIGN_IN },
	{ REQ("POST /api/v1/session", ""), ERR_HTTP_TYPE, WEB_SIGN_IN },
	{ REQ("GET /api/v1/session", BEARER), FINE, WEB_SESSION },
	{ REQ("DELETE /api/v1/session", BEARER), FINE, WEB_SIGN_OUT },
	{ REQ("GET /api/v1/session", ""), ERR_SIGN_IN, WEB_SESSION },
	{ REQ("GET /api/v1/session", "Authorization: Bearer a b\r\n"), ERR_SIGN_IN, WEB_SESSION },
	{ REQ("GET /api/v1/session", "Authorization: Bearer a.b\r\n"), ERR_SIGN_IN, WEB_SESSION },
	{ REQ("GET /api/v1/session", "Cookie: __Host-witan=" SESSION "\r\n"), ERR_REFUSED, WEB_SESSION },
	{ REQ("GET /api/v1/cmdlets", BEARER), FINE, WEB_CMDLETS },
	{ REQ("POST /api/v1/cmdlets", BEARER JSON), ERR_HTTP_METHOD, WEB_CMDLETS },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON), FINE, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", JSON), ERR_SIGN_IN, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get_CsUser", BEARER JSON), ERR_ABSENT, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/", BEARER JSON), ERR_ABSENT, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON "Origin: https://h:1\r\n"), FINE, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON "Origin: https://h\r\n"), ERR_REFUSED, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON "Origin: https://h:12\r\n"), ERR_REFUSED, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON "Origin: http://h:1\r\n"), ERR_REFUSED, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON "Origin: httpx://h:1\r\n"), ERR_REFUSED, WEB_CMDLET },
	{ REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON "Origin: null\r\n"), ERR_REFUSED, WEB_CMDLET },
};

static void what_a_header_decides(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct web_route r;
		struct diag d = { 0 };
		err e = route(rows[i].text, &r, &d);
		bool is_right = rows[i].want == FINE ? !failed(e) && r.task == rows[i].task : err_is(e, rows[i].want) && d.what[0] != '\0' && d.remedy[0] != '\0';
		if (!is_right)
			fail_msg("row %zu: %s, task %d", i, failed(e) ? e.def->name : "OK", (int)r.task);
	}
}

static void parts_of_a_route(void **state)
{
	struct web_route r;
	struct diag d = { 0 };
	assert_false(failed(route(REQ("POST /api/v1/cmdlets/Get-CsUser", BEARER JSON), &r, &d)));
	assert_true(str_eq(r.cmdlet, STR("Get-CsUser")) && str_eq(r.session, STR(SESSION)) && !r.by_cookie && !r.wants_cookie);
	assert_false(failed(route(REQ("POST /api/v1/session", JSON "Witan-Cookie: 1\r\n"), &r, &d)));
	assert_true(r.wants_cookie && r.session.n == 0);
	assert_false(failed(route(REQ("POST /api/v1/session", JSON "Witan-Cookie: 0\r\n"), &r, &d)));
	assert_false(r.wants_cookie);
	assert_true(err_is(route(REQ("PUT /api/v1/session", ""), &r, &d), ERR_HTTP_METHOD));
	assert_string_equal(r.allow, "POST, GET, HEAD, DELETE");
}

static void csrf(void **state)
{
	struct web_route r;
	struct diag d = { 0 };
	struct crypt *other;
	char token[WEB_CSRF], again[WEB_CSRF], text[512];
	web_csrf(mac, STR(SESSION), token);
	web_csrf(mac, STR(SESSION), again);
	assert_memory_equal(token, again, sizeof token);
	(void)snprintf(text, sizeof text, REQ("GET /api/v1/session", "Cookie: __Host-witan=" SESSION "\r\nWitan-CSRF: %.43s\r\n"), token);
	assert_false(failed(route(text, &r, &d)));
	assert_true(r.by_cookie && str_eq(r.session, STR(SESSION)));
	for (int i = 0; i < WEB_CSRF; i++) { /* each character counts */
		memcpy(again, token, sizeof token);
		again[i] = again[i] == 'A' ? 'B' : 'A';
		(void)snprintf(text, sizeof text, REQ("GET /api/v1/session", "Cookie: __Host-witan=" SESSION "\r\nWitan-CSRF: %.43s\r\n"), again);
		assert_true(err_is(route(text, &r, &d), ERR_REFUSED));
	}
	assert_false(failed(crypt_new(&other)));
	web_csrf(other, STR(SESSION), again);
	assert_memory_not_equal(token, again, sizeof token);
	crypt_free(other);
}

static const char *line(enum web_task task, const char *body, err *e)
{
	static char out[512];
	struct web_route r = { .task = task, .cmdlet = STR("Get-CsUser"), .session = STR("S") };
	struct diag d = { 0 };
	char *text = NULL;
	if (task == WEB_SIGN_IN)
		r.session = STR("");
	*e = web_line_make(&r, str_of(body), false, &text, &d);
	assert_true(failed(*e) ? text == NULL && d.what[0] != '\0' : text != NULL);
	(void)snprintf(out, sizeof out, "%s", text != NULL ? text : "");
	web_line_free(text);
	return out;
}

/* Over a connection with a client certificate. */
static void a_certificate_spares_the_password(void **state)
{
	static const char *const bodies[] = { "{}", "{\"User\":\"u\"}", "{\"Code\":\"1\"}", "{\"User\":\"u\",\"Password\":\"p\"}" };
	const struct web_route r = { .task = WEB_SIGN_IN };
	struct diag d = { 0 };
	char *text, want[200];
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		assert_false(failed(web_line_make(&r, str_of(bodies[i]), true, &text, &d)));
		(void)snprintf(want, sizeof want, "{\"command\":\"sign-in\",\"parameters\":%s}", bodies[i]);
		assert_string_equal(text, want);
		web_line_free(text);
	}
	assert_true(err_is(web_line_make(&r, STR("{\"User\":1}"), true, &text, &d), ERR_USAGE));
	assert_true(err_is(web_line_make(&r, STR("{\"certificate\":\"x\"}"), true, &text, &d), ERR_USAGE));
}

static void lines(void **state)
{
	static const struct {
		enum web_task task;
		const char *body, *want; /* NULL: USAGE */
	} cases[] = {
		{ WEB_CMDLET, "{}", "{\"command\":\"Get-CsUser\",\"parameters\":{},\"session\":\"S\"}" },
		{ WEB_CMDLET, " {\"input\":[1,null],\n\"parameters\":{\"a\":\"b\\nc\"}} ",
			"{\"command\":\"Get-CsUser\",\"parameters\":{\"a\":\"b\\nc\"},\"input\":[1,null],\"session\":\"S\"}" },
		{ WEB_CMDLET, "{\"parameters\":null}", NULL },
		{ WEB_CMDLET, "{\"x\":1}", NULL },
		{ WEB_CMDLET, "", NULL },
		{ WEB_CMDLET, "{\"parameters\":{},\"parameters\":{}}", NULL },
		{ WEB_SESSION, "ignored", "{\"command\":\"session\",\"session\":\"S\"}" },
		{ WEB_CMDLETS, "", "{\"command\":\"session\",\"session\":\"S\"}" },
		{ WEB_SIGN_OUT, "", "{\"command\":\"sign-out\",\"session\":\"S\"}" },
		{ WEB_SIGN_IN, "{\"User\":\"u\",\"Password\":\"p\"}", "{\"command\":\"sign-in\",\"parameters\":{\"User\":\"u\",\"Password\":\"p\"}}" },
		{ WEB_SIGN_IN, "{\"User\":\"u\",\"Password\":\"p\",\"Code\":\"1\"}",
			"{\"command\":\"sign-in\",\"parameters\":{\"User\":\"u\",\"Password\":\"p\",\"Code\":\"1\"}}" },
		{ WEB_SIGN_IN, "{\"User\":\"u\"}", NULL },
		{ WEB_SIGN_IN, "{\"User\":\"u\",\"Password\":1}", NULL },
		{ WEB_SIGN_IN, "{\"User\":\"u\",\"Password\":\"p\",\"session\":\"x\"}", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		err e;
		const char *got = line(cases[i].task, cases[i].body, &e);
		if (cases[i].want == NULL ? !err_is(e, ERR_USAGE) : strcmp(got, cases[i].want) != 0)
			fail_msg("row %zu: %s", i, failed(e) ? e.def->name : got);
	}
}

static void errors_as_vault_writes_them(void **state)
{
	struct buf b;
	struct diag d = { 0 };
	buf_init(&b, 4096);
	web_error_print(&b, ERR(BUSY), NULL);
	assert_true(str_eq(buf_str(&b), STR("{\"ok\":false,\"error\":\"BUSY\",\"what\":\"too much to do at the moment\",\"where\":\"\","
					    "\"remedy\":\"\"}\n")));
	buf_reset(&b);
	err e = diag_fail(&d, ERR(USAGE), "body", "do \"this\"", "why");
	web_error_print(&b, e, &d);
	assert_true(str_eq(buf_str(&b), STR("{\"ok\":false,\"error\":\"USAGE\",\"what\":\"why\",\"where\":\"body\",\"remedy\":\"do \\\"this\\\"\"}\n")));
	buf_fini(&b);
}

/* ---- what everybody may have ---- */

static struct ipc_published published(const char *path, const char *etag, const char *bytes)
{
	return (struct ipc_published){ .path = str_of(path), .type = STR("application/pkix-crl"), .etag = str_of(etag), .since = 1000, .until = 2000,
		.bytes = str_of(bytes) };
}

static err find(const struct web_public *p, const char *text, struct web_route *r)
{
	struct http_reader reader = { 0 };
	struct http_request q;
	struct diag d = { 0 };
	size_t taken;
	err e = http_request_read(&reader, str_of(text), 1000, &q, &taken, &d);
	assert_true(!failed(e) || err_is(e, ERR_INCOMPLETE));
	e = web_public_find(p, &q, reader.content, r, &d);
	assert_true(!failed(e) || d.what[0] != '\0');
	return e;
}

static void what_is_public(void **state)
{
	struct web_public p = { 0 };
	struct web_route r;
	struct ipc_published m = published("/witan.crl", "\"1\"", "list");
	assert_true(err_is(find(&p, REQ("GET /witan.crl", ""), &r), ERR_ABSENT));
	assert_false(failed(web_public_set(&p, &m)));
	assert_false(failed(find(&p, REQ("GET /witan.crl", ""), &r)));
	assert_true(r.task == WEB_PUBLISHED && r.item->n == 4 && memcmp(r.item->bytes, "list", 4) == 0);
	assert_false(failed(find(&p, REQ("HEAD /witan.crl?a=b", ""), &r)));
	assert_false(failed(find(&p, REQ("GET http://h:1/witan.crl", ""), &r)));
	assert_false(failed(find(&p, "GET /witan.crl HTTP/1.0\r\n\r\n", &r)));
	static const char *const absent[] = { "GET /", "GET /Witan.crl", "GET /witan.crl/", "GET //witan.crl", "GET /healthz", "GET /api/v1/session",
		"GET /api/v1/openapi.json", "POST /api/v1/session", "OPTIONS *" };
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
		char text[200];
		(void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: h\r\n\r\n", absent[i]);
		assert_true(err_is(find(&p, text, &r), ERR_ABSENT));
	}
	assert_true(err_is(find(&p, REQ("POST /witan.crl", ""), &r), ERR_HTTP_METHOD));
	assert_string_equal(r.allow, "GET, HEAD");
	assert_true(err_is(find(&p, REQ("OPTIONS /witan.crl", ""), &r), ERR_HTTP_METHOD));
	assert_true(err_is(find(&p, REQ("GET /witan.crl", "Content-Length: 1\r\n"), &r), ERR_CEILING));
	m.bytes = STR("");
	assert_false(failed(web_public_set(&p, &m)));
	assert_true(err_is(find(&p, REQ("GET /witan.crl", ""), &r), ERR_ABSENT));
}

/* Of another vault's challenges nothing is known; its lists stay. */
static void forgotten_with_vault(void **state)
{
	struct web_public p = { 0 };
	struct web_route r;
	static char path[28 + 128 + 1] = "/.well-known/acme-challenge/";
	memset(path + 28, 't', 128);
	struct ipc_published list = published("/witan.crl", "\"1\"", "list"), challenge = published(path, "\"2\"", "x"), other = published("/.well-known/other", "\"3\"", "x");
	assert_false(failed(web_public_set(&p, &list)));
	assert_false(failed(web_public_set(&p, &challenge)));
	assert_false(failed(web_public_set(&p, &other)));
	char text[400];
	(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	assert_false(failed(find(&p, text, &r)));
	web_public_forget(&p, STR("/.well-known/acme-challenge/"));
	assert_true(err_is(find(&p, text, &r), ERR_ABSENT));
	assert_false(failed(find(&p, REQ("GET /witan.crl", ""), &r)));
	assert_false(failed(find(&p, REQ("GET /.well-known/other", ""), &r)));
	web_public_forget(&p, STR("/"));
	assert_true(err_is(find(&p, REQ("GET /witan.crl", ""), &r), ERR_ABSENT));
}

/* What is replaced while somebody sends it stays for him alone. */
static void replaced_while_it_is_sent(void **state)
{
	struct web_public p = { 0 };
	struct web_route r;
	struct ipc_published old = published("/a", "\"1\"", "old"), new = published("/a", "\"2\"", "new");
	assert_false(failed(web_public_set(&p, &old)));
	struct web_item *held = web_item_ref(p.items[0]);
	assert_false(failed(web_public_set(&p, &new)));
	assert_memory_equal(held->bytes, "old", 3);
	assert_false(failed(find(&p, REQ("GET /a", ""), &r)));
	assert_memory_equal(r.item->bytes, "new", 3);
	assert_int_equal(r.item->since, 1001); /* later than that of the old one */
	assert_false(failed(web_public_set(&p, &new)));
	assert_null(p.items[1]);
	web_item_unref(held);
	new.bytes = STR("");
	assert_false(failed(web_public_set(&p, &new)));
	assert_null(p.items[0]);
}

static void what_vault_may_not_publish(void **state)
{
	struct web_public p = { 0 };
	char path[80], far[160];
	struct ipc_published m = published("witan.crl", "", "x");
	assert_true(err_is(web_public_set(&p, &m), ERR_MALFORMED));
	m.path = STR("");
	assert_true(err_is(web_public_set(&p, &m), ERR_MALFORMED));
	memset(far, 'a', sizeof far);
	far[0] = '/';
	m.path = (str){ far, sizeof far };
	assert_true(err_is(web_public_set(&p, &m), ERR_MALFORMED));
	for (unsigned i = 0; i <= WEB_PUBLISHED_MAX; i++) {
		(void)snprintf(path, sizeof path, "/%u", i);
		m = published(path, "", "x");
		err e = web_public_set(&p, &m);
		assert_true(i < WEB_PUBLISHED_MAX ? !failed(e) : err_is(e, ERR_CEILING));
	}
	m.bytes = STR("");
	assert_false(failed(web_public_set(&p, &m))); /* nothing where there was nothing */
	for (unsigned i = 0; i < WEB_PUBLISHED_MAX; i++)
		web_item_unref(p.items[i]);
}

static void how_long_it_is_fresh(void **state)
{
	static const struct {
		int64_t now;
		const char *cache, *expires, *modified;
	} rows_[] = {
		{ 1000, "max-age=300,", "Expires: Thu, 01 Jan 1970 00:21:40 GMT", "Last-Modified: Thu, 01 Jan 1970 00:16:40 GMT" },
		{ 1900, "max-age=100,", "Expires: Thu, 01 Jan 1970 00:33:20 GMT", "Last-Modified: Thu, 01 Jan 1970 00:16:40 GMT" },
		{ 2000, "max-age=0,", "Expires: Thu, 01 Jan 1970 00:33:20 GMT", "Last-Modified: Thu, 01 Jan 1970 00:16:40 GMT" },
		{ 3000, "max-age=0,", "Expires: Thu, 01 Jan 1970 00:50:00 GMT", "Last-Modified: Thu, 01 Jan 1970 00:16:40 GMT" },
		/* a clock that is late: nothing was changed in the future */
		{ 10, "max-age=300,", "Expires: Thu, 01 Jan 1970 00:05:10 GMT", "Last-Modified: Thu, 01 Jan 1970 00:00:10 GMT" },
	};
	struct web_public p = { 0 };
	struct ipc_published m = published("/a", "\"tag\"", "x");
	assert_false(failed(web_public_set(&p, &m)));
	for (size_t i = 0; i < sizeof rows_ / sizeof rows_[0]; i++) {
		struct buf b;
		buf_init(&b, 4096);
		web_public_print(p.items[0], rows_[i].now, &b);
		buf_add_char(&b, '\0');
		assert_non_null(strstr(b.p, rows_[i].cache));
		assert_non_null(strstr(b.p, rows_[i].expires));
		assert_non_null(strstr(b.p, rows_[i].modified));
		assert_non_null(strstr(b.p, "ETag: \"tag\"\r\n"));
		assert_non_null(strstr(b.p, "Content-Type: application/pkix-crl\r\n"));
		buf_fini(&b);
	}
	web_item_unref(p.items[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_header_decides),
		cmocka_unit_test(parts_of_a_route),
		cmocka_unit_test(csrf),
		cmocka_unit_test(a_certificate_spares_the_password),
		cmocka_unit_test(lines),
		cmocka_unit_test(errors_as_vault_writes_them),
		cmocka_unit_test(what_is_public), cmocka_unit_test(forgotten_with_vault),
		cmocka_unit_test(replaced_while_it_is_sent),
		cmocka_unit_test(what_vault_may_not_publish),
		cmocka_unit_test(how_long_it_is_fresh),
	};
	return cmocka_run_group_tests_name("web", tests, setup, teardown);
}
