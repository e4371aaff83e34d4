/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody asked for, and how names are written. */
#include "service/check/check_priv.h"

#define CN_MOST 64

/* Hosts inside: below the internal domain where that is none of the SIP domains, the console's name, and names without a domain. */
static bool is_internal(const struct check *c, str name)
{
	str rest, first = str_split(name, '.', &rest);
	if (rest.n == 0)
		return first.n > 0;
	TOPO_EACH (domain, c->topo->sip_domains) {
		if (str_eq_case(first, STR("admin")) && check_name_eq(rest, *domain))
			return true;
	}
	TOPO_EACH (domain, c->topo->sip_domains)
		if (check_name_eq(name, *domain) || check_is_below(name, *domain))
			return false;
	return check_name_eq(name, c->topo->internal_domain) || check_is_below(name, c->topo->internal_domain);
}

void rule_leak(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 0; s->is_public && i < s->match->names.n; i++)
		if (is_internal(c, s->match->names.p[i].name))
			check_say(c, s, "\"%.*s\" is in it", CHECK_TEXT(s->match->names.p[i].name));
}

void rule_extra(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 0; s->match->plans.n > 0 && i < s->match->names.n; i++) {
		const struct check_name *n = &s->match->names.p[i];
		bool is_said = check_is_wildcard(n->name) || (s->is_public && is_internal(c, n->name));
		if (n->rule[0] == '\0' && !is_said)
			check_say(c, s, "nothing asks for \"%.*s\"", CHECK_TEXT(n->name));
	}
}

void rule_twice(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct topo_names *san = &s->match->leaf.san;
	for (size_t i = 1; i < san->n; i++)
		for (size_t k = 0; k < i; k++)
			if (check_name_eq(san->p[i], san->p[k])) {
				check_say(c, s, "\"%.*s\" is there twice", CHECK_TEXT(san->p[i]));
				break;
			}
}

void rule_address(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (ip, s->match->leaf.ip)
		check_say(c, s, "the address %.*s is in it", CHECK_TEXT(*ip));
}

void rule_cn_length(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->leaf.cn.n > CN_MOST)
		check_say(c, s, "the common name has %zu", s->match->leaf.cn.n);
}

static bool is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-';
}

/* A label of letters, digits and hyphens that stand neither first nor last. */
static bool is_label(str label)
{
	for (size_t i = 0; i < label.n; i++)
		if (!is_letter(char_lower(label.p[i])))
			return false;
	return label.n > 0 && label.n <= 63 && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

static bool is_well_formed(str name)
{
	str left = str_begins(name, STR("*.")) ? str_cut(name, 2, name.n) : name;
	if (left.n == 0 || left.n > CERT_NAME_OCTETS || left.p[left.n - 1] == '.')
		return false;
	while (left.n > 0)
		if (!is_label(str_split(left, '.', &left)))
			return false;
	return true;
}

void rule_name_form(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (name, s->match->leaf.san)
		if (!is_well_formed(*name))
			check_say(c, s, "\"%.*s\" is no name of a host", CHECK_TEXT(*name));
}

void rule_name_case(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (name, s->match->leaf.san)
		for (size_t i = 0; i < name->n; i++)
			if (name->p[i] != char_lower(name->p[i])) {
				check_say(c, s, "\"%.*s\" has capital letters", CHECK_TEXT(*name));
				break;
			}
}

/* ---- Directors ---- */

static const struct topo_pool *find_web(const struct check *c, str name, bool is_director)
{
	TOPO_EACH (site, c->topo->sites)
		TOPO_EACH (pool, site->pools)
			if ((pool->role == TOPO_DIRECTOR) == is_director && pool->web.external.n > 0 && check_name_eq(pool->web.external, name))
				return pool;
	return NULL;
}

/* The topology's reader refuses such a document; a certificate shows that the installed system is another one than the document says. */
void rule_director_web(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct topo_pool *own = topo_find_pool(c->topo, p->pool);
	if (own == NULL || own->role != TOPO_DIRECTOR)
		return;
	TOPO_EACH (name, s->match->leaf.san) {
		const struct topo_pool *other = find_web(c, *name, false);
		if (other != NULL)
			check_say(c, s, "\"%.*s\" is the external web name of %.*s", CHECK_TEXT(*name), CHECK_TEXT(other->pool));
	}
}
