/* SPDX-License-Identifier: Apache-2.0 */
/* Values: JSON, and the few objects that are more than that. */
#include <stdlib.h>

#include "service/shell/shell_priv.h"

/* ---- what a value is ---- */

bool shell_is_hidden(const char *key)
{
	return key[0] == '\001';
}

static bool has_mark(const json_t *v, const char *key)
{
	return json_is_object(v) && json_object_get(v, key) != NULL;
}

bool shell_is_hash(const json_t *v)
{
	return has_mark(v, KEY_HASH);
}

bool shell_is_secret(const json_t *v)
{
	return has_mark(v, KEY_SECRET);
}

bool shell_is_block(const json_t *v)
{
	return has_mark(v, KEY_BLOCK);
}

bool shell_is_special(const json_t *v)
{
	return shell_is_block(v) || shell_is_secret(v);
}

size_t shell_object_size(const json_t *v)
{
	return json_object_size(v) - (shell_is_hash(v) ? 1 : 0);
}

const struct shell_block *shell_block_of(struct shell *sh, const json_t *v)
{
	const json_t *index = json_is_object(v) ? json_object_get(v, KEY_BLOCK) : NULL;
	json_int_t i = json_integer_value(index);
	if (!json_is_integer(index) || i < 0 || i >= sh->n_blocks || sh->blocks[i].source == NULL)
		return NULL;
	return &sh->blocks[i];
}

bool shell_truth(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_TRUE:
		return true;
	case JSON_INTEGER:
		return json_integer_value(v) != 0;
	case JSON_REAL:
		return json_real_value(v) != 0;
	case JSON_STRING:
		return json_string_length(v) != 0;
	case JSON_ARRAY:
		return json_array_size(v) > 1 || (json_array_size(v) == 1 && shell_truth(json_array_get(v, 0)));
	case JSON_OBJECT:
		return true;
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	return false;
}

/* ---- making ---- */

json_t *shell_string(str s)
{
	return json_stringn(s.n != 0 ? s.p : "", s.n);
}

err shell_string_new(struct shell *sh, str s, json_t **out)
{
	if (s.n > VALUE_TEXT_MAX)
		return shell_fail(sh, ERR(CEILING), "work on smaller parts", "a text has at most 16 MiB");
	*out = shell_string(s);
	if (*out != NULL)
		return OK;
	for (size_t i = 0, n; i < s.n; i += n)
		if ((n = str_utf8_length(str_cut(s, i, s.n))) == 0)
			return shell_fail(
				sh, ERR(MALFORMED), "read files that are saved as UTF-8", "a text would not be UTF-8");
	return ERR(NO_MEMORY);
}

json_t *shell_hash_new(void)
{
	json_t *v = json_object();
	if (v != NULL && json_object_set_new(v, KEY_HASH, json_true()) != 0) {
		json_decref(v);
		return NULL;
	}
	return v;
}

json_t *shell_object_find(const json_t *object, str name, const char **key)
{
	const char *k;
	json_t *v = NULL, *found;
	char exact[128];
	if (str_to_z(name, exact, sizeof exact) && (found = json_object_get(object, exact)) != NULL &&
		!shell_is_hidden(exact)) {
		if (key != NULL)
			*key = json_object_iter_key(json_object_iter_at((json_t *)(uintptr_t)object, exact));
		return found;
	}
	json_object_foreach(
		(json_t *)(uintptr_t)object, k, v) if (!shell_is_hidden(k) && shell_text_equal(str_of(k), name, false))
	{
		if (key != NULL)
			*key = k;
		return v;
	}
	return NULL;
}

/* ---- text ---- */

static void write_object(struct shell *sh, const json_t *v, struct buf *out, unsigned depth)
{
	const char *key;
	json_t *item;
	bool first = true;
	buf_add(out, STR("@{"));
	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if (shell_is_hidden(key))
			continue;
		if (!first)
			buf_add(out, STR("; "));
		first = false;
		buf_add(out, str_of(key));
		buf_add_char(out, '=');
		shell_write_text(sh, item, out, depth + 1);
	}
	buf_add_char(out, '}');
}

static void write_array(struct shell *sh, const json_t *v, struct buf *out, unsigned depth)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (i != 0)
			buf_add_char(out, ' ');
		shell_write_text(sh, json_array_get(v, i), out, depth + 1);
	}
}

