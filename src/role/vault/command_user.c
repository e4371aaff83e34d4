/* SPDX-License-Identifier: Apache-2.0 */
#include "role/vault/vault_priv.h"

#include "wire/digest.h"

#include <stdio.h>
#include <time.h>

enum { PASSWORD_LEAST = 8, PASSWORD_MOST = 256 };

/* ---- addresses ---- */

err command_find_domain(const char *domains, str domain)
{
	for (str rest = str_of(domains); rest.n != 0;) {
		str one = str_trim(str_split(rest, ',', &rest));
		if (one.n != 0 && str_eq_case(one, domain))
			return OK;
	}
	return ERR(ABSENT);
}

static bool is_name(str s)
{
	if (s.n == 0 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.+~", c) != NULL)))
			return false;
	}
	return true;
}

err command_address(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	static const char remedy[] = "write it as sip:ann@example.test, with letters, digits and - _ . + ~";
	str s = str_trim(given), domain;
	if (str_begins_case(s, STR("sip:")))
		s = str_cut(s, 4, s.n);
	if (s.n == 0 || s.n >= VAULT_AOR)
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "an address has 1 to %d characters", VAULT_AOR - 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = char_lower(s.p[i]);
	*aor = (str){ out, s.n };
	str name = str_split(*aor, '@', &domain);
	if (!is_name(name))
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "%.*s is not an address of a user", STR_FMT(str_cut(s, 0, 80)));
	if (failed(command_find_domain(call->vault->skel->domains, domain))) {
		char ours[200];
		(void)snprintf(ours, sizeof ours, "the SIP domains of the topology are: %.150s", call->vault->skel->domains);
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", ours, "%.*s is not in a domain of this deployment", STR_FMT(str_cut(s, 0, 80)));
	}
	return OK;
}

static err identity(struct call *call, const char *name, char out[VAULT_AOR], str *aor)
{
	str given;
	ENSURE(command_text(call, name, &given), ABSENT);
	return command_address(call, given, out, aor);
}

static err not_there(struct call *call, str aor)
{
	return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsUser lists the users", "there is no user sip:%.*s", STR_FMT(str_cut(aor, 0, 120)));
}

/* ---- secrets ---- */

struct secret {
	uint8_t md5[CRYPT_HASH_MAX], sha256[CRYPT_HASH_MAX];
};

