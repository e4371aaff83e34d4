/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/trust.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define NOW  ((int64_t)1800000000)
#define HOUR 3600
#define NONE "-" /* no such extension */

/* ---- certificates ---- */

/* What is not wished for is as usual: a leaf for servers called a.example.com, or an authority. */
struct wish {
	bool is_ca;
	const char *cn, *san, *eku, *ku, *bc, *curve, *nc;
	unsigned bits; /* of RSA */
	bool is_sha1, is_pss, has_unknown;
	long from, to; /* seconds from NOW */
};

struct made {
	EVP_PKEY *key;
	X509 *cert;
};

static void add_ext(X509 *x, X509 *issuer, int nid, const char *given, const char *usual)
{
	X509V3_CTX c;
	const char *value = given != NULL ? given : usual;
	if (value == NULL || strcmp(value, NONE) == 0)
		return;
	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void add_unknown(X509 *x)
{
	ASN1_OBJECT *o = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING_set(v, (const unsigned char *)"\5\0", 2);
	X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, o, 1, v);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(v);
	ASN1_OBJECT_free(o);
}

static void sign(X509 *x, EVP_PKEY *key, const struct wish *w)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p;
	assert_int_equal(EVP_DigestSignInit(c, &p, w->is_sha1 ? EVP_sha1() : EVP_sha256(), NULL, key), 1);
	if (w->is_pss)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
	assert_true(X509_sign_ctx(x, c) > 0);
	EVP_MD_CTX_free(c);
}

static struct made make(struct wish w, const struct made *ca)
{
	static long serial = 100;
	struct made m = { w.bits != 0 ? EVP_RSA_gen(w.bits) : EVP_EC_gen(w.curve != NULL ? w.curve : "P-256"), X509_new() };
	X509 *x = m.cert, *issuer = ca != NULL ? ca->cert : x;
	const char *cn = w.cn != NULL ? w.cn : w.is_ca ? "Test CA" : "a.example.com";
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)NOW, 0, w.from != 0 ? w.from : -HOUR);
	ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)NOW, 0, w.to != 0 ? w.to : 100 * HOUR);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_set_pubkey(x, m.key);
	add_ext(x, issuer, NID_subject_key_identifier, NULL, "hash");
	add_ext(x, issuer, NID_basic_constraints, w.bc, w.is_ca ? "critical,CA:TRUE" : NULL);
	add_ext(x, issuer, NID_key_usage, w.ku, w.is_ca ? "critical,keyCertSign,cRLSign" : NULL);
	add_ext(x, issuer, NID_ext_key_usage, w.eku, w.is_ca ? NULL : "serverAuth");
	add_ext(x, issuer, NID_subject_alt_name, w.san, w.is_ca ? NULL : "DNS:a.example.com");
	add_ext(x, issuer, NID_name_constraints, w.nc, NULL);
	if (w.has_unknown)
		add_unknown(x);
	sign(x, ca != NULL ? ca->key : m.key, &w);
	return m;
}

static void unmake(struct made *m)
{
	EVP_PKEY_free(m->key);
	X509_free(m->cert);
}

#define LEAF(...) ((struct wish){ __VA_ARGS__ })
#define CA(...)   ((struct wish){ .is_ca = true __VA_OPT__(,) __VA_ARGS__ })

static void add_der(struct buf *b, X509 *x)
{
	unsigned char *p = NULL;
	int n = i2d_X509(x, &p);
	buf_add(b, (str){ (char *)p, (size_t)n });
	OPENSSL_free(p);
}

static void add_pem(struct buf *b, X509 *x)
{
	char *p;
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	long n = BIO_get_mem_data(bio, &p);
	buf_add(b, (str){ p, (size_t)n });
	BIO_free(bio);
}

