/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way to vault. */
#include "service/kept.h"

#include <stdlib.h>

#define WAITS_MAX 65536

struct wait {
	struct list node;
	uint64_t id;
	void *owner;
	kept_loaded_fn on_loaded; /* a question; NULL: a change */
	kept_saved_fn on_saved;
	struct buf rows;          /* that have come so far */
};

struct kept {
	struct kept_door door;
	void *arg;
	struct list waits;
	size_t n;
	uint64_t next;
};

err kept_new(const struct kept_door *door, void *arg, struct kept **out)
{
	struct kept *k = calloc(1, sizeof *k);
	ENSURE(k != NULL, NO_MEMORY);
	k->door = *door;
	k->arg = arg;
	list_init(&k->waits);
	*out = k;
	return OK;
}

static void wait_free(struct kept *k, struct wait *w)
{
	list_remove(&w->node);
	buf_fini(&w->rows);
	free(w);
	k->n--;
}

void kept_free(struct kept *k)
{
	if (k == NULL)
		return;
	while (!list_is_empty(&k->waits))
		wait_free(k, LIST_OF(k->waits.next, struct wait, node));
	free(k);
}

static err add(struct kept *k, void *owner, struct wait **out)
{
	ENSURE(k->n < WAITS_MAX, BUSY);
	struct wait *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	w->id = ++k->next;
	w->owner = owner;
	buf_init(&w->rows, KEPT_USER_MAX + 65536);
	list_add(&k->waits, &w->node);
	k->n++;
	*out = w;
	return OK;
}

err kept_load(struct kept *k, str aor, kept_loaded_fn fn, void *owner)
{
	struct wait *w;
	TRY(add(k, owner, &w));
	w->on_loaded = fn;
	err e = k->door.ask(k->arg, w->id, aor);
	if (failed(e))
		wait_free(k, w);
	return e;
}

err kept_save(struct kept *k, str aor, str rows, kept_saved_fn fn, void *owner)
{
	struct wait *w;
	TRY(add(k, owner, &w));
	w->on_saved = fn;
	err e = k->door.set(k->arg, w->id, aor, rows);
	if (failed(e))
		wait_free(k, w);
	return e;
}

void kept_forget(struct kept *k, void *owner)
{
	LIST_EACH (it, &k->waits) {
		struct wait *w = LIST_OF(it, struct wait, node);
		if (w->owner == owner)
			wait_free(k, w);
	}
}

static struct wait *find(struct kept *k, uint64_t id)
{
	LIST_EACH (it, &k->waits) { /* vault answers in order, so it is one of the first */
		struct wait *w = LIST_OF(it, struct wait, node);
		if (w->id == id)
			return w;
	}
	return NULL;
}

/* It is taken off the list before anybody is called: who is called may ask again, or forget. */
static void end(struct kept *k, struct wait *w, err e)
{
	struct wait done = *w;
	list_remove(&w->node);
	free(w);
	k->n--;
	if (done.on_loaded != NULL)
		done.on_loaded(done.owner, e, failed(e) ? STR("") : buf_str(&done.rows));
	else if (done.on_saved != NULL)
		done.on_saved(done.owner, e);
	buf_fini(&done.rows);
}

void kept_told_rows(struct kept *k, uint64_t id, str rows, bool is_last)
{
	struct wait *w = find(k, id);
	if (w == NULL || w->on_loaded == NULL)
		return;
	buf_add(&w->rows, rows);
	if (is_last)
		end(k, w, w->rows.failed ? ERR(CEILING) : OK);
}

void kept_told_done(struct kept *k, uint64_t id, err e)
{
	struct wait *w = find(k, id);
	if (w != NULL)
		end(k, w, e);
}

void kept_told_nothing(struct kept *k)
{
	uint64_t last = k->next; /* those that are asked anew meanwhile are for the next vault */
	while (!list_is_empty(&k->waits) && LIST_OF(k->waits.next, struct wait, node)->id <= last)
		end(k, LIST_OF(k->waits.next, struct wait, node), ERR(BUSY));
}
