/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated values (RFC 4180) and JSON: texts that objects are written to and read from. */
#include "service/shell/shell_local.h"

/* ---- writing values with commas between ---- */

static void write_cell(str s, struct buf *out)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

/* The names of a value's properties. */
static json_t *names_of(json_t *v)
{
	const char *key;
	json_t *item, *names = json_array();
	json_object_foreach(v, key, item) if (!shell_is_hidden(key) && names != NULL)(void)
		json_array_append_new(names, json_string(key));
	return names;
}

err shell_csv_header(struct shell *sh, json_t *v, char delimiter, struct buf *out)
{
	const char *key;
	json_t *item;
	bool first = true;
	if (!json_is_object(v) || shell_is_special(v))
		return shell_fail(
			sh, ERR(USAGE), "choose properties with Select-Object", "only objects can be written as CSV");
	json_object_foreach(v, key, item)
	{
		if (shell_is_hidden(key))
			continue;
		if (!first)
			buf_add_char(out, delimiter);
		first = false;
		write_cell(str_of(key), out);
	}
	buf_add_char(out, '\n');
	return OK;
}

/* A list becomes one cell, its items with blanks between. */
err shell_csv_row(struct shell *sh, json_t *v, json_t *names, char delimiter, struct buf *out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	for (size_t i = 0; i < json_array_size(names); i++) {
		json_t *cell = json_is_object(v)
				       ? shell_object_find(v, str_of(json_string_value(json_array_get(names, i))), NULL)
				       : NULL;
		if (i != 0)
			buf_add_char(out, delimiter);
		buf_reset(&b);
		if (cell != NULL && !json_is_null(cell))
			write_cell(shell_text_of(sh, cell, &b), out);
	}
	buf_add_char(out, '\n');
	return out->failed ? shell_fail(sh, ERR(CEILING), "write several files", "a text has at most 16 MiB") : OK;
}

static err delimiter_of(struct shell *sh, const struct shell_stage *st, char *out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 64 };
	json_t *v = shell_parameter(st, "Delimiter");
	*out = ',';
	if (v == NULL)
		return OK;
	str s = shell_text_of(sh, v, &b);
	if (s.n != 1 || s.p[0] == '"' || s.p[0] == '\n')
		return shell_fail(sh, ERR(USAGE), "write -Delimiter \";\"", "a delimiter is one character");
	*out = s.p[0];
	return OK;
}

/* ---- reading ---- */

/* One cell; *end: it is the last of its line. */
static err read_cell(struct shell *sh, str *rest, char delimiter, struct buf *out, bool *end)
{
	bool quoted = rest->n != 0 && rest->p[0] == '"';
	size_t i = quoted ? 1 : 0;
	buf_reset(out);
	for (; i < rest->n; i++) {
		char c = rest->p[i];
		if (quoted && c == '"' && i + 1 < rest->n && rest->p[i + 1] == '"')
			i++;
		else if (quoted && c == '"')
			break;
		else if (!quoted && (c == delimiter || c == '\n'))
			break;
		buf_add_char(out, c);
	}
	if (quoted && i >= rest->n)
		return shell_fail(sh, ERR(MALFORMED), "write the \" at its end", "a quoted value does not end");
	i += quoted;
	if (!quoted && out->n != 0 && out->p[out->n - 1] == '\r')
		out->n--;
	while (quoted && i < rest->n && rest->p[i] != delimiter && rest->p[i] != '\n')
		i++;
	*end = i >= rest->n || rest->p[i] == '\n';
	*rest = str_cut(*rest, i + 1, rest->n);
	return OK;
}

static err read_line(struct shell *sh, str *rest, char delimiter, json_t **out)
{
	struct buf cell DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *v;
	bool end = false;
	*out = json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	err e = OK;
	while (!end && !failed(e)) {
		e = read_cell(sh, rest, delimiter, &cell, &end);
		if (!failed(e))
			e = shell_string_new(sh, buf_str(&cell), &v);
		if (!failed(e))
			e = shell_json(json_array_append_new(*out, v));
	}
	if (failed(e)) {
		json_decref(*out);
		*out = NULL;
	}
	return e;
}

static void skip_empty(str *rest)
{
	while (rest->n != 0 && (rest->p[0] == '\n' || rest->p[0] == '\r'))
		*rest = str_cut(*rest, 1, rest->n);
	if (str_begins_case(*rest, STR("#TYPE")))
		(void)str_split(*rest, '\n', rest);
}

static err row_object(struct shell *sh, json_t *names, json_t *cells, json_t **out)
{
	*out = json_object();
	ENSURE(*out != NULL, NO_MEMORY);
	for (size_t i = 0; i < json_array_size(names); i++) {
		json_t *cell = json_array_get(cells, i);
		const char *name = json_string_value(json_array_get(names, i));
		if (name[0] == '\0' || (unsigned char)name[0] < 0x20)
			return shell_fail(sh, ERR(MALFORMED), "name each column in the first line",
				"column %zu has no name", i + 1);
		TRY(shell_json(json_object_set(*out, name, cell != NULL ? cell : json_null())));
	}
	return OK;
}

