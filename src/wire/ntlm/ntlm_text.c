/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ntlm/ntlm_priv.h"

static const struct {
	uint16_t first, last, step;
	int32_t shift;
} capitals[] = {
#define UPPER(first, last, step, shift) { first, last, step, shift },
#include "wire/ntlm/ntlm_upper.def"
#undef UPPER
};

uint16_t ntlm_upper(uint16_t unit)
{
	size_t from = 0, to = sizeof capitals / sizeof *capitals;
	while (from < to) {
		size_t at = (from + to) / 2;
		if (unit > capitals[at].last)
			from = at + 1;
		else
			to = at;
	}
	if (from == sizeof capitals / sizeof *capitals || unit < capitals[from].first || (unit - capitals[from].first) % capitals[from].step != 0)
		return unit;
	return (uint16_t)(unit + capitals[from].shift);
}

/* ---- reading ---- */

static size_t put_utf8(uint32_t c, char out[4])
{
	static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(marks[n] | c);
	return n;
}

/* The character at *at and behind it; 0 if there is none that a name may have. */
static uint32_t take_utf16(str s, size_t *at)
{
	uint32_t c = get_number(s, *at, 2);
	*at += 2;
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xdc00 && c < 0xe000))
		return 0;
	if (c < 0xd800 || c >= 0xe000)
		return c;
	uint32_t low = *at < s.n ? get_number(s, *at, 2) : 0;
	*at += 2;
	return low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)) : 0;
}

err ntlm_text_read(str utf16, char *out, size_t size)
{
	char one[4];
	size_t n = 0;
	ENSURE(size > 0, CEILING);
	out[0] = '\0';
	ENSURE(utf16.n % 2 == 0, MALFORMED);
	for (size_t at = 0; at < utf16.n;) {
		uint32_t c = take_utf16(utf16, &at);
		size_t more = put_utf8(c, one);
		err bad = c == 0 ? ERR(MALFORMED) : n + more >= size ? ERR(CEILING) : OK;
		if (failed(bad)) {
			out[0] = '\0';
			return bad;
		}
		memcpy(out + n, one, more);
		n += more;
		out[n] = '\0';
	}
	return OK;
}

/* ---- writing ---- */

static uint32_t take_utf8(str *s)
{
	static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = str_utf8_length(*s);
	uint32_t c = n > 0 ? (uint8_t)s->p[0] & masks[n] : 0;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)s->p[i] & 0x3f);
	*s = str_cut(*s, n, s->n);
	return c;
}

static void put_unit(uint8_t *out, size_t *n, uint32_t unit)
{
	out[(*n)++] = (uint8_t)unit;
	out[(*n)++] = (uint8_t)(unit >> 8);
}

err ntlm_text_write(str utf8, uint8_t *out, size_t *n)
{
	size_t room = *n;
	*n = 0;
	while (utf8.n > 0) {
		ENSURE(str_utf8_length(utf8) > 0, MALFORMED);
		uint32_t c = take_utf8(&utf8);
		ENSURE(room - *n >= (c < 0x10000 ? 2u : 4u), CEILING);
		if (c >= 0x10000) {
			put_unit(out, n, 0xd800 | (c - 0x10000) >> 10);
			c = 0xdc00 | (c & 0x3ff);
		}
		put_unit(out, n, c);
	}
	return OK;
}
