/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_REPORT_PRIV_H
#define WITAN_SERVICE_REPORT_PRIV_H

#include "service/report.h"

/* ---- foreign text ---- */

/* As it is but for what is no text: bytes that are no UTF-8 and characters that steer a terminal or the direction of writing become \xHH. */
void report_add_plain(struct buf *out, str s);
/* The same for HTML and its attributes. */
void report_add_html(struct buf *out, str s);
/* "2026-11-24 13:05 UTC" */
void report_add_time(struct buf *out, int64_t t);

/* ---- the topology as boxes and lines ---- */

#define NODE_LINES 6 /* servers that a box names */

enum node_column { COLUMN_OUTSIDE, COLUMN_PERIMETER, COLUMN_INSIDE, COLUMN_BEHIND, COLUMN_N };

struct node {
	str name;
	const char *kind; /* "Edge pool" */
	enum node_column column;
	struct topo_names servers;
	int x, y, height;
};

/* `from` dials, `to` presents. */
struct flow {
	size_t from, to;      /* nodes */
	const char *presents; /* "AccessEdgeExternal" */
};

struct picture {
	const struct topo_site *site;
	struct {
		struct node *p;
		size_t n;
	} nodes;
	struct {
		struct flow *p;
		size_t n;
	} flows;
};

/* What a site consists of and who presents what to whom. CEILING. */
err report_picture(const struct topo *t, const struct topo_site *site, struct arena *a, struct picture *out);
/* Draws it; `number` distinguishes pictures of one page. */
void report_svg(struct picture *p, size_t number, struct buf *out);

#endif
