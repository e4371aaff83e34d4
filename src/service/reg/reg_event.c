/* SPDX-License-Identifier: Apache-2.0 */
/* The reg event package (RFC 3680): a user may watch his own registrations. The subscriptions are those of engine/notifier. */
#include "service/reg/reg_watch.h"

#include <stdlib.h>

/* What is kept with a subscription. */
struct reg_watch {
	uint32_t version; /* of the next document */
};

static struct subscription *watch_of(struct list *it)
{
	return LIST_OF(it, struct subscription, of_subject);
}

static err open_watch(void *arg, struct subscription *s, const struct request *r)
{
	struct reg *g = arg;
	struct reg_user *u;
	ENSURE(str_eq(r->aor, r->target), SIP_FORBIDDEN);
	if (s->subject != NULL)
		return OK;
	u = reg_user_find(g, r->target);
	ENSURE(u == NULL || u->n_watches < REG_WATCHES_USER_MAX, SIP_BUSY);
	struct reg_watch *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	err e = reg_user_get(g, r->target, &u);
	if (failed(e)) {
		free(w);
		return e;
	}
	s->own = w;
	s->subject = u;
	list_add(&u->watches, &s->of_subject);
	u->n_watches++;
	return OK;
}

static err tell_watch(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct reg *g = arg;
	struct reg_watch *w = s->own;
	const struct reg_document news = { .user = s->subject, .since = is_whole ? 0 : s->told, .version = w->version };
	n->type = STR("application/reginfo+xml");
	TRY(reg_info_print(g, &news, &n->body));
	w->version++;
	s->told = g->serial;
	return OK;
}

static void close_watch(void *arg, struct subscription *s)
{
	struct reg_user *u = s->subject;
	list_remove(&s->of_subject);
	u->n_watches--;
	free(s->own);
	if (!u->is_ending)
		reg_user_settle(arg, u);
}

static const str types[] = { { "application/reginfo+xml", 23 }, { "", 0 } };

/* RFC 3680 4.4 and 4.10: an hour and a little, and five seconds between two changes. */
const struct notifier_package reg_package = {
	.event = { "reg", 3 },
	.accepts = types,
	.usual = 3761,
	.shortest = 60,
	.longest = 3761,
	.pause_ms = 5000,
	.open = open_watch,
	.tell = tell_watch,
	.close = close_watch,
};

/* ---- changes ---- */

void reg_watches_tell(struct reg_user *u)
{
	LIST_EACH (it, &u->watches)
		if (watch_of(it)->told != u->reg->serial)
			notifier_tell(watch_of(it));
}

/* The highest serial that all who watch u know. */
static uint32_t known_to_all(const struct reg_user *u)
{
	uint32_t known = UINT32_MAX;
	LIST_EACH (it, &u->watches) {
		uint32_t told = watch_of(it)->told;
		if (told != 0 && told < known)
			known = told;
	}
	return known;
}

void reg_watches_trim(struct reg_user *u)
{
	struct reg_binding **at = &u->ended;
	uint32_t known = known_to_all(u);
	size_t n = 0;
	for (; *at != NULL && (*at)->serial > known && n < REG_ENDED_MAX; n++)
		at = &(*at)->next;
	/* What has to be forgotten untold is made up for by the whole state. */
	LIST_EACH (it, &u->watches)
		if (*at != NULL && watch_of(it)->told < (*at)->serial)
			watch_of(it)->told = 0;
	struct reg_binding *b = *at;
	*at = NULL;
	for (struct reg_binding *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

void reg_watches_end(struct reg_user *u, const char *reason)
{
	bool was = u->is_ending;
	u->is_ending = true; /* u stays until all have ended */
	while (!list_is_empty(&u->watches))
		notifier_end(watch_of(u->watches.next), reason);
	u->is_ending = was;
}
