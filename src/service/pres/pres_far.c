/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching across front processes. A list of contacts is watched in one subscription, at home with its watcher; its contacts have their homes
 * elsewhere. For each of them the watcher's home has a view that the contact's home fills (far), and that has a watch like any other (guest).
 */
#include "service/pres/pres_priv.h"

#include <stdlib.h>

/* Somebody at home here watches somebody at home there. */
struct pres_far {
	struct map_node node;
	uint32_t id;
	uint16_t front;
	struct pres_watch *watch;
	struct pres_view *view;
};

/* Somebody at home there watches somebody at home here. */
struct pres_guest {
	struct map_node node;
	struct {
		uint32_t id, front;
	} key;
	struct pres *pres;
	struct pres_watch *watch;
};

static str far_key(const struct map_node *n)
{
	const struct pres_far *f = MAP_OF(n, const struct pres_far, node);
	return (str){ (const char *)&f->id, sizeof f->id };
}

static str guest_key(const struct map_node *n)
{
	const struct pres_guest *g = MAP_OF(n, const struct pres_guest, node);
	return (str){ (const char *)&g->key, sizeof g->key };
}

void pres_fars_init(struct pres *p)
{
	map_init(&p->fars, far_key);
	map_init(&p->guests, guest_key);
}

bool pres_is_far(const struct pres *p, str aor)
{
	return p->config.door.home != NULL && p->config.door.home(p->config.arg, aor) != p->config.front;
}

/* ---- the watcher's home ---- */

static void ask(const struct pres *p, const struct pres_far *f)
{
	struct buf names DEFER(buf_fini) = { 0 };
	const struct pres_watch *w = f->watch;
	buf_init(&names, PRES_CATEGORIES * (PRES_NAME_MAX + 1));
	for (size_t i = 0; i < p->categories.n; i++)
		if ((w->categories >> i & 1) != 0)
			buf_printf(&names, "%s\n", p->categories.names[i]);
	p->config.door.watch(p->config.arg, f->front, f->id, presentity_aor(w->presentity), (str){ w->aor, w->aor_n }, buf_str(&names));
}

err pres_far_open(struct pres_watch *w, struct pres_view *v)
{
	struct pres *p = w->presentity->pres;
	struct pres_far *f = calloc(1, sizeof *f);
	ENSURE(f != NULL, NO_MEMORY);
	*f = (struct pres_far){ .id = ++p->next_far, .front = p->config.door.home(p->config.arg, presentity_aor(w->presentity)), .watch = w, .view = v };
	err e = map_add(&p->fars, &f->node);
	if (failed(e)) {
		free(f);
		return e;
	}
	v->far = f;
	ask(p, f);
	return OK;
}

void pres_far_close(struct pres_view *v)
{
	struct pres_far *f = v->far;
	if (f == NULL)
		return;
	struct pres *p = f->watch->presentity->pres;
	p->config.door.unwatch(p->config.arg, f->front, f->id);
	map_remove(&p->fars, &f->node);
	free(f);
	v->far = NULL;
}

err pres_on_news(struct pres *p, uint16_t front, uint32_t id, str pieces)
{
	struct map_node *n = map_find(&p->fars, (str){ (const char *)&id, sizeof id });
	struct pres_far *f = n != NULL ? MAP_OF(n, struct pres_far, node) : NULL;
	uint64_t changed;
	if (f == NULL || f->front != front)
		return OK; /* it was closed meanwhile */
	struct presentity *u = f->watch->presentity;
	TRY(pres_view_unpack(u, f->view, pieces, &changed));
	if ((changed & f->watch->categories) == 0)
		return OK;
	u->serial++;
	f->watch->door->on_news(f->watch->arg, f->watch);
	return OK;
}

struct asking {
	const struct pres *pres;
	uint16_t front;
};

static void ask_again(void *arg, struct map_node *n)
{
	const struct asking *a = arg;
	const struct pres_far *f = MAP_OF(n, const struct pres_far, node);
	if (f->front == a->front)
		ask(a->pres, f);
}

