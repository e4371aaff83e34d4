/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of wire/sip share: files, and parsing without ceremony. */
#ifndef WITAN_WIRE_SIP_SIP_TEST_H
#define WITAN_WIRE_SIP_SIP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/sip/sip_priv.h"

/* A copy of s that ends where its memory ends, so that AddressSanitizer sees a step too far. Free p. */
static inline str test_exact(str s)
{
	char *p = malloc(s.n != 0 ? s.n : 1);
	assert_non_null(p);
	if (s.n != 0)
		memcpy(p, s.p, s.n);
	return (str){ p, s.n };
}

/* A file below test/torture; tests run at the root of the project. Free p. */
static inline str test_file(const char *name)
{
	char path[256], bytes[1 << 17];
	(void)snprintf(path, sizeof path, "test/torture/%s", name);
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s is missing", path);
	size_t n = fread(bytes, 1, sizeof bytes, f);
	assert_int_equal(fclose(f), 0);
	return test_exact((str){ bytes, n });
}

static inline const char *test_err(err e)
{
	return failed(e) ? e.def->name : "OK";
}

#define assert_ok(e)     assert_string_equal(test_err(e), "OK")
#define assert_err(e, n) assert_string_equal(test_err(e), #n)
#define assert_str(s, z) test_str((s), (z), __FILE__, __LINE__)
static inline void test_str(str s, const char *z, const char *file, int line)
{
	if (str_eq(s, str_of(z)))
		return;
	print_error("\"%.*s\" is not \"%s\"\n", STR_FMT(s), z);
	_fail(file, line);
}

#endif
