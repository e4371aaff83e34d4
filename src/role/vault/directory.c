/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searching for people by what administrators wrote of them. Everybody is looked at, a few in each turn, so that a large deployment costs a search
 * time and nobody else. Without regard to the case of ASCII letters.
 */
#include "role/vault/user_priv.h"

#include "service/book.h"
#include "service/kept.h"

#include <stdlib.h>

#define SLICE        200 /* users in one turn */
#define SEARCHES_MAX 32
#define FOUND_BYTES  (256u << 10)

struct vault_search {
	struct list node;
	struct vault *vault;
	struct ipc *from;
	uint64_t id;
	uint32_t most, n_found, n_seen;
	bool any;                 /* one row of the filter is enough */
	bool with_photos;
	bool has_more, is_over;
	str address;              /* what the address is to begin with; of filter */
	char after[VAULT_AOR];    /* whom it has come to */
	size_t after_n;
	struct buf filter, found;
};

/* ---- one user ---- */

static str property(const struct store_user *u, const json_t *body, str name)
{
	char z[64];
	if (str_eq(name, STR("SipAddress")))
		return u->aor;
	if (str_eq(name, STR("DisplayName")))
		return u->display_name;
	return str_to_z(name, z, sizeof z) ? user_text(body, z) : STR("");
}

static bool matches(const struct vault_search *s, const struct store_user *u, const json_t *body)
{
	struct kept_row row;
	str rest = buf_str(&s->filter);
	err e = OK;
	while (kept_row_next(&rest, &row, &e))
		if (str_begins_case(property(u, body, row.key), row.value) == s->any)
			return s->any;
	return !s->any && !failed(e);
}

static void add_person(struct vault_search *s, const struct store_user *u, const json_t *body)
{
	kept_row_add(&s->found, &(struct kept_row){ .kind = KEPT_CARD, .key = STR(""), .value = u->aor });
	for (size_t i = 0; i < BOOK_ROWS; i++) {
		str value = book_rows[i].shown != NULL ? property(u, body, book_rows[i].property) : STR("");
		if (value.n != 0 && value.n <= STORE_NAME_MAX)
			kept_row_add(&s->found, &(struct kept_row){ .kind = KEPT_CARD, .key = book_rows[i].property, .value = value });
	}
	s->n_found++;
}

static void on_user(void *arg, const struct store_user *u)
{
	struct vault_search *s = arg;
	s->n_seen++;
	s->after_n = u->aor.n < sizeof s->after ? u->aor.n : sizeof s->after;
	memcpy(s->after, u->aor.p, s->after_n);
	if (s->is_over || !str_begins_case(u->aor, s->address)) {
		s->is_over = true; /* those whose address begins so stand one after the other */
		return;
	}
	if (!u->enabled)
		return;
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	if (matches(s, u, body)) {
		s->has_more = s->n_found == s->most || s->found.n > FOUND_BYTES;
		s->is_over = s->has_more;
		if (!s->has_more)
			add_person(s, u, body);
	}
	json_decref(body);
}

/* ---- all of them ---- */

static void drop(struct vault_search *s)
{
	struct vault *v = s->vault;
	list_remove(&s->node);
	v->n_searches--;
	buf_fini(&s->filter);
	buf_fini(&s->found);
	free(s);
}

static void tell(struct ipc *to, uint64_t id, err e, bool has_more, str rows)
{
	(void)failed(ipc_send_directory_tell(to,
		&(struct ipc_directory_tell){ .id = id, .error = failed(e) ? (uint16_t)(e.def - err_defs + 1) : 0, .has_more = has_more, .rows = rows }, -1));
}

/* Behind each address what its photo is called. */
static err add_photos(struct vault_search *s)
{
	struct buf plain DEFER(buf_fini) = s->found;
	struct kept_row row;
	err e = OK;
	buf_init(&s->found, 2 * FOUND_BYTES);
	for (str rest = buf_str(&plain); kept_row_next(&rest, &row, &e);) {
		kept_row_add(&s->found, &row);
		if (row.key.n == 0)
			vault_photo_add(s->vault, row.value, &s->found);
	}
	return failed(e) ? e : s->found.failed ? ERR(NO_MEMORY) : OK;
}

