/* SPDX-License-Identifier: Apache-2.0 */
/* The web sites: who gets an answer, and what stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "role/web/web_priv.h"

#define XML  "Accept: application/vnd.microsoft.rtc.autodiscover+xml;v=1\r\n"
#define SOAP(n) "Content-Type: text/xml; charset=utf-8\r\nContent-Length: " n "\r\n"
#define ROOT "/Autodiscover/AutodiscoverService.svc/root"

static struct web_sites sites;
static struct buf body, location;
static enum web_task task;

static int setup(void **state)
{
	web_sites_init(&sites);
	buf_init(&body, WEB_DOC_MAX);
	buf_init(&location, WEB_DOC_MAX);
	const struct ipc_web_site in = { .port = 8443, .url = STR("https://web.corp.test:8443"),
		.hosts = STR("0 web.corp.test\n0 uc01.corp.test\n1 lyncdiscoverinternal.a.test\n2 meet.a.test\n3 admin.a.test\n4 ucupdates-r2.corp.test\n") };
	const struct ipc_web_site out = { .outside = 1, .port = 4443, .url = STR("https://web.a.test"), .hosts = STR("0 web.a.test\n1 lyncdiscover.a.test\n1 lyncdiscover.b.test\n2 meet.a.test\n") };
	const struct ipc_web_access access = { .domains = STR("a.test,b.test"), .inside = STR("uc01.corp.test"), .inside_port = 5061, .outside = STR("sip.a.test"),
		.outside_server = 5061, .outside_client = 443 };
	return failed(web_sites_set(&sites, &in)) || failed(web_sites_set(&sites, &out)) || failed(web_sites_set_access(&sites, &access)) ? 1 : 0;
}

static int teardown(void **state)
{
	web_sites_fini(&sites);
	buf_fini(&body);
	buf_fini(&location);
	return 0;
}

/* Asks one of the sites; what stands in the document is in `body`. */
static err visit(bool outside, bool is_plain, const char *line, const char *host, const char *fields, struct web_head *h, struct diag *d)
{
	char text[2048];
	struct http_reader r = { 0 };
	struct http_request q;
	struct web_route route;
	size_t taken;
	*d = (struct diag){ .what = "" };
	(void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", line, host, fields);
	err e = http_request_read(&r, str_of(text), 1 << 20, &q, &taken, d);
	assert_true(!failed(e) || err_is(e, ERR_INCOMPLETE));
	e = web_site_find(&sites, outside, is_plain, &q, r.content, &route, d);
	buf_reset(&body);
	buf_reset(&location);
	task = route.task;
	if (!failed(e) && task != WEB_VISIT)
		return OK;
	if (failed(e)) {
		assert_true(d->what[0] != '\0');
		return e;
	}
	web_visit_print(&sites, &route.visit, h, &location, &body);
	assert_false(body.failed || location.failed);
	buf_add_char(&body, '\0');
	buf_add_char(&location, '\0');
	return OK;
}

static void assert_body(const char *want)
{
	if (strstr(body.p, want) == NULL)
		fail_msg("\"%s\" is not in:\n%s", want, body.p);
}

static const struct {
	bool outside, is_plain;
	const char *line, *host, *fields;
	enum err_id want; /* ERR_N: a document */
	const char *text; /* that stands in it */
} rows[] = {
	/* the root, by every way to write it */
	{ false, false, "GET /?sipuri=ann@a.test", "lyncdiscoverinternal.a.test:8443", XML, ERR_N, "AccessLocation=\"Internal\"" },
	{ false, false, "GET /?sipuri=sip%3aann%40A.TEST", "LyncDiscoverInternal.A.Test.", XML, ERR_N, "href=\"https://web.corp.test:8443" ROOT "/user\"" },
	{ false, false, "HEAD /", "lyncdiscoverinternal.a.test", "", ERR_N, "token=\"Domain\"" },
	{ true, false, "GET /?sipuri=ann@b.test", "lyncdiscover.b.test", XML, ERR_N, "href=\"https://web.a.test" ROOT "/user\"" },
	{ true, false, "GET /Autodiscover/autodiscoverservice.svc/Root?sipuri=ann@a.test", "web.a.test", XML, ERR_N, "AccessLocation=\"External\"" },
	{ true, false, "GET " ROOT "/", "web.a.test", XML, ERR_N, "token=\"User\"" },
	{ false, false, "GET /AutoDiscover/AutoDiscover.svc/Root", "uc01.corp.test", XML, ERR_N, "token=\"User\"" },
	{ true, false, "GET " ROOT, "meet.a.test", XML, ERR_N, "token=\"User\"" },
	/* without TLS nothing but where to ask */
	{ true, true, "GET /?sipuri=ann@a.test", "lyncdiscover.a.test", XML, ERR_N, "<Link token=\"Redirect\" href=\"https://web.a.test" ROOT "?sipuri=ann@a.test\"/>" },
	{ true, true, "GET /?sipuri=a%26b%3Cc@a.test", "lyncdiscover.a.test", XML, ERR_N, "?sipuri=a%26b%3Cc@a.test\"" },
	/* the domain */
	{ false, false, "GET " ROOT "/domain", "web.corp.test", XML, ERR_N, "<SipClientInternalAccess fqdn=\"uc01.corp.test\" port=\"5061\"/>" },
	{ true, false, "GET " ROOT "/domain", "web.a.test", XML, ERR_N, "<SipClientExternalAccess fqdn=\"sip.a.test\" port=\"443\"/>" },
	/* who is asked for what is not there */
	{ true, false, "GET /", "lyncdiscoverinternal.a.test", XML, ERR_HTTP_HOST, NULL },
	{ true, false, "GET /", "lyncdiscover.a.test.evil.test", XML, ERR_HTTP_HOST, NULL },
	{ true, false, "GET /", "xlyncdiscover.a.test", XML, ERR_HTTP_HOST, NULL },
	{ true, false, "GET /", "127.0.0.1", XML, ERR_HTTP_HOST, NULL },
	{ true, false, "GET http://web.evil.test/", "web.a.test", XML, ERR_HTTP_HOST, NULL },
	{ true, false, "GET /?sipuri=ann@c.test", "lyncdiscover.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET /?sipuri=ann@a.test.evil.test", "lyncdiscover.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET /?sipuri=@a.test", "lyncdiscover.a.test", XML, ERR_MALFORMED, NULL },
	{ true, false, "GET /?sipuri=ann", "lyncdiscover.a.test", XML, ERR_MALFORMED, NULL },
	{ true, false, "GET /?sipuri=ann%", "lyncdiscover.a.test", XML, ERR_MALFORMED, NULL },
	{ true, false, "GET /?sipuri=a%0d%0ab@a.test", "lyncdiscover.a.test", XML, ERR_MALFORMED, NULL },
	{ true, false, "GET /?sipuri=%c3%a4@a.test", "lyncdiscover.a.test", XML, ERR_MALFORMED, NULL },
	{ true, false, "GET " ROOT "/user?sipuri=ann@a.test", "web.a.test", XML, ERR_N, NULL },
	{ true, false, "GET " ROOT "/user?sipuri=nobody@a.test", "web.a.test", XML, ERR_N, NULL },
	/* services */
	{ true, false, "GET /WebTicket/WebTicketService.svc/mex", "web.a.test", "", ERR_N, "location=\"https://web.a.test/WebTicket/WebTicketService.svc/Auth\"" },
	{ false, false, "GET /CertProv/CertProvisioningService.svc/mex?singleWsdl", "web.corp.test", "", ERR_N, ">https://web.corp.test:8443/WebTicket/WebTicketService.svc<" },
	{ true, false, "POST /WebTicket/WebTicketService.svc/Auth", "web.a.test", SOAP("20"), ERR_N, NULL },
	{ true, false, "POST /webticket/webticketservice.svc", "web.a.test", "", ERR_N, NULL },
	{ true, false, "POST /WebTicket/WebTicketService.svc/cert", "web.a.test", SOAP("20"), ERR_N, NULL },
	{ false, false, "GET /WebTicket/WebTicketService.svc/cert", "web.corp.test", "", ERR_HTTP_METHOD, NULL },
	{ false, true, "POST /WebTicket/WebTicketService.svc/cert", "web.corp.test", SOAP("0"), ERR_HTTP_METHOD, NULL },
	{ true, false, "POST /CertProv/CertProvisioningService.svc/WebTicket_Proof_SHA1", "web.a.test", SOAP("65536"), ERR_N, NULL },
	{ true, false, "POST /CertProv/CertProvisioningService.svc/WebTicket_Proof_SHA1", "web.a.test", SOAP("65537"), ERR_CEILING, NULL },
	{ true, false, "POST /WebTicket/WebTicketService.svc/Auth", "web.a.test", "Content-Type: application/json\r\nContent-Length: 2\r\n", ERR_HTTP_TYPE, NULL },
	{ true, false, "POST /WebTicket/WebTicketService.svc/Auth", "web.a.test", "Content-Length: 2\r\n", ERR_HTTP_TYPE, NULL },
	{ true, false, "GET /WebTicket/WebTicketService.svc/Auth", "web.a.test", "", ERR_HTTP_METHOD, NULL },
	{ true, false, "POST /WebTicket/WebTicketService.svc/mex", "web.a.test", "", ERR_HTTP_METHOD, NULL },
	{ true, true, "POST /WebTicket/WebTicketService.svc/Auth", "web.a.test", SOAP("0"), ERR_HTTP_METHOD, NULL },
	{ true, false, "POST /WebTicket/WebTicketService.svc/Auth", "evil.test", SOAP("0"), ERR_HTTP_HOST, NULL },
	{ true, false, "GET " ROOT "/other", "web.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET /x", "lyncdiscover.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET //", "web.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET /%41utodiscover", "web.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET /api/v1/session", "web.a.test", "", ERR_ABSENT, NULL },
	{ true, false, "POST /", "lyncdiscover.a.test", XML, ERR_HTTP_METHOD, NULL },
	{ true, false, "OPTIONS *", "lyncdiscover.a.test", XML, ERR_ABSENT, NULL },
	{ true, false, "GET /", "lyncdiscover.a.test", "Content-Length: 1\r\n", ERR_CEILING, NULL },
	/* forms */
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: application/json\r\n", ERR_N, "{\"_links\":{\"self\":{\"href\":\"https://web.a.test" ROOT "\"},\"user\":{\"href\":\"https://web.a.test" ROOT "/user\"}}}" },
	{ true, true, "GET /?sipuri=ann@a.test", "lyncdiscover.a.test", "Accept: application/json\r\n", ERR_N, "\"redirect\":{\"href\":\"https://web.a.test" ROOT "?sipuri=ann@a.test\"}" },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: application/json, text/javascript, */*; q=0.01\r\n", ERR_N, "{\"_links\"" },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: application/json, */*\r\n", ERR_N, "{\"_links\"" },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: application/json;q=0.4, application/*;q=0.5\r\n", ERR_N, "<Root>" },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\n", ERR_N, "<Root>" },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: text/html\r\n", ERR_HTTP_ACCEPT, NULL },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: */*;q=0\r\n", ERR_HTTP_ACCEPT, NULL },
	{ true, false, "GET /", "lyncdiscover.a.test", "Accept: text/html\r\nAccept: */*;q=0.1\r\n", ERR_N, "<Root>" },
	{ true, false, "GET " ROOT "/domain", "web.a.test", "Accept: application/json\r\n", ERR_HTTP_ACCEPT, NULL },
	/* pages */
	{ true, false, "GET /", "web.a.test", "", ERR_N, "<h1>Witan</h1>" },
	{ true, false, "GET /ann/ABC123", "meet.a.test", "", ERR_N, "<h1>Meetings are not available yet</h1>" },
	{ false, false, "GET /", "admin.a.test", "", ERR_N, "<h1>Administration has no pages yet</h1>" },
	{ false, false, "GET /", "ucupdates-r2.corp.test", "", ERR_ABSENT, NULL },
	{ true, false, "GET /x", "web.a.test", "", ERR_ABSENT, NULL },
};

static void who_gets_what(void **state)
{
	struct web_head h = { .status = 0 };
	struct diag d;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		err e = visit(rows[i].outside, rows[i].is_plain, rows[i].line, rows[i].host, rows[i].fields, &h, &d);
		if (rows[i].want == ERR_N ? failed(e) : !err_is(e, rows[i].want))
			fail_msg("%s at %s: %s (%s)", rows[i].line, rows[i].host, e.def != NULL ? e.def->name : "OK", d.what);
		if (rows[i].text != NULL)
			assert_body(rows[i].text);
	}
}

