/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_CERT_PRIV_H
#define WITAN_SERVICE_CERT_PRIV_H

#include "service/cert.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* OpenSSL's own reason as the diag of an INTERNAL error; empties its queue. */
err cert_openssl(struct diag *d, const char *what);
/* SHA-256 of the SubjectPublicKeyInfo. */
bool cert_spki(const X509 *x, uint8_t out[32]);
/* A borrowed memory BIO over s. NULL without memory. */
BIO *cert_bio(str s);

struct evp_pkey_st *cert_ca_key(const struct cert_ca *ca);

#endif
