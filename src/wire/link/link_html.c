/* SPDX-License-Identifier: Apache-2.0 */
/* HTML, in two ways over it: what is shown, with elements that do not part words taken away; then the attributes of all tags. */
#include "wire/link/link_priv.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_letter(char c)
{
	c = char_lower(c);
	return c >= 'a' && c <= 'z';
}

/* ---- entities ---- */

static const struct {
	char name[8];
	char c;
} entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }, { "nbsp", ' ' }, { "colon", ':' }, { "period", '.' },
	{ "sol", '/' }, { "bsol", '\\' }, { "commat", '@' }, { "lowbar", '_' }, { "num", '#' }, { "quest", '?' }, { "equals", '=' }, { "Tab", '\t' },
	{ "NewLine", '\n' }, { "lpar", '(' }, { "rpar", ')' }, { "percnt", '%' },
};

static int digit(char c, unsigned base)
{
	c = char_lower(c);
	int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
	return v < (int)base ? v : -1;
}

/* "&#104;", "&#x68;", also without the semicolon, as browsers have it; answers the bytes, 0: none. */
static size_t read_number(str s, uint32_t *c)
{
	bool is_hex = s.n > 2 && char_lower(s.p[2]) == 'x';
	size_t begin = is_hex ? 3 : 2, i = begin;
	unsigned base = is_hex ? 16 : 10;
	*c = 0;
	for (; i < s.n && digit(s.p[i], base) >= 0; i++)
		*c = *c <= 0x10ffff ? *c * base + (uint32_t)digit(s.p[i], base) : *c;
	if (i == begin)
		return 0;
	return i < s.n && s.p[i] == ';' ? i + 1 : i;
}

static size_t read_name(str s, uint32_t *c)
{
	size_t end = str_find_char(str_cut(s, 0, 12), ';');
	if (end >= 12 || end >= s.n)
		return 0;
	for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
		if (str_eq(str_of(entities[i].name), str_cut(s, 1, end))) {
			*c = (uint8_t)entities[i].c;
			return end + 1;
		}
	return 0;
}

/* The character at the beginning of s, decoded; answers the bytes that it takes there. */
static size_t read_char(str s, uint32_t *c)
{
	size_t n = 0;
	if (s.p[0] == '&')
		n = s.n > 1 && s.p[1] == '#' ? read_number(s, c) : read_name(s, c);
	if (n != 0)
		return n;
	*c = (uint8_t)s.p[0];
	return 1;
}

/* Raw bytes go as they are; only what an entity named is made UTF-8. */
static void put(struct link_writer *w, str s, size_t n, uint32_t c, size_t at)
{
	if (n == 1)
		link_put(w, s.p[0], at);
	else
		link_put_code(w, c, at);
}

/* ---- tags ---- */

static bool is_tag(str s)
{
	return s.n > 1 && s.p[0] == '<' && (is_letter(s.p[1]) || s.p[1] == '/' || s.p[1] == '!' || s.p[1] == '?');
}

static size_t comment_length(str s)
{
	size_t i = 4;
	while (i < s.n && !str_begins(str_cut(s, i, s.n), STR("-->")))
		i++;
	return i < s.n ? i + 3 : s.n;
}

/* To its >, which does not count within quotes behind an equals sign. */
static size_t tag_length(str s)
{
	char open = '\0';
	size_t i = 1;
	if (str_begins(s, STR("<!--")))
		return comment_length(s);
	for (; i < s.n && (open != '\0' || s.p[i] != '>'); i++)
		if (open != '\0' ? s.p[i] == open : (s.p[i] == '"' || s.p[i] == '\'') && s.p[i - 1] == '=')
			open = open != '\0' ? '\0' : s.p[i];
	return i < s.n ? i + 1 : s.n;
}

static str tag_name(str tag)
{
	size_t from = tag.n > 1 && tag.p[1] == '/' ? 2 : 1, n = from;
	while (n < tag.n && (is_letter(tag.p[n]) || (tag.p[n] >= '0' && tag.p[n] <= '9')))
		n++;
	return str_cut(tag, from, n);
}

