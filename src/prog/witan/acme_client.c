/* SPDX-License-Identifier: Apache-2.0 */
/* The ACME client: dehydrated, run in acme/ of the deployment with a configuration that is written here and an environment of its own. It gets a
 * request and gives back a chain; it never sees a private key but that of the account, which it makes itself. */
#include "prog/witan/acme_priv.h"

#include "base/crypt.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUN_SECONDS = 900, LOCK_SECONDS = 60, TAIL = 4000, LINES = 12, CHILD_LOCK = 9 };

static volatile sig_atomic_t was_stopped;

static void on_stop(int number)
{
	was_stopped = 1;
}

err acme_client_find(const char **out, struct diag *d)
{
	static const char *const paths[] = { "/usr/bin/dehydrated", "/usr/local/bin/dehydrated" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (access(paths[i], X_OK) == 0) {
			*out = paths[i];
			return OK;
		}
	return diag_fail(d, ERR(ABSENT), "dehydrated", "install the package dehydrated", "the program that speaks to ACME authorities is not installed");
}

/* ---- acme/ ---- */

static err check_dir(int fd, struct diag *d)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
		return OK;
	return diag_fail(d, ERR(REFUSED), "acme", "be its owner; chmod 700", "the directory must be yours, and nobody else's to look into");
}

static err wait_for_lock(int fd, struct diag *d)
{
	for (unsigned i = 0; i < LOCK_SECONDS * 4; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return OK;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 250000000 }, NULL);
	}
	return diag_fail(d, ERR(BUSY), "acme/lock", "wait until it is done", "another order is under way");
}

err acme_open(int deployment, int *out, int *lock, struct diag *d)
{
	*lock = -1;
	if (mkdirat(deployment, "acme", 0700) != 0 && errno != EEXIST)
		return diag_fail(d, ERR(REFUSED), "acme", "be root or the owner of the deployment", "cannot make the directory: %s", strerror(errno));
	*out = openat(deployment, "acme", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out < 0)
		return diag_fail(d, ERR(REFUSED), "acme", "be root or the owner of the deployment", "cannot open the directory: %s", strerror(errno));
	TRY(check_dir(*out, d));
	*lock = openat(*out, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*lock < 0)
		return diag_fail(d, ERR(SYSTEM), "acme/lock", "", "cannot make the file: %s", strerror(errno));
	return wait_for_lock(*lock, d);
}

/* Files that an interrupted run has left. */
static err clean_temporary(int dir, struct diag *d)
{
	if (mkdirat(dir, "tmp", 0700) != 0 && errno != EEXIST)
		return diag_fail(d, ERR(SYSTEM), "acme/tmp", "", "cannot make the directory: %s", strerror(errno));
	int fd = openat(dir, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	for (const struct dirent *e; list != NULL && (e = readdir(list)) != NULL;)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(list), e->d_name, 0);
	if (list != NULL)
		(void)closedir(list);
	return OK;
}

