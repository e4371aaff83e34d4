/* SPDX-License-Identifier: Apache-2.0 */
#include "model/store/store_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
	char dir[64], file[80], copy[80];
	struct store *store;
};

static struct store *must_open(const char *path)
{
	struct store *s = NULL;
	struct diag d = { 0 };
	if (failed(store_open(&(struct store_config){ .path = path }, &s, &d)))
		fail_msg("%s: %s", d.where, d.what);
	return s;
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	(void)snprintf(p->dir, sizeof p->dir, "/tmp/record_test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->file, sizeof p->file, "%s/witan.db", p->dir);
	(void)snprintf(p->copy, sizeof p->copy, "%s/copy.db", p->dir);
	p->store = must_open(p->file);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	static const char *const names[] = { "witan.db", "witan.db-wal", "copy.db", "copy.db-wal" };
	store_close(p->store);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[128];
		(void)snprintf(path, sizeof path, "%s/%s", p->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(p->dir);
	free(p);
	return 0;
}

struct seen {
	unsigned n;
	char text[256];
	uint64_t version;
};

static void see_object(void *arg, const struct store_object *o)
{
	struct seen *seen = arg;
	seen->n++;
	seen->version = o->version;
	(void)snprintf(seen->text, sizeof seen->text, "%.*s %.*s %.*s", STR_FMT(o->kind), STR_FMT(o->identity), STR_FMT(o->body));
}

static void see_change(void *arg, const struct store_change *c)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);
	seen->n++;
	(void)snprintf(seen->text + n, sizeof seen->text - n, "%u:%.*s:%.*s:%.*s ", (unsigned)c->version, STR_FMT(c->author), STR_FMT(c->diff), STR_FMT(c->sealed));
	assert_true(c->time > 1600000000);
}

static void see_audit(void *arg, const struct store_audit *a)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);
	seen->n++;
	(void)snprintf(seen->text + n, sizeof seen->text - n, "%u:%.*s ", (unsigned)a->number, STR_FMT(a->command));
}

static err put(struct store *s, const char *kind, const char *identity, const char *body)
{
	TRY(store_begin(s));
	err e = store_object_set(s, str_of(kind), str_of(identity), str_of(body));
	if (!failed(e))
		e = store_history_add(s, &(struct store_change){ .author = STR("root"), .command = STR("Set"), .diff = str_of(body), .sealed = STR("!") });
	err end = store_end(s, !failed(e));
	return failed(e) ? e : end;
}

/* Names are found in any letter case, a second change replaces the first, and each command makes one version. */
static void objects_survive(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	uint64_t before = store_version(p->store);
	assert_false(failed(put(p->store, "PinPolicy", "Sales", "{\"A\":1}")));
	assert_false(failed(put(p->store, "pinpolicy", "SALES", "{\"A\":2}")));
	assert_false(failed(put(p->store, "VoiceRoute", "Local", "{}")));
	assert_true(err_is(put(p->store, "VoiceRoute", "", "{}"), ERR_MALFORMED));
	assert_int_equal(store_version(p->store), before + 3);
	assert_false(failed(store_commit(p->store)));
	store_close(p->store);
	p->store = must_open(p->file);
	assert_false(failed(store_object_find(p->store, STR("PinPolicy"), STR("sales"), see_object, &seen)));
	assert_string_equal(seen.text, "PinPolicy Sales {\"A\":2}");
	assert_int_equal(seen.version, before + 2);
	seen = (struct seen){ 0 };
	assert_false(failed(store_objects_each(p->store, STR("PINPOLICY"), see_object, &seen)));
	assert_int_equal(seen.n, 1);
	seen = (struct seen){ 0 };
	assert_false(failed(store_objects_each(p->store, STR(""), see_object, &seen)));
	assert_int_equal(seen.n, 2);
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_object_remove(p->store, STR("VoiceRoute"), STR("local"))));
	assert_true(err_is(store_object_remove(p->store, STR("VoiceRoute"), STR("local")), ERR_ABSENT));
	assert_false(failed(store_end(p->store, true)));
	assert_false(failed(store_commit(p->store)));
	assert_true(err_is(store_object_find(p->store, STR("VoiceRoute"), STR("Local"), see_object, &seen), ERR_ABSENT));
}

