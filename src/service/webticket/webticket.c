/* SPDX-License-Identifier: Apache-2.0 */
#include "service/webticket.h"

#include "base/enc.h"

#define VERSION  1
#define ID_BEGIN "SamlSecurityToken-"
#define HALF     32 /* hexadecimal digits of an id */
#define SKEW     300 /* seconds by which clocks of servers may differ */
#define FIXED    (1 + 1 + HALF + 8 + 8 + CRYPT_HASH_MAX + WEBTICKET_KEY_MAX)

void webticket_new(struct webticket *t, int64_t now)
{
	uint8_t bytes[HALF / 2];
	crypt_random(bytes, sizeof bytes);
	memcpy(t->id, ID_BEGIN, sizeof ID_BEGIN - 1);
	enc_hex(bytes, sizeof bytes, t->id + sizeof ID_BEGIN - 1);
	t->id[WEBTICKET_ID - 1] = '\0';
	t->since = now;
	t->until = now + WEBTICKET_SECONDS;
}

void webticket_fini(struct webticket *t)
{
	crypt_wipe(t->key, sizeof t->key);
	t->n_key = 0;
}

/* ---- the seal ---- */

/* From here on c seals by the user's key. */
static void set_key(struct crypt *c, str secret, str aor)
{
	uint8_t key[32];
	crypt_mac_key(c, secret);
	crypt_mac(c, (const str[]){ STR("witan web ticket"), aor }, 2, key);
	crypt_mac_key(c, (str){ (const char *)key, sizeof key });
	crypt_wipe(key, sizeof key);
}

static void put_time(uint8_t *p, int64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

/* All of it has one length: version, bytes of the key, id, times, the audience's hash, the key. */
static void print(struct crypt *c, const struct webticket *t, uint8_t plain[FIXED])
{
	uint8_t *p = plain;
	memset(plain, 0, FIXED);
	*p++ = VERSION;
	*p++ = (uint8_t)t->n_key;
	memcpy(p, t->id + sizeof ID_BEGIN - 1, HALF);
	put_time(p + HALF, t->since);
	put_time(p + HALF + 8, t->until);
	crypt_hash(c, CRYPT_SHA256, &t->audience, 1, p + HALF + 16);
	memcpy(p + HALF + 16 + CRYPT_HASH_MAX, t->key, t->n_key);
}

err webticket_seal(struct crypt *c, str secret, str aor, const struct webticket *t, uint8_t *sealed, size_t *n)
{
	uint8_t plain[FIXED];
	ENSURE(t->n_key <= WEBTICKET_KEY_MAX && t->audience.n <= WEBTICKET_WORD_MAX && strlen(t->id) == WEBTICKET_ID - 1, CEILING);
	print(c, t, plain);
	set_key(c, secret, aor);
	err e = crypt_seal(c, (str){ (const char *)plain, sizeof plain }, sealed);
	crypt_wipe(plain, sizeof plain);
	*n = sizeof plain + CRYPT_SEAL;
	return e;
}

static err refused(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(REFUSED), "ticket", "ask for a new web ticket", "%s", what);
}

static err unseal(struct crypt *c, str secret, str aor, str sealed, const struct webticket *shown, uint8_t plain[FIXED], struct webticket *out)
{
	uint8_t want[FIXED];
	ENSURE(sealed.n == FIXED + CRYPT_SEAL && strlen(shown->id) == WEBTICKET_ID - 1, REFUSED);
	set_key(c, secret, aor);
	TRY(crypt_unseal(c, sealed, plain));
	ENSURE(plain[0] == VERSION && plain[1] <= WEBTICKET_KEY_MAX, REFUSED);
	*out = *shown;
	out->n_key = plain[1];
	memcpy(out->key, plain + FIXED - WEBTICKET_KEY_MAX, sizeof out->key);
	print(c, out, want);
	bool is_same = memcmp(shown->id, ID_BEGIN, sizeof ID_BEGIN - 1) == 0 && crypt_equal(plain, want, sizeof want);
	crypt_wipe(want, sizeof want);
	ENSURE(is_same, REFUSED);
	return OK;
}

err webticket_open(struct crypt *c, str secret, str aor, str sealed, const struct webticket *shown, int64_t now, struct webticket *out, struct diag *d)
{
	uint8_t plain[FIXED];
	err e = unseal(c, secret, aor, sealed, shown, plain, out);
	crypt_wipe(plain, sizeof plain);
	if (!failed(e) && out->until > now && out->since <= now + SKEW)
		return OK;
	webticket_fini(out);
	return failed(e) ? refused(d, "the web ticket was changed, or is no longer good: the password may be another one now") : refused(d, "the web ticket has ended");
}

/* ---- the key ---- */

/* RFC 2246 5: A(1) = HMAC(secret, seed), A(i + 1) = HMAC(secret, A(i)); HMAC(secret, A(i) + seed) one after another. */
err webticket_key(str client, str server, uint8_t key[WEBTICKET_KEY_MAX], size_t *n)
{
	uint8_t a[20], block[20], text[20 + WEBTICKET_KEY_MAX];
	ENSURE(client.n != 0 && client.n <= WEBTICKET_KEY_MAX && server.n <= WEBTICKET_KEY_MAX, CEILING);
	TRY(crypt_mac_sha1(client, server, a));
	memcpy(text + sizeof a, server.p, server.n);
	for (size_t at = 0; at < client.n; at += sizeof block) {
		memcpy(text, a, sizeof a);
		TRY(crypt_mac_sha1(client, (str){ (const char *)text, sizeof a + server.n }, block));
		memcpy(key + at, block, client.n - at < sizeof block ? client.n - at : sizeof block);
		TRY(crypt_mac_sha1(client, (str){ (const char *)text, sizeof a }, a));
	}
	crypt_wipe(block, sizeof block);
	*n = client.n;
	return OK;
}

/* ---- the service ---- */

/* "https://host:443/CertProv/x" without what leads to the path. */
static str path_of(str url)
{
	str rest = str_begins_case(url, STR("https://")) ? str_cut(url, 8, url.n) : STR("");
	return str_cut(rest, str_find_char(rest, '/'), rest.n);
}

/* "CertProv" of "/CertProv/x" */
static str first_of(str path)
{
	str rest;
	return path.n != 0 && path.p[0] == '/' ? str_split(str_cut(path, 1, path.n), '/', &rest) : STR("");
}

bool webticket_is_for(str audience, str path)
{
	str want = first_of(path);
	return want.n != 0 && str_eq_case(first_of(path_of(audience)), want);
}
