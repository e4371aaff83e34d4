/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of one connection. */
#include "role/web/web_priv.h"

#include <sys/socket.h>

#define READS_PER_TURN 4
#define DROP_FROM      (1 << 20)
#define TAIL_STEP      65536 /* bytes of the tail that are put into the queue at a time */

static void read_all(struct web_conn *c);
static void linger(struct web_conn *c);

void web_up(struct web_conn *c)
{
	c->is_fresh = false;
	web_conn_deadline(c, WEB_LATE_HEADER, WEB_HEADER_MS);
	read_all(c); /* what has come already */
}

static void tls_up(struct web_conn *c)
{
	struct web *w = c->web;
	c->state = WEB_UP;
	web_conn_shaken(c);
	meter_add(w->skel->meter, METER_TLS_DONE, 1);
	meter_add(w->skel->meter, METER_TLS_RESUMED, tls_resumed(c->tls) ? 1 : 0);
	web_up(c);
}

/* The client's certificate was refused. By TLS 1.3 it may have sent its request already, and must see the alert all the same. */
static void let_go(struct web_conn *c)
{
	c->state = WEB_LINGER;
	web_conn_shaken(c);
	meter_add(c->web->skel->meter, METER_TLS_CLIENT_REFUSED, 1);
	linger(c);
	web_watch(c);
}

void web_shake(struct web_conn *c)
{
	char text[ADDR_TEXT];
	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		tls_up(c);
		return;
	case TLS_WANT_READ:
		watch_set(&c->watch, WATCH_READ);
		return;
	case TLS_WANT_WRITE:
		watch_set(&c->watch, WATCH_READ | WATCH_WRITE);
		return;
	case TLS_WAIT:
		watch_set(&c->watch, 0);
		return;
	case TLS_END:
	case TLS_FAILED:
		meter_add(c->web->skel->meter, METER_TLS_FAILED, 1);
		LOG(&c->web->skel->log, TLS_FAILED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_Z("why", tls_error(c->tls)));
		if (tls_refused_peer(c->tls))
			let_go(c);
		else
			web_conn_close(c, "TLS handshake failed");
		return;
	}
}

/* While a request is answered only so much of later ones is read; the rest waits in the system and slows the client down. */
static bool wants_bytes(const struct web_conn *c)
{
	if (c->state != WEB_UP)
		return c->state == WEB_LINGER;
	bool is_waiting = c->x.method[0] != '\0' || c->tail.n != 0 || c->out.n >= WEB_OUT_HIGH;
	return c->in.n < (is_waiting ? WEB_AHEAD_MAX : HTTP_HEADER_MAX + WEB_BODY_MAX);
}

void web_watch(struct web_conn *c)
{
	if (c->state != WEB_UP && c->state != WEB_LINGER)
		return;
	watch_set(&c->watch, (wants_bytes(c) ? WATCH_READ : 0) | (c->out.n != 0 ? WATCH_WRITE : 0));
}

/* As tls_read. */
static enum tls_io take_bytes(struct web_conn *c, char *p, size_t size, size_t *n)
{
	if (!c->is_public)
		return tls_read(c->tls, p, size, n);
	err e = net_read(c->fd, p, size, n);
	if (failed(e))
		return err_is(e, ERR_ABSENT) ? TLS_WANT_READ : TLS_END;
	return TLS_DONE;
}

/* As tls_write. */
static enum tls_io give_bytes(struct web_conn *c, str s, size_t *n)
{
	if (!c->is_public)
		return tls_write(c->tls, s, n);
	if (failed(net_write(c->fd, s, n)))
		return TLS_END;
	return *n == s.n ? TLS_DONE : TLS_WANT_WRITE;
}

static bool has_pending(const struct web_conn *c)
{
	return c->tls != NULL && tls_has_pending(c->tls);
}

static bool read_some(struct web_conn *c)
{
	struct web *w = c->web;
	size_t n = 0;
	enum tls_io io = take_bytes(c, w->read_buffer, sizeof w->read_buffer, &n);
	if (io == TLS_END || io == TLS_FAILED)
		web_conn_close(c, io == TLS_END ? "the client closed" : "TLS failed");
	if (io != TLS_DONE)
		return false;
	buf_add(&c->in, (str){ w->read_buffer, n });
	crypt_wipe(w->read_buffer, n); /* it may have held a password */
	if (c->in.failed)
		web_conn_close(c, "out of memory");
	else
		web_conn_advance(c);
	return c->state == WEB_UP && has_pending(c);
}

static void read_all(struct web_conn *c)
{
	bool more = true;
	for (int i = 0; i < READS_PER_TURN && more && c->state == WEB_UP && wants_bytes(c); i++)
		more = read_some(c);
	if (c->state == WEB_UP && more) {
		c->hungry = true;
		web_mark_dirty(c);
	}
	web_watch(c);
}

