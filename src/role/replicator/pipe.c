/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: TCP, TLS, and then frames both ways. */
#include "role/replicator/replicator_priv.h"

#include <stdlib.h>

enum { READ_SIZE = 65536, READS_A_TURN = 8, IN_MAX = REPLICA_FRAME_HEAD + REPLICA_BODY_MAX + READ_SIZE, OUT_MAX = 3 << 20 };

static void on_closed(void *arg)
{
	struct pipe *p = arg;
	tls_free(p->tls);
	net_close(p->fd);
	buf_fini(&p->in);
	buf_fini(&p->out);
	free(p);
}

void pipe_close(struct pipe *p, const char *why)
{
	if (p->state == PIPE_DEAD)
		return;
	bool was_up = p->state == PIPE_UP;
	p->state = PIPE_DEAD;
	timer_clear(loop_timers(p->r->skel->loop), &p->timer);
	loop_undefer(&p->work);
	list_remove(&p->node);
	watch_close(&p->watch, on_closed);
	if (!was_up && p->tls != NULL) {
		tls_free(p->tls); /* a handshake under way holds a signature */
		p->tls = NULL;
	}
	replicator_on_down(p, why);
}

/* ---- out ---- */

static void flush(struct pipe *p)
{
	while (p->out.n != 0) {
		size_t n = 0;
		enum tls_io io = tls_write(p->tls, buf_str(&p->out), &n);
		if (io == TLS_END || io == TLS_FAILED) {
			pipe_close(p, "the other side closed");
			return;
		}
		buf_drop(&p->out, n);
		if (io != TLS_DONE) {
			watch_set(&p->watch, WATCH_READ | WATCH_WRITE);
			return;
		}
	}
	buf_fini(&p->out); /* an idle connection holds no buffer */
	watch_set(&p->watch, WATCH_READ);
}

static void read_on(struct pipe *p);

static void work(void *arg)
{
	struct pipe *p = arg;
	bool hungry = p->is_hungry;
	p->is_hungry = false;
	flush(p);
	if (hungry && p->state == PIPE_UP)
		read_on(p);
}

/* Who is enrolling is nobody yet: whatever of the store was meant for the server that had this name before, vault has not heard that it is gone. */
static bool may_hear(const struct pipe *p, enum replica_frame type)
{
	return !p->is_enrolling || type == REPLICA_ENROLLED || type == REPLICA_REFUSED || type == REPLICA_PING;
}

void pipe_send(struct pipe *p, enum replica_frame type, str body)
{
	if (p->state != PIPE_UP || !may_hear(p, type))
		return;
	replica_frame_print(&p->out, type, body);
	if (p->out.failed)
		pipe_close(p, "more waits for it than may");
	else
		loop_defer(p->r->skel->loop, &p->work, work, p);
}

/* ---- in ---- */

static err take_frames(struct pipe *p)
{
	size_t at = 0;
	err e = OK;
	while (!failed(e) && p->state == PIPE_UP) {
		enum replica_frame type;
		str body;
		size_t taken;
		e = replica_frame_read(str_cut(buf_str(&p->in), at, p->in.n), &type, &body, &taken);
		if (!failed(e))
			e = replicator_on_frame(p, type, body);
		at += taken;
	}
	if (p->state != PIPE_UP)
		return OK;
	buf_drop(&p->in, at);
	if (p->in.n == 0)
		buf_fini(&p->in);
	return err_is(e, ERR_INCOMPLETE) ? OK : e;
}

static enum tls_io read_some(struct pipe *p)
{
	size_t n = 0;
	if (!buf_reserve(&p->in, READ_SIZE))
		return TLS_FAILED;
	enum tls_io io = tls_read(p->tls, p->in.p + p->in.n, READ_SIZE, &n);
	p->in.n += n;
	if (n != 0)
		p->heard = loop_now(p->r->skel->loop);
	return io;
}

static void read_on(struct pipe *p)
{
	enum tls_io io = TLS_DONE;
	err e = OK;
	for (int i = 0; i < READS_A_TURN && io == TLS_DONE && !failed(e) && p->state == PIPE_UP; i++) {
		io = read_some(p);
		if (io == TLS_DONE)
			e = take_frames(p);
	}
	if (p->state != PIPE_UP)
		return;
	if (failed(e)) {
		pipe_close(p, "it breaks the protocol");
	} else if (io == TLS_END || io == TLS_FAILED) {
		pipe_close(p, io == TLS_END ? "the other side closed" : "TLS failed");
	} else if (io == TLS_DONE) {
		p->is_hungry = true;
		loop_defer(p->r->skel->loop, &p->work, work, p);
	}
}

/* ---- up ---- */

