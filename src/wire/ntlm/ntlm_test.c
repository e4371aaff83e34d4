/* SPDX-License-Identifier: Apache-2.0 */
/* Values published with the protocol ([MS-NLMP] 4.2.4, davenport's) and a real exchange, computed again. */
#include "wire/ntlm/ntlm_test.h"

#include <locale.h>
#include <stdlib.h>
#include <wctype.h>

static struct crypt *crypt;

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

static void from_hex(const char *hex, uint8_t *out)
{
	assert_false(failed(enc_hex_read(str_of(hex), out, strlen(hex) / 2)));
}

static void test_hash(void **state)
{
	uint8_t hash[16], long_one[NTLM_NAME_MOST + 1];
	assert_false(failed(ntlm_hash(crypt, STR("Password"), hash)));
	assert_hex(hash, 16, "a4f49c406510bdcab6824ee7c30fd852");
	assert_false(failed(ntlm_hash(crypt, STR(""), hash)));
	assert_hex(hash, 16, "31d6cfe0d16ae931b73c59d7e0c089c0");
	assert_true(err_is(ntlm_hash(crypt, STR("p\xff"), hash), ERR_MALFORMED));
	assert_hex(hash, 16, "00000000000000000000000000000000");
	memset(long_one, 'x', sizeof long_one);
	assert_false(failed(ntlm_hash(crypt, (str){ (char *)long_one, NTLM_NAME_MOST }, hash)));
	assert_true(err_is(ntlm_hash(crypt, (str){ (char *)long_one, NTLM_NAME_MOST + 1 }, hash), ERR_CEILING));
}

/* [MS-NLMP] 4.2.4: User of Domain, Password, time 0, client challenge aa, session key 55. */
static void test_published_proof(void **state)
{
	static const char pairs[] = "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";
	uint8_t hash[16], owf[16], blob[BLOB_PAIRS + sizeof pairs / 2 + 4] = { 1, 1 }, out[16], key[16];
	assert_false(failed(ntlm_hash(crypt, STR("Password"), hash)));
	assert_false(failed(ntlm_owf(crypt, hash, "User", "Domain", owf)));
	assert_hex(owf, 16, "0c868a403bfd7a93a3001ef22ef02e3f");
	memset(blob + 16, 0xaa, 8);
	from_hex(pairs, blob + BLOB_PAIRS);
	str parts[] = { STR("\x01\x23\x45\x67\x89\xab\xcd\xef"), { (char *)blob, sizeof blob } };
	crypt_mac_md5(crypt, (str){ (char *)owf, 16 }, parts, 2, out);
	assert_hex(out, 16, "68cd0ab851e51c96aabc927bebef6a1c");
	/* the LMv2 response, which nobody looks at: both challenges alone */
	crypt_mac_md5(crypt, (str){ (char *)owf, 16 }, (str[]){ parts[0], { (char *)blob + 16, 8 } }, 2, key);
	assert_hex(key, 16, "86c35097ac9cec102554764a57cccc19");
	crypt_mac_md5(crypt, (str){ (char *)owf, 16 }, &(str){ (char *)out, 16 }, 1, key);
	assert_hex(key, 16, "8de40ccadbc14a82f15cb0ad0de95ca3");
	memset(out, 0x55, sizeof out);
	assert_false(failed(crypt_rc4(crypt, key, out, 16, out)));
	assert_hex(out, 16, "c5dad2544fc9799094ce1ce90bc9d03e");
}

