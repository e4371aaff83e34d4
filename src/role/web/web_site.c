/* SPDX-License-Identifier: Apache-2.0 */
/* The two web sites: which names they answer for, and what is asked for there. Whether a user exists is told to nobody here. */
#include "role/web/web_priv.h"

#include "wire/soap.h"

#define AUTODISCOVER "application/vnd.microsoft.rtc.autodiscover+xml"

/* ---- what vault says ---- */

void web_sites_init(struct web_sites *s)
{
	*s = (struct web_sites){ .inside = { .port = 0 } };
	buf_init(&s->inside.hosts, WEB_HOSTS_MAX);
	buf_init(&s->outside.hosts, WEB_HOSTS_MAX);
	buf_init(&s->domains, WEB_HOSTS_MAX);
	buf_init(&s->kerberos, WEB_HOSTS_MAX);
}

void web_sites_fini(struct web_sites *s)
{
	buf_fini(&s->inside.hosts);
	buf_fini(&s->outside.hosts);
	buf_fini(&s->domains);
	buf_fini(&s->kerberos);
}

err web_sites_set(struct web_sites *s, const struct ipc_web_site *m)
{
	struct web_site *site = m->outside != 0 ? &s->outside : &s->inside;
	ENSURE(m->hosts.n <= WEB_HOSTS_MAX, CEILING);
	ENSURE(str_to_z(m->url, site->url, sizeof site->url), MALFORMED);
	site->port = m->port;
	buf_reset(&site->hosts);
	buf_add(&site->hosts, m->hosts);
	return site->hosts.failed ? ERR(NO_MEMORY) : OK;
}

err web_sites_set_access(struct web_sites *s, const struct ipc_web_access *m)
{
	ENSURE(m->domains.n <= WEB_HOSTS_MAX && m->kerberos.n <= WEB_HOSTS_MAX, CEILING);
	ENSURE(str_to_z(m->inside, s->sip_inside, sizeof s->sip_inside) && str_to_z(m->outside, s->sip_outside, sizeof s->sip_outside), MALFORMED);
	s->sip_inside_port = m->inside_port;
	s->sip_outside_server = m->outside_server;
	s->sip_outside_client = m->outside_client;
	s->offers_ntlm = m->offers_ntlm != 0;
	s->asks_people = m->asks_people != 0;
	buf_reset(&s->kerberos);
	buf_add(&s->kerberos, m->kerberos);
	buf_reset(&s->domains);
	buf_add(&s->domains, m->domains);
	return s->domains.failed || s->kerberos.failed ? ERR(NO_MEMORY) : OK;
}

/* ---- the name ---- */

/* Without the port, which is what the client sees of it, and the dot of the root. */
static str name_of(str host)
{
	str rest, name = str_split(host, ':', &rest);
	return name.n > 0 && name.p[name.n - 1] == '.' ? str_cut(name, 0, name.n - 1) : name;
}

static err find_host(const struct web_site *s, str host, str *name, enum plan_web_use *use, struct diag *d)
{
	str want = name_of(host), line;
	for (str rest = buf_str(&s->hosts); rest.n != 0;) {
		line = str_split(rest, '\n', &rest);
		if (line.n < 3 || !str_eq_case(str_cut(line, 2, line.n), want))
			continue;
		*name = str_cut(line, 2, line.n);
		*use = (enum plan_web_use)(line.p[0] - '0');
		return OK;
	}
	return diag_fail(d, ERR(HTTP_HOST), "Host", "", "This server does not answer for this name.");
}

bool web_site_has(const struct web_sites *s, str url)
{
	struct diag d;
	enum plan_web_use use;
	str name, rest, host = str_begins_case(url, STR("https://")) ? str_cut(url, 8, url.n) : STR("");
	host = str_split(host, '/', &rest);
	return !failed(find_host(&s->inside, host, &name, &use, &d)) || !failed(find_host(&s->outside, host, &name, &use, &d));
}

/* ---- the path ---- */

