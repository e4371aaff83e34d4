/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/shell.h"

static void prints(const char *objects, const struct shell_format *how, unsigned columns, const char *want)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	json_t *v = json_loads(objects, 0, NULL);
	assert_non_null(v);
	shell_print(to, v, how, columns);
	(void)fclose(to);
	assert_string_equal(text, want);
	free(text);
	json_decref(v);
}

static void tables_and_lists(void **state)
{
	struct shell_format list = { .as = SHELL_AS_LIST }, table = { .as = SHELL_AS_TABLE },
			    bare = { .as = SHELL_AS_TABLE, .no_headers = true };
	prints("[{\"A\":1,\"Name\":\"x\"},{\"A\":22,\"Name\":null}]", NULL, 0, " A  Name\n -  ----\n 1  x\n22  \n");
	prints("[{\"A\":1,\"Name\":\"x\"}]", &list, 0, "A    : 1\nName : x\n");
	prints("[{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6}]", NULL, 0,
		"a : 1\nb : 2\nc : 3\nd : 4\ne : 5\nf : 6\n");
	prints("[{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6}]", &table, 0,
		"a  b  c  d  e  f\n-  -  -  -  -  -\n1  2  3  4  5  6\n");
	prints("[{\"L\":[\"a\",\"b\"],\"O\":{\"A\":1,\"B\":[true]},\"R\":0.5}]", &list, 0,
		"L : {a, b}\nO : @{A=1; B={True}}\nR : 0.5\n");
	prints("[{\"A\":1},{\"B\":2}]", NULL, 0, "A\n-\n1\n\nB\n-\n2\n");
	prints("[\"a\\nb\",5,true]", NULL, 0, "a\nb\n5\nTrue\n");
	prints("[{\"A\":1}]", &bare, 0, "1\n");
	prints("[]", NULL, 0, "");
}

static void terminals(void **state)
{
	struct shell_format wrap = { .wrap = true }, wide = { .as = SHELL_AS_WIDE };
	prints("[{\"A\":\"abcdefghijklmnop\",\"B\":\"x\"}]", NULL, 14,
		"A            B\n-            -\nabcdefgh...  x\n");
	prints("[{\"A\":\"abcdefghijklmnop\",\"B\":\"x\"}]", &wrap, 14,
		"A            B\n-            -\nabcdefghijk  x\nlmnop        \n");
	prints("[{\"A\":\"abcdefghijklmnop\",\"B\":\"abcdefghijklmnop\"}]", NULL, 10, "A\n-\nabcdefg...\n");
	prints("[{\"A\":\"\\u001b[2J\\r\\nx\"}]", NULL, 0, "A\n-\n?[2J??x\n");
	prints("[{\"A\":\"\xe4\xb8\xad\xe6\x96\x87\",\"B\":1}]", NULL, 0,
		"A     B\n-     -\n\xe4\xb8\xad\xe6\x96\x87  1\n");
	prints("[{\"A\":\"x\"},{\"A\":\"yy\"},{\"A\":\"z\"}]", &wide, 80, "x   yy\nz\n");
}

static void programs(void **state)
{
	struct shell_format json = { .as = SHELL_AS_JSON }, csv = { .as = SHELL_AS_CSV },
			    semicolon = { .as = SHELL_AS_CSV, .delimiter = ';' };
	enum shell_as as = SHELL_AS_AUTO;
	prints("[{\"A\":1}]", &json, 10, "[\n  {\n    \"A\": 1\n  }\n]\n");
	prints("[{\"A\":\"a\\\"b,c\",\"B\":null},{\"B\":[1,2]}]", &csv, 10,
		"\"A\",\"B\"\n\"a\"\"b,c\",\n,\"{1, 2}\"\n");
	prints("[{\"A\":1,\"B\":2}]", &semicolon, 0, "\"A\";\"B\"\n\"1\";\"2\"\n");
	assert_true(shell_as_find(STR("JSON"), &as) && as == SHELL_AS_JSON);
	assert_true(shell_as_find(STR("csv"), &as) && as == SHELL_AS_CSV);
	assert_false(shell_as_find(STR("xml"), &as));
}

static void texts(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	shell_print_text(to, STR("a\tb\r\n\033[0mc\xff"));
	(void)fclose(to);
	assert_string_equal(text, "a\tb\n?[0mc?");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_and_lists),
		cmocka_unit_test(terminals),
		cmocka_unit_test(programs),
		cmocka_unit_test(texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
