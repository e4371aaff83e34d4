/* SPDX-License-Identifier: Apache-2.0 */
/* list - an intrusive doubly linked circle. The node lives inside its owner; LIST_OF finds the owner again. */
#ifndef WITAN_BASE_LIST_H
#define WITAN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_OF(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

/* Safe against removal of the node at hand. */
#define LIST_EACH(it, head) \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_before(struct list *at, struct list *n)
{
	n->next = at;
	n->prev = at->prev;
	at->prev->next = n;
	at->prev = n;
}

/* At the end of the circle that begins at head. */
static inline void list_add(struct list *head, struct list *n)
{
	list_add_before(head, n);
}

/* n may be removed twice: it is left as a circle of its own. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#endif
