/* SPDX-License-Identifier: Apache-2.0 */
/* Texts: quoted, here-strings, bare words; and what stands for a value inside of them. */
#include "wire/shell/shell_priv.h"

/* A text that is put together from slices of the source, characters that were escaped, and values. */
struct parts {
	struct shell_node *node; /* EXPAND; becomes TEXT when there is but text */
	size_t from;             /* where the slice at hand begins */
};

static err parts_begin(struct shell_reader *r, struct parts *p, size_t at)
{
	*p = (struct parts){ .from = r->at };
	return shell_node_new(r, SHELL_EXPAND, at, &p->node);
}

static err add_text(struct shell_reader *r, struct parts *p, str s)
{
	struct shell_node *n;
	if (s.n == 0)
		return OK;
	TRY(shell_node_new(r, SHELL_TEXT, p->from, &n));
	n->text = s;
	return shell_node_add(r, p->node, n);
}

/* The slice at hand ends at `to`; the next one begins at r->at. */
static err parts_flush(struct shell_reader *r, struct parts *p, size_t to)
{
	TRY(add_text(r, p, str_cut(r->text, p->from, to)));
	p->from = r->at;
	return OK;
}

static err join(struct shell_reader *r, struct shell_node *n)
{
	size_t bytes = 0;
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next) {
		if (kid->kind != SHELL_TEXT)
			return OK;
		bytes += kid->text.n;
	}
	char *p = arena_alloc(r->a, bytes != 0 ? bytes : 1);
	ENSURE(p != NULL, NO_MEMORY);
	n->text = (str){ p, bytes };
	for (const struct shell_node *kid = n->kids; kid != NULL; p += kid->text.n, kid = kid->next)
		memcpy(p, kid->text.p, kid->text.n);
	n->kind = SHELL_TEXT;
	n->kids = n->last = NULL;
	n->n = 0;
	n->height = 1;
	return OK;
}

static err parts_end(struct shell_reader *r, struct parts *p, size_t to, struct shell_node **out)
{
	TRY(parts_flush(r, p, to));
	TRY(join(r, p->node));
	p->node->end = (uint32_t)r->at;
	*out = p->node;
	return OK;
}

/* What ` and a character stand for. */
static err escape(struct shell_reader *r, struct parts *p)
{
	static const char letters[] = "abefnrtv", meanings[] = "\a\b\033\f\n\r\t\v";
	size_t at = r->at++;
	char c = shell_peek(r);
	if (r->at >= r->text.n)
		return shell_wrong(r, r->at, "write the character", "a character is missing after the `");
	if (c == '0')
		return shell_wrong(r, at, "leave it out", "a NUL character cannot be part of a text");
	const char *found = memchr(letters, c, sizeof letters - 1);
	size_t n = c == '\r' && shell_peek_at(r, 1) == '\n' ? 2 : str_utf8_length(shell_rest(r));
	str meaning = found != NULL ? (str){ &meanings[found - letters], 1 } : str_cut(shell_rest(r), 0, n);
	r->at += n;
	TRY(parts_flush(r, p, at));
	return add_text(r, p, meaning);
}

/* ---- variables ---- */

static bool is_scope(str s)
{
	static const char *const scopes[] = { "global", "script", "local", "private", "env", "variable", "function",
		"using" };
	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
		if (str_eq_case(s, str_of(scopes[i])))
			return true;
	return false;
}

bool shell_is_variable(const struct shell_reader *r, size_t at)
{
	char next = at + 1 < r->text.n ? r->text.p[at + 1] : '\0';
	return at < r->text.n && r->text.p[at] == '$' &&
	       (shell_is_name(next) || next == '{' || next == '(' || next == '?');
}

/* A typographic quote or dash is beyond ASCII, but no letter. */
size_t shell_name_length(str s)
{
	size_t n = 0;
	char kind;
	while (n < s.n && shell_is_name(s.p[n])) {
		str rest = str_cut(s, n, s.n);
		if (shell_quote(rest, &kind) != 0 || shell_dash(rest) != 0 || str_begins(rest, STR("\xc2\xa0")))
			break;
		n++;
	}
	return n;
}

static err braced(struct shell_reader *r, struct shell_node *n)
{
	size_t from = ++r->at;
	while (r->at < r->text.n && shell_peek(r) != '}' && shell_peek(r) != '\n')
		r->at++;
	n->text = str_cut(r->text, from, r->at);
	if (n->text.n == 0)
		return shell_wrong(r, r->at, "write ${name}", "the name of a variable is missing");
	return shell_want(r, '}', "the name of a variable");
}

