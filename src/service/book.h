/* SPDX-License-Identifier: Apache-2.0 */
/* book - the address book: by what people are found, and what of them is told to everybody who may search. Nothing else leaves. Pure. */
#ifndef WITAN_SERVICE_BOOK_H
#define WITAN_SERVICE_BOOK_H

#include "base/str.h"

#define BOOK_FOUND_MAX  100 /* people that one search finds */
#define BOOK_FILTER_MAX 8   /* properties that one search asks for */
#define BOOK_ROWS       13

struct book_row {
	str attribute;     /* as clients and directories call it */
	str property;      /* as it is called here */
	const char *shown; /* as the answer to a SERVICE calls it; NULL: it is not told, or by another row of the same property */
	bool is_searched;
};
extern const struct book_row book_rows[BOOK_ROWS];

/* By the name that clients have for it, without regard to case; NULL: there is none. */
const struct book_row *book_find(str attribute);
/* The row by which a property is told; NULL: it does not leave. */
const struct book_row *book_told(str property);

#endif
