/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that were parsed, the blocks and functions in them, and the check of all names before anything runs. */
#include <stdlib.h>

#include "base/near.h"
#include "service/shell/shell_priv.h"

enum { ARENA_MAX = 256 << 20 };

/* ---- texts ---- */

err shell_source_new(struct shell *sh, const char *name, str text, struct shell_source **out)
{
	struct shell_source *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	buf_init(&s->text, SHELL_TEXT_MAX + 1);
	arena_init(&s->arena, ARENA_MAX);
	buf_add(&s->text, text);
	s->name = strdup(name);
	if (s->name == NULL || s->text.failed) {
		err e = text.n > SHELL_TEXT_MAX ? shell_fail(sh, ERR(CEILING), "split it into several scripts",
							  "a text has at most 1 MiB")
						: ERR(NO_MEMORY);
		shell_source_free(s);
		return e;
	}
	s->next = sh->sources;
	sh->sources = s;
	*out = s;
	return OK;
}

void shell_source_free(struct shell_source *s)
{
	arena_fini(&s->arena);
	buf_fini(&s->text);
	free(s->name);
	free(s);
}

void shell_sources_drop(struct shell *sh)
{
	for (struct shell_source **at = &sh->sources; *at != NULL;) {
		struct shell_source *s = *at;
		if (s->is_kept) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		for (uint32_t i = 0; i < sh->n_blocks; i++)
			if (sh->blocks[i].source == s)
				sh->blocks[i].source = NULL;
		shell_source_free(s);
	}
}

/* ---- blocks and functions ---- */

