/* SPDX-License-Identifier: Apache-2.0 */
/* What a key is asked to sign: four kinds of whole things, and nothing else. */
#include "service/cert/cert_der.h"
#include "service/cert/cert_world.h"

static const enum cert_key kinds[] = { CERT_EC_P256, CERT_EC_P384, CERT_EC_P521, CERT_RSA_2048 };
#define KINDS (sizeof kinds / sizeof *kinds)

struct asked {
	struct buf tbs[4];
	enum cert_tbs kind[4];
};

static void ask_all(struct world *w, struct asked *a)
{
	static const enum cert_tbs all[] = { CERT_TBS_CERTIFICATE, CERT_TBS_REQUEST, CERT_TBS_CRL, CERT_TBS_OCSP };
	const struct cert_order order = server_order();
	const struct cert_revoked gone = { .serial = "0123456789ABCDEF", .when = NOW, .reason = CERT_KEY_COMPROMISE };
	const struct cert_list list = { &gone, 1, 9, NOW, NOW + DAY };
	const struct cert_ocsp_answer answer = { CERT_OCSP_REVOKED, NOW, CERT_SUPERSEDED };
	struct cert_ocsp_request request;
	struct buf der;
	enum cert_alg alg;
	for (size_t i = 0; i < 4; i++) {
		buf_init(&a->tbs[i], CERT_CRL_MAX);
		a->kind[i] = all[i];
	}
	buf_init(&der, CERT_DER_MAX);
	const str issuer = buf_str(&w->authority.der), spki = buf_str(&w->server.spki);
	assert_ok(cert_tbs_server(&order, spki, issuer, NOW, &a->tbs[0], &alg, &diag));
	assert_ok(cert_tbs_request(&order, spki, &a->tbs[1], &alg, &diag));
	assert_ok(cert_tbs_crl(&list, issuer, &a->tbs[2], &alg, &diag));
	assert_ok(cert_ocsp_print("7F", issuer, (const uint8_t *)"nonce", 5, &der));
	assert_ok(cert_ocsp_read(buf_str(&der), &request, &diag));
	assert_ok(cert_tbs_ocsp(&request, &answer, issuer, NOW, NOW + DAY, &a->tbs[3], &alg, &diag));
	buf_fini(&der);
}

static void asked_fini(struct asked *a)
{
	for (size_t i = 0; i < 4; i++)
		buf_fini(&a->tbs[i]);
}

static void kinds_are_told_apart(void **state)
{
	for (size_t k = 0; k < KINDS; k++) {
		struct world w;
		struct asked a;
		struct cert_tbs_view v;
		world_open(&w, kinds[k], NOW);
		ask_all(&w, &a);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(cert_tbs_kind(buf_str(&a.tbs[i]), &v), a.kind[i]);
		assert_int_equal(cert_tbs_kind(buf_str(&a.tbs[0]), &v), CERT_TBS_CERTIFICATE);
		assert_true(str_eq(v.spki, buf_str(&w.server.spki)) && !v.is_ca && v.path_length == -1 && v.issuer.n != 0);
		assert_int_equal(cert_tbs_kind(buf_str(&a.tbs[1]), &v), CERT_TBS_REQUEST);
		assert_true(str_eq(v.spki, buf_str(&w.server.spki)) && v.issuer.n == 0);
		asked_fini(&a);
		world_close(&w);
	}
}

static void authority_is_seen_as_one(void **state)
{
	struct world w;
	struct buf tbs;
	enum cert_alg alg;
	struct cert_tbs_view v;
	world_open(&w, CERT_EC_P256, NOW);
	buf_init(&tbs, CERT_PEM_MAX);
	const struct cert_authority authority = authority_order();
	assert_ok(cert_tbs_authority(&authority, buf_str(&w.server.spki), buf_str(&w.root.der), NOW, &tbs, &alg, &diag));
	assert_int_equal(cert_tbs_kind(buf_str(&tbs), &v), CERT_TBS_CERTIFICATE);
	assert_true(v.is_ca && v.path_length == 0);
	buf_fini(&tbs);
	world_close(&w);
}

