/* SPDX-License-Identifier: Apache-2.0 */
/* The process: who may speak, and what goes from whom to whom. */
#include "role/replicator/replicator_priv.h"

#include <stdlib.h>

bool replicator_may_dial(const struct replicator *r)
{
	return r->knows_self && r->is_central && r->tls != NULL && r->vault != NULL && !r->is_draining;
}

static void dial_all(struct replicator *r)
{
	LIST_EACH (n, &r->links)
		link_start(LIST_OF(n, struct link, node));
}

static void hang_up_all(struct replicator *r, const char *why)
{
	LIST_EACH (n, &r->links)
		if (LIST_OF(n, struct link, node)->pipe != NULL)
			pipe_close(LIST_OF(n, struct link, node)->pipe, why);
	LIST_EACH (n, &r->accepted)
		pipe_close(LIST_OF(n, struct pipe, node), why);
	if (r->source != NULL)
		pipe_close(r->source, why);
}

/* A message that vault does not take ends the channel, and with it every connection (on_vault_close). */
static void sent(err e)
{
	(void)failed(e);
}

/* ---- a copy: who connects ---- */

struct search {
	str want;
	bool found;
};

static void look(void *arg, str name)
{
	struct search *s = arg;
	s->found = s->found || str_eq_case(name, s->want);
}

static void refuse(struct pipe *p, const char *why)
{
	char text[ADDR_TEXT];
	struct skel *s = p->r->skel;
	LOG(&s->log, CONN_REFUSED, LOG_Z("peer", addr_print(&p->peer, text)), LOG_Z("listener", "replica"), LOG_Z("why", why));
	pipe_close(p, why);
}

static void say_hello(struct pipe *p)
{
	struct replicator *r = p->r;
	struct buf b;
	buf_init(&b, 1024);
	replica_hello_print(&b, &(struct replica_hello){ .protocol = REPLICA_PROTOCOL, .version = r->version, .mark = r->mark,
		.fqdn = str_of(r->skel->fqdn), .product = STR(WITAN_VERSION) });
	pipe_send(p, REPLICA_HELLO, buf_str(&b));
	buf_fini(&b);
}

/* What both sides know of this connection and nobody in the middle can have: its exporter, and the two certificates, the dialling side's first. */
static err bind_proof(const struct pipe *p, uint8_t out[96])
{
	TRY(tls_binding(p->tls, out));
	TRY(tls_leaf_hash(p->tls, p->is_accepted, out + 32));
	return tls_leaf_hash(p->tls, !p->is_accepted, out + 64);
}

static void ask_proof(struct pipe *p)
{
	uint8_t binding[96];
	if (failed(bind_proof(p, binding)))
		refuse(p, "nothing can be bound to this connection");
	else
		sent(ipc_send_enrol_ask(p->r->vault, &(struct ipc_enrol_ask){ .binding = { (const char *)binding, sizeof binding } }, -1));
}

static void take_source(struct pipe *p)
{
	struct replicator *r = p->r;
	struct search s = { .want = str_of(r->central) };
	if (!tls_peer_names(p->tls, look, &s) || !s.found) {
		refuse(p, "its certificate does not name the server of the central store");
		return;
	}
	if (r->vault == NULL) {
		pipe_close(p, "the store is not there at the moment");
		return;
	}
	list_remove(&p->node);
	r->n_accepted--;
	p->is_proven = true;
	if (r->source != NULL)
		pipe_close(r->source, "a newer connection has come");
	r->source = p;
	sent(ipc_send_replica_up(r->vault, &(struct ipc_replica_up){ .fqdn = str_of(r->central), .version = r->version, .mark = r->mark, .product = STR("") }, -1));
	LOG(&r->skel->log, COPY_CONNECTED, LOG_Z("central", r->central), LOG_INT("version", r->version));
	if (r->joins)
		ask_proof(p);
	else
		say_hello(p);
}

void replicator_on_up(struct pipe *p)
{
	if (p->link == NULL)
		take_source(p);
}

void replicator_on_down(struct pipe *p, const char *why)
{
	struct replicator *r = p->r;
	if (p == r->source) {
		r->source = NULL;
		LOG(&r->skel->log, COPY_LOST, LOG_Z("central", r->central), LOG_Z("why", why));
		if (r->vault != NULL)
			sent(ipc_send_replica_down(r->vault, &(struct ipc_replica_down){ .fqdn = str_of(r->central), .why = str_of(why) }, -1));
	} else if (p->link != NULL) {
		meter_add(r->skel->meter, METER_COPIES, p->is_proven && !p->is_enrolling ? -1 : 0);
		link_on_down(p->link, why);
	} else if (p->is_accepted && !p->is_proven) {
		r->n_accepted--;
		meter_add(r->skel->meter, METER_COPY_STRANGERS, 1);
	}
}

