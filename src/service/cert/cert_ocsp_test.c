/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation below an issuing authority: its list, and its answers one by one. */
#include "service/cert/cert_world.h"

#define SERIAL "0123456789ABCDEF0123456789ABCDEF"

static struct world w;
static struct buf request, response, tbs;
static const uint8_t nonce[16] = "sixteen of them";

static int set_up(void **state)
{
	arena_set_up(state);
	world_open(&w, CERT_EC_P256, NOW);
	buf_init(&request, CERT_OCSP_REQUEST_MAX);
	buf_init(&response, CERT_OCSP_MAX);
	buf_init(&tbs, CERT_OCSP_MAX);
	return 0;
}

static int tear_down(void **state)
{
	buf_fini(&request);
	buf_fini(&response);
	buf_fini(&tbs);
	world_close(&w);
	return arena_tear_down(state);
}

/* ---- the list ---- */

static struct cert_crl *read_list(const struct buf *der)
{
	struct cert_crl *crl;
	struct buf pem;
	buf_init(&pem, CERT_PEM_MAX);
	cert_pem_print(buf_str(&w.root.der), &pem);
	cert_pem_print(buf_str(&w.authority.der), &pem);
	assert_ok(cert_crl_read(buf_str(der), buf_str(&pem), &crl, &diag));
	buf_fini(&pem);
	return crl;
}

static void list_says_who_and_why(void **state)
{
	const struct cert_revoked gone[] = {
		{ .serial = SERIAL, .when = NOW - DAY, .reason = CERT_KEY_COMPROMISE, .expires = NOW + DAY },
		{ .serial = "ABC", .when = NOW - 2 * DAY, .reason = CERT_UNSPECIFIED },
		{ .serial = "80", .when = NOW - 400 * DAY, .expires = NOW - CERT_CRL_GRACE_DAYS * DAY + 1 },
		{ .serial = "81", .when = NOW - 400 * DAY, .expires = NOW - CERT_CRL_GRACE_DAYS * DAY },
	};
	struct buf der;
	struct cert_revoked back;
	list_of(&w, gone, 4, &der);
	struct cert_crl *crl = read_list(&der);
	assert_int_equal(cert_crl_count(crl), 3); /* the last is forgotten */
	cert_crl_get(crl, 0, &back);
	assert_string_equal(back.serial, SERIAL);
	assert_true(back.when == NOW - DAY && back.reason == CERT_KEY_COMPROMISE);
	assert_true(cert_crl_has(crl, SERIAL) && cert_crl_has(crl, "0ABC") && cert_crl_has(crl, "80"));
	assert_false(cert_crl_has(crl, "81"));
	assert_int_equal(cert_crl_number(crl), 7);
	assert_int_equal(cert_crl_begins(crl), NOW - 3600);
	assert_int_equal(cert_crl_ends(crl), NOW + 7 * DAY);
	assert_true(cert_crl_is_fresh(crl, NOW) && cert_crl_is_fresh(crl, NOW - 7200) && !cert_crl_is_fresh(crl, NOW - 7201));
	assert_true(!cert_crl_is_fresh(crl, NOW + 7 * DAY) && cert_crl_is_fresh(crl, NOW + 7 * DAY - 1));
	cert_crl_free(crl);
	buf_fini(&der);
}

static void list_of_others_is_refused(void **state)
{
	struct buf der, pem;
	struct cert_crl *crl = NULL;
	list_of(&w, NULL, 0, &der);
	buf_init(&pem, CERT_PEM_MAX);
	cert_pem_print(buf_str(&w.root.der), &pem);
	assert_refused(cert_crl_read(buf_str(&der), buf_str(&pem), &crl, &diag), ERR_REFUSED, "no authority that is trusted here has signed it");
	cert_pem_print(buf_str(&w.authority.der), &pem);
	for (size_t n = 0; n < der.n; n++) {
		str cut = exact(str_cut(buf_str(&der), 0, n));
		assert_true(failed(cert_crl_read(cut, buf_str(&pem), &crl, &diag)));
		exact_free(cut);
	}
	der.p[der.n - 1] ^= 1;
	assert_refused(cert_crl_read(buf_str(&der), buf_str(&pem), &crl, &diag), ERR_REFUSED, "no authority that is trusted here has signed it");
	buf_fini(&pem);
	buf_fini(&der);
}

static void lists_that_are_not_written(void **state)
{
	const struct cert_revoked bad = { .serial = "xyz" };
	struct cert_list list = { &bad, 1, 1, NOW, NOW + DAY };
	enum cert_alg alg;
	assert_refused(cert_tbs_crl(&list, buf_str(&w.authority.der), &tbs, &alg, &diag), ERR_MALFORMED, "no serial number");
	list.next = NOW;
	assert_refused(cert_tbs_crl(&list, buf_str(&w.authority.der), &tbs, &alg, &diag), ERR_REFUSED, "ended when it begins");
	list = (struct cert_list){ &bad, CERT_REVOKED_MAX + 1, 1, NOW, NOW + DAY };
	assert_refused(cert_tbs_crl(&list, buf_str(&w.authority.der), &tbs, &alg, &diag), ERR_CEILING, "10000");
	list.n = 0;
	assert_refused(cert_tbs_crl(&list, buf_str(&w.server.der), &tbs, &alg, &diag), ERR_REFUSED, "may sign this");
}

/* ---- one by one ---- */

static void ask(const char *serial, struct cert_ocsp_request *out)
{
	buf_reset(&request);
	assert_ok(cert_ocsp_print(serial, buf_str(&w.authority.der), nonce, sizeof nonce, &request));
	assert_ok(cert_ocsp_read(buf_str(&request), out, &diag));
}

