/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the planned certificates one is. */
#include "service/check/check_priv.h"

static const uint32_t parts[PLAN_USAGE_N] = {
	[PLAN_DEFAULT] = PART_DEFAULT,
	[PLAN_WEB_SERVICES_INTERNAL] = PART_WEB,
	[PLAN_WEB_SERVICES_EXTERNAL] = PART_WEB,
	[PLAN_OAUTH_TOKEN_ISSUER] = PART_OAUTH,
	[PLAN_ACCESS_EDGE_EXTERNAL] = PART_EDGE,
	[PLAN_DATA_EDGE_EXTERNAL] = PART_EDGE,
	[PLAN_AUDIO_VIDEO_AUTHENTICATION] = PART_EDGE,
	[PLAN_INTERNAL] = PART_EDGE_INTERNAL,
	[PLAN_XMPP_SERVER] = PART_EDGE,
};

bool check_has_usage(const struct plan_certificate *p, str word)
{
	enum plan_usage usage;
	return plan_usage_find(word, &usage) && (p->usages & 1u << usage) != 0;
}

void check_print_usages(const struct plan_certificate *p, struct buf *out)
{
	const char *between = "";
	for (unsigned i = 0; i < PLAN_USAGE_N; i++) {
		if ((p->usages & 1u << i) == 0)
			continue;
		buf_printf(out, "%s%s", between, plan_usage_word((enum plan_usage)i));
		between = ", ";
	}
}

static bool is_what(const struct plan_certificate *p, const char *word)
{
	return strcmp(p->what, word) == 0;
}

bool check_is_farm(const struct plan_certificate *p)
{
	return is_what(p, "office-web-apps");
}

uint32_t check_parts(const struct plan_certificate *p)
{
	uint32_t set = 0;
	if (is_what(p, "reverse-proxy"))
		return PART_PROXY;
	if (check_is_farm(p) || is_what(p, "pstn-gateway"))
		return PART_OTHER;
	for (unsigned i = 0; i < PLAN_USAGE_N; i++)
		if ((p->usages & 1u << i) != 0)
			set |= parts[i];
	if ((set & PART_EDGE) != 0 && (set & PART_WEB) != 0) /* hybrid: the proxy's part of it */
		set = PART_EDGE | PART_PROXY;
	return set;
}

/* ---- by names ---- */

enum { FOR_CN = 8, FOR_NAME = 3, FOR_WILDCARD = 2, LESS_FOR_LACK = 1 };

static bool is_named(const struct cert_view *v, str name)
{
	return check_has_name(&v->san, name) || check_name_eq(v->cn, name);
}

static bool is_below_wildcard(const struct cert_view *v, str name)
{
	for (size_t i = 0; i < v->san.n; i++)
		if (check_covers(v->san.p[i], name))
			return true;
	return check_covers(v->cn, name);
}

/* How well a certificate fits a plan; 0: not at all. */
static int score(const struct cert_view *v, const struct plan_certificate *p)
{
	int sum = check_name_eq(v->cn, p->cn) ? FOR_CN : 0, lack = 0;
	TOPO_EACH (n, p->san) {
		if (is_named(v, n->name))
			sum += FOR_NAME;
		else if (is_below_wildcard(v, n->name))
			sum += FOR_WILDCARD;
		else
			lack += LESS_FOR_LACK;
	}
	TOPO_EACH (name, v->san)
		for (size_t i = 0, found = 0; !found && i <= p->san.n; i++) {
			found = i < p->san.n && check_name_eq(p->san.p[i].name, *name);
			lack += i == p->san.n ? LESS_FOR_LACK : 0;
		}
	if (sum == 0)
		return 0;
	return sum > lack ? sum - lack : 1;
}

/* Whether it has all that a plan asks for, so that it can serve that usage beside another. */
static bool is_whole(const struct cert_view *v, const struct plan_certificate *p)
{
	TOPO_EACH (n, p->san)
		if (!is_named(v, n->name) && !is_below_wildcard(v, n->name))
			return false;
	return p->san.n > 0;
}

static bool is_said(const struct check_seen *seen, const struct plan_certificate *p)
{
	return (seen->host.n == 0 || plan_certificate_is_on(p, seen->host)) && (seen->usage.n == 0 || check_has_usage(p, seen->usage));
}

/* Signing certificates of tokens have the SIP domains as names, which others have too: only the common name tells them. */
static int score_at(const struct check *c, const struct subject *s, const struct plan_certificate *p)
{
	if (!is_said(s->seen, p))
		return 0;
	if (s->seen->host.n > 0 && s->seen->usage.n > 0)
		return 1;
	int n = score(&s->match->leaf, p);
	return s->seen->usage.n > 0 && n == 0 ? 1 : n;
}

static bool is_best(const struct check *c, const struct subject *s, const struct plan_certificate *p, int best)
{
	int n = score_at(c, s, p);
	if (n == best)
		return true;
	if (n == 0 || (check_parts(p) & (PART_OAUTH | PART_EDGE_INTERNAL)) != 0)
		return false;
	const struct plan_certificate *first = s->match->plans.n > 0 ? s->match->plans.p[0] : NULL;
	return first != NULL && str_eq(first->host, p->host) && is_whole(&s->match->leaf, p);
}

err check_match(struct check *c, struct subject *s)
{
	struct check_match *m = s->match;
	int best = 0;
	m->plans.p = arena_alloc(c->arena, (c->plans->n + 1) * sizeof *m->plans.p);
	ENSURE(m->plans.p != NULL, CEILING);
	m->is_guess = s->seen->host.n == 0 || s->seen->usage.n == 0;
	if (check_is_authority(s) && m->is_guess)
		return OK;
	TOPO_EACH (p, *c->plans) {
		int n = score_at(c, s, p);
		best = n > best ? n : best;
	}
	for (int round = 0; best > 0 && round < 2; round++) { /* the best ones, then what it could serve as well */
		TOPO_EACH (p, *c->plans)
			if ((score_at(c, s, p) == best) == (round == 0) && is_best(c, s, p, best))
				m->plans.p[m->plans.n++] = p;
	}
	return OK;
}
