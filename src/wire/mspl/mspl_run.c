/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: one instruction after another, within its bounds. */
#include "wire/mspl/mspl_priv.h"

#include <stdarg.h>
#include <stdio.h>

err mspl_fail(struct machine *m, const char *fmt, ...)
{
	va_list ap;
	if (m->d == NULL)
		return ERR(SCRIPT);
	*m->d = (struct diag){ .line = m->p->code[m->at].line };
	(void)snprintf(m->d->where, sizeof m->d->where, "script:%u", m->d->line);
	va_start(ap, fmt);
	(void)vsnprintf(m->d->what, sizeof m->d->what, fmt, ap);
	va_end(ap);
	diag_clean(m->d);
	return ERR(SCRIPT);
}

char *mspl_take(struct machine *m, size_t n)
{
	if (n > MSPL_MEMORY_MAX - m->spent)
		return NULL;
	m->spent += n;
	return arena_alloc(m->arena, n != 0 ? n : 1);
}

err mspl_join(struct machine *m, const str *parts, size_t n, struct mspl_value *out)
{
	size_t all = 0, at = 0;
	for (size_t i = 0; i < n; i++)
		all += parts[i].n;
	if (all > MSPL_STRING_MAX)
		return mspl_fail(m, "a string of %zu bytes is too long", all);
	char *p = mspl_take(m, all);
	ENSURE(p != NULL, CEILING);
	for (size_t i = 0; i < n; at += parts[i++].n)
		if (parts[i].n != 0)
			memcpy(p + at, parts[i].p, parts[i].n);
	*out = mspl_text((str){ p, all });
	return OK;
}

/* ---- values ---- */

static const char *const types[] = { "null", "a truth value", "a number", "a fraction", "a string", "a word of an enumeration", "an object", "a collection" };

static bool truth_of(const struct mspl_value *v)
{
	switch ((enum mspl_type)v->type) {
	case MSPL_NULL:
		return false;
	case MSPL_BOOL:
		return v->truth;
	case MSPL_INT:
		return v->number != 0;
	case MSPL_FLOAT:
		return v->real < 0 || v->real > 0;
	case MSPL_STRING:
	case MSPL_ENUM:
	case MSPL_OBJECT:
	case MSPL_LIST:
		break;
	}
	return true; /* it is there */
}

static bool is_number(const struct mspl_value *v)
{
	return v->type == MSPL_INT || v->type == MSPL_FLOAT;
}

static double real_of(const struct mspl_value *v)
{
	return v->type == MSPL_FLOAT ? v->real : (double)v->number;
}

static int order_of(double a, double b)
{
	return a < b ? -1 : a > b ? 1 : 0;
}

static bool same(const struct mspl_value *a, const struct mspl_value *b)
{
	switch ((enum mspl_type)a->type) {
	case MSPL_NULL:
		return true;
	case MSPL_BOOL:
		return a->truth == b->truth;
	case MSPL_INT:
		return a->number == b->number;
	case MSPL_ENUM:
		return a->kind == b->kind && a->number == b->number;
	case MSPL_FLOAT:
		return order_of(a->real, b->real) == 0;
	case MSPL_STRING:
		return str_eq(a->text, b->text);
	case MSPL_OBJECT:
		return a->kind == b->kind && (a->kind != MSPL_ENDPOINT || a->endpoint == b->endpoint);
	case MSPL_LIST:
		break;
	}
	return a->list.p == b->list.p;
}

static err equal(struct machine *m, const struct mspl_value *a, const struct mspl_value *b, bool *out)
{
	*out = false;
	if (is_number(a) && is_number(b) && a->type != b->type)
		*out = order_of(real_of(a), real_of(b)) == 0;
	else if (a->type == b->type)
		*out = same(a, b);
	else if (a->type != MSPL_NULL && b->type != MSPL_NULL)
		return mspl_fail(m, "%s is compared with %s", types[a->type], types[b->type]);
	return OK;
}

/* ---- the stack ---- */

static err push(struct machine *m, const struct mspl_value *v)
{
	if (m->n_stack == MSPL_STACK)
		return mspl_fail(m, "more than %d values at once", MSPL_STACK);
	m->stack[m->n_stack++] = *v;
	return OK;
}

/* Code that the compiler made never takes more than it has put. */
static struct mspl_value *pop(struct machine *m)
{
	ASSERT(m->n_stack != 0);
	return &m->stack[--m->n_stack];
}

static err do_const(struct machine *m, const struct code *c)
{
	return push(m, &m->p->constants[c->arg]);
}

