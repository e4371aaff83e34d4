/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: what was given, checked against the rows, and what a piped object brings along. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

static err unknown(struct call *call, const char *name)
{
	str near;
	struct cmd_param p;
	char remedy[128];
	(void)snprintf(remedy, sizeof remedy, "Get-Help %.60s -Full shows its parameters", call->cmd->name);
	(void)cmd_param_find(call->cmd, str_of(name), &p, &near);
	if (near.n != 0)
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, remedy, "there is no parameter %.64s; did you mean %.*s?", name, STR_FMT(near));
	return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, remedy, "there is no parameter %.64s", name);
}

/* Parameters that are no properties are brought to their stored form here; properties when it is known what they change. */
static err stored_form(struct call *call, const struct cmd_param *p, const json_t *given, json_t **out)
{
	const struct schema_prop own = { .name = p->name, .type = p->type, .check = p->check, .dflt = "", .flags = "", .help = p->help };
	json_t *v = NULL;
	if (p->prop != NULL || json_is_null(given) || p->type == SCHEMA_OBJECT) {
		*out = json_incref((json_t *)(uintptr_t)given);
		return OK;
	}
	if (p->type == SCHEMA_SIPURI && json_is_string(given)) /* users are also named otherwise */
		v = json_incref((json_t *)(uintptr_t)given);
	else
		TRY(schema_value(&own, given, &v, &call->diag));
	*out = v != NULL ? v : json_null();
	return OK;
}

static err take(struct call *call, const char *name, const json_t *value)
{
	struct cmd_param p;
	json_t *v = NULL;
	if (!cmd_param_find(call->cmd, str_of(name), &p, NULL))
		return unknown(call, name);
	if (json_object_get(call->parameters, p.name) != NULL)
		return diag_fail(&call->diag, ERR(USAGE), p.name, "give it once", "given twice");
	TRY(stored_form(call, &p, value, &v));
	return json_object_set_new(call->parameters, p.name, v) == 0 ? OK : ERR(NO_MEMORY);
}

/* ---- what was piped in ---- */

static bool is_given(const struct call *call, const char *name)
{
	return json_object_get(call->parameters, name) != NULL;
}

/* An object binds by the names of its properties; to Set- only what is no property, or with -Instance all of it. */
static err take_piped(struct call *call, const json_t *object)
{
	const char *name;
	json_t *value;
	bool makes = call->cmd->id == CMD_NEW || call->cmd->id == CMD_USER_NEW;
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		struct cmd_param p;
		if (!cmd_param_find(call->cmd, str_of(name), &p, NULL) || strlen(name) < strlen(p.name) || is_given(call, p.name) || p.is_switch)
			continue;
		if (json_is_null(value) || (p.prop != NULL && !makes) || (json_is_string(value) && json_string_length(value) == 0))
			continue;
		TRY(take(call, name, value));
	}
	return OK;
}

static bool sets_a_property(const struct call *call)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if (p.prop != NULL && is_given(call, p.name))
			return true;
	return false;
}

static err take_input(struct call *call)
{
	const json_t *input = call->input;
	const char *first = cmd_positional(call->cmd, 0);
	if (input == NULL || json_is_null(input))
		return OK;
	if (!json_is_object(input)) {
		if (first == NULL)
			return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "begin the pipeline with it", "it takes no piped values");
		return is_given(call, first) ? OK : take(call, first, input);
	}
	if (call->cmd->id == CMD_SET && !is_given(call, "Instance") && !sets_a_property(call))
		TRY(take(call, "Instance", input));
	return take_piped(call, input);
}

/* -Instance brings the identity, too. */
static err take_instance(struct call *call)
{
	const json_t *instance = json_object_get(call->parameters, "Instance");
	json_t *identity = json_object_get(instance, "Identity");
	if (instance == NULL)
		return OK;
	if (!json_is_object(instance))
		return diag_fail(&call->diag, ERR(USAGE), "Instance", "give an object that Get- has answered", "this is no object");
	return identity != NULL && !is_given(call, "Identity") ? take(call, "Identity", identity) : OK;
}

err command_parameters(struct call *call, const json_t *given)
{
	const char *name;
	json_t *value;
	struct cmd_param p;
	call->parameters = json_object();
	ENSURE(call->parameters != NULL, NO_MEMORY);
	json_object_foreach((json_t *)(uintptr_t)given, name, value)
		TRY(take(call, name, value));
	TRY(take_input(call));
	TRY(take_instance(call));
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if (p.required && !is_given(call, p.name))
			return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, p.help, "-%s is missing", p.name);
	return OK;
}

/* ---- reading them ---- */

json_t *command_value(const struct call *call, const char *name)
{
	return json_object_get(call->parameters, name);
}

bool command_text(const struct call *call, const char *name, str *out)
{
	const json_t *v = command_value(call, name);
	if (!json_is_string(v))
		return false;
	*out = (str){ json_string_value(v), json_string_length(v) };
	return true;
}

bool command_bool(const struct call *call, const char *name, bool *out)
{
	const json_t *v = command_value(call, name);
	if (!json_is_boolean(v))
		return false;
	*out = json_is_true(v);
	return true;
}

bool command_int(const struct call *call, const char *name, uint64_t *out)
{
	const json_t *v = command_value(call, name);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

bool command_switch(const struct call *call, const char *name)
{
	return json_is_true(command_value(call, name));
}

/* ---- for the log ---- */

static void describe_value(const struct cmd_param *p, const json_t *v, char *out, size_t size)
{
	char *text = p->type == SCHEMA_SECRET ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	str s = str_of(text);
	bool quoted = s.n >= 2 && s.p[0] == '"' && str_find_char(s, ' ') == s.n;
	(void)snprintf(out, size, "%.*s", STR_FMT(text == NULL ? STR("***") : quoted ? str_cut(s, 1, s.n - 1 < 128 ? s.n - 1 : 128) : str_cut(s, 0, 128)));
	free(text);
}

void command_describe(const struct call *call, char *out, size_t size)
{
	struct cmd_param p;
	size_t n = (size_t)snprintf(out, size, "%s", call->cmd->name);
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p) && n < size; i++) {
		char text[140];
		const json_t *v = command_value(call, p.name);
		if (v == NULL || strcmp(p.name, "Document") == 0 || strcmp(p.name, "Content") == 0 || strcmp(p.name, "Script") == 0 || strcmp(p.name, "ScriptFiles") == 0)
			continue;
		if (strcmp(p.name, "Instance") == 0) /* may bring secrets along; what it changes stands in the difference */
			(void)snprintf(text, sizeof text, "(an object)");
		else
			describe_value(&p, v, text, sizeof text);
		n += (size_t)snprintf(out + n, size - n, " -%s %s", p.name, text);
	}
}
