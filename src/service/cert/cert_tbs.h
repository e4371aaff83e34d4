/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of what is to be signed: each is appended in DER, its failures are in the buffer. */
#ifndef WITAN_SERVICE_CERT_TBS_H
#define WITAN_SERVICE_CERT_TBS_H

#include "service/cert/cert_der.h"
#include "service/cert/cert_priv.h"

/* Who signs: read once from his certificate. */
struct cert_issuer {
	X509 *x;
	str name, spki; /* slices of the caller's DER */
	uint8_t ski[20];
	struct cert_spki_view key;
	int64_t ends;
	long path_length; /* -1: no limit */
};

/* out is to be ended by cert_issuer_fini whatever the answer. use: CERT_KU_CERT_SIGN or CERT_KU_CRL_SIGN. MALFORMED, REFUSED (it may not). */
err cert_issuer_read(str der, uint32_t use, struct cert_issuer *out, struct diag *d);
void cert_issuer_fini(struct cert_issuer *issuer);

/* SHA-1 of the bits of a public key: RFC 5280 4.2.1.2 (1). */
void cert_key_identifier(str key, uint8_t out[20]);

/* REFUSED with d: a part is too long, no text, or a country of other than two letters. */
err cert_subject_check(const struct cert_subject *subject, struct diag *d);
err cert_names_check(const struct topo_names *names, bool wildcards, struct diag *d);
err cert_urls_check(const struct cert_urls *urls, struct diag *d);

void cert_add_name(struct buf *b, const struct cert_subject *subject);

/* An extension that is open: what is added until cert_close_extension is its value. */
struct cert_open {
	size_t from, value;
};
struct cert_open cert_open_extension(struct buf *b, str oid, bool critical);
void cert_close_extension(struct buf *b, struct cert_open open);

void cert_add_constraints(struct buf *b, bool is_ca, unsigned path_length);
void cert_add_key_usage(struct buf *b, uint32_t usage);
void cert_add_usages(struct buf *b, bool server, bool client);
void cert_add_ski(struct buf *b, const uint8_t ski[20]);
void cert_add_aki(struct buf *b, const uint8_t ski[20]);
void cert_add_san(struct buf *b, const struct topo_names *dns);
void cert_add_urls(struct buf *b, const struct cert_urls *urls);

#endif
