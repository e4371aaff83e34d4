/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/witan/application.h"
#include "prog/witan/console.h"

#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/remote.h"
#include "wire/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { FILE_MOST = 256 * 1024 * 1024, LINE_MOST = 4096, WARNINGS_MOST = 1000, COMMANDS_MOST = 4096 };

unsigned console_columns(void)
{
	struct winsize w;
	if (!isatty(STDOUT_FILENO))
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col != 0 ? w.ws_col : 80;
}

/* ---- what there is to say ---- */

static const char *on_find(void *arg, str name, str *near)
{
	const struct cmd *meant = NULL, *c = cmd_find(name, &meant);
	if (c != NULL)
		return c->name;
	if (meant != NULL)
		*near = str_of(meant->name);
	return NULL;
}

static bool ends_in_file(str name)
{
	return name.n > 4 && str_eq_case(str_cut(name, name.n - 4, name.n), STR("File"));
}

/* "PasswordFile" is a file that holds the secret "Password". The words live as long as the program. */
static const char *secret_file(const struct cmd *c, str name)
{
	static const struct {
		const char *secret, *file;
	} words[] = { { "Password", "PasswordFile" }, { "Pin", "PinFile" }, { "Secret", "SecretFile" } };
	struct cmd_param p;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq_case(str_of(words[i].file), name) && cmd_param_find(c, str_of(words[i].secret), &p, NULL) && p.type == SCHEMA_SECRET)
			return words[i].file;
	return NULL;
}

static enum shell_param kind_of(const struct cmd_param *p)
{
	if (p->is_switch)
		return SHELL_PARAM_SWITCH;
	if (p->type == SCHEMA_SECRET)
		return SHELL_PARAM_SECRET;
	return p->type == SCHEMA_LISTED || p->type == SCHEMA_OBJECTS ? SHELL_PARAM_LIST : SHELL_PARAM_VALUE;
}

static enum shell_param on_param(void *arg, const char *cmdlet, str name, const char **canonical, str *near)
{
	struct cmd_param p;
	const struct cmd *c = cmd_find(str_of(cmdlet), NULL);
	if (c == NULL)
		return SHELL_PARAM_NONE;
	*canonical = ends_in_file(name) ? secret_file(c, name) : NULL;
	if (*canonical != NULL)
		return SHELL_PARAM_SECRET;
	if (!cmd_param_find(c, name, &p, near))
		return SHELL_PARAM_NONE;
	*canonical = p.name;
	return kind_of(&p);
}

static const char *on_positional(void *arg, const char *cmdlet, size_t i)
{
	const struct cmd *c = cmd_find(str_of(cmdlet), NULL);
	return c != NULL ? cmd_positional(c, i) : NULL;
}

/* ---- the server ---- */

/* Root and the owner of the deployment need no session at the console; everybody else signs in, if no earlier session is left. */
static bool owns(const char *dir)
{
	struct stat st;
	return geteuid() == 0 || (stat(dir, &st) == 0 && st.st_uid == geteuid());
}

static err begin_session(struct console *c, struct diag *d)
{
	json_t *answer = NULL, *none = json_object();
	(void)failed(session_recall(c->link, NULL));
	err e = link_send(c->link, "session", none, NULL, d);
	json_decref(none);
	if (!failed(e))
		e = link_receive(c->link, &answer, d);
	if (!failed(e) && link_wants_sign_in(answer))
		e = sign_in(c->link, &c->where.who, d);
	else if (!failed(e))
		e = control_result(answer, d);
	json_decref(answer);
	return e;
}

static err reach_server(struct console *c, struct diag *d)
{
	bool is_local = c->where.url == NULL;
	if (c->link != NULL)
		return OK;
	if (is_local)
		TRY(link_open_local(c->where.dir, &c->link, d));
	else
		TRY(remote_open(c->where.url, &(struct remote_options){ .ca = c->where.ca, .dir = c->where.dir, .cert = c->where.who.cert }, &c->link, d));
	err e = is_local && owns(c->where.dir) && c->where.who.user == NULL && c->where.who.cert == NULL ? OK : begin_session(c, d);
	if (failed(e)) {
		link_close(c->link);
		c->link = NULL;
	}
	return e;
}

