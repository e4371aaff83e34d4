/* SPDX-License-Identifier: Apache-2.0 */
/* Answers. Clients keep the assertion as text and paste it into the next message: it declares its own prefixes. */
#include "wire/soap/soap_priv.h"

#include "base/enc.h"
#include "wire/xml.h"

#define POLICY "http://schemas.xmlsoap.org/ws/2004/09/policy"
#define WSDL   "http://schemas.xmlsoap.org/wsdl/"
#define SP     "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702"

void soap_end(struct xml *x, struct buf *out)
{
	while (x->depth > 0)
		xml_close(x);
	if (failed(xml_end(x)))
		out->failed = true;
}

void soap_open_body(struct xml *x, struct buf *out)
{
	xml_init(x, out);
	xml_open(x, "s:Envelope");
	xml_attr(x, "xmlns:s", STR(SOAP_ENVELOPE));
	xml_attr(x, "xmlns:wsu", STR(SOAP_WSU));
	xml_open(x, "s:Body");
}

static void add_bytes(struct xml *x, str bytes)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, SOAP_ANSWER_MAX);
	if (!buf_reserve(&text, ENC_BASE64_SIZE(bytes.n))) {
		x->refused = true;
		return;
	}
	enc_base64(bytes.p, bytes.n, text.p);
	xml_text(x, (str){ text.p, ENC_BASE64_SIZE(bytes.n) });
}

static void attr_time(struct xml *x, const char *name, int64_t at)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, 64);
	soap_time_print(at, &text);
	xml_attr(x, name, buf_str(&text));
}

/* pidgin-sipe pastes the two into a Timestamp that declares wsu, and signs that as if it were in canonical form: so they must not declare it again. */
static void add_time(struct xml *x, const char *name, int64_t at)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, 64);
	soap_time_print(at, &text);
	xml_element(x, name, buf_str(&text));
}

/* ---- a ticket ---- */

static void add_user(struct xml *x, str user)
{
	struct buf uri DEFER(buf_fini) = { 0 };
	buf_init(&uri, SOAP_URL_MAX + 8);
	buf_printf(&uri, "sip:%.*s", STR_FMT(user));
	xml_element(x, "saml:NameIdentifier", buf_str(&uri));
}

static void add_statement(struct xml *x, const struct soap_ticket_answer *t)
{
	bool is_bearer = t->entropy.n == 0;
	xml_open(x, "saml:AuthenticationStatement");
	xml_attr(x, "AuthenticationMethod", STR("urn:oasis:names:tc:SAML:1.0:am:password"));
	attr_time(x, "AuthenticationInstant", t->since);
	xml_open(x, "saml:Subject");
	add_user(x, t->user);
	xml_open(x, "saml:SubjectConfirmation");
	xml_element(x, "saml:ConfirmationMethod", is_bearer ? STR("urn:oasis:names:tc:SAML:1.0:cm:bearer") : STR("urn:oasis:names:tc:SAML:1.0:cm:holder-of-key"));
	xml_open(x, "saml:SubjectConfirmationData");
	add_bytes(x, t->sealed);
	xml_close(x);
	xml_close(x);
	xml_close(x);
	xml_close(x);
}

static void add_assertion(struct xml *x, const struct soap_ticket_answer *t)
{
	xml_open(x, "saml:Assertion");
	xml_attr(x, "xmlns:saml", STR(SOAP_SAML));
	xml_attr(x, "MajorVersion", STR("1"));
	xml_attr(x, "MinorVersion", STR("1"));
	xml_attr(x, "AssertionID", t->id);
	xml_attr(x, "Issuer", t->issuer);
	attr_time(x, "IssueInstant", t->since);
	xml_open(x, "saml:Conditions");
	attr_time(x, "NotBefore", t->since);
	attr_time(x, "NotOnOrAfter", t->until);
	xml_open(x, "saml:AudienceRestrictionCondition");
	xml_element(x, "saml:Audience", t->audience);
	xml_close(x);
	xml_close(x);
	add_statement(x, t);
	xml_close(x);
}

