/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of lists, hash tables, dates and blocks; [math]:: and [string]:: */
#include "service/shell/shell_priv.h"

static err no_method(struct shell *sh, str name, size_t n)
{
	return shell_fail(sh, ERR(USAGE),
		"methods are those of texts (Trim, Split, Replace ...), lists, hash tables and dates",
		"there is no method %.*s with %zu argument%s", STR_FMT(str_cut(name, 0, 60)), n, n == 1 ? "" : "s");
}

/* ---- lists and hash tables ---- */

static err list_method(struct shell *sh, json_t *v, str name, size_t n, json_t **a, json_t **out, bool *known)
{
	*known = true;
	if (str_eq_case(name, STR("Contains")) && n == 1) {
		json_t *is = NULL;
		TRY(shell_compare(sh, SHELL_OP_CONTAINS, true, v, a[0], &is));
		*out = is;
		return OK;
	}
	if (str_eq_case(name, STR("IndexOf")) && n == 1) {
		for (size_t i = 0; i < json_array_size(v); i++)
			if (shell_equal(sh, json_array_get(v, i), a[0], true)) {
				*out = json_integer((json_int_t)i);
				return OK;
			}
		*out = json_integer(-1);
		return OK;
	}
	if (str_eq_case(name, STR("Add")) && n == 1) {
		if (shell_holds(a[0], v, 0))
			return shell_fail(sh, ERR(USAGE), "add a copy", "a value cannot hold itself");
		TRY(shell_charge(sh, 1));
		*out = json_null();
		return shell_json(json_array_append(v, a[0]));
	}
	*known = false;
	return OK;
}

static err pairs(json_t *v, json_t **out)
{
	const char *key;
	json_t *item;
	*out = json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	json_object_foreach(v, key,
		item) if (!shell_is_hidden(key) && json_array_append_new(*out, json_pack("{s:s,s:s,s:O}", "Name", key,
										       "Key", key, "Value", item)) != 0)
	{
		json_decref(*out);
		return ERR(NO_MEMORY);
	}
	return OK;
}

static err hash_method(struct shell *sh, json_t *v, str name, size_t n, json_t **a, json_t **out, bool *known)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	const char *key = NULL;
	str first = n != 0 ? shell_text_of(sh, a[0], &b) : (str){ "", 0 };
	*known = true;
	*out = json_null();
	if ((str_eq_case(name, STR("ContainsKey")) || str_eq_case(name, STR("Contains"))) && n == 1)
		*out = json_boolean(shell_object_find(v, first, NULL) != NULL);
	else if (str_eq_case(name, STR("Remove")) && n == 1 && shell_is_hash(v))
		return shell_object_find(v, first, &key) != NULL ? shell_json(json_object_del(v, key)) : OK;
	else if (str_eq_case(name, STR("Add")) && n == 2 && shell_is_hash(v))
		return shell_object_find(v, first, NULL) == NULL
			       ? shell_member_set(sh, v, first, a[1])
			       : shell_fail(sh, ERR(EXISTS), "set it by $hash.Name = value", "it has \"%.*s\" already",
					 STR_FMT(str_cut(first, 0, 60)));
	else if (str_eq_case(name, STR("GetEnumerator")) && n == 0)
		return pairs(v, out);
	else
		*known = false;
	return OK;
}

/* ---- dates ---- */

static err date_text(struct shell *sh, struct shell_date d, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 64 };
	shell_date_write(d, &b);
	return shell_string_new(sh, buf_str(&b), out);
}

static err date_method(struct shell *sh, struct shell_date d, str name, size_t n, json_t **a, json_t **out, bool *known)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "AddDays", 86400000 }, { "AddHours", 3600000 }, { "AddMinutes", 60000 }, { "AddSeconds", 1000 },
		{ "AddMilliseconds", 1 } };
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	struct shell_num by = { 0 };
	*known = true;
	if (str_eq_case(name, STR("ToString")) && n == 1) {
		struct buf text DEFER(buf_fini) = { .ceiling = 4096 };
		shell_date_write_as(d, shell_text_of(sh, a[0], &b), &text);
		return shell_string_new(sh, buf_str(&text), out);
	}
	if (str_eq_case(name, STR("ToUniversalTime")) && n == 0) {
		d.offset = 0;
		return date_text(sh, d, out);
	}
	bool has = n == 1 && shell_num_of(a[0], &by) && by.d < 1e9 && by.d > -1e9;
	if (has && (str_eq_case(name, STR("AddMonths")) || str_eq_case(name, STR("AddYears"))))
		return date_text(sh,
			shell_date_add_months(d, (int64_t)by.d * (str_eq_case(name, STR("AddYears")) ? 12 : 1)), out);
	for (size_t i = 0; has && i < sizeof units / sizeof *units; i++)
		if (str_eq_case(name, str_of(units[i].name))) {
			d.ms += (int64_t)(by.d * (double)units[i].ms);
			return date_text(sh, d, out);
		}
	*known = false;
	return OK;
}

