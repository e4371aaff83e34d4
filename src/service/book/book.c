/* SPDX-License-Identifier: Apache-2.0 */
#include "service/book.h"

#include <stddef.h>

#define ROW(attribute, property, shown, is_searched) \
	{ { attribute, sizeof attribute - 1 }, { property, sizeof property - 1 }, shown, is_searched }

/* "c" is a country's code in directories; here there is one property for both. The address is told as what a person is found by. */
const struct book_row book_rows[BOOK_ROWS] = {
	ROW("msRTCSIP-PrimaryUserAddress", "SipAddress", NULL, true),
	ROW("displayName", "DisplayName", "displayName", true),
	ROW("mail", "WindowsEmailAddress", "email", true),
	ROW("title", "Title", "title", true),
	ROW("company", "Company", "company", true),
	ROW("physicalDeliveryOfficeName", "Office", "office", true),
	ROW("l", "City", "city", true),
	ROW("country", "Country", "country", true),
	ROW("telephoneNumber", "Phone", "phone", false),
	ROW("c", "Country", NULL, true),
	ROW("givenName", "FirstName", NULL, true),
	ROW("sn", "LastName", NULL, true),
	ROW("department", "Department", NULL, true),
};

const struct book_row *book_find(str attribute)
{
	for (size_t i = 0; i < BOOK_ROWS; i++)
		if (str_eq_case(book_rows[i].attribute, attribute))
			return &book_rows[i];
	return NULL;
}

const struct book_row *book_told(str property)
{
	for (size_t i = 0; i < BOOK_ROWS; i++)
		if (book_rows[i].shown != NULL && str_eq(book_rows[i].property, property))
			return &book_rows[i];
	return NULL;
}
