/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a pipeline: found by name, tied together, run. Input is pushed from one to the next, so nothing waits
 * for all of it. */
#include <stdlib.h>

#include "service/shell/shell_priv.h"

/* ---- names ---- */

/* ---- stages ---- */

static err put(struct shell *sh, struct shell_sink *to, json_t *v)
{
	struct shell_stage *st = (struct shell_stage *)to;
	sh->here = st->node;
	return st->ops->put(sh, st, v);
}

static err stage_alloc(const struct shell_node *node, struct shell_words *words, struct shell_stage **out)
{
	struct shell_stage *st = calloc(1, sizeof *st);
	if (st != NULL)
		st->parameters = json_object();
	if (st == NULL || st->parameters == NULL) {
		shell_words_fini(words);
		free(st);
		return ERR(NO_MEMORY);
	}
	st->sink.put = put;
	st->node = node;
	st->words = *words;
	st->sends_end = &st->sends;
	*words = (struct shell_words){ 0 };
	*out = st;
	return OK;
}

void shell_stage_free(struct shell *sh, struct shell_stage *st)
{
	if (st == NULL)
		return;
	shell_forget_sends(sh, st);
	shell_words_fini(&st->words);
	json_decref(st->parameters);
	json_decref(st->kept);
	json_decref(st->taken);
	free(st->error_variable);
	free(st->out_variable);
	free(st->callee.name);
	free(st);
}

static err bind_call(struct shell_stage *st, const struct shell_function *f)
{
	st->ops = &shell_ops_call;
	st->function = f;
	st->name = f->name;
	return OK;
}

/* NAME -? */
static bool asks_for_help(const struct shell_stage *st)
{
	for (size_t i = 0; i < st->words.n; i++)
		if (str_eq(st->words.items[i].name, STR("?")))
			return true;
	return false;
}

static err bind_help(struct shell *sh, struct shell_stage *st, str name)
{
	const struct shell_local *help = shell_local_find(STR("Get-Help"));
	json_t *topic;
	TRY(shell_string_new(sh, name, &topic));
	st->ops = shell_local_ops(help);
	st->name = help->name;
	return shell_json(json_object_set_new(st->parameters, "Name", topic));
}

/* Who answers to the name: a function, a local cmdlet, a script, the server. */
static err resolve(struct shell *sh, struct shell_stage *st, str name)
{
	str near = { "", 0 };
	const struct shell_function *f = shell_function_find(sh, name);
	if (asks_for_help(st))
		return bind_help(sh, st, name);
	if (f != NULL)
		return bind_call(st, f);
	const struct shell_local *local = shell_local_find(name);
	if (local != NULL) {
		st->ops = shell_local_ops(local);
		st->name = local->name;
		return shell_bind_local(sh, st, local);
	}
	if (shell_is_script(name)) {
		TRY(shell_load_script(sh, name, &st->callee));
		return bind_call(st, &st->callee);
	}
	st->name = sh->door->find(sh->arg, name, &near);
	if (st->name == NULL)
		return shell_no_such_command(sh, name, near);
	st->ops = &shell_ops_remote;
	return shell_bind_remote(sh, st);
}

err shell_stage_named(
	struct shell *sh, str name, struct shell_words *words, const struct shell_node *node, struct shell_stage **out)
{
	struct shell_stage *st;
	TRY(stage_alloc(node, words, &st));
	sh->here = node;
	err e = shell_bind_preferred(sh, st);
	if (!failed(e))
		e = resolve(sh, st, name);
	if (failed(e))
		shell_stage_free(sh, st);
	else
		*out = st;
	return e;
}

static err stage_of_block(struct shell *sh, json_t *block, const struct shell_node *node, struct shell_words *words,
	struct shell_stage **out)
{
	const struct shell_block *b = shell_block_of(sh, block);
	TRY(stage_alloc(node, words, out));
	(*out)->callee = (struct shell_function){ strdup("{ }"), b->node, b->source };
	(*out)->function = &(*out)->callee;
	(*out)->name = "{ }";
	(*out)->ops = &shell_ops_call;
	return OK;
}

static bool is_remote(struct shell *sh, str name)
{
	str near;
	return shell_function_find(sh, name) == NULL && shell_local_find(name) == NULL && !shell_is_script(name) &&
	       sh->door->find(sh->arg, name, &near) != NULL;
}

err shell_stage_new(struct shell *sh, const struct shell_node *command, struct shell_stage **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = 4096 };
	struct shell_words words = { 0 };
	json_t *name;
	TRY(shell_eval(sh, command->kids, &name));
	str s = shell_text_of(sh, name, &text);
	err e = shell_words_read(sh, command, is_remote(sh, s), &words);
	sh->here = failed(e) ? sh->here : command;
	if (failed(e))
		shell_words_fini(&words);
	else if (shell_block_of(sh, name) != NULL)
		e = stage_of_block(sh, name, command, &words, out);
	else
		e = shell_stage_named(sh, s, &words, command, out);
	if (!failed(e))
		(*out)->flag = command->op == SHELL_OP_DOT &&
			       (*out)->ops == &shell_ops_call; /* . script: in the caller's frame */
	json_decref(name);
	return e;
}

/* ---- what stages hand on ---- */

