/* SPDX-License-Identifier: Apache-2.0 */
/* The replica listener: few may knock at once, and one gets in. */
#include "role/replicator/replicator_priv.h"

enum { ACCEPTS_A_TURN = 16 };

static void take(struct replicator *r, int fd, const struct addr *peer)
{
	struct pipe *p;
	if (r->n_accepted >= STRANGERS_MAX)
		pipe_close(LIST_OF(r->accepted.next, struct pipe, node), "too many handshakes under way");
	if (failed(pipe_open(r, fd, peer, NULL, &p)))
		return;
	list_add(&r->accepted, &p->node);
	r->n_accepted++;
}

static void on_ready(void *arg, unsigned events)
{
	struct replicator *r = arg;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct addr peer;
		int fd;
		if (failed(net_accept(r->listener, &fd, &peer)))
			return;
		take(r, fd, &peer);
	}
}

/* Without certificate, vault, or the word who is central nobody could be answered: he waits in the queue. */
void listen_set(struct replicator *r)
{
	if (r->is_listening)
		watch_set(&r->listener_watch, r->tls != NULL && r->vault != NULL && r->knows_self && !r->is_central ? WATCH_READ : 0);
}

err listen_open(struct replicator *r, int fd)
{
	ENSURE(!r->is_listening && r->listener < 0, EXISTS);
	TRY(watch_open(r->skel->loop, &r->listener_watch, fd, on_ready, r));
	r->listener = fd;
	r->is_listening = true;
	listen_set(r);
	return OK;
}

static void on_closed(void *arg)
{
	struct replicator *r = arg;
	net_close(r->listener);
	r->listener = -1;
}

void listen_close(struct replicator *r)
{
	if (!r->is_listening)
		return;
	r->is_listening = false;
	watch_close(&r->listener_watch, on_closed);
}
