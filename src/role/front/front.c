/* SPDX-License-Identifier: Apache-2.0 */
/* The front process: its rooms, the table that a request walks, and its life. */
#include "role/front/front_priv.h"
#include "service/kerberos.h"

#include <stdlib.h>

#define SEALED_MAX (2u << 20) /* bytes of a message with our signature */
#define SUBSCRIPTIONS_MAX 1000000 /* of one process */
#define CONVERSATIONS_MAX 50000   /* between clients of different kinds, of one process */
#define LINKS_MAX 256 /* connections of ours to other servers */
#define QUIET_MS 20 /* how often a draining process looks whether it is done */

/* ---- the way of a request ---- */

/* Takes a request to the process its target is at home in, and gives it a transaction there. */
static err home_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct front *f = state;
	uint16_t home;
	TRY(route_home(f->route, r, &home));
	*v = STAGE_DONE;
	if (home != f->skel->index && r->conn != NULL)
		return front_bus_pass(f, home, r);
	err e = txn_server_match(f->txns, r->in);
	if (err_is(e, ERR_EXISTS))
		return OK;
	if (err_is(e, ERR_BUSY))
		LOG(&f->skel->log, LIMIT_REACHED, LOG_Z("limit", "MaxTransactions"), LOG_INT("value", f->config.max_transactions),
			LOG_REQ(r->in->request));
	if (!err_is(e, ERR_ABSENT))
		return e;
	if (r->in->msg.method == SIP_METHOD_CANCEL)
		return ERR(SIP_NO_TXN);
	if (r->in->msg.method == SIP_METHOD_ACK) {
		*v = request_is_our_tag(r) ? STAGE_DONE : STAGE_NEXT;
		return OK;
	}
	TRY(txn_server_open(f->txns, r->in, &r->txn));
	*v = STAGE_NEXT;
	return OK;
}

/* Other packages than presence: the client is told so, instead of its own devices being asked. */
static err publish_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct sip_out o;
	(void)state;
	*v = STAGE_DONE;
	request_answer(r, &o, 489, STR(""));
	sip_out_add(&o, SIP_HDR_ALLOW_EVENTS, STR("presence"));
	request_send(r, &o, 489);
	return OK;
}

const struct stage front_stages[] = {
	{ "peer", peer_stage, SIP_ANY },           /* a server of ours? (these two only over connections of this process) */
	{ "auth", auth_stage, SIP_ANY },           /* or a user, and who? */
	{ "elsewhere", front_elsewhere_stage, SIP_ANY }, /* somebody whose home is another pool */
	{ "federation", front_fed_stage, SIP_ANY }, /* between people here and partners: may they? */
	{ "home", home_stage, SIP_ANY },           /* the process that knows the target, and the transaction */
	{ "script", front_script_stage, SIP_ANY & ~SIP_CANCEL }, /* administrators' filters */
	{ "permit", permit_stage, SIP_INVITE | SIP_REGISTER }, /* by the marks and policies of both sides, and of who signs in from outside */
	{ "wall", wall_stage, SIP_MESSAGE | SIP_INVITE | SIP_INFO | SIP_UPDATE }, /* may these two, and may they say this? */
	{ "filter", filter_stage, SIP_MESSAGE | SIP_INVITE | SIP_INFO | SIP_UPDATE | SIP_PRACK }, /* links and files; changes what the next ones see */
	{ "register", reg_stage, SIP_REGISTER },
	{ "presence", pres_stage, SIP_SERVICE | SIP_SUBSCRIBE | SIP_PUBLISH },
	{ "contact", contact_stage, SIP_SERVICE | SIP_SUBSCRIBE },
	{ "publish", publish_stage, SIP_PUBLISH },
	{ "subscribe", notifier_stage, SIP_SUBSCRIBE },
	{ "message", im_stage, SIP_ANY & ~(SIP_REGISTER | SIP_CANCEL) },
	{ "route", route_stage, SIP_ANY & ~(SIP_REGISTER | SIP_CANCEL) },
	{ 0 },
};

void front_handle(struct front *f, struct inbound *in, struct conn *c, str aor, bool is_peer, size_t from)
{
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	if (r == NULL)
		return;
	r->in = in;
	r->conn = c;
	r->aor = aor;
	r->is_peer = is_peer;
	r->is_own = in->flow.slot == FRONT_SELF;
	r->answers = &f->answers;
	stage_run(front_stages, f->states, from, r);
}

