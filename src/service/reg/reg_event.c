/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reg event package (RFC 3680, RFC 6665): a user may watch his own registrations. Subscriptions live in the memory
 * of the home process and end with the connection of their subscriber.
 */
#include "service/reg/reg_watch.h"

#include <stdlib.h>

#include "base/enc.h"

static str watch_key(const struct map_node *n)
{
	return (str){ MAP_OF(n, const struct reg_watch, node)->tag, REG_WATCH_TAG };
}

void reg_watches_init(struct reg *g)
{
	map_init(&g->watches, watch_key);
}

void reg_watches_fini(struct reg *g)
{
	ASSERT(g->watches.n == 0);
	map_fini(&g->watches);
}

/* ---- life ---- */

void reg_watch_free(struct reg_watch *w)
{
	struct reg_watch **at = &w->user->watches;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (w->notify != NULL)
		txn_forget(w->notify);
	timer_clear(w->reg->config.timers, &w->timer);
	map_remove(&w->reg->watches, &w->node);
	free(w->target);
	free(w);
}

static void on_timer(void *arg);

/* The timer is always set, so that setting it again needs no memory. */
static void set_timer(struct reg_watch *w)
{
	uint64_t now = reg_now(w->reg), at = w->expires_ms;
	if (w->is_pending && w->notify == NULL && w->quiet_ms < at)
		at = w->quiet_ms;
	if (w->is_over)
		at = now;
	err e = timer_set(w->reg->config.timers, &w->timer, at > now ? at - now : 0, on_timer, w);
	ASSERT(!failed(e));
}

/* Tells what the subscriber does not know yet, or ends the subscription when that cannot be sent. */
static void tell(struct reg_watch *w)
{
	const struct reg_document news = { .user = w->user, .since = w->told, .version = w->version };
	w->is_pending = false;
	w->is_over = failed(reg_notify(w, &news, NULL));
	w->told = w->reg->serial;
	set_timer(w);
}

/* A change: at once, or when the answer to the last one has come and the pause after it is over. */
static void tell_change(struct reg_watch *w)
{
	uint64_t now = reg_now(w->reg);
	w->is_pending = w->notify != NULL || now < w->quiet_ms;
	if (w->is_pending) {
		set_timer(w);
		return;
	}
	w->quiet_ms = now + REG_WATCH_PAUSE_MS;
	tell(w);
}

/* The last NOTIFY, and the end. */
static void end(struct reg_watch *w, const char *reason)
{
	const struct reg_document all = { .user = w->user, .version = w->version };
	(void)failed(reg_notify(w, &all, reason));
	reg_watch_free(w);
}

static void on_timer(void *arg)
{
	struct reg_watch *w = arg;
	struct reg *g = w->reg;
	struct reg_user *u = w->user;
	if (w->is_over)
		reg_watch_free(w);
	else if (w->expires_ms <= reg_now(g))
		end(w, "timeout");
	else if (w->is_pending && w->notify == NULL)
		tell_change(w);
	else
		set_timer(w);
	reg_user_settle(g, u);
}

void reg_watch_answered(struct reg_watch *w, unsigned status)
{
	w->notify = NULL;
	/* A subscriber who refuses, or is not there, does not subscribe any more (RFC 6665 4.2.2, RFC 5057 5). */
	w->is_over = w->is_over || status < 200 || status >= 300;
	set_timer(w);
}

/* ---- changes ---- */

void reg_watches_tell(struct reg_user *u)
{
	for (struct reg_watch *w = u->watches; w != NULL; w = w->next)
		if (w->told != w->reg->serial)
			tell_change(w);
}

/* The highest serial that all who watch u know. */
static uint32_t known_to_all(const struct reg_user *u)
{
	uint32_t known = UINT32_MAX;
	for (const struct reg_watch *w = u->watches; w != NULL; w = w->next)
		if (w->told != 0 && w->told < known)
			known = w->told;
	return known;
}

