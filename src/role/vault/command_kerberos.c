/* SPDX-License-Identifier: Apache-2.0 */
/* The keytab of this server: brought in, shown without its keys, removed. */
#include "model/sealed.h"
#include "role/vault/vault_cert.h"
#include "service/kerberos.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what is shown ---- */

static json_t *row_json(const struct kerberos_row *r)
{
	char type[32];
	return json_pack("{s:o,s:I,s:s,s:o,s:b}", "Principal", command_json(r->principal), "KeyVersion", (json_int_t)r->version, "EncryptionType", kerberos_enctype_print(r->enctype, type), "Made",
		command_moment(r->made), "Used", r->is_taken);
}

static bool has_service(str rows, const char *service, const char *fqdn)
{
	struct kerberos_row r;
	char want[300];
	(void)snprintf(want, sizeof want, "%s/%s", service, fqdn);
	while (kerberos_row_take(&rows, &r)) {
		str realm;
		if (r.is_taken && str_eq_case(str_split(r.principal, '@', &realm), str_of(want)))
			return true;
	}
	return false;
}

static json_t *warnings_of(const struct vault *v, str rows)
{
	static const struct {
		const char *service, *what;
	} needed[] = { { "sip", "nobody signs in by Kerberos" }, { "HTTP", "web services cannot take tickets" } };
	json_t *list = json_array();
	struct kerberos_row r;
	char type[32];
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!has_service(rows, needed[i].service, v->skel->fqdn))
			(void)json_array_append_new(list, json_sprintf("the keytab has no AES key of %s/%s: %s; add the service principal to the account and make the keytab anew", needed[i].service,
				v->skel->fqdn, needed[i].what));
	while (kerberos_row_take(&rows, &r))
		if (!r.is_taken)
			(void)json_array_append_new(list, json_sprintf("the key of %.*s of kind %s is not used and not kept: only AES is", STR_FMT(r.principal), kerberos_enctype_print(r.enctype, type)));
	return list;
}

static err show(struct work *w, str rows)
{
	json_t *keys = json_array();
	struct kerberos_row r;
	str rest = rows;
	while (kerberos_row_take(&rest, &r))
		(void)json_array_append_new(keys, row_json(&r));
	w->object = keys;
	w->warnings = warnings_of(w->vault, rows);
	return w->object != NULL ? OK : ERR(NO_MEMORY);
}

static err on_changed(struct work *w, str rows)
{
	vault_kerberos_take(w->vault, rows);
	return rows.n != 0 ? show(w, rows) : OK;
}

static err on_shown(struct work *w, str rows)
{
	if (rows.n == 0)
		return diag_fail(&w->diag, ERR(ABSENT), "keytab", "bring one in: Import-CsKerberosKeytab FILE", "this server has no keytab that it can use");
	return on_changed(w, rows);
}

/* ---- the commands ---- */

static err take_content(struct call *call, uint8_t **bytes, size_t *n)
{
	struct kerberos_key keys[KERBEROS_KEYS_MAX];
	size_t n_keys = 0, n_taken = 0;
	if (!json_is_string(command_value(call, "Content")))
		return diag_fail(&call->diag, ERR(USAGE), "Path", "import by `witan Import-CsKerberosKeytab FILE`", "the content of the file did not come along");
	*bytes = sealed_bytes_read(command_value(call, "Content"), n);
	ENSURE(*bytes != NULL, MALFORMED);
	err e = kerberos_keytab_read((str){ (const char *)*bytes, *n }, keys, &n_keys, &call->diag);
	for (size_t i = 0; i < n_keys; i++)
		n_taken += kerberos_is_taken(&keys[i]);
	crypt_wipe(keys, sizeof keys);
	if (!failed(e) && n_taken == 0)
		e = diag_fail(&call->diag, ERR(REFUSED), "Path", "let the service's account have AES keys and make it anew: ktpass -crypto AES256-SHA1, kadmin ktadd -e aes256-cts", "the keytab has no AES key");
	return e;
}

static err import(struct call *call, str bytes)
{
	struct work *w;
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	const struct key_door door = work_door(w, on_changed);
	return work_start(call, w, vault_keytab_set(call->vault, bytes, &door, &w->diag));
}

err command_keytab_import(struct call *call)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	TRY(command_reach_server(call));
	err e = take_content(call, &bytes, &n);
	if (!failed(e) && !call->what_if)
		e = import(call, (str){ (const char *)bytes, n });
	if (bytes != NULL)
		crypt_wipe(bytes, n);
	free(bytes);
	return e;
}

err command_keytab_get(struct call *call)
{
	struct work *w;
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	const struct key_door door = work_door(w, on_shown);
	return work_start(call, w, vault_keytab_get(call->vault, &door, &w->diag));
}

err command_keytab_remove(struct call *call)
{
	struct work *w;
	TRY(command_reach_server(call));
	if (call->what_if)
		return OK;
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	const struct key_door door = work_door(w, on_changed);
	return work_start(call, w, vault_keytab_set(call->vault, STR(""), &door, &w->diag));
}