/* In lower case; compared without regard to it, and with or without '/' at the end. */
static const struct {
	const char *path;
	enum web_doc doc;
} services[] = {
	{ "/autodiscover", WEB_DOC_ROOT },
	{ "/autodiscover/autodiscoverservice.svc", WEB_DOC_ROOT },
	{ "/autodiscover/autodiscoverservice.svc/root", WEB_DOC_ROOT },
	{ "/autodiscover/autodiscoverservice.svc/root/domain", WEB_DOC_DOMAIN },
	{ "/autodiscover/autodiscoverservice.svc/root/user", WEB_DOC_USER },
	{ "/autodiscover/autodiscover.svc/root", WEB_DOC_ROOT },
	{ "/webticket/webticketservice.svc/mex", WEB_DOC_TICKET_MEX },
	{ "/webticket/webticketservice.svc", WEB_DOC_TICKET },
	{ "/webticket/webticketservice.svc/auth", WEB_DOC_TICKET },
	{ "/webticket/webticketservice.svc/cert", WEB_DOC_TICKET_CERT },
	{ "/certprov/certprovisioningservice.svc/mex", WEB_DOC_CERTIFICATE_MEX },
	{ "/certprov/certprovisioningservice.svc/webticket_proof_sha1", WEB_DOC_CERTIFICATE },
	{ "/groupexpansion/service.svc/mex", WEB_DOC_BOOK_MEX },
	{ "/groupexpansion/service.svc", WEB_DOC_BOOK },
	{ "/groupexpansion/service.svc/webticket_bearer", WEB_DOC_BOOK },
};

/* What is asked by POST, in SOAP. */
static bool is_posted(enum web_doc doc)
{
	return doc == WEB_DOC_TICKET || doc == WEB_DOC_TICKET_CERT || doc == WEB_DOC_CERTIFICATE || doc == WEB_DOC_BOOK;
}

/* Where a name is for one thing: what stands at any path of it, and at "/". */
static const struct {
	enum web_doc root, any; /* WEB_DOC_N: nothing */
} pages[PLAN_WEB_USE_N] = {
	[PLAN_WEB_SERVICES] = { WEB_DOC_FRONT, WEB_DOC_N },
	[PLAN_WEB_AUTODISCOVER] = { WEB_DOC_ROOT, WEB_DOC_N },
	[PLAN_WEB_MEETINGS] = { WEB_DOC_MEETINGS, WEB_DOC_MEETINGS },
	[PLAN_WEB_ADMIN] = { WEB_DOC_ADMIN, WEB_DOC_N },
	[PLAN_WEB_UPDATES] = { WEB_DOC_N, WEB_DOC_N },
};

static err find_doc(enum plan_web_use use, str path, enum web_doc *out, struct diag *d)
{
	str bare = path.n > 1 && path.p[path.n - 1] == '/' ? str_cut(path, 0, path.n - 1) : path;
	*out = use >= PLAN_WEB_USE_N ? WEB_DOC_N : str_eq(path, STR("/")) ? pages[use].root : pages[use].any;
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (str_eq_case(bare, str_of(services[i].path)))
			*out = services[i].doc;
	if (str_begins_case(path, STR(WEB_PHOTOS)))
		*out = WEB_DOC_PHOTO;
	return *out != WEB_DOC_N ? OK : diag_fail(d, ERR(ABSENT), "path", "", "There is nothing at this address.");
}

/* ---- who is asked about ---- */

static bool is_domain(const struct web_sites *s, str domain)
{
	str known;
	for (str rest = buf_str(&s->domains); rest.n != 0;) {
		known = str_split(rest, ',', &rest);
		if (str_eq_case(known, domain))
			return true;
	}
	return false;
}

static bool is_printable(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7f)
			return false;
	return true;
}

/* Of the address only the domain is looked at: the answer is the same for all users. Without it the document is that of the name. */
static err read_sipuri(const struct web_sites *s, str query, char out[WEB_SIPURI_MAX + 1], struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	str uri, domain;
	arena_init(&a, 2 * HTTP_LINE_MAX);
	err e = http_query_find(query, STR("sipuri"), &a, &uri);
	if (err_is(e, ERR_ABSENT))
		return OK;
	if (!failed(e) && str_begins_case(uri, STR("sip:")))
		uri = str_cut(uri, 4, uri.n);
	str user = failed(e) ? STR("") : str_split(uri, '@', &domain);
	if (failed(e) || user.n == 0 || domain.n == 0 || !is_printable(uri) || !str_to_z(uri, out, WEB_SIPURI_MAX + 1))
		return diag_fail(d, ERR(MALFORMED), "sipuri", "", "sipuri is no address of the form user@domain.");
	return is_domain(s, domain) ? OK : diag_fail(d, ERR(ABSENT), "sipuri", "", "This server does not know the SIP domain of this address.");
}

/* ---- the form ---- */

struct rating {
	unsigned exactness; /* of the range that it was found by: 0 none, 1 all, 2 the type, 3 the name itself */
	unsigned q;         /* thousandths */
};

/* "0.5" in thousandths (RFC 9110 12.4.2); what is no such number counts as 1. */
static unsigned read_q(str range)
{
	str parameter;
	for (str rest = range; rest.n != 0;) {
		parameter = str_trim(str_split(rest, ';', &rest));
		if (!str_begins_case(parameter, STR("q=")) || parameter.n < 3 || parameter.p[2] != '0')
			continue;
		unsigned q = 0, unit = 100;
		for (size_t i = 4; i < parameter.n && i < 7 && parameter.p[i] >= '0' && parameter.p[i] <= '9'; i++, unit /= 10)
			q += (unsigned)(parameter.p[i] - '0') * unit;
		return q;
	}
	return 1000;
}

