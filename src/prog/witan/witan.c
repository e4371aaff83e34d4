/* SPDX-License-Identifier: Apache-2.0 */
/* witan - the administrators' program: finds the deployment and hands the rest of the line to a subcommand. */
#include "prog/witan/witan_priv.h"

#include "base/near.h"
#include "model/cmd.h"
#include "prog/witan/console.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct command {
	const char *name;
	int (*main)(int argc, char **argv);                      /* either this */
	int (*main_dir)(int argc, char **argv, const char *dir); /* or this */
	int (*main_where)(int argc, char **argv, const struct console_where *where); /* or this */
	const char *help;
};

static const struct command commands[] = {
#define COMMAND(name, function, help)       { name, function, NULL, NULL, help },
#define COMMAND_DIR(name, function, help)   { name, NULL, function, NULL, help },
#define COMMAND_WHERE(name, function, help) { name, NULL, NULL, function, help },
#include "prog/witan/command.def"
#undef COMMAND
#undef COMMAND_DIR
#undef COMMAND_WHERE
	{ NULL, NULL, NULL, NULL, NULL },
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
	if (cmd_find(name, NULL) != NULL || shell_local_find(name) != NULL)
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
	(void)puts("usage: witan [OPTION...] COMMAND [ARGUMENT...]\n"
		   "       witan [OPTION...] CMDLET [-PARAMETER VALUE...] [-As table|list|json|csv]\n"
		   "       witan [OPTION...] -c TEXT\n\n"
		   "  --dir DIR            the deployment on this machine (default: $WITAN_DIR, then ./var, then /var/lib/witan)\n"
		   "  --server URL         a server elsewhere, by its management address: https://uc01.example.test:4443 (or $WITAN_SERVER)\n"
		   "  --ca FILE            the authorities that its certificate may come from (default: ca.pem of DIR, else the system's)\n"
		   "  --user ADDRESS       who you are, where a session is needed (or $WITAN_USER)\n"
		   "  --password-file FILE holds your password, or that of the certificate's file; - is standard input (default: asked)\n"
		   "  --cert FILE          a certificate of yours to sign in with instead of a password: PEM or PKCS #12\n"
		   "  --key FILE           its key (default: it is in the same file)\n"
		   "  -c TEXT              runs a text of the shell's language\n"
		   "  --help, --version\n\ncommands (each with --help):");
	for (const struct command *c = commands; c->name != NULL; c++)
		(void)printf("  %-24s %s\n", c->name, c->help);
	(void)puts("\ncmdlets: `witan Get-Command` lists them, `witan Get-Help NAME` explains one.\n"
		   "\nexit status: 0 done, 1 refused, 2 the command line is wrong");
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

/* Options before the command that say which server is meant. */
static err take_where(int *argc, char ***argv, struct console_where *w, const char **text)
{
	const struct {
		const char *name;
		const char **to;
	} rows[] = { { "--server", &w->url }, { "--ca", &w->ca }, { "--user", &w->who.user }, { "--password-file", &w->who.password_file },
		{ "--cert", &w->who.cert }, { "--key", &w->who.key }, { "-c", text } };
	while (*argc > 1 && *text == NULL) {
		str value, word = str_of((*argv)[1]), name = str_split(word, '=', &value);
		const char **to = NULL;
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (str_eq(str_of(rows[i].name), name))
				to = rows[i].to;
		if (to == NULL)
			return OK;
		bool joined = name.n < word.n;
		ENSURE(joined || *argc > 2, USAGE);
		*to = joined ? value.p : (*argv)[2];
		*argc -= joined ? 1 : 2;
		*argv += joined ? 1 : 2;
	}
	return OK;
}

static int run(const struct command *c, int argc, char **argv, const struct console_where *where)
{
	if (c->main != NULL)
		return c->main(argc, argv);
	return c->main_dir != NULL ? c->main_dir(argc, argv, where->dir) : c->main_where(argc, argv, where);
}

static int dispatch(int argc, char **argv, const struct console_where *where)
{
	str name = str_of(argv[0]);
	const struct command *c = command_find(name);
	if (c != NULL)
		return run(c, argc, argv, where);
	if (is_cmdlet(name))
		return cmdlet_main(argc, argv, where);
	return unknown(name);
}

int main(int argc, char **argv)
{
	const char *dir = NULL, *text = NULL, *url = getenv("WITAN_SERVER");
	if (argc < 1)
		return WITAN_USAGE;
	if (failed(take_dir(&argc, argv, &dir)))
		return witan_usage("", "--dir needs a directory");
	struct console_where where = { .dir = dir != NULL ? dir : default_dir(), .url = dir == NULL && url != NULL && url[0] != '\0' ? url : NULL };
	if (failed(take_where(&argc, &argv, &where, &text)))
		return witan_usage("", "%s needs a value", argv[1]);
	if (text != NULL)
		return run_text_main(text, &where);
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
		return dispatch(2, (char *[]){ argv[2], (char[]){ "--help" }, NULL }, &where);
	if (argv[1][0] == '-')
		return witan_usage("", "there is no option %s", argv[1]);
	return dispatch(argc - 1, argv + 1, &where);
}
