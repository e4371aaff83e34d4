/* SPDX-License-Identifier: Apache-2.0 */
/* Two URIs, one a line: read, compared both ways, made an address of record. */
#include <stdlib.h>

#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static bool is_host_char(char c)
{
	return c > ' ' && c != 0x7f && c != '@' && c != ';' && c != '?' && c != '<' && c != '>' && c != '"';
}

static void check(const struct uri *u)
{
	struct arena a;
	str aor, value;
	CHECK(uri_equal(u, u));
	(void)uri_param(u, STR("transport"), &value);
	(void)uri_param(u, STR(""), NULL);
	for (size_t i = 0; (u->kind == URI_SIP || u->kind == URI_SIPS) && i < u->host.n; i++)
		CHECK(is_host_char(u->host.p[i]));
	arena_init(&a, 4096);
	if (!failed(uri_aor(u, &a, &aor))) {
		CHECK(aor.n <= 254 && str_find_char(aor, '@') + 1 < aor.n);
		/* written as a URI again it is the same address */
		struct buf b;
		struct uri again;
		str same, host, user = str_split(aor, '@', &host);
		buf_init(&b, 4096);
		buf_add(&b, STR("sip:"));
		uri_add_user(&b, user);
		buf_add_char(&b, '@');
		buf_add(&b, host);
		CHECK(!failed(uri_parse(buf_str(&b), &again, NULL)));
		CHECK(!failed(uri_aor(&again, &a, &same)) && str_eq(aor, same));
		buf_fini(&b);
	}
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str second, first = str_split((str){ (const char *)data, size }, '\n', &second);
	struct uri x, y;
	struct diag d = { 0 };
	err ex = uri_parse(first, &x, &d), ey = uri_parse(second, &y, NULL);
	(void)uri_host_is_address(second);
	if (failed(ex))
		CHECK(err_is(ex, ERR_MALFORMED) && d.what[0] != '\0');
	else
		check(&x);
	if (!failed(ex) && !failed(ey))
		CHECK(uri_equal(&x, &y) == uri_equal(&y, &x));
	return 0;
}
