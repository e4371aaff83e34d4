/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: what is written comes back, also from the disk; what was there before attributes is read; what is no key is refused. */
#include "service/keyfile.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/keyfile_test.XXXXXX";
static int dir;
static struct diag diag;

static int set_up(void **state)
{
	diag = (struct diag){ 0 };
	if (dir == 0 && mkdtemp(top) != NULL)
		dir = open(top, O_RDONLY | O_DIRECTORY);
	return dir <= 0;
}

static int end(void **state)
{
	return rmdir(top);
}

static void print(const struct keyfile *k, struct buf *out)
{
	buf_init(out, KEYFILE_MAX);
	assert_false(failed(keyfile_print(k, out)));
}

static void every_type_comes_back(void **state)
{
	static const char *const types[] = { "rsa-2048", "ec-p256", "ec-p384", "ec-p521" };
	for (unsigned i = 0; i < 4; i++) {
		struct keyfile k = { .purpose = i % 2 ? KEYFILE_AUTHORITY : KEYFILE_TLS, .exportable = i < 2, .made = 1000 + i }, back;
		struct buf text;
		assert_false(failed(keyfile_make(&k, str_of(types[i]), &diag)));
		print(&k, &text);
		assert_false(failed(keyfile_parse(&back, buf_str(&text), &diag)));
		assert_int_equal(EVP_PKEY_eq(k.pkey, back.pkey), 1);
		assert_memory_equal(k.id, back.id, sizeof k.id);
		assert_int_equal(back.purpose, k.purpose);
		assert_int_equal(back.exportable, k.exportable);
		assert_int_equal(back.made, k.made);
		buf_fini(&text);
		keyfile_fini(&k);
		keyfile_fini(&back);
	}
	assert_true(err_is(keyfile_make(&(struct keyfile){ 0 }, STR("rsa-512"), &diag), ERR_USAGE));
}

/* The PEM that was in keys/ before there were attributes, and what other programs write before the block. */
static void a_file_without_lines_is_a_servers_key(void **state)
{
	struct keyfile k = { .purpose = KEYFILE_AUTHORITY, .exportable = true }, back;
	struct buf text, more;
	assert_false(failed(keyfile_make(&k, STR("ec-p256"), &diag)));
	print(&k, &text);
	buf_add_char(&text, '\0');
	const char *pem = strstr(text.p, "-----BEGIN");
	assert_false(failed(keyfile_parse(&back, str_of(pem), &diag)));
	assert_int_equal(back.purpose, KEYFILE_TLS);
	assert_false(back.exportable);
	assert_int_equal(back.made, 0);
	keyfile_fini(&back);
	buf_init(&more, KEYFILE_MAX);
	buf_printf(&more, "Bag Attributes\n    localKeyID: 01\nexportable: perhaps\n%s", pem);
	assert_false(failed(keyfile_parse(&back, buf_str(&more), &diag)));
	assert_false(back.exportable);
	keyfile_fini(&back);
	/* after the block they mean nothing */
	buf_reset(&more);
	buf_printf(&more, "%sexportable: yes\npurpose: authority\n", pem);
	assert_false(failed(keyfile_parse(&back, buf_str(&more), &diag)));
	assert_false(back.exportable);
	assert_int_equal(back.purpose, KEYFILE_TLS);
	keyfile_fini(&back);
	buf_reset(&more);
	buf_printf(&more, "purpose: anything\n%s", pem);
	assert_true(err_is(keyfile_parse(&back, buf_str(&more), &diag), ERR_MALFORMED));
	buf_fini(&more);
	buf_fini(&text);
	keyfile_fini(&k);
}

static void cut_anywhere_it_is_refused(void **state)
{
	struct keyfile k = { .purpose = KEYFILE_TLS }, back;
	struct buf text;
	assert_false(failed(keyfile_make(&k, STR("ec-p256"), &diag)));
	print(&k, &text);
	size_t whole = (size_t)(strstr(text.p, "-----END") - text.p);
	for (size_t n = 0; n < whole; n++)
		assert_true(err_is(keyfile_parse(&back, (str){ text.p, n }, &diag), ERR_MALFORMED));
	buf_fini(&text);
	keyfile_fini(&k);
}

static void other_kinds_are_refused(void **state)
{
	struct keyfile k = { .purpose = KEYFILE_TLS };
	assert_true(err_is(keyfile_take(&k, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), &diag), ERR_REFUSED));
	assert_null(k.pkey);
	assert_true(err_is(keyfile_take(&k, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)768), &diag), ERR_REFUSED));
	assert_true(err_is(keyfile_take(&k, NULL, &diag), ERR_REFUSED));
}

static void files(void **state)
{
	struct keyfile k = { .purpose = KEYFILE_AUTHORITY }, back;
	char name[KEYFILE_NAME];
	struct stat st;
	assert_false(failed(keyfile_make(&k, STR("ec-p256"), &diag)));
	keyfile_name(k.id, name);
	assert_int_equal(strlen(name), 20);
	assert_true(keyfile_is_name(name));
	assert_false(keyfile_is_name(".0.key") || keyfile_is_name(".key") || keyfile_is_name("key"));
	assert_false(failed(keyfile_write(&k, dir, &diag)));
	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_false(failed(keyfile_read(&back, dir, name, &diag)));
	assert_memory_equal(k.id, back.id, sizeof k.id);
	keyfile_fini(&back);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	assert_true(err_is(keyfile_read(&back, dir, name, &diag), ERR_ABSENT));
	assert_true(strncmp(diag.where, "keys/", 5) == 0);
	keyfile_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_type_comes_back, set_up),
		cmocka_unit_test_setup(a_file_without_lines_is_a_servers_key, set_up),
		cmocka_unit_test_setup(cut_anywhere_it_is_refused, set_up),
		cmocka_unit_test_setup(other_kinds_are_refused, set_up),
		cmocka_unit_test_setup(files, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
