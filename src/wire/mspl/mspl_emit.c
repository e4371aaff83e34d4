/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements as code. Every function has slots of its own, since none can be running twice; a variable is in sight from the statement that assigns
 * to it first until the end of its block, so that nothing is read that was not written.
 */
#include "wire/mspl/mspl_emit_priv.h"

#define SCRATCH_MAX (8u << 20)

/* ---- pieces ---- */

static uint32_t line_of(const struct emitter *e, uint32_t at)
{
	size_t low = 0, high = e->n_lines;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (e->lines[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low + (e->p->script->line != 0 ? e->p->script->line : 1);
}

static err too_large(struct emitter *e, uint32_t at, const char *what)
{
	return mspl_refuse(e->p->script, e->p->d, at, "make it smaller", "the script has too many %s", what);
}

err emit(struct emitter *e, enum opcode op, unsigned n, size_t arg, uint32_t at)
{
	if (e->n_code == MSPL_CODE)
		return too_large(e, at, "steps");
	e->code[e->n_code++] = (struct code){ .op = (uint8_t)op, .n = (uint8_t)n, .arg = (uint16_t)arg, .line = line_of(e, at) };
	return OK;
}

static err add_constant(struct emitter *e, const struct mspl_value *v, uint32_t at, size_t *index)
{
	if (e->n_constants == MSPL_CONSTANTS)
		return too_large(e, at, "values");
	*index = e->n_constants;
	e->constants[e->n_constants++] = *v;
	return OK;
}

err emit_constant(struct emitter *e, const struct mspl_value *v, uint32_t at)
{
	size_t index = 0;
	TRY(add_constant(e, v, at, &index));
	return emit(e, OP_CONST, 0, index, at);
}

err emit_text(struct emitter *e, enum opcode op, str text, uint32_t at)
{
	struct mspl_value v = mspl_text(text);
	size_t index = 0;
	TRY(add_constant(e, &v, at, &index));
	return emit(e, op, 0, index, at);
}

int emit_variable(const struct emitter *e, str name)
{
	for (unsigned i = e->n_names; i > 0; i--)
		if (str_eq_case(e->names[i - 1], name))
			return (int)(e->base + i - 1);
	return -1;
}

err emit_declare(struct emitter *e, str name, uint32_t at, unsigned *slot)
{
	if (e->base + e->n_names == MSPL_SLOTS)
		return too_large(e, at, "variables");
	*slot = e->base + e->n_names;
	e->names[e->n_names++] = name;
	e->top = e->base + e->n_names > e->top ? e->base + e->n_names : e->top;
	return OK;
}

/* ---- jumps ---- */

static size_t here(const struct emitter *e)
{
	return e->n_code;
}

static err emit_break(struct emitter *e, const struct node *n)
{
	if (e->n_targets == 0)
		return mspl_refuse(e->p->script, e->p->d, n->at, "return leaves the script", "break is in no loop and no switch");
	size_t jump = here(e);
	struct target *t = &e->targets[e->n_targets - 1];
	TRY(emit(e, OP_JUMP, 0, t->breaks, n->at));
	t->breaks = (uint16_t)jump;
	return OK;
}

static err emit_continue(struct emitter *e, const struct node *n)
{
	unsigned i = e->n_targets;
	while (i != 0 && !e->targets[i - 1].is_loop)
		i--;
	if (i == 0)
		return mspl_refuse(e->p->script, e->p->d, n->at, "take it away", "continue is in no loop");
	return emit(e, OP_JUMP, 0, e->targets[i - 1].turn, n->at);
}

/* A loop's next turn begins here. There is room: statements are nested at most MSPL_DEPTH times. */
static void open_target(struct emitter *e, bool is_loop)
{
	e->targets[e->n_targets++] = (struct target){ .breaks = MSPL_NOWHERE, .turn = (uint16_t)here(e), .is_loop = is_loop };
}

/* The jumps of a chain lead here. */
static void land(struct emitter *e, uint16_t chain)
{
	while (chain != MSPL_NOWHERE) {
		uint16_t next = e->code[chain].arg;
		e->code[chain].arg = (uint16_t)here(e);
		chain = next;
	}
}

/* ---- statements ---- */

static err emit_scope(struct emitter *e, const struct node *n)
{
	unsigned before = e->n_names;
	TRY(emit_statements(e, n));
	e->n_names = before;
	return OK;
}

/* A body that is one statement: its successors are none of it. */
static err emit_body(struct emitter *e, const struct node *n)
{
	struct node alone = *n;
	alone.next = NULL;
	return emit_scope(e, &alone);
}

static err emit_block(struct emitter *e, const struct node *n)
{
	return emit_scope(e, n->a);
}

static err emit_alone(struct emitter *e, const struct node *n)
{
	TRY(emit_expression(e, n->a));
	return emit(e, OP_POP, 0, 0, n->at);
}

static err emit_if(struct emitter *e, const struct node *n)
{
	TRY(emit_expression(e, n->a));
	size_t past = here(e);
	TRY(emit(e, OP_JUMP_FALSE, 0, 0, n->at));
	TRY(emit_body(e, n->b));
	if (n->c != NULL) {
		size_t end = here(e);
		TRY(emit(e, OP_JUMP, 0, 0, n->at));
		e->code[past].arg = (uint16_t)here(e);
		TRY(emit_body(e, n->c));
		past = end;
	}
	e->code[past].arg = (uint16_t)here(e);
	return OK;
}

static err emit_case(struct emitter *e, const struct node *n, unsigned slot)
{
	size_t past = MSPL_NOWHERE;
	if (n->a != NULL) {
		TRY(emit(e, OP_LOAD, 0, slot, n->at));
		TRY(emit_expression(e, n->a));
		TRY(emit(e, OP_EQ, 0, 0, n->at));
		past = here(e);
		TRY(emit(e, OP_JUMP_FALSE, 0, 0, n->at));
	}
	TRY(emit_scope(e, n->b));
	if (n->a != NULL)
		e->code[past].arg = (uint16_t)here(e);
	return OK;
}

static err emit_switch(struct emitter *e, const struct node *n)
{
	unsigned slot = 0, before = e->n_names;
	TRY(emit_expression(e, n->a));
	TRY(emit_declare(e, STR(""), n->at, &slot)); /* no variable has this name */
	TRY(emit(e, OP_STORE, 0, slot, n->at));
	open_target(e, false);
	for (const struct node *c = n->b; c != NULL; c = c->next)
		TRY(emit_case(e, c, slot));
	e->n_names = before;
	land(e, e->targets[--e->n_targets].breaks);
	return OK;
}

static err emit_loop_body(struct emitter *e, const struct node *n, size_t out)
{
	TRY(emit_body(e, n->b));
	const struct target *t = &e->targets[--e->n_targets];
	TRY(emit(e, OP_JUMP, 0, t->turn, n->at));
	e->code[out].arg = (uint16_t)here(e);
	land(e, t->breaks);
	return emit(e, OP_LOOP_END, 0, 0, n->at);
}

static err emit_while(struct emitter *e, const struct node *n)
{
	TRY(emit(e, OP_LOOP, 0, 0, n->at));
	open_target(e, true);
	TRY(emit_expression(e, n->a));
	size_t out = here(e);
	TRY(emit(e, OP_JUMP_FALSE, 0, 0, n->at));
	TRY(emit(e, OP_TURN, 0, 0, n->at));
	return emit_loop_body(e, n, out);
}

static err emit_foreach(struct emitter *e, const struct node *n)
{
	unsigned slot = 0, before = e->n_names;
	TRY(emit_expression(e, n->a));
	TRY(emit(e, OP_EACH, 0, 0, n->at));
	open_target(e, true);
	TRY(emit_declare(e, n->name, n->at, &slot));
	size_t out = here(e);
	TRY(emit(e, OP_NEXT, slot, 0, n->at));
	TRY(emit_loop_body(e, n, out));
	e->n_names = before;
	return OK;
}

static err emit_return(struct emitter *e, const struct node *n)
{
	static const struct mspl_value null = { 0 };
	if (!e->in_function && n->a != NULL)
		return mspl_refuse(e->p->script, e->p->d, n->at, "write return;", "a script has no value to return");
	if (!e->in_function)
		return emit(e, OP_STOP, 0, 0, n->at);
	TRY(n->a != NULL ? emit_expression(e, n->a) : emit_constant(e, &null, n->at));
	return emit(e, OP_RETURN, 0, 0, n->at);
}

static err emit_nothing(struct emitter *e, const struct node *n)
{
	(void)e;
	(void)n;
	return OK;
}

err emit_statements(struct emitter *e, const struct node *n)
{
	static err (*const rows[])(struct emitter *e, const struct node *n) = {
		[NODE_BLOCK] = emit_block, [NODE_EXPR] = emit_alone, [NODE_ASSIGN] = emit_assign, [NODE_IF] = emit_if, [NODE_SWITCH] = emit_switch,
		[NODE_FOREACH] = emit_foreach, [NODE_WHILE] = emit_while, [NODE_BREAK] = emit_break, [NODE_CONTINUE] = emit_continue, [NODE_RETURN] = emit_return,
		[NODE_EMPTY] = emit_nothing,
	};
	for (; n != NULL; n = n->next)
		TRY(rows[n->kind](e, n));
	return OK;
}

/* ---- the whole ---- */

static err emit_function(struct emitter *e, const struct node *f)
{
	static const struct mspl_value null = { 0 };
	unsigned slot;
	e->base = e->top;
	e->n_names = 0;
	e->in_function = true;
	for (const struct node *a = f->a; a != NULL; a = a->next)
		TRY(emit_declare(e, a->name, a->at, &slot));
	for (unsigned i = f->n; i > 0; i--)
		TRY(emit(e, OP_STORE, 0, e->base + i - 1, f->at));
	TRY(emit_statements(e, f->b->a));
	TRY(emit_constant(e, &null, f->at));
	return emit(e, OP_RETURN, 0, 0, f->at);
}

static err emit_all(struct emitter *e)
{
	uint16_t begins[MSPL_FUNCTIONS] = { 0 };
	unsigned n = 0;
	TRY(emit(e, OP_JUMP, 0, 0, 0));
	for (const struct node *f = e->p->functions; f != NULL; f = f->next) {
		begins[n++] = (uint16_t)here(e);
		TRY(emit_function(e, f));
	}
	e->code[0].arg = (uint16_t)here(e);
	e->base = e->top;
	e->n_names = 0;
	e->in_function = false;
	TRY(emit_statements(e, e->p->statements));
	TRY(emit(e, OP_STOP, 0, 0, (uint32_t)e->p->script->source.n));
	for (size_t i = 0; i < e->n_code; i++)
		if (e->code[i].op == OP_FUNCTION)
			e->code[i].arg = begins[e->code[i].arg];
	return OK;
}

static err keep_files(const struct mspl_script *s, struct arena *a, struct mspl_program *p)
{
	struct mspl_file_row *files = arena_alloc(a, (s->n_files + 1) * sizeof *files);
	ENSURE(files != NULL, CEILING);
	for (size_t i = 0; i < s->n_files; i++) {
		files[i] = (struct mspl_file_row){ .name = arena_copy(a, s->files[i].name), .key = s->files[i].key };
		ENSURE(files[i].name.p != NULL, CEILING);
	}
	p->files = files;
	p->n_files = s->n_files;
	return OK;
}

/* What stays is copied to where the caller wants it. */
static err keep(const struct emitter *e, struct arena *a, struct mspl_program *p)
{
	struct code *code = arena_alloc(a, e->n_code * sizeof *code);
	struct mspl_value *constants = arena_alloc(a, (e->n_constants + 1) * sizeof *constants);
	ENSURE(code != NULL && constants != NULL, CEILING);
	memcpy(code, e->code, e->n_code * sizeof *code);
	for (size_t i = 0; i < e->n_constants; i++) {
		constants[i] = e->constants[i];
		if (constants[i].type == MSPL_STRING)
			constants[i].text = arena_copy(a, constants[i].text);
		ENSURE(constants[i].type != MSPL_STRING || constants[i].text.p != NULL, CEILING);
	}
	*p = (struct mspl_program){ .code = code, .n_code = e->n_code, .constants = constants, .n_constants = e->n_constants };
	return keep_files(e->p->script, a, p);
}

static err find_lines(struct emitter *e)
{
	str s = e->p->script->source;
	size_t n = 1;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n' ? 1 : 0;
	e->lines = arena_alloc(e->p->arena, n * sizeof *e->lines);
	ENSURE(e->lines != NULL, CEILING);
	e->lines[e->n_lines++] = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\n')
			e->lines[e->n_lines++] = (uint32_t)i + 1;
	return OK;
}

static err compile(const struct mspl_script *s, struct arena *scratch, struct arena *a, struct mspl_program *out, struct diag *d)
{
	struct parser p = { .script = s, .arena = scratch, .d = d };
	struct emitter e = { .p = &p };
	TRY(mspl_parse(&p));
	TRY(mspl_check(&p));
	e.code = arena_alloc(scratch, MSPL_CODE * sizeof *e.code);
	e.constants = arena_alloc(scratch, MSPL_CONSTANTS * sizeof *e.constants);
	ENSURE(e.code != NULL && e.constants != NULL, CEILING);
	TRY(find_lines(&e));
	TRY(emit_all(&e));
	return keep(&e, a, out);
}

err mspl_compile(const struct mspl_script *s, struct arena *a, const struct mspl_program **out, struct diag *d)
{
	struct arena scratch;
	struct diag none = { 0 };
	*out = NULL;
	d = d != NULL ? d : &none;
	*d = none;
	if (s->source.n > MSPL_SOURCE_MAX || s->n_files > MSPL_FILES_MAX)
		return diag_fail(d, ERR(CEILING), "script", "make it smaller", "a script has at most %d bytes and %d files", MSPL_SOURCE_MAX, MSPL_FILES_MAX);
	struct mspl_program *p = arena_alloc(a, sizeof *p);
	arena_init(&scratch, SCRATCH_MAX);
	err e = p != NULL ? compile(s, &scratch, a, p, d) : ERR(CEILING);
	arena_fini(&scratch);
	if (failed(e) && d->what[0] == '\0')
		return diag_fail(d, ERR(CEILING), "script", "make it smaller", "the script needs more memory than it may have");
	TRY(e);
	*out = p;
	return OK;
}
