/* SPDX-License-Identifier: Apache-2.0 */
/* witan - the administrators' program: finds the deployment and hands the rest of the line to a subcommand. */
#include "prog/witan/witan_priv.h"

#include "base/near.h"
#include "model/cmd.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct command {
	const char *name;
	int (*main)(int argc, char **argv);                      /* either this */
	int (*main_dir)(int argc, char **argv, const char *dir); /* or this */
	const char *help;
};

static const struct command commands[] = {
#define COMMAND(name, function, help)     { name, function, NULL, help },
#define COMMAND_DIR(name, function, help) { name, NULL, function, help },
#include "prog/witan/command.def"
#undef COMMAND
#undef COMMAND_DIR
	{ NULL, NULL, NULL, NULL },
};

static const struct command *command_find(str name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (str_eq_case(str_of(c->name), name))
			return c;
	return NULL;
}

/* Verb-CsNoun, also with the dash of a word processor */
static bool is_cmdlet(str name)
{
	if (cmd_find(name, NULL) != NULL)
		return true;
	size_t dash = str_find_char(name, '-');
	return dash > 0 && isalpha((unsigned char)name.p[0]) &&
	       str_begins_case(str_cut(name, dash, name.n), STR("-Cs"));
}

int witan_fail(const char *command, err e, const struct diag *d)
{
	bool told = d != NULL && d->what[0] != '\0';
	(void)fprintf(stderr, "witan %s: %s%s%s\n", command, told ? d->where : "",
		told && d->where[0] != '\0' ? ": " : "", told ? d->what : e.def->text);
	if (told && d->remedy[0] != '\0')
		(void)fprintf(stderr, "  remedy: %s\n", d->remedy);
	return err_is(e, ERR_USAGE) ? WITAN_USAGE : WITAN_REFUSED;
}

int witan_usage(const char *command, const char *fmt, ...)
{
	(void)fprintf(stderr, "witan%s%s: ", command[0] != '\0' ? " " : "", command);
	va_list ap;
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(
		stderr, "\n  `witan%s%s --help` shows what is possible\n", command[0] != '\0' ? " " : "", command);
	return WITAN_USAGE;
}

static int help(void)
{
	(void)puts("usage: witan [--dir DIR] COMMAND [ARGUMENT...]\n\n"
		   "  --dir DIR            the deployment (default: $WITAN_DIR, then ./var, then /var/lib/witan)\n"
		   "  --help, --version\n\ncommands (each with --help):");
	for (const struct command *c = commands; c->name != NULL; c++)
		(void)printf("  %-30s %s\n", c->name, c->help);
	(void)puts("\ncmdlets of the running server (each with --help):");
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		(void)printf("  %-30s %s\n", cmd_at(i)->name, cmd_at(i)->help);
	(void)puts("\nexit status: 0 done, 1 refused, 2 the command line is wrong");
	return WITAN_DONE;
}

static int unknown(str name)
{
	struct near n = { .want = name };
	for (const struct command *c = commands; c->name != NULL; c++)
		near_offer(&n, str_of(c->name));
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		near_offer(&n, str_of(cmd_at(i)->name));
	str best = near_best(&n);
	if (best.n != 0)
		return witan_usage(
			"", "there is no command \"%.*s\"; did you mean \"%.*s\"?", STR_FMT(name), STR_FMT(best));
	return witan_usage("", "there is no command \"%.*s\"", STR_FMT(name));
}

/* Takes --dir DIR or --dir=DIR out of the line, wherever it stands before "--". */
static err take_dir(int *argc, char **argv, const char **dir)
{
	int n = 1;
	bool open = true;
	for (int i = 1; i < *argc; i++) {
		str arg = str_of(argv[i]);
		if (str_eq(arg, STR("--")))
			open = false;
		if (open && str_begins(arg, STR("--dir="))) {
			*dir = argv[i] + sizeof "--dir=" - 1;
		} else if (open && str_eq(arg, STR("--dir"))) {
			ENSURE(++i < *argc, USAGE);
			*dir = argv[i];
		} else {
			argv[n++] = argv[i];
		}
	}
	argv[n] = NULL;
	*argc = n;
	return OK;
}

static const char *default_dir(void)
{
	const char *dir = getenv("WITAN_DIR");
	if (dir != NULL && dir[0] != '\0')
		return dir;
	return access("var", F_OK) == 0 ? "var" : "/var/lib/witan";
}

static int run(const struct command *c, int argc, char **argv, const char *dir)
{
	if (c->main != NULL)
		return c->main(argc, argv);
	return c->main_dir(argc, argv, dir != NULL ? dir : default_dir());
}

static int dispatch(int argc, char **argv, const char *dir)
{
	str name = str_of(argv[0]);
	const struct command *c = command_find(name);
	if (c != NULL)
		return run(c, argc, argv, dir);
	if (is_cmdlet(name))
		return cmdlet_main(argc, argv, dir != NULL ? dir : default_dir());
	return unknown(name);
}

int main(int argc, char **argv)
{
	const char *dir = NULL;
	if (argc < 1)
		return WITAN_USAGE;
	if (failed(take_dir(&argc, argv, &dir)))
		return witan_usage("", "--dir needs a directory");
	if (argc < 2)
		return witan_usage("", "a command is missing");
	str first = str_of(argv[1]);
	if (str_eq(first, STR("--version"))) {
		(void)puts("witan " WITAN_VERSION);
		return WITAN_DONE;
	}
	bool wants_help = str_eq(first, STR("help")) || str_eq(first, STR("--help")) || str_eq(first, STR("-h"));
	if (wants_help && argc == 2)
		return help();
	if (wants_help)
		return dispatch(2, (char *[]){ argv[2], (char[]){ "--help" }, NULL }, dir);
	if (argv[1][0] == '-')
		return witan_usage("", "there is no option %s", argv[1]);
	return dispatch(argc - 1, argv + 1, dir);
}