static void write_special(struct shell *sh, const json_t *v, struct buf *out, unsigned depth)
{
	const struct shell_block *b = shell_block_of(sh, v);
	if (b != NULL)
		buf_add(out, b->node->text);
	else if (shell_is_special(v))
		buf_add(out, STR("System.Security.SecureString"));
	else if (shell_is_error_record(v))
		shell_write_text(sh, json_object_get(json_object_get(v, "Exception"), "Message"), out, depth + 1);
	else
		write_object(sh, v, out, depth);
}

void shell_write_text(struct shell *sh, const json_t *v, struct buf *out, unsigned depth)
{
	if (depth > VALUE_DEPTH_MAX) {
		buf_add(out, STR("..."));
		return;
	}
	switch (json_typeof(v)) {
	case JSON_STRING:
		buf_add(out, (str){ json_string_value(v), json_string_length(v) });
		break;
	case JSON_INTEGER:
		buf_printf(out, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		shell_write_real(json_real_value(v), out);
		break;
	case JSON_TRUE:
		buf_add(out, STR("True"));
		break;
	case JSON_FALSE:
		buf_add(out, STR("False"));
		break;
	case JSON_NULL:
		break;
	case JSON_ARRAY:
		write_array(sh, v, out, depth);
		break;
	case JSON_OBJECT:
		write_special(sh, v, out, depth);
		break;
	}
}

str shell_text_of(struct shell *sh, const json_t *v, struct buf *scratch)
{
	if (json_is_string(v))
		return (str){ json_string_value(v), json_string_length(v) };
	size_t from = scratch->n;
	shell_write_text(sh, v, scratch, 0);
	return str_cut(buf_str(scratch), from, scratch->n);
}

/* ---- copies and searches ---- */

static err plain(struct shell *sh, const json_t *v, unsigned depth, json_t **out);

static err plain_items(struct shell *sh, const json_t *v, unsigned depth, json_t *to)
{
	const char *key;
	json_t *item, *copy;
	if (json_is_array(v)) {
		for (size_t i = 0; i < json_array_size(v); i++) {
			TRY(plain(sh, json_array_get(v, i), depth + 1, &copy));
			TRY(shell_json(json_array_append_new(to, copy)));
		}
		return OK;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, item)
	{
		if (shell_is_hidden(key))
			continue;
		TRY(plain(sh, item, depth + 1, &copy));
		TRY(shell_json(json_object_set_new(to, key, copy)));
	}
	return OK;
}

static err plain_special(struct shell *sh, const json_t *v, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	return shell_string_new(sh, shell_text_of(sh, v, &b), out);
}

static err plain(struct shell *sh, const json_t *v, unsigned depth, json_t **out)
{
	if (depth > VALUE_DEPTH_MAX)
		return shell_fail(sh, ERR(CEILING), "choose properties with Select-Object",
			"an object is nested more than %d deep", VALUE_DEPTH_MAX);
	if (!json_is_object(v) && !json_is_array(v)) {
		*out = json_incref((json_t *)(uintptr_t)v);
		return OK;
	}
	if (shell_is_special(v))
		return plain_special(sh, v, out);
	json_t *to = json_is_array(v) ? json_array() : json_object();
	ENSURE(to != NULL, NO_MEMORY);
	err e = plain_items(sh, v, depth, to);
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

err shell_plain(struct shell *sh, const json_t *v, json_t **out)
{
	return plain(sh, v, 0, out);
}

bool shell_has_secret(const json_t *v, unsigned depth)
{
	const char *key;
	json_t *item;
	if (shell_is_secret(v))
		return true;
	if (depth > VALUE_DEPTH_MAX)
		return false;
	for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++)
		if (shell_has_secret(json_array_get(v, i), depth + 1))
			return true;
	json_object_foreach((json_t *)(uintptr_t)v, key, item) if (shell_has_secret(item, depth + 1)) return true;
	return false;
}

bool shell_holds(const json_t *v, const json_t *inner, unsigned depth)
{
	const char *key;
	json_t *item;
	if (v == inner)
		return true;
	if (depth > VALUE_DEPTH_MAX)
		return true; /* too deep to be looked through: as if */
	for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++)
		if (shell_holds(json_array_get(v, i), inner, depth + 1))
			return true;
	json_object_foreach((json_t *)(uintptr_t)v, key, item) if (shell_holds(item, inner, depth + 1)) return true;
	return false;
}
