/* SPDX-License-Identifier: Apache-2.0 */
/* What vault asks for: keys made, listed, brought in, given out, removed, and signatures under what it has built. */
#include "role/keeper/keeper_priv.h"

#include "base/crypt.h"
#include "base/enc.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

/* ---- answers ---- */

err keeper_done(struct ipc *to, uint64_t id, err e, const struct diag *d, str bytes)
{
	struct ipc_key_done m = { .id = id, .error = failed(e) ? (uint16_t)(e.def - err_defs + 1) : 0, .bytes = failed(e) ? STR("") : bytes };
	if (failed(e)) {
		m.where = str_of(d->where);
		m.what = str_of(d->what[0] != '\0' ? d->what : e.def->text);
		m.remedy = str_of(d->remedy);
	}
	return ipc_send_key_done(to, &m, -1);
}

static err done_spki(struct ipc *to, uint64_t id, err e, const struct diag *d, const struct key *key)
{
	unsigned char *der = NULL;
	int n = !failed(e) ? i2d_PUBKEY(key->file.pkey, &der) : 0;
	err sent = keeper_done(to, id, failed(e) || n > 0 ? e : ERR(NO_MEMORY), d, (str){ (const char *)der, n > 0 ? (size_t)n : 0 });
	OPENSSL_free(der);
	return sent;
}

struct key_text {
	char hex[17];
};

static struct key_text text_of(str id)
{
	struct key_text t = { "" };
	if (id.n >= 8) {
		enc_hex(id.p, 8, t.hex);
		t.hex[16] = '\0';
	}
	return t;
}

static void refused(struct keeper *k, const char *what, str id, err e, const struct diag *d)
{
	meter_add(k->skel->meter, METER_KEYS_REFUSED, 1);
	LOG(&k->skel->log, KEY_REFUSED, LOG_Z("what", what), LOG_Z("key", text_of(id).hex), LOG_ERR(e), LOG_Z("why", d->what));
}

/* ---- what is asked ---- */

static err on_make(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_key_make m;
	struct diag d = { 0 };
	const struct key *key = NULL;
	TRY(ipc_key_make_parse(&m, body));
	ENSURE(m.purpose < KEYFILE_PURPOSE_N, MALFORMED);
	struct keyfile file = { .purpose = (enum keyfile_purpose)m.purpose, .exportable = m.exportable != 0 && m.purpose == KEYFILE_TLS, .made = (int64_t)time(NULL) };
	err e = keyfile_make(&file, m.type, &d);
	if (!failed(e))
		e = keys_add(&k->keys, k->dir, &file, &key, &d);
	if (failed(e)) {
		refused(k, "make", STR(""), e, &d);
	} else {
		meter_add(k->skel->meter, METER_KEYS_MADE, 1);
		LOG(&k->skel->log, KEY_MADE, LOG_Z("file", key->name), LOG_STR("type", m.type), LOG_Z("purpose", keyfile_purpose_word(key->file.purpose)), LOG_INT("exportable", key->file.exportable));
	}
	return done_spki(from, m.id, e, &d, key);
}

static err on_list(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_key_list m;
	struct diag d = { 0 };
	TRY(ipc_key_list_parse(&m, body));
	for (unsigned i = 0; i < k->keys.n; i++) {
		const struct keyfile *f = &k->keys.keys[i].file;
		unsigned char *der = NULL;
		int n = i2d_PUBKEY(f->pkey, &der);
		err e = ipc_send_key_entry(from, &(struct ipc_key_entry){ .id = m.id, .spki = { (const char *)der, n > 0 ? (size_t)n : 0 }, .purpose = (uint8_t)f->purpose,
			.exportable = f->exportable, .made = (uint64_t)f->made }, -1);
		OPENSSL_free(der);
		TRY(e);
	}
	return keeper_done(from, m.id, OK, &d, STR(""));
}

static err find(struct keeper *k, str id, const struct key **out, struct diag *d)
{
	*out = keys_find(&k->keys, id);
	return *out != NULL ? OK : diag_fail(d, ERR(ABSENT), "key", "restore the file of keys/ from a copy, or request a new certificate", "the key is not on this machine");
}

static err on_sign(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_key_sign m;
	struct diag d = { 0 };
	const struct key *key;
	uint8_t signature[SIGNATURE_MAX];
	size_t n = 0;
	TRY(ipc_key_sign_parse(&m, body));
	err e = find(k, m.key, &key, &d);
	if (!failed(e))
		e = key_sign_tbs(key, m.tbs, signature, &n, &d);
	if (failed(e))
		refused(k, "sign", m.key, e, &d);
	else
		meter_add(k->skel->meter, METER_KEYS_SIGNED, 1);
	return keeper_done(from, m.id, e, &d, (str){ (const char *)signature, n });
}

static err on_import(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_key_import m;
	struct diag d = { 0 };
	const struct key *key = NULL;
	TRY(ipc_key_import_parse(&m, body));
	struct keyfile file = { .purpose = KEYFILE_TLS, .exportable = m.exportable != 0 };
	err e = key_read_pkcs8(m.pkcs8, &file, &d);
	if (!failed(e))
		e = keys_add(&k->keys, k->dir, &file, &key, &d);
	if (failed(e))
		refused(k, "import", STR(""), e, &d);
	else
		LOG(&k->skel->log, KEY_IMPORTED, LOG_Z("file", key->name), LOG_INT("exportable", key->file.exportable));
	return done_spki(from, m.id, e, &d, key);
}

static err on_export(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_key_export m;
	struct diag d = { 0 };
	const struct key *key;
	struct buf out;
	TRY(ipc_key_export_parse(&m, body));
	buf_init(&out, SEALED_MAX);
	err e = find(k, m.key, &key, &d);
	if (!failed(e))
		e = key_export(key, m.name, m.password, m.chain_pem, &out, &d);
	if (failed(e)) {
		meter_add(k->skel->meter, METER_KEYS_EXPORT_REFUSED, 1);
		refused(k, "export", m.key, e, &d);
	} else {
		LOG(&k->skel->log, KEY_EXPORTED, LOG_Z("file", key->name));
	}
	err sent = keeper_done(from, m.id, e, &d, buf_str(&out));
	if (out.p != NULL)
		crypt_wipe(out.p, out.size);
	buf_fini(&out);
	return sent;
}

static err on_remove(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_key_remove m;
	struct diag d = { 0 };
	TRY(ipc_key_remove_parse(&m, body));
	err e = keys_remove(&k->keys, k->dir, m.key, &d);
	if (failed(e))
		refused(k, "remove", m.key, e, &d);
	else
		LOG(&k->skel->log, KEY_REMOVED, LOG_Z("key", text_of(m.key).hex));
	return keeper_done(from, m.id, e, &d, STR(""));
}

static const struct {
	enum ipc_type type;
	err (*fn)(struct keeper *k, struct ipc *from, str body);
} rows[] = {
	{ IPC_KEY_MAKE, on_make },
	{ IPC_KEY_LIST, on_list },
	{ IPC_KEY_SIGN, on_sign },
	{ IPC_KEY_IMPORT, on_import },
	{ IPC_KEY_EXPORT, on_export },
	{ IPC_KEY_REMOVE, on_remove },
	{ IPC_KEYTAB_SET, keeper_on_keytab_set },
	{ IPC_KEYTAB_GET, keeper_on_keytab_get },
	{ IPC_TICKET_ASK, keeper_on_ticket_ask },
};

err keeper_on_vault(struct keeper *k, struct ipc *from, enum ipc_type type, str body)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].type == type)
			return rows[i].fn(k, from, body);
	return ERR(MALFORMED);
}
