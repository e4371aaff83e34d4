/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan certificates, witan plan rules */
#include "prog/witan/plan_priv.h"

#include "base/near.h"

#include <stdio.h>

/* ---- JSON ---- */

static json_t *json_usages(uint32_t usages)
{
	json_t *out = json_array();
	for (unsigned i = 0; i < PLAN_USAGE_N; i++)
		if ((usages & 1u << i) != 0)
			(void)json_array_append_new(out, json_string(plan_usage_word((enum plan_usage)i)));
	return out;
}

static json_t *json_names(struct topo_names names)
{
	json_t *out = json_array();
	TOPO_EACH (name, names)
		(void)json_array_append_new(out, plan_json_str(*name));
	return out;
}

static json_t *json_san(const struct plan_certificate *c)
{
	json_t *out = json_array();
	TOPO_EACH (name, c->san)
		(void)json_array_append_new(out, plan_json_str(name->name));
	return out;
}

static json_t *json_why(const struct plan_certificate *c)
{
	json_t *out = json_array();
	if (c->san.n == 0)
		(void)json_array_append_new(
			out, json_pack("{s:s%, s:s}", "name", c->cn.p, c->cn.n, "rule", plan_rules[c->cn_rule].id));
	TOPO_EACH (name, c->san)
		(void)json_array_append_new(out, json_pack("{s:s%, s:s}", "name", name->name.p, name->name.n, "rule",
							 plan_rules[name->rule].id));
	return out;
}

static json_t *json_eku(const struct plan_certificate *c)
{
	return c->client_auth ? json_pack("[s, s]", "serverAuth", "clientAuth") : json_pack("[s]", "serverAuth");
}

static json_t *json_certificate(const struct plan_certificate *c)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:s, s:o, s:o, s:o, s:o}", "host",
		plan_json_str(c->host), "pool", plan_json_str(c->pool), "usage", json_usages(c->usages), "cn",
		plan_json_str(c->cn), "san", json_san(c), "eku", json_eku(c), "key", topo_key_type_word(c->key),
		"exportable", c->exportable, "ca", c->public_ca ? "public" : "internal", "shared-with",
		json_names(c->shared_with), "listeners", json_names(c->listeners), "why", json_why(c), "crl-url",
		plan_json_str(c->crl_url));
}

/* ---- table ---- */

static void put_names(const char *title, struct topo_names names, const char *none)
{
	(void)printf("  %-10s", title);
	TOPO_EACH (name, names)
		(void)printf("%s %.*s", name > names.p ? "," : "", STR_FMT(*name));
	(void)printf("%s%s\n", names.n == 0 ? " " : "", names.n == 0 ? none : "");
}

static void put_usages(uint32_t usages)
{
	const char *before = "";
	for (unsigned i = 0; i < PLAN_USAGE_N; i++) {
		if ((usages & 1u << i) == 0)
			continue;
		(void)printf("%s%s", before, plan_usage_word((enum plan_usage)i));
		before = ", ";
	}
}

static void put_name(const char *title, str name, enum plan_rule rule)
{
	(void)printf("  %-10s %-44.*s %-10s %s\n", title, STR_FMT(name), plan_rules[rule].id, plan_rules[rule].reason);
}

static void put_certificate(const struct plan_certificate *c)
{
	(void)printf("%.*s  (%s)  ", STR_FMT(c->host), c->what);
	put_usages(c->usages);
	(void)putchar('\n');
	if (c->san.n == 0)
		put_name("CN", c->cn, c->cn_rule);
	else
		(void)printf("  %-10s %.*s\n", "CN", STR_FMT(c->cn));
	TOPO_EACH (name, c->san)
		put_name(name == c->san.p ? "SAN" : "", name->name, name->rule);
	if (c->san.n == 0)
		(void)printf("  %-10s none\n", "SAN");
	(void)printf("  %-10s serverAuth%s\n", "EKU", c->client_auth ? ", clientAuth" : "");
	(void)printf("  %-10s %s, %s\n", "key", topo_key_type_word(c->key),
		c->exportable ? "exportable" : "stays on the host");
	(void)printf("  %-10s %s\n", "CA", c->public_ca ? "public" : "internal");
	(void)printf("  %-10s %.*s\n", "CRL", STR_FMT(c->crl_url.n != 0 ? c->crl_url : STR("as the authority states")));
	if (c->shared_with.n != 0)
		put_names("also on", c->shared_with, "");
	put_names("listeners", c->listeners, "none: it only signs");
}

