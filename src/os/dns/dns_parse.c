/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dns.h"

#include <ares.h>
#include <ares_nameser.h>

enum {
	HEADER_SIZE = 12,          /* bytes, RFC 1035 4.1.1 */
	RECORDS_MAX = 64,     /* looked at in a section, and kept */
	ALIASES_MAX = 8,      /* a chain of CNAMEs */
	TTL_WITHOUT_SOA = 5,  /* seconds that an absence is believed which says nothing about it */
};

enum { TYPE_CNAME = 5, TYPE_SOA = 6, CLASS_IN = 1 };

static const uint16_t type_codes[DNS_TYPE_N] = { [DNS_A] = 1, [DNS_AAAA] = 28, [DNS_SRV] = 33, [DNS_NAPTR] = 35 };

struct name {
	char z[DNS_NAME_MAX + 2];
};

struct rr {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t at, end; /* of its data */
};

static uint16_t u16(str m, size_t at)
{
	return (uint16_t)((uint8_t)m.p[at] << 8 | (uint8_t)m.p[at + 1]);
}

static uint32_t u32(str m, size_t at)
{
	return (uint32_t)u16(m, at) << 16 | u16(m, at + 2);
}

/* c-ares follows the compression (RFC 1035 4.1.4), against loops and the message's end. */
static bool read_name(str m, size_t *at, struct name *out)
{
	char *text = NULL;
	long n = 0;
	const unsigned char *bytes = (const unsigned char *)m.p;
	if (*at >= m.n || ares_expand_name(bytes + *at, bytes, (int)m.n, &text, &n) != ARES_SUCCESS)
		return false;
	bool fits = str_to_z(str_of(text), out->z, DNS_NAME_MAX + 1);
	ares_free_string(text);
	for (char *c = out->z; fits && *c != '\0'; c++)
		*c = char_lower(*c);
	*at += (size_t)n;
	return fits && *at <= m.n;
}

static bool read_rr(str m, size_t *at, struct rr *r)
{
	if (!read_name(m, at, &r->owner) || m.n - *at < 10)
		return false;
	r->type = u16(m, *at);
	r->class = u16(m, *at + 2);
	r->ttl = u32(m, *at + 4);
	if (r->ttl > INT32_MAX)
		r->ttl = 0; /* RFC 2181 8 */
	size_t n = u16(m, *at + 8);
	r->at = *at + 10;
	if (n > m.n - r->at)
		return false;
	r->end = r->at + n;
	*at = r->end;
	return true;
}

/* The record of class IN, this type and this owner (NULL: any) at or after *at, of *left records. False: none, or malformed. */
static bool find_rr(str m, size_t *at, unsigned *left, uint16_t type, const char *owner, struct rr *r)
{
	while (*left > 0) {
		--*left;
		if (!read_rr(m, at, r)) {
			*left = 0;
			return false;
		}
		if (r->type == type && r->class == CLASS_IN && (owner == NULL || strcmp(owner, r->owner.z) == 0))
			return true;
	}
	return false;
}

/* ---- the data of each type; false: skip the record ---- */

static bool keep_name(str m, size_t at, size_t end, struct arena *a, str *out)
{
	struct name n;
	if (!read_name(m, &at, &n) || at > end)
		return false;
	*out = arena_copy(a, str_of(n.z));
	return out->p != NULL;
}

static bool read_ip(str m, const struct rr *r, struct dns_record *out, int family, size_t size)
{
	char text[ADDR_TEXT];
	if (r->end - r->at != size || ares_inet_ntop(family, m.p + r->at, text, sizeof(text)) == NULL)
		return false;
	return !failed(addr_parse(str_of(text), 0, &out->addr));
}

static bool read_a(str m, const struct rr *r, struct arena *a, struct dns_record *out)
{
	return read_ip(m, r, out, AF_INET, 4);
}

static bool read_aaaa(str m, const struct rr *r, struct arena *a, struct dns_record *out)
{
	return read_ip(m, r, out, AF_INET6, 16);
}

static bool read_srv(str m, const struct rr *r, struct arena *a, struct dns_record *out)
{
	if (r->end - r->at < 7)
		return false;
	out->priority = u16(m, r->at);
	out->weight = u16(m, r->at + 2);
	out->port = u16(m, r->at + 4);
	return keep_name(m, r->at + 6, r->end, a, &out->name);
}

