/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/replica.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char hash[] = "0123456789abcdef0123456789abcdef";

static const struct replica_row samples[] = {
	{ REPLICA_OBJECT, { STR("ConferencingPolicy"), STR("Tag:Sales"), STR("{\"A\":1}") } },
	{ REPLICA_USER, { STR("ann@example.test"), STR("Ann"), STR("1"), STR(""), { hash, 32 }, STR("{}"), STR("1700000000"), STR("1700000001") } },
	{ REPLICA_USER, { STR("bob@example.test"), STR(""), STR("0"), { hash, 16 }, { hash, 32 }, STR("{}"), STR("1"), STR("2") } },
	{ REPLICA_CREDENTIAL, { STR("ann@example.test"), STR("totp"), STR("\1\2\3") } },
	{ REPLICA_FILE, { STR("topology.yaml"), STR("organization: Example\n") } },
	{ REPLICA_OBJECT_GONE, { STR("ConferencingPolicy"), STR("Tag:Old") } },
	{ REPLICA_USER_GONE, { STR("eve@example.test") } },
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static void print_all(struct buf *b)
{
	buf_init(b, 65536);
	for (size_t i = 0; i < SAMPLES; i++)
		replica_row_print(b, &samples[i]);
	assert_false(b->failed);
}

static void rows_come_back(void **state)
{
	struct buf b;
	struct replica_row r;
	print_all(&b);
	str rest = buf_str(&b);
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t before = rest.n;
		assert_false(failed(replica_row_read(&rest, &r)));
		assert_int_equal(r.type, samples[i].type);
		assert_int_equal(before - rest.n, replica_row_size(&samples[i]));
		for (unsigned k = 0; k < replica_row_fields(r.type); k++)
			assert_true(str_eq(r.field[k], samples[i].field[k]));
	}
	assert_true(err_is(replica_row_read(&rest, &r), ERR_ABSENT));
	buf_fini(&b);
}

/* Whatever is cut off, what is whole before it is read, and the rest refused. */
static void cut_anywhere(void **state)
{
	struct buf b;
	print_all(&b);
	for (size_t n = 0; n < b.n; n++) {
		char *copy = malloc(n + 1); /* its end is the end of the memory */
		memcpy(copy, b.p, n);
		str rest = { copy, n };
		struct replica_row r;
		err e;
		size_t whole = 0;
		while (!failed(e = replica_row_read(&rest, &r)))
			whole += replica_row_size(&r);
		assert_true(whole == n ? err_is(e, ERR_ABSENT) : err_is(e, ERR_MALFORMED));
		free(copy);
	}
	buf_fini(&b);
}

static void rows_that_are_none(void **state)
{
	static const struct replica_row bad[] = {
		{ REPLICA_OBJECT, { STR(""), STR("Global"), STR("{}") } },
		{ REPLICA_USER, { STR("ann@example.test"), STR("Ann"), STR("x"), STR(""), { hash, 32 }, STR("{}"), STR("1"), STR("1") } },
		{ REPLICA_USER, { STR("ann@example.test"), STR("Ann"), STR("1"), { hash, 15 }, { hash, 32 }, STR("{}"), STR("1"), STR("1") } },
		{ REPLICA_USER, { STR("ann@example.test"), STR("Ann"), STR("1"), STR(""), { hash, 31 }, STR("{}"), STR("1"), STR("1") } },
		{ REPLICA_USER, { STR("ann@example.test"), STR("Ann"), STR("1"), STR(""), { hash, 32 }, STR("{}"), STR("-1"), STR("1") } },
		{ REPLICA_USER_GONE, { STR("a") } },
	};
	struct replica_row r;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b;
		buf_init(&b, 4096);
		replica_row_print(&b, &bad[i]);
		str rest = buf_str(&b);
		assert_true(err_is(replica_row_read(&rest, &r), ERR_MALFORMED));
		assert_int_equal(rest.n, b.n); /* stays where it was */
		buf_fini(&b);
	}
	str type = STR("\x7f");
	assert_true(err_is(replica_row_read(&type, &r), ERR_MALFORMED));
}

static void frames(void **state)
{
	struct buf b, hello;
	enum replica_frame type;
	str body;
	size_t taken;
	struct replica_hello h = { REPLICA_PROTOCOL, 7, UINT64_MAX, STR("edge01.example.test"), STR("0.1.0") }, back;
	buf_init(&hello, 1024);
	replica_hello_print(&hello, &h);
	buf_init(&b, 65536);
	replica_frame_print(&b, REPLICA_HELLO, buf_str(&hello));
	replica_frame_print(&b, REPLICA_TAKEN, STR(""));
	for (size_t n = 0; n < REPLICA_FRAME_HEAD + hello.n; n++)
		assert_true(err_is(replica_frame_read(str_cut(buf_str(&b), 0, n), &type, &body, &taken), ERR_INCOMPLETE));
	assert_false(failed(replica_frame_read(buf_str(&b), &type, &body, &taken)));
	assert_int_equal(type, REPLICA_HELLO);
	assert_false(failed(replica_hello_parse(&back, body)));
	assert_int_equal(back.version, 7);
	assert_true(back.mark == UINT64_MAX && str_eq(back.fqdn, h.fqdn) && str_eq(back.product, h.product));
	assert_true(err_is(replica_hello_parse(&back, str_cut(body, 0, body.n - 1)), ERR_MALFORMED));
	assert_false(failed(replica_frame_read(str_cut(buf_str(&b), taken, b.n), &type, &body, &taken)));
	assert_int_equal(type, REPLICA_TAKEN);
	/* what is too long, or of no type, is told before its body has come */
	assert_true(err_is(replica_frame_read(STR("\0\0\0\0\x63"), &type, &body, &taken), ERR_MALFORMED));
	assert_true(err_is(replica_frame_read(STR("\1\0\0\0\2"), &type, &body, &taken), ERR_CEILING));
	assert_true(err_is(replica_frame_read(STR("\0\0\x10\0\1"), &type, &body, &taken), ERR_CEILING));
	assert_true(err_is(replica_frame_read(STR("\0\0\0\0\1"), &type, &body, &taken), ERR_MALFORMED));
	assert_true(err_is(replica_frame_read(STR("\xff\xff\xff\xff\1"), &type, &body, &taken), ERR_CEILING));
	buf_fini(&b);
	buf_fini(&hello);
}

static void pieces(void **state)
{
	struct buf b;
	struct replica_piece p = { REPLICA_BEGIN | REPLICA_WHOLE, 9, 10, STR("rows") }, back;
	buf_init(&b, 1024);
	replica_piece_print(&b, &p);
	assert_false(failed(replica_piece_parse(&back, buf_str(&b))));
	assert_true(back.flags == p.flags && back.version == 9 && back.mark == 10 && str_eq(back.rows, p.rows));
	b.p[0] = 8;
	assert_true(err_is(replica_piece_parse(&back, buf_str(&b)), ERR_MALFORMED));
	b.p[0] = REPLICA_WHOLE;
	assert_true(err_is(replica_piece_parse(&back, buf_str(&b)), ERR_MALFORMED));
	for (size_t n = 0; n < 17; n++)
		assert_true(err_is(replica_piece_parse(&back, str_cut(buf_str(&b), 0, n)), ERR_MALFORMED));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(rows_that_are_none),
		cmocka_unit_test(frames),
		cmocka_unit_test(pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
