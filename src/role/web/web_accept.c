/* SPDX-License-Identifier: Apache-2.0 */
/* Connections are taken within ceilings. */
#include "role/web/web_priv.h"

#include <stdlib.h>

#define ACCEPTS_PER_TURN 32
#define PAUSE_MS         100 /* when the system has no descriptor left */

/* Who comes through a reverse proxy has its address. */
const struct web_entrance web_entrances[WEB_AT_N] = {
	[WEB_AT_MANAGEMENT] = { "https", "Default", "management", false, 512, 32 },
	[WEB_AT_HTTP] = { "http", NULL, "inside", false, WEB_PUBLIC_MAX, 32 },
	[WEB_AT_EXTERNAL_HTTP] = { "external-http", NULL, "outside", true, WEB_PUBLIC_MAX, 128 },
	[WEB_AT_HTTPS] = { "https-internal", "WebServicesInternal", "inside", false, 512, 32 },
	[WEB_AT_EXTERNAL_HTTPS] = { "https-external", "WebServicesExternal", "outside", true, 512, 256 },
};

/* ---- addresses ---- */

/* IPv6 hosts own a /64 each: counting single addresses would count nothing. */
static bool address_enter(struct web *w, const struct addr *peer, enum web_at at, struct web_address **out)
{
	struct web_address key = { 0 };
	memcpy(key.key, peer->ip, peer->family == 6 ? 8 : 16);
	key.key[16] = (uint8_t)at;
	struct map_node *n = map_find(&w->addresses, (str){ (const char *)key.key, sizeof key.key });
	struct web_address *a = n != NULL ? MAP_OF(n, struct web_address, node) : calloc(1, sizeof *a);
	if (a == NULL || a->n >= web_entrances[at].address_most)
		return false;
	if (n == NULL) {
		memcpy(a->key, key.key, sizeof a->key);
		if (failed(map_add(&w->addresses, &a->node))) {
			free(a);
			return false;
		}
	}
	a->n++;
	*out = a;
	return true;
}

void web_address_leave(struct web *w, struct web_address *a)
{
	if (a == NULL || --a->n != 0)
		return;
	map_remove(&w->addresses, &a->node);
	free(a);
}

/* ---- one connection ---- */

static void refuse(struct web *w, int fd, const struct addr *peer, enum meter_id id, const char *why)
{
	char text[ADDR_TEXT];
	meter_add(w->skel->meter, id, 1);
	LOG(&w->skel->log, CONN_REFUSED, LOG_Z("peer", addr_print(peer, text)), LOG_Z("why", why));
	net_close(fd);
}

/* A flood of half-open handshakes pushes out its own oldest members; who is quick gets through. */
static void make_room(struct web *w, enum web_at at)
{
	unsigned which = at != WEB_AT_MANAGEMENT ? 1 : 0;
	if (w->n_handshaking[which] < WEB_HANDSHAKES_MAX)
		return;
	meter_add(w->skel->meter, METER_TLS_TIMEOUT, 1);
	web_conn_close(LIST_OF(w->handshaking[which].next, struct web_conn, node), "too many handshakes under way");
}

static void resume(void *arg)
{
	struct web_conn *c = arg;
	if (c->state == WEB_HANDSHAKE)
		web_shake(c);
}

/* Who asks for a list is done in a moment: whoever is there the longest waits, or does nothing. */
static void make_public_room(struct web *w)
{
	if (w->n_public < WEB_PUBLIC_MAX)
		return;
	meter_add(w->skel->meter, METER_CONN_SLOW, 1);
	web_conn_close(LIST_OF(w->public_conns.next, struct web_conn, row), "too many connections over plain HTTP");
}

static void begin_tls(struct web_conn *c)
{
	struct web *w = c->web;
	web_conn_deadline(c, WEB_LATE_HANDSHAKE, WEB_HANDSHAKE_MS);
	if (c->state != WEB_DEAD && failed(tls_accept(w->tls[c->at], c->fd, resume, c, &c->tls)))
		web_conn_close(c, "out of memory");
	if (c->state != WEB_DEAD)
		watch_set(&c->watch, WATCH_READ);
}

