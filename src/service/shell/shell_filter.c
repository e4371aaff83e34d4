/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of the server: an expression about the properties of one object. */
#include <stdlib.h>

#include "service/shell/shell_priv.h"

enum { FILTER_TEXT_MAX = 16 << 10, FILTER_ARENA = 1 << 20, FILTER_STEPS = 10000 };

struct shell_filter {
	struct arena arena;
	struct shell_node *root; /* NULL: a wildcard on Identity */
	str text;
};

/* ---- reading ---- */

/* An operator stands in it: a dash and its name, as a word. */
static bool has_operator(str s)
{
	bool strict;
	for (size_t i = 0; i < s.n; i++) {
		size_t dash = shell_dash(str_cut(s, i, s.n)), n = 0;
		bool starts = i == 0 || strchr(" \t\n()\"'{", s.p[i - 1]) != NULL;
		while (dash != 0 && i + dash + n < s.n && (s.p[i + dash + n] | 0x20) >= 'a' &&
			(s.p[i + dash + n] | 0x20) <= 'z')
			n++;
		if (dash != 0 && starts && shell_op_find(str_cut(s, i + dash, i + dash + n), &strict) != SHELL_OP_NONE)
			return true;
	}
	return false;
}

static err refuse(str text, const struct shell_node *n, struct diag *d)
{
	err e = diag_fail(d, ERR(MALFORMED), "filter",
		"compare properties with values: Enabled -eq $true -and DisplayName -like \"A*\"",
		"\"%.*s\" cannot be part of a filter",
		STR_FMT(str_cut(text, n->at, n->end < n->at + 60 ? n->end : n->at + 60)));
	if (d != NULL)
		shell_place(text, n->at, &d->line, &d->column);
	return e;
}

static bool is_literal_variable(str name)
{
	return str_eq(name, STR("_")) || str_eq_case(name, STR("PSItem")) || str_eq_case(name, STR("true")) ||
	       str_eq_case(name, STR("false")) || str_eq_case(name, STR("null"));
}

static bool may_stand(const struct shell_node *n)
{
	switch (n->kind) {
	case SHELL_TEXT:
	case SHELL_NUMBER:
	case SHELL_ARRAY:
	case SHELL_PAREN:
	case SHELL_MEMBER:
		return true;
	case SHELL_VAR:
		return is_literal_variable(n->text);
	case SHELL_UNARY:
		return n->op == SHELL_OP_NOT || n->op == SHELL_OP_NEGATE;
	case SHELL_BINARY:
		return n->op <= SHELL_OP_NOTIN || n->op == SHELL_OP_AND || n->op == SHELL_OP_OR ||
		       n->op == SHELL_OP_XOR;
	default:
		return false;
	}
}

static err check(str text, const struct shell_node *n, struct diag *d)
{
	if (!may_stand(n))
		return refuse(text, n, d);
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		TRY(check(text, kid, d));
	return OK;
}

static err read_filter(struct shell_filter *f, str text, struct diag *d)
{
	f->text = arena_copy(&f->arena, text);
	ENSURE(f->text.p != NULL, NO_MEMORY);
	if (!has_operator(f->text)) {
		if (f->text.n >= 2 && f->text.p[0] == '{' && f->text.p[f->text.n - 1] == '}')
			f->text = str_trim(str_cut(f->text, 1, f->text.n - 1));
		return f->text.n != 0 ? OK
				      : diag_fail(d, ERR(MALFORMED), "filter",
						"write a wildcard, or Property -eq value", "the filter is empty");
	}
	err e = shell_parse_filter(&f->arena, f->text, &f->root, d);
	if (failed(e))
		return err_is(e, ERR_INCOMPLETE) ? ERR(MALFORMED) : e;
	return check(f->text, f->root, d);
}

err shell_filter_new(str text, struct shell_filter **out, struct diag *d)
{
	text = str_trim(text);
	if (text.n > FILTER_TEXT_MAX)
		return diag_fail(d, ERR(CEILING), "filter", "write a shorter one", "a filter has at most %d bytes",
			FILTER_TEXT_MAX);
	struct shell_filter *f = calloc(1, sizeof *f);
	ENSURE(f != NULL, NO_MEMORY);
	arena_init(&f->arena, FILTER_ARENA);
	err e = read_filter(f, text, d);
	if (failed(e))
		shell_filter_free(f);
	else
		*out = f;
	return e;
}