static void look(struct vault_search *s)
{
	struct vault *v = s->vault;
	s->n_seen = 0;
	err e = v->store != NULL ? store_users_after(v->store, (str){ s->after, s->after_n }, SLICE, on_user, s) : ERR(BUSY);
	if (!failed(e) && s->found.failed)
		e = ERR(NO_MEMORY);
	if (!failed(e) && s->n_seen == SLICE && !s->is_over)
		return;
	if (!failed(e) && s->with_photos)
		e = add_photos(s);
	tell(s->from, s->id, e, s->has_more, failed(e) ? STR("") : buf_str(&s->found));
	drop(s);
}

static void on_turn(void *arg)
{
	struct vault *v = arg;
	struct vault_search *s = LIST_OF(v->searches.next, struct vault_search, node);
	list_remove(&s->node); /* each in its turn */
	list_add(&v->searches, &s->node);
	look(s);
	if (!list_is_empty(&v->searches))
		loop_defer(v->skel->loop, &v->search_task, on_turn, v);
}

/* ---- the question ---- */

/* Those whose address begins so stand behind it in the order of addresses, and the one who has it stands there himself. */
static err begin_at_address(struct vault_search *s)
{
	struct kept_row row;
	str rest = buf_str(&s->filter);
	size_t n = 0;
	err e = OK;
	s->address = STR("");
	while (kept_row_next(&rest, &row, &e)) {
		ENSURE(n++ < BOOK_FILTER_MAX && row.key.n < 64 && row.value.n != 0 && row.value.n <= STORE_NAME_MAX, MALFORMED);
		if (!s->any && str_eq(row.key, STR("SipAddress")))
			s->address = row.value;
	}
	TRY(e);
	ENSURE(n != 0, MALFORMED);
	s->after_n = s->address.n < sizeof s->after ? s->address.n : 0;
	for (size_t i = 0; i < s->after_n; i++)
		s->after[i] = char_lower(s->address.p[i]);
	if (s->after_n == 0 || s->vault->store == NULL)
		return OK;
	e = store_user_find(s->vault->store, (str){ s->after, s->after_n }, on_user, s);
	return err_is(e, ERR_ABSENT) ? OK : e;
}

static err begin(struct vault *v, struct ipc *from, const struct ipc_directory_ask *m)
{
	ENSURE(v->n_searches < SEARCHES_MAX, BUSY);
	ENSURE(m->most != 0 && m->most <= BOOK_FOUND_MAX, MALFORMED);
	struct vault_search *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->vault = v;
	s->from = from;
	s->any = m->any != 0;
	s->with_photos = m->with_photos != 0 && v->config.photo_search;
	s->id = m->id;
	s->most = m->most;
	buf_init(&s->filter, IPC_BODY_MAX);
	buf_init(&s->found, 2 * FOUND_BYTES);
	buf_add(&s->filter, m->filter);
	list_add(&v->searches, &s->node);
	v->n_searches++;
	err e = begin_at_address(s);
	if (failed(e))
		drop(s);
	else
		loop_defer(v->skel->loop, &v->search_task, on_turn, v);
	return e;
}

err vault_directory_ask(struct vault *v, struct ipc *from, str body)
{
	struct ipc_directory_ask m;
	TRY(ipc_directory_ask_parse(&m, body));
	err e = begin(v, from, &m);
	if (failed(e))
		tell(from, m.id, e, false, STR(""));
	return OK;
}

void vault_directory_forget(struct vault *v, const struct ipc *from)
{
	LIST_EACH (it, &v->searches) {
		struct vault_search *s = LIST_OF(it, struct vault_search, node);
		if (s->from == from)
			drop(s);
	}
	if (list_is_empty(&v->searches))
		loop_undefer(&v->search_task);
}
