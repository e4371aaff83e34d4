/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void replaces(const char *pattern, const char *s, const char *with, const char *want)
{
	struct pattern *p = NULL;
	struct buf out;
	buf_init(&out, 4096);
	assert_false(failed(pattern_new(str_of(pattern), 0, &p, NULL)));
	assert_true(pattern_replace(p, str_of(s), str_of(with), true, &out));
	assert_true(str_eq(buf_str(&out), str_of(want)));
	pattern_free(p);
	buf_fini(&out);
}

static void groups_are_put_in(void **state)
{
	replaces("^(\\d{11})$", "14255551234", "+$1", "+14255551234");
	replaces("^\\+(\\d*)$", "+49301234", "$1", "49301234");
	replaces("(a)(b)?", "a ab", "<$1$2>", "<a> <ab>");
	replaces("x", "axbx", "$$1", "a$1b$1");
	replaces("", "ab", "-", "-a-b-");
	replaces("", "\303\244", "-", "-\303\244-");
}

static void case_counts_unless_asked(void **state)
{
	struct pattern *p = NULL;
	assert_false(failed(pattern_new(STR("^sales"), PATTERN_CASELESS, &p, NULL)));
	assert_true(pattern_match(p, STR("SalesTeam"), NULL, NULL));
	assert_false(pattern_match(p, STR("presales"), NULL, NULL));
	pattern_free(p);
}

static void mistakes_are_told(void **state)
{
	struct diag d = { 0 };
	struct pattern *p = NULL;
	assert_true(err_is(pattern_new(STR("a(b"), 0, &p, &d), ERR_MALFORMED));
	assert_int_equal(d.column, 4);
	assert_true(d.what[0] != '\0' && d.remedy[0] != '\0');
	char big[PATTERN_TEXT_MAX + 1];
	memset(big, 'a', sizeof big);
	assert_true(err_is(pattern_new((str){ big, sizeof big }, 0, &p, &d), ERR_CEILING));
	assert_true(failed(pattern_new(STR("\\C"), 0, &p, &d)));
}

/* An expression that tries every way to split the text ends, and does not match. */
static void matching_is_bounded(void **state)
{
	struct pattern *p = NULL;
	char text[64];
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 'b';
	assert_false(failed(pattern_new(STR("^(a+)+$"), 0, &p, NULL)));
	assert_false(pattern_match(p, (str){ text, sizeof text }, NULL, NULL));
	pattern_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_put_in),
		cmocka_unit_test(case_counts_unless_asked),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(matching_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