err shell_csv_read(struct shell *sh, str text, char delimiter, json_t *header, json_t **out)
{
	json_t *names = NULL, *cells, *object;
	str rest = text;
	err e = OK;
	skip_empty(&rest);
	*out = json_array();
	if (header != NULL)
		names = json_incref(header);
	else if (rest.n != 0)
		e = read_line(sh, &rest, delimiter, &names);
	for (skip_empty(&rest); rest.n != 0 && !failed(e); skip_empty(&rest)) {
		object = NULL;
		e = read_line(sh, &rest, delimiter, &cells);
		if (failed(e))
			break;
		e = row_object(sh, names, cells, &object);
		if (!failed(e))
			e = shell_charge(sh, json_array_size(names) + 1);
		if (!failed(e))
			e = shell_json(json_array_append(*out, object));
		json_decref(object);
		json_decref(cells);
	}
	json_decref(names);
	if (failed(e))
		json_decref(*out);
	return e;
}

/* ---- ConvertTo-Csv, ConvertFrom-Csv ---- */

/* A line of text goes on without its end. */
static err emit_line(struct shell *sh, struct shell_stage *st, struct buf *line)
{
	json_t *v;
	TRY(shell_string_new(sh, str_trim(buf_str(line)), &v));
	buf_reset(line);
	return shell_stage_emit_new(sh, st, v);
}

static err to_csv_end(struct shell *sh, struct shell_stage *st)
{
	struct buf line DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *input, *names;
	char delimiter;
	TRY(delimiter_of(sh, st, &delimiter));
	TRY(shell_input(sh, st, "InputObject", &input));
	err e = OK;
	names = names_of(json_array_get(input, 0));
	if (json_array_size(input) != 0) {
		e = shell_csv_header(sh, json_array_get(input, 0), delimiter, &line);
		if (!failed(e))
			e = emit_line(sh, st, &line);
	}
	for (size_t i = 0; i < json_array_size(input) && !failed(e); i++) {
		e = shell_csv_row(sh, json_array_get(input, i), names, delimiter, &line);
		if (!failed(e))
			e = emit_line(sh, st, &line);
	}
	json_decref(names);
	json_decref(input);
	return e;
}

const struct shell_stage_ops shell_ops_to_csv = { NULL, shell_keep, to_csv_end };

static err text_of_input(struct shell *sh, struct shell_stage *st, struct buf *out)
{
	json_t *input;
	TRY(shell_input(sh, st, "InputObject", &input));
	for (size_t i = 0; i < json_array_size(input); i++) {
		shell_write_text(sh, json_array_get(input, i), out, 0);
		buf_add_char(out, '\n');
	}
	json_decref(input);
	return out->failed ? shell_fail(sh, ERR(CEILING), "read smaller parts", "a text has at most 16 MiB") : OK;
}

static err from_csv_end(struct shell *sh, struct shell_stage *st)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *objects;
	char delimiter;
	TRY(delimiter_of(sh, st, &delimiter));
	TRY(text_of_input(sh, st, &text));
	TRY(shell_csv_read(sh, buf_str(&text), delimiter, shell_parameter(st, "Header"), &objects));
	err e = shell_put_each(sh, objects, st->out);
	json_decref(objects);
	return e;
}

const struct shell_stage_ops shell_ops_from_csv = { NULL, shell_keep, from_csv_end };

/* ---- Export-Csv, Import-Csv ---- */

static err export_text(struct shell *sh, struct shell_stage *st, struct buf *out)
{
	char delimiter;
	json_t *first = json_array_get(st->kept, 0);
	TRY(delimiter_of(sh, st, &delimiter));
	if (first == NULL)
		return OK;
	if (!shell_switch(st, "Append"))
		TRY(shell_csv_header(sh, first, delimiter, out));
	json_t *names = names_of(first);
	err e = OK;
	for (size_t i = 0; i < json_array_size(st->kept) && !failed(e); i++)
		e = shell_csv_row(sh, json_array_get(st->kept, i), names, delimiter, out);
	json_decref(names);
	return e;
}

static err export_end(struct shell *sh, struct shell_stage *st)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, text DEFER(buf_fini) = { .ceiling = 256 << 20 };
	str path;
	TRY(shell_parameter_text(sh, st, "Path", &scratch, &path));
	TRY(export_text(sh, st, &text));
	if (sh->door->write_file == NULL)
		return shell_fail(sh, ERR(REFUSED), "use ConvertTo-Csv", "files cannot be written here");
	err e = sh->door->write_file(sh->arg, path, shell_switch(st, "Append"), buf_str(&text), &sh->d);
	return failed(e) ? shell_stage_refuse(sh, st, shell_fail_at(sh, e)) : OK;
}

const struct shell_stage_ops shell_ops_export_csv = { NULL, shell_keep, export_end };

static err import_end(struct shell *sh, struct shell_stage *st)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, file DEFER(buf_fini) = { .ceiling = 256 << 20 };
	json_t *objects;
	char delimiter;
	str path, text;
	TRY(shell_parameter_text(sh, st, "Path", &scratch, &path));
	TRY(delimiter_of(sh, st, &delimiter));
	err e = shell_read_text_file(sh, path, &file, &text);
	if (failed(e))
		return shell_stage_refuse(sh, st, e);
	TRY(shell_csv_read(sh, text, delimiter, shell_parameter(st, "Header"), &objects));
	if (st->next != NULL)
		st->next->expected += json_array_size(objects);
	for (size_t i = 0; i < json_array_size(objects) && !failed(e); i++)
		e = shell_stage_emit(sh, st, json_array_get(objects, i));
	json_decref(objects);
	return e;
}

const struct shell_stage_ops shell_ops_import_csv = { NULL, shell_keep, import_end };
