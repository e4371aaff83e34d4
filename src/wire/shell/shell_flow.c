/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that begin with a keyword. */
#include "wire/shell/shell_priv.h"

/* ( statement ), with what a keyword wants in it */
static err read_condition(struct shell_reader *r, struct shell_node *n, const char *after)
{
	struct shell_node *condition;
	shell_blanks(r);
	TRY(shell_want(r, '(', after));
	TRY(shell_enter(r));
	shell_lines(r);
	if (shell_peek(r) == ')')
		return shell_wrong(r, r->at, "write it", "there is no condition");
	TRY(shell_read_statement(r, &condition));
	shell_lines(r);
	shell_leave(r);
	TRY(shell_want(r, ')', "the condition"));
	return shell_node_add(r, n, condition);
}

static err read_body(struct shell_reader *r, struct shell_node *n)
{
	struct shell_node *body;
	TRY(shell_read_body(r, &body));
	return shell_node_add(r, n, body);
}

/* A keyword that goes on with the statement, maybe on another line. */
static bool goes_on(struct shell_reader *r, const char *word)
{
	size_t at = r->at;
	shell_lines(r);
	if (shell_keyword(r, word))
		return true;
	r->at = at;
	return false;
}

static err read_if(struct shell_reader *r, struct shell_node *n)
{
	do {
		TRY(read_condition(r, n, "if"));
		TRY(read_body(r, n));
	} while (goes_on(r, "elseif"));
	return goes_on(r, "else") ? read_body(r, n) : OK;
}

static err read_foreach(struct shell_reader *r, struct shell_node *n)
{
	struct shell_node *variable, *of;
	shell_blanks(r);
	TRY(shell_want(r, '(', "foreach"));
	TRY(shell_enter(r));
	shell_lines(r);
	if (!shell_is_variable(r, r->at))
		return shell_wrong(
			r, r->at, "write foreach ($x in $list) { }", "a variable is missing after foreach (");
	TRY(shell_read_variable(r, &variable));
	TRY(shell_node_add(r, n, variable));
	shell_lines(r);
	if (variable->kind != SHELL_VAR || !shell_keyword(r, "in"))
		return shell_wrong(
			r, r->at, "write foreach ($x in $list) { }", "\"in\" is missing after the variable of foreach");
	shell_lines(r);
	TRY(shell_read_statement(r, &of));
	TRY(shell_node_add(r, n, of));
	shell_lines(r);
	shell_leave(r);
	TRY(shell_want(r, ')', "the list of foreach"));
	return read_body(r, n);
}

static err read_part_of_for(struct shell_reader *r, struct shell_node *n, char end)
{
	struct shell_node *part;
	shell_lines(r);
	if (shell_peek(r) == end) {
		TRY(shell_node_add_empty(r, n));
	} else {
		TRY(shell_read_statement(r, &part));
		TRY(shell_node_add(r, n, part));
	}
	shell_lines(r);
	return shell_want(r, end, "a part of for ( ; ; )");
}

static err read_for(struct shell_reader *r, struct shell_node *n)
{
	shell_blanks(r);
	TRY(shell_want(r, '(', "for"));
	TRY(shell_enter(r));
	TRY(read_part_of_for(r, n, ';'));
	TRY(read_part_of_for(r, n, ';'));
	TRY(read_part_of_for(r, n, ')'));
	shell_leave(r);
	return read_body(r, n);
}

static err read_while(struct shell_reader *r, struct shell_node *n)
{
	TRY(read_condition(r, n, "while"));
	return read_body(r, n);
}

static err read_do(struct shell_reader *r, struct shell_node *n)
{
	TRY(read_body(r, n));
	shell_lines(r);
	if (shell_keyword(r, "until"))
		n->kind = SHELL_DO_UNTIL;
	else if (!shell_keyword(r, "while"))
		return shell_wrong(r, r->at, "write do { } while ( )", "while or until is missing after do { }");
	return read_condition(r, n, "while");
}

/* ---- switch ---- */

static err read_switch_flags(struct shell_reader *r, struct shell_node *n)
{
	n->op = SHELL_OP_EQ;
	for (shell_blanks(r); shell_is_dash_letter(shell_rest(r)); shell_blanks(r)) {
		size_t at = r->at;
		r->at += shell_dash(shell_rest(r));
		str flag = shell_peek_word(r);
		if (str_eq_case(flag, STR("regex")))
			n->op = SHELL_OP_MATCH;
		else if (str_eq_case(flag, STR("wildcard")))
			n->op = SHELL_OP_LIKE;
		else if (str_eq_case(flag, STR("casesensitive")))
			n->strict = true;
		else if (!str_eq_case(flag, STR("exact")))
			return shell_wrong(r, at, "write -regex, -wildcard or -casesensitive", "switch has no -%.*s",
				STR_FMT(str_cut(flag, 0, 40)));
		r->at += flag.n;
	}
	return OK;
}