/* ---- asking first ---- */

static bool ask(struct console *c, const char *question)
{
	char line[16];
	if (c->yes_to_all)
		return true;
	for (;;) {
		(void)fprintf(stderr, "%s\n[Y] yes  [A] yes to all  [N] no (default N): ", question);
		if (fgets(line, sizeof line, stdin) == NULL)
			return false;
		char answer = char_lower(line[0]);
		if (answer == 'a')
			c->yes_to_all = true;
		if (answer == 'y' || answer == 'a')
			return true;
		if (answer == 'n' || answer == '\n')
			return false;
	}
}

static err confirm(struct console *c, const struct cmd *cmd, const json_t *parameters, const json_t *input, struct diag *d)
{
	const json_t *wish = json_object_get(parameters, "Confirm"), *identity = json_object_get(parameters, "Identity");
	char question[320];
	bool forced = json_is_true(json_object_get(parameters, "Force")) || json_is_true(json_object_get(parameters, "WhatIf")) || json_is_false(wish);
	if (!json_is_true(wish) && (forced || !cmd_has(cmd, CMD_ASKS) || !c->is_person))
		return OK;
	if (identity == NULL)
		identity = json_is_object(input) ? json_object_get(input, "Identity") : input;
	(void)snprintf(question, sizeof question, "%s %.200s?", cmd->name, json_is_string(identity) ? json_string_value(identity) : "");
	if (!c->is_person)
		return diag_fail(d, ERR(REFUSED), cmd->name, "say -Confirm:$false, or run it at a terminal", "nobody is there to confirm it");
	return ask(c, question) ? OK : diag_fail(d, ERR(REFUSED), cmd->name, "", "not confirmed, nothing was done");
}

static err on_send(void *arg, const char *cmdlet, json_t *parameters, json_t *input, struct diag *d)
{
	struct console *c = arg;
	const struct cmd *cmd = cmd_find(str_of(cmdlet), NULL);
	str name = STR("");
	ENSURE(cmd != NULL, ABSENT);
	TRY(confirm(c, cmd, parameters, input, d));
	TRY(reach_server(c, d));
	TRY(transfer_before(c, cmdlet, parameters, &name, d));
	TRY(certificate_before(cmdlet, parameters, &name, d));
	TRY(application_before(cmdlet, parameters, d));
	TRY(link_send(c->link, cmdlet, parameters, input, d));
	json_t *note = name.n != 0 ? json_pack("{s:s,s:s#,s:O?}", "cmdlet", cmdlet, "name", name.p, (int)name.n, "password", json_object_get(parameters, "Password")) : json_null();
	return json_array_append_new(c->files, note) == 0 ? OK : ERR(NO_MEMORY);
}

/* "MinPasswordLength: "99" is not possible here": the place goes before the reason, where it says more than the line does. */
static void name_place(struct diag *d)
{
	char what[sizeof d->what];
	if (d->where[0] == '\0' || strstr(d->what, d->where) != NULL || cmd_find(str_of(d->where), NULL) != NULL || strcmp(d->where, "Identity") == 0)
		return;
	(void)snprintf(what, sizeof what, "%.100s: %.130s", d->where, d->what);
	(void)snprintf(d->what, sizeof d->what, "%s", what);
	d->where[0] = '\0';
}

static err finish_files(struct console *c, const json_t *note, json_t *answer, struct diag *d)
{
	const char *cmdlet = json_string_value(json_object_get(note, "cmdlet"));
	str name = str_of(json_string_value(json_object_get(note, "name")));
	if (strcmp(cmdlet, "Export-CsConfiguration") == 0)
		return transfer_after(c, name, str_of(json_string_value(json_object_get(note, "password"))), answer, d);
	return certificate_after(cmdlet, name, answer, d);
}

