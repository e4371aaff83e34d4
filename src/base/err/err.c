/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct err_def err_defs[ERR_N] = {
#undef ERR
#define ERR(name, text, sip, http) { #name, text, sip, http },
#include "base/err.def"
};

err diag_fail(struct diag *d, err e, const char *where, const char *remedy, const char *fmt, ...)
{
	if (d == NULL)
		return e;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(d->what, sizeof d->what, fmt, ap);
	va_end(ap);
	(void)snprintf(d->where, sizeof d->where, "%s", where != NULL ? where : "");
	(void)snprintf(d->remedy, sizeof d->remedy, "%s", remedy != NULL ? remedy : "");
	return e;
}

static void clean(char *z)
{
	for (; *z != '\0'; z++) {
		if (*z < ' ' || *z > '~')
			*z = '?';
		else if (*z == '"' || *z == '\\')
			*z = '\'';
	}
}

void diag_clean(struct diag *d)
{
	if (d == NULL)
		return;
	clean(d->where);
	clean(d->what);
	clean(d->remedy);
}

void assert_failed(const char *cond, const char *file, int line)
{
	(void)fprintf(stderr, "{\"level\":\"fatal\",\"event\":\"assert.failed\",\"condition\":\"%s\",\"file\":\"%s\",\"line\":%d}\n",
		cond, file, line);
	abort();
}
