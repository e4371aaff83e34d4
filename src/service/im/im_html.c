/* SPDX-License-Identifier: Apache-2.0 */
/* HTML as plain text, for clients that show no other. What comes out is never longer than what came in. */
#include "service/im/im_text.h"

struct strip {
	char *out;
	size_t n;
	bool wants_space; /* white space has been seen since the last character */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void put(struct strip *s, str bytes)
{
	if (s->wants_space && s->n != 0 && s->out[s->n - 1] != '\n')
		s->out[s->n++] = ' ';
	s->wants_space = false;
	memcpy(s->out + s->n, bytes.p, bytes.n);
	s->n += bytes.n;
}

static void put_line_end(struct strip *s)
{
	s->wants_space = false;
	s->out[s->n++] = '\n';
}

/* UTF-8 of one character; 0: none that text may have. */
static size_t put_code(uint32_t c, char out[4])
{
	static const uint8_t heads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(heads[n] | c);
	return n;
}

static bool read_number(str digits, uint32_t *out)
{
	bool is_hex = digits.n != 0 && (digits.p[0] | 32) == 'x';
	if (!is_hex)
		return str_to_u32(digits, out);
	*out = 0;
	for (size_t i = 1; i < digits.n; i++) {
		char c = char_lower(digits.p[i]);
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || i > 6)
			return false;
		*out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return digits.n > 1;
}

/* The character of "amp", "#38" or "#x26"; 0: not known. */
static size_t decode(str name, char out[4])
{
	static const struct {
		str name;
		char c;
	} rows[] = { { { "amp", 3 }, '&' }, { { "lt", 2 }, '<' }, { { "gt", 2 }, '>' }, { { "quot", 4 }, '"' }, { { "apos", 4 }, '\'' }, { { "nbsp", 4 }, ' ' } };
	uint32_t code;
	if (name.n > 1 && name.p[0] == '#')
		return read_number(str_cut(name, 1, name.n), &code) ? put_code(code, out) : 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (str_eq(rows[i].name, name)) {
			out[0] = rows[i].c;
			return 1;
		}
	return 0;
}

/* An entity at the beginning of s, or the & alone; answers how much of s that was. */
static size_t take_entity(struct strip *o, str s)
{
	char text[4];
	size_t end = str_find_char(str_cut(s, 0, 12), ';');
	size_t n = end < 12 && end < s.n ? decode(str_cut(s, 1, end), text) : 0;
	put(o, n != 0 ? (str){ text, n } : str_cut(s, 0, 1));
	return n != 0 ? end + 1 : 1;
}

/* The name of a tag without < and what follows it: "br", "/p" */
static str tag_name(str tag)
{
	size_t n = 1;
	while (n < tag.n && !is_space(tag.p[n]) && tag.p[n] != '>' && (tag.p[n] != '/' || n == 1))
		n++;
	return str_cut(tag, 1, n);
}

static bool is_one_of(str name, const str *names)
{
	while (names->n != 0 && !str_eq_case(*names, name))
		names++;
	return names->n != 0;
}

/* Where the element whose tag s begins with ends, when nothing in it is shown: "</style" is looked for. */
static size_t hidden_end(str s, str name)
{
	for (size_t i = name.n + 1; i + name.n + 2 <= s.n; i++)
		if (s.p[i] == '<' && s.p[i + 1] == '/' && str_eq_case(str_cut(s, i + 2, i + 2 + name.n), name))
			return i;
	return s.n;
}

/* A tag or comment at the beginning of s; answers its length. */
static size_t take_tag(struct strip *o, str s)
{
	static const str breaks[] = { { "br", 2 }, { "/p", 2 }, { "/div", 4 }, { "/li", 3 }, { "/tr", 3 }, { "/h1", 3 }, { "/h2", 3 }, { "/h3", 3 }, { NULL, 0 } };
	static const str hidden[] = { { "script", 6 }, { "style", 5 }, { "head", 4 }, { "title", 5 }, { NULL, 0 } };
	str name = tag_name(s);
	if (str_begins(s, STR("<!--"))) {
		size_t i = 4;
		while (i < s.n && !str_begins(str_cut(s, i, s.n), STR("-->")))
			i++;
		return i < s.n ? i + 3 : s.n;
	}
	if (is_one_of(name, hidden))
		return hidden_end(s, name);
	if (is_one_of(name, breaks))
		put_line_end(o);
	size_t end = str_find_char(s, '>');
	return end < s.n ? end + 1 : s.n;
}

/* "<" begins a tag only where a name, a slash or an exclamation mark follows. */
static bool is_tag(str s)
{
	char c = s.n > 1 ? char_lower(s.p[1]) : '\0';
	return s.p[0] == '<' && ((c >= 'a' && c <= 'z') || c == '/' || c == '!' || c == '?');
}

static size_t take(struct strip *o, str s)
{
	if (is_tag(s))
		return take_tag(o, s);
	if (s.p[0] == '&')
		return take_entity(o, s);
	if (is_space(s.p[0]))
		o->wants_space = true;
	else
		put(o, str_cut(s, 0, 1));
	return 1;
}

str im_text_strip(str html, struct arena *a)
{
	struct strip o = { .out = arena_alloc(a, html.n + 1) };
	if (o.out == NULL)
		return (str){ NULL, 0 };
	for (size_t i = 0; i < html.n;)
		i += take(&o, str_cut(html, i, html.n));
	return str_trim((str){ o.out, o.n });
}
