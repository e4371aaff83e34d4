/* SPDX-License-Identifier: Apache-2.0 */
#include "service/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void what_is_signed_is_told_from_what_was_changed(void **state)
{
	for (unsigned type = 0; type < 2; type++) {
		struct cert_ca *ca = NULL;
		struct buf pem;
		struct diag d = { 0 };
		uint8_t signature[CERT_SIGNATURE_MAX];
		size_t n = 0;
		assert_false(failed(cert_ca_new(STR("Example"), type == 0 ? TOPO_RSA_2048 : TOPO_EC_P256, 1790000000, &ca, &d)));
		buf_init(&pem, CERT_PEM_MAX);
		cert_ca_pem(ca, &pem);
		assert_false(failed(cert_ca_sign(ca, STR("a deployment"), signature, &n)));
		str s = { (const char *)signature, n };
		assert_true(cert_verify_signed(buf_str(&pem), STR("a deployment"), s));
		assert_false(cert_verify_signed(buf_str(&pem), STR("a deploymenu"), s));
		assert_false(cert_verify_signed(STR("no certificate"), STR("a deployment"), s));
		assert_false(cert_verify_signed(buf_str(&pem), STR("a deployment"), str_cut(s, 1, s.n)));
		signature[n / 2] ^= 1;
		assert_false(cert_verify_signed(buf_str(&pem), STR("a deployment"), s));
		cert_ca_free(ca);
		buf_fini(&pem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_signed_is_told_from_what_was_changed) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
