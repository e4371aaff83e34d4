/* SPDX-License-Identifier: Apache-2.0 */
/* What a key may be used for: made, added, found again, signing by purpose, brought in, given out, removed. */
#include "role/keeper/keeper_priv.h"

#include "service/cert.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1900000000 };

static char top[32];
static int dir;
static struct keys keys;
static struct diag diag;
static struct arena arena;

static int set_up(void **state)
{
	diag = (struct diag){ 0 };
	strcpy(top, "/tmp/keeper_key_test.XXXXXX");
	arena_init(&arena, 1 << 20);
	if (mkdtemp(top) == NULL)
		return 1;
	dir = open(top, O_RDONLY | O_DIRECTORY);
	return failed(keys_read(&keys, dir, &diag));
}

static int tear_down(void **state)
{
	char command[64];
	keys_fini(&keys);
	arena_fini(&arena);
	close(dir);
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static unsigned count_files(void)
{
	unsigned n = 0;
	DIR *files = opendir(top);
	for (struct dirent *f; (f = readdir(files)) != NULL;)
		n += f->d_name[0] != '.' || strlen(f->d_name) > 2;
	closedir(files);
	return n;
}

static const struct key *make(enum keyfile_purpose purpose, bool exportable)
{
	const struct key *key = NULL;
	struct keyfile file = { .purpose = purpose, .exportable = exportable, .made = NOW };
	assert_false(failed(keyfile_make(&file, STR("ec-p256"), &diag)));
	assert_false(failed(keys_add(&keys, dir, &file, &key, &diag)));
	assert_null(file.pkey);
	return key;
}

static str id_of(const struct key *k)
{
	return (str){ (const char *)k->file.id, sizeof k->file.id };
}

static str spki_of(const struct key *k)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k->file.pkey, &der);
	str s = arena_copy(&arena, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	return s;
}

/* ---- the set ---- */

static void what_is_added_is_on_the_disk(void **state)
{
	struct keys again;
	const struct key *tls = make(KEYFILE_TLS, true), *authority = make(KEYFILE_AUTHORITY, false);
	assert_int_equal(count_files(), 2);
	assert_false(failed(keys_read(&again, dir, &diag)));
	assert_int_equal(again.n, 2);
	assert_true(keys_find(&again, id_of(tls))->file.exportable);
	assert_int_equal(keys_find(&again, id_of(authority))->file.purpose, KEYFILE_AUTHORITY);
	assert_int_equal(keys_find(&again, id_of(authority))->file.made, NOW);
	keys_fini(&again);
}

static void the_same_key_is_one_key_and_stays_what_it_was(void **state)
{
	const struct key *key = make(KEYFILE_TLS, false), *same = NULL;
	EVP_PKEY_up_ref(key->file.pkey);
	struct keyfile file = { .purpose = KEYFILE_TLS, .exportable = true };
	assert_false(failed(keyfile_take(&file, key->file.pkey, &diag)));
	assert_false(failed(keys_add(&keys, dir, &file, &same, &diag)));
	assert_ptr_equal(same, key);
	assert_false(same->file.exportable);
	assert_int_equal(keys.n, 1);
	EVP_PKEY_up_ref(key->file.pkey);
	file = (struct keyfile){ .purpose = KEYFILE_AUTHORITY };
	assert_false(failed(keyfile_take(&file, key->file.pkey, &diag)));
	assert_true(err_is(keys_add(&keys, dir, &file, &same, &diag), ERR_REFUSED));
	assert_int_equal(keys.keys[0].file.purpose, KEYFILE_TLS);
}

static void there_are_never_more_than_the_ceiling(void **state)
{
	const struct key *key = NULL;
	while (keys.n < KEYS_MAX)
		(void)make(KEYFILE_TLS, false);
	struct keyfile file = { .purpose = KEYFILE_TLS };
	assert_false(failed(keyfile_make(&file, STR("ec-p256"), &diag)));
	assert_true(err_is(keys_add(&keys, dir, &file, &key, &diag), ERR_CEILING));
	assert_null(file.pkey);
	assert_int_equal(count_files(), KEYS_MAX);
	/* there is room again */
	assert_false(failed(keys_remove(&keys, dir, id_of(&keys.keys[7]), &diag)));
	assert_int_equal(count_files(), KEYS_MAX - 1);
	(void)make(KEYFILE_TLS, false);
}

