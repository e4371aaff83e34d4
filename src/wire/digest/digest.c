/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/digest.h"

#include "base/enc.h"
#include "base/scan.h"

#define VALUE_MAX 1024
#define SEE       "see RFC 7616 3.4"

/* RFC 3261 25.1 token, and LWS */
static const struct scan_set token_set = { { 0x03ff6ca200000000, 0x47ffffff87fffffe } };
static const struct scan_set space_set = { { 0x0000000100002600 } };

static const struct {
	str name;
	size_t at;
} params[] = {
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

#define PARAMS (sizeof params / sizeof params[0])

static err refuse(struct diag *d, const char *what, str name)
{
	err e = diag_fail(
		d, ERR(MALFORMED), "Authorization", SEE, "%s (%.*s)", what, name.n < 40 ? (int)name.n : 40, name.p);
	diag_clean(d);
	return e;
}

static void skip_space(struct scan *in)
{
	(void)scan_while(in, &space_set);
}

/* A quoted string without its quotes, or a token. */
static bool read_value(struct scan *in, str *value)
{
	if (!scan_char(in, '"'))
		return scan_some(in, &token_set, value);
	const char *from = in->p;
	for (; in->p != in->end && *in->p != '"'; in->p++)
		if (*in->p == '\\' && ++in->p == in->end)
			return false;
	*value = (str){ from, (size_t)(in->p - from) };
	return scan_char(in, '"');
}

static size_t find_param(str name)
{
	size_t i = 0;
	while (i < PARAMS && (params[i].name.n != name.n || !str_eq_case(params[i].name, name)))
		i++;
	return i;
}

/* name "=" value; seen has a bit for each row of params */
static err read_param(struct scan *in, struct digest *out, unsigned *seen, struct diag *d)
{
	str name, value;
	if (!scan_some(in, &token_set, &name))
		return refuse(d, "a parameter has no name", STR(""));
	skip_space(in);
	if (!scan_char(in, '='))
		return refuse(d, "a parameter has no '='", name);
	skip_space(in);
	if (!read_value(in, &value))
		return refuse(d, "a parameter's value is not well-formed", name);
	if (value.n > VALUE_MAX)
		return refuse(d, "a parameter is over 1,024 bytes", name);
	size_t i = find_param(name);
	if (i == PARAMS)
		return OK;
	if ((*seen & 1u << i) != 0)
		return refuse(d, "a parameter is there twice", name);
	*seen |= 1u << i;
	memcpy((char *)out + params[i].at, &value, sizeof value);
	return OK;
}

static err read_params(struct scan *in, struct digest *out, struct diag *d)
{
	unsigned seen = 0;
	for (;;) {
		skip_space(in);
		TRY(read_param(in, out, &seen, d));
		skip_space(in);
		if (scan_at_end(in))
			return OK;
		if (!scan_char(in, ','))
			return refuse(d, "a ',' is missing", STR(""));
	}
}

static err read_nc(struct digest *out, struct diag *d)
{
	uint8_t b[4];
	if (out->nc_raw.n == 0)
		return OK;
	if (out->nc_raw.n != 8 || failed(enc_hex_read(out->nc_raw, b, sizeof b)))
		return refuse(d, "nc is not eight hexadecimal digits", out->nc_raw);
	out->nc = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return OK;
}

err digest_parse(str value, struct digest *out, struct diag *d)
{
	struct scan in = scan_of(value);
	*out = (struct digest){ .hash = CRYPT_MD5 };
	if (!scan_some(&in, &token_set, &out->scheme))
		return refuse(d, "there is no scheme", STR(""));
	out->is_digest = str_eq_case(out->scheme, STR("Digest"));
	if (!out->is_digest)
		return OK;
	if (scan_at_end(&in) || !scan_has(&space_set, *in.p))
		return refuse(d, "there are no parameters", out->scheme);
	TRY(read_params(&in, out, d));
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
