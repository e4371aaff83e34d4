/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as rows of what people keep; what is taken must be written again as the same bytes. */
#include "service/kept.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf again DEFER(buf_fini) = { 0 };
	struct kept_row row;
	str all = { (const char *)data, size }, rest = all;
	err e = OK;
	buf_init(&again, size);
	while (kept_row_next(&rest, &row, &e))
		kept_row_add(&again, &row);
	if (again.failed || !str_eq(buf_str(&again), str_cut(all, 0, size - rest.n)) || (!failed(e) && rest.n != 0))
		abort();
	return 0;
}
