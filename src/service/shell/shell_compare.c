/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons: the left side decides what kind of comparison it is. */
#include "service/shell/shell_priv.h"
#include "wire/pattern.h"

/* ---- two values ---- */

/* Texts of dates, or of spans, as numbers. */
static bool as_times(const json_t *a, const json_t *b, int64_t *x, int64_t *y)
{
	struct shell_date p, q;
	if (!json_is_string(a) || !json_is_string(b))
		return false;
	str s = { json_string_value(a), json_string_length(a) }, t = { json_string_value(b), json_string_length(b) };
	if (shell_span_read(s, x) && shell_span_read(t, y))
		return true;
	if (!shell_date_read(s, false, &p) || !shell_date_read(t, true, &q))
		return false;
	*x = p.ms;
	*y = q.ms;
	return true;
}

static bool truth_of_text(const json_t *v)
{
	str s = { json_string_value(v), json_string_length(v) };
	return json_is_string(v) ? s.n != 0 && !str_eq_case(s, STR("false")) : shell_truth(v);
}

static bool equal_numbers(struct shell_num a, struct shell_num b)
{
	return a.is_real || b.is_real ? a.d == b.d : a.i == b.i;
}

static bool equal_texts(struct shell *sh, const json_t *a, const json_t *b, bool strict)
{
	struct buf p DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX }, q DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	int64_t x, y;
	if (shell_text_equal(shell_text_of(sh, a, &p), shell_text_of(sh, b, &q), strict))
		return true;
	return as_times(a, b, &x, &y) && x == y;
}

bool shell_equal(struct shell *sh, const json_t *a, const json_t *b, bool strict)
{
	struct shell_num x, y;
	if (json_is_null(a) || json_is_null(b))
		return json_is_null(a) && json_is_null(b);
	if (json_is_boolean(a))
		return json_is_true(a) == truth_of_text(b);
	if (json_is_number(a))
		return shell_num_of(a, &x) && shell_num_of(b, &y) && equal_numbers(x, y);
	if (json_is_object(a))
		return a == b || json_equal(a, b);
	return equal_texts(sh, a, b, strict);
}

int shell_order(struct shell *sh, const json_t *a, const json_t *b, bool strict)
{
	struct buf p DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX }, q DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	struct shell_num x, y;
	int64_t s, t;
	if (json_is_null(a) != json_is_null(b))
		return json_is_null(a) ? -1 : 1;
	if (!json_is_string(a) && shell_num_of(a, &x) && shell_num_of(b, &y))
		return x.is_real || y.is_real ? (x.d > y.d) - (x.d < y.d) : (x.i > y.i) - (x.i < y.i);
	if (as_times(a, b, &s, &t))
		return (s > t) - (s < t);
	return shell_text_compare(shell_text_of(sh, a, &p), shell_text_of(sh, b, &q), strict);
}

static err check_order(struct shell *sh, const json_t *a, const json_t *b)
{
	struct buf text DEFER(buf_fini) = { .ceiling = 4096 };
	struct shell_num n;
	if (json_is_object(a) || json_is_object(b))
		return shell_fail(sh, ERR(USAGE), "compare a property of it", "an object has no order");
	if (json_is_number(a) && json_is_string(b) && !shell_num_of(b, &n))
		return shell_fail(sh, ERR(USAGE), "compare with a number", "\"%.*s\" is no number",
			STR_FMT(str_cut(shell_text_of(sh, b, &text), 0, 60)));
	return OK;
}

/* ---- -match ---- */

static err set_matches(struct shell *sh, const str *groups, size_t n)
{
	char key[24];
	json_t *text, *hash = shell_hash_new();
	ENSURE(hash != NULL, NO_MEMORY);
	err e = OK;
	for (size_t i = 0; i < n && i < PATTERN_GROUPS_MAX && !failed(e); i++) {
		(void)snprintf(key, sizeof key, "%zu", i);
		e = shell_string_new(sh, groups[i], &text);
		if (!failed(e))
			e = shell_json(json_object_set_new(hash, key, text));
	}
	if (!failed(e))
		e = shell_variable_set(sh, STR("Matches"), hash);
	json_decref(hash);
	return e;
}

