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

static bool is_declared(const struct shell_node *n, str name)
{
	if (n->kind == SHELL_FUNCTION) {
		str rest, scope = str_split(n->text, ':', &rest);
		if (str_eq_case(scope.n < n->text.n ? rest : n->text, name))
			return true;
	}
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		if (is_declared(kid, name))
			return true;
	return false;
}

/* . script: its functions are known when it has run, so names of this text are looked for but then. */
static bool has_dot(const struct shell_node *n)
{
	if (n->kind == SHELL_COMMAND && n->op == SHELL_OP_DOT)
		return true;
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		if (has_dot(kid))
			return true;
	return false;
}

static bool is_script(str name)
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
	str name = str_cut(p->text, 0, 60);
	if (near.n != 0)
		return shell_fail(sh, ERR(USAGE), "Get-Help shows its parameters",
			"%s has no parameter -%.*s; did you mean -%.*s?", cmdlet, STR_FMT(name), STR_FMT(near));
	return shell_fail(
		sh, ERR(USAGE), "Get-Help shows its parameters", "%s has no parameter -%.*s", cmdlet, STR_FMT(name));
}

static err check_remote(struct shell *sh, const char *cmdlet, const struct shell_node *command)
{
	for (const struct shell_node *kid = command->kids->next; kid != NULL; kid = kid->next)
		if (kid->kind == SHELL_PARAMETER)
			TRY(check_parameter(sh, cmdlet, kid));
	return OK;
}

/* The name is known to somebody; *cmdlet: to the server. */
static err check_name(
	struct shell *sh, const struct shell_node *root, const struct shell_node *command, const char **cmdlet)
{
	str name = command->kids->text, near = { "", 0 };
	*cmdlet = NULL;
	if (command->op == SHELL_OP_DOT || is_script(name) || shell_function_find(sh, name) != NULL ||
		shell_local_find(name) != NULL || is_declared(root, name))
		return OK;
	*cmdlet = sh->door->find(sh->arg, name, &near);
	if (*cmdlet != NULL)
		return OK;
	sh->here = command;
	return has_dot(root) ? OK : shell_no_such_command(sh, name, near);
}

static err check(struct shell *sh, const struct shell_node *root, const struct shell_node *n)
{
	const char *cmdlet = NULL;
	if (n->kind == SHELL_COMMAND && n->kids->kind == SHELL_TEXT) {
		TRY(check_name(sh, root, n, &cmdlet));
		if (cmdlet != NULL)
			TRY(check_remote(sh, cmdlet, n));
	}
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next)
		if (cmdlet == NULL || kid->kind != SHELL_BLOCK) /* a filter of the server: its words are no commands */
			TRY(check(sh, root, kid));
	return OK;
}

err shell_check(struct shell *sh, struct shell_source *s)
{
	struct shell_place place = { .up = sh->place, .source = s, .from = sh->here };
	sh->place = &place;
	const struct shell_node *here = sh->here;
	err e = check(sh, s->root, s->root);
	sh->place = place.up;
	sh->here = here;
	return e;
}
