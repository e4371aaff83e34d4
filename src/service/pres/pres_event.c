/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The presence event package: one user, or a list of them in a single subscription ("batch", [MS-PRES] 3.3; RFC 4662 for what is sent). Clients of the
 * Lync dialect get categories, others PIDF (RFC 3863).
 */
#include "service/pres/pres_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/xml.h"

#define NS          "http://schemas.microsoft.com/2006/09/sip/"
#define CATEGORIES  "application/msrtc-event-categories+xml"
#define PIDF        "application/pidf+xml"
#define BATCH       "application/msrtc-adrl-categorylist+xml"
#define BOUNDARY    "witan-list"
#define LIST        "multipart/related;type=\"application/rlmi+xml\";start=\"<list>\";boundary=" BOUNDARY
#define RESOURCES   1000 /* of one subscription */

/* One user of a list. */
struct resource {
	struct event *event;
	struct pres_watch *watch; /* NULL: there is no such user */
	bool is_pending, is_new;
	uint16_t aor_n;
	char aor[];
};

/* What one subscription is about. */
struct event {
	struct pres *pres;
	struct subscription *subscription;
	bool is_list, is_pidf;
	uint64_t categories;
	uint32_t version; /* of the next list */
	size_t n, room;
	struct resource **resources;
	uint16_t watcher_n;
	char watcher[];
};

static void on_news(void *arg, struct pres_watch *w)
{
	struct resource *one = arg;
	(void)w;
	one->is_pending = true;
	notifier_tell(one->event->subscription);
}

static const struct pres_watch_door door = { on_news };

static str resource_aor(const struct resource *one)
{
	return (str){ one->aor, one->aor_n };
}

static str watcher_of(const struct event *e)
{
	return (str){ e->watcher, e->watcher_n };
}

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
	if (!u->is_loaded)
		TRY(presentity_load(u));
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
		if (str_eq_case(str_trim(str_split(value, ';', &rest)), STR(CATEGORIES)))
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
	e->categories = UINT64_C(1) << CATEGORY_STATE | UINT64_C(1) << CATEGORY_NOTE | UINT64_C(1) << CATEGORY_CALENDAR | UINT64_C(1) << CATEGORY_CARD;
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

/* ---- documents ---- */

static void add_uri(struct buf *out, str aor)
{
	buf_add(out, STR("sip:"));
	if (!xml_add_escaped(out, aor, true))
		out->failed = true;
}

static bool add_categories(struct resource *one, bool is_whole, struct buf *out)
{
	buf_add(out, STR("<categories xmlns=\"" NS "categories\" uri=\""));
	add_uri(out, resource_aor(one));
	buf_add(out, STR("\">"));
	bool any = pres_watch_print(one->watch, is_whole || one->is_new, out);
	buf_add(out, STR("</categories>"));
	one->is_pending = one->is_new = false;
	return any;
}

static bool is_to_be_told(const struct resource *one, bool is_whole)
{
	if (one->watch == NULL)
		return is_whole || one->is_new;
	return pres_watch_is_ready(one->watch) && (is_whole || one->is_new || one->is_pending);
}

/* "list" and the addresses name the parts; clients drop the last bytes of a part that does not end with a line of its own. */
static void add_part(struct buf *out, str id, const char *type)
{
	buf_add(out, STR("--" BOUNDARY "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <"));
	buf_add(out, id);
	buf_printf(out, ">\r\nContent-Type: %s\r\n\r\n", type);
}

static void add_list(struct event *e, bool is_whole, struct buf *out)
{
	add_part(out, STR("list"), "application/rlmi+xml");
	buf_add(out, STR("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\""));
	add_uri(out, watcher_of(e));
	buf_printf(out, "\" version=\"%u\" fullState=\"false\">", e->version++);
	for (size_t i = 0; i < e->n; i++) {
		struct resource *one = e->resources[i];
		if (!is_to_be_told(one, is_whole))
			continue;
		buf_add(out, STR("<resource uri=\""));
		add_uri(out, resource_aor(one));
		if (one->watch == NULL) {
			buf_add(out, STR("\"><instance id=\"0\" state=\"terminated\" reason=\"noresource\" statusCode=\"404\"/></resource>"));
			continue;
		}
		buf_add(out, STR("\"><instance id=\"0\" state=\"active\" cid=\""));
		if (!xml_add_escaped(out, resource_aor(one), true))
			out->failed = true;
		buf_add(out, STR("\"/></resource>"));
	}
	buf_add(out, STR("</list>\r\n\r\n"));
}

static void print_list(struct event *e, bool is_whole, struct buf *out)
{
	add_list(e, is_whole, out);
	for (size_t i = 0; i < e->n; i++) {
		struct resource *one = e->resources[i];
		if (!is_to_be_told(one, is_whole))
			continue;
		if (one->watch == NULL) {
			one->is_new = false;
			continue;
		}
		add_part(out, resource_aor(one), CATEGORIES);
		(void)add_categories(one, is_whole, out);
		buf_add(out, STR("\r\n\r\n"));
	}
	buf_add(out, STR("--" BOUNDARY "--\r\n"));
}

static size_t count_told(const struct event *e, bool is_whole, struct resource **last)
{
	size_t n = 0;
	for (size_t i = 0; i < e->n; i++)
		if (is_to_be_told(e->resources[i], is_whole)) {
			n++;
			*last = e->resources[i];
		}
	return n;
}

/* A change of one user needs no list. */
static err tell_list(struct event *e, bool is_whole, struct notification *n)
{
	struct resource *last = NULL;
	size_t told = count_told(e, is_whole, &last);
	ENSURE(told != 0 || is_whole, ABSENT);
	if (told == 1 && !is_whole && last->watch != NULL) {
		n->type = STR(CATEGORIES);
		return add_categories(last, false, &n->body) ? OK : ERR(ABSENT);
	}
	n->type = STR(LIST);
	n->require = STR("eventlist");
	print_list(e, is_whole, &n->body);
	return OK;
}

static err tell_one(struct event *e, bool is_whole, struct notification *n)
{
	struct resource *one = e->resources[0];
	ENSURE(one->watch != NULL && pres_watch_is_ready(one->watch), ABSENT);
	if (e->is_pidf) {
		n->type = STR(PIDF);
		one->is_pending = one->is_new = false;
		return pres_pidf_print(one->watch, &n->body);
	}
	n->type = STR(CATEGORIES);
	return add_categories(one, is_whole, &n->body) ? OK : ERR(ABSENT);
}

static err tell_event(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct event *e = s->subject;
	(void)arg;
	return e->is_list ? tell_list(e, is_whole, n) : tell_one(e, is_whole, n);
}

static const str types[] = { { PIDF, sizeof PIDF - 1 }, { CATEGORIES, sizeof CATEGORIES - 1 }, { "application/rlmi+xml", 20 }, { "multipart/related", 17 }, { "", 0 } };

const struct notifier_package pres_package = {
	.event = { "presence", 8 },
	.accepts = types,
	.usual = 3600,
	.shortest = 60,
	.longest = 28800,
	.open = open_event,
	.tell = tell_event,
	.close = close_event,
};
