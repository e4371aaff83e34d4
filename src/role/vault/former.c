/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments made before vault kept the certificates: certs/ belonged to who made them, and ca/issued to nobody but him. */
#include "os/file.h"
#include "role/vault/vault_cert.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

enum { ISSUED_FILE = 64 << 20 };

/* Vault, who is not root, replaces files here; those that are there stay whose they are. */
static err take_directory(struct vault *v, struct passwd *user, struct diag *d)
{
	if (user == NULL)
		return OK;
	bool given = fchownat(v->certificates, "issued", user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT;
	if (given && fchown(v->certificates, user->pw_uid, user->pw_gid) == 0)
		return OK;
	return diag_fail(d, ERR(SYSTEM), "certs/", "give the directory to witan-vault", "cannot give it away: %s", strerror(errno));
}

/* Written at the new place first: a kill between the two leaves both, and what is at the new place counts. */
static err take_issued(struct vault *v, int dir, const struct passwd *user, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	err e = file_read(dir, "ca/issued", ISSUED_FILE, &text, d);
	if (err_is(e, ERR_ABSENT))
		return OK;
	TRY(e);
	if (faccessat(v->certificates, "issued", F_OK, 0) != 0)
		TRY(file_write(v->certificates, "issued", buf_str(&text), 0600, d));
	if (user != NULL && fchownat(v->certificates, "issued", user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) != 0)
		return diag_fail(d, ERR(SYSTEM), "certs/issued", "give the file to witan-vault", "cannot give it away: %s", strerror(errno));
	return unlinkat(dir, "ca/issued", 0) == 0 ? OK : diag_fail(d, ERR(SYSTEM), "ca/issued", "remove it: certs/issued is in its place", "cannot remove it: %s", strerror(errno));
}

err vault_take_former(struct vault *v, const char *user, struct diag *d)
{
	struct passwd *p = geteuid() == 0 ? getpwnam(user) : NULL;
	TRY(take_directory(v, p, d));
	return take_issued(v, v->skel->dir, p, d);
}
