/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by which people prove who they are: signed for keys that were made elsewhere, and taken back. */
#include "role/vault/vault_cert.h"

#include <stdio.h>

enum { ROOM = 256 * 1024 };

static err take_address(struct call *call, char out[VAULT_AOR], str *aor)
{
	str given;
	if (!command_text(call, "Identity", &given))
		return diag_fail(&call->diag, ERR(USAGE), "Identity", "sip:ann@example.test", "-Identity is missing");
	return command_address(call, given, out, aor);
}

/* ---- New- ---- */

static err record(struct work *w, str der, struct cert_view *x)
{
	struct issued one = { .is_revoked = false };
	TRY(cert_view_read(der, &w->arena, x, &w->diag));
	one.expires = one.revoked.expires = x->not_after;
	one.issued = (int64_t)(vault_unix_ms() / 1000);
	(void)snprintf(one.user, sizeof one.user, "sip:%.*s", STR_FMT(w->client.address));
	memcpy(one.revoked.serial, x->serial, sizeof one.revoked.serial);
	return issued_add(&w->vault->issued, &one, &w->diag);
}

/* On the list before it leaves: what nobody could revoke is not given out. */
static err on_signed(struct work *w, str signature)
{
	struct cert_view x;
	struct buf der DEFER(buf_fini) = { 0 }, pem DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_DER_MAX);
	buf_init(&pem, CERT_PEM_MAX);
	TRY(cert_seal(buf_str(&w->tbs), w->alg, signature, &der));
	TRY(record(w, buf_str(&der), &x));
	cert_pem_print(buf_str(&der), &pem);
	buf_add(&pem, vault_authority_chain(w->vault));
	ENSURE(!pem.failed, CEILING);
	w->object = json_pack("{s:o,s:s,s:o,s:o}", "Identity", command_uri(w->client.address), "SerialNumber", x.serial, "NotAfter", command_moment((uint64_t)x.not_after),
		"Certificate", command_json(buf_str(&pem)));
	return w->object != NULL ? OK : ERR(NO_MEMORY);
}

static err fill(struct work *w, struct call *call, str aor)
{
	struct plan_certificates plans;
	struct cert_request_view request;
	uint64_t days = CERT_CLIENT_DAYS;
	str text = STR("");
	TRY(vault_authority_check(w->vault, &w->diag));
	(void)command_int(call, "Days", &days);
	(void)command_text(call, "Request", &text);
	TRY(cert_request_read(text, false, &w->arena, &request, &w->diag));
	TRY(vault_plan(w->vault, &w->arena, &plans, &w->diag));
	w->client = (struct cert_client){ .address = arena_copy(&w->arena, aor), .organization = w->vault->topo.organization, .crl_url = plans.n != 0 ? plans.p[0].crl_url : STR(""),
		.ocsp_url = plans.n != 0 && vault_authority_chain(w->vault).n != 0 ? plans.p[0].ocsp_url : STR(""), .days = (uint32_t)days };
	ENSURE(w->client.address.p != NULL, NO_MEMORY);
	return cert_tbs_client(&w->client, request.spki, vault_authority_der(w->vault), (int64_t)(vault_unix_ms() / 1000), &w->tbs, &w->alg, &w->diag);
}

err command_client_certificate_new(struct call *call)
{
	struct work *w;
	char room[VAULT_AOR];
	str aor;
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "certificates of users" }));
	TRY(take_address(call, room, &aor));
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	err e = fill(w, call, aor);
	if (!failed(e) && !call->what_if)
		e = work_sign(w, vault_authority_key(w->vault), on_signed);
	if (!failed(e) && !call->what_if && (w->held = command_hold(call)) != NULL)
		return OK;
	call->diag = w->diag;
	work_end(w, OK);
	return e;
}

/* ---- Get- ---- */

/* The certificate itself is not kept: who needs it has it from its owner. */
static json_t *show(const struct issued *i, str aor)
{
	return json_pack("{s:o,s:s,s:s,s:o,s:o,s:o}", "Identity", command_uri(aor), "ID", i->revoked.serial, "SerialNumber", i->revoked.serial, "ExpiryTime",
		command_moment((uint64_t)i->expires), "PublishTime", command_moment((uint64_t)i->issued), "DeviceId", i->device[0] != '\0' ? json_string(i->device) : json_null());
}

err command_client_certificate_get(struct call *call)
{
	char room[VAULT_AOR], uri[ISSUED_NAME];
	str aor;
	json_t *body = NULL;
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	TRY(take_address(call, room, &aor));
	TRY(command_user_body(call, aor, &body));
	err e = command_reach_user(call, aor, body, false);
	json_decref(body);
	(void)snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(aor));
	for (size_t i = 0; i < call->vault->issued.n && !failed(e); i++) {
		const struct issued *one = &call->vault->issued.all[i];
		if (!one->is_revoked && one->expires > now && str_eq_case(str_of(one->user), str_of(uri)))
			e = command_add_object(call, show(one, aor));
	}
	return e;
}

