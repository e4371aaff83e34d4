/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi - the management interface described for programs (OpenAPI 3.1), from the rows of commands and declared objects: one
 * path a cmdlet, with the types, ranges and words that vault checks.
 */
#ifndef WITAN_SERVICE_OPENAPI_H
#define WITAN_SERVICE_OPENAPI_H

#include "base/mem.h"

/* The whole document as one line of JSON. What did not fit: out->failed. */
void openapi_print(struct buf *out);
/* {"ok":true,"objects":[{"Name","Help","Writes"}...]}: every cmdlet that the server knows. */
void openapi_cmdlets_print(struct buf *out);

#endif
