/* SPDX-License-Identifier: Apache-2.0 */
/* What people keep, as fronts ask for it and change it: over a real channel, in a real store. */
#include "role/vault/vault_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/kept.h"

#define ANN "ann@example.test"

struct fixture {
	char directory[40], file[64];
	struct skel skel;
	struct vault vault;
	struct vault_front front;
	struct loop *loop; /* of the channel: vault's own never turns here, so that the test says when it commits */
	struct ipc *other; /* the front's end */
	struct timer pause;
	struct buf rows;   /* told */
	unsigned n_rows, n_done;
	bool is_last;
	uint64_t id;
	uint16_t error;
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct fixture *f = arg;
	(void)from;
	(void)fd;
	if (type == IPC_KEPT_ROWS) {
		struct ipc_kept_rows m;
		TRY(ipc_kept_rows_parse(&m, body));
		f->n_rows++;
		f->id = m.id;
		f->is_last = m.is_last != 0;
		buf_add(&f->rows, m.rows);
	} else if (type == IPC_KEPT_DONE) {
		struct ipc_kept_done m;
		TRY(ipc_kept_done_parse(&m, body));
		f->n_done++;
		f->id = m.id;
		f->error = m.error;
	}
	return OK;
}

static void on_close(void *arg, struct ipc *from)
{
	(void)arg;
	(void)from;
	fail_msg("the channel has ended");
}

static const struct ipc_door door = { on_message, on_close };

static void stop(void *arg)
{
	loop_stop(arg);
}

static void run(struct fixture *f)
{
	assert_false(failed(timer_set(loop_timers(f->loop), &f->pause, 5, stop, f->loop)));
	loop_run(f->loop);
}

/* Turns until so many answers have come, or rows to their end. */
static void wait_for(struct fixture *f, unsigned n_done)
{
	for (unsigned i = 0; i < 200 && f->n_done < n_done && !f->is_last; i++)
		run(f);
}

static void open_store(struct fixture *f)
{
	assert_false(failed(store_open(&(struct store_config){ .path = f->file }, &f->vault.store, NULL)));
}

