/* SPDX-License-Identifier: Apache-2.0 */
/* Worked examples: each file of test/oracle has a topology and the certificates that it must give, names in their order. */
#include "service/plan.h"

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ORACLES "test/oracle"

static str text_of(const json_t *object, const char *key)
{
	const char *z = json_string_value(json_object_get(object, key));
	return str_of(z != NULL ? z : "");
}

/* The usage that the oracle names first, as a bit. */
static uint32_t usages_of(const json_t *expected)
{
	uint32_t usages = 0;
	size_t i;
	json_t *word;
	json_array_foreach (json_object_get(expected, "usage"), i, word) {
		enum plan_usage usage;
		if (!plan_usage_find(str_of(json_string_value(word)), &usage))
			fail_msg("there is no usage %s", json_string_value(word));
		usages |= 1u << usage;
	}
	return usages;
}

static bool same_names(const json_t *expected, const char *key, size_t n, str (*at)(const struct plan_certificate *c, size_t i),
	const struct plan_certificate *c)
{
	const json_t *list = json_object_get(expected, key);
	if (list == NULL)
		return true; /* the oracle does not say */
	if (json_array_size(list) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(str_of(json_string_value(json_array_get(list, i))), at(c, i)))
			return false;
	return true;
}

static str san_at(const struct plan_certificate *c, size_t i)
{
	return c->san.p[i].name;
}

static str shared_at(const struct plan_certificate *c, size_t i)
{
	return c->shared_with.p[i];
}

static str listener_at(const struct plan_certificate *c, size_t i)
{
	return c->listeners.p[i];
}

static bool same_eku(const json_t *expected, const struct plan_certificate *c)
{
	return json_array_size(json_object_get(expected, "eku")) == (c->client_auth ? 2 : 1);
}

/* What is not as the oracle says; NULL: nothing. */
static const char *difference(const json_t *expected, const struct plan_certificate *c)
{
	if (!str_eq(c->cn, text_of(expected, "cn")))
		return "cn";
	if (!same_names(expected, "san", c->san.n, san_at, c))
		return "san";
	if (!same_names(expected, "shared-with", c->shared_with.n, shared_at, c))
		return "shared-with";
	if (!same_names(expected, "listeners", c->listeners.n, listener_at, c))
		return "listeners";
	if (c->exportable != json_is_true(json_object_get(expected, "exportable")))
		return "exportable";
	if (!str_eq(text_of(expected, "ca"), c->public_ca ? STR("public") : STR("internal")))
		return "ca";
	return same_eku(expected, c) ? NULL : "eku";
}

static const struct plan_certificate *find(const struct plan_certificates *all, const json_t *expected)
{
	str host = text_of(expected, "host");
	uint32_t usages = usages_of(expected);
	TOPO_EACH (c, *all)
		if (str_eq(c->host, host) && c->usages == usages)
			return c;
	return NULL;
}

static unsigned compare(const char *file, const json_t *oracle, const struct plan_certificates *all)
{
	const json_t *certificates = json_object_get(oracle, "certificates");
	unsigned wrong = 0;
	size_t i;
	json_t *expected;
	assert_true(json_array_size(certificates) > 0);
	json_array_foreach (certificates, i, expected) {
		const struct plan_certificate *c = find(all, expected);
		const char *what = c != NULL ? difference(expected, c) : "there is none";
		if (what == NULL)
			continue;
		char *dump = json_dumps(expected, JSON_COMPACT);
		print_error("%s: %s: %s\n", file, what, dump);
		free(dump);
		for (size_t j = 0; c != NULL && j < c->san.n; j++)
			print_error("  %.*s\n", STR_FMT(c->san.p[j].name));
		wrong++;
	}
	if (json_is_true(json_object_get(oracle, "whole")) && all->n != json_array_size(certificates)) {
		print_error("%s: %zu certificates, not %zu\n", file, all->n, json_array_size(certificates));
		wrong++;
	}
	return wrong;
}

static void put_topology(const json_t *oracle, struct buf *out)
{
	size_t i;
	json_t *line;
	json_array_foreach (json_object_get(oracle, "topology"), i, line)
		buf_printf(out, "%s\n", json_string_value(line));
}

static unsigned judge(const char *file)
{
	char path[512];
	struct arena a;
	struct topo t;
	struct diag d = { .what = "" };
	struct plan_certificates all;
	struct buf text;
	(void)snprintf(path, sizeof path, ORACLES "/%s", file);
	json_t *oracle = json_load_file(path, 0, NULL);
	assert_non_null(oracle);
	arena_init(&a, 64u << 20);
	buf_init(&text, 1u << 20);
	put_topology(oracle, &text);
	err e = topo_parse(&t, &a, buf_str(&text), file, &d);
	if (!failed(e))
		e = plan_certificates(&t, &a, &all, &d);
	if (failed(e))
		fail_msg("%s: %s: %s", file, d.where, d.what);
	unsigned wrong = compare(file, oracle, &all);
	json_decref(oracle);
	buf_fini(&text);
	arena_fini(&a);
	return wrong;
}

static void plans_as_the_oracles_say(void **state)
{
	unsigned wrong = 0, files = 0;
	DIR *dir = opendir(ORACLES);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (strstr(entry->d_name, ".json") != NULL) {
			wrong += judge(entry->d_name);
			files++;
		}
	(void)closedir(dir);
	assert_int_equal(wrong, 0);
	assert_true(files >= 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(plans_as_the_oracles_say) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