static void on_message(void *arg, struct conn *c, struct inbound *in)
{
	struct front *f = arg;
	uint16_t owner;
	if (f->n_traces != 0)
		front_trace(f, conn_peer(c), in->request, false, in->msg.raw);
	if (front_elsewhere_outward(f, c, in))
		return;
	if (in->msg.is_request) {
		front_handle(f, in, c, STR(""), false, 0);
		return;
	}
	/* 16.7 step 1: an answer that nobody waits for is dropped */
	if (!conn_is_trusted(c) || !auth_response(f->auth, c, &in->msg) || front_elsewhere_response(c, in) || !txn_branch_front(in->msg.via.branch, &owner))
		return;
	if (owner == f->skel->index)
		(void)failed(txn_response(f->txns, in));
	else
		front_bus_response(f, owner, in);
}

static void on_close(void *arg, struct conn *c)
{
	struct front *f = arg;
	struct flow flow = conn_flow(c);
	pair_on_close(c);
	(void)links_closed(f->links, c);
	auth_conn_closed(f->auth, c);
	front_bus_flow_gone(f, c);
	notifier_flow_gone(f->notifier, &flow);
	im_flow_gone(f->im, &flow);
	reg_flow_gone(f->reg, &flow);
	txns_flow_gone(f->txns, &flow);
}

static void on_open(void *arg, struct conn *c)
{
	struct front *f = arg;
	pair_on_open(c);
	/* tls_connect has checked the name: what comes back over this connection comes from that server */
	if (links_opened(f->links, c) && conn_is_secure(c))
		conn_set_peer(c);
}

static void on_accepted(void *arg, struct conn *c)
{
	const struct front *f = arg;
	peers_accepted(f->peers_known, c);
}

/* Whoever speaks the Lync dialect gets everything signed; that happens here, where the connection is. */
static err send_here(struct front *f, struct conn *c, const struct flow *to, uint64_t request, str bytes)
{
	struct buf sealed DEFER(buf_fini) = { 0 };
	buf_init(&sealed, SEALED_MAX);
	if (auth_seal(f->auth, c, bytes, &sealed))
		bytes = buf_str(&sealed);
	if (f->n_traces != 0)
		front_trace(f, conn_peer(c), request, true, bytes);
	return conn_send(f->conns, to, bytes);
}

err front_send(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct front *f = arg;
	if (to->slot == FRONT_SELF)
		return front_self_send(f, to, request, bytes);
	if (to->front != f->skel->index)
		return front_bus_write(f, to, request, bytes);
	struct conn *c = conn_find(f->conns, to);
	return c != NULL ? send_here(f, c, to, request, bytes) : ERR(SIP_FLOW_FAILED);
}

/* Somebody has proven himself by the word of another process: his request goes on. */
static void on_proven(void *arg, struct request *r)
{
	struct front *f = arg;
	stage_run(front_stages, f->states, FRONT_STAGE_PROVEN, r);
}

/* Asked in privacy mode only. A list that is not in memory is read: until then nobody is a contact, and afterwards watchers are judged anew. */
static bool is_contact(void *arg, str aor, str other)
{
	struct front *f = arg;
	if (!contact_is_loaded(f->contacts, aor))
		(void)failed(contact_load(f->contacts, aor));
	return contact_has(f->contacts, aor, other);
}

static void on_contacts(void *arg, str aor)
{
	struct front *f = arg;
	pres_contacts_changed(f->pres, aor);
}

static uint16_t home_of(void *arg, str aor)
{
	const struct front *f = arg;
	return route_home_of(f->route, aor);
}

static bool is_signed_in(void *arg, str aor, str epid)
{
	const struct front *f = arg;
	return reg_has(f->reg, aor, epid);
}

static void resume_presence(void *arg, struct request *r)
{
	struct front *f = arg;
	stage_run(front_stages, f->states, FRONT_STAGE_PRESENCE, r);
}

static void resume_contact(void *arg, struct request *r)
{
	struct front *f = arg;
	stage_run(front_stages, f->states, FRONT_STAGE_CONTACT, r);
}

static void on_devices(void *arg, str aor)
{
	struct front *f = arg;
	pres_devices_changed(f->pres, aor);
}

static bool gruu_alias(void *arg, const struct uri *u, struct arena *a, str *aor)
{
	struct front *f = arg;
	return reg_gruu_aor(f->reg, u, a, aor);
}

/* ---- life ---- */

