/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, EXEC_FAILED = 127 };

/* In the child, between fork and the new program: system calls only. */
static void become(const struct master *m, char *const *argv, int fd, pid_t parent)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(EXEC_FAILED);
	/* the program's descriptor may stand where the channel is to be */
	int exe = fcntl(m->exe, F_DUPFD_CLOEXEC, CHANNEL_FD + 1);
	if (exe < 0 || (fd != CHANNEL_FD ? dup2(fd, CHANNEL_FD) < 0 : fcntl(fd, F_SETFD, 0) < 0))
		_exit(EXEC_FAILED);
	(void)syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
	_exit(EXEC_FAILED);
}

/* The program is the one that master itself runs, even where a newer one has taken its place on the disk. */
err spawn(const struct master *m, const struct role *role, unsigned index, pid_t *pid, int *fd)
{
	char name[32], number[16], dir[PATH_MAX];
	char words[4][12] = { "witand", "--role", "--index", "--dir" };
	(void)snprintf(name, sizeof name, "%s", role->name);
	(void)snprintf(number, sizeof number, "%u", index);
	(void)snprintf(dir, sizeof dir, "%s", m->dir);
	char *argv[] = { words[0], words[1], name, words[2], number, words[3], dir, NULL };
	int pair[2];
	ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, SYSTEM);
	pid_t self = getpid();
	*pid = fork();
	if (*pid == 0)
		become(m, argv, pair[1], self);
	(void)close(pair[1]);
	if (*pid > 0) {
		*fd = pair[0];
		return OK;
	}
	(void)close(pair[0]);
	return ERR(SYSTEM);
}
