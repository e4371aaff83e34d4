/* SPDX-License-Identifier: Apache-2.0 */
/* The authorities of a new deployment and its first certificates: a root whose key is locked away, an issuing one below it whose key is keeper's,
 * and what the topology asks for on this host - written by the code by which the server goes on (service/certstore, service/keyfile). */
#include "prog/witan/init_priv.h"

#include "base/crypt.h"
#include "base/enc.h"
#include "os/file.h"
#include "service/certstore.h"
#include "service/issued.h"
#include "service/keyfile.h"

#include <fcntl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PASSPHRASE_LEAST = 8, PASSPHRASE_MOST = 1024, MADE_BYTES = 24, ROOT_LIST_DAYS = 365, LIST_DAYS = 7, DAY = 86400 };

static int64_t now_of(void)
{
	return (int64_t)time(NULL);
}

static enum cert_key kind_of(const struct init *in)
{
	enum cert_key key = (enum cert_key)in->topo.certificates.key;
	return key == CERT_EC_P256 || key == CERT_EC_P384 ? CERT_EC_P384 : CERT_RSA_3072;
}

static err write_pem(struct init *in, const char *path, str der)
{
	struct buf pem DEFER(buf_fini) = { 0 };
	buf_init(&pem, CERT_PEM_MAX);
	cert_pem_print(der, &pem);
	ENSURE(!pem.failed, NO_MEMORY);
	return file_write(in->dirfd, path, buf_str(&pem), 0644, &in->diag);
}

static err seal(struct init *in, str pkcs8, const struct buf *tbs, enum cert_alg alg, struct buf *der)
{
	struct buf signature DEFER(buf_fini) = { 0 };
	buf_init(&signature, CERT_SIGNATURE_MAX);
	TRY(cert_sign_here(pkcs8, buf_str(tbs), &signature, &in->diag));
	return cert_seal(buf_str(tbs), alg, buf_str(&signature), der);
}

/* An empty list: who gets the first certificate must find one. */
static err write_list(struct init *in, const char *path, const struct init_authority *by, unsigned days)
{
	struct buf tbs DEFER(buf_fini) = { 0 }, der DEFER(buf_fini) = { 0 };
	enum cert_alg alg;
	int64_t now = now_of();
	buf_init(&tbs, CERT_CRL_MAX);
	buf_init(&der, CERT_CRL_MAX);
	TRY(cert_tbs_crl(&(struct cert_list){ .number = (uint64_t)now, .now = now, .next = now + (int64_t)days * DAY }, buf_str(&by->der), &tbs, &alg, &in->diag));
	TRY(seal(in, buf_str(&by->pkcs8), &tbs, alg, &der));
	return file_write(in->dirfd, path, buf_str(&der), 0644, &in->diag);
}

/* ---- the root ---- */

static err read_passphrase(struct init *in, struct buf *out)
{
	struct buf file DEFER(cert_wipe) = { 0 };
	TRY(file_read(AT_FDCWD, in->root_passphrase, PASSPHRASE_MOST + 2, &file, &in->diag));
	str text = str_trim(buf_str(&file));
	if (text.n < PASSPHRASE_LEAST || text.n > PASSPHRASE_MOST)
		return diag_fail(&in->diag, ERR(USAGE), "--root-passphrase-file", "put 8 to 1024 bytes into it", "the passphrase is too short or too long");
	buf_add(out, text);
	return OK;
}

static err make_passphrase(struct init *in, struct buf *out)
{
	uint8_t bytes[MADE_BYTES];
	char text[2 * MADE_BYTES];
	crypt_random(bytes, sizeof bytes);
	size_t n = enc_base64url(bytes, sizeof bytes, text);
	buf_add(out, (str){ text, n });
	buf_add_char(out, '\n');
	err e = file_write(in->dirfd, "ca/root.passphrase", buf_str(out), 0400, &in->diag);
	out->n--;
	crypt_wipe(bytes, sizeof bytes);
	crypt_wipe(text, sizeof text);
	return e;
}

static err lock_root(struct init *in)
{
	struct buf passphrase DEFER(cert_wipe) = { 0 }, pem DEFER(buf_fini) = { 0 };
	buf_init(&passphrase, PASSPHRASE_MOST + 2);
	buf_init(&pem, CERT_PEM_MAX);
	TRY(in->root_passphrase != NULL ? read_passphrase(in, &passphrase) : make_passphrase(in, &passphrase));
	ENSURE(!passphrase.failed, NO_MEMORY);
	TRY(cert_key_lock(buf_str(&in->root.pkcs8), buf_str(&passphrase), &pem, &in->diag));
	return file_write(in->dirfd, "ca/root.key", buf_str(&pem), 0400, &in->diag);
}

static str name_of(struct init *in, const char *kind, char room[CERT_CN_MAX + 1])
{
	const size_t most = CERT_CN_MAX - strlen(kind);
	str o = in->topo.organization;
	while (o.n > most || (o.n < in->topo.organization.n && ((unsigned char)in->topo.organization.p[o.n] & 0xc0) == 0x80))
		o.n--;
	(void)snprintf(room, CERT_CN_MAX + 1, "%.*s%s", STR_FMT(o), kind);
	return str_of(room);
}