/* ---- Revoke- ---- */

/* serial empty: all of whom, "sip:ann@example.test" or "host:edge01.example.test". */
static bool is_meant(const struct issued *i, str serial, str whom, int64_t now)
{
	if (i->is_revoked || i->expires <= now)
		return false;
	return serial.n != 0 ? str_eq_case(serial, str_of(i->revoked.serial)) : str_eq_case(whom, str_of(i->user));
}

static json_t *mark(struct vault *v, str serial, str whom, enum cert_reason reason)
{
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	json_t *list = json_array();
	for (size_t i = 0; i < v->issued.n; i++) {
		struct issued *one = &v->issued.all[i];
		if (!is_meant(one, serial, whom, now))
			continue;
		one->is_revoked = true;
		one->revoked.when = now;
		one->revoked.reason = reason;
		(void)json_array_append_new(list, json_pack("{s:s,s:s}", "SerialNumber", one->revoked.serial, "User", one->user));
	}
	return list;
}

/* What could not be written is not so: it can be said again. */
static void unmark(struct vault *v, const json_t *list)
{
	size_t k;
	json_t *one;
	json_array_foreach(list, k, one)
		for (size_t i = 0; i < v->issued.n; i++)
			if (strcmp(v->issued.all[i].revoked.serial, json_string_value(json_object_get(one, "SerialNumber"))) == 0)
				v->issued.all[i].is_revoked = false;
}

static err take_reason(struct call *call, enum cert_reason *out)
{
	str word;
	*out = CERT_UNSPECIFIED;
	if (!command_text(call, "Reason", &word) || cert_reason_find(word, out))
		return OK;
	return diag_fail(&call->diag, ERR(USAGE), "Reason", "write keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified", "\"%.*s\" is no reason",
		STR_FMT(str_cut(word, 0, 40)));
}

/* The list of what was issued first: what stands there comes into every revocation list from now on, and into the next one within a minute, also
 * after a kill (live.c). */
static err take_back(struct call *call, str serial, str whom, enum cert_reason reason)
{
	struct vault *v = call->vault;
	json_t *list = mark(v, serial, whom, reason);
	if (json_array_size(list) == 0) {
		json_decref(list);
		return diag_fail(&call->diag, ERR(ABSENT), serial.n != 0 ? "SerialNumber" : "Identity", "", "there is no such certificate that is valid");
	}
	err e = issued_write(&v->issued, (int64_t)(vault_unix_ms() / 1000), &call->diag);
	if (failed(e)) {
		unmark(v, list);
		json_decref(list);
		return e;
	}
	vault_ocsp_changed(v);
	struct held *held = command_hold(call);
	e = vault_issue_crl(v, held, json_pack("{s:O}", "Revoked", list), &call->diag);
	json_decref(list);
	if (failed(e) && held != NULL)
		command_release(v, held, e, &call->diag, NULL, NULL);
	return OK;
}

/* A server that was taken over may have had more than one certificate, and each of them opens the same doors. */
static err name_host(struct call *call, str fqdn, char out[ISSUED_NAME], str *whom)
{
	if (str_eq_case(fqdn, str_of(call->vault->skel->fqdn)))
		return diag_fail(&call->diag, ERR(REFUSED), "Computer", "Request-CsCertificate -New, then take the old one back by its -SerialNumber",
			"this is the server itself: nobody could connect to it any more");
	ENSURE(fqdn.n < ISSUED_NAME - 6, USAGE);
	int n = snprintf(out, ISSUED_NAME, "host:%.*s", STR_FMT(fqdn));
	*whom = (str){ out, (size_t)n };
	return OK;
}

static err name_user(struct call *call, char out[ISSUED_NAME], str *whom)
{
	char room[VAULT_AOR];
	str aor;
	TRY(take_address(call, room, &aor));
	int n = snprintf(out, ISSUED_NAME, "sip:%.*s", STR_FMT(aor));
	*whom = (str){ out, (size_t)n };
	return OK;
}

err command_client_certificate_revoke(struct call *call)
{
	char room[ISSUED_NAME];
	str whom = STR(""), serial = STR(""), fqdn = STR("");
	enum cert_reason reason;
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "certificates of users" }));
	bool has_serial = command_text(call, "SerialNumber", &serial), has_user = command_value(call, "Identity") != NULL, has_host = command_text(call, "Computer", &fqdn);
	if (has_serial + has_user + has_host != 1)
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "", "give one of -Identity, -Computer and -SerialNumber");
	if (has_user)
		TRY(name_user(call, room, &whom));
	if (has_host)
		TRY(name_host(call, fqdn, room, &whom));
	TRY(take_reason(call, &reason));
	TRY(vault_authority_check(call->vault, &call->diag));
	return call->what_if ? OK : take_back(call, serial, whom, reason);
}
