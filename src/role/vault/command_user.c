/* SPDX-License-Identifier: Apache-2.0 */
/* New-, Set-, Enable-, Disable-, Move-, Unlock-CsUser, and the policies that are granted to users. */
#include "role/vault/user_priv.h"

#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>

enum { PASSWORD_LEAST = 8, PASSWORD_MOST = 256 };

/* ---- secrets ---- */

static err make_secret(struct call *call, str aor, struct store_user *u, struct user_secret *s)
{
	struct vault *v = call->vault;
	str password = STR(""), domain;
	(void)command_text(call, "Password", &password);
	bool bad = password.n < PASSWORD_LEAST || password.n > PASSWORD_MOST;
	for (size_t i = 0; i < password.n; i++)
		bad = bad || (unsigned char)password.p[i] < 0x20 || password.p[i] == 0x7f;
	if (bad)
		return diag_fail(&call->diag, ERR(MALFORMED), "Password", "choose a longer one, in one line",
			"a password has %d to %d bytes and no control characters", PASSWORD_LEAST, PASSWORD_MOST);
	str name = str_split(aor, '@', &domain);
	digest_ha1(v->crypt, CRYPT_SHA256, name, domain, password, s->sha256);
	u->ha1_sha256 = (str){ (const char *)s->sha256, crypt_hash_size(CRYPT_SHA256) };
	if (v->next.use_digest_md5) {
		digest_ha1(v->crypt, CRYPT_MD5, name, domain, password, s->md5);
		u->ha1_md5 = (str){ (const char *)s->md5, crypt_hash_size(CRYPT_MD5) };
	}
	return OK;
}

static bool may_ntlm(const json_t *body)
{
	return json_is_true(json_object_get(body, "NtlmAllowed"));
}

/* What NTLM needs follows the password, and whether the user may use it. before NULL: he is new. */
static err keep_nt(struct call *call, str aor, const json_t *before, const json_t *after)
{
	str password;
	bool has_password = command_text(call, "Password", &password);
	if (!may_ntlm(after) && !may_ntlm(before))
		return OK;
	if (!has_password && may_ntlm(before) == may_ntlm(after))
		return OK;
	return user_keep_nt(call, aor, may_ntlm(after), has_password ? &password : NULL);
}

/* A certificate that a device got for a password does not ask how: who wants the card asked for takes it back. */
static void warn_of_devices(struct call *call, str aor, const json_t *before, const json_t *after)
{
	static const char mark[] = "SmartcardLogonRequired";
	const struct issued_list *l = &call->vault->issued;
	char user[ISSUED_NAME];
	unsigned n = 0;
	if (!json_is_true(json_object_get(after, mark)) || json_is_true(json_object_get(before, mark)))
		return;
	(void)snprintf(user, sizeof user, "sip:%.*s", STR_FMT(aor));
	for (size_t i = 0; i < l->n; i++)
		n += strcmp(l->all[i].user, user) == 0 && !l->all[i].is_revoked && l->all[i].device[0] != '\0' && l->all[i].expires > (int64_t)(vault_unix_ms() / 1000) ? 1 : 0;
	if (n != 0)
		command_warn(call, "devices of %s have %u certificates that they got before, and sign in by them: Revoke-CsClientCertificate -Identity %s takes them back", user, n, user);
}

/* ---- checks across users ---- */

struct sharer {
	str aor;
	bool found;
};

static void look(void *arg, const struct store_user *u)
{
	struct sharer *s = arg;
	s->found = s->found || !str_eq(u->aor, s->aor);
}

static err check_unique(struct call *call, str aor, const json_t *body)
{
	static const struct {
		const char *property;
		enum store_user_name by;
	} rows[] = { { "SamAccountName", STORE_BY_SAM }, { "UserPrincipalName", STORE_BY_UPN }, { "LineURI", STORE_BY_LINE } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sharer s = { aor, false };
		str v = user_text(body, rows[i].property);
		if (v.n == 0)
			continue;
		TRY(store_user_find_by(call->vault->store, rows[i].by, v, look, &s));
		if (s.found)
			return diag_fail(&call->diag, ERR(EXISTS), rows[i].property, "each user has one of his own", "another user has %.*s already", STR_FMT(str_cut(v, 0, 80)));
	}
	return OK;
}

static err check_name(struct call *call, const json_t *body)
{
	str name = user_text(body, "DisplayName");
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return diag_fail(&call->diag, ERR(MALFORMED), "DisplayName", "write it in one line", "a name has no control characters");
	return OK;
}

/* ---- New ---- */

static err add_user(struct call *call, str aor, const json_t *body)
{
	struct user_secret secret;
	struct store_user u = { .aor = aor };
	char *text = user_split(body, &u);
	ENSURE(text != NULL, NO_MEMORY);
	err e = make_secret(call, aor, &u, &secret);
	if (!failed(e))
		e = store_user_add(call->vault->store, &u, NULL);
	crypt_wipe(&secret, sizeof secret);
	free(text);
	if (err_is(e, ERR_EXISTS))
		return diag_fail(&call->diag, e, "SipAddress", "Set-CsUser changes him", "there is a user sip:%.*s already", STR_FMT(str_cut(aor, 0, 120)));
	return e;
}

