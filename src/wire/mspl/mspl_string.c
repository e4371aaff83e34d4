/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the language that look at strings: text, addresses, methods. None of them asks the world. */
#include "wire/mspl/mspl_priv.h"

/* ---- text ---- */

CALL(call_concatenate)
{
	str parts[MSPL_ARGUMENTS];
	for (unsigned i = 0; i < n; i++)
		TRY(mspl_arg_text(m, v, i, &parts[i]));
	return mspl_join(m, parts, n, out);
}

/* Offset of sub in s; s.n + 1: it is not there. Looking through long strings counts as many steps. */
static size_t find(struct machine *m, str s, str sub, bool ignore_case)
{
	m->out->instructions += (uint32_t)(s.n / 256);
	if (!ignore_case) {
		const char *at = sub.n != 0 ? memmem(s.p, s.n, sub.p, sub.n) : s.p;
		return at != NULL ? (size_t)(at - s.p) : s.n + 1;
	}
	for (size_t i = 0; i + sub.n <= s.n; i++)
		if (str_eq_case(str_cut(s, i, i + sub.n), sub))
			return i;
	return s.n + 1;
}

CALL(call_contains)
{
	str s, sub;
	bool ignore_case = false;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &s));
	TRY(mspl_arg_text(m, v, 1, &sub));
	TRY(mspl_arg_truth(m, v, 2, &ignore_case));
	*out = mspl_truth(find(m, s, sub, ignore_case) <= s.n);
	return OK;
}

CALL(call_equal)
{
	str a, b;
	bool ignore_case = false;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &a));
	TRY(mspl_arg_text(m, v, 1, &b));
	TRY(mspl_arg_truth(m, v, 2, &ignore_case));
	*out = mspl_truth(ignore_case ? str_eq_case(a, b) : str_eq(a, b));
	return OK;
}

CALL(call_index)
{
	str s, sub;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &s));
	TRY(mspl_arg_text(m, v, 1, &sub));
	size_t at = find(m, s, sub, false);
	*out = (struct mspl_value){ .type = MSPL_INT, .number = at <= s.n ? (int64_t)at : -1 };
	return OK;
}

CALL(call_substring)
{
	str s;
	int64_t from = 0, length = INT64_MAX;
	TRY(mspl_arg_text(m, v, 0, &s));
	TRY(mspl_arg_number(m, v, 1, &from));
	if (n == 3)
		TRY(mspl_arg_number(m, v, 2, &length));
	if (from < 0 || (uint64_t)from > s.n || length < 0)
		return mspl_fail(m, "a part outside of a string of %zu bytes", s.n);
	size_t rest = s.n - (size_t)from;
	*out = mspl_text(str_cut(s, (size_t)from, (size_t)from + ((uint64_t)length < rest ? (size_t)length : rest)));
	return OK;
}

CALL(call_length)
{
	str s;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &s));
	*out = (struct mspl_value){ .type = MSPL_INT, .number = (int64_t)s.n };
	return OK;
}

CALL(call_split)
{
	str s, mark;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &s));
	TRY(mspl_arg_text(m, v, 1, &mark));
	if (mark.n == 0)
		return mspl_fail(m, "Split needs something between the parts");
	size_t count = 1, i = 0;
	for (size_t at = find(m, s, mark, false), from = 0; at <= s.n - from && count < MSPL_LIST_MAX; at = find(m, str_cut(s, from, s.n), mark, false)) {
		count++;
		from += at + mark.n;
	}
	struct mspl_value *p = (void *)mspl_take(m, count * sizeof *p);
	ENSURE(p != NULL, CEILING);
	for (; i + 1 < count; i++) {
		size_t at = find(m, s, mark, false);
		p[i] = mspl_text(str_cut(s, 0, at));
		s = str_cut(s, at + mark.n, s.n);
	}
	p[i] = mspl_text(s);
	*out = (struct mspl_value){ .type = MSPL_LIST, .list = { p, count } };
	return OK;
}

/* ---- addresses ---- */

struct address {
	str display, uri, scheme, user, host, parameters;
};