static void commit(struct fixture *f, err e)
{
	if (!failed(e))
		assert_false(failed(store_commit(f->vault.store)));
	unsigned n = f->n_done;
	LIST_EACH (it, &f->vault.kept)
		n++;
	f->is_last = false;
	vault_kept_answer(&f->vault, e);
	wait_for(f, n);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int fds[2];
	strcpy(f->directory, "/tmp/witan-kept-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->file, sizeof f->file, "%s/store", f->directory);
	open_store(f);
	assert_false(failed(store_begin(f->vault.store)));
	assert_false(failed(store_user_add(f->vault.store,
		&(struct store_user){ .aor = STR(ANN), .display_name = STR("Ann"), .enabled = true, .ha1_sha256 = STR("0123456789abcdef0123456789abcdef"),
			.body = STR("{\"Title\": \"Engineer\", \"Phone\": \"+1 555\", \"Secret\": \"no\"}") }, NULL)));
	assert_false(failed(store_end(f->vault.store, true)));
	assert_false(failed(store_commit(f->vault.store)));
	assert_false(failed(loop_new(&f->loop)));
	assert_false(failed(loop_new(&f->skel.loop)));
	f->vault.skel = &f->skel;
	list_init(&f->vault.kept);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->front.vault = &f->vault;
	assert_false(failed(ipc_open(f->loop, fds[0], &door, f, &f->front.channel)));
	assert_false(failed(ipc_open(f->loop, fds[1], &door, f, &f->other)));
	buf_init(&f->rows, 4 << 20);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[80];
	vault_kept_forget(&f->front);
	assert_true(list_is_empty(&f->vault.kept));
	ipc_close(f->front.channel);
	ipc_close(f->other);
	run(f);
	loop_undefer(&f->vault.turn);
	loop_free(f->loop);
	loop_free(f->skel.loop);
	store_close(f->vault.store);
	buf_fini(&f->rows);
	snprintf(command, sizeof command, "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void ask(struct fixture *f, const char *aor)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	ipc_kept_ask_print(&(struct ipc_kept_ask){ .id = 7, .aor = str_of(aor) }, &b);
	buf_reset(&f->rows);
	f->n_rows = f->n_done = 0;
	f->is_last = false;
	assert_false(failed(vault_kept_ask(&f->front, buf_str(&b))));
	buf_fini(&b);
	wait_for(f, 1);
}

static void set_rows(struct fixture *f, const char *aor, str rows)
{
	struct buf b;
	buf_init(&b, 2 << 20);
	ipc_kept_set_print(&(struct ipc_kept_set){ .id = 8, .aor = str_of(aor), .rows = rows }, &b);
	const struct list *last = f->vault.kept.prev;
	f->n_done = 0;
	f->is_last = false;
	assert_false(failed(vault_kept_set(&f->front, buf_str(&b))));
	buf_fini(&b);
	run(f);
	if (f->vault.kept.prev == last) /* refused at once */
		wait_for(f, 1);
}

static void set_row(struct fixture *f, const char *aor, enum kept_kind kind, const char *key, const char *value)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	kept_row_add(&b, &(struct kept_row){ .kind = kind, .is_gone = value == NULL, .key = str_of(key), .value = str_of(value != NULL ? value : "") });
	set_rows(f, aor, buf_str(&b));
	buf_fini(&b);
}

/* The value of a row that was told; NULL: there is none. */
static const char *told(struct fixture *f, enum kept_kind kind, const char *key)
{
	static char value[256];
	str rest = buf_str(&f->rows);
	struct kept_row row;
	err e = OK;
	while (kept_row_next(&rest, &row, &e))
		if (row.kind == kind && str_eq(row.key, str_of(key)))
			return str_to_z(row.value, value, sizeof value) ? value : "";
	assert_false(failed(e));
	return NULL;
}

static bool is_error(const struct fixture *f, enum err_id code)
{
	return f->n_done == 1 && f->error != 0 && err_is((err){ &err_defs[f->error - 1] }, code);
}

static void is_told_with_what_administrators_write(void **state)
{
	struct fixture *f = *state;
	set_row(f, ANN, KEPT_GROUP, "1", "~");
	commit(f, OK);
	ask(f, ANN);
	assert_true(f->n_rows == 1 && f->is_last && f->id == 7 && f->n_done == 0);
	assert_string_equal(told(f, KEPT_GROUP, "1"), "~");
	assert_string_equal(told(f, KEPT_CARD, "Title"), "Engineer");
	assert_string_equal(told(f, KEPT_CARD, "Phone"), "+1 555");
	assert_null(told(f, KEPT_CARD, "Secret"));
	ask(f, "nobody@example.test");
	assert_true(f->n_rows == 0 && is_error(f, ERR_ABSENT));
}

/* Nobody is told that it is done before it is on the disk. */
static void is_done_when_it_is_on_the_disk(void **state)
{
	struct fixture *f = *state;
	set_row(f, ANN, KEPT_CONTACT, "bob@example.test", "1");
	assert_int_equal(f->n_done, 0);
	commit(f, OK);
	assert_true(f->n_done == 1 && f->id == 8 && f->error == 0);
	store_close(f->vault.store);
	open_store(f);
	ask(f, ANN);
	assert_string_equal(told(f, KEPT_CONTACT, "bob@example.test"), "1");
	set_row(f, ANN, KEPT_CONTACT, "bob@example.test", NULL);
	commit(f, ERR(DISK_FULL));
	assert_true(is_error(f, ERR_DISK_FULL));
	store_close(f->vault.store); /* without a commit */
	open_store(f);
	ask(f, ANN);
	assert_non_null(told(f, KEPT_CONTACT, "bob@example.test"));
}

static void is_refused_whole(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	set_row(f, "nobody@example.test", KEPT_GROUP, "1", "~");
	assert_true(is_error(f, ERR_ABSENT));
	buf_init(&b, 1 << 20);
	kept_row_add(&b, &(struct kept_row){ .kind = KEPT_GROUP, .key = STR("1"), .value = STR("~") });
	kept_row_add(&b, &(struct kept_row){ .kind = KEPT_CARD, .key = STR("Title"), .value = STR("Queen") });
	set_rows(f, ANN, buf_str(&b));
	assert_true(is_error(f, ERR_REFUSED));
	set_rows(f, ANN, str_cut(buf_str(&b), 0, b.n - 1));
	assert_true(is_error(f, ERR_REFUSED) || is_error(f, ERR_MALFORMED));
	buf_reset(&b);
	kept_row_add(&b, &(struct kept_row){ .kind = KEPT_GROUP, .key = STR("1"), .value = STR("~") });
	buf_add_char(&b, '\x01');
	set_rows(f, ANN, buf_str(&b));
	assert_true(is_error(f, ERR_MALFORMED));
	buf_fini(&b);
	commit(f, OK);
	ask(f, ANN);
	assert_null(told(f, KEPT_GROUP, "1"));
	assert_string_equal(told(f, KEPT_CARD, "Title"), "Engineer");
}

static void a_user_has_a_ceiling(void **state)
{
	struct fixture *f = *state;
	static char value[KEPT_VALUE_MAX];
	struct buf b;
	char key[32];
	memset(value, 'x', sizeof value);
	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < KEPT_ROWS_MAX; i++) {
		snprintf(key, sizeof key, "u%u@example.test", i);
		kept_row_add(&b, &(struct kept_row){ .kind = KEPT_CONTACT, .key = str_of(key), .value = STR("") });
	}
	set_rows(f, ANN, buf_str(&b));
	commit(f, OK);
	assert_true(f->n_done == 1 && f->error == 0);
	set_row(f, ANN, KEPT_CONTACT, "one@more.test", "");
	assert_true(is_error(f, ERR_CEILING));
	set_row(f, ANN, KEPT_CONTACT, "u7@example.test", NULL);
	set_row(f, ANN, KEPT_CONTACT, "one@more.test", "");
	commit(f, OK);
	assert_true(f->n_done >= 1 && f->error == 0);
	for (unsigned i = 0; i < KEPT_ROWS_MAX; i += 512) { /* room for rows of a megabyte */
		buf_reset(&b);
		for (unsigned k = i; k < i + 512; k++) {
			snprintf(key, sizeof key, "u%u@example.test", k);
			kept_row_add(&b, &(struct kept_row){ .kind = KEPT_CONTACT, .is_gone = true, .key = str_of(key), .value = STR("") });
		}
		set_rows(f, ANN, buf_str(&b));
	}
	unsigned n = 0;
	do { /* at most a megabyte, told in pieces that are put together again */
		snprintf(key, sizeof key, "note %u 200", n++);
		buf_reset(&b);
		kept_row_add(&b, &(struct kept_row){ .kind = KEPT_PUBLICATION, .key = str_of(key), .value = { value, sizeof value } });
		set_rows(f, ANN, buf_str(&b));
	} while (f->n_done == 0 && n < 100);
	assert_true(is_error(f, ERR_CEILING) && n == 16);
	commit(f, OK);
	ask(f, ANN);
	assert_true(f->n_rows > 1 && f->is_last);
	for (unsigned i = 0; i < n - 1; i++) {
		snprintf(key, sizeof key, "note %u 200", i);
		assert_non_null(told(f, KEPT_PUBLICATION, key));
	}
	assert_null(told(f, KEPT_PUBLICATION, "note 15 200"));
	buf_fini(&b);
}

