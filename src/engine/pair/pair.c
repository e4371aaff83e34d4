/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pair.h"

#include <stdlib.h>

#define KEEP_MS 30000 /* how often the server hears that the client is still there */

struct pair {
	struct pair_config c;
	char host[256];
	struct conn *client, *server; /* each until its end is told; server NULL: none is tried */
	struct hop_search *search; /* NULL: none under way */
	struct hop hops[HOP_MAX];
	size_t n_hops, next;
	struct buf early;          /* for the server, until there is a connection */
	struct timer keep;
	bool is_up;
};

struct pair *pair_of(struct conn *c)
{
	return *conn_pair_slot(c);
}

void *pair_arg(const struct pair *p)
{
	return p->c.arg;
}

struct conn *pair_client(const struct pair *p)
{
	return p->client;
}

bool pair_is_inner(const struct pair *p, const struct conn *c)
{
	return c == p->server;
}

/* A connection that ends in this turn takes nothing any more; its end is told. */
static void send_to(struct conns *s, const struct conn *c, str bytes)
{
	struct flow flow = conn_flow(c);
	(void)failed(conn_send(s, &flow, bytes));
}

static void keep_alive(void *arg)
{
	struct pair *p = arg;
	send_to(p->c.inner, p->server, STR("\r\n\r\n"));
	/* without memory for it the server closes after a while, and the client comes back */
	(void)failed(timer_set(loop_timers(p->c.loop), &p->keep, KEEP_MS, keep_alive, p));
}

/* Neither connection knows of it any more. */
static void pair_free(struct pair *p)
{
	*conn_pair_slot(p->client) = NULL;
	if (p->server != NULL)
		*conn_pair_slot(p->server) = NULL;
	if (p->search != NULL)
		hop_cancel(p->search);
	timer_clear(loop_timers(p->c.loop), &p->keep);
	buf_fini(&p->early);
	free(p);
}

void pair_close(struct pair *p, const char *why)
{
	struct conn *client = p->client, *server = p->server;
	pair_free(p);
	conn_close(client, why);
	if (server != NULL)
		conn_close(server, why);
}

static void nobody_there(struct pair *p, err why)
{
	p->c.door.on_fail(p->c.arg, p, why);
	p->c.door.on_end(p->c.arg, p);
	pair_free(p);
}

static void dial(struct pair *p)
{
	struct flow flow;
	p->server = NULL;
	while (p->next < p->n_hops) {
		const struct hop *h = &p->hops[p->next++];
		if (failed(conns_connect(p->c.inner, &h->addr, true, str_of(p->host), &flow)))
			continue;
		p->server = conn_find(p->c.inner, &flow);
		*conn_pair_slot(p->server) = p;
		return;
	}
	nobody_there(p, ERR(SIP_TIMEOUT));
}

static void on_hops(void *arg, err e, const struct hop *hops, size_t n)
{
	struct pair *p = arg;
	p->search = NULL;
	if (failed(e) || n == 0) {
		nobody_there(p, failed(e) ? e : ERR(ABSENT));
		return;
	}
	p->n_hops = n < HOP_MAX ? n : HOP_MAX;
	memcpy(p->hops, hops, p->n_hops * sizeof hops[0]);
	dial(p);
}

err pair_open(const struct pair_config *config, struct conn *client, struct pair **out)
{
	struct pair *p = calloc(1, sizeof *p);
	ENSURE(p != NULL, NO_MEMORY);
	*p = (struct pair){ .c = *config, .client = client };
	const struct uri to = { .kind = URI_SIPS, .host = config->host, .port = config->port };
	const struct hop_config hop = { .dns = config->dns, .loop = config->loop, .has_ipv6 = true };
	buf_init(&p->early, config->early);
	err e = str_to_z(config->host, p->host, sizeof p->host) ? hop_find(&hop, &to, on_hops, p, &p->search) : ERR(MALFORMED);
	if (failed(e)) {
		free(p);
		return e;
	}
	*conn_pair_slot(client) = p;
	*out = p;
	return OK;
}

err pair_send_inward(struct pair *p, str bytes)
{
	if (p->is_up) {
		send_to(p->c.inner, p->server, bytes);
		return OK;
	}
	buf_add(&p->early, bytes);
	return p->early.failed ? ERR(CEILING) : OK;
}

void pair_send_outward(struct pair *p, str bytes)
{
	send_to(p->c.outer, p->client, bytes);
}

void pair_on_open(struct conn *c)
{
	struct pair *p = pair_of(c);
	if (p == NULL || !pair_is_inner(p, c))
		return;
	p->is_up = true;
	send_to(p->c.inner, p->server, buf_str(&p->early));
	buf_fini(&p->early);
	keep_alive(p);
}

void pair_on_close(struct conn *c)
{
	struct pair *p = pair_of(c);
	if (p == NULL)
		return;
	bool is_server = c == p->server;
	if (is_server && !p->is_up) {
		dial(p);
		return;
	}
	struct conn *other = is_server ? p->client : p->server;
	p->c.door.on_end(p->c.arg, p);
	pair_free(p);
	if (other != NULL)
		conn_close(other, is_server ? "the server that serves it closed" : "the client closed");
}
