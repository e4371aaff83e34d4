/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that the guard of an Edge has banned, until their time has come: in memory, since a ban outlives a process, not the server. */
#include "os/net.h"
#include "role/vault/vault_priv.h"

#include <stdlib.h>

#define BANS_MAX 4096 /* as many as a guard knows; the oldest gives way */

struct ban {
	struct list node;
	uint64_t until_ms; /* since 1970 */
	bool network;
	char address[ADDR_TEXT], why[64];
};

static void ban_free(struct vault *v, struct ban *b)
{
	list_remove(&b->node);
	v->n_bans--;
	free(b);
}

void vault_bans_drop(struct vault *v, uint64_t until_ms)
{
	LIST_EACH (it, &v->bans) {
		struct ban *b = LIST_OF(it, struct ban, node);
		if (b->until_ms <= until_ms)
			ban_free(v, b);
	}
}

static struct ban *find(struct vault *v, str address, bool network)
{
	LIST_EACH (it, &v->bans) {
		struct ban *b = LIST_OF(it, struct ban, node);
		if (str_eq(str_of(b->address), address) && b->network == network)
			return b;
	}
	return NULL;
}

err vault_on_ban(struct vault *v, str body)
{
	struct ipc_ban m;
	TRY(ipc_ban_parse(&m, body));
	ENSURE(m.address.n < ADDR_TEXT, MALFORMED);
	vault_bans_drop(v, vault_unix_ms());
	struct ban *b = find(v, m.address, m.network != 0);
	if (b != NULL)
		ban_free(v, b);
	else if (v->n_bans >= BANS_MAX)
		ban_free(v, LIST_OF(v->bans.next, struct ban, node));
	b = calloc(1, sizeof *b);
	ENSURE(b != NULL, NO_MEMORY);
	list_init(&b->node);
	b->until_ms = m.until_ms;
	b->network = m.network != 0;
	(void)str_to_z(m.address, b->address, sizeof b->address);
	(void)str_to_z(str_cut(m.why, 0, sizeof b->why - 1), b->why, sizeof b->why);
	list_add(&v->bans, &b->node);
	v->n_bans++;
	return OK;
}

static void tell(struct ipc *edge, const struct ban *b, uint64_t until_ms)
{
	/* a channel that does not take it is broken and closes by itself */
	(void)failed(ipc_send_ban(edge, &(struct ipc_ban){ .address = str_of(b->address), .network = b->network ? 1 : 0, .until_ms = until_ms, .why = str_of(b->why) }, -1));
}

void vault_tell_bans(struct vault *v, struct ipc *edge)
{
	vault_bans_drop(v, vault_unix_ms());
	LIST_EACH (it, &v->bans) {
		const struct ban *b = LIST_OF(it, struct ban, node);
		tell(edge, b, b->until_ms);
	}
}

err command_banned_address_get(struct call *call)
{
	struct vault *v = call->vault;
	uint64_t now = vault_unix_ms();
	str wanted = STR("");
	(void)command_text(call, "Identity", &wanted);
	vault_bans_drop(v, now);
	LIST_EACH (it, &v->bans) {
		const struct ban *b = LIST_OF(it, struct ban, node);
		if (wanted.n == 0 || str_eq(wanted, str_of(b->address)))
			TRY(command_add_object(call, json_pack("{s:s,s:s,s:s,s:I}", "Identity", b->address, "Scope", b->network ? "Network" : "Address", "Reason", b->why, "SecondsLeft",
				(json_int_t)((b->until_ms - now) / 1000))));
	}
	return OK;
}

err command_banned_address_remove(struct call *call)
{
	struct vault *v = call->vault;
	str wanted;
	unsigned n = 0;
	ENSURE(command_text(call, "Identity", &wanted), INTERNAL);
	LIST_EACH (it, &v->bans) {
		struct ban *b = LIST_OF(it, struct ban, node);
		if (!str_eq(wanted, str_of(b->address)))
			continue;
		n++;
		if (call->what_if)
			continue;
		if (vault_edge_channel(v) != NULL)
			tell(vault_edge_channel(v), b, 0);
		ban_free(v, b);
	}
	if (n == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsBannedAddress lists them; run it on the Edge", "%.*s is not banned by this server", STR_FMT(str_cut(wanted, 0, 64)));
	return OK;
}
