/* SPDX-License-Identifier: Apache-2.0 */
/* The channel to keeper: what is asked, who waits for the answer, and which keys there are. */
#include "role/vault/vault_cert.h"

#include <stdlib.h>
#include <unistd.h>

struct ask {
	struct list node;
	uint64_t id;
	struct key_door door;
	bool is_list, changes; /* changes: keys are told again afterwards */
};

struct vault_keys {
	struct vault *vault;
	struct ipc *channel; /* NULL: keeper is not there */
	struct list asks;
	uint64_t last;
	struct key_entry all[VAULT_KEYS_MAX], fresh[VAULT_KEYS_MAX];
	unsigned n, n_fresh;
	bool is_known;
};

bool vault_keeper_is_there(const struct vault *v)
{
	return v->keys != NULL && v->keys->channel != NULL && v->keys->is_known;
}

const struct key_entry *vault_key_find(const struct vault *v, const uint8_t id[32])
{
	for (unsigned i = 0; v->keys != NULL && i < v->keys->n; i++)
		if (memcmp(v->keys->all[i].id, id, 32) == 0)
			return &v->keys->all[i];
	return NULL;
}

size_t vault_key_ids(const struct vault *v, uint8_t (*out)[32])
{
	size_t n = 0;
	for (unsigned i = 0; v->keys != NULL && i < v->keys->n; i++)
		if (v->keys->all[i].purpose == KEYFILE_TLS)
			memcpy(out[n++], v->keys->all[i].id, 32);
	return n;
}

/* ---- asking ---- */

static void ask_free(struct ask *a)
{
	list_remove(&a->node);
	free(a);
}

static err begin(struct vault *v, const struct key_door *door, bool changes, struct ask **out, struct diag *d)
{
	if (v->keys == NULL || v->keys->channel == NULL)
		return diag_fail(d, ERR(BUSY), "keeper", "try again in a moment", "the keeper of the keys is being started");
	*out = calloc(1, sizeof **out);
	ENSURE(*out != NULL, NO_MEMORY);
	**out = (struct ask){ .id = ++v->keys->last, .door = *door, .changes = changes };
	list_add(&v->keys->asks, &(*out)->node);
	return OK;
}

/* A channel that does not take a message closes, and then who asked is told so. */
static err sent(err e)
{
	return err_is(e, ERR_CLOSED) || err_is(e, ERR_CEILING) ? OK : e;
}

static str id_str(const uint8_t id[32])
{
	return (str){ (const char *)id, 32 };
}

err vault_key_make(struct vault *v, str type, bool exportable, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, true, &a, d));
	return sent(ipc_send_key_make(v->keys->channel, &(struct ipc_key_make){ .id = a->id, .type = type, .purpose = KEYFILE_TLS, .exportable = exportable }, -1));
}

err vault_key_sign(struct vault *v, const uint8_t id[32], str tbs, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, false, &a, d));
	return sent(ipc_send_key_sign(v->keys->channel, &(struct ipc_key_sign){ .id = a->id, .key = id_str(id), .tbs = tbs }, -1));
}

err vault_key_import(struct vault *v, str pkcs8, bool exportable, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, true, &a, d));
	return sent(ipc_send_key_import(v->keys->channel, &(struct ipc_key_import){ .id = a->id, .exportable = exportable, .pkcs8 = pkcs8 }, -1));
}

err vault_key_export(struct vault *v, const struct certstore_cert *c, str password, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, false, &a, d));
	return sent(ipc_send_key_export(v->keys->channel, &(struct ipc_key_export){ .id = a->id, .key = id_str(c->key), .name = str_of(c->friendly), .password = password,
		.chain_pem = buf_str(&c->chain) }, -1));
}

err vault_key_remove(struct vault *v, const uint8_t id[32], const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, true, &a, d));
	return sent(ipc_send_key_remove(v->keys->channel, &(struct ipc_key_remove){ .id = a->id, .key = id_str(id) }, -1));
}

err vault_keytab_set(struct vault *v, str bytes, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, false, &a, d));
	return sent(ipc_send_keytab_set(v->keys->channel, &(struct ipc_keytab_set){ .id = a->id, .bytes = bytes }, -1));
}

err vault_keytab_get(struct vault *v, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	TRY(begin(v, door, false, &a, d));
	return sent(ipc_send_keytab_get(v->keys->channel, &(struct ipc_keytab_get){ .id = a->id }, -1));
}

err vault_ticket_ask(struct vault *v, const struct ipc_ticket_ask *ask, const struct key_door *door, struct diag *d)
{
	struct ask *a;
	struct ipc_ticket_ask m = *ask;
	TRY(begin(v, door, false, &a, d));
	m.id = a->id;
	return sent(ipc_send_ticket_ask(v->keys->channel, &m, -1));
}

static void nothing(void *arg, err e, const struct diag *d, str bytes)
{
}

