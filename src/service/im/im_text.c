/* SPDX-License-Identifier: Apache-2.0 */
#include "service/im/im_text.h"

#include "base/enc.h"
#include "wire/mime.h"

#define PARTS_MAX 8 /* of a multipart body that are looked at */

static err set_plain(struct im_text *t, str params, str text, struct arena *a)
{
	str charset = { "UTF-8", 5 };
	(void)sip_param(params, STR("charset"), &charset);
	t->plain_type = arena_join(a, (const str[]){ STR("text/plain;charset="), charset }, 2);
	t->plain = text;
	ENSURE(t->plain_type.p != NULL && text.p != NULL, CEILING);
	return OK;
}

/* One body, or one part of several. */
static err read_part(str value, str body, struct arena *a, struct im_text *t)
{
	str params, type = mime_type(value, &params);
	if (str_eq_case(type, STR("text/plain")))
		return set_plain(t, params, body, a);
	if (str_eq_case(type, STR("text/rtf"))) {
		t->is_rtf = true;
		return OK;
	}
	ENSURE(str_eq_case(type, STR("text/html")), SIP_MEDIA_TYPE);
	t->is_html = true;
	return t->plain.p == NULL ? set_plain(t, params, im_text_strip(body, a), a) : OK;
}

/* All forms of one text: plain wins over what could be made of HTML, wherever it stands. What cannot be read is passed over. */
static err read_multipart(str params, str body, struct arena *a, struct im_text *t)
{
	struct mime_walk w;
	struct mime_part part;
	str boundary;
	ENSURE(sip_param(params, STR("boundary"), &boundary), SIP_MEDIA_TYPE);
	ENSURE(!failed(mime_begin(&w, sip_unquote(boundary, a), body)), SIP_MEDIA_TYPE);
	for (unsigned i = 0; i < PARTS_MAX && mime_next(&w, &part); i++) {
		str content;
		err e = mime_decode(mime_field(part.header, STR("Content-Transfer-Encoding")), part.body, a, &content);
		if (!failed(e))
			e = read_part(mime_field(part.header, STR("Content-Type")), str_trim(content), a, t);
		if (failed(e) && !err_is(e, ERR_SIP_MEDIA_TYPE) && !err_is(e, ERR_MALFORMED))
			return e;
	}
	ENSURE(t->plain.p != NULL || t->is_rtf, SIP_MEDIA_TYPE);
	return OK;
}

/* RFC 3994 4, or <KeyboardActivity><status status="type"/></KeyboardActivity>. */
static err read_typing(str body, struct xml_reader *xml, struct arena *a, struct im_text *t)
{
	struct xml_node *root;
	ENSURE(!failed(xml_tree_read(xml, body, NULL, a, &root, NULL)), SIP_MEDIA_TYPE);
	t->is_typing = true;
	if (str_eq(root->name, STR("KeyboardActivity")))
		t->is_active = str_eq(xml_attribute(xml_child(root, STR("status")), STR("status")), STR("type"));
	else if (str_eq(root->name, STR("isComposing")))
		t->is_active = str_eq(xml_node_text(xml_child(root, STR("state")), a), STR("active"));
	else
		return ERR(SIP_MEDIA_TYPE);
	return OK;
}

err im_text_read(const struct sip_msg *m, struct xml_reader *xml, struct arena *a, struct im_text *t)
{
	str params, value = sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), type = mime_type(value, &params);
	*t = (struct im_text){ .type = value, .body = m->body };
	if (str_eq_case(type, IM_COMPOSING_TYPE) || (m->method == SIP_METHOD_INFO && str_eq_case(type, IM_KEYBOARD_TYPE)))
		return read_typing(m->body, xml, a, t);
	if (str_eq_case(type, STR("multipart/alternative")) || str_eq_case(type, STR("multipart/related")))
		return read_multipart(params, m->body, a, t);
	return read_part(value, m->body, a, t);
}

/* ---- the text of an INVITE ---- */

static bool decode(str text, struct arena *a, str *out)
{
	size_t n = text.n;
	char *bytes = arena_alloc(a, n + 1);
	if (bytes == NULL || text.n == 0 || failed(enc_base64_read(text, bytes, &n)))
		return false;
	*out = (str){ bytes, n };
	return true;
}

/* "text/html; charset=UTF-8;ms-body=...": the type as a MESSAGE would have it is all before ms-body. */
static bool read_format(str value, struct arena *a, struct im_text *t)
{
	str params, encoded, body;
	const str name = { ";ms-body=", 9 };
	(void)mime_type(value, &params);
	if (!sip_param(params, STR("ms-body"), &encoded) || !decode(sip_unquote(encoded, a), a, &body))
		return false;
	size_t end = 0;
	while (end < value.n && !str_begins_case(str_cut(value, end, value.n), name))
		end++;
	*t = (struct im_text){ .type = str_cut(value, 0, end), .body = body };
	return !failed(read_part(t->type, body, a, t)) && t->plain.p != NULL;
}

bool im_text_first(const struct sip_msg *m, struct arena *a, struct im_text *out)
{
	for (size_t i = 0; i < m->n_hdrs; i++)
		if (str_eq_case(m->hdrs[i].name, STR("ms-text-format")) && read_format(m->hdrs[i].value, a, out))
			return true;
	return false;
}

/* "m=message 5061 sip null", "m=x-ms-message 5060 sip null" */
static bool is_messages(str line)
{
	str rest, medium = str_split(line, ' ', &rest);
	if (!str_eq_case(medium, STR("m=message")) && !str_eq_case(medium, STR("m=x-ms-message")))
		return false;
	(void)str_split(rest, ' ', &rest);
	return str_eq_case(str_trim(str_split(rest, ' ', &rest)), STR("sip"));
}

bool im_text_is_offer(const struct sip_msg *m)
{
	str params, rest = m->body;
	unsigned n = 0;
	if (!str_eq_case(mime_type(sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), &params), STR("application/sdp")))
		return false;
	while (rest.n != 0) {
		str line = str_split(rest, '\n', &rest);
		if (!str_begins_case(line, STR("m=")))
			continue;
		if (!is_messages(str_trim(line)))
			return false;
		n++;
	}
	return n == 1;
}

/* ---- typing ---- */

str im_text_composing(bool is_active)
{
	return is_active ? STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state>"
			       "<contenttype>text/plain</contenttype><refresh>60</refresh></isComposing>\n")
			 : STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>idle</state></isComposing>\n");
}

str im_text_keyboard(bool is_active)
{
	return is_active ? STR("<?xml version=\"1.0\"?><KeyboardActivity><status status=\"type\" /></KeyboardActivity>")
			 : STR("<?xml version=\"1.0\"?><KeyboardActivity><status status=\"idle\" /></KeyboardActivity>");
}