/* Words go on through these. */
static bool is_inline(str tag)
{
	static const char names[][8] = { "a", "b", "i", "u", "s", "em", "font", "span", "strong", "small", "big", "sub", "sup", "wbr", "tt", "code", "bdo", "bdi" };
	str name = tag_name(tag);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_case(name, str_of(names[i])))
			return true;
	return str_begins(tag, STR("<!"));
}

static void read_shown(struct link_writer *w, str s)
{
	uint32_t c = 0;
	for (size_t i = 0; i < s.n;) {
		str rest = str_cut(s, i, s.n);
		size_t n = is_tag(rest) ? tag_length(rest) : 0;
		if (n != 0 && !is_inline(str_cut(rest, 0, n)))
			link_put(w, '\n', i);
		if (n == 0) {
			n = read_char(rest, &c);
			put(w, rest, n, c, i);
		}
		i += n;
	}
}

/* ---- attributes ---- */

/* Browsers take no notice of controls in a URL. */
static void put_value(struct link_writer *w, str value, size_t at)
{
	uint32_t c = 0;
	for (size_t i = 0; i < value.n;) {
		str rest = str_cut(value, i, value.n);
		size_t n = read_char(rest, &c);
		if (c == ' ')
			link_put(w, LINK_BLANK, at + i);
		else if (c > 0x1f && c != 0x7f)
			put(w, rest, n, c, at + i);
		i += n;
	}
}

static size_t skip_space(str s, size_t i)
{
	while (i < s.n && (is_space(s.p[i]) || s.p[i] == '/'))
		i++;
	return i;
}

/* The value behind an equals sign at i; answers where it ends. */
static size_t read_value(struct link_writer *w, str tag, size_t i, size_t at)
{
	while (i < tag.n && is_space(tag.p[i]))
		i++;
	char open = i < tag.n ? tag.p[i] : '\0';
	bool quoted = open == '"' || open == '\'';
	size_t from = i + (quoted ? 1 : 0), end = from;
	while (end < tag.n && (quoted ? tag.p[end] != open : !is_space(tag.p[end]) && tag.p[end] != '>'))
		end++;
	str value = str_cut(tag, from, end);
	while (value.n != 0 && (uint8_t)value.p[0] <= ' ') {
		value = str_cut(value, 1, value.n);
		from++;
	}
	put_value(w, value, at + from);
	return end + (quoted ? 1 : 0);
}

/* A line for each attribute: name=value. */
static void read_tag(struct link_writer *w, str tag, size_t at)
{
	size_t i = 1 + tag_name(tag).n;
	while ((i = skip_space(tag, i)) < tag.n && tag.p[i] != '>') {
		size_t name = i;
		link_put(w, '\n', at + i);
		while (i < tag.n && !is_space(tag.p[i]) && tag.p[i] != '=' && tag.p[i] != '>')
			link_put(w, tag.p[i], at + i), i++;
		while (i < tag.n && is_space(tag.p[i]))
			i++;
		if (i < tag.n && tag.p[i] == '=') {
			link_put(w, '=', at + i);
			i = read_value(w, tag, i + 1, at);
		}
		i = i > name ? i : name + 1;
	}
}

static void read_tags(struct link_writer *w, str s)
{
	for (size_t i = 0; i < s.n;) {
		str rest = str_cut(s, i, s.n);
		size_t n = is_tag(rest) ? tag_length(rest) : 1;
		if (n > 1 && is_letter(rest.p[1]))
			read_tag(w, str_cut(rest, 0, n), i);
		i += n;
	}
	link_put(w, '\n', s.n);
}

/* Behind the tag of the body, or at the beginning. */
static size_t find_begin(str s)
{
	for (size_t i = 0; i < s.n;) {
		str rest = str_cut(s, i, s.n);
		size_t n = is_tag(rest) ? tag_length(rest) : 1;
		i += n;
		if (n > 1 && rest.p[1] != '/' && str_eq_case(tag_name(rest), STR("body")))
			return i;
	}
	return 0;
}

err link_read_html(str s, struct arena *a, struct link_text *t)
{
	struct link_writer w;
	TRY(link_writer_init(&w, 2 * s.n + 2, t, a));
	read_shown(&w, s);
	link_put(&w, '\n', s.n);
	read_tags(&w, s);
	t->begin = find_begin(s);
	return w.is_full ? ERR(CEILING) : OK;
}