void reg_watches_trim(struct reg_user *u)
{
	struct reg_binding **at = &u->ended;
	uint32_t known = known_to_all(u);
	size_t n = 0;
	for (; *at != NULL && (*at)->serial > known && n < REG_ENDED_MAX; n++)
		at = &(*at)->next;
	/* What has to be forgotten untold is made up for by the whole state. */
	for (struct reg_watch *w = u->watches; w != NULL && *at != NULL; w = w->next)
		if (w->told < (*at)->serial)
			w->told = 0;
	struct reg_binding *b = *at;
	*at = NULL;
	for (struct reg_binding *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

void reg_watches_end(struct reg_user *u, const char *reason)
{
	while (u->watches != NULL)
		if (reason != NULL)
			end(u->watches, reason);
		else
			reg_watch_free(u->watches);
}

void reg_watches_lost(struct reg_user *u, const struct reg_lost *l)
{
	for (struct reg_watch *w = u->watches, *next; w != NULL; w = next) {
		next = w->next;
		if (reg_is_lost(l, &w->flow))
			reg_watch_free(w);
	}
}

/* ---- SUBSCRIBE ---- */

/* What a SUBSCRIBE asks for. */
struct wish {
	str event, target, routes;
	uint32_t seconds;
};

static bool is_reg(const struct sip_msg *m)
{
	str rest, event = sip_hdr_value(m, SIP_HDR_EVENT);
	return str_eq(str_trim(str_split(event, ';', &rest)), STR("reg"));
}

/* Without Accept the package's own type is meant (RFC 3680 4.5). */
static bool accepts(const struct sip_msg *m)
{
	static const str types[] = { { "application/reginfo+xml", 23 }, { "application/*", 13 }, { "*/*", 3 } };
	struct sip_walk walk = { 0 };
	str value, rest;
	if (sip_hdr_first(m, SIP_HDR_ACCEPT) == NULL)
		return true;
	while (sip_walk_next(m, SIP_HDR_ACCEPT, &walk, &value)) {
		str type = str_trim(str_split(value, ';', &rest));
		for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
			if (str_eq_case(type, types[i]))
				return true;
	}
	return false;
}

static err read_routes(const struct request *r, str *out)
{
	struct sip_walk walk = { 0 };
	struct buf b DEFER(buf_fini) = { 0 };
	str value;
	buf_init(&b, REG_TEXT_MAX);
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
	struct sip_addr contact;
	uint32_t seconds = REG_WATCH_SECONDS;
	(void)sip_hdr_seconds(m, SIP_HDR_EXPIRES, &seconds);
	w->seconds = seconds < REG_WATCH_SECONDS ? seconds : REG_WATCH_SECONDS;
	ENSURE(w->seconds == 0 || w->seconds >= REG_WATCH_BRIEF, SIP_INTERVAL);
	w->event = sip_hdr_value(m, SIP_HDR_EVENT);
	TRY(sip_addr_parse(sip_hdr_value(m, SIP_HDR_CONTACT), &contact, NULL));
	ENSURE(!contact.is_star, MALFORMED);
	w->target = contact.uri.raw;
	ENSURE(w->target.n <= REG_TEXT_MAX && w->event.n <= REG_TEXT_MAX, CEILING);
	return read_routes(r, &w->routes);
}

static err set_target(struct reg_watch *w, str target)
{
	char *copy = malloc(target.n + 1);
	ENSURE(copy != NULL, NO_MEMORY);
	memcpy(copy, target.p, target.n);
	free(w->target);
	w->target = copy;
	w->target_n = (uint16_t)target.n;
	return OK;
}

static struct reg_watch *make(struct reg *g, const struct request *r, const struct wish *wish)
{
	const struct sip_msg *m = &r->in->msg;
	const str texts[WATCH_TEXTS] = { m->call_id, m->from.raw, m->from_tag, m->to.raw, wish->event, wish->routes };
	uint8_t random[REG_WATCH_TAG / 2];
	size_t size = 0;
	for (size_t i = 0; i < WATCH_TEXTS; i++)
		size += texts[i].n;
	struct reg_watch *w = calloc(1, sizeof *w + size);
	if (w == NULL || failed(set_target(w, wish->target))) {
		free(w);
		return NULL;
	}
	size = 0;
	for (size_t i = 0; i < WATCH_TEXTS; i++) {
		w->n[i] = (uint16_t)texts[i].n;
		if (texts[i].n != 0)
			memcpy(w->text + size, texts[i].p, texts[i].n);
		size += texts[i].n;
	}
	crypt_random(random, sizeof random);
	enc_hex(random, sizeof random, w->tag);
	w->reg = g;
	return w;
}

/* Puts a new subscription where it is found. */
static err enlist(struct reg *g, struct reg_user *u, struct reg_watch *w)
{
	TRY(timer_set(g->config.timers, &w->timer, 0, on_timer, w));
	err e = map_add(&g->watches, &w->node);
	if (failed(e)) {
		timer_clear(g->config.timers, &w->timer);
		return e;
	}
	w->user = u;
	w->next = u->watches;
	u->watches = w;
	return OK;
}

static err may_watch(const struct reg *g, const struct reg_user *u)
{
	size_t n = 0;
	for (const struct reg_watch *w = u != NULL ? u->watches : NULL; w != NULL; w = w->next)
		n++;
	ENSURE(n < REG_WATCHES_USER_MAX && g->watches.n < REG_WATCHES_MAX, SIP_BUSY);
	return OK;
}

static err add(struct reg *g, const struct request *r, const struct wish *wish, struct reg_watch **out)
{
	const struct sip_msg *m = &r->in->msg;
	struct reg_user *u = reg_user_find(g, r->target);
	bool fits = m->call_id.n <= REG_TEXT_MAX && m->from.raw.n <= REG_TEXT_MAX && m->to.raw.n <= REG_TEXT_MAX;
	ENSURE(fits, CEILING);
	TRY(may_watch(g, u));
	struct reg_watch *w = make(g, r, wish);
	ENSURE(w != NULL, NO_MEMORY);
	err e = reg_user_get(g, r->target, &u);
	if (!failed(e))
		e = enlist(g, u, w);
	if (failed(e)) {
		free(w->target);
		free(w);
		if (u != NULL)
			reg_user_settle(g, u);
		return e;
	}
	*out = w;
	return OK;
}

/* The subscription that a request inside its dialog is about (RFC 3261 12.2.2). */
static err find(const struct reg *g, const struct request *r, struct reg_watch **out)
{
	const struct sip_msg *m = &r->in->msg;
	struct map_node *n = map_find(&g->watches, m->to_tag);
	struct reg_watch *w = n != NULL ? MAP_OF(n, struct reg_watch, node) : NULL;
	ENSURE(w != NULL && str_eq(reg_watch_text(w, WATCH_CALL_ID), m->call_id) &&
			str_eq(reg_watch_text(w, WATCH_FROM_TAG), m->from_tag) &&
			str_eq(reg_user_aor(w->user), r->target),
		SIP_NO_TXN);
	ENSURE(m->cseq > w->remote_cseq, SIP_ORDER);
	*out = w;
	return OK;
}

static void answer(struct request *r, const struct reg_watch *w, uint32_t seconds)
{
	struct sip_out o;
	sip_out_reply(&o, &r->in->arena, &r->in->msg, 200, STR(""), (str){ w->tag, REG_WATCH_TAG }, r->in->via_params);
	reg_add_address(&o, SIP_HDR_CONTACT, reg_user_aor(w->user));
	sip_out_addf(&o, SIP_HDR_EXPIRES, "%u", seconds);
	for (const struct sip_hdr *h = sip_hdr_first(&r->in->msg, SIP_HDR_RECORD_ROUTE); h != NULL;
		h = sip_hdr_next(&r->in->msg, h))
		sip_out_add(&o, SIP_HDR_RECORD_ROUTE, h->value);
	request_send(r, &o, 200);
}

/* Every SUBSCRIBE is answered by the whole state (RFC 3680 4.6), once the NOTIFY before is answered. */
static void tell_whole(struct reg_watch *w)
{
	w->told = 0;
	w->is_pending = w->notify != NULL;
	if (w->is_pending)
		set_timer(w);
	else
		tell(w);
}

static err subscribe(struct reg *g, struct request *r)
{
	struct wish wish;
	struct reg_watch *w;
	TRY(read_wish(r, &wish));
	if (r->in->msg.to_tag.n == 0) {
		TRY(add(g, r, &wish, &w));
	} else {
		TRY(find(g, r, &w));
		TRY(set_target(w, wish.target));
	}
	struct reg_user *u = w->user;
	w->flow = r->in->flow;
	w->remote_cseq = r->in->msg.cseq;
	w->expires_ms = reg_now(g) + (uint64_t)wish.seconds * 1000;
	answer(r, w, wish.seconds);
	if (wish.seconds == 0)
		end(w, "timeout");
	else
		tell_whole(w);
	reg_user_settle(g, u);
	return OK;
}

static void refuse_brief(struct request *r)
{
	struct sip_out o;
	request_answer(r, &o, 423, STR(""));
	sip_out_addf(&o, SIP_HDR_MIN_EXPIRES, "%u", REG_WATCH_BRIEF);
	request_send(r, &o, 423);
}

err reg_subscribe_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct reg *g = state;
	if (r->in->msg.method != SIP_METHOD_SUBSCRIBE || !is_reg(&r->in->msg) || r->target.n == 0)
		return OK;
	*v = STAGE_DONE;
	ENSURE(g->config.txns != NULL, SIP_EVENT);
	ENSURE(str_eq(r->aor, r->target), SIP_FORBIDDEN);
	if (!accepts(&r->in->msg)) {
		request_reply(r, 406, STR(""));
		return OK;
	}
	err e = subscribe(g, r);
	if (err_is(e, ERR_SIP_INTERVAL)) {
		refuse_brief(r);
		return OK;
	}
	return e;
}
