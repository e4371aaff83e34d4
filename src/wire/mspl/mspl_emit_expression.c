/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions as code: what a name means is found out here, once. */
#include "wire/mspl/mspl_emit_priv.h"

#include <stdio.h>

#define NAME(s) STR_FMT(str_cut(s, 0, 60))

static err refuse_near(struct emitter *e, const struct node *n, const char *what, str near)
{
	char remedy[120] = "see the reference in the guide";
	const char *instead = mspl_instead(n->name);
	if (near.n != 0)
		(void)snprintf(remedy, sizeof remedy, "did you mean %.*s?", NAME(near));
	return mspl_refuse(e->p->script, e->p->d, n->at, instead != NULL ? instead : remedy, "there is no %s %.*s", what, NAME(n->name));
}

/* ---- names ---- */

static int find_file(const struct emitter *e, str name)
{
	for (size_t i = 0; i < e->p->script->n_files; i++)
		if (str_eq_case(name, e->p->script->files[i].name))
			return (int)i;
	return -1;
}

static err emit_name(struct emitter *e, const struct node *n)
{
	int slot = emit_variable(e, n->name), object = mspl_object_find(n->name), root = mspl_root_find(n->name);
	if (slot >= 0)
		return emit(e, OP_LOAD, 0, (size_t)slot, n->at);
	if (object >= 0)
		return emit(e, OP_OBJECT, 0, (size_t)object, n->at);
	if (root >= 0)
		return emit(e, OP_ROOT, MSPL_OBJECT_N, (size_t)root, n->at);
	if (mspl_instead(n->name) != NULL)
		return refuse_near(e, n, "name", STR(""));
	return mspl_refuse(e->p->script, e->p->d, n->at, "assign to it before, in the same block or around it", "%.*s has no value here", NAME(n->name));
}

/* StandardMethod.Invite; *is_done false: the name before the dot is no enumeration. */
static err emit_enum(struct emitter *e, const struct node *n, bool *is_done)
{
	struct mspl_value v;
	str near = STR("");
	*is_done = false;
	if (n->a->kind != NODE_NAME || emit_variable(e, n->a->name) >= 0)
		return OK;
	int found = mspl_enum_find(n->a->name, n->name, &v, &near);
	if (found > 0)
		return refuse_near(e, n, "value", near);
	*is_done = found == 0;
	return found == 0 ? emit_constant(e, &v, n->at) : OK;
}

static err emit_member(struct emitter *e, const struct node *n)
{
	bool is_done;
	str near = STR("");
	TRY(emit_enum(e, n, &is_done));
	if (is_done)
		return OK;
	int object = n->a->kind == NODE_NAME && emit_variable(e, n->a->name) < 0 ? mspl_object_find(n->a->name) : -1;
	if (object >= 0) {
		int member = mspl_member_find((enum mspl_object)object, n->name, &near);
		return member >= 0 ? emit(e, OP_ROOT, (unsigned)object, (size_t)member, n->at) : refuse_near(e, n, "member", near);
	}
	if (!mspl_is_member(n->name))
		return refuse_near(e, n, "member", near);
	TRY(emit_expression(e, n->a));
	return emit_text(e, OP_MEMBER, n->name, n->at);
}

static err emit_field(struct emitter *e, const struct node *n)
{
	int file = n->a->kind == NODE_NAME ? find_file(e, n->a->name) : -1;
	if (file < 0)
		return mspl_refuse(e->p->script, e->p->d, n->at, "declare it in the manifest: <file name=...>", "only files have records, and there is no such file");
	const struct mspl_file_row *f = &e->p->script->files[file];
	for (unsigned i = 0; i < f->n_columns; i++)
		if (str_eq_case(n->name, f->columns[i])) {
			TRY(emit_expression(e, n->b));
			return emit(e, OP_FIELD, (unsigned)file, i, n->at);
		}
	return mspl_refuse(e->p->script, e->p->d, n->at, "declare it in the manifest: <column name=...>", "the file %.*s has no column %.*s", NAME(f->name), NAME(n->name));
}

/* ---- calls ---- */

static err check_count(struct emitter *e, const struct node *n, unsigned least, unsigned most)
{
	if (n->n >= least && n->n <= most)
		return OK;
	char remedy[60];
	(void)snprintf(remedy, sizeof remedy, least == most ? "it takes %u" : "it takes %u to %u", least, most);
	return mspl_refuse(e->p->script, e->p->d, n->at, remedy, "%.*s with %u arguments", NAME(n->name), n->n);
}

static err emit_arguments(struct emitter *e, const struct node *n)
{
	for (const struct node *a = n->a; a != NULL; a = a->next)
		TRY(emit_expression(e, a));
	return OK;
}

static int own_function(const struct emitter *e, const struct node *n, unsigned *parameters)
{
	int at = 0;
	for (const struct node *f = e->p->functions; f != NULL; f = f->next, at++)
		if (str_eq_case(f->name, n->name)) {
			*parameters = f->n;
			return at;
		}
	return -1;
}

