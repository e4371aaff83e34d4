/* SPDX-License-Identifier: Apache-2.0 */
/* Objects for people (aligned by the columns that characters take) and for programs. */
#include <locale.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

#include "service/shell.h"

enum { COLUMNS_MAX = 64, TABLE_MOST = 5, NARROWEST = 8, DEPTH = 32, CELL_MOST = 1 << 20 };

bool shell_as_find(str word, enum shell_as *out)
{
	static const struct {
		const char *word;
		enum shell_as as;
	} words[] = { { "table", SHELL_AS_TABLE }, { "list", SHELL_AS_LIST }, { "json", SHELL_AS_JSON },
		{ "csv", SHELL_AS_CSV } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq_case(word, str_of(words[i].word))) {
			*out = words[i].as;
			return true;
		}
	return false;
}

/* ---- characters ---- */

/* One character of s: its bytes, and the columns it takes; 0 bytes at the end. Not printable: columns is -1. */
static size_t next_char(str s, mbstate_t *state, int *columns)
{
	wchar_t c;
	if (s.n == 0)
		return 0;
	size_t n = mbrtowc(&c, s.p, s.n, state);
	if (n == 0 || n > s.n) { /* NUL, or no character */
		*state = (mbstate_t){ 0 };
		*columns = -1;
		return 1;
	}
	*columns = iswprint((wint_t)c) ? wcwidth(c) : -1;
	return n;
}

static unsigned width_of(str s)
{
	mbstate_t state = { 0 };
	unsigned width = 0;
	int columns;
	for (size_t n; (n = next_char(s, &state, &columns)) != 0; s = str_cut(s, n, s.n))
		width += columns >= 0 ? (unsigned)columns : 1;
	return width;
}

/* The longest beginning of s that takes at most so many columns; at least one character. */
static str fitting(str s, unsigned width)
{
	mbstate_t state = { 0 };
	str rest = s;
	unsigned used = 0;
	int columns;
	for (size_t n; (n = next_char(rest, &state, &columns)) != 0; rest = str_cut(rest, n, rest.n)) {
		used += columns >= 0 ? (unsigned)columns : 1;
		if (used > width && rest.n < s.n)
			break;
	}
	return str_cut(s, 0, s.n - rest.n);
}

static void print_safe(FILE *to, str s, bool lines)
{
	mbstate_t state = { 0 };
	int columns;
	for (size_t n; (n = next_char(s, &state, &columns)) != 0; s = str_cut(s, n, s.n)) {
		if (columns >= 0 || (lines && (s.p[0] == '\n' || s.p[0] == '\t')))
			(void)fwrite(s.p, 1, n, to);
		else if (!lines || s.p[0] != '\r')
			(void)fputc('?', to);
	}
}

void shell_print_text(FILE *to, str text)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	print_safe(to, text, true);
}

static void pad(FILE *to, unsigned from, unsigned width)
{
	for (; from < width; from++)
		(void)fputc(' ', to);
}

/* ---- values ---- */

static void write_value(const json_t *v, struct buf *out, unsigned depth);

static void write_object(const json_t *v, struct buf *out, unsigned depth)
{
	const char *key;
	json_t *item;
	bool first = true;
	buf_add(out, STR("@{"));
	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		buf_printf(out, "%s%s=", first ? "" : "; ", key);
		write_value(item, out, depth + 1);
		first = false;
	}
	buf_add_char(out, '}');
}

static void write_list(const json_t *v, struct buf *out, unsigned depth)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < json_array_size(v); i++) {
		buf_add(out, i != 0 ? STR(", ") : STR(""));
		write_value(json_array_get(v, i), out, depth + 1);
	}
	buf_add_char(out, '}');
}