void shell_filter_free(struct shell_filter *f)
{
	if (f == NULL)
		return;
	arena_fini(&f->arena);
	free(f);
}

/* ---- matching ---- */

static err eval(struct shell *sh, const struct shell_node *n, json_t **out);

static err eval_variable(struct shell *sh, const struct shell_node *n, json_t **out)
{
	if (str_eq(n->text, STR("_")) || str_eq_case(n->text, STR("PSItem")))
		*out = json_incref(sh->it);
	else
		*out = str_eq_case(n->text, STR("null")) ? json_null()
							 : json_boolean(str_eq_case(n->text, STR("true")));
	return OK;
}

static err eval_array(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *item;
	*out = json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next) {
		err e = eval(sh, kid, &item);
		if (!failed(e))
			e = shell_json(json_array_append_new(*out, item));
		if (failed(e)) {
			json_decref(*out);
			return e;
		}
	}
	return OK;
}

static err eval_unary(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v;
	TRY(eval(sh, n->kids, &v));
	err e = OK;
	if (n->op == SHELL_OP_NOT) {
		*out = json_boolean(!shell_truth(v));
	} else {
		json_t *zero = json_integer(0);
		e = zero != NULL ? shell_arithmetic(sh, SHELL_OP_SUBTRACT, zero, v, out) : ERR(NO_MEMORY);
		json_decref(zero);
	}
	json_decref(v);
	return e;
}

static err eval_logic(struct shell *sh, const struct shell_node *n, bool left, json_t **out)
{
	json_t *v;
	if (n->op != SHELL_OP_XOR && left == (n->op == SHELL_OP_OR)) {
		*out = json_boolean(left);
		return OK;
	}
	TRY(eval(sh, n->kids->next, &v));
	bool right = shell_truth(v);
	json_decref(v);
	*out = json_boolean(n->op == SHELL_OP_XOR ? left != right : right);
	return OK;
}

static err eval_binary(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *a, *b;
	TRY(eval(sh, n->kids, &a));
	err e;
	if (n->op >= SHELL_OP_AND && n->op <= SHELL_OP_XOR) {
		e = eval_logic(sh, n, shell_truth(a), out);
	} else {
		e = eval(sh, n->kids->next, &b);
		if (!failed(e)) {
			e = shell_compare(sh, n->op, n->strict, a, b, out);
			json_decref(b);
		}
	}
	json_decref(a);
	return e;
}

static err eval_member(struct shell *sh, const struct shell_node *n, json_t **out)
{
	json_t *v;
	TRY(eval(sh, n->kids, &v));
	err e = shell_member(sh, v, n->kids->next->text, out);
	json_decref(v);
	return e;
}

static err eval(struct shell *sh, const struct shell_node *n, json_t **out)
{
	if (++sh->steps > FILTER_STEPS)
		return ERR(CEILING);
	switch (n->kind) {
	case SHELL_TEXT:
		*out = shell_string(n->text);
		return *out != NULL ? OK : ERR(NO_MEMORY);
	case SHELL_NUMBER:
		*out = n->is_real ? json_real(n->real) : json_integer(n->integer);
		return *out != NULL ? OK : ERR(NO_MEMORY);
	case SHELL_VAR:
		return eval_variable(sh, n, out);
	case SHELL_ARRAY:
		return eval_array(sh, n, out);
	case SHELL_PAREN:
		return eval(sh, n->kids, out);
	case SHELL_MEMBER:
		return eval_member(sh, n, out);
	case SHELL_UNARY:
		return eval_unary(sh, n, out);
	default:
		return eval_binary(sh, n, out);
	}
}

bool shell_filter_match(const struct shell_filter *f, const json_t *object)
{
	struct shell sh = { .it = (json_t *)(uintptr_t)object };
	json_t *v;
	if (f->root == NULL) {
		const json_t *identity = shell_object_find(object, STR("Identity"), NULL);
		return json_is_string(identity) && shell_like(f->text, str_of(json_string_value(identity)), false);
	}
	if (failed(eval(&sh, f->root, &v)))
		return false;
	bool is = shell_truth(v);
	json_decref(v);
	return is;
}
