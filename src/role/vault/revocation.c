/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists in certs/ (NAME.crl), as fronts and web are told them. The directory is looked at now and then, so that a list
 * that was put there by whatever means counts within seconds.
 */
#include "os/file.h"
#include "role/vault/vault_cert.h"
#include "service/trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 2000, NAME_MOST = 100, STAMP_MOST = TRUST_LISTS_MAX * 200 };

struct list_file {
	char name[NAME_MOST + 1];
	struct buf bytes;
};

struct vault_revocations {
	struct list_file files[TRUST_LISTS_MAX];
	size_t n;
	struct buf stamp; /* of each file: name, time, size: when it differs, the lists are read again */
	struct timer timer;
};

/* ---- looking ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct list_file *)a)->name, ((const struct list_file *)b)->name);
}

static bool is_list(const char *name)
{
	size_t n = strlen(name);
	return n > 4 && n <= NAME_MOST && strcmp(name + n - 4, ".crl") == 0 && name[0] != '.';
}

/* The names of the lists, in order; more than there may be are left out. */
static size_t find_files(int dirfd, struct list_file files[TRUST_LISTS_MAX], bool *is_whole)
{
	size_t n = 0;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	*is_whole = true;
	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (!is_list(e->d_name))
			continue;
		*is_whole = *is_whole && n < TRUST_LISTS_MAX;
		if (n < TRUST_LISTS_MAX)
			(void)str_to_z(str_of(e->d_name), files[n++].name, sizeof files[0].name);
	}
	(void)closedir(dir);
	qsort(files, n, sizeof *files, by_name);
	return n;
}

static void stamp(int dirfd, const struct list_file *files, size_t n, struct buf *out)
{
	struct stat st;
	for (size_t i = 0; i < n; i++)
		if (fstatat(dirfd, files[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			buf_printf(out, "%s %lld %lld.%09ld %llu\n", files[i].name, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
				(unsigned long long)st.st_ino);
}

/* ---- reading ---- */

static void tell_bad(struct vault *v, const struct diag *d)
{
	LOG(&v->skel->log, REVOCATIONS_STALE, LOG_Z("where", d->where), LOG_Z("why", d->what), LOG_Z("remedy", d->remedy));
}

/* One that nobody could use is not told to anybody: it is missing. */
static bool read_one(struct vault *v, struct trust *scratch, struct list_file *f)
{
	struct diag d = { 0 };
	err e = file_read(v->certificates, f->name, TRUST_LIST_MAX, &f->bytes, &d);
	if (!failed(e))
		e = trust_add_list(scratch, buf_str(&f->bytes), f->name, &d);
	if (!failed(e))
		return true;
	tell_bad(v, &d);
	buf_fini(&f->bytes);
	return false;
}

static void drop_files(struct vault_revocations *r)
{
	for (size_t i = 0; i < r->n; i++)
		buf_fini(&r->files[i].bytes);
	r->n = 0;
}

static void read_all(struct vault *v, struct list_file *found, size_t n)
{
	struct vault_revocations *r = v->revocations;
	struct trust *scratch = NULL;
	struct diag d = { 0 };
	drop_files(r);
	if (failed(trust_new(&(struct trust_config){ .roots_pem = buf_str(&v->ca) }, &scratch, &d))) {
		tell_bad(v, &d);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (read_one(v, scratch, &found[i]))
			r->files[r->n++] = found[i];
	trust_free(scratch);
	LOG(&v->skel->log, REVOCATIONS_READ, LOG_INT("lists", r->n));
}

/* ---- telling ---- */

unsigned vault_own_roots(const struct vault *v)
{
	bool is_ours = v->topo.certificates.internal_ca == TOPO_CA_BUILT_IN;
	/* what the processes judge by begins with the issuing authority, where there is one below the root */
	unsigned n = v->authority != NULL && vault_authority_chain(v).n != 0 ? 2 : 1;
	return is_ours ? n : 0;
}

static struct ipc_revocation message(const struct vault *v)
{
	uint32_t policy = v->topo.certificates.revocation;
	return (struct ipc_revocation){ .own = policy == TOPO_REVOCATION_SOFT ? TRUST_SOFT : TRUST_HARD,
		.others = policy == TOPO_REVOCATION_HARD ? TRUST_HARD : TRUST_SOFT, .n_own = (uint8_t)vault_own_roots(v) };
}

err vault_send_revocations(struct vault *v, struct ipc *to)
{
	const struct vault_revocations *r = v->revocations;
	struct ipc_revocation m = message(v);
	size_t n = r != NULL ? r->n : 0;
	for (size_t i = 0; i < n; i++) {
		m.name = str_of(r->files[i].name);
		m.list = buf_str(&r->files[i].bytes);
		m.is_first = i == 0 ? 1 : 0;
		m.is_last = i + 1 == n ? 1 : 0;
		TRY(ipc_send_revocation(to, &m, -1));
	}
	m.is_first = m.is_last = 1;
	return n == 0 ? ipc_send_revocation(to, &m, -1) : OK;
}

/* ---- again and again ---- */

static bool look(struct vault *v)
{
	static const struct diag many = { .where = "certs/", .what = "there are more revocation lists than can be taken", .remedy = "take those away that nobody needs" };
	struct list_file found[TRUST_LISTS_MAX] = { 0 };
	struct vault_revocations *r = v->revocations;
	struct buf now = { 0 };
	bool is_whole;
	buf_init(&now, STAMP_MOST);
	size_t n = find_files(v->certificates, found, &is_whole);
	stamp(v->certificates, found, n, &now);
	if (str_eq(buf_str(&now), buf_str(&r->stamp))) {
		buf_fini(&now);
		return false;
	}
	buf_fini(&r->stamp);
	r->stamp = now;
	if (!is_whole)
		tell_bad(v, &many);
	read_all(v, found, n);
	return true;
}

void vault_look_at_revocations(struct vault *v)
{
	if (v->revocations == NULL || !look(v))
		return;
	vault_read_revocations(v);
	vault_tell_revocations(v);
}

static void on_time(void *arg)
{
	struct vault *v = arg;
	vault_look_at_revocations(v);
	if (failed(timer_set(loop_timers(v->skel->loop), &v->revocations->timer, LOOK_MS, on_time, v)))
		skel_exit(v->skel, 1); /* master starts another one */
}

err vault_watch_revocations(struct vault *v)
{
	struct vault_revocations *r = calloc(1, sizeof *r);
	ENSURE(r != NULL, NO_MEMORY);
	buf_init(&r->stamp, STAMP_MOST);
	v->revocations = r;
	(void)look(v);
	return timer_set(loop_timers(v->skel->loop), &r->timer, LOOK_MS, on_time, v);
}
