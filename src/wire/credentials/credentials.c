/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/credentials.h"

#define SEE "see RFC 7235 2.1"

/* RFC 3261 25.1 token, and LWS */
static const struct scan_set token_set = { { 0x03ff6ca200000000, 0x47ffffff87fffffe } };
static const struct scan_set space_set = { { 0x0000000100002600 } };

static err refuse(struct diag *d, const char *what, str name)
{
	err e = diag_fail(
		d, ERR(MALFORMED), "Authorization", SEE, "%s (%.*s)", what, name.n < 40 ? (int)name.n : 40, name.p);
	diag_clean(d);
	return e;
}

static void skip_space(struct scan *in)
{
	(void)scan_while(in, &space_set);
}

/* A quoted string without its quotes, or a token. */
static bool read_value(struct scan *in, str *value)
{
	if (!scan_char(in, '"'))
		return scan_some(in, &token_set, value);
	const char *from = in->p;
	for (; in->p != in->end && *in->p != '"'; in->p++)
		if (*in->p == '\\' && ++in->p == in->end)
			return false;
	*value = (str){ from, (size_t)(in->p - from) };
	return scan_char(in, '"');
}

/* name "=" value */
static err read_param(struct scan *in, size_t max, str *name, str *value, struct diag *d)
{
	if (!scan_some(in, &token_set, name))
		return refuse(d, "a parameter has no name", STR(""));
	skip_space(in);
	if (!scan_char(in, '='))
		return refuse(d, "a parameter has no '='", *name);
	skip_space(in);
	if (!read_value(in, value))
		return refuse(d, "a parameter's value is not well-formed", *name);
	if (value->n > max)
		return refuse(d, "a parameter is too long", *name);
	return OK;
}

static size_t find_param(const struct credentials_param *known, size_t n, str name)
{
	size_t i = 0;
	while (i < n && (known[i].name.n != name.n || !str_eq_case(known[i].name, name)))
		i++;
	return i;
}

err credentials_scheme(struct scan *in, str *scheme, struct diag *d)
{
	return scan_some(in, &token_set, scheme) ? OK : refuse(d, "there is no scheme", STR(""));
}

err credentials_params(struct scan *in, const struct credentials_param *known, size_t n, size_t max, void *out, struct diag *d)
{
	uint32_t seen = 0; /* a bit for each row of known */
	str name, value;
	if (scan_at_end(in) || !scan_has(&space_set, *in->p))
		return refuse(d, "there are no parameters", STR(""));
	for (;;) {
		skip_space(in);
		TRY(read_param(in, max, &name, &value, d));
		size_t i = find_param(known, n, name);
		if (i < n) {
			if ((seen & UINT32_C(1) << i) != 0)
				return refuse(d, "a parameter is there twice", name);
			seen |= UINT32_C(1) << i;
			memcpy((char *)out + known[i].at, &value, sizeof value);
		}
		skip_space(in);
		if (scan_at_end(in))
			return OK;
		if (!scan_char(in, ','))
			return refuse(d, "a ',' is missing", STR(""));
	}
}
