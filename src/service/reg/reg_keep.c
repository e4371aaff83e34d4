/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings as bytes, which the process of their connection keeps for a home that starts anew. Integers are
 * little-endian. */
#include "model/config.h"
#include "service/reg/reg_priv.h"

#define FORMAT 2

static void add_number(struct buf *out, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_char(out, (char)(v >> 8 * i & 0xff));
}

static void add_text(struct buf *out, str s)
{
	add_number(out, s.n, 2);
	buf_add(out, s);
}

static void add_binding(const struct reg *g, const struct reg_binding *b, struct buf *out)
{
	uint64_t now = reg_now(g), left = b->expires_ms > now ? b->expires_ms - now : 0;
	add_number(out, reg_unix_ms(g) + left, 8);
	add_number(out, b->cseq, 4);
	add_number(out, b->reg_id, 4);
	add_number(out, b->since, 4);
	add_number(out, b->q, 2);
	add_text(out, reg_uri(b));
	add_text(out, reg_call_id(b));
	add_text(out, reg_instance(b));
	add_text(out, reg_path(b));
	add_text(out, reg_epid(b));
}

void reg_binding_print(const struct reg *g, const struct flow *f, str aor, struct buf *out)
{
	const struct reg_user *u = reg_user_find(g, aor);
	const struct reg_binding *list[REG_TARGETS_MAX];
	size_t n = 0;
	for (const struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL && n < REG_TARGETS_MAX;
		b = b->next)
		if (flow_eq(&b->flow, f))
			list[n++] = b;
	if (n != 0)
		add_number(out, FORMAT, 1);
	while (n != 0)
		add_binding(g, list[--n], out); /* the oldest first: they are restored in this order */
}

/* ---- the way back ---- */

static bool take_number(str *rest, size_t n, uint64_t *out)
{
	if (rest->n < n)
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out |= (uint64_t)(unsigned char)rest->p[i] << 8 * i;
	*rest = str_cut(*rest, n, rest->n);
	return true;
}

static bool take_text(str *rest, str *out)
{
	uint64_t n;
	if (!take_number(rest, 2, &n) || n > rest->n || n > REG_TEXT_MAX)
		return false;
	*out = str_cut(*rest, 0, n);
	*rest = str_cut(*rest, n, rest->n);
	return true;
}

/* One binding; expiry as wall-clock time goes to *until. */
static err take_binding(str *rest, struct reg_fields *f, uint64_t *until)
{
	uint64_t cseq, reg_id, since, q;
	ENSURE(take_number(rest, 8, until) && take_number(rest, 4, &cseq) && take_number(rest, 4, &reg_id) &&
			take_number(rest, 4, &since) && take_number(rest, 2, &q) && q <= 1000,
		MALFORMED);
	ENSURE(take_text(rest, &f->uri) && take_text(rest, &f->call_id) && take_text(rest, &f->instance) &&
			take_text(rest, &f->path) && take_text(rest, &f->epid) && f->epid.n <= REG_EPID_MAX,
		MALFORMED);
	f->cseq = (uint32_t)cseq;
	f->reg_id = (uint32_t)reg_id;
	f->since = (uint32_t)since;
	f->q = (uint16_t)q;
	return OK;
}

static err restore(struct reg *g, struct reg_user *u, struct reg_fields *f, uint64_t until)
{
	struct reg_contact c = { .instance = f->instance, .reg_id = f->reg_id, .seconds = 1 };
	uint64_t now = reg_unix_ms(g), longest = (uint64_t)g->config.config->max_expiration * 1000;
	TRY(uri_parse(f->uri, &c.uri, NULL));
	if (until <= now || reg_match(u, &c) != NULL)
		return OK;
	f->expires_ms = reg_now(g) + (until - now < longest ? until - now : longest);
	struct reg_binding *b = reg_binding_new(f);
	ENSURE(b != NULL, NO_MEMORY);
	b->id = ++g->next_id;
	b->event = REG_REGISTERED;
	reg_binding_link(g, u, b);
	return OK;
}

err reg_binding_restore(struct reg *g, const struct flow *f, str aor, str bytes)
{
	struct reg_user *u;
	struct reg_fields fields = { .flow = *f };
	uint64_t format, until;
	size_t n = 0;
	err e = OK;
	ENSURE(take_number(&bytes, 1, &format) && format == FORMAT, MALFORMED);
	TRY(reg_user_get(g, aor, &u));
	while (!failed(e) && bytes.n != 0 && n++ < REG_TARGETS_MAX) {
		e = take_binding(&bytes, &fields, &until);
		if (!failed(e))
			e = restore(g, u, &fields, until);
	}
	reg_changed(g, u, NULL, NULL);
	return e;
}
