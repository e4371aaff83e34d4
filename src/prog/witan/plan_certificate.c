/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan certificates, witan plan rules */
#include "prog/witan/plan_priv.h"

#include "base/near.h"

#include <stdio.h>

#define JSON_MAX (16u << 20) /* bytes of one certificate: a thousand names, and whoever shares it */

/* ---- JSON: written straight out, since a tree of so many small objects costs several times what the plan does ---- */

/* Whatever a topology may hold here is printable ASCII without '"' and '\\' (names, words, a URL). */
static void add_text(struct buf *out, str s)
{
	buf_add_char(out, '"');
	buf_add(out, s);
	buf_add_char(out, '"');
}

static void add_key(struct buf *out, const char *key)
{
	buf_add(out, STR(",\n    "));
	add_text(out, str_of(key));
	buf_add(out, STR(": "));
}

static void add_member(struct buf *out, const char *key, str value)
{
	add_key(out, key);
	add_text(out, value);
}

static void add_item(struct buf *out, bool more, str item)
{
	if (more)
		buf_add(out, STR(", "));
	add_text(out, item);
}

static void add_names(struct buf *out, const char *key, struct topo_names names)
{
	add_key(out, key);
	buf_add_char(out, '[');
	TOPO_EACH (name, names)
		add_item(out, name > names.p, *name);
	buf_add_char(out, ']');
}

static void add_usages(struct buf *out, uint32_t usages)
{
	bool more = false;
	add_key(out, "usage");
	buf_add_char(out, '[');
	for (unsigned i = 0; i < PLAN_USAGE_N; i++)
		if ((usages & 1u << i) != 0) {
			add_item(out, more, str_of(plan_usage_word((enum plan_usage)i)));
			more = true;
		}
	buf_add_char(out, ']');
}

static void add_san(struct buf *out, const struct plan_certificate *c)
{
	add_key(out, "san");
	buf_add_char(out, '[');
	TOPO_EACH (name, c->san)
		add_item(out, name > c->san.p, name->name);
	buf_add_char(out, ']');
}

static void add_reason(struct buf *out, bool more, str name, enum plan_rule rule)
{
	buf_add(out, more ? STR(", {\"name\": ") : STR("{\"name\": "));
	add_text(out, name);
	buf_add(out, STR(", \"rule\": "));
	add_text(out, str_of(plan_rules[rule].id));
	buf_add_char(out, '}');
}

static void add_why(struct buf *out, const struct plan_certificate *c)
{
	add_key(out, "why");
	buf_add_char(out, '[');
	if (c->san.n == 0)
		add_reason(out, false, c->cn, c->cn_rule);
	TOPO_EACH (name, c->san)
		add_reason(out, name > c->san.p, name->name, name->rule);
	buf_add_char(out, ']');
}

static void add_certificate(struct buf *out, const struct plan_certificate *c)
{
	buf_add(out, STR("{\n    \"host\": "));
	add_text(out, c->host);
	add_member(out, "pool", c->pool);
	add_usages(out, c->usages);
	add_member(out, "cn", c->cn);
	add_san(out, c);
	add_names(out, "eku",
		(struct topo_names){ (str[]){ STR("serverAuth"), STR("clientAuth") }, c->client_auth ? 2 : 1 });
	add_member(out, "key", str_of(topo_key_type_word(c->key)));
	add_key(out, "exportable");
	buf_add(out, c->exportable ? STR("true") : STR("false"));
	add_member(out, "ca", c->public_ca ? STR("public") : STR("internal"));
	add_names(out, "shared-with", c->shared_with);
	add_names(out, "listeners", c->listeners);
	add_why(out, c);
	add_member(out, "crl-url", c->crl_url);
	buf_add(out, STR("\n  }"));
}

static err print_json(const struct plan_certificates *all)
{
	struct buf out DEFER(buf_fini) = { 0 };
	buf_init(&out, JSON_MAX);
	TOPO_EACH (c, *all) {
		buf_add(&out, c > all->p ? STR(",\n  ") : STR("[\n  "));
		add_certificate(&out, c);
		ENSURE(!out.failed, CEILING);
		ENSURE(fwrite(out.p, 1, out.n, stdout) == out.n, SYSTEM);
		buf_reset(&out);
	}
	ENSURE(fputs(all->n == 0 ? "[]\n" : "\n]\n", stdout) >= 0, SYSTEM);
	return OK;
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
	if (plan_is_json(p))
		return print_json(&all);
	TOPO_EACH (c, all) {
		if (c > all.p)
			(void)putchar('\n');
		put_certificate(c);
	}
	return OK;
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
