/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_HTTP_PRIV_H
#define WITAN_WIRE_HTTP_PRIV_H

#include "base/scan.h"
#include "wire/http.h"

/* RFC 9110 5.6.2 tchar */
extern const struct scan_set http_token;

/* Reads request line and fields; header ends with its empty line. *content: what Content-Length says. */
err http_header_read(str header, struct http_request *out, uint64_t *content, struct diag *d);
err http_refuse(struct diag *d, err e, const char *where, const char *what, str shown);

#endif
