/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one user: what vault keeps of him becomes what is in memory. */
#include "service/pres/pres_priv.h"

static err read_container(struct presentity *u, const struct kept_row *row)
{
	uint32_t number;
	str rest = row->value, line = str_split(rest, '\n', &rest);
	ENSURE(str_to_u32(row->key, &number) && number <= UINT16_MAX, CORRUPT);
	struct pres_container *c = pres_container_get(u, (uint16_t)number);
	ENSURE(c != NULL, NO_MEMORY);
	pres_container_empty(u, c);
	ENSURE(str_to_u32(line, &c->version), CORRUPT);
	while (rest.n != 0) {
		enum pres_member_kind kind;
		str value;
		line = str_split(rest, '\n', &rest);
		ENSURE(pres_member_kind_find(str_split(line, ' ', &value), &kind), CORRUPT);
		TRY(pres_member_add(u, c, kind, value));
	}
	return OK;
}

/* "state 536870912 2", and "VERSION TIME\n" before the body */
static err read_publication(struct presentity *u, const struct kept_row *row, struct arena *a)
{
	struct pres_publish w = { .expire = EXPIRE_STATIC, .epid = STR("") };
	struct xml_node *root = NULL;
	str rest, name = str_split(row->key, ' ', &rest), instance = str_split(rest, ' ', &rest), body;
	str head = str_split(row->value, '\n', &body), time, version = str_split(head, ' ', &time);
	uint32_t container;
	ENSURE(str_to_u32(instance, &w.key.instance) && str_to_u32(rest, &container) && container <= UINT16_MAX, CORRUPT);
	ENSURE(str_to_u32(version, &w.version) && str_to_u64(time, &w.published_ms), CORRUPT);
	w.key.container = (uint16_t)container;
	TRY(pres_category_get(&u->pres->categories, name, &w.key.category));
	if (body.n != 0)
		TRY(xml_tree_read(u->pres->config.xml, body, NULL, a, &root, NULL));
	w.body = root;
	return pres_publication_set(u, &w, a);
}

static err read_row(struct presentity *u, const struct kept_row *row, struct arena *a)
{
	switch (row->kind) {
	case KEPT_CONTAINER:
		return read_container(u, row);
	case KEPT_PUBLICATION:
		return read_publication(u, row, a);
	case KEPT_SUBSCRIBER: {
		struct pres_subscriber *one = pres_subscriber_get(u, row->key);
		ENSURE(one != NULL, CEILING);
		one->is_acknowledged = str_eq(row->value, STR("acknowledged"));
		return OK;
	}
	case KEPT_CARD:
		kept_row_add(&u->card, row);
		return OK;
	default:
		return OK;
	}
}

/* What cannot be read is left out, and the others are good all the same; without memory nothing is: who is blocked must not be left out. */
static err read_rows(struct presentity *u, str rows, bool card_only)
{
	struct kept_row row;
	err e = OK;
	buf_reset(&u->card);
	while (kept_row_next(&rows, &row, &e)) {
		struct arena a DEFER(arena_fini) = { 0 };
		arena_init(&a, 1 << 20);
		err one = card_only && row.kind != KEPT_CARD ? OK : read_row(u, &row, &a);
		if (err_is(one, ERR_NO_MEMORY))
			return one;
		if (failed(one))
			LOG(u->pres->config.log, PRES_ROW_REFUSED, LOG_STR("user", presentity_aor(u)), LOG_STR("key", row.key), LOG_ERR(one));
	}
	return e;
}

/* Everything that is kept is read anew, but what lives with his devices stays. */
static void forget_kept(struct presentity *u)
{
	for (struct publication *one = u->publications, *next; one != NULL; one = next) {
		const struct pres_key key = { one->category, one->container, one->instance };
		next = one->next;
		if (one->expire == EXPIRE_STATIC)
			pres_publication_remove(u, &key);
	}
	pres_containers_free(u);
	pres_subscribers_free(u);
}

static err take(struct presentity *u, str rows)
{
	bool is_anew = !u->is_loaded || u->is_stale;
	if (is_anew)
		forget_kept(u);
	TRY(read_rows(u, rows, !is_anew));
	TRY(pres_containers_usual(u));
	u->loaded_ms = u->loaded_ms != 0 ? u->loaded_ms : pres_unix_ms(u->pres);
	u->is_stale = false;
	return OK;
}

/* Those who have come before he could be read belong where his containers say, and he is told of them. */
static void show_loaded(struct presentity *u)
{
	presentity_reckon(u);
	presentity_place_watches(u);
	presentity_show(u);
	LIST_EACH (it, &u->watches) {
		const struct pres_watch *w = LIST_OF(it, struct pres_watch, of_presentity);
		pres_subscriber_seen(u, (str){ w->aor, w->aor_n });
	}
}

static void on_loaded(void *arg, err e, str rows)
{
	struct presentity *u = arg;
	bool was_stale = u->is_stale;
	u->is_loading = false;
	if (u->is_stale && !list_is_empty(&u->savings) && !failed(presentity_load(u)))
		return; /* what is on its way to the disk may not be among these rows */
	if (!failed(e))
		e = take(u, rows);
	u->is_loaded = u->is_loaded || !failed(e);
	if (u->is_loaded)
		show_loaded(u);
	if (was_stale && !u->is_stale)
		pres_selves_tell(u, PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS | UINT64_C(1) << CATEGORY_STATE | UINT64_C(1) << CATEGORY_NOTE, NULL);
	presentity_settle(u);
	presentity_wake(u, u->is_loaded && !u->is_stale);
}

err presentity_load(struct presentity *u)
{
	if (u->is_loading || u->is_far)
		return OK;
	TRY(kept_load(u->pres->config.kept, presentity_aor(u), on_loaded, u));
	u->is_loading = true;
	return OK;
}
