/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of one connection. */
#include "engine/conn/conn_priv.h"

#include <sys/socket.h>

#define READS_PER_TURN 8 /* of CONN_READ_SIZE at most: one peer cannot keep the others waiting */
#define LINGER_MS 2000   /* for a peer to take the last answer */

static void tell_open(struct conn *c)
{
	const struct conn_door *door = &c->set->c.door;
	void (*tell)(void *arg, struct conn *conn) = c->is_ours ? door->on_open : door->on_accepted;
	if (tell != NULL)
		tell(c->set->c.arg, c);
}

/* Who shows a certificate that proves nothing is served as anybody else; that he tried is told once. */
static void note_refusal(struct conn *c)
{
	char text[ADDR_TEXT];
	const struct tls_refusal *r = tls_peer_refusal(c->tls);
	if (r != NULL)
		LOG(c->set->c.log, PEER_REFUSED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_INT("port", c->peer.port), LOG_Z("reason", r->word), LOG_Z("why", r->why));
}

static void tls_up(struct conn *c)
{
	struct conns *s = c->set;
	note_refusal(c);
	c->state = CONN_UP;
	if (!c->is_ours)
		conn_note_reached(c);
	s->n_handshaking--;
	meter_add(s->c.meter, METER_TLS_PENDING, -1);
	meter_add(s->c.meter, METER_TLS_DONE, 1);
	meter_add(s->c.meter, METER_TLS_RESUMED, tls_resumed(c->tls) ? 1 : 0);
	list_remove(&c->node);
	if (c->trusted)
		conn_deadline(c, LATE_IDLE, s->c.limits.idle_ms);
	else
		conn_deadline(c, LATE_UNAUTHENTICATED, s->c.limits.unauthenticated_ms);
	if (c->out.n != 0)
		conn_mark_dirty(c);
	tell_open(c);
}

static void tls_refused(struct conn *c)
{
	char text[ADDR_TEXT];
	meter_add(c->set->c.meter, METER_TLS_FAILED, 1);
	note_refusal(c);
	LOG(c->set->c.log, TLS_FAILED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_Z("why", tls_error(c->tls)));
	conn_close(c, "TLS handshake failed");
}

static void read_all(struct conn *c);

/* Who has said hello has more time than who says nothing (conn_accept.c). */
static void note_hello(struct conn *c)
{
	if (c->is_greeted || c->is_ours || !tls_is_greeted(c->tls))
		return;
	c->is_greeted = true;
	list_remove(&c->node);
	list_add(&c->set->greeted, &c->node);
}

void conn_shake(struct conn *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		tls_up(c);
		if (c->state != CONN_UP)
			return;
		watch_set(&c->watch, WATCH_READ);
		read_all(c); /* what came along with the end of the handshake */
		return;
	case TLS_WANT_READ:
		note_hello(c);
		watch_set(&c->watch, WATCH_READ);
		return;
	case TLS_WANT_WRITE:
		note_hello(c);
		watch_set(&c->watch, WATCH_READ | WATCH_WRITE);
		return;
	case TLS_WAIT:
		note_hello(c);
		watch_set(&c->watch, 0);
		return;
	case TLS_END:
	case TLS_FAILED:
		tls_refused(c);
		return;
	}
}

static enum tls_io read_some(struct conn *c, size_t *n)
{
	struct conns *s = c->set;
	if (c->tls != NULL)
		return tls_read(c->tls, s->read_buffer, sizeof s->read_buffer, n);
	err e = net_read(c->fd, s->read_buffer, sizeof s->read_buffer, n);
	if (!failed(e))
		return TLS_DONE;
	return err_is(e, ERR_ABSENT) ? TLS_WANT_READ : TLS_END;
}

static void read_all(struct conn *c)
{
	struct conns *s = c->set;
	for (int i = 0; i < READS_PER_TURN && c->state == CONN_UP; i++) {
		size_t n = 0;
		enum tls_io io = read_some(c, &n);
		if (io == TLS_WANT_READ || io == TLS_WANT_WRITE || io == TLS_WAIT)
			return;
		if (io != TLS_DONE) {
			conn_close(c, io == TLS_END ? "the peer closed" : "TLS failed");
			return;
		}
		conn_take(c, (str){ s->read_buffer, n });
		bool more = c->tls != NULL ? c->state == CONN_UP && tls_has_pending(c->tls) : n == sizeof s->read_buffer;
		if (!more)
			return;
	}
	if (c->state != CONN_UP || c->tls == NULL)
		return;
	c->hungry = true;
	conn_mark_dirty(c);
}

