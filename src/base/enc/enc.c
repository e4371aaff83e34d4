/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void enc_hex(const void *bytes, size_t n, char *out)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < n; i++) {
		*out++ = hex_digits[b[i] >> 4];
		*out++ = hex_digits[b[i] & 15];
	}
}

static int hex_value(char c)
{
	c = char_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

err enc_hex_read(str s, void *out, size_t n)
{
	uint8_t *o = out;
	ENSURE(s.n == 2 * n, MALFORMED);
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
		ENSURE(high >= 0 && low >= 0, MALFORMED);
		o[i] = (uint8_t)(high << 4 | low);
	}
	return OK;
}

size_t enc_base64url(const void *bytes, size_t n, char *out)
{
	const uint8_t *b = bytes;
	char *o = out;
	uint32_t bits = 0;
	int have = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | b[i];
		for (have += 8; have >= 6; have -= 6)
			*o++ = base64_digits[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*o++ = base64_digits[bits << (6 - have) & 63];
	return (size_t)(o - out);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

err enc_base64url_read(str s, void *out, size_t *n)
{
	uint8_t *o = out;
	uint32_t bits = 0;
	int have = 0;
	ENSURE(s.n % 4 != 1, MALFORMED);
	ENSURE(s.n / 4 * 3 + (s.n % 4 != 0 ? s.n % 4 - 1 : 0) <= *n, CEILING);
	for (size_t i = 0; i < s.n; i++) {
		int v = base64_value(s.p[i]);
		ENSURE(v >= 0, MALFORMED);
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*o++ = (uint8_t)(bits >> have);
		}
	}
	ENSURE((bits & ((1u << have) - 1)) == 0, MALFORMED); /* one encoding for one value */
	*n = (size_t)(o - (uint8_t *)out);
	return OK;
}

size_t enc_base32(const void *bytes, size_t n, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	const uint8_t *p = bytes;
	size_t made = 0;
	unsigned have = 0, bits = 0;
	for (size_t i = 0; i < n; i++) {
		have = have << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			out[made++] = alphabet[have >> (bits - 5) & 31];
	}
	if (bits != 0)
		out[made++] = alphabet[have << (5 - bits) & 31];
	return made;
}
