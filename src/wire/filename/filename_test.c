/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/filename.h"

static void names_are_seen_through(void **state)
{
	static const str listed[] = { { ".exe", 4 }, { "com", 3 } };
	static const struct {
		const char *name;
		bool has;
	} rows[] = {
		{ "a.exe", true }, { "A.EXE", true }, { "a.jpg.exe", true }, { "a.exe.jpg", false }, { "a.exe. . ", true }, { "a.exe::$DATA", true },
		{ "c:a.exe", true }, { "c:\\x.d\\a.exe", true }, { "/tmp/a.exe", true }, { "a.exe/b", false }, { "photo\xe2\x80\xaegpj.exe", true },
		{ "a.e\xe2\x80\x8bxe", true }, { "a\xef\xbc\x8e\xef\xbd\x85xe", true }, { "a\xe2\x80\xa4" "exe", true }, { "a.exe\xc2\xa0", true }, { "aexe", false },
		{ ".exe", true }, { "exe", false }, { "a.com", true }, { "a.xcom", false }, { "", false }, { "...", false }, { "a.exe\xff", false },
		{ "\xe3\x81\x82.exe", true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(filename_has(str_of(rows[i].name), listed, 2) == rows[i].has);
	}
}

/* Of a long name the end counts. */
static void long_names(void **state)
{
	static const str listed[] = { { ".exe", 4 } };
	char name[5000];
	memset(name, 'x', sizeof name);
	memcpy(name + sizeof name - 4, ".exe", 4);
	assert_true(filename_has((str){ name, sizeof name }, listed, 1));
	memset(name, '.', sizeof name);
	assert_false(filename_has((str){ name, sizeof name }, listed, 1));
}

static void escapes(void **state)
{
	char out[8];
	assert_int_equal(filename_unescape(STR("a%2Ee%x%"), out, sizeof out), 6);
	assert_memory_equal(out, "a.e%x%", 6);
	assert_int_equal(filename_unescape(STR("0123456789"), out, sizeof out), 8);
	assert_memory_equal(out, "23456789", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_seen_through), cmocka_unit_test(long_names), cmocka_unit_test(escapes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
