/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock by its system calls: the C library has no wrapper, and the headers of the build machine may be older than
 * the kernel. Every right the running kernel knows is taken away; the room's are given back.
 */
#include "os/jail/jail_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h */
enum { VERSION_FLAG = 1, RULE_PATH_BENEATH = 1 };
enum {
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_REG = 1 << 8,
	FS_TRUNCATE = 1 << 14,
};
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };

struct ruleset {
	uint64_t fs, net, scoped;
};

struct __attribute__((packed)) path_beneath {
	uint64_t allowed;
	int32_t parent;
};

/* What each version of the interface can take away, and how much of struct ruleset it knows. */
static const struct {
	uint64_t fs, net, scoped;
	size_t size;
} versions[] = {
	{ 0, 0, 0, 0 },
	{ 0x1fff, 0, 0, 8 },
	{ 0x3fff, 0, 0, 8 },
	{ 0x7fff, 0, 0, 8 },
	{ 0x7fff, 3, 0, 16 },
	{ 0xffff, 3, 0, 16 },
	{ 0xffff, 3, 3, 24 },
};
enum { VERSIONS_N = sizeof versions / sizeof versions[0] };

static err allow(int ruleset, int dir, const char *path, uint64_t rights, struct diag *d)
{
	int fd = openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct path_beneath rule = { .allowed = rights, .parent = fd };
	if (fd < 0)
		return diag_fail(d, ERR(SYSTEM), path, "run `witan init` for this directory again",
			"cannot open the directory: %s", strerror(errno));
	long r = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
	int reason = errno;
	(void)close(fd);
	return r == 0 ? OK : diag_fail(d, ERR(SYSTEM), path, "", "Landlock refuses the rule: %s", strerror(reason));
}

static err add_rules(const struct jail *j, int ruleset, int dir, uint64_t known, struct diag *d)
{
	const uint64_t reading = FS_READ_FILE | FS_READ_DIR;
	const uint64_t writing = (reading | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE) & known;
	const uint64_t rights = (j->may & JAIL_WRITE) != 0 ? writing : reading;
	if ((j->may & (JAIL_READ | JAIL_WRITE)) == 0)
		return OK;
	TRY(allow(ruleset, dir, j->room, rights, d));
	for (const char *const *path = j->reads; path != NULL && *path != NULL; path++)
		TRY(allow(ruleset, dir, *path, reading, d));
	for (const char *const *path = j->writes; path != NULL && *path != NULL; path++)
		TRY(allow(ruleset, dir, *path, rights, d));
	return OK;
}

err jail_landlock_make(const struct jail *j, int dir, int *out, struct diag *d)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
	if (version < 1)
		return ERR(ABSENT);
	version = version < VERSIONS_N ? version : VERSIONS_N - 1;
	struct ruleset r = { versions[version].fs, versions[version].net, versions[version].scoped };
	if ((j->may & JAIL_NETWORK) != 0)
		r.net &= NET_BIND_TCP;
	int fd = (int)syscall(SYS_landlock_create_ruleset, &r, versions[version].size, 0);
	if (fd < 0)
		return diag_fail(d, ERR(SYSTEM), "Landlock", "", "the kernel refuses the rules: %s", strerror(errno));
	err e = add_rules(j, fd, dir, r.fs, d);
	if (failed(e))
		(void)close(fd);
	else
		*out = fd;
	return e;
}

err jail_landlock_enforce(int fd, struct diag *d)
{
	err e = OK;
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		e = diag_fail(
			d, ERR(SYSTEM), "Landlock", "", "the kernel refuses to enforce the rules: %s", strerror(errno));
	(void)close(fd);
	return e;
}
