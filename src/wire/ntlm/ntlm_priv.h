/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_NTLM_PRIV_H
#define WITAN_WIRE_NTLM_PRIV_H

#include "wire/ntlm.h"

/* Where things stand ([MS-NLMP] 2.2.1). A field is length, room and offset. */
enum {
	AT_TYPE = 8,
	FIELD = 8,
	T1_FLAGS = 12, T1_DOMAIN = 16, T1_WORKSTATION = 24, T1_LEAST = 16, T1_HEADER = 32,
	T2_TARGET = 12, T2_FLAGS = 20, T2_RANDOM = 24, T2_PAIRS = 40, T2_VERSION = 48, T2_HEADER = 56,
	T3_LM = 12, T3_NT = 20, T3_DOMAIN = 28, T3_USER = 36, T3_WORKSTATION = 44, T3_KEY = 52, T3_FLAGS = 60, T3_HEADER = 64,
	T3_MIC = 72, T3_WITH_MIC = 88,
};

/* The NTLMv2 response: the proof, and what it covers (2.2.2.7, 2.2.2.8). */
enum { PROOF = 16, BLOB_TIME = 8, BLOB_PAIRS = 28, V1_RESPONSE = 24 };

static inline uint32_t get_number(str s, size_t at, unsigned bytes)
{
	uint32_t v = 0;
	while (bytes-- > 0)
		v = v << 8 | (uint8_t)s.p[at + bytes];
	return v;
}

/* The bytes of the field at `at`, which begin at `header` or behind; an empty field says nothing by its offset. false: not inside s. */
bool ntlm_field(str s, size_t at, size_t header, str *out);
/* Takes the next pair; *id is NTLM_PAIR_END at the end of the list. false: a pair that is longer than the list. */
bool ntlm_pair_next(str *pairs, uint32_t *id, str *value);

/* Capital letters one for one, as who made the response had to write the user's name. */
uint16_t ntlm_upper(uint16_t unit);
/* NTOWFv2 ([MS-NLMP] 3.3.2) from the NT hash. */
err ntlm_owf(struct crypt *c, const uint8_t nt_hash[16], const char *user, const char *domain, uint8_t out[16]);
/* What ntlm_mac hides by RC4: HMAC-MD5 over sequence and text; the first eight bytes count. */
void ntlm_checksum(struct crypt *c, const uint8_t sign[16], uint32_t sequence, str text, uint8_t out[16]);

#endif
