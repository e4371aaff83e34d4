/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a script, and places in it. */
#include "wire/mspl/mspl_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- places ---- */

void mspl_place(const struct mspl_script *s, uint32_t at, uint32_t *line, uint32_t *column)
{
	uint32_t n = 1, c = 1;
	for (uint32_t i = 0; i < at && i < s->source.n; i++) {
		c = s->source.p[i] == '\n' ? 1 : c + 1;
		n += s->source.p[i] == '\n' ? 1 : 0;
	}
	*column = n == 1 && s->column != 0 ? c + s->column - 1 : c;
	*line = s->line != 0 ? n + s->line - 1 : n;
}

err mspl_refuse(const struct mspl_script *s, struct diag *d, uint32_t at, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	if (d == NULL)
		return ERR(MALFORMED);
	*d = (struct diag){ 0 };
	mspl_place(s, at, &d->line, &d->column);
	(void)snprintf(d->where, sizeof d->where, "script:%u:%u", d->line, d->column);
	(void)snprintf(d->remedy, sizeof d->remedy, "%s", remedy);
	va_start(ap, fmt);
	(void)vsnprintf(d->what, sizeof d->what, fmt, ap);
	va_end(ap);
	diag_clean(d);
	return ERR(MALFORMED);
}

static void add_mark(str line, uint32_t column, struct buf *out)
{
	for (size_t i = 0; i + 1 < column && i < line.n; i++)
		buf_add_char(out, line.p[i] == '\t' ? '\t' : ' ');
	buf_add(out, STR("^\n"));
}

void mspl_caret(str text, const struct diag *d, struct buf *out)
{
	str rest = text, line = STR("");
	if (d->line == 0)
		return;
	for (uint32_t i = 0; i < d->line; i++) {
		if (rest.n == 0)
			return;
		line = str_split(rest, '\n', &rest);
	}
	line = line.n != 0 && line.p[line.n - 1] == '\r' ? str_cut(line, 0, line.n - 1) : line;
	for (size_t i = 0; i < line.n; i++)
		buf_add_char(out, (unsigned char)line.p[i] < 0x20 && line.p[i] != '\t' ? '?' : line.p[i]);
	buf_add_char(out, '\n');
	if (d->column != 0)
		add_mark(line, d->column, out);
}

/* ---- words ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
	return is_digit(c) || c == '_' || (char_lower(c) >= 'a' && char_lower(c) <= 'z');
}

static char at(const struct parser *p, uint32_t i)
{
	return i < p->script->source.n ? p->script->source.p[i] : '\0';
}

static err refuse(struct parser *p, uint32_t where, const char *remedy, const char *what)
{
	return mspl_refuse(p->script, p->d, where, remedy, "%s", what);
}

static err skip_comment(struct parser *p)
{
	uint32_t from = p->at;
	str s = p->script->source;
	if (at(p, p->at + 1) == '/') {
		while (p->at < s.n && s.p[p->at] != '\n')
			p->at++;
		return OK;
	}
	const char *end = memmem(s.p + from + 2, s.n - from - 2, "*/", 2);
	if (end == NULL)
		return refuse(p, from, "write */ where it ends", "a comment that does not end");
	p->at = (uint32_t)(end - s.p) + 2;
	return OK;
}

