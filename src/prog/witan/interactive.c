/* SPDX-License-Identifier: Apache-2.0 */
/* `witan shell`: lines by libedit, with history and completion; `witan run` and `witan -c`. */
#include "prog/witan/complete.h"
#include "prog/witan/witan_priv.h"

#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_LINES = 2000, PATH_OCTETS = 4096 };

/* What libedit and signals call back has no argument of ours. */
static struct {
	struct console console;
	EditLine *edit;
	History *history;
	bool more; /* a text is begun and not ended */
	char history_file[PATH_OCTETS];
} session;

static void on_interrupt(int number)
{
	shell_interrupt(session.console.shell);
}

static char *prompt(EditLine *e)
{
	static char first[] = "witan> ", next[] = "    >> ";
	return session.more ? next : first;
}

/* ---- completion ---- */

static void list_words(const struct completion *c)
{
	size_t n = json_array_size(c->words), width = 0, columns = console_columns();
	for (size_t i = 0; i < n; i++) {
		size_t own = strlen(json_string_value(json_array_get(c->words, i))) + 2;
		width = own > width ? own : width;
	}
	size_t across = width != 0 && columns > width ? columns / width : 1;
	(void)fputc('\n', stdout);
	for (size_t i = 0; i < n; i++)
		(void)printf("%-*s%s", (int)width, json_string_value(json_array_get(c->words, i)), i % across + 1 == across || i + 1 == n ? "\n" : "");
	if (n == COMPLETE_MOST)
		(void)puts("... and more");
}

static unsigned char on_tab(EditLine *e, int key)
{
	const LineInfo *l = el_line(e);
	struct completion c;
	str line = { l->buffer, (size_t)(l->lastchar - l->buffer) };
	size_t at = (size_t)(l->cursor - l->buffer);
	unsigned char result = CC_REFRESH;
	complete(&session.console, line, at, &c);
	size_t n = json_array_size(c.words);
	if (n == 0) {
		result = CC_ERROR;
	} else if (n == 1 || c.shared.n > at - c.from) {
		char text[420];
		(void)snprintf(text, sizeof text, "%.*s%s", STR_FMT(c.shared), n == 1 ? " " : "");
		el_deletestr(e, (int)(at - c.from));
		if (el_insertstr(e, text) != 0)
			result = CC_ERROR;
	} else {
		list_words(&c);
		result = CC_REDISPLAY;
	}
	json_decref(c.words);
	return result;
}

/* ---- history ---- */

/* A line with a secret in it is not remembered. */
static bool may_remember(str line)
{
	static const char *const words[] = { "securestring", "password", "-pin" };
	for (size_t i = 0; i < line.n; i++)
		for (size_t k = 0; k < sizeof words / sizeof *words; k++)
			if (str_begins_case(str_cut(line, i, line.n), str_of(words[k])))
				return false;
	return str_trim(line).n != 0;
}

static void find_history(void)
{
	const char *home = getenv("XDG_STATE_HOME");
	if (home != NULL && home[0] == '/')
		(void)snprintf(session.history_file, sizeof session.history_file, "%s/witan_history", home);
	else if ((home = getenv("HOME")) != NULL)
		(void)snprintf(session.history_file, sizeof session.history_file, "%s/.witan_history", home);
}