/* Where a user is at home is not for whoever asks; what is over plain HTTP is not for vault. */
static void what_vault_decides(void **state)
{
	struct web_head h = { .status = 0 };
	struct diag d;
	assert_false(failed(visit(true, false, "GET " ROOT "/user?sipuri=ann@a.test", "web.a.test", XML, &h, &d)));
	assert_int_equal(task, WEB_SERVICE);
	assert_false(failed(visit(true, true, "GET " ROOT "/user?sipuri=ann@a.test", "web.a.test", XML, &h, &d)));
	assert_int_equal(task, WEB_VISIT);
	assert_int_equal(h.status, 301);
	assert_false(failed(visit(true, false, "POST /WebTicket/WebTicketService.svc/Auth", "web.a.test", SOAP("20"), &h, &d)));
	assert_int_equal(task, WEB_SERVICE);
	assert_false(failed(visit(true, false, "GET " ROOT, "web.a.test", XML, &h, &d)));
	assert_int_equal(task, WEB_VISIT);
}

static void urls_of_the_sites(void **state)
{
	assert_true(web_site_has(&sites, STR("https://web.a.test/CertProv/x")));
	assert_true(web_site_has(&sites, STR("https://WEB.corp.test:8443/CertProv/x")));
	assert_true(web_site_has(&sites, STR("https://web.a.test")));
	assert_false(web_site_has(&sites, STR("https://web.a.test.evil.test/CertProv/x")));
	assert_false(web_site_has(&sites, STR("https://evil.test/web.a.test/")));
	assert_false(web_site_has(&sites, STR("https://evil.test:web.a.test/")));
	assert_false(web_site_has(&sites, STR("http://web.a.test/")));
	assert_false(web_site_has(&sites, STR("web.a.test")));
	assert_false(web_site_has(&sites, STR("")));
}

