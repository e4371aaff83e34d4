/* SPDX-License-Identifier: Apache-2.0 */
/* What every command has in common: rights, its part of the turn's group, its history, its line of the audit. */
#include "role/vault/vault_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LIST_MS = 5000 };

struct command_row {
	err (*run)(struct call *call);
	bool outside; /* writes, but not to the store: no group around it */
};

static const struct command_row rows[CMD_ID_N] = {
	[CMD_GET] = { object_get, false },
	[CMD_NEW] = { object_new, false },
	[CMD_SET] = { object_set, false },
	[CMD_REMOVE] = { object_remove, false },
	[CMD_GRANT] = { object_grant, false },
	[CMD_USER_NEW] = { command_user_new, false },
	[CMD_USER_ENABLE] = { command_user_enable, false },
	[CMD_USER_DISABLE] = { command_user_disable, false },
	[CMD_USER_MOVE] = { command_user_move, false },
	[CMD_ANALOG_MOVE] = { object_move, false },
	[CMD_PHONE_MOVE] = { object_move, false },
	[CMD_CONTACT_MOVE] = { object_move, false },
	[CMD_USER_UNLOCK] = { command_user_unlock, false },
	[CMD_AD_USER_GET] = { command_ad_user_get, false },
	[CMD_USER_POOL_GET] = { command_user_pool_get, false },
	[CMD_EFFECTIVE_POLICY_GET] = { command_effective_policy_get, false },
	[CMD_PHOTO_IMPORT] = { command_photo_import, false },
	[CMD_PHOTO_GET] = { command_photo_get, false },
	[CMD_PHOTO_REMOVE] = { command_photo_remove, false },
	[CMD_PIN_SET] = { command_pin_set, false },
	[CMD_PIN_LOCK] = { command_pin_lock, false },
	[CMD_PIN_UNLOCK] = { command_pin_unlock, false },
	[CMD_PIN_GET] = { command_pin_get, false },
	[CMD_ROLE_UPDATE] = { command_role_update, false },
	[CMD_ROLE_ASSIGNMENT_GET] = { command_role_assignment_get, false },
	[CMD_ROLE_TEST] = { command_role_test, false },
	[CMD_TOTP_ENABLE] = { command_totp_enable, false },
	[CMD_TOTP_DISABLE] = { command_totp_disable, false },
	[CMD_WALL_TEST] = { command_wall_test, false },
	[CMD_WALL_INCIDENT_GET] = { command_wall_incident_get, false },
	[CMD_AUDIT_GET] = { command_audit_get, false },
	[CMD_AUDIT_TEST] = { command_audit_test, false },
	[CMD_HISTORY_GET] = { command_history_get, false },
	[CMD_HISTORY_RESTORE] = { command_history_restore, false },
	[CMD_CONFIG_EXPORT] = { command_config_export, false },
	[CMD_CONFIG_IMPORT] = { command_config_import, false },
	[CMD_STORE_BACKUP] = { command_store_backup, true },
	[CMD_REPLICATION_GET] = { command_replication_get, false },
	[CMD_REPLICATION_INVOKE] = { command_replication_invoke, true },
	[CMD_ENROLMENT_NEW] = { command_enrolment_new, false },
	[CMD_ENROLMENT_GET] = { command_enrolment_get, false },
	[CMD_ENROLMENT_REMOVE] = { command_enrolment_remove, false },
	[CMD_TOPOLOGY_GET] = { command_topology_get, false },
	[CMD_POOL_GET] = { command_pool_get, false },
	[CMD_COMPUTER_GET] = { command_computer_get, false },
	[CMD_SERVICE_GET] = { command_service_get, false },
	[CMD_VERSION_GET] = { command_version_get, false },
	[CMD_TRUNK_GET] = { command_trunk_get, false },
	[CMD_COMPUTER_ENABLE] = { command_computer_enable, true },
	[CMD_WINDOWS_SERVICE_GET] = { command_process_get, false },
	[CMD_WINDOWS_SERVICE_STOP] = { command_process_stop, true },
	[CMD_WINDOWS_SERVICE_START] = { command_process_start, true },
	[CMD_COUNTER_GET] = { command_counter_get, false },
	[CMD_BANNED_ADDRESS_GET] = { command_banned_address_get, false },
	[CMD_BANNED_ADDRESS_REMOVE] = { command_banned_address_remove, true },
	[CMD_VOICE_POLICY_COPY] = { command_voice_policy_copy, false },
	[CMD_DIAL_PLAN_TEST] = { command_dial_plan_test, false },
	[CMD_NORMALIZATION_TEST] = { command_normalization_test, false },
	[CMD_ROUTE_TEST] = { command_route_test, false },
	[CMD_VOICE_POLICY_TEST] = { command_voice_policy_test, false },
	[CMD_TRUNK_TEST] = { command_trunk_test, false },
	[CMD_VOICE_USER_TEST] = { command_voice_user_test, false },
	[CMD_VOICE_TEST_TEST] = { command_voice_test_test, false },
	[CMD_HOSTING_ENABLE] = { command_provider_enable, false },
	[CMD_HOSTING_DISABLE] = { command_provider_disable, false },
	[CMD_PUBLIC_ENABLE] = { command_provider_enable, false },
	[CMD_PUBLIC_DISABLE] = { command_provider_disable, false },
	[CMD_STATUS_GET] = { command_status_get, false },
	[CMD_CERTIFICATE_REQUEST] = { command_certificate_request, true },
	[CMD_CERTIFICATE_IMPORT] = { command_certificate_import, true },
	[CMD_CERTIFICATE_SET] = { command_certificate_set, true },
	[CMD_CERTIFICATE_GET] = { command_certificate_get, false },
	[CMD_CERTIFICATE_REMOVE] = { command_certificate_remove, true },
	[CMD_CERTIFICATE_EXPORT] = { command_certificate_export, true },
	[CMD_CERTIFICATE_TEST] = { command_certificate_test, false },
	[CMD_FEDERATION_STATUS] = { command_federation_status, false },
	[CMD_FEDERATION_TEST] = { command_federation_test, false },
	[CMD_KEYTAB_IMPORT] = { command_keytab_import, true },
	[CMD_KEYTAB_GET] = { command_keytab_get, false },
	[CMD_KEYTAB_REMOVE] = { command_keytab_remove, true },
	[CMD_CHALLENGE_NEW] = { command_challenge_new, true },
	[CMD_CHALLENGE_REMOVE] = { command_challenge_remove, true },
	[CMD_CLIENT_CERTIFICATE_NEW] = { command_client_certificate_new, true },
	[CMD_CLIENT_CERTIFICATE_GET] = { command_client_certificate_get, false },
	[CMD_CLIENT_CERTIFICATE_REVOKE] = { command_client_certificate_revoke, true },
};

