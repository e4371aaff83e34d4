/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between front processes. Each is home to a share of the users and owns the connections it has accepted: requests travel
 * to the home of their target, bytes to the owner of a flow, responses to the owner of their transaction. A home that died
 * is told anew what was bound over the connections of the others, which have kept it for this.
 */
#include "role/front/front_priv.h"

#include <stdlib.h>

enum { PASS_RESPONSE = 1, PASS_PLAIN = 2, PASS_PEER = 4 };

/* What a home asked us to keep with a connection of ours, one entry an address of record. */
struct keep {
	struct keep *next;
	size_t aor_n, n;
	char bytes[]; /* aor, then what the home wrote */
};

static struct ipc *peer_channel(struct front *f, uint16_t index)
{
	return index < FRONT_MAX ? f->peers[index].ipc : NULL;
}

static void count_sent(struct front *f)
{
	meter_add(f->skel->meter, METER_BUS_SENT, 1);
}

static struct ipc_pass make_pass(const struct inbound *in, unsigned flags, str aor)
{
	return (struct ipc_pass){ .request = in->request, .slot = in->flow.slot, .serial = in->flow.serial,
		.reached = in->flow.reached, .flags = (uint8_t)(flags | (in->secure ? 0u : PASS_PLAIN)), .peer = { (const char *)&in->peer, sizeof in->peer },
		.aor = aor, .bytes = in->msg.raw };
}

err front_bus_pass(struct front *f, uint16_t to, const struct request *r)
{
	struct ipc *c = peer_channel(f, to);
	ENSURE(c != NULL, SIP_BUSY); /* it has died and is not back yet: a moment later it is */
	struct ipc_pass m = make_pass(r->in, r->is_peer ? PASS_PEER : 0, r->aor);
	count_sent(f);
	return ipc_send_pass(c, &m, -1);
}

void front_bus_response(struct front *f, uint16_t to, struct inbound *in)
{
	struct ipc *c = peer_channel(f, to);
	if (c == NULL)
		return;
	struct ipc_pass m = make_pass(in, PASS_RESPONSE, STR(""));
	count_sent(f);
	(void)failed(ipc_send_pass(c, &m, -1));
}

err front_bus_write(struct front *f, const struct flow *to, uint64_t request, str bytes)
{
	struct ipc *c = peer_channel(f, to->front);
	ENSURE(c != NULL, SIP_FLOW_FAILED);
	count_sent(f);
	return ipc_send_write(c,
		&(const struct ipc_write){ .request = request, .slot = to->slot, .serial = to->serial, .bytes = bytes }, -1);
}

static void tell_flow_gone(struct front *f, uint16_t to, uint32_t slot, uint32_t serial)
{
	struct ipc *c = peer_channel(f, to);
	if (c != NULL)
		(void)failed(ipc_send_flow_gone(c, &(const struct ipc_flow_gone){ .slot = slot, .serial = serial }, -1));
}

static void keep_free(struct keep *k)
{
	while (k != NULL) {
		struct keep *next = k->next;
		free(k);
		k = next;
	}
}

/* Only a connection on which somebody has proven himself is known to others. */
void front_bus_flow_gone(struct front *f, struct conn *c)
{
	struct flow flow = conn_flow(c);
	void **slot = conn_keep_slot(c);
	keep_free(*slot);
	*slot = NULL;
	if (f->skel->n_fronts < 2 || !conn_is_trusted(c))
		return;
	for (uint16_t i = 0; i < f->skel->n_fronts; i++)
		if (i != f->skel->index)
			tell_flow_gone(f, i, flow.slot, flow.serial);
}

/* ---- what a home asks the owner of a flow to keep ---- */

static void send_keep(struct front *f, const struct flow *flow, str aor, str bytes)
{
	struct ipc *c = flow->front != f->skel->index ? peer_channel(f, flow->front) : NULL;
	if (c != NULL) /* what hangs on our own connections dies with us: nobody has to keep it */
		(void)failed(ipc_send_keep(c,
			&(const struct ipc_keep){ .slot = flow->slot, .serial = flow->serial, .aor = aor, .bytes = bytes }, -1));
}

void front_bus_keep(void *arg, const struct flow *flow, str aor, str bytes)
{
	send_keep(arg, flow, aor, bytes);
}

void front_bus_forget(void *arg, const struct flow *flow, str aor)
{
	send_keep(arg, flow, aor, STR(""));
}

