/* SPDX-License-Identifier: Apache-2.0 */
/* What takes several answers of keeper: one step after the other, while everything else goes on. */
#include "role/vault/vault_cert.h"

#include <stdlib.h>

enum { ROOM = 4 << 20 };

static unsigned count(const struct vault *v)
{
	unsigned n = 0;
	LIST_EACH (it, &v->works)
		n++;
	return n;
}

bool vault_is_working(const struct vault *v)
{
	return !list_is_empty(&v->works);
}

err work_new(struct vault *v, struct held *held, struct work **out, struct diag *d)
{
	if (count(v) >= VAULT_WORKS_MAX)
		return diag_fail(d, ERR(BUSY), "keeper", "try again in a moment", "%d certificates are being made already", VAULT_WORKS_MAX);
	struct work *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	w->vault = v;
	w->held = held;
	arena_init(&w->arena, ROOM);
	buf_init(&w->tbs, CERT_CRL_MAX);
	list_add(&v->works, &w->node);
	*out = w;
	return OK;
}

void work_end(struct work *w, err e)
{
	vault_key_forget(w->vault, w);
	list_remove(&w->node);
	if (w->ended != NULL)
		w->ended(w, e);
	if (w->held != NULL) {
		command_release(w->vault, w->held, e, &w->diag, w->object, w->warnings);
	} else {
		json_decref(w->object);
		json_decref(w->warnings);
	}
	buf_fini(&w->tbs);
	arena_fini(&w->arena);
	free(w);
}

/* A step that asks nothing further is the last one. */
static void on_done(void *arg, err e, const struct diag *d, str bytes)
{
	struct work *w = arg;
	err (*next)(struct work *w, str bytes) = w->next;
	w->next = NULL;
	if (failed(e))
		w->diag = *d;
	else
		e = next(w, bytes);
	if (failed(e) || w->next == NULL)
		work_end(w, e);
}

struct key_door work_door(struct work *w, err (*next)(struct work *w, str bytes))
{
	w->next = next;
	return (struct key_door){ on_done, w };
}

/* What is wrong at once is told at once. */
err work_start(struct call *call, struct work *w, err e)
{
	if (!failed(e) && (w->held = command_hold(call)) != NULL)
		return OK;
	call->diag = w->diag;
	work_end(w, failed(e) ? e : ERR(NO_MEMORY));
	return failed(e) ? e : ERR(NO_MEMORY);
}

err work_sign(struct work *w, const uint8_t key[32], err (*next)(struct work *w, str signature))
{
	ENSURE(!w->tbs.failed, CEILING);
	const struct key_door door = work_door(w, next);
	return vault_key_sign(w->vault, key, buf_str(&w->tbs), &door, &w->diag);
}
