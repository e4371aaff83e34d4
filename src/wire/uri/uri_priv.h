/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_URI_URI_PRIV_H
#define WITAN_WIRE_URI_URI_PRIV_H

#include "base/scan.h"

/* Sets of characters (RFC 3261 25.1), a bit each; %HH is read apart. */
enum {
	URI_CHAR_USER = 1,     /* unreserved and & = + $ , ; ? / */
	URI_CHAR_PASSWORD = 2, /* unreserved and & = + $ , */
	URI_CHAR_PARAM = 4,    /* unreserved and [ ] / : & + $ */
	URI_CHAR_HEADER = 8,   /* unreserved and [ ] / ? : + $ */
	URI_CHAR_OPAQUE = 16,  /* what other schemes hold: unreserved, reserved, [ ] # */
	URI_CHAR_SCHEME = 32,  /* alphanum + - . */
	URI_CHAR_LABEL = 64,   /* alphanum - */
	URI_CHAR_HEX = 128,    /* HEXDIG */
};
extern const unsigned char uri_chars[256];

static inline bool uri_is(char c, unsigned set)
{
	return (uri_chars[(unsigned char)c] & set) != 0;
}

static inline str uri_while(struct scan *s, unsigned set)
{
	const char *from = s->p, *p = from;
	while (p != s->end && uri_is(*p, set))
		p++;
	s->p = p;
	return (str){ from, (size_t)(p - from) };
}

static inline bool uri_some(struct scan *s, unsigned set, str *out)
{
	*out = uri_while(s, set);
	return out->n != 0;
}

/* Walks text with %HH escapes. A character of the reserved set that was escaped is not the same as the bare one (RFC
 * 3261 19.1.4), so it comes with URI_ESCAPED. -1 at the end; the escapes must have been checked. */
#define URI_ESCAPED 0x100
int uri_next_char(str *rest);
/* Are two pieces of text the same but for the way they are escaped? */
bool uri_equal_text(str a, str b, bool ignore_case);
/* The value of one hexadecimal digit; -1 for any other character. */
int uri_hex_digit(char c);

#endif
