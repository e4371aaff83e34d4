/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in an answer before it is put in order. */
#ifndef WITAN_SERVICE_CERT_ANSWER_H
#define WITAN_SERVICE_CERT_ANSWER_H

#include "service/cert/cert_priv.h"

struct cert_found {
	X509 *certs[CERT_ANSWER_CERTS];
	str ders[CERT_ANSWER_CERTS];
	size_t n;
	struct arena *arena;
	const char *password; /* NULL: none was given */
	struct cert_answer *out;
	struct diag *diag;
};

extern const char cert_answer_where[];

/* Without what is there already. */
err cert_found_add(struct cert_found *f, X509 *x);
err cert_found_add_key(struct cert_found *f, EVP_PKEY *key);
err cert_found_pkcs7(struct cert_found *f, str der);
err cert_found_pkcs12(struct cert_found *f, str der);

#endif
