/* SPDX-License-Identifier: Apache-2.0 */
/* What an external authority answers, in all the forms that it comes in, and what is wrong with it. */
#include "service/cert/cert_world.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>

static struct world w;
static struct buf bytes;
static uint8_t hashes[1][32];

static int set_up(void **state)
{
	arena_set_up(state);
	world_open(&w, CERT_EC_P256, NOW);
	buf_init(&bytes, CERT_ANSWER_MAX + 1024);
	cert_spki_hash(buf_str(&w.server.spki), hashes[0]);
	return 0;
}

static int tear_down(void **state)
{
	buf_fini(&bytes);
	world_close(&w);
	return arena_tear_down(state);
}

static X509 *x509_of(const struct buf *der)
{
	const unsigned char *p = (const unsigned char *)der->p;
	X509 *x = d2i_X509(NULL, &p, (long)der->n);
	assert_non_null(x);
	return x;
}

static void put_pem(const struct holder *h)
{
	cert_pem_print(buf_str(&h->der), &bytes);
}

/* Leaf, issuing authority, root, whatever the order was. */
static void expect_whole(const char *password)
{
	struct cert_answer out;
	assert_ok(cert_answer_read(buf_str(&bytes), password, hashes, 1, &arena, &out, &diag));
	assert_true(str_eq(out.leaf, buf_str(&w.server.der)));
	assert_int_equal(out.chain.n, 1);
	assert_true(str_eq(out.chain.p[0], buf_str(&w.authority.der)));
	assert_int_equal(out.others.n, 1);
	assert_true(str_eq(out.others.p[0], buf_str(&w.root.der)));
	assert_memory_equal(out.hash, hashes[0], 32);
	cert_answer_fini(&out);
}

static void expect(const char *password, enum err_id id, const char *why)
{
	struct cert_answer out;
	assert_refused(cert_answer_read(buf_str(&bytes), password, hashes, 1, &arena, &out, &diag), id, why);
	assert_int_equal(out.leaf.n, 0);
	cert_answer_fini(&out);
}

/* ---- forms ---- */

static void pem_in_any_order(void **state)
{
	const struct holder *orders[][4] = { { &w.server, &w.authority, &w.root, &w.server }, { &w.root, &w.authority, &w.server, &w.root },
		{ &w.authority, &w.root, &w.server, &w.authority } };
	for (size_t i = 0; i < 3; i++) {
		buf_reset(&bytes);
		buf_add(&bytes, STR("subject=fe01\r\n\r\n"));
		for (size_t k = 0; k < 4; k++)
			put_pem(orders[i][k]); /* one of them twice */
		expect_whole(NULL);
	}
}

static void one_certificate_in_der(void **state)
{
	struct cert_answer out;
	buf_add(&bytes, buf_str(&w.server.der));
	assert_ok(cert_answer_read(buf_str(&bytes), NULL, hashes, 1, &arena, &out, &diag));
	assert_true(str_eq(out.leaf, buf_str(&w.server.der)) && out.chain.n == 0 && out.others.n == 0 && out.pkcs8.n == 0);
	cert_answer_fini(&out);
}

static void pkcs7_in_both_forms(void **state)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	const struct holder *all[] = { &w.root, &w.server, &w.authority };
	for (size_t i = 0; i < 3; i++)
		assert_true(sk_X509_push(certs, x509_of(&all[i]->der)) > 0);
	PKCS7 *p7 = PKCS7_new();
	unsigned char *der = NULL;
	assert_true(PKCS7_set_type(p7, NID_pkcs7_signed) == 1 && PKCS7_content_new(p7, NID_pkcs7_data) == 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(PKCS7_add_certificate(p7, sk_X509_value(certs, i)), 1);
	int n = i2d_PKCS7(p7, &der);
	buf_add(&bytes, (str){ (const char *)der, (size_t)n });
	expect_whole(NULL);
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	assert_int_equal(PEM_write_bio_PKCS7(bio, p7), 1);
	long pem = BIO_get_mem_data(bio, &p);
	buf_reset(&bytes);
	buf_add(&bytes, (str){ p, (size_t)pem });
	expect_whole(NULL);
	BIO_free(bio);
	OPENSSL_free(der);
	PKCS7_free(p7);
	sk_X509_pop_free(certs, X509_free);
}

