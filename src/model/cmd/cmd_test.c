/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Every row can be found by its name in any case, is explained, and says each parameter once. */
static void rows_are_sound(void **state)
{
	size_t n = 0;
	for (const struct cmd *c; (c = cmd_at(n)) != NULL; n++) {
		char loud[80];
		size_t k = 0;
		for (; c->name[k] != '\0'; k++)
			loud[k] = (char)(c->name[k] >= 'a' && c->name[k] <= 'z' ? c->name[k] - 32 : c->name[k]);
		assert_ptr_equal(cmd_find((str){ loud, k }, NULL), c);
		assert_non_null(strstr(c->name, "-Cs"));
		assert_true(strlen(c->help) > 10);
		struct cmd_param p, q;
		for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
			assert_true(cmd_param_find(c, str_of(p.name), &q, NULL));
			assert_int_equal(p.kind, q.kind);
			assert_ptr_equal(p.help, q.help);
			assert_true(p.help[0] != '\0' && p.unit != NULL);
		}
	}
	assert_int_equal(n, CMD_ID_N - 2 + 2 * CONFIG_OBJECT_N);
	assert_null(cmd_at(n + 1000));
}

static void configuration_has_every_property(void **state)
{
	for (size_t i = 0; i < CONFIG_N; i++) {
		char name[80];
		(void)snprintf(name, sizeof name, "Set-Cs%s", config_objects[config_defs[i].object].name);
		const struct cmd *c = cmd_find(str_of(name), NULL);
		assert_non_null(c);
		assert_int_equal(c->id, CMD_CONFIG_SET);
		struct cmd_param p;
		assert_true(cmd_param_find(c, str_of(config_defs[i].property), &p, NULL));
		assert_int_equal(p.most, config_defs[i].most);
		assert_false(p.required);
	}
}

static void typographic_dashes_are_dashes(void **state)
{
	const struct cmd *c = cmd_find(STR("get-csuser"), NULL);
	assert_non_null(c);
	assert_ptr_equal(cmd_find(STR("Get\u2013CsUser"), NULL), c);
	assert_ptr_equal(cmd_find(STR("Get\u2014CsUser"), NULL), c);
	str word = STR("\u2013Identity");
	assert_true(cmd_take_dash(&word));
	assert_true(str_eq(word, STR("Identity")));
	assert_false(cmd_take_dash(&word));
	str cut = { "\xe2\x80", 2 };
	assert_false(cmd_take_dash(&cut));
	assert_null(cmd_find((str){ "", 0 }, NULL));
	char longest[200];
	memset(longest, 'x', sizeof longest);
	assert_null(cmd_find((str){ longest, sizeof longest }, NULL));
}

static void near_names_are_told(void **state)
{
	const struct cmd *near = NULL;
	assert_null(cmd_find(STR("New-CsUsr"), &near));
	assert_non_null(near);
	assert_string_equal(near->name, "New-CsUser");
	assert_null(cmd_find(STR("Start-CsEverythingElseThere"), &near));
	assert_null(near);
	struct cmd_param p;
	str meant;
	const struct cmd *c = cmd_find(STR("New-CsUser"), NULL);
	assert_false(cmd_param_find(c, STR("SipAdress"), &p, &meant));
	assert_true(str_eq(meant, STR("SipAddress")));
	assert_false(cmd_param_find(c, STR("Zzz"), &p, &meant));
	assert_int_equal(meant.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(configuration_has_every_property),
		cmocka_unit_test(typographic_dashes_are_dashes),
		cmocka_unit_test(near_names_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
