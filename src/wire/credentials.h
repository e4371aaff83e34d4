/* SPDX-License-Identifier: Apache-2.0 */
/* credentials - "Scheme name=value, name=\"value\"": what Authorization and its relatives hold (RFC 7235 2.1, RFC 3261 25.1). Pure. */
#ifndef WITAN_WIRE_CREDENTIALS_H
#define WITAN_WIRE_CREDENTIALS_H

#include "base/err.h"
#include "base/scan.h"
#include "base/str.h"

/* A parameter that somebody wants: its slice is written at this offset of his struct. */
struct credentials_param {
	str name;
	size_t at;
};

/* Takes the scheme. MALFORMED: there is none. */
err credentials_scheme(struct scan *in, str *scheme, struct diag *d);

/*
 * Takes the parameters after it, to the end. Those of `known` (at most 32) go to out, quoted strings without their quotes and with their
 * escapes; others are passed over. MALFORMED: there are none, the grammar is broken, one is there twice, or is over max
 * bytes; d (NULL allowed) says so.
 */
err credentials_params(struct scan *in, const struct credentials_param *known, size_t n, size_t max, void *out, struct diag *d);

#endif
