/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Every row is a property of its kind, that the kind says is obeyed; its default is taken, and what is beyond its bounds changes nothing. */
static void rows_follow_the_schema(void **state)
{
	for (size_t i = 0; i < CONFIG_N; i++) {
		const struct config_def *def = &config_defs[i];
		const struct schema_kind *k = &schema_kinds[def->kind];
		const struct schema_prop *p = schema_prop_find(k, str_of(def->property));
		assert_non_null(p);
		assert_true(schema_has(p->flags, SCHEMA_OBEYED));
		assert_int_equal(def->size, p->type == SCHEMA_BOOL ? sizeof(bool) : sizeof(uint32_t));
		struct config c, before;
		config_default(&c);
		char printed[CONFIG_TEXT];
		assert_string_equal(config_print(&c, def, printed), p->dflt);
		const char *other = p->type == SCHEMA_BOOL ? (config_get(&c, def) ? "False" : "True") : p->check;
		str value = p->type == SCHEMA_BOOL ? str_of(other) : str_cut(str_of(other), 0, (size_t)(strstr(other, "..") - other));
		assert_false(failed(config_set(&c, str_of(k->name), str_of(def->property), value, NULL)));
		assert_true(str_eq(str_of(config_print(&c, def, printed)), value));
		before = c;
		static const char *const bad[] = { "-1", "1x", "99999999999999999999", "" };
		for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
			struct diag d = { 0 };
			assert_true(err_is(config_set(&c, str_of(k->name), str_of(def->property), str_of(bad[n]), &d), ERR_MALFORMED));
			assert_string_equal(d.where, def->property);
			assert_true(d.what[0] != '\0' && d.remedy[0] != '\0');
			assert_memory_equal(&before, &c, sizeof c);
		}
	}
}

static void names_are_found_in_any_case(void **state)
{
	assert_ptr_equal(config_find(STR("registrarconfiguration"), STR("MAXENDPOINTSPERUSER")), &config_defs[CONFIG_ID_max_endpoints]);
	assert_null(config_find(STR("RegistrarConfiguration"), STR("UseDigestMd5")));
	struct config c;
	struct diag d = { 0 };
	config_default(&c);
	assert_true(err_is(config_set(&c, STR("Nothing"), STR("MaxEndpointsPerUser"), STR("1"), &d), ERR_ABSENT));
}

static void contradictions_are_refused(void **state)
{
	struct config c;
	struct diag d = { 0 };
	config_default(&c);
	assert_false(failed(config_check(&c, &d)));
	c.min_expiration = c.default_expiration + 1;
	assert_true(err_is(config_check(&c, &d), ERR_MALFORMED));
	config_default(&c);
	c.max_expiration = c.default_expiration - 1;
	assert_true(failed(config_check(&c, &d)));
	config_default(&c);
	c.lockout_seconds = c.max_lockout_seconds + 1;
	assert_true(failed(config_check(&c, &d)));
	config_default(&c);
	c.use_digest_md5 = false;
	assert_false(failed(config_check(&c, &d)));
	c.use_digest_sha256 = false;
	assert_true(failed(config_check(&c, &d)));
}

/* Ten tries is what the house promises: no setting may allow more. */
static void guessing_stays_bounded(void **state)
{
	assert_string_equal(schema_prop_find(&schema_kinds[SCHEMA_ID_ProxyConfiguration], STR("MaxFailedSignIns"))->check, "1..10");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_follow_the_schema),
		cmocka_unit_test(names_are_found_in_any_case),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(guessing_stays_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
