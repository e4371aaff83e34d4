/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of texts: Trim, Split, Replace and their like. Case counts in them, as in .NET. */
#include "service/shell/shell_priv.h"

/* What a method is given. */
struct given {
	struct shell *sh;
	str s; /* the text */
	size_t n;
	str text[2]; /* the arguments as texts */
	struct shell_num num[2];
	json_t **out;
};

static err result(struct given *g, str s)
{
	return shell_string_new(g->sh, s, g->out);
}

static err truth(struct given *g, bool is)
{
	*g->out = json_boolean(is);
	return OK;
}

static err change_case(struct given *g, bool upper)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	shell_write_case(g->s, upper, &b);
	return result(g, buf_str(&b));
}

static err to_lower(struct given *g)
{
	return change_case(g, false);
}

static err to_upper(struct given *g)
{
	return change_case(g, true);
}

static bool is_trimmed(const struct given *g, char c)
{
	str set = g->n != 0 ? g->text[0] : STR(" \t\r\n");
	return str_find_char(set, c) < set.n;
}

static err trim(struct given *g, bool start, bool end)
{
	str s = g->s;
	while (start && s.n != 0 && is_trimmed(g, s.p[0]))
		s = str_cut(s, 1, s.n);
	while (end && s.n != 0 && is_trimmed(g, s.p[s.n - 1]))
		s.n--;
	return result(g, s);
}

static err trim_both(struct given *g)
{
	return trim(g, true, true);
}

static err trim_start(struct given *g)
{
	return trim(g, true, false);
}

static err trim_end(struct given *g)
{
	return trim(g, false, true);
}

/* At each of the characters. */
static err split(struct given *g)
{
	json_t *to = json_array(), *part = NULL;
	str set = g->n != 0 ? g->text[0] : STR(" \t\r\n"), rest = g->s;
	err e = to != NULL ? OK : ERR(NO_MEMORY);
	for (int64_t parts = 1; !failed(e); parts++) {
		size_t n = 0;
		bool last = g->n == 2 && parts >= g->num[1].i;
		while (n < rest.n && (last || str_find_char(set, rest.p[n]) == set.n))
			n++;
		e = shell_string_new(g->sh, str_cut(rest, 0, n), &part);
		if (!failed(e))
			e = shell_json(json_array_append_new(to, part));
		if (n >= rest.n)
			break;
		rest = str_cut(rest, n + 1, rest.n);
	}
	if (!failed(e))
		e = shell_charge(g->sh, json_array_size(to));
	if (failed(e))
		json_decref(to);
	else
		*g->out = to;
	return e;
}

static err replace(struct given *g)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	size_t from = 0, at;
	if (g->text[0].n == 0)
		return shell_fail(g->sh, ERR(USAGE), "write what is to be replaced", "Replace is given an empty text");
	while ((at = shell_text_find(g->s, g->text[0], from, true)) <= g->s.n) {
		buf_add(&b, str_cut(g->s, from, at));
		buf_add(&b, g->text[1]);
		from = at + g->text[0].n;
	}
	buf_add(&b, str_cut(g->s, from, g->s.n));
	if (b.failed)
		return shell_fail(g->sh, ERR(CEILING), "work on smaller parts", "a text has at most 16 MiB");
	return result(g, buf_str(&b));
}

static err starts_with(struct given *g)
{
	return truth(g, str_begins(g->s, g->text[0]));
}

static err ends_with(struct given *g)
{
	str s = g->s, end = g->text[0];
	return truth(g, s.n >= end.n && str_eq(str_cut(s, s.n - end.n, s.n), end));
}

static err contains(struct given *g)
{
	return truth(g, shell_text_find(g->s, g->text[0], 0, true) <= g->s.n);
}

static err index_of(struct given *g)
{
	size_t at = shell_text_find(g->s, g->text[0], 0, true);
	*g->out = json_integer(at <= g->s.n ? (json_int_t)shell_text_length(str_cut(g->s, 0, at)) : -1);
	return OK;
}

static err last_index_of(struct given *g)
{
	size_t at, found = g->s.n + 1;
	for (size_t from = 0; (at = shell_text_find(g->s, g->text[0], from, true)) <= g->s.n && from <= g->s.n;
		from = at + 1)
		found = at;
	*g->out = json_integer(found <= g->s.n ? (json_int_t)shell_text_length(str_cut(g->s, 0, found)) : -1);
	return OK;
}

