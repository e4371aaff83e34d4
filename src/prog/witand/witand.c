/* SPDX-License-Identifier: Apache-2.0 */
/* witand - the server. What a person starts is master; master starts this program again for every other process. */
#include "role/edge.h"
#include "role/front.h"
#include "role/keeper.h"
#include "role/master.h"
#include "role/replicator.h"
#include "role/vault.h"
#include "role/web.h"

#include <stdio.h>
#include <string.h>

/* In the order in which they are started. */
static const struct role *const roles[] = { &role_keeper, &role_vault, &role_front, &role_web, &role_edge, &role_replicator, NULL };

static const char help[] =
	"witand - the Witan server\n"
	"\n"
	"usage: witand --dir D            serve from deployment directory D (made by `witan init --dir D`)\n"
	"       witand --dir D --check    say whether it could: exit status 0 if so, 1 if not\n"
	"       witand --help | --version\n"
	"\n"
	"It stays in the foreground and writes its log, one JSON object a line, to standard error.\n"
	"SIGTERM, SIGINT: finish what is under way, then end. SIGHUP: read certificates and keys again.\n"
	"Exit status: 0 done, 1 refused (standard error says why and what to do), 2 usage.\n";

struct words {
	const char *dir;
	bool check, help, version;
};

static bool read_word(struct words *w, char **argv, int *i)
{
	const struct {
		const char *name;
		const char **value; /* NULL: a flag */
		bool *flag;
	} rows[] = {
		{ "--dir", &w->dir, NULL },
		{ "--check", NULL, &w->check },
		{ "--help", NULL, &w->help },
		{ "-h", NULL, &w->help },
		{ "--version", NULL, &w->version },
	};
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		if (strcmp(argv[*i], rows[r].name) != 0)
			continue;
		if (rows[r].flag != NULL)
			*rows[r].flag = true;
		else if ((*rows[r].value = argv[++*i]) == NULL)
			return false;
		return true;
	}
	return false;
}

static int run_role(const char *name, int argc, char **argv)
{
	for (const struct role *const *r = roles; *r != NULL; r++)
		if (strcmp((*r)->name, name) == 0)
			return skel_main(*r, argc, argv);
	return 2;
}

static int usage(const char *what, const char *word)
{
	(void)fprintf(stderr, "witand: %s%s\n  remedy: `witand --help` shows how it is used\n", what, word);
	return 2;
}

int main(int argc, char **argv)
{
	struct words w = { 0 };
	/* what comes after --role is between master and the process */
	if (argc > 2 && strcmp(argv[1], "--role") == 0)
		return run_role(argv[2], argc, argv);
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (!read_word(&w, argv, &i))
			return usage(argv[i] == NULL ? "a value is missing after " : "unknown word: ", word);
	}
	if (w.help)
		return fputs(help, stdout) < 0;
	if (w.version)
		return puts("witand " WITAN_VERSION) < 0;
	if (w.dir == NULL)
		return usage("--dir D is missing: the deployment directory", "");
	return w.check ? master_check(w.dir, roles) : master_main(w.dir, roles);
}