err shell_stage_emit(struct shell *sh, struct shell_stage *st, json_t *v)
{
	if (st->out_variable != NULL) {
		str name = str_of(st->out_variable);
		st->taken = st->taken != NULL ? st->taken : json_array();
		ENSURE(st->taken != NULL, NO_MEMORY);
		TRY(shell_json(json_array_append(st->taken, v)));
		TRY(shell_variable_set(sh, str_begins(name, STR("+")) ? str_cut(name, 1, name.n) : name, st->taken));
	}
	return st->out->put(sh, st->out, v);
}

err shell_stage_emit_new(struct shell *sh, struct shell_stage *st, json_t *v)
{
	ENSURE(v != NULL, NO_MEMORY);
	err e = shell_stage_emit(sh, st, v);
	json_decref(v);
	return e;
}

static err to_error_variable(struct shell *sh, const struct shell_stage *st, json_t *record)
{
	str name = str_of(st->error_variable);
	bool add = str_begins(name, STR("+")) || st->has_failed;
	name = str_begins(name, STR("+")) ? str_cut(name, 1, name.n) : name;
	json_t *all = NULL, *before = NULL;
	TRY(shell_variable_get(sh, name, &before));
	all = add && json_is_array(before) ? json_incref(before) : json_array();
	json_decref(before);
	ENSURE(all != NULL, NO_MEMORY);
	err e = shell_json(json_array_append(all, record));
	if (!failed(e))
		e = shell_variable_set(sh, name, all);
	json_decref(all);
	return e;
}

static void tell(struct shell *sh, err e)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	buf_add(&b, str_of(sh->d.what[0] != '\0' ? sh->d.what : e.def->text));
	if (sh->d.remedy[0] != '\0') {
		buf_add(&b, STR("\n  remedy: "));
		buf_add(&b, str_of(sh->d.remedy));
	}
	shell_say(sh, SHELL_ERROR, buf_str(&b));
	sh->told = e;
	sh->has_told = true;
}

err shell_stage_refuse(struct shell *sh, struct shell_stage *st, err e)
{
	if (st->action == ACTION_STOP || sh->interrupted)
		return e;
	json_t *record = shell_error_record(sh, e);
	ENSURE(record != NULL, NO_MEMORY);
	err last = OK;
	if (st->action != ACTION_IGNORE)
		shell_remember_error(sh, record);
	sh->ok = false;
	if (st->error_variable != NULL)
		last = to_error_variable(sh, st, record);
	st->has_failed = true;
	json_decref(record);
	if (st->action == ACTION_CONTINUE)
		tell(sh, e);
	return last;
}

/* ---- pipelines ---- */

/* The end of input goes from the first to the last. A stage that wants no more ends those before it without one. */
static err end_all(struct shell *sh, struct shell_stage *from)
{
	for (struct shell_stage *st = from; st != NULL; st = st->next) {
		sh->here = st->node;
		err e = st->ops->end != NULL ? st->ops->end(sh, st) : OK;
		if (!shell_flows(e, FLOW_STOP)) {
			TRY(e);
			continue;
		}
		struct shell_stage *stopper = st;
		while (stopper != NULL && stopper != sh->stopper)
			stopper = stopper->next;
		if (stopper == NULL)
			return e; /* one of an outer pipeline */
		sh->stopper = NULL;
		return end_all(sh, stopper);
	}
	return OK;
}

static err feed(struct shell *sh, json_t *first, struct shell_stage *stages)
{
	for (struct shell_stage *st = stages; st != NULL; st = st->next) {
		sh->here = st->node;
		if (st->ops->begin != NULL)
			TRY(st->ops->begin(sh, st));
	}
	if (first == NULL)
		return end_all(sh, stages);
	stages->expected = json_is_array(first) ? json_array_size(first) : 1;
	err e = shell_put_each(sh, first, &stages->sink);
	if (!shell_flows(e, FLOW_STOP)) {
		TRY(e);
		return end_all(sh, stages);
	}
	for (struct shell_stage *st = stages; st != NULL; st = st->next)
		if (st == sh->stopper) {
			sh->stopper = NULL;
			return end_all(sh, st);
		}
	return e;
}

err shell_run_stages(struct shell *sh, json_t *first, struct shell_stage *stages, struct shell_sink *out)
{
	struct shell_stage *next;
	for (struct shell_stage *st = stages; st != NULL; st = st->next) {
		st->out = st->next != NULL ? &st->next->sink : out;
		st->is_piped = first != NULL || st != stages;
	}
	err e = feed(sh, first, stages);
	bool ok = !failed(e) || shell_is_flow(e);
	for (struct shell_stage *st = stages; st != NULL; st = next) {
		next = st->next;
		ok = ok && !st->has_failed;
		shell_stage_free(sh, st);
	}
	sh->ok = ok;
	return e;
}

err shell_pipeline(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	struct shell_stage *stages = NULL, **end = &stages, *next;
	const struct shell_node *kid = n->kids;
	json_t *first = NULL;
	err e = OK;
	if (kid->kind != SHELL_COMMAND) {
		TRY(shell_eval(sh, kid, &first));
		kid = kid->next;
	}
	for (; kid != NULL && !failed(e); kid = kid->next) {
		e = shell_stage_new(sh, kid, end);
		if (!failed(e))
			end = &(*end)->next;
	}
	if (!failed(e)) {
		e = shell_run_stages(sh, first, stages, out);
	} else {
		sh->ok = false;
		for (struct shell_stage *st = stages; st != NULL; st = next) {
			next = st->next;
			shell_stage_free(sh, st);
		}
	}
	json_decref(first);
	return e;
}