/* ---- all of them ---- */

static err common_method(struct shell *sh, json_t *v, str name, size_t n, json_t **a, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	if (json_is_null(v))
		return shell_fail(sh, ERR(USAGE), "look whether it is $null before", "$null has no method %.*s",
			STR_FMT(str_cut(name, 0, 60)));
	if (str_eq_case(name, STR("ToString")) && n == 0)
		return shell_string_new(sh, shell_text_of(sh, v, &b), out);
	if (str_eq_case(name, STR("ToString")) && n == 1 && json_is_number(v)) {
		json_t *format = json_sprintf("{0:%s}", json_is_string(a[0]) ? json_string_value(a[0]) : "");
		ENSURE(format != NULL, NO_MEMORY);
		err e = shell_format_operator(sh, format, v, out);
		json_decref(format);
		return e;
	}
	if (str_eq_case(name, STR("Equals")) && n == 1) {
		*out = json_boolean(shell_equal(sh, v, a[0], true));
		return OK;
	}
	if (str_eq_case(name, STR("GetType")) && n == 0) {
		const char *type = json_is_string(v)    ? "String"
				   : json_is_integer(v) ? "Int64"
				   : json_is_real(v)    ? "Double"
				   : json_is_boolean(v) ? "Boolean"
				   : json_is_array(v)   ? "Object[]"
				   : shell_is_hash(v)   ? "Hashtable"
							: "PSCustomObject";
		*out = json_pack("{s:s}", "Name", type);
		return *out != NULL ? OK : ERR(NO_MEMORY);
	}
	return no_method(sh, name, n);
}

err shell_method(struct shell *sh, json_t *v, str name, size_t n, json_t **a, json_t **out)
{
	struct shell_date d;
	bool known = false;
	*out = NULL;
	TRY(shell_step(sh));
	if (json_is_array(v))
		TRY(list_method(sh, v, name, n, a, out, &known));
	else if (json_is_object(v) && !shell_is_special(v))
		TRY(hash_method(sh, v, name, n, a, out, &known));
	else if (json_is_string(v) && shell_date_read(str_of(json_string_value(v)), false, &d))
		TRY(date_method(sh, d, name, n, a, out, &known));
	if (!known && json_is_string(v))
		TRY(shell_text_method(sh, v, name, n, a, out, &known));
	return known ? OK : common_method(sh, v, name, n, a, out);
}

/* ---- [math]:: and [string]:: ---- */

