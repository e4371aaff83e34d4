/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies by their types: texts, several parts, and what is in CPIM (RFC 3862). Of several parts those that are changed are written anew, all else stays. */
#include "service/filter/filter_priv.h"

#include "base/enc.h"
#include "wire/mime.h"

/* In these ASCII is ASCII, so that a link can be seen. */
static bool is_readable(str charset)
{
	static const char names[][12] = { "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "windows-125", "koi8-", "gb2312", "gbk", "gb18030", "big5", "euc-" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_begins_case(charset, str_of(names[i])))
			return true;
	return charset.n == 0;
}

static str unquote(str s)
{
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_cut(s, 1, s.n - 1) : s;
}

/* ---- texts ---- */

static const struct {
	char type[20];
	enum link_form form;
} texts[] = { { "text/html", LINK_HTML }, { "text/rtf", LINK_RTF }, { "application/rtf", LINK_RTF }, { "application/xhtml", LINK_HTML } };

/* Any other kind of text is shown as it is. */
static bool find_form(str type, enum link_form *form)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (str_begins_case(type, str_of(texts[i].type))) {
			*form = texts[i].form;
			return true;
		}
	*form = LINK_PLAIN;
	return str_begins_case(type, STR("text/"));
}

static err read_text(struct filter_look *l, str params, enum link_form form, str body, str *out)
{
	str charset = STR("");
	(void)sip_param(params, STR("charset"), &charset);
	ENSURE(is_readable(unquote(charset)), SIP_MEDIA_TYPE);
	return filter_text(l, form, body, out);
}

/* ---- several parts ---- */

/* The header of a part without its encoding. */
static void put_header(struct buf *b, str header)
{
	bool dropped = false;
	while (header.n != 0) {
		str rest, name, line = str_cut(header, 0, str_find_char(header, '\n') + 1);
		header = str_cut(header, line.n, header.n);
		name = str_trim(str_split(line, ':', &rest));
		bool folded = line.p[0] == ' ' || line.p[0] == '\t';
		dropped = folded ? dropped : str_eq_case(name, STR("Content-Transfer-Encoding"));
		if (!dropped)
			buf_add(b, line);
	}
	if (b->n != 0 && b->p[b->n - 1] != '\n')
		buf_add(b, STR("\r\n"));
}

/* A changed body that was encoded goes on in base64. */
static void put_part(struct buf *b, str header, str encoding, str body)
{
	if (encoding.n == 0) {
		buf_add(b, header);
		buf_add(b, STR("\r\n"));
		buf_add(b, body);
		return;
	}
	put_header(b, header);
	buf_add(b, STR("Content-Transfer-Encoding: base64\r\n\r\n"));
	size_t n = ENC_BASE64_SIZE(body.n);
	if (!buf_reserve(b, n))
		return;
	enc_base64(body.p, body.n, b->p + b->n);
	b->n += n;
}

/* Appends what has become of the part to b; from: what of the whole is not there yet. */
static err look_at_part(struct filter_look *l, const struct mime_part *part, str whole, unsigned depth, size_t *from, struct buf *b)
{
	str encoding = mime_field(part->header, STR("Content-Transfer-Encoding")), type = mime_field(part->header, STR("Content-Type")), body, changed;
	ENSURE(!err_is(mime_decode(encoding, part->body, l->arena, &body), ERR_MALFORMED), SIP_MEDIA_TYPE);
	TRY(filter_body(l, type.n != 0 ? type : STR("text/plain"), body, depth + 1, &changed));
	if (changed.p == NULL)
		return OK;
	size_t begin = (size_t)(part->header.p - whole.p), end = (size_t)(part->body.p - whole.p) + part->body.n;
	buf_add(b, str_cut(whole, *from, begin));
	put_part(b, part->header, body.p == part->body.p ? STR("") : encoding, changed);
	*from = end;
	return OK;
}

static err finish(struct filter_look *l, str whole, size_t from, struct buf *b, str *out)
{
	if (from == 0)
		return OK;
	buf_add(b, str_cut(whole, from, whole.n));
	*out = arena_copy(l->arena, buf_str(b));
	ENSURE(!b->failed && out->p != NULL, CEILING);
	return OK;
}

static err read_parts(struct filter_look *l, str params, str whole, unsigned depth, str *out)
{
	struct mime_walk w;
	struct mime_part part;
	struct buf b DEFER(buf_fini) = { 0 };
	str boundary = STR("");
	size_t from = 0;
	unsigned n = 0;
	(void)sip_param(params, STR("boundary"), &boundary);
	ENSURE(!failed(mime_begin(&w, unquote(boundary), whole)), SIP_MEDIA_TYPE);
	buf_init(&b, FILTER_WORK);
	while (mime_next(&w, &part)) {
		ENSURE(n++ < MIME_PARTS_MAX, SIP_MEDIA_TYPE);
		TRY(look_at_part(l, &part, whole, depth, &from, &b));
	}
	return finish(l, whole, from, &b, out);
}

/* CPIM: headers of the message, an empty line, then a part. */
static err read_cpim(struct filter_look *l, str whole, unsigned depth, str *out)
{
	struct mime_part outer = mime_cut(whole), part = mime_cut(outer.body);
	struct buf b DEFER(buf_fini) = { 0 };
	size_t from = 0;
	buf_init(&b, FILTER_WORK);
	if (outer.body.n == 0)
		return OK;
	TRY(look_at_part(l, &part, whole, depth, &from, &b));
	return finish(l, whole, from, &b, out);
}

err filter_body(struct filter_look *l, str value, str body, unsigned depth, str *out)
{
	enum link_form form;
	str params, type = mime_type(value, &params);
	*out = (str){ NULL, 0 };
	ENSURE(depth < FILTER_DEPTH_MAX, SIP_MEDIA_TYPE);
	if (l->file->Enabled)
		TRY(filter_invitation(l, type, body));
	if (str_begins_case(type, STR("multipart/")))
		return read_parts(l, params, body, depth, out);
	if (!l->im->Enabled || str_begins_case(type, STR("text/x-msmsgs")))
		return OK;
	if (str_eq_case(type, STR("message/cpim")))
		return read_cpim(l, body, depth, out);
	return find_form(type, &form) ? read_text(l, params, form, body, out) : OK;
}
