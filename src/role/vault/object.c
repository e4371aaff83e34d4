/* SPDX-License-Identifier: Apache-2.0 */
/* Get-, New-, Set-, Remove-, Move- and Grant- of every kind, by its rows. */
#include "role/vault/vault_priv.h"

#include "service/shell.h"

#include <stdio.h>
#include <stdlib.h>

enum { INSTANCES_MOST = 20000 };

/* ---- reading ---- */

static void keep_body(void *arg, const struct store_object *o)
{
	*(json_t **)arg = json_loadb(o->body.p, o->body.n, 0, NULL);
}

err object_load(struct call *call, const struct identity *i, json_t **out)
{
	*out = NULL;
	TRY(vault_store(call->vault, &call->diag));
	err e = store_object_find(call->vault->store, str_of(i->kind->name), identity_str(i), keep_body, out);
	if (err_is(e, ERR_ABSENT) && identity_is_implicit(call, i)) {
		*out = json_object();
		return *out != NULL ? OK : ERR(NO_MEMORY);
	}
	if (err_is(e, ERR_ABSENT)) {
		char remedy[100];
		(void)snprintf(remedy, sizeof remedy, "Get-Cs%.60s lists what there is", i->kind->name);
		return diag_fail(&call->diag, e, "Identity", remedy, "there is no %s %s", i->kind->name, i->text);
	}
	TRY(e);
	return *out != NULL ? OK : ERR(CORRUPT);
}

static void found(void *arg, const struct store_object *o)
{
	*(bool *)arg = true;
}

bool object_exists(struct call *call, const struct identity *i)
{
	bool is = false;
	if (i->kind->id == SCHEMA_ID_User) {
		char room[VAULT_AOR];
		str aor;
		struct diag before = call->diag;
		is = !failed(command_user_identity(call, identity_str(i), room, &aor));
		call->diag = before;
		return is;
	}
	(void)failed(store_object_find(call->vault->store, str_of(i->kind->name), identity_str(i), found, &is));
	return is || identity_is_implicit(call, i);
}

static err reach(struct call *call, const struct identity *i, bool writes)
{
	const char *name = i->text[0] != '\0' ? i->text : "Identity";
	return command_reach(call, &(struct rbac_thing){ .writes = writes, .site = i->site, .name = name });
}

/* ---- all of a kind ---- */

struct gather {
	json_t *list; /* [identity, body] pairs */
};

static void gather_object(void *arg, const struct store_object *o)
{
	struct gather *g = arg;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	if (body != NULL)
		(void)json_array_append_new(g->list, json_pack("[o,o]", command_json(o->identity), body));
}

/* Among the first n. */
static json_t *find_pair(const json_t *list, size_t n, str identity)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_case(str_of(json_string_value(json_array_get(json_array_get(list, i), 0))), identity))
			return json_array_get(list, i);
	return NULL;
}

static void add_implicit(json_t *list, str identity)
{
	if (find_pair(list, json_array_size(list), identity) == NULL)
		(void)json_array_append_new(list, json_pack("[o,{}]", command_json(identity)));
}

struct implicit_services {
	const struct schema_kind *kind;
	json_t *list;
};

static void add_service(void *arg, const struct place *p)
{
	struct implicit_services *s = arg;
	char text[SCHEMA_IDENTITY_MAX];
	if (!schema_of_has(s->kind, str_of(p->role)))
		return;
	(void)snprintf(text, sizeof text, "%s%s:%.*s", s->kind->base == SCHEMA_SERVICE ? "" : "Service:", p->role, STR_FMT(p->fqdn));
	add_implicit(s->list, str_of(text));
}

static void add_implicits(const struct vault *v, const struct schema_kind *k, json_t *list)
{
	struct implicit_services s = { k, list };
	if (schema_has(k->scopes, SCHEMA_AT_GLOBAL))
		add_implicit(list, STR("Global"));
	if (identity_is_of_services(k))
		places_each(v, add_service, &s);
	for (unsigned i = 0; i < RBAC_STANDARD_N && (k->id == SCHEMA_ID_Group || k->id == SCHEMA_ID_AdminRole); i++)
		add_implicit(list, str_of(rbac_standard_rows[i].name));
	for (size_t i = 0; i < v->topo.sites.n && k->id == SCHEMA_ID_Site; i++)
		add_implicit(list, v->topo.sites.p[i].name);
	for (size_t i = 0; i < v->topo.sip_domains.n && k->id == SCHEMA_ID_SipDomain; i++)
		add_implicit(list, v->topo.sip_domains.p[i]);
}

