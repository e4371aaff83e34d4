/* SPDX-License-Identifier: Apache-2.0 */
/* What fronts are told, and what they tell of people who sign in. */
#include "role/vault/vault_cert.h"
#include "role/vault/vault_winbind.h"

#include <stdlib.h>
#include <unistd.h>

/* A channel that does not take a message is broken and closes by itself (on_close): then there is nobody to tell. */
static void sent(struct vault_front *f, err e)
{
	if (failed(e) && !err_is(e, ERR_CLOSED))
		LOG(&f->vault->skel->log, LIMIT_REACHED, LOG_Z("limit", "channel to a front"), LOG_INT("front", f->index), LOG_ERR(e));
}

/* Each front that has, or is being sent, the whole state. */
#define EACH_FRONT(v, f)                                    \
	for (unsigned i_ = 0; i_ < VAULT_FRONTS_MAX; i_++) \
		for (struct vault_front *f = (v)->fronts[i_]; f != NULL && !f->wants_all; f = NULL)

bool vault_front_is_there(const struct vault *v, unsigned index)
{
	return index < VAULT_FRONTS_MAX && v->fronts[index] != NULL;
}

/* ---- single messages ---- */

err vault_send_certificate(struct vault *v, struct ipc *to, enum vault_listener of)
{
	char keys[VAULT_TICKET_KEYS];
	const struct certstore_cert *c = vault_presented(v, of);
	static const char *const words[VAULT_LISTENER_N] = { [VAULT_EDGE_OUTSIDE] = "AccessEdgeExternal", [VAULT_EDGE_INSIDE] = "Internal",
		[VAULT_WEB_INSIDE] = "WebServicesInternal", [VAULT_WEB_OUTSIDE] = "WebServicesExternal" };
	const char *usage = words[of] != NULL ? words[of] : "Default";
	ENSURE(c != NULL, ABSENT);
	vault_ticket_keys(v, vault_unix_ms() / 1000 / VAULT_TICKET_SECONDS, keys);
	err e = ipc_send_certificate(to, &(struct ipc_certificate){ .usage = str_of(usage), .chain_pem = buf_str(&c->chain),
		.ca_pem = buf_str(&v->trust), .ticket_keys = { keys, sizeof keys } }, -1);
	crypt_wipe(keys, sizeof keys);
	return e;
}

static void send_certificate(struct vault_front *f)
{
	sent(f, vault_send_certificate(f->vault, f->channel, VAULT_SIP));
}

static void send_sts(struct vault_front *f)
{
	sent(f, ipc_send_sts(f->channel, &(struct ipc_sts){ .uri = str_of(f->vault->sts), .trusted = str_of(f->vault->trusted),
		.inside = str_of(f->vault->sites[PLAN_INSIDE]), .outside = str_of(f->vault->sites[PLAN_OUTSIDE]) }, -1));
}

static void send_ntlm_names(struct vault_front *f)
{
	const struct vault_winbind *w = f->vault->winbind;
	sent(f, ipc_send_ntlm_names(f->channel, &(struct ipc_ntlm_names){ .domain = str_of(w->domain), .dns_domain = str_of(w->dns_domain), .computer = str_of(w->computer) }, -1));
}

static void send_applications(struct vault_front *f)
{
	sent(f, vault_send_applications(f->vault, f->channel, "Registrar"));
}

static void send_settings(struct vault_front *f)
{
	for (size_t i = 0; i < CONFIG_N; i++) {
		char text[CONFIG_TEXT];
		sent(f, ipc_send_setting(f->channel, &(struct ipc_setting){ .object = str_of(schema_kinds[config_defs[i].kind].name),
			.property = str_of(config_defs[i].property), .value = str_of(config_print(&f->vault->config, &config_defs[i], text)) }, -1));
	}
}

/* The pool where he is at home, if it is another one. Who was given none is at home wherever he signs in. */
static void print_home(const struct vault *v, const json_t *body, struct buf *out)
{
	str name = str_of(json_string_value(json_object_get(body, "RegistrarPool")));
	const struct topo_pool *pool = name.n != 0 && !str_eq_case(name, place_pool(v)) ? topo_find_pool(&v->topo, name) : NULL;
	if (pool != NULL && pool->ports.sip_tls != 0)
		buf_printf(out, "RegistrarPool=%.*s:%u\n", STR_FMT(name), pool->ports.sip_tls);
}

