/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: its deadlines, its requests one after another, and its end. */
#include "role/web/web_priv.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- deadlines ---- */

static const struct {
	enum meter_id meter;
	const char *why;
} lates[] = {
	[WEB_LATE_HANDSHAKE] = { METER_TLS_TIMEOUT, "the TLS handshake took too long" },
	[WEB_LATE_HEADER] = { METER_CONN_SLOW, "the header of a request was not finished in time" },
	[WEB_LATE_BODY] = { METER_CONN_SLOW, "the body of a request was not finished in time" },
	[WEB_LATE_IDLE] = { METER_WEB_IDLE, "nothing was asked for a while" },
	[WEB_LATE_READER] = { METER_CONN_SLOW, "the client does not read its answer" },
	[WEB_LATE_ANSWER] = { METER_WEB_LATE, "vault does not answer" },
	[WEB_LATE_LINGER] = { METER_WEB_IDLE, "closed after an answer" },
};

static void on_late(struct web_conn *c)
{
	if (c->late == WEB_LATE_ANSWER && c->x.task == WEB_OCSP && c->x.id != 0) {
		web_ocsp_late(c);
		return;
	}
	meter_add(c->web->skel->meter, lates[c->late].meter, 1);
	if (c->late == WEB_LATE_ANSWER && c->x.status == 0) {
		web_forget(c);
		c->x.keep_alive = false;
		web_answer_error(c, ERR(TIMEOUT), NULL, NULL);
		return;
	}
	web_conn_close(c, lates[c->late].why);
}

static void look_at_deadline(void *arg)
{
	struct web_conn *c = arg;
	uint64_t now = loop_now(c->web->skel->loop);
	if (c->deadline <= now)
		on_late(c);
	else if (failed(timer_set(loop_timers(c->web->skel->loop), &c->timer, c->deadline - now, look_at_deadline, c)))
		web_conn_close(c, "out of memory");
}

void web_conn_deadline(struct web_conn *c, enum web_late late, uint32_t ms)
{
	c->late = (uint8_t)late;
	c->deadline = loop_now(c->web->skel->loop) + ms;
	if (timer_is_set(&c->timer) && c->timer.at <= c->deadline)
		return; /* it will look, and set itself again */
	if (failed(timer_set(loop_timers(c->web->skel->loop), &c->timer, ms, look_at_deadline, c)))
		web_conn_close(c, "out of memory");
}

/* ---- the beginning and the end ---- */

/* Counts it among those over plain HTTP, or among the handshakes under way. */
static void enter(struct web *w, struct web_conn *c)
{
	w->n++;
	w->n_at[c->at]++;
	meter_add(w->skel->meter, METER_CONN_OPEN, 1);
	list_init(&c->node);
	list_init(&c->row);
	if (c->is_public) {
		w->n_public++;
		list_add(&w->public_conns, &c->row);
		return;
	}
	w->n_handshaking[c->at != WEB_AT_MANAGEMENT]++;
	list_add(&w->handshaking[c->at != WEB_AT_MANAGEMENT], &c->node);
	meter_add(w->skel->meter, METER_TLS_PENDING, 1);
}

void web_conn_shaken(struct web_conn *c)
{
	c->web->n_handshaking[c->at != WEB_AT_MANAGEMENT]--;
	list_remove(&c->node);
	meter_add(c->web->skel->meter, METER_TLS_PENDING, -1);
}

err web_conn_open(const struct web_listener *l, int fd, const struct addr *peer, struct web_conn **out)
{
	struct web *w = l->web;
	bool is_public = web_entrances[l->at].usage == NULL;
	struct web_conn *c = calloc(1, sizeof *c);
	ENSURE(c != NULL, NO_MEMORY);
	*c = (struct web_conn){ .web = w, .fd = fd, .peer = *peer, .state = is_public ? WEB_UP : WEB_HANDSHAKE, .is_fresh = true,
		.is_public = is_public, .at = (uint8_t)l->at, .port = l->port };
	buf_init(&c->in, HTTP_HEADER_MAX + WEB_BODY_MAX + WEB_AHEAD_MAX + sizeof w->read_buffer);
	buf_init(&c->out, WEB_QUEUE_MAX);
	buf_init(&c->x.collected, WEB_COLLECT_MAX);
	err e = slots_add(&w->slots, c, &c->slot);
	if (!failed(e))
		e = watch_open(w->skel->loop, &c->watch, fd, web_on_ready, c);
	if (failed(e)) {
		slots_remove(&w->slots, c->slot);
		free(c);
		return e;
	}
	enter(w, c);
	*out = c;
	return OK;
}

