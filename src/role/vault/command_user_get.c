/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of users: lists, where one is served, which policies hold for him. */
#include "role/vault/user_priv.h"

#include <stdio.h>

/* ---- Get ---- */

struct listing {
	struct call *call;
	str ou;
	uint64_t most, n;
	err e;
};

static bool is_wanted(const struct listing *l, str aor, const json_t *body, const json_t *shown)
{
	str ou = user_text(body, "OU");
	char scope[560];
	(void)snprintf(scope, sizeof scope, "OU:%.*s", STR_FMT(l->ou));
	if (l->ou.n != 0 && !rbac_scope_covers(scope, ou, true))
		return false;
	return object_passes(l->call, aor, shown);
}

static void list_user(void *arg, const struct store_user *u)
{
	struct listing *l = arg;
	struct user_reading r = { 0 };
	struct diag before = l->call->diag;
	if (!failed(l->e) && l->n++ % 256 == 255 && vault_unix_ms() > l->call->until_ms)
		l->e = diag_fail(&l->call->diag, ERR(CEILING), l->call->cmd->name, "ask for fewer (-OU, -ResultSize), or by a simpler -Filter", "it takes too long");
	if (failed(l->e) || l->call->n_objects >= l->most)
		return;
	user_read(&r, u);
	if (r.body != NULL && !failed(command_reach_user(l->call, u->aor, r.body, false))) {
		json_t *shown = user_shown(l->call, u->aor, &r);
		if (shown != NULL && is_wanted(l, u->aor, r.body, shown))
			l->e = command_add_object(l->call, json_incref(shown));
		json_decref(shown);
	} else {
		l->call->diag = before;
	}
	json_decref(r.body);
}

static err list_users(struct call *call)
{
	struct listing l = { .call = call, .most = UINT64_MAX };
	(void)command_text(call, "OU", &l.ou);
	if (command_int(call, "ResultSize", &l.most) && l.most == 0)
		l.most = UINT64_MAX;
	if (command_switch(call, "UnAssignedUser"))
		return OK; /* every user here has a pool */
	TRY(store_users_each(call->vault->store, list_user, &l));
	return l.e;
}

err command_user_get(struct call *call)
{
	char room[VAULT_AOR];
	str given, aor;
	json_t *body = NULL;
	TRY(vault_store(call->vault, &call->diag));
	if (!command_text(call, "Identity", &given))
		return list_users(call);
	TRY(command_user_identity(call, given, room, &aor));
	TRY(command_user_body(call, aor, &body));
	err e = command_reach_user(call, aor, body, false);
	json_decref(body);
	return failed(e) ? e : user_show(call, aor);
}

err command_ad_user_get(struct call *call)
{
	return command_user_get(call);
}

/* ---- where and how he is served ---- */

static err user_for_reading(struct call *call, char room[VAULT_AOR], str *aor, json_t **body)
{
	TRY(user_named(call, "Identity", room, aor));
	TRY(command_user_body(call, *aor, body));
	err e = command_reach_user(call, *aor, *body, false);
	if (failed(e)) {
		json_decref(*body);
		*body = NULL;
	}
	return e;
}

err command_user_pool_get(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	json_t *body = NULL, *servers = json_array();
	err e = user_for_reading(call, room, &aor, &body);
	if (failed(e)) {
		json_decref(servers);
		return e;
	}
	str pool = user_text(body, "RegistrarPool");
	pool = pool.n != 0 ? pool : place_pool(call->vault);
	const struct topo_pool *p = topo_find_pool(&call->vault->topo, pool);
	for (size_t i = 0; p != NULL && i < p->servers.n; i++)
		(void)json_array_append_new(servers, command_json(p->servers.p[i].fqdn));
	e = command_add_object(call, json_pack("{s:o,s:o,s:n,s:[o],s:o}", "Identity", command_uri(aor), "PrimaryPoolFqdn", command_json(pool), "BackupPoolFqdn",
		"UserServicesPools", command_json(pool), "PrimaryPoolMachinesInPreferredOrder", servers));
	json_decref(body);
	return e;
}

err command_effective_policy_get(struct call *call)
{
	char room[VAULT_AOR];
	str aor, only = STR("");
	json_t *body = NULL;
	err e = user_for_reading(call, room, &aor, &body);
	TRY(e);
	(void)command_text(call, "PolicyType", &only);
	if (str_begins_case(only, STR("Cs")) && schema_find(only) == NULL)
		only = str_cut(only, 2, only.n);
	for (size_t i = 0; i < SCHEMA_N && !failed(e); i++) {
		const struct schema_kind *k = &schema_kinds[i];
		struct identity held;
		const char *why = "";
		if (k->base != SCHEMA_POLICY || (only.n != 0 && !str_eq_case(str_of(k->name), only)))
			continue;
		e = effective_policy(call, k, body, &held, &why);
		if (!failed(e))
			e = command_add_object(call, json_pack("{s:s,s:s,s:s}", "PolicyType", k->name, "PolicyName", held.text, "Source", why));
	}
	json_decref(body);
	if (!failed(e) && call->n_objects == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "PolicyType", "leave it out to see all", "there is no kind of policy %.*s", STR_FMT(str_cut(only, 0, 60)));
	return e;
}