/* Nothing cut, nothing behind, and no byte of the frame that could be another. */
static void half_of_it_is_nothing(void **state)
{
	struct world w;
	struct asked a;
	struct cert_tbs_view v;
	world_open(&w, CERT_EC_P256, NOW);
	ask_all(&w, &a);
	for (size_t i = 0; i < 4; i++) {
		for (size_t n = 0; n < a.tbs[i].n; n++) {
			str cut = exact(str_cut(buf_str(&a.tbs[i]), 0, n));
			assert_int_equal(cert_tbs_kind(cut, &v), CERT_TBS_NOTHING);
			assert_true(v.spki.n == 0 && v.issuer.n == 0);
			exact_free(cut);
		}
		buf_add_char(&a.tbs[i], '\0');
		assert_int_equal(cert_tbs_kind(buf_str(&a.tbs[i]), &v), CERT_TBS_NOTHING);
	}
	asked_fini(&a);
	world_close(&w);
}

static void other_forms_are_nothing(void **state)
{
	struct world w;
	struct asked a;
	struct cert_tbs_view v;
	world_open(&w, CERT_EC_P256, NOW);
	ask_all(&w, &a);
	assert_int_equal(cert_tbs_kind(buf_str(&w.server.der), &v), CERT_TBS_NOTHING); /* a whole certificate is not one to be signed */
	char tls[98 + 48];
	memset(tls, ' ', sizeof tls); /* RFC 8446 4.4.3 */
	assert_int_equal(cert_tbs_kind((str){ tls, sizeof tls }, &v), CERT_TBS_NOTHING);
	/* a length in more bytes than it needs: BER, not DER. 30 82 nn nn becomes 30 83 00 nn nn */
	struct buf ber;
	buf_init(&ber, CERT_PEM_MAX);
	str tbs = buf_str(&a.tbs[0]);
	assert_true((uint8_t)tbs.p[1] == 0x82);
	buf_add(&ber, (str){ "\x30\x83\0", 3 });
	buf_add(&ber, str_cut(tbs, 2, tbs.n));
	assert_int_equal(cert_tbs_kind(buf_str(&ber), &v), CERT_TBS_NOTHING);
	buf_fini(&ber);
	/* BOOLEAN TRUE is FF in DER */
	for (size_t i = 0; i + 3 < a.tbs[0].n; i++)
		if (memcmp(a.tbs[0].p + i, "\x01\x01\xff", 3) == 0) {
			a.tbs[0].p[i + 2] = 1;
			assert_int_equal(cert_tbs_kind(buf_str(&a.tbs[0]), &v), CERT_TBS_NOTHING);
			a.tbs[0].p[i + 2] = '\xff';
		}
	assert_int_equal(cert_tbs_kind(buf_str(&a.tbs[0]), &v), CERT_TBS_CERTIFICATE);
	asked_fini(&a);
	world_close(&w);
}

static void add_cn(struct buf *b, const char *cn)
{
	const size_t from = b->n;
	der_add(b, DER_OID, DER_TEXT("\x55\x04\x03"));
	der_add(b, DER_UTF8, str_of(cn));
	der_wrap(b, from, DER_SEQUENCE);
}

/* OpenSSL keeps the bytes of names as they came: only the other reader sees that a set is not in order. */
static void sets_are_in_order(void **state)
{
	static const char *const names[][2] = { { "a", "b" }, { "b", "a" } };
	struct holder h;
	holder_new(&h, CERT_EC_P256);
	for (size_t i = 0; i < 2; i++) {
		struct buf tbs;
		struct cert_tbs_view v;
		buf_init(&tbs, CERT_PEM_MAX);
		der_add_uint(&tbs, DER_INTEGER, 0);
		const size_t subject = tbs.n;
		add_cn(&tbs, names[i][0]);
		add_cn(&tbs, names[i][1]);
		der_wrap(&tbs, subject, DER_SET);
		der_wrap(&tbs, subject, DER_SEQUENCE);
		buf_add(&tbs, buf_str(&h.spki));
		der_add(&tbs, DER_CONSTRUCTED + 0, (str){ "", 0 });
		der_wrap(&tbs, 0, DER_SEQUENCE);
		assert_int_equal(cert_tbs_kind(buf_str(&tbs), &v), i == 0 ? CERT_TBS_REQUEST : CERT_TBS_NOTHING);
		buf_fini(&tbs);
	}
	holder_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kinds_are_told_apart),
		TEST(authority_is_seen_as_one),
		TEST(half_of_it_is_nothing),
		TEST(other_forms_are_nothing),
		TEST(sets_are_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
