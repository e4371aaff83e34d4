/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests: a root, an issuing authority below it, and what they sign. */
#ifndef WITAN_SERVICE_CERT_WORLD_H
#define WITAN_SERVICE_CERT_WORLD_H

#include "service/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static struct diag diag;
static struct arena arena;

/* A key with its certificate. */
struct holder {
	struct buf key, spki, der;
};

struct world {
	struct holder root, authority, server;
	int64_t now;
};

static inline void assert_ok(err e)
{
	if (failed(e))
		fail_msg("%s: %s: %s", e.def->name, diag.where, diag.what);
}

/* It fails as it should, and says so with these words. */
static inline void assert_refused(err e, enum err_id id, const char *why)
{
	if (!err_is(e, id) || strstr(diag.what, why) == NULL)
		fail_msg("%s, \"%s\", not \"%s\"", failed(e) ? e.def->name : "OK", diag.what, why);
	diag = (struct diag){ 0 };
}

static inline void holder_new(struct holder *h, enum cert_key kind)
{
	buf_init(&h->key, CERT_KEY_MAX);
	buf_init(&h->spki, CERT_DER_MAX);
	buf_init(&h->der, CERT_DER_MAX);
	assert_ok(cert_key_new(kind, &h->key, &diag));
	assert_ok(cert_key_spki(buf_str(&h->key), &h->spki, &diag));
}

static inline void holder_fini(struct holder *h)
{
	cert_wipe(&h->key);
	buf_fini(&h->spki);
	buf_fini(&h->der);
}

static inline void sign_by(const struct holder *h, const struct buf *tbs, struct buf *signature)
{
	buf_init(signature, CERT_KEY_MAX);
	assert_ok(cert_sign_here(buf_str(&h->key), buf_str(tbs), signature, &diag));
}

/* Signs, seals, and makes tbs ready for the next. */
static inline void seal_by(const struct holder *h, struct buf *tbs, enum cert_alg alg, struct buf *der)
{
	struct buf signature;
	sign_by(h, tbs, &signature);
	buf_reset(der);
	assert_ok(cert_seal(buf_str(tbs), alg, buf_str(&signature), der));
	buf_fini(&signature);
	buf_reset(tbs);
}

static inline struct cert_authority authority_order(void)
{
	static str domains[] = { { "example.test", 12 }, { "internal.ad", 11 } };
	return (struct cert_authority){ .subject = { .o = STR("Example"), .cn = STR("Example issuing CA 1") }, .dns = { domains, 2 }, .mail = { domains, 1 },
		.urls = { .crl = STR("http://pki.example.test/root.crl"), .issuer = STR("http://pki.example.test/root.cer") } };
}

static inline struct cert_order server_order(void)
{
	static str names[] = { { "fe01.internal.ad", 16 }, { "sip.example.test", 16 }, { "*.example.test", 14 }, { "meet.example.test", 17 } };
	return (struct cert_order){ .subject = { .c = STR("de"), .st = STR("Berlin"), .l = STR("Berlin"), .o = STR("Example"), .ou = STR("UC"), .cn = names[0] },
		.san = { names, 4 },
		.urls = { STR("http://pki.example.test/witan.crl"), STR("http://pki.example.test/issuing.cer"), STR("http://pki.example.test/ocsp") } };
}

static inline struct cert_client person_order(void)
{
	return (struct cert_client){ .address = STR("ann@example.test"), .organization = STR("Example"), .crl_url = STR("http://pki.example.test/witan.crl"),
		.days = CERT_CLIENT_DAYS, .issuer_url = STR("http://pki.example.test/issuing.cer"), .ocsp_url = STR("http://pki.example.test/ocsp") };
}

static inline void issue_server(struct world *w, const struct cert_order *order, struct holder *h)
{
	struct buf tbs;
	enum cert_alg alg;
	buf_init(&tbs, CERT_CRL_MAX);
	assert_ok(cert_tbs_server(order, buf_str(&h->spki), buf_str(&w->authority.der), w->now, &tbs, &alg, &diag));
	seal_by(&w->authority, &tbs, alg, &h->der);
	buf_fini(&tbs);
}

static inline void world_open(struct world *w, enum cert_key kind, int64_t now)
{
	const struct cert_subject root = { .o = STR("Example"), .cn = STR("Example root CA") };
	const struct cert_authority authority = authority_order();
	const struct cert_order order = server_order();
	struct buf tbs;
	enum cert_alg alg;
	w->now = now;
	buf_init(&tbs, CERT_CRL_MAX);
	holder_new(&w->root, kind);
	holder_new(&w->authority, kind);
	holder_new(&w->server, kind);
	assert_ok(cert_tbs_root(&root, buf_str(&w->root.spki), now, &tbs, &alg, &diag));
	seal_by(&w->root, &tbs, alg, &w->root.der);
	assert_ok(cert_tbs_authority(&authority, buf_str(&w->authority.spki), buf_str(&w->root.der), now, &tbs, &alg, &diag));
	seal_by(&w->root, &tbs, alg, &w->authority.der);
	issue_server(w, &order, &w->server);
	buf_fini(&tbs);
}

static inline void world_close(struct world *w)
{
	holder_fini(&w->root);
	holder_fini(&w->authority);
	holder_fini(&w->server);
}

/* The authority's list of these, in DER. */
static inline void list_of(struct world *w, const struct cert_revoked *p, size_t n, struct buf *der)
{
	const struct cert_list list = { p, n, 7, w->now, w->now + 7 * DAY };
	struct buf tbs;
	enum cert_alg alg;
	buf_init(&tbs, CERT_CRL_MAX);
	buf_init(der, CERT_CRL_MAX);
	assert_ok(cert_tbs_crl(&list, buf_str(&w->authority.der), &tbs, &alg, &diag));
	seal_by(&w->authority, &tbs, alg, der);
	buf_fini(&tbs);
}

/* A request for a server by its own key, in DER. */
static inline void request_of(const struct cert_order *order, const struct holder *h, struct buf *der)
{
	struct buf tbs;
	enum cert_alg alg;
	buf_init(&tbs, CERT_PEM_MAX);
	buf_init(der, CERT_DER_MAX);
	assert_ok(cert_tbs_request(order, buf_str(&h->spki), &tbs, &alg, &diag));
	seal_by(h, &tbs, alg, der);
	buf_fini(&tbs);
}

/* The same bytes in memory of exactly their size, so that a sanitizer sees who reads on. */
static inline str exact(str s)
{
	char *p = malloc(s.n > 0 ? s.n : 1);
	assert_non_null(p);
	memcpy(p, s.p, s.n);
	return (str){ p, s.n };
}

static inline void exact_free(str s)
{
	free((void *)(uintptr_t)s.p);
}

static inline int arena_set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	diag = (struct diag){ 0 };
	return 0;
}

static inline int arena_tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_set_up, arena_tear_down)

#endif
