/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of certificates, requests and lists: made apart from what they stand under. */
#include "service/cert/cert_der.h"
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/x509.h>

static const struct {
	str id; /* AlgorithmIdentifier (RFC 4055 5, RFC 5758 3.2) */
	const EVP_MD *(*hash)(void);
} algs[CERT_ALG_N] = {
	[CERT_SHA256_RSA] = { { "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00", 15 }, EVP_sha256 },
	[CERT_SHA256_ECDSA] = { { "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 12 }, EVP_sha256 },
	[CERT_SHA384_ECDSA] = { { "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03", 12 }, EVP_sha384 },
	[CERT_SHA512_ECDSA] = { { "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04", 12 }, EVP_sha512 },
};

str cert_alg_id(enum cert_alg alg)
{
	return algs[alg].id;
}

bool cert_alg_read(str id, enum cert_alg *out)
{
	for (unsigned i = 0; i < CERT_ALG_N; i++)
		if (str_eq(id, algs[i].id)) {
			*out = (enum cert_alg)i;
			return true;
		}
	return false;
}

static err sign(EVP_PKEY *key, enum cert_alg alg, str tbs, struct buf *signature, struct diag *d)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = CERT_SIGNATURE_MAX;
	bool ok = ctx != NULL && buf_reserve(signature, n) && EVP_DigestSignInit(ctx, NULL, algs[alg].hash(), NULL, key) == 1 &&
		  EVP_DigestSign(ctx, (unsigned char *)signature->p + signature->n, &n, (const unsigned char *)tbs.p, tbs.n) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return signature->failed ? ERR(CEILING) : cert_openssl(d, "signature");
	signature->n += n;
	return OK;
}

/* The same as cert_alg_find of its public half. */
static bool find_alg(EVP_PKEY *key, enum cert_alg *out)
{
	static const struct {
		const char *group;
		enum cert_alg alg;
	} groups[] = { { "prime256v1", CERT_SHA256_ECDSA }, { "secp384r1", CERT_SHA384_ECDSA }, { "secp521r1", CERT_SHA512_ECDSA } };
	char name[32];
	*out = CERT_SHA256_RSA;
	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048;
	if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strcmp(name, groups[i].group) == 0) {
			*out = groups[i].alg;
			return true;
		}
	return false;
}

err cert_sign_here(str pkcs8, str tbs, struct buf *signature, struct diag *d)
{
	EVP_PKEY *key = cert_key_open(pkcs8);
	enum cert_alg alg;
	err e;
	if (key == NULL)
		e = diag_fail(d, ERR(MALFORMED), "private key", "restore it from a copy", "it is not a private key that can be read");
	else if (!find_alg(key, &alg))
		e = diag_fail(d, ERR(REFUSED), "private key", "use RSA of at least 2048 bits, P-256, P-384 or P-521", "it is of a kind or size that nothing is signed with");
	else
		e = sign(key, alg, tbs, signature, d);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}

err cert_seal(str tbs, enum cert_alg alg, str signature, struct buf *der)
{
	const size_t from = der->n;
	ENSURE(signature.n != 0 && signature.n <= CERT_SIGNATURE_MAX, MALFORMED);
	buf_add(der, tbs);
	buf_add(der, algs[alg].id);
	der_add_bits(der, signature, 0);
	der_wrap(der, from, DER_SEQUENCE);
	ENSURE(!der->failed, CEILING);
	return OK;
}

/* ---- whose signature ---- */

static EVP_PKEY *public_key(str spki)
{
	const unsigned char *p = (const unsigned char *)spki.p;
	return spki.n != 0 && spki.n <= CERT_DER_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
}

static bool verify_certificate(const unsigned char *p, long n, EVP_PKEY *key)
{
	X509 *x = d2i_X509(NULL, &p, n);
	bool ok = x != NULL && X509_verify(x, key) == 1;
	X509_free(x);
	return ok;
}

static bool verify_request(const unsigned char *p, long n, EVP_PKEY *key)
{
	X509_REQ *r = d2i_X509_REQ(NULL, &p, n);
	bool ok = r != NULL && X509_REQ_verify(r, key) == 1;
	X509_REQ_free(r);
	return ok;
}

static bool verify_list(const unsigned char *p, long n, EVP_PKEY *key)
{
	X509_CRL *l = d2i_X509_CRL(NULL, &p, n);
	bool ok = l != NULL && X509_CRL_verify(l, key) == 1;
	X509_CRL_free(l);
	return ok;
}

bool cert_is_signed(str der, str spki)
{
	const unsigned char *p = (const unsigned char *)der.p;
	str in = der;
	struct der all, tbs, first;
	if (der.n > CERT_CRL_MAX || !der_take(&in, DER_SEQUENCE, &all) || in.n != 0 || !der_take(&all.content, DER_SEQUENCE, &tbs) ||
		!der_next(&tbs.content, &first))
		return false;
	const bool is_request = first.tag == DER_INTEGER && str_eq(first.content, DER_TEXT("\0"));
	EVP_PKEY *key = public_key(spki);
	bool ok = key != NULL && (first.tag == DER_CONSTRUCTED ? verify_certificate(p, (long)der.n, key) :
		is_request ? verify_request(p, (long)der.n, key) : verify_list(p, (long)der.n, key));
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}

bool cert_is_signature(str signature, str text, str spki)
{
	EVP_PKEY *key = public_key(spki);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum cert_alg alg;
	bool ok = key != NULL && ctx != NULL && find_alg(key, &alg) && EVP_DigestVerifyInit(ctx, NULL, algs[alg].hash(), NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}
