/* SPDX-License-Identifier: Apache-2.0 */
/* issued - which certificates the built-in authority has issued to people, and which of them it has taken back. Only this program reads and
 * writes the list; the server knows the revocation list that is made of it. */
#ifndef WITAN_PROG_ISSUED_H
#define WITAN_PROG_ISSUED_H

#include "service/cert.h"

struct issued {
	char user[CERT_ADDRESS_MAX + 5]; /* "sip:ann@example.test" */
	int64_t expires;                 /* seconds since 1970 */
	bool is_revoked;
	struct cert_revoked revoked;     /* its serial is set always */
};

struct issued_list {
	int dirfd, lock; /* lock -1: not open */
	struct issued *all;
	size_t n, room;
};

/* Reads the list (none yet: empty) and keeps others out until it is closed. *out is to be closed whatever the answer. REFUSED, MALFORMED. */
err issued_open(int dirfd, struct issued_list *out, struct diag *d);
void issued_close(struct issued_list *l);
/* CEILING: there are too many. */
err issued_add(struct issued_list *l, const struct issued *one, struct diag *d);
err issued_write(const struct issued_list *l, int64_t now, struct diag *d);
/* Those that were revoked; the caller frees *out. */
err issued_revoked(const struct issued_list *l, struct cert_revoked **out, size_t *n);
/* certs/witan.crl, by the list. */
err issued_write_crl(const struct issued_list *l, const struct cert_ca *ca, int64_t now, struct diag *d);

#endif
