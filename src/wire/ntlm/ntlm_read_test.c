/* SPDX-License-Identifier: Apache-2.0 */
/* Messages cut, bent and forged; and exchanges with a client that is written here. */
#include "wire/ntlm/ntlm_test.h"

/* curl 7.88 over HTTP: user ann of EXAMPLE, "secret words"; it offers no Unicode. */
static const char curl1_hex[] =
	"4e544c4d53535000010000000682080000000000000000000000000000000000";
static const char curl3_hex[] =
	"4e544c4d53535000030000001800180040000000a400a4005800000007000700fc00000003000300030100000b000b000601000000000000"
	"0000000006828900347a8bfff209ecf223d526f0c341dccbff2b61d66c4b2d79c0d06bb97762e8038993870c7777def00101000000000000"
	"809da8f44d7cdd01ff2b61d66c4b2d790000000002000e004500580041004d0050004c00450001000a00460052004f004e00540004001800"
	"6500780061006d0070006c0065002e00740065007300740003002400660072006f006e0074002e006500780061006d0070006c0065002e00"
	"7400650073007400070008000080336bc6a4dd0100000000000000004558414d504c45616e6e574f524b53544154494f4e";

static struct crypt *crypt;
static struct sheet type1, type2, type3;
static struct ntlm_authenticate parsed;
static struct diag diag;

static int set_up(void **state)
{
	crypt = crypt_ready();
	return 0;
}

static int tear_down(void **state)
{
	crypt_free(crypt);
	return 0;
}

static const struct ntlm_challenge asked = { .flags = NTLM_FLAGS_SIP, .random = { 1, 2, 3, 4, 5, 6, 7, 8 }, .timestamp = 134445888000000000,
	.domain = STR("EXAMPLE"), .computer = STR("FRONT"), .dns_domain = STR("example.test"), .dns_computer = STR("front.example.test") };

static void print_challenge(struct ntlm_challenge t, uint32_t flags)
{
	struct buf b;
	buf_init(&b, NTLM_MOST);
	t.flags = flags;
	assert_false(failed(ntlm_challenge_print(&t, &b)));
	type2 = (struct sheet){ .n = b.n };
	memcpy(type2.bytes, b.p, b.n);
	buf_fini(&b);
}

/* ---- the client ---- */

struct client {
	const char *user, *domain, *hashed_domain, *password;
	uint32_t flags;
	bool has_mic, without_pairs, is_nobody; /* by a hash of zeros, which no password has */
	uint8_t session[16]; /* what it signs by */
};

static const struct client ann = { "ann", "EXAMPLE", "EXAMPLE", "secret words", NTLM_FLAGS_SIP, false, false, false, { 0 } };

/* Proof and what it covers, by the Type 2: its pairs, and the flag of a MIC behind them. */
static size_t make_response(const struct client *c, uint8_t *out, uint8_t owf[16])
{
	uint8_t hash[16], proof[16];
	str pairs;
	uint8_t *blob = out + PROOF;
	size_t n = BLOB_PAIRS;
	assert_true(ntlm_field(sheet_str(&type2), T2_PAIRS, T2_HEADER, &pairs));
	memset(blob, 0, BLOB_PAIRS);
	blob[0] = blob[1] = 1;
	memset(blob + 16, 0xaa, 8);
	if (!c->without_pairs) {
		memcpy(blob + n, pairs.p, pairs.n - 4);
		n += pairs.n - 4;
	}
	if (c->has_mic) {
		memcpy(blob + n, "\6\0\4\0\2\0\0\0", 8);
		n += 8;
	}
	memset(blob + n, 0, 4);
	n += 4;
	assert_false(failed(ntlm_hash(crypt, str_of(c->password), hash)));
	if (c->is_nobody)
		memset(hash, 0, sizeof hash);
	assert_false(failed(ntlm_owf(crypt, hash, c->user, c->hashed_domain, owf)));
	crypt_mac_md5(crypt, (str){ (char *)owf, 16 }, (str[]){ { (char *)type2.bytes + T2_RANDOM, 8 }, { (char *)blob, n } }, 2, proof);
	memcpy(out, proof, PROOF);
	return PROOF + n;
}

