/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE: what makes, renews and ends subscriptions. */
#include <stdlib.h>

#include "base/crypt.h"
#include "base/enc.h"
#include "engine/notifier/notifier_priv.h"

/* What a SUBSCRIBE asks for. */
struct wish {
	const struct notifier_package *package;
	void *arg;
	str target, routes;
	uint32_t seconds;
};

static bool find_package(const struct notifier *n, const struct sip_msg *m, struct wish *w)
{
	str rest, event = sip_hdr_value(m, SIP_HDR_EVENT);
	event = str_trim(str_split(event, ';', &rest));
	for (size_t i = 0; i < n->n_packages; i++)
		if (str_eq_case(n->packages[i].package->event, event)) {
			w->package = n->packages[i].package;
			w->arg = n->packages[i].arg;
			return true;
		}
	return false;
}

/* "type/subtype", by "type/subtype", or by type and subtype star, or by two stars */
static bool is_accepted(str accepted, str type)
{
	size_t slash = str_find_char(type, '/');
	return str_eq_case(accepted, type) || str_eq(accepted, STR("*/*")) ||
	       (accepted.n == slash + 2 && str_eq(str_cut(accepted, slash, accepted.n), STR("/*")) && str_begins_case(type, str_cut(accepted, 0, slash + 1)));
}

/* Without Accept the package's own type is meant (RFC 6665 4.1.2.1). */
static bool accepts(const struct sip_msg *m, const struct notifier_package *p)
{
	struct sip_walk walk = { 0 };
	str value, rest;
	if (sip_hdr_first(m, SIP_HDR_ACCEPT) == NULL)
		return true;
	while (sip_walk_next(m, SIP_HDR_ACCEPT, &walk, &value)) {
		str accepted = str_trim(str_split(value, ';', &rest));
		for (const str *type = p->accepts; type->n != 0; type++)
			if (is_accepted(accepted, *type))
				return true;
	}
	return false;
}

static err read_routes(const struct request *r, str *out)
{
	struct sip_walk walk = { 0 };
	struct buf b DEFER(buf_fini) = { 0 };
	str value;
	buf_init(&b, TEXT_MOST);
	while (sip_walk_next(&r->in->msg, SIP_HDR_RECORD_ROUTE, &walk, &value)) {
		if (b.n != 0)
			buf_add(&b, STR(", "));
		buf_add(&b, value);
	}
	ENSURE(!b.failed, CEILING);
	*out = arena_copy(&r->in->arena, buf_str(&b));
	ENSURE(out->p != NULL, NO_MEMORY);
	return OK;
}

static err read_wish(const struct request *r, struct wish *w)
{
	const struct sip_msg *m = &r->in->msg;
	const struct notifier_package *p = w->package;
	struct sip_addr contact;
	uint32_t seconds = p->usual;
	(void)sip_hdr_seconds(m, SIP_HDR_EXPIRES, &seconds);
	w->seconds = seconds < p->longest ? seconds : p->longest;
	ENSURE(w->seconds == 0 || w->seconds >= p->shortest, SIP_INTERVAL);
	TRY(sip_addr_parse(sip_hdr_value(m, SIP_HDR_CONTACT), &contact, NULL));
	ENSURE(!contact.is_star, MALFORMED);
	w->target = contact.uri.raw;
	ENSURE(w->target.n <= TEXT_MOST, CEILING);
	return read_routes(r, &w->routes);
}

static err set_target(struct subscription *s, str target)
{
	char *copy = malloc(target.n + 1);
	ENSURE(copy != NULL, NO_MEMORY);
	memcpy(copy, target.p, target.n);
	free(s->target);
	s->target = copy;
	s->target_n = (uint16_t)target.n;
	return OK;
}

static err make(struct notifier *n, const struct request *r, const struct wish *wish, struct subscription **out)
{
	const struct sip_msg *m = &r->in->msg;
	const str texts[DIALOG_TEXTS] = { m->call_id, m->from.raw, m->from_tag, m->to.raw, sip_hdr_value(m, SIP_HDR_EVENT), wish->routes, r->target };
	uint8_t random[TAG / 2];
	size_t size = 0;
	for (size_t i = 0; i < DIALOG_TEXTS; i++) {
		ENSURE(texts[i].n <= TEXT_MOST, CEILING);
		size += texts[i].n;
	}
	struct subscription *s = calloc(1, sizeof *s + size);
	if (s == NULL || failed(set_target(s, wish->target))) {
		free(s);
		return ERR(NO_MEMORY);
	}
	size = 0;
	for (size_t i = 0; i < DIALOG_TEXTS; i++) {
		s->n[i] = (uint16_t)texts[i].n;
		if (texts[i].n != 0)
			memcpy(s->text + size, texts[i].p, texts[i].n);
		size += texts[i].n;
	}
	crypt_random(random, sizeof random);
	enc_hex(random, sizeof random, s->tag);
	s->notifier = n;
	s->package = wish->package;
	s->arg = wish->arg;
	list_init(&s->of_subject);
	*out = s;
	return OK;
}