static void connected(struct conn *c)
{
	if (failed(net_connected(c->fd))) {
		conn_close(c, "the next hop does not answer");
		return;
	}
	if (c->tls != NULL) {
		c->state = CONN_HANDSHAKE;
		c->set->n_handshaking++;
		meter_add(c->set->c.meter, METER_TLS_PENDING, 1);
		list_add(&c->set->handshaking, &c->node);
		conn_shake(c);
		return;
	}
	c->state = CONN_UP;
	conn_deadline(c, LATE_IDLE, c->set->c.limits.idle_ms);
	watch_set(&c->watch, WATCH_READ);
	if (c->out.n != 0)
		conn_mark_dirty(c);
	tell_open(c);
}

/* After the last answer: closing with unread bytes would make the system send a reset, which overtakes the answer. */
static void drop_input(struct conn *c)
{
	struct conns *s = c->set;
	for (int i = 0; i < READS_PER_TURN; i++) {
		size_t n = 0;
		err e = net_read(c->fd, s->read_buffer, sizeof s->read_buffer, &n);
		if (err_is(e, ERR_ABSENT))
			return;
		if (failed(e)) {
			conn_close(c, "closed after an answer");
			return;
		}
	}
}

void conn_on_ready(void *arg, unsigned events)
{
	struct conn *c = arg;
	if (c->state == CONN_CONNECTING) {
		connected(c);
		return;
	}
	if (c->state == CONN_HANDSHAKE) {
		conn_shake(c);
		return;
	}
	if ((events & WATCH_WRITE) != 0 && (c->state == CONN_UP || c->state == CONN_FLUSHING))
		conn_flush(c);
	if ((events & WATCH_READ) != 0 && c->state == CONN_UP)
		read_all(c);
	else if ((events & WATCH_READ) != 0 && c->state == CONN_FLUSHING)
		drop_input(c);
}

static enum tls_io write_some(struct conn *c, size_t *n)
{
	if (c->tls != NULL)
		return tls_write(c->tls, buf_str(&c->out), n);
	err e = net_write(c->fd, buf_str(&c->out), n);
	if (failed(e))
		return TLS_END;
	return *n < c->out.n ? TLS_WANT_WRITE : TLS_DONE;
}

static void all_sent(struct conn *c)
{
	buf_fini(&c->out); /* an idle connection holds no buffer */
	watch_set(&c->watch, WATCH_READ);
	if (c->state == CONN_FLUSHING) {
		(void)shutdown(c->fd, SHUT_WR);
		conn_deadline(c, LATE_LINGER, LINGER_MS);
		return;
	}
	if (c->late == LATE_READER)
		conn_deadline(c, c->trusted ? LATE_IDLE : LATE_UNAUTHENTICATED,
			c->trusted ? c->set->c.limits.idle_ms : c->set->c.limits.unauthenticated_ms);
}

void conn_flush(struct conn *c)
{
	while (c->out.n != 0) {
		size_t n = 0;
		enum tls_io io = write_some(c, &n);
		if (io == TLS_END || io == TLS_FAILED) {
			conn_close(c, "the peer closed");
			return;
		}
		buf_drop(&c->out, n);
		if (io != TLS_DONE) {
			watch_set(&c->watch, io == TLS_WANT_READ ? WATCH_READ : WATCH_READ | WATCH_WRITE);
			if (c->late != LATE_READER)
				conn_deadline(c, LATE_READER, c->set->c.limits.message_ms);
			return;
		}
	}
	all_sent(c);
}

void conn_flush_all(void *arg)
{
	struct conns *s = arg;
	struct list now;
	list_add_before(&s->dirty, &now); /* what gets dirty meanwhile waits for the next turn */
	list_remove(&s->dirty);
	while (!list_is_empty(&now)) {
		struct conn *c = LIST_OF(now.next, struct conn, node);
		list_remove(&c->node);
		c->dirty = false;
		conn_flush(c);
		if (c->state == CONN_UP && c->hungry) {
			c->hungry = false;
			read_all(c);
		}
	}
}

void conn_mark_dirty(struct conn *c)
{
	if (c->dirty || (c->state != CONN_UP && c->state != CONN_FLUSHING))
		return;
	c->dirty = true;
	list_add(&c->set->dirty, &c->node);
	loop_defer(c->set->c.loop, &c->set->flush_task, conn_flush_all, c->set);
}

err conn_send(struct conns *s, const struct flow *f, str bytes)
{
	struct conn *c = conn_find(s, f);
	ENSURE(c != NULL && c->state != CONN_FLUSHING, SIP_FLOW_FAILED);
	buf_add(&c->out, bytes);
	if (c->out.failed) {
		meter_add(s->c.meter, METER_CONN_QUEUE, 1);
		conn_close(c, "more waits for the peer than its queue may hold");
		return ERR(SIP_FLOW_FAILED);
	}
	conn_mark_dirty(c);
	return OK;
}
