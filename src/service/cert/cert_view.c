/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says, for people and for who judges it. */
#include "service/cert/cert_priv.h"

#include "base/enc.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void upper(char *z)
{
	for (; *z != '\0'; z++)
		*z = (char)(*z >= 'a' && *z <= 'f' ? *z - 32 : *z);
}

static void upper_hex(const unsigned char *bytes, size_t n, char out[41])
{
	n = n < 20 ? n : 20;
	enc_hex(bytes, n, out);
	out[2 * n] = '\0';
	upper(out);
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

/* ---- the key ---- */

static str curve_text(const EVP_PKEY *key, struct arena *a)
{
	char curve[32] = "";
	const char *nist = NULL;
	if (key != NULL && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1)
		nist = EC_curve_nid2nist(OBJ_txt2nid(curve));
	return arena_copy(a, str_of(nist != NULL ? nist : curve));
}

str cert_key_text(EVP_PKEY *key, struct arena *a)
{
	char z[64] = "unknown", curve[32] = "";
	if (key != NULL && EVP_PKEY_is_a(key, "RSA"))
		(void)snprintf(z, sizeof z, "rsa-%d", EVP_PKEY_get_bits(key));
	else if (key != NULL && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1)
		(void)snprintf(z, sizeof z, "ec-p%d", EVP_PKEY_get_bits(key));
	else if (key != NULL && EVP_PKEY_get0_type_name(key) != NULL)
		(void)snprintf(z, sizeof z, "%s", EVP_PKEY_get0_type_name(key));
	return arena_copy(a, str_of(z));
}

static err read_key(X509 *x, struct arena *a, struct cert_view *out)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	int bits = key != NULL ? EVP_PKEY_get_bits(key) : 0, md = NID_undef;
	out->key = cert_key_text(key, a);
	out->key_bits = bits > 0 ? (uint32_t)bits : 0;
	out->curve = curve_text(key, a);
	out->signature = arena_copy(a, str_of(OBJ_nid2ln(X509_get_signature_nid(x))));
	(void)X509_get_signature_info(x, &md, NULL, NULL, NULL);
	out->hash = arena_copy(a, str_of(md != NID_undef ? OBJ_nid2ln(md) : ""));
	ENSURE(out->key.p != NULL && out->curve.p != NULL && out->signature.p != NULL && out->hash.p != NULL, CEILING);
	return OK;
}

/* ---- extensions ---- */

static err read_usages(X509 *x, struct arena *a, struct cert_view *out)
{
	EXTENDED_KEY_USAGE *usages;
	TRY(cert_extension(x, NID_ext_key_usage, (void **)&usages));
	out->has_usages = usages != NULL;
	err e = cert_usage_words(usages, a, &out->usages);
	EXTENDED_KEY_USAGE_free(usages);
	return e;
}

static err read_key_usage(X509 *x, struct cert_view *out)
{
	ASN1_BIT_STRING *bits;
	TRY(cert_extension(x, NID_key_usage, (void **)&bits));
	out->has_key_usage = bits != NULL;
	if (bits == NULL)
		return OK;
	const unsigned char *p = ASN1_STRING_get0_data(bits);
	int n = ASN1_STRING_length(bits);
	out->key_usage = (n > 0 ? p[0] : 0u) | (n > 1 ? (uint32_t)p[1] << 8 : 0u);
	ASN1_BIT_STRING_free(bits);
	return OK;
}

static err read_constraints(X509 *x, struct cert_view *out)
{
	BASIC_CONSTRAINTS *c;
	int64_t length = -1;
	bool is_fine = true;
	out->path_length = -1;
	TRY(cert_extension(x, NID_basic_constraints, (void **)&c));
	out->has_constraints = c != NULL;
	if (c == NULL)
		return OK;
	out->is_ca = c->ca != 0;
	if (c->pathlen != NULL)
		is_fine = ASN1_INTEGER_get_int64(&length, c->pathlen) == 1 && length >= 0 && length <= INT32_MAX;
	BASIC_CONSTRAINTS_free(c);
	ENSURE(is_fine, MALFORMED);
	out->path_length = (int32_t)length;
	return OK;
}