static void put_pkcs12(const char *password)
{
	str chain[] = { buf_str(&w.server.der), buf_str(&w.authority.der), buf_str(&w.root.der) };
	const struct topo_names all = { chain, 3 };
	buf_reset(&bytes);
	assert_ok(cert_pkcs12_write(buf_str(&w.server.key), &all, "Edge external", password, &bytes, &diag));
}

static void pkcs12_by_its_password(void **state)
{
	struct cert_answer out;
	put_pkcs12("open sesame");
	expect_whole("open sesame");
	assert_ok(cert_answer_read(buf_str(&bytes), "open sesame", NULL, 0, &arena, &out, &diag));
	assert_true(str_eq(buf_str(&out.pkcs8), buf_str(&w.server.key)));
	assert_true(str_eq(out.friendly_name, STR("Edge external")));
	cert_answer_fini(&out);
	expect("open", ERR_REFUSED, "password is wrong");
	expect(NULL, ERR_REFUSED, "sealed by a password");
}

static void old_pkcs12_of_windows(void **state)
{
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
	X509 *leaf = x509_of(&w.server.der), *issuer = x509_of(&w.authority.der), *root = x509_of(&w.root.der);
	const unsigned char *p = (const unsigned char *)w.server.key.p;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)w.server.key.n);
	STACK_OF(X509) *others = sk_X509_new_null();
	unsigned char *der = NULL;
	assert_non_null(legacy);
	assert_true(sk_X509_push(others, root) > 0 && sk_X509_push(others, issuer) > 0);
	PKCS12 *p12 = PKCS12_create("secret", "old", key, leaf, others, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And40BitRC2_CBC, 2000, 2000, 0);
	assert_non_null(p12);
	int n = i2d_PKCS12(p12, &der);
	OSSL_PROVIDER_unload(legacy);
	buf_add(&bytes, (str){ (const char *)der, (size_t)n });
	expect_whole("secret");
	expect("Secret", ERR_REFUSED, "password is wrong");
	OPENSSL_free(der);
	PKCS12_free(p12);
	EVP_PKEY_free(key);
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
}

static void key_and_certificates_in_pem(void **state)
{
	struct cert_answer out;
	assert_ok(cert_key_lock(buf_str(&w.server.key), STR("pass"), &bytes, &diag));
	put_pem(&w.server);
	put_pem(&w.authority);
	assert_ok(cert_answer_read(buf_str(&bytes), "pass", NULL, 0, &arena, &out, &diag));
	assert_true(str_eq(buf_str(&out.pkcs8), buf_str(&w.server.key)) && out.chain.n == 1);
	cert_answer_fini(&out);
	expect(NULL, ERR_REFUSED, "encrypted");
	expect("word", ERR_REFUSED, "does not open it");
	assert_ok(cert_key_print(buf_str(&w.server.key), &bytes));
	expect("pass", ERR_REFUSED, "more than one private key");
}

/* ---- what is wrong ---- */

static void for_another_key(void **state)
{
	struct cert_answer out;
	put_pem(&w.authority);
	put_pem(&w.root);
	assert_refused(cert_answer_read(buf_str(&bytes), NULL, hashes, 1, &arena, &out, &diag), ERR_ABSENT, "belongs to a pending request");
	assert_int_equal(out.others.n, 2);
	cert_answer_fini(&out);
	assert_ok(cert_key_print(buf_str(&w.server.key), &bytes));
	expect(NULL, ERR_REFUSED, "belongs to the private key that came along");
}

static void chain_that_does_not_link(void **state)
{
	struct world other;
	world_open(&other, CERT_EC_P256, NOW);
	put_pem(&w.server);
	put_pem(&other.authority); /* of the same name, with another key */
	expect(NULL, ERR_REFUSED, "does not link");
	put_pem(&w.authority);
	struct cert_answer out;
	assert_ok(cert_answer_read(buf_str(&bytes), NULL, hashes, 1, &arena, &out, &diag));
	assert_true(out.chain.n == 1 && str_eq(out.chain.p[0], buf_str(&w.authority.der)) && out.others.n == 1);
	cert_answer_fini(&out);
	world_close(&other);
}

