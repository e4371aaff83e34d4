/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and what they declare: param( [Parameter(Mandatory)] [string]$Name = "x" ). */
#include "wire/shell/shell_priv.h"

/* [Name( : a type is followed by ] instead. */
static bool begins_attribute(const struct shell_reader *r)
{
	size_t n = 1;
	if (shell_peek(r) != '[')
		return false;
	while (shell_is_name(shell_peek_at(r, n)) || shell_peek_at(r, n) == '.' || shell_peek_at(r, n) == ' ')
		n++;
	return n > 1 && shell_peek_at(r, n) == '(';
}

static err read_named(struct shell_reader *r, struct shell_node *attribute)
{
	struct shell_node *n, *value;
	size_t at = r->at, length = shell_name_length(shell_rest(r));
	if (length == 0 || !shell_is_name_start(shell_peek(r))) {
		TRY(shell_read_item(r, &value));
		return shell_node_add(r, attribute, value);
	}
	r->at += length;
	TRY(shell_node_new(r, SHELL_NAMED, at, &n));
	n->text = str_cut(r->text, at, r->at);
	shell_lines(r);
	if (shell_take(r, '=')) {
		shell_lines(r);
		TRY(shell_read_item(r, &value));
		TRY(shell_node_add(r, n, value));
	}
	return shell_node_add(r, attribute, n);
}

static err read_attribute(struct shell_reader *r, struct shell_node **out)
{
	size_t at = r->at++, from = r->at;
	while (shell_peek(r) != '(')
		r->at++;
	str name = str_trim(str_cut(r->text, from, r->at));
	r->at++;
	TRY(shell_node_new(r, SHELL_ATTRIBUTE, at, out));
	(*out)->text = name;
	for (shell_lines(r); shell_peek(r) != ')'; shell_lines(r)) {
		TRY(read_named(r, *out));
		shell_lines(r);
		if (!shell_take(r, ','))
			break;
	}
	TRY(shell_want(r, ')', "an attribute"));
	shell_lines(r);
	return shell_want(r, ']', "an attribute");
}

static err read_type_or_attribute(struct shell_reader *r, struct shell_node *to)
{
	struct shell_node *n;
	size_t at = r->at;
	str name;
	if (begins_attribute(r)) {
		TRY(read_attribute(r, &n));
		return shell_node_add(r, to, n);
	}
	r->at++;
	TRY(shell_read_type_name(r, &name));
	TRY(shell_node_new(r, SHELL_TYPE, at, &n));
	n->text = name;
	return shell_node_add(r, to, n);
}

static err read_default(struct shell_reader *r, struct shell_node *declaration)
{
	struct shell_node *value;
	size_t end = r->at;
	shell_lines(r);
	if (!shell_take(r, '=')) {
		r->at = end;
		return shell_node_add_empty(r, declaration);
	}
	shell_lines(r);
	TRY(shell_read_item(r, &value));
	return shell_node_add(r, declaration, value);
}

static err read_declaration(struct shell_reader *r, struct shell_node *params)
{
	struct shell_node *declaration, *variable, *before, *kid, *next;
	TRY(shell_node_new(r, SHELL_DECLARATION, r->at, &declaration));
	TRY(shell_node_new(r, SHELL_LIST, r->at, &before));
	for (; shell_peek(r) == '['; shell_lines(r))
		TRY(read_type_or_attribute(r, before));
	if (!shell_is_variable(r, r->at))
		return shell_wrong(
			r, r->at, "write param($Name, [string]$Other = \"x\")", "the $name of a parameter is missing");
	TRY(shell_read_variable(r, &variable));
	declaration->text = variable->text;
	TRY(read_default(r, declaration));
	for (kid = before->kids; kid != NULL; kid = next) {
		next = kid->next;
		kid->next = NULL;
		TRY(shell_node_add(r, declaration, kid));
	}
	return shell_node_add(r, params, declaration);
}

/* After the ( */
static err read_list(struct shell_reader *r, struct shell_node **out)
{
	TRY(shell_enter(r));
	TRY(shell_node_new(r, SHELL_PARAMS, r->at, out));
	for (shell_lines(r); shell_peek(r) != ')'; shell_lines(r)) {
		TRY(read_declaration(r, *out));
		shell_lines(r);
		if (!shell_take(r, ','))
			break;
	}
	shell_leave(r);
	return shell_want(r, ')', "the parameters");
}

err shell_read_params(struct shell_reader *r, struct shell_node *block)
{
	struct shell_node *params;
	size_t at = r->at;
	shell_lines(r);
	for (; begins_attribute(r); shell_lines(r))
		TRY(read_attribute(r, &params));
	if (!shell_keyword(r, "param")) {
		r->at = at;
		return shell_node_add_empty(r, block);
	}
	shell_lines(r);
	TRY(shell_want(r, '(', "param"));
	TRY(read_list(r, &params));
	return shell_node_add(r, block, params);
}

/* ---- functions ---- */

static err read_function_block(struct shell_reader *r, struct shell_node *params, struct shell_node **out)
{
	struct shell_node *list;
	if (params == NULL)
		return shell_read_block(r, out);
	size_t at = r->at;
	TRY(shell_node_new(r, SHELL_BLOCK, at, out));
	TRY(shell_node_add(r, *out, params));
	TRY(shell_read_body(r, &list));
	(*out)->text = str_cut(r->text, at + 1, r->at - 1);
	return shell_node_add(r, *out, list);
}

err shell_read_function(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *params = NULL, *block;
	size_t begin = r->at - strlen("function");
	shell_blanks(r);
	size_t from = r->at;
	while (!shell_is_end(r, r->at))
		r->at++;
	TRY(shell_node_new(r, SHELL_FUNCTION, begin, out));
	(*out)->text = str_cut(r->text, from, r->at);
	if ((*out)->text.n == 0)
		return shell_wrong(r, r->at, "write function Name { }", "the name of the function is missing");
	shell_lines(r);
	if (shell_take(r, '('))
		TRY(read_list(r, &params));
	shell_lines(r);
	TRY(read_function_block(r, params, &block));
	return shell_node_add(r, *out, block);
}
