/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a client sends for Negotiate, and the answer to it. */
#include <stdlib.h>

#include "wire/spnego.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spnego_message m;
	struct diag d = { 0 };
	struct buf out;
	str in = { (const char *)data, size };
	if (failed(spnego_parse(in, &m, &d))) {
		CHECK(d.what[0] != '\0');
		return 0;
	}
	CHECK(m.token.n == 0 || (m.token.p >= in.p && m.token.p + m.token.n <= in.p + in.n));
	CHECK(m.is_framed || m.token.n == in.n);
	buf_init(&out, SPNEGO_MOST + SPNEGO_FRAME_MOST);
	spnego_answer_print(&m, m.token, &out);
	CHECK(!out.failed && out.n >= m.token.n && out.n <= m.token.n + SPNEGO_FRAME_MOST);
	buf_fini(&out);
	return 0;
}
