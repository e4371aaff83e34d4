/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 1 << 20, KEY_MAX = SCHEMA_IDENTITY_MAX + 80 };

struct instance {
	struct map_node node;
	struct arena room; /* of the texts in `value` */
	enum schema_id kind;
	uint32_t seen;
	void *value; /* struct cs_KIND */
	size_t n, identity_n;
	char key[]; /* kind, line feed, identity; lower case; then the identity as given */
};

/* The nearest instance that needs no grant: of the service, the site, the deployment. */
enum level { LEVEL_SERVICE, LEVEL_SITE, LEVEL_GLOBAL, LEVEL_N };

struct policies {
	struct map map;
	struct instance *nearest[SCHEMA_N][LEVEL_N];
	struct instance *dflt[SCHEMA_N]; /* by the rows alone */
	uint64_t version;
	uint32_t snapshot;
	bool is_snapshot;
};

static str key_of(const struct map_node *n)
{
	const struct instance *i = MAP_OF(n, struct instance, node);
	return (str){ i->key, i->n };
}

/* Identities are compared without regard to case. */
static str make_key(char room[KEY_MAX], str kind, str identity)
{
	size_t n = 0;
	if (kind.n + identity.n + 1 > KEY_MAX)
		return STR("");
	for (size_t i = 0; i < kind.n; i++)
		room[n++] = char_lower(kind.p[i]);
	room[n++] = '\n';
	for (size_t i = 0; i < identity.n; i++)
		room[n++] = char_lower(identity.p[i]);
	return (str){ room, n };
}

static void drop(struct instance *i)
{
	if (i == NULL)
		return;
	arena_fini(&i->room);
	free(i->value);
	free(i);
}

static err make(const struct schema_kind *k, str key, str identity, const json_t *body, struct instance **out)
{
	struct instance *i = calloc(1, sizeof *i + key.n + identity.n);
	ENSURE(i != NULL, NO_MEMORY);
	i->kind = k->id;
	i->n = key.n;
	if (key.n != 0)
		memcpy(i->key, key.p, key.n);
	i->identity_n = identity.n;
	if (identity.n != 0)
		memcpy(i->key + key.n, identity.p, identity.n);
	arena_init(&i->room, ROOM);
	i->value = calloc(1, k->size + 1);
	err e = i->value != NULL ? schema_read(k, body, &i->room, i->value) : ERR(NO_MEMORY);
	if (failed(e)) {
		drop(i);
		return e;
	}
	*out = i;
	return OK;
}

/* Both are found by scope; a configuration is granted to nobody. */
static bool is_scoped(const struct schema_kind *k)
{
	return k->base == SCHEMA_POLICY || k->base == SCHEMA_CONFIG;
}

err policies_new(struct policies **out)
{
	struct policies *p = calloc(1, sizeof *p);
	err e = OK;
	ENSURE(p != NULL, NO_MEMORY);
	map_init(&p->map, key_of);
	for (size_t i = 0; i < SCHEMA_N && !failed(e); i++)
		if (is_scoped(&schema_kinds[i]))
			e = make(&schema_kinds[i], STR(""), STR(""), NULL, &p->dflt[i]);
	if (failed(e)) {
		policies_free(p);
		return e;
	}
	*out = p;
	return OK;
}

/* ---- places ---- */

static struct instance **place(struct policies *p, const struct instance *i)
{
	str identity, key = { i->key, i->n };
	(void)str_split(key, '\n', &identity);
	if (!is_scoped(&schema_kinds[i->kind]))
		return NULL;
	if (str_eq(identity, STR("global")))
		return &p->nearest[i->kind][LEVEL_GLOBAL];
	if (str_begins(identity, STR("site:")))
		return &p->nearest[i->kind][LEVEL_SITE];
	return str_begins(identity, STR("service:")) ? &p->nearest[i->kind][LEVEL_SERVICE] : NULL;
}

static void take_out(struct policies *p, struct instance *i)
{
	struct instance **at = place(p, i);
	if (at != NULL && *at == i)
		*at = NULL;
	map_remove(&p->map, &i->node);
	p->version++;
	drop(i);
}

