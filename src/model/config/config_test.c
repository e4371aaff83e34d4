/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static str object_of(const struct config_def *def)
{
	return str_of(config_objects[def->object].name);
}

/* Every row: the default lies within the bounds, each bound is taken and kept, what is beyond is refused and changes nothing. */
static void rows_keep_their_bounds(void **state)
{
	for (size_t i = 0; i < CONFIG_N; i++) {
		const struct config_def *def = &config_defs[i];
		assert_true(def->least <= def->dflt && def->dflt <= def->most);
		assert_true(strlen(def->help) > 10);
		struct config c, before;
		config_default(&c);
		assert_int_equal(config_get(&c, def), def->dflt);
		const uint32_t tries[] = { def->least, def->most, def->dflt };
		for (size_t k = 0; k < 3; k++) {
			char text[CONFIG_TEXT];
			struct config want;
			config_default(&want);
			(void)snprintf(text, sizeof text, "%s%u", "", tries[k]);
			if (def->kind == CONFIG_BOOL)
				(void)snprintf(text, sizeof text, "%s", tries[k] ? "$True" : "false");
			assert_false(failed(config_set(&c, object_of(def), str_of(def->property), str_of(text), NULL)));
			assert_int_equal(config_get(&c, def), tries[k]);
			char printed[CONFIG_TEXT];
			assert_false(failed(config_set(&want, object_of(def), str_of(def->property), str_of(config_print(&c, def, printed)), NULL)));
			assert_memory_equal(&want, &c, sizeof c);
		}
		before = c;
		char over[24];
		(void)snprintf(over, sizeof over, "%llu", (unsigned long long)def->most + 1);
		const char *bad[] = { "", "-1", "1x", " 1", "99999999999999999999", over, def->kind == CONFIG_BOOL ? "$" : "$true" };
		for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
			struct diag d = { 0 };
			assert_true(err_is(config_set(&c, object_of(def), str_of(def->property), str_of(bad[k]), &d), ERR_MALFORMED));
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
	for (size_t i = 0; i < CONFIG_N; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(config_defs[i].object == config_defs[k].object &&
				str_eq_case(str_of(config_defs[i].property), str_of(config_defs[k].property)));
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
	assert_int_equal(config_defs[CONFIG_ID_max_failed_sign_ins].most, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_keep_their_bounds),
		cmocka_unit_test(names_are_found_in_any_case),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(guessing_stays_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
