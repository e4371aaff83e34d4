/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP (RFC 6960): what is asked, and the answers of an authority as bytes to be signed. */
#include "service/cert/cert_tbs.h"

#include "base/crypt.h"
#include "base/enc.h"

#include <openssl/evp.h>

#define OID_SHA1   DER_TEXT("\x2b\x0e\x03\x02\x1a")
#define OID_SHA256 DER_TEXT("\x60\x86\x48\x01\x65\x03\x04\x02\x01")
#define OID_NONCE  DER_TEXT("\x2b\x06\x01\x05\x05\x07\x30\x01\x02")
#define OID_BASIC  DER_TEXT("\x2b\x06\x01\x05\x05\x07\x30\x01\x01")

/* ---- reading a request ---- */

static bool read_serial(str v, char out[CERT_SERIAL])
{
	while (v.n > 1 && v.p[0] == '\0')
		v = str_cut(v, 1, v.n);
	if (v.n == 0 || v.n > CERT_SERIAL / 2)
		return false;
	enc_hex(v.p, v.n, out);
	out[2 * v.n] = '\0';
	for (char *c = out; *c != '\0'; c++)
		*c = (char)(*c >= 'a' && *c <= 'f' ? *c - 32 : *c); /* as in every other place */
	return true;
}

/* Another hash than these two is kept without what it hashed: such a certificate is not known. */
static bool read_id(struct der id, struct cert_ocsp_id *out)
{
	struct der alg, oid, name, key, serial;
	str in = id.content;
	*out = (struct cert_ocsp_id){ .id = id.whole };
	if (!der_take(&in, DER_SEQUENCE, &alg) || !der_take(&alg.content, DER_OID, &oid) || !der_take(&in, DER_OCTETS, &name) ||
		!der_take(&in, DER_OCTETS, &key) || !der_take(&in, DER_INTEGER, &serial) || in.n != 0 || !read_serial(serial.content, out->serial))
		return false;
	out->is_sha256 = str_eq(oid.content, OID_SHA256);
	if (!out->is_sha256 && !str_eq(oid.content, OID_SHA1))
		return true;
	out->name_hash = name.content;
	out->key_hash = key.content;
	return true;
}

static bool read_nonce(str list, struct cert_ocsp_request *out)
{
	struct der one, oid, flag, value, nonce;
	while (der_take(&list, DER_SEQUENCE, &one)) {
		if (!der_take(&one.content, DER_OID, &oid))
			return false;
		(void)der_take(&one.content, DER_BOOLEAN, &flag);
		if (!der_take(&one.content, DER_OCTETS, &value))
			return false;
		if (!str_eq(oid.content, OID_NONCE))
			continue;
		str in = value.content;
		if (!der_take(&in, DER_OCTETS, &nonce) || in.n != 0 || nonce.content.n == 0 || nonce.content.n > CERT_OCSP_NONCE)
			return false; /* RFC 8954 2.1 */
		memcpy(out->nonce, nonce.content.p, nonce.content.n);
		out->nonce_n = nonce.content.n;
	}
	return list.n == 0;
}

static bool read_all(str der, struct cert_ocsp_request *out, bool *too_many)
{
	struct der all, tbs, list, one, id, x;
	if (der.n > CERT_OCSP_REQUEST_MAX || !der_is_canonical(der) || !der_take(&der, DER_SEQUENCE, &all) || der.n != 0 ||
		!der_take(&all.content, DER_SEQUENCE, &tbs))
		return false;
	str in = tbs.content;
	(void)der_take(&in, DER_CONSTRUCTED + 0, &x); /* version */
	(void)der_take(&in, DER_CONSTRUCTED + 1, &x); /* who asks */
	if (!der_take(&in, DER_SEQUENCE, &list))
		return false;
	while (der_take(&list.content, DER_SEQUENCE, &one)) {
		*too_many = out->n == CERT_OCSP_IDS;
		if (*too_many || !der_take(&one.content, DER_SEQUENCE, &id) || !read_id(id, &out->ids[out->n++]))
			return false;
	}
	if (list.content.n != 0 || out->n == 0)
		return false;
	if (!der_take(&in, DER_CONSTRUCTED + 2, &x))
		return in.n == 0;
	return in.n == 0 && der_take(&x.content, DER_SEQUENCE, &list) && read_nonce(list.content, out);
}

