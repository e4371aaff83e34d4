/* SPDX-License-Identifier: Apache-2.0 */
/* + - * / % and ranges: of numbers, texts, lists, hash tables, dates. */
#include "service/shell/shell_priv.h"

enum { RANGE_MAX = 1000000 };

/* ---- numbers ---- */

static err divide(struct shell *sh, enum shell_op op, struct shell_num x, struct shell_num y, struct shell_num *out)
{
	if (y.d == 0)
		return shell_fail(sh, ERR(USAGE), "look at the divisor before", "a division by zero");
	bool whole = !x.is_real && !y.is_real && !(x.i == INT64_MIN && y.i == -1);
	if (op == SHELL_OP_MODULO && whole)
		*out = shell_num_int(x.i % y.i);
	else if (op == SHELL_OP_MODULO)
		*out = shell_num_real(
			x.d - (x.d / y.d < 0 ? -shell_floor(-(x.d / y.d)) : shell_floor(x.d / y.d)) * y.d);
	else if (whole && x.i % y.i == 0)
		*out = shell_num_int(x.i / y.i);
	else
		*out = shell_num_real(x.d / y.d);
	return OK;
}

static err calculate(struct shell *sh, enum shell_op op, struct shell_num x, struct shell_num y, struct shell_num *out)
{
	bool whole = !x.is_real && !y.is_real;
	int64_t i = 0;
	switch (op) {
	case SHELL_OP_ADD:
		whole = whole && !__builtin_add_overflow(x.i, y.i, &i);
		*out = whole ? shell_num_int(i) : shell_num_real(x.d + y.d);
		break;
	case SHELL_OP_SUBTRACT:
		whole = whole && !__builtin_sub_overflow(x.i, y.i, &i);
		*out = whole ? shell_num_int(i) : shell_num_real(x.d - y.d);
		break;
	case SHELL_OP_MULTIPLY:
		whole = whole && !__builtin_mul_overflow(x.i, y.i, &i);
		*out = whole ? shell_num_int(i) : shell_num_real(x.d * y.d);
		break;
	default:
		TRY(divide(sh, op, x, y, out));
		break;
	}
	if (out->d - out->d != 0)
		return shell_fail(sh, ERR(USAGE), "work with smaller numbers", "the result is larger than any number");
	return OK;
}

static err not_a_number(struct shell *sh, const json_t *v)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str s = str_cut(shell_text_of(sh, v, &b), 0, 60);
	return shell_fail(
		sh, ERR(USAGE), "cast it, or quote both sides to join texts", "\"%.*s\" is no number", STR_FMT(s));
}

