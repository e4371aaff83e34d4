/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that were taken, for as long as the library would take them again. In memory: the process that judges writes no file for it. */
#include "base/list.h"
#include "base/map.h"
#include "service/kerberos.h"

#include <stdlib.h>
#include <string.h>

struct seen {
	struct map_node node;
	struct list age;
	uint64_t until_ms;
	uint8_t mark[32];
};

struct kerberos_replays {
	struct map by_mark;
	struct list by_age; /* oldest first */
};

static str key_of(const struct map_node *n)
{
	const struct seen *s = MAP_OF(n, const struct seen, node);
	return (str){ (const char *)s->mark, sizeof s->mark };
}

err kerberos_replays_new(struct kerberos_replays **out)
{
	struct kerberos_replays *r = calloc(1, sizeof *r);
	ENSURE(r != NULL, NO_MEMORY);
	map_init(&r->by_mark, key_of);
	list_init(&r->by_age);
	*out = r;
	return OK;
}

static void forget(struct kerberos_replays *r, struct seen *s)
{
	map_remove(&r->by_mark, &s->node);
	list_remove(&s->age);
	free(s);
}

void kerberos_replays_free(struct kerberos_replays *r)
{
	if (r == NULL)
		return;
	while (!list_is_empty(&r->by_age))
		forget(r, LIST_OF(r->by_age.next, struct seen, age));
	map_fini(&r->by_mark);
	free(r);
}

static void forget_old(struct kerberos_replays *r, uint64_t now_ms)
{
	while (!list_is_empty(&r->by_age)) {
		struct seen *s = LIST_OF(r->by_age.next, struct seen, age);
		if (s->until_ms > now_ms)
			return;
		forget(r, s);
	}
}

err kerberos_replays_add(struct kerberos_replays *r, const uint8_t mark[32], uint64_t now_ms)
{
	forget_old(r, now_ms);
	ENSURE(map_find(&r->by_mark, (str){ (const char *)mark, 32 }) == NULL, REFUSED);
	ENSURE(r->by_mark.n < KERBEROS_REPLAYS_MAX, BUSY);
	struct seen *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	memcpy(s->mark, mark, sizeof s->mark);
	s->until_ms = now_ms + KERBEROS_REPLAY_MS;
	err e = map_add(&r->by_mark, &s->node);
	if (failed(e)) {
		free(s);
		return e;
	}
	list_add(&r->by_age, &s->age);
	return OK;
}
