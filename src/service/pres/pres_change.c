/* SPDX-License-Identifier: Apache-2.0 */
/* Publications, containers and watchers, as a user changes them ([MS-PRES] 3.4 to 3.7). */
#include "service/pres/pres_change.h"
#include "wire/sipae.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME_MAX 2592000 /* s: the longest that a publication with a time may live */

static void add_fault(struct service *s, size_t index, uint32_t version)
{
	s->n_faults++;
	buf_printf(&s->fault, "<operation index=\"%zu\" curVersion=\"%u\"/>", index, version);
}

/* ---- keeping ---- */

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
	bool is_kept = p != NULL && p->expire == EXPIRE_STATIC;
	if (is_kept) {
		buf_printf(&value, "%u %llu\n", p->version, (unsigned long long)p->published_ms);
		buf_add(&value, publication_body(p));
	}
	keep_row(s, KEPT_PUBLICATION, buf_str(&key), is_kept ? &value : NULL);
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

struct operation {
	struct pres_key key;
	bool is_gone;
	struct publication *made; /* not put yet */
};

struct plan {
	size_t n, n_new, bytes;
	struct operation operations[PRES_OPERATIONS_MAX];
};

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

/* Every version must be the one that is there ([MS-PRES] 3.4.5.1). */
static err read_operations(struct service *s, struct plan *plan)
{
	struct arena *a = &s->request->in->arena;
	size_t index = 1;
	for (const struct xml_node *n = first_operation(s->root); n != NULL; n = xml_sibling(n, STR("publication")), index++) {
		struct operation *o = &plan->operations[index - 1];
		struct pres_publish w;
		uint32_t version;
		ENSURE(index <= PRES_OPERATIONS_MAX, CEILING);
		TRY(read_operation(s, n, &w, &version, &o->is_gone));
		const struct publication *old = *pres_publication_find(s->presentity, &w.key);
		o->key = w.key;
		if (version != (old != NULL ? old->version : 0))
			add_fault(s, index, old != NULL ? old->version : 0);
		if (!o->is_gone)
			TRY(pres_publication_make(&w, a, &o->made));
		plan->n = index;
		plan->n_new += old == NULL && !o->is_gone;
		plan->bytes += o->is_gone ? 0 : publication_bytes(o->made);
	}
	ENSURE(plan->n != 0, MALFORMED);
	ENSURE(s->presentity->n_publications + plan->n_new <= PRES_PUBLICATIONS, CEILING);
	ENSURE(s->presentity->n_bytes + plan->bytes <= PRES_BYTES_MAX + PRES_BODY_MAX, CEILING); /* what it takes the place of is not counted */
	return OK;
}

static void do_operation(struct service *s, struct operation *o)
{
	const struct publication *old = *pres_publication_find(s->presentity, &o->key);
	bool was_static = old != NULL && old->expire == EXPIRE_STATIC, is_static = !o->is_gone && o->made->expire == EXPIRE_STATIC;
	if (o->is_gone) {
		pres_publication_remove(s->presentity, &o->key);
	} else {
		o->made->version = (old != NULL ? old->version : 0) + 1;
		pres_publication_put(s->presentity, o->made);
		o->made = NULL;
	}
	s->touched |= UINT64_C(1) << o->key.category;
	if (was_static || is_static)
		keep_publication(s, &o->key);
	meter_add(s->pres->config.meter, METER_PRES_PUBLISHED, 1);
}

err pres_change_publish(struct service *s)
{
	struct plan *plan = arena_zalloc(&s->request->in->arena, sizeof *plan);
	ENSURE(plan != NULL, NO_MEMORY);
	err e = read_operations(s, plan);
	for (size_t i = 0; i < plan->n && !failed(e) && s->n_faults == 0; i++)
		do_operation(s, &plan->operations[i]);
	for (size_t i = 0; i < PRES_OPERATIONS_MAX; i++)
		free(plan->operations[i].made);
	return e;
}

/* ---- containers ---- */

struct wanted {
	bool is_removal;
	enum pres_member_kind kind;
	str value;
};

