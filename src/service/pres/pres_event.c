/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The presence event package: one user, or a list of them in a single subscription ("batch", [MS-PRES] 3.3; RFC 4662 for what is sent). Clients of the
 * Lync dialect get categories, others PIDF (RFC 3863).
 */
#include "service/pres/pres_list.h"

#include <stdlib.h>

#define BATCH     "application/msrtc-adrl-categorylist+xml"
#define RESOURCES 1000 /* of one subscription */
#define USUAL     (UINT64_C(1) << CATEGORY_STATE | UINT64_C(1) << CATEGORY_NOTE | UINT64_C(1) << CATEGORY_CALENDAR | UINT64_C(1) << CATEGORY_CARD)

static void on_news(void *arg, struct pres_watch *w)
{
	struct resource *one = arg;
	(void)w;
	one->is_pending = true;
	notifier_tell(one->event->subscription);
}

/* The user has been removed: a list says so, and goes on. */
static void on_gone(void *arg, struct pres_watch *w)
{
	struct resource *one = arg;
	struct subscription *s = one->event->subscription;
	pres_watch_close(w);
	one->watch = NULL;
	one->is_new = true;
	if (one->event->is_list)
		notifier_tell(s);
	else
		notifier_end(s, "noresource");
}

static const struct pres_watch_door door = { on_news, on_gone };

/* ---- what is wanted ---- */

static struct resource *find_resource(const struct event *e, str aor)
{
	for (size_t i = 0; i < e->n; i++)
		if (str_eq(resource_aor(e->resources[i]), aor))
			return e->resources[i];
	return NULL;
}

static err open_watch(struct event *e, struct resource *one)
{
	struct presentity *u;
	if (user_find(e->pres->config.users, resource_aor(one)) == NULL)
		return OK;
	TRY(presentity_get(e->pres, resource_aor(one), &u));
	if (!u->is_loaded && failed(presentity_load(u)))
		return ERR(SIP_BUSY);
	return pres_watch_open(u, watcher_of(e), e->categories, &door, one, &one->watch);
}

static err add_resource(struct event *e, str aor)
{
	if (find_resource(e, aor) != NULL)
		return OK;
	ENSURE(e->n < RESOURCES && aor.n <= USER_AOR_MAX, CEILING);
	if (e->n == e->room) {
		size_t room = e->room == 0 ? 1 : 2 * e->room;
		struct resource **list = realloc(e->resources, room * sizeof(struct resource *));
		ENSURE(list != NULL, NO_MEMORY);
		e->resources = list;
		e->room = room;
	}
	struct resource *one = calloc(1, sizeof *one + aor.n);
	ENSURE(one != NULL, NO_MEMORY);
	one->event = e;
	one->is_new = true;
	one->aor_n = (uint16_t)aor.n;
	memcpy(one->aor, aor.p, aor.n);
	err failure = open_watch(e, one);
	if (failed(failure)) {
		free(one);
		return failure;
	}
	e->resources[e->n++] = one;
	return OK;
}

static void free_resource(struct resource *one)
{
	if (one->watch != NULL)
		pres_watch_close(one->watch);
	free(one);
}

static void remove_resource(struct event *e, str aor)
{
	for (size_t i = 0; i < e->n; i++)
		if (str_eq(resource_aor(e->resources[i]), aor)) {
			free_resource(e->resources[i]);
			e->resources[i] = e->resources[--e->n];
			return;
		}
}

static void event_free(struct event *e)
{
	for (size_t i = 0; i < e->n; i++)
		free_resource(e->resources[i]);
	free(e->resources);
	free(e);
}

static void read_categories(struct event *e, const struct xml_node *action)
{
	const struct xml_node *list = xml_child(action, STR("categoryList"));
	uint8_t category;
	for (const struct xml_node *n = xml_child(list, STR("category")); n != NULL; n = xml_sibling(n, STR("category")))
		if (!failed(pres_category_get(&e->pres->categories, xml_attribute(n, STR("name")), &category)))
			e->categories |= UINT64_C(1) << category;
	if (e->categories == 0)
		e->categories = USUAL;
}

