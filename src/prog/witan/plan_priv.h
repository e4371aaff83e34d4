/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_PROG_PLAN_PRIV_H
#define WITAN_PROG_PLAN_PRIV_H

#include "prog/witan/witan_priv.h"

#include "model/topo.h"
#include "service/plan.h"

#include <jansson.h>

/* One run of witan plan. */
struct plan {
	struct arena arena;
	struct topo topo;         /* read, unless the subject needs none */
	const char *format;       /* one of the subject's */
	const char *host, *usage; /* NULL: all */
	struct diag diag;
};

/* What there is a plan of. */
struct plan_subject_row {
	const char *name, *help;
	const char *formats[5]; /* "table", "json"; the first is what it is without --format; NULL ends */
	bool needs_topology;
	err (*show)(struct plan *p);
	int (*main)(int argc, char **argv, const char *dir); /* instead of show, for options of its own; argv[0] is "plan" */
};

bool plan_is_json(const struct plan *p);
/* Prints an array of objects and takes it; NO_MEMORY when it is NULL. */
err plan_print_json(json_t *all);

err plan_show_certificates(struct plan *p);
err plan_show_rules(struct plan *p);

#endif
