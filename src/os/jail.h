/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail - gives up every right a process does not need, for good: its user, the file system outside one room, new
 * privileges, system calls it has no use for, cores and traces. One const row a role.
 */
#ifndef WITAN_OS_JAIL_H
#define WITAN_OS_JAIL_H

#include "base/err.h"
#include "base/log.h"

enum {
	JAIL_NETWORK = 1 << 0,     /* connections over IPv4 and IPv6 begun by the process, and DNS */
	JAIL_ACCEPT = 1 << 1,      /* connections taken from a listening socket it was handed */
	JAIL_READ = 1 << 2,        /* files below its room and its `reads`, for reading */
	JAIL_WRITE = 1 << 3,       /* files below its room: made, written, locked, removed */
	JAIL_LOCK_MEMORY = 1 << 4, /* nothing of it goes to the swap */
	JAIL_LOCAL = 1 << 5,       /* connections to sockets of this machine by their path, and alarm(): a call that hangs ends the process */
};

struct jail {
	const char *user; /* whom it becomes when root starts it; NULL: stays who it is */
	const char *group; /* the one group that it has besides, where the system knows it; NULL: none */
	const char
		*room; /* a directory below the deployment directory: the root of its file system when root starts it */
	const char *const *reads; /* directories below the deployment directory that JAIL_READ covers too, ended by
				     NULL; may be NULL */
	const char *const *writes; /* the same for JAIL_WRITE, which covers reading */
	unsigned may;             /* set of JAIL_* */
	unsigned n_files;         /* descriptors; 0: as many as the system lets it have */
};

/*
 * dir is the deployment directory. What the kernel lacks is told as JAIL_PARTIAL, once each; what it refuses is an
 * error: then the process must end. Directories that are to be used later must be open before (openat below them).
 * Signals, threads and programs cannot be started afterwards; the death of the parent ends the process.
 */
err jail_enter(const struct jail *j, int dir, struct log *log, struct diag *d);

/* Whether this process runs as root and will change into the row's user and root directory. */
bool jail_is_changing_root(const struct jail *j);

#endif
