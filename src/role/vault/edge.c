/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of an Edge is told: limits and certificates. Of people it is told nothing. */
#include "role/vault/vault_priv.h"

#include <stdlib.h>
#include <unistd.h>

struct vault_edge {
	struct vault *vault;
	struct ipc *channel;
};

/* A channel that does not take a message is broken and closes by itself (on_close). */
static void sent(err e)
{
	(void)failed(e);
}

void vault_edge_settings(struct vault *v)
{
	if (v->edge == NULL)
		return;
	for (size_t i = 0; i < CONFIG_N; i++) {
		char text[CONFIG_TEXT];
		sent(ipc_send_setting(v->edge->channel, &(struct ipc_setting){ .object = str_of(schema_kinds[config_defs[i].kind].name),
			.property = str_of(config_defs[i].property), .value = str_of(config_print(&v->config, &config_defs[i], text)) }, -1));
	}
}

void vault_edge_revocations(struct vault *v)
{
	if (v->edge != NULL)
		sent(vault_send_revocations(v, v->edge->channel));
}

void vault_edge_certificate(struct vault *v)
{
	if (v->edge == NULL)
		return;
	sent(vault_send_certificate(v, v->edge->channel, VAULT_EDGE_INSIDE));
	sent(vault_send_certificate(v, v->edge->channel, VAULT_EDGE_OUTSIDE));
	sent(ipc_send_snapshot_end(v->edge->channel, &(struct ipc_snapshot_end){ .version = v->told }, -1));
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct vault *v = ((struct vault_edge *)arg)->vault;
	if (type == IPC_BAN)
		return vault_on_ban(v, body);
	return type == IPC_LIST_MISSING ? vault_on_list_missing(v, body) : ERR(MALFORMED);
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault_edge *e = arg;
	e->vault->edge = NULL;
	free(e);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

void vault_edge_open(struct vault *v, int fd)
{
	struct vault_edge *e = calloc(1, sizeof *e);
	if (e == NULL) {
		(void)close(fd);
		return;
	}
	*e = (struct vault_edge){ .vault = v };
	if (failed(ipc_open(v->skel->loop, fd, &door, e, &e->channel))) {
		free(e);
		return;
	}
	vault_edge_close(v);
	v->edge = e;
	vault_edge_settings(v);
	vault_tell_bans(v, e->channel);
	vault_edge_revocations(v);
	vault_edge_certificate(v);
}

struct ipc *vault_edge_channel(const struct vault *v)
{
	return v->edge != NULL ? v->edge->channel : NULL;
}

void vault_edge_close(struct vault *v)
{
	if (v->edge == NULL)
		return;
	ipc_close(v->edge->channel);
	free(v->edge);
	v->edge = NULL;
}
