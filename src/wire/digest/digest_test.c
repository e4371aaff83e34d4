/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/enc.h"
#include "wire/digest.h"

#define assert_str(s, z) assert_true(str_eq((s), STR(z)))

/* RFC 7616 3.9.1: Mufasa, the same request with both algorithms */
static const char mufasa[] =
	"Digest username=\"Mufasa\",\r\n realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=%s,"
	" nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001,"
	" cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth,\t response=\"%s\","
	" opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

static void check_vector(const char *algorithm, enum crypt_hash hash, const char *response)
{
	struct digest d;
	struct crypt *c;
	char value[1024], computed[2 * CRYPT_HASH_MAX];
	uint8_t ha1[CRYPT_HASH_MAX];
	(void)snprintf(value, sizeof value, mufasa, algorithm, response);
	assert_false(failed(digest_parse(str_of(value), &d, NULL)));
	assert_true(d.is_digest && d.hash_known);
	assert_int_equal(d.hash, hash);
	assert_int_equal(d.nc, 1);
	assert_str(d.username, "Mufasa");
	assert_str(d.realm, "http-auth@example.org");
	assert_str(d.uri, "/dir/index.html");
	assert_str(d.qop, "auth");
	assert_str(d.opaque, "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS");
	assert_false(failed(crypt_new(&c)));
	digest_ha1(c, d.hash, d.username, d.realm, STR("Circle of Life"), ha1);
	digest_response(c, &d, ha1, STR("GET"), computed);
	assert_int_equal(d.response.n, 2 * crypt_hash_size(hash));
	assert_memory_equal(computed, d.response.p, d.response.n);
	digest_ha1(c, d.hash, d.username, d.realm, STR("Circle of life"), ha1);
	digest_response(c, &d, ha1, STR("GET"), computed);
	assert_memory_not_equal(computed, d.response.p, d.response.n);
	crypt_free(c);
}

static void test_vectors(void **state)
{
	(void)state;
	check_vector("MD5", CRYPT_MD5, "8ca523f5e9506fed4657c9700eebdbec");
	check_vector("SHA-256", CRYPT_SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
	check_vector("\"sha-256\"", CRYPT_SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/* H(user:realm:password) of RFC 2617 3.5 */
static void test_ha1(void **state)
{
	(void)state;
	struct crypt *c;
	uint8_t ha1[CRYPT_HASH_MAX];
	char hex[33] = "";
	assert_false(failed(crypt_new(&c)));
	digest_ha1(c, CRYPT_MD5, STR("Mufasa"), STR("testrealm@host.com"), STR("Circle Of Life"), ha1);
	enc_hex(ha1, 16, hex);
	assert_string_equal(hex, "939e7578ed9e3c518a452acee763bce9");
	crypt_free(c);
}

static err parse(const char *z, struct digest *out)
{
	struct diag d = { 0 };
	char *exact = strdup(z);
	assert_non_null(exact);
	err e = digest_parse((str){ exact, strlen(z) }, out, &d);
	assert_true(!failed(e) || (err_is(e, ERR_MALFORMED) && d.what[0] != '\0'));
	free(exact); /* slices point to z no more; only numbers and flags are looked at */
	return e;
}

static void test_grammar(void **state)
{
	(void)state;
	static const char *const bad[] = { "", " ", "Digest", "Digest ", "Digest username",
		"Digest username=", "Digest =x", "Digest username=\"a", "Digest username=\"a\\",
		"Digest username=\"a\\\"", "Digest username=\"a\" realm=\"b\"", "Digest username=\"a\",",
		"Digest username=\"a\",,realm=\"b\"", "Digest username=\"a\",username=\"b\"", "Digest nc=1",
		"Digest nc=0000000g", "Digest nc=000000001", "Digest nc=\"\"x", "Digest a=b;c=d",
		"Digest realm=\"a\"\"b\"", "Digest\"x\"" };
	static const char *const good[] = { "Digest a=b", "dIGEST nc=ffffFFFF", "Digest username=\"a\\\"b\"",
		"Digest x=1, x=2", "Digest username = \"a\" , realm = \"b\"", "Digest username=\"\"",
		"Digest qop=\"auth\", nc=00000002", "NoOneKnowsThisScheme opaque-data=here",
		"NTLM qop=\"auth\", whatever", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" };
	struct digest d;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!failed(parse(bad[i], &d)))
			fail_msg("%s is accepted", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (failed(parse(good[i], &d)))
			fail_msg("%s is refused", good[i]);
}

static void test_values(void **state)
{
	(void)state;
	struct digest d;
	assert_false(failed(digest_parse(
		STR("Digest username=\"a\\\"b\", realm=\"\", algorithm=MD5-sess, nc=000000ff"), &d, NULL)));
	assert_str(d.username, "a\\\"b");
	assert_int_equal(d.realm.n, 0);
	assert_false(d.hash_known);
	assert_int_equal(d.nc, 255);
	assert_str(d.nc_raw, "000000ff");
	assert_false(failed(digest_parse(STR("Digest username=\"a\""), &d, NULL)));
	assert_true(d.hash_known);
	assert_int_equal(d.hash, CRYPT_MD5);
	assert_false(failed(digest_parse(STR("Kerberos gssapi-data=\"x\""), &d, NULL)));
	assert_false(d.is_digest);
	assert_str(d.scheme, "Kerberos");
}

static void test_lengths(void **state)
{
	(void)state;
	struct digest d;
	char z[1100];
	int n = snprintf(z, sizeof z, "Digest nonce=\"%01024d\"", 0);
	assert_false(failed(digest_parse((str){ z, (size_t)n }, &d, NULL)));
	n = snprintf(z, sizeof z, "Digest nonce=\"%01025d\"", 0);
	assert_true(failed(digest_parse((str){ z, (size_t)n }, &d, NULL)));
}

/* Cut at every length: never a step too far, and no cut is taken for another value than it is. */
static void test_cut(void **state)
{
	(void)state;
	char value[1024], cut[1024];
	struct digest d;
	int n = snprintf(value, sizeof value, mufasa, "MD5", "8ca523f5e9506fed4657c9700eebdbec");
	for (int i = 0; i < n; i++) {
		memcpy(cut, value, (size_t)i);
		cut[i] = '\0';
		if (!failed(parse(cut, &d)))
			assert_true(i != 0 && (d.opaque.n == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_ha1),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