static err each_pair(struct call *call, const struct schema_kind *k, const json_t *list, err (*fn)(void *arg, const struct identity *i, json_t *body), void *arg)
{
	size_t at;
	json_t *one;
	json_array_foreach(list, at, one) {
		struct identity i;
		struct diag before = call->diag;
		str text = str_of(json_string_value(json_array_get(one, 0)));
		if (failed(identity_parse(call, k, text, &i))) {
			/* of a site or service that the topology has no more: shown as it stands, reached by those who reach everything */
			i = (struct identity){ .kind = k, .n = text.n < SCHEMA_IDENTITY_MAX ? text.n : 0, .site = STR("?") };
			memcpy(i.text, text.p, i.n);
			call->diag = before;
		}
		TRY(fn(arg, &i, json_array_get(one, 1)));
	}
	return OK;
}

err object_each(struct call *call, const struct schema_kind *k, err (*fn)(void *arg, const struct identity *i, json_t *body), void *arg)
{
	struct gather implicit = { json_array() }, stored = { json_array() };
	TRY(vault_store(call->vault, &call->diag));
	err e = store_objects_each(call->vault->store, str_of(k->name), gather_object, &stored);
	if (!failed(e)) {
		add_implicits(call->vault, k, implicit.list);
		/* an implicit instance that was changed stands where it would stand unchanged */
		size_t at, n = json_array_size(implicit.list);
		json_t *one;
		json_array_foreach(stored.list, at, one) {
			json_t *other = find_pair(implicit.list, n, str_of(json_string_value(json_array_get(one, 0))));
			if (other != NULL)
				(void)json_array_set(other, 1, json_array_get(one, 1));
			else
				(void)json_array_append(implicit.list, one);
		}
		e = each_pair(call, k, implicit.list, fn, arg);
	}
	json_decref(implicit.list);
	json_decref(stored.list);
	return e;
}

/* ---- properties that other objects fill ---- */

static const struct {
	enum schema_id kind;
	const char *property;
	enum schema_id of; /* the kind whose instances are listed */
} filled[] = {
	{ SCHEMA_ID_DialPlan, "NormalizationRules", SCHEMA_ID_VoiceNormalizationRule },
	{ SCHEMA_ID_TrunkConfiguration, "OutboundTranslationRulesList", SCHEMA_ID_OutboundTranslationRule },
	{ SCHEMA_ID_TrunkConfiguration, "OutboundCallingNumberTranslationRulesList", SCHEMA_ID_OutboundCallingNumberTranslationRule },
	{ SCHEMA_ID_TrunkConfiguration, "SipResponseCodeTranslationRulesList", SCHEMA_ID_SipResponseCodeTranslationRule },
	{ SCHEMA_ID_ClientVersionPolicy, "Rules", SCHEMA_ID_ClientVersionPolicyRule },
	{ SCHEMA_ID_VoiceConfiguration, "VoiceTestConfigurations", SCHEMA_ID_VoiceTestConfiguration },
	{ SCHEMA_ID_AddressBookNormalizationConfiguration, "AddressBookNormalizationRules", SCHEMA_ID_AddressBookNormalizationRule },
	{ SCHEMA_ID_RoutingConfiguration, "Route", SCHEMA_ID_VoiceRoute },
	{ SCHEMA_ID_NetworkConfiguration, "NetworkRegions", SCHEMA_ID_NetworkRegion },
	{ SCHEMA_ID_NetworkConfiguration, "NetworkSites", SCHEMA_ID_NetworkSite },
	{ SCHEMA_ID_NetworkConfiguration, "Subnets", SCHEMA_ID_NetworkSubnet },
	{ SCHEMA_ID_NetworkConfiguration, "NetworkRegionLinks", SCHEMA_ID_NetworkRegionLink },
	{ SCHEMA_ID_NetworkConfiguration, "InterNetworkRegionRoutes", SCHEMA_ID_NetworkInterRegionRoute },
	{ SCHEMA_ID_NetworkConfiguration, "InterNetworkSitePolicies", SCHEMA_ID_NetworkInterSitePolicy },
	{ SCHEMA_ID_NetworkConfiguration, "BWPolicyProfiles", SCHEMA_ID_NetworkBandwidthPolicyProfile },
};