static void what_cannot_be_written_is_not_there(void **state)
{
	const struct key *key = NULL;
	struct keyfile file = { .purpose = KEYFILE_TLS };
	assert_false(failed(keyfile_make(&file, STR("ec-p256"), &diag)));
	assert_true(failed(keys_add(&keys, -1, &file, &key, &diag)));
	assert_int_equal(keys.n, 0);
	assert_null(key);
}

static void copies_of_a_removed_key_go_too(void **state)
{
	const struct key *key = make(KEYFILE_TLS, false);
	uint8_t id[32];
	memcpy(id, key->file.id, sizeof id);
	assert_int_equal(linkat(dir, key->name, dir, "default-copy.key", 0), 0);
	keys_fini(&keys);
	assert_false(failed(keys_read(&keys, dir, &diag)));
	assert_int_equal(keys.n, 2);
	assert_false(failed(keys_remove(&keys, dir, (str){ (const char *)id, 32 }, &diag)));
	assert_int_equal(keys.n, 0);
	assert_int_equal(count_files(), 0);
	assert_true(err_is(keys_remove(&keys, dir, (str){ (const char *)id, 32 }, &diag), ERR_ABSENT));
}

/* Vault may be taken over, or wrong. */
static void an_authoritys_key_stays(void **state)
{
	const struct key *key = make(KEYFILE_AUTHORITY, false);
	assert_true(err_is(keys_remove(&keys, dir, id_of(key), &diag), ERR_REFUSED));
	assert_int_equal(keys.n, 1);
	assert_int_equal(count_files(), 1);
}

/* ---- signing ---- */

struct made {
	struct buf tbs;
	enum cert_alg alg;
};

static const struct cert_subject subject = { .o = { "Example", 7 }, .cn = { "uc.example.test", 15 } };

static str dns[] = { { "uc.example.test", 15 } };

static struct made request_of(const struct key *k)
{
	struct made m;
	const struct cert_order order = { .subject = subject, .san = { dns, 1 } };
	buf_init(&m.tbs, CERT_DER_MAX);
	assert_false(failed(cert_tbs_request(&order, spki_of(k), &m.tbs, &m.alg, &diag)));
	return m;
}

static str root_of(const struct key *k)
{
	struct made m;
	struct buf der, pkcs8, signature;
	const struct cert_subject root = { .o = { "Example", 7 }, .cn = { "Example root CA", 15 } };
	unsigned char *p = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->file.pkey);
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
	buf_init(&m.tbs, CERT_DER_MAX);
	buf_init(&der, CERT_DER_MAX);
	buf_init(&pkcs8, CERT_KEY_MAX);
	buf_init(&signature, CERT_SIGNATURE_MAX);
	buf_add(&pkcs8, (str){ (const char *)p, (size_t)n });
	assert_false(failed(cert_tbs_root(&root, spki_of(k), NOW, &m.tbs, &m.alg, &diag)));
	assert_false(failed(cert_sign_here(buf_str(&pkcs8), buf_str(&m.tbs), &signature, &diag)));
	assert_false(failed(cert_seal(buf_str(&m.tbs), m.alg, buf_str(&signature), &der)));
	str s = arena_copy(&arena, buf_str(&der));
	PKCS8_PRIV_KEY_INFO_free(info);
	OPENSSL_free(p);
	buf_fini(&m.tbs);
	buf_fini(&der);
	cert_wipe(&pkcs8);
	buf_fini(&signature);
	return s;
}

static struct made certificate_of(const struct key *k, str issuer)
{
	struct made m;
	const struct cert_order order = { .subject = subject, .san = { dns, 1 }, .urls = { .crl = STR("http://uc.example.test/witan.crl") } };
	buf_init(&m.tbs, CERT_DER_MAX);
	assert_false(failed(cert_tbs_server(&order, spki_of(k), issuer, NOW, &m.tbs, &m.alg, &diag)));
	return m;
}

static struct made list_of(str issuer)
{
	struct made m;
	buf_init(&m.tbs, CERT_CRL_MAX);
	assert_false(failed(cert_tbs_crl(&(struct cert_list){ .number = 1, .now = NOW, .next = NOW + 7 * 86400 }, issuer, &m.tbs, &m.alg, &diag)));
	return m;
}

