/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_SHELL_PRIV_H
#define WITAN_SERVICE_SHELL_PRIV_H

#include <signal.h>

#include "service/shell.h"
#include "wire/shell.h"

enum {
	STEPS_MAX = 5000000,
	ELEMENTS_MAX = 4 << 20, /* 256 MiB of values, 64 bytes each */
	SHOWN_MAX = 16 << 20,   /* 1 GiB that is to be shown: 300,000 users with all they have */
	CALLS_MAX = 100,
	EVAL_DEPTH_MAX = 2500,
	FLIGHT_MAX = 64,
	VALUE_TEXT_MAX = 16 << 20,
	VALUE_DEPTH_MAX = 64,
	ERRORS_MAX = 256,
	WORDS_MAX = 256,
};

/* Keys of objects that are more than JSON. No text that the language or a file can make has a control character in a name. */
#define KEY_BLOCK  "\001block"  /* index of a script block */
#define KEY_SECRET "\001secret" /* index of a secure string */
#define KEY_HASH   "\001hash"   /* a hash table, not an object of a server */
#define KEY_FORMAT "\001format" /* what Format-List and its like hand on */

/* ---- sources: texts that were parsed ---- */

struct shell_source {
	struct shell_source *next;
	char *name; /* of a script, or "" */
	struct buf text;
	struct arena arena;
	struct shell_node *root;
	bool is_kept; /* a function or a block may still be called */
};

struct shell_block {
	const struct shell_node *node;
	struct shell_source *source;
};

struct shell_function {
	char *name;
	const struct shell_node *block;
	struct shell_source *source;
};

/* Where the evaluation is: a source, and the node of the caller's source that led there. */
struct shell_place {
	struct shell_place *up;
	struct shell_source *source;
	const struct shell_node *from;
	const char *name; /* of the function; NULL: that of the source */
};

struct shell_frame {
	struct shell_frame *up;
	json_t *variables; /* names in lower case */
	bool is_script;
};

/* ---- where values go ---- */

/* put borrows v. */
struct shell_sink {
	err (*put)(struct shell *sh, struct shell_sink *to, json_t *v);
};

struct shell_collect {
	struct shell_sink sink;
	json_t *array;
};

struct shell_send;

struct shell {
	const struct shell_door *door;
	void *arg;
	struct shell_frame global, *frame;
	json_t *it; /* $_; borrowed */
	struct shell_source *sources, *top;
	struct shell_place *place;
	const struct shell_node *here; /* what an error is about */
	struct shell_block *blocks;
	uint32_t n_blocks;
	struct shell_function *functions;
	size_t n_functions;
	char **secrets;
	size_t n_secrets;
	json_t *errors; /* $Error */
	json_t *caught; /* the error that a catch block looks at; borrowed */
	json_t *thrown; /* what throw was given */
	json_t *shown;  /* what the statement at hand has put out and nobody took */
	struct diag d;  /* of the error under way */
	err told;       /* the last error that was said */
	bool ok;        /* $? */
	bool has_told;
	uint64_t steps, elements, shown_elements;
	unsigned depth, calls;
	void *stopper; /* the stage that wants no more */
	struct shell_send *flight, **flight_end;
	size_t n_flight;
	volatile sig_atomic_t interrupted;
};

/* ---- leaving blocks and loops: errs of their own that never leave the module ---- */

enum { FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN, FLOW_EXIT, FLOW_STOP, FLOW_N };
extern const struct err_def shell_flow[FLOW_N];
#define FLOW(name) ((err){ &shell_flow[FLOW_##name] })

static inline bool shell_is_flow(err e)
{
	return e.def >= shell_flow && e.def < shell_flow + FLOW_N;
}

static inline bool shell_flows(err e, int flow)
{
	return e.def == &shell_flow[flow];
}

/* ---- errors (shell_fail.c) ---- */

