/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses may be dialled at all: a name that a certificate gives must not lead back into this machine. */
#include "role/fetch/fetch_priv.h"

struct range {
	uint8_t ip[16];
	uint8_t bits;
	const char *what;
};

static const struct range ip4[] = {
	{ { 0 }, 8, "an address of this machine itself" },
	{ { 127 }, 8, "an address of this machine itself" },
	{ { 169, 254 }, 16, "a link-local address" },
	{ { 224 }, 4, "an address of many" },
	{ { 240 }, 4, "an address of nobody" },
};

static const struct range ip6[] = {
	{ { [15] = 1 }, 128, "an address of this machine itself" },
	{ { 0 }, 96, "an address of nobody" },
	{ { 0xfe, 0x80 }, 10, "a link-local address" },
	{ { 0xff }, 8, "an address of many" },
};

/* Where an IPv4 address stands within one of IPv6: NAT64 (RFC 6052), 6to4 (RFC 3056). */
static const struct {
	uint8_t ip[16];
	uint8_t bits, at;
} within[] = {
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, 12 },
	{ { 0x20, 0x02 }, 16, 2 },
};

static bool is_below(const uint8_t *ip, const uint8_t *range, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(ip, range, whole) != 0)
		return false;
	return rest == 0 || (ip[whole] ^ range[whole]) >> (8 - rest) == 0;
}

static const char *find(const uint8_t *ip, const struct range *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_below(ip, rows[i].ip, rows[i].bits))
			return rows[i].what;
	return NULL;
}

static const char *find_ip6(const uint8_t *ip)
{
	for (size_t i = 0; i < sizeof within / sizeof *within; i++)
		if (is_below(ip, within[i].ip, within[i].bits))
			return find(ip + within[i].at, ip4, sizeof ip4 / sizeof *ip4);
	return find(ip, ip6, sizeof ip6 / sizeof *ip6);
}

const char *address_refusal(const struct addr *a, const struct addr *own, size_t n_own)
{
	for (size_t i = 0; i < n_own; i++)
		if (own[i].family == a->family && memcmp(own[i].ip, a->ip, sizeof a->ip) == 0)
			return NULL;
	if (a->family != 4 && a->family != 6)
		return "no address";
	return a->family == 4 ? find(a->ip, ip4, sizeof ip4 / sizeof *ip4) : find_ip6(a->ip);
}

size_t address_list(str text, struct addr *out, size_t most)
{
	size_t n = 0;
	while (text.n != 0 && n < most) {
		str word = str_trim(str_split(text, ',', &text));
		if (word.n != 0 && !failed(addr_parse(word, 0, &out[n])))
			n++;
	}
	return n;
}
