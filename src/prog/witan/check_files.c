/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the deployment: there, open to those alone who need them, valid, and what the server runs by. */
#include "prog/witan/check_priv.h"
#include "prog/witan/console.h"

#include "base/crypt.h"
#include "base/enc.h"
#include "os/file.h"
#include "service/cert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct looking {
	struct checking *k;
	int dirfd;
	uid_t owner; /* of the directory */
};

/* ---- owners and modes ---- */

/* user NULL: whoever the directory is of. */
static uid_t wanted_owner(const struct looking *l, const char *user)
{
	const struct passwd *pw = user != NULL && l->owner == 0 ? getpwnam(user) : NULL;
	return pw != NULL ? pw->pw_uid : l->owner;
}

static err check_one(struct looking *l, const char *path, mode_t forbidden, const char *user, bool may_lack)
{
	struct stat st;
	uid_t owner = wanted_owner(l, user);
	if (fstatat(l->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return may_lack ? OK : check_fact_add(l->k, CHECK_FACT_FILE_ABSENT, str_of(path), "it is not there");
		return check_fact_add(l->k, CHECK_FACT_FILE_UNSEEN, str_of(path), "cannot be looked at: %s", strerror(errno));
	}
	if ((st.st_mode & forbidden) != 0)
		TRY(check_fact_add(l->k, CHECK_FACT_FILE_MODE, str_of(path), "it has the mode %04o; %04o would do", st.st_mode & 07777, st.st_mode & 07777 & ~forbidden));
	if (st.st_uid != owner)
		TRY(check_fact_add(l->k, CHECK_FACT_FILE_OWNER, str_of(path), "it belongs to user %u, not to %u%s%s", st.st_uid, owner, user != NULL ? ", " : "", user != NULL ? user : ""));
	return OK;
}

static err check_keys(struct looking *l, const char *user)
{
	char path[300];
	int fd = openat(l->dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	err e = OK;
	if (dir == NULL)
		return check_fact_add(l->k, CHECK_FACT_FILE_UNSEEN, STR("keys"), "cannot be looked into: %s", strerror(errno));
	for (struct dirent *f = NULL; !failed(e) && (f = readdir(dir)) != NULL;) {
		(void)snprintf(path, sizeof path, "keys/%s", f->d_name);
		if (f->d_name[0] != '.')
			e = check_one(l, path, 077, user, true);
	}
	(void)closedir(dir);
	return e;
}

static err check_modes(struct looking *l)
{
	size_t n;
	const struct deploy_place *places = deploy_places(&n);
	for (size_t i = 0; i < n; i++) {
		TRY(check_one(l, places[i].path, 07777 & ~places[i].mode, places[i].user, false));
		if (strcmp(places[i].path, "keys") == 0)
			TRY(check_keys(l, places[i].user));
	}
	TRY(check_one(l, "topology.yaml", 022, NULL, false));
	TRY(check_one(l, "ca.pem", 022, NULL, false));
	TRY(check_one(l, "ca/root.passphrase", 077, NULL, true));
	TRY(check_one(l, "ca/root.key", 077, NULL, true));
	if (faccessat(l->dirfd, "ca/root.key", F_OK, 0) == 0)
		TRY(check_fact_add(l->k, CHECK_FACT_ROOT_KEY, STR("ca/root.key"), "the root key is on this machine%s",
			faccessat(l->dirfd, "ca/root.passphrase", F_OK, 0) == 0 ? ", and its passphrase beside it" : ""));
	return OK;
}

/* ---- revocation lists ---- */

static err check_list(struct looking *l, const char *path, const char *issuer)
{
	struct buf der DEFER(buf_fini) = { 0 }, ca DEFER(buf_fini) = { 0 };
	struct cert_crl *crl = NULL;
	struct diag d = { 0 };
	char until[WITAN_TIME];
	if (failed(file_read(l->dirfd, path, CERT_CRL_MAX, &der, NULL)) || failed(file_read(l->dirfd, issuer, CERT_PEM_MAX, &ca, NULL)))
		return OK; /* an external authority publishes its own */
	if (failed(cert_crl_read(buf_str(&der), buf_str(&ca), &crl, &d)))
		return check_fact_add(l->k, CHECK_FACT_LIST_STALE, str_of(path), "cannot be used: %s", d.what);
	bool is_fresh = cert_crl_is_fresh(crl, (int64_t)time(NULL));
	witan_time(cert_crl_ends(crl), until);
	cert_crl_free(crl);
	return is_fresh ? OK : check_fact_add(l->k, CHECK_FACT_LIST_STALE, str_of(path), "its time was over at %s", until);
}

/* ---- what the server runs by ---- */

static err digest_of(const struct topo *t, char out[65])
{
	struct buf b DEFER(buf_fini) = { 0 };
	struct crypt *c;
	uint8_t hash[CRYPT_HASH_MAX];
	buf_init(&b, 4 * TOPO_SIZE_MAX);
	topo_print(t, &b);
	ENSURE(!b.failed, NO_MEMORY);
	TRY(crypt_new(&c));
	crypt_hash(c, CRYPT_SHA256, &(str){ b.p, b.n }, 1, hash);
	crypt_free(c);
	enc_hex(hash, 32, out);
	out[64] = '\0';
	return OK;
}

static err compare_running(struct looking *l, const json_t *objects)
{
	char own[65];
	const char *theirs = json_string_value(json_object_get(json_array_get(objects, 0), "Digest"));
	TRY(digest_of(&l->k->topo, own));
	if (theirs != NULL && strcmp(theirs, own) == 0)
		return OK;
	return check_fact_add(l->k, CHECK_FACT_TOPOLOGY_OTHER, STR("topology.yaml"), "the document was changed after the server had read it");
}

static err check_running(struct looking *l)
{
	struct console c;
	json_t *objects = NULL;
	struct diag d = { 0 };
	const struct console_where where = { .dir = l->k->ask->dir };
	err e = console_open(&c, &where, &d);
	if (!failed(e)) {
		c.is_person = false; /* nobody is asked for a password here */
		e = console_get(&c, "Get-CsTopology", &objects, &d);
		console_close(&c);
	}
	err said = failed(e) ? check_fact_add(l->k, CHECK_FACT_FILE_UNSEEN, STR("topology.yaml"), "what the running server uses could not be asked: %s", d.what) : compare_running(l, objects);
	json_decref(objects);
	return said;
}

err check_files(struct checking *k)
{
	struct looking l = { .k = k };
	struct stat st;
	if (k->ask->topology != NULL || (k->here.n > 0 && !check_is_asked(k, k->here)))
		return OK;
	l.dirfd = deploy_open(k->ask->dir, &k->diag);
	if (l.dirfd < 0)
		return ERR(ABSENT);
	l.owner = fstat(l.dirfd, &st) == 0 ? st.st_uid : geteuid();
	err e = check_modes(&l);
	if (!failed(e))
		e = check_list(&l, "certs/witan.crl", "certs/issuing.pem");
	if (!failed(e))
		e = check_list(&l, "certs/root.crl", "ca.pem");
	if (!failed(e))
		e = check_running(&l);
	(void)close(l.dirfd);
	return e;
}