/* Kinds that are more than their properties have functions of their own for some verbs. */
static const struct {
	enum schema_id kind;
	enum cmd_id verb;
	err (*run)(struct call *call);
} special[] = {
	{ SCHEMA_ID_User, CMD_GET, command_user_get },
	{ SCHEMA_ID_User, CMD_SET, command_user_set },
	{ SCHEMA_ID_User, CMD_REMOVE, command_user_remove },
	{ SCHEMA_ID_AdminRole, CMD_GET, command_role_get },
	{ SCHEMA_ID_AdminRole, CMD_NEW, command_role_new },
	{ SCHEMA_ID_AdminRole, CMD_SET, command_role_set },
	{ SCHEMA_ID_AdminRole, CMD_REMOVE, command_role_remove },
	{ SCHEMA_ID_ServerApplication, CMD_GET, command_application_get },
	{ SCHEMA_ID_ServerApplication, CMD_NEW, command_application_new },
	{ SCHEMA_ID_ServerApplication, CMD_SET, command_application_set },
	{ SCHEMA_ID_Group, CMD_NEW, command_group_new },
	{ SCHEMA_ID_Group, CMD_SET, command_group_set },
	{ SCHEMA_ID_Group, CMD_REMOVE, command_group_remove },
};

static struct command_row row_of(const struct cmd *c)
{
	for (size_t i = 0; c->kind != NULL && i < sizeof special / sizeof *special; i++)
		if (special[i].kind == c->kind->id && special[i].verb == c->id)
			return (struct command_row){ special[i].run, false };
	return rows[c->id];
}