static err do_load(struct machine *m, const struct code *c)
{
	return push(m, &m->slots[c->arg]);
}

static err do_store(struct machine *m, const struct code *c)
{
	m->slots[c->arg] = *pop(m);
	return OK;
}

static err do_pop(struct machine *m, const struct code *c)
{
	(void)c;
	(void)pop(m);
	return OK;
}

/* ---- the message ---- */

static bool is_there(const struct machine *m, enum mspl_object o)
{
	return o == MSPL_REQUEST ? m->w->is_request : o == MSPL_RESPONSE ? !m->w->is_request : true;
}

static err do_object(struct machine *m, const struct code *c)
{
	const struct mspl_value there = { .type = MSPL_OBJECT, .kind = (uint8_t)c->arg }, none = { 0 };
	return push(m, is_there(m, (enum mspl_object)c->arg) ? &there : &none);
}

static err check_there(struct machine *m, enum mspl_object o)
{
	if (is_there(m, o))
		return OK;
	return mspl_fail(m, o == MSPL_REQUEST ? "sipRequest is null: this is a response" : "sipResponse is null: this is a request");
}

static err get(struct machine *m, enum mspl_property p, struct mspl_value *v)
{
	*v = (struct mspl_value){ 0 };
	ENSURE(m->w->get(m->arg, p, m->arena, v), CEILING);
	return OK;
}

static err do_root(struct machine *m, const struct code *c)
{
	struct mspl_value v;
	TRY(check_there(m, (enum mspl_object)c->n));
	TRY(get(m, (enum mspl_property)c->arg, &v));
	return push(m, &v);
}

static struct mspl_value endpoint_member(const struct mspl_endpoint *e, enum mspl_property p)
{
	switch (p) {
	case MSPL_AT_ENDPOINT_EPID:
		return mspl_text(e->epid);
	case MSPL_AT_ENDPOINT_INSTANCE:
		return mspl_text(e->instance);
	case MSPL_AT_ENDPOINT_CONTACT:
		return mspl_text(e->contact);
	case MSPL_AT_ENDPOINT_EXTRA:
		return mspl_text(e->extra_methods);
	default:
		return (struct mspl_value){ .type = MSPL_INT, .number = e->methods };
	}
}

static err do_member(struct machine *m, const struct code *c)
{
	str near, name = m->p->constants[c->arg].text;
	struct mspl_value v, of = *pop(m);
	if (of.type != MSPL_OBJECT)
		return mspl_fail(m, "%s has no member %.*s", types[of.type], STR_FMT(str_cut(name, 0, 60)));
	int p = mspl_member_find((enum mspl_object)of.kind, name, &near);
	if (p < 0)
		return mspl_fail(m, "this object has no member %.*s", STR_FMT(str_cut(name, 0, 60)));
	if (of.kind != MSPL_ENDPOINT) {
		TRY(get(m, (enum mspl_property)p, &v));
		return push(m, &v);
	}
	v = endpoint_member(of.endpoint, (enum mspl_property)p);
	return push(m, &v);
}

static err do_set(struct machine *m, const struct code *c)
{
	str value;
	TRY(check_there(m, (enum mspl_object)c->n));
	TRY(mspl_arg_text(m, pop(m), 0, &value));
	ENSURE(m->w->set(m->arg, (enum mspl_property)c->arg, value), CEILING);
	if (m->w->step != NULL)
		m->w->step(m->arg, c->line, "the content is replaced", NULL);
	return OK;
}

static err do_field(struct machine *m, const struct code *c)
{
	char digits[24];
	struct mspl_value key = *pop(m), v = { 0 };
	str value = STR("");
	bool by_number = m->p->files[c->n].key < 0;
	if (key.type != (by_number ? MSPL_INT : MSPL_STRING))
		return mspl_fail(m, "records of %.*s are found by %s, not by %s", STR_FMT(str_cut(m->p->files[c->n].name, 0, 60)),
			by_number ? "number" : "a string", types[key.type]);
	if (by_number)
		(void)snprintf(digits, sizeof digits, "%lld", (long long)key.number);
	if (m->w->field(m->arg, c->n, by_number ? str_of(digits) : key.text, c->arg, &value))
		v = mspl_text(value);
	return push(m, &v);
}

/* ---- operators ---- */

static err do_truth(struct machine *m, const struct code *c)
{
	struct mspl_value v = mspl_truth(truth_of(pop(m)) == (c->op == OP_TRUTH));
	return push(m, &v);
}