static void write_value(const json_t *v, struct buf *out, unsigned depth)
{
	if (depth > DEPTH)
		buf_add(out, STR("..."));
	else if (json_is_string(v))
		buf_add(out, (str){ json_string_value(v), json_string_length(v) });
	else if (json_is_boolean(v))
		buf_add(out, json_is_true(v) ? STR("True") : STR("False"));
	else if (json_is_integer(v))
		buf_printf(out, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		buf_printf(out, "%.15g", json_real_value(v));
	else if (json_is_array(v))
		write_list(v, out, depth);
	else if (json_is_object(v))
		write_object(v, out, depth);
}

/* The text of a value: of it, or in scratch, which is begun anew. */
static str text_of(const json_t *v, struct buf *scratch)
{
	if (json_is_string(v))
		return (str){ json_string_value(v), json_string_length(v) };
	buf_reset(scratch);
	write_value(v, scratch, 0);
	return buf_str(scratch);
}

/* ---- tables ---- */

struct column {
	const char *key;
	unsigned width, own; /* as printed; that the longest cell wants */
};

struct table {
	struct column columns[COLUMNS_MAX];
	size_t n;
	struct buf cell;
};

static void measure(const json_t *objects, size_t from, size_t to, struct table *t)
{
	const char *key;
	json_t *value;
	json_object_foreach(json_array_get(objects, from), key, value) if (t->n < COLUMNS_MAX) t->columns[t->n++] =
		(struct column){ .key = key, .width = width_of(str_of(key)) };
	for (size_t i = from; i < to; i++)
		for (size_t k = 0; k < t->n; k++) {
			unsigned width = width_of(
				text_of(json_object_get(json_array_get(objects, i), t->columns[k].key), &t->cell));
			t->columns[k].width = width > t->columns[k].width ? width : t->columns[k].width;
		}
	for (size_t k = 0; k < t->n; k++)
		t->columns[k].own = t->columns[k].width;
}

static unsigned total(const struct table *t)
{
	unsigned sum = t->n != 0 ? 2 * ((unsigned)t->n - 1) : 0;
	for (size_t k = 0; k < t->n; k++)
		sum += t->columns[k].width;
	return sum;
}

/* The widest give way first; when none can, the last columns are left out. */
static void fit(struct table *t, unsigned columns)
{
	while (columns != 0 && total(t) > columns) {
		size_t widest = 0;
		for (size_t k = 1; k < t->n; k++)
			if (t->columns[k].width > t->columns[widest].width)
				widest = k;
		if (t->columns[widest].width > NARROWEST) {
			t->columns[widest].width--;
			continue;
		}
		if (t->n <= 1)
			return;
		t->n--;
		for (size_t k = 0; k < t->n; k++)
			t->columns[k].width = t->columns[k].own;
	}
}

/* *rest: what did not fit. */
static void print_cell(FILE *to, str text, unsigned width, bool right, bool last, bool wrap, str *rest)
{
	unsigned own = width_of(text);
	str shown = text;
	bool cut = own > width && !wrap;
	if (own > width)
		shown = fitting(text, wrap || width <= 3 ? width : width - 3);
	*rest = wrap ? str_cut(text, shown.n, text.n) : (str){ "", 0 };
	own = width_of(shown) + (cut ? 3 : 0);
	if (right)
		pad(to, own, width);
	print_safe(to, shown, false);
	if (cut)
		(void)fputs("...", to);
	if (last)
		return;
	if (!right)
		pad(to, own, width);
	(void)fputs("  ", to);
}

static void print_headers(FILE *to, const struct table *t, const json_t *first)
{
	str rest;
	for (unsigned row = 0; row < 2; row++) {
		for (size_t k = 0; k < t->n; k++) {
			const struct column *c = &t->columns[k];
			static const char dashes[] = "----------------------------------------------------------------";
			str text = row == 0 ? str_of(c->key)
					    : str_cut(str_of(dashes), 0,
						      width_of(str_of(c->key)) < c->width ? width_of(str_of(c->key))
											  : c->width);
			print_cell(to, text, c->width, json_is_number(json_object_get(first, c->key)), k + 1 == t->n,
				false, &rest);
		}
		(void)fputc('\n', to);
	}
}

/* A row takes several lines when its cells go on. */
static void print_row(FILE *to, struct table *t, const json_t *object, bool wrap)
{
	size_t done[COLUMNS_MAX] = { 0 };
	bool more = true;
	for (unsigned line = 0; more && line < 1000; line++) {
		more = false;
		for (size_t k = 0; k < t->n; k++) {
			const json_t *v = json_object_get(object, t->columns[k].key);
			str text = text_of(v, &t->cell), rest;
			print_cell(to, str_cut(text, done[k], text.n), t->columns[k].width, json_is_number(v),
				k + 1 == t->n, wrap, &rest);
			done[k] = text.n - rest.n;
			more = more || rest.n != 0;
		}
		(void)fputc('\n', to);
	}
}

static void print_table(
	FILE *to, const json_t *objects, size_t from, size_t end, const struct shell_format *how, unsigned columns)
{
	struct table t = { .cell = { .ceiling = CELL_MOST } };
	measure(objects, from, end, &t);
	fit(&t, columns);
	if (!how->no_headers)
		print_headers(to, &t, json_array_get(objects, from));
	for (size_t i = from; i < end; i++)
		print_row(to, &t, json_array_get(objects, i), how->wrap);
	buf_fini(&t.cell);
}

/* ---- lists ---- */

static void print_list(FILE *to, const json_t *objects, size_t from, size_t end)
{
	struct buf cell = { .ceiling = CELL_MOST };
	for (size_t i = from; i < end; i++) {
		const char *key;
		json_t *value, *object = json_array_get(objects, i);
		unsigned width = 0;
		json_object_foreach(object, key, value) width =
			width_of(str_of(key)) > width ? width_of(str_of(key)) : width;
		if (i != from)
			(void)fputc('\n', to);
		json_object_foreach(object, key, value)
		{
			print_safe(to, str_of(key), false);
			pad(to, width_of(str_of(key)), width);
			(void)fputs(" : ", to);
			print_safe(to, text_of(value, &cell), false);
			(void)fputc('\n', to);
		}
	}
	buf_fini(&cell);
}

/* ---- wide ---- */

static const json_t *first_value(const json_t *v)
{
	void *iter = json_is_object(v) ? json_object_iter((json_t *)(uintptr_t)v) : NULL;
	return iter != NULL ? json_object_iter_value(iter) : v;
}

static void print_wide(FILE *to, const json_t *objects, const struct shell_format *how, unsigned columns)
{
	struct buf cell = { .ceiling = CELL_MOST };
	unsigned across = how->across != 0 ? how->across : 2, width = 0;
	str rest;
	for (size_t i = 0; i < json_array_size(objects); i++) {
		unsigned own = width_of(text_of(first_value(json_array_get(objects, i)), &cell));
		width = own > width ? own : width;
	}
	if (columns > 2 * across && width > columns / across - 2)
		width = columns / across - 2;
	for (size_t i = 0; i < json_array_size(objects); i++) {
		bool last = (i + 1) % across == 0 || i + 1 == json_array_size(objects);
		print_cell(
			to, text_of(first_value(json_array_get(objects, i)), &cell), width, false, last, false, &rest);
		if (last)
			(void)fputc('\n', to);
	}
	buf_fini(&cell);
}

/* ---- values with commas between ---- */

static void print_quoted(FILE *to, str s)
{
	(void)fputc('"', to);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			(void)fputc('"', to);
		(void)fputc(s.p[i], to);
	}
	(void)fputc('"', to);
}

