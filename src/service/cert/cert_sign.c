/* SPDX-License-Identifier: Apache-2.0 */
/* Texts signed by the authority: whoever has its certificate can tell that they came from its deployment. */
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>

err cert_ca_sign(const struct cert_ca *ca, str text, uint8_t out[CERT_SIGNATURE_MAX], size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	*n = CERT_SIGNATURE_MAX;
	bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, cert_ca_key(ca)) == 1 &&
		  EVP_DigestSign(ctx, out, n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? OK : cert_openssl(NULL, "signature");
}

bool cert_verify_signed(str cert_pem, str text, str signature)
{
	BIO *bio = cert_bio(cert_pem);
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = x != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, X509_get0_pubkey(x)) == 1 &&
		  EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	X509_free(x);
	(void)BIO_free(bio);
	ERR_clear_error();
	return ok;
}