void front_bus_end(struct front *f, const struct flow *flow, str aor)
{
	struct ipc *c = peer_channel(f, flow->front);
	if (c != NULL)
		(void)failed(ipc_send_flow_end(c, &(const struct ipc_flow_end){ .slot = flow->slot, .serial = flow->serial, .aor = aor }, -1));
}

static err keep(struct front *f, struct conn *c, str aor, str bytes)
{
	struct keep **at = (struct keep **)conn_keep_slot(c);
	while (*at != NULL && !str_eq((str){ (*at)->bytes, (*at)->aor_n }, aor))
		at = &(*at)->next;
	if (*at != NULL) {
		struct keep *old = *at;
		*at = old->next;
		free(old);
	}
	if (bytes.n == 0)
		return OK;
	struct keep *k = malloc(sizeof *k + aor.n + bytes.n);
	ENSURE(k != NULL, NO_MEMORY);
	*k = (struct keep){ .aor_n = aor.n, .n = bytes.n };
	memcpy(k->bytes, aor.p, aor.n);
	memcpy(k->bytes + aor.n, bytes.p, bytes.n);
	struct keep **slot = (struct keep **)conn_keep_slot(c);
	k->next = *slot;
	*slot = k;
	return OK;
}

/* ---- what comes in ---- */

static err on_pass(struct front_peer *p, str body)
{
	struct front *f = p->front;
	struct ipc_pass m;
	struct inbound *in;
	struct addr peer;
	TRY(ipc_pass_parse(&m, body));
	ENSURE(m.peer.n == sizeof peer, MALFORMED);
	memcpy(&peer, m.peer.p, sizeof peer);
	bool plain = (m.flags & PASS_PLAIN) != 0;
	const struct flow flow = { .slot = m.slot, .serial = m.serial, .front = p->index, .is_plain = plain,
		.reached = m.reached };
	const struct sip_limits limits = { .message = UINT32_MAX, .header = UINT32_MAX, .body = UINT32_MAX, .fields = UINT16_MAX };
	err e = inbound_new(m.bytes, &limits, &in, NULL);
	if (failed(e)) {
		inbound_unref(in); /* its owner has parsed it before */
		return OK;
	}
	inbound_set_source(in, &flow, &peer, !plain, m.request);
	str aor = arena_copy(&in->arena, m.aor);
	if ((m.flags & PASS_RESPONSE) != 0)
		(void)failed(txn_response(f->txns, in));
	else if (aor.p != NULL)
		front_handle(f, in, NULL, aor, (m.flags & PASS_PEER) != 0, FRONT_STAGE_HOME);
	inbound_unref(in);
	return OK;
}

static err on_write(struct front_peer *p, str body)
{
	struct front *f = p->front;
	struct ipc_write m;
	TRY(ipc_write_parse(&m, body));
	if (m.slot == FRONT_SELF) {
		(void)failed(front_self_take(f, p->index, m.request, m.bytes));
		return OK;
	}
	const struct flow flow = { .slot = m.slot, .serial = m.serial, .front = (uint16_t)f->skel->index };
	if (failed(front_send(f, &flow, m.request, m.bytes)))
		tell_flow_gone(f, p->index, m.slot, m.serial);
	return OK;
}

static err on_flow_gone(struct front_peer *p, str body)
{
	struct ipc_flow_gone m;
	TRY(ipc_flow_gone_parse(&m, body));
	const struct flow flow = { .slot = m.slot, .serial = m.serial, .front = p->index };
	notifier_flow_gone(p->front->notifier, &flow);
	im_flow_gone(p->front->im, &flow);
	reg_flow_gone(p->front->reg, &flow);
	txns_flow_gone(p->front->txns, &flow);
	return OK;
}

static err on_flow_end(struct front_peer *p, str body)
{
	struct ipc_flow_end m;
	TRY(ipc_flow_end_parse(&m, body));
	const struct flow flow = { .slot = m.slot, .serial = m.serial, .front = (uint16_t)p->front->skel->index };
	front_end_conn(p->front, &flow, m.aor);
	return OK;
}

static err on_keep(struct front_peer *p, str body)
{
	struct front *f = p->front;
	struct ipc_keep m;
	TRY(ipc_keep_parse(&m, body));
	const struct flow flow = { .slot = m.slot, .serial = m.serial, .front = (uint16_t)f->skel->index };
	struct conn *c = conn_find(f->conns, &flow);
	if (c != NULL)
		return keep(f, c, m.aor, m.bytes);
	tell_flow_gone(f, p->index, m.slot, m.serial);
	return OK;
}