static err new_user(struct call *call, str aor, json_t *body)
{
	str rest, name = str_split(aor, '@', &rest);
	json_t *empty = json_object();
	err e = object_apply(call, USER_KIND, empty, body);
	json_decref(empty);
	TRY(e);
	if (user_text(body, "DisplayName").n == 0)
		(void)json_object_set_new(body, "DisplayName", json_stringn(name.p, name.n));
	TRY(check_name(call, body));
	TRY(check_unique(call, aor, body));
	TRY(command_reach_user(call, aor, body, true));
	TRY(add_user(call, aor, body));
	TRY(keep_nt(call, aor, NULL, body));
	return user_note(call, aor, NULL, body);
}

err command_user_new(struct call *call)
{
	char room[VAULT_AOR];
	str given = STR(""), aor;
	(void)command_text(call, "SipAddress", &given);
	TRY(command_address(call, given, room, &aor));
	json_t *body = json_object();
	ENSURE(body != NULL, NO_MEMORY);
	err e = new_user(call, aor, body);
	json_decref(body);
	return failed(e) ? e : user_show(call, aor);
}

/* ---- Set ---- */

static err set_properties(struct call *call, str aor, const json_t *before, json_t *after)
{
	TRY(object_apply(call, USER_KIND, before, after));
	TRY(check_name(call, after));
	TRY(check_unique(call, aor, after));
	TRY(command_reach_user(call, aor, after, true)); /* also where he is moved to */
	return user_write(call, aor, before, after);
}

static err set_password(struct call *call, str aor, bool *any)
{
	struct user_secret secret;
	struct store_user u = { .aor = aor };
	*any = command_value(call, "Password") != NULL;
	if (!*any)
		return OK;
	TRY(make_secret(call, aor, &u, &secret));
	err e = store_user_set(call->vault->store, &u, STORE_USER_SECRET, NULL);
	crypt_wipe(&secret, sizeof secret);
	TRY(e);
	return vault_note(call->vault, VAULT_USER, aor);
}

static bool anything_given(const struct call *call)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if (!p.is_common && strcmp(p.name, "Identity") != 0 && command_value(call, p.name) != NULL)
			return true;
	return false;
}

static err set_user(struct call *call, str aor, const json_t *before, json_t *after)
{
	bool password;
	if (!anything_given(call))
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-Help Set-CsUser -Full shows them", "there is nothing to change");
	TRY(set_password(call, aor, &password));
	TRY(set_properties(call, aor, before, after));
	warn_of_devices(call, aor, before, after);
	return keep_nt(call, aor, before, after);
}

err command_user_set(struct call *call)
{
	return user_change(call, set_user);
}

static err enable(struct call *call, str aor, const json_t *before, json_t *after)
{
	str pool;
	(void)json_object_del(after, "Enabled");
	if (command_text(call, "RegistrarPool", &pool)) {
		if (topo_find_pool(&call->vault->topo, pool) == NULL)
			return diag_fail(&call->diag, ERR(ABSENT), "RegistrarPool", "Get-CsPool lists the pools", "there is no pool %.*s", STR_FMT(str_cut(pool, 0, 100)));
		(void)json_object_set_new(after, "RegistrarPool", json_stringn(pool.p, pool.n));
	}
	return user_write(call, aor, before, after);
}

err command_user_enable(struct call *call)
{
	return user_change(call, enable);
}

static err disable(struct call *call, str aor, const json_t *before, json_t *after)
{
	(void)json_object_set_new(after, "Enabled", json_false());
	return user_write(call, aor, before, after);
}

err command_user_disable(struct call *call)
{
	return user_change(call, disable);
}

static err move(struct call *call, str aor, const json_t *before, json_t *after)
{
	str pool;
	TRY(place_target(call, &pool));
	(void)json_object_set_new(after, "RegistrarPool", json_stringn(pool.p, pool.n));
	return user_write(call, aor, before, after);
}

err command_user_move(struct call *call)
{
	return user_change(call, move);
}

err command_user_grant_property(struct call *call, const struct schema_prop *p, str name)
{
	char room[VAULT_AOR];
	str aor;
	json_t *before = NULL;
	TRY(user_named(call, "Identity", room, &aor));
	TRY(command_user_body(call, aor, &before));
	json_t *after = json_deep_copy(before);
	err e = after != NULL ? command_reach_user(call, aor, before, true) : ERR(NO_MEMORY);
	if (!failed(e) && name.n != 0)
		(void)json_object_set_new(after, p->name, json_stringn(name.p, name.n));
	else if (!failed(e))
		(void)json_object_del(after, p->name);
	if (!failed(e))
		e = user_write(call, aor, before, after);
	json_decref(before);
	json_decref(after);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = user_show(call, aor);
	return e;
}

static err unlock(struct call *call, str aor, const json_t *before, json_t *after)
{
	TRY(store_lock_remove(call->vault->store, aor));
	return vault_note(call->vault, VAULT_UNLOCK, aor);
}

err command_user_unlock(struct call *call)
{
	return user_change(call, unlock);
}
