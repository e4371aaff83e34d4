/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message of a stream ends (RFC 3261 18.3). */
#include "wire/sip/sip_priv.h"

/* Looks for the empty line; lines before f->scanned have been looked through. Answers the length of the header, or 0. */
static size_t find_header_end(struct sip_frame *f, str in)
{
	size_t at = f->scanned;
	while (at < in.n) {
		const char *nl = memchr(in.p + at, '\n', in.n - at);
		if (nl == NULL) {
			at = in.n;
			break;
		}
		size_t end = (size_t)(nl - in.p) + 1; /* the line before it may be the last */
		if (end >= 4 && memcmp(nl - 3, "\r\n\r\n", 4) == 0)
			return end;
		at = end;
	}
	f->scanned = (uint32_t)at;
	return 0;
}

/* The field that begins at *p, with its folds; *p moves behind it. */
static str next_field(const char **p, const char *end)
{
	const char *from = *p, *nl = from;
	do {
		nl = memchr(nl, '\n', (size_t)(end - nl));
		nl = nl != NULL ? nl + 1 : end;
	} while (nl < end && (*nl == ' ' || *nl == '\t'));
	*p = nl;
	return (str){ from, (size_t)(nl - from) };
}

static bool is_content_length(str field, str *value)
{
	char c = char_lower(field.p[0]);
	if (c != 'c' && c != 'l')
		return false;
	str name = str_trim(str_split(field, ':', value));
	*value = str_trim(*value);
	return str_eq_case(name, STR("Content-Length")) || str_eq_case(name, STR("l"));
}

static err find_content_length(str header, uint64_t *out)
{
	const char *p = header.p, *end = header.p + header.n;
	bool found = false;
	(void)next_field(&p, end); /* the start line */
	while (p < end) {
		str value, field = next_field(&p, end);
		uint64_t v;
		if (!is_content_length(field, &value))
			continue;
		ENSURE(sip_digits(value, &v) && (!found || v == *out), MALFORMED);
		*out = v;
		found = true;
	}
	ENSURE(found, MALFORMED);
	return OK;
}

err sip_frame_find(struct sip_frame *f, str in, const struct sip_limits *limits)
{
	struct sip_limits l = sip_limits_of(limits);
	if (f->header_length == 0) {
		size_t n = find_header_end(f, str_cut(in, 0, l.header));
		if (n == 0)
			return in.n >= l.header ? ERR(SIP_TOO_LARGE) : ERR(INCOMPLETE);
		uint64_t body = 0;
		f->header_length = (uint32_t)n;
		TRY(find_content_length(str_cut(in, 0, n), &body));
		ENSURE(body <= l.body, SIP_ENTITY);
		ENSURE(n + body <= l.message, SIP_TOO_LARGE);
		f->length = (uint32_t)(n + body);
	}
	ENSURE(f->length != 0, MALFORMED); /* it was refused before */
	return in.n >= f->length ? OK : ERR(INCOMPLETE);
}
