/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an OCSP request, which is answered, and as a response, which nobody has signed who is believed. */
#include <stdlib.h>

#include "service/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define NOW         INT64_C(1800000000)

struct authority {
	struct buf key, der;
};

static void seal(const struct authority *by, struct buf *tbs, enum cert_alg alg, struct buf *der)
{
	struct buf signature;
	struct diag d;
	buf_init(&signature, CERT_SIGNATURE_MAX);
	CHECK(!failed(cert_sign_here(buf_str(&by->key), buf_str(tbs), &signature, &d)));
	CHECK(!failed(cert_seal(buf_str(tbs), alg, buf_str(&signature), der)));
	buf_reset(tbs);
	buf_fini(&signature);
}

/* One key for both: what is tried here is reading. */
static void make(struct authority *a)
{
	const struct cert_subject subject = { .o = STR("Example"), .cn = STR("Example root CA") };
	str domains[] = { STR("example.test") };
	const struct cert_authority below = { .subject = { .cn = STR("Example issuing CA") }, .dns = { domains, 1 } };
	struct buf spki, tbs, root;
	enum cert_alg alg;
	struct diag d;
	buf_init(&a->key, CERT_KEY_MAX);
	buf_init(&a->der, CERT_DER_MAX);
	buf_init(&spki, CERT_DER_MAX);
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&root, CERT_DER_MAX);
	CHECK(!failed(cert_key_new(CERT_EC_P256, &a->key, &d)) && !failed(cert_key_spki(buf_str(&a->key), &spki, &d)));
	CHECK(!failed(cert_tbs_root(&subject, buf_str(&spki), NOW, &tbs, &alg, &d)));
	seal(a, &tbs, alg, &root);
	CHECK(!failed(cert_tbs_authority(&below, buf_str(&spki), buf_str(&root), NOW, &tbs, &alg, &d)));
	seal(a, &tbs, alg, &a->der);
	buf_fini(&spki);
	buf_fini(&tbs);
	buf_fini(&root);
}

static void answer(const struct authority *a, const struct cert_ocsp_request *asked)
{
	static const struct cert_ocsp_answer unknown[CERT_OCSP_IDS] = { { CERT_OCSP_UNKNOWN, 0, CERT_UNSPECIFIED } };
	struct buf tbs;
	enum cert_alg alg;
	struct diag d;
	buf_init(&tbs, CERT_OCSP_MAX);
	for (size_t i = 0; i < asked->n; i++) {
		CHECK(asked->ids[i].serial[0] != '\0');
		(void)cert_ocsp_is_of(&asked->ids[i], buf_str(&a->der));
	}
	CHECK(asked->n > 0 && asked->n <= CERT_OCSP_IDS && asked->nonce_n <= CERT_OCSP_NONCE);
	CHECK(!failed(cert_tbs_ocsp(asked, unknown, buf_str(&a->der), NOW, NOW + 60, &tbs, &alg, &d)));
	buf_fini(&tbs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authority a;
	const str in = { (const char *)data, size };
	struct cert_ocsp_request asked;
	struct cert_ocsp_answer said;
	struct diag d = { 0 };
	if (a.der.n == 0)
		make(&a);
	if (!failed(cert_ocsp_read(in, &asked, &d)))
		answer(&a, &asked);
	d = (struct diag){ 0 };
	CHECK(failed(cert_ocsp_check(in, "7F", buf_str(&a.der), NULL, 0, NOW, &said, &d)) && d.what[0] != '\0');
	return 0;
}
