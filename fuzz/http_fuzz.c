/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as requests behind each other: whole and in two pieces must be read alike, and slices stay inside. */
#include <stdlib.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
enum { BODY_MOST = 1 << 16 };

static void check_inside(str outer, str s)
{
	CHECK(s.n == 0 || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n));
}

static void look_at_parts(const struct http_request *q)
{
	struct arena a;
	str s;
	arena_init(&a, 1 << 16);
	(void)failed(http_path_decode(q->path, &a, &s));
	(void)failed(http_query_find(q->query, STR("a"), &a, &s));
	(void)failed(http_cookie_find(q, STR("__Host-witan"), &s));
	(void)http_is_unchanged(q, STR("\"tag\""), 784111777);
	const struct http_field *f = http_field_find(q, STR("Authorization"));
	if (f != NULL && http_bearer_find(f->value, &s))
		check_inside(f->value, s);
	arena_fini(&a);
}

static void check_request(str in, const struct http_request *q, size_t taken)
{
	CHECK(taken <= in.n && taken != 0 && q->n_fields <= HTTP_FIELDS_MAX);
	check_inside(in, q->method_name);
	if (!str_eq(q->path, STR("/")))
		check_inside(in, q->path);
	check_inside(in, q->query);
	check_inside(in, q->host);
	check_inside(in, q->body);
	for (size_t i = 0; i < q->n_fields; i++) {
		check_inside(in, q->fields[i].name);
		check_inside(in, q->fields[i].value);
		CHECK(q->fields[i].name.n != 0);
	}
	CHECK(q->host.n != 0 || q->minor == 0);
	CHECK(http_field_find(q, STR("Transfer-Encoding")) == NULL);
	look_at_parts(q);
}

/* The same verdict when the bytes come in two pieces. */
static void check_pieces(str in, err whole, size_t whole_taken)
{
	struct http_reader r = { 0 };
	struct http_request q;
	size_t taken = 0;
	err e = http_request_read(&r, str_cut(in, 0, in.n / 2), BODY_MOST, &q, &taken, NULL);
	if (err_is(e, ERR_INCOMPLETE))
		e = http_request_read(&r, in, BODY_MOST, &q, &taken, NULL);
	CHECK(failed(e) == failed(whole));
	CHECK(failed(e) || taken == whole_taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = { (const char *)data, size };
	for (;;) {
		struct http_reader r = { 0 };
		struct http_request q;
		struct diag d = { 0 };
		size_t taken = 0;
		err e = http_request_read(&r, in, BODY_MOST, &q, &taken, &d);
		CHECK(!failed(e) || err_is(e, ERR_INCOMPLETE) || d.what[0] != '\0');
		check_pieces(in, e, taken);
		if (failed(e))
			return 0;
		check_request(in, &q, taken);
		in = str_cut(in, taken, in.n);
	}
}
