/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/filename.h"

#include "base/enc.h"

/* A range of characters, and what stands for the first of it; 0: nothing. by: the next ones follow it. */
struct form {
	uint32_t from, to;
	char as;
	bool follows;
};

static const struct form forms[] = {
	{ 0x00, 0x1f, 0, false },       /* controls */
	{ 0x7f, 0x9f, 0, false },
	{ 0xa0, 0xa0, ' ', false },
	{ 0xad, 0xad, 0, false },       /* soft hyphen */
	{ 0x34f, 0x34f, 0, false },
	{ 0x61c, 0x61c, 0, false },
	{ 0x17f, 0x17f, 's', false },
	{ 0x180b, 0x180f, 0, false },
	{ 0x2000, 0x200a, ' ', false },
	{ 0x200b, 0x200f, 0, false },   /* without width, and directions */
	{ 0x2024, 0x2024, '.', false }, /* one dot leader */
	{ 0x2028, 0x202e, 0, false },
	{ 0x202f, 0x202f, ' ', false },
	{ 0x205f, 0x205f, ' ', false },
	{ 0x2060, 0x206f, 0, false },
	{ 0x212a, 0x212a, 'k', false },
	{ 0x2215, 0x2215, '/', false },
	{ 0x3000, 0x3000, ' ', false },
	{ 0x3002, 0x3002, '.', false },
	{ 0xfe00, 0xfe0f, 0, false },
	{ 0xfe52, 0xfe52, '.', false },
	{ 0xfeff, 0xfeff, 0, false },
	{ 0xff01, 0xff5e, '!', true },  /* wide forms of ASCII */
	{ 0xff61, 0xff61, '.', false },
	{ 0xe0000, 0xe0fff, 0, false }, /* tags and selectors */
};

static uint32_t code_of(str s, size_t n)
{
	static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (uint8_t)s.p[0] & masks[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)s.p[i] & 0x3f);
	return c;
}

static const struct form *find_form(uint32_t c)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (c >= forms[i].from && c <= forms[i].to)
			return &forms[i];
	return NULL;
}

struct plain {
	char *out;
	size_t n;
};

/* Of a name that is too long its end is kept. */
static void put(struct plain *p, char c)
{
	if (c == '/' || c == '\\') {
		p->n = 0;
		return;
	}
	if (p->n == FILENAME_MAX_BYTES) {
		memmove(p->out, p->out + FILENAME_MAX_BYTES / 2, FILENAME_MAX_BYTES / 2);
		p->n = FILENAME_MAX_BYTES / 2;
	}
	p->out[p->n++] = char_lower(c);
}

static size_t take(struct plain *p, str s)
{
	size_t n = str_utf8_length(s);
	if (n == 0) {
		put(p, s.p[0]);
		return 1;
	}
	uint32_t c = code_of(s, n);
	const struct form *f = find_form(c);
	if (f == NULL)
		for (size_t i = 0; i < n; i++)
			put(p, s.p[i]);
	else if (f->as != 0)
		put(p, (char)(f->as + (f->follows ? (int)(c - f->from) : 0)));
	return n;
}

/* "a.exe::$DATA", "a.exe:stream"; "c:a.exe" has a drive in front. */
static str without_stream(str s)
{
	if (s.n > 2 && s.p[1] == ':')
		s = str_cut(s, 2, s.n);
	return str_cut(s, 0, str_find_char(s, ':'));
}

size_t filename_plain(str name, char out[FILENAME_MAX_BYTES])
{
	struct plain p = { out, 0 };
	for (size_t i = 0; i < name.n;)
		i += take(&p, str_cut(name, i, name.n));
	str plain = without_stream((str){ out, p.n });
	while (plain.n != 0 && (plain.p[plain.n - 1] == '.' || plain.p[plain.n - 1] == ' '))
		plain.n--;
	if (plain.n != 0)
		memmove(out, plain.p, plain.n);
	return plain.n;
}

static bool ends_with(str name, str extension)
{
	if (extension.n != 0 && extension.p[0] == '.')
		extension = str_cut(extension, 1, extension.n);
	if (extension.n == 0 || name.n <= extension.n)
		return false;
	size_t dot = name.n - extension.n - 1;
	return name.p[dot] == '.' && str_eq_case(str_cut(name, dot + 1, name.n), extension);
}

bool filename_has(str name, const str *extensions, size_t n)
{
	char room[FILENAME_MAX_BYTES];
	const str plain = { room, filename_plain(name, room) };
	for (size_t i = 0; i < n; i++)
		if (ends_with(plain, extensions[i]))
			return true;
	return false;
}

size_t filename_unescape(str path, char *out, size_t size)
{
	size_t n = 0;
	path = str_cut(path, path.n > size ? path.n - size : 0, path.n);
	for (size_t i = 0; i < path.n; i++) {
		out[n] = path.p[i];
		if (path.p[i] == '%' && path.n - i >= 3 && !failed(enc_hex_read(str_cut(path, i + 1, i + 3), out + n, 1)))
			i += 2;
		n++;
	}
	return n;
}
