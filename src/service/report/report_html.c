/* SPDX-License-Identifier: Apache-2.0 */
/* A page to hand on: nothing in it is fetched or run. */
#include "service/report/report_priv.h"

#define PAGE_ARENA (32u << 20)

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Certificates of the deployment</title>\n<style>\n"
	"body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:0 auto;max-width:86rem;padding:1rem 1.5rem}\n"
	"h1{font-size:1.7rem;margin:.5rem 0}h2{font-size:1.3rem;margin:2rem 0 .6rem;border-bottom:2px solid #444}h3{font-size:1.05rem;margin:1.4rem 0 .4rem;overflow-wrap:anywhere}\n"
	"table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}caption{text-align:left;font-weight:600;padding:.3rem 0}\n"
	"th,td{border:1px solid #777;padding:.35rem .55rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}thead th{background:#e8e8e8}\n"
	".findings th,.findings td:nth-child(2){white-space:nowrap}.findings td:nth-child(3){min-width:9rem}\n"
	"code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}.error{font-weight:700;color:#8b0000}.warning{font-weight:700;color:#6b4200}.information{color:#1d3f72}\n"
	"a{color:#0b3d91}nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;list-style:none;padding:0;margin:.3rem 0}.wide{overflow-x:auto}\n"
	"svg{width:100%;min-width:60rem;height:auto;font-family:system-ui,sans-serif}svg .box{fill:#f4f6f8;stroke:#333;stroke-width:1.2}svg .name{font-size:14px;font-weight:600}\n"
	"svg .kind{font-size:13px;fill:#333}svg .head{font-size:15px;font-weight:700;fill:#333}svg .line{fill:none;stroke:#555;stroke-width:1.2}\n"
	"svg .dot{fill:#fff;stroke:#333}svg .number{font-size:11px;text-anchor:middle}\n"
	"@media print{body{max-width:none;padding:0}tr,svg{break-inside:avoid}nav{display:none}svg{min-width:0}}\n"
	"</style>\n</head>\n<body>\n";

static void add_cell(struct buf *out, str s)
{
	buf_add(out, STR("<td>"));
	report_add_html(out, s);
	buf_add(out, STR("</td>"));
}

static void add_row_head(struct buf *out, str s)
{
	buf_add(out, STR("<tr><th scope=\"row\">"));
	report_add_html(out, s);
	buf_add(out, STR("</th>"));
}

/* A table's beginning, its columns separated by '|'. */
static void open_table(struct buf *out, const char *caption, str columns)
{
	buf_printf(out, "<div class=\"wide\"><table><caption>%s</caption><thead><tr>", caption);
	while (columns.n > 0) {
		str column = str_split(columns, '|', &columns);
		buf_printf(out, "<th scope=\"col\">%.*s</th>", STR_FMT(column));
	}
	buf_add(out, STR("</tr></thead><tbody>\n"));
}

static void close_table(struct buf *out)
{
	buf_add(out, STR("</tbody></table></div>\n"));
}

/* ---- the beginning ---- */

static void add_banner(const struct report *r, struct buf *out)
{
	buf_add(out, STR("<header>\n<h1>Certificates of "));
	report_add_html(out, r->topo->organization);
	buf_add(out, STR("</h1>\n<p>Looked at on "));
	report_add_time(out, r->now);
	buf_add(out, STR(" by <code>"));
	report_add_html(out, r->command);
	buf_add(out, STR("</code>, against the topology <code>"));
	report_add_html(out, r->topology);
	buf_printf(out, "</code>%s.</p>\n", r->is_strict ? ", by the strict profile" : "");
	buf_add(out, STR("<nav aria-label=\"Parts of this page\"><ul><li><a href=\"#summary\">Summary</a></li><li><a href=\"#findings\">Findings</a></li>"
			 "<li><a href=\"#topology\">Topology</a></li><li><a href=\"#certificates\">Certificates</a></li>"
			 "<li><a href=\"#unseen\">Not looked at</a></li></ul></nav>\n</header>\n<main>\n"));
}

static void add_summary(const struct report *r, struct buf *out)
{
	const struct check_result *x = r->result;
	buf_add(out, STR("<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n"));
	buf_printf(out, "<p>%s</p>\n",
		x->counts[CHECK_ERROR] > 0     ? "There are errors: something does not work, or is not safe."
		: x->counts[CHECK_WARNING] > 0 ? "There are no errors, but warnings that somebody should look at."
					       : "Nothing is wrong.");
	open_table(out, "How many of each", STR("what|how many"));
	buf_printf(out, "<tr><th scope=\"row\">places looked at</th><td>%zu</td></tr>\n", x->matches.n);
	for (unsigned i = 0; i < CHECK_SEVERITY_N; i++)
		buf_printf(out, "<tr><th scope=\"row\">findings: %s</th><td>%zu</td></tr>\n", check_severity_word((enum check_severity)i), x->counts[i]);
	buf_printf(out, "<tr><th scope=\"row\">planned, not looked at</th><td>%zu</td></tr>\n", x->unseen.n);
	close_table(out);
	buf_add(out, STR("</section>\n"));
}

