/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: whole ones of 64 bits, others in binary floating point. */
#include <stdlib.h>

#include "service/shell/shell_priv.h"

enum { WHOLE_BITS = 52 }; /* from 2^52 on a double has no fraction */

struct shell_num shell_num_int(int64_t i)
{
	return (struct shell_num){ .i = i, .d = (double)i };
}

struct shell_num shell_num_real(double d)
{
	return (struct shell_num){ .is_real = true, .d = d };
}

bool shell_num_of(const json_t *v, struct shell_num *out)
{
	bool is_real = false;
	int64_t i = 0;
	double d = 0;
	*out = shell_num_int(0);
	if (json_is_integer(v))
		*out = shell_num_int(json_integer_value(v));
	else if (json_is_real(v))
		*out = shell_num_real(json_real_value(v));
	else if (json_is_true(v))
		*out = shell_num_int(1);
	else if (json_is_string(v)) {
		str s = str_trim((str){ json_string_value(v), json_string_length(v) });
		if (s.n == 0)
			return true;
		if (!shell_number(s, &is_real, &i, &d))
			return false;
		*out = is_real ? shell_num_real(d) : shell_num_int(i);
	}
	return v == NULL || !(json_is_object(v) || json_is_array(v));
}

json_t *shell_num_json(struct shell_num n)
{
	return n.is_real ? json_real(n.d) : json_integer(n.i);
}

/* The shortest of two ways that reads back as the same number. */
void shell_write_real(double d, struct buf *out)
{
	char text[40];
	(void)snprintf(text, sizeof text, "%.15g", d);
	if (strtod(text, NULL) != d)
		(void)snprintf(text, sizeof text, "%.17g", d);
	buf_add(out, str_of(text));
}

double shell_floor(double d)
{
	if (d >= (double)(1ll << WHOLE_BITS) || d <= -(double)(1ll << WHOLE_BITS) || d != d)
		return d;
	double whole = (double)(int64_t)d;
	return whole > d ? whole - 1 : whole;
}

double shell_round(double d)
{
	double below = shell_floor(d), rest = d - below;
	bool is_odd = below - 2 * shell_floor(below / 2) != 0;
	return rest > 0.5 || (rest == 0.5 && is_odd) ? below + 1 : below;
}