static void the_newest_of_one_key(void **state)
{
	const struct cert_order order = server_order();
	struct cert_answer out;
	put_pem(&w.server);
	w.now += 30 * DAY;
	issue_server(&w, &order, &w.server);
	put_pem(&w.server);
	assert_ok(cert_answer_read(buf_str(&bytes), NULL, hashes, 1, &arena, &out, &diag));
	assert_true(str_eq(out.leaf, buf_str(&w.server.der)) && out.others.n == 1);
	cert_answer_fini(&out);
}

static void what_is_no_answer(void **state)
{
	expect(NULL, ERR_MALFORMED, "none of the forms");
	buf_add(&bytes, STR("hello"));
	expect(NULL, ERR_MALFORMED, "none of the forms");
	buf_reset(&bytes);
	assert_ok(cert_key_print(buf_str(&w.root.key), &bytes));
	expect(NULL, ERR_MALFORMED, "no certificate in it");
	buf_reset(&bytes);
	buf_add(&bytes, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	expect(NULL, ERR_MALFORMED, "cannot be read");
	buf_reset(&bytes);
	put_pem(&w.server);
	bytes.n -= 10; /* its last line is damaged */
	expect(NULL, ERR_MALFORMED, "damaged PEM");
	buf_reset(&bytes);
	while (bytes.n <= CERT_ANSWER_MAX)
		put_pem(&w.server);
	expect(NULL, ERR_CEILING, "bytes");
}

static void too_many_certificates(void **state)
{
	const struct cert_order order = server_order();
	for (size_t i = 0; i <= CERT_ANSWER_CERTS; i++) {
		issue_server(&w, &order, &w.server);
		put_pem(&w.server);
	}
	expect(NULL, ERR_CEILING, "more than 32 certificates");
	struct topo_names all;
	assert_refused(cert_pem_read(buf_str(&bytes), &arena, &all, &diag), ERR_CEILING, "more than 32 certificates");
}

/* A few bytes may ask for hours of work. */
static void password_that_costs_too_much(void **state)
{
	X509 *leaf = x509_of(&w.server.der);
	PKCS12 *p12 = PKCS12_create("secret", NULL, NULL, leaf, NULL, NID_aes_256_cbc, NID_aes_256_cbc, 1, 1, 0);
	const ASN1_INTEGER *rounds = NULL;
	unsigned char *der = NULL;
	assert_non_null(p12);
	assert_int_equal(PKCS12_set_mac(p12, "secret", -1, NULL, 0, 2, NULL), 1);
	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
	assert_int_equal(ASN1_INTEGER_set_int64((ASN1_INTEGER *)(uintptr_t)rounds, INT32_MAX), 1);
	int n = i2d_PKCS12(p12, &der);
	buf_add(&bytes, (str){ (const char *)der, (size_t)n });
	expect("secret", ERR_REFUSED, "stretched too often");
	OPENSSL_free(der);
	PKCS12_free(p12);
	X509_free(leaf);
}

#define SEAL NID_pbe_WithSHA1And3_Key_TripleDES_CBC

/* A key that says it was sealed by so many rounds. */
static PKCS12_SAFEBAG *slow_bag(const char *password, int64_t rounds)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create_pkcs8_encrypt(SEAL, password, -1, NULL, 0, 1, info);
	const X509_ALGOR *how = NULL;
	const void *value = NULL;
	int type = 0;
	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &how, NULL);
	X509_ALGOR_get0(NULL, &type, &value, how);
	PBEPARAM *pbe = ASN1_item_unpack(value, ASN1_ITEM_rptr(PBEPARAM));
	assert_int_equal(ASN1_INTEGER_set_int64(pbe->iter, rounds), 1);
	ASN1_STRING *packed = ASN1_item_pack(pbe, ASN1_ITEM_rptr(PBEPARAM), NULL);
	assert_int_equal(X509_ALGOR_set0((X509_ALGOR *)(uintptr_t)how, OBJ_nid2obj(SEAL), V_ASN1_SEQUENCE, packed), 1);
	PBEPARAM_free(pbe);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return bag;
}

