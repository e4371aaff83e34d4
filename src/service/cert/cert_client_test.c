/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of people: what is issued is taken, everything else is refused with its reason. */
#include "service/cert/cert_world.h"

#include <openssl/x509v3.h>

/* The world, and what the server has of it. */
struct server {
	struct world w;
	struct buf ca_pem; /* the authority, then its root */
	struct cert_crl *crl;
};

static struct cert_crl *crl_of(const struct server *s, const struct cert_revoked *list, size_t n, int64_t now)
{
	struct buf der;
	struct cert_crl *crl;
	struct world w = s->w;
	w.now = now;
	list_of(&w, list, n, &der);
	assert_ok(cert_crl_read(buf_str(&der), buf_str(&s->ca_pem), &crl, &diag));
	buf_fini(&der);
	return crl;
}

static void server_open(struct server *s, enum cert_key kind)
{
	world_open(&s->w, kind, NOW);
	buf_init(&s->ca_pem, CERT_PEM_MAX);
	cert_pem_print(buf_str(&s->w.authority.der), &s->ca_pem);
	cert_pem_print(buf_str(&s->w.root.der), &s->ca_pem);
	s->crl = crl_of(s, NULL, 0, NOW);
}

static void server_close(struct server *s)
{
	cert_crl_free(s->crl);
	buf_fini(&s->ca_pem);
	world_close(&s->w);
}

struct der {
	char bytes[CERT_CLIENT_DER_MAX];
	size_t n;
};

static str str_of_der(const struct der *d)
{
	return (str){ d->bytes, d->n };
}

static X509 *x509_of(str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(x);
	return x;
}

static void to_der(X509 *x, struct der *out)
{
	unsigned char *p = (unsigned char *)out->bytes;
	out->n = (size_t)i2d_X509(x, &p);
}

/* For a key of the authority's kind. */
static void issue(struct server *s, const char *address, struct der *out)
{
	struct cert_client who = person_order();
	struct buf tbs;
	enum cert_alg alg;
	who.address = str_of(address);
	buf_init(&tbs, CERT_DER_MAX);
	assert_ok(cert_tbs_client(&who, buf_str(&s->w.server.spki), buf_str(&s->w.authority.der), NOW, &tbs, &alg, &diag));
	seal_by(&s->w.authority, &tbs, alg, &s->w.server.der);
	buf_fini(&tbs);
	assert_true(s->w.server.der.n <= sizeof out->bytes);
	out->n = s->w.server.der.n;
	memcpy(out->bytes, s->w.server.der.p, out->n);
}

/* ---- what is issued ---- */

static void what_is_issued_is_taken(void **state)
{
	static const enum cert_key kinds[] = { CERT_EC_P256, CERT_RSA_2048, CERT_EC_P384 };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct server s;
		struct der der;
		struct cert_client_view view;
		struct cert_view seen;
		server_open(&s, kinds[i]);
		issue(&s, "ann@example.test", &der);
		X509 *x = x509_of(str_of_der(&der));
		assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
		assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
		assert_int_equal(X509_check_email(x, "ann@example.test", 0, 0), 1);
		assert_ok(cert_client_check(str_of_der(&der), buf_str(&s.ca_pem), s.crl, NOW, &view, &diag));
		assert_ok(cert_view_read(str_of_der(&der), &arena, &seen, &diag));
		assert_string_equal(view.address, "ann@example.test");
		assert_string_equal(view.serial, seen.serial);
		assert_int_equal(view.expires, NOW - 3600 + 365 * DAY);
		X509_free(x);
		server_close(&s);
	}
}

