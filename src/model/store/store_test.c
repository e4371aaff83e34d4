/* SPDX-License-Identifier: Apache-2.0 */
#include "model/store/store_priv.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
	char dir[64], file[80];
	struct log log;
	int events; /* what the log writes can be read here */
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	(void)snprintf(p->dir, sizeof p->dir, "/tmp/store_test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->file, sizeof p->file, "%s/witan.db", p->dir);
	int ends[2];
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	p->events = ends[0];
	log_init(&p->log, ends[1], "test", 0);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	static const char *const names[] = { "", "-wal", "-shm", "-journal" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[96];
		(void)snprintf(path, sizeof path, "%s%s", p->file, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(p->dir);
	(void)close(p->events);
	(void)close(p->log.fd);
	free(p);
	return 0;
}

static struct store *must_open(struct place *p)
{
	struct store *s = NULL;
	struct diag d = { 0 };
	err e = store_open(&(struct store_config){ .path = p->file, .log = &p->log }, &s, &d);
	if (failed(e))
		print_error("%s: %s\n", d.where, d.what);
	assert_false(failed(e));
	return s;
}

static unsigned events(struct place *p, const char *name)
{
	char text[65536];
	ssize_t n = read(p->events, text, sizeof text - 1);
	unsigned found = 0;
	text[n > 0 ? n : 0] = '\0';
	for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
		found++;
	return found;
}

static const char secret[32] = "0123456789abcdef0123456789ABCDE";

static struct store_user user_of(str aor)
{
	return (struct store_user){ .aor = aor, .display_name = STR("Ännchen"), .enabled = true, .ha1_md5 = { secret, 16 },
		.ha1_sha256 = { secret, 32 } };
}

static err add(struct store *s, const char *aor, uint64_t *version)
{
	struct store_user u = user_of(str_of(aor));
	TRY(store_begin(s));
	err e = store_user_add(s, &u, version);
	err end = store_end(s, !failed(e));
	return failed(e) ? e : end;
}

static void count(void *arg, const struct store_user *u)
{
	(*(unsigned *)arg)++;
}

static unsigned users(struct store *s)
{
	unsigned n = 0;
	assert_false(failed(store_users_each(s, count, &n)));
	return n;
}

static void keep(void *arg, const struct store_user *u)
{
	struct store_user *out = arg;
	*out = *u;
	assert_true(str_eq(u->ha1_sha256, (str){ secret, 32 }));
	out->ha1_md5.p = out->ha1_sha256.p = out->display_name.p = out->aor.p = NULL;
}

/* ---- tests ---- */

static void users_survive(void **state)
{
	struct place *p = *state;
	struct store *s = must_open(p);
	uint64_t v1 = 0, v2 = 0;
	assert_false(failed(add(s, "ann@example.test", &v1)));
	assert_true(err_is(add(s, "ann@example.test", NULL), ERR_EXISTS));
	assert_false(failed(add(s, "bob@example.test", &v2)));
	assert_true(v2 > v1);
	assert_false(failed(store_commit(s)));
	store_close(s);

	s = must_open(p);
	assert_int_equal(store_version(s), v2);
	struct store_user u = { 0 };
	assert_false(failed(store_user_find(s, STR("ann@example.test"), keep, &u)));
	assert_int_equal(u.version, v1);
	assert_int_equal(u.ha1_md5.n, 16);
	assert_true(u.enabled && u.created > 1600000000);
	assert_false(failed(store_begin(s)));
	u = (struct store_user){ .aor = STR("ann@example.test"), .enabled = false, .ha1_sha256 = { secret, 32 } };
	assert_false(failed(store_user_set(s, &u, STORE_USER_ENABLED | STORE_USER_SECRET, &v1)));
	u.aor = STR("eve@example.test");
	assert_true(err_is(store_user_set(s, &u, STORE_USER_ENABLED, NULL), ERR_ABSENT));
	assert_false(failed(store_user_remove(s, STR("bob@example.test"), &v2)));
	assert_true(err_is(store_user_remove(s, STR("bob@example.test"), NULL), ERR_ABSENT));
	assert_false(failed(store_end(s, true)));
	assert_false(failed(store_commit(s)));
	assert_false(failed(store_user_find(s, STR("ann@example.test"), keep, &u)));
	assert_false(u.enabled);
	assert_int_equal(u.ha1_md5.n, 0);
	assert_int_equal(u.display_name.n, strlen("Ännchen"));
	assert_true(err_is(store_user_find(s, STR("bob@example.test"), keep, &u), ERR_ABSENT));
	assert_int_equal(users(s), 1);
	store_close(s);
	struct stat st;
	assert_int_equal(stat(p->file, &st), 0);
}

static void a_command_is_taken_back_alone(void **state)
{
	struct place *p = *state;
	struct store *s = must_open(p);
	assert_false(failed(add(s, "ann@example.test", NULL)));
	uint64_t version = store_version(s);
	assert_false(failed(store_begin(s)));
	struct store_user u = user_of(STR("bob@example.test"));
	assert_false(failed(store_user_add(s, &u, NULL)));
	assert_false(failed(store_end(s, false)));
	assert_int_equal(store_version(s), version);
	assert_false(failed(add(s, "cyd@example.test", NULL)));
	assert_false(failed(store_commit(s)));
	assert_int_equal(users(s), 2);
	/* What was not committed is gone with the process. */
	assert_false(failed(add(s, "dan@example.test", NULL)));
	store_close(s);
	s = must_open(p);
	assert_int_equal(users(s), 2);
	assert_int_equal(store_version(s), version + 1);
	store_close(s);
}

static void bounds_are_kept(void **state)
{
	struct place *p = *state;
	struct store *s = must_open(p);
	char longest[STORE_NAME_MAX + 1];
	memset(longest, 'x', sizeof longest);
	assert_false(failed(store_begin(s)));
	struct store_user u = user_of((str){ longest, STORE_AOR_MAX + 1 });
	assert_true(err_is(store_user_add(s, &u, NULL), ERR_MALFORMED));
	u = user_of(STR("ann@example.test"));
	u.display_name = (str){ longest, STORE_NAME_MAX + 1 };
	assert_true(err_is(store_user_add(s, &u, NULL), ERR_MALFORMED));
	u = user_of(STR("ann@example.test"));
	u.ha1_sha256.n = 31;
	assert_true(err_is(store_user_add(s, &u, NULL), ERR_MALFORMED));
	u = user_of(STR(""));
	assert_true(err_is(store_user_add(s, &u, NULL), ERR_MALFORMED));
	u = user_of((str){ longest, STORE_AOR_MAX });
	u.display_name = (str){ longest, STORE_NAME_MAX };
	assert_false(failed(store_user_add(s, &u, NULL)));
	assert_false(failed(store_end(s, true)));
	assert_false(failed(store_commit(s)));
	store_close(s);
}

struct seen {
	unsigned n;
	char text[128];
	uint64_t until;
};

static void see_lock(void *arg, str aor, uint32_t failures, uint64_t until_ms)
{
	struct seen *seen = arg;
	seen->n++;
	seen->until = until_ms;
	(void)snprintf(seen->text, sizeof seen->text, "%.*s %u", STR_FMT(aor), failures);
}

static void locks_survive(void **state)
{
	struct place *p = *state;
	struct store *s = must_open(p);
	assert_false(failed(add(s, "ann@example.test", NULL)));
	assert_false(failed(store_begin(s)));
	assert_true(err_is(store_lock_set(s, STR("eve@example.test"), 10, 7), ERR_ABSENT));
	assert_false(failed(store_lock_set(s, STR("ann@example.test"), 10, 1)));
	assert_false(failed(store_lock_set(s, STR("ann@example.test"), 11, UINT64_C(1900000000000))));
	assert_false(failed(store_end(s, true)));
	assert_false(failed(store_commit(s)));
	store_close(s);
	s = must_open(p);
	struct seen seen = { 0 };
	assert_false(failed(store_locks_each(s, see_lock, &seen)));
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.text, "ann@example.test 11");
	assert_int_equal(seen.until, UINT64_C(1900000000000));
	/* A lock goes with its user. */
	assert_false(failed(store_begin(s)));
	assert_false(failed(store_user_remove(s, STR("ann@example.test"), NULL)));
	assert_false(failed(store_end(s, true)));
	assert_false(failed(store_commit(s)));
	seen = (struct seen){ 0 };
	assert_false(failed(store_locks_each(s, see_lock, &seen)));
	assert_int_equal(seen.n, 0);
	store_close(s);
}

/* A secret that was replaced is in none of the files any more once the journal is written back. */
static void replaced_secrets_leave_the_disk(void **state)
{
	struct place *p = *state;
	struct store *s = must_open(p);
	assert_false(failed(add(s, "ann@example.test", NULL)));
	assert_false(failed(store_commit(s)));
	assert_false(failed(store_tidy(s)));
	char other[32];
	memset(other, 'z', sizeof other);
	struct store_user u = { .aor = STR("ann@example.test"), .ha1_sha256 = { other, 32 } };
	assert_false(failed(store_begin(s)));
	assert_false(failed(store_user_set(s, &u, STORE_USER_SECRET, NULL)));
	assert_false(failed(store_end(s, true)));
	assert_false(failed(store_commit(s)));
	assert_false(failed(store_tidy(s)));
	static const char *const names[] = { "", "-wal" };
	for (size_t i = 0; i < 2; i++) {
		static char bytes[1 << 20];
		char path[96];
		(void)snprintf(path, sizeof path, "%s%s", p->file, names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;
		if (fd >= 0)
			(void)close(fd);
		assert_true(n <= 0 || memmem(bytes, (size_t)n, secret, 16) == NULL);
	}
	store_close(s);
}

static void steps_are_run_once_and_in_order(void **state)
{
	struct place *p = *state;
	const struct store_config config = { .path = p->file, .log = &p->log };
	struct store_step steps[7] = { store_steps[0], store_steps[1], store_steps[2], store_steps[3], store_steps[4],
		{ "notes", "CREATE TABLE note (t TEXT) STRICT; INSERT INTO note SELECT aor FROM user" },
		{ "broken", "CREATE TABLE more (t TEXT) STRICT; INSERT INTO nothing VALUES (1)" } };
	struct store *s = must_open(p);
	assert_false(failed(add(s, "ann@example.test", NULL)));
	assert_false(failed(store_commit(s)));
	store_close(s);
	assert_int_equal(events(p, "store.migrated"), 5);
	assert_false(failed(store_open_steps(&config, steps, 6, &s, NULL)));
	assert_int_equal(users(s), 1);
	store_close(s);
	assert_int_equal(events(p, "store.migrated"), 1);
	assert_false(failed(store_open_steps(&config, steps, 6, &s, NULL)));
	store_close(s);
	assert_int_equal(events(p, "store.migrated"), 0);
	/* A step that fails leaves the file as it was, and the old program can go on. */
	struct diag d = { 0 };
	assert_true(failed(store_open_steps(&config, steps, 7, &s, &d)));
	assert_true(d.what[0] != '\0');
	assert_false(failed(store_open_steps(&config, steps, 6, &s, NULL)));
	assert_int_equal(users(s), 1);
	store_close(s);
	/* A file of a newer version is not touched. */
	assert_true(err_is(store_open(&config, &s, &d), ERR_REFUSED));
	assert_non_null(strstr(d.what, "newer"));
}

static void put_bytes(const char *path, off_t at, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
	(void)close(fd);
}

static void damaged_and_foreign_files_are_refused(void **state)
{
	struct place *p = *state;
	const struct store_config config = { .path = p->file, .log = &p->log };
	struct store *s = NULL;
	struct diag d = { 0 };
	char noise[8192];
	memset(noise, 0x5a, sizeof noise);
	put_bytes(p->file, 0, noise, sizeof noise);
	assert_true(err_is(store_open(&config, &s, &d), ERR_CORRUPT));
	assert_true(d.what[0] != '\0' && d.remedy[0] != '\0');
	assert_int_equal(unlink(p->file), 0);
	sqlite3 *other = NULL;
	assert_int_equal(sqlite3_open(p->file, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_true(err_is(store_open(&config, &s, &d), ERR_CORRUPT));
	const struct store_config nowhere = { .path = "/tmp/store_test.absent/witan.db" };
	assert_true(err_is(store_open(&nowhere, &s, &d), ERR_SYSTEM));
}

static void one_process_only(void **state)
{
	struct place *p = *state;
	struct store *s = must_open(p);
	assert_false(failed(add(s, "ann@example.test", NULL)));
	assert_false(failed(store_commit(s)));
	pid_t child = fork();
	if (child == 0) {
		struct store *mine = NULL;
		_exit(err_is(store_open(&(struct store_config){ .path = p->file }, &mine, NULL), ERR_BUSY) ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store_close(s);
}

/* Adds up to n users, each a group; answers how many were acknowledged, and the last refusal. */
static unsigned add_many(struct store *s, const char *name, unsigned n, err *last)
{
	unsigned done = 0;
	for (unsigned i = 0; i < n; i++) {
		char aor[40];
		(void)snprintf(aor, sizeof aor, "%s%u@example.test", name, i);
		err e = add(s, aor, NULL);
		err c = store_commit(s);
		if (!failed(e) && !failed(c))
			done++;
		else
			*last = failed(e) ? e : c;
	}
	return done;
}

static bool limit_files(const struct rlimit *all, rlim_t bytes)
{
	struct rlimit little = { bytes, all->rlim_max };
	return setrlimit(RLIMIT_FSIZE, &little) == 0;
}

/* In a child, because the limit is the process's. Answers 0 or the number of the expectation that failed. */
static int full_disk(struct place *p)
{
	struct rlimit all;
	err last = OK;
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)getrlimit(RLIMIT_FSIZE, &all);
	struct store *s = must_open(p);
	unsigned done = add_many(s, "early", 5, &last);
	(void)events(p, "store.");
	if (done != 5 || !limit_files(&all, 4096))
		return 1;
	if (add_many(s, "none", 20, &last) != 0 || !err_is(last, ERR_DISK_FULL))
		return 2;
	if (!failed(store_retry(s)) || !store_is_failed(s) || events(p, "store.failed") != 1)
		return 3;
	if (!limit_files(&all, all.rlim_cur) || failed(store_retry(s)) || store_is_failed(s) || events(p, "store.recovered") != 1)
		return 4;
	/* Room for some: each is either acknowledged and there, or neither. */
	if (!limit_files(&all, 131072))
		return 5;
	unsigned some = add_many(s, "some", 2000, &last);
	if (some == 0 || some == 2000 || !err_is(last, ERR_DISK_FULL) || !limit_files(&all, all.rlim_cur) || users(s) != done + some)
		return 6;
	if (add_many(s, "after", 1, &last) != 1 || store_is_failed(s))
		return 7;
	store_close(s);
	s = must_open(p);
	bool all_there = users(s) == done + some + 1;
	store_close(s);
	return all_there ? 0 : 8;
}

static void a_full_disk_is_told_once_and_survived(void **state)
{
	struct place *p = *state;
	pid_t child = fork();
	if (child == 0)
		_exit(full_disk(p));
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* When the group is lost, none of its commands holds, also those that had been fine. */
static int lost_group(struct place *p)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	struct store *s = must_open(p);
	struct rlimit all, little;
	(void)getrlimit(RLIMIT_FSIZE, &all);
	if (failed(add(s, "early@example.test", NULL)) || failed(store_commit(s)))
		return 1;
	if (failed(add(s, "first@example.test", NULL)))
		return 2;
	little = (struct rlimit){ 4096, all.rlim_max };
	if (setrlimit(RLIMIT_FSIZE, &little) != 0 || failed(add(s, "second@example.test", NULL)))
		return 3;
	if (!err_is(store_commit(s), ERR_DISK_FULL))
		return 4;
	(void)setrlimit(RLIMIT_FSIZE, &all);
	if (users(s) != 1 || failed(add(s, "second@example.test", NULL)) || failed(store_commit(s)))
		return 5;
	return users(s) == 2 ? 0 : 6;
}

static void a_lost_group_is_lost_whole(void **state)
{
	struct place *p = *state;
	pid_t child = fork();
	if (child == 0)
		_exit(lost_group(p));
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Adds users from `from` on, three to a group, and tells each committed number. Ends only by a signal. */
static void write_until_killed(struct place *p, unsigned from, int told)
{
	struct store *s = NULL;
	if (failed(store_open(&(struct store_config){ .path = p->file }, &s, NULL)))
		_exit(1);
	for (unsigned i = from;; i += 3) {
		for (unsigned k = i; k < i + 3; k++) {
			char aor[32];
			(void)snprintf(aor, sizeof aor, "user%u@example.test", k);
			if (failed(add(s, aor, NULL)))
				_exit(2);
		}
		unsigned last = i + 2;
		if (failed(store_commit(s)) || write(told, &last, sizeof last) != sizeof last)
			_exit(3);
	}
}

static void nothing_acknowledged_is_lost_by_a_kill(void **state)
{
	struct place *p = *state;
	unsigned next = 0, acknowledged = 0;
	for (unsigned round = 0; round < 12; round++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		pid_t child = fork();
		if (child == 0)
			write_until_killed(p, next, ends[1]);
		(void)close(ends[1]);
		unsigned last = 0;
		assert_int_equal(read(ends[0], &last, sizeof last), (ssize_t)sizeof last); /* it works */
		(void)usleep((useconds_t)(1000 + round * 3700));
		assert_int_equal(kill(child, SIGKILL), 0);
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		do
			acknowledged = last + 1;
		while (read(ends[0], &last, sizeof last) == (ssize_t)sizeof last);
		(void)close(ends[0]);
		struct store *s = must_open(p);
		unsigned there = users(s);
		assert_true(there >= acknowledged);
		assert_true(there <= acknowledged + 3); /* at most the group whose answer was cut off */
		assert_int_equal(there % 3, 0);         /* whole groups only */
		for (unsigned i = 0; i < acknowledged; i++) {
			char aor[32];
			struct store_user u;
			(void)snprintf(aor, sizeof aor, "user%u@example.test", i);
			assert_false(failed(store_user_find(s, str_of(aor), keep, &u)));
		}
		next = there;
		store_close(s);
	}
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(users_survive),
		STORE_TEST(a_command_is_taken_back_alone),
		STORE_TEST(bounds_are_kept),
		STORE_TEST(locks_survive),
		STORE_TEST(replaced_secrets_leave_the_disk),
		STORE_TEST(steps_are_run_once_and_in_order),
		STORE_TEST(damaged_and_foreign_files_are_refused),
		STORE_TEST(one_process_only),
		STORE_TEST(a_full_disk_is_told_once_and_survived),
		STORE_TEST(a_lost_group_is_lost_whole),
		STORE_TEST(nothing_acknowledged_is_lost_by_a_kill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