static err on_receive(void *arg, json_t **answer, struct diag *d)
{
	struct console *c = arg;
	json_t *note = json_incref(json_array_get(c->files, 0));
	(void)json_array_remove(c->files, 0);
	err e = c->link != NULL ? link_receive(c->link, answer, d) : ERR(CLOSED);
	if (failed(e) && c->link != NULL) { /* the next command begins anew */
		link_close(c->link);
		c->link = NULL;
		(void)json_array_clear(c->files);
	}
	if (!failed(e)) {
		e = control_result(*answer, d);
		name_place(d);
	}
	if (!failed(e) && json_is_object(note))
		e = finish_files(c, note, *answer, d);
	json_decref(note);
	return e;
}

json_t *console_ask(struct console *c, const char *cmdlet)
{
	struct diag d = { 0 };
	json_t *answer = NULL, *none = json_object(), *objects = NULL;
	if (c->link == NULL && c->where.url == NULL && c->where.who.user == NULL && owns(c->where.dir))
		(void)failed(reach_server(c, &d));
	if (c->link != NULL && json_array_size(c->files) == 0 && !failed(link_send(c->link, cmdlet, none, NULL, &d)) && !failed(link_receive(c->link, &answer, &d)) &&
	    !failed(control_result(answer, &d)))
		objects = json_incref(json_object_get(answer, "objects"));
	json_decref(none);
	json_decref(answer);
	return objects;
}

err console_call(struct console *c, const char *cmdlet, json_t *parameters, json_t **objects, struct diag *d)
{
	json_t *answer = NULL, *given = parameters != NULL ? parameters : json_object();
	err e = reach_server(c, d);
	if (!failed(e))
		e = link_send(c->link, cmdlet, given, NULL, d);
	if (!failed(e))
		e = link_receive(c->link, &answer, d);
	if (!failed(e))
		e = control_result(answer, d);
	*objects = !failed(e) ? json_incref(json_object_get(answer, "objects")) : NULL;
	json_decref(given);
	json_decref(answer);
	return e;
}

err console_get(struct console *c, const char *cmdlet, json_t **objects, struct diag *d)
{
	return console_call(c, cmdlet, NULL, objects, d);
}

/* ---- the terminal ---- */

static void on_show(void *arg, json_t *objects, const struct shell_format *how)
{
	const struct console *c = arg;
	struct shell_format own = { .as = c->as };
	shell_print(stdout, objects, how == NULL && c->as != SHELL_AS_AUTO ? &own : how, console_columns());
	(void)fflush(stdout);
}

/* Ten thousand users from a file are one reason to warn, not ten thousand. */
static bool is_new(struct console *c, str text)
{
	char key[520];
	if (!str_to_z(str_cut(text, 0, sizeof key - 1), key, sizeof key) || json_object_size(c->warned) >= WARNINGS_MOST)
		return true;
	bool fresh = json_object_get(c->warned, key) == NULL;
	(void)json_object_set_new(c->warned, key, json_true());
	return fresh;
}

static void on_say(void *arg, enum shell_stream stream, str text)
{
	static const char *const before[] = { [SHELL_WARNING] = "WARNING: ", [SHELL_VERBOSE] = "VERBOSE: ", [SHELL_ERROR] = "", [SHELL_PROGRESS] = "\r" };
	FILE *to = stream == SHELL_OUTPUT ? stdout : stderr;
	if (stream == SHELL_WARNING && !is_new(arg, text))
		return;
	if (stream == SHELL_PROGRESS && !isatty(STDERR_FILENO))
		return;
	if (stream != SHELL_OUTPUT)
		(void)fputs(before[stream], to);
	shell_print_text(to, text);
	if (stream == SHELL_PROGRESS)
		(void)fputs("\033[K", to);
	else if (text.n == 0 || text.p[text.n - 1] != '\n')
		(void)fputc('\n', to);
	(void)fflush(to);
}

