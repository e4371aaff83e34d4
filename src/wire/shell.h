/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell - the language that administrators type: the part of PowerShell that commands for a server need. Text becomes a tree of nodes;
 * what they mean is said by service/shell. Names, keywords and operators are compared without regard to case, and the dashes and quotes
 * that word processors make (U+2010 to U+2015, U+2212, U+2018 to U+201E) stand for plain ones.
 */
#ifndef WITAN_WIRE_SHELL_H
#define WITAN_WIRE_SHELL_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum { SHELL_TEXT_MAX = 1 << 20, SHELL_DEPTH_MAX = 100, SHELL_HEIGHT_MAX = 500 };

/* What a node is; after the colon its kids in order, `text` where it is named. */
enum shell_kind {
	SHELL_EMPTY,       /* nothing stands here (a part of for, a parameter without default) */
	SHELL_LIST,        /* statements */
	SHELL_PIPELINE,    /* an expression or command, then commands */
	SHELL_COMMAND,     /* name (TEXT, or an expression after & or .), then arguments: PARAMETER, SPLAT, expressions; op CALL, DOT */
	SHELL_PARAMETER,   /* -text, or -text:value with the value as its only kid */
	SHELL_SPLAT,       /* @text */
	SHELL_TEXT,        /* text with escapes taken out; op WORD: it stood there without quotes */
	SHELL_EXPAND,      /* "a $b": parts, joined; op WORD */
	SHELL_NUMBER,      /* real or integer; text as written */
	SHELL_VAR,         /* $text */
	SHELL_ARRAY,       /* a, b, c: items */
	SHELL_COLLECT,     /* @( ): one LIST, always an array */
	SHELL_PAREN,       /* ( ): one statement */
	SHELL_SUB,         /* $( ): one LIST */
	SHELL_HASH,        /* @{ }: key, statement, key, statement ... */
	SHELL_BLOCK,       /* { }: PARAMS or EMPTY, then LIST; text between the braces */
	SHELL_TYPE,        /* [text] as a value */
	SHELL_CAST,        /* [text] of: an expression */
	SHELL_UNARY,       /* op NEGATE, PLUS, NOT, JOIN, SPLIT: an expression */
	SHELL_BINARY,      /* op: left, right; `strict` for the c- forms of an operator */
	SHELL_MEMBER,      /* object, name */
	SHELL_METHOD,      /* object, name, arguments; the object of [type]::name is a TYPE */
	SHELL_INDEX,       /* object, index */
	SHELL_STEP,        /* op INCREASE, DECREASE; `strict`: before the target: target */
	SHELL_ASSIGN,      /* op ASSIGN, ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO: target, statement */
	SHELL_IF,          /* condition, LIST, condition, LIST ..., and a LIST alone for else */
	SHELL_FOREACH,     /* VAR, statement, LIST */
	SHELL_FOR,         /* first, condition, step (each may be EMPTY), LIST */
	SHELL_WHILE,       /* condition, LIST */
	SHELL_DO_WHILE,    /* LIST, condition */
	SHELL_DO_UNTIL,    /* LIST, condition */
	SHELL_SWITCH,      /* statement, then value or BLOCK or EMPTY (default), LIST, ...; op EQ, LIKE or MATCH; `strict`: case counts */
	SHELL_BREAK,
	SHELL_CONTINUE,
	SHELL_RETURN,      /* a statement or EMPTY */
	SHELL_THROW,       /* a statement or EMPTY */
	SHELL_EXIT,        /* a statement or EMPTY */
	SHELL_TRY,         /* LIST, then catch LIST or EMPTY, then finally LIST or EMPTY */
	SHELL_FUNCTION,    /* text: its name; one BLOCK */
	SHELL_PARAMS,      /* DECLARATION ... */
	SHELL_DECLARATION, /* text: a parameter: its default or EMPTY, then TYPE and ATTRIBUTE nodes */
	SHELL_ATTRIBUTE,   /* text: "Parameter", "ValidateSet": expressions, and NAMED */
	SHELL_NAMED,       /* text = its kid */
};