static void answer(const struct cert_ocsp_request *to, const struct cert_ocsp_answer *with, const struct holder *signer)
{
	str certs[] = { buf_str(&w.authority.der) };
	const struct topo_names list = { certs, 1 };
	struct buf signature;
	enum cert_alg alg;
	buf_reset(&tbs);
	buf_reset(&response);
	assert_ok(cert_tbs_ocsp(to, with, buf_str(&w.authority.der), NOW, NOW + DAY, &tbs, &alg, &diag));
	sign_by(signer, &tbs, &signature);
	assert_ok(cert_ocsp_seal(buf_str(&tbs), alg, buf_str(&signature), &list, &response));
	buf_fini(&signature);
}

static err check_at(int64_t now, const char *serial, const uint8_t *with, size_t n, struct cert_ocsp_answer *out)
{
	return cert_ocsp_check(buf_str(&response), serial, buf_str(&w.authority.der), with, n, now, out, &diag);
}

static void answers_come_back(void **state)
{
	const struct cert_ocsp_answer all[] = { { CERT_OCSP_GOOD, 0, CERT_UNSPECIFIED }, { CERT_OCSP_REVOKED, NOW - DAY, CERT_KEY_COMPROMISE },
		{ CERT_OCSP_REVOKED, NOW - DAY, CERT_UNSPECIFIED }, { CERT_OCSP_UNKNOWN, 0, CERT_UNSPECIFIED } };
	for (size_t i = 0; i < 4; i++) {
		struct cert_ocsp_request asked;
		struct cert_ocsp_answer back;
		ask(SERIAL, &asked);
		assert_true(asked.n == 1 && asked.nonce_n == sizeof nonce && cert_ocsp_is_of(&asked.ids[0], buf_str(&w.authority.der)));
		assert_false(cert_ocsp_is_of(&asked.ids[0], buf_str(&w.root.der)));
		assert_string_equal(asked.ids[0].serial, SERIAL);
		answer(&asked, &all[i], &w.authority);
		assert_ok(check_at(NOW, SERIAL, nonce, sizeof nonce, &back));
		assert_true(back.status == all[i].status && back.when == all[i].when && back.reason == all[i].reason);
	}
}

static void answers_that_are_not_believed(void **state)
{
	const struct cert_ocsp_answer good = { .status = CERT_OCSP_GOOD };
	struct cert_ocsp_request asked;
	struct cert_ocsp_answer back;
	ask(SERIAL, &asked);
	answer(&asked, &good, &w.authority);
	assert_refused(check_at(NOW, "7F", nonce, sizeof nonce, &back), ERR_REFUSED, "nothing of this certificate");
	assert_int_equal(back.status, CERT_OCSP_UNKNOWN);
	assert_refused(check_at(NOW + DAY, SERIAL, nonce, sizeof nonce, &back), ERR_REFUSED, "out of date");
	assert_refused(check_at(NOW - 3601, SERIAL, nonce, sizeof nonce, &back), ERR_REFUSED, "not valid yet");
	assert_refused(check_at(NOW, SERIAL, (const uint8_t *)"another", 7, &back), ERR_REFUSED, "another request");
	for (size_t n = 0; n < response.n; n++) {
		str cut = exact(str_cut(buf_str(&response), 0, n));
		assert_true(failed(cert_ocsp_check(cut, SERIAL, buf_str(&w.authority.der), NULL, 0, NOW, &back, &diag)));
		exact_free(cut);
	}
	answer(&asked, &good, &w.server);
	assert_refused(check_at(NOW, SERIAL, nonce, sizeof nonce, &back), ERR_REFUSED, "has not signed it");
	buf_reset(&response);
	cert_ocsp_refuse(6, &response);
	assert_refused(check_at(NOW, SERIAL, NULL, 0, &back), ERR_REFUSED, "unauthorized");
}

static void requests_cut_and_too_long(void **state)
{
	struct cert_ocsp_request asked;
	struct buf many;
	ask(SERIAL, &asked);
	for (size_t n = 0; n < request.n; n++) {
		str cut = exact(str_cut(buf_str(&request), 0, n));
		assert_refused(cert_ocsp_read(cut, &asked, &diag), ERR_MALFORMED, "not an OCSP request");
		assert_int_equal(asked.n, 0);
		exact_free(cut);
	}
	assert_true(failed(cert_ocsp_print("xyz", buf_str(&w.authority.der), NULL, 0, &request)));
	buf_init(&many, CERT_OCSP_MAX);
	/* 30 82 nn nn 30 82 nn nn 30 82 nn nn, then one Request again and again */
	ask("7F", &asked);
	str one = asked.ids[0].id;
	const size_t n = (one.n + 2) * (CERT_OCSP_IDS + 1);
	const size_t lengths[] = { n + 8, n + 4, n };
	for (size_t i = 0; i < 3; i++)
		buf_add(&many, (str){ (const char[]){ 0x30, (char)0x82, (char)(lengths[i] >> 8), (char)lengths[i] }, 4 });
	for (size_t i = 0; i <= CERT_OCSP_IDS; i++) {
		buf_add(&many, (str){ (const char[]){ 0x30, (char)one.n }, 2 });
		buf_add(&many, one);
	}
	assert_true(one.n < 128);
	assert_refused(cert_ocsp_read(buf_str(&many), &asked, &diag), ERR_CEILING, "more than 8");
	buf_fini(&many);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(list_says_who_and_why),
		TEST(list_of_others_is_refused),
		TEST(lists_that_are_not_written),
		TEST(answers_come_back),
		TEST(answers_that_are_not_believed),
		TEST(requests_cut_and_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
