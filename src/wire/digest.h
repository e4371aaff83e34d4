/* SPDX-License-Identifier: Apache-2.0 */
/* digest - credentials and challenges of HTTP Digest as SIP uses them (RFC 8760, RFC 7616, RFC 3261 22.4). Pure. */
#ifndef WITAN_WIRE_DIGEST_H
#define WITAN_WIRE_DIGEST_H

#include "base/crypt.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* One Authorization or Proxy-Authorization value. Values are without quotes; escapes inside are kept as received. */
struct digest {
	str scheme;   /* "Digest" */
	bool is_digest;
	str username, realm, nonce, uri, response, cnonce, opaque;
	str algorithm;/* empty: MD5 (RFC 7616 3.4) */
	str qop;      /* "auth" */
	str nc_raw;   /* eight hexadecimal digits */
	uint32_t nc;
	enum crypt_hash hash;  /* of algorithm */
	bool hash_known;       /* algorithm is MD5 or SHA-256 */
};

/* One pass over the value. MALFORMED: grammar, a parameter twice, or a length over 1,024 bytes. Other schemes: only scheme is
 * filled and is_digest is false. */
err digest_parse(str value, struct digest *out, struct diag *d);

/* H(user:realm:password), crypt_hash_size(h) bytes: what the store keeps. */
void digest_ha1(struct crypt *c, enum crypt_hash h, str user, str realm, str password, uint8_t out[CRYPT_HASH_MAX]);
/* The response that d must carry for ha1 (as digest_ha1 made it) and the request's method, as lower-case hexadecimal:
 * 2 * crypt_hash_size(d->hash) characters. qop=auth only. */
void digest_response(struct crypt *c, const struct digest *d, const uint8_t *ha1, str method, char out[2 * CRYPT_HASH_MAX]);

#endif
