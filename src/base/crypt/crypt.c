/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypt/crypt_priv.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/random.h>

#define SEAL_NONCE 12
#define SEAL_TAG   (CRYPT_SEAL - SEAL_NONCE)

size_t crypt_hash_size(enum crypt_hash h)
{
	return h == CRYPT_MD5 ? 16 : 32;
}

enum { INNER = 0x36, OUTER = 0x5c }; /* RFC 2104 2 */

static void begin_mac(EVP_MD_CTX *ctx, const EVP_MD *md, str key, uint8_t with)
{
	uint8_t pad[MAC_BLOCK] = { 0 };
	ASSERT(key.n <= sizeof pad);
	if (key.n > 0)
		memcpy(pad, key.p, key.n);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= with;
	ASSERT(EVP_DigestInit_ex(ctx, md, NULL) == 1);
	ASSERT(EVP_DigestUpdate(ctx, pad, sizeof pad) == 1);
	crypt_wipe(pad, sizeof pad);
}

void crypt_mac_key(struct crypt *c, str key)
{
	begin_mac(c->inner, c->md[CRYPT_SHA256], key, INNER);
	begin_mac(c->outer, c->md[CRYPT_SHA256], key, OUTER);
	crypt_mac(c, &STR("seal"), 1, c->seal_key);
}

err crypt_new(struct crypt **out)
{
	struct crypt *c = calloc(1, sizeof *c);
	ENSURE(c != NULL, NO_MEMORY);
	c->md[CRYPT_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
	c->md[CRYPT_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->aead = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	c->ctx = EVP_MD_CTX_new();
	c->seal = EVP_CIPHER_CTX_new();
	c->inner = EVP_MD_CTX_new();
	c->outer = EVP_MD_CTX_new();
	if (c->md[CRYPT_MD5] == NULL || c->md[CRYPT_SHA256] == NULL || c->ctx == NULL || c->inner == NULL ||
		c->outer == NULL || c->aead == NULL || c->seal == NULL) {
		crypt_free(c);
		return ERR(NO_MEMORY);
	}
	char key[32];
	crypt_random(key, sizeof key);
	crypt_mac_key(c, (str){ key, sizeof key });
	crypt_wipe(key, sizeof key);
	*out = c;
	return OK;
}

void crypt_free(struct crypt *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CRYPT_HASH_N; i++)
		EVP_MD_free(c->md[i]);
	crypt_close_legacy(c);
	EVP_CIPHER_free(c->aead);
	EVP_CIPHER_CTX_free(c->seal);
	crypt_wipe(c->seal_key, sizeof c->seal_key);
	EVP_MD_CTX_free(c->ctx);
	EVP_MD_CTX_free(c->inner);
	EVP_MD_CTX_free(c->outer);
	free(c);
}

void crypt_hash(struct crypt *c, enum crypt_hash h, const str *parts, size_t n_parts, uint8_t out[CRYPT_HASH_MAX])
{
	ASSERT(EVP_DigestInit_ex(c->ctx, c->md[h], NULL) == 1);
	for (size_t i = 0; i < n_parts; i++)
		ASSERT(EVP_DigestUpdate(c->ctx, parts[i].p, parts[i].n) == 1);
	ASSERT(EVP_DigestFinal_ex(c->ctx, out, NULL) == 1);
}

void crypt_mac(struct crypt *c, const str *parts, size_t n_parts, uint8_t out[32])
{
	ASSERT(EVP_MD_CTX_copy_ex(c->ctx, c->inner) == 1);
	for (size_t i = 0; i < n_parts; i++)
		ASSERT(EVP_DigestUpdate(c->ctx, parts[i].p, parts[i].n) == 1);
	ASSERT(EVP_DigestFinal_ex(c->ctx, out, NULL) == 1);
	ASSERT(EVP_MD_CTX_copy_ex(c->ctx, c->outer) == 1);
	ASSERT(EVP_DigestUpdate(c->ctx, out, 32) == 1);
	ASSERT(EVP_DigestFinal_ex(c->ctx, out, NULL) == 1);
}

void crypt_mac_md5(struct crypt *c, str key, const str *parts, size_t n_parts, uint8_t out[16])
{
	begin_mac(c->ctx, c->md[CRYPT_MD5], key, INNER);
	for (size_t i = 0; i < n_parts; i++)
		ASSERT(EVP_DigestUpdate(c->ctx, parts[i].p, parts[i].n) == 1);
	ASSERT(EVP_DigestFinal_ex(c->ctx, out, NULL) == 1);
	begin_mac(c->ctx, c->md[CRYPT_MD5], key, OUTER);
	ASSERT(EVP_DigestUpdate(c->ctx, out, 16) == 1);
	ASSERT(EVP_DigestFinal_ex(c->ctx, out, NULL) == 1);
}

err crypt_seal(struct crypt *c, str plain, uint8_t *out)
{
	int n = 0;
	uint8_t *text = out + SEAL_NONCE, *tag = text + plain.n;
	crypt_random(out, SEAL_NONCE);
	bool ok = EVP_EncryptInit_ex2(c->seal, c->aead, c->seal_key, out, NULL) == 1 &&
		  EVP_EncryptUpdate(c->seal, text, &n, (const uint8_t *)plain.p, (int)plain.n) == 1 &&
		  EVP_EncryptFinal_ex(c->seal, text + n, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(c->seal, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, tag) == 1;
	ENSURE(ok, INTERNAL);
	return OK;
}

err crypt_unseal(struct crypt *c, str sealed, uint8_t *out)
{
	int n = 0;
	uint8_t tag[SEAL_TAG];
	const uint8_t *nonce = (const uint8_t *)sealed.p, *text = nonce + SEAL_NONCE;
	ENSURE(sealed.n >= CRYPT_SEAL, REFUSED);
	size_t size = sealed.n - CRYPT_SEAL;
	memcpy(tag, text + size, sizeof tag);
	bool ok = EVP_DecryptInit_ex2(c->seal, c->aead, c->seal_key, nonce, NULL) == 1 &&
		  EVP_DecryptUpdate(c->seal, out, &n, text, (int)size) == 1 &&
		  EVP_CIPHER_CTX_ctrl(c->seal, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
		  EVP_DecryptFinal_ex(c->seal, out + n, &n) == 1;
	ENSURE(ok, REFUSED);
	return OK;
}

void crypt_random(void *out, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = getrandom((char *)out + done, n - done, 0);
		if (got > 0)
			done += (size_t)got;
	}
}

bool crypt_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void crypt_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

err crypt_stretch(str password, str salt, unsigned cost, uint8_t out[32])
{
	const uint64_t n = UINT64_C(1) << cost, room = (UINT64_C(1024) << cost) + (1 << 20);
	ENSURE(cost >= 10 && cost <= 20, CEILING);
	ENSURE(EVP_PBE_scrypt(password.p, password.n, (const unsigned char *)salt.p, salt.n, n, 8, 1, room, out, 32) == 1, SYSTEM);
	return OK;
}

err crypt_sha1(str text, uint8_t out[20])
{
	unsigned n = 20;
	ENSURE(EVP_Digest(text.p, text.n, out, &n, EVP_sha1(), NULL) == 1 && n == 20, SYSTEM);
	return OK;
}

err crypt_mac_sha1(str key, str text, uint8_t out[20])
{
	unsigned n = 20;
	ENSURE(HMAC(EVP_sha1(), key.p, (int)key.n, (const unsigned char *)text.p, text.n, out, &n) != NULL && n == 20, SYSTEM);
	return OK;
}
