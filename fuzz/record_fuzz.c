/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two bytes that choose a kind and a property of it, then JSON: as an object that is given, as a value or list modifier of the property, as what a
 * store may hold, and as a line of an administrator. What is taken must be taken again as it is.
 */
#include "model/schema_struct.h"
#include "role/vault/vault_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void look_as_stored(const struct schema_kind *k, const json_t *body)
{
	struct arena a;
	void *out = calloc(1, k->size);
	CHECK(out != NULL);
	arena_init(&a, 1 << 20);
	(void)failed(schema_read(k, body, &a, out));
	json_t *shown = schema_show(k, STR("Tag:Example"), body);
	CHECK(shown == NULL || json_is_object(shown));
	json_decref(shown);
	arena_fini(&a);
	free(out);
}

static void take_object(const struct schema_kind *k, const json_t *given)
{
	json_t *one = NULL, *two = NULL;
	struct diag d = { 0 };
	if (failed(schema_object(k, given, &one, &d))) {
		CHECK(one == NULL && d.what[0] != '\0');
		return;
	}
	CHECK(!failed(schema_object(k, one, &two, &d)) && json_equal(one, two));
	look_as_stored(k, one);
	json_decref(one);
	json_decref(two);
}

static void take_value(const struct schema_prop *p, const json_t *given)
{
	json_t *one = NULL, *two = NULL;
	struct diag d = { 0 };
	if (failed(schema_value(p, given, &one, &d))) {
		CHECK(one == NULL && d.what[0] != '\0' && d.remedy[0] != '\0');
		return;
	}
	CHECK(one == NULL || (!failed(schema_value(p, one, &two, &d)) && json_equal(one, two)));
	json_decref(one);
	json_decref(two);
}

static void change_value(const struct schema_prop *p, const json_t *given)
{
	json_t *now = schema_sample(p), *before = json_deep_copy(now), *out = NULL;
	struct diag d = { 0 };
	if (failed(schema_modify(p, now, given, &out, &d)))
		CHECK(out == NULL && d.what[0] != '\0');
	CHECK(now == NULL || json_equal(now, before));
	json_decref(now);
	json_decref(before);
	json_decref(out);
}

static void take_line(const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "command"));
	const json_t *given = json_object_get(line, "parameters");
	struct call call = { .cmd = name != NULL ? cmd_find(str_of(name), NULL) : NULL, .input = json_object_get(line, "input") };
	char what[512];
	if (call.cmd == NULL || (given != NULL && !json_is_object(given)))
		return;
	if (failed(command_parameters(&call, given)))
		CHECK(call.diag.what[0] != '\0' && call.diag.where[0] != '\0');
	command_describe(&call, what, sizeof what);
	json_decref(call.parameters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const struct schema_kind *k = &schema_kinds[data[0] % SCHEMA_N];
	const struct schema_prop *p = k->n_props != 0 ? &k->props[data[1] % k->n_props] : NULL;
	json_t *v = json_loadb((const char *)data + 2, size - 2, JSON_DECODE_ANY, NULL);
	if (v == NULL)
		return 0;
	if (json_is_object(v)) {
		take_object(k, v);
		look_as_stored(k, v);
		take_line(v);
	}
	if (p != NULL) {
		take_value(p, v);
		change_value(p, v);
	}
	json_decref(v);
	return 0;
}
