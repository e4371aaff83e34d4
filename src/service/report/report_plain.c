/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign text. */
#include "service/report/report_priv.h"

#include <time.h>

/* Characters that are not shown but act: C1 controls, separators of lines, marks of direction, tags. */
static bool is_acting(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f) ||
	       (c & 0xfffe) == 0xfffe;
}

static uint32_t code_of(const char *p, size_t n)
{
	const uint8_t *u = (const uint8_t *)p;
	uint32_t c = n == 1 ? u[0] : u[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (u[i] & 0x3f);
	return c;
}

static void add_bytes(struct buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "\\x%02x", (unsigned)(uint8_t)p[i]);
}

typedef void add_fn(struct buf *out, const char *p, size_t n);

static void add_each(struct buf *out, str s, add_fn *add)
{
	while (s.n > 0) {
		size_t n = str_utf8_length(s);
		if (n == 0 || is_acting(code_of(s.p, n)))
			add_bytes(out, s.p, n > 0 ? n : 1);
		else
			add(out, s.p, n);
		s = str_cut(s, n > 0 ? n : 1, s.n);
	}
}

static void add_as_is(struct buf *out, const char *p, size_t n)
{
	buf_add(out, (str){ p, n });
}

static void add_escaped(struct buf *out, const char *p, size_t n)
{
	switch (*p) {
	case '&':
		buf_add(out, STR("&amp;"));
		return;
	case '<':
		buf_add(out, STR("&lt;"));
		return;
	case '>':
		buf_add(out, STR("&gt;"));
		return;
	case '"':
		buf_add(out, STR("&quot;"));
		return;
	case '\'':
		buf_add(out, STR("&#39;"));
		return;
	default:
		buf_add(out, (str){ p, n });
	}
}

void report_add_plain(struct buf *out, str s)
{
	add_each(out, s, add_as_is);
}

void report_add_html(struct buf *out, str s)
{
	add_each(out, s, add_escaped);
}

void report_add_time(struct buf *out, int64_t t)
{
	struct tm tm;
	time_t at = (time_t)t;
	if (gmtime_r(&at, &tm) == NULL)
		buf_add(out, STR("unknown"));
	else
		buf_printf(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}
