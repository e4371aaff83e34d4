/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison (RFC 3261 19.1.4, RFC 5954 4) and the address of record. */
#include "wire/uri.h"

#include <arpa/inet.h>

#include "base/scan.h"
#include "wire/uri/uri_priv.h"

#define AOR_MAX 254

/* ; / ? : @ & = + $ , */
static const struct scan_set reserved_set = { { 0xac00985000000000, 0x0000000000000001 } };

int uri_next_char(str *rest)
{
	if (rest->n == 0)
		return -1;
	char c = rest->p[0];
	int high, low;
	if (c != '%' || rest->n < 3 || (high = uri_hex_digit(rest->p[1])) < 0 ||
		(low = uri_hex_digit(rest->p[2])) < 0) {
		*rest = str_cut(*rest, 1, rest->n);
		return (unsigned char)c;
	}
	*rest = str_cut(*rest, 3, rest->n);
	c = (char)(high << 4 | low);
	return (unsigned char)c | (scan_has(&reserved_set, c) ? URI_ESCAPED : 0);
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool uri_equal_text(str a, str b, bool ignore_case)
{
	for (;;) {
		int x = uri_next_char(&a), y = uri_next_char(&b);
		if (x != y && (!ignore_case || lower(x) != lower(y)))
			return false;
		if (x < 0)
			return true;
	}
}

static bool ipv6_bytes(str s, struct in6_addr *out)
{
	char z[INET6_ADDRSTRLEN];
	return s.n > 2 && s.p[0] == '[' && str_to_z(str_cut(s, 1, s.n - 1), z, sizeof z) &&
	       inet_pton(AF_INET6, z, out) == 1;
}

static bool equal_host(str a, str b)
{
	struct in6_addr x, y;
	if (ipv6_bytes(a, &x) && ipv6_bytes(b, &y))
		return memcmp(&x, &y, sizeof x) == 0;
	return str_eq_case(a, b);
}

/* Finds a parameter; names are compared unescaped, without case. */
static bool find_param(str params, str name, str *value)
{
	while (params.n != 0) {
		str n = str_split(str_split(params, ';', &params), '=', value);
		if (uri_equal_text(n, name, true))
			return true;
	}
	return false;
}

/* A header may be there more than once, so name and value are looked for together. */
static bool has_header(str headers, str name, str value)
{
	while (headers.n != 0) {
		str v, n = str_split(str_split(headers, '&', &headers), '=', &v);
		if (uri_equal_text(n, name, true) && uri_equal_text(v, value, false))
			return true;
	}
	return false;
}

/* parameters that never match when only one side has them */
static bool is_strict_param(str name)
{
	static const char *const strict[] = { "user", "ttl", "method", "maddr", "transport" };
	for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++)
		if (uri_equal_text(name, str_of(strict[i]), true))
			return true;
	return false;
}

/* Each parameter of a has its equal in b, or may be missing there. */
static bool params_within(str a, str b)
{
	while (a.n != 0) {
		str value, other, name = str_split(str_split(a, ';', &a), '=', &value);
		if (!find_param(b, name, &other)) {
			if (is_strict_param(name))
				return false;
		} else if (!uri_equal_text(value, other, true)) {
			return false;
		}
	}
	return true;
}

static bool headers_within(str a, str b)
{
	while (a.n != 0) {
		str value, name = str_split(str_split(a, '&', &a), '=', &value);
		if (!has_header(b, name, value))
			return false;
	}
	return true;
}

bool uri_equal(const struct uri *a, const struct uri *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind != URI_SIP && a->kind != URI_SIPS)
		return str_eq(a->raw, b->raw);
	return a->has_user == b->has_user && uri_equal_text(a->user, b->user, false) && a->port == b->port &&
	       uri_equal_text(a->password, b->password, false) && equal_host(a->host, b->host) &&
	       params_within(a->params, b->params) && params_within(b->params, a->params) &&
	       headers_within(a->headers, b->headers) && headers_within(b->headers, a->headers);
}

err uri_aor(const struct uri *u, struct arena *a, str *out)
{
	if ((u->kind != URI_SIP && u->kind != URI_SIPS) || u->user.n == 0)
		return ERR(MALFORMED);
	char at[AOR_MAX];
	size_t n = 0;
	str rest = u->user;
	for (int c = uri_next_char(&rest); c >= 0; c = uri_next_char(&rest)) {
		c &= 0xff;
		if (c <= ' ' || c == 0x7f || c == '@')
			return ERR(MALFORMED);
		ENSURE(n < sizeof at, CEILING);
		at[n++] = (char)lower(c);
	}
	ENSURE(u->host.n < sizeof at - n, CEILING);
	at[n++] = '@';
	for (size_t i = 0; i < u->host.n; i++)
		at[n++] = char_lower(u->host.p[i]);
	*out = arena_copy(a, (str){ at, n });
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

void uri_add_user(struct buf *b, str s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (uri_is(s.p[i], URI_CHAR_USER)) {
			buf_add_char(b, s.p[i]);
			continue;
		}
		buf_add(b, (str){ (char[]){ '%', digits[c >> 4], digits[c & 15] }, 3 });
	}
}
