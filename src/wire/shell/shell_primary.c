/* SPDX-License-Identifier: Apache-2.0 */
/* Values, and what is taken from them: .member, [index], .method( ). */
#include "wire/shell/shell_priv.h"

err shell_read_type_name(struct shell_reader *r, str *out)
{
	size_t from = r->at;
	unsigned open = 1;
	for (; r->at < r->text.n; r->at++) {
		char c = shell_peek(r);
		open += c == '[';
		open -= c == ']';
		if (open == 0)
			break;
		if (!shell_is_name(c) && memchr("[].,` +", c, 7) == NULL)
			return shell_wrong(r, r->at, "write [type]", "\"%.*s\" does not belong into the name of a type",
				STR_FMT(shell_excerpt(r)));
	}
	*out = str_trim(str_cut(r->text, from, r->at));
	if (r->at < r->text.n && out->n == 0)
		return shell_wrong(r, r->at, "write [type]", "the name of a type is missing");
	return shell_want(r, ']', "the name of a type");
}

/* Bytes of what looks like a number; .. is an operator. */
static size_t number_length(str s)
{
	size_t n = 0;
	for (; n < s.n; n++) {
		char c = s.p[n], next = n + 1 < s.n ? s.p[n + 1] : '\0';
		bool sign = (c == '-' || c == '+') && n != 0 && char_lower(s.p[n - 1]) == 'e' && next >= '0' &&
			    next <= '9' && !str_begins_case(s, STR("0x"));
		if (!(c == '.' && next >= '0' && next <= '9') && !(shell_is_name(c) && (unsigned char)c < 0x80) &&
			!sign)
			break;
	}
	return n;
}

static err read_number(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *n;
	str s = str_cut(shell_rest(r), 0, number_length(shell_rest(r)));
	TRY(shell_node_new(r, SHELL_NUMBER, r->at, &n));
	if (!shell_number(s, &n->is_real, &n->integer, &n->real))
		return shell_wrong(
			r, r->at, "quote it if it is a text", "\"%.*s\" is no number", STR_FMT(shell_excerpt(r)));
	n->text = s;
	r->at += s.n;
	n->end = (uint32_t)r->at;
	*out = n;
	return OK;
}

/* A bare word in a filter is a property of the object at hand. */
static err read_property(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *it, *name;
	size_t at = r->at;
	TRY(shell_node_new(r, SHELL_VAR, at, &it));
	it->text = STR("_");
	TRY(shell_node_new(r, SHELL_TEXT, at, &name));
	name->text = str_cut(shell_rest(r), 0, shell_name_length(shell_rest(r)));
	r->at += name->text.n;
	TRY(shell_node_wrap(r, SHELL_MEMBER, it, out));
	return shell_node_add(r, *out, name);
}

static err read_at(struct shell_reader *r, struct shell_node **out)
{
	char kind;
	size_t at = r->at;
	if (shell_quote(str_cut(shell_rest(r), 1, r->text.n), &kind) != 0)
		return shell_read_here(r, out);
	r->at++;
	if (shell_peek(r) == '{')
		return shell_read_hash(r, out);
	if (shell_take(r, '(')) {
		TRY(shell_read_group(r, ')', SHELL_COLLECT, out));
		(*out)->at = (uint32_t)at;
		return OK;
	}
	return shell_wrong(r, r->at, "write @( ) for a list, @{ } for names with values",
		"nothing that belongs to the @ follows it");
}

