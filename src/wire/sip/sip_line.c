/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: one scan finds the end and everything that is no plain text. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "wire/sip/sip_priv.h"

static bool is_plain(char c)
{
	return (signed char)c >= ' ' && c != 0x7f;
}

/* The first byte that is a control, DEL or not ASCII; end without. */
static const char *find_odd(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i space = _mm_set1_epi8(' '), del = _mm_set1_epi8(0x7f);
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		int odd = _mm_movemask_epi8(_mm_or_si128(_mm_cmplt_epi8(v, space), _mm_cmpeq_epi8(v, del)));
		if (odd != 0)
			return p + __builtin_ctz((unsigned)odd);
	}
#endif
	while (p != end && is_plain(*p))
		p++;
	return p;
}

/* Steps over one odd character of a line: UTF-8, HTAB, a fold, or a control that a backslash makes part of a quoted
 * string. 0: it may not stand there. */
static size_t odd_length(const char *from, const char *at, const char *end)
{
	const unsigned char *p = (const unsigned char *)at;
	size_t left = (size_t)(end - at);
	if (p[0] >= 0x80)
		return str_utf8_length((str){ at, left });
	if (p[0] == '\t')
		return 1;
	if (p[0] == '\r')
		return left >= 3 && p[1] == '\n' && (p[2] == ' ' || p[2] == '\t') ? 3 : 0;
	return p[0] != '\n' && at != from && at[-1] == '\\';
}

bool sip_take_line(const char **at, const char *end, str *line, bool *good)
{
	const char *from = *at, *p = from;
	*good = true;
	for (;;) {
		p = find_odd(p, end);
		if (p == end)
			return false;
		size_t n = odd_length(from, p, end);
		if (n == 0 && *p == '\r' && end - p >= 2 && p[1] == '\n')
			break;
		*good = *good && n != 0;
		if (n == 0 && *p == '\n') /* a bare one ends the line too: what follows is still read */
			break;
		p += n != 0 ? n : 1;
	}
	*at = p + (*p == '\r' ? 2 : 1);
	*line = (str){ from, (size_t)(*at - from) };
	return true;
}
