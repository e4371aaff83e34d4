/* SPDX-License-Identifier: Apache-2.0 */
/* What an authority is to sign (RFC 5280 4.1) and what one asks it for (RFC 2986). */
#include "service/cert/cert_tbs.h"

#include "base/crypt.h"

#include <openssl/err.h>

#define DAY_SECONDS 86400
#define SERIAL      16 /* bytes, all random */

/* ---- who signs ---- */

static err refuse_issuer(struct diag *d, enum err_id id, const char *what)
{
	ERR_clear_error();
	return diag_fail(d, (err){ &err_defs[id] }, "issuing certificate", "give the certificate of the authority", "%s", what);
}

/* name and key as they stand there: what is written into a certificate must be the same bytes. */
static bool find_slices(str der, struct cert_issuer *out)
{
	struct der all, tbs, x;
	if (!der_take(&der, DER_SEQUENCE, &all) || !der_take(&all.content, DER_SEQUENCE, &tbs))
		return false;
	str in = tbs.content;
	if (!der_take(&in, DER_CONSTRUCTED + 0, &x) || !der_take(&in, DER_INTEGER, &x) || !der_take(&in, DER_SEQUENCE, &x) ||
		!der_take(&in, DER_SEQUENCE, &x) || !der_take(&in, DER_SEQUENCE, &x) || !der_take(&in, DER_SEQUENCE, &x))
		return false;
	out->name = x.whole;
	if (!der_take(&in, DER_SEQUENCE, &x))
		return false;
	out->spki = x.whole;
	return cert_spki_look(out->spki, &out->key) && cert_spki_is_fine(&out->key, false);
}

err cert_issuer_read(str der, uint32_t use, struct cert_issuer *out, struct diag *d)
{
	*out = (struct cert_issuer){ .x = cert_x509(der) };
	if (out->x == NULL)
		return refuse_issuer(d, ERR_MALFORMED, "it is not a certificate in DER");
	if (!find_slices(der, out))
		return refuse_issuer(d, ERR_REFUSED, "its key is of a kind that nothing is signed with here");
	if (X509_check_ca(out->x) != 1 || (X509_get_key_usage(out->x) & use) != use)
		return refuse_issuer(d, ERR_REFUSED, "it is not the certificate of an authority that may sign this");
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(out->x);
	if (ski != NULL && ASN1_STRING_length(ski) == sizeof out->ski)
		memcpy(out->ski, ASN1_STRING_get0_data(ski), sizeof out->ski);
	else if (ski == NULL)
		cert_key_identifier(out->key.key, out->ski);
	else
		return refuse_issuer(d, ERR_REFUSED, "its key identifier has other than 20 bytes");
	out->ends = cert_time_of(X509_get0_notAfter(out->x));
	out->path_length = X509_get_pathlen(out->x);
	return OK;
}

void cert_issuer_fini(struct cert_issuer *issuer)
{
	X509_free(issuer->x);
}

/* ---- certificates ---- */

/* From the version to the public key. */
static void add_head(struct buf *b, enum cert_alg alg, str issuer, const struct cert_subject *subject, int64_t from, int64_t to, str spki)
{
	uint8_t serial[SERIAL];
	size_t start = b->n;
	crypt_random(serial, sizeof serial);
	der_add_uint(b, DER_INTEGER, 2);
	der_wrap(b, start, DER_CONSTRUCTED + 0);
	der_add_bytes(b, DER_INTEGER, (str){ (const char *)serial, sizeof serial });
	buf_add(b, cert_alg_id(alg));
	if (issuer.n != 0)
		buf_add(b, issuer);
	else
		cert_add_name(b, subject);
	start = b->n;
	der_add_time(b, from);
	der_add_time(b, to);
	der_wrap(b, start, DER_SEQUENCE);
	cert_add_name(b, subject);
	buf_add(b, spki);
}

