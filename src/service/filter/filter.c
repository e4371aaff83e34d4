/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are looked at, and the text that an INVITE carries in its header. */
#include "service/filter/filter_priv.h"

#include "base/enc.h"
#include "wire/mime.h"

static bool is_on(const struct filter_look *l)
{
	return l->im->Enabled || l->file->Enabled;
}

/* ---- ms-text-format: "text/html; charset=UTF-8;ms-body=..." ---- */

static err decode(str text, struct arena *a, str *out)
{
	size_t n = text.n + 1;
	char *bytes = arena_alloc(a, n);
	ENSURE(bytes != NULL, CEILING);
	ENSURE(!failed(enc_base64_read(text, bytes, &n)), SIP_MEDIA_TYPE);
	*out = (str){ bytes, n };
	return OK;
}

/* The value with another body: all before its base64, the new one, all after it. */
static err replace(str value, str old, str body, struct arena *a, str *out)
{
	size_t at = (size_t)(old.p - value.p), n = ENC_BASE64_SIZE(body.n);
	char *text = arena_alloc(a, n + 1);
	ENSURE(text != NULL, CEILING);
	enc_base64(body.p, body.n, text);
	*out = arena_join(a, (const str[]){ str_cut(value, 0, at), { text, n }, str_cut(value, at + old.n, value.n) }, 3);
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

static str without_quotes(str s)
{
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_cut(s, 1, s.n - 1) : s;
}

static err look_at_format(struct filter_look *l, struct sip_msg *m, size_t i)
{
	str params, encoded, body, changed, value = m->hdrs[i].value, type = mime_type(value, &params);
	if (!sip_param(params, STR("ms-body"), &encoded))
		return OK;
	encoded = without_quotes(encoded);
	TRY(decode(encoded, l->arena, &body));
	TRY(filter_body(l, type, body, 0, &changed));
	if (changed.p == NULL)
		return OK;
	TRY(replace(value, encoded, changed, l->arena, &value));
	return sip_msg_change_value(m, i, value, l->arena);
}

static err look_at_formats(struct filter_look *l, struct sip_msg *m)
{
	for (size_t i = 0; i < m->n_hdrs; i++)
		if (str_eq_case(m->hdrs[i].name, STR("ms-text-format")))
			TRY(look_at_format(l, m, i));
	return OK;
}

/* ---- the stage ---- */

static err look_at(struct filter_look *l, struct sip_msg *m)
{
	str changed, encoding = sip_hdr_value(m, SIP_HDR_CONTENT_ENCODING);
	TRY(look_at_formats(l, m));
	if (m->body.n == 0)
		return OK;
	ENSURE(encoding.n == 0 || str_eq_case(encoding, STR("identity")), SIP_MEDIA_TYPE);
	TRY(filter_body(l, sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), m->body, 0, &changed));
	if (changed.p != NULL)
		sip_msg_change_body(m, changed);
	return OK;
}

err filter_stage(void *state, struct request *r, enum stage_verdict *v)
{
	const struct filter *f = state;
	struct filter_look l = {
		.filter = f,
		.im = policies_find(f->policies, SCHEMA_ID_ImFilterConfiguration, STR("")),
		.file = policies_find(f->policies, SCHEMA_ID_FileTransferFilterConfiguration, STR("")),
		.arena = &r->in->arena,
	};
	*v = STAGE_NEXT;
	if (!is_on(&l) || r->is_own)
		return OK;
	err e = look_at(&l, &r->in->msg);
	if (failed(e))
		meter_add(r->answers->meter, METER_FILTER_REFUSED, 1);
	else if (l.links != 0)
		meter_add(r->answers->meter, METER_FILTER_LINKS, l.links);
	return e;
}
