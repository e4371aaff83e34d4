/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_SHELL_PRIV_H
#define WITAN_WIRE_SHELL_PRIV_H

#include "wire/shell.h"

/* A reader at a place of the text. There are no tokens: what a character means depends on whether a command or an expression is read. */
struct shell_reader {
	struct arena *a;
	str text;
	size_t at;
	unsigned depth;  /* of what is nested in the text */
	bool no_comma;   /* a comma ends the expression */
	bool filter;     /* bare words are properties */
	bool open_end;   /* the text ends in a comment or a continued line */
	struct diag *d;
};

/* ---- characters (shell_scan.c) ---- */

str shell_rest(const struct shell_reader *r);
char shell_peek(const struct shell_reader *r);
char shell_peek_at(const struct shell_reader *r, size_t ahead);
bool shell_take(struct shell_reader *r, char c);
/* Bytes of a quote at s, or 0; *kind is '"' or '\''. */
size_t shell_quote(str s, char *kind);
bool shell_is_name(char c);       /* letter, digit, _ or beyond ASCII */
bool shell_is_name_start(char c); /* no digit */
/* Bytes of a name that s begins with. A typographic quote or dash is beyond ASCII, but no letter. */
size_t shell_name_length(str s);
/* What ends a bare word. */
bool shell_is_end(const struct shell_reader *r, size_t at);
bool shell_is_dash_letter(str s);
/* Moves over blanks, comments and continued lines; lines: over ends of lines too. */
void shell_blanks(struct shell_reader *r);
void shell_lines(struct shell_reader *r);
/* Takes a word of letters if it is this one. */
bool shell_keyword(struct shell_reader *r, const char *word);
str shell_peek_word(const struct shell_reader *r);

/* ---- refusing ---- */

/* INCOMPLETE when at is the end of the text, else MALFORMED. */
err shell_wrong(struct shell_reader *r, size_t at, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "a ) is missing": INCOMPLETE at the end. */
err shell_want(struct shell_reader *r, char c, const char *after);
/* The text ends inside what began at `from`. */
err shell_ended(struct shell_reader *r, size_t from, const char *inside);
/* What stands at r->at, cut to be shown. */
str shell_excerpt(const struct shell_reader *r);
err shell_enter(struct shell_reader *r);
void shell_leave(struct shell_reader *r);

/* ---- nodes ---- */

err shell_node_new(struct shell_reader *r, enum shell_kind kind, size_t at, struct shell_node **out);
/* kid becomes the last kid of n. */
err shell_node_add(struct shell_reader *r, struct shell_node *n, struct shell_node *kid);
err shell_node_add_empty(struct shell_reader *r, struct shell_node *n);
/* A new node of the kind with one kid, from its beginning to r->at. */
err shell_node_wrap(struct shell_reader *r, enum shell_kind kind, struct shell_node *kid, struct shell_node **out);

/* ---- grammar ---- */

err shell_read_quoted(struct shell_reader *r, struct shell_node **out);      /* shell_quoted.c: r is at a quote */
err shell_read_here(struct shell_reader *r, struct shell_node **out);        /* r is at @ and a quote */
err shell_read_word(struct shell_reader *r, struct shell_node **out);        /* a bare word, maybe with $x inside */
err shell_read_variable(struct shell_reader *r, struct shell_node **out);    /* $x ${x} $( ) */
bool shell_is_variable(const struct shell_reader *r, size_t at);
err shell_read_expression(struct shell_reader *r, struct shell_node **out);  /* shell_expression.c */
err shell_read_item(struct shell_reader *r, struct shell_node **out);        /* one that a comma ends */
err shell_read_unary(struct shell_reader *r, struct shell_node **out);
err shell_read_primary(struct shell_reader *r, struct shell_node **out);     /* shell_primary.c: with .member, [index], (call) */
err shell_read_postfix(struct shell_reader *r, struct shell_node *first, struct shell_node **out);
err shell_read_type_name(struct shell_reader *r, str *out);
err shell_read_hash(struct shell_reader *r, struct shell_node **out);        /* shell_group.c */
err shell_read_group(struct shell_reader *r, char close, enum shell_kind kind, struct shell_node **out); /* after ( or @( or $( */
err shell_read_block(struct shell_reader *r, struct shell_node **out);       /* { }, a value or a function's body */
err shell_read_body(struct shell_reader *r, struct shell_node **out);        /* { statements } of a statement, a LIST */
err shell_read_statements(struct shell_reader *r, char close, struct shell_node **out);
err shell_read_statement(struct shell_reader *r, struct shell_node **out);   /* shell_statement.c */
err shell_read_pipeline(struct shell_reader *r, struct shell_node **out);    /* shell_command.c */
err shell_read_argument(struct shell_reader *r, struct shell_node **out);
err shell_read_flow(struct shell_reader *r, struct shell_node **out, bool *taken); /* shell_flow.c: if, foreach ... */
err shell_read_function(struct shell_reader *r, struct shell_node **out);    /* shell_params.c: after `function` */
err shell_read_params(struct shell_reader *r, struct shell_node *block);     /* param( ) at the beginning, or EMPTY */

#endif
