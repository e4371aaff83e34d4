/* SPDX-License-Identifier: Apache-2.0 */
/* Which lists are to be fetched: those that the certificates here name, of authorities that are not ours. */
#include "role/vault/vault_fetch.h"

enum { VIEWS_MAX = 1024, ROOM = 16 << 20 };

/* ---- the certificates ---- */

static void add_all(struct fetch_views *s, str pem)
{
	static const char end[] = "-----END CERTIFICATE-----";
	while (pem.n != 0 && s->n < VIEWS_MAX) {
		const char *at = memmem(pem.p, pem.n, end, sizeof end - 1);
		if (at == NULL)
			return;
		size_t n = (size_t)(at - pem.p) + sizeof end - 1;
		s->p[s->n].pem = str_cut(pem, 0, n);
		if (!failed(cert_read(s->p[s->n].pem, &s->arena, &s->p[s->n].x, NULL)))
			s->n++;
		pem = str_cut(pem, n, pem.n);
	}
}

static bool is_issued_by_own(const struct fetch_views *s, const struct cert_view *x)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].is_own && str_eq(s->p[i].x.subject, x->issuer))
			return true;
	return false;
}

/* The first roots are ours, and so is every authority below them. */
static void mark_own(struct fetch_views *s, size_t n_own)
{
	bool again = n_own != 0;
	for (size_t i = 0; i < n_own && i < s->n; i++)
		s->p[i].is_own = true;
	while (again) {
		again = false;
		for (size_t i = 0; i < s->n; i++) {
			struct fetch_view *one = &s->p[i];
			bool is_own = one->is_own || (one->x.is_ca && is_issued_by_own(s, &one->x));
			again = again || is_own != one->is_own;
			one->is_own = is_own;
		}
	}
}

err fetch_views_fill(const struct vault *v, struct fetch_views *s)
{
	*s = (struct fetch_views){ .n = 0 };
	arena_init(&s->arena, ROOM);
	s->p = arena_zalloc(&s->arena, VIEWS_MAX * sizeof *s->p);
	ENSURE(s->p != NULL, NO_MEMORY);
	add_all(s, buf_str(&v->trust));
	for (size_t i = 0; i < certstore_count(v->certstore); i++)
		add_all(s, buf_str(&certstore_at(v->certstore, i)->chain));
	mark_own(s, vault_own_roots(v));
	return OK;
}

/* ---- what they name ---- */

static void tell_skipped(struct vault *v, const struct cert_view *x)
{
	LOG(&v->skel->log, LIST_SKIPPED, LOG_STR("certificate", x->subject), LOG_STR("url", x->crl_urls.p[0]), LOG_Z("why", "only lists at http:// are fetched"),
		LOG_Z("remedy", "copy the list of its issuer to certs/NAME.crl, by a timer of the system for example"));
}

static void want_all(struct vault *v, const struct cert_view *x, bool tells)
{
	bool any = false;
	for (size_t i = 0; i < x->crl_urls.n; i++) {
		str url = x->crl_urls.p[i];
		bool is_http = str_begins_case(url, STR("http://")) && url.n <= LIST_URL_MAX;
		struct fetch_list *l = is_http ? vault_fetch_want(v, url, x->issuer) : NULL;
		if (l != NULL)
			l->is_named = true;
		any = any || is_http;
	}
	if (!any && tells && x->crl_urls.n != 0)
		tell_skipped(v, x);
}

void vault_fetch_collect(struct vault *v, bool tells)
{
	struct fetch_views s;
	err e = fetch_views_fill(v, &s);
	for (size_t i = 0; !failed(e) && i < s.n; i++)
		if (!is_issued_by_own(&s, &s.p[i].x))
			want_all(v, &s.p[i].x, tells);
	if (!failed(e))
		vault_fetch_collect_peers(v, &s);
	arena_fini(&s.arena);
}