/* After the last answer: closing with unread bytes would make the system send a reset, which overtakes the answer. */
static void drop_input(struct web_conn *c)
{
	for (int i = 0; i < READS_PER_TURN; i++) {
		size_t n = 0;
		err e = net_read(c->fd, c->web->read_buffer, sizeof c->web->read_buffer, &n);
		if (err_is(e, ERR_ABSENT))
			return;
		if (failed(e)) {
			web_conn_close(c, "closed after an answer");
			return;
		}
	}
}

static void refill(struct web_conn *c)
{
	size_t n = c->tail.n < TAIL_STEP ? c->tail.n : TAIL_STEP;
	if (c->out.n != 0 || n == 0)
		return;
	buf_add(&c->out, str_cut(c->tail, 0, n));
	c->web->queued += c->out.n;
	c->tail = str_cut(c->tail, n, c->tail.n);
	if (c->tail.n == 0) {
		web_item_unref(c->item);
		c->item = NULL;
	}
	if (c->out.failed)
		web_conn_close(c, "out of memory");
}

/* The end is told in TLS too, so that nobody takes it for a cut. */
static void linger(struct web_conn *c)
{
	if (c->late == WEB_LATE_LINGER)
		return;
	tls_free(c->tls);
	c->tls = NULL;
	(void)shutdown(c->fd, SHUT_WR);
	web_conn_deadline(c, WEB_LATE_LINGER, WEB_LINGER_MS);
}

static void all_sent(struct web_conn *c)
{
	buf_fini(&c->out); /* an idle connection holds no buffer */
	if (c->state == WEB_LINGER) {
		linger(c);
	} else if (c->x.id != 0 && c->late == WEB_LATE_READER) {
		web_conn_deadline(c, WEB_LATE_ANSWER, c->is_public ? WEB_OCSP_MS : WEB_ANSWER_MS);
	} else if (c->x.id == 0) {
		c->is_fresh = c->is_fresh || c->late == WEB_LATE_READER;
		web_conn_advance(c);
	}
}

/* What has left is dropped now and then: dropping moves all that is behind it, and an answer may be long. */
static void taken(struct web_conn *c, size_t n)
{
	c->out_at += n;
	c->web->queued -= n;
	if (c->out_at < c->out.n && (c->out_at < DROP_FROM || c->out_at < c->out.n / 2))
		return;
	buf_drop(&c->out, c->out_at);
	c->out_at = 0;
}

static void flush(struct web_conn *c)
{
	refill(c);
	while (c->out.n != 0 && c->state != WEB_DEAD) {
		size_t n = 0;
		enum tls_io io = give_bytes(c, str_cut(buf_str(&c->out), c->out_at, c->out.n), &n);
		if (io == TLS_END || io == TLS_FAILED) {
			web_conn_close(c, "the client closed");
			return;
		}
		taken(c, n);
		if (n != 0 && c->late == WEB_LATE_READER)
			web_conn_deadline(c, WEB_LATE_READER, WEB_READER_MS);
		if (io != TLS_DONE) {
			if (c->late != WEB_LATE_READER)
				web_conn_deadline(c, WEB_LATE_READER, WEB_READER_MS);
			web_watch(c);
			return;
		}
		refill(c);
	}
	if (c->state != WEB_DEAD)
		all_sent(c);
	web_watch(c);
}

void web_on_ready(void *arg, unsigned events)
{
	struct web_conn *c = arg;
	if (c->state == WEB_HANDSHAKE) {
		web_shake(c);
		return;
	}
	if ((events & WATCH_WRITE) != 0 && (c->state == WEB_UP || c->state == WEB_LINGER))
		flush(c);
	if ((events & WATCH_READ) != 0 && c->state == WEB_UP)
		read_all(c);
	else if ((events & WATCH_READ) != 0 && c->state == WEB_LINGER)
		drop_input(c);
}

void web_flush_all(void *arg)
{
	struct web *w = arg;
	struct list now;
	list_add_before(&w->dirty, &now); /* what gets dirty meanwhile waits for the next turn */
	list_remove(&w->dirty);
	while (!list_is_empty(&now)) {
		struct web_conn *c = LIST_OF(now.next, struct web_conn, node);
		list_remove(&c->node);
		c->is_dirty = false;
		bool was_hungry = c->hungry;
		c->hungry = false;
		flush(c);
		if (c->state == WEB_UP && was_hungry) {
			web_conn_advance(c);
			if (c->state == WEB_UP && has_pending(c))
				read_all(c);
		}
	}
}

void web_mark_dirty(struct web_conn *c)
{
	if (c->is_dirty || (c->state != WEB_UP && c->state != WEB_LINGER))
		return;
	c->is_dirty = true;
	list_add(&c->web->dirty, &c->node);
	loop_defer(c->web->skel->loop, &c->web->flush_task, web_flush_all, c->web);
}
