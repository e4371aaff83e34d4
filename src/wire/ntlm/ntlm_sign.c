/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"
#include "wire/ntlm/ntlm_priv.h"

/* [MS-NLMP] 3.4.5.2, 3.4.5.3, with 128 bits: ntlm_check refuses less. The NUL at the end counts. */
#define MAGIC(direction, purpose) { "session key to " direction " " purpose " key magic constant", sizeof "session key to " direction " " purpose " key magic constant" }

static const str sign_magic[2] = { MAGIC("client-to-server", "signing"), MAGIC("server-to-client", "signing") };
static const str seal_magic[2] = { MAGIC("client-to-server", "sealing"), MAGIC("server-to-client", "sealing") };

static void put_number(uint8_t out[4], uint32_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

static void derive(struct crypt *c, const uint8_t *key, str salt, uint8_t out[16])
{
	uint8_t digest[CRYPT_HASH_MAX];
	crypt_hash(c, CRYPT_MD5, (str[]){ { (const char *)key, 16 }, salt }, 2, digest);
	memcpy(out, digest, 16);
	crypt_wipe(digest, sizeof digest);
}

void ntlm_keys_init(struct ntlm_keys *k, struct crypt *c, const uint8_t session_key[16])
{
	for (int side = 0; side < 2; side++) {
		derive(c, session_key, sign_magic[side], k->sign[side]);
		derive(c, session_key, seal_magic[side], k->seal[side]);
	}
}

void ntlm_keys_fini(struct ntlm_keys *k)
{
	crypt_wipe(k, sizeof *k);
}

void ntlm_checksum(struct crypt *c, const uint8_t sign[16], uint32_t sequence, str text, uint8_t out[16])
{
	uint8_t number[4];
	put_number(number, sequence);
	crypt_mac_md5(c, (str){ (const char *)sign, 16 }, (str[]){ { (const char *)number, 4 }, text }, 2, out);
}

/* [MS-NLMP] 3.4.4.2, with the key of one message as 3.4 has it for connectionless mode */
err ntlm_mac(struct crypt *c, const struct ntlm_keys *k, enum ntlm_side side, uint32_t sequence, str text, uint8_t out[16])
{
	uint8_t number[4], key[16], sum[16];
	memset(out, 0, 16);
	put_number(number, sequence);
	derive(c, k->seal[side], (str){ (const char *)number, 4 }, key);
	ntlm_checksum(c, k->sign[side], sequence, text, sum);
	err e = crypt_rc4(c, key, sum, 8, out + 4);
	crypt_wipe(key, sizeof key);
	TRY(e);
	put_number(out, 1);
	memcpy(out + 12, number, 4);
	return OK;
}

bool ntlm_mac_is(struct crypt *c, const struct ntlm_keys *k, enum ntlm_side side, uint32_t sequence, str text, str hex)
{
	uint8_t mac[16], got[16];
	if (failed(ntlm_mac(c, k, side, sequence, text, mac)) || failed(enc_hex_read(hex, got, sizeof got)))
		return false;
	return crypt_equal(mac, got, sizeof mac);
}
