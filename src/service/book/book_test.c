/* SPDX-License-Identifier: Apache-2.0 */
#include "service/book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void names_of_clients(void **state)
{
	assert_string_equal(book_find(STR("GIVENNAME"))->property.p, "FirstName");
	assert_string_equal(book_find(STR("msrtcsip-primaryuseraddress"))->property.p, "SipAddress");
	assert_ptr_not_equal(book_find(STR("c")), book_find(STR("country")));
	assert_string_equal(book_find(STR("c"))->property.p, book_find(STR("country"))->property.p);
	assert_null(book_find(STR("")));
	assert_null(book_find(STR("unicodePwd")));
	assert_false(book_find(STR("telephoneNumber"))->is_searched);
}

/* Each property is told once, and names that a search goes by need not be told. */
static void what_is_told(void **state)
{
	assert_string_equal(book_told(STR("Country"))->attribute.p, "country");
	assert_string_equal(book_told(STR("Phone"))->shown, "phone");
	assert_null(book_told(STR("FirstName")));
	assert_null(book_told(STR("SipAddress")));
	assert_null(book_told(STR("OU")));
	for (size_t i = 0; i < BOOK_ROWS; i++)
		assert_true(book_rows[i].shown == NULL || book_told(book_rows[i].property) == &book_rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_of_clients), cmocka_unit_test(what_is_told) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
