/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says, as it is shown, and the rules that find something in it. */
#include "service/wall/wall_priv.h"

#include "wire/link.h"
#include "wire/mime.h"
#include "wire/number.h"

enum { DEPTH_MAX = 4, WORK = 4 << 20 };

bool wall_content_new(struct wall *w, str name, const struct cs_MessageContentRule *row)
{
	struct diag d = { 0 };
	if (w->n_contents == WALL_CONTENT_MAX)
		return false;
	struct wall_content *c = &w->contents[w->n_contents];
	*c = (struct wall_content){ .name = name, .row = row };
	c->action = str_eq(row->Action, STR("Block")) ? WALL_DENY : str_eq(row->Action, STR("Warn")) ? WALL_WARN : WALL_LOG;
	if (str_eq(row->Detect, STR("Pattern")) && (row->Pattern.n == 0 || failed(pattern_new(row->Pattern, PATTERN_CASELESS, &c->pattern, &d))))
		return false;
	w->n_contents++;
	return true;
}

static bool finds(const struct wall_content *c, str text)
{
	if (c->pattern != NULL)
		return pattern_match(c->pattern, text, NULL, NULL);
	return str_eq(c->row->Detect, STR("Iban")) ? number_has_iban(text) : number_has_card(text);
}

struct look {
	const struct wall *w;
	struct arena *arena;
	uint64_t rules, found;
};

static void look_at_text(struct look *l, str text)
{
	for (size_t i = 0; i < l->w->n_contents; i++)
		if ((l->rules & ~l->found) >> i & 1 && finds(&l->w->contents[i], text))
			l->found |= UINT64_C(1) << i;
}

static err read_text(struct look *l, str type, str body)
{
	struct arena work;
	struct link_text t;
	enum link_form form = str_eq_case(type, STR("text/html")) ? LINK_HTML : str_eq_case(type, STR("text/rtf")) ? LINK_RTF : LINK_PLAIN;
	arena_init(&work, WORK);
	err e = link_read(form, body, &work, &t);
	if (!failed(e))
		look_at_text(l, (str){ t.p, t.n });
	arena_fini(&work);
	ENSURE(!err_is(e, ERR_MALFORMED), SIP_MEDIA_TYPE);
	return e;
}

static err read_body(struct look *l, str value, str body, unsigned depth);

static err read_part(struct look *l, const struct mime_part *part, unsigned depth)
{
	str body, type = mime_field(part->header, STR("Content-Type"));
	err e = mime_decode(mime_field(part->header, STR("Content-Transfer-Encoding")), part->body, l->arena, &body);
	ENSURE(!err_is(e, ERR_MALFORMED), SIP_MEDIA_TYPE);
	TRY(e);
	return read_body(l, type.n != 0 ? type : STR("text/plain"), body, depth + 1);
}

static err read_parts(struct look *l, str params, str body, unsigned depth)
{
	struct mime_walk walk;
	struct mime_part part;
	str boundary = STR("");
	(void)sip_param(params, STR("boundary"), &boundary);
	ENSURE(!failed(mime_begin(&walk, sip_unquote(boundary, l->arena), body)), SIP_MEDIA_TYPE);
	for (unsigned n = 0; mime_next(&walk, &part); n++) {
		ENSURE(n < MIME_PARTS_MAX, SIP_MEDIA_TYPE);
		TRY(read_part(l, &part, depth));
	}
	return OK;
}

static err read_body(struct look *l, str value, str body, unsigned depth)
{
	str params, type = mime_type(value, &params);
	ENSURE(depth < DEPTH_MAX, SIP_MEDIA_TYPE);
	if (str_begins_case(type, STR("multipart/")))
		return read_parts(l, params, body, depth);
	if (str_eq_case(type, STR("message/cpim"))) {
		struct mime_part part = mime_cut(mime_cut(body).body);
		return read_part(l, &part, depth);
	}
	return str_begins_case(type, STR("text/")) ? read_text(l, type, body) : OK;
}

err wall_content_find(const struct wall *w, str type, str body, struct arena *a, uint64_t rules, uint64_t *found)
{
	struct look l = { w, a, rules, 0 };
	err e = read_body(&l, type, body, 0);
	*found = l.found;
	return e;
}