static void add_key(struct xml *x, const struct soap_ticket_answer *t)
{
	if (t->entropy.n == 0)
		return;
	xml_open(x, "RequestedProofToken");
	xml_element(x, "ComputedKey", STR(SOAP_TRUST "/CK/PSHA1"));
	xml_close(x);
	xml_open(x, "Entropy");
	xml_open(x, "BinarySecret");
	add_bytes(x, t->entropy);
	xml_close(x);
	xml_close(x);
}

static void add_applies_to(struct xml *x, str audience)
{
	xml_open(x, "wsp:AppliesTo");
	xml_attr(x, "xmlns:wsp", STR(POLICY));
	xml_open(x, "wsa:EndpointReference");
	xml_attr(x, "xmlns:wsa", STR("http://www.w3.org/2005/08/addressing"));
	xml_element(x, "wsa:Address", audience);
	xml_close(x);
	xml_close(x);
}

void soap_ticket_answer_print(const struct soap_ticket_answer *t, struct buf *out)
{
	struct xml x;
	soap_open_body(&x, out);
	xml_open(&x, "RequestSecurityTokenResponseCollection");
	xml_attr(&x, "xmlns", STR(SOAP_TRUST));
	xml_open(&x, "RequestSecurityTokenResponse");
	if (t->context.n != 0)
		xml_attr(&x, "Context", t->context);
	xml_element(&x, "TokenType", STR(SOAP_SAML_TYPE));
	xml_open(&x, "RequestedSecurityToken");
	add_assertion(&x, t);
	xml_close(&x);
	add_applies_to(&x, t->audience);
	add_key(&x, t);
	xml_open(&x, "Lifetime");
	add_time(&x, "wsu:Created", t->since);
	add_time(&x, "wsu:Expires", t->until);
	soap_end(&x, out);
}

/* ---- a certificate ---- */

void soap_certificate_answer_print(const struct soap_certificate_answer *c, struct buf *out)
{
	struct xml x;
	struct buf device DEFER(buf_fini) = { 0 };
	buf_init(&device, SOAP_WORD_MAX + 4);
	buf_printf(&device, "{%.*s}", STR_FMT(c->device));
	soap_open_body(&x, out);
	xml_open(&x, "GetAndPublishCertResponse");
	xml_attr(&x, "xmlns", STR(SOAP_OCS));
	xml_attr(&x, "DeviceId", buf_str(&device));
	xml_attr(&x, "Entity", c->entity);
	xml_open(&x, "RequestSecurityTokenResponse");
	xml_attr(&x, "xmlns", STR(SOAP_TRUST "/"));
	xml_element(&x, "TokenType", STR(SOAP_X509_TYPE));
	xml_open(&x, "DispositionMessage");
	xml_attr(&x, "xmlns", STR("http://schemas.microsoft.com/windows/pki/2009/01/enrollment"));
	xml_text(&x, STR("Issued"));
	xml_close(&x);
	xml_open(&x, "RequestedSecurityToken");
	xml_open(&x, "BinarySecurityToken");
	xml_attr(&x, "xmlns", STR(SOAP_WSSE));
	xml_attr(&x, "ValueType", STR("http://schemas.microsoft.com/OCS/AuthWebServices.xsd#X509v3"));
	xml_attr(&x, "EncodingType", STR(SOAP_WSSE "#Base64Binary"));
	add_bytes(&x, c->der);
	xml_close(&x);
	xml_close(&x);
	xml_open(&x, "RequestID");
	xml_attr(&x, "xmlns", STR("http://schemas.microsoft.com/windows/pki/2009/01/enrollment"));
	xml_text(&x, c->id);
	soap_end(&x, out);
}

/* ---- a fault ---- */

