/* SPDX-License-Identifier: Apache-2.0 */
/* How connections come to be: accepted within ceilings, or made to a next hop. */
#include "engine/conn/conn_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64  /* then the connections that are there get their turn */
#define PAUSE_MS         100 /* when the system has nothing left to give */
#define SILENT_PART      20  /* of the time that a handshake has: before, others do not push out who has said nothing yet */
#define GREETED_PART     2   /* nor who has said hello */
#define CROWD_MS         20  /* when all handshakes that may be under way are, and none is old */

/* IPv6 hosts own a /64 each: counting single addresses would count nothing. */
bool conn_address_enter(struct conns *s, const struct addr *peer, struct conn_address **out)
{
	struct conn_address key = { 0 };
	memcpy(key.ip, peer->ip, peer->family == 6 ? 8 : 16);
	struct map_node *n = map_find(&s->addresses, (str){ (const char *)key.ip, 16 });
	struct conn_address *a = n != NULL ? MAP_OF(n, struct conn_address, node) : NULL;
	if (a == NULL) {
		a = calloc(1, sizeof *a);
		if (a == NULL)
			return false;
		memcpy(a->ip, key.ip, 16);
		if (failed(map_add(&s->addresses, &a->node))) {
			free(a);
			return false;
		}
	}
	if (a->n >= s->c.limits.per_address)
		return false;
	a->n++;
	*out = a;
	return true;
}

void conn_address_leave(struct conns *s, struct conn_address *a)
{
	if (a == NULL || --a->n != 0)
		return;
	map_remove(&s->addresses, &a->node);
	free(a);
}

static void refuse(struct conns *s, int fd, const struct addr *peer, enum meter_id id, const char *why)
{
	char text[ADDR_TEXT];
	meter_add(s->c.meter, id, 1);
	LOG(s->c.log, CONN_REFUSED, LOG_Z("peer", addr_print(peer, text)), LOG_Z("why", why));
	net_close(fd);
}

/* Whose handshake began first and has had its part of the time; NULL: nobody's. */
static struct conn *overdue(const struct conns *s, const struct list *those, uint32_t part)
{
	struct conn *oldest = list_is_empty(those) ? NULL : LIST_OF(those->next, struct conn, node);
	uint32_t all = s->c.limits.handshake_ms;
	return oldest != NULL && loop_now(s->c.loop) + all >= oldest->deadline + all / part ? oldest : NULL;
}

/*
 * A flood of half-open handshakes pushes out its own oldest members; who is quick gets through. For a while nobody is pushed out: where many come
 * at once (everybody, after a front has ended) each would push out another, come again, and none would ever be done. NULL: nobody has to go, or
 * (is_crowded) the next has to wait.
 */
static struct conn *in_the_way(const struct conns *s, bool *is_crowded)
{
	*is_crowded = s->n_handshaking >= s->c.limits.handshakes && !(list_is_empty(&s->handshaking) && list_is_empty(&s->greeted));
	if (!*is_crowded)
		return NULL;
	struct conn *silent = overdue(s, &s->handshaking, SILENT_PART);
	return silent != NULL ? silent : overdue(s, &s->greeted, GREETED_PART);
}

static bool must_wait(const struct conns *s)
{
	bool is_crowded;
	return in_the_way(s, &is_crowded) == NULL && is_crowded;
}

static void make_room(struct conns *s)
{
	bool is_crowded;
	struct conn *c = in_the_way(s, &is_crowded);
	if (c == NULL)
		return;
	meter_add(s->c.meter, METER_TLS_TIMEOUT, 1);
	conn_close(c, "too many handshakes under way");
}

static void begin_tls(struct conn *c)
{
	struct conns *s = c->set;
	make_room(s);
	c->state = CONN_HANDSHAKE;
	s->n_handshaking++;
	meter_add(s->c.meter, METER_TLS_PENDING, 1);
	list_add(&s->handshaking, &c->node);
	conn_deadline(c, LATE_HANDSHAKE, s->c.limits.handshake_ms);
}

static void resume(void *arg)
{
	struct conn *c = arg;
	if (c->state == CONN_HANDSHAKE)
		conn_shake(c);
}

static void begin(struct conns *s, int fd, const struct addr *peer, bool secure)
{
	struct conn_address *a = NULL;
	struct conn *c;
	if (s->c.door.may_connect != NULL && !s->c.door.may_connect(s->c.arg, peer)) {
		net_close(fd); /* who refuses counts it; a line for each would be one more thing to flood */
		return;
	}
	if (s->n >= s->c.limits.total) {
		refuse(s, fd, peer, METER_CONN_REFUSED_TOTAL, "ceiling of connections");
		return;
	}
	if (s->is_full) {
		refuse(s, fd, peer, METER_CONN_REFUSED_MEMORY, "ceiling of memory");
		return;
	}
	if (!conn_address_enter(s, peer, &a)) {
		refuse(s, fd, peer, METER_CONN_REFUSED_ADDRESS, "ceiling of connections from one address");
		return;
	}
	if (failed(conn_open(s, fd, peer, secure, &c))) {
		conn_address_leave(s, a);
		refuse(s, fd, peer, METER_CONN_REFUSED_MEMORY, "out of memory");
		return;
	}
	c->address = a;
	meter_add(s->c.meter, METER_CONN_TOTAL, 1);
	if (!secure) {
		c->state = CONN_UP;
		conn_note_reached(c);
		conn_deadline(c, LATE_UNAUTHENTICATED, s->c.limits.unauthenticated_ms);
	} else {
		begin_tls(c);
		if (failed(tls_accept(s->tls, fd, resume, c, &c->tls)))
			conn_close(c, "out of memory");
	}
	if (c->state != CONN_DEAD)
		watch_set(&c->watch, WATCH_READ);
}

