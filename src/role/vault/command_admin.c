/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, the groups that hold them, and what somebody may do. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define ROLE_KIND  (&schema_kinds[SCHEMA_ID_AdminRole])
#define GROUP_KIND (&schema_kinds[SCHEMA_ID_Group])

/* ---- what is shown ---- */

static void show_cmdlets(json_t *shown, json_t *names)
{
	size_t i;
	json_t *one, *list = json_array();
	json_array_foreach(names, i, one)
		(void)json_array_append_new(list, json_pack("{s:O,s:s}", "Name", one, "Module", "Lync"));
	json_decref(names);
	(void)json_object_set_new(shown, "Cmdlets", list);
}

static json_t *role_object(const char *name, const json_t *body)
{
	enum rbac_standard standard = rbac_standard_find(str_of(name));
	json_t *shown = schema_show(ROLE_KIND, str_of(name), body);
	if (shown == NULL)
		return NULL;
	show_cmdlets(shown, rbac_cmdlets(str_of(name), body));
	(void)json_object_set_new(shown, "IsStandardRole", json_boolean(standard != RBAC_STANDARD_N));
	if (json_array_size(json_object_get(shown, "ConfigScopes")) == 0)
		(void)json_object_set_new(shown, "ConfigScopes", json_pack("[s]", "global"));
	if (json_array_size(json_object_get(shown, "UserScopes")) == 0)
		(void)json_object_set_new(shown, "UserScopes", json_pack("[s]", "global"));
	return shown;
}

static err add_role(void *arg, const struct identity *i, json_t *body)
{
	struct call *call = arg;
	json_t *shown = role_object(i->text, body);
	return object_offer(call, identity_str(i), shown);
}

err command_role_get(struct call *call)
{
	str given;
	struct identity i;
	json_t *body = NULL;
	if (!command_text(call, "Identity", &given))
		return object_each(call, ROLE_KIND, add_role, call);
	TRY(identity_parse(call, ROLE_KIND, given, &i));
	TRY(object_load(call, &i, &body));
	enum rbac_standard standard = rbac_standard_find(given);
	err e = command_add_object(call, role_object(standard != RBAC_STANDARD_N ? rbac_standard_rows[standard].name : i.text, body));
	json_decref(body);
	return e;
}

/* ---- what a role may be ---- */

static err check_cmdlets(struct call *call, json_t *list)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one) {
		const struct cmd *near, *c = cmd_find(str_of(json_string_value(one)), &near);
		if (c != NULL) {
			(void)json_array_set_new(list, i, json_string(c->name)); /* in its own letters */
			continue;
		}
		char remedy[120] = "Get-Command lists the cmdlets";
		if (strchr(json_string_value(one), '*') != NULL)
			(void)snprintf(remedy, sizeof remedy, "name each cmdlet; a role has no wildcards");
		else if (near != NULL)
			(void)snprintf(remedy, sizeof remedy, "did you mean %s?", near->name);
		return diag_fail(&call->diag, ERR(MALFORMED), "Cmdlets", remedy, "there is no cmdlet %.80s", json_string_value(one));
	}
	return OK;
}

/* Without a scope a role would reach everything: unsetting it is no way of saying so. */
static err check_scopes(struct call *call, const json_t *list, const char *name, bool is_user)
{
	size_t i;
	json_t *one;
	str site;
	if ((list != NULL && json_array_size(list) == 0) || json_is_null(command_value(call, name)))
		return diag_fail(&call->diag, ERR(MALFORMED), name, is_user ? "write OU:DISTINGUISHED-NAME, or global" : "write site:NAME, or global", "at least one scope stays");
	json_array_foreach(list, i, one) {
		str s = str_of(json_string_value(one));
		bool good = str_eq_case(s, STR("global")) || (is_user && str_begins_case(s, STR("OU:")) && str_find_char(s, '=') < s.n) ||
			    (!is_user && str_begins_case(s, STR("site:")) && place_site(call->vault, str_cut(s, 5, s.n), &site));
		if (!good)
			return diag_fail(&call->diag, ERR(MALFORMED), name, is_user ? "write OU:OU=Sales,DC=example,DC=test, or global" : "write site:NAME of a site (Get-CsSite), or global",
				"%.*s is no scope", STR_FMT(str_cut(s, 0, 100)));
	}
	return OK;
}

static err check_role(struct call *call, const struct identity *i, json_t *body)
{
	TRY(check_cmdlets(call, json_object_get(body, "Cmdlets")));
	TRY(check_scopes(call, json_object_get(body, "ConfigScopes"), "ConfigScopes", false));
	TRY(check_scopes(call, json_object_get(body, "UserScopes"), "UserScopes", true));
	return rbac_check_role(&call->author->rights, identity_str(i), body, &call->diag);
}

