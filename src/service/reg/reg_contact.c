/* SPDX-License-Identifier: Apache-2.0 */
/* What a REGISTER asks for: RFC 3261 10.2 and 10.3, RFC 5626 4.2 and 6, RFC 5627 5.1, RFC 3327 5.3. */
#include "model/config.h"
#include "service/reg/reg_priv.h"

#define MALFORMED_EXPIRES 3600       /* what cannot be read means this (RFC 3261 10.2.1.1) */
#define BRIEF             3600       /* only shorter wishes may be refused as too brief (RFC 3261 10.3 step 7) */
#define REG_ID_MAX        0x7fffffff /* RFC 5626 4.2.1 */

static bool is_digits(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n != 0;
}

/* Seconds that a contact asks for: its own parameter, the Expires field, or ours. */
static uint32_t asked_seconds(const struct reg *g, const struct sip_msg *m, const struct sip_addr *addr)
{
	uint32_t seconds;
	str value;
	if (sip_param(addr->params, STR("expires"), &value)) {
		if (str_to_u32(value, &seconds))
			return seconds;
		return is_digits(value) ? UINT32_MAX : MALFORMED_EXPIRES;
	}
	if (sip_hdr_seconds(m, SIP_HDR_EXPIRES, &seconds))
		return seconds;
	return sip_hdr_first(m, SIP_HDR_EXPIRES) != NULL ? MALFORMED_EXPIRES : g->config.config->default_expiration;
}

static err read_seconds(const struct reg *g, const struct sip_msg *m, const struct sip_addr *addr, uint32_t *out)
{
	const struct config *c = g->config.config;
	uint32_t seconds = asked_seconds(g, m, addr);
	bool is_brief = seconds != 0 && seconds < c->min_expiration;
	ENSURE(!is_brief || seconds >= BRIEF, SIP_INTERVAL);
	seconds = is_brief ? c->min_expiration : seconds;
	*out = seconds < c->max_expiration ? seconds : c->max_expiration;
	return OK;
}

/* +sip.instance="<urn:uuid:...>" (RFC 5626 4.1), and reg-id */
static err read_instance(const struct sip_addr *addr, struct arena *a, struct reg_contact *c)
{
	str value;
	c->instance = STR("");
	c->reg_id = 0;
	if (!sip_param(addr->params, STR("+sip.instance"), &value))
		return OK; /* a reg-id alone means nothing (RFC 5626 6) */
	c->instance = sip_unquote(value, a);
	ENSURE(c->instance.p != NULL && c->instance.n <= REG_TEXT_MAX, CEILING);
	ENSURE(c->instance.n > 2 && c->instance.p[0] == '<' && c->instance.p[c->instance.n - 1] == '>', MALFORMED);
	if (!sip_param(addr->params, STR("reg-id"), &value))
		return OK;
	ENSURE(str_to_u32(value, &c->reg_id) && c->reg_id != 0 && c->reg_id <= REG_ID_MAX, MALFORMED);
	return OK;
}

/* A GRUU of the same user as his contact would lead back here for ever (RFC 5627 5.1). */
static bool is_own_gruu(const struct reg *g, const struct request *r, const struct uri *u)
{
	str aor;
	return reg_gruu_aor(g, u, &r->in->arena, &aor) && str_eq(aor, r->aor);
}

static err read_contact(const struct reg *g, const struct request *r, str value, struct reg_contact *c)
{
	struct sip_addr addr;
	str q;
	unsigned thousandths = 1000;
	TRY(sip_addr_parse(value, &addr, NULL));
	ENSURE(!addr.is_star && (addr.uri.kind == URI_SIP || addr.uri.kind == URI_SIPS), MALFORMED);
	ENSURE(addr.uri.raw.n <= REG_TEXT_MAX, CEILING);
	ENSURE(!is_own_gruu(g, r, &addr.uri), SIP_FORBIDDEN);
	*c = (struct reg_contact){ .uri = addr.uri };
	TRY(read_instance(&addr, &r->in->arena, c));
	TRY(read_seconds(g, &r->in->msg, &addr, &c->seconds));
	ENSURE(!sip_param(addr.params, STR("q"), &q) || sip_qvalue(q, &thousandths), MALFORMED);
	c->q = (uint16_t)thousandths;
	return OK;
}

/* "*" stands alone, and only to remove everything (RFC 3261 10.2.2 and 10.3 step 6). */
static err check_star(const struct sip_msg *m, const struct reg_wish *w)
{
	uint32_t seconds = 1;
	ENSURE(w->n == 0 && sip_hdr_seconds(m, SIP_HDR_EXPIRES, &seconds) && seconds == 0, MALFORMED);
	return OK;
}

