/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/shell.h"

static const char object[] = "{\"Identity\":\"Site:Redmond\",\"DisplayName\":\"Ann\",\"Enabled\":true,\"Age\":30,"
			     "\"Groups\":[\"a\",\"b\"],\"Line\":null,\"Since\":\"2026-01-05T00:00:00Z\"}";

static bool matches(const char *text)
{
	struct shell_filter *f = NULL;
	struct diag d = { 0 };
	json_t *v = json_loads(object, 0, NULL);
	err e = shell_filter_new(str_of(text), &f, &d);
	if (failed(e))
		fail_msg("%s: %s, %s", text, e.def->name, d.what);
	bool is = shell_filter_match(f, v);
	shell_filter_free(f);
	json_decref(v);
	return is;
}

static void properties_are_compared(void **state)
{
	static const char *const yes[] = { "{Enabled -eq $true -and DisplayName -like \"A*\"}", "Enabled -eq $true",
		"$_.Age -gt 20", "displayname -eq 'ANN'", "{Enabled -eq \"True\"}", "Groups -contains 'B'",
		"-not (Age -lt 5) -and Line -eq $null", "Age -in 1,30", "DisplayName -match '^a.n$'",
		"Since -gt '2025-12-31'", "Nothing -eq $null", "Age -gt -5" };
	static const char *const no[] = { "Enabled -eq $false", "DisplayName -ceq 'ann'",
		"Age -gt 30 -or Enabled -ne $true", "DisplayName -notlike 'A*'", "Enabled -eq 'False'" };
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!matches(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (matches(no[i]))
			fail_msg("%s", no[i]);
}

static void wildcards_are_of_the_identity(void **state)
{
	assert_true(matches("site:*"));
	assert_true(matches("*"));
	assert_true(matches("{ site:r?dmond }"));
	assert_false(matches("global"));
	assert_false(matches("tag:a-b"));
}

static void others_are_refused(void **state)
{
	static const char *const bad[] = { "Enabled -eq", "Enabled -eq $x", "Enabled -eq (Get-CsUser)",
		"Name -eq \"$x\"", "Enabled -eq {1}", "{Enabled -eq 1", "Name -eq $(1)", "-and", "", "{}",
		"Name.ToUpper() -eq 'A'", "Enabled -eq 1; x" };
	struct shell_filter *f = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct diag d = { 0 };
		if (!err_is(shell_filter_new(str_of(bad[i]), &f, &d), ERR_MALFORMED) || d.what[0] == '\0')
			fail_msg("%s: %s", bad[i], d.what);
	}
}

static void steps_are_bounded(void **state)
{
	struct shell_filter *f = NULL;
	struct buf b;
	buf_init(&b, 1 << 16);
	buf_add(&b, STR("DisplayName -eq 'x'"));
	for (unsigned i = 0; i < 400; i++)
		buf_add(&b, STR(" -or Age -in 1,2,3"));
	assert_false(failed(shell_filter_new(buf_str(&b), &f, NULL)));
	json_t *v = json_loads(object, 0, NULL);
	assert_false(shell_filter_match(f, v));
	json_decref(v);
	shell_filter_free(f);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(properties_are_compared),
		cmocka_unit_test(wildcards_are_of_the_identity),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(steps_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