static void closed(void *arg)
{
	struct web_conn *c = arg;
	net_close(c->fd);
	free(c);
}

static void wipe(struct buf *b)
{
	if (b->p != NULL)
		crypt_wipe(b->p, b->size);
	buf_fini(b);
}

/* At the end of the turn: nobody is inside a call about these connections any more. */
static void bury(void *arg)
{
	struct web *w = arg;
	while (!list_is_empty(&w->dead)) {
		struct web_conn *c = LIST_OF(w->dead.next, struct web_conn, node);
		list_remove(&c->node);
		web_address_leave(w, c->address);
		tls_free(c->tls);
		web_proof_end(c);
		web_service_end(c);
		web_item_unref(c->item);
		w->queued -= c->out.n - c->out_at;
		wipe(&c->in);
		wipe(&c->out);
		wipe(&c->x.collected);
		crypt_wipe(c->x.session, sizeof c->x.session);
		watch_close(&c->watch, closed);
	}
}

void web_conn_close(struct web_conn *c, const char *why)
{
	struct web *w = c->web;
	char text[ADDR_TEXT];
	if (c->state == WEB_DEAD)
		return;
	if (c->state == WEB_HANDSHAKE)
		web_conn_shaken(c);
	c->state = WEB_DEAD;
	web_forget(c);
	w->n_large -= c->is_large ? 1 : 0;
	timer_clear(loop_timers(w->skel->loop), &c->timer);
	watch_set(&c->watch, 0);
	slots_remove(&w->slots, c->slot);
	w->n--;
	w->n_at[c->at]--;
	w->n_public -= c->is_public ? 1 : 0;
	list_remove(&c->row);
	meter_add(w->skel->meter, METER_CONN_OPEN, -1);
	LOG(&w->skel->log, CONN_CLOSED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_INT("port", c->peer.port), LOG_Z("why", why));
	list_remove(&c->node);
	list_add(&w->dead, &c->node);
	loop_defer(w->skel->loop, &w->bury_task, bury, w);
}

/* ---- requests ---- */

static void note_request(struct web_conn *c, const struct http_request *q)
{
	struct web_exchange *x = &c->x;
	*x = (struct web_exchange){ .since = loop_now(c->web->skel->loop), .collected = x->collected, .deed = x->deed, .book = x->book, .minor = (uint8_t)q->minor,
		.is_site = c->at == WEB_AT_HTTPS || c->at == WEB_AT_EXTERNAL_HTTPS, .is_head = q->method == HTTP_HEAD, .keep_alive = q->keep_alive && !c->web->is_draining };
	buf_reset(&x->collected);
	(void)str_to_z(str_cut(q->method_name, 0, sizeof x->method - 1), x->method, sizeof x->method);
	(void)str_to_z(str_cut(q->path, 0, sizeof x->path - 1), x->path, sizeof x->path);
	(void)str_to_z(str_cut(q->host, 0, sizeof x->host - 1), x->host, sizeof x->host);
}

/* What cannot be read, or may not come: the body that follows is not waited for, so nothing can follow it. */
static void refuse(struct web_conn *c, err e, const struct diag *d, const char *allow)
{
	c->x.keep_alive = false;
	web_answer_error(c, e, d, allow);
}

static void refuse_unread(struct web_conn *c, err e, const struct diag *d)
{
	note_request(c, &(struct http_request){ .minor = 1, .method = HTTP_OTHER, .method_name = STR("-"), .path = STR("-") });
	refuse(c, e, d, NULL);
}

