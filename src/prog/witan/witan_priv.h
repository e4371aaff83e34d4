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
#include "prog/witan/command.def"
#undef COMMAND
#undef COMMAND_DIR

/* Any cmdlet that the running server answers (over DIR/run/control.sock). */
int cmdlet_main(int argc, char **argv, const char *dir);

/* Writes "witan COMMAND: place: reason" and the remedy, and answers the exit status for e. */
int witan_fail(const char *command, err e, const struct diag *d);
/* A mistake in the command line: says what, points to --help, answers WITAN_USAGE. */
int witan_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
