/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of UTF-8: their case, their order, wildcards. Bytes that are no character stand for themselves. */
#include "service/shell/shell_priv.h"

/* ---- one character ---- */

static uint32_t take(str *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t n = str_utf8_length(*s);
	uint32_t c = p[0];
	if (n >= 2)
		c = (c & (0xffu >> (n + 1))) << 6 | (p[1] & 0x3fu);
	for (size_t i = 2; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	*s = str_cut(*s, n != 0 ? n : 1, s->n);
	return c;
}

static void put(uint32_t c, struct buf *out)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
	} else if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_add_char(out, (char)(0xe0 | c >> 12));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_add_char(out, (char)(0xf0 | c >> 18));
		buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* Alphabets whose capitals lie at a fixed distance from their small letters. */
static const struct {
	uint32_t from, to, distance;
} alphabets[] = {
	{ 'A', 'Z', 32 },
	{ 0xc0, 0xd6, 32 }, /* Latin 1 */
	{ 0xd8, 0xde, 32 },
	{ 0x391, 0x3a9, 32 }, /* Greek */
	{ 0x410, 0x42f, 32 }, /* Cyrillic */
	{ 0x400, 0x40f, 80 },
};

/* Alphabets in which each capital is followed by its small letter: the capitals are even, or odd. */
static bool alternates(uint32_t c, bool *odd)
{
	*odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
	return (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14a && c <= 0x177) ||
	       (c >= 0x460 && c <= 0x481) || (c >= 0x1e00 && c <= 0x1e95) || *odd;
}

static uint32_t lower(uint32_t c)
{
	bool odd;
	for (size_t i = 0; i < sizeof alphabets / sizeof *alphabets; i++)
		if (c >= alphabets[i].from && c <= alphabets[i].to)
			return c + alphabets[i].distance;
	return alternates(c, &odd) && (c & 1) == odd ? c + 1 : c;
}

static uint32_t upper(uint32_t c)
{
	bool odd;
	for (size_t i = 0; i < sizeof alphabets / sizeof *alphabets; i++)
		if (c >= alphabets[i].from + alphabets[i].distance && c <= alphabets[i].to + alphabets[i].distance)
			return c - alphabets[i].distance;
	return alternates(c, &odd) && (c & 1) != odd ? c - 1 : c;
}

static uint32_t take_folded(str *s, bool strict)
{
	uint32_t c = take(s);
	return strict ? c : lower(c);
}

void shell_write_case(str s, bool to_upper, struct buf *out)
{
	while (s.n != 0) {
		uint32_t c = take(&s);
		put(to_upper ? upper(c) : lower(c), out);
	}
}

/* ---- order ---- */

int shell_text_compare(str a, str b, bool strict)
{
	while (a.n != 0 && b.n != 0) {
		uint32_t x = take_folded(&a, strict), y = take_folded(&b, strict);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n != 0) - (b.n != 0);
}

bool shell_text_equal(str a, str b, bool strict)
{
	return str_eq(a, b) || (!strict && shell_text_compare(a, b, false) == 0);
}

size_t shell_text_find(str s, str part, size_t from, bool strict)
{
	for (size_t at = from; at <= s.n; at++) {
		str rest = str_cut(s, at, s.n), want = part;
		if (rest.n != 0 && ((unsigned char)rest.p[0] & 0xc0) == 0x80)
			continue;
		while (want.n != 0 && rest.n != 0 && take_folded(&rest, strict) == take_folded(&want, strict))
			if (want.n == 0)
				return at;
		if (part.n == 0)
			return at;
	}
	return s.n + 1;
}

size_t shell_text_length(str s)
{
	size_t n = 0;
	while (s.n != 0) {
		(void)take(&s);
		n++;
	}
	return n;
}

str shell_text_part(str s, size_t from, size_t n)
{
	str rest = s;
	while (from != 0 && rest.n != 0) {
		(void)take(&rest);
		from--;
	}
	str after = rest;
	while (n != 0 && after.n != 0) {
		(void)take(&after);
		n--;
	}
	return str_cut(rest, 0, rest.n - after.n);
}

/* ---- wildcards ---- */

/* [a-z0]: *pattern stands after the [. */
static bool in_set(str *pattern, uint32_t c, bool strict)
{
	bool found = false;
	while (pattern->n != 0 && pattern->p[0] != ']') {
		uint32_t from = take_folded(pattern, strict), to = from;
		if (pattern->n >= 2 && pattern->p[0] == '-' && pattern->p[1] != ']') {
			(void)take(pattern);
			to = take_folded(pattern, strict);
		}
		found = found || (c >= from && c <= to);
	}
	*pattern = str_cut(*pattern, 1, pattern->n);
	return found;
}

/* One character against the beginning of the pattern, which is no *. */
static bool step(str *pattern, str *s, bool strict)
{
	if (pattern->n == 0 || s->n == 0)
		return false;
	uint32_t c = take_folded(s, strict), want = take_folded(pattern, strict);
	if (want == '?')
		return true;
	if (want == '[' && str_find_char(*pattern, ']') < pattern->n)
		return in_set(pattern, c, strict);
	if (want == '`' && pattern->n != 0)
		want = take_folded(pattern, strict);
	return c == want;
}

bool shell_like(str pattern, str s, bool strict)
{
	str star = { NULL, 0 }, from = s; /* after the last *, and where it ended to match */
	for (;;) {
		if (pattern.n != 0 && pattern.p[0] == '*') {
			pattern = star = str_cut(pattern, 1, pattern.n);
			from = s;
			continue;
		}
		if (pattern.n == 0 && s.n == 0)
			return true;
		if (step(&pattern, &s, strict))
			continue;
		if (star.p == NULL || from.n == 0)
			return false;
		(void)take(&from); /* the * takes one character more */
		pattern = star;
		s = from;
	}
}
