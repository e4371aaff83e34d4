/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for other servers: they wait until there is a connection, then go like all others. */
#include "service/route/route_priv.h"

#include <stdlib.h>

struct waiting {
	struct route *s;
	struct request r; /* r.in is referenced */
	struct route_way way;
	bool is_cancelled, is_gone;
};

static void on_cancel(void *arg, struct txn *t)
{
	struct waiting *x = arg;
	(void)t;
	x->is_cancelled = true;
}

static void on_end(void *arg, struct txn *t)
{
	struct waiting *x = arg;
	(void)t;
	x->is_gone = true;
}

static const struct txn_server_door door = { on_cancel, on_end };

static void found(void *arg, err e, const struct flow *flow)
{
	struct waiting *x = arg;
	if (!x->is_gone) {
		txn_server_on(x->r.txn, NULL, NULL);
		if (x->is_cancelled) {
			request_reply(&x->r, 487, STR(""));
		} else {
			const struct reg_target target = { .uri = x->way.request_uri, .flow = failed(e) ? (struct flow){ 0 } : *flow };
			if (!failed(e))
				e = route_fork(x->s, &x->r, &x->way, &target, 1);
			if (failed(e))
				request_fail(&x->r, e, "next hop");
		}
	}
	inbound_unref(x->r.in);
	free(x);
}

err route_onward(struct route *s, struct request *r, const struct route_way *w, const struct flow *gone)
{
	ENSURE(s->c.door.lead != NULL, SIP_FORBIDDEN);
	struct waiting *x = malloc(sizeof *x);
	ENSURE(x != NULL, NO_MEMORY);
	*x = (struct waiting){ .s = s, .r = *r, .way = *w };
	x->r.conn = NULL;
	inbound_ref(r->in);
	txn_server_on(r->txn, &door, x);
	err e = s->c.door.lead(s->c.arg, r, gone != NULL && w->leads_elsewhere ? &w->onward : &w->uri, gone, found, x);
	if (!failed(e))
		return OK;
	txn_server_on(r->txn, NULL, NULL);
	inbound_unref(r->in);
	free(x);
	return e;
}
