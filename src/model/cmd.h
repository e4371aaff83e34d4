/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd - what administrators can say: commands as verb, noun and parameters, from rows (cmd.def, cmd_param.def, and the
 * configuration objects of config.def). The shell reads lines and explains by them, the vault obeys by them.
 */
#ifndef WITAN_MODEL_CMD_H
#define WITAN_MODEL_CMD_H

#include "base/err.h"
#include "base/str.h"
#include "model/config.h"

enum cmd_id {
#define CMD(id, verb, noun, help) CMD_##id,
#include "model/cmd.def"
#undef CMD
	CMD_CONFIG_GET,
	CMD_CONFIG_SET,
	CMD_ID_N
};

struct cmd {
	enum cmd_id id;
	enum config_object object; /* of CMD_CONFIG_* */
	const char *name;          /* "New-CsUser" */
	const char *help;
};

enum cmd_kind { CMD_TEXT, CMD_BOOL, CMD_COUNT, CMD_PASSWORD };

struct cmd_param {
	const char *name;
	enum cmd_kind kind; /* PASSWORD: the shell reads a file and sends the content as parameter "Password" */
	bool required;
	const char *help, *unit;
	uint32_t dflt, least, most; /* COUNT and BOOL of configuration objects */
};

/* All commands in the order of the rows; NULL past the end. */
const struct cmd *cmd_at(size_t i);
/* By "Verb-Noun", without regard to case and to the kind of dash. NULL: there is none; then *near (NULL allowed) is the one
 * that may have been meant, or NULL. */
const struct cmd *cmd_find(str name, const struct cmd **near);

/* The i-th parameter; false past the end. */
bool cmd_param_at(const struct cmd *c, size_t i, struct cmd_param *out);
/* By name without dash and without regard to case, as cmd_find; *near may become empty. */
bool cmd_param_find(const struct cmd *c, str name, struct cmd_param *out, str *near);

/* Takes a leading dash, also one that a word processor has made of it (U+2010 to U+2015, U+2212). */
bool cmd_take_dash(str *word);

#endif
