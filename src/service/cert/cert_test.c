/* SPDX-License-Identifier: Apache-2.0 */
#include "service/cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW 1800000000
#define DAY 86400

static struct arena arena;
static struct topo topo;
static struct diag diag;

static int set_up(void **state)
{
	arena_init(&arena, 16u << 20);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

static void assert_ok(err e)
{
	if (failed(e))
		fail_msg("%s: %s: %s", e.def->name, diag.where, diag.what);
}

static struct plan_certificate plan_of(const char *text, const char *host_name)
{
	struct topo_host host;
	struct plan_certificate plan;
	assert_ok(topo_parse(&topo, &arena, str_of(text), "t.yaml", &diag));
	assert_ok(topo_find_host(&topo, str_of(host_name), &host, &diag));
	assert_ok(plan_certificate_host(&topo, &host, PLAN_DEFAULT, &arena, &plan, &diag));
	return plan;
}

/* ---- the plan ---- */

#define TOPOLOGY(domains, pool, more)                                                             \
	"organization: Example\nsip-domains: [" domains "]\ninternal-domain: corp.example\n" more \
	"sites: [{name: M, pools: [{pool: " pool ", role: standard-edition}]}]\n"

static const struct {
	const char *topology, *cn, *san, *why, *crl_url;
} plans[] = {
	{ TOPOLOGY("example.com", "lync01.corp.example", ""), "lync01.corp.example",
		"lync01.corp.example sip.example.com ", "G05 G20 ", "http://lync01.corp.example/witan.crl" },
	{ TOPOLOGY("domain.com, domain-a.com, domain-b.com", "se01.internal.ad", ""), "se01.internal.ad",
		"se01.internal.ad sip.domain.com sip.domain-a.com sip.domain-b.com ", "G05 G20 G20 G20 ",
		"http://se01.internal.ad/witan.crl" },
	/* the server is sip. of its domain: not twice */
	{ TOPOLOGY("example.com, example.org", "sip.example.com", ""), "sip.example.com",
		"sip.example.com sip.example.org ", "G05 G20 ", "http://sip.example.com/witan.crl" },
	{ TOPOLOGY("example.com", "a.example.com",
		  "certificates: {key: ec-p256, crl-url: 'http://pki.example.com/a.crl'}\n"),
		"a.example.com", "a.example.com sip.example.com ", "G05 G20 ", "http://pki.example.com/a.crl" },
};

static void plans_names_by_rules(void **state)
{
	for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
		struct plan_certificate plan = plan_of(plans[i].topology, "");
		struct buf san, why;
		buf_init(&san, 4096);
		buf_init(&why, 4096);
		for (size_t j = 0; j < plan.san.n; j++) {
			buf_printf(&san, "%.*s ", STR_FMT(plan.san.p[j].name));
			buf_printf(&why, "%s ", plan_rules[plan.san.p[j].rule].id);
		}
		assert_true(str_eq(plan.cn, str_of(plans[i].cn)));
		assert_true(str_eq(buf_str(&san), str_of(plans[i].san)));
		assert_true(str_eq(buf_str(&why), str_of(plans[i].why)));
		assert_true(str_eq(plan.crl_url, str_of(plans[i].crl_url)));
		assert_false(plan.exportable || plan.public_ca || plan.client_auth);
		buf_fini(&san);
		buf_fini(&why);
	}
}

static void refuses_names_that_become_too_long(void **state)
{
	char text[1024], domain[251];
	for (size_t i = 0; i < sizeof domain - 1; i++)
		domain[i] = i % 50 == 49 ? '.' : 'a';
	domain[249] = 'a';
	domain[250] = '\0';
	(void)snprintf(text, sizeof text,
		"organization: E\nsip-domains: [%s]\ninternal-domain: b\nsites: [{name: M, pools: [{pool: a.b, role: "
		"standard-edition}]}]\n",
		domain);
	struct plan_certificates all;
	assert_ok(topo_parse(&topo, &arena, str_of(text), "t.yaml", &diag));
	assert_true(err_is(plan_certificates(&topo, &arena, &all, &diag), ERR_REFUSED));
}

static void names_usages(void **state)
{
	enum plan_usage usage;
	assert_true(plan_usage_find(STR("default"), &usage));
	assert_int_equal(usage, PLAN_DEFAULT);
	assert_string_equal(plan_usage_word(usage), "Default");
	assert_false(plan_usage_find(STR("Interna"), &usage));
}

/* ---- issuing ---- */

struct issued {
	struct cert_ca *ca;
	struct cert_pair pair;
	struct buf ca_pem;
	X509 *root, *leaf;
	EVP_PKEY *key;
};

