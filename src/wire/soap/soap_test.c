/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as clients write them are read, and everything that two readers could take in two ways is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/enc.h"
#include "wire/soap.h"

#define SOAP_NS "http://schemas.xmlsoap.org/soap/envelope/"
#define WSU     "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
#define WSSE    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
#define DSIG    "http://www.w3.org/2000/09/xmldsig#"
#define TRUST   "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
#define EXC     "http://www.w3.org/2001/10/xml-exc-c14n#"

static struct xml_reader *reader;
static struct arena arena;
static struct diag diag;

static int setup(void **state)
{
	return failed(xml_reader_new(&reader)) ? 1 : 0;
}

static int teardown(void **state)
{
	xml_reader_free(reader);
	return 0;
}

static int fresh(void **state)
{
	arena_init(&arena, 1 << 20);
	diag = (struct diag){ .what = "" };
	return 0;
}

static int stale(void **state)
{
	arena_fini(&arena);
	return 0;
}

/* ---- canonical form ---- */

static void canonical_form(void **state)
{
	/* the second column: the element e of the first (XML-EXC-C14N 1.0, without comments); where e is all of it, as xmllint --exc-c14n writes it */
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "<e/>", "<e></e>" },
		{ "<a xmlns='u'><e/></a>", "<e xmlns=\"u\"></e>" },
		{ "<a xmlns='u' xmlns:n='v'><e><f/></e></a>", "<e xmlns=\"u\"><f></f></e>" },
		{ "<a xmlns:n='v'><e><n:f/><n:g/></e></a>", "<e><n:f xmlns:n=\"v\"></n:f><n:g xmlns:n=\"v\"></n:g></e>" },
		{ "<a xmlns:n='v'><n:e><n:f/></n:e></a>", "<n:e xmlns:n=\"v\"><n:f></n:f></n:e>" },
		{ "<e xmlns='u'><f xmlns=''><g/></f></e>", "<e xmlns=\"u\"><f xmlns=\"\"><g></g></f></e>" },
		{ "<e b='2' a='1' xmlns:z='a' xmlns:y='b' z:q='3' y:q='4'/>", "<e xmlns:y=\"b\" xmlns:z=\"a\" a=\"1\" b=\"2\" z:q=\"3\" y:q=\"4\"></e>" },
		{ "<e> a <!-- c --> b </e>", "<e> a  b </e>" },
		{ "<e>\n <f/>\n</e>", "<e>\n <f></f>\n</e>" },
		{ "<e a='&lt;&gt;&amp;&quot;&#9;&#10;&#13;'>&lt;&gt;&amp;\"&#13;<![CDATA[<x>]]></e>", "<e a=\"&lt;>&amp;&quot;&#x9;&#xA;&#xD;\">&lt;&gt;&amp;\"&#xD;&lt;x&gt;</e>" },
		{ "<e xml:lang='de'/>", "<e xml:lang=\"de\"></e>" },
		{ "<n:e xmlns:n='u'><n:f xmlns:n='v'><n:g xmlns:n='u'/></n:f></n:e>", "<n:e xmlns:n=\"u\"><n:f xmlns:n=\"v\"><n:g xmlns:n=\"u\"></n:g></n:f></n:e>" },
	};
	const struct xml_limits limits = { .keeps_space = true };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct xml_node *root;
		struct buf b;
		buf_init(&b, 4096);
		assert_false(failed(xml_tree_read(reader, str_of(rows[i].text), &limits, &arena, &root, &diag)));
		const struct xml_node *e = str_eq(root->name, STR("e")) ? root : xml_child(root, STR("e"));
		soap_canonical_print(e, &b);
		buf_add_char(&b, '\0');
		assert_false(b.failed);
		assert_string_equal(b.p, rows[i].want);
		buf_fini(&b);
	}
}

/* ---- times ---- */

