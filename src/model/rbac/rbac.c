/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rbac.h"

#include <stdio.h>
#include <stdlib.h>

const struct rbac_standard_row rbac_standard_rows[RBAC_STANDARD_N] = {
#define ROLE(name, letter, help) { #name, letter, help },
#include "model/rbac.def"
#undef ROLE
};

enum rbac_standard rbac_standard_find(str name)
{
	unsigned i = 0;
	while (i < RBAC_STANDARD_N && !str_eq_case(str_of(rbac_standard_rows[i].name), name))
		i++;
	return (enum rbac_standard)i;
}

bool rbac_standard_has(enum rbac_standard role, const struct cmd *c)
{
	char letter = rbac_standard_rows[role].letter;
	if (letter == '*' || cmd_has(c, CMD_OPEN) || strchr(c->writers, letter) != NULL)
		return true;
	if (cmd_has(c, CMD_WRITES) || cmd_has(c, CMD_HIDDEN))
		return false;
	/* Tests are for those who repair; everything else that reads is for all. New- of an object that is never stored reads, too. */
	return strncmp(c->name, "Test-", 5) != 0 || letter == 'H' || letter == 'S' || letter == 'r';
}

/* ---- lists ---- */

static bool listed(const json_t *list, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
		if (str_eq_case(str_of(json_string_value(one)), str_of(name)))
			return true;
	return false;
}

