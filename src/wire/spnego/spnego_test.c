/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/spnego.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SPNEGO   "\x06\x06\x2b\x06\x01\x05\x05\x02"
#define KERBEROS "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define OLD      "\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"
#define NTLM     "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define BYTES(s) ((str){ s, sizeof(s) - 1 })

static struct spnego_message m;
static struct diag d;

/* As curl sends it with MIT krb5: one mechanism, a token of five bytes. */
static const char curl[] = "\x60\x22" SPNEGO "\xa0\x18\x30\x16\xa0\x0d\x30\x0b" KERBEROS "\xa2\x05\x04\x03" "abc";
/* As browsers of Windows do: the old number first, then the other one and NTLM, with flags and a MIC. */
static const char windows[] = "\x60\x46" SPNEGO "\xa0\x3c\x30\x3a\xa0\x24\x30\x22" OLD KERBEROS NTLM "\xa1\x04\x03\x02\x00\x01\xa2\x05\x04\x03" "abc" "\xa3\x05\x04\x03" "mic";

static void messages(void **state)
{
	assert_false(failed(spnego_parse(BYTES(curl), &m, &d)));
	assert_true(m.is_framed && m.mech == SPNEGO_KERBEROS && str_eq(m.token, STR("abc")));
	assert_false(failed(spnego_parse(BYTES(windows), &m, &d)));
	assert_true(m.is_framed && m.mech == SPNEGO_KERBEROS_OLD && str_eq(m.token, STR("abc")));
	assert_false(failed(spnego_parse(BYTES("\x60\x1a" SPNEGO "\xa0\x10\x30\x0e\xa0\x0c\x30\x0a" "\x06\x08\x2b\x06\x01\x04\x01\x82\x37\x02"), &m, &d)));
	assert_true(m.is_framed && m.mech == SPNEGO_OTHER && m.token.n == 0);
	assert_false(failed(spnego_parse(BYTES("\x60\x1c" SPNEGO "\xa0\x12\x30\x10\xa0\x0e\x30\x0c" NTLM), &m, &d)));
	assert_true(m.is_framed && m.mech == SPNEGO_NTLM && m.token.n == 0);
}

static void bare_tokens(void **state)
{
	const str kerberos = BYTES("\x60\x0d" KERBEROS "\x01\x00"), ntlm = BYTES("NTLMSSP\0\1\0\0\0"), other = BYTES("\x60\x05\x06\x01\x2a\x01\x00");
	assert_false(failed(spnego_parse(kerberos, &m, &d)));
	assert_true(!m.is_framed && m.mech == SPNEGO_KERBEROS && str_eq(m.token, kerberos));
	assert_false(failed(spnego_parse(ntlm, &m, &d)));
	assert_true(!m.is_framed && m.mech == SPNEGO_NTLM && str_eq(m.token, ntlm));
	assert_false(failed(spnego_parse(other, &m, &d)));
	assert_true(!m.is_framed && m.mech == SPNEGO_OTHER);
}

/* Cut at every length, and with something behind the end. */
static void what_is_not_whole(void **state)
{
	char more[sizeof windows];
	for (size_t n = 0; n < sizeof windows - 1; n++) {
		d = (struct diag){ 0 };
		assert_true(err_is(spnego_parse((str){ windows, n }, &m, &d), ERR_MALFORMED));
		assert_true(d.what[0] != '\0');
	}
	memcpy(more, windows, sizeof windows);
	assert_true(err_is(spnego_parse((str){ more, sizeof more }, &m, &d), ERR_MALFORMED));
}

