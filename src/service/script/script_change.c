/* SPDX-License-Identifier: Apache-2.0 */
/* A message as scripts change it: rows as received and rows of ours, written and read anew once the script has ended. */
#include "service/script/script_priv.h"

#define MESSAGE_MAX (256u << 10)

static str start_line(const struct sip_msg *m)
{
	return str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n')));
}

bool run_begin_change(struct run *u)
{
	if (!u->has_out)
		sip_out_from(&u->out, &u->in->arena, &u->in->msg, start_line(&u->in->msg));
	u->has_out = true;
	return !u->out.failed;
}

/* The at-th row of that name in the changed message; NULL: there is none. */
struct sip_row *run_row(struct run *u, str name, size_t at, str *value)
{
	enum sip_hdr_id id = sip_hdr_of(name);
	for (unsigned i = 0; i < u->out.n; i++) {
		struct sip_row *row = &u->out.rows[i];
		str is = row->name, rest = row->value;
		if (is.n == 0)
			is = str_trim(str_split(row->line, ':', &rest));
		if (id != SIP_HDR_OTHER ? row->id != id : !str_eq_case(is, name))
			continue;
		if (at-- != 0)
			continue;
		*value = str_trim(rest);
		return row;
	}
	return NULL;
}

err run_retarget(struct run *u, str uri)
{
	struct uri parsed;
	struct inbound *in = u->in;
	ENSURE(!failed(uri_parse(uri, &parsed, NULL)), MALFORMED);
	if (!run_begin_change(u))
		return ERR(CEILING);
	u->out.start = arena_join(&in->arena, (const str[]){ in->msg.method_name, STR(" "), uri, STR(" SIP/2.0") }, 4);
	ENSURE(u->out.start.p != NULL, CEILING);
	u->r->target = STR("");
	if (parsed.has_user && (parsed.kind == URI_SIP || parsed.kind == URI_SIPS) && u->s->c.door.is_domain(u->s->c.arg, parsed.host))
		return uri_aor(&parsed, &in->arena, &u->r->target);
	return OK;
}

static err read_again(struct inbound *in, str text)
{
	static const struct sip_limits limits = { .message = MESSAGE_MAX, .header = MESSAGE_MAX, .body = MESSAGE_MAX, .fields = UINT16_MAX };
	struct sip_msg m;
	str kept = arena_copy(&in->arena, text);
	ENSURE(kept.p != NULL, CEILING);
	TRY(sip_msg_parse(&m, kept, &in->arena, &limits, NULL));
	in->msg = m;
	return OK;
}

err run_end_change(struct run *u)
{
	struct buf b DEFER(buf_fini) = { 0 };
	if (!u->has_out)
		return OK;
	if (u->has_body)
		u->out.body = u->body;
	buf_init(&b, MESSAGE_MAX);
	TRY(sip_out_print(&u->out, &b));
	return read_again(u->in, buf_str(&b));
}
