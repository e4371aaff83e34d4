/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - what a function answers when it could not do its work.
 *
 * An err points at one declared row (err.def): a name, a sentence for people, the SIP status and the HTTP status that
 * it becomes at the border. Returning one never allocates. Whoever turns an error into an answer logs it, once.
 */
#ifndef WITAN_BASE_ERR_H
#define WITAN_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err_def {
	const char *name; /* "NO_MEMORY" */
	const char *text; /* a sentence without a full stop */
	uint16_t sip;     /* RFC 3261 status code; 0: never shown on the wire */
	uint16_t http;
};

typedef struct [[nodiscard]] err {
	const struct err_def *def; /* NULL: success */
} err;

enum err_id {
#define ERR(name, text, sip, http) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_N
};

extern const struct err_def err_defs[ERR_N];

#define OK        ((err){ NULL })
#define ERR(name) ((err){ &err_defs[ERR_##name] })

static inline bool failed(err e)
{
	return e.def != NULL;
}

static inline bool err_is(err e, enum err_id id)
{
	return e.def == &err_defs[id];
}

/* Where and why, for people: a function that can be refused in many ways fills one beside its err. */
struct diag {
	char where[160];  /* "topology.yaml:3:14", "Via", "certs/default.pem" */
	char what[240];   /* the reason, with the offending value */
	char remedy[240]; /* what to do about it; "" if nothing can be said */
	uint32_t line, column; /* 1-based; 0: no place */
};

/* Fills d (NULL allowed) and answers e, so that refusing is one statement. */
err diag_fail(struct diag *d, err e, const char *where, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* What was said holds bytes of a peer: makes it printable ASCII without '"' and '\\', so that it fits a log line, a terminal and a
 * quoted string of a protocol. d may be NULL. */
void diag_clean(struct diag *d);

/* The only macros that hide control flow. */
#define TRY(expr)                           \
	do {                                \
		err try_err_ = (expr);      \
		if (failed(try_err_))       \
			return try_err_;    \
	} while (0)

#define ENSURE(cond, name)                  \
	do {                                \
		if (!(cond))                \
			return ERR(name);   \
	} while (0)

/* Runs fn(&variable) at the end of the scope, whichever way it is left: the variable must be set from the start.
 * struct buf b DEFER(buf_fini) = { 0 }; */
#define DEFER(fn) __attribute__((cleanup(fn)))

/* For our own mistakes, never for input. */
#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))
void assert_failed(const char *cond, const char *file, int line) __attribute__((noreturn));

#endif