static void add_finding(const struct check_finding *f, struct buf *out)
{
	const char *word = check_severity_word(f->severity);
	buf_printf(out, "<tr><th scope=\"row\" class=\"%s\">%s</th><td>%s%s%s</td>", word, word, f->rule->id, f->rule->group[0] != '\0' ? "<br>" : "",
		f->rule->group);
	if (f->seen == SIZE_MAX)
		add_cell(out, f->place);
	else {
		buf_printf(out, "<td><a href=\"#place%zu\">", f->seen);
		report_add_html(out, f->place);
		buf_add(out, STR("</a></td>"));
	}
	add_cell(out, f->what);
	add_cell(out, str_of(f->rule->sentence));
	add_cell(out, str_of(f->rule->remedy));
	buf_add(out, STR("</tr>\n"));
}

static void add_findings(const struct report *r, struct buf *out)
{
	buf_add(out, STR("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n"));
	if (r->result->findings.n == 0)
		buf_add(out, STR("<p>None.</p>\n"));
	else {
		buf_add(out, STR("<div class=\"findings\">\n"));
		open_table(out, "The worst first", STR("severity|rule|place|found|what should be|remedy"));
		for (size_t i = 0; i < r->result->findings.n; i++)
			add_finding(&r->result->findings.p[i], out);
		close_table(out);
		buf_add(out, STR("</div>\n"));
	}
	buf_add(out, STR("</section>\n"));
}

/* ---- who presents what to whom ---- */

static const struct plan_certificate *plan_of(const struct check_match *m, str who, str usage)
{
	for (size_t i = 0; i < m->plans.n; i++) {
		const struct plan_certificate *p = m->plans.p[i];
		enum plan_usage u;
		bool is_his = str_eq(p->pool, who) || plan_certificate_is_on(p, who);
		if (is_his && plan_usage_find(usage, &u) && (p->usages & 1u << u) != 0)
			return p;
	}
	return NULL;
}

static void add_presented(const struct report *r, str who, str usage, struct buf *out)
{
	size_t n = 0;
	buf_add(out, STR("<td>"));
	for (size_t i = 0; i < r->result->matches.n; i++) {
		const struct check_match *m = &r->result->matches.p[i];
		if (plan_of(m, who, usage) == NULL)
			continue;
		buf_printf(out, "%s<a href=\"#place%zu\">", n++ > 0 ? "<br>" : "", i);
		report_add_html(out, m->leaf.cn);
		buf_add(out, STR(" at "));
		report_add_html(out, m->seen->place);
		buf_add(out, STR("</a>"));
	}
	buf_add(out, n == 0 ? STR("not looked at</td>") : STR("</td>"));
}

static void add_flows(const struct report *r, const struct picture *p, struct buf *out)
{
	open_table(out, "Who presents what to whom", STR("number|who presents|to whom|usage|certificate"));
	for (size_t i = 0; i < p->flows.n; i++) {
		const struct flow *f = &p->flows.p[i];
		buf_printf(out, "<tr><th scope=\"row\">%zu</th>", i + 1);
		add_cell(out, p->nodes.p[f->to].name);
		add_cell(out, p->nodes.p[f->from].name);
		add_cell(out, str_of(f->presents));
		add_presented(r, p->nodes.p[f->to].name, str_of(f->presents), out);
		buf_add(out, STR("</tr>\n"));
	}
	close_table(out);
}

static void add_topology(const struct report *r, struct buf *out)
{
	buf_add(out, STR("<section aria-labelledby=\"topology\">\n<h2 id=\"topology\">Topology</h2>\n"));
	for (size_t i = 0; i < r->topo->sites.n; i++) {
		struct arena a;
		struct picture p;
		arena_init(&a, PAGE_ARENA);
		buf_add(out, STR("<h3>Site "));
		report_add_html(out, r->topo->sites.p[i].name);
		buf_add(out, STR("</h3>\n<div class=\"wide\">"));
		if (failed(report_picture(r->topo, &r->topo->sites.p[i], &a, &p)))
			out->failed = true;
		else
			report_svg(&p, i, out);
		buf_add(out, STR("</div>\n"));
		if (!out->failed)
			add_flows(r, &p, out);
		arena_fini(&a);
	}
	buf_add(out, STR("</section>\n"));
}

/* ---- certificates ---- */