static void times(void **state)
{
	static const char *const bad[] = { "", "2026", "2026-11-23T17:30:42", "2026-11-23T17:30:42+00:00", "2026-13-23T17:30:42Z", "2026-11-00T17:30:42Z", "2026-11-23 17:30:42Z",
		"2026-11-23T24:30:42Z", "2026-11-23T17:30:42.Z", "2026-11-23T17:30:42.1234567890Z", "1926-11-23T17:30:42Z", "2026-11-23T17:30:4xZ", "ZZZZZZZZZZZZZZZZZZZZ" };
	int64_t t;
	struct buf b;
	assert_false(failed(soap_time_read(STR("2026-11-23T17:30:42Z"), &t)));
	assert_int_equal(t, 1795455042);
	assert_false(failed(soap_time_read(STR("2026-11-23T17:30:42.123Z"), &t)));
	assert_int_equal(t, 1795455042);
	buf_init(&b, 64);
	soap_time_print(t, &b);
	assert_true(str_eq(buf_str(&b), STR("2026-11-23T17:30:42Z")));
	buf_fini(&b);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(err_is(soap_time_read(str_of(bad[i]), &t), ERR_MALFORMED));
}

/* ---- requests for tickets ---- */

#define RST(attributes, inside)                                                                                                     \
	"<s:Envelope xmlns:s='" SOAP_NS "'><s:Body><RequestSecurityToken xmlns='" TRUST "' " attributes ">" inside                        \
	"</RequestSecurityToken></s:Body></s:Envelope>"
#define TO     "<AppliesTo><EndpointReference><Address>https://h/CertProv/x</Address></EndpointReference></AppliesTo>"
#define CLAIM  "<Claims><ClaimType><Value>sip:ann@a.test</Value></ClaimType></Claims>"
#define SECRET "<Entropy><BinarySecret>MDEyMzQ1Njc4OWFiY2RlZg==</BinarySecret></Entropy>"
#define PROOF  "<KeyType>" TRUST "/SymmetricKey</KeyType>"
#define BEARER "<KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</KeyType>"

static void requests_for_tickets(void **state)
{
	struct soap_ticket_request t;
	assert_false(failed(soap_ticket_request_read(reader, STR(RST("Context='c'", TO CLAIM SECRET PROOF)), &arena, &t, &diag)));
	assert_true(str_eq(t.context, STR("c")) && str_eq(t.applies_to, STR("https://h/CertProv/x")) && str_eq(t.claimed, STR("ann@a.test")));
	assert_true(!t.is_bearer && str_eq(t.entropy, STR("0123456789abcdef")));
	assert_false(failed(soap_ticket_request_read(reader, STR(RST("", TO BEARER)), &arena, &t, &diag)));
	assert_true(t.is_bearer && t.entropy.n == 0 && t.context.n == 0 && t.claimed.n == 0);
}

static void requests_that_are_none(void **state)
{
	static const struct {
		const char *text;
		enum err_id want;
	} rows[] = {
		{ "", ERR_MALFORMED },
		{ "<a/>", ERR_MALFORMED },
		{ "<Envelope><Body/></Envelope>", ERR_MALFORMED },
		{ "<s:Envelope xmlns:s='" SOAP_NS "'><s:Body/></s:Envelope>", ERR_MALFORMED },
		{ RST("", ""), ERR_MALFORMED },
		{ RST("", CLAIM BEARER), ERR_MALFORMED },
		{ RST("", TO PROOF), ERR_MALFORMED },
		{ RST("", TO PROOF "<Entropy><BinarySecret>AAAA</BinarySecret></Entropy>"), ERR_MALFORMED },
		{ RST("", TO PROOF "<Entropy><BinarySecret>*</BinarySecret></Entropy>"), ERR_MALFORMED },
		{ RST("", TO "<KeyType>" TRUST "/PublicKey</KeyType>"), ERR_REFUSED },
		{ RST("", TO BEARER "<TokenType>urn:other</TokenType>"), ERR_REFUSED },
		{ RST("", TO BEARER "<RequestType>" TRUST "/Renew</RequestType>"), ERR_REFUSED },
		{ "<!DOCTYPE a><a/>", ERR_MALFORMED },
	};
	struct soap_ticket_request t;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		diag.what[0] = '\0';
		err e = soap_ticket_request_read(reader, str_of(rows[i].text), &arena, &t, &diag);
		if (!err_is(e, rows[i].want) || diag.what[0] == '\0')
			fail_msg("row %zu: %s (%s)", i, e.def != NULL ? e.def->name : "OK", diag.what);
	}
}