static err close_tbs(struct buf *b, size_t from, size_t extensions)
{
	der_wrap(b, extensions, DER_SEQUENCE);
	der_wrap(b, extensions, DER_CONSTRUCTED + 3);
	der_wrap(b, from, DER_SEQUENCE);
	ENSURE(!b->failed, CEILING);
	return OK;
}

static err look_key(str spki, struct cert_spki_view *out, struct diag *d)
{
	if (cert_spki_look(spki, out) && cert_spki_is_fine(out, false))
		return OK;
	return diag_fail(d, ERR(REFUSED), "public key", "use RSA of at least 2048 bits, P-256, P-384 or P-521", "it is of a kind or size that gets no certificate");
}

err cert_tbs_root(const struct cert_subject *subject, str spki, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	struct cert_spki_view key;
	uint8_t ski[20];
	TRY(look_key(spki, &key, d));
	TRY(cert_subject_check(subject, d));
	const int64_t begin = now - CERT_SKEW_SECONDS;
	const size_t from = tbs->n;
	*alg = key.alg;
	cert_key_identifier(key.key, ski);
	add_head(tbs, key.alg, (str){ NULL, 0 }, subject, begin, begin + (int64_t)CERT_ROOT_DAYS * DAY_SECONDS, spki);
	const size_t extensions = tbs->n;
	cert_add_constraints(tbs, true, 1);
	cert_add_key_usage(tbs, CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN);
	cert_add_ski(tbs, ski);
	return close_tbs(tbs, from, extensions);
}

/* Everything that an issuer signs: head and tail are the same, between them stands what makes the difference. */
struct below {
	const struct cert_subject *subject;
	const struct cert_urls *urls;
	uint32_t days;
	void (*add)(struct buf *b, const void *what, const struct cert_spki_view *key);
	const void *what;
	bool is_authority;
	uint32_t seconds; /* from now on, instead of days; 0: days */
};

static err build_below(const struct below *w, const struct cert_issuer *issuer, str spki, int64_t now, struct buf *tbs, struct diag *d)
{
	struct cert_spki_view key;
	uint8_t ski[20];
	TRY(look_key(spki, &key, d));
	TRY(cert_subject_check(w->subject, d));
	TRY(cert_urls_check(w->urls, d));
	if (now >= issuer->ends)
		return diag_fail(d, ERR(REFUSED), "issuing certificate", "make a new one first", "it has ended");
	if (w->is_authority && issuer->path_length == 0)
		return diag_fail(d, ERR(REFUSED), "issuing certificate", "give the root's", "its path length allows no authority below it");
	const int64_t begin = now - CERT_SKEW_SECONDS, end = w->seconds != 0 ? now + w->seconds : begin + (int64_t)w->days * DAY_SECONDS;
	const size_t from = tbs->n;
	add_head(tbs, issuer->key.alg, issuer->name, w->subject, begin, end < issuer->ends ? end : issuer->ends, spki);
	const size_t extensions = tbs->n;
	cert_key_identifier(key.key, ski);
	w->add(tbs, w->what, &key);
	cert_add_ski(tbs, ski);
	cert_add_aki(tbs, issuer->ski);
	cert_add_urls(tbs, w->urls);
	return close_tbs(tbs, from, extensions);
}

static err build(const struct below *w, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	struct cert_issuer by DEFER(cert_issuer_fini) = { .x = NULL };
	TRY(cert_issuer_read(issuer, CERT_KU_CERT_SIGN, &by, d));
	*alg = by.key.alg;
	return build_below(w, &by, spki, now, tbs, d);
}

/* ---- an issuing authority ---- */

static void add_subtree(struct buf *b, unsigned tag, str base)
{
	const size_t from = b->n;
	der_add(b, tag, base);
	der_wrap(b, from, DER_SEQUENCE);
}

/* RFC 5280 4.2.1.10, but not critical: Mbed TLS, on which Linphone and many devices build, refuses every chain with critical name
 * constraints, and those that know them obey them all the same. Addresses of hosts are excluded whole: a permitted DNS name would
 * not keep them out. */
