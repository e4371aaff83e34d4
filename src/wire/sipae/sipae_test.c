/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/sipae.h"

#define assert_str(s, z) assert_true(str_eq((s), STR(z)))

/* A message on the heap, so that a step past its end is seen. */
struct held {
	struct arena arena;
	struct sip_msg msg;
	char *raw;
};

static void hold(struct held *h, const char *text)
{
	size_t n = strlen(text);
	h->raw = malloc(n);
	assert_non_null(h->raw);
	memcpy(h->raw, text, n);
	arena_init(&h->arena, 1 << 20);
	assert_false(failed(sip_msg_parse(&h->msg, (str){ h->raw, n }, &h->arena, NULL, NULL)));
}

static void drop(struct held *h)
{
	arena_fini(&h->arena);
	free(h->raw);
}

static void check_text(const char *message, const struct sipae_stamp *s, const char *want)
{
	struct held h;
	struct buf b;
	hold(&h, message);
	buf_init(&b, 4096);
	sipae_text(&h.msg, s, &b);
	assert_false(b.failed);
	buf_add_char(&b, '\0');
	assert_string_equal(b.p, want);
	buf_fini(&b);
	drop(&h);
}

#define COSMO(random)                                                                                            \
	{                                                                                                        \
		SIPAE_NTLM, 4, STR(random), STR("1"), STR(SIPAE_REALM), STR("cosmo-ocs-r2.cosmo.local") \
	}

/* An exchange of a real client and server: REGISTER, signed in the request that ends the handshake, and its answer. */
static void test_register(void **state)
{
	(void)state;
	const struct sipae_stamp client = COSMO("13317733"), server = COSMO("9616454F");
	check_text("REGISTER sip:cosmo.local SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1:2049\r\nMax-Forwards: 70\r\n"
		   "From: <sip:user@cosmo.local>;tag=3e49177a52;epid=4cf0ad12e3\r\nTo: <sip:user@cosmo.local>\r\n"
		   "Call-ID: 4037df9284354df39065195bd57a4b14\r\nCSeq: 3 REGISTER\r\nContent-Length: 0\r\n\r\n",
		&client,
		"<NTLM><13317733><1><SIP Communications Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd57a4b14><3><REGISTER>"
		"<sip:user@cosmo.local><3e49177a52><sip:user@cosmo.local><><><><>");
	check_text("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.1:2049\r\n"
		   "From: \"User\"<sip:user@cosmo.local>;tag=3e49177a52;epid=4cf0ad12e3\r\n"
		   "To: <sip:user@cosmo.local>;tag=5E61CCD925D17E043D9A74835A88F664\r\n"
		   "Call-ID: 4037df9284354df39065195bd57a4b14\r\nCSeq: 3 REGISTER\r\nExpires: 7200\r\nContent-Length: 0\r\n\r\n",
		&server,
		"<NTLM><9616454F><1><SIP Communications Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd57a4b14><3><REGISTER>"
		"<sip:user@cosmo.local><3e49177a52><sip:user@cosmo.local><5E61CCD925D17E043D9A74835A88F664><><><7200><200>");
}

/* The older text has no To URI and no identity. */
static void test_version_2(void **state)
{
	(void)state;
	const struct sipae_stamp s = { SIPAE_NTLM, 2, STR("0878F41B"), STR("1"), STR(SIPAE_REALM), STR("ocs1.ocs.provo.novell.com") };
	check_text("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.1:2049\r\nFrom: <sip:gabriel@ocs.provo.novell.com>;tag=2947328781\r\n"
		   "To: <sip:gabriel@ocs.provo.novell.com>;tag=B816D65C2300A32CFA6D371F2AF537FD\r\nP-Asserted-Identity: <sip:x@y>\r\n"
		   "Call-ID: 8592g5DCBa1694i5887m0D0Bt2247b3F38xAE9Fx\r\nCSeq: 3 REGISTER\r\nExpires: 900\r\nContent-Length: 0\r\n\r\n",
		&s,
		"<NTLM><0878F41B><1><SIP Communications Service><ocs1.ocs.provo.novell.com><8592g5DCBa1694i5887m0D0Bt2247b3F38xAE9Fx><3>"
		"<REGISTER><sip:gabriel@ocs.provo.novell.com><2947328781><B816D65C2300A32CFA6D371F2AF537FD><900><200>");
}