/* Of what a user has, a process is told the policies that were granted to him and the marks that it obeys. */
static void print_grants(const struct vault *v, const struct store_user *u, struct buf *out)
{
	static const char marks[][24] = { "AudioVideoDisabled", "SmartcardLogonRequired" };
	const char *name;
	json_t *value, *body = u->body.n > 2 ? json_loadb(u->body.p, u->body.n, 0, NULL) : NULL;
	json_object_foreach(body, name, value) {
		const struct schema_kind *k = json_is_string(value) ? schema_find(str_of(name)) : NULL;
		if (k != NULL && k->base == SCHEMA_POLICY)
			buf_printf(out, "%s=%s\n", name, json_string_value(value));
	}
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (json_is_true(json_object_get(body, marks[i])))
			buf_printf(out, "%s=True\n", marks[i]);
	print_home(v, body, out);
	vault_print_groups(v, u, body, out);
	json_decref(body);
}

static void send_user(struct vault_front *f, const struct store_user *u)
{
	struct buf grants DEFER(buf_fini) = { 0 };
	buf_init(&grants, 16384);
	print_grants(f->vault, u, &grants);
	sent(f, ipc_send_user(f->channel, &(struct ipc_user){ .version = u->version, .aor = u->aor, .display_name = u->display_name,
		.enabled = u->enabled ? 1 : 0, .ha1_md5 = u->ha1_md5, .ha1_sha256 = u->ha1_sha256, .grants = buf_str(&grants) }, -1));
}

/* ---- policies ---- */

/* Configurations and lists that fronts obey and that are more than the numbers of model/config. */
static bool is_told_whole(const struct schema_kind *k)
{
	static const enum schema_id ids[] = { SCHEMA_ID_ImFilterConfiguration, SCHEMA_ID_FileTransferFilterConfiguration, SCHEMA_ID_EthicalWall,
		SCHEMA_ID_MessageContentRule };
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (k->id == ids[i])
			return true;
	return false;
}

/* Kinds of which a process obeys something. */
static bool is_obeyed(const struct schema_kind *k)
{
	bool any = false;
	for (size_t i = 0; i < k->n_props; i++)
		any = any || schema_has(k->props[i].flags, SCHEMA_OBEYED);
	return is_told_whole(k) || (k->base == SCHEMA_POLICY && any);
}

/* Instances of other sites and services hold for nobody here. */
static bool is_in_reach(const struct vault *v, str identity)
{
	struct place p;
	bool placed = place_find(v, STR("Registrar"), place_pool(v), &p);
	str rest;
	if (str_begins_case(identity, STR("Site:")))
		return placed && str_eq_case(str_cut(identity, 5, identity.n), p.site);
	if (!str_begins_case(identity, STR("Service:")))
		return true;
	(void)str_split(str_cut(identity, 8, identity.n), ':', &rest);
	return placed && str_eq_case(rest, p.fqdn);
}

struct telling {
	struct vault *vault;
	struct vault_front *only; /* NULL: all */
};

static void tell_policy(void *arg, const struct store_object *o)
{
	const struct telling *t = arg;
	const struct schema_kind *k = schema_find(o->kind);
	const struct ipc_policy m = { .kind = o->kind, .identity = o->identity, .body = o->body };
	if (k == NULL || !is_obeyed(k) || !is_in_reach(t->vault, o->identity))
		return;
	if (t->only != NULL) {
		sent(t->only, ipc_send_policy(t->only->channel, &m, -1));
		return;
	}
	EACH_FRONT(t->vault, f)
		sent(f, ipc_send_policy(f->channel, &m, -1));
}

static err tell_policy_change(struct vault *v, const struct schema_kind *k, str identity)
{
	err e = store_object_find(v->store, str_of(k->name), identity, tell_policy, &(struct telling){ v, NULL });
	if (!err_is(e, ERR_ABSENT))
		return e;
	EACH_FRONT(v, f)
		sent(f, ipc_send_policy_gone(f->channel, &(struct ipc_policy_gone){ .kind = str_of(k->name), .identity = identity }, -1));
	return OK;
}

static void send_lock(struct vault_front *f, str aor, uint32_t failures, uint64_t until_ms)
{
	sent(f, ipc_send_lock(f->channel, &(struct ipc_lock){ .aor = aor, .failures = failures, .until_ms = until_ms }, -1));
}

