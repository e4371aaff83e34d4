/* SPDX-License-Identifier: Apache-2.0 */
/* What authorities sign: it says what was asked for, and nothing outlives its issuer. */
#include "service/cert/cert_world.h"

#include <openssl/x509v3.h>

static const enum cert_key kinds[] = { CERT_EC_P256, CERT_EC_P384, CERT_EC_P521, CERT_RSA_2048 };
#define KINDS (sizeof kinds / sizeof *kinds)

static struct cert_view view_of(const struct buf *der)
{
	struct cert_view v;
	assert_ok(cert_view_read(buf_str(der), &arena, &v, &diag));
	return v;
}

static void assert_str(str s, const char *want)
{
	if (!str_eq(s, str_of(want)))
		fail_msg("\"%.*s\", not \"%s\"", STR_FMT(s), want);
}

/* ---- what stands in them ---- */

static void root_signs_one_authority_below(void **state)
{
	struct world w;
	world_open(&w, CERT_EC_P384, NOW);
	struct cert_view root = view_of(&w.root.der), authority = view_of(&w.authority.der);
	assert_true(root.is_ca && root.path_length == 1 && root.is_self_issued && root.key_usage == (CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN));
	assert_int_equal(root.not_after - root.not_before, CERT_ROOT_DAYS * DAY);
	assert_int_equal(root.not_before, NOW - 3600);
	assert_true(authority.is_ca && authority.path_length == 0 && !authority.is_self_issued);
	assert_int_equal(authority.key_usage, CERT_KU_SIGN | CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN);
	assert_int_equal(authority.not_after - authority.not_before, CERT_AUTHORITY_DAYS * DAY);
	assert_str(authority.crl_url, "http://pki.example.test/root.crl");
	assert_str(authority.issuer_urls.p[0], "http://pki.example.test/root.cer");
	assert_int_equal(authority.permitted.n, 3);
	assert_true(authority.usages.n == 2 && root.usages.n == 0);
	assert_str(authority.permitted.p[0], "DNS:example.test");
	assert_str(authority.permitted.p[2], "email:example.test");
	assert_true(str_eq(authority.aki, root.ski) && authority.aki.n == 40);
	assert_int_equal(authority.critical.n, 0);
	assert_str(authority.signature, "ecdsa-with-SHA384");
	assert_str(authority.hash, "sha384");
	world_close(&w);
}

static void server_says_what_was_ordered(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct world w;
		world_open(&w, kinds[i], NOW);
		struct cert_view v = view_of(&w.server.der);
		const struct cert_order order = server_order();
		assert_str(v.subject, "CN=fe01.internal.ad,OU=UC,O=Example,L=Berlin,ST=Berlin,C=DE");
		assert_str(v.issuer, "CN=Example issuing CA 1,O=Example");
		assert_int_equal(v.san.n, order.san.n);
		for (size_t k = 0; k < v.san.n; k++)
			assert_true(str_eq(v.san.p[k], order.san.p[k]));
		assert_true(v.has_wildcard && v.has_usages && v.usages.n == 1 && !v.is_ca && v.version == 3);
		assert_str(v.usages.p[0], "serverAuth");
		assert_int_equal(v.key_usage, kinds[i] == CERT_RSA_2048 ? CERT_KU_SIGN | CERT_KU_ENCIPHER : CERT_KU_SIGN);
		assert_str(v.key, cert_key_word(kinds[i]));
		assert_str(v.crl_url, "http://pki.example.test/witan.crl");
		assert_str(v.ocsp_urls.p[0], "http://pki.example.test/ocsp");
		assert_str(v.issuer_urls.p[0], "http://pki.example.test/issuing.cer");
		assert_int_equal(v.not_after - v.not_before, CERT_SERVER_DAYS * DAY);
		assert_true(strlen(v.serial) >= 24 && strlen(v.serial) <= 32);
		assert_true(cert_is_signed(buf_str(&w.server.der), buf_str(&w.authority.spki)));
		assert_false(cert_is_signed(buf_str(&w.server.der), buf_str(&w.root.spki)));
		world_close(&w);
	}
}

