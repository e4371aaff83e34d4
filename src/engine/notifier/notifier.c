/* SPDX-License-Identifier: Apache-2.0 */
/* The life of subscriptions. */
#include "engine/notifier/notifier_priv.h"

#include <stdlib.h>

#include "base/crypt.h"
#include "base/enc.h"

static str tag_key(const struct map_node *n)
{
	return (str){ MAP_OF(n, const struct subscription, node)->tag, TAG };
}

static str flow_key(const struct map_node *n)
{
	const struct flow_list *l = MAP_OF(n, const struct flow_list, node);
	return (str){ (const char *)&l->flow, sizeof l->flow };
}

err notifier_new(const struct notifier_config *config, struct notifier **out)
{
	struct notifier *n = calloc(1, sizeof *n);
	ENSURE(n != NULL, NO_MEMORY);
	n->config = *config;
	crypt_random(&n->next_id, sizeof n->next_id);
	map_init(&n->by_tag, tag_key);
	map_init(&n->by_flow, flow_key);
	*out = n;
	return OK;
}

err notifier_add(struct notifier *n, const struct notifier_package *package, void *arg)
{
	ENSURE(n->n_packages < PACKAGES_MAX, CEILING);
	n->packages[n->n_packages].package = package;
	n->packages[n->n_packages++].arg = arg;
	return OK;
}

str subscription_text(const struct subscription *s, enum dialog_text which)
{
	const char *at = s->text;
	for (unsigned i = 0; i < (unsigned)which; i++)
		at += s->n[i];
	return (str){ at, s->n[which] };
}

str subscription_call_id(const struct subscription *s)
{
	return subscription_text(s, DIALOG_CALL_ID);
}

size_t notifier_count(const struct notifier *n)
{
	return n->by_tag.n;
}

/* ---- connections ---- */

static struct flow_list *find_flow(const struct notifier *n, const struct flow *f)
{
	struct map_node *node = map_find(&n->by_flow, (str){ (const char *)f, sizeof *f });
	return node != NULL ? MAP_OF(node, struct flow_list, node) : NULL;
}

static void unlink_flow(struct subscription *s)
{
	struct notifier *n = s->notifier;
	struct flow_list *l = find_flow(n, &s->flow);
	if (l == NULL)
		return;
	struct subscription **at = &l->first;
	while (*at != NULL && *at != s)
		at = &(*at)->flow_next;
	if (*at == s)
		*at = s->flow_next;
	if (l->first != NULL)
		return;
	map_remove(&n->by_flow, &l->node);
	free(l);
}

static err link_flow(struct subscription *s, const struct flow *f)
{
	struct notifier *n = s->notifier;
	struct flow_list *l = find_flow(n, f);
	if (l == NULL) {
		l = calloc(1, sizeof *l);
		ENSURE(l != NULL, NO_MEMORY);
		l->flow = *f;
		err e = map_add(&n->by_flow, &l->node);
		if (failed(e)) {
			free(l);
			return e;
		}
	}
	s->flow = *f;
	s->flow_next = l->first;
	l->first = s;
	return OK;
}

static void drop(struct subscription *s);

void notifier_flow_gone(struct notifier *n, const struct flow *f)
{
	for (struct flow_list *l; (l = find_flow(n, f)) != NULL;)
		drop(l->first);
}

struct front_loss {
	struct notifier *notifier;
	uint16_t front;
};

static void drop_of_front(void *arg, struct map_node *node)
{
	struct front_loss *loss = arg;
	struct flow_list *l = MAP_OF(node, struct flow_list, node);
	const struct flow f = l->flow;
	if (f.front == loss->front)
		notifier_flow_gone(loss->notifier, &f);
}

void notifier_front_gone(struct notifier *n, uint16_t front)
{
	map_each(&n->by_flow, drop_of_front, &(struct front_loss){ n, front });
}

static void drop_flow(void *arg, struct map_node *node)
{
	const struct flow f = MAP_OF(node, struct flow_list, node)->flow;
	notifier_flow_gone(arg, &f);
}

void notifier_free(struct notifier *n)
{
	if (n == NULL)
		return;
	map_each(&n->by_flow, drop_flow, n);
	ASSERT(n->by_tag.n == 0);
	map_fini(&n->by_tag);
	map_fini(&n->by_flow);
	free(n);
}

/* ---- one subscription ---- */

static void drop(struct subscription *s)
{
	if (s->package->close != NULL)
		s->package->close(s->arg, s);
	if (s->notify != NULL)
		txn_forget(s->notify);
	timer_clear(s->notifier->config.timers, &s->timer);
	map_remove(&s->notifier->by_tag, &s->node);
	unlink_flow(s);
	free(s->target);
	free(s);
}

static void on_timer(void *arg);

