/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches whom. */
#include "service/pres/pres_priv.h"

#include <stdlib.h>

static struct pres_view *view_get(struct presentity *p, uint16_t container)
{
	struct pres_view *v = p->views;
	while (v != NULL && v->container != container)
		v = v->next;
	if (v != NULL)
		return v;
	v = calloc(1, sizeof *v);
	if (v == NULL)
		return NULL;
	v->container = container;
	buf_init(&v->text, PRES_VIEW_MAX);
	buf_init(&v->pidf, PRES_VIEW_MAX);
	if (pres_view_refresh(p, v) != 0)
		p->serial++;
	v->next = p->views;
	p->views = v;
	return v;
}

static void view_drop(struct presentity *p, struct pres_view *v)
{
	struct pres_view **at = &p->views;
	if (v == NULL || --v->n_watches != 0)
		return;
	pres_far_close(v);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	buf_fini(&v->text);
	buf_fini(&v->pidf);
	free(v);
}

/* A view of w alone, which his home fills. */
static err place_far(struct pres_watch *w)
{
	struct pres_view *v = calloc(1, sizeof *v);
	ENSURE(v != NULL, NO_MEMORY);
	buf_init(&v->text, PRES_VIEW_MAX);
	buf_init(&v->pidf, PRES_VIEW_MAX);
	err e = pres_far_open(w, v);
	if (failed(e)) {
		free(v);
		return e;
	}
	v->n_watches = 1;
	v->next = w->presentity->views;
	w->presentity->views = v;
	w->view = v;
	return OK;
}

/* Lets w see what its watcher may see now; false without memory: it goes on with what it had. */
static bool place(struct pres_watch *w)
{
	struct presentity *p = w->presentity;
	struct pres_view *v = view_get(p, pres_container_of(p, (str){ w->aor, w->aor_n }));
	if (v == NULL || v == w->view)
		return v != NULL;
	v->n_watches++;
	view_drop(p, w->view);
	w->view = v;
	w->told = 0;
	return true;
}

err pres_watch_open(struct presentity *p, str watcher, uint64_t categories, const struct pres_watch_door *door, void *arg, struct pres_watch **out)
{
	ENSURE(p->n_watches < PRES_WATCHERS_MAX, SIP_BUSY);
	struct pres_watch *w = calloc(1, sizeof *w + watcher.n);
	ENSURE(w != NULL, NO_MEMORY);
	w->presentity = p;
	w->categories = categories;
	w->door = door;
	w->arg = arg;
	w->aor_n = (uint16_t)watcher.n;
	memcpy(w->aor, watcher.p, watcher.n);
	err e = p->is_far ? place_far(w) : place(w) ? OK : ERR(NO_MEMORY);
	if (failed(e)) {
		free(w);
		return e;
	}
	list_add(&p->watches, &w->of_presentity);
	p->n_watches++;
	w->id = ++p->last_watch;
	*out = w;
	if (!p->is_far)
		pres_subscriber_seen(p, watcher);
	pres_winfo_changed(p);
	return OK;
}

void pres_watch_close(struct pres_watch *w)
{
	struct presentity *p = w->presentity;
	list_remove(&w->of_presentity);
	p->n_watches--;
	view_drop(p, w->view);
	free(w);
	pres_winfo_changed(p);
	presentity_settle(p);
}

bool pres_watch_is_ready(const struct pres_watch *w)
{
	return w->presentity->is_far ? w->view->n_pieces != 0 : w->presentity->is_loaded;
}

bool pres_watch_print(struct pres_watch *w, bool is_whole, struct buf *out)
{
	size_t n = out->n;
	pres_view_print(w->view, w->categories, is_whole ? 0 : w->told, out);
	w->told = w->presentity->serial;
	return out->n != n;
}

/* What is told since the last time. */
static bool has_news(const struct pres_watch *w)
{
	for (size_t i = 0; i < w->view->n_pieces; i++)
		if ((w->categories >> w->view->pieces[i].category & 1) != 0 && w->view->pieces[i].serial > w->told)
			return true;
	return false;
}

void presentity_reckon(struct presentity *p)
{
	struct pres_aggregate now = pres_aggregate(p, 2);
	if (now.availability != p->aggregate) {
		p->aggregate = now.availability;
		p->aggregate_ms = pres_unix_ms(p->pres);
		p->aggregate_version++;
	}
}

void presentity_show(struct presentity *p)
{
	uint64_t changed = 0;
	presentity_reckon(p);
	for (struct pres_view *v = p->views; v != NULL; v = v->next)
		changed |= pres_view_refresh(p, v);
	p->serial += changed != 0;
	LIST_EACH (it, &p->watches) {
		struct pres_watch *w = LIST_OF(it, struct pres_watch, of_presentity);
		if (changed != 0 && has_news(w))
			w->door->on_news(w->arg, w);
	}
}

void presentity_place_watches(struct presentity *p)
{
	if (p->is_far)
		return; /* his home decides it */
	LIST_EACH (it, &p->watches)
		(void)place(LIST_OF(it, struct pres_watch, of_presentity));
	LIST_EACH (it, &p->watches) {
		struct pres_watch *w = LIST_OF(it, struct pres_watch, of_presentity);
		if (w->told == 0)
			w->door->on_news(w->arg, w);
	}
}