/* Hours instead of days count from now on; they end with the issuer, as days do. */
static void seconds_instead_of_days(void **state)
{
	static const struct {
		uint32_t days, seconds;
		int64_t want; /* 0: refused */
	} cases[] = { { 0, 8 * 3600, NOW + 8 * 3600 }, { 365, 3600, NOW + 3600 }, { 0, 0, 0 }, { 0, (CERT_CLIENT_DAYS_MAX + 1) * 86400, 0 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server s;
		struct cert_client who = person_order();
		struct cert_view view;
		struct buf tbs;
		enum cert_alg alg;
		server_open(&s, CERT_EC_P256);
		buf_init(&tbs, CERT_DER_MAX);
		who.days = cases[i].days;
		who.seconds = cases[i].seconds;
		err e = cert_tbs_client(&who, buf_str(&s.w.server.spki), buf_str(&s.w.authority.der), NOW, &tbs, &alg, &diag);
		assert_true(cases[i].want != 0 ? !failed(e) : err_is(e, ERR_REFUSED));
		if (!failed(e)) {
			seal_by(&s.w.authority, &tbs, alg, &s.w.server.der);
			assert_ok(cert_view_read(buf_str(&s.w.server.der), &arena, &view, &diag));
			assert_int_equal(view.not_after, cases[i].want);
		}
		buf_fini(&tbs);
		server_close(&s);
	}
}

/* ---- what is refused ---- */

static void expect(const struct server *s, const struct der *der, const struct cert_crl *crl, int64_t now, const char *why)
{
	struct cert_client_view view;
	diag = (struct diag){ 0 };
	err e = cert_client_check(str_of_der(der), buf_str(&s->ca_pem), crl, now, &view, &diag);
	if (!err_is(e, ERR_REFUSED) || strstr(diag.what, why) == NULL || view.address[0] != '\0')
		fail_msg("%s, \"%s\", not \"%s\"", failed(e) ? e.def->name : "OK", diag.what, why);
}

static void time_and_authority(void **state)
{
	struct server s, other;
	struct der der;
	server_open(&s, CERT_EC_P256);
	server_open(&other, CERT_EC_P256);
	issue(&s, "ann@example.test", &der);
	struct cert_crl *later = crl_of(&s, NULL, 0, NOW + 364 * DAY), *before = crl_of(&s, NULL, 0, NOW - DAY);
	expect(&s, &der, later, NOW + 366 * DAY, "certificate has expired");
	expect(&s, &der, before, NOW - 3601, "certificate is not valid yet");
	expect(&s, &der, s.crl, NOW - 3601, "list is not valid yet");
	expect(&s, &der, later, NOW + 365 * DAY - 3601 + 3600, "certificate has expired");
	expect(&s, &der, NULL, NOW, "no revocation list");
	expect(&other, &der, other.crl, NOW, "another authority");
	cert_crl_free(later);
	cert_crl_free(before);
	server_close(&s);
	server_close(&other);
}

static void a_list_that_has_ended_says_nothing(void **state)
{
	struct server s;
	struct der der;
	struct cert_client_view view;
	server_open(&s, CERT_EC_P256);
	struct cert_crl *old = crl_of(&s, NULL, 0, NOW - 7 * DAY);
	issue(&s, "ann@example.test", &der);
	assert_int_equal(cert_crl_ends(old), NOW);
	assert_ok(cert_client_check(str_of_der(&der), buf_str(&s.ca_pem), old, NOW - 1, &view, &diag));
	expect(&s, &der, old, NOW + 1, "revocation list has ended");
	cert_crl_free(old);
	server_close(&s);
}

static void what_was_revoked(void **state)
{
	struct server s;
	struct der der, bob;
	struct cert_client_view view;
	server_open(&s, CERT_RSA_2048);
	issue(&s, "ann@example.test", &der);
	issue(&s, "bob@example.test", &bob);
	assert_ok(cert_client_check(str_of_der(&der), buf_str(&s.ca_pem), s.crl, NOW, &view, &diag));
	struct cert_revoked list[CERT_REASON_N] = { { .serial = "0" } };
	for (unsigned i = 0; i < CERT_REASON_N; i++) {
		list[i] = (struct cert_revoked){ .when = NOW, .reason = (enum cert_reason)i };
		(void)snprintf(list[i].serial, sizeof list[i].serial, "%X", i + 1);
	}
	memcpy(list[2].serial, view.serial, sizeof view.serial);
	struct cert_crl *crl = crl_of(&s, list, CERT_REASON_N, NOW);
	assert_true(cert_crl_has(crl, view.serial) && cert_crl_has(crl, "1") && !cert_crl_has(crl, "3"));
	assert_true(cert_crl_has(crl, "no number"));
	expect(&s, &der, crl, NOW, "was revoked");
	assert_ok(cert_client_check(str_of_der(&bob), buf_str(&s.ca_pem), crl, NOW, &view, &diag));
	cert_crl_free(crl);
	server_close(&s);
}

/* A certificate by the CA's key with what the CA itself never writes. */
static void sign(const struct server *s, const char *eku, const char *san, struct der *out)
{
	X509V3_CTX ctx;
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca_cert = x509_of(buf_str(&s->w.authority.der));
	const unsigned char *p = (const unsigned char *)s->w.authority.key.p;
	EVP_PKEY *ca_key = d2i_AutoPrivateKey(NULL, &p, (long)s->w.authority.key.n);
	assert_non_null(ca_key);
	X509V3_set_ctx(&ctx, ca_cert, x, NULL, NULL, 0);
	assert_int_equal(X509_set_version(x, X509_VERSION_3) & ASN1_INTEGER_set(X509_get_serialNumber(x), 77), 1);
	ASN1_TIME_adj(X509_getm_notBefore(x), NOW - 1, 0, 0);
	ASN1_TIME_adj(X509_getm_notAfter(x), NOW + 1000, 0, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)"ann", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(ca_cert));
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
	assert_true(X509_sign(x, ca_key, EVP_sha256()) > 0);
	to_der(x, out);
	X509_free(x);
	X509_free(ca_cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
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
	struct server s;
	server_open(&s, CERT_EC_P256);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct der der;
		struct cert_client_view view;
		sign(&s, rows[i].eku, rows[i].san, &der);
		if (rows[i].why != NULL) {
			expect(&s, &der, s.crl, NOW, rows[i].why);
			continue;
		}
		assert_ok(cert_client_check(str_of_der(&der), buf_str(&s.ca_pem), s.crl, NOW, &view, &diag));
		assert_string_equal(view.address, "ann@example.test");
		assert_string_equal(view.serial, "4D");
	}
	server_close(&s);
}