/* ---- the central store: what copies say ---- */

static err on_hello(struct pipe *p, str body)
{
	struct replica_hello h;
	struct link *l = p->link;
	struct replicator *r = p->r;
	ENSURE(!p->is_proven, MALFORMED);
	TRY(replica_hello_parse(&h, body));
	ENSURE(h.protocol == REPLICA_PROTOCOL && str_eq_case(h.fqdn, str_of(l->fqdn)), REFUSED);
	p->is_proven = true;
	l->wait = 0;
	l->is_told = false;
	meter_add(r->skel->meter, METER_COPIES, 1);
	LOG(&r->skel->log, COPY_CONNECTED, LOG_Z("server", l->fqdn), LOG_INT("version", h.version), LOG_STR("product", h.product));
	return ipc_send_replica_up(r->vault, &(struct ipc_replica_up){ .fqdn = str_of(l->fqdn), .version = h.version, .mark = h.mark, .product = h.product }, -1);
}

static err on_refused(struct pipe *p, str why)
{
	LOG(&p->r->skel->log, COPY_REFUSED, LOG_Z("server", p->link->fqdn), LOG_STR("why", why));
	pipe_close(p, "it could not take what it was sent");
	return OK;
}

/* It is still nobody; vault judges what it says. */
static err on_enrol(struct pipe *p, str body)
{
	uint8_t binding[96];
	p->is_proven = true; /* of the time limit only: what may come over this connection is over */
	TRY(bind_proof(p, binding));
	return ipc_send_enrol(p->r->vault, &(struct ipc_enrol){ .fqdn = str_of(p->link->fqdn), .binding = { (const char *)binding, sizeof binding }, .bytes = body }, -1);
}

/* Nothing comes from a copy faster than it was asked for: one that was taken over must not fill the channel by which all are told. */
static err on_answer(struct pipe *p, enum replica_frame type, str body)
{
	struct ipc *vault = p->r->vault;
	str fqdn = str_of(p->link->fqdn);
	uint64_t version;
	ENSURE(p->owed != 0, MALFORMED);
	p->owed--;
	if (type == REPLICA_TAKEN)
		return ipc_send_replica_taken(vault, &(struct ipc_replica_taken){ .fqdn = fqdn }, -1);
	TRY(replica_applied_parse(&version, body));
	return ipc_send_replica_applied(vault, &(struct ipc_replica_applied){ .fqdn = fqdn, .version = version }, -1);
}

static err on_renewal(struct pipe *p, str body)
{
	struct ipc *vault = p->r->vault;
	if (ipc_queued(vault) > ENROL_QUEUE_MAX)
		return OK;
	return ipc_send_enrol(vault, &(struct ipc_enrol){ .fqdn = str_of(p->link->fqdn), .binding = STR(""), .bytes = body }, -1);
}

static err on_frame_of_copy(struct pipe *p, enum replica_frame type, str body)
{
	if (p->is_enrolling && (type == REPLICA_ENROL || type == REPLICA_REFUSED) && !p->is_proven)
		return type == REPLICA_ENROL ? on_enrol(p, body) : on_refused(p, body);
	if (type == REPLICA_HELLO && !p->is_enrolling)
		return on_hello(p, body);
	ENSURE(p->is_proven, MALFORMED);
	ENSURE(!p->is_enrolling, MALFORMED);
	switch (type) {
	case REPLICA_TAKEN:
	case REPLICA_APPLIED:
		return on_answer(p, type, body);
	case REPLICA_ENROL:
		return on_renewal(p, body);
	case REPLICA_REFUSED:
		return on_refused(p, body);
	case REPLICA_PING:
		return OK;
	default:
		return ERR(MALFORMED);
	}
}

err replicator_on_frame(struct pipe *p, enum replica_frame type, str body)
{
	ENSURE(p->r->vault != NULL, CLOSED);
	if (p->link != NULL)
		return on_frame_of_copy(p, type, body);
	if (type == REPLICA_PING)
		return OK;
	ENSURE(p == p->r->source, MALFORMED);
	if (type == REPLICA_ENROLLED || type == REPLICA_REFUSED) {
		bool is_refused = type == REPLICA_REFUSED;
		return ipc_send_enrolled(p->r->vault, &(struct ipc_enrolled){ .fqdn = STR(""), .why = is_refused ? body : STR(""), .bytes = is_refused ? STR("") : body }, -1);
	}
	ENSURE(type == REPLICA_PIECE && !p->r->joins, MALFORMED);
	meter_add(p->r->skel->meter, METER_COPY_PIECES, 1);
	return ipc_send_replica_data(p->r->vault, &(struct ipc_replica_data){ .fqdn = STR(""), .bytes = body }, -1);
}

