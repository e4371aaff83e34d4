/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: what each of them carries, and their bodies whole or in pieces. */
#include "role/web/web_priv.h"

#include <stdio.h>
#include <time.h>

#define JSON_TYPE "application/json"

/* What a browser may do with an answer: nothing but hand it to the page that asked (OWASP: secure headers). */
static const struct {
	str name, value;
} fixed[] = {
#define FIELD(name, value) { { name, sizeof name - 1 }, { value, sizeof value - 1 } }
	FIELD("Strict-Transport-Security", "max-age=31536000"), /* the first; over plain HTTP it may not be said (RFC 6797 7.2) */
	FIELD("Cache-Control", "no-store"),
	FIELD("X-Content-Type-Options", "nosniff"),
	FIELD("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
	FIELD("Referrer-Policy", "no-referrer"),
#undef FIELD
};

static void print_head(struct web_conn *c, const struct web_head *h)
{
	struct buf *b = &c->out;
	http_status_print(b, h->status, (int64_t)time(NULL));
	for (size_t i = c->is_public ? 1 : 0; i < sizeof fixed / sizeof fixed[0]; i++)
		http_field_print(b, fixed[i].name, fixed[i].value);
	if (h->type != NULL)
		http_field_print(b, STR("Content-Type"), str_of(h->type));
	if (h->status == 401 && !c->x.is_site)
		http_field_print(b, STR("WWW-Authenticate"), STR("Bearer"));
	if (h->status == 405 && h->allow != NULL)
		http_field_print(b, STR("Allow"), str_of(h->allow));
	if (h->location != NULL)
		http_field_print(b, STR("Location"), str_of(h->location));
	if (h->cookie != NULL)
		http_field_print(b, STR("Set-Cookie"), str_of(h->cookie));
	if (h->retry_after != 0)
		buf_printf(b, "Retry-After: %u\r\n", h->retry_after);
	buf_add(b, h->more);
	if (!c->x.keep_alive)
		http_field_print(b, STR("Connection"), STR("close"));
	c->x.status = (uint16_t)h->status;
}

/* Counts what was added since there were `before` bytes; too much ends the connection. False: it has ended. */
static bool count(struct web_conn *c, size_t before)
{
	struct web *w = c->web;
	w->queued += c->out.n - before;
	if (!c->out.failed && w->queued <= WEB_QUEUES_MAX) {
		web_mark_dirty(c);
		return true;
	}
	meter_add(w->skel->meter, METER_CONN_QUEUE, 1);
	LOG(&w->skel->log, LIMIT_REACHED, LOG_Z("limit", "bytes of answers that wait"), LOG_INT("value", w->queued));
	web_conn_close(c, "more waits for the client than its queue may hold");
	return false;
}

void web_answer_whole(struct web_conn *c, const struct web_head *h, str body)
{
	size_t before = c->out.n;
	print_head(c, h);
	if (h->type != NULL)
		http_length_print(&c->out, body.n);
	else
		http_end_print(&c->out);
	if (h->type != NULL && !c->x.is_head) {
		buf_add(&c->out, body);
		c->x.sent = body.n;
	}
	if (count(c, before))
		web_conn_done(c);
}

void web_answer_static(struct web_conn *c, const struct web_head *h, str body)
{
	size_t before = c->out.n;
	print_head(c, h);
	http_length_print(&c->out, body.n);
	if (!c->x.is_head) {
		c->tail = body;
		c->x.sent = body.n;
	}
	if (count(c, before))
		web_conn_done(c);
}

/* Of a web site: a line for people, since no program looks into it. */
static void answer_site_error(struct web_conn *c, err e, const struct diag *d, const char *allow)
{
	struct buf body DEFER(buf_fini) = { 0 };
	struct web_head h = { .status = e.def->http, .type = "text/plain; charset=utf-8", .allow = allow, .retry_after = e.def->http == 503 ? 1 : 0 };
	buf_init(&body, 1024);
	buf_printf(&body, "%s\n", d != NULL && d->what[0] != '\0' ? d->what : e.def->text);
	web_answer_whole(c, &h, buf_str(&body));
}

void web_answer_visit(struct web_conn *c, const struct web_visit *v)
{
	struct buf body DEFER(buf_fini) = { 0 }, location DEFER(buf_fini) = { 0 };
	struct web_head h = { .status = 200 };
	buf_init(&body, WEB_DOC_MAX);
	buf_init(&location, WEB_DOC_MAX);
	web_visit_print(&c->web->sites, v, &h, &location, &body);
	buf_add_char(&location, '\0');
	h.location = location.n > 1 ? location.p : NULL;
	if (body.failed || location.failed)
		web_answer_error(c, ERR(INTERNAL), NULL, NULL);
	else
		web_answer_whole(c, &h, buf_str(&body));
}

/* Over plain HTTP: a line for people, since no program looks into it. */
static void answer_public_error(struct web_conn *c, err e, const struct diag *d, const char *allow)
{
	size_t before = c->out.n;
	struct buf *b = &c->out, body DEFER(buf_fini) = { 0 };
	buf_init(&body, 1024);
	buf_printf(&body, "%s\n", d != NULL && d->what[0] != '\0' ? d->what : e.def->text);
	http_status_print(b, e.def->http, (int64_t)time(NULL));
	http_field_print(b, STR("Content-Type"), STR("text/plain; charset=utf-8"));
	http_field_print(b, STR("Cache-Control"), STR("no-store"));
	http_field_print(b, STR("X-Content-Type-Options"), STR("nosniff"));
	if (e.def->http == 405 && allow != NULL)
		http_field_print(b, STR("Allow"), str_of(allow));
	if (!c->x.keep_alive)
		http_field_print(b, STR("Connection"), STR("close"));
	http_length_print(b, body.n);
	c->x.status = (uint16_t)e.def->http;
	if (!c->x.is_head) {
		buf_add(b, buf_str(&body));
		c->x.sent = body.n;
	}
	if (count(c, before))
		web_conn_done(c);
}

/* The bytes are sent from where they are; they live as long as somebody sends them. */
void web_answer_item(struct web_conn *c, const struct http_request *q, struct web_item *i)
{
	size_t before = c->out.n;
	int64_t now = (int64_t)time(NULL);
	bool is_known = q != NULL && q->method != HTTP_POST && http_is_unchanged(q, str_of(i->etag), i->since);
	c->x.status = is_known ? 304 : 200;
	http_status_print(&c->out, c->x.status, now);
	web_public_print(i, now, &c->out);
	if (!c->x.keep_alive)
		http_field_print(&c->out, STR("Connection"), STR("close"));
	if (is_known)
		http_end_print(&c->out);
	else
		http_length_print(&c->out, i->n);
	if (!is_known && !c->x.is_head) {
		c->item = web_item_ref(i);
		c->tail = (str){ i->bytes, i->n };
		c->x.sent = i->n;
	}
	if (count(c, before))
		web_conn_done(c);
}

void web_answer_error(struct web_conn *c, err e, const struct diag *d, const char *allow)
{
	if (c->is_public) {
		answer_public_error(c, e, d, allow);
		return;
	}
	if (c->x.is_site) {
		answer_site_error(c, e, d, allow);
		return;
	}
	struct buf b DEFER(buf_fini) = { 0 };
	struct web_head h = { .status = e.def->http, .type = JSON_TYPE, .allow = allow };
	if (h.status == 503)
		h.retry_after = 1;
	buf_init(&b, 8192);
	web_error_print(&b, e, d);
	web_answer_whole(c, &h, buf_str(&b));
}

void web_answer_begin(struct web_conn *c, const struct web_head *h)
{
	size_t before = c->out.n;
	c->x.in_chunks = c->x.minor != 0;
	if (!c->x.in_chunks)
		c->x.keep_alive = false; /* HTTP/1.0: the end of the connection is the end of the body */
	print_head(c, h);
	if (c->x.in_chunks)
		http_chunked_print(&c->out);
	else
		http_end_print(&c->out);
	(void)count(c, before);
}

void web_answer_piece(struct web_conn *c, str bytes, bool is_last)
{
	size_t before = c->out.n;
	if (c->state == WEB_DEAD)
		return;
	if (!c->x.is_head) {
		c->x.sent += bytes.n;
		if (c->x.in_chunks)
			http_chunk_print(&c->out, bytes);
		else
			buf_add(&c->out, bytes);
		if (is_last && c->x.in_chunks)
			http_last_chunk_print(&c->out);
	}
	if (count(c, before) && is_last)
		web_conn_done(c);
}
