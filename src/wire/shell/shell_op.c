/* SPDX-License-Identifier: Apache-2.0 */
/* Operators by name, and numbers. */
#include <stdio.h>
#include <stdlib.h>

#include "wire/shell/shell_priv.h"

static const struct {
	const char *name;
	enum shell_op op;
	bool has_case; /* there are c- and i- forms */
} ops[] = {
	{ "eq", SHELL_OP_EQ, true },
	{ "ne", SHELL_OP_NE, true },
	{ "gt", SHELL_OP_GT, true },
	{ "ge", SHELL_OP_GE, true },
	{ "lt", SHELL_OP_LT, true },
	{ "le", SHELL_OP_LE, true },
	{ "like", SHELL_OP_LIKE, true },
	{ "notlike", SHELL_OP_NOTLIKE, true },
	{ "match", SHELL_OP_MATCH, true },
	{ "notmatch", SHELL_OP_NOTMATCH, true },
	{ "contains", SHELL_OP_CONTAINS, true },
	{ "notcontains", SHELL_OP_NOTCONTAINS, true },
	{ "in", SHELL_OP_IN, true },
	{ "notin", SHELL_OP_NOTIN, true },
	{ "replace", SHELL_OP_REPLACE, true },
	{ "split", SHELL_OP_SPLIT, true },
	{ "join", SHELL_OP_JOIN, false },
	{ "is", SHELL_OP_IS, false },
	{ "isnot", SHELL_OP_ISNOT, false },
	{ "as", SHELL_OP_AS, false },
	{ "and", SHELL_OP_AND, false },
	{ "or", SHELL_OP_OR, false },
	{ "xor", SHELL_OP_XOR, false },
	{ "not", SHELL_OP_NOT, false },
	{ "f", SHELL_OP_FORMAT, false },
};

enum shell_op shell_op_find(str name, bool *strict)
{
	str rest = str_cut(name, 1, name.n);
	char first = name.n != 0 ? char_lower(name.p[0]) : '\0';
	*strict = false;
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		if (str_eq_case(name, str_of(ops[i].name)))
			return ops[i].op;
		if (ops[i].has_case && (first == 'c' || first == 'i') && str_eq_case(rest, str_of(ops[i].name))) {
			*strict = first == 'c';
			return ops[i].op;
		}
	}
	return SHELL_OP_NONE;
}

/* ---- numbers ---- */

/* The suffix that stands for a power of 1024; s is shortened by it. */
static int64_t take_unit(str *s)
{
	static const char units[] = "kmgtp";
	int64_t factor = 1;
	if (s->n < 3 || char_lower(s->p[s->n - 1]) != 'b')
		return 1;
	for (size_t i = 0; i < sizeof units - 1; i++) {
		factor *= 1024;
		if (char_lower(s->p[s->n - 2]) == units[i]) {
			s->n -= 2;
			return factor;
		}
	}
	return 1;
}

static bool read_hex(str s, int64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = char_lower(s.p[i]);
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = (int64_t)v;
	return true;
}

/* [+-]digits[.digits][e[+-]digits] */
static bool is_decimal(str s, bool *whole)
{
	size_t i = s.n != 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, digits = 0;
	*whole = true;
	for (; i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] == '.' && *whole)); i++) {
		digits += s.p[i] != '.';
		*whole = *whole && s.p[i] != '.';
	}
	if (digits == 0 || s.p[i - 1] == '.')
		return false;
	if (i == s.n)
		return true;
	*whole = false;
	if (char_lower(s.p[i++]) != 'e')
		return false;
	i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
	size_t from = i;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i == s.n && i > from;
}

static bool read_whole(str s, int64_t factor, int64_t *out)
{
	bool negative = s.p[0] == '-';
	uint64_t v;
	if (!str_to_u64(str_cut(s, negative || s.p[0] == '+', s.n), &v) || v > INT64_MAX)
		return false;
	return !__builtin_mul_overflow(negative ? -(int64_t)v : (int64_t)v, factor, out);
}

bool shell_number(str s, bool *is_real, int64_t *integer, double *real)
{
	char z[64];
	bool whole;
	int64_t factor = 1;
	*is_real = false;
	if (str_begins_case(s, STR("0x")))
		return read_hex(str_cut(s, 2, s.n), integer);
	factor = take_unit(&s);
	if (s.n > 1 && (char_lower(s.p[s.n - 1]) == 'l' || char_lower(s.p[s.n - 1]) == 'd'))
		s.n--;
	if (!is_decimal(s, &whole) || !str_to_z(s, z, sizeof z))
		return false;
	if (whole && read_whole(s, factor, integer))
		return true;
	*is_real = true;
	*real = strtod(z, NULL) * (double)factor;
	return *real - *real == 0; /* finite */
}