struct filling {
	json_t *list;
	str parent;
	bool is_child;
};

static void fill(void *arg, const struct store_object *o)
{
	struct filling *f = arg;
	str name = o->identity;
	if (f->is_child) {
		if (!str_begins_case(name, f->parent) || name.n <= f->parent.n || name.p[f->parent.n] != '/')
			return;
		name = str_cut(name, f->parent.n + 1, name.n);
	}
	(void)json_array_append_new(f->list, command_json(name));
}

static void fill_lists(struct call *call, const struct identity *i, json_t *shown)
{
	for (size_t k = 0; k < sizeof filled / sizeof *filled; k++) {
		const struct schema_kind *of = &schema_kinds[filled[k].of];
		struct filling f = { json_array(), identity_str(i), of->base == SCHEMA_CHILD };
		if (filled[k].kind == i->kind->id && schema_prop_find(i->kind, str_of(filled[k].property)) != NULL &&
		    !failed(store_objects_each(call->vault->store, str_of(of->name), fill, &f)))
			(void)json_object_set(shown, filled[k].property, f.list);
		json_decref(f.list);
	}
}

static json_t *show(struct call *call, const struct identity *i, const json_t *body)
{
	json_t *shown = schema_show(i->kind, identity_str(i), body);
	if (shown != NULL)
		fill_lists(call, i, shown);
	return shown;
}

/* ---- Get ---- */

bool object_passes(const struct call *call, str identity, const json_t *shown)
{
	str text;
	if (!command_text(call, "Filter", &text))
		return true;
	struct shell_filter *f = NULL;
	if (failed(shell_filter_new(text, &f, NULL)))
		return false;
	bool passes = shell_filter_match(f, shown);
	shell_filter_free(f);
	return passes;
}

err object_offer(struct call *call, str identity, json_t *shown)
{
	if (shown == NULL || object_passes(call, identity, shown))
		return command_add_object(call, shown);
	json_decref(shown);
	return OK;
}

static err check_filter(struct call *call)
{
	str text;
	struct shell_filter *f = NULL;
	if (!command_text(call, "Filter", &text))
		return OK;
	err e = shell_filter_new(text, &f, &call->diag);
	shell_filter_free(f);
	return e;
}

static err add_shown(void *arg, const struct identity *i, json_t *body)
{
	struct call *call = arg;
	struct diag before = call->diag;
	if (failed(reach(call, i, false))) {
		call->diag = before; /* of what is out of reach a list does not speak */
		return OK;
	}
	json_t *shown = show(call, i, body);
	return object_offer(call, identity_str(i), shown);
}

err object_get(struct call *call)
{
	str given;
	struct identity i;
	json_t *body = NULL;
	TRY(check_filter(call));
	if (!command_text(call, "Identity", &given))
		return object_each(call, call->cmd->kind, add_shown, call);
	TRY(identity_parse(call, call->cmd->kind, given, &i));
	TRY(reach(call, &i, false));
	TRY(object_load(call, &i, &body));
	err e = command_add_object(call, show(call, &i, body));
	json_decref(body);
	return e;
}

/* ---- references ---- */

static err check_ref(struct call *call, const struct schema_prop *p, const char *kind, const json_t *v)
{
	struct identity i;
	struct place place;
	str name = str_of(json_string_value(v)), site;
	const struct schema_kind *k = schema_find(str_of(kind));
	bool is = true;
	struct diag before = call->diag;
	if (schema_has(p->flags, SCHEMA_FOREIGN))
		return OK;
	if (strcmp(kind, "Pool") == 0)
		is = topo_find_pool(&call->vault->topo, name) != NULL;
	else if (strcmp(kind, "Site") == 0)
		is = place_site(call->vault, str_begins_case(name, STR("Site:")) ? str_cut(name, 5, name.n) : name, &site);
	else if (strcmp(kind, "Service") == 0) {
		str fqdn, role = str_split(str_begins_case(name, STR("Service:")) ? str_cut(name, 8, name.n) : name, ':', &fqdn);
		is = place_find(call->vault, role, fqdn, &place);
	} else if (k != NULL)
		is = !failed(identity_parse(call, k, name, &i)) && object_exists(call, &i);
	call->diag = before;
	if (is)
		return OK;
	char remedy[120];
	(void)snprintf(remedy, sizeof remedy, "Get-Cs%.60s lists what there is", kind);
	return diag_fail(&call->diag, ERR(ABSENT), p->name, remedy, "there is no %s %.*s", kind, STR_FMT(str_cut(name, 0, 120)));
}

