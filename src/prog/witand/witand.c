/* SPDX-License-Identifier: Apache-2.0 */
/* witand - the server. What a person starts is master; master starts this program again for every other process. */
#include "role/edge.h"
#include "role/fetch.h"
#include "role/front.h"
#include "role/keeper.h"
#include "role/master.h"
#include "role/replicator.h"
#include "role/vault.h"
#include "role/web.h"
#include "role/winbind.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the order in which they are started. */
static const struct role *const roles[] = { &role_keeper, &role_vault, &role_front, &role_web, &role_edge, &role_replicator, &role_fetch, &role_winbind, NULL };

static const char help[] =
	"witand - the Witan server\n"
	"\n"
	"usage: witand --dir D            serve from deployment directory D (made by `witan init --dir D`)\n"
	"       witand --join FILE --dir D [--password-file F]\n"
	"                                 make D from a bundle (`witan bundle` on the central server), and serve\n"
	"       witand --dir D --check    say whether it could: exit status 0 if so, 1 if not\n"
	"       witand --help | --version\n"
	"\n"
	"It stays in the foreground and writes its log, one JSON object a line, to standard error.\n"
	"SIGTERM, SIGINT: finish what is under way, then end. SIGHUP: read certificates and keys again.\n"
	"Exit status: 0 done, 1 refused (standard error says why and what to do), 2 usage.\n";

struct words {
	const char *dir, *join, *password_file;
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
		{ "--join", &w->join, NULL },
		{ "--password-file", &w->password_file, NULL },
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

/* The program `witan` beside this one, or where programs are. */
static void find_witan(char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	(void)snprintf(out, size, "%s/witan", self);
	if (access(out, X_OK) != 0)
		(void)snprintf(out, size, "witan");
}

/* Making a deployment is witan's work; this one then serves from it. 0: it is made. */
static int join(const struct words *w)
{
	char program[PATH_MAX + 8];
	int status = 1;
	find_witan(program, sizeof program);
	const char *words[] = { "witan", "--dir", w->dir, "join", "--from", w->join, w->password_file != NULL ? "--password-file" : NULL, w->password_file, NULL };
	pid_t pid = fork();
	if (pid == 0) {
		(void)execvp(program, (char *const *)(uintptr_t)words);
		(void)fprintf(stderr, "witand: %s: %s\n  remedy: install witan beside witand, or run `witan join` by hand\n", program, strerror(errno));
		_exit(1);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
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
	if (w.join != NULL && join(&w) != 0)
		return 1;
	return w.check ? master_check(w.dir, roles) : master_main(w.dir, roles);
}