/* "Ann" <sip:ann@example.test:5061;x=y>;tag=1, or the URI alone. Parts that are not there stay without pointer. */
static struct address read_address(str s)
{
	struct address a = { 0 };
	s = str_trim(s);
	size_t open = str_find_char(s, '<');
	if (s.n != 0 && s.p[0] == '"') { /* a < in quotes is none */
		size_t end = 1;
		while (end < s.n && s.p[end] != '"')
			end += s.p[end] == '\\' ? 2 : 1;
		open = end < s.n ? end + str_find_char(str_cut(s, end, s.n), '<') : s.n;
	}
	if (open < s.n) {
		str display = str_trim(str_cut(s, 0, open));
		a.uri = str_cut(s, open + 1, open + 1 + str_find_char(str_cut(s, open + 1, s.n), '>'));
		if (display.n >= 2 && display.p[0] == '"')
			display = str_cut(display, 1, display.n - 1);
		if (display.n != 0)
			a.display = display;
	} else {
		a.uri = s;
	}
	size_t colon = str_find_char(a.uri, ':');
	if (colon == a.uri.n || colon == 0)
		return (struct address){ .display = a.display };
	a.scheme = str_cut(a.uri, 0, colon);
	str rest = str_cut(a.uri, colon + 1, a.uri.n);
	size_t at = str_find_char(rest, '@');
	if (at < rest.n) {
		a.user = str_cut(rest, 0, str_find_char(str_cut(rest, 0, at), ':'));
		rest = str_cut(rest, at + 1, rest.n);
	} else if (str_eq_case(a.scheme, STR("tel"))) {
		a.user = str_cut(rest, 0, str_find_char(rest, ';'));
		rest = str_cut(rest, a.user.n, rest.n);
	}
	str host = str_cut(rest, 0, str_find_char(rest, '?'));
	str name = str_split(host, ';', &a.parameters);
	bool is_ip6 = name.n != 0 && name.p[0] == '[';
	name = str_cut(name, 0, is_ip6 ? str_find_char(name, ']') + 1 : str_find_char(name, ':'));
	if (name.n != 0)
		a.host = name;
	return a;
}

static struct mspl_value maybe(str s)
{
	return s.p != NULL ? mspl_text(s) : (struct mspl_value){ 0 };
}

#define PART(name, member)                          \
	CALL(name)                                  \
	{                                           \
		str s;                              \
		(void)n;                            \
		TRY(mspl_arg_text(m, v, 0, &s));    \
		*out = maybe(read_address(s).member); \
		return OK;                          \
	}

PART(call_display_name, display)
PART(call_uri, uri)
PART(call_scheme, scheme)
PART(call_user_name, user)
PART(call_host_name, host)

CALL(call_user_at_host)
{
	str s;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &s));
	struct address a = read_address(s);
	if (a.user.p == NULL || a.host.p == NULL)
		return OK;
	return mspl_join(m, (const str[]){ a.user, STR("@"), a.host }, 3, out);
}

CALL(call_uri_parameter)
{
	str s, wanted;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &s));
	TRY(mspl_arg_text(m, v, 1, &wanted));
	str rest = read_address(s).parameters;
	while (rest.n != 0) {
		str value, one = str_split(rest, ';', &rest);
		str name = str_split(one, '=', &value);
		if (str_eq_case(name, wanted)) {
			*out = mspl_text(value.p != NULL ? value : STR(""));
			return OK;
		}
	}
	return OK;
}

/* ---- methods ---- */

static bool has_word(str list, str word)
{
	while (list.n != 0)
		if (str_eq_case(str_trim(str_split(list, ',', &list)), word))
			return true;
	return false;
}

/* The first argument is a word of StandardMethod or a name; the second the bits of an endpoint; the third its other methods. */
CALL(call_supports)
{
	int64_t mask = 0;
	str extra = STR("");
	struct mspl_value one = v[0];
	(void)n;
	TRY(mspl_arg_number(m, v, 1, &mask));
	if (v[2].type != MSPL_NULL)
		TRY(mspl_arg_text(m, v, 2, &extra));
	if (one.type == MSPL_STRING) {
		str near;
		if (mspl_enum_find(STR("StandardMethod"), one.text, &one, &near) != 0) {
			*out = mspl_truth(has_word(extra, v[0].text));
			return OK;
		}
	}
	if (one.type != MSPL_ENUM || one.kind != MSPL_ENUM_StandardMethod)
		return mspl_fail(m, "argument 1 is no method");
	*out = mspl_truth((mask & one.number) != 0);
	return OK;
}