#define RINGING(identity)                                                                                                 \
	"SIP/2.0 180 Ringing\r\nVIA: SIP/2.0/TLS 192.0.2.1:2049\r\nFROM: <sip:sender@company.com>;tag=2420628112;epid=1\r\n"         \
	"TO: <sip:recipient@company.com>;tag=7aee15546a;epid=2\r\n" identity "CALL-ID: 41CE\r\nCSEQ: 1 INVITE\r\nCONTENT-LENGTH: 0\r\n\r\n"
#define RINGING_TEXT(identity)                                                                                              \
	"<NTLM><1B6D47A1><11><SIP Communications Service><FE03.COMPANY.COM><41CE><1><INVITE><sip:sender@company.com><2420628112>" \
	"<sip:recipient@company.com><7aee15546a>" identity "<><180>"

/* Values are taken as they stand; both names of an identity, whichever is there. */
static void test_identity(void **state)
{
	(void)state;
	const struct sipae_stamp s = { SIPAE_NTLM, 4, STR("1B6D47A1"), STR("11"), STR(SIPAE_REALM), STR("FE03.COMPANY.COM") };
	check_text(RINGING("P-ASSERTED-IDENTITY: \"Somebody\"<SIP:recipient@company.com>\r\n"), &s, RINGING_TEXT("<SIP:recipient@company.com><>"));
	check_text(RINGING("P-Asserted-Identity: \"Lunch, Lucas\" <sip:llucas@cisco.com>,<tel:+420123456;ext=88463>\r\n"), &s,
		RINGING_TEXT("<sip:llucas@cisco.com><tel:+420123456;ext=88463>"));
	check_text(RINGING("P-Asserted-Identity: <tel:+14085264000>\r\nP-Preferred-Identity: <sip:no@company.com>\r\n"), &s,
		RINGING_TEXT("<><tel:+14085264000>"));
	check_text(RINGING("P-Preferred-Identity: <sip:yes@company.com>\r\n"), &s, RINGING_TEXT("<sip:yes@company.com><>"));
	check_text(RINGING("P-Asserted-Identity: <sip:a@b>, <sip:c@d>\r\n"), &s, RINGING_TEXT("<sip:a@b><>"));
}

static err parse(const char *z, struct sipae_credentials *out)
{
	struct diag d = { 0 };
	err e = sipae_parse(str_of(z), out, &d);
	assert_true(!failed(e) || d.what[0] != '\0');
	return e;
}

static void test_credentials(void **state)
{
	(void)state;
	struct sipae_credentials c;
	assert_false(failed(parse("NTLM qop=\"auth\", opaque=\"B6C35FFC\", realm=\"SIP Communications Service\", targetname=\"sip.example.test\","
				  " gssapi-data=\"TlRMTVNTUAAD\", version=4, crand=\"b2700b58\", cnum=\"1\", response=\"0100C4\"", &c)));
	assert_true(c.is_known && c.scheme == SIPAE_NTLM && c.has_token && c.version == 4 && c.number == 1);
	assert_str(c.opaque, "B6C35FFC");
	assert_str(c.token, "TlRMTVNTUAAD");
	assert_str(c.random, "b2700b58");
	assert_str(c.response, "0100C4");
	assert_str(c.targetname, "sip.example.test");
	/* the client begins */
	assert_false(failed(parse("tls-dsk realm=\"x\", gssapi-data=\"\", version=3", &c)));
	assert_true(c.is_known && c.scheme == SIPAE_TLS_DSK && c.has_token && c.token.n == 0 && c.version == 3);
	/* afterwards it no longer says its version */
	assert_false(failed(parse("Kerberos qop=\"auth\", opaque=\"1\", crand=\"a\", cnum=\"4294967295\", response=\"b\"", &c)));
	assert_true(c.scheme == SIPAE_KERBEROS && !c.has_token && c.version == 2 && c.number == UINT32_MAX);
	assert_false(failed(parse("Digest username=\"x\"", &c)));
	assert_false(c.is_known);
}

