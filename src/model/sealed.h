/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed - parts of a JSON document that only who knows a password can read: a key from the password (scrypt, RFC 7914), AES-256-GCM over the
 * text of a JSON value, and a MAC over the rest of the document. Bytes stand in it as base64url.
 */
#ifndef WITAN_MODEL_SEALED_H
#define WITAN_MODEL_SEALED_H

#include "base/crypt.h"

#include <jansson.h>

enum { SEALED_SALT = 16, SEALED_COST = 15, SEALED_PASSWORD_LEAST = 12 };

/* The key of a password and a salt; the caller frees it with crypt_free. Takes a tenth of a second and 32 MB. MALFORMED: the password is too
 * short. */
err sealed_key(str password, const uint8_t salt[SEALED_SALT], struct crypt **out, struct diag *d);

/* NULL without memory. */
json_t *sealed_bytes(const void *bytes, size_t n);
/* The bytes of such a text: *n of them, the caller's to free; NULL if it is none. */
uint8_t *sealed_bytes_read(const json_t *v, size_t *n);

/* A JSON value as a sealed text, and back; NULL: no memory, or not sealed by this key or changed since. */
json_t *sealed_json(struct crypt *key, const json_t *value);
json_t *sealed_json_read(struct crypt *key, const json_t *text);

/* A document without its member `except`, in the one order that its signature and MAC are over. The caller frees it; NULL without memory. */
char *sealed_text(const json_t *document, const char *except);

#endif
