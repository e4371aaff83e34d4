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
			assert_string_equal(p.name, q.name);
			assert_ptr_equal(p.help, q.help);
			assert_true(p.help[0] != '\0' && p.check != NULL && p.dflt != NULL);
			assert_false(p.is_switch && p.required);
		}
		for (size_t i = 0; cmd_positional(c, i) != NULL; i++)
			assert_true(cmd_param_find(c, str_of(cmd_positional(c, i)), &q, NULL));
	}
	assert_true(n >= 300);
	assert_null(cmd_at(n + 1000));
}

/* No two cmdlets have one name. */
static void names_are_unique(void **state)
{
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq_case(str_of(cmd_at(i)->name), str_of(cmd_at(k)->name)))
				fail_msg("%s twice", cmd_at(i)->name);
}

static void every_property_is_a_parameter(void **state)
{
	for (size_t i = 0; cmd_at(i) != NULL; i++) {
		const struct cmd *c = cmd_at(i);
		struct cmd_param p;
		for (size_t k = 0; (c->id == CMD_NEW || c->id == CMD_SET) && k < c->kind->n_props; k++) {
			const struct schema_prop *prop = &c->kind->props[k];
			bool given = !schema_has(prop->flags, SCHEMA_READ_ONLY) && (c->id == CMD_NEW || !schema_has(prop->flags, SCHEMA_NEW_ONLY));
			bool found = cmd_param_find(c, str_of(prop->name), &p, NULL) && p.prop == prop;
			if (given != found)
				fail_msg("%s -%s", c->name, prop->name);
		}
	}
}

/* A beginning that only one parameter has stands for it, as do the names by which scripts call an identity. */
static void parameters_are_found_by_other_names(void **state)
{
	struct cmd_param p;
	const struct cmd *c = cmd_find(STR("Set-CsMeetingConfiguration"), NULL);
	assert_true(cmd_param_find(c, STR("PstnCallers"), &p, NULL));
	assert_string_equal(p.name, "PstnCallersBypassLobby");
	assert_false(cmd_param_find(c, STR("Assigned"), &p, NULL) && strcmp(p.name, "AssignedConferenceTypeByDefault") != 0);
	c = cmd_find(STR("New-CsAllowedDomain"), NULL);
	assert_true(cmd_param_find(c, STR("Domain"), &p, NULL));
	assert_string_equal(p.name, "Identity");
}

static void examples_are_commands(void **state)
{
	for (size_t i = 0; cmd_at(i) != NULL; i++) {
		struct buf b;
		buf_init(&b, 65536);
		cmd_example(cmd_at(i), &b);
		assert_false(b.failed);
		if (b.n != 0)
			assert_non_null(memmem(b.p, b.n, cmd_at(i)->name, strlen(cmd_at(i)->name)));
		buf_fini(&b);
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
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(every_property_is_a_parameter),
		cmocka_unit_test(parameters_are_found_by_other_names),
		cmocka_unit_test(examples_are_commands),
		cmocka_unit_test(typographic_dashes_are_dashes),
		cmocka_unit_test(near_names_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