err shell_read_variable(struct shell_reader *r, struct shell_node **out)
{
	size_t at = r->at++;
	struct shell_node *n;
	if (shell_take(r, '(')) {
		TRY(shell_read_group(r, ')', SHELL_SUB, out));
		(*out)->at = (uint32_t)at;
		return OK;
	}
	TRY(shell_node_new(r, SHELL_VAR, at, &n));
	if (shell_peek(r) == '{') {
		TRY(braced(r, n));
	} else {
		size_t length = shell_peek(r) == '?' ? 1 : shell_name_length(shell_rest(r));
		str rest = str_cut(r->text, r->at + length + 1, r->text.n);
		if (shell_peek_at(r, length) == ':' && is_scope(str_cut(r->text, r->at, r->at + length)))
			length += 1 + shell_name_length(rest);
		n->text = str_cut(r->text, r->at, r->at + length);
		r->at += length;
		if (length == 0)
			return shell_wrong(r, r->at, "write $name", "the name of a variable is missing after the $");
	}
	n->end = (uint32_t)r->at;
	*out = n;
	return OK;
}

static err insert(struct shell_reader *r, struct parts *p)
{
	struct shell_node *n;
	bool no_comma = r->no_comma;
	TRY(parts_flush(r, p, r->at));
	r->no_comma = false;
	TRY(shell_read_variable(r, &n));
	r->no_comma = no_comma;
	p->from = r->at;
	return shell_node_add(r, p->node, n);
}

/* ---- quoted ---- */

static err quoted_char(struct shell_reader *r, struct parts *p, char kind)
{
	if (kind == '"' && shell_peek(r) == '`')
		return escape(r, p);
	if (kind == '"' && shell_is_variable(r, r->at))
		return insert(r, p);
	r->at++;
	return OK;
}

err shell_read_quoted(struct shell_reader *r, struct shell_node **out)
{
	struct parts p;
	char kind, other;
	size_t at = r->at, n = shell_quote(shell_rest(r), &kind);
	r->at += n;
	TRY(parts_begin(r, &p, at));
	while (r->at < r->text.n) {
		size_t to = r->at;
		n = shell_quote(shell_rest(r), &other);
		if (n == 0 || other != kind) {
			TRY(quoted_char(r, &p, kind));
			continue;
		}
		r->at += n;
		n = shell_quote(shell_rest(r), &other);
		if (n == 0 || other != kind)
			return parts_end(r, &p, to, out);
		TRY(parts_flush(r, &p, to));
		r->at += n; /* doubled: one of them is meant */
	}
	return shell_ended(r, at, kind == '"' ? "a \" text" : "a ' text");
}

/* The end of a here-string: at the beginning of a line, a quote and an @. */
static size_t here_end(const struct shell_reader *r, char kind)
{
	char found;
	size_t n = shell_quote(shell_rest(r), &found);
	return n != 0 && found == kind && shell_peek_at(r, n) == '@' ? n + 1 : 0;
}

/* The line end before the end of the here-string is not part of it. */
static size_t before_line_end(const struct shell_reader *r, size_t from)
{
	size_t at = r->at;
	if (at > from && r->text.p[at - 1] == '\n')
		at--;
	return at > from && r->text.p[at - 1] == '\r' ? at - 1 : at;
}

err shell_read_here(struct shell_reader *r, struct shell_node **out)
{
	struct parts p;
	char kind;
	size_t at = r->at++;
	r->at += shell_quote(shell_rest(r), &kind);
	while (shell_peek(r) == ' ' || shell_peek(r) == '\t' || shell_peek(r) == '\r')
		r->at++;
	if (!shell_take(r, '\n'))
		return shell_wrong(r, r->at, "begin the text on the next line",
			"nothing may stand after the beginning of a here-string");
	TRY(parts_begin(r, &p, at));
	for (bool begins = true; r->at < r->text.n;) {
		size_t n = begins ? here_end(r, kind) : 0;
		if (n != 0) {
			size_t to = before_line_end(r, p.from);
			r->at += n;
			return parts_end(r, &p, to, out);
		}
		begins = shell_peek(r) == '\n';
		TRY(quoted_char(r, &p, kind));
	}
	return shell_ended(r, at, "a here-string");
}

/* ---- bare words ---- */

/* "a b" in the middle of a word: its quotes are not part of it. */
static err word_quoted(struct shell_reader *r, struct parts *p, size_t n, char kind)
{
	char other;
	size_t at = r->at;
	r->at += n;
	TRY(parts_flush(r, p, at));
	while (r->at < r->text.n) {
		size_t to = r->at;
		n = shell_quote(shell_rest(r), &other);
		if (n != 0 && other == kind) {
			r->at += n;
			return parts_flush(r, p, to);
		}
		TRY(quoted_char(r, p, kind));
	}
	return shell_ended(r, at, "a quoted text");
}

err shell_read_word(struct shell_reader *r, struct shell_node **out)
{
	struct parts p;
	char kind;
	size_t at = r->at, n;
	TRY(parts_begin(r, &p, at));
	while (!shell_is_end(r, r->at)) {
		if ((n = shell_quote(shell_rest(r), &kind)) != 0)
			TRY(word_quoted(r, &p, n, kind));
		else
			TRY(quoted_char(r, &p, '"'));
	}
	TRY(parts_end(r, &p, r->at, out));
	(*out)->op = SHELL_OP_WORD;
	return OK;
}
