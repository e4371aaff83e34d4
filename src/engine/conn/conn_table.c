/* SPDX-License-Identifier: Apache-2.0 */
/* The table of connections: their names, their deadlines and their end. */
#include "engine/conn/conn_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	enum meter_id meter;
	const char *why;
} lates[] = {
	[LATE_HANDSHAKE] = { METER_TLS_TIMEOUT, "the TLS handshake took too long" },
	[LATE_UNAUTHENTICATED] = { METER_CONN_IDLE, "nobody proved who he is in time" },
	[LATE_MESSAGE] = { METER_CONN_SLOW, "a message was not finished in time" },
	[LATE_READER] = { METER_CONN_SLOW, "the peer does not read" },
	[LATE_IDLE] = { METER_CONN_SLOW, "nothing was heard for too long" },
	[LATE_LINGER] = { METER_CONN_SLOW, "closed after an answer" },
};

static str address_key(const struct map_node *n)
{
	return (str){ (const char *)MAP_OF(n, const struct conn_address, node)->ip, 16 };
}

err conns_new(const struct conns_config *config, struct conns **out)
{
	struct conns *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->c = *config;
	slots_init(&s->slots);
	list_init(&s->handshaking);
	list_init(&s->greeted);
	list_init(&s->dirty);
	list_init(&s->dead);
	map_init(&s->addresses, address_key);
	s->serial = (uint32_t)s->addresses.k0; /* not one that an earlier life of this process has used */
	s->next_request = s->addresses.k1;
	s->spare_fd = -1;
	*out = s;
	return OK;
}

static void bury(void *arg);

void conns_close(struct conns *s)
{
	conn_flush_all(s); /* the last answers of this turn */
	for (uint32_t i = 0; i < s->slots.n; i++)
		if (slots_find(&s->slots, i) != NULL)
			conn_close(slots_find(&s->slots, i), "the server ends");
}

void conns_free(struct conns *s)
{
	if (s == NULL)
		return;
	conns_close(s);
	bury(s);
	loop_undefer(&s->flush_task);
	loop_undefer(&s->bury_task);
	tls_server_unref(s->tls);
	map_fini(&s->addresses);
	slots_fini(&s->slots);
	if (s->spare_fd >= 0)
		(void)close(s->spare_fd);
	free(s);
}

void conns_set_limits(struct conns *s, const struct conn_limits *limits)
{
	s->c.limits = *limits;
}

void conns_set_full(struct conns *s, bool is_full)
{
	s->is_full = is_full;
}

void conns_set_tls(struct conns *s, struct tls_server *tls)
{
	struct tls_server *old = s->tls;
	s->tls = tls_server_ref(tls);
	tls_server_unref(old);
	for (size_t i = 0; i < s->n_listeners; i++)
		if (s->listeners[i].open)
			watch_set(&s->listeners[i].watch, WATCH_READ);
}

size_t conns_count(const struct conns *s)
{
	return s->n;
}

void conns_each(struct conns *s, void (*fn)(void *arg, struct conn *c), void *arg)
{
	for (uint32_t i = 0; i < s->slots.n; i++)
		if (slots_find(&s->slots, i) != NULL)
			fn(arg, slots_find(&s->slots, i));
}

void conns_judge_again(struct conns *s)
{
	char text[ADDR_TEXT];
	for (uint32_t i = 0; i < s->slots.n; i++) {
		struct conn *c = slots_find(&s->slots, i);
		if (c == NULL || c->tls == NULL || c->state == CONN_HANDSHAKE || !failed(tls_judge_again(c->tls)))
			continue;
		const struct tls_refusal *r = tls_peer_refusal(c->tls);
		meter_add(s->c.meter, METER_CONN_REVOKED, 1);
		LOG(s->c.log, PEER_REVOKED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_INT("port", c->peer.port), LOG_Z("why", r != NULL ? r->why : ""));
		conn_close(c, "what the peer's certificate proved was taken back");
	}
}

/* The deadline has moved on since the timer was set, or it has passed. */
static void look_at_deadline(void *arg)
{
	struct conn *c = arg;
	uint64_t now = loop_now(c->set->c.loop);
	if (c->deadline > now) {
		if (failed(timer_set(loop_timers(c->set->c.loop), &c->timer, c->deadline - now, look_at_deadline, c)))
			conn_close(c, "out of memory");
		return;
	}
	meter_add(c->set->c.meter, lates[c->late].meter, 1);
	conn_close(c, lates[c->late].why);
}

void conn_deadline(struct conn *c, enum conn_late late, uint32_t ms)
{
	c->late = (uint8_t)late;
	c->deadline = loop_now(c->set->c.loop) + ms;
	if (timer_is_set(&c->timer) && c->timer.at <= c->deadline)
		return; /* it will look, and set itself again */
	if (failed(timer_set(loop_timers(c->set->c.loop), &c->timer, ms, look_at_deadline, c)))
		conn_close(c, "out of memory");
}