static void answer(struct client *c)
{
	uint8_t response[NTLM_MOST], owf[16], base[16], key[16], mic[16];
	size_t n = make_response(c, response, owf);
	crypt_mac_md5(crypt, (str){ (char *)owf, 16 }, &(str){ (char *)response, PROOF }, 1, base);
	bool exchanged = (c->flags & NTLM_KEY_EXCH) != 0;
	memset(c->session, 0x55, 16);
	if (!exchanged)
		memcpy(c->session, base, 16);
	assert_false(failed(crypt_rc4(crypt, base, c->session, 16, key)));
	sheet_begin(&type3, 3, c->has_mic ? T3_WITH_MIC : T3_MIC);
	sheet_name(&type3, T3_DOMAIN, c->domain);
	sheet_name(&type3, T3_USER, c->user);
	sheet_name(&type3, T3_WORKSTATION, "DESK");
	sheet_field(&type3, T3_NT, response, n);
	sheet_field(&type3, T3_KEY, key, exchanged ? 16 : 0);
	sheet_number(&type3, T3_FLAGS, c->flags, 4);
	if (!c->has_mic)
		return;
	crypt_mac_md5(crypt, (str){ (char *)c->session, 16 }, (str[]){ sheet_str(&type1), sheet_str(&type2), sheet_str(&type3) }, 3, mic);
	memcpy(type3.bytes + T3_MIC, mic, 16);
}

static err check(const char *password, uint8_t session[16])
{
	uint8_t hash[16];
	if (password != NULL)
		assert_false(failed(ntlm_hash(crypt, str_of(password), hash)));
	return ntlm_check(crypt, &parsed, sheet_str(&type1), sheet_str(&type2), password != NULL ? hash : NULL, session);
}

/* Answers with which err the whole ended; a refusal leaves no key. */
static err exchange(struct client c, const char *password)
{
	static const uint8_t zero[16];
	uint8_t session[16];
	answer(&c);
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag)));
	assert_int_equal(parsed.has_mic, c.has_mic);
	err e = check(password, session);
	assert_memory_equal(session, failed(e) ? zero : c.session, 16);
	return e;
}

/* ---- exchanges ---- */

static void test_sign_in(void **state)
{
	struct client c = ann;
	type1.n = 0;
	print_challenge(asked, NTLM_FLAGS_SIP);
	assert_false(failed(exchange(c, "secret words")));
	assert_string_equal(parsed.user, "ann");
	assert_string_equal(parsed.domain, "EXAMPLE");
	assert_string_equal(parsed.workstation, "DESK");
	assert_true(err_is(exchange(c, "Secret words"), ERR_REFUSED));
	assert_true(err_is(exchange(c, NULL), ERR_REFUSED));
	c.is_nobody = true; /* what stands in for the hash of an unknown user opens nothing */
	assert_true(err_is(exchange(c, NULL), ERR_REFUSED));
	c = ann;
	c.user = "ann@example.test";
	c.domain = c.hashed_domain = "";
	assert_false(failed(exchange(c, "secret words")));
	c = ann;
	c.hashed_domain = ""; /* names a domain and leaves it out of the hash */
	assert_false(failed(exchange(c, "secret words")));
	c.hashed_domain = "OTHER";
	assert_true(err_is(exchange(c, "secret words"), ERR_REFUSED));
	c = ann;
	c.user = "j\xc3\xbcrgen";
	assert_false(failed(exchange(c, "secret words")));
	assert_string_equal(parsed.user, "j\xc3\xbcrgen");
}

static void test_another_challenge(void **state)
{
	struct ntlm_challenge other = asked;
	struct client c = ann;
	uint8_t session[16];
	type1.n = 0;
	print_challenge(asked, NTLM_FLAGS_SIP);
	answer(&c);
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag)));
	other.random[7]++;
	print_challenge(other, NTLM_FLAGS_SIP);
	assert_true(err_is(check("secret words", session), ERR_REFUSED));
	other = asked;
	other.timestamp++;
	print_challenge(other, NTLM_FLAGS_SIP);
	assert_true(err_is(check("secret words", session), ERR_REFUSED));
	print_challenge(asked, NTLM_FLAGS_SIP);
	assert_false(failed(check("secret words", session)));
	c.without_pairs = true; /* somebody took them out on the way */
	assert_true(err_is(exchange(c, "secret words"), ERR_REFUSED));
}

/* Signatures may not become weaker than what was sent. */
static void test_weaker(void **state)
{
	static const uint32_t needed[] = { NTLM_SIGN, NTLM_ESS, NTLM_128, NTLM_KEY_EXCH };
	type1.n = 0;
	print_challenge(asked, NTLM_FLAGS_SIP);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		struct client c = ann;
		c.flags &= ~needed[i];
		assert_true(err_is(exchange(c, "secret words"), ERR_REFUSED));
	}
	struct client c = ann;
	uint8_t session[16];
	answer(&c);
	sheet_number(&type3, T3_KEY, 15, 2); /* a key to be exchanged that is none */
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag)));
	assert_true(err_is(check("secret words", session), ERR_REFUSED));
}

