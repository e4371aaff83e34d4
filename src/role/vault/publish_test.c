/* SPDX-License-Identifier: Apache-2.0 */
/* What may be published, of files as the authority writes them and of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "role/vault/vault_priv.h"

#define NOW 1700000000

static struct buf list, pem;

struct authority {
	struct buf key, spki, tbs, signature, der;
	enum cert_alg alg;
	struct diag diag;
};

static err seal(struct authority *a, struct buf *out)
{
	buf_reset(&a->signature);
	TRY(cert_sign_here(buf_str(&a->key), buf_str(&a->tbs), &a->signature, &a->diag));
	return cert_seal(buf_str(&a->tbs), a->alg, buf_str(&a->signature), out);
}

/* A root and its list. */
static err write_all(struct authority *a)
{
	const struct cert_subject subject = { .o = STR("Example"), .cn = STR("Example root CA") };
	const struct cert_list none = { .number = 1, .now = NOW, .next = NOW + 7 * 86400 };
	TRY(cert_key_new(CERT_EC_P256, &a->key, &a->diag));
	TRY(cert_key_spki(buf_str(&a->key), &a->spki, &a->diag));
	TRY(cert_tbs_root(&subject, buf_str(&a->spki), NOW, &a->tbs, &a->alg, &a->diag));
	TRY(seal(a, &a->der));
	cert_pem_print(buf_str(&a->der), &pem);
	buf_reset(&a->tbs);
	TRY(cert_tbs_crl(&none, buf_str(&a->der), &a->tbs, &a->alg, &a->diag));
	return seal(a, &list);
}

static int setup(void **state)
{
	struct authority a = { .alg = CERT_ALG_N };
	struct buf *all[] = { &a.key, &a.spki, &a.tbs, &a.signature, &a.der };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_init(all[i], CERT_DER_MAX);
	buf_init(&list, 1 << 20);
	buf_init(&pem, 1 << 20);
	err e = write_all(&a);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		cert_wipe(all[i]);
	return failed(e) ? 1 : 0;
}

static int teardown(void **state)
{
	buf_fini(&list);
	buf_fini(&pem);
	return 0;
}

static err read_it(err (*fn)(str file, struct vault_publish *out, struct diag *d), str file, struct vault_publish *out)
{
	struct diag d = { 0 };
	*out = (struct vault_publish){ .since = 0 };
	buf_init(&out->der, 1 << 20);
	err e = fn(file, out, &d);
	assert_true(!failed(e) || (err_is(e, ERR_MALFORMED) && d.what[0] != '\0' && d.remedy[0] != '\0' && out->der.n == 0));
	return e;
}

static void a_list(void **state)
{
	struct vault_publish p;
	assert_false(failed(read_it(vault_publish_list, buf_str(&list), &p)));
	assert_true(str_eq(buf_str(&p.der), buf_str(&list)));
	assert_true(p.since <= NOW && p.since >= NOW - 3600 && p.until > NOW + 3600);
	buf_fini(&p.der);
	for (size_t n = 0; n < list.n; n++) { /* cut off anywhere, as a file that is half written */
		assert_true(failed(read_it(vault_publish_list, str_cut(buf_str(&list), 0, n), &p)));
		buf_fini(&p.der);
	}
	buf_add_char(&list, 'x');
	assert_true(failed(read_it(vault_publish_list, buf_str(&list), &p)));
	list.n--;
	buf_fini(&p.der);
	assert_true(failed(read_it(vault_publish_list, buf_str(&pem), &p)));
	buf_fini(&p.der);
}

static void a_certificate(void **state)
{
	struct vault_publish p;
	struct buf two;
	assert_false(failed(read_it(vault_publish_certificate, buf_str(&pem), &p)));
	assert_true(p.der.n > 100 && p.der.p[0] == 0x30);
	assert_true(p.since <= NOW && p.until > (uint64_t)NOW + 9 * 365 * 86400ull);
	size_t n = p.der.n;
	buf_fini(&p.der);
	buf_init(&two, 1 << 20); /* the first one counts */
	buf_add(&two, buf_str(&pem));
	buf_add(&two, buf_str(&pem));
	assert_false(failed(read_it(vault_publish_certificate, buf_str(&two), &p)));
	assert_int_equal(p.der.n, n);
	buf_fini(&two);
	buf_fini(&p.der);
	assert_true(failed(read_it(vault_publish_certificate, buf_str(&list), &p)));
	buf_fini(&p.der);
	assert_true(failed(read_it(vault_publish_certificate, STR(""), &p)));
	buf_fini(&p.der);
	assert_true(failed(read_it(vault_publish_certificate, str_cut(buf_str(&pem), 0, pem.n / 2), &p)));
	buf_fini(&p.der);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_list), cmocka_unit_test(a_certificate) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
