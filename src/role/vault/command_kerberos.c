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

static json_t *keys_of(str rows)
{
	json_t *keys = json_array();
	struct kerberos_row r;
	while (kerberos_row_take(&rows, &r))
		(void)json_array_append_new(keys, row_json(&r));
	return keys;
}

static err on_changed(struct work *w, str rows)
{
	struct buf kept;
	struct kerberos_row r;
	buf_init(&kept, KERBEROS_ROWS_MAX);
	for (str rest = rows, line = rows; kerberos_row_take(&rest, &r); line = rest)
		if (r.is_taken) /* others are told of, and not there any more */
			buf_add(&kept, str_cut(line, 0, line.n - rest.n));
	vault_kerberos_take(w->vault, buf_str(&kept));
	buf_fini(&kept);
	if (rows.n == 0)
		return OK;
	w->object = keys_of(rows);
	w->warnings = warnings_of(w->vault, rows);
	return OK;
}

/* Are there any, as keeper has told? */
static err check_there(struct call *call)
{
	if (call->vault->keytab.n != 0)
		return OK;
	if (!vault_keeper_is_there(call->vault))
		return diag_fail(&call->diag, ERR(BUSY), "keeper", "try again in a moment", "the keeper of the keys is being started");
	return diag_fail(&call->diag, ERR(ABSENT), "keytab", "bring one in: Import-CsKerberosKeytab FILE", "this server has no keytab that it can use");
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
	size_t i;
	json_t *one;
	TRY(check_there(call));
	str rows = buf_str(&call->vault->keytab);
	json_t *keys = keys_of(rows), *warnings = warnings_of(call->vault, rows);
	err e = OK;
	json_array_foreach(warnings, i, one)
		command_warn(call, "%s", json_string_value(one));
	json_array_foreach(keys, i, one)
		e = failed(e) ? e : command_add_object(call, json_incref(one));
	json_decref(warnings);
	json_decref(keys);
	return e;
}

err command_keytab_remove(struct call *call)
{
	struct work *w;
	TRY(command_reach_server(call));
	TRY(check_there(call));
	if (call->what_if)
		return OK;
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	const struct key_door door = work_door(w, on_changed);
	return work_start(call, w, vault_keytab_set(call->vault, STR(""), &door, &w->diag));
}
