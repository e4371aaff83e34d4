/* SPDX-License-Identifier: Apache-2.0 */
#include "service/photo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PNG(w, h) "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" w h "\x08\x02\0\0\0"
#define APP0 "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define SOF(marker, h, w) "\xff" marker "\0\x0b\x08" h w "\1\1\x11\0"
#define JPEG(rest) "\xff\xd8" rest

static struct diag diag;

static void sizes(void **state)
{
	struct photo p;
	assert_false(failed(photo_read(STR(PNG("\0\0\0\x60", "\0\0\0\x40")), &p, &diag)));
	assert_true(p.width == 96 && p.height == 64 && strcmp(p.type, "image/png") == 0);
	assert_false(failed(photo_read(STR(JPEG(APP0 "\xff\xc4\0\2" SOF("\xc2", "\0\x40", "\1\0"))), &p, &diag)));
	assert_true(p.width == 256 && p.height == 64 && strcmp(p.type, "image/jpeg") == 0);
}

static void what_is_none(void **state)
{
	static const struct {
		str bytes;
		enum err_id want;
	} rows[] = {
		{ { "", 0 }, ERR_MALFORMED },
		{ { "GIF89a", 6 }, ERR_MALFORMED },
		{ { "<svg/>", 6 }, ERR_MALFORMED },
		{ { PNG("\0\0\0\0", "\0\0\0\1"), 29 }, ERR_MALFORMED },
		{ { PNG("\xff\xff\xff\xff", "\0\0\0\1"), 29 }, ERR_CEILING },
		{ { JPEG(APP0 "\xff\xda\0\2" SOF("\xc0", "\0\1", "\0\1")), 37 }, ERR_MALFORMED },
		{ { JPEG("\xff\xe0\0\1" SOF("\xc0", "\0\1", "\0\1")), 19 }, ERR_MALFORMED },
		{ { JPEG("\xff\xe0\xff\xff" SOF("\xc0", "\0\1", "\0\1")), 19 }, ERR_MALFORMED },
		{ { JPEG(SOF("\xc0", "\4\1", "\0\1")), 15 }, ERR_CEILING },
	};
	struct photo p;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		diag.what[0] = '\0';
		if (!err_is(photo_read(rows[i].bytes, &p, &diag), rows[i].want) || diag.what[0] == '\0')
			fail_msg("row %zu: %s", i, diag.what);
	}
}

/* In memory of exactly that length, so that no byte behind it is read. */
static void cut_anywhere(void **state)
{
	static const char png[] = PNG("\0\0\0\x60", "\0\0\0\x40"), jpeg[] = JPEG(APP0 SOF("\xc0", "\0\x40", "\0\x60"));
	struct photo p;
	for (size_t n = 0; n < sizeof png - 1; n++) {
		char *copy = malloc(n + 1);
		memcpy(copy + 1, png, n);
		assert_true(failed(photo_read((str){ copy + 1, n }, &p, &diag)));
		free(copy);
	}
	for (size_t n = 0; n < sizeof jpeg - 1; n++) {
		char *copy = malloc(n + 1);
		memcpy(copy + 1, jpeg, n);
		assert_true(failed(photo_read((str){ copy + 1, n }, &p, &diag)));
		free(copy);
	}
}

static void too_many_bytes(void **state)
{
	static char bytes[PHOTO_MAX + 1] = PNG("\0\0\0\x60", "\0\0\0\x40");
	struct photo p;
	assert_false(failed(photo_read((str){ bytes, PHOTO_MAX }, &p, NULL)));
	assert_true(err_is(photo_read((str){ bytes, PHOTO_MAX + 1 }, &p, &diag), ERR_CEILING));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(what_is_none), cmocka_unit_test(cut_anywhere), cmocka_unit_test(too_many_bytes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