/* Names of servers inside stay inside. */
static void outside_tells_less(void **state)
{
	struct web_head h = { .status = 0 };
	struct diag d;
	assert_false(failed(visit(true, false, "GET " ROOT "/domain", "web.a.test", XML, &h, &d)));
	assert_null(strstr(body.p, "corp.test"));
	assert_string_equal(h.type, "application/vnd.microsoft.rtc.autodiscover+xml;v=1");
	assert_false(failed(visit(false, false, "GET " ROOT "/domain", "web.corp.test", XML, &h, &d)));
	assert_body("<Link token=\"Internal/Autodiscover\" href=\"https://web.corp.test:8443" ROOT "\"/>");
	assert_body("<Link token=\"External/Autodiscover\" href=\"https://web.a.test" ROOT "\"/>");
}

static void pages_are_over_https(void **state)
{
	struct web_head h = { .status = 0 };
	struct diag d;
	assert_false(failed(visit(false, true, "GET /ann/ABC?x=y", "MEET.a.test", "", &h, &d)));
	assert_int_equal(h.status, 301);
	assert_string_equal(location.p, "https://meet.a.test:8443/ann/ABC");
	assert_false(failed(visit(true, true, "GET //evil.test/", "meet.a.test", "", &h, &d)));
	assert_string_equal(location.p, "https://meet.a.test//evil.test/");
	assert_true(err_is(visit(true, true, "GET /", "evil.test", "", &h, &d), ERR_HTTP_HOST));
	sites.inside.port = 0; /* nothing listens there */
	assert_true(err_is(visit(false, true, "GET /", "meet.a.test", "", &h, &d), ERR_ABSENT));
	assert_true(err_is(visit(false, true, "GET /", "lyncdiscoverinternal.a.test", XML, &h, &d), ERR_ABSENT));
	sites.inside.port = 8443;
}

