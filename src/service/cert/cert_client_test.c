/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of people: what is issued is taken, everything else is refused with its reason. */
#include "service/cert.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static struct diag diag;

struct world {
	struct cert_ca *ca;
	struct buf ca_pem;
	struct cert_crl *crl;
	EVP_PKEY *ca_key;
	X509 *ca_cert;
};

static EVP_PKEY *key_of(str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(key);
	return key;
}

static X509 *cert_of(str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static void assert_ok(err e)
{
	if (failed(e))
		fail_msg("%s: %s: %s", e.def->name, diag.where, diag.what);
}

static struct cert_crl *list_of(struct world *w, const struct cert_revoked *list, size_t n, int64_t now)
{
	struct buf der;
	struct cert_crl *crl;
	buf_init(&der, CERT_CRL_MAX);
	assert_ok(cert_ca_crl(w->ca, list, n, now, &der));
	assert_ok(cert_crl_read(buf_str(&der), buf_str(&w->ca_pem), &crl, &diag));
	buf_fini(&der);
	return crl;
}

static void open_world(struct world *w, enum topo_key_type type)
{
	struct buf key;
	assert_ok(cert_ca_new(STR("Example"), type, NOW, &w->ca, &diag));
	buf_init(&w->ca_pem, CERT_PEM_MAX);
	buf_init(&key, CERT_PEM_MAX);
	cert_ca_pem(w->ca, &w->ca_pem);
	cert_ca_key_pem(w->ca, &key);
	w->ca_key = key_of(buf_str(&key));
	w->ca_cert = cert_of(buf_str(&w->ca_pem));
	buf_fini(&key);
	w->crl = list_of(w, NULL, 0, NOW);
}

static void close_world(struct world *w)
{
	cert_crl_free(w->crl);
	EVP_PKEY_free(w->ca_key);
	X509_free(w->ca_cert);
	buf_fini(&w->ca_pem);
	cert_ca_free(w->ca);
}

static struct cert_client person(const char *address, enum topo_key_type type)
{
	return (struct cert_client){ .address = str_of(address), .organization = STR("Example"), .crl_url = STR("http://a.example.test/witan.crl"), .key = type,
		.days = CERT_CLIENT_DAYS };
}

struct der {
	char bytes[CERT_CLIENT_DER_MAX];
	size_t n;
};

static str str_of_der(const struct der *d)
{
	return (str){ d->bytes, d->n };
}

static void to_der(X509 *x, struct der *out)
{
	unsigned char *p = (unsigned char *)out->bytes;
	out->n = (size_t)i2d_X509(x, &p);
}

static void issue(struct world *w, const char *address, struct der *out)
{
	struct cert_client_pair pair;
	const struct cert_client who = person(address, TOPO_EC_P256);
	assert_ok(cert_client_issue(w->ca, &who, NULL, NOW, &pair, &diag));
	X509 *x = cert_of(buf_str(&pair.bytes));
	to_der(x, out);
	X509_free(x);
	cert_client_fini(&pair);
}

/* ---- what is issued ---- */

static void what_is_issued_is_taken(void **state)
{
	static const enum topo_key_type types[] = { TOPO_EC_P256, TOPO_RSA_2048, TOPO_EC_P384 };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct world w;
		struct cert_client_pair pair;
		struct cert_client_view view;
		struct der der;
		open_world(&w, types[i]);
		const struct cert_client who = person("ann@example.test", types[i]);
		assert_ok(cert_client_issue(w.ca, &who, NULL, NOW, &pair, &diag));
		X509 *x = cert_of(buf_str(&pair.bytes));
		EVP_PKEY *key = key_of(buf_str(&pair.bytes));
		assert_int_equal(X509_check_private_key(x, key), 1);
		assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
		assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
		assert_int_equal(X509_check_email(x, "ann@example.test", 0, 0), 1);
		to_der(x, &der);
		assert_ok(cert_client_check(str_of_der(&der), buf_str(&w.ca_pem), w.crl, NOW, &view, &diag));
		assert_string_equal(view.address, "ann@example.test");
		assert_string_equal(view.serial, pair.serial);
		assert_int_equal(view.expires, pair.expires);
		assert_int_equal(pair.expires, NOW - 3600 + 365 * DAY);
		EVP_PKEY_free(key);
		X509_free(x);
		cert_client_fini(&pair);
		close_world(&w);
	}
}

