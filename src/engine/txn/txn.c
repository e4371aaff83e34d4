/* SPDX-License-Identifier: Apache-2.0 */
/* What all transactions share: their set, their end, and the slots that client branches name. */
#include "engine/txn/txn_priv.h"

#include <stdlib.h>

static str server_key(const struct map_node *n)
{
	const struct txn *t = MAP_OF(n, const struct txn, by_key);
	return (str){ t->key, sizeof t->key };
}

err txns_new(const struct txns_config *config, struct txns **out)
{
	struct txns *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->c = *config;
	map_init(&s->servers, server_key);
	slots_init(&s->slots);
	s->serial = (uint32_t)s->servers.k0;
	list_init(&s->lingering);
	list_init(&s->dead);
	for (size_t i = 0; i < FLOW_LISTS; i++)
		list_init(&s->flows[i]);
	*out = s;
	return OK;
}

static void reap(void *arg)
{
	struct txns *s = arg;
	while (!list_is_empty(&s->dead)) {
		struct txn *t = LIST_OF(s->dead.next, struct txn, node);
		list_remove(&t->node);
		if (t->server_door != NULL && t->server_door->on_end != NULL)
			t->server_door->on_end(t->arg, t);
		if (t->client_door != NULL && t->client_door->on_end != NULL)
			t->client_door->on_end(t->arg, t);
		inbound_unref(t->in);
		free(t->sent);
		free(t);
	}
}

static void end_each(void *arg, struct map_node *n)
{
	(void)arg;
	txn_end(MAP_OF(n, struct txn, by_key));
}

void txns_free(struct txns *s)
{
	if (s == NULL)
		return;
	map_each(&s->servers, end_each, NULL);
	for (uint32_t i = 0; i < s->slots.n; i++)
		if (slots_find(&s->slots, i) != NULL)
			txn_end(slots_find(&s->slots, i));
	while (!list_is_empty(&s->lingering))
		txn_end(LIST_OF(s->lingering.next, struct txn, node));
	reap(s);
	timer_clear(s->c.timers, &s->reaper);
	map_fini(&s->servers);
	slots_fini(&s->slots);
	free(s);
}

void txns_set_max(struct txns *s, uint32_t max)
{
	s->c.max = max;
}

size_t txns_count(const struct txns *s)
{
	return s->n;
}

struct txn *txn_new(struct txns *s, enum txn_kind kind)
{
	struct txn *t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->set = s;
	t->kind = (uint8_t)kind;
	t->slot = SLOT_NONE;
	list_init(&t->node);
	list_init(&t->by_flow);
	s->n++;
	meter_add(s->c.meter, METER_TXN_OPEN, 1);
	meter_add(s->c.meter, METER_TXN_TOTAL, 1);
	return t;
}

void txn_slot_close(struct txn *t)
{
	slots_remove(&t->set->slots, t->slot);
	t->slot = SLOT_NONE;
}

err txn_slot_open(struct txn *t)
{
	TRY(slots_add(&t->set->slots, t, &t->slot));
	t->serial = t->set->serial++;
	return OK;
}

void txn_timer(struct txn *t, struct timer *timer, uint32_t ms, void (*fn)(void *arg))
{
	/* without memory for a timer the transaction would stay for ever: it ends now instead */
	if (failed(timer_set(t->set->c.timers, timer, ms, fn, t)))
		txn_end(t);
}

void txn_end(struct txn *t)
{
	struct txns *s = t->set;
	if (t->state == TXN_TERMINATED)
		return;
	t->state = TXN_TERMINATED;
	timer_clear(s->c.timers, &t->timeout);
	timer_clear(s->c.timers, &t->again);
	if (t->keyed)
		map_remove(&s->servers, &t->by_key);
	t->keyed = false;
	txn_slot_close(t);
	list_remove(&t->by_flow);
	list_remove(&t->node);
	if (t->lingers)
		s->n_lingering--;
	else
		s->n--;
	meter_add(s->c.meter, METER_TXN_OPEN, -1);
	list_add(&s->dead, &t->node);
	if (!timer_is_set(&s->reaper))
		(void)failed(timer_set(s->c.timers, &s->reaper, 0, reap, s));
}

void txn_ended(void *arg)
{
	txn_end(arg);
}

void txn_linger(struct txn *t, uint32_t ms)
{
	struct txns *s = t->set;
	inbound_unref(t->in);
	t->in = NULL;
	if (ms == 0) {
		txn_end(t);
		return;
	}
	if (!t->lingers) {
		t->lingers = true;
		s->n--;
		s->n_lingering++;
		list_add(&s->lingering, &t->node);
	}
	txn_timer(t, &t->timeout, ms, txn_ended);
	if (s->n_lingering > s->c.max) /* the oldest gives way: it has had the longest time to absorb */
		txn_end(LIST_OF(s->lingering.next, struct txn, node));
}

void txn_keep(struct txn *t, str bytes)
{
	free(t->sent);
	t->sent = malloc(bytes.n);
	t->sent_n = t->sent != NULL ? bytes.n : 0;
	if (t->sent != NULL)
		memcpy(t->sent, bytes.p, bytes.n);
}

err txn_send(struct txn *t, str bytes)
{
	return t->set->c.send(t->set->c.arg, &t->flow, t->request, bytes);
}

void txn_forget(struct txn *t)
{
	t->client_door = NULL;
	t->server_door = NULL;
	t->arg = NULL;
}

bool txn_is_answered(const struct txn *t)
{
	return t->status >= 200;
}
