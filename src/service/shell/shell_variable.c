/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: a function sees those of its caller and sets its own. */
#include "service/shell/shell_priv.h"

enum { NAME_MOST = 128 };

/* The name in lower case without its scope; false: too long. */
struct variable {
	char name[NAME_MOST];
	struct shell_frame *frame; /* of its scope; NULL: from the frame at hand up */
};

static struct shell_frame *script_frame(struct shell *sh)
{
	struct shell_frame *f = sh->frame;
	while (f->up != NULL && !f->is_script)
		f = f->up;
	return f;
}

static err read_name(struct shell *sh, str name, struct variable *out)
{
	str rest, scope = str_split(name, ':', &rest);
	*out = (struct variable){ 0 };
	if (scope.n < name.n) {
		if (str_eq_case(scope, STR("env")))
			return shell_not_part(sh, "$env:", rest, "give values as parameters of a script");
		out->frame = str_eq_case(scope, STR("global"))   ? &sh->global
			     : str_eq_case(scope, STR("script")) ? script_frame(sh)
								 : sh->frame;
		name = rest;
	}
	if (name.n == 0 || !str_to_z(name, out->name, sizeof out->name))
		return shell_fail(
			sh, ERR(USAGE), "use a shorter name", "a variable's name has 1 to %d bytes", NAME_MOST - 1);
	for (char *p = out->name; *p != '\0'; p++)
		*p = char_lower(*p);
	return OK;
}

static bool automatic(struct shell *sh, const char *name, json_t **out)
{
	if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0)
		*out = json_boolean(name[0] == 't');
	else if (strcmp(name, "null") == 0)
		*out = json_null();
	else if (strcmp(name, "_") == 0 || strcmp(name, "psitem") == 0)
		*out = sh->it != NULL ? json_incref(sh->it) : json_null();
	else if (strcmp(name, "?") == 0)
		*out = json_boolean(sh->ok);
	else if (strcmp(name, "error") == 0)
		*out = json_incref(sh->errors);
	else
		return false;
	return true;
}

err shell_variable_get(struct shell *sh, str name, json_t **out)
{
	struct variable v;
	TRY(read_name(sh, name, &v));
	if (automatic(sh, v.name, out))
		return OK;
	for (struct shell_frame *f = v.frame != NULL ? v.frame : sh->frame; f != NULL;
		f = v.frame != NULL ? NULL : f->up) {
		json_t *found = json_object_get(f->variables, v.name);
		if (found != NULL) {
			*out = json_incref(found);
			return OK;
		}
	}
	*out = json_null();
	return OK;
}

err shell_variable_set(struct shell *sh, str name, json_t *value)
{
	struct variable v;
	json_t *fixed = NULL;
	TRY(read_name(sh, name, &v));
	if (automatic(sh, v.name, &fixed)) {
		json_decref(fixed);
		if (strcmp(v.name, "null") == 0) /* $null = ... drops a value */
			return OK;
		return shell_fail(sh, ERR(REFUSED), "use another name", "$%s cannot be set", v.name);
	}
	return shell_json(json_object_set(v.frame != NULL ? v.frame->variables : sh->frame->variables, v.name, value));
}

json_t *shell_variable_own(struct shell *sh, str name)
{
	struct variable v;
	if (failed(read_name(sh, name, &v)))
		return NULL;
	return json_object_get(v.frame != NULL ? v.frame->variables : sh->frame->variables, v.name);
}

err shell_frame_open(struct shell *sh, struct shell_frame *f, bool is_script)
{
	*f = (struct shell_frame){ .up = sh->frame, .variables = json_object(), .is_script = is_script };
	ENSURE(f->variables != NULL, NO_MEMORY);
	sh->frame = f;
	return OK;
}

void shell_frame_close(struct shell *sh, struct shell_frame *f)
{
	sh->frame = f->up;
	json_decref(f->variables);
}
