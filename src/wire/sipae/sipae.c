/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sipae.h"

#include "wire/credentials.h"

struct values {
	str opaque, realm, targetname, token, version, random, number, response;
};

static const struct credentials_param params[] = {
#define PARAM(text, member)                                                \
	{                                                                  \
		{ text, sizeof text - 1 }, offsetof(struct values, member) \
	}
	PARAM("opaque", opaque),
	PARAM("realm", realm),
	PARAM("targetname", targetname),
	PARAM("gssapi-data", token),
	PARAM("version", version),
	PARAM("crand", random),
	PARAM("cnum", number),
	PARAM("response", response),
#undef PARAM
};

static const str schemes[SIPAE_SCHEMES] = { { "Kerberos", 8 }, { "NTLM", 4 }, { "TLS-DSK", 7 } };

str sipae_scheme_name(enum sipae_scheme s)
{
	return schemes[s];
}

static err refuse(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(MALFORMED), "Authorization", "see MS-SIPAE 2.2.1", "%s", what);
}

static bool find_scheme(str name, enum sipae_scheme *out)
{
	for (unsigned i = 0; i < SIPAE_SCHEMES; i++)
		if (str_eq_case(name, schemes[i])) {
			*out = (enum sipae_scheme)i;
			return true;
		}
	return false;
}

static err read_numbers(const struct values *v, struct sipae_credentials *out, struct diag *d)
{
	uint32_t version = 2;
	if (v->version.n != 0 && (!str_to_u32(v->version, &version) || version < 2 || version > SIPAE_VERSION))
		return refuse(d, "version is not 2, 3 or 4");
	if (v->number.n != 0 && !str_to_u32(v->number, &out->number))
		return refuse(d, "cnum is no number");
	out->version = version;
	return OK;
}

err sipae_parse(str value, struct sipae_credentials *out, struct diag *d)
{
	struct scan in = scan_of(value);
	struct values v = { 0 };
	str scheme;
	*out = (struct sipae_credentials){ 0 };
	TRY(credentials_scheme(&in, &scheme, d));
	out->is_known = find_scheme(scheme, &out->scheme);
	if (!out->is_known)
		return OK;
	TRY(credentials_params(&in, params, sizeof params / sizeof params[0], SIPAE_TOKEN_MAX, &v, d));
	if (v.opaque.n > SIPAE_OPAQUE_MAX)
		return refuse(d, "opaque is too long");
	out->opaque = v.opaque;
	out->realm = v.realm;
	out->targetname = v.targetname;
	out->token = v.token;
	out->has_token = v.token.p != NULL;
	out->random = v.random;
	out->number_raw = v.number;
	out->response = v.response;
	return read_numbers(&v, out, d);
}

/* ---- what is signed ---- */

static void add_field(struct buf *out, str value)
{
	buf_add_char(out, '<');
	buf_add(out, value);
	buf_add_char(out, '>');
}

/* The first SIP and the first tel URI of the identity that is asserted, or else preferred. */
static void find_identity(const struct sip_msg *m, str *sip, str *tel)
{
	enum sip_hdr_id id = sip_hdr_first(m, SIP_HDR_P_ASSERTED_IDENTITY) != NULL ? SIP_HDR_P_ASSERTED_IDENTITY : SIP_HDR_P_PREFERRED_IDENTITY;
	struct sip_walk walk = { 0 };
	struct sip_addr a;
	str value;
	*sip = *tel = STR("");
	while (sip_walk_next(m, id, &walk, &value)) {
		if (failed(sip_addr_parse(value, &a, NULL)))
			continue;
		str *to = a.uri.kind == URI_TEL ? tel : a.uri.kind == URI_SIP || a.uri.kind == URI_SIPS ? sip : NULL;
		if (to != NULL && to->n == 0)
			*to = a.uri.raw;
	}
}

void sipae_text(const struct sip_msg *m, const struct sipae_stamp *s, struct buf *out)
{
	bool is_new = s->version > 2;
	str sip, tel, rest;
	find_identity(m, &sip, &tel);
	add_field(out, schemes[s->scheme]);
	add_field(out, s->random);
	add_field(out, s->number);
	add_field(out, s->realm);
	add_field(out, s->targetname);
	add_field(out, m->call_id);
	add_field(out, str_split(sip_hdr_value(m, SIP_HDR_CSEQ), ' ', &rest)); /* as it stands, leading zeros too */
	add_field(out, m->cseq_method);
	add_field(out, m->from.uri.raw);
	add_field(out, m->from_tag);
	if (is_new)
		add_field(out, m->to.uri.raw);
	add_field(out, m->to_tag);
	if (is_new) {
		add_field(out, sip);
		add_field(out, tel);
	}
	add_field(out, sip_hdr_value(m, SIP_HDR_EXPIRES));
	if (!m->is_request)
		buf_printf(out, "<%u>", m->status);
}

/* ---- what a server writes ---- */

void sipae_target_print(enum sipae_scheme s, str fqdn, struct buf *out)
{
	if (s == SIPAE_KERBEROS)
		buf_add(out, STR("sip/"));
	buf_add(out, fqdn);
}

void sipae_challenge_print(const struct sipae_challenge *c, struct buf *out)
{
	buf_add(out, schemes[c->scheme]);
	if (c->opaque.n != 0)
		buf_printf(out, " opaque=\"%.*s\", gssapi-data=\"%.*s\",", STR_FMT(c->opaque), STR_FMT(*c->token));
	buf_printf(out, " realm=\"" SIPAE_REALM "\", targetname=\"%.*s\", version=%u", STR_FMT(c->targetname), c->version);
	if (c->sts_uri.n != 0)
		buf_printf(out, ", sts-uri=\"%.*s\"", STR_FMT(c->sts_uri));
}

void sipae_sign_print(str message, const struct sipae_stamp *s, str opaque, str signature, struct buf *out)
{
	size_t line = str_find_char(message, '\n');
	line += line < message.n;
	buf_add(out, str_cut(message, 0, line));
	buf_printf(out, "Authentication-Info: %.*s qop=\"auth\", opaque=\"%.*s\", srand=\"%.*s\", snum=\"%.*s\", rspauth=\"%.*s\", targetname=\"%.*s\", realm=\"%.*s\", version=%u\r\n",
		STR_FMT(schemes[s->scheme]), STR_FMT(opaque), STR_FMT(s->random), STR_FMT(s->number), STR_FMT(signature), STR_FMT(s->targetname),
		STR_FMT(s->realm), s->version);
	buf_add(out, str_cut(message, line, message.n));
}

/* ---- who is it? ---- */

str sipae_epid(const struct sip_msg *m)
{
	str epid;
	return sip_param(m->from.params, STR("epid"), &epid) ? epid : STR("");
}

bool sipae_is_client(const struct sip_msg *m)
{
	if (sip_param(m->from.params, STR("epid"), NULL))
		return true;
	for (size_t i = 0; i < m->n_hdrs; i++)
		if (m->hdrs[i].id == SIP_HDR_OTHER && str_begins_case(m->hdrs[i].name, STR("ms-")))
			return true;
	return false;
}
