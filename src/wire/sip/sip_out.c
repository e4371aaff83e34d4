/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to send: rows of a list, and their printing. */
#include <stdarg.h>
#include <stdio.h>

#include "wire/sip/sip_priv.h"

#define ROWS_MIN 24

static void begin(struct sip_out *o, struct arena *a, str start, size_t rows)
{
	*o = (struct sip_out){ .arena = a, .start = start };
	rows = rows < UINT16_MAX ? rows : UINT16_MAX;
	o->rows = arena_alloc(a, rows * sizeof *o->rows);
	o->failed = o->rows == NULL;
	o->size = o->failed ? 0 : (uint16_t)rows;
}

void sip_out_new(struct sip_out *o, struct arena *a, str start)
{
	begin(o, a, start, ROWS_MIN);
}

/* Room for one row at `at`; NULL without. */
static struct sip_row *insert(struct sip_out *o, unsigned at)
{
	if (o->failed)
		return NULL;
	if (o->n == o->size) {
		size_t size = (size_t)o->size * 2;
		struct sip_row *rows = size <= UINT16_MAX ? arena_alloc(o->arena, size * sizeof *rows) : NULL;
		if (rows == NULL) {
			o->failed = true;
			return NULL;
		}
		memcpy(rows, o->rows, o->n * sizeof *rows);
		o->rows = rows;
		o->size = (uint16_t)size;
	}
	struct sip_row *row = &o->rows[at];
	memmove(row + 1, row, (size_t)(o->n - at) * sizeof *row);
	o->n++;
	return row;
}

/* A row as received. A compact name is written out: existing clients do not know them. */
static void add_received(struct sip_out *o, const struct sip_hdr *h)
{
	struct sip_row *row = insert(o, o->n);
	if (row == NULL)
		return;
	*row = (struct sip_row){ .line = h->line, .id = h->id };
	if (h->name.n == 1 && h->id != SIP_HDR_OTHER) {
		row->name = sip_hdr_name((enum sip_hdr_id)h->id);
		row->value = h->value;
	}
}

void sip_out_from(struct sip_out *o, struct arena *a, const struct sip_msg *m, str start)
{
	begin(o, a, start, (size_t)m->n_hdrs + 8);
	for (unsigned i = 0; i < m->n_hdrs; i++)
		if (m->hdrs[i].id != SIP_HDR_CONTENT_LENGTH)
			add_received(o, &m->hdrs[i]);
	o->body = m->body;
}

static void put(struct sip_out *o, unsigned at, uint16_t id, str name, str value)
{
	struct sip_row *row = insert(o, at);
	if (row != NULL)
		*row = (struct sip_row){ .id = id, .name = name, .value = value };
}

void sip_out_add(struct sip_out *o, enum sip_hdr_id id, str value)
{
	ASSERT(id != SIP_HDR_OTHER && id < SIP_HDR_N);
	put(o, o->n, (uint16_t)id, sip_hdr_name(id), value);
}

void sip_out_add_other(struct sip_out *o, str name, str value)
{
	put(o, o->n, (uint16_t)sip_hdr_of(name), name, value);
}

/* The index of the first row of an id; o->n without. */
static unsigned find(const struct sip_out *o, enum sip_hdr_id id)
{
	unsigned i = 0;
	while (i < o->n && o->rows[i].id != id)
		i++;
	return i;
}

void sip_out_add_top(struct sip_out *o, enum sip_hdr_id id, str value)
{
	unsigned at = find(o, id);
	put(o, at < o->n ? at : 0, (uint16_t)id, sip_hdr_name(id), value);
}

/* printf into the arena; p is NULL when it is full. */
__attribute__((format(printf, 2, 0))) static str format(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
	if (p == NULL)
		return (str){ NULL, 0 };
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	return (str){ p, (size_t)n };
}

void sip_out_addf(struct sip_out *o, enum sip_hdr_id id, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	str value = format(o->arena, fmt, ap);
	va_end(ap);
	if (value.p == NULL)
		o->failed = true;
	else
		sip_out_add(o, id, value);
}

