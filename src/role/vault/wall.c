/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in which group that a wall names: worked out here, where the properties of people are, so that fronts learn of each user only the marks of his groups
 * (docs/adr/0086); and the incidents that they tell of.
 */
#include "role/vault/vault_priv.h"
#include "service/wall.h"

#include <stdio.h>

enum { INCIDENTS_KEPT = 10000, INCIDENT_DAYS = 90, TRIM_EVERY = 64, GROUPS_MAX = 2048 };

/* ---- groups ---- */

static void add_group(void *arg, const struct store_object *o)
{
	json_t *all = arg, *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	char name[SCHEMA_IDENTITY_MAX + 1];
	if (body != NULL && str_to_z(o->identity, name, sizeof name))
		(void)json_object_set_new(all, name, json_incref(json_object_get(body, "Members")));
	json_decref(body);
}

static json_t *find_group(const json_t *all, str wanted)
{
	const char *name;
	json_t *members;
	json_object_foreach((json_t *)(uintptr_t)all, name, members)
		if (str_eq_case(str_of(name), wanted))
			return members;
	return NULL;
}

static str bare(str s)
{
	return str_begins_case(s, STR("sip:")) ? str_cut(s, 4, s.n) : s;
}

static void add_lower(json_t *set, str s)
{
	char text[SCHEMA_IDENTITY_MAX + 1];
	if (!str_to_z(s, text, sizeof text))
		return;
	for (char *p = text; *p != '\0'; p++)
		*p = char_lower(*p);
	(void)json_object_set_new(set, text, json_true());
}

/* All that is in a group, groups in it opened: what has been opened stands in the set itself, so a circle ends. */
static json_t *expand(const json_t *all, str name)
{
	json_t *set = json_object(), *todo = json_array(), *one;
	size_t k, i;
	(void)json_array_append_new(todo, command_json(name));
	for (i = 0; i < json_array_size(todo) && i < GROUPS_MAX; i++)
		json_array_foreach(find_group(all, str_of(json_string_value(json_array_get(todo, i)))), k, one) {
			str member = bare(str_of(json_string_value(one)));
			size_t before = json_object_size(set);
			add_lower(set, member);
			if (json_object_size(set) != before)
				(void)json_array_append(todo, one);
		}
	json_decref(todo);
	return set;
}

struct gather {
	json_t *selectors; /* selector: null, or the set of members */
};

static void add_selectors(json_t *out, const json_t *list)
{
	size_t k;
	json_t *one;
	json_array_foreach(list, k, one)
		if (wall_is_group(str_of(json_string_value(one))))
			(void)json_object_set_new(out, json_string_value(one), json_null());
}

static void gather(void *arg, const struct store_object *o)
{
	struct gather *g = arg;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	add_selectors(g->selectors, json_object_get(body, "From"));
	add_selectors(g->selectors, json_object_get(body, "To"));
	add_selectors(g->selectors, json_object_get(body, "Exceptions"));
	json_decref(body);
}

static void fill_groups(const struct vault *v, json_t *selectors)
{
	const char *selector;
	json_t *set, *all = json_object();
	str name, pattern;
	(void)failed(store_objects_each(v->store, STR("Group"), add_group, all));
	json_object_foreach(selectors, selector, set)
		if (!wall_attribute(str_of(selector), &name, &pattern))
			(void)json_object_set_new(selectors, selector, expand(all, name));
	json_decref(all);
}

bool vault_walls_refresh(struct vault *v)
{
	struct gather g = { json_object() };
	(void)failed(store_objects_each(v->store, STR("EthicalWall"), gather, &g));
	(void)failed(store_objects_each(v->store, STR("MessageContentRule"), gather, &g));
	if (json_object_size(g.selectors) != 0)
		fill_groups(v, g.selectors);
	bool is_new = v->wall_groups == NULL ? json_object_size(g.selectors) != 0 : !json_equal(v->wall_groups, g.selectors);
	json_decref(v->wall_groups);
	v->wall_groups = g.selectors;
	return is_new;
}

/* ---- what a user is told to be in ---- */

static const char *property(const struct store_user *u, const json_t *body, str name, char room[VAULT_AOR + 256])
{
	const struct schema_prop *p = schema_prop_find(&schema_kinds[SCHEMA_ID_User], name);
	if (p == NULL)
		return "";
	if (str_eq(str_of(p->name), STR("DisplayName")))
		return str_to_z(u->display_name, room, VAULT_AOR + 256) ? room : "";
	const char *value = json_string_value(json_object_get(body, p->name));
	return value != NULL ? value : "";
}

static bool is_in(const struct store_user *u, const json_t *body, const char *selector, const json_t *members)
{
	char room[VAULT_AOR + 256];
	str name, pattern;
	if (!wall_attribute(str_of(selector), &name, &pattern))
		return str_to_z(u->aor, room, sizeof room) && json_object_get(members, room) != NULL;
	const char *value = property(u, body, name, room);
	return value[0] != '\0' && wall_matches(pattern, str_of(value));
}

void vault_print_groups(const struct vault *v, const struct store_user *u, const json_t *body, struct buf *out)
{
	const char *selector;
	json_t *members;
	unsigned n = 0;
	json_object_foreach(v->wall_groups, selector, members) {
		char mark[WALL_MARK];
		if (!is_in(u, body, selector, members))
			continue;
		wall_mark(str_of(selector), mark);
		buf_printf(out, "%s%.*s", n++ == 0 ? "Groups=" : ",", WALL_MARK, mark);
	}
	if (n != 0)
		buf_add_char(out, '\n');
}

/* ---- incidents ---- */

err vault_on_incident(struct vault *v, str body)
{
	struct ipc_wall_incident m;
	TRY(ipc_wall_incident_parse(&m, body));
	uint64_t now = vault_unix_ms() / 1000;
	if (v->store == NULL || failed(store_begin(v->store)))
		return OK;
	err e = store_incident_add(v->store, &(const struct store_incident){ .time = now, .rule = m.rule, .action = m.action, .modality = m.modality, .from = m.from,
		.to = m.to, .text = str_cut(m.text, 0, STORE_INCIDENT_TEXT) });
	if (!failed(e) && v->n_incidents++ % TRIM_EVERY == 0)
		e = store_incidents_trim(v->store, INCIDENTS_KEPT, now - INCIDENT_DAYS * UINT64_C(86400));
	e = store_end(v->store, !failed(e));
	if (!failed(e))
		vault_turn(v);
	return OK;
}
