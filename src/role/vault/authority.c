/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in authority that issues: its certificate, what it has issued, its revocation list. Its key is keeper's. */
#include "os/file.h"
#include "role/vault/vault_cert.h"

#include <stdlib.h>

enum { ROOM = 256 * 1024, DAY = 86400 };

struct authority {
	struct buf pem;   /* of certs/issuing.pem */
	struct buf chain; /* what follows a leaf: the same, or empty where the authority is its own root */
	struct buf der;
	uint8_t key[32];
	int64_t until;
};

static const char path[] = "issuing.pem";

static void authority_free(struct authority *a)
{
	if (a == NULL)
		return;
	buf_fini(&a->pem);
	buf_fini(&a->chain);
	buf_fini(&a->der);
	free(a);
}

static err take_view(struct authority *a, struct diag *d)
{
	struct arena room DEFER(arena_fini) = { 0 };
	struct topo_names certs;
	struct cert_view view;
	arena_init(&room, ROOM);
	TRY(cert_pem_read(buf_str(&a->pem), &room, &certs, d));
	TRY(cert_view_read(certs.p[0], &room, &view, d));
	if (!view.is_ca)
		return diag_fail(d, ERR(REFUSED), "certs/issuing.pem", "restore the file from a copy", "it is not the certificate of an authority");
	buf_add(&a->der, certs.p[0]);
	if (!view.is_self_issued)
		cert_pem_print(certs.p[0], &a->chain);
	memcpy(a->key, view.spki, sizeof a->key);
	a->until = view.not_after;
	return a->der.failed || a->chain.failed ? ERR(NO_MEMORY) : OK;
}

/* Before there were two, the root was the one that issued. */
static err read_pem(struct vault *v, struct buf *out, struct diag *d)
{
	err e = file_read(v->certificates, path, CERT_PEM_MAX, out, d);
	if (!err_is(e, ERR_ABSENT))
		return e;
	buf_fini(out);
	buf_init(out, CERT_PEM_MAX);
	buf_add(out, buf_str(&v->ca));
	return out->failed ? ERR(NO_MEMORY) : file_write(v->certificates, path, buf_str(out), 0644, d);
}

static err fill_trust(struct vault *v, const struct authority *a)
{
	struct buf trust;
	buf_init(&trust, 2 * ROOM);
	buf_add(&trust, buf_str(&a->pem));
	if (trust.n != 0 && trust.p[trust.n - 1] != '\n')
		buf_add_char(&trust, '\n');
	if (a->chain.n != 0)
		buf_add(&trust, buf_str(&v->ca));
	if (trust.failed) {
		buf_fini(&trust);
		return ERR(NO_MEMORY);
	}
	buf_fini(&v->trust);
	v->trust = trust;
	return OK;
}

err vault_read_authority(struct vault *v, struct diag *d)
{
	struct authority *a = calloc(1, sizeof *a);
	ENSURE(a != NULL, NO_MEMORY);
	buf_init(&a->pem, CERT_PEM_MAX);
	buf_init(&a->chain, CERT_PEM_MAX);
	buf_init(&a->der, CERT_DER_MAX);
	err e = read_pem(v, &a->pem, d);
	if (!failed(e))
		e = take_view(a, d);
	if (!failed(e))
		e = fill_trust(v, a);
	if (failed(e)) {
		authority_free(a);
		return e;
	}
	authority_free(v->authority);
	v->authority = a;
	vault_ocsp_changed(v);
	if (v->issued.all == NULL)
		return issued_open(v->certificates, &v->issued, d);
	return OK;
}

err vault_authority_check(const struct vault *v, struct diag *d)
{
	const struct authority *a = v->authority;
	if (a == NULL)
		return diag_fail(d, ERR(ABSENT), "certs/issuing.pem", "request the certificate from another authority: -Output FILE", "there is no built-in authority");
	if (a->until <= (int64_t)(vault_unix_ms() / 1000))
		return diag_fail(d, ERR(REFUSED), "certs/issuing.pem", "make a new issuing authority below the root", "the certificate of the built-in authority has ended");
	if (!vault_keeper_is_there(v))
		return diag_fail(d, ERR(BUSY), "keeper", "try again in a moment", "the keeper of the keys is being started");
	const struct key_entry *key = vault_key_find(v, a->key);
	if (key == NULL || key->purpose != KEYFILE_AUTHORITY)
		return diag_fail(d, ERR(ABSENT), "keys/", "put its file back, or request from another authority: -Output FILE", "the key of the built-in authority is not on this machine");
	return OK;
}

str vault_authority_der(const struct vault *v)
{
	return buf_str(&v->authority->der);
}

const uint8_t *vault_authority_key(const struct vault *v)
{
	return v->authority->key;
}

str vault_authority_chain(const struct vault *v)
{
	return buf_str(&v->authority->chain);
}

int64_t vault_authority_ends(const struct vault *v)
{
	return v->authority->until;
}

/* ---- the revocation list ---- */

static err on_signed(struct work *w, str signature)
{
	struct vault *v = w->vault;
	struct buf der DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_CRL_MAX);
	TRY(cert_seal(buf_str(&w->tbs), w->alg, signature, &der));
	TRY(file_write(v->certificates, "witan.crl", buf_str(&der), 0644, &w->diag));
	vault_read_revocations(v);
	vault_publish(v);
	LOG(&v->skel->log, CRL_ISSUED, LOG_INT("number", v->crl != NULL ? cert_crl_number(v->crl) : 0), LOG_INT("entries", v->crl != NULL ? cert_crl_count(v->crl) : 0),
		LOG_INT("ends", v->crl != NULL ? cert_crl_ends(v->crl) : 0));
	return OK;
}

/* The number only grows, also where a clock was set back, and where the list before is being signed still. */
static err print_list(struct vault *v, struct work *w)
{
	struct cert_revoked *revoked = NULL;
	struct cert_list list = { .now = (int64_t)(vault_unix_ms() / 1000) };
	TRY(issued_revoked(&v->issued, &revoked, &list.n));
	list.p = revoked;
	list.next = list.now + VAULT_CRL_DAYS * DAY;
	list.number = (uint64_t)list.now;
	if (v->crl != NULL && cert_crl_number(v->crl) >= list.number)
		list.number = cert_crl_number(v->crl) + 1;
	if (v->crl_number >= list.number)
		list.number = v->crl_number + 1;
	v->crl_number = list.number;
	err e = cert_tbs_crl(&list, vault_authority_der(v), &w->tbs, &w->alg, &w->diag);
	free(revoked);
	return e;
}

err vault_issue_crl(struct vault *v, struct held *held, json_t *object, struct diag *d)
{
	struct work *w;
	TRY(vault_authority_check(v, d));
	TRY(work_new(v, NULL, &w, d));
	err e = print_list(v, w);
	if (!failed(e))
		e = work_sign(w, vault_authority_key(v), on_signed);
	if (failed(e)) {
		*d = w->diag;
		work_end(w, e);
		return e;
	}
	w->held = held;
	w->object = object;
	return OK;
}