static void edge_inside_has_a_common_name_only(void **state)
{
	struct world w;
	world_open(&w, CERT_EC_P256, NOW);
	struct cert_order order = { .subject = { .cn = STR("edge01.internal.ad") }, .client_auth = true };
	issue_server(&w, &order, &w.server);
	struct cert_view v = view_of(&w.server.der);
	assert_int_equal(v.san.n, 0);
	assert_str(v.cn, "edge01.internal.ad");
	assert_int_equal(v.usages.n, 2);
	assert_int_equal(v.crl_urls.n + v.ocsp_urls.n + v.issuer_urls.n, 0);
	world_close(&w);
}

static void person_is_named_twice(void **state)
{
	struct world w;
	struct buf tbs, list, pem;
	enum cert_alg alg;
	struct cert_crl *crl;
	struct cert_client_view who;
	world_open(&w, CERT_EC_P256, NOW);
	buf_init(&tbs, CERT_PEM_MAX);
	buf_init(&pem, CERT_PEM_MAX);
	const struct cert_client order = person_order();
	assert_ok(cert_tbs_client(&order, buf_str(&w.server.spki), buf_str(&w.authority.der), NOW, &tbs, &alg, &diag));
	seal_by(&w.authority, &tbs, alg, &w.server.der);
	struct cert_view v = view_of(&w.server.der);
	assert_str(v.uri.p[0], "sip:ann@example.test");
	assert_str(v.mail.p[0], "ann@example.test");
	list_of(&w, NULL, 0, &list);
	cert_pem_print(buf_str(&w.authority.der), &pem);
	cert_pem_print(buf_str(&w.root.der), &pem);
	assert_ok(cert_crl_read(buf_str(&list), buf_str(&pem), &crl, &diag));
	assert_ok(cert_client_check(buf_str(&w.server.der), buf_str(&pem), crl, NOW, &who, &diag));
	assert_string_equal(who.address, "ann@example.test");
	buf_reset(&pem); /* the root alone has not issued it, and who stands first must have */
	cert_pem_print(buf_str(&w.root.der), &pem);
	cert_pem_print(buf_str(&w.authority.der), &pem);
	assert_refused(cert_client_check(buf_str(&w.server.der), buf_str(&pem), crl, NOW, &who, &diag), ERR_REFUSED, "another authority");
	cert_crl_free(crl);
	buf_fini(&pem);
	buf_fini(&list);
	buf_fini(&tbs);
	world_close(&w);
}

/* ---- what is refused ---- */

static void nothing_outlives_its_issuer(void **state)
{
	struct world w;
	struct buf tbs;
	enum cert_alg alg;
	world_open(&w, CERT_EC_P256, NOW);
	buf_init(&tbs, CERT_PEM_MAX);
	const int64_t end = NOW - 3600 + CERT_AUTHORITY_DAYS * DAY;
	const struct cert_order order = server_order();
	const struct cert_authority authority = authority_order();
	w.now = end - 10 * DAY;
	issue_server(&w, &order, &w.server);
	assert_int_equal(view_of(&w.server.der).not_after, end);
	assert_refused(cert_tbs_server(&order, buf_str(&w.server.spki), buf_str(&w.authority.der), end, &tbs, &alg, &diag), ERR_REFUSED, "has ended");
	assert_refused(cert_tbs_authority(&authority, buf_str(&w.server.spki), buf_str(&w.authority.der), NOW, &tbs, &alg, &diag), ERR_REFUSED, "path length");
	assert_refused(cert_tbs_server(&order, buf_str(&w.server.spki), buf_str(&w.server.der), NOW, &tbs, &alg, &diag), ERR_REFUSED, "may sign this");
	assert_refused(cert_tbs_server(&order, buf_str(&w.server.spki), STR("x"), NOW, &tbs, &alg, &diag), ERR_MALFORMED, "not a certificate");
	buf_fini(&tbs);
	world_close(&w);
}

