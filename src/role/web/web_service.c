/* SPDX-License-Identifier: Apache-2.0 */
/* Services for clients of the Lync dialect: web tickets for who proves himself, certificates for a web ticket, and where its owner is at home. What is
 * decided here is form; who is who vault says. */
#include "role/web/web_priv.h"

#include "base/enc.h"
#include "service/webticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ARENA = 512 << 10, SKEW = 300, MESSAGE_SECONDS = 24 * 3600 };

#define XML_TYPE   "text/xml; charset=utf-8"
#define BOOK_PATH  "/groupexpansion/service.svc"
#define TICKET_URL "/WebTicket/WebTicketService.svc"

/* What the answer needs of the request. */
struct web_deed {
	struct web_visit visit;
	char host[256];
	char context[SOAP_WORD_MAX + 1], audience[SOAP_URL_MAX + 1];
	char device[SOAP_WORD_MAX + 1], id[SOAP_WORD_MAX + 1];
	struct web_book *book; /* of a question that is over: the search that the ticket was for */
	uint8_t scheme;              /* of a ticket: how its owner proves himself */
	struct spnego_message frame; /* what the answer to a proof by Negotiate takes up */
};

static void deed_free(struct web_deed *deed)
{
	if (deed != NULL)
		web_book_free(deed->book);
	free(deed);
}

void web_service_end(struct web_conn *c)
{
	deed_free(c->x.deed);
	c->x.deed = NULL;
	web_book_free(c->x.book);
	c->x.book = NULL;
}

/* ---- answers ---- */

/* A certificate that does not do is no reason to ask for a password: 403, where everything else that SOAP has words for is 500. */
static unsigned fault_status(const struct web_conn *c, err e)
{
	return err_is(e, ERR_CERTIFICATE_NEEDED) || (c->x.by_certificate && err_is(e, ERR_REFUSED)) ? 403 : 500;
}

static void answer_fault(struct web_conn *c, err e, str text)
{
	struct buf body DEFER(buf_fini) = { 0 };
	buf_init(&body, SOAP_ANSWER_MAX);
	soap_fault_print(text, e.def->http >= 500, &body);
	if (body.failed)
		web_answer_error(c, ERR(INTERNAL), NULL, NULL);
	else
		web_answer_whole(c, &(const struct web_head){ .status = fault_status(c, e), .type = XML_TYPE }, buf_str(&body));
}

static void refuse(struct web_conn *c, err e, struct diag *d)
{
	diag_clean(d);
	answer_fault(c, e, str_of(d->what[0] != '\0' ? d->what : e.def->text));
}

static void answer_body(struct web_conn *c, const struct buf *body, const char *type, str more)
{
	if (body->failed)
		web_answer_error(c, ERR(INTERNAL), NULL, NULL);
	else
		web_answer_whole(c, &(const struct web_head){ .status = 200, .type = type, .more = more }, buf_str(body));
}

void web_service_note(struct web_conn *c, str why)
{
	char text[ADDR_TEXT];
	meter_add(c->web->skel->meter, METER_TICKETS_REFUSED, 1);
	LOG(&c->web->skel->log, TICKET_REFUSED, LOG_Z("path", c->x.path), LOG_Z("peer", addr_print(&c->peer, text)), LOG_STR("why", why));
}

void web_service_refuse(struct web_conn *c, err e, struct diag *d)
{
	web_service_note(c, str_of(d->what));
	refuse(c, e, d);
}

/* ---- asking vault ---- */

static err deed_new(struct web_conn *c, const struct web_visit *v)
{
	struct web_deed *deed = calloc(1, sizeof *deed);
	ENSURE(deed != NULL, NO_MEMORY);
	deed->visit = *v;
	(void)str_to_z(v->host, deed->host, sizeof deed->host);
	deed->visit.host = str_of(deed->host);
	deed->visit.path = STR("");
	web_service_end(c);
	c->x.deed = deed;
	return OK;
}