/* Memory for large bodies is for few at a time. */
static err take_large(struct web_conn *c, struct diag *d)
{
	struct web *w = c->web;
	if (c->reader.content <= WEB_LARGE || c->is_large)
		return OK;
	if (w->n_large >= WEB_LARGE_MAX)
		return diag_fail(d, ERR(BUSY), "body", "try again soon", "too many large requests are coming in");
	c->is_large = true;
	w->n_large++;
	return OK;
}

/* What everybody may have stands at any name; where there is no such thing, the site of that side answers. */
static err find_public(struct web_conn *c, const struct http_request *q, struct web_route *r, struct diag *d)
{
	struct diag why = { 0 };
	err e = web_public_find(&c->web->public, q, c->reader.content, r, d);
	if (!err_is(e, ERR_ABSENT))
		return e;
	err visited = web_site_find(&c->web->sites, web_entrances[c->at].outside, true, q, c->reader.content, r, &why);
	if (err_is(visited, ERR_HTTP_HOST))
		return e;
	*d = why;
	return visited;
}

/* Which site shares the port of management; *outside says. */
static bool is_shared(const struct web_conn *c, bool *outside)
{
	const struct web_sites *s = &c->web->sites;
	*outside = s->inside.port != c->port;
	return s->inside.port == c->port || s->outside.port == c->port;
}

static err find_route(struct web_conn *c, const struct http_request *q, struct web_route *r, struct diag *d)
{
	bool outside = web_entrances[c->at].outside;
	if (c->is_public)
		return find_public(c, q, r, d);
	if (c->at == WEB_AT_MANAGEMENT && (web_route_is(q->path) || !is_shared(c, &outside)))
		return web_route_find(q, c->web->mac, r, d);
	c->x.is_site = true;
	return web_site_find(&c->web->sites, outside, false, q, c->reader.content, r, d);
}

