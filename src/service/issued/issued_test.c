/* SPDX-License-Identifier: Apache-2.0 */
/* The file of what was issued: found by serial number, kept, and cut by a kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/issued.h"

static char top[] = "/tmp/issued-XXXXXX";
static int dir;
static struct issued_list list;
static struct diag d;

static int setup(void **state)
{
	memcpy(top, "/tmp/issued-XXXXXX", sizeof top);
	dir = mkdtemp(top) != NULL ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return dir < 0 || failed(issued_open(dir, &list, &d)) ? 1 : 0;
}

static int teardown(void **state)
{
	issued_close(&list);
	(void)unlinkat(dir, "issued", 0);
	(void)close(dir);
	return rmdir(top);
}

static void add(unsigned n)
{
	struct issued one = { .expires = 2000000000, .user = "host:uc.example.test" };
	(void)snprintf(one.revoked.serial, sizeof one.revoked.serial, "%032X", n * 2654435761u);
	assert_false(failed(issued_add(&list, &one, &d)));
}

static const struct issued *find(unsigned n)
{
	char serial[CERT_SERIAL];
	const struct issued *out;
	(void)snprintf(serial, sizeof serial, "%032X", n * 2654435761u);
	err e = issued_find(&list, serial, &out);
	assert_true(out != NULL ? !failed(e) && strcmp(out->revoked.serial, serial) == 0 : err_is(e, ERR_ABSENT));
	return out;
}

/* Across every growth of the table, and while it is looked into between two. */
static void found_by_serial(void **state)
{
	assert_null(find(0));
	for (unsigned n = 0; n < 600; n++) {
		assert_null(find(n));
		add(n);
		if (n % 7 == 0)
			assert_ptr_equal(find(n), &list.all[n]);
	}
	for (unsigned n = 0; n < 600; n++)
		assert_ptr_equal(find(n), &list.all[n]);
	assert_null(find(600));
	assert_true(list.n_places >= 2 * list.n);
	list.all[5].is_revoked = true; /* what stands there is what is found */
	assert_true(find(5)->is_revoked);
}

static void the_last_line_counts(void **state)
{
	add(1);
	assert_non_null(find(1));
	add(1);
	assert_ptr_equal(find(1), &list.all[1]);
}

static void read_again(void **state)
{
	for (unsigned n = 0; n < 300; n++)
		add(n);
	list.all[7].is_revoked = true;
	list.all[7].revoked.when = 1234;
	list.all[7].revoked.reason = CERT_SUPERSEDED;
	assert_false(failed(issued_write(&list, 0, &d)));
	issued_close(&list);
	assert_false(failed(issued_open(dir, &list, &d)));
	const struct issued *x = find(7);
	assert_true(x != NULL && x->is_revoked && x->revoked.when == 1234 && x->revoked.reason == CERT_SUPERSEDED && !find(8)->is_revoked);
}

/* When and to which device; lines of a server that did not know of it yet are read as well. */
static void devices(void **state)
{
	static const char before[] = "AA 2000000000 sip:ann@example.test -\nBB 2000000000 sip:ann@example.test 1234:superseded\n";
	const struct issued one = { .expires = 2000000000, .user = "sip:ann@example.test", .revoked = { .serial = "CC" }, .device = "11-22", .issued = 1900000000 };
	const struct issued none = { .expires = 2000000000, .user = "sip:ann@example.test", .revoked = { .serial = "DD" }, .issued = 1900000001 };
	const struct issued *out;
	int fd = openat(dir, "issued", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, before, sizeof before - 1), (ssize_t)sizeof before - 1);
	(void)close(fd);
	issued_close(&list);
	assert_false(failed(issued_open(dir, &list, &d)) || failed(issued_add(&list, &one, &d)) || failed(issued_add(&list, &none, &d)));
	for (int i = 0; i < 2; i++) {
		issued_close(&list);
		assert_false(failed(issued_open(dir, &list, &d)));
		assert_false(failed(issued_find(&list, "CC", &out)));
		assert_true(strcmp(out->device, "11-22") == 0 && out->issued == 1900000000 && out->is_revoked == (i == 1));
		assert_false(failed(issued_find(&list, "DD", &out)));
		assert_true(out->device[0] == '\0' && out->issued == 1900000001);
		assert_false(failed(issued_find(&list, "BB", &out)));
		assert_true(out->is_revoked && out->issued == 0 && out->device[0] == '\0');
		list.all[2].is_revoked = true;
		assert_false(failed(issued_write(&list, 0, &d)));
	}
}

/* What could not be written was not issued. */
static void not_written(void **state)
{
	add(1);
	assert_non_null(find(1));
	const int was = list.dir;
	list.dir = -1;
	struct issued one = { .user = "host:x", .revoked = { .serial = "AB" } };
	const struct issued *out;
	assert_true(failed(issued_add(&list, &one, &d)));
	assert_true(err_is(issued_find(&list, "AB", &out), ERR_ABSENT));
	list.dir = was;
	add(2);
	assert_ptr_equal(find(2), &list.all[1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(found_by_serial), TEST(the_last_line_counts), TEST(read_again), TEST(devices), TEST(not_written) };
	return cmocka_run_group_tests_name("issued", tests, NULL, NULL);
}
