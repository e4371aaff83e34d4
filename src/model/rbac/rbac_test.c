/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rbac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct cmd *cmd(const char *name)
{
	const struct cmd *c = cmd_find(str_of(name), NULL);
	assert_non_null(c);
	return c;
}

static json_t *role(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);
	assert_non_null(v);
	return v;
}

static void hold(struct rbac *r, const char *name, const char *body)
{
	json_t *b = body != NULL ? role(body) : NULL;
	rbac_add(r, str_of(name), b);
	json_decref(b);
}

static void roles_are_rows(void **state)
{
	assert_int_equal(RBAC_STANDARD_N, 11);
	assert_int_equal(rbac_standard_find(STR("cshelpdesk")), RBAC_CsHelpDesk);
	assert_int_equal(rbac_standard_find(STR("CsHelpDes")), RBAC_STANDARD_N);
	assert_int_equal(rbac_standard_find(STR("")), RBAC_STANDARD_N);
	for (size_t i = 0; cmd_at(i) != NULL; i++) {
		const struct cmd *c = cmd_at(i);
		assert_true(rbac_standard_has(RBAC_CsAdministrator, c));
		if (cmd_has(c, CMD_WRITES) || cmd_has(c, CMD_HIDDEN))
			assert_false(rbac_standard_has(RBAC_CsViewOnlyAdministrator, c));
		else
			assert_true(rbac_standard_has(RBAC_CsViewOnlyAdministrator, c));
	}
}

/* The list that is shown is what is checked: sorted, each once. */
static void lists_say_what_holds(void **state)
{
	for (unsigned r = 0; r < RBAC_STANDARD_N; r++) {
		json_t *list = rbac_cmdlets(str_of(rbac_standard_rows[r].name), NULL), *one;
		size_t i, n = 0;
		const char *before = "";
		json_array_foreach(list, i, one) {
			assert_true(strcmp(before, json_string_value(one)) < 0);
			before = json_string_value(one);
			assert_true(rbac_standard_has((enum rbac_standard)r, cmd(before)));
		}
		for (i = 0; cmd_at(i) != NULL; i++)
			n += rbac_standard_has((enum rbac_standard)r, cmd_at(i)) ? 1 : 0;
		assert_int_equal(json_array_size(list), n);
		json_decref(list);
	}
}

static void scopes_cover(void **state)
{
	static const struct {
		const char *scope, *thing;
		bool is_user, covers;
	} rows[] = {
		{ "global", "", false, true }, { "GLOBAL", "Berlin", false, true }, { "site:Berlin", "berlin", false, true }, { "SITE:berlin", "Berlin", false, true },
		{ "site:Berlin", "Berlin2", false, false }, { "site:Berlin", "", false, false }, { "site:", "", false, false }, { "Berlin", "Berlin", false, false },
		{ "OU:OU=Sales,DC=x", "OU=Sales,DC=x", true, true }, { "ou:ou=sales,dc=X", "OU=Berlin,OU=Sales,DC=x", true, true },
		{ "OU:OU=Sales,DC=x", "OU=PreSales,DC=x", true, false }, { "OU:OU=Sales,DC=x", "XOU=Sales,DC=x", true, false }, { "OU:OU=Sales,DC=x", "DC=x", true, false },
		{ "OU:OU=Sales,DC=x", "", true, false }, { "OU:OU=Sales,DC=x", "OU=Sales,DC=x,DC=y", true, false }, { "site:Berlin", "Berlin", true, false },
		{ "global", "", true, true }, { "OU:OU=Berlin", "Berlin", false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rbac_scope_covers(rows[i].scope, str_of(rows[i].thing), rows[i].is_user) != rows[i].covers)
			fail_msg("%s of %s", rows[i].thing, rows[i].scope);
}

static void commands_are_refused_with_a_way_out(void **state)
{
	struct rbac nobody = { 0 }, r = { 0 }, root = { .is_root = true };
	struct diag d = { 0 };
	assert_true(err_is(rbac_check_cmd(&nobody, cmd("Get-CsUser"), &d), ERR_REFUSED));
	assert_string_equal(d.what, "you hold no administrator's role");
	assert_false(failed(rbac_check_cmd(&root, cmd("Remove-CsUser"), &d)));
	hold(&r, "CsHelpDesk", NULL);
	hold(&r, "Mine", "{\"Cmdlets\":[\"New-CsVoicePolicy\"]}");
	hold(&r, "NoSuchRole", NULL);
	assert_int_equal(r.n, 2);
	assert_false(failed(rbac_check_cmd(&r, cmd("Unlock-CsUser"), &d)));
	assert_false(failed(rbac_check_cmd(&r, cmd("new-csvoicepolicy"), &d)));
	assert_true(err_is(rbac_check_cmd(&r, cmd("Set-CsVoicePolicy"), &d), ERR_REFUSED));
	assert_string_equal(d.where, "Set-CsVoicePolicy");
	assert_non_null(strstr(d.what, "CsHelpDesk, Mine"));
	assert_non_null(strstr(d.remedy, "CsVoiceAdministrator"));
	rbac_fini(&r);
}

/* What is global may be read by all and changed by few; a right comes whole from one role. */
static void things_are_reached(void **state)
{
	static const struct {
		const char *cmd;
		struct rbac_thing thing;
		bool reached;
	} rows[] = {
		{ "Set-CsVoicePolicy", { .writes = true, .site = { "Berlin", 6 } }, true },
		{ "Set-CsVoicePolicy", { .writes = true, .site = { "Paris", 5 } }, false },
		{ "Set-CsVoicePolicy", { .writes = true }, false },
		{ "Get-CsVoicePolicy", { .writes = false }, true },
		{ "Get-CsVoicePolicy", { .site = { "Paris", 5 } }, false },
		{ "Set-CsPinPolicy", { .writes = true, .site = { "Paris", 5 } }, true },
		{ "Set-CsPinPolicy", { .writes = true, .site = { "Berlin", 6 } }, false },
		{ "Set-CsUser", { .writes = true, .is_user = true, .ou = { "OU=Sales", 8 } }, true },
		{ "Set-CsUser", { .writes = true, .is_user = true, .ou = { "OU=Other", 8 } }, false },
		{ "Set-CsUser", { .writes = true, .is_user = true }, false },
		{ "Get-CsUser", { .is_user = true }, false },
	};
	struct rbac r = { 0 };
	hold(&r, "A", "{\"Cmdlets\":[\"Set-CsVoicePolicy\",\"Get-CsVoicePolicy\",\"Set-CsUser\",\"Get-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"OU:OU=Sales\"]}");
	hold(&r, "B", "{\"Cmdlets\":[\"Set-CsPinPolicy\"],\"ConfigScopes\":[\"site:Paris\"]}");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct diag d = { 0 };
		struct rbac_thing t = rows[i].thing;
		t.name = "the thing";
		err e = rbac_check_thing(&r, cmd(rows[i].cmd), &t, &d);
		if (failed(e) == rows[i].reached)
			fail_msg("%s, row %zu", rows[i].cmd, i);
		if (failed(e))
			assert_true(err_is(e, ERR_REFUSED) && strcmp(d.where, "the thing") == 0 && d.remedy[0] != '\0');
	}
	rbac_fini(&r);
}

