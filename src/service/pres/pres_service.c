/* SPDX-License-Identifier: Apache-2.0 */
/* What people do to their own presence by SERVICE ([MS-PRES] 3.4 to 3.7). */
#include "service/pres/pres_priv.h"
#include "wire/sipae.h"

#include <stdio.h>
#include <stdlib.h>

#define FAULT          "application/msrtc-fault+xml"
#define SELF           "application/vnd-microsoft-roaming-self+xml"
#define OPERATIONS_MAX 64      /* in one request */
#define ROWS_MAX       524288  /* bytes of what one request changes for good */
#define TIME_MAX       2592000 /* s: the longest that a publication with a time may live */

/* One request on its way: read, checked, done, kept, answered. */
struct service {
	struct pres *pres;
	struct presentity *presentity;
	struct request *request;
	const struct xml_node *root;
	uint64_t touched; /* categories, and PRES_SELF_... */
	struct buf rows, fault;
	size_t n_faults;
};

/* ---- answers ---- */

static void answer(struct service *s)
{
	struct request *r = s->request;
	struct buf body DEFER(buf_fini) = { 0 };
	struct sip_out o;
	uint64_t shown = s->touched & ~(PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS);
	buf_init(&body, 1 << 20);
	request_answer(r, &o, 200, STR(""));
	if (shown != 0) {
		pres_self_print(s->presentity, shown, &body);
		sip_out_add(&o, SIP_HDR_CONTENT_TYPE, STR(SELF));
		o.body = buf_str(&body);
	}
	if (body.failed)
		request_fail(r, ERR(CEILING), "presence");
	else
		request_send(r, &o, 200);
}

static void answer_fault(struct service *s)
{
	struct buf body DEFER(buf_fini) = { 0 };
	struct sip_out o;
	buf_init(&body, 65536);
	buf_printf(&body, "<Fault xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\"><Faultcode>Client.BadCall.WrongDelta</Faultcode><details>%.*s</details></Fault>",
		STR_FMT(buf_str(&s->fault)));
	request_answer(s->request, &o, 409, STR(""));
	sip_out_add(&o, SIP_HDR_CONTENT_TYPE, STR(FAULT));
	o.body = buf_str(&body);
	request_send(s->request, &o, 409);
	meter_add(s->pres->config.meter, METER_PRES_CONFLICTS, 1);
}

static void add_fault(struct service *s, size_t index, uint32_t version)
{
	s->n_faults++;
	buf_printf(&s->fault, "<operation index=\"%zu\" curVersion=\"%u\"/>", index, version);
}

/* Watchers, and the user's other devices, are told what has been done. */
static void tell(struct service *s)
{
	presentity_show(s->presentity);
	if ((s->touched & PRES_SELF_CONTAINERS) != 0)
		presentity_place_watches(s->presentity);
	/* containers and watchers are not in the answer, so that who asked has to be told, too */
	bool is_answered = (s->touched & (PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS)) == 0;
	pres_selves_tell(s->presentity, s->touched, is_answered ? &s->request->in->flow : NULL);
}

/* ---- keeping ---- */

/* A request whose change is on its way to the disk. */
struct saving {
	struct presentity *presentity;
	struct request *request;
	uint64_t touched;
};

static void on_saved(void *arg, err e)
{
	struct saving *w = arg;
	struct presentity *u = w->presentity;
	struct service s = { .pres = u->pres, .presentity = u, .request = w->request, .touched = w->touched };
	u->n_saving--;
	if (failed(e))
		request_fail(w->request, err_is(e, ERR_BUSY) ? ERR(SIP_BUSY) : e, "presence");
	else
		answer(&s);
	tell(&s);
	inbound_unref(w->request->in);
	free(w);
	presentity_settle(u);
}

static err keep(struct service *s, enum stage_verdict *v)
{
	struct saving *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct saving){ s->presentity, s->request, s->touched };
	err e = s->rows.failed ? ERR(CEILING) : kept_save(s->pres->config.kept, presentity_aor(s->presentity), buf_str(&s->rows), on_saved, w);
	if (failed(e)) {
		free(w);
		return e;
	}
	s->request->conn = NULL; /* it may have gone when vault answers */
	(void)inbound_ref(s->request->in);
	s->presentity->n_saving++;
	*v = STAGE_WAIT;
	return OK;
}

