/* SPDX-License-Identifier: Apache-2.0 */
/* The users whose presence is in memory: read from vault when somebody asks for them, forgotten when nobody does any more. */
#include "service/pres/pres_priv.h"

#include <stdlib.h>
#include <time.h>

#define IDLE_MS 60000 /* a user whom nobody watches, and who is nowhere signed in, is kept for this long */
#define RETRY_MS 5000 /* until vault is asked again for somebody who could not be read */

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
	if (!failed(e))
		e = notifier_add(config->notifier, &pres_winfo_package, p);
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
	uint64_t now = u->pres->config.timers->now, at = pres_publications_next(u);
	uint64_t idle = now + (u->is_far || (u->is_loaded && !u->is_stale) ? IDLE_MS : RETRY_MS);
	at = at < idle ? at : idle;
	return timer_set(u->pres->config.timers, &u->timer, at > now ? at - now : 0, on_timer, u);
}

void presentity_wake(struct presentity *u, bool goes_on)
{
	struct pres *p = u->pres;
	while (!list_is_empty(&u->waiting)) {
		struct waiting *w = LIST_OF(u->waiting.next, struct waiting, node);
		struct request *r = w->request;
		list_remove(&w->node);
		free(w);
		u->n_waiting--;
		if (goes_on)
			p->config.door.resume(p->config.arg, r);
		else
			request_fail(r, ERR(SIP_BUSY), "presence");
		inbound_unref(r->in);
	}
}

void presentity_empty(struct presentity *u)
{
	pres_publications_free(u);
	pres_containers_free(u);
	pres_subscribers_free(u);
	buf_reset(&u->card);
	u->is_loaded = false;
}

static void presentity_free(struct presentity *u)
{
	struct pres *p = u->pres;
	kept_forget(p->config.kept, u);
	presentity_wake(u, false);
	timer_clear(p->config.timers, &u->timer);
	pres_savings_forget(u);
	presentity_empty(u);
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
	list_init(&u->infos);
	list_init(&u->savings);
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
	return u->is_loading || !list_is_empty(&u->watches) || !list_is_empty(&u->selves) || !list_is_empty(&u->infos) || !list_is_empty(&u->waiting) || !list_is_empty(&u->savings) ||
	       c->door.is_signed_in(c->arg, presentity_aor(u), STR(""));
}

/* Vault was away when somebody began to watch him, or had a change refused. */
static void retry(struct presentity *u)
{
	(void)failed(presentity_load(u)); /* again in a while */
}

static void on_timer(void *arg)
{
	struct presentity *u = arg;
	err e = set_timer(u); /* before anybody else takes its place in the heap */
	ASSERT(!failed(e));
	uint64_t gone = pres_publications_expire(u);
	if (gone != 0) {
		presentity_show(u);
		pres_selves_tell(u, gone, NULL);
	}
	if (!is_needed(u))
		presentity_free(u);
	else if (!u->is_far && (!u->is_loaded || u->is_stale))
		retry(u);
}

void presentity_settle(struct presentity *u)
{
	err e = set_timer(u);
	ASSERT(!failed(e));
}

/* ---- who waits for him ---- */

/* Is u ready? Otherwise r waits until he is: WAIT. */
err presentity_need(struct pres *p, struct request *r, str aor, struct presentity **out, enum stage_verdict *v)
{
	struct presentity *u;
	TRY(presentity_get(p, aor, &u));
	*out = u;
	if (u->is_loaded && !u->is_stale)
		return OK;
	ENSURE(u->n_waiting < PRES_WAITING_MAX, SIP_BUSY);
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
	u->n_waiting++;
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

static void end_all(struct list *subscriptions)
{
	LIST_EACH (it, subscriptions)
		notifier_end(LIST_OF(it, struct subscription, of_subject), "noresource");
}

/* He has been removed: who watches him is told so, and nothing of him is left. */
static void remove_user(struct presentity *u)
{
	kept_forget(u->pres->config.kept, u);
	u->is_loading = false;
	presentity_wake(u, false);
	end_all(&u->selves);
	end_all(&u->infos);
	LIST_EACH (it, &u->watches) {
		struct pres_watch *w = LIST_OF(it, struct pres_watch, of_presentity);
		if (w->door->on_gone != NULL)
			w->door->on_gone(w->arg, w);
	}
	presentity_empty(u);
}

void pres_user_changed(struct pres *p, str aor)
{
	struct presentity *u = presentity_find(p, aor);
	if (u != NULL && user_find(p->config.users, aor) == NULL)
		remove_user(u);
	else if (u != NULL && u->is_loaded)
		(void)failed(presentity_load(u)); /* without vault the card stays as it was */
}

static void place_one(void *arg, struct map_node *n)
{
	(void)arg;
	presentity_place_watches(MAP_OF(n, struct presentity, node));
}

void pres_contacts_changed(struct pres *p, str aor)
{
	struct presentity *u = presentity_find(p, aor);
	if (u != NULL)
		presentity_place_watches(u);
}

void pres_config_changed(struct pres *p)
{
	map_each(&p->presentities, place_one, NULL);
}
