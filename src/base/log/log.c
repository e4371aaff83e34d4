/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/mem.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384

const struct log_def log_defs[EV_N] = {
#define EVENT(id, name, level, per_second) { name, level, per_second },
#include "base/log.def"
#undef EVENT
};

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void log_init(struct log *l, int fd, const char *process, unsigned index)
{
	*l = (struct log){ .fd = fd, .process = process, .index = index, .level = LOG_INFO };
}

/* Bytes that are no UTF-8 are shown as U+FFFD: a log line is valid JSON whatever a peer sent. */
static size_t utf8_length(str s, size_t i)
{
	static const unsigned char lead[][3] = { { 0x80, 0x00, 1 }, { 0xe0, 0xc0, 2 }, { 0xf0, 0xe0, 3 }, { 0xf8, 0xf0, 4 } };
	for (size_t k = 0; k < 4; k++) {
		if (((unsigned char)s.p[i] & lead[k][0]) != lead[k][1])
			continue;
		size_t n = lead[k][2];
		if (i + n > s.n)
			return 0;
		for (size_t j = 1; j < n; j++)
			if (((unsigned char)s.p[i + j] & 0xc0) != 0x80)
				return 0;
		return n;
	}
	return 0;
}

static void add_text(struct buf *b, str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = utf8_length(s, i);
		if (n == 0)
			buf_add(b, STR("\xef\xbf\xbd"));
		else if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\u%04x", c);
		else
			buf_add(b, (str){ s.p + i, n });
		i += n != 0 ? n : 1;
	}
	buf_add_char(b, '"');
}

static void add_field(struct buf *b, const struct log_field *f)
{
	buf_printf(b, ",\"%s\":", f->key);
	if (f->is_text)
		add_text(b, f->s);
	else if (strcmp(f->key, "request") == 0)
		buf_printf(b, "\"%016" PRIx64 "\"", (uint64_t)f->i);
	else
		buf_printf(b, "%" PRId64, f->i);
}

static void emit(struct log *l, const struct timespec *ts, enum log_id id, const struct log_field *fields)
{
	struct buf b DEFER(buf_fini) = { 0 };
	struct tm tm;
	buf_init(&b, LINE_MAX_BYTES);
	(void)gmtime_r(&ts->tv_sec, &tm);
	buf_printf(&b, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\",\"level\":\"%s\",\"process\":\"%s", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts->tv_nsec / 1000000,
		level_names[log_defs[id].level], l->process);
	if (l->index != 0)
		buf_printf(&b, ".%u", l->index);
	buf_printf(&b, "\",\"event\":\"%s\"", log_defs[id].name);
	for (const struct log_field *f = fields; f->key != NULL; f++)
		add_field(&b, f);
	buf_add(&b, STR("}\n"));
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };
	if (b.failed || poll(&p, 1, 0) != 1 || write(l->fd, b.p, b.n) != (ssize_t)b.n)
		l->lost++;
}

void log_write(struct log *l, enum log_id id, const struct log_field *fields)
{
	if (l == NULL || log_defs[id].level < l->level)
		return;
	struct timespec ts;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t second = (uint64_t)ts.tv_sec;
	if (l->bucket[id].second != second) {
		uint32_t held = l->bucket[id].held;
		l->bucket[id].second = second;
		l->bucket[id].written = l->bucket[id].held = 0;
		if (held != 0)
			emit(l, &ts, EV_LOG_HELD,
				(const struct log_field[]){ LOG_Z("of", log_defs[id].name), LOG_INT("lines", held), { .key = NULL } });
	}
	if (log_defs[id].per_second != 0 && l->bucket[id].written >= log_defs[id].per_second) {
		l->bucket[id].held++;
		return;
	}
	l->bucket[id].written++;
	emit(l, &ts, id, fields);
}
