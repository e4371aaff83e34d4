/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/number.h"

/* The numbers are those that card makers and ISO 13616 print as examples. */
static void numbers_are_found(void **state)
{
	static const struct {
		const char *text;
		bool card, iban;
	} rows[] = {
		{ "", false, false },
		{ "4111111111111111", true, false },
		{ "pay 4111 1111 1111 1111 now", true, false },
		{ "5500-0000-0000-0004, thanks", true, false },
		{ "340000000000009", true, false },
		{ "4111 1111 1111 1111 12/27 123", true, false },
		{ "4111111111111112", false, false },
		{ "x4111111111111111", false, false },
		{ "4111  1111 1111 1111", false, false },
		{ "0000000000000000", false, false },
		{ "1234567890123", false, false },
		{ "call +49 30 1234567 or 2026-11-25 10:15", false, false },
		{ "DE89370400440532013000", false, true },
		{ "to gb29 NWBK 6016 1331 9268 19 please", false, true },
		{ "DE89 3704 0044 0532 0130 00 thanks", false, true },
		{ "NO9386011117947", false, true },
		{ "DE88370400440532013000", false, false },
		{ "DE8937040044053201300", false, false },
		{ "DE893704004405320130001", false, false },
		{ "ZZ89370400440532013000", false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(number_has_card(str_of(rows[i].text)) == rows[i].card);
		assert_true(number_has_iban(str_of(rows[i].text)) == rows[i].iban);
	}
}

static void cut_anywhere(void **state)
{
	static const char text[] = "GB29 NWBK 6016 1331 9268 19 4111 1111 1111 1111";
	for (size_t n = 0; n < sizeof text; n++) {
		char *copy = malloc(n + 1);
		memcpy(copy, text, n);
		assert_true(number_has_iban((str){ copy, n }) == (n >= 27));
		assert_true(number_has_card((str){ copy, n }) == (n >= 47));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(numbers_are_found), cmocka_unit_test(cut_anywhere) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
