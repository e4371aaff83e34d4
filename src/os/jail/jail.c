/* SPDX-License-Identifier: Apache-2.0 */
#include "os/jail/jail_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

bool jail_is_changing_root(const struct jail *j)
{
	return j->user != NULL && geteuid() == 0;
}

static err fail(struct diag *d, const char *where)
{
	return diag_fail(d, ERR(SYSTEM), where, "", "the system refuses it: %s", strerror(errno));
}

/* ---- limits ---- */

static err set_limit(int what, rlim_t most, const char *name, struct diag *d)
{
	struct rlimit now;
	if (getrlimit((__rlimit_resource_t)what, &now) != 0)
		return fail(d, name);
	if (most > now.rlim_max)
		most = now.rlim_max;
	struct rlimit then = { most, most };
	return setrlimit((__rlimit_resource_t)what, &then) == 0 ? OK : fail(d, name);
}

static err set_limits(const struct jail *j, struct diag *d)
{
	TRY(set_limit(RLIMIT_CORE, 0, "limit of core files", d));
	/* the search for leaks is a thread */
	if (!JAIL_SANITIZER)
		TRY(set_limit(RLIMIT_NPROC, 0, "limit of processes", d));
	TRY(set_limit(RLIMIT_NOFILE, j->n_files != 0 ? j->n_files : RLIM_INFINITY, "limit of descriptors", d));
	return OK;
}

/* Under a limit, locking what comes later would make memory run out early: then it is left. */
static err lock_memory(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY }, now;
	(void)setrlimit(RLIMIT_MEMLOCK, &all);
	ENSURE(getrlimit(RLIMIT_MEMLOCK, &now) == 0 && now.rlim_cur == RLIM_INFINITY, ABSENT);
	ENSURE(mlockall(MCL_CURRENT | MCL_FUTURE) == 0, ABSENT);
	return OK;
}

/* ---- user and root ---- */

static err find_user(const char *name, struct passwd *out, char *room, size_t size, struct diag *d)
{
	struct passwd *found = NULL;
	int r = getpwnam_r(name, out, room, size, &found);
	if (found != NULL)
		return OK;
	return diag_fail(d, ERR(REFUSED), "users",
		"create it: useradd --system --no-create-home --shell /usr/sbin/nologin NAME",
		"there is no system user %s%s%s", name, r != 0 ? ": " : "", r != 0 ? strerror(r) : "");
}

/* 0: none. A group that is not there opens nothing. */
static size_t find_group(const char *name, gid_t *out)
{
	struct group row, *found = NULL;
	char text[4096];
	if (name == NULL || getgrnam_r(name, &row, text, sizeof text, &found) != 0 || found == NULL || row.gr_gid == 0)
		return 0;
	*out = row.gr_gid;
	return 1;
}

static err change_root(const struct jail *j, int room, struct diag *d)
{
	struct passwd user;
	char text[4096];
	TRY(find_user(j->user, &user, text, sizeof text, d));
	if (user.pw_uid == 0)
		return diag_fail(d, ERR(REFUSED), j->user, "give it a user number of its own", "the user is root");
	gid_t group = 0;
	size_t n = find_group(j->group, &group);
	if (fchdir(room) != 0 || chroot(".") != 0 || chdir("/") != 0)
		return fail(d, "root directory");
	if (setgroups(n, &group) != 0 || setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
		setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
		return fail(d, "change of user");
	/* proves that there is no way back */
	ASSERT(setuid(0) != 0 && geteuid() == user.pw_uid);
	return OK;
}

static err enter_room(const struct jail *j, int dir, struct diag *d)
{
	int room = openat(dir, j->room, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (room < 0)
		return diag_fail(d, ERR(SYSTEM), j->room, "run `witan init` for this directory again",
			"cannot open the directory: %s", strerror(errno));
	err e = OK;
	if (jail_is_changing_root(j))
		e = change_root(j, room, d);
	else if (fchdir(room) != 0)
		e = fail(d, j->room);
	(void)close(room);
	return e;
}

/* ---- all of it ---- */

static void lacks(struct log *log, const char *what)
{
	LOG(log, JAIL_PARTIAL, LOG_Z("lacks", what));
}

static err landlock_make(const struct jail *j, int dir, int *rules, struct log *log, struct diag *d)
{
	err e = JAIL_SANITIZER ? OK : jail_landlock_make(j, dir, rules, d);
	if (!err_is(e, ERR_ABSENT))
		return e;
	lacks(log, "Landlock: the kernel has none (CONFIG_SECURITY_LANDLOCK, lsm=landlock)");
	return OK;
}

static err filter(const struct jail *j, int rules, struct log *log, struct diag *d)
{
	if (JAIL_SANITIZER) {
		/* who changed his user cannot be traced, but the search for leaks traces */
		(void)prctl(PR_SET_DUMPABLE, 1);
		lacks(log, "filters: this is a build with sanitizers");
		return OK;
	}
	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		return fail(d, "ban of traces");
	if (rules >= 0)
		TRY(jail_landlock_enforce(rules, d));
	err e = jail_seccomp(j, d);
	if (!err_is(e, ERR_ABSENT))
		return e;
	lacks(log, "seccomp: the kernel has no filters (CONFIG_SECCOMP_FILTER)");
	return OK;
}

err jail_enter(const struct jail *j, int dir, struct log *log, struct diag *d)
{
	pid_t parent = getppid();
	int rules = -1;
	if ((j->may & JAIL_LOCK_MEMORY) != 0 && failed(lock_memory()))
		lacks(log, "locked memory: the limit is too low (LimitMEMLOCK=infinity)");
	TRY(set_limits(j, d));
	TRY(landlock_make(j, dir, &rules, log, d));
	TRY(enter_room(j, dir, d));
	/* the change of user has forgotten it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(d, "bond to the parent");
	if (getppid() != parent)
		return diag_fail(d, ERR(CLOSED), "bond to the parent", "", "the parent has ended");
	return filter(j, rules, log, d);
}