void front_apply_config(struct front *f)
{
	const struct config *c = &f->config;
	const struct conn_limits limits = {
		.sip = { .message = c->max_message_bytes, .header = c->max_message_bytes, .body = c->max_body_bytes,
			.fields = (uint16_t)c->max_header_fields },
		.total = c->max_connections,
		.per_address = c->max_connections_per_address,
		.handshakes = c->max_handshakes,
		.handshake_ms = c->handshake_seconds * 1000,
		.unauthenticated_ms = c->unauthenticated_seconds * 1000,
		.message_ms = c->stalled_seconds * 1000,
		.idle_ms = c->idle_seconds * 1000,
		.queue = c->max_queue_bytes,
	};
	conns_set_limits(f->conns, &limits);
	txns_set_max(f->txns, c->max_transactions);
	pres_config_changed(f->pres);
}

void front_check_ready(struct front *f)
{
	if (f->ready || !f->has_snapshot || !f->has_certificate)
		return;
	f->ready = true;
	skel_ready(f->skel);
}

static err make_engine(struct front *f)
{
	struct skel *s = f->skel;
	TRY(conns_new(&(struct conns_config){ .loop = s->loop, .log = &s->log, .meter = s->meter, .front = (uint16_t)s->index,
			      .door = { on_message, on_close, on_open, on_accepted }, .arg = f },
		&f->conns));
	TRY(links_new(&(struct links_config){ .conns = f->conns, .dns = f->dns, .loop = s->loop, .log = &s->log, .most = LINKS_MAX }, &f->links));
	links_set_tcp(f->links, f->port_tcp != 0);
	return txns_new(&(struct txns_config){ .timers = loop_timers(s->loop), .log = &s->log, .meter = s->meter,
				.front = (uint16_t)s->index, .via_host = f->fqdn, .via_port = f->port_tls, .ways = peers_ways(f->peers_known), .reliable = true,
				.send = front_send, .arg = f },
		&f->txns);
}

/* Which server's name is good at our port for SIP. */
static bool may_connect(void *arg, str name)
{
	const struct front *f = arg;
	return peers_may(f->peers_known, name, PEER_LISTENER_SIP);
}

static err make_services(struct front *f)
{
	struct skel *s = f->skel;
	uint64_t home[2];
	memcpy(home, s->shared_key, sizeof home);
	identity_set_peers(f->identity, may_connect, f);
	TRY(users_new(&f->users));
	TRY(policies_new(&f->policies));
	f->permit = (struct permit){ f->users, f->policies };
	TRY(front_wall_open(f));
	TRY(xml_reader_new(&f->xml));
	f->filter = (struct filter){ f->policies, str_of(s->domains), f->xml };
	TRY(users_set_domains(f->users, str_of(s->domains)));
	kerberos_init();
	TRY(front_script_open(f));
	TRY(auth_new(&(struct auth_config){ .timers = loop_timers(s->loop), .crypt = f->crypt, .users = f->users, .fqdn = f->fqdn,
			     .config = &f->config, .log = &s->log, .meter = s->meter, .dsk = f->dsk, .dsk_outside = f->dsk_outside,
			     .ways = peers_ways(f->peers_known),
			     .door = { front_tell_failure, front_tell_success, gruu_alias, front_ask, on_proven }, .arg = f },
		&f->auth));
	TRY(notifier_new(&(struct notifier_config){ .timers = loop_timers(s->loop), .txns = f->txns, .send = front_send, .arg = f,
				 .most = SUBSCRIPTIONS_MAX },
		&f->notifier));
	TRY(reg_new(&(struct reg_config){ .timers = loop_timers(s->loop), .crypt = f->crypt, .users = f->users,
			    .config = &f->config, .notifier = f->notifier, .fqdn = f->fqdn, .ways = peers_ways(f->peers_known), .port_tls = f->port_tls,
			    .port_tcp = f->port_tcp, .log = &s->log, .meter = s->meter,
			    .door = { front_bus_keep, front_bus_forget, on_devices, front_farewell }, .arg = f },
		&f->reg));
	TRY(kept_new(&front_kept_door, f, &f->kept));
	TRY(pres_new(&(struct pres_config){ .timers = loop_timers(s->loop), .users = f->users, .config = &f->config, .notifier = f->notifier, .kept = f->kept,
			     .xml = f->xml, .fqdn = f->fqdn, .log = &s->log, .meter = s->meter, .front = (uint16_t)s->index,
			     .door = { home_of, front_bus_watch, front_bus_unwatch, front_bus_news, is_signed_in, resume_presence, is_contact, front_is_walled }, .arg = f },
		&f->pres));
	TRY(contacts_new(&(struct contact_config){ .timers = loop_timers(s->loop), .users = f->users, .policies = f->policies, .config = &f->config,
				 .notifier = f->notifier, .kept = f->kept, .xml = f->xml, .log = &s->log, .door = { resume_contact, front_search, on_contacts }, .arg = f },
		&f->contacts));
	f->provision = (struct provision){ f->users, f->policies, &f->config, f->xml, str_of(f->trusted), str_of(f->inside), str_of(f->outside) };
	TRY(provision_add(&f->provision, f->notifier));
	TRY(im_new(&(struct im_config){ .timers = loop_timers(s->loop), .txns = f->txns, .reg = f->reg, .users = f->users, .policies = f->policies,
			   .xml = f->xml, .fqdn = f->fqdn, .send = front_send, .home_flow = front_self_flow, .arg = f, .log = &s->log, .meter = s->meter,
			   .most = CONVERSATIONS_MAX },
		&f->im));
	return route_new(&(struct route_config){ .crypt = f->crypt, .users = f->users, .reg = f->reg, .txns = f->txns,
				 .fqdn = f->fqdn, .ways = peers_ways(f->peers_known), .port_tls = f->port_tls, .port_tcp = f->port_tcp,
				 .front = (uint16_t)s->index, .n_fronts = (uint16_t)s->n_fronts, .home_k0 = home[0],
				 .home_k1 = home[1], .send = front_send,
				 .door = front_door, .home_flow = front_self_flow, .pass = front_script_response, .arg = f,
				 .log = &s->log, .meter = s->meter },
		&f->route);
}