err init_root(struct init *in)
{
	char cn[CERT_CN_MAX + 1];
	struct buf spki DEFER(buf_fini) = { 0 }, tbs DEFER(buf_fini) = { 0 };
	enum cert_alg alg;
	const struct cert_subject subject = { .o = in->topo.organization, .cn = name_of(in, " root CA", cn) };
	buf_init(&spki, CERT_DER_MAX);
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&in->root.pkcs8, CERT_KEY_MAX);
	buf_init(&in->root.der, CERT_DER_MAX);
	TRY(cert_key_new(kind_of(in), &in->root.pkcs8, &in->diag));
	TRY(cert_key_spki(buf_str(&in->root.pkcs8), &spki, &in->diag));
	TRY(cert_tbs_root(&subject, buf_str(&spki), now_of(), &tbs, &alg, &in->diag));
	TRY(seal(in, buf_str(&in->root.pkcs8), &tbs, alg, &in->root.der));
	TRY(lock_root(in));
	TRY(write_pem(in, "ca.pem", buf_str(&in->root.der)));
	return write_list(in, "certs/root.crl", &in->root, ROOT_LIST_DAYS);
}

/* ---- keys of keeper ---- */

static err make_key(struct init *in, const char *type, enum keyfile_purpose purpose, bool exportable, struct buf *pkcs8, struct buf *spki)
{
	struct keyfile k = { .purpose = purpose, .exportable = exportable, .made = now_of() };
	unsigned char *der = NULL;
	int keys = openat(in->dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err e = keys >= 0 ? keyfile_make(&k, str_of(type), &in->diag) : ERR(SYSTEM);
	if (!failed(e))
		e = keyfile_write(&k, keys, &in->diag);
	PKCS8_PRIV_KEY_INFO *info = !failed(e) && pkcs8 != NULL ? EVP_PKEY2PKCS8(k.pkey) : NULL;
	int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	if (n > 0)
		buf_add(pkcs8, (str){ (const char *)der, (size_t)n });
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	der = NULL;
	n = !failed(e) ? i2d_PUBKEY(k.pkey, &der) : 0;
	if (n > 0)
		buf_add(spki, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	keyfile_fini(&k);
	if (keys >= 0)
		(void)close(keys);
	return failed(e) || (n > 0 && (pkcs8 == NULL || pkcs8->n != 0)) ? e : ERR(NO_MEMORY);
}

/* ---- the issuing authority ---- */

static bool is_below(str name, str domain)
{
	return str_eq(name, domain) || (name.n > domain.n && name.p[name.n - domain.n - 1] == '.' && str_eq(str_cut(name, name.n - domain.n, name.n), domain));
}

static err permit(struct topo_names *list, str name)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_below(name, list->p[i]))
			return OK;
	ENSURE(list->n < CERT_NAMES_MAX, CEILING);
	list->p[list->n++] = name;
	return OK;
}

/* Everything that the topology can ask for, and nothing else. */
static err permit_all(struct init *in, struct cert_authority *what)
{
	struct plan_certificates plans;
	what->dns = (struct topo_names){ arena_alloc(&in->arena, CERT_NAMES_MAX * sizeof(str)), 0 };
	what->mail = in->topo.sip_domains;
	ENSURE(what->dns.p != NULL, NO_MEMORY);
	TRY(permit(&what->dns, in->topo.internal_domain));
	TOPO_EACH (domain, in->topo.sip_domains)
		TRY(permit(&what->dns, *domain));
	TRY(plan_certificates(&in->topo, &in->arena, &plans, &in->diag));
	for (size_t i = 0; i < plans.n; i++)
		for (size_t j = 0; j < plans.p[i].san.n; j++) {
			str name = plans.p[i].san.p[j].name;
			if (str_begins(name, STR("*.")))
				name = str_cut(name, 2, name.n);
			TRY(permit(&what->dns, name));
		}
	return OK;
}

/* "http://uc01.example.test/witan.crl" with another file at its end. Empty: the list is at a place of its own. */
static err url_beside(struct init *in, str crl, const char *file, str *out)
{
	static const str list = { "/witan.crl", 10 };
	*out = STR("");
	if (crl.n <= list.n || !str_eq(str_cut(crl, crl.n - list.n, crl.n), list))
		return OK;
	const str parts[] = { str_cut(crl, 0, crl.n - list.n), str_of(file) };
	*out = arena_join(&in->arena, parts, 2);
	ENSURE(out->p != NULL, NO_MEMORY);
	return OK;
}

