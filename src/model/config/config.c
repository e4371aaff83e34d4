/* SPDX-License-Identifier: Apache-2.0 */
#include "model/config.h"

#include <stdio.h>

const struct config_object_def config_objects[CONFIG_OBJECT_N] = {
#define CONFIG_OBJECT(name, help) { #name, help },
#include "model/config_object.def"
#undef CONFIG_OBJECT
};

const struct config_def config_defs[CONFIG_N] = {
#define CONFIG(member, object, property, kind, dflt, least, most, unit, help) \
	{ CONFIG_OBJECT_##object, #property, CONFIG_##kind, dflt, least, most, unit, help, offsetof(struct config, member) },
#include "model/config.def"
#undef CONFIG
};

static void put(struct config *c, const struct config_def *def, uint32_t v)
{
	char *at = (char *)c + def->offset;
	bool truth = v != 0;
	if (def->kind == CONFIG_BOOL)
		memcpy(at, &truth, sizeof truth);
	else
		memcpy(at, &v, sizeof v);
}

uint32_t config_get(const struct config *c, const struct config_def *def)
{
	const char *at = (const char *)c + def->offset;
	bool truth;
	uint32_t v;
	if (def->kind == CONFIG_BOOL) {
		memcpy(&truth, at, sizeof truth);
		return truth ? 1 : 0;
	}
	memcpy(&v, at, sizeof v);
	return v;
}

void config_default(struct config *c)
{
	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < CONFIG_N; i++)
		put(c, &config_defs[i], config_defs[i].dflt);
}

const struct config_def *config_find(str object, str property)
{
	for (size_t i = 0; i < CONFIG_N; i++)
		if (str_eq_case(object, str_of(config_objects[config_defs[i].object].name)) &&
		    str_eq_case(property, str_of(config_defs[i].property)))
			return &config_defs[i];
	return NULL;
}

static bool read_truth(str s, uint32_t *v)
{
	if (s.n != 0 && s.p[0] == '$')
		s = str_cut(s, 1, s.n);
	*v = str_eq_case(s, STR("true")) ? 1 : 0;
	return *v == 1 || str_eq_case(s, STR("false"));
}

err config_set(struct config *c, str object, str property, str value, struct diag *d)
{
	const struct config_def *def = config_find(object, property);
	if (def == NULL)
		return diag_fail(d, ERR(ABSENT), "configuration", "Get-Help lists the properties", "there is no property %.*s of %.*s",
			STR_FMT(str_cut(property, 0, 64)), STR_FMT(str_cut(object, 0, 64)));
	uint32_t v = 0;
	if (def->kind == CONFIG_BOOL) {
		if (!read_truth(value, &v))
			return diag_fail(d, ERR(MALFORMED), def->property, "write $true or $false", "%.*s is neither true nor false",
				STR_FMT(str_cut(value, 0, 64)));
	} else if (!str_to_u32(value, &v) || v < def->least || v > def->most) {
		char remedy[96];
		(void)snprintf(remedy, sizeof remedy, "give a whole number from %u to %u%s%s", def->least, def->most,
			def->unit[0] != '\0' ? " " : "", def->unit);
		return diag_fail(d, ERR(MALFORMED), def->property, remedy, "%.*s is not possible here", STR_FMT(str_cut(value, 0, 64)));
	}
	put(c, def, v);
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
	if (def->kind == CONFIG_BOOL)
		(void)snprintf(out, CONFIG_TEXT, "%s", v != 0 ? "True" : "False");
	else
		(void)snprintf(out, CONFIG_TEXT, "%u", v);
	return out;
}
