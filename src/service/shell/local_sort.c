/* SPDX-License-Identifier: Apache-2.0 */
/* Sort-Object, Group-Object, Measure-Object, Compare-Object: they need all of their input. */
#include <stdlib.h>

#include "service/shell/shell_local.h"

/* ---- Sort-Object ---- */

enum { KEYS_MAX = 8 };

struct sorted {
	json_t *v, *keys[KEYS_MAX];
	size_t place;
};

struct order {
	struct shell *sh;
	size_t n_keys;
	bool falls[KEYS_MAX], strict;
};

static int compare_sorted(const void *a, const void *b, void *arg)
{
	const struct sorted *x = a, *y = b;
	const struct order *order = arg;
	for (size_t i = 0; i < order->n_keys; i++) {
		int c = shell_order(order->sh, x->keys[i], y->keys[i], order->strict);
		if (c != 0)
			return order->falls[i] ? -c : c;
	}
	return (x->place > y->place) - (x->place < y->place);
}

static json_t *sort_key(const struct shell_stage *st, size_t i)
{
	json_t *property = shell_parameter(st, "Property");
	return json_is_array(property) ? json_array_get(property, i) : property;
}

static err read_order(struct shell *sh, const struct shell_stage *st, struct order *out)
{
	json_t *property = shell_parameter(st, "Property");
	*out = (struct order){ .sh = sh,
		.n_keys = json_is_array(property) ? json_array_size(property) : 1,
		.strict = shell_switch(st, "CaseSensitive") };
	if (out->n_keys > KEYS_MAX)
		return shell_fail(sh, ERR(USAGE), "sort by fewer", "Sort-Object takes at most %d properties", KEYS_MAX);
	for (size_t i = 0; i < out->n_keys; i++) {
		json_t *key = sort_key(st, i),
		       *falls = json_is_object(key) ? shell_object_find(key, STR("Descending"), NULL) : NULL;
		out->falls[i] = falls != NULL ? shell_truth(falls) : shell_switch(st, "Descending");
	}
	return OK;
}

static err sort_keys(struct shell *sh, const struct shell_stage *st, const struct order *order, struct sorted *of)
{
	for (size_t i = 0; i < order->n_keys; i++) {
		json_t *key = sort_key(st, i);
		if (key == NULL)
			of->keys[i] = json_incref(of->v);
		else
			TRY(shell_property_of(sh, of->v, key, &of->keys[i]));
	}
	return OK;
}

static bool same_keys(const struct order *order, const struct sorted *a, const struct sorted *b)
{
	for (size_t i = 0; i < order->n_keys; i++)
		if (shell_order(order->sh, a->keys[i], b->keys[i], order->strict) != 0)
			return false;
	return true;
}

static err sort_all(struct shell *sh, struct shell_stage *st, struct order *order, struct sorted *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		all[i].v = json_array_get(st->kept, i);
		all[i].place = i;
		TRY(sort_keys(sh, st, order, &all[i]));
	}
	qsort_r(all, n, sizeof *all, compare_sorted, order);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !shell_switch(st, "Unique") || !same_keys(order, &all[i - 1], &all[i]))
			TRY(shell_stage_emit(sh, st, all[i].v));
	return OK;
}

static err sort_end(struct shell *sh, struct shell_stage *st)
{
	struct order order;
	size_t n = json_array_size(st->kept);
	TRY(read_order(sh, st, &order));
	struct sorted *all = calloc(n != 0 ? n : 1, sizeof *all);
	ENSURE(all != NULL, NO_MEMORY);
	err e = sort_all(sh, st, &order, all, n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < KEYS_MAX; k++)
			json_decref(all[i].keys[k]);
	free(all);
	return e;
}

const struct shell_stage_ops shell_ops_sort = { NULL, shell_keep, sort_end };

/* ---- Group-Object ---- */

