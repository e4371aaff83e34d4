/* SPDX-License-Identifier: Apache-2.0 */
/* The lists that are in memory: read from vault when somebody asks for them, forgotten when nobody does any more. */
#include "service/contact/contact_priv.h"

#include <stdlib.h>

#define IDLE_MS    60000
#define CHANGE_MAX 524288 /* bytes of one change, as it is told */

/* A request that waits. */
struct waiting {
	struct list node;
	struct request *request;
	bool is_change;
};

static str key_of(const struct map_node *n)
{
	return contact_list_aor(MAP_OF(n, const struct contact_list, node));
}

err contacts_new(const struct contact_config *config, struct contacts **out)
{
	struct contacts *c = calloc(1, sizeof *c);
	ENSURE(c != NULL, NO_MEMORY);
	c->config = *config;
	list_init(&c->asks);
	map_init(&c->lists, key_of);
	err e = notifier_add(config->notifier, &contact_package, c);
	if (failed(e)) {
		contacts_free(c);
		return e;
	}
	*out = c;
	return OK;
}

struct contact_list *contact_list_find(const struct contacts *c, str aor)
{
	struct map_node *n = map_find(&c->lists, aor);
	return n != NULL ? MAP_OF(n, struct contact_list, node) : NULL;
}

/* ---- those who wait ---- */

static bool may_go_on(const struct contact_list *l, const struct waiting *w)
{
	return l->is_loaded && !(w->is_change && l->is_saving);
}

static struct request *take_first(struct contact_list *l)
{
	struct waiting *w = LIST_OF(l->waiting.next, struct waiting, node);
	struct request *r = w->request;
	list_remove(&w->node);
	free(w);
	return r;
}

/* In their order: a change that has to wait makes those behind it wait, too. */
void contact_list_resume(struct contact_list *l)
{
	struct contacts *c = l->contacts;
	while (!list_is_empty(&l->waiting) && may_go_on(l, LIST_OF(l->waiting.next, struct waiting, node))) {
		struct request *r = take_first(l);
		c->config.door.resume(c->config.arg, r);
		inbound_unref(r->in);
	}
}

static void refuse_waiting(struct contact_list *l)
{
	while (!list_is_empty(&l->waiting)) {
		struct request *r = take_first(l);
		request_fail(r, ERR(SIP_BUSY), "contact");
		inbound_unref(r->in);
	}
}

static void drop(struct contact_list *l)
{
	struct contacts *c = l->contacts;
	kept_forget(c->config.kept, l);
	refuse_waiting(l);
	timer_clear(c->config.timers, &l->timer);
	contact_list_empty(l);
	buf_fini(&l->change);
	map_remove(&c->lists, &l->node);
	free(l);
}

static void drop_each(void *arg, struct map_node *n)
{
	drop(MAP_OF(n, struct contact_list, node));
}

void contacts_free(struct contacts *c)
{
	if (c == NULL)
		return;
	contacts_told_nothing(c);
	map_each(&c->lists, drop_each, NULL);
	map_fini(&c->lists);
	free(c);
}

/* ---- one list ---- */

static void on_timer(void *arg)
{
	struct contact_list *l = arg;
	if (l->is_loading || l->is_saving || !list_is_empty(&l->waiting) || !list_is_empty(&l->subscriptions))
		contact_list_settle(l);
	else
		drop(l);
}

void contact_list_settle(struct contact_list *l)
{
	err e = timer_set(l->contacts->config.timers, &l->timer, IDLE_MS, on_timer, l);
	ASSERT(!failed(e)); /* it is always set, so that setting it again needs no memory */
}

static err get(struct contacts *c, str aor, struct contact_list **out)
{
	struct contact_list *l = contact_list_find(c, aor);
	*out = l;
	if (l != NULL)
		return OK;
	ENSURE(aor.n <= USER_AOR_MAX, CEILING);
	l = calloc(1, sizeof *l + aor.n);
	ENSURE(l != NULL, NO_MEMORY);
	l->contacts = c;
	l->aor_n = (uint16_t)aor.n;
	memcpy(l->aor, aor.p, aor.n);
	list_init(&l->waiting);
	list_init(&l->subscriptions);
	buf_init(&l->change, CHANGE_MAX);
	err e = timer_set(c->config.timers, &l->timer, IDLE_MS, on_timer, l);
	if (!failed(e))
		e = map_add(&c->lists, &l->node);
	if (failed(e)) {
		timer_clear(c->config.timers, &l->timer);
		free(l);
		return e;
	}
	*out = l;
	return OK;
}

/* ---- reading it ---- */

static void read_rows(struct contact_list *l, str rows)
{
	struct kept_row row;
	err e = OK;
	while (kept_row_next(&rows, &row, &e)) {
		err one = contact_list_apply(l, &row);
		if (failed(one)) /* the others are good all the same */
			LOG(l->contacts->config.log, CONTACT_ROW_REFUSED, LOG_STR("user", contact_list_aor(l)), LOG_STR("key", row.key), LOG_ERR(one));
	}
}

static void on_loaded(void *arg, err e, str rows)
{
	struct contact_list *l = arg;
	struct contacts *c = l->contacts;
	l->is_loading = false;
	if (!failed(e))
		e = contact_list_begin(l);
	if (failed(e)) {
		refuse_waiting(l);
		return;
	}
	read_rows(l, rows);
	l->is_loaded = true;
	if (l->is_uncertain)
		contact_list_tell(l);
	l->is_uncertain = false;
	if (c->config.door.on_change != NULL)
		c->config.door.on_change(c->config.arg, contact_list_aor(l));
	contact_list_resume(l);
}

static err load(struct contact_list *l)
{
	if (l->is_loading || l->is_loaded)
		return OK;
	TRY(kept_load(l->contacts->config.kept, contact_list_aor(l), on_loaded, l));
	l->is_loading = true;
	return OK;
}

err contact_list_need(struct contacts *c, struct request *r, str aor, bool is_change, struct contact_list **out, enum stage_verdict *v)
{
	struct contact_list *l;
	TRY(get(c, aor, &l));
	*out = l;
	if (l->is_loaded && !(is_change && l->is_saving))
		return OK;
	struct waiting *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	if (failed(load(l))) {
		free(w);
		return ERR(SIP_BUSY);
	}
	w->request = r;
	w->is_change = is_change;
	r->conn = NULL; /* it may have gone when the list is there */
	(void)inbound_ref(r->in);
	list_add(&l->waiting, &w->node);
	*v = STAGE_WAIT;
	return OK;
}

/* ---- what others ask ---- */

bool contact_is_loaded(const struct contacts *c, str aor)
{
	const struct contact_list *l = contact_list_find(c, aor);
	return l != NULL && l->is_loaded;
}

bool contact_has(const struct contacts *c, str aor, str other)
{
	const struct contact_list *l = contact_list_find(c, aor);
	return l != NULL && l->is_loaded && contact_find(l, other) != NULL;
}

err contact_load(struct contacts *c, str aor)
{
	struct contact_list *l;
	TRY(get(c, aor, &l));
	return load(l);
}

void contact_user_gone(struct contacts *c, str aor)
{
	struct contact_list *l = contact_list_find(c, aor);
	if (l == NULL)
		return;
	LIST_EACH (it, &l->subscriptions)
		notifier_end(LIST_OF(it, struct subscription, of_subject), "noresource");
	if (l->is_saving) /* its answer is still to come; what it holds is read anew by whoever has this address next */
		l->is_loaded = false;
	else
		drop(l);
}