static void whole_and_unchanged(void **state)
{
	struct server s;
	struct der der, changed;
	struct cert_client_view view;
	server_open(&s, CERT_EC_P256);
	issue(&s, "ann@example.test", &der);
	for (size_t n = 0; n < der.n; n++)
		assert_true(err_is(cert_client_check((str){ der.bytes, n }, buf_str(&s.ca_pem), s.crl, NOW, &view, &diag), ERR_REFUSED));
	for (size_t i = 0; i < der.n; i += 3) {
		changed = der;
		changed.bytes[i] ^= 0x21;
		assert_true(err_is(cert_client_check(str_of_der(&changed), buf_str(&s.ca_pem), s.crl, NOW, &view, &diag), ERR_REFUSED));
	}
	changed = der;
	changed.bytes[changed.n++] = 0;
	assert_true(err_is(cert_client_check(str_of_der(&changed), buf_str(&s.ca_pem), s.crl, NOW, &view, &diag), ERR_REFUSED));
	assert_true(err_is(cert_client_check(str_of_der(&der), STR("no certificate"), s.crl, NOW, &view, &diag), ERR_REFUSED));
	server_close(&s);
}

/* ---- lists ---- */

static void lists_of_others(void **state)
{
	struct server s, other;
	struct buf der;
	struct cert_crl *crl;
	server_open(&s, CERT_EC_P256);
	server_open(&other, CERT_EC_P256);
	list_of(&other.w, NULL, 0, &der);
	assert_true(err_is(cert_crl_read(buf_str(&der), buf_str(&s.ca_pem), &crl, &diag), ERR_REFUSED));
	for (size_t n = 0; n < der.n; n++)
		assert_true(err_is(cert_crl_read(str_cut(buf_str(&der), 0, n), buf_str(&other.ca_pem), &crl, &diag), ERR_MALFORMED));
	buf_add_char(&der, 'x');
	assert_true(err_is(cert_crl_read(buf_str(&der), buf_str(&other.ca_pem), &crl, &diag), ERR_MALFORMED));
	buf_fini(&der);
	server_close(&s);
	server_close(&other);
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
		TEST(what_is_issued_is_taken),
		TEST(seconds_instead_of_days),
		TEST(time_and_authority),
		TEST(a_list_that_has_ended_says_nothing),
		TEST(what_was_revoked),
		TEST(names_and_purposes),
		TEST(whole_and_unchanged),
		TEST(lists_of_others),
		TEST(reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
