/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keeper.h"

#include "base/list.h"
#include "role/keeper/keeper_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct peer {
	struct list node;
	struct keeper *keeper;
	struct ipc *channel;
	char role[20];
	unsigned index;
};

static err keeper_open(struct skel *s, struct diag *d)
{
	struct keeper *k = calloc(1, sizeof *k);
	ENSURE(k != NULL, NO_MEMORY);
	k->skel = s;
	list_init(&k->peers);
	s->state = k;
	k->dir = openat(s->dir, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->dir < 0)
		return diag_fail(d, ERR(ABSENT), "keys/", "make the deployment directory with `witan init`",
			"cannot open the directory");
	TRY(former_take(s->dir, k->dir, &s->log, d));
	TRY(keys_read(&k->keys, k->dir, d));
	LOG(&s->log, KEYS_READ, LOG_INT("keys", k->keys.n));
	return keeper_kerberos_open(k);
}

static err keeper_start(struct skel *s, struct diag *d)
{
	skel_ready(s);
	return OK;
}

/* Bad files change nothing: the keys that are in use stay. */
static void read_again(struct skel *s)
{
	struct keeper *k = s->state;
	struct keys fresh;
	struct diag d = { 0 };
	err e = keys_read(&fresh, k->dir, &d);
	if (failed(e)) {
		LOG(&s->log, KEYS_FAILED, LOG_ERR(e), LOG_Z("where", d.where), LOG_Z("reason", d.what),
			LOG_Z("remedy", d.remedy));
		return;
	}
	keys_fini(&k->keys);
	k->keys = fresh;
	LOG(&s->log, KEYS_READ, LOG_INT("keys", k->keys.n));
}

static void keeper_reload(struct skel *s)
{
	read_again(s);
	(void)failed(keeper_kerberos_read(s->state));
}

/* ---- who asks ---- */

#define SEEK_MS 100

/* A front may learn of a new certificate before we are told to read its key. Not more often than once in SEEK_MS, so
 * that a front gone wrong cannot keep us reading. */
static const struct key *find_key(struct keeper *k, str id)
{
	const struct key *key = keys_find(&k->keys, id);
	uint64_t now = loop_now(k->skel->loop);
	if (key != NULL || (k->sought_at != 0 && now < k->sought_at + SEEK_MS))
		return key;
	k->sought_at = now;
	read_again(k->skel);
	return keys_find(&k->keys, id);
}

static err sign(struct keeper *k, const struct ipc_sign *m, uint8_t out[SIGNATURE_MAX], size_t *n)
{
	const struct key *key = find_key(k, m->key);
	ENSURE(key != NULL, ABSENT);
	return key_sign(key, m->kind, m->input, out, n);
}

static err on_sign(struct peer *p, struct ipc *from, str body)
{
	struct skel *s = p->keeper->skel;
	struct ipc_sign m;
	uint8_t out[SIGNATURE_MAX];
	size_t n = 0;
	TRY(ipc_sign_parse(&m, body));
	err e = sign(p->keeper, &m, out, &n);
	if (failed(e)) {
		n = 0;
		LOG(&s->log, SIGN_REFUSED, LOG_ERR(e), LOG_Z("from", p->role), LOG_INT("index", p->index), LOG_INT("kind", m.kind),
			LOG_INT("bytes", m.input.n));
	} else {
		meter_add(s->meter, METER_TLS_SIGNED, 1);
	}
	return ipc_send_signed(from, &(struct ipc_signed){ .id = m.id, .signature = { (const char *)out, n } }, -1);
}

/* A front that was taken over gets signatures for handshakes, and nothing else. */
static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct peer *p = arg;
	if (strcmp(p->role, "vault") == 0)
		return keeper_on_vault(p->keeper, from, type, body);
	return type == IPC_SIGN ? on_sign(p, from, body) : ERR(MALFORMED);
}

static void peer_remove(struct peer *p)
{
	list_remove(&p->node);
	free(p);
}

static void on_close(void *arg, struct ipc *from)
{
	peer_remove(arg);
}

static const struct ipc_door peer_door = { on_message, on_close };

static void forget(struct keeper *k, str role, unsigned index)
{
	LIST_EACH (it, &k->peers) {
		struct peer *p = LIST_OF(it, struct peer, node);
		if (p->index != index || !str_eq(str_of(p->role), role))
			continue;
		ipc_close(p->channel);
		peer_remove(p);
	}
}

static void keeper_on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct keeper *k = s->state;
	static const char *const may[] = { "front", "web", "edge", "replicator", "vault" };
	bool may_ask = false;
	for (size_t i = 0; i < sizeof may / sizeof *may; i++)
		may_ask = may_ask || str_eq(role, str_of(may[i]));
	struct peer *p = may_ask ? calloc(1, sizeof *p) : NULL;
	if (p == NULL) {
		(void)close(fd);
		return;
	}
	forget(k, role, index);
	*p = (struct peer){ .keeper = k, .index = index };
	(void)str_to_z(role, p->role, sizeof p->role);
	err e = ipc_open(s->loop, fd, &peer_door, p, &p->channel);
	if (!failed(e)) {
		list_add(&k->peers, &p->node);
		return;
	}
	LOG(&s->log, CHANNEL_FAILED, LOG_STR("to", role), LOG_INT("index", index), LOG_ERR(e));
	free(p);
}

static const struct jail jail = {
	.user = "witan-keeper",
	.room = "keys",
	.may = JAIL_READ | JAIL_WRITE | JAIL_LOCK_MEMORY,
	.n_files = 256,
};

const struct role role_keeper = {
	.name = "keeper",
	.jail = &jail,
	.open = keeper_open,
	.start = keeper_start,
	.on_channel = keeper_on_channel,
	.on_reload = keeper_reload,
};
