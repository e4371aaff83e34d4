/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/xml.h"

static bool is_name_char(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':');
}

static bool is_name(const char *z)
{
	if (!is_name_char(*z, true))
		return false;
	while (*++z != '\0')
		if (!is_name_char(*z, false))
			return false;
	return true;
}

/* What stands for an ASCII character; NULL: itself. Line ends and tabs in an attribute would be read as spaces. */
static const char *escape_of(char c, bool in_attr)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;";
	case '"':
		return in_attr ? "&quot;" : NULL;
	case '\t':
		return in_attr ? "&#9;" : NULL;
	case '\n':
		return in_attr ? "&#10;" : NULL;
	default:
		return NULL;
	}
}

/* Bytes of the character that s begins with; 0 if XML 1.0 2.2 forbids it. */
static size_t char_length(str s)
{
	size_t n = str_utf8_length(s);
	char c = s.p[0];
	if (n == 1 && (unsigned char)c < ' ' && c != '\t' && c != '\n' && c != '\r')
		return 0;
	if (n == 3 && (memcmp(s.p, "\xef\xbf\xbe", 3) == 0 || memcmp(s.p, "\xef\xbf\xbf", 3) == 0)) /* U+FFFE, U+FFFF */
		return 0;
	return n;
}

bool xml_add_escaped(struct buf *out, str s, bool in_attribute)
{
	while (s.n != 0) {
		size_t n = char_length(s);
		if (n == 0)
			return false;
		const char *escape = n == 1 ? escape_of(s.p[0], in_attribute) : NULL;
		buf_add(out, escape != NULL ? str_of(escape) : str_cut(s, 0, n));
		s = str_cut(s, n, s.n);
	}
	return true;
}

static void add_escaped(struct xml *x, str s, bool in_attr)
{
	x->refused = !xml_add_escaped(x->b, s, in_attr) || x->refused;
}

static void end_tag(struct xml *x)
{
	if (x->in_tag)
		buf_add_char(x->b, '>');
	x->in_tag = false;
}

void xml_init(struct xml *x, struct buf *b)
{
	*x = (struct xml){ .b = b };
	buf_add(b, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
}

void xml_open(struct xml *x, const char *name)
{
	ASSERT(is_name(name) && x->depth < XML_DEPTH_MAX && !x->done);
	end_tag(x);
	x->names[x->depth++] = name;
	buf_add_char(x->b, '<');
	buf_add(x->b, str_of(name));
	x->in_tag = true;
}

void xml_attr(struct xml *x, const char *name, str value)
{
	ASSERT(is_name(name) && x->in_tag);
	buf_add_char(x->b, ' ');
	buf_add(x->b, str_of(name));
	buf_add(x->b, STR("=\""));
	add_escaped(x, value, true);
	buf_add_char(x->b, '"');
}

void xml_attr_u64(struct xml *x, const char *name, uint64_t value)
{
	ASSERT(is_name(name) && x->in_tag);
	buf_add_char(x->b, ' ');
	buf_add(x->b, str_of(name));
	buf_add(x->b, STR("=\""));
	buf_add_u64(x->b, value);
	buf_add_char(x->b, '"');
}

void xml_text(struct xml *x, str text)
{
	ASSERT(x->depth != 0);
	end_tag(x);
	add_escaped(x, text, false);
}

void xml_close(struct xml *x)
{
	ASSERT(x->depth != 0);
	const char *name = x->names[--x->depth];
	x->done = x->depth == 0;
	if (x->in_tag) {
		buf_add(x->b, STR("/>"));
		x->in_tag = false;
		return;
	}
	buf_add(x->b, STR("</"));
	buf_add(x->b, str_of(name));
	buf_add_char(x->b, '>');
}

void xml_element(struct xml *x, const char *name, str text)
{
	xml_open(x, name);
	xml_text(x, text);
	xml_close(x);
}

err xml_end(struct xml *x)
{
	ASSERT(x->done);
	ENSURE(!x->refused, MALFORMED);
	ENSURE(!x->b->failed, CEILING);
	return OK;
}
