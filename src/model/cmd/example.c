/* SPDX-License-Identifier: Apache-2.0 */
/* Examples of the cmdlets that follow from a kind: lines that run one after another in a fresh deployment. */
#include "model/cmd.h"

#include <stdio.h>

static void add_quoted(struct buf *out, str s)
{
	buf_add_char(out, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'')
			buf_add_char(out, '\'');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '\'');
}

static void add_value(struct buf *out, const json_t *v)
{
	if (json_is_boolean(v))
		buf_add(out, json_is_true(v) ? STR("$true") : STR("$false"));
	else if (json_is_integer(v))
		buf_printf(out, "%lld", (long long)json_integer_value(v));
	else if (json_is_array(v))
		add_value(out, json_array_get(v, 0));
	else
		add_quoted(out, (str){ json_string_value(v), json_string_length(v) });
}

/* An example of a memory object is the command that makes it. */
static void add_memory(struct buf *out, const char *kind)
{
	const struct cmd *c;
	char name[80];
	(void)snprintf(name, sizeof name, "New-Cs%s", kind);
	c = cmd_find(str_of(name), NULL);
	buf_add_char(out, '(');
	if (c != NULL)
		cmd_example(c, out);
	buf_add_char(out, ')');
}

/* Texts that must name something. */
static json_t *known_sample(const char *name)
{
	static const struct {
		const char *name, *text;
	} rows[] = { { "Template", "CsUserAdministrator" }, { "Cmdlets", "Get-CsUser" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return json_string(rows[i].text);
	return NULL;
}

static bool add_sample(struct buf *out, const struct schema_prop *p)
{
	json_t *v = known_sample(p->name);
	if (p->type == SCHEMA_OBJECT || p->type == SCHEMA_OBJECTS) {
		buf_printf(out, " -%s ", p->name);
		add_memory(out, p->check);
		return true;
	}
	const struct schema_kind *to = p->type == SCHEMA_REF ? schema_find(str_of(p->check)) : NULL;
	if (v != NULL)
		;
	else if (to != NULL && to->base != SCHEMA_SERVICE)
		v = json_string(to->example);
	else if (p->type == SCHEMA_REF)
		v = json_string(to != NULL ? "Registrar:uc01.example.test" : strcmp(p->check, "Site") == 0 ? "Main" : "uc01.example.test");
	else
		v = schema_sample(p);
	if (v == NULL)
		return false;
	buf_printf(out, " -%s ", p->name);
	add_value(out, v);
	json_decref(v);
	return true;
}

static bool is_plain(const struct schema_prop *p)
{
	return p->type != SCHEMA_REF && p->type != SCHEMA_OBJECT && p->type != SCHEMA_OBJECTS && p->type != SCHEMA_SECRET &&
	       !schema_has(p->flags, SCHEMA_READ_ONLY) && !schema_has(p->flags, SCHEMA_NEW_ONLY) && strncmp(p->check, "REF", 3) != 0;
}

static bool is_given(const struct cmd *c, const struct schema_prop *p)
{
	return !schema_has(p->flags, SCHEMA_READ_ONLY) && (c->id == CMD_NEW || !schema_has(p->flags, SCHEMA_NEW_ONLY));
}

/* What is mandatory, or for New of a policy and Set the first property that can be shown by itself, or for Set any. */
static void add_properties(const struct cmd *c, struct buf *out)
{
	bool any = false;
	for (size_t i = 0; c->id == CMD_NEW && i < c->kind->n_props; i++)
		if (schema_has(c->kind->props[i].flags, SCHEMA_MANDATORY))
			any = add_sample(out, &c->kind->props[i]) || any;
	for (size_t i = 0; !any && i < c->kind->n_props; i++)
		if (is_plain(&c->kind->props[i]))
			any = add_sample(out, &c->kind->props[i]);
	for (size_t i = 0; c->id == CMD_SET && !any && i < c->kind->n_props; i++)
		if (is_given(c, &c->kind->props[i]))
			any = add_sample(out, &c->kind->props[i]);
}

static void add_identity(const struct cmd *c, struct buf *out)
{
	const struct schema_kind *k = c->kind;
	buf_add(out, STR(" -Identity "));
	if (k->base == SCHEMA_SERVICE && k->example[0] != '\0') {
		buf_add(out, str_of(k->example));
	} else if (k->base == SCHEMA_SERVICE) {
		str rest;
		buf_printf(out, "%.*s:uc01.example.test", STR_FMT(str_split(str_of(k->of), ' ', &rest)));
	} else if (k->id == SCHEMA_ID_User) {
		buf_add(out, STR("sip:bob@example.test"));
	} else if (c->id == CMD_GRANT) {
		buf_add(out, STR("sip:ann@example.test -PolicyName "));
		add_quoted(out, str_of(k->example));
	} else if (c->id == CMD_SET && schema_has(k->scopes, SCHEMA_AT_GLOBAL)) {
		buf_add(out, STR("Global"));
	} else {
		add_quoted(out, str_of(k->example));
	}
}

static bool takes_anything(const struct cmd *c)
{
	for (size_t i = 0; i < c->kind->n_props; i++)
		if (is_given(c, &c->kind->props[i]))
			return true;
	return false;
}

void cmd_example(const struct cmd *c, struct buf *out)
{
	if (c->id == CMD_SET && !takes_anything(c)) { /* but whole objects */
		buf_printf(out, "Get-Cs%s | %s", c->kind->name, c->name);
		return;
	}
	buf_add(out, str_of(c->example != NULL ? c->example : c->name));
	if (c->example != NULL || c->id == CMD_GET)
		return;
	if (c->kind->base != SCHEMA_MEMORY)
		add_identity(c, out);
	if (c->id == CMD_NEW || c->id == CMD_SET)
		add_properties(c, out);
	if (cmd_has(c, CMD_ASKS)) /* a policy may have been granted meanwhile */
		buf_add(out, schema_has(c->kind->verbs, SCHEMA_VERB_GRANT) ? STR(" -Force") : STR(" -Confirm:$false"));
}
