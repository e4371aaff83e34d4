/* SPDX-License-Identifier: Apache-2.0 */
/* Commands with their arguments, and pipelines of them. */
#include "wire/shell/shell_priv.h"

/* ---- arguments ---- */

/* $x and what is glued to it: $site/Main. */
static err glue(struct shell_reader *r, struct shell_node *first, struct shell_node **out)
{
	struct shell_node *word, *all;
	char kind;
	if (shell_is_end(r, r->at) || shell_quote(shell_rest(r), &kind) != 0) {
		*out = first;
		return OK;
	}
	TRY(shell_node_wrap(r, SHELL_EXPAND, first, &all));
	TRY(shell_read_word(r, &word));
	TRY(shell_node_add(r, all, word));
	all->op = SHELL_OP_WORD;
	*out = all;
	return OK;
}

static err read_bare(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *n;
	size_t at = r->at, end = r->at;
	while (!shell_is_end(r, end))
		end++;
	str s = str_cut(r->text, at, end);
	TRY(shell_node_new(r, SHELL_NUMBER, at, &n));
	if (s.n == 0)
		return shell_wrong(
			r, at, "write a value there", "a value is missing before \"%.*s\"", STR_FMT(shell_excerpt(r)));
	if (!shell_number(s, &n->is_real, &n->integer, &n->real))
		return shell_read_word(r, out);
	n->text = s;
	r->at = end;
	n->end = (uint32_t)end;
	*out = n;
	return OK;
}

static bool begins_primary(const struct shell_reader *r)
{
	char kind, c = shell_peek(r), next = shell_peek_at(r, 1);
	str after = str_cut(shell_rest(r), 1, r->text.n);
	if (c == '(' || c == '{' || shell_quote(shell_rest(r), &kind) != 0)
		return true;
	return c == '@' && (next == '(' || next == '{' || shell_quote(after, &kind) != 0);
}

static err read_one(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *first;
	if (begins_primary(r))
		return shell_read_primary(r, out);
	if (!shell_is_variable(r, r->at))
		return read_bare(r, out);
	TRY(shell_read_primary(r, &first));
	return glue(r, first, out);
}

err shell_read_argument(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *item, *array = NULL;
	TRY(read_one(r, &item));
	for (size_t end = r->at;; end = r->at) {
		shell_blanks(r);
		if (!shell_take(r, ',')) {
			r->at = end;
			break;
		}
		if (array == NULL)
			TRY(shell_node_wrap(r, SHELL_ARRAY, item, &array));
		shell_lines(r);
		TRY(read_one(r, &item));
		TRY(shell_node_add(r, array, item));
	}
	*out = array != NULL ? array : item;
	return OK;
}

static err read_parameter(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *n, *value;
	char kind;
	TRY(shell_node_new(r, SHELL_PARAMETER, r->at, &n));
	r->at += shell_dash(shell_rest(r));
	size_t from = r->at;
	while (!shell_is_end(r, r->at) && shell_peek(r) != ':' && shell_quote(shell_rest(r), &kind) == 0)
		r->at++;
	n->text = str_cut(r->text, from, r->at);
	n->end = (uint32_t)r->at;
	*out = n;
	if (!shell_take(r, ':'))
		return OK;
	shell_blanks(r);
	TRY(shell_read_argument(r, &value));
	return shell_node_add(r, n, value);
}

static bool begins_splat(const struct shell_reader *r)
{
	size_t n = shell_name_length(str_cut(shell_rest(r), 1, r->text.n));
	return shell_peek(r) == '@' && n != 0 && shell_is_end(r, r->at + 1 + n);
}

static err read_splat(struct shell_reader *r, struct shell_node **out)
{
	size_t at = r->at++, n = shell_name_length(shell_rest(r));
	r->at += n;
	TRY(shell_node_new(r, SHELL_SPLAT, at, out));
	(*out)->text = str_cut(r->text, at + 1, r->at);
	return OK;
}

static err read_word_of_command(struct shell_reader *r, struct shell_node **out)
{
	if (str_begins(shell_rest(r), STR("--%")))
		return shell_wrong(r, r->at, "quote what must not be read", "--%% is not part of this shell");
	if (shell_is_dash_letter(shell_rest(r)) || str_begins(shell_rest(r), STR("-?")))
		return read_parameter(r, out);
	return begins_splat(r) ? read_splat(r, out) : shell_read_argument(r, out);
}

