/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_MSPL_PRIV_H
#define WITAN_WIRE_MSPL_PRIV_H

#include "wire/mspl.h"

#define MSPL_DEPTH     48    /* of nested statements and expressions */
#define MSPL_SLOTS     192   /* variables of a program at once */
#define MSPL_STACK     64    /* values of a run; each function call takes one more frame */
#define MSPL_FRAMES    32
#define MSPL_LOOPS     32
#define MSPL_FUNCTIONS 32
#define MSPL_CODE      16384
#define MSPL_CONSTANTS 4096
#define MSPL_NODES     16384
#define MSPL_ARGUMENTS 16

/* ---- tokens ---- */

enum token_kind {
	TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_INT, TOKEN_FLOAT,
	TOKEN_OPEN, TOKEN_CLOSE, TOKEN_BEGIN, TOKEN_FINISH, TOKEN_INDEX, TOKEN_INDEXED, /* ( ) { } [ ] */
	TOKEN_SEMICOLON, TOKEN_COMMA, TOKEN_DOT, TOKEN_COLON, TOKEN_ASSIGN, TOKEN_NOT, TOKEN_OR, TOKEN_AND, TOKEN_EQ, TOKEN_NE, TOKEN_LE,
	TOKEN_GE, TOKEN_LT, TOKEN_GT, TOKEN_PLUS, TOKEN_MINUS,
};

struct token {
	enum token_kind kind;
	uint32_t at; /* offset in the source */
	str text;    /* of a name; of a text without quotes and escapes */
	int64_t number;
	double real;
};

/* ---- the tree ---- */

enum node_kind {
	NODE_CONST, NODE_NAME, NODE_CALL, NODE_MEMBER, NODE_FIELD, NODE_UNARY, NODE_BINARY, /* expressions */
	NODE_BLOCK, NODE_EXPR, NODE_ASSIGN, NODE_IF, NODE_SWITCH, NODE_CASE, NODE_FOREACH, NODE_WHILE, NODE_BREAK, NODE_CONTINUE, NODE_RETURN, NODE_EMPTY,
	NODE_FUNCTION,
};

struct node {
	uint8_t kind;  /* enum node_kind */
	uint8_t op;    /* enum token_kind of an operator */
	uint16_t n;    /* arguments, parameters */
	uint32_t at;
	str name;
	struct node *a, *b, *c;
	struct node *next; /* the next statement, argument, parameter, case or function */
	struct mspl_value value;
};

struct parser {
	const struct mspl_script *script;
	struct arena *arena;
	struct diag *d;
	struct token token;  /* the one that is looked at */
	uint32_t at;         /* where the next one begins */
	unsigned depth, nodes;
	struct node *functions, *statements;
};

