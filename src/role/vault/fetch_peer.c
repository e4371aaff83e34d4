/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that certificates of peers name: an authority may be trusted here of which no certificate is at hand that says where its list is. What a
 * peer shows is believed only if an authority that is known here has signed it. The URLs outlive a restart in certs/fetched. */
#include "os/file.h"
#include "role/vault/vault_fetch.h"

enum { FILE_MAX = LISTS_OF_PEERS_MAX * (LIST_URL_MAX + LIST_ISSUER_MAX + 2), CHAIN_CERTS = 8, ROOM = 256 * 1024 };

static const char file[] = "fetched";

/* ---- the file: URL, a blank, the issuer ---- */

static bool fits_a_line(str url, str issuer)
{
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return false;
	return url.n <= LIST_URL_MAX && issuer.n <= LIST_ISSUER_MAX && issuer.n != 0 && memchr(issuer.p, '\n', issuer.n) == NULL;
}

static void write_file(struct vault *v)
{
	struct buf text DEFER(buf_fini) = { 0 };
	struct diag d = { 0 };
	buf_init(&text, FILE_MAX);
	for (size_t i = 0; i < v->fetches->n; i++)
		if (v->fetches->lists[i].is_of_peer)
			buf_printf(&text, "%s %s\n", v->fetches->lists[i].url, v->fetches->lists[i].issuer);
	err e = text.failed ? ERR(CEILING) : file_write(v->certificates, file, buf_str(&text), 0644, &d);
	if (failed(e))
		LOG(&v->skel->log, CERTIFICATE_FAILED, LOG_ERR(e), LOG_Z("where", "certs/fetched"), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
}

static unsigned count(const struct vault_fetches *f)
{
	unsigned n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += f->lists[i].is_of_peer ? 1 : 0;
	return n;
}

/* true: it was not there. */
static bool add(struct vault *v, str url, str issuer)
{
	size_t before = v->fetches->n;
	if (!fits_a_line(url, issuer) || count(v->fetches) >= LISTS_OF_PEERS_MAX)
		return false;
	struct fetch_list *l = vault_fetch_want(v, url, issuer);
	if (l == NULL || v->fetches->n == before)
		return false;
	l->is_of_peer = true;
	return true;
}

static void read_file(struct vault *v)
{
	struct buf text DEFER(buf_fini) = { 0 };
	if (failed(file_read(v->certificates, file, FILE_MAX, &text, NULL)))
		return;
	for (str rest = buf_str(&text), line; rest.n != 0;) {
		line = str_split(rest, '\n', &rest);
		str issuer, url = str_split(line, ' ', &issuer);
		(void)add(v, url, issuer);
	}
}

static bool is_known(const struct fetch_views *s, str issuer)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->p[i].is_own && str_eq(s->p[i].x.subject, issuer))
			return true;
	return false;
}

void vault_fetch_collect_peers(struct vault *v, const struct fetch_views *s)
{
	struct vault_fetches *f = v->fetches;
	if (!f->knows_peers)
		read_file(v);
	f->knows_peers = true;
	for (size_t i = 0; i < f->n; i++)
		if (f->lists[i].is_of_peer && is_known(s, str_of(f->lists[i].issuer)))
			f->lists[i].is_named = true;
}

/* ---- what a peer has shown ---- */

/* Whether an authority that is known here, and is none of ours, has signed it. */
static bool is_signed(struct fetch_views *s, str der, const struct cert_view *x)
{
	for (size_t i = 0; i < s->n; i++) {
		struct buf spki DEFER(buf_fini) = { 0 };
		struct topo_names one;
		struct diag d;
		if (s->p[i].is_own || !s->p[i].x.is_ca || !str_eq(s->p[i].x.subject, x->issuer))
			continue;
		buf_init(&spki, CERT_KEY_MAX);
		if (!failed(cert_pem_read(s->p[i].pem, &s->arena, &one, &d)) && !failed(cert_spki_read(one.p[0], &spki)) && cert_is_signed(der, buf_str(&spki)))
			return true;
	}
	return false;
}

static bool take(struct vault *v, struct fetch_views *s, str der)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct cert_view x;
	bool is_new = false;
	arena_init(&a, ROOM);
	if (failed(cert_view_read(der, &a, &x, NULL)) || x.crl_urls.n == 0 || !is_signed(s, der, &x))
		return false;
	for (size_t i = 0; i < x.crl_urls.n; i++)
		if (str_begins_case(x.crl_urls.p[i], STR("http://")))
			is_new = add(v, x.crl_urls.p[i], x.issuer) || is_new;
	return is_new;
}

/* The first certificate of several in DER: a sequence says how long it is (X.690 8.1.3). */
static str split_der(str chain, str *rest)
{
	const unsigned char *p = (const unsigned char *)chain.p;
	size_t n = chain.n >= 4 && p[0] == 0x30 && p[1] == 0x82 ? 4 + ((size_t)p[2] << 8 | p[3]) : 0;
	n = n <= chain.n ? n : 0;
	*rest = n != 0 ? str_cut(chain, n, chain.n) : STR("");
	return str_cut(chain, 0, n);
}

err vault_on_list_missing(struct vault *v, str body)
{
	struct ipc_list_missing m;
	struct fetch_views s;
	bool is_new = false;
	TRY(ipc_list_missing_parse(&m, body));
	if (v->topo.certificates.crl_refresh == 0)
		return OK;
	err e = fetch_views_fill(v, &s);
	str rest = m.chain;
	for (unsigned i = 0; !failed(e) && i < CHAIN_CERTS && rest.n != 0; i++) {
		str der = split_der(rest, &rest);
		is_new = (der.n != 0 && take(v, &s, der)) || is_new;
	}
	arena_fini(&s.arena);
	if (!is_new)
		return OK;
	write_file(v);
	vault_fetch_look(v, false);
	return OK;
}
