/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: Get-Command, Get-Help, Get-Member, Get-Variable, Get-Alias. */
#include "service/shell/shell_local.h"

/* ---- Get-Command ---- */

static bool text_like(struct shell *sh, json_t *pattern, str s)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	if (pattern == NULL)
		return true;
	for (size_t i = 0; json_is_array(pattern) && i < json_array_size(pattern); i++)
		if (text_like(sh, json_array_get(pattern, i), s))
			return true;
	return !json_is_array(pattern) && shell_like(shell_text_of(sh, pattern, &b), s, false);
}

static str field(const json_t *object, const char *key)
{
	return str_of(json_string_value(json_object_get(object, key)));
}

/* The product's modules are one here. */
static bool in_module(struct shell *sh, json_t *module, str source)
{
	static const char *const names[] = { "Lync", "SkypeForBusiness", "Witan" };
	bool ours = false;
	for (size_t i = 0; i < 3; i++)
		ours = ours || str_eq_case(source, str_of(names[i]));
	for (size_t i = 0; i < 3 && ours; i++)
		if (text_like(sh, module, str_of(names[i])))
			return true;
	return text_like(sh, module, source);
}

static bool command_is(struct shell *sh, const struct shell_stage *st, const json_t *command)
{
	str noun, name = field(command, "Name"), verb = str_split(name, '-', &noun);
	return text_like(sh, shell_parameter(st, "Name"), name) &&
	       text_like(sh, shell_parameter(st, "CommandType"), field(command, "CommandType")) &&
	       text_like(sh, shell_parameter(st, "Verb"), verb) && text_like(sh, shell_parameter(st, "Noun"), noun) &&
	       in_module(sh, shell_parameter(st, "Module"), field(command, "Source"));
}

static err commands(struct shell *sh, json_t **out)
{
	const struct shell_local *local;
	*out = sh->door->commands != NULL ? sh->door->commands(sh->arg) : json_array();
	ENSURE(*out != NULL, NO_MEMORY);
	for (size_t i = 0; i < sh->n_functions; i++)
		TRY(shell_json(
			json_array_append_new(*out, json_pack("{s:s,s:s,s:s,s:s}", "CommandType", "Function", "Name",
							    sh->functions[i].name, "Version", "", "Source", ""))));
	for (size_t i = 0; (local = shell_local_at(i)) != NULL; i++)
		TRY(shell_json(
			json_array_append_new(*out, json_pack("{s:s,s:s,s:s,s:s}", "CommandType", "Cmdlet", "Name",
							    local->name, "Version", "", "Source", "Shell"))));
	return OK;
}

static err get_command_end(struct shell *sh, struct shell_stage *st)
{
	json_t *all;
	int64_t most, n = 0;
	TRY(shell_parameter_count(sh, st, "TotalCount", INT64_MAX, INT64_MAX, &most));
	err e = commands(sh, &all);
	for (size_t i = 0; i < json_array_size(all) && !failed(e) && n < most; i++)
		if (command_is(sh, st, json_array_get(all, i))) {
			e = shell_stage_emit(sh, st, json_array_get(all, i));
			n++;
		}
	json_decref(all);
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	json_t *name = shell_parameter(st, "Name");
	str s = name != NULL && !json_is_array(name) ? shell_text_of(sh, name, &b) : (str){ "", 0 };
	if (failed(e) || n != 0 || s.n == 0 || str_find_char(s, '*') < s.n || str_find_char(s, '?') < s.n)
		return e;
	return shell_stage_refuse(sh, st, shell_no_such_command(sh, s, (str){ "", 0 }));
}

const struct shell_stage_ops shell_ops_get_command = { NULL, shell_keep, get_command_end };

/* ---- Get-Help ---- */

static void help_of_local(const struct shell_local *local, bool all, struct buf *out)
{
	buf_printf(out, "%s: %s\n", local->name, local->help);
	if (local->aliases[0] != '\0')
		buf_printf(out, "aliases: %s\n", local->aliases);
	str rest = str_of(local->parameters);
	for (bool first = true; rest.n != 0; first = false) {
		str place, word = str_split(rest, ' ', &rest), name = str_split(word, '@', &place);
		bool is_switch = name.n != 0 && name.p[name.n - 1] == '!';
		buf_printf(out, "%s%s-%.*s%s%s", first ? "parameters:" : "", place.n != 0 ? " [" : " ",
			(int)(name.n - is_switch), name.p, place.n != 0 ? "]" : "", is_switch ? "" : " VALUE");
	}
	buf_printf(out, "\nexample: %s\n", local->example);
}

static err help_of_door(struct shell *sh, struct shell_stage *st, str name, struct buf *out)
{
	struct buf topic DEFER(buf_fini) = { .ceiling = 4096 };
	json_t *parameter = shell_parameter(st, "Parameter");
	unsigned what = (shell_switch(st, "Full") ? (unsigned)SHELL_HELP_FULL : 0) |
			(shell_switch(st, "Examples") ? (unsigned)SHELL_HELP_EXAMPLES : 0) |
			(shell_switch(st, "Detailed") ? (unsigned)SHELL_HELP_DETAILED : 0) |
			(parameter != NULL ? (unsigned)SHELL_HELP_PARAMETER : 0);
	buf_add(&topic, name);
	if (parameter != NULL) {
		buf_add_char(&topic, ' ');
		shell_write_text(sh, parameter, &topic, 0);
	}
	err e = sh->door->help != NULL ? sh->door->help(sh->arg, buf_str(&topic), what, out) : ERR(ABSENT);
	if (err_is(e, ERR_ABSENT))
		return shell_no_such_command(sh, name, (str){ "", 0 });
	return failed(e) ? shell_fail(sh, e, "", "the help cannot be read") : OK;
}

