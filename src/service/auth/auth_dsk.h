/* SPDX-License-Identifier: Apache-2.0 */
/* The handshakes of TLS-DSK (MS-SIPAE 3.2.5.1): TLS 1.0 whose records travel in gssapi-data. Nothing is encrypted by them, keys are derived. */
#ifndef WITAN_SERVICE_AUTH_AUTH_DSK_H
#define WITAN_SERVICE_AUTH_AUTH_DSK_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define DSK_KEY             32    /* bytes of the key of one side */
#define DSK_FLIGHT_MAX      12288 /* bytes of one side's flight: what gssapi-data has room for */
#define DSK_LAST_MAX        256   /* of our last one: two short records */
#define DSK_CERTIFICATE_MAX 8192
#define DSK_SERIAL_MAX      20    /* RFC 5280 4.1.2.2 */
#define DSK_HANDSHAKES_MAX  512   /* under way at once in a process; the oldest gives way */
#define DSK_HANDSHAKE_MS    30000 /* one as old as this gives way to any other */

struct auth_dsk;

/* One under way. *owner is where its beginner keeps it: NULL from the moment it has given way. */
struct dsk_handshake;

/* What has come of one. */
struct dsk_keys {
	uint8_t client[DSK_KEY], server[DSK_KEY]; /* that each signs with */
	uint8_t issuer[32];                       /* of the client's certificate: SHA-256 of its name */
	uint8_t serial[DSK_SERIAL_MAX], n_serial; /* big-endian */
	int64_t ends;                             /* when it does, seconds since 1970 */
};

/* NO_MEMORY. */
err dsk_handshake_new(struct auth_dsk *d, uint64_t now_ms, struct dsk_handshake **owner);
void dsk_handshake_free(struct dsk_handshake *h); /* NULL allowed */
size_t dsk_handshakes_count(const struct auth_dsk *d);
/* The client's first flight; ours is appended, in one record. REFUSED: no hello that could become a handshake. */
err dsk_handshake_begin(struct dsk_handshake *h, str flight, struct buf *ours);
/* Its second, whole, and our last is appended. The client has the key of the certificate that is appended in DER: whoever that may
 * be, nothing else was looked at. REFUSED. */
err dsk_handshake_end(struct dsk_handshake *h, str flight, struct buf *ours, struct buf *certificate, struct dsk_keys *keys);

/* Records of the handshake protocol that follow one another become one, as long as its header can say; from the first record of another
 * protocol on, all stays as it is. Clients read no ServerHelloDone that is alone in its record. MALFORMED, CEILING. */
err dsk_join(str records, struct buf *out);
/* Are they records with nothing before, between and after them, at least one? */
bool dsk_is_whole(str records);

/* The signature of a text: HMAC-SHA-1, which all suites here have, in hexadecimal. */
#define DSK_SIGNATURE 40
err dsk_sign(const uint8_t key[DSK_KEY], str text, char out[DSK_SIGNATURE]);
/* Is it one? In constant time, and either case of its digits. */
bool dsk_verify(const uint8_t key[DSK_KEY], str text, str signature);

#endif