static bool on_read_line(void *arg, const char *prompt, bool hidden, struct buf *out)
{
	char line[LINE_MOST];
	struct termios shown, now;
	bool is_hidden = hidden && tcgetattr(STDIN_FILENO, &shown) == 0;
	(void)fprintf(stderr, "%s: ", prompt);
	if (is_hidden) {
		now = shown;
		now.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
	}
	bool is_there = fgets(line, sizeof line, stdin) != NULL;
	if (is_hidden) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		(void)fputc('\n', stderr);
	}
	if (is_there)
		buf_add(out, str_cut(str_of(line), 0, strcspn(line, "\r\n")));
	explicit_bzero(line, sizeof line);
	return is_there;
}

/* ---- files ---- */

static err no_file(struct diag *d, str path, const char *what)
{
	char where[140];
	(void)snprintf(where, sizeof where, "%.*s", STR_FMT(str_cut(path, 0, 130)));
	return diag_fail(d, errno == ENOENT ? ERR(ABSENT) : ERR(SYSTEM), where, "check the name and your rights", "cannot %s it: %s", what, strerror(errno));
}

static err read_all(int fd, struct buf *out)
{
	char piece[16384];
	err e = OK;
	for (ssize_t n = 1; n != 0 && !failed(e);) {
		n = read(fd, piece, sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			e = ERR(SYSTEM);
		else
			buf_add(out, (str){ piece, (size_t)n });
		if (out->failed || out->n > FILE_MOST)
			e = ERR(CEILING);
	}
	explicit_bzero(piece, sizeof piece);
	return e;
}

static err on_read_file(void *arg, str path, struct buf *out, struct diag *d)
{
	char name[LINE_MOST];
	if (str_eq(path, STR("-")) && isatty(STDIN_FILENO))
		return on_read_line(arg, "Password", true, out) ? OK : ERR(ABSENT);
	ENSURE(str_to_z(path, name, sizeof name), CEILING);
	int fd = str_eq(path, STR("-")) ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	err e = fd >= 0 ? read_all(fd, out) : no_file(d, path, "read");
	if (fd > STDIN_FILENO)
		(void)close(fd);
	return e;
}

static err on_write_file(void *arg, str path, bool append, str text, struct diag *d)
{
	char name[LINE_MOST];
	ENSURE(str_to_z(path, name, sizeof name), CEILING);
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0600);
	if (fd < 0)
		return no_file(d, path, "write");
	err e = OK;
	for (size_t at = 0; at < text.n && !failed(e);) {
		ssize_t n = write(fd, text.p + at, text.n - at);
		if (n < 0 && errno != EINTR)
			e = no_file(d, path, "write");
		at += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) != 0 && !failed(e))
		e = no_file(d, path, "write");
	return e;
}

/* A script by its path, else among the scripts that come with the program. A backslash is a slash here. */
static err on_find_script(void *arg, str name, struct buf *text, struct diag *d)
{
	static const char *const places[] = { "", WITAN_SCRIPTS "/", "scripts/" };
	char path[LINE_MOST];
	err e = ERR(ABSENT);
	if (str_begins(name, STR(".\\")) || str_begins(name, STR("./")))
		name = str_cut(name, 2, name.n);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		int n = snprintf(path, sizeof path, "%s%.*s", places[i], STR_FMT(name));
		ENSURE(n > 0 && (size_t)n < sizeof path, CEILING);
		for (char *p = path; *p != '\0'; p++)
			*p = *p == '\\' ? '/' : *p;
		if (access(path, R_OK) == 0)
			return on_read_file(arg, str_of(path), text, d);
	}
	return diag_fail(d, e, "script", "give its path, or put it into " WITAN_SCRIPTS, "there is no script %.*s", STR_FMT(str_cut(name, 0, 120)));
}