static err number_result(struct shell_num n, json_t **out)
{
	*out = shell_num_json(n);
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

static struct shell_num whole(double d)
{
	return d < 9e18 && d > -9e18 ? shell_num_int((int64_t)d) : shell_num_real(d);
}

static err math(struct shell *sh, str name, size_t n, json_t **a, json_t **out)
{
	struct shell_num x, y = { 0 };
	if (n == 0 || n > 2 || !shell_num_of(a[0], &x) || (n == 2 && !shell_num_of(a[1], &y)))
		return shell_fail(sh, ERR(USAGE), "write [math]::Round(2.5) or [math]::Max(1, 2)",
			"[math]::%.*s takes one or two numbers", STR_FMT(str_cut(name, 0, 40)));
	if (str_eq_case(name, STR("Round")) && n == 2 && y.d >= 0 && y.d <= 15) {
		double scale = 1;
		for (int64_t i = 0; i < y.i; i++)
			scale *= 10;
		return number_result(shell_num_real(shell_round(x.d * scale) / scale), out);
	}
	if (str_eq_case(name, STR("Round")) && n == 1)
		return number_result(whole(shell_round(x.d)), out);
	if (str_eq_case(name, STR("Floor")) && n == 1)
		return number_result(whole(shell_floor(x.d)), out);
	if (str_eq_case(name, STR("Ceiling")) && n == 1)
		return number_result(whole(-shell_floor(-x.d)), out);
	if (str_eq_case(name, STR("Truncate")) && n == 1)
		return number_result(whole(x.d < 0 ? -shell_floor(-x.d) : shell_floor(x.d)), out);
	if (str_eq_case(name, STR("Abs")) && n == 1)
		return number_result(x.d >= 0                        ? x
				     : x.is_real || x.i == INT64_MIN ? shell_num_real(-x.d)
								     : shell_num_int(-x.i),
			out);
	if (str_eq_case(name, STR("Max")) && n == 2)
		return number_result(x.d >= y.d ? x : y, out);
	if (str_eq_case(name, STR("Min")) && n == 2)
		return number_result(x.d <= y.d ? x : y, out);
	return no_method(sh, name, n);
}

static err text_static(struct shell *sh, str name, size_t n, json_t **a, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	if ((str_eq_case(name, STR("IsNullOrEmpty")) || str_eq_case(name, STR("IsNullOrWhiteSpace"))) && n == 1) {
		str s = shell_text_of(sh, a[0], &b);
		*out = json_boolean((name.n > 13 ? str_trim(s).n : s.n) == 0);
		return OK;
	}
	if ((!str_eq_case(name, STR("Join")) && !str_eq_case(name, STR("Format"))) || n < 2)
		return no_method(sh, name, n);
	json_t *rest = n == 2 ? json_incref(a[1]) : json_array();
	for (size_t i = 1; n > 2 && rest != NULL && i < n; i++)
		(void)json_array_append(rest, a[i]);
	ENSURE(rest != NULL, NO_MEMORY);
	err e = str_eq_case(name, STR("Join")) ? shell_text_operator(sh, SHELL_OP_JOIN, false, rest, a[0], out)
					       : shell_format_operator(sh, a[0], rest, out);
	json_decref(rest);
	return e;
}

err shell_static(struct shell *sh, str type, str name, size_t n, json_t **a, json_t **out)
{
	if (str_eq_case(type, STR("math")) || str_eq_case(type, STR("System.Math")))
		return math(sh, name, n, a, out);
	if (str_eq_case(type, STR("string")) || str_eq_case(type, STR("System.String")))
		return text_static(sh, name, n, a, out);
	if (n == 1 && (str_eq_case(name, STR("Parse"))))
		return shell_cast(sh, type, a[0], out);
	return shell_fail(sh, ERR(USAGE),
		"there are [math]::Round, Floor, Ceiling, Min, Max, Abs and [string]::IsNullOrEmpty, Join, Format",
		"[%.*s]::%.*s is not part of this shell", STR_FMT(str_cut(type, 0, 60)), STR_FMT(str_cut(name, 0, 60)));
}

err shell_static_member(struct shell *sh, str type, str name, json_t **out)
{
	bool date = str_eq_case(type, STR("datetime")) || str_eq_case(type, STR("System.DateTime"));
	if (str_eq_case(type, STR("math")) && str_eq_case(name, STR("PI")))
		*out = json_real(3.14159265358979323846);
	else if (str_eq_case(type, STR("string")) && str_eq_case(name, STR("Empty")))
		*out = json_string("");
	else if (str_eq_case(type, STR("int")) && str_eq_case(name, STR("MaxValue")))
		*out = json_integer(INT32_MAX);
	else if (date && (str_eq_case(name, STR("Now")) || str_eq_case(name, STR("UtcNow")))) {
		struct shell_date d = shell_date_now();
		d.offset = name.n > 3 ? 0 : d.offset;
		return date_text(sh, d, out);
	} else if (date && str_eq_case(name, STR("Today"))) {
		TRY(date_text(sh, shell_date_now(), out));
		json_t *day = json_stringn(json_string_value(*out), 10);
		json_decref(*out);
		*out = day;
	} else {
		return shell_fail(sh, ERR(USAGE),
			"there are [datetime]::Now, UtcNow, Today, [math]::PI, [string]::Empty",
			"[%.*s]::%.*s is not part of this shell", STR_FMT(str_cut(type, 0, 60)),
			STR_FMT(str_cut(name, 0, 60)));
	}
	return *out != NULL ? OK : ERR(NO_MEMORY);
}
