/* SPDX-License-Identifier: Apache-2.0 */
/* Which text may be shown as the answer to a challenge. */
#include "role/vault/vault_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PRINT "0123456789-_abcdefghijklmnopqrstuvwxyzABCDE" /* 43 */

static void only_answers(void **state)
{
	char token[129], text[200], bad[64];
	assert_true(vault_challenge_is_answer(STR("t-_9Z"), STR("t-_9Z." PRINT)));
	static const char *const texts[] = { "", ".", "t", "t.", "." PRINT, "u." PRINT, "t." PRINT "x", "t." PRINT "\n", "t.t." PRINT, "T." PRINT, "tt." PRINT, " t." PRINT };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(vault_challenge_is_answer(STR("t"), str_of(texts[i])));
	assert_false(vault_challenge_is_answer(STR(""), STR("." PRINT)));
	for (unsigned c = 1; c < 256; c++) { /* each octet, in the token and in the fingerprint */
		bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
		const char one[] = { (char)c, '\0' };
		(void)snprintf(text, sizeof text, "%s." PRINT, one);
		assert_true(vault_challenge_is_answer(str_of(one), str_of(text)) == fine);
		(void)snprintf(bad, sizeof bad, "t." PRINT);
		bad[20] = (char)c;
		assert_true(vault_challenge_is_answer(STR("t"), str_of(bad)) == fine);
	}
	memset(token, 'a', sizeof token);
	for (size_t n = 128; n <= 129; n++) {
		(void)snprintf(text, sizeof text, "%.*s." PRINT, (int)n, token);
		assert_true(vault_challenge_is_answer((str){ token, n }, str_of(text)) == (n == 128));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_answers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
