/* SPDX-License-Identifier: Apache-2.0 */
/* The first two bytes choose the type, the rest is the body. What is accepted must be written again as the same bytes.
 */
#include "os/ipc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define IPC_MSG(NAME, name)                                 \
	static void try_##name(str body, struct buf *b)     \
	{                                                   \
		struct ipc_##name m;                        \
		if (failed(ipc_##name##_parse(&m, body)))   \
			return;                             \
		ipc_##name##_print(&m, b);                  \
		if (b->failed || !str_eq(buf_str(b), body)) \
			abort();                            \
	}
#include "os/ipc.def"
#undef IPC_MSG

static void (*const tries[IPC_N])(str body, struct buf *b) = {
#define IPC_MSG(NAME, name) try_##name,
#include "os/ipc.def"
#undef IPC_MSG
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 2)
		return 0;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, n);
	tries[(p[0] | p[1] << 8) % IPC_N]((str){ (const char *)p + 2, n - 2 }, &b);
	return 0;
}
