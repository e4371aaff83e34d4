/* SPDX-License-Identifier: Apache-2.0 */
/* The users whose presence is in memory: read from vault when somebody asks for them, forgotten when nobody does any more. */
#include "service/pres/pres_priv.h"

#include <stdlib.h>
#include <time.h>

#define IDLE_MS 60000 /* a user whom nobody watches, and who is nowhere signed in, is kept for this long */

/* A request that waits until its user is loaded. */
struct waiting {
	struct list node;
	struct presentity *presentity;
	struct request *request;
};

static str key_of(const struct map_node *n)
{
	return presentity_aor(MAP_OF(n, const struct presentity, node));
}

uint64_t pres_unix_ms(const struct pres *p)
{
	struct timespec t;
	if (p->config.unix_ms != NULL)
		return p->config.unix_ms();
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

err pres_new(const struct pres_config *config, struct pres **out)
{
	struct pres *p = calloc(1, sizeof *p);
	ENSURE(p != NULL, NO_MEMORY);
	p->config = *config;
	map_init(&p->presentities, key_of);
	pres_categories_init(&p->categories);
	pres_fars_init(p);
	err e = notifier_add(config->notifier, &pres_self_package, p);
	if (!failed(e))
		e = notifier_add(config->notifier, &pres_package, p);
	if (failed(e)) {
		pres_free(p);
		return e;
	}
	*out = p;
	return OK;
}

/* ---- one user ---- */

struct presentity *presentity_find(const struct pres *p, str aor)
{
	struct map_node *n = map_find(&p->presentities, aor);
	return n != NULL ? MAP_OF(n, struct presentity, node) : NULL;
}

static void on_timer(void *arg);

/* The timer is always set: it looks for what has ended, and whether anybody still needs him. */
static err set_timer(struct presentity *u)
{
	uint64_t now = u->pres->config.timers->now, at = pres_publications_next(u), idle = now + IDLE_MS;
	at = at < idle ? at : idle;
	return timer_set(u->pres->config.timers, &u->timer, at > now ? at - now : 0, on_timer, u);
}

static void forget_waiting(struct presentity *u, bool resume)
{
	struct pres *p = u->pres;
	while (!list_is_empty(&u->waiting)) {
		struct waiting *w = LIST_OF(u->waiting.next, struct waiting, node);
		struct request *r = w->request;
		list_remove(&w->node);
		free(w);
		if (resume)
			p->config.door.resume(p->config.arg, r);
		else
			request_fail(r, ERR(SIP_BUSY), "presence");
		inbound_unref(r->in);
	}
}

static void presentity_free(struct presentity *u)
{
	struct pres *p = u->pres;
	kept_forget(p->config.kept, u);
	forget_waiting(u, false);
	timer_clear(p->config.timers, &u->timer);
	pres_publications_free(u);
	pres_containers_free(u);
	pres_subscribers_free(u);
	buf_fini(&u->card);
	map_remove(&p->presentities, &u->node);
	free(u);
}

static void free_one(void *arg, struct map_node *n)
{
	(void)arg;
	presentity_free(MAP_OF(n, struct presentity, node));
}

void pres_free(struct pres *p)
{
	if (p == NULL)
		return;
	pres_fars_fini(p);
	map_each(&p->presentities, free_one, NULL);
	map_fini(&p->presentities);
	free(p);
}

err presentity_get(struct pres *p, str aor, struct presentity **out)
{
	struct presentity *u = presentity_find(p, aor);
	*out = u;
	if (u != NULL)
		return OK;
	ENSURE(aor.n <= USER_AOR_MAX, CEILING);
	u = calloc(1, sizeof *u + aor.n);
	ENSURE(u != NULL, NO_MEMORY);
	u->pres = p;
	u->is_far = pres_is_far(p, aor);
	u->aor_n = (uint16_t)aor.n;
	memcpy(u->aor, aor.p, aor.n);
	u->aggregate = PRES_OFFLINE;
	list_init(&u->waiting);
	list_init(&u->watches);
	list_init(&u->selves);
	buf_init(&u->card, 65536);
	err e = set_timer(u);
	if (!failed(e))
		e = map_add(&p->presentities, &u->node);
	if (failed(e)) {
		timer_clear(p->config.timers, &u->timer);
		free(u);
		return e;
	}
	*out = u;
	return OK;
}

static bool is_needed(const struct presentity *u)
{
	const struct pres_config *c = &u->pres->config;
	return u->is_loading || !list_is_empty(&u->watches) || !list_is_empty(&u->selves) || !list_is_empty(&u->waiting) || u->n_saving != 0 ||
	       c->door.is_signed_in(c->arg, presentity_aor(u), STR(""));
}

static void on_timer(void *arg)
{
	struct presentity *u = arg;
	uint64_t gone = pres_publications_expire(u);
	if (gone != 0) {
		presentity_show(u);
		pres_selves_tell(u, gone, NULL);
	}
	if (is_needed(u)) {
		err e = set_timer(u);
		ASSERT(!failed(e)); /* it was set a moment ago: setting it needs no memory */
	} else {
		presentity_free(u);
	}
}

void presentity_settle(struct presentity *u)
{
	err e = set_timer(u);
	ASSERT(!failed(e));
}

/* ---- reading him ---- */

static err read_container(struct presentity *u, const struct kept_row *row)
{
	uint32_t number;
	str rest = row->value, line = str_split(rest, '\n', &rest);
	ENSURE(str_to_u32(row->key, &number) && number <= UINT16_MAX, CORRUPT);
	struct pres_container *c = pres_container_get(u, (uint16_t)number);
	ENSURE(c != NULL, NO_MEMORY);
	pres_container_empty(u, c);
	ENSURE(str_to_u32(line, &c->version), CORRUPT);
	while (rest.n != 0) {
		enum pres_member_kind kind;
		str value;
		line = str_split(rest, '\n', &rest);
		ENSURE(pres_member_kind_find(str_split(line, ' ', &value), &kind), CORRUPT);
		TRY(pres_member_add(u, c, kind, value));
	}
	return OK;
}

/* "state 536870912 2", and "VERSION TIME\n" before the body */
static err read_publication(struct presentity *u, const struct kept_row *row, struct arena *a)
{
	struct pres_publish w = { .expire = EXPIRE_STATIC, .epid = STR("") };
	struct xml_node *root = NULL;
	str rest, name = str_split(row->key, ' ', &rest), instance = str_split(rest, ' ', &rest), body;
	str head = str_split(row->value, '\n', &body), time, version = str_split(head, ' ', &time);
	uint32_t container;
	ENSURE(str_to_u32(instance, &w.key.instance) && str_to_u32(rest, &container) && container <= UINT16_MAX, CORRUPT);
	ENSURE(str_to_u32(version, &w.version) && str_to_u64(time, &w.published_ms), CORRUPT);
	w.key.container = (uint16_t)container;
	TRY(pres_category_get(&u->pres->categories, name, &w.key.category));
	if (body.n != 0)
		TRY(xml_tree_read(u->pres->config.xml, body, NULL, a, &root, NULL));
	w.body = root;
	return pres_publication_set(u, &w, a);
}

static err read_row(struct presentity *u, const struct kept_row *row, struct arena *a)
{
	switch (row->kind) {
	case KEPT_CONTAINER:
		return read_container(u, row);
	case KEPT_PUBLICATION:
		return read_publication(u, row, a);
	case KEPT_SUBSCRIBER: {
		struct pres_subscriber *one = pres_subscriber_get(u, row->key);
		ENSURE(one != NULL, CEILING);
		one->is_acknowledged = str_eq(row->value, STR("acknowledged"));
		return OK;
	}
	case KEPT_CARD:
		kept_row_add(&u->card, row);
		return OK;
	default:
		return OK;
	}
}

static void read_rows(struct presentity *u, str rows, bool card_only)
{
	struct kept_row row;
	err e = OK;
	buf_reset(&u->card);
	while (kept_row_next(&rows, &row, &e)) {
		struct arena a DEFER(arena_fini) = { 0 };
		arena_init(&a, 1 << 20);
		err one = card_only && row.kind != KEPT_CARD ? OK : read_row(u, &row, &a);
		if (failed(one)) /* the others are good all the same */
			LOG(u->pres->config.log, PRES_ROW_REFUSED, LOG_STR("user", presentity_aor(u)), LOG_STR("key", row.key), LOG_ERR(one));
	}
}

static void on_loaded(void *arg, err e, str rows)
{
	struct presentity *u = arg;
	bool again = u->is_loaded;
	u->is_loading = false;
	if (!failed(e)) {
		read_rows(u, rows, again);
		e = pres_containers_usual(u);
		u->loaded_ms = pres_unix_ms(u->pres);
	}
	u->is_loaded = u->is_loaded || !failed(e);
	if (u->is_loaded)
		presentity_show(u);
	if (u->is_loaded && !again)
		presentity_place_watches(u); /* until now nobody was known to be in a container */
	presentity_settle(u);
	forget_waiting(u, u->is_loaded);
}

err presentity_load(struct presentity *u)
{
	if (u->is_loading || u->is_far)
		return OK;
	TRY(kept_load(u->pres->config.kept, presentity_aor(u), on_loaded, u));
	u->is_loading = true;
	return OK;
}

/* Is u ready? Otherwise r waits until he is: WAIT. */
err presentity_need(struct pres *p, struct request *r, str aor, struct presentity **out, enum stage_verdict *v)
{
	struct presentity *u;
	TRY(presentity_get(p, aor, &u));
	*out = u;
	if (u->is_loaded)
		return OK;
	struct waiting *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	err e = presentity_load(u);
	if (failed(e)) {
		free(w);
		return ERR(SIP_BUSY);
	}
	w->presentity = u;
	w->request = r;
	r->conn = NULL; /* it may have gone when he is loaded */
	(void)inbound_ref(r->in);
	list_add(&u->waiting, &w->node);
	*v = STAGE_WAIT;
	return OK;
}

/* ---- what others tell ---- */

void pres_devices_changed(struct pres *p, str aor)
{
	struct presentity *u = presentity_find(p, aor);
	if (u == NULL || !u->is_loaded)
		return;
	uint64_t gone = pres_publications_expire(u);
	presentity_show(u);
	if (gone != 0)
		pres_selves_tell(u, gone, NULL);
}

void pres_user_changed(struct pres *p, str aor)
{
	struct presentity *u = presentity_find(p, aor);
	if (u != NULL && u->is_loaded)
		(void)failed(presentity_load(u)); /* without vault the card stays as it was */
}
