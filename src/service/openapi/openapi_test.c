/* SPDX-License-Identifier: Apache-2.0 */
/* The description is well-formed, complete, and refers to nothing that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "model/cmd.h"
#include "service/openapi.h"

static json_t *doc;

static json_t *load(void (*print)(struct buf *out))
{
	struct buf b;
	json_error_t at;
	buf_init(&b, 64 << 20);
	print(&b);
	assert_false(b.failed);
	assert_int_equal(b.p[b.n - 1], '\n');
	json_t *o = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, &at);
	if (o == NULL)
		fail_msg("%s at %d: %.80s", at.text, at.position, b.p + (at.position > 40 ? at.position - 40 : 0));
	buf_fini(&b);
	return o;
}

static int setup(void **state)
{
	doc = load(openapi_print);
	return doc == NULL;
}

static int teardown(void **state)
{
	json_decref(doc);
	return 0;
}

static json_t *at(json_t *o, const char *path)
{
	char part[256];
	while (o != NULL && *path != '\0') {
		size_t n = strcspn(path, " ");
		(void)snprintf(part, sizeof part, "%.*s", (int)n, path);
		o = json_object_get(o, part);
		path += n + (path[n] == ' ');
	}
	return o;
}

#define SCHEMA "requestBody content application/json schema"

static json_t *post_of(const char *cmdlet)
{
	char path[128];
	(void)snprintf(path, sizeof path, "/api/v1/cmdlets/%s", cmdlet);
	return at(json_object_get(json_object_get(doc, "paths"), path), "post");
}

static void every_cmdlet_is_there(void **state)
{
	size_t n = 0;
	for (; cmd_at(n) != NULL; n++) {
		const struct cmd *c = cmd_at(n);
		json_t *post = post_of(c->name);
		if (post == NULL)
			fail_msg("%s is missing", c->name);
		assert_string_equal(json_string_value(at(post, "operationId")), c->name);
		json_t *properties = at(post, SCHEMA " properties parameters properties");
		struct cmd_param p;
		for (size_t i = 0; cmd_param_at(c, i, &p); i++)
			if (json_object_get(properties, p.name) == NULL)
				fail_msg("%s -%s is missing", c->name, p.name);
	}
	assert_int_equal(json_object_size(json_object_get(doc, "paths")), n + 4);
	assert_string_equal(json_string_value(at(doc, "openapi")), "3.1.0");
}

static void required_ones_are_said(void **state)
{
	for (size_t n = 0; cmd_at(n) != NULL; n++) {
		const struct cmd *c = cmd_at(n);
		json_t *schema = at(post_of(c->name), SCHEMA), *required = at(schema, "properties parameters required");
		struct cmd_param p;
		size_t want = 0;
		for (size_t i = 0; cmd_param_at(c, i, &p); i++)
			want += p.required ? 1 : 0;
		assert_int_equal(json_array_size(required), want);
		assert_int_equal(at(schema, "required") != NULL, want != 0);
	}
}

/* Calls fn for each object of the document. */
static void walk(json_t *o, void (*fn)(json_t *o))
{
	const char *key;
	json_t *v;
	size_t i;
	if (json_is_array(o))
		json_array_foreach (o, i, v)
			walk(v, fn);
	if (!json_is_object(o))
		return;
	fn(o);
	json_object_foreach (o, key, v)
		walk(v, fn);
}

static void check_ref(json_t *o)
{
	const char *ref = json_string_value(json_object_get(o, "$ref"));
	if (ref == NULL)
		return;
	char path[256];
	(void)snprintf(path, sizeof path, "%s", ref + 2);
	for (char *p = path; *p != '\0'; p++)
		*p = *p == '/' ? ' ' : *p;
	if (at(doc, path) == NULL)
		fail_msg("%s leads nowhere", ref);
}

static void references_lead_somewhere(void **state)
{
	walk(doc, check_ref);
}

static void check_range(json_t *o)
{
	json_t *least = json_object_get(o, "minimum"), *most = json_object_get(o, "maximum"), *dflt = json_object_get(o, "default");
	if (!json_is_integer(least) || !json_is_integer(most))
		return;
	assert_true(json_integer_value(least) <= json_integer_value(most));
	if (json_is_integer(dflt))
		assert_in_range(json_integer_value(dflt) - json_integer_value(least), 0, json_integer_value(most) - json_integer_value(least));
}

static void ranges_hold_their_defaults(void **state)
{
	walk(doc, check_range);
}

static void types_are_as_the_rows_say(void **state)
{
	json_t *get = post_of("Get-CsUser");
	assert_string_equal(json_string_value(at(get, "tags") != NULL ? json_array_get(at(get, "tags"), 0) : NULL), "CsUser");
	json_t *kind = at(doc, "components schemas User properties Enabled");
	assert_string_equal(json_string_value(json_array_get(at(kind, "type"), 0)), "boolean");
	assert_true(json_is_true(at(kind, "default")));
	json_t *password = at(post_of("New-CsUser"), SCHEMA " properties parameters properties Password");
	assert_string_equal(json_string_value(at(password, "format")), "password");
	assert_true(json_is_true(at(password, "writeOnly")));
}

static void the_list(void **state)
{
	json_t *list = load(openapi_cmdlets_print), *objects = json_object_get(list, "objects");
	size_t n = 0;
	for (; cmd_at(n) != NULL; n++) {
		json_t *o = json_array_get(objects, n);
		assert_string_equal(json_string_value(json_object_get(o, "Name")), cmd_at(n)->name);
		assert_int_equal(json_is_true(json_object_get(o, "Writes")), cmd_has(cmd_at(n), CMD_WRITES));
	}
	assert_int_equal(json_array_size(objects), n);
	json_decref(list);
}

static void no_memory_is_told(void **state)
{
	struct buf b;
	buf_init(&b, 10000);
	openapi_print(&b);
	assert_true(b.failed);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cmdlet_is_there),
		cmocka_unit_test(required_ones_are_said),
		cmocka_unit_test(references_lead_somewhere),
		cmocka_unit_test(ranges_hold_their_defaults),
		cmocka_unit_test(types_are_as_the_rows_say),
		cmocka_unit_test(the_list),
		cmocka_unit_test(no_memory_is_told),
	};
	return cmocka_run_group_tests_name("openapi", tests, setup, teardown);
}