static void test_published_keys(void **state)
{
	static const char plain[] = "P\0l\0a\0i\0n\0t\0e\0x\0t";
	uint8_t session[16], out[16], sealed[sizeof plain];
	struct ntlm_keys k;
	memset(session, 0x55, sizeof session);
	ntlm_keys_init(&k, crypt, session);
	assert_hex(k.sign[NTLM_CLIENT], 16, "4788dc861b4782f35d43fd98fe1a2d39");
	assert_hex(k.seal[NTLM_CLIENT], 16, "59f600973cc4960a25480a7c196e4c58");
	assert_false(failed(crypt_rc4(crypt, k.seal[NTLM_CLIENT], (const uint8_t *)plain, sizeof plain, sealed)));
	assert_hex(sealed, sizeof sealed, "54e50165bf1936dc996020c1811b0f06fb5f");
	ntlm_checksum(crypt, k.sign[NTLM_CLIENT], 0, (str){ plain, sizeof plain }, out);
	assert_hex(out, 8, "70352851f2564309");
	/* davenport's: key and text of another writer */
	from_hex("0102030405060708090a0b0c0d0e0f00", session);
	ntlm_keys_init(&k, crypt, session);
	assert_hex(k.sign[NTLM_CLIENT], 16, "f7f97a82ec390f9c903dac4f6aceb132");
	ntlm_checksum(crypt, k.sign[NTLM_CLIENT], 0, STR("jCIFS"), out);
	assert_hex(out, 8, "0a003602317a759a");
	ntlm_keys_fini(&k);
	for (size_t i = 0; i < sizeof k; i++)
		assert_int_equal(((const uint8_t *)&k)[i], 0);
}

/* ---- the real exchange ---- */

static const char client_buffer[] =
	"<NTLM><13317733><1><SIP Communications Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd57a4b14><3><REGISTER>"
	"<sip:user@cosmo.local><3e49177a52><sip:user@cosmo.local><><><><>";
static const char server_buffer[] =
	"<NTLM><9616454F><1><SIP Communications Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd57a4b14><3><REGISTER>"
	"<sip:user@cosmo.local><3e49177a52><sip:user@cosmo.local><5E61CCD925D17E043D9A74835A88F664><><><7200><200>";

static void test_real_challenge(void **state)
{
	const struct ntlm_challenge t = { .flags = 0xe29882f3, .random = { 0xdd, 0x1b, 0xaa, 0xf4, 0xe7, 0xe2, 0x18, 0xd1 },
		.version = { 5, 2, 0xce, 0x0e, 0, 0, 0, 15 }, .domain = STR("COSMO"), .computer = STR("COSMO-OCS-R2"),
		.dns_domain = STR("cosmo.local"), .dns_computer = STR("cosmo-ocs-r2.cosmo.local"), .dns_forest = STR("cosmo.local") };
	struct sheet expected;
	struct buf b;
	sheet_hex(&expected, type2_hex);
	buf_init(&b, 4096);
	buf_add(&b, STR("before"));
	assert_false(failed(ntlm_challenge_print(&t, &b)));
	assert_int_equal(b.n, 6 + expected.n);
	assert_memory_equal(b.p + 6, expected.bytes, expected.n);
	/* every smaller ceiling is told, and leaves what was there */
	for (size_t ceiling = 6; ceiling < 6 + expected.n; ceiling++) {
		buf_fini(&b);
		buf_init(&b, ceiling);
		buf_add(&b, STR("before"));
		assert_true(err_is(ntlm_challenge_print(&t, &b), ERR_CEILING));
		assert_int_equal(b.n, 6);
	}
	buf_fini(&b);
}