static void a_password_seals_it(void **state)
{
	struct world w;
	struct cert_client_pair pair;
	struct cert_client_view view;
	struct der der;
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	open_world(&w, TOPO_EC_P256);
	const struct cert_client who = person("ann@example.test", TOPO_EC_P256);
	assert_ok(cert_client_issue(w.ca, &who, "open sesame", NOW, &pair, &diag));
	const unsigned char *p = (const unsigned char *)pair.bytes.p;
	PKCS12 *sealed = d2i_PKCS12(NULL, &p, (long)pair.bytes.n);
	assert_non_null(sealed);
	assert_int_equal(PKCS12_parse(sealed, "open", &key, &x, NULL), 0);
	assert_int_equal(PKCS12_parse(sealed, "open sesame", &key, &x, NULL), 1);
	assert_int_equal(X509_check_private_key(x, key), 1);
	to_der(x, &der);
	assert_ok(cert_client_check(str_of_der(&der), buf_str(&w.ca_pem), w.crl, NOW, &view, &diag));
	PKCS12_free(sealed);
	EVP_PKEY_free(key);
	X509_free(x);
	cert_client_fini(&pair);
	close_world(&w);
}

static void nothing_outlives_the_ca(void **state)
{
	struct world w;
	struct cert_client_pair pair;
	open_world(&w, TOPO_EC_P256);
	const struct cert_client who = person("ann@example.test", TOPO_EC_P256);
	int64_t end = NOW - 3600 + (int64_t)CERT_CA_DAYS * DAY;
	assert_ok(cert_client_issue(w.ca, &who, NULL, end - 10 * DAY, &pair, &diag));
	assert_int_equal(pair.expires, end);
	cert_client_fini(&pair);
	assert_true(err_is(cert_client_issue(w.ca, &who, NULL, end, &pair, &diag), ERR_REFUSED));
	cert_client_fini(&pair);
	close_world(&w);
}

/* ---- what is refused ---- */

static void expect(const struct world *w, const struct der *der, const struct cert_crl *crl, int64_t now, const char *why)
{
	struct cert_client_view view;
	diag = (struct diag){ 0 };
	err e = cert_client_check(str_of_der(der), buf_str(&w->ca_pem), crl, now, &view, &diag);
	if (!err_is(e, ERR_REFUSED) || strstr(diag.what, why) == NULL || view.address[0] != '\0')
		fail_msg("%s, \"%s\", not \"%s\"", failed(e) ? e.def->name : "OK", diag.what, why);
}

static void time_and_authority(void **state)
{
	struct world w, other;
	struct der der;
	open_world(&w, TOPO_EC_P256);
	open_world(&other, TOPO_EC_P256);
	issue(&w, "ann@example.test", &der);
	struct cert_crl *later = list_of(&w, NULL, 0, NOW + 300 * DAY);
	expect(&w, &der, later, NOW + 366 * DAY, "has expired");
	expect(&w, &der, w.crl, NOW - 3601, "not valid yet");
	expect(&w, &der, w.crl, NOW + 365 * DAY - 3601 + 3600, "has expired");
	expect(&w, &der, NULL, NOW, "no revocation list");
	expect(&other, &der, other.crl, NOW, "another authority");
	cert_crl_free(later);
	close_world(&w);
	close_world(&other);
}

static void a_list_that_has_ended_says_nothing(void **state)
{
	struct world w;
	struct der der;
	struct cert_client_view view;
	open_world(&w, TOPO_EC_P256);
	struct cert_crl *old = list_of(&w, NULL, 0, NOW - 365 * DAY);
	issue(&w, "ann@example.test", &der);
	assert_int_equal(cert_crl_ends(old), NOW);
	assert_ok(cert_client_check(str_of_der(&der), buf_str(&w.ca_pem), old, NOW - 1, &view, &diag));
	expect(&w, &der, old, NOW + 1, "revocation list has ended");
	cert_crl_free(old);
	close_world(&w);
}