static void print_csv(FILE *to, const json_t *objects, const struct shell_format *how)
{
	struct buf cell = { .ceiling = CELL_MOST };
	const json_t *first = json_array_get(objects, 0);
	const char *key;
	json_t *value;
	char comma = how->delimiter != '\0' ? how->delimiter : ',';
	bool begun = false;
	json_object_foreach((json_t *)(uintptr_t)first, key, value)
	{
		if (begun)
			(void)fputc(comma, to);
		print_quoted(to, str_of(key));
		begun = true;
	}
	if (begun)
		(void)fputc('\n', to);
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *object = json_array_get(objects, i);
		begun = false;
		json_object_foreach((json_t *)(uintptr_t)first, key, value)
		{
			const json_t *v = json_object_get(object, key);
			if (begun)
				(void)fputc(comma, to);
			begun = true;
			if (v != NULL && !json_is_null(v))
				print_quoted(to, text_of(v, &cell));
		}
		if (!json_is_object(first))
			print_quoted(to, text_of(object, &cell));
		(void)fputc('\n', to);
	}
	buf_fini(&cell);
}

/* ---- the choice ---- */

static bool same_names(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach((json_t *)(uintptr_t)a, key, value) if (json_object_get(b, key) == NULL) return false;
	return true;
}

static void print_scalar(FILE *to, const json_t *v)
{
	struct buf text = { .ceiling = 64 << 20 };
	str s = text_of(v, &text);
	print_safe(to, s, true);
	if (s.n == 0 || s.p[s.n - 1] != '\n')
		(void)fputc('\n', to);
	buf_fini(&text);
}

/* Objects with the same names stand together. */
static void print_runs(FILE *to, const json_t *objects, const struct shell_format *how, unsigned columns)
{
	for (size_t i = 0, end, n = json_array_size(objects); i < n; i = end) {
		const json_t *first = json_array_get(objects, i);
		end = i + 1;
		if (!json_is_object(first)) {
			print_scalar(to, first);
			continue;
		}
		while (end < n && json_is_object(json_array_get(objects, end)) &&
			same_names(first, json_array_get(objects, end)))
			end++;
		if (i != 0)
			(void)fputc('\n', to);
		bool list =
			how->as == SHELL_AS_LIST || (how->as == SHELL_AS_AUTO && json_object_size(first) > TABLE_MOST);
		if (list)
			print_list(to, objects, i, end);
		else
			print_table(to, objects, i, end, how, columns);
	}
}

void shell_print(FILE *to, const json_t *objects, const struct shell_format *how, unsigned columns)
{
	static const struct shell_format automatic = { 0 };
	how = how != NULL ? how : &automatic;
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (how->as == SHELL_AS_JSON) {
		(void)json_dumpf(objects, to, JSON_INDENT(2));
		(void)fputc('\n', to);
	} else if (how->as == SHELL_AS_CSV) {
		print_csv(to, objects, how);
	} else if (how->as == SHELL_AS_WIDE) {
		print_wide(to, objects, how, columns);
	} else {
		print_runs(to, objects, how, columns);
	}
}