enum shell_op {
	SHELL_OP_NONE,
	SHELL_OP_WORD, SHELL_OP_CALL, SHELL_OP_DOT,
	SHELL_OP_EQ, SHELL_OP_NE, SHELL_OP_GT, SHELL_OP_GE, SHELL_OP_LT, SHELL_OP_LE,
	SHELL_OP_LIKE, SHELL_OP_NOTLIKE, SHELL_OP_MATCH, SHELL_OP_NOTMATCH,
	SHELL_OP_CONTAINS, SHELL_OP_NOTCONTAINS, SHELL_OP_IN, SHELL_OP_NOTIN,
	SHELL_OP_REPLACE, SHELL_OP_SPLIT, SHELL_OP_JOIN, SHELL_OP_IS, SHELL_OP_ISNOT, SHELL_OP_AS,
	SHELL_OP_AND, SHELL_OP_OR, SHELL_OP_XOR, SHELL_OP_NOT,
	SHELL_OP_ADD, SHELL_OP_SUBTRACT, SHELL_OP_MULTIPLY, SHELL_OP_DIVIDE, SHELL_OP_MODULO,
	SHELL_OP_NEGATE, SHELL_OP_PLUS, SHELL_OP_FORMAT, SHELL_OP_RANGE,
	SHELL_OP_INCREASE, SHELL_OP_DECREASE, SHELL_OP_ASSIGN,
};

struct shell_node {
	enum shell_kind kind;
	enum shell_op op;
	bool strict, is_real;
	uint16_t height;     /* of the tree below, at most SHELL_HEIGHT_MAX */
	uint32_t at, end;    /* its bytes of the text */
	uint32_t tag;        /* the reader's own; 0 when parsed */
	uint32_t n;          /* kids */
	str text;            /* a slice of the text that was parsed, or in the arena */
	union {
		int64_t integer;
		double real;
	};
	struct shell_node *kids, *last; /* the first and the last of them */
	struct shell_node *next;
};

/* The tree of a text (a SHELL_BLOCK: a text may begin with param( )). Nodes live in the arena and hold slices of text, which must be
 * UTF-8 and outlive them. INCOMPLETE: the text ends inside of something, more may follow. MALFORMED, CEILING (SHELL_TEXT_MAX bytes,
 * nested deeper than SHELL_DEPTH_MAX, more than SHELL_HEIGHT_MAX nodes above one another), NO_MEMORY. d (NULL allowed) has the place. */
err shell_parse(struct arena *a, str text, struct shell_node **out, struct diag *d);

/* An expression alone, as it stands for an argument of a command. */
err shell_parse_argument(struct arena *a, str text, struct shell_node **out, struct diag *d);

/* The expression of a filter: bare words where a value is wanted become MEMBERs of $_, the braces around it may be there. */
err shell_parse_filter(struct arena *a, str text, struct shell_node **out, struct diag *d);

/* Line and column (in characters) of a byte of the text, both from 1. */
void shell_place(str text, size_t at, uint32_t *line, uint32_t *column);

/* The line that d points to, and a caret below it; nothing without a place. */
void shell_caret(str text, const struct diag *d, struct buf *out);

/* The i-th kid, or NULL. */
struct shell_node *shell_kid(const struct shell_node *n, size_t i);

/* The operator that is written -name (without its dash), or SHELL_OP_NONE; *strict: it is a c- form. */
enum shell_op shell_op_find(str name, bool *strict);

/* A number as the language writes it (5, 1.5, 0x1F, 10MB), all of s. */
bool shell_number(str s, bool *is_real, int64_t *integer, double *real);

/* Bytes of a dash (also a typographic one) that s begins with, or 0. */
size_t shell_dash(str s);

#endif
