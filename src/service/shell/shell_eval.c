/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions become values. */
#include "service/shell/shell_priv.h"

enum { ARGUMENTS_MAX = 8 };

static err eval_kid(struct shell *sh, const struct shell_node *n, size_t i, json_t **out)
{
	return shell_eval(sh, shell_kid(n, i), out);
}

/* ---- texts ---- */

static err write_value(struct shell *sh, const struct shell_node *n, struct buf *out)
{
	json_t *v;
	if (n->kind == SHELL_TEXT) {
		buf_add(out, n->text);
		return OK;
	}
	TRY(shell_eval(sh, n, &v));
	shell_write_text(sh, v, out, 0);
	json_decref(v);
	return OK;
}

err shell_eval_text(struct shell *sh, const struct shell_node *n, struct buf *out)
{
	if (n->kind != SHELL_EXPAND)
		return write_value(sh, n, out);
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		TRY(write_value(sh, kid, out));
	if (out->failed)
		return shell_fail(sh, ERR(CEILING), "work on smaller parts", "a text has at most 16 MiB");
	return OK;
}

static err eval_text(struct shell *sh, const struct shell_node *n, json_t **out)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	if (n->kind == SHELL_TEXT)
		return shell_string_new(sh, n->text, out);
	TRY(shell_eval_text(sh, n, &b));
	return shell_string_new(sh, buf_str(&b), out);
}

static err eval_number(struct shell *sh, const struct shell_node *n, json_t **out)
{
	*out = n->is_real ? json_real(n->real) : json_integer(n->integer);
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

static err eval_variable(struct shell *sh, const struct shell_node *n, json_t **out)
{
	return shell_variable_get(sh, n->text, out);
}

/* ---- lists ---- */

static err eval_array(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *to = json_array(), *item;
	err e = to != NULL ? shell_charge(sh, n->n) : ERR(NO_MEMORY);
	for (const struct shell_node *kid = n->kids; kid != NULL && !failed(e); kid = kid->next) {
		e = shell_eval(sh, kid, &item);
		if (!failed(e))
			e = shell_json(json_array_append_new(to, item));
	}
	if (failed(e))
		json_decref(to);
	else
		*out = to;
	return e;
}

/* @( ) is an array, $( ) what its statements put out. */
static err eval_list(struct shell *sh, const struct shell_node *n, json_t **out)
{
	struct shell_collect c;
	TRY(shell_collect_begin(&c));
	err e = shell_exec_list(sh, n->kids, &c.sink);
	if (!failed(e) && n->kind == SHELL_COLLECT)
		*out = json_incref(c.array);
	else if (!failed(e))
		*out = shell_collect_value(&c);
	shell_collect_end(&c);
	return e;
}

static err eval_statement(struct shell *sh, const struct shell_node *n, json_t **out)
{
	struct shell_collect c;
	TRY(shell_collect_begin(&c));
	err e = shell_exec(sh, n, &c.sink);
	if (!failed(e))
		*out = shell_collect_value(&c);
	shell_collect_end(&c);
	return e;
}

static err eval_paren(struct shell *sh, const struct shell_node *n, json_t **out)
{
	return shell_eval(sh, n->kids, out); /* ($x = 5) has a value */
}

static err eval_pipeline(struct shell *sh, const struct shell_node *n, json_t **out)
{
	if (n->n == 1 && n->kids->kind != SHELL_COMMAND)
		return shell_eval(sh, n->kids, out);
	return eval_statement(sh, n, out);
}

static err hash_pair(struct shell *sh, const struct shell_node *key, json_t *hash)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *v;
	TRY(shell_eval_text(sh, key, &b));
	sh->here = key;
	if (shell_object_find(hash, buf_str(&b), NULL) != NULL)
		return shell_fail(sh, ERR(USAGE), "give each name once", "@{ } has \"%.*s\" twice",
			STR_FMT(str_cut(buf_str(&b), 0, 60)));
	TRY(shell_eval(sh, key->next, &v));
	sh->here = key;
	err e = shell_member_set(sh, hash, buf_str(&b), v);
	json_decref(v);
	return e;
}

static err eval_hash(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *hash = shell_hash_new();
	err e = hash != NULL ? OK : ERR(NO_MEMORY);
	for (const struct shell_node *key = n->kids; key != NULL && !failed(e); key = key->next->next)
		e = hash_pair(sh, key, hash);
	if (failed(e))
		json_decref(hash);
	else
		*out = hash;
	return e;
}

