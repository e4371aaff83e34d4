/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that a key signs: whoever has its public half can tell them from others. */
#include "service/cert/cert_world.h"

static const enum cert_key kinds[] = { CERT_RSA_2048, CERT_EC_P256, CERT_EC_P384, CERT_EC_P521 };

static void what_is_signed_is_told_from_what_was_changed(void **state)
{
	static const char text[] = "a deployment";
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct holder one, other;
		struct buf tbs, signature;
		holder_new(&one, kinds[i]);
		holder_new(&other, kinds[i]);
		buf_init(&tbs, sizeof text);
		buf_add(&tbs, str_of(text));
		sign_by(&one, &tbs, &signature);
		str s = buf_str(&signature), spki = buf_str(&one.spki);
		assert_true(cert_is_signature(s, str_of(text), spki));
		assert_false(cert_is_signature(s, STR("a deploymenu"), spki));
		assert_false(cert_is_signature(s, str_of(text), buf_str(&other.spki)));
		assert_false(cert_is_signature(s, str_of(text), STR("no key")));
		assert_false(cert_is_signature(s, str_of(text), STR("")));
		assert_false(cert_is_signature(str_cut(s, 1, s.n), str_of(text), spki));
		assert_false(cert_is_signature(STR(""), str_of(text), spki));
		signature.p[signature.n / 2] ^= 1;
		assert_false(cert_is_signature(s, str_of(text), spki));
		buf_fini(&tbs);
		buf_fini(&signature);
		holder_fini(&one);
		holder_fini(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(what_is_signed_is_told_from_what_was_changed) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
