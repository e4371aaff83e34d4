/* SPDX-License-Identifier: Apache-2.0 */
/* Get-Help: what a cmdlet does, its parameters, who may run it, an example; all from the rows. */
#include "prog/witan/cmdlet_priv.h"

#include "model/rbac.h"

static const char *type_word(const struct cmd_param *p)
{
	static const char *const words[SCHEMA_TYPE_N] = { [SCHEMA_BOOL] = "$true|$false", [SCHEMA_INT] = "<number>", [SCHEMA_TIMESPAN] = "<hh:mm:ss>", [SCHEMA_LISTED] = "<list>",
		[SCHEMA_OBJECTS] = "<objects>", [SCHEMA_OBJECT] = "<object>", [SCHEMA_SECRET] = "<secret>", [SCHEMA_REF] = "<identity>" };
	return words[p->type] != NULL ? words[p->type] : "<text>";
}

static void explain_syntax(struct buf *out, const struct cmd *c)
{
	struct cmd_param p;
	size_t column = 4 + strlen(c->name);
	buf_printf(out, "\nSYNTAX\n    %s", c->name);
	for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
		const char *first = cmd_positional(c, 0);
		bool bare = first != NULL && strcmp(first, p.name) == 0;
		size_t width = strlen(p.name) + strlen(type_word(&p)) + 8;
		if (column + width > 100) {
			buf_add(out, STR("\n       "));
			column = 7;
		}
		column += width;
		buf_printf(out, " %s%s-%s%s%s%s%s", p.required ? "" : "[", bare ? "[" : "", p.name, bare ? "]" : "", p.is_switch ? "" : " ", p.is_switch ? "" : type_word(&p), p.required ? "" : "]");
	}
	buf_add_char(out, '\n');
}

static void explain_param(struct buf *out, const struct cmd_param *p)
{
	char words[300] = "";
	const struct schema_prop own = { .name = p->name, .type = p->type, .check = p->check, .dflt = p->dflt, .flags = "", .help = p->help };
	buf_printf(out, "    -%s%s%s%s\n        %s\n", p->name, p->is_switch ? "" : " ", p->is_switch ? "" : type_word(p), p->required ? "  (required)" : "", p->help);
	if (!p->is_switch) {
		schema_describe(&own, words, sizeof words);
		buf_printf(out, "        %s%s%s\n", words, p->dflt[0] != '\0' ? "; default " : "", p->dflt);
	}
	if (p->type == SCHEMA_SECRET)
		buf_printf(out, "        from bash: -%sFile FILE, or -%sFile - for standard input\n", p->name, p->name);
	if (p->prop != NULL && schema_has(p->prop->flags, SCHEMA_FOREIGN))
		buf_add(out, STR("        kept and shown; it has no meaning here\n"));
	else if (p->prop != NULL && !schema_has(p->prop->flags, SCHEMA_OBEYED) && !schema_has(p->prop->flags, SCHEMA_NOTE))
		buf_add(out, STR("        kept and shown; nothing obeys it yet\n"));
}

static void explain_params(struct buf *out, const struct cmd *c, bool common)
{
	struct cmd_param p;
	buf_add(out, STR("\nPARAMETERS\n"));
	for (size_t i = 0; cmd_param_at(c, i, &p); i++)
		if (common || !p.is_common)
			explain_param(out, &p);
}

static void explain_rights(struct buf *out, const struct cmd *c)
{
	buf_add(out, STR("\nROLES\n    "));
	for (unsigned i = 0; i < RBAC_STANDARD_N; i++)
		if (rbac_standard_has((enum rbac_standard)i, c))
			buf_printf(out, "%s%s", i != 0 ? ", " : "", rbac_standard_rows[i].name);
	buf_add_char(out, '\n');
}

static void explain_example(struct buf *out, const struct cmd *c)
{
	buf_add(out, STR("\nEXAMPLE\n    "));
	cmd_example(c, out);
	if (c->example != NULL && c->example[0] == '\0')
		buf_printf(out, "%s ...", c->name);
	buf_add_char(out, '\n');
}

void explain(struct buf *out, const struct cmd *c, unsigned what)
{
	buf_printf(out, "NAME\n    %s\n\nSYNOPSIS\n    %s\n", c->name, c->help);
	if (what == EXPLAIN_EXAMPLES) {
		explain_example(out, c);
		return;
	}
	explain_syntax(out, c);
	if (what != EXPLAIN_SHORT)
		explain_params(out, c, what == EXPLAIN_FULL);
	explain_rights(out, c);
	explain_example(out, c);
	if (what == EXPLAIN_SHORT)
		buf_printf(out, "\nMORE\n    Get-Help %s -Full explains every parameter\n", c->name);
}

err explain_parameter(struct buf *out, const struct cmd *c, str name)
{
	struct cmd_param p;
	if (!cmd_param_find(c, name, &p, NULL))
		return ERR(ABSENT);
	explain_param(out, &p);
	return OK;
}
