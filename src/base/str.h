/* SPDX-License-Identifier: Apache-2.0 */
/* str - a borrowed slice of bytes. Never owns, never ends in NUL by contract. A value: pass it, do not point at it. */
#ifndef WITAN_BASE_STR_H
#define WITAN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *p;
	size_t n; /* bytes */
} str;

#define STR(lit)  ((str){ "" lit, sizeof(lit) - 1 })
#define STR_FMT(s) (int)(s).n, (s).p /* for "%.*s" */

static inline str str_of(const char *z)
{
	return z != NULL ? (str){ z, strlen(z) } : (str){ "", 0 };
}

static inline bool str_eq(str a, str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The bytes [from, to) of s; both are cut to s.n. */
static inline str str_cut(str s, size_t from, size_t to)
{
	to = to < s.n ? to : s.n;
	from = from < to ? from : to;
	return (str){ from > 0 ? s.p + from : s.p, to - from }; /* nothing has no pointer that an offset, even 0, may be added to (C11 6.5.6) */
}

/* ASCII only, as SIP and DNS compare (RFC 3261 7.3.1, RFC 4343). */
bool str_eq_case(str a, str b);
bool str_begins(str s, str prefix);
bool str_begins_case(str s, str prefix);
int str_cmp(str a, str b);

/* Offset of the first c, or s.n. */
size_t str_find_char(str s, char c);
/* Without SP, HTAB, CR and LF at both ends. */
str str_trim(str s);
/* Splits s at the first c: the part before is returned and *rest becomes the part after; without c all of s, rest empty. */
str str_split(str s, char c, str *rest);

/* Decimal digits only, all of s; false when empty, signed, or out of range. */
bool str_to_u32(str s, uint32_t *out);
bool str_to_u64(str s, uint64_t *out);

static inline char char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Bytes of the UTF-8 character that s begins with (RFC 3629 4); 0 if it begins with none. */
size_t str_utf8_length(str s);

/* Copies at most size - 1 bytes and a NUL into dst; false if s did not fit. */
bool str_to_z(str s, char *dst, size_t size);

#endif
