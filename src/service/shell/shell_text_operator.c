/* SPDX-License-Identifier: Apache-2.0 */
/* -replace, -split, -join, and -f. */
#include "service/shell/shell_priv.h"
#include "wire/pattern.h"

/* ---- -replace and -split: by regular expressions ---- */

static err compile(struct shell *sh, const json_t *v, bool strict, struct pattern **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	err e = pattern_new(shell_text_of(sh, v, &b), strict ? 0 : PATTERN_CASELESS, out, &sh->d);
	return failed(e) ? shell_fail_at(sh, e) : OK;
}

static err replace_one(struct shell *sh, const struct pattern *p, const json_t *v, str with, json_t **out)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX },
			   text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	TRY(shell_step(sh));
	(void)pattern_replace(p, shell_text_of(sh, v, &scratch), with, true, &text);
	if (text.failed)
		return shell_fail(sh, ERR(CEILING), "work on smaller parts", "a text has at most 16 MiB");
	return shell_string_new(sh, buf_str(&text), out);
}

static err split_one(struct shell *sh, const struct pattern *p, const json_t *v, int64_t most, json_t *to)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str s = shell_text_of(sh, v, &scratch), groups[PATTERN_GROUPS_MAX];
	json_t *part;
	size_t n = 0;
	for (int64_t parts = 1; most <= 0 || parts < most; parts++) {
		TRY(shell_step(sh));
		if (!pattern_match(p, s, groups, &n) || groups[0].n == 0)
			break;
		size_t at = (size_t)(groups[0].p - s.p);
		TRY(shell_string_new(sh, str_cut(s, 0, at), &part));
		TRY(shell_json(json_array_append_new(to, part)));
		s = str_cut(s, at + groups[0].n, s.n);
	}
	TRY(shell_charge(sh, json_array_size(to)));
	TRY(shell_string_new(sh, s, &part));
	return shell_json(json_array_append_new(to, part));
}

static err each(struct shell *sh, enum shell_op op, const struct pattern *p, json_t *a, json_t *second, json_t *to)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	struct shell_num most = { 0 };
	str with = second != NULL ? shell_text_of(sh, second, &scratch) : (str){ "", 0 };
	size_t n = json_is_array(a) ? json_array_size(a) : 1;
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_is_array(a) ? json_array_get(a, i) : a, *one;
		if (op == SHELL_OP_SPLIT) {
			TRY(split_one(sh, p, v, second != NULL && shell_num_of(second, &most) ? most.i : 0, to));
			continue;
		}
		TRY(replace_one(sh, p, v, with, &one));
		TRY(shell_json(json_array_append_new(to, one)));
	}
	return OK;
}

static err by_pattern(struct shell *sh, enum shell_op op, bool strict, json_t *a, json_t *b, json_t **out)
{
	struct pattern *p = NULL;
	json_t *to = json_array();
	ENSURE(to != NULL, NO_MEMORY);
	err e = compile(sh, json_is_array(b) && json_array_size(b) != 0 ? json_array_get(b, 0) : b, strict, &p);
	if (!failed(e))
		e = each(sh, op, p, a, json_array_get(b, 1), to);
	pattern_free(p);
	*out = NULL;
	if (!failed(e))
		*out = op == SHELL_OP_REPLACE && !json_is_array(a) ? json_incref(json_array_get(to, 0))
								   : json_incref(to);
	json_decref(to);
	return e;
}

static err join(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX },
			scratch DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str between = shell_text_of(sh, b, &scratch);
	size_t n = json_is_array(a) ? json_array_size(a) : 1;
	for (size_t i = 0; i < n; i++) {
		if (i != 0)
			buf_add(&text, between);
		shell_write_text(sh, json_is_array(a) ? json_array_get(a, i) : a, &text, 0);
	}
	if (text.failed)
		return shell_fail(sh, ERR(CEILING), "work on smaller parts", "a text has at most 16 MiB");
	return shell_string_new(sh, buf_str(&text), out);
}

err shell_text_operator(struct shell *sh, enum shell_op op, bool strict, json_t *a, json_t *b, json_t **out)
{
	return op == SHELL_OP_JOIN ? join(sh, a, b, out) : by_pattern(sh, op, strict, a, b, out);
}

/* ---- -f ---- */

