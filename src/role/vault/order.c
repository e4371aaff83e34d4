/* SPDX-License-Identifier: Apache-2.0 */
/* A new certificate for this server: a key, then a certificate of the built-in authority for it, or a request for another one. */
#include "base/enc.h"
#include "role/vault/vault_cert.h"

#include <stdio.h>
#include <time.h>

/* ---- signed by the built-in authority ---- */

/* On the list before it is used: what nobody could revoke is not given out. */
static err record(struct work *w, str der)
{
	struct vault *v = w->vault;
	struct cert_view x;
	TRY(cert_view_read(der, &w->arena, &x, &w->diag));
	struct issued one = { .expires = x.not_after, .revoked = { .expires = x.not_after } };
	(void)snprintf(one.user, sizeof one.user, "host:%.240s", v->skel->fqdn);
	memcpy(one.revoked.serial, x.serial, sizeof one.revoked.serial);
	TRY(issued_add(&v->issued, &one, &w->diag));
	return issued_sync(&v->issued, &w->diag);
}

static err keep(struct work *w, str der)
{
	struct vault *v = w->vault;
	const struct certstore_cert *c;
	struct buf chain DEFER(buf_fini) = { 0 };
	char usages[CERTSTORE_USAGES];
	buf_init(&chain, CERT_PEM_MAX);
	cert_pem_print(der, &chain);
	buf_add(&chain, vault_authority_chain(v));
	ENSURE(!chain.failed, CEILING);
	TRY(record(w, der));
	TRY(certstore_add(v->certstore, buf_str(&chain), w->friendly, w->exportable, &c, &w->diag));
	LOG(&v->skel->log, CERTIFICATE_ADDED, LOG_Z("thumbprint", c->thumbprint), LOG_Z("name", c->friendly), LOG_INT("ends", c->until));
	TRY(certstore_assign(v->certstore, w->usages, c, &w->diag));
	certstore_usages_print(w->usages, usages);
	LOG(&v->skel->log, CERTIFICATE_ASSIGNED, LOG_Z("usages", usages), LOG_Z("thumbprint", c->thumbprint));
	vault_certificates_changed(v);
	w->object = certificate_object(v, c);
	vault_live(v);
	return OK;
}

static err on_certificate_signed(struct work *w, str signature)
{
	struct buf der DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_DER_MAX);
	TRY(cert_seal(buf_str(&w->tbs), w->alg, signature, &der));
	return keep(w, buf_str(&der));
}

/* ---- a request for another authority ---- */

static err on_request_signed(struct work *w, str signature)
{
	struct vault *v = w->vault;
	struct certstore_request r = { .exportable = w->exportable, .made = (int64_t)(vault_unix_ms() / 1000) };
	const struct certstore_request *kept;
	struct buf der DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_DER_MAX);
	buf_init(&r.pem, CERT_PEM_MAX);
	err e = cert_seal(buf_str(&w->tbs), w->alg, signature, &der);
	memcpy(r.key, w->key, sizeof r.key);
	(void)str_to_z(str_cut(w->friendly, 0, sizeof r.friendly - 1), r.friendly, sizeof r.friendly);
	certstore_usages_print(w->usages, r.usages);
	if (!failed(e)) {
		cert_request_print(buf_str(&der), &r.pem);
		e = certstore_request_add(v->certstore, &r, &kept, &w->diag);
	}
	if (!failed(e))
		w->object = certificate_request_object(kept);
	buf_fini(&r.pem);
	return e;
}

/* ---- the key is there ---- */

static err on_key(struct work *w, str spki)
{
	struct vault *v = w->vault;
	w->spki = arena_copy(&w->arena, spki);
	ENSURE(w->spki.p != NULL, NO_MEMORY);
	cert_spki_hash(w->spki, w->key);
	buf_reset(&w->tbs);
	if (w->is_external) {
		TRY(cert_tbs_request(&w->order, w->spki, &w->tbs, &w->alg, &w->diag));
		return work_sign(w, w->key, on_request_signed);
	}
	TRY(vault_authority_check(v, &w->diag));
	TRY(cert_tbs_server(&w->order, w->spki, vault_authority_der(v), (int64_t)(vault_unix_ms() / 1000), &w->tbs, &w->alg, &w->diag));
	return work_sign(w, vault_authority_key(v), on_certificate_signed);
}

