/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what a check has found, for people (text, HTML) and programs (JSON). Whatever comes from certificates and documents is
 * foreign: it is written so that it cannot be more than text. Pure.
 */
#ifndef WITAN_SERVICE_REPORT_H
#define WITAN_SERVICE_REPORT_H

#include "base/mem.h"
#include "model/topo.h"
#include "service/check.h"

struct report {
	const struct topo *topo;
	const struct check_result *result;
	int64_t now;    /* when it was looked, seconds since 1970 */
	str command;    /* how it was asked for */
	str topology;   /* where the document is */
	bool is_strict;
};

#define REPORT_MAX (64u << 20) /* bytes of a report, the ceiling that `out` should have */

/* Each appends to out, whose `failed` says that it did not fit. */
void report_text(const struct report *r, struct buf *out);
void report_json(const struct report *r, struct buf *out);
/* One page that needs nothing beside itself: no script, no other file. */
void report_html(const struct report *r, struct buf *out);

#endif