/* An account whose registration was interrupted is none: its key is made again. */
static void drop_half_account(int accounts, const char *name)
{
	struct stat st;
	char path[600];
	(void)snprintf(path, sizeof path, "%s/registration_info.json", name);
	if (fstatat(accounts, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size != 0)
		return;
	static const char *const files[] = { "account_key.pem", "account_id.json", "registration_info.json" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", name, files[i]);
		(void)unlinkat(accounts, path, 0);
	}
}

static void drop_half_accounts(int dir)
{
	int fd = openat(dir, "accounts", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	for (const struct dirent *e; list != NULL && (e = readdir(list)) != NULL;)
		if (e->d_name[0] != '.')
			drop_half_account(dirfd(list), e->d_name);
	if (list != NULL)
		(void)closedir(list);
}

/* ---- configuration: a file that the client reads as shell ---- */

static void print_quoted(struct buf *b, const char *value)
{
	buf_add(b, STR("'"));
	for (; *value != '\0'; value++)
		*value == '\'' ? buf_add(b, STR("'\\''")) : buf_add(b, (str){ value, 1 });
	buf_add(b, STR("'"));
}

static void print_row(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, "%s=", key);
	print_quoted(b, value);
	buf_add(b, STR("\n"));
}

/* A program of one word is wanted there, so it is a small script. */
static err write_hook(const struct acme_run *r, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	ENSURE(n > 0, SYSTEM);
	self[n] = '\0';
	buf_init(&b, 3 * sizeof self);
	buf_add(&b, STR("#!/bin/sh\nexec "));
	print_quoted(&b, self);
	buf_add(&b, STR(" --dir "));
	print_quoted(&b, r->deployment);
	buf_add(&b, STR(" acme-hook \"$@\"\n"));
	ENSURE(!b.failed, CEILING);
	return file_write(r->dir, "hook", buf_str(&b), 0700, d);
}

static err write_config(const struct acme_run *r, const char *top, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	char path[4200];
	buf_init(&b, 32768);
	print_row(&b, "CA", r->conf->ca);
	print_row(&b, "BASEDIR", top);
	(void)snprintf(path, sizeof path, "%s/tmp", top);
	print_row(&b, "WELLKNOWN", path);
	print_row(&b, "CHALLENGETYPE", r->conf->challenge);
	(void)snprintf(path, sizeof path, "%s/hook", top);
	print_row(&b, "HOOK", r->conf->hook[0] != '\0' ? r->conf->hook : path);
	print_row(&b, "CONTACT_EMAIL", r->conf->contact);
	print_row(&b, "KEYSIZE", "3072");
	print_row(&b, "CURL_OPTS", "--proto =https --max-time 120");
	if (r->eab_kid != NULL) {
		print_row(&b, "EAB_KID", r->eab_kid);
		print_row(&b, "EAB_HMAC_KEY", r->eab_hmac);
	}
	err e = b.failed ? ERR(CEILING) : file_write(r->dir, "config", buf_str(&b), 0600, d);
	crypt_wipe(b.p, b.n);
	return e;
}

static err prepare(const struct acme_run *r, const char *top, struct diag *d)
{
	TRY(clean_temporary(r->dir, d));
	drop_half_accounts(r->dir);
	TRY(write_hook(r, d));
	TRY(write_config(r, top, d));
	return file_write(r->dir, "request.pem", r->request, 0600, d);
}

/* ---- running it ---- */

struct child {
	pid_t pid;
	int out, err; /* ends that are read; -1: closed */
	struct buf answer;
	char tail[2 * TAIL];
	size_t n_tail;
};

static void keep_tail(struct child *c, str s)
{
	s = s.n > TAIL ? str_cut(s, s.n - TAIL, s.n) : s;
	if (c->n_tail + s.n > sizeof c->tail) {
		memmove(c->tail, c->tail + c->n_tail - TAIL, TAIL);
		c->n_tail = TAIL;
	}
	memcpy(c->tail + c->n_tail, s.p, s.n);
	c->n_tail += s.n;
}

/* False: that was the end. */
static bool take(struct child *c, int *fd, bool is_answer)
{
	char piece[4096];
	ssize_t n = read(*fd, piece, sizeof piece);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		(void)close(*fd);
		*fd = -1;
		return false;
	}
	if (is_answer)
		buf_add(&c->answer, (str){ piece, (size_t)n });
	else
		keep_tail(c, (str){ piece, (size_t)n });
	return true;
}

static int64_t seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec;
}

