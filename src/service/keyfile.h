/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile - a private key as a file of keys/: lines that say what it is for, then PKCS #8 in PEM. A file without such lines is what
 * it was before there were any: a key of a server, which is not given out.
 */
#ifndef WITAN_SERVICE_KEYFILE_H
#define WITAN_SERVICE_KEYFILE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#include <openssl/evp.h>

#define KEYFILE_MAX  65536 /* bytes of a file */
#define KEYFILE_NAME 21    /* "0123456789abcdef.key" with its NUL */

enum keyfile_purpose {
	KEYFILE_TLS,       /* signs handshakes, and requests for its own certificates */
	KEYFILE_AUTHORITY, /* signs certificates, revocation lists, answers of OCSP */
	KEYFILE_PURPOSE_N
};

struct keyfile {
	EVP_PKEY *pkey; /* RSA or EC */
	uint8_t id[32]; /* SHA-256 of its SubjectPublicKeyInfo */
	enum keyfile_purpose purpose;
	bool exportable;
	int64_t made; /* seconds since 1970, by this program; 0: it came from elsewhere, or long ago */
};

/* "tls" */
const char *keyfile_purpose_word(enum keyfile_purpose purpose);
bool keyfile_purpose_find(str word, enum keyfile_purpose *out);
/* Whether a name is that of a key file: "*.key", not hidden. */
bool keyfile_is_name(const char *name);
/* "0123456789abcdef.key": the first 8 octets of the id. */
void keyfile_name(const uint8_t id[32], char out[KEYFILE_NAME]);

/* A new key: "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521". USAGE (no such type), INTERNAL. The caller has set the
 * other members; pkey and id become set. To be ended by keyfile_fini. */
err keyfile_make(struct keyfile *k, str type, struct diag *d);
/* Takes over pkey, whatever the answer: sets pkey and id. REFUSED: it is neither RSA of 1024 to 8192 bits nor EC. What listeners
 * present is asked more of (tls_chain_check). */
err keyfile_take(struct keyfile *k, EVP_PKEY *pkey, struct diag *d);
void keyfile_fini(struct keyfile *k);

/* From the text of a file without passphrase. MALFORMED. */
err keyfile_parse(struct keyfile *k, str text, struct diag *d);
/* out is a secret: wipe it. */
err keyfile_print(const struct keyfile *k, struct buf *out);

/* A file of the directory. As keyfile_parse, and what file_read may answer; d->where becomes "keys/NAME". */
err keyfile_read(struct keyfile *k, int dir, const char *name, struct diag *d);
/* Writes the file keyfile_name into the directory, mode 0400, to whom the directory belongs; on the disk when it answers. */
err keyfile_write(const struct keyfile *k, int dir, struct diag *d);

#endif