/* What cannot stand between or after arguments. */
static err check_between(struct shell_reader *r)
{
	char c = shell_peek(r), next = shell_peek_at(r, 1);
	if (c == '>' || c == '<')
		return shell_wrong(
			r, r->at, "| Out-File, | Export-Csv, | Out-Null", "redirection: use Export-Csv / Out-File");
	if (c == '|' && next == '|')
		return shell_wrong(r, r->at, "use if ($?) { }", "|| is not part of this shell");
	if (c == '&')
		return shell_wrong(r, r->at, next == '&' ? "use if ($?) { }" : "quote it if it belongs to a text",
			next == '&' ? "&& is not part of this shell" : "an & is not part of a command");
	return OK;
}

static bool at_end_of_command(const struct shell_reader *r)
{
	char c = shell_peek(r);
	return r->at >= r->text.n || c == '\n' || (c == '\r' && shell_peek_at(r, 1) == '\n') || c == ';' || c == '|' ||
	       c == ')' || c == '}';
}

/* ---- commands ---- */

/* Get<en dash>CsUser */
static err plain_dashes(struct shell_reader *r, struct shell_node *name)
{
	size_t n = 0;
	char *p = NULL;
	for (size_t i = 0; i < name->text.n; i++) {
		size_t dash = shell_dash(str_cut(name->text, i, name->text.n));
		if (dash > 1 && p == NULL) {
			p = arena_alloc(r->a, name->text.n);
			ENSURE(p != NULL, NO_MEMORY);
			n = i;
			memcpy(p, name->text.p, i);
		}
		if (p != NULL)
			p[n++] = dash != 0 ? '-' : name->text.p[i];
		i += dash > 1 ? dash - 1 : 0;
	}
	if (p != NULL)
		name->text = (str){ p, n };
	return OK;
}

static err read_command_name(struct shell_reader *r, struct shell_node *command)
{
	struct shell_node *name;
	char kind;
	if (shell_take(r, '&'))
		command->op = SHELL_OP_CALL;
	else if (shell_peek(r) == '.' && (shell_peek_at(r, 1) == ' ' || shell_peek_at(r, 1) == '\t'))
		command->op = SHELL_OP_DOT;
	r->at += command->op == SHELL_OP_DOT;
	shell_blanks(r);
	bool value = begins_primary(r) || shell_is_variable(r, r->at);
	if (command->op != SHELL_OP_NONE && value && shell_peek(r) != '@') {
		TRY(shell_read_primary(r, &name));
		return shell_node_add(r, command, name);
	}
	if (shell_is_end(r, r->at) || shell_quote(shell_rest(r), &kind) != 0)
		return shell_wrong(r, r->at, "write a command there",
			r->at < r->text.n ? "a command is missing before \"%.*s\"" : "a command is missing%.*s",
			STR_FMT(shell_excerpt(r)));
	TRY(shell_read_word(r, &name));
	TRY(plain_dashes(r, name));
	return shell_node_add(r, command, name);
}

static err read_command(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *command, *word;
	TRY(shell_node_new(r, SHELL_COMMAND, r->at, &command));
	TRY(read_command_name(r, command));
	for (;;) {
		size_t end = r->at;
		shell_blanks(r);
		TRY(check_between(r));
		if (at_end_of_command(r)) {
			command->end = (uint32_t)end;
			break;
		}
		TRY(read_word_of_command(r, &word));
		TRY(shell_node_add(r, command, word));
	}
	*out = command;
	return OK;
}

/* ---- pipelines ---- */

static bool begins_number(const struct shell_reader *r)
{
	size_t n = 0;
	bool real;
	int64_t i;
	double d;
	str s = shell_rest(r);
	while (n < s.n && ((shell_is_name(s.p[n]) && (unsigned char)s.p[n] < 0x80) ||
				  (s.p[n] == '.' && n + 1 < s.n && s.p[n + 1] != '.')))
		n++;
	return n != 0 && shell_number(str_cut(s, 0, n), &real, &i, &d) &&
	       (n == s.n || memchr("\\:@_", s.p[n], 4) == NULL);
}

