/* SPDX-License-Identifier: Apache-2.0 */
/* Every line of a file of addresses is read or refused with its place; what was read is found again. */
#include "service/plan_address.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct arena a;
	struct plan_addresses in = { 0 };
	struct plan_networks networks = { 0 };
	struct diag d = { .what = "" };
	str text = { (const char *)bytes, n };
	arena_init(&a, 16u << 20);
	err e = plan_addresses_parse(&in, &a, text, "file", &d);
	if (err_is(e, ERR_MALFORMED) && (d.where[0] == '\0' || d.what[0] == '\0'))
		abort();
	for (size_t i = 0; !failed(e) && i < in.n; i++) {
		size_t found;
		if (plan_addresses_find(&in, in.p[i].name, &found) == NULL || found == 0)
			abort();
	}
	(void)failed(plan_networks_add(&networks, &a, text, &d));
	arena_fini(&a);
	return 0;
}