static void on_tick(void *arg)
{
	struct pipe *p = arg;
	struct loop *l = p->r->skel->loop;
	if (p->state != PIPE_UP || !p->is_proven) {
		pipe_close(p, "the handshake took too long");
		return;
	}
	if (loop_now(l) > p->heard + SILENCE_MS) {
		pipe_close(p, "nothing was heard of it");
		return;
	}
	pipe_send(p, REPLICA_PING, STR(""));
	if (p->state == PIPE_UP && failed(timer_set(loop_timers(l), &p->timer, PING_MS, on_tick, p)))
		pipe_close(p, "out of memory");
}

static void refused(struct pipe *p)
{
	char text[ADDR_TEXT], why[200];
	(void)str_to_z(str_of(tls_error(p->tls)), why, sizeof why);
	LOG(&p->r->skel->log, TLS_FAILED, LOG_Z("peer", addr_print(&p->peer, text)), LOG_Z("why", why));
	meter_add(p->r->skel->meter, METER_TLS_FAILED, 1);
	p->is_refused = p->link != NULL && tls_refused_peer(p->tls);
	pipe_close(p, why);
}

static void shake(struct pipe *p)
{
	switch (tls_handshake(p->tls)) {
	case TLS_DONE:
		p->state = PIPE_UP;
		p->heard = loop_now(p->r->skel->loop);
		watch_set(&p->watch, WATCH_READ);
		replicator_on_up(p);
		if (p->state == PIPE_UP)
			read_on(p); /* what came along with the end of the handshake */
		return;
	case TLS_WANT_READ:
		watch_set(&p->watch, WATCH_READ);
		return;
	case TLS_WANT_WRITE:
		watch_set(&p->watch, WATCH_READ | WATCH_WRITE);
		return;
	case TLS_WAIT:
		watch_set(&p->watch, 0);
		return;
	case TLS_END:
	case TLS_FAILED:
		refused(p);
		return;
	}
}

static void resume(void *arg)
{
	struct pipe *p = arg;
	if (p->state == PIPE_SHAKING)
		shake(p);
}

static void on_ready(void *arg, unsigned events)
{
	struct pipe *p = arg;
	if (p->state == PIPE_CONNECTING) {
		if (failed(net_connected(p->fd))) {
			pipe_close(p, "it does not answer");
			return;
		}
		p->state = PIPE_SHAKING;
	}
	if (p->state == PIPE_SHAKING) {
		shake(p);
		return;
	}
	if ((events & WATCH_WRITE) != 0 && p->state == PIPE_UP)
		flush(p);
	if ((events & WATCH_READ) != 0 && p->state == PIPE_UP)
		read_on(p);
}

void pipe_judge_again(struct pipe *p)
{
	char text[ADDR_TEXT];
	if (p->state != PIPE_UP || p->is_enrolling || !failed(tls_judge_again(p->tls)))
		return;
	const struct tls_refusal *why = tls_peer_refusal(p->tls);
	meter_add(p->r->skel->meter, METER_CONN_REVOKED, 1);
	LOG(&p->r->skel->log, PEER_REVOKED, LOG_Z("peer", addr_print(&p->peer, text)), LOG_INT("port", p->peer.port), LOG_Z("why", why != NULL ? why->why : ""));
	pipe_close(p, "what the other server's certificate proved was taken back");
}

static err begin(struct pipe *p)
{
	struct replicator *r = p->r;
	if (p->link != NULL) { /* the servers of an Edge pool share a certificate for its name */
		TRY(tls_connect(r->tls, p->fd, str_of(p->link->fqdn), resume, p, &p->tls));
		p->is_enrolling = p->link->tries_enrol;
		if (p->is_enrolling)
			tls_expect_nobody(p->tls);
		return tls_expect_also(p->tls, str_of(p->link->pool));
	}
	return tls_accept(r->tls, p->fd, resume, p, &p->tls);
}

err pipe_open(struct replicator *r, int fd, const struct addr *peer, struct link *link, struct pipe **out)
{
	struct pipe *p = calloc(1, sizeof *p);
	if (p == NULL) {
		net_close(fd);
		return ERR(NO_MEMORY);
	}
	*p = (struct pipe){ .r = r, .link = link, .fd = fd, .peer = *peer, .is_accepted = link == NULL, .state = link != NULL ? PIPE_CONNECTING : PIPE_SHAKING };
	list_init(&p->node);
	buf_init(&p->in, IN_MAX);
	buf_init(&p->out, OUT_MAX);
	err e = begin(p);
	if (!failed(e))
		e = timer_set(loop_timers(r->skel->loop), &p->timer, SHAKE_MS, on_tick, p);
	if (!failed(e))
		e = watch_open(r->skel->loop, &p->watch, fd, on_ready, p);
	if (failed(e)) {
		timer_clear(loop_timers(r->skel->loop), &p->timer);
		on_closed(p);
		return e;
	}
	watch_set(&p->watch, link != NULL ? WATCH_WRITE : WATCH_READ);
	*out = p;
	return OK;
}
