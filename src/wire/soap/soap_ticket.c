/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for tickets, and tickets that are shown. */
#include "wire/soap/soap_priv.h"

#include <string.h>

/* ---- RequestSecurityToken ---- */

static bool ends_with(str s, const char *z)
{
	str end = str_of(z);
	return s.n >= end.n && str_eq(str_cut(s, s.n - end.n, s.n), end);
}

/* What is not said is what everybody wants. */
static err check_kind(const struct xml_node *request, struct arena *a, struct diag *d)
{
	const struct xml_node *token = xml_child(request, STR("TokenType")), *kind = xml_child(request, STR("RequestType"));
	if (token != NULL && !ends_with(xml_node_text(token, a), "#SAMLV1.1"))
		return diag_fail(d, ERR(REFUSED), "TokenType", "ask for " SOAP_SAML_TYPE, "tickets of this type are not given out");
	if (kind != NULL && !ends_with(xml_node_text(kind, a), "/Issue"))
		return diag_fail(d, ERR(REFUSED), "RequestType", "ask for " SOAP_TRUST "/Issue", "tickets can only be asked for");
	return OK;
}

static err read_key(const struct xml_node *request, struct arena *a, struct soap_ticket_request *out, struct diag *d)
{
	const struct xml_node *secret = xml_path(request, "Entropy", "BinarySecret", NULL), *type = xml_child(request, STR("KeyType"));
	str word = xml_node_text(type, a);
	out->entropy = STR("");
	out->is_bearer = ends_with(word, "/NoProofKey") || ends_with(word, "/Bearer") || (type == NULL && secret == NULL);
	if (out->is_bearer)
		return OK;
	if (type != NULL && !ends_with(word, "/SymmetricKey"))
		return diag_fail(d, ERR(REFUSED), "KeyType", "ask for " SOAP_TRUST "/SymmetricKey", "there are no keys of this type");
	if (failed(soap_bytes_read(secret, a, SOAP_ENTROPY_MAX, &out->entropy)) || out->entropy.n < SOAP_ENTROPY_MIN)
		return soap_malformed(d, "Entropy of 16 to 64 bytes");
	return OK;
}

err soap_ticket_request_read(struct xml_reader *r, str text, struct arena *a, struct soap_ticket_request *out, struct diag *d)
{
	const struct xml_node *envelope, *request;
	*out = (struct soap_ticket_request){ .is_bearer = false };
	TRY(soap_envelope_read(r, text, a, "RequestSecurityToken", &envelope, &request, d));
	TRY(check_kind(request, a, d));
	str context = xml_attribute(request, STR("Context"));
	out->context = context.p != NULL ? context : STR("");
	const struct xml_node *to = xml_path(request, "AppliesTo", "EndpointReference", "Address", NULL);
	if (failed(soap_text_read(to, a, SOAP_URL_MAX, &out->applies_to)) || out->applies_to.n == 0)
		return soap_malformed(d, "address of a service in AppliesTo");
	if (out->context.n > SOAP_WORD_MAX || failed(soap_text_read(xml_path(request, "Claims", "ClaimType", "Value", NULL), a, SOAP_URL_MAX, &out->claimed)))
		return soap_malformed(d, "Context or ClaimType");
	out->claimed = soap_user(out->claimed);
	return read_key(request, a, out, d);
}

/* ---- Assertion ---- */

static err read_facts(const struct xml_node *n, struct arena *a, struct soap_ticket *out)
{
	const struct xml_node *conditions = xml_child(n, STR("Conditions")), *subject = xml_path(n, "AuthenticationStatement", "Subject", NULL);
	out->id = xml_attribute(n, STR("AssertionID"));
	ENSURE(out->id.p != NULL && out->id.n <= SOAP_WORD_MAX && conditions != NULL && subject != NULL, MALFORMED);
	str since = xml_attribute(conditions, STR("NotBefore")), until = xml_attribute(conditions, STR("NotOnOrAfter"));
	ENSURE(since.p != NULL && until.p != NULL, MALFORMED);
	TRY(soap_time_read(since, &out->since));
	TRY(soap_time_read(until, &out->until));
	TRY(soap_text_read(xml_path(conditions, "AudienceRestrictionCondition", "Audience", NULL), a, SOAP_URL_MAX, &out->audience));
	TRY(soap_text_read(xml_child(subject, STR("NameIdentifier")), a, SOAP_URL_MAX, &out->user));
	out->user = soap_user(out->user);
	return soap_bytes_read(xml_path(subject, "SubjectConfirmation", "SubjectConfirmationData", NULL), a, SOAP_SEALED_MAX, &out->sealed);
}

err soap_assertion_read(const struct xml_node *n, struct arena *a, struct soap_ticket *out, struct diag *d)
{
	*out = (struct soap_ticket){ .since = 0 };
	if (n == NULL || !str_eq(n->name, STR("Assertion")) || !str_eq(n->ns, STR(SOAP_SAML)) || failed(read_facts(n, a, out)))
		return diag_fail(d, ERR(MALFORMED), "ticket", "ask for a new one", "the web ticket is not one of this server");
	return OK;
}

err soap_ticket_read(struct xml_reader *r, str text, struct arena *a, struct soap_ticket *out, struct diag *d)
{
	static const struct xml_limits limits = { .bytes = SOAP_MOST, .depth = 16, .nodes = 128, .attributes = 16 };
	struct xml_node *root;
	TRY(xml_tree_read(r, text, &limits, a, &root, d));
	return soap_assertion_read(root, a, out, d);
}
