/* SPDX-License-Identifier: Apache-2.0 */
/* Names: which must be there, which must not, and how they are written. */
#include "service/check/check_priv.h"

static str without_dot(str name)
{
	return name.n > 0 && name.p[name.n - 1] == '.' ? str_cut(name, 0, name.n - 1) : name;
}

bool check_name_eq(str a, str b)
{
	return str_eq_case(without_dot(a), without_dot(b));
}

bool check_is_wildcard(str name)
{
	return str_find_char(name, '*') < name.n;
}

bool check_covers(str name, str host)
{
	str first, rest;
	if (check_name_eq(name, host))
		return true;
	first = str_split(without_dot(host), '.', &rest);
	return str_begins(name, STR("*.")) && first.n > 0 && rest.n > 0 && check_name_eq(str_cut(name, 2, name.n), rest);
}

bool check_is_below(str name, str domain)
{
	name = without_dot(name);
	return domain.n > 0 && name.n > domain.n + 1 && name.p[name.n - domain.n - 1] == '.' &&
	       str_eq_case(str_cut(name, name.n - domain.n, name.n), domain);
}

bool check_has_name(const struct topo_names *list, str name)
{
	for (size_t i = 0; i < list->n; i++)
		if (check_name_eq(list->p[i], name))
			return true;
	return false;
}

static bool is_covered(const struct topo_names *list, str name)
{
	for (size_t i = 0; i < list->n; i++)
		if (check_covers(list->p[i], name))
			return true;
	return false;
}

static const char *why_in(const struct plan_certificate *p, str name)
{
	const char *covered = NULL;
	if (check_name_eq(p->cn, name))
		return plan_rules[p->cn_rule].id;
	TOPO_EACH (n, p->san) {
		if (check_name_eq(n->name, name))
			return plan_rules[n->rule].id;
		if (check_covers(n->name, name))
			covered = plan_rules[n->rule].id;
	}
	return covered;
}

const char *check_why(struct check *c, const struct subject *s, str name)
{
	for (size_t i = 0; i < s->match->plans.n; i++) {
		const struct plan_certificate *mine = s->match->plans.p[i];
		const char *why = why_in(mine, name);
		if (why != NULL)
			return why;
		TOPO_EACH (p, *c->plans) {
			/* one certificate may serve several usages of a host, and several hosts of a pool */
			why = mine->pool.n > 0 && str_eq(p->pool, mine->pool) && p->public_ca == mine->public_ca ? why_in(p, name) : NULL;
			if (why != NULL)
				return why;
		}
	}
	return NULL;
}

/* ---- wildcards ---- */

void rule_wildcard_cn(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (check_is_wildcard(s->match->leaf.cn))
		check_say(c, s, "the common name is \"%.*s\"", CHECK_TEXT(s->match->leaf.cn));
}

static void say_wildcards(struct check *c, struct subject *s)
{
	TOPO_EACH (name, s->match->leaf.san)
		if (check_is_wildcard(*name))
			check_say(c, s, "\"%.*s\" is in the SAN", CHECK_TEXT(*name));
}

/* A hybrid certificate's wildcards are planned. */
void rule_wildcard_edge(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (!c->topo->certificates.hybrid)
		say_wildcards(c, s);
}

void rule_wildcard(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	say_wildcards(c, s);
}

static bool has_web(const struct check *c, const struct plan_certificate *p)
{
	TOPO_EACH (o, *c->plans)
		if (str_eq(o->pool, p->pool) && (check_parts(o) & PART_WEB) != 0)
			return true;
	return false;
}

void rule_wildcard_combined(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (has_web(c, p))
		say_wildcards(c, s);
}

void rule_wildcard_server(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	bool is_server = (check_parts(p) & PART_DEFAULT) != 0 ? !has_web(c, p) : !check_is_farm(p);
	if (is_server && (check_parts(p) & PART_WEB) == 0)
		say_wildcards(c, s);
}

/* A wildcard above a name that only several labels would make fit. */
static str find_high_wildcard(const struct topo_names *san, str name)
{
	for (size_t i = 0; i < san->n; i++)
		if (str_begins(san->p[i], STR("*.")) && check_is_below(name, str_cut(san->p[i], 2, san->p[i].n)) && !check_covers(san->p[i], name))
			return san->p[i];
	return (str){ "", 0 };
}

void rule_wildcard_labels(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (name, p->san) {
		str high = find_high_wildcard(&s->match->leaf.san, name->name);
		if (high.n > 0 && !is_covered(&s->match->leaf.san, name->name))
			check_say(c, s, "\"%.*s\" does not hold for \"%.*s\"", CHECK_TEXT(high), CHECK_TEXT(name->name));
	}
}

/* ---- names that must be there ---- */

/* Whether a plan may have its names by a wildcard of the certificate. */
static bool may_cover(const struct check *c, const struct plan_certificate *p)
{
	return (check_parts(p) & (PART_PROXY | PART_WEB)) != 0 || check_is_farm(p);
}

