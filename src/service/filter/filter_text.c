/* SPDX-License-Identifier: Apache-2.0 */
/* One text: which of its links count, and what is put in front of them and of the whole. */
#include "service/filter/filter_priv.h"

#include "wire/filename.h"

#include <stdlib.h>

struct places {
	uint32_t *p;
	size_t n;
};

/* ---- which links count ---- */

/* Letters, digits, hyphens and dots: what browsers would turn into another name is none. */
static bool is_plain(str host)
{
	for (size_t i = 0; i < host.n; i++) {
		char c = char_lower(host.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
			return false;
	}
	return host.n != 0;
}

static bool is_within(str host, str domain)
{
	if (domain.n == 0 || host.n < domain.n)
		return false;
	size_t at = host.n - domain.n;
	return str_eq_case(str_cut(host, at, host.n), domain) && (at == 0 || host.p[at - 1] == '.');
}

static bool is_local(const struct filter *f, str host)
{
	str rest = f->domains;
	if (!is_plain(host))
		return false;
	if (str_find_char(host, '.') == host.n)
		return host.p[0] > '9'; /* a number is an address, whatever it looks like */
	while (rest.n != 0)
		if (is_within(host, str_trim(str_split(rest, ',', &rest))))
			return true;
	return false;
}

static bool is_listed_file(const struct filter_look *l, const struct link *k)
{
	char room[1024];
	str path = link_file(k->target, room, sizeof room), rest, query;
	if (path.n == 0)
		return false;
	rest = str_cut(path, 0, str_find_char(path, '#'));
	path = str_split(rest, '?', &query);
	path = str_cut(path, 0, str_find_char(path, ';'));
	return filename_has(path, l->file->Extensions.p, l->file->Extensions.n) || filename_has(query, l->file->Extensions.p, l->file->Extensions.n);
}

/* A link may be refused for the file behind it, be left alone, or count. */
static err judge(const struct filter_look *l, const struct link *k, bool *counts)
{
	*counts = false;
	if (l->im->BlockFileExtension && is_listed_file(l, k))
		return ERR(FILTER_FILE);
	if (k->is_path || (l->im->IgnoreLocal && is_local(l->filter, link_host(k->target))))
		return OK;
	if (str_eq(l->im->Action, STR("Warn")) && l->im->WarnMessage.n == 0)
		return OK;
	ENSURE(!str_eq(l->im->Action, STR("Block")), FILTER_LINK);
	*counts = true;
	return OK;
}

static err find(const struct filter_look *l, const struct link_text *t, struct places *places)
{
	struct link_rules rules;
	struct link k;
	size_t from = 0;
	link_rules_init(&rules, l->im->Prefixes.p, l->im->Prefixes.n);
	while (link_next(&rules, t, &from, &k)) {
		bool counts;
		TRY(judge(l, &k, &counts));
		ENSURE(!counts || places->n < FILTER_LINKS_MAX, FILTER_LINK);
		if (counts)
			places->p[places->n++] = (uint32_t)k.place;
	}
	return OK;
}

/* ---- what is put in ---- */

static void put_html(struct buf *b, str s)
{
	static const struct {
		char c;
		char text[8];
	} rows[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\n', "<br>" } };
	for (size_t i = 0; i < s.n; i++) {
		size_t k = 0;
		while (k < sizeof rows / sizeof *rows && rows[k].c != s.p[i])
			k++;
		buf_add(b, k < sizeof rows / sizeof *rows ? str_of(rows[k].text) : str_cut(s, i, i + 1));
	}
}

static uint32_t code_of(str s, size_t n)
{
	static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (uint8_t)s.p[0] & masks[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)s.p[i] & 0x3f);
	return c;
}

/* UTF-16 as RTF has it; a question mark for readers of old. */
static void put_rtf_code(struct buf *b, uint32_t c)
{
	if (c >= 0x10000) {
		put_rtf_code(b, 0xd7c0 + (c >> 10));
		put_rtf_code(b, 0xdc00 + (c & 0x3ff));
		return;
	}
	buf_printf(b, "\\u%d?", c > 0x7fff ? (int)c - 0x10000 : (int)c);
}

static void put_rtf_char(struct buf *b, char c)
{
	if (c == '\n') {
		buf_add(b, STR("\\line "));
		return;
	}
	if (c == '\\' || c == '{' || c == '}')
		buf_add_char(b, '\\');
	buf_add_char(b, c);
}

/* A group of its own: nothing of it runs into the control word before it. */
static void put_rtf(struct buf *b, str s)
{
	buf_add(b, STR("{\\uc1 "));
	for (size_t i = 0; i < s.n;) {
		size_t n = str_utf8_length(str_cut(s, i, s.n));
		if (n > 1)
			put_rtf_code(b, code_of(str_cut(s, i, s.n), n));
		else
			put_rtf_char(b, s.p[i]);
		i += n != 0 ? n : 1;
	}
	buf_add_char(b, '}');
}

static void (*const put_message[])(struct buf *b, str s) = { [LINK_PLAIN] = buf_add, [LINK_HTML] = put_html, [LINK_RTF] = put_rtf };

static int by_place(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* The text with an underscore at each place (there may be none), and the message at its beginning. */
static void put_together(struct buf *b, enum link_form form, str text, size_t begin, str message, const struct places *places)
{
	size_t done = 0, k = 0;
	struct buf front DEFER(buf_fini) = { 0 };
	buf_init(&front, FILTER_WORK);
	put_message[form](&front, message);
	/* who filtered before may have said the same */
	bool is_said = message.n == 0 || front.failed || str_begins(str_cut(text, begin, text.n), buf_str(&front));
	b->failed = b->failed || front.failed;
	while (k < places->n || !is_said) {
		bool is_message = !is_said && (k == places->n || begin <= places->p[k]);
		size_t at = is_message ? begin : places->p[k];
		buf_add(b, str_cut(text, done, at));
		buf_add(b, is_message ? buf_str(&front) : STR("_"));
		done = at;
		is_said = is_said || is_message;
		while (!is_message && k < places->n && places->p[k] == at)
			k++;
	}
	buf_add(b, str_cut(text, done, text.n));
}

static err change(const struct filter_look *l, enum link_form form, str text, size_t begin, struct places *places, str *out)
{
	struct buf b DEFER(buf_fini) = { 0 };
	bool is_warning = str_eq(l->im->Action, STR("Warn"));
	buf_init(&b, FILTER_WORK);
	if (is_warning)
		places->n = 0;
	else
		qsort(places->p, places->n, sizeof *places->p, by_place);
	put_together(&b, form, text, begin, is_warning ? l->im->WarnMessage : l->im->AllowMessage, places);
	*out = arena_copy(l->arena, buf_str(&b));
	ENSURE(!b.failed && out->p != NULL, CEILING);
	return OK;
}

static err look_at(struct filter_look *l, enum link_form form, str text, struct arena *a, str *out)
{
	struct link_text t;
	struct places places = { .p = arena_alloc(a, FILTER_LINKS_MAX * sizeof *places.p) };
	ENSURE(places.p != NULL, CEILING);
	err e = link_read(form, text, a, &t);
	ENSURE(!err_is(e, ERR_MALFORMED), SIP_MEDIA_TYPE);
	TRY(e);
	TRY(find(l, &t, &places));
	l->links += (unsigned)places.n;
	return places.n != 0 ? change(l, form, text, t.begin, &places, out) : OK;
}

err filter_text(struct filter_look *l, enum link_form form, str text, str *out)
{
	struct arena work;
	*out = (str){ NULL, 0 };
	arena_init(&work, FILTER_WORK);
	err e = look_at(l, form, text, &work, out);
	arena_fini(&work);
	return e;
}
