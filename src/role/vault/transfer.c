/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole deployment as one document: what is declared in clear, secrets sealed by a key from a password (scrypt, AES-256-GCM), and a MAC by the
 * same key over all of it, so that nothing of it can be changed by who does not know the password.
 */
#include "base/enc.h"
#include "model/sealed.h"
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORMAT = 1 };

/* ---- keys ---- */

struct lock {
	struct crypt *crypt; /* keyed */
	uint8_t salt[SEALED_SALT];
};

/* The MAC of everything but itself. */
static bool mac_of(struct lock *l, const json_t *document, uint8_t out[32])
{
	char *text = sealed_text(document, "mac");
	if (text == NULL)
		return false;
	const str parts[] = { STR("witan deployment"), str_of(text) };
	crypt_mac(l->crypt, parts, 2, out);
	free(text);
	return true;
}

/* ---- out ---- */

struct content {
	json_t *objects, *users, *secrets, *credentials;
	json_t *sealed; /* secrets of objects: {"Kind\nIdentity": {property: value}} */
};

static void add_object(void *arg, const struct store_object *o)
{
	struct content *c = arg;
	if (schema_find(o->kind) == NULL)
		return; /* not declared by anybody: who may join (enrol.c) */
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL), *secrets = change_take_secrets(schema_find(o->kind), body);
	char name[SCHEMA_IDENTITY_MAX + 80];
	(void)snprintf(name, sizeof name, "%.*s\n%.*s", STR_FMT(o->kind), STR_FMT(o->identity));
	if (json_object_size(secrets) != 0)
		(void)json_object_set(c->sealed, name, secrets);
	json_decref(secrets);
	(void)json_array_append_new(c->objects, json_pack("{s:o,s:o,s:o}", "kind", command_json(o->kind), "identity", command_json(o->identity), "body", body != NULL ? body : json_object()));
}

static void add_user(void *arg, const struct store_user *u)
{
	struct content *c = arg;
	char sha256[64], md5[32], aor[VAULT_AOR + 1];
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	if (body == NULL)
		body = json_object();
	(void)json_object_set_new(body, "DisplayName", command_json(u->display_name));
	if (!u->enabled)
		(void)json_object_set_new(body, "Enabled", json_false());
	(void)json_array_append_new(c->users, json_pack("{s:o,s:o}", "aor", command_json(u->aor), "body", body));
	enc_hex(u->ha1_sha256.p, 32, sha256);
	if (u->ha1_md5.n == 16)
		enc_hex(u->ha1_md5.p, 16, md5);
	if (str_to_z(u->aor, aor, sizeof aor))
		(void)json_object_set_new(c->secrets, aor, json_pack("{s:s#,s:s#}", "sha256", sha256, 64, "md5", md5, u->ha1_md5.n == 16 ? 32 : 0));
	crypt_wipe(sha256, sizeof sha256);
	crypt_wipe(md5, sizeof md5);
}

static void add_credential(void *arg, str aor, str kind, str value)
{
	struct content *c = arg;
	(void)json_array_append_new(c->credentials, json_pack("[o,o,o]", command_json(aor), command_json(kind), sealed_bytes(value.p, value.n)));
}

static err read_all(struct vault *v, struct content *c)
{
	*c = (struct content){ json_array(), json_array(), json_object(), json_array(), json_object() };
	TRY(store_objects_each(v->store, STR(""), add_object, c));
	TRY(store_users_each(v->store, add_user, c));
	return store_credentials_each(v->store, add_credential, c);
}