/* lex.c: the next token into p->token. */
err mspl_next(struct parser *p);
/* An error at an offset of the source. */
err mspl_refuse(const struct mspl_script *s, struct diag *d, uint32_t at, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* line and column (1-based, in the manifest) of an offset */
void mspl_place(const struct mspl_script *s, uint32_t at, uint32_t *line, uint32_t *column);

/* parse.c: the whole script into p->functions and p->statements; expression.c: one expression. */
err mspl_parse(struct parser *p);
err mspl_parse_expression(struct parser *p, struct node **out);
err mspl_parse_constant(struct parser *p, struct node **out);
/* Takes a token of this kind, or says that `what` is missing. */
err mspl_expect(struct parser *p, enum token_kind kind, const char *what);
struct node *mspl_node(struct parser *p, enum node_kind kind, uint32_t at);
bool mspl_is_word(const struct token *t, const char *word);
err mspl_down(struct parser *p); /* one level deeper; p->depth-- takes it back */

/* ---- names ---- */

struct mspl_function {
	const char *name;
	uint8_t least, most;
	char of;             /* 'A', 'Q', 'R' */
	const char *refusal; /* NULL: there is such a function */
};
enum mspl_call {
#define FUNCTION(name, function, least, most, of) MSPL_CALL_##name,
#define REFUSED(name, why) MSPL_CALL_##name,
#include "wire/mspl/mspl_function.def"
#undef FUNCTION
#undef REFUSED
	MSPL_CALL_N
};
extern const struct mspl_function mspl_functions[MSPL_CALL_N];

struct mspl_member {
	uint8_t object; /* enum mspl_object; MSPL_OBJECT_N: a root */
	const char *name;
	bool writable;
};
extern const struct mspl_member mspl_members[MSPL_AT_N];

struct mspl_header {
	const char *word, *name;
	bool once, locked;
};
const struct mspl_header *mspl_header_find(str field_name);

/* The index, or -1. near: what was meant perhaps. */
int mspl_function_find(str name, str *near);
/* A property of an object by its member's name, those of a message for a request and a response, too; -1. */
int mspl_member_find(enum mspl_object o, str name, str *near);
bool mspl_is_member(str name); /* of any object */
int mspl_root_find(str name);
int mspl_object_find(str name);
/* A value of an enumeration: StandardMethod.Invite. 0: found; 1: there is no such value; -1: no such enumeration. */
int mspl_enum_find(str kind, str name, struct mspl_value *out, str *near);
/* What to write instead of a name that circulates; NULL. */
const char *mspl_instead(str name);

/* ---- code ---- */

enum opcode {
	OP_CONST, /* arg: constant */ OP_LOAD, /* arg: slot */ OP_STORE, OP_POP, OP_OBJECT, /* arg: enum mspl_object */ OP_ROOT, /* arg: property */
	OP_MEMBER, /* arg: name constant */ OP_SET, /* arg: property */ OP_FIELD, /* n: file, arg: column */ OP_CALL, /* arg: enum mspl_call, n: arguments */
	OP_FUNCTION, /* arg: first instruction, n: parameters */ OP_RETURN, OP_STOP, OP_JUMP, OP_JUMP_FALSE, /* pops */ OP_AND, OP_OR, /* jump and keep, or pop */
	OP_TRUTH, OP_NOT, OP_NEGATE, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_PLUS, OP_MINUS,
	OP_LOOP, OP_EACH, OP_TURN, /* arg: where it ends; n: slot of an EACH */ OP_NEXT, /* foreach: arg: end, n: slot */ OP_LOOP_END,
};

struct code {
	uint8_t op, n;
	uint16_t arg;
	uint32_t line;
};

struct mspl_program {
	const struct code *code;
	size_t n_code;
	const struct mspl_value *constants;
	size_t n_constants;
	const struct mspl_file_row *files; /* names only: for messages */
	size_t n_files;
};

/* emit.c: functions and statements as code; names are resolved here */
err mspl_emit(struct parser *p, struct mspl_program **out);
/* check.c: no function calls itself, by whatever way; every function has its own name */
err mspl_check(const struct parser *p);

/* ---- the machine ---- */

struct loop_state {
	struct mspl_value list;
	size_t at;
	uint32_t turns;
};

struct frame {
	uint32_t back;  /* where to go on */
	uint16_t loops; /* open when it was called */
	uint16_t stack;
};

struct machine {
	const struct mspl_program *p;
	const struct mspl_world *w;
	void *arg;
	struct arena *arena;
	struct mspl_result *out;
	struct diag *d;
	size_t spent;      /* bytes that were taken from the arena for this run */
	uint32_t at;
	uint16_t n_stack, n_loops, n_frames;
	bool in_fork;
	struct mspl_value stack[MSPL_STACK], slots[MSPL_SLOTS];
	struct loop_state loops[MSPL_LOOPS];
	struct frame frames[MSPL_FRAMES];
};

/* A critical error at the instruction that runs. */
err mspl_fail(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* n bytes; NULL past a ceiling. */
char *mspl_take(struct machine *m, size_t n);
err mspl_join(struct machine *m, const str *parts, size_t n, struct mspl_value *out);

/* call.c: v[0..n) are the arguments, *out the result (null before) */
err mspl_call(struct machine *m, enum mspl_call which, const struct mspl_value *v, unsigned n, struct mspl_value *out);
#define CALL(name) err name(struct machine *m, const struct mspl_value *v, unsigned n, struct mspl_value *out)
typedef CALL(mspl_call_fn);
#define FUNCTION(name, function, least, most, of) mspl_call_fn function;
#define REFUSED(name, why)
#include "wire/mspl/mspl_function.def"
#undef FUNCTION
#undef REFUSED

/* Arguments: a critical error when they are of another type. which is 0-based. */
err mspl_arg_text(struct machine *m, const struct mspl_value *v, unsigned which, str *out);
err mspl_arg_number(struct machine *m, const struct mspl_value *v, unsigned which, int64_t *out);
err mspl_arg_truth(struct machine *m, const struct mspl_value *v, unsigned which, bool *out);

#endif
