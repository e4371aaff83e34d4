/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a list of rows of what people keep; what is taken must, written again, be the same bytes. */
#include <stdlib.h>

#include "service/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str all = { (const char *)data, size }, rest = all;
	struct kept_row row;
	struct buf again;
	err e = OK;
	buf_init(&again, size + 1);
	while (kept_row_next(&rest, &row, &e)) {
		CHECK(row.key.n <= KEPT_KEY_MAX && row.value.n <= KEPT_VALUE_MAX);
		kept_row_add(&again, &row);
	}
	CHECK(failed(e) == (rest.n != 0) && !again.failed);
	CHECK(str_eq(buf_str(&again), str_cut(all, 0, size - rest.n)));
	buf_fini(&again);
	return 0;
}
