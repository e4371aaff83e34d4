/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console - the world of the administrators' shell: the server behind a link, the terminal, files, help. One of it is behind every way to say
 * a cmdlet: `witan shell`, `witan run FILE`, `witan -c TEXT`, `witan Get-CsUser ...`.
 */
#ifndef WITAN_PROG_CONSOLE_H
#define WITAN_PROG_CONSOLE_H

#include "model/cmd.h"
#include "prog/witan/sign_in.h"
#include "service/shell.h"

/* Which server, and as whom. */
struct console_where {
	const char *dir; /* of a deployment on this machine */
	const char *url; /* NULL: none, the one in dir is meant */
	const char *ca;  /* NULL: that of dir, else the system's */
	struct sign_in who;
};

struct console {
	struct console_where where;
	struct link *link; /* NULL: nothing was asked yet */
	struct shell *shell;
	enum shell_as as;  /* how everything is shown; AUTO: as the objects are */
	bool is_person;    /* somebody sits at a terminal and can be asked */
	bool yes_to_all;
	json_t *warned;    /* warnings of the run so far: each is said once */
	json_t *files;     /* names for answers that become files, in the order of the commands; null: none */
};

err console_open(struct console *c, const struct console_where *where, struct diag *d);
void console_close(struct console *c);

/* Runs a text; what went wrong is told on standard error, with the line and a caret under the place. Answers the exit status. INCOMPLETE: more
 * lines are needed, nothing was done or told. */
err console_run(struct console *c, const char *name, str text);
err console_run_words(struct console *c, size_t n, const str *words);

/* A command of the shell's own, outside of what is run: its objects, or NULL. For completion. */
json_t *console_ask(struct console *c, const char *cmdlet);

/* The columns of the terminal on standard output; 0: it is none. */
unsigned console_columns(void);

/* ---- transfer.c: Export- and Import-CsConfiguration ---- */

/* What is sent for a command on files: reads the file of an import into the parameters; *name is the file that an answer is to be written to, "" if
 * none. */
err transfer_before(const struct console *c, const char *cmdlet, json_t *parameters, str *name, struct diag *d);
/* Writes the document of an answer to the file and takes it out of the answer. */
err transfer_after(const struct console *c, str name, str password, json_t *answer, struct diag *d);

/* The same for the files of the certificate cmdlets (certificate_file.c). */
err certificate_before(const char *cmdlet, json_t *parameters, str *name, struct diag *d);
err certificate_after(const char *cmdlet, str name, json_t *answer, struct diag *d);

#endif