static void cut(struct sip_out *o, unsigned at)
{
	o->n--;
	memmove(&o->rows[at], &o->rows[at + 1], (size_t)(o->n - at) * sizeof *o->rows);
}

void sip_out_remove(struct sip_out *o, enum sip_hdr_id id)
{
	unsigned n = 0;
	for (unsigned i = 0; i < o->n; i++)
		if (o->rows[i].id != id)
			o->rows[n++] = o->rows[i];
	o->n = (uint16_t)n;
}

/* The value of a row, ours or as received. */
static str row_value(const struct sip_row *row)
{
	if (row->name.n != 0)
		return row->value;
	str value;
	(void)str_split(row->line, ':', &value);
	return str_trim(value);
}

static str concat(struct sip_out *o, str a, str b, str c)
{
	char *p = arena_alloc(o->arena, a.n + b.n + c.n + 1);
	if (p == NULL) {
		o->failed = true;
		return STR("");
	}
	const str parts[] = { a, b, c };
	size_t n = 0;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; n += parts[i++].n)
		if (parts[i].n != 0)
			memcpy(p + n, parts[i].p, parts[i].n);
	return (str){ p, n };
}

void sip_out_remove_top(struct sip_out *o, enum sip_hdr_id id)
{
	unsigned at = find(o, id);
	str first, rest;
	if (at == o->n)
		return;
	struct sip_row *row = &o->rows[at];
	rest = row_value(row);
	if (sip_hdr_kind(id) != SIP_KIND_LIST || !sip_next_value(&rest, &first) || str_trim(rest).n == 0) {
		cut(o, at);
		return;
	}
	row->name = sip_hdr_name(id);
	row->value = str_trim(rest);
}

void sip_out_replace_top(struct sip_out *o, enum sip_hdr_id id, str value)
{
	unsigned at = find(o, id);
	str first, rest;
	if (at == o->n)
		return;
	struct sip_row *row = &o->rows[at];
	rest = row_value(row);
	if (sip_hdr_kind(id) == SIP_KIND_LIST && sip_next_value(&rest, &first) && str_trim(rest).n != 0)
		value = concat(o, value, STR(", "), str_trim(rest));
	row->name = sip_hdr_name(id);
	row->value = value;
}

void sip_out_set(struct sip_out *o, enum sip_hdr_id id, str value)
{
	unsigned at = find(o, id);
	if (at == o->n) {
		sip_out_add(o, id, value);
		return;
	}
	o->rows[at].name = sip_hdr_name(id);
	o->rows[at].value = value;
	for (unsigned i = o->n; --i > at;)
		if (o->rows[i].id == id)
			cut(o, i);
}

/* ---- responses ---- */

/* The top Via with via_params instead of what the client wrote as received and rport. */
static str reply_via(struct sip_out *o, const struct sip_via *via, str via_params)
{
	struct buf b DEFER(buf_fini) = { 0 };
	str rest = via->params, name, value;
	buf_init(&b, SIP_HEADER_MAX);
	buf_add(&b,
		str_trim(str_cut(via->raw, 0, via->params.n != 0 ? (size_t)(via->params.p - via->raw.p) : via->raw.n)));
	while (b.n != 0 && (b.p[b.n - 1] == ';' || sip_is(b.p[b.n - 1], CHAR_SPACE)))
		b.n--;
	while (sip_next_param(&rest, &name, &value)) {
		if (str_eq_case(name, STR("received")) || str_eq_case(name, STR("rport")))
			continue;
		buf_add_char(&b, ';');
		buf_add(&b, name);
		if (value.n == 0)
			continue;
		buf_add_char(&b, '=');
		buf_add(&b, value);
	}
	buf_add(&b, via_params);
	str s = b.failed ? (str){ NULL, 0 } : arena_copy(o->arena, buf_str(&b));
	if (s.p == NULL)
		o->failed = true;
	return s;
}

static void add_to(struct sip_out *o, const struct sip_msg *m, const struct sip_hdr *h, unsigned status, str to_tag)
{
	if (status > 100 && m->to_tag.n == 0 && to_tag.n != 0)
		sip_out_add(o, SIP_HDR_TO, concat(o, h->value, STR(";tag="), to_tag));
	else
		add_received(o, h);
}