static bool is_there(const struct check *c, const struct subject *s, const struct plan_certificate *p, str name)
{
	const struct topo_names *san = &s->match->leaf.san;
	if (check_has_name(san, name) || (may_cover(c, p) && is_covered(san, name)))
		return true;
	return may_cover(c, p) && find_high_wildcard(san, name).n > 0; /* G08 says that one */
}

static void say_name(struct check *c, struct subject *s, const struct plan_certificate *p, str name)
{
	struct buf usages;
	buf_init(&usages, 1024);
	check_print_usages(p, &usages);
	check_say(c, s, "\"%.*s\" is not in it (%.*s: %.*s)", CHECK_TEXT(name), CHECK_TEXT(p->host), STR_FMT(buf_str(&usages)));
	buf_fini(&usages);
}

static bool is_external_web(const struct check *c, str name)
{
	TOPO_EACH (site, c->topo->sites)
		TOPO_EACH (pool, site->pools)
			if (name.n > 0 && str_eq(pool->web.external, name))
				return true;
	return false;
}

/* What a planned name is for, whichever rule of the plan has put it there. */
static const char *word_of(const struct check *c, const struct plan_certificate *p, str name)
{
	if (check_name_eq(name, p->cn))
		return "cn";
	if (plan_certificate_is_on(p, name))
		return "member";
	for (size_t i = 0; i < c->topo->sip_domains.n; i++) {
		str rest, domain = c->topo->sip_domains.p[i], first = str_split(name, '.', &rest);
		if (str_eq(name, domain))
			return "xmpp";
		if (str_eq(rest, domain) && str_eq(first, STR("sip")))
			return "sip";
		if (str_eq(rest, domain) && str_eq(first, STR("lyncdiscover")) && i > 0)
			return "discover";
	}
	TOPO_EACH (site, c->topo->sites)
		TOPO_EACH (pool, site->pools) {
			if (str_eq(name, pool->external.web_conferencing))
				return "webconf";
			if (str_eq(name, pool->external.av))
				return "av";
			if (str_eq(name, pool->web.external) || str_eq(name, pool->web.internal))
				return "web";
			if (str_eq(name, pool->pool))
				return "pool";
		}
	return "other";
}

/* Whether a planned name is one that the rule at hand is about: its word is one of the row's. */
static bool is_of(const struct check *c, const struct plan_certificate *p, str name)
{
	str word = str_of(word_of(c, p, name)), left = str_of(c->row->of);
	while (left.n > 0)
		if (str_eq(str_split(left, ' ', &left), word))
			return true;
	return false;
}

void rule_name(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (name, p->san)
		if (is_of(c, p, name->name) && !is_there(c, s, p, name->name))
			say_name(c, s, p, name->name);
}

/* An Edge may rely on no wildcard, also where its certificate has some for the proxy. */
void rule_name_edge(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (name, p->san)
		if (is_of(c, p, name->name) && !check_has_name(&s->match->leaf.san, name->name))
			say_name(c, s, p, name->name);
}

/* External web names stand literally, whatever wildcards there are. */
void rule_name_literal(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (name, p->san)
		if (is_external_web(c, name->name) && !check_has_name(&s->match->leaf.san, name->name))
			say_name(c, s, p, name->name);
}

/* The CN of a hybrid or a proxy's certificate may be any of its names; where only one will do, this is asked. */
void rule_cn(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	str cn = s->match->leaf.cn;
	if (!check_name_eq(cn, p->cn) && !check_is_wildcard(cn))
		check_say(c, s, "the common name is \"%.*s\", not \"%.*s\"", CHECK_TEXT(cn), CHECK_TEXT(p->cn));
}

void rule_cn_web(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	str cn = s->match->leaf.cn;
	bool is_known = check_name_eq(cn, p->cn) || plan_certificate_is_on(p, cn) || check_name_eq(cn, p->pool);
	if (!is_known && !check_is_wildcard(cn))
		check_say(c, s, "the common name is \"%.*s\"", CHECK_TEXT(cn));
}

void rule_cn_in_san(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	str cn = s->match->leaf.cn;
	bool is_said = (check_parts(p) & PART_EDGE) != 0 && check_name_eq(cn, p->cn); /* E-access says it */
	if (!is_said && cn.n > 0 && !check_is_wildcard(cn) && !check_has_name(&s->match->leaf.san, cn))
		check_say(c, s, "\"%.*s\" is the common name, but not in the SAN", CHECK_TEXT(cn));
}

void rule_first(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct topo_names *san = &s->match->leaf.san;
	if (san->n > 0 && check_has_name(san, p->cn) && !check_name_eq(san->p[0], p->cn))
		check_say(c, s, "the first is \"%.*s\"", CHECK_TEXT(san->p[0]));
}
