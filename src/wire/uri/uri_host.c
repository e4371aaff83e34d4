/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts: RFC 3261 25.1 hostname, IPv4address, IPv6reference. */
#include "wire/uri/uri_priv.h"

#include "base/scan.h"
#include "wire/uri.h"

#define IPV6_GROUPS 8

/* clang-format off */
const unsigned char uri_chars[256] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x1f, 0x00, 0x10, 0x1f, 0x00, 0x17, 0x1f, 0x1f, 0x1f, 0x1f, 0x3f, 0x13, 0x7f, 0x3f, 0x1d,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1c, 0x11, 0x00, 0x13, 0x00, 0x19,
	0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f,
	0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x1c, 0x00, 0x1c, 0x00, 0x1f,
	0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f,
	0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x00, 0x00, 0x00, 0x1f, 0x00,
};
/* clang-format on */

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ipv4(str s)
{
	const char *p = s.p, *end = s.p + s.n;
	for (unsigned i = 0;; i++) {
		unsigned v = 0, n = 0;
		for (; p != end && *p >= '0' && *p <= '9' && n < 3; n++)
			v = v * 10 + (unsigned)(*p++ - '0');
		if (n == 0 || v > 255)
			return false;
		if (i == 3)
			return p == end;
		if (p == end || *p++ != '.')
			return false;
	}
}

/* Labels begin and end with a letter or digit; the last one begins with a letter; a dot may end the name. */
static bool is_hostname(str s)
{
	struct scan in = scan_of(s);
	str label = { NULL, 0 };
	if (s.n > 254)
		return false;
	while (!scan_at_end(&in)) {
		if (!uri_some(&in, URI_CHAR_LABEL, &label) || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		if (!scan_char(&in, '.'))
			break;
	}
	return scan_at_end(&in) && label.n != 0 && is_alpha(label.p[0]);
}

/* One step of hexpart: "::" once, ":" between groups, and ":::" where an IPv4 address follows, which the grammar of RFC
 * 3261 writes by mistake and RFC 5118 4.10 asks to bear. */
static bool take_colons(struct scan *in, unsigned groups, bool *gap, bool *dangling)
{
	unsigned n = 0;
	while (scan_char(in, ':'))
		n++;
	*dangling = n == 1;
	if (n == 1)
		return groups != 0;
	if (n == 0 || *gap || n > 3)
		return false;
	*gap = true;
	return n == 2 || str_find_char(scan_rest(in), '.') != scan_left(in);
}

static bool is_ipv6(str s)
{
	struct scan in = scan_of(s);
	unsigned groups = 0;
	bool gap = false, dangling = false;
	while (!scan_at_end(&in)) {
		str group;
		if (scan_peek(&in) == ':') {
			if (!take_colons(&in, groups, &gap, &dangling))
				return false;
			continue;
		}
		if (is_ipv4(scan_rest(&in))) {
			groups += 2;
			dangling = false;
			break;
		}
		if (!uri_some(&in, URI_CHAR_HEX, &group) || group.n > 4)
			return false;
		if (!scan_at_end(&in) && scan_peek(&in) != ':')
			return false;
		groups++;
		dangling = false;
	}
	return !dangling && (gap ? groups < IPV6_GROUPS : groups == IPV6_GROUPS);
}

bool uri_host_is_address(str s)
{
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		return is_ipv6(str_cut(s, 1, s.n - 1));
	return is_ipv4(s);
}

bool uri_host_is_valid(str s)
{
	if (s.n == 0)
		return false;
	return is_alpha(s.p[s.n - 1]) ? is_hostname(s) : uri_host_is_address(s) || is_hostname(s);
}