static err read_value(struct shell_reader *r, struct shell_node **out)
{
	char kind, c = shell_peek(r), next = shell_peek_at(r, 1);
	size_t at = r->at;
	if (shell_is_variable(r, at))
		return shell_read_variable(r, out);
	if (shell_quote(shell_rest(r), &kind) != 0)
		return shell_read_quoted(r, out);
	if (c == '@')
		return read_at(r, out);
	if ((c >= '0' && c <= '9') || (c == '.' && next >= '0' && next <= '9'))
		return read_number(r, out);
	if (c == '{')
		return shell_read_block(r, out);
	if (shell_take(r, '(')) {
		TRY(shell_read_group(r, ')', SHELL_PAREN, out));
		(*out)->at = (uint32_t)at;
		return OK;
	}
	if (r->filter && shell_is_name_start(c) && shell_name_length(shell_rest(r)) != 0)
		return read_property(r, out);
	if (at >= r->text.n)
		return shell_wrong(r, at, "write the rest", "a value is missing: the text ends");
	if (shell_is_name_start(c))
		return shell_wrong(
			r, at, "quote a text; put a command in ( )", "\"%.*s\" is no value", STR_FMT(shell_excerpt(r)));
	return shell_wrong(
		r, at, "write a value there", "a value is missing before \"%.*s\"", STR_FMT(shell_excerpt(r)));
}

err shell_read_primary(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *first;
	TRY(read_value(r, &first));
	return shell_read_postfix(r, first, out);
}

/* ---- what follows a value ---- */

static bool begins_member(const struct shell_reader *r, size_t at)
{
	char kind;
	str s = str_cut(r->text, at, r->text.n);
	if (s.n == 0)
		return false;
	return shell_name_length(s) != 0 || shell_quote(s, &kind) != 0 || s.p[0] == '(' || shell_is_variable(r, at);
}

static err read_name(struct shell_reader *r, struct shell_node **out)
{
	char kind;
	if (shell_quote(shell_rest(r), &kind) != 0)
		return shell_read_quoted(r, out);
	if (shell_is_variable(r, r->at))
		return shell_read_variable(r, out);
	if (shell_take(r, '('))
		return shell_read_group(r, ')', SHELL_PAREN, out);
	TRY(shell_node_new(r, SHELL_TEXT, r->at, out));
	(*out)->text = str_cut(shell_rest(r), 0, shell_name_length(shell_rest(r)));
	r->at += (*out)->text.n;
	(*out)->end = (uint32_t)r->at;
	return OK;
}

static err read_arguments(struct shell_reader *r, struct shell_node *method)
{
	struct shell_node *argument;
	TRY(shell_enter(r));
	shell_lines(r);
	while (shell_peek(r) != ')') {
		TRY(shell_read_item(r, &argument));
		TRY(shell_node_add(r, method, argument));
		shell_lines(r);
		if (!shell_take(r, ','))
			break;
		shell_lines(r);
	}
	shell_leave(r);
	TRY(shell_want(r, ')', "the arguments of a method"));
	method->end = (uint32_t)r->at;
	return OK;
}

static err read_member(struct shell_reader *r, struct shell_node **n)
{
	struct shell_node *name;
	TRY(read_name(r, &name));
	TRY(shell_node_wrap(r, SHELL_MEMBER, *n, n));
	TRY(shell_node_add(r, *n, name));
	if (!shell_take(r, '('))
		return OK;
	(*n)->kind = SHELL_METHOD;
	return read_arguments(r, *n);
}

static err read_index(struct shell_reader *r, struct shell_node **n)
{
	struct shell_node *index;
	TRY(shell_enter(r));
	shell_lines(r);
	TRY(shell_read_expression(r, &index));
	shell_lines(r);
	shell_leave(r);
	TRY(shell_node_wrap(r, SHELL_INDEX, *n, n));
	TRY(shell_want(r, ']', "an index"));
	return shell_node_add(r, *n, index);
}

err shell_read_postfix(struct shell_reader *r, struct shell_node *first, struct shell_node **out)
{
	*out = first;
	for (;;) {
		bool is_static = first->kind == SHELL_TYPE && *out == first;
		if (is_static && shell_peek(r) == ':' && shell_peek_at(r, 1) == ':') {
			r->at += 2;
			if (!begins_member(r, r->at))
				return shell_wrong(r, r->at, "write [type]::Name", "a name is missing after ::");
			TRY(read_member(r, out));
		} else if (!is_static && shell_peek(r) == '.' && begins_member(r, r->at + 1)) {
			r->at++;
			TRY(read_member(r, out));
		} else if (!is_static && shell_take(r, '[')) {
			TRY(read_index(r, out));
		} else {
			return OK;
		}
	}
}
