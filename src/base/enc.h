/* SPDX-License-Identifier: Apache-2.0 */
/* enc - bytes as text and back: hexadecimal (lower case when written, either when read) and base64 (RFC 4648). */
#ifndef WITAN_BASE_ENC_H
#define WITAN_BASE_ENC_H

#include "base/err.h"
#include "base/str.h"

/* Writes 2 * n characters, no NUL. */
void enc_hex(const void *bytes, size_t n, char *out);
/* s must be exactly 2 * n hexadecimal digits. */
err enc_hex_read(str s, void *out, size_t n);

#define ENC_BASE64_SIZE(n) (((n) + 2) / 3 * 4)
/* RFC 4648 6, upper case, no padding; answers the characters written (at most ENC_BASE32_SIZE(n)), no NUL. */
#define ENC_BASE32_SIZE(n) (((n) * 8 + 4) / 5)
size_t enc_base32(const void *bytes, size_t n, char *out);

/* The usual alphabet with padding (RFC 4648 4): ENC_BASE64_SIZE(n) characters, no NUL. */
void enc_base64(const void *bytes, size_t n, char *out);
/* Accepts exactly what enc_base64 writes; *n is the room on entry and the bytes on return. */
err enc_base64_read(str s, void *out, size_t *n);
/* URL-safe alphabet (RFC 4648 5), no padding; answers the characters written (at most ENC_BASE64_SIZE(n)), no NUL. */
size_t enc_base64url(const void *bytes, size_t n, char *out);
/* Accepts exactly what enc_base64url writes; *n is the room on entry and the bytes on return. */
err enc_base64url_read(str s, void *out, size_t *n);

#endif
