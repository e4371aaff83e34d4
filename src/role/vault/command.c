/* SPDX-License-Identifier: Apache-2.0 */
/* What every command has in common: parameters checked against the rows, its part of the turn's group. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX_BYTES = 1024 };

struct command_row {
	err (*run)(struct call *call);
	bool writes;
};

static const struct command_row rows[CMD_ID_N] = {
	[CMD_USER_NEW] = { command_user_new, true },
	[CMD_USER_GET] = { command_user_get, false },
	[CMD_USER_SET] = { command_user_set, true },
	[CMD_USER_REMOVE] = { command_user_remove, true },
	[CMD_USER_UNLOCK] = { command_user_unlock, true },
	[CMD_COUNTER_GET] = { command_counter_get, false },
	[CMD_SERVICE_GET] = { command_service_get, false },
	[CMD_CONFIG_GET] = { command_config_get, false },
	[CMD_CONFIG_SET] = { command_config_set, true },
};

/* ---- parameters ---- */

static err unknown(struct call *call, const char *name)
{
	str near;
	struct cmd_param p;
	(void)cmd_param_find(call->cmd, str_of(name), &p, &near);
	if (near.n != 0)
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-Help shows its parameters",
			"there is no parameter %.64s; did you mean %.*s?", name, STR_FMT(near));
	return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-Help shows its parameters", "there is no parameter %.64s", name);
}

/* Numbers and truth may be given as such or as text; commands see text. NULL: neither. */
static json_t *as_text(const json_t *value)
{
	char number[24];
	if (json_is_string(value))
		return json_stringn(json_string_value(value), json_string_length(value));
	if (json_is_boolean(value))
		return json_string(json_is_true(value) ? "True" : "False");
	if (!json_is_integer(value))
		return NULL;
	(void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
	return json_string(number);
}

static bool is_truth(str s)
{
	if (s.n != 0 && s.p[0] == '$')
		s = str_cut(s, 1, s.n);
	return str_eq_case(s, STR("true")) || str_eq_case(s, STR("false"));
}

static err take(struct call *call, const char *name, const json_t *value)
{
	struct cmd_param p;
	bool is_password = str_eq_case(str_of(name), STR("Password"));
	if (!cmd_param_find(call->cmd, is_password ? STR("PasswordFile") : str_of(name), &p, NULL) ||
	    (p.kind == CMD_PASSWORD) != is_password)
		return unknown(call, name);
	json_t *text = as_text(value);
	str s = text != NULL ? (str){ json_string_value(text), json_string_length(text) } : (str){ "", TEXT_MAX_BYTES + 1 };
	if (s.n > TEXT_MAX_BYTES || (p.kind == CMD_BOOL && !is_truth(s))) {
		json_decref(text);
		return diag_fail(&call->diag, ERR(USAGE), p.name, p.kind == CMD_BOOL ? "write $true or $false" : "give a text of at most 1024 bytes",
			"this value is not possible here");
	}
	const char *key = is_password ? "Password" : p.name;
	if (json_object_get(call->parameters, key) != NULL) {
		json_decref(text);
		return diag_fail(&call->diag, ERR(USAGE), p.name, "give it once", "given twice");
	}
	return json_object_set_new(call->parameters, key, text) == 0 ? OK : ERR(NO_MEMORY);
}

err command_parameters(struct call *call, const json_t *given)
{
	const char *name;
	json_t *value;
	call->parameters = json_object();
	ENSURE(call->parameters != NULL, NO_MEMORY);
	json_object_foreach((json_t *)(uintptr_t)given, name, value)
		TRY(take(call, name, value));
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if (p.required && json_object_get(call->parameters, p.kind == CMD_PASSWORD ? "Password" : p.name) == NULL)
			return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, p.help, "-%s is missing", p.name);
	return OK;
}

bool command_text(const struct call *call, const char *name, str *out)
{
	const json_t *v = json_object_get(call->parameters, name);
	if (v == NULL)
		return false;
	*out = (str){ json_string_value(v), json_string_length(v) };
	return true;
}

bool command_bool(const struct call *call, const char *name, bool *out)
{
	str s;
	if (!command_text(call, name, &s))
		return false;
	if (s.n != 0 && s.p[0] == '$')
		s = str_cut(s, 1, s.n);
	*out = str_eq_case(s, STR("true"));
	return true;
}

/* ---- answers ---- */

err command_add_object(struct call *call, json_t *object)
{
	return object != NULL && json_array_append_new(call->objects, object) == 0 ? OK : ERR(NO_MEMORY);
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

/* ---- running ---- */

err command_run(struct call *call)
{
	struct vault *v = call->vault;
	const struct command_row *row = &rows[call->cmd->id];
	if (!row->writes)
		return row->run(call);
	TRY(vault_store(v, &call->diag));
	TRY(store_begin(v->store));
	struct config before = v->next;
	err e = row->run(call);
	err end = store_end(v->store, !failed(e));
	if (failed(e) || failed(end))
		v->next = before;
	return failed(e) ? e : end;
}