static err read_member(const struct xml_node *m, struct wanted *w)
{
	str action = xml_attribute(m, STR("action"));
	w->value = xml_attribute(m, STR("value"));
	w->is_removal = str_eq(action, STR("remove"));
	if (str_begins_case(w->value, STR("sip:")))
		w->value = str_cut(w->value, 4, w->value.n);
	ENSURE(w->is_removal || str_eq(action, STR("add")), MALFORMED);
	ENSURE(pres_member_kind_find(xml_attribute(m, STR("type")), &w->kind), MALFORMED);
	if (w->kind != MEMBER_USER && w->kind != MEMBER_DOMAIN)
		w->value = STR("");
	else
		ENSURE(w->value.n != 0 && w->value.n <= USER_AOR_MAX && str_find_char(w->value, '\n') == w->value.n, MALFORMED);
	return OK;
}

/* What is removed meanwhile is not counted off. */
static err check_container(struct service *s, const struct xml_node *n, size_t index, size_t *added, size_t *made)
{
	uint32_t id, version;
	ENSURE(read_number(n, "id", &id) && id <= CONTAINER_BLOCKED && read_number(n, "version", &version) && index <= PRES_OPERATIONS_MAX, MALFORMED);
	const struct pres_container *c = pres_container_find(s->presentity, id);
	if (version != (c != NULL ? c->version : 0))
		add_fault(s, index, c != NULL ? c->version : 0);
	*made += c == NULL;
	for (const struct xml_node *m = xml_child(n, STR("member")); m != NULL; m = xml_sibling(m, STR("member"))) {
		struct wanted w;
		TRY(read_member(m, &w));
		*added += !w.is_removal;
	}
	return OK;
}

static err check_containers(struct service *s)
{
	size_t index = 1, added = 0, made = 0;
	for (const struct xml_node *n = xml_child(s->root, STR("container")); n != NULL; n = xml_sibling(n, STR("container")), index++)
		TRY(check_container(s, n, index, &added, &made));
	ENSURE(s->presentity->n_members + added <= PRES_MEMBERS_MAX && s->presentity->n_containers + made <= PRES_CONTAINERS, CEILING);
	return OK;
}

static err change_members(struct service *s, const struct xml_node *n)
{
	uint32_t id = 0;
	(void)read_number(n, "id", &id);
	struct pres_container *c = pres_container_get(s->presentity, (uint16_t)id);
	ENSURE(c != NULL, NO_MEMORY);
	s->touched |= PRES_SELF_CONTAINERS;
	for (const struct xml_node *m = xml_child(n, STR("member")); m != NULL; m = xml_sibling(m, STR("member"))) {
		struct wanted w;
		TRY(read_member(m, &w));
		if (w.is_removal)
			pres_member_remove(s->presentity, c, w.kind, w.value);
		else
			TRY(pres_member_add(s->presentity, c, w.kind, w.value));
	}
	c->version++;
	keep_container(s, c);
	return OK;
}

err pres_change_containers(struct service *s)
{
	TRY(check_containers(s));
	for (const struct xml_node *n = s->n_faults == 0 ? xml_child(s->root, STR("container")) : NULL; n != NULL; n = xml_sibling(n, STR("container")))
		TRY(change_members(s, n));
	return OK;
}

/* ---- watchers ---- */

err pres_change_subscribers(struct service *s)
{
	for (const struct xml_node *n = xml_child(s->root, STR("subscriber")); n != NULL; n = xml_sibling(n, STR("subscriber"))) {
		str aor = xml_attribute(n, STR("user"));
		struct buf value DEFER(buf_fini) = { 0 };
		if (str_begins_case(aor, STR("sip:")))
			aor = str_cut(aor, 4, aor.n);
		ENSURE(aor.n != 0 && aor.n <= USER_AOR_MAX, MALFORMED);
		struct pres_subscriber *one = pres_subscriber_get(s->presentity, aor);
		ENSURE(one != NULL, CEILING);
		s->touched |= PRES_SELF_SUBSCRIBERS;
		one->is_acknowledged = str_eq_case(xml_attribute(n, STR("acknowledged")), STR("true"));
		buf_init(&value, 32);
		buf_add(&value, one->is_acknowledged ? STR("acknowledged") : STR("seen"));
		keep_row(s, KEPT_SUBSCRIBER, aor, &value);
	}
	return OK;
}
