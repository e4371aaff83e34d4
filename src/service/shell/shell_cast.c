/* SPDX-License-Identifier: Apache-2.0 */
/* Types: casts, -is, -as. */
#include "service/shell/shell_priv.h"

enum type {
	T_NONE,
	T_STRING,
	T_INT,
	T_REAL,
	T_BOOL,
	T_ARRAY,
	T_DATE,
	T_SPAN,
	T_HASH,
	T_OBJECT,
	T_CUSTOM,
	T_SECRET,
	T_BLOCK,
	T_VOID
};

static const struct {
	const char *name;
	enum type type;
} types[] = {
	{ "string", T_STRING },
	{ "char", T_STRING },
	{ "guid", T_STRING },
	{ "uri", T_STRING },
	{ "regex", T_STRING },
	{ "version", T_STRING },
	{ "int", T_INT },
	{ "int32", T_INT },
	{ "int64", T_INT },
	{ "long", T_INT },
	{ "uint32", T_INT },
	{ "uint64", T_INT },
	{ "byte", T_INT },
	{ "int16", T_INT },
	{ "uint16", T_INT },
	{ "double", T_REAL },
	{ "decimal", T_REAL },
	{ "float", T_REAL },
	{ "single", T_REAL },
	{ "bool", T_BOOL },
	{ "boolean", T_BOOL },
	{ "switch", T_BOOL },
	{ "switchparameter", T_BOOL },
	{ "array", T_ARRAY },
	{ "object[]", T_ARRAY },
	{ "psobject[]", T_ARRAY },
	{ "arraylist", T_ARRAY },
	{ "datetime", T_DATE },
	{ "timespan", T_SPAN },
	{ "hashtable", T_HASH },
	{ "ordered", T_HASH },
	{ "object", T_OBJECT },
	{ "psobject", T_OBJECT },
	{ "pscustomobject", T_CUSTOM },
	{ "securestring", T_SECRET },
	{ "scriptblock", T_BLOCK },
	{ "void", T_VOID },
};

static enum type find(str name)
{
	str space = STR("System."), collections = STR("System.Collections."),
	    automation = STR("System.Management.Automation."), security = STR("System.Security.");
	str prefixes[] = { automation, collections, security, space };
	for (size_t i = 0; i < 4; i++)
		if (str_begins_case(name, prefixes[i])) {
			name = str_cut(name, prefixes[i].n, name.n);
			break;
		}
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq_case(name, str_of(types[i].name)))
			return types[i].type;
	return T_NONE;
}

static bool is_list_of(str *name)
{
	if (name->n < 3 || !str_eq(str_cut(*name, name->n - 2, name->n), STR("[]")))
		return false;
	*name = str_cut(*name, 0, name->n - 2);
	return true;
}

static err unknown(struct shell *sh, str name)
{
	return shell_fail(sh, ERR(USAGE),
		"types are string, int, double, bool, array, datetime, timespan, hashtable, pscustomobject",
		"the type [%.*s] is not part of this shell", STR_FMT(str_cut(name, 0, 80)));
}

/* ---- casts ---- */

static err cannot(struct shell *sh, const json_t *v, const char *what)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str s = str_cut(shell_text_of(sh, v, &b), 0, 60);
	return shell_fail(sh, ERR(USAGE), "look at the value before", "\"%.*s\" is no %s", STR_FMT(s), what);
}

static err to_number(struct shell *sh, enum type type, json_t *v, json_t **out)
{
	struct shell_num n;
	if (!shell_num_of(v, &n))
		return cannot(sh, v, "number");
	if (type == T_REAL) {
		*out = json_real(n.d);
		return OK;
	}
	double whole = shell_round(n.d);
	if (n.is_real && (whole > 9.2e18 || whole < -9.2e18))
		return cannot(sh, v, "whole number of 64 bits");
	*out = json_integer(n.is_real ? (json_int_t)whole : n.i);
	return OK;
}

static err to_string(struct shell *sh, json_t *v, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	return shell_string_new(sh, shell_text_of(sh, v, &b), out);
}

static err to_time(struct shell *sh, enum type type, json_t *v, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = 4096 }, to DEFER(buf_fini) = { .ceiling = 64 };
	struct shell_date d;
	int64_t ms;
	str s = str_trim(shell_text_of(sh, v, &text));
	if (type == T_DATE) {
		if (!shell_date_read(s, true, &d))
			return cannot(sh, v, "date (2026-11-24, 2026-11-24T12:00:00Z)");
		shell_date_write(d, &to);
	} else {
		if (!shell_span_read(s, &ms))
			return cannot(sh, v, "time span (d.hh:mm:ss)");
		shell_span_write(ms, &to);
	}
	return shell_string_new(sh, buf_str(&to), out);
}

