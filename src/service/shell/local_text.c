/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, files of text, and what would be shown as text. */
#include <stdlib.h>

#include "service/shell/shell_local.h"

/* ---- ConvertTo-Json, ConvertFrom-Json ---- */

/* Below the depth, objects become text. */
static err cut(struct shell *sh, json_t *v, int64_t depth, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	const char *key;
	json_t *item, *one;
	if (!json_is_object(v) && !json_is_array(v)) {
		*out = json_incref(v);
		return OK;
	}
	if (depth <= 0)
		return shell_string_new(sh, shell_text_of(sh, v, &b), out);
	*out = json_is_object(v) ? json_object() : json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	for (size_t i = 0; i < json_array_size(v); i++) {
		TRY(cut(sh, json_array_get(v, i), depth - 1, &one));
		TRY(shell_json(json_array_append_new(*out, one)));
	}
	json_object_foreach(v, key, item)
	{
		TRY(cut(sh, item, depth - 1, &one));
		TRY(shell_json(json_object_set_new(*out, key, one)));
	}
	return OK;
}

static err write_json(struct shell *sh, struct shell_stage *st, json_t *v, json_t **out)
{
	json_t *plain = NULL, *shallow = NULL;
	int64_t depth;
	TRY(shell_parameter_count(sh, st, "Depth", 10, VALUE_DEPTH_MAX, &depth));
	TRY(shell_plain(sh, v, &plain));
	err e = cut(sh, plain, depth + 1, &shallow);
	char *text = failed(e) ? NULL
			       : json_dumps(shallow, JSON_ENCODE_ANY | (shell_switch(st, "Compress") ? JSON_COMPACT
												     : JSON_INDENT(2)));
	if (!failed(e))
		e = text != NULL ? shell_string_new(sh, str_of(text), out) : ERR(NO_MEMORY);
	free(text);
	json_decref(plain);
	json_decref(shallow);
	return e;
}

static err to_json_end(struct shell *sh, struct shell_stage *st)
{
	json_t *given = shell_parameter(st, "InputObject"), *v, *text;
	v = given != NULL ? given : json_array_size(st->kept) == 1 ? json_array_get(st->kept, 0) : st->kept;
	TRY(write_json(sh, st, v != NULL ? v : json_null(), &text));
	return shell_stage_emit_new(sh, st, text);
}

const struct shell_stage_ops shell_ops_to_json = { NULL, shell_keep, to_json_end };

static size_t count_of(const json_t *v, unsigned depth)
{
	const char *key;
	json_t *item;
	size_t n = 1;
	for (size_t i = 0; i < json_array_size(v); i++)
		n += count_of(json_array_get(v, i), depth + 1);
	json_object_foreach((json_t *)(uintptr_t)v, key, item) n += count_of(item, depth + 1);
	return n;
}

static bool has_hidden(const json_t *v)
{
	const char *key;
	json_t *item;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (has_hidden(json_array_get(v, i)))
			return true;
	json_object_foreach(
		(json_t *)(uintptr_t)v, key, item) if (shell_is_hidden(key) || has_hidden(item)) return true;
	return false;
}

static err from_json_end(struct shell *sh, struct shell_stage *st)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *input;
	json_error_t why;
	TRY(shell_input(sh, st, "InputObject", &input));
	for (size_t i = 0; i < json_array_size(input); i++) {
		shell_write_text(sh, json_array_get(input, i), &text, 0);
		buf_add_char(&text, '\n');
	}
	json_decref(input);
	json_t *v = text.failed ? NULL
				: json_loadb(text.p != NULL ? text.p : "", text.n,
					  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
	if (v == NULL)
		return shell_fail(sh, ERR(MALFORMED), "correct the JSON", "line %d: %.120s", text.failed ? 0 : why.line,
			text.failed ? "too large" : why.text);
	err e = has_hidden(v)
			? shell_fail(sh, ERR(MALFORMED), "use other names", "a name begins with a control character")
			: shell_charge(sh, count_of(v, 0));
	if (!failed(e))
		e = shell_put_each(sh, v, st->out);
	json_decref(v);
	return e;
}

const struct shell_stage_ops shell_ops_from_json = { NULL, shell_keep, from_json_end };

/* ---- Get-Content ---- */

err shell_read_text_file(struct shell *sh, str path, struct buf *out, str *text)
{
	if (sh->door->read_file == NULL)
		return shell_fail(sh, ERR(REFUSED), "type the values", "files cannot be read here");
	err e = sh->door->read_file(sh->arg, path, out, &sh->d);
	if (failed(e))
		return shell_fail_at(sh, e);
	*text = buf_str(out);
	if (str_begins(*text, STR("\xff\xfe")) || str_begins(*text, STR("\xfe\xff")))
		return shell_fail(
			sh, ERR(MALFORMED), "save it as UTF-8", "%.*s is UTF-16", STR_FMT(str_cut(path, 0, 120)));
	if (str_begins(*text, STR("\xef\xbb\xbf")))
		*text = str_cut(*text, 3, text->n);
	if (str_find_char(*text, '\0') < text->n)
		return shell_fail(
			sh, ERR(MALFORMED), "name a text file", "%.*s is no text", STR_FMT(str_cut(path, 0, 120)));
	return OK;
}

