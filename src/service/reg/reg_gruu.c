/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUUs (RFC 5627). A public one is the address of record with the instance as parameter gr. A temporary one needs no
 * table: its user part is a sealed text (user, instance and Call-ID, moment), opened by each process of the server. It
 * holds until its instance registers with another Call-ID or is gone for a while (RFC 5627 3.2).
 */
#include "base/enc.h"
#include "service/reg/reg_priv.h"

#define HASH      8 /* bytes of a MAC that names instance and Call-ID */
#define MOMENT    4 /* bytes of seconds since 1970 */
#define PLAIN_MAX (HASH + MOMENT + USER_AOR_MAX)

static const str prefix = { "tgruu.", 6 };

/* A temporary GRUU, opened. */
struct token {
	uint8_t hash[HASH];
	uint32_t created;
	str aor; /* in plain */
	uint8_t plain[PLAIN_MAX];
};

static void instance_hash(const struct reg *g, const struct reg_binding *b, uint8_t out[HASH])
{
	uint8_t mac[32];
	const str parts[] = { STR("gruu instance"), reg_instance(b), STR("\n"), reg_call_id(b) };
	crypt_mac(g->config.crypt, parts, sizeof parts / sizeof parts[0], mac);
	memcpy(out, mac, HASH);
}

/* Characters that a URI parameter may hold as they are (RFC 3261 25.1 paramchar). */
static bool is_param_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-_.!~*'()[]/:&+$", c) != NULL);
}

static void add_instance(const struct reg_binding *b, struct buf *out)
{
	str s = reg_instance(b);
	s = str_cut(s, 1, s.n - 1); /* without <> */
	for (size_t i = 0; i < s.n; i++) {
		if (is_param_char(s.p[i]))
			buf_add_char(out, s.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)s.p[i]);
	}
}

void reg_add_uri(struct buf *out, str aor)
{
	size_t at = str_find_char(aor, '@');
	buf_add(out, STR("sip:"));
	uri_add_user(out, str_cut(aor, 0, at));
	buf_add(out, str_cut(aor, at, aor.n));
}

/* "@example.test" */
static void add_domain(const struct reg_binding *b, struct buf *out)
{
	str aor = reg_user_aor(b->user);
	buf_add(out, str_cut(aor, str_find_char(aor, '@'), aor.n));
}

void reg_gruu_public(const struct reg_binding *b, struct buf *out)
{
	reg_add_uri(out, reg_user_aor(b->user));
	buf_add(out, STR(";gr="));
	add_instance(b, out);
}

err reg_gruu_temporary(struct reg *g, const struct reg_binding *b, struct buf *out)
{
	uint8_t plain[PLAIN_MAX], sealed[PLAIN_MAX + CRYPT_SEAL];
	char text[ENC_BASE64_SIZE(PLAIN_MAX + CRYPT_SEAL)];
	str aor = reg_user_aor(b->user);
	uint32_t now = (uint32_t)(reg_unix_ms(g) / 1000);
	instance_hash(g, b, plain);
	memcpy(plain + HASH, &now, MOMENT);
	memcpy(plain + HASH + MOMENT, aor.p, aor.n);
	size_t n = HASH + MOMENT + aor.n;
	TRY(crypt_seal(g->config.crypt, (str){ (const char *)plain, n }, sealed));
	buf_add(out, STR("sip:"));
	buf_add(out, prefix);
	buf_add(out, (str){ text, enc_base64url(sealed, n + CRYPT_SEAL, text) });
	add_domain(b, out);
	buf_add(out, STR(";gr"));
	return OK;
}

void reg_gruu_print(struct reg *g, const struct reg_binding *b, struct buf *out)
{
	if (b->instance_n == 0)
		return;
	buf_add(out, STR(";pub-gruu=\""));
	reg_gruu_public(b, out);
	buf_add(out, STR("\";temp-gruu=\""));
	if (failed(reg_gruu_temporary(g, b, out)))
		out->failed = true;
	buf_add(out, STR("\""));
}

/* ---- the way back ---- */

static bool is_temporary(const struct uri *u)
{
	return str_begins(u->user, prefix);
}

static bool open_token(const struct reg *g, const struct uri *u, struct token *t)
{
	uint8_t sealed[PLAIN_MAX + CRYPT_SEAL];
	size_t n = sizeof sealed;
	str text = str_cut(u->user, prefix.n, u->user.n);
	if (failed(enc_base64url_read(text, sealed, &n)) || n <= CRYPT_SEAL + HASH + MOMENT ||
		failed(crypt_unseal(g->config.crypt, (str){ (const char *)sealed, n }, t->plain)))
		return false;
	memcpy(t->hash, t->plain, HASH);
	memcpy(&t->created, t->plain + HASH, MOMENT);
	t->aor = (str){ (const char *)t->plain + HASH + MOMENT, n - CRYPT_SEAL - HASH - MOMENT };
	return true;
}

bool reg_is_ours(const struct reg *g, const struct uri *u)
{
	return (u->kind == URI_SIP || u->kind == URI_SIPS) && users_is_domain(g->config.users, u->host);
}

bool reg_gruu_aor(const struct reg *g, const struct uri *u, struct arena *a, str *aor)
{
	struct token t;
	if (!reg_is_ours(g, u))
		return false;
	if (reg_dialect_is_gruu(u))
		return !failed(uri_aor(u, a, aor));
	if (!uri_param(u, STR("gr"), NULL))
		return false;
	if (!is_temporary(u))
		return !failed(uri_aor(u, a, aor));
	if (!open_token(g, u, &t))
		return false;
	*aor = arena_copy(a, t.aor);
	return aor->p != NULL;
}

bool reg_gruu_names(const struct reg *g, const struct uri *u, const struct reg_binding *b)
{
	struct token t;
	uint8_t hash[HASH];
	str gr;
	if (b->instance_n != 0 && reg_dialect_is_gruu(u))
		return reg_dialect_gruu_names(u, b);
	if (b->instance_n == 0 || !uri_param(u, STR("gr"), &gr))
		return false;
	if (is_temporary(u)) {
		instance_hash(g, b, hash);
		return open_token(g, u, &t) && crypt_equal(hash, t.hash, HASH) && t.created >= b->since;
	}
	struct buf own DEFER(buf_fini) = { 0 };
	buf_init(&own, 3 * REG_TEXT_MAX);
	add_instance(b, &own);
	return !own.failed && str_eq_case(gr, buf_str(&own));
}
