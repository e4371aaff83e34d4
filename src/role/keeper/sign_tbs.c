/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures under what vault has built. It is parsed first: a key of a server never signs a certificate, and an authority nothing but what
 * authorities sign. */
#include "role/keeper/keeper_priv.h"

#include "service/cert.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

static err refuse(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(REFUSED), "key", "", "%s", what);
}

/* A request proves that who asks has the key: it must be this one. */
static err judge_request(const struct cert_tbs_view *v, str spki, struct diag *d)
{
	if (v->kind == CERT_TBS_REQUEST && str_eq(v->spki, spki))
		return OK;
	return refuse(d, "the key of a server signs requests for its own certificates only");
}

/* The answers of OCSP are ours to give when they name this key. */
static bool is_responder(const struct cert_tbs_view *v, str spki)
{
	X509_PUBKEY *key = NULL;
	const unsigned char *p = (const unsigned char *)spki.p, *bits = NULL;
	uint8_t hash[SHA_DIGEST_LENGTH];
	int n = 0;
	key = d2i_X509_PUBKEY(NULL, &p, (long)spki.n);
	bool is = key != NULL && X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, key) == 1 && EVP_Digest(bits, (size_t)n, hash, NULL, EVP_sha1(), NULL) == 1 &&
		  memcmp(hash, v->responder, sizeof hash) == 0;
	X509_PUBKEY_free(key);
	return is;
}

static err judge_authority(const struct cert_tbs_view *v, str spki, enum cert_alg alg, struct diag *d)
{
	switch (v->kind) {
	case CERT_TBS_CERTIFICATE:
		if (v->is_ca)
			return refuse(d, "the issuing authority makes no further authorities");
		return v->alg == alg ? OK : refuse(d, "the certificate names another algorithm than that of the key");
	case CERT_TBS_CRL:
		return v->alg == alg ? OK : refuse(d, "the list names another algorithm than that of the key");
	case CERT_TBS_OCSP:
		return is_responder(v, spki) ? OK : refuse(d, "the answer names another responder");
	default:
		return refuse(d, "an authority signs certificates, revocation lists and answers of OCSP only");
	}
}

static const EVP_MD *hash_of(enum cert_alg alg)
{
	return alg == CERT_SHA512_ECDSA ? EVP_sha512() : alg == CERT_SHA384_ECDSA ? EVP_sha384() : EVP_sha256();
}

static err sign(const struct key *k, const EVP_MD *hash, str tbs, uint8_t out[SIGNATURE_MAX], size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	*n = SIGNATURE_MAX;
	bool ok = ctx != NULL && EVP_PKEY_get_size(k->file.pkey) <= SIGNATURE_MAX && EVP_DigestSignInit(ctx, NULL, hash, NULL, k->file.pkey) == 1 &&
		  EVP_DigestSign(ctx, out, n, (const unsigned char *)tbs.p, tbs.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? OK : ERR(INTERNAL);
}

err key_sign_tbs(const struct key *k, str tbs, uint8_t out[SIGNATURE_MAX], size_t *n, struct diag *d)
{
	struct cert_tbs_view v;
	enum cert_alg alg;
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(k->file.pkey, &der);
	ENSURE(size > 0, NO_MEMORY);
	str spki = { (const char *)der, (size_t)size };
	(void)cert_tbs_kind(tbs, &v);
	err e = cert_alg_find(spki, &alg);
	if (!failed(e))
		e = k->file.purpose == KEYFILE_AUTHORITY ? judge_authority(&v, spki, alg, d) : judge_request(&v, spki, d);
	OPENSSL_free(der);
	TRY(e);
	return sign(k, hash_of(alg), tbs, out, n);
}
