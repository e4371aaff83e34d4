/* SPDX-License-Identifier: Apache-2.0 */
/* What an OCSP response says (RFC 6960 3.2), and whether it may be believed. */
#include "service/cert/cert_der.h"
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

struct asked {
	const char *serial;
	X509 *issuer;
	str nonce;
	int64_t now;
};

static err say(struct diag *d, enum err_id id, const char *what)
{
	return diag_fail(d, (err){ &err_defs[id] }, "OCSP response", "look at the authority's responder and at the clocks", "%s", what);
}

/* The issuer itself has signed it, or one whom it has named for that. */
static bool is_signed(OCSP_BASICRESP *basic, const struct asked *asked)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *issuers = sk_X509_new_null();
	bool ok = store != NULL && issuers != NULL && X509_STORE_add_cert(store, asked->issuer) == 1 && sk_X509_push(issuers, asked->issuer) > 0;
	if (ok) {
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)asked->now);
		ok = OCSP_basic_verify(basic, issuers, store, OCSP_TRUSTOTHER | OCSP_PARTIAL_CHAIN) == 1;
	}
	sk_X509_free(issuers);
	X509_STORE_free(store);
	return ok;
}

static bool has_nonce(OCSP_BASICRESP *basic, str nonce)
{
	int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
	if (nonce.n == 0)
		return true;
	if (at < 0)
		return false;
	const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, at));
	str in = { (const char *)ASN1_STRING_get0_data(v), (size_t)ASN1_STRING_length(v) };
	struct der d;
	return der_take(&in, DER_OCTETS, &d) && in.n == 0 && str_eq(d.content, nonce);
}

struct found {
	int status, reason;
	ASN1_GENERALIZEDTIME *when, *begins, *ends; /* the response's */
};

static bool find(OCSP_BASICRESP *basic, const struct asked *asked, const ASN1_INTEGER *serial, struct found *out)
{
	const EVP_MD *hashes[] = { EVP_sha1(), EVP_sha256() };
	bool found = false;
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes && !found; i++) {
		OCSP_CERTID *id = OCSP_cert_id_new(hashes[i], X509_get_subject_name(asked->issuer), X509_get0_pubkey_bitstr(asked->issuer), serial);
		found = id != NULL && OCSP_resp_find_status(basic, id, &out->status, &out->reason, &out->when, &out->begins, &out->ends) == 1;
		OCSP_CERTID_free(id);
	}
	return found;
}

static ASN1_INTEGER *serial_of(const char *hex)
{
	struct buf b;
	buf_init(&b, 64);
	ASN1_INTEGER *out = NULL;
	if (cert_serial_add(&b, hex) && !b.failed) {
		const unsigned char *p = (const unsigned char *)b.p;
		out = d2i_ASN1_INTEGER(NULL, &p, (long)b.n);
	}
	buf_fini(&b);
	return out;
}

static enum cert_reason reason_of(int code)
{
	for (unsigned i = 0; i < CERT_REASON_N; i++)
		if ((int)cert_reason_code((enum cert_reason)i) == code)
			return (enum cert_reason)i;
	return CERT_UNSPECIFIED;
}

static err read_answer(OCSP_BASICRESP *basic, const struct asked *asked, struct cert_ocsp_answer *out, struct diag *d)
{
	struct found f = { .reason = -1 };
	ASN1_INTEGER *serial = serial_of(asked->serial);
	const bool found = serial != NULL && find(basic, asked, serial, &f);
	ASN1_INTEGER_free(serial);
	if (!found)
		return say(d, ERR_REFUSED, "it says nothing of this certificate");
	if (cert_time_of(f.begins) > asked->now + CERT_SKEW_SECONDS)
		return say(d, ERR_REFUSED, "it is not valid yet");
	if (f.ends == NULL || cert_time_of(f.ends) <= asked->now)
		return say(d, ERR_REFUSED, "it is out of date");
	out->status = f.status == V_OCSP_CERTSTATUS_GOOD ? CERT_OCSP_GOOD : f.status == V_OCSP_CERTSTATUS_REVOKED ? CERT_OCSP_REVOKED : CERT_OCSP_UNKNOWN;
	if (out->status == CERT_OCSP_REVOKED) {
		out->when = cert_time_of(f.when);
		out->reason = reason_of(f.reason);
	}
	return OK;
}

static err check(OCSP_RESPONSE *r, const struct asked *asked, struct cert_ocsp_answer *out, struct diag *d)
{
	if (OCSP_response_status(r) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return diag_fail(d, ERR(REFUSED), "OCSP response", "look at the authority's responder", "the responder refuses: %s",
			OCSP_response_status_str(OCSP_response_status(r)));
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(r);
	err e;
	if (basic == NULL)
		e = say(d, ERR_MALFORMED, "it is of a kind that is not known");
	else if (!is_signed(basic, asked))
		e = say(d, ERR_REFUSED, "the authority has not signed it");
	else if (!has_nonce(basic, asked->nonce))
		e = say(d, ERR_REFUSED, "it answers another request");
	else
		e = read_answer(basic, asked, out, d);
	OCSP_BASICRESP_free(basic);
	return e;
}

err cert_ocsp_check(str der, const char *serial, str issuer, const uint8_t *nonce, size_t nonce_n, int64_t now, struct cert_ocsp_answer *out,
	struct diag *d)
{
	*out = (struct cert_ocsp_answer){ .status = CERT_OCSP_UNKNOWN };
	const unsigned char *p = (const unsigned char *)der.p;
	const struct asked asked = { serial, cert_x509(issuer), { (const char *)nonce, nonce_n }, now };
	OCSP_RESPONSE *r = der.n != 0 && der.n <= CERT_OCSP_MAX ? d2i_OCSP_RESPONSE(NULL, &p, (long)der.n) : NULL;
	err e;
	if (asked.issuer == NULL)
		e = say(d, ERR_MALFORMED, "the issuer's certificate cannot be read");
	else if (r == NULL || p != (const unsigned char *)der.p + der.n)
		e = say(d, ERR_MALFORMED, "it is not an OCSP response, or too long");
	else
		e = check(r, &asked, out, d);
	OCSP_RESPONSE_free(r);
	X509_free(asked.issuer);
	ERR_clear_error();
	return e;
}