static void what_is_none(void **state)
{
	static const str rows[] = {
		BYTES("\x60\x80" SPNEGO),                                            /* no definite length */
		BYTES("\x60\x83\x00\x00\x08" SPNEGO),                                /* a length of three bytes */
		BYTES("\x60\x0e" SPNEGO "\xa0\x04\x30\x02\xa0\x00"),                 /* no list */
		BYTES("\x60\x10" SPNEGO "\xa0\x06\x30\x04\xa0\x02\x30\x00"),         /* an empty one */
		BYTES("\x60\x0a" SPNEGO "\xa1\x00"),                                 /* an answer */
		BYTES("\x60\x22" SPNEGO "\xa0\x18\x30\x16\xa0\x0d\x30\x0b" KERBEROS "\xa2\x05\x05\x03" "abc"), /* its token is no octets */
		BYTES("\x60\x22" SPNEGO "\xa0\x18\x30\x16\xa0\x0d\x30\x0b" KERBEROS "\xa4\x05\x04\x03" "abc"), /* what nobody knows */
		BYTES("\x60\x22" SPNEGO "\xa0\x18\x30\x16\xa0\x0d\x31\x0b" KERBEROS "\xa2\x05\x04\x03" "abc"), /* a set */
		BYTES("opaque"),
	};
	static char many[SPNEGO_MOST + 1] = "NTLMSSP";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(err_is(spnego_parse(rows[i], &m, &d), ERR_MALFORMED));
	assert_true(err_is(spnego_parse((str){ many, sizeof many }, &m, &d), ERR_CEILING));
}

static void too_many_mechanisms(void **state)
{
	struct buf list, all;
	for (size_t n = SPNEGO_MECHS_MAX; n <= SPNEGO_MECHS_MAX + 1; n++) {
		buf_init(&list, 512);
		buf_init(&all, 512);
		for (size_t i = 0; i < n; i++)
			buf_add(&list, BYTES("\x06\x01\x2a"));
		buf_printf(&all, "\x60%c" SPNEGO "\xa0%c\x30%c\xa0%c\x30%c", (int)(list.n + 16), (int)(list.n + 6), (int)(list.n + 4), (int)(list.n + 2), (int)list.n);
		buf_add(&all, buf_str(&list));
		assert_int_equal(failed(spnego_parse(buf_str(&all), &m, &d)), n > SPNEGO_MECHS_MAX);
		buf_fini(&list);
		buf_fini(&all);
	}
}

static void print(const struct spnego_message *of, str token, str want)
{
	struct buf b;
	buf_init(&b, 4096);
	spnego_answer_print(of, token, &b);
	assert_false(b.failed);
	assert_true(str_eq(buf_str(&b), want));
	buf_fini(&b);
}

static void answers(void **state)
{
	print(&(const struct spnego_message){ .is_framed = true, .mech = SPNEGO_KERBEROS }, STR("rep"), BYTES("\xa1\x1b\x30\x19\xa0\x03\x0a\x01\x00\xa1\x0b" KERBEROS "\xa2\x05\x04\x03rep"));
	print(&(const struct spnego_message){ .is_framed = true, .mech = SPNEGO_KERBEROS_OLD }, STR(""), BYTES("\xa1\x14\x30\x12\xa0\x03\x0a\x01\x00\xa1\x0b" OLD));
	print(&(const struct spnego_message){ .is_framed = false, .mech = SPNEGO_KERBEROS }, STR("rep"), STR("rep"));
	print(&(const struct spnego_message){ .is_framed = false, .mech = SPNEGO_KERBEROS }, STR(""), STR(""));
}

/* Lengths of one, two and three bytes; and no memory. */
static void long_answers(void **state)
{
	static char zeros[600];
	const struct spnego_message of = { .is_framed = true, .mech = SPNEGO_KERBEROS };
	for (size_t n = 1; n < sizeof zeros; n++) {
		struct buf b;
		buf_init(&b, 700);
		spnego_answer_print(&of, (str){ zeros, n }, &b);
		assert_true(!b.failed && b.n > n && b.n <= n + SPNEGO_FRAME_MOST);
		size_t head = (uint8_t)b.p[1] < 0x80 ? 2 : (uint8_t)b.p[1] == 0x81 ? 3 : 4;
		size_t length = head == 2 ? (uint8_t)b.p[1] : head == 3 ? (uint8_t)b.p[2] : (size_t)((uint8_t)b.p[2] << 8 | (uint8_t)b.p[3]);
		assert_int_equal(length, b.n - head);
		buf_fini(&b);
	}
	struct buf tight;
	buf_init(&tight, 10);
	spnego_answer_print(&of, STR("rep"), &tight);
	assert_true(tight.failed);
	buf_fini(&tight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(bare_tokens),
		cmocka_unit_test(what_is_not_whole),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(too_many_mechanisms),
		cmocka_unit_test(answers),
		cmocka_unit_test(long_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
