/* SPDX-License-Identifier: Apache-2.0 */
/* Functions, blocks and scripts: their parameters, their frame, their place. */
#include <stdlib.h>

#include "base/near.h"
#include "service/shell/shell_priv.h"
#include "wire/pattern.h"

/* ---- blocks ---- */

static err may_call(struct shell *sh)
{
	if (sh->calls >= CALLS_MAX)
		return shell_fail(sh, ERR(CEILING), "look for a function that calls itself without end",
			"calls are nested more than %d deep", CALLS_MAX);
	return OK;
}

/* Statements of another source, or of another function: errors have their place there. */
static err exec_in(struct shell *sh, struct shell_source *source, const char *name, const struct shell_node *list,
	struct shell_sink *out)
{
	struct shell_place place = { .up = sh->place, .source = source, .from = sh->here, .name = name };
	sh->place = &place;
	err e = shell_exec_list(sh, list, out);
	sh->place = place.up;
	sh->here = place.from;
	return e;
}

err shell_call_block(struct shell *sh, const struct shell_block *b, json_t *it, struct shell_sink *out)
{
	json_t *before = sh->it;
	const char *name = sh->place != NULL && sh->place->source == b->source ? sh->place->name : NULL;
	TRY(may_call(sh));
	sh->calls++;
	sh->it = it;
	err e = exec_in(sh, b->source, name, shell_kid(b->node, 1), out);
	sh->it = before;
	sh->calls--;
	return shell_flows(e, FLOW_RETURN) ? OK : e;
}

err shell_block_value(struct shell *sh, const json_t *block, json_t *it, json_t **out)
{
	struct shell_collect c;
	const struct shell_block *b = shell_block_of(sh, block);
	if (b == NULL)
		return shell_fail(sh, ERR(USAGE), "write { statements }", "a script block is wanted here");
	TRY(shell_collect_begin(&c));
	struct shell_block own = *b; /* blocks may move when a script is read */
	err e = shell_call_block(sh, &own, it, &c.sink);
	if (!failed(e))
		*out = shell_collect_value(&c);
	shell_collect_end(&c);
	return e;
}

/* ---- declared parameters ---- */

static bool is_switch(const struct shell_node *declaration)
{
	for (const struct shell_node *n = declaration->kids->next; n != NULL; n = n->next)
		if (n->kind == SHELL_TYPE &&
			(str_eq_case(n->text, STR("switch")) || str_eq_case(n->text, STR("switchparameter"))))
			return true;
	return false;
}

static const struct shell_node *find_declaration(const struct shell_node *params, str name, struct near *near)
{
	const struct shell_node *found = NULL;
	unsigned n = 0;
	for (const struct shell_node *d = params->kids; d != NULL; d = d->next) {
		near_offer(near, d->text);
		if (str_eq_case(d->text, name))
			return d;
		if (str_begins_case(d->text, name)) {
			found = d;
			n++;
		}
	}
	return n == 1 ? found : NULL;
}

static err check_set(
	struct shell *sh, const struct shell_node *declaration, const struct shell_node *attribute, const json_t *v)
{
	struct buf list DEFER(buf_fini) = { .ceiling = 4096 };
	const struct shell_node *here = sh->here;
	json_t *one;
	bool found = false;
	for (const struct shell_node *n = attribute->kids; n != NULL && !found; n = n->next) {
		TRY(shell_eval(sh, n, &one));
		sh->here = here;
		found = shell_equal(sh, one, v, false);
		buf_add(&list, n != attribute->kids ? STR(", ") : STR(""));
		shell_write_text(sh, one, &list, 0);
		json_decref(one);
	}
	if (found)
		return OK;
	buf_add_char(&list, '\0');
	return shell_fail(sh, ERR(USAGE), "give one of them", "-%.*s is one of %.150s",
		STR_FMT(str_cut(declaration->text, 0, 60)), list.p);
}