static err do_negate(struct machine *m, const struct code *c)
{
	struct mspl_value v = *pop(m);
	(void)c;
	if (v.type == MSPL_FLOAT)
		v.real = -v.real;
	else if (v.type != MSPL_INT || __builtin_sub_overflow(0, v.number, &v.number))
		return mspl_fail(m, "%s cannot be negated", types[v.type]);
	return push(m, &v);
}

static err do_equal(struct machine *m, const struct code *c)
{
	bool is;
	struct mspl_value b = *pop(m), a = *pop(m);
	TRY(equal(m, &a, &b, &is));
	struct mspl_value v = mspl_truth(is == (c->op == OP_EQ));
	return push(m, &v);
}

static err do_order(struct machine *m, const struct code *c)
{
	struct mspl_value b = *pop(m), a = *pop(m);
	int order = 0;
	if (is_number(&a) && is_number(&b))
		order = a.type == MSPL_INT && b.type == MSPL_INT ? (a.number > b.number) - (a.number < b.number) : order_of(real_of(&a), real_of(&b));
	else if (a.type == MSPL_STRING && b.type == MSPL_STRING)
		order = str_cmp(a.text, b.text);
	else
		return mspl_fail(m, "%s and %s have no order", types[a.type], types[b.type]);
	bool is = c->op == OP_LT ? order < 0 : c->op == OP_LE ? order <= 0 : c->op == OP_GT ? order > 0 : order >= 0;
	struct mspl_value v = mspl_truth(is);
	return push(m, &v);
}

static err do_sum(struct machine *m, const struct code *c)
{
	struct mspl_value b = *pop(m), a = *pop(m), v = { .type = MSPL_INT };
	bool adds = c->op == OP_PLUS;
	if (!is_number(&a) || !is_number(&b))
		return mspl_fail(m, "%s and %s have no %s", types[a.type], types[b.type], adds ? "sum; Concatenate joins strings" : "difference");
	if (a.type == MSPL_FLOAT || b.type == MSPL_FLOAT) {
		v.type = MSPL_FLOAT;
		v.real = adds ? real_of(&a) + real_of(&b) : real_of(&a) - real_of(&b);
	} else if (adds ? __builtin_add_overflow(a.number, b.number, &v.number) : __builtin_sub_overflow(a.number, b.number, &v.number)) {
		return mspl_fail(m, "the number is too large");
	}
	return push(m, &v);
}

/* ---- jumps: m->at is set to one before where it goes on ---- */

static void jump(struct machine *m, size_t to)
{
	m->at = (uint32_t)to - 1;
}

static err do_jump(struct machine *m, const struct code *c)
{
	if (c->op == OP_JUMP || !truth_of(pop(m)))
		jump(m, c->arg);
	return OK;
}

static err do_logic(struct machine *m, const struct code *c)
{
	bool first = truth_of(pop(m));
	if (first != (c->op == OP_OR))
		return OK;
	struct mspl_value v = mspl_truth(first);
	jump(m, c->arg);
	return push(m, &v);
}

/* ---- functions ---- */

static err do_function(struct machine *m, const struct code *c)
{
	if (m->n_frames == MSPL_FRAMES)
		return mspl_fail(m, "more than %d functions are called by each other", MSPL_FRAMES);
	m->frames[m->n_frames++] = (struct frame){ .back = m->at, .loops = m->n_loops, .stack = (uint16_t)(m->n_stack - c->n) };
	jump(m, c->arg);
	return OK;
}

static err do_return(struct machine *m, const struct code *c)
{
	(void)c;
	struct mspl_value v = *pop(m);
	if (v.type == MSPL_OBJECT || v.type == MSPL_LIST)
		return mspl_fail(m, "a function cannot return %s", types[v.type]);
	const struct frame *f = &m->frames[--m->n_frames];
	m->n_loops = f->loops;
	m->n_stack = f->stack;
	m->at = f->back;
	return push(m, &v);
}

static void tell_step(struct machine *m, const struct code *c, const struct mspl_value *v)
{
	char text[200], one[80];
	size_t n = (size_t)snprintf(text, sizeof text, "%s(", mspl_functions[c->arg].name);
	for (unsigned i = 0; i < c->n && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i != 0 ? ", " : "", mspl_print(&m->stack[m->n_stack + i], one, sizeof one));
	if (n < sizeof text)
		(void)snprintf(text + n, sizeof text - n, ")");
	m->w->step(m->arg, c->line, text, v);
}

