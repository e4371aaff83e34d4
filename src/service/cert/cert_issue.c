/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in CA: a root that signs servers' certificates directly (RFC 5280). */
#include "service/cert/cert_priv.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_SECONDS 86400
#define SERIAL_BITS 128

struct cert_ca {
	EVP_PKEY *key;
	X509 *cert;
};

EVP_PKEY *cert_ca_key(const struct cert_ca *ca)
{
	return ca->key;
}

X509 *cert_ca_cert(const struct cert_ca *ca)
{
	return ca->cert;
}

err cert_openssl(struct diag *d, const char *what)
{
	char reason[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();
	if (code != 0)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return diag_fail(d, ERR(INTERNAL), what, "", "OpenSSL: %s", reason);
}

bool cert_spki(const X509 *x, uint8_t out[32])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return ok;
}

BIO *cert_bio(str s)
{
	return s.n <= CERT_PEM_MAX ? BIO_new_mem_buf(s.p, (int)s.n) : NULL;
}

/* ---- keys ---- */

static const struct {
	int rsa_bits; /* or */
	const char *curve;
	const EVP_MD *(*hash)(void); /* that a CA with such a key signs with */
} key_types[TOPO_KEY_TYPE_N] = {
	[TOPO_RSA_2048] = { 2048, NULL, EVP_sha256 },
	[TOPO_RSA_3072] = { 3072, NULL, EVP_sha256 },
	[TOPO_RSA_4096] = { 4096, NULL, EVP_sha256 },
	[TOPO_EC_P256] = { 0, "P-256", EVP_sha256 },
	[TOPO_EC_P384] = { 0, "P-384", EVP_sha384 },
};

static EVP_PKEY *key_new(enum topo_key_type type)
{
	if (key_types[type].curve != NULL)
		return EVP_EC_gen(key_types[type].curve);
	return EVP_RSA_gen((unsigned)key_types[type].rsa_bits);
}

const EVP_MD *cert_hash_of(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

static void put_bio(BIO *bio, struct buf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);
	if (n > 0)
		buf_add(out, (str){ p, (size_t)n });
}

/* Through secure memory, which OpenSSL wipes when it frees it. */
bool cert_put_key(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (ok)
		put_bio(bio, out);
	BIO_free(bio);
	return ok && !out->failed;
}

bool cert_put_cert(X509 *x, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL && PEM_write_bio_X509(bio, x) == 1;
	if (ok)
		put_bio(bio, out);
	BIO_free(bio);
	return ok && !out->failed;
}

/* ---- parts of a certificate ---- */

static bool set_serial(X509 *x)
{
	BIGNUM *bn = BN_new();
	bool ok = bn != NULL && BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
	BN_free(bn);
	return ok;
}

static bool add_rdn(X509_NAME *name, const char *field, str s)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)s.p, (int)s.n, -1, 0) == 1;
}

static bool set_times(X509 *x, int64_t from, int64_t to)
{
	return ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)from, 0, 0) != NULL &&
	       ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)to, 0, 0) != NULL;
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

struct extension {
	int nid;
	const char *value;
};

static bool add_extensions(X509 *x, X509 *issuer, const struct extension *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (e[i].value != NULL && !add_extension(x, issuer, e[i].nid, e[i].value))
			return false;
	return true;
}

bool cert_push_name(GENERAL_NAMES *names, int type, str s)
{
	GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_IA5STRING *ia5 = ASN1_IA5STRING_new();
	if (gn == NULL || ia5 == NULL || ASN1_STRING_set(ia5, s.p, (int)s.n) != 1) {
		GENERAL_NAME_free(gn);
		ASN1_IA5STRING_free(ia5);
		return false;
	}
	GENERAL_NAME_set0_value(gn, type, ia5);
	if (sk_GENERAL_NAME_push(names, gn) > 0)
		return true;
	GENERAL_NAME_free(gn);
	return false;
}

