/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan - what the topology asks for. */
#include "prog/witan/plan_input.h"
#include "prog/witan/plan_priv.h"
#include "prog/witan/plan_trust.h"

#include <stdio.h>

static const struct plan_subject_row subjects[] = {
	{ "certificates", "which each host has, and why each name is in it", { "table", "json" }, true,
		plan_show_certificates },
	{ "rules", "what the rule ids of plans mean", { "table", "json" }, false, plan_show_rules },
	{ "dns", "records inside and outside, also as zones; options of its own", .main = plan_dns_main },
	{ "ports", "who may reach which listener, also as firewall rules; options of its own", .main = plan_ports_main },
	{ "proxy", "configuration of a reverse proxy; options of its own", .main = plan_proxy_main },
	{ "dhcp", "options by which desk phones find their server; options of its own", .main = plan_dhcp_main },
	{ "check", "compares all of it with reality; options of its own", .main = plan_check_main },
	{ "trust", "which servers' names clients must be told to trust; options of its own", .main = plan_trust_main },
};

#define SUBJECTS (sizeof subjects / sizeof *subjects)

#define ARENA (512u << 20)

bool plan_is_json(const struct plan *p)
{
	return strcmp(p->format, "json") == 0;
}

err plan_print_json(json_t *all)
{
	bool ok = all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(all);
	return ok ? OK : ERR(NO_MEMORY);
}

static err show(struct plan *p, const struct plan_subject_row *subject, const char *path)
{
	if (subject->needs_topology) {
		TRY(topo_read(&p->topo, &p->arena, path, &p->diag));
		witan_warn(&p->topo);
	}
	return subject->show(p);
}

static int run(struct plan *p, const struct plan_subject_row *subject, const char *path)
{
	arena_init(&p->arena, ARENA);
	err e = show(p, subject, path);
	arena_fini(&p->arena);
	return failed(e) ? witan_fail("plan", e, &p->diag) : WITAN_DONE;
}

/* ---- the command line ---- */

static const struct plan_subject_row *find_subject(str name)
{
	for (size_t i = 0; i < SUBJECTS; i++)
		if (str_eq(str_of(subjects[i].name), name))
			return &subjects[i];
	return NULL;
}

static void put_subjects(struct buf *out)
{
	for (size_t i = 0; i < SUBJECTS; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", subjects[i].name);
}

static void put_usage(struct buf *out)
{
	buf_printf(out,
		"SUBJECT [OPTION...]\n\nShows what the topology asks for, from the document alone. The subjects:\n\n");
	for (size_t i = 0; i < SUBJECTS; i++)
		buf_printf(out, "  %-28s %s\n", subjects[i].name, subjects[i].help);
	buf_printf(out, "\nThe options:");
}

static void put_formats(struct buf *out, const struct plan_subject_row *subject)
{
	for (const char *const *word = subject->formats; *word != NULL; word++)
		buf_printf(out, "%s%s", word != subject->formats ? ", " : "", *word);
}

static bool set_format(struct plan *p, const struct plan_subject_row *subject)
{
	if (p->format == NULL)
		p->format = subject->formats[0];
	for (const char *const *word = subject->formats; *word != NULL; word++)
		if (strcmp(*word, p->format) == 0)
			return true;
	return false;
}

static int no_subject(const char *given)
{
	struct buf names DEFER(buf_fini) = { 0 };
	buf_init(&names, 4096);
	put_subjects(&names);
	if (given == NULL)
		return witan_usage("plan", "what plan? there is: %.*s", STR_FMT(buf_str(&names)));
	return witan_usage("plan", "there is no plan of \"%s\"; there is: %.*s", given, STR_FMT(buf_str(&names)));
}

static int no_format(const struct plan *p, const struct plan_subject_row *subject)
{
	struct buf words DEFER(buf_fini) = { 0 };
	buf_init(&words, 4096);
	put_formats(&words, subject);
	return witan_usage("plan", "--format cannot be \"%s\"; %s can be shown as: %.*s", p->format, subject->name,
		STR_FMT(buf_str(&words)));
}

static bool read_options(struct plan *p, int argc, char **argv, const char **topology, int *status)
{
	const struct witan_option options[] = {
		{ "--topology", WITAN_TEXT, topology, "FILE", "a topology document (default: the deployment's)", 0 },
		{ "--host", WITAN_TEXT, &p->host, "NAME", "only what is of this host", 0 },
		{ "--usage", WITAN_TEXT, &p->usage, "USAGE",
			"only certificates for this: Default, AccessEdgeExternal, ...", 0 },
		{ "--format", WITAN_TEXT, &p->format, "FORMAT", "table (default), json, or what else the subject has",
			0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	struct buf usage DEFER(buf_fini) = { 0 };
	buf_init(&usage, 16384);
	put_usage(&usage);
	buf_add_char(&usage, '\0');
	return witan_options(argc, argv, usage.p, options, status);
}

int plan_main(int argc, char **argv, const char *dir)
{
	struct plan p = { .format = NULL };
	const char *topology = NULL;
	bool named = argc > 1 && argv[1][0] != '-';
	const struct plan_subject_row *subject = named ? find_subject(str_of(argv[1])) : NULL;
	int status;
	char path[4096];
	if (named && subject == NULL)
		return no_subject(argv[1]);
	if (named)
		argv[1] = argv[0];
	if (named && subject->main != NULL)
		return subject->main(argc - 1, argv + 1, dir);
	if (!read_options(&p, argc - named, argv + named, &topology, &status))
		return status;
	if (!named)
		return no_subject(NULL);
	if (!set_format(&p, subject))
		return no_format(&p, subject);
	int n = snprintf(
		path, sizeof path, "%s%s", topology != NULL ? topology : dir, topology != NULL ? "" : "/topology.yaml");
	if (n < 0 || (size_t)n >= sizeof path)
		return witan_usage("plan", "the path is too long");
	return run(&p, subject, path);
}
