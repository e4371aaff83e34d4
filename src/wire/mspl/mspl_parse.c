/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and functions of a script as a tree. */
#include "wire/mspl/mspl_priv.h"

static err statement(struct parser *p, struct node **out);

struct node *mspl_node(struct parser *p, enum node_kind kind, uint32_t at)
{
	struct node *n = p->nodes < MSPL_NODES ? arena_zalloc(p->arena, sizeof *n) : NULL;
	if (n == NULL) {
		(void)failed(mspl_refuse(p->script, p->d, at, "make it smaller", "the script is too large"));
		return NULL;
	}
	p->nodes++;
	n->kind = (uint8_t)kind;
	n->at = at;
	return n;
}

err mspl_down(struct parser *p)
{
	if (p->depth == MSPL_DEPTH)
		return mspl_refuse(p->script, p->d, p->token.at, "use variables or functions", "nested or chained more than %d times", MSPL_DEPTH);
	p->depth++;
	return OK;
}

bool mspl_is_word(const struct token *t, const char *word)
{
	return t->kind == TOKEN_NAME && str_eq_case(t->text, str_of(word));
}

err mspl_expect(struct parser *p, enum token_kind kind, const char *what)
{
	if (p->token.kind == kind)
		return mspl_next(p);
	return mspl_refuse(p->script, p->d, p->token.at, "see the grammar in the guide", "%s is missing%s", what, p->token.kind == TOKEN_END ? " at the end" : "");
}

static err expect_word(struct parser *p, const char *word)
{
	if (mspl_is_word(&p->token, word))
		return mspl_next(p);
	return mspl_refuse(p->script, p->d, p->token.at, "see the grammar in the guide", "\"%s\" is missing", word);
}

static err expect_name(struct parser *p, str *name)
{
	static const char *const taken[] = { "if", "else", "switch", "case", "default", "foreach", "while", "break", "continue", "return", "function", "in",
		"true", "false", "null" };
	*name = p->token.text;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (mspl_is_word(&p->token, taken[i]))
			return mspl_refuse(p->script, p->d, p->token.at, "take another name", "\"%s\" is a word of the language", taken[i]);
	if (p->token.kind != TOKEN_NAME)
		return mspl_refuse(p->script, p->d, p->token.at, "letters, digits and _, not a digit first", "a name is missing");
	return mspl_next(p);
}

/* ---- statements ---- */

static err block(struct parser *p, struct node *n)
{
	struct node **at = &n->a;
	TRY(mspl_expect(p, TOKEN_BEGIN, "{"));
	while (p->token.kind != TOKEN_FINISH) {
		if (p->token.kind == TOKEN_END)
			return mspl_refuse(p->script, p->d, n->at, "close it where it ends", "this { has no }");
		TRY(statement(p, at));
		at = &(*at)->next;
	}
	return mspl_next(p);
}

static err condition(struct parser *p, struct node **out)
{
	TRY(mspl_next(p));
	TRY(mspl_expect(p, TOKEN_OPEN, "( before the condition"));
	TRY(mspl_parse_expression(p, out));
	return mspl_expect(p, TOKEN_CLOSE, ") after the condition");
}

static err if_statement(struct parser *p, struct node *n)
{
	TRY(condition(p, &n->a));
	TRY(statement(p, &n->b));
	if (!mspl_is_word(&p->token, "else"))
		return OK;
	TRY(mspl_next(p));
	return statement(p, &n->c);
}

static err while_statement(struct parser *p, struct node *n)
{
	TRY(condition(p, &n->a));
	return statement(p, &n->b);
}

static err foreach_statement(struct parser *p, struct node *n)
{
	TRY(mspl_next(p));
	TRY(mspl_expect(p, TOKEN_OPEN, "( after foreach"));
	TRY(expect_name(p, &n->name));
	TRY(expect_word(p, "in"));
	TRY(mspl_parse_expression(p, &n->a));
	TRY(mspl_expect(p, TOKEN_CLOSE, ") after the collection"));
	return statement(p, &n->b);
}

static bool is_case_end(const struct parser *p)
{
	return mspl_is_word(&p->token, "case") || mspl_is_word(&p->token, "default") || p->token.kind == TOKEN_FINISH || p->token.kind == TOKEN_END;
}

/* Every case ends by itself: what runs into the next one is refused. */
static err case_body(struct parser *p, struct node *n)
{
	struct node **at = &n->b, *last = NULL;
	TRY(mspl_expect(p, TOKEN_COLON, ":"));
	while (!is_case_end(p)) {
		TRY(statement(p, at));
		last = *at;
		at = &last->next;
	}
	if (last != NULL && (last->kind == NODE_BREAK || last->kind == NODE_RETURN))
		return OK;
	return mspl_refuse(p->script, p->d, n->at, "end it with break;", "this case runs into the next one");
}

static err switch_case(struct parser *p, struct node *n, bool *has_default)
{
	if (mspl_is_word(&p->token, "default")) {
		*has_default = true;
		TRY(mspl_next(p));
		return case_body(p, n);
	}
	if (*has_default)
		return mspl_refuse(p->script, p->d, p->token.at, "put default last", "nothing may stand after default");
	TRY(expect_word(p, "case"));
	TRY(mspl_parse_constant(p, &n->a));
	return case_body(p, n);
}