/* Built by hand: the URL of an administrator is never a text that OpenSSL's configuration language reads. */
static bool add_crl_url(X509 *x, str url)
{
	CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
	DIST_POINT *point = DIST_POINT_new();
	bool ok = points != NULL && point != NULL && (point->distpoint = DIST_POINT_NAME_new()) != NULL;
	if (ok) {
		point->distpoint->type = 0;
		point->distpoint->name.fullname = GENERAL_NAMES_new();
		ok = point->distpoint->name.fullname != NULL &&
		     cert_push_name(point->distpoint->name.fullname, GEN_URI, url);
	}
	if (ok && sk_DIST_POINT_push(points, point) > 0)
		point = NULL;
	ok = ok && point == NULL &&
	     X509_add1_ext_i2d(x, NID_crl_distribution_points, points, 0, X509V3_ADD_DEFAULT) == 1;
	DIST_POINT_free(point);
	sk_DIST_POINT_pop_free(points, DIST_POINT_free);
	return ok;
}

/* ---- the CA ---- */

/* The first octets of UTF-8 text, not cut inside a character. */
str cert_cut_text(str s, size_t most)
{
	if (s.n <= most)
		return s;
	while (most > 0 && ((unsigned char)s.p[most] & 0xc0) == 0x80)
		most--;
	return str_cut(s, 0, most);
}

static bool fill_root(X509 *x, EVP_PKEY *key, str organization, int64_t now)
{
	static const struct extension extensions[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
	};
	char cn[65]; /* RFC 5280 A.1: at most 64 */
	(void)snprintf(cn, sizeof cn, "%.*s root CA", STR_FMT(cert_cut_text(organization, sizeof cn - sizeof " root CA")));
	X509_NAME *name = X509_get_subject_name(x);
	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && add_rdn(name, "O", organization) &&
	       add_rdn(name, "CN", str_of(cn)) && X509_set_issuer_name(x, name) == 1 &&
	       set_times(x, now - CERT_SKEW_SECONDS, now - CERT_SKEW_SECONDS + (int64_t)CERT_CA_DAYS * DAY_SECONDS) &&
	       X509_set_pubkey(x, key) == 1 &&
	       add_extensions(x, x, extensions, sizeof extensions / sizeof *extensions) &&
	       X509_sign(x, key, cert_hash_of(key)) > 0;
}

err cert_ca_new(str organization, enum topo_key_type servers, int64_t now, struct cert_ca **out, struct diag *d)
{
	struct cert_ca *ca = calloc(1, sizeof *ca);
	ENSURE(ca != NULL, NO_MEMORY);
	ca->key = key_new(key_types[servers].curve != NULL ? TOPO_EC_P384 : TOPO_RSA_3072);
	ca->cert = X509_new();
	if (ca->key != NULL && ca->cert != NULL && fill_root(ca->cert, ca->key, organization, now)) {
		*out = ca;
		return OK;
	}
	cert_ca_free(ca);
	return cert_openssl(d, "root certificate");
}

err cert_ca_read(str cert_pem, str key_pem, struct cert_ca **out, struct diag *d)
{
	struct cert_ca *ca = calloc(1, sizeof *ca);
	ENSURE(ca != NULL, NO_MEMORY);
	BIO *cert = cert_bio(cert_pem), *key = cert_bio(key_pem);
	if (cert != NULL && key != NULL) {
		ca->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
		ca->key = PEM_read_bio_PrivateKey(key, NULL, NULL, (char[]){ "" });
	}
	BIO_free(cert);
	BIO_free(key);
	ERR_clear_error();
	err e = OK;
	if (ca->cert == NULL)
		e = diag_fail(d, ERR(MALFORMED), "ca.pem", "restore it from a copy", "it is not a certificate in PEM");
	else if (ca->key == NULL)
		e = diag_fail(
			d, ERR(MALFORMED), "ca/ca.key", "restore it from a copy", "it is not a private key in PEM");
	else if (X509_check_private_key(ca->cert, ca->key) != 1)
		e = diag_fail(d, ERR(REFUSED), "ca/ca.key", "restore both files from the same copy",
			"it is not the key of ca.pem");
	ERR_clear_error();
	if (failed(e))
		cert_ca_free(ca);
	else
		*out = ca;
	return e;
}

void cert_ca_free(struct cert_ca *ca)
{
	if (ca == NULL)
		return;
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	free(ca);
}

