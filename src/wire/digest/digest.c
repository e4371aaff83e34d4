/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/digest.h"

#include "base/enc.h"
#include "wire/credentials.h"

#define VALUE_MAX 1024

static const struct credentials_param params[] = {
#define PARAM(text, member)                                                \
	{                                                                  \
		{ text, sizeof text - 1 }, offsetof(struct digest, member) \
	}
	PARAM("username", username),
	PARAM("realm", realm),
	PARAM("nonce", nonce),
	PARAM("uri", uri),
	PARAM("response", response),
	PARAM("cnonce", cnonce),
	PARAM("opaque", opaque),
	PARAM("algorithm", algorithm),
	PARAM("qop", qop),
	PARAM("nc", nc_raw),
#undef PARAM
};

static err read_nc(struct digest *out, struct diag *d)
{
	uint8_t b[4];
	if (out->nc_raw.n == 0)
		return OK;
	if (out->nc_raw.n != 8 || failed(enc_hex_read(out->nc_raw, b, sizeof b)))
		return diag_fail(d, ERR(MALFORMED), "Authorization", "see RFC 7616 3.4", "nc is not eight hexadecimal digits");
	out->nc = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return OK;
}

err digest_parse(str value, struct digest *out, struct diag *d)
{
	struct scan in = scan_of(value);
	*out = (struct digest){ .hash = CRYPT_MD5 };
	TRY(credentials_scheme(&in, &out->scheme, d));
	out->is_digest = str_eq_case(out->scheme, STR("Digest"));
	if (!out->is_digest)
		return OK;
	TRY(credentials_params(&in, params, sizeof params / sizeof params[0], VALUE_MAX, out, d));
	TRY(read_nc(out, d));
	bool is_sha256 = str_eq_case(out->algorithm, STR("SHA-256"));
	out->hash_known = is_sha256 || out->algorithm.n == 0 || str_eq_case(out->algorithm, STR("MD5"));
	out->hash = is_sha256 ? CRYPT_SHA256 : CRYPT_MD5;
	return OK;
}

void digest_ha1(struct crypt *c, enum crypt_hash h, str user, str realm, str password, uint8_t out[CRYPT_HASH_MAX])
{
	const str parts[] = { user, STR(":"), realm, STR(":"), password };
	crypt_hash(c, h, parts, sizeof parts / sizeof parts[0], out);
}

void digest_response(
	struct crypt *c, const struct digest *d, const uint8_t *ha1, str method, char out[2 * CRYPT_HASH_MAX])
{
	uint8_t hash[CRYPT_HASH_MAX];
	char a1[2 * CRYPT_HASH_MAX], a2[2 * CRYPT_HASH_MAX];
	size_t n = crypt_hash_size(d->hash);
	crypt_hash(c, d->hash, (const str[]){ method, STR(":"), d->uri }, 3, hash);
	enc_hex(hash, n, a2);
	enc_hex(ha1, n, a1);
	const str parts[] = { { a1, 2 * n }, STR(":"), d->nonce, STR(":"), d->nc_raw, STR(":"), d->cnonce, STR(":"),
		d->qop, STR(":"), { a2, 2 * n } };
	crypt_hash(c, d->hash, parts, sizeof parts / sizeof parts[0], hash);
	enc_hex(hash, n, out);
	crypt_wipe(a1, sizeof a1);
}
