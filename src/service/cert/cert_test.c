/* SPDX-License-Identifier: Apache-2.0 */
#include "service/cert/cert_world.h"

#include <openssl/ui.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static struct topo topo;

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

/* ---- issuing by the plan ---- */

#define TOPOLOGY_INSIDE TOPOLOGY("example.test, internal.ad", "uc01.internal.ad", "")

static X509 *x509_of(const struct buf *der)
{
	const unsigned char *p = (const unsigned char *)der->p;
	X509 *x = d2i_X509(NULL, &p, (long)der->n);
	assert_non_null(x);
	return x;
}

static void issue(struct world *w, enum cert_key kind, const struct plan_certificate *plan)
{
	struct cert_order order;
	world_open(w, kind, NOW);
	assert_ok(cert_order_fill(plan, topo.organization, &arena, &order));
	issue_server(w, &order, &w->server);
}

static X509_CRL *crl_of(struct world *w, const struct cert_revoked *p, size_t n)
{
	struct buf der;
	list_of(w, p, n, &der);
	const unsigned char *bytes = (const unsigned char *)der.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &bytes, (long)der.n);
	buf_fini(&der);
	assert_non_null(crl);
	return crl;
}

struct client {
	const struct buf *root;
	X509_CRL *crl;
	const char *host; /* that it looks for; NULL: any */
	int64_t now;
};

/* X509_V_OK or why not, as a TLS client sees it to which the server presents its certificate and the authority's. */
static int verify(const struct world *w, struct client c)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *root = x509_of(c.root), *leaf = x509_of(&w->server.der);
	assert_true(sk_X509_push(chain, x509_of(&w->authority.der)) > 0);
	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	if (c.crl != NULL)
		assert_int_equal(X509_STORE_add_crl(store, c.crl), 1);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, chain), 1);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | (c.crl != NULL ? X509_V_FLAG_CRL_CHECK : 0));
	X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	X509_VERIFY_PARAM_set_time(param, (time_t)c.now);
	if (c.host != NULL)
		assert_int_equal(X509_VERIFY_PARAM_set1_host(param, c.host, 0), 1);
	(void)X509_verify_cert(ctx);
	int error = X509_STORE_CTX_get_error(ctx);
	sk_X509_pop_free(chain, X509_free);
	X509_free(root);
	X509_free(leaf);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return error;
}

static void issues_what_clients_accept(void **state)
{
	static const enum cert_key kinds[] = { CERT_RSA_2048, CERT_EC_P256, CERT_EC_P384 };
	static const struct {
		const char *host;
		int64_t now;
		int error;
	} rows[] = {
		{ "uc01.internal.ad", NOW, X509_V_OK },
		{ "sip.example.test", NOW, X509_V_OK },
		{ "sip.internal.ad", NOW - 3599, X509_V_OK },
		{ "sip.example.net", NOW, X509_V_ERR_HOSTNAME_MISMATCH },
		{ NULL, NOW - 3601, X509_V_ERR_CERT_NOT_YET_VALID },
		{ NULL, NOW + 365 * DAY, X509_V_ERR_CERT_HAS_EXPIRED },
	};
	const struct plan_certificate plan = plan_of(TOPOLOGY_INSIDE, "");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct world w;
		issue(&w, kinds[i], &plan);
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
			assert_int_equal(verify(&w, (struct client){ &w.root.der, NULL, rows[k].host, rows[k].now }), rows[k].error);
		world_close(&w);
	}
}

static void another_root_is_not_accepted(void **state)
{
	const struct plan_certificate plan = plan_of(TOPOLOGY_INSIDE, "");
	struct world a, b;
	issue(&a, CERT_EC_P256, &plan);
	issue(&b, CERT_EC_P256, &plan);
	assert_int_not_equal(verify(&a, (struct client){ &b.root.der, NULL, NULL, NOW }), X509_V_OK);
	world_close(&a);
	world_close(&b);
}

static void views_what_it_issues(void **state)
{
	const struct plan_certificate plan = plan_of(TOPOLOGY_INSIDE, "");
	struct world w;
	struct cert_view v, issuer;
	struct buf pem;
	uint8_t hash[32];
	issue(&w, CERT_EC_P256, &plan);
	buf_init(&pem, CERT_PEM_MAX);
	cert_pem_print(buf_str(&w.server.der), &pem);
	cert_pem_print(buf_str(&w.authority.der), &pem);
	assert_ok(cert_read(buf_str(&pem), &arena, &v, &diag));
	assert_ok(cert_view_read(buf_str(&w.authority.der), &arena, &issuer, &diag));
	assert_true(str_eq(v.subject, STR("CN=uc01.internal.ad,O=Example")));
	assert_true(str_eq(v.issuer, issuer.subject));
	assert_true(str_eq(v.aki, issuer.ski) && v.aki.n == 40 && v.ski.n == 40);
	assert_true(str_eq(v.crl_url, STR("http://uc01.internal.ad/witan.crl")));
	assert_int_equal(v.san.n, 3);
	assert_true(str_eq(v.san.p[0], STR("uc01.internal.ad")));
	assert_true(str_eq(v.san.p[2], STR("sip.internal.ad")));
	assert_int_equal(v.not_before, NOW - 3600);
	cert_spki_hash(buf_str(&w.server.spki), hash);
	assert_memory_equal(v.spki, hash, 32);
	assert_int_equal(strlen(v.thumbprint), 40);
	buf_fini(&pem);
	world_close(&w);
}

