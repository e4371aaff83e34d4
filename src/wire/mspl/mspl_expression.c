/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of a script as a tree. */
#include "wire/mspl/mspl_priv.h"

static err unary(struct parser *p, struct node **out);

/* ---- primary ---- */

static const struct {
	const char *word;
	uint8_t type;
	bool truth;
} words[] = { { "true", MSPL_BOOL, true }, { "false", MSPL_BOOL, false }, { "null", MSPL_NULL, false } };

static err make_constant(struct parser *p, const struct mspl_value *v, struct node **out)
{
	*out = mspl_node(p, NODE_CONST, p->token.at);
	ENSURE(*out != NULL, CEILING);
	(*out)->value = *v;
	return mspl_next(p);
}

static bool constant_of(const struct token *t, struct mspl_value *v)
{
	*v = (struct mspl_value){ 0 };
	if (t->kind == TOKEN_TEXT)
		*v = mspl_text(t->text);
	else if (t->kind == TOKEN_INT)
		*v = (struct mspl_value){ .type = MSPL_INT, .number = t->number };
	else if (t->kind == TOKEN_FLOAT)
		*v = (struct mspl_value){ .type = MSPL_FLOAT, .real = t->real };
	else
		return false;
	return true;
}

static bool word_of(const struct token *t, struct mspl_value *v)
{
	*v = (struct mspl_value){ 0 };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (mspl_is_word(t, words[i].word)) {
			v->type = words[i].type;
			v->truth = words[i].truth;
			return true;
		}
	return false;
}

static err arguments(struct parser *p, struct node *call)
{
	struct node **at = &call->a;
	TRY(mspl_next(p));
	while (p->token.kind != TOKEN_CLOSE) {
		if (call->n == MSPL_ARGUMENTS)
			return mspl_refuse(p->script, p->d, p->token.at, "give fewer", "more than %d arguments", MSPL_ARGUMENTS);
		TRY(mspl_parse_expression(p, at));
		at = &(*at)->next;
		call->n++;
		if (p->token.kind != TOKEN_COMMA)
			break;
		TRY(mspl_next(p));
		if (p->token.kind == TOKEN_CLOSE)
			return mspl_refuse(p->script, p->d, p->token.at, "give one, or take the comma away", "an argument is missing");
	}
	return mspl_expect(p, TOKEN_CLOSE, ") after the arguments");
}

static err name_or_call(struct parser *p, struct node **out)
{
	struct node *n = mspl_node(p, NODE_NAME, p->token.at);
	ENSURE(n != NULL, CEILING);
	n->name = p->token.text;
	*out = n;
	TRY(mspl_next(p));
	if (p->token.kind != TOKEN_OPEN)
		return OK;
	n->kind = NODE_CALL;
	return arguments(p, n);
}

static err primary(struct parser *p, struct node **out)
{
	struct mspl_value v;
	if (constant_of(&p->token, &v) || word_of(&p->token, &v))
		return make_constant(p, &v, out);
	if (p->token.kind == TOKEN_NAME)
		return name_or_call(p, out);
	if (p->token.kind != TOKEN_OPEN)
		return mspl_refuse(p->script, p->d, p->token.at, "a value, a name, a call or ( ) belongs here", "an expression is missing");
	TRY(mspl_next(p));
	TRY(mspl_parse_expression(p, out));
	return mspl_expect(p, TOKEN_CLOSE, ") after the expression");
}

/* ---- postfix ---- */

static err member(struct parser *p, struct node **out)
{
	struct node *n = mspl_node(p, NODE_MEMBER, p->token.at);
	ENSURE(n != NULL, CEILING);
	TRY(mspl_next(p));
	if (p->token.kind != TOKEN_NAME)
		return mspl_refuse(p->script, p->d, p->token.at, "write its name", "a member is missing after the dot");
	n->a = *out;
	n->at = p->token.at;
	n->name = p->token.text;
	*out = n;
	return mspl_next(p);
}

