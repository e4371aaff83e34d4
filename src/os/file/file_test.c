/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct room {
	char path[64];
	int fd;
};

static int enter(void **state)
{
	static struct room r;
	strcpy(r.path, "/tmp/file_test.XXXXXX");
	assert_non_null(mkdtemp(r.path));
	r.fd = open(r.path, O_RDONLY | O_DIRECTORY);
	*state = &r;
	return 0;
}

static int leave(void **state)
{
	struct room *r = *state;
	unlinkat(r->fd, "sub/a", 0);
	unlinkat(r->fd, "sub", AT_REMOVEDIR);
	unlinkat(r->fd, "a", 0);
	unlinkat(r->fd, "p", 0);
	close(r->fd);
	return rmdir(r->path); /* fails if anything was left behind */
}

static void expect(struct room *r, const char *path, str content, unsigned mode)
{
	struct buf b DEFER(buf_fini) = { 0 };
	struct stat st;
	assert_false(failed(file_read(r->fd, path, 100000, &b, NULL)));
	assert_true(str_eq(buf_str(&b), content));
	assert_int_equal(fstatat(r->fd, path, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void write_and_read(void **state)
{
	static char large[50000];
	struct room *r = *state;
	umask(077);
	memset(large, 'x', sizeof(large));
	assert_false(failed(file_write(r->fd, "a", STR("one"), 0644, NULL)));
	expect(r, "a", STR("one"), 0644);
	assert_false(failed(file_write(r->fd, "a", (str){ large, sizeof(large) }, 0400, NULL)));
	expect(r, "a", (str){ large, sizeof(large) }, 0400);
	assert_false(failed(file_write(r->fd, "a", STR(""), 0600, NULL)));
	expect(r, "a", STR(""), 0600);
	assert_int_equal(mkdirat(r->fd, "sub", 0700), 0);
	assert_false(failed(file_write(r->fd, "sub/a", STR("two"), 0600, NULL)));
	expect(r, "sub/a", STR("two"), 0600);
	char whole[128];
	snprintf(whole, sizeof(whole), "%s/sub/a", r->path);
	assert_false(failed(file_write(AT_FDCWD, whole, STR("three"), 0600, NULL)));
	expect(r, "sub/a", STR("three"), 0600);
}

static void ceilings(void **state)
{
	struct room *r = *state;
	struct diag d;
	struct buf b;
	assert_false(failed(file_write(r->fd, "a", STR("12345"), 0600, NULL)));
	assert_false(failed(file_read(r->fd, "a", 5, &b, NULL)));
	assert_int_equal(b.n, 5);
	buf_fini(&b);
	assert_true(err_is(file_read(r->fd, "a", 4, &b, &d), ERR_CEILING));
	assert_string_equal(d.where, "a");
	buf_fini(&b);
}

static void refusals(void **state)
{
	struct room *r = *state;
	struct diag d = { 0 };
	struct buf b;
	assert_true(err_is(file_read(r->fd, "none", 10, &b, &d), ERR_ABSENT));
	assert_true(d.what[0] != '\0' && d.remedy[0] != '\0');
	buf_fini(&b);
	assert_true(err_is(file_write(r->fd, "none/a", STR("x"), 0600, &d), ERR_ABSENT));
	assert_int_equal(mkdirat(r->fd, "sub", 0700), 0);
	assert_true(err_is(file_read(r->fd, "sub", 10, &b, &d), ERR_REFUSED));
	buf_fini(&b);
	assert_int_equal(mkfifoat(r->fd, "p", 0600), 0);
	assert_true(err_is(file_read(r->fd, "p", 10, &b, &d), ERR_REFUSED)); /* and does not wait for a writer */
	buf_fini(&b);
	/* A directory cannot be replaced by a file: nothing changes, nothing is left behind (see leave). */
	assert_true(failed(file_write(r->fd, "sub", STR("x"), 0600, &d)));
	assert_true(err_is(file_read(r->fd, "/dev/full", 10, &b, &d), ERR_REFUSED));
	buf_fini(&b);
}

/* A disk of our own that is full: the old content stays. Needs the right to mount. */
static void full_disk(void **state)
{
	static char large[200000];
	struct room *r = *state;
	struct diag d = { 0 };
	char path[80];
	snprintf(path, sizeof(path), "%s/sub", r->path);
	assert_int_equal(mkdirat(r->fd, "sub", 0700), 0);
	if (mount("tmpfs", path, "tmpfs", 0, "size=64k") != 0)
		skip();
	err small = file_write(r->fd, "sub/a", STR("small"), 0600, NULL);
	err e = file_write(r->fd, "sub/a", (str){ large, sizeof(large) }, 0600, &d);
	struct buf b;
	err again = file_read(r->fd, "sub/a", 100, &b, NULL);
	bool is_old = str_eq(buf_str(&b), STR("small"));
	buf_fini(&b);
	assert_int_equal(umount(path), 0);
	assert_false(failed(small) || failed(again));
	assert_true(err_is(e, ERR_DISK_FULL));
	assert_non_null(strstr(d.remedy, "df"));
	assert_true(is_old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(write_and_read, enter, leave),
		cmocka_unit_test_setup_teardown(ceilings, enter, leave),
		cmocka_unit_test_setup_teardown(refusals, enter, leave),
		cmocka_unit_test_setup_teardown(full_disk, enter, leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
