/* SPDX-License-Identifier: Apache-2.0 */
/* Keytabs, marks of tokens, what is no token. Tickets of a KDC: test/scenario/test_kerberos.py. */
#include "service/kerberos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a keytab ---- */

static void number(struct buf *b, uint32_t v, unsigned n)
{
	for (unsigned i = n; i-- != 0;)
		buf_add_char(b, (char)(v >> (8 * i)));
}

static void counted(struct buf *b, const char *s)
{
	number(b, (uint32_t)strlen(s), 2);
	buf_add(b, str_of(s));
}

/* A record of SERVICE/uc01@EXAMPLE.TEST; version 0: only the 8 bits of it, which are 7. */
static void record(struct buf *b, const char *service, unsigned enctype, size_t key, uint32_t version)
{
	struct buf r;
	static const char zeros[64];
	buf_init(&r, 4096);
	number(&r, 2, 2);
	counted(&r, "EXAMPLE.TEST");
	counted(&r, service);
	counted(&r, "uc01");
	number(&r, 1, 4);
	number(&r, 1700000000, 4);
	number(&r, 7, 1);
	number(&r, enctype, 2);
	number(&r, (uint32_t)key, 2);
	buf_add(&r, (str){ zeros, key });
	if (version != 0)
		number(&r, version, 4);
	number(b, (uint32_t)r.n, 4);
	buf_add(b, buf_str(&r));
	buf_fini(&r);
}

static void begin(struct buf *b)
{
	buf_init(b, 1 << 20);
	buf_add(b, (str){ "\5\2", 2 });
}

static void keytabs(void **state)
{
	struct buf b, out;
	struct kerberos_key k[KERBEROS_KEYS_MAX], again[KERBEROS_KEYS_MAX];
	char name[KERBEROS_NAME_MAX + 1], type[32];
	size_t n, n_again;
	begin(&b);
	record(&b, "sip", 18, 32, 300);
	number(&b, (uint32_t)-5, 4);
	buf_add(&b, STR("hole!"));
	record(&b, "sip", 23, 16, 0);
	record(&b, "a/b@c\\", 17, 16, 3);
	record(&b, "sip", 18, 16, 3); /* a key that is too short for its kind */
	number(&b, 0, 4);
	buf_add(&b, STR("what was never used"));
	assert_false(failed(kerberos_keytab_read(buf_str(&b), k, &n, NULL)));
	assert_int_equal(n, 4);
	assert_int_equal(k[0].version, 300);
	assert_int_equal(k[0].made, 1700000000);
	assert_int_equal(k[0].key.n, 32);
	assert_int_equal(k[1].version, 7);
	assert_true(str_eq(kerberos_principal_print(&k[0], name), STR("sip/uc01@EXAMPLE.TEST")));
	assert_true(str_eq(kerberos_principal_print(&k[2], name), STR("a\\/b\\@c\\\\/uc01@EXAMPLE.TEST")));
	assert_string_equal(kerberos_enctype_print(k[0].enctype, type), "aes256-cts-hmac-sha1-96");
	assert_string_equal(kerberos_enctype_print(99, type), "type 99");
	assert_true(kerberos_is_taken(&k[0]) && !kerberos_is_taken(&k[1]) && kerberos_is_taken(&k[2]) && !kerberos_is_taken(&k[3]));
	/* what is kept has only what is taken */
	buf_init(&out, 1 << 20);
	kerberos_keytab_print(k, n, &out);
	assert_false(failed(kerberos_keytab_read(buf_str(&out), again, &n_again, NULL)));
	assert_int_equal(n_again, 2);
	assert_int_equal(again[0].version, 300);
	assert_int_equal(again[1].version, 3);
	buf_fini(&out);
	buf_fini(&b);
}

