/* SPDX-License-Identifier: Apache-2.0 */
/* The location table: users by address of record, bindings by user and by flow. */
#include "service/reg/reg_priv.h"

#include <stdlib.h>

#define IDLE_MS 3600000 /* a user without bindings (but watched) is looked at again after this time */

static str user_key(const struct map_node *n)
{
	return reg_user_aor(MAP_OF(n, const struct reg_user, node));
}

static str flow_key(const struct map_node *n)
{
	const struct reg_binding *b = MAP_OF(n, const struct reg_binding, by_flow);
	return (str){ (const char *)&b->flow, sizeof b->flow };
}

/* A table that has its first buckets takes every further node without failing. */
static err give_buckets(struct map *m, struct map_node *any)
{
	TRY(map_add(m, any));
	map_remove(m, any);
	return OK;
}

err reg_table_init(struct reg *g)
{
	struct reg_binding b = { .next = NULL };
	struct reg_user u = { .aor_n = 0 };
	map_init(&g->users, user_key);
	map_init(&g->flows, flow_key);
	TRY(give_buckets(&g->users, &u.node));
	return give_buckets(&g->flows, &b.by_flow);
}

static void free_user(void *arg, struct map_node *n)
{
	struct reg *g = arg;
	struct reg_user *u = MAP_OF(n, struct reg_user, node);
	timer_clear(g->config.timers, &u->expiry);
	reg_watches_end(u, NULL);
	reg_watches_trim(u);
	for (struct reg_binding *b = u->bindings, *next; b != NULL; b = next) {
		next = b->next;
		reg_binding_unlink(g, b);
		free(b);
	}
	map_remove(&g->users, n);
	free(u);
}

void reg_table_fini(struct reg *g)
{
	map_each(&g->users, free_user, g);
	map_fini(&g->users);
	map_fini(&g->flows);
}

struct reg_user *reg_user_find(const struct reg *g, str aor)
{
	struct map_node *n = map_find(&g->users, aor);
	return n != NULL ? MAP_OF(n, struct reg_user, node) : NULL;
}

/* ---- expiry ---- */

static void on_expiry(void *arg)
{
	struct reg_user *u = arg;
	struct reg *g = u->reg;
	struct reg_binding *gone = NULL;
	for (struct reg_binding *b = u->bindings, *next; b != NULL; b = next) {
		next = b->next;
		if (b->expires_ms > reg_now(g))
			continue;
		reg_binding_unlink(g, b);
		b->event = REG_EXPIRED;
		b->next = gone;
		gone = b;
		meter_add(g->config.meter, METER_REG_EXPIRED, 1);
		LOG(g->config.log, REGISTER_EXPIRED, LOG_STR("user", reg_user_aor(u)), LOG_STR("contact", reg_uri(b)));
	}
	reg_changed(g, u, gone, NULL);
}

/* The timer is set as long as the user is there: setting it again needs no memory. */
static err set_expiry(struct reg_user *u)
{
	uint64_t now = reg_now(u->reg), at = now + IDLE_MS;
	for (const struct reg_binding *b = u->bindings; b != NULL; b = b->next)
		at = b->expires_ms < at ? b->expires_ms : at;
	return timer_set(u->reg->config.timers, &u->expiry, at > now ? at - now : 0, on_expiry, u);
}

err reg_user_get(struct reg *g, str aor, struct reg_user **out)
{
	struct reg_user *u = reg_user_find(g, aor);
	*out = u;
	if (u != NULL)
		return OK;
	ENSURE(aor.n <= USER_AOR_MAX, CEILING);
	u = calloc(1, sizeof *u + aor.n);
	ENSURE(u != NULL, NO_MEMORY);
	u->reg = g;
	list_init(&u->watches);
	u->aor_n = (uint16_t)aor.n;
	memcpy(u->aor, aor.p, aor.n);
	err e = set_expiry(u);
	if (!failed(e))
		e = map_add(&g->users, &u->node);
	if (failed(e)) {
		timer_clear(g->config.timers, &u->expiry);
		free(u);
		return e;
	}
	*out = u;
	return OK;
}

