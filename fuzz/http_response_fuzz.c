/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the answer of a server that is not ours: whole and byte by byte they are read alike; and as a URL, which stays one line. */
#include <stdlib.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
enum { BODY_MOST = 1 << 12 };

static err read_in(str in, size_t step, struct http_response *r, struct buf *body)
{
	size_t from = 0, to = 0, taken;
	struct diag d = { 0 };
	err e;
	*r = (struct http_response){ .status = 0 };
	buf_init(body, BODY_MOST);
	do {
		to = to + step < in.n ? to + step : in.n;
		e = http_response_read(r, str_cut(in, from, to), to == in.n, body, &taken, &d);
		from += taken;
		CHECK(from <= to);
	} while (err_is(e, ERR_INCOMPLETE) && to < in.n);
	CHECK(!err_is(e, ERR_INCOMPLETE) && (!failed(e) || d.what[0] != '\0'));
	return e;
}

static void check_url(str text)
{
	struct http_url u;
	struct diag d;
	char out[HTTP_URL_MAX + 1];
	if (failed(http_url_parse(STR("http://a.test/b"), &u, &d)))
		abort();
	if (!failed(http_url_join(&u, text, out, &d)))
		CHECK(strpbrk(out, "\r\n ") == NULL && !failed(http_url_parse(str_of(out), &u, &d)) && u.host.n != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = { (const char *)data, size };
	struct http_response a, b;
	struct buf body_a, body_b;
	err e = read_in(in, size + 1, &a, &body_a), f = read_in(in, 1, &b, &body_b);
	CHECK(failed(e) == failed(f) && a.status == b.status);
	CHECK(failed(e) || str_eq(buf_str(&body_a), buf_str(&body_b)));
	buf_fini(&body_a);
	buf_fini(&body_b);
	check_url(in);
	return 0;
}
