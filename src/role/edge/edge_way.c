/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a request goes that may pass: inside to the pool that the topology names, outside to the server of the partner: the one that is listed, or those
 * that DNS names, in their order. A host that a request itself names is never dialled.
 */
#include "role/edge/edge_priv.h"

#include <stdlib.h>

#define TARGETS_MAX 8

struct target {
	char host[DNS_NAME_MAX + 1];
	uint16_t port, priority, weight;
};

/* Somebody who waits for a connection to a partner. */
struct calling {
	struct edge *e;
	route_found_fn *found;
	void *found_arg;
	struct dns_query query;
	char domain[FED_NAME];
	struct target targets[TARGETS_MAX];
	size_t n, next;
};

static void call_end(struct calling *x, err e, const struct flow *flow)
{
	if (failed(e))
		LOG(&x->e->skel->log, PARTNER_FAILED, LOG_Z("domain", x->domain), LOG_ERR(e), LOG_Z("remedy", "Test-CsFederatedPartner shows where it stops"));
	x->found(x->found_arg, e, flow);
	free(x);
}

static err call_next(struct calling *x);

static void on_found(void *arg, err e, const struct flow *flow)
{
	struct calling *x = arg;
	if (!failed(e))
		call_end(x, OK, flow);
	else if (failed(call_next(x)))
		call_end(x, ERR(SIP_PARTNER_AWAY), NULL);
}

static err call_next(struct calling *x)
{
	while (x->next < x->n) {
		const struct target *t = &x->targets[x->next++];
		const struct uri u = { .kind = URI_SIP, .scheme = STR("sip"), .host = str_of(t->host), .port = t->port, .params = STR("transport=tls") };
		if (!failed(links_dial(x->e->links[EDGE_OUTSIDE], &u, on_found, x)))
			return OK;
	}
	return ERR(SIP_PARTNER_AWAY);
}

/* By priority, then by weight (RFC 2782; all of one partner use few connections, so there is nothing to share out). */
static void add_target(struct calling *x, const struct dns_record *r)
{
	struct target fresh = { .port = r->port, .priority = r->priority, .weight = r->weight };
	if (x->n == TARGETS_MAX || !str_to_z(r->name, fresh.host, sizeof fresh.host))
		return;
	size_t at = x->n++;
	for (; at > 0; at--) {
		const struct target *before = &x->targets[at - 1];
		if (before->priority < fresh.priority || (before->priority == fresh.priority && before->weight >= fresh.weight))
			break;
		x->targets[at] = *before;
	}
	x->targets[at] = fresh;
}

static void on_srv(void *arg, err e, const struct dns_answer *a)
{
	struct calling *x = arg;
	for (size_t i = 0; !failed(e) && i < a->n; i++)
		if (edge_fed_is_proxy(x->e, str_of(x->domain), a->records[i].name))
			add_target(x, &a->records[i]);
	if (x->n == 0)
		call_end(x, ERR(SIP_PARTNER_DNS), NULL);
	else if (failed(call_next(x)))
		call_end(x, ERR(SIP_PARTNER_AWAY), NULL);
}

static err call_begin(struct calling *x, const struct fed_place *place)
{
	char name[DNS_NAME_MAX + 1];
	if (fed_kind_has_proxy(place->kind)) {
		add_target(x, &(struct dns_record){ .name = str_of(place->proxy), .port = x->e->ways.ways[0].port });
		return call_next(x);
	}
	ENSURE(edge_fed_service(str_of(x->domain), name), SIP_PARTNER_DNS);
	return failed(dns_ask(x->e->dns, &x->query, DNS_SRV, str_of(name), on_srv, x)) ? ERR(SIP_PARTNER_DNS) : OK;
}

static err to_partner(struct edge *e, str domain, route_found_fn *found, void *found_arg)
{
	struct fed_place place;
	fed_find(e->fed, domain, &place);
	ENSURE(fed_kind_passes(place.kind), SIP_FORBIDDEN);
	struct calling *x = calloc(1, sizeof *x);
	ENSURE(x != NULL, NO_MEMORY);
	*x = (struct calling){ .e = e, .found = found, .found_arg = found_arg };
	err done = str_to_z(domain, x->domain, sizeof x->domain) ? call_begin(x, &place) : ERR(MALFORMED);
	if (failed(done))
		free(x);
	return done;
}

/* Within a dialog its own server is found again, if it is one of the topology. */
static err to_inside(struct edge *e, const struct uri *u, const struct flow *gone, route_found_fn *found, void *found_arg)
{
	const struct uri next = { .kind = URI_SIP, .scheme = STR("sip"), .host = e->next_host, .port = e->next_port, .params = STR("transport=tls") };
	bool is_known = gone != NULL && peers_may(e->peers, u->host, PEER_LISTENER_EDGE);
	return links_dial(e->links[EDGE_INSIDE], is_known ? u : &next, found, found_arg);
}

static err lead(void *arg, const struct request *r, const struct uri *u, const struct flow *gone, route_found_fn *found, void *found_arg)
{
	struct edge *e = arg;
	if (r->in->flow.front == EDGE_OUTSIDE)
		return to_inside(e, u, gone, found, found_arg);
	return to_partner(e, r->in->msg.to_tag.n != 0 ? r->in->msg.to.uri.host : u->host, found, found_arg);
}

static bool is_up(void *arg, const struct flow *flow)
{
	struct edge *e = arg;
	return flow->front < EDGE_SIDES && conn_find(e->sides[flow->front].conns, flow) != NULL;
}

const struct route_door edge_door = { lead, is_up };