/* <batchSub><action name="subscribe"><adhocList><resource uri=.../></adhocList><categoryList>...; unsubscribe takes some away. */
static err read_action(struct event *e, const struct xml_node *action, struct arena *a)
{
	bool is_away = str_eq(xml_attribute(action, STR("name")), STR("unsubscribe"));
	read_categories(e, action);
	for (const struct xml_node *n = xml_child(xml_child(action, STR("adhocList")), STR("resource")); n != NULL; n = xml_sibling(n, STR("resource"))) {
		struct uri u;
		str aor;
		if (failed(uri_parse(xml_attribute(n, STR("uri")), &u, NULL)) || failed(uri_aor(&u, a, &aor)))
			continue; /* an address that is none has no presence */
		if (is_away)
			remove_resource(e, aor);
		else
			TRY(add_resource(e, aor));
	}
	return OK;
}

static err read_batch(struct event *e, const struct request *r)
{
	struct xml_node *root;
	TRY(xml_tree_read(e->pres->config.xml, r->in->msg.body, NULL, &r->in->arena, &root, NULL));
	ENSURE(str_eq(root->name, STR("batchSub")), MALFORMED);
	for (const struct xml_node *n = xml_child(root, STR("action")); n != NULL; n = xml_sibling(n, STR("action")))
		TRY(read_action(e, n, &r->in->arena));
	return OK;
}

static bool is_batch(const struct sip_msg *m)
{
	str rest;
	return str_eq_case(str_trim(str_split(sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), ';', &rest)), STR(BATCH));
}

/* Categories for who can read them, PIDF for everybody else. */
static bool wants_categories(const struct sip_msg *m)
{
	struct sip_walk walk = { 0 };
	str value, rest;
	while (sip_walk_next(m, SIP_HDR_ACCEPT, &walk, &value))
		if (str_eq_case(str_trim(str_split(value, ';', &rest)), STR(PRES_CATEGORIES_TYPE)))
			return true;
	return false;
}

static err fill(struct event *e, const struct request *r)
{
	const struct sip_msg *m = &r->in->msg;
	e->is_list = is_batch(m);
	if (e->is_list) {
		ENSURE(str_eq(r->aor, r->target), SIP_FORBIDDEN); /* somebody else's list would be asked for in his name */
		return read_batch(e, r);
	}
	e->is_pidf = !wants_categories(m);
	e->categories = USUAL;
	return add_resource(e, r->target);
}

static err open_event(void *arg, struct subscription *s, const struct request *r)
{
	struct pres *p = arg;
	ENSURE(r->aor.n != 0, SIP_FORBIDDEN);
	if (s->subject != NULL) {
		struct event *old = s->subject;
		ENSURE(str_eq(watcher_of(old), r->aor), SIP_FORBIDDEN);
		return old->is_list && is_batch(&r->in->msg) ? read_batch(old, r) : OK;
	}
	struct event *e = calloc(1, sizeof *e + r->aor.n);
	ENSURE(e != NULL, NO_MEMORY);
	e->pres = p;
	e->subscription = s;
	e->watcher_n = (uint16_t)r->aor.n;
	memcpy(e->watcher, r->aor.p, r->aor.n);
	err failure = fill(e, r);
	if (failed(failure)) {
		event_free(e);
		return failure;
	}
	s->subject = e;
	return OK;
}

static void close_event(void *arg, struct subscription *s)
{
	(void)arg;
	event_free(s->subject);
}

static const str types[] = { { PRES_PIDF_TYPE, sizeof PRES_PIDF_TYPE - 1 }, { PRES_CATEGORIES_TYPE, sizeof PRES_CATEGORIES_TYPE - 1 }, { "application/rlmi+xml", 20 }, { "multipart/related", 17 }, { "", 0 } };

const struct notifier_package pres_package = {
	.event = { "presence", 8 },
	.accepts = types,
	.usual = 3600,
	.shortest = 60,
	.longest = 28800,
	.open = open_event,
	.tell = pres_event_tell,
	.close = close_event,
};