static err check_range(
	struct shell *sh, const struct shell_node *declaration, const struct shell_node *attribute, const json_t *v)
{
	const struct shell_node *here = sh->here;
	json_t *least, *most;
	if (attribute->n != 2)
		return shell_fail(sh, ERR(USAGE), "write [ValidateRange(1, 5)]", "ValidateRange takes two numbers");
	TRY(shell_eval(sh, attribute->kids, &least));
	err e = shell_eval(sh, attribute->kids->next, &most);
	sh->here = here;
	if (!failed(e)) {
		if (shell_order(sh, v, least, false) < 0 || shell_order(sh, v, most, false) > 0)
			e = shell_fail(sh, ERR(USAGE), "give a number between them", "-%.*s is out of its range",
				STR_FMT(str_cut(declaration->text, 0, 60)));
		json_decref(most);
	}
	json_decref(least);
	return e;
}

static err check_pattern(
	struct shell *sh, const struct shell_node *declaration, const struct shell_node *attribute, const json_t *v)
{
	const struct shell_node *here = sh->here;
	json_t *pattern;
	bool is = false;
	if (attribute->n == 0)
		return OK;
	TRY(shell_eval(sh, attribute->kids, &pattern));
	sh->here = here;
	err e = shell_compare_one(sh, SHELL_OP_MATCH, false, v, pattern, &is);
	if (!failed(e) && !is)
		e = shell_fail(sh, ERR(USAGE), "look at the ValidatePattern of the script",
			"-%.*s does not match its pattern", STR_FMT(str_cut(declaration->text, 0, 60)));
	json_decref(pattern);
	return e;
}

static err check_value(struct shell *sh, const struct shell_node *declaration, const json_t *v)
{
	for (const struct shell_node *n = declaration->kids->next; n != NULL; n = n->next) {
		if (n->kind != SHELL_ATTRIBUTE)
			continue;
		if (str_eq_case(n->text, STR("ValidateSet")))
			TRY(check_set(sh, declaration, n, v));
		else if (str_eq_case(n->text, STR("ValidateRange")))
			TRY(check_range(sh, declaration, n, v));
		else if (str_eq_case(n->text, STR("ValidatePattern")))
			TRY(check_pattern(sh, declaration, n, v));
		else if (str_begins_case(n->text, STR("ValidateNotNull")) &&
			 (json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0)))
			return shell_fail(sh, ERR(USAGE), "give it a value", "-%.*s is empty",
				STR_FMT(str_cut(declaration->text, 0, 60)));
	}
	return OK;
}

static err set_parameter(struct shell *sh, const struct shell_node *declaration, json_t *v, bool check)
{
	json_t *as = json_incref(v), *next;
	for (const struct shell_node *n = declaration->kids->next; n != NULL; n = n->next) {
		if (n->kind != SHELL_TYPE)
			continue;
		err e = json_is_null(as) && !is_switch(declaration) ? OK : shell_cast(sh, n->text, as, &next);
		if (failed(e)) {
			json_decref(as);
			return e;
		}
		if (!json_is_null(as) || is_switch(declaration)) {
			json_decref(as);
			as = next;
		}
	}
	err e = check ? check_value(sh, declaration, as) : OK;
	if (!failed(e))
		e = shell_variable_set(sh, declaration->text, as);
	json_decref(as);
	return e;
}

static err bind_named(
	struct shell *sh, struct shell_stage *st, const struct shell_node *params, size_t *i, json_t *given)
{
	struct shell_word *w = &st->words.items[*i];
	struct near near = { .want = w->name };
	const struct shell_node *d = find_declaration(params, w->name, &near);
	json_t *v = json_true();
	char key[128];
	if (d == NULL && (str_eq_case(w->name, STR("Verbose")) || str_eq_case(w->name, STR("Debug"))))
		return OK;
	if (d == NULL) {
		str best = near_best(&near);
		return shell_fail(sh, ERR(USAGE), "look at its param( )",
			best.n != 0 ? "%s has no parameter -%.*s; did you mean -%.*s?"
				    : "%s has no parameter -%.*s%.*s",
			st->name, STR_FMT(str_cut(w->name, 0, 60)), STR_FMT(best));
	}
	if (!is_switch(d))
		TRY(shell_word_value(sh, st, i, &v));
	else if (w->value != NULL)
		v = w->value;
	(void)str_to_z(d->text, key, sizeof key);
	return shell_json(json_object_set(given, key, v));
}