void reg_user_settle(struct reg *g, struct reg_user *u)
{
	reg_watches_trim(u);
	if (u->bindings != NULL || !list_is_empty(&u->watches)) {
		err e = set_expiry(u);
		ASSERT(!failed(e));
		return;
	}
	timer_clear(g->config.timers, &u->expiry);
	map_remove(&g->users, &u->node);
	free(u);
}

/* ---- bindings ---- */

struct reg_binding *reg_binding_new(const struct reg_fields *f)
{
	const str parts[] = { f->uri, f->call_id, f->instance, f->path, f->epid };
	size_t n = 0;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		n += parts[i].n;
	struct reg_binding *b = malloc(sizeof *b + n);
	if (b == NULL)
		return NULL;
	*b = (struct reg_binding){ .expires_ms = f->expires_ms,
		.flow = f->flow,
		.cseq = f->cseq,
		.reg_id = f->reg_id,
		.since = f->since,
		.q = f->q,
		.uri_n = (uint16_t)f->uri.n,
		.call_id_n = (uint16_t)f->call_id.n,
		.instance_n = (uint16_t)f->instance.n,
		.path_n = (uint16_t)f->path.n,
		.epid_n = (uint8_t)f->epid.n,
		.event = REG_CREATED };
	char *at = b->text;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i].n != 0)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	return b;
}

struct reg_binding *reg_flow_first(const struct reg *g, const struct flow *f)
{
	struct map_node *n = map_find(&g->flows, (str){ (const char *)f, sizeof *f });
	return n != NULL ? MAP_OF(n, struct reg_binding, by_flow) : NULL;
}

static void link_flow(struct reg *g, struct reg_binding *b)
{
	struct reg_binding *first = reg_flow_first(g, &b->flow);
	if (first != NULL) {
		b->flow_next = first->flow_next;
		first->flow_next = b;
		return;
	}
	b->flow_next = NULL;
	err e = map_add(&g->flows, &b->by_flow);
	ASSERT(!failed(e)); /* it has buckets */
}

static void unlink_flow(struct reg *g, struct reg_binding *b)
{
	struct reg_binding *first = reg_flow_first(g, &b->flow);
	if (first != b) {
		while (first->flow_next != b)
			first = first->flow_next;
		first->flow_next = b->flow_next;
		return;
	}
	map_remove(&g->flows, &b->by_flow);
	if (b->flow_next != NULL) {
		err e = map_add(&g->flows, &b->flow_next->by_flow);
		ASSERT(!failed(e));
	}
}

void reg_binding_link(struct reg *g, struct reg_user *u, struct reg_binding *b)
{
	b->user = u;
	b->serial = ++g->serial;
	b->next = u->bindings;
	u->bindings = b;
	link_flow(g, b);
	g->n_bindings++;
	meter_add(g->config.meter, METER_REG_BINDINGS, 1);
}

void reg_binding_unlink(struct reg *g, struct reg_binding *b)
{
	struct reg_binding **at = &b->user->bindings;
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	b->next = NULL;
	unlink_flow(g, b);
	g->n_bindings--;
	meter_add(g->config.meter, METER_REG_BINDINGS, -1);
}

bool reg_is_same_instance(str a, str b)
{
	return a.n != 0 && str_eq_case(a, b);
}

static bool is_same_uri(const struct uri *a, str b)
{
	struct uri u;
	return str_eq(a->raw, b) || (!failed(uri_parse(b, &u, NULL)) && uri_equal(a, &u));
}

struct reg_binding *reg_match(const struct reg_user *u, const struct reg_contact *c)
{
	for (struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL; b = b->next) {
		bool is_same = c->is_endpoint ? reg_is_same_instance(reg_instance(b), c->instance)
			       : c->reg_id != 0
				       ? b->reg_id == c->reg_id && reg_is_same_instance(reg_instance(b), c->instance)
				       : (b->reg_id == 0 || c->seconds == 0) && is_same_uri(&c->uri, reg_uri(b));
		if (is_same)
			return b;
	}
	return NULL;
}

/* ---- changes ---- */

static void tell_flow(struct reg *g, const struct flow *f, str aor)
{
	const struct reg_door *door = &g->config.door;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 65536);
	reg_binding_print(g, f, aor, &b);
	if (b.n != 0 && !b.failed && door->on_bound != NULL)
		door->on_bound(g->config.arg, f, aor, buf_str(&b));
	if (b.n == 0 && door->on_unbound != NULL)
		door->on_unbound(g->config.arg, f, aor);
}