static void history_is_read_from_the_newest(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	for (int i = 0; i < 4; i++)
		assert_false(failed(put(p->store, "PinPolicy", "Sales", i % 2 ? "1" : "0")));
	assert_false(failed(store_commit(p->store)));
	assert_false(failed(store_history_each(p->store, 1, 2, see_change, &seen)));
	assert_string_equal(seen.text, "4:root:1:! 3:root:0:! ");
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_history_trim(p->store, 3)));
	assert_false(failed(store_end(p->store, true)));
	seen = (struct seen){ 0 };
	assert_false(failed(store_history_each(p->store, 0, 100, see_change, &seen)));
	assert_int_equal(seen.n, 3);
}

static void the_audit_only_grows(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	struct store_audit a = { .number = 1, .time = 5, .author = STR("root"), .command = STR("one"), .hash = { (char[32]){ 0 }, 32 } };
	assert_false(failed(store_audit_last(p->store, see_audit, &seen)));
	assert_int_equal(seen.n, 0);
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_audit_add(p->store, &a)));
	assert_true(err_is(store_audit_add(p->store, &a), ERR_EXISTS));
	a.number = 2;
	a.command = STR("two");
	assert_false(failed(store_audit_add(p->store, &a)));
	a.hash.n = 31;
	a.number = 3;
	assert_true(err_is(store_audit_add(p->store, &a), ERR_MALFORMED));
	assert_false(failed(store_end(p->store, true)));
	assert_false(failed(store_commit(p->store)));
	assert_false(failed(store_audit_each(p->store, 1, 10, see_audit, &seen)));
	assert_string_equal(seen.text, "1:one 2:two ");
	seen = (struct seen){ 0 };
	assert_false(failed(store_audit_last(p->store, see_audit, &seen)));
	assert_string_equal(seen.text, "2:two ");
}

static void see_incident(void *arg, const struct store_incident *i)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);
	seen->n++;
	(void)snprintf(seen->text + n, sizeof seen->text - n, "%u:%.*s:%.*s ", (unsigned)i->number, STR_FMT(i->rule), STR_FMT(i->text));
}

static void list_incidents(struct place *p, const char *aor, uint64_t most, const char *wanted)
{
	struct seen seen = { 0 };
	assert_false(failed(store_incidents_each(p->store, str_of(aor), most, see_incident, &seen)));
	assert_string_equal(seen.text, wanted);
}

static void incidents_are_a_ring(void **state)
{
	struct place *p = *state;
	char text[STORE_INCIDENT_TEXT + 1] = { 0 };
	struct store_incident i = { .time = 100, .rule = STR("A"), .action = STR("Deny"), .modality = STR("IM"), .from = STR("ann@x"), .to = STR("bob@x"), .text = STR("t") };
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_incident_add(p->store, &i)));
	i.rule = STR("B");
	i.to = STR("cyd@x");
	i.time = 200;
	i.text = STR("");
	assert_false(failed(store_incident_add(p->store, &i)));
	i.rule = STR("C");
	assert_false(failed(store_incident_add(p->store, &i)));
	i.text = (str){ text, sizeof text };
	assert_true(err_is(store_incident_add(p->store, &i), ERR_MALFORMED));
	list_incidents(p, "", 10, "3:C: 2:B: 1:A:t ");
	list_incidents(p, "", 2, "3:C: 2:B: ");
	list_incidents(p, "bob@x", 10, "1:A:t ");
	list_incidents(p, "ann@x", 1, "3:C: ");
	assert_false(failed(store_incidents_trim(p->store, 10, 150)));
	list_incidents(p, "", 10, "3:C: 2:B: ");
	assert_false(failed(store_incidents_trim(p->store, 1, 0)));
	list_incidents(p, "", 10, "3:C: ");
	assert_false(failed(store_end(p->store, true)));
}

static void see_value(void *arg, str value)
{
	struct seen *seen = arg;
	seen->n++;
	(void)snprintf(seen->text, sizeof seen->text, "%.*s", STR_FMT(value));
}

static void credentials_go_with_their_user(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	const struct store_user u = { .aor = STR("ann@example.test"), .ha1_sha256 = { (char[32]){ 1 }, 32 }, .body = STR("{\"SamAccountName\":\"ann\"}") };
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_user_add(p->store, &u, NULL)));
	assert_true(err_is(store_credential_set(p->store, STR("eve@example.test"), STR("pin"), STR("x")), ERR_ABSENT));
	assert_false(failed(store_credential_set(p->store, u.aor, STR("pin"), STR("x"))));
	assert_false(failed(store_credential_set(p->store, u.aor, STR("pin"), STR("y"))));
	assert_false(failed(store_end(p->store, true)));
	assert_false(failed(store_credential_find(p->store, u.aor, STR("pin"), see_value, &seen)));
	assert_string_equal(seen.text, "y");
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_user_remove(p->store, u.aor, NULL)));
	assert_false(failed(store_end(p->store, true)));
	assert_true(err_is(store_credential_find(p->store, u.aor, STR("pin"), see_value, &seen), ERR_ABSENT));
	assert_false(failed(store_commit(p->store)));
}

