/* SPDX-License-Identifier: Apache-2.0 */
/* A session: its beginning and end, and running texts and words in it. */
#include <stdlib.h>

#include "service/shell/shell_priv.h"

/* ---- life ---- */

static err set_text(struct shell *sh, const char *name, const char *text)
{
	json_t *v = json_string(text);
	ENSURE(v != NULL, NO_MEMORY);
	err e = shell_variable_set(sh, str_of(name), v);
	json_decref(v);
	return e;
}

err shell_new(const struct shell_door *door, void *arg, struct shell **out)
{
	struct shell *sh = calloc(1, sizeof *sh);
	ENSURE(sh != NULL, NO_MEMORY);
	sh->door = door;
	sh->arg = arg;
	sh->frame = &sh->global;
	sh->flight_end = &sh->flight;
	sh->ok = true;
	sh->global.variables = json_object();
	sh->errors = json_array();
	sh->shown = json_array();
	err e = sh->global.variables != NULL && sh->errors != NULL && sh->shown != NULL
			? set_text(sh, "ErrorActionPreference", "Continue")
			: ERR(NO_MEMORY);
	if (failed(e))
		shell_free(sh);
	else
		*out = sh;
	return e;
}

static void free_secrets(struct shell *sh)
{
	for (size_t i = 0; i < sh->n_secrets; i++) {
		explicit_bzero(sh->secrets[i], strlen(sh->secrets[i]));
		free(sh->secrets[i]);
	}
	free(sh->secrets);
}

void shell_free(struct shell *sh)
{
	if (sh == NULL)
		return;
	shell_forget_flight(sh);
	json_decref(sh->global.variables);
	json_decref(sh->errors);
	json_decref(sh->shown);
	json_decref(sh->thrown);
	for (size_t i = 0; i < sh->n_functions; i++)
		free(sh->functions[i].name);
	free(sh->functions);
	for (struct shell_source *s = sh->sources, *next; s != NULL; s = next) {
		next = s->next;
		shell_source_free(s);
	}
	free(sh->blocks);
	free_secrets(sh);
	free(sh);
}

void shell_interrupt(struct shell *sh)
{
	sh->interrupted = 1;
}

bool shell_has_told(const struct shell *sh)
{
	return sh->has_told;
}

/* ---- running ---- */

static err show(struct shell *sh, struct shell_sink *to, json_t *v)
{
	sh->shown_elements += 1 + (json_is_object(v) ? json_object_size(v) : 0);
	if (sh->shown_elements > SHOWN_MAX)
		return shell_fail(sh, ERR(CEILING), "ask for less, or pipe it into Export-Csv or Select-Object", "more than 1 GiB of values to be shown at once");
	return shell_json(json_array_append(sh->shown, v));
}

static void begin(struct shell *sh)
{
	sh->interrupted = 0;
	sh->told = OK;
	sh->has_told = false;
	sh->depth = sh->calls = 0;
	sh->steps = sh->elements = sh->shown_elements = 0;
	sh->here = NULL;
	sh->stopper = NULL;
	sh->d = (struct diag){ 0 };
}

/* The answer of a text: the error that ended it, else the last one that was told. */
static err finish(struct shell *sh, err e, struct diag *d)
{
	shell_flush_shown(sh);
	shell_drain(sh);
	if (shell_is_flow(e))
		e = OK;
	if (failed(e)) {
		json_t *record = shell_error_record(sh, e);
		shell_remember_error(sh, record);
		json_decref(record);
		sh->has_told = false;
	} else {
		e = sh->told;
	}
	json_decref(sh->thrown);
	sh->thrown = NULL;
	if (failed(e) && d != NULL)
		*d = sh->d;
	shell_sources_drop(sh);
	sh->top = NULL;
	sh->place = NULL;
	return e;
}