static err switch_statement(struct parser *p, struct node *n)
{
	struct node **at = &n->b;
	bool has_default = false;
	TRY(condition(p, &n->a));
	TRY(mspl_expect(p, TOKEN_BEGIN, "{ of switch"));
	while (p->token.kind != TOKEN_FINISH) {
		*at = mspl_node(p, NODE_CASE, p->token.at);
		ENSURE(*at != NULL, CEILING);
		TRY(switch_case(p, *at, &has_default));
		at = &(*at)->next;
	}
	return mspl_next(p);
}

static err jump_statement(struct parser *p, struct node *n)
{
	(void)n;
	TRY(mspl_next(p));
	return mspl_expect(p, TOKEN_SEMICOLON, ";");
}

static err return_statement(struct parser *p, struct node *n)
{
	TRY(mspl_next(p));
	if (p->token.kind != TOKEN_SEMICOLON)
		TRY(mspl_parse_expression(p, &n->a));
	return mspl_expect(p, TOKEN_SEMICOLON, ";");
}

static err misplaced_function(struct parser *p, struct node *n)
{
	return mspl_refuse(p->script, p->d, n->at, "move it before the first statement", "functions stand at the beginning of a script");
}

static err misplaced_word(struct parser *p, struct node *n)
{
	return mspl_refuse(p->script, p->d, n->at, "see the grammar in the guide", "a statement cannot begin so");
}

static const struct {
	const char *word;
	enum node_kind kind;
	err (*parse)(struct parser *p, struct node *n);
} rows[] = {
	{ "if", NODE_IF, if_statement }, { "switch", NODE_SWITCH, switch_statement }, { "foreach", NODE_FOREACH, foreach_statement },
	{ "while", NODE_WHILE, while_statement }, { "break", NODE_BREAK, jump_statement }, { "continue", NODE_CONTINUE, jump_statement },
	{ "return", NODE_RETURN, return_statement }, { "function", NODE_FUNCTION, misplaced_function }, { "else", NODE_EMPTY, misplaced_word },
	{ "case", NODE_EMPTY, misplaced_word }, { "default", NODE_EMPTY, misplaced_word },
};

/* An expression, or with = after it an assignment to what it names. */
static err expression_statement(struct parser *p, struct node *n)
{
	TRY(mspl_parse_expression(p, &n->a));
	if (p->token.kind != TOKEN_ASSIGN)
		return mspl_expect(p, TOKEN_SEMICOLON, ";");
	if (n->a->kind != NODE_NAME && n->a->kind != NODE_MEMBER)
		return mspl_refuse(p->script, p->d, n->a->at, "assign to a variable or to sipMessage.Content", "nothing can be assigned to this");
	n->kind = NODE_ASSIGN;
	n->name = n->a->name;
	TRY(mspl_next(p));
	TRY(mspl_parse_expression(p, &n->b));
	return mspl_expect(p, TOKEN_SEMICOLON, ";");
}

static err plain_statement(struct parser *p, struct node *n)
{
	if (p->token.kind == TOKEN_BEGIN) {
		n->kind = NODE_BLOCK;
		return block(p, n);
	}
	if (p->token.kind == TOKEN_SEMICOLON) {
		n->kind = NODE_EMPTY;
		return mspl_next(p);
	}
	return expression_statement(p, n);
}

static err statement(struct parser *p, struct node **out)
{
	struct node *n = mspl_node(p, NODE_EXPR, p->token.at);
	err (*parse)(struct parser *p, struct node *n) = plain_statement;
	ENSURE(n != NULL, CEILING);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (mspl_is_word(&p->token, rows[i].word)) {
			n->kind = (uint8_t)rows[i].kind;
			parse = rows[i].parse;
		}
	*out = n;
	TRY(mspl_down(p));
	TRY(parse(p, n));
	p->depth--;
	return OK;
}

/* ---- functions ---- */

static err parameters(struct parser *p, struct node *f)
{
	struct node **at = &f->a;
	TRY(mspl_expect(p, TOKEN_OPEN, "( after the name of the function"));
	while (p->token.kind != TOKEN_CLOSE) {
		if (f->n == MSPL_ARGUMENTS)
			return mspl_refuse(p->script, p->d, p->token.at, "take fewer", "more than %d parameters", MSPL_ARGUMENTS);
		*at = mspl_node(p, NODE_NAME, p->token.at);
		ENSURE(*at != NULL, CEILING);
		TRY(expect_name(p, &(*at)->name));
		at = &(*at)->next;
		f->n++;
		if (p->token.kind != TOKEN_COMMA)
			break;
		TRY(mspl_next(p));
	}
	return mspl_expect(p, TOKEN_CLOSE, ") after the parameters");
}

static err function(struct parser *p, struct node **out)
{
	struct node *n = mspl_node(p, NODE_FUNCTION, p->token.at);
	ENSURE(n != NULL, CEILING);
	*out = n;
	TRY(mspl_next(p));
	n->at = p->token.at;
	TRY(expect_name(p, &n->name));
	TRY(parameters(p, n));
	n->b = mspl_node(p, NODE_BLOCK, p->token.at);
	ENSURE(n->b != NULL, CEILING);
	return block(p, n->b);
}

err mspl_parse(struct parser *p)
{
	struct node **at = &p->functions;
	unsigned n = 0;
	TRY(mspl_next(p));
	while (mspl_is_word(&p->token, "function")) {
		if (n++ == MSPL_FUNCTIONS)
			return mspl_refuse(p->script, p->d, p->token.at, "write fewer", "more than %d functions", MSPL_FUNCTIONS);
		TRY(function(p, at));
		at = &(*at)->next;
	}
	for (at = &p->statements; p->token.kind != TOKEN_END; at = &(*at)->next)
		TRY(statement(p, at));
	return OK;
}
