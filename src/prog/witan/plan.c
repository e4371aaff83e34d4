/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan - what the topology asks for. */
#include "prog/witan/witan_priv.h"

#include "model/topo.h"
#include "prog/witan/plan_input.h"
#include "service/cert.h"

#include <jansson.h>
#include <stdio.h>

struct plan {
	struct arena arena;
	struct topo topo;
	bool as_json;
	struct diag diag;
};

/* ---- certificates ---- */

static json_t *json_str(str s)
{
	return json_stringn(s.p, s.n);
}

static json_t *certificate_json(const struct plan_certificate *p)
{
	json_t *san = json_array(), *why = json_array(), *eku = json_array(), *listeners = json_array();
	TOPO_EACH (listener, p->listeners)
		(void)json_array_append_new(listeners, json_str(*listener));
	TOPO_EACH (name, p->san) {
		(void)json_array_append_new(san, json_str(name->name));
		(void)json_array_append_new(
			why, json_pack("{s:s%, s:s}", "name", name->name.p, name->name.n, "rule", name->rule));
	}
	(void)json_array_append_new(eku, json_string("serverAuth"));
	if (p->client_auth)
		(void)json_array_append_new(eku, json_string("clientAuth"));
	return json_pack("{s:s%, s:s%, s:[s], s:s%, s:o, s:o, s:s, s:b, s:s, s:[], s:o, s:o, s:s%}", "host", p->host.p,
		p->host.n, "pool", p->pool.p, p->pool.n, "usage", plan_usage_word(p->usage), "cn", p->cn.p, p->cn.n,
		"san", san, "eku", eku, "key", topo_key_type_word(p->key), "exportable", p->exportable, "ca",
		p->public_ca ? "public" : "internal", "shared-with", "listeners", listeners, "why", why, "crl-url",
		p->crl_url.p, p->crl_url.n);
}

static void show_certificate(const struct plan_certificate *p)
{
	(void)printf("%.*s  %s\n  CN         %.*s\n", STR_FMT(p->host), plan_usage_word(p->usage), STR_FMT(p->cn));
	TOPO_EACH (name, p->san)
		(void)printf("  SAN        %-40.*s %s\n", STR_FMT(name->name), name->rule);
	(void)printf("  EKU        serverAuth%s\n  key        %s, %s\n  CA         %s\n  CRL        %.*s\n  listeners ",
		p->client_auth ? ", clientAuth" : "", topo_key_type_word(p->key),
		p->exportable ? "exportable" : "stays on the host", p->public_ca ? "public" : "internal",
		STR_FMT(p->crl_url));
	TOPO_EACH (listener, p->listeners)
		(void)printf(" %.*s", STR_FMT(*listener));
	(void)putchar('\n');
}

static err certificates(struct plan *p)
{
	struct plan_certificates plans;
	TRY(plan_certificates(&p->topo, &p->arena, &plans, &p->diag));
	if (!p->as_json) {
		TOPO_EACH (plan, plans)
			show_certificate(plan);
		return OK;
	}
	json_t *all = json_array();
	TOPO_EACH (plan, plans)
		(void)json_array_append_new(all, certificate_json(plan));
	bool ok =
		json_array_size(all) == plans.n && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(all);
	return ok ? OK : ERR(NO_MEMORY);
}

static const struct {
	const char *name;
	err (*show)(struct plan *p);
} subjects[] = {
	{ "certificates", certificates },
};

static err show(struct plan *p, size_t subject, const char *path)
{
	TRY(topo_read(&p->topo, &p->arena, path, &p->diag));
	witan_warn(&p->topo);
	return subjects[subject].show(p);
}

static int run(size_t subject, const char *path, bool as_json)
{
	struct plan p = { .as_json = as_json };
	arena_init(&p.arena, 64u << 20);
	err e = show(&p, subject, path);
	arena_fini(&p.arena);
	return failed(e) ? witan_fail("plan", e, &p.diag) : WITAN_DONE;
}

static size_t find_subject(str name)
{
	size_t i = 0;
	while (i < sizeof subjects / sizeof *subjects && !str_eq(str_of(subjects[i].name), name))
		i++;
	return i;
}

/* Subjects with options of their own. */
static const struct {
	const char *name;
	int (*main)(int argc, char **argv, const char *dir);
} mains[] = {
	{ "dns", plan_dns_main },
	{ "ports", plan_ports_main },
	{ "proxy", plan_proxy_main },
	{ "dhcp", plan_dhcp_main },
};

int plan_main(int argc, char **argv, const char *dir)
{
	const char *topology = NULL, *format = NULL;
	const struct witan_option options[] = {
		{ "--topology", WITAN_TEXT, &topology, "FILE", "a topology document (default: the deployment's)", 0 },
		{ "--format", WITAN_TEXT, &format, "table|json", "how it is printed", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	bool named = argc > 1 && argv[1][0] != '-';
	size_t subject = named ? find_subject(str_of(argv[1])) : 0;
	int status;
	char path[4096];
	for (size_t i = 0; named && i < sizeof mains / sizeof *mains; i++)
		if (strcmp(argv[1], mains[i].name) == 0) {
			argv[1] = argv[0];
			return mains[i].main(argc - 1, argv + 1, dir);
		}
	if (named && subject == sizeof subjects / sizeof *subjects)
		return witan_usage("plan",
			"there is no plan of \"%s\"; there are: certificates, dns, ports, proxy, dhcp", argv[1]);
	if (named)
		argv[1] = argv[0];
	if (!witan_options(argc - named, argv + named,
		    "certificates [OPTION...]\n\nShows which certificates the topology asks for, and why each name is "
		    "there.",
		    options, &status))
		return status;
	if (!named)
		return witan_usage("plan", "what plan? there are: certificates, dns, ports, proxy, dhcp");
	bool as_json = format != NULL && strcmp(format, "json") == 0;
	if (format != NULL && !as_json && strcmp(format, "table") != 0)
		return witan_usage("plan", "--format cannot be \"%s\": table or json", format);
	int n = snprintf(
		path, sizeof path, "%s%s", topology != NULL ? topology : dir, topology != NULL ? "" : "/topology.yaml");
	if (n < 0 || (size_t)n >= sizeof path)
		return witan_usage("plan", "the path is too long");
	return run(subject, path, as_json);
}
