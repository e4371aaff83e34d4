/* SPDX-License-Identifier: Apache-2.0 */
/* issued - which certificates the built-in authority has issued, and which of them it has taken back: a file that one process keeps. */
#ifndef WITAN_SERVICE_ISSUED_H
#define WITAN_SERVICE_ISSUED_H

#include "base/err.h"
#include "service/cert.h"

enum { ISSUED_MAX = 100000, ISSUED_NAME = CERT_ADDRESS_MAX + 6, ISSUED_DEVICE = 65 };

struct issued {
	char user[ISSUED_NAME]; /* "sip:ann@example.test", or "host:uc01.example.test" */
	int64_t expires;        /* seconds since 1970 */
	bool is_revoked;
	struct cert_revoked revoked; /* its serial is set always */
	char device[ISSUED_DEVICE]; /* that it was issued to by the web service, printable without blanks; empty: another way */
	int64_t issued; /* when; 0: not known */
};

struct issued_list {
	int dir;
	bool is_dirty; /* lines were added that may not be on the disk yet */
	struct issued *all;
	size_t n, room;
	uint32_t *places; /* by serial number: issued_find */
	size_t n_places, n_placed;
};

/* Reads "issued" of the directory (none yet: empty), which stays the caller's. A last line that is not whole was never acknowledged, and is left
 * out. *out is to be closed whatever the answer. REFUSED, MALFORMED. */
err issued_open(int dir, struct issued_list *out, struct diag *d);
void issued_close(struct issued_list *l);
/* Adds a line; what is answered for it waits for issued_sync, so that many cost the disk once. CEILING: there are too many. */
err issued_add(struct issued_list *l, const struct issued *one, struct diag *d);
/* All that was added is on the disk when it answers OK. */
err issued_sync(struct issued_list *l, struct diag *d);
/* Writes all of it anew, but for what has ended long ago. */
err issued_write(struct issued_list *l, int64_t now, struct diag *d);
/* The last line of this serial number (upper case), good until the next one is added. ABSENT, NO_MEMORY: *out is NULL. */
err issued_find(struct issued_list *l, const char *serial, const struct issued **out);
/* Those that were revoked; the caller frees *out. */
err issued_revoked(const struct issued_list *l, struct cert_revoked **out, size_t *n);

#endif