/* ---- answers ---- */

err command_add_object(struct call *call, json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	ENSURE(text != NULL, NO_MEMORY);
	if (call->n_objects++ != 0)
		buf_add_char(&call->objects, ',');
	buf_add(&call->objects, str_of(text));
	free(text);
	if (call->objects.failed)
		return diag_fail(&call->diag, ERR(CEILING), call->cmd->name, "ask for fewer: -Filter, -ResultSize", "the answer would be larger than %zu bytes", call->objects.ceiling);
	return OK;
}

json_t *command_json(str text)
{
	json_t *whole = json_stringn(text.p, text.n);
	if (whole != NULL || text.n == 0)
		return whole;
	char *copy = malloc(text.n);
	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < text.n; i++)
		copy[i] = (unsigned char)text.p[i] < 0x80 && text.p[i] != '\0' ? text.p[i] : '?';
	whole = json_stringn(copy, text.n);
	free(copy);
	return whole;
}

json_t *command_uri(str aor)
{
	char text[STORE_AOR_MAX + 8];
	(void)snprintf(text, sizeof text, "sip:%.*s", STR_FMT(str_cut(aor, 0, STORE_AOR_MAX)));
	return command_json(str_of(text));
}

json_t *command_moment(uint64_t seconds)
{
	char text[32];
	struct tm tm;
	time_t t = (time_t)seconds;
	if (seconds == 0 || gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

static void add_line(json_t **list, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void add_line(json_t **list, const char *fmt, va_list ap)
{
	char text[512];
	(void)vsnprintf(text, sizeof text, fmt, ap);
	if (*list == NULL)
		*list = json_array();
	(void)json_array_append_new(*list, command_json(str_of(text)));
}

void command_warn(struct call *call, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_line(&call->warnings, fmt, ap);
	va_end(ap);
}

void command_tell(struct call *call, const char *fmt, ...)
{
	va_list ap;
	if (!command_switch(call, "Verbose"))
		return;
	va_start(ap, fmt);
	add_line(&call->verbose, fmt, ap);
	va_end(ap);
}

/* ---- rights ---- */

err command_reach(struct call *call, const struct rbac_thing *t)
{
	return rbac_check_thing(&call->author->rights, call->cmd, t, &call->diag);
}

err command_reach_server(struct call *call)
{
	struct place p;
	bool placed = place_find(call->vault, STR("Registrar"), place_pool(call->vault), &p);
	return command_reach(call, &(struct rbac_thing){ .writes = true, .site = placed ? p.site : STR(""), .name = call->vault->skel->fqdn });
}

/* ---- the audit ---- */

static void last_line(void *arg, const struct store_audit *a)
{
	struct vault *v = arg;
	v->audit_number = a->number;
	if (a->hash.n == AUDIT_HASH)
		memcpy(v->audit_hash, a->hash.p, AUDIT_HASH);
}

static err know_audit(struct vault *v)
{
	if (v->audit_is_known)
		return OK;
	v->audit_number = 0;
	memset(v->audit_hash, 0, sizeof v->audit_hash);
	TRY(store_audit_last(v->store, last_line, v));
	v->audit_is_known = true;
	return OK;
}

/* A group that is lost takes its lines along: what is known of the end is read again after it (vault_turn). */
err command_audit_add(struct vault *v, const struct store_audit *line)
{
	struct store_audit a = *line;
	uint8_t hash[AUDIT_HASH];
	TRY(know_audit(v));
	a.number = v->audit_number + 1;
	audit_hash(v->crypt, v->audit_hash, &a, hash);
	a.hash = (str){ (const char *)hash, sizeof hash };
	TRY(store_begin(v->store));
	err e = store_audit_add(v->store, &a);
	err end = store_end(v->store, !failed(e));
	TRY(e);
	TRY(end);
	v->audit_number = a.number;
	memcpy(v->audit_hash, hash, sizeof hash);
	return OK;
}

/* Reads that were allowed stand in the log alone. */
void command_audit(struct vault *v, const struct cmd *cmd, const struct store_audit *who, err e, const struct diag *d)
{
	struct store_audit line = *who;
	bool wrote = cmd_has(cmd, CMD_WRITES) || cmd_has(cmd, CMD_HIDDEN);
	if ((!wrote && !err_is(e, ERR_REFUSED)) || failed(vault_store(v, NULL)))
		return;
	line.time = vault_unix_ms() / 1000;
	line.result = str_of(failed(e) ? e.def->name : "OK");
	if (failed(e))
		line.detail = str_of(d->what);
	(void)failed(command_audit_add(v, &line));
}

static void audit(struct call *call, const char *what, err e)
{
	if (call->what_if || call->held != NULL)
		return;
	char *detail = failed(e) || change_is_empty(call) ? NULL : json_dumps(call->diff, JSON_COMPACT);
	command_audit(call->vault, call->cmd, &(struct store_audit){ .author = str_of(call->author->name), .address = str_of(call->author->address), .command = str_of(what),
		.detail = str_of(detail) }, e, &call->diag);
	free(detail);
}

/* ---- running ---- */

static err write_history(struct call *call, const char *what)
{
	if (change_is_empty(call))
		return OK;
	char *diff = json_dumps(call->diff, JSON_COMPACT);
	char *sealed = json_object_size(call->sealed) != 0 ? json_dumps(call->sealed, JSON_COMPACT) : NULL;
	err e = diff == NULL ? ERR(NO_MEMORY) : store_history_add(call->vault->store, &(struct store_change){ .author = str_of(call->author->name),
		.command = str_of(what), .diff = str_of(diff), .sealed = str_of(sealed) });
	if (sealed != NULL)
		crypt_wipe(sealed, strlen(sealed));
	free(sealed);
	free(diff);
	return e;
}

/* Together, the changes may contradict each other: then none of them holds. */
static err check_effects(struct call *call)
{
	TRY(effective_config(call->vault, &call->vault->next, &call->diag));
	return config_check(&call->vault->next, &call->diag);
}

static err run_grouped(struct call *call, const struct command_row *row, const char *what)
{
	struct vault *v = call->vault;
	struct config before = v->next;
	TRY(vault_store(v, &call->diag));
	TRY(store_begin(v->store));
	call->mark = v->changes.prev;
	err e = row->run(call);
	if (!failed(e) && !change_is_empty(call))
		e = check_effects(call);
	if (!failed(e))
		e = write_history(call, what);
	bool keep = !failed(e) && !call->what_if;
	err end = store_end(v->store, keep);
	if (!keep || failed(end)) {
		v->next = before;
		vault_forget_last_changes(v, call);
	}
	return failed(e) ? e : end;
}

static void tell_what_if(struct call *call)
{
	size_t i;
	json_t *one;
	json_array_foreach(call->diff, i, one) {
		const json_t *before = json_object_get(one, "before"), *after = json_object_get(one, "after");
		command_warn(call, "What if: %s %s %s", json_is_null(before) ? "makes" : json_is_null(after) ? "removes" : "changes",
			json_string_value(json_object_get(one, "kind")), json_string_value(json_object_get(one, "identity")));
	}
	if (change_is_empty(call))
		command_warn(call, "What if: %s changes nothing", call->cmd->name);
	buf_reset(&call->objects);
	call->n_objects = 0;
}

err command_run(struct call *call, const char *what)
{
	const struct command_row row = row_of(call->cmd);
	call->what_if = command_switch(call, "WhatIf");
	call->until_ms = vault_unix_ms() + LIST_MS;
	call->diff = json_array();
	call->sealed = json_object();
	err e = call->diff != NULL && call->sealed != NULL ? rbac_check_cmd(&call->author->rights, call->cmd, &call->diag) : ERR(NO_MEMORY);
	if (!failed(e) && cmd_has(call->cmd, CMD_WRITES))
		e = vault_copy_check(call, row.outside || call->cmd->id == CMD_USER_UNLOCK);
	if (!failed(e))
		e = cmd_has(call->cmd, CMD_WRITES) && !row.outside ? run_grouped(call, &row, what) : row.run(call);
	audit(call, what, e);
	if (!failed(e) && call->what_if)
		tell_what_if(call);
	json_decref(call->diff);
	json_decref(call->sealed);
	call->diff = call->sealed = NULL;
	return e;
}
