/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - a cursor over a slice, and sets of characters. Every reader of foreign bytes moves by these few steps; none can
 * step past the end. A step that does not fit answers false and stays where it was.
 */
#ifndef WITAN_BASE_SCAN_H
#define WITAN_BASE_SCAN_H

#include "base/str.h"

struct scan {
	const char *p, *end;
};

/* A set of characters: bit (c & 63) of word c / 64. */
struct scan_set {
	uint64_t bits[4];
};

static inline struct scan scan_of(str s)
{
	return (struct scan){ s.p, s.n > 0 ? s.p + s.n : s.p }; /* to nothing no offset may be added */
}

static inline bool scan_has(const struct scan_set *set, char c)
{
	unsigned char u = (unsigned char)c;
	return (set->bits[u >> 6] >> (u & 63) & 1) != 0;
}

static inline size_t scan_left(const struct scan *s)
{
	return (size_t)(s->end - s->p);
}

static inline bool scan_at_end(const struct scan *s)
{
	return s->p == s->end;
}

/* The next character without taking it; '\0' at the end. */
static inline char scan_peek(const struct scan *s)
{
	return s->p != s->end ? *s->p : '\0';
}

static inline bool scan_char(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* Takes as many characters of the set as there are (maybe none). */
static inline str scan_while(struct scan *s, const struct scan_set *set)
{
	const char *from = s->p;
	while (s->p != s->end && scan_has(set, *s->p))
		s->p++;
	return (str){ from, (size_t)(s->p - from) };
}

/* The same, but at least one. */
static inline bool scan_some(struct scan *s, const struct scan_set *set, str *out)
{
	*out = scan_while(s, set);
	return out->n != 0;
}

/* What is left. */
static inline str scan_rest(const struct scan *s)
{
	return (str){ s->p, scan_left(s) };
}

#endif