static void test_bad_credentials(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "NTLM", "NTLM ", "NTLM opaque", "NTLM opaque=", "NTLM opaque=\"a", "NTLM opaque=\"a\" cnum=\"1\"",
		"NTLM opaque=a,", "NTLM opaque=a, opaque=b", "NTLM version=1", "NTLM version=5", "NTLM version=x", "NTLM cnum=\"-1\"",
		"NTLM cnum=\"4294967296\"", "NTLM cnum=\"1 \"",
		"NTLM opaque=\"0123456789012345678901234567890123456789012345678901234567890123456789\"" };
	struct sipae_credentials c;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(failed(parse(bad[i], &c)));
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_add(&b, STR("NTLM gssapi-data=\""));
	for (size_t i = 0; i <= SIPAE_TOKEN_MAX; i++)
		buf_add_char(&b, 'A');
	buf_add(&b, STR("\""));
	assert_true(failed(sipae_parse(buf_str(&b), &c, NULL)));
	buf_fini(&b);
}

static void check_challenge(const struct sipae_challenge *c, const char *want)
{
	struct buf b;
	buf_init(&b, 4096);
	sipae_challenge_print(c, &b);
	buf_add_char(&b, '\0');
	assert_string_equal(b.p, want);
	buf_fini(&b);
}

static void test_challenges(void **state)
{
	(void)state;
	const str token = STR("TlRM");
	check_challenge(&(struct sipae_challenge){ SIPAE_KERBEROS, STR("sip/sip.example.test"), STR(""), NULL, STR(""), 4 },
		"Kerberos realm=\"SIP Communications Service\", targetname=\"sip/sip.example.test\", version=4");
	check_challenge(&(struct sipae_challenge){ SIPAE_NTLM, STR("sip.example.test"), STR("B6"), &token, STR(""), 3 },
		"NTLM opaque=\"B6\", gssapi-data=\"TlRM\", realm=\"SIP Communications Service\", targetname=\"sip.example.test\", version=3");
	check_challenge(&(struct sipae_challenge){ SIPAE_TLS_DSK, STR("sip.example.test"), STR(""), NULL, STR("https://sip.example.test/c"), 4 },
		"TLS-DSK realm=\"SIP Communications Service\", targetname=\"sip.example.test\", version=4, sts-uri=\"https://sip.example.test/c\"");
}

static void test_signing(void **state)
{
	(void)state;
	struct buf b;
	const struct sipae_stamp s = COSMO("9616454F");
	buf_init(&b, 4096);
	sipae_sign_print(STR("SIP/2.0 200 OK\r\nVia: x\r\n\r\nbody"), &s, STR("2BDBAC9D"), STR("0100"), &b);
	buf_add_char(&b, '\0');
	assert_string_equal(b.p, "SIP/2.0 200 OK\r\nAuthentication-Info: NTLM qop=\"auth\", opaque=\"2BDBAC9D\", srand=\"9616454F\", snum=\"1\", "
				 "rspauth=\"0100\", targetname=\"cosmo-ocs-r2.cosmo.local\", realm=\"SIP Communications Service\", version=4\r\n"
				 "Via: x\r\n\r\nbody");
	buf_reset(&b);
	sipae_sign_print(STR("no line"), &s, STR("1"), STR("2"), &b);
	assert_false(b.failed);
	buf_fini(&b);
}

#define REQUEST(from, more)                                                                                          \
	"REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1\r\nFrom: <sip:ann@example.test>;tag=1" from "\r\n" \
	"To: <sip:ann@example.test>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n" more "Content-Length: 0\r\n\r\n"

static void check_client(const char *message, bool is_client, const char *epid)
{
	struct held h;
	hold(&h, message);
	assert_int_equal(sipae_is_client(&h.msg), is_client);
	assert_true(str_eq(sipae_epid(&h.msg), str_of(epid)));
	drop(&h);
}

static void test_client(void **state)
{
	(void)state;
	check_client(REQUEST("", ""), false, "");
	check_client(REQUEST(";epid=9afbb5a919ab", ""), true, "9afbb5a919ab");
	check_client(REQUEST("", "ms-keep-alive: UAC;hop-hop=yes\r\n"), true, "");
	check_client(REQUEST(";xepid=1", "X-ms: 1\r\nmsg: 2\r\n"), false, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_bad_credentials),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_signing),
		cmocka_unit_test(test_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
