/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_OPENAPI_PRIV_H
#define WITAN_SERVICE_OPENAPI_PRIV_H

#include "base/mem.h"
#include "model/cmd.h"

/* ---- JSON as it is written: openapi_write.c; whoever opens closes ---- */

/* A comma unless something was just opened. */
void put_next(struct buf *b);
void put_key(struct buf *b, const char *key);
void put_text(struct buf *b, const char *z);
/* "key":"text" */
void put_pair(struct buf *b, const char *key, const char *z);
/* "key":true */
void put_flag(struct buf *b, const char *key, bool value);
void put_open(struct buf *b, char c);  /* '{' or '[' */
void put_close(struct buf *b, char c); /* '}' or ']' */
/* {"$ref":"#/components/schemas/NAME"} */
void put_ref(struct buf *b, const char *name);

/* ---- a value's schema: openapi_type.c ---- */

/* What a parameter may be (JSON Schema 2020-12), after its key. */
void put_param_schema(struct buf *b, const struct cmd_param *p);
/* What a property of an object is when it is shown. */
void put_prop_schema(struct buf *b, const struct schema_prop *p);

#endif