static err check_refs(struct call *call, const struct schema_prop *p, const json_t *v)
{
	size_t i;
	json_t *one;
	if (p->type == SCHEMA_REF && v != NULL)
		return check_ref(call, p, p->check, v);
	if (p->type == SCHEMA_LISTED && strncmp(p->check, "REF:", 4) == 0)
		json_array_foreach(v, i, one)
			TRY(check_ref(call, p, p->check + 4, one));
	return OK;
}

/* ---- New and Set ---- */

static err apply_one(struct call *call, const struct schema_prop *p, const json_t *now, const json_t *given, json_t *body)
{
	json_t *v = NULL, *old = json_incref(json_object_get(now, p->name));
	if (old == NULL)
		old = schema_default(p);
	err e = schema_modify(p, old, given, &v, &call->diag);
	json_decref(old);
	TRY(e);
	if (v == NULL && schema_has(p->flags, SCHEMA_MANDATORY))
		return diag_fail(&call->diag, ERR(MALFORMED), p->name, p->help, "this cannot be unset");
	e = check_refs(call, p, v);
	if (failed(e)) {
		json_decref(v);
		return e;
	}
	json_t *dflt = schema_default(p);
	bool same = v != NULL && dflt != NULL ? json_equal(v, dflt) : v == NULL && dflt == NULL;
	json_decref(dflt);
	if (same) { /* what is as by default is not stored: a later default will hold */
		json_decref(v);
		(void)json_object_del(body, p->name);
		return OK;
	}
	return json_object_set_new(body, p->name, v != NULL ? v : json_null()) == 0 ? OK : ERR(NO_MEMORY);
}

/* The names of changed properties that nothing obeys, in one warning each. */
static void warn_unheeded(struct call *call, const struct schema_kind *k, const json_t *before, const json_t *body)
{
	char later[300] = "", never[300] = "";
	size_t n_later = 0, n_never = 0;
	for (size_t i = 0; i < k->n_props; i++) {
		const struct schema_prop *p = &k->props[i];
		json_t *was = json_object_get(before, p->name), *is = json_object_get(body, p->name);
		if (schema_has(p->flags, SCHEMA_OBEYED) || schema_has(p->flags, SCHEMA_NOTE) || (was == is) || (was != NULL && is != NULL && json_equal(was, is)))
			continue;
		bool foreign = schema_has(p->flags, SCHEMA_FOREIGN);
		char *list = foreign ? never : later;
		size_t *n = foreign ? &n_never : &n_later;
		if (*n + 80 < sizeof later)
			*n += (size_t)snprintf(list + *n, sizeof later - *n, "%s%s", *n != 0 ? ", " : "", p->name);
	}
	if (n_later != 0)
		command_warn(call, "%s: nothing obeys %s yet; what you set is kept and shown", k->name, later);
	if (n_never != 0)
		command_warn(call, "%s: %s is kept and shown, but has no meaning here", k->name, never);
}

err object_apply(struct call *call, const struct schema_kind *k, const json_t *now, json_t *body)
{
	const json_t *instance = command_value(call, "Instance");
	for (size_t i = 0; i < k->n_props; i++) {
		const struct schema_prop *p = &k->props[i];
		const json_t *given = command_value(call, p->name);
		bool fixed = schema_has(p->flags, SCHEMA_READ_ONLY) || (schema_has(p->flags, SCHEMA_NEW_ONLY) && call->cmd->id == CMD_SET);
		if (given == NULL && instance != NULL && !fixed && p->type != SCHEMA_SECRET)
			given = json_object_get(instance, p->name);
		if (given != NULL && !fixed)
			TRY(apply_one(call, p, now, given, body));
	}
	warn_unheeded(call, k, now, body);
	return OK;
}

static bool anything_given(const struct call *call)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if ((p.prop != NULL || strcmp(p.name, "Instance") == 0) && command_value(call, p.name) != NULL)
			return true;
	return false;
}

