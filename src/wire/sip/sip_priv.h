/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_SIP_SIP_PRIV_H
#define WITAN_WIRE_SIP_SIP_PRIV_H

#include "base/scan.h"
#include "wire/sip.h"

/* Sets of RFC 3261 25.1. Rows are split before values are read, so CR and LF in a value belong to a fold: LWS. */
extern const struct scan_set sip_token_set, sip_word_set, sip_value_set, sip_space_set;

enum sip_hdr_kind { SIP_KIND_ONE, SIP_KIND_LIST, SIP_KIND_MANY };
enum sip_hdr_kind sip_hdr_kind(enum sip_hdr_id id);

/* Fills d: `what` with the offending text, `see` ("see RFC 3261 20.16"). Answers MALFORMED. */
err sip_refuse(struct diag *d, const char *where, const char *see, const char *what, str text);

static inline void sip_skip_space(struct scan *s)
{
	while (s->p != s->end && scan_has(&sip_space_set, *s->p))
		s->p++;
}

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