/* Keeps what is gone for those who watch; what was replaced by a refreshed binding is no loss. */
static void bury(struct reg *g, struct reg_user *u, struct reg_binding *gone)
{
	for (struct reg_binding *b = gone, *next; b != NULL; b = next) {
		next = b->next;
		if (list_is_empty(&u->watches) || b->event == REG_REFRESHED) {
			free(b);
			continue;
		}
		b->serial = ++g->serial;
		b->next = u->ended;
		u->ended = b;
	}
}

void reg_changed(struct reg *g, struct reg_user *u, struct reg_binding *gone, const struct flow *over)
{
	for (const struct reg_binding *b = gone; b != NULL; b = b->next)
		if (b->event != REG_DEACTIVATED && (over == NULL || !flow_eq(&b->flow, over)))
			tell_flow(g, &b->flow, reg_user_aor(u));
	if (over != NULL)
		tell_flow(g, over, reg_user_aor(u));
	bury(g, u, gone);
	reg_watches_tell(u);
	char aor[USER_AOR_MAX];
	str name = { aor, u->aor_n };
	memcpy(aor, u->aor, u->aor_n);
	reg_user_settle(g, u);
	if (g->config.door.on_devices != NULL)
		g->config.door.on_devices(g->config.arg, name);
}

bool reg_is_lost(const struct reg_lost *l, const struct flow *f)
{
	return l->is_front ? f->front == l->flow.front : flow_eq(f, &l->flow);
}

/* Takes out what u has bound over what is lost; u may be gone afterwards. */
static void drop_over(const struct reg_lost *l, struct reg_user *u)
{
	struct reg *g = l->reg;
	struct reg_binding *gone = NULL;
	for (struct reg_binding *b = u->bindings, *next; b != NULL; b = next) {
		next = b->next;
		if (!reg_is_lost(l, &b->flow))
			continue;
		reg_binding_unlink(g, b);
		b->event = REG_DEACTIVATED;
		b->next = gone;
		gone = b;
		meter_add(g->config.meter, METER_REG_FLOW_GONE, 1);
		LOG(g->config.log, UNREGISTERED, LOG_STR("user", reg_user_aor(u)), LOG_STR("contact", reg_uri(b)),
			LOG_Z("why", "its connection ended"));
	}
	if (gone != NULL)
		reg_changed(g, u, gone, NULL);
	else
		reg_user_settle(g, u);
}

/* Whoever watches over a connection that nothing is bound over is noticed when the next NOTIFY cannot be sent. */
void reg_flow_gone(struct reg *g, const struct flow *f)
{
	const struct reg_lost l = { .reg = g, .flow = *f };
	for (struct reg_binding *b; (b = reg_flow_first(g, f)) != NULL;)
		drop_over(&l, b->user);
}

static void drop_of_front(void *arg, struct map_node *n)
{
	drop_over(arg, MAP_OF(n, struct reg_user, node));
}

void reg_front_gone(struct reg *g, uint16_t front)
{
	struct reg_lost l = { .reg = g, .flow = { .front = front }, .is_front = true };
	map_each(&g->users, drop_of_front, &l);
}

void reg_user_gone(struct reg *g, str aor)
{
	struct reg_user *u = reg_user_find(g, aor);
	struct reg_binding *gone = NULL;
	if (u == NULL)
		return;
	reg_watches_end(u, "noresource");
	for (struct reg_binding *b; (b = u->bindings) != NULL;) {
		reg_binding_unlink(g, b);
		b->event = REG_REJECTED;
		b->next = gone;
		gone = b;
		reg_dialect_farewell(g, b);
		meter_add(g->config.meter, METER_REG_REMOVED, 1);
	}
	reg_changed(g, u, gone, NULL);
}

bool reg_has(const struct reg *g, str aor, str epid)
{
	const struct reg_user *u = reg_user_find(g, aor);
	const struct reg_binding *b = u != NULL ? u->bindings : NULL;
	while (b != NULL && epid.n != 0 && !str_eq_case(reg_epid(b), epid))
		b = b->next;
	return b != NULL;
}

size_t reg_count(const struct reg *g)
{
	return g->n_bindings;
}
