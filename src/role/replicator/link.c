/* SPDX-License-Identifier: Apache-2.0 */
/* Another server: found by its address in the topology or by DNS, dialled until it answers, and again when it is lost. */
#include "role/replicator/replicator_priv.h"

#include <stdlib.h>

static void dial(struct link *l, const struct addr *to)
{
	struct addr at = *to;
	int fd;
	at.port = l->port;
	err e = net_connect(&at, &fd);
	if (!failed(e))
		e = pipe_open(l->r, fd, &at, l, &l->pipe);
	if (failed(e))
		link_on_down(l, "it cannot be dialled");
}

static void on_answer(void *arg, err e, const struct dns_answer *a);

static void ask(struct link *l, enum dns_type type)
{
	l->asks = type;
	l->is_asking = !failed(dns_ask(l->r->dns, &l->query, type, str_of(l->fqdn), on_answer, l));
	if (!l->is_asking)
		link_on_down(l, "its name cannot be looked up");
}

static void on_answer(void *arg, err e, const struct dns_answer *a)
{
	struct link *l = arg;
	l->is_asking = false;
	if (!failed(e) && a->n != 0)
		dial(l, &a->records[0].addr);
	else if (l->asks == DNS_A)
		ask(l, DNS_AAAA);
	else
		link_on_down(l, "its name has no address");
}

void link_start(struct link *l)
{
	struct addr at;
	if (l->pipe != NULL || l->is_asking || !replicator_may_dial(l->r))
		return;
	timer_clear(loop_timers(l->r->skel->loop), &l->again);
	if (l->address[0] == '\0')
		ask(l, DNS_A);
	else if (!failed(addr_parse(str_of(l->address), l->port, &at)))
		dial(l, &at);
}

static void on_again(void *arg)
{
	link_start(arg);
}

/* Who may be joining is asked by the next connection, without delay: this one was only to see who is there. */
static unsigned next_wait(struct link *l)
{
	const unsigned most = l->is_awaited ? RETRY_AWAITED_MS : RETRY_MOST_MS;
	unsigned ms = l->wait != 0 ? l->wait : RETRY_FIRST_MS;
	if (l->tries_enrol)
		return 0;
	l->wait = ms * 2 < most ? ms * 2 : most;
	return ms < most ? ms : most;
}

static void dial_later(struct link *l)
{
	unsigned ms = next_wait(l);
	if (failed(timer_set(loop_timers(l->r->skel->loop), &l->again, ms, on_again, l)))
		skel_exit(l->r->skel, 1); /* master starts another one */
}

void link_on_down(struct link *l, const char *why)
{
	struct replicator *r = l->r;
	l->tries_enrol = l->pipe != NULL && l->pipe->is_refused;
	l->pipe = NULL;
	if (!l->is_told)
		LOG(&r->skel->log, COPY_LOST, LOG_Z("server", l->fqdn), LOG_Z("why", why), LOG_Z("remedy", "is it started, joined, and reachable at its replica port?"));
	if (r->vault != NULL && !l->is_told)
		(void)failed(ipc_send_replica_down(r->vault, &(struct ipc_replica_down){ .fqdn = str_of(l->fqdn), .why = str_of(why) }, -1));
	l->is_told = true;
	if (!r->is_draining)
		dial_later(l);
}

struct link *link_find(struct replicator *r, str fqdn)
{
	LIST_EACH (n, &r->links) {
		struct link *l = LIST_OF(n, struct link, node);
		if (str_eq(str_of(l->fqdn), fqdn))
			return l;
	}
	return NULL;
}

static bool is_same(const struct link *l, const struct ipc_replica_host *m)
{
	return l->port == m->port && str_eq(str_of(l->address), m->address) && str_eq(str_of(l->pool), m->pool);
}

err link_want(struct replicator *r, const struct ipc_replica_host *m)
{
	struct link *l = link_find(r, m->fqdn);
	if (l != NULL && !is_same(l, m)) {
		link_free(l);
		l = NULL;
	}
	if (l == NULL) {
		ENSURE(r->n_links < LINKS_MAX, CEILING);
		l = calloc(1, sizeof *l);
		ENSURE(l != NULL, NO_MEMORY);
		*l = (struct link){ .r = r, .port = m->port };
		if (!str_to_z(m->fqdn, l->fqdn, sizeof l->fqdn) || !str_to_z(m->pool, l->pool, sizeof l->pool) || !str_to_z(m->address, l->address, sizeof l->address)) {
			free(l);
			return ERR(MALFORMED);
		}
		list_add(&r->links, &l->node);
		r->n_links++;
	}
	l->is_wanted = true;
	l->is_awaited = m->is_awaited != 0;
	return OK;
}

void link_free(struct link *l)
{
	struct replicator *r = l->r;
	list_remove(&l->node);
	r->n_links--;
	dns_cancel(&l->query);
	timer_clear(loop_timers(r->skel->loop), &l->again);
	if (l->pipe != NULL) {
		struct pipe *p = l->pipe;
		p->link = NULL;
		meter_add(r->skel->meter, METER_COPIES, p->is_proven ? -1 : 0);
		pipe_close(p, "it is no server of the topology any more");
	}
	free(l);
}