static void make_list(const struct made *ca, X509 *revoked, long from, long to, struct buf *out)
{
	X509_CRL *l = X509_CRL_new();
	ASN1_TIME *a = ASN1_TIME_adj(NULL, (time_t)NOW, 0, from), *b = ASN1_TIME_adj(NULL, (time_t)NOW, 0, to);
	X509_CRL_set_version(l, 1);
	X509_CRL_set_issuer_name(l, X509_get_subject_name(ca->cert));
	X509_CRL_set1_lastUpdate(l, a);
	if (to != 0)
		X509_CRL_set1_nextUpdate(l, b);
	if (revoked != NULL) {
		X509_REVOKED *r = X509_REVOKED_new();
		X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked));
		X509_REVOKED_set_revocationDate(r, a);
		X509_CRL_add0_revoked(l, r);
	}
	X509_CRL_sign(l, ca->key, EVP_sha256());
	unsigned char *p = NULL;
	int n = i2d_X509_CRL(l, &p);
	buf_reset(out);
	buf_add(out, (str){ (char *)p, (size_t)n });
	OPENSSL_free(p);
	ASN1_TIME_free(a);
	ASN1_TIME_free(b);
	X509_CRL_free(l);
}

/* ---- a root and an authority below it ---- */

static struct made root, middle;
static struct buf root_pem, middle_list, root_list;

static int set_up(void **state)
{
	root = make(CA(.cn = "Root"), NULL);
	middle = make(CA(.cn = "Middle", .bc = "critical,CA:TRUE,pathlen:0"), &root);
	buf_init(&root_pem, 1 << 20);
	buf_init(&middle_list, 1 << 20);
	buf_init(&root_list, 1 << 20);
	add_pem(&root_pem, root.cert);
	make_list(&middle, NULL, -HOUR, HOUR, &middle_list);
	make_list(&root, NULL, -HOUR, HOUR, &root_list);
	return 0;
}

static int tear_down(void **state)
{
	unmake(&root);
	unmake(&middle);
	buf_fini(&root_pem);
	buf_fini(&middle_list);
	buf_fini(&root_list);
	return 0;
}

static struct trust *trust(enum trust_policy policy, const struct buf *a, const struct buf *b)
{
	struct trust *t;
	struct diag d;
	assert_false(failed(trust_new(&(struct trust_config){ buf_str(&root_pem), 1, policy, policy }, &t, &d)));
	if (a != NULL)
		assert_false(failed(trust_add_list(t, buf_str(a), "a", &d)));
	if (b != NULL)
		assert_false(failed(trust_add_list(t, buf_str(b), "b", &d)));
	return t;
}

static struct trust_verdict judge(struct trust *t, const struct trust_case *c, X509 *const *certs, size_t n)
{
	struct trust_verdict der_v, pem_v;
	struct diag d = { 0 };
	struct buf der = { 0 }, pem = { 0 };
	buf_init(&der, 1 << 20);
	buf_init(&pem, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		add_der(&der, certs[i]);
		add_pem(&pem, certs[i]);
	}
	err e = trust_judge(t, c, buf_str(&der), &der_v, &d);
	assert_int_equal(failed(e), der_v.reason != TRUST_FINE);
	assert_int_equal(failed(e), d.what[0] != '\0');
	(void)failed(trust_judge(t, c, buf_str(&pem), &pem_v, &d));
	assert_int_equal(der_v.reason, pem_v.reason);
	assert_string_equal(der_v.name, pem_v.name);
	buf_fini(&der);
	buf_fini(&pem);
	return der_v;
}

static struct trust_case named(enum trust_role role, const char *name)
{
	return (struct trust_case){ .role = role, .name = str_of(name), .now = NOW };
}

#define EXPECT(reason_, verdict) assert_string_equal(trust_word((verdict).reason), trust_word(reason_))

/* ---- leaves ---- */

