/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of ours to other servers of the topology: one a name, made when it is first needed, tried at each place that
 * RFC 3263 offers in turn, used by everybody afterwards.
 */
#include "role/front/front_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define LINKS_MAX   256
#define WAITERS_MAX 1000 /* requests that may wait for one connection */
#define KEY_MAX     320

struct front_waiter {
	struct list node;
	void (*found)(void *found_arg, err e, const struct flow *flow);
	void *found_arg;
};

struct front_link {
	struct list node;
	struct front *front;
	char key[KEY_MAX];       /* host and port of the URI */
	struct hop hops[HOP_MAX];/* where it may be tried; names and hosts are not kept */
	char name[256];          /* whose certificate it must be */
	size_t n_hops, next;
	struct flow flow;
	bool is_dialling, is_up;
	struct list waiters;
	size_t n_waiters;
};

static void tell(struct front_link *l, err e)
{
	while (!list_is_empty(&l->waiters)) {
		struct front_waiter *w = LIST_OF(l->waiters.next, struct front_waiter, node);
		list_remove(&w->node);
		w->found(w->found_arg, e, failed(e) ? NULL : &l->flow);
		free(w);
	}
	l->n_waiters = 0;
}

static void link_end(struct front_link *l, err e)
{
	LOG(&l->front->skel->log, REQUEST_FAILED, LOG_Z("next hop", l->key), LOG_ERR(e));
	list_remove(&l->node);
	l->front->n_links--;
	tell(l, e);
	free(l);
}

/* The next place; without one left nobody answers there. */
static void dial_next(struct front_link *l)
{
	l->is_dialling = false;
	while (l->next < l->n_hops) {
		const struct hop *h = &l->hops[l->next++];
		if (failed(conns_connect(l->front->conns, &h->addr, h->secure, str_of(l->name), &l->flow)))
			continue;
		l->is_dialling = true;
		return;
	}
	link_end(l, ERR(SIP_TIMEOUT));
}

static void on_hops(void *arg, err e, const struct hop *hops, size_t n)
{
	struct front_link *l = arg;
	if (failed(e) || n == 0) {
		link_end(l, ERR(SIP_TIMEOUT));
		return;
	}
	l->n_hops = n < HOP_MAX ? n : HOP_MAX;
	memcpy(l->hops, hops, l->n_hops * sizeof hops[0]);
	(void)str_to_z(hops[0].name, l->name, sizeof l->name);
	dial_next(l);
}

static struct front_link *find(struct front *f, const char *key)
{
	LIST_EACH(n, &f->links) {
		struct front_link *l = LIST_OF(n, struct front_link, node);
		if (strcmp(l->key, key) == 0)
			return l;
	}
	return NULL;
}

static err link_open(struct front *f, const struct uri *u, const char *key, struct front_link **out)
{
	struct hop_search *search;
	ENSURE(f->dns != NULL && f->n_links < LINKS_MAX, SIP_BUSY);
	struct front_link *l = calloc(1, sizeof *l);
	ENSURE(l != NULL, NO_MEMORY);
	l->front = f;
	(void)str_to_z(str_of(key), l->key, sizeof l->key);
	list_init(&l->waiters);
	const struct hop_config c = { .dns = f->dns, .loop = f->skel->loop, .allows_tcp = f->port_tcp != 0, .has_ipv6 = true };
	err e = hop_find(&c, u, on_hops, l, &search);
	if (failed(e)) {
		free(l);
		return e;
	}
	list_add(&f->links, &l->node);
	f->n_links++;
	*out = l;
	return OK;
}

static void tell_later(void *arg)
{
	struct front *f = arg;
	LIST_EACH(n, &f->links) {
		struct front_link *l = LIST_OF(n, struct front_link, node);
		if (l->is_up)
			tell(l, OK);
	}
}

err front_dial(void *arg, const struct uri *u, void (*found)(void *found_arg, err e, const struct flow *flow), void *found_arg)
{
	struct front *f = arg;
	char key[KEY_MAX];
	str transport = STR("");
	(void)uri_param(u, STR("transport"), &transport);
	int n = snprintf(key, sizeof key, "%.*s:%u;%.*s", STR_FMT(u->host), u->port, STR_FMT(transport));
	ENSURE(n > 0 && (size_t)n < sizeof key, MALFORMED);
	struct front_link *l = find(f, key);
	struct front_waiter *w = malloc(sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct front_waiter){ .found = found, .found_arg = found_arg };
	err e = l != NULL && l->n_waiters >= WAITERS_MAX ? ERR(SIP_BUSY) : OK;
	if (l == NULL)
		e = link_open(f, u, key, &l);
	if (failed(e)) {
		free(w);
		return e;
	}
	list_add(&l->waiters, &w->node);
	l->n_waiters++;
	if (l->is_up)
		loop_defer(f->skel->loop, &f->link_task, tell_later, f);
	return OK;
}

bool front_is_peer_uri(void *arg, const struct uri *u)
{
	const struct front *f = arg;
	return peers_has(f->peers_known, u->host);
}

static struct front_link *by_flow(struct front *f, struct conn *c)
{
	struct flow flow = conn_flow(c);
	LIST_EACH(n, &f->links) {
		struct front_link *l = LIST_OF(n, struct front_link, node);
		if ((l->is_up || l->is_dialling) && flow_eq(&l->flow, &flow))
			return l;
	}
	return NULL;
}

/* tls_connect has checked the name: what comes back over this connection comes from that server. */
void front_hop_opened(struct front *f, struct conn *c)
{
	struct front_link *l = by_flow(f, c);
	if (l == NULL)
		return;
	if (conn_is_secure(c))
		conn_set_peer(c);
	l->is_up = true;
	l->is_dialling = false;
	tell(l, OK);
}

void front_hop_closed(struct front *f, struct conn *c)
{
	struct front_link *l = by_flow(f, c);
	if (l == NULL)
		return;
	if (l->is_dialling) {
		dial_next(l);
		return;
	}
	list_remove(&l->node);
	f->n_links--;
	tell(l, ERR(SIP_FLOW_FAILED));
	free(l);
}