static void bombs(void **state)
{
	struct soap_ticket_request t;
	struct buf b;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100; i++)
		buf_add(&b, STR("<a>"));
	assert_true(err_is(soap_ticket_request_read(reader, buf_str(&b), &arena, &t, &diag), ERR_CEILING));
	buf_reset(&b);
	buf_add(&b, STR("<a>"));
	for (int i = 0; i < 2000; i++)
		buf_add(&b, STR("<b/>"));
	assert_true(err_is(soap_ticket_request_read(reader, buf_str(&b), &arena, &t, &diag), ERR_CEILING));
	buf_reset(&b);
	for (int i = 0; i < SOAP_MOST + 1; i++)
		buf_add_char(&b, ' ');
	assert_true(err_is(soap_ticket_request_read(reader, buf_str(&b), &arena, &t, &diag), ERR_CEILING));
	buf_fini(&b);
}

/* ---- tickets ---- */

static void print_ticket(struct buf *out)
{
	soap_ticket_answer_print(&(const struct soap_ticket_answer){ .context = STR("c&<"), .issuer = STR("https://h"), .audience = STR("https://h/CertProv/x"),
		.id = STR("SamlSecurityToken-1"), .user = STR("ann@a.test"), .since = 1795455042, .until = 1795483842, .sealed = STR("sealed bytes"), .entropy = STR("0123456789abcdef") },
		out);
	assert_false(out->failed);
}

/* "<saml:Assertion ...</saml:Assertion>" of an answer, as clients cut it out */
static str cut_assertion(str answer)
{
	const char *from = strstr(answer.p, "<saml:Assertion"), *to = strstr(answer.p, "</saml:Assertion>");
	assert_true(from != NULL && to != NULL);
	return (str){ from, (size_t)(to - from) + sizeof "</saml:Assertion>" - 1 };
}

static void tickets_go_round(void **state)
{
	struct buf b;
	struct soap_ticket t;
	struct xml_node *root;
	buf_init(&b, SOAP_ANSWER_MAX);
	print_ticket(&b);
	assert_false(failed(xml_tree_read(reader, buf_str(&b), NULL, &arena, &root, &diag)));
	const struct xml_node *r = xml_path(root, "Body", "RequestSecurityTokenResponseCollection", "RequestSecurityTokenResponse", NULL);
	assert_true(str_eq(xml_attribute(r, STR("Context")), STR("c&<")));
	assert_true(str_eq(xml_node_text(xml_path(r, "Entropy", "BinarySecret", NULL), &arena), STR("MDEyMzQ1Njc4OWFiY2RlZg==")));
	assert_true(str_eq(xml_node_text(xml_path(r, "Lifetime", "Expires", NULL), &arena), STR("2026-11-24T01:30:42Z")));
	buf_add_char(&b, '\0');
	assert_non_null(strstr(b.p, "<Lifetime><wsu:Created>2026-11-23T17:30:42Z</wsu:Created><wsu:Expires>")); /* as it is pasted into what is signed */
	assert_false(failed(soap_ticket_read(reader, cut_assertion(buf_str(&b)), &arena, &t, &diag)));
	assert_true(str_eq(t.user, STR("ann@a.test")) && str_eq(t.id, STR("SamlSecurityToken-1")) && str_eq(t.audience, STR("https://h/CertProv/x")));
	assert_true(t.since == 1795455042 && t.until == 1795483842 && str_eq(t.sealed, STR("sealed bytes")));
	assert_true(err_is(soap_ticket_read(reader, STR("<a/>"), &arena, &t, &diag), ERR_MALFORMED));
	assert_true(err_is(soap_ticket_read(reader, STR("<Assertion/>"), &arena, &t, &diag), ERR_MALFORMED));
	buf_fini(&b);
}

