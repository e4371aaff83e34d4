/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ntlm/ntlm_priv.h"

static str bytes_of(const uint8_t *p, size_t n)
{
	return (str){ (const char *)p, n };
}

err ntlm_hash(struct crypt *c, str password, uint8_t out[16])
{
	uint8_t units[2 * NTLM_NAME_MOST];
	size_t n = sizeof units;
	memset(out, 0, 16);
	ENSURE(password.n <= NTLM_NAME_MOST, CEILING);
	err e = ntlm_text_write(password, units, &n);
	if (!failed(e))
		e = crypt_md4(c, bytes_of(units, n), out);
	crypt_wipe(units, sizeof units);
	return e;
}

err ntlm_owf(struct crypt *c, const uint8_t nt_hash[16], const char *user, const char *domain, uint8_t out[16])
{
	uint8_t name[2 * NTLM_NAME_MOST], place[2 * NTLM_NAME_MOST];
	size_t n_name = sizeof name, n_place = sizeof place;
	TRY(ntlm_text_write(str_of(user), name, &n_name));
	TRY(ntlm_text_write(str_of(domain), place, &n_place));
	for (size_t i = 0; i < n_name; i += 2) {
		uint16_t unit = ntlm_upper((uint16_t)(name[i] | name[i + 1] << 8));
		name[i] = (uint8_t)unit;
		name[i + 1] = (uint8_t)(unit >> 8);
	}
	crypt_mac_md5(c, bytes_of(nt_hash, 16), (str[]){ bytes_of(name, n_name), bytes_of(place, n_place) }, 2, out);
	return OK;
}

/*
 * The key of the response. There are clients that leave the domain out of it although they name one ([MS-NLMP] 3.2.5.1.2): both
 * ways are gone always, so that the time says nothing.
 */
static err find_owf(struct crypt *c, const struct ntlm_authenticate *a, str random, const uint8_t *hash, uint8_t owf[16], bool *is_proof)
{
	const char *domains[2] = { a->domain, "" };
	const str covered[] = { random, str_cut(a->response, PROOF, a->response.n) };
	uint8_t keys[2][16], proof[16];
	bool fits[2];
	for (int i = 0; i < 2; i++) {
		TRY(ntlm_owf(c, hash, a->user, domains[i], keys[i]));
		crypt_mac_md5(c, bytes_of(keys[i], 16), covered, 2, proof);
		fits[i] = crypt_equal(proof, a->response.p, PROOF);
	}
	memcpy(owf, keys[!fits[0] & fits[1]], 16);
	*is_proof = fits[0] | fits[1];
	crypt_wipe(keys, sizeof keys);
	crypt_wipe(proof, sizeof proof);
	return OK;
}

/* ExportedSessionKey ([MS-NLMP] 3.2.5.1.2, 3.4.5.1): for NTLMv2 the key exchange key is the session base key. */
static err make_session(struct crypt *c, const struct ntlm_authenticate *a, uint32_t agreed, const uint8_t base[16], uint8_t out[16])
{
	bool exchanged = (agreed & NTLM_KEY_EXCH) != 0 && (agreed & (NTLM_SIGN | NTLM_SEAL)) != 0;
	if (exchanged)
		return a->session_key.n == 16 ? crypt_rc4(c, base, (const uint8_t *)a->session_key.p, 16, out) : ERR(REFUSED);
	memcpy(out, base, 16);
	return OK;
}

static bool has_good_mic(struct crypt *c, const struct ntlm_authenticate *a, str negotiate, str challenge, const uint8_t session[16])
{
	const str parts[] = { negotiate, challenge, str_cut(a->raw, 0, T3_MIC), { (const char[16]){ 0 }, 16 }, str_cut(a->raw, T3_WITH_MIC, a->raw.n) };
	uint8_t mic[16];
	if (!a->has_mic)
		return true;
	crypt_mac_md5(c, bytes_of(session, 16), parts, sizeof parts / sizeof *parts, mic);
	return crypt_equal(mic, a->raw.p + T3_MIC, 16);
}

/* Who stands between and takes the timestamp out of the Type 2, so that the client leaves out its MIC, is found here. */
static bool repeats(str sent, str pairs)
{
	str value, other;
	uint32_t id;
	while (ntlm_pair_next(&sent, &id, &value) && id != NTLM_PAIR_END)
		if (!ntlm_pair_find(pairs, (enum ntlm_pair)id, &other) || !str_eq(value, other))
			return false;
	return true;
}

/* With signatures, nothing that makes them strong may have been left out. */
static bool is_kept(uint32_t sent, uint32_t flags)
{
	uint32_t needed = (sent & NTLM_SIGN) != 0 ? sent & (NTLM_SIGN | NTLM_ESS | NTLM_128 | NTLM_KEY_EXCH) : 0;
	return (flags & needed) == needed;
}

/* What else must be right besides the proof. Always all of it, so that the time says nothing. */
static err finish(struct crypt *c, const struct ntlm_authenticate *a, str negotiate, str challenge, const uint8_t base[16], bool is_proof, uint8_t session_key[16])
{
	uint32_t sent = get_number(challenge, T2_FLAGS, 4);
	str pairs;
	ENSURE(ntlm_field(challenge, T2_PAIRS, T2_HEADER, &pairs), INTERNAL);
	err e = make_session(c, a, sent & a->flags, base, session_key);
	bool good = !failed(e);
	good &= has_good_mic(c, a, negotiate, challenge, session_key);
	good &= repeats(pairs, a->pairs);
	good &= is_kept(sent, a->flags);
	good &= is_proof;
	if (good)
		return OK;
	crypt_wipe(session_key, 16);
	return failed(e) ? e : ERR(REFUSED);
}

static bool is_challenge(str bytes)
{
	return ntlm_type(bytes) == 2 && bytes.n >= T2_HEADER;
}

err ntlm_check(struct crypt *c, const struct ntlm_authenticate *a, str negotiate, str challenge, const uint8_t *nt_hash, uint8_t session_key[16])
{
	static const uint8_t nobody[16];
	uint8_t owf[16] = { 0 }, base[16];
	bool is_proof = false;
	memset(session_key, 0, 16);
	ENSURE(crypt_has_legacy(c), NO_LEGACY);
	ENSURE(is_challenge(challenge) && a->response.n >= PROOF + BLOB_PAIRS, INTERNAL);
	TRY(find_owf(c, a, ntlm_random(challenge), nt_hash != NULL ? nt_hash : nobody, owf, &is_proof));
	str proof = str_cut(a->response, 0, PROOF);
	crypt_mac_md5(c, bytes_of(owf, 16), &proof, 1, base);
	crypt_wipe(owf, sizeof owf);
	err e = finish(c, a, negotiate, challenge, base, is_proof & (nt_hash != NULL), session_key);
	crypt_wipe(base, sizeof base);
	return e;
}

str ntlm_random(str challenge)
{
	return is_challenge(challenge) ? str_cut(challenge, T2_RANDOM, T2_RANDOM + 8) : STR("");
}

err ntlm_check_proven(struct crypt *c, const struct ntlm_authenticate *a, str negotiate, str challenge, const uint8_t base_key[16], uint8_t session_key[16])
{
	memset(session_key, 0, 16);
	ENSURE(crypt_has_legacy(c), NO_LEGACY);
	ENSURE(is_challenge(challenge), INTERNAL);
	return finish(c, a, negotiate, challenge, base_key, true, session_key);
}
