/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ntlm - the three messages of NTLM ([MS-NLMP]) as a server needs them, the proof of the password, and the signatures of SIP
 * messages ([MS-SIPAE]). Only NTLMv2 is taken. Pure: no clock, no sockets.
 *
 * SIP ("datagram") has no Type 1: an empty token asks, ntlm_challenge_print answers, a Type 3 comes back. HTTP begins with a
 * Type 1. What computes needs a crypt with crypt_open_legacy, else it answers NO_LEGACY.
 */
#ifndef WITAN_WIRE_NTLM_H
#define WITAN_WIRE_NTLM_H

#include "base/crypt.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define NTLM_MOST      4096 /* bytes of a message that is read */
#define NTLM_NAME_MOST 512  /* bytes of a name, and of a password, in UTF-8 */

/* What is agreed upon ([MS-NLMP] 2.2.2.5); only what this server says or looks at. */
#define NTLM_UNICODE        0x00000001u
#define NTLM_OEM            0x00000002u
#define NTLM_REQUEST_TARGET 0x00000004u /* the Type 2 names the domain outside of the pairs too */
#define NTLM_SIGN           0x00000010u
#define NTLM_SEAL           0x00000020u
#define NTLM_DATAGRAM       0x00000040u
#define NTLM_NTLM           0x00000200u
#define NTLM_ALWAYS_SIGN    0x00008000u
#define NTLM_TARGET_DOMAIN  0x00010000u
#define NTLM_ESS            0x00080000u /* extended session security: keys for each direction */
#define NTLM_IDENTIFY       0x00100000u
#define NTLM_TARGET_INFO    0x00800000u
#define NTLM_VERSION        0x02000000u
#define NTLM_128            0x20000000u
#define NTLM_KEY_EXCH       0x40000000u

/* For the Type 2 of SIP. */
#define NTLM_FLAGS_SIP                                                                                             \
	(NTLM_UNICODE | NTLM_REQUEST_TARGET | NTLM_SIGN | NTLM_DATAGRAM | NTLM_NTLM | NTLM_ALWAYS_SIGN | NTLM_TARGET_DOMAIN | \
		NTLM_ESS | NTLM_IDENTIFY | NTLM_TARGET_INFO | NTLM_VERSION | NTLM_128 | NTLM_KEY_EXCH)
/* For the Type 2 of HTTP, which signs nothing, by the flags of the client's Type 1. */
uint32_t ntlm_flags_http(uint32_t offered);

/* FILETIME: units of 100 ns since 1601. */
static inline uint64_t ntlm_time(uint64_t unix_ms)
{
	return (unix_ms + UINT64_C(11644473600000)) * 10000;
}

/* Which message it is by its first bytes: 1, 2, 3; 0: none of NTLM. */
uint32_t ntlm_type(str bytes);

/* ---- Type 1 and Type 2 ---- */

struct ntlm_negotiate {
	uint32_t flags;
	str domain, workstation; /* in the client's code page; empty where it names none. Inside what was read. */
};

/* MALFORMED: no Type 1, or a field outside of it, in its header or over another; CEILING: longer than NTLM_MOST. */
err ntlm_negotiate_parse(str bytes, struct ntlm_negotiate *out, struct diag *d);

struct ntlm_challenge {
	uint32_t flags;     /* NTLM_FLAGS_SIP, ntlm_flags_http() */
	uint8_t random[8];  /* fresh for each: crypt_random */
	uint8_t version[8]; /* all zero: a default, nobody acts on it */
	uint64_t timestamp; /* ntlm_time(now); 0: left out */
	str domain, computer;                     /* NetBIOS names, UTF-8 as all of them; an empty one is left out */
	str dns_domain, dns_computer, dns_forest;
};

#define NTLM_SHORT_MOST 15
/* The NetBIOS name of a DNS name, in out: UC01 of "uc01.example.test" ([MS-NLMP] 2.2.2.1). */
str ntlm_short_name(str name, char out[NTLM_SHORT_MOST]);

/* Appends the Type 2. Who sends it keeps its bytes for ntlm_check. MALFORMED: a name is not UTF-8; CEILING: a name is longer than
 * NTLM_NAME_MOST, or out is full. */
err ntlm_challenge_print(const struct ntlm_challenge *t, struct buf *out);

/* ---- Type 3 ---- */

