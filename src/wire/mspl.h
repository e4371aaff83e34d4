/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mspl - the language of administrators' message filters (the SIP processing language of Lync Server 2013): a script is compiled to bytecode
 * and run on one message by a machine that is bounded in instructions, turns, stack and memory.
 *
 * Everything here is a pure function: what a script sees and changes goes through a table of callbacks (struct mspl_world), what it
 * decides is the result. Names of functions, members and enumerations are compared without case; those of variables as well.
 */
#ifndef WITAN_WIRE_MSPL_H
#define WITAN_WIRE_MSPL_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	MSPL_SOURCE_MAX = 65536,       /* bytes of a script */
	MSPL_TURNS_MAX = 500,          /* of one loop */
	MSPL_INSTRUCTIONS_MAX = 20000, /* of one run */
	MSPL_STRING_MAX = 65536,       /* bytes of a string that a script puts together */
	MSPL_MEMORY_MAX = 1 << 20,     /* bytes that one run may take; what the arena has to give may be less */
	MSPL_FILES_MAX = 16,           /* flat files of a script */
	MSPL_COLUMNS_MAX = 16,
	MSPL_FORKS_MAX = 16,
	MSPL_FIELDS_MAX = 16,          /* of an answer */
	MSPL_LIST_MAX = 256,           /* values of a collection */
};

/* ---- values ---- */

enum mspl_type { MSPL_NULL, MSPL_BOOL, MSPL_INT, MSPL_FLOAT, MSPL_STRING, MSPL_ENUM, MSPL_OBJECT, MSPL_LIST };

enum mspl_object { MSPL_MESSAGE, MSPL_REQUEST, MSPL_RESPONSE, MSPL_SOURCE, MSPL_TARGET, MSPL_ENDPOINT, MSPL_OBJECT_N };

enum mspl_enum {
#define ENUM(name) MSPL_ENUM_##name,
#define VALUE(kind, name, number)
#include "wire/mspl/mspl_enum.def"
#undef ENUM
#undef VALUE
	MSPL_ENUM_N
};

/* Values of the enumerations: MSPL_StandardMethod_Subscribe ... */
enum mspl_number {
#define ENUM(name)
#define VALUE(kind, name, number) MSPL_##kind##_##name = number,
#include "wire/mspl/mspl_enum.def"
#undef ENUM
#undef VALUE
};

/* What a world can be asked of its message: MSPL_AT_FROM ... */
enum mspl_property {
#define ROOT(name, id) MSPL_AT_##id,
#define MEMBER(object, name, id, writable) MSPL_AT_##id,
#include "wire/mspl/mspl_member.def"
#undef ROOT
#undef MEMBER
	MSPL_AT_N
};

struct mspl_endpoint {
	str epid, instance, contact, extra_methods;
	int64_t methods; /* bits of enum StandardMethod */
};

struct mspl_value {
	uint8_t type; /* enum mspl_type */
	uint8_t kind; /* enum mspl_enum or mspl_object */
	union {
		bool truth;
		int64_t number; /* MSPL_INT and MSPL_ENUM */
		double real;
		str text;
		const struct mspl_endpoint *endpoint;
		struct {
			const struct mspl_value *p;
			size_t n;
		} list;
	};
};

static inline struct mspl_value mspl_text(str s)
{
	return (struct mspl_value){ .type = MSPL_STRING, .text = s };
}

static inline struct mspl_value mspl_truth(bool b)
{
	return (struct mspl_value){ .type = MSPL_BOOL, .truth = b };
}

static inline struct mspl_value mspl_enum(enum mspl_enum kind, int64_t number)
{
	return (struct mspl_value){ .type = MSPL_ENUM, .kind = (uint8_t)kind, .number = number };
}

/* A value for people: text as it is, enumerations by name. At most size bytes, always ended by NUL. */
const char *mspl_print(const struct mspl_value *v, char *out, size_t size);

/* ---- flat files ---- */

enum mspl_delimiter { MSPL_COMMA, MSPL_TAB, MSPL_SPACE };

struct mspl_file_row { /* as the manifest declares it */
	str name, path;
	str columns[MSPL_COLUMNS_MAX];
	uint8_t n_columns;
	int8_t key; /* column by whose value records are found; -1: by their number */
	bool ignore_case, is_static;
	enum mspl_delimiter delimiter;
};

