/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a command, evaluated; and -ErrorAction and its like, which belong to every command. */
#include <stdlib.h>

#include "service/shell/shell_priv.h"

/* ---- words ---- */

void shell_words_fini(struct shell_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_decref(w->items[i].value);
	free(w->items);
	*w = (struct shell_words){ 0 };
}

err shell_words_add(struct shell *sh, struct shell_words *w, struct shell_word word)
{
	if (w->n == w->room) {
		size_t room = w->room != 0 ? w->room * 2 : 8;
		struct shell_word *more = reallocarray(w->items, room, sizeof *more);
		if (more == NULL) {
			json_decref(word.value);
			return ERR(NO_MEMORY);
		}
		w->items = more;
		w->room = room;
	}
	w->items[w->n++] = word;
	return OK;
}

/* @x: names of a hash table become parameters, items of a list values. */
static err splat(struct shell *sh, const struct shell_node *n, struct shell_words *to)
{
	const char *key;
	json_t *all, *v;
	TRY(shell_variable_get(sh, n->text, &all));
	err e = OK;
	for (size_t i = 0; json_is_array(all) && i < json_array_size(all) && !failed(e); i++)
		e = shell_words_add(
			sh, to, (struct shell_word){ .value = json_incref(json_array_get(all, i)), .node = n });
	if (json_is_object(all) && !shell_is_special(all))
		json_object_foreach(all, key, v) if (!shell_is_hidden(key) && !failed(e))
		{
			str name = arena_copy(&sh->place->source->arena, str_of(key)); /* outlives the hash table */
			e = name.p != NULL
				    ? shell_words_add(sh, to,
					      (struct shell_word){ .name = name, .value = json_incref(v), .node = n })
				    : ERR(NO_MEMORY);
		}
	if (!failed(e) && !json_is_array(all) && !json_is_object(all)) {
		sh->here = n;
		e = shell_fail(sh, ERR(USAGE), "set it to @{ Name = value } before",
			"@%.*s is neither a hash table nor a list", STR_FMT(str_cut(n->text, 0, 60)));
	}
	json_decref(all);
	return e;
}

/* 0301 and 1.50 may be texts: the server gets them as they stand. */
static err read_value(struct shell *sh, const struct shell_node *n, bool is_remote, json_t **out)
{
	char plain[32];
	if (!is_remote || n->kind != SHELL_NUMBER)
		return shell_eval(sh, n, out);
	(void)snprintf(plain, sizeof plain, "%lld", (long long)n->integer);
	char last = n->text.p[n->text.n - 1];
	bool as_text = n->is_real ? last >= '0' && last <= '9'
				  : last >= '0' && last <= '9' && !str_begins_case(n->text, STR("0x")) &&
					    !str_eq(n->text, str_of(plain));
	return as_text ? shell_string_new(sh, n->text, out) : shell_eval(sh, n, out);
}

err shell_words_read(struct shell *sh, const struct shell_node *command, bool is_remote, struct shell_words *out)
{
	for (const struct shell_node *n = command->kids->next; n != NULL; n = n->next) {
		struct shell_word word = { .node = n };
		if (n->kind == SHELL_SPLAT) {
			TRY(splat(sh, n, out));
			continue;
		}
		if (n->kind == SHELL_PARAMETER)
			word.name = n->text;
		const struct shell_node *value = n->kind == SHELL_PARAMETER ? n->kids : n;
		if (value != NULL)
			TRY(read_value(sh, value, is_remote, &word.value));
		TRY(shell_words_add(sh, out, word));
	}
	return OK;
}

err shell_word_value(struct shell *sh, struct shell_stage *st, size_t *i, json_t **out)
{
	struct shell_word *w = &st->words.items[*i];
	if (w->value != NULL) {
		*out = w->value;
		return OK;
	}
	if (*i + 1 < st->words.n && st->words.items[*i + 1].name.p == NULL) {
		++*i;
		*out = st->words.items[*i].value;
		return OK;
	}
	sh->here = w->node != NULL ? w->node : sh->here;
	return shell_fail(
		sh, ERR(USAGE), "write the value after it", "-%.*s needs a value", STR_FMT(str_cut(w->name, 0, 60)));
}

/* ---- -ErrorAction and its like ---- */

enum common { COMMON_NONE, COMMON_ACTION, COMMON_ERROR, COMMON_OUT };

static enum common common_of(str name)
{
	static const struct {
		const char *name;
		enum common which;
	} names[] = { { "ErrorAction", COMMON_ACTION }, { "EA", COMMON_ACTION }, { "ErrorVariable", COMMON_ERROR },
		{ "EV", COMMON_ERROR }, { "OutVariable", COMMON_OUT }, { "OV", COMMON_OUT } };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_case(name, str_of(names[i].name)))
			return names[i].which;
	return COMMON_NONE;
}

bool shell_is_common(str name)
{
	return common_of(name) != COMMON_NONE;
}

static bool action_of(str word, enum shell_action *out)
{
	static const struct {
		const char *word;
		enum shell_action action;
	} actions[] = { { "Stop", ACTION_STOP }, { "SilentlyContinue", ACTION_SILENT }, { "Ignore", ACTION_IGNORE },
		{ "Continue", ACTION_CONTINUE }, { "Inquire", ACTION_CONTINUE }, { "0", ACTION_SILENT },
		{ "1", ACTION_STOP }, { "2", ACTION_CONTINUE } };
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (str_eq_case(word, str_of(actions[i].word))) {
			*out = actions[i].action;
			return true;
		}
	return false;
}

/* What $ErrorActionPreference says. */
err shell_bind_preferred(struct shell *sh, struct shell_stage *st)
{
	json_t *v;
	TRY(shell_variable_get(sh, STR("ErrorActionPreference"), &v));
	if (json_is_string(v))
		(void)action_of(str_of(json_string_value(v)), &st->action);
	json_decref(v);
	return OK;
}

err shell_bind_common(struct shell *sh, struct shell_stage *st, size_t *i, bool *taken)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	json_t *v;
	enum common which = common_of(st->words.items[*i].name);
	*taken = which != COMMON_NONE;
	if (!*taken)
		return OK;
	str name = st->words.items[*i].name;
	TRY(shell_word_value(sh, st, i, &v));
	str word = shell_text_of(sh, v, &b);
	if (which == COMMON_ACTION && !action_of(word, &st->action))
		return shell_fail(sh, ERR(USAGE), "write Continue, SilentlyContinue, Ignore or Stop",
			"\"%.*s\" is no way to treat errors", STR_FMT(str_cut(word, 0, 60)));
	if (which == COMMON_ACTION)
		return OK;
	char **to = which == COMMON_ERROR ? &st->error_variable : &st->out_variable;
	free(*to);
	*to = strndup(word.p, word.n);
	if (*to == NULL || word.n == 0)
		return shell_fail(sh, ERR(USAGE), "write its name without a $", "-%.*s needs the name of a variable",
			STR_FMT(name));
	return OK;
}