/* Outside this server has another name. Which, where there are several Edges, is no matter to clients. */
static err make_dsk(struct front *f)
{
	const struct flow_ways *ways = peers_ways(f->peers_known);
	TRY(auth_dsk_new(f->fqdn, &f->dsk));
	return ways->n != 0 ? auth_dsk_new(ways->ways[0].host, &f->dsk_outside) : OK;
}

static err front_open(struct skel *s, struct diag *d)
{
	struct front *f = calloc(1, sizeof *f);
	ENSURE(f != NULL, NO_MEMORY);
	if (s->n_fronts > FRONT_MAX)
		return diag_fail(d, ERR(CEILING), "topology: front-processes", "ask for fewer", "%u front processes, at most %d", s->n_fronts, FRONT_MAX);
	s->state = f;
	f->skel = s;
	f->fqdn = str_of(s->fqdn);
	list_init(&f->own);
	for (uint16_t i = 0; i < FRONT_MAX; i++)
		f->peers[i] = (struct front_peer){ .front = f, .index = i };
	config_default(&f->config);
	TRY(peers_new(str_of(s->peers), &f->peers_known));
	TRY(identity_new(s, &f->identity));
	identity_set_vault(f->identity, &f->vault);
	TRY(crypt_new(&f->crypt));
	struct diag legacy = { 0 };
	if (failed(crypt_open_legacy(f->crypt, &legacy))) /* before the jail; without it nobody is offered NTLM */
		LOG(&s->log, AUTH_NO_LEGACY, LOG_Z("why", legacy.what), LOG_Z("remedy", legacy.remedy));
	if (failed(make_dsk(f)))
		LOG(&s->log, AUTH_NO_DSK, LOG_Z("why", "no key for it could be made"), LOG_Z("remedy", "see that libssl3 is whole and that there is memory"));
	crypt_mac_key(f->crypt, (str){ (const char *)s->shared_key, sizeof s->shared_key });
	memcpy(&f->answers.tag_k0, s->shared_key + 16, 8);
	memcpy(&f->answers.tag_k1, s->shared_key + 24, 8);
	if (s->peers[0] != '\0') /* the system's list of DNS servers must be read before the jail */
		TRY(dns_new(&(struct dns_config){ .loop = s->loop, .log = &s->log, .servers = STR("") }, &f->dns));
	f->answers.send = front_send;
	f->answers.arg = f;
	f->answers.log = &s->log;
	f->answers.fqdn = f->fqdn;
	f->answers.ways = peers_ways(f->peers_known);
	return OK;
}

static void take_channel(struct front *f, str role, unsigned index, int fd)
{
	err e = OK;
	if (str_eq(role, STR("vault")))
		e = front_vault_open(f, fd);
	else if (str_eq(role, STR("keeper")))
		e = identity_keeper_open(f->identity, fd);
	else
		e = front_bus_open(f, index, fd);
	if (failed(e))
		LOG(&f->skel->log, SERVER_REFUSED, LOG_Z("what", "a channel could not be opened"), LOG_STR("to", role), LOG_ERR(e));
}

