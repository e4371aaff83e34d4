/* SPDX-License-Identifier: Apache-2.0 */
/* The life of conversations, and how they are found. */
#include "service/im/im_priv.h"

#include <stdlib.h>

#include "base/crypt.h"
#include "base/enc.h"

static str tag_key(const struct map_node *n)
{
	return (str){ MAP_OF(n, const struct im_end, by_tag)->tag, IM_TAG };
}

static str pair_key(const struct map_node *n)
{
	const struct im_talk *t = MAP_OF(n, const struct im_talk, by_pair);
	return (str){ t->pair, t->pair_n };
}

static str user_key(const struct map_node *n)
{
	const struct im_user *u = MAP_OF(n, const struct im_user, node);
	return (str){ u->aor, u->aor_n };
}

err im_new(const struct im_config *config, struct im **out)
{
	struct im *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->c = *config;
	map_init(&s->tags, tag_key);
	map_init(&s->pairs, pair_key);
	map_init(&s->users, user_key);
	list_init(&s->talks);
	for (size_t i = 0; i < IM_FLOWS; i++)
		list_init(&s->flows[i]);
	*out = s;
	return OK;
}

size_t im_count(const struct im *s)
{
	return s->n_talks;
}

struct im_end *im_end_find(const struct im *s, str tag)
{
	struct map_node *n = map_find(&s->tags, tag);
	return n != NULL ? MAP_OF(n, struct im_end, by_tag) : NULL;
}

struct im_talk *im_talk_find(const struct im *s, str near, str far)
{
	char pair[2 * USER_AOR_MAX + 1];
	if (near.n > USER_AOR_MAX || far.n > USER_AOR_MAX)
		return NULL;
	memcpy(pair, near.p, near.n);
	pair[near.n] = '\n';
	memcpy(pair + near.n + 1, far.p, far.n);
	struct map_node *n = map_find(&s->pairs, (str){ pair, near.n + 1 + far.n });
	return n != NULL ? MAP_OF(n, struct im_talk, by_pair) : NULL;
}

/* ---- who has begun how many ---- */

static err count_in(struct im *s, str aor, struct im_user **out)
{
	struct map_node *node = map_find(&s->users, aor);
	struct im_user *u = node != NULL ? MAP_OF(node, struct im_user, node) : NULL;
	if (u == NULL) {
		u = calloc(1, sizeof *u + aor.n);
		ENSURE(u != NULL, NO_MEMORY);
		u->aor_n = aor.n;
		memcpy(u->aor, aor.p, aor.n);
		err e = map_add(&s->users, &u->node);
		if (failed(e)) {
			free(u);
			return e;
		}
	}
	ENSURE(u->n < IM_PER_USER, SIP_BUSY);
	u->n++;
	*out = u;
	return OK;
}

static void count_out(struct im *s, struct im_user *u)
{
	if (--u->n != 0)
		return;
	map_remove(&s->users, &u->node);
	free(u);
}

/* ---- one side ---- */

static err end_init(struct im_end *e, struct im_talk *t)
{
	uint8_t random[8];
	e->talk = t;
	list_init(&e->by_flow);
	list_init(&e->queue);
	crypt_random(random, sizeof random);
	memcpy(e->tag, "wim", 3);
	enc_hex(random, sizeof random, e->tag + 3);
	return map_add(&t->im->tags, &e->by_tag);
}

void im_end_set_dialog(struct im_end *e, struct dialog *d)
{
	e->dialog = d;
	e->n_sessions++;
	list_add(&e->talk->im->flows[d->flow.slot % IM_FLOWS], &e->by_flow);
}

void im_end_drop_dialog(struct im_end *e)
{
	list_remove(&e->by_flow);
	dialog_close(e->dialog);
	e->dialog = NULL;
}

static void end_over(struct im_end *e)
{
	struct im *s = e->talk->im;
	if (e->invite != NULL)
		im_invite_abandon(e->invite);
	im_item_refuse_queue(e, 480);
	if (e->dialog != NULL)
		im_send_bye(s, e->dialog);
	im_end_drop_dialog(e);
	map_remove(&s->tags, &e->by_tag);
}

/* ---- both ---- */

void im_talk_unref(struct im_talk *t)
{
	if (--t->refs == 0)
		free(t);
}

static void unlist(struct im_talk *t)
{
	if (t->is_listed)
		map_remove(&t->im->pairs, &t->by_pair);
	t->is_listed = false;
}

void im_talk_end(struct im_talk *t)
{
	if (t->is_over)
		return;
	t->is_over = true;
	unlist(t);
	timer_clear(t->im->c.timers, &t->timer);
	end_over(&t->near);
	end_over(&t->far);
	list_remove(&t->node);
	t->im->n_talks--;
	meter_add(t->im->c.meter, METER_IM_TALKS, -1);
	count_out(t->im, t->user);
	im_talk_unref(t);
}