static X509 *x509_of(const struct buf *b)
{
	BIO *bio = BIO_new_mem_buf(b->p, (int)b->n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static struct issued issue(const char *topology)
{
	struct issued r;
	struct plan_certificate plan = plan_of(topology, "");
	assert_ok(cert_ca_new(topo.organization, plan.key, NOW, &r.ca, &diag));
	assert_ok(cert_issue(r.ca, &plan, topo.organization, NOW, &r.pair, &diag));
	buf_init(&r.ca_pem, CERT_PEM_MAX);
	cert_ca_pem(r.ca, &r.ca_pem);
	r.root = x509_of(&r.ca_pem);
	r.leaf = x509_of(&r.pair.chain_pem);
	BIO *bio = BIO_new_mem_buf(r.pair.key_pem.p, (int)r.pair.key_pem.n);
	r.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(r.key);
	return r;
}

static void issued_fini(struct issued *r)
{
	EVP_PKEY_free(r->key);
	X509_free(r->leaf);
	X509_free(r->root);
	buf_fini(&r->ca_pem);
	cert_pair_fini(&r->pair);
	cert_ca_free(r->ca);
}

/* X509_V_OK or why not, as a TLS client at `now` that looks for `host` sees it. */
static int verify(X509 *root, X509 *leaf, X509_CRL *crl, const char *host, int64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	if (crl != NULL)
		assert_int_equal(X509_STORE_add_crl(store, crl), 1);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | (crl != NULL ? X509_V_FLAG_CRL_CHECK : 0));
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	if (host != NULL)
		assert_int_equal(X509_VERIFY_PARAM_set1_host(param, host, 0), 1);
	(void)X509_verify_cert(ctx);
	int error = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return error;
}

static const char *const issue_topologies[] = {
	TOPOLOGY("example.com, example.org", "uc01.corp.example", ""),
	TOPOLOGY("example.com, example.org", "uc01.corp.example", "certificates: {key: ec-p256}\n"),
	TOPOLOGY("example.com, example.org", "uc01.corp.example", "certificates: {key: ec-p384}\n"),
};

static void issues_what_clients_accept(void **state)
{
	for (size_t i = 0; i < sizeof issue_topologies / sizeof *issue_topologies; i++) {
		struct issued r = issue(issue_topologies[i]);
		assert_int_equal(verify(r.root, r.leaf, NULL, "uc01.corp.example", NOW), X509_V_OK);
		assert_int_equal(verify(r.root, r.leaf, NULL, "sip.example.com", NOW), X509_V_OK);
		assert_int_equal(verify(r.root, r.leaf, NULL, "sip.example.org", NOW - 3599), X509_V_OK);
		assert_int_equal(verify(r.root, r.leaf, NULL, "sip.example.net", NOW), X509_V_ERR_HOSTNAME_MISMATCH);
		assert_int_equal(verify(r.root, r.leaf, NULL, NULL, NOW - 3601), X509_V_ERR_CERT_NOT_YET_VALID);
		assert_int_equal(verify(r.root, r.leaf, NULL, NULL, NOW + 365LL * DAY), X509_V_ERR_CERT_HAS_EXPIRED);
		assert_int_equal(X509_check_private_key(r.leaf, r.key), 1);
		issued_fini(&r);
	}
}

static void another_ca_is_not_accepted(void **state)
{
	struct issued a = issue(issue_topologies[1]), b = issue(issue_topologies[1]);
	assert_int_not_equal(verify(b.root, a.leaf, NULL, NULL, NOW), X509_V_OK);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a.leaf), X509_get0_serialNumber(b.leaf)), 0);
	issued_fini(&a);
	issued_fini(&b);
}

static void fills_extensions(void **state)
{
	struct issued r = issue(issue_topologies[0]);
	assert_int_equal(X509_get_extended_key_usage(r.leaf), XKU_SSL_SERVER);
	assert_int_equal(X509_get_key_usage(r.leaf), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(X509_get_key_usage(r.root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(X509_check_ca(r.root), 1);
	assert_int_equal(X509_check_ca(r.leaf), 0);
	assert_int_equal(X509_get_pathlen(r.root), 0);
	assert_non_null(X509_get0_subject_key_id(r.leaf));
	assert_int_equal(
		ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(r.leaf), X509_get0_subject_key_id(r.root)), 0);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(r.leaf)), 2048);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(r.root)), 3072);
	issued_fini(&r);
}

static void views_what_it_issues(void **state)
{
	struct issued r = issue(issue_topologies[1]);
	struct cert_view v;
	assert_ok(cert_read(buf_str(&r.pair.chain_pem), &arena, &v, &diag));
	assert_true(str_eq(v.subject, STR("CN=uc01.corp.example,O=Example")));
	assert_true(str_eq(v.issuer, STR("CN=Example root CA,O=Example")));
	assert_true(str_eq(v.key, STR("ec-p256")));
	assert_true(str_eq(v.crl_url, STR("http://uc01.corp.example/witan.crl")));
	assert_int_equal(v.san.n, 3);
	assert_true(str_eq(v.san.p[0], STR("uc01.corp.example")));
	assert_true(str_eq(v.san.p[2], STR("sip.example.org")));
	assert_int_equal(v.not_before, NOW - 3600);
	assert_int_equal(v.not_after, NOW - 3600 + 365LL * DAY);
	assert_memory_equal(v.spki, r.pair.spki, 32);
	assert_int_equal(strlen(v.thumbprint), 40);
	assert_true(strlen(v.serial) >= 24 && strlen(v.serial) <= 32);
	issued_fini(&r);
}