static void take_listener(struct front *f, str transport, unsigned port, int fd)
{
	if (!failed(conns_listen(f->conns, fd, str_eq(transport, STR("tls")))))
		LOG(&f->skel->log, LISTENER_OPENED, LOG_STR("transport", transport), LOG_INT("port", port));
	else
		LOG(&f->skel->log, LISTENER_FAILED, LOG_STR("transport", transport), LOG_INT("port", port));
}

/* The rooms need the ports and the counters, which master tells between open and start. */
static err front_start(struct skel *s, struct diag *d)
{
	struct front *f = s->state;
	(void)d;
	f->answers.meter = s->meter;
	TRY(make_engine(f));
	TRY(make_services(f));
	front_apply_config(f);
	void *const states[FRONT_STAGES] = { f->peers_known, f->auth, f, f, f, f, &f->permit, f->wall, &f->filter, f->reg, f->pres, f->contacts, f, f->notifier, f->im, f->route };
	memcpy(f->states, states, sizeof states);
	f->has_rooms = true;
	for (unsigned i = 0; i < f->n_early; i++) {
		struct front_early *e = &f->early[i];
		if (e->is_listener)
			take_listener(f, str_of(e->role), e->number, e->fd);
		else
			take_channel(f, str_of(e->role), e->number, e->fd);
	}
	f->n_early = 0;
	front_watch(f);
	return OK;
}

static void keep_for_start(struct front *f, str role, unsigned number, int fd, bool is_listener)
{
	if (f->n_early == sizeof f->early / sizeof f->early[0]) {
		net_close(fd);
		return;
	}
	struct front_early *e = &f->early[f->n_early++];
	*e = (struct front_early){ .number = number, .fd = fd, .is_listener = is_listener };
	(void)str_to_z(role, e->role, sizeof e->role);
}

static void on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct front *f = s->state;
	if (f->has_rooms)
		take_channel(f, role, index, fd);
	else
		keep_for_start(f, role, index, fd, false);
}

/* What is written into messages follows the ports that are open. */
static void tell_ports(struct front *f)
{
	if (!f->has_rooms)
		return;
	reg_set_ports(f->reg, f->port_tls, f->port_tcp);
	links_set_tcp(f->links, f->port_tcp != 0);
	route_set_ports(f->route, f->port_tls, f->port_tcp);
}

static void on_listener(struct skel *s, str transport, unsigned port, int fd)
{
	struct front *f = s->state;
	if (str_eq(transport, STR("tls")))
		f->port_tls = (uint16_t)port;
	else
		f->port_tcp = (uint16_t)port;
	tell_ports(f);
	if (f->has_rooms)
		take_listener(f, transport, port, fd);
	else
		keep_for_start(f, transport, port, fd, true);
}

/* Only the plain port comes and goes while the server runs. */
static void on_listener_gone(struct skel *s, str transport, unsigned port)
{
	struct front *f = s->state;
	f->port_tcp = 0;
	for (unsigned i = 0; i < f->n_early; i++)
		if (f->early[i].is_listener && str_eq(str_of(f->early[i].role), transport)) {
			net_close(f->early[i].fd);
			f->early[i--] = f->early[--f->n_early];
		}
	tell_ports(f);
	if (f->has_rooms)
		conns_stop_plain(f->conns);
	LOG(&s->log, LISTENER_CLOSED, LOG_STR("transport", transport), LOG_INT("port", port));
}

static void drain_end(struct front *f)
{
	/* not freed: the loop still knows the listeners and connections in this turn, which is the last */
	conns_close(f->conns);
	skel_exit(f->skel, 0);
}

static void drain_look(void *arg)
{
	struct front *f = arg;
	if (txns_count(f->txns) != 0 && loop_now(f->skel->loop) < f->drain_until &&
		!failed(timer_set(loop_timers(f->skel->loop), &f->drain_timer, QUIET_MS, drain_look, f)))
		return;
	drain_end(f);
}

static void front_drain(struct skel *s, uint32_t ms)
{
	struct front *f = s->state;
	if (f->draining)
		return;
	f->draining = true;
	f->drain_until = loop_now(s->loop) + ms;
	conns_stop_listening(f->conns);
	drain_look(f);
}

/* It needs nothing of the file system: what it must know, vault and master tell. */
static const struct jail jail = {
	.user = "witan-front",
	.room = "run/empty",
	.may = JAIL_NETWORK | JAIL_ACCEPT,
};

const struct role role_front = {
	.name = "front",
	.jail = &jail,
	.open = front_open,
	.start = front_start,
	.on_channel = on_channel,
	.on_listener = on_listener,
	.on_listener_gone = on_listener_gone,
	.drain = front_drain,
};
