/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: loops, conditions, leaving them, errors. */
#include "service/shell/shell_priv.h"

static err condition(struct shell *sh, const struct shell_node *n, bool *out)
{
	json_t *v;
	TRY(shell_eval(sh, n, &v));
	*out = shell_truth(v);
	json_decref(v);
	return OK;
}

err shell_exec_list(struct shell *sh, const struct shell_node *list, struct shell_sink *out)
{
	for (const struct shell_node *kid = list->kids; kid != NULL; kid = kid->next)
		TRY(shell_exec(sh, kid, out));
	return OK;
}

static err exec_if(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	bool is = false;
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next->next) {
		if (kid->next == NULL)
			return shell_exec_list(sh, kid, out);
		TRY(condition(sh, kid, &is));
		if (is)
			return shell_exec_list(sh, kid->next, out);
	}
	return OK;
}

/* ---- loops ---- */

/* One turn of a loop; *leave: break. */
static err turn(struct shell *sh, const struct shell_node *body, struct shell_sink *out, bool *leave)
{
	TRY(shell_step(sh));
	err e = shell_exec_list(sh, body, out);
	*leave = shell_flows(e, FLOW_BREAK);
	return *leave || shell_flows(e, FLOW_CONTINUE) ? OK : e;
}

static err exec_foreach(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	const struct shell_node *variable = n->kids, *body = variable->next->next;
	json_t *list;
	bool leave = false;
	TRY(shell_eval(sh, variable->next, &list));
	size_t count = json_is_array(list) ? json_array_size(list) : !json_is_null(list);
	err e = OK;
	for (size_t i = 0; i < count && !leave && !failed(e); i++) {
		e = shell_variable_set(sh, variable->text, json_is_array(list) ? json_array_get(list, i) : list);
		if (!failed(e))
			e = turn(sh, body, out, &leave);
		if (json_is_array(list) && count > json_array_size(list))
			count = json_array_size(list);
	}
	json_decref(list);
	return e;
}

static err part_of_for(struct shell *sh, const struct shell_node *n)
{
	struct shell_sink nowhere = shell_nowhere;
	return n->kind == SHELL_EMPTY ? OK : shell_exec(sh, n, &nowhere);
}

static err exec_for(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	const struct shell_node *test = n->kids->next, *after = test->next, *body = after->next;
	bool leave = false, is = true;
	TRY(part_of_for(sh, n->kids));
	for (;;) {
		if (test->kind != SHELL_EMPTY)
			TRY(condition(sh, test, &is));
		if (!is)
			return OK;
		TRY(turn(sh, body, out, &leave));
		if (leave)
			return OK;
		TRY(part_of_for(sh, after));
	}
}

static err exec_while(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	bool leave = false, is;
	for (;;) {
		TRY(condition(sh, n->kids, &is));
		if (!is)
			return OK;
		TRY(turn(sh, n->kids->next, out, &leave));
		if (leave)
			return OK;
	}
}

static err exec_do(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	bool leave = false, is;
	for (;;) {
		TRY(turn(sh, n->kids, out, &leave));
		if (leave)
			return OK;
		TRY(condition(sh, n->kids->next, &is));
		if (is != (n->kind == SHELL_DO_WHILE))
			return OK;
	}
}

/* ---- switch ---- */

static err case_is(struct shell *sh, const struct shell_node *n, const struct shell_node *kase, json_t *v, bool *out)
{
	json_t *want;
	if (kase->kind == SHELL_BLOCK) {
		json_t *answer, *block = json_pack("{s:I}", KEY_BLOCK, (json_int_t)kase->tag);
		ENSURE(block != NULL, NO_MEMORY);
		err e = shell_block_value(sh, block, v, &answer);
		json_decref(block);
		TRY(e);
		*out = shell_truth(answer);
		json_decref(answer);
		return OK;
	}
	TRY(shell_eval(sh, kase, &want));
	sh->here = kase;
	err e = shell_compare_one(sh, n->op, n->strict, v, want, out);
	json_decref(want);
	return e;
}

static err switch_one(struct shell *sh, const struct shell_node *n, json_t *v, struct shell_sink *out, bool *leave)
{
	json_t *before = sh->it;
	bool any = false, is;
	err e = OK;
	sh->it = v;
	for (const struct shell_node *kase = n->kids->next; kase != NULL && !failed(e) && !*leave;
		kase = kase->next->next) {
		if (kase->kind == SHELL_EMPTY)
			continue;
		e = case_is(sh, n, kase, v, &is);
		if (failed(e) || !is)
			continue;
		any = true;
		e = turn(sh, kase->next, out, leave);
	}
	for (const struct shell_node *kase = n->kids->next; kase != NULL && !failed(e) && !any; kase = kase->next->next)
		if (kase->kind == SHELL_EMPTY)
			e = turn(sh, kase->next, out, leave);
	sh->it = before;
	return e;
}

static err exec_switch(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	json_t *v;
	bool leave = false;
	TRY(shell_eval(sh, n->kids, &v));
	size_t count = json_is_array(v) ? json_array_size(v) : 1;
	err e = OK;
	for (size_t i = 0; i < count && !failed(e) && !leave; i++)
		e = switch_one(sh, n, json_is_array(v) ? json_array_get(v, i) : v, out, &leave);
	json_decref(v);
	return e;
}

