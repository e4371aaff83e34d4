/* SPDX-License-Identifier: Apache-2.0 */
#include "role/vault/vault_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/kept.h"

#define USERS 1000 /* more than one slice */

struct bench {
	char dir[64], path[96];
	struct skel skel;
	struct vault vault;
	struct vault_front front;
	struct ipc *other; /* the front's end */
	unsigned n_told, n_people;
	uint64_t id;
	uint16_t error;
	bool has_more;
	char text[65536];  /* what was told, "KEY=VALUE;" */
};

static err on_told(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct bench *b = arg;
	struct ipc_directory_tell m;
	struct kept_row row;
	struct buf text = { 0 };
	err e = OK;
	assert_int_equal(type, IPC_DIRECTORY_TELL);
	assert_false(failed(ipc_directory_tell_parse(&m, body)));
	buf_init(&text, sizeof b->text - 1);
	b->n_told++;
	b->id = m.id;
	b->error = m.error;
	b->has_more = m.has_more != 0;
	b->n_people = 0;
	for (str rest = m.rows; kept_row_next(&rest, &row, &e);) {
		b->n_people += row.key.n == 0;
		buf_printf(&text, "%.*s=%.*s;", STR_FMT(row.key), STR_FMT(row.value));
	}
	assert_false(failed(e) || text.failed);
	assert_true(str_to_z(buf_str(&text), b->text, sizeof b->text));
	buf_fini(&text);
	loop_stop(b->skel.loop);
	return OK;
}

static err on_nothing(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	return ERR(MALFORMED);
}

static void on_closed(void *arg, struct ipc *from)
{
}

static void add_user(struct bench *b, const char *aor, const char *name, bool enabled, const char *body)
{
	static const char hash[32] = { 1 };
	assert_false(failed(store_user_add(b->vault.store, &(const struct store_user){ .aor = str_of(aor), .display_name = str_of(name), .enabled = enabled,
		.ha1_sha256 = { hash, sizeof hash }, .body = str_of(body) }, NULL)));
}

static void fill(struct bench *b)
{
	assert_false(failed(store_begin(b->vault.store)));
	for (unsigned i = 0; i < USERS; i++) {
		char aor[64], body[200];
		(void)snprintf(aor, sizeof aor, "user%04u@example.test", i);
		(void)snprintf(body, sizeof body, "{\"FirstName\":\"First%u\",\"LastName\":\"Same\",\"City\":\"Bonn\",\"OU\":\"OU=secret\"}", i);
		add_user(b, aor, "User", true, body);
	}
	add_user(b, "zoe@example.test", "Zoe", false, "{\"LastName\":\"Gone\"}");
	add_user(b, "zoe2@example.test", "Zo\xc3\xab", true, "{\"LastName\":\"Gone\",\"WindowsEmailAddress\":\"zoe@mail.example.test\"}");
	assert_false(failed(store_end(b->vault.store, true)));
	assert_false(failed(store_commit(b->vault.store)));
}

