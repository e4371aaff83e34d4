/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cmd.h"

#include "base/near.h"

enum { NAME_MAX_BYTES = 64 };

static const struct cmd cmds[] = {
#define CMD(id, verb, noun, help) { CMD_##id, CONFIG_OBJECT_N, verb "-" noun, help },
#include "model/cmd.def"
#undef CMD
#define CONFIG_OBJECT(name, help)                                                            \
	{ CMD_CONFIG_GET, CONFIG_OBJECT_##name, "Get-Cs" #name, "shows the settings: " help }, \
	{ CMD_CONFIG_SET, CONFIG_OBJECT_##name, "Set-Cs" #name, "changes settings: " help },
#include "model/config_object.def"
#undef CONFIG_OBJECT
};

static const struct {
	enum cmd_id cmd;
	struct cmd_param param;
} params[] = {
#define PARAM(cmd, name, kind, required, help) { CMD_##cmd, { name, CMD_##kind, required, help, "", 0, 0, 0 } },
#include "model/cmd_param.def"
#undef PARAM
};

const struct cmd *cmd_at(size_t i)
{
	return i < sizeof cmds / sizeof *cmds ? &cmds[i] : NULL;
}

bool cmd_take_dash(str *word)
{
	static const char *const dashes[] = { "-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212" };
	for (size_t i = 0; i < sizeof dashes / sizeof *dashes; i++)
		if (str_begins(*word, str_of(dashes[i]))) {
			*word = str_cut(*word, strlen(dashes[i]), word->n);
			return true;
		}
	return false;
}

/* "Verb-Noun" or "Verb–Noun" with a plain dash; empty when it is too long to be any. */
static str plain(str name, char out[NAME_MAX_BYTES])
{
	size_t n = 0;
	while (name.n != 0) {
		if (n == NAME_MAX_BYTES)
			return STR("");
		if (cmd_take_dash(&name)) {
			out[n++] = '-';
			continue;
		}
		out[n++] = name.p[0];
		name = str_cut(name, 1, name.n);
	}
	return (str){ out, n };
}

const struct cmd *cmd_find(str name, const struct cmd **near)
{
	char text[NAME_MAX_BYTES];
	struct near best = { .want = plain(name, text) };
	for (size_t i = 0; i < sizeof cmds / sizeof *cmds; i++) {
		if (str_eq_case(str_of(cmds[i].name), best.want))
			return &cmds[i];
		near_offer(&best, str_of(cmds[i].name));
	}
	str meant = near_best(&best);
	if (near != NULL)
		*near = meant.n != 0 ? cmd_find(meant, NULL) : NULL;
	return NULL;
}

static bool config_param_at(const struct cmd *c, size_t i, struct cmd_param *out)
{
	for (size_t k = 0; k < CONFIG_N; k++) {
		const struct config_def *def = &config_defs[k];
		if (def->object != c->object || i-- != 0)
			continue;
		*out = (struct cmd_param){ .name = def->property, .kind = def->kind == CONFIG_BOOL ? CMD_BOOL : CMD_COUNT,
			.help = def->help, .unit = def->unit, .dflt = def->dflt, .least = def->least, .most = def->most };
		return true;
	}
	return false;
}

bool cmd_param_at(const struct cmd *c, size_t i, struct cmd_param *out)
{
	if (c->id == CMD_CONFIG_GET || c->id == CMD_CONFIG_SET) {
		/* Global is the one instance there is: taken, so that lines written for Lync Server run. */
		if (i == 0) {
			*out = (struct cmd_param){ .name = "Identity", .kind = CMD_TEXT, .help = "Global", .unit = "" };
			return true;
		}
		return c->id == CMD_CONFIG_SET && config_param_at(c, i - 1, out);
	}
	for (size_t k = 0; k < sizeof params / sizeof *params; k++) {
		if (params[k].cmd != c->id || i-- != 0)
			continue;
		*out = params[k].param;
		return true;
	}
	return false;
}

bool cmd_param_find(const struct cmd *c, str name, struct cmd_param *out, str *near)
{
	struct near best = { .want = name };
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
		if (str_eq_case(str_of(p.name), name)) {
			*out = p;
			return true;
		}
		near_offer(&best, str_of(p.name));
	}
	if (near != NULL)
		*near = near_best(&best);
	return false;
}
