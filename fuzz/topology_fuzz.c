/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted must print, and its print must be accepted and print the same; and its certificates can be planned, each with a name. */
#include "model/topo.h"
#include "service/plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void plan(const struct topo *t, struct arena *a)
{
	struct plan_certificates all;
	struct diag d = { .what = "" };
	if (failed(plan_certificates(t, a, &all, &d))) {
		if (d.what[0] == '\0')
			abort();
		return;
	}
	TOPO_EACH (c, all)
		if (c->usages == 0 || c->cn.n == 0 || c->cn.n > 64 || c->host.n == 0)
			abort();
}

static bool print(str text, struct buf *out)
{
	struct arena a;
	struct topo t;
	struct diag d;
	arena_init(&a, 64u << 20);
	bool accepted = !failed(topo_parse(&t, &a, text, "topology.yaml", &d));
	if (accepted) {
		topo_print(&t, out);
		plan(&t, &a);
	} else if (d.what[0] == '\0')
		abort();
	arena_fini(&a);
	return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct buf first, second;
	buf_init(&first, 4 * TOPO_SIZE_MAX);
	buf_init(&second, 4 * TOPO_SIZE_MAX);
	if (print((str){ (const char *)bytes, n }, &first) &&
		(!print(buf_str(&first), &second) || !str_eq(buf_str(&first), buf_str(&second))))
		abort();
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
