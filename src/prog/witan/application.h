/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_PROG_APPLICATION_H
#define WITAN_PROG_APPLICATION_H

#include <jansson.h>

#include "wire/mspl_manifest.h"

/* An application as it lies on the disk. */
struct application {
	struct buf manifest, files; /* files as in service/script.h */
	struct arena arena;
	struct mspl_manifest read;
};

/* Reads a manifest and its files and checks them. On error *out holds what was read so far, for application_complain. application_fini in any case. */
err application_read(const char *path, bool is_lenient, struct application *out, struct diag *d);
void application_fini(struct application *a);
/* To standard error: place, reason, the line with a mark, remedy. */
void application_complain(const char *path, const struct application *a, const struct diag *d);
/* Puts what -ScriptName names into the parameters of New- and Set-CsServerApplication. */
err application_before(const char *cmdlet, json_t *parameters, struct diag *d);

#endif
