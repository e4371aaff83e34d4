/* SPDX-License-Identifier: Apache-2.0 */
#include "service/plan_address.h"

#include "base/scan.h"
#include "model/topo.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- one address ---- */

static bool address_read(str s, uint8_t ip[16], int *family)
{
	char z[INET6_ADDRSTRLEN];
	if (!str_to_z(s, z, sizeof z))
		return false;
	*family = strchr(z, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(*family, z, ip) == 1;
}

static err address_text(int family, const uint8_t ip[16], struct arena *a, str *out)
{
	char z[INET6_ADDRSTRLEN];
	ENSURE(inet_ntop(family, ip, z, sizeof z) != NULL, SYSTEM);
	*out = arena_copy(a, str_of(z));
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

bool plan_address_is(str s)
{
	uint8_t ip[16];
	int family;
	return address_read(s, ip, &family);
}

/* ---- names and addresses ---- */

static int by_name(const void *x, const void *y)
{
	const struct plan_address *a = x, *b = y;
	int c = str_cmp(a->name, b->name);
	return c != 0 ? c : (a->place > b->place) - (a->place < b->place);
}

static err append(struct plan_addresses *to, struct arena *a, str name, str address)
{
	ENSURE(to->n < PLAN_ADDRESSES_MAX, CEILING);
	if (to->n == to->size) {
		size_t size = to->size == 0 ? 64 : 2 * to->size;
		struct plan_address *p = arena_alloc(a, size * sizeof *p);
		ENSURE(p != NULL, CEILING);
		if (to->n != 0)
			memcpy(p, to->p, to->n * sizeof *p);
		to->p = p;
		to->size = size;
	}
	to->p[to->n] = (struct plan_address){ name, address, to->n };
	to->n++;
	return OK;
}

static err add_pair(
	struct plan_addresses *to, struct arena *a, str name, str address, const char *where, struct diag *d)
{
	uint8_t ip[16];
	int family;
	str known, text;
	struct diag why = { .what = "" };
	if (plan_address_is(name))
		return diag_fail(d, ERR(MALFORMED), where, "write NAME ADDRESS, or ADDRESS NAME",
			"\"%.*s\" is an address, where a name belongs", STR_FMT(str_cut(name, 0, 60)));
	err e = topo_name(name, a, &known, &why);
	if (failed(e))
		return diag_fail(d, e, where, why.remedy, "%s", why.what[0] != '\0' ? why.what : e.def->text);
	if (!address_read(address, ip, &family))
		return diag_fail(d, ERR(MALFORMED), where, "write NAME ADDRESS, for example fe01.example.com 10.0.0.21",
			"\"%.*s\" is not an IPv4 or IPv6 address", STR_FMT(str_cut(address, 0, 60)));
	TRY(address_text(family, ip, a, &text));
	e = append(to, a, known, text);
	return err_is(e, ERR_CEILING) ? diag_fail(d, e, where, "leave hosts out that are not of this topology",
						"these are more than %u addresses", PLAN_ADDRESSES_MAX)
				      : e;
}

static const struct scan_set blanks = { .bits = { UINT64_C(1) << ' ' | UINT64_C(1) << '\t' | UINT64_C(1) << '\r' } };

static bool next_word(struct scan *s, str *out)
{
	static const struct scan_set words = {
		.bits = { ~(UINT64_C(1) << ' ' | UINT64_C(1) << '\t' | UINT64_C(1) << '\r'), UINT64_MAX, UINT64_MAX,
			UINT64_MAX }
	};
	(void)scan_while(s, &blanks);
	return scan_some(s, &words, out);
}

static err read_line(struct plan_addresses *to, struct arena *a, str line, const char *where, struct diag *d)
{
	str first, word;
	struct scan s = scan_of(str_cut(line, 0, str_find_char(line, '#')));
	if (!next_word(&s, &first))
		return OK;
	bool hosts = plan_address_is(first);
	if (!next_word(&s, &word))
		return diag_fail(d, ERR(MALFORMED), where, "write NAME ADDRESS, or ADDRESS NAME",
			hosts ? "a name is missing" : "an address is missing");
	do
		TRY(add_pair(to, a, hosts ? word : first, hosts ? first : word, where, d));
	while (next_word(&s, &word));
	return OK;
}

err plan_addresses_parse(struct plan_addresses *to, struct arena *a, str text, const char *file, struct diag *d)
{
	char where[160];
	ENSURE(text.n <= PLAN_ADDRESSES_SIZE_MAX, CEILING);
	for (unsigned n = 1; text.n > 0; n++) {
		(void)snprintf(where, sizeof where, "%s:%u", file, n);
		err e = read_line(to, a, str_split(text, '\n', &text), where, d);
		if (failed(e)) {
			diag_clean(d); /* it quotes the file */
			return e;
		}
	}
	if (to->n != 0)
		qsort(to->p, to->n, sizeof *to->p, by_name);
	return OK;
}

err plan_addresses_add(struct plan_addresses *to, struct arena *a, str pair, struct diag *d)
{
	str address, name = str_split(pair, '=', &address);
	TRY(add_pair(to, a, name, address, "--address", d));
	qsort(to->p, to->n, sizeof *to->p, by_name);
	return OK;
}

const struct plan_address *plan_addresses_find(const struct plan_addresses *in, str name, size_t *n)
{
	size_t low = 0, high = in->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_cmp(in->p[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (*n = 0; low + *n < in->n && str_eq(in->p[low + *n].name, name);)
		++*n;
	return *n != 0 ? &in->p[low] : NULL;
}

/* ---- networks ---- */

static bool has_bits_after(const uint8_t ip[16], unsigned length, unsigned bits)
{
	for (unsigned i = length; i < bits; i++)
		if ((ip[i / 8] >> (7 - i % 8) & 1) != 0)
			return true;
	return false;
}

err plan_networks_add(struct plan_networks *to, struct arena *a, str given, struct diag *d)
{
	uint8_t ip[16] = { 0 };
	int family = AF_INET;
	str length, address = str_split(given, '/', &length), text;
	const char *remedy = "write for example 10.0.0.0/8 or 2001:db8::/32";
	bool ok = address_read(address, ip, &family);
	uint32_t most = family == AF_INET6 ? 128 : 32, n = most;
	if (!ok || (address.n < given.n && (!str_to_u32(length, &n) || n > most)))
		return diag_fail(
			d, ERR(MALFORMED), "", remedy, "\"%.*s\" is not a network", STR_FMT(str_cut(given, 0, 60)));
	if (has_bits_after(ip, n, most))
		return diag_fail(d, ERR(MALFORMED), "", remedy,
			"\"%.*s\" is an address within a network of %u bits, not a network",
			STR_FMT(str_cut(given, 0, 60)), n);
	if (to->n == PLAN_NETWORKS_MAX)
		return diag_fail(d, ERR(CEILING), "", "write larger networks", "these are more than %u networks",
			PLAN_NETWORKS_MAX);
	if (to->p == NULL)
		to->p = arena_alloc(a, PLAN_NETWORKS_MAX * sizeof *to->p);
	TRY(address_text(family, ip, a, &text));
	text = arena_join(a, (str[]){ text, STR("/"), arena_decimal(a, n) }, 3);
	ENSURE(to->p != NULL && text.p != NULL, CEILING);
	to->p[to->n++] = (struct plan_network){ text, family == AF_INET6 };
	return OK;
}

static bool is_within(const struct plan_network *net, int family, const uint8_t ip[16])
{
	uint8_t first[16] = { 0 };
	int net_family;
	uint32_t n = 0;
	str length, address = str_split(net->text, '/', &length);
	bool same = address_read(address, first, &net_family) && net_family == family && str_to_u32(length, &n);
	for (unsigned i = 0; same && i < n; i++)
		same = ((first[i / 8] ^ ip[i / 8]) >> (7 - i % 8) & 1) == 0;
	return same;
}

bool plan_networks_has(const struct plan_networks *in, str address)
{
	uint8_t ip[16] = { 0 };
	int family;
	if (!address_read(address, ip, &family))
		return false;
	for (size_t i = 0; i < in->n; i++)
		if (is_within(&in->p[i], family, ip))
			return true;
	return false;
}
