/* SPDX-License-Identifier: Apache-2.0 */
/* Characters and blanks of the language. */
#include "wire/shell/shell_priv.h"

str shell_rest(const struct shell_reader *r)
{
	return str_cut(r->text, r->at, r->text.n);
}

char shell_peek_at(const struct shell_reader *r, size_t ahead)
{
	return r->at + ahead < r->text.n ? r->text.p[r->at + ahead] : '\0';
}

char shell_peek(const struct shell_reader *r)
{
	return shell_peek_at(r, 0);
}

bool shell_take(struct shell_reader *r, char c)
{
	if (r->at >= r->text.n || r->text.p[r->at] != c)
		return false;
	r->at++;
	return true;
}

/* The last byte of a character U+20xx whose second byte is as wanted; 0: it is another one. */
static unsigned char punctuation(str s, unsigned char second)
{
	const unsigned char *p = (const unsigned char *)s.p;
	return s.n >= 3 && p[0] == 0xe2 && p[1] == second ? p[2] : 0;
}

size_t shell_dash(str s)
{
	unsigned char low = punctuation(s, 0x80);
	if (s.n != 0 && s.p[0] == '-')
		return 1;
	return (low >= 0x90 && low <= 0x95) || punctuation(s, 0x88) == 0x92 ? 3 : 0;
}

size_t shell_quote(str s, char *kind)
{
	unsigned char low = punctuation(s, 0x80);
	*kind = s.n != 0 && (s.p[0] == '"' || s.p[0] == '\'') ? s.p[0] : '\0';
	if (*kind != '\0')
		return 1;
	if (low >= 0x98 && low <= 0x9b)
		*kind = '\'';
	else if (low >= 0x9c && low <= 0x9e)
		*kind = '"';
	return *kind != '\0' ? 3 : 0;
}

bool shell_is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

bool shell_is_name(char c)
{
	return shell_is_name_start(c) || (c >= '0' && c <= '9');
}

bool shell_is_dash_letter(str s)
{
	size_t n = shell_dash(s);
	return n != 0 && n < s.n && shell_is_name_start(s.p[n]) && shell_name_length(str_cut(s, n, s.n)) != 0;
}

/* Bytes of a blank; U+00A0 comes with commands that were copied from documents. */
static size_t blank(str s)
{
	if (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\v' || s.p[0] == '\f'))
		return 1;
	if (s.n >= 2 && s.p[0] == '\xc2' && s.p[1] == '\xa0')
		return 2;
	return s.n >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static size_t line_end(str s)
{
	if (s.n != 0 && s.p[0] == '\n')
		return 1;
	return s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n' ? 2 : 0;
}

bool shell_is_end(const struct shell_reader *r, size_t at)
{
	str s = str_cut(r->text, at, r->text.n);
	return s.n == 0 || blank(s) != 0 || line_end(s) != 0 || memchr(";|,(){}&<>", s.p[0], 10) != NULL;
}

/* ` at the end of a line; blanks after it are a common slip that nobody sees. */
static bool continued(struct shell_reader *r)
{
	size_t at = r->at + 1, n;
	while ((n = blank(str_cut(r->text, at, r->text.n))) != 0)
		at += n;
	n = line_end(str_cut(r->text, at, r->text.n));
	if (n == 0 && at < r->text.n)
		return false;
	r->at = at + n;
	r->open_end = r->at == r->text.n;
	return true;
}

static void skip_comment(struct shell_reader *r)
{
	if (shell_peek(r) == '#') {
		while (r->at < r->text.n && line_end(shell_rest(r)) == 0)
			r->at++;
		return;
	}
	while (r->at < r->text.n && !(shell_peek(r) == '#' && shell_peek_at(r, 1) == '>'))
		r->at++;
	r->open_end = r->at == r->text.n;
	r->at = r->open_end ? r->at : r->at + 2;
}

void shell_blanks(struct shell_reader *r)
{
	for (size_t n;;) {
		if ((n = blank(shell_rest(r))) != 0)
			r->at += n;
		else if (shell_peek(r) == '#' || (shell_peek(r) == '<' && shell_peek_at(r, 1) == '#'))
			skip_comment(r);
		else if (shell_peek(r) != '`' || !continued(r))
			return;
	}
}

void shell_lines(struct shell_reader *r)
{
	size_t n;
	shell_blanks(r);
	while ((n = line_end(shell_rest(r))) != 0) {
		r->at += n;
		shell_blanks(r);
	}
}

str shell_peek_word(const struct shell_reader *r)
{
	size_t end = r->at;
	while (end < r->text.n && shell_is_name(r->text.p[end]))
		end++;
	return str_cut(r->text, r->at, end);
}

bool shell_keyword(struct shell_reader *r, const char *word)
{
	str found = shell_peek_word(r);
	char after = shell_peek_at(r, found.n);
	if (!str_eq_case(found, str_of(word)) || after == '-' || after == '.' || after == '\\' || after == '/' ||
		after == ':')
		return false;
	r->at += found.n;
	return true;
}