/* ---- New, Set, Remove ---- */

/* A new role begins with the cmdlets and scopes of its template. */
static err take_template(struct call *call, json_t *body)
{
	str name = STR("");
	struct identity i;
	json_t *from = NULL;
	(void)command_text(call, "Template", &name);
	TRY(identity_parse(call, ROLE_KIND, name, &i));
	TRY(object_load(call, &i, &from));
	(void)json_object_set_new(body, "Cmdlets", rbac_cmdlets(identity_str(&i), from));
	static const char *const scopes[] = { "ConfigScopes", "UserScopes", "ScriptModules" };
	for (size_t k = 0; k < 3; k++)
		if (json_object_get(from, scopes[k]) != NULL)
			(void)json_object_set(body, scopes[k], json_object_get(from, scopes[k]));
	json_decref(from);
	return OK;
}

/* A modifier of a scope list replaces the default, global, rather than adding to it. */
static err new_role(struct call *call, const struct identity *i, json_t *body)
{
	TRY(take_template(call, body));
	json_t *from = json_deep_copy(body);
	err e = from != NULL ? object_apply(call, ROLE_KIND, from, body) : ERR(NO_MEMORY);
	json_decref(from);
	TRY(e);
	TRY(check_role(call, i, body));
	TRY(change_object(call, ROLE_KIND, identity_str(i), NULL, body));
	return command_add_object(call, role_object(i->text, body));
}

static err make_group(struct call *call, const struct identity *role)
{
	struct identity g;
	TRY(identity_parse(call, GROUP_KIND, identity_str(role), &g));
	if (object_exists(call, &g))
		return OK;
	json_t *body = json_pack("{s:s}", "Description", "holds the administrators' role of the same name");
	err e = body != NULL ? change_object(call, GROUP_KIND, identity_str(&g), NULL, body) : ERR(NO_MEMORY);
	json_decref(body);
	if (!failed(e))
		command_warn(call, "the group %s was made: who is in it holds the role (Set-CsGroup %s -Members @{Add=\"sip:...\"})", role->text, role->text);
	return e;
}

static err check_name(struct call *call, const struct identity *i)
{
	if (str_find_char(identity_str(i), '@') == i->n)
		return OK;
	return diag_fail(&call->diag, ERR(MALFORMED), "Identity", "choose a name without @", "%s could be taken for a user", i->text);
}

static err refuse_standard(struct call *call, const struct identity *i)
{
	if (rbac_standard_find(identity_str(i)) == RBAC_STANDARD_N)
		return OK;
	return diag_fail(&call->diag, ERR(REFUSED), "Identity", "make a role of your own from it: New-CsAdminRole -Identity NAME -Template ROLE", "%s is built in and stays as it is", i->text);
}

err command_role_new(struct call *call)
{
	struct identity i;
	str given = STR("");
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, ROLE_KIND, given, &i));
	TRY(refuse_standard(call, &i));
	TRY(check_name(call, &i));
	if (object_exists(call, &i))
		return diag_fail(&call->diag, ERR(EXISTS), "Identity", "Set-CsAdminRole changes it", "there is a role %s already", i.text);
	json_t *body = json_object();
	err e = body != NULL ? new_role(call, &i, body) : ERR(NO_MEMORY);
	json_decref(body);
	return failed(e) ? e : make_group(call, &i);
}

err command_role_set(struct call *call)
{
	struct identity i;
	str given = STR("");
	json_t *now = NULL;
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, ROLE_KIND, given, &i));
	TRY(refuse_standard(call, &i));
	TRY(object_load(call, &i, &now));
	json_t *body = json_deep_copy(now);
	err e = rbac_check_role(&call->author->rights, identity_str(&i), now, &call->diag); /* nor touch what is above him */
	if (!failed(e))
		e = object_apply(call, ROLE_KIND, now, body);
	if (!failed(e))
		e = check_role(call, &i, body);
	if (!failed(e))
		e = change_object(call, ROLE_KIND, identity_str(&i), now, body);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = command_add_object(call, role_object(i.text, body));
	json_decref(now);
	json_decref(body);
	return e;
}

err command_role_remove(struct call *call)
{
	struct identity i;
	str given = STR("");
	json_t *now = NULL;
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, ROLE_KIND, given, &i));
	TRY(refuse_standard(call, &i));
	TRY(object_load(call, &i, &now));
	err e = rbac_check_role(&call->author->rights, identity_str(&i), now, &call->diag);
	if (!failed(e))
		e = change_object(call, ROLE_KIND, identity_str(&i), now, NULL);
	json_decref(now);
	return e;
}

