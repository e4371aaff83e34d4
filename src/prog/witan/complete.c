/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/witan/complete.h"
#include "prog/witan/witan_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- where the cursor is ---- */

static bool ends_word(char c)
{
	return strchr(" \t|;({,=", c) != NULL;
}

static size_t word_start(str line)
{
	size_t at = line.n;
	while (at != 0 && !ends_word(line.p[at - 1]))
		at--;
	return at;
}

/* The command that the cursor belongs to: after the last | ; ( { or the beginning. */
static str command_part(str line)
{
	size_t at = line.n;
	while (at != 0 && strchr("|;({", line.p[at - 1]) == NULL)
		at--;
	str part = str_trim(str_cut(line, at, line.n));
	size_t equal = str_find_char(part, '=');
	if (part.n != 0 && part.p[0] == '$' && equal < part.n)
		part = str_trim(str_cut(part, equal + 1, part.n));
	return part;
}

static str first_word(str part)
{
	str rest;
	return str_split(part, ' ', &rest);
}

/* The word before the one at the cursor. */
static str word_before(str line, size_t from)
{
	size_t end = from;
	while (end != 0 && (line.p[end - 1] == ' ' || line.p[end - 1] == ','))
		end--;
	str head = str_cut(line, 0, end);
	return str_cut(head, word_start(head), head.n);
}

/* ---- candidates ---- */

static void offer(struct completion *out, str begun, const char *before, const char *word)
{
	char text[400];
	if (json_array_size(out->words) >= COMPLETE_MOST || !str_begins_case(str_of(word), begun))
		return;
	(void)snprintf(text, sizeof text, "%s%s", before, word);
	(void)json_array_append_new(out->words, json_string(text));
}

static void offer_commands(struct completion *out, str begun)
{
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		offer(out, begun, "", cmd_at(i)->name);
	for (size_t i = 0; shell_local_at(i) != NULL; i++)
		offer(out, begun, "", shell_local_at(i)->name);
}

static void offer_local_parameters(struct completion *out, const struct shell_local *l, str begun)
{
	for (str rest = str_of(l->parameters); rest.n != 0;) {
		char name[64];
		str word = str_split(rest, ' ', &rest);
		size_t n = 0;
		while (n < word.n && word.p[n] != '!' && word.p[n] != '@')
			n++;
		if (str_to_z(str_cut(word, 0, n), name, sizeof name))
			offer(out, begun, "-", name);
	}
}

static void offer_parameters(struct completion *out, str command, str begun)
{
	struct cmd_param p;
	const struct cmd *c = cmd_find(command, NULL);
	const struct shell_local *l = c == NULL ? shell_local_find(command) : NULL;
	for (size_t i = 0; c != NULL && cmd_param_at(c, i, &p); i++)
		offer(out, begun, "-", p.name);
	if (l != NULL)
		offer_local_parameters(out, l, begun);
}

static void offer_words(struct completion *out, const char *check, str begun)
{
	for (str rest = str_of(check); rest.n != 0;) {
		char word[80];
		if (str_to_z(str_split(rest, '|', &rest), word, sizeof word))
			offer(out, begun, "", word);
	}
}

/* What stands in a command line without quotes. */
static const char *quoted(const char *identity, char room[400])
{
	if (strpbrk(identity, " ;,(){}$'\"|&#") == NULL)
		return identity;
	size_t n = 0;
	room[n++] = '\'';
	for (const char *p = identity; *p != '\0' && n < 396; p++) {
		if (*p == '\'')
			room[n++] = '\'';
		room[n++] = *p;
	}
	room[n++] = '\'';
	room[n] = '\0';
	return room;
}

static void offer_identities(struct completion *out, struct console *c, const char *kind, str begun)
{
	char cmdlet[96], room[400];
	size_t i;
	json_t *one;
	(void)snprintf(cmdlet, sizeof cmdlet, "Get-Cs%s", kind);
	if (cmd_find(str_of(cmdlet), NULL) == NULL)
		return;
	if (begun.n != 0 && begun.p[0] == '\'')
		begun = str_cut(begun, 1, begun.n);
	json_t *objects = console_ask(c, cmdlet);
	json_array_foreach(objects, i, one) {
		const char *identity = json_string_value(json_object_get(one, "Identity"));
		if (identity != NULL && str_begins_case(str_of(identity), begun) && json_array_size(out->words) < COMPLETE_MOST)
			(void)json_array_append_new(out->words, json_string(quoted(identity, room)));
	}
	json_decref(objects);
}