static void broken_keytabs(void **state)
{
	struct kerberos_key k[KERBEROS_KEYS_MAX];
	struct diag d;
	struct buf b;
	size_t n;
	static const str bad[] = { { "", 0 }, { "\5", 1 }, { "\5\1", 2 }, { "\5\2\0\0\0\1", 6 }, { "\5\2\0\0", 4 }, { "\5\2\x80\0\0\0", 6 },
		{ "\5\2\0\0\0\4\0\0\0\0", 10 }, { "\5\2\0\0\0\2\0\1", 8 }, { "\5\2\0\0\0\4\0\1\xff\xff", 10 } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(err_is(kerberos_keytab_read(bad[i], k, &n, &d), ERR_MALFORMED));
	begin(&b);
	record(&b, "sip", 18, 32, 2);
	for (size_t cut = 3; cut < b.n; cut++) /* whatever is missing at the end, but for the longer version, which may be */
		assert_int_equal(failed(kerberos_keytab_read((str){ b.p, cut }, k, &n, &d)), true);
	buf_fini(&b);
	begin(&b);
	record(&b, "s\np", 18, 32, 2);
	assert_true(err_is(kerberos_keytab_read(buf_str(&b), k, &n, &d), ERR_MALFORMED));
	buf_fini(&b);
	begin(&b);
	for (int i = 0; i <= KERBEROS_KEYS_MAX; i++)
		record(&b, "sip", 18, 32, 2);
	assert_true(err_is(kerberos_keytab_read(buf_str(&b), k, &n, &d), ERR_CEILING));
	assert_int_equal(n, KERBEROS_KEYS_MAX);
	buf_fini(&b);
}

static void rows(void **state)
{
	struct kerberos_key k[KERBEROS_KEYS_MAX];
	struct kerberos_row r;
	struct buf b, text;
	size_t n;
	begin(&b);
	record(&b, "sip", 18, 32, 2);
	record(&b, "HTTP", 23, 16, UINT32_MAX);
	assert_false(failed(kerberos_keytab_read(buf_str(&b), k, &n, NULL)));
	buf_init(&text, KERBEROS_ROWS_MAX);
	kerberos_rows_print(k, n, &text);
	str rest = buf_str(&text);
	assert_true(kerberos_row_take(&rest, &r));
	assert_true(str_eq(r.principal, STR("sip/uc01@EXAMPLE.TEST")) && r.version == 2 && r.enctype == 18 && r.made == 1700000000 && r.is_taken);
	assert_true(kerberos_row_take(&rest, &r));
	assert_true(r.version == UINT32_MAX && !r.is_taken);
	assert_false(kerberos_row_take(&rest, &r));
	rest = STR("sip/uc01@EXAMPLE.TEST\tx\t1\t1\t1\n");
	assert_false(kerberos_row_take(&rest, &r));
	rest = STR("sip/uc01@EXAMPLE.TEST\t4294967296\t1\t1\t1\n");
	assert_false(kerberos_row_take(&rest, &r));
	buf_fini(&text);
	buf_fini(&b);
}

/* ---- tokens ---- */

#define OID "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"

static void tokens(void **state)
{
	static const struct {
		str token;
		bool is;
	} cases[] = {
		{ STR("\x60\x11" OID "\x01\x00\x6e\x82\x01\x02"), true },
		{ STR("\x60\x81\x11" OID "\x01\x00\x6e\x82\x01\x02"), true },
		{ { "\x60\x82\x00\x11" OID "\x01\x00\x6e\x82\x01\x02", 21 }, true },
		{ { "\x60\x12" OID "\x01\x00\x6e\x82\x01\x02", 19 }, false },           /* one byte is missing */
		{ { "\x60\x10" OID "\x01\x00\x6e\x82\x01\x02", 19 }, false },           /* one is too many */
		{ { "\x60\x80" OID "\x01\x00\x6e\x82\x01\x02", 19 }, false },           /* no length */
		{ { "\x60\x83\x00\x00\x11" OID "\x01\x00\x6e\x82\x01\x02", 22 }, false }, /* longer than any may be */
		{ { "\x60\x11" OID "\x02\x00\x6e\x82\x01\x02", 19 }, false },           /* an answer */
		{ { "\x60\x11" OID "\x01\x00\x6f\x82\x01\x02", 19 }, false },
		{ { "\x60\x0e" OID "\x01\x00\x6e", 16 }, false }, /* nothing in it */
		{ { "\x60\x06\x06\x06\x2b\x06\x01\x05\x05\x02", 10 }, false }, /* SPNEGO */
		{ { "\x60", 1 }, false },
		{ { "", 0 }, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (kerberos_is_token((str){ cases[i].token.p, cases[i].token.n }) != cases[i].is)
			fail_msg("case %zu", i);
}

static void each_token_once(void **state)
{
	struct kerberos_replays *r;
	uint8_t mark[32] = { 0 };
	assert_false(failed(kerberos_replays_new(&r)));
	assert_false(failed(kerberos_replays_add(r, mark, 1000)));
	assert_true(err_is(kerberos_replays_add(r, mark, 1000), ERR_REFUSED));
	assert_true(err_is(kerberos_replays_add(r, mark, 1000 + KERBEROS_REPLAY_MS - 1), ERR_REFUSED));
	assert_false(failed(kerberos_replays_add(r, mark, 1000 + KERBEROS_REPLAY_MS)));
	for (uint32_t i = 1; i < KERBEROS_REPLAYS_MAX; i++) {
		memcpy(mark, &i, sizeof i);
		assert_false(failed(kerberos_replays_add(r, mark, 700000)));
	}
	mark[31] = 1;
	assert_true(err_is(kerberos_replays_add(r, mark, 700000), ERR_BUSY));
	assert_false(failed(kerberos_replays_add(r, mark, 700000 + 2 * KERBEROS_REPLAY_MS)));
	kerberos_replays_free(r);
}

static void who_judges(void **state)
{
	struct kerberos_key k[KERBEROS_KEYS_MAX];
	struct kerberos_acceptor *a, *b;
	struct kerberos_replays *r;
	struct kerberos_proof p;
	struct kerberos_session *s;
	struct diag d;
	struct buf file;
	size_t n;
	kerberos_init();
	begin(&file);
	record(&file, "sip", 23, 16, 2);
	assert_false(failed(kerberos_keytab_read(buf_str(&file), k, &n, NULL)));
	assert_true(err_is(kerberos_acceptor_open(k, n, &a, &d), ERR_ABSENT));
	assert_non_null(strstr(d.remedy, "AES"));
	record(&file, "sip", 18, 32, 2);
	assert_false(failed(kerberos_keytab_read(buf_str(&file), k, &n, NULL)));
	assert_false(failed(kerberos_acceptor_open(k, n, &a, &d)));
	assert_false(failed(kerberos_acceptor_open(k, n, &b, &d))); /* one takes the place of another */
	kerberos_acceptor_close(a);
	assert_false(failed(kerberos_replays_new(&r)));
	assert_true(err_is(kerberos_accept(b, r, &(struct kerberos_shown){ STR("sip/uc01"), STR("NTLMSSP"), false }, 0, &p, &d), ERR_REFUSED));
	assert_true(err_is(kerberos_accept(b, r, &(struct kerberos_shown){ STR("sip/uc01"), STR("\x60\x11" OID "\x01\x00\x6e\x82\x01\x02"), true }, 0, &p, &d), ERR_REFUSED));
	assert_int_not_equal(d.what[0], '\0');
	assert_int_equal(p.context.n, 0);
	kerberos_replays_free(r);
	kerberos_acceptor_close(b);
	assert_true(err_is(kerberos_session_open(STR(""), &s), ERR_MALFORMED));
	assert_true(err_is(kerberos_session_open(STR("0123456789abcdef0123456789abcdef"), &s), ERR_MALFORMED));
	buf_fini(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keytabs),
		cmocka_unit_test(broken_keytabs),
		cmocka_unit_test(rows),
		cmocka_unit_test(tokens),
		cmocka_unit_test(each_token_once),
		cmocka_unit_test(who_judges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