static void add_permitted(struct buf *b, const struct cert_authority *what)
{
	static const char zeros[32];
	struct cert_open e = cert_open_extension(b, DER_TEXT("\x55\x1d\x1e"), false);
	const size_t from = b->n;
	for (size_t i = 0; i < what->dns.n; i++)
		add_subtree(b, DER_CLASS + 2, what->dns.p[i]);
	for (size_t i = 0; i < what->mail.n; i++)
		add_subtree(b, DER_CLASS + 1, what->mail.p[i]);
	der_wrap(b, from, DER_CONSTRUCTED + 0);
	const size_t excluded = b->n;
	add_subtree(b, DER_CLASS + 7, (str){ zeros, 8 });
	add_subtree(b, DER_CLASS + 7, (str){ zeros, 32 });
	der_wrap(b, excluded, DER_CONSTRUCTED + 1);
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

static void add_authority(struct buf *b, const void *what, const struct cert_spki_view *key)
{
	cert_add_constraints(b, true, 0);
	cert_add_key_usage(b, CERT_KU_SIGN | CERT_KU_CERT_SIGN | CERT_KU_CRL_SIGN); /* the first for OCSP */
	cert_add_usages(b, true, true); /* for TLS only: names do not restrict what has none */
	add_permitted(b, what);
}

err cert_tbs_authority(const struct cert_authority *what, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	if (what->dns.n == 0)
		return diag_fail(d, ERR(REFUSED), "name constraints", "give at least one domain", "an authority without them could speak for everybody");
	TRY(cert_names_check(&what->dns, false, d));
	TRY(cert_names_check(&what->mail, false, d));
	const struct below w = { &what->subject, &what->urls, CERT_AUTHORITY_DAYS, add_authority, what, true, 0 };
	return build(&w, spki, issuer, now, tbs, alg, d);
}

/* ---- a server ---- */

err cert_order_fill(const struct plan_certificate *plan, str organization, struct arena *a, struct cert_order *out)
{
	*out = (struct cert_order){ .subject = { .o = organization, .cn = plan->cn }, .client_auth = plan->client_auth, .urls = { .crl = plan->crl_url, .ocsp = plan->ocsp_url } };
	out->san.p = arena_alloc(a, (plan->san.n + 1) * sizeof(str));
	ENSURE(out->san.p != NULL, CEILING);
	for (size_t i = 0; i < plan->san.n; i++)
		out->san.p[out->san.n++] = plan->san.p[i].name;
	if (out->san.n == 0) /* who reads no such list loses nothing, and who reads no common name finds it here (RFC 9525 2) */
		out->san.p[out->san.n++] = plan->cn;
	return OK;
}

static void add_server(struct buf *b, const void *p, const struct cert_spki_view *key)
{
	const struct cert_order *what = p;
	cert_add_key_usage(b, CERT_KU_SIGN | (key->is_rsa ? CERT_KU_ENCIPHER : 0)); /* who has only RSA may exchange keys by it */
	cert_add_usages(b, true, what->client_auth);
	cert_add_san(b, &what->san);
}

static void add_server_certificate(struct buf *b, const void *p, const struct cert_spki_view *key)
{
	cert_add_constraints(b, false, 0);
	add_server(b, p, key);
}

err cert_tbs_server(const struct cert_order *what, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	TRY(cert_names_check(&what->san, true, d));
	const struct below w = { &what->subject, &what->urls, what->days != 0 ? what->days : CERT_SERVER_DAYS, add_server_certificate, what, false, 0 };
	if (w.days > CERT_CLIENT_DAYS_MAX)
		return diag_fail(d, ERR(REFUSED), "days", "ask for fewer", "%u days, at most %d are allowed", w.days, CERT_CLIENT_DAYS_MAX);
	return build(&w, spki, issuer, now, tbs, alg, d);
}

/* ---- a person ---- */

static void add_client(struct buf *b, const void *p, const struct cert_spki_view *key)
{
	const struct cert_client *who = p;
	cert_add_constraints(b, false, 0);
	cert_add_key_usage(b, CERT_KU_SIGN);
	cert_add_usages(b, false, true);
	struct cert_open e = cert_open_extension(b, DER_TEXT("\x55\x1d\x11"), false);
	const size_t from = b->n;
	buf_add(b, STR("sip:"));
	buf_add(b, who->address);
	der_wrap(b, from, DER_CLASS + 6);
	der_add(b, DER_CLASS + 1, who->address);
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

err cert_tbs_client(const struct cert_client *who, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	char address[CERT_ADDRESS_MAX + 1];
	if (!cert_address_read(who->address, address))
		return diag_fail(d, ERR(REFUSED), "address", "use letters, digits and - _ . + ~ before the @ and a domain after it", "it is not the address of a person");
	if (who->seconds == 0 && (who->days == 0 || who->days > CERT_CLIENT_DAYS_MAX))
		return diag_fail(d, ERR(REFUSED), "days", "ask for 1 to 1095", "%u days are not allowed", who->days);
	if (who->seconds > (uint32_t)CERT_CLIENT_DAYS_MAX * DAY_SECONDS)
		return diag_fail(d, ERR(REFUSED), "seconds", "ask for at most 1095 days", "%u seconds are not allowed", who->seconds);
	const struct cert_subject subject = { .o = who->organization, .cn = str_cut(who->address, 0, CERT_CN_MAX) };
	const struct cert_urls urls = { .crl = who->crl_url, .issuer = who->issuer_url, .ocsp = who->ocsp_url };
	const struct below w = { &subject, &urls, who->days, add_client, who, false, who->seconds };
	return build(&w, spki, issuer, now, tbs, alg, d);
}

/* ---- requests ---- */

static bool is_template(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n <= 64;
}

/* The name of a template at Active Directory Certificate Services, as BMPString. */
static void add_template(struct buf *b, str name)
{
	if (name.n == 0)
		return;
	struct cert_open e = cert_open_extension(b, DER_TEXT("\x2b\x06\x01\x04\x01\x82\x37\x14\x02"), false);
	const size_t from = b->n;
	for (size_t i = 0; i < name.n; i++) {
		buf_add_char(b, '\0');
		buf_add_char(b, name.p[i]);
	}
	der_wrap(b, from, DER_BMP);
	cert_close_extension(b, e);
}

static void add_wishes(struct buf *b, const struct cert_order *what, const struct cert_spki_view *key)
{
	const size_t from = b->n;
	der_add(b, DER_OID, DER_TEXT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e")); /* extensionRequest */
	const size_t set = b->n;
	add_template(b, what->template);
	add_server(b, what, key);
	der_wrap(b, set, DER_SEQUENCE);
	der_wrap(b, set, DER_SET);
	der_wrap(b, from, DER_SEQUENCE);
	der_wrap(b, from, DER_CONSTRUCTED + 0);
}

err cert_tbs_request(const struct cert_order *what, str spki, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	struct cert_spki_view key;
	TRY(look_key(spki, &key, d));
	TRY(cert_subject_check(&what->subject, d));
	TRY(cert_names_check(&what->san, true, d));
	if (!is_template(what->template))
		return diag_fail(d, ERR(REFUSED), "template", "use its short name, for example WebServer", "it is not the name of a certificate template");
	const size_t from = tbs->n;
	*alg = key.alg;
	der_add_uint(tbs, DER_INTEGER, 0);
	cert_add_name(tbs, &what->subject);
	buf_add(tbs, spki);
	add_wishes(tbs, what, &key);
	der_wrap(tbs, from, DER_SEQUENCE);
	ENSURE(!tbs->failed, CEILING);
	return OK;
}