static err group_key(struct shell *sh, struct shell_stage *st, json_t *v, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *property = shell_parameter(st, "Property"), *one;
	size_t n = json_is_array(property) ? json_array_size(property) : 1;
	for (size_t i = 0; i < n; i++) {
		if (i != 0)
			buf_add(&text, STR(", "));
		if (property == NULL) {
			shell_write_text(sh, v, &text, 0);
			continue;
		}
		TRY(shell_property_of(sh, v, json_is_array(property) ? json_array_get(property, i) : property, &one));
		shell_write_text(sh, one, &text, 0);
		json_decref(one);
	}
	return shell_string_new(sh, buf_str(&text), out);
}

static err group_add(struct shell *sh, struct shell_stage *st, json_t *groups, json_t *v)
{
	struct buf folded DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *name;
	TRY(shell_step(sh));
	TRY(group_key(sh, st, v, &name));
	buf_add_char(&folded, 'k'); /* a key is never hidden, and never empty */
	shell_write_case(str_of(json_string_value(name)), false, &folded);
	buf_add_char(&folded, '\0');
	json_t *group = folded.failed ? NULL : json_object_get(groups, folded.p);
	err e = OK;
	if (group == NULL && !folded.failed) {
		group = json_pack("{s:i,s:O,s:[]}", "Count", 0, "Name", name, "Group");
		e = shell_json(json_object_set_new(groups, folded.p, group));
	}
	json_decref(name);
	TRY(e);
	TRY(shell_json(json_array_append(json_object_get(group, "Group"), v)));
	return shell_json(json_integer_set(
		json_object_get(group, "Count"), (json_int_t)json_array_size(json_object_get(group, "Group"))));
}

static err group_end(struct shell *sh, struct shell_stage *st)
{
	const char *key;
	json_t *group, *groups = json_object();
	err e = groups != NULL ? OK : ERR(NO_MEMORY);
	for (size_t i = 0; i < json_array_size(st->kept) && !failed(e); i++)
		e = group_add(sh, st, groups, json_array_get(st->kept, i));
	if (!failed(e))
		json_object_foreach(groups, key, group)
		{
			if (shell_switch(st, "NoElement"))
				(void)json_object_del(group, "Group");
			if (!failed(e))
				e = shell_stage_emit(sh, st, group);
		}
	json_decref(groups);
	return e;
}

const struct shell_stage_ops shell_ops_group = { NULL, shell_keep, group_end };

/* ---- Measure-Object ---- */

struct measured {
	int64_t n;
	struct shell_num sum;
	json_t *least, *most;
};

static err measure_value(struct shell *sh, struct measured *m, json_t *v)
{
	struct shell_num n;
	int64_t i;
	m->n++;
	if (shell_num_of(v, &n)) {
		bool whole = !m->sum.is_real && !n.is_real && !__builtin_add_overflow(m->sum.i, n.i, &i);
		m->sum = whole ? shell_num_int(i) : shell_num_real(m->sum.d + n.d);
	}
	if (m->least == NULL || shell_order(sh, v, m->least, false) < 0) {
		json_decref(m->least);
		m->least = json_incref(v);
	}
	if (m->most == NULL || shell_order(sh, v, m->most, false) > 0) {
		json_decref(m->most);
		m->most = json_incref(v);
	}
	return OK;
}

static err measure_one(struct shell *sh, const struct shell_stage *st, json_t *property, struct measured *m)
{
	json_t *v;
	for (size_t i = 0; i < json_array_size(st->kept); i++) {
		json_t *object = json_array_get(st->kept, i);
		if (property == NULL)
			v = json_incref(object);
		else
			TRY(shell_property_of(sh, object, property, &v));
		err e = json_is_null(v) ? OK : measure_value(sh, m, v);
		json_decref(v);
		TRY(e);
	}
	return OK;
}

static err measure_emit(struct shell *sh, struct shell_stage *st, json_t *property, const struct measured *m)
{
	json_t *to = json_pack("{s:I}", "Count", (json_int_t)m->n);
	ENSURE(to != NULL, NO_MEMORY);
	if (shell_switch(st, "Average"))
		(void)json_object_set_new(to, "Average", m->n != 0 ? json_real(m->sum.d / (double)m->n) : json_null());
	if (shell_switch(st, "Sum"))
		(void)json_object_set_new(to, "Sum", shell_num_json(m->sum));
	if (shell_switch(st, "Maximum"))
		(void)json_object_set(to, "Maximum", m->most != NULL ? m->most : json_null());
	if (shell_switch(st, "Minimum"))
		(void)json_object_set(to, "Minimum", m->least != NULL ? m->least : json_null());
	if (property != NULL)
		(void)json_object_set(to, "Property", property);
	return shell_stage_emit_new(sh, st, to);
}