/* policy[key].column: the record and its field are one thing, there are no records as values */
static err field(struct parser *p, struct node **out)
{
	struct node *n = mspl_node(p, NODE_FIELD, p->token.at);
	ENSURE(n != NULL, CEILING);
	n->a = *out;
	TRY(mspl_next(p));
	TRY(mspl_parse_expression(p, &n->b));
	TRY(mspl_expect(p, TOKEN_INDEXED, "] after the key"));
	TRY(mspl_expect(p, TOKEN_DOT, ". and the name of a column"));
	if (p->token.kind != TOKEN_NAME)
		return mspl_refuse(p->script, p->d, p->token.at, "write a column of the file", "a column is missing after the dot");
	n->name = p->token.text;
	*out = n;
	return mspl_next(p);
}

static err postfix(struct parser *p, struct node **out)
{
	unsigned depth = p->depth;
	TRY(primary(p, out));
	while (p->token.kind == TOKEN_DOT || p->token.kind == TOKEN_INDEX) {
		TRY(mspl_down(p));
		TRY(p->token.kind == TOKEN_DOT ? member(p, out) : field(p, out));
	}
	p->depth = depth;
	return OK;
}

/* ---- operators ---- */

static err unary(struct parser *p, struct node **out)
{
	if (p->token.kind != TOKEN_NOT && p->token.kind != TOKEN_MINUS)
		return postfix(p, out);
	struct node *n = mspl_node(p, NODE_UNARY, p->token.at);
	ENSURE(n != NULL, CEILING);
	n->op = (uint8_t)p->token.kind;
	TRY(mspl_down(p));
	TRY(mspl_next(p));
	TRY(unary(p, &n->a));
	p->depth--;
	*out = n;
	return OK;
}

/* From the weakest to the strongest. */
static const enum token_kind levels[][4] = {
	{ TOKEN_OR }, { TOKEN_AND }, { TOKEN_EQ, TOKEN_NE }, { TOKEN_LT, TOKEN_LE, TOKEN_GT, TOKEN_GE }, { TOKEN_PLUS, TOKEN_MINUS },
};
enum { LEVELS = sizeof levels / sizeof levels[0] };

static bool is_of_level(enum token_kind k, unsigned level)
{
	for (size_t i = 0; i < 4; i++)
		if (k != TOKEN_END && levels[level][i] == k)
			return true;
	return false;
}

static err binary(struct parser *p, unsigned level, struct node **out)
{
	if (level == LEVELS)
		return unary(p, out);
	TRY(binary(p, level + 1, out));
	unsigned depth = p->depth;
	while (is_of_level(p->token.kind, level)) {
		struct node *n = mspl_node(p, NODE_BINARY, p->token.at);
		ENSURE(n != NULL, CEILING);
		n->op = (uint8_t)p->token.kind;
		n->a = *out;
		*out = n;
		TRY(mspl_down(p)); /* the tree of a chain is as deep as the chain is long */
		TRY(mspl_next(p));
		TRY(binary(p, level + 1, &n->b));
	}
	p->depth = depth;
	return OK;
}

err mspl_parse_expression(struct parser *p, struct node **out)
{
	TRY(mspl_down(p));
	TRY(binary(p, 0, out));
	p->depth--;
	return OK;
}

/* What stands after case: a value, or a word of an enumeration. */
err mspl_parse_constant(struct parser *p, struct node **out)
{
	uint32_t at = p->token.at;
	TRY(unary(p, out));
	const struct node *n = *out;
	bool is_number = n->kind == NODE_UNARY && n->op == TOKEN_MINUS && n->a->kind == NODE_CONST;
	bool is_word = n->kind == NODE_MEMBER && n->a->kind == NODE_NAME;
	if (n->kind == NODE_CONST || is_number || is_word)
		return OK;
	return mspl_refuse(p->script, p->d, at, "write a string, a number, true, false or a word like StandardMethod.Invite", "case needs a constant");
}