/* Once the header is there: may the body come? */
static err check_header(struct web_conn *c, const struct http_request *q, struct web_route *r, struct diag *d)
{
	note_request(c, q);
	TRY(find_route(c, q, r, d));
	TRY(take_large(c, d));
	if (!c->is_checked && q->expects_continue && q->body.n < c->reader.content) {
		buf_add(&c->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
		c->web->queued += sizeof "HTTP/1.1 100 Continue\r\n\r\n" - 1;
		web_mark_dirty(c);
	}
	c->is_checked = true;
	return OK;
}

static void wait_for_more(struct web_conn *c)
{
	if (c->in.n == 0 && !c->is_fresh)
		return; /* idle already, and the time runs */
	enum web_late late = c->reader.has_header ? WEB_LATE_BODY : c->in.n != 0 ? WEB_LATE_HEADER : WEB_LATE_IDLE;
	if (c->late == late && !c->is_fresh)
		return; /* one more byte does not move the deadline */
	uint32_t idle = c->is_public ? WEB_PUBLIC_IDLE_MS : WEB_IDLE_MS;
	c->is_fresh = false;
	web_conn_deadline(c, late, late == WEB_LATE_BODY && !c->is_public ? WEB_BODY_MS : late != WEB_LATE_IDLE ? WEB_HEADER_MS : idle);
}

static void drop_input(struct web_conn *c, size_t n)
{
	crypt_wipe(c->in.p, n); /* it may have held a password */
	buf_drop(&c->in, n);
	if (c->in.n == 0)
		buf_fini(&c->in);
	c->web->n_large -= c->is_large ? 1 : 0;
	c->is_large = c->is_checked = false;
	c->is_fresh = true;
	c->reader = (struct http_reader){ 0 };
}

/* Answers whether there may be another one behind it. */
static bool take_request(struct web_conn *c)
{
	struct http_request q;
	struct web_route r;
	struct diag d = { 0 };
	size_t taken = 0;
	err e = http_request_read(&c->reader, buf_str(&c->in), WEB_BODY_MAX, &q, &taken, &d);
	if (failed(e) && !err_is(e, ERR_INCOMPLETE)) {
		refuse_unread(c, e, &d);
		return false;
	}
	if (c->reader.has_header && (!c->is_checked || !failed(e))) {
		err refused = check_header(c, &q, &r, &d);
		if (failed(refused)) {
			/* a whole request that is refused leaves the connection usable */
			c->x.keep_alive = c->x.keep_alive && !failed(e);
			web_answer_error(c, refused, &d, r.allow);
			if (!failed(e))
				drop_input(c, taken);
			return !failed(e);
		}
	}
	if (failed(e)) {
		c->x.method[0] = '\0'; /* noted again when all of it is there */
		wait_for_more(c);
		return false;
	}
	web_begin(c, &q, &r);
	drop_input(c, taken);
	return true;
}

static bool may_take(const struct web_conn *c)
{
	return c->state == WEB_UP && c->x.method[0] == '\0' && c->tail.n == 0 && c->out.n < WEB_OUT_HIGH;
}

void web_conn_advance(struct web_conn *c)
{
	bool more = true;
	for (int i = 0; i < WEB_PIPELINE && more && may_take(c); i++)
		more = take_request(c);
	if (more && may_take(c) && c->in.n != 0) {
		c->hungry = true;
		web_mark_dirty(c);
	} else if (may_take(c) && c->in.n == 0) {
		wait_for_more(c);
	}
	web_watch(c);
}

/* Counted and logged apart, so that a flood of them hides nothing of what administrators do. */
static void log_public(struct web_conn *c)
{
	struct web *w = c->web;
	char text[ADDR_TEXT];
	meter_add(w->skel->meter, METER_WEB_PUBLIC, 1);
	meter_add(w->skel->meter, METER_WEB_PUBLIC_REFUSED, c->x.status >= 400 ? 1 : 0);
	LOG(&w->skel->log, WEB_PUBLIC, LOG_Z("method", c->x.method), LOG_Z("path", c->x.path), LOG_INT("status", c->x.status),
		LOG_INT("bytes", c->x.sent), LOG_Z("peer", addr_print(&c->peer, text)));
}

static void log_site(struct web_conn *c)
{
	struct web *w = c->web;
	char text[ADDR_TEXT];
	meter_add(w->skel->meter, METER_WEB_SITE, 1);
	meter_add(w->skel->meter, METER_WEB_SITE_REFUSED, c->x.status >= 400 ? 1 : 0);
	LOG(&w->skel->log, WEB_SITE, LOG_Z("site", web_entrances[c->at].site), LOG_Z("method", c->x.method), LOG_Z("host", c->x.host), LOG_Z("path", c->x.path),
		LOG_INT("status", c->x.status), LOG_INT("bytes", c->x.sent), LOG_Z("peer", addr_print(&c->peer, text)));
}

static void log_request(struct web_conn *c)
{
	struct web *w = c->web;
	struct web_exchange *x = &c->x;
	char text[ADDR_TEXT];
	meter_add(w->skel->meter, METER_WEB_REQUESTS, 1);
	meter_add(w->skel->meter, METER_WEB_REFUSED, x->status >= 400 && x->status < 500 ? 1 : 0);
	meter_add(w->skel->meter, METER_WEB_FAILED, x->status >= 500 ? 1 : 0);
	LOG(&w->skel->log, WEB_REQUEST, LOG_Z("method", x->method), LOG_Z("path", x->path), LOG_INT("status", x->status),
		LOG_INT("bytes", x->sent), LOG_INT("milliseconds", loop_now(w->skel->loop) - x->since),
		LOG_Z("peer", addr_print(&c->peer, text)), LOG_Z("user", x->user[0] != '\0' ? x->user : "-"));
}

void web_conn_done(struct web_conn *c)
{
	if (c->is_public)
		log_public(c);
	else if (c->x.is_site)
		log_site(c);
	else
		log_request(c);
	bool stays = c->x.keep_alive;
	c->x.method[0] = '\0';
	c->x.id = 0;
	crypt_wipe(c->x.session, sizeof c->x.session);
	if (!stays)
		c->state = WEB_LINGER; /* closed when everything has left */
	c->is_fresh = true;
	web_mark_dirty(c);
}
