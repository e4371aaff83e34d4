/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in brackets: ( ), @( ), $( ), @{ }, { }. Inside of each, commas and commands have their plain meaning
 * again. */
#include "wire/shell/shell_priv.h"

static err enter(struct shell_reader *r, bool *no_comma)
{
	*no_comma = r->no_comma;
	r->no_comma = false;
	return shell_enter(r);
}

static void leave(struct shell_reader *r, bool no_comma)
{
	r->no_comma = no_comma;
	shell_leave(r);
}

static err read_inner(struct shell_reader *r, char close, enum shell_kind kind, struct shell_node **out)
{
	if (kind != SHELL_PAREN)
		return shell_read_statements(r, close, out);
	shell_lines(r);
	if (shell_peek(r) == close)
		return shell_wrong(r, r->at, "write a value there, or @( ) for an empty list",
			"there is nothing between the brackets");
	TRY(r->filter ? shell_read_expression(r, out) : shell_read_statement(r, out));
	shell_lines(r);
	return OK;
}

err shell_read_group(struct shell_reader *r, char close, enum shell_kind kind, struct shell_node **out)
{
	struct shell_node *inner;
	bool no_comma;
	size_t at = r->at - 1;
	TRY(enter(r, &no_comma));
	TRY(read_inner(r, close, kind, &inner));
	leave(r, no_comma);
	TRY(shell_want(r, close, "what stands in brackets"));
	TRY(shell_node_wrap(r, kind, inner, out));
	(*out)->at = (uint32_t)at;
	return OK;
}

/* ---- { } ---- */

err shell_read_block(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *block, *list;
	bool no_comma;
	size_t at = r->at;
	TRY(shell_want(r, '{', "this"));
	TRY(enter(r, &no_comma));
	TRY(shell_node_new(r, SHELL_BLOCK, at, &block));
	TRY(shell_read_params(r, block));
	TRY(shell_read_statements(r, '}', &list));
	block->text = str_cut(r->text, at + 1, r->at);
	leave(r, no_comma);
	TRY(shell_want(r, '}', "the statements of a block"));
	TRY(shell_node_add(r, block, list));
	*out = block;
	return OK;
}

err shell_read_body(struct shell_reader *r, struct shell_node **out)
{
	bool no_comma;
	shell_lines(r);
	TRY(shell_want(r, '{', "this"));
	TRY(enter(r, &no_comma));
	TRY(shell_read_statements(r, '}', out));
	leave(r, no_comma);
	return shell_want(r, '}', "the statements of a block");
}

/* ---- @{ } ---- */

static err read_key(struct shell_reader *r, struct shell_node **out)
{
	char kind, c = shell_peek(r);
	size_t at = r->at, n = 0;
	if (shell_quote(shell_rest(r), &kind) != 0 || c == '$' || c == '(')
		return shell_read_primary(r, out);
	while (at + n < r->text.n &&
		(shell_is_name(r->text.p[at + n]) || memchr("-.:/*", r->text.p[at + n], 5) != NULL))
		n++;
	if (n == 0)
		return shell_wrong(r, at, "write @{ Name = value; Name = value }",
			"a name is missing in @{ }, before \"%.*s\"", STR_FMT(shell_excerpt(r)));
	r->at += n;
	TRY(shell_node_new(r, SHELL_TEXT, at, out));
	(*out)->text = str_cut(r->text, at, at + n);
	return OK;
}

static err read_pair(struct shell_reader *r, struct shell_node *hash)
{
	struct shell_node *key, *value;
	TRY(read_key(r, &key));
	TRY(shell_node_add(r, hash, key));
	shell_blanks(r);
	TRY(shell_want(r, '=', "a name in @{ }"));
	shell_lines(r);
	TRY(shell_read_statement(r, &value));
	return shell_node_add(r, hash, value);
}

err shell_read_hash(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *hash;
	bool no_comma;
	TRY(shell_node_new(r, SHELL_HASH, r->at - 1, &hash));
	r->at++;
	TRY(enter(r, &no_comma));
	for (;;) {
		do
			shell_lines(r);
		while (shell_take(r, ';'));
		if (r->at >= r->text.n || shell_peek(r) == '}')
			break;
		TRY(read_pair(r, hash));
		shell_blanks(r);
		char c = shell_peek(r);
		if (c != ';' && c != '}' && c != '\n' && c != '\r' && r->at < r->text.n)
			return shell_wrong(r, r->at, "separate them by ; or a new line",
				"\"%.*s\" does not belong to a value of @{ }", STR_FMT(shell_excerpt(r)));
	}
	leave(r, no_comma);
	TRY(shell_want(r, '}', "@{"));
	hash->end = (uint32_t)r->at;
	*out = hash;
	return OK;
}
