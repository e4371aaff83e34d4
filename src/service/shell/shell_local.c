/* SPDX-License-Identifier: Apache-2.0 */
/* The table of local cmdlets, and what they share: parameters, properties, the shape of what they hand on. */
#include "service/shell/shell_local.h"

static const struct shell_local locals[] = {
#define LOCAL(id, name, aliases, parameters, help, example) { name, aliases, parameters, help, example },
#include "service/shell/shell_local.def"
#undef LOCAL
};

static const struct shell_stage_ops *const ops[] = {
#define LOCAL(id, name, aliases, parameters, help, example) &shell_ops_##id,
#include "service/shell/shell_local.def"
#undef LOCAL
};

const struct shell_local *shell_local_at(size_t i)
{
	return i < sizeof locals / sizeof *locals ? &locals[i] : NULL;
}

const struct shell_stage_ops *shell_local_ops(const struct shell_local *local)
{
	return ops[local - locals];
}

const struct shell_local *shell_local_find(str name)
{
	for (size_t i = 0; i < sizeof locals / sizeof *locals; i++) {
		str rest = str_of(locals[i].aliases);
		if (str_eq_case(name, str_of(locals[i].name)))
			return &locals[i];
		while (rest.n != 0)
			if (str_eq_case(name, str_split(rest, ' ', &rest)))
				return &locals[i];
	}
	return NULL;
}

/* ---- parameters ---- */

json_t *shell_parameter(const struct shell_stage *st, const char *name)
{
	return json_object_get(st->parameters, name);
}

bool shell_switch(const struct shell_stage *st, const char *name)
{
	json_t *v = shell_parameter(st, name);
	return v != NULL && shell_truth(v);
}

err shell_parameter_count(
	struct shell *sh, const struct shell_stage *st, const char *name, int64_t dflt, int64_t most, int64_t *out)
{
	struct shell_num n;
	json_t *v = shell_parameter(st, name);
	*out = dflt;
	if (v == NULL)
		return OK;
	if (!shell_num_of(v, &n) || n.is_real || n.i < 0 || n.i > most)
		return shell_fail(sh, ERR(USAGE), "give it a whole number", "-%s is a number from 0 to %lld", name,
			(long long)most);
	*out = n.i;
	return OK;
}

err shell_parameter_text(
	struct shell *sh, const struct shell_stage *st, const char *name, struct buf *scratch, str *out)
{
	json_t *v = shell_parameter(st, name);
	if (v == NULL)
		return shell_fail(sh, ERR(USAGE), "give it", "-%s of %s is missing", name, st->name);
	*out = shell_text_of(sh, v, scratch);
	return OK;
}

/* ---- what is piped, or given as -InputObject ---- */

err shell_keep(struct shell *sh, struct shell_stage *st, json_t *v)
{
	if (st->kept == NULL)
		st->kept = json_array();
	ENSURE(st->kept != NULL, NO_MEMORY);
	TRY(shell_charge(sh, 1));
	return shell_json(json_array_append(st->kept, v));
}

/* What was kept and what InputObject has; a new reference to an array. */
err shell_input(struct shell *sh, struct shell_stage *st, const char *parameter, json_t **out)
{
	json_t *given = shell_parameter(st, parameter);
	if (given != NULL && json_is_array(given))
		*out = json_incref(given);
	else if (given != NULL)
		*out = json_pack("[O]", given);
	else
		*out = st->kept != NULL ? json_incref(st->kept) : json_array();
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

/* ---- properties ---- */

err shell_property_of(struct shell *sh, json_t *v, json_t *property, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	TRY(shell_step(sh));
	if (shell_is_block(property))
		return shell_block_value(sh, property, v, out);
	if (json_is_object(property)) { /* @{Name=...; Expression=...} */
		json_t *expression = shell_object_find(property, STR("Expression"), NULL);
		expression = expression != NULL ? expression : shell_object_find(property, STR("E"), NULL);
		if (expression == NULL)
			return shell_fail(sh, ERR(USAGE), "write @{Name=\"x\";Expression={$_.y}}",
				"a calculated property has no Expression");
		return shell_property_of(sh, v, expression, out);
	}
	return shell_member(sh, v, shell_text_of(sh, property, &b), out);
}

static json_t *label_of(json_t *property)
{
	static const char *const names[] = { "Name", "Label", "N", "L" };
	json_t *found = NULL;
	for (size_t i = 0; i < 4 && found == NULL; i++)
		found = shell_object_find(property, str_of(names[i]), NULL);
	return found != NULL ? found : shell_object_find(property, STR("Expression"), NULL);
}

static bool is_excluded(struct shell *sh, const char *key, json_t *excluded)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	size_t n = json_is_array(excluded) ? json_array_size(excluded) : excluded != NULL;
	for (size_t i = 0; i < n; i++) {
		buf_reset(&b);
		if (shell_like(shell_text_of(sh, json_is_array(excluded) ? json_array_get(excluded, i) : excluded, &b),
			    str_of(key), false))
			return true;
	}
	return false;
}

static err project_wildcard(struct shell *sh, json_t *v, str pattern, json_t *excluded, json_t *to)
{
	const char *key;
	json_t *item;
	json_object_foreach(v, key, item) if (!shell_is_hidden(key) && shell_like(pattern, str_of(key), false) &&
					      !is_excluded(sh, key, excluded))
		TRY(shell_json(json_object_set(to, key, item)));
	return OK;
}

static err project_one(struct shell *sh, json_t *v, json_t *property, json_t *excluded, json_t *to)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	const char *key = NULL;
	char name[256];
	json_t *item;
	str s = shell_text_of(
		sh, json_is_object(property) && !shell_is_special(property) ? label_of(property) : property, &b);
	if (json_is_string(property) && json_is_object(v) && !shell_is_special(v)) {
		if (str_find_char(s, '*') < s.n || str_find_char(s, '?') < s.n || str_find_char(s, '[') < s.n)
			return project_wildcard(sh, v, s, excluded, to);
		if (shell_object_find(v, s, &key) != NULL && !is_excluded(sh, key, excluded))
			return shell_json(json_object_set(to, key, shell_object_find(v, s, NULL)));
	}
	s = str_trim(s);
	if (s.n == 0 || !str_to_z(s, name, sizeof name) || (unsigned char)name[0] < 0x20)
		return shell_fail(sh, ERR(USAGE), "give it a short name", "\"%.*s\" cannot be the name of a property",
			STR_FMT(str_cut(s, 0, 60)));
	if (is_excluded(sh, name, excluded))
		return OK;
	TRY(shell_property_of(sh, v, property, &item));
	return shell_json(json_object_set_new(to, name, item));
}

err shell_project(struct shell *sh, json_t *v, json_t *properties, json_t *excluded, json_t **out)
{
	json_t *to = json_object();
	err e = to != NULL ? OK : ERR(NO_MEMORY);
	size_t n = json_is_array(properties) ? json_array_size(properties) : properties != NULL;
	if (properties == NULL && !failed(e))
		e = project_wildcard(sh, v, STR("*"), excluded, to);
	for (size_t i = 0; i < n && !failed(e); i++) {
		json_t *property = json_is_array(properties) ? json_array_get(properties, i) : properties;
		bool named = !json_is_object(property) || shell_is_block(property) || label_of(property) != NULL;
		e = named ? project_one(sh, v, property, excluded, to)
			  : shell_fail(sh, ERR(USAGE), "write @{Name=\"x\";Expression={$_.y}}",
				    "a calculated property has no Name");
	}
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}
