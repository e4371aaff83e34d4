/* SPDX-License-Identifier: Apache-2.0 */
/* The run: reads what was seen, finds the plans, asks the rules, sorts what they say. */
#include "service/check/check_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ALL           PART_ALL
#define EDGE          PART_EDGE
#define EDGE_INTERNAL PART_EDGE_INTERNAL
#define PROXY         PART_PROXY
#define DEFAULT       PART_DEFAULT
#define WEB           PART_WEB
#define OTHER         PART_OTHER

static const struct check_row rows[] = {
#define RULE(id, group, severity, strict, scope, parts, fn, of, sentence, remedy)                                                                 \
	{ { id, group, CHECK_##severity, CHECK_##strict, sentence, remedy }, SCOPE_##scope, parts, fn, of },
#include "service/check/check_rule.def"
#undef RULE
};

#define ROWS (sizeof rows / sizeof *rows)

static const struct check_rule facts[CHECK_FACT_N] = {
#define FACT(name, id, group, severity, strict, sentence, remedy) [CHECK_FACT_##name] = { id, group, CHECK_##severity, CHECK_##strict, sentence, remedy },
#include "service/check/check_fact.def"
#undef FACT
};

const struct check_rule *check_rule_at(size_t i)
{
	if (i < ROWS)
		return &rows[i].rule;
	return i - ROWS < CHECK_FACT_N ? &facts[i - ROWS] : NULL;
}

const char *check_severity_word(enum check_severity severity)
{
	static const char *const words[CHECK_SEVERITY_N] = { "error", "warning", "information" };
	return words[severity];
}

/* ---- findings ---- */

static bool is_known(const struct check *c, const struct check_finding *f)
{
	for (size_t i = 0; i < c->out->findings.n; i++) {
		const struct check_finding *o = &c->out->findings.p[i];
		if (o->rule == f->rule && o->seen == f->seen && str_eq(o->place, f->place) && str_eq(o->what, f->what))
			return true;
	}
	return false;
}

static bool make_room(struct check *c)
{
	if (c->out->findings.n < c->findings_room)
		return true;
	size_t room = c->findings_room == 0 ? 64 : 2 * c->findings_room;
	struct check_finding *p = room <= FINDINGS_MAX ? arena_alloc(c->arena, room * sizeof *p) : NULL;
	if (p == NULL)
		return false;
	if (c->out->findings.n > 0)
		memcpy(p, c->out->findings.p, c->out->findings.n * sizeof *p);
	c->out->findings.p = p;
	c->findings_room = room;
	return true;
}

static bool add(struct check *c, struct check_finding f)
{
	if (!make_room(c))
		return false;
	c->out->findings.p[c->out->findings.n++] = f;
	c->out->counts[f.severity]++;
	return true;
}

void check_say(struct check *c, const struct subject *s, const char *fmt, ...)
{
	char text[900];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	const struct check_rule *rule = &c->row->rule;
	struct check_finding f = { .rule = rule,
		.severity = c->policy->is_strict ? rule->strict : rule->severity,
		.place = s != NULL ? s->seen->place : STR("topology"),
		.what = str_of(text),
		.seen = s != NULL ? s->index : SIZE_MAX };
	if (c->is_full || is_known(c, &f))
		return;
	f.what = arena_copy(c->arena, f.what);
	c->is_full = f.what.p == NULL || !add(c, f);
	if (s != NULL && !c->is_full)
		s->match->counts[f.severity]++;
}

static void say_facts(struct check *c)
{
	TOPO_EACH (fact, c->evidence->facts) {
		const struct check_rule *rule = &facts[fact->kind];
		struct check_finding f = { rule, c->policy->is_strict ? rule->strict : rule->severity, fact->place, fact->what, SIZE_MAX };
		if (!is_known(c, &f))
			c->is_full = c->is_full || !add(c, f);
	}
}

static int by_severity(const void *a, const void *b)
{
	const struct check_finding *x = a, *y = b;
	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->seen != y->seen)
		return x->seen < y->seen ? -1 : 1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return str_cmp(x->what, y->what);
}

/* ---- subjects ---- */

static err read_chain(struct check *c, struct subject *s)
{
	struct links links;
	TRY(check_links(&s->seen->chain, c->arena, &links));
	s->chain.p = links.p;
	s->chain.n = links.n;
	s->is_readable = links.n == s->seen->chain.n && links.n > 0 && s->seen->failure.n == 0;
	s->match->has_leaf = links.n > 0 && str_eq(links.p[0].der, s->seen->chain.p[0]);
	if (s->match->has_leaf)
		s->match->leaf = links.p[0].view;
	return OK;
}

static err add_name(struct check *c, struct subject *s, str name)
{
	for (size_t i = 0; i < s->match->names.n; i++)
		if (check_name_eq(s->match->names.p[i].name, name))
			return OK;
	const char *why = check_why(c, s, name);
	s->match->names.p[s->match->names.n++] = (struct check_name){ name, why != NULL ? why : "" };
	return OK;
}

static err add_names(struct check *c, struct subject *s)
{
	const struct cert_view *v = &s->match->leaf;
	s->match->names.p = arena_alloc(c->arena, (v->san.n + 1) * sizeof *s->match->names.p);
	ENSURE(s->match->names.p != NULL, CEILING);
	if (v->cn.n > 0)
		TRY(add_name(c, s, v->cn));
	TOPO_EACH (name, v->san)
		TRY(add_name(c, s, *name));
	return OK;
}

static err prepare(struct check *c, struct subject *s)
{
	TRY(read_chain(c, s));
	if (!s->match->has_leaf)
		return OK;
	TRY(check_match(c, s));
	for (size_t i = 0; i < s->match->plans.n; i++) {
		s->parts |= check_parts(s->match->plans.p[i]);
		s->is_public = s->is_public || s->match->plans.p[i]->public_ca;
	}
	TRY(add_names(c, s));
	return OK;
}

static err prepare_all(struct check *c)
{
	size_t n = c->evidence->seen.n;
	ENSURE(n <= CHECK_SEEN_MAX, CEILING);
	c->subjects.p = arena_zalloc(c->arena, (n + 1) * sizeof *c->subjects.p);
	c->out->matches.p = arena_zalloc(c->arena, (n + 1) * sizeof *c->out->matches.p);
	ENSURE(c->subjects.p != NULL && c->out->matches.p != NULL, CEILING);
	c->subjects.n = c->out->matches.n = n;
	TRY(check_links(&c->policy->internal_roots, c->arena, &c->internal));
	TRY(check_links(&c->policy->public_roots, c->arena, &c->public));
	for (size_t i = 0; i < n; i++) {
		struct subject *s = &c->subjects.p[i];
		c->out->matches.p[i].seen = &c->evidence->seen.p[i];
		*s = (struct subject){ .seen = &c->evidence->seen.p[i], .index = i, .match = &c->out->matches.p[i] };
		TRY(prepare(c, s));
	}
	for (size_t i = 0; i < n; i++) /* an issuer may lie in another file */
		if (c->subjects.p[i].match->has_leaf)
			check_walk(c, &c->subjects.p[i]);
	return OK;
}

static bool is_seen(const struct check *c, const struct plan_certificate *p)
{
	for (size_t i = 0; i < c->subjects.n; i++) {
		const struct check_match *m = c->subjects.p[i].match;
		for (size_t k = 0; k < m->plans.n; k++)
			if (m->plans.p[k] == p)
				return true;
	}
	return false;
}

static err find_unseen(struct check *c)
{
	c->out->unseen.p = arena_alloc(c->arena, (c->plans->n + 1) * sizeof *c->out->unseen.p);
	ENSURE(c->out->unseen.p != NULL, CEILING);
	TOPO_EACH (p, *c->plans)
		if (!is_seen(c, p))
			c->out->unseen.p[c->out->unseen.n++] = p;
	return OK;
}

/* ---- rules ---- */

static void ask_plans(struct check *c, struct subject *s, const struct check_row *row)
{
	for (size_t i = 0; i < s->match->plans.n; i++)
		if ((check_parts(s->match->plans.p[i]) & row->parts) != 0)
			row->fn(c, s, s->match->plans.p[i]);
}

static void ask(struct check *c, const struct check_row *row)
{
	c->row = row;
	if (row->scope == SCOPE_ALL) {
		row->fn(c, NULL, NULL);
		return;
	}
	for (size_t i = 0; i < c->subjects.n; i++) {
		struct subject *s = &c->subjects.p[i];
		if (row->scope != SCOPE_SEEN && !s->match->has_leaf)
			continue;
		if (row->scope == SCOPE_PLAN)
			ask_plans(c, s, row);
		else if (row->parts == PART_ALL || (s->parts & row->parts) != 0)
			row->fn(c, s, NULL);
	}
}

err check_run(const struct topo *t, const struct plan_certificates *plans, const struct check_evidence *evidence,
	const struct check_policy *policy, struct arena *a, struct check_result *out)
{
	*out = (struct check_result){ 0 };
	struct check c = { .topo = t, .plans = plans, .evidence = evidence, .policy = policy, .arena = a, .out = out };
	TRY(prepare_all(&c));
	TRY(find_unseen(&c));
	for (size_t i = 0; i < ROWS; i++)
		ask(&c, &rows[i]);
	say_facts(&c);
	ENSURE(!c.is_full, CEILING);
	if (out->findings.n > 1)
		qsort(out->findings.p, out->findings.n, sizeof *out->findings.p, by_severity);
	return OK;
}