static void drop_each(void *arg, struct map_node *n)
{
	take_out(arg, MAP_OF(n, struct instance, node));
}

void policies_free(struct policies *p)
{
	if (p == NULL)
		return;
	map_each(&p->map, drop_each, p);
	map_fini(&p->map);
	for (size_t i = 0; i < SCHEMA_N; i++)
		drop(p->dflt[i]);
	free(p);
}

void policies_begin(struct policies *p)
{
	p->snapshot++;
	p->is_snapshot = true;
}

static void drop_unseen(void *arg, struct map_node *n)
{
	struct policies *p = arg;
	if (MAP_OF(n, struct instance, node)->seen != p->snapshot)
		drop_each(arg, n);
}

void policies_end(struct policies *p)
{
	if (p->is_snapshot)
		map_each(&p->map, drop_unseen, p);
	p->is_snapshot = false;
}

err policies_put(struct policies *p, str kind, str identity, str body)
{
	char room[KEY_MAX];
	const struct schema_kind *k = schema_find(kind);
	struct instance *fresh = NULL;
	str key = make_key(room, kind, identity);
	if (k == NULL || (!is_scoped(k) && k->base != SCHEMA_LIST) || key.n == 0)
		return OK;
	json_t *v = json_loadb(body.p, body.n, 0, NULL);
	err e = json_is_object(v) ? make(k, key, identity, v, &fresh) : ERR(MALFORMED);
	json_decref(v);
	TRY(e);
	struct map_node *old = map_find(&p->map, key);
	if (old != NULL)
		drop_each(p, old);
	fresh->seen = p->snapshot;
	p->version++;
	e = map_add(&p->map, &fresh->node);
	if (failed(e)) {
		drop(fresh);
		return e;
	}
	struct instance **at = place(p, fresh);
	if (at != NULL)
		*at = fresh;
	return OK;
}

void policies_remove(struct policies *p, str kind, str identity)
{
	char room[KEY_MAX];
	struct map_node *n = map_find(&p->map, make_key(room, kind, identity));
	if (n != NULL)
		drop_each(p, n);
}

size_t policies_count(const struct policies *p)
{
	return p->map.n;
}

/* ---- looking up ---- */

uint64_t policies_version(const struct policies *p)
{
	return p->version;
}

struct visit {
	enum schema_id kind;
	void (*fn)(void *arg, str identity, const void *value);
	void *arg;
};

static void visit(void *arg, struct map_node *n)
{
	const struct visit *v = arg;
	const struct instance *i = MAP_OF(n, struct instance, node);
	if (i->kind == v->kind)
		v->fn(v->arg, (str){ i->key + i->n, i->identity_n }, i->value);
}

void policies_each(struct policies *p, enum schema_id kind, void (*fn)(void *arg, str identity, const void *value), void *arg)
{
	map_each(&p->map, visit, &(struct visit){ kind, fn, arg });
}

str policy_grant(str grants, str name)
{
	while (grants.n != 0) {
		str value, line = str_split(grants, '\n', &grants), key = str_split(line, '=', &value);
		if (str_eq(key, name))
			return value;
	}
	return STR("");
}

const void *policies_find(const struct policies *p, enum schema_id kind, str grants)
{
	char room[KEY_MAX], tag[SCHEMA_IDENTITY_MAX + 8];
	str name = str_of(schema_kinds[kind].name), granted = policy_grant(grants, name);
	ASSERT(p->dflt[kind] != NULL);
	if (granted.n != 0 && granted.n <= SCHEMA_IDENTITY_MAX) {
		memcpy(tag, "tag:", 4);
		memcpy(tag + 4, granted.p, granted.n);
		const struct map_node *n = map_find(&p->map, make_key(room, name, (str){ tag, granted.n + 4 }));
		if (n != NULL)
			return MAP_OF(n, struct instance, node)->value;
	}
	for (unsigned level = 0; level < LEVEL_N; level++)
		if (p->nearest[kind][level] != NULL)
			return p->nearest[kind][level]->value;
	return p->dflt[kind]->value;
}