static err bind_positional(struct shell *sh, const struct shell_node *params, json_t *given, json_t *v, json_t *rest)
{
	char key[128];
	for (const struct shell_node *d = params != NULL ? params->kids : NULL; d != NULL; d = d->next) {
		(void)str_to_z(d->text, key, sizeof key);
		if (!is_switch(d) && json_object_get(given, key) == NULL)
			return shell_json(json_object_set(given, key, v));
	}
	return shell_json(json_array_append(rest, v));
}

/* -Name value first: what has no name takes what they left. */
static err bind_words(
	struct shell *sh, struct shell_stage *st, const struct shell_node *params, json_t *given, json_t *rest)
{
	bool used[WORDS_MAX] = { false }, taken;
	if (st->words.n > WORDS_MAX)
		return shell_fail(sh, ERR(CEILING), "give a list as one value: a, b, c",
			"a command has at most %d words", WORDS_MAX);
	for (size_t i = 0, from; i < st->words.n; i++) {
		struct shell_word *w = &st->words.items[from = i];
		if (w->name.p == NULL)
			continue;
		sh->here = w->node != NULL ? w->node : st->node;
		TRY(shell_bind_common(sh, st, &i, &taken));
		if (!taken && params != NULL)
			TRY(bind_named(sh, st, params, &i, given));
		else if (!taken)
			return shell_fail(sh, ERR(USAGE), "declare it in param( )", "%s has no parameters", st->name);
		for (; from <= i; from++)
			used[from] = true;
	}
	for (size_t i = 0; i < st->words.n; i++)
		if (!used[i])
			TRY(bind_positional(sh, params, given, st->words.items[i].value, rest));
	sh->here = st->node;
	if (params != NULL && json_array_size(rest) != 0)
		return shell_fail(sh, ERR(USAGE), "write -NAME before each value",
			"%s is given more values than it has parameters", st->name);
	return OK;
}

static bool is_mandatory(const struct shell_node *declaration)
{
	for (const struct shell_node *n = declaration->kids->next; n != NULL; n = n->next)
		for (const struct shell_node *kid = n->kids; n->kind == SHELL_ATTRIBUTE && kid != NULL; kid = kid->next)
			if (kid->kind == SHELL_NAMED && str_eq_case(kid->text, STR("Mandatory")))
				return kid->n == 0 ||
				       !(kid->kids->kind == SHELL_VAR && str_eq_case(kid->kids->text, STR("false")));
	return false;
}

static err ask(struct shell *sh, const struct shell_stage *st, const struct shell_node *d, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 64 << 10 };
	char prompt[140];
	(void)snprintf(prompt, sizeof prompt, "%.*s: ", STR_FMT(str_cut(d->text, 0, 120)));
	if (sh->door->read_line == NULL || !sh->door->read_line(sh->arg, prompt, false, &b))
		return shell_fail(sh, ERR(USAGE), "give it", "-%.*s of %s is missing", STR_FMT(str_cut(d->text, 0, 60)),
			st->name);
	return shell_string_new(sh, buf_str(&b), out);
}

struct call {
	const struct shell_function *f;
	const struct shell_node *params; /* NULL: none */
	json_t *given, *rest;
	const char *name;
};

/* A default is part of the function: an error has its place there. */
static err eval_default(struct shell *sh, const struct call *c, const struct shell_node *n, json_t **out)
{
	struct shell_place place = { .up = sh->place, .source = c->f->source, .from = sh->here, .name = c->name };
	sh->place = &place;
	err e = shell_eval(sh, n, out);
	sh->place = place.up;
	sh->here = place.from;
	return e;
}

static err set_declared(
	struct shell *sh, const struct shell_stage *st, const struct call *c, const struct shell_node *d)
{
	char key[128];
	json_t *v;
	sh->here = st->node;
	(void)str_to_z(d->text, key, sizeof key);
	if ((v = json_object_get(c->given, key)) != NULL)
		return set_parameter(sh, d, v, true);
	if (is_mandatory(d))
		TRY(ask(sh, st, d, &v));
	else if (d->kids->kind != SHELL_EMPTY)
		TRY(eval_default(sh, c, d->kids, &v));
	else
		v = is_switch(d) ? json_false() : json_null();
	err e = set_parameter(sh, d, v, is_mandatory(d));
	json_decref(v);
	return e;
}

/* ---- functions and scripts as stages ---- */

