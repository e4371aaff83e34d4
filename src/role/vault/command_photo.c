/* SPDX-License-Identifier: Apache-2.0 */
/* Photos of users: kept with what else belongs to a user alone, told to the address book, and shown to who has a web ticket (docs/adr/0075). */
#include "role/vault/user_priv.h"

#include "base/enc.h"
#include "model/sealed.h"
#include "service/kept.h"
#include "service/photo.h"

#include <stdio.h>
#include <stdlib.h>

#define KIND STR("photo")

struct kept_photo {
	uint8_t *bytes; /* NULL: there is none */
	size_t n;
	char hash[PHOTO_HASH + 1];
	struct photo facts;
};

/* ---- what is kept ---- */

static void keep(void *arg, str value)
{
	struct kept_photo *p = arg;
	p->bytes = malloc(value.n);
	if (p->bytes == NULL)
		return;
	memcpy(p->bytes, value.p, value.n);
	p->n = value.n;
}

/* ABSENT: he has none. The bytes are the caller's. */
static err load(struct vault *v, str aor, struct kept_photo *p)
{
	uint8_t hash[CRYPT_HASH_MAX];
	*p = (struct kept_photo){ .n = 0 };
	TRY(store_credential_find(v->store, aor, KIND, keep, p));
	ENSURE(p->bytes != NULL, NO_MEMORY);
	str bytes = { (const char *)p->bytes, p->n };
	crypt_hash(v->crypt, CRYPT_SHA256, &bytes, 1, hash);
	enc_hex(hash, PHOTO_HASH / 2, p->hash);
	err e = photo_read(bytes, &p->facts, NULL);
	if (failed(e))
		free(p->bytes);
	return e;
}

void vault_photo_add(struct vault *v, str aor, struct buf *rows)
{
	struct kept_photo p;
	char size[24];
	if (failed(load(v, aor, &p)))
		return;
	(void)snprintf(size, sizeof size, "%zu", p.n);
	kept_row_add(rows, &(struct kept_row){ .kind = KEPT_CARD, .key = STR("PhotoHash"), .value = str_of(p.hash) });
	kept_row_add(rows, &(struct kept_row){ .kind = KEPT_CARD, .key = STR("PhotoSize"), .value = str_of(size) });
	free(p.bytes);
}

/* ---- the cmdlets ---- */

static err user(struct call *call, bool writes, char room[VAULT_AOR], str *aor)
{
	json_t *body;
	TRY(user_named(call, "Identity", room, aor));
	TRY(command_user_body(call, *aor, &body));
	err e = command_reach_user(call, *aor, body, writes);
	json_decref(body);
	return e;
}

static err import(struct call *call, str aor, str bytes)
{
	struct photo facts;
	TRY(photo_read(bytes, &facts, &call->diag));
	return store_credential_set(call->vault->store, aor, KIND, bytes);
}

err command_photo_import(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	size_t n;
	TRY(user(call, true, room, &aor));
	if (!json_is_string(command_value(call, "Content")))
		return diag_fail(&call->diag, ERR(USAGE), "Path", "import by `witan Import-CsUserPhoto -Identity ANN -Path FILE`", "the content of the file did not come along");
	uint8_t *bytes = sealed_bytes_read(command_value(call, "Content"), &n);
	ENSURE(bytes != NULL, MALFORMED);
	err e = import(call, aor, (str){ (const char *)bytes, n });
	free(bytes);
	return e;
}

err command_photo_get(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	struct kept_photo p;
	TRY(user(call, false, room, &aor));
	err e = load(call->vault, aor, &p);
	if (err_is(e, ERR_ABSENT))
		return command_add_object(call, json_pack("{s:o,s:b}", "Identity", command_uri(aor), "HasPhoto", false));
	TRY(e);
	free(p.bytes);
	return command_add_object(call, json_pack("{s:o,s:b,s:s,s:I,s:I,s:I,s:s}", "Identity", command_uri(aor), "HasPhoto", true, "Type", p.facts.type, "Bytes", (json_int_t)p.n,
		"Width", (json_int_t)p.facts.width, "Height", (json_int_t)p.facts.height, "Hash", p.hash));
}

err command_photo_remove(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	TRY(user(call, true, room, &aor));
	return store_credential_remove(call->vault->store, aor, KIND);
}

/* ---- telling it ---- */

static void see_enabled(void *arg, const struct store_user *u)
{
	*(bool *)arg = u->enabled;
}

/* Of whom a search does not find there is none. */
static err find(struct vault *v, const struct ipc_photo_ask *m, struct kept_photo *p)
{
	bool is_enabled = false;
	ENSURE(v->store != NULL, BUSY);
	ENSURE(v->config.photo_search, ABSENT);
	TRY(store_user_find(v->store, m->aor, see_enabled, &is_enabled));
	ENSURE(is_enabled, ABSENT);
	TRY(load(v, m->aor, p));
	if (str_eq_case(m->hash, str_of(p->hash)))
		return OK;
	free(p->bytes);
	return ERR(ABSENT);
}

err vault_photo_ask(struct vault *v, struct ipc *from, str body)
{
	struct ipc_photo_ask m;
	struct kept_photo p = { .n = 0 };
	TRY(ipc_photo_ask_parse(&m, body));
	err e = find(v, &m, &p);
	struct ipc_photo_tell out = { .id = m.id, .error = failed(e) ? (uint16_t)(e.def - err_defs + 1) : 0, .mime = STR(""), .bytes = STR("") };
	if (!failed(e)) {
		out.mime = str_of(p.facts.type);
		out.bytes = (str){ (const char *)p.bytes, p.n };
	}
	(void)failed(ipc_send_photo_tell(from, &out, -1));
	if (!failed(e))
		free(p.bytes);
	return OK;
}