static err sign(const struct key *k, const struct made *m, struct buf *der)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t n = 0;
	TRY(key_sign_tbs(k, buf_str(&m->tbs), signature, &n, &diag));
	buf_init(der, CERT_CRL_MAX);
	return cert_seal(buf_str(&m->tbs), m->alg, (str){ (const char *)signature, n }, der);
}

static void a_servers_key_signs_its_own_request_alone(void **state)
{
	const struct key *key = make(KEYFILE_TLS, false), *other = make(KEYFILE_TLS, false), *authority = make(KEYFILE_AUTHORITY, false);
	struct made own = request_of(key), strange = request_of(other), leaf = certificate_of(key, root_of(authority)), list = list_of(root_of(authority));
	struct buf der;
	assert_false(failed(sign(key, &own, &der)));
	assert_true(cert_is_signed(buf_str(&der), spki_of(key)));
	buf_fini(&der);
	assert_true(err_is(sign(key, &strange, &der), ERR_REFUSED));
	assert_true(err_is(sign(key, &leaf, &der), ERR_REFUSED));
	assert_true(err_is(sign(key, &list, &der), ERR_REFUSED));
	assert_true(err_is(sign(authority, &own, &der), ERR_REFUSED));
	own.tbs.n--;
	assert_true(err_is(sign(key, &own, &der), ERR_REFUSED));
	buf_fini(&own.tbs);
	buf_fini(&strange.tbs);
	buf_fini(&leaf.tbs);
	buf_fini(&list.tbs);
}

static void an_authoritys_key_signs_what_authorities_sign(void **state)
{
	const struct key *key = make(KEYFILE_TLS, false), *authority = make(KEYFILE_AUTHORITY, false);
	uint8_t signature[SIGNATURE_MAX], digest[32] = { 1 };
	size_t n;
	str issuer = root_of(authority);
	struct made leaf = certificate_of(key, issuer), list = list_of(issuer);
	struct buf der;
	assert_false(failed(sign(authority, &leaf, &der)));
	assert_true(cert_is_signed(buf_str(&der), spki_of(authority)));
	buf_fini(&der);
	assert_false(failed(sign(authority, &list, &der)));
	assert_true(cert_is_signed(buf_str(&der), spki_of(authority)));
	buf_fini(&der);
	/* no handshakes, no authorities below it, nothing that is no certificate at all */
	assert_true(err_is(key_sign(authority, TLS_SIGN_ECDSA, (str){ (const char *)digest, 32 }, signature, &n), ERR_REFUSED));
	assert_false(failed(key_sign(key, TLS_SIGN_ECDSA, (str){ (const char *)digest, 32 }, signature, &n)));
	assert_true(err_is(key_sign_tbs(authority, (str){ (const char *)digest, 32 }, signature, &n, &diag), ERR_REFUSED));
	assert_true(err_is(key_sign_tbs(authority, STR(""), signature, &n, &diag), ERR_REFUSED));
	struct made below;
	const struct cert_authority what = { .subject = { .cn = STR("Below") }, .dns = { dns, 1 } };
	buf_init(&below.tbs, CERT_DER_MAX);
	assert_false(failed(cert_tbs_authority(&what, spki_of(key), issuer, NOW, &below.tbs, &below.alg, &diag)));
	assert_true(err_is(sign(authority, &below, &der), ERR_REFUSED));
	buf_fini(&below.tbs);
	buf_fini(&leaf.tbs);
	buf_fini(&list.tbs);
}

/* ---- in and out ---- */