static void count_user(void *arg, const struct store_user *u)
{
	(*(unsigned *)arg)++;
}

static void users_are_found_by_their_other_names(void **state)
{
	struct place *p = *state;
	const struct store_user u = { .aor = STR("ann@example.test"), .display_name = STR("Ann"), .ha1_sha256 = { (char[32]){ 1 }, 32 },
		.body = STR("{\"SamAccountName\":\"Ann01\",\"LineURI\":\"tel:+1\"}") };
	unsigned n = 0;
	assert_false(failed(store_begin(p->store)));
	assert_false(failed(store_user_add(p->store, &u, NULL)));
	assert_false(failed(store_end(p->store, true)));
	assert_false(failed(store_user_find_by(p->store, STORE_BY_SAM, STR("ann01"), count_user, &n)));
	assert_false(failed(store_user_find_by(p->store, STORE_BY_DISPLAY_NAME, STR("ANN"), count_user, &n)));
	assert_false(failed(store_user_find_by(p->store, STORE_BY_LINE, STR("tel:+1"), count_user, &n)));
	assert_int_equal(n, 3);
	assert_false(failed(store_user_find_by(p->store, STORE_BY_UPN, STR("ann"), count_user, &n)));
	assert_int_equal(n, 3);
}

/* What the first version kept as settings is an object afterwards, with numbers and truth as such. */
static void old_settings_become_objects(void **state)
{
	struct place *p = *state;
	sqlite3 *db = NULL;
	char mark[96];
	struct seen seen = { 0 };
	(void)snprintf(mark, sizeof mark, "PRAGMA user_version = 1; PRAGMA application_id = %d", STORE_APPLICATION);
	assert_int_equal(sqlite3_open(p->copy, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, store_steps[0].sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, mark, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO setting VALUES ('ProxyConfiguration', 'UseDigestMd5', 'False'), ('ProxyConfiguration', 'NonceLifetime', '60');"
		"INSERT INTO user VALUES ('ann@example.test', 'Ann', 1, NULL, zeroblob(32), 1, 1, 1)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	struct store *s = must_open(p->copy);
	assert_false(failed(store_object_find(s, STR("ProxyConfiguration"), STR("Global"), see_object, &seen)));
	assert_string_equal(seen.text, "ProxyConfiguration Global {\"NonceLifetime\":60,\"UseDigestMd5\":false}");
	uint64_t n = 0;
	assert_false(failed(store_users_count(s, &n)));
	assert_int_equal(n, 1);
	store_close(s);
}

static void a_copy_is_a_whole_store(void **state)
{
	struct place *p = *state;
	struct seen seen = { 0 };
	struct diag d = { 0 };
	assert_false(failed(put(p->store, "PinPolicy", "Sales", "{}")));
	assert_false(failed(store_commit(p->store)));
	assert_false(failed(store_backup(p->store, p->copy, &d)));
	assert_true(err_is(store_backup(p->store, p->copy, &d), ERR_EXISTS));
	assert_true(failed(store_backup(p->store, "/nowhere/copy.db", &d)));
	struct store *s = must_open(p->copy);
	assert_false(failed(store_object_find(s, STR("PinPolicy"), STR("Sales"), see_object, &seen)));
	assert_int_equal(store_version(s), store_version(p->store));
	store_close(s);
	assert_false(failed(put(p->store, "PinPolicy", "More", "{}")));
	assert_false(failed(store_commit(p->store)));
}

#define RECORD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_TEST(objects_survive),
		RECORD_TEST(history_is_read_from_the_newest),
		RECORD_TEST(the_audit_only_grows),
		RECORD_TEST(incidents_are_a_ring),
		RECORD_TEST(credentials_go_with_their_user),
		RECORD_TEST(users_are_found_by_their_other_names),
		RECORD_TEST(old_settings_become_objects),
		RECORD_TEST(a_copy_is_a_whole_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
