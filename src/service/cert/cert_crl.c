/* SPDX-License-Identifier: Apache-2.0 */
/* The list of revoked certificates (RFC 5280 5), as it is read. */
#include "service/cert/cert_der.h"
#include "service/cert/cert_priv.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

enum { SIGNERS_MAX = 512 };

static const struct {
	const char *word;
	int code; /* of CRLReason */
} reasons[CERT_REASON_N] = {
	[CERT_UNSPECIFIED] = { "unspecified", 0 }, /* which is not written */
	[CERT_KEY_COMPROMISE] = { "keyCompromise", 1 },
	[CERT_AFFILIATION_CHANGED] = { "affiliationChanged", 3 },
	[CERT_SUPERSEDED] = { "superseded", 4 },
	[CERT_CESSATION] = { "cessationOfOperation", 5 },
};

const char *cert_reason_word(enum cert_reason reason)
{
	return reasons[reason].word;
}

unsigned cert_reason_code(enum cert_reason reason)
{
	return (unsigned)reasons[reason].code;
}

bool cert_reason_find(str word, enum cert_reason *out)
{
	for (unsigned i = 0; i < CERT_REASON_N; i++)
		if (str_eq_case(str_of(reasons[i].word), word)) {
			*out = (enum cert_reason)i;
			return true;
		}
	return false;
}

static ASN1_INTEGER *serial_of(const char *hex)
{
	BIGNUM *bn = NULL;
	ASN1_INTEGER *out = NULL;
	if (strlen(hex) < CERT_SERIAL && BN_hex2bn(&bn, hex) == (int)strlen(hex) && hex[0] != '\0')
		out = BN_to_ASN1_INTEGER(bn, NULL);
	BN_free(bn);
	return out;
}

/* ---- reading ---- */

static X509_CRL *parse_der(str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509_CRL *list = d2i_X509_CRL(NULL, &p, (long)der.n);
	if (list != NULL && p == (const unsigned char *)der.p + der.n)
		return list;
	X509_CRL_free(list);
	return NULL;
}

static X509_CRL *parse_pem(str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_CRL *list = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, cert_no_passphrase, NULL) : NULL;
	(void)BIO_free(bio);
	return list;
}

/* Both times must be there and be times: one without an end would be believed for ever. */
static X509_CRL *parse(str bytes)
{
	X509_CRL *list = NULL;
	if (bytes.n != 0 && bytes.n <= CERT_CRL_MAX)
		list = bytes.p[0] == DER_SEQUENCE ? parse_der(bytes) : parse_pem(bytes);
	if (list != NULL && X509_CRL_get0_nextUpdate(list) != NULL && cert_time_of(X509_CRL_get0_nextUpdate(list)) != 0 &&
		cert_time_of(X509_CRL_get0_lastUpdate(list)) != 0)
		return list;
	X509_CRL_free(list);
	return NULL;
}

static bool is_signed_by(X509_CRL *list, str ca_pem)
{
	BIO *bio = cert_bio(ca_pem);
	X509 *ca = NULL;
	bool ok = false;
	for (unsigned i = 0; !ok && i < SIGNERS_MAX && bio != NULL && (ca = PEM_read_bio_X509(bio, NULL, cert_no_passphrase, NULL)) != NULL; i++) {
		ok = X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(ca)) == 0 && (X509_get_key_usage(ca) & CERT_KU_CRL_SIGN) != 0 &&
		     X509_CRL_verify(list, X509_get0_pubkey(ca)) == 1;
		X509_free(ca);
	}
	(void)BIO_free(bio);
	return ok;
}

/* Partial, indirect and delta lists say so in critical extensions, and mean something else by what they do not name. NULL: it is a plain one. */
static const char *oddity(X509_CRL *list)
{
	if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0)
		return "it is a delta list, which says only what has changed and is not supported";
	for (int i = 0; i < X509_CRL_get_ext_count(list); i++)
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(list, i)) != 0)
			return "it says only a part, or something that is not understood here";
	return NULL;
}

