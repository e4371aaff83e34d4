/* SPDX-License-Identifier: Apache-2.0 */
/* Assignments: to variables, properties, items. */
#include "service/shell/shell_priv.h"

/* ---- one target ---- */

static err set_member(struct shell *sh, const struct shell_node *n, json_t *v)
{
	struct buf name DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *object;
	TRY(shell_eval_text(sh, n->kids->next, &name));
	TRY(shell_eval(sh, n->kids, &object));
	sh->here = n;
	err e = shell_member_set(sh, object, buf_str(&name), v);
	json_decref(object);
	return e;
}

static err set_item(struct shell *sh, const struct shell_node *n, json_t *v)
{
	json_t *object, *index;
	TRY(shell_eval(sh, n->kids, &object));
	err e = shell_eval(sh, n->kids->next, &index);
	sh->here = n;
	if (!failed(e)) {
		e = shell_index_set(sh, object, index, v);
		json_decref(index);
	}
	json_decref(object);
	return e;
}

static err set(struct shell *sh, const struct shell_node *target, json_t *v);

/* $a, $b = 1, 2, 3: the last one takes what is left. */
static err set_several(struct shell *sh, const struct shell_node *targets, json_t *v)
{
	size_t i = 0;
	for (const struct shell_node *kid = targets->kids; kid != NULL; kid = kid->next, i++) {
		json_t *one = json_is_array(v) ? json_array_get(v, i) : i == 0 ? v : NULL, *rest = NULL;
		if (kid->next == NULL && json_is_array(v) && json_array_size(v) > i + 1) {
			rest = json_array();
			for (size_t k = i; k < json_array_size(v); k++)
				if (json_array_append(rest, json_array_get(v, k)) != 0)
					return ERR(NO_MEMORY);
			one = rest;
		}
		err e = set(sh, kid, one != NULL ? one : json_null());
		json_decref(rest);
		TRY(e);
	}
	return OK;
}

static err set_cast(struct shell *sh, const struct shell_node *target, json_t *v)
{
	json_t *as;
	TRY(shell_cast(sh, target->text, v, &as));
	err e = set(sh, target->kids, as);
	json_decref(as);
	return e;
}

static err set(struct shell *sh, const struct shell_node *target, json_t *v)
{
	sh->here = target;
	switch (target->kind) {
	case SHELL_VAR:
		return shell_variable_set(sh, target->text, v);
	case SHELL_MEMBER:
		return set_member(sh, target, v);
	case SHELL_INDEX:
		return set_item(sh, target, v);
	case SHELL_ARRAY:
		return set_several(sh, target, v);
	case SHELL_CAST:
		return set_cast(sh, target, v);
	default:
		return shell_fail(
			sh, ERR(USAGE), "assign to a $variable", "this is nothing that a value can be assigned to");
	}
}

/* ---- += and its like ---- */

/* $list += $x without a copy, when nobody else holds the list. */
static err append_in_place(struct shell *sh, const struct shell_node *target, json_t *v, bool *done)
{
	json_t *list = target->kind == SHELL_VAR ? shell_variable_own(sh, target->text) : NULL;
	*done = json_is_array(list) && list->refcount == 1 && !shell_holds(v, list, 0);
	if (!*done)
		return OK;
	TRY(shell_charge(sh, json_is_array(v) ? json_array_size(v) : 1));
	return shell_json(json_is_array(v) ? json_array_extend(list, v) : json_array_append(list, v));
}

static err change(struct shell *sh, const struct shell_node *target, enum shell_op op, json_t *v, json_t **out)
{
	json_t *before;
	bool done = false;
	sh->here = target;
	if (op == SHELL_OP_ADD)
		TRY(append_in_place(sh, target, v, &done));
	if (done) {
		*out = json_null();
		return OK;
	}
	TRY(shell_eval(sh, target->kind == SHELL_CAST ? target->kids : target, &before));
	sh->here = target;
	err e = shell_arithmetic(sh, op, before, v, out);
	json_decref(before);
	if (failed(e))
		return e;
	e = set(sh, target, *out);
	if (failed(e))
		json_decref(*out);
	return e;
}

err shell_assign(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v;
	TRY(shell_eval(sh, n->kids->next, &v));
	if (n->op == SHELL_OP_ASSIGN) {
		err e = set(sh, n->kids, v);
		if (failed(e))
			json_decref(v);
		else
			*out = v;
		return e;
	}
	err e = change(sh, n->kids, n->op, v, out);
	json_decref(v);
	return e;
}

/* ---- ++ and -- ---- */

err shell_step_variable(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *before, *after = NULL, *one = json_integer(n->op == SHELL_OP_INCREASE ? 1 : -1);
	ENSURE(one != NULL, NO_MEMORY);
	err e = shell_eval(sh, n->kids, &before);
	if (!failed(e)) {
		sh->here = n;
		e = shell_arithmetic(sh, SHELL_OP_ADD, before, one, &after);
		if (!failed(e))
			e = set(sh, n->kids, after);
		if (!failed(e))
			*out = json_incref(n->strict ? after : before);
		json_decref(before);
		json_decref(after);
	}
	json_decref(one);
	return e;
}
