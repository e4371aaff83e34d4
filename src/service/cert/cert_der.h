/* SPDX-License-Identifier: Apache-2.0 */
/* DER by hand (X.690): what OpenSSL only writes together with a signature is written here without one. */
#ifndef WITAN_SERVICE_CERT_DER_H
#define WITAN_SERVICE_CERT_DER_H

#include "base/mem.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_UTC = 0x17,
	DER_TIME = 0x18,
	DER_BMP = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CLASS = 0x80,      /* + n: [n] of a primitive */
	DER_CONSTRUCTED = 0xa0 /* + n: [n] with parts */
};

/* ---- writing: every failure is in b->failed ---- */

void der_add(struct buf *b, unsigned tag, str content);
/* What was written since `from` becomes the content of `tag`. */
void der_wrap(struct buf *b, size_t from, unsigned tag);
void der_add_uint(struct buf *b, unsigned tag, uint64_t v);
/* A positive integer of these bytes. */
void der_add_bytes(struct buf *b, unsigned tag, str big_endian);
void der_add_bool(struct buf *b, bool v);
/* The first `used` bits of the bytes. */
void der_add_bits(struct buf *b, str bytes, unsigned unused);
/* UTCTime until 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
void der_add_time(struct buf *b, int64_t t);
/* GeneralizedTime always. */
void der_add_general_time(struct buf *b, int64_t t);

/* ---- reading: forms that are not DER are refused ---- */

struct der {
	unsigned tag;
	str whole, content;
};

/* Takes the first element off *in; false: there is none, or not in the one form that DER allows. */
bool der_next(str *in, struct der *out);
/* The same, of this tag only; *in is unchanged otherwise. */
bool der_take(str *in, unsigned tag, struct der *out);
/* Whether all of it, inside too, is a sequence of elements in DER: lengths, booleans, integers, the order in sets. */
bool der_is_canonical(str in);

#define DER_TEXT(lit) ((str){ "" lit, sizeof(lit) - 1 })

#endif
