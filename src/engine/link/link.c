/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link.h"

#include "engine/hop.h"

#include <stdio.h>
#include <stdlib.h>

#define WAITERS_MAX 1000 /* requests that may wait for one connection */
#define KEY_MAX     320

struct waiter {
	struct list node;
	void (*found)(void *found_arg, err e, const struct flow *flow);
	void *found_arg;
};

struct links {
	struct links_config c;
	struct list links;
	size_t n;
	bool allows_tcp;
	struct loop_task task;
};

struct link {
	struct list node;
	struct links *set;
	char key[KEY_MAX];        /* host and port of the URI */
	struct hop hops[HOP_MAX]; /* where it may be tried; names and hosts are not kept */
	char name[256];           /* whose certificate it must be */
	size_t n_hops, next;
	struct flow flow;
	bool is_dialling, is_up;
	struct list waiters;
	size_t n_waiters;
};

err links_new(const struct links_config *config, struct links **out)
{
	struct links *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->c = *config;
	list_init(&s->links);
	*out = s;
	return OK;
}

void links_free(struct links *s)
{
	while (s != NULL && !list_is_empty(&s->links)) {
		struct link *l = LIST_OF(s->links.next, struct link, node);
		while (!list_is_empty(&l->waiters)) {
			struct waiter *w = LIST_OF(l->waiters.next, struct waiter, node);
			list_remove(&w->node);
			free(w);
		}
		list_remove(&l->node);
		free(l);
	}
	free(s);
}

void links_set_tcp(struct links *s, bool allows_tcp)
{
	s->allows_tcp = allows_tcp;
}

size_t links_count(const struct links *s)
{
	return s->n;
}

static void tell(struct link *l, err e)
{
	while (!list_is_empty(&l->waiters)) {
		struct waiter *w = LIST_OF(l->waiters.next, struct waiter, node);
		list_remove(&w->node);
		w->found(w->found_arg, e, failed(e) ? NULL : &l->flow);
		free(w);
	}
	l->n_waiters = 0;
}

static void link_end(struct link *l, err e)
{
	LOG(l->set->c.log, REQUEST_FAILED, LOG_Z("next hop", l->key), LOG_ERR(e));
	list_remove(&l->node);
	l->set->n--;
	tell(l, e);
	free(l);
}

/* The next place; without one left nobody answers there. */
static void dial_next(struct link *l)
{
	l->is_dialling = false;
	while (l->next < l->n_hops) {
		const struct hop *h = &l->hops[l->next++];
		if (failed(conns_connect(l->set->c.conns, &h->addr, h->secure, str_of(l->name), &l->flow)))
			continue;
		l->is_dialling = true;
		return;
	}
	link_end(l, ERR(SIP_TIMEOUT));
}

static void on_hops(void *arg, err e, const struct hop *hops, size_t n)
{
	struct link *l = arg;
	if (failed(e) || n == 0) {
		link_end(l, ERR(SIP_TIMEOUT));
		return;
	}
	l->n_hops = n < HOP_MAX ? n : HOP_MAX;
	memcpy(l->hops, hops, l->n_hops * sizeof hops[0]);
	(void)str_to_z(hops[0].name, l->name, sizeof l->name);
	dial_next(l);
}

static struct link *find(struct links *s, const char *key)
{
	LIST_EACH(n, &s->links) {
		struct link *l = LIST_OF(n, struct link, node);
		if (strcmp(l->key, key) == 0)
			return l;
	}
	return NULL;
}

static err link_open(struct links *s, const struct uri *u, const char *key, struct link **out)
{
	struct hop_search *search;
	ENSURE(s->c.dns != NULL && s->n < s->c.most, SIP_BUSY);
	struct link *l = calloc(1, sizeof *l);
	ENSURE(l != NULL, NO_MEMORY);
	l->set = s;
	(void)str_to_z(str_of(key), l->key, sizeof l->key);
	list_init(&l->waiters);
	const struct hop_config c = { .dns = s->c.dns, .loop = s->c.loop, .allows_tcp = s->allows_tcp, .has_ipv6 = true };
	err e = hop_find(&c, u, on_hops, l, &search);
	if (failed(e)) {
		free(l);
		return e;
	}
	list_add(&s->links, &l->node);
	s->n++;
	*out = l;
	return OK;
}

static void tell_later(void *arg)
{
	struct links *s = arg;
	LIST_EACH(n, &s->links) {
		struct link *l = LIST_OF(n, struct link, node);
		if (l->is_up)
			tell(l, OK);
	}
}

err links_dial(struct links *s, const struct uri *u, void (*found)(void *found_arg, err e, const struct flow *flow), void *found_arg)
{
	char key[KEY_MAX];
	str transport = STR("");
	(void)uri_param(u, STR("transport"), &transport);
	int n = snprintf(key, sizeof key, "%.*s:%u;%.*s", STR_FMT(u->host), u->port, STR_FMT(transport));
	ENSURE(n > 0 && (size_t)n < sizeof key, MALFORMED);
	struct link *l = find(s, key);
	struct waiter *w = malloc(sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct waiter){ .found = found, .found_arg = found_arg };
	err e = l != NULL && l->n_waiters >= WAITERS_MAX ? ERR(SIP_BUSY) : OK;
	if (l == NULL)
		e = link_open(s, u, key, &l);
	if (failed(e)) {
		free(w);
		return e;
	}
	list_add(&l->waiters, &w->node);
	l->n_waiters++;
	if (l->is_up)
		loop_defer(s->c.loop, &s->task, tell_later, s);
	return OK;
}

static struct link *by_flow(struct links *s, struct conn *c)
{
	struct flow flow = conn_flow(c);
	LIST_EACH(n, &s->links) {
		struct link *l = LIST_OF(n, struct link, node);
		if ((l->is_up || l->is_dialling) && flow_eq(&l->flow, &flow))
			return l;
	}
	return NULL;
}

bool links_opened(struct links *s, struct conn *c)
{
	struct link *l = by_flow(s, c);
	if (l == NULL)
		return false;
	l->flow = conn_flow(c); /* with what its owner has set meanwhile */
	l->is_up = true;
	l->is_dialling = false;
	tell(l, OK);
	return true;
}

bool links_closed(struct links *s, struct conn *c)
{
	struct link *l = by_flow(s, c);
	if (l == NULL)
		return false;
	if (l->is_dialling) {
		dial_next(l);
		return true;
	}
	list_remove(&l->node);
	s->n--;
	tell(l, ERR(SIP_FLOW_FAILED));
	free(l);
	return true;
}