static err make_secret(struct call *call, str aor, struct store_user *u, struct secret *s)
{
	struct vault *v = call->vault;
	str password, domain;
	ENSURE(command_text(call, "Password", &password), ABSENT);
	bool bad = password.n < PASSWORD_LEAST || password.n > PASSWORD_MOST;
	for (size_t i = 0; i < password.n; i++)
		bad = bad || (unsigned char)password.p[i] < 0x20 || password.p[i] == 0x7f;
	if (bad)
		return diag_fail(&call->diag, ERR(MALFORMED), "PasswordFile", "choose a longer one, in one line",
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

/* ---- objects ---- */

static json_t *moment(uint64_t seconds)
{
	char text[32] = "";
	struct tm tm;
	time_t t = (time_t)seconds;
	if (seconds != 0 && gmtime_r(&t, &tm) != NULL)
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *user_object(const struct vault *v, const struct store_user *u)
{
	char uri[VAULT_AOR + 4];
	const struct tally_entry *t = tally_find(&v->tally, u->aor);
	uint64_t until = t != NULL && t->until_ms > vault_unix_ms() ? t->until_ms / 1000 : 0;
	(void)snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(u->aor));
	return json_pack("{s:s,s:o,s:b,s:s,s:b,s:i,s:o,s:o,s:o}", "Identity", uri, "DisplayName", command_json(u->display_name), "Enabled",
		u->enabled, "SipAddress", uri, "DigestMd5", u->ha1_md5.n != 0, "FailedSignIns", t != NULL ? (int)t->failures : 0, "LockedUntil",
		moment(until), "WhenCreated", moment(u->created), "WhenChanged", moment(u->changed));
}

struct listing {
	struct call *call;
	err e;
};

static void list_user(void *arg, const struct store_user *u)
{
	struct listing *l = arg;
	if (!failed(l->e))
		l->e = command_add_object(l->call, user_object(l->call->vault, u));
}

static err show(struct call *call, str aor)
{
	struct listing l = { call, OK };
	err e = store_user_find(call->vault->store, aor, list_user, &l);
	if (err_is(e, ERR_ABSENT))
		return not_there(call, aor);
	return failed(e) ? e : l.e;
}

static err check_name(struct call *call, str name)
{
	bool bad = name.n > STORE_NAME_MAX;
	for (size_t i = 0; i < name.n; i++)
		bad = bad || (unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f;
	if (bad)
		return diag_fail(&call->diag, ERR(MALFORMED), "DisplayName", "choose a shorter name, in one line",
			"a name has at most %d bytes and no control characters", STORE_NAME_MAX);
	return OK;
}

/* ---- commands ---- */

err command_user_new(struct call *call)
{
	struct vault *v = call->vault;
	char text[VAULT_AOR];
	struct secret secret;
	struct store_user u = { .enabled = true };
	TRY(identity(call, "SipAddress", text, &u.aor));
	str rest;
	u.display_name = str_split(u.aor, '@', &rest);
	(void)command_text(call, "DisplayName", &u.display_name);
	(void)command_bool(call, "Enabled", &u.enabled);
	TRY(check_name(call, u.display_name));
	TRY(make_secret(call, u.aor, &u, &secret));
	err e = store_user_add(v->store, &u, NULL);
	crypt_wipe(&secret, sizeof secret);
	if (err_is(e, ERR_EXISTS))
		return diag_fail(&call->diag, e, "SipAddress", "Set-CsUser changes him", "there is a user sip:%.*s already",
			STR_FMT(str_cut(u.aor, 0, 120)));
	TRY(e);
	TRY(vault_note(v, VAULT_USER, u.aor));
	return show(call, u.aor);
}

err command_user_get(struct call *call)
{
	struct vault *v = call->vault;
	char text[VAULT_AOR];
	str given, aor;
	TRY(vault_store(v, &call->diag));
	if (command_text(call, "Identity", &given)) {
		TRY(command_address(call, given, text, &aor));
		return show(call, aor);
	}
	struct listing l = { call, OK };
	TRY(store_users_each(v->store, list_user, &l));
	return l.e;
}

err command_user_set(struct call *call)
{
	struct vault *v = call->vault;
	char text[VAULT_AOR];
	struct secret secret;
	struct store_user u = { 0 };
	unsigned fields = 0;
	str password;
	TRY(identity(call, "Identity", text, &u.aor));
	if (command_text(call, "DisplayName", &u.display_name)) {
		TRY(check_name(call, u.display_name));
		fields |= STORE_USER_NAME;
	}
	if (command_bool(call, "Enabled", &u.enabled))
		fields |= STORE_USER_ENABLED;
	if (command_text(call, "Password", &password)) {
		TRY(make_secret(call, u.aor, &u, &secret));
		fields |= STORE_USER_SECRET;
	}
	if (fields == 0)
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "give -DisplayName, -PasswordFile or -Enabled", "there is nothing to change");
	err e = store_user_set(v->store, &u, fields, NULL);
	crypt_wipe(&secret, sizeof secret);
	if (err_is(e, ERR_ABSENT))
		return not_there(call, u.aor);
	TRY(e);
	return vault_note(v, VAULT_USER, u.aor);
}

err command_user_remove(struct call *call)
{
	char text[VAULT_AOR];
	str aor;
	TRY(identity(call, "Identity", text, &aor));
	err e = store_user_remove(call->vault->store, aor, NULL);
	if (err_is(e, ERR_ABSENT))
		return not_there(call, aor);
	TRY(e);
	return vault_note(call->vault, VAULT_USER, aor);
}

static void ignore(void *arg, const struct store_user *u)
{
}

err command_user_unlock(struct call *call)
{
	struct vault *v = call->vault;
	char text[VAULT_AOR];
	str aor;
	TRY(identity(call, "Identity", text, &aor));
	err e = store_user_find(v->store, aor, ignore, NULL);
	if (err_is(e, ERR_ABSENT))
		return not_there(call, aor);
	TRY(e);
	TRY(store_lock_remove(v->store, aor));
	return vault_note(v, VAULT_UNLOCK, aor);
}
