/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation: where the list is, what it is, what it says. */
#include "service/check/check_priv.h"

static bool is_http(str url)
{
	return str_begins_case(url, STR("http://")) || str_begins_case(url, STR("https://"));
}

/* NULL: nobody asked there. */
static const struct check_list *find_list(const struct check *c, str url)
{
	for (size_t i = 0; i < c->evidence->lists.n; i++)
		if (str_eq(c->evidence->lists.p[i].place, url))
			return &c->evidence->lists.p[i];
	return NULL;
}

/* The list at an address, as the issuer of s has signed it. ABSENT: cannot be said. */
static err read_list(struct check *c, const struct subject *s, str url, struct cert_crl **out, struct diag *d)
{
	const struct check_list *list = find_list(c, url);
	*out = NULL;
	ENSURE(list != NULL && list->der.n > 0 && s->walk.n > 1, ABSENT);
	struct buf pem;
	buf_init(&pem, CERT_PEM_MAX);
	cert_pem_print(s->walk.p[1]->der, &pem);
	err e = pem.failed ? ERR(CEILING) : cert_crl_read(list->der, buf_str(&pem), out, d);
	buf_fini(&pem);
	return e;
}

void rule_cdp_missing(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->leaf.crl_urls.n == 0 && !check_is_authority(s))
		check_say(c, s, "there is no CRL distribution point");
}

void rule_cdp_ldap(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (url, s->match->leaf.crl_urls)
		if (is_http(*url))
			return;
	if (s->match->leaf.crl_urls.n > 0)
		check_say(c, s, "the only distribution point is \"%.*s\"", CHECK_TEXT(s->match->leaf.crl_urls.p[0]));
}

/* Who looked may be where this list is not for him; then others must look. */
static bool is_for_others(const struct check *c, const struct subject *s, const struct check_list *list)
{
	return (list != NULL && list->is_closed) || (c->evidence->is_inside && s->is_public);
}

static void say_silent(struct check *c, struct subject *s, bool is_beyond)
{
	TOPO_EACH (url, s->match->leaf.crl_urls) {
		const struct check_list *list = find_list(c, *url);
		if (c->evidence->has_lists && is_http(*url) && (list == NULL || list->der.n == 0) && is_for_others(c, s, list) == is_beyond)
			check_say(c, s, "%.*s: %.*s", CHECK_TEXT(*url), CHECK_TEXT(list != NULL ? list->reason : STR("no answer")));
	}
}

void rule_crl_silent(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	say_silent(c, s, false);
}

void rule_crl_beyond(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	say_silent(c, s, true);
}

void rule_crl_bad(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (url, s->match->leaf.crl_urls) {
		struct cert_crl *crl;
		struct diag d = { 0 };
		err e = read_list(c, s, *url, &crl, &d);
		if (failed(e) && !err_is(e, ERR_ABSENT))
			check_say(c, s, "%.*s: %s", CHECK_TEXT(*url), d.what[0] != '\0' ? d.what : e.def->text);
		cert_crl_free(crl);
	}
}

/* What the lists say by one function, so that each rule reads them the same way. */
static void each_list(struct check *c, struct subject *s, void (*say)(struct check *c, struct subject *s, str url, const struct cert_crl *crl))
{
	TOPO_EACH (url, s->match->leaf.crl_urls) {
		struct cert_crl *crl;
		if (!failed(read_list(c, s, *url, &crl, NULL)))
			say(c, s, *url, crl);
		cert_crl_free(crl);
	}
}

static void say_stale(struct check *c, struct subject *s, str url, const struct cert_crl *crl)
{
	if (cert_crl_ends(crl) < c->policy->now)
		check_say(c, s, "%.*s: it ended %lld hours ago", CHECK_TEXT(url), (long long)((c->policy->now - cert_crl_ends(crl)) / 3600));
}

static void say_early(struct check *c, struct subject *s, str url, const struct cert_crl *crl)
{
	if (cert_crl_begins(crl) > c->policy->now)
		check_say(c, s, "%.*s: it begins in %lld seconds", CHECK_TEXT(url), (long long)(cert_crl_begins(crl) - c->policy->now));
}

static void say_revoked(struct check *c, struct subject *s, str url, const struct cert_crl *crl)
{
	if (cert_crl_has(crl, s->match->leaf.serial))
		check_say(c, s, "number %s stands in %.*s", s->match->leaf.serial, CHECK_TEXT(url));
}

void rule_crl_stale(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_list(c, s, say_stale);
}

void rule_crl_early(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_list(c, s, say_early);
}

void rule_revoked(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_list(c, s, say_revoked);
}

void rule_aia(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->leaf.issuer_urls.n == 0 && !s->match->leaf.is_self_issued)
		check_say(c, s, "there is no address of the issuer's certificate");
}