static err eval_block(struct shell *sh, const struct shell_node *n, json_t **out)
{
	*out = json_pack("{s:I}", KEY_BLOCK, (json_int_t)n->tag);
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

/* ---- operators ---- */

static err eval_type(struct shell *sh, const struct shell_node *n, json_t **out)
{
	return shell_string_new(sh, n->text, out);
}

static err eval_cast(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v;
	TRY(shell_eval(sh, n->kids, &v));
	sh->here = n;
	err e = shell_cast(sh, n->text, v, out);
	json_decref(v);
	return e;
}

static err apply_unary(struct shell *sh, enum shell_op op, json_t *v, json_t **out)
{
	json_t *zero = json_integer(0), *text = json_string(op == SHELL_OP_SPLIT ? "\\s+" : "");
	err e = OK;
	if (zero == NULL || text == NULL)
		e = ERR(NO_MEMORY);
	else if (op == SHELL_OP_NOT)
		*out = json_boolean(!shell_truth(v));
	else if (op == SHELL_OP_JOIN || op == SHELL_OP_SPLIT)
		e = shell_text_operator(sh, op, false, v, text, out);
	else
		e = shell_arithmetic(sh, op == SHELL_OP_NEGATE ? SHELL_OP_SUBTRACT : SHELL_OP_ADD, zero, v, out);
	json_decref(zero);
	json_decref(text);
	return e;
}

static err eval_unary(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v;
	TRY(shell_eval(sh, n->kids, &v));
	sh->here = n;
	err e = apply_unary(sh, n->op, v, out);
	json_decref(v);
	return e;
}

/* -and and -or look at the right side only when it counts. */
static err eval_logic(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v;
	TRY(eval_kid(sh, n, 0, &v));
	bool left = shell_truth(v);
	json_decref(v);
	if (n->op != SHELL_OP_XOR && left == (n->op == SHELL_OP_OR)) {
		*out = json_boolean(left);
		return OK;
	}
	TRY(eval_kid(sh, n, 1, &v));
	bool right = shell_truth(v);
	json_decref(v);
	*out = json_boolean(n->op == SHELL_OP_XOR ? left != right : right);
	return OK;
}

static err as_type(struct shell *sh, str type, json_t *a, json_t **out)
{
	struct diag before = sh->d;
	bool known;
	TRY(shell_is_type(sh, type, a, &known));
	if (failed(shell_cast(sh, type, a, out)))
		*out = json_null();
	sh->d = before;
	return OK;
}

static err apply_type(struct shell *sh, const struct shell_node *n, json_t *a, json_t *b, json_t **out)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 };
	bool is;
	str type = shell_text_of(sh, b, &scratch);
	if (n->op == SHELL_OP_AS)
		return as_type(sh, type, a, out);
	TRY(shell_is_type(sh, type, a, &is));
	*out = json_boolean(is == (n->op == SHELL_OP_IS));
	return OK;
}

static err apply_binary(struct shell *sh, const struct shell_node *n, json_t *a, json_t *b, json_t **out)
{
	switch (n->op) {
	case SHELL_OP_IS:
	case SHELL_OP_ISNOT:
	case SHELL_OP_AS:
		return apply_type(sh, n, a, b, out);
	case SHELL_OP_REPLACE:
	case SHELL_OP_SPLIT:
	case SHELL_OP_JOIN:
		return shell_text_operator(sh, n->op, n->strict, a, b, out);
	case SHELL_OP_FORMAT:
		return shell_format_operator(sh, a, b, out);
	case SHELL_OP_RANGE:
		return shell_range(sh, a, b, out);
	default:
		return n->op <= SHELL_OP_NOTIN ? shell_compare(sh, n->op, n->strict, a, b, out)
					       : shell_arithmetic(sh, n->op, a, b, out);
	}
}

static err eval_binary(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *a, *b;
	if (n->op == SHELL_OP_AND || n->op == SHELL_OP_OR || n->op == SHELL_OP_XOR)
		return eval_logic(sh, n, out);
	TRY(eval_kid(sh, n, 0, &a));
	err e = eval_kid(sh, n, 1, &b);
	if (!failed(e)) {
		sh->here = n;
		e = apply_binary(sh, n, a, b, out);
		json_decref(b);
	}
	json_decref(a);
	return e;
}

/* ---- members ---- */

static err eval_member(struct shell *sh, const struct shell_node *n, json_t **out)
{
	struct buf name DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *v;
	TRY(shell_eval_text(sh, n->kids->next, &name));
	if (n->kids->kind == SHELL_TYPE) {
		sh->here = n;
		return shell_static_member(sh, n->kids->text, buf_str(&name), out);
	}
	TRY(shell_eval(sh, n->kids, &v));
	sh->here = n;
	err e = shell_member(sh, v, buf_str(&name), out);
	json_decref(v);
	return e;
}

static err eval_arguments(struct shell *sh, const struct shell_node *first, json_t **arguments, size_t *n)
{
	*n = 0;
	for (const struct shell_node *kid = first; kid != NULL; kid = kid->next) {
		sh->here = kid;
		if (*n == ARGUMENTS_MAX)
			return shell_fail(
				sh, ERR(USAGE), "give fewer", "a method has at most %d arguments", ARGUMENTS_MAX);
		TRY(shell_eval(sh, kid, &arguments[*n]));
		++*n;
	}
	return OK;
}