/* Which rows of a request stand in its response (RFC 3261 8.2.6): every Via, and of the others the first. */
static bool is_echoed(const struct sip_msg *m, unsigned row, unsigned status)
{
	unsigned id = m->hdrs[row].id;
	switch (id) {
	case SIP_HDR_VIA:
		return true;
	case SIP_HDR_FROM:
	case SIP_HDR_TO:
	case SIP_HDR_CALL_ID:
	case SIP_HDR_CSEQ:
		return m->first[id] == row + 1;
	case SIP_HDR_TIMESTAMP:
		return status == 100;
	default:
		return false;
	}
}

void sip_out_reply(struct sip_out *o, struct arena *a, const struct sip_msg *m, unsigned status, str reason, str to_tag,
	str via_params)
{
	char code[] = "SIP/2.0 000 ";
	code[8] = (char)('0' + status / 100 % 10);
	code[9] = (char)('0' + status / 10 % 10);
	code[10] = (char)('0' + status % 10);
	begin(o, a, STR(""), ROWS_MIN);
	o->start = concat(o, (str){ code, sizeof code - 1 }, reason.n != 0 ? reason : sip_reason(status), STR(""));
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		const struct sip_hdr *h = &m->hdrs[i];
		if (!is_echoed(m, i, status))
			continue;
		if (h->id == SIP_HDR_TO)
			add_to(o, m, h, status, to_tag);
		else
			add_received(o, h);
	}
	sip_out_complete_via(o, &m->via, via_params);
}

void sip_out_complete_via(struct sip_out *o, const struct sip_via *via, str via_params)
{
	if (via_params.n != 0 && via->host.n != 0)
		sip_out_replace_top(o, SIP_HDR_VIA, reply_via(o, via, via_params));
}

/* ---- printing ---- */

/* Only a fold may follow a line end inside what we write: nobody can smuggle a field in. */
static bool is_one_line(str s)
{
	while (s.n != 0) {
		const char *nl = memchr(s.p, '\n', s.n);
		const char *cr = memchr(s.p, '\r', s.n);
		if (nl == NULL && cr == NULL)
			return true;
		if (nl == NULL || cr == NULL || nl != cr + 1 || nl + 1 == s.p + s.n || (nl[1] != ' ' && nl[1] != '\t'))
			return false;
		s = str_cut(s, (size_t)(nl - s.p) + 1, s.n);
	}
	return true;
}

static void print_row(const struct sip_row *row, struct buf *b)
{
	if (row->name.n == 0) {
		buf_add(b, row->line);
		return;
	}
	if (!is_one_line(row->value))
		b->failed = true;
	buf_add(b, row->name);
	buf_add(b, STR(": "));
	buf_add(b, row->value);
	buf_add(b, STR("\r\n"));
}

static size_t size_of(const struct sip_out *o)
{
	size_t n = o->start.n + o->body.n + sizeof "\r\nContent-Length: 4294967295\r\n\r\n";
	for (unsigned i = 0; i < o->n; i++)
		n += o->rows[i].name.n != 0 ? o->rows[i].name.n + o->rows[i].value.n + 4 : o->rows[i].line.n;
	return n;
}

err sip_out_print(const struct sip_out *o, struct buf *b)
{
	ENSURE(!o->failed && is_one_line(o->start), CEILING);
	ENSURE(buf_reserve(b, size_of(o)), CEILING);
	buf_add(b, o->start);
	buf_add(b, STR("\r\n"));
	for (unsigned i = 0; i < o->n; i++)
		if (o->rows[i].id != SIP_HDR_CONTENT_LENGTH)
			print_row(&o->rows[i], b);
	buf_add(b, STR("Content-Length: "));
	buf_add_u64(b, o->body.n);
	buf_add(b, STR("\r\n\r\n"));
	buf_add(b, o->body);
	ENSURE(!b->failed, CEILING);
	return OK;
}
