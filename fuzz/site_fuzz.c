/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request at each of the two web sites, with TLS and without: what is answered is well-formed, whatever the client put into it. */
#include "role/web/web_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct web_sites sites;
static struct buf body, location;

static void set_up(void)
{
	const struct ipc_web_site in = { .port = 8443, .url = STR("https://web.corp.test:8443"), .hosts = STR("0 web.corp.test\n1 lyncdiscoverinternal.a.test\n2 meet.a.test\n3 admin.a.test\n4 up.corp.test\n") };
	const struct ipc_web_site out = { .outside = 1, .port = 4443, .url = STR(""), .hosts = STR("0 web.a.test\n1 lyncdiscover.a.test\n2 meet.a.test\n") };
	const struct ipc_web_access access = { .domains = STR("a.test,b.test"), .inside = STR("uc.corp.test"), .inside_port = 5061, .outside = STR("sip.a.test"), .outside_server = 5061, .outside_client = 443 };
	web_sites_init(&sites);
	buf_init(&body, WEB_DOC_MAX);
	buf_init(&location, WEB_DOC_MAX);
	CHECK(!failed(web_sites_set(&sites, &in)) && !failed(web_sites_set(&sites, &out)) && !failed(web_sites_set_access(&sites, &access)));
}

/* Nothing of the client's can end an attribute, an element or a line. */
static void check_xml(str text)
{
	size_t open = 0, quotes = 0;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		CHECK(c < 0x7f && (c >= 0x20 || c == '\n'));
		open += c == '<' ? 1 : 0;
		quotes += c == '"' ? 1 : 0;
	}
	CHECK(open <= 20 && quotes <= 60 && quotes % 2 == 0);
}

static void check_answer(const struct web_visit *v, const struct web_head *h)
{
	CHECK(!body.failed && !location.failed && body.n != 0 && h->type != NULL);
	for (size_t i = 0; i < location.n; i++)
		CHECK(location.p[i] > 0x20 && location.p[i] != 0x7f);
	if (location.n != 0)
		CHECK(h->status == 301 && v->is_plain && str_begins(buf_str(&location), STR("https://")));
	if (str_eq(str_of(h->type), STR("application/json"))) {
		json_t *o = json_loadb(body.p, body.n, 0, NULL);
		CHECK(json_is_object(o));
		json_decref(o);
	} else if (str_begins(str_of(h->type), STR("application/vnd"))) {
		check_xml(buf_str(&body));
	}
}

static void ask(const struct http_request *q, size_t content, bool outside, bool is_plain)
{
	struct web_route r;
	struct web_head h = { .status = 0 };
	struct diag d = { .what = "" };
	if (failed(web_site_find(&sites, outside, is_plain, q, content, &r, &d))) {
		CHECK(d.what[0] != '\0');
		return;
	}
	CHECK(content == 0 && (q->method == HTTP_GET || q->method == HTTP_HEAD) && r.visit.host.n != 0);
	buf_reset(&body);
	buf_reset(&location);
	web_visit_print(&sites, &r.visit, &h, &location, &body);
	check_answer(&r.visit, &h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reader r = { 0 };
	struct http_request q;
	size_t taken = 0;
	if (body.ceiling == 0)
		set_up();
	err e = http_request_read(&r, (str){ (const char *)data, size }, 1000, &q, &taken, NULL);
	if (failed(e) && !(err_is(e, ERR_INCOMPLETE) && r.has_header))
		return 0;
	for (unsigned i = 0; i < 4; i++)
		ask(&q, r.content, (i & 1) != 0, (i & 2) != 0);
	return 0;
}