err order_start(struct work *w)
{
	const struct key_door door = work_door(w, on_key);
	return vault_key_make(w->vault, str_of(w->type), w->exportable, &door, &w->diag);
}

/* ---- what is in it ---- */

err order_add_name(struct work *w, str name)
{
	for (size_t i = 0; i < w->order.san.n; i++)
		if (str_eq_case(w->order.san.p[i], name))
			return OK;
	if (w->order.san.n == CERT_NAMES_MAX)
		return diag_fail(&w->diag, ERR(CEILING), "DomainName", "make two certificates", "there would be more than %d names", CERT_NAMES_MAX);
	w->order.san.p[w->order.san.n] = arena_copy(&w->arena, name);
	ENSURE(w->order.san.p[w->order.san.n].p != NULL, NO_MEMORY);
	w->order.san.n++;
	return OK;
}

static err set_issuer_url(struct work *w, str crl)
{
	static const str list = { "witan.crl", 9 };
	const char *issuer = vault_authority_chain(w->vault).n != 0 ? "issuing.crt" : "ca.crt";
	if (vault_authority_chain(w->vault).n == 0)
		w->order.urls.ocsp = STR(""); /* a root gives no answers */
	if (crl.n <= list.n || !str_eq(str_cut(crl, crl.n - list.n, crl.n), list))
		return OK; /* an administrator's own place: nothing is known of others there */
	const str parts[] = { str_cut(crl, 0, crl.n - list.n), str_of(issuer) };
	w->order.urls.issuer = arena_join(&w->arena, parts, 2);
	ENSURE(w->order.urls.issuer.p != NULL, NO_MEMORY);
	return OK;
}

/* The first of the usages gives the common name, all of them their names. */
static err add_plan(struct work *w, const struct plan_certificate *p, bool first)
{
	if (first) {
		str *names = arena_alloc(&w->arena, CERT_NAMES_MAX * sizeof *names);
		ENSURE(names != NULL, NO_MEMORY);
		TRY(cert_order_fill(p, w->vault->topo.organization, &w->arena, &w->order));
		struct topo_names had = w->order.san;
		w->order.san = (struct topo_names){ names, 0 };
		for (size_t i = 0; i < had.n; i++)
			TRY(order_add_name(w, had.p[i]));
		w->type = topo_key_type_word(p->key);
		TRY(set_issuer_url(w, p->crl_url));
	}
	for (size_t i = 0; !first && i < p->san.n; i++)
		TRY(order_add_name(w, p->san.p[i].name));
	w->order.client_auth = w->order.client_auth || p->client_auth;
	w->exportable = w->exportable || p->exportable;
	w->is_external = w->is_external || (p->public_ca ? w->vault->topo.certificates.public_ca : w->vault->topo.certificates.internal_ca) == TOPO_CA_EXTERNAL;
	return OK;
}

err order_fill(struct work *w)
{
	struct plan_certificates plans;
	uint32_t found = 0;
	char missing[CERTSTORE_USAGES];
	TRY(vault_plan(w->vault, &w->arena, &plans, &w->diag));
	for (size_t i = 0; i < plans.n; i++) {
		if ((w->usages & plans.p[i].usages) == 0)
			continue;
		TRY(add_plan(w, &plans.p[i], found == 0));
		found |= plans.p[i].usages;
	}
	certstore_usages_print(w->usages & ~found, missing);
	if (missing[0] != '\0')
		return diag_fail(&w->diag, ERR(ABSENT), "Type", "witan plan certificates shows what there is", "this server has no certificate for %.200s", missing);
	return OK;
}

/* "Witan Default 2026-01-31", made unique by the store. */
err order_name(struct work *w)
{
	char text[CERTSTORE_FRIENDLY], usages[CERTSTORE_USAGES], day[16] = "";
	time_t now = (time_t)(vault_unix_ms() / 1000);
	struct tm tm;
	certstore_usages_print(w->usages, usages);
	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(day, sizeof day, "%Y-%m-%d", &tm);
	(void)snprintf(text, sizeof text, "Witan %.90s %s", usages, day);
	w->friendly = arena_copy(&w->arena, str_of(text));
	ENSURE(w->friendly.p != NULL, NO_MEMORY);
	return OK;
}
