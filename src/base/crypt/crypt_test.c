/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void to_hex(const uint8_t *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static str fill(char *room, char c, size_t n)
{
	memset(room, c, n);
	return (str){ room, n };
}

/* RFC 7914, section 12: the vector with r 8 and p 1, the first 32 of its bytes. */
static void keys_are_stretched(void **state)
{
	uint8_t key[32], other[32];
	char text[65];
	assert_false(failed(crypt_stretch(STR("pleaseletmein"), STR("SodiumChloride"), 14, key)));
	to_hex(key, sizeof key, text);
	assert_string_equal(text, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
	assert_false(failed(crypt_stretch(STR("pleaseletmein"), STR("SodiumChlorid"), 10, other)));
	assert_memory_not_equal(key, other, sizeof key);
	assert_true(err_is(crypt_stretch(STR("x"), STR("y"), 9, key), ERR_CEILING));
	assert_true(err_is(crypt_stretch(STR("x"), STR("y"), 21, key), ERR_CEILING));
}

/* RFC 2202, section 3. */
static void macs_for_codes(void **state)
{
	char rooms[2][100], text[41];
	uint8_t mac[20];
	const struct {
		str key, text;
		const char *mac;
	} rows[] = {
		{ fill(rooms[0], '\x0b', 20), STR("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00" },
		{ STR("Jefe"), STR("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
		{ fill(rooms[1], '\xaa', 80), STR("Test Using Larger Than Block-Size Key - Hash Key First"), "aa4ae5e15272d00e95705637ce8a3b55ed402112" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_false(failed(crypt_mac_sha1(rows[i].key, rows[i].text, mac)));
		to_hex(mac, sizeof mac, text);
		assert_string_equal(text, rows[i].mac);
	}
}

/* What was sealed comes back by the same key alone, and only unchanged. */
static void seals_hold(void **state)
{
	static const char plain[] = "open sesame";
	struct crypt *c, *other;
	uint8_t sealed[sizeof plain + CRYPT_SEAL], again[sizeof sealed], out[sizeof plain];
	assert_false(failed(crypt_new(&c)));
	assert_false(failed(crypt_new(&other)));
	assert_false(failed(crypt_seal(c, (str){ plain, sizeof plain }, sealed)));
	assert_false(failed(crypt_seal(c, (str){ plain, sizeof plain }, again)));
	assert_memory_not_equal(sealed, again, sizeof sealed);
	assert_false(failed(crypt_unseal(c, (str){ (const char *)sealed, sizeof sealed }, out)));
	assert_string_equal((const char *)out, plain);
	assert_true(err_is(crypt_unseal(other, (str){ (const char *)sealed, sizeof sealed }, out), ERR_REFUSED));
	for (size_t i = 0; i < sizeof sealed; i++) {
		sealed[i] ^= 1;
		assert_true(err_is(crypt_unseal(c, (str){ (const char *)sealed, sizeof sealed }, out), ERR_REFUSED));
		sealed[i] ^= 1;
	}
	for (size_t n = 0; n < sizeof sealed; n++)
		assert_true(failed(crypt_unseal(c, (str){ (const char *)sealed, n }, out)));
	crypt_free(c);
	crypt_free(other);
}

/* RFC 2202, section 2. */
static void macs_of_md5(void **state)
{
	char rooms[3][80], text[33];
	uint8_t mac[16];
	struct crypt *c;
	const struct {
		str key, text;
		const char *mac;
	} rows[] = {
		{ fill(rooms[0], '\x0b', 16), STR("Hi There"), "9294727a3638bb1c13f48ef8158bfc9d" },
		{ STR("Jefe"), STR("what do ya want for nothing?"), "750c783e6ab0b503eaa86e310a5db738" },
		{ fill(rooms[1], '\xaa', 16), fill(rooms[2], '\xdd', 50), "56be34521d144c88dbb8c733f0e8b3f6" },
	};
	assert_false(failed(crypt_new(&c)));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const str parts[] = { str_cut(rows[i].text, 0, 3), str_cut(rows[i].text, 3, rows[i].text.n) };
		crypt_mac_md5(c, rows[i].key, parts, 2, mac);
		to_hex(mac, sizeof mac, text);
		assert_string_equal(text, rows[i].mac);
	}
	crypt_free(c);
}

/* RFC 1320, appendix A.5; RC4 with 16 bytes of key: RFC 6229, section 2, its first 16 bytes of stream. */
static void legacy_ones(void **state)
{
	static const uint8_t key[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	uint8_t out[16];
	char text[33];
	struct crypt *c;
	struct diag d = { 0 };
	assert_false(failed(crypt_new(&c)));
	assert_false(failed(crypt_open_legacy(c, &d)));
	assert_false(failed(crypt_open_legacy(c, &d)));
	assert_false(failed(crypt_md4(c, STR("message digest"), out)));
	to_hex(out, sizeof out, text);
	assert_string_equal(text, "d9130a8164549fe818874806e1c7014b");
	for (int twice = 0; twice < 2; twice++) {
		memset(out, 0, sizeof out);
		assert_false(failed(crypt_rc4(c, key, out, sizeof out, out)));
		to_hex(out, sizeof out, text);
		assert_string_equal(text, "9ac7cc9a609d1ef7b2932899cde41b97");
	}
	crypt_free(c);
}

/* Without the library everything else works, and nobody gets a digest that is none. */
static void legacy_is_missing(void **state)
{
	static const uint8_t key[16] = { 1 };
	uint8_t out[CRYPT_HASH_MAX];
	struct crypt *c;
	struct diag d = { 0 };
	assert_false(failed(crypt_new(&c)));
	assert_false(crypt_has_legacy(c));
	assert_int_equal(setenv("OPENSSL_MODULES", "/nonexistent", 1), 0);
	assert_true(err_is(crypt_open_legacy(c, &d), ERR_NO_LEGACY));
	assert_int_equal(unsetenv("OPENSSL_MODULES"), 0);
	assert_false(crypt_has_legacy(c));
	assert_string_equal(d.where, "/nonexistent");
	assert_non_null(strstr(d.what, "legacy.so"));
	assert_non_null(strstr(d.remedy, "libssl3"));
	memset(out, 7, sizeof out);
	assert_true(err_is(crypt_md4(c, STR("x"), out), ERR_NO_LEGACY));
	assert_true(err_is(crypt_rc4(c, key, key, 16, out), ERR_NO_LEGACY));
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(out[i], 0);
	crypt_hash(c, CRYPT_MD5, &STR("abc"), 1, out);
	assert_int_equal(out[0], 0x90);
	assert_false(failed(crypt_open_legacy(c, &d)));
	assert_true(crypt_has_legacy(c));
	crypt_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_stretched),
		cmocka_unit_test(macs_for_codes),
		cmocka_unit_test(seals_hold),
		cmocka_unit_test(macs_of_md5),
		cmocka_unit_test(legacy_ones),
		cmocka_unit_test(legacy_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
