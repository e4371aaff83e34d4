/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_SIP_SIP_PRIV_H
#define WITAN_WIRE_SIP_SIP_PRIV_H

#include "base/scan.h"
#include "wire/sip.h"

/* Sets of characters (RFC 3261 25.1), a bit each. Rows are split before values are read, so CR and LF in a value belong
 * to a fold: LWS. */
enum {
	CHAR_TOKEN = 1, /* alphanum - . ! % * _ + ` ' ~ */
	CHAR_WORD = 2,  /* token and ( ) < > : \ " / [ ] ? { } */
	CHAR_VALUE = 4, /* gen-value without quotes: token or host, so brackets and colons too */
	CHAR_SPACE = 8, /* SP HTAB CR LF */
	CHAR_DIGIT = 16,
};
extern const unsigned char sip_chars[256];

static inline bool sip_is(char c, unsigned set)
{
	return (sip_chars[(unsigned char)c] & set) != 0;
}

/* Takes as many characters of the set as there are. */
static inline str sip_while(struct scan *s, unsigned set)
{
	const char *from = s->p, *p = from;
	while (p != s->end && sip_is(*p, set))
		p++;
	s->p = p;
	return (str){ from, (size_t)(p - from) };
}

static inline bool sip_some(struct scan *s, unsigned set, str *out)
{
	*out = sip_while(s, set);
	return out->n != 0;
}

enum sip_hdr_kind { SIP_KIND_ONE, SIP_KIND_LIST, SIP_KIND_MANY };
enum sip_hdr_kind sip_hdr_kind(enum sip_hdr_id id);

/* Fills d: `what` with the offending text, `see` ("see RFC 3261 20.16"). Answers MALFORMED. */
err sip_refuse(struct diag *d, const char *where, const char *see, const char *what, str text);

static inline void sip_skip_space(struct scan *s)
{
	(void)sip_while(s, CHAR_SPACE);
}

/* Takes the next line with its folds and line end off *at; false when no line ends. good: it ends with CRLF, and is
 * UTF-8 without control characters but HTAB and what a backslash makes part of a quoted string. */
bool sip_take_line(const char **at, const char *end, str *line, bool *good);

/* A quoted string with its quotes; false, and s anywhere, if it does not end. */
bool sip_take_quoted(struct scan *s, str *out);

/* Reads *( SEMI name [ EQUAL value ] ) to the end; *params is without the first ';'. `on` (may be NULL) sees each. */
typedef bool sip_param_fn(void *arg, str name, str value);
bool sip_read_params(struct scan *s, str *params, sip_param_fn *on, void *arg);

/* The tag of From and To while the parameters are read anyway. */
err sip_addr_parse_tag(str s, struct sip_addr *out, str *tag, struct diag *d);

/* 1*DIGIT; *out is UINT64_MAX when it does not fit. */
bool sip_digits(str s, uint64_t *out);

/* The grammar of fields that are not decoded but must be right (sip_check.c). */
err sip_check_field(enum sip_hdr_id id, str value, struct diag *d);

#define SIP_MESSAGE_MAX 65536u
#define SIP_HEADER_MAX  32768u
#define SIP_BODY_MAX    65536u
#define SIP_FIELDS_MAX  128u
/* limits with the defaults filled in; l may be NULL */
struct sip_limits sip_limits_of(const struct sip_limits *l);

#endif
