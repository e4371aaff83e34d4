/* SPDX-License-Identifier: Apache-2.0 */
/* RTF 1.9: what is shown, and the instructions of fields. Control words part no words, since they part none on the screen. */
#include "wire/link/link_priv.h"

#include "base/enc.h"

#define DEPTH_MAX 64

struct group {
	uint8_t fallback;     /* characters behind \u that say the same for older readers */
	bool is_silent;       /* tables, pictures: nothing of it is shown */
	bool is_instruction;  /* of a field: quotes and paths */
};

struct rtf {
	struct link_writer w;
	str s;
	struct group groups[DEPTH_MAX];
	unsigned depth;
	unsigned skip;        /* characters still to pass over, behind \u */
	bool is_quoted, has_begun;
	size_t opened;        /* where the outermost group of now began */
};

static bool is_letter(char c)
{
	c = char_lower(c);
	return c >= 'a' && c <= 'z';
}

static struct group *top(struct rtf *r)
{
	return &r->groups[r->depth - 1];
}

/* Something is shown: what comes before it goes in front of its outermost group. */
static void begin(struct rtf *r, size_t at)
{
	if (r->has_begun)
		return;
	r->has_begun = true;
	r->w.t->begin = r->depth > 1 ? r->opened : at;
}

static void put(struct rtf *r, uint32_t c, size_t at)
{
	const struct group *g = top(r);
	if (r->skip != 0) {
		r->skip--;
		return;
	}
	if (g->is_silent)
		return;
	begin(r, at);
	if (g->is_instruction && c == '"')
		r->is_quoted = !r->is_quoted;
	if (g->is_instruction && r->is_quoted && c == ' ')
		c = LINK_BLANK;
	if (c < 0x100)
		link_put(&r->w, (char)c, at);
	else
		link_put_code(&r->w, c, at);
}

static void put_break(struct rtf *r, size_t at)
{
	r->skip = 0;
	if (!top(r)->is_silent)
		link_put(&r->w, '\n', at);
}

/* ---- control words ---- */

static void on_silent(struct rtf *r, long n, size_t at)
{
	(void)n;
	(void)at;
	top(r)->is_silent = true;
}

static void on_instruction(struct rtf *r, long n, size_t at)
{
	(void)n;
	put_break(r, at);
	r->is_quoted = false;
	top(r)->is_silent = false;
	top(r)->is_instruction = true;
}

static void on_break(struct rtf *r, long n, size_t at)
{
	(void)n;
	put_break(r, at);
}

static void on_fallback(struct rtf *r, long n, size_t at)
{
	(void)at;
	top(r)->fallback = n >= 0 && n < 16 ? (uint8_t)n : 1;
}

/* \u-3913: characters past 32767 are written as negative numbers. */
static void on_unicode(struct rtf *r, long n, size_t at)
{
	r->skip = 0;
	put(r, (uint32_t)(n < 0 ? n + 65536 : n) & 0xffff, at);
	r->skip = top(r)->fallback;
}

static const struct word {
	char name[12];
	void (*fn)(struct rtf *r, long n, size_t at);
} words[] = {
	{ "fonttbl", on_silent }, { "colortbl", on_silent }, { "stylesheet", on_silent }, { "info", on_silent }, { "generator", on_silent },
	{ "pict", on_silent }, { "listtable", on_silent }, { "fldinst", on_instruction }, { "fldrslt", on_break }, { "par", on_break }, { "line", on_break },
	{ "tab", on_break }, { "cell", on_break }, { "row", on_break }, { "sect", on_break }, { "page", on_break }, { "uc", on_fallback }, { "u", on_unicode },
};

static const struct word *find_word(str name)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(str_of(words[i].name), name))
			return &words[i];
	return NULL;
}

/* Digits behind a control word, perhaps with a minus; answers where they end. */
static size_t read_number(str s, size_t i, long *out)
{
	bool minus = i + 1 < s.n && s.p[i] == '-';
	long v = 0;
	size_t from = i + (minus ? 1 : 0);
	for (i = from; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		v = v < 100000000 ? v * 10 + (s.p[i] - '0') : v;
	*out = i == from ? 1 : minus ? -v : v;
	return i == from && minus ? from - 1 : i;
}

/* A control word at i, of which s.p[i] is the backslash; answers where it ends. */
static size_t read_word(struct rtf *r, size_t i)
{
	size_t from = i + 1, end = from;
	long n = 0;
	while (end < r->s.n && is_letter(r->s.p[end]))
		end++;
	str name = str_cut(r->s, from, end);
	end = read_number(r->s, end, &n);
	if (end < r->s.n && r->s.p[end] == ' ')
		end++;
	if (str_eq(name, STR("bin")) && n > 0)
		return (size_t)n < r->s.n - end ? end + (size_t)n : r->s.n;
	const struct word *w = find_word(name);
	if (w != NULL)
		w->fn(r, n, i);
	return end;
}

/* \'68, \\, \~ and the like; answers where it ends. */
static size_t read_symbol(struct rtf *r, size_t i)
{
	str rest = str_cut(r->s, i + 1, r->s.n);
	uint8_t byte;
	if (rest.n == 0)
		return r->s.n;
	if (is_letter(rest.p[0]))
		return read_word(r, i);
	if (rest.p[0] == '\'' && rest.n >= 3 && !failed(enc_hex_read(str_cut(rest, 1, 3), &byte, 1))) {
		put(r, byte, i);
		return i + 4;
	}
	if (strchr("\\{}", rest.p[0]) != NULL)
		put(r, (uint8_t)rest.p[0], i);
	else if (rest.p[0] == '~')
		put(r, ' ', i);
	else if (rest.p[0] == '_')
		put(r, '-', i);
	else if (rest.p[0] == '\r' || rest.p[0] == '\n')
		put_break(r, i);
	return i + 2;
}

/* ---- groups ---- */

static err open_group(struct rtf *r, size_t at)
{
	ENSURE(r->depth < DEPTH_MAX, MALFORMED);
	r->groups[r->depth] = *top(r);
	r->skip = 0;
	if (r->depth++ == 1)
		r->opened = at;
	return OK;
}

static void close_group(struct rtf *r)
{
	r->skip = 0;
	if (r->depth > 1)
		r->depth--;
}

static err read_all(struct rtf *r)
{
	for (size_t i = 1; i < r->s.n;) {
		char c = r->s.p[i];
		size_t next = i + 1;
		if (c == '\\')
			next = read_symbol(r, i);
		else if (c == '{')
			TRY(open_group(r, i));
		else if (c == '}')
			close_group(r);
		else if (c != '\r' && c != '\n')
			put(r, (uint8_t)c, i);
		i = next;
	}
	return OK;
}

err link_read_rtf(str s, struct arena *a, struct link_text *t)
{
	ENSURE(str_begins(s, STR("{\\rtf")), MALFORMED);
	struct rtf *r = arena_zalloc(a, sizeof *r);
	ENSURE(r != NULL, CEILING);
	r->s = s;
	r->depth = 1;
	r->groups[0].fallback = 1;
	TRY(link_writer_init(&r->w, s.n + 1, t, a));
	t->begin = s.n;
	TRY(read_all(r));
	if (!r->has_begun)
		t->begin = s.n > 0 && s.p[s.n - 1] == '}' ? s.n - 1 : s.n;
	return r->w.is_full ? ERR(CEILING) : OK;
}