static int set_up(void **state)
{
	static const struct ipc_door here = { on_nothing, on_closed }, there = { on_told, on_closed };
	struct bench *b = calloc(1, sizeof *b);
	int fds[2];
	(void)snprintf(b->dir, sizeof b->dir, "/tmp/witan-directory-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	(void)snprintf(b->path, sizeof b->path, "%s/store.db", b->dir);
	assert_false(failed(loop_new(&b->skel.loop)));
	b->vault.skel = &b->skel;
	list_init(&b->vault.searches);
	assert_false(failed(store_open(&(struct store_config){ .path = b->path }, &b->vault.store, NULL)));
	fill(b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	b->front.vault = &b->vault;
	assert_false(failed(ipc_open(b->skel.loop, fds[0], &here, &b->front, &b->front.channel)));
	assert_false(failed(ipc_open(b->skel.loop, fds[1], &there, b, &b->other)));
	*state = b;
	return 0;
}

static void end_loop(void *arg)
{
	loop_stop(arg);
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	struct loop_task end = { 0 };
	char wal[128];
	vault_directory_forget(&b->vault, b->front.channel);
	assert_true(list_is_empty(&b->vault.searches));
	assert_int_equal(b->vault.n_searches, 0);
	ipc_close(b->front.channel);
	ipc_close(b->other);
	loop_defer(b->skel.loop, &end, end_loop, b->skel.loop);
	loop_run(b->skel.loop);
	loop_free(b->skel.loop);
	store_close(b->vault.store);
	(void)unlink(b->path);
	(void)snprintf(wal, sizeof wal, "%s-wal", b->path);
	(void)unlink(wal);
	(void)snprintf(wal, sizeof wal, "%s-shm", b->path);
	(void)unlink(wal);
	assert_int_equal(rmdir(b->dir), 0);
	free(b);
	return 0;
}

static void add_by(struct buf *filter, const char *property, const char *value)
{
	kept_row_add(filter, &(struct kept_row){ .kind = KEPT_CARD, .key = str_of(property), .value = str_of(value) });
}

static void find_either(struct bench *b, bool any, const char *address, const char *last_name)
{
	struct buf filter, body;
	buf_init(&filter, 4096);
	buf_init(&body, 8192);
	add_by(&filter, "SipAddress", address);
	add_by(&filter, "LastName", last_name);
	ipc_directory_ask_print(&(struct ipc_directory_ask){ .id = 8, .most = 100, .any = any, .filter = buf_str(&filter) }, &body);
	assert_false(failed(vault_directory_ask(&b->vault, b->front.channel, buf_str(&body))));
	buf_fini(&filter);
	buf_fini(&body);
	loop_run(b->skel.loop);
	assert_int_equal(b->id, 8);
	assert_int_equal(b->error, 0);
}

static void ask(struct bench *b, unsigned most, const char *property, const char *value)
{
	struct buf filter, body;
	buf_init(&filter, 4096);
	buf_init(&body, 8192);
	add_by(&filter, property, value);
	ipc_directory_ask_print(&(struct ipc_directory_ask){ .id = 7, .most = (uint16_t)most, .filter = buf_str(&filter) }, &body);
	assert_false(failed(vault_directory_ask(&b->vault, b->front.channel, buf_str(&body))));
	buf_fini(&filter);
	buf_fini(&body);
}

static void find(struct bench *b, unsigned most, const char *property, const char *value)
{
	ask(b, most, property, value);
	loop_run(b->skel.loop);
	assert_int_equal(b->id, 7);
}

static void by_what_administrators_wrote(void **state)
{
	struct bench *b = *state;
	find(b, 100, "FirstName", "first99");
	assert_int_equal(b->n_people, 11); /* 99, 990 to 999: the last of them stand behind four slices */
	assert_false(b->has_more);
	assert_non_null(strstr(b->text, "=user0099@example.test;DisplayName=User;City=Bonn;"));
	assert_null(strstr(b->text, "secret"));
	find(b, 10, "LastName", "Same");
	assert_int_equal(b->n_people, 10);
	assert_true(b->has_more);
	find(b, 10, "FirstName", "nobody");
	assert_int_equal(b->n_people, 0);
	assert_int_equal(b->error, 0);
}

static void who_is_disabled_is_not_found(void **state)
{
	struct bench *b = *state;
	find(b, 10, "LastName", "Gone");
	assert_string_equal(b->text, "=zoe2@example.test;DisplayName=Zo\xc3\xab;WindowsEmailAddress=zoe@mail.example.test;");
}

static void by_address_nobody_else_is_looked_at(void **state)
{
	struct bench *b = *state;
	find(b, 10, "SipAddress", "USER0500@example.test");
	assert_int_equal(b->n_people, 1);
	assert_non_null(strstr(b->text, "=user0500@example.test;"));
	find(b, 100, "SipAddress", "user050");
	assert_int_equal(b->n_people, 10);
	find(b, 100, "SipAddress", "zz");
	assert_int_equal(b->n_people, 0);
}

/* An address is then no reason to look at nobody else. */
static void one_of_several_is_enough(void **state)
{
	struct bench *b = *state;
	find_either(b, true, "user0007@", "Gone");
	assert_int_equal(b->n_people, 2);
	assert_non_null(strstr(b->text, "=user0007@example.test;"));
	assert_non_null(strstr(b->text, "=zoe2@example.test;"));
	find_either(b, false, "user0007@", "Gone");
	assert_int_equal(b->n_people, 0);
	find_either(b, false, "user0007@", "Same");
	assert_int_equal(b->n_people, 1);
}

static void what_cannot_be_asked_is_refused(void **state)
{
	struct bench *b = *state;
	find(b, 101, "LastName", "Same");
	assert_int_not_equal(b->error, 0);
	find(b, 10, "LastName", "");
	assert_int_not_equal(b->error, 0);
	for (unsigned i = 0; i < 33; i++)
		ask(b, 10, "LastName", "nobody");
	loop_run(b->skel.loop);
	assert_int_equal(b->error, ERR_BUSY + 1); /* the one too many is answered at once */
	vault_directory_forget(&b->vault, b->front.channel);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(by_what_administrators_wrote),
		TEST(who_is_disabled_is_not_found),
		TEST(by_address_nobody_else_is_looked_at),
		TEST(one_of_several_is_enough),
		TEST(what_cannot_be_asked_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