/* ---- what vault says ---- */

static err on_host(struct replicator *r, str body)
{
	struct ipc_replica_host m;
	TRY(ipc_replica_host_parse(&m, body));
	return link_want(r, &m);
}

static void drop_unwanted(struct replicator *r)
{
	LIST_EACH (n, &r->links) {
		struct link *l = LIST_OF(n, struct link, node);
		if (!l->is_wanted)
			link_free(l);
		else
			l->is_wanted = false;
	}
}

static err on_self(struct replicator *r, str body)
{
	struct ipc_replica_self m;
	char before[sizeof r->central];
	TRY(ipc_replica_self_parse(&m, body));
	memcpy(before, r->central, sizeof before);
	ENSURE(str_to_z(m.central, r->central, sizeof r->central), MALFORMED);
	r->version = m.version;
	r->mark = m.mark;
	r->knows_self = true;
	r->is_central = m.is_central != 0;
	if (r->joins && m.joins == 0 && r->source != NULL)
		pipe_close(r->source, "this server has joined: from now on it has a certificate");
	r->joins = m.joins != 0;
	drop_unwanted(r);
	if (r->source != NULL && strcmp(before, r->central) != 0)
		pipe_close(r->source, "another server has the central store now");
	listen_set(r);
	dial_all(r);
	return OK;
}

static err on_data(struct replicator *r, str body)
{
	struct ipc_replica_data m;
	TRY(ipc_replica_data_parse(&m, body));
	struct link *l = link_find(r, m.fqdn);
	if (l == NULL || l->pipe == NULL || !l->pipe->is_proven)
		return OK; /* it has gone meanwhile; vault is told so, or has been */
	meter_add(r->skel->meter, METER_COPY_PIECES, 1);
	l->pipe->owed++;
	pipe_send(l->pipe, REPLICA_PIECE, m.bytes);
	return OK;
}

static err on_taken(struct replicator *r, str body)
{
	struct ipc_replica_taken m;
	TRY(ipc_replica_taken_parse(&m, body));
	if (r->source != NULL)
		pipe_send(r->source, REPLICA_TAKEN, STR(""));
	return OK;
}

static err on_applied(struct replicator *r, str body)
{
	struct ipc_replica_applied m;
	struct buf b;
	TRY(ipc_replica_applied_parse(&m, body));
	buf_init(&b, 64);
	replica_applied_print(&b, m.version);
	if (r->source != NULL)
		pipe_send(r->source, REPLICA_APPLIED, buf_str(&b));
	buf_fini(&b);
	return OK;
}

/* The reason should still get there: what is queued is given one try by the next turn, and the other side closes. */
static err on_refuse(struct replicator *r, str body)
{
	struct ipc_replica_refused m;
	TRY(ipc_replica_refused_parse(&m, body));
	if (r->source != NULL)
		pipe_send(r->source, REPLICA_REFUSED, str_cut(m.why, 0, 512));
	return OK;
}

static err on_enrol_proof(struct replicator *r, str body)
{
	struct ipc_enrol_proof m;
	TRY(ipc_enrol_proof_parse(&m, body));
	if (r->source != NULL)
		pipe_send(r->source, REPLICA_ENROL, m.bytes);
	return OK;
}

static err on_enrolled(struct replicator *r, str body)
{
	struct ipc_enrolled m;
	TRY(ipc_enrolled_parse(&m, body));
	struct link *l = link_find(r, m.fqdn);
	if (l == NULL || l->pipe == NULL || !l->pipe->is_proven)
		return OK;
	if (m.why.n == 0)
		l->wait = 0; /* it closes when it has taken them, and is dialled at once as a server of ours */
	pipe_send(l->pipe, m.why.n != 0 ? REPLICA_REFUSED : REPLICA_ENROLLED, m.why.n != 0 ? str_cut(m.why, 0, 512) : m.bytes);
	return OK;
}

static void judge_all_again(struct replicator *r)
{
	LIST_EACH (n, &r->links)
		if (LIST_OF(n, struct link, node)->pipe != NULL)
			pipe_judge_again(LIST_OF(n, struct link, node)->pipe);
	LIST_EACH (n, &r->accepted)
		pipe_judge_again(LIST_OF(n, struct pipe, node));
	if (r->source != NULL)
		pipe_judge_again(r->source);
}

static err on_certificate(struct replicator *r, str body)
{
	struct ipc_certificate m;
	struct tls_server *tls;
	TRY(ipc_certificate_parse(&m, body));
	if (!str_eq(m.usage, STR("Default")) && !str_eq(m.usage, STR("Internal")))
		return OK;
	TRY(identity_read(r->identity, body, IDENTITY_TAKES_SERVERS_ONLY, &tls));
	if (tls == NULL)
		return OK;
	tls_server_unref(r->tls);
	r->tls = tls;
	judge_all_again(r); /* by the roots that came along */
	listen_set(r);
	dial_all(r);
	return OK;
}

