/* SPDX-License-Identifier: Apache-2.0 */
/* Each case runs in a child inside a jail and answers by its exit status; a child killed by a filter answers 1000 +
 * signal. */
#include "os/jail.h"

#include "os/jail/jail_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/jail_test.XXXXXX";
static int dir, secret, more;

static void put(const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(top));
	assert_int_equal(chmod(top, 0755), 0);
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(dir, "room", 0777) | mkdirat(dir, "certs", 0755) | mkdirat(dir, "other", 0755) | mkdirat(dir, "more", 0777), 0);
	assert_int_equal(fchmodat(dir, "room", 0777, 0) | fchmodat(dir, "more", 0777, 0), 0);
	put("room/in", "x");
	put("certs/leaf", "x");
	put("other/secret", "x");
	secret = openat(dir, "other", O_PATH | O_DIRECTORY | O_CLOEXEC);
	more = openat(dir, "more", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static const char *const reads[] = { "certs", NULL }, *const writes[] = { "more", NULL };

static int in_jail(unsigned may, int (*fn)(void))
{
	struct jail j = { .user = "nobody", .room = "room", .reads = reads, .writes = writes, .may = may, .n_files = 64 };
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct diag d = { 0 };
		if (failed(jail_enter(&j, dir, NULL, &d))) {
			fprintf(stderr, "%s: %s\n", d.where, d.what);
			_exit(100);
		}
		_exit(fn());
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The answer of a call: 0 it was done, 1 it was refused. */
static int told(int r)
{
	return r >= 0 ? 0 : errno == EPERM || errno == EACCES ? 1 : 2;
}

static int do_nothing(void)
{
	return 0;
}

static int do_become_root(void)
{
	return geteuid() != 0 ? 0 : 1;
}

static int do_open_room(void)
{
	return told(open("in", O_RDONLY));
}

static int do_write_room(void)
{
	int fd = open("new", O_RDWR | O_CREAT, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && ftruncate(fd, 0) == 0 && unlink("new") == 0
		       ? 0
		       : told(fd);
}

static int do_open_reads(void)
{
	return told(openat(dir, "certs/leaf", O_RDONLY));
}

static int do_write_reads(void)
{
	return told(openat(dir, "certs/new", O_WRONLY | O_CREAT, 0600));
}

/* As certificates are replaced: a new file beside it, renamed into its place; the directory was opened before. */
static int do_write_more(void)
{
	int fd = openat(more, "new", O_WRONLY | O_CREAT | O_EXCL, 0600);
	return fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, "x", 1) == 1 && renameat(more, "new", more, "there") == 0 && fsync(more) == 0 && unlinkat(more, "there", 0) == 0
		       ? 0
		       : told(fd);
}

static int do_open_other(void)
{
	return told(openat(secret, "secret", O_RDONLY));
}

static int do_open_up(void)
{
	int fd = open("../../../../../../../etc/passwd", O_RDONLY);
	return fd >= 0 ? 0 : 1;
}

static int do_socket(void)
{
	return told(socket(AF_INET, SOCK_STREAM, 0));
}

static int do_local_socket(void)
{
	return told(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int do_alarm(void)
{
	(void)alarm(1);
	return sleep(3) == 0 ? 0 : 1;
}

static int do_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return told(listen(fd, 1));
}

/* As the event loop does it; other requests to devices are refused. */
static int do_nonblocking(void)
{
	int on = 1, n;
	return ioctl(dir, FIONBIO, &on) == 0 && told(ioctl(0, FIONREAD, &n)) == 1 ? 0 : 1;
}

static int do_accept(void)
{
	return accept4(0, NULL, NULL, 0) < 0 ? 0 : 1;
}

static int do_exec(void)
{
	char *argv[] = { NULL };
	return execve("/bin/true", argv, argv);
}

static int do_fork(void)
{
	return fork() < 0 ? 0 : 1;
}

static int do_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 1 : 0;
}

static int do_kill(void)
{
	return kill(getppid(), SIGCONT);
}

static int do_run_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
		       ? 1
		       : 0;
}

static int do_abort(void)
{
	abort();
}

static int do_ordinary(void)
{
	char *p = malloc(1 << 22);
	struct rlimit l;
	if (p == NULL || getrlimit(RLIMIT_CORE, &l) != 0 || l.rlim_max != 0)
		return 1;
	free(p);
	return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max == 64 ? 0 : 1;
}

#define KILLED (1000 + SIGSYS)

static void every_right_is_given_by_the_row_alone(void **state)
{
	static const struct {
		unsigned may;
		int (*fn)(void);
		int want;
	} rows[] = {
		{ 0, do_nothing, 0 },
		{ 0, do_ordinary, 0 },
		{ 0, do_nonblocking, 0 },
		{ JAIL_NETWORK, do_nonblocking, 0 },
		{ 0, do_become_root, 0 },
		{ 0, do_open_room, 1 },
		{ JAIL_READ, do_open_room, 0 },
		{ JAIL_READ, do_write_room, 1 },
		{ JAIL_READ | JAIL_WRITE, do_write_room, 0 },
		{ JAIL_READ, do_open_reads, 0 },
		{ JAIL_READ | JAIL_WRITE, do_write_reads, 1 },
		{ 0, do_open_reads, 1 },
		{ JAIL_READ | JAIL_WRITE, do_write_more, 0 },
		{ JAIL_READ, do_write_more, 1 },
		{ JAIL_READ | JAIL_WRITE, do_open_other, 1 },
		{ JAIL_READ | JAIL_WRITE, do_open_up, 1 },
		{ 0, do_socket, 1 },
		{ JAIL_READ | JAIL_WRITE, do_socket, 1 },
		{ JAIL_NETWORK, do_socket, 0 },
		{ JAIL_NETWORK, do_local_socket, 1 },
		{ JAIL_LOCAL, do_local_socket, 0 },
		{ JAIL_LOCAL, do_socket, 1 },
		{ JAIL_LOCAL, do_open_room, 1 },
		{ JAIL_LOCAL, do_alarm, 1000 + SIGALRM },
		{ JAIL_NETWORK, do_alarm, KILLED },
		{ JAIL_NETWORK, do_listen, 1 },
		{ 0, do_accept, KILLED },
		{ JAIL_ACCEPT, do_accept, 0 },
		{ JAIL_NETWORK, do_exec, KILLED },
		{ JAIL_NETWORK, do_fork, KILLED },
		{ JAIL_NETWORK, do_trace, KILLED },
		{ JAIL_NETWORK, do_kill, KILLED },
		{ JAIL_READ | JAIL_WRITE, do_exec, KILLED },
		{ JAIL_NETWORK, do_run_memory, KILLED },
		{ 0, do_abort, 1000 + SIGABRT },
	};
	if (JAIL_SANITIZER)
		skip();
	/* an ordinary user outside any jail can do all of it: what is refused is refused by the jail */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int got = in_jail(rows[i].may, rows[i].fn);
		if (got != rows[i].want)
			fail_msg("row %zu: answered %d, not %d", i, got, rows[i].want);
	}
}

static void a_user_that_is_not_there_is_refused(void **state)
{
	struct jail j = { .user = "nobody-of-that-name", .room = "room" };
	struct diag d = { 0 };
	if (geteuid() != 0)
		skip();
	pid_t pid = fork();
	if (pid == 0)
		_exit(err_is(jail_enter(&j, dir, NULL, &d), ERR_REFUSED) &&
					strstr(d.what, "nobody-of-that-name") != NULL
				? 0
				: 1);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_room_that_is_not_there_is_named(void **state)
{
	struct jail j = { .room = "nowhere", .may = JAIL_READ };
	struct diag d = { 0 };
	pid_t pid = fork();
	if (pid == 0)
		_exit(err_is(jail_enter(&j, dir, NULL, &d), ERR_SYSTEM) && strcmp(d.where, "nowhere") == 0 ? 0 : 1);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_right_is_given_by_the_row_alone),
		cmocka_unit_test(a_user_that_is_not_there_is_refused),
		cmocka_unit_test(a_room_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