static err eval_method(struct shell *sh, const struct shell_node *n, json_t **out)
{
	struct buf name DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *v = NULL, *arguments[ARGUMENTS_MAX];
	size_t count = 0;
	bool is_static = n->kids->kind == SHELL_TYPE;
	TRY(shell_eval_text(sh, n->kids->next, &name));
	if (!is_static)
		TRY(shell_eval(sh, n->kids, &v));
	err e = eval_arguments(sh, n->kids->next->next, arguments, &count);
	sh->here = failed(e) ? sh->here : n;
	if (!failed(e))
		e = is_static ? shell_static(sh, n->kids->text, buf_str(&name), count, arguments, out)
			      : shell_method(sh, v, buf_str(&name), count, arguments, out);
	while (count != 0)
		json_decref(arguments[--count]);
	json_decref(v);
	return e;
}

static err eval_index(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v, *index;
	TRY(eval_kid(sh, n, 0, &v));
	err e = eval_kid(sh, n, 1, &index);
	if (!failed(e)) {
		sh->here = n;
		e = shell_index(sh, v, index, out);
		json_decref(index);
	}
	json_decref(v);
	return e;
}

/* ---- all of them ---- */

static err (*const evals[])(struct shell *sh, const struct shell_node *n, json_t **out) = {
	[SHELL_PIPELINE] = eval_pipeline,
	[SHELL_TEXT] = eval_text,
	[SHELL_EXPAND] = eval_text,
	[SHELL_NUMBER] = eval_number,
	[SHELL_VAR] = eval_variable,
	[SHELL_ARRAY] = eval_array,
	[SHELL_COLLECT] = eval_list,
	[SHELL_PAREN] = eval_paren,
	[SHELL_SUB] = eval_list,
	[SHELL_HASH] = eval_hash,
	[SHELL_BLOCK] = eval_block,
	[SHELL_TYPE] = eval_type,
	[SHELL_CAST] = eval_cast,
	[SHELL_UNARY] = eval_unary,
	[SHELL_BINARY] = eval_binary,
	[SHELL_MEMBER] = eval_member,
	[SHELL_METHOD] = eval_method,
	[SHELL_INDEX] = eval_index,
	[SHELL_STEP] = shell_step_variable,
	[SHELL_ASSIGN] = shell_assign,
};

err shell_begin(struct shell *sh, const struct shell_node *n)
{
	sh->here = n;
	TRY(shell_step(sh));
	if (sh->depth >= EVAL_DEPTH_MAX)
		return shell_fail(sh, ERR(CEILING), "look for a function that calls itself without end",
			"the evaluation is nested too deep");
	sh->depth++;
	return OK;
}

err shell_eval(struct shell *sh, const struct shell_node *n, json_t **out)
{
	*out = NULL;
	TRY(shell_begin(sh, n));
	bool is_value = n->kind < sizeof evals / sizeof *evals && evals[n->kind] != NULL;
	err e = is_value ? evals[n->kind](sh, n, out) : eval_statement(sh, n, out);
	sh->depth--;
	return failed(e) || *out != NULL ? e : ERR(NO_MEMORY);
}

/* ---- what statements put out ---- */

static err collect(struct shell *sh, struct shell_sink *to, json_t *v)
{
	struct shell_collect *c = (struct shell_collect *)to;
	TRY(shell_charge(sh, 1 + (json_is_object(v) ? json_object_size(v) : json_array_size(v))));
	return shell_json(json_array_append(c->array, v));
}

err shell_collect_begin(struct shell_collect *c)
{
	*c = (struct shell_collect){ { collect }, json_array() };
	return c->array != NULL ? OK : ERR(NO_MEMORY);
}

json_t *shell_collect_value(struct shell_collect *c)
{
	size_t n = json_array_size(c->array);
	return n == 0 ? json_null() : json_incref(n == 1 ? json_array_get(c->array, 0) : c->array);
}

void shell_collect_end(struct shell_collect *c)
{
	json_decref(c->array);
}

static err put_nowhere(struct shell *sh, struct shell_sink *to, json_t *v)
{
	return OK;
}

const struct shell_sink shell_nowhere = { put_nowhere };

err shell_put_each(struct shell *sh, json_t *v, struct shell_sink *out)
{
	if (!json_is_array(v))
		return out->put(sh, out, v);
	for (size_t i = 0; i < json_array_size(v); i++) {
		json_t *item = json_incref(json_array_get(v, i)); /* the array may change meanwhile */
		err e = out->put(sh, out, item);
		json_decref(item);
		TRY(e);
	}
	return OK;
}