static err to_custom(struct shell *sh, json_t *v, json_t **out)
{
	const char *key;
	json_t *item;
	if (!shell_is_hash(v)) {
		*out = json_incref(v);
		return OK;
	}
	*out = json_object();
	ENSURE(*out != NULL, NO_MEMORY);
	json_object_foreach(v, key, item) if (!shell_is_hidden(key) && json_object_set(*out, key, item) != 0)
	{
		json_decref(*out);
		return ERR(NO_MEMORY);
	}
	return shell_charge(sh, shell_object_size(v));
}

static err to_hash(struct shell *sh, json_t *v, json_t **out)
{
	if (!json_is_object(v) || shell_is_special(v))
		return cannot(sh, v, "hash table");
	if (shell_is_hash(v)) {
		*out = json_incref(v);
		return OK;
	}
	*out = shell_hash_new();
	ENSURE(*out != NULL, NO_MEMORY);
	return shell_json(json_object_update(*out, v));
}

static err to_list(struct shell *sh, str of, json_t *v, json_t **out)
{
	json_t *to = json_array();
	size_t n = json_is_array(v) ? json_array_size(v) : !json_is_null(v);
	err e = to != NULL ? shell_charge(sh, n) : ERR(NO_MEMORY);
	for (size_t i = 0; i < n && !failed(e); i++) {
		json_t *item = json_is_array(v) ? json_array_get(v, i) : v, *one = NULL;
		e = of.n != 0 ? shell_cast(sh, of, item, &one) : OK;
		if (!failed(e))
			e = shell_json(of.n != 0 ? json_array_append_new(to, one) : json_array_append(to, item));
	}
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

err shell_cast(struct shell *sh, str type, json_t *v, json_t **out)
{
	str of = type;
	if (is_list_of(&of) && find(type) == T_NONE)
		return to_list(sh, of, v, out);
	enum type t = find(type);
	if (shell_is_secret(v) && t != T_SECRET && t != T_OBJECT)
		return shell_fail(sh, ERR(REFUSED), "give it to a parameter that takes a secret",
			"a secure string cannot be turned into something else");
	switch (t) {
	case T_STRING:
		return to_string(sh, v, out);
	case T_INT:
	case T_REAL:
		return to_number(sh, t, v, out);
	case T_BOOL:
		*out = json_boolean(shell_truth(v));
		return OK;
	case T_ARRAY:
		return to_list(sh, STR(""), v, out);
	case T_DATE:
	case T_SPAN:
		return to_time(sh, t, v, out);
	case T_HASH:
		return to_hash(sh, v, out);
	case T_CUSTOM:
		return to_custom(sh, v, out);
	case T_SECRET:
		*out = json_incref(v);
		return shell_is_secret(v) || json_is_null(v)
			       ? OK
			       : shell_fail(sh, ERR(USAGE), "use ConvertTo-SecureString or Read-Host -AsSecureString",
					 "this is no secure string");
	case T_OBJECT:
	case T_BLOCK:
		*out = json_incref(v);
		return OK;
	case T_VOID:
		*out = json_null();
		return OK;
	case T_NONE:
		break;
	}
	return unknown(sh, type);
}

/* ---- -is ---- */

static bool looks_like(const json_t *v, bool date)
{
	struct shell_date d;
	int64_t ms;
	str s = { json_string_value(v), json_string_length(v) };
	return json_is_string(v) && (date ? shell_date_read(s, false, &d) : shell_span_read(s, &ms));
}

err shell_is_type(struct shell *sh, str type, const json_t *v, bool *out)
{
	str of = type;
	enum type t = find(type);
	if (t == T_NONE && is_list_of(&of))
		t = find(of) != T_NONE ? T_ARRAY : T_NONE;
	const bool is[] = {
		[T_STRING] = json_is_string(v),
		[T_INT] = json_is_integer(v),
		[T_REAL] = json_is_real(v),
		[T_BOOL] = json_is_boolean(v),
		[T_ARRAY] = json_is_array(v),
		[T_DATE] = looks_like(v, true),
		[T_SPAN] = looks_like(v, false),
		[T_HASH] = shell_is_hash(v),
		[T_OBJECT] = !json_is_null(v),
		[T_CUSTOM] = json_is_object(v) && !shell_is_hash(v) && !shell_is_special(v),
		[T_SECRET] = shell_is_secret(v),
		[T_BLOCK] = shell_is_block(v),
		[T_VOID] = false,
	};
	if (t == T_NONE)
		return unknown(sh, type);
	*out = is[t];
	return OK;
}
