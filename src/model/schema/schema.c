/* SPDX-License-Identifier: Apache-2.0 */
#include "model/schema_struct.h"

#define SCHEMA_TYPE_BOOL     SCHEMA_BOOL
#define SCHEMA_TYPE_INT      SCHEMA_INT
#define SCHEMA_TYPE_TEXT     SCHEMA_TEXT
#define SCHEMA_TYPE_ENUM     SCHEMA_ENUM
#define SCHEMA_TYPE_TIMESPAN SCHEMA_TIMESPAN
#define SCHEMA_TYPE_DATE     SCHEMA_DATE
#define SCHEMA_TYPE_FQDN     SCHEMA_FQDN
#define SCHEMA_TYPE_DOMAIN   SCHEMA_DOMAIN
#define SCHEMA_TYPE_URL      SCHEMA_URL
#define SCHEMA_TYPE_SIPURI   SCHEMA_SIPURI
#define SCHEMA_TYPE_NUMBER   SCHEMA_NUMBER
#define SCHEMA_TYPE_IP       SCHEMA_IP
#define SCHEMA_TYPE_PATTERN  SCHEMA_PATTERN
#define SCHEMA_TYPE_REF      SCHEMA_REF
#define SCHEMA_TYPE_LIST     SCHEMA_LISTED
#define SCHEMA_TYPE_OBJECTS  SCHEMA_OBJECTS
#define SCHEMA_TYPE_OBJECT   SCHEMA_OBJECT
#define SCHEMA_TYPE_SECRET   SCHEMA_SECRET
#define SCHEMA_TYPE_BYTES    SCHEMA_BYTES
#define SCHEMA_TYPE_GUID     SCHEMA_GUID

#define KIND(name, base, scopes, verbs, writers, of, example, help) static const struct schema_prop props_##name[] = {
#define PROP(name, type, dflt, check, flags, help)                  { #name, SCHEMA_TYPE_##type, dflt, check, flags, help },
#define END(name)                                                   };
#include "model/schema_rows.h"

const struct schema_kind schema_kinds[SCHEMA_N] = {
#define KIND(name, base, scopes, verbs, writers, of, example, help)                                                          \
	{ SCHEMA_ID_##name, #name, SCHEMA_##base, scopes, verbs, writers, of, example, help, props_##name,                     \
		sizeof props_##name / sizeof(struct schema_prop), sizeof(struct cs_##name) },
#define PROP(name, type, dflt, check, flags, help)
#define END(name)
#include "model/schema_rows.h"
};

const char *schema_type_word(enum schema_type t)
{
	static const char *const words[SCHEMA_TYPE_N] = { "BOOL", "INT", "TEXT", "ENUM", "TIMESPAN", "DATE", "FQDN", "DOMAIN", "URL",
		"SIPURI", "NUMBER", "IP", "PATTERN", "REF", "LIST", "OBJECTS", "OBJECT", "SECRET", "BYTES", "GUID" };
	return words[t];
}

const struct schema_kind *schema_find(str name)
{
	for (size_t i = 0; i < SCHEMA_N; i++)
		if (str_eq_case(str_of(schema_kinds[i].name), name))
			return &schema_kinds[i];
	return NULL;
}

const struct schema_prop *schema_prop_find(const struct schema_kind *k, str name)
{
	for (size_t i = 0; i < k->n_props; i++)
		if (str_eq_case(str_of(k->props[i].name), name))
			return &k->props[i];
	return NULL;
}

bool schema_of_has(const struct schema_kind *k, str word)
{
	for (str rest = str_of(k->of); rest.n != 0;)
		if (str_eq_case(str_split(rest, ' ', &rest), word))
			return true;
	return false;
}
