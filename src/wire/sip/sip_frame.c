/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message of a stream ends (RFC 3261 18.3). */
#include "wire/sip/sip_priv.h"

/* The length of the field at the beginning of s with its folds; 0 while it is not sure to be whole. */
static size_t field_length(str s)
{
	const char *p = s.p, *end = s.p + s.n;
	do {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL || ++p == end)
			return 0;
	} while (*p == ' ' || *p == '\t');
	return (size_t)(p - s.p);
}

static bool is_content_length(str field, str *value)
{
	char c = char_lower(field.p[0]);
	if ((c != 'c' || char_lower(field.p[1]) != 'o') && c != 'l')
		return false;
	str name = str_trim(str_split(field, ':', value));
	*value = str_trim(*value);
	return str_eq_case(name, STR("Content-Length")) || str_eq_case(name, STR("l"));
}

/* Looks at each field once. OK when the empty line was found. */
static err find_header_end(struct sip_frame *f, str in)
{
	for (;;) {
		str rest = str_cut(in, f->scanned, in.n), value;
		if (rest.n >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n') {
			f->header_length = f->scanned + 2;
			return OK;
		}
		size_t n = field_length(rest);
		ENSURE(n != 0, INCOMPLETE);
		if (n > 1 && f->scanned != 0 && is_content_length(str_cut(rest, 0, n), &value)) {
			uint64_t v;
			bool good = sip_digits(value, &v) && (!f->has_body || v == f->body);
			f->refused = f->refused || !good;
			f->has_body = true;
			f->body = good ? v : 0;
		}
		f->scanned += (uint32_t)n;
	}
}

err sip_frame_find(struct sip_frame *f, str in, const struct sip_limits *limits)
{
	struct sip_limits l = sip_limits_of(limits);
	if (f->header_length == 0) {
		err e = find_header_end(f, str_cut(in, 0, l.header));
		if (failed(e))
			return in.n >= l.header ? ERR(SIP_TOO_LARGE) : e;
	}
	ENSURE(f->has_body && !f->refused, MALFORMED);
	ENSURE(f->body <= l.body, SIP_ENTITY);
	ENSURE(f->header_length + f->body <= l.message, SIP_TOO_LARGE);
	f->length = f->header_length + (uint32_t)f->body;
	return in.n >= f->length ? OK : ERR(INCOMPLETE);
}
