/* SPDX-License-Identifier: Apache-2.0 */
/* What the web sites have: documents of autodiscover (MS-OCDISCWS), and pages for people who come by. */
#include "role/web/web_priv.h"

#include "wire/soap.h"
#include "wire/xml.h"

#include <stdlib.h>

#define SERVICE "/Autodiscover/AutodiscoverService.svc/root"

struct visiting {
	const struct web_sites *sites;
	const struct web_site *site;
	const struct web_visit *visit;
	struct buf *body;
};

/* ---- addresses ---- */

/* What links begin with: the pool's web services, which are of this pool alone and in its certificate; else the name that was asked for. */
static void print_base(const struct visiting *v, struct buf *b)
{
	if (v->site->url[0] != '\0') {
		buf_add(b, str_of(v->site->url));
		return;
	}
	buf_printf(b, "https://%.*s", STR_FMT(v->visit->host));
}

/* Each character that could mean something else in a query is escaped. */
static void print_escaped(str s, struct buf *b)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~@", c) != NULL;
		buf_printf(b, is_plain ? "%c" : "%%%02X", (unsigned char)c);
	}
}

static void print_redirect(const struct visiting *v, struct buf *b)
{
	print_base(v, b);
	buf_add(b, STR(SERVICE));
	if (v->visit->sipuri[0] == '\0')
		return;
	buf_add(b, STR("?sipuri="));
	print_escaped(str_of(v->visit->sipuri), b);
}

/* The same address over HTTPS. Outside it is at the reverse proxy's usual port. */
static void print_elsewhere(const struct visiting *v, struct buf *b)
{
	buf_printf(b, "https://%.*s", STR_FMT(v->visit->host));
	if (!v->visit->outside && v->site->port != 443)
		buf_printf(b, ":%u", v->site->port);
	buf_add(b, v->visit->path);
}

/* ---- XML ---- */

static void add_link(struct xml *x, const char *token, const struct buf *href)
{
	xml_open(x, "Link");
	xml_attr(x, "token", str_of(token));
	xml_attr(x, "href", buf_str(href));
	xml_close(x);
}

static void add_access(struct xml *x, const char *name, const char *fqdn, uint16_t port)
{
	if (fqdn[0] == '\0' || port == 0)
		return;
	xml_open(x, name);
	xml_attr(x, "fqdn", str_of(fqdn));
	xml_attr_u64(x, "port", port);
	xml_close(x);
}

static void add_service(const struct visiting *v, struct xml *x, const char *token, const char *path)
{
	struct buf href DEFER(buf_fini) = { 0 };
	buf_init(&href, WEB_DOC_MAX);
	print_base(v, &href);
	buf_printf(&href, SERVICE "%s", path);
	add_link(x, token, &href);
}

static void add_root(const struct visiting *v, struct xml *x)
{
	struct buf href DEFER(buf_fini) = { 0 };
	buf_init(&href, WEB_DOC_MAX);
	xml_open(x, "Root");
	if (v->visit->is_plain) {
		print_redirect(v, &href);
		add_link(x, "Redirect", &href);
	} else {
		add_service(v, x, "Domain", "/domain");
		add_service(v, x, "User", "/user");
	}
	xml_close(x);
}

static void add_entry(struct xml *x, const char *token, const char *url)
{
	struct buf href DEFER(buf_fini) = { 0 };
	buf_init(&href, WEB_DOC_MAX);
	if (url[0] == '\0')
		return;
	buf_printf(&href, "%s" SERVICE, url);
	add_link(x, token, &href);
}

/* Names of the inside are told inside only. A user learns no more than everybody yet: all are at home in this pool. */
static void add_places(const struct visiting *v, struct xml *x)
{
	const struct web_sites *s = v->sites;
	xml_open(x, v->visit->doc == WEB_DOC_USER ? "User" : "Domain");
	if (!v->visit->outside) {
		add_access(x, "SipServerInternalAccess", s->sip_inside, s->sip_inside_port);
		add_access(x, "SipClientInternalAccess", s->sip_inside, s->sip_inside_port);
	}
	add_access(x, "SipServerExternalAccess", s->sip_outside, s->sip_outside_server);
	add_access(x, "SipClientExternalAccess", s->sip_outside, s->sip_outside_client);
	if (!v->visit->outside)
		add_entry(x, "Internal/Autodiscover", s->inside.url);
	add_entry(x, "External/Autodiscover", s->outside.url);
	xml_close(x);
}

static void print_xml(const struct visiting *v)
{
	struct xml x;
	xml_init(&x, v->body);
	xml_open(&x, "AutodiscoverResponse");
	xml_attr(&x, "xmlns", STR("http://schemas.microsoft.com/rtc/2012/03/ucwa"));
	xml_attr(&x, "AccessLocation", str_of(v->visit->outside ? "External" : "Internal"));
	if (v->visit->doc != WEB_DOC_ROOT)
		add_places(v, &x);
	else
		add_root(v, &x);
	xml_close(&x);
	if (failed(xml_end(&x)))
		v->body->failed = true;
}