/* The certificate of the issuing authority with this key, by the root. */
static err certify(struct init *in, str spki)
{
	char cn[CERT_CN_MAX + 1];
	struct buf tbs DEFER(buf_fini) = { 0 };
	enum cert_alg alg;
	struct cert_authority what = { .subject = { .o = in->topo.organization, .cn = name_of(in, " issuing CA", cn) } };
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&in->issuing.der, CERT_DER_MAX);
	TRY(permit_all(in, &what));
	TRY(url_beside(in, in->plan.crl_url, "/root.crl", &what.urls.crl));
	TRY(url_beside(in, in->plan.crl_url, "/ca.crt", &what.urls.issuer));
	TRY(cert_tbs_authority(&what, spki, buf_str(&in->root.der), now_of(), &tbs, &alg, &in->diag));
	TRY(seal(in, buf_str(&in->root.pkcs8), &tbs, alg, &in->issuing.der));
	return write_pem(in, "certs/issuing.pem", buf_str(&in->issuing.der));
}

err init_renew(struct init *in, str spki)
{
	TRY(certify(in, spki));
	return write_list(in, "certs/root.crl", &in->root, ROOT_LIST_DAYS);
}

err init_issuing(struct init *in)
{
	struct buf spki DEFER(buf_fini) = { 0 };
	buf_init(&spki, CERT_DER_MAX);
	buf_init(&in->issuing.pkcs8, CERT_KEY_MAX);
	TRY(make_key(in, cert_key_word(kind_of(in)), KEYFILE_AUTHORITY, false, &in->issuing.pkcs8, &spki));
	TRY(certify(in, buf_str(&spki)));
	cert_wipe(&in->root.pkcs8); /* it is needed no more */
	return write_list(in, "certs/witan.crl", &in->issuing, LIST_DAYS);
}

/* ---- certificates of this host ---- */

struct making {
	struct init *in;
	struct certstore *store;
	struct issued_list issued;
};

static err keep(struct making *m, const struct plan_certificate *plan, str der, bool exportable)
{
	struct init *in = m->in;
	const struct certstore_cert *c;
	char name[CERTSTORE_FRIENDLY], usages[CERTSTORE_USAGES];
	struct cert_view x;
	struct buf chain DEFER(buf_fini) = { 0 };
	buf_init(&chain, CERT_PEM_MAX);
	cert_pem_print(der, &chain);
	cert_pem_print(buf_str(&in->issuing.der), &chain);
	ENSURE(!chain.failed, NO_MEMORY);
	TRY(cert_view_read(der, &in->arena, &x, &in->diag));
	struct issued one = { .expires = x.not_after, .revoked = { .expires = x.not_after } };
	(void)snprintf(one.user, sizeof one.user, "host:%.*s", STR_FMT(str_cut(plan->host, 0, 240)));
	memcpy(one.revoked.serial, x.serial, sizeof one.revoked.serial);
	TRY(issued_add(&m->issued, &one, &in->diag));
	certstore_usages_print(plan->usages, usages);
	(void)snprintf(name, sizeof name, "Witan %.100s", usages);
	TRY(certstore_add(m->store, buf_str(&chain), str_of(name), exportable, &c, &in->diag));
	return certstore_assign(m->store, plan->usages, c, &in->diag);
}

static err issue(struct making *m, const struct plan_certificate *plan)
{
	struct init *in = m->in;
	struct cert_order order;
	struct buf spki DEFER(buf_fini) = { 0 }, tbs DEFER(buf_fini) = { 0 }, der DEFER(buf_fini) = { 0 };
	enum cert_alg alg;
	buf_init(&spki, CERT_DER_MAX);
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&der, CERT_DER_MAX);
	TRY(cert_order_fill(plan, in->topo.organization, &in->arena, &order));
	TRY(url_beside(in, plan->crl_url, "/issuing.crt", &order.urls.issuer));
	TRY(make_key(in, topo_key_type_word(plan->key), KEYFILE_TLS, plan->exportable, NULL, &spki));
	TRY(cert_tbs_server(&order, buf_str(&spki), buf_str(&in->issuing.der), now_of(), &tbs, &alg, &in->diag));
	TRY(seal(in, buf_str(&in->issuing.pkcs8), &tbs, alg, &der));
	return keep(m, plan, buf_str(&der), plan->exportable);
}

static err issue_all(struct making *m)
{
	struct init *in = m->in;
	struct plan_certificates plans;
	TRY(plan_certificates(&in->topo, &in->arena, &plans, &in->diag));
	for (size_t i = 0; i < plans.n; i++)
		if (plan_certificate_is_on(&plans.p[i], in->host.server->fqdn) && !plans.p[i].public_ca)
			TRY(issue(m, &plans.p[i]));
	return OK;
}

err init_certificates(struct init *in)
{
	struct making m = { .in = in };
	int certs = openat(in->dirfd, "certs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ENSURE(certs >= 0, SYSTEM);
	err e = certstore_open(certs, &m.store, NULL, &in->diag);
	if (!failed(e))
		e = issued_open(certs, &m.issued, &in->diag);
	if (!failed(e))
		e = issue_all(&m);
	if (!failed(e))
		e = issued_sync(&m.issued, &in->diag);
	issued_close(&m.issued);
	certstore_close(m.store);
	(void)close(certs);
	return e;
}

void init_authority_fini(struct init_authority *a)
{
	cert_wipe(&a->pkcs8);
	buf_fini(&a->der);
}
