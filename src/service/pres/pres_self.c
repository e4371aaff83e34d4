/* SPDX-License-Identifier: Apache-2.0 */
/* What people see of themselves on all their devices: publications, containers, watchers (vnd-microsoft-roaming-self, [MS-PRES] 3.6). */
#include "service/pres/pres_priv.h"

#include <stdlib.h>

#include "wire/xml.h"

#define NS              "http://schemas.microsoft.com/2006/09/sip/"
#define TYPE            "application/vnd-microsoft-roaming-self+xml"
#define SUBSCRIBERS_MAX 1000
#define SHOWN_MAX       100 /* of those whom he has not acknowledged, at once */

/* What a device has not been told yet. */
struct self {
	uint64_t pending;
};

/* ---- watchers ---- */

static str subscriber_aor(const struct pres_subscriber *s)
{
	return (str){ s->aor, s->aor_n };
}

static struct pres_subscriber *find_subscriber(struct presentity *u, str aor)
{
	struct pres_subscriber *s = u->subscribers;
	while (s != NULL && !str_eq(subscriber_aor(s), aor))
		s = s->next;
	return s;
}

struct pres_subscriber *pres_subscriber_get(struct presentity *u, str aor)
{
	struct pres_subscriber *s = find_subscriber(u, aor);
	if (s != NULL || u->n_subscribers == SUBSCRIBERS_MAX || aor.n > USER_AOR_MAX)
		return s;
	s = calloc(1, sizeof *s + aor.n);
	if (s == NULL)
		return NULL;
	s->aor_n = (uint16_t)aor.n;
	memcpy(s->aor, aor.p, aor.n);
	s->next = u->subscribers;
	u->subscribers = s;
	u->n_subscribers++;
	return s;
}

void pres_subscribers_free(struct presentity *u)
{
	for (struct pres_subscriber *s = u->subscribers, *next; s != NULL; s = next) {
		next = s->next;
		free(s);
	}
	u->subscribers = NULL;
	u->n_subscribers = 0;
}

void pres_subscriber_seen(struct presentity *u, str watcher)
{
	if (!u->is_loaded || str_eq(watcher, presentity_aor(u)) || find_subscriber(u, watcher) != NULL || pres_subscriber_get(u, watcher) == NULL)
		return;
	struct buf rows DEFER(buf_fini) = { 0 };
	buf_init(&rows, 2 * KEPT_KEY_MAX);
	kept_row_add(&rows, &(struct kept_row){ .kind = KEPT_SUBSCRIBER, .key = watcher, .value = STR("seen") });
	(void)failed(kept_save(u->pres->config.kept, presentity_aor(u), buf_str(&rows), NULL, u)); /* if it is lost, he is asked again */
	pres_selves_tell(u, PRES_SELF_SUBSCRIBERS, NULL);
}

/* ---- documents ---- */

static void add_attribute(struct buf *out, const char *name, str value)
{
	buf_printf(out, " %s=\"", name);
	if (!xml_add_escaped(out, value, true))
		out->failed = true;
	buf_add_char(out, '"');
}

static void add_publication(const struct presentity *u, const struct publication *p, struct buf *out)
{
	static const char *const expires[] = { [EXPIRE_STATIC] = "static", [EXPIRE_USER] = "user", [EXPIRE_ENDPOINT] = "endpoint", [EXPIRE_TIME] = "time" };
	str name = pres_category_name(&u->pres->categories, p->category);
	buf_printf(out, "<category name=\"%.*s\" instance=\"%u\" publishTime=\"", STR_FMT(name), p->instance);
	pres_add_time(out, p->published_ms);
	buf_printf(out, "\" container=\"%u\" version=\"%u\" expireType=\"%s\"", p->container, p->version, expires[p->expire]);
	if (p->expire == EXPIRE_TIME) {
		uint64_t now = u->pres->config.timers->now;
		buf_printf(out, " expires=\"%llu\"", (unsigned long long)((p->expires_ms > now ? p->expires_ms - now : 0) / 1000));
	}
	if (p->epid_n != 0)
		add_attribute(out, "endpointId", publication_epid(p));
	buf_add_char(out, '>');
	buf_add(out, publication_body(p));
	buf_add(out, STR("</category>"));
}

/* What his devices come to taken together, so that each of them shows the same. */
static void add_aggregate(const struct presentity *u, uint16_t container, struct buf *out)
{
	struct pres_aggregate a = pres_aggregate(u, container);
	buf_add(out, STR("<category name=\"state\" instance=\"1\" publishTime=\""));
	pres_add_time(out, u->aggregate_ms);
	buf_printf(out, "\" container=\"%u\" version=\"%u\" expireType=\"user\"><state xmlns=\"" NS "state\""
			" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"aggregateState\"><availability>%u</availability>",
		container, u->aggregate_version, a.availability);
	if (a.by != NULL)
		buf_add(out, publication_activity(a.by));
	buf_add(out, STR("</state></category>"));
}

static void add_category(const struct presentity *u, uint8_t category, struct buf *out)
{
	bool any = category == CATEGORY_STATE;
	for (const struct publication *p = u->publications; p != NULL; p = p->next)
		if (p->category == category) {
			add_publication(u, p, out);
			any = true;
		}
	if (category == CATEGORY_STATE) {
		add_aggregate(u, 2, out);
		add_aggregate(u, 3, out);
	}
	if (!any)
		buf_printf(out, "<category name=\"%.*s\"/>", STR_FMT(pres_category_name(&u->pres->categories, category)));
}