static err measure_end(struct shell *sh, struct shell_stage *st)
{
	json_t *property = shell_parameter(st, "Property");
	size_t n = json_is_array(property) ? json_array_size(property) : 1;
	for (size_t i = 0; i < n; i++) {
		json_t *one = json_is_array(property) ? json_array_get(property, i) : property;
		struct measured m = { 0 };
		err e = measure_one(sh, st, one, &m);
		if (!failed(e))
			e = measure_emit(sh, st, one, &m);
		json_decref(m.least);
		json_decref(m.most);
		TRY(e);
	}
	return OK;
}

const struct shell_stage_ops shell_ops_measure = { NULL, shell_keep, measure_end };

/* ---- Compare-Object ---- */

static err compare_shape(struct shell *sh, struct shell_stage *st, json_t *list, json_t **out)
{
	json_t *property = shell_parameter(st, "Property"), *one;
	*out = json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	size_t n = json_is_array(list) ? json_array_size(list) : list != NULL && !json_is_null(list);
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_is_array(list) ? json_array_get(list, i) : list;
		if (property == NULL)
			one = json_incref(v);
		else
			TRY(shell_project(sh, v, property, NULL, &one));
		TRY(shell_json(json_array_append_new(*out, one)));
	}
	return OK;
}

static err compare_tell(struct shell *sh, struct shell_stage *st, json_t *v, const char *side)
{
	json_t *to;
	if (shell_parameter(st, "Property") != NULL && json_is_object(v))
		to = json_copy(v);
	else
		to = json_pack("{s:O}", "InputObject", v);
	if (to != NULL)
		(void)json_object_set_new(to, "SideIndicator", json_string(side));
	return shell_stage_emit_new(sh, st, to);
}

/* Each object of a takes its equal out of b. */
static err compare_lists(struct shell *sh, struct shell_stage *st, json_t *a, json_t *b)
{
	bool equal = shell_switch(st, "IncludeEqual"), differs = !shell_switch(st, "ExcludeDifferent");
	json_t *left = json_array();
	ENSURE(left != NULL, NO_MEMORY);
	err e = OK;
	for (size_t i = 0; i < json_array_size(a) && !failed(e); i++) {
		json_t *v = json_array_get(a, i);
		size_t k = 0;
		e = shell_step(sh);
		while (k < json_array_size(b) && !shell_equal(sh, v, json_array_get(b, k), false))
			k++;
		sh->steps += k;
		if (k == json_array_size(b))
			e = failed(e) ? e : shell_json(json_array_append(left, v));
		else if (!failed(e) && equal)
			e = compare_tell(sh, st, v, "==");
		if (k < json_array_size(b))
			(void)json_array_remove(b, k);
	}
	for (size_t i = 0; differs && i < json_array_size(b) && !failed(e); i++)
		e = compare_tell(sh, st, json_array_get(b, i), "=>");
	for (size_t i = 0; differs && i < json_array_size(left) && !failed(e); i++)
		e = compare_tell(sh, st, json_array_get(left, i), "<=");
	json_decref(left);
	return e;
}

static err compare_end(struct shell *sh, struct shell_stage *st)
{
	json_t *a = NULL, *b = NULL;
	err e = compare_shape(sh, st, shell_parameter(st, "ReferenceObject"), &a);
	if (!failed(e))
		e = compare_shape(sh, st,
			shell_parameter(st, "DifferenceObject") != NULL ? shell_parameter(st, "DifferenceObject")
									: st->kept,
			&b);
	if (!failed(e))
		e = compare_lists(sh, st, a, b);
	json_decref(a);
	json_decref(b);
	return e;
}

const struct shell_stage_ops shell_ops_compare = { NULL, shell_keep, compare_end };
