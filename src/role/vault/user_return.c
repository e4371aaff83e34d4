/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a user, and bringing him back from the history or another deployment with what he signs in by. */
#include "base/enc.h"
#include "role/vault/user_priv.h"

#include <stdlib.h>

/* ---- Remove ---- */

static void keep_secret(void *arg, const struct store_user *u)
{
	struct call *call = arg;
	char md5[64], sha256[64], aor[VAULT_AOR + 1];
	enc_hex(u->ha1_sha256.p, u->ha1_sha256.n < 32 ? u->ha1_sha256.n : 32, sha256);
	enc_hex(u->ha1_md5.p, u->ha1_md5.n < 16 ? u->ha1_md5.n : 16, md5);
	if (!str_to_z(u->aor, aor, sizeof aor))
		return;
	json_t *secret = json_pack("{s:s#,s:s#}", "sha256", sha256, (int)(2 * u->ha1_sha256.n), "md5", md5, (int)(2 * u->ha1_md5.n));
	(void)json_object_set_new(call->sealed, aor, secret);
	crypt_wipe(sha256, sizeof sha256);
	crypt_wipe(md5, sizeof md5);
}

/* Secrets that he has besides his password. */
static const char *const credentials[] = { "totp", "pin", "nt" };

static void keep_credential(void *arg, str value)
{
	char *text = malloc(2 * value.n + 1);
	if (text == NULL)
		return;
	enc_hex(value.p, value.n, text);
	*(json_t **)arg = json_stringn(text, 2 * value.n);
	crypt_wipe(text, 2 * value.n);
	free(text);
}

static void keep_credentials(struct call *call, str aor)
{
	char name[VAULT_AOR + 1];
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials && str_to_z(aor, name, sizeof name); i++) {
		json_t *v = NULL;
		if (!failed(store_credential_find(call->vault->store, aor, str_of(credentials[i]), keep_credential, &v)) && v != NULL)
			(void)json_object_set(json_object_get(call->sealed, name), credentials[i], v);
		json_decref(v);
	}
}

err user_remove(struct call *call, str aor, const json_t *before, json_t *after)
{
	TRY(store_user_find(call->vault->store, aor, keep_secret, call));
	keep_credentials(call, aor);
	TRY(store_user_remove(call->vault->store, aor, NULL));
	return user_note(call, aor, before, NULL);
}

err command_user_remove(struct call *call)
{
	(void)json_object_del(call->parameters, "PassThru");
	return user_change(call, user_remove);
}

/* ---- back from the history ---- */

static bool read_secret(const json_t *sealed, str aor, struct user_secret *out, bool *has_md5)
{
	char name[VAULT_AOR + 1];
	const json_t *kept;
	if (!str_to_z(aor, name, sizeof name))
		return false;
	kept = json_object_get(sealed, name);
	const char *sha256 = json_string_value(json_object_get(kept, "sha256")), *md5 = json_string_value(json_object_get(kept, "md5"));
	*has_md5 = md5 != NULL && !failed(enc_hex_read(str_of(md5), out->md5, 16));
	return sha256 != NULL && !failed(enc_hex_read(str_of(sha256), out->sha256, 32));
}

static err bring_back_credentials(struct call *call, str aor, const json_t *sealed)
{
	char name[VAULT_AOR + 1];
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials && str_to_z(aor, name, sizeof name); i++) {
		uint8_t value[2048];
		str text = user_text(json_object_get(sealed, name), credentials[i]);
		if (text.n == 0 || text.n > 2 * sizeof value || failed(enc_hex_read(text, value, text.n / 2)))
			continue;
		err e = store_credential_set(call->vault->store, aor, str_of(credentials[i]), (str){ (const char *)value, text.n / 2 });
		crypt_wipe(value, sizeof value);
		TRY(e);
	}
	return OK;
}

/* Without the secret (it was not kept, or is of a user made since) he is back, but cannot sign in before he gets a password. */
static err bring_back(struct call *call, str aor, const json_t *body, const json_t *sealed)
{
	struct user_secret secret;
	bool has_md5 = false;
	struct store_user u = { .aor = aor };
	crypt_random(&secret, sizeof secret);
	if (!read_secret(sealed, aor, &secret, &has_md5))
		command_warn(call, "sip:%.*s needs a new password", STR_FMT(aor));
	char *text = user_split(body, &u);
	ENSURE(text != NULL, NO_MEMORY);
	u.ha1_sha256 = (str){ (const char *)secret.sha256, 32 };
	u.ha1_md5 = (str){ (const char *)secret.md5, has_md5 ? 16 : 0 };
	err e = store_user_add(call->vault->store, &u, NULL);
	crypt_wipe(&secret, sizeof secret);
	free(text);
	TRY(e);
	TRY(bring_back_credentials(call, aor, sealed));
	return user_note(call, aor, NULL, body);
}

err command_user_restore(struct call *call, str given, const json_t *before, const json_t *sealed)
{
	char room[VAULT_AOR];
	str aor;
	json_t *now = NULL;
	TRY(command_address(call, given, room, &aor));
	struct diag d = call->diag;
	if (!json_is_null(before))
		TRY(command_reach_user(call, aor, before, true));
	if (failed(command_user_body(call, aor, &now))) {
		call->diag = d;
		return json_is_null(before) ? OK : bring_back(call, aor, before, sealed);
	}
	err e = command_reach_user(call, aor, now, true);
	if (!failed(e))
		e = json_is_null(before) ? user_remove(call, aor, now, NULL) : user_write(call, aor, now, before);
	json_decref(now);
	return e;
}