static void keep_row(struct service *s, enum kept_kind kind, str key, const struct buf *value)
{
	if (value != NULL && (value->failed || value->n > KEPT_VALUE_MAX))
		s->rows.failed = true;
	else
		kept_row_add(&s->rows, &(struct kept_row){ .kind = kind, .is_gone = value == NULL, .key = key, .value = value != NULL ? buf_str(value) : STR("") });
}

static void keep_publication(struct service *s, const struct pres_key *k)
{
	struct buf key DEFER(buf_fini) = { 0 };
	struct buf value DEFER(buf_fini) = { 0 };
	const struct publication *p = *pres_publication_find(s->presentity, k);
	buf_init(&key, KEPT_KEY_MAX);
	buf_init(&value, KEPT_VALUE_MAX);
	buf_printf(&key, "%.*s %u %u", STR_FMT(pres_category_name(&s->pres->categories, k->category)), k->instance, k->container);
	if (p != NULL) {
		buf_printf(&value, "%u %llu\n", p->version, (unsigned long long)p->published_ms);
		buf_add(&value, publication_body(p));
	}
	keep_row(s, KEPT_PUBLICATION, buf_str(&key), p != NULL ? &value : NULL);
}

static void keep_container(struct service *s, const struct pres_container *c)
{
	struct buf value DEFER(buf_fini) = { 0 };
	char key[8];
	buf_init(&value, KEPT_VALUE_MAX);
	int n = snprintf(key, sizeof key, "%u", c->number);
	buf_printf(&value, "%u", c->version);
	for (const struct pres_member *m = c->members; m != NULL; m = m->next)
		buf_printf(&value, "\n%.*s %.*s", STR_FMT(pres_member_kind_name(m->kind)), (int)m->value_n, m->value);
	keep_row(s, KEPT_CONTAINER, (str){ key, (size_t)n }, &value);
}

/* ---- publish ---- */

static const struct xml_node *first_operation(const struct xml_node *root)
{
	return xml_child(xml_child(root, STR("publications")), STR("publication"));
}

static bool read_number(const struct xml_node *n, const char *name, uint32_t *out)
{
	str value = xml_attribute(n, str_of(name));
	return value.p != NULL && str_to_u32(value, out);
}

static err read_expire(const struct service *s, const struct xml_node *n, struct pres_publish *w, bool *is_gone)
{
	static const struct {
		str name;
		enum pres_expire expire;
	} rows[] = { { { "static", 6 }, EXPIRE_STATIC }, { { "user", 4 }, EXPIRE_USER }, { { "endpoint", 8 }, EXPIRE_ENDPOINT }, { { "time", 4 }, EXPIRE_TIME } };
	str type = xml_attribute(n, STR("expireType"));
	uint32_t seconds = TIME_MAX;
	size_t i = 0;
	while (i < sizeof rows / sizeof rows[0] && !str_eq(rows[i].name, type))
		i++;
	ENSURE(i < sizeof rows / sizeof rows[0], MALFORMED);
	w->expire = rows[i].expire;
	if (w->expire == EXPIRE_ENDPOINT)
		w->epid = sipae_epid(&s->request->in->msg);
	bool has_time = read_number(n, "expires", &seconds);
	*is_gone = has_time && seconds == 0;
	ENSURE(w->expire != EXPIRE_TIME || has_time, MALFORMED);
	seconds = seconds < TIME_MAX ? seconds : TIME_MAX;
	w->expires_ms = s->pres->config.timers->now + (uint64_t)seconds * 1000;
	return OK;
}

static err read_operation(struct service *s, const struct xml_node *n, struct pres_publish *w, uint32_t *version, bool *is_gone)
{
	uint32_t container;
	*w = (struct pres_publish){ .published_ms = pres_unix_ms(s->pres), .epid = STR(""), .body = xml_child(n, STR("")) };
	TRY(pres_category_get(&s->pres->categories, xml_attribute(n, STR("categoryName")), &w->key.category));
	ENSURE(read_number(n, "instance", &w->key.instance) && read_number(n, "container", &container) && container <= 32767, MALFORMED);
	ENSURE(read_number(n, "version", version), MALFORMED);
	w->key.container = (uint16_t)container;
	return read_expire(s, n, w, is_gone);
}

