/* SPDX-License-Identifier: Apache-2.0 */
/* Words find their parameters: those of the server's cmdlets (by the door), of local ones (by their row). */
#include "base/near.h"
#include "service/shell/shell_priv.h"

static err take(struct shell *sh, struct shell_stage *st, const char *name, json_t *v)
{
	if (json_object_get(st->parameters, name) != NULL)
		return shell_fail(sh, ERR(USAGE), "give it once", "-%s stands there twice", name);
	return shell_json(json_object_set(st->parameters, name, v));
}

err shell_no_parameter(struct shell *sh, const char *command, str name, str near)
{
	name = str_cut(name, 0, 60);
	if (near.n != 0)
		return shell_fail(sh, ERR(USAGE), "Get-Help shows its parameters",
			"%s has no parameter -%.*s; did you mean -%.*s?", command, STR_FMT(name), STR_FMT(near));
	return shell_fail(
		sh, ERR(USAGE), "Get-Help shows its parameters", "%s has no parameter -%.*s", command, STR_FMT(name));
}

static err no_place(struct shell *sh, const struct shell_stage *st, const json_t *v)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str s = str_cut(shell_text_of(sh, v, &b), 0, 60);
	return shell_fail(sh, ERR(USAGE), "write -NAME before each value, quote texts with blanks",
		"\"%.*s\" belongs to no parameter of %s", STR_FMT(s), st->name);
}

/* ---- values for the server ---- */

static err read_secret_file(struct shell *sh, struct shell_stage *st, const char *name, const json_t *path)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, text DEFER(buf_fini) = { .ceiling = 64 << 10 };
	char secret[128];
	json_t *v;
	if (sh->door->read_file == NULL)
		return shell_fail(sh, ERR(REFUSED), "use Read-Host -AsSecureString", "files cannot be read here");
	err e = sh->door->read_file(sh->arg, shell_text_of(sh, path, &scratch), &text, &sh->d);
	if (failed(e))
		return shell_fail_at(sh, e);
	(void)str_to_z(str_cut(str_of(name), 0, strlen(name) - 4), secret, sizeof secret);
	str s = buf_str(&text);
	s.n -= s.n != 0 && s.p[s.n - 1] == '\n';
	s.n -= s.n != 0 && s.p[s.n - 1] == '\r';
	e = shell_string_new(sh, s, &v);
	if (text.p != NULL)
		explicit_bzero(text.p, text.size);
	TRY(e);
	e = take(sh, st, secret, v);
	json_decref(v);
	return e;
}

static err take_secret(struct shell *sh, struct shell_stage *st, const char *name, json_t *v)
{
	str s = str_of(name);
	json_t *text;
	if (!shell_is_secret(v) && s.n > 4 && str_eq_case(str_cut(s, s.n - 4, s.n), STR("File")))
		return read_secret_file(sh, st, name, v);
	if (!shell_is_secret(v))
		return take(sh, st, name, v);
	json_int_t i = json_integer_value(json_object_get(v, KEY_SECRET));
	if (i < 0 || (size_t)i >= sh->n_secrets)
		return shell_fail(sh, ERR(USAGE), "make it again", "this secure string is gone");
	TRY(shell_string_new(sh, str_of(sh->secrets[i]), &text));
	err e = take(sh, st, name, text);
	json_decref(text);
	return e;
}

static err split_commas(struct shell *sh, const char *text, json_t **out)
{
	str rest = str_of(text);
	json_t *part;
	*out = json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	while (rest.n != 0) {
		TRY(shell_string_new(sh, str_trim(str_split(rest, ',', &rest)), &part));
		TRY(shell_json(json_array_append_new(*out, part)));
	}
	return OK;
}

