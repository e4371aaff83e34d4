/* SPDX-License-Identifier: Apache-2.0 */
#include "service/cert/cert_der.h"

#include <stdio.h>
#include <time.h>

/* ---- writing ---- */

static size_t head(unsigned tag, size_t n, uint8_t out[6])
{
	size_t at = 0, bytes = 0;
	out[at++] = (uint8_t)tag;
	if (n < 0x80) {
		out[at++] = (uint8_t)n;
		return at;
	}
	for (size_t rest = n; rest != 0; rest >>= 8)
		bytes++;
	out[at++] = (uint8_t)(0x80 | bytes);
	while (bytes-- > 0)
		out[at++] = (uint8_t)(n >> 8 * bytes);
	return at;
}

void der_add(struct buf *b, unsigned tag, str content)
{
	uint8_t h[6];
	if (content.n > INT32_MAX) {
		b->failed = true;
		return;
	}
	size_t n = head(tag, content.n, h);
	buf_add(b, (str){ (const char *)h, n });
	buf_add(b, content);
}

void der_wrap(struct buf *b, size_t from, unsigned tag)
{
	uint8_t h[6];
	if (b->failed || from > b->n || b->n - from > INT32_MAX)
		return;
	size_t content = b->n - from, n = head(tag, content, h);
	if (!buf_reserve(b, n))
		return;
	memmove(b->p + from + n, b->p + from, content);
	memcpy(b->p + from, h, n);
	b->n += n;
}

void der_add_bytes(struct buf *b, unsigned tag, str s)
{
	while (s.n > 1 && s.p[0] == '\0')
		s = str_cut(s, 1, s.n);
	const bool needs_zero = s.n == 0 || ((uint8_t)s.p[0] & 0x80) != 0;
	const size_t from = b->n;
	if (needs_zero)
		buf_add_char(b, '\0');
	buf_add(b, s);
	der_wrap(b, from, tag);
}

void der_add_uint(struct buf *b, unsigned tag, uint64_t v)
{
	char bytes[8];
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(v >> 8 * (sizeof bytes - 1 - i));
	der_add_bytes(b, tag, (str){ bytes, sizeof bytes });
}

void der_add_bool(struct buf *b, bool v)
{
	der_add(b, DER_BOOLEAN, v ? DER_TEXT("\xff") : DER_TEXT("\0"));
}

void der_add_bits(struct buf *b, str bytes, unsigned unused)
{
	const size_t from = b->n;
	buf_add_char(b, (char)unused);
	buf_add(b, bytes);
	der_wrap(b, from, DER_BITS);
}

static void add_time(struct buf *b, int64_t t, bool is_general)
{
	struct tm tm;
	time_t seconds = (time_t)t;
	char z[32];
	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < 50 || tm.tm_year >= 9999 - 1900) {
		b->failed = true;
		return;
	}
	is_general = is_general || tm.tm_year >= 150;
	size_t n = strftime(z, sizeof z, "%Y%m%d%H%M%SZ", &tm);
	der_add(b, is_general ? DER_TIME : DER_UTC, str_cut((str){ z, n }, is_general ? 0 : 2, n)); /* UTCTime has no century */
}

void der_add_time(struct buf *b, int64_t t)
{
	add_time(b, t, false);
}

void der_add_general_time(struct buf *b, int64_t t)
{
	add_time(b, t, true);
}

/* ---- reading ---- */

static bool take_length(str in, size_t *at, size_t *out)
{
	uint8_t first = (uint8_t)in.p[(*at)++];
	*out = first;
	if (first < 0x80)
		return true;
	size_t bytes = first & 0x7fu;
	if (bytes == 0 || bytes > 4 || in.n - *at < bytes || in.p[*at] == '\0')
		return false;
	for (*out = 0; bytes > 0; bytes--)
		*out = *out << 8 | (uint8_t)in.p[(*at)++];
	return *out >= 0x80;
}

bool der_next(str *in, struct der *out)
{
	size_t at = 1, n;
	if (in->n < 2 || ((uint8_t)in->p[0] & 0x1f) == 0x1f)
		return false; /* numbers above 30 are in no structure here */
	if (!take_length(*in, &at, &n) || in->n - at < n)
		return false;
	*out = (struct der){ (uint8_t)in->p[0], str_cut(*in, 0, at + n), str_cut(*in, at, at + n) };
	*in = str_cut(*in, at + n, in->n);
	return true;
}

bool der_take(str *in, unsigned tag, struct der *out)
{
	str rest = *in;
	if (!der_next(&rest, out) || out->tag != tag)
		return false;
	*in = rest;
	return true;
}

static bool is_minimal(str s)
{
	if (s.n == 0)
		return false;
	const uint8_t first = (uint8_t)s.p[0];
	const bool next_high = s.n > 1 && ((uint8_t)s.p[1] & 0x80) != 0;
	return s.n == 1 || !((first == 0 && !next_high) || (first == 0xff && next_high));
}

static bool is_bits(str s)
{
	const unsigned unused = s.n > 0 ? (uint8_t)s.p[0] : 8;
	if (unused > 7 || (s.n == 1 && unused != 0))
		return false;
	return unused == 0 || ((uint8_t)s.p[s.n - 1] & ((1u << unused) - 1)) == 0;
}

static bool is_value(const struct der *d)
{
	switch (d->tag) {
	case DER_BOOLEAN:
		return d->content.n == 1 && (d->content.p[0] == '\0' || (uint8_t)d->content.p[0] == 0xff);
	case DER_INTEGER:
	case DER_ENUMERATED:
		return is_minimal(d->content);
	case DER_BITS:
		return is_bits(d->content);
	default:
		return true;
	}
}

/* X.690 11.6: the elements of a SET OF ascend. */
static bool is_ascending(str before, str after)
{
	size_t n = before.n < after.n ? before.n : after.n;
	int order = memcmp(before.p, after.p, n);
	return order < 0 || (order == 0 && before.n <= after.n);
}

static bool is_canonical(str in, unsigned depth, bool is_set)
{
	str before = { NULL, 0 };
	while (in.n > 0) {
		struct der d;
		if (depth == 0 || !der_next(&in, &d) || !is_value(&d) || (is_set && before.p != NULL && !is_ascending(before, d.whole)))
			return false;
		const bool has_parts = (d.tag & 0x20) != 0, must_have = d.tag == DER_SEQUENCE || d.tag == DER_SET;
		if ((d.tag & 0xc0) == 0 && has_parts != must_have)
			return false;
		if (has_parts && !is_canonical(d.content, depth - 1, d.tag == DER_SET))
			return false;
		before = d.whole;
	}
	return true;
}

bool der_is_canonical(str in)
{
	enum { DEPTH = 16 };
	return is_canonical(in, DEPTH, false);
}