static void one_leaf_at_a_time(void **state)
{
	static const struct {
		struct wish w;
		enum trust_role role;
		const char *name;
		enum trust_reason want;
	} rows[] = {
		{ { 0 }, TRUST_SERVER, "a.example.com", TRUST_FINE },
		{ { 0 }, TRUST_PEER, "A.Example.COM", TRUST_FINE },
		{ { 0 }, TRUST_SERVER, "b.example.com", TRUST_WRONG_NAME },
		{ { 0 }, TRUST_SERVER, "x.a.example.com", TRUST_WRONG_NAME },
		{ { .san = "DNS:*.example.com" }, TRUST_SERVER, "a.example.com", TRUST_WILDCARD },
		{ { .san = "DNS:*.example.com,DNS:a.example.com" }, TRUST_SERVER, "a.example.com", TRUST_FINE },
		{ { .san = "DNS:*.example.com" }, TRUST_SERVER, "x.a.example.com", TRUST_WRONG_NAME },
		{ { .san = "DNS:*.example.com" }, TRUST_SERVER, "a.example.net", TRUST_WRONG_NAME },
		{ { .cn = "*.example.com" }, TRUST_SERVER, "a.example.com", TRUST_WILDCARD },
		{ { .san = NONE }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .san = NONE }, TRUST_SERVER, "a.example.com", TRUST_FINE },
		{ { .san = NONE, .cn = "*.example.com" }, TRUST_PEER, "a.example.com", TRUST_WILDCARD },
		{ { .san = "email:a@example.com" }, TRUST_PEER, "a.example.com", TRUST_WRONG_NAME },
		{ { .san = "DNS:b.example.com" }, TRUST_PEER, "a.example.com", TRUST_WRONG_NAME },
		{ { .san = "URI:sip:example.com,DNS:a.example.com" }, TRUST_PEER, "example.com", TRUST_FINE },
		{ { .san = "URI:sip:example.com,DNS:a.example.com" }, TRUST_PEER, "a.example.com", TRUST_WRONG_NAME },
		{ { .san = "URI:sip:x@a.example.com" }, TRUST_PEER, "a.example.com", TRUST_WRONG_NAME },
		{ { .san = "URI:sip:x@example.com,DNS:a.example.com" }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .san = "URI:sips:a.example.com" }, TRUST_PEER, "a.example.com", TRUST_WRONG_NAME },
		{ { .san = "URI:sip:a.example.com:5061" }, TRUST_PEER, "a.example.com", TRUST_WRONG_NAME },
		{ { .san = "IP:192.0.2.1" }, TRUST_SERVER, "192.0.2.1", TRUST_FINE },
		{ { .san = "IP:192.0.2.1" }, TRUST_PEER, "192.0.2.1", TRUST_WRONG_NAME },
		{ { .san = "IP:2001:db8::1" }, TRUST_SERVER, "2001:db8:0:0::1", TRUST_FINE },
		{ { .san = "IP:192.0.2.1" }, TRUST_SERVER, "192.0.2.2", TRUST_WRONG_NAME },
		{ { .eku = NONE }, TRUST_PEER, "a.example.com", TRUST_WRONG_PURPOSE },
		{ { .eku = "clientAuth" }, TRUST_PEER, "a.example.com", TRUST_WRONG_PURPOSE },
		{ { .eku = "clientAuth,serverAuth" }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .eku = "anyExtendedKeyUsage" }, TRUST_PEER, "a.example.com", TRUST_WRONG_PURPOSE },
		{ { .ku = "keyEncipherment" }, TRUST_PEER, "a.example.com", TRUST_WRONG_PURPOSE },
		{ { .ku = "digitalSignature" }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .bc = "critical,CA:TRUE", .ku = "digitalSignature,keyCertSign" }, TRUST_PEER, "a.example.com", TRUST_WRONG_PURPOSE },
		{ { .to = -1 }, TRUST_PEER, "a.example.com", TRUST_EXPIRED },
		{ { .from = 60 }, TRUST_PEER, "a.example.com", TRUST_NOT_YET_VALID },
		{ { .has_unknown = true }, TRUST_PEER, "a.example.com", TRUST_CRITICAL_EXTENSION },
		{ { .bits = 1024 }, TRUST_PEER, "a.example.com", TRUST_WEAK_KEY },
		{ { .bits = 2048 }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .curve = "P-384" }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .curve = "P-521" }, TRUST_PEER, "a.example.com", TRUST_FINE },
		{ { .curve = "P-224" }, TRUST_PEER, "a.example.com", TRUST_WEAK_KEY },
		{ { .curve = "secp256k1" }, TRUST_PEER, "a.example.com", TRUST_WEAK_KEY },
		{ { .is_sha1 = true }, TRUST_PEER, "a.example.com", TRUST_WEAK_HASH },
		{ { 0 }, TRUST_CLIENT, "", TRUST_WRONG_PURPOSE },
		{ { .eku = "clientAuth", .san = "URI:sip:ann@example.com" }, TRUST_CLIENT, "", TRUST_FINE },
		{ { .eku = "clientAuth", .san = "URI:sip:ann@example.com" }, TRUST_CLIENT, "ann@Example.com", TRUST_FINE },
		{ { .eku = "clientAuth", .san = "URI:sip:ann@example.com" }, TRUST_CLIENT, "bob@example.com", TRUST_WRONG_NAME },
		{ { .eku = "clientAuth,serverAuth", .san = "URI:sip:ann@example.com" }, TRUST_CLIENT, "", TRUST_WRONG_PURPOSE },
		{ { .eku = NONE, .san = "URI:sip:ann@example.com" }, TRUST_CLIENT, "", TRUST_WRONG_PURPOSE },
	};
	struct trust *t = trust(TRUST_HARD, &middle_list, &root_list);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made m = make(rows[i].w, &middle);
		const struct trust_case c = named(rows[i].role, rows[i].name);
		struct trust_verdict v = judge(t, &c, (X509 *[]){ m.cert, middle.cert }, 2);
		if (v.reason != rows[i].want)
			fail_msg("row %zu: %s, not %s", i, trust_word(v.reason), trust_word(rows[i].want));
		assert_int_equal(v.doubt, TRUST_FINE);
		unmake(&m);
	}
	trust_free(t);
}

