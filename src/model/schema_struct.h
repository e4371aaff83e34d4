/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_struct - each kind of declared object as a C struct, for whoever obeys it: struct cs_ConferencingPolicy with a member for each
 * property, of the same name.
 */
#ifndef WITAN_MODEL_SCHEMA_STRUCT_H
#define WITAN_MODEL_SCHEMA_STRUCT_H

#include "base/mem.h"
#include "model/schema.h"

#define SCHEMA_UNSET INT64_MIN /* of an INT or TIMESPAN (seconds) that has no value */

struct schema_texts {
	const str *p;
	size_t n;
};

#define SCHEMA_C_BOOL     bool
#define SCHEMA_C_INT      int64_t
#define SCHEMA_C_TEXT     str
#define SCHEMA_C_ENUM     str
#define SCHEMA_C_TIMESPAN int64_t
#define SCHEMA_C_DATE     str
#define SCHEMA_C_FQDN     str
#define SCHEMA_C_DOMAIN   str
#define SCHEMA_C_URL      str
#define SCHEMA_C_SIPURI   str
#define SCHEMA_C_NUMBER   str
#define SCHEMA_C_IP       str
#define SCHEMA_C_PATTERN  str
#define SCHEMA_C_REF      str
#define SCHEMA_C_LIST     struct schema_texts
#define SCHEMA_C_OBJECTS  struct schema_texts /* each as JSON */
#define SCHEMA_C_OBJECT   str                 /* as JSON */
#define SCHEMA_C_SECRET   str
#define SCHEMA_C_BYTES    str
#define SCHEMA_C_GUID     str

#define KIND(name, base, scopes, verbs, writers, of, example, help) struct cs_##name {
#define PROP(name, type, dflt, check, flags, help)                  SCHEMA_C_##type name;
#define END(name)                                                   };
#include "model/schema_rows.h"

/* Fills a struct cs_NAME from what is stored (NULL: all defaults); texts live in `a`. NO_MEMORY or CEILING by the arena. */
err schema_read(const struct schema_kind *k, const json_t *body, struct arena *a, void *out);

#endif
