/* SPDX-License-Identifier: Apache-2.0 */
#include "service/openapi.h"

void openapi_print(struct buf *out)
{
	buf_add(out, STR("{}"));
}

void openapi_cmdlets_print(struct buf *out)
{
	buf_add(out, STR("{}"));
}