void im_talk_settle(struct im_talk *t)
{
	if (t->near.dialog == NULL && t->far.dialog == NULL && t->far.invite == NULL)
		im_talk_end(t);
}

static void on_timer(void *arg);

static void set_timer(struct im_talk *t)
{
	uint64_t now = t->im->c.timers->now, at = t->used_ms + (t->is_acked ? IM_IDLE_MS : IM_ACK_MS);
	err e = timer_set(t->im->c.timers, &t->timer, at > now ? at - now : 0, on_timer, t);
	ASSERT(!failed(e)); /* it is set from the beginning: no memory is needed */
}

static void on_timer(void *arg)
{
	struct im_talk *t = arg;
	uint64_t now = t->im->c.timers->now;
	bool waits_for_ack = t->near.dialog != NULL && !t->is_acked;
	if (waits_for_ack || now >= t->used_ms + IM_IDLE_MS) {
		im_talk_end(t);
		return;
	}
	t->is_acked = true;
	set_timer(t);
}

void im_talk_use(struct im_talk *t)
{
	t->used_ms = t->im->c.timers->now;
	set_timer(t);
}

static err enlist(struct im_talk *t)
{
	struct im *s = t->im;
	TRY(end_init(&t->near, t));
	err e = end_init(&t->far, t);
	if (!failed(e)) {
		e = timer_set(s->c.timers, &t->timer, IM_ACK_MS, on_timer, t);
		if (!failed(e))
			e = map_add(&s->pairs, &t->by_pair);
		if (!failed(e))
			return OK;
		timer_clear(s->c.timers, &t->timer);
		map_remove(&s->tags, &t->far.by_tag);
	}
	map_remove(&s->tags, &t->near.by_tag);
	return e;
}

err im_talk_open(struct im *s, str near, str far, struct im_talk **out)
{
	ENSURE(near.n <= USER_AOR_MAX && far.n <= USER_AOR_MAX, CEILING);
	ENSURE(s->n_talks < s->c.most, SIP_BUSY);
	struct im_user *u;
	TRY(count_in(s, near, &u));
	struct im_talk *old = im_talk_find(s, near, far);
	if (old != NULL)
		unlist(old);
	struct im_talk *t = calloc(1, sizeof *t + near.n + far.n + 1);
	if (t == NULL) {
		count_out(s, u);
		return ERR(NO_MEMORY);
	}
	t->im = s;
	t->user = u;
	t->refs = 1;
	t->near_n = near.n;
	t->pair_n = near.n + far.n + 1;
	t->used_ms = s->c.timers->now;
	memcpy(t->pair, near.p, near.n);
	t->pair[near.n] = '\n';
	memcpy(t->pair + near.n + 1, far.p, far.n);
	err e = enlist(t);
	if (failed(e)) {
		count_out(s, u);
		free(t);
		return e;
	}
	t->is_listed = true;
	list_add(&s->talks, &t->node);
	s->n_talks++;
	meter_add(s->c.meter, METER_IM_TALKS, 1);
	*out = t;
	return OK;
}

/* ---- connections ---- */

static void lose(struct im_end *e)
{
	struct im_talk *t = e->talk;
	im_end_drop_dialog(e);
	im_talk_end(t);
}

/* Ending one conversation takes both its sides off the lists: the walk begins anew after each. */
static bool lose_one(struct list *head, const struct flow *f, bool is_front)
{
	LIST_EACH(n, head) {
		struct im_end *e = LIST_OF(n, struct im_end, by_flow);
		if (is_front ? e->dialog->flow.front == f->front : flow_eq(&e->dialog->flow, f)) {
			lose(e);
			return true;
		}
	}
	return false;
}

void im_flow_gone(struct im *s, const struct flow *f)
{
	while (lose_one(&s->flows[f->slot % IM_FLOWS], f, false))
		;
}

void im_front_gone(struct im *s, uint16_t front)
{
	const struct flow f = { .front = front };
	for (size_t i = 0; i < IM_FLOWS; i++)
		while (lose_one(&s->flows[i], &f, true))
			;
}

void im_free(struct im *s)
{
	if (s == NULL)
		return;
	while (!list_is_empty(&s->talks)) {
		struct im_talk *t = LIST_OF(s->talks.next, struct im_talk, node);
		im_end_drop_dialog(&t->near);
		im_end_drop_dialog(&t->far);
		im_talk_end(t);
	}
	map_fini(&s->tags);
	map_fini(&s->pairs);
	map_fini(&s->users);
	free(s);
}