static err check_parent(struct call *call, const struct identity *i)
{
	struct identity parent;
	if (i->parent == 0)
		return OK;
	TRY(identity_parse(call, i->parent_kind, (str){ i->text, i->parent }, &parent));
	if (object_exists(call, &parent))
		return OK;
	return diag_fail(&call->diag, ERR(ABSENT), "Identity", "make it first", "there is no %s %s", parent.kind->name, parent.text);
}

static err new_memory(struct call *call)
{
	json_t *out = NULL, *given = json_object();
	for (size_t i = 0; given != NULL && i < call->cmd->kind->n_props; i++) {
		json_t *v = command_value(call, call->cmd->kind->props[i].name);
		if (v != NULL)
			(void)json_object_set(given, call->cmd->kind->props[i].name, v);
	}
	err e = given != NULL ? schema_object(call->cmd->kind, given, &out, &call->diag) : ERR(NO_MEMORY);
	json_decref(given);
	TRY(e);
	e = command_add_object(call, schema_show(call->cmd->kind, STR(""), out));
	json_decref(out);
	return e;
}

static err new_stored(struct call *call, const struct identity *i, json_t *body)
{
	uint64_t n = 0;
	TRY(store_objects_count(call->vault->store, str_of(i->kind->name), &n));
	if (n >= INSTANCES_MOST)
		return diag_fail(&call->diag, ERR(CEILING), "Identity", "remove some first", "there are %llu already", (unsigned long long)n);
	json_t *empty = json_object();
	err e = object_apply(call, i->kind, empty, body);
	json_decref(empty);
	TRY(e);
	if (!command_switch(call, "InMemory"))
		TRY(change_object(call, i->kind, identity_str(i), NULL, body));
	return command_add_object(call, show(call, i, body));
}

err object_new(struct call *call)
{
	str given;
	struct identity i;
	if (call->cmd->kind->base == SCHEMA_MEMORY)
		return new_memory(call);
	if (!command_text(call, "Identity", &given))
		return diag_fail(&call->diag, ERR(USAGE), "Identity", "give it a name", "a new %s needs an identity", call->cmd->kind->name);
	TRY(identity_parse(call, call->cmd->kind, given, &i));
	TRY(reach(call, &i, true));
	TRY(check_parent(call, &i));
	if (object_exists(call, &i)) {
		char remedy[100];
		(void)snprintf(remedy, sizeof remedy, "Set-Cs%.60s changes it", i.kind->name);
		return diag_fail(&call->diag, ERR(EXISTS), "Identity", remedy, "there is a %s %s already", i.kind->name, i.text);
	}
	json_t *body = json_object();
	ENSURE(body != NULL, NO_MEMORY);
	err e = new_stored(call, &i, body);
	json_decref(body);
	return e;
}

static err set_one(struct call *call, const struct identity *i, json_t *now)
{
	json_t *body = json_deep_copy(now);
	ENSURE(body != NULL, NO_MEMORY);
	err e = object_apply(call, i->kind, now, body);
	if (!failed(e))
		e = change_object(call, i->kind, identity_str(i), now, body);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = command_add_object(call, show(call, i, body));
	json_decref(body);
	return e;
}

err object_set(struct call *call)
{
	str given = STR("Global");
	struct identity i;
	json_t *now = NULL;
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, call->cmd->kind, given, &i));
	TRY(reach(call, &i, true));
	if (!anything_given(call))
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-Help shows its parameters", "there is nothing to change");
	TRY(object_load(call, &i, &now));
	err e = set_one(call, &i, now);
	json_decref(now);
	return e;
}

static err set_property(struct call *call, const struct identity *i, const char *property, json_t *value)
{
	json_t *now = NULL;
	TRY(object_load(call, i, &now));
	json_t *body = json_deep_copy(now);
	err e = body != NULL && json_object_set(body, property, value) == 0 ? change_object(call, i->kind, identity_str(i), now, body) : ERR(NO_MEMORY);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = command_add_object(call, show(call, i, body));
	json_decref(body);
	json_decref(now);
	return e;
}

