/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about functions that need the whole script: each has a name of its own, and none comes back to itself. */
#include "wire/mspl/mspl_priv.h"

struct visit {
	const struct parser *p;
	const struct node *functions[MSPL_FUNCTIONS];
	uint32_t calls[MSPL_FUNCTIONS]; /* bit i: calls function i */
	unsigned n;
};

static int find(const struct visit *v, str name)
{
	for (unsigned i = 0; i < v->n; i++)
		if (str_eq_case(v->functions[i]->name, name))
			return (int)i;
	return -1;
}

/* All calls in a tree and its successors; the tree is at most MSPL_DEPTH deep. */
static uint32_t calls_of(const struct visit *v, const struct node *n)
{
	uint32_t set = 0;
	for (; n != NULL; n = n->next) {
		int i = n->kind == NODE_CALL ? find(v, n->name) : -1;
		set |= i >= 0 ? 1u << i : 0;
		set |= calls_of(v, n->a) | calls_of(v, n->b) | calls_of(v, n->c);
	}
	return set;
}

static err check_name(struct visit *v, const struct node *f)
{
	str near;
	if (find(v, f->name) >= 0)
		return mspl_refuse(v->p->script, v->p->d, f->at, "rename one", "there is a function %.*s already", STR_FMT(str_cut(f->name, 0, 60)));
	if (mspl_function_find(f->name, &near) >= 0)
		return mspl_refuse(v->p->script, v->p->d, f->at, "take another name", "%.*s is a function of the language", STR_FMT(str_cut(f->name, 0, 60)));
	v->functions[v->n++] = f;
	return OK;
}

/* Whom each reaches, by whatever way: after n rounds nothing new comes. */
static void close_over(struct visit *v)
{
	for (unsigned round = 0; round < v->n; round++)
		for (unsigned i = 0; i < v->n; i++)
			for (unsigned k = 0; k < v->n; k++)
				v->calls[i] |= (v->calls[i] >> k & 1) != 0 ? v->calls[k] : 0;
}

err mspl_check(const struct parser *p)
{
	struct visit v = { .p = p };
	for (const struct node *f = p->functions; f != NULL; f = f->next)
		TRY(check_name(&v, f));
	for (unsigned i = 0; i < v.n; i++)
		v.calls[i] = calls_of(&v, v.functions[i]->b);
	close_over(&v);
	for (unsigned i = 0; i < v.n; i++)
		if ((v.calls[i] >> i & 1) != 0)
			return mspl_refuse(p->script, p->d, v.functions[i]->at, "write a loop", "%.*s calls itself, directly or by others",
				STR_FMT(str_cut(v.functions[i]->name, 0, 60)));
	return OK;
}
