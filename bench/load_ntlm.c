/* SPDX-License-Identifier: Apache-2.0 */
/* load_ntlm - sign-in by NTLMv2 as clients of the Lync dialect do it ([MS-NLMP], [MS-SIPAE]): the proof, and both signatures. */
#include "load.h"

#include "base/enc.h"

#include <stdlib.h>

enum { CLIENT, SERVER, HEADER = 72, TOKEN_MAX = 4096, PAIRS_AT = 40, RANDOM_AT = 24, SEQUENCE = 100, TIMESTAMP = 7 };

static const str realm = { "SIP Communications Service", 26 };

static void put(uint8_t *out, uint32_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get(const uint8_t *in, size_t n)
{
	uint32_t v = 0;
	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)in[i] << 8 * i;
	return v;
}

/* ASCII as UTF-16, in capitals when they are wanted; answers how many bytes. */
static size_t wide(str s, bool capitals, uint8_t *out)
{
	for (size_t i = 0; i < s.n; i++) {
		out[2 * i] = (uint8_t)(capitals && s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]);
		out[2 * i + 1] = 0;
	}
	return 2 * s.n;
}

static str bytes(const void *p, size_t n)
{
	return (str){ p, n };
}

/* The key of an NTLMv2 proof: password and user; the domain is left empty. */
static bool proof_key(struct crypt *c, str user, str password, uint8_t key[16])
{
	uint8_t text[512], hash[16];
	if (user.n > 256 || password.n > 256 || failed(crypt_md4(c, bytes(text, wide(password, false, text)), hash)))
		return false;
	const str name = bytes(text, wide(user, true, text));
	crypt_mac_md5(c, bytes(hash, 16), &name, 1, key);
	return true;
}

/* The server's own time, which it wants to see again. */
static const uint8_t *timestamp(str pairs)
{
	static const uint8_t none[8];
	for (const uint8_t *p = (const uint8_t *)pairs.p, *end = p + pairs.n; p + 12 <= end; p += 4 + get(p + 2, 2))
		if (get(p, 2) == TIMESTAMP && get(p + 2, 2) == 8)
			return p + 4;
	return none;
}

static void derive(struct crypt *c, const uint8_t session[16], const char *side, const char *purpose, uint8_t out[16])
{
	uint8_t digest[CRYPT_HASH_MAX];
	const str parts[] = { bytes(session, 16), STR("session key to "), str_of(side), STR(" "), str_of(purpose), { " key magic constant", 20 } };
	crypt_hash(c, CRYPT_MD5, parts, 6, digest);
	memcpy(out, digest, 16);
}

static bool make_keys(struct ntlm *n, struct crypt *c, const uint8_t key[16], const uint8_t proof[16], uint8_t sealed[16])
{
	static const char *const sides[] = { "client-to-server", "server-to-client" };
	uint8_t session[16], base[16];
	const str part = bytes(proof, 16);
	crypt_random(session, sizeof session);
	for (int s = CLIENT; s <= SERVER; s++) {
		derive(c, session, sides[s], "signing", n->sign[s]);
		derive(c, session, sides[s], "sealing", n->seal[s]);
	}
	crypt_mac_md5(c, bytes(key, 16), &part, 1, base);
	return !failed(crypt_rc4(c, base, session, 16, sealed));
}

/* What the proof is about: times, chance, and what the server has said; answers how many bytes. */
static size_t make_blob(str pairs, uint8_t *out)
{
	memset(out, 0, 32 + pairs.n);
	out[0] = out[1] = 1;
	memcpy(out + 8, timestamp(pairs), 8);
	crypt_random(out + 16, 8);
	memcpy(out + 28, pairs.p, pairs.n);
	return 32 + pairs.n;
}

/* Type 3 for a Type 2; answers how many bytes, 0: that was none. */
static size_t make_token(struct ntlm *n, struct crypt *c, const uint8_t *given, size_t given_n, str user, str password, uint8_t *out)
{
	uint8_t key[16], lm[24] = { 0 }, response[2048], name[512], sealed[16];
	const size_t pairs_n = given_n > 48 ? get(given + PAIRS_AT, 2) : 0, at = given_n > 48 ? get(given + PAIRS_AT + 4, 4) : 0;
	if (pairs_n == 0 || pairs_n > 1024 || at + pairs_n > given_n || memcmp(given, "NTLMSSP\0\2", 9) != 0 || !proof_key(c, user, password, key))
		return 0;
	size_t blob_n = make_blob(bytes(given + at, pairs_n), response + 16);
	const str parts[] = { bytes(given + RANDOM_AT, 8), bytes(response + 16, blob_n) };
	crypt_mac_md5(c, bytes(key, 16), parts, 2, response);
	if (!make_keys(n, c, key, response, sealed))
		return 0;
	const str fields[] = { bytes(lm, 24), bytes(response, 16 + blob_n), STR(""), bytes(name, wide(user, false, name)), STR("H\0"), bytes(sealed, 16) };
	size_t size = HEADER;
	memset(out, 0, HEADER);
	memcpy(out, "NTLMSSP\0\3", 9);
	for (size_t i = 0; i < 6; i++) {
		put(out + 12 + 8 * i, (uint32_t)fields[i].n, 2);
		put(out + 14 + 8 * i, (uint32_t)fields[i].n, 2);
		put(out + 16 + 8 * i, (uint32_t)size, 4);
		memcpy(out + size, fields[i].p, fields[i].n);
		size += fields[i].n;
	}
	put(out + 60, 0x62988255, 4);
	return size;
}

