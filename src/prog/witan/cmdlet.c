/* SPDX-License-Identifier: Apache-2.0 */
/* Cmdlets of the running server: reads the line by the rows, asks, shows. */
#include "prog/witan/cmdlet_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_MOST = 1024 };

struct line {
	const struct cmd *cmd;
	json_t *parameters;
	enum show as;
	bool help;
};

/* ---- passwords ---- */

/* Asks without showing what is typed. */
static ssize_t ask_password(char *out, size_t size)
{
	struct termios shown, hidden;
	(void)fputs("Password: ", stderr);
	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return -1;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	ssize_t n = read(STDIN_FILENO, out, size);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	(void)fputc('\n', stderr);
	return n;
}

static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t n = 0;
	while (n < size) {
		ssize_t got = read(fd, out + n, size - n);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static err read_password(const char *path, json_t **out, struct diag *d)
{
	char text[PASSWORD_MOST + 1];
	bool from_input = strcmp(path, "-") == 0;
	int fd = from_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	if (fd >= 0)
		n = from_input && isatty(fd) ? ask_password(text, sizeof text) : read_all(fd, text, sizeof text);
	if (fd > STDIN_FILENO)
		(void)close(fd);
	if (n < 0)
		return diag_fail(d, ERR(ABSENT), path, "name a file that you can read, or - for standard input", "cannot read the password");
	str s = { text, (size_t)n };
	if (s.n != 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n != 0 && s.p[s.n - 1] == '\r')
		s.n--;
	bool one_line = s.n <= PASSWORD_MOST && str_find_char(s, '\n') == s.n;
	*out = one_line ? json_stringn(s.p, s.n) : NULL;
	explicit_bzero(text, sizeof text);
	return *out != NULL ? OK : diag_fail(d, ERR(MALFORMED), path, "the file holds the password and nothing else, in UTF-8", "this is not one line of text");
}

/* ---- the line ---- */

static err wrong(struct diag *d, const char *where, const char *remedy, const char *what, str near)
{
	if (near.n == 0)
		return diag_fail(d, ERR(USAGE), where, remedy, "%s", what);
	return diag_fail(d, ERR(USAGE), where, remedy, "%s; did you mean -%.*s?", what, STR_FMT(near));
}

static err add(struct line *l, const struct cmd_param *p, const char *value, struct diag *d)
{
	const char *key = p->name;
	json_t *v = NULL;
	if (json_object_get(l->parameters, key) != NULL)
		return diag_fail(d, ERR(USAGE), p->name, "give it once", "-%s stands there twice", p->name);
	if (p->type == SCHEMA_SECRET)
		TRY(read_password(value, &v, d));
	else
		v = json_string(value);
	if (v == NULL)
		return diag_fail(d, ERR(USAGE), p->name, "write it in UTF-8", "the value of -%s is no text", p->name);
	return json_object_set_new(l->parameters, key, v) == 0 ? OK : ERR(NO_MEMORY);
}

/* -Name value, -Name:value, -As how, -?; *i is the word at hand, and is moved on over a value. */
static err take_option(struct line *l, str name, int argc, char **argv, int *i, struct diag *d)
{
	struct cmd_param p;
	str near, value;
	if (str_eq(name, STR("?")) || str_eq_case(name, STR("-help")) || str_eq_case(name, STR("h"))) {
		l->help = true;
		return OK;
	}
	size_t colon = str_find_char(name, ':');
	value = str_cut(name, colon + 1, name.n);
	name = str_cut(name, 0, colon);
	bool is_as = str_eq_case(name, STR("As"));
	bool file = name.n > 4 && str_eq_case(str_cut(name, name.n - 4, name.n), STR("File"));
	if (file && cmd_param_find(l->cmd, str_cut(name, 0, name.n - 4), &p, &near) && p.type == SCHEMA_SECRET)
		name = str_cut(name, 0, name.n - 4);
	if (!is_as && !cmd_param_find(l->cmd, name, &p, &near)) {
		char what[96];
		(void)snprintf(what, sizeof what, "there is no parameter -%.*s", STR_FMT(str_cut(name, 0, 60)));
		return wrong(d, l->cmd->name, "`witan Get-Help` shows its parameters", what, near);
	}
	if (!is_as && p.is_switch && value.n == 0)
		return add(l, &p, "true", d);
	if (value.n == 0 && ++*i >= argc)
		return diag_fail(d, ERR(USAGE), l->cmd->name, "in a shell, quote '$true' or write true", "-%.*s needs a value", STR_FMT(name));
	const char *text = value.n != 0 ? value.p : argv[*i]; /* the rest of an argument ends in NUL */
	if (!is_as)
		return add(l, &p, text, d);
	return show_find(str_of(text), &l->as) ? OK : diag_fail(d, ERR(USAGE), "-As", "write table, list or json", "%.60s is no way to show objects", text);
}

static err read_line(struct line *l, int argc, char **argv, struct diag *d)
{
	struct cmd_param first;
	bool has_first = cmd_param_at(l->cmd, 0, &first), used = false;
	for (int i = 1; i < argc; i++) {
		str word = str_of(argv[i]);
		if (cmd_take_dash(&word)) {
			TRY(take_option(l, word, argc, argv, &i, d));
		} else if (has_first && !used) {
			used = true;
			TRY(add(l, &first, argv[i], d));
		} else {
			return diag_fail(d, ERR(USAGE), l->cmd->name, "write -NAME before each value", "\"%.80s\" belongs to no parameter", argv[i]);
		}
	}
	return OK;
}

static err check_required(const struct line *l, struct diag *d)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(l->cmd, i, &p); i++)
		if (p.required && json_object_get(l->parameters, p.name) == NULL)
			return diag_fail(d, ERR(USAGE), l->cmd->name, p.help, "-%s is missing", p.name);
	return OK;
}