static void add_pair(struct buf *out, const char *what, str value)
{
	add_row_head(out, str_of(what));
	add_cell(out, value);
	buf_add(out, STR("</tr>\n"));
}

static void add_times(const struct cert_view *v, struct buf *out)
{
	buf_add(out, STR("<tr><th scope=\"row\">valid</th><td>"));
	report_add_time(out, v->not_before);
	buf_add(out, STR(" to "));
	report_add_time(out, v->not_after);
	buf_add(out, STR("</td></tr>\n"));
}

static void add_uses(const struct check_match *m, struct buf *out)
{
	buf_add(out, STR("<tr><th scope=\"row\">for</th><td>"));
	for (size_t i = 0; i < m->plans.n; i++) {
		buf_add(out, i > 0 ? STR("<br>") : STR(""));
		report_add_html(out, m->plans.p[i]->host);
		TOPO_EACH (host, m->plans.p[i]->shared_with) {
			buf_add(out, STR(", "));
			report_add_html(out, *host);
		}
		buf_add(out, STR(": "));
		check_print_usages(m->plans.p[i], out);
	}
	buf_printf(out, "%s</td></tr>\n", m->plans.n == 0 ? "nothing that is planned" : m->is_guess ? "<br>(found by its names)" : "");
}

static void add_names(const struct check_match *m, struct buf *out)
{
	if (m->names.n == 0)
		return;
	open_table(out, "Names and why they are there", STR("name|rule of the plan"));
	for (size_t i = 0; i < m->names.n; i++) {
		add_row_head(out, m->names.p[i].name);
		add_cell(out, m->names.p[i].rule[0] != '\0' ? str_of(m->names.p[i].rule) : STR("no reason"));
		buf_add(out, STR("</tr>\n"));
	}
	close_table(out);
}

static void add_certificate(const struct check_match *m, size_t i, struct buf *out)
{
	buf_printf(out, "<article aria-labelledby=\"place%zu\">\n<h3 id=\"place%zu\">", i, i);
	report_add_html(out, m->seen->place);
	buf_add(out, STR("</h3>\n"));
	if (!m->has_leaf) {
		buf_add(out, STR("<p>No certificate could be read here.</p>\n</article>\n"));
		return;
	}
	open_table(out, "What it is", STR("property|value"));
	add_uses(m, out);
	add_pair(out, "subject", m->leaf.subject);
	add_pair(out, "issuer", m->leaf.issuer);
	add_times(&m->leaf, out);
	add_pair(out, "key", m->leaf.key);
	add_pair(out, "serial number", str_of(m->leaf.serial));
	add_pair(out, "thumbprint", str_of(m->leaf.thumbprint));
	add_pair(out, "revocation list", m->leaf.crl_url);
	close_table(out);
	add_names(m, out);
	buf_printf(out, "<p>Findings: %zu errors, %zu warnings, %zu information.</p>\n</article>\n", m->counts[CHECK_ERROR], m->counts[CHECK_WARNING],
		m->counts[CHECK_INFORMATION]);
}

static void add_certificates(const struct report *r, struct buf *out)
{
	buf_add(out, STR("<section aria-labelledby=\"certificates\">\n<h2 id=\"certificates\">Certificates</h2>\n"));
	for (size_t i = 0; i < r->result->matches.n; i++)
		add_certificate(&r->result->matches.p[i], i, out);
	buf_add(out, STR("</section>\n"));
}

static void add_unseen(const struct report *r, struct buf *out)
{
	buf_add(out, STR("<section aria-labelledby=\"unseen\">\n<h2 id=\"unseen\">Planned, not looked at</h2>\n"));
	if (r->result->unseen.n == 0)
		buf_add(out, STR("<p>Nothing: everything that is planned was looked at.</p>\n"));
	else {
		open_table(out, "Certificates that the topology asks for and that were not among the places", STR("host|usage|common name"));
		for (size_t i = 0; i < r->result->unseen.n; i++) {
			const struct plan_certificate *p = r->result->unseen.p[i];
			add_row_head(out, p->host);
			buf_add(out, STR("<td>"));
			check_print_usages(p, out);
			buf_add(out, STR("</td>"));
			add_cell(out, p->cn);
			buf_add(out, STR("</tr>\n"));
		}
		close_table(out);
	}
	buf_add(out, STR("</section>\n"));
}

void report_html(const struct report *r, struct buf *out)
{
	buf_add(out, str_of(head));
	add_banner(r, out);
	add_summary(r, out);
	add_findings(r, out);
	add_topology(r, out);
	add_certificates(r, out);
	add_unseen(r, out);
	buf_printf(out, "</main>\n<footer><p>Written by witan %s.</p></footer>\n</body>\n</html>\n", WITAN_VERSION);
}
