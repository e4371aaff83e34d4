/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of values: comma lists, parameters, quoted strings, numbers. */
#include "wire/sip/sip_priv.h"

/* clang-format off */
const unsigned char sip_chars[256] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x08, 0x00, 0x00, 0x08, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x08, 0x07, 0x02, 0x00, 0x00, 0x07, 0x00, 0x07, 0x02, 0x02, 0x07, 0x07, 0x00, 0x07, 0x07, 0x02,
	0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x06, 0x00, 0x02, 0x00, 0x02, 0x02,
	0x00, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
	0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x06, 0x02, 0x06, 0x00, 0x07,
	0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
	0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x02, 0x00, 0x02, 0x07, 0x00,
};
/* clang-format on */

err sip_refuse(struct diag *d, const char *where, const char *see, const char *what, str text)
{
	err e = diag_fail(d, ERR(MALFORMED), where, see, "%s: '%.*s'", what, text.n < 120 ? (int)text.n : 120, text.p);
	diag_clean(d);
	return e;
}

bool sip_take_quoted(struct scan *s, str *out)
{
	const char *from = s->p;
	if (!scan_char(s, '"'))
		return false;
	for (; s->p != s->end; s->p++) {
		if (*s->p == '"') {
			s->p++;
			*out = (str){ from, (size_t)(s->p - from) };
			return true;
		}
		if (*s->p == '\\' && ++s->p == s->end)
			return false;
	}
	return false;
}

static bool read_param_value(struct scan *s, str *value)
{
	if (scan_peek(s) == '"')
		return sip_take_quoted(s, value);
	return sip_some(s, CHAR_VALUE, value);
}

bool sip_read_params(struct scan *s, str *params, sip_param_fn *on, void *arg)
{
	const char *from = NULL, *end = s->p;
	for (;;) {
		str name, value = { "", 0 };
		sip_skip_space(s);
		if (scan_at_end(s))
			break;
		if (!scan_char(s, ';'))
			return false;
		sip_skip_space(s);
		from = from != NULL ? from : s->p;
		if (!sip_some(s, CHAR_TOKEN, &name))
			return false;
		end = s->p;
		sip_skip_space(s);
		if (scan_char(s, '=')) {
			sip_skip_space(s);
			if (!read_param_value(s, &value))
				return false;
			end = s->p;
		}
		if (on != NULL && !on(arg, name, value))
			return false;
	}
	*params = from != NULL ? (str){ from, (size_t)(end - from) } : STR("");
	return true;
}

/* Where the value at the beginning of s ends: at `sep` outside quotes, <> and, with comments, parentheses. */
static size_t value_end(str s, char sep, bool comments)
{
	bool quoted = false, angle = false;
	size_t depth = 0, i = 0;
	for (; i < s.n; i++) {
		char c = s.p[i];
		if (quoted || depth != 0) {
			if (c == '\\')
				i++;
			else if (quoted)
				quoted = c != '"';
			else
				depth += (size_t)(c == '(') - (size_t)(c == ')');
			continue;
		}
		if (angle) {
			angle = c != '>';
			continue;
		}
		if (c == sep)
			return i;
		quoted = c == '"';
		angle = c == '<';
		depth = comments && c == '(';
	}
	return s.n;
}

bool sip_next_value(str *rest, str *value)
{
	if (rest->n == 0)
		return false;
	bool is_one = str_find_char(*rest, ',') == rest->n;
	size_t end = is_one ? rest->n : value_end(*rest, ',', true);
	*value = str_trim(str_cut(*rest, 0, end));
	*rest = str_cut(*rest, end + 1, rest->n);
	return true;
}

bool sip_next_param(str *rest, str *name, str *value)
{
	if (rest->n == 0)
		return false;
	size_t end = value_end(*rest, ';', false);
	str one = str_cut(*rest, 0, end);
	*rest = str_cut(*rest, end + 1, rest->n);
	*name = str_trim(str_split(one, '=', value));
	*value = str_trim(*value);
	return true;
}

bool sip_param(str params, str name, str *value)
{
	str n, v;
	while (sip_next_param(&params, &n, &v)) {
		if (!str_eq_case(n, name))
			continue;
		if (value != NULL)
			*value = v;
		return true;
	}
	return false;
}

/* Takes one character of a quoted string's inside; a fold is one space. */
static char unquote_char(str s, size_t *i)
{
	char c = s.p[*i];
	if (c == '\\' && *i + 1 < s.n) {
		*i += 2;
		return s.p[*i - 1];
	}
	if (c != '\r' && c != '\n') {
		*i += 1;
		return c;
	}
	while (*i < s.n && sip_is(s.p[*i], CHAR_SPACE))
		*i += 1;
	return ' ';
}

str sip_unquote(str s, struct arena *a)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return s;
	s = str_cut(s, 1, s.n - 1);
	if (str_find_char(s, '\\') == s.n && str_find_char(s, '\r') == s.n)
		return s;
	char *p = arena_alloc(a, s.n);
	if (p == NULL)
		return (str){ NULL, 0 };
	size_t n = 0;
	for (size_t i = 0; i < s.n;)
		p[n++] = unquote_char(s, &i);
	return (str){ p, n };
}

bool sip_qvalue(str s, unsigned *out)
{
	static const unsigned weights[] = { 100, 10, 1 };
	if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
		return false;
	unsigned v = (unsigned)(s.p[0] - '0') * 1000;
	for (size_t i = 2; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v += (unsigned)(s.p[i] - '0') * weights[i - 2];
	}
	*out = v;
	return v <= 1000;
}

bool sip_digits(str s, uint64_t *out)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	if (!str_to_u64(s, out))
		*out = UINT64_MAX;
	return true;
}

struct sip_limits sip_limits_of(const struct sip_limits *l)
{
	struct sip_limits d = l != NULL ? *l : (struct sip_limits){ 0 };
	d.message = d.message != 0 ? d.message : SIP_MESSAGE_MAX;
	d.header = d.header != 0 ? d.header : SIP_HEADER_MAX;
	d.body = d.body != 0 ? d.body : SIP_BODY_MAX;
	d.fields = d.fields != 0 ? d.fields : SIP_FIELDS_MAX;
	return d;
}