/* ---- paths ---- */

/* The leaf with one authority of this kind between it and the root. */
static enum trust_reason below(struct wish ca, bool is_pss)
{
	struct buf list = { 0 };
	struct made a = make(ca, &root), m = make(LEAF(.is_pss = is_pss), &a);
	buf_init(&list, 1 << 20);
	make_list(&a, NULL, -HOUR, HOUR, &list);
	struct trust *t = trust(TRUST_HARD, &list, &root_list);
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	struct trust_verdict v = judge(t, &c, (X509 *[]){ m.cert, a.cert }, 2);
	trust_free(t);
	buf_fini(&list);
	unmake(&a);
	unmake(&m);
	return v.reason;
}

static void authorities_must_be_authorities(void **state)
{
	static const struct {
		struct wish w;
		bool is_pss;
		enum trust_reason want;
	} rows[] = {
		{ CA(.cn = "B"), false, TRUST_FINE },
		{ CA(.cn = "B", .bits = 2048), true, TRUST_FINE },
		{ CA(.cn = "B", .bc = NONE), false, TRUST_NOT_AUTHORITY },
		{ CA(.cn = "B", .bc = NONE, .ku = NONE), false, TRUST_NOT_AUTHORITY },
		{ CA(.cn = "B", .bc = "critical,CA:FALSE", .ku = "digitalSignature"), false, TRUST_NOT_AUTHORITY },
		{ CA(.cn = "B", .ku = "digitalSignature"), false, TRUST_NOT_AUTHORITY },
		{ CA(.cn = "B", .to = -1), false, TRUST_EXPIRED },
		{ CA(.cn = "B", .has_unknown = true), false, TRUST_CRITICAL_EXTENSION },
		{ CA(.cn = "B", .nc = "critical,permitted;DNS:example.com"), false, TRUST_FINE },
		{ CA(.cn = "B", .nc = "critical,permitted;DNS:example.net"), false, TRUST_NAME_CONSTRAINTS },
		{ CA(.cn = "B", .nc = "critical,excluded;DNS:a.example.com"), false, TRUST_NAME_CONSTRAINTS },
		{ CA(.cn = "B", .eku = "clientAuth"), false, TRUST_WRONG_PURPOSE },
		{ CA(.cn = "B", .is_sha1 = true), false, TRUST_WEAK_HASH },
		{ CA(.cn = "B", .curve = "secp256k1"), false, TRUST_WEAK_KEY },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum trust_reason r = below(rows[i].w, rows[i].is_pss);
		if (r != rows[i].want)
			fail_msg("row %zu: %s, not %s", i, trust_word(r), trust_word(rows[i].want));
	}
}

