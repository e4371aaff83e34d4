/* SPDX-License-Identifier: Apache-2.0 */
#include "service/guess.h"

#include <stdlib.h>

struct guess {
	struct map_node node;
	struct list age;
	uint64_t last_ms;
	uint64_t until_ms; /* locked until then, 0: not; of a rate: when its window ends */
	uint32_t failures;
	uint16_t key_n;
	char key[];
};

static str guess_key(const struct map_node *n)
{
	const struct guess *u = MAP_OF((uintptr_t)n, struct guess, node);
	return (str){ u->key, u->key_n };
}

void guesses_init(struct guesses *g, size_t most)
{
	g->most = most;
	map_init(&g->by_key, guess_key);
	list_init(&g->by_age);
}

static void drop(struct guesses *g, struct guess *u)
{
	map_remove(&g->by_key, &u->node);
	list_remove(&u->age);
	free(u);
}

void guesses_fini(struct guesses *g)
{
	LIST_EACH (it, &g->by_age)
		drop(g, LIST_OF(it, struct guess, age));
	map_fini(&g->by_key);
}

static struct guess *find(const struct guesses *g, str key)
{
	struct map_node *n = map_find(&g->by_key, key);
	return n != NULL ? MAP_OF(n, struct guess, node) : NULL;
}

uint32_t guesses_count(const struct guesses *g, str key)
{
	const struct guess *u = find(g, key);
	return u != NULL ? u->failures : 0;
}

bool guesses_is_locked(const struct guesses *g, str key, uint64_t now_ms)
{
	const struct guess *u = find(g, key);
	return u != NULL && u->until_ms > now_ms;
}

static struct guess *add(struct guesses *g, str key)
{
	if (g->by_key.n >= g->most)
		drop(g, LIST_OF(g->by_age.next, struct guess, age));
	struct guess *u = calloc(1, sizeof *u + key.n);
	if (u == NULL)
		return NULL;
	memcpy(u->key, key.p, key.n);
	u->key_n = (uint16_t)key.n;
	list_init(&u->age);
	if (failed(map_add(&g->by_key, &u->node))) {
		free(u);
		return NULL;
	}
	return u;
}

/* The entry of key, made when there is none, as the one touched last; NULL without memory. */
static struct guess *touch(struct guesses *g, str key)
{
	struct guess *u = find(g, key);
	if (u == NULL)
		u = add(g, key);
	if (u == NULL)
		return NULL;
	list_remove(&u->age);
	list_add(&g->by_age, &u->age);
	return u;
}

uint32_t guesses_add(struct guesses *g, str key, uint64_t now_ms, uint64_t forget_ms)
{
	struct guess *u = touch(g, key);
	if (u == NULL)
		return 0;
	uint64_t since = u->last_ms > u->until_ms ? u->last_ms : u->until_ms;
	if (since + forget_ms <= now_ms)
		u->failures = 0;
	u->last_ms = now_ms;
	return ++u->failures;
}

uint32_t guesses_rate(struct guesses *g, str key, uint64_t now_ms, uint64_t window_ms)
{
	struct guess *u = touch(g, key);
	if (u == NULL)
		return 0;
	if (u->until_ms <= now_ms) {
		u->failures = 0;
		u->until_ms = now_ms + window_ms;
	}
	return ++u->failures;
}

void guesses_lock(struct guesses *g, str key, uint32_t failures, uint64_t until_ms)
{
	struct guess *u = touch(g, key);
	if (u == NULL)
		return;
	u->failures = failures > u->failures ? failures : u->failures;
	u->until_ms = until_ms > u->until_ms ? until_ms : u->until_ms;
}

void guesses_forget(struct guesses *g, str key)
{
	struct guess *u = find(g, key);
	if (u != NULL)
		drop(g, u);
}

static str key_of(const struct addr *a, size_t n4, size_t n6, char out[GUESS_ADDRESS])
{
	size_t n = a->family == 4 ? n4 : n6;
	out[0] = (char)a->family;
	memcpy(out + 1, a->ip, n);
	return (str){ out, n + 1 };
}

str guesses_address(const struct addr *a, char out[GUESS_ADDRESS])
{
	return key_of(a, 4, 8, out);
}

str guesses_network(const struct addr *a, char out[GUESS_ADDRESS])
{
	return key_of(a, 3, 6, out);
}

uint32_t guesses_delay_ms(uint32_t failures)
{
	static const uint16_t delays[] = { 0, 0, 0, 125, 250, 500, 1000, 2000 };
	size_t last = sizeof delays / sizeof delays[0] - 1;
	return delays[failures < last ? failures : last];
}