static err put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	if (st->kept == NULL)
		st->kept = json_array();
	TRY(shell_charge(sh, 1));
	return shell_json(json_array_append(st->kept, v));
}

static err emit(struct shell *sh, struct shell_sink *to, json_t *v)
{
	struct shell_stage *st = (struct shell_stage *)((char *)to - offsetof(struct shell_stage, inner));
	return shell_stage_emit(sh, st, v);
}

static err set_variables(struct shell *sh, struct shell_stage *st, const struct call *c)
{
	for (const struct shell_node *d = c->params != NULL ? c->params->kids : NULL; d != NULL; d = d->next)
		TRY(set_declared(sh, st, c, d));
	TRY(shell_variable_set(sh, STR("args"), c->rest));
	TRY(shell_variable_set(sh, STR("PSBoundParameters"), c->given));
	if (st->kept != NULL)
		TRY(shell_variable_set(sh, STR("input"), st->kept));
	if (st->action != ACTION_STOP && st->action != ACTION_SILENT)
		return OK;
	json_t *word = json_string(st->action == ACTION_STOP ? "Stop" : "SilentlyContinue");
	ENSURE(word != NULL, NO_MEMORY);
	err e = shell_variable_set(sh, STR("ErrorActionPreference"), word);
	json_decref(word);
	return e;
}

/* In its own frame unless it was called by a dot. */
static err run(struct shell *sh, struct shell_stage *st, const struct call *c)
{
	struct shell_frame frame = { 0 };
	bool is_script = c->f->block == c->f->source->root;
	TRY(may_call(sh));
	if (!st->flag)
		TRY(shell_frame_open(sh, &frame, is_script));
	sh->calls++;
	err e = set_variables(sh, st, c);
	st->inner.put = emit;
	if (!failed(e))
		e = exec_in(sh, c->f->source, c->name, shell_kid(c->f->block, 1), &st->inner);
	sh->calls--;
	if (!st->flag)
		shell_frame_close(sh, &frame);
	return shell_flows(e, FLOW_RETURN) || (is_script && shell_flows(e, FLOW_EXIT)) ? OK : e;
}

static err end(struct shell *sh, struct shell_stage *st)
{
	struct shell_function own = *st->function; /* it may be declared anew while it runs */
	const struct shell_node *params = own.block->kids;
	struct call c = { .f = &own,
		.params = params->kind == SHELL_PARAMS ? params : NULL,
		.given = shell_hash_new(),
		.rest = json_array() };
	c.name = own.source == sh->top ? NULL : own.name[0] == '{' ? "" : own.name;
	err e = c.given != NULL && c.rest != NULL ? bind_words(sh, st, c.params, c.given, c.rest) : ERR(NO_MEMORY);
	if (!failed(e))
		e = run(sh, st, &c);
	json_decref(c.given);
	json_decref(c.rest);
	return e;
}

const struct shell_stage_ops shell_ops_call = { NULL, put, end };

err shell_load_script(struct shell *sh, str path, struct shell_function *out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = SHELL_TEXT_MAX + 1 };
	struct shell_source *s;
	char name[160];
	if (sh->door->find_script == NULL)
		return shell_fail(sh, ERR(REFUSED), "type the commands", "scripts cannot be run here");
	err e = sh->door->find_script(sh->arg, path, &text, &sh->d);
	if (failed(e))
		return shell_fail_at(sh, e);
	(void)str_to_z(str_cut(path, 0, sizeof name - 1), name, sizeof name);
	TRY(shell_source_new(sh, name, buf_str(&text), &s));
	e = shell_parse(&s->arena, buf_str(&s->text), &s->root, &sh->d);
	if (failed(e)) {
		char where[sizeof sh->d.where];
		(void)snprintf(where, sizeof where, "%.100s, line %u, column %u", name, sh->d.line, sh->d.column);
		shell_error_place(sh);
		(void)memcpy(sh->d.where, where, sizeof where);
		return err_is(e, ERR_INCOMPLETE) ? ERR(MALFORMED) : e;
	}
	TRY(shell_source_blocks(sh, s, s->root));
	TRY(shell_check(sh, s));
	s->is_kept = true;
	*out = (struct shell_function){ strdup(name), s->root, s };
	return out->name != NULL ? OK : ERR(NO_MEMORY);
}
