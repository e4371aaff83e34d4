/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slot.h"

#include <stdlib.h>

#define FIRST_SIZE 64

void slots_init(struct slots *s)
{
	*s = (struct slots){ .free = SLOT_NONE };
}

void slots_fini(struct slots *s)
{
	free(s->items);
	free(s->next);
	slots_init(s);
}

static err grow(struct slots *s)
{
	ENSURE(s->n < UINT32_MAX / 2, NO_MEMORY);
	uint32_t n = s->n != 0 ? s->n * 2 : FIRST_SIZE;
	void **items = realloc(s->items, n * sizeof(void *));
	ENSURE(items != NULL, NO_MEMORY);
	s->items = items;
	uint32_t *next = realloc(s->next, n * sizeof(uint32_t));
	ENSURE(next != NULL, NO_MEMORY);
	s->next = next;
	for (uint32_t i = n; i-- > s->n;) {
		s->items[i] = NULL;
		s->next[i] = s->free;
		s->free = i;
	}
	s->n = n;
	return OK;
}

err slots_add(struct slots *s, void *item, uint32_t *slot)
{
	*slot = SLOT_NONE;
	if (s->free == SLOT_NONE)
		TRY(grow(s));
	*slot = s->free;
	s->free = s->next[*slot];
	s->items[*slot] = item;
	return OK;
}

void slots_remove(struct slots *s, uint32_t slot)
{
	if (slot == SLOT_NONE)
		return;
	ASSERT(slot < s->n && s->items[slot] != NULL);
	s->items[slot] = NULL;
	s->next[slot] = s->free;
	s->free = slot;
}