err conn_open(struct conns *s, int fd, const struct addr *peer, bool secure, struct conn **out)
{
	struct conn *c = calloc(1, sizeof *c);
	ENSURE(c != NULL, NO_MEMORY);
	*c = (struct conn){ .set = s, .fd = fd, .peer = *peer, .secure = secure, .serial = s->serial };
	buf_init(&c->in, s->c.limits.sip.message + 4096u);
	buf_init(&c->out, s->c.limits.queue);
	list_init(&c->node);
	err e = slots_add(&s->slots, c, &c->slot);
	if (!failed(e))
		e = watch_open(s->c.loop, &c->watch, fd, conn_on_ready, c);
	if (failed(e)) {
		slots_remove(&s->slots, c->slot);
		free(c);
		return e;
	}
	s->serial++;
	s->n++;
	meter_add(s->c.meter, METER_CONN_OPEN, 1);
	*out = c;
	return OK;
}

struct conn *conn_find(struct conns *s, const struct flow *f)
{
	if (f->front != s->c.front)
		return NULL;
	struct conn *c = slots_find(&s->slots, f->slot);
	return c != NULL && c->serial == f->serial ? c : NULL;
}

static void closed(void *arg)
{
	struct conn *c = arg;
	(void)close(c->fd);
	free(c);
}

/* At the end of the turn: nobody is inside a call about these connections any more. */
static void bury(void *arg)
{
	struct conns *s = arg;
	while (!list_is_empty(&s->dead)) {
		struct conn *c = LIST_OF(s->dead.next, struct conn, node);
		list_remove(&c->node);
		s->c.door.on_close(s->c.arg, c);
		conn_address_leave(s, c->address);
		tls_free(c->tls);
		buf_fini(&c->in);
		buf_fini(&c->out);
		watch_close(&c->watch, closed);
	}
}

void conn_close(struct conn *c, const char *why)
{
	struct conns *s = c->set;
	char text[ADDR_TEXT];
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_HANDSHAKE) {
		s->n_handshaking--;
		meter_add(s->c.meter, METER_TLS_PENDING, -1);
	}
	c->state = CONN_DEAD;
	timer_clear(loop_timers(s->c.loop), &c->timer);
	watch_set(&c->watch, 0);
	slots_remove(&s->slots, c->slot);
	s->n--;
	meter_add(s->c.meter, METER_CONN_OPEN, -1);
	LOG(s->c.log, CONN_CLOSED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_INT("port", c->peer.port), LOG_Z("why", why));
	list_remove(&c->node);
	list_add(&s->dead, &c->node);
	loop_defer(s->c.loop, &s->bury_task, bury, s);
}

void conn_end(struct conn *c, const char *why)
{
	if (c->state != CONN_UP || c->out.n == 0) {
		conn_close(c, why);
		return;
	}
	c->state = CONN_FLUSHING;
	conn_deadline(c, LATE_READER, c->set->c.limits.message_ms);
}

static bool is_loopback(const struct addr *a)
{
	return a->family == 4 && a->ip[0] == 127;
}

/* Loopback or RFC 1918: no address translation stands between the two. */
static bool is_near(const struct addr *a)
{
	const uint8_t *ip = a->ip;
	return a->family == 4 && (ip[0] == 127 || ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) || (ip[0] == 192 && ip[1] == 168));
}

void conn_note_reached(struct conn *c)
{
	struct addr here;
	if (c->tls != NULL ? tls_is_named(c->tls) : !is_loopback(&c->peer))
		return;
	if (is_near(&c->peer) && !failed(net_local(c->fd, &here)) && is_near(&here))
		memcpy(&c->reached, here.ip, sizeof c->reached);
}

struct flow conn_flow(const struct conn *c)
{
	return (struct flow){ .slot = c->slot, .serial = c->serial, .front = c->set->c.front,
		.is_plain = c->secure ? 0 : 1, .reached = c->reached };
}

const struct addr *conn_peer(const struct conn *c)
{
	return &c->peer;
}

bool conn_is_secure(const struct conn *c)
{
	return c->secure;
}

const struct tls *conn_tls(const struct conn *c)
{
	return c->tls;
}

void conn_set_trusted(struct conn *c)
{
	if (c->trusted || c->state != CONN_UP)
		return;
	c->trusted = true;
	conn_deadline(c, LATE_IDLE, c->set->c.limits.idle_ms);
}

bool conn_is_trusted(const struct conn *c)
{
	return c->trusted;
}

void conn_set_peer(struct conn *c)
{
	c->peer_is_server = true;
}

bool conn_is_peer(const struct conn *c)
{
	return c->peer_is_server;
}

void conn_set_way(struct conn *c, unsigned way)
{
	const uint8_t octets[4] = { 0, 0, 0, (uint8_t)way };
	memcpy(&c->reached, octets, sizeof c->reached);
}

void conn_set_outside(struct conn *c, unsigned way, const struct addr *client)
{
	conn_set_way(c, way);
	c->peer = *client;
	c->peer_is_server = false;
	c->trusted = false;
	conn_deadline(c, LATE_UNAUTHENTICATED, c->set->c.limits.unauthenticated_ms);
}

void conn_set_vouched(struct conn *c)
{
	c->vouched = true;
}

bool conn_is_vouched(const struct conn *c)
{
	return c->vouched;
}

void conn_set_uncounted(struct conn *c)
{
	conn_address_leave(c->set, c->address);
	c->address = NULL;
}

void **conn_user_slot(struct conn *c)
{
	return &c->user;
}

void **conn_pair_slot(struct conn *c)
{
	return &c->pair;
}

void **conn_keep_slot(struct conn *c)
{
	return &c->keep;
}