static err follow(struct child *c, struct diag *d)
{
	int64_t end = seconds() + RUN_SECONDS;
	while (c->out >= 0 || c->err >= 0) {
		struct pollfd p[] = { { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };
		(void)poll(p, 2, 1000);
		if (was_stopped != 0)
			return diag_fail(d, ERR(CLOSED), "dehydrated", "say the same again: the request is kept", "stopped in the middle");
		if (seconds() >= end)
			return diag_fail(d, ERR(BUSY), "dehydrated", "look whether the authority works, and try again", "not done after %d minutes", RUN_SECONDS / 60);
		if (c->out >= 0 && p[0].revents != 0)
			(void)take(c, &c->out, true);
		if (c->err >= 0 && p[1].revents != 0)
			(void)take(c, &c->err, false);
	}
	return OK;
}

static int start(struct child *c, const char *client, const char *config, const char *request, char *const env[], int lock, const int out[2], const int problems[2])
{
	char *argv[] = { strdup(client), (char[]){ "--config" }, strdup(config), (char[]){ "--accept-terms" }, (char[]){ "--no-lock" }, (char[]){ "--signcsr" }, strdup(request), NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&how);
	(void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
	(void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, out[1], 1);
	(void)posix_spawn_file_actions_adddup2(&files, problems[1], 2);
	/* held until it has ended, though this program may be killed before */
	(void)posix_spawn_file_actions_adddup2(&files, lock, CHILD_LOCK);
	int rc = posix_spawn(&c->pid, client, &files, &how, argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&how);
	free(argv[0]);
	free(argv[2]);
	free(argv[6]);
	return rc;
}

static err spawn(struct child *c, const struct acme_run *r, const char *top, int lock, struct diag *d)
{
	char home[4200], tmp[4200], ca[ACME_TEXT + 32], config[4200], request[4200];
	const char *client;
	int out[2], problems[2];
	TRY(acme_client_find(&client, d));
	(void)snprintf(home, sizeof home, "HOME=%s", top);
	(void)snprintf(tmp, sizeof tmp, "TMPDIR=%s/tmp", top);
	(void)snprintf(ca, sizeof ca, "CURL_CA_BUNDLE=%s", r->conf->ca_file);
	(void)snprintf(config, sizeof config, "%s/config", top);
	(void)snprintf(request, sizeof request, "%s/request.pem", top);
	char *env[] = { (char[]){ "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "LC_ALL=C" }, home, tmp, r->conf->ca_file[0] != '\0' ? ca : NULL, NULL };
	if (pipe2(out, O_CLOEXEC) != 0)
		return ERR(SYSTEM);
	if (pipe2(problems, O_CLOEXEC) != 0) {
		(void)close(out[0]);
		(void)close(out[1]);
		return ERR(SYSTEM);
	}
	int rc = start(c, client, config, request, env, lock, out, problems);
	(void)close(out[1]);
	(void)close(problems[1]);
	c->out = out[0];
	c->err = problems[0];
	return rc == 0 ? OK : diag_fail(d, ERR(SYSTEM), client, "", "cannot run it: %s", strerror(rc));
}

static void end(struct child *c, bool kill_it)
{
	if (c->pid > 0 && kill_it)
		(void)kill(-c->pid, SIGKILL);
	while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (c->out >= 0)
		(void)close(c->out);
	if (c->err >= 0)
		(void)close(c->err);
}

/* Control characters of who answered are not the terminal's, whichever way they are written: C1 has two bytes in UTF-8. */
static void tell_character(unsigned char c)
{
	if (c == '\n')
		(void)fprintf(stderr, "\n  dehydrated: ");
	else if (c >= 0x20 && c < 0x7f)
		(void)fputc(c, stderr);
	else
		(void)fprintf(stderr, "\\x%02x", c);
}

static void tell_tail(const struct child *c)
{
	str s = str_trim((str){ c->tail, c->n_tail });
	size_t at = s.n, lines = 0;
	while (at > 0 && !(s.p[at - 1] == '\n' && ++lines == LINES))
		at--;
	(void)fprintf(stderr, "  dehydrated: ");
	for (; at < s.n; at++)
		tell_character((unsigned char)s.p[at]);
	(void)fputc('\n', stderr);
}

/* Its exit status says less than its answer, which it may have given before something unimportant failed. */
static err judge(const struct child *c, const struct acme_conf *conf, struct buf *chain, struct diag *d)
{
	static const str mark = { "-----BEGIN CERTIFICATE-----", 27 };
	str answer = buf_str(&c->answer);
	const char *at = answer.n != 0 && !c->answer.failed ? memmem(answer.p, answer.n, mark.p, mark.n) : NULL;
	if (at != NULL) {
		buf_add(chain, str_cut(answer, (size_t)(at - answer.p), answer.n));
		return chain->failed ? ERR(CEILING) : OK;
	}
	tell_tail(c);
	return diag_fail(d, ERR(REFUSED), conf->ca, "see the lines of dehydrated above; say the same again once it is mended: the request is kept, and what is in use stays", "no certificate has come");
}

err acme_client_run(const struct acme_run *r, int lock, struct buf *chain, struct diag *d)
{
	static struct child c; /* too large for the stack */
	char top[4096];
	c = (struct child){ .out = -1, .err = -1 };
	ENSURE((size_t)snprintf(top, sizeof top, "%s/acme", r->deployment) < sizeof top, CEILING);
	TRY(prepare(r, top, d));
	(void)sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_stop }, NULL);
	(void)sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_stop }, NULL);
	buf_init(&c.answer, ACME_ANSWER_MAX);
	err e = spawn(&c, r, top, lock, d);
	if (!failed(e))
		e = follow(&c, d);
	end(&c, failed(e));
	if (!failed(e))
		e = judge(&c, r->conf, chain, d);
	(void)unlinkat(r->dir, "config", 0); /* may hold the key that binds the account */
	buf_fini(&c.answer);
	return e;
}