static err update_role(void *arg, const struct identity *i, json_t *body)
{
	struct call *call = arg;
	json_t *kept = json_array(), *one, *after = json_copy(body);
	size_t k;
	json_array_foreach(json_object_get(body, "Cmdlets"), k, one)
		if (cmd_find(str_of(json_string_value(one)), NULL) != NULL)
			(void)json_array_append(kept, one);
	bool same = json_array_size(kept) == json_array_size(json_object_get(body, "Cmdlets"));
	(void)json_object_set_new(after, "Cmdlets", kept);
	err e = same ? OK : change_object(call, ROLE_KIND, identity_str(i), body, after);
	json_decref(after);
	return e;
}

err command_role_update(struct call *call)
{
	return object_each(call, ROLE_KIND, update_role, call);
}

/* ---- groups ---- */

static void keep_body(void *arg, const struct store_object *o)
{
	*(json_t **)arg = json_loadb(o->body.p, o->body.n, 0, NULL);
}

/* Whoever can put somebody into a group can give him what the group holds, and what the groups above it hold. */
struct giving {
	struct call *call;
	err e;
};

static void check_given(void *arg, str role, json_t *body, const char *by)
{
	struct giving *g = arg;
	if (!failed(g->e))
		g->e = rbac_check_role(&g->call->author->rights, role, body, &g->call->diag);
}

static err check_group(struct call *call, str name)
{
	struct giving g = { call, OK };
	json_t *body = NULL;
	if (call->author->rights.is_root)
		return OK;
	if (rbac_standard_find(name) != RBAC_STANDARD_N)
		check_given(&g, name, NULL, "");
	else if (!failed(store_object_find(call->vault->store, STR("AdminRole"), name, keep_body, &body)))
		check_given(&g, name, body, "");
	json_decref(body);
	TRY(rights_each(call->vault, name, check_given, &g));
	return g.e;
}

/* Whether a name counts when rights are looked up: the address of a user, or another group. Other names of users do not. */
static bool is_member(struct call *call, const struct identity *group, str name)
{
	char room[VAULT_AOR];
	str aor, address = str_begins_case(name, STR("sip:")) ? str_cut(name, 4, name.n) : name;
	struct identity g;
	struct diag before = call->diag;
	bool is = !failed(identity_parse(call, GROUP_KIND, name, &g)) && str_eq_case(name, identity_str(&g)) && object_exists(call, &g) && !str_eq_case(name, identity_str(group));
	is = is || (!failed(command_user_identity(call, name, room, &aor)) && str_eq_case(aor, address));
	call->diag = before;
	return is;
}

/* Members are users, or groups. */
static err check_members(struct call *call)
{
	str given;
	struct identity i;
	json_t *body = NULL, *one;
	size_t k;
	err e = OK;
	if (call->what_if || !command_text(call, "Identity", &given))
		return OK;
	TRY(identity_parse(call, GROUP_KIND, given, &i));
	TRY(object_load(call, &i, &body));
	json_array_foreach(json_object_get(body, "Members"), k, one) {
		str name = str_of(json_string_value(one));
		if (!is_member(call, &i, name)) {
			e = diag_fail(&call->diag, ERR(ABSENT), "Members", "write sip:USER@DOMAIN, or the name of another group", "%.*s is neither a user nor another group", STR_FMT(str_cut(name, 0, 80)));
			break;
		}
	}
	json_decref(body);
	return e;
}

/* What is asked about is what would be changed: the name as it is stored, however it was written. A group that is called like a user would
 * pass for him where groups are looked up by their members. */
static err check_given_group(struct call *call)
{
	struct identity i;
	str given = STR("");
	(void)command_text(call, "Identity", &given);
	TRY(identity_parse(call, GROUP_KIND, given, &i));
	if (call->cmd->id == CMD_NEW)
		TRY(check_name(call, &i));
	return check_group(call, identity_str(&i));
}

err command_group_new(struct call *call)
{
	TRY(check_given_group(call));
	TRY(object_new(call));
	return command_switch(call, "InMemory") ? OK : check_members(call);
}

err command_group_set(struct call *call)
{
	TRY(check_given_group(call));
	TRY(object_set(call));
	return check_members(call);
}

err command_group_remove(struct call *call)
{
	TRY(check_given_group(call));
	return object_remove(call);
}

/* ---- who may what ---- */

struct assignment {
	struct call *call;
	err e;
};

