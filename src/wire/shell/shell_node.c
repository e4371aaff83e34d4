/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, places, and what is said when a text cannot be read. */
#include <stdarg.h>
#include <stdio.h>

#include "wire/shell/shell_priv.h"

enum { EXCERPT = 40 };

/* ---- places ---- */

void shell_place(str text, size_t at, uint32_t *line, uint32_t *column)
{
	size_t begin = 0;
	*line = *column = 1;
	at = at < text.n ? at : text.n;
	for (size_t i = 0; i < at; i++)
		if (text.p[i] == '\n') {
			++*line;
			begin = i + 1;
		}
	for (size_t i = begin; i < at; i++)
		*column += ((unsigned char)text.p[i] & 0xc0) != 0x80;
}

static str line_of(str text, uint32_t line)
{
	str rest = text, found = str_split(rest, '\n', &rest);
	while (--line != 0)
		found = str_split(rest, '\n', &rest);
	if (found.n != 0 && found.p[found.n - 1] == '\r')
		found.n--;
	return found;
}

void shell_caret(str text, const struct diag *d, struct buf *out)
{
	if (d->line == 0)
		return;
	str line = line_of(text, d->line);
	uint32_t left = d->column != 0 ? d->column - 1 : 0;
	for (size_t i = 0; i < line.n; i++) /* nothing that moves a terminal's cursor */
		buf_add_char(out, (unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f ? ' ' : line.p[i]);
	buf_add_char(out, '\n');
	for (; left != 0; left--)
		buf_add_char(out, ' ');
	buf_add(out, STR("^\n"));
}

/* ---- refusing ---- */

str shell_excerpt(const struct shell_reader *r)
{
	size_t n = 0;
	str rest = shell_rest(r);
	while (n < rest.n && n < EXCERPT && rest.p[n] != '\n' && rest.p[n] != '\r')
		n++;
	while (n != 0 && n < rest.n && ((unsigned char)rest.p[n] & 0xc0) == 0x80)
		n--;
	return str_cut(rest, 0, n);
}

static err refuse(struct shell_reader *r, err e, size_t at, const char *remedy, const char *what)
{
	char where[48];
	uint32_t line, column;
	if (r->d == NULL)
		return e;
	shell_place(r->text, at, &line, &column);
	(void)snprintf(where, sizeof where, "line %u, column %u", line, column);
	e = diag_fail(r->d, e, where, remedy, "%s", what);
	r->d->line = line;
	r->d->column = column;
	return e;
}

err shell_wrong(struct shell_reader *r, size_t at, const char *remedy, const char *fmt, ...)
{
	char what[sizeof r->d->what];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return refuse(r, at >= r->text.n ? ERR(INCOMPLETE) : ERR(MALFORMED), at, remedy, what);
}

err shell_ended(struct shell_reader *r, size_t from, const char *inside)
{
	char what[120];
	(void)snprintf(what, sizeof what, "the text ends inside %s", inside);
	return refuse(r, ERR(INCOMPLETE), from, "write its end", what);
}

err shell_want(struct shell_reader *r, char c, const char *after)
{
	if (shell_take(r, c))
		return OK;
	if (r->at >= r->text.n)
		return shell_wrong(r, r->at, "write the rest", "a %c is missing after %s: the text ends", c, after);
	return shell_wrong(r, r->at, "write it, or quote the text before it",
		"a %c is missing after %s, before \"%.*s\"", c, after, STR_FMT(shell_excerpt(r)));
}

err shell_enter(struct shell_reader *r)
{
	if (++r->depth <= SHELL_DEPTH_MAX)
		return OK;
	return refuse(r, ERR(CEILING), r->at, "take parts out into variables or functions",
		"this is nested more than 100 deep");
}

void shell_leave(struct shell_reader *r)
{
	r->depth--;
}

/* ---- nodes ---- */

err shell_node_new(struct shell_reader *r, enum shell_kind kind, size_t at, struct shell_node **out)
{
	struct shell_node *n = arena_zalloc(r->a, sizeof *n);
	ENSURE(n != NULL, NO_MEMORY);
	n->kind = kind;
	n->at = (uint32_t)at;
	n->end = (uint32_t)r->at;
	n->height = 1;
	*out = n;
	return OK;
}

err shell_node_add(struct shell_reader *r, struct shell_node *n, struct shell_node *kid)
{
	if (n->last != NULL)
		n->last->next = kid;
	else
		n->kids = kid;
	n->last = kid;
	n->n++;
	n->end = (uint32_t)r->at;
	n->height = kid->height >= n->height ? (uint16_t)(kid->height + 1) : n->height;
	if (n->height <= SHELL_HEIGHT_MAX)
		return OK;
	return refuse(r, ERR(CEILING), n->at, "take parts out into variables", "this expression has too many parts");
}

err shell_node_add_empty(struct shell_reader *r, struct shell_node *n)
{
	struct shell_node *empty;
	TRY(shell_node_new(r, SHELL_EMPTY, r->at, &empty));
	return shell_node_add(r, n, empty);
}

err shell_node_wrap(struct shell_reader *r, enum shell_kind kind, struct shell_node *kid, struct shell_node **out)
{
	struct shell_node *n;
	TRY(shell_node_new(r, kind, kid->at, &n));
	TRY(shell_node_add(r, n, kid));
	*out = n;
	return OK;
}

struct shell_node *shell_kid(const struct shell_node *n, size_t i)
{
	struct shell_node *kid = n->kids;
	while (kid != NULL && i-- != 0)
		kid = kid->next;
	return kid;
}

/* ---- whole texts ---- */

static bool is_utf8(str s, size_t *bad)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = str_utf8_length(str_cut(s, i, s.n));
		*bad = i;
		if (n == 0 || s.p[i] == '\0')
			return false;
	}
	return true;
}