static void revocation_list_verifies(void **state)
{
	struct issued r = issue(issue_topologies[0]);
	struct buf der;
	buf_init(&der, CERT_PEM_MAX);
	assert_ok(cert_ca_crl(r.ca, NULL, 0, NOW, &der));
	const unsigned char *p = (const unsigned char *)der.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	assert_non_null(crl);
	assert_int_equal(verify(r.root, r.leaf, crl, NULL, NOW), X509_V_OK);
	X509_CRL_free(crl);
	buf_fini(&der);
	issued_fini(&r);
}

static void ca_survives_its_files(void **state)
{
	struct issued r = issue(issue_topologies[1]), other = issue(issue_topologies[1]);
	struct cert_ca *again;
	struct buf key;
	buf_init(&key, CERT_PEM_MAX);
	cert_ca_key_pem(r.ca, &key);
	assert_ok(cert_ca_read(buf_str(&r.ca_pem), buf_str(&key), &again, &diag));
	struct plan_certificate plan = plan_of(issue_topologies[1], "");
	struct cert_pair pair;
	assert_ok(cert_issue(again, &plan, topo.organization, NOW, &pair, &diag));
	X509 *leaf = x509_of(&pair.chain_pem);
	assert_int_equal(verify(r.root, leaf, NULL, "sip.example.com", NOW), X509_V_OK);
	X509_free(leaf);
	cert_pair_fini(&pair);
	cert_ca_free(again);
	assert_true(err_is(cert_ca_read(buf_str(&other.ca_pem), buf_str(&key), &again, &diag), ERR_REFUSED));
	assert_true(err_is(cert_ca_read(STR("nothing"), buf_str(&key), &again, &diag), ERR_MALFORMED));
	assert_true(err_is(cert_ca_read(buf_str(&r.ca_pem), STR(""), &again, &diag), ERR_MALFORMED));
	buf_fini(&key);
	issued_fini(&r);
	issued_fini(&other);
}

static void nothing_outlives_the_ca(void **state)
{
	struct issued r = issue(issue_topologies[1]);
	struct plan_certificate plan = plan_of(issue_topologies[1], "");
	struct cert_pair pair;
	struct cert_view v;
	int64_t end = NOW - 3600 + (int64_t)CERT_CA_DAYS * DAY;
	assert_ok(cert_issue(r.ca, &plan, topo.organization, end - 10LL * DAY, &pair, &diag));
	assert_ok(cert_read(buf_str(&pair.chain_pem), &arena, &v, &diag));
	assert_int_equal(v.not_after, end);
	cert_pair_fini(&pair);
	assert_true(err_is(cert_issue(r.ca, &plan, topo.organization, end, &pair, &diag), ERR_REFUSED));
	cert_pair_fini(&pair);
	issued_fini(&r);
}

static void long_organizations_are_cut(void **state)
{
	/* 64 octets of two-octet letters: the CA's name must not end inside one */
	str organization = STR("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
			       "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
			       "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
			       "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
	struct cert_ca *ca;
	struct buf pem;
	struct cert_view v;
	buf_init(&pem, CERT_PEM_MAX);
	assert_ok(cert_ca_new(organization, TOPO_EC_P256, NOW, &ca, &diag));
	cert_ca_pem(ca, &pem);
	assert_ok(cert_read(buf_str(&pem), &arena, &v, &diag));
	assert_true(str_begins(v.subject, STR("CN=\xc3\xa4")));
	assert_int_equal(str_find_char(v.subject, ','), sizeof "CN=" - 1 + 56 + sizeof " root CA" - 1);
	buf_fini(&pem);
	cert_ca_free(ca);
}

static void refuses_what_is_no_certificate(void **state)
{
	static const char *const texts[] = { "", "x",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
	struct cert_view v;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_true(err_is(cert_read(str_of(texts[i]), &arena, &v, &diag), ERR_MALFORMED));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(plans_names_by_rules),
		TEST(refuses_names_that_become_too_long),
		TEST(names_usages),
		TEST(issues_what_clients_accept),
		TEST(another_ca_is_not_accepted),
		TEST(fills_extensions),
		TEST(views_what_it_issues),
		TEST(revocation_list_verifies),
		TEST(ca_survives_its_files),
		TEST(nothing_outlives_the_ca),
		TEST(long_organizations_are_cut),
		TEST(refuses_what_is_no_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