err object_set_property(struct call *call, const struct schema_kind *k, const char *property, json_t *value)
{
	struct identity i;
	str given = STR("");
	(void)command_text(call, "Identity", &given);
	err e = value != NULL ? identity_parse(call, k, given, &i) : ERR(NO_MEMORY);
	if (!failed(e))
		e = reach(call, &i, true);
	if (!failed(e))
		e = set_property(call, &i, property, value);
	json_decref(value);
	return e;
}

/* ---- Move: what a pool serves gets another one ---- */

err object_move(struct call *call)
{
	str pool;
	const char *noun = strstr(call->cmd->name, "-Cs") + 3;
	TRY(place_target(call, &pool));
	return object_set_property(call, schema_find(str_of(noun)), "RegistrarPool", json_stringn(pool.p, pool.n));
}

/* ---- Remove ---- */

struct removal {
	struct call *call;
	const struct identity *parent;
};

static err remove_child(void *arg, const struct identity *i, json_t *body)
{
	const struct removal *r = arg;
	if (i->parent != r->parent->n || !str_eq_case(str_cut(identity_str(i), 0, i->parent), identity_str(r->parent)))
		return OK;
	return change_object(r->call, i->kind, identity_str(i), body, NULL);
}

/* What lives inside an instance goes with it. */
static err remove_children(struct call *call, const struct identity *i)
{
	struct removal r = { call, i };
	for (size_t k = 0; k < SCHEMA_N; k++)
		if (schema_kinds[k].base == SCHEMA_CHILD && schema_of_has(&schema_kinds[k], str_of(i->kind->name)))
			TRY(object_each(call, &schema_kinds[k], remove_child, &r));
	return OK;
}

struct usage {
	const char *property;
	str name;
	uint64_t n;
};

static void count_user(void *arg, const struct store_user *u)
{
	struct usage *s = arg;
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	if (str_eq_case(str_of(json_string_value(json_object_get(body, s->property))), s->name))
		s->n++;
	json_decref(body);
}

static err check_unused(struct call *call, const struct identity *i)
{
	struct usage s = { i->kind->name, identity_str(i), 0 };
	if (i->kind->base != SCHEMA_POLICY || !str_begins(s.name, STR("Tag:")) || command_switch(call, "Force"))
		return OK;
	s.name = str_cut(s.name, 4, s.name.n);
	TRY(store_users_each(call->vault->store, count_user, &s));
	if (s.n == 0)
		return OK;
	return diag_fail(&call->diag, ERR(REFUSED), "Identity", "grant them another one first, or say -Force: then the site's or the global one holds for them",
		s.n == 1 ? "%llu user has it" : "%llu users have it", (unsigned long long)s.n);
}

err object_remove(struct call *call)
{
	str given;
	struct identity i;
	json_t *now = NULL;
	ENSURE(command_text(call, "Identity", &given), USAGE);
	TRY(identity_parse(call, call->cmd->kind, given, &i));
	TRY(reach(call, &i, true));
	TRY(object_load(call, &i, &now));
	err e = check_unused(call, &i);
	if (!failed(e))
		e = remove_children(call, &i);
	if (!failed(e))
		e = change_object(call, i.kind, identity_str(&i), now, NULL);
	json_decref(now);
	return e;
}

/* ---- Grant ---- */

err object_grant(struct call *call)
{
	struct identity i;
	str name = STR("");
	const struct schema_kind *k = call->cmd->kind;
	const struct schema_prop *p = schema_prop_find(&schema_kinds[SCHEMA_ID_User], str_of(k->name));
	if (p == NULL)
		return diag_fail(&call->diag, ERR(REFUSED), call->cmd->name, "use an instance for Global or a site", "a %s cannot be granted to users here", k->name);
	if (command_text(call, "PolicyName", &name) && !str_eq_case(name, STR("Global"))) {
		TRY(identity_parse(call, k, name, &i));
		if (!str_begins(identity_str(&i), STR("Tag:")))
			return diag_fail(&call->diag, ERR(MALFORMED), "PolicyName", "name a policy for users; $null lets that of the site or the global one hold",
				"%s holds by itself and cannot be granted", i.text);
		if (!object_exists(call, &i))
			return diag_fail(&call->diag, ERR(ABSENT), "PolicyName", "make it first", "there is no %s %s", k->name, i.text + 4);
		name = str_cut(identity_str(&i), 4, i.n);
	} else {
		name = STR("");
	}
	return command_user_grant_property(call, p, name);
}