err web_service_asked(struct web_conn *c, err e)
{
	if (failed(e)) {
		c->x.id = 0;
		return e;
	}
	c->web->n_asks++;
	meter_add(c->web->skel->meter, METER_WEB_ASKED, 1);
	web_conn_deadline(c, WEB_LATE_ANSWER, WEB_ANSWER_MS);
	return OK;
}

/* ---- tickets ---- */

static err ask_ticket(struct web_conn *c, const struct web_visit *v, const struct soap_ticket_request *t, const struct web_proof *p, struct diag *d)
{
	char text[ADDR_TEXT];
	TRY(web_ask_check(c->web, d));
	TRY(deed_new(c, v));
	if (!str_to_z(t->context, c->x.deed->context, sizeof c->x.deed->context) || !str_to_z(t->applies_to, c->x.deed->audience, sizeof c->x.deed->audience))
		return ERR(CEILING);
	c->x.deed->scheme = p->scheme;
	c->x.deed->frame = p->frame;
	web_ask_begin(c);
	/* behind a reverse proxy everybody has its address */
	return web_service_asked(c, ipc_send_web_ticket_ask(c->web->vault, &(const struct ipc_web_ticket_ask){ .id = c->x.id, .scheme = p->scheme,
		.address = str_of(v->outside ? "" : addr_print(&c->peer, text)), .negotiate = p->negotiate, .challenge = p->challenge, .token = p->token,
		.claimed = t->claimed, .audience = t->applies_to, .entropy = t->entropy }, -1));
}

static err begin_ticket(struct web_conn *c, const struct http_request *q, const struct web_visit *v, const struct web_proof *p, struct diag *d)
{
	struct soap_ticket_request t;
	struct arena a DEFER(arena_fini) = { 0 };
	arena_init(&a, ARENA);
	TRY(soap_ticket_request_read(c->web->xml, q->body, &a, &t, d));
	if (!web_site_has(&c->web->sites, t.applies_to))
		return diag_fail(d, ERR(REFUSED), "AppliesTo", "", "the ticket would be for a service that is not one of this server");
	return ask_ticket(c, v, &t, p, d);
}

static void on_ticket_post(struct web_conn *c, const struct http_request *q, const struct web_visit *v)
{
	struct web_proof p;
	struct diag d = { 0 };
	if (!failed(web_proof_read(c, q, &p))) {
		err e = begin_ticket(c, q, v, &p, &d);
		web_proof_end(c); /* a challenge is good for one answer */
		if (failed(e))
			refuse(c, e, &d);
	}
	crypt_wipe(&p, sizeof p);
}

static void note_ticket_refusal(struct web_conn *c, err e, str why)
{
	web_service_note(c, why);
	meter_add(c->web->skel->meter, METER_CERTIFICATES_REFUSED, c->x.by_certificate && fault_status(c, e) == 403 ? 1 : 0);
	meter_add(c->web->skel->meter, METER_CERTIFICATE_NEEDED, !c->x.by_certificate && err_is(e, ERR_CERTIFICATE_NEEDED) ? 1 : 0);
}

static void on_certificate_post(struct web_conn *c, const struct http_request *q, const struct web_visit *v)
{
	struct web_proof p;
	struct diag d = { 0 };
	c->x.by_certificate = true;
	err e = web_certificate_read(c, &p, &d);
	if (failed(e))
		note_ticket_refusal(c, e, str_of(d.what));
	else
		e = begin_ticket(c, q, v, &p, &d);
	if (failed(e))
		refuse(c, e, &d);
}

