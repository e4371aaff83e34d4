/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t zero[32];

static void test_suites(void **state)
{
	uint16_t list[HELLO_SUITES];
	size_t n = hello_suites(HELLO_TLS_1_3, list, HELLO_SUITES);
	assert_int_equal(n, 5);
	n = hello_suites(HELLO_TLS_1_0, list, HELLO_SUITES);
	for (size_t i = 0; i < n; i++)
		assert_true(strstr(hello_suite_find(list[i])->name, "GCM") == NULL &&
			    strstr(hello_suite_find(list[i])->name, "SHA256") == NULL);
	assert_true(n > 20 && hello_suites(HELLO_TLS_1_2, list, HELLO_SUITES) > n);
	assert_int_equal(hello_suite_find(0x000a)->grade, HELLO_BROKEN);
	assert_string_equal(hello_suite_find(0x0005)->why, "RC4");
	assert_null(hello_suite_find(0xffff));
	for (size_t i = 0; hello_suite_at(i) != NULL; i++) {
		const struct hello_suite *s = hello_suite_at(i);
		assert_ptr_equal(hello_suite_find(s->id), s); /* no number twice */
		assert_int_equal(s->why[0] == '\0', s->grade == HELLO_GOOD);
	}
}

static void test_print(void **state)
{
	static const uint16_t one[] = { 0xc02f };
	struct buf b;
	buf_init(&b, 4096);
	hello_print(HELLO_TLS_1_2, STR("uc.example.test"), one, 1, zero, &b);
	assert_false(b.failed);
	const uint8_t *p = (const uint8_t *)b.p;
	assert_int_equal(p[0], 22);
	assert_int_equal((size_t)(p[3] << 8 | p[4]) + 5, b.n);
	assert_int_equal((size_t)(p[6] << 16 | p[7] << 8 | p[8]) + 9, b.n);
	assert_memory_equal(p + 9, "\x03\x03", 2);
	buf_reset(&b);
	hello_print(HELLO_SSL_3, STR(""), one, 1, zero, &b);
	assert_int_equal(b.n, 5 + 4 + 2 + 32 + 1 + 2 + 2 + 2);
	buf_fini(&b);
}

/* A ServerHello of 1.3: 1.2 by its field, 1.3 by its extension. */
static size_t server_hello(uint8_t out[64], bool is_1_3)
{
	static const uint8_t head[] = { 22, 3, 3, 0, 0, 2, 0, 0, 0, 3, 3 };
	static const uint8_t ext[] = { 0, 6, 0, 43, 0, 2, 3, 4 };
	size_t n = sizeof head;
	memset(out, 0, 64);
	memcpy(out, head, n);
	n += 32 + 1;
	memcpy(out + n, is_1_3 ? "\x13\x01\0" : "\xc0\x2f\0", 3);
	n += 3;
	if (is_1_3) {
		memcpy(out + n, ext, sizeof ext);
		n += sizeof ext;
	}
	out[4] = (uint8_t)(n - 5);
	out[8] = (uint8_t)(n - 9);
	return n;
}

static void test_parse(void **state)
{
	uint8_t bytes[64];
	struct hello_answer a;
	for (int i = 0; i < 2; i++) {
		size_t n = server_hello(bytes, i == 1);
		for (size_t cut = 0; cut < n; cut++)
			assert_true(err_is(hello_parse((str){ (char *)bytes, cut }, &a), ERR_INCOMPLETE));
		assert_false(failed(hello_parse((str){ (char *)bytes, n }, &a)));
		assert_int_equal(a.version, i == 1 ? HELLO_TLS_1_3 : HELLO_TLS_1_2);
		assert_int_equal(a.suite, i == 1 ? 0x1301 : 0xc02f);
	}
	assert_false(failed(hello_parse((str){ "\x15\3\3\0\2\2\x28", 7 }, &a)));
	assert_int_equal(a.version, 0);
	assert_int_equal(a.alert, 40);
}

static void test_no_tls(void **state)
{
	uint8_t bytes[64];
	struct hello_answer a;
	size_t n = server_hello(bytes, true);
	assert_true(err_is(hello_parse(STR("SIP/2.0 400 Bad Request\r\n"), &a), ERR_MALFORMED));
	assert_true(err_is(hello_parse(STR("HTTP/1.1 400"), &a), ERR_MALFORMED));
	bytes[5] = 11; /* another message */
	assert_true(err_is(hello_parse((str){ (char *)bytes, n }, &a), ERR_MALFORMED));
	bytes[5] = 2;
	bytes[43] = 200; /* a session longer than the message */
	assert_true(err_is(hello_parse((str){ (char *)bytes, n }, &a), ERR_MALFORMED));
	assert_int_equal(a.version, 0);
	bytes[43] = 0;
	bytes[n - 1] = 9; /* a version that nobody offered */
	assert_true(err_is(hello_parse((str){ (char *)bytes, n }, &a), ERR_MALFORMED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_no_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
