/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration objects, counters and processes. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <unistd.h>

/* ---- configuration ---- */

/* There is one instance; an -Identity that names another one is a mistake worth telling. */
static err check_instance(struct call *call)
{
	str given;
	if (!command_text(call, "Identity", &given) || str_eq_case(given, STR("Global")))
		return OK;
	return diag_fail(&call->diag, ERR(ABSENT), "Identity", "leave -Identity out, or write Global", "there is only the instance Global");
}

err command_config_get(struct call *call)
{
	TRY(check_instance(call));
	json_t *object = json_pack("{s:s}", "Identity", "Global");
	for (size_t i = 0; i < CONFIG_N && object != NULL; i++) {
		const struct config_def *def = &config_defs[i];
		uint32_t v = config_get(&call->vault->next, def);
		if (def->object == call->cmd->object)
			(void)json_object_set_new(object, def->property, def->kind == CONFIG_BOOL ? json_boolean(v != 0) : json_integer(v));
	}
	return command_add_object(call, object);
}

err command_config_set(struct call *call)
{
	struct vault *v = call->vault;
	const char *object = config_objects[call->cmd->object].name;
	const char *property;
	json_t *value;
	size_t n = 0;
	TRY(check_instance(call));
	json_object_foreach(call->parameters, property, value) {
		const struct config_def *def = config_find(str_of(object), str_of(property));
		char text[CONFIG_TEXT];
		if (def == NULL)
			continue; /* Identity */
		TRY(config_set(&v->next, str_of(object), str_of(property), (str){ json_string_value(value), json_string_length(value) }, &call->diag));
		TRY(store_setting_set(v->store, str_of(object), str_of(def->property), str_of(config_print(&v->next, def, text))));
		n++;
	}
	if (n == 0)
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-Help shows its parameters", "there is nothing to change");
	TRY(config_check(&v->next, &call->diag));
	return vault_note(v, VAULT_SETTINGS, STR(""));
}

/* ---- counters ---- */

err command_counter_get(struct call *call)
{
	const struct skel *s = call->vault->skel;
	str prefix = STR("");
	(void)command_text(call, "Name", &prefix);
	for (size_t i = 0; i < METER_N; i++) {
		uint64_t sum = 0;
		if (!str_begins_case(str_of(meter_defs[i].name), prefix))
			continue;
		for (unsigned k = 0; s->meters != NULL && k < s->n_meters; k++)
			sum += meter_get(&s->meters[k], (enum meter_id)i);
		TRY(command_add_object(call, json_pack("{s:s,s:I,s:s}", "Name", meter_defs[i].name, "Value", (json_int_t)sum, "Help",
			meter_defs[i].help)));
	}
	if (json_array_size(call->objects) == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Name", "Get-CsCounter without -Name lists all", "no counter begins with %.*s",
			STR_FMT(str_cut(prefix, 0, 64)));
	return OK;
}

/* ---- processes ---- */

static err add_process(struct call *call, str prefix, const char *name, bool runs, pid_t pid)
{
	if (!str_begins_case(str_of(name), prefix))
		return OK;
	json_t *o = json_pack("{s:s,s:s}", "Status", runs ? "Running" : "Stopped", "Name", name);
	if (o != NULL)
		(void)json_object_set_new(o, "Id", pid != 0 ? json_integer(pid) : json_null());
	return command_add_object(call, o);
}

err command_service_get(struct call *call)
{
	const struct vault *v = call->vault;
	str prefix = STR("");
	(void)command_text(call, "Name", &prefix);
	TRY(add_process(call, prefix, "master", true, getppid()));
	TRY(add_process(call, prefix, "vault", true, getpid()));
	for (unsigned i = 0; i < v->skel->n_fronts; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "front.%u", i);
		TRY(add_process(call, prefix, name, vault_front_is_there(v, i), 0));
	}
	if (json_array_size(call->objects) == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Name", "Get-CsWindowsService without -Name lists all", "no process begins with %.*s",
			STR_FMT(str_cut(prefix, 0, 64)));
	return OK;
}
