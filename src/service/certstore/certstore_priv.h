/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_CERTSTORE_PRIV_H
#define WITAN_SERVICE_CERTSTORE_PRIV_H

#include "service/certstore.h"

#define CERTSTORE_FILE 64 /* a name of a file here */

struct certstore {
	int dir;
	struct certstore_cert certs[CERTSTORE_MAX];
	size_t n;
	struct certstore_request requests[CERTSTORE_REQUESTS_MAX];
	size_t n_requests;
	struct certstore_assignment assigned[PLAN_USAGE_N];
};

/* certstore_text.c: the lines before the PEM block */
void certstore_cert_print(const struct certstore_cert *c, struct buf *out);
/* chain is set to the PEM block, open until buf_fini. MALFORMED. */
err certstore_cert_parse(struct certstore_cert *c, str text, struct diag *d);
void certstore_request_print(const struct certstore_request *r, struct buf *out);
err certstore_request_parse(struct certstore_request *r, str text, struct diag *d);
/* The name that becomes of what was given: printable, not too long, one of its kind. */
void certstore_friendly_make(const struct certstore *s, str given, char out[CERTSTORE_FRIENDLY]);

/* certstore_assign.c */
err certstore_assigned_read(struct certstore *s, struct diag *d);

#endif
