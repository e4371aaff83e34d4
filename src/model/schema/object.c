/* SPDX-License-Identifier: Apache-2.0 */
/* Whole objects: list modifiers, objects of memory kinds, what is shown, and the C struct. */
#include "model/schema/schema_priv.h"

#include <stdlib.h>

/* ---- list modifiers ---- */

static str key_str(const char *key)
{
	return str_of(key);
}

static bool is_modifier(const json_t *given)
{
	const char *key;
	json_t *v;
	if (!json_is_object(given) || json_object_size(given) == 0)
		return false;
	json_object_foreach((json_t *)(uintptr_t)given, key, v)
		if (!str_eq_case(key_str(key), STR("Add")) && !str_eq_case(key_str(key), STR("Remove")) && !str_eq_case(key_str(key), STR("Replace")))
			return false;
	return true;
}

static const json_t *modifier(const json_t *given, str name)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)given, key, v)
		if (str_eq_case(key_str(key), name))
			return v;
	return NULL;
}

static err take_out(const struct schema_prop *p, json_t *list, const json_t *given, struct diag *d)
{
	json_t *v = NULL;
	TRY(value_one(p, given, &v, d));
	size_t at = value_index(list, v);
	json_decref(v);
	if (at == json_array_size(list))
		return diag_fail(d, ERR(ABSENT), p->name, "Get- shows what is there", "%.80s does not stand in the list",
			json_is_string(given) ? json_string_value(given) : "the element");
	return json_array_remove(list, at) == 0 ? OK : ERR(NO_MEMORY);
}

static err take_out_each(const struct schema_prop *p, json_t *list, const json_t *given, struct diag *d)
{
	size_t i;
	json_t *one;
	if (!json_is_array(given))
		return take_out(p, list, given, d);
	json_array_foreach(given, i, one)
		TRY(take_out(p, list, one, d));
	return OK;
}

static err modify(const struct schema_prop *p, json_t *list, const json_t *given, struct diag *d)
{
	const json_t *replace = modifier(given, STR("Replace")), *gone = modifier(given, STR("Remove")), *more = modifier(given, STR("Add"));
	if (replace != NULL && json_array_clear(list) != 0)
		return ERR(NO_MEMORY);
	if (replace != NULL && !json_is_null(replace))
		TRY(value_add(p, list, replace, d));
	if (gone != NULL)
		TRY(take_out_each(p, list, gone, d));
	return more != NULL ? value_add(p, list, more, d) : OK;
}

err schema_modify(const struct schema_prop *p, const json_t *now, const json_t *given, json_t **out, struct diag *d)
{
	bool is_list = p->type == SCHEMA_LISTED || p->type == SCHEMA_OBJECTS;
	if (!is_list || !is_modifier(given))
		return schema_value(p, given, out, d);
	json_t *list = json_is_array(now) ? json_copy((json_t *)(uintptr_t)now) : json_array();
	ENSURE(list != NULL, NO_MEMORY);
	err e = modify(p, list, given, d);
	if (failed(e))
		json_decref(list);
	else
		*out = list;
	return e;
}

/* ---- objects of memory kinds ---- */

static err take_property(const struct schema_kind *k, json_t *object, const char *name, const json_t *given, struct diag *d)
{
	json_t *v = NULL;
	const struct schema_prop *p = schema_prop_find(k, str_of(name));
	if (str_eq_case(str_of(name), STR("Identity")))
		return OK;
	if (p == NULL)
		return diag_fail(d, ERR(USAGE), k->name, "Get-Help lists its properties", "there is no property %.64s", name);
	TRY(schema_value(p, given, &v, d));
	return v == NULL || json_object_set_new(object, p->name, v) == 0 ? OK : ERR(NO_MEMORY);
}

static err fill(const struct schema_kind *k, json_t *object, const json_t *given, struct diag *d)
{
	const char *name;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)given, name, v)
		TRY(take_property(k, object, name, v, d));
	for (size_t i = 0; i < k->n_props; i++)
		if (schema_has(k->props[i].flags, SCHEMA_MANDATORY) && json_object_get(object, k->props[i].name) == NULL)
			return diag_fail(d, ERR(USAGE), k->name, k->props[i].help, "-%s is missing", k->props[i].name);
	return OK;
}

err schema_object(const struct schema_kind *k, const json_t *given, json_t **out, struct diag *d)
{
	json_t *object = json_object();
	ENSURE(object != NULL, NO_MEMORY);
	err e = fill(k, object, given, d);
	if (failed(e))
		json_decref(object);
	else
		*out = object;
	return e;
}

