/* SPDX-License-Identifier: Apache-2.0 */
/* Operators, from those that bind least to those that bind most. */
#include "wire/shell/shell_priv.h"

enum level { LOGIC, COMPARE, ADD, MULTIPLY, FORMAT, RANGE, ITEMS };

static enum level level_of(enum shell_op op)
{
	if (op >= SHELL_OP_AND && op <= SHELL_OP_XOR)
		return LOGIC;
	if (op >= SHELL_OP_EQ && op <= SHELL_OP_AS)
		return COMPARE;
	if (op == SHELL_OP_ADD || op == SHELL_OP_SUBTRACT)
		return ADD;
	if (op == SHELL_OP_FORMAT)
		return FORMAT;
	return op == SHELL_OP_RANGE ? RANGE : MULTIPLY;
}

/* The operator with a dash before it; *length in bytes. */
static enum shell_op dashed(const struct shell_reader *r, size_t *length, bool *strict)
{
	size_t n = shell_dash(shell_rest(r));
	if (n == 0)
		return SHELL_OP_NONE;
	str rest = str_cut(shell_rest(r), n, r->text.n);
	size_t letters = shell_name_length(rest);
	*length = n + letters;
	if (letters != 0 && shell_is_name_start(rest.p[0]))
		return shell_op_find(str_cut(rest, 0, letters), strict);
	*length = n;
	bool other = rest.n != 0 && (rest.p[0] == '=' || shell_dash(rest) != 0); /* -= and -- */
	return other ? SHELL_OP_NONE : SHELL_OP_SUBTRACT;
}

static enum shell_op peek_op(const struct shell_reader *r, size_t *length, bool *strict)
{
	char c = shell_peek(r), next = shell_peek_at(r, 1);
	*length = 1;
	*strict = false;
	if (c == '.' && next == '.') {
		*length = 2;
		return SHELL_OP_RANGE;
	}
	if (next != '=' && c == '+' && next != '+')
		return SHELL_OP_ADD;
	if (next != '=' && c == '*')
		return SHELL_OP_MULTIPLY;
	if (next != '=' && c == '/')
		return SHELL_OP_DIVIDE;
	if (next != '=' && c == '%')
		return SHELL_OP_MODULO;
	return dashed(r, length, strict);
}

static err read_items(struct shell_reader *r, struct shell_node **out)
{
	struct shell_node *array, *item;
	TRY(shell_read_unary(r, &item));
	shell_blanks(r);
	*out = item;
	if (r->no_comma || shell_peek(r) != ',')
		return OK;
	TRY(shell_node_wrap(r, SHELL_ARRAY, item, &array));
	while (shell_take(r, ',')) {
		shell_lines(r);
		TRY(shell_read_unary(r, &item));
		TRY(shell_node_add(r, array, item));
		shell_blanks(r);
	}
	*out = array;
	return OK;
}

static err read_level(struct shell_reader *r, enum level level, struct shell_node **out)
{
	struct shell_node *left, *right, *both;
	if (level == ITEMS)
		return read_items(r, out);
	TRY(read_level(r, level + 1, &left));
	for (;;) {
		size_t length;
		bool strict;
		shell_blanks(r);
		enum shell_op op = peek_op(r, &length, &strict);
		if (op == SHELL_OP_NONE || op == SHELL_OP_NOT || level_of(op) != level)
			break;
		r->at += length;
		shell_lines(r);
		TRY(read_level(r, level + 1, &right));
		TRY(shell_node_wrap(r, SHELL_BINARY, left, &both));
		both->op = op;
		both->strict = strict;
		TRY(shell_node_add(r, both, right));
		left = both;
	}
	*out = left;
	return OK;
}

static err read_all(struct shell_reader *r, bool no_comma, struct shell_node **out)
{
	bool before = r->no_comma;
	r->no_comma = no_comma;
	TRY(read_level(r, LOGIC, out));
	r->no_comma = before;
	if (!shell_is_dash_letter(shell_rest(r)))
		return OK;
	size_t n = shell_dash(shell_rest(r));
	str name = str_cut(shell_rest(r), n, n + shell_name_length(str_cut(shell_rest(r), n, r->text.n)));
	return shell_wrong(r, r->at,
		"operators are -eq -ne -gt -ge -lt -le -like -match -contains -in -and -or -not -join -split -replace "
		"-f -is -as",
		"there is no operator -%.*s", STR_FMT(str_cut(name, 0, 40)));
}

err shell_read_expression(struct shell_reader *r, struct shell_node **out)
{
	return read_all(r, false, out);
}

