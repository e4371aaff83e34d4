/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cert - certificates as bytes: the built-in CA, what it issues and revokes, and reading. Who calls it keeps the files.
 */
#ifndef WITAN_SERVICE_CERT_H
#define WITAN_SERVICE_CERT_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/topo.h"
#include "service/plan.h"

/* ---- the built-in CA ---- */

#define CERT_CA_DAYS     3652 /* ten years */
#define CERT_SERVER_DAYS 365  /* at most 398, which is what clients accept */
#define CERT_CRL_DAYS    365
#define CERT_PEM_MAX     65536 /* bytes of any PEM here */
#define CERT_SERIAL      41    /* characters of a serial number, with its NUL */

struct cert_ca;

/* A new root for `organization`, valid from one hour before now (seconds since 1970; clocks differ). Its key is
 * RSA-3072 where server keys are RSA, since who asks for RSA has peers that know nothing else, and EC P-384 otherwise.
 */
err cert_ca_new(str organization, enum topo_key_type servers, int64_t now, struct cert_ca **out, struct diag *d);
/* Signs a text with the authority's key and SHA-256; *n becomes the bytes of the signature. */
#define CERT_SIGNATURE_MAX 1024
err cert_ca_sign(const struct cert_ca *ca, str text, uint8_t out[CERT_SIGNATURE_MAX], size_t *n);
/* Whether the key of a certificate has signed the text. Says nothing of the certificate itself. */
bool cert_verify_signed(str cert_pem, str text, str signature);
/* From what cert_ca_pem and cert_ca_key_pem wrote. MALFORMED, REFUSED (key and certificate do not belong together). */
err cert_ca_read(str cert_pem, str key_pem, struct cert_ca **out, struct diag *d);
void cert_ca_free(struct cert_ca *ca);
void cert_ca_pem(const struct cert_ca *ca, struct buf *out);
/* A secret: wipe out->p before buf_fini. */
void cert_ca_key_pem(const struct cert_ca *ca, struct buf *out);

/* ---- revocation ---- */

#define CERT_CRL_MAX     (1 << 20) /* bytes */
#define CERT_REVOKED_MAX 10000     /* certificates in a list */

/* RFC 5280 5.3.1, those that an authority like this one has. */
enum cert_reason { CERT_UNSPECIFIED, CERT_KEY_COMPROMISE, CERT_AFFILIATION_CHANGED, CERT_SUPERSEDED, CERT_CESSATION, CERT_REASON_N };

struct cert_revoked {
	char serial[CERT_SERIAL]; /* hexadecimal */
	int64_t when;             /* seconds since 1970 */
	enum cert_reason reason;
};

/* "keyCompromise" */
const char *cert_reason_word(enum cert_reason reason);
/* False if there is no such reason; compared without regard to case. */
bool cert_reason_find(str word, enum cert_reason *out);

/* The list of revoked certificates in DER (RFC 5280 5), valid CERT_CRL_DAYS; its number grows with now. CEILING (more than
 * CERT_REVOKED_MAX), INTERNAL. */
err cert_ca_crl(const struct cert_ca *ca, const struct cert_revoked *list, size_t n, int64_t now, struct buf *out);

struct cert_crl;

/* A list in DER that the authority of ca_pem has signed. MALFORMED, REFUSED (another one signed it) with d. */
err cert_crl_read(str der, str ca_pem, struct cert_crl **out, struct diag *d);
void cert_crl_free(struct cert_crl *crl); /* NULL allowed */
/* Seconds since 1970 after which it says nothing any more. */
int64_t cert_crl_ends(const struct cert_crl *crl);
bool cert_crl_has(const struct cert_crl *crl, const char *serial);

/* ---- issuing ---- */

struct cert_pair {
	struct buf key_pem;   /* PKCS #8; a secret, wiped by cert_pair_fini */
	struct buf chain_pem; /* leaf, then intermediates; not the root */
	uint8_t spki[32];     /* SHA-256 of SubjectPublicKeyInfo, by which the keeper finds the key */
};

/* A new key and a certificate for it by the plan, valid CERT_SERVER_DAYS from one hour before now but no longer than
 * the CA. out is to be ended by cert_pair_fini whatever the answer. REFUSED (the CA has ended), INTERNAL with OpenSSL's
 * reason in d. */
err cert_issue(const struct cert_ca *ca, const struct plan_certificate *plan, str organization, int64_t now,
	struct cert_pair *out, struct diag *d);
void cert_pair_fini(struct cert_pair *pair);

/* ---- certificates of people ---- */

#define CERT_CLIENT_DAYS     365
#define CERT_CLIENT_DAYS_MAX 1095
#define CERT_CLIENT_DER_MAX  8192 /* bytes of one that is shown */
#define CERT_ADDRESS_MAX     254  /* bytes of an address without scheme */

/* Who is to prove himself, and for how long. */
struct cert_client {
	str address; /* "ann@example.test", of letters, digits and - _ . + ~ before the @ */
	str organization, crl_url;
	enum topo_key_type key;
	uint32_t days; /* at most CERT_CLIENT_DAYS_MAX */
};

struct cert_client_pair {
	struct buf bytes; /* a secret, wiped by cert_client_fini */
	char serial[CERT_SERIAL];
	int64_t expires;
};

/* A new key and a certificate for clientAuth alone that names the person as SAN URI and rfc822Name. As PKCS #12 sealed by password (with
 * the CA's certificate), or without one as PEM: key, then certificate. out is to be ended by cert_client_fini whatever the answer.
 * REFUSED (the CA has ended), INTERNAL. */
err cert_client_issue(const struct cert_ca *ca, const struct cert_client *who, const char *password, int64_t now,
	struct cert_client_pair *out, struct diag *d);
void cert_client_fini(struct cert_client_pair *pair);

struct cert_client_view {
	char address[CERT_ADDRESS_MAX + 1]; /* lower case, without scheme */
	char serial[CERT_SERIAL];           /* set as soon as there is a certificate, also when it is refused */
	int64_t expires;
};

/* Whether a certificate in DER proves who somebody is at `now`: issued by the first authority of ca_pem, not in crl (which must not have
 * ended), for clientAuth and not for servers, with one SIP address. Says nothing of who holds its key. REFUSED with the reason in d. */
err cert_client_check(str der, str ca_pem, const struct cert_crl *crl, int64_t now, struct cert_client_view *out, struct diag *d);

/* ---- reading ---- */

struct cert_view {
	str subject, issuer;   /* RFC 2253, readable */
	struct topo_names san; /* dNSName entries in their order */
	str crl_url;           /* the first; may be empty */
	str key;               /* "rsa-2048" or what OpenSSL calls it */
	int64_t not_before, not_after;
	char serial[CERT_SERIAL]; /* hexadecimal, upper case, as the next */
	char thumbprint[41]; /* SHA-1 of the certificate, by which administrators name it */
	uint8_t spki[32];
};

/* The first certificate of a PEM text. All of out lives in `a`. MALFORMED with d. */
err cert_read(str pem, struct arena *a, struct cert_view *out, struct diag *d);

#endif