static err emit_call(struct emitter *e, const struct node *n)
{
	unsigned parameters = 0;
	str near = STR("");
	int own = own_function(e, n, &parameters);
	if (own >= 0) {
		TRY(check_count(e, n, parameters, parameters));
		TRY(emit_arguments(e, n));
		return emit(e, OP_FUNCTION, n->n, (size_t)own, n->at);
	}
	int found = mspl_function_find(n->name, &near);
	if (found < 0)
		return refuse_near(e, n, "function", near);
	const struct mspl_function *f = &mspl_functions[found];
	if (f->refusal != NULL && e->p->script->script_only && str_begins_case(n->name, STR("Dispatch")))
		return mspl_refuse(e->p->script, e->p->d, n->at, "take the call away, or scriptOnly", "%s in an application that says scriptOnly", f->name);
	if (f->refusal != NULL)
		return mspl_refuse(e->p->script, e->p->d, n->at, "take the call away", "%s: %s", f->name, f->refusal);
	TRY(check_count(e, n, f->least, f->most));
	TRY(emit_arguments(e, n));
	return emit(e, OP_CALL, n->n, (size_t)found, n->at);
}

/* ---- operators ---- */

static const enum opcode operators[] = {
	[TOKEN_EQ] = OP_EQ, [TOKEN_NE] = OP_NE, [TOKEN_LT] = OP_LT, [TOKEN_LE] = OP_LE, [TOKEN_GT] = OP_GT, [TOKEN_GE] = OP_GE, [TOKEN_PLUS] = OP_PLUS,
	[TOKEN_MINUS] = OP_MINUS,
};

/* The second side is looked at only where the first does not decide. */
static err emit_logic(struct emitter *e, const struct node *n)
{
	size_t jump;
	TRY(emit_expression(e, n->a));
	jump = e->n_code;
	TRY(emit(e, n->op == TOKEN_OR ? OP_OR : OP_AND, 0, 0, n->at));
	TRY(emit_expression(e, n->b));
	TRY(emit(e, OP_TRUTH, 0, 0, n->at));
	e->code[jump].arg = (uint16_t)e->n_code;
	return OK;
}

static err emit_binary(struct emitter *e, const struct node *n)
{
	if (n->op == TOKEN_OR || n->op == TOKEN_AND)
		return emit_logic(e, n);
	TRY(emit_expression(e, n->a));
	TRY(emit_expression(e, n->b));
	return emit(e, operators[n->op], 0, 0, n->at);
}

static err emit_unary(struct emitter *e, const struct node *n)
{
	TRY(emit_expression(e, n->a));
	return emit(e, n->op == TOKEN_NOT ? OP_NOT : OP_NEGATE, 0, 0, n->at);
}

static err emit_const(struct emitter *e, const struct node *n)
{
	return emit_constant(e, &n->value, n->at);
}

err emit_expression(struct emitter *e, const struct node *n)
{
	static err (*const rows[])(struct emitter *e, const struct node *n) = {
		[NODE_CONST] = emit_const, [NODE_NAME] = emit_name, [NODE_CALL] = emit_call, [NODE_MEMBER] = emit_member, [NODE_FIELD] = emit_field,
		[NODE_UNARY] = emit_unary, [NODE_BINARY] = emit_binary,
	};
	return rows[n->kind](e, n);
}

/* ---- assignment ---- */

static err assign_member(struct emitter *e, const struct node *n)
{
	str near = STR("");
	int object = n->a->a->kind == NODE_NAME ? mspl_object_find(n->a->a->name) : -1;
	int member = object >= 0 ? mspl_member_find((enum mspl_object)object, n->a->name, &near) : -1;
	if (object >= 0 && member < 0)
		return refuse_near(e, n->a, "member", near);
	if (member < 0 || !mspl_members[member].writable)
		return mspl_refuse(e->p->script, e->p->d, n->a->at, "only sipMessage.Content can be", "%.*s cannot be assigned to", NAME(n->a->name));
	TRY(emit_expression(e, n->b));
	return emit(e, OP_SET, (unsigned)object, (size_t)member, n->at);
}

err emit_assign(struct emitter *e, const struct node *n)
{
	unsigned slot;
	if (n->a->kind == NODE_MEMBER)
		return assign_member(e, n);
	if (mspl_object_find(n->name) >= 0 || mspl_root_find(n->name) >= 0)
		return mspl_refuse(e->p->script, e->p->d, n->at, "take another name", "%.*s belongs to the message", NAME(n->name));
	TRY(emit_expression(e, n->b));
	int known = emit_variable(e, n->name);
	if (known >= 0)
		return emit(e, OP_STORE, 0, (size_t)known, n->at);
	TRY(emit_declare(e, n->name, n->at, &slot));
	return emit(e, OP_STORE, 0, slot, n->at);
}