static void write_grouped(double v, int decimals, bool group, struct buf *out)
{
	char digits[400];
	(void)snprintf(digits, sizeof digits, "%.*f", decimals, v < 0 ? -v : v);
	size_t whole = str_find_char(str_of(digits), '.'), n = strlen(digits);
	if (v < 0)
		buf_add_char(out, '-');
	for (size_t i = 0; i < n; i++) {
		if (group && i != 0 && i < whole && (whole - i) % 3 == 0)
			buf_add_char(out, ',');
		buf_add_char(out, digits[i]);
	}
}

/* N2, F1, D4, X, P0 */
static bool write_number_as(struct shell_num n, str how, struct buf *out)
{
	uint32_t digits = 0;
	bool has = how.n > 1;
	if (how.n == 0 || (has && (!str_to_u32(str_cut(how, 1, how.n), &digits) || digits > 99)))
		return false;
	switch (char_lower(how.p[0])) {
	case 'n':
	case 'f':
		write_grouped(n.d, has ? (int)digits : 2, char_lower(how.p[0]) == 'n', out);
		return true;
	case 'p':
		write_grouped(n.d * 100, has ? (int)digits : 2, true, out);
		buf_add_char(out, '%');
		return true;
	case 'd':
		buf_printf(out, "%s%0*lld", n.i < 0 ? "-" : "", (int)digits, (long long)(n.i < 0 ? -n.i : n.i));
		return !n.is_real;
	case 'x':
		buf_printf(out, how.p[0] == 'x' ? "%0*llx" : "%0*llX", (int)digits, (unsigned long long)n.i);
		return !n.is_real;
	default:
		return false;
	}
}

static void write_item(struct shell *sh, const json_t *v, str how, struct buf *out)
{
	struct shell_num n;
	struct shell_date d;
	if (how.n != 0 && json_is_number(v) && shell_num_of(v, &n) && write_number_as(n, how, out))
		return;
	if (how.n != 0 && json_is_string(v) && shell_date_read(str_of(json_string_value(v)), false, &d))
		shell_date_write_as(d, how, out);
	else
		shell_write_text(sh, v, out, 0);
}

static void pad(struct buf *out, size_t n)
{
	for (; n != 0; n--)
		buf_add_char(out, ' ');
}

/* What stands in braces: index[,width][:how] */
static err write_place(struct shell *sh, str place, json_t *values, struct buf *out)
{
	struct buf item DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str how, width_text, index_text = str_split(place, ':', &how);
	uint32_t index, width = 0;
	index_text = str_split(index_text, ',', &width_text);
	width_text = str_trim(width_text);
	bool left = width_text.n != 0 && width_text.p[0] == '-';
	bool ok = str_to_u32(str_trim(index_text), &index) &&
		  (width_text.n == 0 || str_to_u32(str_cut(width_text, left, width_text.n), &width));
	if (!ok || width > 1000 || index >= json_array_size(values))
		return shell_fail(sh, ERR(USAGE), "write {0} for the first value, {{ for a brace",
			"there is no value for {%.*s}", STR_FMT(str_cut(place, 0, 40)));
	write_item(sh, json_array_get(values, index), how, &item);
	size_t n = shell_text_length(buf_str(&item)), missing = width > n ? width - n : 0;
	pad(out, left ? 0 : missing);
	buf_add(out, buf_str(&item));
	pad(out, left ? missing : 0);
	return OK;
}

static err write_format(struct shell *sh, str format, json_t *values, struct buf *out)
{
	for (size_t i = 0; i < format.n; i++) {
		char c = format.p[i], next = i + 1 < format.n ? format.p[i + 1] : '\0';
		if ((c == '{' || c == '}') && c == next) {
			buf_add_char(out, c);
			i++;
		} else if (c == '{') {
			str rest = str_cut(format, i + 1, format.n);
			size_t n = str_find_char(rest, '}');
			TRY(write_place(sh, str_cut(rest, 0, n), values, out));
			i += n + 1;
		} else {
			buf_add_char(out, c);
		}
	}
	return OK;
}

err shell_format_operator(struct shell *sh, json_t *a, json_t *b, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX },
			scratch DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *values = json_is_array(b) ? json_incref(b) : json_pack("[O]", b);
	ENSURE(values != NULL, NO_MEMORY);
	err e = write_format(sh, shell_text_of(sh, a, &scratch), values, &text);
	json_decref(values);
	TRY(e);
	return shell_string_new(sh, buf_str(&text), out);
}
