/* SPDX-License-Identifier: Apache-2.0 */
/* GetAndPublishCert: the request for a certificate, the ticket beside it, and the signature that binds both to the ticket's key. */
#include "wire/soap/soap_priv.h"

#include "base/crypt.h"

#define EXCLUSIVE "http://www.w3.org/2001/10/xml-exc-c14n#"
#define HMAC_SHA1 SOAP_DSIG "hmac-sha1"
#define SHA1      SOAP_DSIG "sha1"

static err refused(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(REFUSED), "Security", "see [MS-OCAUTHWS]", "%s", what);
}

static bool is_algorithm(const struct xml_node *n, const char *want)
{
	str is = xml_attribute(n, STR("Algorithm"));
	return is.p != NULL && str_eq(is, str_of(want)) && xml_child(n, STR("InclusiveNamespaces")) == NULL;
}

/* One transform at most, and that is the canonical form. */
static bool are_transforms(const struct xml_node *reference)
{
	const struct xml_node *all = xml_child(reference, STR("Transforms")), *first = xml_child(all, STR("Transform"));
	return all == NULL || (first != NULL && xml_sibling(first, STR("")) == NULL && is_algorithm(first, EXCLUSIVE));
}

static err check_algorithms(const struct xml_node *info, const struct xml_node *reference, struct diag *d)
{
	if (reference == NULL || xml_sibling(reference, STR("Reference")) != NULL)
		return refused(d, "the signature does not cover the timestamp alone");
	if (is_algorithm(xml_child(info, STR("CanonicalizationMethod")), EXCLUSIVE) && is_algorithm(xml_child(info, STR("SignatureMethod")), HMAC_SHA1) &&
		is_algorithm(xml_child(reference, STR("DigestMethod")), SHA1) && are_transforms(reference))
		return OK;
	return refused(d, "the signature is made by an algorithm that is not taken: only exclusive canonical form, HMAC-SHA-1 and SHA-1 are");
}

/* The reference means the one timestamp of this header by its Id, and no other element. */
static bool is_of(const struct xml_node *reference, const struct xml_node *timestamp)
{
	str uri = xml_attribute(reference, STR("URI")), id = xml_attribute(timestamp, STR("Id"));
	return uri.p != NULL && id.p != NULL && uri.n == id.n + 1 && id.n != 0 && uri.p[0] == '#' && str_eq(str_cut(uri, 1, uri.n), id);
}

static err canonical(const struct xml_node *n, struct arena *a, str *out)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, SOAP_MOST);
	soap_canonical_print(n, &b);
	ENSURE(!b.failed, CEILING);
	*out = arena_copy(a, buf_str(&b));
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

static err check_digest(const struct xml_node *reference, const struct xml_node *timestamp, struct arena *a, struct diag *d)
{
	uint8_t digest[20];
	str text, want;
	if (!is_of(reference, timestamp))
		return refused(d, "the signature does not cover the timestamp");
	TRY(canonical(timestamp, a, &text));
	TRY(crypt_sha1(text, digest));
	if (failed(soap_bytes_read(xml_child(reference, STR("DigestValue")), a, sizeof digest, &want)) || want.n != sizeof digest ||
		!crypt_equal(want.p, digest, sizeof digest))
		return refused(d, "the timestamp is not the one that was signed");
	return OK;
}

static err read_times(const struct xml_node *timestamp, struct arena *a, struct soap_certificate_request *out)
{
	TRY(soap_time_read(xml_node_text(xml_child(timestamp, STR("Created")), a), &out->since));
	return soap_time_read(xml_node_text(xml_child(timestamp, STR("Expires")), a), &out->until);
}

static err read_security(const struct xml_node *envelope, struct arena *a, struct soap_certificate_request *out, struct diag *d)
{
	const struct xml_node *security = xml_path(envelope, "Header", "Security", NULL), *timestamp = xml_child(security, STR("Timestamp"));
	const struct xml_node *signature = xml_child(security, STR("Signature")), *info = xml_child(signature, STR("SignedInfo"));
	const struct xml_node *reference = xml_child(info, STR("Reference")), *ticket = xml_child(security, STR("Assertion"));
	if (timestamp == NULL || xml_sibling(timestamp, STR("Timestamp")) != NULL || failed(read_times(timestamp, a, out)))
		return soap_malformed(d, "Timestamp");
	TRY(soap_assertion_read(ticket, a, &out->ticket, d));
	if (xml_sibling(ticket, STR("Assertion")) != NULL || signature == NULL || xml_sibling(signature, STR("Signature")) != NULL || info == NULL ||
		xml_sibling(info, STR("SignedInfo")) != NULL)
		return soap_malformed(d, "signature");
	TRY(check_algorithms(info, reference, d));
	TRY(check_digest(reference, timestamp, a, d));
	TRY(canonical(info, a, &out->signed_bytes));
	if (failed(soap_bytes_read(xml_child(signature, STR("SignatureValue")), a, SOAP_SIGNATURE, &out->signature)) || out->signature.n != SOAP_SIGNATURE)
		return soap_malformed(d, "signature");
	return OK;
}

static bool is_word(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7f)
			return false;
	return s.n <= SOAP_WORD_MAX;
}

/* "{...}" */
static str without_braces(str s)
{
	return s.n >= 2 && s.p[0] == '{' && s.p[s.n - 1] == '}' ? str_cut(s, 1, s.n - 1) : s;
}

static err read_request(const struct xml_node *body, struct arena *a, struct soap_certificate_request *out, struct diag *d)
{
	const struct xml_node *wanted = xml_child(body, STR("RequestSecurityToken")), *token = xml_child(wanted, STR("BinarySecurityToken"));
	str device = xml_attribute(body, STR("DeviceId")), entity = xml_attribute(body, STR("Entity")), type = xml_attribute(token, STR("ValueType"));
	out->device = device.p != NULL ? without_braces(device) : STR("");
	out->entity = entity.p != NULL ? soap_user(entity) : STR("");
	if (!is_word(out->device) || out->entity.n == 0 || out->entity.n > SOAP_URL_MAX)
		return soap_malformed(d, "DeviceId or Entity");
	if (type.p == NULL || type.n < 7 || !str_eq(str_cut(type, type.n - 7, type.n), STR("#PKCS10")) || failed(soap_bytes_read(token, a, SOAP_REQUEST_MAX, &out->request)))
		return soap_malformed(d, "PKCS #10 request in BinarySecurityToken");
	if (failed(soap_text_read(xml_child(wanted, STR("RequestID")), a, SOAP_WORD_MAX, &out->id)))
		return soap_malformed(d, "RequestID");
	return OK;
}

err soap_certificate_request_read(struct xml_reader *r, str text, struct arena *a, struct soap_certificate_request *out, struct diag *d)
{
	const struct xml_node *envelope, *body;
	*out = (struct soap_certificate_request){ .since = 0 };
	TRY(soap_envelope_read(r, text, a, "GetAndPublishCert", &envelope, &body, d));
	TRY(read_security(envelope, a, out, d));
	return read_request(body, a, out, d);
}
