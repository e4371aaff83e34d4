/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as HTML: each character has a place in the source, in both ways over it in order, and each link lies within. */
#include <stdlib.h>

#include "wire/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const str prefixes[] = { { "http:", 5 }, { "www*.", 5 }, { "href", 4 }, { "ftp.", 4 } };
	struct arena a;
	struct link_text t;
	struct link_rules r;
	struct link k;
	size_t from = 0, last = 0;
	char room[256];
	arena_init(&a, 16 << 20);
	link_rules_init(&r, prefixes, sizeof prefixes / sizeof *prefixes);
	str source = { (const char *)data, size < 100000 ? size : 100000 };
	if (!failed(link_read(LINK_HTML, source, &a, &t))) {
		CHECK(t.begin <= source.n && t.n <= 2 * source.n + 2);
		for (size_t i = 0; i < t.n; i++)
			CHECK(t.at[i] <= source.n);
		while (link_next(&r, &t, &from, &k)) {
			CHECK(from > last && from <= t.n && k.place < source.n);
			CHECK(link_host(k.target).n <= k.target.n && link_file(k.target, room, sizeof room).n <= sizeof room);
			last = from;
		}
	}
	arena_fini(&a);
	return 0;
}