static err skip_space(struct parser *p)
{
	for (;;) {
		char c = at(p, p->at), next = at(p, p->at + 1);
		if (p->at < p->script->source.n && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
			p->at++;
		else if (c == '/' && (next == '/' || next == '*'))
			TRY(skip_comment(p));
		else
			return OK;
	}
}

/* ---- numbers ---- */

/* A number's digits with what belongs to it: strtoll and strtod need an end, and a slice has none. */
static err read_number(struct parser *p)
{
	char text[40], *end;
	uint32_t n = 0, from = p->at;
	bool is_hex = at(p, from) == '0' && char_lower(at(p, from + 1)) == 'x', is_real = false;
	while (is_word_char(at(p, p->at)) || (at(p, p->at) == '.' && is_digit(at(p, p->at + 1)) && !is_hex)) {
		char c = at(p, p->at++);
		is_real = is_real || c == '.';
		if (n + 1 == sizeof text)
			return refuse(p, from, "numbers have 64 bits", "a number that is too long");
		text[n++] = c;
	}
	text[n] = '\0';
	p->token.kind = is_real ? TOKEN_FLOAT : TOKEN_INT;
	int64_t number = 0;
	bool over = false;
	if (is_real) {
		p->token.real = strtod(text, &end);
	} else {
		const char *digit = text + (is_hex ? 2 : 0);
		int base = is_hex ? 16 : 10;
		for (; *digit != '\0'; digit++) {
			int v = is_digit(*digit) ? *digit - '0' : char_lower(*digit) >= 'a' && char_lower(*digit) <= 'f' && is_hex ? char_lower(*digit) - 'a' + 10 : -1;
			if (v < 0)
				break;
			over = over || __builtin_mul_overflow(number, base, &number) || __builtin_add_overflow(number, v, &number);
		}
		end = text + (digit - text);
	}
	if (*end != '\0' || (is_hex && n == 2))
		return refuse(p, from, "write 12, 0x1F or 1.5", "not a number");
	if (over)
		return refuse(p, from, "numbers have 64 bits", "a number that is too large");
	p->token.number = number;
	return OK;
}

/* ---- strings ---- */

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static bool read_hex4(const struct parser *p, uint32_t from, uint32_t *out)
{
	*out = 0;
	for (uint32_t i = 0; i < 4; i++) {
		char c = char_lower(at(p, from + i));
		if (!is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		*out = *out << 4 | (uint32_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return *out != 0 && (*out < 0xd800 || *out > 0xdfff);
}

/* p->at stands after the backslash. */
static err read_escape(struct parser *p, char *out, size_t *n)
{
	static const char from[] = "\"\\rn", to[] = "\"\\\r\n";
	uint32_t code, where = p->at - 1;
	char c = at(p, p->at);
	const char *found = c != '\0' ? strchr(from, c) : NULL;
	p->at++;
	if (found != NULL) {
		out[(*n)++] = to[found - from];
		return OK;
	}
	if (c != 'u' || !read_hex4(p, p->at, &code))
		return refuse(p, where, "there are \\\" \\\\ \\r \\n and \\uXXXX", "an escape that does not exist");
	p->at += 4;
	*n += put_utf8(out + *n, code);
	return OK;
}

static err read_text(struct parser *p)
{
	uint32_t from = p->at++;
	const char *start = p->script->source.p + p->at;
	size_t most = p->script->source.n - p->at, n = 0;
	const char *end = memchr(start, '\n', most);
	most = end != NULL ? (size_t)(end - start) : most;
	char *out = arena_alloc(p->arena, most + 1);
	ENSURE(out != NULL, CEILING);
	while (at(p, p->at) != '"') {
		char c = at(p, p->at);
		if (p->at >= p->script->source.n || c == '\n')
			return refuse(p, from, "write \" where it ends; a line break in it is \\n", "a string that does not end in its line");
		p->at++;
		if (c == '\\')
			TRY(read_escape(p, out, &n));
		else
			out[n++] = c;
	}
	p->at++;
	p->token.kind = TOKEN_TEXT;
	p->token.text = (str){ out, n };
	return OK;
}

/* ---- signs ---- */

static const struct {
	const char sign[3];
	enum token_kind kind;
} signs[] = { /* longer ones first */
	{ "||", TOKEN_OR }, { "&&", TOKEN_AND }, { "==", TOKEN_EQ }, { "!=", TOKEN_NE }, { "<=", TOKEN_LE }, { ">=", TOKEN_GE }, { "<", TOKEN_LT },
	{ ">", TOKEN_GT }, { "!", TOKEN_NOT }, { "=", TOKEN_ASSIGN }, { "+", TOKEN_PLUS }, { "-", TOKEN_MINUS }, { "(", TOKEN_OPEN }, { ")", TOKEN_CLOSE },
	{ "{", TOKEN_BEGIN }, { "}", TOKEN_FINISH }, { "[", TOKEN_INDEX }, { "]", TOKEN_INDEXED }, { ";", TOKEN_SEMICOLON }, { ",", TOKEN_COMMA },
	{ ".", TOKEN_DOT }, { ":", TOKEN_COLON },
};

static err read_sign(struct parser *p)
{
	str rest = str_cut(p->script->source, p->at, p->script->source.n);
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (str_begins(rest, str_of(signs[i].sign))) {
			p->token.kind = signs[i].kind;
			p->at += (uint32_t)strlen(signs[i].sign);
			return OK;
		}
	return mspl_refuse(p->script, p->d, p->at, rest.p[0] == '@' ? "write the string without @, with escapes" : "see the grammar in the guide",
		"\"%.1s\" means nothing here", rest.p);
}

err mspl_next(struct parser *p)
{
	TRY(skip_space(p));
	p->token = (struct token){ .kind = TOKEN_END, .at = p->at };
	if (p->at >= p->script->source.n)
		return OK;
	char c = at(p, p->at);
	if (is_digit(c))
		return read_number(p);
	if (c == '"')
		return read_text(p);
	if (!is_word_char(c))
		return read_sign(p);
	while (is_word_char(at(p, p->at)))
		p->at++;
	p->token.kind = TOKEN_NAME;
	p->token.text = str_cut(p->script->source, p->token.at, p->at);
	return OK;
}
