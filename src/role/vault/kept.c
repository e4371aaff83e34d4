/* SPDX-License-Identifier: Apache-2.0 */
/* What people keep on the server: read for their home, and written with the commit of the turn. */
#include "role/vault/user_priv.h"

#include "service/kept.h"

#include <stdlib.h>

#define PIECE (256u << 10) /* bytes of rows in one message */

/* A change that is written, and not yet known to be on the disk. */
struct kept_due {
	struct list node;
	struct vault_front *front;
	uint64_t id;
};

/* ---- reading ---- */

struct telling_rows {
	struct vault_front *front;
	uint64_t id;
	struct buf rows;
	err e; /* a piece that could not be sent: the front must not take the others for the whole */
};

static void send_rows(struct telling_rows *t, bool is_last)
{
	if (t->rows.failed)
		t->e = ERR(CEILING);
	if (!failed(t->e))
		t->e = ipc_send_kept_rows(t->front->channel, &(struct ipc_kept_rows){ .id = t->id, .is_last = is_last ? 1 : 0, .rows = buf_str(&t->rows) }, -1);
	buf_reset(&t->rows);
}

static void add_row(struct telling_rows *t, const struct kept_row *row)
{
	if (row->kind <= 0 || row->kind >= KEPT_KINDS || row->key.n > KEPT_KEY_MAX || row->value.n > KEPT_VALUE_MAX)
		return; /* of a newer version */
	kept_row_add(&t->rows, row);
	if (t->rows.n >= PIECE)
		send_rows(t, false);
}

static void on_row(void *arg, uint32_t kind, str key, str value)
{
	add_row(arg, &(struct kept_row){ .kind = (enum kept_kind)kind, .key = key, .value = value });
}

/* What administrators have written of him: others see it in the contact card. */
static void add_card(void *arg, const struct store_user *u)
{
	static const char *const properties[] = { "FirstName", "LastName", "WindowsEmailAddress", "Title", "Department", "Company", "Office", "City", "Country",
		"Phone", "MobilePhone" };
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
		str value = user_text(body, properties[i]);
		if (value.n != 0)
			add_row(arg, &(struct kept_row){ .kind = KEPT_CARD, .key = str_of(properties[i]), .value = value });
	}
	json_decref(body);
}

static err read_all(struct vault *v, str aor, struct telling_rows *t)
{
	ENSURE(v->store != NULL, BUSY);
	TRY(store_user_find(v->store, aor, add_card, t));
	return store_kept_each(v->store, aor, on_row, t);
}

static void tell_done(struct vault_front *f, uint64_t id, err e)
{
	(void)failed(ipc_send_kept_done(f->channel, &(struct ipc_kept_done){ .id = id, .error = failed(e) ? (uint16_t)(e.def - err_defs + 1) : 0 }, -1));
}

err vault_kept_ask(struct vault_front *f, str body)
{
	struct ipc_kept_ask m;
	TRY(ipc_kept_ask_parse(&m, body));
	struct telling_rows t = { .front = f, .id = m.id };
	buf_init(&t.rows, PIECE + KEPT_KEY_MAX + KEPT_VALUE_MAX + 16);
	err e = read_all(f->vault, m.aor, &t);
	if (!failed(e)) {
		send_rows(&t, true);
		e = t.e;
	}
	if (failed(e))
		tell_done(f, m.id, e);
	buf_fini(&t.rows);
	return OK;
}

/* ---- writing ---- */

static err write_rows(struct store *s, str aor, str rows)
{
	struct kept_row row;
	uint64_t n, bytes;
	err e = OK;
	while (kept_row_next(&rows, &row, &e)) {
		ENSURE(row.kind != KEPT_CARD, REFUSED);
		TRY(row.is_gone ? store_kept_remove(s, aor, row.kind, row.key) : store_kept_set(s, aor, row.kind, row.key, row.value));
	}
	TRY(e);
	TRY(store_kept_size(s, aor, &n, &bytes));
	return n <= KEPT_ROWS_MAX && bytes <= KEPT_USER_MAX ? OK : ERR(CEILING);
}

static err write_group(struct vault *v, str aor, str rows)
{
	ENSURE(v->store != NULL, BUSY);
	TRY(store_begin(v->store));
	err e = write_rows(v->store, aor, rows);
	err ended = store_end(v->store, !failed(e));
	return failed(e) ? e : ended;
}

err vault_kept_set(struct vault_front *f, str body)
{
	struct ipc_kept_set m;
	TRY(ipc_kept_set_parse(&m, body));
	struct kept_due *due = calloc(1, sizeof *due);
	err e = due != NULL ? write_group(f->vault, m.aor, m.rows) : ERR(NO_MEMORY);
	if (failed(e)) {
		free(due);
		tell_done(f, m.id, e);
		return OK;
	}
	*due = (struct kept_due){ .front = f, .id = m.id };
	list_add(&f->vault->kept, &due->node);
	vault_turn(f->vault);
	return OK;
}

void vault_kept_answer(struct vault *v, err e)
{
	LIST_EACH (it, &v->kept) {
		struct kept_due *due = LIST_OF(it, struct kept_due, node);
		list_remove(it);
		tell_done(due->front, due->id, e);
		free(due);
	}
}

void vault_kept_forget(struct vault_front *f)
{
	LIST_EACH (it, &f->vault->kept) {
		struct kept_due *due = LIST_OF(it, struct kept_due, node);
		if (due->front != f)
			continue;
		list_remove(it);
		free(due);
	}
}
