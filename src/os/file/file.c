/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static err fail(struct diag *d, const char *path, const char *what, int reason)
{
	err e = ERR(SYSTEM);
	const char *remedy = "";
	if (reason == ENOENT || reason == ENOTDIR) {
		e = ERR(ABSENT);
		remedy = "check the path";
	} else if (reason == EACCES || reason == EPERM || reason == EROFS) {
		e = ERR(REFUSED);
		remedy = "check the owner and the mode of the file and of its directories";
	} else if (reason == ENOSPC || reason == EDQUOT) {
		e = ERR(DISK_FULL);
		remedy = "free some space (`df -h` and `df -i` show what is left)";
	}
	return diag_fail(d, e, path, remedy, "cannot %s: %s", what, strerror(reason));
}

static err too_large(struct diag *d, const char *path, size_t ceiling)
{
	return diag_fail(d, ERR(CEILING), path, "", "larger than %zu bytes", ceiling);
}

err file_read(int dirfd, const char *path, size_t ceiling, struct buf *out, struct diag *d)
{
	struct stat st;
	buf_init(out, ceiling);
	/* O_NONBLOCK: a FIFO must not stop us before we see that it is one. */
	int fd DEFER(close_fd) = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0)
		return fail(d, path, "read", errno);
	if (!S_ISREG(st.st_mode))
		return diag_fail(d, ERR(REFUSED), path, "name an ordinary file", "not a regular file");
	if ((uintmax_t)st.st_size > ceiling)
		return too_large(d, path, ceiling);
	for (;;) {
		char piece[16384];
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(d, path, "read", errno);
		if (n == 0)
			return OK;
		buf_add(out, (str){ piece, (size_t)n });
		if (out->failed)
			return too_large(d, path, ceiling); /* it grew meanwhile */
	}
}

static int write_all(int fd, str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0)
			s = str_cut(s, (size_t)n, s.n);
	}
	return 0;
}

/* Content and mode of the new file, on the disk. Answers an errno, 0: done. */
static int write_new(int dirfd, const char *name, str content, unsigned mode)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)(mode & 0700));
	if (fd < 0)
		return errno;
	int reason = fchmod(fd, (mode_t)mode) == 0 ? 0 : errno; /* the umask does not take part */
	if (reason == 0)
		reason = write_all(fd, content);
	if (reason == 0 && fsync(fd) != 0)
		reason = errno;
	if (close(fd) != 0 && reason == 0)
		reason = errno;
	return reason;
}

/* The directory that path is in, and the name in it. */
static int open_parent(int dirfd, const char *path, const char **name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	*name = slash != NULL ? slash + 1 : path;
	if (slash == NULL)
		return openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	str s = { path, slash == path ? 1 : (size_t)(slash - path) };
	if (!str_to_z(s, parent, sizeof(parent))) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

err file_write(int dirfd, const char *path, str content, unsigned mode, struct diag *d)
{
	const char *name;
	char new[NAME_MAX + 1];
	uint32_t nonce;
	int dir DEFER(close_fd) = open_parent(dirfd, path, &name);
	if (dir < 0)
		return fail(d, path, "write", errno);
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return fail(d, path, "write", errno);
	if (snprintf(new, sizeof(new), ".%s.%08x", name, nonce) >= (int)sizeof(new))
		return fail(d, path, "write", ENAMETOOLONG);
	int reason = write_new(dir, new, content, mode);
	if (reason == 0 && renameat(dir, new, dir, name) != 0)
		reason = errno;
	if (reason != 0) {
		if (reason != EEXIST)
			(void)unlinkat(dir, new, 0);
		return fail(d, path, "write", reason);
	}
	return fsync(dir) == 0 ? OK : fail(d, path, "write", errno);
}
