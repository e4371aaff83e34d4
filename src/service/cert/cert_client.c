/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by which people prove who they are, looked at when one is shown. */
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { NAMES_MOST = 16 };

static const char list_remedy[] = "the server writes a new one by itself while it runs: see `witan status` there";
static const char again[] = "ask for another one: `witan issue-certificate --user sip:...` on the server";

static const struct {
	int error; /* X509_V_ERR_... */
	const char *what, *remedy;
} reasons[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired", again },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not valid yet", "look at the clocks of both machines" },
	{ X509_V_ERR_CERT_REVOKED, "the certificate was revoked", again },
	{ X509_V_ERR_CRL_HAS_EXPIRED, "the server's revocation list has ended", list_remedy },
	{ X509_V_ERR_CRL_NOT_YET_VALID, "the server's revocation list is not valid yet", "look at the server's clock" },
	{ X509_V_ERR_INVALID_PURPOSE, "the certificate is not one for people", again },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "another authority has issued the certificate", again },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "another authority has issued the certificate", again },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, "another authority has issued the certificate", again },
};

static err refuse_for(int error, struct diag *d)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].error == error)
			return diag_fail(d, ERR(REFUSED), "certificate", reasons[i].remedy, "%s", reasons[i].what);
	return diag_fail(d, ERR(REFUSED), "certificate", again, "%s", X509_verify_cert_error_string(error));
}

/* The first of them has issued it; the others lead from there to a root. */
static bool is_issued_by_first(X509_STORE_CTX *ctx, const STACK_OF(X509) *issuers)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	return chain != NULL && sk_X509_num(chain) >= 2 && X509_cmp(sk_X509_value(chain, 1), sk_X509_value(issuers, 0)) == 0;
}

static bool fill_store(X509_STORE *store, const STACK_OF(X509) *issuers, X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_num(issuers); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(issuers, i)) != 1)
			return false;
	return X509_STORE_add_crl(store, crl) == 1;
}

static int verify(X509 *x, const STACK_OF(X509) *issuers, X509_CRL *crl, int64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int error = X509_V_ERR_OUT_OF_MEM;
	if (store != NULL && ctx != NULL && fill_store(store, issuers, crl) && X509_STORE_CTX_init(ctx, store, x, NULL) == 1) {
		X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK);
		X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
		X509_VERIFY_PARAM_set_auth_level(param, 2);
		X509_VERIFY_PARAM_set_time(param, (time_t)now);
		bool is_fine = X509_verify_cert(ctx) == 1;
		error = X509_STORE_CTX_get_error(ctx);
		if (!is_fine && error == X509_V_OK)
			error = X509_V_ERR_UNSPECIFIED;
		if (is_fine && !is_issued_by_first(ctx, issuers))
			error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return error;
}

/* A certificate without such an extension may be used for everything, which is not what was issued for a person. */
static bool is_for_people(X509 *x)
{
	uint32_t usage = X509_get_extended_key_usage(x);
	return usage != UINT32_MAX && (usage & XKU_SSL_CLIENT) != 0 && (usage & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0;
}

bool cert_address_read(str address, char out[CERT_ADDRESS_MAX + 1])
{
	size_t at = str_find_char(address, '@');
	if (address.n > CERT_ADDRESS_MAX || at == 0 || at + 1 >= address.n)
		return false;
	for (size_t i = 0; i < address.n; i++) {
		char c = char_lower(address.p[i]);
		bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.+~", c) != NULL) || i == at;
		if (!is_fine)
			return false;
		out[i] = c;
	}
	out[address.n] = '\0';
	return true;
}

/* One of the scheme sip, of user and host alone. */
static bool take_address(str uri, char out[CERT_ADDRESS_MAX + 1])
{
	return str_begins_case(uri, STR("sip:")) && cert_address_read(str_cut(uri, 4, uri.n), out);
}

static err read_address(X509 *x, char out[CERT_ADDRESS_MAX + 1], struct diag *d)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	unsigned found = 0;
	bool is_fine = n <= NAMES_MOST;
	for (int i = 0; is_fine && i < n; i++) {
		int type;
		const ASN1_STRING *v = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		if (type != GEN_URI)
			continue;
		is_fine = take_address((str){ (const char *)ASN1_STRING_get0_data(v), (size_t)ASN1_STRING_length(v) }, out);
		found++;
	}
	GENERAL_NAMES_free(names);
	if (is_fine && found == 1)
		return OK;
	out[0] = '\0';
	return diag_fail(d, ERR(REFUSED), "certificate", again, found == 0 ? "the certificate names no SIP address" : "the certificate does not name one SIP address and no other");
}

static err check(X509 *x, const STACK_OF(X509) *issuers, const struct cert_crl *crl, int64_t now, struct cert_client_view *out, struct diag *d)
{
	if (!cert_serial_text(X509_get0_serialNumber(x), out->serial))
		return diag_fail(d, ERR(REFUSED), "certificate", again, "its serial number is too long");
	out->expires = cert_time_of(X509_get0_notAfter(x));
	if (crl == NULL)
		return diag_fail(d, ERR(REFUSED), "certs/witan.crl", list_remedy,
			"the server has no revocation list that it can use");
	int error = verify(x, issuers, crl->list, now);
	if (error != X509_V_OK)
		return refuse_for(error, d);
	if (!is_for_people(x))
		return refuse_for(X509_V_ERR_INVALID_PURPOSE, d);
	return read_address(x, out->address, d);
}

/* NULL: there is none, or no memory. */
static STACK_OF(X509) *read_issuers(str pem)
{
	BIO *bio = cert_bio(pem);
	STACK_OF(X509) *out = sk_X509_new_null();
	X509 *x;
	while (out != NULL && bio != NULL && sk_X509_num(out) < CERT_ANSWER_CERTS && (x = PEM_read_bio_X509(bio, NULL, cert_no_passphrase, NULL)) != NULL)
		if (sk_X509_push(out, x) <= 0)
			X509_free(x);
	(void)BIO_free(bio);
	if (out != NULL && sk_X509_num(out) > 0)
		return out;
	sk_X509_free(out);
	return NULL;
}

err cert_client_check(str der, str ca_pem, const struct cert_crl *crl, int64_t now, struct cert_client_view *out, struct diag *d)
{
	*out = (struct cert_client_view){ .expires = 0 };
	const unsigned char *p = (const unsigned char *)der.p;
	STACK_OF(X509) *issuers = read_issuers(ca_pem);
	X509 *x = der.n != 0 && der.n <= CERT_CLIENT_DER_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
	err e;
	if (issuers == NULL)
		e = diag_fail(d, ERR(REFUSED), "ca.pem", "", "the server cannot read the certificate of its authority");
	else if (x == NULL || p != (const unsigned char *)der.p + der.n)
		e = diag_fail(d, ERR(REFUSED), "certificate", again, "it is not a certificate, or too long");
	else
		e = check(x, issuers, crl, now, out, d);
	X509_free(x);
	sk_X509_pop_free(issuers, X509_free);
	ERR_clear_error();
	return e;
}