/* ---- requests for certificates ---- */

#define STAMP(id) "<wsu:Timestamp xmlns:wsu=\"" WSU "\" wsu:Id=\"" id "\"><wsu:Created>2026-11-23T17:30:42Z</wsu:Created><wsu:Expires>2026-11-24T01:30:42Z</wsu:Expires></wsu:Timestamp>"
#define INFO(method, uri, more)                                                                                                                            \
	"<SignedInfo xmlns=\"" DSIG "\"><CanonicalizationMethod Algorithm=\"" EXC "\"></CanonicalizationMethod><SignatureMethod Algorithm=\"" method          \
	"\"></SignatureMethod><Reference URI=\"" uri "\"><Transforms><Transform Algorithm=\"" EXC "\">" more "</Transform></Transforms><DigestMethod Algorithm=\"" DSIG \
	"sha1\"></DigestMethod><DigestValue>%s</DigestValue></Reference></SignedInfo>"
#define GOOD_INFO INFO(DSIG "hmac-sha1", "#t", "")

static const char request_format[] = "<s:Envelope xmlns:s=\"" SOAP_NS "\"><s:Header><wsse:Security xmlns:wsse=\"" WSSE "\">%s%.*s<Signature xmlns=\"" DSIG
	"\">%s<SignatureValue>%s</SignatureValue></Signature></wsse:Security></s:Header><s:Body><GetAndPublishCert xmlns=\"http://schemas.microsoft.com/OCS/AuthWebServices/\" "
	"DeviceId=\"%s\" Entity=\"ann@a.test\"><RequestSecurityToken><wsse:BinarySecurityToken xmlns:wsse=\"" WSSE "\" ValueType=\"x#PKCS10\">\r\nTUlJ\r\n</wsse:BinarySecurityToken>"
	"<RequestID>r1</RequestID></RequestSecurityToken></GetAndPublishCert></s:Body></s:Envelope>";

/* With the digest of STAMP("t"), whatever stands there. */
static err read_certificate(const char *stamp, const char *info_format, const char *value, const char *device, struct soap_certificate_request *out, char *info, size_t size)
{
	static char text[SOAP_MOST];
	uint8_t digest[20];
	char coded[ENC_BASE64_SIZE(20) + 1] = "";
	struct buf b;
	buf_init(&b, SOAP_ANSWER_MAX);
	print_ticket(&b);
	buf_add_char(&b, '\0');
	str assertion = cut_assertion(buf_str(&b));
	assert_false(failed(crypt_sha1(STR(STAMP("t")), digest)));
	enc_base64(digest, sizeof digest, coded);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(info, size, info_format, coded);
	(void)snprintf(text, sizeof text, request_format, stamp, STR_FMT(assertion), info, value, device);
#pragma GCC diagnostic pop
	diag.what[0] = '\0';
	err e = soap_certificate_request_read(reader, str_of(text), &arena, out, &diag);
	assert_true(failed(e) == (diag.what[0] != '\0'));
	buf_fini(&b);
	return e;
}

#define VALUE "AAECAwQFBgcICQoLDA0ODxAREhM="

static void requests_for_certificates(void **state)
{
	struct soap_certificate_request r;
	char info[4096];
	assert_false(failed(read_certificate(STAMP("t"), GOOD_INFO, VALUE, "{d-1}", &r, info, sizeof info)));
	assert_true(str_eq(r.signed_bytes, str_of(info)));
	assert_true(r.signature.n == 20 && r.signature.p[1] == 1 && str_eq(r.entity, STR("ann@a.test")) && str_eq(r.device, STR("d-1")) && str_eq(r.request, STR("MII")));
	assert_true(str_eq(r.id, STR("r1")) && r.since == 1795455042 && r.until == 1795483842 && str_eq(r.ticket.id, STR("SamlSecurityToken-1")));
}