static void answer_ticket(struct web_conn *c, const struct web_deed *deed, const struct ipc_web_ticket_tell *m)
{
	struct buf body DEFER(buf_fini) = { 0 }, base DEFER(buf_fini) = { 0 }, more DEFER(buf_fini) = { 0 };
	buf_init(&body, SOAP_ANSWER_MAX);
	buf_init(&base, WEB_DOC_MAX);
	buf_init(&more, WEB_DOC_MAX);
	if (deed->scheme == WEB_NEGOTIATE)
		web_negotiate_print(&deed->frame, m->proof, &more);
	body.failed = more.failed;
	web_visit_base(&c->web->sites, &deed->visit, &base);
	soap_ticket_answer_print(&(const struct soap_ticket_answer){ .context = str_of(deed->context), .issuer = buf_str(&base), .audience = str_of(deed->audience),
		.id = m->ticket, .user = m->aor, .since = (int64_t)m->since, .until = (int64_t)m->until, .sealed = m->sealed, .entropy = m->entropy }, &body);
	meter_add(c->web->skel->meter, METER_TICKETS, 1);
	meter_add(c->web->skel->meter, METER_TICKETS_BY_KERBEROS, deed->scheme == WEB_NEGOTIATE ? 1 : 0);
	meter_add(c->web->skel->meter, METER_TICKETS_BY_CERTIFICATE, deed->scheme == WEB_CERTIFICATE ? 1 : 0);
	answer_body(c, &body, XML_TYPE, buf_str(&more));
}

err web_service_error(uint16_t number)
{
	return number == 0 ? OK : number <= ERR_N ? (err){ &err_defs[number - 1] } : ERR(INTERNAL);
}

/* The deed of a question that is over, for the caller to free. */
static struct web_conn *take(struct web *w, uint64_t id, struct web_deed **deed)
{
	struct web_conn *c = web_ask_find(w, id);
	if (c == NULL || c->x.task != WEB_SERVICE || c->x.deed == NULL)
		return NULL; /* the client went away meanwhile */
	*deed = c->x.deed;
	(*deed)->book = c->x.book;
	c->x.deed = NULL;
	c->x.book = NULL;
	web_ask_end(c);
	return c;
}

err web_service_on_tell(struct web *w, str body)
{
	struct ipc_web_ticket_tell m;
	struct web_deed *deed;
	TRY(ipc_web_ticket_tell_parse(&m, body));
	struct web_conn *c = take(w, m.id, &deed);
	if (c == NULL)
		return OK;
	err e = web_service_error(m.error);
	if (failed(e))
		note_ticket_refusal(c, e, m.what);
	if (err_is(e, ERR_SIGN_IN))
		web_proof_demand(c, STR(""));
	else if (failed(e))
		answer_fault(c, e, m.what);
	else
		answer_ticket(c, deed, &m);
	deed_free(deed);
	return OK;
}

/* ---- tickets that are shown ---- */

err web_service_show(struct web_conn *c, const struct web_visit *v, const struct soap_ticket *t, const struct soap_certificate_request *r, struct diag *d)
{
	struct ipc_web_ticket_show m = { .path = v->path, .user = t->user, .ticket = t->id, .since = (uint64_t)t->since, .until = (uint64_t)t->until, .audience = t->audience,
		.sealed = t->sealed, .text = STR(""), .signature = STR(""), .entity = STR(""), .device = STR(""), .request = STR("") };
	TRY(web_ask_check(c->web, d));
	TRY(deed_new(c, v));
	if (r != NULL) {
		m.text = r->signed_bytes;
		m.signature = r->signature;
		m.entity = r->entity;
		m.device = r->device;
		m.request = r->request;
		if (!str_to_z(r->device, c->x.deed->device, sizeof c->x.deed->device) || !str_to_z(r->id, c->x.deed->id, sizeof c->x.deed->id))
			return ERR(CEILING);
	}
	web_ask_begin(c);
	m.id = c->x.id;
	return web_service_asked(c, ipc_send_web_ticket_show(c->web->vault, &m, -1));
}

/* ---- certificates ---- */

