/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mime.h"

#include "base/enc.h"

str mime_type(str value, str *params)
{
	return str_trim(str_split(value, ';', params));
}

static bool is_folded(str rest)
{
	return rest.n != 0 && (rest.p[0] == ' ' || rest.p[0] == '\t');
}

str mime_field(str header, str name)
{
	while (header.n != 0) {
		str value, line = str_split(header, '\n', &header);
		if (!str_eq_case(str_trim(str_split(line, ':', &value)), name))
			continue;
		size_t end = 0;
		while (is_folded(str_cut(header, end, header.n)))
			end += str_find_char(str_cut(header, end, header.n), '\n') + 1;
		return str_trim((str){ value.p, value.n + (end != 0 ? 1 + str_cut(header, 0, end).n : 0) });
	}
	return STR("");
}

/* Bytes of an empty line that s begins with; 0: it begins with none. */
static size_t empty_line(str s)
{
	return str_begins(s, STR("\r\n")) ? 2 : str_begins(s, STR("\n")) ? 1 : 0;
}

struct mime_part mime_cut(str part)
{
	for (size_t i = 0; i < part.n; i++) {
		size_t n = i == 0 || part.p[i - 1] == '\n' ? empty_line(str_cut(part, i, part.n)) : 0;
		if (n != 0)
			return (struct mime_part){ str_cut(part, 0, i), str_cut(part, i + n, part.n) };
	}
	return (struct mime_part){ part, STR("") };
}

/* Where the next "--boundary" is in s, from the beginning of a line; s.n: nowhere. */
static size_t find_boundary(str s, str boundary)
{
	for (size_t i = 0; i + 2 + boundary.n <= s.n; i++)
		if ((i == 0 || s.p[i - 1] == '\n') && s.p[i] == '-' && s.p[i + 1] == '-' && str_begins(str_cut(s, i + 2, s.n), boundary))
			return i;
	return s.n;
}

err mime_begin(struct mime_walk *w, str boundary, str body)
{
	ENSURE(boundary.n != 0 && boundary.n <= 70, MALFORMED);
	*w = (struct mime_walk){ str_cut(body, find_boundary(body, boundary), body.n), boundary };
	return OK;
}

static str without_line_end(str s)
{
	if (s.n != 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n != 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

bool mime_next(struct mime_walk *w, struct mime_part *part)
{
	if (w->rest.n < w->boundary.n + 2)
		return false;
	str rest = str_cut(w->rest, w->boundary.n + 2, w->rest.n);
	if (str_begins(rest, STR("--")) || rest.n == 0) {
		w->rest.n = 0;
		return false;
	}
	size_t line = str_find_char(rest, '\n');
	rest = str_cut(rest, line + 1, rest.n);
	size_t end = find_boundary(rest, w->boundary);
	*part = mime_cut(without_line_end(str_cut(rest, 0, end)));
	w->rest = str_cut(rest, end, rest.n);
	return true;
}

/* ---- transfer encodings ---- */

static err decode_base64(str body, struct arena *a, str *out)
{
	char *text = arena_alloc(a, body.n + 1), *bytes = arena_alloc(a, body.n + 1);
	size_t n = 0, room = body.n + 1;
	ENSURE(text != NULL && bytes != NULL, CEILING);
	for (size_t i = 0; i < body.n; i++)
		if (body.p[i] != '\r' && body.p[i] != '\n' && body.p[i] != ' ' && body.p[i] != '\t')
			text[n++] = body.p[i];
	TRY(enc_base64_read((str){ text, n }, bytes, &room));
	*out = (str){ bytes, room };
	return OK;
}

/* "=3D", or a line end that is none; answers how much of s that was, 0: neither. */
static size_t take_quoted(str s, char *out, size_t *n)
{
	size_t soft = empty_line(str_cut(s, 1, s.n));
	if (soft != 0)
		return 1 + soft;
	if (s.n < 3 || failed(enc_hex_read(str_cut(s, 1, 3), out + *n, 1)))
		return 0;
	++*n;
	return 3;
}

static err decode_quoted(str body, struct arena *a, str *out)
{
	char *bytes = arena_alloc(a, body.n + 1);
	size_t n = 0;
	ENSURE(bytes != NULL, CEILING);
	for (size_t i = 0; i < body.n;) {
		size_t took = body.p[i] == '=' ? take_quoted(str_cut(body, i, body.n), bytes, &n) : 0;
		if (took == 0) {
			bytes[n++] = body.p[i];
			took = 1;
		}
		i += took;
	}
	*out = (str){ bytes, n };
	return OK;
}

err mime_decode(str encoding, str body, struct arena *a, str *out)
{
	*out = body;
	if (encoding.n == 0 || str_eq_case(encoding, STR("7bit")) || str_eq_case(encoding, STR("8bit")) || str_eq_case(encoding, STR("binary")))
		return OK;
	if (str_eq_case(encoding, STR("base64")))
		return decode_base64(body, a, out);
	ENSURE(str_eq_case(encoding, STR("quoted-printable")), MALFORMED);
	return decode_quoted(body, a, out);
}