void cert_ca_pem(const struct cert_ca *ca, struct buf *out)
{
	if (!cert_put_cert(ca->cert, out))
		out->failed = true;
}

void cert_ca_key_pem(const struct cert_ca *ca, struct buf *out)
{
	if (!cert_put_key(ca->key, out))
		out->failed = true;
}

/* ---- issuing ---- */

static bool fill_leaf(const struct cert_ca *ca, const struct cert_leaf *l, int64_t from, int64_t to, EVP_PKEY *key, X509 *x)
{
	const bool rsa = EVP_PKEY_is_a(key, "RSA");
	const struct extension extensions[] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, rsa && !l->signs_only ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature" },
		{ NID_ext_key_usage, l->usage },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	};
	X509_NAME *name = X509_get_subject_name(x);
	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && add_rdn(name, "O", l->organization) &&
	       add_rdn(name, "CN", l->cn) && X509_set_issuer_name(x, X509_get_subject_name(ca->cert)) == 1 &&
	       set_times(x, from, to) && X509_set_pubkey(x, key) == 1 &&
	       add_extensions(x, ca->cert, extensions, sizeof extensions / sizeof *extensions) &&
	       (sk_GENERAL_NAME_num(l->names) == 0 || X509_add1_ext_i2d(x, NID_subject_alt_name, l->names, 0, X509V3_ADD_DEFAULT) == 1) &&
	       (l->crl_url.n == 0 || add_crl_url(x, l->crl_url)) && X509_sign(x, ca->key, cert_hash_of(ca->key)) > 0;
}

int64_t cert_time_of(const ASN1_TIME *t)
{
	struct tm tm;
	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

err cert_leaf_issue(const struct cert_ca *ca, const struct cert_leaf *l, int64_t now, EVP_PKEY **key, X509 **x, struct diag *d)
{
	int64_t from = now - CERT_SKEW_SECONDS, to = from + (int64_t)l->days * DAY_SECONDS, end = cert_time_of(X509_get0_notAfter(ca->cert));
	*key = NULL;
	*x = NULL;
	if (now >= end)
		return diag_fail(d, ERR(REFUSED), "ca.pem", "make a new deployment", "the CA certificate has ended");
	*key = key_new(l->key);
	*x = X509_new();
	if (*key != NULL && *x != NULL && l->names != NULL && fill_leaf(ca, l, from, to < end ? to : end, *key, *x))
		return OK;
	return cert_openssl(d, l->what);
}

static GENERAL_NAMES *names_of(const struct plan_certificate *plan)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = names != NULL;
	for (size_t i = 0; ok && i < plan->san.n; i++)
		ok = cert_push_name(names, GEN_DNS, plan->san.p[i].name);
	if (ok)
		return names;
	GENERAL_NAMES_free(names);
	return NULL;
}

err cert_issue(const struct cert_ca *ca, const struct plan_certificate *plan, str organization, int64_t now,
	struct cert_pair *out, struct diag *d)
{
	buf_init(&out->key_pem, CERT_PEM_MAX);
	buf_init(&out->chain_pem, CERT_PEM_MAX);
	EVP_PKEY *key;
	X509 *x;
	struct cert_leaf leaf = { .what = "server certificate", .organization = organization, .cn = plan->cn,
		.usage = plan->client_auth ? "serverAuth,clientAuth" : "serverAuth", .names = names_of(plan), .crl_url = plan->crl_url,
		.key = plan->key, .days = CERT_SERVER_DAYS };
	err e = cert_leaf_issue(ca, &leaf, now, &key, &x, d);
	if (!failed(e) && (!cert_put_cert(x, &out->chain_pem) || !cert_put_key(key, &out->key_pem) || !cert_spki(x, out->spki)))
		e = cert_openssl(d, leaf.what);
	GENERAL_NAMES_free(leaf.names);
	EVP_PKEY_free(key);
	X509_free(x);
	return e;
}

void cert_pair_fini(struct cert_pair *pair)
{
	if (pair->key_pem.p != NULL)
		OPENSSL_cleanse(pair->key_pem.p, pair->key_pem.size);
	buf_fini(&pair->key_pem);
	buf_fini(&pair->chain_pem);
}
