/* SPDX-License-Identifier: Apache-2.0 */
/* Select-Object: some of the properties, some of the objects. */
#include "service/shell/shell_local.h"

static err select_shape(struct shell *sh, struct shell_stage *st, json_t *v, json_t **out)
{
	json_t *property = shell_parameter(st, "Property"), *excluded = shell_parameter(st, "ExcludeProperty");
	if (property != NULL || excluded != NULL)
		return shell_project(sh, v, property, excluded, out);
	*out = json_incref(v);
	return OK;
}

static err select_emit_new(struct shell *sh, struct shell_stage *st, json_t *v)
{
	for (size_t i = 0; shell_switch(st, "Unique") && i < json_array_size(st->kept); i++)
		if (shell_equal(sh, json_array_get(st->kept, i), v, true)) {
			json_decref(v);
			return OK;
		}
	err e = shell_switch(st, "Unique") ? shell_keep(sh, st, v) : OK;
	if (!failed(e))
		e = shell_stage_emit(sh, st, v);
	json_decref(v);
	return e;
}

/* -ExpandProperty: what the property holds, item by item. */
static err select_expand(struct shell *sh, struct shell_stage *st, json_t *v)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	json_t *inner;
	str name;
	TRY(shell_parameter_text(sh, st, "ExpandProperty", &b, &name));
	if (json_is_object(v) && !shell_is_special(v) && shell_object_find(v, name, NULL) == NULL)
		return shell_stage_refuse(sh, st,
			shell_fail(sh, ERR(ABSENT), "Get-Member shows the properties", "there is no property %.*s",
				STR_FMT(str_cut(name, 0, 80))));
	TRY(shell_member(sh, v, name, &inner));
	size_t n = json_is_array(inner) ? json_array_size(inner) : !json_is_null(inner);
	err e = OK;
	for (size_t i = 0; i < n && !failed(e); i++)
		e = select_emit_new(sh, st, json_incref(json_is_array(inner) ? json_array_get(inner, i) : inner));
	json_decref(inner);
	return e;
}

static err select_one(struct shell *sh, struct shell_stage *st, json_t *v)
{
	json_t *shaped;
	if (shell_parameter(st, "ExpandProperty") != NULL)
		return select_expand(sh, st, v);
	TRY(select_shape(sh, st, v, &shaped));
	return select_emit_new(sh, st, shaped);
}

static err select_begin(struct shell *sh, struct shell_stage *st)
{
	int64_t n;
	TRY(shell_parameter_count(sh, st, "First", 0, INT32_MAX, &n));
	TRY(shell_parameter_count(sh, st, "Skip", 0, INT32_MAX, &n));
	return shell_parameter_count(sh, st, "Last", 0, INT32_MAX, &n);
}

/* The last ones are kept in a window of objects as they came. */
static err select_window(struct shell *sh, struct shell_stage *st, json_t *v, int64_t last)
{
	json_t *window = json_object_get(st->parameters, "\001window");
	if (window == NULL) {
		window = json_array();
		TRY(shell_json(json_object_set_new(st->parameters, "\001window", window)));
	}
	TRY(shell_json(json_array_append(window, v)));
	if (json_array_size(window) > (size_t)last)
		(void)json_array_remove(window, 0);
	return OK;
}

static err select_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	int64_t first, skip, last;
	TRY(shell_step(sh));
	TRY(shell_parameter_count(sh, st, "First", -1, INT32_MAX, &first));
	TRY(shell_parameter_count(sh, st, "Skip", 0, INT32_MAX, &skip));
	TRY(shell_parameter_count(sh, st, "Last", -1, INT32_MAX, &last));
	if (last >= 0)
		return select_window(sh, st, v, last);
	if (st->count++ < skip)
		return OK;
	if (first < 0 || st->count - skip <= first)
		TRY(select_one(sh, st, v));
	if (first < 0 || st->count - skip < first)
		return OK;
	sh->stopper = st;
	return FLOW(STOP);
}

static err select_end(struct shell *sh, struct shell_stage *st)
{
	json_t *window = json_object_get(st->parameters, "\001window");
	for (size_t i = 0; i < json_array_size(window); i++)
		TRY(select_one(sh, st, json_array_get(window, i)));
	return OK;
}

const struct shell_stage_ops shell_ops_select = { select_begin, select_put, select_end };
