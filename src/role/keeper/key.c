/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keeper/keeper_priv.h"

#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 65536 };

/* Without it OpenSSL would ask on the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static err identify(struct key *key, struct crypt *c)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key->pkey, &der);
	ENSURE(n > 0, MALFORMED);
	crypt_hash(c, CRYPT_SHA256, &(str){ (const char *)der, (size_t)n }, 1, key->id);
	OPENSSL_free(der);
	return OK;
}

static err read_key(struct key *key, int dir, const char *name, struct crypt *c, struct diag *d)
{
	struct buf pem;
	err e = file_read(dir, name, KEY_FILE_MAX, &pem, d);
	BIO *bio = failed(e) ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
	key->pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	if (pem.p != NULL)
		crypt_wipe(pem.p, pem.size);
	buf_fini(&pem);
	TRY(e);
	if (key->pkey != NULL && (EVP_PKEY_is_a(key->pkey, "RSA") || EVP_PKEY_is_a(key->pkey, "EC")))
		return identify(key, c);
	EVP_PKEY_free(key->pkey);
	key->pkey = NULL;
	return diag_fail(d, ERR(MALFORMED), name,
		"write the key as PEM without a passphrase: openssl pkey -in OLD -out NEW",
		"this is not an RSA or EC private key that can be read");
}

static bool is_key_file(const char *name)
{
	size_t n = strlen(name);
	return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".key") == 0;
}

/* d->where becomes the path below the deployment directory. */
static void name_file(struct diag *d, const char *name)
{
	if (d != NULL)
		(void)snprintf(d->where, sizeof d->where, "keys/%.128s", name);
}

static err read_all(struct keys *k, DIR *files, struct crypt *c, struct diag *d)
{
	for (struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
		if (!is_key_file(file->d_name))
			continue;
		if (k->n == KEYS_MAX)
			return diag_fail(d, ERR(CEILING), "keys/", "remove keys that no certificate uses",
				"there are more than %d keys", KEYS_MAX);
		err e = read_key(&k->keys[k->n], dirfd(files), file->d_name, c, d);
		if (failed(e)) {
			name_file(d, file->d_name);
			return e;
		}
		k->n++;
	}
	if (k->n == 0)
		return diag_fail(d, ERR(ABSENT), "keys/", "`witan init` makes keys/default.key",
			"there is no private key (*.key)");
	return OK;
}

err keys_read(struct keys *k, int dir, struct crypt *c, struct diag *d)
{
	*k = (struct keys){ .n = 0 };
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
	if (files == NULL) {
		int reason = errno;
		if (fd >= 0)
			(void)close(fd);
		return diag_fail(d, ERR(SYSTEM), "keys/", "its owner must be the user of the keeper",
			"cannot read the directory: %s", strerror(reason));
	}
	err e = read_all(k, files, c, d);
	(void)closedir(files);
	if (failed(e))
		keys_fini(k);
	return e;
}

void keys_fini(struct keys *k)
{
	while (k->n != 0)
		EVP_PKEY_free(k->keys[--k->n].pkey);
}

const struct key *keys_find(const struct keys *k, str id)
{
	for (unsigned i = 0; i < k->n; i++)
		if (id.n == sizeof k->keys[i].id && memcmp(id.p, k->keys[i].id, id.n) == 0)
			return &k->keys[i];
	return NULL;
}
