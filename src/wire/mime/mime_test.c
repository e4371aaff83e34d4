/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/mime.h"

static const char whole[] = "preamble\r\n--b\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nX: y\r\n\r\none\r\n--b  \r\n\r\ntwo\n--b\nA: b\n--b--\nend";

static void parts_are_cut(void **state)
{
	struct mime_walk w;
	struct mime_part p;
	assert_false(failed(mime_begin(&w, STR("b"), str_of(whole))));
	assert_true(mime_next(&w, &p));
	assert_true(str_eq(mime_field(p.header, STR("content-type")), STR("text/plain;\r\n charset=utf-8")));
	assert_true(str_eq(mime_field(p.header, STR("x")), STR("y")));
	assert_true(str_eq(p.body, STR("one")));
	assert_true(mime_next(&w, &p));
	assert_int_equal(p.header.n, 0);
	assert_true(str_eq(p.body, STR("two")));
	assert_true(mime_next(&w, &p));
	assert_true(str_eq(p.header, STR("A: b")) && p.body.n == 0);
	assert_false(mime_next(&w, &p));
	assert_true(failed(mime_begin(&w, STR(""), str_of(whole))));
}

static void cut_anywhere(void **state)
{
	for (size_t n = 0; n < sizeof whole; n++) {
		struct mime_walk w;
		struct mime_part p;
		char *copy = malloc(n + 1);
		memcpy(copy, whole, n);
		unsigned parts = 0;
		assert_false(failed(mime_begin(&w, STR("b"), (str){ copy, n })));
		while (mime_next(&w, &p))
			parts++;
		assert_true(parts <= 4);
		free(copy);
	}
}

static void encodings(void **state)
{
	static const struct {
		const char *encoding, *body, *out;
	} rows[] = {
		{ "", "a", "a" }, { "8BIT", "a", "a" }, { "base64", "aHR0\r\ncDov\r\n", "http:/" }, { "Quoted-Printable", "h=74t=\r\np=3Az=zz=", "http:z=zz=" },
	};
	struct arena a;
	str out;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_false(failed(mime_decode(str_of(rows[i].encoding), str_of(rows[i].body), &a, &out)));
		assert_true(str_eq(out, str_of(rows[i].out)));
	}
	assert_true(err_is(mime_decode(STR("x-uue"), STR("a"), &a, &out), ERR_MALFORMED));
	assert_true(err_is(mime_decode(STR("base64"), STR("a"), &a, &out), ERR_MALFORMED));
	a.fail_after = 1;
	assert_true(err_is(mime_decode(STR("base64"), STR("aHR0"), &a, &out), ERR_CEILING));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parts_are_cut), cmocka_unit_test(cut_anywhere), cmocka_unit_test(encodings) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