static void begin(const struct web_listener *l, int fd, const struct addr *peer)
{
	struct web *w = l->web;
	struct web_address *a = NULL;
	struct web_conn *c;
	bool is_public = web_entrances[l->at].usage == NULL;
	if (!is_public && w->n_at[l->at] >= web_entrances[l->at].most) {
		refuse(w, fd, peer, METER_CONN_REFUSED_TOTAL, "ceiling of connections");
		return;
	}
	if (!address_enter(w, peer, l->at, &a)) {
		refuse(w, fd, peer, METER_CONN_REFUSED_ADDRESS, "ceiling of connections from one address");
		return;
	}
	if (is_public)
		make_public_room(w);
	else
		make_room(w, l->at);
	if (failed(web_conn_open(l, fd, peer, &c))) {
		web_address_leave(w, a);
		refuse(w, fd, peer, METER_CONN_REFUSED_MEMORY, "out of memory");
		return;
	}
	c->address = a;
	meter_add(w->skel->meter, METER_CONN_TOTAL, 1);
	if (is_public)
		web_up(c);
	else
		begin_tls(c);
}

/* ---- the listeners ---- */

/* Who comes before there is an answer waits in the listener's queue. */
static void listen_again(void *arg)
{
	struct web *w = arg;
	for (struct web_listener *l = w->listeners; l < w->listeners + w->n_listeners; l++)
		if (l->is_listening)
			watch_set(&l->watch, (web_entrances[l->at].usage == NULL ? w->knows_public : w->tls[l->at] != NULL) ? WATCH_READ : 0);
}

/* No listener takes a connection for a while. */
static void pause_all(struct web *w)
{
	meter_add(w->skel->meter, METER_CONN_REFUSED_FILES, 1);
	LOG(&w->skel->log, ACCEPT_FAILED, LOG_Z("why", "no descriptor left"), LOG_INT("connections", w->n));
	for (struct web_listener *l = w->listeners; l < w->listeners + w->n_listeners; l++)
		if (l->is_listening)
			watch_set(&l->watch, 0);
	(void)failed(timer_set(loop_timers(w->skel->loop), &w->pause, PAUSE_MS, listen_again, w));
}

static void on_accept(void *arg, unsigned events)
{
	struct web_listener *l = arg;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct addr peer;
		int fd;
		err e = net_accept(l->fd, &fd, &peer);
		if (err_is(e, ERR_BUSY))
			pause_all(l->web);
		if (failed(e))
			return;
		begin(l, fd, &peer);
	}
}

err web_listen(struct web *w, int fd, enum web_at at, uint16_t port)
{
	ENSURE(w->n_listeners < WEB_LISTENERS_MAX, CEILING);
	struct web_listener *l = &w->listeners[w->n_listeners];
	*l = (struct web_listener){ .web = w, .fd = fd, .is_listening = true, .at = at, .port = port };
	TRY(watch_open(w->skel->loop, &l->watch, fd, on_accept, l));
	w->n_listeners++;
	listen_again(w);
	return OK;
}

static void on_listener_closed(void *arg)
{
	struct web_listener *l = arg;
	net_close(l->fd);
	l->fd = -1;
}

void web_stop_listening(struct web *w)
{
	timer_clear(loop_timers(w->skel->loop), &w->pause);
	for (struct web_listener *l = w->listeners; l < w->listeners + w->n_listeners; l++) {
		if (!l->is_listening)
			continue;
		l->is_listening = false;
		watch_close(&l->watch, on_listener_closed);
	}
}

void web_set_tls(struct web *w, enum web_at at, struct tls_server *tls)
{
	tls_server_unref(w->tls[at]);
	w->tls[at] = tls;
	listen_again(w);
}

void web_set_public(struct web *w)
{
	w->knows_public = true;
	listen_again(w);
}