/* A file that was read. Opaque; lives in the arena that it was read into. */
struct mspl_table;

/*
 * Reads the records of a file: one a line, fields between delimiters, in quotes where they hold one ("" is a quote); what is
 * missing at the end of a line is empty. Lines without anything are left out. MALFORMED: a quote without end, more fields than columns, a
 * key twice; CEILING: more than 65536 records, or the arena is full. d says the line. Slices point into text.
 */
err mspl_table_read(const struct mspl_file_row *row, str text, struct arena *a, const struct mspl_table **out, struct diag *d);
/* The field of the record with this key (or this number, in decimal, without a key column); false: there is none. */
bool mspl_table_find(const struct mspl_table *t, str key, unsigned column, str *out);
size_t mspl_table_count(const struct mspl_table *t);

/* ---- scripts ---- */

struct mspl_program; /* opaque; lives in the arena of mspl_compile and points into nothing else */

struct mspl_script {
	str source;
	uint32_t line, column; /* where it begins in its manifest, 1-based; 0: a script by itself */
	bool script_only;
	const struct mspl_file_row *files;
	size_t n_files;
};

/*
 * Compiles a script. MALFORMED: it is none; CEILING: too large. d (NULL allowed) says where (line and column in the
 * manifest), why and what to do.
 */
err mspl_compile(const struct mspl_script *s, struct arena *a, const struct mspl_program **out, struct diag *d);

/* The line of d in text with a mark under its column, for people: "    Respnd(403);\n    ^\n". Nothing when d names no place. */
void mspl_caret(str text, const struct diag *d, struct buf *out);

/* ---- running ---- */

/* What a script sees and changes of its message. Callbacks answer false when memory is short: then the run fails. */
struct mspl_world {
	bool is_request;
	/* *v begins as null. */
	bool (*get)(void *arg, enum mspl_property p, struct arena *a, struct mspl_value *v);
	bool (*set)(void *arg, enum mspl_property p, str value);
	/* The value of the at-th field of that name as it stands now; a comma list is one value. *is_there false: no more. */
	bool (*header)(void *arg, str name, size_t at, str *value, bool *is_there);
	bool (*header_add)(void *arg, str name, str value);
	/* value NULL: all of the name; else those with exactly this value. */
	bool (*header_remove)(void *arg, str name, const str *value);
	/* The first field of the name gets this value. */
	bool (*header_set)(void *arg, str name, str value);
	bool (*is_domain)(void *arg, str domain);
	/* p NULL: nobody's. */
	bool (*home)(void *arg, str user, bool is_phone, int64_t cluster, str *fqdn);
	bool (*endpoint)(void *arg, str user, size_t at, struct mspl_endpoint *e, bool *is_there);
	bool (*option)(void *arg, str user, int64_t option, bool is_phone);
	bool (*field)(void *arg, unsigned file, str key, unsigned column, str *value); /* false: no such record */
	void (*log)(void *arg, str level, str detail, str text);
	/* Each step for people who look on: "Respond(403, \"Forbidden\")". NULL: nobody does. */
	void (*step)(void *arg, uint32_t line, const char *what, const struct mspl_value *result);
};

enum mspl_action { MSPL_NOTHING, MSPL_PROXY, MSPL_FORK, MSPL_RESPOND };

struct mspl_result {
	enum mspl_action action;
	str uri;               /* MSPL_PROXY: the new target; empty: the one that it has */
	str retarget;          /* RetargetRequest; empty: was not said */
	bool is_sequential;    /* MSPL_FORK */
	str forks[MSPL_FORKS_MAX];
	size_t n_forks;
	unsigned status;       /* MSPL_RESPOND */
	str reason;
	str field_names[MSPL_FIELDS_MAX], field_values[MSPL_FIELDS_MAX];
	size_t n_fields;
	uint32_t instructions;
};

/*
 * Runs a program on one message. SCRIPT: a critical error, d (NULL allowed) says the line and why; then nothing of *out holds. CEILING: out
 * of memory. Texts of *out live in the arena or the program.
 */
err mspl_run(const struct mspl_program *p, const struct mspl_world *w, void *arg, struct arena *a, struct mspl_result *out, struct diag *d);

#endif
