/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands of `witan`. Each is a main of its own: it reads its options, prints results on standard output and
 * everything else on standard error, and answers the exit status. A new one is a file here and a row in command.def.
 */
#ifndef WITAN_PROG_WITAN_PRIV_H
#define WITAN_PROG_WITAN_PRIV_H

#include "base/err.h"
#include "base/str.h"

enum witan_exit { WITAN_DONE = 0, WITAN_REFUSED = 1, WITAN_USAGE = 2 };

#define COMMAND(name, function, help)     int function(int argc, char **argv);
#define COMMAND_DIR(name, function, help) int function(int argc, char **argv, const char *dir);
#define COMMAND_WHERE(name, function, help)
#include "prog/witan/command.def"
#undef COMMAND
#undef COMMAND_DIR
#undef COMMAND_WHERE

/* Commands of the administrators' shell: they reach a server, here or elsewhere. */
struct console_where;
/* One cmdlet whose words bash has split. */
int cmdlet_main(int argc, char **argv, const struct console_where *where);
int shell_main(int argc, char **argv, const struct console_where *where);
int sign_in_main(int argc, char **argv, const struct console_where *where);
int sign_out_main(int argc, char **argv, const struct console_where *where);
int run_main(int argc, char **argv, const struct console_where *where);
int get_certificate_main(int argc, char **argv, const struct console_where *where);
int certificates_main(int argc, char **argv, const struct console_where *where);
int status_main(int argc, char **argv, const struct console_where *where);
int complete_main(int argc, char **argv, const struct console_where *where);
/* witan -c TEXT */
int run_text_main(const char *text, const struct console_where *where);

/* ---- options ---- */

enum witan_option_kind {
	WITAN_FLAG,   /* bool */
	WITAN_TEXT,   /* const char * */
	WITAN_TEXTS,  /* struct witan_texts: may stand several times, or separate values by commas */
	WITAN_NUMBER, /* uint32_t, from 1 to most */
};

#define WITAN_TEXTS_MAX 100
struct witan_texts {
	str p[WITAN_TEXTS_MAX];
	size_t n;
};

struct witan_option {
	const char *name; /* with its dashes; those of cmdlets ("-Type") are compared without regard to case */
	enum witan_option_kind kind;
	void *to;          /* left alone when the option is not there */
	const char *value; /* "FILE"; NULL for a flag */
	const char *help;
	uint32_t most; /* of a number */
};

/* Reads all of argv[1..] by the rows, which end with a NULL name. True: go on; false: end with *status, --help or a
 * mistake was answered. `usage` is the text after the command's name, and a line of what it does. */
bool witan_options(int argc, char **argv, const char *usage, const struct witan_option *rows, int *status);

/* ---- the deployment's files ---- */

struct topo;
struct topo_host;
struct arena;
struct buf;

/* A directory within: made by init, and looked at by plan check. */
struct deploy_place {
	const char *path;
	unsigned mode;
	const char *user; /* where root makes it; NULL: whoever made the deployment */
};

const struct deploy_place *deploy_places(size_t *n);

/* Opens the directory; -1 with d. */
int deploy_open(const char *dir, struct diag *d);
/* Its topology and the server it is for. */
err deploy_read(const char *dir, struct arena *a, struct topo *t, struct topo_host *host, struct diag *d);
/* What the topology's reader found odd, on standard error. */
void witan_warn(const struct topo *t);
/* Asks the running server to read its files again. ABSENT with d: none is running. */
err deploy_reload(int dirfd, struct diag *d);
/* The issuing authority's certificate in PEM, and its key, an open buffer and a secret, which only root and the owner of the deployment can
 * read. cert_pem is not open yet and is to be ended by buf_fini whatever the answer. */
err deploy_read_issuer(int dirfd, struct buf *cert_pem, struct buf *pkcs8, struct diag *d);
/* Makes a deployment's directory with its places and owners, lets fill write what belongs into it, and publishes it whole. EXISTS: there is one. */
err init_from(const char *dir, err (*fill)(void *arg, int dirfd, struct diag *d), void *arg, struct diag *d);

/* "2026-11-24T13:05:00Z", of seconds since 1970 */
#define WITAN_TIME 32
void witan_time(int64_t t, char out[WITAN_TIME]);

/* ---- ends ---- */

/* Writes "witan COMMAND: place: reason" and the remedy, and answers the exit status for e. */
int witan_fail(const char *command, err e, const struct diag *d);
/* A mistake in the command line: says what, points to --help, answers WITAN_USAGE. */
int witan_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