static bool copy(str s, char *out, size_t size)
{
	if (s.n == 0 || s.n >= size)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

bool ntlm_take(struct ntlm *n, struct crypt *c, const struct msg *m, str user, str password)
{
	uint8_t given[TOKEN_MAX], token[TOKEN_MAX];
	size_t i = 0, size = sizeof given;
	while (i < m->n_challenge && !str_begins(m->challenge[i], STR("NTLM ")))
		i++;
	if (i == m->n_challenge || n->token != NULL) /* not offered, or the proof was refused */
		return false;
	if (n->target[0] == '\0') {
		n->token = NULL;
		return copy(msg_parameter(m->challenge[i], STR("targetname")), n->target, sizeof n->target);
	}
	str text = msg_parameter(m->challenge[i], STR("gssapi-data"));
	if (text.n > 4000 || failed(enc_base64_read(text, (char *)given, &size)) || !copy(msg_parameter(m->challenge[i], STR("opaque")), n->opaque, sizeof n->opaque))
		return false;
	size = make_token(n, c, given, size, user, password, token);
	n->token = size != 0 ? calloc(1, ENC_BASE64_SIZE(size) + 1) : NULL;
	if (n->token != NULL)
		enc_base64(token, size, n->token);
	return n->token != NULL;
}

void ntlm_drop(struct ntlm *n)
{
	free(n->token);
	*n = (struct ntlm){ .token = NULL };
}

/* The signature of a text, in hexadecimal: RC4 is keyed anew for each. */
static bool sign(struct ntlm *n, struct crypt *c, int side, str text, char hex[33])
{
	uint8_t number[4], key[CRYPT_HASH_MAX], sum[16], mac[16] = { 1 };
	put(number, SEQUENCE, 4);
	crypt_hash(c, CRYPT_MD5, (str[]){ bytes(n->seal[side], 16), bytes(number, 4) }, 2, key);
	crypt_mac_md5(c, bytes(n->sign[side], 16), (str[]){ bytes(number, 4), text }, 2, sum);
	if (failed(crypt_rc4(c, key, sum, 8, mac + 4)))
		return false;
	memcpy(mac + 12, number, 4);
	enc_hex(mac, sizeof mac, hex);
	hex[32] = '\0';
	return true;
}

/* What a signature is about ([MS-SIPAE] 3.2.5.2). */
static void print_text(const struct ntlm *n, str random, str number, const struct ntlm_fields *f, struct buf *out)
{
	const str parts[] = { STR("NTLM"), random, number, realm, str_of(n->target), f->call_id, f->cseq, STR("REGISTER"), f->from, f->from_tag, f->to, f->to_tag, STR(""), STR(""), f->expires };
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		buf_printf(out, "<%.*s>", STR_FMT(parts[i]));
	if (f->status != 0)
		buf_printf(out, "<%u>", f->status);
}

bool ntlm_print(struct ntlm *n, struct crypt *c, const struct ntlm_fields *f, struct buf *out)
{
	struct buf text DEFER(buf_fini) = { 0 };
	char hex[33];
	if (n->target[0] == '\0')
		return true;
	buf_printf(out, "Authorization: NTLM qop=\"auth\", realm=\"%.*s\", targetname=\"%s\", gssapi-data=\"%s\", version=4", STR_FMT(realm), n->target, n->token != NULL ? n->token : "");
	buf_init(&text, 4096);
	print_text(n, STR("13317733"), STR("1"), f, &text);
	if (n->token != NULL && (text.failed || !sign(n, c, CLIENT, buf_str(&text), hex)))
		return false;
	if (n->token != NULL)
		buf_printf(out, ", opaque=\"%s\", crand=\"13317733\", cnum=\"1\", response=\"%s\"", n->opaque, hex);
	buf_add(out, STR("\r\n"));
	return true;
}

bool ntlm_is_signed(struct ntlm *n, struct crypt *c, str info, const struct ntlm_fields *f)
{
	struct buf text DEFER(buf_fini) = { 0 };
	char hex[33];
	buf_init(&text, 4096);
	print_text(n, msg_parameter(info, STR("srand")), msg_parameter(info, STR("snum")), f, &text);
	return !text.failed && sign(n, c, SERVER, buf_str(&text), hex) && str_eq_case(msg_parameter(info, STR("rspauth")), str_of(hex));
}