static bool role_has(const struct rbac_role *role, const struct cmd *c)
{
	if (role->standard != RBAC_STANDARD_N)
		return rbac_standard_has(role->standard, c);
	return cmd_has(c, CMD_OPEN) || listed(json_object_get(role->body, "Cmdlets"), c->name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *rbac_cmdlets(str role, const json_t *body)
{
	enum rbac_standard standard = rbac_standard_find(role);
	const char *names[2048];
	size_t n = 0;
	if (standard == RBAC_STANDARD_N)
		return json_deep_copy(json_object_get(body, "Cmdlets"));
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		if (rbac_standard_has(standard, cmd_at(i)) && n < sizeof names / sizeof *names)
			names[n++] = cmd_at(i)->name;
	qsort(names, n, sizeof *names, by_name);
	json_t *list = json_array();
	for (size_t i = 0; i < n && list != NULL; i++)
		(void)json_array_append_new(list, json_string(names[i]));
	return list;
}

/* ---- scopes ---- */

static bool is_global(const char *scope)
{
	return scope == NULL || str_eq_case(str_of(scope), STR("global"));
}

bool rbac_scope_covers(const char *scope, str thing, bool is_user)
{
	if (is_global(scope))
		return true;
	str s = str_of(scope);
	if (!is_user)
		return str_begins_case(s, STR("site:")) && thing.n != 0 && str_eq_case(str_cut(s, 5, s.n), thing);
	if (!str_begins_case(s, STR("ou:")) || thing.n == 0)
		return false;
	s = str_cut(s, 3, s.n);
	/* OU=Berlin,DC=x covers OU=Sales,OU=Berlin,DC=x: the same at the end, after a comma */
	return thing.n >= s.n && str_eq_case(str_cut(thing, thing.n - s.n, thing.n), s) && (thing.n == s.n || thing.p[thing.n - s.n - 1] == ',');
}

static const json_t *scopes_of(const struct rbac_role *role, bool is_user)
{
	return json_object_get(role->body, is_user ? "UserScopes" : "ConfigScopes");
}

static bool scopes_cover(const json_t *scopes, str thing, bool is_user)
{
	size_t i;
	json_t *one;
	if (json_array_size(scopes) == 0)
		return true; /* of a built-in role, or left at the default: global */
	json_array_foreach(scopes, i, one)
		if (rbac_scope_covers(json_string_value(one), thing, is_user))
			return true;
	return false;
}

static bool role_reaches(const struct rbac_role *role, const struct rbac_thing *t)
{
	if (!t->is_user && t->site.n == 0 && !t->writes)
		return true;
	return scopes_cover(scopes_of(role, t->is_user), t->is_user ? t->ou : t->site, t->is_user);
}

/* ---- one administrator ---- */

void rbac_fini(struct rbac *r)
{
	for (size_t i = 0; i < r->n; i++)
		json_decref(r->roles[i].body);
	r->n = 0;
}

void rbac_add(struct rbac *r, str name, json_t *body)
{
	enum rbac_standard standard = rbac_standard_find(name);
	if (r->n == RBAC_ROLES_MAX || (standard == RBAC_STANDARD_N && body == NULL))
		return;
	struct rbac_role *role = &r->roles[r->n];
	if (!str_to_z(name, role->name, sizeof role->name))
		return;
	role->standard = standard;
	role->body = standard == RBAC_STANDARD_N ? json_incref(body) : NULL;
	r->n++;
}

static void name_roles(const struct rbac *r, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < r->n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i != 0 ? ", " : "", r->roles[i].name);
}

/* The narrowest built-in role that lists the cmdlet. */
static const char *role_for(const struct cmd *c)
{
	static const enum rbac_standard order[] = { RBAC_CsViewOnlyAdministrator, RBAC_CsHelpDesk, RBAC_CsUserAdministrator, RBAC_CsVoiceAdministrator,
		RBAC_CsServerAdministrator, RBAC_CsArchivingAdministrator, RBAC_CsLocationAdministrator, RBAC_CsPersistentChatAdministrator };
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (rbac_standard_has(order[i], c))
			return rbac_standard_rows[order[i]].name;
	return rbac_standard_rows[RBAC_CsAdministrator].name;
}

err rbac_check_cmd(const struct rbac *r, const struct cmd *c, struct diag *d)
{
	char held[120], remedy[200];
	if (r->is_root)
		return OK;
	for (size_t i = 0; i < r->n; i++)
		if (role_has(&r->roles[i], c))
			return OK;
	name_roles(r, held, sizeof held);
	(void)snprintf(remedy, sizeof remedy, "ask for a role that lists %s, such as %s", c->name, role_for(c));
	if (r->n == 0)
		return diag_fail(d, ERR(REFUSED), c->name, remedy, "you hold no administrator's role");
	return diag_fail(d, ERR(REFUSED), c->name, remedy, "none of your roles lists %s (you hold %s)", c->name, held);
}

static err refuse_thing(const struct rbac *r, const struct cmd *c, const struct rbac_thing *t, struct diag *d)
{
	char held[100], remedy[200];
	name_roles(r, held, sizeof held);
	if (t->is_user)
		(void)snprintf(remedy, sizeof remedy, "ask for %s with a user scope that covers %s%.*s", c->name, t->ou.n != 0 ? "OU:" : "users without an organisational unit (global)",
			STR_FMT(str_cut(t->ou, 0, 80)));
	else
		(void)snprintf(remedy, sizeof remedy, "ask for %s with the configuration scope %s%.*s", c->name, t->site.n != 0 ? "site:" : "global", STR_FMT(str_cut(t->site, 0, 64)));
	return diag_fail(d, ERR(REFUSED), t->name, remedy, "out of reach of your roles (%s)", held);
}

err rbac_check_thing(const struct rbac *r, const struct cmd *c, const struct rbac_thing *t, struct diag *d)
{
	if (r->is_root)
		return OK;
	for (size_t i = 0; i < r->n; i++)
		if (role_has(&r->roles[i], c) && role_reaches(&r->roles[i], t))
			return OK;
	return refuse_thing(r, c, t, d);
}

/* ---- handing out ---- */

/* Whether each of the scopes that a role would have is covered by the scopes of one that is held. */
static bool covers_scopes(const json_t *mine, const json_t *wanted, bool is_user)
{
	size_t i;
	json_t *one;
	if (json_array_size(mine) == 0)
		return true;
	if (json_array_size(wanted) == 0)
		return scopes_cover(mine, STR(""), is_user);
	json_array_foreach(wanted, i, one) {
		str s = str_of(json_string_value(one)), rest;
		if (is_global(json_string_value(one)) ? !scopes_cover(mine, STR(""), is_user) : ((void)str_split(s, ':', &rest), !scopes_cover(mine, rest, is_user)))
			return false;
	}
	return true;
}

static bool holds(const struct rbac *r, const struct cmd *c, const json_t *body)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct rbac_role *role = &r->roles[i];
		if (role_has(role, c) && covers_scopes(scopes_of(role, false), json_object_get(body, "ConfigScopes"), false) &&
		    covers_scopes(scopes_of(role, true), json_object_get(body, "UserScopes"), true))
			return true;
	}
	return false;
}

err rbac_check_role(const struct rbac *r, str role, const json_t *body, struct diag *d)
{
	size_t i;
	json_t *one;
	err e = OK;
	if (r->is_root)
		return OK;
	json_t *list = rbac_cmdlets(role, body);
	json_array_foreach(list, i, one) {
		const struct cmd *c = cmd_find(str_of(json_string_value(one)), NULL);
		if (c == NULL || holds(r, c, body))
			continue;
		e = diag_fail(d, ERR(REFUSED), "AdminRole", "nobody can give rights that he does not have", "%.*s has %s with scopes that you do not have", STR_FMT(str_cut(role, 0, 64)),
			c->name);
		break;
	}
	json_decref(list);
	return e;
}
