/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_BASE_CRYPT_PRIV_H
#define WITAN_BASE_CRYPT_PRIV_H

#include "base/crypt.h"

#include <openssl/evp.h>
#include <openssl/provider.h>

#define MAC_BLOCK 64 /* bytes of one block of MD5 and of SHA-256 (RFC 2104 2) */

struct crypt_legacy { /* all NULL until crypt_open_legacy */
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *provider;
	EVP_MD *md4;
	EVP_CIPHER *rc4;
	EVP_MD_CTX *digest; /* of its own: it must not outlive the library */
	EVP_CIPHER_CTX *stream;
};

struct crypt {
	EVP_MD *md[CRYPT_HASH_N];
	EVP_MD_CTX *ctx;
	EVP_CIPHER *aead;
	EVP_CIPHER_CTX *seal;
	uint8_t seal_key[32];
	EVP_MD_CTX *inner, *outer; /* HMAC states after the padded key, copied for every use */
	struct crypt_legacy legacy;
};

void crypt_close_legacy(struct crypt *c);

#endif
