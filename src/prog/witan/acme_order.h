/* SPDX-License-Identifier: Apache-2.0 */
/* One order: what the running server does for it. */
#ifndef WITAN_PROG_ACME_ORDER_H
#define WITAN_PROG_ACME_ORDER_H

#include "prog/witan/acme_priv.h"

#include <limits.h>

struct acme_order {
	struct acme_conf conf;
	char deployment[PATH_MAX];
	int dir, lock; /* acme/ */
	struct diag diag;
};

/* Whether two thirds of the life of what is in use are over, or nothing is in use. */
err acme_order_is_due(struct acme_order *o, bool *due);
/* Asks the server whether such a request can be made, and changes nothing. */
err acme_order_try(struct acme_order *o);
/* From wherever the last run has come to, to the certificate in use; says what it does on standard output. */
err acme_order_run(struct acme_order *o, const struct acme_run *run);

#endif