static void add_assignment(void *arg, str role, json_t *body, const char *by)
{
	struct assignment *a = arg;
	json_t *o = json_pack("{s:o,s:s,s:O?,s:O?}", "Role", command_json(role), "By", by, "ConfigScopes", json_object_get(body, "ConfigScopes"), "UserScopes",
		json_object_get(body, "UserScopes"));
	if (o != NULL && json_object_get(body, "ConfigScopes") == NULL)
		(void)json_object_set_new(o, "ConfigScopes", json_pack("[s]", "global"));
	if (o != NULL && json_object_get(body, "UserScopes") == NULL)
		(void)json_object_set_new(o, "UserScopes", json_pack("[s]", "global"));
	if (!failed(a->e))
		a->e = command_add_object(a->call, o);
	else
		json_decref(o);
}

err command_role_assignment_get(struct call *call)
{
	char room[VAULT_AOR];
	str given = STR(""), aor;
	struct assignment a = { call, OK };
	(void)command_text(call, "Identity", &given);
	TRY(command_user_identity(call, given, room, &aor));
	TRY(rights_each(call->vault, aor, add_assignment, &a));
	return a.e;
}

/* The words of "Set-CsUser -Identity sip:bob@example.test": the cmdlet and the identity. */
static str next_word(str *rest)
{
	*rest = str_trim(*rest);
	if (rest->n != 0 && (rest->p[0] == '"' || rest->p[0] == '\'')) {
		char quote = rest->p[0];
		return str_split(str_cut(*rest, 1, rest->n), quote, rest);
	}
	return str_split(*rest, ' ', rest);
}

static str identity_of(str rest)
{
	str first = STR("");
	while (rest.n != 0) {
		str word = next_word(&rest), name = word;
		if (!cmd_take_dash(&name)) {
			first = first.n == 0 ? word : first;
			continue;
		}
		str value = next_word(&rest);
		if (str_eq_case(name, STR("Identity")))
			return value;
	}
	return first;
}

static err try_thing(struct call *call, const struct rbac *rights, const struct cmd *c, str identity, struct diag *d)
{
	struct identity i;
	char room[VAULT_AOR];
	str aor;
	json_t *body = NULL;
	bool writes = cmd_has(c, CMD_WRITES);
	bool users = cmd_has(c, CMD_USERS) || (c->kind != NULL && c->kind->id == SCHEMA_ID_User);
	if (identity.n == 0 && c->id == CMD_SET && schema_has(c->kind->scopes, SCHEMA_AT_GLOBAL))
		identity = STR("Global");
	if (identity.n == 0)
		return OK;
	if (users) {
		TRY(command_user_identity(call, identity, room, &aor));
		TRY(command_user_body(call, aor, &body));
		str ou = str_of(json_string_value(json_object_get(body, "OU")));
		err e = rbac_check_thing(rights, c, &(struct rbac_thing){ .writes = writes, .is_user = true, .ou = ou, .name = "the user" }, d);
		json_decref(body);
		return e;
	}
	if (c->kind == NULL)
		return OK;
	TRY(identity_parse(call, c->kind, identity, &i));
	return rbac_check_thing(rights, c, &(struct rbac_thing){ .writes = writes, .site = i.site, .name = i.text }, d);
}

static const char *role_that_lets(const struct rbac *rights, const struct cmd *c)
{
	for (size_t i = 0; i < rights->n; i++) {
		struct rbac one = { .n = 1 };
		one.roles[0] = rights->roles[i];
		if (!failed(rbac_check_cmd(&one, c, NULL)))
			return rights->roles[i].name;
	}
	return "";
}

err command_role_test(struct call *call)
{
	char room[VAULT_AOR];
	str user = STR(""), line = STR(""), aor;
	struct rbac rights = { 0 };
	struct diag d = { 0 };
	const struct cmd *near = NULL;
	(void)command_text(call, "User", &user);
	(void)command_text(call, "Command", &line);
	TRY(command_user_identity(call, user, room, &aor));
	str word = next_word(&line);
	const struct cmd *c = cmd_find(word, &near);
	if (c == NULL)
		return diag_fail(&call->diag, ERR(USAGE), "Command", near != NULL ? near->name : "Get-Command lists the cmdlets", "there is no cmdlet %.*s", STR_FMT(str_cut(word, 0, 80)));
	err e = rights_load(call->vault, aor, &rights);
	err may = failed(e) ? e : rbac_check_cmd(&rights, c, &d);
	if (!failed(may))
		may = try_thing(call, &rights, c, identity_of(line), &d);
	const char *role = failed(may) ? "" : role_that_lets(&rights, c);
	rbac_fini(&rights);
	if (failed(may) && !err_is(may, ERR_REFUSED))
		return may;
	return command_add_object(call, json_pack("{s:o,s:s,s:b,s:s,s:s,s:s}", "User", command_uri(aor), "Command", c->name, "Allowed", !failed(may), "Role", role, "Reason", d.what,
		"Remedy", d.remedy));
}
