/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions on the disk: a file for each server, named by the hash of the server's name. */
#include "prog/witan/sign_in.h"

#include "base/crypt.h"
#include "base/enc.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each directory above that is missing is made, for its owner alone. */
static int open_dir(bool make, struct diag *d)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	bool has_runtime = runtime != NULL && runtime[0] == '/';
	char path[4096];
	if (!has_runtime && (home == NULL || home[0] != '/')) {
		(void)failed(diag_fail(d, ERR(ABSENT), "session", "set HOME or XDG_RUNTIME_DIR", "there is no place to keep a session"));
		return -1;
	}
	(void)snprintf(path, sizeof path, "%s%s", has_runtime ? runtime : home, has_runtime ? "" : "/.config");
	if (make && !has_runtime)
		(void)mkdir(path, 0700);
	size_t n = strlen(path);
	(void)snprintf(path + n, sizeof path - n, "/witan");
	if (make)
		(void)mkdir(path, 0700);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return fd;
	(void)failed(diag_fail(d, ERR(REFUSED), path, "it must be a directory of yours that nobody else may write to", "no session can be kept there"));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static err name_file(const struct link *l, char out[48])
{
	struct crypt *c;
	uint8_t hash[CRYPT_HASH_MAX];
	TRY(crypt_new(&c));
	crypt_hash(c, CRYPT_SHA256, (const str[]){ str_of(l->name) }, 1, hash);
	crypt_free(c);
	(void)snprintf(out, 48, "session-");
	enc_hex(hash, 16, out + 8);
	out[40] = '\0';
	return OK;
}

/* One that somebody else could have written or read is not used. */
static err read_session(int dir, const char *name, struct link *l)
{
	struct stat st;
	char text[LINK_SESSION + 2];
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ENSURE(fd >= 0, ABSENT);
	ssize_t n = -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && S_ISREG(st.st_mode) && (st.st_mode & 077) == 0)
		n = read(fd, text, sizeof text);
	(void)close(fd);
	str s = str_trim((str){ text, n > 0 ? (size_t)n : 0 });
	bool is_fine = s.n != 0 && str_to_z(s, l->session, sizeof l->session);
	explicit_bzero(text, sizeof text);
	return is_fine ? OK : ERR(ABSENT);
}

err session_recall(struct link *l, struct diag *d)
{
	char name[48];
	TRY(name_file(l, name));
	int dir = open_dir(false, d);
	ENSURE(dir >= 0, ABSENT);
	err e = read_session(dir, name, l);
	(void)close(dir);
	return e;
}

err session_keep(const struct link *l, struct diag *d)
{
	char name[48];
	TRY(name_file(l, name));
	int dir = open_dir(true, d);
	ENSURE(dir >= 0, REFUSED);
	err e = file_write(dir, name, str_of(l->session), 0600, d);
	(void)close(dir);
	return e;
}

void session_forget(const struct link *l)
{
	char name[48];
	int dir = failed(name_file(l, name)) ? -1 : open_dir(false, NULL);
	if (dir < 0)
		return;
	(void)unlinkat(dir, name, 0);
	(void)close(dir);
}
