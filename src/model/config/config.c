/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <stdio.h>

const struct config_def config_defs[CONFIG_N] = {
#define CONFIG(member, kind, property, ctype) { SCHEMA_ID_##kind, #property, sizeof(ctype), offsetof(struct config, member) },
#include "model/config.def"
#undef CONFIG
};

static const struct schema_prop *prop_of(const struct config_def *def)
{
	const struct schema_prop *p = schema_prop_find(&schema_kinds[def->kind], str_of(def->property));
	ASSERT(p != NULL);
	return p;
}

static void put(struct config *c, const struct config_def *def, const json_t *v)
{
	char *at = (char *)c + def->offset;
	bool truth = json_is_true(v);
	uint32_t number = (uint32_t)json_integer_value(v);
	if (def->size == sizeof truth)
		memcpy(at, &truth, sizeof truth);
	else
		memcpy(at, &number, sizeof number);
}

uint32_t config_get(const struct config *c, const struct config_def *def)
{
	const char *at = (const char *)c + def->offset;
	bool truth;
	uint32_t v;
	if (def->size == sizeof truth) {
		memcpy(&truth, at, sizeof truth);
		return truth ? 1 : 0;
	}
	memcpy(&v, at, sizeof v);
	return v;
}

void config_default(struct config *c)
{
	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < CONFIG_N; i++) {
		json_t *v = schema_default(prop_of(&config_defs[i]));
		put(c, &config_defs[i], v);
		json_decref(v);
	}
}

const struct config_def *config_find(str kind, str property)
{
	for (size_t i = 0; i < CONFIG_N; i++)
		if (str_eq_case(kind, str_of(schema_kinds[config_defs[i].kind].name)) && str_eq_case(property, str_of(config_defs[i].property)))
			return &config_defs[i];
	return NULL;
}

err config_set(struct config *c, str kind, str property, str value, struct diag *d)
{
	const struct config_def *def = config_find(kind, property);
	json_t *given = NULL, *v = NULL;
	if (def == NULL)
		return diag_fail(d, ERR(ABSENT), "configuration", "Get-Help lists the properties", "nothing here obeys %.*s of %.*s",
			STR_FMT(str_cut(property, 0, 64)), STR_FMT(str_cut(kind, 0, 64)));
	given = json_stringn(value.p, value.n);
	err e = schema_value(prop_of(def), given, &v, d);
	json_decref(given);
	TRY(e);
	if (v == NULL)
		return diag_fail(d, ERR(MALFORMED), def->property, "give a value", "it cannot be unset");
	put(c, def, v);
	json_decref(v);
	return OK;
}

err config_check(const struct config *c, struct diag *d)
{
	if (c->min_expiration > c->default_expiration || c->default_expiration > c->max_expiration)
		return diag_fail(d, ERR(MALFORMED), "RegistrarConfiguration",
			"keep MinEndpointExpiration <= DefaultEndpointExpiration <= MaxEndpointExpiration",
			"registration times %u, %u and %u (shortest, usual, longest) are not in this order", c->min_expiration,
			c->default_expiration, c->max_expiration);
	if (c->lockout_seconds > c->max_lockout_seconds)
		return diag_fail(d, ERR(MALFORMED), "ProxyConfiguration", "keep LockoutSeconds <= MaxLockoutSeconds",
			"the first lock of %u s is longer than the longest of %u s", c->lockout_seconds, c->max_lockout_seconds);
	if (!c->use_digest_sha256 && !c->use_digest_md5)
		return diag_fail(d, ERR(MALFORMED), "ProxyConfiguration", "leave UseDigestSha256 or UseDigestMd5 at $true",
			"nobody could sign in without any kind of Digest");
	return OK;
}

const char *config_print(const struct config *c, const struct config_def *def, char out[CONFIG_TEXT])
{
	uint32_t v = config_get(c, def);
	if (def->size == sizeof(bool))
		(void)snprintf(out, CONFIG_TEXT, "%s", v != 0 ? "True" : "False");
	else
		(void)snprintf(out, CONFIG_TEXT, "%u", v);
	return out;
}