static err begin(struct shell_reader *r, struct arena *a, str text, struct diag *d)
{
	size_t bad = 0;
	*r = (struct shell_reader){ .a = a, .text = text, .d = d };
	if (text.n > SHELL_TEXT_MAX)
		return refuse(r, ERR(CEILING), 0, "split it into several scripts", "a text has at most 1 MiB");
	if (!is_utf8(text, &bad))
		return refuse(r, ERR(MALFORMED), bad, "save the text as UTF-8", "this is no character of UTF-8");
	return OK;
}

static err finish(struct shell_reader *r)
{
	shell_lines(r);
	if (r->at < r->text.n)
		return shell_wrong(r, r->at, "separate statements by a new line or a ;",
			"\"%.*s\" does not belong here", STR_FMT(shell_excerpt(r)));
	return r->open_end ? shell_ended(r, r->at, "a comment or a continued line") : OK;
}

err shell_parse(struct arena *a, str text, struct shell_node **out, struct diag *d)
{
	struct shell_reader r;
	struct shell_node *block, *list;
	TRY(begin(&r, a, text, d));
	TRY(shell_node_new(&r, SHELL_BLOCK, 0, &block));
	block->text = text;
	TRY(shell_read_params(&r, block));
	TRY(shell_read_statements(&r, '\0', &list));
	TRY(shell_node_add(&r, block, list));
	TRY(finish(&r));
	*out = block;
	return OK;
}

err shell_parse_argument(struct arena *a, str text, struct shell_node **out, struct diag *d)
{
	struct shell_reader r;
	TRY(begin(&r, a, text, d));
	shell_lines(&r);
	TRY(shell_read_argument(&r, out));
	return finish(&r);
}

err shell_parse_filter(struct arena *a, str text, struct shell_node **out, struct diag *d)
{
	struct shell_reader r;
	TRY(begin(&r, a, text, d));
	r.filter = true;
	shell_lines(&r);
	bool braces = shell_take(&r, '{');
	shell_lines(&r);
	TRY(shell_read_expression(&r, out));
	shell_lines(&r);
	if (braces)
		TRY(shell_want(&r, '}', "the filter"));
	return finish(&r);
}
