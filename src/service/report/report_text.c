/* SPDX-License-Identifier: Apache-2.0 */
/* For a terminal, and for programs. */
#include "service/report/report_priv.h"

#include <jansson.h>
#include <stdlib.h>

static void add_match(const struct check_match *m, struct buf *out)
{
	report_add_plain(out, m->seen->place);
	if (m->plans.n == 0)
		buf_add(out, m->has_leaf && m->leaf.is_ca ? STR("  an authority") : STR("  for nothing that is planned"));
	for (size_t i = 0; i < m->plans.n; i++) {
		buf_add(out, i == 0 ? STR("  ") : STR("; "));
		report_add_plain(out, m->seen->host.n > 0 ? m->seen->host : m->plans.p[i]->host);
		buf_add(out, STR(": "));
		check_print_usages(m->plans.p[i], out);
	}
	buf_add(out, m->plans.n > 0 && m->is_guess ? STR("  (by its names)\n") : STR("\n"));
}

static void add_finding(const struct check_finding *f, struct buf *out)
{
	buf_printf(out, "\n%s %s%s%s%s  ", check_severity_word(f->severity), f->rule->id, f->rule->group[0] != '\0' ? " (" : "", f->rule->group,
		f->rule->group[0] != '\0' ? ")" : "");
	report_add_plain(out, f->place);
	buf_printf(out, "\n  rule    %s\n  found   ", f->rule->sentence);
	report_add_plain(out, f->what);
	buf_printf(out, "\n  remedy  %s\n", f->rule->remedy);
}

void report_text(const struct report *r, struct buf *out)
{
	const struct check_result *x = r->result;
	for (size_t i = 0; i < x->matches.n; i++)
		add_match(&x->matches.p[i], out);
	for (size_t i = 0; i < x->findings.n; i++)
		add_finding(&x->findings.p[i], out);
	if (x->unseen.n > 0)
		buf_printf(out, "\nplanned and not looked at:\n");
	for (size_t i = 0; i < x->unseen.n; i++) {
		buf_add(out, STR("  "));
		report_add_plain(out, x->unseen.p[i]->host);
		buf_add(out, STR(": "));
		check_print_usages(x->unseen.p[i], out);
		buf_add(out, STR("\n"));
	}
	buf_printf(out, "\n%zu place%s: %zu error%s, %zu warning%s, %zu information\n", x->matches.n, x->matches.n == 1 ? "" : "s",
		x->counts[CHECK_ERROR], x->counts[CHECK_ERROR] == 1 ? "" : "s", x->counts[CHECK_WARNING], x->counts[CHECK_WARNING] == 1 ? "" : "s",
		x->counts[CHECK_INFORMATION]);
}

/* ---- JSON ---- */

static json_t *json_plain(str s)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	report_add_plain(&b, s);
	json_t *j = json_stringn(b.n > 0 ? b.p : "", b.n);
	buf_fini(&b);
	return j;
}

static json_t *json_time(int64_t t)
{
	struct buf b;
	buf_init(&b, 64);
	report_add_time(&b, t);
	json_t *j = json_stringn(b.n > 0 ? b.p : "", b.n);
	buf_fini(&b);
	return j;
}

static json_t *json_plan(const struct plan_certificate *p)
{
	json_t *hosts = json_array(), *usages = json_array();
	(void)json_array_append_new(hosts, json_plain(p->host));
	TOPO_EACH (host, p->shared_with)
		(void)json_array_append_new(hosts, json_plain(*host));
	for (unsigned i = 0; i < PLAN_USAGE_N; i++)
		if ((p->usages & 1u << i) != 0)
			(void)json_array_append_new(usages, json_string(plan_usage_word((enum plan_usage)i)));
	return json_pack("{s:o, s:o}", "hosts", hosts, "usage", usages);
}

static json_t *json_match(const struct check_match *m)
{
	json_t *plans = json_array(), *names = json_array();
	for (size_t i = 0; i < m->plans.n; i++)
		(void)json_array_append_new(plans, json_plan(m->plans.p[i]));
	for (size_t i = 0; i < m->names.n; i++)
		(void)json_array_append_new(names, json_pack("{s:o, s:s}", "name", json_plain(m->names.p[i].name), "rule", m->names.p[i].rule));
	json_t *j = json_pack("{s:o, s:o, s:b, s:o}", "place", json_plain(m->seen->place), "for", plans, "by-names", m->is_guess, "names", names);
	if (!m->has_leaf || j == NULL)
		return j;
	const struct cert_view *v = &m->leaf;
	json_t *more = json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:I, s:I}", "subject", json_plain(v->subject), "issuer", json_plain(v->issuer), "serial",
		v->serial, "thumbprint", v->thumbprint, "not-before", json_time(v->not_before), "not-after", json_time(v->not_after), "key",
		json_plain(v->key), "from", (json_int_t)v->not_before, "until", (json_int_t)v->not_after);
	(void)json_object_update(j, more);
	json_decref(more);
	return j;
}

static json_t *json_finding(const struct check_finding *f)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "rule", f->rule->id, "check", f->rule->group, "severity", check_severity_word(f->severity),
		"place", json_plain(f->place), "what", json_plain(f->what), "why", f->rule->sentence, "remedy", f->rule->remedy);
}

void report_json(const struct report *r, struct buf *out)
{
	const struct check_result *x = r->result;
	json_t *matches = json_array(), *findings = json_array(), *unseen = json_array();
	for (size_t i = 0; i < x->matches.n; i++)
		(void)json_array_append_new(matches, json_match(&x->matches.p[i]));
	for (size_t i = 0; i < x->findings.n; i++)
		(void)json_array_append_new(findings, json_finding(&x->findings.p[i]));
	for (size_t i = 0; i < x->unseen.n; i++)
		(void)json_array_append_new(unseen, json_plan(x->unseen.p[i]));
	json_t *all = json_pack("{s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:o, s:o, s:o}", "time", json_time(r->now), "command", json_plain(r->command), "topology",
		json_plain(r->topology), "strict", r->is_strict, "errors", (json_int_t)x->counts[CHECK_ERROR], "warnings",
		(json_int_t)x->counts[CHECK_WARNING], "information", (json_int_t)x->counts[CHECK_INFORMATION], "findings", findings, "certificates",
		matches, "unseen", unseen);
	char *text = all != NULL ? json_dumps(all, JSON_INDENT(2)) : NULL;
	if (text != NULL)
		buf_printf(out, "%s\n", text);
	else
		out->failed = true;
	free(text);
	json_decref(all);
}