struct ntlm_authenticate {
	uint32_t flags;
	/* As the client wrote them, in UTF-8 without control characters, ended by NUL. user may be "ann", or "ann@example.test" with an empty domain. */
	char user[NTLM_NAME_MOST + 1], domain[NTLM_NAME_MOST + 1], workstation[NTLM_NAME_MOST + 1];
	uint64_t timestamp; /* of the proof: the one of the Type 2, or the client's own clock */
	str pairs;          /* what the proof covers, for ntlm_pair_find */
	bool has_mic;
	str raw, response, session_key; /* for ntlm_check; as pairs inside what was read, which must live as long */
};

/* MALFORMED and CEILING as ntlm_negotiate_parse; also names that are not UTF-16 (where the flags say so; else ASCII). REFUSED: anonymous,
 * or an LM or NTLMv1 response; d says what the client's administrator has to set. */
err ntlm_authenticate_parse(str bytes, struct ntlm_authenticate *out, struct diag *d);

/* AV pairs ([MS-NLMP] 2.2.2.1) */
enum ntlm_pair {
	NTLM_PAIR_END, NTLM_PAIR_COMPUTER, NTLM_PAIR_DOMAIN, NTLM_PAIR_DNS_COMPUTER, NTLM_PAIR_DNS_DOMAIN, NTLM_PAIR_DNS_FOREST, NTLM_PAIR_FLAGS,
	NTLM_PAIR_TIMESTAMP, NTLM_PAIR_SINGLE_HOST, NTLM_PAIR_TARGET /* "sip/front.example.test" */, NTLM_PAIR_BINDINGS, /* MD5 of gss_channel_bindings */
};
/* The first of this kind; names are UTF-16LE, see ntlm_text_read. */
bool ntlm_pair_find(str pairs, enum ntlm_pair id, str *value);

/* UTF-16LE as UTF-8 ended by NUL. MALFORMED: half a character, or a control character; CEILING: does not fit size. */
err ntlm_text_read(str utf16, char *out, size_t size);
/* UTF-8 as UTF-16LE; *n is the room on entry and the bytes on return. MALFORMED, CEILING. */
err ntlm_text_write(str utf8, uint8_t *out, size_t *n);

/* ---- the proof ---- */

/* The NT hash, as good as the password to whoever has it. MALFORMED: not UTF-8; CEILING: longer than NTLM_NAME_MOST. */
err ntlm_hash(struct crypt *c, str password, uint8_t out[16]);

/*
 * Does the Type 3 prove the password? negotiate: the Type 1 as it came (SIP: empty); challenge: the Type 2 as it went out, to be used
 * once. nt_hash NULL: nobody knows this user, which takes the same time. Verified are the proof, that the client repeated the pairs that
 * it was sent, its MIC where there is one, and that the security sent with NTLM_SIGN was kept. REFUSED: any of them; session_key is cleared
 * then. Otherwise it is what signatures come from.
 */
err ntlm_check(struct crypt *c, const struct ntlm_authenticate *a, str negotiate, str challenge, const uint8_t *nt_hash, uint8_t session_key[16]);

/* The eight bytes that the response answers; empty: it is no Type 2. */
str ntlm_random(str challenge);
/* The same for a response that somebody else has judged (a domain controller, [MS-NRPC]) and found right: base_key is the session base key
 * that he has told. */
err ntlm_check_proven(struct crypt *c, const struct ntlm_authenticate *a, str negotiate, str challenge, const uint8_t base_key[16], uint8_t session_key[16]);

/* ---- signatures ---- */

#define NTLM_SEQUENCE 100 /* of every SIP message ([MS-SIPAE] 3.2.5.2) */

enum ntlm_side { NTLM_CLIENT, NTLM_SERVER };
struct ntlm_keys {
	uint8_t sign[2][16], seal[2][16]; /* of each side */
};

void ntlm_keys_init(struct ntlm_keys *k, struct crypt *c, const uint8_t session_key[16]);
/* Wipes. */
void ntlm_keys_fini(struct ntlm_keys *k);
/* The signature that a side sets under text, in datagram mode: RC4 is keyed anew by each sequence number. */
err ntlm_mac(struct crypt *c, const struct ntlm_keys *k, enum ntlm_side side, uint32_t sequence, str text, uint8_t out[16]);
/* Whether hex (32 digits, either case) is it; compared in constant time. Without the legacy provider nothing is. */
bool ntlm_mac_is(struct crypt *c, const struct ntlm_keys *k, enum ntlm_side side, uint32_t sequence, str text, str hex);

#endif