static err run_statements(struct shell *sh, const struct shell_node *list)
{
	struct shell_sink sink = { show };
	for (const struct shell_node *n = list->kids; n != NULL; n = n->next) {
		sh->steps = sh->elements = sh->shown_elements = 0;
		TRY(shell_exec(sh, n, &sink));
		shell_flush_shown(sh);
	}
	return OK;
}

static err load(struct shell *sh, str text, struct shell_source **out, struct diag *d)
{
	err e = shell_source_new(sh, "", text, out);
	if (failed(e)) {
		if (d != NULL)
			*d = sh->d;
		return e;
	}
	return shell_parse(&(*out)->arena, buf_str(&(*out)->text), &(*out)->root, d);
}

err shell_run(struct shell *sh, str text, struct diag *d)
{
	struct shell_source *s;
	begin(sh);
	err e = load(sh, text, &s, d);
	if (failed(e)) {
		shell_sources_drop(sh);
		return e;
	}
	struct shell_place place = { .source = s };
	sh->top = s;
	sh->place = &place;
	e = shell_source_blocks(sh, s, s->root);
	if (!failed(e) && s->root->kids->kind == SHELL_PARAMS)
		e = shell_fail(sh, ERR(USAGE), "write it to a .ps1 file and call that", "param( ) belongs to a script");
	if (!failed(e))
		e = shell_check(sh, s);
	if (!failed(e))
		e = run_statements(sh, shell_kid(s->root, 1));
	return finish(sh, e, d);
}

/* ---- words that another shell has split ---- */

static bool is_expression(str s)
{
	return str_begins(s, STR("@{")) || str_begins(s, STR("@(")) || str_begins(s, STR("$")) ||
	       str_begins(s, STR("{")) || str_begins(s, STR("("));
}

static err eval_word(struct shell *sh, str s, json_t **out)
{
	struct shell_source *source;
	struct shell_node *n;
	if (!is_expression(s))
		return shell_string_new(sh, s, out);
	TRY(shell_source_new(sh, "", s, &source));
	err e = shell_parse_argument(&source->arena, buf_str(&source->text), &n, &sh->d);
	if (failed(e)) {
		(void)snprintf(sh->d.where, sizeof sh->d.where, "%.100s", source->text.p);
		sh->d.line = sh->d.column = 0;
		return err_is(e, ERR_INCOMPLETE) ? ERR(MALFORMED) : e;
	}
	struct shell_place place = { .source = source };
	source->root = NULL;
	TRY(shell_source_blocks(sh, source, n));
	sh->place = &place;
	e = shell_eval(sh, n, out);
	sh->place = NULL;
	sh->here = NULL;
	return e;
}

/* -Name, -Name:value */
static err add_word(struct shell *sh, struct shell_words *words, str s)
{
	struct shell_word word = { .is_bare = true };
	size_t dash = shell_dash(s);
	str value = s;
	bool named = dash != 0 && s.n > dash &&
		     (((s.p[dash] | 0x20) >= 'a' && (s.p[dash] | 0x20) <= 'z') || s.p[dash] == '?');
	if (named) {
		word.name = str_split(str_cut(s, dash, s.n), ':', &value);
		named = word.name.n + dash == s.n;
	}
	if (!named)
		TRY(eval_word(sh, value, &word.value));
	return shell_words_add(sh, words, word);
}

err shell_run_words(struct shell *sh, size_t n, const str *words, struct diag *d)
{
	struct shell_words all = { 0 };
	struct shell_stage *st = NULL;
	struct shell_sink sink = { show };
	begin(sh);
	err e = n != 0 ? OK : shell_fail(sh, ERR(USAGE), "write the name of a cmdlet", "there is no command");
	for (size_t i = 1; i < n && !failed(e); i++)
		e = add_word(sh, &all, words[i]);
	if (!failed(e))
		e = shell_stage_named(sh, words[0], &all, NULL, &st);
	if (!failed(e))
		e = shell_run_stages(sh, NULL, st, &sink);
	shell_words_fini(&all);
	return finish(sh, e, d);
}