static err open_package(struct subscription *s, const struct request *r)
{
	s->notifier->depth++;
	err e = s->package->open(s->arg, s, r);
	s->notifier->depth--;
	return e;
}

/* Puts a new subscription where it is found, and asks its package. */
static err enlist(struct subscription *s, const struct request *r)
{
	struct notifier *n = s->notifier;
	TRY(subscription_start_timer(s));
	err e = subscription_link(s, &r->in->flow);
	if (!failed(e)) {
		e = map_add(&n->by_tag, &s->node);
		if (!failed(e)) {
			e = open_package(s, r);
			if (!failed(e))
				return OK;
			map_remove(&n->by_tag, &s->node);
		}
		subscription_unlink(s);
	}
	timer_clear(n->config.timers, &s->timer);
	return e;
}

static err add(struct notifier *n, const struct request *r, const struct wish *wish, struct subscription **out)
{
	const struct flow_list *l = notifier_find_flow(n, &r->in->flow);
	struct subscription *s;
	ENSURE(n->by_tag.n < n->config.most, SIP_BUSY);
	ENSURE(l == NULL || r->is_peer || l->n < FLOW_MOST, SIP_BUSY);
	TRY(make(n, r, wish, &s));
	err e = enlist(s, r);
	if (failed(e)) {
		free(s->target);
		free(s);
		return e;
	}
	*out = s;
	return OK;
}

/* The subscription that a request inside its dialog is about (RFC 3261 12.2.2). */
static err find(const struct notifier *n, const struct request *r, const struct wish *wish, struct subscription **out)
{
	const struct sip_msg *m = &r->in->msg;
	struct map_node *node = map_find(&n->by_tag, m->to_tag);
	struct subscription *s = node != NULL ? MAP_OF(node, struct subscription, node) : NULL;
	ENSURE(s != NULL && !s->is_over && s->package == wish->package && str_eq(subscription_text(s, DIALOG_CALL_ID), m->call_id) &&
			str_eq(subscription_text(s, DIALOG_FROM_TAG), m->from_tag) && str_eq(subscription_text(s, DIALOG_OURS), r->target),
		SIP_NO_TXN);
	ENSURE(m->cseq > s->remote_cseq, SIP_ORDER);
	*out = s;
	return OK;
}

static err renew(struct notifier *n, const struct request *r, const struct wish *wish, struct subscription **out)
{
	TRY(find(n, r, wish, out));
	TRY(open_package(*out, r));
	TRY(set_target(*out, wish->target));
	subscription_unlink(*out);
	err e = subscription_link(*out, &r->in->flow);
	if (failed(e))
		subscription_end_later(*out, NULL);
	return e;
}

static err subscribe(struct notifier *n, struct request *r, struct wish *wish)
{
	struct subscription *s = NULL;
	const struct sip_msg *m = &r->in->msg;
	bool told = false, is_last;
	TRY(read_wish(r, wish));
	TRY(m->to_tag.n == 0 ? add(n, r, wish, &s) : renew(n, r, wish, &s));
	s->remote_cseq = m->cseq;
	s->seconds = wish->seconds;
	s->expires_ms = notifier_now(n) + (uint64_t)wish->seconds * 1000;
	s->is_quick = sip_has_token(m, SIP_HDR_SUPPORTED, STR("ms-benotify"));
	s->is_extended = sip_has_token(m, SIP_HDR_SUPPORTED, STR("com.microsoft.autoextend"));
	is_last = wish->seconds == 0;
	err e = notifier_answer(s, r, is_last, &told);
	if (failed(e) || is_last) {
		notifier_end(s, told || failed(e) ? NULL : "timeout");
		return e;
	}
	/* Every SUBSCRIBE is answered by the whole state (RFC 6665 4.2.1.4), once the NOTIFY before is answered. */
	s->wants_whole = !told;
	s->is_pending = s->is_pending || (s->wants_whole && s->notify != NULL);
	if (s->wants_whole && s->notify == NULL && !s->is_over)
		subscription_tell_now(s);
	else
		subscription_set_timer(s);
	return OK;
}

static void refuse_brief(struct request *r, uint32_t shortest)
{
	struct sip_out o;
	request_answer(r, &o, 423, STR(""));
	sip_out_addf(&o, SIP_HDR_MIN_EXPIRES, "%u", shortest);
	request_send(r, &o, 423);
}

err notifier_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct notifier *n = state;
	struct wish wish;
	if (r->in->msg.method != SIP_METHOD_SUBSCRIBE || r->target.n == 0 || !find_package(n, &r->in->msg, &wish))
		return OK;
	*v = STAGE_DONE;
	if (!accepts(&r->in->msg, wish.package)) {
		request_reply(r, 406, STR(""));
		return OK;
	}
	err e = subscribe(n, r, &wish);
	if (!err_is(e, ERR_SIP_INTERVAL))
		return e;
	refuse_brief(r, wish.package->shortest);
	return OK;
}