static bool begins_expression(const struct shell_reader *r)
{
	char kind, c = shell_peek(r), next = shell_peek_at(r, 1);
	bool strict;
	size_t dash = shell_dash(shell_rest(r));
	str after = str_cut(shell_rest(r), dash, r->text.n);
	if (c == '$' || c == '[' || c == '!' || c == ',' || c == '@' || (c == '+' && (next == '+' || next == '$')))
		return true;
	if (dash != 0 && shell_is_dash_letter(shell_rest(r)))
		return shell_op_find(str_cut(after, 0, shell_name_length(after)), &strict) != SHELL_OP_NONE;
	if (dash != 0)
		return after.n != 0 && (memchr("$(.0123456789", after.p[0], 13) != NULL || shell_dash(after) != 0);
	return c == '(' || c == '{' || shell_quote(shell_rest(r), &kind) != 0 || begins_number(r);
}

static err read_first(struct shell_reader *r, struct shell_node **out)
{
	if (begins_expression(r))
		return shell_read_expression(r, out);
	if (shell_is_dash_letter(shell_rest(r)))
		return shell_wrong(r, r->at, "write the command first; ` at the end of a line continues it",
			"\"%.*s\" belongs to no command", STR_FMT(shell_excerpt(r)));
	return read_command(r, out);
}

static bool is_target(const struct shell_node *n)
{
	if (n->kind == SHELL_CAST)
		n = n->kids;
	if (n->kind != SHELL_ARRAY)
		return n->kind == SHELL_VAR || n->kind == SHELL_MEMBER || n->kind == SHELL_INDEX;
	for (n = n->kids; n != NULL; n = n->next)
		if (n->kind != SHELL_VAR)
			return false;
	return true;
}

static enum shell_op take_assignment(struct shell_reader *r)
{
	static const char letters[] = "+-*/%";
	char c = shell_peek(r);
	size_t dash = shell_dash(shell_rest(r));
	const char *found = c != '\0' ? strchr(letters, c) : NULL;
	if (c == '=') {
		r->at++;
		return SHELL_OP_ASSIGN;
	}
	if (dash != 0)
		found = letters + 1;
	if (found == NULL || shell_peek_at(r, dash != 0 ? dash : 1) != '=')
		return SHELL_OP_NONE;
	r->at += (dash != 0 ? dash : 1) + 1;
	return (enum shell_op)(SHELL_OP_ADD + (found - letters));
}

static err read_assignment(
	struct shell_reader *r, struct shell_node *target, enum shell_op op, size_t at, struct shell_node **out)
{
	struct shell_node *value;
	if (shell_peek(r) == '=')
		return shell_wrong(r, at, "compare with -eq", "== is not part of this shell");
	if (!is_target(target))
		return shell_wrong(r, target->at, "assign to a $variable, or to a property of one",
			"this is nothing that a value can be assigned to");
	TRY(shell_node_wrap(r, SHELL_ASSIGN, target, out));
	(*out)->op = op;
	shell_lines(r);
	TRY(shell_enter(r));
	TRY(shell_read_statement(r, &value));
	shell_leave(r);
	return shell_node_add(r, *out, value);
}

static err read_rest(struct shell_reader *r, struct shell_node *pipeline)
{
	struct shell_node *command;
	for (;;) {
		shell_blanks(r);
		TRY(check_between(r));
		if (!shell_take(r, '|'))
			return OK;
		shell_lines(r);
		if (begins_expression(r))
			return shell_wrong(r, r->at, "write a command after the |, maybe ForEach-Object { }",
				"only the first part of a pipeline may be a value");
		TRY(read_command(r, &command));
		TRY(shell_node_add(r, pipeline, command));
	}
}

err shell_read_pipeline(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *first, *pipeline;
	TRY(read_first(r, &first));
	size_t end = r->at;
	shell_blanks(r);
	size_t at = r->at;
	enum shell_op op = first->kind != SHELL_COMMAND ? take_assignment(r) : SHELL_OP_NONE;
	if (op != SHELL_OP_NONE)
		return read_assignment(r, first, op, at, out);
	TRY(shell_node_wrap(r, SHELL_PIPELINE, first, &pipeline));
	pipeline->end = (uint32_t)end;
	*out = pipeline;
	return read_rest(r, pipeline);
}
