/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_HTTP_PRIV_H
#define WITAN_WIRE_HTTP_PRIV_H

#include "base/scan.h"
#include "wire/http.h"

/* RFC 9110 5.6.2 tchar */
extern const struct scan_set http_token;

/* Reads request line and fields; header ends with its empty line. *content: what Content-Length says. */
err http_header_read(str header, struct http_request *out, uint64_t *content, struct diag *d);
/* Takes a line from the header, without its CR LF. */
err http_line_take(str *rest, str *line, struct diag *d);
/* The fields behind the first line, with the empty line that ends them. */
err http_fields_read(str fields, struct http_request *out, struct diag *d);
/* Another field of the same name as the first; NULL: there is none. */
const struct http_field *http_find_twice(const struct http_request *r, str name);
/* The offset after the empty line that ends the header, 0 while there is none; looks from `from` on. The strict reading comes after. */
size_t http_header_end(str in, size_t from);
bool http_has_word(str list, str word);
err http_refuse(struct diag *d, err e, const char *where, const char *what, str shown);

#endif