static void rows_of_a_removed_user_go_with_him(void **state)
{
	struct fixture *f = *state;
	uint64_t rows, bytes;
	set_row(f, ANN, KEPT_GROUP, "1", "~");
	commit(f, OK);
	assert_false(failed(store_kept_size(f->vault.store, STR(ANN), &rows, &bytes)));
	assert_true(rows == 1 && bytes == 2);
	assert_false(failed(store_begin(f->vault.store)));
	assert_false(failed(store_user_remove(f->vault.store, STR(ANN), NULL)));
	assert_false(failed(store_end(f->vault.store, true)));
	assert_false(failed(store_commit(f->vault.store)));
	assert_false(failed(store_kept_size(f->vault.store, STR(ANN), &rows, &bytes)));
	assert_true(rows == 0 && bytes == 0);
}

/* A backup has what people keep; what is under way for a front that has died is not answered. */
static void a_backup_has_it(void **state)
{
	struct fixture *f = *state;
	char path[80];
	struct store *copy;
	uint64_t rows, bytes;
	set_row(f, ANN, KEPT_GROUP, "1", "~");
	vault_kept_forget(&f->front);
	commit(f, OK);
	assert_int_equal(f->n_done, 0);
	snprintf(path, sizeof path, "%s/copy", f->directory);
	assert_false(failed(store_backup(f->vault.store, path, NULL)));
	assert_false(failed(store_open(&(struct store_config){ .path = path }, &copy, NULL)));
	assert_false(failed(store_kept_size(copy, STR(ANN), &rows, &bytes)));
	assert_int_equal(rows, 1);
	store_close(copy);
}

static void without_a_store_it_is_busy(void **state)
{
	struct fixture *f = *state;
	struct store *s = f->vault.store;
	f->vault.store = NULL;
	ask(f, ANN);
	assert_true(is_error(f, ERR_BUSY));
	set_row(f, ANN, KEPT_GROUP, "1", "~");
	assert_true(is_error(f, ERR_BUSY));
	f->vault.store = s;
}

int main(void)
{
#define KEPT_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		KEPT_TEST(is_told_with_what_administrators_write),
		KEPT_TEST(is_done_when_it_is_on_the_disk),
		KEPT_TEST(is_refused_whole),
		KEPT_TEST(a_user_has_a_ceiling),
		KEPT_TEST(rows_of_a_removed_user_go_with_him),
		KEPT_TEST(a_backup_has_it),
		KEPT_TEST(without_a_store_it_is_busy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
