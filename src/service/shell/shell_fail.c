/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when something cannot be done, with its place; and the limits of an evaluation. */
#include <stdarg.h>

#include "service/shell/shell_priv.h"

const struct err_def shell_flow[FLOW_N] = {
	[FLOW_BREAK] = { "BREAK", "leaves a loop", 500, 500 },
	[FLOW_CONTINUE] = { "CONTINUE", "goes on with a loop", 500, 500 },
	[FLOW_RETURN] = { "RETURN", "leaves a function", 500, 500 },
	[FLOW_EXIT] = { "EXIT", "leaves a script", 500, 500 },
	[FLOW_STOP] = { "STOP", "wants no more input", 500, 500 },
};

/* ---- places ---- */

/* The place in the text that was given to shell_run: here, or where it called what is running. */
static const struct shell_node *place_in_top(const struct shell *sh)
{
	const struct shell_node *here = sh->here;
	for (const struct shell_place *p = sh->place; p != NULL; p = p->up) {
		if (p->source == sh->top)
			return here;
		here = p->from;
	}
	return NULL;
}

void shell_error_place(struct shell *sh)
{
	uint32_t line = 0, column = 0;
	const struct shell_node *top = place_in_top(sh);
	sh->d.line = sh->d.column = 0;
	if (top != NULL && sh->top != NULL)
		shell_place(buf_str(&sh->top->text), top->at, &sh->d.line, &sh->d.column);
	if (sh->d.line != 0)
		(void)snprintf(sh->d.where, sizeof sh->d.where, "line %u, column %u", sh->d.line, sh->d.column);
	if (sh->place == NULL || sh->place->source == NULL || sh->here == NULL)
		return;
	const char *name = sh->place->name != NULL ? sh->place->name : sh->place->source->name;
	if (sh->place->source == sh->top && name[0] == '\0')
		return;
	shell_place(buf_str(&sh->place->source->text), sh->here->at, &line, &column);
	(void)snprintf(sh->d.where, sizeof sh->d.where, "%.80s%sline %u, column %u", name, name[0] != '\0' ? ", " : "",
		line, column);
}

err shell_fail(struct shell *sh, err e, const char *remedy, const char *fmt, ...)
{
	char what[sizeof sh->d.what];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	for (size_t n = strlen(what); n != 0 && str_utf8_length((str){ what, n }) != 0 && n > sizeof what - 5;
		n--) /* not half a character */
		what[n - 1] = '\0';
	e = diag_fail(&sh->d, e, "", remedy, "%s", what);
	shell_error_place(sh);
	return e;
}

err shell_fail_at(struct shell *sh, err e)
{
	char where[sizeof sh->d.where];
	(void)memcpy(where, sh->d.where, sizeof where);
	shell_error_place(sh);
	if (where[0] != '\0')
		(void)memcpy(sh->d.where, where, sizeof where);
	return e;
}

err shell_not_part(struct shell *sh, const char *what, str name, const char *instead)
{
	return shell_fail(
		sh, ERR(USAGE), instead, "%s%.*s is not part of this shell", what, STR_FMT(str_cut(name, 0, 80)));
}

/* ---- limits ---- */

err shell_step(struct shell *sh)
{
	if (sh->interrupted)
		return shell_fail(sh, ERR(REFUSED), "run it again", "interrupted");
	if (++sh->steps > STEPS_MAX)
		return shell_fail(sh, ERR(CEILING), "let the server filter, or work on smaller parts",
			"more than 5 million steps in one statement");
	return OK;
}

err shell_charge(struct shell *sh, size_t elements)
{
	sh->elements += elements;
	if (sh->elements > ELEMENTS_MAX)
		return shell_fail(sh, ERR(CEILING), "use a pipeline, which does not keep what it has passed on",
			"more than 256 MiB of values in one statement");
	return OK;
}

/* ---- $Error ---- */

bool shell_is_error_record(const json_t *v)
{
	return json_is_object(v) && json_object_get(v, "FullyQualifiedErrorId") != NULL &&
	       json_is_object(json_object_get(v, "Exception"));
}

json_t *shell_error_record(struct shell *sh, err e)
{
	const char *text = sh->d.what[0] != '\0' ? sh->d.what : e.def->text;
	json_t *message = json_string(text);
	if (message == NULL) { /* bytes of a peer */
		diag_clean(&sh->d);
		message = json_string(sh->d.what);
	}
	return json_pack("{s:{s:o*},s:s,s:s%,s:s%,s:i,s:O?}", "Exception", "Message", message, "FullyQualifiedErrorId",
		e.def->name, "Place", sh->d.where, strlen(sh->d.where), "Remedy", sh->d.remedy, strlen(sh->d.remedy),
		"Line", (int)sh->d.line, "TargetObject", sh->thrown);
}

void shell_remember_error(struct shell *sh, json_t *record)
{
	if (record == NULL || json_array_insert(sh->errors, 0, record) != 0)
		return;
	if (json_array_size(sh->errors) > ERRORS_MAX)
		(void)json_array_remove(sh->errors, ERRORS_MAX);
	sh->ok = false;
}