static void signatures_that_say_less(void **state)
{
	static const struct {
		const char *stamp, *info, *value, *device;
		enum err_id want;
	} rows[] = {
		{ STAMP("x"), GOOD_INFO, VALUE, "d", ERR_REFUSED }, /* the reference means another element */
		{ STAMP("x"), INFO(DSIG "hmac-sha1", "#x", ""), VALUE, "d", ERR_REFUSED }, /* the digest is of another text */
		{ STAMP("t"), INFO(DSIG "hmac-sha1", "", ""), VALUE, "d", ERR_REFUSED },
		{ STAMP("t"), INFO(DSIG "rsa-sha1", "#t", ""), VALUE, "d", ERR_REFUSED },
		{ STAMP("t"), INFO(DSIG "hmac-sha1", "#t", "<InclusiveNamespaces PrefixList='a'/>"), VALUE, "d", ERR_REFUSED },
		{ STAMP("t") STAMP("t"), GOOD_INFO, VALUE, "d", ERR_MALFORMED },
		{ "", GOOD_INFO, VALUE, "d", ERR_MALFORMED },
		{ STAMP("t"), GOOD_INFO GOOD_INFO, VALUE, "d", ERR_MALFORMED },
		{ STAMP("t"), "%s", VALUE, "d", ERR_MALFORMED },
		{ STAMP("t"), GOOD_INFO, "AAEC", "d", ERR_MALFORMED },
		{ STAMP("t"), GOOD_INFO, "", "d", ERR_MALFORMED },
		{ STAMP("t"), GOOD_INFO, VALUE, "a b", ERR_MALFORMED },
	};
	struct soap_certificate_request r;
	char info[4096];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		err e = read_certificate(rows[i].stamp, rows[i].info, rows[i].value, rows[i].device, &r, info, sizeof info);
		if (!err_is(e, rows[i].want))
			fail_msg("row %zu: %s (%s)", i, e.def != NULL ? e.def->name : "OK", diag.what);
	}
}

/* ---- answers ---- */

static void other_answers(void **state)
{
	struct xml_node *root;
	struct buf b;
	buf_init(&b, SOAP_ANSWER_MAX);
	soap_fault_print(STR("a < b"), false, &b);
	assert_false(b.failed || failed(xml_tree_read(reader, buf_str(&b), NULL, &arena, &root, &diag)));
	const struct xml_node *fault = xml_path(root, "Body", "Fault", NULL);
	assert_true(str_eq(xml_node_text(xml_child(fault, STR("faultstring")), &arena), STR("a < b")));
	assert_true(str_eq(xml_node_text(xml_path(fault, "Detail", "error", "internalerror", "text", NULL), &arena), STR("a < b")));
	buf_reset(&b);
	soap_certificate_answer_print(&(const struct soap_certificate_answer){ .device = STR("d"), .entity = STR("ann@a.test"), .id = STR("r1"), .der = STR("MII") }, &b);
	assert_false(b.failed || failed(xml_tree_read(reader, buf_str(&b), NULL, &arena, &root, &diag)));
	const struct xml_node *r = xml_path(root, "Body", "GetAndPublishCertResponse", "RequestSecurityTokenResponse", NULL);
	assert_true(str_eq(xml_node_text(xml_path(r, "RequestedSecurityToken", "BinarySecurityToken", NULL), &arena), STR("TUlJ")));
	assert_true(str_eq(xml_node_text(xml_child(r, STR("RequestID")), &arena), STR("r1")));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(canonical_form, fresh, stale),
		cmocka_unit_test_setup_teardown(times, fresh, stale),
		cmocka_unit_test_setup_teardown(requests_for_tickets, fresh, stale),
		cmocka_unit_test_setup_teardown(requests_that_are_none, fresh, stale),
		cmocka_unit_test_setup_teardown(bombs, fresh, stale),
		cmocka_unit_test_setup_teardown(tickets_go_round, fresh, stale),
		cmocka_unit_test_setup_teardown(requests_for_certificates, fresh, stale),
		cmocka_unit_test_setup_teardown(signatures_that_say_less, fresh, stale),
		cmocka_unit_test_setup_teardown(other_answers, fresh, stale),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
