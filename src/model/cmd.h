/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd - what administrators can say: cmdlets as verb, noun and parameters. Those of declared objects (Get-, New-, Set-, Remove-,
 * Grant-) follow from the rows of the schema; all others are rows of cmd.def and cmd_param.def. The shell reads and explains by them,
 * the vault obeys by them, the management interface describes them.
 */
#ifndef WITAN_MODEL_CMD_H
#define WITAN_MODEL_CMD_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/schema.h"

enum cmd_id {
	/* of every kind that has the verb */
	CMD_GET,
	CMD_NEW,
	CMD_SET,
	CMD_REMOVE,
	CMD_GRANT,
#define CMD(id, verb, noun, writers, letters, help, example) CMD_##id,
#include "model/cmd.def"
#undef CMD
	CMD_ID_N
};

/* Letters that say more of a command. */
enum cmd_letter {
	CMD_WRITES = 'w', /* changes the store or the server: -WhatIf, -Confirm, audit */
	CMD_ASKS = 'a',   /* a person is asked first, unless -Force or -Confirm:$false */
	CMD_USERS = 'u',  /* works on users: the user scopes of a role count, not the config scopes */
	CMD_OPEN = 'o',   /* everybody who has signed in as an administrator may run it */
	CMD_HIDDEN = 'h', /* shows what readers may not see: no role reads it but those of `writers` */
};

struct cmd {
	enum cmd_id id;
	const struct schema_kind *kind; /* NULL: none */
	const char *name;               /* "New-CsUser" */
	const char *letters;            /* enum cmd_letter */
	const char *writers;            /* letters of the built-in roles that may run it besides CsAdministrator (model/rbac.h) */
	const char *help;
	const char *example; /* NULL: made from the rows (cmd_example) */
};

static inline bool cmd_has(const struct cmd *c, enum cmd_letter l)
{
	return strchr(c->letters, (int)l) != NULL;
}

struct cmd_param {
	const char *name;
	enum schema_type type; /* SECRET: may also be given as -NAMEFile FILE, which the administrator's program reads */
	const char *check, *dflt;
	bool required, is_switch;
	bool is_common; /* -WhatIf and its like, the same for all */
	const char *help;
	const struct schema_prop *prop; /* the property that it sets; NULL: none */
};

/* All commands in the order of the rows; NULL past the end. */
const struct cmd *cmd_at(size_t i);
/* By "Verb-Noun", without regard to case and to the kind of dash. NULL: there is none; then *near (NULL allowed) is the one
 * that may have been meant, or NULL. */
const struct cmd *cmd_find(str name, const struct cmd **near);

/* The i-th parameter; false past the end. */
bool cmd_param_at(const struct cmd *c, size_t i, struct cmd_param *out);
/* By name without dash and without regard to case, or by a beginning that only one of them has; *near (NULL allowed) as cmd_find, may
 * become empty. */
bool cmd_param_find(const struct cmd *c, str name, struct cmd_param *out, str *near);

/* The i-th parameter that may be given without its name; NULL: no more. */
const char *cmd_positional(const struct cmd *c, size_t i);

/* A line that shows the command, which runs in a fresh deployment. */
void cmd_example(const struct cmd *c, struct buf *out);

/* Takes a leading dash, also one that a word processor has made of it (U+2010 to U+2015, U+2212). */
bool cmd_take_dash(str *word);

#endif
