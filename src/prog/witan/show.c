/* SPDX-License-Identifier: Apache-2.0 */
/* Objects for people (aligned by the columns that characters take) and for programs. */
#include "prog/witan/cmdlet_priv.h"

#include <locale.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

enum { COLUMNS_MAX = 32, LIST_FROM = 5 };

bool show_find(str word, enum show *out)
{
	static const char *const words[] = { [SHOW_TABLE] = "table", [SHOW_LIST] = "list", [SHOW_JSON] = "json" };
	for (unsigned i = SHOW_TABLE; i <= SHOW_JSON; i++)
		if (str_eq_case(str_of(words[i]), word)) {
			*out = (enum show)i;
			return true;
		}
	return false;
}

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

void show_text(FILE *to, str text)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	print_safe(to, text, true);
}

static str text_of(const json_t *v, char number[24])
{
	if (json_is_string(v))
		return (str){ json_string_value(v), json_string_length(v) };
	if (json_is_boolean(v))
		return json_is_true(v) ? STR("True") : STR("False");
	if (!json_is_integer(v))
		return STR("");
	(void)snprintf(number, 24, "%lld", (long long)json_integer_value(v));
	return str_of(number);
}

static void pad(FILE *to, unsigned from, unsigned width)
{
	for (; from < width; from++)
		(void)fputc(' ', to);
}

struct column {
	const char *key;
	unsigned width;
};

static size_t measure(const json_t *objects, struct column columns[COLUMNS_MAX])
{
	const char *key;
	json_t *value, *object;
	size_t n = 0, i;
	char number[24];
	json_object_foreach(json_array_get(objects, 0), key, value)
		if (n < COLUMNS_MAX)
			columns[n++] = (struct column){ key, width_of(str_of(key)) };
	json_array_foreach(objects, i, object)
		for (size_t k = 0; k < n; k++) {
			unsigned width = width_of(text_of(json_object_get(object, columns[k].key), number));
			columns[k].width = width > columns[k].width ? width : columns[k].width;
		}
	return n;
}

static void show_cell(FILE *to, str text, unsigned width, bool right, bool last)
{
	unsigned own = width_of(text);
	if (right)
		pad(to, own, width);
	print_safe(to, text, false);
	if (last)
		return;
	if (!right)
		pad(to, own, width);
	(void)fputs("  ", to);
}

static void show_table(FILE *to, const json_t *objects)
{
	struct column columns[COLUMNS_MAX];
	size_t n = measure(objects, columns), i;
	const json_t *first = json_array_get(objects, 0);
	json_t *object;
	char number[24];
	for (unsigned row = 0; row < 2; row++) {
		for (size_t k = 0; k < n; k++) {
			bool right = json_is_integer(json_object_get(first, columns[k].key));
			static const char dashes[] = "----------------------------------------------------------------";
			str text = str_of(columns[k].key);
			show_cell(to, row == 0 ? text : str_cut(str_of(dashes), 0, text.n), columns[k].width, right, k + 1 == n);
		}
		(void)fputc('\n', to);
	}
	json_array_foreach(objects, i, object) {
		for (size_t k = 0; k < n; k++) {
			const json_t *v = json_object_get(object, columns[k].key);
			show_cell(to, text_of(v, number), columns[k].width, json_is_integer(v), k + 1 == n);
		}
		(void)fputc('\n', to);
	}
}

static void show_list(FILE *to, const json_t *objects)
{
	size_t i;
	json_t *object, *value;
	const char *key;
	char number[24];
	json_array_foreach(objects, i, object) {
		unsigned width = 0;
		json_object_foreach(object, key, value)
			width = width_of(str_of(key)) > width ? width_of(str_of(key)) : width;
		if (i != 0)
			(void)fputc('\n', to);
		json_object_foreach(object, key, value) {
			(void)fputs(key, to);
			pad(to, width_of(str_of(key)), width);
			(void)fputs(" : ", to);
			print_safe(to, text_of(value, number), false);
			(void)fputc('\n', to);
		}
	}
}

void show_objects(FILE *to, const json_t *objects, enum show as)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (as == SHOW_JSON) {
		(void)json_dumpf(objects, to, JSON_INDENT(2));
		(void)fputc('\n', to);
		return;
	}
	if (json_array_size(objects) == 0)
		return;
	if (as == SHOW_AUTO)
		as = json_array_size(objects) == 1 && json_object_size(json_array_get(objects, 0)) >= LIST_FROM ? SHOW_LIST : SHOW_TABLE;
	if (as == SHOW_LIST)
		show_list(to, objects);
	else
		show_table(to, objects);
}