static err emit_lines(struct shell *sh, struct shell_stage *st, str text, int64_t most)
{
	json_t *v;
	for (int64_t i = 0; text.n != 0 && i < most; i++) {
		str line = str_split(text, '\n', &text);
		line.n -= line.n != 0 && line.p[line.n - 1] == '\r';
		TRY(shell_step(sh));
		TRY(shell_string_new(sh, line, &v));
		TRY(shell_stage_emit_new(sh, st, v));
	}
	return OK;
}

static err get_content_end(struct shell *sh, struct shell_stage *st)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, file DEFER(buf_fini) = { .ceiling = 64 << 20 };
	str path, text;
	int64_t most;
	json_t *v;
	TRY(shell_parameter_text(sh, st, "Path", &scratch, &path));
	TRY(shell_parameter_count(sh, st, "TotalCount", INT64_MAX, INT64_MAX, &most));
	err e = shell_read_text_file(sh, path, &file, &text);
	if (failed(e))
		return shell_stage_refuse(sh, st, e);
	if (!shell_switch(st, "Raw"))
		return emit_lines(sh, st, text, most);
	TRY(shell_string_new(sh, text, &v));
	return shell_stage_emit_new(sh, st, v);
}

const struct shell_stage_ops shell_ops_get_content = { NULL, shell_keep, get_content_end };

/* ---- what would be shown ---- */

static err print_to(FILE *f, struct shell *sh, json_t *objects, unsigned columns)
{
	struct shell_format how;
	json_t *run = json_array(), *plain;
	ENSURE(run != NULL, NO_MEMORY);
	err e = OK;
	for (size_t i = 0; i < json_array_size(objects) && !failed(e); i++) {
		json_t *v = json_array_get(objects, i), *formatted = shell_shown_as(v, &how);
		e = json_is_null(v) ? OK : shell_plain(sh, formatted != NULL ? formatted : v, &plain);
		if (failed(e) || json_is_null(v))
			continue;
		if (formatted == NULL) {
			e = shell_json(json_array_append_new(run, plain));
			continue;
		}
		shell_print(f, run, NULL, columns);
		(void)json_array_clear(run);
		shell_print(f, plain, &how, columns);
		json_decref(plain);
	}
	shell_print(f, run, NULL, columns);
	json_decref(run);
	return e;
}

err shell_render(struct shell *sh, json_t *objects, unsigned columns, struct buf *out)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	ENSURE(f != NULL, NO_MEMORY);
	err e = objects != NULL ? print_to(f, sh, objects, columns) : OK;
	if (fclose(f) != 0)
		e = ERR(NO_MEMORY);
	if (!failed(e))
		buf_add(out, (str){ text, n });
	free(text);
	return failed(e) || !out->failed ? e
					 : shell_fail(sh, ERR(CEILING), "write smaller parts", "the text is too large");
}

static err rendered(struct shell *sh, struct shell_stage *st, struct buf *out)
{
	int64_t width;
	TRY(shell_parameter_count(sh, st, "Width", 0, 10000, &width));
	return shell_render(sh, st->kept, (unsigned)width, out);
}

static err out_file_end(struct shell *sh, struct shell_stage *st)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, text DEFER(buf_fini) = { .ceiling = 256 << 20 };
	str path;
	TRY(shell_parameter_text(sh, st, "FilePath", &scratch, &path));
	TRY(rendered(sh, st, &text));
	if (sh->door->write_file == NULL)
		return shell_fail(sh, ERR(REFUSED), "copy it from the screen", "files cannot be written here");
	err e = sh->door->write_file(sh->arg, path, shell_switch(st, "Append"), buf_str(&text), &sh->d);
	return failed(e) ? shell_stage_refuse(sh, st, shell_fail_at(sh, e)) : OK;
}

const struct shell_stage_ops shell_ops_out_file = { NULL, shell_keep, out_file_end };

static err out_string_end(struct shell *sh, struct shell_stage *st)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *v;
	TRY(rendered(sh, st, &text));
	if (shell_switch(st, "Stream"))
		return emit_lines(sh, st, buf_str(&text), INT64_MAX);
	TRY(shell_string_new(sh, buf_str(&text), &v));
	return shell_stage_emit_new(sh, st, v);
}

const struct shell_stage_ops shell_ops_out_string = { NULL, shell_keep, out_string_end };

static err drop(struct shell *sh, struct shell_stage *st, json_t *v)
{
	return OK;
}

const struct shell_stage_ops shell_ops_out_null = { NULL, drop, NULL };