err shell_source_blocks(struct shell *sh, struct shell_source *s, struct shell_node *n)
{
	if (n->kind == SHELL_BLOCK && n != s->root) {
		if ((sh->n_blocks & (sh->n_blocks + 1)) == 0) { /* grown at 0, 1, 3, 7 ... */
			struct shell_block *more = reallocarray(sh->blocks, (size_t)sh->n_blocks * 2 + 1, sizeof *more);
			ENSURE(more != NULL, NO_MEMORY);
			sh->blocks = more;
		}
		n->tag = sh->n_blocks;
		sh->blocks[sh->n_blocks++] = (struct shell_block){ n, s };
		s->is_kept = true;
	}
	for (struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		TRY(shell_source_blocks(sh, s, kid));
	return OK;
}

const struct shell_function *shell_function_find(const struct shell *sh, str name)
{
	str rest, scope = str_split(name, ':', &rest);
	if (scope.n < name.n && (str_eq_case(scope, STR("global")) || str_eq_case(scope, STR("script"))))
		name = rest;
	for (size_t i = sh->n_functions; i-- != 0;)
		if (str_eq_case(str_of(sh->functions[i].name), name))
			return &sh->functions[i];
	return NULL;
}

err shell_function_add(struct shell *sh, str name, const struct shell_node *block)
{
	char own[128];
	str rest, scope = str_split(name, ':', &rest);
	name = scope.n < name.n ? rest : name;
	if (!str_to_z(name, own, sizeof own))
		return shell_fail(sh, ERR(USAGE), "use a shorter name", "a function's name has at most 127 bytes");
	struct shell_function *old = (struct shell_function *)(uintptr_t)shell_function_find(sh, name);
	if (old != NULL) {
		old->block = block;
		old->source = sh->place->source;
		return OK;
	}
	struct shell_function *more = reallocarray(sh->functions, sh->n_functions + 1, sizeof *more);
	ENSURE(more != NULL, NO_MEMORY);
	sh->functions = more;
	more[sh->n_functions] = (struct shell_function){ strdup(own), block, sh->place->source };
	ENSURE(more[sh->n_functions].name != NULL, NO_MEMORY);
	sh->n_functions++;
	return OK;
}

/* ---- the check ---- */

/* What a text brings along itself. */
struct brought {
	json_t *functions; /* a set of names in lower case */
	bool has_dot;      /* . script: its functions are known when it has run, so names are looked for but then */
};

static err add_name(struct brought *b, str name)
{
	struct buf key DEFER(buf_fini) = { .ceiling = 4096 };
	str rest, scope = str_split(name, ':', &rest);
	shell_write_case(scope.n < name.n ? rest : name, false, &key);
	buf_add_char(&key, '\0');
	return key.failed ? OK : shell_json(json_object_set_new(b->functions, key.p, json_true()));
}

static err collect(struct brought *b, const struct shell_node *n)
{
	if (n->kind == SHELL_FUNCTION)
		TRY(add_name(b, n->text));
	b->has_dot = b->has_dot || (n->kind == SHELL_COMMAND && n->op == SHELL_OP_DOT);
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		TRY(collect(b, kid));
	return OK;
}

static bool is_brought(const struct brought *b, str name)
{
	struct buf key DEFER(buf_fini) = { .ceiling = 4096 };
	shell_write_case(name, false, &key);
	buf_add_char(&key, '\0');
	return !key.failed && json_object_get(b->functions, key.p) != NULL;
}

bool shell_is_script(str name)
{
	return str_find_char(name, '\\') < name.n || str_find_char(name, '/') < name.n ||
	       (name.n > 4 && str_eq_case(str_cut(name, name.n - 4, name.n), STR(".ps1")));
}

/* Whether a parameter of a cmdlet is one; refused with what may have been meant. */
static err check_parameter(struct shell *sh, const char *cmdlet, const struct shell_node *p)
{
	const char *canonical = NULL;
	str near = { "", 0 };
	if (shell_is_common(p->text) || str_eq(p->text, STR("?")) ||
		sh->door->param(sh->arg, cmdlet, p->text, &canonical, &near) != SHELL_PARAM_NONE)
		return OK;
	sh->here = p;
	return shell_no_parameter(sh, cmdlet, p->text, near);
}

static err check_local(struct shell *sh, const struct shell_local *local, const struct shell_node *command)
{
	str near;
	for (const struct shell_node *kid = command->kids->next; kid != NULL; kid = kid->next) {
		if (kid->kind != SHELL_PARAMETER || shell_is_common(kid->text) || str_eq(kid->text, STR("?")) ||
			shell_local_has(local, kid->text, &near))
			continue;
		sh->here = kid;
		return shell_no_parameter(sh, local->name, kid->text, near);
	}
	return OK;
}

static err check_remote(struct shell *sh, const char *cmdlet, const struct shell_node *command)
{
	for (const struct shell_node *kid = command->kids->next; kid != NULL; kid = kid->next)
		if (kid->kind == SHELL_PARAMETER)
			TRY(check_parameter(sh, cmdlet, kid));
	return OK;
}

/* The name is known to somebody; *cmdlet: to the server. */
static err check_name(struct shell *sh, const struct brought *b, const struct shell_node *command, const char **cmdlet)
{
	str name = command->kids->text, near = { "", 0 };
	const struct shell_local *local = shell_local_find(name);
	*cmdlet = NULL;
	if (command->op == SHELL_OP_DOT || shell_is_script(name) || shell_function_find(sh, name) != NULL ||
		is_brought(b, name))
		return OK;
	if (local != NULL)
		return check_local(sh, local, command);
	*cmdlet = sh->door->find(sh->arg, name, &near);
	if (*cmdlet != NULL)
		return OK;
	sh->here = command;
	return b->has_dot ? OK : shell_no_such_command(sh, name, near);
}

static err check(struct shell *sh, const struct brought *b, const struct shell_node *n)
{
	const char *cmdlet = NULL;
	if (n->kind == SHELL_COMMAND && n->kids->kind == SHELL_TEXT) {
		TRY(check_name(sh, b, n, &cmdlet));
		if (cmdlet != NULL)
			TRY(check_remote(sh, cmdlet, n));
	}
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		if (cmdlet == NULL || kid->kind != SHELL_BLOCK) /* a filter of the server: its words are no commands */
			TRY(check(sh, b, kid));
	return OK;
}

err shell_check(struct shell *sh, struct shell_source *s)
{
	struct shell_place place = { .up = sh->place, .source = s, .from = sh->here };
	sh->place = &place;
	const struct shell_node *here = sh->here;
	struct brought b = { .functions = json_object() };
	err e = b.functions != NULL ? collect(&b, s->root) : ERR(NO_MEMORY);
	if (!failed(e))
		e = check(sh, &b, s->root);
	json_decref(b.functions);
	sh->place = place.up;
	sh->here = here;
	return e;
}
