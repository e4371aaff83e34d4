/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says, for people. */
#include "service/cert/cert_priv.h"

#include "base/enc.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void upper_hex(const unsigned char *bytes, size_t n, char out[41])
{
	n = n < 20 ? n : 20;
	enc_hex(bytes, n, out);
	out[2 * n] = '\0';
	for (char *p = out; *p != '\0'; p++)
		*p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
}

static str name_text(const X509_NAME *name, struct arena *a)
{
	char *p = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	str s = { NULL, 0 };
	if (bio != NULL &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		long n = BIO_get_mem_data(bio, &p);
		s = arena_copy(a, (str){ p, n > 0 ? (size_t)n : 0 });
	}
	BIO_free(bio);
	return s;
}

static str ia5(const ASN1_STRING *s, struct arena *a)
{
	int n = ASN1_STRING_length(s);
	return arena_copy(a, (str){ (const char *)ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0 });
}

static err read_san(X509 *x, struct arena *a, struct topo_names *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	*out = (struct topo_names){ arena_alloc(a, (size_t)n * sizeof(str)), 0 };
	bool ok = out->p != NULL;
	for (int i = 0; ok && i < n; i++) {
		int type;
		const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		if (type != GEN_DNS)
			continue;
		out->p[out->n] = ia5(value, a);
		ok = out->p[out->n++].p != NULL;
	}
	GENERAL_NAMES_free(names);
	return ok ? OK : ERR(CEILING);
}

static err read_crl_url(X509 *x, struct arena *a, str *out)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);
	*out = (str){ "", 0 };
	if (points != NULL && sk_DIST_POINT_num(points) > 0) {
		const DIST_POINT_NAME *name = sk_DIST_POINT_value(points, 0)->distpoint;
		int type = GEN_DNS;
		const ASN1_STRING *value = NULL;
		if (name != NULL && name->type == 0 && sk_GENERAL_NAME_num(name->name.fullname) > 0)
			value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(name->name.fullname, 0), &type);
		if (value != NULL && type == GEN_URI)
			*out = ia5(value, a);
	}
	CRL_DIST_POINTS_free(points);
	return out->p != NULL ? OK : ERR(CEILING);
}

static str key_text(X509 *x, struct arena *a)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char z[64] = "unknown", curve[32] = "";
	if (key != NULL && EVP_PKEY_is_a(key, "RSA"))
		(void)snprintf(z, sizeof z, "rsa-%d", EVP_PKEY_get_bits(key));
	else if (key != NULL && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1)
		(void)snprintf(z, sizeof z, "ec-p%d", EVP_PKEY_get_bits(key));
	return arena_copy(a, str_of(z));
}

bool cert_serial_text(const ASN1_INTEGER *serial, char out[CERT_SERIAL])
{
	unsigned char bytes[20];
	BIGNUM *bn = ASN1_INTEGER_to_BN(serial, NULL);
	bool ok = bn != NULL && BN_num_bytes(bn) <= (int)sizeof bytes;
	if (ok)
		upper_hex(bytes, (size_t)BN_bn2bin(bn, bytes), out);
	BN_free(bn);
	return ok;
}

static bool read_digests(X509 *x, struct cert_view *out)
{
	unsigned char sha1[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (X509_digest(x, EVP_sha1(), sha1, &n) != 1)
		return false;
	upper_hex(sha1, n, out->thumbprint);
	return cert_spki(x, out->spki);
}

static bool read_times(X509 *x, struct cert_view *out)
{
	struct tm from, to;
	if (ASN1_TIME_to_tm(X509_get0_notBefore(x), &from) != 1 || ASN1_TIME_to_tm(X509_get0_notAfter(x), &to) != 1)
		return false;
	out->not_before = (int64_t)timegm(&from);
	out->not_after = (int64_t)timegm(&to);
	return true;
}

static err view(X509 *x, struct arena *a, struct cert_view *out)
{
	*out = (struct cert_view){ .subject = name_text(X509_get_subject_name(x), a),
		.issuer = name_text(X509_get_issuer_name(x), a),
		.key = key_text(x, a) };
	ENSURE(out->subject.p != NULL && out->issuer.p != NULL && out->key.p != NULL, CEILING);
	TRY(read_san(x, a, &out->san));
	TRY(read_crl_url(x, a, &out->crl_url));
	ENSURE(cert_serial_text(X509_get0_serialNumber(x), out->serial) && read_digests(x, out) && read_times(x, out), MALFORMED);
	return OK;
}

err cert_read(str pem, struct arena *a, struct cert_view *out, struct diag *d)
{
	BIO *bio = cert_bio(pem);
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	err e = x != NULL ? view(x, a, out) : ERR(MALFORMED);
	X509_free(x);
	ERR_clear_error();
	if (failed(e))
		return diag_fail(d, e, "certificate", "restore it or issue a new one", "%s",
			x == NULL ? "it is not a certificate in PEM" : e.def->text);
	return OK;
}