static json_t *document_of(struct vault *v, struct lock *l, const struct content *c)
{
	uint8_t mac[32];
	json_t *secrets = json_pack("{s:O,s:O,s:O}", "users", c->secrets, "credentials", c->credentials, "objects", c->sealed);
	json_t *d = json_pack("{s:s,s:i,s:s,s:o,s:I,s:o,s:i,s:O,s:O,s:o}", "format", "witan-deployment", "formatVersion", FORMAT, "witan", WITAN_VERSION, "created",
		command_moment(vault_unix_ms() / 1000), "storeVersion", (json_int_t)store_version(v->store), "salt", sealed_bytes(l->salt, SEALED_SALT), "cost", SEALED_COST, "objects", c->objects, "users",
		c->users, "sealed", sealed_json(l->crypt, secrets));
	json_decref(secrets);
	if (d != NULL && mac_of(l, d, mac))
		(void)json_object_set_new(d, "mac", sealed_bytes(mac, sizeof mac));
	return d;
}

err command_config_export(struct call *call)
{
	struct lock l;
	struct content c = { 0 };
	str password = STR("");
	(void)command_text(call, "Password", &password);
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "the whole deployment" }));
	TRY(vault_store(call->vault, &call->diag));
	crypt_random(l.salt, SEALED_SALT);
	TRY(sealed_key(password, l.salt, &l.crypt, &call->diag));
	err e = read_all(call->vault, &c);
	if (!failed(e))
		e = command_add_object(call, json_pack("{s:o}", "Document", document_of(call->vault, &l, &c)));
	json_decref(c.objects);
	json_decref(c.users);
	json_decref(c.secrets);
	json_decref(c.credentials);
	json_decref(c.sealed);
	crypt_free(l.crypt);
	return e;
}

/* ---- in ---- */

static err check_document(struct call *call, const json_t *d)
{
	const char *format = json_string_value(json_object_get(d, "format"));
	if (format == NULL || strcmp(format, "witan-deployment") != 0)
		return diag_fail(&call->diag, ERR(MALFORMED), "FileName", "name a file that Export-CsConfiguration has written", "this is no exported deployment");
	if (json_integer_value(json_object_get(d, "formatVersion")) != FORMAT || json_integer_value(json_object_get(d, "cost")) != SEALED_COST)
		return diag_fail(&call->diag, ERR(REFUSED), "FileName", "import it by the version that wrote it, and export it by this one", "it is of another version");
	return OK;
}

static err open_document(struct call *call, const json_t *d, struct lock *l, json_t **secrets)
{
	size_t n = 0, n_mac = 0;
	uint8_t mac[32];
	str password = STR("");
	(void)command_text(call, "Password", &password);
	TRY(check_document(call, d));
	uint8_t *salt = sealed_bytes_read(json_object_get(d, "salt"), &n), *given = sealed_bytes_read(json_object_get(d, "mac"), &n_mac);
	bool whole = salt != NULL && n == SEALED_SALT && given != NULL && n_mac == sizeof mac;
	if (whole)
		memcpy(l->salt, salt, SEALED_SALT);
	err e = whole ? sealed_key(password, l->salt, &l->crypt, &call->diag) : ERR(MALFORMED);
	bool same = !failed(e) && mac_of(l, d, mac) && crypt_equal(mac, given, sizeof mac);
	free(salt);
	free(given);
	TRY(e);
	*secrets = same ? sealed_json_read(l->crypt, json_object_get(d, "sealed")) : NULL;
	if (*secrets == NULL) {
		crypt_free(l->crypt);
		l->crypt = NULL;
		return diag_fail(&call->diag, ERR(REFUSED), "Password", "give the password by which it was sealed; if it is right, the file was changed", "the password does not open this file");
	}
	return OK;
}

static err put_object(struct call *call, const json_t *o, const json_t *secrets)
{
	const struct schema_kind *k = schema_find(str_of(json_string_value(json_object_get(o, "kind"))));
	const char *identity = json_string_value(json_object_get(o, "identity"));
	json_t *body = json_object_get(o, "body"), *checked = NULL;
	if (k == NULL || identity == NULL || strlen(identity) > SCHEMA_IDENTITY_MAX || !json_is_object(body)) {
		command_warn(call, "%s is left out: this version does not know it", identity != NULL ? identity : "an object");
		return OK;
	}
	struct diag before = call->diag;
	if (failed(schema_object(k, body, &checked, &call->diag))) {
		command_warn(call, "%s %s is taken as it stands: %s", k->name, identity, call->diag.what);
		call->diag = before;
	}
	json_decref(checked);
	char name[SCHEMA_IDENTITY_MAX + 80];
	(void)snprintf(name, sizeof name, "%s\n%s", json_string_value(json_object_get(o, "kind")), identity);
	(void)json_object_update(body, json_object_get(secrets, name));
	return change_object(call, k, str_of(identity), NULL, body);
}

