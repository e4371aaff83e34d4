/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - what a process that carries SIP obeys of the configuration objects (config.def), as one plain struct. The vault chooses the
 * instance that holds for the process's service and tells each property as text (SETTING messages).
 */
#ifndef WITAN_MODEL_CONFIG_H
#define WITAN_MODEL_CONFIG_H

#include "base/err.h"
#include "base/str.h"
#include "model/schema.h"

/* A value type: copy it freely. */
struct config {
#define CONFIG(member, kind, property, ctype) ctype member;
#include "model/config.def"
#undef CONFIG
};

enum config_id {
#define CONFIG(member, kind, property, ctype) CONFIG_ID_##member,
#include "model/config.def"
#undef CONFIG
	CONFIG_N
};

struct config_def {
	enum schema_id kind;
	const char *property;
	size_t size, offset; /* of the member in struct config */
};

extern const struct config_def config_defs[CONFIG_N];

/* Every property at its default. */
void config_default(struct config *c);
/* Sets one property from text: names without regard to case; numbers in decimal, truth as True, False, $true or $false.
 * ABSENT: nobody obeys such a property. MALFORMED: not of its kind or outside its bounds. c is unchanged then. */
err config_set(struct config *c, str kind, str property, str value, struct diag *d);
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
