/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a request: escapes, queries, cookies, media types, tokens. */
#include "wire/http/http_priv.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = char_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that s begins with, *n bytes of it; -1: an escape that is none. */
static int take_char(str s, bool plus_is_blank, size_t *n)
{
	*n = 1;
	if (s.p[0] == '+' && plus_is_blank)
		return ' ';
	if (s.p[0] != '%')
		return (unsigned char)s.p[0];
	*n = 3;
	int high = s.n >= 3 ? hex_digit(s.p[1]) : -1, low = s.n >= 3 ? hex_digit(s.p[2]) : -1;
	return high >= 0 && low >= 0 ? high << 4 | low : -1;
}

static err decode(str s, bool is_query, struct arena *a, str *out)
{
	char *to = arena_alloc(a, s.n != 0 ? s.n : 1);
	*out = (str){ to, 0 };
	ENSURE(to != NULL, NO_MEMORY);
	while (s.n != 0) {
		size_t n;
		int c = take_char(s, is_query, &n);
		ENSURE(c > 0 && (c != '/' || n == 1 || is_query), MALFORMED);
		to[out->n++] = (char)c;
		s = str_cut(s, n, s.n);
	}
	return OK;
}

err http_path_decode(str path, struct arena *a, str *out)
{
	return decode(path, false, a, out);
}

err http_query_find(str query, str name, struct arena *a, str *out)
{
	while (query.n != 0) {
		str value, found, part = str_split(query, '&', &query);
		part = str_split(part, '=', &value);
		TRY(decode(part, true, a, &found));
		if (str_eq(found, name))
			return decode(value, true, a, out);
	}
	return ERR(ABSENT);
}

static err find_in(str cookies, str name, str *out, bool *found)
{
	while (cookies.n != 0) {
		str value, part = str_trim(str_split(cookies, ';', &cookies));
		part = str_trim(str_split(part, '=', &value));
		if (!str_eq(part, name))
			continue;
		ENSURE(!*found, MALFORMED);
		*found = true;
		*out = str_trim(value);
	}
	return OK;
}

err http_cookie_find(const struct http_request *r, str name, str *out)
{
	bool found = false;
	*out = STR("");
	for (size_t i = 0; i < r->n_fields; i++)
		if (str_eq_case(r->fields[i].name, STR("Cookie")))
			TRY(find_in(r->fields[i].value, name, out, &found));
	return found ? OK : ERR(ABSENT);
}

bool http_type_is(str content_type, str type)
{
	str parameters;
	return str_eq_case(str_trim(str_split(content_type, ';', &parameters)), type);
}

bool http_bearer_find(str authorization, str *token)
{
	/* ALPHA DIGIT - . _ ~ + / = (RFC 6750 2.1) */
	static const struct scan_set b64token = { { 0x23ffe80000000000, 0x47fffffe87fffffe } };
	if (!str_begins_case(authorization, STR("Bearer ")))
		return false;
	struct scan in = scan_of(str_trim(str_cut(authorization, 7, authorization.n)));
	return scan_some(&in, &b64token, token) && scan_at_end(&in);
}