void vault_tell_certificate(struct vault *v)
{
	EACH_FRONT(v, f)
		send_certificate(f);
	vault_web_certificate(v);
	vault_edge_certificate(v);
	if (v->replicator != NULL)
		(void)failed(vault_send_certificate(v, v->replicator, VAULT_REPLICA));
}

void vault_tell_sts(struct vault *v)
{
	if (!vault_find_sts(v))
		return;
	EACH_FRONT(v, f)
		send_sts(f);
}

void vault_tell_ntlm_names(struct vault *v)
{
	EACH_FRONT(v, f)
		send_ntlm_names(f);
}

void vault_tell_revocations(struct vault *v)
{
	EACH_FRONT(v, f)
		sent(f, vault_send_revocations(v, f->channel));
	vault_web_revocations(v);
	vault_edge_revocations(v);
	if (v->replicator != NULL)
		(void)failed(vault_send_revocations(v, v->replicator)); /* a channel that is broken closes by itself */
}

void vault_tell_lock(struct vault *v, str aor, uint32_t failures, uint64_t until_ms)
{
	EACH_FRONT(v, f)
		send_lock(f, aor, failures, until_ms);
}

void vault_tell_trace(struct vault *v, uint32_t id, str filter, bool on)
{
	EACH_FRONT(v, f)
		sent(f, ipc_send_trace_set(f->channel, &(struct ipc_trace_set){ .id = id, .filter = filter, .on = on ? 1 : 0 }, -1));
}

/* ---- changes ---- */

struct change {
	struct list node;
	enum vault_change kind;
	size_t n;
	char aor[];
};

err vault_note(struct vault *v, enum vault_change kind, str aor)
{
	struct change *c = malloc(sizeof *c + aor.n);
	ENSURE(c != NULL, NO_MEMORY);
	c->kind = kind;
	c->n = aor.n;
	if (aor.n != 0)
		memcpy(c->aor, aor.p, aor.n);
	list_add(&v->changes, &c->node);
	vault_turn(v);
	return OK;
}

static void drop(struct change *c)
{
	list_remove(&c->node);
	free(c);
}

void vault_forget_changes(struct vault *v)
{
	LIST_EACH(it, &v->changes)
		drop(LIST_OF(it, struct change, node));
}

void vault_forget_last_changes(struct vault *v, const struct call *call)
{
	while (v->changes.prev != call->mark)
		drop(LIST_OF(v->changes.prev, struct change, node));
}

static void tell_user(void *arg, const struct store_user *u)
{
	vault_note_smartcard(arg, u);
	EACH_FRONT((struct vault *)arg, f)
		send_user(f, u);
}

/* As he is now: several changes of one turn are told as one. */
static err tell_user_change(struct vault *v, str aor)
{
	err e = store_user_find(v->store, aor, tell_user, v);
	if (!err_is(e, ERR_ABSENT))
		return e;
	(void)tally_remove(&v->tally, aor);
	EACH_FRONT(v, f)
		sent(f, ipc_send_user_gone(f->channel, &(struct ipc_user_gone){ .version = store_version(v->store), .aor = aor }, -1));
	return OK;
}

/* A configuration that the fronts obey, or the port of a service. */
static err tell_object(struct vault *v, str key)
{
	str identity, kind = str_split(key, '\n', &identity);
	const struct schema_kind *k = schema_find(kind);
	bool obeyed = false;
	for (size_t i = 0; k != NULL && i < CONFIG_N; i++)
		obeyed = obeyed || config_defs[i].kind == k->id;
	if (obeyed) {
		EACH_FRONT(v, f)
			send_settings(f);
		vault_edge_settings(v);
		vault_web_sites(v); /* what it offers */
		vault_winbind_look(v);
	}
	if (k != NULL)
		vault_edge_partners(v, k->id);
	if (k != NULL && k->id == SCHEMA_ID_Registrar)
		vault_tell_ports(v);
	bool is_of_walls = k != NULL && (k->id == SCHEMA_ID_EthicalWall || k->id == SCHEMA_ID_MessageContentRule || k->id == SCHEMA_ID_Group);
	if (is_of_walls && vault_walls_refresh(v))
		vault_want_all(v); /* anybody may be in other groups now */
	if (k != NULL && k->id == SCHEMA_ID_ServerApplication) {
		EACH_FRONT(v, f)
			send_applications(f);
		vault_edge_applications(v);
	}
	return k != NULL && is_obeyed(k) ? tell_policy_change(v, k, identity) : OK;
}

