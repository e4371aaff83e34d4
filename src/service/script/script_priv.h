/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_SCRIPT_PRIV_H
#define WITAN_SERVICE_SCRIPT_PRIV_H

#include "service/script.h"
#include "wire/mspl_manifest.h"

/* One application, loaded. */
struct app {
	struct arena arena;     /* of everything below */
	str identity, manifest_text, files_text;
	uint32_t priority;
	bool is_critical, is_disabled;
	bool is_known; /* it was there before, with the same text */
	uint32_t failures;
	struct mspl_manifest manifest;
	const struct mspl_program *program;
	const struct mspl_table *tables[MSPL_FILES_MAX];
};

struct apps {
	struct app *p[SCRIPT_APPS_MAX];
	size_t n;
};

struct scripts {
	struct script_config c;
	struct xml_reader *xml;
	struct apps now, next;
	struct script_watch watch;
};

/* One message in one application. */
struct run {
	struct scripts *s;
	struct app *app;
	struct inbound *in;
	struct request *r; /* NULL: a response */
	struct script_source source;
	struct sip_out out; /* the message as it is changed, once has_out */
	bool has_out;
	str body;           /* the new one, when has_body */
	bool has_body;
};

/* load.c */
err app_load(struct xml_reader *x, const struct script_row *row, struct app **out, struct diag *d);
void app_free(struct app *a);

/* world.c: what a script sees and changes */
extern const struct mspl_world script_world;

int64_t script_method(str name); /* a number of StandardMethod */

/* change.c: the message as it is changed */
bool run_begin_change(struct run *u);
/* The request gets another target: its start line, and r->target. MALFORMED: no URI that could be one. */
err run_retarget(struct run *u, str uri);
/* What was changed becomes the message. */
err run_end_change(struct run *u);
struct sip_row *run_row(struct run *u, str name, size_t at, str *value);

#endif