static bool open_edit(void)
{
	HistEvent ev;
	session.edit = el_init("witan", stdin, stdout, stderr);
	session.history = history_init();
	if (session.edit == NULL || session.history == NULL)
		return false;
	(void)history(session.history, &ev, H_SETSIZE, HISTORY_LINES);
	(void)history(session.history, &ev, H_SETUNIQUE, 1);
	find_history();
	if (session.history_file[0] != '\0')
		(void)history(session.history, &ev, H_LOAD, session.history_file);
	(void)el_set(session.edit, EL_PROMPT, prompt);
	(void)el_set(session.edit, EL_EDITOR, "emacs");
	(void)el_set(session.edit, EL_SIGNAL, 1);
	(void)el_set(session.edit, EL_HIST, history, session.history);
	(void)el_set(session.edit, EL_ADDFN, "witan-complete", "completes the word at the cursor", on_tab);
	(void)el_set(session.edit, EL_BIND, "^I", "witan-complete", NULL);
	(void)el_set(session.edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	(void)el_source(session.edit, NULL);
	return true;
}

static void close_edit(void)
{
	HistEvent ev;
	mode_t old = umask(077);
	if (session.history != NULL && session.history_file[0] != '\0')
		(void)history(session.history, &ev, H_SAVE, session.history_file);
	(void)umask(old);
	if (session.history != NULL)
		history_end(session.history);
	if (session.edit != NULL)
		el_end(session.edit);
}

/* ---- the loop ---- */

static bool is_end(str line)
{
	line = str_trim(line);
	return str_eq_case(line, STR("exit")) || str_eq_case(line, STR("quit"));
}

static bool is_own(str line)
{
	HistEvent ev;
	line = str_trim(line);
	if (str_eq_case(line, STR("cls")) || str_eq_case(line, STR("clear")) || str_eq_case(line, STR("Clear-Host"))) {
		(void)fputs("\033[H\033[2J", stdout);
		return true;
	}
	if (!str_eq_case(line, STR("Get-History")) && !str_eq_case(line, STR("history")))
		return false;
	for (int rc = history(session.history, &ev, H_LAST); rc == 0; rc = history(session.history, &ev, H_PREV))
		(void)printf("%s%s", ev.str, strchr(ev.str, '\n') != NULL ? "" : "\n");
	return true;
}

static void run_interruptible(str text, err *result)
{
	struct sigaction on = { .sa_handler = on_interrupt }, before;
	(void)sigaction(SIGINT, &on, &before);
	*result = console_run(&session.console, "", text);
	(void)sigaction(SIGINT, &before, NULL);
}

static void remember(str text)
{
	HistEvent ev;
	char line[8192];
	if (may_remember(text) && str_to_z(text, line, sizeof line))
		(void)history(session.history, &ev, H_ENTER, line);
}

static void loop(void)
{
	struct buf text;
	buf_init(&text, 1 << 20);
	for (;;) {
		int n = 0;
		err e = OK;
		const char *line = el_gets(session.edit, &n);
		if (line == NULL || n <= 0) {
			if (line == NULL && !session.more && text.n == 0)
				break;
			session.more = false;
			buf_reset(&text);
			continue;
		}
		str s = { line, (size_t)n };
		if (!session.more && is_end(s))
			break;
		if (!session.more && is_own(s))
			continue;
		buf_add(&text, s);
		run_interruptible(buf_str(&text), &e);
		session.more = err_is(e, ERR_INCOMPLETE);
		if (session.more && str_trim(s).n != 0)
			continue;
		if (session.more)
			(void)fprintf(stderr, "the command is not complete; it was dropped\n");
		session.more = false;
		remember(buf_str(&text));
		buf_reset(&text);
	}
	buf_fini(&text);
}

static void greet(void)
{
	(void)fprintf(stderr, "Witan %s. Get-Command lists the cmdlets, Get-Help NAME explains one, Tab completes, exit ends.\n", WITAN_VERSION);
}

int shell_main(int argc, char **argv, const struct console_where *where)
{
	struct diag d = { 0 };
	if (argc > 1)
		return witan_usage(argv[0], "it takes no words; `witan run FILE` runs a script, `witan -c TEXT` a text");
	err e = console_open(&session.console, where, &d);
	if (failed(e))
		return witan_fail("shell", e, &d);
	if (!isatty(STDIN_FILENO)) { /* a script comes through a pipe */
		console_close(&session.console);
		return run_main(2, (char *[]){ argv[0], (char[]){ "-" }, NULL }, where);
	}
	if (!open_edit()) {
		console_close(&session.console);
		return witan_fail("shell", ERR(NO_MEMORY), NULL);
	}
	greet();
	loop();
	close_edit();
	console_close(&session.console);
	return WITAN_DONE;
}

/* ---- scripts and single texts ---- */

/* 'a' "b" are passed on as they are typed in the language: each word a quoted text, parameters bare. */
static void add_word(struct buf *b, str word)
{
	str name = word;
	buf_add_char(b, ' ');
	if (cmd_take_dash(&name) && name.n != 0) {
		buf_add(b, word);
		return;
	}
	if (word.n != 0 && strchr("$@", word.p[0]) != NULL) {
		buf_add(b, word);
		return;
	}
	buf_add_char(b, '\'');
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] == '\'')
			buf_add_char(b, '\'');
		buf_add_char(b, word.p[i]);
	}
	buf_add_char(b, '\'');
}

static int finish(struct console *c, err e)
{
	console_close(c);
	if (err_is(e, ERR_INCOMPLETE)) {
		(void)fprintf(stderr, "witan: the text ends inside a command\n  remedy: close the brackets and quotes\n");
		return WITAN_USAGE;
	}
	return !failed(e) ? WITAN_DONE : err_is(e, ERR_USAGE) || err_is(e, ERR_MALFORMED) ? WITAN_USAGE : WITAN_REFUSED;
}

int run_text_main(const char *text, const struct console_where *where)
{
	struct diag d = { 0 };
	err e = console_open(&session.console, where, &d);
	if (failed(e))
		return witan_fail("-c", e, &d);
	run_interruptible(str_of(text), &e);
	return finish(&session.console, e);
}

static err run_file(int argc, char **argv)
{
	struct buf b DEFER(buf_fini) = { 0 };
	err e = OK;
	buf_init(&b, 64 << 20);
	if (strcmp(argv[1], "-") == 0) {
		char piece[65536];
		for (size_t n; (n = fread(piece, 1, sizeof piece, stdin)) != 0;)
			buf_add(&b, (str){ piece, n });
	} else {
		buf_add_char(&b, '&');
		add_word(&b, str_of(argv[1]));
		for (int i = 2; i < argc; i++)
			add_word(&b, str_of(argv[i]));
	}
	ENSURE(!b.failed, CEILING);
	run_interruptible(buf_str(&b), &e);
	return e;
}

int run_main(int argc, char **argv, const struct console_where *where)
{
	struct diag d = { 0 };
	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		(void)fputs("usage: witan run FILE [-PARAMETER VALUE...]\n\nRuns a script of the shell's language; - reads it from standard input.\n", argc < 2 ? stderr : stdout);
		return argc < 2 ? WITAN_USAGE : WITAN_DONE;
	}
	err e = console_open(&session.console, where, &d);
	if (failed(e))
		return witan_fail("run", e, &d);
	return finish(&session.console, run_file(argc, argv));
}
