/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sealed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const uint8_t salt[SEALED_SALT] = "0123456789abcde", other_salt[SEALED_SALT] = "0123456789abcdf";

static struct crypt *key_of(const char *password, const uint8_t *s)
{
	struct crypt *key = NULL;
	assert_false(failed(sealed_key(str_of(password), s, &key, NULL)));
	return key;
}

static void only_the_password_opens_it(void **state)
{
	struct crypt *key = key_of("a long password", salt), *same = key_of("a long password", salt);
	struct crypt *wrong[] = { key_of("another password", salt), key_of("a long password", other_salt) };
	json_t *value = json_pack("{s:s,s:i}", "secret", "open sesame", "n", 7), *sealed = sealed_json(key, value), *back = sealed_json_read(same, sealed);
	assert_true(json_equal(value, back));
	assert_null(strstr(json_string_value(sealed), "sesame"));
	for (size_t i = 0; i < 2; i++) {
		assert_null(sealed_json_read(wrong[i], sealed));
		crypt_free(wrong[i]);
	}
	json_decref(value);
	json_decref(sealed);
	json_decref(back);
	crypt_free(key);
	crypt_free(same);
}

/* Cut at every length, and with each character another one. */
static void what_was_changed_does_not_open(void **state)
{
	struct crypt *key = key_of("a long password", salt);
	json_t *value = json_pack("{s:s}", "a", "b"), *sealed = sealed_json(key, value);
	const char *text = json_string_value(sealed);
	for (size_t i = 0; i < strlen(text); i++) {
		char *copy = strdup(text);
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		json_t *changed = json_string(copy), *cut = json_stringn(text, i);
		assert_null(sealed_json_read(key, changed));
		assert_null(sealed_json_read(key, cut));
		json_decref(changed);
		json_decref(cut);
		free(copy);
	}
	assert_null(sealed_json_read(key, value));
	json_decref(value);
	json_decref(sealed);
	crypt_free(key);
}

static void short_passwords_are_refused(void **state)
{
	struct crypt *key = NULL;
	struct diag d = { 0 };
	assert_true(err_is(sealed_key(STR("eleven char"), salt, &key, &d), ERR_MALFORMED));
	assert_true(d.what[0] != '\0' && key == NULL);
}

static void bytes_come_back(void **state)
{
	const uint8_t bytes[] = { 0, 1, 254, 255, 7 };
	size_t n = 0;
	json_t *v = sealed_bytes(bytes, sizeof bytes), *bad = json_string("!!");
	uint8_t *back = sealed_bytes_read(v, &n);
	assert_int_equal(n, sizeof bytes);
	assert_memory_equal(back, bytes, n);
	assert_null(sealed_bytes_read(bad, &n));
	assert_null(sealed_bytes_read(NULL, &n));
	free(back);
	json_decref(v);
	json_decref(bad);
}

static void the_text_does_not_depend_on_the_order(void **state)
{
	json_t *a = json_pack("{s:i,s:i,s:s}", "x", 1, "y", 2, "mac", "m"), *b = json_pack("{s:i,s:s,s:i}", "y", 2, "mac", "n", "x", 1);
	char *ta = sealed_text(a, "mac"), *tb = sealed_text(b, "mac");
	assert_string_equal(ta, "{\"x\":1,\"y\":2}");
	assert_string_equal(ta, tb);
	free(ta);
	free(tb);
	json_decref(a);
	json_decref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_password_opens_it),
		cmocka_unit_test(what_was_changed_does_not_open),
		cmocka_unit_test(short_passwords_are_refused),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(the_text_does_not_depend_on_the_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