static err on_revocation(struct replicator *r, str body)
{
	bool changed;
	TRY(identity_read_revocation(r->identity, body, &changed));
	if (changed)
		judge_all_again(r);
	return OK;
}

static err (*const readers[IPC_N])(struct replicator *r, str body) = {
	[IPC_REPLICA_HOST] = on_host,
	[IPC_REPLICA_SELF] = on_self,
	[IPC_REPLICA_DATA] = on_data,
	[IPC_REPLICA_TAKEN] = on_taken,
	[IPC_REPLICA_APPLIED] = on_applied,
	[IPC_REPLICA_REFUSED] = on_refuse,
	[IPC_ENROL_PROOF] = on_enrol_proof,
	[IPC_ENROLLED] = on_enrolled,
	[IPC_CERTIFICATE] = on_certificate,
	[IPC_REVOCATION] = on_revocation,
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	(void)from;
	(void)fd;
	ENSURE(readers[type] != NULL, MALFORMED);
	return readers[type](arg, body);
}

/* What was under way is begun anew with the next vault. */
static void on_vault_close(void *arg, struct ipc *from)
{
	struct replicator *r = arg;
	if (r->vault != from)
		return;
	r->vault = NULL;
	hang_up_all(r, "the store of this server is not there at the moment");
	listen_set(r);
}

static const struct ipc_door door = { on_message, on_vault_close };

static err open_vault(struct replicator *r, int fd)
{
	if (r->vault != NULL) {
		ipc_close(r->vault);
		r->vault = NULL;
		hang_up_all(r, "the store of this server was started anew");
	}
	r->knows_self = false;
	return ipc_open(r->skel->loop, fd, &door, r, &r->vault);
}

/* ---- life ---- */

/* Only the server of the central store pushes. */
static bool may_connect(void *arg, str name)
{
	const struct replicator *r = arg;
	return str_eq_case(name, str_of(r->central));
}

static err replicator_open(struct skel *s, struct diag *d)
{
	struct replicator *r = calloc(1, sizeof *r);
	(void)d;
	ENSURE(r != NULL, NO_MEMORY);
	s->state = r;
	r->skel = s;
	r->listener = -1;
	list_init(&r->links);
	list_init(&r->accepted);
	/* the system's list of DNS servers must be read before the jail */
	TRY(dns_new(&(struct dns_config){ .loop = s->loop, .log = &s->log, .servers = STR("") }, &r->dns));
	TRY(identity_new(s, &r->identity));
	identity_forgive_lists(r->identity); /* lists come this way */
	identity_set_peers(r->identity, may_connect, r);
	identity_set_vault(r->identity, &r->vault);
	return OK;
}

static void on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct replicator *r = s->state;
	err e = ERR(REFUSED);
	if (str_eq(role, STR("vault")))
		e = open_vault(r, fd);
	else if (str_eq(role, STR("keeper")))
		e = identity_keeper_open(r->identity, fd);
	else
		net_close(fd);
	if (failed(e))
		LOG(&s->log, CHANNEL_FAILED, LOG_STR("to", role), LOG_INT("index", index), LOG_ERR(e));
}

static void on_listener(struct skel *s, str transport, unsigned port, int fd)
{
	err e = listen_open(s->state, fd);
	if (!failed(e)) {
		LOG(&s->log, LISTENER_OPENED, LOG_STR("transport", transport), LOG_INT("port", port));
		return;
	}
	net_close(fd);
	LOG(&s->log, LISTENER_FAILED, LOG_STR("transport", transport), LOG_INT("port", port), LOG_ERR(e));
}

/* A server without its copies, or a copy without the central one, serves all the same. */
static err replicator_start(struct skel *s, struct diag *d)
{
	(void)d;
	skel_ready(s);
	return OK;
}

static void replicator_drain(struct skel *s, uint32_t ms)
{
	struct replicator *r = s->state;
	(void)ms;
	r->is_draining = true;
	listen_close(r);
	hang_up_all(r, "the server ends");
	skel_exit(s, 0);
}

/* It needs nothing of the file system: what it must know, vault and master tell. */
static const struct jail jail = {
	.user = "witan-replicator",
	.room = "run/empty",
	.may = JAIL_NETWORK | JAIL_ACCEPT,
	.n_files = 4096,
};

const struct role role_replicator = {
	.name = "replicator",
	.jail = &jail,
	.open = replicator_open,
	.start = replicator_start,
	.on_channel = on_channel,
	.on_listener = on_listener,
	.drain = replicator_drain,
};
