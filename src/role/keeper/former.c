/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments made before keys had a purpose kept the authority's key in ca/ca.key, beside the keeper. */
#include "role/keeper/keeper_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool is_there(int dir)
{
	return faccessat(dir, "ca/ca.key", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* One with a passphrase stays where it is: it is used by hand. */
static err read_one(int dir, struct keyfile *out, struct log *log, struct diag *d)
{
	int ca = openat(dir, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err e = ca >= 0 ? keyfile_read(out, ca, "ca.key", d) : ERR(ABSENT);
	if (ca >= 0)
		(void)close(ca);
	if (failed(e))
		LOG(log, KEYS_FAILED, LOG_ERR(e), LOG_Z("where", "ca/ca.key"), LOG_Z("reason", "the former authority's key cannot be taken over"),
			LOG_Z("remedy", "certificates are renewed by another authority, or by a file without passphrase and a new start"));
	return e;
}

static err move(int dir, int keys, struct keyfile *file, struct log *log, struct diag *d)
{
	char name[KEYFILE_NAME];
	file->purpose = KEYFILE_AUTHORITY;
	file->exportable = false;
	TRY(keyfile_write(file, keys, d));
	keyfile_name(file->id, name);
	if (unlinkat(dir, "ca/ca.key", 0) != 0)
		return diag_fail(d, ERR(SYSTEM), "ca/ca.key", "remove the file: its key is in keys/ now", "cannot remove it: %s", strerror(errno));
	LOG(log, KEY_IMPORTED, LOG_Z("file", name), LOG_Z("from", "ca/ca.key"), LOG_Z("purpose", "authority"));
	return OK;
}

/* A kill between the two steps leaves the key at both places, and the next start goes on. */
err former_take(int dir, int keys, struct log *log, struct diag *d)
{
	struct keyfile file = { .purpose = KEYFILE_TLS };
	struct diag why = { 0 };
	if (!is_there(dir) || failed(read_one(dir, &file, log, &why)))
		return OK;
	err e = move(dir, keys, &file, log, d);
	keyfile_fini(&file);
	return e;
}