static err substring(struct given *g)
{
	int64_t length = (int64_t)shell_text_length(g->s), from = g->num[0].i,
		n = g->n == 2 ? g->num[1].i : length - from;
	if (from < 0 || n < 0 || from > length || n > length - from)
		return shell_fail(g->sh, ERR(USAGE), "look at its Length before", "the text has %lld characters",
			(long long)length);
	return result(g, shell_text_part(g->s, (size_t)from, (size_t)n));
}

static err pad(struct given *g, bool left)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	int64_t length = (int64_t)shell_text_length(g->s), missing = g->num[0].i > length ? g->num[0].i - length : 0;
	str with = g->n == 2 ? shell_text_part(g->text[1], 0, 1) : STR(" ");
	if (missing > VALUE_TEXT_MAX / 4)
		return shell_fail(g->sh, ERR(CEILING), "use a smaller width", "a text has at most 16 MiB");
	if (!left)
		buf_add(&b, g->s);
	for (; missing > 0; missing--)
		buf_add(&b, with);
	if (left)
		buf_add(&b, g->s);
	return result(g, buf_str(&b));
}

static err pad_left(struct given *g)
{
	return pad(g, true);
}

static err pad_right(struct given *g)
{
	return pad(g, false);
}

static err insert(struct given *g)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	int64_t length = (int64_t)shell_text_length(g->s);
	if (g->num[0].i < 0 || g->num[0].i > length)
		return shell_fail(g->sh, ERR(USAGE), "look at its Length before", "the text has %lld characters",
			(long long)length);
	str before = shell_text_part(g->s, 0, (size_t)g->num[0].i);
	buf_add(&b, before);
	buf_add(&b, g->text[1]);
	buf_add(&b, str_cut(g->s, before.n, g->s.n));
	return result(g, buf_str(&b));
}

static const struct {
	const char *name;
	size_t least, most; /* arguments */
	unsigned numbers;   /* bit i: argument i is a number */
	err (*run)(struct given *g);
} methods[] = {
	{ "ToLower", 0, 0, 0, to_lower },
	{ "ToUpper", 0, 0, 0, to_upper },
	{ "ToLowerInvariant", 0, 0, 0, to_lower },
	{ "ToUpperInvariant", 0, 0, 0, to_upper },
	{ "Trim", 0, 1, 0, trim_both },
	{ "TrimStart", 0, 1, 0, trim_start },
	{ "TrimEnd", 0, 1, 0, trim_end },
	{ "Split", 0, 2, 2, split },
	{ "Replace", 2, 2, 0, replace },
	{ "StartsWith", 1, 1, 0, starts_with },
	{ "EndsWith", 1, 1, 0, ends_with },
	{ "Contains", 1, 1, 0, contains },
	{ "IndexOf", 1, 1, 0, index_of },
	{ "LastIndexOf", 1, 1, 0, last_index_of },
	{ "Substring", 1, 2, 3, substring },
	{ "PadLeft", 1, 2, 1, pad_left },
	{ "PadRight", 1, 2, 1, pad_right },
	{ "Insert", 2, 2, 1, insert },
};

static err run(struct given *g, size_t which, json_t **arguments)
{
	struct buf scratch[2] = { { .ceiling = VALUE_TEXT_MAX }, { .ceiling = VALUE_TEXT_MAX } };
	err e = OK;
	for (size_t i = 0; i < g->n; i++) {
		if ((methods[which].numbers >> i & 1) == 0)
			g->text[i] = shell_text_of(g->sh, arguments[i], &scratch[i]);
		else if (!shell_num_of(arguments[i], &g->num[i]))
			e = shell_fail(g->sh, ERR(USAGE), "give it a number", "argument %zu of %s is no number", i + 1,
				methods[which].name);
	}
	if (!failed(e))
		e = methods[which].run(g);
	buf_fini(&scratch[0]);
	buf_fini(&scratch[1]);
	return e;
}

err shell_text_method(struct shell *sh, json_t *v, str name, size_t n, json_t **arguments, json_t **out, bool *known)
{
	struct given g = { .sh = sh, .s = { json_string_value(v), json_string_length(v) }, .n = n, .out = out };
	sh->steps += g.s.n / 4096;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (n >= methods[i].least && n <= methods[i].most && str_eq_case(name, str_of(methods[i].name))) {
			*known = true;
			return run(&g, i, arguments);
		}
	return OK;
}
