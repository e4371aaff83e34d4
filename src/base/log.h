/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one JSON line an event, on one descriptor. Events are declared rows (log.def) with a level and a ceiling of
 * lines a second; what is over the ceiling is counted and reported once the second is over. Never blocks: a line that the
 * descriptor cannot take now is counted as lost.
 */
#ifndef WITAN_BASE_LOG_H
#define WITAN_BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_def {
	const char *name;
	enum log_level level;
	uint16_t per_second; /* lines; 0: no ceiling */
};

enum log_id {
#define EVENT(id, name, level, per_second) EV_##id,
#include "base/log.def"
#undef EVENT
	EV_N
};

extern const struct log_def log_defs[EV_N];

struct log_field {
	const char *key; /* NULL ends the list */
	str s;           /* text, escaped when written, when is_text */
	int64_t i;
	bool is_text;
};

#define LOG_STR(k, v) ((struct log_field){ .key = (k), .s = (v), .is_text = true })
#define LOG_Z(k, v)   ((struct log_field){ .key = (k), .s = str_of(v), .is_text = true })
#define LOG_INT(k, v) ((struct log_field){ .key = (k), .i = (int64_t)(v) })
#define LOG_ERR(e)    ((struct log_field){ .key = "error", .s = str_of((e).def != NULL ? (e).def->name : "OK"), .is_text = true })
/* 16 hexadecimal digits under "request": the id that follows a request through all processes. */
#define LOG_REQ(id)   ((struct log_field){ .key = "request", .i = (int64_t)(id) })

struct log {
	int fd;
	const char *process; /* "front" */
	unsigned index;      /* which of several; shown as "front.1" when not 0 */
	enum log_level level; /* what is below is not written */
	uint64_t lost;
	struct {
		uint64_t second;
		uint32_t written, held;
	} bucket[EV_N];
};

void log_init(struct log *l, int fd, const char *process, unsigned index);
void log_write(struct log *l, enum log_id id, const struct log_field *fields);

/* LOG(l, CONN_OPENED, LOG_STR("peer", s), LOG_INT("port", 5061)); l may be NULL (a unit test). */
#define LOG(l, ev, ...) log_write((l), EV_##ev, (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(,) { .key = NULL } })

#endif
