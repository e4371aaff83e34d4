/* SPDX-License-Identifier: Apache-2.0 */
/* The list of revoked certificates as bytes to be signed (RFC 5280 5.1). */
#include "service/cert/cert_tbs.h"

#include "base/enc.h"

#define DAY_SECONDS 86400

static bool has_gone(const struct cert_revoked *r, int64_t now)
{
	return r->expires != 0 && r->expires + (int64_t)CERT_CRL_GRACE_DAYS * DAY_SECONDS <= now;
}

/* An odd number of digits is one of a number without its leading zero. */
bool cert_serial_add(struct buf *b, const char *hex)
{
	char even[CERT_SERIAL + 1] = "0", *digits = even;
	uint8_t bytes[CERT_SERIAL / 2];
	size_t n = strlen(hex);
	if (n == 0 || n >= CERT_SERIAL)
		return false;
	memcpy(even + 1, hex, n + 1);
	if (n % 2 == 0)
		digits = even + 1;
	size_t bytes_n = strlen(digits) / 2;
	if (failed(enc_hex_read(str_of(digits), bytes, bytes_n)))
		return false;
	der_add_bytes(b, DER_INTEGER, (str){ (const char *)bytes, bytes_n });
	return true;
}

static bool add_entry(struct buf *b, const struct cert_revoked *r)
{
	const size_t from = b->n;
	if (!cert_serial_add(b, r->serial))
		return false;
	der_add_time(b, r->when);
	if (r->reason != CERT_UNSPECIFIED) {
		const size_t extensions = b->n;
		struct cert_open e = cert_open_extension(b, DER_TEXT("\x55\x1d\x15"), false);
		der_add_uint(b, DER_ENUMERATED, cert_reason_code(r->reason));
		cert_close_extension(b, e);
		der_wrap(b, extensions, DER_SEQUENCE);
	}
	der_wrap(b, from, DER_SEQUENCE);
	return true;
}

static err add_entries(struct buf *b, const struct cert_list *list, struct diag *d)
{
	const size_t from = b->n;
	for (size_t i = 0; i < list->n; i++)
		if (!has_gone(&list->p[i], list->now) && !add_entry(b, &list->p[i]))
			return diag_fail(d, ERR(MALFORMED), "revocation list", "remove it from the list", "\"%.40s\" is no serial number", list->p[i].serial);
	if (b->n > from)
		der_wrap(b, from, DER_SEQUENCE); /* without entries there is no list of them */
	return OK;
}

static void add_tail(struct buf *b, const struct cert_issuer *by, uint64_t number)
{
	const size_t from = b->n;
	cert_add_aki(b, by->ski);
	struct cert_open e = cert_open_extension(b, DER_TEXT("\x55\x1d\x14"), false);
	der_add_uint(b, DER_INTEGER, number);
	cert_close_extension(b, e);
	der_wrap(b, from, DER_SEQUENCE);
	der_wrap(b, from, DER_CONSTRUCTED + 0);
}

err cert_tbs_crl(const struct cert_list *list, str issuer, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	struct cert_issuer by DEFER(cert_issuer_fini) = { .x = NULL };
	if (list->n > CERT_REVOKED_MAX)
		return diag_fail(d, ERR(CEILING), "revocation list", "make a new issuing authority", "more than %d certificates are revoked", CERT_REVOKED_MAX);
	if (list->next <= list->now)
		return diag_fail(d, ERR(REFUSED), "revocation list", "give a later end", "it would have ended when it begins");
	TRY(cert_issuer_read(issuer, CERT_KU_CRL_SIGN, &by, d));
	const size_t from = tbs->n;
	*alg = by.key.alg;
	der_add_uint(tbs, DER_INTEGER, 1);
	buf_add(tbs, cert_alg_id(by.key.alg));
	buf_add(tbs, by.name);
	der_add_time(tbs, list->now - CERT_SKEW_SECONDS);
	der_add_time(tbs, list->next);
	TRY(add_entries(tbs, list, d));
	add_tail(tbs, &by, list->number);
	der_wrap(tbs, from, DER_SEQUENCE);
	ENSURE(!tbs->failed, CEILING);
	return OK;
}