static err do_call(struct machine *m, const struct code *c)
{
	struct mspl_value v = { 0 };
	const struct mspl_function *f = &mspl_functions[c->arg];
	m->n_stack = (uint16_t)(m->n_stack - c->n);
	if ((f->of == 'Q' && !m->w->is_request) || (f->of == 'R' && m->w->is_request))
		return mspl_fail(m, "%s is for %s alone", f->name, f->of == 'Q' ? "requests" : "responses");
	TRY(mspl_call(m, (enum mspl_call)c->arg, &m->stack[m->n_stack], c->n, &v));
	if (m->w->step != NULL)
		tell_step(m, c, &v);
	return push(m, &v);
}

/* ---- loops ---- */

static err open_loop(struct machine *m, const struct mspl_value *list)
{
	if (m->n_loops == MSPL_LOOPS)
		return mspl_fail(m, "more than %d loops in each other", MSPL_LOOPS);
	m->loops[m->n_loops++] = (struct loop_state){ .list = *list };
	return OK;
}

static err turn(struct machine *m)
{
	if (++m->loops[m->n_loops - 1].turns > MSPL_TURNS_MAX)
		return mspl_fail(m, "a loop of more than %d turns", MSPL_TURNS_MAX);
	return OK;
}

static err do_loop(struct machine *m, const struct code *c)
{
	struct mspl_value list = { .type = MSPL_LIST };
	if (c->op == OP_EACH)
		list = *pop(m);
	if (list.type == MSPL_NULL)
		list = (struct mspl_value){ .type = MSPL_LIST }; /* nothing found: no turn */
	if (list.type != MSPL_LIST)
		return mspl_fail(m, "foreach needs a collection, not %s", types[list.type]);
	return open_loop(m, &list);
}

static err do_turn(struct machine *m, const struct code *c)
{
	(void)c;
	return turn(m);
}

static err do_next(struct machine *m, const struct code *c)
{
	struct loop_state *l = &m->loops[m->n_loops - 1];
	if (l->at == l->list.list.n) {
		jump(m, c->arg);
		return OK;
	}
	m->slots[c->n] = l->list.list.p[l->at++];
	return turn(m);
}

static err do_loop_end(struct machine *m, const struct code *c)
{
	(void)c;
	m->n_loops--;
	return OK;
}

static err do_stop(struct machine *m, const struct code *c)
{
	(void)c;
	if (m->in_fork)
		return mspl_fail(m, "BeginFork without EndFork");
	return OK;
}

static err (*const steps[])(struct machine *m, const struct code *c) = {
	[OP_CONST] = do_const, [OP_LOAD] = do_load, [OP_STORE] = do_store, [OP_POP] = do_pop, [OP_OBJECT] = do_object, [OP_ROOT] = do_root,
	[OP_MEMBER] = do_member, [OP_SET] = do_set, [OP_FIELD] = do_field, [OP_CALL] = do_call, [OP_FUNCTION] = do_function, [OP_RETURN] = do_return,
	[OP_STOP] = do_stop, [OP_JUMP] = do_jump, [OP_JUMP_FALSE] = do_jump, [OP_AND] = do_logic, [OP_OR] = do_logic, [OP_TRUTH] = do_truth, [OP_NOT] = do_truth,
	[OP_NEGATE] = do_negate, [OP_EQ] = do_equal, [OP_NE] = do_equal, [OP_LT] = do_order, [OP_LE] = do_order, [OP_GT] = do_order, [OP_GE] = do_order,
	[OP_PLUS] = do_sum, [OP_MINUS] = do_sum, [OP_LOOP] = do_loop, [OP_EACH] = do_loop, [OP_TURN] = do_turn, [OP_NEXT] = do_next,
	[OP_LOOP_END] = do_loop_end,
};

err mspl_run(const struct mspl_program *p, const struct mspl_world *w, void *arg, struct arena *a, struct mspl_result *out, struct diag *d)
{
	struct machine m; /* slots are written before they are read (mspl_emit): nothing need be cleared */
	m.p = p;
	m.w = w;
	m.arg = arg;
	m.arena = a;
	m.out = out;
	m.d = d;
	m.spent = 0;
	m.n_stack = m.n_loops = m.n_frames = 0;
	m.in_fork = false;
	*out = (struct mspl_result){ 0 };
	for (m.at = 0;; m.at++) {
		const struct code *c = &p->code[m.at];
		if (out->instructions++ >= MSPL_INSTRUCTIONS_MAX)
			return mspl_fail(&m, "more than %d steps", MSPL_INSTRUCTIONS_MAX);
		TRY(steps[c->op](&m, c));
		if (c->op == OP_STOP)
			return OK;
	}
}
