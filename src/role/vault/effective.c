/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several instances holds: the nearest one, used whole. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- configurations of this server's service ---- */

static void keep_body(void *arg, const struct store_object *o)
{
	*(json_t **)arg = json_loadb(o->body.p, o->body.n, 0, NULL);
}

/* The instance for Service:Registrar:POOL (Service:WebServer:POOL of web services, Service:EdgeServer:POOL on an Edge), else Site:NAME, else Global; NULL: defaults. */
static json_t *nearest(struct vault *v, const struct schema_kind *k)
{
	char names[3][SCHEMA_IDENTITY_MAX];
	struct place p;
	json_t *body = NULL;
	bool is_edge = schema_of_has(k, STR("EdgeServer")) && place_find(v, STR("EdgeServer"), place_pool(v), &p);
	const char *role = is_edge ? "EdgeServer" : schema_of_has(k, STR("WebServer")) ? "WebServer" : "Registrar";
	bool placed = place_find(v, str_of(role), place_pool(v), &p);
	(void)snprintf(names[0], sizeof names[0], "Service:%s:%.*s", role, STR_FMT(placed ? p.fqdn : STR("?")));
	(void)snprintf(names[1], sizeof names[1], "Site:%.*s", STR_FMT(placed ? p.site : STR("?")));
	(void)snprintf(names[2], sizeof names[2], "Global");
	for (size_t i = 0; i < 3 && body == NULL; i++)
		(void)failed(store_object_find(v->store, str_of(k->name), str_of(names[i]), keep_body, &body));
	return body;
}

json_t *effective_body(struct vault *v, enum schema_id kind)
{
	return nearest(v, &schema_kinds[kind]);
}

static void set_member(struct vault *v, struct config *c, const struct config_def *def, const json_t *value)
{
	struct diag d = { 0 };
	char *text = json_dumps(value, JSON_ENCODE_ANY);
	str s = str_of(text);
	if (s.n >= 2 && s.p[0] == '"')
		s = str_cut(s, 1, s.n - 1);
	if (failed(config_set(c, str_of(schema_kinds[def->kind].name), str_of(def->property), s, &d))) /* of another version: the default holds */
		LOG(&v->skel->log, SETTING_IGNORED, LOG_Z("object", schema_kinds[def->kind].name), LOG_Z("property", def->property), LOG_Z("why", d.what));
	free(text);
}

bool effective_windows_auth(struct vault *v, const char *scheme)
{
	json_t *body = v->store != NULL ? nearest(v, &schema_kinds[SCHEMA_ID_WebServiceConfiguration]) : NULL;
	const char *word = json_string_value(json_object_get(body, "UseWindowsAuth"));
	bool is_on = word == NULL || strcmp(word, "Negotiate") == 0 || strcmp(word, scheme) == 0;
	json_decref(body);
	return is_on;
}

err effective_config(struct vault *v, struct config *out, struct diag *d)
{
	enum schema_id at = SCHEMA_N;
	json_t *body = NULL;
	config_default(out);
	TRY(vault_store(v, d));
	for (size_t i = 0; i < CONFIG_N; i++) {
		const struct config_def *def = &config_defs[i];
		if (def->kind != at) {
			json_decref(body);
			body = nearest(v, &schema_kinds[def->kind]);
			at = def->kind;
		}
		const json_t *value = json_object_get(body, def->property);
		if (value != NULL && !json_is_null(value))
			set_member(v, out, def, value);
	}
	json_decref(body);
	return OK;
}

/* ---- policies of users ---- */

static bool stored(struct call *call, struct identity *i)
{
	json_t *body = NULL;
	(void)failed(store_object_find(call->vault->store, str_of(i->kind->name), identity_str(i), keep_body, &body));
	bool is = body != NULL;
	json_decref(body);
	return is;
}

static bool holds(struct call *call, const struct schema_kind *k, const char *text, struct identity *out)
{
	struct diag before = call->diag;
	bool is = !failed(identity_parse(call, k, str_of(text), out)) && stored(call, out);
	call->diag = before;
	return is;
}

err effective_policy(struct call *call, const struct schema_kind *k, const json_t *user, struct identity *out, const char **why)
{
	char text[SCHEMA_IDENTITY_MAX];
	struct place p;
	const char *granted = json_string_value(json_object_get(user, k->name));
	str pool = str_of(json_string_value(json_object_get(user, "RegistrarPool")));
	bool placed = place_find(call->vault, STR("Registrar"), pool.n != 0 ? pool : place_pool(call->vault), &p);
	if (granted != NULL) {
		(void)snprintf(text, sizeof text, "Tag:%s", granted);
		*why = "granted to the user";
		if (holds(call, k, text, out))
			return OK;
	}
	if (placed && schema_has(k->scopes, SCHEMA_AT_SERVICE)) {
		(void)snprintf(text, sizeof text, "Service:Registrar:%.*s", STR_FMT(p.fqdn));
		*why = "service of the user's pool";
		if (holds(call, k, text, out))
			return OK;
	}
	if (placed) {
		(void)snprintf(text, sizeof text, "Site:%.*s", STR_FMT(p.site));
		*why = "site of the user's pool";
		if (holds(call, k, text, out))
			return OK;
	}
	*why = "global";
	*out = (struct identity){ .kind = k, .n = 6 };
	memcpy(out->text, "Global", 7);
	return OK;
}
