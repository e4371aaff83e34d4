/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of our own to the home of a user, and the answers to them: as if a client had sent them, without a connection. What is for this process
 * itself is taken in a later turn, so that nobody is called from inside his own call.
 */
#include "role/front/front_priv.h"

#include <stdlib.h>

#define WAITING_MAX 10000

struct own {
	struct list node;
	struct inbound *in;
};

struct flow front_self_flow(void *arg, str aor)
{
	const struct front *f = arg;
	return (struct flow){ .slot = FRONT_SELF, .serial = FRONT_SELF, .front = route_home_of(f->route, aor) };
}

static void handle(struct front *f, struct inbound *in)
{
	str aor;
	if (!in->msg.is_request)
		(void)failed(txn_response(f->txns, in));
	else if (!failed(uri_aor(&in->msg.from.uri, &in->arena, &aor)))
		front_handle(f, in, NULL, aor, false, FRONT_STAGE_HOME);
}

static void take_all(void *arg)
{
	struct front *f = arg;
	struct list taken;
	list_init(&taken);
	while (!list_is_empty(&f->own)) {
		struct list *n = f->own.next;
		list_remove(n);
		list_add(&taken, n);
	}
	f->n_own = 0;
	LIST_EACH(n, &taken) {
		struct own *o = LIST_OF(n, struct own, node);
		handle(f, o->in);
		inbound_unref(o->in);
		free(o);
	}
}

err front_self_take(struct front *f, uint16_t from, uint64_t request, str bytes)
{
	static const struct sip_limits limits = { .message = UINT32_MAX, .header = UINT32_MAX, .body = UINT32_MAX, .fields = UINT16_MAX };
	static const struct addr nowhere = { .family = 4 };
	ENSURE(f->n_own < WAITING_MAX, SIP_BUSY);
	struct own *o = calloc(1, sizeof *o);
	ENSURE(o != NULL, NO_MEMORY);
	err e = inbound_new(bytes, &limits, &o->in, NULL);
	if (failed(e)) {
		inbound_unref(o->in);
		free(o);
		return e;
	}
	inbound_set_source(o->in, &(const struct flow){ .slot = FRONT_SELF, .serial = FRONT_SELF, .front = from }, &nowhere, true, request);
	list_add(&f->own, &o->node);
	f->n_own++;
	loop_defer(f->skel->loop, &f->own_task, take_all, f);
	return OK;
}

err front_self_send(struct front *f, const struct flow *to, uint64_t request, str bytes)
{
	if (to->front == f->skel->index)
		return front_self_take(f, to->front, request, bytes);
	return front_bus_write(f, to, request, bytes);
}
