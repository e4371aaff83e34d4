/* SPDX-License-Identifier: Apache-2.0 */
/* What we write into messages to know it again: flow tokens (RFC 5626 5.3.1) and loop hashes (RFC 5393 4.2). */
#include "service/route/route_priv.h"

#include "base/enc.h"
#include "base/map.h"

#define FLOW_BYTES 14
#define TAG_BYTES  4
#define MAC_BYTES  13
#define SEALED     (2 * FLOW_BYTES + TAG_BYTES)

static void put(uint8_t *p, const struct flow *f)
{
	for (int i = 0; i < 4; i++) {
		p[i] = (uint8_t)(f->slot >> (8 * i));
		p[4 + i] = (uint8_t)(f->serial >> (8 * i));
	}
	p[8] = (uint8_t)f->front;
	p[9] = (uint8_t)(f->front >> 8 & 0x7f) | (f->is_plain ? 0x80 : 0);
	memcpy(p + 10, &f->reached, sizeof f->reached);
}

static void get(const uint8_t *p, struct flow *f)
{
	*f = (struct flow){ 0 };
	for (int i = 0; i < 4; i++) {
		f->slot |= (uint32_t)p[i] << (8 * i);
		f->serial |= (uint32_t)p[4 + i] << (8 * i);
	}
	f->front = (uint16_t)(p[8] | (p[9] & 0x7f) << 8);
	f->is_plain = p[9] >> 7;
	memcpy(&f->reached, p + 10, sizeof f->reached);
}

static void seal(const struct route *s, const uint8_t sealed[SEALED], uint8_t mac[32])
{
	const str parts[] = { STR("flow"), { (const char *)sealed, SEALED } };
	crypt_mac(s->c.crypt, parts, 2, mac);
}

static void put_tag(const struct route *s, str from_tag, uint8_t out[TAG_BYTES])
{
	uint64_t h = siphash(s->c.home_k0, s->c.home_k1, from_tag);
	memcpy(out, &h, TAG_BYTES);
}

void route_token_print(const struct route *s, const struct flow *a, const struct flow *b, str from_tag, char out[ROUTE_TOKEN_SIZE])
{
	uint8_t bytes[SEALED + MAC_BYTES], mac[32];
	put(bytes, a);
	put(bytes + FLOW_BYTES, b);
	put_tag(s, from_tag, bytes + 2 * FLOW_BYTES);
	seal(s, bytes, mac);
	memcpy(bytes + SEALED, mac, MAC_BYTES);
	ASSERT(enc_base64url(bytes, sizeof bytes, out) == ROUTE_TOKEN_SIZE);
}

bool route_token_read(const struct route *s, str token, str from_tag, struct flow *other)
{
	uint8_t bytes[SEALED + MAC_BYTES], mac[32], tag[TAG_BYTES];
	size_t n = sizeof bytes;
	if (token.n != ROUTE_TOKEN_SIZE || failed(enc_base64url_read(token, bytes, &n)) || n != sizeof bytes)
		return false;
	seal(s, bytes, mac);
	if (!crypt_equal(mac, bytes + SEALED, MAC_BYTES))
		return false;
	put_tag(s, from_tag, tag);
	bool first_side = memcmp(tag, bytes + 2 * FLOW_BYTES, TAG_BYTES) == 0;
	get(bytes + (first_side ? FLOW_BYTES : 0), other);
	return true;
}

/* RFC 5393 4.2.2: Request-URI, Route, From tag, To tag, Call-ID, CSeq number and what else our routing looks at. */
void route_loop_hash(const struct route *s, const struct request *r, char out[ROUTE_TAIL])
{
	const struct sip_msg *m = &r->in->msg;
	uint64_t h = siphash(s->c.home_k0, s->c.home_k1, m->request_uri);
	h = siphash(s->c.home_k0 ^ h, s->c.home_k1, m->call_id);
	h = siphash(s->c.home_k0 ^ h, s->c.home_k1, m->from_tag);
	h = siphash(s->c.home_k0 ^ h ^ m->cseq, s->c.home_k1, m->to_tag);
	for (const struct sip_hdr *x = sip_hdr_first(m, SIP_HDR_ROUTE); x != NULL; x = sip_hdr_next(m, x))
		h = siphash(s->c.home_k0 ^ h, s->c.home_k1, x->value);
	enc_hex(&h, sizeof h, out);
}

bool route_is_loop(const struct route *s, const struct request *r)
{
	struct sip_walk w = { 0 };
	struct sip_via via;
	str value;
	char hash[ROUTE_TAIL];
	bool hashed = false;
	while (sip_walk_next(&r->in->msg, SIP_HDR_VIA, &w, &value)) {
		/* without our mark in it a Via needs no closer look */
		if (memmem(value.p, value.n, "z9hG4bKw", 8) == NULL || failed(sip_via_parse(value, &via, NULL)))
			continue;
		str tail = txn_branch_tail(via.branch);
		if (tail.n == 0 || (!route_is_own_name(s, via.host) && !uri_host_is_address(via.host)))
			continue;
		if (!hashed)
			route_loop_hash(s, r, hash);
		hashed = true;
		if (str_eq(tail, (str){ hash, sizeof hash }))
			return true;
	}
	return false;
}