err shell_read_item(struct shell_reader *r, struct shell_node **out)
{
	return read_all(r, true, out);
}

/* ---- one operand ---- */

static err read_operand(
	struct shell_reader *r, enum shell_kind kind, enum shell_op op, size_t at, struct shell_node **out)
{
	struct shell_node *of, *n;
	shell_lines(r);
	TRY(shell_enter(r));
	TRY(shell_read_unary(r, &of));
	shell_leave(r);
	TRY(shell_node_wrap(r, kind, of, &n));
	n->op = op;
	n->at = (uint32_t)at;
	*out = n;
	return OK;
}

static err read_dashed(struct shell_reader *r, struct shell_node **out)
{
	size_t at = r->at, length;
	bool strict;
	enum shell_op op = dashed(r, &length, &strict);
	size_t n = shell_dash(shell_rest(r)), again = shell_dash(str_cut(shell_rest(r), n, r->text.n));
	if (again != 0) {
		r->at += n + again;
		TRY(read_operand(r, SHELL_STEP, SHELL_OP_DECREASE, at, out));
		(*out)->strict = true;
		return OK;
	}
	if (op != SHELL_OP_NOT && op != SHELL_OP_JOIN && op != SHELL_OP_SPLIT && op != SHELL_OP_SUBTRACT)
		return shell_wrong(r, at, "write the value that it compares before it",
			"a value is missing before \"%.*s\"", STR_FMT(shell_excerpt(r)));
	r->at += length;
	return read_operand(r, SHELL_UNARY, op == SHELL_OP_SUBTRACT ? SHELL_OP_NEGATE : op, at, out);
}

/* A value that may follow a cast; a dash before a letter is an operator that follows a type. */
static bool begins_value(const struct shell_reader *r)
{
	char kind, c = shell_peek(r);
	size_t n = shell_dash(shell_rest(r));
	if (c != '\0' && strchr("$(@{[!+0123456789", c) != NULL)
		return true;
	return shell_quote(shell_rest(r), &kind) != 0 ||
	       (n != 0 && shell_peek_at(r, n) != '\0' && strchr("$([0123456789", shell_peek_at(r, n)) != NULL);
}

static err read_typed(struct shell_reader *r, struct shell_node **out)
{
	size_t at = r->at++;
	struct shell_node *type;
	str name;
	TRY(shell_read_type_name(r, &name));
	size_t end = r->at;
	shell_blanks(r);
	if (begins_value(r)) {
		TRY(read_operand(r, SHELL_CAST, SHELL_OP_NONE, at, out));
		(*out)->text = name;
		return OK;
	}
	r->at = end;
	TRY(shell_node_new(r, SHELL_TYPE, at, &type));
	type->text = name;
	return shell_read_postfix(r, type, out);
}

static err read_stepped(struct shell_reader *r, struct shell_node **out)
{
	enum shell_op op = SHELL_OP_NONE;
	TRY(shell_read_primary(r, out));
	size_t n = shell_dash(shell_rest(r)), again = shell_dash(str_cut(shell_rest(r), n, r->text.n));
	if (shell_peek(r) == '+' && shell_peek_at(r, 1) == '+') {
		r->at += 2;
		op = SHELL_OP_INCREASE;
	} else if (n != 0 && again != 0) {
		r->at += n + again; /* each may be a typographic one */
		op = SHELL_OP_DECREASE;
	}
	if (op == SHELL_OP_NONE)
		return OK;
	TRY(shell_node_wrap(r, SHELL_STEP, *out, out));
	(*out)->op = op;
	return OK;
}

err shell_read_unary(struct shell_reader *r, struct shell_node **out)
{
	size_t at = r->at;
	char c = shell_peek(r), next = shell_peek_at(r, 1);
	if (shell_dash(shell_rest(r)) != 0)
		return read_dashed(r, out);
	if (c == '[')
		return read_typed(r, out);
	if (c == '!' || (c == '+' && next != '+')) {
		r->at++;
		return read_operand(r, SHELL_UNARY, c == '!' ? SHELL_OP_NOT : SHELL_OP_PLUS, at, out);
	}
	if (c == '+') {
		r->at += 2;
		TRY(read_operand(r, SHELL_STEP, SHELL_OP_INCREASE, at, out));
		(*out)->strict = true;
		return OK;
	}
	if (c == ',' && !r->no_comma) { /* an array of one */
		r->at++;
		return read_operand(r, SHELL_ARRAY, SHELL_OP_NONE, at, out);
	}
	return read_stepped(r, out);
}
