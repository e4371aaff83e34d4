/* SPDX-License-Identifier: Apache-2.0 */
/* What a SERVICE changes: read and checked as a whole before anything is done. */
#ifndef WITAN_SERVICE_PRES_CHANGE_H
#define WITAN_SERVICE_PRES_CHANGE_H

#include "service/pres/pres_priv.h"

#define PRES_OPERATIONS_MAX 64     /* in one request */
#define PRES_ROWS_MAX       786432 /* bytes of what one request changes for good */

/* One request on its way: read, checked, done, kept, answered. */
struct service {
	struct pres *pres;
	struct presentity *presentity;
	struct request *request;
	const struct xml_node *root;
	uint64_t touched; /* categories, and PRES_SELF_... */
	struct buf rows, fault;
	size_t n_faults;
};

/* Each: all of it is done, or nothing (an error, or versions that are not those that are there: s->n_faults). */
err pres_change_publish(struct service *s);
err pres_change_containers(struct service *s);
err pres_change_subscribers(struct service *s);

#endif
