/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan trust - which servers' names clients must be told to trust, as Windows takes it. */
#include "prog/witan/plan_trust.h"

#include "model/topo.h"
#include "prog/witan/witan_priv.h"
#include "service/trust.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define WHAT "plan trust"
#define KEY  "SOFTWARE\\Policies\\Microsoft\\Office"

struct plan_trust {
	struct arena arena;
	struct topo topo;
	struct trust_model model;
	struct witan_texts also;
	struct buf value; /* with what was asked for besides */
	const char *office;
	struct diag diag;
};

/* ---- for people and programs ---- */

static bool is_listed(const struct plan_trust *p, str name)
{
	for (str one, rest = buf_str(&p->value); rest.n != 0;) {
		one = str_split(rest, ',', &rest);
		if (str_eq_case(one, name))
			return true;
	}
	return false;
}

static bool show_table(const struct plan_trust *p)
{
	(void)printf("%-24s %-36s %-22s %s\n", "SIP domain", "server", "for", "trusted by");
	TOPO_EACH (s, p->model.sights)
		(void)printf("%-24.*s %-36.*s %-22s %s\n", STR_FMT(s->domain), STR_FMT(s->host), s->where, s->is_listed ? "TrustModelData" : "its domain");
	return printf("\nTrustModelData: %.*s\n", (int)p->value.n, buf_str(&p->value).p) > 0;
}

static bool show_json(const struct plan_trust *p)
{
	json_t *rows = json_array();
	TOPO_EACH (s, p->model.sights)
		(void)json_array_append_new(rows, json_pack("{s:s%, s:s%, s:s, s:b}", "sip-domain", s->domain.p, s->domain.n, "server", s->host.p, s->host.n, "for", s->where, "listed", s->is_listed));
	json_t *o = json_pack("{s:o, s:s%}", "servers", rows, "TrustModelData", buf_str(&p->value).p, p->value.n);
	bool ok = o != NULL && json_dumpf(o, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(o);
	return ok;
}

/* ---- for Windows ---- */

/* All of it is ASCII. */
static bool put_utf16(const char *text)
{
	bool ok = fwrite("\xff\xfe", 1, 2, stdout) == 2;
	for (const char *c = text; ok && *c != '\0'; c++)
		ok = putchar(*c) != EOF && putchar(0) != EOF;
	return ok;
}

/* The value of a policy replaces the client's own list, an empty one too: where nothing is to be listed it is taken away. */
static bool show_reg(const struct plan_trust *p)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1 << 20);
	buf_printf(&b, "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\" KEY "\\%s\\Lync]\r\n\"TrustModelData\"=", p->office);
	if (p->value.n != 0)
		buf_printf(&b, "\"%.*s\"\r\n\r\n", (int)p->value.n, p->value.p);
	else
		buf_add(&b, STR("-\r\n\r\n"));
	buf_add_char(&b, '\0');
	return !b.failed && put_utf16(b.p);
}

/* The text from which LGPO.exe makes a Registry.pol, or which it applies. */
static bool show_gpo(const struct plan_trust *p)
{
	(void)printf("; LGPO.exe /t FILE applies this; LGPO.exe /r FILE /w Registry.pol makes the file of a group policy object\r\n");
	return printf("Computer\r\n" KEY "\\%s\\Lync\r\nTrustModelData\r\n%s%.*s\r\n", p->office, p->value.n != 0 ? "SZ:" : "DELETE", (int)p->value.n, buf_str(&p->value).p) > 0;
}

static const struct {
	const char *word;
	bool (*show)(const struct plan_trust *p);
} formats[] = {
	{ "table", show_table },
	{ "json", show_json },
	{ "reg", show_reg },
	{ "gpo", show_gpo },
};

/* ---- the value ---- */

static err add_also(struct plan_trust *p, str name)
{
	str clean;
	TRY(topo_name(name, &p->arena, &clean, &p->diag));
	if (trust_is_wide(clean))
		(void)fprintf(stderr, "witan " WHAT ": warning GPO-01: clients would trust everybody in %.*s\n  remedy: list the names of servers\n", STR_FMT(clean));
	if (is_listed(p, clean))
		return OK;
	buf_printf(&p->value, "%s%.*s", p->value.n != 0 ? "," : "", STR_FMT(clean));
	return OK;
}

static err make(struct plan_trust *p, const char *path)
{
	TRY(topo_read(&p->topo, &p->arena, path, &p->diag));
	witan_warn(&p->topo);
	TRY(trust_model(&p->topo, &p->arena, &p->model));
	buf_add(&p->value, p->model.value);
	for (size_t i = 0; i < p->also.n; i++)
		TRY(add_also(p, p->also.p[i]));
	return p->value.failed ? ERR(CEILING) : OK;
}

static int run(struct plan_trust *p, const char *path, size_t format)
{
	arena_init(&p->arena, 64u << 20);
	buf_init(&p->value, 1 << 20);
	err e = make(p, path);
	bool told = !failed(e) && formats[format].show(p);
	int status = failed(e) ? witan_fail(WHAT, e, &p->diag) : told ? WITAN_DONE : WITAN_REFUSED;
	buf_fini(&p->value);
	arena_fini(&p->arena);
	return status;
}

int plan_trust_main(int argc, char **argv, const char *dir)
{
	struct plan_trust p = { .office = "15.0" };
	const char *topology = NULL, *format = "table";
	const struct witan_option options[] = {
		{ "--topology", WITAN_TEXT, &topology, "FILE", "a topology document (default: the deployment's)", 0 },
		{ "--also", WITAN_TEXTS, &p.also, "NAME", "a name that clients must go on trusting: the policy replaces their own list", 0 },
		{ "--office", WITAN_TEXT, &p.office, "15.0|16.0", "whose policy: Office 2013 or 2016 (default: 15.0)", 0 },
		{ "--format", WITAN_TEXT, &format, "table|json|reg|gpo", "reg: a registry file; gpo: a text for LGPO.exe", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	char path[4096];
	size_t i = 0;
	if (!witan_options(argc, argv, "trust [OPTION...]\n\nShows which servers' names a client of each SIP domain meets, and the value TrustModelData\n"
				       "by which it trusts those that are not below the domain.",
		    options, &status))
		return status;
	while (i < sizeof formats / sizeof *formats && strcmp(format, formats[i].word) != 0)
		i++;
	if (i == sizeof formats / sizeof *formats)
		return witan_usage(WHAT, "--format cannot be \"%s\": table, json, reg or gpo", format);
	if (strcmp(p.office, "15.0") != 0 && strcmp(p.office, "16.0") != 0)
		return witan_usage(WHAT, "--office cannot be \"%s\": 15.0 or 16.0", p.office);
	int n = snprintf(path, sizeof path, "%s%s", topology != NULL ? topology : dir, topology != NULL ? "" : "/topology.yaml");
	if (n < 0 || (size_t)n >= sizeof path)
		return witan_usage(WHAT, "the path is too long");
	return run(&p, path, i);
}
