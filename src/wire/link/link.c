/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/link/link_priv.h"

#include "wire/filename.h"

/* ---- characters with their places ---- */

err link_writer_init(struct link_writer *w, size_t size, struct link_text *t, struct arena *a)
{
	*w = (struct link_writer){ .t = t, .size = size };
	t->p = w->p = arena_alloc(a, size);
	t->at = w->at = arena_alloc(a, size * sizeof *w->at);
	ENSURE(w->p != NULL && w->at != NULL, CEILING);
	return OK;
}

void link_put(struct link_writer *w, char c, size_t at)
{
	if (w->t->n == w->size) {
		w->is_full = true;
		return;
	}
	w->p[w->t->n] = c;
	w->at[w->t->n++] = (uint32_t)at;
}

void link_put_code(struct link_writer *w, uint32_t c, size_t at)
{
	static const uint8_t heads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	char out[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (c > 0x10ffff)
		return;
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(heads[n] | c);
	for (size_t i = 0; i < n; i++)
		link_put(w, out[i], at);
}

err link_read(enum link_form form, str source, struct arena *a, struct link_text *out)
{
	*out = (struct link_text){ 0 };
	if (form == LINK_HTML)
		return link_read_html(source, a, out);
	if (form == LINK_RTF)
		return link_read_rtf(source, a, out);
	str copy = arena_copy(a, source);
	ENSURE(copy.p != NULL, CEILING);
	out->p = copy.p;
	out->n = copy.n;
	return OK;
}

/* ---- what links begin with ---- */

void link_rules_init(struct link_rules *r, const str *prefixes, size_t n)
{
	*r = (struct link_rules){ .prefixes = prefixes, .n = n };
	for (size_t i = 0; i < n; i++)
		if (prefixes[i].n != 0)
			r->heads[(uint8_t)char_lower(prefixes[i].p[0])] = true;
	r->heads['\\'] = true;
}

static bool is_alnum(char c)
{
	c = char_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* A character that can go on from a prefix: something must follow it. */
static bool goes_on(str s)
{
	return s.n != 0 && !is_blank(s.p[0]) && s.p[0] != '"' && s.p[0] != '<' && s.p[0] != '>';
}

/* "www*.": its head, any characters of a label, a dot. Answers the bytes matched, 0: not. */
static size_t match_star(str s, str head)
{
	if (!str_begins_case(s, head))
		return 0;
	size_t i = head.n;
	while (i < s.n && (is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_'))
		i++;
	return i < s.n && s.p[i] == '.' && goes_on(str_cut(s, i + 1, s.n)) ? i + 1 : 0;
}

static size_t match_href(str s)
{
	size_t i = 4;
	while (i < s.n && is_blank(s.p[i]))
		i++;
	return i < s.n && s.p[i] == '=' ? i + 1 : 0;
}

static size_t match(str s, str prefix)
{
	if (prefix.n > 2 && str_eq(str_cut(prefix, prefix.n - 2, prefix.n), STR("*.")))
		return match_star(s, str_cut(prefix, 0, prefix.n - 2));
	if (prefix.n == 0 || !str_begins_case(s, prefix))
		return 0;
	if (str_eq_case(prefix, STR("href")))
		return match_href(s);
	return goes_on(str_cut(s, prefix.n, s.n)) ? prefix.n : 0;
}

/* ---- where they are ---- */

/* A link does not begin within a word; an underscore in front makes it dead. */
static bool is_boundary(const struct link_text *t, size_t i)
{
	return i == 0 || !(is_alnum(t->p[i - 1]) || t->p[i - 1] == '_');
}

/* "www." within a host or behind // is part of another, and so is a path behind a scheme. last: of the prefix. */
static bool may_begin(const struct link_text *t, size_t i, char last)
{
	char before = i != 0 ? t->p[i - 1] : ' ';
	if (last == '\\')
		return before != ':';
	return last != '.' || (before != '/' && before != '.' && before != '-' && before != '@');
}

/* Quotes and angle brackets say where it ends, else the next blank. */
static size_t find_end(str s, char open)
{
	char close = open == '<' ? '>' : open;
	bool quoted = open == '"' || open == '\'' || open == '<';
	size_t i = 0;
	while (i < s.n && s.p[i] != '\n' && (quoted ? s.p[i] != close : (!is_blank(s.p[i]) && s.p[i] != '"' && s.p[i] != '<' && s.p[i] != '>')))
		i++;
	return i;
}

/* What stands in quotes behind href=. */
static str target_of(str s, size_t prefix, size_t *end)
{
	size_t from = prefix;
	while (from < s.n && (s.p[from] == ' ' || s.p[from] == '\t'))
		from++;
	char open = from < s.n ? s.p[from] : '\0';
	from += open == '"' || open == '\'' ? 1 : 0;
	*end = from + find_end(str_cut(s, from, s.n), open == '"' || open == '\'' ? open : '\0');
	return str_cut(s, from, *end);
}

static void fill(const struct link_text *t, size_t i, size_t prefix, struct link *out)
{
	str s = { t->p + i, t->n - i };
	bool is_href = s.p[prefix - 1] == '=';
	size_t n = find_end(s, i != 0 ? t->p[i - 1] : '\0');
	out->target = is_href ? target_of(s, prefix, &n) : str_cut(s, 0, n);
	out->text = str_cut(s, 0, n);
	out->place = t->at != NULL ? t->at[i] : i;
}

static size_t match_path(str s)
{
	return s.n > 2 && s.p[0] == '\\' && s.p[1] == '\\' && is_alnum(s.p[2]) ? 2 : 0;
}

/* Bytes of the prefix that a link at i begins with; 0: none begins there. */
static size_t match_any(const struct link_rules *r, const struct link_text *t, size_t i)
{
	str s = { t->p + i, t->n - i };
	for (size_t k = 0; k < r->n; k++) {
		size_t n = match(s, r->prefixes[k]);
		if (n != 0 && may_begin(t, i, s.p[n - 1]))
			return n;
	}
	return may_begin(t, i, '\\') ? match_path(s) : 0;
}

bool link_next(const struct link_rules *r, const struct link_text *t, size_t *from, struct link *out)
{
	for (size_t i = *from; i < t->n; i++) {
		size_t n = r->heads[(uint8_t)char_lower(t->p[i])] && is_boundary(t, i) ? match_any(r, t, i) : 0;
		if (n == 0)
			continue;
		fill(t, i, n, out);
		out->is_path = t->p[i] == '\\';
		*from = i + n; /* what is within a link may be one, too */
		return true;
	}
	*from = t->n;
	return false;
}

/* ---- where they lead ---- */

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* Bytes of "http:" and the slashes behind it; browsers take any number of them, of either kind. */
static size_t scheme_length(str s)
{
	size_t i = 0;
	while (i < s.n && (is_alnum(s.p[i]) || s.p[i] == '+' || s.p[i] == '-'))
		i++;
	i = i < s.n && i != 0 && s.p[i] == ':' ? i + 1 : 0;
	while (i < s.n && is_slash(s.p[i]))
		i++;
	return i;
}

static size_t authority_length(str s)
{
	size_t n = 0;
	while (n < s.n && !is_slash(s.p[n]) && s.p[n] != '?' && s.p[n] != '#')
		n++;
	return n;
}

str link_host(str target)
{
	size_t begin = scheme_length(target);
	str s = str_cut(target, begin, target.n);
	s = str_cut(s, 0, authority_length(s));
	if (begin == 0 && str_find_char(s, '.') == s.n)
		return STR(""); /* relative to who knows what */
	for (size_t at = str_find_char(s, '@'); at < s.n; at = str_find_char(s, '@'))
		s = str_cut(s, at + 1, s.n);
	if (s.n != 0 && s.p[0] == '[')
		return s;
	s = str_cut(s, 0, str_find_char(s, ':'));
	return str_cut(s, 0, str_find_char(s, ';'));
}

/* Commas and the like at the end belong to the sentence around it. */
static str without_punctuation(str s)
{
	while (s.n != 0 && strchr(")],;:!'\"}", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

str link_file(str target, char *out, size_t size)
{
	str s = str_cut(target, scheme_length(target), target.n);
	bool is_local = str_begins_case(target, STR("file:"));
	s = is_local ? s : str_cut(s, authority_length(s), s.n);
	return (str){ out, filename_unescape(without_punctuation(s), out, size) };
}
