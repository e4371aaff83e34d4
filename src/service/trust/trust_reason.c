/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons: their words, what people read, and which of OpenSSL's verdicts they stand for. */
#include "service/trust/trust_priv.h"

#include <stdio.h>

static const struct {
	const char *word, *text, *remedy;
} rows[TRUST_REASON_N] = {
	[TRUST_FINE] = { "ok", "it can be relied on", "" },
	[TRUST_MALFORMED] = { "malformed", "it is not a certificate", "give the chain in PEM or DER, the leaf first" },
	[TRUST_TOO_LONG] = { "too-long", "the chain is longer than 8 certificates or 32 KiB", "show the leaf and its intermediates only" },
	[TRUST_UNTRUSTED] = { "untrusted", "no trusted authority stands behind it", "show the intermediate certificates along with it, and trust its root" },
	[TRUST_NOT_AUTHORITY] = { "not-an-authority", "it has issued another one without being an authority",
		"have the chain issued by certificates with the basic constraint CA and the key usage keyCertSign" },
	[TRUST_PATH_LENGTH] = { "path-length", "an authority above it allows fewer authorities below", "have the certificate issued by an authority that may" },
	[TRUST_NAME_CONSTRAINTS] = { "name-constraints", "it has a name that an authority above it may not give", "have it issued for names within the authority's name constraints" },
	[TRUST_CRITICAL_EXTENSION] = { "unknown-extension", "it has a critical extension that nobody here understands", "have it issued without that extension" },
	[TRUST_EXPIRED] = { "expired", "it has expired", "renew it" },
	[TRUST_NOT_YET_VALID] = { "not-yet-valid", "it is not valid yet", "check the clocks of both machines" },
	[TRUST_REVOKED] = { "revoked", "its authority has revoked it", "get a new one" },
	[TRUST_CRL_MISSING] = { "crl-missing", "no usable revocation list of its issuer is at hand", "put the list into certs/ as a file NAME.crl, or allow its absence (certificates: revocation: soft)" },
	[TRUST_CRL_STALE] = { "crl-stale", "the revocation list of its issuer has ended", "fetch the issuer's new list" },
	[TRUST_WRONG_PURPOSE] = { "wrong-purpose", "it was issued for something else", "ask for the extended key usage that is needed: serverAuth for servers, clientAuth alone for people" },
	[TRUST_WEAK_KEY] = { "weak-key", "its key is too weak or of another kind", "use RSA of 2048 bits or more, P-256, P-384 or P-521" },
	[TRUST_WEAK_HASH] = { "weak-hash", "it is signed with a hash that is broken", "have it signed with SHA-256 or better" },
	[TRUST_WRONG_NAME] = { "wrong-name", "none of its names is one that is expected", "have it issued for the name by which the topology knows the server" },
	[TRUST_WILDCARD] = { "wildcard", "it would fit by a wildcard only, which is no name of a server", "have it issued for the server's own name" },
};

static const struct {
	int error;
	enum trust_reason reason;
} errors[] = {
	{ X509_V_OK, TRUST_FINE },
	{ X509_V_ERR_CERT_HAS_EXPIRED, TRUST_EXPIRED },
	{ X509_V_ERR_CERT_NOT_YET_VALID, TRUST_NOT_YET_VALID },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, TRUST_MALFORMED },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, TRUST_MALFORMED },
	{ X509_V_ERR_CERT_REVOKED, TRUST_REVOKED },
	{ X509_V_ERR_CRL_HAS_EXPIRED, TRUST_CRL_STALE },
	{ X509_V_ERR_CRL_NOT_YET_VALID, TRUST_CRL_STALE },
	{ X509_V_ERR_UNABLE_TO_GET_CRL, TRUST_CRL_MISSING },
	{ X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, TRUST_CRL_MISSING },
	{ X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, TRUST_CRL_MISSING },
	{ X509_V_ERR_CRL_SIGNATURE_FAILURE, TRUST_CRL_MISSING },
	{ X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, TRUST_CRL_MISSING },
	{ X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, TRUST_CRL_MISSING },
	{ X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, TRUST_CRL_MISSING },
	{ X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, TRUST_CRL_MISSING },
	{ X509_V_ERR_DIFFERENT_CRL_SCOPE, TRUST_CRL_MISSING },
	{ X509_V_ERR_CRL_PATH_VALIDATION_ERROR, TRUST_CRL_MISSING },
	{ X509_V_ERR_INVALID_PURPOSE, TRUST_WRONG_PURPOSE },
	{ X509_V_ERR_CERT_REJECTED, TRUST_WRONG_PURPOSE },
	{ X509_V_ERR_INVALID_CA, TRUST_NOT_AUTHORITY },
	{ X509_V_ERR_INVALID_NON_CA, TRUST_NOT_AUTHORITY },
	{ X509_V_ERR_KEYUSAGE_NO_CERTSIGN, TRUST_NOT_AUTHORITY },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED, TRUST_PATH_LENGTH },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG, TRUST_TOO_LONG },
	{ X509_V_ERR_PERMITTED_VIOLATION, TRUST_NAME_CONSTRAINTS },
	{ X509_V_ERR_EXCLUDED_VIOLATION, TRUST_NAME_CONSTRAINTS },
	{ X509_V_ERR_SUBTREE_MINMAX, TRUST_NAME_CONSTRAINTS },
	{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, TRUST_NAME_CONSTRAINTS },
	{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, TRUST_NAME_CONSTRAINTS },
	{ X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, TRUST_NAME_CONSTRAINTS },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, TRUST_CRITICAL_EXTENSION },
	{ X509_V_ERR_INVALID_EXTENSION, TRUST_MALFORMED },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, TRUST_WEAK_KEY },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, TRUST_WEAK_KEY },
	{ X509_V_ERR_CA_MD_TOO_WEAK, TRUST_WEAK_HASH },
};

static const char *const roles[TRUST_ROLE_N] = { "peer", "client", "server" };

const char *trust_word(enum trust_reason reason)
{
	return rows[reason].word;
}

bool trust_role_find(str word, enum trust_role *out)
{
	for (unsigned i = 0; i < TRUST_ROLE_N; i++)
		if (str_eq(str_of(roles[i]), word)) {
			*out = (enum trust_role)i;
			return true;
		}
	return false;
}

/* What has no row of its own: no path to a root, or a signature that does not fit. */
enum trust_reason trust_reason_of(int x509_error)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].error == x509_error)
			return errors[i].reason;
	return TRUST_UNTRUSTED;
}

static void print_subject(X509 *x, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;
	if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}

err trust_refuse(enum trust_reason reason, X509 *about, const char *detail, struct diag *d)
{
	char subject[100] = "", where[140];
	if (about != NULL)
		print_subject(about, subject, sizeof subject);
	(void)snprintf(where, sizeof where, "certificate%s%s", subject[0] != '\0' ? " " : "", subject);
	(void)failed(diag_fail(d, ERR(REFUSED), where, rows[reason].remedy, "%s%s%s%s", rows[reason].text, detail[0] != '\0' ? " (" : "", detail, detail[0] != '\0' ? ")" : ""));
	diag_clean(d);
	return ERR(REFUSED);
}