err cert_crl_read(str der, str ca_pem, struct cert_crl **out, struct diag *d)
{
	static const char where[] = "certs/witan.crl", remedy[] = "the server writes a new one by itself while it runs: see `witan status`";
	X509_CRL *list = parse(der);
	struct cert_crl *crl = calloc(1, sizeof *crl);
	err e = crl != NULL ? OK : ERR(NO_MEMORY);
	if (!failed(e) && list == NULL)
		e = diag_fail(d, ERR(MALFORMED), where, remedy, "it is not a revocation list, in DER or PEM");
	else if (!failed(e) && !is_signed_by(list, ca_pem))
		e = diag_fail(d, ERR(REFUSED), where, remedy, "no authority that is trusted here has signed it");
	else if (!failed(e) && oddity(list) != NULL)
		e = diag_fail(d, ERR(REFUSED), where, "use the whole list of the authority", "%s", oddity(list));
	ERR_clear_error();
	if (failed(e)) {
		X509_CRL_free(list);
		free(crl);
		return e;
	}
	crl->list = list;
	*out = crl;
	return OK;
}

void cert_crl_free(struct cert_crl *crl)
{
	if (crl != NULL)
		X509_CRL_free(crl->list);
	free(crl);
}

err cert_crl_issuer(const struct cert_crl *crl, struct arena *a, str *out)
{
	*out = cert_name_text(X509_CRL_get_issuer(crl->list), a);
	return out->p != NULL ? OK : ERR(NO_MEMORY);
}

int64_t cert_crl_ends(const struct cert_crl *crl)
{
	return cert_time_of(X509_CRL_get0_nextUpdate(crl->list));
}

int64_t cert_crl_begins(const struct cert_crl *crl)
{
	return cert_time_of(X509_CRL_get0_lastUpdate(crl->list));
}

bool cert_crl_is_fresh(const struct cert_crl *crl, int64_t now)
{
	return cert_crl_begins(crl) <= now + CERT_SKEW_SECONDS && now < cert_crl_ends(crl);
}

uint64_t cert_crl_number(const struct cert_crl *crl)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl->list, NID_crl_number, NULL, NULL);
	uint64_t v = 0;
	if (number == NULL || ASN1_INTEGER_get_uint64(&v, number) != 1)
		v = 0;
	ASN1_INTEGER_free(number);
	ERR_clear_error();
	return v;
}

size_t cert_crl_count(const struct cert_crl *crl)
{
	STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl->list);
	int n = all != NULL ? sk_X509_REVOKED_num(all) : 0;
	return n > 0 ? (size_t)n : 0;
}

static enum cert_reason reason_of(const X509_REVOKED *r)
{
	ASN1_ENUMERATED *value = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
	long code = value != NULL ? ASN1_ENUMERATED_get(value) : 0;
	ASN1_ENUMERATED_free(value);
	for (unsigned i = 0; i < CERT_REASON_N; i++)
		if (reasons[i].code == code)
			return (enum cert_reason)i;
	return CERT_UNSPECIFIED;
}

void cert_crl_get(const struct cert_crl *crl, size_t n, struct cert_revoked *out)
{
	const X509_REVOKED *r = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl->list), (int)n);
	*out = (struct cert_revoked){ .when = cert_time_of(X509_REVOKED_get0_revocationDate(r)), .reason = reason_of(r) };
	if (!cert_serial_text(X509_REVOKED_get0_serialNumber(r), out->serial))
		out->serial[0] = '\0';
	ERR_clear_error();
}

bool cert_crl_has(const struct cert_crl *crl, const char *serial)
{
	X509_REVOKED *r = NULL;
	ASN1_INTEGER *number = serial_of(serial);
	bool has = number == NULL || X509_CRL_get0_by_serial(crl->list, &r, number) != 0;
	ASN1_INTEGER_free(number);
	return has;
}