/* Every version must be the one that is there ([MS-PRES] 3.4.5.1); all or nothing. */
static err check_versions(struct service *s)
{
	size_t index = 1;
	for (const struct xml_node *n = first_operation(s->root); n != NULL; n = xml_sibling(n, STR("publication")), index++) {
		struct pres_publish w;
		uint32_t version, now;
		bool is_gone;
		ENSURE(index <= OPERATIONS_MAX, CEILING);
		TRY(read_operation(s, n, &w, &version, &is_gone));
		now = pres_publication_version(s->presentity, &w.key);
		if (version != now)
			add_fault(s, index, now);
	}
	ENSURE(index > 1, MALFORMED);
	return OK;
}

static err publish_one(struct service *s, const struct xml_node *n)
{
	struct pres_publish w;
	uint32_t version;
	bool is_gone, was_static;
	TRY(read_operation(s, n, &w, &version, &is_gone));
	const struct publication *old = *pres_publication_find(s->presentity, &w.key);
	was_static = old != NULL && old->expire == EXPIRE_STATIC;
	w.version = (old != NULL ? old->version : 0) + 1;
	if (is_gone)
		pres_publication_remove(s->presentity, &w.key);
	else
		TRY(pres_publication_set(s->presentity, &w, &s->request->in->arena));
	s->touched |= UINT64_C(1) << w.key.category;
	if (was_static || (!is_gone && w.expire == EXPIRE_STATIC))
		keep_publication(s, &w.key);
	meter_add(s->pres->config.meter, METER_PRES_PUBLISHED, 1);
	return OK;
}

static err publish(struct service *s)
{
	TRY(check_versions(s));
	for (const struct xml_node *n = s->n_faults == 0 ? first_operation(s->root) : NULL; n != NULL; n = xml_sibling(n, STR("publication")))
		TRY(publish_one(s, n));
	return OK;
}

/* ---- containers ---- */

static err check_containers(struct service *s)
{
	size_t index = 1;
	for (const struct xml_node *n = xml_child(s->root, STR("container")); n != NULL; n = xml_sibling(n, STR("container")), index++) {
		uint32_t id, version;
		ENSURE(read_number(n, "id", &id) && id <= CONTAINER_BLOCKED && read_number(n, "version", &version) && index <= OPERATIONS_MAX, MALFORMED);
		const struct pres_container *c = pres_container_find(s->presentity, id);
		if (version != (c != NULL ? c->version : 0))
			add_fault(s, index, c != NULL ? c->version : 0);
	}
	return OK;
}

static err change_members(struct service *s, const struct xml_node *n)
{
	uint32_t id = 0;
	(void)read_number(n, "id", &id);
	struct pres_container *c = pres_container_get(s->presentity, (uint16_t)id);
	ENSURE(c != NULL, NO_MEMORY);
	for (const struct xml_node *m = xml_child(n, STR("member")); m != NULL; m = xml_sibling(m, STR("member"))) {
		str action = xml_attribute(m, STR("action")), value = xml_attribute(m, STR("value"));
		enum pres_member_kind kind;
		if (str_begins_case(value, STR("sip:")))
			value = str_cut(value, 4, value.n);
		ENSURE(pres_member_kind_find(xml_attribute(m, STR("type")), &kind), MALFORMED);
		ENSURE(str_find_char(value, '\n') == value.n, MALFORMED);
		if (str_eq(action, STR("remove")))
			pres_member_remove(s->presentity, c, kind, value);
		else if (str_eq(action, STR("add")))
			TRY(pres_member_add(s->presentity, c, kind, value));
		else
			return ERR(MALFORMED);
	}
	c->version++;
	keep_container(s, c);
	s->touched |= PRES_SELF_CONTAINERS;
	return OK;
}

static err set_containers(struct service *s)
{
	TRY(check_containers(s));
	for (const struct xml_node *n = s->n_faults == 0 ? xml_child(s->root, STR("container")) : NULL; n != NULL; n = xml_sibling(n, STR("container")))
		TRY(change_members(s, n));
	return OK;
}

