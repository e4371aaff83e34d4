/* SPDX-License-Identifier: Apache-2.0 */
/* crypt - the few primitives that protocols prescribe, from OpenSSL, fetched once and used without allocation. */
#ifndef WITAN_BASE_CRYPT_H
#define WITAN_BASE_CRYPT_H

#include "base/err.h"
#include "base/str.h"

enum crypt_hash { CRYPT_MD5, CRYPT_SHA256, CRYPT_HASH_N };

#define CRYPT_HASH_MAX 32 /* bytes of the longest digest */

struct crypt; /* one per process; holds fetched algorithms and contexts */

err crypt_new(struct crypt **out);
void crypt_free(struct crypt *c);

size_t crypt_hash_size(enum crypt_hash h);
/* The digest of the parts one after another, crypt_hash_size(h) bytes. */
void crypt_hash(struct crypt *c, enum crypt_hash h, const str *parts, size_t n_parts, uint8_t out[CRYPT_HASH_MAX]);
/* HMAC-SHA-256 (RFC 2104) of the parts one after another, 32 bytes. The key is the one of crypt_mac_key. */
void crypt_mac(struct crypt *c, const str *parts, size_t n_parts, uint8_t out[32]);
/* Sets the key (up to 64 bytes) that crypt_mac uses from now on; drawn at random by crypt_new. */
void crypt_mac_key(struct crypt *c, str key);

#define CRYPT_SEAL 28 /* bytes that a sealed text is longer than the plain one: nonce and tag */

/* Encrypts and authenticates (AES-256-GCM, random nonce) by a key derived from the one of crypt_mac_key: plain.n +
 * CRYPT_SEAL bytes. A few thousand million texts may be sealed by one key (NIST SP 800-38D 8.3). */
err crypt_seal(struct crypt *c, str plain, uint8_t *out);
/* The way back: sealed.n - CRYPT_SEAL bytes. REFUSED: not sealed by this key, or changed since. */
err crypt_unseal(struct crypt *c, str sealed, uint8_t *out);

/* A key from a password (scrypt, RFC 7914; r 8, p 1): takes time and 1024 << cost bytes of memory on purpose. cost: 10 to 20. */
err crypt_stretch(str password, str salt, unsigned cost, uint8_t out[32]);
/* HMAC-SHA-1, which authenticator programs know for one-time codes (RFC 6238); 20 bytes. */
err crypt_mac_sha1(str key, str text, uint8_t out[20]);

/* From the system's generator; does not fail. */
void crypt_random(void *out, size_t n);
/* Takes the same time wherever a and b differ. */
bool crypt_equal(const void *a, const void *b, size_t n);
/* Overwrites a secret for good. */
void crypt_wipe(void *p, size_t n);

#endif
