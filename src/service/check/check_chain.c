/* SPDX-License-Identifier: Apache-2.0 */
/* The chain: who issued whom, up to which root. */
#include "service/check/check_priv.h"

err check_links(const struct topo_names *ders, struct arena *a, struct links *out)
{
	*out = (struct links){ arena_alloc(a, (ders->n + 1) * sizeof *out->p), 0 };
	ENSURE(out->p != NULL, CEILING);
	TOPO_EACH (der, *ders) {
		err e = cert_view_read(*der, a, &out->p[out->n].view, NULL);
		if (err_is(e, ERR_CEILING))
			return e;
		if (!failed(e))
			out->p[out->n++].der = *der;
	}
	return OK;
}

bool check_is_signed(const struct link *what, const struct link *by)
{
	struct buf spki;
	buf_init(&spki, CERT_DER_MAX);
	bool ok = !failed(cert_spki_read(by->der, &spki)) && cert_is_signed(what->der, buf_str(&spki));
	buf_fini(&spki);
	return ok;
}

static bool is_named(const struct link *what, const struct link *by)
{
	return str_eq(what->view.issuer, by->view.subject);
}

static bool is_self_signed(const struct link *l)
{
	return l->view.is_self_issued && check_is_signed(l, l);
}

/* The one that has signed it, else one of its name, else NULL. */
static const struct link *find_issuer(const struct link *p, size_t n, const struct link *of)
{
	const struct link *named = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!is_named(of, &p[i]) || str_eq(p[i].der, of->der))
			continue;
		if (check_is_signed(of, &p[i]))
			return &p[i];
		named = &p[i];
	}
	return named;
}

static bool is_in(const struct links *list, const struct link *l)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->p[i].der, l->der))
			return true;
	return false;
}

/* Certificates in other files: a heap has no other order. */
static const struct link *find_elsewhere(struct check *c, const struct subject *s, const struct link *of)
{
	const struct link *found = NULL;
	for (size_t i = 0; !s->seen->is_ordered && i < c->subjects.n; i++) {
		const struct subject *o = &c->subjects.p[i];
		if (o == s || o->seen->is_ordered)
			continue;
		const struct link *l = find_issuer(o->chain.p, o->chain.n, of);
		if (l != NULL && (found == NULL || check_is_signed(of, l)))
			found = l;
	}
	return found;
}

static const struct link *find_next(struct check *c, const struct subject *s, const struct link *of)
{
	const struct link *places[] = { find_issuer(c->internal.p, c->internal.n, of), find_issuer(c->public.p, c->public.n, of),
		find_issuer(s->chain.p, s->chain.n, of), find_elsewhere(c, s, of) };
	const struct link *named = NULL;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (places[i] == NULL)
			continue;
		if (check_is_signed(of, places[i]))
			return places[i];
		named = places[i];
	}
	return named;
}

static bool is_at_root(const struct check *c, const struct link *l, struct walk *w)
{
	if (is_in(&c->internal, l))
		w->end = WALK_INTERNAL;
	else if (is_in(&c->public, l))
		w->end = WALK_PUBLIC;
	else if (is_self_signed(l))
		w->end = WALK_SELF;
	else
		return false;
	return true;
}

void check_walk(struct check *c, struct subject *s)
{
	struct walk *w = &s->walk;
	w->p[w->n++] = &s->chain.p[0];
	w->end = WALK_NOWHERE;
	while (!is_at_root(c, w->p[w->n - 1], w) && w->n < WALK_MOST) {
		const struct link *last = w->p[w->n - 1], *next = find_next(c, s, last);
		if (next == NULL)
			return;
		if (!check_is_signed(last, next)) {
			w->end = WALK_FORGED;
			return;
		}
		w->p[w->n++] = next;
	}
}

/* ---- rules ---- */

void rule_self_signed(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->walk.n == 1 && s->walk.end == WALK_SELF && !check_is_authority(s))
		check_say(c, s, "it is signed by itself, as \"%.*s\"", CHECK_TEXT(s->match->leaf.subject));
}

void rule_not_public(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (!s->is_public || c->topo->certificates.public_ca == TOPO_CA_BUILT_IN)
		return;
	bool is_ours = s->walk.end == WALK_INTERNAL;
	for (size_t i = 0; !is_ours && i < c->internal.n; i++)
		is_ours = str_eq(s->walk.p[s->walk.n - 1]->view.issuer, c->internal.p[i].view.subject);
	if (is_ours)
		check_say(c, s, "the internal authority \"%.*s\" has issued it", CHECK_TEXT(s->match->leaf.issuer));
}

/* Whether it is known which roots this one may end at. */
static bool knows_roots(const struct check *c, const struct subject *s)
{
	return s->is_public ? c->public.n > 0 : c->internal.n > 0;
}