/* What a parameter may be. */
static void offer_values(struct completion *out, struct console *c, const struct cmd *cmd, const struct cmd_param *p, str begun)
{
	if (p->type == SCHEMA_BOOL)
		offer_words(out, "$true|$false", begun);
	else if (p->type == SCHEMA_ENUM)
		offer_words(out, p->check, begun);
	else if (p->type == SCHEMA_LISTED && strncmp(p->check, "ENUM:", 5) == 0)
		offer_words(out, p->check + 5, begun);
	else if (p->type == SCHEMA_REF)
		offer_identities(out, c, p->check, begun);
	else if (strcmp(p->name, "PolicyName") == 0 && cmd->kind != NULL)
		offer_identities(out, c, cmd->kind->name, begun);
	else if (strcmp(p->name, "Identity") == 0)
		offer_identities(out, c, cmd->id == CMD_GRANT || cmd_has(cmd, CMD_USERS) || cmd->kind == NULL ? "User" : cmd->kind->name, begun);
}

static void offer_for(struct completion *out, struct console *c, str line, str command, str begun)
{
	struct cmd_param p;
	const struct cmd *cmd = cmd_find(command, NULL);
	str before = word_before(line, out->from);
	if (cmd == NULL && (str_eq_case(command, STR("Get-Help")) || str_eq_case(command, STR("help")))) {
		offer_commands(out, begun);
		return;
	}
	if (cmd == NULL)
		return;
	if (cmd_take_dash(&before) && cmd_param_find(cmd, before, &p, NULL) && !p.is_switch)
		offer_values(out, c, cmd, &p, begun);
	else if (cmd_positional(cmd, 0) != NULL && str_eq_case(word_before(line, out->from), command) && cmd_param_find(cmd, str_of(cmd_positional(cmd, 0)), &p, NULL))
		offer_values(out, c, cmd, &p, begun);
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static void sort(json_t *words)
{
	size_t n = json_array_size(words);
	json_t *list[COMPLETE_MOST];
	for (size_t i = 0; i < n; i++)
		list[i] = json_incref(json_array_get(words, i));
	qsort(list, n, sizeof *list, by_name);
	for (size_t i = 0; i < n; i++)
		(void)json_array_set_new(words, i, list[i]);
}

static str shared_of(const json_t *words)
{
	str shared = str_of(json_string_value(json_array_get(words, 0)));
	for (size_t i = 1; i < json_array_size(words); i++) {
		str other = str_of(json_string_value(json_array_get(words, i)));
		size_t n = 0;
		while (n < shared.n && n < other.n && char_lower(shared.p[n]) == char_lower(other.p[n]))
			n++;
		shared.n = n;
	}
	return shared;
}

void complete(struct console *c, str line, size_t at, struct completion *out)
{
	line = str_cut(line, 0, at);
	*out = (struct completion){ .from = word_start(line), .words = json_array() };
	str word = str_cut(line, out->from, line.n), begun = word, part = command_part(line), command = first_word(part);
	bool is_command = part.p == word.p || part.n == 0;
	if (is_command)
		offer_commands(out, word);
	else if (cmd_take_dash(&begun))
		offer_parameters(out, command, begun);
	else
		offer_for(out, c, line, command, word);
	sort(out->words);
	out->shared = shared_of(out->words);
}

/* For other shells: what may stand at the end of a line, one a line. */
int complete_main(int argc, char **argv, const struct console_where *where)
{
	struct console c;
	struct completion found;
	struct diag d = { 0 };
	size_t i;
	json_t *one;
	if (argc != 2 || strcmp(argv[1], "--help") == 0) {
		(void)fputs("usage: witan complete LINE\n\nPrints what may stand at the end of a half-typed cmdlet, for the completion of other shells.\n", argc == 2 ? stdout : stderr);
		return argc == 2 ? WITAN_DONE : WITAN_USAGE;
	}
	if (failed(console_open(&c, where, &d)))
		return WITAN_REFUSED;
	complete(&c, str_of(argv[1]), strlen(argv[1]), &found);
	json_array_foreach(found.words, i, one)
		(void)puts(json_string_value(one));
	json_decref(found.words);
	console_close(&c);
	return WITAN_DONE;
}