static err match(struct shell *sh, bool strict, const json_t *a, const json_t *b, bool *out)
{
	struct buf p DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX }, q DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str groups[PATTERN_GROUPS_MAX];
	size_t n = 0;
	struct pattern *pattern = NULL;
	err e = pattern_new(shell_text_of(sh, b, &q), strict ? 0 : PATTERN_CASELESS, &pattern, &sh->d);
	if (failed(e))
		return shell_fail_at(sh, e);
	*out = pattern_match(pattern, shell_text_of(sh, a, &p), groups, &n);
	if (*out && sh->frame != NULL)
		e = set_matches(sh, groups, n);
	pattern_free(pattern);
	return e;
}

/* ---- operators ---- */

static err compare_order(struct shell *sh, enum shell_op op, bool strict, const json_t *a, const json_t *b, bool *out)
{
	TRY(check_order(sh, a, b));
	int order = shell_order(sh, a, b, strict);
	*out = op == SHELL_OP_GT   ? order > 0
	       : op == SHELL_OP_GE ? order >= 0
	       : op == SHELL_OP_LT ? order < 0
				   : order <= 0;
	return OK;
}

static bool like(struct shell *sh, bool strict, const json_t *a, const json_t *b)
{
	struct buf p DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX }, q DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	return shell_like(shell_text_of(sh, b, &q), shell_text_of(sh, a, &p), strict);
}

static bool contains(struct shell *sh, bool strict, const json_t *list, const json_t *v)
{
	if (!json_is_array(list))
		return shell_equal(sh, list, v, strict);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (shell_equal(sh, json_array_get(list, i), v, strict))
			return true;
	return false;
}

err shell_compare_one(struct shell *sh, enum shell_op op, bool strict, const json_t *a, const json_t *b, bool *out)
{
	bool inverse = op == SHELL_OP_NE || op == SHELL_OP_NOTLIKE || op == SHELL_OP_NOTMATCH ||
		       op == SHELL_OP_NOTCONTAINS || op == SHELL_OP_NOTIN;
	TRY(shell_step(sh));
	switch (op) {
	case SHELL_OP_EQ:
	case SHELL_OP_NE:
		*out = shell_equal(sh, a, b, strict);
		break;
	case SHELL_OP_LIKE:
	case SHELL_OP_NOTLIKE:
		*out = like(sh, strict, a, b);
		break;
	case SHELL_OP_MATCH:
	case SHELL_OP_NOTMATCH:
		TRY(match(sh, strict, a, b, out));
		break;
	case SHELL_OP_CONTAINS:
	case SHELL_OP_NOTCONTAINS:
		*out = contains(sh, strict, a, b);
		break;
	case SHELL_OP_IN:
	case SHELL_OP_NOTIN:
		*out = contains(sh, strict, b, a);
		break;
	default:
		return compare_order(sh, op, strict, a, b, out);
	}
	*out = *out != inverse;
	return OK;
}

/* A list on the left: those of its items for which it is true. */
static err filter(struct shell *sh, enum shell_op op, bool strict, json_t *a, json_t *b, json_t *to)
{
	bool is;
	for (size_t i = 0; i < json_array_size(a); i++) {
		json_t *item = json_array_get(a, i);
		TRY(shell_compare_one(sh, op, strict, item, b, &is));
		if (is)
			TRY(shell_json(json_array_append(to, item)));
	}
	return OK;
}

err shell_compare(struct shell *sh, enum shell_op op, bool strict, json_t *a, json_t *b, json_t **out)
{
	bool is;
	if (json_is_array(a) && op <= SHELL_OP_NOTMATCH) {
		json_t *to = json_array();
		ENSURE(to != NULL, NO_MEMORY);
		err e = filter(sh, op, strict, a, b, to);
		if (failed(e))
			json_decref(to);
		else
			*out = to;
		return e;
	}
	TRY(shell_compare_one(sh, op, strict, a, b, &is));
	*out = json_boolean(is);
	return OK;
}