static void paths_end_at_a_root(void **state)
{
	struct made leaf = make(LEAF(), &middle), alone = make(LEAF(), NULL), deeper = make(CA(.cn = "Deeper"), &middle), under = make(LEAF(), &deeper);
	struct made stranger = make(CA(.cn = "Root"), NULL), forged = make(LEAF(), &stranger);
	struct trust *t = trust(TRUST_SOFT, NULL, NULL);
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	EXPECT(TRUST_FINE, judge(t, &c, (X509 *[]){ leaf.cert, middle.cert, root.cert }, 3));
	EXPECT(TRUST_FINE, judge(t, &c, (X509 *[]){ leaf.cert, root.cert, deeper.cert, middle.cert }, 4));
	EXPECT(TRUST_UNTRUSTED, judge(t, &c, (X509 *[]){ leaf.cert }, 1));
	EXPECT(TRUST_UNTRUSTED, judge(t, &c, (X509 *[]){ alone.cert }, 1));
	EXPECT(TRUST_UNTRUSTED, judge(t, &c, (X509 *[]){ forged.cert }, 1));
	EXPECT(TRUST_UNTRUSTED, judge(t, &c, (X509 *[]){ forged.cert, stranger.cert }, 2));
	EXPECT(TRUST_WRONG_PURPOSE, judge(t, &c, (X509 *[]){ middle.cert, leaf.cert }, 2));
	EXPECT(TRUST_PATH_LENGTH, judge(t, &c, (X509 *[]){ under.cert, deeper.cert, middle.cert }, 3));
	trust_free(t);
	unmake(&leaf);
	unmake(&alone);
	unmake(&deeper);
	unmake(&under);
	unmake(&stranger);
	unmake(&forged);
}

static void chains_have_a_length(void **state)
{
	struct made leaf = make(LEAF(), &middle);
	X509 *certs[TRUST_CHAIN_MAX + 1] = { leaf.cert, middle.cert };
	struct trust *t = trust(TRUST_SOFT, NULL, NULL);
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	struct trust_verdict v;
	struct diag d;
	for (size_t i = 2; i <= TRUST_CHAIN_MAX; i++)
		certs[i] = root.cert;
	EXPECT(TRUST_FINE, judge(t, &c, certs, TRUST_CHAIN_MAX));
	EXPECT(TRUST_TOO_LONG, judge(t, &c, certs, TRUST_CHAIN_MAX + 1));
	char *big = calloc(1, TRUST_TEXT_MAX + 1);
	assert_true(failed(trust_judge(t, &c, (str){ big, TRUST_TEXT_MAX + 1 }, &v, &d)) && v.reason == TRUST_TOO_LONG);
	assert_true(failed(trust_judge(t, &c, (str){ big, 100 }, &v, &d)) && v.reason == TRUST_MALFORMED);
	assert_true(failed(trust_judge(t, &c, STR(""), &v, &d)) && v.reason == TRUST_MALFORMED);
	assert_true(failed(trust_judge(t, &c, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &v, &d)) && v.reason == TRUST_MALFORMED);
	free(big);
	trust_free(t);
	unmake(&leaf);
}

/* Cut anywhere, a chain is malformed, or shorter by whole certificates. */
static void cut_anywhere(void **state)
{
	struct made leaf = make(LEAF(), &middle);
	struct trust *t = trust(TRUST_SOFT, NULL, NULL);
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	struct buf der = { 0 };
	buf_init(&der, 1 << 20);
	add_der(&der, leaf.cert);
	size_t first = der.n;
	add_der(&der, middle.cert);
	for (size_t n = 0; n < der.n; n++) {
		struct trust_verdict v;
		struct diag d;
		char *copy = malloc(n + 1); /* its end is guarded where memory is checked */
		memcpy(copy, der.p, n);
		assert_true(failed(trust_judge(t, &c, (str){ copy, n }, &v, &d)));
		assert_int_equal(v.reason, n == first ? TRUST_UNTRUSTED : TRUST_MALFORMED);
		free(copy);
	}
	buf_fini(&der);
	trust_free(t);
	unmake(&leaf);
}

