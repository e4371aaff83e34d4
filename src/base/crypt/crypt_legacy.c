/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypt/crypt_priv.h"

#include <openssl/err.h>
#include <stdlib.h>

bool crypt_has_legacy(const struct crypt *c)
{
	return c->legacy.stream != NULL;
}

void crypt_close_legacy(struct crypt *c)
{
	struct crypt_legacy *l = &c->legacy;
	EVP_CIPHER_CTX_free(l->stream);
	EVP_MD_CTX_free(l->digest);
	EVP_CIPHER_free(l->rc4);
	EVP_MD_free(l->md4);
	if (l->provider != NULL)
		(void)OSSL_PROVIDER_unload(l->provider);
	OSSL_LIB_CTX_free(l->library);
	*l = (struct crypt_legacy){ 0 };
}

static bool load(struct crypt_legacy *l)
{
	l->library = OSSL_LIB_CTX_new();
	if (l->library == NULL)
		return false;
	l->provider = OSSL_PROVIDER_load(l->library, "legacy");
	if (l->provider == NULL)
		return false;
	l->md4 = EVP_MD_fetch(l->library, "MD4", NULL);
	l->rc4 = EVP_CIPHER_fetch(l->library, "RC4", NULL);
	if (l->md4 == NULL || l->rc4 == NULL)
		return false;
	l->digest = EVP_MD_CTX_new();
	l->stream = l->digest != NULL ? EVP_CIPHER_CTX_new() : NULL;
	return l->stream != NULL;
}

err crypt_open_legacy(struct crypt *c, struct diag *d)
{
	if (crypt_has_legacy(c) || load(&c->legacy))
		return OK;
	char why[160] = "", *place = getenv("OPENSSL_MODULES");
	ERR_error_string_n(ERR_peek_last_error(), why, sizeof why);
	ERR_clear_error();
	crypt_close_legacy(c);
	return diag_fail(d, ERR(NO_LEGACY), place != NULL ? place : "the directory of OpenSSL's modules (`openssl version -m`)",
		"install the package libssl3 whole (its ossl-modules/legacy.so), and unset OPENSSL_MODULES if it names another place",
		"legacy.so cannot be loaded, so nobody can sign in by NTLM: %s", why);
}

err crypt_md4(struct crypt *c, str text, uint8_t out[16])
{
	memset(out, 0, 16);
	ENSURE(crypt_has_legacy(c), NO_LEGACY);
	ASSERT(EVP_DigestInit_ex2(c->legacy.digest, c->legacy.md4, NULL) == 1);
	ASSERT(EVP_DigestUpdate(c->legacy.digest, text.p, text.n) == 1);
	ASSERT(EVP_DigestFinal_ex(c->legacy.digest, out, NULL) == 1);
	return OK;
}

err crypt_rc4(struct crypt *c, const uint8_t key[16], const uint8_t *in, size_t n, uint8_t *out)
{
	int done = 0;
	if (!crypt_has_legacy(c)) {
		memset(out, 0, n);
		return ERR(NO_LEGACY);
	}
	ENSURE(n <= INT32_MAX, CEILING);
	bool ok = EVP_EncryptInit_ex2(c->legacy.stream, c->legacy.rc4, key, NULL, NULL) == 1 &&
		  EVP_EncryptUpdate(c->legacy.stream, out, &done, in, (int)n) == 1 && done == (int)n;
	ENSURE(ok, INTERNAL);
	return OK;
}
