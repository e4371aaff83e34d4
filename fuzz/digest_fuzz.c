/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an Authorization value. */
#include <stdlib.h>

#include "wire/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_inside(str outer, str s)
{
	CHECK(s.n == 0 || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n && s.n <= 1024));
}

static struct crypt *make_crypt(void)
{
	struct crypt *c;
	CHECK(!failed(crypt_new(&c)));
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypt *c; /* fetching algorithms anew for each input would take longer than everything else */
	str raw = { (const char *)data, size };
	struct digest g;
	struct diag d = { 0 };
	c = c != NULL ? c : make_crypt();
	if (failed(digest_parse(raw, &g, &d))) {
		CHECK(d.what[0] != '\0');
		return 0;
	}
	check_inside(raw, g.scheme);
	const str values[] = { g.username, g.realm, g.nonce, g.uri, g.response, g.cnonce, g.opaque, g.algorithm, g.qop,
		g.nc_raw };
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		check_inside(raw, values[i]);
	CHECK(g.nc_raw.n == 0 || g.nc_raw.n == 8);
	if (g.hash_known) {
		uint8_t ha1[CRYPT_HASH_MAX];
		char response[2 * CRYPT_HASH_MAX];
		digest_ha1(c, g.hash, g.username, g.realm, STR("secret"), ha1);
		digest_response(c, &g, ha1, STR("REGISTER"), response);
		for (size_t i = 0; i < 2 * crypt_hash_size(g.hash); i++)
			CHECK((response[i] >= '0' && response[i] <= '9') || (response[i] >= 'a' && response[i] <= 'f'));
	}
	return 0;
}