/* ---- who may ---- */

static bool knows_b(void *arg, str name)
{
	(*(unsigned *)arg)++;
	return str_eq_case(name, STR("b.example.com"));
}

static void a_listener_knows_names(void **state)
{
	unsigned asked = 0;
	struct made ab = make(LEAF(.san = "DNS:a.example.com,DNS:b.example.com"), &middle), a = make(LEAF(), &middle);
	struct trust *t = trust(TRUST_HARD, &middle_list, &root_list);
	const struct trust_case c = { .role = TRUST_PEER, .is_known = knows_b, .arg = &asked, .now = NOW };
	struct trust_verdict v = judge(t, &c, (X509 *[]){ ab.cert, middle.cert }, 2);
	EXPECT(TRUST_FINE, v);
	assert_string_equal(v.name, "b.example.com");
	EXPECT(TRUST_WRONG_NAME, judge(t, &c, (X509 *[]){ a.cert, middle.cert }, 2));
	assert_true(asked >= 6);
	trust_free(t);
	unmake(&ab);
	unmake(&a);
}

/* ---- lists ---- */

static void lists_are_looked_at(void **state)
{
	struct made leaf = make(LEAF(), &middle);
	X509 *const chain[] = { leaf.cert, middle.cert };
	struct buf ends = { 0 }, hit = { 0 }, over = { 0 }, old = { 0 };
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	struct buf *const bufs[] = { &ends, &hit, &over, &old };
	for (size_t i = 0; i < 4; i++)
		buf_init(bufs[i], 1 << 20);
	make_list(&middle, leaf.cert, -2 * HOUR, -HOUR, &old); /* revoked, in a list that has ended */
	make_list(&middle, NULL, -2 * HOUR, -HOUR, &ends);
	make_list(&middle, leaf.cert, -HOUR, HOUR, &hit);
	make_list(&root, middle.cert, -HOUR, HOUR, &over);
	const struct {
		enum trust_policy policy;
		const struct buf *leaf, *middle;
		enum trust_reason want, doubt;
	} rows[] = {
		{ TRUST_HARD, &middle_list, &root_list, TRUST_FINE, TRUST_FINE },
		{ TRUST_HARD, &hit, &root_list, TRUST_REVOKED, TRUST_FINE },
		{ TRUST_SOFT, &hit, NULL, TRUST_REVOKED, TRUST_FINE },
		{ TRUST_HARD, &middle_list, &over, TRUST_REVOKED, TRUST_FINE },
		{ TRUST_HARD, &middle_list, NULL, TRUST_CRL_MISSING, TRUST_FINE },
		{ TRUST_HARD, NULL, &root_list, TRUST_CRL_MISSING, TRUST_FINE },
		{ TRUST_HARD, NULL, NULL, TRUST_CRL_MISSING, TRUST_FINE },
		{ TRUST_SOFT, NULL, NULL, TRUST_FINE, TRUST_CRL_MISSING },
		{ TRUST_HARD, &ends, &root_list, TRUST_CRL_STALE, TRUST_FINE },
		{ TRUST_SOFT, &ends, &root_list, TRUST_FINE, TRUST_CRL_STALE },
		{ TRUST_SOFT, &old, &root_list, TRUST_REVOKED, TRUST_CRL_STALE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trust *t = trust(rows[i].policy, rows[i].leaf, rows[i].middle);
		struct trust_verdict v = judge(t, &c, chain, 2);
		if (v.reason != rows[i].want || v.doubt != rows[i].doubt)
			fail_msg("row %zu: %s, doubt %s", i, trust_word(v.reason), trust_word(v.doubt));
		trust_free(t);
	}
	for (size_t i = 0; i < 4; i++)
		buf_fini(bufs[i]);
	unmake(&leaf);
}

static bool is_revoked(const struct trust *t, const X509 *x)
{
	uint8_t issuer[32];
	const ASN1_INTEGER *n = X509_get0_serialNumber(x);
	unsigned size;
	assert_int_equal(X509_NAME_digest(X509_get_issuer_name(x), EVP_sha256(), issuer, &size), 1);
	return trust_is_revoked(t, issuer, (str){ (const char *)ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n) });
}