/* What is there and not in the document goes first, so that names are free. */
struct clearing {
	json_t *users, *objects;
};

static void note_user(void *arg, const struct store_user *u)
{
	struct clearing *c = arg;
	(void)json_array_append_new(c->users, command_json(u->aor));
}

static void note_object(void *arg, const struct store_object *o)
{
	struct clearing *c = arg;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	(void)json_array_append_new(c->objects, json_pack("[o,o,o]", command_json(o->kind), command_json(o->identity), body != NULL ? body : json_object()));
}

static err clear(struct call *call)
{
	struct clearing c = { json_array(), json_array() };
	size_t i;
	json_t *one;
	err e = store_users_each(call->vault->store, note_user, &c);
	if (!failed(e))
		e = store_objects_each(call->vault->store, STR(""), note_object, &c);
	json_array_foreach(c.users, i, one)
		if (!failed(e))
			e = command_user_restore(call, str_of(json_string_value(one)), json_null(), NULL);
	json_array_foreach(c.objects, i, one) {
		const struct schema_kind *k = schema_find(str_of(json_string_value(json_array_get(one, 0))));
		if (!failed(e) && k != NULL)
			e = change_object(call, k, str_of(json_string_value(json_array_get(one, 1))), json_array_get(one, 2), NULL);
	}
	json_decref(c.users);
	json_decref(c.objects);
	return e;
}

static err put_credentials(struct call *call, const json_t *list)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one) {
		size_t n = 0;
		uint8_t *value = sealed_bytes_read(json_array_get(one, 2), &n);
		err e = value == NULL ? ERR(MALFORMED) : store_credential_set(call->vault->store, str_of(json_string_value(json_array_get(one, 0))),
			str_of(json_string_value(json_array_get(one, 1))), (str){ (const char *)value, n });
		free(value);
		TRY(e);
	}
	return OK;
}

static err put_all(struct call *call, const json_t *d, const json_t *secrets)
{
	size_t i;
	json_t *one;
	TRY(clear(call));
	json_array_foreach(json_object_get(d, "objects"), i, one)
		TRY(put_object(call, one, json_object_get(secrets, "objects")));
	json_array_foreach(json_object_get(d, "users"), i, one) {
		const char *aor = json_string_value(json_object_get(one, "aor"));
		json_t *body = json_object_get(one, "body");
		if (aor == NULL || !json_is_object(body))
			return ERR(MALFORMED);
		TRY(command_user_restore(call, str_of(aor), body, json_object_get(secrets, "users")));
	}
	return put_credentials(call, json_object_get(secrets, "credentials"));
}

err command_config_import(struct call *call)
{
	struct lock l = { 0 };
	json_t *secrets = NULL;
	const json_t *d = command_value(call, "Document");
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "the whole deployment" }));
	TRY(rbac_check_role(&call->author->rights, STR("CsAdministrator"), NULL, &call->diag)); /* it brings users, groups and roles */
	if (!json_is_object(d))
		return diag_fail(&call->diag, ERR(USAGE), "FileName", "import by `witan Import-CsConfiguration FILE`", "the content of the file did not come along");
	TRY(open_document(call, d, &l, &secrets));
	err e = put_all(call, d, secrets);
	json_decref(secrets);
	crypt_free(l.crypt);
	TRY(e);
	return command_add_object(call, json_pack("{s:I,s:I}", "Users", (json_int_t)json_array_size(json_object_get(d, "users")), "Objects",
		(json_int_t)json_array_size(json_object_get(d, "objects"))));
}
