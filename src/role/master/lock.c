/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_FILE "run/witand.pid"

static err make_dir(const char *path, mode_t mode, struct diag *d)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return OK;
	return diag_fail(d, ERR(SYSTEM), path, "start the server as root or as the owner of the directory",
		"cannot make the directory: %s", strerror(errno));
}

static pid_t read_pid(int fd)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static err lock(int fd, struct diag *d)
{
	char text[24];
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return diag_fail(d, ERR(EXISTS), PID_FILE, "stop that one first, or choose another directory",
			"a server is running in this directory already (process %d)", (int)read_pid(fd));
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return diag_fail(d, ERR(SYSTEM), PID_FILE, "make room on the disk", "cannot write the file: %s",
			strerror(errno));
	return OK;
}

err lock_take(const char *dir, char full[PATH_MAX], int *fd, struct diag *d)
{
	if (realpath(dir, full) == NULL || chdir(full) != 0)
		return diag_fail(d, ERR(ABSENT), dir, "make a deployment directory with `witan init --dir D`",
			"cannot enter the directory: %s", strerror(errno));
	if (access("topology.yaml", F_OK) != 0)
		return diag_fail(d, ERR(ABSENT), full, "make a deployment directory with `witan init --dir D`",
			"this is not a deployment directory: it has no topology.yaml");
	TRY(make_dir("run", 0755, d));
	TRY(make_dir("run/empty", 0555, d));
	*fd = open(PID_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (*fd < 0)
		return diag_fail(d, ERR(SYSTEM), PID_FILE, "start the server as root or as the owner of the directory",
			"cannot open the file: %s", strerror(errno));
	err e = lock(*fd, d);
	if (failed(e)) {
		(void)close(*fd);
		*fd = -1;
	}
	return e;
}

/* The file stays: were it removed, two servers could lock two files of the same name. */
void lock_release(int fd)
{
	if (fd < 0)
		return;
	bool is_cut = ftruncate(fd, 0) == 0; /* the lock counts, not the number */
	(void)is_cut;
	(void)close(fd);
}

pid_t lock_owner(void)
{
	int fd = open(PID_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	pid_t pid = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : read_pid(fd);
	(void)close(fd);
	return pid;
}