static err read_case(struct shell_reader *r, struct shell_node *n)
{
	struct shell_node *value;
	size_t at = r->at;
	if (shell_keyword(r, "default")) {
		shell_lines(r);
		if (shell_peek(r) == '{') {
			TRY(shell_node_add_empty(r, n));
			return read_body(r, n);
		}
		r->at = at;
	}
	TRY(shell_read_argument(r, &value));
	TRY(shell_node_add(r, n, value));
	return read_body(r, n);
}

static err read_switch(struct shell_reader *r, struct shell_node *n)
{
	TRY(read_switch_flags(r, n));
	TRY(read_condition(r, n, "switch"));
	shell_lines(r);
	TRY(shell_want(r, '{', "the value of switch"));
	TRY(shell_enter(r));
	for (;;) {
		do
			shell_lines(r);
		while (shell_take(r, ';'));
		if (r->at >= r->text.n || shell_peek(r) == '}')
			break;
		TRY(read_case(r, n));
	}
	shell_leave(r);
	return shell_want(r, '}', "the cases of switch");
}

/* ---- try ---- */

static err read_catch(struct shell_reader *r, struct shell_node *n)
{
	shell_lines(r);
	if (shell_peek(r) == '[')
		return shell_wrong(r, r->at, "write one catch { } and look at $_ in it",
			"catching by type is not part of this shell");
	TRY(read_body(r, n));
	size_t at = r->at;
	if (goes_on(r, "catch"))
		return shell_wrong(r, at, "write one catch { } and look at $_ in it", "there is more than one catch");
	return OK;
}

static err read_try(struct shell_reader *r, struct shell_node *n)
{
	TRY(read_body(r, n));
	bool has_catch = goes_on(r, "catch");
	TRY(has_catch ? read_catch(r, n) : shell_node_add_empty(r, n));
	if (goes_on(r, "finally"))
		return read_body(r, n);
	shell_lines(r);
	if (!has_catch)
		return shell_wrong(r, r->at, "write try { } catch { }", "catch or finally is missing after try { }");
	return shell_node_add_empty(r, n);
}

/* ---- leaving ---- */

static err read_leave(struct shell_reader *r, struct shell_node *n)
{
	struct shell_node *value;
	shell_blanks(r);
	char c = shell_peek(r);
	if (r->at >= r->text.n || c == '\n' || c == '\r' || c == ';' || c == '}' || c == ')')
		return shell_node_add_empty(r, n);
	if (n->kind == SHELL_BREAK || n->kind == SHELL_CONTINUE)
		return shell_wrong(r, r->at, "use a variable that the outer loop looks at",
			"labels of loops are not part of this shell");
	TRY(shell_enter(r));
	TRY(shell_read_statement(r, &value));
	shell_leave(r);
	return shell_node_add(r, n, value);
}

/* ---- keywords ---- */

struct keyword {
	const char *word;
	enum shell_kind kind;
	bool bracket; /* only before a ( : elsewhere it is a command's name */
	err (*read)(struct shell_reader *r, struct shell_node *n);
};

static const struct keyword keywords[] = {
	{ "if", SHELL_IF, true, read_if },
	{ "foreach", SHELL_FOREACH, true, read_foreach },
	{ "for", SHELL_FOR, true, read_for },
	{ "while", SHELL_WHILE, true, read_while },
	{ "do", SHELL_DO_WHILE, false, read_do },
	{ "switch", SHELL_SWITCH, false, read_switch },
	{ "try", SHELL_TRY, false, read_try },
	{ "break", SHELL_BREAK, false, read_leave },
	{ "continue", SHELL_CONTINUE, false, read_leave },
	{ "return", SHELL_RETURN, false, read_leave },
	{ "throw", SHELL_THROW, false, read_leave },
	{ "exit", SHELL_EXIT, false, read_leave },
};

static bool precedes_bracket(const struct shell_reader *r, size_t length)
{
	struct shell_reader ahead = *r;
	ahead.at += length;
	shell_blanks(&ahead);
	return shell_peek(&ahead) == '(';
}

static err refuse_keyword(struct shell_reader *r)
{
	static const char *const others[] = { "class", "enum", "using", "trap", "data", "begin", "process", "end",
		"dynamicparam", "filter", "workflow", "parallel", "configuration" };
	struct shell_reader ahead = *r;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (shell_keyword(&ahead, others[i]))
			return shell_wrong(r, r->at, "use functions, ForEach-Object { } and try { } catch { }",
				"%s is not part of this shell", others[i]);
	return OK;
}

err shell_read_flow(struct shell_reader *r, struct shell_node **out, bool *taken)
{
	size_t at = r->at;
	*taken = true;
	if (shell_keyword(r, "function"))
		return shell_read_function(r, out);
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		const struct keyword *k = &keywords[i];
		if ((k->bracket && !precedes_bracket(r, strlen(k->word))) || !shell_keyword(r, k->word))
			continue;
		TRY(shell_node_new(r, k->kind, at, out));
		TRY(k->read(r, *out));
		(*out)->end = (uint32_t)r->at;
		return OK;
	}
	*taken = false;
	return refuse_keyword(r);
}