/* What is in a sealed safe shows late, and may ask for more. */
static void password_that_costs_too_much_within(void **state)
{
	static const char *const passwords[] = { "secret", "" };
	for (size_t i = 0; i < 2; i++) {
		STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
		STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
		unsigned char *der = NULL;
		assert_true(sk_PKCS12_SAFEBAG_push(bags, slow_bag(passwords[i], 2000001)) > 0);
		assert_true(sk_PKCS7_push(safes, PKCS12_pack_p7encdata(NID_aes_256_cbc, passwords[i], -1, NULL, 0, 1, bags)) > 0);
		PKCS12 *p12 = PKCS12_add_safes(safes, 0);
		assert_int_equal(PKCS12_set_mac(p12, passwords[i], -1, NULL, 0, 1, NULL), 1);
		int n = i2d_PKCS12(p12, &der);
		buf_reset(&bytes);
		buf_add(&bytes, (str){ (const char *)der, (size_t)n });
		expect(passwords[i], ERR_REFUSED, "stretched too often");
		OPENSSL_free(der);
		PKCS12_free(p12);
		sk_PKCS7_pop_free(safes, PKCS7_free);
		sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	}
	expect(NULL, ERR_REFUSED, "stretched too often"); /* the last one has an empty password */
}

static void pkcs12_of_what_does_not_fit(void **state)
{
	str chain[] = { buf_str(&w.authority.der) };
	const struct topo_names all = { chain, 1 };
	assert_refused(cert_pkcs12_write(buf_str(&w.server.key), &all, "a", "b", &bytes, &diag), ERR_REFUSED, "do not belong together");
	assert_refused(cert_pkcs12_write(buf_str(&w.server.key), &all, "a", "", &bytes, &diag), ERR_REFUSED, "under a password");
	assert_int_equal(bytes.n, 0);
}

static void cut_at_every_length(void **state)
{
	struct cert_answer out;
	buf_add(&bytes, buf_str(&w.server.der));
	for (size_t n = 0; n < bytes.n; n++) {
		str cut = exact(str_cut(buf_str(&bytes), 0, n));
		assert_true(failed(cert_answer_read(cut, NULL, hashes, 1, &arena, &out, &diag)));
		assert_true(diag.what[0] != '\0');
		cert_answer_fini(&out);
		exact_free(cut);
	}
	put_pkcs12("a");
	for (size_t n = 0; n < bytes.n; n += 7) {
		str cut = exact(str_cut(buf_str(&bytes), 0, n));
		assert_true(failed(cert_answer_read(cut, "a", hashes, 1, &arena, &out, &diag)));
		cert_answer_fini(&out);
		exact_free(cut);
	}
}

static void without_memory(void **state)
{
	put_pem(&w.server);
	put_pem(&w.authority);
	for (uint32_t n = 1;; n++) {
		struct arena a;
		struct cert_answer out;
		arena_init(&a, 1 << 20);
		a.fail_after = n;
		err e = cert_answer_read(buf_str(&bytes), NULL, hashes, 1, &a, &out, &diag);
		cert_answer_fini(&out);
		arena_fini(&a);
		if (!failed(e))
			break;
		assert_true(err_is(e, ERR_CEILING) && n < 20);
	}
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pem_in_any_order),
		TEST(one_certificate_in_der),
		TEST(pkcs7_in_both_forms),
		TEST(pkcs12_by_its_password),
		TEST(old_pkcs12_of_windows),
		TEST(key_and_certificates_in_pem),
		TEST(for_another_key),
		TEST(chain_that_does_not_link),
		TEST(the_newest_of_one_key),
		TEST(what_is_no_answer),
		TEST(too_many_certificates),
		TEST(password_that_costs_too_much),
		TEST(password_that_costs_too_much_within),
		TEST(pkcs12_of_what_does_not_fit),
		TEST(cut_at_every_length),
		TEST(without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
