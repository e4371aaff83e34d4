/* SPDX-License-Identifier: Apache-2.0 */
#include "os/net/net_priv.h"

#include <arpa/inet.h>

void addr_make(uint8_t family, const void *ip, uint16_t port, struct addr *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
	const uint8_t *p = ip;
	*out = (struct addr){ .family = family, .port = port };
	if (family == 6 && memcmp(p, mapped, sizeof(mapped)) == 0) {
		out->family = 4;
		p += sizeof(mapped);
	}
	memcpy(out->ip, p, out->family == 4 ? 4 : 16);
}

err addr_parse(str s, uint16_t port, struct addr *out)
{
	char z[ADDR_TEXT];
	uint8_t ip[16];
	bool is_bracketed = s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
	if (is_bracketed)
		s = str_cut(s, 1, s.n - 1);
	ENSURE(memchr(s.p, '\0', s.n) == NULL && str_to_z(s, z, sizeof(z)), MALFORMED);
	if (!is_bracketed && inet_pton(AF_INET, z, ip) == 1) {
		addr_make(4, ip, port, out);
		return OK;
	}
	ENSURE(inet_pton(AF_INET6, z, ip) == 1, MALFORMED);
	addr_make(6, ip, port, out);
	return OK;
}

/* Written with every request; inet_ntop goes through the whole of printf for it. */
static void print_ipv4(const uint8_t ip[4], char *out)
{
	for (int i = 0; i < 4; i++) {
		unsigned v = ip[i];
		if (v >= 100)
			*out++ = (char)('0' + v / 100);
		if (v >= 10)
			*out++ = (char)('0' + v / 10 % 10);
		*out++ = (char)('0' + v % 10);
		*out++ = i < 3 ? '.' : '\0';
	}
}

const char *addr_print(const struct addr *a, char out[ADDR_TEXT])
{
	out[0] = '\0';
	if (a->family == 4)
		print_ipv4(a->ip, out);
	else if (a->family == 6)
		inet_ntop(AF_INET6, a->ip, out, ADDR_TEXT);
	return out;
}

const char *addr_print_host(const struct addr *a, char out[ADDR_TEXT])
{
	if (a->family != 6)
		return addr_print(a, out);
	out[0] = '[';
	inet_ntop(AF_INET6, a->ip, out + 1, ADDR_TEXT - 2);
	size_t n = strlen(out);
	out[n] = ']';
	out[n + 1] = '\0';
	return out;
}
