/* SPDX-License-Identifier: Apache-2.0 */
/* How many wrong passwords in a row, and how long an account is locked for them. */
#include "role/vault/vault_priv.h"

#include <stdlib.h>

static const uint64_t forgotten_ms = UINT64_C(24) * 3600 * 1000; /* a failure as old as this counts no more */

static str key_of(const struct map_node *n)
{
	const struct tally_entry *e = MAP_OF(n, struct tally_entry, node);
	return (str){ e->aor, e->n };
}

void tally_init(struct tally *t, size_t most_strangers)
{
	*t = (struct tally){ .most_strangers = most_strangers };
	map_init(&t->map, key_of);
	list_init(&t->strangers);
}

static void drop(struct tally *t, struct tally_entry *e)
{
	map_remove(&t->map, &e->node);
	if (!e->is_user)
		t->n_strangers--;
	list_remove(&e->place);
	free(e);
}

static void drop_node(void *arg, struct map_node *n)
{
	drop(arg, MAP_OF(n, struct tally_entry, node));
}

void tally_fini(struct tally *t)
{
	map_each(&t->map, drop_node, t);
	map_fini(&t->map);
}

struct tally_entry *tally_find(const struct tally *t, str aor)
{
	struct map_node *n = map_find(&t->map, aor);
	return n != NULL ? MAP_OF(n, struct tally_entry, node) : NULL;
}

static struct tally_entry *add(struct tally *t, str aor, bool is_user)
{
	if (!is_user && t->n_strangers >= t->most_strangers)
		drop(t, LIST_OF(t->strangers.next, struct tally_entry, place));
	struct tally_entry *e = calloc(1, sizeof *e + aor.n);
	if (e == NULL)
		return NULL;
	*e = (struct tally_entry){ .is_user = is_user, .n = (uint16_t)aor.n };
	memcpy(e->aor, aor.p, aor.n);
	list_init(&e->place);
	if (failed(map_add(&t->map, &e->node))) {
		free(e);
		return NULL;
	}
	t->n_strangers += is_user ? 0 : 1;
	return e;
}

/* The first lock, doubled with each wrong password after it. */
static uint64_t lock_ms(uint32_t failures, const struct config *config)
{
	uint32_t doubled = failures - config->max_failed_sign_ins;
	uint64_t seconds = doubled < 32 ? (uint64_t)config->lockout_seconds << doubled : UINT64_MAX;
	return (seconds < config->max_lockout_seconds ? seconds : config->max_lockout_seconds) * 1000;
}

struct tally_entry *tally_add(struct tally *t, str aor, bool is_user, uint64_t now_ms, const struct config *config, bool *locked)
{
	*locked = false;
	struct tally_entry *e = tally_find(t, aor);
	if (e != NULL && e->is_user != is_user) { /* made or removed meanwhile */
		drop(t, e);
		e = NULL;
	}
	if (e == NULL)
		e = add(t, aor, is_user);
	if (e == NULL || e->until_ms > now_ms)
		return e;
	if (!is_user) {
		list_remove(&e->place);
		list_add(&t->strangers, &e->place);
	}
	uint64_t since = e->last_ms > e->until_ms ? e->last_ms : e->until_ms;
	if (since + forgotten_ms < now_ms)
		e->failures = 0;
	e->last_ms = now_ms;
	e->failures += e->failures < UINT32_MAX ? 1 : 0;
	if (e->failures >= config->max_failed_sign_ins) {
		e->until_ms = now_ms + lock_ms(e->failures, config);
		*locked = true;
	}
	return e;
}

err tally_put(struct tally *t, str aor, uint32_t failures, uint64_t until_ms)
{
	(void)tally_remove(t, aor);
	struct tally_entry *e = add(t, aor, true);
	ENSURE(e != NULL, NO_MEMORY);
	e->failures = failures;
	e->until_ms = e->last_ms = until_ms;
	return OK;
}

bool tally_remove(struct tally *t, str aor)
{
	struct tally_entry *e = tally_find(t, aor);
	if (e == NULL)
		return false;
	drop(t, e);
	return true;
}

struct visit {
	void (*fn)(void *arg, const struct tally_entry *e);
	void *arg;
};

static void visit(void *arg, struct map_node *n)
{
	const struct visit *v = arg;
	v->fn(v->arg, MAP_OF(n, struct tally_entry, node));
}

void tally_each(struct tally *t, void (*fn)(void *arg, const struct tally_entry *e), void *arg)
{
	struct visit v = { fn, arg };
	map_each(&t->map, visit, &v);
}
