/* SPDX-License-Identifier: Apache-2.0 */
/* What route asks: where is a user, where is one instance of his? */
#include "service/reg/reg_priv.h"

/* One instance: its newest binding, and the place of that on the list of a user. */
struct head {
	const struct reg_binding *binding;
	size_t place;
};

/* By falling q, then newest first. */
static bool is_before(const struct head *a, const struct head *b)
{
	return a->binding->q != b->binding->q ? a->binding->q > b->binding->q : a->place < b->place;
}

/* Is there a newer binding of the same instance on the list? */
static bool has_newer(const struct reg_user *u, const struct reg_binding *b)
{
	for (const struct reg_binding *o = u->bindings; o != b; o = o->next)
		if (reg_is_same_instance(reg_instance(o), reg_instance(b)))
			return true;
	return false;
}

static size_t find_heads(const struct reg_user *u, struct head heads[REG_TARGETS_MAX])
{
	size_t n = 0, place = 0;
	for (const struct reg_binding *b = u->bindings; b != NULL && n < REG_TARGETS_MAX; b = b->next, place++) {
		struct head h = { b, place };
		size_t i = n;
		if (has_newer(u, b))
			continue;
		for (; i > 0 && is_before(&h, &heads[i - 1]); i--)
			heads[i] = heads[i - 1];
		heads[i] = h;
		n++;
	}
	return n;
}

/* false: the arena is full. */
static bool fill(const struct reg_binding *b, struct arena *a, struct reg_target *t, bool is_alternative)
{
	*t = (struct reg_target){ .uri = arena_copy(a, reg_uri(b)),
		.path = arena_copy(a, reg_path(b)),
		.instance = arena_copy(a, reg_instance(b)),
		.flow = b->flow,
		.reg_id = b->reg_id,
		.q = b->q,
		.is_alternative = is_alternative,
		.is_dialect = b->epid_n != 0 };
	return t->uri.p != NULL && t->path.p != NULL && t->instance.p != NULL;
}

/* The binding and, after it, those of the same instance that are older. */
static size_t fill_instance(const struct reg_binding *head, struct arena *a, struct reg_target *out, size_t max)
{
	size_t n = 0;
	if (max == 0 || !fill(head, a, &out[n++], false))
		return 0;
	for (const struct reg_binding *b = head->next; b != NULL && n < max; b = b->next) {
		if (!reg_is_same_instance(reg_instance(b), reg_instance(head)))
			continue;
		if (!fill(b, a, &out[n], true))
			return n;
		n++;
	}
	return n;
}

size_t reg_find(struct reg *g, str aor, struct arena *a, struct reg_target *out, size_t max)
{
	const struct reg_user *u = reg_user_find(g, aor);
	struct head heads[REG_TARGETS_MAX];
	size_t n = 0, n_heads = u != NULL ? find_heads(u, heads) : 0;
	for (size_t i = 0; i < n_heads && n < max; i++)
		n += fill_instance(heads[i].binding, a, out + n, max - n);
	return n;
}

unsigned reg_kinds(const struct reg *g, str aor)
{
	const struct reg_user *u = reg_user_find(g, aor);
	unsigned kinds = 0;
	for (const struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL; b = b->next)
		kinds |= b->epid_n != 0 ? REG_DIALECT : REG_STANDARD;
	return kinds;
}

size_t reg_find_gruu(struct reg *g, const struct uri *u, struct arena *a, struct reg_target *out, size_t max)
{
	str aor;
	if (!reg_gruu_aor(g, u, a, &aor))
		return 0;
	const struct reg_user *user = reg_user_find(g, aor);
	for (const struct reg_binding *b = user != NULL ? user->bindings : NULL; b != NULL; b = b->next)
		if (reg_gruu_names(g, u, b))
			return fill_instance(b, a, out, max);
	return 0;
}