/* What stands between <# and #> at the beginning of a script. */
static err help_of_script(struct shell *sh, str path, struct buf *out)
{
	struct buf text DEFER(buf_fini) = { .ceiling = SHELL_TEXT_MAX };
	err e = sh->door->find_script != NULL ? sh->door->find_script(sh->arg, path, &text, &sh->d) : ERR(ABSENT);
	if (failed(e))
		return sh->door->find_script != NULL ? shell_fail_at(sh, e)
						     : shell_fail(sh, e, "", "scripts cannot be read here");
	str s = buf_str(&text);
	size_t from = shell_text_find(s, STR("<#"), 0, true),
	       to = from < s.n ? shell_text_find(s, STR("#>"), from, true) : s.n;
	if (from >= s.n || to > s.n)
		return shell_fail(sh, ERR(ABSENT), "read the script", "%.*s has no help at its beginning",
			STR_FMT(str_cut(path, 0, 100)));
	buf_add(out, str_trim(str_cut(s, from + 2, to)));
	buf_add_char(out, '\n');
	return OK;
}

static err get_help_end(struct shell *sh, struct shell_stage *st)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, text DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	json_t *name = shell_parameter(st, "Name"), *v;
	str s = name != NULL ? shell_text_of(sh, name, &scratch) : (str){ "", 0 };
	const struct shell_local *local = shell_local_find(s.n != 0 ? s : STR("Get-Help"));
	bool is_script = s.n > 4 && str_eq_case(str_cut(s, s.n - 4, s.n), STR(".ps1"));
	if (s.n == 0 && sh->door->help != NULL)
		TRY(help_of_door(sh, st, s, &text));
	else if (is_script)
		TRY(help_of_script(sh, s, &text));
	else if (local != NULL)
		help_of_local(local, shell_switch(st, "Full"), &text);
	else
		TRY(help_of_door(sh, st, s, &text));
	TRY(shell_string_new(sh, buf_str(&text), &v));
	return shell_stage_emit_new(sh, st, v);
}

const struct shell_stage_ops shell_ops_get_help = { NULL, shell_keep, get_help_end };

/* ---- Get-Member ---- */

static const char *type_of(const json_t *v)
{
	if (shell_is_special(v))
		return shell_is_secret(v) ? "securestring" : "scriptblock";
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return shell_is_hash(v) ? "hashtable" : "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int";
	case JSON_REAL:
		return "double";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	case JSON_NULL:
		break;
	}
	return "null";
}

/* The properties of all objects, each once. */
static err get_member_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	const char *key;
	json_t *item;
	st->kept = st->kept != NULL ? st->kept : json_object();
	ENSURE(st->kept != NULL, NO_MEMORY);
	if (!json_is_object(v) || shell_is_special(v))
		return shell_json(json_object_set_new(st->kept, "Length",
			json_pack("{s:s,s:s,s:s}", "Name", "Length", "MemberType", "Property", "Definition",
				type_of(v))));
	json_object_foreach(v, key, item) if (!shell_is_hidden(key) && json_object_get(st->kept, key) == NULL &&
					      text_like(sh, shell_parameter(st, "Name"),
						      str_of(key))) TRY(shell_json(json_object_set_new(st->kept, key,
		json_pack("{s:s,s:s,s:s}", "Name", key, "MemberType", "NoteProperty", "Definition", type_of(item)))));
	return OK;
}

static err get_member_end(struct shell *sh, struct shell_stage *st)
{
	const char *key;
	json_t *member, *given = shell_parameter(st, "InputObject");
	if (given != NULL)
		TRY(get_member_put(sh, st, given));
	if (st->kept == NULL)
		return shell_fail(sh, ERR(USAGE), "pipe objects to it", "Get-Member is given no object");
	json_object_foreach(st->kept, key, member) TRY(shell_stage_emit(sh, st, member));
	return OK;
}

const struct shell_stage_ops shell_ops_get_member = { NULL, get_member_put, get_member_end };

/* ---- Get-Variable, Get-Alias ---- */

static err get_variable_end(struct shell *sh, struct shell_stage *st)
{
	const char *key;
	json_t *v;
	for (struct shell_frame *f = sh->frame; f != NULL; f = f->up)
		json_object_foreach(f->variables, key, v)
		{
			if (!text_like(sh, shell_parameter(st, "Name"), str_of(key)))
				continue;
			if (shell_switch(st, "ValueOnly"))
				TRY(shell_stage_emit(sh, st, v));
			else
				TRY(shell_stage_emit_new(sh, st, json_pack("{s:s,s:O}", "Name", key, "Value", v)));
		}
	return OK;
}

const struct shell_stage_ops shell_ops_get_variable = { NULL, shell_keep, get_variable_end };

static err get_alias_end(struct shell *sh, struct shell_stage *st)
{
	const struct shell_local *local;
	for (size_t i = 0; (local = shell_local_at(i)) != NULL; i++) {
		str rest = str_of(local->aliases);
		while (rest.n != 0) {
			str alias = str_split(rest, ' ', &rest);
			if (text_like(sh, shell_parameter(st, "Name"), alias) &&
				text_like(sh, shell_parameter(st, "Definition"), str_of(local->name)))
				TRY(shell_stage_emit_new(sh, st,
					json_pack("{s:s,s:s%,s:s}", "CommandType", "Alias", "Name", alias.p, alias.n,
						"Definition", local->name)));
		}
	}
	return OK;
}

const struct shell_stage_ops shell_ops_get_alias = { NULL, shell_keep, get_alias_end };
