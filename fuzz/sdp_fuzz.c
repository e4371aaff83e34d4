/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a session description. */
#include <stdlib.h>

#include "wire/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_inside(str outer, str s)
{
	CHECK(s.n == 0 || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n));
}

static void check_lines(str raw, str lines)
{
	str name, value;
	check_inside(raw, lines);
	while (sdp_next_attr(&lines, &name, &value)) {
		CHECK(name.n != 0);
		check_inside(raw, value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str raw = { (const char *)data, size };
	struct sdp s;
	struct arena a;
	struct diag d = { 0 };
	arena_init(&a, 1u << 16);
	if (failed(sdp_parse(&s, raw, &a, &d))) {
		CHECK(d.what[0] != '\0');
	} else {
		check_lines(raw, s.lines);
		CHECK(s.user.n != 0 && s.origin.host.n != 0);
		for (unsigned i = 0; i < s.n_media; i++) {
			check_lines(raw, s.media[i].lines);
			check_inside(raw, s.media[i].formats);
			CHECK(s.media[i].connection.host.n != 0 && s.media[i].ports != 0 && s.media[i].media.n != 0);
		}
	}
	arena_fini(&a);
	return 0;
}
