/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dialog.h"

#include <stdlib.h>

#define ROUTES_MAX 16 /* Record-Route values */

static err read_routes(const struct sip_msg *m, bool is_reversed, struct buf *out)
{
	struct sip_walk walk = { 0 };
	str values[ROUTES_MAX], value;
	size_t n = 0;
	while (sip_walk_next(m, SIP_HDR_RECORD_ROUTE, &walk, &value)) {
		ENSURE(n < ROUTES_MAX, CEILING);
		values[n++] = value;
	}
	for (size_t i = 0; i < n; i++) {
		buf_add(out, i != 0 ? STR(", ") : STR(""));
		buf_add(out, values[is_reversed ? n - 1 - i : i]);
	}
	ENSURE(!out->failed, CEILING);
	return OK;
}

static str keep(char **at, str s)
{
	str kept = { *at, s.n };
	if (s.n != 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

/* tag: ours, to be added to `local`; empty: it is there already. */
static err make(const struct inbound *in, str local, str tag, str remote, str remote_tag, str routes, struct dialog **out)
{
	const str parts[] = { in->msg.call_id, local, tag, remote, remote_tag, routes };
	struct sip_addr contact;
	size_t size = sizeof ";tag=";
	TRY(sip_addr_parse(sip_hdr_value(&in->msg, SIP_HDR_CONTACT), &contact, NULL));
	ENSURE(!contact.is_star && (contact.uri.kind == URI_SIP || contact.uri.kind == URI_SIPS), MALFORMED);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		size += parts[i].n;
	size += contact.uri.raw.n;
	ENSURE(size <= DIALOG_TEXT_MAX, CEILING);
	struct dialog *d = calloc(1, sizeof *d + size);
	ENSURE(d != NULL, NO_MEMORY);
	char *at = d->text;
	d->flow = in->flow;
	d->call_id = keep(&at, in->msg.call_id);
	d->local = keep(&at, local);
	if (tag.n != 0) {
		d->local.n += keep(&at, STR(";tag=")).n;
		d->local.n += keep(&at, tag).n;
	}
	d->remote = keep(&at, remote);
	d->remote_tag = keep(&at, remote_tag);
	d->routes = keep(&at, routes);
	d->target = keep(&at, contact.uri.raw);
	*out = d;
	return OK;
}

err dialog_open_called(const struct inbound *in, str tag, struct dialog **out)
{
	const struct sip_msg *m = &in->msg;
	struct buf routes DEFER(buf_fini) = { 0 };
	buf_init(&routes, DIALOG_TEXT_MAX);
	TRY(read_routes(m, false, &routes));
	TRY(make(in, m->to.raw, tag, m->from.raw, m->from_tag, buf_str(&routes), out));
	(*out)->remote_cseq = m->cseq;
	return OK;
}

err dialog_open_calling(const struct inbound *in, struct dialog **out)
{
	const struct sip_msg *m = &in->msg;
	struct buf routes DEFER(buf_fini) = { 0 };
	buf_init(&routes, DIALOG_TEXT_MAX);
	TRY(read_routes(m, true, &routes));
	TRY(make(in, m->from.raw, STR(""), m->to.raw, m->to_tag, buf_str(&routes), out));
	(*out)->cseq = m->cseq;
	return OK;
}

void dialog_close(struct dialog *d)
{
	free(d);
}

err dialog_take(struct dialog *d, const struct sip_msg *m)
{
	ENSURE(str_eq(d->call_id, m->call_id) && str_eq(d->remote_tag, m->from_tag), SIP_NO_TXN);
	ENSURE(m->cseq > d->remote_cseq, SIP_ORDER);
	d->remote_cseq = m->cseq;
	return OK;
}

err dialog_request(struct dialog *d, enum sip_method_index method, uint32_t cseq, struct arena *a, struct sip_out *o)
{
	str name = sip_method_name(method);
	str start = arena_join(a, (const str[]){ name, STR(" "), d->target, STR(" SIP/2.0") }, 4);
	ENSURE(start.p != NULL, CEILING);
	if (cseq == 0)
		cseq = ++d->cseq;
	sip_out_new(o, a, start);
	if (d->routes.n != 0)
		sip_out_add(o, SIP_HDR_ROUTE, d->routes);
	sip_out_add(o, SIP_HDR_MAX_FORWARDS, STR("70"));
	sip_out_add(o, SIP_HDR_FROM, d->local);
	sip_out_add(o, SIP_HDR_TO, d->remote);
	sip_out_add(o, SIP_HDR_CALL_ID, d->call_id);
	sip_out_addf(o, SIP_HDR_CSEQ, "%u %.*s", cseq, STR_FMT(name));
	return o->failed ? ERR(CEILING) : OK;
}
