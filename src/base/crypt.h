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
/* SHA-1, which signatures of XML of the Lync dialect are made of; 20 bytes. */
err crypt_sha1(str text, uint8_t out[20]);
/* HMAC-SHA-1, which authenticator programs know for one-time codes (RFC 6238); 20 bytes. */
err crypt_mac_sha1(str key, str text, uint8_t out[20]);

/* HMAC-MD5 (RFC 2104) of the parts one after another, 16 bytes; a key of up to 64 bytes. */
void crypt_mac_md5(struct crypt *c, str key, const str *parts, size_t n_parts, uint8_t out[16]);

/*
 * MD4 and RC4, which NTLM prescribes and nothing else may use, are in OpenSSL's legacy provider (in Debian part of libssl3). Who
 * needs them opens it once, before the process goes to jail: it is a library to be loaded. It stays in a library context of
 * its own, so nothing else of the process can come by these algorithms. NO_LEGACY: it cannot be loaded; d says from where and what
 * to do, and everything else of crypt goes on working. OK when it is open already.
 */
err crypt_open_legacy(struct crypt *c, struct diag *d);
bool crypt_has_legacy(const struct crypt *c);
/* Both NO_LEGACY unless open; then out is cleared, so that no one goes on with what happened to be there. */
err crypt_md4(struct crypt *c, str text, uint8_t out[16]); /* RFC 1320 */
/* n bytes under a fresh key stream; out may be in. */
err crypt_rc4(struct crypt *c, const uint8_t key[16], const uint8_t *in, size_t n, uint8_t *out);

/* From the system's generator; does not fail. */
void crypt_random(void *out, size_t n);
/* Takes the same time wherever a and b differ. */
bool crypt_equal(const void *a, const void *b, size_t n);
/* Overwrites a secret for good. */
void crypt_wipe(void *p, size_t n);

#endif
