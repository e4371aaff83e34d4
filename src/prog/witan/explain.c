/* SPDX-License-Identifier: Apache-2.0 */
/* Get-Command and Get-Help: from the rows, without a server. */
#include "prog/witan/cmdlet_priv.h"

static const char *const kind_words[] = { [CMD_TEXT] = "<text>", [CMD_BOOL] = "$true|$false", [CMD_COUNT] = "<number>", [CMD_PASSWORD] = "<file>" };

static void explain_value(FILE *to, const struct cmd *c, const struct cmd_param *p)
{
	if (c->id != CMD_CONFIG_SET || (p->kind != CMD_COUNT && p->kind != CMD_BOOL))
		return;
	if (p->kind == CMD_BOOL)
		(void)fprintf(to, " (default %s)", p->dflt != 0 ? "$true" : "$false");
	else
		(void)fprintf(to, " (%u to %u%s%s, default %u)", p->least, p->most, p->unit[0] != '\0' ? " " : "", p->unit, p->dflt);
}

void explain(FILE *to, const struct cmd *c)
{
	struct cmd_param p;
	(void)fprintf(to, "%s - %s\n\nusage: witan [--dir DIR] %s", c->name, c->help, c->name);
	for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
		const char *name_open = i == 0 ? "[" : "", *name_close = i == 0 ? "]" : "";
		(void)fprintf(to, " %s%s-%s%s %s%s", p.required ? "" : "[", name_open, p.name, name_close, kind_words[p.kind],
			p.required ? "" : "]");
	}
	(void)fprintf(to, " [-As table|list|json]\n\n");
	for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
		(void)fprintf(to, "  -%s %s%s\n      %s", p.name, kind_words[p.kind], p.required ? "  (required)" : "", p.help);
		explain_value(to, c, &p);
		(void)fputc('\n', to);
	}
	(void)fprintf(to, "  -As table|list|json\n      how objects are shown\n\nNames may be written in any case. In a shell, quote '$true' or write true.\n"
		"exit status: 0 done, 1 refused, 2 the command line is wrong\n");
}

static json_t *command_list(void)
{
	json_t *all = json_array();
	const struct cmd *c;
	for (size_t i = 0; (c = cmd_at(i)) != NULL; i++)
		(void)json_array_append_new(all, json_pack("{s:s,s:s}", "Name", c->name, "Help", c->help));
#define COMMAND(name, function, help)
#define COMMAND_DIR(name, function, help)                        \
	if (strstr(name, "-C") != NULL || strstr(name, "-H") != NULL) \
		(void)json_array_append_new(all, json_pack("{s:s,s:s}", "Name", name, "Help", help));
#include "prog/witan/command.def"
#undef COMMAND
#undef COMMAND_DIR
	return all;
}

int get_command_main(int argc, char **argv, const char *dir)
{
	enum show as = SHOW_TABLE;
	for (int i = 1; i < argc; i++) {
		str word = str_of(argv[i]);
		bool is_option = cmd_take_dash(&word);
		if (is_option && str_eq_case(word, STR("As")) && i + 1 < argc && show_find(str_of(argv[i + 1]), &as)) {
			i++;
		} else if (is_option && (str_eq(word, STR("?")) || str_eq(word, STR("-help")))) {
			(void)puts("usage: witan Get-Command [-As table|list|json]\n\nLists the cmdlets; `witan Get-Help NAME` explains one.");
			return WITAN_DONE;
		} else {
			return witan_usage(argv[0], "there is no %s here", argv[i]);
		}
	}
	json_t *all = command_list();
	show_objects(stdout, all, as);
	json_decref(all);
	return WITAN_DONE;
}

int get_help_main(int argc, char **argv, const char *dir)
{
	const struct cmd *near = NULL, *c;
	if (argc != 2 || argv[1][0] == '-') {
		(void)fputs("usage: witan Get-Help NAME\n\nExplains a cmdlet; `witan Get-Command` lists them all.\n", argc == 2 ? stdout : stderr);
		return argc == 2 ? WITAN_DONE : WITAN_USAGE;
	}
	c = cmd_find(str_of(argv[1]), &near);
	if (c != NULL) {
		explain(stdout, c);
		return WITAN_DONE;
	}
	if (near != NULL)
		return witan_usage(argv[0], "there is no cmdlet %s; did you mean %s?", argv[1], near->name);
	return witan_usage(argv[0], "there is no cmdlet %s of the running server (`witan Get-Command` lists them)", argv[1]);
}
