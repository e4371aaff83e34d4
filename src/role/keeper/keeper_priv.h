/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_KEEPER_PRIV_H
#define WITAN_ROLE_KEEPER_PRIV_H

#include "base/crypt.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "os/tls.h"

#include <openssl/evp.h>

enum { KEYS_MAX = 64, SIGNATURE_MAX = 1024 };

struct key {
	uint8_t id[32]; /* SHA-256 of its SubjectPublicKeyInfo */
	EVP_PKEY *pkey;
};

struct keys {
	struct key keys[KEYS_MAX];
	unsigned n;
};

/* Reads every *.key (PEM without a passphrase) of the directory. ABSENT: there is none. On error k is empty and d says
 * which file. */
err keys_read(struct keys *k, int dir, struct crypt *c, struct diag *d);
void keys_fini(struct keys *k);
/* NULL if there is none. */
const struct key *keys_find(const struct keys *k, str id);

/*
 * Signs what is a well-formed input of the kind, and nothing else, so that the key cannot be used to decrypt: a SHA-2
 * digest, its DigestInfo (RFC 8017 9.2), a block of EMSA-PSS with a salt as long as the digest (RFC 8017 9.1.1).
 * REFUSED: another input, or a key that is not of the kind. *n bytes are written.
 */
err key_sign(const struct key *k, enum tls_sign_kind kind, str input, uint8_t out[SIGNATURE_MAX], size_t *n);

#endif