err cert_ocsp_read(str der, struct cert_ocsp_request *out, struct diag *d)
{
	bool too_many = false;
	*out = (struct cert_ocsp_request){ .n = 0 };
	if (read_all(der, out, &too_many))
		return OK;
	*out = (struct cert_ocsp_request){ .n = 0 };
	if (too_many)
		return diag_fail(d, ERR(CEILING), "OCSP request", "ask about fewer at once", "it asks about more than %d certificates", CERT_OCSP_IDS);
	return diag_fail(d, ERR(MALFORMED), "OCSP request", "", "it is not an OCSP request in DER, or too long");
}

/* ---- whose certificates ---- */

static bool hash_is(const EVP_MD *hash, str bytes, str want)
{
	uint8_t got[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	return EVP_Digest(bytes.p, bytes.n, got, &n, hash, NULL) == 1 && n == want.n && memcmp(got, want.p, n) == 0;
}

bool cert_ocsp_is_of(const struct cert_ocsp_id *id, str issuer)
{
	struct cert_issuer by DEFER(cert_issuer_fini) = { .x = NULL };
	const EVP_MD *hash = id->is_sha256 ? EVP_sha256() : EVP_sha1();
	return id->name_hash.n != 0 && !failed(cert_issuer_read(issuer, CERT_KU_CERT_SIGN, &by, NULL)) && hash_is(hash, by.name, id->name_hash) &&
	       hash_is(hash, by.key.key, id->key_hash);
}

/* ---- writing ---- */

static void add_nonce(struct buf *b, unsigned tag, const uint8_t *nonce, size_t n)
{
	const size_t from = b->n;
	if (n == 0)
		return;
	struct cert_open e = cert_open_extension(b, OID_NONCE, false);
	der_add(b, DER_OCTETS, (str){ (const char *)nonce, n });
	cert_close_extension(b, e);
	der_wrap(b, from, DER_SEQUENCE);
	der_wrap(b, from, tag);
}

static void add_sha1(struct buf *b, str bytes)
{
	uint8_t hash[20];
	cert_key_identifier(bytes, hash);
	der_add(b, DER_OCTETS, (str){ (const char *)hash, sizeof hash });
}

err cert_ocsp_print(const char *serial, str issuer, const uint8_t *nonce, size_t nonce_n, struct buf *der)
{
	struct cert_issuer by DEFER(cert_issuer_fini) = { .x = NULL };
	TRY(cert_issuer_read(issuer, CERT_KU_CERT_SIGN, &by, NULL));
	ENSURE(nonce_n <= CERT_OCSP_NONCE, CEILING);
	const size_t from = der->n;
	der_add(der, DER_OID, OID_SHA1);
	der_add(der, 0x05, (str){ "", 0 });
	der_wrap(der, from, DER_SEQUENCE);
	add_sha1(der, by.name);
	add_sha1(der, by.key.key);
	ENSURE(cert_serial_add(der, serial), MALFORMED);
	for (unsigned i = 0; i < 3; i++)
		der_wrap(der, from, DER_SEQUENCE); /* CertID, Request, requestList */
	add_nonce(der, DER_CONSTRUCTED + 2, nonce, nonce_n);
	der_wrap(der, from, DER_SEQUENCE);
	der_wrap(der, from, DER_SEQUENCE);
	ENSURE(!der->failed, CEILING);
	return OK;
}

static void add_status(struct buf *b, const struct cert_ocsp_answer *answer)
{
	const size_t from = b->n;
	if (answer->status != CERT_OCSP_REVOKED) {
		der_add(b, answer->status == CERT_OCSP_GOOD ? DER_CLASS + 0 : DER_CLASS + 2, (str){ "", 0 });
		return;
	}
	der_add_general_time(b, answer->when);
	if (answer->reason != CERT_UNSPECIFIED) {
		const size_t reason = b->n;
		der_add_uint(b, DER_ENUMERATED, cert_reason_code(answer->reason));
		der_wrap(b, reason, DER_CONSTRUCTED + 0);
	}
	der_wrap(b, from, DER_CONSTRUCTED + 1);
}

static void add_answer(struct buf *b, const struct cert_ocsp_id *id, const struct cert_ocsp_answer *answer, int64_t now, int64_t next)
{
	const size_t from = b->n;
	buf_add(b, id->id);
	add_status(b, answer);
	der_add_general_time(b, now);
	const size_t until = b->n;
	der_add_general_time(b, next);
	der_wrap(b, until, DER_CONSTRUCTED + 0);
	der_wrap(b, from, DER_SEQUENCE);
}

err cert_tbs_ocsp(const struct cert_ocsp_request *request, const struct cert_ocsp_answer *answers, str issuer, int64_t now, int64_t next,
	struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	struct cert_issuer by DEFER(cert_issuer_fini) = { .x = NULL };
	uint8_t responder[20];
	TRY(cert_issuer_read(issuer, CERT_KU_SIGN, &by, d));
	if (next <= now || request->n == 0)
		return diag_fail(d, ERR(REFUSED), "OCSP response", "give a later end", "it says nothing, or has ended when it begins");
	const size_t from = tbs->n;
	*alg = by.key.alg;
	cert_key_identifier(by.key.key, responder);
	der_add(tbs, DER_OCTETS, (str){ (const char *)responder, sizeof responder });
	der_wrap(tbs, from, DER_CONSTRUCTED + 2);
	der_add_general_time(tbs, now);
	const size_t list = tbs->n;
	for (size_t i = 0; i < request->n; i++)
		add_answer(tbs, &request->ids[i], &answers[i], now, next);
	der_wrap(tbs, list, DER_SEQUENCE);
	add_nonce(tbs, DER_CONSTRUCTED + 1, request->nonce, request->nonce_n);
	der_wrap(tbs, from, DER_SEQUENCE);
	ENSURE(!tbs->failed, CEILING);
	return OK;
}

err cert_ocsp_seal(str tbs, enum cert_alg alg, str signature, const struct topo_names *certs, struct buf *der)
{
	ENSURE(signature.n != 0 && signature.n <= CERT_SIGNATURE_MAX, MALFORMED);
	const size_t all = der->n;
	der_add_uint(der, DER_ENUMERATED, 0); /* successful */
	const size_t bytes = der->n;
	der_add(der, DER_OID, OID_BASIC);
	const size_t basic = der->n;
	buf_add(der, tbs);
	buf_add(der, cert_alg_id(alg));
	der_add_bits(der, signature, 0);
	const size_t list = der->n;
	for (size_t i = 0; certs != NULL && i < certs->n; i++)
		buf_add(der, certs->p[i]);
	if (der->n > list) {
		der_wrap(der, list, DER_SEQUENCE);
		der_wrap(der, list, DER_CONSTRUCTED + 0);
	}
	der_wrap(der, basic, DER_SEQUENCE);
	der_wrap(der, basic, DER_OCTETS);
	der_wrap(der, bytes, DER_SEQUENCE);
	der_wrap(der, bytes, DER_CONSTRUCTED + 0);
	der_wrap(der, all, DER_SEQUENCE);
	ENSURE(!der->failed, CEILING);
	return OK;
}

void cert_ocsp_refuse(unsigned status, struct buf *der)
{
	const size_t from = der->n;
	der_add_uint(der, DER_ENUMERATED, status);
	der_wrap(der, from, DER_SEQUENCE);
}