static void clients_obey_the_revocation_list(void **state)
{
	const struct plan_certificate plan = plan_of(TOPOLOGY_INSIDE, "");
	struct world w;
	struct cert_view v;
	struct cert_revoked gone = { .when = NOW, .reason = CERT_SUPERSEDED };
	issue(&w, CERT_RSA_2048, &plan);
	assert_ok(cert_view_read(buf_str(&w.server.der), &arena, &v, &diag));
	memcpy(gone.serial, v.serial, sizeof gone.serial);
	X509_CRL *none = crl_of(&w, NULL, 0), *one = crl_of(&w, &gone, 1);
	assert_int_equal(verify(&w, (struct client){ &w.root.der, none, NULL, NOW }), X509_V_OK);
	assert_int_equal(verify(&w, (struct client){ &w.root.der, one, NULL, NOW }), X509_V_ERR_CERT_REVOKED);
	X509_CRL_free(none);
	X509_CRL_free(one);
	world_close(&w);
}

static void refuses_what_is_no_certificate(void **state)
{
	static const char *const texts[] = { "", "x",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
	struct cert_view v;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_true(err_is(cert_read(str_of(texts[i]), &arena, &v, &diag), ERR_MALFORMED));
}

/* The inner side of an Edge: its plan has no alternative names, so the common name stands alone, and once more for who reads no such name. */
static void an_edge_inside_has_its_common_name(void **state)
{
	struct topo_host host;
	struct plan_certificate plan;
	struct world w;
	struct cert_view view;
	assert_ok(topo_read(&topo, &arena, "test/topology/whole.yaml", &diag));
	assert_ok(topo_find_host(&topo, STR("edge02.internal.ad"), &host, &diag));
	assert_ok(plan_certificate_host(&topo, &host, PLAN_INTERNAL, &arena, &plan, &diag));
	issue(&w, CERT_EC_P256, &plan);
	assert_ok(cert_view_read(buf_str(&w.server.der), &arena, &view, &diag));
	assert_int_equal(plan.san.n, 0);
	assert_int_equal(view.san.n, 1);
	assert_true(str_eq(view.san.p[0], STR("edgepool.internal.ad")));
	assert_true(str_begins(view.subject, STR("CN=edgepool.internal.ad")));
	world_close(&w);
}

static bool was_asked;

static int on_question(UI *ui, UI_STRING *question)
{
	was_asked = true;
	return 0;
}

#define SEALED(label)                                                                                                                     \
	"-----BEGIN " label "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n" \
	"-----END " label "-----\n"

/* Whoever gives us PEM cannot make us ask for a passphrase at the terminal. */
static void asks_nobody(void **state)
{
	struct cert_view view;
	struct cert_request_view request;
	struct cert_client_view client;
	struct cert_crl *crl;
	UI_METHOD *ui = UI_create_method("test");
	UI_method_set_reader(ui, on_question);
	const UI_METHOD *before = UI_get_default_method();
	UI_set_default_method(ui);
	assert_true(failed(cert_read(STR(SEALED("CERTIFICATE")), &arena, &view, &diag)));
	assert_true(failed(cert_request_read(STR(SEALED("CERTIFICATE REQUEST")), true, &arena, &request, &diag)));
	assert_true(failed(cert_crl_read(STR(SEALED("X509 CRL")), STR(SEALED("CERTIFICATE")), &crl, &diag)));
	assert_true(failed(cert_client_check(STR("x"), STR(SEALED("CERTIFICATE")), NULL, 0, &client, &diag)));
	assert_false(was_asked);
	UI_set_default_method(before);
	UI_destroy_method(ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plans_names_by_rules),
		TEST(an_edge_inside_has_its_common_name),
		TEST(refuses_names_that_become_too_long),
		TEST(issues_what_clients_accept),
		TEST(another_root_is_not_accepted),
		TEST(views_what_it_issues),
		TEST(clients_obey_the_revocation_list),
		TEST(refuses_what_is_no_certificate),
		TEST(asks_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