static void test_mic(void **state)
{
	struct client c = ann;
	uint8_t session[16];
	sheet_hex(&type1, curl1_hex);
	c.has_mic = true;
	c.flags = ntlm_flags_http(NTLM_UNICODE | NTLM_ESS | NTLM_128 | NTLM_ALWAYS_SIGN);
	print_challenge(asked, c.flags);
	assert_false(failed(exchange(c, "secret words")));
	type1.bytes[T1_FLAGS] ^= 0x40; /* the offer was changed on the way */
	assert_true(err_is(check("secret words", session), ERR_REFUSED));
	type1.bytes[T1_FLAGS] ^= 0x40;
	for (size_t i = 0; i < type3.n; i++) { /* the whole Type 3 is covered */
		type3.bytes[i] ^= 1;
		err e = ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag);
		assert_true(failed(e) || failed(check("secret words", session)));
		type3.bytes[i] ^= 1;
	}
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag)));
	assert_false(failed(check("secret words", session)));
	/* in SIP, over the Type 2 and 3 */
	type1.n = 0;
	c.flags = NTLM_FLAGS_SIP;
	print_challenge(asked, c.flags);
	assert_false(failed(exchange(c, "secret words")));
	/* a field where the MIC stands */
	sheet_number(&type3, T3_WORKSTATION, 8, 2);
	sheet_number(&type3, T3_WORKSTATION + 4, T3_MIC, 4);
	assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_MALFORMED));
}

static void test_curl(void **state)
{
	struct ntlm_negotiate n;
	uint8_t session[16];
	sheet_hex(&type1, curl1_hex);
	assert_false(failed(ntlm_negotiate_parse(sheet_str(&type1), &n, &diag)));
	assert_int_equal(n.flags & (NTLM_UNICODE | NTLM_OEM | NTLM_ESS), NTLM_OEM | NTLM_ESS);
	struct ntlm_challenge t = asked;
	t.timestamp = ntlm_time(UINT64_C(1800000000000));
	print_challenge(t, ntlm_flags_http(n.flags));
	sheet_hex(&type3, curl3_hex);
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag)));
	assert_string_equal(parsed.user, "ann");
	assert_string_equal(parsed.domain, "EXAMPLE");
	assert_false(failed(check("secret words", session)));
	assert_true(err_is(check("secret word", session), ERR_REFUSED));
}

static void test_without_library(void **state)
{
	struct crypt *bare;
	struct ntlm_keys k;
	uint8_t out[16], hash[16] = { 0 };
	assert_false(failed(crypt_new(&bare)));
	sheet_hex(&type2, type2_hex);
	sheet_hex(&type3, type3_hex);
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag)));
	assert_true(err_is(ntlm_hash(bare, STR("x"), out), ERR_NO_LEGACY));
	assert_true(err_is(ntlm_check(bare, &parsed, STR(""), sheet_str(&type2), hash, out), ERR_NO_LEGACY));
	ntlm_keys_init(&k, bare, hash);
	assert_true(err_is(ntlm_mac(bare, &k, NTLM_SERVER, NTLM_SEQUENCE, STR("x"), out), ERR_NO_LEGACY));
	assert_false(ntlm_mac_is(bare, &k, NTLM_SERVER, NTLM_SEQUENCE, STR("x"), STR("00000000000000000000000000000000")));
	crypt_free(bare);
}

/* ---- reading ---- */

static void test_cut(void **state)
{
	struct ntlm_negotiate n;
	sheet_hex(&type3, type3_hex);
	for (size_t cut = 0; cut < type3.n; cut++) {
		assert_true(err_is(ntlm_authenticate_parse(str_cut(sheet_str(&type3), 0, cut), &parsed, &diag), ERR_MALFORMED));
		assert_null(parsed.raw.p);
	}
	sheet_begin(&type1, 1, T1_HEADER);
	sheet_field(&type1, T1_DOMAIN, "EXAMPLE", 7);
	sheet_field(&type1, T1_WORKSTATION, "DESK", 4);
	for (size_t cut = 0; cut < type1.n; cut++)
		assert_int_equal(failed(ntlm_negotiate_parse(str_cut(sheet_str(&type1), 0, cut), &n, &diag)), cut != T1_LEAST);
	assert_false(failed(ntlm_negotiate_parse(sheet_str(&type1), &n, &diag)));
	assert_true(str_eq(n.domain, STR("EXAMPLE")) && str_eq(n.workstation, STR("DESK")));
	sheet_number(&type1, T1_WORKSTATION + 4, T1_HEADER + 6, 4); /* over the domain's last letter */
	assert_true(err_is(ntlm_negotiate_parse(sheet_str(&type1), &n, &diag), ERR_MALFORMED));
	assert_int_equal(n.domain.n + n.workstation.n, 0);
	type1.n = NTLM_MOST;
	static char large[NTLM_MOST + 1];
	memcpy(large, type3.bytes, type3.n);
	assert_true(err_is(ntlm_authenticate_parse((str){ large, sizeof large }, &parsed, &diag), ERR_CEILING));
	assert_false(failed(ntlm_authenticate_parse((str){ large, NTLM_MOST }, &parsed, &diag)));
}

