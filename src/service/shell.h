/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell - runs what administrators type (the language is wire/shell): variables, pipelines, functions, scripts, and the cmdlets that
 * need no server. Everything else is behind a door: the server's cmdlets, files, the terminal. Values are JSON.
 */
#ifndef WITAN_SERVICE_SHELL_H
#define WITAN_SERVICE_SHELL_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- how objects are shown ---- */

enum shell_as { SHELL_AS_AUTO, SHELL_AS_TABLE, SHELL_AS_LIST, SHELL_AS_WIDE, SHELL_AS_JSON, SHELL_AS_CSV };

struct shell_format {
	enum shell_as as;
	bool wrap;         /* cells go on in a next line instead of being cut */
	bool no_headers;
	unsigned across;   /* WIDE: columns, 0: two */
	char delimiter;    /* CSV; '\0': a comma */
};

/* "table", "list", "json", "csv"; false: no such word. */
bool shell_as_find(str word, enum shell_as *out);

/* Writes an array of objects and scalars. how may be NULL: a table for objects of at most five properties, else a list. columns: those of
 * the terminal, tables are cut to them with "..."; 0: no terminal, nothing is cut. What would move a terminal's cursor becomes "?". */
void shell_print(FILE *to, const json_t *objects, const struct shell_format *how, unsigned columns);

/* Text in which lines and tabs stay, and nothing else moves the cursor. */
void shell_print_text(FILE *to, str text);

/* ---- the door ---- */

enum shell_param { SHELL_PARAM_NONE, SHELL_PARAM_VALUE, SHELL_PARAM_LIST, SHELL_PARAM_SWITCH, SHELL_PARAM_SECRET };

enum shell_stream { SHELL_OUTPUT, SHELL_WARNING, SHELL_VERBOSE, SHELL_ERROR, SHELL_PROGRESS };

enum shell_help { SHELL_HELP_FULL = 1 << 0, SHELL_HELP_EXAMPLES = 1 << 1, SHELL_HELP_DETAILED = 1 << 2, SHELL_HELP_PARAMETER = 1 << 3 };

/* Functions marked (NULL) may be absent; then what needs them is refused. None may call shell_run of the same shell. */
struct shell_door {
	/* The cmdlet's name in its own letters; NULL: there is none, *near (a slice that outlives the call) may say what was meant. */
	const char *(*find)(void *arg, str name, str *near);
	/* What parameter `name` (or an unambiguous beginning of it) of a cmdlet is; *canonical its own letters. `-XFile` of a secret X is a
	 * SECRET too, and canonical then is "XFile": the shell reads the file and sends X. */
	enum shell_param (*param)(void *arg, const char *cmdlet, str name, const char **canonical, str *near);
	/* The i-th parameter that may be given without name; NULL: no more. */
	const char *(*positional)(void *arg, const char *cmdlet, size_t i);
	/* Starts a cmdlet: parameters (an object), and the piped object or NULL. Answers come in order through receive. Neither reference is
	 * taken over. Values are JSON as typed; LIST: an array, an object of list modifiers {"Add": ...}, or null; SWITCH: a boolean. */
	err (*send)(void *arg, const char *cmdlet, json_t *parameters, json_t *input, struct diag *d);
	/* The answer of the oldest send without one: {"ok":true,"objects":[...],"warnings":[...],"verbose":[...],"kind":"User"}; a refusal is
	 * an err with d, and the answer may still bring warnings. The reference is handed over. */
	err (*receive)(void *arg, json_t **answer, struct diag *d);
	/* Objects that nobody took, to be shown; `how` is NULL or what Format-List/Format-Table asked for. */
	void (*show)(void *arg, json_t *objects, const struct shell_format *how);
	void (*say)(void *arg, enum shell_stream stream, str text);
	/* Read-Host; NULL: not interactive. false: no answer. */
	bool (*read_line)(void *arg, const char *prompt, bool hidden, struct buf *out);
	/* Files, only for Import-Csv, Export-Csv, Out-File, Get-Content, scripts and files of secrets (NULL). */
	err (*read_file)(void *arg, str path, struct buf *out, struct diag *d);
	err (*write_file)(void *arg, str path, bool append, str text, struct diag *d);
	err (*find_script)(void *arg, str name, struct buf *text, struct diag *d);
	/* Get-Command: a new array of {CommandType, Name, Version, Source} (NULL). */
	json_t *(*commands)(void *arg);
	/* Get-Help NAME; what: set of enum shell_help. With PARAMETER the topic is "NAME PARAMETER" (NULL). */
	err (*help)(void *arg, str topic, unsigned what, struct buf *out);
};

/* ---- a session ---- */

struct shell; /* variables and functions; lives as long as the session */

/* door and arg must outlive it. */
err shell_new(const struct shell_door *door, void *arg, struct shell **out);
void shell_free(struct shell *sh); /* NULL is allowed */

/* Parses and runs a text. INCOMPLETE: nothing was done, more lines may follow. On error d (NULL allowed) has reason, remedy, and line and
 * column in this text; `where` names a script or function when it happened there. Errors about one object of a pipeline are told by `say`
 * and do not end it; then the last of them is the answer, and shell_has_told is true. */
err shell_run(struct shell *sh, str text, struct diag *d);

/* One cmdlet whose words another shell has split already. A word that begins with @{ @( $ { or ( is an expression, for a LIST a word is
 * split at its commas, everything else is text as it stands. */
err shell_run_words(struct shell *sh, size_t n, const str *words, struct diag *d);

/* Whether what the last shell_run answered was said through `say` already. */
bool shell_has_told(const struct shell *sh);

/* Async-signal-safe. The running evaluation ends with REFUSED "interrupted"; without one the next is not touched. */
void shell_interrupt(struct shell *sh);

/* ---- cmdlets that need no server ---- */

struct shell_local {
	const char *name;
	const char *aliases;    /* separated by blanks; "" if none */
	const char *parameters; /* separated by blanks: "Name", "Name!" for a switch, "Name@0" for the first positional one ("@0+": all that is left) */
	const char *help;       /* a sentence */
	const char *example;
};

/* NULL past the end. */
const struct shell_local *shell_local_at(size_t i);
/* By name or alias; NULL: there is none. */
const struct shell_local *shell_local_find(str name);

/* ---- filters of the server ---- */

struct shell_filter;

/* {Enabled -eq $true -and DisplayName -like "A*"}, with or without braces: operators, properties, literals; no commands and no variables but
 * $_, $true, $false, $null. A text without operator is a wildcard on Identity. text is not kept. MALFORMED: d says where and why. */
err shell_filter_new(str text, struct shell_filter **out, struct diag *d);
void shell_filter_free(struct shell_filter *f); /* NULL is allowed */
/* Bounded in steps; what takes more, or cannot be compared, does not match. */
bool shell_filter_match(const struct shell_filter *f, const json_t *object);

#endif