static err tell_change(struct vault *v, const struct change *c)
{
	str aor = { c->aor, c->n };
	switch (c->kind) {
	case VAULT_USER:
		return tell_user_change(v, aor);
	case VAULT_UNLOCK:
		(void)tally_remove(&v->tally, aor);
		session_forget_codes(v, aor);
		vault_tell_lock(v, aor, 0, 0);
		return OK;
	case VAULT_OBJECT:
		return tell_object(v, aor);
	}
	return OK;
}

static void count_users(struct vault *v)
{
	uint64_t n = 0;
	if (!failed(store_users_count(v->store, &n)))
		meter_add(v->skel->meter, METER_USERS, (int64_t)(n - meter_get(v->skel->meter, METER_USERS)));
}

void vault_want_all(struct vault *v)
{
	for (unsigned i = 0; i < VAULT_FRONTS_MAX; i++)
		if (v->fronts[i] != NULL)
			v->fronts[i]->wants_all = true;
}

void vault_tell_changes(struct vault *v)
{
	bool any = !list_is_empty(&v->changes);
	if (v->store != NULL)
		v->told = store_version(v->store);
	LIST_EACH(it, &v->changes) {
		struct change *c = LIST_OF(it, struct change, node);
		if (failed(tell_change(v, c)))
			vault_want_all(v); /* committed, but cannot be read now: all of it once it can */
		drop(c);
	}
	if (any)
		count_users(v);
}

/* ---- the whole state ---- */

static void give_user(void *arg, const struct store_user *u)
{
	vault_note_smartcard(((struct vault_front *)arg)->vault, u); /* of a copy that has come from elsewhere */
	send_user(arg, u);
}

static void give_lock(void *arg, const struct tally_entry *e)
{
	send_lock(arg, (str){ e->aor, e->n }, e->failures, e->until_ms);
}

static err tell_all(struct vault *v, struct vault_front *f)
{
	(void)vault_walls_refresh(v);
	send_settings(f);
	sent(f, ipc_send_kerberos(f->channel, &(struct ipc_kerberos){ .is_there = v->keytab.n != 0 }, -1));
	sent(f, vault_send_revocations(v, f->channel)); /* before anybody can be judged */
	send_ntlm_names(f);
	send_certificate(f);
	send_sts(f);
	TRY(store_objects_each(v->store, STR(""), tell_policy, &(struct telling){ v, f }));
	send_applications(f); /* before anybody is served */
	TRY(store_users_each(v->store, give_user, f));
	tally_each(&v->tally, give_lock, f);
	sent(f, ipc_send_snapshot_end(f->channel, &(struct ipc_snapshot_end){ .version = store_version(v->store) }, -1));
	f->wants_all = false;
	vault_tell_traces(v, f);
	return OK;
}

void vault_tell_all(struct vault *v)
{
	for (unsigned i = 0; i < VAULT_FRONTS_MAX; i++) {
		struct vault_front *f = v->fronts[i];
		if (f != NULL && f->wants_all && failed(tell_all(v, f)))
			return; /* tried again with the store */
	}
	count_users(v);
}

/* ---- people who sign in ---- */

static void is_there(void *arg, const struct store_user *u)
{
	*(bool *)arg = true;
}

/* The lock holds at once; that it is stored too is for the next start, so a full disk does not open the door. */
static void keep_lock(struct vault *v, const struct tally_entry *entry)
{
	str aor = { entry->aor, entry->n };
	err e = store_begin(v->store);
	if (failed(e))
		return;
	e = store_lock_set(v->store, aor, entry->failures, entry->until_ms);
	e = store_end(v->store, !failed(e));
	if (!failed(e))
		vault_turn(v);
}

static void count_failure(struct vault *v, str aor, str address, bool exists)
{
	bool locked = false;
	struct tally_entry *e = tally_add(&v->tally, aor, exists, vault_unix_ms(), &v->config, &locked);
	if (e == NULL)
		return;
	/* Strangers too: how fast a process answers must not depend on who is known. */
	vault_tell_lock(v, aor, e->failures, e->until_ms);
	if (!locked)
		return;
	LOG(&v->skel->log, AUTH_LOCKED, LOG_STR("user", aor), LOG_STR("address", address), LOG_INT("failures", e->failures),
		LOG_INT("seconds", (e->until_ms - e->last_ms) / 1000));
	if (exists)
		keep_lock(v, e);
}