/* What was judged before, by issuer and number alone. */
static void lists_are_asked_again(void **state)
{
	struct made leaf = make(LEAF(), &middle), other = make(LEAF(), &middle), foreign = make(LEAF(), &root);
	struct buf hit = { 0 };
	buf_init(&hit, 1 << 20);
	ASN1_INTEGER_set(X509_get_serialNumber(foreign.cert), ASN1_INTEGER_get(X509_get0_serialNumber(leaf.cert))); /* the same number, of another issuer */
	make_list(&middle, leaf.cert, -HOUR, HOUR, &hit);
	struct trust *t = trust(TRUST_HARD, &root_list, &middle_list);
	assert_false(is_revoked(t, leaf.cert));
	trust_free(t);
	t = trust(TRUST_HARD, &root_list, &hit);
	assert_true(is_revoked(t, leaf.cert));
	assert_false(is_revoked(t, other.cert));
	assert_false(is_revoked(t, foreign.cert));
	assert_false(trust_is_revoked(t, (const uint8_t[32]){ 0 }, STR("")));
	trust_free(t);
	t = trust(TRUST_HARD, NULL, NULL);
	assert_false(is_revoked(t, leaf.cert));
	trust_free(t);
	buf_fini(&hit);
	unmake(&leaf);
	unmake(&other);
	unmake(&foreign);
}

/* Signed by somebody who only calls himself the same. */
static void a_forged_list_is_none(void **state)
{
	struct made leaf = make(LEAF(), &middle), other = make(CA(.cn = "Middle"), NULL);
	struct buf forged = { 0 };
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	buf_init(&forged, 1 << 20);
	make_list(&other, leaf.cert, -HOUR, HOUR, &forged);
	struct trust *hard = trust(TRUST_HARD, &forged, &root_list), *soft = trust(TRUST_SOFT, &forged, &root_list);
	EXPECT(TRUST_CRL_MISSING, judge(hard, &c, (X509 *[]){ leaf.cert, middle.cert }, 2));
	EXPECT(TRUST_CRL_MISSING, judge(soft, &c, (X509 *[]){ leaf.cert, middle.cert }, 2));
	trust_free(hard);
	trust_free(soft);
	buf_fini(&forged);
	unmake(&leaf);
	unmake(&other);
}

static void own_and_other_roots_have_their_policy(void **state)
{
	struct made foreign = make(CA(.cn = "Foreign"), NULL), theirs = make(LEAF(), &foreign), ours = make(LEAF(), &root);
	struct buf both = { 0 };
	struct trust *t;
	struct diag d;
	const struct trust_case c = named(TRUST_PEER, "a.example.com");
	buf_init(&both, 1 << 20);
	add_pem(&both, root.cert);
	add_pem(&both, foreign.cert);
	assert_false(failed(trust_new(&(struct trust_config){ buf_str(&both), 1, TRUST_HARD, TRUST_SOFT }, &t, &d)));
	EXPECT(TRUST_FINE, judge(t, &c, (X509 *[]){ theirs.cert }, 1));
	EXPECT(TRUST_CRL_MISSING, judge(t, &c, (X509 *[]){ ours.cert }, 1));
	trust_free(t);
	assert_false(failed(trust_new(&(struct trust_config){ buf_str(&both), 0, TRUST_HARD, TRUST_SOFT }, &t, &d)));
	EXPECT(TRUST_FINE, judge(t, &c, (X509 *[]){ ours.cert }, 1));
	trust_free(t);
	buf_fini(&both);
	unmake(&foreign);
	unmake(&theirs);
	unmake(&ours);
}

