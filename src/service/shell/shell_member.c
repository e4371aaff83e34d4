/* SPDX-License-Identifier: Apache-2.0 */
/* Properties and items: what they are, and setting them. */
#include "base/near.h"
#include "service/shell/shell_priv.h"

/* ---- reading ---- */

static bool is_count(str name)
{
	return str_eq_case(name, STR("Count")) || str_eq_case(name, STR("Length"));
}

static json_t *hash_part(const json_t *v, bool keys)
{
	const char *key;
	json_t *item, *to = json_array();
	json_object_foreach((json_t *)(uintptr_t)v, key,
		item) if (to != NULL && !shell_is_hidden(key) &&
			  (keys ? json_array_append_new(to, json_string(key)) : json_array_append(to, item)) != 0)
	{
		json_decref(to);
		return NULL;
	}
	return to;
}

static err object_member(struct shell *sh, json_t *v, str name, json_t **out)
{
	json_t *found = shell_is_special(v) ? NULL : shell_object_find(v, name, NULL);
	if (found != NULL)
		*out = json_incref(found);
	else if (str_eq_case(name, STR("Keys")) && !shell_is_special(v))
		*out = hash_part(v, true);
	else if (str_eq_case(name, STR("Values")) && !shell_is_special(v))
		*out = hash_part(v, false);
	else if (is_count(name))
		*out = json_integer(shell_is_hash(v) ? (json_int_t)shell_object_size(v) : 1);
	else
		*out = json_null();
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

static err text_member(struct shell *sh, json_t *v, str name, json_t **out)
{
	str s = { json_string_value(v), json_string_length(v) };
	struct shell_date d;
	int64_t ms;
	*out = NULL;
	if (str_eq_case(name, STR("Length")))
		*out = json_integer((json_int_t)shell_text_length(s));
	else if (str_eq_case(name, STR("Count")))
		*out = json_integer(1);
	else if (shell_date_read(s, false, &d) && str_eq_case(name, STR("Date")))
		*out = shell_string(str_cut(s, 0, 10));
	else if (shell_date_read(s, false, &d))
		(void)shell_date_part(d, name, out);
	else if (shell_span_read(s, &ms))
		(void)shell_span_part(ms, name, out);
	*out = *out != NULL ? *out : json_null();
	return OK;
}

/* The property of each item that has it. */
static err each_member(struct shell *sh, json_t *v, str name, json_t **out)
{
	json_t *to = json_array(), *one;
	err e = to != NULL ? OK : ERR(NO_MEMORY);
	for (size_t i = 0; i < json_array_size(v) && !failed(e); i++) {
		e = shell_step(sh);
		if (!failed(e))
			e = shell_member(sh, json_array_get(v, i), name, &one);
		if (failed(e))
			break;
		if (json_is_array(one))
			e = shell_json(json_array_extend(to, one));
		else if (!json_is_null(one))
			e = shell_json(json_array_append(to, one));
		json_decref(one);
	}
	if (!failed(e))
		e = shell_charge(sh, json_array_size(to));
	if (failed(e) || json_array_size(to) > 1) {
		*out = to;
		if (failed(e))
			json_decref(to);
		return e;
	}
	*out = json_array_size(to) == 1 ? json_incref(json_array_get(to, 0)) : json_null();
	json_decref(to);
	return OK;
}

err shell_member(struct shell *sh, json_t *v, str name, json_t **out)
{
	if (json_is_array(v) && is_count(name))
		*out = json_integer((json_int_t)json_array_size(v));
	else if (json_is_array(v))
		return each_member(sh, v, name, out);
	else if (json_is_object(v))
		return object_member(sh, v, name, out);
	else if (json_is_string(v))
		return text_member(sh, v, name, out);
	else if (is_count(name))
		*out = json_integer(json_is_null(v) ? 0 : 1);
	else
		*out = json_null();
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

static bool position(const json_t *index, size_t n, size_t *out)
{
	struct shell_num at;
	if (!shell_num_of(index, &at))
		return false;
	int64_t i = at.is_real ? (int64_t)shell_round(at.d) : at.i;
	i = i < 0 ? i + (int64_t)n : i;
	*out = (size_t)i;
	return i >= 0 && (uint64_t)i < n;
}

static err index_one(struct shell *sh, json_t *v, const json_t *index, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	size_t i;
	*out = NULL;
	if (json_is_array(v)) {
		*out = position(index, json_array_size(v), &i) ? json_incref(json_array_get(v, i)) : json_null();
	} else if (json_is_string(v)) {
		str s = { json_string_value(v), json_string_length(v) };
		*out = position(index, shell_text_length(s), &i) ? shell_string(shell_text_part(s, i, 1)) : json_null();
	} else if (json_is_object(v)) {
		json_t *found = shell_is_special(v) ? NULL : shell_object_find(v, shell_text_of(sh, index, &b), NULL);
		*out = found != NULL                                 ? json_incref(found)
		       : !shell_is_hash(v) && position(index, 1, &i) ? json_incref(v)
								     : json_null();
	} else if (json_is_null(v)) {
		return shell_fail(
			sh, ERR(USAGE), "look whether it is $null before", "nothing can be taken out of $null");
	} else {
		*out = position(index, 1, &i) ? json_incref(v) : json_null();
	}
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

err shell_index(struct shell *sh, json_t *v, json_t *index, json_t **out)
{
	if (!json_is_array(index))
		return index_one(sh, v, index, out);
	json_t *to = json_array(), *one;
	err e = to != NULL ? shell_charge(sh, json_array_size(index)) : ERR(NO_MEMORY);
	for (size_t i = 0; i < json_array_size(index) && !failed(e); i++) {
		e = index_one(sh, v, json_array_get(index, i), &one);
		if (!failed(e))
			e = shell_json(json_array_append_new(to, one));
	}
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

/* ---- setting ---- */

static err no_circle(struct shell *sh, const json_t *object, const json_t *v)
{
	if (!shell_holds(v, object, 0))
		return OK;
	return shell_fail(sh, ERR(USAGE), "store a copy, or a name that stands for it", "a value cannot hold itself");
}

static err no_property(struct shell *sh, const json_t *object, str name)
{
	const char *key;
	json_t *v;
	struct near near = { .want = name };
	json_object_foreach((json_t *)(uintptr_t)object, key, v) if (!shell_is_hidden(key))
		near_offer(&near, str_of(key));
	str best = near_best(&near);
	return shell_fail(sh, ERR(ABSENT), "Get-Member shows its properties",
		best.n != 0 ? "there is no property %.*s; did you mean %.*s?" : "there is no property %.*s%.*s",
		STR_FMT(str_cut(name, 0, 80)), STR_FMT(best));
}

static err set_key(struct shell *sh, json_t *object, str name, json_t *v)
{
	const char *key = NULL;
	char own[256];
	TRY(no_circle(sh, object, v));
	if (shell_object_find(object, name, &key) != NULL) {
		(void)str_to_z(str_of(key), own, sizeof own);
		return shell_json(json_object_set(object, strlen(key) < sizeof own ? own : key, v));
	}
	if (!shell_is_hash(object))
		return no_property(sh, object, name);
	if (name.n == 0 || !str_to_z(name, own, sizeof own) || (unsigned char)own[0] < 0x20)
		return shell_fail(sh, ERR(USAGE), "use a shorter name", "\"%.*s\" cannot be a name in @{ }",
			STR_FMT(str_cut(name, 0, 60)));
	TRY(shell_charge(sh, 2));
	return shell_json(json_object_set(object, own, v));
}

err shell_member_set(struct shell *sh, json_t *object, str name, json_t *v)
{
	if (json_is_array(object)) {
		for (size_t i = 0; i < json_array_size(object); i++)
			TRY(shell_member_set(sh, json_array_get(object, i), name, v));
		return OK;
	}
	if (!json_is_object(object) || shell_is_special(object))
		return shell_fail(sh, ERR(USAGE), "set properties of objects and hash tables",
			json_is_null(object) ? "$null has no properties"
					     : "this value has no properties that can be set");
	return set_key(sh, object, name, v);
}

err shell_index_set(struct shell *sh, json_t *object, json_t *index, json_t *v)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	size_t i;
	if (json_is_object(object) && !shell_is_special(object))
		return set_key(sh, object, shell_text_of(sh, index, &b), v);
	if (!json_is_array(object))
		return shell_fail(sh, ERR(USAGE), "set items of lists and hash tables", "this value has no items");
	if (!position(index, json_array_size(object), &i))
		return shell_fail(sh, ERR(USAGE), "append by +=", "the list has %zu items", json_array_size(object));
	TRY(no_circle(sh, object, v));
	return shell_json(json_array_set(object, i, v));
}