/* ---- asking ---- */

static err ask(const struct line *l, const char *dir, struct diag *d)
{
	struct control c;
	json_t *answer = NULL;
	TRY(control_open(&c, dir, d));
	err e = control_ask(&c, l->cmd->name, l->parameters, d);
	if (!failed(e))
		e = control_read(&c, &answer, d);
	if (!failed(e))
		e = control_result(answer, d);
	if (!failed(e) && (l->as == SHOW_JSON || json_array_size(json_object_get(answer, "objects")) != 0))
		show_objects(stdout, json_object_get(answer, "objects"), l->as);
	json_decref(answer);
	control_close(&c);
	return e;
}

int cmdlet_main(int argc, char **argv, const char *dir)
{
	const struct cmd *near = NULL;
	struct line l = { .cmd = cmd_find(str_of(argv[0]), &near) };
	struct diag d = { 0 };
	if (l.cmd == NULL && near != NULL)
		return witan_usage("", "there is no cmdlet %s; did you mean %s?", argv[0], near->name);
	if (l.cmd == NULL)
		return witan_usage("", "there is no cmdlet %s (`witan Get-Command` lists them)", argv[0]);
	l.parameters = json_object();
	err e = l.parameters != NULL ? read_line(&l, argc, argv, &d) : ERR(NO_MEMORY);
	if (!failed(e) && l.help) {
		struct buf out DEFER(buf_fini) = { 0 };
		buf_init(&out, 1 << 20);
		explain(&out, l.cmd, EXPLAIN_FULL);
		show_text(stdout, buf_str(&out));
	} else if (!failed(e)) {
		e = check_required(&l, &d);
		if (!failed(e))
			e = ask(&l, dir, &d);
	}
	json_decref(l.parameters);
	if (strcmp(d.where, l.cmd->name) == 0)
		d.where[0] = '\0'; /* it is said already */
	return failed(e) ? witan_fail(l.cmd->name, e, &d) : WITAN_DONE;
}
