/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the answer of a name server: the first says which type was asked for. */
#include <stdlib.h>

#include "os/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_record(const struct dns_record *r)
{
	CHECK(r->name.n <= DNS_NAME_MAX && r->flags.n <= 255 && r->service.n <= 255);
	for (size_t i = 0; i < r->name.n; i++)
		CHECK(r->name.p[i] == char_lower(r->name.p[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct dns_answer out;
	if (size == 0)
		return 0;
	arena_init(&a, 32768);
	err e = dns_parse((enum dns_type)(data[0] % DNS_TYPE_N), (str){ (const char *)data + 1, size - 1 }, &a, &out);
	CHECK(failed(e) == (out.n == 0) && out.n <= 64);
	for (size_t i = 0; i < out.n; i++)
		check_record(&out.records[i]);
	arena_fini(&a);
	return 0;
}
