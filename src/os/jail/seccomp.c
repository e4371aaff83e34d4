/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls as rows. What a row does not name kills the process; what libraries try now and then without needing it
 * is answered by EPERM.
 */
#include "os/jail/jail_priv.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct calls {
	unsigned may; /* any of these rights; 0: everybody */
	const char *names;
};

static const struct calls allowed[] = {
	{ 0, "read write readv writev pread64 pwrite64 close lseek fstat newfstatat dup dup3 pipe2 fcntl eventfd2 "
	     "epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll "
	     "brk munmap mremap madvise futex rseq set_robust_list "
	     "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending sigaltstack restart_syscall "
	     "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage "
	     "getpid getppid gettid getuid geteuid getgid getegid getrandom sched_yield exit exit_group "
	     "sendmsg recvmsg sendto recvfrom sendmmsg recvmmsg shutdown getsockname getpeername getsockopt "
	     "setsockopt" },
	{ JAIL_ACCEPT, "accept4 accept" },
	{ JAIL_NETWORK | JAIL_LOCAL, "connect" },
	{ JAIL_LOCAL, "alarm setitimer" },
	{ JAIL_READ | JAIL_WRITE,
		"openat open stat lstat statx access faccessat faccessat2 getdents64 readlink readlinkat "
		"getcwd statfs fstatfs fadvise64" },
	{ JAIL_WRITE, "fsync fdatasync sync_file_range ftruncate fallocate unlink unlinkat rename renameat renameat2 "
		      "fchmod fchown flock mkdir rmdir utimensat" },
};

/* Tried by libraries now and then; an error does them no harm. `may`: those who are allowed them above. */
static const struct calls refused[] = {
	{ JAIL_NETWORK | JAIL_LOCAL, "socket connect" },
	{ JAIL_READ | JAIL_WRITE,
		"openat open stat lstat statx access faccessat faccessat2 readlink readlinkat getcwd statfs fstatfs "
		"fadvise64" },
	{ JAIL_WRITE, "fchmod fchown mkdir utimensat" },
	{ 0, "openat2 prctl uname sysinfo sched_getaffinity sched_setaffinity getrlimit setrlimit getcpu membarrier "
	     "mlock "
	     "munlock mincore getpriority setpriority umask getsid getpgrp getgroups getresuid getresgid socketpair "
	     "bind listen "
	     "msync chown lchown fchownat chmod" },
};

static int add_names(scmp_filter_ctx f, uint32_t action, const char *names)
{
	char name[40];
	for (str rest = str_of(names), word; rest.n != 0;) {
		word = str_split(rest, ' ', &rest);
		if (!str_to_z(word, name, sizeof name))
			return -EINVAL;
		int call = seccomp_syscall_resolve_name(name);
		/* a call that this machine or this libseccomp does not know cannot be made by its name either */
		int r = call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(f, action, call, 0);
		if (r != 0 && r != -EDOM)
			return r;
	}
	return 0;
}

/* Families of sockets; the others are answered by an error. */
static int add_sockets(scmp_filter_ctx f, unsigned may)
{
	static const struct {
		int family;
		unsigned may;
	} families[] = { { AF_UNIX, JAIL_LOCAL }, { AF_INET, JAIL_NETWORK }, { AF_INET6, JAIL_NETWORK } };
	int r = 0;
	if ((may & (JAIL_NETWORK | JAIL_LOCAL)) == 0)
		return 0;
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		r |= seccomp_rule_add(f, (may & families[i].may) != 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i].family));
	return r | seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_INET6));
}

/* Those whose arguments decide. Memory that can be run is never made. */
static int add_conditions(scmp_filter_ctx f, const struct jail *j)
{
	int r = 0;
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* abort() */
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	/* limits are read, not set */
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	/* libuv makes descriptors non-blocking so; whatever else is tried is answered by an error */
	r |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, FIONBIO));
	r |= seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_NE, FIONBIO));
	return r == 0 ? add_sockets(f, j->may) : r;
}

/* No call may stand in the filter twice without conditions: rows of `refused` leave out what is allowed. */
static int fill(scmp_filter_ctx f, const struct jail *j)
{
	int r = add_conditions(f, j);
	for (size_t i = 0; r == 0 && i < sizeof allowed / sizeof allowed[0]; i++)
		if (allowed[i].may == 0 || (allowed[i].may & j->may) != 0)
			r = add_names(f, SCMP_ACT_ALLOW, allowed[i].names);
	for (size_t i = 0; r == 0 && i < sizeof refused / sizeof refused[0]; i++)
		if ((refused[i].may & j->may) == 0)
			r = add_names(f, SCMP_ACT_ERRNO(EPERM), refused[i].names);
	return r;
}

err jail_seccomp(const struct jail *j, struct diag *d)
{
	if (seccomp_api_get() < 2)
		return ERR(ABSENT);
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	ENSURE(f != NULL, NO_MEMORY);
	int r = fill(f, j);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r == 0 ? OK
		      : diag_fail(d, ERR(SYSTEM), "seccomp", "", "the filter of system calls cannot be set: %s",
				strerror(-r));
}