static void rights_are_handed_out_by_who_has_them(void **state)
{
	static const struct {
		const char *role, *body;
		bool may;
	} rows[] = {
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"OU:OU=Sales\"]}", true },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"OU:OU=North,OU=Sales\"]}", true },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"OU:OU=Other\"]}", false },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Paris\"],\"UserScopes\":[\"OU:OU=Sales\"]}", false },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Berlin\",\"global\"],\"UserScopes\":[\"OU:OU=Sales\"]}", false },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"global\"]}", false },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"],\"UserScopes\":[\"OU:OU=Sales\"]}", false },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\"]}", false },
		{ "X", "{\"Cmdlets\":[\"Set-CsUser\",\"Remove-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"OU:OU=Sales\"]}", false },
		{ "X", "{\"Cmdlets\":[],\"ConfigScopes\":[\"global\"]}", true },
		{ "CsAdministrator", NULL, false },
		{ "CsViewOnlyAdministrator", NULL, false },
		{ "CsHelpDesk", NULL, false },
	};
	struct rbac r = { 0 }, help = { 0 }, all = { 0 }, root = { .is_root = true };
	struct diag d = { 0 };
	hold(&r, "Mine", "{\"Cmdlets\":[\"Set-CsUser\"],\"ConfigScopes\":[\"site:Berlin\"],\"UserScopes\":[\"OU:OU=Sales\"]}");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *body = rows[i].body != NULL ? role(rows[i].body) : NULL;
		if (failed(rbac_check_role(&r, str_of(rows[i].role), body, &d)) == rows[i].may)
			fail_msg("row %zu: %s", i, rows[i].body);
		assert_false(failed(rbac_check_role(&root, str_of(rows[i].role), body, &d)));
		json_decref(body);
	}
	hold(&help, "CsHelpDesk", NULL);
	assert_false(failed(rbac_check_role(&help, STR("CsHelpDesk"), NULL, &d)));
	assert_true(failed(rbac_check_role(&help, STR("CsUserAdministrator"), NULL, &d)));
	hold(&all, "CsAdministrator", NULL);
	for (unsigned i = 0; i < RBAC_STANDARD_N; i++) {
		assert_false(failed(rbac_check_role(&all, str_of(rbac_standard_rows[i].name), NULL, &d)));
		assert_int_equal(failed(rbac_check_role(&r, str_of(rbac_standard_rows[i].name), NULL, &d)), true);
	}
	rbac_fini(&r);
	rbac_fini(&help);
	rbac_fini(&all);
}

static void no_more_roles_than_there_is_room_for(void **state)
{
	struct rbac r = { 0 };
	char name[200];
	for (unsigned i = 0; i < RBAC_ROLES_MAX + 5; i++) {
		(void)snprintf(name, sizeof name, "Role%u", i);
		hold(&r, name, "{}");
	}
	assert_int_equal(r.n, RBAC_ROLES_MAX);
	rbac_fini(&r);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	hold(&r, name, "{}");
	assert_int_equal(r.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_are_rows),
		cmocka_unit_test(lists_say_what_holds),
		cmocka_unit_test(scopes_cover),
		cmocka_unit_test(commands_are_refused_with_a_way_out),
		cmocka_unit_test(things_are_reached),
		cmocka_unit_test(rights_are_handed_out_by_who_has_them),
		cmocka_unit_test(no_more_roles_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
