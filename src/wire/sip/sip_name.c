/* SPDX-License-Identifier: Apache-2.0 */
/* Names: methods, header fields, reason phrases. */
#include "wire/sip/sip_priv.h"

static const str method_names[SIP_METHOD_N] = {
#define METHOD(name) { #name, sizeof #name - 1 },
#include "wire/sip_method.def"
#undef METHOD
};

static const struct {
	str name;
	uint8_t kind;
} hdrs[SIP_HDR_N] = {
	[SIP_HDR_OTHER] = { { "", 0 }, SIP_KIND_MANY },
#define HDR(id, text, compact, k) [SIP_HDR_##id] = { { text, sizeof text - 1 }, SIP_KIND_##k },
#include "wire/sip_hdr.def"
#undef HDR
};

/* By letter; rows without a letter have a place of their own past the letters. */
static const uint8_t compact_ids[128 + SIP_HDR_N] = {
#define HDR(id, text, compact, k) [(compact) != '\0' ? (compact) : 128 + SIP_HDR_##id] = SIP_HDR_##id,
#include "wire/sip_hdr.def"
#undef HDR
};

static const uint8_t hash_ids[256] = {
#define FACTORS(n, first, middle, last)
#define HASH(slot, id) [slot] = SIP_HDR_##id,
#include "wire/sip/sip_hash.def"
#undef FACTORS
#undef HASH
};

enum {
#define FACTORS(n, first, middle, last) HASH_N = n, HASH_FIRST = first, HASH_MIDDLE = middle, HASH_LAST = last
#define HASH(slot, id)
#include "wire/sip/sip_hash.def"
#undef FACTORS
#undef HASH
};

static const struct {
	uint16_t status;
	str phrase;
} reasons[] = {
#define REASON(status, text) { status, { text, sizeof text - 1 } },
#include "wire/sip/sip_reason.def"
#undef REASON
};

enum sip_method_index sip_method_of(str name)
{
	for (unsigned m = 0; m < SIP_METHOD_OTHER; m++)
		if (str_eq(method_names[m], name))
			return (enum sip_method_index)m;
	return SIP_METHOD_OTHER;
}

str sip_method_name(enum sip_method_index m)
{
	return m < SIP_METHOD_OTHER ? method_names[m] : STR("");
}

/* Differing names that share a slot are told apart by the comparison; names of the table never share one. */
static unsigned hash(str s)
{
	unsigned char first = (unsigned char)char_lower(s.p[0]), middle = (unsigned char)char_lower(s.p[s.n / 2]),
		      last = (unsigned char)char_lower(s.p[s.n - 1]);
	return ((unsigned)s.n * HASH_N + first * HASH_FIRST + middle * HASH_MIDDLE + last * HASH_LAST) & 255;
}

enum sip_hdr_id sip_hdr_of(str name)
{
	if (name.n <= 1) {
		unsigned char c = name.n != 0 ? (unsigned char)char_lower(name.p[0]) : 0;
		return c < 128 ? compact_ids[c] : SIP_HDR_OTHER;
	}
	unsigned id = hash_ids[hash(name)];
	return str_eq(hdrs[id].name, name) || str_eq_case(hdrs[id].name, name) ? id : SIP_HDR_OTHER;
}

str sip_hdr_name(enum sip_hdr_id id)
{
	return id < SIP_HDR_N ? hdrs[id].name : STR("");
}

enum sip_hdr_kind sip_hdr_kind(enum sip_hdr_id id)
{
	return hdrs[id].kind;
}

static str class_reason(unsigned status)
{
	static const char *const classes[] = { "Unknown", "Progress", "Success", "Redirection", "Request Failure",
		"Server Failure", "Global Failure" };
	return str_of(classes[status >= 100 && status <= 699 ? status / 100 : 0]);
}

str sip_reason(unsigned status)
{
	size_t from = 0, to = sizeof reasons / sizeof reasons[0];
	while (from < to) {
		size_t at = (from + to) / 2;
		if (reasons[at].status == status)
			return reasons[at].phrase;
		if (reasons[at].status < status)
			from = at + 1;
		else
			to = at;
	}
	return class_reason(status);
}