static void add_containers(const struct presentity *u, struct buf *out)
{
	buf_add(out, STR("<containers xmlns=\"" NS "containers\">"));
	for (const struct pres_container *c = u->containers; c != NULL; c = c->next) {
		buf_printf(out, "<container id=\"%u\" version=\"%u\"%s", c->number, c->version, c->n != 0 ? ">" : "/>");
		for (const struct pres_member *m = c->members; m != NULL; m = m->next) {
			buf_add(out, STR("<member"));
			add_attribute(out, "type", pres_member_kind_name(m->kind));
			if (m->value_n != 0)
				add_attribute(out, "value", (str){ m->value, m->value_n });
			buf_add(out, STR("/>"));
		}
		if (c->n != 0)
			buf_add(out, STR("</container>"));
	}
	buf_add(out, STR("</containers>"));
}

static void add_subscribers(const struct presentity *u, struct buf *out)
{
	const struct users *users = u->pres->config.users;
	buf_add(out, STR("<subscribers xmlns=\"" NS "presence-subscribers\">"));
	size_t n = 0;
	for (const struct pres_subscriber *s = u->subscribers; s != NULL && n < SHOWN_MAX; s = s->next) {
		const struct user *who = user_find(users, subscriber_aor(s));
		str domain;
		(void)str_split(subscriber_aor(s), '@', &domain);
		if (s->is_acknowledged)
			continue;
		n++;
		buf_add(out, STR("<subscriber"));
		add_attribute(out, "user", subscriber_aor(s));
		add_attribute(out, "displayName", who != NULL ? user_display_name(who) : STR(""));
		add_attribute(out, "acknowledged", STR("false"));
		add_attribute(out, "type", users_is_domain(users, domain) ? STR("sameEnterprise") : STR("federated"));
		buf_add(out, STR("/>"));
	}
	buf_add(out, STR("</subscribers>"));
}

void pres_self_print(struct presentity *u, uint64_t what, struct buf *out)
{
	buf_add(out, STR("<roamingData xmlns=\"" NS "roaming-self\">"));
	if ((what & ~(PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS)) != 0) {
		buf_add(out, STR("<categories xmlns=\"" NS "categories\""));
		buf_add(out, STR(" uri=\"sip:"));
		if (!xml_add_escaped(out, presentity_aor(u), true))
			out->failed = true;
		buf_add(out, STR("\">"));
		for (size_t i = 0; i < u->pres->categories.n; i++)
			if ((what >> i & 1) != 0)
				add_category(u, (uint8_t)i, out);
		buf_add(out, STR("</categories>"));
	}
	if ((what & PRES_SELF_CONTAINERS) != 0)
		add_containers(u, out);
	if ((what & PRES_SELF_SUBSCRIBERS) != 0)
		add_subscribers(u, out);
	buf_add(out, STR("</roamingData>"));
}

/* ---- the package ---- */

static uint64_t everything(const struct presentity *u)
{
	uint64_t what = PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS | UINT64_C(1) << CATEGORY_STATE | UINT64_C(1) << CATEGORY_NOTE;
	for (const struct publication *p = u->publications; p != NULL; p = p->next)
		what |= UINT64_C(1) << p->category;
	return what;
}

static err open_self(void *arg, struct subscription *s, const struct request *r)
{
	struct pres *p = arg;
	struct presentity *u = presentity_find(p, r->target);
	ENSURE(str_eq(r->aor, r->target), SIP_FORBIDDEN);
	if (s->subject != NULL)
		return OK;
	ENSURE(u != NULL && u->is_loaded, SIP_BUSY); /* pres_stage has seen to it */
	struct self *self = calloc(1, sizeof *self);
	ENSURE(self != NULL, NO_MEMORY);
	s->own = self;
	s->subject = u;
	list_add(&u->selves, &s->of_subject);
	return OK;
}

static err tell_self(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct self *self = s->own;
	struct presentity *u = s->subject;
	uint64_t what = is_whole ? everything(u) : self->pending;
	(void)arg;
	self->pending = 0;
	ENSURE(what != 0, ABSENT);
	n->type = STR(TYPE);
	pres_self_print(u, what, &n->body);
	return OK;
}

static void close_self(void *arg, struct subscription *s)
{
	(void)arg;
	list_remove(&s->of_subject);
	free(s->own);
	presentity_settle(s->subject);
}

static const str types[] = { { TYPE, sizeof TYPE - 1 }, { "", 0 } };

const struct notifier_package pres_self_package = {
	.event = { "vnd-microsoft-roaming-self", 26 },
	.accepts = types,
	.usual = 28800,
	.shortest = 60,
	.longest = 28800,
	.open = open_self,
	.tell = tell_self,
	.close = close_self,
};

void pres_selves_tell(struct presentity *u, uint64_t what, const struct flow *but)
{
	LIST_EACH (it, &u->selves) {
		struct subscription *s = LIST_OF(it, struct subscription, of_subject);
		struct self *self = s->own;
		if (but != NULL && flow_eq(&s->flow, but))
			continue;
		self->pending |= what;
		notifier_tell(s);
	}
}
