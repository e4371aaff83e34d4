/* SPDX-License-Identifier: Apache-2.0 */
/* Roles of administrators: a role is held by the members of the group of the same name, and by the members of groups in it. */
#include "role/vault/vault_priv.h"

#include <stdio.h>

/* All of them: a group that is not looked at would hide what its members hold from those who must not touch them. */
struct groups {
	json_t *all;  /* name: [members] */
	json_t *seen; /* those that were climbed to: each once, however they contain each other */
};

static void add_group(void *arg, const struct store_object *o)
{
	struct groups *g = arg;
	char name[SCHEMA_IDENTITY_MAX + 1];
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL), *members = json_object_get(body, "Members");
	if (members != NULL && str_to_z(o->identity, name, sizeof name))
		(void)json_object_set(g->all, name, members);
	json_decref(body);
}

static str bare(str s)
{
	return str_begins_case(s, STR("sip:")) ? str_cut(s, 4, s.n) : s;
}

struct walk {
	struct vault *vault;
	const struct groups *groups;
	void (*fn)(void *arg, str role, json_t *body, const char *by);
	void *arg;
};

static void keep_body(void *arg, const struct store_object *o)
{
	*(json_t **)arg = json_loadb(o->body.p, o->body.n, 0, NULL);
}

/* The role of a group's name, if there is one. */
static void give_role(const struct walk *w, str group, const char *by)
{
	json_t *body = NULL;
	if (rbac_standard_find(group) == RBAC_STANDARD_N)
		(void)failed(store_object_find(w->vault->store, STR("AdminRole"), group, keep_body, &body));
	if (body != NULL || rbac_standard_find(group) != RBAC_STANDARD_N)
		w->fn(w->arg, group, body, by);
	json_decref(body);
}

/* Every group that has `member`, and the groups that have those. */
static void climb(const struct walk *w, str member, const char *by)
{
	const char *name;
	json_t *members, *one;
	size_t i;
	json_object_foreach(w->groups->all, name, members)
		json_array_foreach(members, i, one) {
			char path[400];
			if (!str_eq_case(bare(str_of(json_string_value(one))), bare(member)) || json_object_get(w->groups->seen, name) != NULL)
				continue;
			(void)json_object_set_new(w->groups->seen, name, json_true());
			(void)snprintf(path, sizeof path, "%s%s%s", by, by[0] != '\0' ? " > " : "", name);
			give_role(w, str_of(name), path);
			climb(w, str_of(name), path);
			break;
		}
}

err rights_each(struct vault *v, str aor, void (*fn)(void *arg, str role, json_t *body, const char *by), void *arg)
{
	struct groups g = { json_object(), json_object() };
	err e = g.all != NULL && g.seen != NULL ? store_objects_each(v->store, STR("Group"), add_group, &g) : ERR(NO_MEMORY);
	if (!failed(e))
		climb(&(struct walk){ v, &g, fn, arg }, aor, "");
	json_decref(g.all);
	json_decref(g.seen);
	return e;
}

static void add_role(void *arg, str role, json_t *body, const char *by)
{
	struct rbac *r = arg;
	for (size_t i = 0; i < r->n; i++)
		if (str_eq_case(str_of(r->roles[i].name), role))
			return;
	rbac_add(r, role, body);
}

err rights_load(struct vault *v, str aor, struct rbac *out)
{
	return rights_each(v, aor, add_role, out);
}