/* Fills sh->d with the place of sh->here. */
err shell_fail(struct shell *sh, err e, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* sh->d was filled by somebody else: adds the place. */
err shell_fail_at(struct shell *sh, err e);
/* "not part of this shell". */
err shell_not_part(struct shell *sh, const char *what, str name, const char *instead);
json_t *shell_error_record(struct shell *sh, err e);
void shell_remember_error(struct shell *sh, json_t *record);
bool shell_is_error_record(const json_t *v);
err shell_step(struct shell *sh);
err shell_charge(struct shell *sh, size_t elements);
/* OK, or NO_MEMORY for a JSON call that answered -1. */
static inline err shell_json(int answer)
{
	return answer == 0 ? OK : ERR(NO_MEMORY);
}

/* ---- values (shell_value.c) ---- */

json_t *shell_string(str s); /* NULL: no memory, or no UTF-8 */
err shell_string_new(struct shell *sh, str s, json_t **out);
bool shell_is_hash(const json_t *v);
bool shell_is_special(const json_t *v); /* block or secret: a scalar, though an object */
bool shell_is_secret(const json_t *v);
bool shell_is_block(const json_t *v);
bool shell_is_hidden(const char *key);  /* of those above */
size_t shell_object_size(const json_t *v);
bool shell_truth(const json_t *v);
/* The text of a value: a slice of it, or written to scratch. */
str shell_text_of(struct shell *sh, const json_t *v, struct buf *scratch);
void shell_write_text(struct shell *sh, const json_t *v, struct buf *out, unsigned depth);
/* A copy for the server, files and the screen: without hidden keys, blocks as their text. Secrets become "System.Security.SecureString". */
err shell_plain(struct shell *sh, const json_t *v, json_t **out);
/* Whether a secret is somewhere inside. */
bool shell_has_secret(const json_t *v, unsigned depth);
bool shell_holds(const json_t *v, const json_t *inner, unsigned depth);
json_t *shell_hash_new(void);
/* Exactly, else without regard to case. *key (NULL allowed) as it is written there. */
json_t *shell_object_find(const json_t *object, str name, const char **key);
const struct shell_block *shell_block_of(struct shell *sh, const json_t *v);

/* ---- numbers and texts (shell_number.c, shell_letter.c) ---- */

struct shell_num {
	bool is_real;
	int64_t i;
	double d; /* also when it is whole */
};

bool shell_num_of(const json_t *v, struct shell_num *out); /* text too, if it is a number */
json_t *shell_num_json(struct shell_num n);
struct shell_num shell_num_int(int64_t i);
struct shell_num shell_num_real(double d);
void shell_write_real(double d, struct buf *out);
double shell_floor(double d);
/* To the even one of two, as .NET does. */
double shell_round(double d);
/* Compares without (or strict: with) regard to case, by characters. */
int shell_text_compare(str a, str b, bool strict);
bool shell_text_equal(str a, str b, bool strict);
/* * ? [a-z] and ` before one of them. */
bool shell_like(str pattern, str s, bool strict);
/* Offset of part in s from an offset; s.n + 1: not there. */
size_t shell_text_find(str s, str part, size_t from, bool strict);
void shell_write_case(str s, bool upper, struct buf *out);
size_t shell_text_length(str s); /* characters */
/* The bytes of the characters [from, from + n). */
str shell_text_part(str s, size_t from, size_t n);

/* ---- dates and spans: texts (shell_date.c) ---- */

struct shell_date {
	int64_t ms; /* since 1970, UTC */
	int offset; /* minutes east of UTC */
};

/* ISO 8601: 2026-11-24, 2026-11-24T12:01:57Z; american: 11/24/2026 12:01 PM too. */
bool shell_date_read(str s, bool american, struct shell_date *out);
void shell_date_write(struct shell_date d, struct buf *out);
/* yyyy-MM-dd HH:mm:ss and its like. */
void shell_date_write_as(struct shell_date d, str format, struct buf *out);
bool shell_date_part(struct shell_date d, str name, json_t **out);
struct shell_date shell_date_add_months(struct shell_date d, int64_t months);
struct shell_date shell_date_now(void);
/* [-][d.]hh:mm[:ss[.fff]] in milliseconds */
bool shell_span_read(str s, int64_t *ms);
void shell_span_write(int64_t ms, struct buf *out);
bool shell_span_part(int64_t ms, str name, json_t **out);

/* ---- operators (shell_compare.c, shell_arithmetic.c, shell_cast.c) ---- */

bool shell_equal(struct shell *sh, const json_t *a, const json_t *b, bool strict);
/* <0, 0, >0 */
int shell_order(struct shell *sh, const json_t *a, const json_t *b, bool strict);
err shell_compare(struct shell *sh, enum shell_op op, bool strict, json_t *a, json_t *b, json_t **out);
/* One pair, nothing filtered; for filters and Where-Object. */
err shell_compare_one(struct shell *sh, enum shell_op op, bool strict, const json_t *a, const json_t *b, bool *out);
err shell_arithmetic(struct shell *sh, enum shell_op op, json_t *a, json_t *b, json_t **out);
err shell_text_operator(struct shell *sh, enum shell_op op, bool strict, json_t *a, json_t *b, json_t **out); /* -replace -split -join */
err shell_format_operator(struct shell *sh, json_t *a, json_t *b, json_t **out);
err shell_range(struct shell *sh, const json_t *a, const json_t *b, json_t **out);
err shell_cast(struct shell *sh, str type, json_t *v, json_t **out);
err shell_is_type(struct shell *sh, str type, const json_t *v, bool *out);

/* ---- members (shell_member.c, shell_method.c) ---- */

err shell_member(struct shell *sh, json_t *object, str name, json_t **out);
err shell_member_set(struct shell *sh, json_t *object, str name, json_t *v);
err shell_index(struct shell *sh, json_t *object, json_t *index, json_t **out);
err shell_index_set(struct shell *sh, json_t *object, json_t *index, json_t *v);
err shell_method(struct shell *sh, json_t *object, str name, size_t n, json_t **arguments, json_t **out);
err shell_static(struct shell *sh, str type, str name, size_t n, json_t **arguments, json_t **out);
err shell_static_member(struct shell *sh, str type, str name, json_t **out);
err shell_text_method(struct shell *sh, json_t *object, str name, size_t n, json_t **arguments, json_t **out, bool *known); /* shell_text_method.c */

/* ---- variables (shell_variable.c) ---- */

/* A new reference; null when there is none. */
err shell_variable_get(struct shell *sh, str name, json_t **out);
err shell_variable_set(struct shell *sh, str name, json_t *v);
/* In the frame at hand; borrowed; NULL: not there. */
json_t *shell_variable_own(struct shell *sh, str name);
err shell_frame_open(struct shell *sh, struct shell_frame *f, bool is_script);
void shell_frame_close(struct shell *sh, struct shell_frame *f);

/* ---- evaluation (shell_eval.c, shell_statement.c, shell_assign.c) ---- */

/* What every node begins with: its place, its step, its depth. The caller counts the depth down again. */
err shell_begin(struct shell *sh, const struct shell_node *n);
/* The value of an expression or statement: none is null, several are an array. */
err shell_eval(struct shell *sh, const struct shell_node *n, json_t **out);
err shell_eval_text(struct shell *sh, const struct shell_node *n, struct buf *out);
err shell_exec(struct shell *sh, const struct shell_node *n, struct shell_sink *out);
err shell_exec_list(struct shell *sh, const struct shell_node *list, struct shell_sink *out);
err shell_assign(struct shell *sh, const struct shell_node *n, json_t **out); /* *out: the value */
err shell_step_variable(struct shell *sh, const struct shell_node *n, json_t **out);
err shell_put_each(struct shell *sh, json_t *v, struct shell_sink *out); /* an array's items one by one */

err shell_collect_begin(struct shell_collect *c);
/* What was collected as one value; ends it. */
json_t *shell_collect_value(struct shell_collect *c);
void shell_collect_end(struct shell_collect *c);
extern const struct shell_sink shell_nowhere;

/* ---- sources (shell_source.c) ---- */

err shell_source_new(struct shell *sh, const char *name, str text, struct shell_source **out);
void shell_source_free(struct shell_source *s);
/* Frees those that nothing can come back to. */
void shell_sources_drop(struct shell *sh);
err shell_source_blocks(struct shell *sh, struct shell_source *s, struct shell_node *n); /* numbers the blocks of a tree */
err shell_check(struct shell *sh, struct shell_source *s); /* names of commands and parameters, before anything runs */
err shell_function_add(struct shell *sh, str name, const struct shell_node *block);
const struct shell_function *shell_function_find(const struct shell *sh, str name);

/* ---- commands ---- */

/* One word of a command after evaluation. */
struct shell_word {
	str name;     /* -name; p NULL: a value */
	json_t *value; /* NULL: -name alone */
	bool is_bare; /* came from another shell: lists are still to be split */
	const struct shell_node *node;
};

struct shell_words {
	struct shell_word *items;
	size_t n, room;
};

struct shell_stage;

struct shell_stage_ops {
	err (*begin)(struct shell *sh, struct shell_stage *st);
	err (*put)(struct shell *sh, struct shell_stage *st, json_t *v);
	err (*end)(struct shell *sh, struct shell_stage *st);
};

enum shell_action { ACTION_CONTINUE, ACTION_STOP, ACTION_SILENT, ACTION_IGNORE };

/* A command of a pipeline that runs. */
struct shell_stage {
	struct shell_sink sink; /* what is put here becomes its input */
	struct shell_stage *next;
	struct shell_sink *out;
	const struct shell_stage_ops *ops;
	const struct shell_node *node;
	const char *name;       /* canonical */
	json_t *parameters;     /* bound, by canonical name */
	struct shell_words words;
	bool is_piped;          /* there is something before it */
	bool has_failed;
	enum shell_action action;
	char *error_variable, *out_variable;
	json_t *taken; /* for the -OutVariable */
	/* of local cmdlets */
	json_t *kept;
	int64_t count;
	bool flag;
	/* of functions and blocks */
	const struct shell_function *function;
	struct shell_function callee;
	struct shell_sink inner; /* what the body puts out */
	/* of the server's cmdlets */
	struct shell_send *sends, **sends_end;
	size_t n_pending, n_done, expected;
	int64_t began, said;
};

void shell_words_fini(struct shell_words *w);
err shell_words_add(struct shell *sh, struct shell_words *w, struct shell_word word); /* takes value over */
err shell_words_read(struct shell *sh, const struct shell_node *command, bool is_remote, struct shell_words *out);
/* -ErrorAction and its like; *taken: the word belongs to them. */
err shell_bind_common(struct shell *sh, struct shell_stage *st, size_t *i, bool *taken);
bool shell_is_common(str name);
err shell_bind_preferred(struct shell *sh, struct shell_stage *st); /* $ErrorActionPreference */
/* Whether it has the parameter (or one that begins so); *near: which may have been meant. */
bool shell_local_has(const struct shell_local *local, str name, str *near);
err shell_no_parameter(struct shell *sh, const char *command, str name, str near);
bool shell_is_script(str name); /* a path, or NAME.ps1 */
err shell_bind_remote(struct shell *sh, struct shell_stage *st);
err shell_bind_local(struct shell *sh, struct shell_stage *st, const struct shell_local *local);
/* The value of the word at *i, or of the next one. */
err shell_word_value(struct shell *sh, struct shell_stage *st, size_t *i, json_t **out);

/* Makes the stage of a command: resolves the name, binds the words (taken over). */
err shell_stage_new(struct shell *sh, const struct shell_node *command, struct shell_stage **out);
err shell_stage_named(struct shell *sh, str name, struct shell_words *words, const struct shell_node *node, struct shell_stage **out);
void shell_stage_free(struct shell *sh, struct shell_stage *st);
err shell_stage_emit(struct shell *sh, struct shell_stage *st, json_t *v); /* to the next one */
err shell_stage_emit_new(struct shell *sh, struct shell_stage *st, json_t *v); /* takes v over; NULL: NO_MEMORY */
/* An error that does not end the pipeline, unless -ErrorAction Stop says so. */
err shell_stage_refuse(struct shell *sh, struct shell_stage *st, err e);
err shell_run_stages(struct shell *sh, json_t *first, struct shell_stage *stages, struct shell_sink *out); /* frees them */
err shell_pipeline(struct shell *sh, const struct shell_node *n, struct shell_sink *out);
const char *shell_instead(str name); /* for what PowerShell has and this has not; NULL: unknown */
err shell_no_such_command(struct shell *sh, str name, str near);

extern const struct shell_stage_ops shell_ops_remote, shell_ops_call;
const struct shell_stage_ops *shell_local_ops(const struct shell_local *local);

/* Runs a block with $_ and arguments; in the frame at hand unless own_frame. */
err shell_call_block(struct shell *sh, const struct shell_block *b, json_t *it, struct shell_sink *out);
err shell_block_value(struct shell *sh, const json_t *block, json_t *it, json_t **out); /* its output as one value */
/* Its text for the server, with the values of variables in it (shell_quote.c). */
err shell_block_text(struct shell *sh, const struct shell_block *b, json_t **out);
err shell_load_script(struct shell *sh, str path, struct shell_function *out);

/* The server's answers (shell_remote.c). */
void shell_forget_sends(struct shell *sh, struct shell_stage *st);
void shell_drain(struct shell *sh);
void shell_forget_flight(struct shell *sh); /* at the end of the session */
void shell_say(struct shell *sh, enum shell_stream stream, str text);
void shell_flush_shown(struct shell *sh);

/* ---- for local cmdlets ---- */

json_t *shell_parameter(const struct shell_stage *st, const char *name); /* borrowed; NULL: not given */
bool shell_switch(const struct shell_stage *st, const char *name);
err shell_parameter_count(struct shell *sh, const struct shell_stage *st, const char *name, int64_t dflt, int64_t most, int64_t *out);
err shell_property_of(struct shell *sh, json_t *v, json_t *property, json_t **out); /* property: name or block */
err shell_project(struct shell *sh, json_t *v, json_t *properties, json_t *excluded, json_t **out);
json_t *shell_shown_as(const json_t *v, struct shell_format *how); /* objects of what Format-X handed on; NULL: it is none */
err shell_csv_header(struct shell *sh, json_t *v, char delimiter, struct buf *out);
err shell_csv_row(struct shell *sh, json_t *v, json_t *names, char delimiter, struct buf *out);
err shell_csv_read(struct shell *sh, str text, char delimiter, json_t *header, json_t **out);
void shell_error_place(struct shell *sh);

#endif
