/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cmd.h"

#include "base/near.h"


enum { NAME_MAX_BYTES = 80 };

/* ---- the table ---- */

/* One row for each verb of each kind; verbs that a kind does not have are left out when the table is read. */
#define OF_KIND(verb, Verb, name, writers, letters, help) { CMD_##verb, &schema_kinds[SCHEMA_ID_##name], Verb "-Cs" #name, letters, writers, help, NULL },

static const struct cmd kind_cmds[] = {
#define KIND(name, base, scopes, verbs, writers, of, example, help)                                                               \
	OF_KIND(GET, "Get", name, writers, "", "shows " #name ": " help)                                                            \
	OF_KIND(NEW, "New", name, writers, "w", "makes one " #name ": " help)                                                         \
	OF_KIND(SET, "Set", name, writers, "w", "changes one " #name ": " help)                                                       \
	OF_KIND(REMOVE, "Remove", name, writers, "wa", "removes one " #name " (Global: back to its defaults): " help) \
	OF_KIND(GRANT, "Grant", name, writers "U", "wu", "gives users one " #name ", or takes it away by -PolicyName $null: " help)
#define PROP(name, type, dflt, check, flags, help)
#define END(name)
#include "model/schema_rows.h"
};

static const struct cmd other_cmds[] = {
#define CMD(id, verb, noun, writers, letters, help, example) { CMD_##id, NULL, verb "-" noun, letters, writers, help, example },
#include "model/cmd.def"
#undef CMD
};

enum { KIND_CMDS = sizeof kind_cmds / sizeof *kind_cmds, OTHER_CMDS = sizeof other_cmds / sizeof *other_cmds };

static bool has_verb(const struct cmd *c)
{
	static const char verbs[] = { [CMD_GET] = SCHEMA_VERB_GET, [CMD_NEW] = SCHEMA_VERB_NEW, [CMD_SET] = SCHEMA_VERB_SET, [CMD_REMOVE] = SCHEMA_VERB_REMOVE,
		[CMD_GRANT] = SCHEMA_VERB_GRANT };
	return schema_has(c->kind->verbs, (enum schema_letter)verbs[c->id]);
}

const struct cmd *cmd_at(size_t i)
{
	for (size_t k = 0; k < KIND_CMDS; k++)
		if (has_verb(&kind_cmds[k]) && i-- == 0)
			return &kind_cmds[k];
	return i < OTHER_CMDS ? &other_cmds[i] : NULL;
}

/* ---- names ---- */

bool cmd_take_dash(str *word)
{
	static const char *const dashes[] = { "-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212" };
	for (size_t i = 0; i < sizeof dashes / sizeof *dashes; i++)
		if (str_begins(*word, str_of(dashes[i]))) {
			*word = str_cut(*word, strlen(dashes[i]), word->n);
			return true;
		}
	return false;
}

/* "Verb-Noun" or "Verb–Noun" with a plain dash; empty when it is too long to be any. */
static str plain(str name, char out[NAME_MAX_BYTES])
{
	size_t n = 0;
	while (name.n != 0) {
		if (n == NAME_MAX_BYTES)
			return STR("");
		if (cmd_take_dash(&name)) {
			out[n++] = '-';
			continue;
		}
		out[n++] = name.p[0];
		name = str_cut(name, 1, name.n);
	}
	return (str){ out, n };
}

const struct cmd *cmd_find(str name, const struct cmd **near)
{
	char text[NAME_MAX_BYTES];
	str want = plain(name, text);
	if (near != NULL)
		*near = NULL;
	for (size_t k = 0; k < KIND_CMDS; k++)
		if (has_verb(&kind_cmds[k]) && str_eq_case(str_of(kind_cmds[k].name), want))
			return &kind_cmds[k];
	for (size_t k = 0; k < OTHER_CMDS; k++)
		if (str_eq_case(str_of(other_cmds[k].name), want))
			return &other_cmds[k];
	if (near == NULL)
		return NULL;
	struct near best = { .want = want };
	const struct cmd *longer = NULL;
	for (size_t i = 0; want.n > 6 && cmd_at(i) != NULL; i++) /* somebody who stopped typing means the shortest that goes on */
		if (str_begins_case(str_of(cmd_at(i)->name), want) && (longer == NULL || strlen(cmd_at(i)->name) < strlen(longer->name)))
			longer = cmd_at(i);
	if (longer != NULL) {
		*near = longer;
		return NULL;
	}
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		near_offer(&best, str_of(cmd_at(i)->name));
	str meant = near_best(&best);
	*near = meant.n != 0 ? cmd_find(meant, NULL) : NULL;
	return NULL;
}

/* ---- parameters ---- */

struct row {
	const char *cmd, *letters;
	struct cmd_param param;
};

#define TYPE_SWITCH SCHEMA_BOOL, true
#define TYPE_TEXT   SCHEMA_TEXT, false
#define TYPE_BOOL   SCHEMA_BOOL, false
#define TYPE_LIST   SCHEMA_LISTED, false
#define TYPE_DATE   SCHEMA_DATE, false
#define TYPE_INT    SCHEMA_INT, false
#define TYPE_ENUM   SCHEMA_ENUM, false
#define TYPE_FQDN   SCHEMA_FQDN, false
#define TYPE_SIPURI SCHEMA_SIPURI, false
#define TYPE_NUMBER SCHEMA_NUMBER, false
#define TYPE_REF    SCHEMA_REF, false
#define TYPE_SECRET SCHEMA_SECRET, false
#define TYPE_OBJECT SCHEMA_OBJECT, false
#define MAKE(name_, type_, switch_, check_, help_) { .name = name_, .type = type_, .check = check_, .dflt = "", .is_switch = switch_, .help = help_ }
#define ROW(name, type, check, help)               MAKE(name, type, check, help)

static const struct row rows[] = {
#define PARAM(cmd, name, type, check, letters, help) { cmd, letters, ROW(#name, TYPE_##type, check, help) },
#include "model/cmd_param.def"
#undef PARAM
};

/* What every cmdlet of a verb has besides the properties of its kind. */
struct verb_row {
	enum cmd_id id;
	const char *bases; /* letters of the bases that have it: P C L H(child) S M */
	const char *letters;
	struct cmd_param param;
};

static const struct verb_row verb_rows[] = {
	{ CMD_GET, "PCLHSM", "p", ROW("Identity", TYPE_TEXT, "..300", "one instance; without it all are shown") },
	{ CMD_GET, "PCLHSM", "", ROW("Filter", TYPE_TEXT, "..4096", "only those whose identity is like this (site:*), or of whom this holds: {Enabled -eq $true}") },
	{ CMD_GET, "PCLHSM", "", ROW("LocalStore", TYPE_SWITCH, "", "reads what this server knows, as it always does") },
	{ CMD_NEW, "PCLH", "mp", ROW("Identity", TYPE_TEXT, "..300", "the name of the new instance") },
	{ CMD_NEW, "H", "", ROW("Parent", TYPE_TEXT, "..300", "the instance that it will be part of, when -Identity or -Name is the bare name") },
	{ CMD_NEW, "PCLH", "", ROW("InMemory", TYPE_SWITCH, "", "answers the object and stores nothing") },
	{ CMD_SET, "PC", "p", ROW("Identity", TYPE_TEXT, "..300", "the instance; Global without it") },
	{ CMD_SET, "LHS", "mp", ROW("Identity", TYPE_TEXT, "..300", "the instance") },
	{ CMD_SET, "PCLHS", "", ROW("Instance", TYPE_OBJECT, "", "an object from Get-, with the values that all its properties are to have") },
	{ CMD_REMOVE, "PCLH", "mp", ROW("Identity", TYPE_TEXT, "..300", "the instance") },
	{ CMD_GRANT, "P", "mp", ROW("Identity", TYPE_TEXT, "..300", "the user") },
	{ CMD_GRANT, "P", "mp", ROW("PolicyName", TYPE_TEXT, "..300", "the policy; $null takes away what was granted") },
};

static const struct cmd_param writing[] = {
	ROW("WhatIf", TYPE_SWITCH, "", "says what would happen, and changes nothing"),
	ROW("Confirm", TYPE_SWITCH, "", "asks first; -Confirm:$false does not ask where it usually does"),
	ROW("Force", TYPE_SWITCH, "", "does not ask"),
	ROW("PassThru", TYPE_SWITCH, "", "answers the object as it is afterwards"),
};
static const struct cmd_param always[] = { ROW("Verbose", TYPE_SWITCH, "", "tells what is done") };

static char base_letter(const struct cmd *c)
{
	static const char letters[] = { [SCHEMA_POLICY] = 'P', [SCHEMA_CONFIG] = 'C', [SCHEMA_LIST] = 'L', [SCHEMA_CHILD] = 'H', [SCHEMA_SERVICE] = 'S',
		[SCHEMA_MEMORY] = 'M' };
	return letters[c->kind->base];
}

static bool of_verb(const struct cmd *c, size_t *i, struct cmd_param *out)
{
	for (size_t k = 0; c->kind != NULL && k < sizeof verb_rows / sizeof *verb_rows; k++) {
		const struct verb_row *r = &verb_rows[k];
		if (r->id != c->id || strchr(r->bases, base_letter(c)) == NULL || (*i)-- != 0)
			continue;
		*out = r->param;
		out->required = strchr(r->letters, 'm') != NULL;
		return true;
	}
	return false;
}

static bool is_given(const struct cmd *c, const struct schema_prop *p)
{
	return !schema_has(p->flags, SCHEMA_READ_ONLY) && (c->id == CMD_NEW || !schema_has(p->flags, SCHEMA_NEW_ONLY));
}

/* The kind whose properties a command takes: New-CsUser is a row of its own. */
static const struct schema_kind *props_of(const struct cmd *c)
{
	if (c->id == CMD_NEW || c->id == CMD_SET)
		return c->kind;
	return c->id == CMD_USER_NEW ? &schema_kinds[SCHEMA_ID_User] : NULL;
}

static bool of_kind(const struct cmd *c, size_t *i, struct cmd_param *out)
{
	const struct schema_kind *kind = props_of(c);
	for (size_t k = 0; kind != NULL && k < kind->n_props; k++) {
		const struct schema_prop *p = &kind->props[k];
		if (!is_given(c, p) || (*i)-- != 0)
			continue;
		*out = (struct cmd_param){ .name = p->name, .type = p->type, .check = p->check, .dflt = p->dflt, .help = p->help, .prop = p,
			.required = c->id == CMD_NEW && schema_has(p->flags, SCHEMA_MANDATORY) };
		return true;
	}
	return false;
}

static bool of_rows(const struct cmd *c, size_t *i, struct cmd_param *out)
{
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		if (strcmp(rows[k].cmd, c->name) != 0 || (*i)-- != 0)
			continue;
		*out = rows[k].param;
		out->required = strchr(rows[k].letters, 'm') != NULL;
		return true;
	}
	return false;
}

static bool of_table(const struct cmd_param *table, size_t n, size_t *i, struct cmd_param *out)
{
	if (*i >= n) {
		*i -= n;
		return false;
	}
	*out = table[*i];
	out->is_common = true;
	return true;
}

bool cmd_param_at(const struct cmd *c, size_t i, struct cmd_param *out)
{
	if (of_verb(c, &i, out) || of_rows(c, &i, out) || of_kind(c, &i, out))
		return true;
	if (cmd_has(c, CMD_WRITES) && of_table(writing, sizeof writing / sizeof *writing, &i, out))
		return true;
	return of_table(always, sizeof always / sizeof *always, &i, out);
}

/* Names by which published scripts call the identity of a thing in a list. */
static bool is_identity(const struct cmd *c, str name)
{
	static const char *const names[] = { "Name", "SipAddress", "Domain", "Fqdn", "PoolFqdn", "TargetFqdn", "User", "DomainName", "TrustedApplicationPoolFqdn",
		"NetworkSiteID", "NetworkRegionID", "SubnetID", "NetworkRegionLinkID", "BWPolicyProfileID", "InterNetworkSitePolicyID", "InterRegionRouteID" };
	if (c->kind == NULL || c->id == CMD_GET || c->id == CMD_GRANT || (c->kind->base != SCHEMA_LIST && c->kind->base != SCHEMA_CHILD))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_case(str_of(names[i]), name))
			return true;
	return false;
}

static bool find_exact(const struct cmd *c, str name, struct cmd_param *out)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(c, i, &p); i++)
		if (str_eq_case(str_of(p.name), name)) {
			*out = p;
			return true;
		}
	return false;
}

static bool find_beginning(const struct cmd *c, str name, struct cmd_param *out)
{
	struct cmd_param p;
	unsigned n = 0;
	for (size_t i = 0; name.n != 0 && cmd_param_at(c, i, &p); i++)
		if (str_begins_case(str_of(p.name), name)) {
			*out = p;
			n++;
		}
	return n == 1;
}

bool cmd_param_find(const struct cmd *c, str name, struct cmd_param *out, str *near)
{
	struct near best = { .want = name };
	struct cmd_param p;
	if (find_exact(c, name, out) || (is_identity(c, name) && find_exact(c, STR("Identity"), out)) || find_beginning(c, name, out))
		return true;
	for (size_t i = 0; near != NULL && cmd_param_at(c, i, &p); i++)
		near_offer(&best, str_of(p.name));
	if (near != NULL)
		*near = near_best(&best);
	return false;
}

const char *cmd_positional(const struct cmd *c, size_t i)
{
	for (size_t k = 0; c->kind != NULL && k < sizeof verb_rows / sizeof *verb_rows; k++)
		if (verb_rows[k].id == c->id && strchr(verb_rows[k].bases, base_letter(c)) != NULL && strchr(verb_rows[k].letters, 'p') != NULL && i-- == 0)
			return verb_rows[k].param.name;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
		if (strcmp(rows[k].cmd, c->name) == 0 && strchr(rows[k].letters, 'p') != NULL && i-- == 0)
			return rows[k].param.name;
	return NULL;
}