static void what_is_no_list_or_root(void **state)
{
	struct trust *t;
	struct diag d = { 0 };
	struct buf endless = { 0 };
	assert_true(err_is(trust_new(&(struct trust_config){ .roots_pem = STR("x") }, &t, &d), ERR_MALFORMED));
	assert_true(err_is(trust_new(&(struct trust_config){ .roots_pem = STR("") }, &t, &d), ERR_MALFORMED));
	t = trust(TRUST_HARD, NULL, NULL);
	buf_init(&endless, 1 << 20);
	make_list(&middle, NULL, -HOUR, 0, &endless);
	assert_true(err_is(trust_add_list(t, buf_str(&endless), "certs/x.crl", &d), ERR_MALFORMED));
	assert_string_equal(d.where, "certs/x.crl");
	assert_true(err_is(trust_add_list(t, STR("x"), "x", &d), ERR_MALFORMED));
	assert_true(err_is(trust_add_list(t, STR(""), "x", &d), ERR_MALFORMED));
	assert_true(err_is(trust_add_list(t, str_cut(buf_str(&middle_list), 0, middle_list.n - 1), "x", &d), ERR_MALFORMED));
	for (unsigned i = 0; i < TRUST_LISTS_MAX; i++)
		assert_false(failed(trust_add_list(t, buf_str(&middle_list), "x", &d)));
	assert_true(err_is(trust_add_list(t, buf_str(&middle_list), "x", &d), ERR_CEILING));
	buf_fini(&endless);
	trust_free(t);
}

/* ---- words and clients ---- */

static void words_are_all_there(void **state)
{
	enum trust_role role;
	for (unsigned i = 0; i < TRUST_REASON_N; i++) {
		assert_non_null(trust_word((enum trust_reason)i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(trust_word((enum trust_reason)i), trust_word((enum trust_reason)k));
	}
	assert_true(trust_role_find(STR("server"), &role) && role == TRUST_SERVER);
	assert_false(trust_role_find(STR("Server"), &role));
}

static void clients_are_told_whole_names(void **state)
{
	static struct topo t;
	struct arena a;
	struct trust_model m;
	struct diag d;
	arena_init(&a, 16u << 20);
	assert_false(failed(topo_read(&t, &a, "test/topology/whole.yaml", &d)));
	assert_false(failed(trust_model(&t, &a, &m)));
	bool has_web = false;
	for (size_t i = 0; i < m.sights.n; i++) {
		const struct trust_sight *s = &m.sights.p[i];
		if (str_eq(s->host, STR("eepoolweb.domain.com")))
			assert_int_equal(s->is_listed, !str_eq(s->domain, STR("domain.com")));
		has_web = has_web || str_eq(s->host, STR("eepoolweb.domain.com"));
		if (strcmp(s->where, "sign-in from outside") == 0)
			assert_false(s->is_listed);
		assert_false(str_eq(s->host, STR("gw01.internal.ad")) || str_eq(s->host, STR("edgepool.internal.ad")));
	}
	assert_true(has_web);
	for (str name, rest = m.value; rest.n != 0;) {
		name = str_split(rest, ',', &rest);
		assert_true(name.n != 0 && !trust_is_wide(name));
		assert_null(memmem(rest.p, rest.n, name.p, name.n));
	}
	assert_true(str_begins(m.value, STR("eepool.internal.ad,")));
	arena_fini(&a);
}

static void some_domains_are_nobodys(void **state)
{
	static const char *const wide[] = { "com", "co.uk", ".co.uk", "CO.UK", "ad", "", "github.io", "local" };
	static const char *const fine[] = { "example.com", "example.co.uk", "eepool.internal.ad" };
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		assert_true(trust_is_wide(str_of(wide[i])));
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		assert_false(trust_is_wide(str_of(fine[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_leaf_at_a_time),
		cmocka_unit_test(authorities_must_be_authorities),
		cmocka_unit_test(paths_end_at_a_root),
		cmocka_unit_test(chains_have_a_length),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(a_listener_knows_names),
		cmocka_unit_test(lists_are_looked_at),
		cmocka_unit_test(lists_are_asked_again),
		cmocka_unit_test(a_forged_list_is_none),
		cmocka_unit_test(own_and_other_roots_have_their_policy),
		cmocka_unit_test(what_is_no_list_or_root),
		cmocka_unit_test(words_are_all_there),
		cmocka_unit_test(clients_are_told_whole_names),
		cmocka_unit_test(some_domains_are_nobodys),
	};
	return cmocka_run_group_tests_name("trust", tests, set_up, tear_down);
}
