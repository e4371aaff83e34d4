/* SPDX-License-Identifier: Apache-2.0 */
#include "base/enc.h"
#include "service/auth/auth_priv.h"

#define NONCE_MAC  (NONCE_BYTES - NONCE_ID)
#define TIME_BYTES 6
#define ORDER_BYTES 8

static void nonce_mac(struct crypt *c, const struct flow *f, const uint8_t id[NONCE_ID], uint8_t out[32])
{
	const uint32_t name[] = { f->slot, f->serial, f->front };
	const str parts[] = { STR("auth nonce"), { (const char *)name, sizeof name }, { (const char *)id, NONCE_ID } };
	crypt_mac(c, parts, sizeof parts / sizeof parts[0], out);
}

void nonce_make(struct crypt *c, const struct flow *f, uint64_t now_ms, uint16_t number, char out[NONCE_TEXT])
{
	uint8_t bytes[NONCE_BYTES], mac[32];
	for (unsigned i = 0; i < TIME_BYTES; i++)
		bytes[i] = (uint8_t)(now_ms >> 8 * (TIME_BYTES - 1 - i));
	bytes[TIME_BYTES] = (uint8_t)(number >> 8);
	bytes[TIME_BYTES + 1] = (uint8_t)number;
	crypt_random(bytes + ORDER_BYTES, NONCE_ID - ORDER_BYTES);
	nonce_mac(c, f, bytes, mac);
	memcpy(bytes + NONCE_ID, mac, NONCE_MAC);
	ASSERT(enc_base64url(bytes, sizeof bytes, out) == NONCE_TEXT);
}

bool nonce_read(struct crypt *c, const struct flow *f, str text, uint8_t id[NONCE_ID])
{
	uint8_t bytes[NONCE_BYTES], mac[32];
	size_t n = sizeof bytes;
	if (text.n != NONCE_TEXT || failed(enc_base64url_read(text, bytes, &n)) || n != sizeof bytes)
		return false;
	nonce_mac(c, f, bytes, mac);
	if (!crypt_equal(mac, bytes + NONCE_ID, NONCE_MAC))
		return false;
	memcpy(id, bytes, NONCE_ID);
	return true;
}

static uint64_t number_of(const uint8_t *bytes, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

uint64_t nonce_time(const uint8_t id[NONCE_ID])
{
	return number_of(id, TIME_BYTES);
}

uint64_t nonce_order(const uint8_t id[NONCE_ID])
{
	return number_of(id, ORDER_BYTES);
}