static err on_binding(struct front_peer *p, str body)
{
	struct ipc_binding m;
	TRY(ipc_binding_parse(&m, body));
	const struct flow flow = { .slot = m.slot, .serial = m.serial, .front = p->index, .is_plain = m.is_plain,
		.reached = m.reached };
	return reg_binding_restore(p->front->reg, &flow, m.aor, m.bytes);
}

static err on_watch(struct front_peer *p, str body)
{
	struct ipc_watch m;
	TRY(ipc_watch_parse(&m, body));
	return pres_on_watch(p->front->pres, p->index, m.id, m.aor, m.watcher, m.categories);
}

static err on_unwatch(struct front_peer *p, str body)
{
	struct ipc_unwatch m;
	TRY(ipc_unwatch_parse(&m, body));
	pres_on_unwatch(p->front->pres, p->index, m.id);
	return OK;
}

static err on_watch_news(struct front_peer *p, str body)
{
	struct ipc_watch_news m;
	TRY(ipc_watch_news_parse(&m, body));
	return pres_on_news(p->front->pres, p->index, m.id, m.pieces);
}

static err (*const readers[IPC_N])(struct front_peer *p, str body) = {
	[IPC_PASS] = on_pass,
	[IPC_WRITE] = on_write,
	[IPC_FLOW_GONE] = on_flow_gone,
	[IPC_FLOW_END] = on_flow_end,
	[IPC_KEEP] = on_keep,
	[IPC_BINDING] = on_binding,
	[IPC_WATCH] = on_watch,
	[IPC_UNWATCH] = on_unwatch,
	[IPC_WATCH_NEWS] = on_watch_news,
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct front_peer *p = arg;
	(void)from;
	(void)fd;
	ENSURE(readers[type] != NULL, MALFORMED);
	meter_add(p->front->skel->meter, METER_BUS_RECEIVED, 1);
	return readers[type](p, body);
}

/* Its connections are gone with it. */
static void on_close(void *arg, struct ipc *from)
{
	struct front_peer *p = arg;
	if (p->ipc != from)
		return;
	p->ipc = NULL;
	notifier_front_gone(p->front->notifier, p->index);
	im_front_gone(p->front->im, p->index);
	pres_front_gone(p->front->pres, p->index);
	reg_front_gone(p->front->reg, p->index);
	txns_front_gone(p->front->txns, p->index);
}

static const struct ipc_door door = { on_message, on_close };

static void tell_kept(void *arg, struct conn *c)
{
	struct front_peer *p = arg;
	struct flow flow = conn_flow(c);
	for (const struct keep *k = *conn_keep_slot(c); k != NULL; k = k->next) {
		str aor = { k->bytes, k->aor_n };
		if (route_home_of(p->front->route, aor) == p->index)
			(void)failed(ipc_send_binding(p->ipc,
				&(const struct ipc_binding){ .slot = flow.slot, .serial = flow.serial,
					.reached = flow.reached, .is_plain = (uint8_t)flow.is_plain, .aor = aor, .bytes = { k->bytes + k->aor_n, k->n } },
				-1));
	}
}

err front_bus_open(struct front *f, unsigned index, int fd)
{
	struct front_peer *p = index < FRONT_MAX ? &f->peers[index] : NULL;
	if (p == NULL) {
		net_close(fd);
		return ERR(CEILING);
	}
	if (p->ipc != NULL) {
		struct ipc *old = p->ipc;
		on_close(p, old);
		ipc_close(old);
	}
	TRY(ipc_open(f->skel->loop, fd, &door, p, &p->ipc));
	conns_each(f->conns, tell_kept, p);
	pres_front_up(f->pres, p->index);
	return OK;
}

/* ---- watching across processes ---- */

void front_bus_watch(void *arg, uint16_t front, uint32_t id, str aor, str watcher, str categories)
{
	struct ipc *c = peer_channel(arg, front);
	if (c != NULL)
		(void)failed(ipc_send_watch(c, &(const struct ipc_watch){ .id = id, .aor = aor, .watcher = watcher, .categories = categories }, -1));
}

void front_bus_unwatch(void *arg, uint16_t front, uint32_t id)
{
	struct ipc *c = peer_channel(arg, front);
	if (c != NULL)
		(void)failed(ipc_send_unwatch(c, &(const struct ipc_unwatch){ .id = id }, -1));
}

void front_bus_news(void *arg, uint16_t front, uint32_t id, str pieces)
{
	struct ipc *c = peer_channel(arg, front);
	if (c != NULL)
		(void)failed(ipc_send_watch_news(c, &(const struct ipc_watch_news){ .id = id, .pieces = pieces }, -1));
}