/* ---- JSON ---- */

static json_t *link_of(const struct buf *href)
{
	return json_pack("{s:s%}", "href", href->p, href->n);
}

/* The root as the web API for applications has it: "_links", each with its href. */
static void print_json(const struct visiting *v)
{
	struct buf self DEFER(buf_fini) = { 0 }, to DEFER(buf_fini) = { 0 };
	buf_init(&self, WEB_DOC_MAX);
	buf_init(&to, WEB_DOC_MAX);
	print_base(v, &self);
	buf_add(&self, STR(SERVICE));
	if (v->visit->is_plain) {
		print_redirect(v, &to);
	} else {
		buf_add(&to, buf_str(&self));
		buf_add(&to, STR("/user"));
	}
	json_t *o = json_pack("{s:{s:o,s:o}}", "_links", "self", link_of(&self), v->visit->is_plain ? "redirect" : "user", link_of(&to));
	char *text = !self.failed && !to.failed && o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	if (text != NULL)
		buf_printf(v->body, "%s\n", text);
	else
		v->body->failed = true;
	free(text);
	json_decref(o);
}

/* ---- pages ---- */

static const struct {
	unsigned status;
	const char *title, *text;
} pages[WEB_DOC_N] = {
	[WEB_DOC_FRONT] = { 200, "Witan", "<p>This is a server for calls, messages and presence. It runs Witan.</p>\n"
		"<p>There is nothing to read here: the programs that people call and write with find what they need by themselves.</p>\n" },
	[WEB_DOC_MEETINGS] = { 501, "Meetings are not available yet", "<p>At this address people will join meetings and find telephone numbers to dial in.\n"
		"The version of Witan that runs here has no meetings.</p>\n<p>Ask whoever has invited you for another way to take part.</p>\n" },
	[WEB_DOC_ADMIN] = { 501, "Administration has no pages yet", "<p>The version of Witan that runs here is administered by the program <code>witan</code>, at the server or over the\n"
		"network, and by its interface for programs. Pages for it will be at this address.</p>\n" },
};

/* Nothing but words: readable by any program and at any size, in the colours that the reader likes. */
static void print_page(const struct visiting *v)
{
	buf_printf(v->body, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>%s</title>\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta name=\"robots\" content=\"noindex\">\n</head>\n<body>\n<main>\n<h1>%s</h1>\n%s</main>\n</body>\n</html>\n",
		pages[v->visit->doc].title, pages[v->visit->doc].title, pages[v->visit->doc].text);
}

void web_visit_base(const struct web_sites *s, const struct web_visit *v, struct buf *out)
{
	print_base(&(const struct visiting){ s, v->outside ? &s->outside : &s->inside, v, out }, out);
}

/* What services there are, as clients look it up before they ask. */
static void (*const services[WEB_DOC_N])(str base, struct buf *out) = {
	[WEB_DOC_TICKET_MEX] = soap_ticket_service_print,
	[WEB_DOC_CERTIFICATE_MEX] = soap_certificate_service_print,
	[WEB_DOC_BOOK_MEX] = soap_book_service_print,
};

static void print_service(const struct visiting *v)
{
	struct buf base DEFER(buf_fini) = { 0 };
	buf_init(&base, WEB_URL_MAX + 16);
	print_base(v, &base);
	services[v->visit->doc](buf_str(&base), v->body);
}

void web_visit_print(const struct web_sites *s, const struct web_visit *visit, struct web_head *h, struct buf *location, struct buf *body)
{
	const struct visiting v = { s, visit->outside ? &s->outside : &s->inside, visit, body };
	if (visit->doc == WEB_DOC_ELSEWHERE) {
		*h = (struct web_head){ .status = 301, .type = "text/plain; charset=utf-8" };
		print_elsewhere(&v, location);
		buf_add(body, STR("This is only there over HTTPS.\n"));
	} else if (services[visit->doc] != NULL) {
		*h = (struct web_head){ .status = 200, .type = "text/xml; charset=utf-8" };
		print_service(&v);
	} else if (pages[visit->doc].title != NULL) {
		*h = (struct web_head){ .status = pages[visit->doc].status, .type = "text/html; charset=utf-8" };
		print_page(&v);
	} else if (visit->is_json) {
		*h = (struct web_head){ .status = 200, .type = "application/json" };
		print_json(&v);
	} else {
		*h = (struct web_head){ .status = 200, .type = "application/vnd.microsoft.rtc.autodiscover+xml;v=1" };
		print_xml(&v);
	}
}