static err numbers(struct shell *sh, enum shell_op op, json_t *a, json_t *b, json_t **out)
{
	struct shell_num x, y, z = { 0 };
	if (!shell_num_of(a, &x))
		return not_a_number(sh, a);
	if (!shell_num_of(b, &y))
		return not_a_number(sh, b);
	TRY(calculate(sh, op, x, y, &z));
	*out = shell_num_json(z);
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

/* ---- texts and lists ---- */

static err join_texts(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	shell_write_text(sh, a, &text, 0);
	shell_write_text(sh, b, &text, 0);
	if (text.failed)
		return shell_fail(sh, ERR(CEILING), "work on smaller parts", "a text has at most 16 MiB");
	sh->steps += text.n / 4096;
	return shell_string_new(sh, buf_str(&text), out);
}

static err append(struct shell *sh, json_t *to, json_t *v)
{
	if (json_is_array(v)) {
		TRY(shell_charge(sh, json_array_size(v)));
		return shell_json(json_array_extend(to, v));
	}
	TRY(shell_charge(sh, 1));
	return shell_json(json_array_append(to, v));
}

static err join_lists(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	json_t *to = json_array();
	ENSURE(to != NULL, NO_MEMORY);
	sh->steps += json_array_size(a) / 64;
	err e = shell_json(json_array_extend(to, a));
	if (!failed(e))
		e = append(sh, to, b);
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

static err join_hashes(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	const char *key;
	json_t *v, *to = json_copy(a);
	ENSURE(to != NULL, NO_MEMORY);
	err e = OK;
	json_object_foreach(b, key, v) if (!failed(e) && !shell_is_hidden(key))
	{
		if (shell_object_find(a, str_of(key), NULL) != NULL)
			e = shell_fail(
				sh, ERR(USAGE), "set it by $hash.Name = value", "both hash tables have %.60s", key);
		else
			e = shell_json(json_object_set(to, key, v));
	}
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

static err repeat_count(struct shell *sh, json_t *b, size_t size, size_t *out)
{
	struct shell_num n;
	if (!shell_num_of(b, &n) || n.d < 0)
		return not_a_number(sh, b);
	if (n.d * (double)(size + 1) > VALUE_TEXT_MAX)
		return shell_fail(sh, ERR(CEILING), "repeat it less often", "the result has more than 16 MiB");
	*out = (size_t)n.d;
	return OK;
}

static err repeat_text(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str s = { json_string_value(a), json_string_length(a) };
	size_t n;
	TRY(repeat_count(sh, b, s.n, &n));
	TRY(shell_charge(sh, n * s.n / 64));
	while (n-- != 0)
		buf_add(&text, s);
	return shell_string_new(sh, buf_str(&text), out);
}

static err repeat_list(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	size_t n;
	TRY(repeat_count(sh, b, json_array_size(a), &n));
	json_t *to = json_array();
	ENSURE(to != NULL, NO_MEMORY);
	err e = OK;
	while (n-- != 0 && !failed(e))
		e = append(sh, to, a);
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

/* ---- dates ---- */

static err time_text(struct shell *sh, bool span, struct shell_date d, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 64 };
	if (span)
		shell_span_write(d.ms, &b);
	else
		shell_date_write(d, &b);
	return shell_string_new(sh, buf_str(&b), out);
}

/* date - date, date + span, span + span */
static err times(struct shell *sh, enum shell_op op, json_t *a, json_t *b, json_t **out, bool *taken)
{
	struct shell_date x = { 0 }, y = { 0 };
	str s = { json_string_value(a), json_string_length(a) }, t = { json_string_value(b), json_string_length(b) };
	*taken = false;
	if (!json_is_string(a) || !json_is_string(b))
		return OK;
	bool date = shell_date_read(s, false, &x) && s.n > 10, span = !date && shell_span_read(s, &x.ms);
	bool to_date = shell_date_read(t, true, &y), to_span = !to_date && shell_span_read(t, &y.ms);
	if (!((date && (to_span || (to_date && op == SHELL_OP_SUBTRACT))) || (span && to_span)))
		return OK;
	*taken = true;
	x.ms = op == SHELL_OP_SUBTRACT ? x.ms - y.ms : x.ms + y.ms;
	return time_text(sh, span || to_date, x, out);
}

/* ---- all of them ---- */

static err add(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	if (json_is_array(a))
		return join_lists(sh, a, b, out);
	if (shell_is_hash(a) && shell_is_hash(b))
		return join_hashes(sh, a, b, out);
	if (json_is_null(a) && !json_is_number(b)) {
		*out = json_incref(b);
		return OK;
	}
	if (json_is_string(a))
		return join_texts(sh, a, b, out);
	return numbers(sh, SHELL_OP_ADD, a, b, out);
}

err shell_arithmetic(struct shell *sh, enum shell_op op, json_t *a, json_t *b, json_t **out)
{
	bool taken = false;
	if (op == SHELL_OP_ADD || op == SHELL_OP_SUBTRACT)
		TRY(times(sh, op, a, b, out, &taken));
	if (taken)
		return OK;
	if (op == SHELL_OP_ADD)
		return add(sh, a, b, out);
	if (op == SHELL_OP_MULTIPLY && json_is_string(a))
		return repeat_text(sh, a, b, out);
	if (op == SHELL_OP_MULTIPLY && json_is_array(a))
		return repeat_list(sh, a, b, out);
	return numbers(sh, op, a, b, out);
}

err shell_range(struct shell *sh, const json_t *a, const json_t *b, json_t **out)
{
	struct shell_num x, y;
	if (!shell_num_of(a, &x))
		return not_a_number(sh, a);
	if (!shell_num_of(b, &y))
		return not_a_number(sh, b);
	double from = shell_round(x.d), to = shell_round(y.d), step = from <= to ? 1 : -1;
	if ((to - from) * step > RANGE_MAX)
		return shell_fail(sh, ERR(CEILING), "use for ($i = ...; ...)", "a range has at most a million numbers");
	TRY(shell_charge(sh, (size_t)((to - from) * step)));
	*out = json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	for (double v = from; (to - v) * step >= 0; v += step)
		if (json_array_append_new(*out, json_integer((json_int_t)v)) != 0) {
			json_decref(*out);
			return ERR(NO_MEMORY);
		}
	return OK;
}