/* ---- leaving ---- */

static err exec_break(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	return n->kind == SHELL_BREAK ? FLOW(BREAK) : FLOW(CONTINUE);
}

static err exec_return(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	if (n->kids->kind != SHELL_EMPTY)
		TRY(shell_exec(sh, n->kids, out));
	return n->kind == SHELL_RETURN ? FLOW(RETURN) : FLOW(EXIT);
}

static err throw_again(struct shell *sh)
{
	const char *text = json_string_value(json_object_get(json_object_get(sh->caught, "Exception"), "Message"));
	return shell_fail(sh, ERR(REFUSED), "", "%s", text != NULL ? text : "thrown");
}

static err exec_throw(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *v;
	sh->here = n;
	if (n->kids->kind == SHELL_EMPTY)
		return sh->caught != NULL ? throw_again(sh) : shell_fail(sh, ERR(REFUSED), "", "thrown by the script");
	TRY(shell_eval(sh, n->kids, &v));
	str s = shell_text_of(sh, v, &b);
	sh->here = n;
	err e = shell_fail(sh, ERR(REFUSED), "", "%.*s", STR_FMT(str_cut(s, 0, sizeof sh->d.what - 1)));
	json_decref(sh->thrown);
	sh->thrown = v;
	return e;
}

/* ---- try ---- */

static err run_catch(struct shell *sh, err e, const struct shell_node *list, struct shell_sink *out)
{
	json_t *record = shell_error_record(sh, e), *it = sh->it, *caught = sh->caught;
	ENSURE(record != NULL, NO_MEMORY);
	json_decref(sh->thrown);
	sh->thrown = NULL;
	shell_remember_error(sh, record);
	sh->it = sh->caught = record;
	e = shell_exec_list(sh, list, out);
	sh->it = it;
	sh->caught = caught;
	json_decref(record);
	return e;
}

/* What is to be done at the end is done, also after an interruption: only another one ends it. */
static err run_finally(struct shell *sh, err e, const struct shell_node *list, struct shell_sink *out)
{
	struct diag before = sh->d;
	sig_atomic_t interrupted = sh->interrupted;
	sh->interrupted = 0;
	err last = shell_exec_list(sh, list, out);
	if (failed(last))
		return last;
	sh->interrupted = sh->interrupted || interrupted;
	sh->d = before;
	return e;
}

static bool is_final(struct shell *sh, err e)
{
	return sh->interrupted || err_is(e, ERR_NO_MEMORY) || (err_is(e, ERR_CEILING) && sh->steps > STEPS_MAX);
}

static err exec_try(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	const struct shell_node *handler = n->kids->next, *last = handler->next;
	struct shell_frame *frame = sh->frame;
	err e = shell_exec_list(sh, n->kids, out);
	ASSERT(frame == sh->frame);
	if (failed(e) && !shell_is_flow(e) && handler->kind != SHELL_EMPTY && !is_final(sh, e))
		e = run_catch(sh, e, handler, out);
	return last->kind != SHELL_EMPTY ? run_finally(sh, e, last, out) : e;
}

/* ---- all of them ---- */

static err exec_function(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	sh->here = n;
	return shell_function_add(sh, n->text, n->kids);
}

static err exec_silent(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	json_t *v;
	TRY(shell_eval(sh, n, &v));
	json_decref(v);
	return OK;
}

static err exec_value(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	json_t *v;
	TRY(shell_eval(sh, n, &v));
	err e = shell_put_each(sh, v, out);
	json_decref(v);
	return e;
}

static err exec_pipeline(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	if (n->n > 1 || n->kids->kind == SHELL_COMMAND)
		return shell_pipeline(sh, n, out);
	bool silent =
		n->kids->kind == SHELL_STEP || (n->kids->kind == SHELL_CAST && str_eq_case(n->kids->text, STR("void")));
	TRY(silent ? exec_silent(sh, n->kids, out) : exec_value(sh, n->kids, out));
	sh->ok = true;
	return OK;
}

static err (*const execs[])(struct shell *sh, const struct shell_node *n, struct shell_sink *out) = {
	[SHELL_LIST] = shell_exec_list,
	[SHELL_PIPELINE] = exec_pipeline,
	[SHELL_ASSIGN] = exec_silent,
	[SHELL_IF] = exec_if,
	[SHELL_FOREACH] = exec_foreach,
	[SHELL_FOR] = exec_for,
	[SHELL_WHILE] = exec_while,
	[SHELL_DO_WHILE] = exec_do,
	[SHELL_DO_UNTIL] = exec_do,
	[SHELL_SWITCH] = exec_switch,
	[SHELL_BREAK] = exec_break,
	[SHELL_CONTINUE] = exec_break,
	[SHELL_RETURN] = exec_return,
	[SHELL_EXIT] = exec_return,
	[SHELL_THROW] = exec_throw,
	[SHELL_TRY] = exec_try,
	[SHELL_FUNCTION] = exec_function,
};

err shell_exec(struct shell *sh, const struct shell_node *n, struct shell_sink *out)
{
	TRY(shell_begin(sh, n));
	bool known = n->kind < sizeof execs / sizeof *execs && execs[n->kind] != NULL;
	err e = known ? execs[n->kind](sh, n, out) : exec_value(sh, n, out);
	sh->depth--;
	return e;
}
