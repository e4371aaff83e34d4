/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: what stands between ends of lines and semicolons. */
#include "wire/shell/shell_priv.h"

static err read_any(struct shell_reader *r, struct shell_node **out, bool *block)
{
	TRY(shell_read_flow(r, out, block));
	return *block ? OK : shell_read_pipeline(r, out);
}

err shell_read_statement(struct shell_reader *r, struct shell_node **out)
{
	bool block;
	return read_any(r, out, &block);
}

static err check_after(struct shell_reader *r)
{
	char c = shell_peek(r);
	if (r->at >= r->text.n || c == '\n' || c == ';' || c == '}' || c == ')' ||
		(c == '\r' && shell_peek_at(r, 1) == '\n'))
		return OK;
	return shell_wrong(r, r->at, "separate statements by a new line or a ;, quote texts",
		"\"%.*s\" does not belong here", STR_FMT(shell_excerpt(r)));
}

err shell_read_statements(struct shell_reader *r, char close, struct shell_node **out)
{
	struct shell_node *list, *statement;
	TRY(shell_node_new(r, SHELL_LIST, r->at, &list));
	for (;;) {
		bool block = false;
		do
			shell_lines(r);
		while (shell_take(r, ';'));
		if (r->at >= r->text.n || (close != '\0' && shell_peek(r) == close))
			break;
		TRY(read_any(r, &statement, &block));
		TRY(shell_node_add(r, list, statement));
		block = block && r->text.p[r->at - 1] == '}';
		shell_blanks(r);
		if (!block)
			TRY(check_after(r));
		char c = shell_peek(r);
		if ((c == '}' || c == ')') && c != close)
			return shell_wrong(r, r->at, "remove it, or write what it closes", "a %c closes nothing", c);
	}
	list->end = (uint32_t)r->at;
	*out = list;
	return OK;
}