void pres_front_up(struct pres *p, uint16_t front)
{
	map_each(&p->fars, ask_again, &(struct asking){ p, front });
}

/* ---- the home of the one who is watched ---- */

static void tell(struct pres_guest *g)
{
	struct buf pieces DEFER(buf_fini) = { 0 };
	struct pres_watch *w = g->watch;
	buf_init(&pieces, 2 * PRES_VIEW_MAX);
	pres_view_pack(w->presentity, w->view, w->categories, w->told, &pieces);
	w->told = w->presentity->serial;
	if (!pieces.failed && pieces.n != 0)
		g->pres->config.door.news(g->pres->config.arg, (uint16_t)g->key.front, g->key.id, buf_str(&pieces));
}

static void on_news(void *arg, struct pres_watch *w)
{
	(void)w;
	tell(arg);
}

static const struct pres_watch_door door = { on_news };

static struct pres_guest *find_guest(const struct pres *p, uint16_t front, uint32_t id)
{
	struct pres_guest sought = { .key = { id, front } };
	struct map_node *n = map_find(&p->guests, guest_key(&sought.node));
	return n != NULL ? MAP_OF(n, struct pres_guest, node) : NULL;
}

static void guest_free(struct pres_guest *g)
{
	map_remove(&g->pres->guests, &g->node);
	if (g->watch != NULL)
		pres_watch_close(g->watch);
	free(g);
}

static uint64_t read_categories(struct pres *p, str names)
{
	uint64_t categories = 0;
	uint8_t one;
	while (names.n != 0)
		if (!failed(pres_category_get(&p->categories, str_split(names, '\n', &names), &one)))
			categories |= UINT64_C(1) << one;
	return categories;
}

static err open_guest(struct pres_guest *g, str aor, str watcher, uint64_t categories)
{
	struct presentity *u;
	TRY(presentity_get(g->pres, aor, &u));
	if (!u->is_loaded)
		TRY(presentity_load(u));
	TRY(pres_watch_open(u, watcher, categories, &door, g, &g->watch));
	if (u->is_loaded)
		tell(g);
	return OK;
}

err pres_on_watch(struct pres *p, uint16_t front, uint32_t id, str aor, str watcher, str categories)
{
	struct pres_guest *g = find_guest(p, front, id);
	ENSURE(aor.n != 0 && aor.n <= USER_AOR_MAX && watcher.n != 0 && watcher.n <= USER_AOR_MAX, MALFORMED);
	if (g != NULL)
		guest_free(g);
	if (pres_is_far(p, aor) || user_find(p->config.users, aor) == NULL)
		return OK; /* removed meanwhile */
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return OK;
	g->pres = p;
	g->key.id = id;
	g->key.front = front;
	if (failed(map_add(&p->guests, &g->node))) {
		free(g);
		return OK;
	}
	if (failed(open_guest(g, aor, watcher, read_categories(p, categories))))
		guest_free(g);
	return OK;
}

void pres_on_unwatch(struct pres *p, uint16_t front, uint32_t id)
{
	struct pres_guest *g = find_guest(p, front, id);
	if (g != NULL)
		guest_free(g);
}

static void free_of_front(void *arg, struct map_node *n)
{
	const struct asking *a = arg;
	struct pres_guest *g = MAP_OF(n, struct pres_guest, node);
	if (g->key.front == a->front)
		guest_free(g);
}

void pres_front_gone(struct pres *p, uint16_t front)
{
	map_each(&p->guests, free_of_front, &(struct asking){ p, front });
}

static void free_guest(void *arg, struct map_node *n)
{
	(void)arg;
	guest_free(MAP_OF(n, struct pres_guest, node));
}

void pres_fars_fini(struct pres *p)
{
	map_each(&p->guests, free_guest, NULL);
	map_fini(&p->guests);
	map_fini(&p->fars);
}