static void list(struct vault *v)
{
	struct ask *a;
	struct diag d;
	if (failed(begin(v, &(struct key_door){ nothing, NULL }, false, &a, &d)))
		return;
	a->is_list = true;
	v->keys->n_fresh = 0;
	(void)failed(ipc_send_key_list(v->keys->channel, &(struct ipc_key_list){ .id = a->id }, -1));
}

void vault_key_forget(struct vault *v, const void *arg)
{
	if (v->keys == NULL)
		return;
	LIST_EACH (it, &v->keys->asks) {
		struct ask *a = LIST_OF(it, struct ask, node);
		if (a->door.arg == arg)
			a->door.done = nothing;
	}
}

/* ---- answers ---- */

static struct ask *find(struct vault_keys *k, uint64_t id)
{
	LIST_EACH (it, &k->asks) {
		struct ask *a = LIST_OF(it, struct ask, node);
		if (a->id == id)
			return a;
	}
	return NULL;
}

static err on_entry(struct vault_keys *k, str body)
{
	struct ipc_key_entry m;
	TRY(ipc_key_entry_parse(&m, body));
	ENSURE(k->n_fresh < VAULT_KEYS_MAX && m.purpose < KEYFILE_PURPOSE_N, MALFORMED);
	struct key_entry *e = &k->fresh[k->n_fresh++];
	*e = (struct key_entry){ .purpose = (enum keyfile_purpose)m.purpose, .exportable = m.exportable != 0, .made = (int64_t)m.made };
	cert_spki_hash(m.spki, e->id);
	return OK;
}

static void take_list(struct vault_keys *k)
{
	bool was_known = k->is_known, is_shorter = k->n_fresh < k->n;
	memcpy(k->all, k->fresh, sizeof k->all);
	k->n = k->n_fresh;
	k->n_fresh = 0; /* another list may follow that was asked for before this one came */
	k->is_known = true;
	if (!was_known || is_shorter) /* what a kill had left is cleared away: what waited for that goes on */
		vault_live(k->vault);
}

/* After a change the list is asked for again; who waits goes on at once. */
static err on_done(struct vault_keys *k, str body)
{
	struct ipc_key_done m;
	struct diag d = { 0 };
	TRY(ipc_key_done_parse(&m, body));
	ENSURE(m.error <= ERR_N, MALFORMED);
	struct ask *a = find(k, m.id);
	ENSURE(a != NULL, MALFORMED);
	const struct ask copy = *a;
	err e = m.error != 0 ? (err){ &err_defs[m.error - 1] } : OK;
	if (failed(e) && (!str_to_z(m.where, d.where, sizeof d.where) || !str_to_z(m.what, d.what, sizeof d.what) || !str_to_z(m.remedy, d.remedy, sizeof d.remedy)))
		return ERR(MALFORMED);
	ask_free(a);
	if (copy.is_list)
		take_list(k);
	else if (copy.changes)
		list(k->vault);
	copy.door.done(copy.door.arg, e, &d, m.bytes);
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct vault_keys *k = arg;
	if (type == IPC_KEY_ENTRY)
		return on_entry(k, body);
	return type == IPC_KEY_DONE ? on_done(k, body) : ERR(MALFORMED);
}

static void fail_all(struct vault_keys *k)
{
	struct diag d = { 0 };
	struct list old;
	(void)failed(diag_fail(&d, ERR(CLOSED), "keeper", "look with Get-CsCertificate whether it was done, and say it again if not", "the keeper of the keys ended meanwhile"));
	list_init(&old);
	while (!list_is_empty(&k->asks)) {
		struct list *n = k->asks.next;
		list_remove(n);
		list_add(&old, n);
	}
	while (!list_is_empty(&old)) {
		struct ask *a = LIST_OF(old.next, struct ask, node);
		const struct key_door door = a->door;
		ask_free(a);
		door.done(door.arg, ERR(CLOSED), &d, STR(""));
	}
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault_keys *k = arg;
	k->channel = NULL;
	k->is_known = false;
	fail_all(k);
}

static const struct ipc_door door = { on_message, on_close };

static struct vault_keys *keys_of(struct vault *v)
{
	if (v->keys != NULL)
		return v->keys;
	v->keys = calloc(1, sizeof *v->keys);
	if (v->keys != NULL) {
		v->keys->vault = v;
		list_init(&v->keys->asks);
	}
	return v->keys;
}

void vault_keeper_open(struct vault *v, int fd)
{
	struct vault_keys *k = keys_of(v);
	if (k == NULL) {
		(void)close(fd);
		return;
	}
	if (k->channel != NULL) {
		struct ipc *old = k->channel;
		k->channel = NULL;
		k->is_known = false;
		ipc_close(old);
		fail_all(k);
	}
	err e = ipc_open(v->skel->loop, fd, &door, k, &k->channel);
	if (failed(e)) {
		k->channel = NULL;
		LOG(&v->skel->log, CHANNEL_FAILED, LOG_Z("to", "keeper"), LOG_ERR(e));
		return;
	}
	list(v);
	vault_kerberos_read(v);
}
