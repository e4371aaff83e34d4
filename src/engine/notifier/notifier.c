/* SPDX-License-Identifier: Apache-2.0 */
/* The life of subscriptions. */
#include "engine/notifier/notifier_priv.h"

#include <stdlib.h>

#include "base/crypt.h"

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

/* What else a flow says of its connection is not part of its name. */
static struct flow name_of(const struct flow *f)
{
	return (struct flow){ .slot = f->slot, .serial = f->serial, .front = f->front };
}

struct flow_list *notifier_find_flow(const struct notifier *n, const struct flow *f)
{
	const struct flow name = name_of(f);
	struct map_node *node = map_find(&n->by_flow, (str){ (const char *)&name, sizeof name });
	return node != NULL ? MAP_OF(node, struct flow_list, node) : NULL;
}

void subscription_unlink(struct subscription *s)
{
	struct notifier *n = s->notifier;
	struct flow_list *l = notifier_find_flow(n, &s->flow);
	if (l == NULL)
		return;
	struct subscription **at = &l->first;
	while (*at != NULL && *at != s)
		at = &(*at)->flow_next;
	if (*at == s) {
		*at = s->flow_next;
		l->n--;
	}
	if (l->first != NULL)
		return;
	map_remove(&n->by_flow, &l->node);
	free(l);
}

err subscription_link(struct subscription *s, const struct flow *f)
{
	struct notifier *n = s->notifier;
	struct flow_list *l = notifier_find_flow(n, f);
	if (l == NULL) {
		l = calloc(1, sizeof *l);
		ENSURE(l != NULL, NO_MEMORY);
		l->flow = name_of(f);
		err e = map_add(&n->by_flow, &l->node);
		if (failed(e)) {
			free(l);
			return e;
		}
	}
	s->flow = *f;
	s->flow_next = l->first;
	l->first = s;
	l->n++;
	return OK;
}

static void drop(struct subscription *s);

void subscription_end_later(struct subscription *s, const char *reason)
{
	s->is_over = true;
	s->last_word = reason;
	subscription_set_timer(s);
}

/* A connection may end while something is sent over it, that is: in the middle of everything else here. */
void notifier_flow_gone(struct notifier *n, const struct flow *f)
{
	const struct flow_list *l = notifier_find_flow(n, f);
	bool is_inside = n->depth++ != 0;
	for (struct subscription *s = l != NULL ? l->first : NULL, *next; s != NULL; s = next) {
		next = s->flow_next;
		if (is_inside)
			subscription_end_later(s, NULL);
		else
			drop(s);
	}
	n->depth--;
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
	ASSERT(n->depth == 0);
	n->is_closing = true;
	map_each(&n->by_flow, drop_flow, n);
	ASSERT(n->by_tag.n == 0);
	map_fini(&n->by_tag);
	map_fini(&n->by_flow);
	free(n);
}

/* ---- one subscription ---- */

static void drop(struct subscription *s)
{
	s->notifier->depth++;
	if (s->package->close != NULL)
		s->package->close(s->arg, s);
	s->notifier->depth--;
	if (s->notify != NULL)
		txn_forget(s->notify);
	timer_clear(s->notifier->config.timers, &s->timer);
	map_remove(&s->notifier->by_tag, &s->node);
	subscription_unlink(s);
	free(s->target);
	free(s);
}

static void on_timer(void *arg);

err subscription_start_timer(struct subscription *s)
{
	return timer_set(s->notifier->config.timers, &s->timer, 0, on_timer, s);
}

/* The timer is always set, so that setting it again needs no memory. */
void subscription_set_timer(struct subscription *s)
{
	uint64_t now = notifier_now(s->notifier), at = s->expires_ms;
	if (s->is_pending && s->notify == NULL && s->quiet_ms < at)
		at = s->quiet_ms;
	if (s->is_over)
		at = now;
	err e = timer_set(s->notifier->config.timers, &s->timer, at > now ? at - now : 0, on_timer, s);
	ASSERT(!failed(e));
}

void subscription_tell_now(struct subscription *s)
{
	bool is_whole = s->wants_whole;
	s->is_pending = s->wants_whole = false;
	s->quiet_ms = notifier_now(s->notifier) + s->package->pause_ms;
	err e = notifier_send(s, is_whole, NULL);
	s->is_over = s->is_over || (failed(e) && !err_is(e, ERR_ABSENT));
	subscription_set_timer(s);
}

/* One that is being opened, or told something, is told the rest afterwards. */
void notifier_tell(struct subscription *s)
{
	bool is_busy = s->is_telling || s->expires_ms == 0;
	if (s->is_over || s->notifier->is_closing)
		return;
	s->is_pending = is_busy || s->notify != NULL || notifier_now(s->notifier) < s->quiet_ms;
	if (s->is_pending)
		subscription_set_timer(s);
	else
		subscription_tell_now(s);
}

void notifier_end(struct subscription *s, const char *reason)
{
	if (s->notifier->depth != 0) {
		subscription_end_later(s, reason);
		return;
	}
	if (reason != NULL)
		(void)failed(notifier_send(s, true, reason));
	drop(s);
}

static void on_timer(void *arg)
{
	struct subscription *s = arg;
	uint64_t now = notifier_now(s->notifier);
	err e = subscription_start_timer(s); /* before anybody else takes its place in the heap */
	ASSERT(!failed(e));
	if (s->is_over) {
		notifier_end(s, s->last_word);
		return;
	}
	if (s->expires_ms <= now && !s->is_extended) {
		notifier_end(s, "timeout");
		return;
	}
	if (s->expires_ms <= now)
		s->expires_ms = now + (uint64_t)s->seconds * 1000;
	if (s->is_pending && s->notify == NULL && s->quiet_ms <= now)
		subscription_tell_now(s);
	else
		subscription_set_timer(s);
}

void notifier_answered(struct subscription *s, unsigned status)
{
	s->notify = NULL;
	/* A subscriber who refuses, or is not there, does not subscribe any more (RFC 6665 4.2.2, RFC 5057 5). */
	s->is_over = s->is_over || status < 200 || status >= 300;
	subscription_set_timer(s);
}
