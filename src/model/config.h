/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the configuration objects of a server and their properties, each one declared row (config.def). The vault stores
 * what differs from the defaults as text and tells every front (SETTING messages); a front keeps a struct config.
 */
#ifndef WITAN_MODEL_CONFIG_H
#define WITAN_MODEL_CONFIG_H

#include "base/err.h"
#include "base/str.h"

enum config_kind { CONFIG_U32, CONFIG_BOOL };

enum config_object {
#define CONFIG_OBJECT(name, help) CONFIG_OBJECT_##name,
#include "model/config_object.def"
#undef CONFIG_OBJECT
	CONFIG_OBJECT_N
};

#define CONFIG_C_U32  uint32_t
#define CONFIG_C_BOOL bool

/* A value type: copy it freely. */
struct config {
#define CONFIG(member, object, property, kind, dflt, least, most, unit, help) CONFIG_C_##kind member;
#include "model/config.def"
#undef CONFIG
};

enum config_id {
#define CONFIG(member, object, property, kind, dflt, least, most, unit, help) CONFIG_ID_##member,
#include "model/config.def"
#undef CONFIG
	CONFIG_N
};

struct config_def {
	enum config_object object;
	const char *property;
	enum config_kind kind;
	uint32_t dflt, least, most;
	const char *unit; /* "s", "bytes", "" */
	const char *help;
	size_t offset; /* of the member in struct config */
};

struct config_object_def {
	const char *name; /* "RegistrarConfiguration": Get-CsRegistrarConfiguration */
	const char *help;
};

extern const struct config_def config_defs[CONFIG_N];
extern const struct config_object_def config_objects[CONFIG_OBJECT_N];

/* Every property at its default. */
void config_default(struct config *c);
/* Sets one property from text: names without regard to case; numbers in decimal, truth as True, False, $true or $false.
 * ABSENT: there is no such object or property. MALFORMED: not of its kind or outside its bounds. c is unchanged then. */
err config_set(struct config *c, str object, str property, str value, struct diag *d);
/* Whether the properties agree with each other (shortest, usual and longest times in this order). MALFORMED with why in d. */
err config_check(const struct config *c, struct diag *d);

/* The row of a property, by names as in config_set; NULL if there is none. */
const struct config_def *config_find(str object, str property);
/* The value as a number; truth is 0 or 1. */
uint32_t config_get(const struct config *c, const struct config_def *def);

#define CONFIG_TEXT 12 /* bytes that every printed value fits into, NUL included */
/* As config_set reads it: "600", "True". Answers out. */
const char *config_print(const struct config *c, const struct config_def *def, char out[CONFIG_TEXT]);

#endif
