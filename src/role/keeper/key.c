/* SPDX-License-Identifier: Apache-2.0 */
/* The keys in memory and their files. */
#include "role/keeper/keeper_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static err too_many(struct diag *d)
{
	return diag_fail(d, ERR(CEILING), "keys/", "remove certificates that nothing uses: Get-CsCertificate, Remove-CsCertificate",
		"there are %d keys already", KEYS_MAX);
}

static err read_all(struct keys *k, DIR *files, struct diag *d)
{
	for (struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
		if (!keyfile_is_name(file->d_name))
			continue;
		if (k->n == KEYS_MAX)
			return too_many(d);
		struct key *key = &k->keys[k->n];
		TRY(keyfile_read(&key->file, dirfd(files), file->d_name, d));
		(void)snprintf(key->name, sizeof key->name, "%s", file->d_name);
		k->n++;
	}
	return OK;
}

err keys_read(struct keys *k, int dir, struct diag *d)
{
	k->n = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
	if (files == NULL) {
		int reason = errno;
		if (fd >= 0)
			(void)close(fd);
		return diag_fail(d, ERR(SYSTEM), "keys/", "its owner must be the user of the keeper",
			"cannot read the directory: %s", strerror(reason));
	}
	err e = read_all(k, files, d);
	(void)closedir(files);
	if (failed(e))
		keys_fini(k);
	return e;
}

void keys_fini(struct keys *k)
{
	while (k->n != 0)
		keyfile_fini(&k->keys[--k->n].file);
}

const struct key *keys_find(const struct keys *k, str id)
{
	for (unsigned i = 0; i < k->n; i++)
		if (id.n == sizeof k->keys[i].file.id && memcmp(id.p, k->keys[i].file.id, id.n) == 0)
			return &k->keys[i];
	return NULL;
}

/* The same key once more is no second one; and it does not become exportable by being brought again. */
static err find_same(const struct keys *k, const struct keyfile *file, const struct key **out, struct diag *d)
{
	*out = keys_find(k, (str){ (const char *)file->id, sizeof file->id });
	if (*out != NULL && (*out)->file.purpose != file->purpose)
		return diag_fail(d, ERR(REFUSED), "key", "make a new key", "this key is there already for another purpose");
	return OK;
}

err keys_add(struct keys *k, int dir, struct keyfile *file, const struct key **out, struct diag *d)
{
	err e = find_same(k, file, out, d);
	if (!failed(e) && *out == NULL)
		e = k->n < KEYS_MAX ? keyfile_write(file, dir, d) : too_many(d);
	if (failed(e) || *out != NULL) {
		keyfile_fini(file);
		return e;
	}
	struct key *key = &k->keys[k->n++];
	key->file = *file;
	keyfile_name(file->id, key->name);
	*file = (struct keyfile){ .purpose = KEYFILE_TLS };
	*out = key;
	return OK;
}

/* Somebody may have put a copy beside it. */
err keys_remove(struct keys *k, int dir, str id, struct diag *d)
{
	uint8_t copy[sizeof k->keys[0].file.id]; /* id may be that of a key which makes room for another */
	const struct key *key = keys_find(k, id);
	if (key == NULL)
		return diag_fail(d, ERR(ABSENT), "key", "", "there is no such key");
	if (key->file.purpose == KEYFILE_AUTHORITY) /* nothing could be issued any more, nor revoked: that is for a person to do */
		return diag_fail(d, ERR(REFUSED), "key", "take its file out of keys/ by hand, if it must go", "the key of an authority is not removed");
	memcpy(copy, key->file.id, sizeof copy);
	id = (str){ (const char *)copy, sizeof copy };
	for (; key != NULL; key = keys_find(k, id)) {
		struct key *at = &k->keys[key - k->keys];
		if (unlinkat(dir, at->name, 0) != 0 && errno != ENOENT)
			return diag_fail(d, ERR(SYSTEM), "keys/", "", "cannot remove %.100s: %s", at->name, strerror(errno));
		keyfile_fini(&at->file);
		*at = k->keys[--k->n];
	}
	return fsync(dir) == 0 ? OK : diag_fail(d, ERR(SYSTEM), "keys/", "", "cannot write the directory: %s", strerror(errno));
}