static void orders_that_must_not_stand(void **state)
{
	static const char long_name[] = "a23456789.123456789.123456789.123456789.123456789.123456789.12345";
	static str bad[][1] = { { { "a b.test", 8 } }, { { "", 0 } }, { { "a..test", 7 } }, { { "-a.test", 7 } }, { { "a.*.test", 8 } }, { { "*", 1 } },
		{ { "a.test.", 7 } }, { { "a\0b.test", 8 } } };
	const struct cert_subject subjects[] = { { .cn = { long_name, 65 } }, { .c = STR("DEU"), .cn = STR("a") }, { .c = STR("D1"), .cn = STR("a") },
		{ .o = STR("a\nb") }, { .o = STR("\xff") }, { .cn = { NULL, 0 } } };
	struct holder h;
	struct buf tbs;
	enum cert_alg alg;
	holder_new(&h, CERT_EC_P256);
	buf_init(&tbs, CERT_PEM_MAX);
	struct cert_order order = { .subject = { .cn = STR("a.test") } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		order.san = (struct topo_names){ bad[i], 1 };
		assert_refused(cert_tbs_request(&order, buf_str(&h.spki), &tbs, &alg, &diag), ERR_REFUSED, "is not a DNS name");
	}
	order.san.n = 0;
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		order.subject = subjects[i];
		assert_refused(cert_tbs_request(&order, buf_str(&h.spki), &tbs, &alg, &diag), ERR_REFUSED, "");
	}
	order.subject = (struct cert_subject){ .cn = STR("a.test") };
	order.template = STR("Web\nServer");
	assert_refused(cert_tbs_request(&order, buf_str(&h.spki), &tbs, &alg, &diag), ERR_REFUSED, "template");
	order.template = STR("");
	assert_refused(cert_tbs_request(&order, STR("0"), &tbs, &alg, &diag), ERR_REFUSED, "gets no certificate");
	assert_int_equal(tbs.n, 0);
	tbs.ceiling = 50;
	assert_true(err_is(cert_tbs_request(&order, buf_str(&h.spki), &tbs, &alg, &diag), ERR_CEILING));
	buf_fini(&tbs);
	holder_fini(&h);
}

static void too_many_names(void **state)
{
	static str names[CERT_NAMES_MAX + 1];
	struct holder h;
	struct buf tbs, der;
	enum cert_alg alg;
	struct cert_request_view v;
	for (size_t i = 0; i <= CERT_NAMES_MAX; i++)
		names[i] = STR("sip.example.test");
	holder_new(&h, CERT_EC_P256);
	buf_init(&tbs, CERT_PEM_MAX);
	struct cert_order order = { .subject = { .cn = names[0] }, .san = { names, CERT_NAMES_MAX } };
	request_of(&order, &h, &der);
	assert_ok(cert_request_read(buf_str(&der), false, &arena, &v, &diag));
	assert_int_equal(v.san.n, CERT_NAMES_MAX);
	order.san.n++;
	assert_refused(cert_tbs_request(&order, buf_str(&h.spki), &tbs, &alg, &diag), ERR_REFUSED, "257 names");
	buf_fini(&der);
	buf_fini(&tbs);
	holder_fini(&h);
}

/* ---- keys ---- */

static void keys_come_back(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct holder h;
		struct buf pem, back;
		holder_new(&h, kinds[i]);
		buf_init(&pem, CERT_PEM_MAX);
		buf_init(&back, CERT_KEY_MAX);
		assert_ok(cert_key_lock(buf_str(&h.key), STR("open sesame"), &pem, &diag));
		assert_ok(cert_key_unlock(buf_str(&pem), STR("open sesame"), &back, &diag));
		assert_true(str_eq(buf_str(&h.key), buf_str(&back)));
		buf_reset(&back);
		assert_refused(cert_key_unlock(buf_str(&pem), STR("open"), &back, &diag), ERR_REFUSED, "does not open it");
		assert_refused(cert_key_read(buf_str(&pem), &back, &diag), ERR_REFUSED, "encrypted");
		assert_int_equal(back.n, 0);
		buf_reset(&pem);
		assert_ok(cert_key_print(buf_str(&h.key), &pem));
		assert_ok(cert_key_read(buf_str(&pem), &back, &diag));
		assert_true(str_eq(buf_str(&h.key), buf_str(&back)));
		assert_refused(cert_key_lock(buf_str(&h.key), STR(""), &pem, &diag), ERR_REFUSED, "empty");
		cert_wipe(&pem);
		cert_wipe(&back);
		holder_fini(&h);
	}
}

/* ---- requests ---- */

