/* SPDX-License-Identifier: Apache-2.0 */
/* The store on the disk: what is added, assigned, staged and removed is there after it is opened again, and nothing else is. */
#include "service/certstore.h"

#include "service/issued.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1900000000 };

static char top[40];
static int dir;
static struct certstore *s;
static struct diag diag;

static void reopen(void)
{
	unsigned odd = 0;
	certstore_close(s);
	s = NULL;
	assert_false(failed(certstore_open(dir, &s, &odd, &diag)));
}

static int set_up(void **state)
{
	strcpy(top, "/tmp/certstore_test.XXXXXX");
	s = NULL;
	if (mkdtemp(top) == NULL)
		return 1;
	dir = open(top, O_RDONLY | O_DIRECTORY);
	reopen();
	return 0;
}

static int tear_down(void **state)
{
	char command[80];
	certstore_close(s);
	close(dir);
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

/* A root for itself is a certificate as any other here. */
static void make(struct buf *pem)
{
	const struct cert_subject subject = { .o = STR("Example"), .cn = STR("Example root CA") };
	struct buf pkcs8, spki, tbs, signature, der, *all[] = { &pkcs8, &spki, &tbs, &signature, &der };
	enum cert_alg alg;
	for (size_t i = 0; i < 5; i++)
		buf_init(all[i], CERT_DER_MAX);
	buf_init(pem, CERT_PEM_MAX);
	assert_false(failed(cert_key_new(CERT_EC_P256, &pkcs8, &diag)));
	assert_false(failed(cert_key_spki(buf_str(&pkcs8), &spki, &diag)));
	assert_false(failed(cert_tbs_root(&subject, buf_str(&spki), NOW, &tbs, &alg, &diag)));
	assert_false(failed(cert_sign_here(buf_str(&pkcs8), buf_str(&tbs), &signature, &diag)));
	assert_false(failed(cert_seal(buf_str(&tbs), alg, buf_str(&signature), &der)));
	cert_pem_print(buf_str(&der), pem);
	for (size_t i = 0; i < 5; i++)
		cert_wipe(all[i]);
}

static const struct certstore_cert *add(const char *name)
{
	struct buf pem;
	const struct certstore_cert *c = NULL;
	make(&pem);
	assert_false(failed(certstore_add(s, buf_str(&pem), str_of(name), false, &c, &diag)));
	buf_fini(&pem);
	return c;
}

static void what_is_added_stays(void **state)
{
	char thumbprint[CERTSTORE_THUMBPRINT];
	const struct certstore_cert *c = add("One");
	memcpy(thumbprint, c->thumbprint, sizeof thumbprint);
	assert_string_equal(add("one")->friendly, "one (2)");
	assert_string_equal(add(" a\nb ")->friendly, "a b");
	assert_string_equal(add("")->friendly, "Witan");
	reopen();
	assert_int_equal(certstore_count(s), 4);
	c = certstore_find(s, str_of(thumbprint));
	assert_string_equal(c->friendly, "One");
	assert_true(certstore_has_key(s, c->key));
	struct buf copy;
	const struct certstore_cert *same = NULL;
	buf_init(&copy, CERT_PEM_MAX);
	buf_add(&copy, buf_str(&c->chain));
	assert_true(err_is(certstore_add(s, buf_str(&copy), STR("again"), false, &same, &diag), ERR_EXISTS));
	assert_ptr_equal(same, c);
	buf_fini(&copy);
	assert_true(err_is(certstore_add(s, STR("nothing"), STR("x"), false, &same, &diag), ERR_MALFORMED));
	assert_int_equal(certstore_count(s), 4);
}

static void thumbprints_as_people_copy_them(void **state)
{
	const struct certstore_cert *c = add("One");
	char spaced[160] = "\xe2\x80\x8e", *p = spaced + 3;
	for (size_t i = 0; i < 40; i += 2)
		p += sprintf(p, "%c%c ", c->thumbprint[i] >= 'A' ? c->thumbprint[i] + 32 : c->thumbprint[i], c->thumbprint[i + 1]);
	assert_ptr_equal(certstore_find(s, str_of(spaced)), c);
	assert_null(certstore_find(s, str_cut(str_of(c->thumbprint), 0, 39)));
	assert_null(certstore_find(s, STR("")));
	strcpy(p, "0");
	assert_null(certstore_find(s, str_of(spaced)));
}

static void assignments(void **state)
{
	char a[CERTSTORE_THUMBPRINT], b[CERTSTORE_THUMBPRINT];
	uint32_t changed;
	const struct certstore_assignment *now;
	strcpy(a, add("a")->thumbprint);
	strcpy(b, add("b")->thumbprint);
	assert_null(certstore_assigned(s, PLAN_DEFAULT));
	assert_true(err_is(certstore_roll(s, 1u << PLAN_DEFAULT, certstore_find(s, str_of(a)), NOW, &diag), ERR_REFUSED));
	assert_false(failed(certstore_assign(s, 1u << PLAN_DEFAULT, certstore_find(s, str_of(a)), &diag)));
	assert_true(err_is(certstore_remove(s, certstore_find(s, str_of(a)), &diag), ERR_REFUSED));
	assert_false(failed(certstore_roll(s, 1u << PLAN_DEFAULT, certstore_find(s, str_of(b)), NOW, &diag)));
	assert_true(err_is(certstore_remove(s, certstore_find(s, str_of(b)), &diag), ERR_REFUSED));
	reopen();
	assert_string_equal(certstore_assigned(s, PLAN_DEFAULT)->thumbprint, a);
	assert_false(failed(certstore_tick(s, NOW - 1, &changed, &diag)));
	assert_int_equal(changed, 0);
	assert_false(failed(certstore_tick(s, NOW, &changed, &diag)));
	assert_int_equal(changed, 1u << PLAN_DEFAULT);
	reopen();
	now = certstore_assignment(s, PLAN_DEFAULT);
	assert_string_equal(now->current, b);
	assert_string_equal(now->previous, a);
	assert_string_equal(now->next, "");
	assert_false(failed(certstore_remove(s, certstore_find(s, str_of(a)), &diag)));
	assert_false(failed(certstore_unassign(s, 1u << PLAN_DEFAULT, &diag)));
	reopen();
	assert_null(certstore_assigned(s, PLAN_DEFAULT));
	assert_int_equal(certstore_count(s), 1);
}

/* Somebody takes files away, or a write was killed: what was presented before is presented again. */
static void damage(void **state)
{
	char a[CERTSTORE_THUMBPRINT], b[CERTSTORE_THUMBPRINT], path[64];
	unsigned odd = 0;
	strcpy(a, add("a")->thumbprint);
	strcpy(b, add("b")->thumbprint);
	assert_false(failed(certstore_assign(s, 1u << PLAN_DEFAULT, certstore_find(s, str_of(a)), &diag)));
	assert_false(failed(certstore_assign(s, 1u << PLAN_DEFAULT, certstore_find(s, str_of(b)), &diag)));
	snprintf(path, sizeof path, "%s.pem", b);
	int fd = openat(dir, path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	close(openat(dir, ".assigned.0123abcd", O_WRONLY | O_CREAT, 0600));
	close(openat(dir, "notes.txt", O_WRONLY | O_CREAT, 0600));
	certstore_close(s);
	s = NULL;
	assert_false(failed(certstore_open(dir, &s, &odd, &diag)));
	assert_int_equal(odd, 1);
	assert_non_null(strstr(diag.where, b));
	assert_string_equal(certstore_assigned(s, PLAN_DEFAULT)->thumbprint, a);
	assert_int_equal(faccessat(dir, ".assigned.0123abcd", F_OK, 0), -1);
	assert_int_equal(faccessat(dir, "notes.txt", F_OK, 0), 0);
	/* a certificate under the name of another one is none */
	snprintf(path, sizeof path, "%s.pem", a);
	assert_int_equal(renameat(dir, path, dir, "0000000000000000000000000000000000000000.pem"), 0);
	odd = 0;
	certstore_close(s);
	s = NULL;
	assert_false(failed(certstore_open(dir, &s, &odd, &diag)));
	assert_int_equal(odd, 2);
	assert_null(certstore_assigned(s, PLAN_DEFAULT));
}

static void requests(void **state)
{
	struct buf pkcs8, spki, tbs, signature, der, pem;
	enum cert_alg alg;
	const struct certstore_request *kept;
	struct certstore_request r = { .friendly = "Mine", .usages = "Default", .exportable = true, .made = NOW };
	const struct cert_order order = { .subject = { .cn = STR("uc.example.test") } };
	struct buf *all[] = { &pkcs8, &spki, &tbs, &signature, &der, &pem };
	for (size_t i = 0; i < 6; i++)
		buf_init(all[i], CERT_PEM_MAX);
	assert_false(failed(cert_key_new(CERT_EC_P256, &pkcs8, &diag)));
	assert_false(failed(cert_key_spki(buf_str(&pkcs8), &spki, &diag)));
	assert_false(failed(cert_tbs_request(&order, buf_str(&spki), &tbs, &alg, &diag)));
	assert_false(failed(cert_sign_here(buf_str(&pkcs8), buf_str(&tbs), &signature, &diag)));
	assert_false(failed(cert_seal(buf_str(&tbs), alg, buf_str(&signature), &der)));
	cert_request_print(buf_str(&der), &pem);
	r.pem = pem;
	cert_spki_hash(buf_str(&spki), r.key);
	assert_false(failed(certstore_request_add(s, &r, &kept, &diag)));
	assert_true(err_is(certstore_request_add(s, &r, &kept, &diag), ERR_EXISTS));
	assert_string_equal(add("mine")->friendly, "mine (2)");
	reopen();
	assert_int_equal(certstore_request_count(s), 1);
	kept = certstore_request_find(s, r.key);
	assert_string_equal(kept->friendly, "Mine");
	assert_string_equal(kept->usages, "Default");
	assert_true(kept->exportable && kept->made == NOW && certstore_has_key(s, r.key));
	assert_false(failed(certstore_request_remove(s, kept, &diag)));
	reopen();
	assert_int_equal(certstore_request_count(s), 0);
	for (size_t i = 0; i < 6; i++)
		cert_wipe(all[i]);
}

static void ceilings(void **state)
{
	struct buf pem;
	const struct certstore_cert *c;
	while (certstore_count(s) < CERTSTORE_MAX)
		(void)add("many");
	make(&pem);
	assert_true(err_is(certstore_add(s, buf_str(&pem), STR("more"), false, &c, &diag), ERR_CEILING));
	buf_fini(&pem);
	reopen();
	assert_int_equal(certstore_count(s), CERTSTORE_MAX);
}

static void words(void **state)
{
	uint32_t set;
	str bad;
	char text[CERTSTORE_USAGES];
	assert_true(certstore_usages_find(STR(" default "), &set, &bad));
	assert_int_equal(set, 1u << PLAN_DEFAULT);
	assert_false(certstore_usages_find(STR("Default,Nonsense"), &set, &bad));
	assert_true(str_eq(bad, STR("Nonsense")));
	certstore_usages_print(1u << PLAN_DEFAULT, text);
	assert_string_equal(text, "Default");
	certstore_usages_print(0, text);
	assert_string_equal(text, "");
}

/* ---- what was issued ---- */

static void issued(void **state)
{
	struct issued_list l;
	struct cert_revoked *revoked = NULL;
	size_t n = 0;
	struct issued one = { .user = "sip:ann@example.test", .expires = NOW, .revoked = { .serial = "AB" } };
	assert_false(failed(issued_open(dir, &l, &diag)));
	assert_false(failed(issued_add(&l, &one, &diag)));
	strcpy(one.revoked.serial, "CD");
	assert_false(failed(issued_add(&l, &one, &diag)));
	issued_close(&l);
	/* a line that a kill has cut was never acknowledged, and the next one is not joined to it */
	int fd = openat(dir, "issued", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "EF 19", 5), 5);
	close(fd);
	assert_false(failed(issued_open(dir, &l, &diag)));
	assert_int_equal(l.n, 2);
	strcpy(one.revoked.serial, "99");
	assert_false(failed(issued_add(&l, &one, &diag)));
	l.all[1].is_revoked = true;
	l.all[1].revoked.when = NOW - 5;
	l.all[1].revoked.reason = CERT_KEY_COMPROMISE;
	assert_false(failed(issued_write(&l, NOW, &diag)));
	issued_close(&l);
	assert_false(failed(issued_open(dir, &l, &diag)));
	assert_int_equal(l.n, 3);
	assert_false(failed(issued_revoked(&l, &revoked, &n)));
	assert_int_equal(n, 1);
	assert_string_equal(revoked[0].serial, "CD");
	assert_int_equal(revoked[0].reason, CERT_KEY_COMPROMISE);
	free(revoked);
	/* those that have ended long ago leave it */
	assert_false(failed(issued_write(&l, NOW + 40 * 86400, &diag)));
	issued_close(&l);
	assert_false(failed(issued_open(dir, &l, &diag)));
	assert_int_equal(l.n, 0);
	issued_close(&l);
	fd = openat(dir, "issued", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "nonsense\n", 9), 9);
	close(fd);
	assert_true(err_is(issued_open(dir, &l, &diag), ERR_MALFORMED));
	issued_close(&l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_added_stays),
		TEST(thumbprints_as_people_copy_them),
		TEST(assignments),
		TEST(damage),
		TEST(requests),
		TEST(ceilings),
		TEST(words),
		TEST(issued),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