static void listen_again(void *arg)
{
	struct conn_listener *l = arg;
	if (l->open)
		watch_set(&l->watch, WATCH_READ);
}

/* Callers wait in the system's queue. */
static void pause_listener(struct conn_listener *l, uint32_t ms)
{
	if (!failed(timer_set(loop_timers(l->set->c.loop), &l->pause, ms, listen_again, l)))
		watch_set(&l->watch, 0);
}

/* No descriptor left: the spare one lets one caller in and out again, so that callers are refused and not left waiting. */
static void out_of_files(struct conn_listener *l)
{
	struct conns *s = l->set;
	struct addr peer;
	int fd;
	meter_add(s->c.meter, METER_CONN_REFUSED_FILES, 1);
	LOG(s->c.log, ACCEPT_FAILED, LOG_Z("why", "no descriptor left"), LOG_Z("remedy", "raise LimitNOFILE of the service"),
		LOG_INT("connections", s->n));
	if (s->spare_fd >= 0) {
		(void)close(s->spare_fd);
		s->spare_fd = -1;
		if (!failed(net_accept(l->fd, &fd, &peer)))
			s->spare_fd = fd; /* the refused caller's descriptor: shut down, it is the next spare */
		if (s->spare_fd >= 0)
			(void)shutdown(s->spare_fd, SHUT_RDWR);
	}
	pause_listener(l, PAUSE_MS);
}

void conn_on_accept(void *arg, unsigned events)
{
	struct conn_listener *l = arg;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct addr peer;
		int fd;
		if (l->secure && must_wait(l->set)) {
			pause_listener(l, CROWD_MS);
			return;
		}
		err e = net_accept(l->fd, &fd, &peer);
		if (err_is(e, ERR_BUSY)) {
			out_of_files(l);
			return;
		}
		if (failed(e))
			return;
		begin(l->set, fd, &peer, l->secure);
	}
}

/* A place that was never used, or whose listener the loop has forgotten. */
static struct conn_listener *free_listener(struct conns *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		if (!s->listeners[i].open && s->listeners[i].fd < 0)
			return &s->listeners[i];
	return s->n_listeners < CONN_LISTENERS ? &s->listeners[s->n_listeners] : NULL;
}

err conns_listen(struct conns *s, int fd, bool secure)
{
	struct conn_listener *l = free_listener(s);
	ENSURE(l != NULL, CEILING);
	*l = (struct conn_listener){ .set = s, .fd = fd, .secure = secure };
	TRY(watch_open(s->c.loop, &l->watch, fd, conn_on_accept, l));
	l->open = true;
	if (l == &s->listeners[s->n_listeners])
		s->n_listeners++;
	if (s->spare_fd < 0)
		s->spare_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (!secure || s->tls != NULL)
		watch_set(&l->watch, WATCH_READ);
	return OK;
}

static void listener_closed(void *arg)
{
	struct conn_listener *l = arg;
	net_close(l->fd);
	l->fd = -1;
}

static void stop_listening(struct conns *s, bool secure_too)
{
	int rest = -1;
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct conn_listener *l = &s->listeners[i];
		if (l->open && l->secure && !secure_too)
			rest = l->fd;
		if (!l->open || (l->secure && !secure_too))
			continue;
		l->open = false;
		timer_clear(loop_timers(s->c.loop), &l->pause);
		watch_close(&l->watch, listener_closed);
	}
	/* the spare may be a duplicate of a listener: it would keep the port open */
	if (s->spare_fd >= 0)
		(void)close(s->spare_fd);
	s->spare_fd = rest >= 0 ? fcntl(rest, F_DUPFD_CLOEXEC, 0) : -1;
}

void conns_stop_listening(struct conns *s)
{
	stop_listening(s, true);
}

void conns_stop_plain(struct conns *s)
{
	stop_listening(s, false);
}

err conns_connect(struct conns *s, const struct addr *to, bool secure, str name, struct flow *out)
{
	struct conn *c;
	int fd;
	ENSURE(!secure || s->tls != NULL, BUSY);
	TRY(net_connect(to, &fd));
	err e = conn_open(s, fd, to, secure, &c);
	if (failed(e)) {
		net_close(fd);
		return e;
	}
	c->is_ours = true;
	c->trusted = true;
	c->state = CONN_CONNECTING;
	if (secure && failed(tls_connect(s->tls, fd, name, resume, c, &c->tls))) {
		conn_close(c, "out of memory");
		return ERR(NO_MEMORY);
	}
	conn_deadline(c, LATE_HANDSHAKE, s->c.limits.handshake_ms);
	watch_set(&c->watch, WATCH_WRITE);
	*out = conn_flow(c);
	return OK;
}