void vault_count_failure(struct vault *v, str aor, const char *address, bool exists)
{
	LOG(&v->skel->log, AUTH_FAILED, LOG_STR("user", aor), LOG_Z("address", address));
	if (aor.n != 0)
		count_failure(v, aor, str_of(address), exists);
}

static err on_auth_failed(struct vault *v, str body)
{
	struct ipc_auth_failed m;
	TRY(ipc_auth_failed_parse(&m, body));
	if (m.aor.n == 0 || m.aor.n >= VAULT_AOR)
		return OK; /* no name that anybody could have */
	bool exists = false;
	if (v->store != NULL)
		(void)failed(store_user_find(v->store, m.aor, is_there, &exists));
	count_failure(v, m.aor, m.address, exists);
	return OK;
}

void vault_count_success(struct vault *v, str aor)
{
	const struct tally_entry *e = tally_find(&v->tally, aor);
	bool was_locked = e != NULL && e->until_ms != 0;
	/* A proof that crossed the lock on its way does not open it. */
	if (e == NULL || e->until_ms > vault_unix_ms())
		return;
	(void)tally_remove(&v->tally, aor);
	vault_tell_lock(v, aor, 0, 0);
	if (!was_locked || v->store == NULL || failed(store_begin(v->store)))
		return;
	err done = store_lock_remove(v->store, aor);
	done = store_end(v->store, !failed(done));
	if (!failed(done))
		vault_turn(v);
}

static err on_auth_ok(struct vault *v, str body)
{
	struct ipc_auth_ok m;
	TRY(ipc_auth_ok_parse(&m, body));
	vault_count_success(v, m.aor);
	return OK;
}

static err on_trace(struct vault *v, str body)
{
	struct ipc_trace m;
	TRY(ipc_trace_parse(&m, body));
	vault_on_trace(v, &m);
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct vault_front *f = arg;
	switch (type) {
	case IPC_AUTH_FAILED:
		return on_auth_failed(f->vault, body);
	case IPC_AUTH_OK:
		return on_auth_ok(f->vault, body);
	case IPC_TRACE:
		return on_trace(f->vault, body);
	case IPC_KEPT_ASK:
		return vault_kept_ask(f, body);
	case IPC_KEPT_SET:
		return vault_kept_set(f, body);
	case IPC_DIRECTORY_ASK:
		return vault_directory_ask(f->vault, from, body);
	case IPC_PROOF_ASK:
		return vault_judge_proof(f->vault, from, body);
	case IPC_WALL_INCIDENT:
		return vault_on_incident(f->vault, body);
	case IPC_LIST_MISSING:
		return vault_on_list_missing(f->vault, body);
	default:
		return ERR(MALFORMED);
	}
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault_front *f = arg;
	vault_kept_forget(f);
	vault_tickets_forget(f->vault, f->channel);
	vault_directory_forget(f->vault, f->channel);
	vault_winbind_forget(f->vault, f->channel);
	f->vault->fronts[f->index] = NULL;
	free(f);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

void vault_on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct vault *v = s->state;
	struct vault_front *f = NULL;
	if (str_eq(role, STR("web"))) {
		vault_web_open(v, fd);
		return;
	}
	if (str_eq(role, STR("replicator"))) {
		vault_replicator_open(v, fd);
		return;
	}
	if (str_eq(role, STR("winbind"))) {
		vault_winbind_open(v, fd);
		return;
	}
	if (str_eq(role, STR("fetch"))) {
		vault_fetch_open(v, fd);
		return;
	}
	if (str_eq(role, STR("edge"))) {
		vault_edge_open(v, fd);
		return;
	}
	if (str_eq(role, STR("keeper"))) {
		vault_keeper_open(v, fd);
		return;
	}
	if (str_eq(role, STR("front")) && index < VAULT_FRONTS_MAX)
		f = calloc(1, sizeof *f);
	if (f == NULL) {
		(void)close(fd);
		return;
	}
	*f = (struct vault_front){ .vault = v, .index = index, .wants_all = true };
	if (failed(ipc_open(s->loop, fd, &door, f, &f->channel))) {
		free(f);
		return;
	}
	if (v->fronts[index] != NULL) {
		vault_tickets_forget(v, v->fronts[index]->channel);
		vault_winbind_forget(v, v->fronts[index]->channel);
		ipc_close(v->fronts[index]->channel);
		free(v->fronts[index]);
	}
	v->fronts[index] = f;
	vault_turn(v);
}