static str hex_text(const ASN1_OCTET_STRING *s, struct arena *a)
{
	size_t n = s != NULL ? (size_t)ASN1_STRING_length(s) : 0;
	char *p = arena_alloc(a, 2 * n + 1);
	if (p == NULL)
		return (str){ NULL, 0 };
	enc_hex(s != NULL ? ASN1_STRING_get0_data(s) : (const unsigned char *)"", n, p);
	p[2 * n] = '\0';
	upper(p);
	return (str){ p, 2 * n };
}

static err read_identifiers(X509 *x, struct arena *a, struct cert_view *out)
{
	ASN1_OCTET_STRING *own;
	AUTHORITY_KEYID *issuers;
	TRY(cert_extension(x, NID_subject_key_identifier, (void **)&own));
	out->ski = hex_text(own, a);
	ASN1_OCTET_STRING_free(own);
	TRY(cert_extension(x, NID_authority_key_identifier, (void **)&issuers));
	out->aki = hex_text(issuers != NULL ? issuers->keyid : NULL, a);
	AUTHORITY_KEYID_free(issuers);
	ENSURE(out->ski.p != NULL && out->aki.p != NULL, CEILING);
	return OK;
}

static err read_critical(X509 *x, struct arena *a, struct topo_names *out)
{
	int n = X509_get_ext_count(x);
	*out = (struct topo_names){ arena_alloc(a, (size_t)(n > 0 ? n : 0) * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	for (int i = 0; i < n; i++) {
		X509_EXTENSION *e = X509_get_ext(x, i);
		char z[80];
		if (X509_EXTENSION_get_critical(e) == 0 || X509_supported_extension(e) != 0)
			continue;
		(void)OBJ_obj2txt(z, sizeof z, X509_EXTENSION_get_object(e), 1);
		out->p[out->n] = arena_copy(a, str_of(z));
		ENSURE(out->p[out->n++].p != NULL, CEILING);
	}
	return OK;
}

/* ---- all of it ---- */

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
	const X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
	*out = (struct cert_view){ .subject = cert_name_text(subject, a), .issuer = cert_name_text(issuer, a),
		.is_self_issued = X509_NAME_cmp(subject, issuer) == 0, .version = (uint32_t)X509_get_version(x) + 1 };
	ENSURE(out->subject.p != NULL && out->issuer.p != NULL, CEILING);
	ENSURE(cert_serial_text(X509_get0_serialNumber(x), out->serial) && read_digests(x, out) && read_times(x, out), MALFORMED);
	TRY(read_key(x, a, out));
	TRY(cert_name_parts(subject, a, &out->parts, &out->cn));
	TRY(cert_view_names(x, a, out));
	TRY(cert_view_urls(x, a, out));
	TRY(cert_view_permitted(x, a, &out->permitted));
	TRY(read_usages(x, a, out));
	TRY(read_key_usage(x, out));
	TRY(read_constraints(x, out));
	TRY(read_identifiers(x, a, out));
	return read_critical(x, a, &out->critical);
}

static err view_or_say(X509 *x, const char *what, struct arena *a, struct cert_view *out, struct diag *d)
{
	err e = x != NULL ? view(x, a, out) : ERR(MALFORMED);
	ERR_clear_error();
	if (!failed(e))
		return OK;
	return diag_fail(d, e, "certificate", "restore it or issue a new one", "%s", x == NULL ? what :
		err_is(e, ERR_MALFORMED) ? "a part of it cannot be read" : e.def->text);
}

err cert_read(str pem, struct arena *a, struct cert_view *out, struct diag *d)
{
	BIO *bio = cert_bio(pem);
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, cert_no_passphrase, NULL) : NULL;
	BIO_free(bio);
	err e = view_or_say(x, "it is not a certificate in PEM", a, out, d);
	X509_free(x);
	return e;
}

err cert_view_read(str der, struct arena *a, struct cert_view *out, struct diag *d)
{
	X509 *x = cert_x509(der);
	err e = view_or_say(x, "it is not a certificate in DER", a, out, d);
	X509_free(x);
	return e;
}

err cert_spki_read(str der, struct buf *spki)
{
	X509 *x = cert_x509(der);
	unsigned char *p = NULL;
	int n = x != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &p) : 0;
	if (n > 0)
		buf_add(spki, (str){ (const char *)p, (size_t)n });
	OPENSSL_free(p);
	X509_free(x);
	ERR_clear_error();
	ENSURE(n > 0, MALFORMED);
	ENSURE(!spki->failed, CEILING);
	return OK;
}
