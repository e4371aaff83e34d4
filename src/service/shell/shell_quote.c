/* SPDX-License-Identifier: Apache-2.0 */
/* A block that is given to the server (-Filter { ... }) becomes text. The server knows no variables: their values are
 * put in. */
#include "service/shell/shell_priv.h"

static bool is_it(str name)
{
	return str_eq(name, STR("_")) || str_eq_case(name, STR("PSItem"));
}

static bool is_constant(str name)
{
	return str_eq_case(name, STR("true")) || str_eq_case(name, STR("false")) || str_eq_case(name, STR("null"));
}

static bool mentions_it(const struct shell_node *n)
{
	if (n->kind == SHELL_VAR && is_it(n->text))
		return true;
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		if (mentions_it(kid))
			return true;
	return false;
}

/* A part of the block that this shell, and not the server, gives a value. */
static bool is_ours(const struct shell_node *n)
{
	const struct shell_node *root = n;
	while (root->kind == SHELL_MEMBER || root->kind == SHELL_INDEX || root->kind == SHELL_METHOD)
		root = root->kids;
	if (root->kind == SHELL_VAR)
		return !is_it(root->text) && !is_constant(root->text) && !mentions_it(n);
	return (n->kind == SHELL_EXPAND || n->kind == SHELL_SUB) && !mentions_it(n);
}

static err write_literal(struct shell *sh, const json_t *v, struct buf *out)
{
	if (json_is_array(v)) {
		for (size_t i = 0; i < json_array_size(v); i++) {
			buf_add(out, i != 0 ? STR(", ") : STR(""));
			TRY(write_literal(sh, json_array_get(v, i), out));
		}
	} else if (json_is_string(v)) {
		buf_add_char(out, '\'');
		for (const char *p = json_string_value(v); *p != '\0'; p++) {
			buf_add(out, *p == '\'' ? STR("'") : STR(""));
			buf_add_char(out, *p);
		}
		buf_add_char(out, '\'');
	} else if (json_is_boolean(v)) {
		buf_add(out, json_is_true(v) ? STR("$true") : STR("$false"));
	} else if (json_is_null(v)) {
		buf_add(out, STR("$null"));
	} else if (json_is_number(v)) {
		shell_write_text(sh, v, out, 0);
	} else {
		return shell_fail(sh, ERR(USAGE), "take the property of it that is meant",
			"an object cannot be compared with in a filter");
	}
	return OK;
}

struct quoting {
	str text;  /* of the source */
	size_t at; /* what is before it is written */
	struct buf *out;
};

static err write_parts(struct shell *sh, const struct shell_node *n, struct quoting *q)
{
	json_t *v;
	if (!is_ours(n)) {
		for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
			TRY(write_parts(sh, kid, q));
		return OK;
	}
	TRY(shell_eval(sh, n, &v));
	sh->here = n;
	buf_add(q->out, str_cut(q->text, q->at, n->at));
	q->at = n->end;
	err e = write_literal(sh, v, q->out);
	json_decref(v);
	return e;
}

err shell_block_text(struct shell *sh, const struct shell_block *b, json_t **out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str all = buf_str(&b->source->text);
	size_t from = (size_t)(b->node->text.p - all.p), to = from + b->node->text.n;
	struct quoting q = { str_cut(all, 0, to), from, &text };
	struct shell_place place = { .up = sh->place, .source = b->source, .from = sh->here };
	sh->place = &place;
	err e = write_parts(sh, b->node, &q);
	sh->place = place.up;
	sh->here = place.from;
	TRY(e);
	buf_add(&text, str_cut(q.text, q.at, to));
	return shell_string_new(sh, buf_str(&text), out);
}