/* Every field, put where it may not be. */
static void test_fields(void **state)
{
	static const size_t fields[] = { T3_LM, T3_NT, T3_DOMAIN, T3_USER, T3_WORKSTATION, T3_KEY };
	static const uint32_t offsets[] = { 0, 12, T3_HEADER - 1, 353, 0x7fffffff, 0xffffffff, 0xfffffff0 };
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
			sheet_hex(&type3, type3_hex);
			sheet_number(&type3, fields[i] + 4, offsets[k], 4);
			assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_MALFORMED));
		}
		sheet_hex(&type3, type3_hex);
		sheet_number(&type3, fields[i], 0xffff, 2);
		assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_MALFORMED));
		sheet_hex(&type3, type3_hex); /* one over the next */
		sheet_number(&type3, fields[i] + 4, get_number(sheet_str(&type3), fields[(i + 1) % 6] + 4, 4), 4);
		assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_MALFORMED));
	}
}

static err parse_response(const void *p, size_t n)
{
	sheet_begin(&type3, 3, T3_HEADER);
	sheet_name(&type3, T3_USER, "ann");
	sheet_field(&type3, T3_LM, (const char[24]){ 1 }, 24);
	sheet_field(&type3, T3_NT, p, n);
	sheet_number(&type3, T3_FLAGS, NTLM_FLAGS_SIP, 4);
	diag = (struct diag){ 0 };
	return ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag);
}

static void test_other_responses(void **state)
{
	uint8_t response[PROOF + BLOB_PAIRS + 16] = { 0 };
	response[PROOF] = response[PROOF + 1] = 1;
	assert_true(err_is(parse_response(response, 0), ERR_REFUSED));
	assert_true(err_is(parse_response(response, 24), ERR_REFUSED));
	assert_non_null(strstr(diag.what, "NTLMv1"));
	assert_non_null(strstr(diag.remedy, "LmCompatibilityLevel"));
	for (size_t n = 1; n < PROOF + BLOB_PAIRS; n++)
		assert_true(n == 24 || err_is(parse_response(response, n), ERR_MALFORMED));
	assert_false(failed(parse_response(response, PROOF + BLOB_PAIRS)));
	assert_int_equal(parsed.pairs.n, 0);
	for (size_t n = 1; n < 4; n++)
		assert_true(err_is(parse_response(response, PROOF + BLOB_PAIRS + n), ERR_MALFORMED));
	response[PROOF] = 2;
	assert_true(err_is(parse_response(response, sizeof response), ERR_REFUSED));
}

static void test_pairs(void **state)
{
	uint8_t response[PROOF + BLOB_PAIRS + 100] = { 0 };
	str value;
	char name[32];
	uint8_t *p = response + PROOF + BLOB_PAIRS;
	response[PROOF] = response[PROOF + 1] = 1;
	response[PROOF + BLOB_TIME] = 5;
	memcpy(p, "\x09\0\x06\0s\0i\0p\0\x0a\0\x02\0bb\x06\0\4\0\1\0\0\0\0\0\0\0junk", 32);
	assert_false(failed(parse_response(response, sizeof response)));
	assert_int_equal(parsed.timestamp, 5);
	assert_int_equal(parsed.pairs.n, 28);
	assert_false(parsed.has_mic);
	assert_true(ntlm_pair_find(parsed.pairs, NTLM_PAIR_TARGET, &value));
	assert_false(failed(ntlm_text_read(value, name, sizeof name)));
	assert_string_equal(name, "sip");
	assert_true(ntlm_pair_find(parsed.pairs, NTLM_PAIR_BINDINGS, &value));
	assert_true(str_eq(value, STR("bb")));
	assert_false(ntlm_pair_find(parsed.pairs, NTLM_PAIR_TIMESTAMP, &value));
	assert_false(ntlm_pair_find(parsed.pairs, NTLM_PAIR_END, &value));
	p[2] = 0xff; /* longer than everything */
	p[3] = 0xff;
	assert_true(err_is(parse_response(response, sizeof response), ERR_MALFORMED));
	p[2] = 6;
	p[3] = 0;
	p[18] = 3; /* flags of three bytes */
	assert_true(err_is(parse_response(response, sizeof response), ERR_MALFORMED));
}

