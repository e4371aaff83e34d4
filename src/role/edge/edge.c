/* SPDX-License-Identifier: Apache-2.0 */
/* The process: its life, and what master and vault hand to it. */
#include "role/edge/edge_priv.h"

#include "os/net.h"

#include <stdlib.h>

/* Which server's name is good at the inner side. */
static bool may_connect(void *arg, str name)
{
	const struct edge *e = arg;
	return peers_may(e->peers, name, PEER_LISTENER_EDGE);
}

static err read_next_hop(struct edge *e)
{
	uint32_t port;
	str digits;
	e->next_host = str_split(str_of(e->skel->next_hop), ':', &digits);
	ENSURE(e->next_host.n != 0 && str_to_u32(digits, &port) && port <= UINT16_MAX, MALFORMED);
	e->next_port = (uint16_t)port;
	return OK;
}

static err edge_open(struct skel *s, struct diag *d)
{
	struct edge *e = calloc(1, sizeof *e);
	(void)d;
	ENSURE(e != NULL, NO_MEMORY);
	s->state = e;
	e->skel = s;
	config_default(&e->config);
	memcpy(&e->tag_k0, s->shared_key + 16, 8);
	memcpy(&e->tag_k1, s->shared_key + 24, 8);
	TRY(peers_new(str_of(s->peers), &e->peers));
	TRY(users_new(&e->domains));
	TRY(users_set_domains(e->domains, str_of(s->domains)));
	TRY(read_next_hop(e));
	/* the system's lists of names and DNS servers must be read before the jail */
	TRY(dns_new(&(struct dns_config){ .loop = s->loop, .log = &s->log }, &e->dns));
	TRY(edge_trunk_open(e));
	TRY(identity_new(s, &e->identity));
	identity_set_peers(e->identity, may_connect, e);
	identity_set_vault(e->identity, &e->vault);
	return OK;
}

/* ---- what vault tells ---- */

static void apply(struct edge *e)
{
	for (unsigned i = 0; i < EDGE_SIDES; i++)
		edge_side_limit(&e->sides[i]);
	edge_guard_apply(e);
}

static err on_setting(struct edge *e, str body)
{
	struct ipc_setting m;
	TRY(ipc_setting_parse(&m, body));
	/* a property that a newer vault knows and we do not is no reason to stop */
	if (!failed(config_set(&e->config, m.object, m.property, m.value, NULL)))
		apply(e);
	edge_trunk_apply(e);
	return OK;
}

/* The first one makes the server ready: who knocks at a side without a certificate waits in its queue, and the log says why. */
static err on_certificate(struct edge *e, str body)
{
	struct ipc_certificate m;
	TRY(ipc_certificate_parse(&m, body));
	for (unsigned i = 0; i < EDGE_SIDES; i++)
		TRY(edge_side_present(&e->sides[i], m.usage, body));
	for (unsigned i = 0; i < EDGE_SIDES; i++)
		conns_judge_again(e->sides[i].conns); /* by the roots that came along */
	if (e->sides[EDGE_INSIDE].tls != NULL)
		skel_ready(e->skel);
	return OK;
}

static err on_revocation(struct edge *e, str body)
{
	bool changed;
	TRY(identity_read_revocation(e->identity, body, &changed));
	for (unsigned i = 0; changed && i < EDGE_SIDES; i++)
		conns_judge_again(e->sides[i].conns);
	return OK;
}

static err on_snapshot_end(struct edge *e, str body)
{
	struct ipc_snapshot_end m;
	TRY(ipc_snapshot_end_parse(&m, body));
	for (unsigned i = 0; i < EDGE_SIDES; i++)
		if (e->sides[i].tls == NULL)
			LOG(&e->skel->log, LISTENER_FAILED, LOG_Z("transport", e->sides[i].row->transport), LOG_Z("why", "there is no certificate for it"),
				LOG_Z("usage", e->sides[i].row->usage), LOG_Z("remedy", "request one and assign it to this usage; the listener takes it at once"));
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	(void)from;
	(void)fd;
	switch (type) {
	case IPC_SETTING:
		return on_setting(arg, body);
	case IPC_CERTIFICATE:
		return on_certificate(arg, body);
	case IPC_FED_ASK:
		return edge_try_ask(arg, body);
	case IPC_PARTNER:
		return edge_trunk_partner(arg, body);
	case IPC_REVOCATION:
		return on_revocation(arg, body);
	case IPC_APPLICATION_BEGIN:
		scripts_begin(((struct edge *)arg)->scripts);
		return OK;
	case IPC_APPLICATION:
		return edge_script_take(arg, body);
	case IPC_APPLICATION_END:
		scripts_end(((struct edge *)arg)->scripts);
		return OK;
	case IPC_BAN:
		return edge_guard_ban(arg, body);
	case IPC_SNAPSHOT_END:
		return on_snapshot_end(arg, body);
	default:
		return ERR(MALFORMED);
	}
}

