/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_TRUST_PRIV_H
#define WITAN_SERVICE_TRUST_PRIV_H

#include "service/trust.h"

#include <openssl/x509v3.h>

struct trust {
	X509_STORE *store;
	STACK_OF(X509) *roots; /* in their order */
	size_t n_own, n_lists;
	enum trust_policy own, others;
};

void trust_free_certs(STACK_OF(X509) **s);
/* Certificates in PEM or, one after another, in DER; at most `most`. *n_bad: the first that cannot be read, from 1. TRUST_FINE, _MALFORMED,
 * _TOO_LONG. */
enum trust_reason trust_read(str in, int most, STACK_OF(X509) *out);

/* trust_name.c: the names of a leaf against what was asked for. */
enum trust_reason trust_names(X509 *leaf, const struct trust_case *c, char name[TRUST_NAME], struct diag *d);

/* trust_reason.c */
enum trust_reason trust_reason_of(int x509_error);
/* Fills d with the sentence and the remedy for a reason; detail may be empty. Answers REFUSED. */
err trust_refuse(enum trust_reason reason, X509 *about, const char *detail, struct diag *d);

#endif