static void test_real_exchange(void **state)
{
	static struct sheet type2, type3;
	static struct ntlm_authenticate a;
	uint8_t hash[16], owf[16], session[16], mac[16];
	struct ntlm_keys k;
	struct diag d = { 0 };
	sheet_hex(&type2, type2_hex);
	sheet_hex(&type3, type3_hex);
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &a, &d)));
	assert_int_equal(a.flags, 0x62988255);
	assert_string_equal(a.user, "User");
	assert_string_equal(a.domain, "COSMO");
	assert_string_equal(a.workstation, "COSMO-OCS-R2");
	assert_false(a.has_mic);
	assert_hex((const uint8_t *)a.response.p, 16, "8dc0c800ae76eca606d2b9fbebd04731");
	assert_hex((const uint8_t *)a.session_key.p, a.session_key.n, "31cb739e1ca80a498591e8ae797115e4");
	assert_false(failed(ntlm_hash(crypt, STR("Pa$$word"), hash)));
	assert_false(failed(ntlm_owf(crypt, hash, a.user, a.domain, owf)));
	assert_hex(owf, 16, "164b086e00d2f393529fa3a98209f99e");
	assert_false(failed(ntlm_check(crypt, &a, STR(""), sheet_str(&type2), hash, session)));
	assert_hex(session, 16, "6742fbe37bb1946b49d86a525bd29a9b");
	ntlm_keys_init(&k, crypt, session);
	assert_hex(k.sign[NTLM_CLIENT], 16, "ea5e87c195ae65338f7c023e7600690d");
	assert_hex(k.seal[NTLM_CLIENT], 16, "83013a189002d3abad49c4c8f605ecc8");
	assert_hex(k.sign[NTLM_SERVER], 16, "0151fe94dba8c83f3c6a6e5444ae54b4");
	assert_hex(k.seal[NTLM_SERVER], 16, "2a2e34e8d420c039e8f31cb9e8e0cd88");
	assert_true(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE, str_of(client_buffer), STR("0100000029618e9651b65a7764000000")));
	assert_false(failed(ntlm_mac(crypt, &k, NTLM_SERVER, NTLM_SEQUENCE, str_of(server_buffer), mac)));
	assert_hex(mac, 16, "01000000e615438a917661be64000000");
	/* upper case, as that server wrote it */
	assert_true(ntlm_mac_is(crypt, &k, NTLM_SERVER, NTLM_SEQUENCE, str_of(server_buffer), STR("01000000E615438A917661BE64000000")));
}

/* Somebody else has judged the response: the rest is judged all the same. */
static void test_proven_elsewhere(void **state)
{
	static struct sheet type2, type3;
	static struct ntlm_authenticate a;
	uint8_t owf[16], base[16], session[16], zero[16] = { 0 };
	sheet_hex(&type2, type2_hex);
	sheet_hex(&type3, type3_hex);
	assert_false(failed(ntlm_authenticate_parse(sheet_str(&type3), &a, NULL)));
	from_hex("164b086e00d2f393529fa3a98209f99e", owf);
	str proof = str_cut(a.response, 0, 16), sent = sheet_str(&type2);
	crypt_mac_md5(crypt, (str){ (const char *)owf, 16 }, &proof, 1, base);
	assert_false(failed(ntlm_check_proven(crypt, &a, STR(""), sent, base, session)));
	assert_hex(session, 16, "6742fbe37bb1946b49d86a525bd29a9b");
	assert_int_equal(ntlm_random(sent).n, 8);
	assert_ptr_equal(ntlm_random(sent).p, sent.p + 24);
	assert_int_equal(ntlm_random(STR("nonsense")).n, 0);
	/* security that was agreed upon is left out */
	a.flags &= ~NTLM_128;
	assert_true(err_is(ntlm_check_proven(crypt, &a, STR(""), sent, base, session), ERR_REFUSED));
	assert_memory_equal(session, zero, 16);
	a.flags |= NTLM_128;
	/* a pair that was sent is not repeated */
	a.pairs = STR("");
	assert_true(err_is(ntlm_check_proven(crypt, &a, STR(""), sent, base, session), ERR_REFUSED));
	assert_true(err_is(ntlm_check_proven(crypt, &a, STR(""), STR("nonsense"), base, session), ERR_INTERNAL));
}