/* ---- watchers ---- */

static err set_subscribers(struct service *s)
{
	for (const struct xml_node *n = xml_child(s->root, STR("subscriber")); n != NULL; n = xml_sibling(n, STR("subscriber"))) {
		str aor = xml_attribute(n, STR("user"));
		struct buf value DEFER(buf_fini) = { 0 };
		if (str_begins_case(aor, STR("sip:")))
			aor = str_cut(aor, 4, aor.n);
		ENSURE(aor.n != 0 && aor.n <= USER_AOR_MAX, MALFORMED);
		struct pres_subscriber *one = pres_subscriber_get(s->presentity, aor);
		ENSURE(one != NULL, CEILING);
		one->is_acknowledged = str_eq_case(xml_attribute(n, STR("acknowledged")), STR("true"));
		buf_init(&value, 32);
		buf_add(&value, one->is_acknowledged ? STR("acknowledged") : STR("seen"));
		keep_row(s, KEPT_SUBSCRIBER, aor, &value);
		s->touched |= PRES_SELF_SUBSCRIBERS;
	}
	return OK;
}

/* ---- the stage ---- */

static const struct {
	str type;
	str root;
	err (*fn)(struct service *s);
} services[] = {
	{ { "application/msrtc-category-publish+xml", 38 }, { "publish", 7 }, publish },
	{ { "application/msrtc-setcontainermembers+xml", 41 }, { "setContainerMembers", 19 }, set_containers },
	{ { "application/msrtc-presence-setsubscriber+xml", 44 }, { "setSubscribers", 14 }, set_subscribers },
};

static size_t find_service(const struct sip_msg *m)
{
	str rest, type = str_trim(str_split(sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), ';', &rest));
	size_t i = 0;
	while (i < sizeof services / sizeof services[0] && !str_eq_case(type, services[i].type))
		i++;
	return i;
}

static err serve(struct service *s, size_t which, enum stage_verdict *v)
{
	struct request *r = s->request;
	struct xml_node *root;
	TRY(xml_tree_read(s->pres->config.xml, r->in->msg.body, NULL, &r->in->arena, &root, NULL));
	ENSURE(str_eq(root->name, services[which].root), MALFORMED);
	s->root = root;
	TRY(services[which].fn(s));
	if (s->n_faults != 0) {
		answer_fault(s);
		return OK;
	}
	if (s->rows.n != 0)
		return keep(s, v);
	answer(s);
	tell(s);
	return OK;
}

static bool is_about_presence(const struct sip_msg *m)
{
	static const str events[] = { { "presence", 8 }, { "vnd-microsoft-roaming-self", 26 } };
	str rest, event = str_trim(str_split(sip_hdr_value(m, SIP_HDR_EVENT), ';', &rest));
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		if (str_eq_case(event, events[i]))
			return true;
	return false;
}

/* SUBSCRIBE goes on to the notifier once the one whom it is for is in memory. */
static err prepare(struct pres *p, struct request *r, enum stage_verdict *v)
{
	struct presentity *u;
	if (r->target.n == 0 || !is_about_presence(&r->in->msg))
		return OK;
	ENSURE(user_find(p->config.users, r->target) != NULL, SIP_NOT_FOUND);
	return presentity_need(p, r, r->target, &u, v);
}

err pres_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct pres *p = state;
	size_t which = find_service(&r->in->msg);
	if (r->in->msg.method == SIP_METHOD_SUBSCRIBE)
		return prepare(p, r, v);
	if (r->in->msg.method == SIP_METHOD_PUBLISH)
		return pres_publish_stage(p, r, v);
	if (r->in->msg.method != SIP_METHOD_SERVICE || which == sizeof services / sizeof services[0])
		return OK;
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
	struct service s = { .pres = p, .request = r };
	TRY(presentity_need(p, r, r->target, &s.presentity, v));
	if (*v != STAGE_NEXT)
		return OK;
	*v = STAGE_DONE;
	buf_init(&s.rows, ROWS_MAX);
	buf_init(&s.fault, 65536);
	err e = serve(&s, which, v);
	buf_fini(&s.rows);
	buf_fini(&s.fault);
	return e;
}
