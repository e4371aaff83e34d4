/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities elsewhere, for tests of what is fetched. To be included after cmocka.h. */
#ifndef WITAN_ROLE_VAULT_FETCH_WORLD_H
#define WITAN_ROLE_VAULT_FETCH_WORLD_H

#include "role/vault/vault_fetch.h"

struct authority {
	const char *cn;
	struct buf key, spki, der;
};
static inline void sign(const struct authority *a, const struct buf *tbs, enum cert_alg alg, struct buf *der)
{
	struct buf signature;
	struct diag d;
	buf_init(&signature, CERT_SIGNATURE_MAX);
	assert_false(failed(cert_sign_here(buf_str(&a->key), buf_str(tbs), &signature, &d)));
	assert_false(failed(cert_seal(buf_str(tbs), alg, buf_str(&signature), der)));
	buf_fini(&signature);
}

static inline void authority_new(struct authority *a)
{
	const struct cert_subject subject = { .o = STR("Example"), .cn = str_of(a->cn) };
	struct buf tbs;
	enum cert_alg alg;
	struct diag d;
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&a->key, CERT_KEY_MAX);
	buf_init(&a->spki, CERT_KEY_MAX);
	buf_init(&a->der, CERT_DER_MAX);
	assert_false(failed(cert_key_new(CERT_EC_P256, &a->key, &d)));
	assert_false(failed(cert_key_spki(buf_str(&a->key), &a->spki, &d)));
	assert_false(failed(cert_tbs_root(&subject, buf_str(&a->spki), vault_fetch_now(), &tbs, &alg, &d)));
	sign(a, &tbs, alg, &a->der);
	buf_fini(&tbs);
}

/* From so many seconds ago (and the hour that clocks may differ) until so many from now. */
static inline void list_of(const struct authority *a, uint64_t number, int64_t ago, int64_t left, struct buf *der)
{
	int64_t now = vault_fetch_now();
	const struct cert_list list = { .number = number, .now = now - ago, .next = now + left };
	struct buf tbs;
	enum cert_alg alg;
	struct diag d;
	buf_init(&tbs, CERT_CRL_MAX);
	buf_init(der, CERT_CRL_MAX);
	assert_false(failed(cert_tbs_crl(&list, buf_str(&a->der), &tbs, &alg, &d)));
	sign(a, &tbs, alg, der);
	buf_fini(&tbs);
}

static inline void authority_fini(struct authority *a)
{
	cert_wipe(&a->key);
	buf_fini(&a->spki);
	buf_fini(&a->der);
}

/* A server's certificate that says where the list is. */
static inline void server_of(const struct authority *a, const char *url, struct buf *der)
{
	str name = STR("gw01.example.test");
	const struct cert_order order = { .subject = { .cn = name }, .san = { &name, 1 }, .urls = { .crl = str_of(url) } };
	struct buf tbs;
	enum cert_alg alg;
	struct diag d;
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(der, CERT_DER_MAX);
	assert_false(failed(cert_tbs_server(&order, buf_str(&a->spki), buf_str(&a->der), vault_fetch_now(), &tbs, &alg, &d)));
	sign(a, &tbs, alg, der);
	buf_fini(&tbs);
}

#endif
