/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ntlm/ntlm_priv.h"

/* What every client knows today; KEY_EXCH, SIGN and SEAL are left out: nothing is signed or encrypted over HTTP but by TLS. */
#define HTTP_ALWAYS (NTLM_REQUEST_TARGET | NTLM_NTLM | NTLM_TARGET_DOMAIN | NTLM_TARGET_INFO)
#define HTTP_OFFERED (NTLM_UNICODE | NTLM_ALWAYS_SIGN | NTLM_ESS | NTLM_VERSION | NTLM_128)

uint32_t ntlm_flags_http(uint32_t offered)
{
	uint32_t flags = HTTP_ALWAYS | (offered & HTTP_OFFERED);
	return (flags & NTLM_UNICODE) != 0 ? flags : flags | NTLM_OEM;
}

str ntlm_short_name(str name, char out[NTLM_SHORT_MOST])
{
	str rest;
	name = str_cut(str_split(name, '.', &rest), 0, NTLM_SHORT_MOST);
	for (size_t i = 0; i < name.n; i++)
		out[i] = name.p[i] >= 'a' && name.p[i] <= 'z' ? (char)(name.p[i] - 32) : name.p[i];
	return (str){ out, name.n };
}

static void add_number(struct buf *b, uint64_t v, unsigned bytes)
{
	for (; bytes > 0; bytes--, v >>= 8)
		buf_add_char(b, (char)(v & 0xff));
}

static void set_field(struct buf *b, size_t at, size_t from, size_t n)
{
	for (unsigned i = 0; i < 2; i++) {
		b->p[at + i] = (char)(n >> 8 * i & 0xff);
		b->p[at + 2 + i] = b->p[at + i];
	}
	for (unsigned i = 0; i < 4; i++)
		b->p[at + 4 + i] = (char)(from >> 8 * i & 0xff);
}

static err add_pair(struct buf *b, enum ntlm_pair id, str name)
{
	uint8_t units[2 * NTLM_NAME_MOST];
	size_t n = sizeof units;
	ENSURE(name.n <= NTLM_NAME_MOST, CEILING);
	TRY(ntlm_text_write(name, units, &n));
	if (n == 0)
		return OK;
	add_number(b, id, 2);
	add_number(b, n, 2);
	buf_add(b, (str){ (const char *)units, n });
	return OK;
}

/* In the order that servers of the product have, which some clients rely on. */
static err add_pairs(struct buf *b, const struct ntlm_challenge *t)
{
	TRY(add_pair(b, NTLM_PAIR_DOMAIN, t->domain));
	TRY(add_pair(b, NTLM_PAIR_COMPUTER, t->computer));
	TRY(add_pair(b, NTLM_PAIR_DNS_DOMAIN, t->dns_domain));
	TRY(add_pair(b, NTLM_PAIR_DNS_COMPUTER, t->dns_computer));
	TRY(add_pair(b, NTLM_PAIR_DNS_FOREST, t->dns_forest));
	if (t->timestamp != 0) {
		add_number(b, NTLM_PAIR_TIMESTAMP, 2);
		add_number(b, 8, 2);
		add_number(b, t->timestamp, 8);
	}
	add_number(b, NTLM_PAIR_END, 4);
	return OK;
}

static err add_target(struct buf *b, const struct ntlm_challenge *t)
{
	uint8_t units[2 * NTLM_NAME_MOST];
	size_t n = sizeof units;
	if ((t->flags & NTLM_REQUEST_TARGET) == 0)
		return OK;
	ENSURE(t->domain.n <= NTLM_NAME_MOST, CEILING);
	TRY(ntlm_text_write(t->domain, units, &n));
	buf_add(b, (t->flags & NTLM_UNICODE) != 0 ? (str){ (const char *)units, n } : t->domain);
	return OK;
}

static void add_header(struct buf *b, const struct ntlm_challenge *t)
{
	static const uint8_t none[8], usual[8] = { 6, 1, 0, 0, 0, 0, 0, 15 };
	const uint8_t *version = memcmp(t->version, none, sizeof none) == 0 ? usual : t->version;
	buf_add(b, (str){ "NTLMSSP", 8 });
	add_number(b, 2, 4);
	add_number(b, 0, FIELD);
	add_number(b, t->flags, 4);
	buf_add(b, (str){ (const char *)t->random, 8 });
	add_number(b, 0, 8);
	add_number(b, 0, FIELD);
	buf_add(b, (str){ (const char *)version, 8 });
}

err ntlm_challenge_print(const struct ntlm_challenge *t, struct buf *out)
{
	size_t start = out->n;
	add_header(out, t);
	size_t target = out->n;
	err e = add_target(out, t);
	size_t pairs = out->n;
	if (!failed(e) && (t->flags & NTLM_TARGET_INFO) != 0)
		e = add_pairs(out, t);
	if (!failed(e) && out->failed)
		e = ERR(CEILING);
	if (failed(e)) {
		out->n = start;
		return e;
	}
	set_field(out, start + T2_TARGET, target - start, pairs - target);
	set_field(out, start + T2_PAIRS, pairs - start, out->n - pairs);
	return OK;
}