/* A <character-string>, RFC 1035 3.3. */
static bool read_text(str m, size_t *at, size_t end, struct arena *a, str *out)
{
	if (*at >= end)
		return false;
	size_t n = (uint8_t)m.p[*at];
	if (n > end - *at - 1)
		return false;
	*out = arena_copy(a, (str){ m.p + *at + 1, n });
	*at += 1 + n;
	return out->p != NULL;
}

static bool read_naptr(str m, const struct rr *r, struct arena *a, struct dns_record *out)
{
	str regexp;
	size_t at = r->at + 4;
	if (r->end - r->at < 8)
		return false;
	out->priority = u16(m, r->at);
	out->weight = u16(m, r->at + 2);
	return read_text(m, &at, r->end, a, &out->flags) && read_text(m, &at, r->end, a, &out->service) &&
	       read_text(m, &at, r->end, a, &regexp) && keep_name(m, at, r->end, a, &out->name);
}

static bool (*const readers[DNS_TYPE_N])(str m, const struct rr *r, struct arena *a, struct dns_record *out) = {
	[DNS_A] = read_a, [DNS_AAAA] = read_aaaa, [DNS_SRV] = read_srv, [DNS_NAPTR] = read_naptr,
};

/* ---- the message ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static unsigned count(str m, size_t at)
{
	unsigned n = u16(m, at);
	return n < RECORDS_MAX ? n : RECORDS_MAX;
}

/* RFC 2308 5: the lesser of the SOA's own TTL and its MINIMUM field, the last 4 bytes. */
static uint32_t absence_ttl(str m, size_t answers)
{
	struct rr r;
	size_t at = answers;
	for (unsigned i = u16(m, 6); i > 0; i--)
		if (!read_rr(m, &at, &r))
			return TTL_WITHOUT_SOA;
	unsigned left = count(m, 8);
	if (!find_rr(m, &at, &left, TYPE_SOA, NULL, &r) || r.end - r.at < 22)
		return TTL_WITHOUT_SOA;
	return least(r.ttl, u32(m, r.end - 4));
}

static void follow_aliases(str m, size_t answers, struct name *name, uint32_t *ttl)
{
	struct rr r;
	for (int i = 0; i < ALIASES_MAX; i++) {
		size_t at = answers;
		unsigned left = count(m, 6);
		if (!find_rr(m, &at, &left, TYPE_CNAME, name->z, &r))
			return;
		at = r.at;
		if (!read_name(m, &at, name) || at > r.end)
			return;
		*ttl = least(*ttl, r.ttl);
	}
}

static err collect(enum dns_type type, str m, size_t answers, struct arena *a, struct dns_answer *out, const struct name *name)
{
	struct rr r;
	size_t at = answers, n = 0;
	unsigned left = count(m, 6);
	struct dns_record *records = arena_zalloc(a, (left + 1) * sizeof(*records));
	ENSURE(records != NULL, NO_MEMORY);
	while (find_rr(m, &at, &left, type_codes[type], name->z, &r)) {
		struct dns_record *to = &records[n];
		*to = (struct dns_record){ 0 };
		if (!readers[type](m, &r, a, to))
			continue;
		out->ttl = least(out->ttl, r.ttl);
		n++;
	}
	out->records = records;
	out->n = n;
	return OK;
}

err dns_parse(enum dns_type type, str m, struct arena *a, struct dns_answer *out)
{
	enum { FLAG_ANSWER = 0x8000, RCODE = 0x000f, NO_ERROR = 0, NO_NAME = 3 };
	struct name name;
	size_t at = HEADER_SIZE;
	*out = (struct dns_answer){ 0 };
	ENSURE(m.n >= HEADER_SIZE && m.n <= UINT16_MAX && (u16(m, 2) & FLAG_ANSWER) != 0, MALFORMED);
	unsigned rcode = u16(m, 2) & RCODE;
	ENSURE(rcode == NO_ERROR || rcode == NO_NAME, SYSTEM);
	ENSURE(u16(m, 4) == 1 && read_name(m, &at, &name) && m.n - at >= 4, MALFORMED);
	at += 4;
	uint32_t ttl = UINT32_MAX;
	if (rcode == NO_ERROR) {
		follow_aliases(m, at, &name, &ttl);
		out->ttl = ttl;
		TRY(collect(type, m, at, a, out, &name));
	}
	if (out->n != 0)
		return OK;
	out->ttl = absence_ttl(m, at);
	return ERR(ABSENT);
}