static void rate(str range, str type, struct rating *r)
{
	str rest, name = str_trim(str_split(range, ';', &rest));
	unsigned exactness = str_eq_case(name, type) ? 3 : str_eq_case(name, STR("application/*")) ? 2 : str_eq(name, STR("*/*")) ? 1 : 0;
	if (exactness > r->exactness)
		*r = (struct rating){ exactness, read_q(rest) };
}

static err find_form(const struct http_request *q, bool has_json, bool *is_json, struct diag *d)
{
	struct rating xml = { 0 }, json = { 0 };
	bool is_said = false;
	for (size_t i = 0; i < q->n_fields; i++) {
		if (!str_eq_case(q->fields[i].name, STR("Accept")))
			continue;
		is_said = true;
		for (str rest = q->fields[i].value; rest.n != 0;) {
			str range = str_split(rest, ',', &rest);
			rate(range, STR(AUTODISCOVER), &xml);
			rate(range, STR("application/json"), &json);
		}
	}
	*is_json = has_json && json.q != 0 && (json.q > xml.q || (json.q == xml.q && json.exactness > xml.exactness));
	if (!is_said || *is_json || xml.q != 0)
		return OK;
	return diag_fail(d, ERR(HTTP_ACCEPT), "Accept", "", has_json ? "This is there as " AUTODISCOVER " and application/json." : "This is there as " AUTODISCOVER ".");
}

/* ---- all of it ---- */

/* Over plain HTTP nobody is told anything but where to ask over HTTPS, if something listens there. */
static err find_way(const struct web_site *site, struct web_visit *v, struct diag *d)
{
	if (v->is_plain && site->port == 0)
		return diag_fail(d, ERR(ABSENT), "path", "", "There is nothing at this address.");
	if (v->is_plain && v->doc != WEB_DOC_ROOT)
		v->doc = WEB_DOC_ELSEWHERE;
	return OK;
}

static err check_doc(const struct web_sites *s, const struct http_request *q, struct web_visit *v, struct diag *d)
{
	if (v->doc == WEB_DOC_ROOT || v->doc == WEB_DOC_DOMAIN || v->doc == WEB_DOC_USER) {
		TRY(read_sipuri(s, q->query, v->sipuri, d));
		TRY(find_form(q, v->doc == WEB_DOC_ROOT, &v->is_json, d));
	}
	return OK;
}

static err check_post(const struct http_request *q, size_t content, struct diag *d)
{
	const struct http_field *f = http_field_find(q, STR("Content-Type"));
	if (q->method != HTTP_POST)
		return diag_fail(d, ERR(HTTP_METHOD), "method", "", "This is asked by POST.");
	if (content > SOAP_MOST)
		return diag_fail(d, ERR(CEILING), "body", "", "The request is too long.");
	if (content != 0 && (f == NULL || !http_type_is(f->value, STR("text/xml"))))
		return diag_fail(d, ERR(HTTP_TYPE), "Content-Type", "", "This is asked in SOAP 1.1 (text/xml).");
	return OK;
}

err web_site_find(const struct web_sites *s, bool outside, bool is_plain, const struct http_request *q, size_t content, struct web_route *out, struct diag *d)
{
	const struct web_site *site = outside ? &s->outside : &s->inside;
	enum plan_web_use use = PLAN_WEB_USE_N;
	*out = (struct web_route){ .task = WEB_VISIT, .allow = "GET, HEAD", .visit = { .outside = outside, .is_plain = is_plain, .path = q->path } };
	struct web_visit *v = &out->visit;
	TRY(find_host(site, q->host, &v->host, &use, d));
	TRY(find_doc(use, q->path, &v->doc, d));
	TRY(find_way(site, v, d));
	if (is_posted(v->doc)) {
		(void)memcpy(out->allow, "POST", sizeof "POST");
		out->task = WEB_SERVICE;
		return check_post(q, content, d);
	}
	if (q->method != HTTP_GET && q->method != HTTP_HEAD)
		return diag_fail(d, ERR(HTTP_METHOD), "method", "", "This can only be read (GET, HEAD).");
	if (content != 0)
		return diag_fail(d, ERR(CEILING), "body", "", "A request for this has no body.");
	out->task = v->doc == WEB_DOC_USER || v->doc == WEB_DOC_PHOTO ? WEB_SERVICE : WEB_VISIT;
	return check_doc(s, q, v, d);
}