static void test_names(void **state)
{
	static const struct {
		const char *utf16;
		size_t n;
		const char *text; /* NULL: refused */
	} rows[] = {
		{ "a\0", 2, "a" }, { "a\0b", 3, NULL }, { "\0\0", 2, NULL }, { "\n\0", 2, NULL }, { "\x7f\0", 2, NULL }, { "\x85\0", 2, NULL },
		{ "\xfc\0", 2, "\xc3\xbc" }, { "\x3d\xd8\0\xde", 4, "\xf0\x9f\x98\x80" }, { "\x3d\xd8", 2, NULL }, { "\x3d\xd8\x3d\xd8", 4, NULL },
		{ "\0\xde", 2, NULL }, { "\xff\xff", 2, "\xef\xbf\xbf" }, { "", 0, "" },
	};
	char out[NTLM_NAME_MOST + 1], small[3];
	uint8_t units[8];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		err e = ntlm_text_read((str){ rows[i].utf16, rows[i].n }, out, sizeof out);
		assert_int_equal(failed(e), rows[i].text == NULL);
		assert_string_equal(out, rows[i].text != NULL ? rows[i].text : "");
		size_t n = sizeof units;
		if (rows[i].text == NULL)
			continue;
		assert_false(failed(ntlm_text_write(str_of(rows[i].text), units, &n)));
		assert_int_equal(n, rows[i].n);
		assert_memory_equal(units, rows[i].utf16, n);
	}
	assert_true(err_is(ntlm_text_read((str){ "a\0b\0c\0", 6 }, small, sizeof small), ERR_CEILING));
	size_t n = 3;
	assert_true(err_is(ntlm_text_write(STR("ab"), units, &n), ERR_CEILING));
	n = sizeof units;
	assert_true(err_is(ntlm_text_write(STR("a\xc3"), units, &n), ERR_MALFORMED));
}

static void test_bad_names(void **state)
{
	char large[2 * NTLM_NAME_MOST + 2];
	struct buf b;
	struct ntlm_challenge t = asked;
	sheet_hex(&type3, type3_hex);
	sheet_number(&type3, T3_USER, 0, 2);
	assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_REFUSED));
	sheet_hex(&type3, type3_hex);
	sheet_number(&type3, T3_FLAGS, NTLM_OEM, 4); /* UTF-16 where it should be ASCII */
	assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_MALFORMED));
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = i % 2 == 0 ? 'x' : '\0';
	sheet_hex(&type3, type3_hex);
	sheet_field(&type3, T3_USER, large, sizeof large);
	assert_true(err_is(ntlm_authenticate_parse(sheet_str(&type3), &parsed, &diag), ERR_CEILING));
	buf_init(&b, NTLM_MOST);
	t.computer = STR("front\xff");
	assert_true(err_is(ntlm_challenge_print(&t, &b), ERR_MALFORMED));
	t.computer = (str){ large, NTLM_NAME_MOST + 1 };
	assert_true(err_is(ntlm_challenge_print(&t, &b), ERR_CEILING));
	buf_fini(&b);
}

static void test_flags(void **state)
{
	assert_int_equal(NTLM_FLAGS_SIP, 0x62998255);
	/* what a client of the dialect offers for HTTP, and more */
	assert_int_equal(ntlm_flags_http(0xffffffff), 0x22898205);
	assert_int_equal(ntlm_flags_http(0) & (NTLM_UNICODE | NTLM_OEM), NTLM_OEM);
	assert_int_equal(ntlm_type(STR("NTLMSSP\0\1\0\0\0")), 1);
	assert_int_equal(ntlm_type(STR("NTLMSSP\0\4\0\0\0")), 0);
	assert_int_equal(ntlm_type(STR("NTLMSSP\0\1\0\0")), 0);
	assert_int_equal(ntlm_type(STR("NTLMSSPx\1\0\0\0")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_in),
		cmocka_unit_test(test_another_challenge),
		cmocka_unit_test(test_weaker),
		cmocka_unit_test(test_mic),
		cmocka_unit_test(test_curl),
		cmocka_unit_test(test_without_library),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_other_responses),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_flags),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