void rule_chain_missing(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->walk.end == WALK_NOWHERE && knows_roots(c, s) && s->match->plans.n > 0)
		check_say(c, s, "the certificate of \"%.*s\" is missing", CHECK_TEXT(s->walk.p[s->walk.n - 1]->view.issuer));
}

void rule_root_unknown(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->walk.end == WALK_SELF && s->walk.n > 1 && knows_roots(c, s))
		check_say(c, s, "the chain ends at \"%.*s\", which is not among the roots", CHECK_TEXT(s->walk.p[s->walk.n - 1]->view.subject));
	/* what is inside trusts the internal roots and public ones; what is outside only the latter, which C-public says */
}

void rule_forged(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->walk.end == WALK_FORGED)
		check_say(c, s, "\"%.*s\" is named as issuer of \"%.*s\", but another key has signed", CHECK_TEXT(s->walk.p[s->walk.n - 1]->view.issuer),
			CHECK_TEXT(s->walk.p[s->walk.n - 1]->view.subject));
}

static const char *find_fault(const struct check *c, const struct cert_view *v, size_t below)
{
	if (!v->is_ca)
		return "is not an authority";
	if (v->has_key_usage && (v->key_usage & CERT_KU_CERT_SIGN) == 0)
		return "may not sign certificates";
	if (v->path_length >= 0 && (size_t)v->path_length < below)
		return "may not have so many authorities below it";
	if (v->not_after < c->policy->now)
		return "has expired";
	if (v->not_before > c->policy->now)
		return "is not valid yet";
	if (str_eq_case(v->hash, STR("sha1")) || str_eq_case(v->hash, STR("md5")))
		return v->is_self_issued ? NULL : "is signed with a weak hash";
	return NULL;
}

void rule_issuer(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 1; i < s->walk.n; i++) {
		const char *fault = find_fault(c, &s->walk.p[i]->view, i - 1);
		if (fault != NULL)
			check_say(c, s, "\"%.*s\" %s", CHECK_TEXT(s->walk.p[i]->view.subject), fault);
	}
}

/* DNS names below one of the permitted domains, or that domain itself (RFC 5280 4.2.1.10); without any all are. */
static bool is_permitted(const struct cert_view *issuer, str name)
{
	bool is_free = true;
	TOPO_EACH (one, issuer->permitted) {
		if (!str_begins(*one, STR("DNS:")))
			continue;
		str domain = str_cut(*one, 4, one->n);
		domain = str_begins(domain, STR(".")) ? str_cut(domain, 1, domain.n) : domain;
		if (domain.n == 0 || check_name_eq(name, domain) || check_is_below(name, domain))
			return true;
		is_free = false;
	}
	return is_free;
}

void rule_permitted(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 1; i < s->walk.n; i++)
		TOPO_EACH (name, s->match->leaf.san)
			if (!is_permitted(&s->walk.p[i]->view, *name))
				check_say(c, s, "\"%.*s\" may not issue for \"%.*s\"", CHECK_TEXT(s->walk.p[i]->view.subject), CHECK_TEXT(*name));
}

static bool is_in_walk(const struct subject *s, const struct link *l)
{
	for (size_t i = 0; i < s->walk.n; i++)
		if (str_eq(s->walk.p[i]->der, l->der))
			return true;
	return false;
}

void rule_order(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	size_t at = 0;
	for (size_t i = 0; s->seen->is_ordered && i < s->chain.n; i++) {
		if (!is_in_walk(s, &s->chain.p[i]))
			continue;
		while (at < s->walk.n && !str_eq(s->walk.p[at]->der, s->chain.p[i].der))
			at++;
		if (at == s->walk.n) {
			check_say(c, s, "\"%.*s\" stands too late", CHECK_TEXT(s->chain.p[i].view.subject));
			return;
		}
	}
}

void rule_root_sent(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 1; s->seen->is_ordered && i < s->chain.n; i++)
		if (s->chain.p[i].view.is_self_issued)
			check_say(c, s, "the root \"%.*s\" is sent along", CHECK_TEXT(s->chain.p[i].view.subject));
}

void rule_stray(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 1; s->seen->is_ordered && i < s->chain.n; i++)
		if (!is_in_walk(s, &s->chain.p[i]) && !s->chain.p[i].view.is_self_issued)
			check_say(c, s, "\"%.*s\" does not belong to the chain", CHECK_TEXT(s->chain.p[i].view.subject));
}

static bool has_thumbprint(const struct topo_names *list, const char *thumbprint)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq_case(list->p[i], str_of(thumbprint)))
			return true;
	return false;
}

void rule_phones(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (!c->policy->has_phones || s->walk.n < 2)
		return;
	const struct cert_view *top = &s->walk.p[s->walk.n - 1]->view;
	if (top->is_self_issued && !has_thumbprint(&c->policy->phone_roots, top->thumbprint))
		check_say(c, s, "the root \"%.*s\" (%s) is not in TrustedCACerts", CHECK_TEXT(top->subject), top->thumbprint);
}
