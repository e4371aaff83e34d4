/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

bool str_eq_case(str a, str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i] && char_lower(a.p[i]) != char_lower(b.p[i]))
			return false;
	return true;
}

bool str_begins(str s, str prefix)
{
	return s.n >= prefix.n && str_eq(str_cut(s, 0, prefix.n), prefix);
}

bool str_begins_case(str s, str prefix)
{
	return s.n >= prefix.n && str_eq_case(str_cut(s, 0, prefix.n), prefix);
}

int str_cmp(str a, str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n != 0 ? memcmp(a.p, b.p, n) : 0;
	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

size_t str_find_char(str s, char c)
{
	const char *at = s.n != 0 ? memchr(s.p, c, s.n) : NULL;
	return at != NULL ? (size_t)(at - s.p) : s.n;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim(str s)
{
	while (s.n != 0 && is_space(s.p[0]))
		s = (str){ s.p + 1, s.n - 1 };
	while (s.n != 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

str str_split(str s, char c, str *rest)
{
	size_t at = str_find_char(s, c);
	*rest = str_cut(s, at + 1, s.n);
	return str_cut(s, 0, at);
}

bool str_to_u64(str s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned char)s.p[i] - (unsigned)'0';
		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

bool str_to_u32(str s, uint32_t *out)
{
	uint64_t v;
	if (!str_to_u64(s, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

size_t str_utf8_length(str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	if (s.n == 0 || p[0] < 0x80)
		return s.n != 0;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, past U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
		(p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool str_to_z(str s, char *dst, size_t size)
{
	size_t n = s.n < size ? s.n : size - 1;
	if (n != 0)
		memcpy(dst, s.p, n);
	dst[n] = '\0';
	return n == s.n;
}
