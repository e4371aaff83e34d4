/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello - the first message of a TLS client and the first answer to it (RFC 8446 4.1, RFC 5246 7.4.1, RFC 6101 5.6.1), so that
 * one can ask a server which versions and cipher suites it takes, also those that no library of today would offer. No
 * cryptography: nobody goes on after the answer. Pure.
 */
#ifndef WITAN_WIRE_HELLO_H
#define WITAN_WIRE_HELLO_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define HELLO_SSL_3   0x0300
#define HELLO_TLS_1_0 0x0301
#define HELLO_TLS_1_1 0x0302
#define HELLO_TLS_1_2 0x0303
#define HELLO_TLS_1_3 0x0304

enum hello_grade {
	HELLO_GOOD,   /* ephemeral key agreement and authenticated encryption */
	HELLO_DATED,  /* lacks one of them, no attack on it known that peers need fear */
	HELLO_BROKEN, /* not to be offered */
};

struct hello_suite {
	uint16_t id;
	const char *name; /* as the registry of IANA has it */
	enum hello_grade grade;
	const char *why; /* "RC4"; empty for good ones */
};

/* All suites that can be asked for, NULL after the last. */
const struct hello_suite *hello_suite_at(size_t i);
/* NULL: not in the table. */
const struct hello_suite *hello_suite_find(uint16_t id);
/* The suites that a client of this version may offer, at most `room` (HELLO_SUITES is enough for all); answers how many. */
#define HELLO_SUITES 128
size_t hello_suites(uint16_t version, uint16_t *out, size_t room);
/* "TLS 1.2"; "unknown" for what is none */
const char *hello_version_word(uint16_t version);

/* Appends the record of a ClientHello that offers exactly this version and these suites. server_name empty: none is sent (it is not for addresses). */
void hello_print(uint16_t version, str server_name, const uint16_t *suites, size_t n, const uint8_t random[32], struct buf *out);

struct hello_answer {
	uint16_t version, suite; /* what the server chose; version 0: it refused by an alert */
	uint8_t alert;           /* its description (RFC 8446 6) */
};

/* The beginning of what a server answered. INCOMPLETE: more bytes are needed; MALFORMED: no TLS. */
err hello_parse(str bytes, struct hello_answer *out);

#endif
