/* SPDX-License-Identifier: Apache-2.0 */
/* Applications that see SIP messages: checked when they are declared, told to the processes that run them. */
#include "role/vault/vault_priv.h"
#include "service/script.h"

#include <stdio.h>
#include <stdlib.h>

enum { LAST_PRIORITY = 65535 };

static const struct schema_kind *kind(void)
{
	return &schema_kinds[SCHEMA_ID_ServerApplication];
}

static str text_of(const json_t *body, const char *name)
{
	const json_t *v = json_object_get(body, name);
	return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR("");
}

static bool truth_of(const json_t *body, const char *name, bool otherwise)
{
	const json_t *v = json_object_get(body, name);
	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

/* ---- checks ---- */

/* The same reading that a front or Edge will do, on what is about to be stored. */
static err check_script(struct call *call, const json_t *body)
{
	str script = text_of(body, "Script"), uri = text_of(body, "Uri");
	struct diag d = { 0 };
	if (script.n == 0) {
		command_warn(call, text_of(body, "ScriptName").n != 0
				? "the content of ScriptName did not come along, so nothing runs: say it by witan, which reads the file, or give the manifest itself as Script"
				: "an application without a script does nothing here: there is no managed part");
		return OK;
	}
	err e = script_check(script, text_of(body, "ScriptFiles"), uri, true, &d);
	if (!failed(e))
		return OK;
	return diag_fail(&call->diag, e, strcmp(d.where, "Uri") == 0 ? "Uri" : "Script", d.remedy, "%s: %s", d.where, d.what);
}

static err check_stored(struct call *call)
{
	struct identity i;
	str given = STR("");
	json_t *body = NULL;
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, kind(), given, &i));
	TRY(object_load(call, &i, &body));
	err e = check_script(call, body);
	json_decref(body);
	return e;
}

/* What every service runs of itself, after all scripts; listed so that an order is seen whole. */
static const struct {
	const char *role, *name;
	int priority;
} built_in[] = { { "Registrar", "UserServices", LAST_PRIORITY - 1 }, { "Registrar", "DefaultRouting", LAST_PRIORITY }, { "EdgeServer", "DefaultRouting", LAST_PRIORITY } };

/* ---- New and Set ---- */

struct last {
	const struct identity *parent;
	json_int_t priority;
	size_t n;
};

static err find_last(void *arg, const struct identity *i, json_t *body)
{
	struct last *l = arg;
	const json_t *p = json_object_get(body, "Priority");
	bool is_beside = i->parent == l->parent->parent && str_eq_case(str_cut(identity_str(i), 0, i->parent), str_cut(identity_str(l->parent), 0, l->parent->parent));
	l->n += is_beside ? 1 : 0;
	if (is_beside && json_is_integer(p) && json_integer_value(p) > l->priority)
		l->priority = json_integer_value(p);
	return OK;
}

static bool is_built_in(const struct identity *i)
{
	for (size_t k = 0; k < sizeof built_in / sizeof built_in[0]; k++)
		if (str_eq_case(str_cut(identity_str(i), i->parent + 1, i->n), str_of(built_in[k].name)))
			return true;
	return false;
}

/* Without a place of its own it comes after those that are there. */
static err append(struct call *call)
{
	struct identity i;
	struct last l = { &i, -1, 0 };
	str given = STR("");
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, kind(), given, &i));
	if (is_built_in(&i))
		return diag_fail(&call->diag, ERR(EXISTS), "Identity", "take another name", "%s is built into the server", i.text);
	TRY(object_each(call, kind(), find_last, &l));
	if (l.n >= SCRIPT_APPS_MAX)
		return diag_fail(&call->diag, ERR(CEILING), "Identity", "remove one that is not needed", "a service has at most %d applications", SCRIPT_APPS_MAX);
	if (command_value(call, "Priority") != NULL)
		return OK;
	json_int_t next = l.priority < LAST_PRIORITY ? l.priority + 1 : LAST_PRIORITY;
	return json_object_set_new(call->parameters, "Priority", json_integer(next)) == 0 ? OK : ERR(NO_MEMORY);
}

err command_application_new(struct call *call)
{
	TRY(append(call));
	TRY(object_new(call));
	return check_stored(call);
}

err command_application_set(struct call *call)
{
	TRY(object_set(call));
	return check_stored(call);
}

/* ---- Get ---- */

struct listing {
	struct call *call;
	err e;
};

static void list_built_in(void *arg, const struct place *p)
{
	struct listing *l = arg;
	struct diag before = l->call->diag;
	for (size_t i = 0; i < sizeof built_in / sizeof built_in[0] && !failed(l->e); i++) {
		char identity[SCHEMA_IDENTITY_MAX];
		if (strcmp(built_in[i].role, p->role) != 0)
			continue;
		(void)snprintf(identity, sizeof identity, "%s:%.*s/%s", p->role, STR_FMT(p->fqdn), built_in[i].name);
		if (failed(command_reach(l->call, &(struct rbac_thing){ .site = p->site, .name = identity }))) {
			l->call->diag = before;
			continue;
		}
		json_t *one = json_pack("{s:s,s:b,s:b,s:i,s:n,s:n,s:n,s:o}", "Identity", identity, "Critical", 1, "Enabled", 1, "Priority", built_in[i].priority, "Script",
			"ScriptFiles", "ScriptName", "Uri", json_sprintf("http://www.microsoft.com/LCS/%s", built_in[i].name));
		l->e = object_offer(l->call, str_of(identity), one);
	}
}

err command_application_get(struct call *call)
{
	str given;
	struct listing l = { call, OK };
	TRY(object_get(call));
	if (command_text(call, "Identity", &given))
		return OK;
	places_each(call->vault, list_built_in, &l);
	return l.e;
}

/* ---- to the processes ---- */

struct telling {
	struct ipc *to;
	char parent[SCHEMA_IDENTITY_MAX]; /* "Registrar:uc01.example.test/" */
	err e;
};

static void tell_one(void *arg, const struct store_object *o)
{
	struct telling *t = arg;
	if (!str_begins_case(o->identity, str_of(t->parent)) || failed(t->e))
		return;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	const json_t *priority = json_object_get(body, "Priority");
	if (truth_of(body, "Enabled", false) && text_of(body, "Script").n != 0)
		t->e = ipc_send_application(t->to, &(struct ipc_application){ .identity = o->identity, .is_critical = truth_of(body, "Critical", true) ? 1 : 0,
			.priority = json_is_integer(priority) ? (uint32_t)json_integer_value(priority) : LAST_PRIORITY, .manifest = text_of(body, "Script"),
			.files = text_of(body, "ScriptFiles") }, -1);
	json_decref(body);
}

err vault_send_applications(struct vault *v, struct ipc *to, const char *role)
{
	struct telling t = { .to = to };
	ENSURE(v->store != NULL, ABSENT);
	str pool = place_pool(v);
	(void)snprintf(t.parent, sizeof t.parent, "%s:%.*s/", role, STR_FMT(pool));
	TRY(ipc_send_application_begin(to, &(struct ipc_application_begin){ 0 }, -1));
	TRY(store_objects_each(v->store, str_of(kind()->name), tell_one, &t));
	TRY(t.e);
	return ipc_send_application_end(to, &(struct ipc_application_end){ 0 }, -1);
}