/* A message is good in the time that it says itself, which is a ticket's at most. */
static err check_times(const struct soap_certificate_request *r, struct diag *d)
{
	int64_t now = (int64_t)time(NULL);
	if (r->since <= now + SKEW && r->until >= now - SKEW && r->since <= r->until && r->until - r->since <= MESSAGE_SECONDS)
		return OK;
	return diag_fail(d, ERR(REFUSED), "Timestamp", "", "the request is not of this time: look at the clock, and sign in again");
}

static err begin_certificate(struct web_conn *c, const struct http_request *q, const struct web_visit *v, struct diag *d)
{
	struct soap_certificate_request r;
	struct arena a DEFER(arena_fini) = { 0 };
	arena_init(&a, ARENA);
	TRY(soap_certificate_request_read(c->web->xml, q->body, &a, &r, d));
	TRY(check_times(&r, d));
	return web_service_show(c, v, &r.ticket, &r, d);
}

static void answer_certificate(struct web_conn *c, const struct web_deed *deed, const struct ipc_web_ticket_seen *m)
{
	struct buf body DEFER(buf_fini) = { 0 };
	buf_init(&body, SOAP_ANSWER_MAX);
	soap_certificate_answer_print(&(const struct soap_certificate_answer){ .device = str_of(deed->device), .entity = m->aor, .id = str_of(deed->id), .der = m->certificate },
		&body);
	answer_body(c, &body, XML_TYPE, STR(""));
}

/* ---- where a user is at home ---- */

static void demand_ticket(struct web_conn *c, const struct web_visit *v)
{
	struct buf more DEFER(buf_fini) = { 0 };
	buf_init(&more, WEB_DOC_MAX);
	buf_add(&more, STR("X-MS-WebTicketURL: "));
	web_visit_base(&c->web->sites, v, &more);
	buf_add(&more, STR(TICKET_URL "\r\nX-MS-WebTicketSupported: cwt,saml\r\n"));
	if (more.failed)
		web_answer_error(c, ERR(INTERNAL), NULL, NULL);
	else
		web_answer_whole(c, &(const struct web_head){ .status = 401, .type = "text/plain; charset=utf-8", .more = buf_str(&more) }, STR("This needs a web ticket.\n"));
}

/* "opaque=BASE64", of the assertion */
static err read_header(const struct http_request *q, struct arena *a, str *out)
{
	const struct http_field *f = http_field_find(q, STR("X-MS-WebTicket"));
	ENSURE(f != NULL, ABSENT);
	ENSURE(str_begins_case(f->value, STR("opaque=")), MALFORMED);
	str coded = str_trim(str_cut(f->value, 7, f->value.n));
	size_t n = coded.n;
	char *bytes = arena_alloc(a, n + 1);
	ENSURE(bytes != NULL, CEILING);
	TRY(enc_base64_read(coded, bytes, &n));
	*out = (str){ bytes, n };
	return OK;
}

/* A photo belongs to the book: it is shown for a ticket of either path. */
static err show_for(struct web_conn *c, const struct web_visit *v, const struct soap_ticket *t, struct diag *d)
{
	struct web_visit as = *v;
	struct web_book *book = NULL;
	if (v->doc != WEB_DOC_PHOTO)
		return web_service_show(c, v, t, NULL, d);
	TRY(web_book_photo(v->path, &book));
	if (webticket_is_for(t->audience, STR(BOOK_PATH)))
		as.path = STR(BOOK_PATH);
	err e = web_service_show(c, &as, t, NULL, d);
	if (failed(e))
		web_book_free(book);
	else
		c->x.book = book;
	return e;
}

static void on_user_get(struct web_conn *c, const struct http_request *q, const struct web_visit *v)
{
	struct soap_ticket t;
	struct diag d = { 0 };
	struct arena a DEFER(arena_fini) = { 0 };
	str text;
	arena_init(&a, ARENA);
	err e = read_header(q, &a, &text);
	if (!failed(e))
		e = soap_ticket_read(c->web->xml, text, &a, &t, &d);
	if (failed(e)) {
		if (!err_is(e, ERR_ABSENT))
			web_service_note(c, str_of(d.what));
		demand_ticket(c, v);
		return;
	}
	e = show_for(c, v, &t, &d);
	if (failed(e))
		web_answer_error(c, e, &d, NULL);
}

