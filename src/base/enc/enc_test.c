/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* RFC 4648, section 10, without the padding. */
static void vectors(void **state)
{
	static const char text[] = "foobar";
	static const struct {
		const char *base32, *base64;
	} rows[] = { { "", "" }, { "MY", "Zg" }, { "MZXQ", "Zm8" }, { "MZXW6", "Zm9v" }, { "MZXW6YQ", "Zm9vYg" }, { "MZXW6YTB", "Zm9vYmE" }, { "MZXW6YTBOI", "Zm9vYmFy" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[32] = "";
		size_t n = enc_base32(text, i, out);
		out[n] = '\0';
		assert_string_equal(out, rows[i].base32);
		assert_true(n <= ENC_BASE32_SIZE(i));
		n = enc_base64url(text, i, out);
		out[n] = '\0';
		assert_string_equal(out, rows[i].base64);
		uint8_t back[8];
		size_t room = sizeof back;
		assert_false(failed(enc_base64url_read(str_of(rows[i].base64), back, &room)));
		assert_int_equal(room, i);
		assert_memory_equal(back, text, i);
		room = sizeof back;
		enc_base64(text, i, out);
		assert_true(str_eq(str_cut(str_of(rows[i].base64), 0, 99), str_cut((str){ out, ENC_BASE64_SIZE(i) }, 0, strlen(rows[i].base64))));
		assert_false(failed(enc_base64_read((str){ out, ENC_BASE64_SIZE(i) }, back, &room)));
		assert_int_equal(room, i);
		assert_memory_equal(back, text, i);
	}
}

/* The two alphabets differ in their last digits, and in padding. */
static void padding(void **state)
{
	char out[8] = "";
	uint8_t back[8];
	size_t room = sizeof back;
	enc_base64("\xfb\xff\xfe\xff", 4, out);
	assert_memory_equal(out, "+//+/w==", 8);
	assert_int_equal(enc_base64url("\xfb\xff\xfe\xff", 4, out), 6);
	assert_memory_equal(out, "-__-_w", 6);
	assert_false(failed(enc_base64_read(STR("+//+/w=="), back, &room)));
	assert_int_equal(room, 4);
	static const char *const bad[] = { "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9-", "Zm9_", "Zh==", "Zm=v" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		room = sizeof back;
		assert_true(failed(enc_base64_read(str_of(bad[i]), back, &room)));
	}
}

/* Every byte value, and as many bytes as a secret has: nothing is shifted out too soon. */
static void many_bytes(void **state)
{
	uint8_t bytes[256];
	char out[ENC_BASE32_SIZE(sizeof bytes)];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(255 - i);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		size_t made = enc_base32(bytes, n, out);
		assert_int_equal(made, ENC_BASE32_SIZE(n));
		for (size_t i = 0; i < made; i++) { /* each character is five bits of the input, zeros behind its end */
			unsigned want = 0;
			for (size_t bit = 5 * i; bit < 5 * i + 5; bit++)
				want = want << 1 | (bit < 8 * n ? bytes[bit / 8] >> (7 - bit % 8) & 1 : 0);
			assert_int_equal(out[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[want]);
		}
	}
}

static void what_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zh", "Zm9=", "Zm9v Yg", "Zm9+", "Zm9/", "Zm\n8" };
	uint8_t out[16];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t n = sizeof out;
		assert_true(failed(enc_base64url_read(str_of(bad[i]), out, &n)));
	}
	size_t n = 2;
	assert_true(err_is(enc_base64url_read(STR("Zm9v"), out, &n), ERR_CEILING));
	assert_true(failed(enc_hex_read(STR("0g"), out, 1)));
	assert_true(failed(enc_hex_read(STR("000"), out, 1)));
	assert_false(failed(enc_hex_read(STR("aF09"), out, 2)));
	assert_memory_equal(out, "\xaf\x09", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(padding),
		cmocka_unit_test(many_bytes),
		cmocka_unit_test(what_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