/* ---- which ones ---- */

static err no_usage(struct plan *p)
{
	struct near near = { .want = str_of(p->usage) };
	struct buf words DEFER(buf_fini) = { 0 };
	buf_init(&words, 1024);
	for (unsigned i = 0; i < PLAN_USAGE_N; i++) {
		near_offer(&near, str_of(plan_usage_word((enum plan_usage)i)));
		buf_printf(&words, "%s%s", i > 0 ? ", " : "", plan_usage_word((enum plan_usage)i));
	}
	buf_add_char(&words, '\0');
	str best = near_best(&near);
	return diag_fail(&p->diag, ERR(USAGE), "--usage", words.p, "there is no usage \"%.60s\"%s%.*s%s", p->usage,
		best.n != 0 ? "; did you mean " : "", STR_FMT(best), best.n != 0 ? "?" : "");
}

static bool is_wanted(const struct plan_certificate *c, str host, uint32_t usages)
{
	return (c->usages & usages) != 0 && (host.n == 0 || plan_certificate_is_on(c, host));
}

/* Only those that are asked for; ABSENT if a host was named that has none. */
static err choose(struct plan *p, struct plan_certificates *all)
{
	enum plan_usage usage = PLAN_DEFAULT;
	str host = { NULL, 0 };
	size_t n = 0;
	if (p->usage != NULL && !plan_usage_find(str_of(p->usage), &usage))
		return no_usage(p);
	if (p->host != NULL)
		TRY(topo_name(str_of(p->host), &p->arena, &host, &p->diag));
	TOPO_EACH (c, *all)
		if (is_wanted(c, host, p->usage != NULL ? 1u << usage : UINT32_MAX))
			all->p[n++] = *c;
	all->n = n;
	if (n == 0 && p->host != NULL)
		return diag_fail(&p->diag, ERR(ABSENT), "--host", "see witan plan certificates for all hosts",
			"there is no %s%scertificate for \"%.120s\"", p->usage != NULL ? p->usage : "",
			p->usage != NULL ? " " : "", p->host);
	return OK;
}

err plan_show_certificates(struct plan *p)
{
	struct plan_certificates all;
	TRY(plan_certificates(&p->topo, &p->arena, &all, &p->diag));
	TRY(choose(p, &all));
	json_t *array = plan_is_json(p) ? json_array() : NULL;
	TOPO_EACH (c, all) {
		if (array != NULL && json_array_append_new(array, json_certificate(c)) != 0)
			return json_decref(array), ERR(NO_MEMORY);
		if (array != NULL)
			continue;
		if (c > all.p)
			(void)putchar('\n');
		put_certificate(c);
	}
	return array != NULL ? plan_print_json(array) : OK;
}

/* ---- rules ---- */

err plan_show_rules(struct plan *p)
{
	json_t *array = plan_is_json(p) ? json_array() : NULL;
	for (size_t i = 0; i < PLAN_RULE_N; i++) {
		const struct plan_rule_row *r = &plan_rules[i];
		if (array == NULL)
			(void)printf("%-11s %s\n", r->id, r->text);
		else
			(void)json_array_append_new(array,
				json_pack("{s:s, s:s, s:s}", "rule", r->id, "reason", r->reason, "text", r->text));
	}
	return array != NULL ? plan_print_json(array) : OK;
}
