/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of URIs. */
#include "wire/uri.h"

#include "base/scan.h"
#include "wire/uri/uri_priv.h"

#define SEE_URI    "see RFC 3261 19.1.1, 25.1"
#define PARAMS_MAX 32 /* of one URI: their names are compared with one another */

static err refuse(struct diag *d, const char *what, str s)
{
	err e = diag_fail(d, ERR(MALFORMED), "URI", SEE_URI, "%s in '%.*s'", what, s.n < 120 ? (int)s.n : 120, s.p);
	diag_clean(d);
	return e;
}

int uri_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = char_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes characters of the set and %HH; what stops it is for the caller to judge. */
static str take(struct scan *in, unsigned set)
{
	const char *from = in->p;
	for (;;) {
		while (in->p != in->end && uri_is(*in->p, set))
			in->p++;
		if (scan_left(in) < 3 || in->p[0] != '%' || uri_hex_digit(in->p[1]) < 0 || uri_hex_digit(in->p[2]) < 0)
			return (str){ from, (size_t)(in->p - from) };
		in->p += 3;
	}
}

static bool read_userinfo(str s, struct uri *u)
{
	struct scan in = scan_of(s);
	u->has_user = true;
	u->user = take(&in, URI_CHAR_USER);
	if (u->user.n == 0)
		return false;
	if (scan_char(&in, ':'))
		u->password = take(&in, URI_CHAR_PASSWORD);
	return scan_at_end(&in);
}

/* hostport; leaves in at what follows */
static bool read_hostport(struct scan *in, struct uri *u)
{
	const char *from = in->p;
	bool bracket = scan_peek(in) == '[';
	while (in->p != in->end && *in->p != ';' && *in->p != '?' && (bracket || *in->p != ':'))
		if (*in->p++ == ']')
			bracket = false;
	u->host = (str){ from, (size_t)(in->p - from) };
	if (!uri_host_is_valid(u->host))
		return false;
	if (!scan_char(in, ':'))
		return true;
	const char *digits = in->p;
	while (in->p != in->end && *in->p != ';' && *in->p != '?')
		in->p++;
	uint32_t port;
	if (!str_to_u32((str){ digits, (size_t)(in->p - digits) }, &port) || port == 0 || port > UINT16_MAX)
		return false;
	u->port = (uint16_t)port;
	return true;
}

/* in stands behind the first ';'. No name may be there twice (RFC 3261 19.1.1): readers would disagree on what counts.
 */
static bool read_params(struct scan *in, struct uri *u)
{
	const char *from = in->p;
	str names[PARAMS_MAX];
	unsigned n = 0;
	do {
		str name = take(in, URI_CHAR_PARAM);
		if (name.n == 0 || n == PARAMS_MAX)
			return false;
		for (unsigned i = 0; i < n; i++)
			if (uri_equal_text(names[i], name, true))
				return false;
		names[n++] = name;
		if (scan_char(in, '=') && take(in, URI_CHAR_PARAM).n == 0)
			return false;
	} while (scan_char(in, ';'));
	u->params = (str){ from, (size_t)(in->p - from) };
	return true;
}

/* in stands behind the '?' */
static bool read_headers(struct scan *in, struct uri *u)
{
	const char *from = in->p;
	do {
		if (take(in, URI_CHAR_HEADER).n == 0 || !scan_char(in, '='))
			return false;
		(void)take(in, URI_CHAR_HEADER);
	} while (scan_char(in, '&'));
	u->headers = (str){ from, (size_t)(in->p - from) };
	return true;
}

static err read_sip(struct scan *in, struct uri *u, struct diag *d)
{
	str rest = scan_rest(in);
	size_t at = str_find_char(rest, '@'); /* nothing but userinfo may hold one */
	if (at != rest.n) {
		if (!read_userinfo(str_cut(rest, 0, at), u))
			return refuse(d, "the user part is not well-formed", u->raw);
		in->p += at + 1;
	}
	if (!read_hostport(in, u))
		return refuse(d, "the host or port is not well-formed", u->raw);
	if (scan_char(in, ';') && !read_params(in, u))
		return refuse(d, "a parameter is not well-formed", u->raw);
	if (scan_char(in, '?') && !read_headers(in, u))
		return refuse(d, "a header is not well-formed", u->raw);
	if (!scan_at_end(in))
		return refuse(d, "a character is not allowed", u->raw);
	return OK;
}

static err read_other(struct scan *in, struct uri *u, struct diag *d)
{
	str all = take(in, URI_CHAR_OPAQUE);
	if (all.n == 0 || !scan_at_end(in))
		return refuse(d, "a character is not allowed", u->raw);
	size_t n = 0;
	while (n < all.n && all.p[n] != ';' && all.p[n] != '?')
		n++;
	u->host = str_cut(all, 0, n);
	if (n < all.n && all.p[n] == ';')
		u->params = str_split(str_cut(all, n + 1, all.n), '?', &u->headers);
	else
		u->headers = str_cut(all, n + 1, all.n);
	return OK;
}

static enum uri_kind kind_of(str scheme)
{
	if (str_eq_case(scheme, STR("sip")))
		return URI_SIP;
	if (str_eq_case(scheme, STR("sips")))
		return URI_SIPS;
	return str_eq_case(scheme, STR("tel")) ? URI_TEL : URI_OTHER;
}

err uri_parse(str s, struct uri *out, struct diag *d)
{
	struct scan in = scan_of(s);
	*out = (struct uri){ .kind = URI_OTHER, .raw = s };
	char first = char_lower(scan_peek(&in));
	if (first < 'a' || first > 'z')
		return refuse(d, "there is no scheme", s);
	out->scheme = uri_while(&in, URI_CHAR_SCHEME);
	if (!scan_char(&in, ':'))
		return refuse(d, "there is no scheme", s);
	out->kind = kind_of(out->scheme);
	if (out->kind == URI_SIP || out->kind == URI_SIPS)
		return read_sip(&in, out, d);
	return read_other(&in, out, d);
}

bool uri_param(const struct uri *u, str name, str *value)
{
	str rest = u->params, v;
	while (rest.n != 0) {
		str n = str_split(str_split(rest, ';', &rest), '=', &v);
		if (!str_eq_case(n, name))
			continue;
		if (value != NULL)
			*value = v;
		return true;
	}
	return false;
}