static void test_false_signatures(void **state)
{
	static const char good[] = "0100000029618e9651b65a7764000000";
	uint8_t session[16];
	char hex[sizeof good];
	struct ntlm_keys k;
	from_hex("6742fbe37bb1946b49d86a525bd29a9b", session);
	ntlm_keys_init(&k, crypt, session);
	str text = str_of(client_buffer);
	assert_true(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE, text, str_of(good)));
	assert_false(ntlm_mac_is(crypt, &k, NTLM_SERVER, NTLM_SEQUENCE, text, str_of(good)));
	assert_false(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE + 1, text, str_of(good)));
	assert_false(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE, str_cut(text, 0, text.n - 1), str_of(good)));
	for (size_t n = 0; n < sizeof good - 1; n++) {
		assert_false(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE, text, (str){ good, n }));
		memcpy(hex, good, sizeof hex);
		hex[n] = hex[n] == '7' ? '8' : '7';
		assert_false(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE, text, str_of(hex)));
	}
	assert_false(ntlm_mac_is(crypt, &k, NTLM_CLIENT, NTLM_SEQUENCE, text, STR("0100000029618e9651b65a776400000000")));
}

/* ---- capitals ---- */

/* The C library's table, of another source, says the same but where Windows keeps a letter whose capital is not its own alone. */
static void test_capitals(void **state)
{
	static const struct { uint16_t first, last; } blocks[] = { { 0, 0x2af }, { 0x370, 0x3ff }, { 0x400, 0x52f }, { 0x531, 0x587 },
		{ 0x1e00, 0x1fff }, { 0x2170, 0x217f }, { 0xff41, 0xff5a } };
	locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	assert_true(unicode != (locale_t)0);
	size_t n = 0;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		for (uint32_t u = blocks[i].first; u <= blocks[i].last; u++) {
			wint_t capital = towupper_l(u, unicode);
			bool both = towlower_l(capital, unicode) == u || u == 0x3c2;
			assert_int_equal(ntlm_upper((uint16_t)u), both && capital < 0x10000 ? capital : u);
			n += ntlm_upper((uint16_t)u) != u;
		}
	freelocale(unicode);
	assert_true(n > 700);
	assert_int_equal(ntlm_upper(0xdf), 0xdf);
	assert_int_equal(ntlm_upper(0xb5), 0xb5);
	assert_int_equal(ntlm_upper(0x4e2d), 0x4e2d);
	assert_int_equal(ntlm_upper(0xffff), 0xffff);
}

static void test_capital_names(void **state)
{
	static const char *const names[][2] = { { "ann", "ANN" }, { "j\xc3\xbcrgen", "J\xc3\x9cRGEN" }, { "\xce\xb1\xcf\x82", "\xce\x91\xce\xa3" },
		{ "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd", "\xd0\x98\xd0\x92\xd0\x90\xd0\x9d" }, { "a\xf0\x9f\x98\x80", "A\xf0\x9f\x98\x80" } };
	uint8_t hash[16] = { 1 }, small[16], capital[16];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_false(failed(ntlm_owf(crypt, hash, names[i][0], "Domain", small)));
		assert_false(failed(ntlm_owf(crypt, hash, names[i][1], "Domain", capital)));
		assert_memory_equal(small, capital, 16);
		assert_false(failed(ntlm_owf(crypt, hash, names[i][1], "DOMAIN", small)));
		assert_memory_not_equal(small, capital, 16);
	}
}

static void test_short_names(void **state)
{
	static const struct { const char *dns, *short_name; } rows[] = {
		{ "uc01.example.test", "UC01" }, { "uc01", "UC01" }, { "", "" }, { ".test", "" }, { "a-server-of-great-length.test", "A-SERVER-OF-GRE" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char room[NTLM_SHORT_MOST];
		assert_true(str_eq(ntlm_short_name(str_of(rows[i].dns), room), str_of(rows[i].short_name)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_published_proof),
		cmocka_unit_test(test_published_keys),
		cmocka_unit_test(test_real_challenge),
		cmocka_unit_test(test_real_exchange),
		cmocka_unit_test(test_proven_elsewhere),
		cmocka_unit_test(test_false_signatures),
		cmocka_unit_test(test_capitals),
		cmocka_unit_test(test_capital_names),
		cmocka_unit_test(test_short_names),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