/* The timer is always set, so that setting it again needs no memory. */
static void set_timer(struct subscription *s)
{
	uint64_t now = notifier_now(s->notifier), at = s->expires_ms;
	if (s->is_pending && s->notify == NULL && s->quiet_ms < at)
		at = s->quiet_ms;
	if (s->is_over)
		at = now;
	err e = timer_set(s->notifier->config.timers, &s->timer, at > now ? at - now : 0, on_timer, s);
	ASSERT(!failed(e));
}

/* What cannot be sent is the end, in a later turn: whoever called may hold s. */
static void tell_now(struct subscription *s)
{
	bool is_whole = s->wants_whole;
	s->is_pending = s->wants_whole = false;
	s->quiet_ms = notifier_now(s->notifier) + s->package->pause_ms;
	err e = notifier_send(s, is_whole, NULL);
	s->is_over = s->is_over || (failed(e) && !err_is(e, ERR_ABSENT));
	set_timer(s);
}

void notifier_tell(struct subscription *s)
{
	s->is_pending = s->notify != NULL || notifier_now(s->notifier) < s->quiet_ms;
	if (s->is_pending)
		set_timer(s);
	else
		tell_now(s);
}

void notifier_end(struct subscription *s, const char *reason)
{
	if (reason != NULL)
		(void)failed(notifier_send(s, true, reason));
	drop(s);
}

static void on_timer(void *arg)
{
	struct subscription *s = arg;
	uint64_t now = notifier_now(s->notifier);
	if (s->is_over) {
		drop(s);
		return;
	}
	if (s->expires_ms <= now && !s->is_extended) {
		notifier_end(s, "timeout");
		return;
	}
	if (s->expires_ms <= now)
		s->expires_ms = now + (uint64_t)s->seconds * 1000;
	if (s->is_pending && s->notify == NULL && s->quiet_ms <= now)
		tell_now(s);
	else
		set_timer(s);
}

void notifier_answered(struct subscription *s, unsigned status)
{
	s->notify = NULL;
	/* A subscriber who refuses, or is not there, does not subscribe any more (RFC 6665 4.2.2, RFC 5057 5). */
	s->is_over = s->is_over || status < 200 || status >= 300;
	set_timer(s);
}

/* ---- SUBSCRIBE ---- */

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
	       (accepted.n == slash + 2 && str_eq(str_cut(accepted, slash, accepted.n), STR("/*")) && str_begins_case(type, str_cut(accepted, 0, slash)));
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

static struct subscription *make(struct notifier *n, const struct request *r, const struct wish *wish)
{
	const struct sip_msg *m = &r->in->msg;
	const str texts[DIALOG_TEXTS] = { m->call_id, m->from.raw, m->from_tag, m->to.raw, sip_hdr_value(m, SIP_HDR_EVENT), wish->routes, r->target };
	uint8_t random[TAG / 2];
	size_t size = 0;
	for (size_t i = 0; i < DIALOG_TEXTS; i++) {
		if (texts[i].n > TEXT_MOST)
			return NULL;
		size += texts[i].n;
	}
	struct subscription *s = calloc(1, sizeof *s + size);
	if (s == NULL || failed(set_target(s, wish->target))) {
		free(s);
		return NULL;
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
	return s;
}

/* Puts a new subscription where it is found, and asks its package. */
static err enlist(struct subscription *s, const struct request *r)
{
	struct notifier *n = s->notifier;
	TRY(timer_set(n->config.timers, &s->timer, 0, on_timer, s));
	err e = link_flow(s, &r->in->flow);
	if (!failed(e)) {
		e = map_add(&n->by_tag, &s->node);
		if (!failed(e)) {
			e = s->package->open(s->arg, s, r);
			if (!failed(e))
				return OK;
			map_remove(&n->by_tag, &s->node);
		}
		unlink_flow(s);
	}
	timer_clear(n->config.timers, &s->timer);
	return e;
}

static err add(struct notifier *n, const struct request *r, const struct wish *wish, struct subscription **out)
{
	ENSURE(n->by_tag.n < n->config.most, SIP_BUSY);
	struct subscription *s = make(n, r, wish);
	ENSURE(s != NULL, CEILING);
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
	ENSURE(s != NULL && s->package == wish->package && str_eq(subscription_text(s, DIALOG_CALL_ID), m->call_id) &&
			str_eq(subscription_text(s, DIALOG_FROM_TAG), m->from_tag) && str_eq(subscription_text(s, DIALOG_OURS), r->target),
		SIP_NO_TXN);
	ENSURE(m->cseq > s->remote_cseq, SIP_ORDER);
	*out = s;
	return OK;
}

static err renew(struct notifier *n, const struct request *r, const struct wish *wish, struct subscription **out)
{
	TRY(find(n, r, wish, out));
	TRY((*out)->package->open((*out)->arg, *out, r));
	TRY(set_target(*out, wish->target));
	unlink_flow(*out);
	err e = link_flow(*out, &r->in->flow);
	if (failed(e))
		(*out)->is_over = true;
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
	s->is_pending = s->wants_whole && s->notify != NULL;
	if (s->wants_whole && s->notify == NULL)
		tell_now(s);
	else
		set_timer(s);
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
