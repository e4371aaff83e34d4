/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char plain[] = "+/", url[] = "-_"; /* the last two digits */

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

static char base64_digit(uint32_t v, const char *last)
{
	return (v & 63) < 62 ? base64_digits[v & 63] : last[(v & 63) - 62];
}

static size_t write_base64(const uint8_t *b, size_t n, const char *last, char *out)
{
	char *o = out;
	uint32_t bits = 0;
	int have = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | b[i];
		for (have += 8; have >= 6; have -= 6)
			*o++ = base64_digit(bits >> (have - 6), last);
	}
	if (have > 0)
		*o++ = base64_digit(bits << (6 - have), last);
	return (size_t)(o - out);
}

static int base64_value(char c, const char *last)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

/* s is without padding */
static err read_base64(str s, const char *last, uint8_t *out, size_t *n)
{
	uint8_t *o = out;
	uint32_t bits = 0;
	int have = 0;
	ENSURE(s.n % 4 != 1, MALFORMED);
	ENSURE(s.n / 4 * 3 + (s.n % 4 != 0 ? s.n % 4 - 1 : 0) <= *n, CEILING);
	for (size_t i = 0; i < s.n; i++) {
		int v = base64_value(s.p[i], last);
		ENSURE(v >= 0, MALFORMED);
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*o++ = (uint8_t)(bits >> have);
		}
	}
	ENSURE((bits & ((1u << have) - 1)) == 0, MALFORMED); /* one encoding for one value */
	*n = (size_t)(o - out);
	return OK;
}

void enc_base64(const void *bytes, size_t n, char *out)
{
	for (size_t i = write_base64(bytes, n, plain, out); i % 4 != 0; i++)
		out[i] = '=';
}

err enc_base64_read(str s, void *out, size_t *n)
{
	size_t padding = 0;
	ENSURE(s.n % 4 == 0, MALFORMED);
	while (padding < 2 && s.n > padding && s.p[s.n - padding - 1] == '=')
		padding++;
	return read_base64(str_cut(s, 0, s.n - padding), plain, out, n);
}

size_t enc_base64url(const void *bytes, size_t n, char *out)
{
	return write_base64(bytes, n, url, out);
}

err enc_base64url_read(str s, void *out, size_t *n)
{
	return read_base64(s, url, out, n);
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