static void what_was_revoked(void **state)
{
	struct world w;
	struct der der, bob;
	struct cert_client_view view;
	open_world(&w, TOPO_RSA_2048);
	issue(&w, "ann@example.test", &der);
	issue(&w, "bob@example.test", &bob);
	assert_ok(cert_client_check(str_of_der(&der), buf_str(&w.ca_pem), w.crl, NOW, &view, &diag));
	struct cert_revoked list[CERT_REASON_N] = { { .serial = "0" } };
	for (unsigned i = 0; i < CERT_REASON_N; i++) {
		list[i] = (struct cert_revoked){ .when = NOW, .reason = (enum cert_reason)i };
		(void)snprintf(list[i].serial, sizeof list[i].serial, "%X", i + 1);
	}
	memcpy(list[2].serial, view.serial, sizeof view.serial);
	struct cert_crl *crl = list_of(&w, list, CERT_REASON_N, NOW);
	assert_true(cert_crl_has(crl, view.serial) && cert_crl_has(crl, "1") && !cert_crl_has(crl, "3"));
	assert_true(cert_crl_has(crl, "no number"));
	expect(&w, &der, crl, NOW, "was revoked");
	assert_ok(cert_client_check(str_of_der(&bob), buf_str(&w.ca_pem), crl, NOW, &view, &diag));
	cert_crl_free(crl);
	close_world(&w);
}

/* A certificate by the CA's key with what the CA itself never writes. */
static void sign(const struct world *w, const char *eku, const char *san, struct der *out)
{
	X509V3_CTX ctx;
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509V3_set_ctx(&ctx, w->ca_cert, x, NULL, NULL, 0);
	assert_int_equal(X509_set_version(x, X509_VERSION_3) & ASN1_INTEGER_set(X509_get_serialNumber(x), 77), 1);
	ASN1_TIME_adj(X509_getm_notBefore(x), NOW - 1, 0, 0);
	ASN1_TIME_adj(X509_getm_notAfter(x), NOW + 1000, 0, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)"ann", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(w->ca_cert));
	X509_set_pubkey(x, key);
	const struct {
		int nid;
		const char *value;
	} rows[] = { { NID_basic_constraints, "critical,CA:FALSE" }, { NID_authority_key_identifier, "keyid:always" },
		{ NID_subject_key_identifier, "hash" }, { NID_ext_key_usage, eku }, { NID_subject_alt_name, san } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		X509_EXTENSION *e = rows[i].value != NULL ? X509V3_EXT_conf_nid(NULL, &ctx, rows[i].nid, rows[i].value) : NULL;
		assert_true(rows[i].value == NULL || (e != NULL && X509_add_ext(x, e, -1) == 1));
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, w->ca_key, EVP_sha384()) > 0);
	to_der(x, out);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void names_and_purposes(void **state)
{
	static const struct {
		const char *eku, *san, *why; /* NULL: taken */
	} rows[] = {
		{ "clientAuth", "URI:sip:ann@example.test", NULL },
		{ "clientAuth", "URI:SIP:Ann@Example.test,email:ann@example.test,DNS:a.example.test", NULL },
		{ "clientAuth", NULL, "names no SIP address" },
		{ "clientAuth", "email:ann@example.test", "names no SIP address" },
		{ "clientAuth", "DNS:sip.example.test", "names no SIP address" },
		{ "clientAuth", "URI:https://example.test/ann", "does not name one" },
		{ "clientAuth", "URI:sip:ann@example.test,URI:sip:bob@example.test", "does not name one" },
		{ "clientAuth", "URI:sip:ann@example.test,URI:https://x/", "does not name one" },
		{ "clientAuth", "URI:sips:ann@example.test", "does not name one" },
		{ "clientAuth", "URI:sip:example.test", "does not name one" },
		{ "clientAuth", "URI:sip:ann@", "does not name one" },
		{ "clientAuth", "URI:sip:@example.test", "does not name one" },
		{ "clientAuth", "URI:sip:ann@example.test;x=y", "does not name one" },
		{ "clientAuth", "URI:sip:ann@bob@example.test", "does not name one" },
		{ "clientAuth", "URI:sip:ann%40x@example.test", "does not name one" },
		{ "serverAuth", "URI:sip:ann@example.test", "not one for people" },
		{ "serverAuth,clientAuth", "URI:sip:ann@example.test", "not one for people" },
		{ "anyExtendedKeyUsage", "URI:sip:ann@example.test", "not one for people" },
		{ "clientAuth,anyExtendedKeyUsage", "URI:sip:ann@example.test", "not one for people" },
		{ "emailProtection", "URI:sip:ann@example.test", "not one for people" },
		{ NULL, "URI:sip:ann@example.test", "not one for people" },
	};
	struct world w;
	open_world(&w, TOPO_EC_P256);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct der der;
		struct cert_client_view view;
		sign(&w, rows[i].eku, rows[i].san, &der);
		if (rows[i].why != NULL) {
			expect(&w, &der, w.crl, NOW, rows[i].why);
			continue;
		}
		assert_ok(cert_client_check(str_of_der(&der), buf_str(&w.ca_pem), w.crl, NOW, &view, &diag));
		assert_string_equal(view.address, "ann@example.test");
		assert_string_equal(view.serial, "4D");
	}
	close_world(&w);
}