/* ---- what is shown ---- */

json_t *schema_show(const struct schema_kind *k, str identity, const json_t *body)
{
	json_t *object = json_object();
	if (object == NULL)
		return NULL;
	if (k->base != SCHEMA_MEMORY)
		(void)json_object_set_new(object, "Identity", json_stringn(identity.p, identity.n));
	for (size_t i = 0; i < k->n_props; i++) {
		const struct schema_prop *p = &k->props[i];
		json_t *stored = json_object_get(body, p->name);
		json_t *v = stored != NULL ? json_incref(stored) : schema_default(p);
		if (p->type == SCHEMA_SECRET && v != NULL && !json_is_null(v)) {
			json_decref(v);
			v = json_string("***");
		}
		if (v == NULL)
			v = p->type == SCHEMA_LISTED || p->type == SCHEMA_OBJECTS ? json_array() : json_null();
		(void)json_object_set_new(object, p->name, v);
	}
	return object;
}

/* ---- as a C struct ---- */

static err read_str(const json_t *v, struct arena *a, str *out)
{
	*out = STR("");
	if (json_is_object(v)) {
		char *text = json_dumps(v, JSON_COMPACT);
		ENSURE(text != NULL, NO_MEMORY);
		*out = arena_copy(a, str_of(text));
		free(text);
	} else if (json_is_string(v)) {
		*out = arena_copy(a, (str){ json_string_value(v), json_string_length(v) });
	}
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

static err read_texts(const json_t *v, struct arena *a, struct schema_texts *out)
{
	size_t n = json_array_size(v);
	str *texts = n != 0 ? arena_alloc(a, n * sizeof *texts) : NULL;
	*out = (struct schema_texts){ texts, n };
	ENSURE(n == 0 || texts != NULL, CEILING);
	for (size_t i = 0; i < n; i++)
		TRY(read_str(json_array_get(v, i), a, &texts[i]));
	return OK;
}

static int64_t read_number(const struct schema_prop *p, const json_t *v)
{
	int64_t n = SCHEMA_UNSET;
	if (json_is_integer(v))
		n = json_integer_value(v);
	else if (p->type == SCHEMA_TIMESPAN && json_is_string(v))
		(void)value_timespan(str_of(json_string_value(v)), &n);
	return n;
}

union member {
	bool truth;
	int64_t number;
	str text;
	struct schema_texts texts;
};

static size_t size_of(enum schema_type t)
{
	switch (t) {
	case SCHEMA_BOOL:
		return sizeof(bool);
	case SCHEMA_INT:
	case SCHEMA_TIMESPAN:
		return sizeof(int64_t);
	case SCHEMA_LISTED:
	case SCHEMA_OBJECTS:
		return sizeof(struct schema_texts);
	default:
		return sizeof(str);
	}
}

static err read_member(const struct schema_prop *p, const json_t *v, struct arena *a, union member *m)
{
	switch (p->type) {
	case SCHEMA_BOOL:
		m->truth = json_is_true(v);
		return OK;
	case SCHEMA_INT:
	case SCHEMA_TIMESPAN:
		m->number = read_number(p, v);
		return OK;
	case SCHEMA_LISTED:
	case SCHEMA_OBJECTS:
		return read_texts(v, a, &m->texts);
	default:
		return read_str(v, a, &m->text);
	}
}

/* The members stand in the order of the rows, each at the next place that fits its size: all but bool are aligned to 8 bytes. */
static size_t place(size_t at, enum schema_type t)
{
	_Static_assert(_Alignof(str) == 8 && _Alignof(int64_t) == 8 && sizeof(bool) == 1, "members are laid out by these");
	return t == SCHEMA_BOOL ? at : (at + 7) & ~(size_t)7;
}

err schema_read(const struct schema_kind *k, const json_t *body, struct arena *a, void *out)
{
	size_t at = 0;
	memset(out, 0, k->size);
	for (size_t i = 0; i < k->n_props; i++) {
		const struct schema_prop *p = &k->props[i];
		json_t *stored = json_object_get(body, p->name);
		json_t *v = stored != NULL ? json_incref(stored) : schema_default(p);
		union member m = { 0 };
		err e = read_member(p, v, a, &m);
		json_decref(v);
		TRY(e);
		at = place(at, p->type);
		memcpy((char *)out + at, &m, size_of(p->type));
		at += size_of(p->type);
	}
	ASSERT(((at + 7) & ~(size_t)7) == k->size || at == k->size);
	return OK;
}