static void only_exportable_keys_leave_and_only_sealed(void **state)
{
	const struct key *key = make(KEYFILE_TLS, true), *stays = make(KEYFILE_TLS, false), *authority = make(KEYFILE_AUTHORITY, false);
	struct made leaf = certificate_of(key, root_of(authority));
	struct buf der, pem, out;
	assert_false(failed(sign(authority, &leaf, &der)));
	buf_init(&pem, CERT_PEM_MAX);
	buf_init(&out, SEALED_MAX);
	cert_pem_print(buf_str(&der), &pem);
	assert_true(err_is(key_export(stays, STR("x"), STR("long enough"), buf_str(&pem), &out, &diag), ERR_REFUSED));
	assert_true(err_is(key_export(authority, STR("x"), STR("long enough"), buf_str(&pem), &out, &diag), ERR_REFUSED));
	assert_true(err_is(key_export(key, STR("x"), STR("short"), buf_str(&pem), &out, &diag), ERR_USAGE));
	assert_true(failed(key_export(key, STR("x"), STR("long enough"), STR("nothing"), &out, &diag)));
	assert_int_equal(out.n, 0);
	assert_false(failed(key_export(key, STR("Edge external"), STR("long enough"), buf_str(&pem), &out, &diag)));
	const unsigned char *p = (const unsigned char *)out.p;
	PKCS12 *sealed = d2i_PKCS12(NULL, &p, (long)out.n);
	EVP_PKEY *back = NULL;
	X509 *x = NULL;
	assert_int_equal(PKCS12_parse(sealed, "wrong pass", &back, &x, NULL), 0);
	assert_int_equal(PKCS12_parse(sealed, "long enough", &back, &x, NULL), 1);
	assert_int_equal(EVP_PKEY_eq(back, key->file.pkey), 1);
	EVP_PKEY_free(back);
	X509_free(x);
	PKCS12_free(sealed);
	buf_fini(&der);
	buf_fini(&pem);
	buf_fini(&out);
	buf_fini(&leaf.tbs);
}

static void keys_come_in_as_pkcs8(void **state)
{
	struct buf pkcs8;
	struct keyfile file = { .purpose = KEYFILE_TLS };
	buf_init(&pkcs8, CERT_KEY_MAX);
	assert_false(failed(cert_key_new(CERT_EC_P256, &pkcs8, &diag)));
	assert_false(failed(key_read_pkcs8(buf_str(&pkcs8), &file, &diag)));
	keyfile_fini(&file);
	for (size_t n = 0; n < pkcs8.n; n++)
		assert_true(failed(key_read_pkcs8((str){ pkcs8.p, n }, &file, &diag)));
	buf_add_char(&pkcs8, 'x');
	assert_true(err_is(key_read_pkcs8(buf_str(&pkcs8), &file, &diag), ERR_MALFORMED));
	cert_wipe(&pkcs8);
}

/* ---- the deployment as it was before ---- */

static void the_former_authoritys_key_moves(void **state)
{
	struct keyfile old = { .purpose = KEYFILE_TLS };
	char name[KEYFILE_NAME];
	assert_int_equal(mkdirat(dir, "ca", 0700) | mkdirat(dir, "keys", 0700), 0);
	int ca = openat(dir, "ca", O_RDONLY | O_DIRECTORY), to = openat(dir, "keys", O_RDONLY | O_DIRECTORY);
	assert_false(failed(former_take(dir, to, NULL, &diag))); /* nothing to do */
	assert_false(failed(keyfile_make(&old, STR("ec-p384"), &diag)));
	assert_false(failed(keyfile_write(&old, ca, &diag)));
	keyfile_name(old.id, name);
	assert_int_equal(renameat(ca, name, ca, "ca.key"), 0);
	for (int i = 0; i < 2; i++) {
		struct keys k;
		assert_false(failed(former_take(dir, to, NULL, &diag)));
		assert_int_equal(faccessat(ca, "ca.key", F_OK, 0), -1);
		assert_false(failed(keys_read(&k, to, &diag)));
		assert_int_equal(k.n, 1);
		assert_int_equal(k.keys[0].file.purpose, KEYFILE_AUTHORITY);
		assert_memory_equal(k.keys[0].file.id, old.id, 32);
		keys_fini(&k);
	}
	/* what cannot be read stays, and the server starts */
	int fd = openat(ca, "ca.key", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "no key", 6), 6);
	close(fd);
	assert_false(failed(former_take(dir, to, NULL, &diag)));
	assert_int_equal(faccessat(ca, "ca.key", F_OK, 0), 0);
	keyfile_fini(&old);
	close(ca);
	close(to);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_added_is_on_the_disk),
		TEST(the_same_key_is_one_key_and_stays_what_it_was),
		TEST(there_are_never_more_than_the_ceiling),
		TEST(what_cannot_be_written_is_not_there),
		TEST(copies_of_a_removed_key_go_too),
		TEST(an_authoritys_key_stays),
		TEST(a_servers_key_signs_its_own_request_alone),
		TEST(an_authoritys_key_signs_what_authorities_sign),
		TEST(only_exportable_keys_leave_and_only_sealed),
		TEST(keys_come_in_as_pkcs8),
		TEST(the_former_authoritys_key_moves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