static void what_vault_may_not_say(void **state)
{
	static char long_url[WEB_URL_MAX + 1], many[WEB_HOSTS_MAX + 1];
	memset(long_url, 'x', sizeof long_url);
	const struct ipc_web_site bad = { .url = { long_url, sizeof long_url }, .hosts = STR("") };
	const struct ipc_web_site big = { .url = STR(""), .hosts = { many, sizeof many } };
	const struct ipc_web_access access = { .domains = { many, sizeof many }, .inside = STR(""), .outside = STR("") };
	struct web_sites s;
	web_sites_init(&s);
	assert_true(err_is(web_sites_set(&s, &bad), ERR_MALFORMED));
	assert_true(err_is(web_sites_set(&s, &big), ERR_CEILING));
	assert_true(err_is(web_sites_set_access(&s, &access), ERR_CEILING));
	web_sites_fini(&s);
}

/* Of a pool without a name outside, links lead to the name that was asked for. */
static void without_a_name(void **state)
{
	struct web_head h = { .status = 0 };
	struct diag d;
	sites.outside.url[0] = '\0';
	assert_false(failed(visit(true, false, "GET /", "lyncdiscover.b.test", XML, &h, &d)));
	assert_body("href=\"https://lyncdiscover.b.test" ROOT "/user\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(who_gets_what), cmocka_unit_test(what_vault_decides), cmocka_unit_test(urls_of_the_sites), cmocka_unit_test(outside_tells_less),
		cmocka_unit_test(pages_are_over_https), cmocka_unit_test(what_vault_may_not_say), cmocka_unit_test(without_a_name) };
	return cmocka_run_group_tests_name("web sites", tests, setup, teardown);
}