static void whole_and_unchanged(void **state)
{
	struct world w;
	struct der der, changed;
	struct cert_client_view view;
	open_world(&w, TOPO_EC_P256);
	issue(&w, "ann@example.test", &der);
	for (size_t n = 0; n < der.n; n++)
		assert_true(err_is(cert_client_check((str){ der.bytes, n }, buf_str(&w.ca_pem), w.crl, NOW, &view, &diag), ERR_REFUSED));
	for (size_t i = 0; i < der.n; i += 3) {
		changed = der;
		changed.bytes[i] ^= 0x21;
		assert_true(err_is(cert_client_check(str_of_der(&changed), buf_str(&w.ca_pem), w.crl, NOW, &view, &diag), ERR_REFUSED));
	}
	changed = der;
	changed.bytes[changed.n++] = 0;
	assert_true(err_is(cert_client_check(str_of_der(&changed), buf_str(&w.ca_pem), w.crl, NOW, &view, &diag), ERR_REFUSED));
	assert_true(err_is(cert_client_check(str_of_der(&der), STR("no certificate"), w.crl, NOW, &view, &diag), ERR_REFUSED));
	close_world(&w);
}

/* ---- lists ---- */

static void lists_of_others(void **state)
{
	struct world w, other;
	struct buf der;
	struct cert_crl *crl;
	open_world(&w, TOPO_EC_P256);
	open_world(&other, TOPO_EC_P256);
	buf_init(&der, CERT_CRL_MAX);
	assert_ok(cert_ca_crl(other.ca, NULL, 0, NOW, &der));
	assert_true(err_is(cert_crl_read(buf_str(&der), buf_str(&w.ca_pem), &crl, &diag), ERR_REFUSED));
	for (size_t n = 0; n < der.n; n++)
		assert_true(err_is(cert_crl_read(str_cut(buf_str(&der), 0, n), buf_str(&other.ca_pem), &crl, &diag), ERR_MALFORMED));
	buf_add_char(&der, 'x');
	assert_true(err_is(cert_crl_read(buf_str(&der), buf_str(&other.ca_pem), &crl, &diag), ERR_MALFORMED));
	buf_fini(&der);
	close_world(&w);
	close_world(&other);
}

static void reasons(void **state)
{
	enum cert_reason r;
	for (unsigned i = 0; i < CERT_REASON_N; i++) {
		assert_true(cert_reason_find(str_of(cert_reason_word((enum cert_reason)i)), &r));
		assert_int_equal(r, i);
	}
	assert_true(cert_reason_find(STR("keycompromise"), &r) && r == CERT_KEY_COMPROMISE);
	assert_false(cert_reason_find(STR("anger"), &r) || cert_reason_find(STR(""), &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_issued_is_taken),
		cmocka_unit_test(a_password_seals_it),
		cmocka_unit_test(nothing_outlives_the_ca),
		cmocka_unit_test(time_and_authority),
		cmocka_unit_test(a_list_that_has_ended_says_nothing),
		cmocka_unit_test(what_was_revoked),
		cmocka_unit_test(names_and_purposes),
		cmocka_unit_test(whole_and_unchanged),
		cmocka_unit_test(lists_of_others),
		cmocka_unit_test(reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
