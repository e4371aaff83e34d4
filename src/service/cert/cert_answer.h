/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in an answer before it is put in order. */
#ifndef WITAN_SERVICE_CERT_ANSWER_H
#define WITAN_SERVICE_CERT_ANSWER_H

#include "service/cert/cert_priv.h"

struct cert_found {
	struct arena *arena;
	const char *password; /* NULL: none was given */
	X509 *x[CERT_ANSWER_CERTS];
	str der[CERT_ANSWER_CERTS]; /* the same in the arena */
	size_t n;
	struct buf *pkcs8; /* a private key that came along; a secret */
	str friendly_name;
	struct diag *diag; /* empty until something is wrong */
};

/* CEILING with diag; what is there already is not added again. */
err cert_found_add(struct cert_found *f, X509 *x);
err cert_found_stack(struct cert_found *f, const STACK_OF(X509) *all);
/* MALFORMED without diag: it is no PKCS #12. */
err cert_pkcs12_read(struct cert_found *f, str der);

#endif
