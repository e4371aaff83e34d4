/* SPDX-License-Identifier: Apache-2.0 */
/* Where-Object and ForEach-Object. */
#include "service/shell/shell_local.h"

/* ---- Where-Object ---- */

static bool operator_of(const struct shell_stage *st, enum shell_op *op, bool *strict)
{
	const char *key;
	json_t *v;
	json_object_foreach(st->parameters, key, v)
	{
		*op = shell_op_find(str_of(key), strict);
		if (*op != SHELL_OP_NONE && json_is_true(v))
			return true;
	}
	return false;
}

static err where_begin(struct shell *sh, struct shell_stage *st)
{
	json_t *block = shell_parameter(st, "FilterScript"), *property = shell_parameter(st, "Property");
	if (block == NULL && shell_is_block(property)) {
		TRY(shell_json(json_object_set(st->parameters, "FilterScript", property)));
		TRY(shell_json(json_object_del(st->parameters, "Property")));
		return OK;
	}
	if (block == NULL && property == NULL)
		return shell_fail(sh, ERR(USAGE), "write Where-Object { $_.Property -eq value }",
			"Where-Object has no condition");
	return OK;
}

static err where_is(struct shell *sh, struct shell_stage *st, json_t *v, bool *out)
{
	json_t *block = shell_parameter(st, "FilterScript"), *value;
	enum shell_op op;
	bool strict;
	if (block != NULL)
		TRY(shell_block_value(sh, block, v, &value));
	else
		TRY(shell_property_of(sh, v, shell_parameter(st, "Property"), &value));
	err e = OK;
	if (block == NULL && operator_of(st, &op, &strict)) {
		json_t *with = shell_parameter(st, "Value"), *answer = NULL;
		e = shell_compare(sh, op, strict, value, with != NULL ? with : json_null(), &answer);
		*out = !failed(e) && shell_truth(answer);
		json_decref(answer);
	} else {
		*out = shell_truth(value);
	}
	json_decref(value);
	return e;
}

static err where_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	bool is;
	TRY(where_is(sh, st, v, &is));
	return is ? shell_stage_emit(sh, st, v) : OK;
}

const struct shell_stage_ops shell_ops_where = { where_begin, where_put, NULL };

/* ---- ForEach-Object ---- */

static err emit(struct shell *sh, struct shell_sink *to, json_t *v)
{
	struct shell_stage *st = (struct shell_stage *)((char *)to - offsetof(struct shell_stage, inner));
	return shell_stage_emit(sh, st, v);
}

static err run_block(struct shell *sh, struct shell_stage *st, json_t *block, json_t *it)
{
	const struct shell_block *b = shell_block_of(sh, block);
	if (b == NULL)
		return block == NULL
			       ? OK
			       : shell_fail(sh, ERR(USAGE), "write { statements }", "a script block is wanted here");
	struct shell_block own = *b;
	st->inner.put = emit;
	return shell_call_block(sh, &own, it, &st->inner);
}

static err foreach_begin(struct shell *sh, struct shell_stage *st)
{
	if (shell_parameter(st, "Process") == NULL && shell_parameter(st, "MemberName") == NULL &&
		shell_parameter(st, "End") == NULL)
		return shell_fail(sh, ERR(USAGE), "write ForEach-Object { $_ ... }", "ForEach-Object has no block");
	return run_block(sh, st, shell_parameter(st, "Begin"), NULL);
}

/* A property, or a method without arguments. */
static err member(struct shell *sh, struct shell_stage *st, json_t *name, json_t *v)
{
	json_t *one = NULL;
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	TRY(shell_property_of(sh, v, name, &one));
	str s = shell_text_of(sh, name, &b);
	if (json_is_null(one) && json_is_string(v) && str_begins_case(s, STR("To")))
		TRY(shell_method(sh, v, s, 0, NULL, &one));
	err e = shell_put_each(sh, one, st->out);
	json_decref(one);
	return e;
}

static err foreach_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	json_t *process = shell_parameter(st, "Process"), *name = shell_parameter(st, "MemberName");
	TRY(shell_step(sh));
	if (json_is_string(process))
		name = process;
	if (name != NULL)
		return member(sh, st, name, v);
	for (size_t i = 0; json_is_array(process) && i < json_array_size(process); i++)
		TRY(run_block(sh, st, json_array_get(process, i), v));
	return json_is_array(process) ? OK : run_block(sh, st, process, v);
}

static err foreach_end(struct shell *sh, struct shell_stage *st)
{
	return run_block(sh, st, shell_parameter(st, "End"), NULL);
}

const struct shell_stage_ops shell_ops_foreach = { foreach_begin, foreach_put, foreach_end };