/* ---- help ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct cmd *const *)a)->name, (*(const struct cmd *const *)b)->name);
}

static json_t *on_commands(void *arg)
{
	const struct cmd *list[COMMANDS_MOST];
	size_t n = 0;
	json_t *all = json_array();
	while (n < COMMANDS_MOST && cmd_at(n) != NULL) {
		list[n] = cmd_at(n);
		n++;
	}
	qsort(list, n, sizeof *list, by_name);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "CommandType", "Cmdlet", "Name", list[i]->name, "Version", WITAN_VERSION, "Source", "Lync"));
	return all;
}

static err on_help(void *arg, str topic, unsigned what, struct buf *out)
{
	str parameter, name = str_split(topic, ' ', &parameter);
	const struct cmd *c = cmd_find(name, NULL);
	ENSURE(c != NULL, ABSENT);
	if ((what & SHELL_HELP_PARAMETER) != 0)
		return explain_parameter(out, c, parameter);
	explain(out, c, (what & SHELL_HELP_FULL) != 0 ? EXPLAIN_FULL : (what & SHELL_HELP_EXAMPLES) != 0 ? EXPLAIN_EXAMPLES : (what & SHELL_HELP_DETAILED) != 0 ? EXPLAIN_DETAILED : EXPLAIN_SHORT);
	return OK;
}

/* ---- life ---- */

static const struct shell_door door = {
	.find = on_find,
	.param = on_param,
	.positional = on_positional,
	.send = on_send,
	.receive = on_receive,
	.show = on_show,
	.say = on_say,
	.read_line = on_read_line,
	.read_file = on_read_file,
	.write_file = on_write_file,
	.find_script = on_find_script,
	.commands = on_commands,
	.help = on_help,
};

err console_open(struct console *c, const struct console_where *where, struct diag *d)
{
	*c = (struct console){ .where = *where, .files = json_array(), .warned = json_object(), .is_person = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) };
	ENSURE(c->files != NULL && c->warned != NULL, NO_MEMORY);
	return shell_new(&door, c, &c->shell);
}

void console_close(struct console *c)
{
	shell_free(c->shell);
	link_close(c->link);
	json_decref(c->files);
	json_decref(c->warned);
	*c = (struct console){ 0 };
}

/* ---- running ---- */

static void tell(const char *name, str text, err e, const struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1 << 20);
	bool told = d->what[0] != '\0';
	if (name[0] != '\0')
		buf_printf(&b, "%s: ", name);
	if (d->where[0] != '\0')
		buf_printf(&b, "%s: ", d->where);
	buf_printf(&b, "%s\n", told ? d->what : e.def->text);
	if (d->line != 0 && text.n != 0)
		shell_caret(text, d, &b);
	if (d->remedy[0] != '\0')
		buf_printf(&b, "  remedy: %s\n", d->remedy);
	shell_print_text(stderr, buf_str(&b));
}

static err finish(struct console *c, const char *name, str text, err e, const struct diag *d)
{
	if (failed(e) && !err_is(e, ERR_INCOMPLETE) && !shell_has_told(c->shell))
		tell(name, text, e, d);
	return e;
}

err console_run(struct console *c, const char *name, str text)
{
	struct diag d = { 0 };
	c->yes_to_all = false;
	(void)json_object_clear(c->warned);
	err e = shell_run(c->shell, text, &d);
	return finish(c, name, text, e, &d);
}

err console_run_words(struct console *c, size_t n, const str *words)
{
	struct diag d = { 0 };
	err e = shell_run_words(c->shell, n, words, &d);
	if (str_eq_case(str_of(d.where), n != 0 ? words[0] : STR("")))
		d.where[0] = '\0';
	return finish(c, n != 0 ? "witan" : "", STR(""), e, &d);
}