static void answer_user(struct web_conn *c, struct web_deed *deed, const struct ipc_web_ticket_seen *m)
{
	struct diag d = { 0 };
	const char *asked_for = deed->visit.sipuri;
	if (asked_for[0] == '\0' || str_eq_case(str_of(asked_for), m->aor)) {
		web_answer_visit(c, &deed->visit);
		return;
	}
	web_service_note(c, STR("of another user"));
	web_answer_error(c, diag_fail(&d, ERR(REFUSED), "sipuri", "", "The web ticket is of another user."), &d, NULL);
}

/* ---- all of them ---- */

static void begin_search(struct web_conn *c, struct web_deed *deed, str aor)
{
	struct diag d = { 0 };
	struct web_book *book = deed->book;
	deed->book = NULL;
	err e = web_book_ask(c, book, aor, &d);
	if (failed(e))
		web_service_refuse(c, e, &d);
}

static void begin_photo(struct web_conn *c, struct web_deed *deed)
{
	struct diag d = { 0 };
	struct web_book *book = deed->book;
	deed->book = NULL;
	err e = web_book_ask_photo(c, book, &d);
	if (failed(e))
		web_answer_error(c, e, &d, NULL);
}

static void answer_seen(struct web_conn *c, struct web_deed *deed, const struct ipc_web_ticket_seen *m)
{
	err e = web_service_error(m->error);
	bool is_photo = deed->visit.doc == WEB_DOC_PHOTO, is_user = deed->visit.doc == WEB_DOC_USER;
	if (failed(e))
		web_service_note(c, m->what);
	if (!failed(e) && is_user)
		answer_user(c, deed, m);
	else if (!failed(e) && is_photo)
		begin_photo(c, deed);
	else if (!failed(e) && deed->visit.doc == WEB_DOC_BOOK)
		begin_search(c, deed, m->aor);
	else if (!failed(e))
		answer_certificate(c, deed, m);
	else if (!is_user && !is_photo)
		answer_fault(c, e, m->what);
	else if (err_is(e, ERR_REFUSED))
		demand_ticket(c, &deed->visit);
	else
		web_answer_error(c, e, NULL, NULL);
}

err web_service_on_seen(struct web *w, str body)
{
	struct ipc_web_ticket_seen m;
	struct web_deed *deed;
	TRY(ipc_web_ticket_seen_parse(&m, body));
	struct web_conn *c = take(w, m.id, &deed);
	if (c == NULL)
		return OK;
	answer_seen(c, deed, &m);
	deed_free(deed);
	return OK;
}

static void on_post(struct web_conn *c, const struct http_request *q, const struct web_visit *v)
{
	struct diag d = { 0 };
	err e = v->doc == WEB_DOC_BOOK ? web_book_begin(c, q, v, &d) : begin_certificate(c, q, v, &d);
	if (failed(e))
		web_service_refuse(c, e, &d);
}

void web_service_begin(struct web_conn *c, const struct http_request *q, const struct web_visit *v)
{
	static void (*const begin[WEB_DOC_N])(struct web_conn *, const struct http_request *, const struct web_visit *) = {
		[WEB_DOC_TICKET] = on_ticket_post,
		[WEB_DOC_TICKET_CERT] = on_certificate_post,
		[WEB_DOC_CERTIFICATE] = on_post,
		[WEB_DOC_BOOK] = on_post,
		[WEB_DOC_USER] = on_user_get,
		[WEB_DOC_PHOTO] = on_user_get,
	};
	c->x.task = WEB_SERVICE;
	begin[v->doc](c, q, v);
}
