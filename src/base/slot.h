/* SPDX-License-Identifier: Apache-2.0 */
/* slot - small numbers as names: a growing array of pointers whose free places are used again, the last freed first. */
#ifndef WITAN_BASE_SLOT_H
#define WITAN_BASE_SLOT_H

#include "base/err.h"

#define SLOT_NONE UINT32_MAX

struct slots {
	void **items;   /* NULL: free */
	uint32_t *next; /* of a free place: the next free one */
	uint32_t n, free;
};

void slots_init(struct slots *s);
/* Frees the table, not the items. */
void slots_fini(struct slots *s);
/* NO_MEMORY: *slot is SLOT_NONE. */
err slots_add(struct slots *s, void *item, uint32_t *slot);
/* Nothing for SLOT_NONE. */
void slots_remove(struct slots *s, uint32_t slot);

/* NULL: nothing has this number. Any number may be asked for. */
static inline void *slots_find(const struct slots *s, uint32_t slot)
{
	return slot < s->n ? s->items[slot] : NULL;
}

#endif