static void requests_come_back(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct holder h;
		struct buf der, pem;
		struct cert_request_view v;
		struct cert_order order = server_order();
		order.client_auth = true;
		order.template = STR("WebServer");
		holder_new(&h, kinds[i]);
		request_of(&order, &h, &der);
		buf_init(&pem, CERT_PEM_MAX);
		cert_request_print(buf_str(&der), &pem);
		assert_ok(cert_request_read(buf_str(&pem), false, &arena, &v, &diag));
		assert_true(str_eq(v.der, buf_str(&der)) && str_eq(v.spki, buf_str(&h.spki)));
		assert_str(v.cn, "fe01.internal.ad");
		assert_str(v.parts.c, "DE");
		assert_str(v.parts.ou, "UC");
		assert_int_equal(v.usages.n, 2);
		assert_int_equal(v.san.n, order.san.n);
		for (size_t k = 0; k < v.san.n; k++)
			assert_true(str_eq(v.san.p[k], order.san.p[k]));
		for (size_t n = 0; n < der.n; n += kinds[i] == CERT_EC_P256 ? 1 : 97) {
			str cut = exact(str_cut(buf_str(&der), 0, n));
			assert_true(failed(cert_request_read(cut, false, &arena, &v, &diag)));
			exact_free(cut);
		}
		buf_fini(&pem);
		buf_fini(&der);
		holder_fini(&h);
	}
}

static void requests_prove_their_key(void **state)
{
	struct holder a, b;
	struct buf tbs, der;
	enum cert_alg alg;
	struct cert_request_view v;
	const struct cert_order order = server_order();
	holder_new(&a, CERT_EC_P256);
	holder_new(&b, CERT_EC_P256);
	buf_init(&tbs, CERT_PEM_MAX);
	buf_init(&der, CERT_DER_MAX);
	assert_ok(cert_tbs_request(&order, buf_str(&a.spki), &tbs, &alg, &diag));
	seal_by(&b, &tbs, alg, &der);
	assert_refused(cert_request_read(buf_str(&der), false, &arena, &v, &diag), ERR_REFUSED, "not signed by its own key");
	assert_refused(cert_request_read(STR("hello"), false, &arena, &v, &diag), ERR_MALFORMED, "not a certificate request");
	buf_fini(&tbs);
	buf_fini(&der);
	holder_fini(&a);
	holder_fini(&b);
}

static void short_keys_only_when_told(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509_REQ *r = X509_REQ_new();
	unsigned char *der = NULL;
	struct cert_request_view v;
	assert_true(key != NULL && r != NULL && X509_REQ_set_pubkey(r, key) == 1 && X509_REQ_sign(r, key, EVP_sha256()) > 0);
	int n = i2d_X509_REQ(r, &der);
	const str text = { (const char *)der, (size_t)n };
	assert_refused(cert_request_read(text, false, &arena, &v, &diag), ERR_REFUSED, "1024 bits");
	assert_ok(cert_request_read(text, true, &arena, &v, &diag));
	assert_str(v.key, "rsa-1024");
	OPENSSL_free(der);
	X509_REQ_free(r);
	EVP_PKEY_free(key);
}

static void readers_without_memory(void **state)
{
	struct world w;
	struct buf der;
	const struct cert_order order = server_order();
	world_open(&w, CERT_EC_P256, NOW);
	request_of(&order, &w.server, &der);
	for (uint32_t n = 1;; n++) {
		struct arena a;
		struct cert_view v;
		struct cert_request_view r;
		arena_init(&a, 1 << 20);
		a.fail_after = n;
		err e = cert_view_read(buf_str(&w.server.der), &a, &v, &diag);
		assert_true(!failed(e) || err_is(e, ERR_CEILING));
		a.fail_after = n;
		err f = cert_request_read(buf_str(&der), false, &a, &r, &diag);
		assert_true(!failed(f) || err_is(f, ERR_CEILING));
		arena_fini(&a);
		if (!failed(e) && !failed(f))
			break;
		assert_true(n < 200);
	}
	buf_fini(&der);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(root_signs_one_authority_below),
		TEST(server_says_what_was_ordered),
		TEST(edge_inside_has_a_common_name_only),
		TEST(person_is_named_twice),
		TEST(nothing_outlives_its_issuer),
		TEST(orders_that_must_not_stand),
		TEST(too_many_names),
		TEST(keys_come_back),
		TEST(requests_come_back),
		TEST(requests_prove_their_key),
		TEST(short_keys_only_when_told),
		TEST(readers_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