/* A value that names the same contact as an earlier one replaces it. */
static void keep_contact(struct reg_wish *w, const struct reg_contact *c)
{
	size_t i = 0;
	for (; i < w->n; i++) {
		const struct reg_contact *o = &w->contacts[i];
		bool is_outbound = o->reg_id != 0 && c->reg_id != 0;
		if (is_outbound ? o->reg_id == c->reg_id && reg_is_same_instance(o->instance, c->instance)
				: uri_equal(&o->uri, &c->uri))
			break;
	}
	w->contacts[i] = *c;
	w->n = i == w->n ? w->n + 1 : w->n;
}

static err read_contacts(const struct reg *g, const struct request *r, struct reg_wish *w)
{
	const struct sip_msg *m = &r->in->msg;
	struct sip_walk walk = { 0 };
	str value;
	while (sip_walk_next(m, SIP_HDR_CONTACT, &walk, &value)) {
		struct reg_contact c;
		ENSURE(!w->is_star, MALFORMED);
		if (str_eq(value, STR("*"))) {
			TRY(check_star(m, w));
			w->is_star = true;
			continue;
		}
		ENSURE(w->n < REG_CONTACTS_MAX, CEILING);
		TRY(read_contact(g, r, value, &c));
		c.is_endpoint = w->is_dialect && c.instance.n != 0;
		keep_contact(w, &c);
	}
	return OK;
}

/* Path values, the first hop's last, joined. */
static err read_path(const struct request *r, struct reg_wish *w, str *last)
{
	struct sip_walk walk = { 0 };
	struct buf b DEFER(buf_fini) = { 0 };
	str value;
	*last = STR("");
	buf_init(&b, REG_TEXT_MAX);
	while (sip_walk_next(&r->in->msg, SIP_HDR_PATH, &walk, &value)) {
		if (b.n != 0)
			buf_add(&b, STR(", "));
		buf_add(&b, value);
		*last = value;
	}
	ENSURE(!b.failed, CEILING);
	w->path = arena_copy(&r->in->arena, buf_str(&b));
	ENSURE(w->path.p != NULL || b.n == 0, NO_MEMORY);
	return OK;
}

static bool came_through_others(const struct sip_msg *m)
{
	struct sip_walk walk = { 0 };
	str value;
	return sip_walk_next(m, SIP_HDR_VIA, &walk, &value) && sip_walk_next(m, SIP_HDR_VIA, &walk, &value);
}

/* Does the first hop, which put itself into Path, know outbound: the URI parameter "ob" (RFC 5626 6)? */
static bool has_ob(str path)
{
	struct sip_addr addr;
	return path.n != 0 && !failed(sip_addr_parse(path, &addr, NULL)) && uri_param(&addr.uri, STR("ob"), NULL);
}

/* RFC 5626 6: reg-id counts when the client supports outbound; there may be one; and the first hop must know it too. */
static err read_outbound(const struct sip_msg *m, struct reg_wish *w, str first_hop)
{
	size_t n = 0;
	bool is_supported = sip_has_token(m, SIP_HDR_SUPPORTED, STR("outbound")) ||
			    sip_has_token(m, SIP_HDR_REQUIRE, STR("outbound"));
	for (size_t i = 0; i < w->n; i++) {
		if (!is_supported)
			w->contacts[i].reg_id = 0;
		n += w->contacts[i].reg_id != 0;
	}
	ENSURE(n <= 1, MALFORMED);
	ENSURE(n == 0 || !came_through_others(m) || has_ob(first_hop), SIP_FIRST_HOP);
	w->is_outbound = n != 0;
	return OK;
}

err reg_wish_read(const struct reg *g, const struct request *r, struct reg_wish *w)
{
	const struct sip_msg *m = &r->in->msg;
	str first_hop;
	*w = (struct reg_wish){ .path = STR(""), .is_dialect = sipae_is_client(m) };
	ENSURE(m->call_id.n <= REG_TEXT_MAX, CEILING);
	TRY(read_contacts(g, r, w));
	TRY(read_path(r, w, &first_hop));
	w->wants_gruu =
		sip_has_token(m, SIP_HDR_SUPPORTED, STR("gruu")) || sip_has_token(m, SIP_HDR_REQUIRE, STR("gruu"));
	TRY(read_outbound(m, w, first_hop));
	return w->is_dialect ? reg_dialect_check(r, w) : OK;
}