static void on_close(void *arg, struct ipc *from)
{
	struct edge *e = arg;
	if (e->vault == from)
		e->vault = NULL;
}

static const struct ipc_door door = { on_message, on_close };

static err open_vault(struct edge *e, int fd)
{
	if (e->vault != NULL)
		ipc_close(e->vault);
	e->vault = NULL;
	return ipc_open(e->skel->loop, fd, &door, e, &e->vault);
}

/* ---- what master hands over ---- */

static void take_channel(struct edge *e, str role, unsigned index, int fd)
{
	err done = ERR(REFUSED);
	if (str_eq(role, STR("vault")))
		done = open_vault(e, fd);
	else if (str_eq(role, STR("keeper")))
		done = identity_keeper_open(e->identity, fd);
	else
		net_close(fd);
	if (failed(done))
		LOG(&e->skel->log, CHANNEL_FAILED, LOG_STR("to", role), LOG_INT("index", index), LOG_ERR(done));
}

static void take_listener(struct edge *e, str transport, unsigned port, int fd)
{
	for (unsigned i = 0; i < EDGE_SIDES; i++) {
		struct edge_side *s = &e->sides[i];
		if (!str_eq(transport, str_of(s->row->transport)))
			continue;
		err done = conns_listen(s->conns, fd, true);
		if (!failed(done)) {
			LOG(&e->skel->log, LISTENER_OPENED, LOG_STR("transport", transport), LOG_INT("port", port));
			return;
		}
	}
	net_close(fd);
	LOG(&e->skel->log, LISTENER_FAILED, LOG_STR("transport", transport), LOG_INT("port", port));
}

static void keep_for_start(struct edge *e, str name, unsigned number, int fd, bool is_listener)
{
	if (e->n_early == sizeof e->early / sizeof e->early[0]) {
		net_close(fd);
		return;
	}
	struct edge_early *early = &e->early[e->n_early++];
	*early = (struct edge_early){ .number = number, .fd = fd, .is_listener = is_listener };
	(void)str_to_z(name, early->name, sizeof early->name);
}

static void on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct edge *e = s->state;
	if (e->has_sides)
		take_channel(e, role, index, fd);
	else
		keep_for_start(e, role, index, fd, false);
}

static void on_listener(struct skel *s, str transport, unsigned port, int fd)
{
	struct edge *e = s->state;
	if (e->has_sides)
		take_listener(e, transport, port, fd);
	else
		keep_for_start(e, transport, port, fd, true);
}

/* The sides need the counters, which master tells between open and start. */
static err edge_start(struct skel *s, struct diag *d)
{
	struct edge *e = s->state;
	(void)d;
	TRY(edge_guard_open(e));
	TRY(edge_script_open(e));
	edge_guard_apply(e);
	for (unsigned i = 0; i < EDGE_SIDES; i++)
		TRY(edge_side_init(&e->sides[i], e, i));
	TRY(edge_trunk_start(e));
	e->has_sides = true;
	for (unsigned i = 0; i < e->n_early; i++) {
		const struct edge_early *early = &e->early[i];
		if (early->is_listener)
			take_listener(e, str_of(early->name), early->number, early->fd);
		else
			take_channel(e, str_of(early->name), early->number, early->fd);
	}
	e->n_early = 0;
	return OK;
}

/* What is under way is between the two ends, which begin anew at another Edge. */
static void edge_drain(struct skel *s, uint32_t ms)
{
	struct edge *e = s->state;
	(void)ms;
	for (unsigned i = 0; i < EDGE_SIDES && e->has_sides; i++) {
		conns_stop_listening(e->sides[i].conns);
		conns_close(e->sides[i].conns);
	}
	skel_exit(s, 0);
}

/* It needs nothing of the file system: what it must know, vault and master tell. */
static const struct jail jail = {
	.user = "witan-edge",
	.room = "run/empty",
	.may = JAIL_NETWORK | JAIL_ACCEPT,
};

const struct role role_edge = {
	.name = "edge",
	.jail = &jail,
	.open = edge_open,
	.start = edge_start,
	.on_channel = on_channel,
	.on_listener = on_listener,
	.drain = edge_drain,
};
