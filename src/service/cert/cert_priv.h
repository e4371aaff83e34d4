/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_CERT_PRIV_H
#define WITAN_SERVICE_CERT_PRIV_H

#include "service/cert.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define CERT_SKEW_SECONDS 3600 /* how far a client's clock may be behind ours */

/* OpenSSL's own reason as the diag of an INTERNAL error; empties its queue. */
err cert_openssl(struct diag *d, const char *what);
/* SHA-256 of the SubjectPublicKeyInfo. */
bool cert_spki(const X509 *x, uint8_t out[32]);
/* A borrowed memory BIO over s. NULL without memory. */
BIO *cert_bio(str s);
/* For readers of PEM: without it they ask at the terminal as soon as a block says that it is encrypted. */
int cert_no_passphrase(char *room, int size, int writes, void *arg);

/* Seconds since 1970; 0: it cannot be read. */
int64_t cert_time_of(const ASN1_TIME *t);
/* Hexadecimal, upper case; false: longer than RFC 5280 allows. */
bool cert_serial_text(const ASN1_INTEGER *serial, char out[CERT_SERIAL]);

/* An INTEGER of hexadecimal digits in DER; false: it is no serial number. */
bool cert_serial_add(struct buf *b, const char *hex);
/* CRLReason (RFC 5280 5.3.1). */
unsigned cert_reason_code(enum cert_reason reason);
/* "ann@example.test" in lower case; false: it is no address of a person. */
bool cert_address_read(str address, char out[CERT_ADDRESS_MAX + 1]);

/* ---- keys and signatures ---- */

#define CERT_ROUNDS_MOST 2000000 /* of stretching passwords that a foreign file may ask for, all together: a second or two */

struct cert_spki_view {
	bool is_rsa; /* else EC on a curve that has a cert_alg */
	unsigned bits;
	enum cert_alg alg;
	str key; /* the bits themselves */
};
/* False: no SubjectPublicKeyInfo in DER, or of a kind that nothing here takes. */
bool cert_spki_look(str spki, struct cert_spki_view *out);
bool cert_spki_is_fine(const struct cert_spki_view *v, bool is_weak_fine);
/* A private key in OpenSSL's hands, freed by EVP_PKEY_free; NULL: it cannot be read. */
EVP_PKEY *cert_key_open(str pkcs8);
err cert_key_write(EVP_PKEY *key, struct buf *pkcs8);
/* How often a password is stretched before it opens something; more than CERT_ROUNDS_MOST for what cannot be told. */
uint64_t cert_pbe_rounds(const X509_ALGOR *how);
/* AlgorithmIdentifier. */
str cert_alg_id(enum cert_alg alg);
bool cert_alg_read(str id, enum cert_alg *out);

/* ---- parts that are looked at ---- */

/* A certificate of at most CERT_DER_MAX bytes and nothing after it. NULL: it is none. */
X509 *cert_x509(str der);
/* Appended in PEM; false without memory or room. */
bool cert_pem_add(const char *label, str der, struct buf *pem);
bool cert_is_pem_certificate(const char *label);
/* The value of an extension, freed by its own function; NULL if there is none. MALFORMED. */
err cert_extension(X509 *x, int nid, void **out);
/* What follows lives in `a`; CEILING. p of a text is NULL past the ceiling. */
str cert_name_text(const X509_NAME *name, struct arena *a);
err cert_name_parts(const X509_NAME *name, struct arena *a, struct cert_subject *out, str *last_cn);
/* Those of one type (GEN_DNS, ...); names may be NULL. */
err cert_names_of(const GENERAL_NAMES *names, int type, struct arena *a, struct topo_names *out);
err cert_usage_words(const EXTENDED_KEY_USAGE *usages, struct arena *a, struct topo_names *out);
str cert_key_text(EVP_PKEY *key, struct arena *a);
err cert_view_names(X509 *x, struct arena *a, struct cert_view *out);
err cert_view_urls(X509 *x, struct arena *a, struct cert_view *out);
err cert_view_permitted(X509 *x, struct arena *a, struct topo_names *out);

struct cert_crl {
	X509_CRL *list;
};

#endif