/* A list is always one, whatever it was written as. */
static err as_list(struct shell *sh, bool is_bare, json_t *plain, json_t **out)
{
	if (is_bare && json_is_string(plain))
		return split_commas(sh, json_string_value(plain), out);
	*out = json_is_array(plain) || json_is_object(plain) || json_is_null(plain) ? json_incref(plain)
										    : json_pack("[O]", plain);
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

/* -Confirm:false of another shell is meant as $false. */
static bool switch_is(const json_t *v)
{
	return shell_truth(v) && !(json_is_string(v) && str_eq_case(str_of(json_string_value(v)), STR("false")));
}

static err take_remote(
	struct shell *sh, struct shell_stage *st, const char *name, enum shell_param kind, bool is_bare, json_t *v)
{
	json_t *plain, *as = NULL;
	if (kind == SHELL_PARAM_SECRET)
		return take_secret(sh, st, name, v);
	if (shell_has_secret(v, 0))
		return shell_fail(sh, ERR(REFUSED), "give it to a parameter that takes a secret",
			"-%s takes no secure string", name);
	const struct shell_block *block = shell_block_of(sh, v);
	struct shell_block own = block != NULL ? *block : (struct shell_block){ 0 };
	TRY(block != NULL ? shell_block_text(sh, &own, &plain) : shell_plain(sh, v, &plain));
	if (kind == SHELL_PARAM_SWITCH)
		as = json_boolean(switch_is(plain));
	else if (kind != SHELL_PARAM_LIST)
		as = json_incref(plain);
	err e = as != NULL ? OK : as_list(sh, is_bare, plain, &as);
	if (!failed(e))
		e = take(sh, st, name, as);
	json_decref(as);
	json_decref(plain);
	return e;
}

/* ---- the server's cmdlets ---- */

static err bind_named(struct shell *sh, struct shell_stage *st, size_t *i)
{
	const char *name = NULL;
	str near = { "", 0 };
	struct shell_word *w = &st->words.items[*i];
	json_t *v = json_true();
	enum shell_param kind = sh->door->param(sh->arg, st->name, w->name, &name, &near);
	if (kind == SHELL_PARAM_NONE)
		return shell_no_parameter(sh, st->name, w->name, near);
	if (kind != SHELL_PARAM_SWITCH)
		TRY(shell_word_value(sh, st, i, &v));
	else if (w->value != NULL)
		v = w->value;
	return take_remote(sh, st, name, kind, st->words.items[*i].is_bare, v);
}

static err bind_positional(struct shell *sh, struct shell_stage *st, size_t *at, const struct shell_word *w)
{
	const char *name, *canonical = NULL;
	str near;
	do {
		name = sh->door->positional(sh->arg, st->name, *at);
		++*at;
	} while (name != NULL && json_object_get(st->parameters, name) != NULL);
	if (name == NULL)
		return no_place(sh, st, w->value);
	enum shell_param kind = sh->door->param(sh->arg, st->name, str_of(name), &canonical, &near);
	return take_remote(sh, st, canonical != NULL ? canonical : name, kind, w->is_bare, w->value);
}

err shell_bind_remote(struct shell *sh, struct shell_stage *st)
{
	bool taken;
	size_t at = 0;
	bool is_named[WORDS_MAX] = { false };
	if (st->words.n > WORDS_MAX)
		return shell_fail(sh, ERR(CEILING), "give a list as one value: a, b, c",
			"a command has at most %d words", WORDS_MAX);
	/* names first: a positional value takes what they left */
	for (size_t i = 0; i < st->words.n; i++) {
		struct shell_word *w = &st->words.items[i];
		size_t from = i;
		if (w->name.p == NULL)
			continue;
		sh->here = w->node != NULL ? w->node : st->node;
		TRY(shell_bind_common(sh, st, &i, &taken));
		if (!taken)
			TRY(bind_named(sh, st, &i));
		for (; from <= i; from++)
			is_named[from] = true;
	}
	for (size_t i = 0; i < st->words.n; i++) {
		if (is_named[i])
			continue;
		sh->here = st->words.items[i].node != NULL ? st->words.items[i].node : st->node;
		TRY(bind_positional(sh, st, &at, &st->words.items[i]));
	}
	sh->here = st->node;
	return OK;
}

/* ---- local cmdlets: "Name", "Name!" a switch, "Name@0" positional, "Name@0+" all that is left ---- */

struct row {
	str name;
	bool is_switch;
	int position; /* -1: none */
	bool is_rest; /* takes all values that nobody else takes */
};

static bool next_row(str *rest, struct row *out)
{
	str word = str_split(*rest, ' ', rest), place;
	*out = (struct row){ .name = str_split(word, '@', &place), .position = -1 };
	if (word.n == 0)
		return false;
	out->is_switch = word.p[word.n - 1] == '!';
	out->name.n -= out->is_switch;
	if (place.n != 0)
		out->position = place.p[0] - '0';
	out->is_rest = place.n == 2 && place.p[1] == '+';
	return true;
}

/* By name or an unambiguous beginning of it. */
static bool find_row(const struct shell_local *local, str name, struct row *out, struct near *near)
{
	str rest = str_of(local->parameters);
	struct row row;
	unsigned n = 0;
	while (next_row(&rest, &row)) {
		near_offer(near, row.name);
		if (str_eq_case(row.name, name)) {
			*out = row;
			return true;
		}
		if (str_begins_case(row.name, name)) {
			*out = row;
			n++;
		}
	}
	return n == 1;
}

bool shell_local_has(const struct shell_local *local, str name, str *near)
{
	struct near n = { .want = name };
	struct row row;
	bool has = find_row(local, name, &row, &n);
	*near = near_best(&n);
	return has;
}

static err take_local(struct shell *sh, struct shell_stage *st, str name, json_t *v)
{
	char key[64];
	(void)str_to_z(name, key, sizeof key);
	return take(sh, st, key, v);
}

static err bind_local_named(struct shell *sh, struct shell_stage *st, const struct shell_local *local, size_t *i)
{
	struct shell_word *w = &st->words.items[*i];
	struct near near = { .want = w->name };
	struct row row;
	json_t *v = json_true();
	if (!find_row(local, w->name, &row, &near))
		return shell_no_parameter(sh, local->name, w->name, near_best(&near));
	if (!row.is_switch)
		TRY(shell_word_value(sh, st, i, &v));
	else if (w->value != NULL)
		v = w->value;
	return take_local(sh, st, row.name, v);
}

static err take_rest(struct shell *sh, struct shell_stage *st, const struct shell_local *local, json_t *v)
{
	str rest = str_of(local->parameters);
	struct row row;
	char key[64];
	while (next_row(&rest, &row)) {
		(void)str_to_z(row.name, key, sizeof key);
		json_t *before = json_object_get(st->parameters, key);
		if (!row.is_rest || before == NULL)
			continue;
		if (st->flag)
			return shell_json(json_array_append(before, v));
		st->flag = true; /* from the second value on it is a list of ours */
		return shell_json(json_object_set_new(st->parameters, key, json_pack("[O,O]", before, v)));
	}
	return no_place(sh, st, v);
}

static err bind_local_positional(
	struct shell *sh, struct shell_stage *st, const struct shell_local *local, int *at, json_t *v)
{
	for (;; ++*at) {
		str rest = str_of(local->parameters);
		struct row row;
		char key[64];
		bool found = false;
		while (!found && next_row(&rest, &row))
			found = row.position == *at;
		if (!found)
			return take_rest(sh, st, local, v);
		(void)str_to_z(row.name, key, sizeof key);
		if (json_object_get(st->parameters, key) == NULL)
			return take(sh, st, key, v);
	}
}

err shell_bind_local(struct shell *sh, struct shell_stage *st, const struct shell_local *local)
{
	bool taken = false;
	int at = 0;
	for (size_t i = 0; i < st->words.n; i++) {
		struct shell_word *w = &st->words.items[i];
		sh->here = w->node != NULL ? w->node : st->node;
		TRY(shell_bind_common(sh, st, &i, &taken));
		if (taken)
			continue;
		if (w->name.p != NULL)
			TRY(bind_local_named(sh, st, local, &i));
		else
			TRY(bind_local_positional(sh, st, local, &at, w->value));
	}
	sh->here = st->node;
	return OK;
}