/* Twice: where SOAP 1.1 has it, and where clients look that know the form of another issuer of tickets. */
void soap_fault_print(str text, bool is_ours, struct buf *out)
{
	struct xml x;
	soap_open_body(&x, out);
	xml_open(&x, "s:Fault");
	xml_element(&x, "faultcode", is_ours ? STR("s:Server") : STR("s:Client"));
	xml_element(&x, "faultstring", text);
	xml_open(&x, "s:Detail");
	xml_open(&x, "psf:error");
	xml_attr(&x, "xmlns:psf", STR("http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"));
	xml_open(&x, "psf:internalerror");
	xml_element(&x, "psf:text", text);
	soap_end(&x, out);
}

/* ---- what services there are ---- */

static void add_port(struct xml *x, const char *port, str base, const char *path)
{
	struct buf url DEFER(buf_fini) = { 0 };
	buf_init(&url, 2 * SOAP_URL_MAX);
	buf_printf(&url, "%.*s%s", STR_FMT(base), path);
	xml_open(x, "wsdl:port");
	xml_attr(x, "name", str_of(port));
	xml_open(x, "soap:address");
	xml_attr(x, "location", buf_str(&url));
	xml_close(x);
	xml_close(x);
}

static void open_definitions(struct xml *x, const char *name, struct buf *out)
{
	xml_init(x, out);
	xml_open(x, "wsdl:definitions");
	xml_attr(x, "name", str_of(name));
	xml_attr(x, "xmlns:wsdl", STR(WSDL));
	xml_attr(x, "xmlns:soap", STR(WSDL "soap/"));
	xml_attr(x, "xmlns:wsp", STR(POLICY));
	xml_attr(x, "xmlns:wsu", STR(SOAP_WSU));
}

void soap_ticket_service_print(str base, struct buf *out)
{
	struct xml x;
	open_definitions(&x, "WebTicketService", out);
	xml_open(&x, "wsdl:service");
	xml_attr(&x, "name", STR("WebTicketService"));
	add_port(&x, "WebTicketServiceWinNegotiate", base, "/WebTicket/WebTicketService.svc/Auth");
	soap_end(&x, out);
}

/* The policy says where the ticket comes from that the port of the same name asks for. */
static void add_policy(struct xml *x, const char *name, const char *tokens, str base)
{
	struct buf url DEFER(buf_fini) = { 0 };
	buf_init(&url, 2 * SOAP_URL_MAX);
	buf_printf(&url, "%.*s/WebTicket/WebTicketService.svc", STR_FMT(base));
	xml_open(x, "wsp:Policy");
	xml_attr(x, "wsu:Id", str_of(name));
	xml_open(x, "wsp:ExactlyOne");
	xml_open(x, "wsp:All");
	xml_open(x, tokens);
	xml_attr(x, "xmlns:sp", STR(SP));
	xml_open(x, "wsp:Policy");
	xml_open(x, "sp:IssuedToken");
	xml_open(x, "Issuer");
	xml_attr(x, "xmlns", STR(SP));
	xml_open(x, "Address");
	xml_attr(x, "xmlns", STR("http://www.w3.org/2005/08/addressing"));
	xml_text(x, buf_str(&url));
	for (int i = 0; i < 8; i++)
		xml_close(x);
}

void soap_certificate_service_print(str base, struct buf *out)
{
	struct xml x;
	open_definitions(&x, "CertProvisioningService", out);
	add_policy(&x, "CertProvisioningServiceWebTicketProof_SHA1_policy", "sp:EndorsingSupportingTokens", base);
	xml_open(&x, "wsdl:service");
	xml_attr(&x, "name", STR("CertProvisioningService"));
	add_port(&x, "CertProvisioningServiceWebTicketProof_SHA1", base, "/CertProv/CertProvisioningService.svc/WebTicket_Proof_SHA1");
	soap_end(&x, out);
}

void soap_book_service_print(str base, struct buf *out)
{
	struct xml x;
	open_definitions(&x, "AddressBook", out);
	add_policy(&x, "AddressBookWebTicketBearer_policy", "sp:SignedSupportingTokens", base);
	xml_open(&x, "wsdl:service");
	xml_attr(&x, "name", STR("AddressBook"));
	add_port(&x, "AddressBookWebTicketBearer", base, "/groupexpansion/service.svc/WebTicket_Bearer");
	soap_end(&x, out);
}
